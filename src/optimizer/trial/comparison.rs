//! Comparing patterns: the same inputs for each, in turn, until it is decided which is better, or
//! the money is spent.

use crate::base::failure::{Failure, Kind};
use crate::base::rng::Rng;
use crate::base::strand::Strand;
use crate::base::unit::Money;
use crate::executor::attempt::Stop;
use crate::executor::budget::Bounds;
use crate::executor::flow::FlowOptions;
use crate::executor::turns::siblings::InOrder;
use crate::flow::builder::Builder;
use crate::flow::callback::{Callback, CallbackInput, Scope};
use crate::flow::op::{Op, OpKind};
use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::metrics::Metrics;
use crate::optimizer::Optimizer;
use crate::optimizer::evidence::pattern::TaskType;
use crate::optimizer::learner::Objective;
use crate::optimizer::trial::accuracy::{Accuracy, JudgeAccuracy};
use crate::optimizer::trial::execution::{Execution, Measurement, PatternArm, Setting};
use crate::optimizer::trial::findings::{Block, Ending, Measure, count, whole};
use crate::optimizer::trial::sequential_test::{Experiment, StopRule, Verdict};
use crate::session::Session;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// Inputs in a row that failed through no fault of the patterns, after which a comparison gives up.
pub(in crate::optimizer) const USELESS_MAX: u64 = 3;

/// What is compared, and for how long.
#[derive(Debug, Clone)]
pub struct ComparisonPlan {
    /// The kind of task.
    pub task: TaskType,
    /// The patterns; two at least.
    pub arms: Vec<PatternArm>,
    /// What each of them is executed on; one at least.
    pub inputs: Vec<Value>,
    /// When it is decided.
    pub rule: StopRule,
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
    /// How often the judge is right, if that is to be counted.
    pub accuracy: Option<JudgeAccuracy>,
    /// What else tells this comparison from others.
    pub fingerprint: Map<String, Value>,
}

/// Why a comparison came to its end.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::optimizer) enum Over {
    Decided,
    Inputs,
    Budget,
    Useless(String),
}

impl Over {
    pub(in crate::optimizer) fn word(&self) -> &'static str {
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
    plan: Rc<ComparisonPlan>,
    optimizer: Optimizer,
    setting: Setting,
    experiment: RefCell<Experiment>,
    blocks: RefCell<Vec<Block>>,
    /// What all executions have used up by themselves, without their judge.
    spent: Rc<RefCell<Expense>>,
    scope: Rc<Scope>,
    seed: u64,
}

/// All patterns, each once on one input.
#[derive(Debug, Clone, Copy)]
enum Bout {
    /// It does not count: nothing is recorded of it.
    WarmUp(u64),
    /// It counts.
    Counted(u64),
}

impl Bout {
    fn counts(self) -> bool {
        matches!(self, Bout::Counted(_))
    }

    /// Returns which one of all bouts it is.
    fn place(self, warm_up: u64) -> u64 {
        match self {
            Bout::WarmUp(number) => number,
            Bout::Counted(number) => number + warm_up,
        }
    }
}

/// The name of a bout is part of what the journal knows its executions by.
impl fmt::Display for Bout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bout::WarmUp(number) => write!(f, "warm-up {number}"),
            Bout::Counted(number) => write!(f, "{number}"),
        }
    }
}

/// What executions have used up.
#[derive(Debug, Default)]
struct Expense {
    executions: u64,
    calls: u64,
    /// Dollars; `None` once the cost of one is unknown.
    cost: Option<f64>,
}

impl Expense {
    fn add(&mut self, seen: &Measurement) {
        let before = if self.executions == 0 { Some(0.0) } else { self.cost };
        self.cost = before.zip(seen.cost).map(|(sum, cost)| sum + cost);
        self.executions += 1;
        self.calls += seen.calls;
    }
}

