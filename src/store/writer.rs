//! The store's one writer thread. Appends that wait at the same time share one commit.

use crate::base::failpoint::{self, DiskFault, Failpoint};
use crate::store::StoreError;
use crate::store::anchor::Anchor;
use rusqlite::{Connection, TransactionBehavior, ffi};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest time that a change nobody waits for stays unwritten.
const LAZY: Duration = Duration::from_millis(10);

/// How long a commit waits for more when several waited for the one before: a disk takes as long for
/// many changes as for one.
const COMPANY: Duration = Duration::from_micros(500);

/// A change to the store. It may be applied again if the transaction it was part of failed.
pub type StoreChange = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// Tells whether the change of a series with this number, and what it stands on, is in the store.
type Guard = dyn Fn(&Connection, i64) -> rusqlite::Result<bool> + Send + Sync;

/// Changes that mean nothing with a gap, such as the events of one run: once one of them has failed,
/// so does every later one, and with the same error, although it might succeed by itself. They are
/// numbered from 0 up.
#[derive(Clone)]
pub struct Series {
    failed: Arc<OnceLock<StoreError>>,
    guard: Arc<Guard>,
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Series {
    /// Creates a series. Before each commit `guard` is asked whether the change before is still there:
    /// somebody may have deleted it, or restored an older store.
    pub fn new(
        guard: impl Fn(&Connection, i64) -> rusqlite::Result<bool> + Send + Sync + 'static,
    ) -> Series {
        Series { failed: Arc::default(), guard: Arc::new(guard) }
    }

    /// Returns why it has ended early, if it has.
    fn broken(&self) -> Result<(), StoreError> {
        self.failed.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Checks that the change before the one with this number is there.
    fn follow(&self, connection: &Connection, number: i64) -> rusqlite::Result<()> {
        if number == 0 || (self.guard)(connection, number - 1)? {
            return Ok(());
        }

        Err(rusqlite::Error::StatementChangedRows(0))
    }
}

/// The place of a change in a series.
#[derive(Debug, Clone)]
struct SeriesPlace {
    series: Series,
    number: i64,
}

/// How well it is checked after a commit that the store is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The store itself.
    Quick,
    /// The files of its log, too.
    Close,
}

/// A change on its way, and who waits for it.
struct WriteJob {
    change: StoreChange,
    /// What it belongs to; alone it stands for itself.
    place: Option<SeriesPlace>,
    done: Option<oneshot::Sender<Result<(), StoreError>>>,
    /// How well it is checked afterwards that the store is still there.
    look: Look,
    /// Whether nobody misses it.
    is_spare: bool,
}

/// What is waiting to be written.
#[derive(Default)]
struct Queue {
    jobs: Vec<WriteJob>,
    /// Whether somebody waits for one of them.
    is_urgent: bool,
    is_closed: bool,
}

/// The queue, and the bell that wakes the writer.
#[derive(Default)]
struct WriterQueue {
    queue: Mutex<Queue>,
    bell: Condvar,
}

impl WriterQueue {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics while holding the queue")
    }
}

