//! Looks through every journal of a store for damage.

use crate::base::id::RunId;
use crate::journal::damage::Damage;
use crate::journal::history::{self, HistoryError, is_corrupt};
use crate::journal::ran::RanOps;
use crate::journal::row_event::as_text;
use crate::store::StoreMark;
use rusqlite::{Connection, OptionalExtension, params};

/// What was found in the journals of a store.
#[derive(Debug, Default)]
pub struct Inspection {
    /// How many runs there are.
    pub runs: usize,
    /// Everything that is wrong, run by run.
    pub damage: Vec<Damage>,
}

impl Inspection {
    /// Looks through all journals as they are at one moment, one run after the other.
    pub fn of(connection: &Connection) -> Result<Inspection, HistoryError> {
        let moment = connection.unchecked_transaction()?;
        let rows = history::runs(&moment, usize::MAX)?;
        let mut found = Inspection { runs: rows.len(), damage: Vec::new() };
        for row in rows.into_iter().rev() {
            let log = history::read(&moment, &row.id)?;
            let end = log.compare(&row);
            found.damage.extend(row.damage);
            found.damage.extend(log.damage.into_iter().map(|(_, damage)| damage));
            found.damage.extend(end);
        }

        match history::orphans(&moment) {
            Ok(orphans) => {
                for run in orphans {
                    let log = history::read(&moment, &run)?;
                    found.damage.extend(log.damage.into_iter().map(|(_, damage)| damage));
                    found.damage.push(Damage::NoRow { run });
                }
            }
            // Every run with a damaged page is named above.
            Err(HistoryError::Sqlite(error)) if is_corrupt(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(found)
    }

    /// Looks for the event that was on the disk last. Where its run is damaged otherwise, that says more.
    #[must_use]
    pub fn and_mark(mut self, connection: &Connection, mark: &StoreMark) -> Inspection {
        let run = RunId(mark.series.as_ref().into());
        let is_told = self.damage.iter().any(|damage| *damage.run() == run);
        // What cannot be asked is told elsewhere.
        if !is_told && matches!(holds(connection, mark), Ok(false)) {
            self.damage.push(Damage::Gone { run, seq: mark.number });
        }
        self
    }
}

/// Tells whether the event that a store is marked with is in it: in a row of its own, or in one of operations, which
/// stands under the number of its first event.
pub fn holds(connection: &Connection, mark: &StoreMark) -> rusqlite::Result<bool> {
    let sql = "SELECT seq, body FROM events WHERE run = ? AND seq <= ? AND kind <> 'text'
        ORDER BY seq DESC LIMIT 1";
    let newest = connection.query_row(sql, params![&*mark.series, mark.number], |row| {
        Ok((row.get::<_, i64>(0)?, as_text(row.get_ref(1)?)))
    });
    let Some((first, body)) = newest.optional()? else { return Ok(false) };

    let events = RanOps::read(&body).map_or(1, |ops| ops.events().count());
    let next = first.saturating_add(i64::try_from(events).unwrap_or(i64::MAX));
    Ok(mark.number < next)
}
