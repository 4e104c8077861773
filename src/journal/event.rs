//! The events of a run. A stored event is never changed; a new fact is a new variant or field.

mod about;
mod planned;
mod sources;
mod terms;
mod verdict;

pub use about::is_unmade;
pub use planned::{PlannedOp, PlannedOps};
pub use sources::RunSources;
pub use terms::{StintTerms, Terms};
pub use verdict::ComparisonVerdict;

use crate::base::count::is_zero;
use crate::base::failure::Failure;
use crate::base::id::{FlowId, OpId, RunId};
use crate::base::strand::{Address, Spot};
use crate::base::unit::Money;
use crate::base::word::words;
use crate::flow::outcome::Outcome;
use crate::journal::inquiry::Inquiry;
use crate::journal::key::Key;
use crate::journal::part::RequestPart;
use crate::journal::waits::{PendingQuestion, Waits};
use crate::model::opaque::OpaquePart;
use crate::model::reply::Usage;
use crate::model::tool::ToolCall;
use crate::session::tool::{Deed, Effects};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Why a run waited for a time to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The script slept.
    Sleep,
    /// It paused before it tried something again.
    Pause,
    /// Something was given no more time.
    Limit,
    /// A tool was given no more time. Programs before 0.2 noted it as `Limit`.
    ToolLimit,
}

words! {
    /// What a run ran.
    RunKind {
        /// One script.
        Script = "script",
        /// What was typed in a session of `kaizen repl`.
        Session = "session",
        /// Several scripts, to find out which does the same tasks better.
        Comparison = "comparison",
    }
}

words! {
    /// How a run ended.
    RunStatus {
        /// Well.
        Ok = "ok",
        /// Not well.
        Failed = "failed",
        /// It was stopped from outside.
        Interrupted = "interrupted",
        /// `kaizen watch` began another one in its place.
        Replaced = "replaced",
        /// It is suspended: it waits for an answer, or for a time.
        Waiting = "waiting",
    }
}

