//! The ways a request can reach a model: a closed set.

use crate::model::provider::demo::Demo;
use crate::model::provider::server::Server;
use crate::model::provider::simulated::Simulated;
use crate::model::reply::{Fault, Reply};
use crate::model::request::Request;

/// How requests travel.
#[derive(Debug, Clone)]
pub enum Transport {
    /// The built-in demo model: offline, seeded, labelled as a demo.
    Demo(Demo),
    /// A server.
    Server(Server),
    /// A model that somebody in the same process speaks for.
    Simulated(Simulated),
}

impl Transport {
    /// Sends one request.
    pub async fn send(&self, request: &Request) -> Result<Reply, Fault> {
        match self {
            Transport::Demo(demo) => demo.send(request).await.map_err(Fault::from),
            // These futures are large, and every future around them would be as large.
            Transport::Server(server) => Box::pin(server.send(request)).await,
            Transport::Simulated(model) => Box::pin(model.send(request)).await,
        }
    }
}
