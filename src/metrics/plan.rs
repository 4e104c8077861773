//! What a run would ask and cost: a fold of the events of a run that was only planned, with what
//! earlier runs say about operations of the same names.

use crate::base::id::{FlowId, OpId};
use crate::base::unit::Money;
use crate::journal::event::{Event, Planned};
use crate::model::price::Price;
use std::collections::{BTreeMap, HashMap};

/// The median of some numbers and their 95 % quantile.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Range {
    /// Half of the numbers are at most this.
    pub p50: f64,
    /// 95 of a hundred are at most this.
    pub p95: f64,
}

impl Range {
    fn of(numbers: &[f64]) -> Option<Range> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // The nearest-rank quantile: the smallest number that so large a share does not exceed.
        let at =
            |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).clamp(1, last + 1) - 1];
        Some(Range { p50: at(50), p95: at(95) })
    }

    fn one(number: f64) -> Range {
        Range { p50: number, p95: number }
    }

    fn at_least(self, number: f64) -> Range {
        Range { p50: self.p50.max(number), p95: self.p95.max(number) }
    }

    fn plus(self, other: Range) -> Range {
        Range { p50: self.p50 + other.p50, p95: self.p95 + other.p95 }
    }
}

/// What calls of one operation took and cost.
#[derive(Debug, Default)]
struct Samples {
    input: Vec<f64>,
    output: Vec<f64>,
    /// In dollars.
    cost: Vec<f64>,
    /// In seconds.
    time: Vec<f64>,
}

/// What earlier runs say about operations, by name and model.
#[derive(Debug, Default)]
pub struct Experience {
    runs: usize,
    samples: HashMap<(String, String), Samples>,
}

impl Experience {
    /// Takes in the events of a run, each with its time in microseconds.
    pub fn learn(&mut self, events: &[(i64, Event)]) {
        self.runs += 1;
        let mut names: HashMap<OpId, &str> = HashMap::new();
        let mut open: HashMap<OpId, (i64, &str)> = HashMap::new();
        for (at, event) in events {
            match event {
                Event::FlowStarted { ops, .. } | Event::Expanded { ops, .. } => {
                    names.extend(ops.iter().map(|planned| (planned.op, planned.name.as_str())));
                }
                Event::OpStarted { op, name: Some(name), .. } => {
                    names.insert(*op, name);
                }
                Event::AttemptStarted { op, model, .. } => {
                    open.insert(*op, (*at, model));
                }
                Event::AttemptEnded { op, reused: None, failure: None, usage, cost, .. } => {
                    let Some((began, model)) = open.remove(op) else { continue };
                    let name = stem(names.get(op).copied().unwrap_or_default());
                    let samples = self.samples.entry((name, model.to_owned())).or_default();
                    samples.time.push(seconds(at - began));
                    if let Some(usage) = usage {
                        samples.input.push(number(usage.input()));
                        samples.output.push(number(usage.output()));
                    }
                    samples.cost.extend(cost.map(Money::dollars));
                }
                _ => {}
            }
        }
    }

    /// Returns how many runs it knows.
    pub fn runs(&self) -> usize {
        self.runs
    }
}

/// All operations of one name: parts of an expanded list count together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The name.
    pub name: String,
    /// The model.
    pub model: String,
    /// Names of what it waits for.
    pub after: Vec<String>,
    /// Calls that would be made.
    pub calls: u64,
    /// Replies that would be reused.
    pub reused: u64,
    /// Tokens read by each call.
    pub input: Range,
    /// Tokens written by each call.
    pub output: Range,
    /// What its calls of known price would cost together, in dollars; `None` if there are none.
    pub cost: Option<Range>,
    /// Calls whose price is not known.
    pub unpriced: u64,
    /// How long one call takes, in seconds; `None` if it was never made.
    pub time: Option<Range>,
    /// Whether the tokens are a guess from the length of the prompt.
    pub is_rough: bool,
}

/// What a run would ask and cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// By name, in the order in which they would be asked first.
    pub rows: Vec<Row>,
    /// The graphs: for each its name and its operations in layers, each of which can start when the
    /// one before has ended.
    pub graphs: Vec<(String, Vec<Vec<String>>)>,
    /// How long the longest chains take together, in seconds, where all their times are known.
    pub critical_path: Option<Range>,
}

