//! The runs that a run goes on from, and what of them belongs to it.

use crate::base::count::listed;
use crate::base::id::RunId;
use crate::journal::event::Event;
use crate::journal::trace::Trace;
use std::collections::BTreeSet;

/// A run, and what happened in it, each with its time.
pub type RunEvents = (RunId, Vec<(i64, Event)>);

/// Returns the runs that a run goes on from, the newest first. `read` finds what happened in one.
///
/// Of a run that was forked only what the fork was told belongs to it. All that came before, also in runs which that
/// one had resumed, stands in its journal.
pub fn earlier<E>(
    newest: &RunId,
    events: &[(i64, Event)],
    mut read: impl FnMut(&RunId) -> Result<Vec<(i64, Event)>, E>,
) -> Result<Vec<RunEvents>, E> {
    let mut seen = BTreeSet::from([newest.clone()]);
    let mut found = Vec::new();
    let mut next = origin(events);

    while let Some(RunOrigin { run, fork_at, is_fork }) = next.take()
        && seen.insert(run.clone())
    {
        let events = read(&run)?;
        if !is_fork {
            next = origin(&events);
            found.push((run, events));
        } else if let Some(told) = fork_at.and_then(|at| before(&run, &events, &at).ok()) {
            found.push((run, told));
        }
    }

    Ok(found)
}

/// From which run another one goes on.
struct RunOrigin {
    run: RunId,
    is_fork: bool,
    fork_at: Option<String>,
}

fn origin(events: &[(i64, Event)]) -> Option<RunOrigin> {
    let start = events.iter().map(|(_, event)| event).find(|event| event.ran().is_some())?;
    match start {
        Event::RunStarted { resumes, terms, .. } => Some(RunOrigin {
            run: resumes.clone()?,
            is_fork: terms.fork,
            fork_at: terms.fork_at.clone(),
        }),
        _ => None,
    }
}

/// Returns what a fork of a run is told of it: what happened before the operation called `step` began.
pub fn before(
    run: &RunId,
    events: &[(i64, Event)],
    step: &str,
) -> Result<Vec<(i64, Event)>, String> {
    let trace = Trace::fold(events);
    let started = trace.find(step).filter_map(|(_, operation)| operation.started).min();
    if let Some(started) = started {
        let told = events[..started.place].iter().filter(|(_, event)| !is_begun(event));
        return Ok(told.cloned().collect());
    }

    let names: BTreeSet<String> = trace.operations.keys().map(|op| trace.name(*op)).collect();
    let names: Vec<String> = names.into_iter().collect();
    Err(format!("run {run} has no operation `{step}`; it has: {}", listed(&names)))
}

/// Returns how many calls a run made at once at most, or 0 without a bound, if it noted that.
pub(super) fn concurrency(events: &[(i64, Event)]) -> Option<usize> {
    events.iter().find_map(|(_, event)| match event {
        Event::RunStarted { terms, .. } => terms.concurrency,
        _ => None,
    })
}

/// Returns the widest of the bounds of several runs, if all noted theirs.
pub(super) fn widest(bounds: &[Option<usize>]) -> Option<usize> {
    let bounds = bounds.iter().copied().collect::<Option<Vec<usize>>>()?;
    if bounds.contains(&0) { Some(0) } else { bounds.into_iter().max() }
}

/// Tells whether something began that a fork does again, on purpose.
fn is_begun(event: &Event) -> bool {
    match event {
        Event::EffectBegan { .. }
        | Event::Asked { .. }
        | Event::Answered { .. }
        | Event::SleepBegan { .. }
        | Event::Suspended { .. } => true,

        Event::RunStarted { .. }
        | Event::EffectEnded { .. }
        | Event::TimePassed { .. }
        | Event::Tried { .. }
        | Event::FlowStarted { .. }
        | Event::Expanded { .. }
        | Event::OpStarted { .. }
        | Event::RequestPart { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::CallRefused { .. }
        | Event::ToolStarted { .. }
        | Event::ToolEnded { .. }
        | Event::OpEnded { .. }
        | Event::FlowEnded { .. }
        | Event::Logged { .. }
        | Event::Sealed { .. }
        | Event::RunEnded { .. } => false,
    }
}
