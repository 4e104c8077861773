//! What is known of one task type: a cell for each pattern that was seen there.

use super::cell::FadingSums;
use super::fit::EASE_SD;
use super::scale::{Gauge, Scale};
use super::streak::FailureStreak;
use super::utility::{COST_HALF, ExecutionOutcome, Objective, TIME_HALF};

/// What share of the old evidence is left with every execution, at least; how it falls where a pattern
/// has changed lately, and how fast that is forgotten.
const KEPT: f64 = 0.998;
const KEPT_LESS_UNSTEADY: f64 = 0.008;
const STEADIER: f64 = 0.997;
/// How much an execution counts that nobody judged, where others are judged.
const UNJUDGED: f64 = 0.25;
/// How many judged executions the mean quality of all patterns is worth for one of them.
const QUALITY_WEIGHT: f64 = 2.0;

/// What is known of one task type.
#[derive(Debug, Clone)]
pub(super) struct TaskState {
    pub(super) level: usize,
    /// What is known of patterns, each with its number; few, so they are searched one by one.
    pub(super) cells: Vec<(usize, FadingSums)>,
    /// How much easier than others it is, and how unsure that is (variance).
    pub(super) ease: f64,
    pub(super) ease_variance: f64,
    /// How unsteady it is, 0 to 1: after a change old evidence fades faster.
    pub(super) unsteady: f64,
    /// Its executions so far.
    pub(super) age: f64,
    /// Its part of the estimate of how much patterns differ between task types.
    pub(super) spread: (f64, f64),
    /// Whether any execution is known to have cost something.
    pub(super) has_cost: bool,
    /// The failures since the last success.
    pub(super) row: FailureStreak,
    /// The scales of its times and costs.
    pub(super) time: Gauge,
    pub(super) cost: Gauge,
}

impl TaskState {
    /// A task type of which nothing is known.
    pub(super) fn new(level: usize, objective: &Objective) -> TaskState {
        TaskState {
            level,
            cells: Vec::new(),
            ease: 0.0,
            ease_variance: EASE_SD.powi(2),
            unsteady: 0.0,
            age: 0.0,
            spread: (0.0, 0.0),
            has_cost: false,
            row: FailureStreak::default(),
            time: Gauge::new(objective.time_half, TIME_HALF),
            cost: Gauge::new(objective.cost_half, COST_HALF),
        }
    }

    pub(super) fn cell(&self, arm: usize) -> Option<&FadingSums> {
        self.cells.iter().find(|(known, _)| *known == arm).map(|(_, cell)| cell)
    }

    pub(super) fn cell_mut(&mut self, arm: usize) -> Option<&mut FadingSums> {
        self.cells.iter_mut().find(|(known, _)| *known == arm).map(|(_, cell)| cell)
    }

    /// Lets old evidence fade with one more execution: the older a task type is, the less, so that
    /// what is lost by it does not grow for ever.
    pub(super) fn fade(&mut self) {
        self.age += 1.0;
        self.unsteady *= STEADIER;

        let kept = KEPT.max(1.0 - 1.0 / (self.age + 1.0)) - KEPT_LESS_UNSTEADY * self.unsteady;
        for (_, cell) in &mut self.cells {
            cell.fade(kept);
        }
        self.time.scale_parts(kept);
        self.cost.scale_parts(kept);
    }

    /// Returns the scales of its times and costs.
    pub(super) fn scale(&self) -> Scale {
        Scale { time_half: self.time.half, cost_half: self.cost.half }
    }

    /// Takes in the time and the cost of an execution whose reward makes up `part` of a sum for each whole
    /// weight. Once a scale is known by it, the sums are corrected.
    pub(super) fn measure(
        &mut self,
        arm: usize,
        outcome: &ExecutionOutcome,
        part: f64,
        of: &Objective,
    ) {
        let by_time = self.time.add(arm, outcome.time, part * of.time);
        let by_cost = self.cost.add(arm, outcome.cost, part * of.cost);

        for (arm, by) in by_time.into_iter().chain(by_cost) {
            if let Some(cell) = self.cell_mut(arm) {
                cell.shift(by);
            }
        }
    }

    /// Says that a pattern has changed.
    pub(super) fn unsettle(&mut self, arm: usize) {
        self.unsteady = 1.0;
        self.time.forget(arm);
        self.cost.forget(arm);
    }

    /// Counts what is known by another objective, as if it had always been this one. No execution so far
    /// is known to have cost anything, or there would be nothing new.
    pub(super) fn count_by(&mut self, before: &Objective, now: &Objective) {
        let qualities: Vec<f64> = self.cells.iter().map(|(arm, _)| self.quality_of(*arm)).collect();
        for ((arm, cell), quality) in self.cells.iter_mut().zip(qualities) {
            cell.count_by(before, now, quality);
            if let Some(kept) = self.row.before_mut(*arm) {
                kept.count_by(before, now, quality);
            }
        }

        if before.time > 0.0 {
            self.time.scale_parts(now.time / before.time);
        }
    }

