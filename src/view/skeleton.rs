//! The bones of a run: times, outcomes and figures of its operations and calls, and the numbers of the
//! events that hold their texts. Made event by event, so that a run under way is carried on from where it
//! was left, and a run of any size fits into memory.

use crate::base::failure::Failure;
use crate::base::id::{FlowId, OpId, RunId};
use crate::base::json::as_text;
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::apart;
use crate::journal::event::{Event, RunKind, RunStatus, Terms};
use crate::journal::inquiry::Topic;
use crate::journal::key::Key;
use crate::journal::roster::Roster;
use crate::journal::waits::Waits;
use crate::metrics::Metrics;
use crate::metrics::charge::{Bill, Charge};
use crate::metrics::fold::FlowFold;
use crate::optimizer::trial::executed::ExecutedFlows;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Characters of a message that the bones keep.
const MESSAGE_MAX: usize = 200;

/// The bones of a run.
#[derive(Debug, Default)]
pub struct Skeleton {
    /// How it began, if that can be read.
    pub start: Option<Opening>,
    /// How it ended, if it did.
    pub end: Option<RunClosing>,
    /// Its flows, by number.
    pub flows: BTreeMap<FlowId, FlowBones>,
    /// Its operations, by number.
    pub ops: BTreeMap<OpId, OpBones>,
    /// Names and plans of the operations.
    pub roster: Roster,
    /// The events that hold parts of requests.
    pub parts: HashMap<Key, i64>,
    /// The events that say something beside the operations.
    pub said: Vec<i64>,
    /// When each question was asked, by its number.
    pub asked: HashMap<u32, i64>,
    /// What it waits for, if it is suspended.
    pub waits: Option<Waits>,
    /// Whether it compared patterns.
    pub has_cases: bool,
    /// Which executions of patterns its flows were.
    pub executed: ExecutedFlows,
    /// The labels of its models; calls name them by their place.
    pub models: Vec<String>,
    /// Which models have answered by their own word, by label.
    pub served: BTreeMap<String, BTreeSet<String>>,
    /// The number of the event that comes next.
    pub next: i64,
    /// The time of the first event, in microseconds since 1970.
    pub first_at: i64,
    /// The time of the last one.
    pub last_at: i64,
    fold: FlowFold,
    critical: (i64, HashSet<OpId>),
}

/// How a run began.
#[derive(Debug, Clone)]
pub struct Opening {
    /// What it ran.
    pub what: RunKind,
    /// Parameters as given.
    pub params: Map<String, Value>,
    /// The seed of everything that is random.
    pub seed: u64,
    /// The program's version.
    pub program: String,
    /// The run that it resumes, if it does.
    pub resumes: Option<RunId>,
    /// What else it was given.
    pub terms: Terms,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunClosing {
    /// How.
    pub status: RunStatus,
    /// The event that says so.
    pub seq: i64,
    /// Why the script ended early, if it did.
    pub failure: Option<ShortFailure>,
    /// The hashes of the files that the run has read, by their paths in the project.
    pub read: BTreeMap<String, String>,
}

/// A failure, its message cut.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ShortFailure {
    /// Its kind.
    pub kind: String,
    /// What happened.
    pub message: String,
    /// Where in a script, as `FILE:LINE:COLUMN`.
    pub place: Option<String>,
    /// The operation that failed, by name, if the failure of a run came from one.
    #[serde(skip)]
    pub op: Option<String>,
}

/// One flow.
#[derive(Debug, Clone)]
pub struct FlowBones {
    /// The graph's name.
    pub name: String,
    /// The flow whose operation ran it, if one did.
    pub within: Option<FlowId>,
    /// Most operations in flight.
    pub max_concurrent: usize,
    /// How many operations it has.
    pub ops: usize,
    /// When it began.
    pub started: i64,
    /// When it ended, if it did.
    pub ended: Option<i64>,
}

