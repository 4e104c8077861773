//! Forgetting old runs, so that a store does not grow for ever. What was learned from them stays.

use crate::base::id::RunId;
use crate::journal::event::Event;
use crate::journal::history;
use crate::journal::inspection::holds;
use crate::store::{
    ReadError, Reader, RunChoice, Size, StoreChange, StoreError, StoreMark, mark, remove_mark,
    rewrite, shrink, size,
};
use std::collections::HashSet;
use std::path::Path;

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Runs.
    pub runs: u64,
    /// Their events.
    pub events: u64,
}

/// What is to be forgotten.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// Runs that began before this time, in microseconds since 1970.
    pub before: Option<i64>,
    /// The oldest runs, until what is left takes at most this many bytes.
    pub bytes_max: Option<u64>,
    /// Runs that stay in any case, with those that they go on from.
    pub kept: Vec<RunId>,
}

/// Forgets runs, the oldest first, and gives the space back to the disk. With `dry`, only counts;
/// what a bound in bytes would forget is then estimated from the sizes of the events.
pub fn prune(
    store: &Reader,
    path: &Path,
    wanted: &PruneOptions,
    dry: bool,
) -> Result<(PruneReport, Size, Size), StoreError> {
    let fail = |error: ReadError| error.of(path);
    let before = size(store, path)?;
    let mut pruned = PruneReport::default();
    let mut used = before.used;
    // What is missing already stays marked.
    let marked = mark(path).filter(|mark| is_held(store, mark));

    let kept = with_earlier(store, &wanted.kept);
    for (run, started_at) in oldest(store).map_err(fail)? {
        let is_old = wanted.before.is_some_and(|before| started_at < before);
        let is_too_much = wanted.bytes_max.is_some_and(|most| used > most);
        if !is_old && !is_too_much {
            break;
        }
        if kept.contains(&run) {
            continue;
        }

        let (events, bytes) = store.weigh(&run).map_err(fail)?;
        // A dry run forgets nothing, so it counts down by what each run weighs.
        if dry {
            used = used.saturating_sub(bytes);
        } else {
            // Whole or not at all; other processes write between one run and the next.
            store.apply_alone(&StoreChange::RunDrop(run)).map_err(fail)?;
            used = size(store, path)?.used;
        }

        pruned.runs += 1;
        pruned.events += events;
    }

    if !dry {
        if pruned.runs > 0 {
            if marked.is_some_and(|mark| !is_held(store, &mark)) {
                remove_mark(path)?;
            }
            // Pages keep a rest of what they held, also those that are still in use.
            rewrite(store, path)?;
        }
        shrink(store, path)?;
    }

    Ok((pruned, before, size(store, path)?))
}

/// Returns runs and those that they go on from: what these have paid for is not in their journals before they have
/// come as far.
fn with_earlier(store: &Reader, runs: &[RunId]) -> HashSet<RunId> {
    let mut found = HashSet::new();
    for run in runs {
        let mut next = Some(run.clone());
        while let Some(run) = next.take()
            && found.insert(run.clone())
        {
            // A start that cannot be read names no other run.
            let start = history::start(store, &run).ok().flatten();
            next = start.and_then(|start| match start {
                Event::RunStarted { resumes, .. } => resumes,
                _ => None,
            });
        }
    }
    found
}

/// Tells whether the event that a store is marked with is in it.
fn is_held(store: &Reader, mark: &StoreMark) -> bool {
    matches!(holds(store, mark), Ok(true))
}

/// Lists the runs, the oldest first. One whose time cannot be read counts as the newest.
fn oldest(store: &Reader) -> Result<Vec<(RunId, i64)>, ReadError> {
    let mut runs = store.runs(RunChoice::Newest(usize::MAX), |row| {
        let started_at = row.started_at.as_integer().unwrap_or(i64::MAX);
        (RunId(row.id.shown().into_owned()), started_at)
    })?;

    runs.reverse();
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;
    use rusqlite::{Connection, params};

    fn fill(connection: &Connection, runs: i64) {
        for run in 0..runs {
            let id = format!("run{run:03}");
            connection
                .execute(
                    "INSERT INTO runs (id, script, started_at, pid) VALUES (?, 's', ?, 1)",
                    params![id, run],
                )
                .expect("a run");

            for seq in 0..10 {
                let body = "x".repeat(4000);
                connection
                    .execute(
                        "INSERT INTO events (run, seq, at, kind, body) VALUES (?, ?, 0, 'k', ?)",
                        params![id, seq, body],
                    )
                    .expect("an event");
            }
        }
    }

    #[test]
    fn the_oldest_go_first_and_the_file_really_shrinks() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.db");
        let store = store::open(&path).expect("a store");
        fill(&Connection::open(&path).expect("the same"), 50);

        let kept = vec![RunId("run003".to_owned())];
        let wanted = PruneOptions { before: Some(5), bytes_max: Some(1_000_000), kept };
        let (dry, ..) = prune(&store, &path, &wanted, true).expect("counted");
        let (pruned, before, after) = prune(&store, &path, &wanted, false).expect("pruned");
        assert!(pruned.runs.abs_diff(dry.runs) * 5 <= pruned.runs, "{pruned:?}, estimated {dry:?}");

        assert_eq!(pruned.events, pruned.runs * 10);
        assert!(after.used <= 1_000_000 && after.used > 800_000, "{after:?}");

        let file = std::fs::metadata(&path).expect("a file").len();
        assert!(before.file > 2_000_000 && file <= 1_100_000, "{before:?}, {file}");

        let left = oldest(&store).expect("runs");
        assert_eq!(left.first().map(|(run, _)| run.0.as_str()), Some("run003"));
        assert_eq!(left.last().map(|(run, _)| run.0.as_str()), Some("run049"));

        store::check(&store, &path).expect("a sound store");
    }
}
