//! When to ask again after a failed call, and when to try something again that makes calls.

use crate::base::failure::{Failure, Kind};
use crate::base::rng::Rng;
use crate::executor::Executor;
use crate::executor::replies::{AttemptResult, Miss, PendingCall};
use crate::model::call_error::{CallError, Retry};
use std::time::Duration;

/// Most tries of one call unless the settings say otherwise, the first included.
pub const ATTEMPTS_MAX: u32 = 3;
/// The first pause, before chance shortens it.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest pause of our own choice.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Longest pause that is accepted from a provider; a longer one fails the call at once.
const ASKED_MAX: Duration = Duration::from_mins(2);

/// Decides whether try number `attempt` (from 1) of `attempts_max` is followed by another, and
/// after which pause. `left` is the time that the operation still has.
///
/// Pauses of our own double and are uniform between nothing and that ("full jitter", M. Brooker,
/// "Exponential Backoff And Jitter", 2015). A provider's own wish is kept, plus up to a tenth, so
/// that calls that were refused together do not come back together.
pub fn pause(
    error: &CallError,
    attempt: u32,
    attempts_max: u32,
    left: Option<Duration>,
    rng: &mut Rng,
) -> Option<Duration> {
    let pause = match error.retry() {
        Retry::AtOnce => return Some(Duration::ZERO),
        Retry::Never => return None,
        Retry::Backoff | Retry::After(_) if attempt >= attempts_max => return None,
        Retry::After(asked) if asked > ASKED_MAX => return None,
        Retry::After(asked) => asked.mul_f64(1.0 + 0.1 * rng.unit()),
        Retry::Backoff => {
            let doubled = PAUSE.saturating_mul(1 << (attempt - 1).min(16));
            doubled.min(PAUSE_MAX).mul_f64(rng.unit())
        }
    };

    left.is_none_or(|left| pause < left).then_some(pause)
}

/// Which try it is, and what bounds the tries.
#[derive(Debug, Clone, Copy)]
pub(super) struct TryLimits {
    pub(super) attempt: u32,
    pub(super) attempts_max: u32,
    /// The time that the operation still has.
    pub(super) left: Option<Duration>,
}

impl Executor {
    /// Returns the pause after a try, if another one follows it.
    pub(super) fn wait_after(
        &self,
        tried: &AttemptResult,
        asked: &PendingCall,
        limits: TryLimits,
        refused_forms: &mut u32,
    ) -> Option<Duration> {
        let TryLimits { attempt, attempts_max, left } = limits;

        match &tried.result {
            Ok(_) => None,
            Err(Miss::Now(error)) => {
                let mut jitter = self.memory.jitter(&asked.sample.at, attempt);
                *refused_forms += u32::from(error.retry() == Retry::AtOnce);
                pause(error, attempt - *refused_forms, attempts_max, left, &mut jitter)
            }
            // Whether it was tried again depended on the time that was left then.
            Err(Miss::Then { failure, retry_in }) => {
                let is_form = failure.kind == Kind::BadRequest && retry_in.is_some();
                *refused_forms += u32::from(is_form);
                *retry_in
            }
        }
    }
}

/// First pause before something that makes calls is tried again; it doubles each time.
const TRY_PAUSE: Duration = Duration::from_millis(100);
/// How often that pause doubles at most.
const DOUBLED_MAX: u32 = 10;

/// The tries of something that may make calls of its own: an operation with `retries`, or a function
/// under `retry`. A call that was itself tried several times counts as several tries, so that tries of
/// tries do not multiply.
#[derive(Debug)]
pub struct Tries {
    max: u32,
    used: u32,
    failures: u32,
    /// Requests to models that were made without success.
    requests: u32,
    /// How many of those may be made, where these tries are within others.
    requests_max: Option<u32>,
}

impl Tries {
    /// Begins; `max` counts the first try.
    pub fn new(max: u32) -> Tries {
        Tries::within(max, None)
    }

    /// Begins within other tries, of which so many are left: that bounds the requests.
    pub fn within(max: u32, requests_max: Option<u32>) -> Tries {
        Tries { max, used: 0, failures: 0, requests: 0, requests_max }
    }

    /// Returns how many tries are left.
    pub fn left(&self) -> u32 {
        let outer = self.requests_max.map(|max| max.saturating_sub(self.requests));
        self.max.saturating_sub(self.used).min(outer.unwrap_or(u32::MAX))
    }

