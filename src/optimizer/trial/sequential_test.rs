//! Which of several patterns is better, looked at after every input: the arithmetic of a comparison.
//! Pure; `compare` does the work.

use crate::optimizer::stats::{self, Interval};

/// Shares of what it has that each of ten gamblers bets on one side, from timid to bold. They all
/// begin with the same amount.
const BETS: [f64; 10] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.95];
/// The least deviation of a difference: that all were the same so far says little of the next one.
const SD_MIN: f64 = 0.01;
/// The most inputs that an estimate looks ahead.
const FAR: u64 = 10_000_000;

/// When a comparison ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopRule {
    /// How often, at least, none of all intervals ever shown is wrong; below 1.
    pub confidence: f64,
    /// Difference in the score below which patterns count as equally good.
    pub min_effect: f64,
}

/// What a comparison says.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// One pattern is better than all others.
    Better(usize),
    /// The patterns that are left are equally good.
    Same,
    /// Not distinguishable yet.
    Open,
}

/// How much better one pattern was than another, on the same inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Inputs that both had.
    pub n: u64,
    /// Mean of the scores of the first less those of the second.
    pub mean: f64,
    /// Where the true mean lies, however often one looks.
    pub interval: Interval,
}

/// The differences between two patterns, in the order of the inputs.
#[derive(Debug, Clone, Default)]
struct Pair {
    differences: Vec<f64>,
    sum: f64,
    squares: f64,
    /// Logarithms of what those have who bet on the first pattern, and on the second, against those
    /// who say that they are equally good.
    first: [f64; BETS.len()],
    second: [f64; BETS.len()],
    /// What was known when the pair was decided: which is better is not looked at again.
    decided: Option<Difference>,
}

/// A comparison under way. Every input is done by all patterns that are left; one that is surely
/// worse than another is left out from then on.
#[derive(Debug, Clone)]
pub struct Experiment {
    rule: StopRule,
    arms: usize,
    live: Vec<bool>,
    /// By the place of the first pattern and of the second, which is above it.
    pairs: Vec<Vec<Pair>>,
    sums: Vec<(f64, f64)>,
}

impl Experiment {
    /// Starts a comparison of this many patterns.
    pub fn new(arms: usize, rule: StopRule) -> Experiment {
        Experiment {
            rule,
            arms,
            live: vec![true; arms],
            pairs: vec![vec![Pair::default(); arms]; arms],
            sums: vec![(0.0, 0.0); arms],
        }
    }

    /// Takes in the scores, from 0 to 1, of one input; a pattern without one was left out.
    pub fn add(&mut self, scores: &[Option<f64>]) {
        for (one, score) in scores.iter().enumerate() {
            let Some(score) = score else { continue };
            self.sums[one].0 += 1.0;
            self.sums[one].1 += score;
            for (other, other_score) in scores.iter().enumerate().skip(one + 1) {
                let Some(other_score) = other_score else { continue };
                self.pairs[one][other].add(score - other_score);
                self.decide(one, other);
            }
        }

        let beaten = |arm: usize| {
            (0..self.arms)
                .any(|other| self.live[other] && other != arm && self.has_beaten(other, arm))
        };
        // All are compared before any is taken out.
        let live: Vec<bool> = (0..self.arms).map(|arm| self.live[arm] && !beaten(arm)).collect();
        self.live = live;
    }

    /// Tells whether a pattern is still in the running.
    pub fn is_live(&self, arm: usize) -> bool {
        self.live[arm]
    }

    /// Returns what can be said now.
    pub fn verdict(&self) -> Verdict {
        let live: Vec<usize> = self.running();
        if let [winner] = live[..] {
            return Verdict::Better(winner);
        }

        let is_same = |one: usize, other: usize| {
            let pair = &self.pairs[one.min(other)][one.max(other)];
            // The interval takes long to find, and is wider than the approximation.
            pair.half_width(self.bar()) < self.rule.min_effect && {
                let interval = self.difference(one, other).interval;
                interval.high - interval.low < 2.0 * self.rule.min_effect
            }
        };

        let all_same = live
            .iter()
            .enumerate()
            .all(|(place, one)| live[place + 1..].iter().all(|other| is_same(*one, *other)));
        if all_same { Verdict::Same } else { Verdict::Open }
    }

