//! What happened in a run, by its place in the program: what a resumed or replayed run is told again, in order.

mod tries;

use crate::base::failure::{Failure, Kind};
use crate::base::id::{OpId, RunId};
use crate::base::strand::Spot;
use crate::base::unit::Money;
use crate::journal::chain::{concurrency, widest};
use crate::journal::doubts::Doubts;
use crate::journal::end_times::{TimerEnd, end_times};
use crate::journal::event::{Event, Timer};
use crate::journal::inquiry::Inquiry;
use crate::journal::key::Key;
use crate::journal::made_good::MadeGood;
use crate::journal::vain::{calls_of_failed, failures_then, in_vain};
use crate::model::reply::{ReplyContent, Usage};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// One try of a call as it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PastTry {
    /// Its place in the order of all ends.
    pub place: u64,
    /// The reply, or why there was none.
    pub result: Result<Rc<ReplyContent>, Failure>,
    /// Whether `max_tokens` cut the reply, and that was accepted.
    pub is_cut: bool,
    /// Tokens used, if known.
    pub usage: Option<Usage>,
    /// What it cost, if known.
    pub cost: Option<Money>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
    /// The pause before the next try, in milliseconds, if there was one.
    pub retry_in_ms: Option<u64>,
    /// Whether it was not made, because a budget had no room for it.
    pub is_refused: bool,
    /// The run that made it.
    pub run: RunId,
    /// Whether the recorded run had it from another one.
    pub was_reused: bool,
}

/// What a script was told, and when, if it had to wait for it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAnswer {
    /// Its place in the order of all ends, if it was one.
    pub place: u64,
    /// What it was told.
    pub value: Value,
}

/// How people were asked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastQuestion {
    /// The number of the question.
    pub number: u32,
    /// When the wait ends, in milliseconds since 1970, if it does.
    pub due: Option<i64>,
}

/// Which failures are told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failures {
    /// All, for a replay: nobody is asked for a permission again.
    Replayed,
    /// All but missing permissions: the run is to go the way it went, with the permissions that it has now.
    Told,
    /// All but effects in doubt by which the run failed: whoever resumes it decides about them again.
    Undecided,
    /// Those of operations that completed in the end. What failed is tried again.
    Forgotten,
}

/// What happened in a run and in those that it resumed.
#[derive(Debug, Default)]
pub struct Past {
    tries: HashMap<(Key, Spot), Vec<PastTry>>,
    told: HashMap<(Inquiry, Spot), PastAnswer>,
    timers: HashMap<(Timer, Spot), TimerEnd>,
    /// Lasting effects that began.
    begun: HashSet<(Inquiry, Spot)>,
    /// Questions that people were asked, and answers that were given while the run was suspended.
    asked: HashMap<(Inquiry, Spot), PastQuestion>,
    answered: HashMap<(Inquiry, Spot), Value>,
    /// When the waits end that a run had begun, in milliseconds since 1970.
    due: HashMap<(Timer, Spot), i64>,
    /// Limits that were over, and begin again.
    renewed: HashSet<(Timer, Spot)>,
    /// When each end came on the clock of the work as a whole, by its place from 1.
    times: Vec<Option<Duration>>,
    /// Calls that were given up while they were under way.
    given_up: HashSet<(Key, Spot)>,
    /// Calls that were under way when a run ended.
    under_way: HashSet<(Key, Spot)>,
    /// Whether all failures are told again.
    tells_failures: bool,
    /// What was told by each word, oldest first, in a journal that does not say where.
    by_word: RefCell<HashMap<Inquiry, VecDeque<Value>>>,
    /// Most calls that were made at once, or 0 without a bound; nothing if that is not known.
    concurrency: Option<usize>,
    /// Whether requests stand in the journal without the place where they were made.
    is_by_arrival: bool,
}

