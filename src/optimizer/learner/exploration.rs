//! Choosing a pattern from what was learned, and how sure that is.

use super::belief::{Belief, Evidence, Grid};
use super::cell::FadingSums;
use super::fit::MEAN;
use super::{Learner, variance};
use crate::base::rng::Rng;
use crate::optimizer::stats;
use statrs::distribution::{ContinuousCDF, Normal};

/// The part of the normal distribution that an interval of 90 % spans to either side.
const Z90: f64 = 1.644_853_6;
/// How many executions the belief is worth that a pattern about keeps the limit of success.
const SUCCESS_WEIGHT: f64 = 5.0;
/// The share of its deviation with which a pattern is drawn: `BOLDNESS + BOLDNESS_OF_NEGLECT w ln(mean weight
/// of all patterns / its own weight)`, the logarithm at least 0 (docs/formulas.md, "Choosing"). It is below 1,
/// because patterns that are drawn together are surer than their single intervals say.
const BOLDNESS: f64 = 0.4;
/// The part that grows with neglect; without it, bad luck at the beginning would stay.
const BOLDNESS_OF_NEGLECT: f64 = 0.08;
/// Neglect counts less where all patterns do badly: `w = 1 - NEGLECT_LESS_BELOW (MEAN - largest mean)`, from 0
/// to 1. There, evidence that fades brings a neglected pattern back by itself, and what neglect adds is lost.
const NEGLECT_LESS_BELOW: f64 = 3.0;
/// Patterns among which that is right. The largest of K draws lies about `sqrt(2 ln K)` deviations above
/// the mean, so with more of them each is explored less, and the largest stays where it was.
const BOLDNESS_AMONG: f64 = 5.0;

/// A pattern is better avoided if it fails mostly with at least this chance, and is the best with less
/// than that one.
const FAILS_MOSTLY: f64 = 0.9;
const HARDLY_BEST: f64 = 0.01;

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

/// What is believed of one pattern for one task type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// Its number.
    pub arm: usize,
    /// Whether anything was recorded of it, for any task type.
    pub is_known: bool,
    /// Its mean utility.
    pub mean: f64,
    /// How unsure that is (standard deviation).
    pub sd: f64,
    /// How unsure it is with what is unsure about the task type itself, which is the same for
    /// all patterns and so decides nothing.
    pub unsure: f64,
    /// How many executions there count, where older ones count less.
    pub n: f64,
    /// The same with those that count less because nobody judged them.
    pub tried: f64,
    /// How many of them succeeded.
    pub successes: f64,
    /// How many executions the belief is worth, with what is borrowed.
    pub weight: f64,
    /// How many executions elsewhere it is worth what is known from other task types.
    pub borrowed: f64,
    /// By how much it is below what is expected of it everywhere, while that looks like an outage.
    pub outage: f64,
    /// The chance that it keeps the constraints; 1 where nothing is bounded.
    pub feasible: f64,
}

impl Arm {
    /// Returns the range that holds the true mean with 90 %.
    pub fn interval(&self) -> (f64, f64) {
        let half = Z90 * self.unsure;
        ((self.mean - half).max(0.0), (self.mean + half).min(1.0))
    }

    /// Tells whether it is better avoided, if it is the best with such a chance; `None` for a pattern
    /// that is compared with no other one, where only its failures count.
    pub fn is_to_avoid(&self, best: Option<f64>) -> bool {
        let failures = (self.tried - self.successes).max(0.0);
        best.is_none_or(|best| best < HARDLY_BEST)
            && stats::probability_below(0.5, self.successes, failures) > FAILS_MOSTLY
    }

    /// Returns what is believed of it, with a share of the uncertainty.
    fn evidence(&self, boldness: f64) -> Evidence {
        Evidence {
            belief: Belief::new(self.mean, boldness * self.sd),
            shift: self.outage,
            // With half the uncertainty, what is about at the limit is about at the limit half as often.
            feasible: ((self.feasible - 0.5) / boldness + 0.5).clamp(0.0, 1.0),
        }
    }
}

/// A choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The place of the chosen pattern among the candidates.
    pub chosen: usize,
    /// The place of the one that is best by what is known: what was never tried is neither good nor bad,
    /// so it is that only where none was.
    pub best: usize,
    /// Whether no candidate seems to keep the constraints.
    pub none_feasible: bool,
}

