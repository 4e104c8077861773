//! The store's one writer thread. Appends that wait at the same time share one commit.

use crate::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest time that a change nobody waits for stays unwritten.
const LAZY: Duration = Duration::from_millis(10);
/// Most changes in one commit, so that nobody waits for an endless one.
const BATCH_MAX: usize = 4096;

/// A change to the store. It may be applied again if the transaction it was part of failed.
pub type Change = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// A change on its way, and who waits for it.
struct Job {
    change: Change,
    done: Option<oneshot::Sender<Result<(), StoreError>>>,
}

/// The handle to the writer thread. Dropping it writes everything that is still on its way.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the writer on its own connection to the store at `path`.
    pub fn start(connection: Connection, path: &Path) -> Writer {
        let (jobs, receiver) = channel();
        let path = path.to_owned();
        let thread = std::thread::spawn(move || serve(connection, &path, &receiver));
        Writer { jobs: Some(jobs), thread: Some(thread) }
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
        let jobs = self.jobs.as_ref().ok_or(StoreError::WriterStopped)?;
        jobs.send(job).map_err(|_| StoreError::WriterStopped)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was already reported to every waiter as `WriterStopped`.
            let _ = thread.join();
        }
    }
}

/// Serves jobs until every handle is gone.
fn serve(mut connection: Connection, path: &Path, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        gather(&mut batch, jobs);
        commit(&mut connection, path, batch);
    }
}

/// Adds what else is waiting; while nobody waits for an answer, stays open a little longer.
fn gather(batch: &mut Vec<Job>, jobs: &Receiver<Job>) {
    while batch.len() < BATCH_MAX {
        let urgent = batch.iter().any(|job| job.done.is_some());
        let next = if urgent {
            jobs.try_recv().map_err(|_| RecvTimeoutError::Timeout)
        } else {
            jobs.recv_timeout(LAZY)
        };
        match next {
            Ok(job) => batch.push(job),
            Err(_) => return,
        }
    }
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
