//! What a comparison has found, as scripts and people are told: a test, which holds however often one
//! looks, in words that no belief is told in.

use crate::base::count::counted;
use crate::base::unit::Money;
use crate::optimizer::choice::recommendation::percent;
use crate::optimizer::learner::{ExecutionOutcome, Objective, Scale, median};
use crate::optimizer::stats;
use crate::optimizer::trial::accuracy::Accuracy;
use crate::optimizer::trial::comparison::{ComparisonEnd, ComparisonPlan};
use crate::optimizer::trial::execution::Measurement;
use crate::optimizer::trial::losses::Losses;
use crate::optimizer::trial::sequential_test::{Difference, Experiment, StopRule, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The difference from which it is shown: a smaller one would be 0 with three digits.
const LEVEL: f64 = 0.0005;

/// Inputs of which the scales of times and costs are made, where nobody names them.
const SCALE_INPUTS: usize = 10;

/// What was seen of each pattern on one input, once for each repeat; nothing of those that were left out.
pub(in crate::optimizer) type Block = Vec<Vec<Measurement>>;

/// What executions are worth in a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::optimizer) struct Measure {
    objective: Objective,
    scale: Scale,
}

impl Measure {
    /// Takes what was said, or the guide's weights, which count the cost once one is known. Scales that
    /// nobody named are set once, by the first inputs.
    pub(in crate::optimizer) fn of(given: Option<Objective>, blocks: &[Block]) -> Measure {
        let all = || blocks.iter().flatten().flatten();
        let has_cost = || all().any(|seen| seen.cost.is_some_and(|cost| cost > 0.0));
        let objective = given.unwrap_or_else(|| {
            if has_cost() { Objective::WITH_COST } else { Objective::WITHOUT_COST }
        });
        let mut scale = objective.scale();

        if blocks.len() >= SCALE_INPUTS {
            let first = || blocks[..SCALE_INPUTS].iter().flatten().flatten();
            let middle = |numbers: Vec<f64>| {
                median(numbers.into_iter().filter(|number| *number > 0.0).collect())
            };
            let times = middle(first().filter_map(|seen| seen.time).collect());
            let costs = middle(first().filter_map(|seen| seen.cost).collect());
            scale.time_half = objective.time_half.or(times).unwrap_or(scale.time_half);
            scale.cost_half = objective.cost_half.or(costs).unwrap_or(scale.cost_half);
        }
        Measure { objective, scale }
    }

    fn worth(&self, outcome: &ExecutionOutcome) -> f64 {
        self.objective.utility(outcome, &self.scale)
    }

    /// Returns what executions on one input were worth in the mean; `None` without any.
    fn mean_worth(&self, seen: &[Measurement]) -> Option<f64> {
        mean(seen.iter().map(|seen| Some(self.worth(&seen.outcome()))))
    }

    /// Returns the mean score of a pattern on several inputs.
    pub(in crate::optimizer) fn mean<'a>(
        &self,
        inputs: impl Iterator<Item = &'a Vec<Measurement>>,
    ) -> Option<f64> {
        mean(inputs.map(|seen| self.mean_worth(seen)))
    }

    /// The scores of one input, each the mean of its repeats. Time and cost count only where they are known
    /// of all.
    pub(in crate::optimizer) fn scores(&self, block: &Block) -> Vec<Option<f64>> {
        let known = Self::known(block);
        let one = |seen: &Measurement| self.worth(&known(seen));
        block.iter().map(|seen| mean(seen.iter().map(|seen| Some(one(seen))))).collect()
    }

    /// Returns what quality, time and cost make of the difference of two patterns.
    fn shares(&self, blocks: &[Block], pair: [usize; 2]) -> [f64; 3] {
        let mut sums = [0.0; 3];
        let mut n = 0.0;
        for block in blocks.iter().filter(|block| pair.iter().all(|arm| !block[*arm].is_empty())) {
            let known = Self::known(block);
            let parts = pair.map(|arm| {
                let all: Vec<[f64; 3]> = block[arm]
                    .iter()
                    .map(|seen| self.objective.parts(&known(seen), &self.scale))
                    .collect();
                [0, 1, 2].map(|part| mean(all.iter().map(|one| Some(one[part]))).unwrap_or(0.0))
            });
            n += 1.0;
            for (part, sum) in sums.iter_mut().enumerate() {
                *sum += parts[0][part] - parts[1][part];
            }
        }
        sums.map(|sum| sum / f64::max(n, 1.0))
    }

    /// Returns what of an execution on an input counts: time and cost only if they are known of all.
    fn known(block: &Block) -> impl Fn(&Measurement) -> ExecutionOutcome + use<> {
        let all = || block.iter().flatten();
        let has_time = all().all(|seen| seen.time.is_some());
        let has_cost = all().all(|seen| seen.cost.is_some());
        move |seen| {
            let mut outcome = seen.outcome();
            outcome.time = outcome.time.filter(|_| has_time);
            outcome.cost = outcome.cost.filter(|_| has_cost);
            outcome
        }
    }
}

