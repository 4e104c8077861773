//! A run as data: its operations with their calls, in the place of its events one after the other.

use crate::base::failure::Failure;
use crate::base::id::{FlowId, OpId, RunId};
use crate::base::strand::{Address, Spot};
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, LogLevel, RunKind, RunStatus, Terms, is_unmade};
use crate::journal::inquiry::Inquiry;
use crate::journal::key::Key;
use crate::journal::part::{KnownParts, PartKeys};
use crate::journal::roster::Roster;
use crate::journal::tool_trace::{ToolTrace, tool_call, tool_end};
use crate::journal::waits::Waits;
use crate::model::reply::Usage;
use crate::model::request::Request;
use crate::model::tool::ToolCall;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// How many events of the run came before.
    pub place: usize,
    /// The time, in microseconds since 1970.
    pub at: i64,
}

/// How a run began.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStart {
    /// When.
    pub when: Moment,
    /// What it ran.
    pub what: RunKind,
    /// The script's path as given, or the name of the comparison.
    pub script: String,
    /// Parameters as given.
    pub params: Map<String, Value>,
    /// The seed of everything that is random.
    pub seed: u64,
    /// The program's version.
    pub program: String,
    /// The run that it resumes, if it does.
    pub resumes: Option<RunId>,
    /// Whether it uses the replies of other runs.
    pub reuse: bool,
    /// What else it was given.
    pub terms: Terms,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// When.
    pub when: Moment,
    /// How.
    pub status: RunStatus,
    /// The script's value.
    pub value: Value,
    /// Why the script ended early, if it did.
    pub failure: Option<Failure>,
}

/// One flow of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowTrace {
    /// The graph's name.
    pub name: String,
    /// Its operations, in the order in which they were planned.
    pub ops: Vec<OpId>,
    /// Most operations in flight.
    pub max_concurrent: usize,
    /// The flow whose operation ran it, if one did.
    pub within: Option<FlowId>,
    /// Where it ran; programs before 0.2 did not note it.
    pub address: Option<Address>,
    /// When it began.
    pub started: Moment,
    /// When it ended, if it did.
    pub ended: Option<Moment>,
}

/// One operation of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpTrace {
    /// When it began, if it did.
    pub started: Option<Moment>,
    /// When it became a list of operations, if it did.
    pub expanded: Option<Moment>,
    /// When and how it ended, if it did.
    pub ended: Option<(Moment, Outcome)>,
    /// Its calls, in the order in which they began.
    pub attempts: Vec<AttemptTrace>,
    /// Calls that were not made, because a budget did not allow them.
    pub refused: Vec<Refusal>,
    /// Its calls of tools, in the order in which they began.
    pub tool_calls: Vec<ToolTrace>,
}

/// A call that was not made, because a budget did not allow it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// When.
    pub when: Moment,
    /// What did not fit.
    pub failure: Failure,
    /// Where it would have been made.
    pub at: Spot,
}

/// One call of an operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttemptTrace {
    /// Which call of the operation it is, from 1.
    pub number: u32,
    /// When it began; `None` if the event that says so is lost.
    pub started: Option<Moment>,
    /// The model's label.
    pub model: String,
    /// Whether the demo model was asked.
    pub demo: bool,
    /// The newest message.
    pub prompt: String,
    /// How many messages went before it.
    pub history: usize,
    /// What the request is known by, and where it was made, as far as the journal says.
    pub sample: (Option<Key>, Option<Spot>),
    /// The parts of the request; programs before 0.2 did not keep them. A newest message that is the text
    /// of a user is not among them.
    parts: PartKeys,
    /// Whether the model was asked to mend its last answer.
    pub repair: bool,
    /// The step that began with it, from 1, if the model might call tools.
    pub step: u32,
    /// How it ended, if it did.
    pub end: Option<AttemptEnd>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptEnd {
    /// When.
    pub when: Moment,
    /// The reply, unless the call failed.
    pub reply: Option<String>,
    /// Whether `max_tokens` cut the reply, and that was accepted.
    pub cut: bool,
    /// The calls of tools that stand in it.
    pub calls: Vec<ToolCall>,
    /// Tokens used, if known.
    pub usage: Option<Usage>,
    /// What it cost, if known; for a reply that was reused, what it cost then.
    pub cost: Option<Money>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
    /// What went wrong, if anything.
    pub failure: Option<Failure>,
    /// The run that paid for the reply, if no call was made.
    pub reused: Option<RunId>,
    /// Whether this happened in the run that this one resumes.
    pub again: bool,
    /// The pause before the next try, in milliseconds, if there was one.
    pub retry_in_ms: Option<u64>,
    /// The parts of the reply that were mended, as JSON pointers.
    pub mended: Vec<String>,
}

