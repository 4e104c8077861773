//! Whether the files of a store are still those that were opened. Somebody may remove, replace or
//! overwrite them meanwhile, and SQLite would continue writing to what nobody ever reads.

use crate::base::clock;
use crate::store::log::{IndexHead, LogCondition, LogDepth, LogWitness};
use crate::store::{BUSY_TIMEOUT, Loss, StoreError, is_shared_memory, schema};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the files beside the store are looked at, at most. The store itself is looked at after
/// each commit.
const CLOSE_LOOK: Duration = Duration::from_millis(50);

/// How long another process is given to end a checkpoint, which writes to the store in place, before
/// the store counts as overwritten and is compared with what this process knows.
const CHECKPOINT_MAX: Duration = Duration::from_secs(1);

/// The store is compared as a whole in one part of the time at most, out of this many.
const COMPARE_SHARE: u32 = 100;

/// What tells one file from every other, as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

/// What changes when something is written to a file in place: its length and its time.
type FileStamp = (u64, i64, i64);

/// The files of an open store.
#[derive(Debug)]
pub(super) struct Anchor {
    path: PathBuf,
    /// `None` if it was gone before it could be looked at.
    store: Option<FileId>,
    /// Whether the store, or its folder, was a link already when it was opened.
    is_linked: bool,
    /// The log of the newest changes and its index.
    beside: Vec<(PathBuf, FileId)>,
    /// `None` where changes go to the store itself, and SQLite looks whether somebody else made some.
    shape: Option<FileStamp>,
    /// The log and its index, where they can be read.
    witness: Option<LogWitness>,
    /// What the index said when the store was looked at. As long as no more of the log was copied to the
    /// store, no checkpoint has written to it.
    backfill: Option<IndexHead>,
    looked_at: Duration,
    /// Until when a new shape is nothing to wonder about.
    trusted_until: Duration,
}

impl Anchor {
    /// Remembers the files of a store that was just opened; a store in memory has none.
    pub(super) fn of(connection: &Connection, path: &Path) -> Option<Anchor> {
        if is_shared_memory(path) {
            return None;
        }

        // Where the path is a link, the log lies beside what it leads to.
        let real = connection.path().filter(|real| !real.is_empty())?;

        let store = std::fs::metadata(path).ok();
        let beside = ["-wal", "-shm"].into_iter().filter_map(|end| {
            let path = PathBuf::from(format!("{real}{end}"));
            let id = file_id(&std::fs::metadata(&path).ok()?);
            Some((path, id))
        });
        let beside: Vec<_> = beside.collect();

        let has_log = beside.len() == 2 && schema::has_log(connection);
        let witness = match &beside[..] {
            [(log, _), (index, _)] if has_log => LogWitness::open(log, index).ok(),
            _ => None,
        };

        Some(Anchor {
            path: path.to_owned(),
            beside,
            store: store.as_ref().map(file_id),
            is_linked: is_linked(path),
            shape: store.as_ref().map(shape).filter(|_| has_log),
            backfill: witness.as_ref().and_then(LogWitness::head),
            witness,
            looked_at: clock::monotonic(),
            trusted_until: Duration::ZERO,
        })
    }

    /// Returns how many frames the log holds; `None` where that is not known.
    pub(super) fn log_frames(&self) -> Option<u32> {
        Some(self.backfill()?.frames)
    }

    /// Returns how many frames of the log are not in the store yet, if its index can be read.
    pub(super) fn uncopied_frames(&self) -> Option<u32> {
        let head = self.backfill()?;
        Some(head.frames.saturating_sub(head.copied))
    }

    /// Checks that the log holds what was committed to it. That is due before anything is written to it,
    /// and before anything is copied from it to the store.
    pub(super) fn check_log(
        &self,
        connection: &Connection,
        depth: LogDepth,
    ) -> Result<(), StoreError> {
        let found = self.look_into_log(depth);
        if found.is_err() {
            forbid_checkpoint(connection);
        }
        found
    }

    /// Takes the store for what it is now: this process has just written to it.
    pub(super) fn note_checkpoint(&mut self) {
        let Ok(now) = std::fs::metadata(&self.path) else { return };

        if self.store == Some(file_id(&now)) {
            self.shape = self.shape.map(|_| shape(&now));
            self.backfill = self.backfill();
        }
    }

    /// Checks that what was just committed is in the file that others find at the store's path. That
    /// costs one look at the file; every now and then, and whenever `closely` is set, the files beside
    /// it are looked at as well.
    pub(super) fn check(
        &mut self,
        connection: &mut Connection,
        closely: bool,
    ) -> Result<(), StoreError> {
        let found = self.look(connection, closely);

        match &found {
            Err(StoreError::Lost { loss: Loss::Removed | Loss::Replaced, .. }) => {
                match self.look_into_log(LogDepth::Whole) {
                    Ok(()) => self.take_log_along(connection),
                    Err(_) => forbid_checkpoint(connection),
                }
            }
            Err(StoreError::Lost {
                loss: Loss::Overwritten | Loss::LogReplaced(_) | Loss::LogOverwritten(_),
                ..
            }) => forbid_checkpoint(connection),
            Ok(()) | Err(_) => {}
        }

        found
    }

