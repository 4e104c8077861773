//! The learner: how good each pattern is for each task type, and which one to use next. The method is
//! hierarchical Thompson sampling: each pattern has a mean overall, one for each group of task types
//! (`review` of `review/rust`) and one for each task type. A mean with little evidence stays close to
//! the one above it.
//!
//! The same observations in the same order give the same state. Only `synced.rs` reads a store; the
//! rest has neither clock nor store. Not here: observations (`optimizer/evidence/`) and the reasons of
//! a recommendation (`optimizer/choice/`). Start with `Learner` in this file, then `cell.rs`, `exploration.rs`.

pub mod packed;
pub mod synced;

mod belief;
mod cell;
mod excerpt;
mod exploration;
mod fit;
mod ring;
mod scale;
mod snapshot;
mod streak;
mod task_state;
mod utility;

pub use exploration::{Arm, Choice, Constraints, Odds, choose, odds};
pub use scale::{Scale, median};
pub use utility::{ExecutionOutcome, Goal, Objective};

use cell::{CountedQuality, FadingSums};
use fit::{HierarchyLevel, TYPES_SD};
use std::collections::HashMap;
use streak::FailureStreak;
use task_state::TaskState;

/// The scatter of single executions, and how many executions that belief is worth.
const NOISE_SD: f64 = 0.4;
const NOISE_WEIGHT: f64 = 8.0;
/// How fast the mean surprise of a pattern moves, and how it fades with every execution of others.
const SURPRISE: f64 = 0.1;
const CALM: f64 = 0.99;
/// How many standard deviations the mean surprise must be off to count as an outage.
const OUTAGE_SD: f64 = 3.0;
/// How much an execution during an outage counts at least.
const OUTAGE_WEIGHT: f64 = 0.1;
/// The deepest level of groups.
const DEPTH_MAX: usize = 4;

/// A change of how well a pattern works for a task type.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternChange {
    /// The task type.
    pub task: usize,
    /// The pattern.
    pub arm: usize,
    /// Its mean utility before.
    pub from: f64,
    /// The mean of the newest executions.
    pub to: f64,
}

/// Everything that was learned.
#[derive(Debug, Clone)]
pub struct Learner {
    goal: Goal,
    levels: Vec<HierarchyLevel>,
    task_types: Vec<TaskState>,
    groups: HashMap<String, usize>,
    tasks: HashMap<String, usize>,
    names: Vec<String>,
    arms: HashMap<String, usize>,
    /// For each pattern its recent mean surprise over all task types, and when that was, in executions:
    /// an outage shows here first.
    surprise: Vec<(f64, i32)>,
    /// How many executions were taken in.
    executions: i32,
    /// For how many task types each pattern is known.
    known_on: Vec<f64>,
    /// Scatter of single executions, and how much of it is free to vary.
    noise: (f64, f64),
    /// How much patterns differ between task types: sums of estimate and weight.
    spread: (f64, f64),
    /// The variance that follows.
    between: f64,
}

impl Learner {
    /// Starts knowing nothing, where an objective is given.
    pub fn new(objective: Objective) -> Learner {
        Learner::toward(Goal::Given(objective))
    }

    /// Starts knowing nothing.
    pub fn toward(goal: Goal) -> Learner {
        Learner {
            goal,
            levels: vec![HierarchyLevel::default()],
            task_types: Vec::new(),
            groups: HashMap::new(),
            tasks: HashMap::new(),
            names: Vec::new(),
            arms: HashMap::new(),
            surprise: Vec::new(),
            executions: 0,
            known_on: Vec::new(),
            noise: (0.0, 0.0),
            spread: (0.0, 0.0),
            between: TYPES_SD.powi(2),
        }
    }

    /// Returns where the objective comes from.
    pub fn goal(&self) -> Goal {
        self.goal
    }

    /// Returns what counts for a task type.
    pub fn objective(&self, task: &str) -> Objective {
        self.known_task(task).map_or(self.goal.on(false), |task| self.objective_on(task))
    }

    fn objective_on(&self, task: usize) -> Objective {
        self.goal.on(self.task_types[task].has_cost)
    }

