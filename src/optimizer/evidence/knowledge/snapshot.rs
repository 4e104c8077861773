//! Keeping snapshots of the learner, and by which rules they were made. What is kept here saves time and
//! nothing else.

use super::{Knowledge, KnowledgeError};
use crate::store::{SnapshotRow, StoreChange};

impl Knowledge {
    /// Tells whether snapshots of the learner can be kept.
    pub fn keeps_snapshots(&self) -> bool {
        self.keeps
    }

    /// Returns the newest rules by which anybody has learned from this store; `None` if nobody has.
    pub fn rules(&self) -> Result<Option<u32>, KnowledgeError> {
        Ok(self.reader.rules()?)
    }

    /// Says by which rules the store is learned from now, and drops the snapshots of others, whose names
    /// begin otherwise. If that fails it is said again the next time.
    pub fn set_rules(&self, rules: u32, snapshots: String) {
        self.write_spare(StoreChange::Rules { rules, snapshots });
    }

    /// Reads a snapshot of the learner, if there is one whose last observation is still there. One
    /// that cannot be read is none: what it saves is only time.
    pub fn snapshot<T>(&self, fold: &str, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        self.reader.snapshot(fold, read).ok().flatten()
    }

    /// Returns the number of the last observation in a snapshot.
    pub fn snapshot_end(&self, fold: &str) -> Option<i64> {
        self.reader.snapshot_end(fold).ok()
    }

    /// Names the snapshots.
    pub fn snapshots(&self) -> Result<Vec<String>, KnowledgeError> {
        Ok(self.reader.snapshots()?)
    }

    /// Keeps a snapshot that ends with the observation `seq` of the time `at`, unless there is a
    /// newer one. If that fails nothing is lost but time.
    pub fn keep_snapshot(&self, fold: String, (seq, at): (i64, i64), body: Vec<u8>) {
        self.write_spare(StoreChange::Snapshot(SnapshotRow { fold, seq, at, body }));
    }

    /// Writes what is worth nothing but time, if that is possible now.
    fn write_spare(&self, change: StoreChange) {
        if let Some(writer) = &self.writer {
            writer.apply_spare(change);
        } else if self.keeps {
            self.reader.apply_if_free(&change);
        }
    }

    /// Drops a snapshot.
    pub fn drop_snapshot(&self, fold: &str) -> Result<(), KnowledgeError> {
        Ok(self.reader.apply_here(&StoreChange::SnapshotDrop(fold.to_owned()))?)
    }
}
