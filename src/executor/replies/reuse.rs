//! Calls that need not be made: replies known from earlier runs, calls that an interrupted run left
//! under way, and, while planning, calls that are only counted.

use crate::base::failure::{Failure, Kind};
use crate::base::id::OpId;
use crate::base::secret;
use crate::executor::replies::guess::{Guess, GuessedReply};
use crate::journal::event::Event;
use crate::journal::known_replies::{Claims, KnownReply, Replies, ReplyFollower, Sample};
use crate::model::Model;
use crate::model::message::Message;
use crate::model::reply::CallResult;
use crate::model::request::Request;
use crate::model::transport::TextWatch;
use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use tokio::task::AbortHandle;

/// Longest part of a prompt that an error shows, in characters.
const SHOWN_MAX: usize = 120;

/// A call under way that outlives the run that began it.
struct Pending {
    called: Shared<LocalBoxFuture<'static, CallResult>>,
    abort: AbortHandle,
    /// Whether a run waits for it: what a replaced run has left is free to be joined.
    is_awaited: Cell<bool>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// Replies and calls that runs hand on to the runs after them. Without it every call is made.
#[derive(Default)]
pub struct Reuse {
    replies: RefCell<Replies>,
    pending: RefCell<HashMap<Sample, Pending>>,
    /// How many known replies were used.
    used: Cell<usize>,
    /// How many replies were known in the beginning.
    known_at_first: usize,
    /// Whether they are those of other runs as well, and not only of one that is gone through again.
    is_wide: bool,
    /// Whether answers of servers of tools are handed on as well.
    keeps_results: bool,
    /// Whether calls continue although nobody waits for them: the run is being replaced.
    is_handing_over: Cell<bool>,
    /// What happens to a request whose reply is not known.
    mode: ReuseMode,
    /// What stands in for it in a plan.
    guess: Option<Guess>,
    /// Whether a call was asked for that the replayed run has given up.
    gave_up: Cell<bool>,
    /// The first request that was not known although every one had to be.
    diverged: RefCell<Option<Failure>>,
}

/// What happens to a request whose reply is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ReuseMode {
    /// It is asked.
    #[default]
    Live,
    /// It is counted and guessed.
    Plan,
    /// It is an error.
    Replay,
}

impl fmt::Debug for Reuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reuse")
            .field("replies", &self.replies.borrow().len())
            .finish_non_exhaustive()
    }
}

/// How a request is answered.
pub(in crate::executor) enum Answer {
    /// By a reply that was paid for before.
    Known(Box<KnownReply>),
    /// By a reply of a cassette, which counts as if it had been asked for.
    Played(Box<CallResult>),
    /// By a guess, because this run is only a plan.
    Guess(GuessedReply),
    /// By asking.
    Ask,
    /// Not at all.
    Never(Box<Failure>),
}

impl Reuse {
    /// Starts from replies that are known.
    pub fn new(replies: Replies) -> Reuse {
        let known_at_first = replies.len();
        Reuse { replies: RefCell::new(replies), known_at_first, ..Reuse::default() }
    }

    /// Starts from what all earlier runs were answered.
    pub fn wide(replies: Replies) -> Reuse {
        Reuse { is_wide: true, ..Reuse::new(replies) }
    }

    /// Hands on answers of servers of tools as well, which are no replies that were paid for.
    #[must_use]
    pub fn with_results(self) -> Reuse {
        Reuse { keeps_results: true, ..self }
    }

    /// Tells whether answers of servers of tools are handed on.
    pub(in crate::executor) fn keeps_results(&self) -> bool {
        self.keeps_results
    }

    /// Starts from replies that are known, and guesses every other one.
    pub fn planning(replies: Replies, guess: Guess) -> Reuse {
        Reuse { mode: ReuseMode::Plan, guess: Some(guess), ..Reuse::new(replies) }
    }

    /// Returns the guesses of a plan.
    pub fn guess(&self) -> Option<&Guess> {
        self.guess.as_ref()
    }

    /// Starts from the replies of a run, and takes every other request for an error.
    pub fn replaying(replies: Replies) -> Reuse {
        Reuse { mode: ReuseMode::Replay, ..Reuse::new(replies) }
    }

