//! A run as a whole: its figures, its flows, how much was under way when, and what went wrong.

use crate::base::id::{FlowId, OpId};
use crate::base::unit::Money;
use crate::journal::waits::Waits;
use crate::metrics::Metrics;
use crate::view::line::RunState;
use crate::view::row::RunClock;
use crate::view::skeleton::Skeleton;
use crate::view::table::place;
use serde::Serialize;
use serde_json::{Value, json};

/// How finely it is told how much was under way.
const FLIGHT: usize = 240;
/// A time without any operation under way is a gap if it is at least this part of the run.
const GAP_SHARE: i64 = 50;
/// Most gaps.
const GAPS_MAX: usize = 20;

/// What went wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunFailure {
    /// What, in a few words.
    pub title: String,
    /// What happened.
    pub text: String,
    /// Where in a script.
    pub place: Option<String>,
    /// The operation in which it happened.
    pub op: Option<OpId>,
    /// Its kind.
    pub kind: String,
}

/// A flow of a run. Times are in microseconds since the run's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowHead {
    /// The flow.
    pub flow: FlowId,
    /// The graph's name; empty for calls that stand in no graph.
    pub name: String,
    /// The flow whose operation ran it.
    pub within: Option<FlowId>,
    /// Most operations in flight.
    pub max_concurrent: Option<usize>,
    /// How many operations it has.
    pub ops: usize,
    /// When it began.
    pub start: i64,
    /// When it ended.
    pub end: Option<i64>,
    /// How long it took.
    pub took: Option<i64>,
}

/// Returns the figures of a run under the names that the page uses; times are in microseconds.
pub fn figures(metrics: &Metrics, max_cost: Option<f64>) -> Value {
    let usage = metrics.usage;
    json!({
        "critical_path_time": micros(metrics.critical_path.1),
        "speedup": metrics.speedup(), "op_time": micros(metrics.op_time),
        "max_in_flight": metrics.max_in_flight,
        "success_rate": metrics.success_rate(), "completed": metrics.completed,
        "failed": metrics.failed, "skipped": metrics.skipped + metrics.skipped_by_decision,
        "cancelled": metrics.cancelled, "calls": metrics.calls + metrics.under_way,
        "under_way": metrics.under_way, "retries": metrics.retries, "repairs": metrics.repairs,
        "mended": metrics.mended, "cut": metrics.cut, "reused": metrics.reused,
        "saved": metrics.known_saved().map(Money::dollars),
        "input": usage.input(), "output": usage.output(), "cached": usage.cache_read,
        "cost": metrics.known_cost().map(Money::dollars),
        "known_cost": metrics.cost.dollars(),
        "unknown_costs": metrics.cost_unknown + metrics.under_way,
        "budget": max_cost, "demo_calls": metrics.demo_calls,
        "tool_calls": metrics.tool_calls, "tool_errors": metrics.tool_errors,
    })
}

/// Returns seconds as microseconds.
#[allow(clippy::cast_possible_truncation, reason = "microseconds of a run fit")]
pub fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

/// Returns what a run waits for, with the time at which each question was asked.
pub fn waiting(skeleton: &Skeleton, waits: &Waits) -> Value {
    let asked = |number: u32| skeleton.asked.get(&number);
    let questions = waits.questions.iter().map(|one| {
        json!({
            "number": one.number, "op": one.op, "text": one.question.text,
            "options": one.question.options, "schema": one.question.schema,
            "default": one.question.default, "due": one.due.map(|due| due.saturating_mul(1000)),
            "asked_at": asked(one.number),
        })
    });

    let questions: Vec<Value> = questions.collect();
    let timers = waits.timers.iter();
    let timers: Vec<Value> = timers
        .map(|one| json!({ "timer": one.timer, "due": one.due.saturating_mul(1000) }))
        .collect();
    json!({ "questions": questions, "timers": timers })
}

