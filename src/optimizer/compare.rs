//! Comparing patterns: the same inputs for each, in turn, until it is decided which is better, or
//! the money is spent.

use crate::base::id::RunId;
use crate::base::rng::Rng;
use crate::base::unit::Money;
use crate::executor::attempt::Stop;
use crate::executor::budget::Bounds;
use crate::executor::run::FlowOptions;
use crate::flow::builder::Builder;
use crate::flow::callback::{Callback, Input, Scope};
use crate::flow::failure::Failure;
use crate::flow::op::{Op, OpKind};
use crate::journal::event::Event;
use crate::optimizer::Optimizer;
use crate::optimizer::execution::{Arm, Execution, Seen, Setting};
use crate::optimizer::experiment::{Difference, Experiment, Rule, Verdict};
use crate::optimizer::learner::{Objective, Outcome, Scale, median};
use crate::optimizer::pattern::TaskType;
use crate::optimizer::stats;
use crate::session::Session;
use futures::stream::{self, StreamExt};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Inputs in a row that failed through no fault of the patterns, after which a comparison gives up.
const USELESS_MAX: u64 = 3;

/// Inputs of which the scales of times and costs are made, where nobody names them.
const SCALE_INPUTS: usize = 10;

/// What is compared, and for how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The kind of task.
    pub task: TaskType,
    /// The patterns; two at least.
    pub arms: Vec<Arm>,
    /// What each of them is executed on; one at least.
    pub inputs: Vec<Value>,
    /// When it is decided.
    pub rule: Rule,
    /// How often to go through the inputs.
    pub repeat: u64,
    /// Executions of each pattern that do not count.
    pub warm_up: u64,
    /// Most inputs at once.
    pub max_concurrent: usize,
    /// What it may use up.
    pub bounds: Option<Bounds>,
    /// Whether the executions are experience for the optimizer.
    pub records: bool,
    /// Whether the run does nothing else, so that its budget is the comparison's.
    pub is_all: bool,
    /// What an execution is worth; `None` for the usual.
    pub objective: Option<Objective>,
    /// What else tells this comparison from others.
    pub fingerprint: Map<String, Value>,
}

/// Why a comparison came to its end.
#[derive(Debug, Clone, PartialEq)]
enum Over {
    Decided,
    Inputs,
    Budget,
    Useless(String),
}

impl Over {
    fn word(&self) -> &'static str {
        match self {
            Over::Decided => "decided",
            Over::Inputs => "inputs",
            Over::Budget => "budget",
            Over::Useless(_) => "failures",
        }
    }
}

/// A comparison under way.
struct Course {
    plan: Rc<Plan>,
    optimizer: Optimizer,
    setting: Setting,
    experiment: RefCell<Experiment>,
    /// What was seen of each pattern on each input; nothing of those that were left out.
    blocks: RefCell<Vec<Vec<Option<Seen>>>>,
    scope: Rc<Scope>,
    seed: u64,
}

/// Compares patterns and returns the findings as the map that scripts get.
pub async fn compare(
    optimizer: &Optimizer,
    setting: &Setting,
    plan: Plan,
    around: Option<&Rc<Scope>>,
) -> Result<Value, Stop> {
    let executor = setting.executor.clone();
    let (plan, seed) = (Rc::new(plan), executor.chance());
    let (course_plan, optimizer, inner) = (plan.clone(), optimizer.clone(), setting.clone());
    let call = Callback::new(move |from| {
        let (plan, optimizer, setting) = (course_plan.clone(), optimizer.clone(), inner.clone());
        Box::pin(async move {
            let Input::Operation { scope, .. } = from else {
                return Err(Failure::new("script", "not called as an operation"));
            };
            let experiment = RefCell::new(Experiment::new(plan.arms.len(), plan.rule));
            let blocks = RefCell::default();
            let course = Course { plan, optimizer, setting, experiment, blocks, scope, seed };
            let over = course.run().await?;
            Ok(course.findings(&over))
        })
    });
    let mut builder = Builder::new(plan.task.as_str());
    builder.add(Op::new("compare", OpKind::Call(call)), &[]);
    let graph = builder.build().map_err(|error| Failure::new("graph", error.to_string()))?;
    let session = Session::new(setting.branch.fork().shared());
    let within = around.map(|scope| scope.flow);
    let options =
        FlowOptions { allow_failures: true, within, budget: plan.bounds, ..FlowOptions::default() };
    let report = executor.run(&graph, &session, &options).await?;
    let mut findings = report.only()?;
    findings["calls"] = report.metrics.calls.into();
    findings["cost"] = json!(report.metrics.known_cost().map(Money::dollars));
    Ok(findings)
}

