//! Estimates with their uncertainty.

use statrs::distribution::{Beta, ContinuousCDF, Normal, StudentsT};

/// How often an interval is to hold the truth.
pub const CONFIDENCE: f64 = 0.9;

/// A closed range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Returns the interval for a rate of which `successes` (may be a sum of parts) of `n` were seen.
/// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// JASA 22 (1927).
pub fn wilson(successes: f64, n: f64) -> Interval {
    if n <= 0.0 {
        return Interval { low: 0.0, high: 1.0 };
    }

    let normal = Normal::new(0.0, 1.0).expect("the standard normal distribution exists");
    let z = normal.inverse_cdf(0.5 + CONFIDENCE / 2.0);

    let rate = successes / n;
    let z2 = z * z;
    let centre = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

/// Returns the mean of `n` numbers from their sum.
pub fn mean(n: f64, sum: f64) -> Option<f64> {
    (n > 0.0).then(|| sum / n)
}

/// Returns Student's interval for the mean of `n` numbers from their sum and sum of squares;
/// `None` for fewer than two numbers.
pub fn student(n: f64, sum: f64, sum_of_squares: f64) -> Option<Interval> {
    if n < 2.0 {
        return None;
    }

    let mean = sum / n;
    let variance = ((sum_of_squares - sum * mean) / (n - 1.0)).max(0.0);
    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(0.5 + CONFIDENCE / 2.0);
    let half = t * (variance / n).sqrt();

    Some(Interval { low: mean - half, high: mean + half })
}

/// Returns the interval for the mean of `n` numbers from 0 to 1, which holds the truth as often as
/// `confidence` says; `None` for fewer than two numbers. It is Wilson's, with Student's t in the place of
/// the normal distribution, and with the scatter that was seen, as a share of the largest possible at
/// that mean. So it is not empty where all numbers are 1, and not wider than needed where they are
/// graded.
pub fn bounded(confidence: f64, n: f64, sum: f64, sum_of_squares: f64) -> Option<Interval> {
    if n < 2.0 {
        return None;
    }

    let mean = (sum / n).clamp(0.0, 1.0);
    let variance = ((sum_of_squares - sum * mean) / (n - 1.0)).max(0.0);
    let largest = mean * (1.0 - mean);
    let share = if largest > 1e-12 { (variance / largest).min(1.0) } else { 1.0 };

    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(0.5 + confidence / 2.0);
    let weight = t * t * share / n;
    let centre = (mean + weight / 2.0) / (1.0 + weight);
    let half = (weight * largest + weight * weight / 4.0).sqrt() / (1.0 + weight);
    Some(Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

/// Returns the interval for the difference of two means, the second less the first; `None` unless
/// both have two numbers or more. Source: B. L. Welch, "The generalization of Student's problem when
/// several different population variances are involved", Biometrika 34 (1947).
pub fn welch(first: &[f64], second: &[f64]) -> Option<Interval> {
    let moments = |numbers: &[f64]| {
        let n = f64::from(u32::try_from(numbers.len()).ok()?);
        let mean = numbers.iter().sum::<f64>() / n;
        let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
        (n >= 2.0).then(|| (n, mean, squares / (n - 1.0) / n))
    };

    let ((n1, mean1, error1), (n2, mean2, error2)) = (moments(first)?, moments(second)?);
    let difference = mean2 - mean1;
    let error = error1 + error2;
    if error <= 0.0 {
        return Some(Interval { low: difference, high: difference });
    }

    let freedom = error.powi(2) / (error1.powi(2) / (n1 - 1.0) + error2.powi(2) / (n2 - 1.0));
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.5 + CONFIDENCE / 2.0);
    let half = t * error.sqrt();
    Some(Interval { low: difference - half, high: difference + half })
}

/// Returns the probability that a rate is below `bound` after this many successes and failures, when
/// every rate was as likely before.
pub fn probability_below(bound: f64, successes: f64, failures: f64) -> f64 {
    beta_below(bound, 1.0 + successes, 1.0 + failures)
}

/// Returns the distribution function of Student's distribution.
pub fn student_below(bound: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(0.5, |student| student.cdf(bound))
}

/// Returns the distribution function of a Beta distribution.
pub fn beta_below(bound: f64, a: f64, b: f64) -> f64 {
    Beta::new(a, b).map_or(0.0, |beta| beta.cdf(bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-4, "{found} is not {expected}");
    }

    #[test]
    fn wilson_agrees_with_its_closed_form() {
        // 9 of 10 at 90 %: computed by hand from the formula with z = 1.6449.
        let interval = wilson(9.0, 10.0);
        close(interval.low, 0.652_3);
        close(interval.high, 0.977_3);
        assert_eq!(wilson(0.0, 0.0), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn student_agrees_with_the_table() {
        // 1, 2, 3: mean 2, s = 1, t(.95, 2) = 2.920.
        let interval = student(3.0, 6.0, 14.0).expect("three numbers");
        close(interval.high - 2.0, 2.920 / 3.0_f64.sqrt());
        assert_eq!(student(1.0, 5.0, 25.0), None);
    }

    type Draw = fn(&mut Rng, &dyn Fn(&mut Rng, f64) -> f64) -> f64;

    #[test]
    fn intervals_of_bounded_numbers_hold_as_often_as_they_say() {
        let flip = |rng: &mut Rng, rate: f64| f64::from(u8::from(rng.unit() < rate));

        let kinds: [(Draw, f64); 4] = [
            (|rng, flip| flip(rng, 0.5), 0.5),
            (|rng, flip| flip(rng, 0.9), 0.9),
            (|rng, flip| flip(rng, 0.9) * (0.4 + 0.4 * rng.unit()), 0.54),
            (|rng, _| 0.4 + 0.4 * rng.unit(), 0.6),
        ];

        let mut rng = Rng::seeded(3);
        for (place, (draw, truth)) in kinds.iter().enumerate() {
            for n in [20, 50, 200] {
                let held = (0..1000).filter(|_| {
                    let seen: Vec<f64> = (0..n).map(|_| draw(&mut rng, &flip)).collect();
                    let squares = seen.iter().map(|one| one * one).sum();
                    let range = bounded(0.95, f64::from(n), seen.iter().sum(), squares);
                    range.is_some_and(|range| range.low <= *truth && *truth <= range.high)
                });
                let held = held.count();
                // Few numbers may lack the rare ones.
                let least = if n < 50 { 895 } else { 925 };
                assert!((least..=985).contains(&held), "kind {place}, n={n}: {held} of 1000");
            }
        }

        assert_eq!(bounded(0.95, 1.0, 1.0, 1.0), None);
        let all = bounded(0.95, 20.0, 20.0, 20.0).expect("an interval");
        assert!((0.78..0.9).contains(&all.low) && all.high > 0.999, "{all:?}");
    }

    #[test]
    fn welch_agrees_with_the_table() {
        // Equal sizes and variances: 4 degrees of freedom, t(.95, 4) = 2.132, s = 1.
        let interval = welch(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).expect("two samples");
        close(interval.high - 3.0, 2.132 * (2.0_f64 / 3.0).sqrt());
        assert_eq!(welch(&[1.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn the_posterior_of_nothing_is_even() {
        close(probability_below(0.5, 0.0, 0.0), 0.5);
        close(probability_below(0.5, 0.0, 3.0), 1.0 - 0.5_f64.powi(4));
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let mut rng = Rng::seeded(11);
        let mut rates = 0;
        let mut means = 0;
        for _ in 0..2000 {
            let seen = (0..30).filter(|_| rng.unit() < 0.8).count();
            let interval = wilson(f64::from(u32::try_from(seen).expect("small")), 30.0);
            rates += u32::from((interval.low..=interval.high).contains(&0.8));

            let xs: Vec<f64> = (0..8).map(|_| 3.0 + rng.normal()).collect();
            let squares = xs.iter().map(|x| x * x).sum();
            let interval = student(8.0, xs.iter().sum(), squares).expect("eight numbers");
            means += u32::from((interval.low..=interval.high).contains(&3.0));
        }

        assert!((1740..1900).contains(&rates), "{rates} of 2000 for rates");
        assert!((1740..1860).contains(&means), "{means} of 2000 for means");
    }
}
