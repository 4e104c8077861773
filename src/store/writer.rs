//! Everything that is written to a store goes through its one writer. Changes that wait at the same time
//! share one commit.
//!
//! Where a commit need not wait for the disk (`Durability::Process`), whoever waits commits at once what
//! is there, on its own thread. The writer's thread has the rest: what nobody waits for, what another
//! process keeps from being written, the log that has to reach the disk and be copied to the store. Where
//! each commit is on the disk (`Durability::Power`), that thread does everything.

mod carry;
mod commit_place;
mod file;
mod gather;
mod job;
mod queue;

pub(in crate::store) use carry::carry_out;
pub(in crate::store) use job::WriteJob;

use crate::base::clock;
use crate::base::id::RunId;
use crate::base::rng::Rng;
use crate::base::thread;
use crate::store::durability::{Durability, LogFile, SYNC_LAG};
use crate::store::mark::{MarkFile, NewestChange};
use crate::store::row::{EventRow, StoreChange};
use crate::store::thread_wait::block_on;
use crate::store::{Reader, StoreError};
use commit_place::CommitPlace;
use file::{BatchEnd, LockPatience};
use job::ChangeWaiter;
use queue::{Queue, WriterQueue};
use rusqlite::{Connection, ffi};
use std::fmt;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest time that a change nobody waits for stays unwritten.
const LAZY: Duration = Duration::from_millis(10);

/// How long a commit waits for more when several waited for the one before: a disk takes as long for
/// many changes as for one.
const COMPANY: Duration = Duration::from_micros(500);

/// Bytes of the log from which on it is copied to the store, as many as SQLite takes by itself.
const LOG_MAX: u64 = 1000 * 4096;

/// After how many commits the length of the log is looked at.
const LOG_LOOK: u32 = 32;

/// Changes that mean nothing with a gap, such as the events of one run: once one of them has failed,
/// so does every later one, and with the same error, although it might succeed by itself. They are
/// numbered from 0 up.
#[derive(Debug, Clone)]
pub struct Series {
    fault: SeriesFault,
    /// The run whose events they are.
    run: Arc<str>,
    /// Tells who writes them from everybody else who ever does.
    token: Arc<str>,
}

impl Series {
    /// Creates the series of the events of a run. Before each commit it is checked that the event before is still
    /// there: somebody may have deleted it, or restored an older store. The store is marked with the newest one
    /// that the disk has.
    pub fn of_run(run: &RunId) -> Series {
        let mut chance = Rng::from_entropy();
        let token = format!("{:016x}{:016x}", chance.next_u64(), chance.next_u64()).into();
        Series { fault: SeriesFault::default(), run: run.0.as_str().into(), token }
    }

    /// Returns what tells who writes it from everybody else who ever does.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Tells why nothing more can be kept, if that is so.
    pub fn check(&self) -> Result<(), StoreError> {
        self.fault.check()
    }
}

/// Why a series has ended early, if it has.
#[derive(Debug, Clone, Default)]
struct SeriesFault(Arc<OnceLock<StoreError>>);

