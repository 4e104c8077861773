//! The list of runs, and what stands above every page.

use crate::base::clock;
use crate::cli::ui::DAY;
use crate::cli::ui::library::{Library, times};
use crate::cli::ui::page_error::PageError;
use crate::journal::event::RunStatus;
use crate::journal::history::RunRow;
use crate::view::filter::{RunFacts, RunFilter};
use crate::view::line::{RunState, median};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Most runs at once.
pub(in crate::cli) const RUNS_AT_ONCE: usize = 50;
/// Runs whose events are read for one request, while a filter looks for some that fit.
const LOOKED_MAX: usize = 500;
/// Most scripts that are listed.
const SCRIPTS_MAX: usize = 200;
/// Runs of a script whose times are shown.
const TIMES_SHOWN: usize = 30;

/// Returns what stands above every page.
pub(in crate::cli) fn hello(library: &Library, project: &str) -> Value {
    let runs = library.runs();
    let now = clock::micros();
    let is = |state: RunState| move |row: &&RunRow| library.state(row) == state;
    // What failed within a day is fresh.
    let is_fresh = |row: &&RunRow| {
        row.status == Some(RunStatus::Failed) && row.ended_at.unwrap_or(row.started_at) > now - DAY
    };

    json!({
        "project": project, "program": env!("CARGO_PKG_VERSION"), "format": 1,
        "store": ".kaizen/kaizen.db", "now": now,
        "empty": library.store().is_none(), "runs": runs.len(),
        "running": runs.iter().filter(is(RunState::Running)).count(),
        "waiting": runs.iter().filter(is(RunState::Ended(RunStatus::Waiting))).count(),
        "fresh_failures": runs.iter().filter(is_fresh).count(),
        "scripts": scripts(library),
    })
}

/// Sums up the runs by script, the ones that ran last first.
fn scripts(library: &Library) -> Vec<Value> {
    let mut order: Vec<&str> = Vec::new();
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for row in library.runs().iter().rev() {
        let count = counts.entry(&row.script).or_insert_with(|| {
            order.push(&row.script);
            (0, 0)
        });
        count.0 += 1;
        count.1 += usize::from(row.status == Some(RunStatus::Failed));
    }

    let one = |script: &str| {
        let (runs, failed) = counts[script];
        let times = times(library.runs(), script);
        let shown = &times[times.len().saturating_sub(TIMES_SHOWN)..];
        json!({
            "name": script, "runs": runs, "failed": failed,
            "median": median(&mut times.clone()), "took": shown,
        })
    };
    order.into_iter().take(SCRIPTS_MAX).map(one).collect()
}

/// Lists runs that fit a filter, newest first, from before a run on.
pub(in crate::cli) fn list(
    library: &mut Library,
    filter: &str,
    before: Option<&str>,
) -> Result<Value, PageError> {
    let filter = RunFilter::read(filter).map_err(|error| {
        PageError::new(400, error).help(
            "such as `script:review status:failed tag:nightly cost:>0.10 took:>60`, or any text",
        )
    })?;

    let end = before.map_or(library.runs().len(), |before| {
        library.runs().partition_point(|row| row.id.0.as_str() < before)
    });
    let mut rows = Vec::new();
    let mut next = None;
    let mut looked = 0;

    for place in (0..end).rev() {
        let row = library.runs()[place].clone();
        let facts = RunFacts {
            script: &row.script,
            status: library.state(&row).word(),
            started_at: row.started_at,
            took: row.ended_at.map(|end| end - row.started_at),
        };
        if !filter.may_fit(&facts) {
            continue;
        }

        if rows.len() == RUNS_AT_ONCE || looked == LOOKED_MAX {
            // The page continues from the run before this one.
            next = library.runs().get(place + 1).map(|row| row.id.clone());
            break;
        }
        looked += 1;
        let line = library.line(&row)?;
        if filter.is_open() || filter.fits(&line) {
            rows.push(line);
        }
    }

    Ok(json!({ "rows": rows, "next": next }))
}
