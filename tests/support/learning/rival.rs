//! Textbook policies and the guide's formula: what kaizen is measured against.

use super::truth::{Seen, Worth};
use super::world::{World, float};
use kaizen::base::rng::Rng;

/// A way to choose.
pub(crate) trait Policy {
    /// Chooses one of the patterns that are there for a task.
    fn pick(&mut self, task: &Task, there: &[usize], rng: &mut Rng) -> usize;
    /// Takes in how it went.
    fn learn(&mut self, task: &Task, arm: usize, seen: &Seen);
    /// Returns how many changes it has told of.
    fn changes(&self) -> usize {
        0
    }
}

/// A task as policies see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// Its task type, as far as its name tells.
    pub(crate) task_type: usize,
    /// What is known of its input.
    pub(crate) length: Option<f64>,
}

/// The rivals by name.
pub(crate) const RIVALS: &[&str] =
    &["guide", "greedy", "epsilon .1", "UCB1", "Thompson", "Thompson Beta", "discounted"];

/// How a rival chooses.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// The guide's formula, `.7 s + .3 / t`, with each pattern tried once first.
    Guide,
    /// The best mean, each pattern tried three times first, as the policy of that name.
    Greedy,
    /// The best mean, and every tenth choice by chance.
    Epsilon,
    /// UCB1 (Auer, Cesa-Bianchi and Fischer, Machine Learning 47, 2002).
    Ucb,
    /// Thompson sampling of a normal mean; with a share below 1, older evidence fades.
    Gaussian(f64),
    /// Thompson sampling of a rate, where a worth between 0 and 1 counts in part.
    Beta,
}

/// A rival, each pattern and task type by itself, on the worth of executions.
struct Rival {
    rule: Rule,
    table: Vec<Vec<Sums>>,
    worth: Worth,
}

/// Sums of one pattern for one task type.
#[derive(Debug, Clone, Default)]
struct Sums {
    n: f64,
    success: f64,
    time: f64,
    worth: f64,
}

/// Makes a rival for a world.
pub(crate) fn rival(name: &str, world: &World) -> Box<dyn Policy> {
    let rule = match name {
        "guide" => Rule::Guide,
        "greedy" => Rule::Greedy,
        "epsilon .1" => Rule::Epsilon,
        "UCB1" => Rule::Ucb,
        "Thompson" => Rule::Gaussian(1.0),
        "Thompson Beta" => Rule::Beta,
        "discounted" => Rule::Gaussian(0.99),
        other => panic!("no rival {other}"),
    };
    let table = vec![vec![Sums::default(); world.arms()]; world.task_types.len()];
    Box::new(Rival { rule, table, worth: world.worth })
}

impl Policy for Rival {
    fn pick(&mut self, task: &Task, there: &[usize], rng: &mut Rng) -> usize {
        let row = &self.table[task.task_type];
        let total: f64 = row.iter().map(|arm| arm.n).sum();
        let at_least =
            |arm: &Sums, n: f64, value: f64| if arm.n < n { f64::INFINITY } else { value };

        let value = |arm: &Sums, rng: &mut Rng| match self.rule {
            Rule::Guide => at_least(arm, 1.0, 0.7 * arm.success / arm.n + 0.3 * arm.n / arm.time),
            Rule::Greedy => at_least(arm, 3.0, arm.worth / arm.n),
            Rule::Epsilon => at_least(arm, 1.0, arm.worth / arm.n),
            Rule::Ucb => at_least(arm, 1.0, arm.worth / arm.n + (2.0 * total.ln() / arm.n).sqrt()),
            Rule::Gaussian(_) => {
                let (noise, prior) = (1.0 / 0.09, 1.0 / 0.09);
                let precision = prior + arm.n * noise;
                (0.5 * prior + arm.worth * noise) / precision + rng.normal() / precision.sqrt()
            }
            Rule::Beta => beta(1.0 + arm.worth, 1.0 + arm.n - arm.worth, rng),
        };

        if matches!(self.rule, Rule::Epsilon) && rng.unit() < 0.1 {
            let place = usize::try_from(rng.below(there.len() as u64)).expect("small");
            return there[place];
        }
        let values = there.iter().map(|arm| (*arm, value(&row[*arm], rng)));
        values.max_by(|a, b| a.1.total_cmp(&b.1)).expect("some patterns").0
    }

    fn learn(&mut self, task: &Task, arm: usize, seen: &Seen) {
        let task_type = task.task_type;
        if let Rule::Gaussian(keep) = self.rule
            && keep < 1.0
        {
            for sums in &mut self.table[task_type] {
                sums.n *= keep;
                sums.worth *= keep;
            }
        }

        let sums = &mut self.table[task_type][arm];
        sums.n += 1.0;
        sums.success += seen.success;
        sums.time += seen.time.unwrap_or(0.0);
        sums.worth += self.worth.of(seen);
    }
}

/// A draw from a Beta distribution, from two Gamma distributions.
fn beta(a: f64, b: f64, rng: &mut Rng) -> f64 {
    let (x, y) = (gamma(a, rng), gamma(b, rng));
    x / (x + y)
}

/// A draw from a Gamma distribution with a shape of 1 or more. Source: Marsaglia and Tsang, "A simple
/// method for generating gamma variables" (ACM TOMS 26, 2000).
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - rng.unit()).ln() < x * x / 2.0 + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// Something of every instance in the mean, and half of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mean {
    pub(crate) mean: f64,
    pub(crate) error: f64,
}

impl Mean {
    pub(crate) fn of(all: &[f64]) -> Mean {
        let n = float(all.len());
        let mean = all.iter().sum::<f64>() / n;
        let squares: f64 = all.iter().map(|one| (one - mean).powi(2)).sum();
        Mean { mean, error: 1.96 * (squares / (n - 1.0).max(1.0) / n).sqrt() }
    }

    /// The quotient of two means over the same instances, by the delta method: the instances are the
    /// same, so what they have in common does not blur it.
    pub(crate) fn ratio(above: &[f64], below: &[f64]) -> Mean {
        let (top, bottom) = (Mean::of(above).mean, Mean::of(below).mean);
        let mean = top / bottom;
        let rest: Vec<f64> =
            above.iter().zip(below).map(|(a, b)| (a - mean * b) / bottom).collect();
        Mean { mean, error: Mean::of(&rest).error }
    }
}