/// Compares patterns and returns the findings as the map that scripts get.
pub async fn compare(
    optimizer: &Optimizer,
    setting: &Setting,
    plan: ComparisonPlan,
    around: Option<&Rc<Scope>>,
) -> Result<Value, Stop> {
    if plan.accuracy.is_some() && setting.judge.is_none() {
        let message = "`judge_accuracy` needs a judge: pass one, or the right answers";
        return Err(Failure::new(Kind::Option, message).into());
    }

    let executor = setting.executor.clone();
    let plan = Rc::new(plan);
    let seed = executor.chance(&setting.strand);
    let course_plan = plan.clone();
    let optimizer = optimizer.clone();
    let inner = setting.clone();
    let all_spent = Rc::new(RefCell::new(Expense::default()));
    let spent = all_spent.clone();

    let call = Callback::new(move |from| {
        let plan = course_plan.clone();
        let optimizer = optimizer.clone();
        let setting = inner.clone();
        let spent = spent.clone();
        Box::pin(async move {
            let CallbackInput::Operation { scope, .. } = from else {
                return Err(Failure::new(Kind::Script, "not called as an operation"));
            };

            let experiment = RefCell::new(Experiment::new(plan.arms.len(), plan.rule));
            let blocks = RefCell::default();
            let course =
                Course { plan, optimizer, setting, experiment, blocks, spent, scope, seed };

            let accuracy = course.accuracy().await?;
            let over = course.run().await?;
            let experiment = course.experiment.borrow();
            let blocks = course.blocks.borrow();
            let plan = &*course.plan;
            let over = &over;
            Ok(Ending { plan, experiment: &experiment, blocks: &blocks, over, accuracy }.findings())
        })
    });

    // A flow of its own, so that its bounds hold for all that is done in it.
    let mut builder = Builder::new(plan.task.as_str());
    builder.add(Op::new("compare", OpKind::Call(call)), &[]);
    let graph = builder.build().map_err(|error| Failure::new(Kind::Graph, error.to_string()))?;

    let session = Session::new(setting.branch.fork().shared());
    let within = around.map(|scope| scope.flow);
    let options =
        FlowOptions { allow_failures: true, within, budget: plan.bounds, ..FlowOptions::default() };
    let report = executor.run(&setting.strand, &graph, &session, &options).await?;

    let mut findings = report.only()?;
    findings["calls"] = report.metrics.calls.into();
    findings["cost"] = json!(report.metrics.known_cost().map(Money::dollars));
    price_judge(&mut findings, &report.metrics, &all_spent.borrow());
    Ok(findings)
}

/// Tells what the judge would cost until it is decided, by what it has cost so far: what the comparison
/// has used up and its executions have not.
fn price_judge(findings: &mut Value, metrics: &Metrics, spent: &Expense) {
    let Some(inputs) = findings["to_decide"]["inputs"].as_f64() else { return };
    let calls = (metrics.calls + metrics.reused).saturating_sub(spent.calls);
    if calls == 0 || spent.executions == 0 {
        return;
    }

    // Both patterns take each input.
    let times = 2.0 * inputs / count(spent.executions);
    let calls = whole(count(calls) * times);
    let paid = metrics.known_cost();
    let cost = paid
        .zip(spent.cost)
        .map(|(paid, own)| (paid.dollars() + metrics.saved.dollars() - own).max(0.0) * times);
    findings["to_decide"]["judge"] = json!({ "calls": calls, "cost": cost });

    let for_money =
        cost.and_then(Money::from_dollars).map_or(String::new(), |c| format!(" and {c}"));
    let reason = findings["reason"].as_str().unwrap_or_default();
    let reason = format!("{reason}; the judge would need {calls} additional calls{for_money}");
    findings["reason"] = reason.into();
}

impl Course {
    /// Finds out how often the judge is right, if that is to be counted.
    async fn accuracy(&self) -> Result<Option<Accuracy>, Failure> {
        let labels = match &self.plan.accuracy {
            None => return Ok(None),
            Some(JudgeAccuracy::Known(known)) => return Ok(Some(*known)),
            Some(JudgeAccuracy::Labelled(labels)) => labels,
        };
        let Some(judge) = &self.setting.judge else { return Ok(None) };

        let mut scores = Vec::new();
        for label in labels {
            let around = Some(self.scope.clone());
            scores.push(
                judge(around, self.scope.strand.next(), label.answer.clone(), label.input.clone())
                    .await?,
            );
        }

        Accuracy::of(labels, &scores).map(Some)
    }

