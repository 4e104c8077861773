//! Reading the table of events.

use super::{EmbeddedReader, ReadError, StoredValue};
use crate::base::id::RunId;
use rusqlite::{OptionalExtension, Row, ToSql, params_from_iter};

/// A row of the table of events.
#[derive(Debug, Clone, Copy)]
pub struct StoredEvent<'a> {
    /// Its number in the run.
    pub seq: StoredValue<'a>,
    /// When it happened, in microseconds since 1970.
    pub at: StoredValue<'a>,
    /// The word for its kind.
    pub kind: StoredValue<'a>,
    /// The event as JSON.
    pub body: StoredValue<'a>,
    /// The operation that it is about, if it is about one.
    pub op: StoredValue<'a>,
}

/// Which event of a run is meant.
#[derive(Debug, Clone, Copy)]
pub enum EventPlace<'a> {
    /// The first one.
    First,
    /// The last one up to a number. A row of operations stands under the number of its first event.
    UpTo(i64),
    /// The newest one of a kind.
    Newest(&'a str),
}

/// How far the events of a run could be read.
#[derive(Debug)]
pub enum EventsEnd {
    /// As far as was asked.
    Whole,
    /// To a page that is damaged.
    Broken(ReadError),
}

const COLUMNS: &str = "SELECT seq, at, kind, body, op FROM events";

impl<'a> StoredEvent<'a> {
    /// Reads it from the columns that start at `at`.
    fn of(row: &'a Row<'_>, at: usize) -> rusqlite::Result<StoredEvent<'a>> {
        Ok(StoredEvent {
            seq: StoredValue::of(row.get_ref(at)?),
            at: StoredValue::of(row.get_ref(at + 1)?),
            kind: StoredValue::of(row.get_ref(at + 2)?),
            body: StoredValue::of(row.get_ref(at + 3)?),
            op: StoredValue::of(row.get_ref(at + 4)?),
        })
    }
}

