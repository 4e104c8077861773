//! Reading what earlier runs left in the journal. What cannot be read is named and takes nothing else
//! with it.

use crate::base::failure::Failure;
use crate::base::id::RunId;
use crate::journal::apart::ApartText;
use crate::journal::damage::Damage;
use crate::journal::end_check::EndCheck;
use crate::journal::event::{ComparisonVerdict, Event, RunKind, RunStatus};
use crate::journal::ran::{OPS_RAN, RanOps};
use crate::journal::read_depth::ReadDepth;
use crate::journal::row_event::{RowEvents, as_text, event, events, short, type_of};
use crate::journal::waits::Waits;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use serde_json::Value;

/// The last microsecond of the year 9999: later times are no times.
pub(super) const TIME_MAX: i64 = 253_402_300_799_999_999;

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
    pub status: Option<RunStatus>,
    /// The process that ran it.
    pub pid: u32,
    /// What of the row cannot be read; a plain value stands in its place.
    pub damage: Vec<Damage>,
}

/// A store whose journal cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// SQLite refused.
    #[error("cannot read the journal: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The events of one run, and what is wrong with them.
#[derive(Debug, Default)]
pub struct RunLog {
    /// Everything that can be read, in order, each with its time in microseconds since 1970.
    pub events: Vec<(i64, Event)>,
    /// What is wrong, each with the number of events that were read before it.
    pub damage: Vec<(usize, Damage)>,
}

impl RunLog {
    /// Returns how many events come before the first damage: nothing is missing among them.
    pub fn sound(&self) -> usize {
        self.damage.first().map_or(self.events.len(), |(before, _)| *before)
    }

    /// Compares the end of the run with its row in the list of runs.
    pub fn compare(&self, row: &RunRow) -> Option<Damage> {
        let mut check = EndCheck::default();
        let mut damage = self.damage.iter().peekable();
        for (place, (_, event)) in self.events.iter().enumerate() {
            while let Some((_, damage)) = damage.next_if(|(before, _)| *before <= place) {
                check.see_damage(damage);
            }
            check.see_event(event);
        }
        damage.for_each(|(_, damage)| check.see_damage(damage));
        check.compare(row)
    }
}

const COLUMNS: &str = "SELECT id, script, started_at, ended_at, status, pid FROM runs";

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the newest runs, newest first.
pub fn runs(connection: &Connection, limit: usize) -> Result<Vec<RunRow>, HistoryError> {
    let mut rows = connection.prepare(&format!("{COLUMNS} ORDER BY id DESC LIMIT ?"))?;
    Ok(rows.query_map([count(limit)], run_row)?.collect::<Result<_, _>>()?)
}

/// Returns how many events a run has.
pub fn count_events(connection: &Connection, run: &RunId) -> Result<usize, HistoryError> {
    let sql = "SELECT coalesce(sum(CASE kind WHEN 'ops_ran'
        THEN 2 * coalesce(json_array_length(body, '$.ops'), 0) ELSE 1 END), 0)
        FROM events WHERE run = ? AND kind <> 'text' AND (kind <> 'ops_ran' OR json_valid(body))";
    let mut count = connection.prepare_cached(sql)?;
    let found: i64 = count.query_row([&run.0], |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or_default())
}

/// Returns the runs that have events and no row in the list of runs. Looks at every event.
pub fn orphans(connection: &Connection) -> Result<Vec<RunId>, HistoryError> {
    let sql = "SELECT DISTINCT run FROM events WHERE run NOT IN (SELECT id FROM runs) ORDER BY run";
    let mut rows = connection.prepare(sql)?;
    let runs = rows.query_map([], |row| Ok(RunId(as_text(row.get_ref(0)?))))?;
    Ok(runs.collect::<Result<_, _>>()?)
}

/// Returns the runs whose id starts with `prefix`, at most three: enough to tell one from many.
pub fn find(connection: &Connection, prefix: &str) -> Result<Vec<RunRow>, HistoryError> {
    let mut rows =
        connection.prepare(&format!("{COLUMNS} WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 3"))?;
    Ok(rows.query_map((count(prefix.len()), prefix), run_row)?.collect::<Result<_, _>>()?)
}

