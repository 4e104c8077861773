//! One attempt of one operation: the only caller of models.

use crate::base::clock;
use crate::base::failpoint::{self, Point};
use crate::base::id::{FlowId, RunId};
use crate::executor::budget::Reserve;
use crate::executor::retry::{ATTEMPTS_MAX, pause};
use crate::executor::reuse::Answer;
use crate::executor::{Executor, RunError};
use crate::flow::callback::Scope;
use crate::flow::failure::Failure;
use crate::flow::op::Prompt;
use crate::flow::outcome::Outcome;
use crate::journal::cassette::Line;
use crate::journal::event::Event;
use crate::journal::key::Key;
use crate::journal::replies::Sample;
use crate::model::Model;
use crate::model::error::{CallError, Retry};
use crate::model::message::{Message, Role};
use crate::model::reply::Called;
use crate::model::request::Request;
use crate::model::schema;
use crate::model::tuning::Change;
use crate::session::branch::{Exchange, SharedBranch};
use crate::store::StoreError;
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;

/// What becomes of question and answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// They are appended to the branch.
    Exchange,
    /// The branch stays as it is.
    Nothing,
}

/// Why something gave no value: a failure to report, or the end of the run.
#[derive(Debug)]
pub enum Stop {
    /// It failed.
    Failed(Failure),
    /// The journal cannot be written.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Stop {
        match error {
            RunError::Store(error) => Stop::Store(error),
            other => Stop::Failed(Failure::new("graph", other.to_string())),
        }
    }
}

impl Executor {
    /// Asks the branch's model on behalf of `scope`; without one, the call is an operation of its
    /// own in flow 0, named `name`.
    pub async fn ask(
        &self,
        scope: Option<&Rc<Scope>>,
        name: &str,
        branch: &SharedBranch,
        prompt: &Prompt,
        keep: Keep,
    ) -> Result<Value, Stop> {
        if let Some(scope) = scope {
            return self.converse(scope, branch, prompt, keep, true).await;
        }
        let scope = Scope::new(FlowId(0), self.take_op(), None);
        let (flow, op) = (scope.flow, scope.op);
        self.note(&Event::OpStarted { flow, op, name: Some(name.to_owned()) })?;
        let mut guard = self.guard(scope.clone());
        let outcome = match self.converse(&scope, branch, prompt, keep, false).await {
            Ok(value) => Outcome::Completed { value },
            Err(Stop::Failed(failure)) => Outcome::Failed { failure },
            Err(stop) => return Err(stop),
        };
        let ended = Event::OpEnded { flow, op, outcome };
        guard.disarm();
        failpoint::pass(Point::OpEnds);
        self.commit(&ended).await?;
        failpoint::pass(Point::OpKept);
        let Event::OpEnded { outcome, .. } = ended else { return Ok(Value::Null) };
        match outcome {
            Outcome::Completed { value } => Ok(value),
            Outcome::Failed { failure } => Err(Stop::Failed(failure)),
            Outcome::Skipped { .. } | Outcome::Cancelled => Ok(Value::Null),
        }
    }

