//! Where the reply to a request comes from: a model, a cassette, the run that is resumed, replies of
//! earlier runs, or a guess of a plan.
//!
//! In this room: one file for each source (`reuse.rs`, `tape.rs`, `guess.rs`) and the choice among
//! them. Not here: attempts and retries (`executor/attempt.rs`), and how replies are found in a journal
//! (`journal/known_replies.rs`).
//!
//! Start with `Executor::source` in this file.

pub mod assumption;
pub mod guess;
pub mod reuse;
pub mod tape;

use crate::base::failpoint::{self, Failpoint};
use crate::base::failure::Failure;
use crate::base::id::{OpId, RunId};
use crate::base::strand::Strand;
use crate::base::unit::Money;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::budget::Reserve;
use crate::executor::replies::assumption::{AssumedSize, Unknown};
use crate::executor::replies::guess::{Guess, GuessedReply};
use crate::executor::replies::reuse::{Answer, Reuse};
use crate::executor::replies::tape::Tape;
pub(in crate::executor) use crate::executor::replies::tape::TapedResult;
use crate::flow::question::PersonQuestion;
use crate::journal::cassette::CassetteLine;
use crate::journal::inquiry::Inquiry;
use crate::journal::key::Key;
use crate::journal::known_replies::{Claims, KnownReply, Sample};
use crate::journal::known_results::ResultCounts;
use crate::journal::past::PastTry;
use crate::metrics::charge::Charge;
use crate::model::Model;
use crate::model::call_error::CallError;
use crate::model::reply::{CallResult, ReplyContent, Usage};
use crate::model::request::Request;
use crate::session::scope::Scope;
use crate::store::StoreError;
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// One request, and what it is known by.
pub(super) struct PendingCall {
    /// The operation that asks.
    pub(super) op: OpId,
    pub(super) model: Rc<Model>,
    pub(super) request: Request,
    pub(super) sample: Sample,
    /// As a cassette has it, in a test.
    pub(super) line: Option<Box<CassetteLine>>,
    /// Whether it asks to mend the last answer.
    pub(super) is_repair: bool,
    /// The step of a loop of tools that it is, from 1; 0 outside of one.
    pub(super) step: u32,
}

/// Where the answer to a request comes from.
pub(super) enum ReplySource {
    /// From the recorded run.
    Then(Box<PastTry>),
    /// Not from the recorded run. Once all its ends have been told, the other sources are asked.
    News,
    /// From here.
    Answer(Answer),
}

/// One try that has ended.
pub(super) struct AttemptResult {
    /// Which attempt of its operation it was, from 1: others may have begun meanwhile.
    pub(super) number: u32,
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<Money>,
    pub(super) served_by: Option<String>,
    /// Whether `max_tokens` cut the reply, and that was accepted.
    pub(super) is_cut: bool,
    /// The run that paid, if it was not this one.
    pub(super) reused: Option<RunId>,
    /// Whether it happened in the recorded run.
    pub(super) is_again: bool,
    pub(super) result: Result<ReplyContent, Miss>,
}

/// Why a try gave no reply.
pub(super) enum Miss {
    /// It failed now.
    Now(Box<CallError>),
    /// It failed in the recorded run.
    Then {
        failure: Box<Failure>,
        /// The pause before the next try, if there was one.
        retry_in: Option<Duration>,
    },
}

impl AttemptResult {
    pub(super) fn now(number: u32, called: CallResult, reused: Option<RunId>) -> AttemptResult {
        let CallResult { usage, cost, served_by, is_cut, result } = called;
        let result = result.map_err(|error| Miss::Now(Box::new(error)));
        AttemptResult { number, usage, cost, served_by, is_cut, reused, is_again: false, result }
    }

    pub(super) fn then(number: u32, then: PastTry) -> AttemptResult {
        let retry_in = then.retry_in_ms.map(Duration::from_millis);
        let missed = |failure| Miss::Then { failure: Box::new(failure), retry_in };

        AttemptResult {
            number,
            usage: then.usage,
            cost: then.cost,
            served_by: then.served_by,
            is_cut: then.is_cut,
            reused: Some(then.run),
            // A reply that was reused then is reused now.
            is_again: !then.was_reused,
            result: then.result.map(Rc::unwrap_or_clone).map_err(missed),
        }
    }

