//! What is believed of one mean as a distribution, and how likely each of several is the largest.

use crate::base::rng::Rng;

/// Where a belief is looked at on either side of its mean, in standard deviations; and how many beliefs
/// may have all of these points.
const OFFSETS: [f64; 12] = [0.0, 0.15, 0.3, 0.45, 0.65, 0.9, 1.2, 1.6, 2.1, 2.8, 3.6, 5.0];
const FEW: usize = 8;
/// The logit that stands for 0 and 1.
const LOGIT_MAX: f64 = 40.0;
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
                let x = gamma(a, rng);
                let y = gamma(b, rng);
                if x + y > 0.0 { x / (x + y) } else { a / (a + b) }
            }
        }
    }

    /// Returns a place and the density there, up to a factor. That of a Beta distribution is taken over
    /// the logit of the point, where it is smooth also at 0 and 1.
    fn density(&self, point: &GridPoint, top: f64) -> (f64, f64) {
        match *self {
            Belief::Normal { mean, sd } => {
                (point.at, (-0.5 * ((point.at - mean) / sd).powi(2)).exp())
            }
            Belief::Beta { a, b } if point.at > 0.0 && point.at < 1.0 => {
                (point.log - point.log_rest, (a * point.log + b * point.log_rest - top).exp())
            }
            Belief::Beta { .. } if point.at <= 0.0 => (-LOGIT_MAX, 0.0),
            Belief::Beta { .. } => (LOGIT_MAX, 0.0),
        }
    }

    /// Returns the logarithm of the largest density, which is taken off, so that none is too large.
    fn top(&self) -> f64 {
        match *self {
            Belief::Normal { .. } => 0.0,
            Belief::Beta { a, b } => a * (a / (a + b)).ln() + b * (b / (a + b)).ln(),
        }
    }

    /// Returns the point that lies this many standard deviations from the mean, about.
    fn point(&self, off: f64) -> f64 {
        match *self {
            Belief::Normal { mean, sd } => mean + off * sd,
            Belief::Beta { a, b } => {
                // The deviation of the logit is about that of the mean over its slope.
                let mean = a / (a + b);
                let weight = a + b;
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

/// What is believed of one of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    pub(super) belief: Belief,
    /// What is added to what is drawn.
    pub(super) shift: f64,
    /// The chance that it may be taken, unless none may.
    pub(super) feasible: f64,
}

/// A point with its logarithm and that of what is left to 1.
#[derive(Debug, Clone, Copy)]
struct GridPoint {
    at: f64,
    log: f64,
    log_rest: f64,
}

impl GridPoint {
    fn new(at: f64) -> GridPoint {
        GridPoint { at, log: at.ln(), log_rest: (1.0 - at).ln() }
    }
}

/// Points that lie close to one another wherever any of some beliefs is.
pub(super) struct Grid(Vec<GridPoint>);

impl Grid {
    /// Spreads points for beliefs, and for those that are surer of the same means.
    pub(super) fn new(all: &[Evidence]) -> Grid {
        // Many beliefs together are fine enough with few points of each.
        let each = if all.len() > FEW { &OFFSETS[1..] } else { &OFFSETS[..] };
        let sides = |off: &f64| [-off, *off];
        let mut grid: Vec<f64> = Vec::with_capacity(2 * each.len() * all.len());
        for one in all {
            let offsets = each.iter().step_by(1 + all.len() / FEW).flat_map(sides);
            grid.extend(offsets.map(|off| one.belief.point(off) + one.shift));
        }

        grid.sort_unstable_by(f64::total_cmp);
        Grid(grid.into_iter().map(GridPoint::new).collect())
    }

    /// Returns how likely each of several is drawn as the largest of those that may be taken; of all, if
    /// none may: the share of infinitely many draws, in less time than a few hundred of them take.
    pub(super) fn shares(&self, all: &[Evidence]) -> Vec<f64> {
        let masses = self.masses(all);
        let none_feasible: f64 = all.iter().map(|one| 1.0 - one.feasible).product();

        let mut shares = vec![LEAST; all.len()];
        let mut below = vec![0.0; all.len()];
        let mut others = vec![(1.0, 1.0); all.len() + 1];
        for masses in masses.chunks_exact(all.len().max(1)) {
            // The chances that all others are below: those that may be taken, and all of them. Products of
            // those behind a place, then of those before it, so that nothing is divided by, which may be 0.
            for one in (0..all.len()).rev() {
                let (open, any) = others[one + 1];
                let middle = below[one] + masses[one] / 2.0;
                others[one] = (open * (1.0 - all[one].feasible * (1.0 - middle)), any * middle);
            }

            let mut open = 1.0;
            let mut any = 1.0;
            for (one, evidence) in all.iter().enumerate() {
                let mass = masses[one];
                let middle = below[one] + mass / 2.0;
                let (behind_open, behind_any) = others[one + 1];
                let is_largest = evidence.feasible * open * behind_open;
                shares[one] += mass * (is_largest + none_feasible * any * behind_any);
                open *= 1.0 - evidence.feasible * (1.0 - middle);
                any *= middle;
                below[one] += mass;
            }
        }

        let sum: f64 = shares.iter().sum();
        shares.into_iter().map(|share| share / sum).collect()
    }

    /// Returns how likely each is between each two points, from the left to the right.
    fn masses(&self, all: &[Evidence]) -> Vec<f64> {
        let mut masses = vec![0.0; all.len() * self.0.len().saturating_sub(1)];

        for (place, one) in all.iter().enumerate() {
            let mut own = masses.iter_mut().skip(place).step_by(all.len());
            let mut before = None;
            let mut sum = 0.0;
            let top = one.belief.top();
            for point in &self.0 {
                let shifted = (one.shift != 0.0).then(|| GridPoint::new(point.at - one.shift));
                let (place, density) = one.belief.density(shifted.as_ref().unwrap_or(point), top);
                if let Some((from, other)) = before
                    && let Some(mass) = own.next()
                {
                    *mass = (place - from) * (density + other);
                    sum += *mass;
                }
                before = Some((place, density));
            }

            masses.iter_mut().skip(place).step_by(all.len()).for_each(|mass| *mass /= sum);
        }
        masses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_and_the_deviation_that_is_believed() {
        let mut rng = Rng::seeded(2);
        for (mean, sd) in
            [(0.6, 0.3), (0.6, 0.02), (0.03, 0.02), (0.95, 0.1), (0.005, 0.05), (1.01, 0.1)]
        {
            let belief = Belief::new(mean, sd);
            let n = 40_000_u32;
            let drawn: Vec<f64> = (0..n).map(|_| belief.draw(&mut rng)).collect();
            let found = drawn.iter().sum::<f64>() / f64::from(n);
            let squares: f64 = drawn.iter().map(|one| (one - found).powi(2)).sum();
            let off = (squares / f64::from(n)).sqrt();
            assert!((found - mean).abs() < 0.01 && (off - sd).abs() < 0.01, "{found} {off}");
        }
    }
}
