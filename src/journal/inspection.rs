//! Looks through every journal of a store for damage.

use crate::base::id::RunId;
use crate::journal::damage::Damage;
use crate::journal::history::{self, HistoryError};
use crate::journal::seal::next_place;
use crate::store::{ReadError, Reader, StoreMark};

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
    pub fn of(store: &Reader) -> Result<Inspection, HistoryError> {
        let moment = store.freeze()?;
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
            Err(HistoryError::Read(error)) if error.is_corrupt() => {}
            Err(error) => return Err(error),
        }
        Ok(found)
    }

    /// Looks for the event that was on the disk last. Where its run is damaged otherwise, that says more.
    #[must_use]
    pub fn and_mark(mut self, store: &Reader, mark: &StoreMark) -> Inspection {
        let run = RunId(mark.series.as_ref().into());
        let is_told = self.damage.iter().any(|damage| *damage.run() == run);
        // What cannot be asked is told elsewhere.
        if !is_told && matches!(holds(store, mark), Ok(false)) {
            self.damage.push(Damage::Gone { run, seq: mark.number });
        }
        self
    }
}

/// Tells whether the event that a store is marked with is in it: in a row of its own, or in one of operations, which
/// stands under the number of its first event.
pub fn holds(store: &Reader, mark: &StoreMark) -> Result<bool, ReadError> {
    let run = RunId(mark.series.as_ref().into());
    let next = next_place(store, &run, mark.number)?;
    Ok(next.is_some_and(|next| mark.number < next))
}
