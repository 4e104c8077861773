//! The scale of times and of costs for a task type. What takes minutes and what takes milliseconds are not
//! compared by the same seconds, so where nobody names a scale it is what the first executions took.

use crate::optimizer::learner::packed::{ByteReader, Packing};

/// How many executions a scale is made of.
const FIRST: usize = 10;

/// At which time, in seconds, and at which cost, in dollars, the reward is halved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Seconds.
    pub time_half: f64,
    /// Dollars.
    pub cost_half: f64,
}

/// Returns the reward for a small time or cost: 1 for none, and a half at `half`.
pub(super) fn reward(value: f64, half: f64) -> f64 {
    1.0 / (1.0 + value / half)
}

/// Returns the median of numbers; `None` without any.
pub fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers.len() / 2;

    match numbers.len() % 2 {
        _ if numbers.is_empty() => None,
        0 => Some(f64::midpoint(numbers[middle - 1], numbers[middle])),
        _ => Some(numbers[middle]),
    }
}

/// One of the two scales, and the first executions until it is known.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    pub(super) half: f64,
    /// Whether it stays as it is.
    is_known: bool,
    first: Vec<First>,
}

/// An execution by which the scale will be known, and what its reward makes up in the sum of its pattern.
#[derive(Debug, Clone, Copy)]
struct First {
    arm: usize,
    value: f64,
    part: f64,
}

impl Gauge {
    /// A scale as it was named, or the usual one until more is known.
    pub(super) fn new(named: Option<f64>, usual: f64) -> Gauge {
        Gauge { half: named.unwrap_or(usual), is_known: named.is_some(), first: Vec::new() }
    }

    /// Scales what the first executions make up, as the sums are scaled.
    pub(super) fn scale_parts(&mut self, share: f64) {
        for first in &mut self.first {
            first.part *= share;
        }
    }

    /// Says that the sum of a pattern no longer rests on its executions so far.
    pub(super) fn forget(&mut self, arm: usize) {
        for first in self.first.iter_mut().filter(|first| first.arm == arm) {
            first.part = 0.0;
        }
    }

    /// Takes in an execution. Once there are enough, the scale is their median, and what has to be added
    /// to the sums of their patterns is returned: so they count as if it had been known before.
    pub(super) fn add(&mut self, arm: usize, value: Option<f64>, part: f64) -> Vec<(usize, f64)> {
        // What takes no time or costs nothing is on no scale.
        let Some(value) = value.filter(|value| *value > 0.0 && !self.is_known) else {
            return Vec::new();
        };

        self.first.push(First { arm, value, part });
        if self.first.len() < FIRST {
            return Vec::new();
        }

        let first = std::mem::take(&mut self.first);
        let before = self.half;
        self.half = median(first.iter().map(|first| first.value).collect()).unwrap_or(before);
        self.is_known = true;

        let by = |first: &First| {
            first.part * (reward(first.value, self.half) - reward(first.value, before))
        };
        first.iter().map(|first| (first.arm, by(first))).collect()
    }

    /// Adds everything to bytes.
    pub(super) fn pack(&self, to: &mut Packing) {
        let Gauge { half, is_known, first } = self;
        to.number(*half);
        to.count(usize::from(*is_known));
        to.count(first.len());
        for First { arm, value, part } in first {
            to.count(*arm);
            to.pair((*value, *part));
        }
    }

    /// Reads a scale from bytes.
    pub(super) fn unpack(from: &mut ByteReader<'_>, arms: usize) -> Option<Gauge> {
        let half = from.number()?;
        let is_known = from.below(2)? == 1;
        let mut first = Vec::new();
        for _ in 0..from.below(FIRST)? {
            let arm = from.below(arms)?;
            let (value, part) = from.pair()?;
            first.push(First { arm, value, part });
        }

        Some(Gauge { half, is_known, first })
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::learner::{Constraints, ExecutionOutcome, Learner, Objective};

    fn learner(executions: &[(&str, f64)], objective: Objective) -> (Learner, Vec<f64>) {
        let mut learner = Learner::new(objective);
        let task = learner.task("t");
        for (name, time) in executions {
            let arm = learner.arm(name);
            let outcome =
                ExecutionOutcome { success: 1.0, time: Some(*time), ..ExecutionOutcome::default() };
            learner.record(task, arm, &outcome);
        }

        let arms = ["quick", "slow"].map(|name| learner.arm(name));
        let seen = learner.look(task, &arms, &Constraints::default());
        let means = seen.iter().map(|arm| arm.mean).collect();
        (learner, means)
    }

    #[test]
    fn the_unit_of_time_changes_nothing_once_ten_executions_are_known() {
        let at = |unit: f64| {
            let executions: Vec<(&str, f64)> = (0..40)
                .map(|n| if n % 2 == 0 { ("quick", 2.0 * unit) } else { ("slow", 6.0 * unit) })
                .collect();
            learner(&executions, Objective::WITHOUT_COST)
        };
        let (seconds, known) = at(1.0);
        assert_eq!(seconds.scale("t").time_half, 4.0);
        assert!(known[0] > known[1] + 0.05, "{known:?}");

        for unit in [0.001, 60.0, 3600.0] {
            let (learner, found) = at(unit);
            assert!((learner.scale("t").time_half / unit - 4.0).abs() < 1e-9);
            for (found, known) in found.iter().zip(&known) {
                assert!((found - known).abs() < 0.01, "{unit}: {found} and {known}");
            }
        }
    }

    #[test]
    fn the_first_ten_count_as_if_the_scale_had_been_known() {
        let executions = [("quick", 100.0), ("slow", 300.0)].repeat(5);
        let (_, measured) = learner(&executions, Objective::WITHOUT_COST);
        let named = Objective { time_half: Some(200.0), ..Objective::WITHOUT_COST };
        let (_, given) = learner(&executions, named);

        for (measured, given) in measured.iter().zip(&given) {
            assert!((measured - given).abs() < 0.005, "{measured} and {given}");
        }
    }

    #[test]
    fn a_scale_that_is_named_stays() {
        let named = Objective { time_half: Some(9.0), ..Objective::WITHOUT_COST };
        let (learner, _) = learner(&[("quick", 100.0); 30], named);
        assert_eq!(learner.scale("t").time_half, 9.0);
        assert_eq!(learner.scale("t").cost_half, 0.01, "no cost is known");
    }

    #[test]
    fn what_takes_no_time_is_on_no_scale() {
        let executions = [[("quick", 0.0); 30], [("slow", 3.0); 30]].concat();
        let (learner, means) = learner(&executions, Objective::WITHOUT_COST);
        assert_eq!(learner.scale("t").time_half, 3.0);
        assert!(means.iter().all(|mean| mean.is_finite()), "{means:?}");
    }
}