impl SeriesFault {
    fn check(&self) -> Result<(), StoreError> {
        self.0.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Tells whether both are of the same series.
    fn is(&self, other: &SeriesFault) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The place of a change in a series.
#[derive(Debug)]
struct SeriesPlace {
    fault: SeriesFault,
    /// The run whose events they are; `None` for observations, none of which stands on another.
    run: Option<Arc<str>>,
    /// The number of the row that the change stands on; negative if it stands on none.
    after: i64,
    /// The number of the last row in the change.
    last: i64,
}

impl SeriesPlace {
    /// The place of what stands on nothing before it.
    fn loose(fault: SeriesFault) -> SeriesPlace {
        SeriesPlace { fault, run: None, after: -1, last: 0 }
    }

    /// Checks that the row before this change is there.
    fn follow(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(run) = self.run.as_ref().filter(|_| self.after >= 0) else { return Ok(()) };
        if carry::has_event(connection, run, self.after)? {
            return Ok(());
        }

        Err(rusqlite::Error::StatementChangedRows(0))
    }
}

/// What a change is to those who come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// One of many.
    Plain,
    /// The last of a series, or a look at the whole: the disk has everything before it is answered, and
    /// it is checked that the files of the store and its log are still there.
    Last,
}

/// What the writer and its thread share.
struct WriterCore {
    queue: WriterQueue,
    /// Taken before jobs are taken out of the queue, so that they are committed in their order.
    file: Mutex<CommitPlace>,
    path: PathBuf,
    /// Where a commit does not wait for the disk, the log that follows. A store in memory has none.
    log: Option<LogFile>,
    durability: Durability,
    /// Whether the store is on a server.
    is_shared: bool,
    commits: AtomicU32,
    newest: NewestChange,
    mark: Arc<MarkFile>,
}

/// The handle to the writer. Dropping it writes everything that is still on its way.
pub struct Writer {
    core: Arc<WriterCore>,
    thread: Option<JoinHandle<()>>,
    /// What is gathered: once something of it could not be kept, nothing later is.
    gathered: SeriesFault,
    /// Whether something was gathered that may not be committed.
    has_gathered: AtomicBool,
    /// Whether the same holds of something that is owed.
    owes: AtomicBool,
    /// Whether the same holds of an event that nobody waits for.
    has_noted: AtomicBool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the writer on a store at `path`, which is its own.
    pub fn start(store: Reader, path: &Path, durability: Durability) -> Result<Writer, StoreError> {
        let file = CommitPlace::of(store, path, durability);
        // A server answers once its disk has a change, and a commit here would keep the run's thread from all else.
        let durability = if file.is_shared() { Durability::Power } else { durability };
        let log = file.log().filter(|_| durability == Durability::Process);
        let newest = file.newest();
        let mark = file.mark();
        let is_shared = file.is_shared();
        let core = Arc::new(WriterCore {
            queue: WriterQueue::default(),
            path: path.to_owned(),
            log: log.map(LogFile::new),
            file: Mutex::new(file),
            durability,
            is_shared,
            commits: AtomicU32::new(0),
            newest,
            mark,
        });

        let served = core.clone();
        let thread = thread::start("store", move || {
            let _closing = CloseGuard(served.clone());
            served.serve();
        })?;

        let gathered = SeriesFault::default();
        let has_gathered = AtomicBool::new(false);
        let owes = AtomicBool::new(false);
        let has_noted = AtomicBool::new(false);
        Ok(Writer { core, thread: Some(thread), gathered, has_gathered, owes, has_noted })
    }

    /// Applies a change that stands for itself, and returns once it is committed.
    pub async fn apply(&self, change: StoreChange) -> Result<(), StoreError> {
        self.wait(change, Rank::Plain).await
    }

    /// Checks that the store is still there.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.wait(StoreChange::Nothing, Rank::Last).await
    }

    /// Keeps the next event of a series, and returns once it is committed.
    pub async fn append(&self, series: &Series, row: EventRow) -> Result<(), StoreError> {
        self.follow(series, row, Rank::Plain).await
    }

    /// Keeps the last event of a series, and returns once the whole series is on the disk, where others
    /// find it.
    pub async fn append_last(&self, series: &Series, row: EventRow) -> Result<(), StoreError> {
        self.follow(series, row, Rank::Last).await
    }

    async fn follow(&self, series: &Series, row: EventRow, rank: Rank) -> Result<(), StoreError> {
        let (done, receipt) = oneshot::channel();
        self.add_event(series, row, Some(done), rank)?;
        self.core.settle(receipt, rank).await
    }

    /// Keeps the next event of a series, and returns what to wait for until it is committed.
    pub fn append_now(
        &self,
        series: &Series,
        row: EventRow,
    ) -> Result<impl Future<Output = Result<(), StoreError>> + use<>, StoreError> {
        let (done, receipt) = oneshot::channel();
        self.add_event(series, row, Some(done), Rank::Plain)?;

        // Nothing else could share the commit: whoever comes later waits for this one.
        if self.core.durability == Durability::Process {
            self.core.commit_here();
        }

        let core = self.core.clone();
        Ok(async move { core.settle(receipt, Rank::Plain).await })
    }