    /// Returns how many executions of a task type were taken in.
    pub fn age(&self, task: usize) -> f64 {
        self.task_types[task].age
    }

    /// Returns the scales of times and costs for a task type.
    pub fn scale(&self, task: &str) -> Scale {
        self.known_task(task)
            .map_or(self.goal.on(false).scale(), |task| self.task_types[task].scale())
    }

    /// Returns what an execution with a pattern is worth for a task type by what is known now.
    pub fn worth(&self, task: &str, pattern: &str, outcome: &ExecutionOutcome) -> f64 {
        let known = self.known_task(task).zip(self.known_arm(pattern));
        let guess = || known.map_or(1.0, |(task, arm)| self.task_types[task].quality_of(arm));
        let quality = Some(outcome.quality.unwrap_or_else(guess));
        let counted = ExecutionOutcome { quality, ..*outcome };
        self.objective(task).utility(&counted, &self.scale(task))
    }

    /// Returns for how many task types patterns are known, summed over the patterns; a whole number.
    pub fn cell_count(&self) -> f64 {
        self.known_on.iter().sum()
    }

    /// Returns the number of a pattern, which gets one if it has none.
    pub fn arm(&mut self, name: &str) -> usize {
        if let Some(&known) = self.arms.get(name) {
            return known;
        }

        self.arms.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.surprise.push((0.0, 0));
        self.known_on.push(0.0);
        self.names.len() - 1
    }

    /// Returns the name of a pattern.
    pub fn arm_name(&self, arm: usize) -> &str {
        &self.names[arm]
    }

    /// Returns the number of a task type, which gets one if it has none. What stands before the
    /// last `/` of its name is its group.
    pub fn task(&mut self, name: &str) -> usize {
        if let Some(&known) = self.tasks.get(name) {
            return known;
        }

        let mut level = 0;
        for (end, _) in name.match_indices('/').take(DEPTH_MAX - 1) {
            let group = &name[..end];
            level = if let Some(&known) = self.groups.get(group) {
                known
            } else {
                self.levels
                    .push(HierarchyLevel { parent: Some(level), ..HierarchyLevel::default() });
                let new = self.levels.len() - 1;
                self.groups.insert(group.to_owned(), new);
                // A task type that has the name of the group becomes a part of it.
                if let Some(&task) = self.tasks.get(group) {
                    self.move_to(task, new);
                }
                new
            };
        }

        // What is known of `review` itself belongs to the group `review`.
        level = self.groups.get(name).copied().unwrap_or(level);
        self.task_types.push(TaskState::new(level, &self.goal.on(false)));
        self.tasks.insert(name.to_owned(), self.task_types.len() - 1);
        self.task_types.len() - 1
    }

    /// Makes a task type part of a level, with what it tells.
    fn move_to(&mut self, task: usize, level: usize) {
        let told: Vec<(usize, (f64, f64))> =
            self.task_types[task].cells.iter().map(|(arm, cell)| (*arm, cell.message)).collect();
        // Taken back where it was told, and told again from the new place.
        for (arm, _) in &told {
            self.tell(task, *arm, (0.0, 0.0));
        }

        self.task_types[task].level = level;
        for (arm, message) in told {
            self.tell(task, arm, message);
        }
    }

