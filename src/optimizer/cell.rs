//! What is known of one pattern for one kind of task: sums that grow by one observation at a time,
//! so that recording costs the same however much is known.

use crate::base::clock::Stamp;
use crate::optimizer::observation::Observation;
use crate::optimizer::stats;

/// Time after which old evidence for avoiding counts half, in milliseconds.
const HALF_LIFE_MS: f64 = 24.0 * 3600.0 * 1000.0;
/// How long a pattern is avoided the first time, in milliseconds; each further time twice as long.
const AVOID_MS: i64 = 3600 * 1000;
/// Longest time that a pattern is avoided before it is tried once again, in milliseconds.
const AVOID_MAX_MS: i64 = 24 * 3600 * 1000;
/// Fewest failures that make a pattern avoided.
const FAILURES_MIN: f64 = 3.0;
/// How sure we must be that a pattern fails more often than not.
const SURE: f64 = 0.9;

/// Sums over the observations of one pattern for one kind of task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// Observations.
    pub n: u64,
    /// Sum of the success rates.
    pub success_sum: f64,
    /// Observations with a time, their sum in seconds, and their sum of squares.
    pub time: Sums,
    /// The same for scores.
    pub score: Sums,
    /// Observations with a cost, and their sum in dollars.
    pub cost: Sums,
    /// Observations with tokens, and their sum.
    pub tokens: Sums,
    /// Successes, where older ones count less.
    pub recent_ok: f64,
    /// Failures, where older ones count less.
    pub recent_failed: f64,
    /// Observations that failed.
    pub failures: u64,
    /// Failures since the last success.
    pub streak: u64,
    /// How often the pattern was avoided since the last success.
    pub strikes: u32,
    /// Until when the pattern is avoided, in milliseconds since 1970; 0 when it is not.
    pub avoid_until: i64,
    /// When the last observation was made.
    pub last_at: i64,
    /// The last failure: its kind and message.
    pub last_error: Option<(String, String)>,
}

/// A count, a sum and a sum of squares.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    /// How many.
    pub n: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

impl Sums {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.n += 1;
            self.sum += value;
            self.squares += value * value;
        }
    }

    /// Returns the mean, if there is one.
    pub fn mean(&self) -> Option<f64> {
        stats::mean(count(self.n), self.sum)
    }

    /// Returns the interval for the mean, if there are numbers enough.
    pub fn interval(&self) -> Option<stats::Interval> {
        stats::student(count(self.n), self.sum, self.squares)
    }
}

impl Cell {
    /// Takes in an observation.
    #[allow(clippy::cast_precision_loss, reason = "tokens of a run stay far below 2^53")]
    pub fn add(&mut self, seen: &Observation) {
        self.n += 1;
        self.success_sum += seen.success_rate;
        self.time.add(seen.execution_time);
        self.score.add(seen.score);
        self.cost.add(seen.cost);
        self.tokens.add(seen.tokens.map(|tokens| tokens as f64));
        self.age(seen.at);
        self.recent_ok += seen.success_rate;
        self.recent_failed += 1.0 - seen.success_rate;
        if seen.is_failure() {
            self.failures += 1;
            self.streak += 1;
            let message = "less than half of it gave a value".to_owned();
            let error = seen.error.clone();
            self.last_error = Some(error.unwrap_or_else(|| ("failed".to_owned(), message)));
            self.consider_avoiding(seen.at);
        } else {
            (self.streak, self.strikes, self.avoid_until) = (0, 0, 0);
        }
    }

    /// Lets the evidence for avoiding fade by the time that has passed.
    #[allow(clippy::cast_precision_loss, reason = "times fit a double exactly")]
    fn age(&mut self, now: Stamp) {
        let passed = (now.0 - self.last_at).max(0) as f64;
        let share = if self.last_at == 0 { 1.0 } else { (-passed / HALF_LIFE_MS).exp2() };
        self.recent_ok *= share;
        self.recent_failed *= share;
        self.last_at = self.last_at.max(now.0);
    }

    /// Decides after a failure whether the pattern is to be avoided for a while.
    fn consider_avoiding(&mut self, now: Stamp) {
        let fails_mostly = self.recent_failed >= FAILURES_MIN
            && stats::probability_below(0.5, self.recent_ok, self.recent_failed) > SURE;
        if !(fails_mostly || self.streak >= self.streak_max()) || now.0 < self.avoid_until {
            return;
        }
        let time = AVOID_MS.saturating_mul(1 << self.strikes.min(20)).min(AVOID_MAX_MS);
        self.avoid_until = now.0 + time;
        self.strikes += 1;
    }

    /// How many failures in a row are no accident: as many as a pattern of this success rate has
    /// once in a hundred times.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a small whole number"
    )]
    fn streak_max(&self) -> u64 {
        let failing = 1.0 - self.success_sum / count(self.n);
        let needed = if failing >= 1.0 { 0.0 } else { 0.01_f64.ln() / failing.ln() };
        needed.ceil().clamp(3.0, 1000.0) as u64
    }

    /// Tells until when the pattern is avoided, if it is avoided now.
    pub fn avoided_at(&self, now: Stamp) -> Option<Stamp> {
        (self.avoid_until > now.0).then_some(Stamp(self.avoid_until))
    }

    /// Returns the mean success rate; `None` without observations.
    pub fn success_rate(&self) -> Option<f64> {
        stats::mean(count(self.n), self.success_sum)
    }

    /// Returns the interval for the success rate.
    pub fn success_interval(&self) -> stats::Interval {
        stats::wilson(self.success_sum, count(self.n))
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::flow::failure::Failure;
    use crate::optimizer::pattern::{Pattern, TaskType};

    const MINUTE: i64 = 60 * 1000;

    fn seen(success: bool, at: i64) -> Observation {
        let task = TaskType::new("t").expect("a name");
        let pattern = Pattern::new("p").expect("a name");
        let failure = Failure::new("server", "down");
        let mut seen = Observation::failure(task, pattern, &failure);
        seen.at = Stamp(at);
        if success {
            (seen.success_rate, seen.error) = (1.0, None);
        }
        seen
    }

    #[test]
    fn k6_three_failures_then_many_successes_is_not_avoided() {
        let mut cell = Cell::default();
        for minute in 0..3 {
            cell.add(&seen(false, 1 + minute * MINUTE));
        }
        assert!(cell.avoided_at(Stamp(3 * MINUTE)).is_some(), "three failures of three");
        for minute in 3..103 {
            cell.add(&seen(true, minute * MINUTE));
        }
        assert_eq!(cell.avoided_at(Stamp(103 * MINUTE)), None);
    }

    #[test]
    fn k6_avoiding_ends_by_itself_and_lasts_longer_each_time() {
        let mut cell = Cell::default();
        let mut now = 1;
        let mut lengths = Vec::new();
        for _ in 0..3 {
            while cell.avoided_at(Stamp(now)).is_none() {
                cell.add(&seen(false, now));
                now += MINUTE;
            }
            lengths.push((cell.avoid_until - now + MINUTE) / 3_600_000);
            now = cell.avoid_until;
        }
        assert_eq!(lengths, [1, 2, 4], "hours");
    }

    #[test]
    fn a_pattern_that_mostly_works_is_practically_never_avoided() {
        let mut rng = Rng::seeded(5);
        let mut avoided = 0;
        let mut cell = Cell::default();
        for minute in 1..20_000 {
            cell.add(&seen(rng.unit() < 0.95, minute * MINUTE));
            avoided += u32::from(cell.avoided_at(Stamp(minute * MINUTE)).is_some());
        }
        assert!(avoided < 200, "{avoided} of 20000 minutes");
    }
}