impl Past {
    /// Reads a run and those that it resumed, the newest first.
    pub fn of<'a>(
        chain: impl IntoIterator<Item = (&'a RunId, &'a [(i64, Event)])>,
        failures: Failures,
    ) -> Past {
        let mut bounds = Vec::new();
        // What a run of the chain has tried again stands in its own journal, so no older one tells it.
        let mut told = failures;
        let chain = chain.into_iter().enumerate().map(|(age, (run, events))| {
            bounds.push(concurrency(events));
            if age > 0 {
                told = told.without(failures_then(events));
            }
            Reading::of(run, events, told)
        });
        let chain: Vec<Reading<'_>> = chain.collect();
        let times = end_times(chain.iter().rev().map(|reading| reading.ends.as_slice()));

        let tells_failures = matches!(failures, Failures::Told | Failures::Replayed);
        let mut past = Past { concurrency: widest(&bounds), tells_failures, ..Past::default() };
        for (age, reading) in chain.into_iter().enumerate() {
            past.given_up.extend(reading.given_up);
            past.under_way.extend(reading.open.into_values());
            past.begun.extend(reading.begun);
            // The chain goes from the newest run to the oldest, and the oldest one was the first to wait.
            past.asked.extend(reading.asked);
            past.renewed.extend(reading.renewed);
            let due = reading.due.into_iter().filter(|(timer, _)| !past.renewed.contains(timer));
            past.due.extend(due.collect::<Vec<_>>());
            for (place, answer) in reading.answered {
                past.answered.entry(place).or_insert(answer);
            }
            if age == 0 {
                // What an older run was told without saying where, the newest was told again.
                past.by_word.replace(reading.by_word);
                past.is_by_arrival = reading.is_by_arrival;
            }

            for end in reading.ends {
                let time = times.get(&end.id).copied();
                past.add(end, time);
            }
        }

        past
    }

    /// Adds an end that comes after all that were added, unless a newer run has it.
    fn add(&mut self, end: PastEnd, time: Option<Duration>) {
        let place = self.times.len() as u64 + 1;
        let is_new = match (end.id, end.what) {
            (EndId::Try(call, number), PastEndKind::Try(one)) => {
                let known = self.tries.entry(call).or_default();
                let is_next = known.len() == number;
                if is_next {
                    known.push(PastTry { place, ..*one });
                }
                is_next
            }
            (EndId::Answer(what, at), PastEndKind::Answer(value)) => {
                let is_new = !self.told.contains_key(&(what.clone(), at.clone()));
                self.told.entry((what, at)).or_insert(PastAnswer { place, value });
                is_new
            }
            (EndId::Timer(timer, at), PastEndKind::Time { limit_ms }) => {
                let is_new = !self.timers.contains_key(&(timer, at.clone()));
                self.timers.entry((timer, at)).or_insert(TimerEnd { place, limit_ms });
                is_new
            }
            _ => false,
        };

        if is_new {
            self.times.push(time);
        }
    }

    /// Returns the places of everything that a run waits for, each with the time after the start of
    /// its run at which it came, if that was noted.
    pub fn ends(&self) -> impl Iterator<Item = (u64, Option<Duration>)> {
        let tries = self.tries.values().flatten().map(|one| one.place);
        let told = self.told.values().map(|told| told.place);
        let places = tries.chain(told).chain(self.timers.values().map(|end| end.place));
        let time = |place: u64| usize::try_from(place - 1).ok().and_then(|n| self.times.get(n));

        places.map(move |place| (place, time(place).copied().flatten()))
    }

    /// Returns how many calls were made at once at most, or 0 without a bound; nothing if that is not known.
    pub fn concurrency(&self) -> Option<usize> {
        self.concurrency
    }

    /// Returns how the `number`th try of a call ended, from 0.
    pub fn call(&self, key: Key, at: &Spot, number: usize) -> Option<&PastTry> {
        self.tries.get(&(key, at.clone()))?.get(number)
    }

    /// Tells whether a call was given up while it was under way.
    pub fn gave_up(&self, key: Key, at: &Spot) -> bool {
        self.given_up.contains(&(key, at.clone()))
    }

    /// Tells whether a call was under way when a run ended, or when the script gave it up, unless that may have been
    /// for a limit of time that begins again.
    pub fn was_under_way(&self, key: Key, at: &Spot) -> bool {
        let call = (key, at.clone());
        self.under_way.contains(&call) || self.renewed.is_empty() && self.given_up.contains(&call)
    }

    /// Tells whether all failures are told again: the run was killed and goes on.
    pub fn tells_failures(&self) -> bool {
        self.tells_failures
    }

    /// Returns what was told at a place.
    pub fn answer(&self, what: &Inquiry, at: &Spot) -> Option<PastAnswer> {
        self.told.get(&(what.clone(), at.clone())).cloned()
    }

    /// Tells whether something was told, wherever that was.
    pub fn was_told(&self, what: &Inquiry) -> bool {
        self.told.keys().any(|(known, _)| known == what) || self.by_word.borrow().contains_key(what)
    }

    /// Tells whether something with a lasting effect began at a place, and its end is not known.
    pub fn was_begun(&self, what: &Inquiry, at: &Spot) -> bool {
        let place = (what.clone(), at.clone());
        self.begun.contains(&place) && !self.told.contains_key(&place)
    }

    /// Returns how people were asked at a place.
    pub fn asked(&self, what: &Inquiry, at: &Spot) -> Option<PastQuestion> {
        self.asked.get(&(what.clone(), at.clone())).copied()
    }

    /// Returns how many questions people were asked.
    pub fn questions(&self) -> u32 {
        self.asked.values().map(|asked| asked.number).max().unwrap_or(0)
    }

    /// Returns the answer that was given at a place while the run was suspended.
    pub fn answered(&self, what: &Inquiry, at: &Spot) -> Option<&Value> {
        self.answered.get(&(what.clone(), at.clone()))
    }

    /// Returns when a wait ends that had begun, in milliseconds since 1970.
    pub fn due(&self, timer: Timer, at: &Spot) -> Option<i64> {
        self.due.get(&(timer, at.clone())).copied()
    }

    /// Takes the next answer of a word from a journal that does not say where it was asked.
    pub fn answer_by_arrival(&self, what: &Inquiry) -> Option<Value> {
        self.by_word.borrow_mut().get_mut(what)?.pop_front()
    }

    /// Returns the place of a timer's end, unless it was another limit.
    pub fn timer(&self, timer: Timer, at: &Spot, limit: Option<Duration>) -> Option<u64> {
        let end = self.timers.get(&(timer, at.clone()))?;
        let lengths = end.limit_ms.zip(limit);
        let is_other = lengths.is_some_and(|(then, now)| u128::from(then) != now.as_millis());
        (!is_other).then_some(end.place)
    }

    /// Tells whether a timer begins again that was over in the run before.
    pub fn is_renewed(&self, timer: Timer, at: &Spot) -> bool {
        self.renewed.contains(&(timer, at.clone()))
    }

    /// Tells whether the journal does not say where things happened: a program before 0.2 wrote it.
    pub fn is_by_arrival(&self) -> bool {
        self.is_by_arrival
    }
}