    /// Takes in an execution, and tells if the pattern has changed.
    pub fn record(
        &mut self,
        task: usize,
        arm: usize,
        outcome: &ExecutionOutcome,
    ) -> Option<PatternChange> {
        if self.task_types[task].cell(arm).is_none() {
            self.task_types[task].cells.push((arm, FadingSums::default()));
            self.known_on[arm] += 1.0;
        }

        if outcome.cost.is_some_and(|cost| cost > 0.0) {
            self.see_cost(task);
        }
        let objective = self.objective_on(task);
        let weight = self.weight_of(arm) * self.look_at_row(task, arm, outcome);
        let quality = outcome.quality.unwrap_or_else(|| self.task_types[task].quality_of(arm));
        let counted = ExecutionOutcome { quality: Some(quality), ..*outcome };
        let utility = objective.utility(&counted, &self.task_types[task].scale());
        let expected = self.expected(task, arm);
        let is_blameless = self.task_types[task].row.is_blameless();
        self.surprise(arm, if is_blameless { 0.0 } else { utility - expected });

        let state = &mut self.task_types[task];
        let before = state.cells.iter().fold((0.0, 0.0), scatter);
        state.fade();
        if outcome.is_judged() && !state.is_judged() {
            state.begin_judging();
        }
        let share = state.judged_share(arm, outcome);
        let cell = state.cell_mut(arm).expect("it was added above");
        cell.add(utility, &counted, weight, share);

        if outcome.is_judged() {
            cell.add_judged(outcome.success, quality);
        } else {
            cell.add_unjudged(outcome.success, weight * share * objective.quality, quality);
        }
        state.guess_qualities();
        state.measure(arm, outcome, weight * share * outcome.success, &objective);

        // A row of failures that is nobody's fault is no change of the pattern.
        let is_absolved = self.absolve(task);
        let is_steady = is_blameless || is_absolved;
        let change = if is_steady { None } else { self.look_for_change(task, arm) };

        let after = self.task_types[task].cells.iter().fold((0.0, 0.0), scatter);
        self.noise.0 += after.0 - before.0;
        self.noise.1 += after.1 - before.1;
        self.fit(task);
        change
    }

    /// Takes in that an execution with a pattern for a task type, after which `ago` others were recorded there,
    /// was better or worse than it was counted. It counts with the other quality as much as it does by now.
    pub fn amend(
        &mut self,
        (task, arm): (usize, usize),
        before: &ExecutionOutcome,
        now: &ExecutionOutcome,
        ago: u32,
    ) {
        let objective = self.objective_on(task);
        let state = &mut self.task_types[task];
        if state.cell(arm).is_none_or(|cell| !cell.is_known()) {
            return;
        }

        let scatter_before = state.cells.iter().fold((0.0, 0.0), scatter);
        let was_judged = state.is_judged();
        if now.is_judged() && !was_judged {
            state.begin_judging();
        }
        let unjudged_share = TaskState::unjudged_share(was_judged || now.is_judged());

        let guess = state.quality_of(arm);
        let scale = state.scale();
        let counted = |outcome: &ExecutionOutcome| {
            let quality = outcome.quality.unwrap_or(guess);
            let whole = ExecutionOutcome { quality: Some(quality), ..*outcome };
            CountedQuality {
                utility: objective.utility(&whole, &scale),
                share: if outcome.is_judged() { 1.0 } else { unjudged_share },
                success: outcome.success,
                quality,
                part: objective.quality,
                is_judged: outcome.is_judged(),
            }
        };

        let weight = state.left_after(ago);
        if let Some(cell) = state.cell_mut(arm) {
            cell.amend(weight, &counted(before), &counted(now));
        }
        if was_judged && !state.is_judged() {
            state.end_judging();
        }
        state.guess_qualities();

        let scatter_now = state.cells.iter().fold((0.0, 0.0), scatter);
        self.noise.0 += scatter_now.0 - scatter_before.0;
        self.noise.1 += scatter_now.1 - scatter_before.1;
        self.fit(task);
    }

    /// Takes in that executions cost something for a task type. From then on costs count there, for what
    /// was recorded before as well.
    fn see_cost(&mut self, task: usize) {
        if self.task_types[task].has_cost {
            return;
        }

        let before = self.objective_on(task);
        self.task_types[task].has_cost = true;
        let now = self.objective_on(task);
        self.task_types[task].count_by(&before, &now);
    }

    /// Takes an execution into the row of failures or ends the row, and returns how much it counts.
    fn look_at_row(&mut self, task: usize, arm: usize, outcome: &ExecutionOutcome) -> f64 {
        let surprise = self.surprise_at(arm);
        let state = &mut self.task_types[task];
        if !outcome.is_failure() {
            state.row = FailureStreak::default();
            return 1.0;
        }

        if !state.row.is_blameless() {
            let cell = state.cells.iter().find(|(known, _)| *known == arm);
            let cell = &cell.expect("it was added before").1;
            state.row.fail(arm, cell, surprise, state.unsteady);
        }

        state.row.weight()
    }

