//! Operations that ran from start to end with nothing between: functions of scripts, of which a graph may
//! have a million. Those that come one after the other share a row of the journal, and are read as the
//! events that they stand for. Each takes the numbers of two events.

use crate::base::id::{FlowId, OpId};
use crate::base::secret;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use serde_json::Value;
use std::fmt::Write as _;

/// The word for the kind of such a row.
pub(super) const OPS_RAN: &str = "ops_ran";

/// How a row of them begins.
const HEAD: &str = "{\"kind\":\"ops_ran\",\"flow\":";
/// How it ends.
const TAIL: &str = "]}";
/// From how many bytes on a row takes no more.
const ROW_MAX: usize = 16 << 10;
/// Longest value, in bytes, that stands among others.
const VALUE_MAX: usize = 512;

/// An operation that ran from start to end.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct RanOp(
    OpId,
    /// When it began, in microseconds since 1970.
    i64,
    /// How many microseconds it took.
    i64,
    /// Its value.
    Value,
);

/// Such operations of one flow.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub(super) struct RanOps {
    flow: FlowId,
    ops: Vec<RanOp>,
}

impl RanOps {
    /// Reads them from the body of a row, if it is one of them.
    pub(super) fn read(body: &str) -> Option<RanOps> {
        RanOps::are_in(body).then(|| serde_json::from_str(body).ok()).flatten()
    }

    /// Tells whether a body is that of such a row.
    pub(super) fn are_in(body: &str) -> bool {
        body.starts_with(HEAD)
    }

    /// Returns the events that they stand for, in order.
    pub(super) fn events(self) -> impl Iterator<Item = (i64, Event)> {
        let flow = self.flow;
        self.ops.into_iter().flat_map(move |RanOp(op, began, took, value)| {
            let started = Event::OpStarted { flow, op, name: None };
            let ended = Event::OpEnded { flow, op, outcome: Outcome::Completed { value } };
            [(began, started), (began.saturating_add(took), ended)]
        })
    }
}

/// The end of an operation, as a part of such a row.
#[derive(Debug)]
pub(super) struct RanEnd {
    pub(super) flow: FlowId,
    pub(super) op: OpId,
    /// Its value as JSON.
    value: String,
}

impl RanEnd {
    /// Reads it from an event, if it may stand among others.
    pub(super) fn of(event: &Event) -> Option<RanEnd> {
        let Event::OpEnded { flow, op, outcome: Outcome::Completed { value } } = event else {
            return None;
        };
        // What is surely too long need not be written out first.
        if matches!(value, Value::String(text) if text.len() > VALUE_MAX) {
            return None;
        }

        let value = value.to_string();
        let is_fit = value.len() <= VALUE_MAX && !secret::may_hold(&value);
        is_fit.then_some(RanEnd { flow: *flow, op: *op, value })
    }

    /// Begins a row with it.
    pub(super) fn begin(&self, began: i64, ended: i64) -> String {
        let mut body = format!("{HEAD}{},\"ops\":[", self.flow.0);
        self.write(&mut body, began, ended);
        body
    }

    /// Adds it to a row, unless that is of another flow or long enough.
    pub(super) fn join(&self, body: &mut String, began: i64, ended: i64) -> bool {
        let is_own = body
            .strip_prefix(HEAD)
            .and_then(|rest| rest.split_once(','))
            .is_some_and(|(flow, _)| flow.parse() == Ok(self.flow.0));
        if !is_own || body.len() > ROW_MAX {
            return false;
        }

        body.truncate(body.len() - TAIL.len());
        body.push(',');
        self.write(body, began, ended);
        true
    }

    fn write(&self, body: &mut String, began: i64, ended: i64) {
        let took = ended.saturating_sub(began);
        // Writing to a String cannot fail.
        let _ = write!(body, "[{},{began},{took},{}]{TAIL}", self.op.0, self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ended(op: u32, value: Value) -> Event {
        Event::OpEnded { flow: FlowId(2), op: OpId(op), outcome: Outcome::Completed { value } }
    }

    #[test]
    fn what_is_written_is_read_as_the_events_that_it_stands_for() {
        let one = RanEnd::of(&ended(7, json!({ "a": "]}" }))).expect("a short value");
        let two = RanEnd::of(&ended(8, Value::Null)).expect("a short value");
        let mut body = one.begin(100, 130);
        assert!(two.join(&mut body, 130, 131));
        assert_eq!(
            body,
            r#"{"kind":"ops_ran","flow":2,"ops":[[7,100,30,{"a":"]}"}],[8,130,1,null]]}"#
        );

        assert!(RanOps::are_in(&body));
        let read: RanOps = serde_json::from_str(&body).expect("JSON");
        let start = |op| Event::OpStarted { flow: FlowId(2), op: OpId(op), name: None };
        assert_eq!(
            read.events().collect::<Vec<_>>(),
            [
                (100, start(7)),
                (130, ended(7, json!({ "a": "]}" }))),
                (130, start(8)),
                (131, ended(8, Value::Null)),
            ]
        );
    }

    #[test]
    fn another_flow_and_a_long_row_take_no_more() {
        let one = RanEnd::of(&ended(7, json!("x".repeat(400)))).expect("a short value");
        let mut body = one.begin(0, 1);
        let other = RanEnd { flow: FlowId(3), op: OpId(9), value: "1".to_owned() };
        assert!(!other.join(&mut body, 1, 2));

        let joined = std::iter::repeat_with(|| one.join(&mut body, 1, 2)).take_while(|is| *is);
        assert_eq!(joined.count(), 39);
    }

    #[test]
    fn what_is_long_or_failed_stands_by_itself() {
        assert!(RanEnd::of(&ended(1, json!("x".repeat(600)))).is_none());
        assert!(RanEnd::of(&ended(1, json!(vec!["x"; 600]))).is_none());
        let flow = FlowId(1);
        let cancelled = Event::OpEnded { flow, op: OpId(1), outcome: Outcome::Cancelled };
        assert!(RanEnd::of(&cancelled).is_none());
    }
}
