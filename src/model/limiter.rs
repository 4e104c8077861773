//! How much a server is asked at once and per minute, whatever number of branches ask it. Once it
//! refuses calls, fewer are made at once.

use crate::base::clock;
use crate::model::call_error::CallError;
use crate::model::tuning::{CallEnd, LimitChange, Tuning};
use governor::clock::{Clock, DefaultClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Most requests in flight to one server unless its description says otherwise: more than any
/// flow asks by default, so that the limit of the flow is the one that counts.
pub const MAX_CONCURRENT: u32 = 4096;

/// The limits of one server; `None` for no limit of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerLimits {
    /// Most requests in flight.
    pub max_concurrent: Option<u32>,
    /// Most requests that start within a minute.
    pub requests_per_minute: Option<u32>,
}

impl ServerLimits {
    /// Returns the lower of two limits, each by itself.
    #[must_use]
    pub fn strictest(self, other: ServerLimits) -> ServerLimits {
        let lower = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();

        ServerLimits {
            max_concurrent: lower(self.max_concurrent, other.max_concurrent),
            requests_per_minute: lower(self.requests_per_minute, other.requests_per_minute),
        }
    }
}

/// Keeps the limits of one server, and finds out how many calls it takes at once.
pub struct Limiter {
    in_flight: Semaphore,
    /// Places that are to be taken away once they are free.
    surplus: Cell<usize>,
    tuning: RefCell<Tuning>,
    /// A change that nobody was told of yet.
    change: Cell<Option<LimitChange>>,
    rate: Option<RateLimiter<NotKeyed, InMemoryState, DefaultClock>>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

/// A request that may start. It counts as in flight until this is dropped.
#[derive(Debug)]
pub struct Admission<'a> {
    limiter: &'a Limiter,
    permit: Option<SemaphorePermit<'a>>,
    era: u32,
    began: Duration,
    end: CallEnd,
}

impl Limiter {
    /// Creates the limiter of a server.
    pub fn new(limits: ServerLimits) -> Rc<Limiter> {
        let places = limits.max_concurrent.unwrap_or(MAX_CONCURRENT);

        // One request at a time is let through, at even distances: a burst is what servers refuse.
        let rate = limits.requests_per_minute.and_then(NonZeroU32::new).map(|per_minute| {
            let distance = std::time::Duration::from_mins(1) / per_minute.get();
            let quota = Quota::with_period(distance).expect("a minute in parts is not nothing");
            RateLimiter::direct(quota)
        });

        let in_flight = Semaphore::new(usize::try_from(places).unwrap_or(usize::MAX));
        let tuning = RefCell::new(Tuning::new(places));

        Rc::new(Limiter { in_flight, surplus: Cell::new(0), tuning, change: Cell::new(None), rate })
    }

    /// Waits until a request may start.
    pub async fn admit(&self) -> Admission<'_> {
        let permit = self.in_flight.acquire().await.expect("the semaphore is never closed");

        loop {
            // Others may lengthen the hold while this call waits.
            let hold = self.tuning.borrow().hold(clock::monotonic());
            let Some(left) = hold else { break };
            tokio::time::sleep(left).await;
        }

        if let Some(rate) = &self.rate {
            while let Err(not_until) = rate.check() {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                tokio::time::sleep(wait).await;
            }
        }

        let era = self.tuning.borrow_mut().begin();
        let began = clock::monotonic();
        Admission { limiter: self, permit: Some(permit), era, began, end: CallEnd::Other }
    }

    /// Keeps a change until somebody asks for it.
    pub fn tell(&self, change: LimitChange) {
        let from = self.change.get().map_or(change.from, |earlier| earlier.from);
        self.change.set(Some(LimitChange { from, ..change }));
    }

    /// Returns the change that nobody was told of yet.
    pub fn take_change(&self) -> Option<LimitChange> {
        self.change.take()
    }

    /// Makes places, or takes them away as they become free.
    fn resize(&self, change: LimitChange) {
        let places = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);

        if change.to < change.from {
            let fewer = places(change.from - change.to);
            // Places in use are not free to be taken; `close` takes them as their calls end.
            let taken = self.in_flight.forget_permits(fewer);
            self.surplus.set(self.surplus.get() + fewer - taken);
        } else {
            let more = places(change.to - change.from);
            let kept = self.surplus.get().min(more);
            self.surplus.set(self.surplus.get() - kept);
            self.in_flight.add_permits(more - kept);
        }
    }
}

impl Admission<'_> {
    /// Says how the request went: with which error, if any. Gives a change of the limit that people should be told of, if any.
    pub fn ended(mut self, error: Option<&CallError>) -> Option<LimitChange> {
        self.end = match error {
            None => CallEnd::Reply(clock::monotonic().saturating_sub(self.began)),
            Some(
                CallError::RateLimited { retry, .. } | CallError::Server { status: 503, retry, .. },
            ) => CallEnd::Refused(retry.asked()),
            Some(CallError::Timeout { .. }) => CallEnd::Late,
            Some(_) => CallEnd::Other,
        };

        let is_reply = matches!(self.end, CallEnd::Reply(_));
        self.close();
        is_reply.then(|| self.limiter.tuning.borrow_mut().news()).flatten()
    }

    fn close(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let change = self.limiter.tuning.borrow_mut().end(clock::monotonic(), self.era, self.end);
        if let Some(change) = change {
            self.limiter.resize(change);
        }

        let surplus = self.limiter.surplus.get();
        if surplus > 0 {
            self.limiter.surplus.set(surplus - 1);
            permit.forget();
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        // A request that was given up says nothing of the server.
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn requests_start_at_even_distances() {
        let limits = ServerLimits { requests_per_minute: Some(1200), ..ServerLimits::default() };
        let limiter = Limiter::new(limits);
        let began = Instant::now();
        for _ in 0..4 {
            let _permit = limiter.admit().await;
        }
        assert!(began.elapsed() >= Duration::from_millis(145), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_in_flight() {
        let limiter =
            Limiter::new(ServerLimits { max_concurrent: Some(1), ..ServerLimits::default() });
        let first = limiter.admit().await;
        assert!(futures::FutureExt::now_or_never(limiter.admit()).is_none());
        drop(first);
        assert!(futures::FutureExt::now_or_never(limiter.admit()).is_some());
    }
}
