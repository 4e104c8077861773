//! Talking to a language model: requests, replies, errors, prices, limits, and the transports that
//! carry them. Knows nothing of sessions, graphs, scripts or terminals.

pub mod error;
pub mod message;
pub mod provider;
pub mod registry;
pub mod reply;
pub mod request;
pub mod spec;
pub mod transport;

use crate::model::error::CallError;
use crate::model::reply::{Called, Finish, Reply};
use crate::model::request::{Request, Settings};
use crate::model::transport::Transport;

/// A language model as scripts use it: a name, its settings, and the way to reach it.
#[derive(Debug, Clone)]
pub struct Model {
    /// What people call it: `provider/name`.
    pub label: String,
    /// Settings that every call starts from.
    pub settings: Settings,
    /// How a request reaches the model.
    pub transport: Transport,
}

impl Model {
    /// Asks the model once. Never retries: the caller decides that by `CallError::retry`.
    pub async fn call(&self, request: &Request) -> Called {
        match self.transport.send(request).await {
            Ok(reply) => Called {
                usage: reply.usage,
                cost: None,
                served_by: reply.served_by.clone(),
                result: judge(reply, request),
            },
            Err(error) => Called { usage: None, cost: None, served_by: None, result: Err(error) },
        }
    }

    /// Tells whether replies come from the built-in demo model rather than from a real one.
    pub fn is_demo(&self) -> bool {
        matches!(self.transport, Transport::Demo(_))
    }
}

/// Accepts only a reply that is whole and has text.
fn judge(reply: Reply, request: &Request) -> Result<String, CallError> {
    match reply.finish {
        None => Err(CallError::CutOff { text: reply.text }),
        Some(Finish::Length) => {
            Err(CallError::Length { text: reply.text, limit: request.settings.max_tokens })
        }
        Some(Finish::Refused(message)) => Err(CallError::Refused { message }),
        Some(Finish::Stop) if reply.text.is_empty() => Err(CallError::Empty),
        Some(Finish::Stop) => Ok(reply.text),
    }
}
