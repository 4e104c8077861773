//! What happened, append-only: the source of truth. Metrics and `show` are folds of these events. What the
//! optimizer learns from is stored by itself (`optimizer/evidence/`).

pub mod annotation;
pub mod apart;
pub mod cassette;
mod cassette_difference;
mod cassette_text;
pub mod chain;
mod clean;
pub mod damage;
mod doubts;
pub mod end_check;
mod end_times;
pub mod event;
pub mod history;
pub mod inquiry;
pub mod inspection;
pub mod key;
pub mod known_replies;
pub mod known_results;
pub(crate) mod lease;
pub mod lineage;
mod made_good;
pub mod part;
pub mod past;
pub mod prune;
mod ran;
pub mod read_depth;
pub mod result_line;
pub mod roster;
mod row_event;
pub mod seal;
pub mod tool_trace;
pub mod trace;
mod vain;
pub mod waits;

use crate::base::id::RunId;
use crate::journal::apart::WrittenEvent;
use crate::journal::event::Event;
use crate::journal::ran::{OPS_RAN, RanEnd};
use crate::journal::seal::JournalEnd;
use crate::store::writer::{Series, Writer};
use crate::store::{EventRow, RunEdge, SealRow, StoreError};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The journal of one run.
#[derive(Debug)]
pub struct Journal {
    run: RunId,
    /// The number of the next event, and of the row before it.
    next: Cell<i64>,
    row: Cell<i64>,
    /// `None` keeps nothing: for measuring what journaling costs, and for throw-away runs.
    writer: Option<Rc<Writer>>,
    /// What is kept of the run as a whole when it ends.
    sums: RefCell<Option<String>>,
    /// The end of the journal that is taken over with the event that begins this one.
    seal: RefCell<Option<SealRow>>,
    /// Its events are worth nothing with a gap: an answer without its question, say.
    events: Series,
}

impl Journal {
    /// Starts the journal of a run.
    pub fn new(run: RunId, writer: Rc<Writer>) -> Journal {
        let events = Series::of_run(&run);
        Journal {
            run,
            next: Cell::new(0),
            row: Cell::new(-1),
            sums: RefCell::default(),
            seal: RefCell::default(),
            writer: Some(writer),
            events,
        }
    }

    /// Starts a journal that keeps nothing.
    pub fn off(run: RunId) -> Journal {
        let events = Series::of_run(&run);
        Journal {
            run,
            next: Cell::new(0),
            row: Cell::new(-1),
            sums: RefCell::default(),
            seal: RefCell::default(),
            writer: None,
            events,
        }
    }

    /// Keeps a text about the run as a whole together with the event that ends it.
    pub fn keep_sums(&self, sums: String) {
        self.sums.replace(Some(sums));
    }

    /// Takes over the journal of another run together with the event that begins this one: both are kept, or neither,
    /// if somebody else continues the other run.
    pub fn take_over(&self, end: &JournalEnd) {
        self.seal.replace(Some(end.seal(&self.run, self.events.token())));
    }

    /// Returns once every event so far is kept. It keeps the thread meanwhile.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.writer.as_ref().map_or(Ok(()), |writer| writer.settle_series(&self.events))
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
                if let Some(ended) = RanEnd::of(event)
                    && let Some(joined) =
                        writer.join(&self.events, |rows| self.join(rows, at, &ended))
                {
                    return joined.await;
                }

