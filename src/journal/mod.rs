//! What happened, append-only: the source of truth. Metrics, `show` and the optimizer are folds of
//! these events.

pub mod event;

use crate::base::clock::Stamp;
use crate::base::id::RunId;
use crate::journal::event::Event;
use crate::store::StoreError;
use crate::store::writer::{Change, Writer};
use rusqlite::{Connection, params};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The journal of one run.
#[derive(Debug)]
pub struct Journal {
    run: RunId,
    next: AtomicU64,
    writer: Rc<Writer>,
}

impl Journal {
    /// Starts the journal of a run.
    pub fn new(run: RunId, writer: Rc<Writer>) -> Journal {
        Journal { run, next: AtomicU64::new(0), writer }
    }

    /// Returns the run that is journaled.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Appends an event and returns once it is on the disk.
    pub async fn append(&self, event: &Event) -> Result<(), StoreError> {
        let change = self.change(event);
        self.writer.apply(change).await
    }

    /// Appends an event soon, without waiting: for events that a crash may lose.
    pub fn append_soon(&self, event: &Event) -> Result<(), StoreError> {
        let change = self.change(event);
        self.writer.apply_soon(change)
    }

    fn change(&self, event: &Event) -> Change {
        let run = self.run.0.clone();
        let seq = self.next.fetch_add(1, Ordering::Relaxed).cast_signed();
        let at = Stamp::now().0;
        let kind = event.kind();
        let body = serde_json::to_string(event).expect("events are plain data");
        Box::new(move |tx| {
            tx.prepare_cached("INSERT INTO events (run, seq, at, kind, body) VALUES (?,?,?,?,?)")?
                .execute(params![run, seq, at, kind, body])?;
            Ok(())
        })
    }
}

/// Reads all events of a run in order.
pub fn read(connection: &Connection, run: &RunId) -> rusqlite::Result<Vec<(Stamp, String)>> {
    let mut rows = connection.prepare("SELECT at, body FROM events WHERE run = ? ORDER BY seq")?;
    rows.query_map([&run.0], |row| Ok((Stamp(row.get(0)?), row.get(1)?)))?.collect()
}
