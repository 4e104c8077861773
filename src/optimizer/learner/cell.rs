//! What the learner keeps of one pattern for one task type: sums in which old evidence fades.

use super::ring::{Newest, Ring};
use super::utility::{ExecutionOutcome, Objective};
use crate::optimizer::learner::packed::{ByteReader, Packing};

/// Buckets of the sketch of times.
const BUCKETS: usize = 64;
/// The upper end of the first bucket, in seconds.
const FIRST: f64 = 0.01;
/// How much longer each bucket is than the one before.
const RATIO: f64 = 1.25;

/// The scale below which the sketch is rewritten.
const SCALE_MIN: f64 = 1e-6;

/// How many executions a change leaves of those before it.
const CHANGE_LEAVES: f64 = 2.0;
/// Evidence that counts less than this much counts as none.
const EVIDENCE_MIN: f64 = 1e-9;

/// Sums over executions, where older ones count less.
#[derive(Debug, Clone, Default)]
pub(super) struct FadingSums {
    /// How many executions, as far as they still count.
    pub(super) n: f64,
    /// The sum of their utilities, and of the squares of these.
    pub(super) sum: f64,
    pub(super) squares: f64,
    /// The newest executions.
    pub(super) ring: Ring,
    /// Executions, also those that count less because nobody judged them; and successes among them.
    pub(super) tried: f64,
    pub(super) successes: f64,
    /// Successes that somebody judged, and the sum of their qualities; and those that nobody judged.
    pub(super) judged: (f64, f64),
    pub(super) unjudged: f64,
    /// How far the sum of the utilities rests on the quality of what nobody judged: the weight of that
    /// quality, and what it makes up as it was guessed last.
    guessed: (f64, f64),
    /// Executions with a cost, the sum of the costs in dollars, and of their squares.
    pub(super) cost_n: f64,
    pub(super) cost: f64,
    pub(super) cost_squares: f64,
    /// Executions by their time, each to be multiplied with the scale: so that what fades together
    /// costs one multiplication. As many buckets as the longest time needs.
    times: Vec<f64>,
    scale: f64,
    pub(super) times_n: f64,
    /// What this cell tells the level above: a weight, and the weight times the mean.
    pub(super) message: (f64, f64),
}

/// What the quality of an execution makes up in the sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountedQuality {
    pub(super) utility: f64,
    /// How much the utility counts.
    pub(super) share: f64,
    pub(super) success: f64,
    pub(super) quality: f64,
    /// How much of the utility is quality.
    pub(super) part: f64,
    pub(super) is_judged: bool,
}

impl FadingSums {
    /// Lets everything fade to a share.
    pub(super) fn fade(&mut self, share: f64) {
        for sum in [
            &mut self.n,
            &mut self.sum,
            &mut self.squares,
            &mut self.tried,
            &mut self.successes,
            &mut self.judged.0,
            &mut self.judged.1,
            &mut self.unjudged,
            &mut self.guessed.0,
            &mut self.guessed.1,
            &mut self.cost_n,
            &mut self.cost,
            &mut self.cost_squares,
            &mut self.times_n,
        ] {
            *sum *= share;
        }

        self.scale *= share;
    }

    /// Starts from the newest executions, and from a few that were as those before.
    pub(super) fn restart(&mut self, newest: &Newest, variance: f64) {
        let n = newest.n + CHANGE_LEAVES;
        let before = self.successes / self.tried;
        self.fade((n / self.n).min(1.0));

        self.n = n;
        self.tried = newest.tried + CHANGE_LEAVES;
        self.guessed = (0.0, 0.0);
        self.sum = newest.n * newest.mean + CHANGE_LEAVES * newest.before;
        self.squares = self.sum * self.sum / n + n * variance;
        self.successes = newest.successes + CHANGE_LEAVES * before;
        self.ring.restart();
    }

    /// Knows again what it knew once. What it has told the level above it has told.
    pub(super) fn put_back(&mut self, before: FadingSums) {
        *self = FadingSums { message: self.message, ..before };
    }

    /// Takes in an execution that counts as much as `weight` says, and for its utility only as `share`
    /// says of that.
    pub(super) fn add(
        &mut self,
        utility: f64,
        outcome: &ExecutionOutcome,
        weight: f64,
        share: f64,
    ) {
        self.n += share * weight;
        self.sum += share * weight * utility;
        self.squares += share * weight * utility * utility;
        self.ring.add(utility, outcome.success, share * weight);

        self.tried += weight;
        self.successes += weight * outcome.success;

        if let Some(time) = outcome.time {
            self.add_time(time, weight);
        }
        if let Some(cost) = outcome.cost {
            self.cost_n += weight;
            self.cost += weight * cost;
            self.cost_squares += weight * cost * cost;
        }
    }

