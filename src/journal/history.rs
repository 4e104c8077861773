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
use crate::journal::row_event::{RowEvents, event, events, short, type_of};
use crate::journal::waits::Waits;
use crate::store::{
    EventPlace, EventsEnd, ReadError, Reader, RunChoice, StoredEvent, StoredRun, StoredValue,
};
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
    /// The process that ran it; 0 if that is on another machine.
    pub pid: u32,
    /// What of the row cannot be read; a plain value stands in its place.
    pub damage: Vec<Damage>,
}

/// A store whose journal cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store refused.
    #[error("cannot read the journal: {0}")]
    Read(#[from] ReadError),
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

/// Returns the newest runs, newest first.
pub fn runs(store: &Reader, limit: usize) -> Result<Vec<RunRow>, HistoryError> {
    Ok(store.runs(RunChoice::Newest(limit), run_row)?)
}

/// Returns how many events a run has.
pub fn count_events(store: &Reader, run: &RunId) -> Result<usize, HistoryError> {
    Ok(store.count_events(run)?)
}

/// Returns the runs that have events and no row in the list of runs. Looks at every event.
pub fn orphans(store: &Reader) -> Result<Vec<RunId>, HistoryError> {
    Ok(store.orphans()?)
}

/// Returns the runs whose id starts with `prefix`, at most three: enough to tell one from many.
pub fn find(store: &Reader, prefix: &str) -> Result<Vec<RunRow>, HistoryError> {
    Ok(store.runs(RunChoice::Beginning(prefix, 3), run_row)?)
}

/// Returns what a run ran, if its first event can be read.
pub fn kind(store: &Reader, run: &RunId) -> Result<Option<RunKind>, HistoryError> {
    Ok(start(store, run)?.and_then(|event| event.ran()))
}

/// Returns the event that started a run, if it can be read.
pub fn start(store: &Reader, run: &RunId) -> Result<Option<Event>, HistoryError> {
    one(store, run, EventPlace::First)
}

/// Returns one event of a run, if it can be read.
fn one(store: &Reader, run: &RunId, place: EventPlace<'_>) -> Result<Option<Event>, HistoryError> {
    let found = store.event(run, place, |row| event(row).ok().map(|(_, event)| event))?;
    Ok(found.flatten())
}

/// Returns what the comparisons of a run found, if it has ended and its end can be read.
pub fn comparisons(store: &Reader, run: &RunId) -> Result<Vec<ComparisonVerdict>, HistoryError> {
    Ok(match end(store, run)? {
        Some(Event::RunEnded { comparisons, .. }) => comparisons,
        _ => Vec::new(),
    })
}

/// Returns what was kept of a run as a whole when it ended. Programs before 0.2 kept nothing.
pub fn sums(store: &Reader, run: &RunId) -> Result<Option<String>, HistoryError> {
    Ok(store.run_sums(run)?)
}

/// The kinds of events that say something beside the operations of a run, and of the one that ends it.
const REMARKS: [&str; 4] = ["logged", "told", "suspended", "run_ended"];

/// Hands over the events of a run that say something beside its operations, and the one that ends it, as
/// far as they can be read.
pub fn remarks(
    store: &Reader,
    run: &RunId,
    see: &mut dyn FnMut(i64, Event),
) -> Result<(), HistoryError> {
    store.events_of_kinds(run, &REMARKS, &mut |row| {
        if let Ok((at, event)) = event(row) {
            see(at, event);
        }
    })?;
    Ok(())
}

/// Returns the value of a run, if it has ended and its end can be read.
pub fn value(store: &Reader, run: &RunId) -> Result<Option<Value>, HistoryError> {
    Ok(match end(store, run)? {
        Some(Event::RunEnded { value, .. }) => Some(value),
        _ => None,
    })
}

/// Returns the event that ended a run, if it can be read.
pub fn end(store: &Reader, run: &RunId) -> Result<Option<Event>, HistoryError> {
    one(store, run, EventPlace::Newest("run_ended"))
}

/// Returns the events that started the runs, oldest first, as far as they can be read.
pub fn starts(store: &Reader) -> Result<Vec<(RunId, Event)>, HistoryError> {
    let mut found = Vec::new();
    store.first_events(&mut |run, row| {
        if let Ok((_, event)) = event(row) {
            found.push((run, event));
        }
    })?;
    Ok(found)
}

/// Returns what a suspended run waits for.
pub fn waits(store: &Reader, run: &RunId) -> Result<Option<Waits>, HistoryError> {
    Ok(match one(store, run, EventPlace::Newest("suspended"))? {
        Some(Event::Suspended { waits }) => Some(waits),
        _ => None,
    })
}

/// Returns the failure that ended a run, if one did and it can be read.
pub fn failure(store: &Reader, run: &RunId) -> Result<Option<Failure>, HistoryError> {
    Ok(match end(store, run)? {
        Some(Event::RunEnded { failure, .. }) => failure,
        _ => None,
    })
}

/// Returns the run that began `back` runs before the newest one; with `failed`, among those that
/// did not end well.
pub fn recent(store: &Reader, back: usize, failed: bool) -> Result<Option<RunRow>, HistoryError> {
    let choice = if failed { RunChoice::BackFailed(back) } else { RunChoice::Back(back) };
    Ok(store.runs(choice, run_row)?.pop())
}

/// Most runs that are looked at for the last one that is no session.
const LOOKED_AT_MAX: usize = 1000;

/// Finds the run that a name means in a session of the REPL: `@` is the last one, `@-1` the one before and `@fail` the
/// last that failed. Sessions are runs too, and whoever asks there means the work of a script.
pub fn find_beside_sessions(store: &Reader, name: &str) -> Result<Option<RunRow>, HistoryError> {
    let Some(back) = name.strip_prefix('@') else {
        let mut found = find(store, name)?;
        return Ok(if found.len() == 1 { found.pop() } else { None });
    };

    let (count, failed) = match back {
        "" => (0, false),
        "fail" => (0, true),
        back => match back.strip_prefix('-').and_then(|number| number.parse().ok()) {
            Some(count) => (count, false),
            None => return Ok(None),
        },
    };
    let mut left = count;
    for place in 0..LOOKED_AT_MAX {
        let Some(row) = recent(store, place, failed)? else { return Ok(None) };
        if kind(store, &row.id)? == Some(RunKind::Session) {
            continue;
        }
        if left == 0 {
            return Ok(Some(row));
        }
        left -= 1;
    }
    Ok(None)
}

/// Reads a row of the list of runs as far as it can be read.
fn run_row(row: StoredRun<'_>) -> RunRow {
    let run = RunId(row.id.shown().into_owned());
    let mut damage = Vec::new();
    let mut wrong = |column, value: StoredValue<'_>| {
        let found = format!("{}, `{}`", type_of(value), short(&value.shown()));
        damage.push(Damage::Row { run: run.clone(), column, found });
    };

    if row.script.as_text().is_none() {
        wrong("script", row.script);
    }

    let status = match row.status {
        StoredValue::Null => None,
        value => {
            let status = value.as_text().and_then(RunStatus::of);
            if status.is_none() {
                wrong("status", value);
            }
            status
        }
    };

    let mut time = |column, value: StoredValue<'_>| {
        let time = value.as_integer().filter(|time| (0..=TIME_MAX).contains(time));
        if time.is_none() {
            wrong(column, value);
        }
        time
    };
    let started_at = time("started_at", row.started_at);
    let ended_at = match row.ended_at {
        StoredValue::Null => None,
        value => time("ended_at", value),
    };

    let known_pid = row.pid.as_integer().and_then(|pid| u32::try_from(pid).ok());
    if known_pid.is_none() {
        wrong("pid", row.pid);
    }

    RunRow {
        script: row.script.shown().into_owned(),
        started_at: started_at.or(ended_at).unwrap_or(0),
        ended_at,
        status,
        pid: known_pid.unwrap_or(0),
        damage,
        id: run,
    }
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
pub fn read(store: &Reader, run: &RunId) -> Result<RunLog, HistoryError> {
    let mut log = RunLog::default();
    follow(store, run, 0, usize::MAX, &mut |item| match item {
        LogItem::Event { at, event, .. } => log.events.push((at, *event)),
        LogItem::Damage(damage) => log.damage.push((log.events.len(), damage)),
    })?;
    Ok(log)
}