    /// Returns the first request that the replayed run has not made, as a failure.
    pub fn diverged(&self) -> Option<Failure> {
        self.diverged.borrow().clone()
    }

    /// Tells whether the replayed run gave up a call at a moment that only it knows, because of a
    /// time-out, say.
    pub fn gave_up(&self) -> bool {
        self.gave_up.get()
    }

    /// Notes that the replayed run gave up a call.
    pub(in crate::executor) fn give_up(&self) -> Failure {
        self.gave_up.set(true);
        Failure::new(Kind::Cancelled, "the call was cancelled")
    }

    /// Returns the replies that are known now.
    pub fn replies(&self) -> std::cell::RefMut<'_, Replies> {
        self.replies.borrow_mut()
    }

    /// Returns how many replies were known in the beginning and have not been used.
    pub fn unused(&self) -> usize {
        self.known_at_first.saturating_sub(self.used.get())
    }

    /// Tells whether the replies are those of other runs as well.
    pub fn is_wide(&self) -> bool {
        self.is_wide
    }

    /// Tells whether nothing may be asked, and so nothing that lasts may be done.
    pub fn is_dry(&self) -> bool {
        self.mode != ReuseMode::Live
    }

    /// Tells whether every request has to be known.
    pub(in crate::executor) fn is_replay(&self) -> bool {
        self.mode == ReuseMode::Replay
    }

    /// Takes something for the first that the replayed run has not done, if it is.
    pub(in crate::executor) fn diverge(&self, failure: &Failure) {
        self.diverged.borrow_mut().get_or_insert_with(|| failure.clone());
    }

    /// Says that the run is about to be replaced: what it has asked continues, for the next run.
    pub fn hand_over(&self) {
        self.is_handing_over.set(true);
    }

    /// Says that a run begins to which everything was handed.
    pub fn take_over(&self) {
        self.is_handing_over.set(false);
    }

    /// Gives up all calls that nobody waits for any more.
    pub fn end(&self) {
        self.pending.borrow_mut().clear();
    }

    pub(in crate::executor) fn see(&self, learner: &mut ReplyFollower, event: &Event) {
        // A replay learns nothing: what it asks, the run that is replayed may not have asked. Nor does
        // a plan: its guesses are no replies.
        if self.mode == ReuseMode::Live {
            learner.see(&mut self.replies.borrow_mut(), event);
        }
    }

    /// Takes the reply to a request, if it is known.
    pub(in crate::executor) fn claim(
        &self,
        sample: &Sample,
        claims: &mut Claims,
    ) -> Option<KnownReply> {
        let known = self.replies.borrow_mut().claim(sample, claims).cloned()?;
        self.used.set(self.used.get() + 1);
        Some(known)
    }

    /// Tells whether a request would be answered by a known reply if it was made now.
    pub(in crate::executor) fn has(&self, sample: &Sample, claims: &Claims) -> bool {
        self.mode == ReuseMode::Live && self.replies.borrow().has(sample, claims)
    }

    /// Finds out how a request is answered. `claims` are the replies that the run has used.
    pub(in crate::executor) fn answer(
        &self,
        sample: &Sample,
        asked: (&Model, &Request),
        claims: &mut Claims,
        op: (OpId, Option<&str>),
    ) -> Answer {
        let (model, request) = asked;
        if let Some(known) = self.claim(sample, claims) {
            return Answer::Known(Box::new(known));
        }

        let replies = self.replies.borrow();
        match self.mode {
            ReuseMode::Live => {
                Replies::reserve(sample, claims);
                return Answer::Ask;
            }
            ReuseMode::Replay => {
                if let Some(failure) = replies.failure(sample) {
                    self.gave_up.set(self.gave_up.get() || failure.kind == Kind::Cancelled);
                    return Answer::Never(Box::new(failure.clone()));
                }

                let prompt = request.messages.last().map(Message::shown).unwrap_or_default();
                let failure = unknown(&prompt, replies.nearest(&prompt));
                self.diverged.borrow_mut().get_or_insert_with(|| failure.clone());
                return Answer::Never(Box::new(failure));
            }
            ReuseMode::Plan => Replies::reserve(sample, claims),
        }

        let (op, name) = op;
        let before = name.map(|name| replies.of_operation(name)).unwrap_or_default();
        // The demo model answers everything.
        let may_fail = !model.is_demo();
        let reply = |guess: &Guess| guess.reply(op, before, request.schema.as_ref(), may_fail);
        let unknown = GuessedReply::Says(String::new());
        Answer::Guess(self.guess.as_ref().map_or(unknown, reply))
    }

    /// Asks, or joins the call that asks the same already. Sets `begun` once the call is made.
    pub(in crate::executor) async fn call(
        &self,
        sample: Sample,
        model: &Rc<Model>,
        request: &Request,
        begun: Rc<Cell<bool>>,
        watch: TextWatch,
    ) -> CallResult {
        let called = self.join(&sample, model, request, begun, watch);
        let waiting = WaitGuard { reuse: self, sample: &sample };

        let called = called.await;
        // While the run is being replaced, the wait leaves the call there; one that has ended goes.
        drop(waiting);
        self.pending.borrow_mut().remove(&sample);
        called
    }

    fn join(
        &self,
        sample: &Sample,
        model: &Rc<Model>,
        request: &Request,
        begun: Rc<Cell<bool>>,
        watch: TextWatch,
    ) -> Shared<LocalBoxFuture<'static, CallResult>> {
        let mut pending = self.pending.borrow_mut();

        // A save may have moved the request: an equal one that nobody waits for is the same call.
        if !pending.contains_key(sample) {
            let mut left = pending.iter().filter(|(_, call)| !call.is_awaited.get());
            let left = left.find(|(left, _)| left.key == sample.key).map(|(left, _)| left.clone());
            if let Some(call) = left.and_then(|left| pending.remove(&left)) {
                pending.insert(sample.clone(), call);
            }
        }

        if let Some(entry) = pending.get(sample) {
            // It may have been made already.
            begun.set(true);
            entry.is_awaited.set(true);
            return entry.called.clone();
        }

        let entry = pending.entry(sample.clone()).or_insert_with(|| {
            let model = model.clone();
            let request = request.clone();
            let task = tokio::task::spawn_local(async move {
                model.call_noting(&request, &begun, &watch).await
            });
            let abort = task.abort_handle();

            let ended = |called: Result<CallResult, tokio::task::JoinError>| {
                called.unwrap_or_else(|error| CallResult::broken(error.to_string()))
            };
            let called = task.map(ended).boxed_local().shared();
            Pending { called, abort, is_awaited: Cell::new(true) }
        });

        entry.called.clone()
    }
}