    /// Counts a failure. Gives the pause before the next try, or the failure back, with all requests
    /// that were made, if there is to be none.
    pub fn failed(&mut self, failure: Failure) -> Result<Duration, Failure> {
        self.requests = self.requests.saturating_add(failure.tries);
        self.used = self.used.saturating_add(failure.tries.max(1));

        let asked_ms = failure.retry_after_ms.map_or(0, |ms| u64::from(ms.get()));
        let asked = Duration::from_millis(asked_ms);
        if !failure.retryable || self.left() == 0 || asked > ASKED_MAX {
            let is_call = failure.tries > 0;
            return Err(if is_call { failure.tried(self.requests) } else { failure });
        }

        let doubled = TRY_PAUSE.saturating_mul(1 << self.failures.min(DOUBLED_MAX));
        self.failures += 1;
        Ok(doubled.max(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::Kind;

    fn limited(seconds: Option<u64>) -> CallError {
        let asked = seconds.map(Duration::from_secs);
        let retry = asked.map_or(Retry::Backoff, Retry::After);
        CallError::RateLimited { status: 429, retry, message: String::new() }
    }

    fn check(error: &CallError, attempt: u32, left: Option<u64>) -> Option<Duration> {
        pause(error, attempt, 3, left.map(Duration::from_secs), &mut Rng::seeded(1))
    }

    #[test]
    fn a_providers_wish_is_kept() {
        let pause = check(&limited(Some(2)), 1, None).expect("another try");
        assert!((2.0..=2.2).contains(&pause.as_secs_f64()), "{pause:?}");
    }

    #[test]
    fn own_pauses_grow_and_are_bounded() {
        for attempt in 1..40 {
            let pause = pause(&limited(None), attempt, 99, None, &mut Rng::seeded(7));
            assert!(pause.expect("another try") <= PAUSE_MAX);
        }
    }

    #[test]
    fn nothing_is_asked_again_in_vain() {
        assert_eq!(check(&limited(None), 3, None), None, "the last try");
        assert_eq!(check(&limited(Some(600)), 1, None), None, "too long a wait");
        assert_eq!(check(&limited(Some(5)), 1, Some(1)), None, "no time left");

        let refused = CallError::BadRequest { status: 400, message: String::new() };
        assert_eq!(check(&refused, 1, None), None, "the same request fails again");
    }

    #[test]
    fn tries_of_tries_do_not_multiply() {
        let down =
            |tries| Failure { retryable: true, ..Failure::new(Kind::Server, "down") }.tried(tries);
        let mut tries = Tries::new(3);
        let last = tries.failed(down(3)).expect_err("three requests are three tries");
        assert_eq!((last.tries, last.message.as_str()), (3, "down (tried 3 times)"));

        let mut tries = Tries::new(5);
        assert_eq!(tries.failed(down(3)), Ok(TRY_PAUSE));
        assert_eq!(tries.left(), 2);
        let last = tries.failed(down(2)).expect_err("five requests are five tries");
        assert_eq!((last.tries, last.message.as_str()), (5, "down (tried 5 times)"));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let thrown = Failure::new(Kind::Thrown, "not yet");
        let mut tries = Tries::new(3);
        assert_eq!(tries.failed(thrown.clone()), Ok(TRY_PAUSE));
        assert_eq!(tries.failed(thrown.clone()), Ok(TRY_PAUSE * 2));
        assert_eq!(tries.failed(thrown.clone()), Err(thrown));

        for kind in Kind::ALL.iter().filter(|kind| !kind.is_retryable()) {
            let failure = Failure::new(kind.clone(), "in vain");
            assert_eq!(Tries::new(3).failed(failure.clone()), Err(failure), "{kind}");
        }

        let refused: Failure = CallError::BadRequest { status: 400, message: String::new() }.into();
        assert_eq!(Tries::new(3).failed(refused.clone()), Err(refused));

        let wish = |seconds| Failure::from(limited(Some(seconds)));
        assert_eq!(Tries::new(3).failed(wish(7)), Ok(Duration::from_secs(7)));
        assert_eq!(Tries::new(3).failed(wish(600)), Err(wish(600)), "too long a wait");
    }
}
