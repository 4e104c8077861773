//! What a run does outside of itself: it asks the world, waits, and draws by chance. Each effect has
//! an address in the run, is known from the run that this one resumes or happens now, and is recorded.
//! A call of a model is an effect too; it has attempts and a budget, and stands in `attempt.rs`.

use crate::base::clock;
use crate::base::failpoint::Failpoint;
use crate::base::failure::{Failure, Kind};
use crate::base::strand::{Spot, Strand};
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::lost::Repeat;
use crate::executor::replies::assumption::Unknown;
use crate::executor::replies::guess::{Guess, GuessedWorld};
use crate::executor::standstill::{FAR, until};
use crate::executor::turns::passage::{Passage, TimerStart};
use crate::journal::event::{Event, LogLevel, Timer};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::store::StoreError;
use futures::future::{Either, select};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

/// Most answers of one word that a run journals: a loop that looks at the clock must not fill the
/// store. Those after them are not told again to a run that resumes this one.
const ANSWERS_MAX: usize = 10_000;

/// What the recorded run knows of a timer.
#[derive(Debug, Clone, Copy, Default)]
struct PastTimer {
    /// The place of its end among all ends.
    end: Option<u64>,
    /// When it is due, in milliseconds since 1970, if that was noted.
    due: Option<i64>,
    start: TimerStart,
    /// How long a limit is whose end is told only if it was as long then.
    limit: Option<Duration>,
}

impl Executor {
    /// Does something outside that only this run can do, or returns what came of it in the run that
    /// this one resumes. What comes of it, a failure too, is on the disk before this returns. A plan
    /// only asks for the permission, and gets `planned`. One that must not happen twice has its start on
    /// the disk before it begins.
    pub async fn effect(
        &self,
        strand: &Strand,
        (what, repeat): (Inquiry, Repeat),
        planned: Value,
        permit: impl AsyncFnOnce() -> Result<(), Failure>,
        work: impl AsyncFnOnce() -> Result<Value, Failure>,
    ) -> Result<Value, Stop> {
        // The journal knows what was asked without the secrets in it.
        let what = what.without_secrets();
        let (at, known) = self.recall_in_turn(strand, &what).await;

        let told = if let Some(told) = known {
            told
        } else {
            if self.is_replay() {
                return Err(self.unknown_in_replay(&what, &at).await);
            }
            self.news().await;
            if self.is_dry() {
                permit().await?;
                self.outside(std::future::ready(())).await;
                return self.guessed(&what, planned).map_err(Stop::from);
            }
            match self.doubt(&what, &at, repeat).await? {
                Some(told) => told,
                None => self.do_now((&what, repeat), &at, permit, work).await?,
            }
        };

        self.keep_told(what, at, told).await
    }

    /// Tells whether the runs that this one goes through again were told something, wherever that was.
    pub fn was_told(&self, what: &Inquiry) -> bool {
        self.memory.was_told(what)
    }

    /// Journals what the world told, and returns it.
    pub(super) async fn keep_told(
        &self,
        what: Inquiry,
        at: Spot,
        told: Value,
    ) -> Result<Value, Stop> {
        let event = Event::EffectEnded { what, value: told.clone(), at: Some(at) };
        self.commit(&event).await?;

        match serde_json::from_value::<Failure>(told["failure"].clone()) {
            Ok(failure) => Err(failure.into()),
            Err(_) => Ok(told["value"].clone()),
        }
    }

    /// Does something outside, and returns what the journal keeps of it.
    async fn do_now(
        &self,
        (what, repeat): (&Inquiry, Repeat),
        at: &Spot,
        permit: impl AsyncFnOnce() -> Result<(), Failure>,
        work: impl AsyncFnOnce() -> Result<Value, Failure>,
    ) -> Result<Value, Stop> {
        let done = self.outside(async {
            self.on_disk().await?;

            if repeat == Repeat::Forbidden {
                // What may not be done has not begun.
                if let Err(failure) = permit().await {
                    return Ok(Err(failure));
                }
                self.keep(&Event::EffectBegan { what: what.clone(), at: at.clone() }).await?;
                self.failpoint(Failpoint::EffectBegins);
            }

            let done = work().await;
            self.failpoint(Failpoint::EffectEnds);
            Ok::<_, StoreError>(done)
        });

        match done.await? {
            Ok(value) => Ok(json!({ "value": value })),
            Err(failure) => Ok(json!({ "failure": failure })),
        }
    }

    /// Guesses what comes of an effect that a plan does not have; `usual` is what comes of it usually.
    fn guessed(&self, what: &Inquiry, usual: Value) -> Result<Value, Failure> {
        let is_of_world = matches!(what.topic(), Some(Topic::HttpGet | Topic::Command));
        let Some(guess) = self.guess().filter(|_| is_of_world) else { return Ok(usual) };
        let is_page = usual.is_string();
        let text = usual.as_str().or(usual["stdout"].as_str()).unwrap_or_default();

        match guess.world(text) {
            GuessedWorld::Broken => {
                let kind = if is_page { Kind::Network } else { Kind::Command };
                Err(Failure::new(kind, format!("this plan assumes that `{what}` fails")))
            }
            GuessedWorld::Says { text, .. } if is_page => Ok(text.into()),
            GuessedWorld::Says { text, is_well } => {
                Ok(json!({ "code": i64::from(!is_well), "stdout": text, "stderr": "" }))
            }
        }
    }

