//! Reading what was learned from a server: observations, the sums of patterns, and snapshots of learners.

use super::reader::{ServerReader, column, no_row};
use crate::store::reader::{
    JUDGED, NEWEST, SEEN, SUMS, WHOLE, WRONG, WRONG_MESSAGE, source_of as source,
};
use crate::store::row::{Amendment, ObservationRow};
use crate::store::server::RemoteFault;
use crate::store::sums::{PatternSums, Sums, UNSAID, UNSAID_MESSAGE};
use crate::store::{
    NamedOutcome, ObservationChoice, ReadError, StoredExecution, StoredFailures, StoredObservation,
    StoredOutcome, StoredSums, WholeObservation,
};
use tokio_postgres::Row;

/// Most observations that are read at once.
const PAGE: i64 = 1024;

impl ServerReader {
    pub(in crate::store) fn observations<E: From<ReadError>>(
        &self,
        choice: ObservationChoice<'_>,
        mut see: impl FnMut(StoredObservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut see = |row: &Row| see(observation(row)?);
        match choice {
            ObservationChoice::Between(seq, end) => {
                let sql =
                    format!("select {SEEN} where seq > $1 and seq <= $2 order by seq limit $3");
                pages(seq, 0, |seq| self.rows(&sql, &[&seq, &end, &PAGE]), &mut see)
            }
            ObservationChoice::OfTask(task) => {
                let judged = JUDGED.replace("?1", "$1");
                let sql =
                    format!("select * from ({judged}) j where seq > $2 order by seq limit $3");
                pages(0, 0, |seq| self.rows(&sql, &[&task, &seq, &PAGE]), &mut see)
            }
        }
    }

    pub(in crate::store) fn whole_observations<E: From<ReadError>>(
        &self,
        seq: i64,
        end: i64,
        mut see: impl FnMut(WholeObservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!("select {WHOLE} where seq > $1 and seq <= $2 order by seq limit $3");
        let read = |seq| self.rows(&sql, &[&seq, &end, &PAGE]);
        pages(seq, 11, read, &mut |row| see(whole_observation(row)?))
    }

    pub(in crate::store) fn last_observation(&self) -> Result<i64, ReadError> {
        self.value("select coalesce(max(seq), 0) from observations", &[])
    }

    pub(in crate::store) fn tasks_since(
        &self,
        seq: i64,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        let sql = "select distinct task_type from observations where seq > $1 limit $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(sql, &[&seq, &limit])?.iter().map(|row| column(row, 0)).collect()
    }

    pub(in crate::store) fn sums_of<E: From<ReadError>>(
        &self,
        task: &str,
        mut see: impl FnMut(StoredSums<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql =
            format!("select pattern, {SUMS} from cells where task_type = $1 order by pattern");
        self.rows(&sql, &[&task])?.iter().try_for_each(|row| see(stored_sums(row, 0)))
    }

    pub(in crate::store) fn all_sums<E: From<ReadError>>(
        &self,
        mut see: impl FnMut(Result<&str, ReadError>, StoredSums<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!("select task_type, pattern, {SUMS} from cells order by 1, 2");
        self.rows(&sql, &[])?.iter().try_for_each(|row| see(column(row, 0), stored_sums(row, 1)))
    }

    pub(in crate::store) fn counts_demo(&self) -> Result<bool, ReadError> {
        let sql = "select exists (select from observations where source = 'demo') and exists (
            select from cells c where not exists (select from observations o
            where o.task_type = c.task_type and o.pattern = c.pattern and o.source = 'live'))";
        self.value(sql, &[])
    }

    pub(in crate::store) fn demo_count(&self) -> Result<u64, ReadError> {
        let count: i64 =
            self.value("select count(*) from observations where source = 'demo'", &[])?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(in crate::store) fn failures(
        &self,
        task: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<StoredFailures, ReadError>>, ReadError> {
        // The message is that of the newest one, as SQLite gives it beside `max(seq)`.
        let sql = format!(
            "select task_type, pattern, kind, count(*), (array_agg(message order by seq desc))[1],
                max(seq), min(at), max(at) from (
                select task_type, pattern, coalesce(kind, '{UNSAID}') as kind,
                    coalesce(message, '{UNSAID_MESSAGE}') as message, seq, at
                from observations where (kind is not null or success_rate < 0.5)
                    and ($2::text is null or task_type = $2) and amends is null
                union all select task_type, pattern, '{WRONG}', '{WRONG_MESSAGE}', seq, at
                    from {NEWEST} and extra::json ->> 'good' = 'false'
                    and ($2::text is null or task_type = $2)
                order by seq desc limit $1) newest
             group by task_type, pattern, kind
             order by count(*) desc, task_type, pattern, kind collate \"C\""
        );

        let found = self.rows(&sql, &[&i64::from(limit), &task])?;
        Ok(found.iter().map(failures).collect())
    }

    pub(in crate::store) fn verdicts(&self, task: &str) -> Result<Vec<(String, bool)>, ReadError> {
        let sql = format!(
            "select a.pattern, a.extra from {NEWEST} and a.task_type = $1 order by a.pattern"
        );
        let mut found = Vec::new();
        for row in &self.rows(&sql, &[&task])? {
            let extra: Option<&str> = column(row, 1)?;
            let said = extra.and_then(Amendment::read).and_then(|one| one.good);
            if let Some(good) = said {
                found.push((column(row, 0)?, good));
            }
        }
        Ok(found)
    }

    pub(in crate::store) fn has_verdicts(&self, task: &str) -> Result<bool, ReadError> {
        let sql =
            "select exists (select from observations where amends is not null and task_type = $1)";
        self.value(sql, &[&task])
    }

    pub(in crate::store) fn execution(
        &self,
        name: &str,
    ) -> Result<Option<StoredExecution>, ReadError> {
        let sql = "select source, kind from observations where execution = $1";
        let execution = |row: Row| {
            Ok(StoredExecution { source: source(column(&row, 0)?), kind: column(&row, 1)? })
        };
        self.row(sql, &[&name])?.map(execution).transpose()
    }

    pub(in crate::store) fn executions_of(
        &self,
        run: &str,
    ) -> Result<Vec<NamedOutcome>, ReadError> {
        let sql = "select execution, task_type, pattern, success_rate, score, kind, extra, cost, tokens from observations
            where starts_with(execution, $1) order by seq";
        let outcome = |row: &Row| {
            Ok(NamedOutcome {
                name: column(row, 0)?,
                task: column(row, 1)?,
                pattern: column(row, 2)?,
                success_rate: column(row, 3)?,
                score: column(row, 4)?,
                cost: column(row, 7)?,
                tokens: column::<Option<i64>>(row, 8)?.and_then(|count| count.try_into().ok()),
                kind: column(row, 5)?,
                extra: column::<Option<String>>(row, 6)?.unwrap_or_default(),
            })
        };
        self.rows(sql, &[&run])?.iter().map(outcome).collect()
    }

    pub(in crate::store) fn rules(&self) -> Result<Option<u32>, ReadError> {
        let found: Option<i64> = self.value("select max(rules) from learned", &[])?;
        Ok(found.and_then(|rules| u32::try_from(rules).ok()))
    }

    pub(in crate::store) fn snapshot<T>(
        &self,
        fold: &str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        let sql =
            "select s.body from snapshots s join observations o on o.seq = s.seq and o.at = s.at
            where s.fold = $1";
        let row = self.row(sql, &[&fold])?;
        let body = row.as_ref().map(|row| column::<&[u8]>(row, 0)).transpose()?;
        Ok(body.and_then(read))
    }

    pub(in crate::store) fn snapshot_end(&self, fold: &str) -> Result<i64, ReadError> {
        let row = self.row("select seq from snapshots where fold = $1", &[&fold])?;
        row.map_or_else(|| Err(no_row()), |row| column(&row, 0))
    }

    pub(in crate::store) fn snapshots(&self) -> Result<Vec<String>, ReadError> {
        let found = self.rows("select fold from snapshots order by fold", &[])?;
        found.iter().map(|row| column(row, 0)).collect()
    }
}

/// Hands over rows page by page. The column at `number` holds the number of each.
fn pages<E: From<ReadError>>(
    after: i64,
    number: usize,
    read: impl Fn(i64) -> Result<Vec<Row>, ReadError>,
    see: &mut dyn FnMut(&Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = after;
    loop {
        let rows = read(after)?;
        rows.iter().try_for_each(&mut *see)?;

        let is_full = i64::try_from(rows.len()) == Ok(PAGE);
        let Some(last) = rows.last().filter(|_| is_full) else { return Ok(()) };
        after = column(last, number)?;
    }
}

fn observation(row: &Row) -> Result<StoredObservation<'_>, ReadError> {
    let seq = column(row, 0)?;
    let at = column(row, 1)?;
    let kind = column(row, 9)?;
    let run = column(row, 11)?;
    Ok(StoredObservation { seq, at, kind, run, outcome: outcome(row) })
}

fn outcome(row: &Row) -> Result<StoredOutcome<'_>, ReadError> {
    Ok(StoredOutcome {
        source: source(column(row, 4)?),
        success: column(row, 5)?,
        quality: column(row, 6)?,
        time: column(row, 7)?,
        cost: column(row, 8)?,
        at: column(row, 1)?,
        task: column(row, 2)?,
        pattern: column(row, 3)?,
        extra: column(row, 10)?,
        amends: amends(row, 12, 10)?,
    })
}

/// Reads what an observation changes, if it amends another one.
fn amends(row: &Row, name: usize, extra: usize) -> Result<Option<Amendment>, ReadError> {
    let name: Option<&str> = column(row, name)?;
    if name.is_none() {
        return Ok(None);
    }

    let extra: Option<&str> = column(row, extra)?;
    let wrong = || RemoteFault::Other { reason: "a verdict cannot be read".to_owned() };
    let read = extra.and_then(Amendment::read).ok_or_else(|| ReadError::Server(wrong()))?;
    Ok(Some(read))
}

fn whole_observation(row: &Row) -> Result<WholeObservation<'_>, ReadError> {
    let seq = column(row, 11)?;
    let run = column(row, 12)?;
    Ok(WholeObservation { seq, run, row: whole(row), amends: amends(row, 13, 14) })
}

fn whole(row: &Row) -> Result<ObservationRow, ReadError> {
    let kind: Option<String> = column(row, 9)?;
    let message: Option<String> = column(row, 10)?;
    let tokens: Option<i64> = column(row, 8)?;
    Ok(ObservationRow {
        task: column(row, 0)?,
        pattern: column(row, 1)?,
        source: source(column(row, 2)?),
        at: column(row, 3)?,
        success_rate: column(row, 4)?,
        execution_time: column(row, 5)?,
        score: column(row, 6)?,
        cost: column(row, 7)?,
        tokens: tokens.map(i64::unsigned_abs),
        error: kind.map(|kind| (kind, message.unwrap_or_default())),
        ..ObservationRow::default()
    })
}

/// Reads a pattern and its sums from the columns that start at `at`.
fn stored_sums(row: &Row, at: usize) -> StoredSums<'_> {
    StoredSums { pattern: column(row, at), sums: sums(row, at + 1) }
}

/// Reads sums from the columns that start at `at`.
pub(super) fn sums(row: &Row, at: usize) -> Result<PatternSums, ReadError> {
    let count = |place: usize| {
        let number: i64 = column(row, at + place)?;
        Ok::<_, ReadError>(u64::try_from(number).unwrap_or(0))
    };
    let sums = |place: usize, has_squares: bool| {
        let squares = if has_squares { column(row, at + place + 2)? } else { 0.0 };
        Ok::<_, ReadError>(Sums { n: count(place)?, sum: column(row, at + place + 1)?, squares })
    };

    let kind: Option<String> = column(row, at + 14)?;
    let message: Option<String> = column(row, at + 15)?;
    Ok(PatternSums {
        n: count(0)?,
        success_sum: column(row, at + 1)?,
        time: sums(2, true)?,
        score: sums(5, true)?,
        cost: sums(8, false)?,
        tokens: sums(10, false)?,
        failures: count(12)?,
        last_at: column(row, at + 13)?,
        last_error: kind.map(|kind| (kind, message.unwrap_or_default())),
    })
}

fn failures(row: &Row) -> Result<StoredFailures, ReadError> {
    let count: i64 = column(row, 3)?;
    Ok(StoredFailures {
        kind: column(row, 2)?,
        task: column(row, 0)?,
        pattern: column(row, 1)?,
        first_at: column(row, 6)?,
        last_at: column(row, 7)?,
        count: u64::try_from(count).unwrap_or(0),
        message: column(row, 4)?,
    })
}