    /// Returns the pattern with the best mean among those in the running, and the next one; for a
    /// comparison that is decided, the pattern that was beaten last.
    pub fn leaders(&self) -> (usize, usize) {
        let mean = |arm: &usize| {
            let (n, sum) = self.sums[*arm];
            if n > 0.0 { sum / n } else { 0.0 }
        };
        let best = |from: Vec<usize>| {
            from.into_iter().reduce(|a, b| if mean(&b) > mean(&a) { b } else { a })
        };

        let first = best(self.running()).unwrap_or(0);
        let rest: Vec<usize> = self.running().into_iter().filter(|arm| *arm != first).collect();

        // One that was beaten by another one shows nothing about the winner.
        let latest = |arm: &usize| {
            let is_own = self.has_beaten(first, *arm);
            (is_own, self.sums[*arm].0)
        };
        let out = (0..self.arms).filter(|arm| *arm != first);
        let second = best(rest)
            .or_else(|| {
                out.max_by(|a, b| {
                    let one = latest(a);
                    let other = latest(b);
                    one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
                })
            })
            .unwrap_or(first);

        (first, second)
    }

    /// Returns the difference of two patterns with an interval that holds at every look, whatever the
    /// scores are, as long as they lie between 0 and 1: the differences that are not refuted by the
    /// gain of gamblers who bet against them in a fair game. Source: I. Waudby-Smith and A. Ramdas,
    /// "Estimating means of bounded random variables by betting", JRSS B 86 (2024), with a mixture
    /// of fixed bets, and the error shared among all pairs (Bonferroni).
    pub fn difference(&self, one: usize, other: usize) -> Difference {
        if one > other {
            let found = self.difference(other, one);
            let interval = Interval { low: -found.interval.high, high: -found.interval.low };
            return Difference { mean: -found.mean, interval, ..found };
        }

        let pair = &self.pairs[one][other];
        let seen = pair.differences.len();
        if seen == 0 {
            let interval = Interval { low: -1.0, high: 1.0 };
            return Difference { n: 0, mean: 0.0, interval };
        }

        let mean = pair.sum / count(seen);
        let bar = self.bar();
        let is_low = |mean: f64| pair.gain(mean, 1.0) >= bar;
        let is_high = |mean: f64| pair.gain(mean, -1.0) >= bar;
        let mut interval =
            Interval { low: edge(-1.0, mean, is_low), high: edge(1.0, mean, is_high) };
        // The search for an edge is not exact, and the test is.
        if self.is_better(one, other) {
            interval.low = interval.low.max(f64::EPSILON);
        } else if self.is_better(other, one) {
            interval.high = interval.high.min(-f64::EPSILON);
        }

        // Executions that were under way then, or are known already, still come in after a decision.
        let now = Difference { n: seen as u64, mean, interval };
        let says_so = |found: &Difference| {
            if found.mean > 0.0 { interval.low > 0.0 } else { interval.high < 0.0 }
        };
        pair.decided.filter(|found| !says_so(found)).unwrap_or(now)
    }

    /// Notes what is known of a pair when it is decided.
    fn decide(&mut self, one: usize, other: usize) {
        let is_new = self.pairs[one][other].decided.is_none();
        if is_new && (self.is_better(one, other) || self.is_better(other, one)) {
            self.pairs[one][other].decided = Some(self.difference(one, other));
        }
    }

    /// Tells whether a pattern was better than another one when the two were decided.
    fn has_beaten(&self, one: usize, other: usize) -> bool {
        let decided = self.pairs[one.min(other)][one.max(other)].decided;
        decided.is_some_and(|found| (found.mean > 0.0) == (one < other))
    }