/// A comparison that has come to its end.
pub(in crate::optimizer) struct Ending<'a> {
    pub(in crate::optimizer) plan: &'a ComparisonPlan,
    pub(in crate::optimizer) experiment: &'a Experiment,
    pub(in crate::optimizer) blocks: &'a [Block],
    pub(in crate::optimizer) over: &'a ComparisonEnd,
    pub(in crate::optimizer) accuracy: Option<Accuracy>,
}

impl Ending<'_> {
    /// Returns what was found, as the map that scripts get.
    pub(in crate::optimizer) fn findings(&self) -> Value {
        let Ending { plan, experiment, blocks, .. } = *self;
        let measure = Measure::of(plan.objective, blocks);
        let (first, second) = experiment.leaders();
        let losses = Losses::of(blocks, plan.arms.len());
        let name = |arm: usize| plan.arms[arm].pattern.as_str();
        let lost = losses.sentence(|arm| name(arm).to_owned());
        // That nothing gave an answer makes patterns neither equal nor different.
        let verdict = if lost.is_some() { Verdict::Open } else { experiment.verdict() };
        let column = |arm: usize| -> Vec<&Measurement> {
            blocks.iter().flat_map(|block| &block[arm]).collect()
        };

        let more = (verdict == Verdict::Open && lost.is_none())
            .then(|| experiment.to_decide(first, second))
            .flatten();
        let of_pair = [first, second].into_iter();
        let of_pair = of_pair.filter_map(|arm| losses.sentence_of(arm, name(arm))).collect();
        let asked = [first, second].map(|arm| models(&column(arm)));
        let repeats = count(plan.repeat);
        let facts = Facts {
            verdict: &verdict,
            pair: [first, second].map(name),
            difference: experiment.difference(first, second),
            likely: experiment.likely(first, second).filter(|_| lost.is_none()),
            over: self.over,
            to_decide: more.map(|more| price(more, repeats, [first, second].map(column))),
            judged: self.judged(&measure, first, second),
            rule: plan.rule,
            shares: (measure.objective.time + measure.objective.cost > 0.0)
                .then(|| measure.shares(blocks, [first, second])),
            models: (asked[0] != asked[1]).then_some(asked),
            is_unjudged: measure.objective.quality > 0.0
                && blocks.iter().flatten().flatten().all(|seen| seen.score.is_none())
                && blocks.iter().flatten().flatten().any(|seen| seen.success > 0.0),
            lost,
            lost_of_pair: of_pair,
        };

        let patterns = (0..plan.arms.len()).map(|arm| {
            let worth: Vec<f64> =
                blocks.iter().filter_map(|block| measure.mean_worth(&block[arm])).collect();
            let mut figures = figures(&worth, plan.rule, &column(arm));
            figures["pattern"] = name(arm).into();
            figures["models"] = json!(models(&column(arm)));
            figures["left_out"] = (!experiment.is_live(arm)).into();
            figures
        });

        let mut findings = facts.to_value();
        findings["winner"] = match verdict {
            Verdict::Better(winner) => name(winner).into(),
            Verdict::Same | Verdict::Open => Value::Null,
        };
        findings["patterns"] = patterns.collect();
        findings["failure"] = self.failure(&losses);
        findings["scale"] = json!({
            "time_half": measure.scale.time_half, "cost_half": measure.scale.cost_half,
        });
        let objective = measure.objective;
        findings["objective"] = json!({
            "name": objective.describe(), "quality": objective.quality, "time": objective.time,
            "cost": objective.cost,
        });
        findings["task_type"] = plan.task.as_str().into();
        findings["fingerprint"] = plan.fingerprint.clone().into();
        findings
    }

    /// Returns why there is nothing to compare, if that is so.
    fn failure(&self, losses: &Losses) -> Value {
        match self.over {
            ComparisonEnd::Useless { kind, message, .. } if self.blocks.is_empty() => {
                json!({ "kind": kind, "message": message })
            }
            ComparisonEnd::Useless { .. }
            | ComparisonEnd::Decided
            | ComparisonEnd::Inputs
            | ComparisonEnd::Budget => losses.failure().unwrap_or(Value::Null),
        }
    }

    /// Returns the difference of two patterns as it would be without the judge's errors, as far as these
    /// are known.
    fn judged(&self, measure: &Measure, first: usize, second: usize) -> Option<Value> {
        let accuracy = self.accuracy?;
        let difference = self.experiment.difference(first, second);

        let both = self.blocks.iter().filter_map(|block| {
            let good = |seen: &Measurement| Some(seen.success * seen.score.unwrap_or(0.0));
            let both = [first, second].map(|arm| mean(block[arm].iter().map(good)));
            both[0].zip(both[1])
        });
        let mut n = 0.0;
        let mut sums = [0.0, 0.0];
        for (one, other) in both {
            n += 1.0;
            sums = [sums[0] + one, sums[1] + other];
        }
        let qualities = sums.map(|sum| sum / f64::max(n, 1.0));

        let part = measure.objective.quality * (qualities[0] - qualities[1]);
        let interval = (difference.interval.low, difference.interval.high);
        let (truth, range) = accuracy.correct(difference.mean, interval, part);
        let mut value = accuracy.to_value();
        value["difference"] = truth.into();
        value["interval"] = json!(range);
        value["times_inputs"] = accuracy.more_inputs(qualities).into();
        Some(value)
    }
}