/// Something that was said beside the operations.
#[derive(Debug, Clone, PartialEq)]
pub enum Remark {
    /// By the script, or by kaizen.
    Logged {
        /// How bad it is.
        level: LogLevel,
        /// What.
        text: String,
    },
    /// By the world, to the script.
    Told {
        /// What the script asked.
        what: Inquiry,
        /// What it was told.
        value: Value,
    },
}

/// A run as data.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// How it began, if that can be read.
    pub start: Option<RunStart>,
    /// How it ended, if it did.
    pub end: Option<RunEnd>,
    /// Its flows, by number.
    pub flows: BTreeMap<FlowId, FlowTrace>,
    /// Its operations, by number.
    pub operations: BTreeMap<OpId, OpTrace>,
    /// What it waits for, if it is suspended.
    pub waits: Option<Waits>,
    /// What was said, in order.
    pub remarks: Vec<Remark>,
    /// Names and plans of the operations.
    pub roster: Roster,
    /// How many events it was made of, and the time of the last of them.
    pub last: Option<Moment>,
    parts: KnownParts,
}

impl Trace {
    /// Makes a run of its events, each with its time in microseconds since 1970.
    pub fn fold(events: &[(i64, Event)]) -> Trace {
        let mut trace = Trace::default();

        for (at, event) in events {
            trace.see(*at, event);
        }

        trace
    }