/// Hands over the events of a run one after the other, from the number `from` on and at most this many, so
/// that no more than one of them is in memory. Returns the number from which to continue; it is `from` if
/// there was nothing more.
pub fn follow(
    store: &Reader,
    run: &RunId,
    from: i64,
    limit: usize,
    see: &mut dyn FnMut(LogItem),
) -> Result<i64, HistoryError> {
    follow_with(store, run, from, limit, ReadDepth::Whole, see)
}

/// Hands over the events of a run as `follow` does, or less of them.
pub fn follow_with(
    store: &Reader,
    run: &RunId,
    from: i64,
    limit: usize,
    depth: ReadDepth<'_>,
    see: &mut dyn FnMut(LogItem),
) -> Result<i64, HistoryError> {
    // Numbers below 0 are damage, and damage is told.
    let first = if from == 0 { i64::MIN } else { from };
    let mut follower = Follower { store, run: run.clone(), next: from, depth };

    match store.events(run, first, limit, &mut |row| follower.take(row, see))? {
        EventsEnd::Whole => {}
        EventsEnd::Broken(error) => {
            let seq = follower.next - 1;
            let reason = error.to_string();
            see(LogItem::Damage(Damage::BrokenOff { run: run.clone(), seq, reason }));
        }
    }
    Ok(follower.next)
}

