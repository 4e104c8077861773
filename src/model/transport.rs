//! The ways a request can reach a model: a closed set.

use crate::model::error::CallError;
use crate::model::provider::demo::Demo;
use crate::model::reply::Reply;
use crate::model::request::Request;

/// How requests travel.
#[derive(Debug, Clone)]
pub enum Transport {
    /// The built-in demo model: offline, seeded, labelled as a demo.
    Demo(Demo),
}

impl Transport {
    /// Sends one request.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallError> {
        match self {
            Transport::Demo(demo) => demo.send(request).await,
        }
    }
}