impl Course {
    /// Goes through the inputs until it is over.
    async fn run(&self) -> Result<Over, Failure> {
        let plan = &self.plan;
        let (everybody, first) = (vec![true; plan.arms.len()], &plan.inputs[0]);
        for round in 0..plan.warm_up {
            match self.block(&format!("warm-up {round}"), round, first, &everybody).await {
                Err(failure) if self.is_spent(&failure) => return Ok(Over::Budget),
                other => other?,
            };
        }
        let count = plan.inputs.len() as u64 * plan.repeat;
        let blocks = (0..count).map(|number| async move {
            let place = usize::try_from(number).unwrap_or(0) % plan.inputs.len();
            let live: Vec<bool> = {
                let experiment = self.experiment.borrow();
                (0..plan.arms.len()).map(|arm| experiment.is_live(arm)).collect()
            };
            self.block(&number.to_string(), number + plan.warm_up, &plan.inputs[place], &live).await
        });
        let mut blocks = stream::iter(blocks).buffered(plan.max_concurrent);
        let mut useless = 0;
        while let Some(block) = blocks.next().await {
            let block = match block {
                Err(failure) if self.is_spent(&failure) => return Ok(Over::Budget),
                other => other?,
            };
            let fault = block.iter().flatten().find_map(Seen::outer_fault).map(str::to_owned);
            if let Some(message) = fault {
                useless += 1;
                if useless >= USELESS_MAX {
                    return Ok(Over::Useless(message));
                }
                continue;
            }
            useless = 0;
            if self.add(block) != Verdict::Open {
                return Ok(Over::Decided);
            }
        }
        Ok(Over::Inputs)
    }

    /// Tells whether the comparison's own budget is spent; if the run's is, the run has to end.
    fn is_spent(&self, failure: &Failure) -> bool {
        let of_run = self.setting.executor.budget().is_some_and(|budget| budget.is_spent());
        failure.kind == "budget" && (self.plan.is_all || !of_run)
    }

    /// Executes every pattern that is left on one input, in an order of chance.
    async fn block(
        &self,
        which: &str,
        number: u64,
        input: &Value,
        live: &[bool],
    ) -> Result<Vec<Option<Seen>>, Failure> {
        let mut rng = Rng::seeded(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut order: Vec<usize> = (0..live.len()).filter(|arm| live[*arm]).collect();
        for place in (1..order.len()).rev() {
            let other = rng.below(place as u64 + 1);
            order.swap(place, usize::try_from(other).unwrap_or(0));
        }
        let mut block = vec![None; live.len()];
        for arm in order {
            block[arm] = Some(self.one(which, input, &self.plan.arms[arm]).await?);
        }
        Ok(block)
    }

    /// Executes one pattern on one input.
    async fn one(&self, which: &str, input: &Value, arm: &Arm) -> Result<Seen, Failure> {
        let executor = &self.setting.executor;
        let broken = |error: crate::store::StoreError| Failure::new("store", error.to_string());
        let (task, pattern) = (&self.plan.task, &arm.pattern);
        let what = format!(
            "execute {pattern} on {task} {which} {} {}",
            digest(input),
            digest(&self.plan.fingerprint)
        );
        // What the run that this one goes on from has done is done once more with its replies, which
        // costs nothing and leaves everything after it as it was; its figures are those of then.
        let known: Option<Seen> =
            executor.recall(&what).and_then(|value| serde_json::from_value(value).ok());
        let is_new = known.is_none();
        let done = match self.setting.execute(task, arm, input, Some(&self.scope)).await {
            Ok(Execution { result: Err(failure), .. }) if failure.kind == "budget" => {
                return Err(failure);
            }
            Ok(done) => done,
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Store(error)) => return Err(broken(error)),
        };
        let seen = known.unwrap_or_else(|| done.seen(RunId::fresh().0));
        let value = serde_json::to_value(&seen).expect("an execution is plain data");
        executor.commit(&Event::Told { what, value }).await.map_err(broken)?;
        let is_old_news = is_new && seen.is_reused;
        if self.plan.records && !executor.is_dry() && !is_old_news && !which.starts_with("warm") {
            let recorded = self.optimizer.record_observation(seen.observation(task, pattern)).await;
            recorded.map_err(|error| Failure::new("store", error.to_string()))?;
        }
        Ok(seen)
    }

