//! One operation as a row: its times within the run, what became of it, and what it cost.

use crate::base::id::{FlowId, OpId};
use crate::view::line::RunState;
use crate::view::skeleton::{CallBones, CallEnding, OpBones, OpEnd, ShortFailure, Skeleton};
use serde::Serialize;

/// What became of an operation, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OpState {
    /// It gave a value.
    Completed,
    /// It was tried and gave none.
    Failed,
    /// It was never tried.
    Skipped,
    /// It was given up.
    Cancelled,
    /// It is under way.
    Running,
    /// It has not begun, and may.
    Waiting,
    /// It was under way when its run ended.
    Unfinished,
    /// It had not begun when its run ended.
    NotStarted,
}

impl Serialize for OpState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl OpState {
    /// Finds out what became of an operation.
    pub fn of(bones: &OpBones, state: RunState) -> OpState {
        match (&bones.outcome, bones.started) {
            (Some(OpEnd::Completed), _) => OpState::Completed,
            (Some(OpEnd::Failed(_)), _) => OpState::Failed,
            (Some(OpEnd::Skipped(_)), _) => OpState::Skipped,
            (Some(OpEnd::Cancelled), _) => OpState::Cancelled,
            (None, Some(_)) if state.is_live() => OpState::Running,
            (None, None) if state.is_live() => OpState::Waiting,
            (None, Some(_)) => OpState::Unfinished,
            (None, None) => OpState::NotStarted,
        }
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            OpState::Completed => "completed",
            OpState::Failed => "failed",
            OpState::Skipped => "skipped",
            OpState::Cancelled => "cancelled",
            OpState::Running => "running",
            OpState::Waiting => "waiting",
            OpState::Unfinished => "unfinished",
            OpState::NotStarted => "not started",
        }
    }
}

/// A stretch of the time of an operation: its kind, from and to, and what to say about it.
pub type RowSegment = (&'static str, i64, i64, Option<String>);

/// An operation as a row. Times are in microseconds since the run's start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpRow {
    /// The operation.
    pub op: OpId,
    /// Its flow.
    pub flow: FlowId,
    /// Its name.
    pub name: String,
    /// The script's word for what it does.
    pub does: String,
    /// What became of it.
    pub outcome: &'static str,
    /// Why it was skipped.
    pub because: Option<String>,
    /// When it began.
    pub start: Option<i64>,
    /// When it ended, or when its run did.
    pub end: Option<i64>,
    /// How long it took, or has taken.
    pub took: Option<i64>,
    /// How long it waited after everything that it needs was there.
    pub waited: i64,
    /// The stretches of its time.
    pub segments: Vec<RowSegment>,
    /// Whether it is part of the chain that took longest.
    pub critical: bool,
    /// The model that it asked last.
    pub model: Option<String>,
    /// Whether the demo model answered.
    pub demo: bool,
    /// Tokens read and written, if known.
    pub tokens: Option<(u64, u64)>,
    /// Dollars, if known.
    pub cost: Option<f64>,
    /// Calls that were made.
    pub calls: usize,
    /// Why it failed.
    pub failure: Option<ShortFailure>,
}

/// Where the run stands that the rows belong to.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    /// The state of the run.
    pub state: RunState,
    /// The time up to which something that has no end is shown, in microseconds since 1970.
    pub now: i64,
}