/// Returns one event of a run with its time, if it is there and can be read.
pub fn event_at(
    store: &Reader,
    run: &RunId,
    seq: i64,
) -> Result<Option<(i64, Event)>, HistoryError> {
    // A row of operations has the numbers of all its events.
    let found = store.event(run, EventPlace::UpTo(seq), |row| {
        let place = seq.saturating_sub(row.seq.as_integer()?);
        Some((place, events(row).ok()?))
    })?;

    Ok(match found.flatten() {
        Some((0, RowEvents::One(at, event, apart))) => {
            with_text(store, run, seq, event, apart)?.ok().map(|event| (at, *event))
        }
        Some((place, RowEvents::Ran(ops))) => {
            usize::try_from(place).ok().and_then(|place| ops.events().nth(place))
        }
        Some((_, RowEvents::One(..))) | None => None,
    })
}

/// Puts the text of an event into its place that stands apart, if one does; an error says what is wrong.
fn with_text(
    store: &Reader,
    run: &RunId,
    seq: i64,
    mut event: Box<Event>,
    apart: Option<ApartText>,
) -> Result<Result<Box<Event>, String>, ReadError> {
    let Some(apart) = apart else { return Ok(Ok(event)) };
    let Some(text) = store.event_text(run, seq)? else {
        return Ok(Err("its text is missing".to_owned()));
    };
    Ok(apart.put_back(&mut event, text).map(|()| event))
}

/// Returns the runs that come after an id, oldest first.
pub fn runs_after(store: &Reader, after: &str, limit: usize) -> Result<Vec<RunRow>, HistoryError> {
    Ok(store.runs(RunChoice::After(after, limit), run_row)?)
}

/// Returns the row of a run, if there is one.
pub fn run(store: &Reader, id: &RunId) -> Result<Option<RunRow>, HistoryError> {
    Ok(store.runs(RunChoice::One(id), run_row)?.pop())
}

/// Returns how many runs there are.
pub fn count_runs(store: &Reader) -> Result<usize, HistoryError> {
    Ok(store.count_runs()?)
}

/// Returns a number that changes whenever another connection has changed the store.
pub fn version(store: &Reader) -> Result<i64, HistoryError> {
    Ok(store.version()?)
}

/// A row with its number, or what is wrong with it.
type ReadRow = Result<(i64, RowEvents), String>;

/// Follows the events of one run and notes what is wrong with them.
struct Follower<'a> {
    store: &'a Reader,
    depth: ReadDepth<'a>,
    run: RunId,
    /// The number that the next event has to have.
    next: i64,
}

impl Follower<'_> {
    /// Takes in the next event.
    fn take(
        &mut self,
        row: StoredEvent<'_>,
        see: &mut dyn FnMut(LogItem),
    ) -> Result<(), ReadError> {
        let number = row.seq.as_integer().filter(|seq| *seq >= self.next);
        if let Some(seq) = number
            && self.depth.passes_over(row.kind, row.op)
        {
            self.next = seq.saturating_add(1);
            return Ok(());
        }

        let read = match number {
            Some(seq) => events(row).map(|events| (seq, events)),
            None => Err("events are numbered from 0 up".to_owned()),
        };
        if let Some(seq) = number {
            self.skip_to(seq, read.as_ref().is_ok_and(|(_, events)| events.is_apart()), see);
        }

        match self.with_text(read)? {
            Ok((seq, RowEvents::One(at, event, _))) => {
                self.keep(seq, at, *event, &row.kind.shown(), see);
            }
            Ok((seq, RowEvents::Ran(ops))) => self.keep_ran(seq, ops, &row.kind.shown(), see),
            Err(reason) => see(LogItem::Damage(Damage::Unreadable {
                run: self.run.clone(),
                seq: row.seq.shown().into_owned(),
                kind: row.kind.shown().into_owned(),
                reason,
                body: row.body.shown().into_owned(),
            })),
        }
        Ok(())
    }

    /// Reads the text that stands apart from an event, if it is wanted.
    fn with_text(&self, read: ReadRow) -> Result<ReadRow, ReadError> {
        match read {
            Ok((seq, RowEvents::One(at, event, apart)))
                if matches!(self.depth, ReadDepth::Whole) =>
            {
                let event = with_text(self.store, &self.run, seq, event, apart)?;
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