    /// Takes in one input, and returns what can be said now.
    fn add(&self, block: Vec<Option<Seen>>) -> Verdict {
        let mut seen = self.blocks.borrow_mut();
        let before = self.measure(&seen);
        seen.push(block);
        let measure = self.measure(&seen);
        let mut experiment = self.experiment.borrow_mut();
        if before == measure {
            let last = seen.last().map_or(&[][..], Vec::as_slice);
            experiment.add(&scores(&measure, last));
        } else {
            // The first cost that is known, and the scales, change what everything was worth.
            *experiment = Experiment::new(self.plan.arms.len(), self.plan.rule);
            seen.iter().for_each(|block| experiment.add(&scores(&measure, block)));
        }
        experiment.verdict()
    }

    /// Returns what an execution is worth: as was said, or by the guide's weights, which count the cost
    /// once one is known. Scales that nobody named are set once, by the first inputs.
    fn measure(&self, seen: &[Vec<Option<Seen>>]) -> Measure {
        let all = || seen.iter().flatten().flatten();
        let has_cost = || all().any(|seen| seen.cost.is_some_and(|cost| cost > 0.0));
        let objective = self.plan.objective.unwrap_or_else(|| {
            if has_cost() { Objective::WITH_COST } else { Objective::WITHOUT_COST }
        });
        let mut scale = objective.scale();

        if seen.len() >= SCALE_INPUTS {
            let first = || seen[..SCALE_INPUTS].iter().flatten().flatten();
            let of = |numbers: Vec<f64>| median(numbers.into_iter().filter(|n| *n > 0.0).collect());
            let times = of(first().filter_map(|seen| seen.time).collect());
            let costs = of(first().filter_map(|seen| seen.cost).collect());
            scale.time_half = objective.time_half.or(times).unwrap_or(scale.time_half);
            scale.cost_half = objective.cost_half.or(costs).unwrap_or(scale.cost_half);
        }
        Measure { objective, scale }
    }

    /// Returns what was found.
    fn findings(&self, over: &Over) -> Value {
        let (plan, experiment, seen) = (&self.plan, self.experiment.borrow(), self.blocks.borrow());
        let measure = self.measure(&seen);
        let (first, second) = experiment.leaders();
        let difference = experiment.difference(first, second);
        let verdict = experiment.verdict();
        let name = |arm: usize| plan.arms[arm].pattern.as_str();
        let (word, winner) = match verdict {
            Verdict::Better(winner) => ("better", Some(name(winner))),
            Verdict::Same => ("same", None),
            Verdict::Open => ("open", None),
        };
        let pair = [first, second].map(name);
        let more =
            (verdict == Verdict::Open).then(|| experiment.to_decide(first, second)).flatten();
        let to_decide = more.map(|more| price(more, [first, second].map(|arm| column(&seen, arm))));
        let asked = [first, second].map(|arm| models(&column(&seen, arm)));
        let facts = Facts {
            word,
            pair,
            difference,
            over,
            to_decide: to_decide.as_ref(),
            rule: plan.rule,
            models: (asked[0] != asked[1]).then_some(asked),
        };
        let patterns: Vec<Value> = (0..plan.arms.len())
            .map(|arm| {
                let mut figures = figures(&measure, plan.rule, &column(&seen, arm));
                figures["pattern"] = name(arm).into();
                figures["models"] = json!(models(&column(&seen, arm)));
                figures["left_out"] = (!experiment.is_live(arm)).into();
                figures
            })
            .collect();
        json!({
            "verdict": word,
            "winner": winner,
            "reason": reason(&facts),
            "pair": pair,
            "difference": difference.mean,
            "interval": [difference.interval.low, difference.interval.high],
            "inputs": difference.n,
            "stopped": over.word(),
            "patterns": patterns,
            "to_decide": to_decide,
            "scale": {
                "time_half": measure.scale.time_half,
                "cost_half": measure.scale.cost_half,
            },
            "fingerprint": plan.fingerprint,
        })
    }
}

/// What executions are worth in a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measure {
    objective: Objective,
    scale: Scale,
}

impl Measure {
    fn of(&self, outcome: &Outcome) -> f64 {
        self.objective.utility(outcome, &self.scale)
    }
}