    /// Estimates how many more inputs it takes until two patterns are told apart, or found equally
    /// good, if they continue as they did; `None` if that is too far away to say.
    pub fn to_decide(&self, one: usize, other: usize) -> Option<u64> {
        let pair = &self.pairs[one.min(other)][one.max(other)];
        let seen = count(pair.differences.len());
        if pair.differences.len() < 2 {
            return None;
        }

        let better = if pair.sum < 0.0 { &pair.second } else { &pair.first };
        // The interval of a mean that never varied is not a point: it narrows as the boldest bet gains.
        let bar = self.bar() + count(BETS.len()).ln();
        let interval = self.difference(one.min(other), one.max(other)).interval;
        let known_half = (interval.high - interval.low) / 2.0;
        let half = |n: f64| {
            let by_scatter = pair.half_width(self.bar()) * (seen / n).sqrt() + bar / n;
            by_scatter.max(known_half * seen / n)
        };
        let is_decided = |n: f64| {
            let grown = better.map(|gain| gain / seen * n);
            log_mean(&grown) >= self.bar() || half(n) < self.rule.min_effect
        };

        // It is open now, so at least one more is needed.
        let known = pair.differences.len() as u64;
        let mut low = known + 1;
        let mut high = FAR;
        while low < high {
            let middle = low + (high - low) / 2;
            if is_decided(whole(middle)) { high = middle } else { low = middle + 1 }
        }
        (low < FAR).then(|| low - known)
    }

    /// Returns how likely the first of two patterns has the higher mean, by the normal approximation:
    /// that of Student, with the scatter that was seen. It needs fewer inputs than the test, and is
    /// wrong where a rare failure has not shown yet. `None` for fewer than two inputs.
    pub fn likely(&self, one: usize, other: usize) -> Option<f64> {
        let pair = &self.pairs[one.min(other)][one.max(other)];
        let n = count(pair.differences.len());
        if n < 2.0 {
            return None;
        }

        let variance = (pair.squares - pair.sum * pair.sum / n).max(0.0) / (n - 1.0);
        let error = variance.sqrt().max(SD_MIN) / n.sqrt();
        let chance = stats::student_below(pair.sum / n / error, n - 1.0);
        Some(if one < other { chance } else { 1.0 - chance })
    }

    /// The logarithm of the gain at which something is refuted.
    fn bar(&self) -> f64 {
        let pairs = count((self.arms * (self.arms - 1) / 2).max(1));
        (2.0 * pairs / (1.0 - self.rule.confidence)).ln()
    }

    fn is_better(&self, one: usize, other: usize) -> bool {
        let pair = &self.pairs[one.min(other)][one.max(other)];
        let gains = if one < other { &pair.first } else { &pair.second };
        log_mean(gains) >= self.bar()
    }

    fn running(&self) -> Vec<usize> {
        (0..self.arms).filter(|arm| self.live[*arm]).collect()
    }
}

impl Pair {
    fn add(&mut self, difference: f64) {
        self.differences.push(difference);
        self.sum += difference;
        self.squares += difference * difference;

        for (place, bet) in BETS.iter().enumerate() {
            self.first[place] += (bet * difference).ln_1p();
            self.second[place] += (-bet * difference).ln_1p();
        }
    }

    /// About half of the width of the interval, by a normal approximation.
    fn half_width(&self, bar: f64) -> f64 {
        let n = count(self.differences.len());
        if n < 2.0 {
            return f64::INFINITY;
        }

        let variance = (self.squares - self.sum * self.sum / n).max(0.0) / (n - 1.0);
        (2.0 * variance * bar / n).sqrt()
    }

    /// Returns the logarithm of what those have who bet that the mean is above `mean`, for a side of
    /// 1, or below it, for -1.
    fn gain(&self, mean: f64, side: f64) -> f64 {
        // A bet must not lose more than everything: the worst is a difference of -side.
        let scale = side / (1.0 + side * mean);

        let gains = BETS.map(|bet| {
            let stake = bet * scale;
            self.differences.iter().map(|seen| (stake * (seen - mean)).ln_1p()).sum()
        });

        log_mean(&gains)
    }
}

