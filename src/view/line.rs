//! A run as one line of a list.

use crate::base::id::RunId;
use crate::base::json::as_text;
use crate::journal::event::RunStatus;
use crate::journal::history::RunRow;
use crate::metrics::Metrics;
use crate::view::skeleton::{OpEnd, Skeleton};
use crate::view::text::cut;
use serde::Serialize;
use serde_json::{Map, Value};

/// Characters of the parameters that a line shows.
const PARAMS_MAX: usize = 200;
/// Characters of a parameter that a line shows.
const PARAM_MAX: usize = 60;

/// In what state a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// It has ended.
    Ended(RunStatus),
    /// It is suspended, and another run continued it.
    Resumed,
    /// It is under way.
    Running,
    /// Its process is gone, and it has no end.
    Crashed,
}

impl RunState {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            RunState::Ended(status) => status.word(),
            RunState::Resumed => "resumed",
            RunState::Running => "running",
            RunState::Crashed => "crashed",
        }
    }

    /// Tells whether more may come.
    pub fn is_live(self) -> bool {
        self == RunState::Running
    }
}

/// Operations by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OpCounts {
    /// Gave a value.
    pub completed: usize,
    /// Were tried and gave none.
    pub failed: usize,
    /// Were never tried.
    pub skipped: usize,
    /// Were given up.
    pub cancelled: usize,
    /// Are under way, or were when the run broke off.
    pub running: usize,
    /// Have not begun.
    pub waiting: usize,
}

impl OpCounts {
    /// Counts the operations of a run.
    pub fn of(bones: &Skeleton) -> OpCounts {
        let mut counts = OpCounts::default();
        for op in bones.ops.values() {
            let count = match (&op.outcome, op.started) {
                (Some(OpEnd::Completed), _) => &mut counts.completed,
                (Some(OpEnd::Failed(_)), _) => &mut counts.failed,
                (Some(OpEnd::Skipped(_)), _) => &mut counts.skipped,
                (Some(OpEnd::Cancelled), _) => &mut counts.cancelled,
                (None, Some(_)) => &mut counts.running,
                (None, None) => &mut counts.waiting,
            };
            *count += 1;
        }
        counts
    }
}

/// A run in the list of runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunLine {
    /// The run.
    pub id: RunId,
    /// The script's path as it was given.
    pub script: String,
    /// What ran: a script, a session or a comparison.
    pub kind: &'static str,
    /// The parameters, cut.
    pub params: String,
    /// The word for its state.
    pub status: &'static str,
    /// When it began, in microseconds since 1970.
    pub started_at: i64,
    /// How long it took, or has taken until its last event, in microseconds.
    pub took: i64,
    /// What runs of the script usually take.
    pub median: Option<i64>,
    /// Its operations.
    pub ops: OpCounts,
    /// Calls to models.
    pub calls: u64,
    /// Those made because an earlier one failed.
    pub retries: u64,
    /// Replies that were known already.
    pub reused: u64,
    /// Tokens read and written, as far as known.
    pub tokens: (u64, u64),
    /// Dollars, if the cost of every call is known.
    pub cost: Option<f64>,
    /// Calls whose cost is unknown.
    pub unknown_costs: u64,
    /// Whether only the demo model answered.
    pub demo: bool,
    /// Why it failed.
    pub failure: Option<String>,
    /// The newest note.
    pub note: Option<String>,
    /// Its labels.
    pub tags: Vec<String>,
    /// The run that it resumes.
    pub resumes: Option<RunId>,
}

impl RunLine {
    /// Makes the line of a run; what is noted about it and what its script usually takes is added later.
    pub fn of(row: &RunRow, state: RunState, bones: &Skeleton, metrics: &Metrics) -> RunLine {
        let last = row.ended_at.unwrap_or(bones.last_at.max(row.started_at));
        let start = bones.start.as_ref();
        let usage = metrics.usage;

        RunLine {
            id: row.id.clone(),
            script: row.script.clone(),
            kind: start.map_or("script", |start| start.what.word()),
            params: start.map_or_else(String::new, |start| shown(&start.params)),
            status: state.word(),
            started_at: row.started_at,
            took: last - row.started_at,
            median: None,
            ops: OpCounts::of(bones),
            calls: metrics.calls + metrics.under_way,
            retries: metrics.retries,
            reused: metrics.reused,
            tokens: (usage.input(), usage.output()),
            cost: metrics.known_cost().map(crate::base::unit::Money::dollars),
            unknown_costs: metrics.cost_unknown + metrics.under_way,
            demo: metrics.demo_replies > 0 && metrics.demo_calls == metrics.calls,
            failure: failure(state, bones),
            note: None,
            tags: Vec::new(),
            resumes: start.and_then(|start| start.resumes.clone()),
        }
    }
}

/// Says why a run failed, if it did: by what it ended with, or else by its first operation that failed.
fn failure(state: RunState, bones: &Skeleton) -> Option<String> {
    let ended = bones.end.as_ref().and_then(|end| end.failure.as_ref());
    if let Some(failure) = ended {
        let op = failure.op.as_ref().map_or(String::new(), |op| format!("{op}: "));
        return Some(format!("{op}{}", failure.message));
    }

    if !matches!(state, RunState::Ended(RunStatus::Failed) | RunState::Crashed) {
        return None;
    }
    let (op, failure) = bones.first_failure()?;
    Some(format!("{}: {}", bones.name(op), failure.message))
}

/// Writes parameters on one line.
pub fn shown(params: &Map<String, Value>) -> String {
    let one = |(name, value): (&String, &Value)| {
        let text = as_text(value);
        let text = cut(&text, PARAM_MAX);
        if text.contains(char::is_whitespace) {
            format!("{name}=“{text}”")
        } else {
            format!("{name}={text}")
        }
    };
    cut(&params.iter().map(one).collect::<Vec<_>>().join(" "), PARAMS_MAX)
}

/// Returns the middle of values.
pub fn median(values: &mut [i64]) -> Option<i64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable(middle).1)
}