/// One operation.
#[derive(Debug, Clone, Default)]
pub struct OpBones {
    /// The flow it belongs to.
    pub flow: FlowId,
    /// When it began, if it did.
    pub started: Option<i64>,
    /// When it ended, if it did, and the event that says so.
    pub ended: Option<(i64, i64)>,
    /// How it ended, if it did.
    pub outcome: Option<OpEnd>,
    /// Its calls, in the order in which they began.
    pub calls: Vec<CallBones>,
    /// The events of its calls of tools: start and end.
    pub tools: Vec<(i64, Option<i64>)>,
    /// The newest event about it.
    pub touched: i64,
    /// What tells its value from another one.
    pub value: u64,
}

/// How an operation ended, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpEnd {
    /// It gave a value.
    Completed,
    /// It was tried and gave none.
    Failed(Box<ShortFailure>),
    /// It was never tried, and why.
    Skipped(String),
    /// It was given up.
    Cancelled,
}

/// One call to a model.
#[derive(Debug, Clone)]
pub struct CallBones {
    /// Which call of the operation it is, from 1.
    pub number: u32,
    /// When it began, and the event that says so; `None` if that is lost.
    pub began: Option<(i64, i64)>,
    /// The place of the model's label among those of the run.
    pub model: usize,
    /// Whether the demo model was asked.
    pub demo: bool,
    /// What the request is known by, and for the demo model, which answers by the seed of its run, what its
    /// settings and schema are known by.
    pub key: Option<Key>,
    /// What tells its newest message from another one.
    pub prompt: u64,
    /// How it ended, if it did.
    pub end: Option<CallEnding>,
}

/// How a call to a model ended.
#[derive(Debug, Clone)]
pub struct CallEnding {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The event that says so.
    pub seq: i64,
    /// The kind of its failure, if it failed, and the status of the provider's answer.
    pub failure: Option<(String, Option<u16>)>,
    /// Whether the reply was known already.
    pub is_reused: bool,
    /// Whether the call was given up before it was made.
    pub is_unmade: bool,
    /// Tokens read and written, if known.
    pub tokens: Option<(u64, u64)>,
    /// What it cost, if known.
    pub cost: Option<Money>,
    /// The pause before the next try, in milliseconds, if there was one.
    pub retry_in_ms: Option<u64>,
    /// What tells its reply from another one.
    pub reply: u64,
}

impl Skeleton {
    /// Takes in the next event.
    pub fn see(&mut self, seq: i64, at: i64, event: &Event) {
        if self.next == 0 {
            self.first_at = at;
        }
        self.next = seq + 1;
        self.last_at = self.last_at.max(at);
        self.roster.see(event);
        self.executed.see(event);
        self.fold.add(at, event);

        match event {
            Event::RunStarted { params, seed, program, resumes, terms, .. } => {
                self.start = event.ran().map(|what| Opening {
                    what,
                    params: params.clone(),
                    seed: *seed,
                    program: program.clone(),
                    resumes: resumes.clone(),
                    terms: Terms::clone(terms),
                });
            }
            Event::RunEnded { status, failure, read, .. } => {
                let failure = failure.as_ref().map(ShortFailure::of);
                self.end = Some(RunClosing { status: *status, seq, failure, read: read.clone() });
            }
            Event::RequestPart { key, .. } => {
                self.parts.insert(*key, seq);
            }
            Event::EffectEnded { what, .. } => match what.topic() {
                Some(Topic::Execute) => self.has_cases = true,
                _ => self.said.push(seq),
            },
            Event::Logged { .. } | Event::Answered { .. } => self.said.push(seq),
            Event::Asked { question } => {
                self.asked.insert(question.number, at);
                self.said.push(seq);
            }
            Event::Suspended { waits } => self.waits = Some(waits.clone()),
            Event::FlowStarted { .. } | Event::FlowEnded { .. } => self.see_flow(at, event),
            _ => self.see_operation(seq, at, event),
        }
    }

    fn see_flow(&mut self, at: i64, event: &Event) {
        match event {
            Event::FlowStarted { flow, name, ops, max_concurrent, within, .. } => {
                for planned in ops.iter() {
                    self.ops.entry(planned.op).or_default().flow = *flow;
                }

                let bones = FlowBones {
                    name: name.clone(),
                    within: *within,
                    max_concurrent: *max_concurrent,
                    ops: ops.len(),
                    started: at,
                    ended: None,
                };
                self.flows.insert(*flow, bones);
            }
            Event::FlowEnded { flow } => {
                if let Some(flow) = self.flows.get_mut(flow) {
                    flow.ended = Some(at);
                }
            }
            _ => {}
        }
    }

