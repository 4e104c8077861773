//! The moment in which a request leaves. Before it, no call was made: the request waits for its turn or for a
//! connection, so no time limit of its reply runs and it costs nothing.

use crate::base::clock;
use crate::model::call_error::CallError;
use crate::model::provider::http;
use futures::stream;
use std::cell::Cell;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;

/// When one request leaves. Clones are about the same request.
#[derive(Debug, Clone, Default)]
pub(super) struct Departure(Arc<DepartureMoment>);

#[derive(Debug, Default)]
struct DepartureMoment {
    /// In monotonic time.
    at: OnceLock<Duration>,
    passed: Notify,
}

impl Departure {
    /// Makes the body of the request. A connection takes it when it writes the head of the request, which is
    /// how the moment is known.
    pub(super) fn body(&self, bytes: Vec<u8>) -> reqwest::Body {
        let departure = self.clone();
        reqwest::Body::wrap_stream(stream::once(async move {
            departure.pass();
            Ok::<_, Infallible>(bytes)
        }))
    }

    /// Notes that the request leaves now.
    pub(super) fn pass(&self) {
        self.0.at.get_or_init(clock::monotonic);
        self.0.passed.notify_waiters();
    }

    /// Tells whether the request has left.
    fn is_past(&self) -> bool {
        self.0.at.get().is_some()
    }

    /// Waits until the request leaves, and returns when it did, in monotonic time.
    pub(super) async fn wait(&self) -> Duration {
        loop {
            // Made before the look, so that no moment in between is missed.
            let passed = self.0.passed.notified();
            if let Some(at) = self.0.at.get() {
                return *at;
            }
            passed.await;
        }
    }

    /// Waits for something that a reply brings, at most this long from the moment on. It looks at the reply before
    /// it looks at the clock, so that a reply that has come in time is never thrown away because this process
    /// was slow.
    pub(super) async fn limit<T>(
        &self,
        limit: Duration,
        reply: impl Future<Output = T>,
    ) -> Option<T> {
        let late = async {
            self.wait().await;
            tokio::time::sleep(limit).await;
        };

        tokio::select! {
            biased;
            brought = reply => Some(brought),
            () = late => None,
        }
    }

    /// Sends a request to an address, if a connection comes about within this time.
    pub(super) async fn connected(
        &self,
        url: &str,
        limit: Duration,
        sent: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
    ) -> Result<reqwest::Response, CallError> {
        let unconnected = async {
            tokio::time::sleep(limit).await;
            if self.is_past() {
                std::future::pending::<()>().await;
            }
        };

        tokio::select! {
            biased;
            response = sent => response.map_err(|error| http::network(url, &error)),
            () = unconnected => Err(CallError::Unreachable {
                url: url.to_owned(),
                message: format!("none came about within {} ms", limit.as_millis()),
            }),
        }
    }

    /// Sets `begun` when the request leaves, while `reply` is waited for or when that is given up.
    pub(super) async fn noting<T>(&self, begun: &Cell<bool>, reply: impl Future<Output = T>) -> T {
        let _note = BegunNote { departure: self, begun };
        let noted = async {
            self.wait().await;
            begun.set(true);
            std::future::pending::<()>().await;
        };

        tokio::select! {
            biased;
            brought = reply => brought,
            () = noted => unreachable!("it waits for ever"),
        }
    }
}

/// Notes that a call has begun whose wait is given up in the very moment in which its request leaves.
struct BegunNote<'a> {
    departure: &'a Departure,
    begun: &'a Cell<bool>,
}

impl Drop for BegunNote<'_> {
    fn drop(&mut self) {
        if self.departure.is_past() {
            self.begun.set(true);
        }
    }
}