/// Returns what a run ran, if its first event can be read.
pub fn kind(connection: &Connection, run: &RunId) -> Result<Option<RunKind>, HistoryError> {
    Ok(start(connection, run)?.and_then(|event| event.ran()))
}

/// Returns the event that started a run, if it can be read.
pub fn start(connection: &Connection, run: &RunId) -> Result<Option<Event>, HistoryError> {
    let sql = "SELECT at, body FROM events WHERE run = ? AND seq = 0";

    let first = connection.prepare_cached(sql)?.query_row([&run.0], |row| {
        let read = event(row.get_ref(0)?, row.get_ref(1)?);
        Ok(read.ok().map(|(_, event)| event))
    });

    Ok(first.optional()?.flatten())
}

/// Returns what the comparisons of a run found, if it has ended and its end can be read.
pub fn comparisons(
    connection: &Connection,
    run: &RunId,
) -> Result<Vec<ComparisonVerdict>, HistoryError> {
    Ok(match end(connection, run)? {
        Some(Event::RunEnded { comparisons, .. }) => comparisons,
        _ => Vec::new(),
    })
}

/// Returns what was kept of a run as a whole when it ended. Programs before 0.2 kept nothing.
pub fn sums(connection: &Connection, run: &RunId) -> Result<Option<String>, HistoryError> {
    let mut row = connection.prepare_cached("SELECT body FROM run_sums WHERE run = ?")?;
    Ok(row.query_row([&run.0], |row| Ok(as_text(row.get_ref(0)?))).optional()?)
}

/// Hands over the events of a run that say something beside its operations, and the one that ends it, as
/// far as they can be read.
pub fn remarks(
    connection: &Connection,
    run: &RunId,
    see: &mut dyn FnMut(i64, Event),
) -> Result<(), HistoryError> {
    let sql = "SELECT at, body FROM events
        WHERE run = ? AND kind IN ('logged', 'told', 'suspended', 'run_ended') ORDER BY seq";
    let mut rows = connection.prepare_cached(sql)?;
    let mut rows = rows.query([&run.0])?;
    while let Some(row) = rows.next()? {
        if let Ok((at, event)) = event(row.get_ref(0)?, row.get_ref(1)?) {
            see(at, event);
        }
    }
    Ok(())
}

/// Returns the value of a run, if it has ended and its end can be read.
pub fn value(connection: &Connection, run: &RunId) -> Result<Option<Value>, HistoryError> {
    Ok(match end(connection, run)? {
        Some(Event::RunEnded { value, .. }) => Some(value),
        _ => None,
    })
}

/// Returns the event that ended a run, if it can be read.
pub fn end(connection: &Connection, run: &RunId) -> Result<Option<Event>, HistoryError> {
    newest(connection, run, "run_ended")
}

/// Returns the newest event of a kind in a run, if it can be read.
fn newest(connection: &Connection, run: &RunId, kind: &str) -> Result<Option<Event>, HistoryError> {
    let sql = "SELECT at, body FROM events WHERE run = ? AND kind = ? ORDER BY seq DESC LIMIT 1";

    let last = connection.prepare_cached(sql)?.query_row((&run.0, kind), |row| {
        Ok(event(row.get_ref(0)?, row.get_ref(1)?).ok().map(|(_, event)| event))
    });

    Ok(last.optional()?.flatten())
}

