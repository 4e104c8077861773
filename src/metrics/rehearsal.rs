//! One time through a script without asking any model: a fold of its events into what would be asked,
//! with what earlier runs say about operations of the same names.

use crate::base::failure::Kind;
use crate::base::id::{FlowId, OpId};
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, PlannedOp};
use crate::journal::roster::Roster;
use crate::metrics::earlier_runs::{CallHistory, Range, number};
use crate::metrics::plan_graph::Layers;
use crate::model::charge::{CallBound, REPLY_TOKENS_ASSUMED};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How a time through a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RehearsalEnd {
    /// With the script's end.
    Well,
    /// With a call for which the budget had nothing left, or when the time of the run was over.
    Spent,
    /// With the script's end, after an operation failed on a guess.
    Lamely,
    /// With a failure of the script.
    Early,
    /// Not at all: it was stopped when its time was over.
    Never,
}

/// Of which runs a time through a script says how many calls they make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunScope {
    /// Of those that ask everything, and of those that reuse what is known.
    #[default]
    Both,
    /// Of those that ask everything.
    Asking,
    /// Of those that reuse what is known.
    Reusing,
}

impl RunScope {
    /// Tells whether it says something of runs that ask everything.
    pub fn is_asking(self) -> bool {
        self != RunScope::Reusing
    }

    /// Tells whether it says something of runs that reuse what is known.
    pub fn is_reusing(self) -> bool {
        self != RunScope::Asking
    }
}

/// So many calls, and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct CallBill {
    pub(super) calls: u64,
    /// What those of known price cost together, in dollars; `None` if there are none.
    pub(super) cost: Option<Range>,
    pub(super) unpriced: u64,
}

impl CallBill {
    fn add(&mut self, cost: Option<Range>) {
        self.calls += 1;

        match cost {
            Some(cost) => self.cost = Some(self.cost.unwrap_or_default().plus(cost)),
            None => self.unpriced += 1,
        }
    }

    pub(super) fn plus(self, other: CallBill) -> CallBill {
        let cost = match (self.cost, other.cost) {
            (Some(one), Some(other)) => Some(one.plus(other)),
            (one, other) => one.or(other),
        };

        let calls = self.calls + other.calls;
        let unpriced = self.unpriced + other.unpriced;
        CallBill { calls, cost, unpriced }
    }
}

/// All calls of operations of one name to one model: parts of an expanded list count together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) model: String,
    /// Names of what it waits for.
    pub(super) after: Vec<String>,
    /// If every call is made.
    pub(super) all: CallBill,
    /// If replies are used that are known.
    pub(super) rest: CallBill,
    /// Tokens read and written by each call.
    pub(super) input: Range,
    pub(super) output: Range,
    /// How long one call takes, in seconds; `None` if it was never made.
    pub(super) time: Option<Range>,
    /// Whether the tokens are a guess from the length of the prompt.
    pub(super) is_rough: bool,
    /// Whether it is an expansion whose list is not known, so that nothing is known of its calls.
    pub(super) is_blank: bool,
}

impl Variation {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Variation::Replies => "replies",
            Variation::Order => "order",
            Variation::Chance => "chance",
            Variation::Time => "time",
            Variation::World => "world",
            Variation::Size => "size",
            Variation::Failures => "failures",
        }
    }
}

/// What one time through a script would have asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    pub(super) ended: RehearsalEnd,
    pub(super) lines: Vec<Line>,
    /// The graphs: for each its name and its operations.
    pub(super) graphs: Vec<(String, Layers)>,
    /// How long the longest chains take together, in seconds, where all their times are known.
    pub(super) critical_path: Option<Range>,
    /// The earlier runs that say something of it.
    pub(super) runs: BTreeSet<usize>,
    pub(super) scope: RunScope,
    /// What was taken for true that usually is not.
    pub(super) differs: BTreeSet<Variation>,
}

/// What was different in a time through a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variation {
    /// Other replies.
    Replies,
    /// Another order of the calls' ends.
    Order,
    /// Other numbers of chance.
    Chance,
    /// Calls that take another time.
    Time,
    /// Other pages, and other ends of programs.
    World,
    /// Calls that use another number of tokens.
    Size,
    /// Calls that fail.
    Failures,
}

impl Rehearsal {
    /// Folds the events of one time through a script. `bounds` are the most that each call can take, by
    /// its operation and attempt.
    pub fn of(
        events: &[Event],
        ended: RehearsalEnd,
        experience: &CallHistory,
        bounds: &HashMap<(OpId, u32), CallBound>,
    ) -> Rehearsal {
        let mut fold = Fold::new(experience, bounds);

        for event in events {
            fold.add(event);
        }

        fold.finish(ended)
    }

