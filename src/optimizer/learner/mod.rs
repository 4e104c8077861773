//! The policy that learns: how good each pattern is for each kind of task, from what was seen there
//! and, less, elsewhere; and which one to use next. Hierarchical Thompson sampling: every pattern has
//! a mean everywhere, a mean in each group of kinds of tasks (`review` of `review/rust`), and a mean
//! on each kind, each drawn towards the one above as far as there is little evidence. Pure: no clock,
//! no store; the same executions in the same order give the same state.

mod belief;
mod cell;
mod choice;
mod excerpt;
mod ring;
mod snapshot;
mod utility;

pub use choice::{Arm, Choice, Constraints, best_of, choose, probabilities};
pub use utility::{Objective, Outcome};

use cell::Cell;
use std::collections::HashMap;

/// What is believed of a pattern's mean utility before anything is known, and how surely (standard
/// deviation).
const MEAN: f64 = 0.6;
const MEAN_SD: f64 = 0.3;
/// How much a pattern is believed to differ between kinds of tasks (standard deviation), and how many
/// differences that belief is worth.
const TYPES_SD: f64 = 0.1;
const TYPES_WEIGHT: f64 = 6.0;
/// How much a whole kind of tasks is believed to be easier or harder than others.
const EASE_SD: f64 = 0.1;
/// How much a pattern is believed to differ between groups.
const GROUP_SD: f64 = 0.15;
/// The scatter of single executions, and how many executions that belief is worth.
const NOISE_SD: f64 = 0.4;
const NOISE_WEIGHT: f64 = 8.0;
/// What share of the old evidence is left with every execution, at least; how it falls where a pattern has
/// changed lately, and how fast that is forgotten.
const KEPT: f64 = 0.998;
const KEPT_LESS_UNSTEADY: f64 = 0.008;
const STEADIER: f64 = 0.997;
/// How fast the mean surprise of a pattern moves, and how it fades with every execution of others.
const SURPRISE: f64 = 0.1;
const CALM: f64 = 0.99;
/// How many standard deviations the mean surprise must be off to count as an outage.
const OUTAGE_SD: f64 = 3.0;
/// How much an execution during an outage counts at least.
const OUTAGE_WEIGHT: f64 = 0.1;
/// The deepest level of groups.
const DEPTH_MAX: usize = 4;

/// A change of how well a pattern works on a kind of task.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The kind of task.
    pub task: usize,
    /// The pattern.
    pub arm: usize,
    /// Its mean utility before.
    pub from: f64,
    /// The mean of the newest executions.
    pub to: f64,
}

/// A level above kinds of tasks: the root, or a group. For each pattern the sum of the weights of
/// the means below, and of these times the means.
#[derive(Debug, Clone, Default)]
struct Level {
    parent: Option<usize>,
    sums: HashMap<usize, (f64, f64)>,
    /// What it has told the level above.
    messages: HashMap<usize, (f64, f64)>,
}

/// A kind of task.
#[derive(Debug, Clone)]
struct Kind {
    level: usize,
    /// What is known of patterns, each with its number; few, so they are searched one by one.
    cells: Vec<(usize, Cell)>,
    /// How much easier than others it is, and how unsure that is (variance).
    ease: f64,
    ease_variance: f64,
    /// How unsteady it is, 0 to 1: after a change old evidence fades faster.
    unsteady: f64,
    /// Its executions so far.
    age: f64,
    /// Its part of the estimate of how much patterns differ between kinds.
    spread: (f64, f64),
}

impl Kind {
    fn cell(&self, arm: usize) -> Option<&Cell> {
        self.cells.iter().find(|(known, _)| *known == arm).map(|(_, cell)| cell)
    }

    /// Lets old evidence fade with one more execution: the older a kind of task is, the less, so that
    /// what is lost by it does not grow for ever.
    fn fade(&mut self) {
        self.age += 1.0;
        self.unsteady *= STEADIER;
        let kept = KEPT.max(1.0 - 1.0 / (self.age + 1.0)) - KEPT_LESS_UNSTEADY * self.unsteady;
        for (_, cell) in &mut self.cells {
            cell.fade(kept);
        }
    }

    fn cell_mut(&mut self, arm: usize) -> Option<&mut Cell> {
        self.cells.iter_mut().find(|(known, _)| *known == arm).map(|(_, cell)| cell)
    }
}