impl Plan {
    /// Returns how many calls would be made, and how many replies reused.
    pub fn calls(&self) -> (u64, u64) {
        (self.rows.iter().map(|row| row.calls).sum(), self.rows.iter().map(|row| row.reused).sum())
    }

    /// Returns the cost of all calls in dollars, and how many calls have no known price.
    pub fn cost(&self) -> (Range, u64) {
        let known = self.rows.iter().filter_map(|row| row.cost);
        let unknown = self.rows.iter().map(|row| row.unpriced).sum();
        (known.fold(Range::default(), Range::plus), unknown)
    }

    /// Returns the most that the run is likely to cost, in dollars, when calls whose price is not
    /// known have this one.
    pub fn cost_max_at(&self, price: &Price) -> f64 {
        let (known, _) = self.cost();
        let guess = |row: &Row| {
            let each = row.input.p95 * price.input + row.output.p95 * price.output;
            each / 1e6 * number(row.unpriced)
        };
        known.p95 + self.rows.iter().map(guess).sum::<f64>()
    }
}

/// Folds the events of a planned run.
pub fn plan(events: &[Event], experience: &Experience) -> Plan {
    let mut fold = Fold::new(experience);
    for event in events {
        fold.add(event);
    }
    fold.finish()
}

struct Fold<'a> {
    experience: &'a Experience,
    names: HashMap<OpId, String>,
    models: HashMap<OpId, String>,
    rows: Vec<Row>,
    index: HashMap<(String, String), usize>,
    flows: BTreeMap<FlowId, (String, Vec<Planned>)>,
    /// How long each operation would take, in seconds.
    times: HashMap<OpId, Range>,
    /// Whether the time of some call is not known.
    has_unknown_time: bool,
    /// The time of calls outside of graphs.
    direct: Range,
}

impl<'a> Fold<'a> {
    fn new(experience: &'a Experience) -> Fold<'a> {
        Fold {
            experience,
            names: HashMap::new(),
            models: HashMap::new(),
            rows: Vec::new(),
            index: HashMap::new(),
            flows: BTreeMap::new(),
            times: HashMap::new(),
            has_unknown_time: false,
            direct: Range::default(),
        }
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::FlowStarted { flow, name, ops, .. } => {
                self.name(ops);
                self.flows.insert(*flow, (name.clone(), ops.clone()));
            }
            Event::Expanded { flow, op, ops, .. } => {
                self.name(ops);
                let Some((_, known)) = self.flows.get_mut(flow) else { return };
                if let Some(parent) = known.iter_mut().find(|planned| planned.op == *op) {
                    parent.after.extend(ops.iter().map(|planned| planned.op));
                }
                known.extend(ops.iter().cloned());
            }
            Event::OpStarted { op, name: Some(name), .. } => {
                self.names.insert(*op, name.clone());
            }
            Event::AttemptStarted { op, model, .. } => {
                self.models.insert(*op, model.clone());
            }
            Event::AttemptEnded { flow, op, reused, usage, cost, .. } => {
                let name = stem(self.names.get(op).map_or("", String::as_str));
                let model = self.models.get(op).cloned().unwrap_or_default();
                let row = self.row(name, model);
                if reused.is_some() {
                    self.rows[row].reused += 1;
                    return;
                }
                let rough = usage.map(|usage| (number(usage.input()), number(usage.output())));
                let time = self.estimate(row, rough, cost.map(Money::dollars));
                match time {
                    Some(time) if flow.0 == 0 => self.direct = self.direct.plus(time),
                    Some(time) => {
                        let sum = self.times.entry(*op).or_default();
                        *sum = sum.plus(time);
                    }
                    None => self.has_unknown_time = true,
                }
            }
            _ => {}
        }
    }

    fn name(&mut self, ops: &[Planned]) {
        self.names.extend(ops.iter().map(|planned| (planned.op, planned.name.clone())));
    }