impl Learner {
    /// Returns what is believed of patterns for a task type.
    pub fn look(&self, task: usize, arms: &[usize], within: &Constraints) -> Vec<Arm> {
        let noise = self.noise_variance();
        let nothing = FadingSums::default();

        arms.iter()
            .map(|&arm| {
                let (prior, prior_variance) = self.prior(task, arm);
                let cell = self.task_types[task].cell(arm).unwrap_or(&nothing);
                let of_one = variance(cell, noise);
                let precision = if cell.is_known() { cell.n / of_one } else { 0.0 };
                let whole = precision + 1.0 / prior_variance;
                let sum = if cell.is_known() { cell.sum / of_one } else { 0.0 };
                let by_ease = self.ease_variance(task) * (1.0 / prior_variance / whole).powi(2);

                // Without other task types, what is borrowed is only what is believed of anything.
                let on_this = if cell.is_known() { 1.0 } else { 0.0 };
                let is_borrowed = self.known_on[arm] > on_this;

                Arm {
                    arm,
                    is_known: self.known_on[arm] > 0.0,
                    mean: (sum + prior / prior_variance) / whole,
                    sd: whole.sqrt().recip(),
                    unsure: (1.0 / whole + by_ease).sqrt(),
                    n: cell.n,
                    tried: cell.tried,
                    successes: cell.successes,
                    weight: of_one * whole,
                    borrowed: if is_borrowed { of_one / prior_variance } else { 0.0 },
                    outage: self.outage(arm),
                    feasible: feasible(cell, within),
                }
            })
            .collect()
    }
}

/// Chooses among patterns that were looked at. With `explore`, by sampling: each is chosen as often as
/// it is likely to be the best. Source: W. R. Thompson, "On the likelihood that one unknown probability
/// exceeds another" (Biometrika 25, 1933).
pub fn choose(seen: &[Arm], explore: bool, rng: &mut Rng) -> Option<Choice> {
    let standing = |arm: &Arm| (arm.feasible >= 0.5, arm.is_known, arm.mean + arm.outage);
    let best = top(seen.iter().map(standing))?;
    let none_feasible = seen.iter().all(|arm| arm.feasible < 0.5);
    if !explore {
        return Some(Choice { chosen: best, best, none_feasible });
    }

    let boldness = boldness(seen);
    let drawn = seen.iter().zip(boldness).map(|(arm, boldness)| {
        let evidence = arm.evidence(boldness);
        let is_feasible = evidence.feasible >= 1.0 || rng.unit() < evidence.feasible;
        (is_feasible, true, evidence.belief.draw(rng) + evidence.shift)
    });
    let chosen = top(drawn)?;
    Some(Choice { chosen, best, none_feasible })
}

/// How likely patterns are.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    /// How likely each is to be the best.
    pub best: Vec<f64>,
    /// How likely `choose` takes each of them.
    pub chosen: Vec<f64>,
}

/// Returns how likely each of the patterns is.
pub fn odds(seen: &[Arm]) -> Odds {
    let whole: Vec<Evidence> = seen.iter().map(|arm| arm.evidence(1.0)).collect();
    let drawn: Vec<Evidence> =
        seen.iter().zip(boldness(seen)).map(|(arm, share)| arm.evidence(share)).collect();

    let grid = Grid::new(&whole);
    Odds { best: grid.shares(&whole), chosen: grid.shares(&drawn) }
}

/// Returns how much of the uncertainty of each pattern is explored.
fn boldness(seen: &[Arm]) -> impl Iterator<Item = f64> {
    let many = count(seen.len()).max(BOLDNESS_AMONG);
    let share = (BOLDNESS_AMONG.ln() / many.ln()).sqrt();
    let mean = seen.iter().map(|arm| arm.weight).sum::<f64>() / count(seen.len());
    let top = seen.iter().map(|arm| arm.mean).fold(0.0, f64::max);
    let of_neglect =
        BOLDNESS_OF_NEGLECT * (1.0 - NEGLECT_LESS_BELOW * (MEAN - top).max(0.0)).max(0.0);

    seen.iter().map(move |arm| {
        let neglect = (mean / arm.weight).ln().max(0.0);
        (share * (BOLDNESS + of_neglect * neglect)).min(1.0)
    })
}

/// Where a pattern stands among others: whether it keeps the constraints, whether it is known, its value.
type Standing = (bool, bool, f64);

/// Returns the place of the best: what keeps the constraints before what does not, what is known before
/// what is not, then the value.
fn top(values: impl Iterator<Item = Standing>) -> Option<usize> {
    let mut best: Option<(usize, Standing)> = None;
    for (place, value) in values.enumerate() {
        if best.is_none_or(|(_, known)| value > known) {
            best = Some((place, value));
        }
    }

    best.map(|(place, _)| place)
}