    /// Returns what a try of the recorded run cost, if that is known.
    pub(super) fn cost_then(&self) -> Option<Money> {
        let failure = match &self.result {
            Err(Miss::Then { failure, .. }) => Some(&**failure),
            Ok(_) | Err(Miss::Now(_)) => None,
        };
        Charge::of(self.usage, self.cost, failure).cost
    }

    /// Tells whether its tokens count as used by the branch: they did, when they were used.
    pub(super) fn counts_now(&self) -> bool {
        self.reused.is_none() || self.is_again
    }
}

/// The places that replies come from without a call, and what the run has taken from them.
#[derive(Default)]
pub(super) struct ReplySources {
    /// Replies that need not be asked for again, if there are any.
    reuse: Option<Rc<Reuse>>,
    /// What models are answered from in a test.
    tape: Option<Rc<Tape>>,
    /// How often each request was made.
    asked: RefCell<HashMap<Key, u32>>,
    /// The known replies that were used.
    claims: RefCell<Claims>,
    /// How often servers of tools were asked the same.
    results: RefCell<ResultCounts>,
}

impl ReplySources {
    /// Answers from what is known wherever that is possible.
    pub(super) fn reuse_from(&mut self, reuse: Rc<Reuse>) {
        self.reuse = Some(reuse);
    }

    /// Answers from a cassette, or records one.
    pub(super) fn play(&mut self, tape: Rc<Tape>) {
        self.tape = Some(tape);
    }

    pub(super) fn reuse(&self) -> Option<&Rc<Reuse>> {
        self.reuse.as_ref()
    }

    /// Tells whether calls are only counted.
    pub(super) fn is_dry(&self) -> bool {
        self.reuse.as_ref().is_some_and(|reuse| reuse.is_dry())
    }

    /// Tells whether every request has to be known.
    pub(super) fn is_replay(&self) -> bool {
        self.reuse.as_ref().is_some_and(|reuse| reuse.is_replay())
    }

    /// Numbers a request among the equal ones of its strand and of the run.
    pub(super) fn sample(&self, strand: &Strand, model: &Model, request: &Request) -> Sample {
        let key = self.key(model, request);
        let mut asked = self.asked.borrow_mut();
        let count = asked.entry(key).or_default();
        *count += 1;

        Sample { key, at: strand.count(&key), arrival: *count - 1 }
    }

    /// Returns the key of a request: the one that an earlier version has journaled it under, if only that is
    /// known.
    fn key(&self, model: &Model, request: &Request) -> Key {
        let key = Key::of(model, request);
        let Some(reuse) = &self.reuse else { return key };

        let replies = reuse.replies();
        let earlier = || Key::earlier(model, request).filter(|earlier| replies.has_seen(earlier));
        if replies.has_seen(&key) { key } else { earlier().unwrap_or(key) }
    }

    /// Returns a request as a cassette has it, if there is a cassette.
    pub(super) fn line(
        &self,
        key: Key,
        model: &Model,
        request: &Request,
    ) -> Option<Box<CassetteLine>> {
        self.tape.as_ref().map(|_| Box::new(CassetteLine::asked(key, model, request)))
    }

    /// Records what a model answered, if there is a cassette.
    pub(super) fn keep(
        &self,
        sample: &Sample,
        model: &Model,
        line: &CassetteLine,
        called: &CallResult,
    ) {
        if let Some(tape) = &self.tape {
            tape.keep(sample.clone(), model, line, called);
        }
    }

    /// Returns what a test says that a person answers, if this is a test.
    pub(super) fn person(&self, question: &PersonQuestion) -> Option<Result<Value, Failure>> {
        self.tape.as_ref().map(|tape| tape.person(question))
    }

    /// Finds out how a question to a server of tools is answered, and returns how often the same was asked
    /// before. An answer of an earlier round of `watch` counts for this version of the tool only.
    pub(super) fn of_server(&self, what: &Inquiry, version: Option<&str>) -> (u32, TapedResult) {
        let nth = self.results.borrow_mut().count(what);
        if let Some(tape) = &self.tape {
            return (nth, tape.of_server(what, nth));
        }

        let known = self.reuse.as_ref().filter(|reuse| reuse.keeps_results()).and_then(|reuse| {
            let replies = reuse.replies();
            version.and_then(|version| replies.results().get(what, nth, version).cloned())
        });
        let source = known.map_or(TapedResult::Ask, |value| TapedResult::Known(Ok(value)));
        (nth, source)
    }

