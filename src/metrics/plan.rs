//! What a run would ask and cost, put together of several times through its script.

use crate::metrics::earlier_runs::{Range, number};
use crate::metrics::plan_graph::{Layers, PlanGraph, folded};
use crate::metrics::rehearsal::{CallBill, Line, Rehearsal, RehearsalEnd, RunScope, Variation};
use crate::model::price::Price;
use std::collections::BTreeSet;

/// How often something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// At least so often.
    pub least: u64,
    /// At most so often, if that is known.
    pub most: Option<u64>,
}

impl Default for Count {
    fn default() -> Count {
        Count::exactly(0)
    }
}

impl Count {
    /// Creates the count of something that is known.
    pub fn exactly(count: u64) -> Count {
        Count { least: count, most: Some(count) }
    }

    /// Tells whether it is known.
    pub fn is_exact(self) -> bool {
        self.most == Some(self.least)
    }

    /// Tells whether it happens at all, or may.
    pub fn may_be(self) -> bool {
        self.most != Some(0)
    }
}

/// Calls, and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallRange {
    /// How many.
    pub calls: Count,
    /// What those of known price cost together, in dollars; `None` if there are none.
    pub cost: Option<Range>,
    /// Calls whose price is not known.
    pub unpriced: u64,
}

/// All operations of one name: parts of an expanded list count together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanRow {
    /// The name.
    pub name: String,
    /// The model.
    pub model: String,
    /// Names of what it waits for.
    pub after: Vec<String>,
    /// The calls of a run that asks everything.
    pub all: CallRange,
    /// The calls of a run that reuses what is known.
    pub rest: CallRange,
    /// Tokens read by each call.
    pub input: Range,
    /// Tokens written by each call.
    pub output: Range,
    /// How long one call takes, in seconds; `None` if it was never made.
    pub time: Option<Range>,
    /// Whether the tokens are a guess from the length of the prompt.
    pub is_rough: bool,
}

/// What a run would ask and cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// By name, in the order in which they would be asked first.
    pub rows: Vec<PlanRow>,
    /// The graphs, equal ones together.
    pub graphs: Vec<PlanGraph>,
    /// How long the longest chains take together if everything is asked, in seconds, where all their
    /// times are known.
    pub critical_path: Option<Range>,
    /// What a run asks.
    pub all: CallRange,
    /// What a run asks that reuses what is known.
    pub rest: CallRange,
    /// The replies that it reuses.
    pub reused: Count,
    /// How many guesses were tried in the place of replies; 1 if none was needed.
    pub tried: usize,
    /// How many earlier runs say something of its calls.
    pub runs: usize,
    /// What the number of calls depends on.
    pub depends_on: BTreeSet<Variation>,
    /// Whether a budget ends the run that asks everything before its end.
    pub spent: Spending,
    /// Whether a budget ends the run that reuses what is known before its end.
    pub rest_spent: Spending,
}

/// Whether a budget ends a run before its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spending {
    /// It does not.
    #[default]
    Never,
    /// That depends on what only the run can tell.
    Maybe,
    /// It does.
    Surely,
}

/// Tokens of a reply, where no earlier run says more.
const USUAL_REPLY: f64 = 100.0;

impl Plan {
    /// Returns what a run which reuses what is known is likely to cost, in dollars, when calls whose
    /// price is not known have this one. Their replies are taken to have a usual length: the most that a
    /// model may write says little of what it does write.
    pub fn cost_max_at(&self, price: &Price) -> f64 {
        let known = self.rest.cost.unwrap_or_default();
        let guess = |row: &PlanRow| {
            let output = row.output.p95.min(row.output.p50.max(USUAL_REPLY));
            let each = row.input.p95 * price.input + output * price.output;
            each / 1e6 * number(row.rest.unpriced)
        };

        known.p95 + self.rows.iter().map(guess).sum::<f64>()
    }

    /// Tells whether something depends on replies.
    pub fn is_range(&self) -> bool {
        let is_range = |asked: &CallRange| !asked.calls.is_exact();
        is_range(&self.all) || self.rows.iter().any(|row| is_range(&row.all))
    }
}

