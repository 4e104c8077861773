//! The clock of a run, on which the time before a crash has passed as well.

use crate::base::clock;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The machine's clock, moved on by what a run need not wait for again.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnClock {
    skipped: Rc<Cell<Duration>>,
}

impl OwnClock {
    /// Returns the time now.
    pub(super) fn time(&self) -> Duration {
        clock::monotonic().saturating_add(self.skipped.get())
    }

    /// Returns how far it is ahead of the machine's clock.
    pub(super) fn skipped(&self) -> Duration {
        self.skipped.get()
    }

    /// Moves it on to a time that had come before a crash.
    pub(super) fn skip_to(&self, time: Duration) {
        let ahead = time.saturating_sub(self.time());
        self.skipped.set(self.skipped.get().saturating_add(ahead));
    }
}