/// Returns the events that started the runs, oldest first, as far as they can be read.
pub fn starts(connection: &Connection) -> Result<Vec<(RunId, Event)>, HistoryError> {
    let sql = "SELECT runs.id, events.at, events.body FROM runs
               JOIN events ON events.run = runs.id AND events.seq = 0 ORDER BY runs.id";
    let mut rows = connection.prepare_cached(sql)?;

    let found = rows.query_map([], |row| {
        let run = RunId(as_text(row.get_ref(0)?));
        Ok(event(row.get_ref(1)?, row.get_ref(2)?).ok().map(|(_, event)| (run, event)))
    })?;
    Ok(found.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

/// Returns what a suspended run waits for.
pub fn waits(connection: &Connection, run: &RunId) -> Result<Option<Waits>, HistoryError> {
    Ok(match newest(connection, run, "suspended")? {
        Some(Event::Suspended { waits }) => Some(waits),
        _ => None,
    })
}

/// Returns the failure that ended a run, if one did and it can be read.
pub fn failure(connection: &Connection, run: &RunId) -> Result<Option<Failure>, HistoryError> {
    Ok(match end(connection, run)? {
        Some(Event::RunEnded { failure, .. }) => failure,
        _ => None,
    })
}

/// Returns the run that began `back` runs before the newest one; with `failed`, among those that
/// did not end well.
pub fn recent(
    connection: &Connection,
    back: usize,
    failed: bool,
) -> Result<Option<RunRow>, HistoryError> {
    let only = if failed { "WHERE status NOT IN ('ok', 'replaced', 'waiting')" } else { "" };
    let sql = format!("{COLUMNS} {only} ORDER BY id DESC LIMIT 1 OFFSET ?");
    Ok(connection.prepare(&sql)?.query_row([count(back)], run_row).optional()?)
}

/// Reads a row of the list of runs as far as it can be read.
fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let run = RunId(as_text(row.get_ref(0)?));
    let mut damage = Vec::new();
    let mut wrong = |column, value: ValueRef<'_>| {
        let found = format!("{}, `{}`", type_of(value), short(&as_text(value)));
        damage.push(Damage::Row { run: run.clone(), column, found });
    };

    let script = row.get_ref(1)?;
    if script.as_str().is_err() {
        wrong("script", script);
    }

    let status = match row.get_ref(4)? {
        ValueRef::Null => None,
        value => {
            let status = value.as_str().ok().and_then(RunStatus::of);
            if status.is_none() {
                wrong("status", value);
            }
            status
        }
    };

    let mut time = |column, value: ValueRef<'_>| {
        let time = value.as_i64().ok().filter(|time| (0..=TIME_MAX).contains(time));
        if time.is_none() {
            wrong(column, value);
        }
        time
    };
    let started_at = time("started_at", row.get_ref(2)?);
    let ended_at = match row.get_ref(3)? {
        ValueRef::Null => None,
        value => time("ended_at", value),
    };

    let pid = row.get_ref(5)?;
    let known_pid = pid.as_i64().ok().and_then(|pid| u32::try_from(pid).ok());
    if known_pid.is_none() {
        wrong("pid", pid);
    }

    Ok(RunRow {
        script: as_text(script),
        started_at: started_at.or(ended_at).unwrap_or(0),
        ended_at,
        status,
        pid: known_pid.unwrap_or(0),
        damage,
        id: run,
    })
}

/// One thing that is found while a run is read.
#[derive(Debug, Clone, PartialEq)]
pub enum LogItem {
    /// An event.
    Event {
        /// Its number in the run.
        seq: i64,
        /// When it happened, in microseconds since 1970.
        at: i64,
        /// The event.
        event: Box<Event>,
    },
    /// Something is wrong here.
    Damage(Damage),
}

/// Reads all events of a run, in order.
pub fn read(connection: &Connection, run: &RunId) -> Result<RunLog, HistoryError> {
    let mut log = RunLog::default();
    follow(connection, run, 0, usize::MAX, &mut |item| match item {
        LogItem::Event { at, event, .. } => log.events.push((at, *event)),
        LogItem::Damage(damage) => log.damage.push((log.events.len(), damage)),
    })?;
    Ok(log)
}

/// Hands over the events of a run one after the other, from the number `from` on and at most so many, so
/// that no more than one of them is in memory. Returns the number from which to go on; it is `from` if
/// there was nothing more.
pub fn follow(
    connection: &Connection,
    run: &RunId,
    from: i64,
    limit: usize,
    see: &mut dyn FnMut(LogItem),
) -> Result<i64, HistoryError> {
    follow_with(connection, run, from, limit, ReadDepth::Whole, see)
}