    /// Takes what a script was told at this place in the recorded run.
    /// Returns the place as well, by which the answer is journaled.
    pub fn recall(&self, strand: &Strand, what: &Inquiry) -> (Spot, Option<Value>) {
        // The journal knows what was asked without the secrets in it.
        let what = &what.clone().without_secrets();
        let at = strand.count(what);
        let Some(told) = self.memory.answer_at(what, &at) else {
            self.turns.go_on();
            return (at, None);
        };

        if let Some(place) = told.place {
            self.turns.pass_by(place);
        }
        (at, Some(told.value))
    }

    /// Does the same for an answer that the script had to wait for. What was asked has no secrets in it.
    pub(super) async fn recall_in_turn(
        &self,
        strand: &Strand,
        what: &Inquiry,
    ) -> (Spot, Option<Value>) {
        let at = strand.count(what);
        let Some(told) = self.memory.answer_at(what, &at) else {
            self.turns.go_on();
            return (at, None);
        };

        if let Some(place) = told.place {
            self.turns.known(place).await;
        }
        (at, Some(told.value))
    }

    /// Returns the time on the run's own clock, which counts the time before a crash.
    pub fn age(&self) -> Duration {
        self.turns.time()
    }

    /// Tells whether this run goes through another one again.
    pub fn is_resuming(&self) -> bool {
        self.memory.is_resuming()
    }

    /// Waits for something that happens outside of the run, and that did not happen in the recorded run,
    /// and then for its turn to be told.
    pub async fn outside<F: Future>(&self, end: F) -> F::Output {
        self.turns.outside(end).await
    }

    /// Does something, and measures in seconds how long it takes by itself: what it waits for because
    /// other work of the run is done meanwhile does not count.
    pub async fn timed<F: Future>(&self, work: F) -> (F::Output, f64) {
        let (value, time) = self.turns.timed(work).await;
        (value, time.as_secs_f64())
    }

    /// Waits until everything has been told that is known. What is done from then on was not done
    /// before.
    pub async fn news(&self) {
        self.turns.news(self.memory.news()).await;
    }

    /// Finds something out that a later run could not find out again, and journals it; or returns
    /// what the recorded run was told, and true.
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