/// Somebody who waits for a call. When they give up, so does the call, unless the run is being
/// replaced.
struct WaitGuard<'a> {
    reuse: &'a Reuse,
    sample: &'a Sample,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        let mut pending = self.reuse.pending.borrow_mut();
        if !self.reuse.is_handing_over.get() {
            pending.remove(self.sample);
        } else if let Some(call) = pending.get(self.sample) {
            call.is_awaited.set(false);
        }
    }
}

/// Makes the failure for a request that the replayed run has not made.
fn unknown(prompt: &str, nearest: Option<&str>) -> Failure {
    let short = |text: &str| secret::beginning(text, SHOWN_MAX);

    let nearest = match nearest {
        Some(nearest) if nearest == prompt => {
            "; it made the same request with other settings, another model or another history"
                .to_owned()
        }
        Some(nearest) => {
            let shared = prompt.chars().zip(nearest.chars()).take_while(|(a, b)| a == b).count();
            let from = shared.saturating_sub(20);
            let rest: String = nearest.chars().skip(from).collect();
            let own: String = prompt.chars().skip(from).collect();
            format!(
                "; its nearest request differs from character {} on: `{}` instead of `{}`",
                shared + 1,
                short(&rest),
                short(&own)
            )
        }
        None => "; it made no requests".to_owned(),
    };

    Failure::new(
        Kind::Diverged,
        format!("the recorded run did not make this request: `{}`{nearest}", short(prompt)),
    )
}
