//! How one pattern is chosen from what is known of several.

use crate::base::clock::Stamp;
use crate::base::unit::Money;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::stats::Interval;
use std::fmt::Write as _;

/// Fewest observations of a pattern that make its figures worth comparing.
pub const SAMPLES_MIN: u64 = 3;
/// Time at which the reward for speed is halved, in seconds.
const TIME_HALF: f64 = 5.0;
/// Cost at which the reward for thrift is halved, in dollars.
const COST_HALF: f64 = 0.01;
/// The time that the guide's knowledge assumes where none is known, in seconds.
const GUIDE_TIME: f64 = 10.0;
/// What is recommended when nothing is known.
pub const DEFAULT: &str = "direct";

/// How patterns are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// By what the learner believes (`optimizer/learner`), from this task type and from others,
    /// and trying what is not well known as often as it is likely to be the best.
    #[default]
    Learn,
    /// Always the first of those to choose among.
    Fixed,
    /// `s (.7 q + .3 / (1 + t/5s))`, and with costs known `s (.6 q + .2 / (1 + t/5s) +
    /// .2 / (1 + c/$.01))`, where s is the mean success rate, q the mean score (1 where nobody
    /// judged), t the mean time. The guide's weights; success gates everything, and no term is
    /// unbounded.
    Greedy,
    /// The guide's optimizer: `.7 s + .3 / t`. At a mean time of 0, where the original divides by
    /// nothing, the score is infinite.
    Guide,
    /// The guide's knowledge: `.8 s + .2 / t`, with 10 s where no time is known.
    GuideKnowledge,
}

impl Policy {
    /// Reads a script's word.
    pub fn parse(word: &str) -> Option<Policy> {
        match word {
            "learn" => Some(Policy::Learn),
            "fixed" => Some(Policy::Fixed),
            "greedy" | "corrected" => Some(Policy::Greedy),
            "guide" => Some(Policy::Guide),
            "guide_knowledge" => Some(Policy::GuideKnowledge),
            _ => None,
        }
    }

    /// Returns the score of a pattern, and the range it lies in: the scores at the worst and at
    /// the best ends of the 90 % intervals of everything that goes into it, which holds the true
    /// score at least that often.
    pub fn score(self, cell: &PatternSums, with_cost: bool) -> (f64, Interval) {
        let success = cell.success_rate().unwrap_or(0.0);
        let rate = cell.success_interval();
        let time = cell.time.mean();
        let times = cell.time.interval();

        let ends = |value: f64, interval: Option<Interval>| {
            interval.map_or((value, value), |i| (i.low.max(0.0), i.high))
        };

        match self {
            Policy::Greedy | Policy::Learn | Policy::Fixed => {
                let quality = cell.score.mean().unwrap_or(1.0);
                let cost = cell.cost.mean();
                let (q_low, q_high) = ends(quality, cell.score.interval());
                let (t_low, t_high) = ends(time.unwrap_or(TIME_HALF), times);
                let (c_low, c_high) = ends(cost.unwrap_or(COST_HALF), cell.cost.interval());

                let at = |s: f64, q: f64, t: f64, c: f64| utility(s, q.min(1.0), t, c, with_cost);
                // What takes long and costs much is worth less, so those ends change places.
                let low = at(rate.low, q_low, t_high, c_high);
                let high = at(rate.high, q_high, t_low, c_low);
                let middle =
                    at(success, quality, time.unwrap_or(TIME_HALF), cost.unwrap_or(COST_HALF));
                (middle, Interval { low, high })
            }
            Policy::Guide | Policy::GuideKnowledge => {
                let (a, b) = if self == Policy::Guide { (0.7, 0.3) } else { (0.8, 0.2) };
                let time = time.unwrap_or(if self == Policy::Guide { 0.0 } else { GUIDE_TIME });
                let (t_low, t_high) = ends(time, times);

                let at = |s: f64, t: f64| a * s + b / t;
                let interval = Interval { low: at(rate.low, t_high), high: at(rate.high, t_low) };
                (at(success, time), interval)
            }
        }
    }
}