        self.note(&Event::EffectEnded { what, value: value.clone(), at: Some(at) })
            .map_err(broken)?;
        Ok((value, is_known))
    }

    /// Returns the time in milliseconds since 1970, and journals that the script was told it.
    pub fn now(&self, strand: &Strand) -> Result<i64, StoreError> {
        if let Some(passed) = self.look() {
            let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
            return Ok(self.memory.planned_from().0.0.saturating_add(passed));
        }

        let now = self.memory.clock();
        Ok(self.answer(strand, Inquiry::Bare(Topic::Now), now.into())?.as_i64().unwrap_or(now))
    }

    /// Returns the time that has passed in a plan, whose clock is moved by its timers alone.
    fn look(&self) -> Option<Duration> {
        let guess = self.guess()?;
        guess.meet(Unknown::Time);
        self.turns.look()
    }

    /// Notes that a script asks whether something has ended.
    pub fn look_at_ends(&self) {
        if let Some(guess) = self.guess() {
            guess.meet(Unknown::Time);
        }
    }

    /// Keeps what a plan or a replay would have written to a file.
    pub fn keep_draft(&self, path: PathBuf, text: String) {
        self.drafts.borrow_mut().insert(path, text);
    }

    /// Returns what a plan or a replay would have written to a file.
    pub fn draft(&self, path: &Path) -> Option<String> {
        self.drafts.borrow().get(path).cloned()
    }

    /// Returns the limit of the time that something may really take. How long a plan takes says nothing
    /// of the run, and its own clock ends what takes too long.
    pub fn real_limit(&self, limit: Duration) -> Duration {
        if self.guess().is_some() { Duration::MAX } else { limit }
    }

    /// Returns the present instant on the run's own clock, on which the time before a crash has passed.
    pub fn instant(&self) -> Instant {
        let planned =
            self.look().and_then(|passed| self.memory.planned_from().1.checked_add(passed));
        planned.unwrap_or_else(|| clock::instant_at(self.age()))
    }

    /// Returns the time of what happens now, in microseconds since 1970, on the run's own clock: every
    /// figure of a resumed run follows from it.
    pub(super) fn event_time(&self) -> i64 {
        let (began, passed) = match self.guess() {
            Some(_) => (self.memory.planned_from().0.0.saturating_mul(1000), self.turns.time()),
            None => (clock::micros(), self.turns.skipped()),
        };

        let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        began.saturating_add(passed).min(clock::MICROS_MAX)
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

        let count = self.memory.count(&what);
        if count <= ANSWERS_MAX {
            let told = Event::EffectEnded { what, value: value.clone(), at: Some(at) };
            self.note(&told)?;
        } else if is_new && count == ANSWERS_MAX + 1 && self.turns.is_retelling() {
            let text = format!(
                "only the first {ANSWERS_MAX} answers of `{what}` are recorded: later ones are new in a \
                 resumed run"
            );
            self.note(&Event::Logged { level: LogLevel::Warn, text })?;
        }

        Ok(value)
    }

    /// Returns the next number from 0 up to 1 of a strand's own chance.
    pub fn random(&self, strand: &Strand) -> f64 {
        let drawn = self.memory.random(strand);
        self.guess().and_then(Guess::chance).unwrap_or(drawn)
    }

    /// Returns a number that follows from the run's seed, the strand, and how often it was asked
    /// there, and that leaves the other numbers of chance as they are.
    pub fn chance(&self, strand: &Strand) -> u64 {
        if let Some(guess) = self.guess() {
            guess.meet(Unknown::Chance);
        }
        self.memory.chance(strand)
    }

    /// Lets a time pass on a strand.
    pub async fn pass(
        &self,
        strand: &Strand,
        timer: Timer,
        time: Duration,
    ) -> Result<(), StoreError> {
        self.pass_up_to(strand, timer, time, None).await
    }

    async fn pass_up_to(
        &self,
        strand: &Strand,
        timer: Timer,
        time: Duration,
        limit: Option<Duration>,
    ) -> Result<(), StoreError> {
        let at = strand.count(&timer);
        let end = self.memory.timer(timer, &at, limit);
        let due = self.memory.due(timer, &at);
        let past = PastTimer { end, due, start: self.memory.start_of(timer, &at), limit };
        self.pass_after(at, timer, past, time).await
    }

    /// Lets a time pass on a strand, whatever the recorded run did there.
    pub(super) async fn pass_anew(
        &self,
        strand: &Strand,
        timer: Timer,
        time: Duration,
    ) -> Result<(), StoreError> {
        self.pass_after(strand.count(&timer), timer, PastTimer::default(), time).await
    }

    async fn pass_after(
        &self,
        at: Spot,
        timer: Timer,
        past: PastTimer,
        time: Duration,
    ) -> Result<(), StoreError> {
        if let Some(guess) = self.guess() {
            guess.meet(Unknown::Time);
        }

        let PastTimer { end, due, start, limit } = past;
        let time = due.map_or(time, until);
        // A test need not wait for long, since its clock stands still.
        if timer == Timer::Sleep && time > FAR && self.memory.skip(time) {
            self.outside(std::future::ready(())).await;
            return Ok(());
        }

        if end.is_none() && !self.is_dry() && (due.is_some() || self.is_far(time)) {
            return self.pass_a_far_one(at, timer, time, limit).await;
        }
        if self.turns.pass_from(start, end, time).await == Passage::Forced {
            return Ok(());
        }

        self.recorder.time_passed(self.event_time(), at, timer, limit)
    }

    async fn pass_a_far_one(
        &self,
        at: Spot,
        timer: Timer,
        time: Duration,
        limit: Option<Duration>,
    ) -> Result<(), StoreError> {
        let wait = async |left| self.pass_far(&at, timer, left).await;
        let (_, waited) = self.turns.pass_by_way((TimerStart::Now, None), time, wait).await;
        // The journal of an older version knows that it had passed.
        let Some(waited) = waited else { return Ok(()) };
        waited?;
        self.recorder.time_passed(self.event_time(), at, timer, limit)
    }

    /// Waits until a time, in milliseconds since 1970.
    pub async fn pass_until(&self, strand: &Strand, due: i64) -> Result<(), StoreError> {
        let passed = || {
            let passed = i64::try_from(self.turns.time().as_millis()).unwrap_or(i64::MAX);
            self.memory.planned_from().0.0.saturating_add(passed)
        };
        let now = if self.guess().is_some() { passed() } else { self.memory.look() };

        let left = u64::try_from(due.saturating_sub(now)).unwrap_or(0);
        self.pass(strand, Timer::Sleep, Duration::from_millis(left)).await
    }

    /// Waits for a future, but no longer than `limit`: `None` if it was not done by then.
    pub async fn limit<F: Future>(
        &self,
        strand: &Strand,
        limit: Duration,
        work: F,
    ) -> Result<Option<F::Output>, StoreError> {
        let work = pin!(work);
        let timer = pin!(self.pass_up_to(strand, Timer::Limit, limit, Some(limit)));
        match select(work, timer).await {
            Either::Left((value, _)) => Ok(Some(value)),
            Either::Right((passed, _)) => passed.map(|()| None),
        }
    }
}
