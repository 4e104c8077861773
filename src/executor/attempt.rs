//! One attempt of one operation: the only caller of models.

use crate::base::failure::{Failure, Kind};
use crate::base::secret;
use crate::executor::bill::AttemptBill;
use crate::executor::budget::Reserve;
use crate::executor::call_guard::CallGuard;
use crate::executor::replies::reuse::Answer;
use crate::executor::replies::{AttemptResult, Miss, PendingCall, ReplySource};
use crate::executor::retry::{ATTEMPTS_MAX, TryLimits};
use crate::executor::tool_protocol::leave_images_out;
use crate::executor::worded_schema::in_words;
use crate::executor::{Executor, RunError};
use crate::flow::op::Prompt;
use crate::journal::event::{Event, LogLevel, Timer};
use crate::journal::known_replies::Sample;
use crate::journal::past::PastTry;
use crate::metrics::charge::Charge;
use crate::model::Model;
use crate::model::call_error::CallError;
use crate::model::message::Message;
use crate::model::reply::{CallResult, ReplyContent};
use crate::model::request::{Request, SchemaCheck};
use crate::model::tool::{ToolChoice, ToolSpec};
use crate::model::tuning::LimitChange;
use crate::schema::{self, FittedValue, Unfit};
use crate::session::branch::SharedBranch;
use crate::session::scope::Scope;
use crate::store::StoreError;
use serde_json::Value;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Most characters of results of tools that stand with the call that tells them.
const PROMPT_MAX: usize = 1000;

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
            other => Stop::Failed(Failure::new(Kind::Graph, other.to_string())),
        }
    }
}

/// One request of an operation.
pub(super) struct ExchangeRequest<'a> {
    pub(super) prompt: &'a Prompt,
    /// The whole conversation, the newest message last.
    pub(super) messages: Vec<Message>,
    /// The tools that the model is offered.
    pub(super) tools: Vec<ToolSpec>,
    pub(super) choice: ToolChoice,
    /// The schema that the model is told.
    pub(super) schema: Option<&'a Value>,
    /// The schema that the reply is read by.
    pub(super) reads: Option<&'a Value>,
    pub(super) schema_check: SchemaCheck,
    /// Whether it asks to mend the last answer.
    pub(super) is_repair: bool,
    /// The step of a loop of tools that it is, from 1; 0 outside of one.
    pub(super) step: u32,
}

impl<'a> ExchangeRequest<'a> {
    /// Asks for an answer that follows the schema, if there is one, without tools. Whoever asks looks
    /// whether it does.
    pub(super) fn new(
        prompt: &'a Prompt,
        messages: Vec<Message>,
        schema: Option<&'a Value>,
    ) -> ExchangeRequest<'a> {
        ExchangeRequest {
            prompt,
            messages,
            tools: Vec::new(),
            choice: ToolChoice::Auto,
            schema,
            reads: schema,
            schema_check: SchemaCheck::Caller,
            is_repair: false,
            step: 0,
        }
    }
}

/// A reply, and the value that was read from its text. Where it calls tools, the value is that text.
pub(super) struct WholeReply {
    pub(super) said: ReplyContent,
    /// Whether `max_tokens` cut it, and that was accepted.
    pub(super) is_cut: bool,
    pub(super) value: Result<Value, Unfit>,
    /// What the request is known by.
    pub(super) sample: Sample,
    /// How many calls it took, and what they cost, if that is known.
    pub(super) bill: AttemptBill,
}

/// How a try stands among the others of its request, and what was mended of its reply.
struct TryTimes {
    attempt: u32,
    wait: Option<Duration>,
    mended: Vec<String>,
}

/// Returns the newest message as it stands with a call. What is more than a text is kept whole among the
/// parts of requests.
fn prompt_of(message: &Message) -> String {
    if message.is_plain() {
        message.content.clone()
    } else {
        secret::beginning(&message.shown(), PROMPT_MAX)
    }
}

/// Makes the error for a try that has ended well and has no text, which cannot be.
fn no_text() -> Failure {
    Failure::new(Kind::Panicked, "this is a bug in kaizen, please report it: a reply was not read")
}