    /// Asks until there is a reply or no further try helps. With `durable`, the last attempt is on
    /// the disk before this returns; otherwise the caller's next commit takes it along.
    pub(super) async fn converse(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        prompt: &Prompt,
        keep: Keep,
        durable: bool,
    ) -> Result<Value, Stop> {
        let (turn, model, mut messages) = {
            let mut branch = branch.borrow_mut();
            (branch.begin(), branch.model.clone(), branch.messages())
        };
        messages.push(Message::new(Role::User, &prompt.instruction));
        let settings = model.settings.with(&prompt.settings);
        let attempts_max = settings.attempts_max.unwrap_or(ATTEMPTS_MAX).max(1);
        let mut request = Request { messages, settings, schema: prompt.schema.clone() };
        let sample = self.sample(&model, &request);
        // A cassette has the request as the script made it, before the budget bounds the reply.
        let line = self.tape.as_ref().map(|_| Box::new(Line::asked(sample.0, &model, &request)));
        if let Some(budget) = self.budget_of(scope.flow) {
            budget.bound(&mut request);
        }
        let asked = Asked { model, request, sample, line };
        let mut attempt = 1;
        let text = loop {
            let (number, called, reused) = self.call(scope, &asked).await?;
            if reused.is_none() {
                branch.borrow_mut().usage += called.usage.unwrap_or_default();
            }
            let left = scope.deadline.map(|at| at.saturating_sub(clock::monotonic()));
            let wait = match &called.result {
                Ok(_) => None,
                Err(error) => {
                    pause(error, attempt, attempts_max, left, &mut self.jitter.borrow_mut())
                }
            };
            let paid = Paid { number, called, reused, attempt, wait };
            let result = self.settle(scope, &asked.model, paid, durable).await?;
            match (result, wait) {
                (Ok(text), _) => break text,
                (Err(_), Some(wait)) => tokio::time::sleep(wait).await,
                (Err(failure), None) => return Err(failure.into()),
            }
            attempt += 1;
        };
        let value = match &prompt.schema {
            Some(schema) => self.read(text.clone(), schema)?,
            None => Value::String(text.clone()),
        };
        if keep == Keep::Exchange {
            let exchange = Exchange { question: prompt.instruction.clone(), answer: text };
            branch.borrow_mut().record(turn, exchange);
        }
        Ok(value)
    }

    /// Reads a reply that has to follow a schema. One that is only guessed need not fit.
    fn read(&self, text: String, schema: &Value) -> Result<Value, Failure> {
        let is_plan = self.reuse.as_ref().is_some_and(|reuse| reuse.is_dry() && !reuse.is_replay());
        let value = if is_plan { schema::parse(&text) } else { schema::read(&text, schema) };
        value.map_err(|reason| CallError::InvalidOutput { text, reason }.into())
    }

    /// Numbers a request among the equal ones of the run.
    fn sample(&self, model: &Model, request: &Request) -> Sample {
        let key = Key::of(model, request);
        let mut asked = self.asked.borrow_mut();
        let count = asked.entry(key).or_default();
        *count += 1;
        (key, *count - 1)
    }

    /// Makes one call, or finds that it need not be made, and journals its start. Gives the number of
    /// the attempt, since others of the operation may have begun meanwhile, and the run that paid, if
    /// it was not this one.
    async fn call(
        &self,
        scope: &Rc<Scope>,
        asked: &Asked,
    ) -> Result<(u32, Called, Option<RunId>), Stop> {
        let Asked { model, request, sample, line } = asked;
        let sample = *sample;
        let answer = match (&self.tape, line, &self.reuse) {
            (Some(tape), Some(line), _) => tape.answer(&sample, model, line),
            (_, _, Some(reuse)) => reuse.answer(&sample, request, &self.learner.borrow(), scope.op),
            _ => Answer::Ask,
        };
        let mut reserve = match self.budget_of(scope.flow) {
            Some(budget) if matches!(answer, Answer::Ask) => {
                Some(budget.admit(model, request).await?)
            }
            _ => None,
        };
        // The semaphore is never closed.
        let _permit = match &self.calls {
            Some(calls) if matches!(answer, Answer::Ask) => calls.acquire().await.ok(),
            _ => None,
        };
        let number = scope.attempts.get() + 1;
        scope.attempts.set(number);
        self.note(&Event::AttemptStarted {
            flow: scope.flow,
            op: scope.op,
            attempt: number,
            model: model.label.clone(),
            demo: model.is_demo(),
            prompt: request.messages.last().map(|m| m.content.clone()).unwrap_or_default(),
            history: request.messages.len() - 1,
            key: Some(sample.0),
            sample: sample.1,
        })?;
        match answer {
            Answer::Known(known) => {
                let result = Ok(known.text.to_string());
                let (usage, cost, served_by) = (known.usage, known.cost, known.served_by);
                return Ok((number, Called { usage, cost, served_by, result }, Some(known.run)));
            }
            Answer::Played(called) => return Ok((number, *called, None)),
            Answer::Never(failure) => return Err((*failure).into()),
            Answer::Guess(text) => return Ok((number, model.estimate(request, text), None)),
            Answer::Ask => {}
        }
        failpoint::pass(Point::CallBegins);
        let begun = reserve.as_mut().map(Reserve::begun).unwrap_or_default();
        let demo = model.is_demo();
        let mut guard = CallGuard { executor: self, scope, number, demo, armed: true };
        let called = match &self.reuse {
            Some(reuse) => reuse.call(sample, model, request, begun).await,
            None => model.call_noting(request, &begun).await,
        };
        failpoint::pass(Point::CallEnds);
        guard.armed = false;
        self.tell_tuned(model)?;
        if let (Some(tape), Some(line)) = (&self.tape, line) {
            tape.keep(sample, model, line, &called);
        }
        if let Some(reserve) = reserve {
            reserve.settle(&called);
        }
        Ok((number, called, None))
    }

