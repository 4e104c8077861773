//! Reading the sums of a pattern from a row.

use crate::store::sums::{PatternSums, Sums};
use rusqlite::Row;

/// What is kept of the sums of a pattern.
pub(crate) const SUMS: &str =
    "n, success_sum, time_n, time_sum, time_sum2, score_n, score_sum, score_sum2,
    cost_n, cost_sum, tokens_n, tokens_sum, failures, last_at, last_kind, last_message";

/// Reads sums from the columns that start at `at`.
pub(crate) fn sums(row: &Row<'_>, at: usize) -> rusqlite::Result<PatternSums> {
    let count = |column: usize| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, i64>(at + column)?).unwrap_or(0))
    };
    let sums = |column: usize, squares: bool| -> rusqlite::Result<Sums> {
        let squares = if squares { row.get(at + column + 2)? } else { 0.0 };
        Ok(Sums { n: count(column)?, sum: row.get(at + column + 1)?, squares })
    };

    let kind: Option<String> = row.get(at + 14)?;
    let message: Option<String> = row.get(at + 15)?;
    Ok(PatternSums {
        n: count(0)?,
        success_sum: row.get(at + 1)?,
        time: sums(2, true)?,
        score: sums(5, true)?,
        cost: sums(8, false)?,
        tokens: sums(10, false)?,
        failures: count(12)?,
        last_at: row.get(at + 13)?,
        last_error: kind.map(|kind| (kind, message.unwrap_or_default())),
    })
}
