//! Where the writer commits: the file of a store, or a server.

use super::WriteJob;
use super::file::{BatchEnd, LockPatience, StoreFile};
use crate::base::id::RunId;
use crate::store::durability::Durability;
use crate::store::mark::{MarkFile, NewestChange};
#[cfg(feature = "shared")]
use crate::store::postgres::ServerStore;
use crate::store::{Reader, RunChoice, StoredRun};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A store as its writer has it open.
pub(super) enum CommitPlace {
    Embedded(Box<StoreFile>),
    #[cfg(feature = "shared")]
    Shared(ServerStore),
}

impl CommitPlace {
    /// Takes a store, which commits with the durability from now on.
    pub(super) fn of(reader: Reader, path: &Path, durability: Durability) -> CommitPlace {
        match reader {
            Reader::Embedded(store) => {
                CommitPlace::Embedded(Box::new(StoreFile::new(store, path, durability)))
            }
            #[cfg(feature = "shared")]
            Reader::Shared(store) => CommitPlace::Shared(ServerStore::new(store)),
        }
    }

    /// Tells whether the store is on a server.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            CommitPlace::Embedded(_) => false,
            #[cfg(feature = "shared")]
            CommitPlace::Shared(_) => true,
        }
    }

    /// Returns the path of the log; `None` if there is none.
    pub(super) fn log(&self) -> Option<PathBuf> {
        match self {
            CommitPlace::Embedded(file) => file.log(),
            #[cfg(feature = "shared")]
            CommitPlace::Shared(_) => None,
        }
    }

    /// Returns where the newest change is noted until the disk has it.
    pub(super) fn newest(&self) -> NewestChange {
        match self {
            CommitPlace::Embedded(file) => file.newest(),
            #[cfg(feature = "shared")]
            CommitPlace::Shared(_) => NewestChange::default(),
        }
    }

    /// Returns the mark of the store.
    pub(super) fn mark(&self) -> Arc<MarkFile> {
        match self {
            CommitPlace::Embedded(file) => file.mark(),
            #[cfg(feature = "shared")]
            CommitPlace::Shared(store) => Arc::new(MarkFile::new(store.name())),
        }
    }

    /// Returns the newest run, if there is one that can be read.
    pub(super) fn newest_run(&self) -> Option<RunId> {
        let id = |run: StoredRun<'_>| RunId(run.id.shown().into_owned());
        let found = match self {
            CommitPlace::Embedded(file) => file.reader().runs(RunChoice::Back(0), id),
            #[cfg(feature = "shared")]
            CommitPlace::Shared(store) => store.reader().runs(RunChoice::Back(0), id),
        };
        found.ok()?.pop()
    }

    /// Copies what the log holds to the store.
    pub(super) fn checkpoint(&mut self) {
        match self {
            CommitPlace::Embedded(file) => file.checkpoint(),
            #[cfg(feature = "shared")]
            CommitPlace::Shared(_) => {}
        }
    }

    /// Tells whether the log is so long that it should be copied to the store; `None` where that is not known.
    pub(super) fn log_is_long(&self) -> Option<bool> {
        match self {
            CommitPlace::Embedded(file) => file.log_is_long(),
            #[cfg(feature = "shared")]
            CommitPlace::Shared(_) => Some(false),
        }
    }

    /// Commits changes.
    pub(super) fn commit_all(&mut self, batch: Vec<WriteJob>, patience: LockPatience) -> BatchEnd {
        match self {
            CommitPlace::Embedded(file) => file.commit_all(batch, patience),
            #[cfg(feature = "shared")]
            CommitPlace::Shared(store) => {
                store.commit_all(batch);
                BatchEnd::Told
            }
        }
    }
}