    /// Writes the log back to the store, wherever that is now, and removes it from its old place: it
    /// would be taken for the log of a store that is put there. If others use it, it stays.
    fn take_log_along(&mut self, connection: &Connection) {
        // Nobody is waited for; and nothing is written by this connection any more.
        let _ = connection.busy_timeout(Duration::ZERO);

        let busy = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        let is_busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], busy);
        if is_busy != Ok(false) {
            return;
        }

        for (path, id) in self.beside.drain(..) {
            if std::fs::metadata(&path).is_ok_and(|file| file_id(&file) == id) {
                // What cannot be removed is empty by now.
                let _ = std::fs::remove_file(path);
            }
        }
    }

    fn look(&mut self, connection: &mut Connection, closely: bool) -> Result<(), StoreError> {
        let Ok(now) = std::fs::metadata(&self.path) else { return self.lost(Loss::Removed) };
        match self.store {
            None => return self.lost(Loss::Removed),
            Some(id) if id != file_id(&now) => return self.lost(Loss::Replaced),
            // The same file behind a link is one that no command opens any more.
            Some(_) if !self.is_linked && is_linked(&self.path) => {
                return self.lost(Loss::Replaced);
            }
            Some(_) => {}
        }

        let time = clock::monotonic();
        let is_close = closely || time.saturating_sub(self.looked_at) >= CLOSE_LOOK;
        if is_close {
            self.looked_at = time;
            self.look_beside()?;
        }
        if closely {
            self.look_into_log(LogDepth::Whole)?;
        }

        if self.shape.is_some_and(|known| known != shape(&now)) {
            if time >= self.trusted_until {
                return self.explain(connection);
            }
            self.shape = Some(shape(&now));
        }

        if is_close {
            self.backfill = self.backfill();
        }
        Ok(())
    }

    /// Compares the log with its index.
    fn look_into_log(&self, depth: LogDepth) -> Result<(), StoreError> {
        let (Some(witness), [(log, _), (index, _)]) = (&self.witness, &self.beside[..]) else {
            return Ok(());
        };

        match witness.compare(depth) {
            LogCondition::Sound => Ok(()),
            LogCondition::Changed => self.lost(Loss::LogOverwritten(log.clone())),
            LogCondition::IndexCut => self.lost(Loss::LogOverwritten(index.clone())),
        }
    }

    /// Looks at the log and its index.
    fn look_beside(&self) -> Result<(), StoreError> {
        for (path, id) in &self.beside {
            match std::fs::metadata(path) {
                Ok(now) if file_id(&now) == *id => {}
                Ok(_) => return self.lost(Loss::LogReplaced(path.clone())),
                Err(_) => return self.lost(Loss::LogRemoved(path.clone())),
            }
        }

        Ok(())
    }

    /// Finds out why the store was written in place: by a checkpoint, of this process or of another,
    /// or by something that is no SQLite.
    fn explain(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        self.look_beside()?;
        let began = clock::monotonic();

        loop {
            // If both figures around it agree, no checkpoint changed the store in between.
            let before = self.backfill();
            let Ok(now) = std::fs::metadata(&self.path) else { return self.lost(Loss::Removed) };
            let is_settled = is_same(before, self.backfill());
            let is_checkpoint = !is_same(before, self.backfill);
            let is_over = clock::monotonic().saturating_sub(began) >= CHECKPOINT_MAX;

            if is_settled && (is_checkpoint || is_over) {
                if !is_checkpoint {
                    self.compare_all(connection, began)?;
                }
                self.shape = Some(shape(&now));
                self.backfill = before;
                return Ok(());
            }

            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Compares the whole store with what this process knows, and counts it as lost if they differ. If
    /// they do not, times of files mean little here, and it is not done again soon.
    fn compare_all(
        &mut self,
        connection: &mut Connection,
        began: Duration,
    ) -> Result<(), StoreError> {
        if !self.is_whole(connection)? {
            return self.lost(Loss::Overwritten);
        }

        let now = clock::monotonic();
        self.trusted_until = now + now.saturating_sub(began) * COMPARE_SHARE;
        Ok(())
    }

    /// Tells whether somebody who opens the store now finds what this process knows to be in it, and
    /// finds it sound. This reads the whole store.
    fn is_whole(&self, connection: &mut Connection) -> Result<bool, StoreError> {
        let judged = |read: rusqlite::Result<bool>| match read {
            Ok(is_whole) => Ok(is_whole),
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(false),
                _ => Err(StoreError::sqlite(self.path.clone(), error)),
            },
        };

        judged(self.compare(connection))
    }

    fn compare(&self, connection: &mut Connection) -> rusqlite::Result<bool> {
        // Others cannot write meanwhile.
        let own = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let other = Connection::open_with_flags(&self.path, flags)?;
        other.busy_timeout(BUSY_TIMEOUT)?;
        let word: String = other.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;

        Ok(word == "ok" && counts(&own)? == counts(&other)?)
    }

    /// Asks how far the log was copied to the store.
    fn backfill(&self) -> Option<IndexHead> {
        self.witness.as_ref().and_then(LogWitness::head)
    }

    fn lost(&self, loss: Loss) -> Result<(), StoreError> {
        Err(StoreError::Lost { path: self.path.clone(), loss })
    }
}

/// Forbids SQLite to copy the log to the store when the store is closed: pages of one store would be
/// written into another. If that cannot be forbidden, it is as bad as before.
fn forbid_checkpoint(connection: &Connection) {
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}

/// Tells whether nothing was copied from the log to the store in between.
fn is_same(one: Option<IndexHead>, other: Option<IndexHead>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_backfill_of(other),
        (None, None) => true,
        _ => false,
    }
}

/// Tells whether a file or its folder is a link.
fn is_linked(path: &Path) -> bool {
    let is_link = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink());
    is_link(path) || path.parent().is_some_and(is_link)
}

fn file_id(file: &Metadata) -> FileId {
    FileId { device: file.dev(), inode: file.ino() }
}

fn shape(file: &Metadata) -> FileStamp {
    (file.len(), file.mtime(), file.mtime_nsec())
}

/// Counts the rows of every table.
fn counts(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let names: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;

    let count = |name: String| {
        let sql = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let count = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok((name, count))
    };

    names.into_iter().map(count).collect()
}
