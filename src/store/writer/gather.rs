//! Things of one kind that are kept one after the other, in large numbers. Those that come in a row share
//! one change.

use super::{ChangeWaiter, Rank, Series, SeriesPlace, StoreChange, WriteJob, Writer};
use crate::base::failpoint::{self, Failpoint};
use crate::store::StoreError;
use crate::store::durability::Durability;
use rusqlite::Connection;
use std::cell::RefCell;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Most things that are gathered without waiting before they are committed.
const GATHERED_MAX: usize = 4096;

const INVARIANT: &str = "nobody panics while keeping what was gathered";

/// The number of the next change that gathers.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// How gathered things are kept.
type Keeping<T> = dyn Fn(&Connection, &[T]) -> rusqlite::Result<()> + Send + Sync;

/// The newest change that gathers, and what it holds so far.
type OpenBatch<T> = Option<(u64, Arc<Mutex<Vec<T>>>)>;

/// Gathers the changes of a series.
pub struct Gatherer<T> {
    pub(super) series: Series,
    keep: Arc<Keeping<T>>,
    newest: RefCell<OpenBatch<T>>,
}

impl<T> std::fmt::Debug for Gatherer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatherer").field("series", &self.series).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Gatherer<T> {
    /// Creates a gatherer. `keep` may be called again with the same things if a transaction failed.
    pub fn new(
        series: Series,
        keep: impl Fn(&Connection, &[T]) -> rusqlite::Result<()> + Send + Sync + 'static,
    ) -> Gatherer<T> {
        Gatherer { series, keep: Arc::new(keep), newest: RefCell::default() }
    }

    /// Tells why nothing more can be kept, if that is so.
    pub fn check(&self) -> Result<(), StoreError> {
        self.series.broken()
    }

    /// Makes a change that holds one thing, and may take more.
    fn begin(&self, item: T) -> (u64, StoreChange) {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let items = Arc::new(Mutex::new(vec![item]));
        self.newest.replace(Some((number, items.clone())));

        let keep = self.keep.clone();
        (number, Box::new(move |tx| keep(tx, &items.lock().expect(INVARIANT))))
    }
}

impl Writer {
    /// Makes what gathers things that are kept soon, and that `settle_gathered` waits for.
    pub fn gatherer<T: Send + 'static>(
        &self,
        keep: impl Fn(&Connection, &[T]) -> rusqlite::Result<()> + Send + Sync + 'static,
    ) -> Gatherer<T> {
        Gatherer::new(self.gathered.clone(), keep)
    }

    /// Keeps a thing soon, in its place among all other changes. If that fails, `settle_gathered` says so,
    /// and so does everything that is gathered later.
    pub fn gather<T: Send + 'static>(
        &self,
        gatherer: &Gatherer<T>,
        item: T,
    ) -> Result<(), StoreError> {
        self.has_gathered.store(true, Ordering::Relaxed);
        let count = self.add(gatherer, 0, item, None, Rank::Plain)?;
        if count < GATHERED_MAX { Ok(()) } else { self.settle_gathered() }
    }

    /// Returns once everything that was gathered, and what is owed, is committed. It keeps the thread, so that nothing of the
    /// run goes on meanwhile: when something is shown must not decide what happens next.
    pub fn settle_gathered(&self) -> Result<(), StoreError> {
        let has_gathered = self.has_gathered.swap(false, Ordering::Relaxed);
        if !self.owes.swap(false, Ordering::Relaxed) && !has_gathered {
            return self.gathered.broken();
        }

        let (done, receipt) = tokio::sync::oneshot::channel();
        let place = Some(SeriesPlace { series: self.gathered.clone(), number: 0, last: 0 });
        let nothing = Box::new(|_: &Connection| Ok(()));
        self.core.send(WriteJob { place, done: vec![done], ..WriteJob::new(nothing) })?;

        if self.core.durability == Durability::Process {
            self.core.commit_here();
        }
        block_on(receipt).map_err(|_| StoreError::WriterStopped)??;
        if has_gathered {
            failpoint::pass(Failpoint::ObservationKept);
        }
        Ok(())
    }

    /// Changes the newest things of a series that wait, if `join` can let what is new stand among them, and
    /// returns what to wait for until they are committed.
    pub fn join<T: Send + 'static>(
        &self,
        gatherer: &Gatherer<T>,
        join: impl FnOnce(&mut Vec<T>) -> bool,
    ) -> Option<impl Future<Output = Result<(), StoreError>>> {
        let (done, receipt) = tokio::sync::oneshot::channel();
        let joined = self.join_to(gatherer, Some(done), join);
        joined.then(|| self.core.settle(receipt, Rank::Plain))
    }

    /// Does the same without waiting. If it cannot be written, the next thing of the series says so.
    pub fn join_soon<T: Send + 'static>(
        &self,
        gatherer: &Gatherer<T>,
        join: impl FnOnce(&mut Vec<T>) -> bool,
    ) -> bool {
        self.join_to(gatherer, None, join)
    }

    fn join_to<T: Send + 'static>(
        &self,
        gatherer: &Gatherer<T>,
        done: Option<ChangeWaiter>,
        join: impl FnOnce(&mut Vec<T>) -> bool,
    ) -> bool {
        // Whoever adds something says why it cannot be.
        if gatherer.series.broken().is_err() {
            return false;
        }

        self.core.queue.change(|queue| {
            let newest = gatherer.newest.borrow();
            let Some((newest, items)) = &*newest else { return false };
            if queue.is_closed {
                return false;
            }

            let Some(last) = queue.jobs.last_mut().filter(|last| last.gathers == Some(*newest))
            else {
                return false;
            };
            if !join(&mut items.lock().expect(INVARIANT)) {
                return false;
            }

            let is_awaited = done.is_some();
            last.done.extend(done);
            queue.is_urgent |= self.core.durability == Durability::Power && is_awaited;
            true
        })
    }

    /// Adds a thing to the last change that waits, if that gathers things of the same series, or makes a
    /// new one. Returns how many the change holds.
    pub(super) fn add<T: Send + 'static>(
        &self,
        gatherer: &Gatherer<T>,
        number: i64,
        item: T,
        done: Option<ChangeWaiter>,
        rank: Rank,
    ) -> Result<usize, StoreError> {
        gatherer.series.broken()?;

        self.core.queue.change(|queue| {
            // While a change is the last in the queue, nothing has come between it and what is added.
            if let Some(last) = queue.jobs.last_mut()
                && let Some((newest, items)) = &*gatherer.newest.borrow()
                && last.gathers == Some(*newest)
                && !queue.is_closed
            {
                let mut items = items.lock().expect(INVARIANT);
                items.push(item);
                if let Some(place) = &mut last.place {
                    place.last = number;
                }
                if rank == Rank::Last {
                    last.rank = rank;
                }
                queue.is_urgent |= self.core.durability == Durability::Power && done.is_some();
                last.done.extend(done);
                return Ok(items.len());
            }

            let (newest, change) = gatherer.begin(item);
            let series = gatherer.series.clone();
            let place = Some(SeriesPlace { series, number, last: number });
            let done = done.into_iter().collect();
            let gathers = Some(newest);
            let job = WriteJob { place, done, rank, gathers, ..WriteJob::new(change) };
            self.core.push(queue, job).map(|()| 1)
        })
    }
}

/// Wakes a thread.
struct ThreadBell(Thread);

impl Wake for ThreadBell {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread. The executor of `futures` cannot be entered where another one is running.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(ThreadBell(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