    /// Returns the mean quality of all executions that were judged; `None` where none was.
    fn quality(&self) -> Option<f64> {
        let sums = self.cells.iter().map(|(_, cell)| cell.judged);
        let (n, sum) = sums.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
        (n > 0.0).then(|| sum / n)
    }

    /// Returns the quality that a success of a pattern counts with that nobody judged: that of its judged
    /// ones, drawn towards that of all patterns; 1 where nobody judges, since nothing better is known.
    pub(super) fn quality_of(&self, arm: usize) -> f64 {
        let judged = self.cell(arm).map_or((0.0, 0.0), |cell| cell.judged);
        self.quality().map_or(1.0, |of_all| guess(judged, of_all))
    }

    /// Returns how much an execution counts beside those that were judged. A success that was not says
    /// little where others were; a failure of a pattern whose successes mostly are not judged must not
    /// say more than those, or failures would count too much.
    pub(super) fn judged_share(&self, arm: usize, outcome: &ExecutionOutcome) -> f64 {
        if outcome.is_judged() || self.quality().is_none() {
            return 1.0;
        }
        if outcome.success > 0.0 {
            return UNJUDGED;
        }

        let (judged, unjudged) =
            self.cell(arm).map_or((0.0, 0.0), |cell| (cell.judged.0, cell.unjudged));
        let share = (judged + 0.5) / (judged + unjudged + 1.0);
        share + UNJUDGED * (1.0 - share)
    }

    /// Returns how much an execution counts after this many others. What faded faster after a change is left
    /// out: it was counted again then.
    pub(super) fn left_after(&self, ago: u32) -> f64 {
        // Later, next to nothing is left.
        const LONGEST: u32 = 10_000;

        let kept = |n: u32| {
            let age = (self.age - f64::from(n)).max(1.0);
            KEPT.max(1.0 - 1.0 / (age + 1.0))
        };
        (0..ago.min(LONGEST)).map(kept).product()
    }

    /// Returns how much an execution counts that nobody judged, where others are judged or not.
    pub(super) fn unjudged_share(others_are_judged: bool) -> f64 {
        if others_are_judged { UNJUDGED } else { 1.0 }
    }

    /// Says that the first execution is judged: from now on the others count less.
    pub(super) fn begin_judging(&mut self) {
        for (_, cell) in &mut self.cells {
            cell.count_less(UNJUDGED);
        }
    }

    /// Says that the only judgement was taken back.
    pub(super) fn end_judging(&mut self) {
        for (_, cell) in &mut self.cells {
            cell.count_less(1.0 / UNJUDGED);
        }
    }

    /// Counts what nobody judged with the quality that it is believed to have by now.
    pub(super) fn guess_qualities(&mut self) {
        let Some(of_all) = self.quality() else { return };
        for (_, cell) in &mut self.cells {
            cell.guess_quality(guess(cell.judged, of_all));
        }
    }

    /// Tells whether any execution was judged.
    pub(super) fn is_judged(&self) -> bool {
        self.quality().is_some()
    }
}

/// The mean quality of a pattern, of which this many executions were judged, drawn towards that of all.
fn guess((n, sum): (f64, f64), of_all: f64) -> f64 {
    (sum + QUALITY_WEIGHT * of_all) / (n + QUALITY_WEIGHT)
}

#[cfg(test)]
mod tests {
    use crate::optimizer::learner::{Constraints, ExecutionOutcome, Goal, Learner, Objective};

    /// What is believed of patterns after executions: pattern, success, quality.
    fn means(executions: &[(&str, f64, Option<f64>)], names: &[&str]) -> Vec<f64> {
        let mut learner =
            Learner::new(Objective { time: 0.0, quality: 1.0, ..Objective::WITHOUT_COST });
        let task = learner.task("t");
        for (name, success, quality) in executions {
            let outcome = ExecutionOutcome {
                success: *success,
                quality: *quality,
                ..ExecutionOutcome::default()
            };
            let arm = learner.arm(name);
            learner.record(task, arm, &outcome);
        }

        let arms: Vec<usize> = names.iter().map(|name| learner.arm(name)).collect();
        let seen = learner.look(task, &arms, &Constraints::default());
        seen.iter().map(|arm| (arm.mean * 100.0).round() / 100.0).collect()
    }

    fn times<T: Copy>(count: usize, one: T) -> Vec<T> {
        vec![one; count]
    }

    #[test]
    fn a_pattern_that_nobody_judges_does_not_win_by_that() {
        for unjudged_first in [false, true] {
            let mut parts = [
                times(30, ("never", 1.0, None)),
                times(30, ("good", 1.0, Some(0.9))),
                times(30, ("bad", 1.0, Some(0.3))),
            ];
            if !unjudged_first {
                parts.reverse();
            }
            let found = means(&parts.concat(), &["never", "good", "bad"]);
            assert!(found[0] < found[1] - 0.1 && found[0] > found[2] + 0.1, "{found:?}");
        }
    }