    fn row(&mut self, name: String, model: String) -> usize {
        let rows = &mut self.rows;
        *self.index.entry((name.clone(), model.clone())).or_insert_with(|| {
            rows.push(Row { name, model, ..Row::default() });
            rows.len() - 1
        })
    }

    /// Adds one call to a row, and returns how long it takes, if that is known.
    fn estimate(
        &mut self,
        row: usize,
        rough: Option<(f64, f64)>,
        cost: Option<f64>,
    ) -> Option<Range> {
        let row = &mut self.rows[row];
        row.calls += 1;
        let known = self.experience.samples.get(&(row.name.clone(), row.model.clone()));
        let (input, output) = rough.unwrap_or_default();
        let range = |of: fn(&Samples) -> &Vec<f64>| known.and_then(|known| Range::of(of(known)));
        row.is_rough = known.is_none_or(|known| known.output.is_empty());
        row.input = range(|known| &known.input).unwrap_or(Range::one(input));
        row.output = range(|known| &known.output).unwrap_or(Range::one(output));
        row.time = range(|known| &known.time);
        match cost {
            // The price may have risen since the earlier runs, or the model cost nothing then.
            Some(now) => {
                let each = range(|known| &known.cost).unwrap_or_default().at_least(now);
                row.cost = Some(row.cost.unwrap_or_default().plus(each));
            }
            // What it cost when there was a price says nothing of now.
            None => row.unpriced += 1,
        }
        row.time
    }

    fn finish(mut self) -> Plan {
        let mut total = self.direct;
        let mut graphs = Vec::new();
        for (name, ops) in self.flows.values() {
            for planned in ops {
                let stem = stem(&planned.name);
                let Some(row) = self.rows.iter_mut().find(|row| row.name == stem) else { continue };
                for before in &planned.after {
                    let before = self.names.get(before).map(|name| self::stem(name));
                    row.after.extend(before.filter(|name| !row.after.contains(name)));
                }
            }
            total = total.plus(longest(ops, &self.times));
            graphs.push((name.clone(), layers(ops)));
        }
        let critical_path = (!self.has_unknown_time).then_some(total);
        Plan { rows: self.rows, graphs, critical_path }
    }
}

/// Sums the times along the chain of operations that takes longest.
fn longest(ops: &[Planned], times: &HashMap<OpId, Range>) -> Range {
    let mut best: HashMap<OpId, Range> = HashMap::new();
    let larger = |a: Range, b: Range| Range { p50: a.p50.max(b.p50), p95: a.p95.max(b.p95) };
    for (op, after) in in_order(ops) {
        let before = after.iter().filter_map(|before| best.get(before).copied());
        let before = before.fold(Range::default(), larger);
        best.insert(op, before.plus(times.get(&op).copied().unwrap_or_default()));
    }
    best.into_values().fold(Range::default(), larger)
}

/// Sorts operations into layers, parts of an expanded list as one name.
fn layers(ops: &[Planned]) -> Vec<Vec<String>> {
    let mut depth: HashMap<OpId, usize> = HashMap::new();
    let names: HashMap<OpId, &str> = ops.iter().map(|p| (p.op, p.name.as_str())).collect();
    let mut layers: Vec<Vec<String>> = Vec::new();
    for (op, after) in in_order(ops) {
        let at = after.iter().filter_map(|before| depth.get(before)).max().map_or(0, |at| at + 1);
        depth.insert(op, at);
        if layers.len() <= at {
            layers.resize(at + 1, Vec::new());
        }
        let name = stem(names[&op]);
        if !layers[at].contains(&name) {
            layers[at].push(name);
        }
    }
    layers
}

/// Orders operations so that each comes after what it waits for.
fn in_order(ops: &[Planned]) -> Vec<(OpId, &[OpId])> {
    let mut left: Vec<&Planned> = ops.iter().collect();
    let mut done: std::collections::HashSet<OpId> = std::collections::HashSet::new();
    let mut ordered = Vec::with_capacity(ops.len());
    while !left.is_empty() {
        let before = left.len();
        left.retain(|planned| {
            let is_ready = planned.after.iter().all(|op| done.contains(op));
            if is_ready {
                done.insert(planned.op);
                ordered.push((planned.op, planned.after.as_slice()));
            }
            !is_ready
        });
        if left.len() == before {
            break;
        }
    }
    ordered
}