/// Writes an end of an interval with so many digits that it does not look like 0.
fn bound(end: f64) -> String {
    let digits = (3..9).find(|digits| end == 0.0 || (end * 10_f64.powi(*digits)).abs() >= 0.5);
    match digits.and_then(|digits| usize::try_from(digits).ok()) {
        Some(digits) => format!("{end:.digits$}"),
        None => format!("{end:.0e}"),
    }
}

/// What a reason is made of.
struct Facts<'a> {
    verdict: &'a Verdict,
    pair: [&'a str; 2],
    difference: Difference,
    /// The chance that the first is the better one, by the normal approximation.
    likely: Option<f64>,
    over: &'a ComparisonEnd,
    to_decide: Option<Value>,
    judged: Option<Value>,
    rule: StopRule,
    /// What quality, time and cost make of the difference, unless quality alone counts.
    shares: Option<[f64; 3]>,
    /// The models that each has asked, if they differ.
    models: Option<[Vec<&'a str>; 2]>,
    /// Whether quality counts and nobody has judged an answer.
    is_unjudged: bool,
    /// Why nothing gave an answer, if that is so.
    lost: Option<String>,
    /// Why one of the two never gave an answer, if that is so.
    lost_of_pair: Vec<String>,
}

impl Facts<'_> {
    fn to_value(&self) -> Value {
        let Facts { pair: [first, second], difference, .. } = self;
        let leader = |chance: f64| {
            let (pattern, chance) =
                if chance < 0.5 { (second, 1.0 - chance) } else { (first, chance) };
            json!({ "pattern": pattern, "chance": chance, "unless": "a rare failure is hidden" })
        };

        json!({
            "verdict": match self.verdict {
                Verdict::Better(_) => "better",
                Verdict::Same => "same",
                Verdict::Open => "open",
            },
            "reason": self.reason(),
            "pair": self.pair,
            "difference": difference.mean,
            "interval": [difference.interval.low, difference.interval.high],
            "likely": self.likely.map(leader),
            "shares": self.shares.map(|[quality, time, cost]| {
                json!({ "quality": quality, "time": time, "cost": cost })
            }),
            "inputs": difference.n,
            "stopped": self.over.word(),
            "to_decide": self.to_decide,
            "judge": self.judged,
        })
    }

    /// Says in a sentence what was found and why no more was done.
    fn reason(&self) -> String {
        if let Some(lost) = &self.lost {
            return lost.clone();
        }

        let Facts { pair: [first, second], difference, rule, .. } = self;
        let Difference { n, mean, interval } = difference;
        let range = format!("[{}, {}]", bound(interval.low), bound(interval.high));
        let inputs = counted(*n, "input", "inputs");
        let sure = format!("(tested, {} % confidence at every look)", 100.0 * rule.confidence);

        let mut text = match self.verdict {
            Verdict::Better(_) => format!(
                "`{first}` is better than `{second}` by {mean:.3} {range} after {inputs} {sure}"
            ),
            Verdict::Same => format!(
                "no practical difference: `{first}` and `{second}` differ by {mean:.3} {range} \
                 after {inputs}, less than {} either way {sure}",
                rule.min_effect
            ),
            Verdict::Open if *n == 0 => "no input counts, so nothing is compared".to_owned(),
            Verdict::Open if mean.abs() < LEVEL => format!(
                "not distinguishable yet: `{first}` and `{second}` are level {range} after \
                 {inputs} {sure}"
            ),
            Verdict::Open => format!(
                "not distinguishable yet: `{first}` is ahead of `{second}` by {mean:.3} {range} \
                 after {inputs} {sure}"
            ),
        };

        if let Some([quality, time, cost]) = self.shares.filter(|_| *n > 0) {
            text += &format!(
                "; of that, {quality:.3} comes from quality, {time:.3} from time, {cost:.3} from cost"
            );
        }
        if self.is_unjudged {
            text += "; nobody judged the answers, so all of them count as equally good";
        }
        for lost in &self.lost_of_pair {
            text += &format!("; {lost}");
        }
        self.add_why_not_more(&mut text);
        text
    }

    /// Tells whether the patterns differ by so little that nobody would care.
    fn hardly_differ(&self) -> bool {
        self.difference.n > 0 && self.difference.mean.abs() < self.rule.min_effect
    }

    fn add_why_not_more(&self, text: &mut String) {
        match self.over {
            ComparisonEnd::Decided => {}
            ComparisonEnd::Inputs => *text += "; there are no more inputs",
            ComparisonEnd::Budget => *text += "; the budget is spent",
            ComparisonEnd::Useless { inputs, message, .. } => {
                let inputs = counted(*inputs, "input", "inputs in a row");
                *text +=
                    &format!("; stopped because {inputs} failed for external reasons: {message}");
            }
        }

        if let Some(to_decide) = &self.to_decide {
            let inputs = &to_decide["inputs"];
            *text += &if self.hardly_differ() {
                format!(
                    "; about {inputs} more inputs would show that there is no practical difference"
                )
            } else {
                format!("; about {inputs} more inputs would decide it")
            };
            if let Some(cost) = to_decide["cost"].as_f64().and_then(Money::from_dollars) {
                *text += &format!(", for {} calls and {cost}", to_decide["calls"]);
            }
        }

        if let (Verdict::Open, None, Some(_)) = (self.verdict, &self.to_decide, self.likely) {
            *text += "; more inputs are unlikely to decide it";
        }
        if let (Verdict::Open, Some(chance), false) =
            (self.verdict, self.likely, self.hardly_differ())
        {
            let [first, second] = self.pair;
            let (likely, chance) =
                if chance < 0.5 { (second, 1.0 - chance) } else { (first, chance) };
            *text += &format!(
                "; `{likely}` is probably better ({}), unless rare failures have not occurred yet",
                percent(Some(chance))
            );
        }

        if let Some(judged) = &self.judged {
            let number = |value: &Value| value.as_f64().unwrap_or(0.0);
            *text += &format!(
                "; corrected for the judge's errors, the difference is {:.3} [{:.3}, {:.3}], and \
                 a perfect judge would need {:.1} times fewer inputs",
                number(&judged["difference"]),
                number(&judged["interval"][0]),
                number(&judged["interval"][1]),
                number(&judged["times_inputs"])
            );
        }
        if let Some(models) = &self.models {
            let [first, second] = self.pair;
            *text += &match models.each_ref().map(|models| models.join(" and ")) {
                [of_first, called] if of_first.is_empty() => {
                    format!("; only `{second}` called a model ({called}), which may be the reason")
                }
                [called, of_second] if of_second.is_empty() => {
                    format!("; only `{first}` called a model ({called}), which may be the reason")
                }
                [of_first, of_second] => format!(
                    "; they called different models ({of_first}; {of_second}), which may be the \
                     reason"
                ),
            };
        }
    }
}

