//! How far a run has come in what it is told again, and whether it goes on by itself.

use super::Turns;

impl Turns {
    /// Returns the last place in the journal of what was told.
    pub(in crate::executor) fn newest_place(&self) -> u64 {
        self.newest_place.get()
    }

    /// Notes that the run does what no recorded run has done.
    pub(in crate::executor) fn go_on(&self) {
        self.newest_place.set(u64::MAX);
    }

    /// Tells whether something new has come although others of the journal were yet to be told: the
    /// script, or what it asks again, goes another way than the recorded run.
    pub(in crate::executor) fn has_strayed(&self) -> bool {
        self.has_strayed.get()
    }

    /// Tells whether ends of the recorded run are yet to be told.
    pub(crate) fn is_retelling(&self) -> bool {
        !self.has_strayed.get() && !self.queues.borrow().untold.is_empty()
    }
}
