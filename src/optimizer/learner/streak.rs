//! A row of failures of several patterns for one task type. Where all fail that mostly succeed, something
//! else is at fault than they: what was believed before the row is put back.

use super::cell::FadingSums;
use crate::optimizer::learner::packed::{ByteReader, Packing};

/// How many patterns have to fail; all, if there are fewer, but never one alone.
const PATTERNS: usize = 3;
const PATTERNS_MIN: usize = 2;
/// The logarithm of the chance that such a row has by the success rates of its patterns, below which it is
/// no accident.
const CHANCE: f64 = -12.0;
/// The least chance of one failure: a pattern that has never failed may.
const FAILURE_MIN: f64 = 1e-3;
/// How much a failure counts from then on, until something succeeds.
const WEIGHT: f64 = 0.05;

/// The failures since the last success for a task type.
#[derive(Debug, Clone, Default)]
pub(super) struct FailureStreak {
    /// What was known of the patterns that failed before they did.
    before: Vec<Before>,
    /// How unsteady the task type was.
    unsteady: f64,
    /// The logarithm of the chance of the row.
    chance: f64,
    /// Whether it is held against nobody.
    is_blameless: bool,
}

/// What was known of a pattern.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub(super) arm: usize,
    pub(super) cell: FadingSums,
    /// The mean surprise with it.
    pub(super) surprise: f64,
}

impl FailureStreak {
    /// Tells whether a failure now is held against nobody.
    pub(super) fn is_blameless(&self) -> bool {
        self.is_blameless
    }

    /// Returns how much a failure counts now.
    pub(super) fn weight(&self) -> f64 {
        if self.is_blameless { WEIGHT } else { 1.0 }
    }

    /// Takes in a failure of a pattern, of which so much was known before it.
    pub(super) fn fail(&mut self, arm: usize, cell: &FadingSums, surprise: f64, unsteady: f64) {
        if self.before.is_empty() {
            self.unsteady = unsteady;
        }
        if !self.before.iter().any(|before| before.arm == arm) {
            self.before.push(Before { arm, cell: cell.clone(), surprise });
        }

        let known = self.before.iter().find(|before| before.arm == arm);
        let cell = &known.expect("it was added above").cell;
        let failing = 1.0 - (cell.successes + 0.5) / (cell.tried + 1.0);
        self.chance += failing.max(FAILURE_MIN).ln();
    }

    /// Returns what was known of a pattern before it failed in the row.
    pub(super) fn before_mut(&mut self, arm: usize) -> Option<&mut FadingSums> {
        self.before.iter_mut().find(|before| before.arm == arm).map(|before| &mut before.cell)
    }

    /// Returns what is to be put back of a task type with this many patterns, and how unsteady it was, once the
    /// row is no accident.
    pub(super) fn absolve(&mut self, patterns: usize) -> Option<(f64, Vec<Before>)> {
        let is_joint = self.before.len() >= patterns.clamp(PATTERNS_MIN, PATTERNS);
        if self.is_blameless || !is_joint || self.chance > CHANCE {
            return None;
        }

        self.is_blameless = true;
        Some((self.unsteady, std::mem::take(&mut self.before)))
    }

    /// Adds everything to bytes.
    pub(super) fn pack(&self, to: &mut Packing) {
        let FailureStreak { before, unsteady, chance, is_blameless } = self;
        to.pair((*unsteady, *chance));
        to.count(usize::from(*is_blameless));
        to.count(before.len());

        for Before { arm, cell, surprise } in before {
            to.count(*arm);
            to.number(*surprise);
            cell.pack(to);
        }
    }

    /// Reads a row from bytes.
    pub(super) fn unpack(from: &mut ByteReader<'_>, arms: usize) -> Option<FailureStreak> {
        let (unsteady, chance) = from.pair()?;
        let is_blameless = from.below(2)? == 1;

        let mut before = Vec::new();
        for _ in 0..from.count()? {
            let arm = from.below(arms)?;
            let surprise = from.number()?;
            before.push(Before { arm, cell: FadingSums::unpack(from)?, surprise });
        }

        Some(FailureStreak { before, unsteady, chance, is_blameless })
    }
}

#[cfg(test)]
mod tests {
    use crate::base::rng::Rng;
    use crate::optimizer::learner::{Constraints, ExecutionOutcome, Learner, Objective, choose};

    const RATES: [f64; 3] = [0.95, 0.7, 0.3];

    /// A learner that has chosen among three patterns for a while, and continues choosing.
    struct Work {
        learner: Learner,
        rng: Rng,
    }

    impl Work {
        fn new() -> Work {
            let learner = Learner::new(Objective::WITHOUT_COST);
            let mut work = Work { learner, rng: Rng::seeded(8) };
            for _ in 0..150 {
                work.choose(RATES);
            }
            work
        }

        fn choose(&mut self, rates: [f64; 3]) -> usize {
            let task = self.learner.task("t");
            let arms = ["a", "b", "c"].map(|name| self.learner.arm(name));
            let seen = self.learner.look(task, &arms, &Constraints::default());
            let chosen = choose(&seen, true, &mut self.rng).expect("three").chosen;

            let success = f64::from(u8::from(self.rng.unit() < rates[chosen]));
            let outcome =
                ExecutionOutcome { success, time: Some(5.0), ..ExecutionOutcome::default() };
            self.learner.record(task, arms[chosen], &outcome);
            chosen
        }

        fn mean(&mut self) -> f64 {
            let task = self.learner.task("t");
            self.learner.look(task, &[0], &Constraints::default())[0].mean
        }
    }

    #[test]
    fn what_all_fail_at_is_held_against_none_of_them() {
        let mut work = Work::new();
        let before = work.mean();
        let task = work.learner.task("t");
        for _ in 0..25 {
            work.choose([0.0; 3]);
        }
        assert!(work.learner.all_fail(task));
        assert!(work.mean() > before - 0.1, "{} was {before}", work.mean());

        let again = (0..20).filter(|_| work.choose(RATES) == 0).count();
        assert!(again >= 15, "the best was chosen {again} of 20 times after it was over");
        assert!(!work.learner.all_fail(task));
    }

    #[test]
    fn what_one_fails_at_is_its_own_fault() {
        let mut work = Work::new();
        let before = work.mean();
        for _ in 0..25 {
            work.choose([0.0, 1.0, 1.0]);
        }
        assert!(work.mean() < before - 0.3, "{} was {before}", work.mean());

        // Where there is no other one, nothing tells.
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let task = learner.task("t");
        let arm = learner.arm("a");
        for n in 0..80 {
            let success = f64::from(u8::from(n < 50));
            learner.record(task, arm, &ExecutionOutcome { success, ..ExecutionOutcome::default() });
        }
        assert!(!learner.all_fail(task));
        assert!(learner.look(task, &[arm], &Constraints::default())[0].mean < 0.3);
    }

    #[test]
    fn patterns_that_often_fail_may_fail_together() {
        let mut work = Work::new();
        let task = work.learner.task("t");
        for _ in 0..400 {
            work.choose([0.3, 0.2, 0.1]);
        }
        assert!(!work.learner.all_fail(task));
    }
}
