//! The verdicts of people on executions, on a server.

use super::carry::{keep_sums, kept_sums, lock_observations};
use super::connect::ServerSession;
use super::fault::LineFault;
use crate::store::row::{Amendment, JudgedExecution, VerdictChange, VerdictEffect, VerdictRow};
use serde_json::json;

/// Keeps a verdict as an observation that amends another one, with the sums that it changes.
pub(super) async fn keep_verdict(
    session: &ServerSession,
    verdict: &VerdictRow,
) -> Result<VerdictEffect, LineFault> {
    let VerdictRow { execution, at, run, good, .. } = verdict;
    lock_observations(session).await?;
    let sql = "select task_type, pattern, source, kind, score, seq from observations
        where execution = $1";
    let Some(found) = session.row(sql, &[execution]).await? else {
        return Ok(VerdictEffect::NotRecorded);
    };

    let task: String = found.try_get(0)?;
    let pattern: String = found.try_get(1)?;
    let source: String = found.try_get(2)?;
    let kind: Option<String> = found.try_get(3)?;
    let score: Option<f64> = found.try_get(4)?;
    let seq: i64 = found.try_get(5)?;

    let sql = "select score, extra from observations where amends = $1 order by seq desc limit 1";
    let last = session.row(sql, &[execution]).await?;
    let last = last
        .map(|row| {
            Ok::<_, LineFault>((row.try_get::<_, Option<f64>>(0)?, row.try_get::<_, String>(1)?))
        })
        .transpose()?;
    let (before, now) = match verdict.change(&JudgedExecution { source, kind, score, last }) {
        VerdictChange::None(effect) => return Ok(effect),
        VerdictChange::Score { before, now } => (before, now),
    };

    let sql = "select count(*) from observations
        where task_type = $1 and seq > $2 and amends is null";
    let ago = session.row(sql, &[&task, &seq]).await?;
    let ago: i64 = ago.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    let ago = u32::try_from(ago).unwrap_or(u32::MAX);
    let extra = json!(Amendment { before, ago, good: *good }).to_string();

    let sql = "insert into observations (seq, at, task_type, pattern, source, run, success_rate,
            execution_time, score, cost, tokens, extra, amends)
        select (select max(seq) from observations) + 1, $1, task_type, pattern, source, $2, success_rate,
            execution_time, $3, cost, tokens, $4, execution from observations where seq = $5";
    session.change(sql, &[at, run, &now, &extra, &seq]).await?;

    let mut sums = kept_sums(session, &task, &pattern).await?;
    sums.amend(before, now);
    keep_sums(session, &task, &pattern, &sums).await?;
    Ok(VerdictEffect::Learned)
}