    /// Puts back what was believed before a row of failures that is nobody's fault.
    fn absolve(&mut self, task: usize) -> bool {
        let state = &mut self.task_types[task];
        let Some((unsteady, all)) = state.row.absolve(state.cells.len()) else { return false };

        state.unsteady = unsteady;
        for before in all {
            self.surprise[before.arm] = (before.surprise, self.executions);
            if let Some(cell) = state.cell_mut(before.arm) {
                cell.put_back(before.cell);
            }
        }
        true
    }

    /// Tells whether everything fails for a task type at the moment, through nobody's fault.
    pub fn all_fail(&self, task: usize) -> bool {
        self.task_types[task].row.is_blameless()
    }

    /// Takes in that an execution failed because something that the pattern needs did not work, such
    /// as its provider. That says nothing of the pattern, but while it continues, others do better.
    pub fn fail_outside(&mut self, task: usize, arm: usize) {
        let expected = self.expected(task, arm);
        self.surprise(arm, -expected);
    }

    /// Takes in by how much an execution was better than expected.
    fn surprise(&mut self, arm: usize, by: f64) {
        self.executions = self.executions.saturating_add(1);
        let surprise = self.surprise_at(arm);
        let now = surprise + SURPRISE * (by - surprise);
        self.surprise[arm] = (now, self.executions);
    }

    /// Returns how much an execution counts. One during an outage says little about the task
    /// type if the pattern is known for many.
    fn weight_of(&self, arm: usize) -> f64 {
        if self.outage(arm) < 0.0 {
            (1.0 / self.known_on[arm].max(1.0)).max(OUTAGE_WEIGHT)
        } else {
            1.0
        }
    }

    /// Returns the recent mean surprise of a pattern, which fades with every execution.
    fn surprise_at(&self, arm: usize) -> f64 {
        let (surprise, at) = self.surprise[arm];
        surprise * CALM.powi(self.executions - at)
    }

    /// Returns the recent mean surprise of a pattern over all task types if it is statistically significant,
    /// otherwise 0.
    fn outage(&self, arm: usize) -> f64 {
        let sd = self.noise_variance().sqrt() * (SURPRISE / (2.0 - SURPRISE)).sqrt();
        let surprise = self.surprise_at(arm);
        if surprise.abs() > OUTAGE_SD * sd { surprise } else { 0.0 }
    }

    fn expected(&self, task: usize, arm: usize) -> f64 {
        match self.task_types[task].cell(arm) {
            Some(cell) if cell.n >= 3.0 => cell.mean(),
            _ => self.prior(task, arm).0,
        }
    }

    /// Compares the newest executions with those before, as far as they still count.
    fn look_for_change(&mut self, task: usize, arm: usize) -> Option<PatternChange> {
        let noise = self.noise_variance();
        let state = &mut self.task_types[task];
        let cell = state.cell_mut(arm)?;
        let of_one = variance(cell, noise);
        let newest = cell.ring.change(cell.n, cell.sum, of_one.sqrt())?;

        let from = cell.mean();
        cell.restart(&newest, of_one);
        state.unsettle(arm);
        Some(PatternChange { task, arm, from, to: newest.mean })
    }

    /// Returns the variance of single executions.
    fn noise_variance(&self) -> f64 {
        (NOISE_WEIGHT * NOISE_SD.powi(2) + self.noise.0.max(0.0))
            / (NOISE_WEIGHT + self.noise.1.max(0.0))
    }
}

fn scatter(sums: (f64, f64), (_, cell): &(usize, FadingSums)) -> (f64, f64) {
    (sums.0 + cell.scatter(), sums.1 + cell.freedom())
}

