//! What an event is about, and the word for it.

use crate::base::failure::{Failure, Kind};
use crate::base::id::{FlowId, OpId};
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunKind, RunStatus};
use crate::model::reply::Usage;
use serde_json::Value;
use std::collections::BTreeMap;

/// Tells whether the end of a call says that it was given up before its request had left: it waited for its turn
/// or for a connection. It was no call, and it is known to have used nothing. Of one whose request had left,
/// nobody knows.
pub fn is_unmade(usage: Option<Usage>, cost: Option<Money>, failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| failure.kind == Kind::Cancelled)
        && usage == Some(Usage::default())
        && cost == Some(Money::ZERO)
}

impl Event {
    /// Tells whether it ends a call that was given up before it was made.
    pub fn is_unmade_call(&self) -> bool {
        let Event::AttemptEnded { reused: None, usage, cost, failure, .. } = self else {
            return false;
        };
        is_unmade(*usage, *cost, failure.as_ref())
    }

    /// Makes the end of a run that was ended from outside: it has no value, and nothing in it failed.
    pub fn ended(status: RunStatus) -> Event {
        Event::RunEnded {
            status,
            value: Value::Null,
            failure: None,
            comparisons: Vec::new(),
            read: BTreeMap::new(),
        }
    }

    /// Returns the stored word for the kind of event.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::EffectEnded { .. } => "told",
            Event::EffectBegan { .. } => "telling",
            Event::Asked { .. } => "asked",
            Event::Answered { .. } => "answered",
            Event::SleepBegan { .. } => "sleep_began",
            Event::Suspended { .. } => "suspended",
            Event::Sealed { .. } => "sealed",
            Event::CallRefused { .. } => "call_refused",
            Event::TimePassed { .. } => "time_passed",
            Event::Tried { .. } => "tried",
            Event::FlowStarted { .. } => "flow_started",
            Event::Expanded { .. } => "expanded",
            Event::OpStarted { .. } => "op_started",
            Event::RequestPart { .. } => "request_part",
            Event::AttemptStarted { .. } => "attempt_started",
            Event::AttemptEnded { .. } => "attempt_ended",
            Event::ToolStarted { .. } => "tool_started",
            Event::ToolEnded { .. } => "tool_ended",
            Event::OpEnded { .. } => "op_ended",
            Event::FlowEnded { .. } => "flow_ended",
            Event::Logged { .. } => "logged",
            Event::RunEnded { .. } => "run_ended",
        }
    }

    /// Returns what the run ran, if this is the event that started it. A program before 0.2 told a
    /// comparison by its name and its parameter alone.
    pub fn ran(&self) -> Option<RunKind> {
        let Event::RunStarted { script, params, what, .. } = self else { return None };
        let looks_so = || script.starts_with("compare ") && params.contains_key("tasks");
        let old = || if looks_so() { RunKind::Comparison } else { RunKind::Script };

        Some(what.unwrap_or_else(old))
    }

    /// Returns it without the texts of models and operations. What is told of times, outcomes and costs stays.
    #[must_use]
    pub fn without_texts(mut self) -> Event {
        match &mut self {
            Event::AttemptStarted { prompt, .. } => *prompt = String::new(),
            Event::AttemptEnded { reply, calls, opaque, .. } => {
                if let Some(reply) = reply {
                    *reply = String::new();
                }
                *calls = Vec::new();
                *opaque = Vec::new();
            }
            Event::OpEnded { outcome: Outcome::Completed { value }, .. } => *value = Value::Null,
            Event::ToolStarted { args, .. } => *args = Value::Null,
            Event::ToolEnded { result, .. } => *result = None,
            _ => {}
        }
        self
    }

    /// Returns the operation it is about, if it is about one.
    pub fn op(&self) -> Option<OpId> {
        self.subject().1
    }

    /// Returns the flow it belongs to; events of the run as a whole belong to none.
    pub fn flow(&self) -> Option<FlowId> {
        self.subject().0
    }

    fn subject(&self) -> (Option<FlowId>, Option<OpId>) {
        match self {
            Event::Expanded { flow, op, .. }
            | Event::OpStarted { flow, op, .. }
            | Event::AttemptStarted { flow, op, .. }
            | Event::AttemptEnded { flow, op, .. }
            | Event::CallRefused { flow, op, .. }
            | Event::ToolStarted { flow, op, .. }
            | Event::ToolEnded { flow, op, .. }
            | Event::OpEnded { flow, op, .. } => (Some(*flow), Some(*op)),
            Event::FlowStarted { flow, .. } | Event::FlowEnded { flow } => (Some(*flow), None),

            Event::RunStarted { .. }
            | Event::EffectEnded { .. }
            | Event::EffectBegan { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::SleepBegan { .. }
            | Event::Suspended { .. }
            | Event::Sealed { .. }
            | Event::TimePassed { .. }
            | Event::Tried { .. }
            | Event::RequestPart { .. }
            | Event::Logged { .. }
            | Event::RunEnded { .. } => (None, None),
        }
    }
}
