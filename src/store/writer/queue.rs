//! What waits to be written, and when the thread of the writer has to do something.

use super::WriteJob;
use crate::base::clock;
use crate::store::StoreError;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const INVARIANT: &str = "nobody panics while holding the queue";

/// How somebody is told that the disk has everything.
type SyncWaiter = oneshot::Sender<Result<(), StoreError>>;

/// What the thread of the writer is to do now.
pub(super) struct DueWork {
    pub(super) commits: bool,
    pub(super) syncs: bool,
    pub(super) checkpoints: bool,
}

/// What is waiting to be written.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) jobs: Vec<WriteJob>,
    /// The thread is to commit them now: nobody else will.
    pub(super) is_urgent: bool,
    /// By when the thread commits them, if nobody has by then.
    pub(super) lazy_until: Option<Instant>,
    /// By when the log has to be on the disk.
    pub(super) sync_until: Option<Instant>,
    sync_waiters: Vec<SyncWaiter>,
    /// The log has grown so that it should be copied to the store.
    pub(super) is_long: bool,
    pub(super) is_closed: bool,
    /// Whether the thread sleeps, and until when.
    sleeps: bool,
    sleeps_until: Option<Instant>,
}

impl Queue {
    /// Takes everything that waits to be committed.
    pub(super) fn take(&mut self) -> Vec<WriteJob> {
        self.is_urgent = false;
        self.lazy_until = None;
        std::mem::take(&mut self.jobs)
    }

    /// Puts back what could not be committed, before what has come since; the thread has to do it.
    pub(super) fn put_back(&mut self, jobs: Vec<WriteJob>) {
        self.jobs.splice(0..0, jobs);
        self.is_urgent = true;
    }

    /// Adds somebody who waits until the disk has everything.
    pub(super) fn want_sync(&mut self, waiter: SyncWaiter) -> Result<(), StoreError> {
        if self.is_closed {
            return Err(StoreError::WriterStopped);
        }

        self.sync_waiters.push(waiter);
        self.sync_until = Some(clock::instant());
        Ok(())
    }

    /// Takes those who wait until the disk has everything.
    pub(super) fn take_sync(&mut self) -> Vec<SyncWaiter> {
        self.sync_until = None;
        std::mem::take(&mut self.sync_waiters)
    }

    /// Returns what is due at a time.
    fn due(&mut self, now: Instant) -> DueWork {
        let has_come = |until: Option<Instant>| until.is_some_and(|until| until <= now);
        let must_end = self.is_urgent || self.is_closed || has_come(self.lazy_until);

        DueWork {
            commits: !self.jobs.is_empty() && must_end,
            syncs: has_come(self.sync_until) || self.is_closed && self.sync_until.is_some(),
            checkpoints: std::mem::take(&mut self.is_long),
        }
    }

    /// Returns until when the thread can sleep.
    fn next(&self) -> Option<Instant> {
        let lazy_until = self.lazy_until.filter(|_| !self.jobs.is_empty());
        lazy_until.into_iter().chain(self.sync_until).min()
    }

    /// Tells whether the thread has to be woken for what is new here. That costs a call to the system.
    fn must_wake(&self) -> bool {
        let is_early = match (self.next(), self.sleeps_until) {
            (Some(next), Some(until)) => next < until,
            (Some(_), None) => true,
            (None, _) => false,
        };
        self.sleeps && (self.is_urgent || self.is_long || self.is_closed || is_early)
    }
}

/// What is waiting, and the bell that wakes the thread.
#[derive(Default)]
pub(super) struct WriterQueue {
    queue: Mutex<Queue>,
    bell: Condvar,
}

impl WriterQueue {
    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect(INVARIANT)
    }

    /// Changes the queue, and wakes the thread if it has to know.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.lock();
        let result = change(&mut queue);
        let must_wake = queue.must_wake();
        drop(queue);

        if must_wake {
            self.bell.notify_one();
        }
        result
    }

    /// Lets the thread sleep until there is something to do, and returns what; `None` once the handle is
    /// gone and nothing is left.
    pub(super) fn wait(&self) -> Option<DueWork> {
        let mut queue = self.lock();
        loop {
            let now = clock::instant();
            let due = queue.due(now);
            if due.commits || due.syncs || due.checkpoints {
                queue.sleeps = false;
                return Some(due);
            }
            if queue.is_closed {
                return None;
            }

            queue.sleeps = true;
            queue.sleeps_until = queue.next();
            queue = match queue.sleeps_until {
                Some(until) => {
                    let pause = until.saturating_duration_since(now);
                    self.bell.wait_timeout(queue, pause).expect(INVARIANT).0
                }
                None => self.bell.wait(queue).expect(INVARIANT),
            };
        }
    }

    /// Waits a little for more to come.
    pub(super) fn wait_for_company(&self, longest: Duration) {
        let queue = self.lock();
        let waited = self.bell.wait_timeout_while(queue, longest, |queue| !queue.is_closed);
        drop(waited.expect(INVARIANT));
    }

    /// Ends it, so that nobody waits for the thread any more.
    pub(super) fn abandon(&self) {
        if let Ok(mut queue) = self.queue.lock() {
            queue.is_closed = true;
            queue.jobs.clear();
            queue.sync_waiters.clear();
        }
    }
}
