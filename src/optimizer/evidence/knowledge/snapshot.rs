//! Keeping snapshots of the learner, and by which rules they were made. What is kept here saves time and
//! nothing else.

use super::{Knowledge, KnowledgeError};
use crate::store::writer::carry_out;
use crate::store::{self, SnapshotRow, StoreChange};
use rusqlite::Row;
use std::time::Duration;

impl Knowledge {
    /// Tells whether snapshots of the learner can be kept.
    pub fn keeps_snapshots(&self) -> bool {
        self.keeps
    }

    /// Returns the newest rules by which anybody has learned from this store; `None` if nobody has.
    pub fn rules(&self) -> Result<Option<u32>, KnowledgeError> {
        let sql = "SELECT max(rules) FROM learned";
        Ok(self.reader.query_row(sql, [], |row| row.get(0))?)
    }

    /// Says by which rules the store is learned from now, and drops the snapshots of others, whose names
    /// begin otherwise. If that fails it is said again the next time.
    pub fn set_rules(&self, rules: u32, snapshots: String) {
        self.write_spare(StoreChange::Rules { rules, snapshots });
    }

    /// Reads a snapshot of the learner, if there is one whose last observation is still there. One
    /// that cannot be read is none: what it saves is only time.
    pub fn snapshot<T>(&self, fold: &str, read: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let sql =
            "SELECT s.body FROM snapshots s JOIN observations o ON o.seq = s.seq AND o.at = s.at
                   WHERE s.fold = ?";
        let body = |row: &Row<'_>| Ok(row.get_ref(0)?.as_blob().ok().and_then(read));
        self.reader.query_row(sql, [fold], body).ok().flatten()
    }

    /// Returns the number of the last observation in a snapshot.
    pub fn snapshot_end(&self, fold: &str) -> Option<i64> {
        let sql = "SELECT seq FROM snapshots WHERE fold = ?";
        self.reader.query_row(sql, [fold], |row| row.get(0)).ok()
    }

    /// Names the snapshots.
    pub fn snapshots(&self) -> Result<Vec<String>, KnowledgeError> {
        let mut statement = self.reader.prepare("SELECT fold FROM snapshots ORDER BY fold")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
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
            // Who only looks does not wait for others that write.
            let _ = self.reader.busy_timeout(Duration::ZERO);
            let _ = self.reader.unchecked_transaction().and_then(|tx| {
                carry_out(&tx, &change)?;
                tx.commit()
            });
            let _ = self.reader.busy_timeout(store::BUSY_TIMEOUT);
        }
    }

    /// Drops a snapshot.
    pub fn drop_snapshot(&self, fold: &str) -> Result<(), KnowledgeError> {
        Ok(carry_out(&self.reader, &StoreChange::SnapshotDrop(fold.to_owned()))?)
    }
}
