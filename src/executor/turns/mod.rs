//! The order in which a run learns that a call, a timer, a program or a commit has ended.
//!
//! One end is delivered at a time, and the next one only when every task of the run waits again. So a
//! run is a function of the script and of the order of the ends. A resumed run gets the recorded ends
//! in the recorded order. Not here: what is recorded (`executor/recorder.rs`).
//!
//! Start with `Turns::tell_next`, which picks the next end; `driver.rs` polls the run in between, and
//! `siblings.rs` polls what runs side by side. `owed.rs` lets ends share a commit. `stillness.rs` finds out that nothing can end any more.

pub(crate) mod driver;
pub(super) mod held;
mod owed;
mod own_clock;
mod own_time;
pub(super) mod passage;
mod retold;
pub mod siblings;
mod stillness;

use crate::base::clock;
use crate::executor::turns::driver::RunningTask;
use crate::executor::turns::held::{HeldKind, HeldWaiter};
use crate::executor::turns::owed::OwedEnds;
use crate::executor::turns::own_clock::OwnClock;
use crate::executor::turns::own_time::OwnPlace;
use crate::executor::turns::passage::{Passage, TimerStart};
use crate::executor::turns::siblings::Siblings;
use crate::executor::turns::stillness::CountGuard;
pub(super) use crate::executor::turns::stillness::WaitedFor;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often a planned script looks at the clock in a row until it is taken for one that waits.
const LOOKS_MAX: u32 = 1000;