impl Executor {
    /// Makes one request until it is answered or no further try helps.
    pub(super) async fn exchange(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        ask: ExchangeRequest<'_>,
        durable: bool,
    ) -> Result<WholeReply, Stop> {
        let prompt = ask.prompt;
        let reads = ask.reads;
        let mut asked = self.pending(scope, branch, ask)?;
        let attempts_max = scope.tries_of(asked.request.settings.attempts_max, ATTEMPTS_MAX);
        let mut refused: Option<Failure> = None;
        let mut attempt = 1;
        // Requests that were refused for their form are no tries of the one that follows.
        let mut refused_forms = 0;
        let mut bill = AttemptBill::default();
        loop {
            let mut tried = self.call(scope, &asked, attempt).await?;
            // A reply that is known may come from a conversation with other ids.
            if let Ok(said) = &mut tried.result {
                said.keep_ids_apart(&asked.request.messages);
            }
            if tried.counts_now() {
                branch.borrow_mut().count(tried.usage);
            }

            // A pause that stands in the journal is for a call of the recorded run.
            let is_new = matches!(&tried.result, Err(Miss::Now(_)));
            let left = scope.left(self.age());
            let limits = TryLimits { attempt, attempts_max, left };
            let wait = self.wait_after(&tried, &asked, limits, &mut refused_forms);
            let read = tried.result.as_ref().ok().map(|said| self.read(said, reads));
            let calls_tools = tried.result.as_ref().is_ok_and(|said| !said.calls.is_empty());
            let mended = match &read {
                Some(Ok(found)) => found.mended.clone(),
                Some(Err(_)) | None => Vec::new(),
            };
            let is_cut = tried.is_cut;
            let times = TryTimes { attempt, wait, mended };
            // A reply that another call follows was paid for: it is on the disk before that.
            let durable = durable || calls_tools || matches!(read, Some(Err(_)));
            let usage = tried.usage;
            let cost = tried.cost;
            let result = self.settle(scope, &asked.model, tried, times, durable).await?;
            let charge = Charge::of(usage, cost, result.as_ref().err());
            bill.add(AttemptBill { calls: 1, cost: charge.cost });

            match (result, read, wait) {
                (Ok(said), Some(read), _) => {
                    if let Some(failure) = refused {
                        self.learn_no_schemas(&asked.model.label, &failure)?;
                    }
                    let value = read.map(|found| found.value);
                    return Ok(WholeReply { said, is_cut, value, sample: asked.sample, bill });
                }
                (_, _, Some(wait)) if is_new => {
                    self.pass_anew(&scope.strand, Timer::Pause, wait).await?;
                }
                (_, _, Some(wait)) => self.pass(&scope.strand, Timer::Pause, wait).await?,
                (Err(failure), ..) => {
                    asked = self.without_schema(scope, prompt, asked, failure, &mut refused)?;
                    (attempt, refused_forms) = (0, 0);
                }
                (Ok(_), None, None) => return Err(no_text().into()),
            }
            attempt += 1;
        }
    }

    /// Tells whether a model is shown the pictures that tools give.
    pub(super) fn shows_results(&self, scope: &Scope, model: &Model) -> bool {
        model.is_shown_results(self.budgets.counts_tokens(scope.purse))
    }

    /// Makes the request, and what it is known by.
    fn pending(
        &self,
        scope: &Scope,
        branch: &SharedBranch,
        ask: ExchangeRequest<'_>,
    ) -> Result<PendingCall, Failure> {
        let model = branch.borrow().model.clone();
        let settings = model.settings.with(&ask.prompt.settings);

        let mut messages = ask.messages;
        leave_images_out(&mut messages, self.shows_results(scope, &model));
        let request = Request::new(messages, settings, ask.schema.cloned());
        let mut request = request.offering(ask.tools, ask.choice);
        request.schema_check = ask.schema_check;
        if self.has_no_schemas(&model.label) {
            request = in_words(request);
        }
        request.check().map_err(|error| Failure::new(Kind::Option, error.to_string()))?;

        Ok(self.pend(scope, model, request, ask.is_repair, ask.step))
    }

    pub(super) fn pend(
        &self,
        scope: &Scope,
        model: Rc<Model>,
        mut request: Request,
        is_repair: bool,
        step: u32,
    ) -> PendingCall {
        let sample = self.replies.sample(&scope.strand, &model, &request);
        // A cassette has the request as the script made it, before the budget bounds the reply.
        let line = self.replies.line(sample.key, &model, &request);
        self.budgets.bound_reply(scope.purse, &mut request);

        PendingCall { op: scope.op, model, request, sample, line, is_repair, step }
    }

    /// Reads a reply, by its schema if it has one. One that is only guessed need not fit.
    fn read(&self, said: &ReplyContent, schema: Option<&Value>) -> Result<FittedValue, Unfit> {
        let plain = |value| FittedValue { value, mended: Vec::new() };
        let text = said.text.as_str();
        let schema = schema.filter(|_| said.calls.is_empty());

        match schema {
            None => Ok(plain(Value::String(text.to_owned()))),
            Some(schema) if self.is_plan() => schema::guess(text, schema).map(plain),
            Some(schema) => schema::read(text, schema),
        }
    }

