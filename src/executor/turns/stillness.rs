//! Detects that nothing in a run can continue: whatever waits does so for people, for times that are far, or
//! for the end of the run.

use crate::base::clock;
use crate::executor::turns::Turns;
use std::cell::Cell;
use std::task::{Poll, Waker};
use std::time::Duration;

/// For what a task waits that nothing in this process brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::executor) enum WaitedFor {
    /// For the end of the run.
    TheEnd,
    /// For people, or for a time that is far.
    People,
}

impl Turns {
    /// Says that a task which waits outside does so for something that nothing here brings about, as long
    /// as the guard lives.
    pub(in crate::executor) fn wait_for(&self, waited: WaitedFor) -> impl Drop + '_ {
        CountGuard::add(match waited {
            WaitedFor::TheEnd => &self.for_the_end,
            WaitedFor::People => &self.for_people,
        })
    }

    /// Sets how long a run continues in which nothing but times end while people are waited for.
    pub(in crate::executor) fn be_patient(&self, patience: Duration) {
        self.patience.set(Some(patience));
    }

    /// Waits until nothing in the run can continue.
    pub(in crate::executor) async fn still(&self) {
        std::future::poll_fn(|context| {
            if self.is_still.get() {
                return Poll::Ready(());
            }
            let mut wakers = self.still_wakers.borrow_mut();
            if !wakers.iter().any(|known| known.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Finds out whether anything in the run can continue; called when there is no end to tell.
    pub(in crate::executor) fn find_standstill(&self) {
        let others = self.waiting.get() - self.for_the_end.get() - self.for_people.get();
        // A task that looks from time to time whether another one has ended would do so for ever.
        let only_timers_end = others == self.near_timers.get();

        let is_still = if self.for_the_end.get() > 0 {
            only_timers_end
        } else {
            self.for_people.get() > 0
                && (others == 0 || only_timers_end && self.has_waited_too_long())
        };
        if !only_timers_end {
            self.near_timers_since.set(None);
        }

        self.is_still.set(is_still);
        if is_still {
            self.still_wakers.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Tells whether nothing but times have ended for too long.
    fn has_waited_too_long(&self) -> bool {
        let Some(patience) = self.patience.get() else { return false };

        let now = clock::monotonic();
        let since = self.near_timers_since.get().unwrap_or(now);
        self.near_timers_since.set(Some(since));
        now.saturating_sub(since) > patience
    }
}

/// Counts something as long as it lives.
pub(super) struct CountGuard<'a>(&'a Cell<usize>);

impl<'a> CountGuard<'a> {
    pub(super) fn add(count: &'a Cell<usize>) -> CountGuard<'a> {
        count.set(count.get() + 1);
        CountGuard(count)
    }
}

impl Drop for CountGuard<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
