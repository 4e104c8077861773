//! Reading what was learned: observations, the sums of patterns, and snapshots of learners.

use super::{EmbeddedReader, ReadError};
use crate::store::row::{Amendment, ObservationRow, ObservationSource};
use crate::store::sums::{PatternSums, Sums, UNSAID, UNSAID_MESSAGE};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{OptionalExtension, Params, Row, params};

/// Makes the tables of a store that is attached as `disk` readable together with those in memory. The
/// transaction stays open, so that `disk` stays as it is. The last observation is taken along, so
/// that the next one gets the next number.
pub(super) const OVERLAY: &str = "
    BEGIN;
    INSERT INTO main.observations SELECT * FROM disk.observations ORDER BY seq DESC LIMIT 1;
    CREATE TEMP VIEW observations AS SELECT * FROM main.observations
        UNION ALL SELECT * FROM disk.observations
            WHERE seq NOT IN (SELECT seq FROM main.observations);
    CREATE TEMP VIEW cells AS SELECT * FROM main.cells
        UNION ALL SELECT * FROM disk.cells
            WHERE (task_type, pattern) NOT IN (SELECT task_type, pattern FROM main.cells);
    CREATE TEMP VIEW snapshots AS SELECT * FROM disk.snapshots;
";

/// What is kept of the sums of a pattern.
pub(in crate::store) const SUMS: &str =
    "n, success_sum, time_n, time_sum, time_sum2, score_n, score_sum, score_sum2,
    cost_n, cost_sum, tokens_n, tokens_sum, failures, last_at, last_kind, last_message";

/// What is read of an observation, and where from.
pub(in crate::store) const SEEN: &str =
    "seq, at, task_type, pattern, source, success_rate, score, execution_time, cost,
    kind, extra, run, amends FROM observations";

/// The same of the executions on a task type, with the last verdicts of people on them.
pub(in crate::store) const JUDGED: &str =
    "SELECT seq, at, task_type, pattern, source, success_rate,
    CASE WHEN execution IN (SELECT amends FROM observations WHERE task_type = ?1)
        THEN (SELECT a.score FROM observations a WHERE a.amends = o.execution
            ORDER BY a.seq DESC LIMIT 1) ELSE score END,
    execution_time, cost, kind, extra, run, amends
    FROM observations o WHERE task_type = ?1 AND amends IS NULL ORDER BY seq";

/// The newest verdicts, of which those hold that were not taken back.
pub(in crate::store) const NEWEST: &str = "observations a WHERE a.amends IS NOT NULL AND a.seq =
    (SELECT max(b.seq) FROM observations b WHERE b.amends = a.amends)";

/// The kind of a failure that a person found: an answer that is wrong.
pub(in crate::store) const WRONG: &str = "wrong_answer";
/// What is said of such a failure.
pub(in crate::store) const WRONG_MESSAGE: &str = "a person judged the answer as bad";

/// What is read of an observation for sums, and where from.
pub(in crate::store) const WHOLE: &str =
    "task_type, pattern, source, at, success_rate, execution_time, score, cost, tokens,
    kind, message, seq, run, amends, extra FROM observations";

/// Which observations are meant.
#[derive(Debug, Clone, Copy)]
pub enum ObservationChoice<'a> {
    /// Those after a number, and up to another.
    Between(i64, i64),
    /// The executions on a task type, with the last verdicts of people on them.
    OfTask(&'a str),
}

/// An observation as it stands in the store.
#[derive(Debug)]
pub struct StoredObservation<'a> {
    /// Its number.
    pub seq: i64,
    /// When it was recorded, in milliseconds since 1970; 0 if that cannot be read.
    pub at: i64,
    /// The kind of its failure.
    pub kind: Option<&'a str>,
    /// The run that recorded it.
    pub run: Option<&'a str>,
    /// How it went, if that can be read.
    pub outcome: Result<StoredOutcome<'a>, ReadError>,
}