/// What a reason is made of.
struct Facts<'a> {
    word: &'a str,
    pair: [&'a str; 2],
    difference: Difference,
    over: &'a Over,
    to_decide: Option<&'a Value>,
    rule: Rule,
    /// The models that each has asked, if they differ.
    models: Option<[Vec<&'a str>; 2]>,
}

/// Says in a sentence what was found and why no more was done.
fn reason(facts: &Facts<'_>) -> String {
    let Facts { pair: [first, second], difference, rule, .. } = facts;
    let Difference { n, mean, interval } = difference;
    let range = format!("[{:.3}, {:.3}]", interval.low, interval.high);
    let percent = 100.0 * rule.confidence;
    let inputs = if *n == 1 { "1 input".to_owned() } else { format!("{n} inputs") };
    let mut text = match facts.word {
        "better" => format!(
            "`{first}` is better than `{second}` by {mean:.3} {range} after {inputs} ({percent} % at every look)"
        ),
        "same" => format!(
            "`{first}` and `{second}` differ by {mean:.3} {range} after {inputs}, which is less than {} either way: no practical difference",
            rule.min_effect
        ),
        _ => format!(
            "not distinguishable yet: `{first}` is ahead of `{second}` by {mean:.3} {range} after {inputs}"
        ),
    };
    match facts.over {
        Over::Decided => {}
        Over::Inputs => text += "; there are no more inputs",
        Over::Budget => text += "; the budget is spent",
        Over::Useless(message) => {
            text += &format!(
                "; given up after {USELESS_MAX} inputs in a row failed from outside: {message}"
            );
        }
    }
    if let Some(to_decide) = facts.to_decide {
        text += &format!("; about {} more would decide it", to_decide["inputs"]);
        if let Some(cost) = to_decide["cost"].as_f64().and_then(Money::from_dollars) {
            text += &format!(", for {} calls and {cost}", to_decide["calls"]);
        }
    }
    if let Some(models) = &facts.models {
        let [of_first, of_second] = models.each_ref().map(|models| models.join(" and "));
        text += &format!("; they asked other models ({of_first}; {of_second}), which may be why");
    }
    text
}

/// The models that were asked.
fn models<'a>(seen: &[&'a Seen]) -> Vec<&'a str> {
    let all: BTreeSet<&str> =
        seen.iter().flat_map(|seen| seen.models.iter().map(String::as_str)).collect();
    all.into_iter().collect()
}

/// The scores of one input. Time and cost count only where they are known of all.
fn scores(measure: &Measure, block: &[Option<Seen>]) -> Vec<Option<f64>> {
    let (mut has_time, mut has_cost) = (true, true);
    for seen in block.iter().flatten() {
        has_time &= seen.time.is_some();
        has_cost &= seen.cost.is_some();
    }
    let one = |seen: &Seen| {
        let mut outcome = seen.outcome();
        outcome.time = outcome.time.filter(|_| has_time);
        outcome.cost = outcome.cost.filter(|_| has_cost);
        measure.of(&outcome)
    };
    block.iter().map(|seen| seen.as_ref().map(one)).collect()
}

/// What was seen of one pattern.
fn column(seen: &[Vec<Option<Seen>>], arm: usize) -> Vec<&Seen> {
    seen.iter().filter_map(|block| block[arm].as_ref()).collect()
}

/// Estimates what so many more inputs take, by what they took so far.
fn price(more: u64, pair: [Vec<&Seen>; 2]) -> Value {
    let (mut calls, mut cost) = (0.0, Some(0.0));
    for seen in pair {
        calls += mean(seen.iter().map(|seen| Some(count(seen.calls)))).unwrap_or(0.0);
        let mine = mean(seen.iter().map(|seen| seen.cost));
        cost = cost.zip(mine).map(|(sum, mine)| sum + mine);
    }
    let more_count = count(more);
    json!({
        "inputs": more,
        "calls": whole(calls * more_count),
        "cost": cost.map(|cost| cost * more_count),
    })
}

/// The figures of one pattern.
fn figures(measure: &Measure, rule: Rule, seen: &[&Seen]) -> Value {
    let worth: Vec<f64> = seen.iter().map(|seen| measure.of(&seen.outcome())).collect();
    let (n, sum) = (count(seen.len() as u64), worth.iter().sum::<f64>());
    let squares: f64 = worth.iter().map(|one| one * one).sum();
    json!({
        "n": seen.len(),
        "score": stats::mean(n, sum),
        "interval": stats::bounded(rule.confidence, n, sum, squares)
            .map(|interval| [interval.low, interval.high]),
        "success_rate": mean(seen.iter().map(|seen| Some(seen.success))),
        "quality": mean(seen.iter().map(|seen| seen.score)),
        "execution_time": mean(seen.iter().map(|seen| seen.time)),
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
fn whole(n: f64) -> u64 {
    n.ceil() as u64
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

/// A short name of data, the same for the same data.
pub fn digest(data: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(data).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}