/// The corrected formula.
fn utility(success: f64, quality: f64, time: f64, cost: f64, with_cost: bool) -> f64 {
    let speed = 1.0 / (1.0 + time / TIME_HALF);
    if with_cost {
        success * (0.6 * quality + 0.2 * speed + 0.2 / (1.0 + cost / COST_HALF))
    } else {
        success * (0.7 * quality + 0.3 * speed)
    }
}

/// One pattern as it was ranked.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedPattern {
    /// The pattern.
    pub pattern: Pattern,
    /// Its score.
    pub score: f64,
    /// The range the score lies in.
    pub interval: Interval,
    /// How likely it is believed to be the best of those it was ranked with; `None` where the policy
    /// has no belief, or nothing is known of the pattern.
    pub best: Option<f64>,
    /// What is known of it.
    pub cell: PatternSums,
    /// Its last change for this task type, if it has changed.
    pub shift: Option<Shift>,
    /// Whether it fails mostly and is hardly the best, so that it is better avoided.
    pub avoided: bool,
}

impl RankedPattern {
    /// Tells whether nothing is known of it, neither from here nor from elsewhere: its score is what is
    /// believed of any pattern, and it is neither the best nor the worst.
    pub fn is_unknown(&self) -> bool {
        self.cell.n == 0 && self.best.is_none()
    }
}

/// A change of how well a pattern does for a task type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Its mean utility before.
    pub from: f64,
    /// The mean of the executions in which it showed.
    pub to: f64,
    /// When it was seen.
    pub at: Stamp,
    /// How many executions of the task type came after it.
    pub ago: u64,
}

impl Shift {
    /// Says what changed, and how long ago: in executions, so that it is said the same whenever it is
    /// asked.
    pub fn sentence(&self) -> String {
        let ago = match self.ago {
            0 => "at the latest execution".to_owned(),
            1 => "1 execution ago".to_owned(),
            many => format!("{many} executions ago"),
        };
        format!("changed from {:.2} to {:.2} {ago}", self.from, self.to)
    }
}

/// What to do next, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// The pattern to use.
    pub pattern: Pattern,
    /// Why, in one sentence.
    pub reason: String,
    /// Whether there is too little evidence to know better.
    pub guess: bool,
    /// How likely this pattern was to be chosen, 0 to 1.
    pub probability: f64,
    /// Whether it was chosen in order to learn more about it, though another one seems better.
    pub explored: bool,
    /// Its rank, if anything is known of it.
    pub ranked: Option<RankedPattern>,
    /// The others, best first.
    pub alternatives: Vec<RankedPattern>,
}

impl Recommendation {
    /// Says that nothing but the order of the patterns was looked at.
    pub(in crate::optimizer) fn by_order(self) -> Recommendation {
        let reason = format!("`{}` is the first of the given patterns", self.pattern);
        Recommendation { reason, guess: false, ..self }
    }
}

/// Ranks patterns, best first; ties by name.
pub fn rank(policy: Policy, cells: Vec<(Pattern, PatternSums)>) -> Vec<RankedPattern> {
    let with_cost = cells.iter().any(|(_, cell)| cell.cost.sum > 0.0);
    let mut ranked: Vec<RankedPattern> = cells
        .into_iter()
        .map(|(pattern, cell)| {
            let (score, interval) = policy.score(&cell, with_cost);
            RankedPattern {
                pattern,
                score,
                interval,
                best: None,
                cell,
                shift: None,
                avoided: false,
            }
        })
        .collect();

    order(&mut ranked);
    ranked
}

/// Puts the best first, and unknown patterns last; ties go by name. Scores that differ by less than a billionth are
/// tied, because sums of the same figures in another order differ by that much.
pub fn order(ranked: &mut [RankedPattern]) {
    let rounded = |r: &RankedPattern| (r.score * 1e9).round();
    ranked.sort_by(|a, b| {
        let by_knowledge = a.is_unknown().cmp(&b.is_unknown());
        let by_score = || rounded(b).total_cmp(&rounded(a));
        by_knowledge.then_with(by_score).then_with(|| a.pattern.cmp(&b.pattern))
    });
}

