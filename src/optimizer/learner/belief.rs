//! What is believed of one mean as a distribution, and how likely each of several is the largest.

use crate::base::rng::Rng;

/// Points of the grid on which likelihoods are summed up, about, and the fewest for each belief.
const POINTS: usize = 192;
const POINTS_MIN: usize = 5;
/// How far from its mean a belief is looked at, in standard deviations.
const FAR: f64 = 5.0;
/// The largest deviation of a logit for which points are spread.
const LOGIT_SD_MAX: f64 = 2.5;
/// The means for which a belief is a Beta distribution, the largest variance of one as a share of that
/// of right or wrong, and the smallest deviation of any belief.
const BETA_MEANS: std::ops::RangeInclusive<f64> = 0.02..=0.98;
const VARIANCE_MAX: f64 = 0.9;
const SD_MIN: f64 = 1e-6;
/// What is added to every share, since nothing that can be drawn is impossible.
const LEAST: f64 = 1e-4;

/// A distribution of what a mean may be: a Beta distribution, since a mean lies between 0 and 1; close to
/// the ends, where that one is all tail, a normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Belief {
    Beta { a: f64, b: f64 },
    Normal { mean: f64, sd: f64 },
}

impl Belief {
    pub(super) fn new(mean: f64, sd: f64) -> Belief {
        if !BETA_MEANS.contains(&mean) {
            return Belief::Normal { mean, sd: sd.max(SD_MIN) };
        }
        let largest = mean * (1.0 - mean);
        let weight = largest / (sd * sd).clamp(SD_MIN * SD_MIN, VARIANCE_MAX * largest) - 1.0;
        Belief::Beta { a: mean * weight, b: (1.0 - mean) * weight }
    }

    /// Draws a mean.
    pub(super) fn draw(&self, rng: &mut Rng) -> f64 {
        match *self {
            Belief::Normal { mean, sd } => mean + sd * rng.normal(),
            Belief::Beta { a, b } => {
                let (x, y) = (gamma(a, rng), gamma(b, rng));
                if x + y > 0.0 { x / (x + y) } else { a / (a + b) }
            }
        }
    }

    /// Returns the logarithm of the density at a point, up to a summand. That of a Beta distribution is
    /// taken over the logit of the point, where it is smooth also at 0 and 1.
    fn log_density(&self, at: f64) -> f64 {
        match *self {
            Belief::Normal { mean, sd } => -0.5 * ((at - mean) / sd).powi(2),
            Belief::Beta { a, b } if at > 0.0 && at < 1.0 => a * at.ln() + b * (1.0 - at).ln(),
            Belief::Beta { .. } => f64::NEG_INFINITY,
        }
    }

    /// Returns where it lies, about: a share of it from the left, from 0 to 1.
    fn point(&self, share: f64) -> f64 {
        let off = FAR * (2.0 * share - 1.0);
        match *self {
            Belief::Normal { mean, sd } => mean + off * sd,
            Belief::Beta { a, b } => {
                // The deviation of the logit is about that of the mean over its slope.
                let (mean, weight) = (a / (a + b), a + b);
                let sd = (mean * (1.0 - mean) * (weight + 1.0)).sqrt().recip();
                logistic((a / b).ln() + off * sd.min(LOGIT_SD_MAX))
            }
        }
    }
}

/// Draws from a Gamma distribution. Source: Marsaglia and Tsang, "A simple method for generating gamma
/// variables" (ACM Transactions on Mathematical Software 26, 2000).
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    if shape < 1.0 {
        let power = (1.0 - rng.unit()).powf(1.0 / shape);
        return gamma(shape + 1.0, rng) * power;
    }
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

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn logit(x: f64) -> f64 {
    (x / (1.0 - x)).ln()
}

/// What is believed of one of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    pub(super) belief: Belief,
    /// What is added to what is drawn.
    pub(super) shift: f64,
    /// The chance that it may be taken, unless none may.
    pub(super) feasible: f64,
}

