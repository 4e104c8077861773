//! Taking over the journal of a run in a store that several machines share. The event that says so takes the next place
//! in it, so that whoever still writes there finds that place taken.

use crate::base::id::RunId;
use crate::journal::apart::WrittenEvent;
use crate::journal::event::Event;
use crate::journal::ran::RanOps;
use crate::store::{EventPlace, ReadError, Reader, SealRow};

/// Where the journal of a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEnd {
    run: RunId,
    /// The place after the last event.
    next: i64,
    /// When that happened.
    at: i64,
}

impl JournalEnd {
    /// Finds the end of a journal; `None` if it has no events.
    pub fn of(store: &Reader, run: &RunId) -> Result<Option<JournalEnd>, ReadError> {
        let Some(next) = next_place(store, run, i64::MAX)? else { return Ok(None) };
        let last = store.event(run, EventPlace::UpTo(i64::MAX), |row| row.at.as_integer())?;
        Ok(Some(JournalEnd { run: run.clone(), next, at: last.flatten().unwrap_or_default() }))
    }

    /// Makes the event that takes the journal over, for the run that continues it.
    pub fn seal(&self, by: &RunId, token: &str) -> SealRow {
        let event = Event::Sealed { token: token.to_owned(), by: by.clone() };
        let WrittenEvent { body, .. } = WrittenEvent::of(&event);
        SealRow { run: self.run.0.clone(), seq: self.next, at: self.at, kind: event.kind(), body }
    }
}

/// Returns the place after the row that holds a number, or after the last row before it. Operations that share a row
/// take a number for each of their events.
pub(super) fn next_place(
    store: &Reader,
    run: &RunId,
    number: i64,
) -> Result<Option<i64>, ReadError> {
    let next = store.event(run, EventPlace::UpTo(number), |row| {
        let events = RanOps::read(&row.body.shown()).map_or(1, |ops| ops.events().count());
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        row.seq.as_integer().map(|first| first.saturating_add(events))
    })?;
    Ok(next.flatten())
}
