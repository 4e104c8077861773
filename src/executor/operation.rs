//! One operation of a flow, from its conditions to its outcome on the disk.

use crate::base::deadline::{Deadline, DeadlineGuard};
use crate::base::failpoint::Failpoint;
use crate::base::failure::{Failure, Kind};
use crate::base::id::{FlowId, OpId};
use crate::base::json::as_text;
use crate::base::strand::Strand;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::checked_answer::{RuleResult, reading};
use crate::executor::expand::{each_of, expand};
use crate::executor::replies::guess::{Guess, GuessedDecision};
use crate::executor::retry::{ATTEMPTS_MAX, Tries};
use crate::flow::callback::{Callback, CallbackInput, Inputs};
use crate::flow::op::{
    CallArguments, CheckedPrompt, DirectCall, Keep, Op, OpKind, Prompt, ToolRef,
};
use crate::flow::outcome::{Outcome, SkipReason};
use crate::flow::question::TimedQuestion;
use crate::journal::event::{Event, Timer};
use crate::session::branch::LazyBranch;
use crate::session::scope::Scope;
use crate::session::tool::Tool;
use crate::session::tool_clock::ToolClock;
use crate::store::StoreError;
use futures::FutureExt;
use serde_json::Value;
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;

/// The condition of an edge, with the result it judges.
#[derive(Debug)]
pub(super) struct EdgeCheck {
    /// The operation that gave the result.
    pub(super) source: String,
    /// The condition.
    pub(super) when: Callback,
    /// The result.
    pub(super) result: Value,
}

/// Everything that one operation needs in order to run.
#[derive(Debug)]
pub(super) struct OperationJob {
    /// Its place in the flow.
    pub(super) index: usize,
    /// The flow.
    pub(super) flow: FlowId,
    /// Its number in the run.
    pub(super) id: OpId,
    /// What to do.
    pub(super) op: Rc<Op>,
    /// The conditions of its edges.
    pub(super) checks: Vec<EdgeCheck>,
    /// Results of what it depends on, by name, in the order of the edges.
    pub(super) inputs: Vec<(String, Value)>,
    /// The names of all that it depends on.
    pub(super) sources: Vec<String>,
    /// The branch to work on.
    pub(super) branch: LazyBranch,
    /// Where it stands in the run.
    pub(super) strand: Rc<Strand>,
    /// The time of the tools that its flow is inside of.
    pub(super) tool: Option<Rc<ToolClock>>,
    /// How it ended, once that is journaled: it may be given up before it can say so.
    pub(super) ended: Rc<OnceCell<Rc<Outcome>>>,
}

impl OperationJob {
    /// Returns what its function is given.
    fn given(&self) -> Inputs {
        Inputs { results: self.inputs.iter().cloned().collect(), sources: self.sources.clone() }
    }
}

/// What came of a job.
#[derive(Debug)]
pub(super) enum Step {
    /// The operation ended.
    Ended(Rc<Outcome>),
    /// It became these operations, and ends when they have ended.
    Expanded(Vec<Op>),
    /// The journal cannot be written.
    Broken(StoreError),
}

/// Journals an operation as cancelled, unless it ends before this is dropped.
pub(super) struct OpGuard<'a> {
    executor: &'a Executor,
    scope: Option<Rc<Scope>>,
}

impl OpGuard<'_> {
    /// Says that the operation has ended, or that somebody else watches it now.
    pub(super) fn disarm(&mut self) {
        self.scope = None;
    }
}

impl Drop for OpGuard<'_> {
    fn drop(&mut self) {
        if let Some(scope) = self.scope.take() {
            let outcome = Outcome::Cancelled;
            // The run is being torn down; a store that cannot be written is reported elsewhere.
            let _ = self.executor.note(&Event::OpEnded { flow: scope.flow, op: scope.op, outcome });
        }
    }
}