    /// Takes in the next event, which happened `at` (microseconds since 1970).
    pub fn see(&mut self, at: i64, event: &Event) {
        let when = Moment { place: self.last.map_or(0, |last| last.place + 1), at };
        self.last = Some(when);
        self.roster.see(event);

        match event {
            Event::RunStarted { .. } => self.start = run_start(when, event),
            Event::RunEnded { status, value, failure, comparisons: _, read: _ } => {
                let value = value.clone();
                let failure = failure.clone();
                self.end = Some(RunEnd { when, status: *status, value, failure });
            }
            Event::Logged { level, text } => {
                self.remarks.push(Remark::Logged { level: *level, text: text.clone() });
            }
            Event::EffectEnded { what, value, .. } => {
                let what = what.clone();
                let value = value.clone();
                self.remarks.push(Remark::Told { what, value });
            }
            Event::RequestPart { key, part } => {
                self.parts.add(*key, part.clone());
            }
            Event::FlowStarted { .. } | Event::FlowEnded { .. } => self.see_flow(when, event),
            Event::Expanded { .. }
            | Event::OpStarted { .. }
            | Event::OpEnded { .. }
            | Event::CallRefused { .. }
            | Event::ToolStarted { .. }
            | Event::ToolEnded { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. } => self.see_operation(when, event),
            Event::Suspended { waits } => self.waits = Some(waits.clone()),
            Event::TimePassed { .. }
            | Event::Tried { .. }
            | Event::EffectBegan { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::Sealed { .. }
            | Event::SleepBegan { .. } => {}
        }
    }

    fn see_flow(&mut self, when: Moment, event: &Event) {
        match event {
            Event::FlowStarted { flow, name, ops, max_concurrent, within, at } => {
                let numbers: Vec<OpId> = ops.iter().map(|planned| planned.op).collect();
                for op in &numbers {
                    self.operations.entry(*op).or_default();
                }

                let flow_trace = FlowTrace {
                    name: name.clone(),
                    ops: numbers,
                    max_concurrent: *max_concurrent,
                    within: *within,
                    address: at.clone(),
                    started: when,
                    ended: None,
                };

                self.flows.insert(*flow, flow_trace);
            }
            Event::FlowEnded { flow } => {
                if let Some(flow) = self.flows.get_mut(flow) {
                    flow.ended = Some(when);
                }
            }
            _ => {}
        }
    }

    fn see_operation(&mut self, when: Moment, event: &Event) {
        if let Event::Expanded { flow, ops, .. } = event {
            for part in ops.iter() {
                self.operations.entry(part.op).or_default();
            }
            if let Some(flow) = self.flows.get_mut(flow) {
                flow.ops.extend(ops.iter().map(|part| part.op));
            }
        }

        let Some(op) = event.op() else { return };
        self.roster.meet(op, event.flow());
        let trace = self.operations.entry(op).or_default();

        match event {
            Event::Expanded { .. } => trace.expanded = Some(when),
            Event::OpStarted { .. } => trace.started = Some(when),
            Event::OpEnded { outcome, .. } => trace.ended = Some((when, outcome.clone())),
            Event::CallRefused { failure, at, .. } => {
                let failure = failure.clone();
                let at = at.clone();
                trace.refused.push(Refusal { when, failure, at });
            }
            Event::AttemptStarted { .. } => trace.attempts.extend(attempt(when, event)),
            Event::ToolStarted { .. } => trace.tool_calls.extend(tool_call(when, event)),
            Event::ToolEnded { deed, .. } => {
                let begun = trace.tool_calls.iter_mut().rev();
                let mut open = begun.filter(|one| one.deed == *deed && one.end.is_none());
                if let Some(call) = open.next() {
                    call.end = tool_end(when, event);
                }
            }
            Event::AttemptEnded { attempt: number, .. } => {
                // Of calls with one number, the last without an end is the one that ends.
                let begun = trace.attempts.iter_mut().rev();
                let mut open = begun.filter(|one| one.number == *number && one.end.is_none());
                match open.next() {
                    Some(attempt) => attempt.end = attempt_end(when, event),
                    None => trace.attempts.push(AttemptTrace {
                        number: *number,
                        end: attempt_end(when, event),
                        ..AttemptTrace::default()
                    }),
                }
            }
            _ => {}
        }
    }

    /// Returns the name of an operation; one that is not known by name has that of its number.
    pub fn name(&self, op: OpId) -> String {
        self.roster.name(op).map_or_else(|| format!("#{}", op.0), str::to_owned)
    }

    /// Finds operations by name or number.
    pub fn find<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = (OpId, &'a OpTrace)> {
        let is_wanted =
            move |op: OpId| self.roster.name(op) == Some(wanted) || op.0.to_string() == wanted;

        let each = self.operations.iter().map(|(op, trace)| (*op, trace));
        each.filter(move |(op, _)| is_wanted(*op))
    }

    /// Returns all calls, those of one operation together.
    pub fn attempts(&self) -> impl Iterator<Item = (OpId, &AttemptTrace)> {
        let each = self.operations.iter();
        each.flat_map(|(op, trace)| trace.attempts.iter().map(|attempt| (*op, attempt)))
    }

    /// Returns the keys of the parts with which the requests of all calls begin.
    pub fn part_keys(&self) -> Vec<Key> {
        let each = self.attempts().map(|(_, attempt)| attempt.parts);
        each.flat_map(|parts| [parts.newest, parts.before, parts.terms]).flatten().collect()
    }

    /// Returns the whole request of a call, if the journal keeps it.
    pub fn request(&self, attempt: &AttemptTrace) -> Option<Request> {
        self.parts.request(attempt.parts, &attempt.prompt)
    }
}

impl AttemptEnd {
    /// Tells whether the call was given up before it was made.
    pub fn is_unmade(&self) -> bool {
        is_unmade(self.usage, self.cost, self.failure.as_ref())
    }
}

impl OpTrace {
    /// Returns how it ended, if it did.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.ended.as_ref().map(|(_, outcome)| outcome)
    }

    /// Returns where its first call was made, or would have been, as far as the journal says.
    pub fn address(&self) -> Option<&Address> {
        let made = self.attempts.iter().filter_map(|attempt| attempt.sample.1.as_ref());
        let refused = self.refused.iter().map(|refusal| &refusal.at);
        made.chain(refused).next().map(|spot| &spot.address)
    }

    /// Returns how long it took, in microseconds, if it has begun and ended.
    pub fn took(&self) -> Option<i64> {
        let (ended, _) = self.ended.as_ref()?;
        Some(ended.at - self.started?.at)
    }

    /// Returns the calls that were made and ended.
    pub fn calls(&self) -> impl Iterator<Item = &AttemptEnd> {
        self.ends().filter(|end| end.reused.is_none() && !end.is_unmade())
    }

    /// Returns how many calls were not made, because it was known how they end.
    pub fn reused(&self) -> usize {
        self.ends().filter(|end| end.reused.is_some()).count()
    }

