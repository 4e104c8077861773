//! What must hold of every simulated run.

use super::Traced;
use super::graph::CALLS_MAX;
use super::world::World;
use kaizen::base::failure::Kind;
use kaizen::base::id::{FlowId, OpId};
use kaizen::executor::budget::Tally;
use kaizen::flow::outcome::{Outcome, SkipReason};
use kaizen::journal::event::{Event, PlannedOp};
use kaizen::journal::known_replies::Sample;
use kaizen::metrics::fold::FlowFold;
use std::collections::{HashMap, HashSet};

/// One operation as its events tell it.
#[derive(Default)]
struct Story {
    name: String,
    does: String,
    after: Vec<OpId>,
    started: Option<usize>,
    ended: Vec<(usize, Outcome)>,
    is_expanded: bool,
    attempts: u64,
}

/// Checks everything.
pub(super) fn all(traced: &Traced) {
    let stories = stories(traced);
    each_operation_ends_once(traced, &stories);
    nothing_is_left_in_flight(traced);
    nothing_starts_before_what_it_waits_for(&stories);
    skips_have_their_reason(traced, &stories);
    the_limits_are_kept(traced, &stories);
    the_journal_tells_the_same_as_the_report(traced);
    pauses_are_kept(traced);
    no_budget_is_overshot(traced);
    the_account_is_right(traced);
    nothing_is_asked_that_was_answered(traced);
}

fn stories(traced: &Traced) -> HashMap<OpId, Story> {
    let mut stories: HashMap<OpId, Story> = HashMap::new();
    let plan = |stories: &mut HashMap<OpId, Story>, ops: &[PlannedOp]| {
        for planned in ops {
            let story = stories.entry(planned.op).or_default();
            story.name.clone_from(&planned.name);
            planned.kind.as_ref().clone_into(&mut story.does);
            story.after.clone_from(&planned.after);
        }
    };
    for (at, (_, event)) in traced.events.iter().enumerate() {
        match event {
            Event::FlowStarted { ops, .. } => plan(&mut stories, ops),
            Event::Expanded { op, ops, .. } => {
                plan(&mut stories, ops);
                stories.get_mut(op).unwrap().is_expanded = true;
            }
            Event::OpStarted { op, .. } => {
                let started = stories.get_mut(op).expect("planned").started.replace(at);
                assert_eq!(started, None, "{op:?} started twice");
            }
            Event::AttemptStarted { op, .. } => {
                let story = stories.get_mut(op).expect("planned");
                story.attempts += 1;
                assert!(
                    story.started.is_some() && story.ended.is_empty(),
                    "{op:?} asks while over"
                );
            }
            Event::OpEnded { op, outcome, .. } => {
                stories.get_mut(op).expect("planned").ended.push((at, outcome.clone()));
            }
            _ => {}
        }
    }
    stories
}

fn each_operation_ends_once(traced: &Traced, stories: &HashMap<OpId, Story>) {
    for story in stories.values() {
        assert_eq!(story.ended.len(), 1, "`{}` ended {:?}", story.name, story.ended);
        let outcome = &story.ended[0].1;
        let panicked =
            matches!(outcome, Outcome::Failed { failure } if failure.kind == Kind::Panicked);
        assert!(!panicked, "`{}`: {outcome:?}", story.name);
    }
    let Some(report) = &traced.report else { return };
    assert_eq!(report.entries.len(), stories.len());
    let known: HashMap<&str, &Outcome> =
        report.entries.iter().map(|entry| (entry.name.as_str(), &*entry.outcome)).collect();
    for story in stories.values() {
        assert_eq!(known[story.name.as_str()], &story.ended[0].1, "`{}`", story.name);
    }
}