words! {
    /// How bad it is what a script or kaizen says.
    LogLevel {
        /// Good to know.
        Info = "info",
        /// Perhaps not as it was meant.
        Warn = "warn",
        /// Wrong.
        Error = "error",
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    RunStarted {
        /// The script's path as given.
        script: String,
        /// Parameters as given.
        params: Map<String, Value>,
        /// The seed of everything that is random.
        seed: u64,
        /// The program's version.
        program: String,
        /// The run that it resumes, if it does.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        resumes: Option<RunId>,
        /// What ran; programs before 0.2 did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        what: Option<RunKind>,
        /// Whether it uses the replies of other runs.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        reuse: bool,
        /// What else it was given.
        #[serde(skip_serializing_if = "Terms::are_none", default)]
        terms: Box<Terms>,
    },
    /// The script was told something that no later run could find out again.
    #[serde(rename = "told")]
    EffectEnded {
        /// What it asked.
        what: Inquiry,
        /// What it was told.
        value: Value,
        /// Where it asked; programs before 0.2 did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        at: Option<Spot>,
    },
    /// Something begins that has a lasting effect. Its end is what the script is told.
    #[serde(rename = "telling")]
    EffectBegan {
        /// What the script asked.
        what: Inquiry,
        /// Where it asked.
        at: Spot,
    },
    /// People were asked something for the first time, or again by a run that resumes another one.
    Asked {
        /// What they were asked.
        #[serde(flatten)]
        question: PendingQuestion,
    },
    /// The answer with which a person had a suspended run resumed. The script is told it once it asks.
    Answered {
        /// The question's text.
        question: String,
        /// Where it is asked.
        at: Spot,
        /// The answer.
        value: Value,
    },
    /// The script began to sleep for so long that the end counts, and not the time.
    SleepBegan {
        /// Where.
        at: Spot,
        /// When it ends, in milliseconds since 1970.
        due: i64,
    },
    /// Another run continues this one, and nobody else writes here any more. Only a store that several machines share
    /// has it: elsewhere a lock tells who works on a run.
    Sealed {
        /// What tells who has taken it over from everybody else.
        token: String,
        /// The run that continues it.
        by: RunId,
    },
    /// The run can continue only once somebody answers or a time comes, and ends until then.
    Suspended {
        /// What it waits for.
        #[serde(flatten)]
        waits: Waits,
    },
    /// A time passed although something else might have ended before it.
    TimePassed {
        /// Who waited, and which of its timers this was.
        at: Spot,
        /// Why.
        timer: Timer,
        /// How many timers of the same strand ended in a row, this one included.
        #[serde(skip_serializing_if = "is_once", default = "once")]
        times: u32,
        /// How long a limit was, in milliseconds. Programs before 0.2 did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        limit_ms: Option<u64>,
    },
    /// Something that is tried several times was tried once: it failed and is tried again, or it went well after it
    /// had failed.
    Tried {
        /// Where it was tried.
        at: Address,
        /// Where it is tried again, if it failed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        next: Option<Address>,
    },
    /// A flow began.
    FlowStarted {
        /// The flow.
        flow: FlowId,
        /// The graph's name.
        name: String,
        /// The plan.
        ops: PlannedOps,
        /// Most operations in flight.
        max_concurrent: usize,
        /// The flow whose operation runs it, if one does.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        within: Option<FlowId>,
        /// Where it runs; programs before 0.2 did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        at: Option<Address>,
    },
    /// A list was expanded into operations.
    Expanded {
        /// The flow.
        flow: FlowId,
        /// The operation that expands, which now waits for the new ones.
        op: OpId,
        /// The new operations.
        ops: PlannedOps,
        /// The group of strands to which those of the new operations belong. Programs before 0.2 did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        group: Option<u32>,
    },
    /// An operation began.
    OpStarted {
        /// The flow it belongs to.
        flow: FlowId,
        /// The operation.
        op: OpId,
        /// Its name, for an operation that stands in no plan.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        name: Option<String>,
    },
    /// A part of the request of a call that begins, unless it was kept before. Programs before 0.2 kept
    /// none.
    RequestPart {
        /// What it is known by.
        key: Key,
        /// The part.
        #[serde(flatten)]
        part: RequestPart,
    },
    /// A call to a model began.
    AttemptStarted {
        /// The flow.
        flow: FlowId,
        /// The operation that calls.
        op: OpId,
        /// Which call of the operation, from 1.
        attempt: u32,
        /// The model's label.
        model: String,
        /// Whether it is the demo model.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        demo: bool,
        /// The newest message.
        prompt: String,
        /// How many messages went before it.
        history: usize,
        /// The newest message, among the parts of requests, where it is more than the text of a user.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        newest: Option<Key>,
        /// What the request is known by; runs of older programs did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        key: Option<Key>,
        /// How many equal requests the run had made before this one.
        #[serde(skip_serializing_if = "is_zero", default)]
        sample: u32,
        /// Who asked, and which of its equal requests this is; programs before 0.2 did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        at: Option<Spot>,
        /// The message before the newest one, if there is one, among the parts of requests.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        before: Option<Key>,
        /// Settings and schema, among the parts of requests.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        terms: Option<Key>,
        /// Whether the model is asked to mend its last answer.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        repair: bool,
        /// The step that begins with it, from 1, if the model may call tools.
        #[serde(skip_serializing_if = "is_zero", default)]
        step: u32,
    },
    /// A call to a model ended.
    AttemptEnded {
        /// The flow.
        flow: FlowId,
        /// The operation that called.
        op: OpId,
        /// Which call of the operation, from 1.
        attempt: u32,
        /// Whether the demo model was asked.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        demo: bool,
        /// The run that paid for the reply, if it was known already and no call was made.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reused: Option<RunId>,
        /// Whether this is what happened in the run that this one resumes.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        again: bool,
        /// The reply, unless the call failed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reply: Option<String>,
        /// Whether `max_tokens` cut the reply, and that was accepted.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        cut: bool,
        /// The calls of tools that stand in the reply.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        calls: Vec<ToolCall>,
        /// The parts of the reply that only its provider understands.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        opaque: Vec<OpaquePart>,
        /// Tokens used, if known.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        usage: Option<Usage>,
        /// What it cost, if known; for a reply that was reused, what it cost then.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cost: Option<Money>,
        /// The model that the provider says has answered.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        served_by: Option<String>,
        /// What went wrong, if anything.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<Failure>,
        /// The pause before the next try, in milliseconds, if there will be one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        retry_in_ms: Option<u64>,
        /// The parts of the reply that were mended before it fitted its schema, as JSON pointers.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        mended: Vec<String>,
    },
    /// A call was not made, because it did not fit into a budget.
    CallRefused {
        /// The flow.
        flow: FlowId,
        /// The operation that would have called.
        op: OpId,
        /// What the request is known by.
        key: Key,
        /// Who asked, and which of its equal requests this is.
        at: Spot,
        /// What did not fit.
        failure: Failure,
    },
    /// A call of a tool began, or was refused before it could.
    ToolStarted {
        /// The flow.
        flow: FlowId,
        /// The operation that calls.
        op: OpId,
        /// What the call is known by.
        deed: Deed,
        /// The tool.
        tool: String,
        /// Where it runs. Programs before 0.2 did not note it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        at: Option<Address>,
        /// Its arguments as they were mended; what the model wrote, if they cannot be read.
        args: Value,
        /// The step of the model that asked for it, from 1; 0 if a script did.
        #[serde(skip_serializing_if = "is_zero", default)]
        step: u32,
        /// The parts of the arguments that were mended, as JSON pointers.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        mended: Vec<String>,
        /// What it does to the world; nothing is known of a tool that there is not.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        effects: Option<Effects>,
        /// Whether a person agreed, if one was needed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        approved: Option<bool>,
    },
    /// A call of a tool ended.
    ToolEnded {
        /// The flow.
        flow: FlowId,
        /// The operation that called.
        op: OpId,
        /// What the call is known by.
        deed: Deed,
        /// What it gave, unless it failed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        result: Option<Value>,
        /// What went wrong, if anything.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<Failure>,
        /// How many bytes the result has.
        #[serde(skip_serializing_if = "is_zero", default)]
        bytes: u64,
        /// Whether the model was told only a part of it.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        cut: bool,
    },
    /// An operation ended.
    OpEnded {
        /// The flow.
        flow: FlowId,
        /// The operation.
        op: OpId,
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// A flow ended.
    FlowEnded {
        /// The flow.
        flow: FlowId,
    },
    /// The script said something.
    Logged {
        /// How bad it is.
        level: LogLevel,
        /// What.
        text: String,
    },
    /// The run ended.
    RunEnded {
        /// How.
        status: RunStatus,
        /// The script's value.
        #[serde(skip_serializing_if = "Value::is_null", default)]
        value: Value,
        /// Why the script ended early, if it did.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<Failure>,
        /// What the comparisons of the script found, in the order in which they ended.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        comparisons: Vec<ComparisonVerdict>,
        /// The hashes of the files that the run has read, by their paths in the project.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
        read: BTreeMap<String, String>,
    },
}

fn once() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_once(times: &u32) -> bool {
    *times == 1
}