/// Whether the way in which a script ends early is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyEnd {
    /// A real reply may take it further.
    Open,
    /// Every run ends so.
    Final,
}

/// Puts several times through a script together. Those that came to its end say what can happen; the
/// others count only if there are none.
pub fn plan(rehearsals: &[Rehearsal], early: EarlyEnd) -> Plan {
    let ends = rehearsals.iter().filter(|one| !one.takes_to_fail()).map(|one| one.ended);
    let best = ends.min().unwrap_or(RehearsalEnd::Well);
    // What a budget ends has come to its end as well, and so has what catches a failed call.
    let has_ended = |one: &Rehearsal| match one.ended {
        ended if ended == best => true,
        RehearsalEnd::Spent => best == RehearsalEnd::Well,
        RehearsalEnd::Well => one.takes_to_fail(),
        RehearsalEnd::Lamely | RehearsalEnd::Early | RehearsalEnd::Never => false,
    };
    let used: Vec<&Rehearsal> = rehearsals.iter().filter(|one| has_ended(one)).collect();
    // What is known to end early is as sure as an end.
    let best = match early {
        EarlyEnd::Final if best != RehearsalEnd::Never => RehearsalEnd::Well,
        EarlyEnd::Open | EarlyEnd::Final => best,
    };
    let endless: Vec<&Rehearsal> = rehearsals
        .iter()
        .filter(|one| one.ended == RehearsalEnd::Never && best != RehearsalEnd::Never)
        .collect();

    let asking: Vec<&Rehearsal> =
        used.iter().filter(|one| one.scope.is_asking()).copied().collect();
    let reusing: Vec<&Rehearsal> =
        used.iter().filter(|one| one.scope.is_reusing()).copied().collect();

    let tried = rehearsals.iter().filter(|one| one.scope.is_asking()).count();
    let mut plan = Plan { tried, ..Plan::default() };
    let sum = |one: &Rehearsal, of: Of| {
        one.lines.iter().map(of).fold(CallBill::default(), CallBill::plus)
    };
    let total = |used: &[&Rehearsal], of: Of| {
        let bills: Vec<CallBill> = used.iter().map(|one| sum(one, of)).collect();
        let beyond: Vec<CallBill> = endless.iter().map(|one| sum(one, of)).collect();
        merge(&bills, &beyond, best, false)
    };
    plan.all = total(&asking, |line| line.all);
    plan.rest = total(&reusing, |line| line.rest);
    plan.spent = spending(&asking);
    plan.rest_spent = spending(&reusing);
    plan.depends_on = depends_on(&asking, &endless);

    let runs: BTreeSet<usize> = used.iter().flat_map(|one| one.runs.iter().copied()).collect();
    plan.runs = runs.len();

    let reused = reusing
        .iter()
        .map(|one| sum(one, |line| line.all).calls - sum(one, |line| line.rest).calls);
    plan.reused = Count { least: reused.clone().min().unwrap_or(0), most: reused.max() };

    for (name, model) in places(&used) {
        plan.rows.push(row(&name, &model, &used, &endless, best));
    }

    if plan.rows.iter().any(|row| row.all.calls.most.is_none()) {
        plan.all.calls.most = None;
    }
    if plan.rows.iter().any(|row| row.rest.calls.most.is_none()) {
        plan.rest.calls.most = None;
    }

    let graphs: Vec<&[(String, Layers)]> = used.iter().map(|one| &one.graphs[..]).collect();
    let richest = used.iter().max_by_key(|one| (one.graphs.len(), one.lines.len()));
    let is_open = best > RehearsalEnd::Spent || !endless.is_empty();
    plan.graphs = richest.map(|one| folded(&one.graphs, &graphs, is_open)).unwrap_or_default();

    let paths: Option<Vec<Range>> = used.iter().map(|one| one.critical_path).collect();
    plan.critical_path =
        paths.filter(|_| best <= RehearsalEnd::Lamely).and_then(|paths| span(&paths));
    plan
}

/// Tells whether a budget ends these times through a script.
fn spending(used: &[&Rehearsal]) -> Spending {
    let is_spent = |one: &&Rehearsal| one.ended == RehearsalEnd::Spent;
    let spent = used.iter().filter(|one| is_spent(one)).count();

    match spent {
        0 => Spending::Never,
        spent if spent == used.len() => Spending::Surely,
        _ => Spending::Maybe,
    }
}

