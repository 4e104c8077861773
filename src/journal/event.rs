//! The events of a run. A stored event is never changed; a new fact is a new variant or field.

use crate::base::id::OpId;
use crate::model::message::Message;
use crate::model::reply::Usage;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    RunStarted {
        /// The script's path as given.
        script: String,
        /// The program's version.
        program: String,
    },
    /// A call to a model began.
    AttemptStarted {
        /// The operation that calls.
        op: OpId,
        /// The model's label.
        model: String,
        /// Whether it is the demo model.
        demo: bool,
        /// The newest message.
        prompt: Message,
    },
    /// A call to a model ended.
    AttemptEnded {
        /// The operation that called.
        op: OpId,
        /// The reply, unless the call failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        reply: Option<String>,
        /// Tokens used, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
        /// What went wrong, if anything.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The run ended.
    RunEnded {
        /// `ok` or `failed`.
        status: String,
        /// The script's value.
        value: serde_json::Value,
    },
}

impl Event {
    /// Returns the stored word for the kind of event.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::AttemptStarted { .. } => "attempt_started",
            Event::AttemptEnded { .. } => "attempt_ended",
            Event::RunEnded { .. } => "run_ended",
        }
    }
}