/// Somebody who waits for an end.
#[derive(Debug, Default)]
struct Waiter {
    /// The wait is over.
    is_told: Cell<bool>,
    /// It gave up.
    is_gone: Cell<bool>,
    /// What it waits for has ended outside; its turn has yet to come.
    has_ended: Cell<bool>,
    /// Nobody else was waiting when its turn came.
    was_alone: Cell<bool>,
    /// It is no end of its own and only waits for the ends before its place, such as a request whose reply is
    /// looked up after all recorded ends.
    is_bystander: Cell<bool>,
    /// It need not wait again, because the recorded run did, such as a timer that the journal already ended.
    is_spared: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Waiter {
    fn tell(&self) {
        self.is_told.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[derive(Default)]
struct Queues {
    /// Those whose end is known, by its place in the journal and the order of asking.
    known: BTreeMap<(u64, u64), Rc<Waiter>>,
    held: VecDeque<HeldWaiter>,
    /// Those who wait for the disk, in the order of writing.
    commits: VecDeque<Rc<Waiter>>,
    /// Those whose end came, in the order of coming.
    ended: VecDeque<Rc<Waiter>>,
    /// Timers where no time passes, by the time at which they end.
    timers: BTreeMap<(Duration, u64), Rc<Waiter>>,
    /// Ends of the recorded run that are yet to be told, and how long after its
    /// start each came.
    untold: BTreeMap<u64, Option<Duration>>,
    asked: u64,
}

/// Who waits until it is time to write, told by the first.
type CommitWaiters = Vec<(Rc<Cell<bool>>, Waker)>;

/// Tells ends one at a time. See the module.
#[derive(Default)]
pub struct Turns {
    // The order of ends.
    queues: RefCell<Queues>,
    /// Those whose commit has yet to be made.
    unwritten: RefCell<CommitWaiters>,
    /// Ends that were told and are yet to be written.
    owed: OwedEnds,
    /// The time of the line of work that is polled, if it is measured.
    own: OwnPlace,
    /// How many ends were told.
    told: Cell<u64>,
    /// The last place in the journal of what was told. What the journal does not have comes after all places.
    newest_place: Cell<u64>,
    /// How many wait for something outside.
    waiting: Cell<usize>,
    /// Somebody polls the run at this moment.
    pub(super) is_driven: Cell<bool>,

    // The clock: a plan and a replay wait for no time.
    /// No time passes: timers end in their order, and at once.
    is_dry: Cell<bool>,
    /// Where nothing outside happens, what began last ends first.
    is_reversed: Cell<bool>,
    /// The clock of the run is the one that its timers move.
    is_planned: Cell<bool>,
    /// How much time has passed where none does.
    now: Cell<Duration>,
    /// How many ends had been told when the clock was looked at last, and how often it was looked at
    /// since then.
    looks: Cell<(u64, u32)>,
    /// When the run began.
    began: Cell<Duration>,
    /// The clock of a run that waits for time. It skips what had passed in the recorded run.
    clock: OwnClock,

    // Standstill: whether anything can still end by itself.
    /// How many of those who wait do so for the end of the run.
    for_the_end: Cell<usize>,
    /// How many do so for people, or for a time that is far.
    for_people: Cell<usize>,
    /// How many wait for nothing but a time that is near.
    near_timers: Cell<usize>,
    /// How long a run continues in which nothing but times end while people are waited for; and since when
    /// that is so.
    patience: Cell<Option<Duration>>,
    near_timers_since: Cell<Option<Duration>>,
    /// Nothing that is under way can continue.
    is_still: Cell<bool>,
    still_wakers: RefCell<Vec<Waker>>,

    /// Since when, on the run's own clock, work waits to begin that the recorded run did not do.
    other_since: Cell<Option<Duration>>,
    /// An end came that is not in the journal although others of the journal are yet to be told.
    has_strayed: Cell<bool>,
    pub(super) tasks: RefCell<Siblings<RunningTask>>,
    pub(super) new_tasks: RefCell<Vec<RunningTask>>,
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("waiting", &self.waiting.get()).finish_non_exhaustive()
    }
}

impl Turns {
    /// Expects the ends at these places of a journal.
    pub(super) fn expect(&self, ends: impl IntoIterator<Item = (u64, Option<Duration>)>) {
        self.began.set(clock::monotonic());
        self.queues.borrow_mut().untold.extend(ends);
    }

    /// Returns the time on the run's own clock, which jumps over the time before a crash that the run
    /// need not wait for again.
    pub(super) fn time(&self) -> Duration {
        if self.is_planned.get() {
            return self.now.get();
        }
        self.clock.time()
    }

    /// Returns how far the run's own clock is ahead of the machine's.
    pub(super) fn skipped(&self) -> Duration {
        self.clock.skipped()
    }

    /// Makes timers end at once, in their order.
    pub(super) fn make_dry(&self) {
        self.is_dry.set(true);
    }

    /// Lets the run have the time of its own timers: from 0 on, it moves only as they end.
    pub(super) fn plan(&self) {
        self.is_dry.set(true);
        self.is_planned.set(true);
    }

    /// Returns the time that has passed in a plan. To look takes a moment, so that a script which looks
    /// until a time is over comes to its end.
    pub(super) fn look(&self) -> Option<Duration> {
        if !self.is_planned.get() {
            return None;
        }

        let (told, looks) = self.looks.get();
        let looks = if told == self.told.get() { looks.saturating_add(1) } else { 0 };
        self.looks.set((self.told.get(), looks));

        // Who looks so often and does nothing else waits, and the plan need not take as long.
        let doublings = looks.saturating_sub(LOOKS_MAX).min(30);
        let moment = Duration::from_micros(1 << doublings);
        self.now.set(self.now.get().saturating_add(moment));
        Some(self.now.get())
    }

    /// Lets a moment pass in a plan: no call takes no time at all.
    pub(super) fn tick(&self) {
        if self.is_planned.get() {
            self.now.set(self.now.get().saturating_add(Duration::from_micros(1)));
        }
    }

    /// Lets what began last end first, where nothing outside happens.
    pub(super) fn reverse(&self) {
        self.is_reversed.set(true);
    }

    /// Returns how many ends were told. As long as it stays the same, nobody has waited.
    pub(crate) fn count_of_ends(&self) -> u64 {
        self.told.get()
    }

    /// Waits for the turn of an end that stands in the journal.
    pub(super) async fn known(&self, place: u64) {
        // What took time then is charged to the line of work that it was done for.
        let _moment = self.moment();
        let wait = TurnWait::begin(self);
        let asked = self.number();
        self.queues.borrow_mut().known.insert((place, asked), wait.waiter.clone());

        wait.await;
        self.pass_by(place);
    }

    /// Waits until everything has been told that stands in the journal before this place. What stands
    /// there followed from the last of it, so it is no end of its own that others would wait for.
    pub(super) async fn reach(&self, place: u64) {
        let waiter = Rc::new(Waiter { is_bystander: Cell::new(true), ..Waiter::default() });
        let asked = self.number();
        self.queues.borrow_mut().known.insert((place, asked), waiter.clone());
        let _left = QueueGuard { turns: self, key: (place, asked) };

        std::future::poll_fn(|context| {
            let first = self.queues.borrow().untold.keys().next().copied();
            let is_next = first.is_none_or(|first| first >= place);
            if is_next || waiter.is_told.get() || !self.is_driven.get() {
                return Poll::Ready(());
            }
            waiter.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Takes an end of the journal for told. The time until then has passed.
    pub(super) fn pass_by(&self, place: u64) {
        self.newest_place.set(self.newest_place.get().max(place));
        let came_at = self.queues.borrow_mut().untold.remove(&place).flatten();
        self.wake_next();
        self.skip_to(self.began.get().saturating_add(came_at.unwrap_or_default()));
    }

    /// Wakes who waits for the place that is next: it may be what all before was waited for.
    fn wake_next(&self) {
        let queues = self.queues.borrow();
        let Some(next) = queues.untold.keys().next() else { return };

        for (_, waiter) in queues.known.range((*next, 0)..=(*next, u64::MAX)) {
            // Who waits for an end of its own must not be polled out of turn.
            if waiter.is_bystander.get()
                && let Some(waker) = waiter.waker.take()
            {
                waker.wake();
            }
        }
    }

    /// Moves the run's own clock on to a time that had come before a crash. That of a plan moves by its
    /// timers alone.
    fn skip_to(&self, time: Duration) {
        if !self.is_planned.get() {
            self.clock.skip_to(time);
        }
    }

    /// Waits for something outside, and then for its turn.
    pub(super) async fn outside<F: Future>(&self, end: F) -> F::Output {
        let wait = TurnWait::begin(self);
        let moment = self.moment();
        let value = end.await;
        drop(moment);
        self.take_turn(wait).await;
        value
    }

    /// Waits for a commit, and then for its turn. Nothing else is told before it, since what it
    /// commits stands in the journal already.
    pub(super) async fn commit<F: Future>(&self, end: F) -> F::Output {
        let wait = TurnWait::begin(self);
        self.queues.borrow_mut().commits.push_back(wait.waiter.clone());

        let value = self.written(end).await;
        wait.waiter.has_ended.set(true);
        wait.await;
        value
    }

    /// Waits for a commit. What it writes gets its place at once; it is written when nothing else can
    /// continue, so that everything that ends until then shares it.
    async fn written<F: Future>(&self, end: F) -> F::Output {
        let mut end = pin!(end);
        let mut unheard = Context::from_waker(Waker::noop());
        if let Poll::Ready(value) = end.as_mut().poll(&mut unheard) {
            return value;
        }

        self.time_to_write().await;
        end.await
    }

    /// Lets a time pass; `known` is the place of its end in the journal, if it stands there.
    pub(super) async fn pass(&self, known: Option<u64>, time: Duration) -> Passage {
        self.pass_from(TimerStart::Now, known, time).await
    }

    /// Lets a time pass that begins at some moment.
    pub(super) async fn pass_from(
        &self,
        start: TimerStart,
        known: Option<u64>,
        time: Duration,
    ) -> Passage {
        let near = async |left| {
            let _near_timers = CountGuard::add(&self.near_timers);
            tokio::time::sleep(left).await;
        };
        self.pass_by_way((start, known), time, near).await.0
    }

    /// Does the same, where `wait` waits for what is left of the time. Returns what that gave, if it was
    /// waited for.
    pub(super) async fn pass_by_way<T>(
        &self,
        (start, known): (TimerStart, Option<u64>),
        time: Duration,
        wait_for: impl AsyncFnOnce(Duration) -> T,
    ) -> (Passage, Option<T>) {
        if let Some(place) = known {
            self.pass_known(place, time).await;
            return (Passage::Contested, None);
        }
        if self.is_dry.get() {
            return (self.pass_dry(time).await, None);
        }

        let _moment = self.moment();
        let wait = TurnWait::begin(self);
        let mut due = self.time().saturating_add(time);
        if self.holds_news() {
            let waiter = wait.waiter.clone();
            self.queues.borrow_mut().held.push_back(HeldWaiter { waiter, kind: HeldKind::Timer });
            wait.told().await;
            if wait.waiter.is_spared.get() {
                self.skip_to(due);
                return (Passage::Forced, None);
            }
            wait.waiter.is_told.set(false);
            due = match start {
                TimerStart::News => self.time().saturating_add(time),
                TimerStart::Now => due.saturating_add(self.stood_still(due.saturating_sub(time))),
            };
        }

        let given = wait_for(due.saturating_sub(self.time())).await;
        let waiter = self.take_turn(wait).await;
        let is_alone = waiter.was_alone.get();
        (if is_alone { Passage::Forced } else { Passage::Contested }, Some(given))
    }

    /// Waits for the turn of a timer that stands in the journal. Of timers in a row, all but the last one
    /// ended when their own time was over.
    async fn pass_known(&self, place: u64, time: Duration) {
        let _moment = self.moment();
        let due = self.time().saturating_add(time);
        let is_in_row = self.queues.borrow().untold.get(&place) == Some(&None);

        self.known(place).await;
        if is_in_row {
            self.skip_to(due);
        }
    }

    async fn pass_dry(&self, time: Duration) -> Passage {
        // A replay does not wait for it, and it has passed all the same.
        let due = self.time().saturating_add(time);
        let _near_timers = CountGuard::add(&self.near_timers);
        let wait = TurnWait::begin(self);
        let waiter = wait.waiter.clone();
        let key = (self.now.get().saturating_add(time), self.number());
        self.queues.borrow_mut().timers.insert(key, waiter.clone());

        wait.await;
        self.skip_to(due);
        if waiter.was_alone.get() { Passage::Forced } else { Passage::Contested }
    }

    async fn take_turn(&self, wait: TurnWait<'_>) -> Rc<Waiter> {
        let waiter = wait.waiter.clone();
        self.queues.borrow_mut().ended.push_back(waiter.clone());
        wait.await;
        waiter
    }

    fn number(&self) -> u64 {
        let mut queues = self.queues.borrow_mut();
        queues.asked += 1;
        queues.asked
    }

    /// Tells the next end, if one may be told now. Called only while everybody waits.
    pub(super) fn tell_next(&self) -> bool {
        let mut queues = self.queues.borrow_mut();
        let queues = &mut *queues;

        // What is written is told first: it happened before everything that has yet to be written.
        while queues.commits.front().is_some_and(|waiter| waiter.is_gone.get()) {
            queues.commits.pop_front();
        }
        if let Some(first) = queues.commits.front() {
            return first.has_ended.get()
                && queues.commits.pop_front().is_some_and(|w| self.tell(&w));
        }

        if let Some(waiter) = pop(|| queues.known.pop_first().map(|(_, waiter)| waiter)) {
            return self.tell(&waiter);
        }
        if self.is_dry.get() {
            return self.tell_next_dry(queues);
        }

        // What is held begins only when what is written and what is known has been told.
        while let Some(held) = queues.held.pop_front() {
            if !held.waiter.is_gone.get() {
                return self.let_begin(queues, &held);
            }
        }

        let Some(waiter) = pop(|| queues.ended.pop_front()) else { return false };
        if !queues.untold.is_empty() {
            self.has_strayed.set(true);
        }
        self.tell(&waiter)
    }

    /// Does the same where nothing outside happens: what has ended, then timers, then what the journal
    /// does not know. What the recorded run stopped at comes before timers.
    fn tell_next_dry(&self, queues: &mut Queues) -> bool {
        let is_reversed = self.is_reversed.get();
        let ended = &mut queues.ended;
        let next = || if is_reversed { ended.pop_back() } else { ended.pop_front() };
        if let Some(waiter) = pop(next) {
            return self.tell(&waiter);
        }

        let stop = queues.held.iter().position(HeldWaiter::is_stop);
        if let Some(stop) = stop.and_then(|place| queues.held.remove(place)) {
            return self.tell(&stop.waiter);
        }

        // A run that stops waits for no more times.
        while self.for_the_end.get() == 0
            && let Some(((at, _), waiter)) = queues.timers.pop_first()
        {
            if !waiter.is_gone.get() {
                self.now.set(at.max(self.now.get()));
                return self.tell(&waiter);
            }
        }

        let held = pop(|| queues.held.pop_front().map(|held| held.waiter));
        held.is_some_and(|waiter| self.tell(&waiter))
    }

    fn tell(&self, waiter: &Waiter) -> bool {
        self.told.set(self.told.get() + 1);
        waiter.was_alone.set(self.waiting.get() == 1);
        waiter.tell();
        true
    }
}

/// Takes somebody out of the queue of what is known, also if they give up.
struct QueueGuard<'a> {
    turns: &'a Turns,
    key: (u64, u64),
}

impl Drop for QueueGuard<'_> {
    fn drop(&mut self) {
        self.turns.queues.borrow_mut().known.remove(&self.key);
    }
}

/// Takes the first waiter that has not given up.
fn pop(next: impl FnMut() -> Option<Rc<Waiter>>) -> Option<Rc<Waiter>> {
    std::iter::from_fn(next).find(|waiter| !waiter.is_gone.get())
}

/// A wait for one's turn. Dropping it gives it up.
struct TurnWait<'a> {
    turns: &'a Turns,
    waiter: Rc<Waiter>,
}

impl<'a> TurnWait<'a> {
    fn begin(turns: &'a Turns) -> TurnWait<'a> {
        turns.waiting.set(turns.waiting.get() + 1);
        TurnWait { turns, waiter: Rc::default() }
    }

    /// Waits for the turn, and continues waiting for something else.
    async fn told(&self) {
        std::future::poll_fn(|context| self.check(context)).await;
    }

    fn check(&self, context: &Context<'_>) -> Poll<()> {
        // Without a driver nobody would ever come to tell.
        if self.waiter.is_told.get() || !self.turns.is_driven.get() {
            return Poll::Ready(());
        }

        self.waiter.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Future for TurnWait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.check(context)
    }
}

impl Drop for TurnWait<'_> {
    fn drop(&mut self) {
        self.waiter.is_gone.set(true);
        self.turns.waiting.set(self.turns.waiting.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::turns::driver::TaskHandle;
    use crate::executor::turns::held::Novelty;
    use futures::future::{join_all, select};
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    /// Gives others a turn; what tokio has for this hides the waking from the driver.
    async fn step() {
        let mut has_yielded = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Runs strands that each wait for some ends and write down their names as they are told.
    async fn order(
        turns: &Turns,
        strands: Vec<Vec<(&'static str, Option<u64>, u32)>>,
    ) -> Vec<&'static str> {
        let told = RefCell::new(Vec::new());
        let strands = strands.into_iter().map(async |ends| {
            for (name, place, time) in ends {
                if let Some(place) = place {
                    turns.known(place).await;
                } else {
                    turns.news(Novelty::UnderWay).await;
                    turns.outside(tokio::time::sleep(MS * time)).await;
                }
                told.borrow_mut().push(name);
            }
        });

        turns.drive(join_all(strands)).await;
        told.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn ends_are_told_as_they_come() {
        let strands = vec![vec![("slow", None, 20)], vec![("fast", None, 10), ("last", None, 30)]];
        assert_eq!(order(&Turns::default(), strands).await, ["fast", "slow", "last"]);
    }

    #[tokio::test(start_paused = true)]
    async fn known_ends_are_told_in_the_order_of_the_journal_and_news_after_them() {
        let turns = Turns::default();
        turns.expect([1, 2, 3].map(|place| (place, Some(Duration::ZERO))));

        let strands = vec![
            vec![("new", None, 0), ("newer", None, 1)],
            vec![("third", Some(3), 0)],
            vec![("first", Some(1), 0), ("second", Some(2), 0)],
        ];

        assert_eq!(order(&turns, strands).await, ["first", "second", "third", "new", "newer"]);
        assert!(!turns.is_retelling());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_never_comes_again_holds_nothing_up() {
        let turns = Turns::default();
        turns.expect([1, 2].map(|place| (place, Some(Duration::ZERO))));
        let strands = vec![vec![("new", None, 5), ("known", Some(2), 0)]];
        assert_eq!(order(&turns, strands).await, ["new", "known"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_is_told_before_everything_that_comes_after_it_was_written() {
        let turns = Turns::default();
        let told = RefCell::new(Vec::new());

        let slow = async {
            turns.commit(tokio::time::sleep(MS * 20)).await;
            told.borrow_mut().push("written");
        };
        let fast = async {
            turns.outside(tokio::time::sleep(MS * 10)).await;
            told.borrow_mut().push("ended");
        };

        turns.drive(futures::future::join(slow, fast)).await;
        assert_eq!(told.into_inner(), ["written", "ended"]);
    }

    #[tokio::test(start_paused = true)]
    async fn ends_that_are_owed_are_paid_for_together_before_anything_begins_outside() {
        let turns = Turns::default();
        let log = Rc::new(RefCell::new(Vec::new()));
        let paid = log.clone();
        turns.pay_with(Rc::new(move |ends| paid.borrow_mut().push(format!("{ends} paid"))));

        let strand = async |name: &'static str| {
            turns.outside(tokio::time::sleep(MS * 10)).await;
            turns.owe().await;
            log.borrow_mut().push(format!("{name} ended"));
            let begin = async {
                turns.paid().await;
                log.borrow_mut().push(format!("{name} begins"));
            };
            turns.outside(begin).await;
        };

        turns.drive(join_all([strand("a"), strand("b")])).await;
        let expected = ["a ended", "b ended", "2 paid", "a begins", "b begins"];
        assert_eq!(*log.borrow(), expected);
    }

    /// Without the rule both would have been woken, and the first in the list would have come first.
    #[tokio::test(start_paused = true)]
    async fn of_two_ends_at_the_same_instant_the_second_is_told_when_the_first_has_been_dealt_with()
    {
        let turns = Turns::default();
        let told = RefCell::new(Vec::new());

        let strand = async |name: &'static str| {
            turns.outside(tokio::time::sleep(MS * 10)).await;
            for _ in 0..3 {
                step().await;
                told.borrow_mut().push(name);
            }
        };

        turns.drive(join_all([strand("a"), strand("b")])).await;
        assert_eq!(told.into_inner(), ["a", "a", "a", "b", "b", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_time_before_a_crash_is_charged_to_the_line_of_work_that_it_was_done_for() {
        let turns = Turns::default();
        turns.expect([(1, Some(MS * 70)), (2, Some(MS * 100))]);

        let measured = turns.timed(turns.known(1));
        let other = turns.known(2);
        let (((), own), ()) = turns.drive(futures::future::join(measured, other)).await;

        assert_eq!((own, turns.skipped()), (MS * 70, MS * 100));
    }

    #[tokio::test(start_paused = true)]
    async fn timers_in_a_row_end_when_their_own_time_is_over() {
        let turns = Turns::default();
        turns.expect([(1, None), (2, Some(MS * 100))]);

        let work = async {
            turns.pass(Some(1), MS * 70).await;
            let first = turns.skipped();
            turns.pass(Some(2), MS * 20).await;
            [first, turns.skipped()]
        };
        assert_eq!(turns.drive(work).await, [MS * 70, MS * 100]);
    }

    #[tokio::test]
    async fn where_no_time_passes_timers_end_in_their_order() {
        let turns = Turns::default();
        turns.make_dry();

        let long = pin!(turns.pass(None, Duration::from_hours(1)));
        let short = pin!(async {
            for _ in 0..100 {
                turns.pass(None, Duration::from_secs(1)).await;
            }
            "short"
        });

        let first = async {
            match select(long, short).await {
                futures::future::Either::Left(_) => "long",
                futures::future::Either::Right((name, _)) => name,
            }
        };

        assert_eq!(turns.drive(first).await, "short");
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_nothing_could_have_come_before_is_not_waited_for_again() {
        let turns = Turns::default();
        turns.expect([(1, Some(Duration::ZERO))]);

        let before = tokio::time::Instant::now();
        let (alone, after) = turns
            .drive(async {
                let alone = turns.pass(None, MS * 500).await;
                turns.known(1).await;
                (alone, turns.pass(None, MS * 20).await)
            })
            .await;

        assert_eq!((alone, after), (Passage::Forced, Passage::Forced));
        assert_eq!(before.elapsed(), MS * 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replay_stops_where_its_run_stopped_before_any_time_passes() {
        let turns = Turns::default();
        turns.make_dry();
        turns.expect([(1, None)]);
        let seen = RefCell::new(Vec::new());
        let note = |what: &'static str| seen.borrow_mut().push(what);

        let time = async {
            turns.pass(None, MS).await;
            note("time");
        };
        let stop = async {
            turns.stop().await;
            note("stop");
        };
        let known = async {
            turns.known(1).await;
            note("known");
        };
        turns.drive(futures::future::join3(time, stop, known)).await;
        assert_eq!(seen.take(), ["known", "stop", "time"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_had_passed_before_a_crash_counts() {
        let turns = Turns::default();
        turns.expect([(1, Some(MS * 70))]);

        let before = tokio::time::Instant::now();
        let long = turns.pass(None, MS * 100);
        let known = turns.known(1);
        turns.drive(futures::future::join(long, known)).await;

        assert_eq!(before.elapsed(), MS * 30);
    }

    /// A limit of 100 ms is set at 0, and a call at 20 ms; their neighbour's end was recorded at 70 ms.
    #[tokio::test(start_paused = true)]
    async fn a_timer_stands_still_while_other_work_than_the_recorded_waits() {
        for (novelty, left) in [(Novelty::UnderWay, MS * 30), (Novelty::Other, MS * 80)] {
            let turns = Turns::default();
            turns.expect([(1, Some(MS * 20)), (2, Some(MS * 70))]);

            let before = tokio::time::Instant::now();
            let limit = turns.pass(None, MS * 100);
            let call = async {
                turns.known(1).await;
                turns.news(novelty).await;
            };
            let neighbour = turns.known(2);
            turns.drive(futures::future::join3(limit, call, neighbour)).await;

            assert_eq!(before.elapsed(), left, "{novelty:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_can_be_stopped_by_others_and_by_itself() {
        let turns = Rc::new(Turns::default());
        let stopped = Rc::new(RefCell::new(Vec::<&str>::new()));
        turns
            .clone()
            .drive(async {
                let own: Rc<RefCell<Option<TaskHandle>>> = Rc::default();
                let mine = own.clone();
                let log = stopped.clone();
                let task = turns.spawn(Box::pin(async move {
                    if let Some(own) = mine.take() {
                        own.stop();
                    }
                    log.borrow_mut().push("goes on until it waits");
                    step().await;
                    log.borrow_mut().push("never");
                }));

                own.replace(Some(task));
                let other = turns.spawn(Box::pin(std::future::pending()));
                turns.outside(tokio::time::sleep(MS)).await;
                other.stop();
            })
            .await;

        assert_eq!(stopped.take(), ["goes on until it waits"]);
    }
}
