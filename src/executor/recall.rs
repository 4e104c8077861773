//! What a run knows before it begins: the run that it resumes, its seed, and its clock.

use crate::base::clock::{self, Stamp};
use crate::base::id::{FlowId, RunId};
use crate::base::rng::Rng;
use crate::base::strand::{Address, Spot, Strand};
use crate::executor::turns::held::Novelty;
use crate::executor::turns::passage::TimerStart;
use crate::journal::event::Timer;
use crate::journal::inquiry::Inquiry;
use crate::journal::key::Key;
use crate::journal::lineage::Lineage;
use crate::journal::past::{Past, PastQuestion, PastTry};
use crate::metrics::Metrics;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The figures of the flows of a run that have ended.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// By where the flow ran, the oldest run's first.
    pub by_address: HashMap<Address, Vec<Metrics>>,
    /// By the flow's number, in a journal that does not say where it ran.
    pub by_number: HashMap<FlowId, Metrics>,
}

/// An answer of the resumed run.
pub(super) struct RecalledAnswer {
    pub(super) value: Value,
    /// Its place in the journal; none if the journal does not say where it was asked for.
    pub(super) place: Option<u64>,
}

/// What is known from earlier, and what follows from the seed.
pub(super) struct Recall {
    /// Decides everything random that a script asks for.
    seed: u64,
    /// This run, and the work that it belongs to.
    run: RunId,
    lineage: Lineage,
    /// What happened in the recorded run.
    past: Option<Rc<Past>>,
    /// The figures of that run's flows.
    figures: Figures,
    /// How often each question was answered.
    answers: RefCell<HashMap<Inquiry, usize>>,
    /// When a plan begins, on the clock of people and on that of measured times.
    planned_from: (Stamp, Instant),
    /// The next time that is told, if the clock of the run stands still.
    still: Option<Cell<i64>>,
    /// Answers of people with which this run was resumed.
    given: RefCell<Vec<(Inquiry, Spot, Value)>>,
}

impl Recall {
    /// Creates the memory of a run that resumes none.
    pub(super) fn new(seed: u64, run: RunId) -> Recall {
        Recall {
            seed,
            run,
            lineage: Lineage::default(),
            past: None,
            figures: Figures::default(),
            answers: RefCell::default(),
            planned_from: (Stamp::now(), clock::instant()),
            still: None,
            given: RefCell::default(),
        }
    }

    /// Remembers what happened in the run that is resumed, and the work that it belongs to.
    pub(super) fn resume(&mut self, past: Rc<Past>, lineage: Lineage) {
        self.past = Some(past);
        self.lineage = lineage;
    }

    /// Remembers the figures of the flows of the resumed run.
    pub(super) fn report(&mut self, figures: Figures) {
        self.figures = figures;
    }

    /// Stops the clock at `start`; each look at it is one millisecond later.
    pub(super) fn stand_still(&mut self, start: i64) {
        self.still = Some(Cell::new(start));
    }

    /// Returns the run that began the work, whether or not it was forked.
    pub(super) fn origin(&self) -> &RunId {
        self.lineage.first(&self.run)
    }

    pub(super) fn workers(&self) -> Vec<RunId> {
        let forked = self.lineage.forks.iter().map(|fork| &fork.run);
        forked.chain(&self.lineage.began).cloned().collect()
    }

    pub(super) fn is_forked(&self) -> bool {
        !self.lineage.forks.is_empty()
    }

    /// Returns the run in which the work was done that follows the end at a place.
    pub(super) fn worker(&self, place: u64) -> &RunId {
        self.lineage.at(place, &self.run)
    }

    /// Returns when a plan begins, on the clock of people and on that of measured times.
    pub(super) fn planned_from(&self) -> (Stamp, Instant) {
        self.planned_from
    }

    pub(super) fn is_resuming(&self) -> bool {
        self.past.is_some()
    }

    /// Takes the answer to a question at this place in the resumed run.
    pub(super) fn answer_at(&self, what: &Inquiry, at: &Spot) -> Option<RecalledAnswer> {
        let past = self.past.as_ref()?;

        if let Some(told) = past.answer(what, at) {
            return Some(RecalledAnswer { value: told.value, place: Some(told.place) });
        }

        let value = past.answer_by_arrival(what)?;
        Some(RecalledAnswer { value, place: None })
    }

    /// Tells whether something began at this place in the resumed run whose end is not known.
    pub(super) fn was_begun(&self, what: &Inquiry, at: &Spot) -> bool {
        self.past.as_ref().is_some_and(|past| past.was_begun(what, at))
    }

    /// Returns how people were asked at this place in the resumed run.
    pub(super) fn asked(&self, what: &Inquiry, at: &Spot) -> Option<PastQuestion> {
        self.past.as_ref()?.asked(what, at)
    }

