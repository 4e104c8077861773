//! Comparing patterns: the same inputs for each, in turn, until it is decided which is better, or
//! the money is spent.

use crate::base::bounds::Bounds;
use crate::base::failure::{Failure, Kind};
use crate::base::json::digest;
use crate::base::unit::Money;
use crate::executor::attempt::Stop;
use crate::executor::flow::FlowOptions;
use crate::executor::turns::siblings::InOrder;
use crate::flow::builder::Builder;
use crate::flow::callback::{Callback, CallbackInput};
use crate::flow::op::{Op, OpKind};
use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::optimizer::Optimizer;
use crate::optimizer::evidence::pattern::TaskType;
use crate::optimizer::learner::Objective;
use crate::optimizer::trial::accuracy::{Accuracy, JudgeAccuracy};
use crate::optimizer::trial::bouts::{
    Bout, BoutOrder, CountedInput, OpenBout, TrialStep, distinct,
};
use crate::optimizer::trial::cases::{CaseKey, ComparedExecution, KnownExecutions};
use crate::optimizer::trial::execution::{Execution, Measurement, PatternArm, Setting};
use crate::optimizer::trial::expense::Expense;
use crate::optimizer::trial::findings::{Block, Ending, Measure, count};
use crate::optimizer::trial::sequential_test::{Experiment, StopRule, Verdict};
use crate::session::Session;
use crate::session::scope::Scope;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

/// Inputs in a row that failed through no fault of the patterns, after which a comparison gives up.
pub(in crate::optimizer) const USELESS_MAX: u64 = 3;

/// What is compared, and for how long.
#[derive(Debug, Clone)]
pub struct ComparisonPlan {
    /// The task type.
    pub task: TaskType,
    /// The patterns; two at least.
    pub arms: Vec<PatternArm>,
    /// What each of them is executed on; one at least.
    pub inputs: Vec<Value>,
    /// When it is decided.
    pub rule: StopRule,
    /// The field of an input that holds the right answer.
    pub expected: Option<String>,
    /// The fields of an input that the patterns are given; none where they are given all of it.
    pub given: Vec<String>,
    /// How often each pattern is executed on an input.
    pub repeat: u64,
    /// Executions of each pattern that do not count.
    pub warm_up: u64,
    /// Most executions at once.
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
    /// What earlier comparisons have measured.
    pub known: KnownExecutions,
    /// Is told how the comparison stands, after each input.
    pub watch: Option<StandingSink>,
    /// What else tells this comparison from others.
    pub fingerprint: Map<String, Value>,
}

/// Executions at once, where nobody says another number.
pub const AT_ONCE: usize = 8;

/// How a comparison stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonStanding {
    /// Inputs that count so far.
    pub done: usize,
    /// Inputs that there are.
    pub of: usize,
    /// The mean score of each pattern, once there is one.
    pub scores: Vec<(String, Option<f64>)>,
}

/// Takes how a comparison stands.
#[derive(Clone)]
pub struct StandingSink(pub Rc<dyn Fn(&ComparisonStanding)>);

impl fmt::Debug for StandingSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandingSink")
    }
}

/// Why a comparison came to its end.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::optimizer) enum ComparisonEnd {
    Decided,
    Inputs,
    Budget,
    /// So many inputs in a row failed for a reason that says nothing of the patterns.
    Useless {
        inputs: u64,
        kind: String,
        message: String,
    },
}

impl ComparisonEnd {
    pub(in crate::optimizer) fn word(&self) -> &'static str {
        match self {
            ComparisonEnd::Decided => "decided",
            ComparisonEnd::Inputs => "inputs",
            ComparisonEnd::Budget => "budget",
            ComparisonEnd::Useless { .. } => "failures",
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
    /// The inputs, each once.
    inputs: Vec<CountedInput>,
}

/// How an execution went.
struct Performance {
    seen: Measurement,
    /// Whether it was experience before.
    is_old_news: bool,
}

/// What begins next in a comparison under way.
struct Agenda {
    /// The group of strands to which those of the inputs belong.
    group: u32,
    /// Inputs that have begun, and inputs that have ended.
    begun: usize,
    ended: usize,
    /// What is left of the input that began last.
    rest: VecDeque<TrialStep>,
    is_closed: bool,
    /// The share of the budget that was used before the first input.
    share_before: f64,
}

impl Agenda {
    fn new(course: &Course) -> Agenda {
        Agenda {
            group: course.scope.strand.group(),
            begun: 0,
            ended: 0,
            rest: VecDeque::new(),
            is_closed: false,
            share_before: course.used_share(),
        }
    }

