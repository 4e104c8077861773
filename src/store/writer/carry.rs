//! What each change does to the tables.

use crate::base::failpoint::{self, Failpoint};
use crate::store::reader::{SUMS, read_sums};
use crate::store::row::{
    Amendment, AnnotationRow, EventRow, JudgedExecution, ObservationRow, RunEdge, SNAPSHOTS_MAX,
    SnapshotRow, StoreChange, TEXT_KIND, VerdictChange, VerdictEffect, VerdictRow,
};
use crate::store::sums::PatternSums;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::PoisonError;

/// Carries out a change, within a transaction.
pub(in crate::store) fn carry_out(tx: &Connection, change: &StoreChange) -> rusqlite::Result<()> {
    match change {
        StoreChange::Nothing => Ok(()),
        StoreChange::Events { run, token: _, rows } => keep_events(tx, run, rows),
        StoreChange::Observations(rows) => keep_observations(tx, rows),
        StoreChange::Annotation(row) => keep_annotation(tx, row),
        StoreChange::Verdict(row) => {
            let effect = keep_verdict(tx, row)?;
            *row.effect.lock().unwrap_or_else(PoisonError::into_inner) = effect;
            Ok(())
        }
        StoreChange::Snapshot(row) => keep_snapshot(tx, row),
        StoreChange::SnapshotDrop(fold) => {
            tx.execute("DELETE FROM snapshots WHERE fold = ?", [fold]).map(drop)
        }
        StoreChange::Rules { rules, snapshots } => set_rules(tx, *rules, snapshots),
        StoreChange::RunDrop(run) => drop_run(tx, &run.0),
    }
}

fn keep_events(tx: &Connection, run: &str, rows: &[EventRow]) -> rusqlite::Result<()> {
    let mut insert = tx
        .prepare_cached("INSERT INTO events (run, seq, at, kind, op, body) VALUES (?,?,?,?,?,?)")?;

    for EventRow { seq, at, kind, op, body, text, edge, .. } in rows {
        if let RunEdge::Begins { script, pid, seal: _ } = edge {
            tx.prepare_cached("INSERT INTO runs (id, script, started_at, pid) VALUES (?,?,?,?)")?
                .execute(params![run, script, at, pid])?;
        }

        if let Some(text) = text {
            insert.execute(params![run, seq - 1, at, TEXT_KIND, op, text])?;
        }
        insert.execute(params![run, seq, at, kind, op, body])?;

        if let RunEdge::Ends { status, sums } = edge {
            tx.prepare_cached("UPDATE runs SET ended_at = ?, status = ? WHERE id = ?")?
                .execute(params![at, status, run])?;
            if let Some(sums) = sums {
                tx.prepare_cached("INSERT OR REPLACE INTO run_sums (run, body) VALUES (?,?)")?
                    .execute(params![run, sums])?;
            }
        }
    }
    Ok(())
}

/// Tells whether a row of a run is there, and the run itself: the next event stands on both.
pub(super) fn has_event(tx: &Connection, run: &str, seq: i64) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM events WHERE run = ?1 AND seq = ?2)
            AND EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
    )?
    .query_row(params![run, seq], |row| row.get(0))
}

/// Keeps observations and the sums that they change. The sums of each pattern are read and written once.
fn keep_observations(tx: &Connection, rows: &[ObservationRow]) -> rusqlite::Result<()> {
    let mut sums: BTreeMap<(&str, &str), PatternSums> = BTreeMap::new();
    for row in rows {
        let is_new = insert(tx, row)?;
        failpoint::pass(Failpoint::ObservationHalf);
        if !is_new || !row.counts {
            continue;
        }

        let cell = match sums.entry((&row.task, &row.pattern)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let (task, pattern) = *new.key();
                new.insert(kept_sums(tx, task, pattern)?)
            }
        };
        cell.take(&row.entry());
    }

    sums.iter().try_for_each(|((task, pattern), cell)| keep_sums(tx, task, pattern, cell))
}

/// Inserts an observation; false if its execution was recorded before.
fn insert(tx: &Connection, row: &ObservationRow) -> rusqlite::Result<bool> {
    let (kind, message) = match &row.error {
        Some((kind, message)) => (Some(kind), Some(message)),
        None => (None, None),
    };

    tx.prepare_cached(
        "INSERT INTO main.observations (at, task_type, pattern, source, run, success_rate,
            execution_time, score, cost, tokens, kind, message, extra, execution)
         VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
         ON CONFLICT (execution) WHERE execution IS NOT NULL DO NOTHING",
    )?
    .execute(params![
        row.at,
        row.task,
        row.pattern,
        row.source.word(),
        row.run,
        row.success_rate,
        row.execution_time,
        row.score,
        row.cost,
        row.tokens.map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX)),
        kind,
        message,
        row.extra,
        row.execution,
    ])
    .map(|count| count > 0)
}