/// Returns the chance that a pattern keeps all constraints, by the one that it is least likely to
/// keep. Before anything is known, a pattern is believed to be about at the limit.
fn feasible(cell: &FadingSums, within: &Constraints) -> f64 {
    let mut chance = 1.0_f64;

    if let Some(limit) = within.p95_time {
        let slow = cell.slower_than(limit);
        let quick = (cell.times_n - slow).max(0.0);
        chance = chance.min(stats::beta_below(0.05, 0.5 + slow, 9.5 + quick));
    }

    if let Some(limit) = within.max_cost {
        let n = cell.cost_n + 1.0;
        let mean = (cell.cost + 0.9 * limit) / n;
        let scatter = cell.cost_squares - cell.cost * cell.cost / cell.cost_n.max(1.0);
        let sd = (scatter.max(0.0) / n + (0.3 * limit).powi(2)).sqrt() / n.sqrt();
        // A limit of nothing is kept by what costs nothing.
        let off = if sd > 0.0 { (limit - mean) / sd } else { 0.0 };
        chance = chance.min(Normal::standard().cdf(off));
    }

    if let Some(least) = within.min_success {
        let failed = (cell.tried - cell.successes).max(0.0);
        let middle = least + 0.3 * (1.0 - least);
        let a = SUCCESS_WEIGHT * middle;
        let b = SUCCESS_WEIGHT * (1.0 - middle);
        chance = chance.min(1.0 - stats::beta_below(least, a + cell.successes, b + failed));
    }

    chance
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::learner::{ExecutionOutcome, Objective};

    #[test]
    fn a_limit_of_success_leaves_room_for_what_was_never_tried() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        let task = learner.task("t");
        let known = learner.arm("known");
        let new = learner.arm("new");
        let mut rng = Rng::seeded(4);
        let arms = [known, new];
        let within = Constraints { min_success: Some(0.9), ..Constraints::default() };
        let mut of_new = 0;

        for _ in 0..500 {
            let seen = learner.look(task, &arms, &within);
            let arm = arms[choose(&seen, true, &mut rng).expect("two").chosen];
            let (rate, time) = if arm == new { (0.99, 1.0) } else { (0.95, 6.0) };
            let success = f64::from(u8::from(rng.unit() < rate));
            learner.record(
                task,
                arm,
                &ExecutionOutcome { success, time: Some(time), ..ExecutionOutcome::default() },
            );
            of_new += u32::from(arm == new);
        }

        assert!(of_new > 350, "{of_new} of 500");
    }

    /// A pattern of which such things are believed.
    fn arm(mean: f64, sd: f64) -> Arm {
        Arm {
            arm: 0,
            is_known: true,
            mean,
            sd,
            unsure: sd,
            n: 10.0,
            tried: 10.0,
            successes: 5.0,
            weight: 0.16 / (sd * sd),
            borrowed: 0.0,
            outage: 0.0,
            feasible: 1.0,
        }
    }

    #[test]
    fn probabilities_are_the_shares_of_choices() {
        let limited = Arm { feasible: 0.6, ..arm(0.95, 0.02) };
        let down = Arm { outage: -0.2, ..arm(0.9, 0.05) };
        let cases = [
            vec![arm(0.7, 0.1), arm(0.6, 0.1)],
            vec![arm(0.6, 0.316), arm(0.6, 0.316), arm(0.8, 0.01), arm(0.3, 0.3)],
            vec![arm(0.01, 0.1), arm(0.99, 0.01), arm(0.97, 0.05)],
            vec![limited, arm(0.5, 0.1), down],
            vec![Arm { feasible: 0.2, ..arm(0.6, 0.1) }, Arm { feasible: 0.3, ..arm(0.5, 0.1) }],
            (0..50).map(|n| arm(0.4 + 0.01 * f64::from(n), 0.1)).collect(),
        ];
        let mut rng = Rng::seeded(3);

        for (number, seen) in cases.iter().enumerate() {
            let told = odds(seen).chosen;
            let mut counts = vec![0.0; seen.len()];
            for _ in 0..20_000 {
                counts[choose(seen, true, &mut rng).expect("some").chosen] += 1.0 / 20_000.0;
            }
            for (told, count) in told.iter().zip(&counts) {
                assert!((told - count).abs() < 0.015, "case {number}: {told:.3}, not {count:.3}");
            }
            assert!((told.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
