//! The operations of a run as they are listed, made event by event: of an operation that has ended, no more is
//! kept than its line.

use crate::base::id::OpId;
use crate::base::unit::Money;
use crate::cli::render::paint::Mood;
use crate::cli::render::table::PrintedRow;
use crate::cli::render::time;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::trace::{OpTrace, Trace};
use crate::metrics::charge::Bill;
use crate::model::reply::Usage;
use std::collections::BTreeMap;

/// The operations of a run.
#[derive(Debug, Default)]
pub(super) struct OpList {
    /// The run, without its requests and the operations that have ended.
    pub(super) trace: Trace,
    /// The lines of the operations.
    pub(super) lines: BTreeMap<OpId, OpLine>,
    /// How those ended that failed or were skipped.
    pub(super) losses: BTreeMap<OpId, Outcome>,
    /// The labels of the models; lines name them by their place.
    models: Vec<String>,
}

/// What a list says of an operation.
#[derive(Debug)]
pub(super) struct OpLine {
    outcome: &'static str,
    mood: Option<Mood>,
    is_cut: bool,
    took: Option<i64>,
    calls: usize,
    reused: usize,
    /// Nothing, if it made no call; unknown as soon as that of one call is.
    bill: Option<OpCharge>,
    model: Option<(usize, bool)>,
}

/// Tokens and cost of an operation; what is unknown is `None`.
#[derive(Debug, Default)]
struct OpCharge {
    usage: Option<Usage>,
    cost: Option<Money>,
}

impl OpList {
    /// Takes in the next event of the run.
    pub(super) fn see(&mut self, at: i64, event: &Event) {
        if matches!(event, Event::RequestPart { .. }) {
            return;
        }
        self.trace.see(at, event);

        let ended = match event {
            Event::OpEnded { op, .. }
            | Event::AttemptEnded { op, .. }
            | Event::ToolEnded { op, .. } => *op,
            _ => return,
        };
        if self.trace.operations.get(&ended).is_some_and(is_over) {
            self.settle(ended);
        }
    }

    /// Makes the lines of the operations that have not ended.
    pub(super) fn finish(&mut self) {
        let open: Vec<OpId> = self.trace.operations.keys().copied().collect();
        for op in open {
            self.settle(op);
        }
    }

    /// Tells whether an operation has this name or number.
    pub(super) fn is_named(&self, op: OpId, wanted: &str) -> bool {
        self.trace.roster.name(op) == Some(wanted) || op.0.to_string() == wanted
    }

    fn settle(&mut self, op: OpId) {
        let Some(operation) = self.trace.operations.remove(&op) else { return };

        let model = operation.attempts.last().map(|last| {
            let known = self.models.iter().position(|known| *known == last.model);
            let place = known.unwrap_or_else(|| {
                self.models.push(last.model.clone());
                self.models.len() - 1
            });
            (place, last.demo)
        });

        // What is read of it after its end is of a journal that lacks something.
        self.lines.entry(op).or_insert_with(|| OpLine::of(&operation, model));
        if let Some((_, outcome @ (Outcome::Failed { .. } | Outcome::Skipped { .. }))) =
            operation.ended
        {
            self.losses.insert(op, outcome);
        }
    }

    /// Returns the row of an operation.
    pub(super) fn row(&self, op: OpId) -> PrintedRow {
        let Some(line) = self.lines.get(&op) else { return PrintedRow::default() };
        let member = self.trace.roster.get(op);

        let unknown = || "unknown".to_owned();
        let (tokens, cost) = match &line.bill {
            None => ("-".to_owned(), "-".to_owned()),
            Some(OpCharge { usage, cost }) => {
                let count = |usage: Usage| format!("{}/{}", usage.input(), usage.output());
                let cost = cost.map(|cost| cost.to_string());
                (usage.map_or_else(unknown, count), cost.unwrap_or_else(unknown))
            }
        };

        let model = line.model.map(|(place, is_demo)| (self.models[place].clone(), is_demo));
        let cells = vec![
            op.0.to_string(),
            member.map_or(0, |member| member.flow.0).to_string(),
            member.map_or_else(String::new, |member| member.name.to_owned()),
            if line.is_cut { format!("{}, cut", line.outcome) } else { line.outcome.to_owned() },
            line.took.map_or("-".to_owned(), time::length),
            match line.reused {
                0 => line.calls.to_string(),
                reused => format!("{} + {reused} reused", line.calls),
            },
            tokens,
            cost,
            match model {
                Some((model, true)) => format!("{model} (demo)"),
                Some((model, false)) => model,
                None => String::new(),
            },
        ];
        PrintedRow { cells, mood: line.mood }
    }
}

impl OpLine {
    fn of(operation: &OpTrace, model: Option<(usize, bool)>) -> OpLine {
        let (outcome, mood) = match operation.outcome() {
            Some(outcome) => (outcome.word(), Some(Mood::of_outcome(outcome))),
            None if operation.started.is_some() => ("unfinished", Some(Mood::Doubtful)),
            None => ("not started", None),
        };

        let mut ends = operation.attempts.iter().filter_map(|attempt| attempt.end.as_ref());
        let is_cut = ends.next_back().is_some_and(|end| end.cut);
        let calls = operation.calls().count();
        OpLine {
            outcome,
            is_cut,
            mood: if is_cut { Some(Mood::Doubtful) } else { mood },
            took: operation.took(),
            calls,
            reused: operation.reused(),
            bill: match (calls, operation.under_way()) {
                (0, 0) => None,
                (_, 0) => {
                    let bill = Bill::of(operation);
                    Some(OpCharge { usage: bill.usage(), cost: bill.cost() })
                }
                // What it has begun may be on the bill.
                _ => Some(OpCharge::default()),
            },
            model,
        }
    }
}

/// Tells whether an operation has ended, with everything that it began.
fn is_over(operation: &OpTrace) -> bool {
    operation.ended.is_some()
        && operation.attempts.iter().all(|attempt| attempt.end.is_some())
        && operation.tool_calls.iter().all(|call| call.end.is_some())
}