/// Chooses a pattern for a task type. `among` are the patterns that may be chosen, in the order
/// in which untried ones are to be tried; empty for all that are known.
pub fn choose(
    policy: Policy,
    task: &TaskType,
    ranked: Vec<RankedPattern>,
    among: &[Pattern],
) -> Recommendation {
    let allowed = |r: &RankedPattern| among.is_empty() || among.contains(&r.pattern);
    let candidates: Vec<RankedPattern> = ranked.into_iter().filter(allowed).collect();
    if policy == Policy::Greedy
        && let Some(untried) = untried(task, &candidates, among)
    {
        return untried;
    }

    let enough = |r: &RankedPattern| policy != Policy::Greedy || r.cell.n >= SAMPLES_MIN;
    let best =
        candidates.iter().position(enough).or(if candidates.is_empty() { None } else { Some(0) });
    let Some(best) = best else { return without_evidence(task, among) };

    let mut others = candidates;
    let chosen = others.remove(best);
    let guess = chosen.cell.n < SAMPLES_MIN;
    let reason = reason(task, &chosen, &others, guess);
    Recommendation {
        pattern: chosen.pattern.clone(),
        probability: 1.0,
        explored: false,
        reason,
        guess,
        ranked: Some(chosen),
        alternatives: others,
    }
}

/// Finds the first of the given patterns that has not been tried often enough.
fn untried(
    task: &TaskType,
    candidates: &[RankedPattern],
    among: &[Pattern],
) -> Option<Recommendation> {
    let known = |pattern: &Pattern| candidates.iter().find(|r| r.pattern == *pattern);
    let tried = |pattern: &Pattern| known(pattern).map_or(0, |r| r.cell.n);
    let next = among.iter().min_by_key(|pattern| tried(pattern));
    let next = next.filter(|pattern| tried(pattern) < SAMPLES_MIN)?;

    let ranked = known(next).cloned();
    let others = candidates.iter().filter(|r| r.pattern != *next).cloned();
    let reason = format!(
        "`{next}` has {} of the {SAMPLES_MIN} executions on `{task}` that a comparison needs",
        tried(next)
    );
    let alternatives = others.collect();
    let probability = 1.0;
    let explored = true;
    let pattern = next.clone();

    Some(Recommendation {
        pattern,
        reason,
        guess: true,
        probability,
        explored,
        ranked,
        alternatives,
    })
}

/// Recommends the simplest pattern when nothing is known that may be used.
pub(in crate::optimizer) fn without_evidence(task: &TaskType, among: &[Pattern]) -> Recommendation {
    let default = Pattern::new(DEFAULT).expect("the default has a name");

    Recommendation {
        pattern: among.first().cloned().unwrap_or(default),
        reason: format!("nothing is known about `{task}` yet"),
        guess: true,
        probability: 1.0,
        explored: false,
        ranked: None,
        alternatives: Vec::new(),
    }
}

/// Says in one sentence why a pattern was chosen.
fn reason(
    task: &TaskType,
    chosen: &RankedPattern,
    others: &[RankedPattern],
    guess: bool,
) -> String {
    let mut text = format!("on `{task}`, {}", figures(chosen));

    if let Some(next) = others.first() {
        // Writing to a String cannot fail.
        let _ = write!(text, "; next: {}", figures(next));
    }
    if guess {
        let _ = write!(text, "; a guess: there is little evidence (n={})", chosen.cell.n);
    }
    text
}