    /// Journals a change of the number of calls that are made at once.
    fn tell_tuned(&self, model: &Model) -> Result<(), StoreError> {
        let Some(Change { from, to }) = model.take_change() else { return Ok(()) };
        let label = &model.label;
        let text = if to < from {
            format!("`{label}` refuses calls: at most {to} are made at once, until it takes more")
        } else {
            format!("`{label}` takes more calls again: up to {to} at once")
        };
        self.note(&Event::Logged { level: "info".to_owned(), text })
    }

    /// Journals the end of a call.
    async fn settle(
        &self,
        scope: &Rc<Scope>,
        model: &Model,
        paid: Paid,
        durable: bool,
    ) -> Result<Result<String, Failure>, StoreError> {
        let Paid { number, called, reused, attempt, wait } = paid;
        let result = called.result.map_err(|error| match wait {
            Some(_) => Failure::from(error),
            None => explain(error, attempt),
        });
        let event = Event::AttemptEnded {
            flow: scope.flow,
            op: scope.op,
            attempt: number,
            demo: model.is_demo(),
            reused,
            reply: result.as_ref().ok().cloned(),
            usage: called.usage,
            cost: called.cost,
            served_by: called.served_by,
            failure: result.as_ref().err().cloned(),
            retry_in_ms: wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        };
        // A failed attempt that is followed by another is worth no wait for the disk.
        if durable && wait.is_none() {
            self.commit(&event).await?;
        } else {
            self.note(&event)?;
        }
        Ok(result)
    }
}

/// One request, and what it is known by.
struct Asked {
    model: Rc<Model>,
    request: Request,
    sample: Sample,
    /// As a cassette has it, in a test.
    line: Option<Box<Line>>,
}

/// One answered request, and the pause before it is made again, if it will be.
struct Paid {
    /// Which attempt of its operation it was, from 1.
    number: u32,
    called: Called,
    /// The run that paid, if it was not this one.
    reused: Option<RunId>,
    /// Which try it was, from 1.
    attempt: u32,
    wait: Option<Duration>,
}

/// Journals a call that is given up while it is under way: it may have been paid for.
struct CallGuard<'a> {
    executor: &'a Executor,
    scope: &'a Rc<Scope>,
    number: u32,
    demo: bool,
    armed: bool,
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        // The run is being torn down; a store that cannot be written is reported by its next use.
        let _ = self.executor.note(&Event::AttemptEnded {
            flow: self.scope.flow,
            op: self.scope.op,
            attempt: self.number,
            demo: self.demo,
            reused: None,
            reply: None,
            usage: None,
            cost: None,
            served_by: None,
            failure: Some(Failure::new("cancelled", "the call was given up")),
            retry_in_ms: None,
        });
    }
}

/// Makes the last error of several tries a failure that says so.
fn explain(error: CallError, attempts: u32) -> Failure {
    let asked = match error.retry() {
        Retry::After(asked) => Some(asked),
        Retry::Never | Retry::Backoff => None,
    };
    let mut failure = Failure::from(error);
    if let Some(asked) = asked {
        failure.message = format!("{}; it asks to wait {} s", failure.message, asked.as_secs_f64());
    }
    if attempts > 1 {
        failure.message = format!("{} (tried {attempts} times)", failure.message);
    }
    failure
}
