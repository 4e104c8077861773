//! Writes down what a run does: each event gets its time, is added to the figures, reaches the
//! listeners, and goes to the journal.

use crate::base::failure::Failure;
use crate::base::id::{FlowId, OpId};
use crate::base::strand::Spot;
use crate::executor::EventListener;
use crate::executor::glimpse::CallWatcher;
use crate::executor::replies::reuse::Reuse;
use crate::executor::turns::Turns;
use crate::journal::Journal;
use crate::journal::event::{ComparisonVerdict, Event, Timer};
use crate::journal::key::Key;
use crate::journal::known_replies::ReplyFollower;
use crate::journal::part::{KnownTerms, Parts};
use crate::metrics::Metrics;
use crate::metrics::fold::{FlowFold, Flows};
use crate::metrics::sums::SumsFold;
use crate::model::request::Request;
use crate::store::StoreError;
use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use std::cell::{Cell, Ref, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

/// What is waited for until something is on the disk.
type Debt = Shared<LocalBoxFuture<'static, Result<(), StoreError>>>;

/// Timers of one strand that ended in a row, and are yet to be journaled.
struct PassedTimers {
    first: Spot,
    timer: Timer,
    times: u32,
    limit_ms: Option<u64>,
    /// When the last of them ended, in microseconds since 1970.
    ended: i64,
}

impl PassedTimers {
    fn next(&self) -> Spot {
        Spot { nth: self.first.nth.saturating_add(self.times), ..self.first.clone() }
    }
}

/// The journal of a run, and everything that is counted from its events.
pub(super) struct Recorder {
    journal: Journal,
    /// Finds replies in the events, for `reuse`.
    follower: RefCell<ReplyFollower>,
    /// Gets the replies of this run.
    reuse: Option<Rc<Reuse>>,
    /// What is owed last, which stands on everything before: that the run has begun, or that something in it
    /// has ended. Set until it is known to be on the disk.
    debt: RefCell<Option<Debt>>,
    /// Timers that ended and are yet to be journaled.
    passed: RefCell<Option<PassedTimers>>,
    /// The parts of requests that the journal has.
    parts: RefCell<HashSet<Key>>,
    /// The terms of the newest request.
    terms: RefCell<Option<KnownTerms>>,
    next_op: Cell<u32>,
    next_flow: Cell<u32>,
    /// The figures of the run, and of each flow that is under way.
    total: RefCell<FlowFold>,
    flows: RefCell<Flows>,
    sums: RefCell<SumsFold>,
    listeners: RefCell<Vec<(usize, EventListener)>>,
    next_listener: Cell<usize>,
    /// What the comparisons of the script found.
    comparisons: RefCell<Vec<ComparisonVerdict>>,
    /// Who is told of calls under way, if anybody is.
    call_watcher: RefCell<Option<CallWatcher>>,
    /// Whether they want to see the texts of replies as they grow.
    shows_texts: Cell<bool>,
    /// The run is suspended: only its end is yet to be journaled.
    is_closed: Cell<bool>,
    /// Operations that failed, or were skipped because of a failure, in flows that do not allow it;
    /// and the first failure among them.
    unforgiven: Cell<u64>,
    first_failure: RefCell<Option<Failure>>,
}

impl Recorder {
    pub(super) fn new(journal: Journal) -> Recorder {
        let follower = ReplyFollower::new(journal.run().clone());

        Recorder {
            journal,
            follower: RefCell::new(follower),
            reuse: None,
            debt: RefCell::default(),
            passed: RefCell::default(),
            parts: RefCell::default(),
            terms: RefCell::default(),
            next_op: Cell::new(0),
            next_flow: Cell::new(1),
            total: RefCell::new(FlowFold::of_run()),
            flows: RefCell::default(),
            sums: RefCell::default(),
            listeners: RefCell::default(),
            next_listener: Cell::new(0),
            comparisons: RefCell::default(),
            call_watcher: RefCell::default(),
            shows_texts: Cell::new(false),
            is_closed: Cell::new(false),
            unforgiven: Cell::new(0),
            first_failure: RefCell::default(),
        }
    }

    /// Hands the replies of this run on to those after it.
    pub(super) fn feed(&mut self, reuse: Rc<Reuse>) {
        self.reuse = Some(reuse);
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns what the events told of operations and their replies.
    pub(super) fn follower(&self) -> Ref<'_, ReplyFollower> {
        self.follower.borrow()
    }

    /// Adds a listener for every further event, and returns the number to take it away with.
    pub(super) fn listen(&self, listener: EventListener) -> usize {
        let id = self.next_listener.replace(self.next_listener.get() + 1);
        self.listeners.borrow_mut().push((id, listener));
        id
    }

    /// Takes a listener away.
    pub(super) fn unlisten(&self, id: usize) {
        self.listeners.borrow_mut().retain(|(known, _)| *known != id);
    }

    /// Keeps what a comparison found, for the end of the run.
    pub(super) fn keep_comparison(&self, verdict: ComparisonVerdict) {
        let mut kept = self.comparisons.borrow_mut();
        // A later one of the same task type stands in the place of the earlier one.
        kept.retain(|known| known.task_type != verdict.task_type);
        kept.push(verdict);
    }

    pub(super) fn comparisons(&self) -> Vec<ComparisonVerdict> {
        self.comparisons.borrow().clone()
    }

    pub(super) fn watch_calls(&self, watcher: CallWatcher, shows_texts: bool) {
        self.call_watcher.replace(Some(watcher));
        self.shows_texts.set(shows_texts);
    }

    pub(super) fn shows_texts(&self) -> bool {
        self.shows_texts.get()
    }

    pub(super) fn call_watcher(&self) -> Option<CallWatcher> {
        self.call_watcher.borrow().clone()
    }

    /// Returns the fold of all events so far.
    pub(super) fn total(&self) -> Ref<'_, FlowFold> {
        self.total.borrow()
    }

    /// Returns the figures of a flow, and forgets them: it has ended.
    pub(super) fn take_flow_figures(&self, flow: FlowId) -> Option<Metrics> {
        self.flows.borrow_mut().take(flow).map(|fold| fold.metrics())
    }

    /// Counts operations that were lost in a flow that does not allow it.
    pub(super) fn lose(&self, lost: u64, first: Option<Failure>) {
        self.unforgiven.set(self.unforgiven.get() + lost);
        let mut known = self.first_failure.borrow_mut();
        *known = known.take().or(first);
    }

    pub(super) fn unforgiven(&self) -> u64 {
        self.unforgiven.get()
    }

    pub(super) fn first_failure(&self) -> Option<Failure> {
        self.first_failure.borrow().clone()
    }

    /// Numbers `count` new operations and returns the first number.
    pub(super) fn take_ops(&self, count: usize) -> u32 {
        let count = u32::try_from(count).expect("a run has fewer operations than 2^32");
        self.next_op.replace(self.next_op.get() + count)
    }

    pub(super) fn take_op(&self) -> OpId {
        OpId(self.take_ops(1))
    }

    pub(super) fn take_flow(&self) -> FlowId {
        FlowId(self.next_flow.replace(self.next_flow.get() + 1))
    }

    /// Journals the start of the run. Before the first call is made, it is on the disk.
    pub(super) fn begin(&self, at: i64, event: &Event) -> Result<(), StoreError> {
        let at = self.tell(at, event);
        let append = self.journal.append_now(at, event)?;
        self.debt.replace(Some(append.boxed_local().shared()));
        Ok(())
    }

    /// Waits until it is on the disk that the run has begun, how everything in it ended that it was told of,
    /// and what it has recorded. Comes before anything that can be seen from outside.
    pub(super) async fn on_disk(&self, turns: &Turns) -> Result<(), StoreError> {
        turns.paid().await;
        if let Some(writer) = self.journal.writer() {
            writer.settle_gathered()?;
        }

        let debt = self.debt.borrow().clone();
        match debt {
            Some(debt) => {
                let result = debt.clone().await;
                let is_last = |known: &Debt| known.ptr_eq(&debt);
                let mut newest = self.debt.borrow_mut();
                if newest.as_ref().is_some_and(is_last) {
                    newest.take();
                }
                result
            }
            None => Ok(()),
        }
    }

    /// Journals nothing more but the end of a run that is suspended. What is given up because of that
    /// is not over.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
    }

    /// Journals an event soon, and lets everybody see it now.
    pub(super) fn note(&self, at: i64, event: &Event) -> Result<(), StoreError> {
        if self.is_closed.get() {
            return Ok(());
        }

        self.note_passed()?;
        let at = self.tell(at, event);
        self.journal.append_soon(at, event)
    }

    /// Journals an event, and returns once it is on the disk and its turn has come.
    pub(super) async fn commit(
        &self,
        turns: &Turns,
        at: i64,
        event: &Event,
    ) -> Result<(), StoreError> {
        // While the journal of another run knows what comes next, it has this on the disk already.
        let is_last = matches!(event, Event::RunEnded { .. } | Event::Suspended { .. });
        if turns.is_retelling() && !is_last {
            self.note(at, event)?;
            turns.commit(std::future::ready(())).await;
            return Ok(());
        }

        self.note_passed()?;
        let at = self.tell(at, event);
        turns.commit(self.journal.append(at, event)).await
    }

    /// Returns once every end that is owed is on the disk. It keeps the thread, so that nothing else of the run
    /// continues meanwhile.
    pub(super) fn settle_ends(&self, turns: &Turns) -> Result<(), StoreError> {
        if turns.owes()
            && let Some(writer) = self.journal.writer()
        {
            writer.settle_gathered()?;
            turns.pay();
        }
        self.journal.check()
    }

    /// Tells whether ends are owed: they are committed together, before anything can be seen from outside.
    /// Where each commit waits for the disk, each end waits for its own.
    pub(super) fn owes_ends(&self, turns: &Turns) -> bool {
        let may_owe = self.journal.writer().is_some_and(|writer| !writer.waits_for_disk());
        may_owe && !turns.is_retelling()
    }

    /// Journals the end of something as what is owed, and returns once its turn has come.
    pub(super) async fn owe(
        &self,
        turns: &Turns,
        at: i64,
        event: &Event,
    ) -> Result<(), StoreError> {
        self.note_passed()?;
        let at = self.tell(at, event);
        let owed = self.journal.owe(at, event)?;
        self.debt.replace(Some(owed.boxed_local().shared()));
        turns.owe().await;
        Ok(())
    }

    /// Journals an event, and returns once it is on the disk.
    pub(super) async fn keep(&self, at: i64, event: &Event) -> Result<(), StoreError> {
        self.note_passed()?;
        let at = self.tell(at, event);
        self.journal.append(at, event).await
    }

    /// Journals the parts of a request that this run has not kept yet.
    pub(super) fn keep_parts(&self, at: i64, request: &Request) -> Result<Parts, StoreError> {
        let mut parts = Parts::of(request, &mut self.terms.borrow_mut());
        for (key, part) in std::mem::take(&mut parts.all) {
            if self.parts.borrow_mut().insert(key) {
                self.note(at, &Event::RequestPart { key, part })?;
            }
        }

        Ok(parts)
    }

    /// Notes that a timer has ended.
    pub(super) fn time_passed(
        &self,
        ended: i64,
        at: Spot,
        timer: Timer,
        limit: Option<Duration>,
    ) -> Result<(), StoreError> {
        let limit_ms = limit.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        // A loop that polls sleeps very often: what ends in a row is one event.
        let in_row = self.passed.borrow_mut().as_mut().is_some_and(|passed| {
            let is_next =
                passed.timer == timer && passed.limit_ms == limit_ms && passed.next() == at;
            if is_next {
                passed.times += 1;
                passed.ended = ended;
            }
            is_next
        });

        if !in_row {
            self.note_passed()?;
            self.passed.replace(Some(PassedTimers { first: at, timer, times: 1, limit_ms, ended }));
        }
        Ok(())
    }

    /// Journals the timers that have ended. They stand before whatever comes next, and before what is shown: the order
    /// in which they ended decides what a script does.
    pub(super) fn note_passed(&self) -> Result<(), StoreError> {
        let Some(PassedTimers { first, timer, times, limit_ms, ended }) = self.passed.take() else {
            return Ok(());
        };

        let event = Event::TimePassed { at: first, timer, times, limit_ms };
        let at = self.tell(ended, &event);
        self.journal.append_soon(at, &event)
    }

    fn listener(&self, place: usize) -> Option<EventListener> {
        self.listeners.borrow().get(place).map(|(_, listener)| listener.clone())
    }

    /// Adds an event to the sums of the run, which are kept with the one that ends it.
    fn sum_up(&self, at: i64, event: &Event) {
        let mut sums = self.sums.borrow_mut();
        sums.add(at, event);
        if matches!(event, Event::RunEnded { .. }) {
            let sums = sums.sums(self.total.borrow().metrics());
            self.journal.keep_sums(sums.text());
        }
    }

    /// Lets everybody see an event.
    fn tell(&self, at: i64, event: &Event) -> i64 {
        self.total.borrow_mut().add(at, event);
        if let Some(reuse) = &self.reuse {
            reuse.see(&mut self.follower.borrow_mut(), event);
        }
        self.flows.borrow_mut().add(at, event);
        if self.journal.writer().is_some() {
            self.sum_up(at, event);
        }

        // A listener may add another one, so the list is not borrowed while they run. That one hears only
        // what comes after.
        let count = self.listeners.borrow().len();
        for listener in (0..count).map_while(|place| self.listener(place)) {
            listener(at, event);
        }

        at
    }
}