    /// Lets nothing more begin.
    fn close(&mut self) {
        self.is_closed = true;
        self.rest.clear();
    }

    /// Returns what begins next; `None` if nothing does before something has ended.
    fn next(&mut self, course: &Course) -> Option<TrialStep> {
        if let Some(step) = self.rest.pop_front() {
            return Some(step);
        }

        let is_open = !self.is_closed && course.experiment.borrow().verdict() == Verdict::Open;
        let place = self.begun;
        let input = course.inputs.get(place).filter(|_| is_open && self.has_room(course))?;
        self.begun += 1;

        // Looked at when its turn comes: patterns may have been left out by then.
        let live: Vec<bool> = {
            let experiment = course.experiment.borrow();
            (0..course.plan.arms.len()).map(|arm| experiment.is_live(arm)).collect()
        };
        let strand = course.scope.strand.child(self.group, place);
        let repeats = course.plan.repeat.saturating_mul(input.times);
        self.rest = course.order().steps(Bout::Counted(place as u64), &live, repeats, &strand);
        self.rest.pop_front()
    }

    /// Tells whether the budget has room for one more input beside those under way, by what an input has
    /// used so far. Without that, the end of a budget would leave many inputs half done.
    fn has_room(&self, course: &Course) -> bool {
        let under_way = self.begun - self.ended;
        if under_way == 0 || !course.is_bounded() {
            return true;
        }
        if self.ended == 0 {
            return false;
        }

        let used = course.used_share();
        let each = (used - self.share_before) / count(self.ended as u64);
        // Shares of small whole numbers are not exact.
        used + each * count(under_way as u64 + 1) <= 1.0 + 1e-9
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
    let repeat = plan.repeat;
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
            let inputs = distinct(&plan.inputs);
            let course =
                Course { plan, optimizer, setting, experiment, blocks, spent, scope, seed, inputs };

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
    let around = around.cloned();
    let options =
        FlowOptions { allow_failures: true, around, budget: plan.bounds, ..FlowOptions::default() };
    let report = executor.run(&setting.strand, &graph, &session, &options).await?;

    let mut findings = report.only()?;
    findings["calls"] = report.metrics.calls.into();
    findings["cost"] = json!(report.metrics.known_cost().map(Money::dollars));
    all_spent.borrow().price_judge(&mut findings, repeat, &report.metrics);
    Ok(findings)
}

impl Course {
    /// Tells whether something bounds what it may use up.
    fn is_bounded(&self) -> bool {
        self.setting.executor.budget_of(&self.scope).is_some_and(|budget| budget.is_bounded())
    }

    /// Returns the share of the budget that is used, from 0 to 1; 0 without one.
    fn used_share(&self) -> f64 {
        let budget = self.setting.executor.budget_of(&self.scope);
        budget.map_or(0.0, |budget| budget.used_share())
    }

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