/// Says what went wrong with a run, if anything did.
pub fn failure(skeleton: &Skeleton, state: RunState) -> Option<RunFailure> {
    if let Some(failure) = skeleton.end.as_ref().and_then(|end| end.failure.as_ref()) {
        // What was skipped failed somewhere else.
        let op = failure.op.as_deref().and_then(|name| skeleton.find(name));
        let op = op.or_else(|| skeleton.first_failure().map(|(op, _)| op));
        let by = failure.op.as_ref().map_or(String::new(), |op| format!(" in `{op}`"));
        return Some(RunFailure {
            title: format!("ended early{by}: {}", failure.kind),
            text: failure.message.clone(),
            place: failure.place.clone(),
            op,
            kind: failure.kind.clone(),
        });
    }

    if state == RunState::Crashed {
        return Some(RunFailure {
            title: "the process ended without recording the end of the run".to_owned(),
            text: "the run was killed, or the computer stopped. `kaizen run --resume` \
                   continues it and reuses the replies it already has"
                .to_owned(),
            place: None,
            op: skeleton.first_failure().map(|(op, _)| op),
            kind: "crashed".to_owned(),
        });
    }

    let (op, failure) = skeleton.first_failure()?;
    Some(RunFailure {
        title: format!("`{}` failed: {}", skeleton.name(op), failure.kind),
        text: failure.message.clone(),
        place: failure.place.clone(),
        op: Some(op),
        kind: failure.kind.clone(),
    })
}

/// Returns the flows of a run, and first the calls that stand in no graph, if there are any.
pub fn flows(skeleton: &Skeleton) -> Vec<FlowHead> {
    let since = |at: i64| at - skeleton.first_at;
    let loose: Vec<_> = skeleton.ops.values().filter(|op| op.flow == FlowId(0)).collect();
    let mut heads = Vec::new();

    if let Some(first) = loose.iter().filter_map(|op| op.started).min() {
        let end = loose.iter().map(|op| op.ended.map(|(at, _)| at)).collect::<Option<Vec<_>>>();
        let end = end.and_then(|ends| ends.into_iter().max());
        heads.push(FlowHead {
            flow: FlowId(0),
            name: String::new(),
            within: None,
            max_concurrent: None,
            ops: loose.len(),
            start: since(first),
            end: end.map(since),
            took: end.map(|end| end - first),
        });
    }

    heads.extend(skeleton.flows.iter().map(|(flow, bones)| FlowHead {
        flow: *flow,
        name: bones.name.clone(),
        within: bones.within,
        max_concurrent: Some(bones.max_concurrent),
        ops: bones.ops,
        start: since(bones.started),
        end: bones.ended.map(since),
        took: bones.ended.map(|end| end - bones.started),
    }));
    heads
}

/// Returns how many operations were under way in each part of the run, at most.
pub fn flight(skeleton: &Skeleton, clock: RunClock) -> Vec<u32> {
    let span = (skeleton.first_at, skeleton.last_at.max(clock.now));
    let mut peaks = vec![0_u32; FLIGHT];
    let mut now = 0_u32;
    let mut from = 0;

    for (at, begins) in changes(skeleton, clock) {
        let to = place(at, span, FLIGHT);
        for peak in &mut peaks[from..=to] {
            *peak = (*peak).max(now);
        }

        now = if begins { now + 1 } else { now.saturating_sub(1) };
        peaks[to] = peaks[to].max(now);
        from = to;
    }
    peaks
}

/// Returns the times at which nothing was under way, if they are long, in microseconds since the start.
pub fn gaps(skeleton: &Skeleton, clock: RunClock) -> Vec<(i64, i64)> {
    let whole = skeleton.last_at.max(clock.now) - skeleton.first_at;
    let since = |at: i64| at - skeleton.first_at;
    let mut now = 0_u32;
    let mut idle_from = None;
    let mut found = Vec::new();

    for (at, begins) in changes(skeleton, clock) {
        if begins {
            if now == 0
                && let Some(from) = idle_from
                && at - from >= (whole / GAP_SHARE).max(1)
            {
                found.push((since(from), since(at)));
            }
            now += 1;
        } else {
            now = now.saturating_sub(1);
            idle_from = Some(at);
        }
    }

    // The longest are worth a place.
    found.sort_by_key(|(from, to)| from - to);
    found.truncate(GAPS_MAX);
    found.sort_unstable();
    found
}

/// Returns when operations began and ended, in order; what begins at a time comes before what ends then.
fn changes(skeleton: &Skeleton, clock: RunClock) -> Vec<(i64, bool)> {
    let mut found: Vec<(i64, bool)> = Vec::with_capacity(2 * skeleton.ops.len());
    for op in skeleton.ops.values() {
        let Some(began) = op.started else { continue };
        found.push((began, true));
        found.push((op.ended.map_or(clock.now, |(at, _)| at), false));
    }

    found.sort_unstable_by_key(|(at, begins)| (*at, !begins));
    found
}