/// Returns a name without the place in an expanded list.
fn stem(name: &str) -> String {
    name.split('[').next().unwrap_or(name).to_owned()
}

#[allow(clippy::cast_precision_loss, reason = "counts and microseconds stay far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

fn seconds(micros: i64) -> f64 {
    number(u64::try_from(micros).unwrap_or(0)) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reply::Usage;

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
            key: None,
            sample: 0,
            at: None,
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
            usage: Some(Usage { input_uncached: 10, output_visible: output, ..Usage::default() }),
            cost: Some(Money::from_nanos(cost * 1_000_000_000)),
            served_by: None,
            failure: None,
            retry_in_ms: None,
        }
    }

    fn flow() -> Event {
        let planned = |op: u32, name: &str, after: &[u32]| Planned {
            op: OpId(op),
            name: name.into(),
            kind: "communicate".into(),
            after: after.iter().map(|op| OpId(*op)).collect(),
        };
        let ops = vec![planned(0, "a", &[]), planned(1, "b", &[]), planned(2, "c", &[0, 1])];
        Event::FlowStarted {
            flow: FLOW,
            name: "g".into(),
            ops,
            max_concurrent: 8,
            within: None,
            at: None,
        }
    }

    #[test]
    fn earlier_runs_tell_what_calls_take_and_cost() {
        let mut experience = Experience::default();
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
            *reused = Some(crate::base::id::RunId("r".into()));
        }
        let plan = plan(&events, &experience);
        assert_eq!(plan.calls(), (2, 1));
        assert_eq!(plan.rows[1].output, Range { p50: 200.0, p95: 900.0 });
        assert_eq!(plan.cost(), (Range { p50: 4.0, p95: 18.0 }, 0));
        assert_eq!(plan.critical_path, Some(Range { p50: 4.0, p95: 18.0 }));
        assert_eq!(plan.rows[2].after, ["a", "b"]);
        assert_eq!(
            plan.graphs,
            [("g".into(), vec![vec!["a".into(), "b".into()], vec!["c".into()]])]
        );
    }

    #[test]
    fn earlier_runs_do_not_say_what_a_call_costs_at_the_price_of_now() {
        let mut experience = Experience::default();
        experience.learn(&[(0, flow()), (0, started(0)), (1, ended(0, 5, 2))]);
        let plan = |cost: Option<u64>| {
            let mut now = ended(0, 5, cost.unwrap_or(0));
            if let (Event::AttemptEnded { cost, .. }, None) = (&mut now, cost) {
                *cost = None;
            }
            plan(&[flow(), started(0), now], &experience).cost()
        };
        assert_eq!(plan(Some(1)), (Range::one(2.0), 0));
        assert_eq!(plan(Some(3)), (Range::one(3.0), 0));
        assert_eq!(plan(None), (Range::default(), 1));
    }

    #[test]
    fn calls_of_unknown_price_are_counted_beside_those_of_known_price() {
        let mut unknown = ended(0, 5, 0);
        if let Event::AttemptEnded { cost, .. } = &mut unknown {
            *cost = None;
        }
        // Two models of one name, of which one has a price.
        let events = [flow(), started(0), ended(0, 5, 1), started(0), unknown];
        let plan = plan(&events, &Experience::default());
        assert_eq!(plan.calls(), (2, 0));
        assert_eq!(plan.cost(), (Range::one(1.0), 1));
        // The other one has read 10 tokens and written 5.
        let price = Price { input: 2e6, output: 4e6, ..Price::dearest() };
        assert_eq!(plan.cost_max_at(&price), 1.0 + 20.0 + 20.0);
    }

    #[test]
    fn without_experience_the_tokens_are_rough_and_the_time_is_unknown() {
        let plan = plan(&[flow(), started(0), ended(0, 5, 0)], &Experience::default());
        assert!(plan.rows[0].is_rough);
        assert_eq!(plan.rows[0].output, Range::one(5.0));
        assert_eq!(plan.critical_path, None);
    }
}