    /// Goes through the inputs until it is over. However many executions run at once, what they give is
    /// looked at in the order in which they began, so the outcome follows from the replies alone.
    async fn run(&self) -> Result<ComparisonEnd, Failure> {
        let plan = &self.plan;
        let everybody = vec![true; plan.arms.len()];
        for round in 0..plan.warm_up {
            let strand = self.scope.strand.next();
            let steps = self.order().steps(Bout::WarmUp(round), &everybody, 1, &strand);
            let steps = steps.into_iter().map(|step| self.perform(step));

            let mut done = InOrder::new(steps, plan.max_concurrent);
            while let Some((_, seen)) = done.next().await {
                match seen {
                    Err(failure) if self.is_spent(&failure) => return Ok(ComparisonEnd::Budget),
                    other => other?,
                };
            }
        }

        self.tell();
        let agenda = RefCell::new(Agenda::new(self));
        let steps = std::iter::from_fn(|| agenda.borrow_mut().next(self));
        let steps = steps.map(|step| self.perform(step));
        let mut done = InOrder::new(steps, plan.max_concurrent);
        let mut open = OpenBout::new(plan.arms.len());
        let mut over = None;
        let mut useless = 0;
        let mut fault = None;

        // Once it is over nothing more begins; what is under way is paid for, and counts.
        while let Some((step, seen)) = done.next().await {
            let seen = match seen {
                Err(failure) if self.is_spent(&failure) => {
                    over.get_or_insert(ComparisonEnd::Budget);
                    agenda.borrow_mut().close();
                    None
                }
                other => Some(other?),
            };
            let whole = open.take(&step, seen);
            if open.is_over() {
                agenda.borrow_mut().ended += 1;
            }
            let Some(whole) = whole else { continue };

            match self.settle(whole).await? {
                None => useless = 0,
                // What failed from outside says nothing about the patterns.
                Some((kind, message)) => {
                    useless += 1;
                    let found = ComparisonEnd::Useless { inputs: useless, kind, message };
                    if useless >= USELESS_MAX {
                        over.get_or_insert(found);
                        agenda.borrow_mut().close();
                    } else {
                        fault = Some(found);
                    }
                }
            }
            self.tell();
        }

        let is_decided = self.experiment.borrow().verdict() != Verdict::Open;
        let is_empty = self.blocks.borrow().is_empty();
        let over = over.or(fault.filter(|_| is_empty)).unwrap_or(ComparisonEnd::Inputs);
        Ok(if is_decided { ComparisonEnd::Decided } else { over })
    }

    fn order(&self) -> BoutOrder {
        BoutOrder { seed: self.seed, warm_up: self.plan.warm_up }
    }

    /// Tells how the comparison stands, if anybody wants to know.
    fn tell(&self) {
        let Some(StandingSink(tell)) = &self.plan.watch else { return };
        let blocks = self.blocks.borrow();
        let measure = Measure::of(self.plan.objective, &blocks);

        let scores = self.plan.arms.iter().enumerate().map(|(arm, one)| {
            (one.pattern.to_string(), measure.mean(blocks.iter().map(|block| &block[arm])))
        });
        tell(&ComparisonStanding {
            done: blocks.len(),
            of: self.inputs.len(),
            scores: scores.collect(),
        });
    }

    /// Records what all patterns did on one input and counts it; returns why it does not count, if it
    /// failed from outside: the kind of the failure, and its message.
    async fn settle(
        &self,
        whole: Vec<Vec<Performance>>,
    ) -> Result<Option<(String, String)>, Failure> {
        let executor = &self.setting.executor;
        let broken =
            |error: crate::optimizer::OptimizerError| Failure::new(Kind::Store, error.to_string());

        if self.plan.records && !executor.is_dry() {
            for (arm, done) in self.plan.arms.iter().zip(&whole) {
                for (number, one) in done.iter().enumerate() {
                    let mut before = done[..number].iter();
                    if one.is_old_news || before.any(|other| one.seen.repeats(&other.seen)) {
                        continue;
                    }
                    let observation = one.seen.observation(&self.plan.task, &arm.pattern);
                    self.optimizer.record_observation(observation).await.map_err(broken)?;
                }
            }
        }

        let block: Block =
            whole.into_iter().map(|done| done.into_iter().map(|one| one.seen).collect()).collect();
        let fault = block.iter().flatten().find_map(Measurement::outer_fault).cloned();
        if fault.is_none() {
            self.add(block);
        }
        Ok(fault)
    }

    /// Tells whether the comparison's own budget is spent; if the run's is, the run has to end.
    fn is_spent(&self, failure: &Failure) -> bool {
        let of_run = self.setting.executor.budget().is_some_and(|budget| budget.is_spent());
        failure.kind == Kind::Budget && (self.plan.is_all || !of_run)
    }