fn nothing_is_left_in_flight(traced: &Traced) {
    assert_eq!(traced.world.in_flight(), 0, "calls go on although nobody waits for them");
    let mut open = HashSet::new();
    for (_, event) in &traced.events {
        match event {
            Event::AttemptStarted { op, attempt, .. } => assert!(open.insert((*op, *attempt))),
            Event::AttemptEnded { op, attempt, .. } => assert!(open.remove(&(*op, *attempt))),
            _ => {}
        }
    }
    // A call that a refused budget ended, or that was given up before it was made, was not begun.
    assert!(open.is_empty(), "attempts without an end: {open:?}");
    let last = traced.events.last().map(|(_, event)| event);
    assert!(matches!(last, Some(Event::FlowEnded { .. })), "{last:?}");
}

fn nothing_starts_before_what_it_waits_for(stories: &HashMap<OpId, Story>) {
    for story in stories.values() {
        let Some(started) = story.started else { continue };
        for source in &story.after {
            let source = &stories[source];
            let (ended, outcome) = &source.ended[0];
            assert!(*ended < started, "`{}` before `{}`", story.name, source.name);
            assert!(*outcome != Outcome::Cancelled, "`{}` after a cancelled one", story.name);
        }
    }
}

/// Tells whether what waits for an operation that ended so is never tried.
fn blocks(outcome: &Outcome, goes_on: bool) -> bool {
    match outcome {
        Outcome::Failed { .. } => !goes_on,
        Outcome::Skipped { reason } => !matches!(reason, SkipReason::Condition { .. }),
        Outcome::Cancelled => true,
        Outcome::Completed { .. } => false,
    }
}

fn skips_have_their_reason(traced: &Traced, stories: &HashMap<OpId, Story>) {
    let by_name: HashMap<&str, &Story> =
        stories.values().map(|story| (story.name.as_str(), story)).collect();
    for story in stories.values() {
        let outcome = &story.ended[0].1;
        let blocked = story
            .after
            .iter()
            .map(|op| &stories[op])
            .find(|source| blocks(&source.ended[0].1, traced.plan.goes_on(&source.name)));
        if let Some(source) = blocked {
            let is_over = matches!(outcome, Outcome::Skipped { .. } | Outcome::Cancelled);
            assert!(is_over, "`{}` {outcome:?} after `{}`", story.name, source.name);
        }
        let Outcome::Skipped { reason } = outcome else { continue };
        assert_eq!(story.attempts, 0, "`{}` was skipped, and asked", story.name);
        let (SkipReason::Failed { op }
        | SkipReason::Cancelled { op }
        | SkipReason::Condition { op }
        | SkipReason::Gate { op }) = reason;
        let cause = &by_name[op.as_str()].ended[0].1;
        let fits = match reason {
            SkipReason::Failed { .. } => {
                matches!(cause, Outcome::Failed { .. }) && !traced.plan.goes_on(op)
            }
            SkipReason::Cancelled { .. } => *cause == Outcome::Cancelled,
            SkipReason::Gate { .. } => {
                matches!(cause, Outcome::Completed { value } if value["verdict"] == "reject")
            }
            SkipReason::Condition { .. } => true,
        };
        assert!(fits, "`{}`  skipped: {reason}, which {cause:?}", story.name);
    }
}

fn the_limits_are_kept(traced: &Traced, stories: &HashMap<OpId, Story>) {
    let (mut now, mut most) = (0_usize, 0);
    for (_, event) in &traced.events {
        match event {
            Event::OpStarted { .. } => now += 1,
            // It waits for its parts, and does nothing.
            Event::Expanded { .. } => now -= 1,
            Event::OpEnded { op, .. } => {
                now -= usize::from(stories[op].started.is_some() && !stories[op].is_expanded);
            }
            _ => {}
        }
        most = most.max(now);
    }
    let plan = &traced.plan;
    assert!(most <= plan.max_concurrent, "{most} at once, at most {}", plan.max_concurrent);
    let server = plan.server_limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap());
    let calls = plan.concurrency.unwrap_or(usize::MAX).min(server).min(plan.max_concurrent);
    let seen = traced.world.most_in_flight.get();
    assert!(seen <= calls, "{seen} calls at once, at most {calls}");
    for story in stories.values() {
        let calls = if story.does == "call" { CALLS_MAX } else { 1 };
        let tries = u64::from(plan.retries(&story.name)) + 1;
        let most = calls * tries * u64::from(plan.attempts_max);
        assert!(story.attempts <= most, "`{}` asked {} times", story.name, story.attempts);
    }
}

