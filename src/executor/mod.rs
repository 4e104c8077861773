//! Making work happen: attempts, operations and flows, each journaled before anything depends on
//! it. Everything of a run happens on one thread; dropping a future cancels what it was doing.

pub mod attempt;
mod bill;
pub mod budget;
mod call_guard;
pub mod checked_answer;
mod effect;
mod expand;
pub mod flow;
pub mod glimpse;
pub mod lost;
pub mod operation;
pub mod people;
pub mod pulse;
pub mod question;
mod react;
pub mod recall;
mod recorder;
pub mod replies;
pub mod report;
pub mod retry;
mod run_budgets;
pub mod schedule;
pub mod server_effect;
pub mod standstill;
mod step;
mod tool_protocol;
pub mod tools;
pub mod turns;
mod worded_schema;

use crate::base::failpoint::{self, Failpoint};
use crate::base::failure::{Failure, Kind};
use crate::base::id::RunId;
use crate::executor::budget::{Budget, Tally};
use crate::executor::lost::LostRule;
use crate::executor::operation::may_be_guessed;
use crate::executor::people::People;
use crate::executor::pulse::Pulse;
use crate::executor::recall::{Figures, Recall};
use crate::executor::recorder::Recorder;
use crate::executor::replies::ReplySources;
use crate::executor::replies::guess::{EndOrder, Guess, GuessedDecision};
use crate::executor::replies::reuse::Reuse;
use crate::executor::replies::tape::Tape;
use crate::executor::run_budgets::Budgets;
use crate::executor::standstill::Standstill;
use crate::executor::turns::Turns;
use crate::flow::check::BuildErrors;
use crate::journal::Journal;
use crate::journal::event::ComparisonVerdict;
use crate::journal::event::Event;
use crate::journal::inquiry::Inquiry;
use crate::journal::lineage::Lineage;
use crate::journal::past::Past;
use crate::journal::waits::PendingQuestion;
use crate::metrics::Metrics;
use crate::session::scope::Scope;
use crate::store::StoreError;
use crate::store::writer::Writer;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

/// Called with every event and its time (microseconds since 1970), as it happens.
pub type EventListener = Rc<dyn Fn(i64, &Event)>;

/// Why a flow could not run, or could not continue.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The graph is not sound.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// An operation wants to work on a branch that its session does not have.
    #[error(
        "operation `{op}` uses {branch}, which is not in the session; add it with \
         `include_branch`"
    )]
    UnknownBranch {
        /// The operation.
        op: String,
        /// The branch's name in backticks, or a phrase for one without.
        branch: String,
    },
    /// The journal cannot be written, so the run cannot continue.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one run's operations share. Every effect of a run passes all of it: its answer is known
/// (`memory`, `replies`) or happens now, in its turn, within the budgets, and is recorded.
pub struct Executor {
    /// Writes down what happens.
    recorder: Recorder,
    /// Knows what happened before.
    memory: Recall,
    /// Finds replies without asking a model.
    replies: ReplySources,
    /// Bounds and counts the calls.
    budgets: Budgets,
    /// Tells ends one at a time, in an order that a later run can repeat.
    turns: Turns,
    /// The labels of models whose servers refuse tools.
    without_tools: RefCell<BTreeSet<String>>,
    /// Models whose servers refuse schemas, by their labels.
    without_schemas: RefCell<BTreeSet<String>>,
    /// Says what becomes of effects that nobody knows the end of.
    lost: LostRule,
    /// Knows what is waited for that nothing here brings about.
    standstill: Standstill,
    /// Knows how people can be reached.
    people: People,
    /// Tells whether something may begin, if that is in doubt at times.
    pulse: Option<Pulse>,
    /// What a plan or a replay, which write nothing, would have written to files.
    drafts: RefCell<BTreeMap<PathBuf, String>>,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("run", self.recorder.journal().run())
            .finish_non_exhaustive()
    }
}

impl Executor {
    /// Creates the executor of a run. `seed` decides everything that is random; `concurrency`
    /// bounds the calls in flight.
    pub fn new(journal: Journal, seed: u64, concurrency: Option<usize>) -> Executor {
        let origin = journal.run().clone();
        let turns = Turns::default();
        if let Some(writer) = journal.writer().cloned() {
            turns.pay_with(Rc::new(move |ends| {
                writer.commit_owed();
                (0..ends).for_each(|_| failpoint::pass(Failpoint::OpKept));
            }));
        }

        Executor {
            recorder: Recorder::new(journal),
            memory: Recall::new(seed, origin),
            replies: ReplySources::default(),
            budgets: Budgets::new(concurrency),
            turns,
            without_tools: RefCell::default(),
            without_schemas: RefCell::default(),
            lost: LostRule::default(),
            standstill: Standstill::default(),
            people: People::default(),
            pulse: None,
            drafts: RefCell::default(),
        }
    }

    /// Answers from what is known wherever that is possible.
    #[must_use]
    pub fn reusing(mut self, reuse: Rc<Reuse>) -> Executor {
        if reuse.is_dry() {
            self.turns.make_dry();
        }

        if reuse.guess().is_some() {
            self.turns.plan();
        }
        if reuse.guess().is_some_and(|guess| guess.order() == EndOrder::Reversed) {
            self.turns.reverse();
        }

        self.recorder.feed(reuse.clone());
        self.replies.reuse_from(reuse);
        self
    }

