//! The tables, and the steps from one format to the next.

use crate::base::failpoint::{self, Point};
use crate::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Each entry brings a store from the format of its index to the next one.
const STEPS: &[&str] = &[
    "
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, script TEXT NOT NULL, started_at INTEGER NOT NULL,
        ended_at INTEGER, status TEXT, pid INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE events (
        run TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        op INTEGER, body TEXT NOT NULL, PRIMARY KEY (run, seq)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE observations (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, task_type TEXT NOT NULL,
        pattern TEXT NOT NULL, source TEXT NOT NULL, run TEXT, success_rate REAL NOT NULL,
        execution_time REAL, score REAL, cost REAL, tokens INTEGER, kind TEXT, message TEXT,
        extra TEXT
    );
    CREATE INDEX observations_of_task ON observations (task_type, pattern, seq);
    CREATE TABLE cells (
        task_type TEXT NOT NULL, pattern TEXT NOT NULL, n INTEGER NOT NULL,
        success_sum REAL NOT NULL,
        time_n INTEGER NOT NULL, time_sum REAL NOT NULL, time_sum2 REAL NOT NULL,
        score_n INTEGER NOT NULL, score_sum REAL NOT NULL, score_sum2 REAL NOT NULL,
        cost_n INTEGER NOT NULL, cost_sum REAL NOT NULL,
        tokens_n INTEGER NOT NULL, tokens_sum REAL NOT NULL,
        recent_ok REAL NOT NULL, recent_failed REAL NOT NULL, failures INTEGER NOT NULL,
        streak INTEGER NOT NULL, strikes INTEGER NOT NULL, avoid_until INTEGER NOT NULL,
        last_at INTEGER NOT NULL, last_kind TEXT, last_message TEXT,
        PRIMARY KEY (task_type, pattern)
    ) WITHOUT ROWID;
",
    "
    ALTER TABLE observations ADD COLUMN execution TEXT;
    CREATE UNIQUE INDEX observations_of_execution ON observations (execution)
        WHERE execution IS NOT NULL;
",
    "
    CREATE TABLE snapshots (
        id INTEGER PRIMARY KEY, fold TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL,
        at INTEGER NOT NULL, body BLOB NOT NULL
    );
    CREATE INDEX observations_failed ON observations (seq) WHERE kind IS NOT NULL;
    CREATE INDEX observations_of_demo ON observations (seq) WHERE source = 'demo';
",
    "
    ALTER TABLE cells DROP COLUMN recent_ok;
    ALTER TABLE cells DROP COLUMN recent_failed;
    ALTER TABLE cells DROP COLUMN streak;
    ALTER TABLE cells DROP COLUMN strikes;
    ALTER TABLE cells DROP COLUMN avoid_until;
    CREATE TABLE learned (rules INTEGER NOT NULL);
    INSERT INTO learned SELECT 1 WHERE EXISTS (SELECT 1 FROM observations);
",
];

/// Sets up the connection, refuses a newer format, and applies the missing steps.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = i64::try_from(STEPS.len()).expect("few steps");
    let found =
        migrate(connection).map_err(|source| StoreError::sqlite(path.to_owned(), source))?;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// Applies the missing steps in one transaction and returns the format found afterwards. A store
/// that is up to date is only read.
fn migrate(connection: &mut Connection) -> rusqlite::Result<i64> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 0 {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    if usize::try_from(found).is_ok_and(|found| found >= STEPS.len()) {
        return Ok(found);
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = usize::try_from(found).ok().and_then(|from| STEPS.get(from..)) else {
        return Ok(found);
    };
    for step in missing {
        tx.execute_batch(step)?;
    }
    let now = found + i64::try_from(missing.len()).expect("few steps");
    tx.pragma_update(None, "user_version", now)?;
    failpoint::pass(Point::StoreMade);
    tx.commit()?;
    Ok(now)
}