/// Returns the variance of a pattern's executions, drawn towards that of all.
fn variance(cell: &FadingSums, noise: f64) -> f64 {
    (NOISE_WEIGHT * noise + cell.scatter()) / (NOISE_WEIGHT + cell.freedom())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn went(success: f64) -> ExecutionOutcome {
        ExecutionOutcome { success, time: Some(3.0), ..ExecutionOutcome::default() }
    }

    fn means(learner: &Learner, task: usize, arms: &[usize]) -> Vec<f64> {
        let seen = learner.look(task, arms, &Constraints::default());
        seen.iter().map(|arm| arm.mean).collect()
    }

    #[test]
    fn an_execution_that_is_judged_later_counts_as_if_it_had_been_judged_at_once() {
        let judged = |quality: Option<f64>| ExecutionOutcome { quality, ..went(1.0) };
        // What is believed of two patterns, if the executions of one are judged late or at once.
        let believed = |first: Option<f64>, amended: bool, others: Option<f64>| {
            let mut learner = Learner::new(Objective::WITHOUT_COST);
            let task = learner.task("t");
            let (a, b) = (learner.arm("a"), learner.arm("b"));
            for _ in 0..20 {
                let at_once = if amended { first } else { Some(0.0) };
                learner.record(task, a, &judged(at_once));
                learner.record(task, b, &judged(others));
            }
            let places = if amended { 0..20 } else { 0..0 };
            for place in places {
                let ago = 39 - 2 * place;
                learner.amend((task, a), &judged(first), &judged(Some(0.0)), ago);
            }
            means(&learner, task, &[a, b])
        };

        for (first, others) in [(Some(1.0), Some(0.8)), (None, Some(0.8)), (None, None)] {
            let late = believed(first, true, others);
            let at_once = believed(first, false, others);
            let is_near = late.iter().zip(&at_once).all(|(a, b)| (a - b).abs() < 0.03);
            assert!(is_near, "{first:?} {others:?}: {late:?}, at once {at_once:?}");
        }
    }

    #[test]
    fn a_verdict_that_is_taken_back_leaves_what_was_believed() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let task = learner.task("t");
        let arm = learner.arm("a");
        let judged = |quality: f64| ExecutionOutcome { quality: Some(quality), ..went(1.0) };
        for n in 0..20 {
            learner.record(task, arm, &judged(f64::from(n % 2)));
        }

        let before = means(&learner, task, &[arm])[0];
        learner.amend((task, arm), &judged(1.0), &judged(0.0), 4);
        assert!(means(&learner, task, &[arm])[0] < before - 0.01);
        learner.amend((task, arm), &judged(0.0), &judged(1.0), 4);
        assert!((means(&learner, task, &[arm])[0] - before).abs() < 1e-6);
    }

    #[test]
    fn a_task_type_never_seen_borrows_from_its_group_and_less_from_others() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let good = learner.arm("good");
        let bad = learner.arm("bad");
        for name in ["review/rust", "review/go"] {
            let task = learner.task(name);
            for _ in 0..20 {
                learner.record(task, good, &went(1.0));
                learner.record(task, bad, &went(0.0));
            }
        }

        let gap = |learner: &Learner, task| {
            let means = means(learner, task, &[good, bad]);
            means[0] - means[1]
        };

        let near = learner.task("review/python");
        let far = learner.task("translation");
        let near = gap(&learner, near);
        let far = gap(&learner, far);
        assert!(near > 0.4 && far > 0.0 && near > far + 0.1, "near {near}, far {far}");

        let known = learner.task("review/rust");
        assert!(gap(&learner, known) > near);
    }

    #[test]
    fn a_task_type_learns_from_the_one_its_group_is_named_after_whichever_was_first() {
        for general_first in [true, false] {
            let mut learner = Learner::new(Objective::WITHOUT_COST);
            let good = learner.arm("good");
            let bad = learner.arm("bad");
            let mut special = (!general_first).then(|| learner.task("review/security"));
            let general = learner.task("review");
            for _ in 0..50 {
                learner.record(general, good, &went(1.0));
                learner.record(general, bad, &went(0.0));
            }

            let special = *special.get_or_insert_with(|| learner.task("review/security"));
            let other = learner.task("translation");
            let gap = |task| {
                let means = means(&learner, task, &[good, bad]);
                means[0] - means[1]
            };

            assert!(gap(special) > gap(other) + 0.1, "{} {}", gap(special), gap(other));
        }
    }

    #[test]
    fn a_change_is_seen_and_old_evidence_gives_way() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let task = learner.task("t");
        let arm = learner.arm("a");
        for _ in 0..300 {
            assert_eq!(learner.record(task, arm, &went(1.0)), None);
        }

        let seen = (1..60).find_map(|n| {
            let change = learner.record(task, arm, &went(0.0))?;
            Some((n, change))
        });
        let (after, change) = seen.expect("a change this large is seen");
        assert!(after <= 30 && change.from > change.to, "after {after}: {change:?}");

        for _ in 0..10 {
            learner.record(task, arm, &went(0.0));
        }
        assert!(means(&learner, task, &[arm])[0] < 0.3);
    }

    #[test]
    fn an_outage_shows_for_task_types_where_it_was_not_met_and_leaves_what_was_known() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let steady = learner.arm("steady");
        let down = learner.arm("down");
        let tasks: Vec<usize> = (0..10).map(|n| learner.task(&format!("t{n}"))).collect();
        for _ in 0..15 {
            for &task in &tasks {
                learner.record(task, down, &went(1.0));
                learner.record(task, steady, &went(0.8));
            }
        }

        for &task in &tasks[..4] {
            learner.record(task, down, &went(0.0));
        }

        let within = Constraints::default();
        let pick = |learner: &Learner, task| {
            let seen = learner.look(task, &[steady, down], &within);
            let choice = choose(&seen, false, &mut Rng::seeded(1));
            choice.expect("two patterns").chosen
        };

        assert_eq!(pick(&learner, tasks[9]), 0, "avoided where it has not failed yet");
        for _ in 0..250 {
            learner.record(tasks[0], steady, &went(0.8));
        }
        assert_eq!(pick(&learner, tasks[9]), 1, "tried again when the surprise is over");
    }

    #[test]
    fn while_a_provider_is_down_others_do_better_and_nothing_is_forgotten() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let task = learner.task("t");
        let down = learner.arm("down");
        let steady = learner.arm("steady");
        for _ in 0..50 {
            learner.record(task, down, &went(1.0));
            learner.record(task, steady, &went(0.6));
        }

        let before = means(&learner, task, &[down]);
        let within = Constraints::default();
        let pick = |learner: &Learner| {
            let seen = learner.look(task, &[down, steady], &within);
            let choice = choose(&seen, false, &mut Rng::seeded(1));
            choice.expect("two patterns").chosen
        };

        let failed = (1..20).find(|_| {
            learner.fail_outside(task, down);
            pick(&learner) == 1
        });
        assert!(failed.expect("the other one is better for now") <= 8, "{failed:?}");
        assert_eq!(means(&learner, task, &[down]), before, "it does not count against the pattern");

        let back = (1..400).find(|_| {
            learner.record(task, steady, &went(0.6));
            pick(&learner) == 0
        });
        assert!(back.expect("it is tried again") <= 250, "{back:?}");
    }

    #[test]
    fn the_same_executions_give_the_same_choices() {
        let run = || {
            let mut rng = Rng::seeded(5);
            let mut learner = Learner::new(Objective::WITHOUT_COST);
            let task = learner.task("t");
            let arms = [learner.arm("a"), learner.arm("b"), learner.arm("c")];
            let mut chosen = Vec::new();
            for _ in 0..100 {
                let seen = learner.look(task, &arms, &Constraints::default());
                let choice = choose(&seen, true, &mut rng).expect("three");
                let success = f64::from(u8::from(rng.unit() < [0.3, 0.5, 0.7][choice.chosen]));
                learner.record(task, arms[choice.chosen], &went(success));
                chosen.push(choice.chosen);
            }
            chosen
        };

        assert_eq!(run(), run());
    }

    #[test]
    fn probabilities_sum_to_one_and_follow_the_evidence() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let task = learner.task("t");
        let arms = [learner.arm("a"), learner.arm("b")];

        let even = |learner: &Learner| {
            let within = Constraints::default();
            let seen = learner.look(task, &arms, &within);
            odds(&seen).best
        };

        assert!((even(&learner)[0] - 0.5).abs() < 0.15);
        for _ in 0..50 {
            learner.record(task, arms[0], &went(1.0));
            learner.record(task, arms[1], &went(0.2));
        }

        let found = even(&learner);
        assert!(found[0] > 0.99 && (found.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{found:?}");
    }
}
