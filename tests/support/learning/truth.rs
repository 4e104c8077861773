//! What an execution of a pattern is like, and what it is worth. Worth is computed here once more,
//! apart from the program, so that a mistake there shows.

use kaizen::base::rng::Rng;
use std::sync::OnceLock;

/// Longest time of an execution in seconds where patterns take seconds; what takes longer has failed.
const TIME_OUT: f64 = 60.0;
/// Parts into which a distribution is cut to compute its mean.
const PARTS: u32 = 400;

/// By what executions are counted: weights, and the time and the cost that halve the reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worth {
    pub(crate) quality: f64,
    pub(crate) time: f64,
    pub(crate) cost: f64,
    pub(crate) time_half: f64,
    pub(crate) cost_half: f64,
}

impl Worth {
    pub(crate) const WITHOUT_COST: Worth =
        Worth { quality: 0.7, time: 0.3, cost: 0.0, time_half: 5.0, cost_half: 0.01 };
    pub(crate) const WITH_COST: Worth =
        Worth { quality: 0.6, time: 0.2, cost: 0.2, time_half: 5.0, cost_half: 0.01 };

    /// Returns what an execution is worth. Quality that nobody judged counts as 1, as simple
    /// policies take it; what is unknown of time and cost counts as its half.
    pub(crate) fn of(&self, seen: &Seen) -> f64 {
        let speed = seen.time.map_or(0.5, |time| 1.0 / (1.0 + time / self.time_half));
        let thrift = seen.cost.map_or(0.5, |cost| 1.0 / (1.0 + cost / self.cost_half));
        let quality = seen.quality.unwrap_or(1.0);

        seen.success * (self.quality * quality + self.time * speed + self.cost * thrift)
    }
}

/// How one execution went, as far as anybody is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) success: f64,
    pub(crate) quality: Option<f64>,
    pub(crate) time: Option<f64>,
    pub(crate) cost: Option<f64>,
}

/// One pattern for one task type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    /// Probability of success.
    pub(crate) success: f64,
    /// How good a success is: mean and deviation, cut at 0 and 1.
    pub(crate) quality: f64,
    pub(crate) quality_sd: f64,
    /// Median of the time in seconds, and the spread of its logarithm.
    pub(crate) median: f64,
    pub(crate) spread: f64,
    /// Seconds after which an execution has failed.
    pub(crate) time_out: f64,
    /// Dollars.
    pub(crate) cost: Option<f64>,
}

impl Truth {
    /// A pattern that succeeds so often, and takes this many seconds.
    pub(crate) fn new(success: f64, median: f64) -> Truth {
        Truth {
            success,
            quality: 1.0,
            quality_sd: 0.0,
            median,
            spread: 0.4,
            time_out: if median < TIME_OUT { TIME_OUT } else { f64::INFINITY },
            cost: None,
        }
    }

    /// Draws one execution; its quality is told with a chance of `judged`.
    pub(crate) fn draw(&self, judged: f64, rng: &mut Rng) -> Seen {
        let time = self.median * (self.spread * rng.normal()).exp();
        let success = rng.unit() < self.success && time <= self.time_out;
        let quality = (self.quality + self.quality_sd * rng.normal()).clamp(0.0, 1.0);
        let is_graded = self.quality < 1.0 && success && rng.unit() < judged;

        Seen {
            success: f64::from(u8::from(success)),
            quality: is_graded.then_some(quality),
            time: Some(time.min(self.time_out)),
            cost: self.cost,
        }
    }

    /// Returns the mean worth of an execution.
    pub(crate) fn worth(&self, worth: &Worth) -> f64 {
        let quality =
            mean(|deviation| (self.quality + self.quality_sd * deviation).clamp(0.0, 1.0));
        let of_success = mean(|deviation| {
            let time = self.median * (self.spread * deviation).exp();
            let seen =
                Seen { success: 1.0, quality: Some(quality), time: Some(time), cost: self.cost };
            if time <= self.time_out { worth.of(&seen) } else { 0.0 }
        });

        self.success * of_success
    }

    pub(crate) fn p95(&self) -> f64 {
        self.median * (1.644_853_6 * self.spread).exp()
    }
}

/// The mean of a function of a standard normal number.
fn mean(of: impl Fn(f64) -> f64) -> f64 {
    deviations().iter().map(|deviation| of(*deviation)).sum::<f64>() / f64::from(PARTS)
}

/// Returns the middles of equally likely parts of the standard normal distribution.
fn deviations() -> &'static [f64] {
    static ALL: OnceLock<Vec<f64>> = OnceLock::new();

    ALL.get_or_init(|| {
        let chance = |part| (f64::from(part) + 0.5) / f64::from(PARTS);
        (0..PARTS).map(|part| normal_quantile(chance(part))).collect()
    })
}

/// Acklam's rational approximation would be shorter; bisection is plain.
fn normal_quantile(chance: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if normal_below(middle) < chance { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The normal distribution function. Source: Abramowitz and Stegun, 26.2.17 (error below 1e-7).
pub(crate) fn normal_below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429]
        .iter()
        .rev()
        .fold(0.0, |sum, c| (sum + c) * t);
    let upper = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt() * poly;
    if x >= 0.0 { 1.0 - upper } else { upper }
}
