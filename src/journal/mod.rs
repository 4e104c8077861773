//! What happened, append-only: the source of truth. Metrics, `show` and the optimizer are folds of
//! these events.

pub mod annotation;
pub mod cassette;
mod cassette_text;
mod clean;
pub mod damage;
mod difference;
pub mod event;
pub mod history;
pub mod inquiry;
pub mod inspection;
pub mod key;
pub mod known_replies;
pub mod known_results;
pub(crate) mod lease;
pub mod part;
pub mod past;
pub mod prune;
pub mod query;
pub mod result_line;
pub mod roster;
pub mod tool_trace;
pub mod trace;
pub mod waits;

use crate::base::id::RunId;
use crate::base::secret;
use crate::journal::event::Event;
use crate::store::StoreError;
use crate::store::writer::{Gatherer, Series, Writer};
use rusqlite::{Connection, params};
use std::cell::Cell;
use std::rc::Rc;

/// The journal of one run.
#[derive(Debug)]
pub struct Journal {
    run: RunId,
    next: Cell<i64>,
    /// `None` keeps nothing: for measuring what journaling costs, and for throw-away runs.
    writer: Option<Rc<Writer>>,
    /// Its events are worth nothing with a gap: an answer without its question, say.
    events: Gatherer<EventRow>,
}

/// An event as it is kept.
#[derive(Debug)]
struct EventRow {
    seq: i64,
    at: i64,
    kind: &'static str,
    op: Option<u32>,
    body: String,
    edge: RunEdge,
}

/// What an event is to the row of its run.
#[derive(Debug)]
enum RunEdge {
    /// It begins it.
    Begins(String),
    /// It leaves it as it is.
    Within,
    /// It ends it.
    Ends(&'static str),
}

impl Journal {
    /// Starts the journal of a run.
    pub fn new(run: RunId, writer: Rc<Writer>) -> Journal {
        let events = events(&run);
        Journal { run, next: Cell::new(0), writer: Some(writer), events }
    }

    /// Starts a journal that keeps nothing.
    pub fn off(run: RunId) -> Journal {
        let events = events(&run);
        Journal { run, next: Cell::new(0), writer: None, events }
    }

    /// Returns the run that is journaled.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Returns the writer of the store, unless nothing is kept.
    pub fn writer(&self) -> Option<&Rc<Writer>> {
        self.writer.as_ref()
    }

    /// Appends an event that happened `at` (microseconds since 1970) and returns once it is on the
    /// disk.
    pub async fn append(&self, at: i64, event: &Event) -> Result<(), StoreError> {
        match &self.writer {
            Some(writer) => {
                let row = self.row(at, event);
                match event {
                    Event::RunEnded { .. } => writer.append_last(&self.events, row.seq, row).await,
                    _ => writer.append(&self.events, row.seq, row).await,
                }
            }
            None => Ok(()),
        }
    }

    /// Appends an event now, and returns what to wait for until it is on the disk.
    pub fn append_now(
        &self,
        at: i64,
        event: &Event,
    ) -> Result<impl Future<Output = Result<(), StoreError>> + 'static, StoreError> {
        let written = match &self.writer {
            Some(writer) => {
                let row = self.row(at, event);
                Some(writer.append_now(&self.events, row.seq, row)?)
            }
            None => None,
        };

        Ok(async move {
            match written {
                Some(written) => written.await,
                None => Ok(()),
            }
        })
    }

    /// Tells why nothing more can be kept, if that is so.
    pub fn check(&self) -> Result<(), StoreError> {
        self.events.check()
    }

    /// Appends an event as what is owed: the writer commits it with others. Returns what to wait for until it
    /// is committed.
    pub fn owe(
        &self,
        at: i64,
        event: &Event,
    ) -> Result<impl Future<Output = Result<(), StoreError>> + 'static, StoreError> {
        let owed = match &self.writer {
            Some(writer) => {
                let row = self.row(at, event);
                Some(writer.owe(&self.events, row.seq, row)?)
            }
            None => None,
        };

        Ok(async move {
            match owed {
                Some(owed) => owed.await,
                None => Ok(()),
            }
        })
    }

    /// Appends an event soon, without waiting: for events that a crash may lose. If it cannot be
    /// written, the next one says so.
    pub fn append_soon(&self, at: i64, event: &Event) -> Result<(), StoreError> {
        match &self.writer {
            Some(writer) => {
                let row = self.row(at, event);
                writer.append_soon(&self.events, row.seq, row)
            }
            None => Ok(()),
        }
    }

    /// Numbers an event, and makes the row that keeps it.
    fn row(&self, at: i64, event: &Event) -> EventRow {
        EventRow {
            seq: self.next.replace(self.next.get() + 1),
            at,
            kind: event.kind(),
            op: event.op().map(|op| op.0),
            body: body(event),
            edge: match event {
                Event::RunStarted { script, .. } => RunEdge::Begins(script.clone()),
                Event::RunEnded { status, .. } => RunEdge::Ends(status.word()),
                _ => RunEdge::Within,
            },
        }
    }
}

/// Makes what keeps the events of a run: each stands on the one before, and on the run's row.
fn events(run: &RunId) -> Gatherer<EventRow> {
    let known = run.clone();
    let series = Series::new(move |tx, seq| {
        tx.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM events WHERE run = ?1 AND seq = ?2)
                AND EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
        )?
        .query_row(params![known.0, seq], |row| row.get(0))
    });
    let series = series.named(&run.0);

    let run = run.0.clone();
    Gatherer::new(series, move |tx, rows| keep(tx, &run, rows))
}

fn keep(tx: &Connection, run: &str, rows: &[EventRow]) -> rusqlite::Result<()> {
    let mut insert = tx
        .prepare_cached("INSERT INTO events (run, seq, at, kind, op, body) VALUES (?,?,?,?,?,?)")?;

    for EventRow { seq, at, kind, op, body, edge } in rows {
        if let RunEdge::Begins(script) = edge {
            tx.prepare_cached("INSERT INTO runs (id, script, started_at, pid) VALUES (?,?,?,?)")?
                .execute(params![run, script, at, std::process::id()])?;
        }

        insert.execute(params![run, seq, at, kind, op, body])?;

        if let RunEdge::Ends(status) = edge {
            tx.prepare_cached("UPDATE runs SET ended_at = ?, status = ? WHERE id = ?")?
                .execute(params![at, status, run])?;
        }
    }
    Ok(())
}

/// Writes an event as it is kept, without secrets.
fn body(event: &Event) -> String {
    let text = |event: &Event| serde_json::to_string(event).expect("events are plain data");
    let body = text(event);
    if secret::may_hold(&body) { text(&event.clone().without_secrets()) } else { body }
}