    /// Takes in that a success was judged.
    pub(super) fn add_judged(&mut self, success: f64, quality: f64) {
        self.judged.0 += success;
        self.judged.1 += success * quality;
    }

    /// Takes in that the quality of a success was guessed, which makes up such a part of its utility.
    pub(super) fn add_unjudged(&mut self, success: f64, part: f64, quality: f64) {
        self.unjudged += success;
        self.guessed.0 += part * success;
        self.guessed.1 += part * success * quality;
    }

    /// Puts another quality in the place of that of one execution, which by now counts as much as `weight` says.
    pub(super) fn amend(&mut self, weight: f64, before: &CountedQuality, now: &CountedQuality) {
        // After a change, less may be left of all than of one.
        let weight = weight.min(self.n / before.share);
        self.count(-weight, before);
        self.count(weight, now);

        for sum in [&mut self.judged.0, &mut self.judged.1, &mut self.unjudged] {
            *sum = if *sum < EVIDENCE_MIN { 0.0 } else { *sum };
        }
        self.squares = self.squares.max(self.sum * self.sum / self.n.max(EVIDENCE_MIN));
        // The newest ones were counted in the old way, so they must not look like a change.
        self.ring.restart();
    }

    fn count(&mut self, weight: f64, one: &CountedQuality) {
        let CountedQuality { utility, share, success, quality, part, is_judged } = *one;
        self.n += weight * share;
        self.sum += weight * share * utility;
        self.squares += weight * share * utility * utility;

        if is_judged {
            self.judged.0 += weight * success;
            self.judged.1 += weight * success * quality;
        } else {
            self.unjudged += weight * success;
            self.guessed.0 += weight * share * part * success;
            self.guessed.1 += weight * share * part * success * quality;
        }
    }

    /// Puts another quality in the place of what nobody judged.
    pub(super) fn guess_quality(&mut self, quality: f64) {
        let by = self.guessed.0 * quality - self.guessed.1;
        self.guessed.1 += by;
        self.shift(by);
    }

    /// Counts what it knows of utilities less.
    pub(super) fn count_less(&mut self, share: f64) {
        for sum in [&mut self.n, &mut self.sum, &mut self.squares] {
            *sum *= share;
        }

        self.guessed = (self.guessed.0 * share, self.guessed.1 * share);
        self.ring = Ring::default();
    }

    /// Counts what it knows by another objective. `quality` is what a success has where nothing else is
    /// known of it. What every execution was like is no longer known, but their sums are: what is not
    /// quality in the utility was speed, and no cost so far was more than nothing.
    pub(super) fn count_by(&mut self, before: &Objective, now: &Objective, quality: f64) {
        if !self.is_known() || self.sum <= 0.0 || before.quality <= 0.0 || before.time <= 0.0 {
            return;
        }

        let successes = self.n * self.successes / self.tried;
        let judged = self.judged.0 + self.guessed.0 / before.quality;
        let graded = self.judged.1 + self.guessed.1 / before.quality;
        let quality = if judged > 0.0 { graded / judged } else { quality };
        let good = successes * quality;

        // What is unknown counts as its half, as everywhere.
        let free = (self.cost_n / self.tried).min(1.0);
        let thrift = successes * f64::midpoint(1.0, free);
        let rest = self.sum - before.quality * good - before.cost * thrift;
        let speed = (rest / before.time).clamp(0.0, successes);

        let sum = self.sum
            + (now.quality - before.quality) * good
            + (now.time - before.time) * speed
            + (now.cost - before.cost) * thrift;
        // Utilities scatter mostly because failures are worth nothing, so the scatter grows with them.
        let scatter = self.scatter() * (sum / self.sum).powi(2);
        self.sum = sum;
        self.squares = sum * sum / self.n + scatter;

        let share = now.quality / before.quality;
        self.guessed = (self.guessed.0 * share, self.guessed.1 * share);
        // The newest ones were counted in the old way, so they must not look like a change.
        self.ring.restart();
    }

    /// Adds to the sum of the utilities, and leaves their scatter as it was.
    pub(super) fn shift(&mut self, by: f64) {
        if by != 0.0 && self.is_known() {
            let sum = self.sum + by;
            self.squares += (sum * sum - self.sum * self.sum) / self.n;
            self.sum = sum;
        }
    }