/// Finds out what the number of calls depends on: what was different where it was another one. A
/// single difference tells more than several together.
fn depends_on(used: &[&Rehearsal], endless: &[&Rehearsal]) -> BTreeSet<Variation> {
    let calls = |one: &Rehearsal| -> Vec<(String, u64)> {
        one.lines.iter().map(|line| (line.name.clone(), line.all.calls)).collect()
    };
    let Some(usual) = used.iter().find(|one| one.differs.is_empty()).or(used.first()) else {
        return BTreeSet::new();
    };
    let usual = calls(usual);

    let others: Vec<&BTreeSet<Variation>> = used
        .iter()
        .chain(endless)
        .filter(|one| calls(one) != usual)
        .map(|one| &one.differs)
        .collect();

    let single: BTreeSet<Variation> = others
        .iter()
        .filter(|differs| differs.len() == 1)
        .flat_map(|d| d.iter().copied())
        .collect();
    let unexplained = others.iter().filter(|differs| differs.is_disjoint(&single));
    let unexplained: Vec<Variation> = unexplained.flat_map(|d| d.iter().copied()).collect();
    single.into_iter().chain(unexplained).collect()
}

/// Which of the bills of a line is meant.
type Of = fn(&Line) -> CallBill;

/// Returns the names and models of all lines, each after the one that it comes after everywhere.
fn places(used: &[&Rehearsal]) -> Vec<(String, String)> {
    let mut places: Vec<(String, String)> = Vec::new();

    for one in used {
        let mut next = 0;
        for line in &one.lines {
            let place = (line.name.clone(), line.model.clone());

            // Of an expansion that became nothing, no model is known.
            let is_same =
                |known: &(String, String)| *known == place || line.is_blank && known.0 == place.0;
            let known = places.iter().position(is_same);

            if known.is_none() {
                places.insert(next, place);
            }
            next = known.unwrap_or(next) + 1;
        }
    }

    let all = places.clone();
    places.retain(|(name, model)| {
        !model.is_empty() || !all.iter().any(|(other, model)| other == name && !model.is_empty())
    });

    places
}

fn row(
    name: &str,
    model: &str,
    used: &[&Rehearsal],
    endless: &[&Rehearsal],
    best: RehearsalEnd,
) -> PlanRow {
    fn of<'a>(one: &'a Rehearsal, name: &str, model: &str) -> Option<&'a Line> {
        one.lines.iter().find(|line| line.name == name && line.model == model)
    }

    let lines: Vec<&Line> = used.iter().filter_map(|one| of(one, name, model)).collect();
    let is_blank = lines.iter().all(|line| line.is_blank);
    let bills = |all: &[&Rehearsal], bill: Of| -> Vec<CallBill> {
        all.iter().map(|one| of(one, name, model).map(bill).unwrap_or_default()).collect()
    };
    let asked = |is_of: fn(RunScope) -> bool, bill: Of| {
        let used: Vec<&Rehearsal> = used.iter().filter(|one| is_of(one.scope)).copied().collect();
        merge(&bills(&used, bill), &bills(endless, bill), best, is_blank)
    };

    let mut row = PlanRow { name: name.to_owned(), model: model.to_owned(), ..PlanRow::default() };
    row.all = asked(RunScope::is_asking, |line| line.all);
    row.rest = asked(RunScope::is_reusing, |line| line.rest);
    for line in &lines {
        let new = line.after.iter().filter(|before| !row.after.contains(before)).cloned();
        let new: Vec<String> = new.collect();
        row.after.extend(new);
    }

    let spread = |of: fn(&Line) -> Range| {
        span(&lines.iter().map(|line| of(line)).collect::<Vec<Range>>()).unwrap_or_default()
    };
    (row.input, row.output) = (spread(|line| line.input), spread(|line| line.output));
    row.time = lines.iter().find_map(|line| line.time);
    row.is_rough = lines.iter().any(|line| line.is_rough);
    row
}