/// What an end is known by in every run of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum EndId {
    /// The try of a call, from 0.
    Try((Key, Spot), usize),
    /// An answer of a word.
    Answer(Inquiry, Spot),
    Timer(Timer, Spot),
}

/// One end as a run has it.
pub(super) struct PastEnd {
    pub(super) id: EndId,
    /// How long after the start of the run it came, if that was noted.
    pub(super) elapsed: Option<Duration>,
    what: PastEndKind,
}

enum PastEndKind {
    Try(Box<PastTry>),
    Answer(Value),
    Time { limit_ms: Option<u64> },
}

/// One run while it is read.
struct Reading<'a> {
    run: &'a RunId,
    elapsed: Duration,
    open: HashMap<(OpId, u32), (Key, Spot)>,
    /// How many tries of each call this run has.
    numbers: HashMap<(Key, Spot), usize>,
    /// The answers and the limits of time that are not told again, by the places of their events.
    in_vain: HashSet<usize>,
    /// Whether missing permissions are told again.
    tells_refusals: bool,
    /// The effects in doubt by which the run failed.
    doubts: Doubts,
    /// Calls of operations that failed.
    vain: HashSet<(Key, Spot)>,
    ends: Vec<PastEnd>,
    given_up: HashSet<(Key, Spot)>,
    begun: HashSet<(Inquiry, Spot)>,
    asked: HashMap<(Inquiry, Spot), PastQuestion>,
    answered: HashMap<(Inquiry, Spot), Value>,
    due: HashMap<(Timer, Spot), i64>,
    /// The timers that are to pass anew.
    renewed: HashSet<(Timer, Spot)>,
    by_word: HashMap<Inquiry, VecDeque<Value>>,
    is_by_arrival: bool,
}