    /// Goes through the inputs until it is over.
    async fn run(&self) -> Result<Over, Failure> {
        let plan = &self.plan;
        let everybody = vec![true; plan.arms.len()];
        let first = &plan.inputs[0];
        for round in 0..plan.warm_up {
            let strand = self.scope.strand.next();
            match self.block(Bout::WarmUp(round), first, &everybody, &strand).await {
                Err(failure) if self.is_spent(&failure) => return Ok(Over::Budget),
                other => other?,
            };
        }

        let count = plan.inputs.len() as u64 * plan.repeat;
        let group = self.scope.strand.group();
        let blocks = (0..count).map(|number| async move {
            let place = usize::try_from(number).unwrap_or(0) % plan.inputs.len();
            // Looked at when its turn comes: patterns may have been left out by then.
            let live: Vec<bool> = {
                let experiment = self.experiment.borrow();
                (0..plan.arms.len()).map(|arm| experiment.is_live(arm)).collect()
            };
            let strand = self.scope.strand.child(group, usize::try_from(number).unwrap_or(0));
            let input = &plan.inputs[place];
            self.block(Bout::Counted(number), input, &live, &strand).await
        });

        let mut blocks = InOrder::new(blocks, plan.max_concurrent);
        let mut useless = 0;
        while let Some(block) = blocks.next().await {
            let block = match block {
                Err(failure) if self.is_spent(&failure) => return Ok(Over::Budget),
                other => other?,
            };

            let fault =
                block.iter().flatten().find_map(Measurement::outer_fault).map(str::to_owned);
            // What failed from outside says nothing about the patterns.
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
        failure.kind == Kind::Budget && (self.plan.is_all || !of_run)
    }

    /// Executes every pattern that is left on one input, in an order of chance.
    async fn block(
        &self,
        bout: Bout,
        input: &Value,
        live: &[bool],
        strand: &Strand,
    ) -> Result<Vec<Option<Measurement>>, Failure> {
        let place = bout.place(self.plan.warm_up);
        // Each input has an order of its own, which is the same when it is done again.
        let mut rng = Rng::seeded(self.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut order: Vec<usize> = (0..live.len()).filter(|arm| live[*arm]).collect();
        for place in (1..order.len()).rev() {
            let other = rng.below(place as u64 + 1);
            order.swap(place, usize::try_from(other).unwrap_or(0));
        }

        let mut block = vec![None; live.len()];
        let group = strand.group();
        for arm in order {
            let part = strand.child(group, arm);
            block[arm] = Some(self.one(bout, input, &self.plan.arms[arm], &part).await?);
        }

        Ok(block)
    }

    /// Executes one pattern on one input.
    async fn one(
        &self,
        bout: Bout,
        input: &Value,
        arm: &PatternArm,
        strand: &Rc<Strand>,
    ) -> Result<Measurement, Failure> {
        let executor = &self.setting.executor;
        let broken = |error: crate::store::StoreError| Failure::new(Kind::Store, error.to_string());

        let task = &self.plan.task;
        let pattern = &arm.pattern;
        let about = format!(
            "{pattern} on {task} {bout} {} {}",
            digest(input),
            digest(&self.plan.fingerprint)
        );
        let what = Inquiry::About(Topic::Execute, about);

        // What the run that this one goes on from has done is done once more with its replies, which
        // costs nothing and leaves everything after it as it was; its figures are those of then.
        let (at, known) = executor.recall(strand, &what);
        let known: Option<Measurement> = known.and_then(|value| serde_json::from_value(value).ok());
        let is_new = known.is_none();

        let done = match self.setting.execute(task, arm, input, Some(&self.scope), strand).await {
            Ok(Execution { result: Err(failure), .. }) if failure.kind == Kind::Budget => {
                return Err(failure);
            }
            Ok(done) => done,
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Store(error)) => return Err(broken(error)),
        };

        let seen = known.unwrap_or_else(|| done.seen(format!("{}{at} compare", executor.origin())));
        self.spent.borrow_mut().add(&seen);
        let value = serde_json::to_value(&seen).expect("an execution is plain data");
        executor.commit(&Event::Told { what, value, at: Some(at) }).await.map_err(broken)?;

        // What the replies of another run have given is no new experience.
        let is_old_news = is_new && seen.is_reused;
        if self.plan.records && !executor.is_dry() && !is_old_news && bout.counts() {
            let recorded = self.optimizer.record_observation(seen.observation(task, pattern)).await;
            recorded.map_err(|error| Failure::new(Kind::Store, error.to_string()))?;
        }

        Ok(seen)
    }

    /// Takes in one input, and returns what can be said now.
    fn add(&self, block: Vec<Option<Measurement>>) -> Verdict {
        let mut seen = self.blocks.borrow_mut();
        let before = Measure::of(self.plan.objective, &seen);
        seen.push(block);
        let measure = Measure::of(self.plan.objective, &seen);

        let mut experiment = self.experiment.borrow_mut();
        if before == measure {
            let last = seen.last().expect("one was added");
            experiment.add(&measure.scores(last));
        } else {
            // The first cost that is known, and the scales, change what everything was worth.
            *experiment = Experiment::new(self.plan.arms.len(), self.plan.rule);
            seen.iter().for_each(|block| experiment.add(&measure.scores(block)));
        }

        experiment.verdict()
    }
}

/// A short name of data, the same for the same data.
pub fn digest(data: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(data).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}
