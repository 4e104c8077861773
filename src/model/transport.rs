//! The ways a request can reach a model: a closed set.

use crate::base::secret::Secret;
use crate::model::error::CallError;
use crate::model::provider::demo::Demo;
use crate::model::provider::native::Native;
use crate::model::provider::openai::OpenAi;
use crate::model::provider::simulated::Simulated;
use crate::model::reply::{Finish, Reply};
use crate::model::request::Request;

/// How requests travel.
#[derive(Debug, Clone)]
pub enum Transport {
    /// The built-in demo model: offline, seeded, labelled as a demo.
    Demo(Demo),
    /// A server that speaks OpenAI's chat completions.
    OpenAi(OpenAi),
    /// A provider with a protocol of its own.
    Native(Native),
    /// A model that somebody in the same process speaks for.
    Simulated(Simulated),
}

impl Transport {
    /// Sends one request.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallError> {
        match self {
            Transport::Demo(demo) => demo.send(request).await,
            // These futures are large, and every future around them would be as large.
            Transport::OpenAi(server) => {
                without_key(&server.key, Box::pin(server.send(request)).await)
            }
            Transport::Native(provider) => {
                without_key(&provider.key, Box::pin(provider.send(request)).await)
            }
            Transport::Simulated(model) => Box::pin(model.send(request)).await,
        }
    }
}

/// Takes the key that a server was shown out of what it says.
fn without_key(
    key: &Result<Option<Secret>, CallError>,
    result: Result<Reply, CallError>,
) -> Result<Reply, CallError> {
    let Ok(Some(key)) = key else { return result };
    let clean = |text: String| key.take_out(text);
    match result {
        Ok(Reply { text, finish, usage, served_by }) => {
            let finish = finish.map(|finish| match finish {
                Finish::Refused(word) => Finish::Refused(clean(word)),
                Finish::Stop | Finish::Length => finish,
            });
            Ok(Reply { text: clean(text), finish, usage, served_by: served_by.map(clean) })
        }
        Err(mut error) => {
            if let Some(words) = words_of(&mut error) {
                *words = clean(std::mem::take(words));
            }
            Err(error)
        }
    }
}

/// Returns what a server has said that a call failed with.
fn words_of(error: &mut CallError) -> Option<&mut String> {
    match error {
        CallError::RateLimited { message, .. }
        | CallError::Server { message, .. }
        | CallError::Unauthorized { message, .. }
        | CallError::NotFound { message }
        | CallError::BadRequest { message, .. }
        | CallError::Network { message, .. }
        | CallError::Refused { message }
        | CallError::BadReply { message }
        | CallError::CutOff { text: message }
        | CallError::Length { text: message, .. } => Some(message),
        CallError::Timeout { .. }
        | CallError::Empty
        | CallError::TooLarge { .. }
        | CallError::Setup { .. } => None,
    }
}