    /// Keeps the next event of a series as what is owed: `commit_owed` commits it together with others, and
    /// so does `settle_gathered`. Returns what to wait for until it is committed.
    pub fn owe(
        &self,
        series: &Series,
        row: EventRow,
    ) -> Result<impl Future<Output = Result<(), StoreError>> + use<>, StoreError> {
        let (done, receipt) = oneshot::channel();
        self.add_event(series, row, Some(done), Rank::Plain)?;
        self.owes.store(true, Ordering::Relaxed);

        let core = self.core.clone();
        Ok(async move { core.settle(receipt, Rank::Plain).await })
    }

    /// Commits what is owed, without waiting for anything: if that cannot be, the thread does it.
    pub fn commit_owed(&self) {
        if self.owes.load(Ordering::Relaxed) && self.core.commit_here() {
            self.owes.store(false, Ordering::Relaxed);
        }
    }

    /// Returns the newest run, if there is one that can be read. It is looked up on the writer's own connection:
    /// opening another one takes longer.
    pub fn newest_run(&self) -> Option<RunId> {
        self.core.file().newest_run()
    }

    /// Tells whether each commit is on the disk before anybody is told of it.
    pub fn waits_for_disk(&self) -> bool {
        self.core.durability == Durability::Power
    }

    /// Tells whether the store is on a server that several machines share.
    pub fn is_shared(&self) -> bool {
        self.core.is_shared
    }

    /// Returns once every event of a series so far is committed. It keeps the thread meanwhile.
    pub fn settle_series(&self, series: &Series) -> Result<(), StoreError> {
        let (done, receipt) = oneshot::channel();
        self.core.send(WriteJob { done: vec![done], ..WriteJob::new(StoreChange::Nothing) })?;
        if self.core.durability == Durability::Process {
            self.core.commit_here();
        }

        block_on(receipt).map_err(|_| StoreError::WriterStopped)??;
        series.check()
    }

    /// Keeps the next event of a series soon, without waiting for it; `settle_gathered` waits for it too. If that
    /// fails, the next one says so.
    pub fn append_soon(&self, series: &Series, row: EventRow) -> Result<(), StoreError> {
        self.has_noted.store(true, Ordering::Relaxed);
        self.add_event(series, row, None, Rank::Plain).map(drop)
    }

    /// Applies a change that nobody misses if it fails: soon, after what has come before, and in a
    /// commit of its own, so that it takes nothing with it where there is no room for it.
    pub fn apply_spare(&self, change: StoreChange) {
        // If the writer has stopped, others say so.
        let _ = self.core.send(WriteJob { is_spare: true, ..WriteJob::new(change) });
    }

    async fn wait(&self, change: StoreChange, rank: Rank) -> Result<(), StoreError> {
        let (done, receipt) = oneshot::channel();
        self.core.send(WriteJob { done: vec![done], rank, ..WriteJob::new(change) })?;
        self.core.settle(receipt, rank).await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.core.queue.change(|queue| queue.is_closed = true);

        if let Some(thread) = self.thread.take() {
            // A panic of the writer was already reported to every waiter as `WriterStopped`.
            let _ = thread.join();
        }
    }
}

impl WriterCore {
    /// Puts a change into the queue. If nobody commits it earlier, the thread does: soon, or at once where
    /// it is the one that commits.
    fn send(&self, job: WriteJob) -> Result<(), StoreError> {
        self.queue.change(|queue| self.push(queue, job))
    }

    fn push(&self, queue: &mut Queue, job: WriteJob) -> Result<(), StoreError> {
        if queue.is_closed {
            return Err(StoreError::WriterStopped);
        }

        queue.is_urgent |= self.durability == Durability::Power && !job.done.is_empty();
        queue.lazy_until.get_or_insert_with(|| clock::instant() + LAZY);
        queue.jobs.push(job);
        Ok(())
    }

    /// Waits until a change is committed, and commits it if nobody else does.
    async fn settle(
        &self,
        mut receipt: oneshot::Receiver<Result<(), StoreError>>,
        rank: Rank,
    ) -> Result<(), StoreError> {
        if self.durability == Durability::Power {
            return receipt.await.map_err(|_| StoreError::WriterStopped)?;
        }

        if rank == Rank::Plain
            && let Ok(result) = receipt.try_recv()
        {
            return result;
        }

        // What else ends at this moment shares the commit.
        let_others_go_first().await;
        if let Ok(result) = receipt.try_recv() {
            result?;
        } else {
            self.commit_here();
            receipt.await.map_err(|_| StoreError::WriterStopped)??;
        }

        match rank {
            Rank::Plain => Ok(()),
            Rank::Last => self.sync().await,
        }
    }