impl EmbeddedReader {
    /// Reads one event of a run, if it is there.
    pub(super) fn event<T>(
        &self,
        run: &RunId,
        place: EventPlace<'_>,
        read: impl FnOnce(StoredEvent<'_>) -> T,
    ) -> Result<Option<T>, ReadError> {
        match place {
            EventPlace::First => self.one("seq = 0", &[&run.0], read),
            EventPlace::UpTo(seq) => {
                let rest = "seq <= ? AND kind <> 'text' ORDER BY seq DESC LIMIT 1";
                self.one(rest, &[&run.0, &seq], read)
            }
            EventPlace::Newest(kind) => {
                self.one("kind = ? ORDER BY seq DESC LIMIT 1", &[&run.0, &kind], read)
            }
        }
    }

    fn one<T>(
        &self,
        rest: &str,
        with: &[&dyn ToSql],
        read: impl FnOnce(StoredEvent<'_>) -> T,
    ) -> Result<Option<T>, ReadError> {
        let sql = format!("{COLUMNS} WHERE run = ? AND {rest}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_row(with, |row| Ok(read(StoredEvent::of(row, 0)?)));
        Ok(found.optional()?)
    }

    /// Returns the long text of an event that stands apart from it, in the row before that of the event.
    pub(super) fn event_text(&self, run: &RunId, seq: i64) -> Result<Option<String>, ReadError> {
        let sql = "SELECT body FROM events WHERE run = ? AND seq = ? AND kind = 'text'";
        let text = |row: &Row<'_>| Ok(StoredValue::of(row.get_ref(0)?).shown().into_owned());
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row((&run.0, seq - 1), text).optional()?)
    }

    /// Hands over the events of a run one after the other, from a number on and at most this many, so that no more
    /// than one of them is in memory. Texts that stand apart are left where they are. The first error of `see`
    /// ends it.
    pub(super) fn events(
        &self,
        run: &RunId,
        from: i64,
        limit: usize,
        see: &mut dyn FnMut(StoredEvent<'_>) -> Result<(), ReadError>,
    ) -> Result<EventsEnd, ReadError> {
        let sql =
            format!("{COLUMNS} WHERE run = ? AND seq >= ? AND kind <> 'text' ORDER BY seq LIMIT ?");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query((&run.0, from, limit))?;

        loop {
            match rows.next().map_err(ReadError::from) {
                Ok(Some(row)) => see(StoredEvent::of(row, 0)?)?,
                Ok(None) => return Ok(EventsEnd::Whole),
                Err(error) if error.is_corrupt() => return Ok(EventsEnd::Broken(error)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands over the events of a run that are of certain kinds, in order.
    pub(super) fn events_of_kinds(
        &self,
        run: &RunId,
        kinds: &[&str],
        see: &mut dyn FnMut(StoredEvent<'_>),
    ) -> Result<(), ReadError> {
        let places = vec!["?"; kinds.len()].join(",");
        let sql = format!("{COLUMNS} WHERE run = ? AND kind IN ({places}) ORDER BY seq");
        let mut statement = self.connection.prepare_cached(&sql)?;

        let with = std::iter::once(run.0.as_str()).chain(kinds.iter().copied());
        let mut rows = statement.query(params_from_iter(with))?;
        while let Some(row) = rows.next()? {
            see(StoredEvent::of(row, 0)?);
        }
        Ok(())
    }

    /// Hands over the first event of each run, the oldest run first.
    pub(super) fn first_events(
        &self,
        see: &mut dyn FnMut(RunId, StoredEvent<'_>),
    ) -> Result<(), ReadError> {
        let sql =
            "SELECT runs.id, events.seq, events.at, events.kind, events.body, events.op FROM runs
            JOIN events ON events.run = runs.id AND events.seq = 0 ORDER BY runs.id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let run = RunId(StoredValue::of(row.get_ref(0)?).shown().into_owned());
            see(run, StoredEvent::of(row, 1)?);
        }
        Ok(())
    }

    /// Returns how many events a run has, those included that share a row.
    pub(super) fn count_events(&self, run: &RunId) -> Result<usize, ReadError> {
        let sql = "SELECT coalesce(sum(CASE kind WHEN 'ops_ran'
            THEN 2 * coalesce(json_array_length(body, '$.ops'), 0) ELSE 1 END), 0)
            FROM events WHERE run = ? AND kind <> 'text'
            AND (kind <> 'ops_ran' OR json_valid(body))";
        let mut count = self.connection.prepare_cached(sql)?;
        let found: i64 = count.query_row([&run.0], |row| row.get(0))?;
        Ok(usize::try_from(found).unwrap_or_default())
    }

    /// Returns the number of a run's rows that are not texts of events, and about how many bytes they take.
    pub(super) fn weigh(&self, run: &RunId) -> Result<(u64, u64), ReadError> {
        let sql = "SELECT count(*) FILTER (WHERE kind <> 'text'),
            coalesce(sum(length(CAST(body AS BLOB)) + 60), 0) FROM events WHERE run = ?";
        let (count, bytes): (i64, i64) =
            self.connection.query_row(sql, [&run.0], |row| Ok((row.get(0)?, row.get(1)?)))?;

        Ok((count.unsigned_abs(), bytes.unsigned_abs()))
    }

    /// Returns the runs that have events and no row in the list of runs. Looks at every event.
    pub(super) fn orphans(&self) -> Result<Vec<RunId>, ReadError> {
        let sql =
            "SELECT DISTINCT run FROM events WHERE run NOT IN (SELECT id FROM runs) ORDER BY run";
        let mut rows = self.connection.prepare(sql)?;
        let run = |row: &Row<'_>| Ok(RunId(StoredValue::of(row.get_ref(0)?).shown().into_owned()));
        Ok(rows.query_map([], run)?.collect::<Result<_, _>>()?)
    }
}