/// Returns the sums of a pattern for a task type.
fn kept_sums(tx: &Connection, task: &str, pattern: &str) -> rusqlite::Result<PatternSums> {
    let sql = format!("SELECT {SUMS} FROM cells WHERE task_type = ? AND pattern = ?");
    let found =
        tx.prepare_cached(&sql)?.query_row([task, pattern], |row| read_sums(row, 0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// Writes sums. The transaction keeps every other writer out since they were read.
fn keep_sums(
    tx: &Connection,
    task: &str,
    pattern: &str,
    cell: &PatternSums,
) -> rusqlite::Result<()> {
    // SQLite's whole numbers end at 2^63.
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (kind, message) = cell.last_error.clone().unzip();

    let sql = format!(
        "INSERT OR REPLACE INTO main.cells (task_type, pattern, {SUMS})
         VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    );
    tx.prepare_cached(&sql)?.execute(params![
        task,
        pattern,
        whole(cell.n),
        cell.success_sum,
        whole(cell.time.n),
        cell.time.sum,
        cell.time.squares,
        whole(cell.score.n),
        cell.score.sum,
        cell.score.squares,
        whole(cell.cost.n),
        cell.cost.sum,
        whole(cell.tokens.n),
        cell.tokens.sum,
        whole(cell.failures),
        cell.last_at,
        kind,
        message,
    ])?;
    Ok(())
}

/// Keeps a verdict as an observation that amends another one, with the sums that it changes.
fn keep_verdict(tx: &Connection, verdict: &VerdictRow) -> rusqlite::Result<VerdictEffect> {
    let VerdictRow { execution, at, run, good, .. } = verdict;
    let sql = "SELECT task_type, pattern, source, kind, score, seq FROM observations
        WHERE execution = ?";
    let found = tx.prepare_cached(sql)?.query_row([execution], |row| {
        let (task, pattern): (String, String) = (row.get(0)?, row.get(1)?);
        let (source, kind): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        Ok((task, pattern, source, kind, row.get::<_, Option<f64>>(4)?, row.get::<_, i64>(5)?))
    });
    let Some((task, pattern, source, kind, score, seq)) = found.optional()? else {
        return Ok(VerdictEffect::NotRecorded);
    };

    let sql = "SELECT score, extra FROM observations WHERE amends = ? ORDER BY seq DESC LIMIT 1";
    let last = tx.prepare_cached(sql)?.query_row([execution], |row| {
        Ok((row.get::<_, Option<f64>>(0)?, row.get::<_, String>(1)?))
    });
    let last = last.optional()?;
    let (before, now) = match verdict.change(&JudgedExecution { source, kind, score, last }) {
        VerdictChange::None(effect) => return Ok(effect),
        VerdictChange::Score { before, now } => (before, now),
    };

    let sql =
        "SELECT count(*) FROM observations WHERE task_type = ? AND seq > ? AND amends IS NULL";
    let ago = tx.prepare_cached(sql)?.query_row(params![task, seq], |row| row.get(0))?;
    let extra = json!(Amendment { before, ago, good: *good }).to_string();

    let sql = "INSERT INTO main.observations (at, task_type, pattern, source, run, success_rate,
            execution_time, score, cost, tokens, extra, amends)
        SELECT ?, task_type, pattern, source, ?, success_rate, execution_time, ?, cost, tokens, ?,
            execution FROM observations WHERE seq = ?";
    tx.prepare_cached(sql)?.execute(params![at, run, now, extra, seq])?;

    let mut sums = kept_sums(tx, &task, &pattern)?;
    sums.amend(before, now);
    keep_sums(tx, &task, &pattern, &sums)?;
    Ok(VerdictEffect::Learned)
}

fn keep_annotation(tx: &Connection, row: &AnnotationRow) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO annotations (at, run, op, kind, body) VALUES (?,?,?,?,?)")?
        .execute(params![row.at, row.run, row.op, row.kind, row.body])?;
    Ok(())
}

/// Keeps a snapshot, unless there is one that ends later.
fn keep_snapshot(tx: &Connection, row: &SnapshotRow) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO snapshots (fold, seq, at, body) SELECT ?1, ?2, ?3, ?4
         WHERE NOT EXISTS (SELECT 1 FROM snapshots WHERE fold = ?1 AND seq >= ?2)",
        params![row.fold, row.seq, row.at, row.body],
    )?;

    let sql = "DELETE FROM snapshots WHERE id NOT IN
               (SELECT id FROM snapshots ORDER BY id DESC LIMIT ?)";
    tx.execute(sql, [SNAPSHOTS_MAX]).map(drop)
}

fn set_rules(tx: &Connection, rules: u32, snapshots: &str) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM learned", [])?;
    tx.execute("INSERT INTO learned (rules) VALUES (?)", [rules])?;
    let sql = "DELETE FROM snapshots WHERE substr(fold, 1, length(?1)) <> ?1";
    tx.execute(sql, [snapshots]).map(drop)
}

fn drop_run(tx: &Connection, run: &str) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM events WHERE run = ?", [run])?;
    tx.execute("DELETE FROM annotations WHERE run = ?", [run])?;
    tx.execute("DELETE FROM run_sums WHERE run = ?", [run])?;
    tx.execute("DELETE FROM runs WHERE id = ?", [run]).map(drop)
}
