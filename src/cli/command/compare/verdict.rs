//! What the last comparison of a kind of task has found, in its own words.

use crate::journal::event::{ComparisonVerdict, RunKind};
use crate::journal::history;
use crate::store::Connection;

/// How far back a comparison is looked for.
const LOOK_BACK: usize = 500;

/// Returns what the last comparison of a kind of task has found, by `kaizen compare` or by a script, with
/// what counted.
pub(in crate::cli) fn last(store: &Connection, task: &str) -> anyhow::Result<Option<String>> {
    for row in history::runs(store, LOOK_BACK)? {
        let verdict = match history::kind(store, &row.id)? {
            Some(RunKind::Comparison) => {
                history::value(store, &row.id)?.map(|found| ComparisonVerdict::of(&found))
            }
            Some(RunKind::Script) => {
                let all = history::comparisons(store, &row.id)?;
                all.into_iter().find(|verdict| verdict.task_type == task)
            }
            _ => None,
        };

        if let Some(verdict) = verdict.filter(|verdict| verdict.task_type == task) {
            let ComparisonVerdict { reason, objective, .. } = verdict;
            return Ok(Some(format!("tested: {reason}; objective: {objective} (run {})", row.id)));
        }
    }
    Ok(None)
}
