//! What failed in a run and was made good in it: a later try came to something, or the operation around it completed.
//! A run that resumes it continues from there, so nothing of that is tried again.

use crate::base::id::OpId;
use crate::base::strand::Address;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, PlannedOps};
use crate::journal::inquiry::{Inquiry, Topic};
use std::collections::{HashMap, HashSet};

/// What a run made good.
#[derive(Debug, Default)]
pub(super) struct MadeGood<'a> {
    /// The operations of flows, by where the flow ran.
    flows: HashMap<&'a Address, &'a PlannedOps>,
    /// The operations into which one was expanded, and the group of their strands.
    parts: HashMap<(OpId, u32), &'a PlannedOps>,
    /// The operations that called tools, by where the tool ran.
    callers: HashMap<&'a Address, OpId>,
    completed: HashSet<OpId>,
    /// Tries that failed and after which another one came to something.
    tries: HashSet<&'a Address>,
}

impl<'a> MadeGood<'a> {
    /// Finds it in a journal.
    pub(super) fn of(events: &'a [(i64, Event)]) -> MadeGood<'a> {
        let mut found = MadeGood { tries: tries_of(events), ..MadeGood::default() };
        for (_, event) in events {
            match event {
                Event::FlowStarted { ops, at: Some(at), .. } => {
                    found.flows.insert(at, ops);
                }
                Event::Expanded { op, ops, group: Some(group), .. } => {
                    found.parts.insert((*op, *group), ops);
                }
                Event::ToolStarted { op, at: Some(at), .. } => {
                    found.callers.insert(at, *op);
                }
                Event::OpEnded { op, outcome: Outcome::Completed { .. }, .. } => {
                    found.completed.insert(*op);
                }
                _ => {}
            }
        }
        found
    }

    /// Tells whether a failure at an address was made good.
    pub(super) fn covers(&self, at: &Address) -> bool {
        let mut is_decided = false;
        for here in std::iter::once(at.clone()).chain(at.above()) {
            if self.tries.contains(&here) {
                return true;
            }

            // The nearest operation counts. One that failed is still to be done, whatever continued without it.
            if !is_decided && let Some(op) = self.op_at(&here) {
                if self.completed.contains(&op) {
                    return true;
                }
                is_decided = true;
            }
        }
        false
    }

    /// Returns the operation whose strand this is.
    fn op_at(&self, at: &Address) -> Option<OpId> {
        if let Some(op) = self.callers.get(at) {
            return Some(*op);
        }

        let (above, group, item) = at.step()?;
        // The operations of a flow are the first group of its strand.
        let ops = match self.flows.get(&above) {
            Some(ops) if group == 0 => ops,
            _ if self.parts.is_empty() => return None,
            _ => self.parts.get(&(self.op_at(&above)?, group))?,
        };
        ops.get(item).map(|op| op.op)
    }
}

/// Finds the tries that failed and after which another one came to something: it went well, or it had an answer from
/// outside, which would be lost.
fn tries_of(events: &[(i64, Event)]) -> HashSet<&Address> {
    let mut later = HashSet::new();
    let mut fruitful = HashSet::new();
    for (_, event) in events {
        match event {
            Event::Tried { next: Some(next), .. } => drop(later.insert(next)),
            Event::Tried { at, next: None } => drop(fruitful.insert(at.clone())),
            _ => {}
        }
    }

    if !later.is_empty() {
        let answered = answered(events);
        let around = answered.flat_map(|at| std::iter::once(at.clone()).chain(at.above()));
        fruitful.extend(around.filter(|around| later.contains(around)));
    }

    // From the end: what came of the later tries is known before it comes to the one that they followed.
    let mut made_good = HashSet::new();
    for (_, event) in events.iter().rev() {
        if let Event::Tried { at, next: Some(next) } = event
            && (fruitful.contains(next) || made_good.contains(next))
        {
            made_good.insert(at);
        }
    }
    made_good
}

/// Returns where a run was answered from outside, or did something there.
fn answered(events: &[(i64, Event)]) -> impl Iterator<Item = &Address> {
    let mut open = HashMap::new();
    events.iter().filter_map(move |(_, event)| match event {
        Event::AttemptStarted { op, attempt, at: Some(at), .. } => {
            open.insert((*op, *attempt), at);
            None
        }
        Event::AttemptEnded { op, attempt, reply, .. } => {
            let at = open.remove(&(*op, *attempt))?;
            reply.is_some().then_some(&at.address)
        }
        Event::EffectBegan { at, .. } => Some(&at.address),
        Event::EffectEnded { what, value, at: Some(at) } => {
            (is_of_world(what) && value["failure"].is_null()).then_some(&at.address)
        }
        _ => None,
    })
}

/// Tells whether something is asked of the world outside of kaizen.
pub(super) fn is_of_world(what: &Inquiry) -> bool {
    matches!(
        what.topic(),
        Some(
            Topic::McpTools
                | Topic::McpCall
                | Topic::HostCall
                | Topic::HttpGet
                | Topic::Command
                | Topic::Ask
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn events(events: &[Value]) -> Vec<(i64, Event)> {
        let read = |event: &Value| serde_json::from_value(event.clone()).expect("an event");
        events.iter().map(|event| (0, read(event))).collect()
    }

    fn covered<const N: usize>(all: &[Value], places: [&str; N]) -> [bool; N] {
        let all = events(all);
        let made_good = MadeGood::of(&all);
        places.map(|place| {
            made_good.covers(&serde_json::from_value(json!(place)).expect("an address"))
        })
    }

    fn op(number: u32) -> Value {
        json!({ "op": number, "name": "a", "does": "call" })
    }

    fn op_ended(number: u32, is_complete: bool) -> Value {
        let kind = json!({ "kind": "network", "message": "x" });
        if is_complete {
            json!({ "kind": "op_ended", "flow": 1, "op": number, "outcome": "completed", "value": 1 })
        } else {
            json!({ "kind": "op_ended", "flow": 1, "op": number, "outcome": "failed", "failure": kind })
        }
    }

    #[test]
    fn the_nearest_operation_tells_whether_it_recovered() {
        let all = [
            json!({ "kind": "flow_started", "flow": 1, "name": "g", "ops": [op(0), op(1)],
                    "max_concurrent": 1, "at": "/0.0" }),
            json!({ "kind": "expanded", "flow": 1, "op": 1, "ops": [op(2), op(3)], "group": 2 }),
            op_ended(0, true),
            op_ended(2, false),
            op_ended(3, true),
            op_ended(1, true),
        ];
        let places = [
            "/0.0/0.0/5.0",
            "/0.0/0.1/0.0",
            "/0.0/0.1/2.0/0.0",
            "/0.0/0.1/2.1/0.0",
            "/0.0",
            "/0.0/1.0",
        ];
        assert_eq!(covered(&all, places), [true, true, false, true, false, false]);
    }

    #[test]
    fn a_tool_belongs_to_the_operation_that_called_it() {
        let tool = |op: u32, at: &str| {
            json!({ "kind": "tool_started", "flow": 0, "op": op, "deed": "d", "tool": "t", "at": at,
                    "args": null })
        };
        let all = [tool(4, "/0.0"), op_ended(4, true), tool(5, "/1.0"), op_ended(5, false)];
        assert_eq!(covered(&all, ["/0.0/3.1", "/0.0", "/0.1", "/1.0"]), [true, true, false, false]);
    }

    #[test]
    fn a_try_is_made_good_by_a_later_one_that_came_to_something() {
        let tried =
            |at: &str, next: Option<&str>| json!({ "kind": "tried", "at": at, "next": next });
        let all = [
            tried("/1.1", Some("/1.2")),
            tried("/1.2", Some("/1.3")),
            tried("/1.3", None),
            tried("/2.1", Some("/2.2")),
            tried("/3.1", Some("/3.2")),
            json!({ "kind": "telling", "what": "command []", "at": "/3.2/0.0#0" }),
        ];
        let places = ["/1.1/0.0", "/1.2", "/1.3", "/2.1", "/2.2", "/3.1/4.4", "/3.2"];
        assert_eq!(covered(&all, places), [true, true, false, false, false, true, false]);
    }
}
