//! When the time of a part of a script is over.

use crate::base::clock;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The end of the time of some work. What the work has started and left behind keeps it, but is no
/// longer bound by it once the work itself is over.
#[derive(Debug)]
pub struct Deadline {
    /// On the monotonic clock; none once the work that it bounds is over, and while its time stands still.
    at: Cell<Option<Duration>>,
    outer: Option<Rc<Deadline>>,
}

impl Deadline {
    /// Bounds some work that begins now, within the bounds of the work around it.
    pub fn begin(limit: Duration, outer: Option<Rc<Deadline>>) -> DeadlineGuard {
        let at = clock::monotonic().saturating_add(limit);
        DeadlineGuard(Rc::new(Deadline { at: Cell::new(Some(at)), outer }))
    }

    /// Returns the first end that still holds, on the monotonic clock.
    pub fn at(&self) -> Option<Duration> {
        let outer = self.outer.as_ref().and_then(|outer| outer.at());
        self.at.get().into_iter().chain(outer).min()
    }
}

/// Work with a deadline. Dropping this says that the work is over.
#[derive(Debug)]
pub struct DeadlineGuard(Rc<Deadline>);

impl DeadlineGuard {
    /// Returns the deadline.
    pub fn deadline(&self) -> Rc<Deadline> {
        self.0.clone()
    }

    /// Lets the time of the work stand still.
    pub fn stop(&self) {
        self.0.at.set(None);
    }

    /// Lets the time of the work continue, of which this much is left.
    pub fn restart(&self, left: Duration) {
        self.0.at.set(Some(clock::monotonic().saturating_add(left)));
    }
}

impl Drop for DeadlineGuard {
    fn drop(&mut self) {
        self.0.at.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_that_holds_counts_until_its_work_is_over() {
        let outer = Deadline::begin(Duration::from_secs(50), None);
        let inner = Deadline::begin(Duration::from_secs(10), Some(outer.deadline()));
        let kept = inner.deadline();
        assert_eq!(kept.at(), kept.at.get());

        inner.stop();
        assert_eq!(kept.at(), outer.deadline().at.get());
        inner.restart(Duration::from_secs(5));
        assert!(kept.at() < outer.deadline().at.get());

        drop(inner);
        assert_eq!(kept.at(), outer.deadline().at.get());
        drop(outer);
        assert_eq!(kept.at(), None);
    }
}
