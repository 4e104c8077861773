//! What of a run that failed, or that was stopped, is tried again by the run that resumes it.

use crate::base::failure::Kind;
use crate::base::id::OpId;
use crate::base::strand::Spot;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus, Timer};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::journal::key::Key;
use crate::journal::made_good::{MadeGood, is_of_world};
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
            // What the newest run was refused stands in its own journal.
            (Failures::Replayed | Failures::Told, Failures::Replayed | Failures::Told) => {
                Failures::Told
            }
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

/// A call that was answered: its request, where it was made, and when.
struct AnsweredCall<'a> {
    at: &'a Spot,
    /// The place of the event with which it began.
    began: usize,
}

/// Finds the calls without a reply of operations that failed, unless the run made them good.
pub(super) fn calls_of_failed(
    events: &[(i64, Event)],
    made_good: &MadeGood<'_>,
) -> HashSet<PlacedCall> {
    let mut open = HashMap::new();
    let mut unanswered: HashMap<OpId, HashMap<PlacedCall, usize>> = HashMap::new();
    let mut answered: HashMap<Key, Vec<AnsweredCall<'_>>> = HashMap::new();
    let mut vain = HashMap::new();

    for (place, (_, event)) in events.iter().enumerate() {
        match event {
            Event::AttemptStarted { op, attempt, key: Some(key), at: Some(at), .. } => {
                open.insert((*op, *attempt), (*key, at, place));
            }
            Event::AttemptEnded { op, attempt, reply, .. } => {
                let Some((key, at, began)) = open.remove(&(*op, *attempt)) else { continue };

                let calls = unanswered.entry(*op).or_default();
                if reply.is_some() {
                    calls.remove(&(key, at.clone()));
                    answered.entry(key).or_default().push(AnsweredCall { at, began });
                } else {
                    calls.insert((key, at.clone()), place);
                }
            }
            Event::CallRefused { op, key, at, .. } => {
                unanswered.entry(*op).or_default().insert((*key, at.clone()), place);
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
    let is_in_vain = |((key, at), failed): &(PlacedCall, usize)| {
        let again = answered.get(key).into_iter().flatten();
        let mut later = again.filter(|call| call.began > *failed);
        !made_good.covers(&at.address) && !later.any(|call| is_in_a_later_round(at, call.at))
    };
    vain.into_iter().filter(is_in_vain).map(|(call, _)| call).collect()
}

/// Tells whether a call that a loop made was made again by a later round of it.
fn is_in_a_later_round(first: &Spot, later: &Spot) -> bool {
    first != later && first.address.is_in_a_round_with(&later.address)
}

/// Tells whether the same that was asked at one place was asked again at another one, which came later.
fn is_asked_again(first: &Spot, later: &Spot) -> bool {
    first != later && first.address.is_in_line_with(&later.address)
}

/// The lasting effects of a run. They stay as they were told, whatever failed before them or around them.
struct LastingEffects<'a> {
    began: HashSet<(&'a Inquiry, &'a Spot)>,
    /// The place of the first one whose end is not known.
    first_open: Option<usize>,
}

impl<'a> LastingEffects<'a> {
    fn of(events: &'a [(i64, Event)]) -> LastingEffects<'a> {
        let mut began = HashSet::new();
        let mut ended = HashSet::new();
        for (_, event) in events {
            match event {
                Event::EffectBegan { what, at } => drop(began.insert((what, at))),
                Event::EffectEnded { what, at: Some(at), .. } => drop(ended.insert((what, at))),
                _ => {}
            }
        }

        let first_open = events.iter().position(|(_, event)| match event {
            Event::EffectBegan { what, at } => !ended.contains(&(what, at)),
            _ => false,
        });
        LastingEffects { began, first_open }
    }

    fn has(&self, what: &Inquiry, at: &Spot) -> bool {
        self.began.contains(&(what, at))
    }

    /// Tells whether something came after one began whose end is not known.
    fn is_over_open(&self, place: usize) -> bool {
        self.first_open.is_some_and(|open| open < place)
    }
}

/// Finds what else failed: what the world answered by a failure, and work whose time was over. Returns the places of
/// the events.
pub(super) fn in_vain(events: &[(i64, Event)], made_good: &MadeGood<'_>) -> HashSet<usize> {
    let mut found = HashSet::new();
    let lasting = LastingEffects::of(events);
    let mut is_before_lasting = false;

    // From the end: what was answered later is known before it comes.
    let mut answered: HashMap<&Inquiry, Vec<&Spot>> = HashMap::new();
    let mut completed: HashSet<OpId> = HashSet::new();
    let mut late_tools: VecDeque<OpId> = VecDeque::new();
    for (place, (_, event)) in events.iter().enumerate().rev() {
        match event {
            Event::EffectEnded { what, value, at: Some(at) } if is_of_world(what) => {
                let later = answered.entry(what).or_default();
                if value["failure"].is_null() {
                    later.push(at);
                } else if may_be_repeated(what, value, lasting.has(what, at))
                    && !later.iter().any(|later| is_asked_again(at, later))
                    && !is_before_lasting
                    && !made_good.covers(&at.address)
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

            Event::TimePassed { timer: Timer::Limit, at, .. }
                if !is_before_lasting
                    && !lasting.is_over_open(place)
                    && !made_good.covers(&at.address) =>
            {
                found.insert(place);
            }
            // A model was told that its tool was late, and continued with that.
            Event::TimePassed { timer: Timer::ToolLimit, at, .. } => {
                let caller = late_tools.pop_front();
                let is_told = caller.is_some_and(|op| completed.contains(&op));
                if !is_told && !made_good.covers(&at.address) {
                    found.insert(place);
                }
            }
            _ => {}
        }
    }
    found
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