    /// Answers for models from a cassette, or records one.
    #[must_use]
    pub fn playing(mut self, tape: Rc<Tape>) -> Executor {
        self.replies.play(tape);
        self
    }

    /// Tells the script the same times in every run: `start`, in milliseconds since 1970, and with
    /// each question one millisecond more.
    #[must_use]
    pub fn at_still_time(mut self, start: i64) -> Executor {
        self.memory.stand_still(start);
        self
    }

    /// Begins something outside only while the pulse lasts.
    #[must_use]
    pub fn feeling(mut self, pulse: Pulse) -> Executor {
        self.pulse = Some(pulse);
        self
    }

    /// Keeps what the run uses within bounds.
    #[must_use]
    pub fn within(mut self, budget: Rc<Budget>) -> Executor {
        self.budgets.bound(budget);
        self
    }

    /// Returns what the run may use up, if that is bounded.
    pub fn budget(&self) -> Option<&Rc<Budget>> {
        self.budgets.run()
    }

    /// Returns the account of the calls that the run makes.
    pub fn account(&self) -> &Rc<Budget> {
        self.budgets.account()
    }

    /// Returns what the run has used so far, with the calls under way, and with what an earlier run
    /// has paid for.
    pub fn used(&self) -> Tally {
        self.budgets.used()
    }

    /// Returns the budget that a call of an operation has to keep.
    pub fn budget_of(&self, scope: &Scope) -> Option<Rc<Budget>> {
        self.budgets.of(scope.purse)
    }

    /// Goes through a run again: what happened in it happens in this one, in the same order, as long
    /// as the script does the same.
    #[must_use]
    pub fn retelling(mut self, past: Rc<Past>, lineage: Lineage) -> Executor {
        self.turns.expect(past.ends());
        self.budgets.bound_told(past.concurrency());
        self.memory.resume(past, lineage);
        self
    }

