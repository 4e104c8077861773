//! When the time of a part of a script is over.

use crate::base::clock;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The end of the time of some work. What the work has started and left behind keeps it, but is no
/// longer bound by it once the work itself is over.
#[derive(Debug)]
pub struct Deadline {
    /// On the monotonic clock.
    at: Duration,
    /// The work that it bounds is over.
    is_lifted: Cell<bool>,
    outer: Option<Rc<Deadline>>,
}

impl Deadline {
    /// Bounds some work that begins now, within the bounds of the work around it.
    pub fn begin(limit: Duration, outer: Option<Rc<Deadline>>) -> DeadlineGuard {
        let at = clock::monotonic().saturating_add(limit);
        DeadlineGuard(Rc::new(Deadline { at, is_lifted: Cell::new(false), outer }))
    }

    /// Returns the first end that still holds, on the monotonic clock.
    pub fn at(&self) -> Option<Duration> {
        let outer = self.outer.as_ref().and_then(|outer| outer.at());
        let own = (!self.is_lifted.get()).then_some(self.at);
        own.into_iter().chain(outer).min()
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
}

impl Drop for DeadlineGuard {
    fn drop(&mut self) {
        self.0.is_lifted.set(true);
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
        assert_eq!(kept.at(), Some(kept.at));

        drop(inner);
        assert_eq!(kept.at(), Some(outer.deadline().at));
        drop(outer);
        assert_eq!(kept.at(), None);
    }
}
