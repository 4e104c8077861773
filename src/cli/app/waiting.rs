//! Suspended runs: which there are, what they wait for, and which can continue.

use crate::base::id::RunId;
use crate::cli::app::condition::{Condition, condition};
use crate::journal::event::{Event, RunStatus};
use crate::journal::history::{self, RunRow};
use crate::journal::waits::Waits;
use crate::store::Reader;
use std::collections::{HashMap, HashSet};

/// A suspended run that no other one has resumed.
pub(in crate::cli) struct WaitingRun {
    pub(in crate::cli) row: RunRow,
    pub(in crate::cli) waits: Waits,
}

/// Finds the suspended runs, oldest first.
pub(in crate::cli) fn all(store: &Reader) -> anyhow::Result<Vec<WaitingRun>> {
    open(store, &history::runs(store, usize::MAX)?, &resumed(store)?)
}

/// Finds the suspended runs among these, which are the newest first.
fn open(
    store: &Reader,
    rows: &[RunRow],
    resumed: &HashMap<RunId, RunId>,
) -> anyhow::Result<Vec<WaitingRun>> {
    let mut waiting = Vec::new();
    for row in rows.iter().rev() {
        if row.status == Some(RunStatus::Waiting) && !resumed.contains_key(&row.id) {
            let waits = history::waits(store, &row.id)?.unwrap_or_default();
            waiting.push(WaitingRun { row: row.clone(), waits });
        }
    }
    Ok(waiting)
}

/// Finds those that can continue without an answer, and those that were cut short while they continued.
/// `resumed` are the runs that others continued.
pub(in crate::cli) fn due(
    store: &Reader,
    resumed: &HashMap<RunId, RunId>,
    now: i64,
) -> anyhow::Result<Vec<WaitingRun>> {
    let rows = history::runs(store, usize::MAX)?;
    let mut due = open(store, &rows, resumed)?;
    due.retain(|run| run.waits.due().is_some_and(|due| due <= now));

    let continuing: HashSet<&RunId> = resumed.values().collect();
    for row in rows.into_iter().rev() {
        let is_cut = condition(&row) == Condition::Crashed
            && continuing.contains(&row.id)
            && !resumed.contains_key(&row.id)
            && was_waiting(store, &row)?;
        if is_cut {
            due.push(WaitingRun { row, waits: Waits::default() });
        }
    }
    Ok(due)
}

/// Tells whether a run continues one that was suspended.
fn was_waiting(store: &Reader, row: &RunRow) -> anyhow::Result<bool> {
    let Some(Event::RunStarted { resumes: Some(before), .. }) = history::start(store, &row.id)?
    else {
        return Ok(false);
    };

    let found = history::find(store, &before.0)?;
    Ok(found.iter().any(|row| row.id == before && row.status == Some(RunStatus::Waiting)))
}

/// Returns the runs that were resumed, each with the newest run that did so.
pub(in crate::cli) fn resumed(store: &Reader) -> anyhow::Result<HashMap<RunId, RunId>> {
    let mut resumed = HashMap::new();
    for (run, start) in history::starts(store)? {
        if let Event::RunStarted { resumes: Some(before), terms, .. } = start
            && !terms.fork
        {
            resumed.insert(before, run);
        }
    }
    Ok(resumed)
}
