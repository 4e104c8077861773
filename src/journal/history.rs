//! Reading what earlier runs left in the journal.

use crate::base::id::RunId;
use crate::journal::event::Event;
use rusqlite::{Connection, OptionalExtension, Row};

/// One run as it stands in the list of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// The script's path as it was given.
    pub script: String,
    /// When it began, in microseconds since 1970.
    pub started_at: i64,
    /// When it ended, if it did.
    pub ended_at: Option<i64>,
    /// How it ended, if it did.
    pub status: Option<String>,
    /// The process that ran it.
    pub pid: u32,
}

/// A stored event that this program cannot read, or a store that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// SQLite refused.
    #[error("reading the journal: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The event is not one that this program knows.
    #[error("event {seq} of run {run} is not understood: {source}")]
    Event {
        /// The run.
        run: RunId,
        /// The event's place.
        seq: i64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

const COLUMNS: &str = "SELECT id, script, started_at, ended_at, status, pid FROM runs";

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: RunId(row.get(0)?),
        script: row.get(1)?,
        started_at: row.get(2)?,
        ended_at: row.get(3)?,
        status: row.get(4)?,
        pid: row.get(5)?,
    })
}

/// Returns the newest runs, newest first.
pub fn runs(connection: &Connection, limit: usize) -> Result<Vec<RunRow>, HistoryError> {
    let mut rows = connection.prepare(&format!("{COLUMNS} ORDER BY id DESC LIMIT ?"))?;
    Ok(rows.query_map([count(limit)], run_row)?.collect::<Result<_, _>>()?)
}

/// Returns the runs whose id starts with `prefix`, at most three: enough to tell one from many.
pub fn find(connection: &Connection, prefix: &str) -> Result<Vec<RunRow>, HistoryError> {
    let mut rows =
        connection.prepare(&format!("{COLUMNS} WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 3"))?;
    Ok(rows.query_map((count(prefix.len()), prefix), run_row)?.collect::<Result<_, _>>()?)
}

/// Returns the run that began `back` runs before the newest one; with `failed`, among those that
/// did not end well.
pub fn recent(
    connection: &Connection,
    back: usize,
    failed: bool,
) -> Result<Option<RunRow>, HistoryError> {
    let only = if failed { "WHERE status NOT IN ('ok', 'replaced')" } else { "" };
    let sql = format!("{COLUMNS} {only} ORDER BY id DESC LIMIT 1 OFFSET ?");
    Ok(connection.prepare(&sql)?.query_row([count(back)], run_row).optional()?)
}

/// Returns all events of a run in order, each with its time in microseconds since 1970.
pub fn events(connection: &Connection, run: &RunId) -> Result<Vec<(i64, Event)>, HistoryError> {
    let mut rows =
        connection.prepare("SELECT seq, at, body FROM events WHERE run = ? ORDER BY seq")?;
    let mut rows = rows.query([&run.0])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, at, body): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let event = serde_json::from_str(&body).map_err(|source| HistoryError::Event {
            run: run.clone(),
            seq,
            source,
        })?;
        events.push((at, event));
    }
    Ok(events)
}