/// The handle to the writer thread. Dropping it writes everything that is still on its way.
pub struct Writer {
    shared: Arc<WriterQueue>,
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
        let shared = Arc::new(WriterQueue::default());
        let path = path.to_owned();
        let queue = shared.clone();

        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            let _closing = Closing(queue.clone());
            serve(connection, &path, &queue);
        });
        let thread = thread.expect("the system has room for one more thread");

        Writer { shared, thread: Some(thread) }
    }

    /// Applies a change that stands for itself, and returns once it is on the disk.
    pub async fn apply(&self, change: StoreChange) -> Result<(), StoreError> {
        self.wait(change, None, Look::Quick).await
    }

    /// Checks that the store is still there.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.wait(Box::new(|_| Ok(())), None, Look::Close).await
    }

    /// Applies the next change of a series, and returns once it is on the disk.
    pub async fn append(
        &self,
        series: &Series,
        number: i64,
        change: StoreChange,
    ) -> Result<(), StoreError> {
        self.follow(series, number, change, Look::Quick).await
    }

    /// Applies the last change of a series, and returns once the whole series is on the disk, where
    /// others find it.
    pub async fn append_last(
        &self,
        series: &Series,
        number: i64,
        change: StoreChange,
    ) -> Result<(), StoreError> {
        self.follow(series, number, change, Look::Close).await
    }

    async fn follow(
        &self,
        series: &Series,
        number: i64,
        change: StoreChange,
        look: Look,
    ) -> Result<(), StoreError> {
        series.broken()?;
        let place = SeriesPlace { series: series.clone(), number };
        self.wait(change, Some(place), look).await
    }

    /// Applies the next change of a series, and returns what to wait for until it is on the disk.
    pub fn append_now(
        &self,
        series: &Series,
        number: i64,
        change: StoreChange,
    ) -> Result<impl Future<Output = Result<(), StoreError>> + 'static, StoreError> {
        series.broken()?;

        let (done, receipt) = oneshot::channel();
        let place = Some(SeriesPlace { series: series.clone(), number });
        self.send(WriteJob {
            change,
            place,
            done: Some(done),
            look: Look::Quick,
            is_spare: false,
        })?;

        Ok(async { receipt.await.map_err(|_| StoreError::WriterStopped)? })
    }

    /// Applies the next change of a series soon, without waiting for it. If that fails, the next
    /// one says so.
    pub fn append_soon(
        &self,
        series: &Series,
        number: i64,
        change: StoreChange,
    ) -> Result<(), StoreError> {
        series.broken()?;
        let place = Some(SeriesPlace { series: series.clone(), number });
        self.send(WriteJob { change, place, done: None, look: Look::Quick, is_spare: false })
    }

    /// Applies a change that nobody misses if it fails: soon, after what has come before, and in a
    /// commit of its own, so that it takes nothing with it where there is no room for it.
    pub fn apply_spare(&self, change: StoreChange) {
        // The writer has stopped: others say so.
        let look = Look::Quick;
        let _ = self.send(WriteJob { change, place: None, done: None, look, is_spare: true });
    }

    async fn wait(
        &self,
        change: StoreChange,
        place: Option<SeriesPlace>,
        look: Look,
    ) -> Result<(), StoreError> {
        let (done, receipt) = oneshot::channel();
        self.send(WriteJob { change, place, done: Some(done), look, is_spare: false })?;
        receipt.await.map_err(|_| StoreError::WriterStopped)?
    }

    fn send(&self, job: WriteJob) -> Result<(), StoreError> {
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
struct Closing(Arc<WriterQueue>);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Ok(mut queue) = self.0.queue.lock() {
            queue.is_closed = true;
            queue.jobs.clear();
        }
    }
}

/// Writes what comes until the handle is gone and everything is written.
fn serve(connection: Connection, path: &Path, shared: &WriterQueue) {
    let anchor = Anchor::of(&connection, path);
    let mut file = StoreFile { connection, path: path.to_owned(), anchor };
    let mut was_company = false;

    while let Some(batch) = next_batch(shared, was_company) {
        was_company = batch.iter().filter(|job| job.done.is_some()).nth(1).is_some();
        let (spare, needed): (Vec<_>, Vec<_>) = batch.into_iter().partition(|job| job.is_spare);

        file.commit(needed);
        // A change that nobody misses goes alone, so that it takes nothing needed with it.
        for job in spare {
            file.commit(vec![job]);
        }
    }
}

