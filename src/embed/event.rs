//! What happens in a run, for those who watch it.

use crate::base::failure::Failure;
use crate::base::id::{OpId, RunId};
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event as JournalEvent;
use crate::journal::inquiry::Inquiry;
use crate::journal::roster::Roster;
use serde_json::Value;

/// What happens in a run, as the journal records it. Serialized, an event is an object with its `kind`.
///
/// ```
/// # async fn example(mut run: kaizen::Run) {
/// while let Some(event) = run.events().next().await {
///     match event {
///         kaizen::Event::CallEnded { operation, reply: Some(reply), .. } => {
///             println!("{operation}: {reply}");
///         }
///         kaizen::Event::Printed { text } => println!("{text}"),
///         _ => {}
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The run began.
    Started {
        /// The run.
        run: String,
    },
    /// A flow began.
    FlowStarted {
        /// The name of its graph.
        name: String,
        /// The names of its operations.
        operations: Vec<String>,
    },
    /// An operation began.
    OperationStarted {
        /// Its name.
        operation: String,
    },
    /// A call to a model began.
    CallStarted {
        /// The operation that calls.
        operation: String,
        /// The model.
        model: String,
        /// Which call of the operation, from 1.
        attempt: u32,
    },
    /// A call to a model ended.
    CallEnded {
        /// The operation that called.
        operation: String,
        /// Which call of the operation, from 1.
        attempt: u32,
        /// The reply, unless the call failed.
        reply: Option<String>,
        /// Why it failed, if it did.
        error: Option<String>,
        /// What it cost in dollars, if that is known.
        cost: Option<f64>,
        /// Tokens, input and output, if they are known.
        tokens: Option<u64>,
        /// Whether the reply was known, so that no call was made.
        reused: bool,
    },
    /// A call of a tool began.
    ToolStarted {
        /// The operation that calls.
        operation: String,
        /// The tool.
        tool: String,
        /// Its arguments.
        args: Value,
    },
    /// A call of a tool ended.
    ToolEnded {
        /// The operation that called.
        operation: String,
        /// What it returned, unless it failed.
        result: Option<Value>,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// The script was told something from outside: the result of a function or tool of the program, a page, the
    /// time, ..
    EffectEnded {
        /// What it asked for, such as `host_call lookup_order ["17"]`.
        what: String,
        /// What it was told, unless that failed.
        value: Option<Value>,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// An operation ended.
    OperationEnded {
        /// Its name.
        operation: String,
        /// How: "completed", "failed", "skipped" or "cancelled".
        outcome: &'static str,
        /// Its value, if it completed.
        value: Option<Value>,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// The script logged something.
    Logged {
        /// "info", "warn" or "error".
        level: String,
        /// What.
        text: String,
    },
    /// The script printed something. What scripts print is not journaled.
    Printed {
        /// What.
        text: String,
    },
    /// Something that people should know, such as that demo replies do not count as experience. It is not
    /// journaled.
    Noted {
        /// What.
        text: String,
    },
    /// People were asked something.
    Asked {
        /// The question.
        question: String,
    },
    /// The run ended.
    Ended {
        /// How: "ok", "failed", "interrupted" or "waiting"; "refused" if it never began, or if its end could not
        /// be journaled.
        status: String,
        /// The script's value.
        value: Value,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// Any other event, as the journal has it.
    Other {
        /// The event.
        event: Value,
    },
    /// Nobody took the events in time, so that some were dropped here. The journal has all of them.
    Missed {
        /// How many.
        count: u64,
    },
}

/// Follows a run and makes its events readable: the journal has numbers where people want names.
#[derive(Debug)]
pub(super) struct EventReader {
    run: RunId,
    roster: Roster,
}

impl EventReader {
    pub(super) fn new(run: RunId) -> EventReader {
        EventReader { run, roster: Roster::default() }
    }

    fn name(&self, op: OpId) -> String {
        self.roster.get(op).map(|entry| entry.name.to_owned()).unwrap_or_default()
    }

    /// Makes an event of one of the journal's.
    pub(super) fn read(&mut self, event: &JournalEvent) -> Event {
        self.roster.see(event);

        match event {
            JournalEvent::RunStarted { .. } => Event::Started { run: self.run.to_string() },
            JournalEvent::FlowStarted { name, ops, .. } => {
                let operations = ops.iter().map(|one| self.name(one.op)).collect();
                Event::FlowStarted { name: name.clone(), operations }
            }
            JournalEvent::OpStarted { op, .. } => {
                Event::OperationStarted { operation: self.name(*op) }
            }
            JournalEvent::OpEnded { op, outcome, .. } => ended(self.name(*op), outcome),
            JournalEvent::EffectEnded { what, value, .. } => told(what, value),
            JournalEvent::Logged { level, text } => {
                Event::Logged { level: level.to_string(), text: text.clone() }
            }
            JournalEvent::Asked { question } => {
                Event::Asked { question: question.question.text.clone() }
            }
            JournalEvent::RunEnded { status, value, failure, .. } => Event::Ended {
                status: status.to_string(),
                value: value.clone(),
                error: message(failure.as_ref()),
            },
            other => self.of_call(other),
        }
    }

    /// Makes an event of one that is about a call.
    fn of_call(&self, event: &JournalEvent) -> Event {
        match event {
            JournalEvent::AttemptStarted { op, attempt, model, .. } => Event::CallStarted {
                operation: self.name(*op),
                model: model.clone(),
                attempt: *attempt,
            },
            JournalEvent::AttemptEnded {
                op, attempt, reply, failure, cost, usage, reused, ..
            } => Event::CallEnded {
                operation: self.name(*op),
                attempt: *attempt,
                reply: reply.clone(),
                error: message(failure.as_ref()),
                cost: cost.map(Money::dollars),
                tokens: usage.map(|usage| usage.tokens()),
                reused: reused.is_some(),
            },
            JournalEvent::ToolStarted { op, tool, args, .. } => Event::ToolStarted {
                operation: self.name(*op),
                tool: tool.clone(),
                args: args.clone(),
            },
            JournalEvent::ToolEnded { op, result, failure, .. } => Event::ToolEnded {
                operation: self.name(*op),
                result: result.clone(),
                error: message(failure.as_ref()),
            },
            other => {
                Event::Other { event: serde_json::to_value(other).expect("events are plain data") }
            }
        }
    }
}

fn ended(operation: String, outcome: &Outcome) -> Event {
    let (word, value, error) = match outcome {
        Outcome::Completed { value } => ("completed", Some(value.clone()), None),
        Outcome::Failed { failure } => ("failed", None, Some(failure.message.clone())),
        Outcome::Skipped { .. } => ("skipped", None, None),
        Outcome::Cancelled => ("cancelled", None, None),
    };
    Event::OperationEnded { operation, outcome: word, value, error }
}

/// The journal keeps an answer as `{ value }`, a failure as `{ failure }`, and some answers as they are.
fn told(what: &Inquiry, told: &Value) -> Event {
    let what = what.to_string();
    let failure: Option<Failure> = serde_json::from_value(told["failure"].clone()).ok();
    if let Some(failure) = failure {
        return Event::EffectEnded { what, value: None, error: Some(failure.message) };
    }

    let value = told.get("value").unwrap_or(told).clone();
    Event::EffectEnded { what, value: Some(value), error: None }
}

fn message(failure: Option<&Failure>) -> Option<String> {
    failure.map(|failure| failure.message.clone())
}
