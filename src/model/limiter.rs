//! How much a server is asked at once and per minute, whatever number of branches ask it.

use governor::clock::{Clock, DefaultClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Most requests in flight to one server unless its description says otherwise: more than any
/// flow asks by default, so that the limit of the flow is the one that counts.
pub const MAX_CONCURRENT: u32 = 4096;

/// The limits of one server; `None` for no limit of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most requests in flight.
    pub max_concurrent: Option<u32>,
    /// Most requests that start within a minute.
    pub requests_per_minute: Option<u32>,
}

impl Limits {
    /// Returns the lower of two limits, each by itself.
    #[must_use]
    pub fn strictest(self, other: Limits) -> Limits {
        let lower = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        Limits {
            max_concurrent: lower(self.max_concurrent, other.max_concurrent),
            requests_per_minute: lower(self.requests_per_minute, other.requests_per_minute),
        }
    }
}

/// Keeps the limits of one server.
pub struct Limiter {
    in_flight: Semaphore,
    rate: Option<RateLimiter<NotKeyed, InMemoryState, DefaultClock>>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

impl Limiter {
    /// Creates the limiter of a server.
    pub fn new(limits: Limits) -> Rc<Limiter> {
        let places = limits.max_concurrent.unwrap_or(MAX_CONCURRENT);
        // One request at a time is let through, at even distances: a burst is what servers refuse.
        let rate = limits.requests_per_minute.and_then(NonZeroU32::new).map(|per_minute| {
            let distance = std::time::Duration::from_mins(1) / per_minute.get();
            let quota = Quota::with_period(distance).expect("a minute in parts is not nothing");
            RateLimiter::direct(quota)
        });
        let in_flight = Semaphore::new(usize::try_from(places).unwrap_or(usize::MAX));
        Rc::new(Limiter { in_flight, rate })
    }

    /// Waits until a request may start; it counts as in flight until the permit is dropped.
    pub async fn admit(&self) -> SemaphorePermit<'_> {
        let permit = self.in_flight.acquire().await.expect("the semaphore is never closed");
        if let Some(rate) = &self.rate {
            while let Err(not_until) = rate.check() {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                tokio::time::sleep(wait).await;
            }
        }
        permit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn requests_start_at_even_distances() {
        let limits = Limits { requests_per_minute: Some(1200), ..Limits::default() };
        let limiter = Limiter::new(limits);
        let began = Instant::now();
        for _ in 0..4 {
            let _permit = limiter.admit().await;
        }
        assert!(began.elapsed() >= Duration::from_millis(145), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_in_flight() {
        let limiter = Limiter::new(Limits { max_concurrent: Some(1), ..Limits::default() });
        let first = limiter.admit().await;
        assert!(futures::FutureExt::now_or_never(limiter.admit()).is_none());
        drop(first);
        assert!(futures::FutureExt::now_or_never(limiter.admit()).is_some());
    }
}