impl Executor {
    /// Watches an operation that has started.
    pub(super) fn guard(&self, scope: Rc<Scope>) -> OpGuard<'_> {
        OpGuard { executor: self, scope: Some(scope) }
    }

    /// Performs one job. Its end is journaled when the future ends; a future that is dropped before,
    /// even before it was ever polled, journals the operation as cancelled.
    pub(super) fn perform(&self, job: OperationJob) -> impl Future<Output = (usize, Step)> {
        let bounded = job.op.timeout.map(|timeout| Deadline::begin(self.real_limit(timeout), None));
        let deadline = bounded.as_ref().map(DeadlineGuard::deadline);
        let due = job.op.timeout.map(|timeout| self.age() + timeout);
        let own = Scope::new(job.flow, job.id, job.strand.clone());
        let scope = Scope { deadline, due, tool: job.tool.clone(), ..own };
        let scope = Rc::new(scope);
        let guard = self.guard(scope.clone());

        async move {
            let _bounded = bounded;
            let step = self.try_perform(&job, &scope, guard).await.unwrap_or_else(Step::Broken);
            (job.index, step)
        }
    }

    async fn try_perform(
        &self,
        job: &OperationJob,
        scope: &Rc<Scope>,
        mut guard: OpGuard<'_>,
    ) -> Result<Step, StoreError> {
        let flow = job.flow;
        let op = job.id;

        let outcome = match self.judge(job, &scope.strand).await {
            Ok(Some(reason)) => Outcome::Skipped { reason },
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Failed(failure)) => Outcome::Failed { failure: failure.of(&job.op.name) },
            Ok(None) => {
                self.note(&Event::OpStarted { flow, op, name: None })?;

                // A panic fails the operation, and not the whole run.
                let work = pin!(AssertUnwindSafe(self.work(scope, job)).catch_unwind());
                let result = match job.op.timeout {
                    // Boxed, since few operations have one, and all would carry the room for it.
                    Some(limit) => Box::pin(self.limit(&scope.strand, limit, work)).await?,
                    None => Some(work.await),
                };
                match result {
                    Some(Ok(Ok(WorkResult::Value(value)))) => Outcome::Completed { value },
                    Some(Ok(Ok(WorkResult::Ops(ops)))) => {
                        guard.disarm();
                        return Ok(Step::Expanded(ops));
                    }
                    Some(Ok(Err(Stop::Store(error)))) => return Err(error),
                    Some(Ok(Err(Stop::Failed(failure)))) => {
                        Outcome::Failed { failure: failure.of(&job.op.name) }
                    }
                    Some(Err(panic)) => {
                        Outcome::Failed { failure: panicked(&*panic).of(&job.op.name) }
                    }
                    None => Outcome::Failed { failure: timed_out(&job.op) },
                }
            }
        };

        // A flow that stops early looks here for ends that it has not taken in.
        let outcome = job.ended.get_or_init(|| Rc::new(outcome)).clone();
        let ended = Event::OpEnded { flow, op, outcome: (*outcome).clone() };
        guard.disarm();
        self.failpoint(Failpoint::OpEnds);
        if asks_model(&job.op.kind) {
            self.commit_end(&ended).await?;
        } else {
            self.commit(&ended).await?;
            self.failpoint(Failpoint::OpKept);
        }
        Ok(Step::Ended(outcome))
    }

    /// Evaluates the conditions: a reason to skip, or none.
    async fn judge(&self, job: &OperationJob, strand: &Strand) -> Result<Option<SkipReason>, Stop> {
        if !job.checks.is_empty() || job.op.when.is_some() {
            self.settle_ends()?;
        }

        for check in &job.checks {
            let input = CallbackInput::Result(check.result.clone(), strand.next());
            if !self.holds(job, &check.when, input).await? {
                return Ok(Some(SkipReason::Condition { op: check.source.clone() }));
            }
        }

        if let Some(when) = &job.op.when
            && !self.holds(job, when, CallbackInput::Inputs(job.given(), strand.next())).await?
        {
            return Ok(Some(SkipReason::Condition { op: job.op.name.clone() }));
        }

        Ok(None)
    }

    /// Evaluates a condition. What a guess says, a plan may have go the other way as well.
    async fn holds(
        &self,
        job: &OperationJob,
        when: &Callback,
        input: CallbackInput,
    ) -> Result<bool, Failure> {
        let said = truth(when, input).await;

        match self.guess() {
            Some(guess) if guess.is_guessed(job.id) => {
                Ok(guess
                    .decide(GuessedDecision::Starts(job.op.name.clone()), said.unwrap_or(false)))
            }
            _ => said,
        }
    }

    /// Does the work, and again as often as the operation's `retries` allow. An operation that is one
    /// call is asked as often as the call may be, or as the operation may be tried, whichever is more.
    async fn work(&self, scope: &Rc<Scope>, job: &OperationJob) -> Result<WorkResult, Stop> {
        let mut tries = Tries::new(job.op.retries.saturating_add(1).max(attempts_max(job)));
        let group = scope.strand.group();
        let mut place = 0;

        loop {
            let strand = scope.strand.child(group, place);
            place += 1;
            let left = tries.left();
            let scope_of_try =
                if job.op.retries > 0 { scope.trying(&strand, left) } else { scope.on(&strand) };
            match self.once(&scope_of_try, job, left).await {
                Err(Stop::Failed(failure)) if job.op.retries > 0 => {
                    let pause = match tries.failed(failure) {
                        Ok(pause) => pause,
                        Err(failure) => return Box::pin(self.assume(scope, job, failure)).await,
                    };
                    let next = Some(scope.strand.child(group, place).address().clone());
                    self.note(&Event::Tried { at: strand.address().clone(), next })?;
                    Box::pin(self.pass(&scope.strand, Timer::Pause, pause)).await?;
                }
                Err(Stop::Failed(failure)) => {
                    return Box::pin(self.assume(scope, job, failure)).await;
                }
                Ok(done) => {
                    self.note_completed(job);
                    if place > 1 {
                        self.note(&Event::Tried { at: strand.address().clone(), next: None })?;
                    }
                    return Ok(done);
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Notes in a plan that an operation has completed with what was guessed.
    fn note_completed(&self, job: &OperationJob) {
        if let Some(guess) = self.guess().filter(|guess| guess.is_guessed(job.id)) {
            guess.decide(GuessedDecision::Completes(job.op.name.clone()), true);
        }
    }

    /// Takes an operation to complete that has failed, where a plan tries that: it may have failed because
    /// of a guess, and what comes after it would stay unknown.
    async fn assume(
        &self,
        scope: &Rc<Scope>,
        job: &OperationJob,
        failure: Failure,
    ) -> Result<WorkResult, Stop> {
        let is_guessed = |guess: &&Guess| guess.is_guessed(job.id) && may_be_guessed(&failure.kind);
        let Some(guess) = self.guess().filter(is_guessed) else { return Err(failure.into()) };
        if !guess.completes(&job.op.name, &failure) {
            return Err(failure.into());
        }

        match &job.op.kind {
            OpKind::Expand { make, .. } => {
                let ops = each_of(scope, job, make, &guess.items()).await?;
                Ok(WorkResult::Ops(ops))
            }
            _ => Ok(WorkResult::Value(Guess::result())),
        }
    }

    /// Does the work once. A call that it is may be tried as often as tries are left.
    async fn once(
        &self,
        scope: &Rc<Scope>,
        job: &OperationJob,
        left: u32,
    ) -> Result<WorkResult, Stop> {
        let asked = |prompt: &Prompt| {
            let mut prompt = with_inputs(prompt, &job.inputs);
            prompt.settings.attempts_max = Some(attempts_max(job).min(left));
            Box::new(prompt)
        };

        if !asks_model(&job.op.kind) {
            self.settle_ends()?;
        }

        match &job.op.kind {
            OpKind::Communicate(prompt) | OpKind::Chat(prompt) => {
                let prompt = asked(prompt);
                let is_kept = matches!(job.op.kind, OpKind::Communicate(_));
                let keep = if is_kept { Keep::Exchange } else { Keep::Nothing };
                // Boxed where it is made, so that operations that call no model do not carry the room for
                // one; a variable would have that room as well.
                Box::pin(self.converse(scope, job.branch.get(), &prompt, keep, false))
                    .await
                    .map(WorkResult::Value)
            }
            OpKind::Operate(checked) | OpKind::React(checked) => {
                let checked = Box::new(CheckedPrompt {
                    prompt: *asked(&checked.prompt),
                    ..(**checked).clone()
                });
                Box::pin(self.operate(scope, job.branch.get(), &checked, false))
                    .await
                    .map(WorkResult::Value)
            }
            OpKind::Act(call) => {
                let (tool, args) = Box::pin(self.direct_call(scope, job, call)).await?;
                Box::pin(self.act_within(scope, &tool, args)).await.map(WorkResult::Value)
            }
            OpKind::Parse(checked) => {
                Box::pin(self.parse(scope, job, checked, left)).await.map(WorkResult::Value)
            }
            OpKind::Ask(asked) => {
                let asked = Box::new(question_of(job, asked));
                let answer =
                    Box::pin(self.ask_people(&scope.strand, scope.tool.as_ref(), &asked)).await;
                self.note_guess(scope);
                answer.map(WorkResult::Value)
            }
            OpKind::Call(callback) => {
                let input = CallbackInput::Operation {
                    scope: scope.clone(),
                    inputs: job.given(),
                    branch: job.branch.clone(),
                };
                Ok(WorkResult::Value(callback.call(input).await?))
            }
            OpKind::Expand { make, place } => {
                Box::pin(expand(scope, job, make, place.as_ref())).await
            }
        }
    }
}

impl Executor {
    /// Reads a value from a text by rules, or asks a model for it. It may be tried as often as tries are
    /// left.
    async fn parse(
        &self,
        scope: &Rc<Scope>,
        job: &OperationJob,
        checked: &CheckedPrompt,
        left: u32,
    ) -> Result<Value, Stop> {
        let text = text_to_parse(job, &checked.prompt);
        let mut checked = match reading(&text, checked)? {
            RuleResult::Value(value) => return Ok(value),
            RuleResult::Ask(checked) => checked,
        };

        checked.prompt.settings.attempts_max = Some(attempts_max(job).min(left));
        self.operate(scope, job.branch.get(), &checked, false).await
    }

    /// Finds the tool that an operation calls, and its arguments.
    async fn direct_call(
        &self,
        scope: &Rc<Scope>,
        job: &OperationJob,
        call: &DirectCall,
    ) -> Result<(Rc<Tool>, Value), Failure> {
        let tool = match &call.tool {
            ToolRef::Tool(tool) => tool.clone(),
            ToolRef::Name(name) => {
                let branch = job.branch.get().borrow();
                let found = branch.tools.iter().find(|tool| tool.name == *name).cloned();
                found.ok_or_else(|| no_such_tool(name))?
            }
        };

        let args = match &call.args {
            CallArguments::Value(args) => args.clone(),
            CallArguments::Made(make) => {
                make.call(CallbackInput::Inputs(job.given(), scope.strand.next())).await?
            }
        };
        Ok((tool, args))
    }
}

fn no_such_tool(name: &str) -> Failure {
    let message = format!(
        "the branch of the operation has no tool `{name}`; give it one by `branch(#{{ tools: [..] }})`, or \
         write the tool itself in place of its name"
    );
    Failure::new(Kind::Option, message)
}

/// Tells whether an operation asks a model, and runs no function of the script to do so.
fn asks_model(kind: &OpKind) -> bool {
    match kind {
        OpKind::Communicate(_)
        | OpKind::Chat(_)
        | OpKind::Operate(_)
        | OpKind::React(_)
        | OpKind::Parse(_) => true,
        OpKind::Act(_) | OpKind::Ask(_) | OpKind::Call(_) | OpKind::Expand { .. } => false,
    }
}

/// Returns how often the call of an operation may be tried; 0 for one that is no call.
fn attempts_max(job: &OperationJob) -> u32 {
    match &job.op.kind {
        OpKind::Operate(checked) | OpKind::React(checked) | OpKind::Parse(checked) => {
            calls_max(job, &checked.prompt)
        }
        OpKind::Communicate(prompt) | OpKind::Chat(prompt) => calls_max(job, prompt),
        OpKind::Act(_) | OpKind::Ask(_) | OpKind::Call(_) | OpKind::Expand { .. } => 0,
    }
}

fn calls_max(job: &OperationJob, prompt: &Prompt) -> u32 {
    let settings = job.branch.get().borrow().model.settings.with(&prompt.settings);
    settings.attempts_max.unwrap_or(ATTEMPTS_MAX).max(1)
}

/// Puts the results of other operations before a question, so that people see what it is about.
fn question_of(job: &OperationJob, asked: &TimedQuestion) -> TimedQuestion {
    let mut asked = asked.clone();
    asked.op = Some(job.op.name.clone());

    let results = job.inputs.iter().map(|(name, value)| format!("{name}: {}\n\n", as_text(value)));
    asked.question.text = results.chain([asked.question.text]).collect();
    asked
}

/// Returns the text that an operation reads a value from: its own, or the result of its first source.
fn text_to_parse(job: &OperationJob, prompt: &Prompt) -> String {
    match job.inputs.first() {
        Some((_, value)) if prompt.instruction.is_empty() => as_text(value),
        _ => prompt.instruction.clone(),
    }
}

/// Tells whether a real reply may spare an operation a failure of this kind, which a guess has brought about.
pub(super) fn may_be_guessed(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Thrown
            | Kind::Script
            | Kind::Json
            | Kind::Assertion
            | Kind::InvalidOutput
            | Kind::Own(_)
    )
}

/// What work can make.
pub(super) enum WorkResult {
    Value(Value),
    Ops(Vec<Op>),
}

async fn truth(when: &Callback, input: CallbackInput) -> Result<bool, Failure> {
    match when.call(input).await? {
        Value::Bool(answer) => Ok(answer),
        other => Err(Failure::new(
            Kind::Script,
            format!("a condition must return true or false, not `{other}`"),
        )),
    }
}

/// Puts the results of other operations before the instruction, each under its name.
fn with_inputs(prompt: &Prompt, inputs: &[(String, Value)]) -> Prompt {
    let mut text = String::new();
    for (name, value) in inputs {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "<result name=\"{name}\">\n{}\n</result>\n", as_text(value));
    }

    Prompt { instruction: format!("{text}{}", prompt.full()), ..prompt.clone() }
}

fn timed_out(op: &Op) -> Failure {
    let limit = op.timeout.unwrap_or_default().as_millis();
    Failure::new(Kind::Timeout, format!("timed out after {limit} ms (`timeout_ms`)")).of(&op.name)
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Failure::new(Kind::Panicked, format!("this is a bug in kaizen, please report it: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::RunId;
    use crate::executor::flow::FlowOptions;
    use crate::flow::builder::Builder;
    use crate::flow::op::OnFailure;
    use crate::journal::Journal;
    use crate::model::Model;
    use crate::session::Session;
    use crate::session::branch::Branch;
    use std::cell::RefCell;

    #[tokio::test]
    async fn an_operation_whose_turn_had_come_when_its_flow_stopped_ends_in_the_journal() {
        let failing = OpKind::Call(Callback::new(|_| {
            Box::pin(async { Err(Failure::new(Kind::Thrown, "at once")) })
        }));

        let mut builder = Builder::new("g");
        builder.add(Op::new("first", failing), &[]);
        builder.add(Op::new("second", OpKind::Chat(Box::default())), &[]);
        let graph = builder.build().expect("a sound graph");

        let executor = Executor::new(Journal::off(RunId::fresh()), 1, None);
        let ended = Rc::new(RefCell::new(Vec::new()));
        let seen = ended.clone();
        executor.listen(Rc::new(move |_, event| {
            if let Event::OpEnded { op, outcome, .. } = event {
                seen.borrow_mut().push((op.0, outcome.word()));
            }
        }));

        let session = Session::new(Branch::new(Model::demo(), None).shared());
        let options = FlowOptions { on_failure: OnFailure::Stop, ..FlowOptions::default() };
        let root = Strand::root();
        let report = executor.run(&root, &graph, &session, &options).await.expect("a journal");

        assert_eq!(report.names("cancelled"), ["second"]);
        assert_eq!(ended.take(), [(0, "failed"), (1, "cancelled")]);
    }
}