    /// Tells whether replies are only guessed.
    pub(super) fn is_plan(&self) -> bool {
        self.is_dry() && !self.is_replay()
    }

    /// Makes one call, or finds that it need not be made, and journals its start.
    async fn call(
        &self,
        scope: &Rc<Scope>,
        asked: &PendingCall,
        attempt: u32,
    ) -> Result<AttemptResult, Stop> {
        let PendingCall { model, request, sample, .. } = asked;
        let source = self.source(asked, attempt);
        if let ReplySource::Then(then) = &source
            && then.is_refused
        {
            return Err(self.refuse_again(scope, asked, then).await?);
        }

        let is_guess = matches!(&source, ReplySource::Answer(Answer::Guess(_)));
        // A plan keeps the budgets as its run does.
        let may_ask = is_guess || self.replies.may_ask(&source, sample);
        let mut reserve = if may_ask { Some(self.reserve(scope, asked).await?) } else { None };

        // A call of the recorded run waited for its turn then, so it does now.
        let was_asked = matches!(&source, ReplySource::Then(then) if !then.was_reused);
        let _permit =
            if may_ask || was_asked { self.budgets.permit(was_asked).await } else { None };

        let has_begun = reserve.as_mut().map(Reserve::begun).unwrap_or_default();
        let mut guard = self.begin_call(scope, asked, has_begun.clone(), attempt)?;
        let number = guard.number;

        let answer = match source {
            ReplySource::Then(then) => {
                // It ends where it ended in the journal.
                self.turns.known(then.place).await;
                guard.armed = false;
                self.replies.use_reply(sample, then.result.is_ok());
                let tried = AttemptResult::then(number, *then);
                self.budgets.count_known(model, request, tried.cost_then());
                return Ok(tried);
            }
            ReplySource::Answer(answer) => answer,
            ReplySource::News => {
                self.turns.news(self.memory.news_of(sample.key, &sample.at)).await;
                self.answer_to_news(asked)
            }
        };
        self.turns.go_on();

        let called = match answer {
            Answer::Ask => {
                if reserve.is_none() {
                    // The reply that was there for it has gone to another.
                    reserve = Some(self.reserve(scope, asked).await?);
                }
                self.ask_model(asked, has_begun).await?
            }
            other => {
                // Unless it stands for a call, no model is asked, and nothing stays set aside.
                let reserve = reserve.take().filter(|_| is_guess);
                guard.armed = false;
                let (called, run) = self.without_asking(asked, other)?;
                guard.plan(&called, run.clone());

                has_begun.set(is_guess);
                self.take_turn().await;
                guard.armed = false;
                self.settle_guess(scope, asked, reserve, &called);
                return Ok(AttemptResult::now(number, called, run));
            }
        };
        guard.armed = false;

        self.settle_call(asked, reserve, &called)?;
        Ok(AttemptResult::now(number, called, None))
    }

    /// Records what a model answered, and charges it.
    fn settle_call(
        &self,
        asked: &PendingCall,
        reserve: Option<Reserve>,
        called: &CallResult,
    ) -> Result<(), StoreError> {
        let PendingCall { model, sample, line, .. } = asked;
        self.tell_tuned(model)?;
        if let Some(line) = line {
            self.replies.keep(sample, model, line, called);
        }
        if let Some(reserve) = reserve {
            reserve.settle(called);
        }
        Ok(())
    }

