//! The ways a request can reach a model: a closed set.

use crate::model::error::CallError;
use crate::model::provider::demo::Demo;
use crate::model::provider::native::Native;
use crate::model::provider::openai::OpenAi;
use crate::model::provider::simulated::Simulated;
use crate::model::reply::Reply;
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
            Transport::OpenAi(server) => Box::pin(server.send(request)).await,
            Transport::Native(provider) => Box::pin(provider.send(request)).await,
            Transport::Simulated(model) => Box::pin(model.send(request)).await,
        }
    }
}