    /// Records what came of a question to a server of tools, if there is a cassette.
    pub(super) fn keep_of_server(
        &self,
        what: &Inquiry,
        nth: u32,
        result: Result<&Value, &Failure>,
    ) {
        if let Some(tape) = &self.tape {
            tape.keep_of_server(what, nth, result);
        }
    }

    /// Finds out how a cassette answers a request, if there is one.
    fn taped_answer(&self, asked: &PendingCall) -> Option<Answer> {
        let tape = self.tape.as_ref()?;
        let line = asked.line.as_ref()?;
        Some(tape.answer(&asked.sample, &asked.model, line))
    }

    /// Tells whether a model will be asked, as far as that is known before the turn of the try.
    pub(super) fn may_ask(&self, source: &ReplySource, sample: &Sample) -> bool {
        match source {
            ReplySource::Then(_) => false,
            // A reply that only an interrupted run has got was asked for in the undisturbed one.
            ReplySource::News => {
                let claims = self.claims.borrow();
                let is_known = |reuse: &Rc<Reuse>| reuse.is_wide() && reuse.has(sample, &claims);
                !self.reuse.as_ref().is_some_and(is_known)
            }
            ReplySource::Answer(answer) => matches!(answer, Answer::Ask),
        }
    }

    /// Finds out how a request is answered that nothing is known of at its place. `name` is the name
    /// of the operation that asks.
    fn reused_answer(&self, asked: &PendingCall, name: Option<&str>) -> Answer {
        let Some(reuse) = &self.reuse else { return Answer::Ask };

        let op = (asked.op, name);
        let request = (&*asked.model, &asked.request);
        reuse.answer(&asked.sample, request, &mut self.claims.borrow_mut(), op)
    }

    /// Tells whether a reply has gone to another place of the script than the one that got it then.
    fn has_moved(&self, sample: &Sample) -> bool {
        self.claims.borrow().have_moved(sample)
    }

    /// Takes a reply for used that is told again, so that no equal request gets it as well.
    pub(super) fn use_reply(&self, sample: &Sample, is_reply: bool) {
        if let Some(reuse) = &self.reuse
            && is_reply
        {
            reuse.claim(sample, &mut self.claims.borrow_mut());
        }
    }
}

impl Executor {
    /// Sets what people answer in a test, by the text of the question; tells whether this is one.
    pub fn script_answers(&self, answers: Map<String, Value>) -> bool {
        if let Some(tape) = &self.replies.tape {
            tape.script_answers(answers);
        }
        self.replies.tape.is_some()
    }

    /// Finds out how a try is answered, as far as that is known before its turn.
    pub(super) fn source(&self, asked: &PendingCall, attempt: u32) -> ReplySource {
        if let Some(answer) = self.replies.taped_answer(asked) {
            return ReplySource::Answer(answer);
        }
        if !self.memory.is_resuming() {
            return ReplySource::Answer(self.reused_answer(asked));
        }

        let Sample { key, at, .. } = &asked.sample;
        let number = usize::try_from(attempt - 1).unwrap_or(usize::MAX);
        match self.memory.call(*key, at, number) {
            // In an edited script its reply may have gone to another place.
            Some(then) if then.result.is_ok() && self.replies.has_moved(&asked.sample) => {
                ReplySource::News
            }
            Some(then) => ReplySource::Then(Box::new(then)),
            None => ReplySource::News,
        }
    }

    fn reused_answer(&self, asked: &PendingCall) -> Answer {
        let follower = self.recorder.follower();
        self.replies.reused_answer(asked, follower.name(asked.op))
    }