                let row = self.row(at, event);
                match event {
                    Event::RunEnded { .. } => writer.append_last(&self.events, row).await,
                    _ => writer.append(&self.events, row).await,
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
                Some(writer.append_now(&self.events, row)?)
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
                Some(writer.owe(&self.events, row)?)
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
                if let Some(ended) = RanEnd::of(event)
                    && writer.join_soon(&self.events, |rows| self.join(rows, at, &ended))
                {
                    return Ok(());
                }

                let row = self.row(at, event);
                writer.append_soon(&self.events, row)
            }
            None => Ok(()),
        }
    }

    /// Lets the end of an operation stand together with its start, if that is the newest row of those that
    /// are yet to be written, and with the operations before it. Tells whether it does.
    fn join(&self, rows: &mut Vec<EventRow>, at: i64, ended: &RanEnd) -> bool {
        let Some(start) = rows.last().filter(|row| row.opens == Some((ended.flow, ended.op)))
        else {
            return false;
        };

        let began = start.at;
        self.next.set(self.next.get() + 1);
        if let [.., before, _] = &mut rows[..]
            && before.kind == OPS_RAN
            && ended.join(&mut before.body, began, at)
        {
            before.at = at;
            self.row.set(before.seq);
            rows.pop();
        } else if let Some(row) = rows.last_mut() {
            row.kind = OPS_RAN;
            row.op = None;
            row.opens = None;
            row.at = at;
            row.body = ended.begin(began, at);
        }
        true
    }

    /// Numbers an event, and makes the row that keeps it.
    fn row(&self, at: i64, event: &Event) -> EventRow {
        let WrittenEvent { body, text } = WrittenEvent::of(event);
        // A text of its own takes the number before that of its event.
        let seq = self.next.get() + i64::from(text.is_some());
        self.next.set(seq + 1);
        let after = self.row.replace(seq);

        let opens = match event {
            Event::OpStarted { flow, op, name: None } => Some((*flow, *op)),
            _ => None,
        };
        let edge = match event {
            Event::RunStarted { script, .. } => {
                let script = script.clone();
                let seal = self.seal.take();
                RunEdge::Begins { script, pid: std::process::id(), seal }
            }
            Event::RunEnded { status, .. } => {
                RunEdge::Ends { status: status.word(), sums: self.sums.take() }
            }
            _ => RunEdge::Within,
        };

        let op = event.op().map(|op| op.0);
        EventRow { seq, after, at, kind: event.kind(), op, body, text, edge, opens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{FlowId, OpId};
    use crate::flow::outcome::Outcome;
    use crate::journal::event::RunStatus;
    use crate::journal::history;
    use crate::store;
    use crate::store::StoreMark;
    use crate::store::durability::Durability;
    use crate::store::each_store::each_store;
    use futures::executor::block_on;
    use serde_json::{Map, Value, json};
    use std::path::Path;

    fn started(flow: u32, op: u32) -> Event {
        Event::OpStarted { flow: FlowId(flow), op: OpId(op), name: None }
    }

    fn ended(flow: u32, op: u32, value: Value) -> Event {
        let outcome = Outcome::Completed { value };
        Event::OpEnded { flow: FlowId(flow), op: OpId(op), outcome }
    }

    /// The events of a run in which some operations have nothing between their start and their end.
    fn events() -> Vec<Event> {
        let script = "s.rhai".to_owned();
        let program = "0".to_owned();
        let terms = Box::default();
        let begun = Event::RunStarted {
            script,
            params: Map::new(),
            seed: 1,
            program,
            resumes: None,
            what: None,
            reuse: false,
            terms,
        };
        vec![
            begun,
            started(1, 0),
            ended(1, 0, json!("\0")),
            started(1, 1),
            ended(1, 1, json!({ "a": [] })),
            // Another flow, a long value, and two at once, which stand by themselves.
            started(2, 2),
            ended(2, 2, Value::Null),
            started(2, 3),
            ended(2, 3, json!("x".repeat(2000))),
            started(2, 4),
            started(2, 5),
            ended(2, 5, json!(5)),
            ended(2, 4, json!(4)),
            // A text that stands apart.
            started(2, 6),
            ended(2, 6, json!("y".repeat(5000))),
            Event::ended(RunStatus::Ok),
        ]
    }

    #[test]
    fn what_shares_a_row_is_read_as_it_happened() {
        for store in each_store("what shares a row") {
            shares_rows(store.path());
        }
    }

    fn shares_rows(path: &Path) {
        let writer = Writer::start(store::open(path).expect("a store"), path, Durability::Power)
            .expect("a writer");
        let journal = Journal::new(RunId("r".to_owned()), Rc::new(writer));

        let events: Vec<(i64, Event)> = (10..).zip(events()).collect();
        let (last, before) = events.split_last().expect("events");
        for (at, event) in before {
            journal.append_soon(*at, event).expect("room");
        }
        journal.keep_sums("{}".to_owned());
        block_on(journal.append(last.0, &last.1)).expect("room");

        let reader = store::open(path).expect("a reader");
        let run = RunId("r".to_owned());
        let log = history::read(&reader, &run).expect("a journal");
        assert_eq!(log.damage, []);
        assert_eq!(log.events, events);
        assert_eq!(history::count_events(&reader, &run).expect("a count"), events.len());
        assert_eq!(history::sums(&reader, &run).expect("sums"), Some("{}".to_owned()));

        // The number 14 is that of a text.
        for (seq, event) in (0..).filter(|seq| *seq != 14).zip(&events) {
            let found = history::event_at(&reader, &run, seq).expect("a row");
            assert_eq!(found.as_ref(), Some(event));
        }
        assert_eq!(history::event_at(&reader, &run, 14).expect("no event"), None);
        assert_eq!(history::event_at(&reader, &run, 17).expect("no row"), None);

        // Whichever of them is marked as the last one on the disk, it is there.
        let is_held = |number| {
            let mark = StoreMark { series: "r".into(), number };
            inspection::holds(&reader, &mark).expect("an answer")
        };
        assert!((0..17).filter(|number| *number != 14).all(is_held));
        assert!(!is_held(14) && !is_held(17) && !is_held(18));
    }

    #[test]
    fn operations_that_run_in_a_row_share_one() {
        let journal = Journal::off(RunId("r".to_owned()));
        let mut rows: Vec<EventRow> = Vec::new();
        for (at, event) in (10..).zip(events()) {
            let ended = RanEnd::of(&event);
            if ended.is_none_or(|ended| !journal.join(&mut rows, at, &ended)) {
                rows.push(journal.row(at, &event));
            }
        }

        let told = |row: &EventRow| format!("{} after {}: {}", row.seq, row.after, row.kind);
        assert_eq!(
            rows.iter().map(told).collect::<Vec<_>>(),
            [
                "0 after -1: run_started",
                "1 after 0: ops_ran",
                "5 after 1: ops_ran",
                "7 after 5: op_started",
                "8 after 7: op_ended",
                "9 after 8: op_started",
                "10 after 9: ops_ran",
                "12 after 10: op_ended",
                "13 after 12: op_started",
                "15 after 13: op_ended",
                "16 after 15: run_ended"
            ]
        );
    }
}