    /// Executes one pattern on one input.
    async fn perform(&self, step: TrialStep) -> (TrialStep, Result<Performance, Failure>) {
        let done = Box::pin(self.execute(&step)).await;
        (step, done)
    }

    async fn execute(&self, step: &TrialStep) -> Result<Performance, Failure> {
        let TrialStep { bout, repeat, strand, .. } = step;
        let executor = &self.setting.executor;
        let broken = |error: crate::store::StoreError| Failure::new(Kind::Store, error.to_string());

        let task = &self.plan.task;
        let arm = &self.plan.arms[step.arm];
        let pattern = &arm.pattern;
        let input = self.input(*bout);
        let again = if *repeat == 0 { String::new() } else { format!(" repeat {repeat}") };
        let about = format!(
            "{pattern} on {task} {bout}{again} {} {}",
            digest(input),
            digest(&self.plan.fingerprint)
        );
        let what = Inquiry::About(Topic::Execute, about);

        // What the recorded run has done is done once more with its replies, which
        // costs nothing and leaves everything after it as it was; its figures are those of then.
        let (at, known) = executor.recall(strand, &what);
        let known: Option<Measurement> = known.and_then(|value| serde_json::from_value(value).ok());

        let execution = self.setting.execute(task, arm, input, Some(&self.scope), strand);
        let done = match Box::pin(execution).await {
            Ok(Execution { result: Err(failure), .. }) if failure.kind == Kind::Budget => {
                return Err(failure);
            }
            Ok(done) => done,
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Store(error)) => return Err(broken(error)),
        };

        let now = done.seen(format!("{}{at} compare", executor.worker()));
        // What failed then, and was tried again, counts as it went now.
        let is_tried_again = done.metrics.calls > 0 || now.error.is_none();
        let known = known.filter(|known| known.error.is_none() || !is_tried_again);
        // In an edited script it may have been other work.
        let known = known.filter(|known| known.error.is_some() || known.is_work_of(&now));
        let is_new = known.is_none();
        let mut seen = known.unwrap_or(now);
        if done.metrics.calls == 0 {
            self.plan.known.time(pattern.as_str(), input, &mut seen);
        }
        self.spent.borrow_mut().add(&seen);
        let case = CaseKey {
            task: task.to_string(),
            pattern: pattern.to_string(),
            arm: step.arm,
            number: bout.number(),
            repeat: *repeat,
            input: input.clone(),
            expected: self.plan.expected.clone(),
            given: self.plan.given.clone(),
            flow: done.flow.0,
        };
        let kept = ComparedExecution { seen: seen.clone(), case };
        let value = serde_json::to_value(&kept).expect("an execution is plain data");
        executor.commit(&Event::EffectEnded { what, value, at: Some(at) }).await.map_err(broken)?;

        // What the replies of another run have given is no new experience.
        let is_known = || self.plan.known.has(pattern.as_str(), input, &seen);
        let is_old_news = is_new && (seen.is_reused || is_known());
        Ok(Performance { seen, is_old_news })
    }

    /// Returns the input of a bout.
    fn input(&self, bout: Bout) -> &Value {
        let place = match bout {
            // Any input will do to warm up.
            Bout::WarmUp(_) => 0,
            Bout::Counted(number) => usize::try_from(number).unwrap_or(0),
        };
        &self.inputs[place].input
    }

    /// Takes in one input.
    fn add(&self, block: Block) {
        let mut seen = self.blocks.borrow_mut();
        let before = Measure::of(self.plan.objective, &seen);
        seen.push(block);
        let measure = Measure::of(self.plan.objective, &seen);

        let mut experiment = self.experiment.borrow_mut();
        if before == measure {
            seen.last().into_iter().for_each(|last| experiment.add(&measure.scores(last)));
        } else {
            // The first cost that is known, and the scales, change what everything was worth.
            *experiment = Experiment::new(self.plan.arms.len(), self.plan.rule);
            seen.iter().for_each(|block| experiment.add(&measure.scores(block)));
        }
    }
}