    /// Says of which runs it tells, and what was different in it.
    #[must_use]
    pub fn within(self, scope: RunScope, differs: BTreeSet<Variation>) -> Rehearsal {
        Rehearsal { scope, differs, ..self }
    }

    /// Says that what failed in it was caught: it has come to its end all the same.
    #[must_use]
    pub fn forgiving(self) -> Rehearsal {
        let ended = match self.ended {
            RehearsalEnd::Lamely => RehearsalEnd::Well,
            ended => ended,
        };
        Rehearsal { ended, ..self }
    }

    /// Tells whether calls were taken to fail in it. What it does not do then says nothing of other runs.
    pub fn takes_to_fail(&self) -> bool {
        self.differs.contains(&Variation::Failures)
    }

    /// Returns of which runs it tells.
    pub fn scope(&self) -> RunScope {
        self.scope
    }

    /// Returns how it ended.
    pub fn ended(&self) -> RehearsalEnd {
        self.ended
    }
}

/// What is known of a planned call, apart from earlier runs.
#[derive(Debug, Clone, Copy)]
struct RoughCall {
    /// Tokens read and written.
    tokens: (f64, f64),
    /// In dollars, if there is a price.
    cost: Option<f64>,
    /// The most that it can take.
    bound: Option<CallBound>,
}

struct Fold<'a> {
    experience: &'a CallHistory,
    bounds: &'a HashMap<(OpId, u32), CallBound>,
    /// The earlier runs that say something of these calls.
    runs: BTreeSet<usize>,
    roster: Roster,
    models: HashMap<OpId, String>,
    lines: Vec<Line>,
    index: HashMap<(String, String), usize>,
    flows: BTreeMap<FlowId, (String, Vec<PlannedOp>)>,
    /// Expansions that have become something.
    expanded: HashSet<OpId>,
    /// How long each operation would take, in seconds.
    times: HashMap<OpId, Range>,
    /// Whether the time of some call is not known.
    has_unknown_time: bool,
    /// Whether an operation failed.
    has_failed: bool,
    /// The time of calls outside of graphs.
    direct: Range,
}

