//! When to ask again after a failed call.

use crate::base::rng::Rng;
use crate::model::error::{CallError, Retry};
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
    if attempt >= attempts_max {
        return None;
    }
    let pause = match error.retry() {
        Retry::Never => return None,
        Retry::After(asked) if asked > ASKED_MAX => return None,
        Retry::After(asked) => asked.mul_f64(1.0 + 0.1 * rng.unit()),
        Retry::Backoff => {
            let doubled = PAUSE.saturating_mul(1 << (attempt - 1).min(16));
            doubled.min(PAUSE_MAX).mul_f64(rng.unit())
        }
    };
    left.is_none_or(|left| pause < left).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(seconds: Option<u64>) -> CallError {
        let retry_after = seconds.map(Duration::from_secs);
        CallError::RateLimited { status: 429, retry_after, message: String::new() }
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
}
