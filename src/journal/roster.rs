//! The operations of a run by number: a fold of events that keeps no more than names and plans, for those
//! who follow a run while it is under way. `Trace` has the rest.

use crate::base::id::{FlowId, OpId};
use crate::journal::event::{Event, PlannedOp};
use std::collections::HashMap;

/// What is known of an operation before anything of it has happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RosterEntry {
    /// Its name.
    pub name: String,
    /// The flow it belongs to.
    pub flow: FlowId,
    /// The script's word for what it does; empty for a call that stands in no plan.
    pub does: String,
    /// The operation whose list it was made of, if it was.
    pub part_of: Option<OpId>,
    /// The operations it waits for.
    pub after: Vec<OpId>,
}

/// The operations of a run.
#[derive(Debug, Clone, Default)]
pub struct Roster(HashMap<OpId, RosterEntry>);

impl Roster {
    /// Takes in the next event of the run.
    pub fn see(&mut self, event: &Event) {
        match event {
            Event::FlowStarted { flow, ops, .. } => self.add(*flow, ops, None),
            Event::Expanded { flow, op, ops } => {
                self.add(*flow, ops, Some(*op));

                // The list is whole when all its parts are.
                let list = self.0.entry(*op).or_default();
                list.after.extend(ops.iter().map(|part| part.op));
            }
            Event::OpStarted { flow, op, name } => {
                self.meet(*op, Some(*flow));
                if let (Some(name), Some(member)) = (name, self.0.get_mut(op)) {
                    member.name.clone_from(name);
                }
            }
            _ => {}
        }
    }

    /// Notes an operation, unless it is known.
    pub(super) fn meet(&mut self, op: OpId, flow: Option<FlowId>) {
        let flow = flow.unwrap_or_default();
        self.0.entry(op).or_insert_with(|| RosterEntry { flow, ..RosterEntry::default() });
    }

    fn add(&mut self, flow: FlowId, ops: &[PlannedOp], part_of: Option<OpId>) {
        for PlannedOp { op, name, kind, after } in ops {
            let member = RosterEntry {
                name: name.clone(),
                flow,
                does: kind.clone(),
                part_of,
                after: after.clone(),
            };
            self.0.insert(*op, member);
        }
    }

    /// Returns what is known of an operation.
    pub fn get(&self, op: OpId) -> Option<&RosterEntry> {
        self.0.get(&op)
    }

    /// Returns the name of an operation, unless the events that say it are lost.
    pub fn name(&self, op: OpId) -> Option<&str> {
        self.get(op).map(|member| member.name.as_str()).filter(|name| !name.is_empty())
    }

    /// Returns the name of the list that an operation is a part of, if it is.
    pub fn list(&self, op: OpId) -> Option<&str> {
        self.get(op)?.part_of.and_then(|list| self.name(list))
    }

    /// Returns the name under which an operation is counted: its own, or that of its list.
    pub fn shown(&self, op: OpId) -> Option<&str> {
        self.list(op).or_else(|| self.name(op))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(op: u32, name: &str, after: &[u32]) -> PlannedOp {
        let after = after.iter().map(|op| OpId(*op)).collect();
        PlannedOp { op: OpId(op), name: name.into(), kind: "call".into(), after }
    }

    #[test]
    fn parts_of_a_list_are_known_by_the_event_that_made_them_and_not_by_their_names() {
        let mut roster = Roster::default();
        let ops = vec![planned(0, "a[1]", &[]), planned(1, "list[x]", &[0])];
        let flow = FlowId(3);
        let name = "g".to_owned();
        let max_concurrent = 1;
        roster.see(&Event::FlowStarted { flow, name, ops, max_concurrent, within: None, at: None });

        let ops = vec![planned(2, "list[x][0]", &[])];
        roster.see(&Event::Expanded { flow, op: OpId(1), ops });
        roster.see(&Event::OpStarted { flow: FlowId(0), op: OpId(9), name: Some("chat".into()) });

        let shown = [0, 1, 2, 9, 7].map(|op| roster.shown(OpId(op)));
        assert_eq!(shown, [Some("a[1]"), Some("list[x]"), Some("list[x]"), Some("chat"), None]);

        assert_eq!(
            roster.get(OpId(1)).map(|list| list.after.clone()),
            Some(vec![OpId(0), OpId(2)])
        );
        assert_eq!(roster.get(OpId(2)).map(|part| part.part_of), Some(Some(OpId(1))));
    }
}
