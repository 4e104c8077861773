//! Keeping snapshots of the learner, and by which rules they were made. What is kept here saves time and
//! nothing else.

use super::{Knowledge, KnowledgeError};
use crate::store;
use rusqlite::{Connection, Row, params};
use std::time::Duration;

/// Most snapshots that are kept, each for another objective or version of this program.
const SNAPSHOTS_MAX: u32 = 4;

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
        self.write_spare(move |tx: &Connection| {
            tx.execute("DELETE FROM learned", [])?;
            tx.execute("INSERT INTO learned (rules) VALUES (?)", [rules])?;
            let sql = "DELETE FROM snapshots WHERE substr(fold, 1, length(?1)) <> ?1";
            tx.execute(sql, [&snapshots]).map(drop)
        });
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
        let keep = move |tx: &Connection| {
            tx.execute(
                "INSERT OR REPLACE INTO snapshots (fold, seq, at, body) SELECT ?1, ?2, ?3, ?4
                 WHERE NOT EXISTS (SELECT 1 FROM snapshots WHERE fold = ?1 AND seq >= ?2)",
                params![fold, seq, at, body],
            )?;

            let sql = "DELETE FROM snapshots WHERE id NOT IN
                       (SELECT id FROM snapshots ORDER BY id DESC LIMIT ?)";
            tx.execute(sql, [SNAPSHOTS_MAX]).map(drop)
        };

        self.write_spare(keep);
    }

    /// Writes what is worth nothing but time, if that is possible now.
    fn write_spare(&self, change: impl Fn(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        if let Some(writer) = &self.writer {
            writer.apply_spare(Box::new(change));
        } else if self.keeps {
            // Who only looks does not wait for others that write.
            let _ = self.reader.busy_timeout(Duration::ZERO);
            let _ = self.reader.unchecked_transaction().and_then(|tx| {
                change(&tx)?;
                tx.commit()
            });
            let _ = self.reader.busy_timeout(store::BUSY_TIMEOUT);
        }
    }

    /// Drops a snapshot.
    pub fn drop_snapshot(&self, fold: &str) -> Result<(), KnowledgeError> {
        self.reader.execute("DELETE FROM snapshots WHERE fold = ?", [fold])?;
        Ok(())
    }
}