    fn see_operation(&mut self, seq: i64, at: i64, event: &Event) {
        if let Event::Expanded { flow, ops, .. } = event {
            for part in ops.iter() {
                self.ops.entry(part.op).or_default().flow = *flow;
            }
            if let Some(flow) = self.flows.get_mut(flow) {
                flow.ops += ops.len();
            }
        }

        let Some(op) = event.op() else { return };
        let model = match event {
            Event::AttemptStarted { model, .. } => self.model(model),
            _ => 0,
        };

        let bones = self.ops.entry(op).or_default();
        bones.flow = event.flow().unwrap_or_default();
        bones.touched = seq;

        match event {
            Event::OpStarted { .. } => bones.started = Some(at),
            Event::OpEnded { outcome, .. } => {
                bones.ended = Some((at, seq));
                bones.outcome = Some(OpEnd::of(outcome));
                if let Outcome::Completed { value } = outcome {
                    bones.value = mark(&as_text(value));
                }
            }
            Event::AttemptStarted { attempt, demo, key, terms, prompt, .. } => {
                bones.calls.push(CallBones {
                    number: *attempt,
                    began: Some((at, seq)),
                    model,
                    demo: *demo,
                    key: if *demo { *terms } else { *key },
                    prompt: mark(prompt),
                    end: None,
                });
            }
            Event::AttemptEnded { attempt, served_by, .. } => {
                bones.end_call(seq, at, event);
                let call = bones.calls.iter().rfind(|call| call.number == *attempt);
                let label = call.and_then(|call| self.models.get(call.model));
                if let (Some(served_by), Some(label)) = (served_by, label)
                    && !self.served.get(label).is_some_and(|known| known.contains(served_by))
                {
                    let known = self.served.entry(label.clone()).or_default();
                    known.insert(served_by.clone());
                }
            }
            Event::ToolStarted { .. } => bones.tools.push((seq, None)),
            // Calls of tools may end in another order than they began; which end belongs to which start is
            // read with their texts.
            Event::ToolEnded { .. } => {
                if let Some(open) = bones.tools.iter_mut().find(|(_, end)| end.is_none()) {
                    open.1 = Some(seq);
                }
            }
            _ => {}
        }
    }

    fn model(&mut self, label: &str) -> usize {
        let known = self.models.iter().position(|known| known == label);
        known.unwrap_or_else(|| {
            self.models.push(label.to_owned());
            self.models.len() - 1
        })
    }

    /// Returns the figures.
    pub fn metrics(&self) -> Metrics {
        self.fold.metrics()
    }

    /// Returns the name of an operation; one that is not known by name has that of its number.
    pub fn name(&self, op: OpId) -> String {
        self.roster.name(op).map_or_else(|| format!("#{}", op.0), str::to_owned)
    }

    /// Finds the operation of a name that failed, or the first of that name.
    pub fn find(&self, name: &str) -> Option<OpId> {
        let is_called = |op: &&OpId| self.roster.name(**op) == Some(name);
        let failed = |op: &&OpId| matches!(self.ops[*op].outcome, Some(OpEnd::Failed(_)));
        let mut all = self.ops.keys().filter(is_called);
        all.clone().find(failed).or_else(|| all.next()).copied()
    }

    /// Returns the first operation that failed.
    pub fn first_failure(&self) -> Option<(OpId, &ShortFailure)> {
        self.ops.iter().find_map(|(op, bones)| match &bones.outcome {
            Some(OpEnd::Failed(failure)) => Some((*op, &**failure)),
            _ => None,
        })
    }

    /// Tells whether an operation is part of the chain that took longest.
    pub fn is_critical(&self, op: OpId) -> bool {
        self.critical.1.contains(&op)
    }

    /// Finds the chain of operations that took longest, once everything is taken in.
    pub fn find_critical(&mut self) {
        if self.critical.0 != self.next {
            let (chain, _) = self.fold.critical_chain();
            self.critical = (self.next, chain.into_iter().collect());
        }
    }
}