    #[test]
    fn the_few_that_were_judged_speak_for_the_others_of_their_pattern() {
        let mut executions = Vec::new();
        for n in 0..100 {
            let is_judged = n % 10 == 0;
            executions.push(("good", 1.0, is_judged.then_some(0.9)));
            executions.push(("bad", 1.0, is_judged.then_some(0.4)));
        }

        let found = means(&executions, &["good", "bad"]);
        assert!(found[0] > 0.8 && found[1] < 0.5, "{found:?}");
    }

    #[test]
    fn failures_count_no_more_than_what_they_are_compared_with() {
        // Both succeed in half of the cases with the same quality; one of them is hardly ever judged.
        let mut executions = times(10, ("judged", 1.0, Some(0.8)));
        executions.extend(times(10, ("judged", 0.0, None)));
        for n in 0..40 {
            executions.push(("seldom", 1.0, (n % 20 == 0).then_some(0.8)));
            executions.push(("seldom", 0.0, None));
        }

        let found = means(&executions, &["judged", "seldom"]);
        assert!((found[0] - found[1]).abs() < 0.06, "{found:?}");
    }

    /// Executions of two patterns, of which the last costs something.
    fn costs(judged: bool, free: bool) -> Vec<(&'static str, ExecutionOutcome)> {
        let of = |n: u32, name: &'static str, time: f64, fails: u32, quality: f64| {
            let success = f64::from(u8::from(!n.is_multiple_of(fails)));
            let quality = judged.then_some(quality);
            let cost = free.then_some(0.0);
            (name, ExecutionOutcome { success, quality, time: Some(time), cost })
        };

        let mut all: Vec<_> = (0..30)
            .flat_map(|n| [of(n, "quick", 1.0, 5, 0.8), of(n, "slow", 9.0, 20, 0.9)])
            .collect();
        let last = ExecutionOutcome {
            success: 1.0,
            quality: judged.then_some(0.9),
            time: Some(9.0),
            cost: Some(0.02),
        };
        all.push(("slow", last));
        all
    }

    fn look(learner: &mut Learner, task: &str) -> Vec<(f64, f64)> {
        let task = learner.task(task);
        let arms = ["quick", "slow"].map(|name| learner.arm(name));
        let seen = learner.look(task, &arms, &Constraints::default());
        seen.iter().map(|arm| (arm.mean, arm.unsure)).collect()
    }

    #[test]
    fn from_the_first_cost_on_costs_count_as_if_they_always_had() {
        for (judged, free) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut usual = Learner::toward(Goal::Usual);
            let mut given = Learner::new(Objective::WITH_COST);
            for (name, outcome) in costs(judged, free) {
                for learner in [&mut usual, &mut given] {
                    let task = learner.task("t");
                    let arm = learner.arm(name);
                    learner.record(task, arm, &outcome);
                }
            }

            assert_eq!(usual.objective("t"), Objective::WITH_COST);
            let pairs = look(&mut usual, "t").into_iter().zip(look(&mut given, "t"));
            for (found, known) in pairs {
                let off = (found.0 - known.0).abs().max((found.1 - known.1).abs());
                assert!(off < 0.01, "judged {judged}, free {free}: {found:?} and {known:?}");
            }
        }
    }

    #[test]
    fn what_one_task_type_costs_changes_nothing_for_another() {
        let without = Learner::toward(Goal::Usual);
        let mut with = without.clone();
        let task = with.task("costly");
        let arm = with.arm("other");
        let paid = ExecutionOutcome {
            success: 1.0,
            cost: Some(0.02),
            time: Some(1.0),
            ..ExecutionOutcome::default()
        };
        with.record(task, arm, &paid);

        let [mut with, mut without] = [with, without].map(|mut learner| {
            let free = costs(false, false).into_iter().filter(|(_, one)| one.cost.is_none());
            for (name, outcome) in free {
                let task = learner.task("t");
                let arm = learner.arm(name);
                learner.record(task, arm, &outcome);
            }
            learner
        });

        let objectives = ["t", "costly", "new"].map(|task| with.objective(task));
        let usual = Objective::WITHOUT_COST;
        assert_eq!(objectives, [usual, Objective::WITH_COST, usual]);
        for (found, known) in look(&mut with, "t").into_iter().zip(look(&mut without, "t")) {
            assert!((found.0 - known.0).abs() < 0.001, "{found:?} and {known:?}");
        }
    }

    #[test]
    fn where_nobody_judges_every_success_is_as_good_as_any_other() {
        let executions = [times(40, ("a", 1.0, None)), times(40, ("b", 0.0, None))].concat();
        let found = means(&executions, &["a", "b"]);
        assert!(found[0] > 0.95 && found[1] < 0.05, "{found:?}");
    }
}
