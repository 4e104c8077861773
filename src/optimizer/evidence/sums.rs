//! What is known of one pattern for one task type, as figures: means and intervals of the sums that the store
//! keeps.

pub use crate::store::{PatternSums, Sums};

use crate::optimizer::evidence::observation::Observation;
use crate::optimizer::stats;

impl Sums {
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
    pub fn add(&mut self, seen: &Observation) {
        match seen.amends {
            Some(amends) => self.amend(amends.before, seen.score),
            None => self.take(&seen.entry()),
        }
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
