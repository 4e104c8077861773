//! What the last comparison of a kind of task has found, in its own words.

use crate::journal::event::RunKind;
use crate::journal::history;
use crate::store::Connection;

/// How far back a comparison is looked for.
const LOOK_BACK: usize = 500;

/// Returns what the last `kaizen compare` of a kind of task has found, with what counted.
pub(in crate::cli) fn last(store: &Connection, task: &str) -> anyhow::Result<Option<String>> {
    for row in history::runs(store, LOOK_BACK)? {
        if history::kind(store, &row.id)? != Some(RunKind::Comparison) {
            continue;
        }
        let Some(found) = history::value(store, &row.id)? else { continue };
        if found["task_type"] != task {
            continue;
        }

        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let reason = text(&found["reason"]);
        let objective = text(&found["objective"]["name"]);
        return Ok(Some(format!("tested: {reason}; objective: {objective} (run {})", row.id)));
    }
    Ok(None)
}
