//! Making work happen: attempts, operations and flows, each journaled before anything depends on
//! it. Everything of a run happens on one thread; dropping a future cancels what it was doing.

pub mod attempt;
pub mod budget;
pub mod flow;
pub mod memory;
pub mod operation;
pub mod replies;
pub mod report;
pub mod retry;
pub mod schedule;
pub mod turns;

use crate::base::clock;
use crate::base::failure::{Failure, Kind};
use crate::base::id::{FlowId, OpId, RunId};
use crate::executor::budget::{Bounds, Budget, Tally};
use crate::executor::memory::{Figures, PassedTimers, Start};
use crate::executor::replies::guess::{EndOrder, Guess};
use crate::executor::replies::reuse::Reuse;
use crate::executor::replies::tape::Tape;
use crate::executor::turns::Turns;
use crate::flow::check::BuildErrors;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::journal::inquiry::Inquiry;
use crate::journal::key::Key;
use crate::journal::known_replies::{Claims, ReplyFollower};
use crate::journal::past::Past;
use crate::metrics::Metrics;
use crate::metrics::fold::{FlowFold, Flows};
use crate::store::StoreError;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use tokio::sync::Semaphore;

/// Called with every event and its time (microseconds since 1970), as it happens.
pub type EventListener = Rc<dyn Fn(i64, &Event)>;

/// Why a flow could not run, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The graph is not sound.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// An operation wants to work on a branch that its session does not have.
    #[error(
        "operation `{op}` uses branch {branch}, which is not in the session; add it with \
         `include_branch`"
    )]
    UnknownBranch {
        /// The operation.
        op: String,
        /// The branch's name in backticks, or a phrase for one without.
        branch: String,
    },
    /// The journal cannot be written, so the run cannot go on.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one run's operations share.
pub struct Executor {
    journal: Journal,
    /// Decides everything random that a script asks for.
    seed: u64,
    /// What the run may use up, if that is bounded.
    budget: Option<Rc<Budget>>,
    /// What the calls of the run have used, without a bound.
    account: Rc<Budget>,
    /// What replies that were known cost when they were paid for.
    known: Rc<Budget>,
    /// The budgets of flows under way that have one, or are within one.
    flow_budgets: RefCell<HashMap<FlowId, Rc<Budget>>>,
    /// Replies that need not be asked for again, if there are any.
    reuse: Option<Rc<Reuse>>,
    /// What models are answered from in a test.
    tape: Option<Rc<Tape>>,
    learner: RefCell<ReplyFollower>,
    /// What happened in the run that this one goes through again.
    past: Option<Rc<Past>>,
    /// The order in which this one is told what ends.
    turns: Turns,
    /// The run that began the work: this one, or the first of those that it resumes.
    origin: RunId,
    /// How often this one was told something by each word.
    answers: RefCell<HashMap<Inquiry, usize>>,
    /// Timers that ended and are yet to be journaled.
    passed: RefCell<Option<PassedTimers>>,
    /// The figures of the flows of the run that this one goes through again.
    figures: Figures,
    /// The next time that is told, if the clock of the run stands still.
    still: Option<Cell<i64>>,
    /// How often each request was made.
    asked: RefCell<HashMap<Key, u32>>,
    /// The parts of requests that the journal has.
    parts: RefCell<HashSet<Key>>,
    /// The known replies that were used.
    claims: RefCell<Claims>,
    /// Set once it is on the disk that this run has begun.
    start: RefCell<Option<Start>>,
    next_op: Cell<u32>,
    next_flow: Cell<u32>,
    /// The figures of the run, and of each flow that is under way.
    total: RefCell<FlowFold>,
    flows: RefCell<Flows>,
    listeners: RefCell<Vec<(usize, EventListener)>>,
    next_listener: Cell<usize>,
    /// Bounds the calls in flight, if the run has a bound.
    calls: Option<Semaphore>,
    /// Operations that failed, or were skipped because of a failure, in flows that do not allow it;
    /// and the first failure among them.
    unforgiven: Cell<u64>,
    first_failure: RefCell<Option<Failure>>,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("run", self.journal.run()).finish_non_exhaustive()
    }
}

