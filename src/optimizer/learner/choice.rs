//! Choosing a pattern from what was learned.

use super::cell::Cell;
use super::{Learner, variance};
use crate::base::rng::Rng;
use statrs::distribution::{Beta, ContinuousCDF};

/// How much of the uncertainty is explored. Below 1, because what is learned elsewhere and drawn
/// together is surer than the intervals of single patterns say.
const BOLDNESS: f64 = 0.5;
/// The part of the normal distribution that an interval of 90 % spans to either side.
const Z90: f64 = 1.644_853_6;
/// How many draws a probability is counted from.
const DRAWS: u32 = 256;

/// What a choice has to keep to; what is `None` is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Constraints {
    /// 95 of 100 executions end within this time, in seconds.
    pub p95_time: Option<f64>,
    /// Most dollars that an execution costs in the mean.
    pub max_cost: Option<f64>,
    /// Least share of successes.
    pub min_success: Option<f64>,
}

impl Constraints {
    /// Tells whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Constraints::default()
    }
}

/// What is believed of one pattern on one kind of task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// Its number.
    pub arm: usize,
    /// Its mean utility.
    pub mean: f64,
    /// How unsure that is (standard deviation).
    pub sd: f64,
    /// How unsure it is with what is unsure about the kind of task itself, which is the same for
    /// all patterns and so decides nothing.
    pub unsure: f64,
    /// How many executions there count, where older ones count less.
    pub n: f64,
    /// How many executions elsewhere it is worth what is known from other kinds of tasks.
    pub borrowed: f64,
    /// By how much it is below what is expected of it everywhere, while that looks like an outage.
    pub outage: f64,
    /// How likely it keeps the constraints, by the evidence; 1 without any.
    pub feasible: f64,
}

impl Arm {
    /// Returns the range that holds the true mean with 90 %.
    pub fn interval(&self) -> (f64, f64) {
        let half = Z90 * self.unsure;
        ((self.mean - half).max(0.0), (self.mean + half).min(1.0))
    }
}

/// A choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The place of the chosen pattern among the candidates.
    pub chosen: usize,
    /// The place of the one that is best by what is known.
    pub best: usize,
    /// Whether no candidate seems to keep the constraints.
    pub none_feasible: bool,
}

impl Learner {
    /// Returns what is believed of patterns on a kind of task.
    pub fn look(&self, task: usize, arms: &[usize], within: &Constraints) -> Vec<Arm> {
        let noise = self.noise_variance();
        let nothing = Cell::default();
        arms.iter()
            .map(|&arm| {
                let (prior, prior_variance) = self.prior(task, arm);
                let cell = self.kinds[task].cells.get(arm).unwrap_or(&nothing);
                let of_one = variance(cell, noise);
                let precision = if cell.is_known() { cell.n / of_one } else { 0.0 };
                let whole = precision + 1.0 / prior_variance;
                let sum = if cell.is_known() { cell.sum / of_one } else { 0.0 };
                let by_ease = self.ease_variance(task) * (1.0 / prior_variance / whole).powi(2);
                Arm {
                    arm,
                    mean: (sum + prior / prior_variance) / whole,
                    sd: whole.sqrt().recip(),
                    unsure: (1.0 / whole + by_ease).sqrt(),
                    n: cell.n,
                    borrowed: of_one / prior_variance,
                    outage: self.outage(arm),
                    feasible: feasible(cell, within, 0.5),
                }
            })
            .collect()
    }

    /// Chooses among patterns that were looked at. With `explore`, by sampling: each is chosen as
    /// often as it is likely to be the best. Source: W. R. Thompson, "On the likelihood that one
    /// unknown probability exceeds another" (Biometrika 25, 1933).
    pub fn choose(
        &self,
        task: usize,
        seen: &[Arm],
        within: &Constraints,
        explore: bool,
        rng: &mut Rng,
    ) -> Option<Choice> {
        let best = top(seen.iter().map(|arm| (arm.feasible >= 0.5, arm.mean + arm.outage)))?;
        let none_feasible = !within.is_empty() && seen.iter().all(|arm| arm.feasible < 0.5);
        if !explore {
            return Some(Choice { chosen: best, best, none_feasible });
        }
        let nothing = Cell::default();
        let drawn = seen.iter().map(|arm| {
            let cell = self.kinds[task].cells.get(arm.arm).unwrap_or(&nothing);
            let chance = 0.5 + BOLDNESS * (rng.unit() - 0.5);
            let is_feasible = within.is_empty() || feasible(cell, within, chance) >= 0.5;
            (is_feasible, arm.mean + BOLDNESS * arm.sd * rng.normal() + arm.outage)
        });
        let chosen = top(drawn)?;
        Some(Choice { chosen, best, none_feasible })
    }

    /// Returns how likely each of the patterns is chosen.
    pub fn probabilities(
        &self,
        task: usize,
        seen: &[Arm],
        within: &Constraints,
        rng: &mut Rng,
    ) -> Vec<f64> {
        let mut counts = vec![0_u32; seen.len()];
        for _ in 0..DRAWS {
            if let Some(choice) = self.choose(task, seen, within, true, rng) {
                counts[choice.chosen] += 1;
            }
        }
        counts.into_iter().map(|count| f64::from(count) / f64::from(DRAWS)).collect()
    }
}

/// Returns the place of the best: what keeps the constraints before what does not, then the value.
fn top(values: impl Iterator<Item = (bool, f64)>) -> Option<usize> {
    let mut best: Option<(usize, (bool, f64))> = None;
    for (place, value) in values.enumerate() {
        let is_better = best.is_none_or(|(_, known)| {
            (value.0 && !known.0) || (value.0 == known.0 && value.1 > known.1)
        });
        if is_better {
            best = Some((place, value));
        }
    }
    best.map(|(place, _)| place)
}

/// Tells how well a pattern keeps constraints if what is unknown of it turns out as good as the
/// share `chance` of what is possible: 1 if it keeps all of them, 0 if it breaks one.
fn feasible(cell: &Cell, within: &Constraints, chance: f64) -> f64 {
    let keeps_time = within.p95_time.is_none_or(|limit| {
        let slow = cell.slower_than(limit);
        let quick = (cell.times_n - slow).max(0.0);
        quantile(0.5 + slow, 9.5 + quick, chance) <= 0.05
    });
    let keeps_cost = within.max_cost.is_none_or(|limit| {
        let n = cell.cost_n + 1.0;
        let mean = (cell.cost + 0.9 * limit) / n;
        let scatter = cell.cost_squares - cell.cost * cell.cost / cell.cost_n.max(1.0);
        let sd = (scatter.max(0.0) / n + (0.3 * limit).powi(2)).sqrt() / n.sqrt();
        mean + sd * normal_quantile(chance) <= limit
    });
    let keeps_success = within.min_success.is_none_or(|least| {
        let failed = (cell.n - cell.successes).max(0.0);
        quantile(1.0 + cell.successes, 1.0 + failed, 1.0 - chance) >= least
    });
    if keeps_time && keeps_cost && keeps_success { 1.0 } else { 0.0 }
}

/// Returns the quantile of a Beta distribution.
fn quantile(a: f64, b: f64, chance: f64) -> f64 {
    Beta::new(a, b).map_or(0.5, |beta| beta.inverse_cdf(chance.clamp(1e-6, 1.0 - 1e-6)))
}

/// Returns the quantile of the standard normal distribution.
fn normal_quantile(chance: f64) -> f64 {
    statrs::distribution::Normal::standard().inverse_cdf(chance.clamp(1e-9, 1.0 - 1e-9))
}