impl Reading<'_> {
    fn of<'a>(run: &'a RunId, events: &[(i64, Event)], told: Failures) -> Reading<'a> {
        let doubts = match told {
            Failures::Replayed | Failures::Told => Doubts::default(),
            Failures::Undecided | Failures::Forgotten => Doubts::of(events),
        };
        let (vain, in_vain) = match told {
            Failures::Replayed | Failures::Told | Failures::Undecided => {
                (HashSet::new(), HashSet::new())
            }
            Failures::Forgotten => {
                let made_good = MadeGood::of(events);
                (calls_of_failed(events, &made_good), in_vain(events, &made_good))
            }
        };

        let mut reading = Reading {
            run,
            tells_refusals: told == Failures::Replayed,
            doubts,
            elapsed: Duration::ZERO,
            open: HashMap::new(),
            numbers: HashMap::new(),
            vain,
            in_vain,
            ends: Vec::new(),
            given_up: HashSet::new(),
            begun: HashSet::new(),
            asked: HashMap::new(),
            answered: HashMap::new(),
            due: HashMap::new(),
            renewed: HashSet::new(),
            by_word: HashMap::new(),
            is_by_arrival: false,
        };

        let began = events.first().map_or(0, |(at, _)| *at);
        for (place, (at, event)) in events.iter().enumerate() {
            let micros = u64::try_from(at.saturating_sub(began)).unwrap_or(0);
            reading.elapsed = Duration::from_micros(micros);
            if reading.in_vain.contains(&place) {
                reading.forget(event);
            } else {
                reading.see(event);
            }
        }
        reading
    }

    /// Passes over what is tried again.
    fn forget(&mut self, event: &Event) {
        match event {
            // Whether a call took effect that was lost on its way is still to be decided.
            Event::EffectEnded { what, value, at: Some(at) }
                if value["failure"]["key"].is_null() =>
            {
                self.begun.remove(&(what.clone(), at.clone()));
            }
            Event::TimePassed { at, timer, .. } => {
                self.renewed.insert((*timer, at.clone()));
            }
            _ => {}
        }
    }

    fn see(&mut self, event: &Event) {
        match event {
            Event::AttemptStarted { op, attempt, key: Some(key), at: Some(at), .. } => {
                self.open.insert((*op, *attempt), (*key, at.clone()));
            }
            Event::AttemptStarted { key: Some(_), at: None, .. } => self.is_by_arrival = true,
            Event::AttemptEnded { op, attempt, .. } => {
                if let Some(call) = self.open.remove(&(*op, *attempt)) {
                    self.end_try(call, event);
                }
            }
            Event::CallRefused { key, at, failure, .. } => {
                self.add_try((*key, at.clone()), |run| PastTry {
                    place: 0,
                    result: Err(failure.clone()),
                    is_cut: false,
                    usage: None,
                    cost: None,
                    served_by: None,
                    retry_in_ms: None,
                    is_refused: true,
                    run,
                    was_reused: false,
                });
            }

            Event::EffectEnded { what, value, at } => self.see_answer(what, value, at.as_ref()),
            Event::EffectBegan { what, at } => {
                self.begun.insert((what.clone(), at.clone()));
            }
            Event::Asked { question } => {
                let asked = PastQuestion { number: question.number, due: question.due };
                self.asked.insert((question.inquiry(), question.at.clone()), asked);
            }
            Event::Answered { question, at, value } => {
                let what = Inquiry::ask(question);
                self.answered.insert((what, at.clone()), value.clone());
            }
            Event::SleepBegan { at, due } => self.due.extend([((Timer::Sleep, at.clone()), *due)]),
            Event::Suspended { waits } => {
                let timers = waits.timers.iter();
                self.due.extend(timers.map(|one| ((one.timer, one.at.clone()), one.due)));
            }
            Event::TimePassed { at, timer, times, limit_ms } => {
                let id = (*timer, at.clone());
                self.pass(id, *times, *limit_ms);
            }

            // A resumed run does these again itself. An event that answers the script does not belong here.
            Event::RunStarted { .. }
            | Event::Tried { .. }
            | Event::FlowStarted { .. }
            | Event::Expanded { .. }
            | Event::OpStarted { .. }
            | Event::RequestPart { .. }
            | Event::AttemptStarted { .. }
            | Event::ToolStarted { .. }
            | Event::ToolEnded { .. }
            | Event::OpEnded { .. }
            | Event::FlowEnded { .. }
            | Event::Logged { .. }
            | Event::Sealed { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    /// Takes in timers that ended in a row.
    fn pass(&mut self, (timer, first): (Timer, Spot), count: u32, limit_ms: Option<u64>) {
        for nth in 1..=count {
            let at = Spot { nth: first.nth.saturating_add(nth - 1), ..first.clone() };
            // The event has the time of the last one.
            let elapsed = (nth == count).then_some(self.elapsed);
            let what = PastEndKind::Time { limit_ms };
            self.ends.push(PastEnd { id: EndId::Timer(timer, at), elapsed, what });
        }
    }

    /// Takes in what the script was told; programs before 0.2 did not note where.
    fn see_answer(&mut self, what: &Inquiry, value: &Value, at: Option<&Spot>) {
        let Some(at) = at else {
            self.is_by_arrival = true;
            self.by_word.entry(what.clone()).or_default().push_back(value.clone());
            return;
        };

        // A run that resumes it may have the permission now.
        if !self.tells_refusals && is_refusal(value) {
            return;
        }
        // Nobody caught it, so whoever resumes the run decides again.
        if self.doubts.have(value) {
            return;
        }
        let id = EndId::Answer(what.clone(), at.clone());
        self.end(id, PastEndKind::Answer(value.clone()));
    }

    fn end(&mut self, id: EndId, what: PastEndKind) {
        self.ends.push(PastEnd { id, elapsed: Some(self.elapsed), what });
    }
}

/// Tells whether a script was told that it has no permission.
fn is_refusal(told: &Value) -> bool {
    told["failure"]["kind"].as_str().is_some_and(|kind| Kind::from(kind) == Kind::Permission)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::FlowId;
    use crate::base::strand::Strand;
    use crate::flow::outcome::Outcome;
    use crate::model::Model;
    use crate::model::request::{Request, Settings};

    fn key() -> Key {
        let request = Request::new(Vec::new(), Settings::default(), None);
        Key::of(&Model::demo(), &request)
    }

    fn spot(item: usize) -> Spot {
        Strand::root().child(0, item).count(&())
    }

    fn began(op: u32, attempt: u32, item: usize) -> Event {
        Event::AttemptStarted {
            flow: FlowId(0),
            op: OpId(op),
            attempt,
            model: "m".to_owned(),
            demo: false,
            prompt: "p".to_owned(),
            history: 0,
            newest: None,
            key: Some(key()),
            sample: 0,
            at: Some(spot(item)),
            before: None,
            terms: None,
            repair: false,
            step: 0,
        }
    }

    fn ended(op: u32, attempt: u32, reply: Result<&str, Kind>) -> Event {
        Event::AttemptEnded {
            flow: FlowId(0),
            op: OpId(op),
            attempt,
            demo: false,
            reused: None,
            again: false,
            reply: reply.as_ref().ok().map(|text| (*text).to_owned()),
            cut: false,
            calls: Vec::new(),
            opaque: Vec::new(),
            usage: None,
            cost: None,
            served_by: None,
            failure: reply.err().map(|kind| Failure::new(kind, "no luck")),
            retry_in_ms: None,
            mended: Vec::new(),
        }
    }

    fn op_ended(op: u32, is_complete: bool) -> Event {
        let outcome = if is_complete {
            Outcome::Completed { value: Value::Null }
        } else {
            Outcome::Failed { failure: Failure::new(Kind::Network, "no luck") }
        };
        Event::OpEnded { flow: FlowId(0), op: OpId(op), outcome }
    }

    fn run(events: Vec<Event>) -> (RunId, Vec<(i64, Event)>) {
        (RunId::fresh(), events.into_iter().map(|event| (0, event)).collect())
    }

    fn past(runs: &[(RunId, Vec<(i64, Event)>)], failures: Failures) -> Past {
        Past::of(runs.iter().map(|(run, events)| (run, events.as_slice())), failures)
    }

    fn texts(past: &Past, item: usize) -> Vec<Result<String, Kind>> {
        (0..9)
            .map_while(|number| past.call(key(), &spot(item), number))
            .map(|one| one.result.clone().map(|said| said.text.clone()).map_err(|f| f.kind))
            .collect()
    }

    #[test]
    fn equal_requests_keep_their_own_replies_in_the_order_of_their_ends() {
        let events =
            vec![began(0, 1, 0), began(1, 1, 1), ended(1, 1, Ok("b")), ended(0, 1, Ok("a"))];
        let past = past(&[run(events)], Failures::Told);
        assert_eq!(
            (texts(&past, 0), texts(&past, 1)),
            (vec![Ok("a".into())], vec![Ok("b".into())])
        );

        let place = |item| past.call(key(), &spot(item), 0).expect("a try").place;
        assert!(place(1) < place(0));
    }

    #[test]
    fn tries_that_came_before_a_reply_are_told_and_those_of_a_failed_operation_are_made_again() {
        let events = vec![
            began(0, 1, 0),
            ended(0, 1, Err(Kind::Network)),
            began(0, 2, 0),
            ended(0, 2, Ok("a")),
            op_ended(0, true),
            began(1, 1, 1),
            ended(1, 1, Err(Kind::Network)),
            op_ended(1, false),
        ];

        let runs = [run(events)];
        let tries = vec![Err(Kind::Network), Ok("a".to_owned())];

        let all = past(&runs, Failures::Told);
        assert_eq!((texts(&all, 0), texts(&all, 1)), (tries.clone(), vec![Err(Kind::Network)]));

        let some = past(&runs, Failures::Forgotten);
        assert_eq!((texts(&some, 0), texts(&some, 1)), (tries, vec![]));
    }

    #[test]
    fn what_a_resumed_run_had_not_reached_again_is_known_from_the_run_before() {
        let newer = run(vec![began(0, 1, 0), ended(0, 1, Ok("a"))]);
        let older = run(vec![
            began(0, 1, 0),
            ended(0, 1, Ok("a")),
            began(1, 1, 1),
            ended(1, 1, Ok("b")),
            began(2, 1, 2),
            ended(2, 1, Err(Kind::Cancelled)),
        ]);

        let past = past(&[newer, older], Failures::Told);
        assert_eq!(
            (texts(&past, 0), texts(&past, 1)),
            (vec![Ok("a".into())], vec![Ok("b".into())])
        );

        assert!(past.gave_up(key(), &spot(2)) && texts(&past, 2).is_empty());
        assert_eq!(past.ends().count(), 2);
    }

    #[test]
    fn the_clock_of_a_resumed_run_is_ahead_by_what_it_did_not_wait_for() {
        let at = |events: [(i64, Event); 4]| (RunId::fresh(), events.to_vec());

        let older = at([
            (1000, began(0, 1, 0)),
            (1000, began(1, 1, 1)),
            (3000, ended(0, 1, Ok("a"))),
            (9000, ended(1, 1, Err(Kind::Cancelled))),
        ]);
        let newer = at([
            (70_000, began(0, 1, 0)),
            (70_000, began(1, 1, 1)),
            (70_010, ended(0, 1, Ok("a"))),
            (70_500, ended(1, 1, Ok("b"))),
        ]);

        let past = past(&[newer, older], Failures::Told);
        let mut times: Vec<_> = past.ends().collect();
        times.sort();
        let micros = Duration::from_micros;
        assert_eq!(times, [(1, Some(micros(2000))), (2, Some(micros(500 + 1990)))]);
    }

    #[test]
    fn timers_in_a_row_are_told_one_by_one() {
        let at = Spot { nth: 4, ..spot(0) };
        let event =
            Event::TimePassed { at: at.clone(), timer: Timer::Sleep, times: 3, limit_ms: None };
        let past = past(&[run(vec![event])], Failures::Told);
        let place = |nth| past.timer(Timer::Sleep, &Spot { nth, ..at.clone() }, None);
        assert_eq!([3, 4, 5, 6, 7].map(place), [None, Some(1), Some(2), Some(3), None]);
        assert_eq!(past.timer(Timer::Limit, &at, None), None);

        let mut times: Vec<_> = past.ends().collect();
        times.sort();
        assert_eq!(
            times.iter().map(|(_, time)| time.is_some()).collect::<Vec<_>>(),
            [false, false, true]
        );
    }
}
