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
use crate::store::writer::{Series, StoreChange, Writer};
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
    series: Series,
}

impl Journal {
    /// Starts the journal of a run.
    pub fn new(run: RunId, writer: Rc<Writer>) -> Journal {
        let series = series(run.clone());
        Journal { run, next: Cell::new(0), writer: Some(writer), series }
    }

    /// Starts a journal that keeps nothing.
    pub fn off(run: RunId) -> Journal {
        let series = series(run.clone());
        Journal { run, next: Cell::new(0), writer: None, series }
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
                let (seq, change) = self.change(at, event);
                match event {
                    Event::RunEnded { .. } => writer.append_last(&self.series, seq, change).await,
                    _ => writer.append(&self.series, seq, change).await,
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
                let (seq, change) = self.change(at, event);
                Some(writer.append_now(&self.series, seq, change)?)
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

    /// Appends an event soon, without waiting: for events that a crash may lose. If it cannot be
    /// written, the next one says so.
    pub fn append_soon(&self, at: i64, event: &Event) -> Result<(), StoreError> {
        match &self.writer {
            Some(writer) => {
                let (seq, change) = self.change(at, event);
                writer.append_soon(&self.series, seq, change)
            }
            None => Ok(()),
        }
    }

    /// Returns the number of the next event, and the change that keeps it.
    fn change(&self, at: i64, event: &Event) -> (i64, StoreChange) {
        let run = self.run.0.clone();
        let seq = self.next.replace(self.next.get() + 1);
        let kind = event.kind();
        let op = event.op().map(|op| op.0);
        let body = body(event);

        let status = match event {
            Event::RunEnded { status, .. } => Some(status.word()),
            _ => None,
        };
        let script = match event {
            Event::RunStarted { script, .. } => Some(script.clone()),
            _ => None,
        };

        let change = move |tx: &Connection| {
            if let Some(script) = &script {
                tx.prepare_cached(
                    "INSERT INTO runs (id, script, started_at, pid) VALUES (?,?,?,?)",
                )?
                .execute(params![run, script, at, std::process::id()])?;
            }
            tx.prepare_cached(
                "INSERT INTO events (run, seq, at, kind, op, body) VALUES (?,?,?,?,?,?)",
            )?
            .execute(params![run, seq, at, kind, op, body])?;

            if let Some(status) = status {
                tx.prepare_cached("UPDATE runs SET ended_at = ?, status = ? WHERE id = ?")?
                    .execute(params![at, status, run])?;
            }
            Ok(())
        };

        (seq, Box::new(change))
    }
}

/// Makes the series of the events of a run: each stands on the one before, and on the run's row.
fn series(run: RunId) -> Series {
    Series::new(move |tx, seq| {
        tx.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM events WHERE run = ?1 AND seq = ?2)
                AND EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
        )?
        .query_row(params![run.0, seq], |row| row.get(0))
    })
}

/// Writes an event as it is kept, without secrets.
fn body(event: &Event) -> String {
    let text = |event: &Event| serde_json::to_string(event).expect("events are plain data");
    let body = text(event);
    if secret::may_hold(&body) { text(&event.clone().without_secrets()) } else { body }
}