    /// Journals the start of a call, and watches it.
    fn begin_call<'a>(
        &'a self,
        scope: &'a Rc<Scope>,
        asked: &'a PendingCall,
        has_begun: Rc<Cell<bool>>,
        attempt: u32,
    ) -> Result<CallGuard<'a>, StoreError> {
        let PendingCall { model, request, sample, .. } = asked;
        let number = scope.attempts.get() + 1;
        scope.attempts.set(number);

        // A plan and a replay keep nothing.
        let parts = if self.is_dry() {
            None
        } else {
            Some(self.recorder.keep_parts(self.event_time(), request)?)
        };
        self.note(&Event::AttemptStarted {
            flow: scope.flow,
            op: scope.op,
            attempt: number,
            model: model.label.clone(),
            demo: model.is_demo(),
            prompt: request.messages.last().map(prompt_of).unwrap_or_default(),
            history: request.messages.len() - 1,
            newest: parts.as_ref().and_then(|parts| parts.newest),
            key: Some(sample.key),
            sample: sample.arrival,
            at: Some(sample.at.clone()),
            before: parts.as_ref().and_then(|parts| parts.before),
            terms: parts.as_ref().map(|parts| parts.terms),
            repair: asked.is_repair,
            step: if attempt == 1 { asked.step } else { 0 },
        })?;

        Ok(CallGuard {
            executor: self,
            scope,
            asked,
            number,
            has_begun,
            planned: None,
            armed: true,
        })
    }

    /// Sets the worst case of a call aside, in the budget of its flow and in the account of the run.
    async fn reserve(&self, scope: &Rc<Scope>, asked: &PendingCall) -> Result<Reserve, Stop> {
        let PendingCall { model, request, .. } = asked;
        match self.budgets.reserve(scope.purse, model, request).await {
            Ok(reserve) => Ok(reserve),
            Err(failure) => Err(self.refuse(scope, asked, failure)?),
        }
    }

    /// Journals that a call is not made. A later run could not find that out again: its budget is
    /// another one.
    fn refuse(
        &self,
        scope: &Scope,
        asked: &PendingCall,
        failure: Failure,
    ) -> Result<Stop, StoreError> {
        let key = asked.sample.key;
        let at = asked.sample.at.clone();
        let refused = failure.clone();
        self.note(&Event::CallRefused {
            flow: scope.flow,
            op: scope.op,
            key,
            at,
            failure: refused,
        })?;

        Ok(Stop::Failed(failure))
    }

    /// Refuses a call that the recorded run has refused.
    async fn refuse_again(
        &self,
        scope: &Scope,
        asked: &PendingCall,
        then: &PastTry,
    ) -> Result<Stop, StoreError> {
        self.turns.reach(then.place).await;
        self.turns.pass_by(then.place);

        // The budget counts as spent, as it did then.
        self.budgets.spend(scope.purse);

        let failure = then.result.clone().err();
        self.refuse(scope, asked, failure.unwrap_or_else(|| Failure::new(Kind::Budget, "refused")))
    }

    /// Journals a change of the number of calls that are made at once, and what else was learned of the server.
    fn tell_tuned(&self, model: &Model) -> Result<(), StoreError> {
        if model.take_learned() {
            let text = format!(
                "`{}` takes no `max_tokens`, so the request was sent again with \
                 `max_completion_tokens`; `max_tokens_field = \"max_completion_tokens\"` under its \
                 `[models.NAME]` avoids the second request",
                model.label
            );
            self.note(&Event::Logged { level: LogLevel::Info, text })?;
        }

        let Some(LimitChange { from, to }) = model.take_change() else { return Ok(()) };
        let label = &model.label;
        let text = if to < from {
            format!(
                "`{label}` refuses calls: lowering the limit to {to} concurrent calls until \
                 it accepts more"
            )
        } else {
            format!("`{label}` accepts more calls again: up to {to} concurrent calls")
        };
        self.note(&Event::Logged { level: LogLevel::Info, text })
    }

    /// Journals the end of a try.
    async fn settle(
        &self,
        scope: &Rc<Scope>,
        model: &Model,
        tried: AttemptResult,
        times: TryTimes,
        durable: bool,
    ) -> Result<Result<ReplyContent, Failure>, StoreError> {
        let TryTimes { attempt, wait, mended } = times;
        let again = tried.is_again;
        let result = tried.result.map_err(|miss| match miss {
            Miss::Now(error) if wait.is_some() => Failure::from(*error),
            Miss::Now(error) => explain(*error, attempt),
            Miss::Then { failure, .. } => *failure,
        });

        let said = result.as_ref().ok();
        let event = Event::AttemptEnded {
            flow: scope.flow,
            op: scope.op,
            attempt: tried.number,
            demo: model.is_demo(),
            reused: tried.reused,
            again,
            reply: said.map(|said| said.text.clone()),
            cut: tried.is_cut,
            calls: said.map(|said| said.calls.clone()).unwrap_or_default(),
            opaque: said.map(|said| said.opaque.clone()).unwrap_or_default(),
            usage: tried.usage,
            cost: tried.cost,
            served_by: tried.served_by,
            failure: result.as_ref().err().cloned(),
            retry_in_ms: wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            mended,
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

/// Makes the last error of several tries a failure that says so.
fn explain(error: CallError, attempts: u32) -> Failure {
    let asked = error.retry().asked();

    let mut failure = Failure::from(error);
    if let Some(asked) = asked {
        failure.message = format!(
            "{}; the server asks for a pause of {} s",
            failure.message,
            asked.as_secs_f64()
        );
    }
    failure.tried(attempts)
}
