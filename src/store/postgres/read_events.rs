//! Reading the table of events on a server. Many rows come in pages, so that no more than one page is in memory.

use super::read_runs::text;
use super::reader::{ServerReader, column};
use crate::base::id::RunId;
use crate::store::{EventPlace, EventsEnd, ReadError, StoredEvent, StoredValue};
use serde::de::IgnoredAny;
use tokio_postgres::Row;

/// Most events that are read at once.
const PAGE: i64 = 256;

/// A row that several operations share, as far as it is counted.
#[derive(serde::Deserialize)]
struct SharedRow {
    ops: Vec<IgnoredAny>,
}

const COLUMNS: &str = "select seq, at, kind, body, op from events where run = $1";

impl ServerReader {
    pub(in crate::store) fn event<T>(
        &self,
        run: &RunId,
        place: EventPlace<'_>,
        read: impl FnOnce(StoredEvent<'_>) -> T,
    ) -> Result<Option<T>, ReadError> {
        let found = match place {
            EventPlace::First => self.row(&format!("{COLUMNS} and seq = 0"), &[&run.0]),
            EventPlace::UpTo(seq) => {
                let rest = "and seq <= $2 and kind <> 'text' order by seq desc limit 1";
                self.row(&format!("{COLUMNS} {rest}"), &[&run.0, &seq])
            }
            EventPlace::Newest(kind) => {
                let rest = "and kind = $2 order by seq desc limit 1";
                self.row(&format!("{COLUMNS} {rest}"), &[&run.0, &kind])
            }
        };
        found?.map(|row| Ok(read(event(&row, 0)?))).transpose()
    }

    pub(in crate::store) fn event_text(
        &self,
        run: &RunId,
        seq: i64,
    ) -> Result<Option<String>, ReadError> {
        let sql = "select body from events where run = $1 and seq = $2 and kind = 'text'";
        let found = self.row(sql, &[&run.0, &(seq - 1)])?;
        found.map(|row| column(&row, 0)).transpose()
    }

    pub(in crate::store) fn events(
        &self,
        run: &RunId,
        from: i64,
        limit: usize,
        see: &mut dyn FnMut(StoredEvent<'_>) -> Result<(), ReadError>,
    ) -> Result<EventsEnd, ReadError> {
        let sql = format!("{COLUMNS} and seq >= $2 and kind <> 'text' order by seq limit $3");
        let mut from = from;
        let mut left = i64::try_from(limit).unwrap_or(i64::MAX);

        while left > 0 {
            let page = left.min(PAGE);
            let rows = self.rows(&sql, &[&run.0, &from, &page])?;
            for row in &rows {
                see(event(row, 0)?)?;
            }

            let Some(last) = rows.last().filter(|_| i64::try_from(rows.len()) == Ok(PAGE)) else {
                break;
            };
            from = column::<i64>(last, 0)? + 1;
            left -= page;
        }
        Ok(EventsEnd::Whole)
    }

    pub(in crate::store) fn events_of_kinds(
        &self,
        run: &RunId,
        kinds: &[&str],
        see: &mut dyn FnMut(StoredEvent<'_>),
    ) -> Result<(), ReadError> {
        let sql = format!("{COLUMNS} and kind = any($2) and seq >= $3 order by seq limit $4");
        let mut from = 0_i64;
        loop {
            let rows = self.rows(&sql, &[&run.0, &kinds, &from, &PAGE])?;
            for row in &rows {
                see(event(row, 0)?);
            }

            let Some(last) = rows.last() else { return Ok(()) };
            from = column::<i64>(last, 0)? + 1;
        }
    }

    pub(in crate::store) fn first_events(
        &self,
        see: &mut dyn FnMut(RunId, StoredEvent<'_>),
    ) -> Result<(), ReadError> {
        let sql = "select e.run, e.seq, e.at, e.kind, e.body, e.op from runs r
            join events e on e.run = r.id and e.seq = 0 where r.id > $1 order by r.id limit $2";
        let mut after = String::new();
        loop {
            let rows = self.rows(sql, &[&after, &PAGE])?;
            for row in &rows {
                see(RunId(column(row, 0)?), event(row, 1)?);
            }

            let Some(last) = rows.last() else { return Ok(()) };
            after = column(last, 0)?;
        }
    }

    pub(in crate::store) fn count_events(&self, run: &RunId) -> Result<usize, ReadError> {
        let sql = "select count(*) filter (where kind not in ('text', 'ops_ran')),
            count(*) filter (where kind = 'ops_ran') from events where run = $1";
        let Some(row) = self.row(sql, &[&run.0])? else { return Ok(0) };
        let alone: i64 = column(&row, 0)?;
        let shared: i64 = column(&row, 1)?;
        let alone = usize::try_from(alone).unwrap_or_default();
        if shared == 0 {
            return Ok(alone);
        }

        // The server cannot count what is in a row: it refuses texts with the character 0, and has no word for a body
        // that is no JSON.
        let mut together = 0;
        self.events_of_kinds(run, &["ops_ran"], &mut |event| {
            let ops = event.body.as_text().and_then(|body| serde_json::from_str(body).ok());
            together += ops.map_or(0, |SharedRow { ops }| 2 * ops.len());
        })?;
        Ok(alone + together)
    }

    pub(in crate::store) fn weigh(&self, run: &RunId) -> Result<(u64, u64), ReadError> {
        let sql = "select count(*) filter (where kind <> 'text'),
            coalesce(sum(octet_length(body) + 60), 0)::bigint from events where run = $1";
        let Some(row) = self.row(sql, &[&run.0])? else { return Ok((0, 0)) };
        let count: i64 = column(&row, 0)?;
        let bytes: i64 = column(&row, 1)?;
        Ok((count.unsigned_abs(), bytes.unsigned_abs()))
    }

    pub(in crate::store) fn orphans(&self) -> Result<Vec<RunId>, ReadError> {
        let sql = "select distinct run from events e
            where not exists (select from runs r where r.id = e.run) order by run";
        self.rows(sql, &[])?.iter().map(|row| Ok(RunId(column(row, 0)?))).collect()
    }
}

/// Reads an event from the columns that start at `at`.
fn event(row: &Row, at: usize) -> Result<StoredEvent<'_>, ReadError> {
    let op: Option<i64> = column(row, at + 4)?;
    Ok(StoredEvent {
        seq: StoredValue::Integer(column(row, at)?),
        at: StoredValue::Integer(column(row, at + 1)?),
        kind: text(column(row, at + 2)?),
        body: text(column(row, at + 3)?),
        op: op.map_or(StoredValue::Null, StoredValue::Integer),
    })
}