    /// Reports the figures that the flows had in the recorded run.
    #[must_use]
    pub fn reporting(mut self, figures: Figures) -> Executor {
        self.memory.report(figures);
        self
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

    /// Returns the run that began the work: this one, or the first of those that it resumes or was forked from.
    pub fn origin(&self) -> &RunId {
        self.memory.origin()
    }

    /// Returns the runs in which the work of this one was done so far.
    pub fn workers(&self) -> Vec<RunId> {
        self.memory.workers()
    }

    /// Tells whether the run, or the one that began its work, was forked from another one.
    pub fn is_forked(&self) -> bool {
        self.memory.is_forked()
    }

    /// Returns the run that does what is done now, for names of what lasts: the one that began the work, and for what
    /// a fork does in its own way the fork.
    pub fn worker(&self) -> &RunId {
        self.memory.worker(self.turns.newest_place())
    }

    /// Tells whether calls are only counted: nothing that lasts may be done.
    pub fn is_dry(&self) -> bool {
        self.replies.is_dry()
    }

    /// Passes a failpoint. What is only planned dies at none.
    fn failpoint(&self, point: Failpoint) {
        if !self.is_dry() {
            failpoint::pass(point);
        }
    }

    /// Tells whether a run is gone through again, so that everything in it has to be known.
    pub fn is_replay(&self) -> bool {
        self.replies.is_replay()
    }

    /// Notes in a plan that an operation depends on something that only a run can tell.
    pub fn note_guess(&self, scope: &Scope) {
        if let Some(guess) = self.guess() {
            guess.depends(scope.op);
        }
    }

    /// Returns how many guesses a plan has made in the place of replies.
    pub fn guesses(&self) -> usize {
        self.guess().map_or(0, Guess::asked)
    }

    /// Tells what stands in for the value of something that has failed in a plan, and that a plan takes to
    /// succeed all the same: on a real reply it may. `guesses` is how many had been made before it began.
    pub fn taken_to_succeed(
        &self,
        what: &str,
        failure: &Failure,
        (guesses, is_last): (usize, bool),
    ) -> Option<Value> {
        let guess = self.guess()?;
        let is_guessed = guess.asked() > guesses && may_be_guessed(&failure.kind);
        (is_guessed && guess.succeeds(what, failure, is_last)).then(Guess::result)
    }

    /// Notes in a plan that it has succeeded on a guess, so that nothing needs to be taken for true.
    pub fn note_success(&self, what: &str) {
        if let Some(guess) = self.guess() {
            guess.decide(GuessedDecision::Succeeds(what.to_owned()), true);
        }
    }

    /// Returns the guesses that stand in for replies, if the run is only planned.
    pub(crate) fn guess(&self) -> Option<&Guess> {
        self.replies.reuse().and_then(|reuse| reuse.guess())
    }

    /// Makes the error for something that the replayed run has not done.
    pub fn diverged(&self, what: &Inquiry) -> Failure {
        let message = format!("the recorded run did not include `{what}`");
        let failure = Failure::new(Kind::Diverged, message);

        if let Some(reuse) = self.replies.reuse() {
            reuse.diverge(&failure);
        }
        failure
    }

    /// Tells whether a model's server is known to refuse tools.
    fn has_no_tools(&self, label: &str) -> bool {
        self.without_tools.borrow().contains(label)
    }

    /// Remembers that a model's server refuses tools; tells whether that is new.
    fn learn_no_tools(&self, label: &str) -> bool {
        self.without_tools.borrow_mut().insert(label.to_owned())
    }

    /// Returns the run's journal.
    pub fn journal(&self) -> &Journal {
        self.recorder.journal()
    }

    /// Adds a listener for every further event, and returns the number to take it away with.
    pub fn listen(&self, listener: EventListener) -> usize {
        self.recorder.listen(listener)
    }

    /// Keeps what a comparison found, for the end of the run.
    pub fn keep_comparison(&self, verdict: ComparisonVerdict) {
        self.recorder.keep_comparison(verdict);
    }

    /// Returns what the comparisons of the run found, the newest of each task type.
    pub fn comparisons(&self) -> Vec<ComparisonVerdict> {
        self.recorder.comparisons()
    }

    /// Takes a listener away.
    pub fn unlisten(&self, id: usize) {
        self.recorder.unlisten(id);
    }

    /// Returns the figures of the run so far.
    pub fn metrics(&self) -> Metrics {
        self.recorder.total().metrics()
    }

    /// Returns how many replies of this run are the demo model's.
    pub fn demo_replies(&self) -> u64 {
        self.recorder.total().demo_replies()
    }

    /// Returns how many replies were reused in this run.
    pub fn reused(&self) -> u64 {
        self.recorder.total().reused()
    }

    /// Returns how many replies of this run were paid for by other runs than those that it goes
    /// through again.
    pub fn borrowed(&self) -> u64 {
        self.recorder.total().borrowed()
    }

    /// Tells whether known replies may be those of any earlier run.
    pub fn is_wide(&self) -> bool {
        self.replies.reuse().is_some_and(|reuse| reuse.is_wide())
    }

    /// Returns how many operations failed, or were skipped because of a failure, in flows that do
    /// not say `allow_failures`.
    pub fn unforgiven(&self) -> u64 {
        self.recorder.unforgiven()
    }

    /// Returns the first failure of such an operation.
    pub fn first_failure(&self) -> Option<Failure> {
        self.recorder.first_failure()
    }

    /// Journals the start of the run. Before the first call is made, it is on the disk.
    pub fn begin(&self, event: &Event) -> Result<(), StoreError> {
        self.recorder.begin(self.event_time(), event)
    }

    /// Waits until it is on the disk that the run has begun, how everything in it ended that it was told of,
    /// and what it has recorded, and until something may begin outside.
    pub async fn on_disk(&self) -> Result<(), StoreError> {
        self.recorder.on_disk(&self.turns).await?;
        if let Some(pulse) = &self.pulse {
            pulse.felt().await;
        }
        Ok(())
    }

    /// Journals an event soon, and lets everybody see it now.
    pub fn note(&self, event: &Event) -> Result<(), StoreError> {
        self.recorder.note(self.event_time(), event)
    }

    /// Takes the answer of a person to a question of the run that this one resumes. It is on the disk
    /// when this returns.
    pub async fn give_answer(
        &self,
        question: &PendingQuestion,
        value: Value,
    ) -> Result<(), StoreError> {
        let at = question.at.clone();
        self.memory.give(question.inquiry(), at.clone(), value.clone());

        let question = question.question.text.clone();
        self.on_disk().await?;
        self.keep(&Event::Answered { question, at, value }).await
    }

    /// Journals an event, and returns once it is on the disk. It is a part of what is under way, and no
    /// end of its own.
    pub(super) async fn keep(&self, event: &Event) -> Result<(), StoreError> {
        self.recorder.keep(self.event_time(), event).await
    }

    /// Returns once everything that the script knows is kept: what it does next can be seen from outside. It keeps the
    /// thread meanwhile.
    pub fn settle_known(&self, writer: &Writer) -> Result<(), StoreError> {
        self.recorder.note_passed()?;
        writer.settle_gathered()
    }

    /// Returns once every end that the run was told of is on the disk. Comes before code of the script runs
    /// that may see one.
    pub(super) fn settle_ends(&self) -> Result<(), StoreError> {
        self.recorder.settle_ends(&self.turns)
    }

    /// Journals the end of an operation that runs no code of the script, and returns once its turn has come.
    /// It is on the disk before the script sees it, and before anything else begins outside.
    pub(super) async fn commit_end(&self, event: &Event) -> Result<(), StoreError> {
        if self.recorder.owes_ends(&self.turns) {
            return self.recorder.owe(&self.turns, self.event_time(), event).await;
        }

        self.commit(event).await?;
        self.failpoint(Failpoint::OpKept);
        Ok(())
    }

    /// Journals an event, and returns once it is on the disk.
    pub async fn commit(&self, event: &Event) -> Result<(), StoreError> {
        self.recorder.commit(&self.turns, self.event_time(), event).await
    }
}