    fn add_time(&mut self, time: f64, weight: f64) {
        let at = bucket(time);

        if self.times.is_empty() {
            self.scale = 1.0;
        }
        if self.times.len() <= at {
            self.times.reserve_exact(at + 1 - self.times.len());
            self.times.resize(at + 1, 0.0);
        }

        // What is divided by the scale must not grow without bound.
        if self.scale < SCALE_MIN {
            self.times.iter_mut().for_each(|bucket| *bucket *= self.scale);
            self.scale = 1.0;
        }

        self.times[at] += weight / self.scale;
        self.times_n += weight;
    }

    /// Returns about how many executions took longer than a limit in seconds; those in the limit's
    /// own bucket count in part.
    pub(super) fn slower_than(&self, limit: f64) -> f64 {
        let at = bucket(limit);
        if self.times.len() <= at {
            return 0.0;
        }

        let slower: f64 = self.times[at + 1..].iter().sum();
        let high = FIRST * RATIO.powi(i32::try_from(at).unwrap_or(i32::MAX));
        let low = if at == 0 { 0.0 } else { high / RATIO };
        let share = ((high - limit) / (high - low)).clamp(0.0, 1.0);
        (slower + share * self.times[at]) * self.scale
    }

    /// Adds everything to bytes.
    pub(super) fn pack(&self, to: &mut Packing) {
        let FadingSums {
            n,
            sum,
            squares,
            ring,
            tried,
            successes,
            judged,
            unjudged,
            guessed,
            cost_n,
            cost,
            cost_squares,
            times,
            scale,
            times_n,
            message,
        } = self;

        let sums = [n, sum, squares, tried, successes, unjudged];
        let others = [cost_n, cost, cost_squares, times_n, scale];
        sums.into_iter().chain(others).for_each(|number| to.number(*number));

        for pair in [judged, guessed, message] {
            to.pair(*pair);
        }
        ring.pack(to);

        // One bit for each bucket that is not empty; where there is any bucket, the last is not.
        let is_filled = |bucket: &f64| u64::from(bucket.to_bits() != 0);
        to.bits(times.iter().rev().fold(0, |bits, bucket| bits << 1 | is_filled(bucket)));
        times.iter().filter(|bucket| is_filled(bucket) == 1).for_each(|bucket| to.number(*bucket));
    }

    /// Reads a cell from bytes.
    pub(super) fn unpack(from: &mut ByteReader<'_>) -> Option<FadingSums> {
        let mut cell = FadingSums {
            n: from.number()?,
            sum: from.number()?,
            squares: from.number()?,
            tried: from.number()?,
            successes: from.number()?,
            unjudged: from.number()?,
            cost_n: from.number()?,
            cost: from.number()?,
            cost_squares: from.number()?,
            times_n: from.number()?,
            scale: from.number()?,
            judged: from.pair()?,
            guessed: from.pair()?,
            message: from.pair()?,
            ring: Ring::unpack(from)?,
            times: Vec::new(),
        };

        let filled = from.bits()?;
        if filled != 0 {
            // The highest bit is that of the last bucket.
            cell.times = vec![0.0; BUCKETS - filled.leading_zeros() as usize];
            for (place, bucket) in cell.times.iter_mut().enumerate() {
                if filled >> place & 1 == 1 {
                    *bucket = from.number()?;
                }
            }
        }

        Some(cell)
    }

    /// Tells whether there is any evidence.
    pub(super) fn is_known(&self) -> bool {
        self.n > EVIDENCE_MIN
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / self.n
    }

    /// Returns the sum of the squares of the differences from the mean.
    pub(super) fn scatter(&self) -> f64 {
        if self.is_known() { (self.squares - self.sum * self.sum / self.n).max(0.0) } else { 0.0 }
    }

    /// Returns how much of the scatter is free to vary.
    pub(super) fn freedom(&self) -> f64 {
        (self.n - 1.0).max(0.0)
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the few buckets"
)]
fn bucket(time: f64) -> usize {
    let steps = (time.max(0.0) / FIRST).max(1e-9).ln() / RATIO.ln();
    steps.ceil().clamp(0.0, (BUCKETS - 1) as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_to_either_side_of_a_limit() {
        let mut cell = FadingSums::default();
        for time in [0.001, 0.5, 1.0, 2.0, 30.0, 1e9] {
            cell.add_time(time, 1.0);
        }

        assert_eq!(cell.slower_than(0.0).round(), 6.0);
        assert_eq!(cell.slower_than(10.0), 2.0);
        assert!((cell.slower_than(1.5) - 3.0).abs() < 0.5);

        cell.fade(0.5);
        assert_eq!(cell.slower_than(10.0), 1.0);
    }
}
