//! A model that somebody in the same process speaks for: for simulations, and for programs that
//! embed kaizen. There is no server, and time may be paused.

use crate::model::call_error::{CallError, TimeLimit};
use crate::model::reply::{CallFault, Reply};
use crate::model::request::Request;
use futures::future::LocalBoxFuture;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

type Speaker = dyn Fn(&Request) -> LocalBoxFuture<'static, Result<Reply, CallFault>>;

/// A model that somebody speaks for.
#[derive(Clone)]
pub struct SimulatedModel(Rc<Speaker>);

impl fmt::Debug for SimulatedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Simulated")
    }
}

impl SimulatedModel {
    /// Takes the function that answers.
    pub fn new(
        speaker: impl Fn(&Request) -> LocalBoxFuture<'static, Result<Reply, CallFault>> + 'static,
    ) -> SimulatedModel {
        SimulatedModel(Rc::new(speaker))
    }

    /// Answers one request, within the time that its settings allow.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallFault> {
        let answer = (self.0)(request);
        let Some(limit) = request.settings.timeout_ms.map(Duration::from_millis) else {
            return answer.await;
        };

        let late = CallError::Timeout { deadline: TimeLimit::Total, limit };
        tokio::time::timeout(limit, answer).await.unwrap_or(Err(late.into()))
    }
}