    /// Returns how many questions people were asked in the resumed run.
    pub(super) fn questions(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.questions())
    }

    /// Returns the answer that somebody gave at this place while the run was suspended.
    pub(super) fn answered(&self, what: &Inquiry, at: &Spot) -> Option<Value> {
        let given = self.given.borrow();
        let now = given.iter().find(|(of, spot, _)| (of, spot) == (what, at));
        let then = || self.past.as_ref()?.answered(what, at).cloned();
        now.map(|(.., value)| value.clone()).or_else(then)
    }

    /// Remembers an answer with which this run was resumed.
    pub(super) fn give(&self, what: Inquiry, at: Spot, value: Value) {
        self.given.borrow_mut().push((what, at, value));
    }

    /// Returns when a wait ends that began in the resumed run, in milliseconds since 1970.
    pub(super) fn due(&self, timer: Timer, at: &Spot) -> Option<i64> {
        self.past.as_ref()?.due(timer, at)
    }

    /// Lets a time pass on a clock that stands still; tells whether it does.
    pub(super) fn skip(&self, time: Duration) -> bool {
        let Some(still) = &self.still else { return false };

        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        still.set(still.get().saturating_add(millis));
        true
    }

    /// Returns the try of a call at this place in the resumed run.
    pub(super) fn call(&self, key: Key, at: &Spot, number: usize) -> Option<PastTry> {
        self.past.as_ref()?.call(key, at, number).cloned()
    }

    /// Tells how something new stands to the resumed run.
    pub(super) fn news(&self) -> Novelty {
        let is_killed = self.past.as_ref().is_none_or(|past| past.tells_failures());
        if is_killed { Novelty::UnderWay } else { Novelty::Other }
    }

    /// Tells how a new call stands to the resumed run.
    pub(super) fn news_of(&self, key: Key, at: &Spot) -> Novelty {
        let was_under_way = |past: &Rc<Past>| past.is_by_arrival() || past.was_under_way(key, at);
        let is_old = self.past.as_ref().is_none_or(was_under_way);
        if is_old { Novelty::UnderWay } else { Novelty::Other }
    }

    /// Tells whether the resumed run gave up a call at this place.
    pub(super) fn gave_up(&self, key: Key, at: &Spot) -> bool {
        self.past.as_ref().is_some_and(|past| past.gave_up(key, at))
    }

    /// Tells whether the resumed run was told something.
    pub(super) fn was_told(&self, what: &Inquiry) -> bool {
        self.past.as_ref().is_some_and(|past| past.was_told(what))
    }

    /// Returns where the end of a timer stands in the journal of the resumed run.
    pub(super) fn timer(&self, timer: Timer, at: &Spot, limit: Option<Duration>) -> Option<u64> {
        self.past.as_ref()?.timer(timer, at, limit)
    }

    /// Tells when a timer begins.
    pub(super) fn start_of(&self, timer: Timer, at: &Spot) -> TimerStart {
        let is_renewed = self.past.as_ref().is_some_and(|past| past.is_renewed(timer, at));
        if is_renewed { TimerStart::News } else { TimerStart::Now }
    }

    /// Counts an answer to a question, and returns how many there are now.
    pub(super) fn count(&self, what: &Inquiry) -> usize {
        let mut answers = self.answers.borrow_mut();
        let count = answers.entry(what.clone()).or_default();
        *count += 1;
        *count
    }

    /// Returns the time in milliseconds since 1970.
    pub(super) fn clock(&self) -> i64 {
        match &self.still {
            Some(next) => next.replace(next.get() + 1),
            None => Stamp::now().0,
        }
    }

    /// Returns the same without moving a clock that stands still.
    pub(super) fn look(&self) -> i64 {
        self.still.as_ref().map_or_else(|| Stamp::now().0, Cell::get)
    }

    /// Draws the next number from 0 up to 1 of a strand.
    pub(super) fn random(&self, strand: &Strand) -> f64 {
        strand.draw(self.seed, Rng::unit)
    }

    /// Draws a number that leaves those of `random` as they are.
    pub(super) fn chance(&self, strand: &Strand) -> u64 {
        strand.draw(self.seed.rotate_left(32), Rng::next_u64)
    }

    /// Returns the chance by which the pause after a failed attempt varies.
    pub(super) fn jitter(&self, at: &Spot, attempt: u32) -> Rng {
        at.chance(!self.seed, attempt)
    }

    /// Returns the figures that a flow had in the recorded run, if it went the
    /// same way: going through it again takes another time. In an edited script it may end alike and have made other
    /// calls.
    pub(super) fn figures_then(&self, flow: FlowId, at: &Address, now: Metrics) -> Metrics {
        let ends = |metrics: &Metrics| {
            let skipped = (metrics.skipped, metrics.skipped_by_decision);
            let calls = (metrics.calls, metrics.usage, metrics.usage_unknown, metrics.cost);
            (metrics.completed, metrics.failed, skipped, metrics.cancelled, calls)
        };

        let by_address = self.figures.by_address.get(at).into_iter().flatten();
        let mut then = by_address.chain(self.figures.by_number.get(&flow));

        then.find(|then| ends(then) == ends(&now)).cloned().unwrap_or(now)
    }
}
