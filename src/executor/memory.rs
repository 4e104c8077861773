//! Going through a run again: what a script was told then, it is told now, at the same place.

use crate::base::clock;
use crate::base::id::FlowId;
use crate::base::rng::Rng;
use crate::base::strand::{Address, Spot, Strand};
use crate::executor::Executor;
use crate::executor::turns::Passage;
use crate::journal::event::{Event, LogLevel, Timer};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::metrics::Metrics;
use crate::store::StoreError;
use futures::FutureExt;
use futures::future::{Either, LocalBoxFuture, Shared, select};
use serde_json::Value;
use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

/// Most answers of one word that a run journals: a loop that looks at the clock must not fill the
/// store. Those after them are not told again to a run that resumes this one.
const ANSWERS_MAX: usize = 10_000;

/// What is waited for until it is on the disk that the run has begun.
pub(super) type Start = Shared<LocalBoxFuture<'static, Result<(), StoreError>>>;

/// Timers of one strand that ended in a row, and are yet to be journaled.
#[derive(Debug)]
pub(super) struct PassedTimers {
    first: Spot,
    timer: Timer,
    times: u32,
    /// When the last of them ended, in microseconds since 1970.
    ended: i64,
}

impl PassedTimers {
    fn next(&self) -> Spot {
        Spot { nth: self.first.nth.saturating_add(self.times), ..self.first.clone() }
    }
}

/// The figures of the flows of a run that have ended.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// By where the flow ran, the oldest run's first.
    pub by_address: HashMap<Address, Vec<Metrics>>,
    /// By the flow's number, in a journal that does not say where it ran.
    pub by_number: HashMap<FlowId, Metrics>,
}

impl Executor {
    /// Takes what a script was told at this place in the run that this one goes through again.
    /// Returns the place as well, by which the answer is journaled.
    pub fn recall(&self, strand: &Strand, what: &Inquiry) -> (Spot, Option<Value>) {
        // The journal knows what was asked without the secrets in it.
        let what = &what.clone().without_secrets();
        let at = strand.count(what);

        let told = self.past.as_ref().and_then(|past| match past.answer(what, &at) {
            Some(told) => {
                self.turns.pass_by(told.place);
                Some(told.value)
            }
            None => past.answer_by_arrival(what),
        });

        (at, told)
    }

    /// Does the same for an answer that the script had to wait for.
    pub async fn recall_in_turn(&self, strand: &Strand, what: &Inquiry) -> (Spot, Option<Value>) {
        let what = &what.clone().without_secrets();
        let at = strand.count(what);
        let Some(past) = &self.past else { return (at, None) };

        match past.answer(what, &at) {
            Some(told) => {
                self.turns.known(told.place).await;
                (at, Some(told.value))
            }
            None => (at, past.answer_by_arrival(what)),
        }
    }

    /// Returns the time on the run's own clock, which counts the time before a crash.
    pub fn age(&self) -> Duration {
        self.turns.time()
    }

    /// Tells whether this run goes through another one again.
    pub fn is_resuming(&self) -> bool {
        self.past.is_some()
    }

    /// Waits for something that happens outside of the run, and that did not happen in the run that
    /// this one goes through again, and then for its turn to be told.
    pub async fn outside<F: Future>(&self, end: F) -> F::Output {
        self.turns.outside(end).await
    }

    /// Waits until everything has been told that is known. What is done from then on was not done
    /// before.
    pub async fn news(&self) {
        self.turns.news().await;
    }

    /// Finds something out that a later run could not find out again, and journals it; or returns
    /// what the run that this one goes through again was told, and true.
    pub fn find_once<E>(
        &self,
        strand: &Strand,
        what: Inquiry,
        find: impl FnOnce(&Spot) -> Result<Value, E>,
        broken: impl FnOnce(StoreError) -> E,
    ) -> Result<(Value, bool), E> {
        let (at, known) = self.recall(strand, &what);

        let (value, is_known) = match known {
            Some(value) => (value, true),
            None => (find(&at)?, false),
        };

        self.note(&Event::Told { what, value: value.clone(), at: Some(at) }).map_err(broken)?;
        Ok((value, is_known))
    }

    /// Returns the time in milliseconds since 1970, and journals that the script was told it.
    pub fn now(&self, strand: &Strand) -> Result<i64, StoreError> {
        let still = || self.still.as_ref().map(|next| next.replace(next.get() + 1));
        let now = still().unwrap_or_else(|| clock::Stamp::now().0);
        Ok(self.answer(strand, Inquiry::Bare(Topic::Now), now.into())?.as_i64().unwrap_or(now))
    }

    /// Returns how many seconds passed, of which `seconds` were measured, and journals that the
    /// script was told it.
    pub fn elapsed(&self, strand: &Strand, seconds: f64) -> Result<f64, StoreError> {
        // Whole microseconds survive the journal exactly.
        let seconds = (seconds * 1e6).round() / 1e6;

        Ok(self
            .answer(strand, Inquiry::Bare(Topic::Elapsed), seconds.into())?
            .as_f64()
            .unwrap_or(seconds))
    }

