//! Commits batches of changes to the store's file.

use super::{SeriesFault, SeriesPlace, WriteJob, carry_out};
use crate::base::failpoint::{self, DiskFault, Failpoint};
use crate::store::anchor::Anchor;
use crate::store::durability::{Durability, store_of};
use crate::store::log::LogDepth;
use crate::store::mark::{MarkFile, NewestChange, StoreMark};
use crate::store::reader::EmbeddedReader;
use crate::store::{StoreError, is_shared_memory, patience, schema};
use rusqlite::{Connection, ffi};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Frames of the log from which on it is copied to the store, where that is done with a commit: as many
/// as SQLite takes by itself.
const LOG_FRAMES_MAX: u32 = 1000;

/// Whether a commit waits for another process that keeps the store to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockPatience {
    Waits,
    /// What cannot be committed at once comes back.
    Hurries,
}

/// What came of a batch.
#[derive(Debug)]
pub(super) enum BatchEnd {
    /// Everybody who waits has been told.
    Told,
    /// Another process has locked the store, and nothing was changed.
    Busy(Vec<WriteJob>),
}

/// The store as its writer has it open.
pub(super) struct StoreFile {
    reader: EmbeddedReader,
    path: PathBuf,
    /// A store in memory has none.
    anchor: Option<Anchor>,
    patience: LockPatience,
    durability: Durability,
    newest: NewestChange,
    mark: Arc<MarkFile>,
}

impl StoreFile {
    /// Takes a store, which commits with the durability from now on.
    pub(super) fn new(reader: EmbeddedReader, path: &Path, durability: Durability) -> StoreFile {
        let connection = &reader.connection;
        let anchor = Anchor::of(connection, path);
        let is_checked = anchor.as_ref().is_some_and(|anchor| anchor.log_frames().is_some());

        // Without a log, a store may be damaged by a power failure unless each commit is synced. A
        // store that cannot be asked or told keeps the stronger promise.
        let lags = durability == Durability::Process && schema::has_log(connection);
        if lags {
            let _ = connection.pragma_update(None, "synchronous", "NORMAL");
        }
        if lags || is_checked {
            // `checkpoint` copies the log to the store. SQLite would do it in the middle of a commit, which
            // takes too long, and without looking at the log before.
            let _ = connection.pragma_update(None, "wal_autocheckpoint", 0);
        }

        let patience = LockPatience::Waits;
        let newest = NewestChange::default();
        let mark = Arc::new(MarkFile::new(path));
        StoreFile { reader, path: path.to_owned(), anchor, patience, durability, newest, mark }
    }

    /// Returns where the newest change is noted until the disk has it.
    pub(super) fn newest(&self) -> NewestChange {
        self.newest.clone()
    }

    /// Returns the mark of the store.
    pub(super) fn mark(&self) -> Arc<MarkFile> {
        self.mark.clone()
    }

    /// Returns the store, to read.
    pub(super) fn reader(&self) -> &EmbeddedReader {
        &self.reader
    }

    /// Returns the path of the log.
    pub(super) fn log(&self) -> Option<PathBuf> {
        if is_shared_memory(&self.path) {
            return None;
        }
        let real = self.reader.connection.path().filter(|real| !real.is_empty())?;
        Some(PathBuf::from(format!("{real}-wal")))
    }

    /// Copies what the log holds to the store, as far as nobody reads it, so that the log begins from the
    /// start again.
    pub(super) fn checkpoint(&mut self) {
        self.set_patience(LockPatience::Waits);
        // Damage must not reach the store. The next commit says what is wrong.
        if let Some(anchor) = &mut self.anchor
            && anchor.check(&mut self.reader.connection, true).is_err()
        {
            return;
        }

        // What was not copied will be copied the next time.
        let _ = self.reader.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Some(anchor) = &mut self.anchor {
            anchor.note_checkpoint();
        }
    }

    /// Tells whether the log holds so much that is not in the store yet that it should be copied there; `None`
    /// where its index cannot be read. Its file tells nothing: it keeps its length when the log begins from
    /// the start again.
    pub(super) fn log_is_long(&self) -> Option<bool> {
        let uncopied = self.anchor.as_ref().and_then(Anchor::uncopied_frames);
        uncopied.map(|frames| frames >= LOG_FRAMES_MAX)
    }

    fn set_patience(&mut self, patience: LockPatience) {
        if patience == self.patience {
            return;
        }

        let set = match patience {
            LockPatience::Waits => {
                patience::wait_for_others(&mut self.reader.connection, &self.path)
            }
            LockPatience::Hurries => self.reader.connection.busy_timeout(Duration::ZERO),
        };
        if set.is_ok() {
            self.patience = patience;
        }
    }

