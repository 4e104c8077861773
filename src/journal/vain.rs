//! What of a run that failed, or that was stopped, is tried again by the run that resumes it.

use crate::base::failure::Kind;
use crate::base::id::{FlowId, OpId};
use crate::base::strand::{Address, Spot};
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus, Timer};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::journal::key::Key;
use crate::journal::past::Failures;
use serde_json::Value;
use std::collections::{HashMap, HashSet, VecDeque};

/// A call: its request, and where it was made.
type PlacedCall = (Key, Spot);

impl Failures {
    /// Returns what is told where either of two runs has forgotten something.
    pub(super) fn without(self, other: Failures) -> Failures {
        match (self, other) {
            (Failures::Forgotten, _) | (_, Failures::Forgotten) => Failures::Forgotten,
            (Failures::Undecided, _) | (_, Failures::Undecided) => Failures::Undecided,
            (Failures::Told, Failures::Told) => Failures::Told,
        }
    }
}

/// Returns which failures of a run were told to the run that resumed it.
pub(super) fn failures_then(events: &[(i64, Event)]) -> Failures {
    let end = events.iter().rev().find_map(|(_, event)| match event {
        Event::RunEnded { status, failure, .. } => Some((status, failure)),
        _ => None,
    });
    match end {
        None | Some((RunStatus::Waiting, _)) => Failures::Told,
        Some((_, Some(failure))) if failure.kind == Kind::Unsure => Failures::Undecided,
        Some(_) => Failures::Forgotten,
    }
}

/// Finds the calls without a reply of operations that failed.
pub(super) fn calls_of_failed(events: &[(i64, Event)]) -> HashSet<PlacedCall> {
    let mut open = HashMap::new();
    let mut unanswered: HashMap<OpId, HashSet<PlacedCall>> = HashMap::new();
    let mut vain = HashSet::new();

    for (_, event) in events {
        match event {
            Event::AttemptStarted { op, attempt, key: Some(key), at: Some(at), .. } => {
                open.insert((*op, *attempt), (*key, at.clone()));
            }
            Event::AttemptEnded { op, attempt, reply, .. } => {
                let Some(call) = open.remove(&(*op, *attempt)) else { continue };

                let calls = unanswered.entry(*op).or_default();
                if reply.is_some() {
                    calls.remove(&call);
                } else {
                    calls.insert(call);
                }
            }
            Event::CallRefused { op, key, at, .. } => {
                unanswered.entry(*op).or_default().insert((*key, at.clone()));
            }
            Event::OpEnded { op, outcome, .. } => {
                let calls = unanswered.remove(op).unwrap_or_default();
                if !matches!(outcome, Outcome::Completed { .. }) {
                    vain.extend(calls);
                }
            }
            _ => {}
        }
    }

    // An operation that had not ended when the run did is under way again.
    vain.extend(unanswered.into_values().flatten());
    vain
}

/// Finds what else failed: what the world answered by a failure, and work whose time was over. Returns the places of
/// the events.
pub(super) fn in_vain(events: &[(i64, Event)]) -> HashSet<usize> {
    let mut found = HashSet::new();
    let settled = strands_of_completed(events);
    let began: HashSet<(&Inquiry, &Spot)> = events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::EffectBegan { what, at } => Some((what, at)),
            _ => None,
        })
        .collect();

    let ended: HashSet<(&Inquiry, &Spot)> = events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::EffectEnded { what, at: Some(at), .. } => Some((what, at)),
            _ => None,
        })
        .collect();
    // What had a lasting effect stays as it was told, whatever failed before it or around it.
    let first_open = events.iter().position(|(_, event)| match event {
        Event::EffectBegan { what, at } => !ended.contains(&(what, at)),
        _ => false,
    });
    let is_over_open = |place: usize| first_open.is_some_and(|open| open < place);
    let mut is_before_lasting = false;

    // From the end: whether something was made good is known before it comes.
    let mut made_good: HashSet<&Inquiry> = HashSet::new();
    let mut completed: HashSet<OpId> = HashSet::new();
    let mut late_tools: VecDeque<OpId> = VecDeque::new();
    for (place, (_, event)) in events.iter().enumerate().rev() {
        match event {
            Event::EffectEnded { what, value, at: Some(at) } => {
                let is_lasting = began.contains(&(what, at));
                if value["failure"].is_null() {
                    made_good.insert(what);
                } else if may_be_repeated(what, value, is_lasting)
                    && !made_good.contains(what)
                    && !is_before_lasting
                {
                    found.insert(place);
                }
            }
            Event::EffectBegan { .. } => is_before_lasting = true,
            Event::OpEnded { op, outcome: Outcome::Completed { .. }, .. } => {
                completed.insert(*op);
            }
            Event::ToolEnded { op, failure: Some(failure), .. }
                if failure.kind == Kind::Timeout =>
            {
                late_tools.push_back(*op);
            }

            // An operation that completed has tried again itself, or went on without.
            Event::TimePassed { timer: Timer::Limit, at, .. }
                if !is_before_lasting
                    && !is_over_open(place)
                    && !at.address.above().any(|above| settled.contains(&above)) =>
            {
                found.insert(place);
            }
            // A model was told that its tool was late, and went on with that.
            Event::TimePassed { timer: Timer::ToolLimit, .. } => {
                let caller = late_tools.pop_front();
                if caller.is_none_or(|op| !completed.contains(&op)) {
                    found.insert(place);
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns the strands of the operations of flows that asked a model and completed.
fn strands_of_completed(events: &[(i64, Event)]) -> HashSet<Address> {
    let mut flows: HashMap<FlowId, &Address> = HashMap::new();
    let mut strands: HashMap<OpId, Address> = HashMap::new();
    let mut completed = HashSet::new();

    for (_, event) in events {
        match event {
            Event::FlowStarted { flow, at: Some(at), .. } => {
                flows.insert(*flow, at);
            }
            Event::AttemptStarted { flow, op, at: Some(at), .. } => {
                let strand = flows.get(flow).and_then(|above| at.address.child_of(above));
                strands.extend(strand.map(|strand| (*op, strand)));
            }
            Event::OpEnded { op, outcome: Outcome::Completed { .. }, .. } => {
                completed.extend(strands.remove(op));
            }
            _ => {}
        }
    }
    completed
}

/// Tells whether something is to be asked of the world again that failed. What is in doubt is decided elsewhere.
fn may_be_repeated(what: &Inquiry, told: &Value, is_lasting: bool) -> bool {
    let failure = &told["failure"];
    let kind = failure["kind"].as_str().map(Kind::from);
    if kind.is_none_or(|kind| kind == Kind::Unsure) {
        return false;
    }

    match what.topic() {
        Some(Topic::McpTools | Topic::McpCall | Topic::HostCall | Topic::HttpGet) => true,
        // A program that ran has done what it did until it failed.
        Some(Topic::Command) => !is_lasting || failure["undone"] == true,
        _ => false,
    }
}