    /// Returns what was told in the place of this answer then, or else the answer, and journals it.
    pub fn answer(
        &self,
        strand: &Strand,
        what: Inquiry,
        answer: Value,
    ) -> Result<Value, StoreError> {
        let (at, known) = self.recall(strand, &what);
        self.answer_with(at, known, what, answer)
    }

    /// Does the same for what follows from the run itself: once this run goes another way, what the run
    /// before was told is no longer true.
    pub fn answer_of_run(
        &self,
        strand: &Strand,
        what: Inquiry,
        answer: Value,
    ) -> Result<Value, StoreError> {
        let (at, known) = self.recall(strand, &what);
        let known = known.filter(|_| !self.turns.has_strayed());
        self.answer_with(at, known, what, answer)
    }

    fn answer_with(
        &self,
        at: Spot,
        known: Option<Value>,
        what: Inquiry,
        answer: Value,
    ) -> Result<Value, StoreError> {
        let is_new = known.is_none();
        let value = known.unwrap_or(answer);

        let count = {
            let mut answers = self.answers.borrow_mut();
            let count = answers.entry(what.clone()).or_default();
            *count += 1;
            *count
        };
        if count <= ANSWERS_MAX {
            let told = Event::Told { what, value: value.clone(), at: Some(at) };
            self.note(&told)?;
        } else if is_new && count == ANSWERS_MAX + 1 && self.turns.is_retelling() {
            let text = format!(
                "only the first {ANSWERS_MAX} answers of `{what}` are recorded: from here on, \
                 this run gets new ones"
            );
            self.note(&Event::Logged { level: LogLevel::Warn, text })?;
        }

        Ok(value)
    }

    /// Returns the next number from 0 up to 1 of a strand's own chance.
    pub fn random(&self, strand: &Strand) -> f64 {
        strand.draw(self.seed, Rng::unit)
    }

    /// Returns a number that follows from the run's seed, the strand, and how often it was asked
    /// there, and that leaves the other numbers of chance as they are.
    pub fn chance(&self, strand: &Strand) -> u64 {
        strand.draw(self.seed.rotate_left(32), Rng::next_u64)
    }

    /// Lets a time pass on a strand.
    pub async fn pass(
        &self,
        strand: &Strand,
        timer: Timer,
        time: Duration,
    ) -> Result<(), StoreError> {
        let at = strand.count(&timer);
        let known = self.past.as_ref().and_then(|past| past.timer(timer, &at));
        if self.turns.pass(known, time).await == Passage::Forced {
            return Ok(());
        }

        // A loop that polls sleeps very often: what ends in a row is one event.
        let ended = clock::micros();
        let in_row = self.passed.borrow_mut().as_mut().is_some_and(|passed| {
            let is_next = passed.timer == timer && passed.next() == at;
            if is_next {
                passed.times += 1;
                passed.ended = ended;
            }
            is_next
        });
        if !in_row {
            self.note_passed()?;
            self.passed.replace(Some(PassedTimers { first: at, timer, times: 1, ended }));
        }

        Ok(())
    }

    /// Journals the timers that have ended. Nothing but time is lost if a crash comes before.
    pub(super) fn note_passed(&self) -> Result<(), StoreError> {
        let Some(PassedTimers { first, timer, times, ended }) = self.passed.take() else {
            return Ok(());
        };

        let event = Event::TimePassed { at: first, timer, times };
        let at = self.tell_at(ended, &event);
        self.journal.append_soon(at, &event)
    }

    /// Waits for a future, but no longer than `limit`: `None` if it was not done by then.
    pub async fn limit<F: Future>(
        &self,
        strand: &Strand,
        limit: Duration,
        work: F,
    ) -> Result<Option<F::Output>, StoreError> {
        let work = pin!(work);
        let timer = pin!(self.pass(strand, Timer::Limit, limit));
        match select(work, timer).await {
            Either::Left((value, _)) => Ok(Some(value)),
            Either::Right((passed, _)) => passed.map(|()| None),
        }
    }

    /// Journals the start of the run. Before the first call is made, it is on the disk.
    pub fn begin(&self, event: &Event) -> Result<(), StoreError> {
        let at = self.tell(event);
        let append = self.journal.append_now(at, event)?;
        self.start.replace(Some(append.boxed_local().shared()));
        Ok(())
    }

    /// Waits until it is on the disk that the run has begun.
    pub async fn on_disk(&self) -> Result<(), StoreError> {
        let start = self.start.borrow().clone();
        match start {
            Some(start) => {
                let result = start.await;
                self.start.take();
                result
            }
            None => Ok(()),
        }
    }

    /// Returns the figures that a flow had in the run that is gone through again, if it went the
    /// same way: going through it again takes another time.
    pub(super) fn figures_then(&self, flow: FlowId, at: &Address, now: Metrics) -> Metrics {
        let ends = |metrics: &Metrics| {
            let skipped = (metrics.skipped, metrics.skipped_by_decision);
            (metrics.completed, metrics.failed, skipped, metrics.cancelled)
        };

        let by_address = self.figures.by_address.get(at).into_iter().flatten();
        let mut then = by_address.chain(self.figures.by_number.get(&flow));

        then.find(|then| ends(then) == ends(&now)).cloned().unwrap_or(now)
    }
}