/// The logarithm of the mean of numbers that are given by their logarithms.
fn log_mean(logs: &[f64; BETS.len()]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - top).exp()).sum();
    top + (sum / count(logs.len())).ln()
}

/// Finds where a means from `from`, where all are refuted, to `to`, where none is, begins to hold.
fn edge(from: f64, to: f64, is_refuted: impl Fn(f64) -> bool) -> f64 {
    // At the very end a bet has no bound.
    let mut out = from;
    let mut held = to;
    for _ in 0..30 {
        let middle = f64::midpoint(out, held);
        if is_refuted(middle) { out = middle } else { held = middle }
    }
    out
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn whole(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    const RULE: StopRule = StopRule { confidence: 0.95, min_effect: 0.02 };

    /// Compares patterns that succeed with these rates; gives the verdict and the inputs it took.
    fn run(rates: &[f64], inputs: u64, rng: &mut Rng) -> (Verdict, u64) {
        let mut experiment = Experiment::new(rates.len(), RULE);
        for n in 1..=inputs {
            let scores: Vec<Option<f64>> = rates
                .iter()
                .enumerate()
                .map(|(arm, rate)| {
                    let score = f64::from(u8::from(rng.unit() < *rate));
                    experiment.is_live(arm).then_some(score)
                })
                .collect();

            experiment.add(&scores);
            if experiment.verdict() != Verdict::Open {
                return (experiment.verdict(), n);
            }
        }
        (Verdict::Open, inputs)
    }

    #[test]
    fn what_is_better_has_an_interval_without_zero() {
        let rule = StopRule { confidence: 0.95, min_effect: 0.02 };
        let mut experiment = Experiment::new(2, rule);
        while experiment.verdict() == Verdict::Open {
            experiment.add(&[Some(1.0), Some(0.0)]);
        }
        let decided = experiment.difference(0, 1);
        assert!(decided.interval.low > 0.0, "{decided:?}");

        // What comes in afterwards speaks for the other one, and decides nothing anew.
        for _ in 0..40 {
            experiment.add(&[Some(0.0), Some(1.0)]);
        }
        assert_eq!(experiment.verdict(), Verdict::Better(0));
        assert_eq!(experiment.difference(0, 1), decided);
        let mirrored = experiment.difference(1, 0);
        assert!(mirrored.interval.high < 0.0, "{mirrored:?}");
    }

    #[test]
    fn the_pattern_beside_the_winner_is_one_that_it_has_beaten() {
        let rule = StopRule { confidence: 0.95, min_effect: 0.02 };
        let mut rng = Rng::seeded(7);
        for _ in 0..20 {
            let mut experiment = Experiment::new(3, rule);
            let mut n = 0;
            while experiment.verdict() == Verdict::Open && n < 3000 {
                let scores = [0.9, 0.6, 0.2].map(|rate| f64::from(u8::from(rng.unit() < rate)));
                let seen = |arm: usize| experiment.is_live(arm).then_some(scores[arm]);
                let scores = [seen(0), seen(1), seen(2)];
                experiment.add(&scores);
                n += 1;
            }
            let (first, second) = experiment.leaders();
            let found = experiment.difference(first, second);
            if let Verdict::Better(_) = experiment.verdict() {
                assert!(found.interval.low > 0.0, "{found:?}");
            }
        }
    }

    #[test]
    fn equal_patterns_are_seldom_told_apart_however_often_one_looks() {
        let mut rng = Rng::seeded(1);
        for rates in [&[0.9, 0.9][..], &[0.5, 0.5], &[0.97, 0.97], &[0.8, 0.8, 0.8, 0.8]] {
            let wrong = (0..100)
                .filter(|_| matches!(run(rates, 400, &mut rng).0, Verdict::Better(_)))
                .count();
            assert!(wrong <= 9, "{rates:?}: {wrong} of 100 is more than chance gives at 5 %");
        }
    }

    #[test]
    fn a_better_pattern_is_found_and_soon() {
        let mut rng = Rng::seeded(2);
        for (rates, best, most) in
            [(&[0.95, 0.6][..], 0, 80), (&[0.6, 0.8], 1, 200), (&[0.5, 0.55, 0.9, 0.6], 2, 120)]
        {
            let mut took: Vec<u64> = (0..100)
                .map(|_| {
                    let (verdict, n) = run(rates, 5000, &mut rng);
                    assert_eq!(verdict, Verdict::Better(best), "{rates:?}");
                    n
                })
                .collect();

            took.sort_unstable();
            assert!(took[50] <= most, "{rates:?} took {} inputs", took[50]);
        }
    }

    #[test]
    fn what_differs_by_nothing_is_the_same_in_the_end() {
        let mut experiment = Experiment::new(2, RULE);
        while experiment.verdict() == Verdict::Open {
            experiment.add(&[Some(0.7), Some(0.7)]);
        }

        assert_eq!(experiment.verdict(), Verdict::Same);
        let found = experiment.difference(1, 0);
        assert!(found.interval.high - found.interval.low < 0.04, "{found:?}");
    }

    #[test]
    fn the_estimate_is_where_it_is_decided_if_all_goes_on_as_it_did() {
        let mut experiment = Experiment::new(2, RULE);
        let scores = |n: u64| [Some(if n.is_multiple_of(4) { 0.0 } else { 1.0 }), Some(0.5)];
        for n in 0..12 {
            experiment.add(&scores(n));
        }

        let more = experiment.to_decide(0, 1).expect("a difference");
        let mut n = 12;
        while experiment.verdict() == Verdict::Open {
            experiment.add(&scores(n));
            n += 1;
        }

        assert_eq!(experiment.verdict(), Verdict::Better(0));
        assert!(n.abs_diff(12 + more) <= 12, "{} and {n}", 12 + more);
        assert_eq!(experiment.leaders(), (0, 1));
    }

    #[test]
    fn what_is_likely_shows_sooner_than_what_is_sure() {
        let mut rng = Rng::seeded(5);
        let mut experiment = Experiment::new(2, RULE);
        let mut likely_at = None;
        let mut n = 0;
        while experiment.verdict() == Verdict::Open && n < 1000 {
            let scores = [0.92, 0.90].map(|mean| Some(mean + 0.03 * rng.normal()));
            experiment.add(&scores.map(|score| score.map(|score| score.clamp(0.0, 1.0))));
            n += 1;

            let is_likely = experiment.likely(0, 1).is_some_and(|chance| chance > 0.975);
            likely_at = likely_at.or(is_likely.then_some(n));
        }

        let at = likely_at.expect("it becomes likely");
        assert!(at < n / 2, "likely at {at}, decided at {n}");
        let both = experiment.likely(0, 1).zip(experiment.likely(1, 0)).expect("many inputs");
        assert!((both.0 + both.1 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_estimate_of_equal_patterns_falls_as_inputs_come_and_is_about_right() {
        let mut experiment = Experiment::new(2, RULE);
        let mut told = Vec::new();
        let mut n = 0;
        while experiment.verdict() == Verdict::Open {
            experiment.add(&[Some(0.7), Some(0.7)]);
            n += 1;
            told.push(experiment.to_decide(0, 1));
        }

        for seen in [3_u64, 40, 100, 200] {
            let at = usize::try_from(seen).expect("small") - 1;
            let more = told[at].expect("an estimate");
            assert!(more.abs_diff(n - seen) <= n / 3, "{more} more after {seen} of {n}");
        }
    }

    #[test]
    fn a_pattern_that_is_beaten_does_no_more() {
        let mut experiment = Experiment::new(3, RULE);
        for _ in 0..60 {
            let scores = [1.0, 0.9, 0.0]
                .iter()
                .enumerate()
                .map(|(a, s)| experiment.is_live(a).then_some(*s));
            let scores: Vec<_> = scores.collect();
            experiment.add(&scores);
        }

        assert!(!experiment.is_live(2));
        assert_eq!(experiment.leaders().0, 0);
        assert!(experiment.difference(0, 2).n < experiment.difference(0, 1).n);
    }
}