    /// Returns how many calls have begun and not ended. None is under way when the operation has ended.
    pub fn under_way(&self) -> usize {
        let open = self.attempts.iter().filter(|attempt| attempt.end.is_none());
        if self.ended.is_some() { 0 } else { open.count() }
    }

    fn ends(&self) -> impl Iterator<Item = &AttemptEnd> {
        self.attempts.iter().filter_map(|attempt| attempt.end.as_ref())
    }
}

fn run_start(when: Moment, event: &Event) -> Option<RunStart> {
    let Event::RunStarted { script, params, seed, program, resumes, reuse, terms, what: _ } = event
    else {
        return None;
    };

    Some(RunStart {
        when,
        what: event.ran()?,
        script: script.clone(),
        params: params.clone(),
        seed: *seed,
        program: program.clone(),
        resumes: resumes.clone(),
        reuse: *reuse,
        terms: Terms::clone(terms),
    })
}

fn attempt(when: Moment, event: &Event) -> Option<AttemptTrace> {
    let Event::AttemptStarted {
        attempt,
        model,
        demo,
        prompt,
        history,
        newest,
        key,
        at,
        before,
        terms,
        repair,
        step,
        flow: _,
        op: _,
        sample: _,
    } = event
    else {
        return None;
    };

    Some(AttemptTrace {
        number: *attempt,
        started: Some(when),
        model: model.clone(),
        demo: *demo,
        prompt: prompt.clone(),
        history: *history,
        sample: (*key, at.clone()),
        parts: PartKeys { before: *before, newest: *newest, terms: *terms },
        repair: *repair,
        step: *step,
        end: None,
    })
}