impl Executor {
    /// Creates the executor of a run. `seed` decides everything that is random; `concurrency`
    /// bounds the calls in flight.
    pub fn new(journal: Journal, seed: u64, concurrency: Option<usize>) -> Executor {
        let learner = ReplyFollower::new(journal.run().clone());
        let origin = journal.run().clone();

        Executor {
            journal,
            seed,
            budget: None,
            account: Budget::new(Bounds::default()),
            known: Budget::new(Bounds::default()),
            flow_budgets: RefCell::default(),
            reuse: None,
            tape: None,
            learner: RefCell::new(learner),
            past: None,
            turns: Turns::default(),
            origin,
            answers: RefCell::default(),
            passed: RefCell::default(),
            figures: Figures::default(),
            still: None,
            asked: RefCell::default(),
            parts: RefCell::default(),
            claims: RefCell::default(),
            start: RefCell::default(),
            next_op: Cell::new(0),
            next_flow: Cell::new(1),
            total: RefCell::new(FlowFold::of_run()),
            flows: RefCell::default(),
            listeners: RefCell::default(),
            next_listener: Cell::new(0),
            // As many as there can be is no bound.
            calls: concurrency.map(|most| Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            unforgiven: Cell::new(0),
            first_failure: RefCell::default(),
        }
    }

    /// Answers from what is known wherever that is possible.
    #[must_use]
    pub fn reusing(self, reuse: Rc<Reuse>) -> Executor {
        if reuse.is_dry() {
            self.turns.make_dry();
        }

        if reuse.guess().is_some_and(|guess| guess.order() == EndOrder::Reversed) {
            self.turns.reverse();
        }

        Executor { reuse: Some(reuse), ..self }
    }

    /// Answers for models from a cassette, or records one.
    #[must_use]
    pub fn playing(self, tape: Rc<Tape>) -> Executor {
        Executor { tape: Some(tape), ..self }
    }

    /// Tells the script the same times in every run: `start`, in milliseconds since 1970, and with
    /// each question one millisecond more.
    #[must_use]
    pub fn at_still_time(self, start: i64) -> Executor {
        Executor { still: Some(Cell::new(start)), ..self }
    }

    /// Keeps what the run uses within bounds.
    #[must_use]
    pub fn within(self, budget: Rc<Budget>) -> Executor {
        Executor { budget: Some(budget), ..self }
    }

    /// Returns what the run may use up, if that is bounded.
    pub fn budget(&self) -> Option<&Rc<Budget>> {
        self.budget.as_ref()
    }

    /// Returns the account of the calls that the run makes.
    pub fn account(&self) -> &Rc<Budget> {
        &self.account
    }

    /// Returns what the run has used so far, with the calls under way, and with what an earlier run
    /// has paid for.
    pub fn used(&self) -> Tally {
        self.account.tally().plus(self.known.tally())
    }

    /// Returns the budget that a call of a flow has to keep.
    fn budget_of(&self, flow: FlowId) -> Option<Rc<Budget>> {
        self.flow_budgets.borrow().get(&flow).or(self.budget.as_ref()).cloned()
    }

    /// Goes through a run again: what happened in it happens in this one, in the same order, as long
    /// as the script does the same. `origin` is the run that began the work.
    #[must_use]
    pub fn retelling(self, past: Rc<Past>, origin: RunId) -> Executor {
        self.turns.expect(past.ends());
        Executor { past: Some(past), origin, ..self }
    }

    /// Reports the figures that the flows had in the run that this one goes through again.
    #[must_use]
    pub fn reporting(self, figures: Figures) -> Executor {
        Executor { figures, ..self }
    }

    /// Returns the order in which this run is told what ends.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Runs a future to its end, together with the tasks that it spawns; all that it waits for
    /// outside is told in an order that a later run can repeat.
    pub async fn drive<F: Future>(&self, main: F) -> F::Output {
        self.turns.drive(main).await
    }

    /// Returns the run that began the work: this one, or the first of those that it resumes.
    pub fn origin(&self) -> &RunId {
        &self.origin
    }

    /// Tells whether calls are only counted: nothing that lasts may be done.
    pub fn is_dry(&self) -> bool {
        self.reuse.as_ref().is_some_and(|reuse| reuse.is_dry())
    }

    /// Tells whether a run is gone through again, so that everything in it has to be known.
    pub fn is_replay(&self) -> bool {
        self.reuse.as_ref().is_some_and(|reuse| reuse.is_replay())
    }

    /// Returns the guesses that stand in for replies, if the run is only planned.
    pub(crate) fn guess(&self) -> Option<&Guess> {
        self.reuse.as_ref().and_then(|reuse| reuse.guess())
    }

    /// Makes the error for something that the replayed run has not done.
    pub fn diverged(&self, what: &Inquiry) -> Failure {
        let message = format!("the recorded run did not do `{what}`");
        let failure = Failure::new(Kind::Diverged, message);

        if let Some(reuse) = &self.reuse {
            reuse.diverge(&failure);
        }
        failure
    }

    /// Returns the run's journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Adds a listener for every further event, and returns the number to take it away with.
    pub fn listen(&self, listener: EventListener) -> usize {
        let id = self.next_listener.replace(self.next_listener.get() + 1);
        self.listeners.borrow_mut().push((id, listener));
        id
    }

    /// Takes a listener away.
    pub fn unlisten(&self, id: usize) {
        self.listeners.borrow_mut().retain(|(known, _)| *known != id);
    }

    /// Returns the figures of the run so far.
    pub fn metrics(&self) -> Metrics {
        self.total.borrow().metrics()
    }

    /// Returns how many replies of this run are the demo model's.
    pub fn demo_replies(&self) -> u64 {
        self.total.borrow().demo_replies()
    }

    /// Returns how many replies were reused in this run.
    pub fn reused(&self) -> u64 {
        self.total.borrow().reused()
    }

    /// Returns how many replies of this run were paid for by other runs than those that it goes
    /// through again.
    pub fn borrowed(&self) -> u64 {
        self.total.borrow().borrowed()
    }

    /// Tells whether known replies may be those of any earlier run.
    pub fn is_wide(&self) -> bool {
        self.reuse.as_ref().is_some_and(|reuse| reuse.is_wide())
    }

    /// Returns how many operations failed, or were skipped because of a failure, in flows that do
    /// not say `allow_failures`.
    pub fn unforgiven(&self) -> u64 {
        self.unforgiven.get()
    }

    /// Returns the first failure of such an operation.
    pub fn first_failure(&self) -> Option<Failure> {
        self.first_failure.borrow().clone()
    }

    /// Journals an event soon, and lets everybody see it now.
    pub fn note(&self, event: &Event) -> Result<(), StoreError> {
        self.note_passed()?;
        let at = self.tell(event);
        self.journal.append_soon(at, event)
    }

    /// Journals an event, and returns once it is on the disk.
    pub async fn commit(&self, event: &Event) -> Result<(), StoreError> {
        // While the journal of another run knows what comes next, it has this on the disk already.
        if self.turns.is_retelling() && !matches!(event, Event::RunEnded { .. }) {
            self.note(event)?;
            self.turns.commit(std::future::ready(())).await;
            return Ok(());
        }

        self.note_passed()?;
        let at = self.tell(event);
        self.turns.commit(self.journal.append(at, event)).await
    }

    /// Numbers `count` new operations and returns the first number.
    fn take_ops(&self, count: usize) -> u32 {
        let count = u32::try_from(count).expect("a run has fewer operations than 2^32");
        self.next_op.replace(self.next_op.get() + count)
    }

    fn take_op(&self) -> OpId {
        OpId(self.take_ops(1))
    }

    fn take_flow(&self) -> FlowId {
        FlowId(self.next_flow.replace(self.next_flow.get() + 1))
    }

    fn tell(&self, event: &Event) -> i64 {
        self.tell_at(clock::micros(), event)
    }

    fn tell_at(&self, at: i64, event: &Event) -> i64 {
        self.total.borrow_mut().add(at, event);
        if let Some(reuse) = &self.reuse {
            reuse.see(&mut self.learner.borrow_mut(), event);
        }
        self.flows.borrow_mut().add(at, event);

        // A listener may add another one, so the list is not borrowed while they run.
        let listeners = self.listeners.borrow().clone();
        for (_, listener) in &listeners {
            listener(at, event);
        }

        at
    }
}