    /// Returns once everything that was committed is on the disk.
    async fn sync(&self) -> Result<(), StoreError> {
        let (done, receipt) = oneshot::channel();
        self.queue.change(|queue| queue.want_sync(done))?;
        receipt.await.map_err(|_| StoreError::WriterStopped)?
    }

    /// Commits what waits, without waiting for anything: if that cannot be, the thread does it. Tells whether
    /// everybody who waited has been told.
    fn commit_here(&self) -> bool {
        if self.is_shared {
            self.queue.change(|queue| queue.is_urgent = true);
            return false;
        }

        let mut file = match self.file.try_lock() {
            Ok(file) => file,
            Err(TryLockError::WouldBlock) => {
                self.queue.change(|queue| queue.is_urgent = true);
                return false;
            }
            // The thread has panicked while it held the file, and has told everybody.
            Err(TryLockError::Poisoned(_)) => return true,
        };

        let batch = self.queue.lock().take();
        if batch.is_empty() {
            return true;
        }

        match file.commit_all(batch, LockPatience::Hurries) {
            BatchEnd::Told => {
                self.note_commit(&file);
                true
            }
            BatchEnd::Busy(back) => {
                self.queue.change(|queue| queue.put_back(back));
                false
            }
        }
    }

    /// Notes that the disk lags behind, and from time to time how long the log is.
    fn note_commit(&self, file: &CommitPlace) {
        let Some(log) = &self.log else { return };

        let is_look = self.commits.fetch_add(1, Ordering::Relaxed) % LOG_LOOK == LOG_LOOK - 1;
        let is_long = is_look && file.log_is_long().unwrap_or_else(|| log.length() > LOG_MAX);
        self.queue.change(|queue| {
            queue.sync_until.get_or_insert_with(|| clock::instant() + SYNC_LAG);
            queue.is_long |= is_long;
        });
    }

    /// Does what is due, until the handle is gone and everything is written.
    fn serve(&self) {
        let mut was_company = false;
        while let Some(due) = self.queue.wait() {
            if due.commits {
                if was_company && self.durability == Durability::Power {
                    self.queue.wait_for_company(COMPANY);
                }
                was_company = self.commit_waiting();
            }

            if due.checkpoints {
                self.file().checkpoint();
            }
            if due.syncs {
                self.sync_now();
            }
        }
    }

    /// Commits what waits, however long others keep the store to themselves. Tells whether several waited
    /// for it.
    fn commit_waiting(&self) -> bool {
        let mut file = self.file();
        let batch = self.queue.lock().take();
        let is_company = batch.iter().flat_map(|job| &job.done).nth(1).is_some();

        if !batch.is_empty() {
            // Nothing comes back from who waits.
            file.commit_all(batch, LockPatience::Waits);
            self.note_commit(&file);
        }
        is_company
    }

    /// Writes the log to the disk, and tells those who wait for that.
    fn sync_now(&self) {
        // Those who come meanwhile may have committed too late for it.
        let waiting = self.queue.lock().take_sync();
        let newest = self.newest.take();
        let synced = self.log.as_ref().map_or(Ok(()), LogFile::sync);

        let result = synced.map_err(|reason| {
            let code = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
            let reason = rusqlite::Error::SqliteFailure(code, Some(reason));
            StoreError::sqlite(self.path.clone(), reason)
        });
        if let Some(newest) = newest.filter(|_| result.is_ok() && self.log.is_some()) {
            self.mark.write(&newest);
        }
        for done in waiting {
            // Whoever was cancelled no longer needs the answer.
            let _ = done.send(result.clone());
        }
    }

    fn file(&self) -> MutexGuard<'_, CommitPlace> {
        self.file.lock().expect("nobody panics while committing")
    }
}

