//! A change on its way to the store.

use super::{Rank, SeriesPlace};
use crate::store::StoreError;
use crate::store::row::StoreChange;
use std::fmt;
use tokio::sync::oneshot;

/// How somebody is told what came of a change.
pub(super) type ChangeWaiter = oneshot::Sender<Result<(), StoreError>>;

/// A change on its way, and who waits for it.
pub(in crate::store) struct WriteJob {
    pub(super) change: StoreChange,
    /// What it belongs to; alone it stands for itself.
    pub(super) place: Option<SeriesPlace>,
    pub(super) done: Vec<ChangeWaiter>,
    pub(super) rank: Rank,
    /// Whether nobody misses it.
    pub(super) is_spare: bool,
}

impl fmt::Debug for WriteJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteJob").field("place", &self.place).finish_non_exhaustive()
    }
}

impl WriteJob {
    pub(super) fn new(change: StoreChange) -> WriteJob {
        let rank = Rank::Plain;
        WriteJob { change, place: None, done: Vec::new(), rank, is_spare: false }
    }

    pub(super) fn is_last(&self) -> bool {
        self.rank == Rank::Last
    }

    /// Returns what is to be written.
    #[cfg(feature = "shared")]
    pub(in crate::store) fn change(&self) -> &StoreChange {
        &self.change
    }

    /// Tells whether nobody misses it.
    #[cfg(feature = "shared")]
    pub(in crate::store) fn is_spare(&self) -> bool {
        self.is_spare
    }

    /// Tells whether it is still to be written. If something before it in its series failed, its waiters are told.
    pub(in crate::store) fn is_open(&mut self) -> bool {
        let checked = self.place.as_ref().map_or(Ok(()), |place| place.fault.check());
        if checked.is_err() {
            self.answer(&checked);
        }
        checked.is_ok()
    }

    /// Tells the waiter, if there is one, and everything that comes after in the series.
    pub(in crate::store) fn answer(&mut self, result: &Result<(), StoreError>) {
        if let (Err(error), Some(place)) = (result, &self.place) {
            place.fault.0.get_or_init(|| error.clone());
        }

        for done in self.done.drain(..) {
            // A waiter that has been cancelled no longer needs the answer.
            let _ = done.send(result.clone());
        }
    }
}