/// Puts what was asked in several times through a script together; in those `beyond`, it continued without
/// an end.
fn merge(bills: &[CallBill], beyond: &[CallBill], best: RehearsalEnd, is_blank: bool) -> CallRange {
    let calls = bills.iter().map(|bill| bill.calls);
    let most = calls.clone().max().unwrap_or(0);
    let mut least = calls.min().unwrap_or(0);
    // A plan that ended early knows nothing of what comes after, also where nothing came before.
    let is_open =
        best > RehearsalEnd::Spent || is_blank || beyond.iter().any(|bill| bill.calls > most);

    let mut first =
        span(&bills.iter().map(|bill| bill.cost.unwrap_or_default()).collect::<Vec<_>>());
    if best == RehearsalEnd::Never && least > 1 {
        // Of a loop without an end, one turn is certain.
        first = first.map(|cost| Range { p50: cost.p50 / number(least), ..cost });
        least = 1;
    }

    let both = || bills.iter().chain(beyond);
    let top = both().filter_map(|bill| bill.cost).map(|cost| cost.p95).fold(0.0, f64::max);
    let has_cost = both().any(|bill| bill.cost.is_some());

    CallRange {
        calls: Count { least, most: (!is_open).then_some(most) },
        cost: first.filter(|_| has_cost).map(|cost| Range { p95: top, ..cost }),
        unpriced: both().map(|bill| bill.unpriced).max().unwrap_or(0),
    }
}