/// Writes what is known of a pattern.
pub(in crate::optimizer) fn figures(ranked: &RankedPattern) -> String {
    if ranked.is_unknown() {
        return format!("`{}` was never tried", ranked.pattern);
    }

    let cell = &ranked.cell;
    let mut text = format!(
        "`{}` scores {:.2} [{:.2}, {:.2}] (n={}",
        ranked.pattern, ranked.score, ranked.interval.low, ranked.interval.high, cell.n,
    );

    // Writing to a String cannot fail.
    if let Some(rate) = cell.success_rate() {
        let _ = write!(text, ", success {:.0} %", 100.0 * rate);
    }
    if let Some(score) = cell.score.mean() {
        let _ = write!(text, ", quality {score:.2}");
    }
    if let Some(time) = cell.time.mean() {
        let _ = write!(text, ", {time:.2} s");
    }
    if let Some(cost) = cell.cost.mean().filter(|cost| *cost > 0.0) {
        let _ = write!(text, ", {}", Money::from_dollars(cost).unwrap_or_default());
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::evidence::observation::Observation;
    use serde_json::{Value, json};

    fn cell(success: f64, time: f64, n: u32) -> PatternSums {
        let mut cell = PatternSums::default();
        let task = TaskType::new("t").expect("a name");
        let pattern = Pattern::new("p").expect("a name");

        let Value::Object(metrics) = json!({ "success_rate": success, "execution_time": time })
        else {
            return cell;
        };

        let seen = Observation::read(task, pattern, &metrics).expect("metrics");
        for _ in 0..n {
            cell.add(&seen);
        }
        cell
    }

    fn best(policy: Policy, cells: &[(&str, PatternSums)], among: &[&str]) -> Recommendation {
        let pattern = |name: &str| Pattern::new(name).expect("a name");
        let cells = cells.iter().map(|(name, cell)| (pattern(name), cell.clone())).collect();
        let among: Vec<Pattern> = among.iter().map(|name| pattern(name)).collect();
        let task = TaskType::new("t").expect("a name");
        choose(policy, &task, rank(policy, cells), &among)
    }

    #[test]
    fn the_guides_numbers_come_out() {
        let score = |success, time| Policy::Guide.score(&cell(success, time, 1), false).0;
        let scores = [(1.0, 2.0), (0.9, 1.5), (1.0, 3.0)].map(|(s, t)| score(s, t));
        assert_eq!(scores.map(|s| (s * 1000.0).round()), [850.0, 830.0, 800.0]);
    }

    #[test]
    fn k1_a_time_of_zero_divides_nothing() {
        let (corrected, _) = Policy::Greedy.score(&cell(1.0, 0.0, 3), false);
        assert_eq!(corrected, 1.0);
        assert_eq!(Policy::Guide.score(&cell(1.0, 0.0, 1), false).0, f64::INFINITY);

        let unknown = Policy::GuideKnowledge
            .score(&PatternSums { n: 1, success_sum: 1.0, ..PatternSums::default() }, false);
        assert_eq!((unknown.0 * 1000.0).round(), 820.0);
    }

    #[test]
    fn k2_failing_fast_does_not_pay_whatever_the_unit() {
        for unit in [1.0, 1000.0, 1.0 / 60.0] {
            let cells = [("fails", cell(0.0, 0.05 * unit, 5)), ("works", cell(1.0, 2.0 * unit, 5))];
            assert_eq!(best(Policy::Greedy, &cells, &[]).pattern.as_str(), "works", "{unit}");
        }
    }

    #[test]
    fn k3_one_lucky_run_does_not_beat_a_hundred_good_ones() {
        let cells = [("lucky", cell(1.0, 1.0, 1)), ("proven", cell(0.99, 1.0, 100))];
        let found = best(Policy::Greedy, &cells, &[]);
        assert_eq!((found.pattern.as_str(), found.guess), ("proven", false));

        let found = best(Policy::Greedy, &cells, &["lucky", "proven"]);
        assert_eq!((found.pattern.as_str(), found.guess), ("lucky", true), "{}", found.reason);
    }

    #[test]
    fn k4_what_nobody_knows_is_called_a_guess() {
        let found = best(Policy::Greedy, &[], &[]);
        assert_eq!(found.pattern.as_str(), "direct");
        assert!(found.guess);
        assert_eq!(found.reason, "nothing is known about `t` yet");
    }
}