    /// Commits changes. One that nobody misses goes alone, after the others, so that it takes nothing
    /// needed with it.
    pub(super) fn commit_all(&mut self, batch: Vec<WriteJob>, patience: LockPatience) -> BatchEnd {
        self.set_patience(patience);
        let (spare, needed): (Vec<_>, Vec<_>) = batch.into_iter().partition(|job| job.is_spare);

        match self.commit(needed) {
            BatchEnd::Told => {
                for job in spare {
                    // Nobody misses it while the store is locked, either.
                    self.commit(vec![job]);
                }
                BatchEnd::Told
            }
            BatchEnd::Busy(mut back) => {
                back.extend(spare);
                BatchEnd::Busy(back)
            }
        }
    }

    /// Commits the whole batch. When that fails and the store is not at fault, each job is tried by
    /// itself, so that one bad change does not take its neighbours with it.
    fn commit(&mut self, mut batch: Vec<WriteJob>) -> BatchEnd {
        batch.retain_mut(WriteJob::is_open);
        if batch.is_empty() {
            return BatchEnd::Told;
        }

        match self.write(&batch) {
            Err(StoreError::Locked { .. }) if self.patience == LockPatience::Hurries => {
                return BatchEnd::Busy(batch);
            }
            // One bad write must not fail the others, so each is tried alone.
            Err(error) if batch.len() > 1 && !error.is_of_store() => {
                self.set_patience(LockPatience::Waits);
                for job in batch {
                    self.commit(vec![job]);
                }
            }
            result => {
                for job in &mut batch {
                    job.answer(&result);
                }
            }
        }
        BatchEnd::Told
    }

    /// Applies the changes in one transaction, and checks that it has reached the store that others
    /// see. A store that is no longer there explains whatever else went wrong.
    fn write(&mut self, batch: &[WriteJob]) -> Result<(), StoreError> {
        let closely = batch.iter().any(WriteJob::is_last);
        if let Some(anchor) = &self.anchor {
            anchor.check_log(&self.reader.connection, LogDepth::Ends)?;
        }
        let applied = apply_all(&self.reader.connection, batch);

        if let Some(anchor) = &mut self.anchor {
            anchor.check(&mut self.reader.connection, closely || applied.is_err())?;
        }

        applied.map_err(|source| StoreError::sqlite(self.path.clone(), source))?;
        self.note_newest(batch);
        if self.durability == Durability::Power {
            self.finish_commit();
        }
        Ok(())
    }

    /// Notes the newest change by which the store can be marked.
    fn note_newest(&self, batch: &[WriteJob]) {
        let marks = batch.iter().rev().filter_map(|job| {
            let place = job.place.as_ref()?;
            Some(StoreMark { series: place.run.clone()?, number: place.last })
        });
        if let Some(mark) = marks.into_iter().next() {
            self.newest.set(mark);
        }
    }

    /// Keeps the log short, as SQLite does where it is let.
    fn finish_commit(&mut self) {
        let frames = self.anchor.as_ref().and_then(Anchor::log_frames);
        if frames.is_some_and(|frames| frames >= LOG_FRAMES_MAX) {
            self.checkpoint();
        }

        if let Some(log) = self.log() {
            failpoint::synced(&[&store_of(&log), &log], None);
            if let Some(newest) = self.newest.take() {
                self.mark.write(&newest);
            }
        }
    }
}

impl Drop for StoreFile {
    fn drop(&mut self) {
        if let Some(anchor) = &mut self.anchor {
            // Whoever waited for the last change has been told. What is lost now keeps SQLite from
            // copying the log to a store that is another one.
            let _ = anchor.check(&mut self.reader.connection, true);
        }
    }
}

/// Applies the changes in one transaction. Its first and last words are prepared once: to read them again
/// would take a tenth of a short commit.
fn apply_all(connection: &Connection, jobs: &[WriteJob]) -> rusqlite::Result<()> {
    act_out(Failpoint::CommitBegins)?;
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;

    let committed =
        fill(connection, jobs).and_then(|()| connection.prepare_cached("COMMIT")?.execute([]));
    if committed.is_err() && !connection.is_autocommit() {
        // What is wrong was told already.
        let _ = connection.execute_batch("ROLLBACK");
    }

    committed?;
    failpoint::pass(Failpoint::CommitEnds);
    Ok(())
}

fn fill(connection: &Connection, jobs: &[WriteJob]) -> rusqlite::Result<()> {
    let mut followed: Vec<&SeriesFault> = Vec::new();

    for job in jobs {
        if let Some(place @ SeriesPlace { fault, .. }) = &job.place
            && followed.iter().all(|known| !known.is(fault))
        {
            place.follow(connection)?;
            followed.push(fault);
        }

        carry_out(connection, &job.change)?;
    }

    act_out(Failpoint::CommitFills)
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