fn attempt_end(when: Moment, event: &Event) -> Option<AttemptEnd> {
    let Event::AttemptEnded {
        reply,
        cut,
        calls,
        opaque: _,
        usage,
        cost,
        served_by,
        failure,
        reused,
        again,
        retry_in_ms,
        mended,
        flow: _,
        op: _,
        attempt: _,
        demo: _,
    } = event
    else {
        return None;
    };

    Some(AttemptEnd {
        when,
        reply: reply.clone(),
        cut: *cut,
        calls: calls.clone(),
        usage: *usage,
        cost: *cost,
        served_by: served_by.clone(),
        failure: failure.clone(),
        reused: reused.clone(),
        again: *again,
        retry_in_ms: *retry_in_ms,
        mended: mended.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::journal::part::{Parts, RequestPart};
    use crate::model::message::{Message, Role};
    use crate::model::request::Settings;
    use serde_json::json;

    /// Makes events of what the journal holds.
    fn events(bodies: &[Value]) -> Vec<(i64, Event)> {
        let read = |body: &Value| serde_json::from_value(body.clone()).expect("an event");
        (10..).zip(bodies.iter().map(read)).collect()
    }

    #[test]
    fn a_run_is_its_flows_operations_and_calls() {
        let trace = Trace::fold(&events(&[
            json!({ "kind": "run_started", "script": "s.rhai", "params": {}, "seed": 7, "program": "0.1.0" }),
            json!({ "kind": "flow_started", "flow": 1, "name": "g", "max_concurrent": 2,
                "ops": [{ "op": 0, "name": "a", "does": "communicate" }] }),
            json!({ "kind": "op_started", "flow": 1, "op": 0 }),
            json!({ "kind": "attempt_started", "flow": 1, "op": 0, "attempt": 1, "model": "m",
                "prompt": "go", "history": 0 }),
            json!({ "kind": "attempt_ended", "flow": 1, "op": 0, "attempt": 1, "retry_in_ms": 5,
                "failure": { "kind": "server", "message": "down" } }),
            json!({ "kind": "attempt_started", "flow": 1, "op": 0, "attempt": 2, "model": "m",
                "prompt": "go", "history": 0 }),
            json!({ "kind": "attempt_ended", "flow": 1, "op": 0, "attempt": 2, "reply": "yes" }),
            json!({ "kind": "op_ended", "flow": 1, "op": 0, "outcome": "completed", "value": "yes" }),
            json!({ "kind": "flow_ended", "flow": 1 }),
            json!({ "kind": "op_started", "flow": 0, "op": 1, "name": "chat" }),
            json!({ "kind": "attempt_started", "flow": 0, "op": 1, "attempt": 1, "model": "m",
                "prompt": "more", "history": 0 }),
            json!({ "kind": "logged", "level": "warn", "text": "late" }),
            json!({ "kind": "run_ended", "status": "interrupted" }),
        ]));

        assert_eq!(
            trace.start.as_ref().map(|start| (start.what, start.seed)),
            Some((RunKind::Script, 7))
        );
        assert_eq!(trace.end.as_ref().map(|end| end.status), Some(RunStatus::Interrupted));
        assert_eq!(trace.flows[&FlowId(1)].ops, [OpId(0)]);
        assert_eq!(trace.flows[&FlowId(1)].ended, Some(Moment { place: 8, at: 18 }));

        let first = &trace.operations[&OpId(0)];
        let ends: Vec<_> =
            first.calls().map(|end| (end.reply.as_deref(), end.retry_in_ms)).collect();
        assert_eq!(ends, [(None, Some(5)), (Some("yes"), None)]);
        assert_eq!((first.took(), first.under_way(), first.reused()), (Some(5), 0, 0));

        let open = &trace.operations[&OpId(1)];
        assert_eq!((open.took(), open.under_way(), open.outcome()), (None, 1, None));
        assert_eq!(trace.find("chat").map(|(op, _)| op).collect::<Vec<_>>(), [OpId(1)]);

        let late = Remark::Logged { level: LogLevel::Warn, text: "late".to_owned() };
        assert_eq!(trace.remarks, [late]);
    }

    #[test]
    fn what_is_lost_of_a_journal_takes_nothing_else_with_it() {
        let trace = Trace::fold(&events(&[
            json!({ "kind": "attempt_ended", "flow": 4, "op": 2, "attempt": 3, "reply": "yes" }),
            json!({ "kind": "op_ended", "flow": 4, "op": 2, "outcome": "cancelled" }),
            json!({ "kind": "flow_ended", "flow": 4 }),
        ]));

        let operation = &trace.operations[&OpId(2)];
        assert_eq!((operation.calls().count(), operation.took()), (1, None));
        assert_eq!((trace.name(OpId(2)), trace.start), ("#2".to_owned(), None));
        assert_eq!(trace.roster.get(OpId(2)).map(|member| member.flow), Some(FlowId(4)));
    }

    #[test]
    fn a_request_comes_back_whole_and_each_part_of_it_is_kept_once() {
        drop(Secret::new("sk-trace-canary-0001"));
        let message = |role, text: &str| Message::new(role, text);
        let mut messages = vec![
            message(Role::System, "be brief"),
            message(Role::User, "my key is sk-trace-canary-0001"),
        ];

        let settings = Settings { temperature: Some(0.5), ..Settings::default() };
        let schema = Some(json!({ "type": "object" }));
        let mut kept: BTreeMap<Key, RequestPart> = BTreeMap::new();
        let mut trace = Trace::default();
        let mut requests = Vec::new();

        for (op, answer) in [(0, "one"), (1, "two")] {
            let request = Request::new(messages.clone(), settings.clone(), schema.clone());

            let parts = Parts::of(&request, &mut None);
            for (key, part) in parts.all {
                if kept.insert(key, part.clone()).is_none() {
                    trace.see(0, &Event::RequestPart { key, part });
                }
            }

            let started = Event::AttemptStarted {
                flow: FlowId(0),
                op: OpId(op),
                attempt: 1,
                model: "m".to_owned(),
                demo: false,
                prompt: messages.last().map(|m| m.content.clone()).unwrap_or_default(),
                history: messages.len() - 1,
                newest: parts.newest,
                key: None,
                sample: 0,
                at: None,
                before: parts.before,
                terms: Some(parts.terms),
                repair: false,
                step: 0,
            };

            trace.see(0, &started.without_secrets());
            requests.push(request);
            messages.extend([message(Role::Assistant, answer), message(Role::User, "and then?")]);
        }

        // System, question and answer, and the settings once for both calls.
        assert_eq!(kept.len(), 4);
        let text = format!("{kept:?}");
        assert!(!text.contains("canary"), "{text}");

        for (op, mut request) in requests.into_iter().enumerate() {
            let op = OpId(u32::try_from(op).expect("few"));
            request.messages[1].content = "my key is [secret]".to_owned();
            assert_eq!(trace.request(&trace.operations[&op].attempts[0]), Some(request));
        }
    }
}
