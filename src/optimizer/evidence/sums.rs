//! What is known of one pattern for one kind of task: sums that grow by one observation at a time,
//! so that recording costs the same however much is known.

use crate::optimizer::evidence::observation::Observation;
use crate::optimizer::stats;

/// Sums over the observations of one pattern for one kind of task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PatternSums {
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
    /// Observations that failed.
    pub failures: u64,
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

    /// Puts another value in the place of one.
    fn amend(&mut self, before: Option<f64>, now: Option<f64>) {
        if let Some(before) = before {
            self.n = self.n.saturating_sub(1);
            self.sum -= before;
            self.squares -= before * before;
        }
        self.add(now);
        if self.n == 0 {
            *self = Sums::default();
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

impl PatternSums {
    /// Takes in an observation.
    #[allow(clippy::cast_precision_loss, reason = "tokens of a run stay far below 2^53")]
    pub fn add(&mut self, seen: &Observation) {
        if let Some(amends) = seen.amends {
            self.amend(amends.before, seen.score);
            return;
        }

        self.n += 1;
        self.success_sum += seen.success_rate;
        self.time.add(seen.execution_time);
        self.score.add(seen.score);
        self.cost.add(seen.cost);
        self.tokens.add(seen.tokens.map(|tokens| tokens as f64));
        self.last_at = self.last_at.max(seen.at.0);

        if seen.is_failure() {
            self.failures += 1;
            let message = "less than half of the work produced a result".to_owned();
            let error = seen.error.clone();
            self.last_error = Some(error.unwrap_or_else(|| ("failed".to_owned(), message)));
        }
    }

    /// Puts the verdict of a person in the place of a score.
    pub fn amend(&mut self, before: Option<f64>, now: Option<f64>) {
        self.score.amend(before, now);
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
