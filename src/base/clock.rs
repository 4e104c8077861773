//! The only source of time. Waits use tokio's timer; stamps and durations come from here.

use std::fmt;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The instant the process first asked for the time; all monotonic times count from it.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The last moment that has a date, in microseconds since 1970-01-01 UTC. A clock that is set later, or
/// before 1970, is taken to stand at this end, so that what is written is what can be read.
pub const MICROS_MAX: i64 = 253_402_207_200_999_999;

/// A wall-clock stamp in milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub i64);

impl Stamp {
    /// Returns the current wall-clock time.
    pub fn now() -> Stamp {
        let Stamp(now) = Stamp::of(SystemTime::now());
        Stamp(now.saturating_add(ahead()).min(MICROS_MAX / 1000))
    }

    fn of(time: SystemTime) -> Stamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Stamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).min(MICROS_MAX / 1000))
    }
}

/// How far the clock of a test is ahead of the system's, in milliseconds.
#[cfg(debug_assertions)]
static AHEAD: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

#[cfg(debug_assertions)]
fn ahead() -> i64 {
    AHEAD.load(std::sync::atomic::Ordering::Relaxed)
}

#[cfg(not(debug_assertions))]
#[inline]
fn ahead() -> i64 {
    0
}

/// Has the time of a test begin at `start`, in milliseconds since 1970. Only debug builds can do so.
#[cfg(debug_assertions)]
pub fn begin_at(start: i64) {
    let ahead = start.saturating_sub(Stamp::now().0);
    AHEAD.store(ahead, std::sync::atomic::Ordering::Relaxed);
}

/// Tells the time of day. Where time is simulated, another source stands in for the system's.
#[derive(Clone)]
pub struct TimeSource(Rc<dyn Fn() -> Stamp>);

impl TimeSource {
    /// Creates a source that asks a function.
    pub fn new(tell: impl Fn() -> Stamp + 'static) -> TimeSource {
        TimeSource(Rc::new(tell))
    }

    /// Returns the time.
    pub fn now(&self) -> Stamp {
        (self.0)()
    }
}

impl Default for TimeSource {
    fn default() -> TimeSource {
        TimeSource::new(Stamp::now)
    }
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeSource").field(&self.now()).finish()
    }
}

/// Returns the present instant, from which times are measured.
pub fn instant() -> Instant {
    Instant::now()
}

/// Returns the monotonic time since the process first asked for it.
///
/// Inside a tokio runtime with paused time it follows the paused clock, so that measured
/// durations and waits agree in tests.
pub fn monotonic() -> Duration {
    if tokio::runtime::Handle::try_current().is_ok() {
        tokio::time::Instant::now().into_std().saturating_duration_since(*START)
    } else {
        START.elapsed()
    }
}

/// Returns the instant of a monotonic time.
pub fn instant_at(time: Duration) -> Instant {
    START.checked_add(time).unwrap_or_else(instant)
}

/// Returns the wall-clock time in microseconds since 1970-01-01 UTC, counted on the monotonic clock
/// from the first stamp, so that within a process it never goes back.
pub fn micros() -> i64 {
    static FIRST: LazyLock<(i64, Duration)> = LazyLock::new(|| (Stamp::now().0, monotonic()));
    micros_after(Stamp(FIRST.0), monotonic().saturating_sub(FIRST.1))
}

fn micros_after(first: Stamp, since: Duration) -> i64 {
    let since = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    first.0.saturating_mul(1000).saturating_add(since).min(MICROS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_out_of_range_stands_at_the_end_of_the_range() {
        let last = MICROS_MAX / 1000;
        let year = 31_557_600;
        for (seconds, millis) in [
            (0, 0),
            (1, 1000),
            (253_402_207_200, last - 999),
            (253_402_207_201, last),
            (253_402_300_800, last),
            (8000 * year * 1000, last),
            (i64::MAX.unsigned_abs(), last),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(Stamp::of(time), Stamp(millis), "{seconds}");
        }
        for seconds in [1, 70 * year, 10_000 * year] {
            assert_eq!(Stamp::of(UNIX_EPOCH - Duration::from_secs(seconds)), Stamp(0));
        }

        // Nor does it leave the range while the program runs.
        let hour = Duration::from_hours(1);
        assert_eq!(micros_after(Stamp(0), hour), 3_600_000_000);
        assert_eq!(micros_after(Stamp(last), hour), MICROS_MAX);
        assert_eq!(micros_after(Stamp(last - 1), Duration::from_millis(1)), last * 1000);
        assert_eq!(micros_after(Stamp(i64::MAX), Duration::MAX), MICROS_MAX);
    }
}