fn the_journal_tells_the_same_as_the_report(traced: &Traced) {
    let Some(report) = &traced.report else { return };
    let mut fold = FlowFold::default();
    for (at, event) in &traced.events {
        if event.flow() == Some(FlowId(1)) {
            fold.add(*at, event);
        }
    }
    assert_eq!(fold.metrics(), report.metrics);
}

/// A pause that was told is kept, and one that the server asks for is not cut short.
fn pauses_are_kept(traced: &Traced) {
    let mut until: HashMap<OpId, i64> = HashMap::new();
    for (at, event) in &traced.events {
        match event {
            // A pause of the run before has passed.
            Event::AttemptEnded { op, retry_in_ms: Some(ms), again: false, .. } => {
                until.insert(*op, at + i64::try_from(*ms).unwrap() * 1000);
            }
            Event::AttemptStarted { op, .. } => {
                if let Some(until) = until.remove(op) {
                    assert!(*at >= until, "{op:?} was asked {} us early", until - at);
                }
            }
            _ => {}
        }
    }
}

fn no_budget_is_overshot(traced: &Traced) {
    let (charged, bounds) = (traced.world.charged.get(), traced.plan.bounds);
    assert!(bounds.cost.is_none_or(|most| charged.cost <= most), "{charged:?} of {bounds:?}");
    assert!(bounds.tokens.is_none_or(|most| charged.tokens <= most), "{charged:?} of {bounds:?}");
    assert!(bounds.calls.is_none_or(|most| charged.calls <= most), "{charged:?} of {bounds:?}");
}

/// At no moment does a run say that it has used less than the provider has charged by then.
pub(super) fn nothing_is_left_out(tally: &Tally, world: &World) {
    let charged = world.charged.get();
    let most = tally.cost_max().expect("the price is known, and each reply has a bound");
    assert!(most >= charged.cost, "{tally:?}, and {charged:?} is charged");
    assert!(tally.calls >= charged.calls, "{tally:?}, and {charged:?} is charged");
}

/// In the end it has used what was charged, or the worst case where nobody has heard that. A reply that
/// comes at the very moment in which its call is given up is not heard.
fn the_account_is_right(traced: &Traced) {
    let known = traced.world.known.get();
    let expected = Tally { calls: known.calls, cost: known.cost, ..Tally::default() };
    let gives_up = |event: &Event| match event {
        Event::AttemptEnded { failure: Some(failure), .. } => failure.kind == Kind::Cancelled,
        _ => false,
    };
    if traced.events.iter().any(|(_, event)| gives_up(event)) {
        assert!(traced.tally.cost >= expected.cost, "{:?}, {expected:?}", traced.tally);
        let cost = expected.cost;
        assert_eq!(Tally { cost, ..traced.tally }, expected);
    } else {
        assert_eq!(traced.tally, expected);
    }
}

fn nothing_is_asked_that_was_answered(traced: &Traced) {
    let Some((known, _)) = &traced.resumed else { return };
    let mut open: HashMap<(OpId, u32), Sample> = HashMap::new();
    for (_, event) in &traced.events {
        match event {
            Event::AttemptStarted { op, attempt, key: Some(key), sample, at: Some(at), .. } => {
                let sample = Sample { key: *key, at: at.clone(), arrival: *sample };
                open.insert((*op, *attempt), sample);
            }
            Event::AttemptEnded { op, attempt, reused, reply: Some(_), .. } => {
                let sample = open[&(*op, *attempt)].clone();
                let is_known = known.get(&sample).is_some();
                assert_eq!(is_known, reused.is_some(), "{op:?}: known {is_known}");
            }
            _ => {}
        }
    }
}