/// Returns the range that covers all.
fn span(ranges: &[Range]) -> Option<Range> {
    let (first, rest) = ranges.split_first()?;
    let wider =
        |all: Range, one: &Range| Range { p50: all.p50.min(one.p50), p95: all.p95.max(one.p95) };

    Some(rest.iter().fold(*first, wider))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{FlowId, OpId, RunId};
    use crate::base::unit::Money;
    use crate::journal::event::{Event, PlannedOp};
    use crate::metrics::earlier_runs::CallHistory;
    use crate::model::charge::CallBound;
    use crate::model::reply::Usage;
    use std::collections::HashMap;

    const FLOW: FlowId = FlowId(1);

    fn started(op: u32) -> Event {
        Event::AttemptStarted {
            flow: FLOW,
            op: OpId(op),
            attempt: 1,
            model: "m".into(),
            demo: false,
            prompt: String::new(),
            history: 0,
            newest: None,
            key: None,
            sample: 0,
            at: None,
            before: None,
            terms: None,
            repair: false,
            step: 0,
        }
    }

    fn ended(op: u32, output: u64, cost: u64) -> Event {
        Event::AttemptEnded {
            flow: FLOW,
            op: OpId(op),
            attempt: 1,
            demo: false,
            reused: None,
            again: false,
            reply: Some("r".into()),
            cut: false,
            calls: Vec::new(),
            opaque: Vec::new(),
            usage: Some(Usage { input_uncached: 10, output_visible: output, ..Usage::default() }),
            cost: Some(Money::from_nanos(cost * 1_000_000_000)),
            served_by: None,
            failure: None,
            retry_in_ms: None,
            mended: Vec::new(),
        }
    }

    fn planned(events: &[Event], experience: &CallHistory) -> Plan {
        plan(
            &[Rehearsal::of(events, RehearsalEnd::Well, experience, &HashMap::new())],
            EarlyEnd::Open,
        )
    }

    fn exactly(asked: CallRange) -> (u64, Option<Range>, u64) {
        assert!(asked.calls.is_exact());
        (asked.calls.least, asked.cost, asked.unpriced)
    }

    fn flow() -> Event {
        let planned = |op: u32, name: &str, after: &[u32]| PlannedOp {
            op: OpId(op),
            name: name.into(),
            kind: "communicate".into(),
            after: after.iter().map(|op| OpId(*op)).collect(),
        };

        let ops = vec![planned(0, "a", &[]), planned(1, "b", &[]), planned(2, "c", &[0, 1])];

        Event::FlowStarted {
            flow: FLOW,
            name: "g".into(),
            ops: ops.into(),
            max_concurrent: 8,
            within: None,
            at: None,
        }
    }

    #[test]
    fn earlier_runs_tell_what_calls_take_and_cost() {
        let mut experience = CallHistory::default();
        for (output, cost, time) in [(100, 1, 1), (200, 2, 2), (900, 9, 9)] {
            let mut events = vec![(0, flow())];
            for op in 0..3 {
                events.push((0, started(op)));
                events.push((time * 1_000_000, ended(op, output, cost)));
            }
            experience.learn(&events);
        }

        let mut events = vec![flow()];
        for op in 0..3 {
            events.extend([started(op), ended(op, 5, 0)]);
        }
        if let Event::AttemptEnded { reused, .. } = &mut events[2] {
            *reused = Some(RunId("r".into()));
        }

        let plan = planned(&events, &experience);
        assert_eq!(exactly(plan.rest), (2, Some(Range { p50: 4.0, p95: 18.0 }), 0));
        assert_eq!(exactly(plan.all), (3, Some(Range { p50: 6.0, p95: 27.0 }), 0));
        assert_eq!(plan.reused, Count::exactly(1));
        assert_eq!(plan.rows[1].output, Range { p50: 200.0, p95: 900.0 });
        assert_eq!(plan.critical_path, Some(Range { p50: 4.0, p95: 18.0 }));
        assert_eq!(plan.rows[2].after, ["a", "b"]);
        assert_eq!(
            plan.graphs,
            [PlanGraph {
                name: "g".to_owned(),
                last: None,
                layers: vec![vec!["a".into(), "b".into()], vec!["c".into()]],
                count: Count::exactly(1),
            }]
        );
    }

    #[test]
    fn earlier_runs_do_not_say_what_a_call_costs_at_the_price_of_now() {
        let mut experience = CallHistory::default();
        experience.learn(&[(0, flow()), (0, started(0)), (1, ended(0, 5, 2))]);
        let plan = |cost: Option<u64>| {
            let mut now = ended(0, 5, cost.unwrap_or(0));
            if let (Event::AttemptEnded { cost, .. }, None) = (&mut now, cost) {
                *cost = None;
            }
            exactly(planned(&[flow(), started(0), now], &experience).all)
        };
        assert_eq!(plan(Some(1)), (1, Some(Range::one(2.0)), 0));
        assert_eq!(plan(Some(3)), (1, Some(Range::one(3.0)), 0));
        assert_eq!(plan(None), (1, None, 1));
    }

    #[test]
    fn calls_of_unknown_price_are_counted_beside_those_of_known_price() {
        let mut unknown = ended(0, 5, 0);
        if let Event::AttemptEnded { cost, .. } = &mut unknown {
            *cost = None;
        }
        // Two models of one name, of which one has a price.
        let events = [flow(), started(0), ended(0, 5, 1), started(0), unknown];
        let plan = planned(&events, &CallHistory::default());
        assert_eq!(exactly(plan.all), (2, Some(Range::one(1.0)), 1));
        // The other one has read 10 tokens and written 5.
        let price = Price { input: 2e6, output: 4e6, ..Price::dearest() };
        assert_eq!(plan.cost_max_at(&price), 1.0 + 20.0 + 20.0);
    }

    #[test]
    fn without_experience_the_tokens_are_rough_and_the_time_is_unknown() {
        let plan = planned(&[flow(), started(0), ended(0, 5, 0)], &CallHistory::default());
        assert!(plan.rows[0].is_rough);
        assert_eq!(plan.rows[0].output, Range::one(5.0));
        assert_eq!(plan.critical_path, None);
    }

    /// So many calls of the first operation, and a way to end.
    fn once(calls: usize, end: RehearsalEnd) -> Rehearsal {
        let mut events = vec![flow()];
        for _ in 0..calls {
            events.extend([started(0), ended(0, 5, 1)]);
        }
        Rehearsal::of(&events, end, &CallHistory::default(), &HashMap::new())
    }

    fn calls(rehearsals: &[Rehearsal]) -> (u64, Option<u64>) {
        let plan = plan(rehearsals, EarlyEnd::Open);
        assert_eq!(plan.rows.first().map(|row| row.all.calls), Some(plan.all.calls));
        (plan.all.calls.least, plan.all.calls.most)
    }

    #[test]
    fn a_reply_that_nobody_has_seen_may_be_as_long_as_its_limit() {
        let output = |written: Option<u64>, experience: &CallHistory| {
            let bound = CallBound { written, cost: Some(7.0) };
            let bounds = HashMap::from([((OpId(0), 1), bound)]);
            let events = [flow(), started(0), ended(0, 5, 1)];
            let once = Rehearsal::of(&events, RehearsalEnd::Well, experience, &bounds);
            let plan = plan(&[once], EarlyEnd::Open);
            (plan.rows[0].output, plan.all.cost, plan.runs)
        };

        let cost = Some(Range { p50: 1.0, p95: 7.0 });
        let never = CallHistory::default();
        assert_eq!(output(Some(500), &never), (Range { p50: 5.0, p95: 500.0 }, cost, 0));
        assert_eq!(output(Some(2), &never), (Range::one(2.0), cost, 0));
        assert_eq!(output(None, &never), (Range { p50: 5.0, p95: 4096.0 }, cost, 0));

        // A longer reply says nothing of one that would be cut.
        let mut long = CallHistory::default();
        long.learn(&[(0, flow()), (0, started(0)), (1, ended(0, 300, 2))]);
        assert_eq!(output(Some(500), &long), (Range::one(300.0), Some(Range::one(2.0)), 1));
        assert_eq!(output(Some(200), &long), (Range { p50: 5.0, p95: 200.0 }, cost, 0));
    }

    #[test]
    fn what_a_budget_ends_has_ended() {
        let spent = [once(2, RehearsalEnd::Well), once(1, RehearsalEnd::Spent)];
        assert_eq!(plan(&spent, EarlyEnd::Open).spent, Spending::Maybe);
        assert_eq!(calls(&spent), (1, Some(2)));

        let spent = [once(1, RehearsalEnd::Spent)];
        assert_eq!(plan(&spent, EarlyEnd::Open).spent, Spending::Surely);
        assert_eq!(calls(&spent), (1, Some(1)));
    }

    #[test]
    fn what_other_guesses_lead_to_is_a_range() {
        assert_eq!(
            calls(&[once(1, RehearsalEnd::Well), once(10, RehearsalEnd::Well)]),
            (1, Some(10))
        );
        // What failed on a guess says nothing where another guess went well.
        assert_eq!(
            calls(&[once(0, RehearsalEnd::Early), once(4, RehearsalEnd::Well)]),
            (4, Some(4))
        );
        // Nor is there a bound where all have failed.
        assert_eq!(calls(&[once(2, RehearsalEnd::Early), once(4, RehearsalEnd::Early)]), (2, None));
        let early = [once(0, RehearsalEnd::Early)];
        assert_eq!(plan(&early, EarlyEnd::Open).all.calls, Count { least: 0, most: None });
        // Where every run ends so, it is the end.
        assert_eq!(plan(&early, EarlyEnd::Final).all.calls, Count::exactly(0));
        assert_eq!(
            calls(&[once(2, RehearsalEnd::Lamely), once(4, RehearsalEnd::Early)]),
            (2, None)
        );
    }

    #[test]
    fn of_a_loop_without_an_end_one_turn_is_certain() {
        assert_eq!(calls(&[once(5000, RehearsalEnd::Never)]), (1, None));
        assert_eq!(
            calls(&[once(5000, RehearsalEnd::Never), once(2, RehearsalEnd::Well)]),
            (2, None)
        );
        // A loop elsewhere does not make this one longer.
        assert_eq!(
            calls(&[once(2, RehearsalEnd::Never), once(2, RehearsalEnd::Well)]),
            (2, Some(2))
        );
    }

    #[test]
    fn an_expansion_that_became_nothing_has_a_row() {
        let mut start = flow();
        if let Event::FlowStarted { ops, .. } = &mut start {
            let mut changed = ops.to_vec();
            changed[1].kind = "expand".into();
            *ops = changed.into();
        }
        let plan = planned(&[start, started(0), ended(0, 5, 1)], &CallHistory::default());
        let rows: Vec<(&str, Count)> =
            plan.rows.iter().map(|row| (row.name.as_str(), row.all.calls)).collect();
        assert_eq!(rows, [("a", Count::exactly(1)), ("b", Count { least: 0, most: None })]);
        assert_eq!(plan.all.calls, Count { least: 1, most: None });
    }
}