/// How an execution went, as far as a learner wants to know.
#[derive(Debug)]
pub struct StoredOutcome<'a> {
    /// When it was recorded, in milliseconds since 1970.
    pub at: i64,
    /// The task type.
    pub task: &'a str,
    /// The pattern.
    pub pattern: &'a str,
    /// Where it comes from.
    pub source: ObservationSource,
    /// Share of the work that produced a result.
    pub success: f64,
    /// How good the result is.
    pub quality: Option<f64>,
    /// Seconds.
    pub time: Option<f64>,
    /// Dollars.
    pub cost: Option<f64>,
    /// The other figures, as JSON.
    pub extra: Option<&'a str>,
    /// What it changes, if it is the verdict of a person on an execution.
    pub amends: Option<Amendment>,
}

/// An observation with all that sums need.
#[derive(Debug)]
pub struct WholeObservation<'a> {
    /// Its number.
    pub seq: i64,
    /// The run that recorded it.
    pub run: Option<&'a str>,
    /// What was recorded, if it can be read; without what no sum needs.
    pub row: Result<ObservationRow, ReadError>,
    /// What it changes, if it is the verdict of a person on an execution and can be read.
    pub amends: Result<Option<Amendment>, ReadError>,
}

/// An execution that was recorded, as far as a verdict on it needs.
#[derive(Debug)]
pub struct StoredExecution {
    /// Where it comes from.
    pub source: ObservationSource,
    /// The kind of its failure.
    pub kind: Option<String>,
}

/// An execution that has a name, and how it went.
#[derive(Debug)]
pub struct NamedOutcome {
    /// What it is known by.
    pub name: String,
    /// The task type.
    pub task: String,
    /// The pattern.
    pub pattern: String,
    /// Share of the operations that gave a value, 0 to 1.
    pub success_rate: f64,
    /// How good the result is, 0 to 1; `None` when nobody judged it.
    pub score: Option<f64>,
    /// Dollars; `None` when unknown.
    pub cost: Option<f64>,
    /// Tokens read and written; `None` when unknown.
    pub tokens: Option<u64>,
    /// The kind of its failure.
    pub kind: Option<String>,
    /// What else is kept of it, as a JSON object.
    pub extra: String,
}

/// The sums of a pattern for one task type, as far as they can be read.
#[derive(Debug)]
pub struct StoredSums<'a> {
    /// The pattern.
    pub pattern: Result<&'a str, ReadError>,
    /// The sums.
    pub sums: Result<PatternSums, ReadError>,
}

/// How often one kind of failure was seen.
#[derive(Debug)]
pub struct StoredFailures {
    /// The task type.
    pub task: String,
    /// The pattern.
    pub pattern: String,
    /// The kind of failure.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// The last message.
    pub message: Option<String>,
    /// When it was first seen, in milliseconds since 1970.
    pub first_at: i64,
    /// When it was last seen.
    pub last_at: i64,
}

