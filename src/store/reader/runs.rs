//! Reading the list of runs, and what is kept and noted of each.

use super::{EmbeddedReader, ReadError, StoredValue};
use crate::base::id::RunId;
use rusqlite::{OptionalExtension, Row, params};

/// A row of the list of runs.
#[derive(Debug, Clone, Copy)]
pub struct StoredRun<'a> {
    /// The run.
    pub id: StoredValue<'a>,
    /// The script's path as it was given.
    pub script: StoredValue<'a>,
    /// When it began, in microseconds since 1970.
    pub started_at: StoredValue<'a>,
    /// When it ended, if it did.
    pub ended_at: StoredValue<'a>,
    /// The word for how it ended, if it did.
    pub status: StoredValue<'a>,
    /// The process that ran it.
    pub pid: StoredValue<'a>,
}

/// Which runs are meant.
#[derive(Debug, Clone, Copy)]
pub enum RunChoice<'a> {
    /// The newest ones, at most this many, newest first.
    Newest(usize),
    /// Those that come after an id, at most this many, oldest first.
    After(&'a str, usize),
    /// Those whose id starts with a text, at most this many, oldest first.
    Beginning(&'a str, usize),
    /// The one with an id.
    One(&'a RunId),
    /// The one that began this many runs before the newest one.
    Back(usize),
    /// The same among those that did not end well.
    BackFailed(usize),
}

/// A row of the table of remarks.
#[derive(Debug, Clone)]
pub struct StoredAnnotation {
    /// When it was made, in microseconds since 1970.
    pub at: i64,
    /// The run that it is about.
    pub run: RunId,
    /// The operation, if it is about one.
    pub op: Option<u32>,
    /// The word for its kind.
    pub kind: String,
    /// The text.
    pub body: String,
}

impl RunChoice<'_> {
    /// Returns how a question for them ends.
    fn clause(self) -> &'static str {
        match self {
            RunChoice::Newest(_) => "ORDER BY id DESC LIMIT ?",
            RunChoice::After(..) => "WHERE id > ? ORDER BY id LIMIT ?",
            RunChoice::Beginning(..) => "WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT ?",
            RunChoice::One(_) => "WHERE id = ?",
            RunChoice::Back(_) => "ORDER BY id DESC LIMIT 1 OFFSET ?",
            RunChoice::BackFailed(_) => {
                "WHERE status NOT IN ('ok', 'replaced', 'waiting')
                 ORDER BY id DESC LIMIT 1 OFFSET ?"
            }
        }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl EmbeddedReader {
    /// Reads rows of the list of runs.
    pub(in crate::store) fn runs<T>(
        &self,
        choice: RunChoice<'_>,
        mut read: impl FnMut(StoredRun<'_>) -> T,
    ) -> Result<Vec<T>, ReadError> {
        let rest = choice.clause();
        let sql = format!("SELECT id, script, started_at, ended_at, status, pid FROM runs {rest}");
        let mut rows = self.connection.prepare_cached(&sql)?;

        let read = |row: &Row<'_>| run(row).map(&mut read);
        let found = match choice {
            RunChoice::Newest(number) | RunChoice::Back(number) | RunChoice::BackFailed(number) => {
                rows.query_map([count(number)], read)
            }
            RunChoice::After(id, limit) => rows.query_map(params![id, count(limit)], read),
            RunChoice::Beginning(text, limit) => {
                rows.query_map(params![count(text.len()), text, count(limit)], read)
            }
            RunChoice::One(id) => rows.query_map([&id.0], read),
        };
        Ok(found?.collect::<Result<_, _>>()?)
    }

    /// Returns how many runs there are.
    pub(super) fn count_runs(&self) -> Result<usize, ReadError> {
        let mut count = self.connection.prepare_cached("SELECT count(*) FROM runs")?;
        let found: i64 = count.query_row([], |row| row.get(0))?;
        Ok(usize::try_from(found).unwrap_or_default())
    }

    /// Returns what was kept of a run as a whole when it ended.
    pub(super) fn run_sums(&self, run: &RunId) -> Result<Option<String>, ReadError> {
        let sql = "SELECT body FROM run_sums WHERE run = ?";
        let text = |row: &Row<'_>| Ok(StoredValue::of(row.get_ref(0)?).shown().into_owned());
        Ok(self.connection.prepare_cached(sql)?.query_row([&run.0], text).optional()?)
    }

    /// Returns what was noted, oldest first: of a run and its operations, or of all.
    pub(super) fn annotations(
        &self,
        run: Option<&RunId>,
    ) -> Result<Vec<StoredAnnotation>, ReadError> {
        // Told apart in the text, so that a run finds its index.
        let of = if run.is_some() { "run = ?1" } else { "?1 IS NULL" };
        let sql = format!("SELECT at, run, op, kind, body FROM annotations WHERE {of} ORDER BY id");
        let mut rows = self.connection.prepare_cached(&sql)?;
        let found = rows.query_map([run.map(|run| &run.0)], |row| {
            Ok(StoredAnnotation {
                at: row.get(0)?,
                run: RunId(row.get(1)?),
                op: row.get(2)?,
                kind: row.get(3)?,
                body: row.get(4)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn run<'a>(row: &'a Row<'_>) -> rusqlite::Result<StoredRun<'a>> {
    let value = |column: usize| row.get_ref(column).map(StoredValue::of);
    Ok(StoredRun {
        id: value(0)?,
        script: value(1)?,
        started_at: value(2)?,
        ended_at: value(3)?,
        status: value(4)?,
        pid: value(5)?,
    })
}