impl<'a> Fold<'a> {
    fn new(experience: &'a CallHistory, bounds: &'a HashMap<(OpId, u32), CallBound>) -> Fold<'a> {
        Fold {
            experience,
            bounds,
            runs: BTreeSet::new(),
            roster: Roster::default(),
            models: HashMap::new(),
            lines: Vec::new(),
            index: HashMap::new(),
            flows: BTreeMap::new(),
            expanded: HashSet::new(),
            times: HashMap::new(),
            has_unknown_time: false,
            has_failed: false,
            direct: Range::default(),
        }
    }

    fn add(&mut self, event: &Event) {
        self.roster.see(event);

        match event {
            Event::FlowStarted { flow, name, ops, .. } => {
                self.flows.insert(*flow, (name.clone(), ops.to_vec()));
            }
            Event::Expanded { flow, op, ops, .. } => {
                self.expanded.insert(*op);
                let Some((_, known)) = self.flows.get_mut(flow) else { return };
                let mut after = Vec::new();
                if let Some(parent) = known.iter_mut().find(|planned| planned.op == *op) {
                    after.clone_from(&parent.after);
                    parent.after.extend(ops.iter().map(|planned| planned.op));
                }

                // They wait for what the expansion has waited for.
                known.extend(
                    ops.iter().map(|one| PlannedOp { after: after.clone(), ..one.clone() }),
                );
            }
            Event::AttemptStarted { op, model, .. } => {
                self.models.insert(*op, model.clone());
            }
            Event::AttemptEnded { flow, op, attempt, reused, usage, cost, .. } => {
                let name = self.shown(*op);
                let model = self.models.get(op).cloned().unwrap_or_default();
                let line = self.line(name, model);
                let rough = usage.map(|usage| (number(usage.input()), number(usage.output())));
                let rough = RoughCall {
                    tokens: rough.unwrap_or_default(),
                    cost: cost.map(Money::dollars),
                    bound: self.bounds.get(&(*op, *attempt)).copied(),
                };
                self.estimate(line, rough, reused.is_some());

                match self.lines[line].time {
                    Some(time) if flow.0 == 0 => self.direct = self.direct.plus(time),
                    Some(time) => {
                        let sum = self.times.entry(*op).or_default();
                        *sum = sum.plus(time);
                    }
                    None => self.has_unknown_time = true,
                }
            }
            // What the budget refuses fails in every run, and on no guess.
            Event::OpEnded { outcome: Outcome::Failed { failure }, .. } => {
                self.has_failed |= failure.kind != Kind::Budget;
            }
            _ => {}
        }
    }

    fn shown(&self, op: OpId) -> String {
        self.roster.shown(op).unwrap_or_default().to_owned()
    }

    fn line(&mut self, name: String, model: String) -> usize {
        let lines = &mut self.lines;
        *self.index.entry((name.clone(), model.clone())).or_insert_with(|| {
            lines.push(Line { name, model, ..Line::default() });
            lines.len() - 1
        })
    }

    /// Adds one call.
    fn estimate(&mut self, line: usize, rough: RoughCall, is_known: bool) {
        let line = &mut self.lines[line];
        let written_max = rough.bound.and_then(|bound| bound.written);
        let known = self.experience.samples(&line.name, &line.model);
        let known = known.map(|known| known.fitting(written_max)).unwrap_or_default();
        self.runs.extend(&known.runs);

        let (input, output) = rough.tokens;
        let most = number(written_max.unwrap_or(REPLY_TOKENS_ASSUMED));
        // Without a bound, this is no planned call but one that was made.
        let guessed = match rough.bound {
            Some(_) => Range { p50: output.min(most), p95: most },
            None => Range::one(output),
        };

        let is_first = line.all.calls == 0;
        let wider = |old: Range, new: Range| if is_first { new } else { old.span(new) };
        line.is_rough = known.output.is_none();
        line.input = wider(line.input, known.input.unwrap_or(Range::one(input)));
        line.output = wider(line.output, known.output.unwrap_or(guessed));
        line.time = known.time;

        // The price may have risen since the earlier runs, or the model cost nothing then; what a
        // call cost when there was a price says nothing of now.
        let each = rough.cost.map(|now| match (known.cost, known.output) {
            (Some(known), _) => known.at_least(now),
            (None, Some(_)) => Range::one(now),
            (None, None) => {
                let dearest = rough.bound.and_then(|bound| bound.cost);
                Range { p50: now, p95: dearest.unwrap_or(now).max(now) }
            }
        });

        line.all.add(each);
        if !is_known {
            line.rest.add(each);
        }
    }

    fn finish(mut self, ended: RehearsalEnd) -> Rehearsal {
        let mut total = self.direct;
        let mut graphs = Vec::new();
        let flows = std::mem::take(&mut self.flows);

        for (name, ops) in flows.values() {
            for planned in ops {
                let is_blank = planned.kind == "expand" && !self.expanded.contains(&planned.op);
                self.place(planned, is_blank);
            }

            total = total.plus(longest(ops, &self.times));
            graphs.push((name.clone(), layers(ops, &self.roster)));
        }

        // Where a budget ended it, what failed is what had nothing left.
        let is_lame = self.has_failed && ended != RehearsalEnd::Spent;
        let ended = if is_lame { ended.max(RehearsalEnd::Lamely) } else { ended };
        let critical_path = (!self.has_unknown_time).then_some(total);
        Rehearsal {
            ended,
            lines: self.lines,
            graphs,
            critical_path,
            runs: self.runs,
            scope: RunScope::default(),
            differs: BTreeSet::new(),
        }
    }

    /// Notes what an operation waits for; one of which nothing is known gets a line of its own.
    fn place(&mut self, planned: &PlannedOp, is_blank: bool) {
        let name = self.shown(planned.op);
        if is_blank && !self.lines.iter().any(|line| line.name == name) {
            self.lines.push(Line { name: name.clone(), is_blank, ..Line::default() });
        }

        for line in self.lines.iter_mut().filter(|line| line.name == name) {
            for before in &planned.after {
                let before = self.roster.shown(*before).map(str::to_owned);
                let is_new = |before: &String| *before != name && !line.after.contains(before);
                let before = before.filter(is_new);
                line.after.extend(before);
            }
        }
    }
}

/// Sums the times along the chain of operations that takes longest.
fn longest(ops: &[PlannedOp], times: &HashMap<OpId, Range>) -> Range {
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
fn layers(ops: &[PlannedOp], roster: &Roster) -> Layers {
    let mut depth: HashMap<OpId, usize> = HashMap::new();
    let mut layers: Layers = Vec::new();

    for (op, after) in in_order(ops) {
        let at = after.iter().filter_map(|before| depth.get(before)).max().map_or(0, |at| at + 1);
        depth.insert(op, at);
        if layers.len() <= at {
            layers.resize(at + 1, Vec::new());
        }

        let name = roster.shown(op).unwrap_or_default().to_owned();
        if !layers.iter().any(|layer| layer.contains(&name)) {
            layers[at].push(name);
        }
    }

    layers.retain(|layer| !layer.is_empty());
    layers
}

/// Orders operations so that each comes after what it waits for.
fn in_order(ops: &[PlannedOp]) -> Vec<(OpId, &[OpId])> {
    let mut left: Vec<&PlannedOp> = ops.iter().collect();
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

        // Without progress there is a circle, and the rest has no order.
        if left.len() == before {
            break;
        }
    }

    ordered
}