/// Everything that was learned.
#[derive(Debug, Clone)]
pub struct Learner {
    objective: Objective,
    levels: Vec<Level>,
    kinds: Vec<Kind>,
    groups: HashMap<String, usize>,
    tasks: HashMap<String, usize>,
    names: Vec<String>,
    arms: HashMap<String, usize>,
    /// For each pattern the mean surprise of late, everywhere, and when it was of late, in executions:
    /// an outage shows here first.
    surprise: Vec<(f64, i32)>,
    /// How many executions were taken in.
    executions: i32,
    /// On how many kinds of tasks each pattern is known.
    known_on: Vec<f64>,
    /// Scatter of single executions, and how much of it is free to vary.
    noise: (f64, f64),
    /// How much patterns differ between kinds: sums of estimate and weight.
    spread: (f64, f64),
    /// The variance that follows.
    between: f64,
}

impl Learner {
    /// Starts knowing nothing.
    pub fn new(objective: Objective) -> Learner {
        Learner {
            objective,
            levels: vec![Level::default()],
            kinds: Vec::new(),
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

    /// Returns what an execution is worth.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// Returns on how many kinds of tasks patterns are known, all together; a whole number.
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

    /// Returns the number of a kind of task, which gets one if it has none. What stands before the
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
                self.levels.push(Level { parent: Some(level), ..Level::default() });
                let new = self.levels.len() - 1;
                self.groups.insert(group.to_owned(), new);
                if let Some(&kind) = self.tasks.get(group) {
                    self.move_to(kind, new);
                }
                new
            };
        }
        // What is known of `review` itself belongs to the group `review`.
        level = self.groups.get(name).copied().unwrap_or(level);
        self.kinds.push(Kind {
            level,
            cells: Vec::new(),
            ease: 0.0,
            ease_variance: EASE_SD.powi(2),
            unsteady: 0.0,
            age: 0.0,
            spread: (0.0, 0.0),
        });
        self.tasks.insert(name.to_owned(), self.kinds.len() - 1);
        self.kinds.len() - 1
    }

    /// Makes a kind of task part of a level, with what it tells.
    fn move_to(&mut self, task: usize, level: usize) {
        let told: Vec<(usize, (f64, f64))> =
            self.kinds[task].cells.iter().map(|(arm, cell)| (*arm, cell.message)).collect();
        for (arm, _) in &told {
            self.tell(task, *arm, (0.0, 0.0));
        }
        self.kinds[task].level = level;
        for (arm, message) in told {
            self.tell(task, arm, message);
        }
    }

    /// Takes in an execution, and tells if the pattern has changed.
    pub fn record(&mut self, task: usize, arm: usize, outcome: &Outcome) -> Option<Change> {
        let utility = self.objective.utility(outcome);
        let expected = self.expected(task, arm);
        let weight = self.weight_of(arm);
        self.executions = self.executions.saturating_add(1);
        let surprise = self.surprise_at(arm);
        let now = surprise + SURPRISE * (utility - expected - surprise);
        self.surprise[arm] = (now, self.executions);
        let kind = &mut self.kinds[task];
        if kind.cell(arm).is_none() {
            kind.cells.push((arm, Cell::default()));
            self.known_on[arm] += 1.0;
        }
        let before = kind.cells.iter().fold((0.0, 0.0), scatter);
        kind.fade();
        let cell = kind.cell_mut(arm).expect("it was added above");
        cell.add(utility, outcome, weight);
        let change = self.look_for_change(task, arm);
        let after = self.kinds[task].cells.iter().fold((0.0, 0.0), scatter);
        self.noise.0 += after.0 - before.0;
        self.noise.1 += after.1 - before.1;
        self.fit(task);
        change
    }

    /// Takes in that an execution failed because something that the pattern needs did not work, such
    /// as its provider. That says nothing of the pattern, but while it goes on, others do better.
    pub fn fail_outside(&mut self, task: usize, arm: usize) {
        let expected = self.expected(task, arm);
        self.executions = self.executions.saturating_add(1);
        let surprise = self.surprise_at(arm);
        let now = surprise - SURPRISE * (expected + surprise);
        self.surprise[arm] = (now, self.executions);
    }

    /// Returns how much an execution counts. One during an outage says little about the kind of
    /// task if the pattern is at home on many.
    fn weight_of(&self, arm: usize) -> f64 {
        if self.outage(arm) < 0.0 {
            (1.0 / self.known_on[arm].max(1.0)).max(OUTAGE_WEIGHT)
        } else {
            1.0
        }
    }

    /// Returns the mean surprise of late with a pattern, which fades with every execution.
    fn surprise_at(&self, arm: usize) -> f64 {
        let (surprise, at) = self.surprise[arm];
        surprise * CALM.powi(self.executions - at)
    }

    /// Returns the mean surprise of late with a pattern, everywhere, if it is no accident; else 0.
    fn outage(&self, arm: usize) -> f64 {
        let sd = self.noise_variance().sqrt() * (SURPRISE / (2.0 - SURPRISE)).sqrt();
        let surprise = self.surprise_at(arm);
        if surprise.abs() > OUTAGE_SD * sd { surprise } else { 0.0 }
    }

    fn expected(&self, task: usize, arm: usize) -> f64 {
        match self.kinds[task].cell(arm) {
            Some(cell) if cell.n >= 3.0 => cell.mean(),
            _ => self.prior(task, arm).0,
        }
    }

    /// Compares the newest executions with those before, as far as they still count.
    fn look_for_change(&mut self, task: usize, arm: usize) -> Option<Change> {
        let noise = self.noise_variance();
        let kind = &mut self.kinds[task];
        let cell = kind.cell_mut(arm)?;
        let of_one = variance(cell, noise);
        let newest = cell.ring.change(cell.n, cell.sum, of_one.sqrt())?;

        let from = cell.mean();
        cell.restart(&newest, of_one);
        kind.unsteady = 1.0;
        Some(Change { task, arm, from, to: newest.mean })
    }

    /// Returns the variance of single executions.
    fn noise_variance(&self) -> f64 {
        (NOISE_WEIGHT * NOISE_SD.powi(2) + self.noise.0.max(0.0))
            / (NOISE_WEIGHT + self.noise.1.max(0.0))
    }

    /// Returns mean and variance of what the levels above believe of a pattern on a kind of task,
    /// without what the kind itself has told them.
    fn above(&self, task: usize, arm: usize) -> (f64, f64) {
        let kind = &self.kinds[task];
        let own = kind.cell(arm).map_or((0.0, 0.0), |cell| cell.message);
        let mut path = [0; DEPTH_MAX];
        let mut length = 0;
        let mut level = Some(kind.level);
        while let Some(at) = level {
            path[length] = at;
            length += 1;
            level = self.levels[at].parent;
        }
        let (mut mean, mut precision) = (MEAN, 1.0 / MEAN_SD.powi(2));
        for (place, &at) in path[..length].iter().enumerate().rev() {
            let told = match place.checked_sub(1) {
                Some(below) => self.levels[path[below]].messages.get(&arm).copied(),
                None => Some(own),
            };
            let (sum, told) = (self.levels[at].sums.get(&arm), told.unwrap_or_default());
            let &(weight, weighted) = sum.unwrap_or(&(0.0, 0.0));
            if place + 1 < length {
                precision = 1.0 / (GROUP_SD.powi(2) + 1.0 / precision);
            }
            let weight = (weight - told.0).max(0.0);
            let weighted = if weight > 0.0 { weighted - told.1 } else { 0.0 };
            mean = (mean * precision + weighted) / (precision + weight);
            precision += weight;
        }
        (mean, 1.0 / precision)
    }

    /// Returns mean and variance of what is believed of a pattern on a kind of task before the
    /// executions there are looked at.
    fn prior(&self, task: usize, arm: usize) -> (f64, f64) {
        let (mean, variance) = self.above(task, arm);
        (mean + self.kinds[task].ease, variance + self.between)
    }

    fn ease_variance(&self, task: usize) -> f64 {
        self.kinds[task].ease_variance
    }

    /// Fits a kind of task anew after an execution there: how easy it is, what it tells the level
    /// above, and how much patterns differ between kinds. A two-way empirical Bayes estimate in the
    /// manner of Morris, "Parametric empirical Bayes inference" (JASA 78, 1983), one row at a time.
    fn fit(&mut self, task: usize) {
        let noise = self.noise_variance();
        let cells = self.kinds[task].cells.iter().filter(|(_, cell)| cell.is_known());
        let known: Vec<Fit> = cells
            .map(|&(arm, ref cell)| {
                let (mean, above) = self.above(task, arm);
                let own = variance(cell, noise) / cell.n;
                let weight = 1.0 / (self.between + own + above);
                Fit { arm, mean: cell.mean(), above: mean, above_variance: above, own, weight }
            })
            .collect();
        let sum: f64 = known.iter().map(|fit| fit.weight).sum();
        let scale = sum + 1.0 / EASE_SD.powi(2);
        let ease = known.iter().map(|fit| fit.weight * (fit.mean - fit.above)).sum::<f64>() / scale;
        (self.kinds[task].ease, self.kinds[task].ease_variance) = (ease, 1.0 / scale);
        for fit in &known {
            let weight = 1.0 / (self.between + fit.own);
            self.tell(task, fit.arm, (weight, weight * (fit.mean - ease)));
        }
        self.spread_of(task, &known, ease, scale);
    }

    /// Replaces what a kind of task tells of a pattern, all the way up.
    fn tell(&mut self, task: usize, arm: usize, message: (f64, f64)) {
        let kind = &mut self.kinds[task];
        let Some(cell) = kind.cell_mut(arm) else { return };
        let before = std::mem::replace(&mut cell.message, message);
        let mut difference = (message.0 - before.0, message.1 - before.1);
        let mut at = kind.level;
        loop {
            let level = &mut self.levels[at];
            let sums = level.sums.entry(arm).or_default();
            sums.0 += difference.0;
            sums.1 += difference.1;
            let Some(parent) = level.parent else { return };
            let (weight, weighted) = *sums;
            let up = if weight > 0.0 {
                let up = 1.0 / (GROUP_SD.powi(2) + 1.0 / weight);
                (up, up * weighted / weight)
            } else {
                (0.0, 0.0)
            };
            let told = level.messages.entry(arm).or_default();
            let before = std::mem::replace(told, up);
            difference = (up.0 - before.0, up.1 - before.1);
            at = parent;
        }
    }

    /// Takes a kind's part in the estimate of how much patterns differ between kinds: the residuals
    /// of its patterns, less what chance alone would give.
    fn spread_of(&mut self, task: usize, known: &[Fit], ease: f64, scale: f64) {
        let shares: Vec<(f64, f64)> =
            known.iter().map(|fit| (fit.weight / scale, fit.own + fit.above_variance)).collect();
        let squares: f64 = shares.iter().map(|(h, _)| h * h).sum();
        let chance: f64 = shares.iter().map(|(h, q)| h * h * q).sum();
        let rest: f64 = 1.0 - shares.iter().map(|(h, _)| h).sum::<f64>();
        let mut part = (0.0, 0.0);
        for (fit, (h, q)) in known.iter().zip(&shares) {
            let others = (1.0 - h).powi(2);
            let c = others + squares - h * h;
            let by_chance = others * q + chance - h * h * q + rest.powi(2) * EASE_SD.powi(2);
            let residual = fit.mean - ease - fit.above;
            let weight = fit.weight * fit.weight;
            part.0 += weight * c * (residual * residual - by_chance);
            part.1 += weight * c * c;
        }
        let kind = &mut self.kinds[task];
        self.spread.0 += part.0 - kind.spread.0;
        self.spread.1 += part.1 - kind.spread.1;
        kind.spread = part;
        let believed = TYPES_WEIGHT / (TYPES_SD.powi(2) + NOISE_SD.powi(2)).powi(2);
        let estimate =
            (believed * TYPES_SD.powi(2) + self.spread.0) / (believed + self.spread.1.max(0.0));
        self.between = estimate.clamp(1e-4, 0.25);
    }
}

