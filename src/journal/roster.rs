//! The operations of a run by number: a fold of events that keeps no more than names and plans, for those
//! who follow a run while it is under way. `Trace` has the rest.

use crate::base::id::{FlowId, OpId};
use crate::journal::event::{Event, PlannedOp, PlannedOps};
use std::collections::HashMap;

/// What is known of an operation before anything of it has happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RosterEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// The flow it belongs to.
    pub flow: FlowId,
    /// The script's word for what it does; empty for a call that stands in no plan.
    pub does: &'a str,
    /// The operation whose list it was made of, if it was.
    pub part_of: Option<OpId>,
    /// The operations it waits for.
    pub after: &'a [OpId],
}

/// An operation that stands in no plan, or of which more is known than the plan says.
#[derive(Debug, Clone, Default)]
struct OwnEntry {
    name: String,
    flow: FlowId,
    does: String,
    part_of: Option<OpId>,
    after: Vec<OpId>,
}

/// Operations that were planned together, with numbers that follow one another.
#[derive(Debug, Clone)]
struct RosterPlan {
    first: OpId,
    flow: FlowId,
    part_of: Option<OpId>,
    ops: PlannedOps,
}

/// The operations of a run.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// In the order of their numbers.
    plans: Vec<RosterPlan>,
    own: HashMap<OpId, OwnEntry>,
}

impl Roster {
    /// Takes in the next event of the run.
    pub fn see(&mut self, event: &Event) {
        match event {
            Event::FlowStarted { flow, ops, .. } => self.add(*flow, ops, None),
            Event::Expanded { flow, op, ops, .. } => {
                self.add(*flow, ops, Some(*op));

                // The list is whole when all its parts are.
                self.own(*op).after.extend(ops.iter().map(|part| part.op));
            }
            Event::OpStarted { flow, op, name } => {
                self.meet(*op, Some(*flow));
                if let Some(name) = name {
                    self.own(*op).name.clone_from(name);
                }
            }
            _ => {}
        }
    }

    /// Notes an operation, unless it is known.
    pub(super) fn meet(&mut self, op: OpId, flow: Option<FlowId>) {
        if self.get(op).is_none() {
            let flow = flow.unwrap_or_default();
            self.own.insert(op, OwnEntry { flow, ..OwnEntry::default() });
        }
    }

    /// Returns an operation of which more is known than its plan says.
    fn own(&mut self, op: OpId) -> &mut OwnEntry {
        let planned = self.get(op).unwrap_or_default();
        let new = OwnEntry {
            name: planned.name.to_owned(),
            flow: planned.flow,
            does: planned.does.to_owned(),
            part_of: planned.part_of,
            after: planned.after.to_vec(),
        };
        self.own.entry(op).or_insert(new)
    }

    fn add(&mut self, flow: FlowId, ops: &PlannedOps, part_of: Option<OpId>) {
        let Some(first) = ops.first().map(|planned| planned.op) else { return };
        if !self.own.is_empty() {
            ops.iter().for_each(|planned| drop(self.own.remove(&planned.op)));
        }

        if ops.windows(2).all(|pair| pair[0].op.0 + 1 == pair[1].op.0) {
            let place = self.plans.partition_point(|plan| plan.first <= first);
            self.plans.insert(place, RosterPlan { first, flow, part_of, ops: ops.clone() });
            return;
        }

        for PlannedOp { op, name, kind, after } in ops.iter() {
            let entry = OwnEntry {
                name: name.clone(),
                flow,
                does: kind.clone().into_owned(),
                part_of,
                after: after.clone(),
            };
            self.own.insert(*op, entry);
        }
    }

    /// Returns what is known of an operation.
    pub fn get(&self, op: OpId) -> Option<RosterEntry<'_>> {
        if let Some(OwnEntry { name, flow, does, part_of, after }) = self.own.get(&op) {
            return Some(RosterEntry { name, flow: *flow, does, part_of: *part_of, after });
        }

        let later = self.plans.partition_point(|plan| plan.first <= op);
        let plan = self.plans.get(later.checked_sub(1)?)?;
        let planned = plan.ops.get(usize::try_from(op.0 - plan.first.0).ok()?)?;
        Some(RosterEntry {
            name: &planned.name,
            flow: plan.flow,
            does: &planned.kind,
            part_of: plan.part_of,
            after: &planned.after,
        })
    }

    /// Returns the name of an operation, unless the events that say it are lost.
    pub fn name(&self, op: OpId) -> Option<&str> {
        self.get(op).map(|member| member.name).filter(|name| !name.is_empty())
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
        let ops = vec![planned(0, "a[1]", &[]), planned(1, "list[x]", &[0])].into();
        let flow = FlowId(3);
        let name = "g".to_owned();
        let max_concurrent = 1;
        roster.see(&Event::FlowStarted { flow, name, ops, max_concurrent, within: None, at: None });

        let ops = vec![planned(2, "list[x][0]", &[])].into();
        roster.see(&Event::Expanded { flow, op: OpId(1), ops, group: None });
        roster.see(&Event::OpStarted { flow: FlowId(0), op: OpId(9), name: Some("chat".into()) });

        let shown = [0, 1, 2, 9, 7].map(|op| roster.shown(OpId(op)));
        assert_eq!(shown, [Some("a[1]"), Some("list[x]"), Some("list[x]"), Some("chat"), None]);

        assert_eq!(
            roster.get(OpId(1)).map(|list| list.after.to_vec()),
            Some(vec![OpId(0), OpId(2)])
        );
        assert_eq!(roster.get(OpId(2)).map(|part| part.part_of), Some(Some(OpId(1))));
    }
}