    /// Finds out how a request is answered that the recorded run had not answered.
    pub(super) fn answer_to_news(&self, asked: &PendingCall) -> Answer {
        let Sample { key, at, .. } = &asked.sample;

        match self.replies.reuse() {
            Some(reuse) if reuse.is_replay() && self.memory.gave_up(*key, at) => {
                Answer::Never(Box::new(reuse.give_up()))
            }
            _ => self.reused_answer(asked),
        }
    }

    /// Asks the model, and waits for the turn of its answer.
    pub(super) async fn ask_model(
        &self,
        asked: &PendingCall,
        begun: Rc<Cell<bool>>,
    ) -> Result<CallResult, Stop> {
        let PendingCall { model, request, sample, .. } = asked;

        let watch = self.glimpses(asked);
        // Waiting for the disk is a part of the call: nobody else is alone meanwhile.
        let asking = async {
            self.on_disk().await?;
            failpoint::pass(Failpoint::CallBegins);
            Ok::<_, StoreError>(match self.replies.reuse() {
                // Under `watch` a call outlives the run that began it.
                Some(reuse) if !self.memory.is_resuming() => {
                    reuse.call(sample.clone(), model, request, begun, watch).await
                }
                _ => model.call_noting(request, &begun, &watch).await,
            })
        };

        let called = self.outside(asking).await?;
        failpoint::pass(Failpoint::CallEnds);
        Ok(called)
    }

    /// Answers a request for which no model is asked. Returns the run that paid as well.
    pub(super) fn without_asking(
        &self,
        asked: &PendingCall,
        answer: Answer,
    ) -> Result<(CallResult, Option<RunId>), Stop> {
        let (called, run) = match answer {
            Answer::Known(known) => {
                let KnownReply { said, is_cut, usage, cost, served_by, run } = *known;
                let said = Rc::unwrap_or_clone(said);
                let text = said.text.clone();
                let mut called = CallResult { usage, cost, served_by, is_cut, result: Ok(said) };
                if let Some(guess) = self.guess() {
                    guess.meet(Unknown::Replies);
                    // A plan says what it would cost now.
                    let estimate = asked.model.estimate(&asked.request, text);
                    called.usage = usage.or(estimate.usage);
                    called.cost = asked.model.cost(called.usage.as_ref());
                }
                (called, Some(run))
            }
            Answer::Played(called) => (*called, None),
            // It counts in the account, as the call does that it stands for.
            Answer::Guess(GuessedReply::Says(text)) => {
                return Ok((asked.model.estimate(&asked.request, text), None));
            }
            Answer::Guess(GuessedReply::Fails) => {
                let message = "this plan assumes that this call fails".to_owned();
                let estimate = asked.model.estimate(&asked.request, String::new());
                let result = Err(CallError::Refused { status: None, message });
                return Ok((CallResult { result, ..estimate }, None));
            }
            Answer::Never(failure) => return Err((*failure).into()),
            Answer::Ask => (CallResult::broken("no model was asked".to_owned()), None),
        };

        self.budgets.count_known(&asked.model, &asked.request, called.cost);
        Ok((called, run))
    }

    /// Lets others that do something at the same time have their turn. In a plan that takes the time
    /// that a call is taken to need.
    pub(super) async fn take_turn(&self) {
        let pace = self.guess().map(Guess::pace).unwrap_or_default();

        if pace.is_zero() {
            self.outside(std::future::ready(())).await;
            self.turns.tick();
        } else {
            self.turns.pass(None, pace).await;
        }
    }

    /// Charges a planned call with what it is taken to use. One whose reply is known uses nothing, unlike that of a run
    /// which asks again.
    pub(super) fn settle_guess(
        &self,
        scope: &Scope,
        asked: &PendingCall,
        reserve: Option<Reserve>,
        called: &CallResult,
    ) {
        let Some(guess) = self.guess() else { return };
        let Some(reserve) = reserve else {
            if self.budgets.of(scope.purse).is_some_and(|budget| budget.is_bounded()) {
                guess.spare_budget();
            }
            return;
        };
        if self.budgets.counts_tokens(scope.purse) {
            guess.meet(Unknown::Size);
        }

        reserve.settle(&match guess.assumed().size {
            AssumedSize::Least => asked.model.least(called),
            // What a call does not say counts with its worst case.
            AssumedSize::Most => CallResult { usage: None, cost: None, ..called.clone() },
        });
    }
}