impl EmbeddedReader {
    /// Hands over observations in the order in which they were recorded, as far as a learner wants to know. The
    /// first error of `see` ends it.
    pub(super) fn observations<E: From<ReadError>>(
        &self,
        choice: ObservationChoice<'_>,
        see: impl FnMut(StoredObservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match choice {
            ObservationChoice::Between(seq, end) => {
                let sql = format!("SELECT {SEEN} WHERE seq > ? AND seq <= ? ORDER BY seq");
                self.each(&sql, params![seq, end], see)
            }
            ObservationChoice::OfTask(task) => self.each(JUDGED, params![task], see),
        }
    }

    fn each<E: From<ReadError>>(
        &self,
        sql: &str,
        with: impl Params,
        mut see: impl FnMut(StoredObservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.connection.prepare_cached(sql).map_err(ReadError::from)?;
        let mut rows = statement.query(with).map_err(ReadError::from)?;
        while let Some(row) = rows.next().map_err(ReadError::from)? {
            see(observation(row).map_err(ReadError::from)?)?;
        }
        Ok(())
    }

    /// Hands over the observations after a number and up to another, without what no sum needs.
    pub(super) fn whole_observations<E: From<ReadError>>(
        &self,
        seq: i64,
        end: i64,
        mut see: impl FnMut(WholeObservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!("SELECT {WHOLE} WHERE seq > ? AND seq <= ? ORDER BY seq");
        let mut statement = self.connection.prepare_cached(&sql).map_err(ReadError::from)?;
        let mut rows = statement.query(params![seq, end]).map_err(ReadError::from)?;
        while let Some(row) = rows.next().map_err(ReadError::from)? {
            see(whole_observation(row).map_err(ReadError::from)?)?;
        }
        Ok(())
    }

    /// Returns the number of the last observation; 0 without any.
    pub(super) fn last_observation(&self) -> Result<i64, ReadError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM observations";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// Returns the task types of the observations after one; at most this many of them.
    pub(super) fn tasks_since(&self, seq: i64, limit: usize) -> Result<Vec<String>, ReadError> {
        let sql = "SELECT DISTINCT task_type FROM observations WHERE seq > ? LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = self.connection.prepare_cached(sql)?;
        let found = rows.query_map([seq, limit], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Hands over the sums for a task type, pattern by pattern.
    pub(super) fn sums_of<E: From<ReadError>>(
        &self,
        task: &str,
        mut see: impl FnMut(StoredSums<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!("SELECT pattern, {SUMS} FROM cells WHERE task_type = ? ORDER BY pattern");
        let mut statement = self.connection.prepare_cached(&sql).map_err(ReadError::from)?;
        let mut rows = statement.query([task]).map_err(ReadError::from)?;
        while let Some(row) = rows.next().map_err(ReadError::from)? {
            see(stored_sums(row, 0))?;
        }
        Ok(())
    }

    /// Hands over all sums, each with its task type.
    pub(super) fn all_sums<E: From<ReadError>>(
        &self,
        mut see: impl FnMut(Result<&str, ReadError>, StoredSums<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!("SELECT task_type, pattern, {SUMS} FROM cells");
        let mut statement = self.connection.prepare(&sql).map_err(ReadError::from)?;
        let mut rows = statement.query([]).map_err(ReadError::from)?;
        while let Some(row) = rows.next().map_err(ReadError::from)? {
            see(text(row, 0), stored_sums(row, 1))?;
        }
        Ok(())
    }

    /// Tells whether what only the demo model did is in the sums.
    pub(super) fn counts_demo(&self) -> Result<bool, ReadError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM observations WHERE source = 'demo') AND EXISTS (
            SELECT 1 FROM cells c WHERE NOT EXISTS (SELECT 1 FROM observations o
            WHERE o.task_type = c.task_type AND o.pattern = c.pattern AND o.source = 'live'))";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// Returns how many observations of the demo model are kept.
    pub(super) fn demo_count(&self) -> Result<u64, ReadError> {
        let sql = "SELECT count(*) FROM observations WHERE source = 'demo'";
        let count: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Returns the failures among the newest this many by kind, the most frequent first; of one task type, or of all.
    pub(super) fn failures(
        &self,
        task: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<StoredFailures, ReadError>>, ReadError> {
        // Told apart in the text, so that each of them finds its index.
        let of = if task.is_some() { "task_type = ?2" } else { "?2 IS NULL" };
        let mut statement = self.connection.prepare(&format!(
            "SELECT task_type, pattern, kind, count(*), message, max(seq), min(at), max(at) FROM (
                SELECT task_type, pattern, coalesce(kind, '{UNSAID}') AS kind,
                    coalesce(message, '{UNSAID_MESSAGE}') AS message, seq, at
                FROM observations WHERE (kind IS NOT NULL OR success_rate < 0.5) AND {of}
                    AND amends IS NULL
                UNION ALL SELECT task_type, pattern, '{WRONG}', '{WRONG_MESSAGE}', seq, at
                    FROM {NEWEST} AND json_extract(extra, '$.good') = 0 AND {of}
                ORDER BY seq DESC LIMIT ?1)
             GROUP BY task_type, pattern, kind ORDER BY count(*) DESC, task_type, pattern, kind",
        ))?;

        let found = statement
            .query_map(params![limit, task], |row| Ok(failures(row).map_err(ReadError::from)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Returns the verdicts of people that hold for executions on a task type, by pattern, and whether each is good.
    pub(super) fn verdicts(&self, task: &str) -> Result<Vec<(String, bool)>, ReadError> {
        let sql = format!(
            "SELECT a.pattern, a.extra FROM {NEWEST} AND a.task_type = ? ORDER BY a.pattern"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([task])?;

        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let pattern = row.get(0)?;
            let said = Amendment::read(&row.get::<_, String>(1)?).and_then(|one| one.good);
            found.extend(said.map(|good| (pattern, good)));
        }
        Ok(found)
    }

    /// Tells whether people have judged executions on a task type.
    pub(super) fn has_verdicts(&self, task: &str) -> Result<bool, ReadError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM observations WHERE amends IS NOT NULL AND task_type = ?)";
        Ok(self.connection.prepare_cached(sql)?.query_row([task], |row| row.get(0))?)
    }

    /// Returns an execution by its name, if it was recorded.
    pub(super) fn execution(&self, name: &str) -> Result<Option<StoredExecution>, ReadError> {
        let sql = "SELECT source, kind FROM observations WHERE execution = ?";
        let found = self.connection.prepare_cached(sql)?.query_row([name], |row| {
            let word: String = row.get(0)?;
            Ok(StoredExecution { source: source_of(&word), kind: row.get(1)? })
        });
        Ok(found.optional()?)
    }

    /// Returns the executions whose names begin with the id of a run, the oldest first. One that cannot be read is left
    /// out.
    pub(super) fn executions_of(&self, run: &str) -> Result<Vec<NamedOutcome>, ReadError> {
        let sql = "SELECT execution, task_type, pattern, success_rate, score, kind, extra, cost, tokens FROM observations
            WHERE execution >= ?1 AND execution < ?1 || char(1114111) ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([run])?;

        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let read = || {
                Ok::<_, rusqlite::Error>(NamedOutcome {
                    name: row.get(0)?,
                    task: row.get(1)?,
                    pattern: row.get(2)?,
                    success_rate: row.get(3)?,
                    score: row.get(4)?,
                    cost: row.get(7)?,
                    tokens: row.get::<_, Option<i64>>(8)?.and_then(|count| count.try_into().ok()),
                    kind: row.get(5)?,
                    extra: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
                })
            };
            found.extend(read().ok());
        }
        Ok(found)
    }

    /// Returns the newest rules by which anybody has learned from the store; `None` if nobody has.
    pub(super) fn rules(&self) -> Result<Option<u32>, ReadError> {
        let sql = "SELECT max(rules) FROM learned";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// Reads a snapshot, if there is one whose last observation is still there.
    pub(super) fn snapshot<T>(
        &self,
        fold: &str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        let sql =
            "SELECT s.body FROM snapshots s JOIN observations o ON o.seq = s.seq AND o.at = s.at
                   WHERE s.fold = ?";
        let body = |row: &Row<'_>| Ok(row.get_ref(0)?.as_blob().ok().and_then(read));
        Ok(self.connection.query_row(sql, [fold], body)?)
    }

    /// Returns the number of the last observation in a snapshot.
    pub(super) fn snapshot_end(&self, fold: &str) -> Result<i64, ReadError> {
        let sql = "SELECT seq FROM snapshots WHERE fold = ?";
        Ok(self.connection.query_row(sql, [fold], |row| row.get(0))?)
    }

    /// Names the snapshots.
    pub(super) fn snapshots(&self) -> Result<Vec<String>, ReadError> {
        let mut statement = self.connection.prepare("SELECT fold FROM snapshots ORDER BY fold")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

fn observation<'a>(row: &'a Row<'_>) -> rusqlite::Result<StoredObservation<'a>> {
    Ok(StoredObservation {
        seq: row.get(0)?,
        at: row.get_ref(1)?.as_i64().unwrap_or(0),
        kind: row.get_ref(9)?.as_str().ok(),
        run: row.get_ref(11)?.as_str().ok(),
        outcome: outcome(row).map_err(ReadError::from),
    })
}

fn outcome<'a>(row: &'a Row<'_>) -> rusqlite::Result<StoredOutcome<'a>> {
    let text = |column: usize| {
        let value = row.get_ref(column)?;
        let name = row.as_ref().column_name(column)?;
        let wrong =
            |_| rusqlite::Error::InvalidColumnType(column, name.to_owned(), value.data_type());
        value.as_str().map_err(wrong)
    };

    Ok(StoredOutcome {
        source: source_of(text(4)?),
        success: row.get(5)?,
        quality: row.get(6)?,
        time: row.get(7)?,
        cost: row.get(8)?,
        at: row.get(1)?,
        task: text(2)?,
        pattern: text(3)?,
        extra: row.get_ref(10)?.as_str().ok(),
        amends: amends(row, 12, 10)?,
    })
}

/// Reads what an observation changes, if it amends another one: the columns of the name of that one and of
/// what is kept with this one.
fn amends(row: &Row<'_>, name: usize, extra: usize) -> rusqlite::Result<Option<Amendment>> {
    if row.get_ref(name)? == ValueRef::Null {
        return Ok(None);
    }

    let extra: String = row.get(extra)?;
    let wrong = || rusqlite::Error::InvalidColumnType(0, "extra".to_owned(), Type::Text);
    Ok(Some(Amendment::read(&extra).ok_or_else(wrong)?))
}

fn whole_observation<'a>(row: &'a Row<'_>) -> rusqlite::Result<WholeObservation<'a>> {
    Ok(WholeObservation {
        seq: row.get_ref(11)?.as_i64().unwrap_or_default(),
        run: row.get_ref(12)?.as_str().ok(),
        row: whole(row).map_err(ReadError::from),
        amends: amends(row, 13, 14).map_err(ReadError::from),
    })
}

fn whole(row: &Row<'_>) -> rusqlite::Result<ObservationRow> {
    let (kind, message): (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
    Ok(ObservationRow {
        task: row.get(0)?,
        pattern: row.get(1)?,
        source: row.get_ref(2)?.as_str().map_or(ObservationSource::Live, source_of),
        at: row.get(3)?,
        success_rate: row.get(4)?,
        execution_time: row.get(5)?,
        score: row.get(6)?,
        cost: row.get(7)?,
        tokens: row.get::<_, Option<i64>>(8)?.map(i64::unsigned_abs),
        error: kind.map(|kind| (kind, message.unwrap_or_default())),
        ..ObservationRow::default()
    })
}

pub(in crate::store) fn source_of(word: &str) -> ObservationSource {
    let is_demo = word == ObservationSource::Demo.word();
    if is_demo { ObservationSource::Demo } else { ObservationSource::Live }
}

/// Reads a pattern and its sums from the columns that start at `at`.
fn stored_sums<'a>(row: &'a Row<'_>, at: usize) -> StoredSums<'a> {
    let sums = read_sums(row, at + 1).map_err(ReadError::from);
    StoredSums { pattern: text(row, at), sums }
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, ReadError> {
    match row.get_ref(column)?.as_str() {
        Ok(text) => Ok(text),
        // Whoever wants it as its own is told what is wrong with it.
        Err(_) => Ok(row.get::<_, String>(column).map(|_| "")?),
    }
}

/// Reads sums from the columns that start at `at`.
pub(in crate::store) fn read_sums(row: &Row<'_>, at: usize) -> rusqlite::Result<PatternSums> {
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

fn failures(row: &Row<'_>) -> rusqlite::Result<StoredFailures> {
    Ok(StoredFailures {
        kind: row.get(2)?,
        task: row.get(0)?,
        pattern: row.get(1)?,
        first_at: row.get(6)?,
        last_at: row.get(7)?,
        count: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
        message: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reader;
    use crate::store::{self, StoreChange};
    use std::time::Duration;

    #[test]
    fn numbers_follow_the_order_of_commits() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kaizen.db");
        let first = store::open(&path).expect("a store");
        let second = store::open(&path).expect("a store");
        second.connection().busy_timeout(Duration::ZERO).expect("a time");

        let record = |store: &Reader, pattern: &str| {
            let row = ObservationRow {
                task: "t".to_owned(),
                pattern: pattern.to_owned(),
                ..ObservationRow::default()
            };
            store.apply_here(&StoreChange::Observations(vec![row]))
        };
        first.connection().execute_batch("BEGIN IMMEDIATE").expect("the lock");
        record(&first, "first").expect("not committed yet");
        record(&second, "second").expect_err("nobody else gets a number meanwhile");
        first.connection().execute_batch("COMMIT").expect("committed");
        record(&second, "second").expect("the next number");

        let mut order = Vec::new();
        let all = ObservationChoice::Between(0, i64::MAX);
        let read = second.observations(all, |row| {
            order.push((row.seq, row.outcome.map(|outcome| outcome.pattern.to_owned()).ok()));
            Ok::<_, ReadError>(())
        });

        read.expect("rows");
        assert_eq!(order, [(1, Some("first".to_owned())), (2, Some("second".to_owned()))]);
    }
}