/// Waits for work; while nobody waits for an answer, a little longer, so that more shares the
/// commit.
fn next_batch(shared: &WriterQueue, was_company: bool) -> Option<Vec<WriteJob>> {
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

/// The store as the writer has it open.
struct StoreFile {
    connection: Connection,
    path: PathBuf,
    /// A store in memory has none.
    anchor: Option<Anchor>,
}

impl StoreFile {
    /// Commits the whole batch. When that fails and the store is not at fault, each job is tried by
    /// itself, so that one bad change does not take its neighbours with it.
    fn commit(&mut self, mut batch: Vec<WriteJob>) {
        let broken =
            |job: &WriteJob| job.place.as_ref().map_or(Ok(()), |place| place.series.broken());
        batch.retain_mut(|job| match broken(job) {
            Ok(()) => true,
            Err(error) => {
                answer(job, Err(error));
                false
            }
        });
        if batch.is_empty() {
            return;
        }

        match self.write(&mut batch) {
            // One bad write must not fail the others, so each is tried alone.
            Err(error) if batch.len() > 1 && !error.is_of_store() => {
                for job in batch {
                    self.commit(vec![job]);
                }
            }
            result => {
                for job in &mut batch {
                    answer(job, result.clone());
                }
            }
        }
    }

    /// Applies the changes in one transaction, and checks that it has reached the store that others
    /// see. A store that is no longer there explains whatever else went wrong.
    fn write(&mut self, batch: &mut [WriteJob]) -> Result<(), StoreError> {
        let closely = batch.iter().any(|job| job.look == Look::Close);
        let applied = apply_all(&mut self.connection, batch);

        if let Some(anchor) = &mut self.anchor {
            anchor.check(&mut self.connection, closely || applied.is_err())?;
        }

        applied.map_err(|source| StoreError::sqlite(self.path.clone(), source))
    }
}

/// Applies the changes in one transaction.
fn apply_all(connection: &mut Connection, jobs: &mut [WriteJob]) -> rusqlite::Result<()> {
    act_out(Failpoint::CommitBegins)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut followed: Vec<Arc<OnceLock<StoreError>>> = Vec::new();

    for job in jobs {
        if let Some(SeriesPlace { series, number }) = &job.place
            && followed.iter().all(|known| !Arc::ptr_eq(known, &series.failed))
        {
            series.follow(&tx, *number)?;
            followed.push(series.failed.clone());
        }

        (job.change)(&tx)?;
    }

    act_out(Failpoint::CommitFills)?;
    tx.commit()?;
    failpoint::pass(Failpoint::CommitEnds);
    Ok(())
}

/// Fails as SQLite does, where a test has told so.
fn act_out(point: Failpoint) -> rusqlite::Result<()> {
    let code = match failpoint::fault(point) {
        None => return Ok(()),
        Some(DiskFault::Full) => ffi::SQLITE_FULL,
        Some(DiskFault::Io) => ffi::SQLITE_IOERR_WRITE,
    };

    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
}

/// Tells the waiter, if there is one, and everything that comes after in the series.
fn answer(job: &mut WriteJob, result: Result<(), StoreError>) {
    if let (Err(error), Some(place)) = (&result, &job.place) {
        place.series.failed.get_or_init(|| error.clone());
    }

    if let Some(done) = job.done.take() {
        // A waiter that has been cancelled no longer needs the answer.
        let _ = done.send(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{self, Loss};
    use futures::executor::block_on;

    /// A writer on a store in a folder of its own, and a way to look into it.
    fn writer(limit_pages: Option<u32>) -> (tempfile::TempDir, Writer, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let connection = store::open(&path).expect("a store");
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, x)").expect("a table");

        if let Some(pages) = limit_pages {
            let used: u32 =
                connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a count");
            connection.pragma_update(None, "max_page_count", used + pages).expect("a limit");
        }

        (folder, Writer::start(connection, &path), store::open(&path).expect("a second reader"))
    }

    fn insert(n: i64, bytes: i64) -> StoreChange {
        Box::new(move |tx| {
            tx.execute("INSERT INTO t VALUES (?, zeroblob(?))", (n, bytes)).map(|_| ())
        })
    }

    /// A series whose first change inserts the number after `first`, the next one the one after that.
    fn series(first: i64) -> Series {
        Series::new(move |store, number| {
            let sql = "SELECT EXISTS (SELECT 1 FROM t WHERE n = ?)";
            store.query_row(sql, [first + number + 1], |row| row.get(0))
        })
    }

    fn kept(reader: &Connection) -> Vec<i64> {
        let mut rows = reader.prepare("SELECT n FROM t ORDER BY n").expect("a query");
        let kept = rows.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>();
        kept.expect("numbers")
    }

    #[test]
    fn a_change_that_fails_takes_no_neighbour_with_it() {
        let (_folder, writer, reader) = writer(None);
        block_on(writer.apply(insert(1, 1))).expect("room");
        let (one, two, three) = block_on(async {
            futures::join!(
                writer.apply(insert(2, 1)),
                writer.apply(insert(1, 1)),
                writer.apply(insert(3, 1))
            )
        });

        assert!(one.is_ok() && three.is_ok());
        assert!(matches!(two, Err(StoreError::Sqlite { .. })), "{two:?}");
        assert_eq!(kept(&reader), [1, 2, 3]);
    }

    #[test]
    fn a_series_has_no_gap_when_the_store_is_full() {
        let (_folder, writer, reader) = writer(Some(8));
        let first_series = series(0);
        let other = series(4);
        block_on(writer.append(&first_series, 0, insert(1, 1))).expect("room");

        // Nobody waits for the one that does not fit; the next one that would fit says so.
        writer.append_soon(&first_series, 1, insert(2, 100_000)).expect("not tried yet");
        let next = block_on(writer.append(&first_series, 2, insert(3, 1)));
        assert!(matches!(next, Err(StoreError::Full { .. })), "{next:?}");
        let soon = writer.append_soon(&first_series, 3, insert(4, 1));
        assert!(matches!(soon, Err(StoreError::Full { .. })), "{soon:?}");

        block_on(writer.append(&other, 0, insert(5, 1))).expect("another series fits");
        block_on(writer.apply(insert(6, 1))).expect("what stands for itself fits");
        drop(writer);
        assert_eq!(kept(&reader), [1, 5, 6]);
    }

    #[test]
    fn a_series_notices_that_its_changes_are_gone_and_takes_no_other_with_it() {
        let (_folder, writer, other) = writer(None);
        let one = series(0);
        let two = series(10);

        block_on(writer.append(&one, 0, insert(1, 1))).expect("room");
        block_on(writer.append(&two, 0, insert(11, 1))).expect("room");
        other.execute("DELETE FROM t WHERE n = 1", []).expect("deleted");

        let both = block_on(async {
            futures::join!(
                writer.append(&one, 1, insert(2, 1)),
                writer.append(&two, 1, insert(12, 1))
            )
        });

        assert!(
            matches!(both, (Err(StoreError::Lost { loss: Loss::Rewound, .. }), Ok(()))),
            "{both:?}"
        );
        assert_eq!(kept(&other), [11, 12]);
    }

    #[test]
    fn a_spare_change_that_does_not_fit_takes_nothing_with_it() {
        let (_folder, writer, reader) = writer(Some(8));
        let series = series(0);
        writer.append_soon(&series, 0, insert(1, 1)).expect("room");
        writer.apply_spare(insert(2, 100_000));
        writer.apply_spare(insert(3, 1));
        block_on(writer.append(&series, 1, insert(4, 1))).expect("the series goes on");

        drop(writer);
        assert_eq!(kept(&reader), [1, 3, 4]);
    }

    #[test]
    fn what_is_locked_is_told_to_everybody_who_waits() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let connection = store::open(&path).expect("a store");
        connection.busy_timeout(Duration::from_millis(20)).expect("a time");
        let writer = Writer::start(connection, &path);
        let other = store::open(&path).expect("a second program");
        other.execute_batch("BEGIN IMMEDIATE").expect("the lock");

        let nothing = || -> StoreChange { Box::new(|_| Ok(())) };
        let all =
            block_on(async { futures::join!(writer.apply(nothing()), writer.apply(nothing())) });
        assert!(matches!(all, (Err(StoreError::Locked { .. }), Err(StoreError::Locked { .. }))));

        other.execute_batch("COMMIT").expect("the lock is given back");
        block_on(writer.apply(nothing())).expect("the writer goes on");
    }
}