impl OpBones {
    /// Returns how long it took, in microseconds, if it has begun and ended.
    pub fn took(&self) -> Option<i64> {
        let (ended, _) = self.ended?;
        Some(ended - self.started?)
    }

    /// Returns what its calls cost and used, as far as that is known.
    pub fn bill(&self) -> Bill {
        let mut bill = Bill::default();
        for end in self.calls.iter().filter_map(|call| call.end.as_ref()) {
            if end.is_made() {
                bill.add(end.charge());
            }
        }
        bill
    }

    /// Returns the calls that were made and ended.
    pub fn made(&self) -> usize {
        let ends = self.calls.iter().filter_map(|call| call.end.as_ref());
        ends.filter(|end| end.is_made()).count()
    }

    /// Tells whether a call has begun and not ended.
    pub fn is_calling(&self) -> bool {
        self.ended.is_none() && self.calls.iter().any(|call| call.end.is_none())
    }

    fn end_call(&mut self, seq: i64, at: i64, event: &Event) {
        let Event::AttemptEnded {
            attempt,
            demo,
            reused,
            reply,
            usage,
            cost,
            failure,
            retry_in_ms,
            ..
        } = event
        else {
            return;
        };

        let end = CallEnding {
            at,
            seq,
            failure: failure.as_ref().map(|one| (one.kind.word().to_owned(), one.status)),
            is_reused: reused.is_some(),
            is_unmade: event.is_unmade_call(),
            tokens: usage.map(|usage| (usage.input(), usage.output())),
            cost: *cost,
            retry_in_ms: *retry_in_ms,
            reply: reply.as_deref().map_or(0, mark),
        };

        let mut open = self.calls.iter_mut().rev();
        match open.find(|call| call.number == *attempt && call.end.is_none()) {
            Some(call) => call.end = Some(end),
            None => self.calls.push(CallBones {
                number: *attempt,
                began: None,
                model: 0,
                demo: *demo,
                key: None,
                prompt: 0,
                end: Some(end),
            }),
        }
    }
}

impl CallEnding {
    fn is_made(&self) -> bool {
        !self.is_reused && !self.is_unmade
    }

    fn charge(&self) -> Charge {
        use crate::model::charge::is_unbilled;
        use crate::model::reply::Usage;

        let status = self.failure.as_ref().and_then(|(_, status)| *status);
        let usage = self.tokens.map(|(input, output)| Usage {
            input_uncached: input,
            output_visible: output,
            ..Usage::default()
        });

        if usage.is_none() && self.cost.is_none() && status.is_some_and(is_unbilled) {
            return Charge { usage: Some(Usage::default()), cost: Some(Money::ZERO) };
        }
        Charge { usage, cost: self.cost }
    }
}

impl OpEnd {
    fn of(outcome: &Outcome) -> OpEnd {
        match outcome {
            Outcome::Completed { .. } => OpEnd::Completed,
            Outcome::Failed { failure } => OpEnd::Failed(Box::new(ShortFailure::of(failure))),
            Outcome::Skipped { reason } => OpEnd::Skipped(reason.to_string()),
            Outcome::Cancelled => OpEnd::Cancelled,
        }
    }

    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            OpEnd::Completed => "completed",
            OpEnd::Failed(_) => "failed",
            OpEnd::Skipped(_) => "skipped",
            OpEnd::Cancelled => "cancelled",
        }
    }
}

impl ShortFailure {
    /// Cuts a failure.
    pub fn of(failure: &Failure) -> ShortFailure {
        let place = failure.place.as_ref();
        ShortFailure {
            kind: failure.kind.word().to_owned(),
            message: crate::view::text::cut(&failure.message, MESSAGE_MAX),
            place: place.map(|place| format!("{}:{}:{}", place.file, place.line, place.column)),
            op: failure.op.clone(),
        }
    }
}

/// Returns what tells a text from another one.
fn mark(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Programs before 0.2 kept long texts with their events.
    apart::short(text).hash(&mut hasher);
    hasher.finish()
}