/// Lets whatever else is ready continue first. Tokio's own word for it would wait for its runtime, which
/// stands still while a program that is about to end waits for its last commit.
async fn let_others_go_first() {
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Ends the queue with the thread, also by a panic, so that nobody waits for it.
struct CloseGuard(Arc<WriterCore>);

impl Drop for CloseGuard {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::each_store::{TestStore, each_store};
    use crate::store::{self, Loss, RunChoice, RunEdge, StoredEvent};
    use futures::executor::block_on;

    const BOTH: [Durability; 2] = [Durability::Process, Durability::Power];

    /// A writer on a store in a folder of its own, and a way to look into it.
    fn writer(
        durability: Durability,
        limit_pages: Option<u32>,
    ) -> (tempfile::TempDir, Writer, Reader) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let store = store::open(&path).expect("a store");
        if let Some(pages) = limit_pages {
            let connection = store.connection();
            let used: u32 =
                connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a count");
            connection.pragma_update(None, "max_page_count", used + pages).expect("a limit");
        }

        (
            folder,
            Writer::start(store, &path, durability).expect("a writer"),
            store::open(&path).expect("a second reader"),
        )
    }

    /// An event with this many bytes, whose time is `n`. The first one of a run begins it.
    fn event(seq: i64, n: i64, bytes: usize) -> EventRow {
        let script = "s".to_owned();
        let begins = RunEdge::Begins { script, pid: 1, seal: None };
        let edge = if seq == 0 { begins } else { RunEdge::Within };
        let body = "x".repeat(bytes);
        EventRow {
            seq,
            after: seq - 1,
            at: n,
            kind: "k",
            op: None,
            body,
            text: None,
            edge,
            opens: None,
        }
    }

    /// A change that stands for itself: an event of a run of its own, of which there can be only one.
    fn insert(n: i64, bytes: usize) -> StoreChange {
        let run = format!("alone {n}");
        let token = Series::of_run(&RunId(run.clone())).token;
        StoreChange::Events { run: run.into(), token, rows: vec![event(0, n, bytes)] }
    }

    fn series(run: &str) -> Series {
        Series::of_run(&RunId(run.to_owned()))
    }

    /// Returns the times of the events that are kept.
    fn kept(reader: &Reader) -> Vec<i64> {
        let all = RunChoice::Newest(usize::MAX);
        let runs = reader.runs(all, |row| RunId(row.id.shown().into_owned())).expect("runs");
        let mut kept = Vec::new();
        for run in runs {
            let see = &mut |event: StoredEvent<'_>| {
                kept.extend(event.at.as_integer());
                Ok(())
            };
            reader.events(&run, 0, usize::MAX, see).expect("events");
        }
        kept.sort_unstable();
        kept
    }

    /// Writers on stores of every kind, and ways to look into them.
    fn on_each(test: &str) -> Vec<(TestStore, Writer, Reader)> {
        let mut made = Vec::new();
        for durability in BOTH {
            for kind in each_store(test) {
                let path = kind.path().to_owned();
                let writer = Writer::start(store::open(&path).expect("a store"), &path, durability)
                    .expect("a writer");
                let reader = store::open(&path).expect("a second reader");
                made.push((kind, writer, reader));
            }
        }
        made
    }

    #[test]
    fn a_log_that_was_copied_is_not_copied_again_because_its_file_is_long() {
        let (_folder, writer, _reader) = writer(Durability::Process, None);
        block_on(writer.apply(insert(1, 5_000_000))).expect("room");
        let is_long = || writer.core.file().log_is_long();
        assert_eq!(is_long(), Some(true));

        writer.core.file().checkpoint();
        block_on(writer.apply(insert(2, 1))).expect("room");
        let length = writer.core.log.as_ref().map(LogFile::length);
        assert_eq!((is_long(), length > Some(LOG_MAX)), (Some(false), true));
    }

    #[test]
    fn what_is_owed_is_committed_together_and_before_what_is_gathered_is_settled() {
        let (_folder, writer, reader) = writer(Durability::Process, None);
        let series = series("r");
        let owe = |seq| writer.owe(&series, event(seq, seq + 1, 1)).expect("an open queue");
        let owed = [0, 1].map(owe);

        writer.settle_gathered().expect("room");
        assert_eq!(kept(&reader), [1, 2]);
        for one in owed {
            block_on(one).expect("committed");
        }

        let third = owe(2);
        writer.commit_owed();
        assert_eq!(kept(&reader), [1, 2, 3]);
        block_on(third).expect("committed");
    }

    #[test]
    fn a_change_that_fails_takes_no_neighbour_with_it() {
        for (_store, writer, reader) in on_each("a change that fails") {
            block_on(writer.apply(insert(1, 1))).expect("room");
            let (one, two, three) = block_on(async {
                futures::join!(
                    writer.apply(insert(2, 1)),
                    writer.apply(insert(1, 1)),
                    writer.apply(insert(3, 1))
                )
            });

            assert!(one.is_ok() && three.is_ok());
            let is_refused =
                matches!(two, Err(StoreError::Sqlite { .. } | StoreError::TakenOver { .. }));
            assert!(is_refused, "{two:?}");
            assert_eq!(kept(&reader), [1, 2, 3]);
        }
    }

    #[test]
    fn a_series_has_no_gap_when_the_store_is_full() {
        for durability in BOTH {
            let (_folder, writer, reader) = writer(durability, Some(8));
            let first_series = series("r");
            let other = series("other");
            block_on(writer.append(&first_series, event(0, 1, 1))).expect("room");

            // Nobody waits for the one that does not fit; the next one that would fit says so.
            writer.append_soon(&first_series, event(1, 2, 100_000)).expect("not tried yet");
            let next = block_on(writer.append(&first_series, event(2, 3, 1)));
            assert!(matches!(next, Err(StoreError::Full { .. })), "{next:?}");
            let soon = writer.append_soon(&first_series, event(3, 4, 1));
            assert!(matches!(soon, Err(StoreError::Full { .. })), "{soon:?}");

            block_on(writer.append(&other, event(0, 5, 1))).expect("another series fits");
            block_on(writer.apply(insert(6, 1))).expect("what stands for itself fits");
            drop(writer);
            assert_eq!(kept(&reader), [1, 5, 6]);
        }
    }

    #[test]
    fn a_series_notices_that_its_changes_are_gone_and_takes_no_other_with_it() {
        for (_store, writer, other) in on_each("a series whose changes are gone") {
            let one = series("one");
            let two = series("two");

            block_on(writer.append(&one, event(0, 1, 1))).expect("room");
            block_on(writer.append(&two, event(0, 11, 1))).expect("room");
            let gone = StoreChange::RunDrop(RunId("one".to_owned()));
            other.apply_alone(&gone).expect("deleted");

            let both = block_on(async {
                futures::join!(
                    writer.append(&one, event(1, 2, 1)),
                    writer.append(&two, event(1, 12, 1))
                )
            });

            assert!(
                matches!(both, (Err(StoreError::Lost { loss: Loss::Rewound, .. }), Ok(()))),
                "{both:?}"
            );
            assert_eq!(kept(&other), [11, 12]);
        }
    }

    #[test]
    fn a_spare_change_that_does_not_fit_takes_nothing_with_it() {
        for durability in BOTH {
            let (_folder, writer, reader) = writer(durability, Some(8));
            let series = series("r");
            writer.append_soon(&series, event(0, 1, 1)).expect("room");
            writer.apply_spare(insert(2, 100_000));
            writer.apply_spare(insert(3, 1));
            block_on(writer.append(&series, event(1, 4, 1))).expect("the series goes on");

            drop(writer);
            assert_eq!(kept(&reader), [1, 3, 4]);
        }
    }

    #[test]
    fn what_is_locked_is_told_to_everybody_who_waits() {
        for durability in BOTH {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("store.db");
            let store = store::open(&path).expect("a store");
            store.connection().busy_timeout(Duration::from_millis(20)).expect("a time");
            let writer = Writer::start(store, &path, durability).expect("a writer");
            let other = store::open(&path).expect("a second program");
            other.connection().execute_batch("BEGIN IMMEDIATE").expect("the lock");

            let all = block_on(async {
                futures::join!(
                    writer.apply(StoreChange::Nothing),
                    writer.apply(StoreChange::Nothing)
                )
            });
            assert!(matches!(
                all,
                (Err(StoreError::Locked { .. }), Err(StoreError::Locked { .. }))
            ));

            other.connection().execute_batch("COMMIT").expect("the lock is given back");
            block_on(writer.apply(StoreChange::Nothing)).expect("the writer goes on");
        }
    }
}
