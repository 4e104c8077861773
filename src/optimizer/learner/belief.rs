//! What is believed of one mean as a distribution, and how likely each of several is the largest.

use crate::base::rng::Rng;

/// Points of the grid on which likelihoods are summed up, about, and the fewest for each belief.
const POINTS: usize = 192;
const POINTS_MIN: usize = 5;
/// How far from its mean a belief is looked at, in standard deviations.
const FAR: f64 = 5.0;
/// What is added to every share, since nothing that can be drawn is impossible.
const LEAST: f64 = 1e-4;

/// A distribution of what a mean may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    mean: f64,
    sd: f64,
}

impl Belief {
    pub(super) fn new(mean: f64, sd: f64) -> Belief {
        Belief { mean, sd: sd.max(1e-6) }
    }

    /// Draws a mean.
    pub(super) fn draw(&self, rng: &mut Rng) -> f64 {
        self.mean + self.sd * rng.normal()
    }

    /// Returns the density at a point, up to a factor.
    fn density(&self, at: f64) -> f64 {
        (-0.5 * ((at - self.mean) / self.sd).powi(2)).exp()
    }
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
        let density: Vec<f64> =
            grid.iter().map(|at| self.belief.density(at - self.shift)).collect();
        let pairs = density.windows(2).zip(grid.windows(2));
        let mut masses: Vec<f64> =
            pairs.map(|(two, at)| f64::midpoint(two[0], two[1]) * (at[1] - at[0])).collect();

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
            (0..=each).map(|place| {
                let off = 2.0 * fraction(place, each) - 1.0;
                one.belief.mean + one.shift + FAR * off * one.belief.sd
            })
        })
        .collect();
    grid.sort_unstable_by(f64::total_cmp);
    grid
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn fraction(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