/// Returns how likely each of several is drawn as the largest of those that may be taken; of all, if
/// none may. Summed up on a grid that is fine where the beliefs are: the share of infinitely many draws,
/// in less time than a few hundred of them take.
pub(super) fn shares(all: &[Evidence]) -> Vec<f64> {
    let grid = grid(all);
    let masses: Vec<Vec<f64>> = all.iter().map(|one| one.masses(&grid)).collect();
    let none_feasible: f64 = all.iter().map(|one| 1.0 - one.feasible).product();

    let mut shares = vec![LEAST; all.len()];
    let mut below = vec![0.0; all.len()];
    let mut products = Products::new(all.len());
    for cell in 0..grid.len().saturating_sub(1) {
        let middle = below.iter().zip(&masses).map(|(below, masses)| below + masses[cell] / 2.0);
        products.take(all.iter().zip(middle));

        for (one, evidence) in all.iter().enumerate() {
            let (of_feasible, of_all) = products.without(one);
            let is_largest = evidence.feasible * of_feasible + none_feasible * of_all;
            shares[one] += masses[one][cell] * is_largest;
            below[one] += masses[one][cell];
        }
    }

    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

/// The chances that all are below a point: those that may be taken, and all of them.
struct Products {
    each: Vec<(f64, f64)>,
    /// The products of those before a place, and of those from it on: so nothing is divided by, which
    /// may be 0.
    before: Vec<(f64, f64)>,
    after: Vec<(f64, f64)>,
}

impl Products {
    fn new(count: usize) -> Products {
        let ones = vec![(1.0, 1.0); count + 1];
        Products { each: ones[..count].to_vec(), before: ones.clone(), after: ones }
    }

    fn take<'a>(&mut self, below: impl Iterator<Item = (&'a Evidence, f64)>) {
        let times = |a: (f64, f64), b: (f64, f64)| (a.0 * b.0, a.1 * b.1);

        for (each, (evidence, below)) in self.each.iter_mut().zip(below) {
            *each = (1.0 - evidence.feasible * (1.0 - below), below);
        }
        for place in 0..self.each.len() {
            self.before[place + 1] = times(self.before[place], self.each[place]);
        }
        for place in (0..self.each.len()).rev() {
            self.after[place] = times(self.after[place + 1], self.each[place]);
        }
    }

    fn without(&self, one: usize) -> (f64, f64) {
        let (before, after) = (self.before[one], self.after[one + 1]);
        (before.0 * after.0, before.1 * after.1)
    }
}

impl Evidence {
    /// Returns how likely it is between each two points of a grid.
    fn masses(&self, grid: &[f64]) -> Vec<f64> {
        let at: Vec<f64> = grid.iter().map(|at| at - self.shift).collect();
        let logs: Vec<f64> = at.iter().map(|at| self.belief.log_density(*at)).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let width = |pair: &[f64]| match self.belief {
            Belief::Normal { .. } => pair[1] - pair[0],
            Belief::Beta { .. } if pair[0] > 0.0 && pair[1] < 1.0 => {
                logit(pair[1]) - logit(pair[0])
            }
            Belief::Beta { .. } => 0.0,
        };

        let density: Vec<f64> = logs.into_iter().map(|log| (log - top).exp()).collect();
        let pairs = density.windows(2).zip(at.windows(2));
        let mut masses: Vec<f64> =
            pairs.map(|(two, at)| f64::midpoint(two[0], two[1]) * width(at)).collect();

        let sum: f64 = masses.iter().sum();
        for mass in &mut masses {
            *mass /= sum;
        }
        masses
    }
}

/// Returns points that lie close to one another where any of the beliefs is.
fn grid(all: &[Evidence]) -> Vec<f64> {
    let each = (POINTS / all.len().max(1)).max(POINTS_MIN);
    let mut grid: Vec<f64> = all
        .iter()
        .flat_map(|one| {
            (0..=each).map(move |place| one.belief.point(fraction(place, each)) + one.shift)
        })
        .collect();
    grid.sort_unstable_by(f64::total_cmp);
    grid
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn fraction(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