/// Makes the row of an operation.
pub fn row(skeleton: &Skeleton, op: OpId, clock: RunClock) -> Option<OpRow> {
    let bones = skeleton.ops.get(&op)?;
    let member = skeleton.roster.get(op);
    let since = |at: i64| at - skeleton.first_at;
    let end = bones.ended.map(|(at, _)| at).or(bones.started.map(|_| clock.now));

    let bill = bones.bill();
    let last = bones.calls.last();
    let is_known = bones.made() > 0 && !bones.is_calling();

    Some(OpRow {
        op,
        flow: bones.flow,
        name: skeleton.name(op),
        does: member.map_or_else(String::new, |member| member.does.to_string()),
        outcome: OpState::of(bones, clock.state).word(),
        because: match &bones.outcome {
            Some(OpEnd::Skipped(reason)) => Some(reason.clone()),
            _ => None,
        },
        start: bones.started.map(since),
        end: end.map(since),
        took: bones.started.and_then(|began| Some(end? - began)),
        waited: waited(skeleton, op, bones),
        segments: segments(skeleton, op, bones, clock),
        critical: skeleton.is_critical(op),
        model: last.and_then(|call| skeleton.models.get(call.model)).cloned(),
        demo: last.is_some_and(|call| call.demo),
        tokens: bill.usage().filter(|_| is_known).map(|usage| (usage.input(), usage.output())),
        cost: bill.cost().filter(|_| is_known).map(crate::base::unit::Money::dollars),
        calls: bones.made(),
        failure: match &bones.outcome {
            Some(OpEnd::Failed(failure)) => Some(ShortFailure::clone(failure)),
            _ => None,
        },
    })
}

/// Returns when everything was there that an operation needs.
fn ready(skeleton: &Skeleton, op: OpId, bones: &OpBones) -> Option<i64> {
    let member = skeleton.roster.get(op)?;
    // A list needs its parts as well, but those come after its start.
    let ends = member.after.iter().filter_map(|one| skeleton.ops.get(one)?.ended);
    let began = bones.started?;
    let needed = ends.map(|(at, _)| at).filter(|at| *at <= began).max();
    let flow = skeleton.flows.get(&bones.flow).map(|flow| flow.started);
    needed.or(flow)
}

fn waited(skeleton: &Skeleton, op: OpId, bones: &OpBones) -> i64 {
    match (bones.started, ready(skeleton, op, bones)) {
        (Some(began), Some(ready)) => (began - ready).max(0),
        _ => 0,
    }
}

/// Returns the stretches of the time of an operation, in order.
fn segments(skeleton: &Skeleton, op: OpId, bones: &OpBones, clock: RunClock) -> Vec<RowSegment> {
    let Some(began) = bones.started else { return Vec::new() };
    let since = |at: i64| at - skeleton.first_at;
    let mut found: Vec<RowSegment> = Vec::new();

    let wait = waited(skeleton, op, bones);
    if wait > 0 {
        found.push(("wait", since(began - wait), since(began), None));
    }

    let end = bones.ended.map_or(clock.now, |(at, _)| at);
    for (place, call) in bones.calls.iter().enumerate() {
        let next = bones.calls.get(place + 1).and_then(|next| next.began).map(|(at, _)| at);
        push_call(&mut found, call, next, end, &since);
    }

    if bones.calls.is_empty() {
        let kind = if bones.ended.is_none() && clock.state.is_live() { "live" } else { "run" };
        found.push((kind, since(began), since(end), None));
    }
    found
}

fn push_call(
    found: &mut Vec<RowSegment>,
    call: &CallBones,
    next: Option<i64>,
    op_end: i64,
    since: &dyn Fn(i64) -> i64,
) {
    let Some((began, _)) = call.began else { return };
    let Some(end) = &call.end else {
        found.push(("live", since(began), since(op_end), None));
        return;
    };

    let CallEnding { at, failure, is_reused, retry_in_ms, .. } = end;
    let kind = match (failure, is_reused) {
        (Some(_), _) => "failed",
        (None, true) => "reused",
        (None, false) => "call",
    };
    let says = failure.as_ref().map(|(kind, status)| match status {
        Some(status) => format!("{kind} ({status})"),
        None => kind.clone(),
    });
    found.push((kind, since(began), since(*at), says));

    if let Some(pause) = retry_in_ms {
        let due = at.saturating_add(i64::try_from(*pause).unwrap_or(0).saturating_mul(1000));
        let until = next.unwrap_or(due.min(op_end)).max(*at);
        found.push(("pause", since(*at), since(until), None));
    }
}