/// The models that were asked.
fn models<'a>(seen: &[&'a Measurement]) -> Vec<&'a str> {
    let all: BTreeSet<&str> =
        seen.iter().flat_map(|seen| seen.models.iter().map(String::as_str)).collect();
    all.into_iter().collect()
}

/// Estimates what this many more inputs take, by what they took so far.
fn price(more: u64, repeats: f64, pair: [Vec<&Measurement>; 2]) -> Value {
    let mut calls = 0.0;
    let mut cost = Some(0.0);
    for seen in pair {
        calls += repeats * mean(seen.iter().map(|seen| Some(count(seen.calls)))).unwrap_or(0.0);
        let mine = mean(seen.iter().map(|seen| seen.cost));
        cost = cost.zip(mine).map(|(sum, mine)| sum + repeats * mine);
    }

    let more_count = count(more);
    json!({
        "inputs": more,
        "calls": whole(calls * more_count),
        "cost": cost.map(|cost| cost * more_count),
    })
}

/// The figures of one pattern.
/// `worth` has what each input was worth.
fn figures(worth: &[f64], rule: StopRule, seen: &[&Measurement]) -> Value {
    let n = count(worth.len() as u64);
    let sum = worth.iter().sum::<f64>();
    let squares: f64 = worth.iter().map(|one| one * one).sum();

    json!({
        "n": worth.len(),
        "executions": seen.len(),
        "score": stats::mean(n, sum),
        "interval": stats::bounded(rule.confidence, n, sum, squares)
            .map(|interval| [interval.low, interval.high]),
        "success_rate": mean(seen.iter().map(|seen| Some(seen.success))),
        "quality": mean(seen.iter().map(|seen| seen.score)),
        // What fails at once is not fast.
        "execution_time": mean(seen.iter().map(|seen| seen.time.filter(|_| seen.success > 0.5))),
        "cost": mean(seen.iter().map(|seen| seen.cost)),
        "tokens": mean(seen.iter().map(|seen| seen.tokens.map(count))),
        "calls": seen.iter().map(|seen| seen.calls).sum::<u64>(),
    })
}

/// The mean of what is known; `None` if nothing is.
fn mean(numbers: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (n, sum) = numbers.flatten().fold((0.0, 0.0), |(n, sum), one| (n + 1.0, sum + one));
    stats::mean(n, sum)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
pub(in crate::optimizer) fn whole(n: f64) -> u64 {
    n.ceil() as u64
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(in crate::optimizer) fn count(n: u64) -> f64 {
    n as f64
}
