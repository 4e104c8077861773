//! The store's one writer thread. Appends that wait at the same time share one commit.

use crate::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest time that a change nobody waits for stays unwritten.
const LAZY: Duration = Duration::from_millis(10);

/// How long a commit waits for more when several waited for the one before: a disk takes as long for
/// many changes as for one.
const COMPANY: Duration = Duration::from_micros(500);

/// A change to the store. It may be applied again if the transaction it was part of failed.
pub type Change = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// A change on its way, and who waits for it.
struct Job {
    change: Change,
    done: Option<oneshot::Sender<Result<(), StoreError>>>,
}

/// What is waiting to be written.
#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    /// Whether somebody waits for one of them.
    is_urgent: bool,
    is_closed: bool,
}

/// The queue, and the bell that wakes the writer.
#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    bell: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics while holding the queue")
    }
}

/// The handle to the writer thread. Dropping it writes everything that is still on its way.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the writer on its own connection to the store at `path`.
    pub fn start(connection: Connection, path: &Path) -> Writer {
        let shared = Arc::new(Shared::default());
        let (path, queue) = (path.to_owned(), shared.clone());
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            let _closing = Closing(queue.clone());
            serve(connection, &path, &queue);
        });
        let thread = thread.expect("the system has room for one more thread");
        Writer { shared, thread: Some(thread) }
    }

    /// Applies a change and returns once it is on the disk.
    pub async fn apply(&self, change: Change) -> Result<(), StoreError> {
        let (done, receipt) = oneshot::channel();
        self.send(Job { change, done: Some(done) })?;
        receipt.await.map_err(|_| StoreError::WriterStopped)?
    }

    /// Applies a change soon, without waiting for it.
    pub fn apply_soon(&self, change: Change) -> Result<(), StoreError> {
        self.send(Job { change, done: None })
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let mut queue = self.shared.lock();
        if queue.is_closed {
            return Err(StoreError::WriterStopped);
        }
        // The bell costs a call to the system, so it rings only for what the writer does not yet
        // know: that there is something at all, and that somebody waits.
        let is_news = queue.jobs.is_empty() || (job.done.is_some() && !queue.is_urgent);
        queue.is_urgent |= job.done.is_some();
        queue.jobs.push(job);
        drop(queue);
        if is_news {
            self.shared.bell.notify_one();
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.bell.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was already reported to every waiter as `WriterStopped`.
            let _ = thread.join();
        }
    }
}

/// Closes the queue when the writer ends, also by a panic, so that nobody waits for it.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Ok(mut queue) = self.0.queue.lock() {
            queue.is_closed = true;
            queue.jobs.clear();
        }
    }
}

/// Writes what comes until the handle is gone and everything is written.
fn serve(mut connection: Connection, path: &Path, shared: &Shared) {
    let mut was_company = false;
    while let Some(batch) = next_batch(shared, was_company) {
        was_company = batch.iter().filter(|job| job.done.is_some()).nth(1).is_some();
        commit(&mut connection, path, batch);
    }
}

/// Waits for work; while nobody waits for an answer, a little longer, so that more shares the
/// commit.
fn next_batch(shared: &Shared, was_company: bool) -> Option<Vec<Job>> {
    const INVARIANT: &str = "nobody panics while holding the queue";
    let queue = shared.lock();
    let queue = shared
        .bell
        .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.is_closed)
        .expect(INVARIANT);
    let (mut queue, _) = shared
        .bell
        .wait_timeout_while(queue, LAZY, |queue| !queue.is_urgent && !queue.is_closed)
        .expect(INVARIANT);
    if was_company && queue.is_urgent && !queue.is_closed {
        let waited = shared.bell.wait_timeout_while(queue, COMPANY, |queue| !queue.is_closed);
        (queue, _) = waited.expect(INVARIANT);
    }
    queue.is_urgent = false;
    let batch = std::mem::take(&mut queue.jobs);
    (!batch.is_empty() || !queue.is_closed).then_some(batch)
}

/// Commits the whole batch; when that fails, each job by itself, so that one bad change does not
/// take its neighbours with it.
fn commit(connection: &mut Connection, path: &Path, mut batch: Vec<Job>) {
    if apply_all(connection, &mut batch).is_ok() {
        for job in batch {
            answer(job, Ok(()));
        }
        return;
    }
    for job in batch {
        let mut one = [job];
        let result = apply_all(connection, &mut one);
        let [job] = one;
        answer(job, result.map_err(|source| StoreError::sqlite(path.to_owned(), source)));
    }
}

/// Applies the changes in one transaction.
fn apply_all(connection: &mut Connection, jobs: &mut [Job]) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in jobs {
        (job.change)(&tx)?;
    }
    tx.commit()
}

/// Tells the waiter, if there is one.
fn answer(job: Job, result: Result<(), StoreError>) {
    if let Some(done) = job.done {
        // A waiter that has been cancelled no longer needs the answer.
        let _ = done.send(result);
    }
}