/// A pattern on a kind of task while the kind is fitted.
struct Fit {
    arm: usize,
    /// The mean utility of its executions, and the variance of that mean.
    mean: f64,
    own: f64,
    /// What the levels above believe: mean and variance.
    above: f64,
    above_variance: f64,
    weight: f64,
}

fn scatter(sums: (f64, f64), (_, cell): &(usize, Cell)) -> (f64, f64) {
    (sums.0 + cell.scatter(), sums.1 + cell.freedom())
}

/// Returns the variance of a pattern's executions, drawn towards that of all.
fn variance(cell: &Cell, noise: f64) -> f64 {
    (NOISE_WEIGHT * noise + cell.scatter()) / (NOISE_WEIGHT + cell.freedom())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn went(success: f64) -> Outcome {
        Outcome { success, time: Some(3.0), ..Outcome::default() }
    }

    fn means(learner: &Learner, task: usize, arms: &[usize]) -> Vec<f64> {
        let seen = learner.look(task, arms, &Constraints::default());
        seen.iter().map(|arm| arm.mean).collect()
    }

    #[test]
    fn a_kind_never_seen_borrows_from_its_group_and_less_from_others() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let (good, bad) = (learner.arm("good"), learner.arm("bad"));
        for kind in ["review/rust", "review/go"] {
            let task = learner.task(kind);
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
        let (near, far) = (gap(&learner, near), gap(&learner, far));
        assert!(near > 0.4 && far > 0.0 && near > far + 0.1, "near {near}, far {far}");
        let known = learner.task("review/rust");
        assert!(gap(&learner, known) > near);
    }

    #[test]
    fn a_kind_learns_from_the_one_its_group_is_named_after_whichever_was_first() {
        for general_first in [true, false] {
            let mut learner = Learner::new(Objective::WITHOUT_COST);
            let (good, bad) = (learner.arm("good"), learner.arm("bad"));
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
        let (task, arm) = (learner.task("t"), learner.arm("a"));
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
    fn an_outage_shows_on_kinds_where_it_was_not_met_and_leaves_what_was_known() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let (steady, down) = (learner.arm("steady"), learner.arm("down"));
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
        let (task, down) = (learner.task("t"), learner.arm("down"));
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
        assert_eq!(means(&learner, task, &[down]), before, "it is not held against the pattern");
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
            probabilities(&seen)
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