/// Hands over the events of a run as `follow` does, or less of them.
pub fn follow_with(
    connection: &Connection,
    run: &RunId,
    from: i64,
    limit: usize,
    depth: ReadDepth<'_>,
    see: &mut dyn FnMut(LogItem),
) -> Result<i64, HistoryError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at, kind, body, op FROM events WHERE run = ? AND seq >= ? AND kind <> 'text'
         ORDER BY seq LIMIT ?",
    )?;
    // Numbers below 0 are damage, and damage is told.
    let first = if from == 0 { i64::MIN } else { from };
    let mut rows = statement.query((&run.0, first, count(limit)))?;
    let mut follower = Follower { connection, run: run.clone(), next: from, depth };

    loop {
        match rows.next() {
            Ok(Some(row)) => follower.take(row, see)?,
            Ok(None) => return Ok(follower.next),
            Err(error) if is_corrupt(&error) => {
                let seq = follower.next - 1;
                let reason = error.to_string();
                see(LogItem::Damage(Damage::BrokenOff { run: run.clone(), seq, reason }));
                return Ok(follower.next);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns one event of a run with its time, if it is there and can be read.
pub fn event_at(
    connection: &Connection,
    run: &RunId,
    seq: i64,
) -> Result<Option<(i64, Event)>, HistoryError> {
    // A row of operations has the numbers of all its events.
    let sql = "SELECT seq, at, body FROM events WHERE run = ? AND seq <= ? AND kind <> 'text'
        ORDER BY seq DESC LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row((&run.0, seq), |row| {
        let place = seq.saturating_sub(row.get(0)?);
        Ok(match events(row.get_ref(1)?, row.get_ref(2)?) {
            Ok(RowEvents::One(at, event, apart)) if place == 0 => {
                with_text(connection, run, seq, event, apart)?.ok().map(|event| (at, *event))
            }
            Ok(RowEvents::Ran(ops)) => {
                usize::try_from(place).ok().and_then(|place| ops.events().nth(place))
            }
            Ok(RowEvents::One(..)) | Err(_) => None,
        })
    });

    Ok(found.optional()?.flatten())
}

/// Puts the text of an event into its place that stands apart, if one does; an error says what is wrong.
fn with_text(
    connection: &Connection,
    run: &RunId,
    seq: i64,
    mut event: Box<Event>,
    apart: Option<ApartText>,
) -> rusqlite::Result<Result<Box<Event>, String>> {
    let Some(apart) = apart else { return Ok(Ok(event)) };
    let sql = "SELECT body FROM events WHERE run = ? AND seq = ? AND kind = 'text'";
    let mut text = connection.prepare_cached(sql)?;
    let text = text.query_row((&run.0, seq - 1), |row| Ok(as_text(row.get_ref(0)?))).optional()?;

    let Some(text) = text else { return Ok(Err("its text is missing".to_owned())) };
    Ok(apart.put_back(&mut event, text).map(|()| event))
}

/// Returns the runs that come after an id, oldest first.
pub fn runs_after(
    connection: &Connection,
    after: &str,
    limit: usize,
) -> Result<Vec<RunRow>, HistoryError> {
    let mut rows =
        connection.prepare_cached(&format!("{COLUMNS} WHERE id > ? ORDER BY id LIMIT ?"))?;
    Ok(rows.query_map((after, count(limit)), run_row)?.collect::<Result<_, _>>()?)
}

/// Returns the row of a run, if there is one.
pub fn run(connection: &Connection, id: &RunId) -> Result<Option<RunRow>, HistoryError> {
    let mut rows = connection.prepare_cached(&format!("{COLUMNS} WHERE id = ?"))?;
    Ok(rows.query_row([&id.0], run_row).optional()?)
}

/// Returns how many runs there are.
pub fn count_runs(connection: &Connection) -> Result<usize, HistoryError> {
    let found: i64 =
        connection.prepare_cached("SELECT count(*) FROM runs")?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or_default())
}

/// Returns a number that changes whenever another connection has changed the store.
pub fn version(connection: &Connection) -> Result<i64, HistoryError> {
    Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

/// Tells whether pages of the store are damaged.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

/// A row with its number, or what is wrong with it.
type ReadRow = Result<(i64, RowEvents), String>;

/// Follows the events of one run and notes what is wrong with them.
struct Follower<'a> {
    connection: &'a Connection,
    depth: ReadDepth<'a>,
    run: RunId,
    /// The number that the next event has to have.
    next: i64,
}

impl Follower<'_> {
    /// Takes in the next event: its columns `seq`, `at`, `kind`, `body` and `op`.
    fn take(&mut self, row: &Row<'_>, see: &mut dyn FnMut(LogItem)) -> rusqlite::Result<()> {
        let seq = row.get_ref(0)?;
        let kind = row.get_ref(2)?;
        let body = row.get_ref(3)?;
        let number = seq.as_i64().ok().filter(|seq| *seq >= self.next);
        if let Some(seq) = number
            && self.depth.passes_over(kind, row.get_ref(4)?)
        {
            self.next = seq.saturating_add(1);
            return Ok(());
        }

        let read = match number {
            Some(seq) => events(row.get_ref(1)?, body).map(|events| (seq, events)),
            None => Err("events are numbered from 0 up".to_owned()),
        };
        if let Some(seq) = number {
            self.skip_to(seq, read.as_ref().is_ok_and(|(_, events)| events.is_apart()), see);
        }

        match self.with_text(read)? {
            Ok((seq, RowEvents::One(at, event, _))) => {
                self.keep(seq, at, *event, &as_text(kind), see);
            }
            Ok((seq, RowEvents::Ran(ops))) => self.keep_ran(seq, ops, &as_text(kind), see),
            Err(reason) => see(LogItem::Damage(Damage::Unreadable {
                run: self.run.clone(),
                seq: as_text(seq),
                kind: as_text(kind),
                reason,
                body: as_text(body),
            })),
        }
        Ok(())
    }

    /// Reads the text that stands apart from an event, if it is wanted.
    fn with_text(&self, read: ReadRow) -> rusqlite::Result<ReadRow> {
        match read {
            Ok((seq, RowEvents::One(at, event, apart)))
                if matches!(self.depth, ReadDepth::Whole) =>
            {
                let event = with_text(self.connection, &self.run, seq, event, apart)?;
                Ok(event.map(|event| (seq, RowEvents::One(at, event, apart))))
            }
            read => Ok(read),
        }
    }

    /// Notes a gap before the event `seq`, if there is one. A text of it that stands apart is none.
    fn skip_to(&mut self, seq: i64, is_apart: bool, see: &mut dyn FnMut(LogItem)) {
        let last = seq - 1 - i64::from(is_apart);
        // Texts of what was passed over leave numbers out as well.
        if last >= self.next && !matches!(self.depth, ReadDepth::OpsOnly(_)) {
            let run = self.run.clone();
            see(LogItem::Damage(Damage::Gap { run, first: self.next, last }));
        }

        self.next = seq.saturating_add(1);
    }

    /// Hands over the events that a row of operations stands for.
    fn keep_ran(&mut self, seq: i64, ops: RanOps, filed: &str, see: &mut dyn FnMut(LogItem)) {
        let run = self.run.clone();
        if seq == 0 {
            see(LogItem::Damage(Damage::NoStart { run, kind: OPS_RAN }));
        } else if filed != OPS_RAN {
            let filed = filed.to_owned();
            see(LogItem::Damage(Damage::Misfiled { run, seq, filed, kind: OPS_RAN }));
        }

        self.next = seq;
        for (at, event) in ops.events() {
            let seq = self.next;
            self.next = seq.saturating_add(1);
            see(LogItem::Event { seq, at, event: Box::new(event) });
        }
    }

    fn keep(&self, seq: i64, at: i64, event: Event, filed: &str, see: &mut dyn FnMut(LogItem)) {
        let run = self.run.clone();
        let kind = event.kind();

        if seq == 0 && !matches!(event, Event::RunStarted { .. }) {
            see(LogItem::Damage(Damage::NoStart { run, kind }));
        } else if filed != kind {
            let filed = filed.to_owned();
            see(LogItem::Damage(Damage::Misfiled { run, seq, filed, kind }));
        }

        see(LogItem::Event { seq, at, event: Box::new(event) });
    }
}
