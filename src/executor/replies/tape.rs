//! A cassette while a test runs: what the models are answered from, and what is recorded.

use crate::base::failure::{Failure, Kind};
use crate::base::strand::Spot;
use crate::base::unit::Money;
use crate::base::wildcard::Wildcard;
use crate::executor::replies::reuse::Answer;
use crate::flow::question::PersonQuestion;
use crate::journal::cassette::{Cassette, CassetteContent, CassetteLine};
use crate::journal::inquiry::Inquiry;
use crate::journal::key::Key;
use crate::journal::known_replies::Sample;
use crate::journal::known_results::ResultCounts;
use crate::journal::result_line::{ResultEnd, ResultLine};
use crate::model::Model;
use crate::model::reply::CallResult;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What happens to a request that the cassette does not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Record {
    /// It fails, and so does the test.
    #[default]
    Nothing,
    /// It is asked, and the reply is added.
    New,
    /// It is asked, as is every other request: the cassette is made again.
    All,
}

/// A cassette that is played, recorded, or both. The demo model needs none: it answers itself.
#[derive(Debug)]
pub struct Tape {
    cassette: Cassette,
    record: Record,
    /// The exchanges that were played, by their places in the cassette.
    played: RefCell<HashSet<usize>>,
    /// The exchanges whose requests were recorded again.
    replaced: RefCell<HashSet<usize>>,
    recorded: RefCell<BTreeMap<(Key, Spot), CassetteLine>>,
    /// Requests that were to be recorded and had no reply, also not by a further try.
    failed: RefCell<HashSet<Sample>>,
    /// The first request that the cassette does not hold although it had to, and how many there were.
    missed: RefCell<Option<(Failure, usize)>>,
    /// What people answer, by patterns of the question's text.
    people: RefCell<Map<String, Value>>,
    /// What servers of tools answered, as it was played or recorded.
    results: RefCell<HashMap<(Inquiry, u32), TapedLine>>,
}

/// A question to a server of tools.
#[derive(Debug)]
enum TapedLine {
    Played,
    /// Nothing has come of it yet.
    Asked,
    Recorded(ResultLine),
}

/// How a question to a server of tools is answered.
#[derive(Debug)]
pub(in crate::executor) enum TapedResult {
    /// By what is known to have come of it.
    Known(Result<Value, Box<Failure>>),
    /// By asking.
    Ask,
    /// Not at all.
    Never(Box<Failure>),
}

impl Tape {
    /// Puts a cassette in.
    pub fn new(cassette: Cassette, record: Record) -> Tape {
        Tape {
            cassette,
            record,
            played: RefCell::default(),
            replaced: RefCell::default(),
            recorded: RefCell::default(),
            failed: RefCell::default(),
            missed: RefCell::default(),
            people: RefCell::default(),
            results: RefCell::default(),
        }
    }

    /// Returns the first request that the cassette does not hold, as a failure, and how many there
    /// were. A script that catches the failure hides it from nobody.
    pub fn missed(&self) -> Option<(Failure, usize)> {
        self.missed.borrow().clone()
    }

    /// Returns how many replies came from the cassette.
    pub fn played(&self) -> usize {
        let results = self.results.borrow();
        let played = results.values().filter(|line| matches!(line, TapedLine::Played)).count();
        self.played.borrow().len() + played
    }

    /// Returns how many replies were recorded.
    pub fn recorded(&self) -> usize {
        let results = self.results.borrow();
        let recorded = results.values().filter(|l| matches!(l, TapedLine::Recorded(_))).count();
        self.recorded.borrow().len() + recorded
    }

    /// Returns what the recorded replies cost; `None` when that is not known of each.
    pub fn cost(&self) -> Option<Money> {
        let recorded = self.recorded.borrow();
        recorded.values().try_fold(Money::ZERO, |sum, line| Some(sum + line.cost?))
    }

    /// Returns how many requests failed: those are not recorded.
    pub fn failed(&self) -> usize {
        self.failed.borrow().len()
    }

    /// Returns how many exchanges of the cassette were neither used nor recorded again.
    pub fn unused(&self) -> usize {
        let used = self.played.borrow().len() + self.replaced.borrow().len();
        self.cassette.len() - used + self.unused_results()
    }

    /// Returns the lines of questions to servers, each with how often the same was asked before.
    fn numbered_results(&self) -> impl Iterator<Item = (u32, &ResultLine)> {
        let mut counts = ResultCounts::default();
        let lines = self.cassette.results().lines().iter();
        lines.map(move |line| (counts.count(&line.asked), line))
    }

    /// Returns how many answers of servers this test has not asked for.
    fn unused_results(&self) -> usize {
        let results = self.results.borrow();
        let is_unused = |(nth, line): &(u32, &ResultLine)| {
            !line.is_nothing() && !results.contains_key(&(line.asked.clone(), *nth))
        };
        self.numbered_results().filter(is_unused).count()
    }

    /// Returns what the cassette has to hold from now on, if that is not what it holds. Exchanges
    /// that a whole recording did not use are left out with `is_whole`.
    pub fn content(&self, is_whole: bool) -> Option<CassetteContent> {
        let drops = is_whole && self.record == Record::All && self.unused() > 0;
        if self.recorded() == 0 && !drops {
            return None;
        }
        let recorded = self.recorded.borrow();

        let replaced = self.replaced.borrow();
        let kept = self
            .cassette
            .lines()
            .enumerate()
            .filter(|(place, _)| !drops && !replaced.contains(place));
        let kept = kept.map(|(_, line)| line.clone());

        let lines = kept.chain(recorded.values().cloned()).collect();
        Some(CassetteContent { lines, results: self.result_lines(drops) })
    }

    /// Returns what came of questions to servers, as the cassette has to hold it from now on. Each question
    /// keeps its place among the equal ones.
    fn result_lines(&self, drops: bool) -> Vec<ResultLine> {
        let results = self.results.borrow();
        let mut places: HashMap<Inquiry, BTreeMap<u32, ResultLine>> = HashMap::new();

        for (nth, line) in self.numbered_results() {
            let is_kept = !drops || results.contains_key(&(line.asked.clone(), nth));
            if is_kept && !line.is_nothing() {
                places.entry(line.asked.clone()).or_default().insert(nth, line.clone());
            }
        }
        for ((asked, nth), taped) in results.iter() {
            if let TapedLine::Recorded(line) = taped {
                places.entry(asked.clone()).or_default().insert(*nth, line.clone());
            }
        }

        let lines = places.into_iter().flat_map(|(asked, mut equal)| {
            let last = equal.keys().next_back().copied().unwrap_or_default();
            let line = move |nth| {
                equal.remove(&nth).unwrap_or_else(|| ResultLine::new(&asked, ResultEnd::Nothing))
            };
            (0..=last).map(line).collect::<Vec<_>>()
        });
        lines.collect()
    }

    /// Finds out how a question to a server of tools is answered that was asked `nth` times before. A
    /// failure is told again like an answer, but it is no answer where new ones are recorded.
    pub(in crate::executor) fn of_server(&self, what: &Inquiry, nth: u32) -> TapedResult {
        let known = match self.record {
            Record::All => None,
            Record::New | Record::Nothing => self.cassette.results().get(what, nth),
        };

        let mut results = self.results.borrow_mut();
        let own = (what.clone(), nth);
        match known {
            Some(ResultEnd::Told(told)) => {
                results.insert(own, TapedLine::Played);
                return TapedResult::Known(Ok(told.clone()));
            }
            Some(ResultEnd::Failed(failure)) if self.record == Record::Nothing => {
                results.insert(own, TapedLine::Played);
                return TapedResult::Known(Err(failure.clone()));
            }
            _ if self.record != Record::Nothing => {
                results.insert(own, TapedLine::Asked);
                return TapedResult::Ask;
            }
            _ => {}
        }

        let failure = Failure::new(Kind::Cassette, self.cassette.miss_result(what));
        self.missed.borrow_mut().get_or_insert_with(|| (failure.clone(), 0)).1 += 1;
        TapedResult::Never(Box::new(failure))
    }

    /// Records what came of a question to a server of tools. What was not permitted may be so next time.
    pub(in crate::executor) fn keep_of_server(
        &self,
        what: &Inquiry,
        nth: u32,
        result: Result<&Value, &Failure>,
    ) {
        let is_forbidden = result.is_err_and(|failure| failure.kind == Kind::Permission);
        if self.record != Record::Nothing && !is_forbidden {
            let line = TapedLine::Recorded(ResultLine::new(what, ResultEnd::of(result)));
            self.results.borrow_mut().insert((what.clone(), nth), line);
        }
    }

    pub(in crate::executor) fn answer(
        &self,
        sample: &Sample,
        model: &Model,
        asked: &CassetteLine,
    ) -> Answer {
        if model.is_demo() || self.record == Record::All {
            return Answer::Ask;
        }

        let mut played = self.played.borrow_mut();
        if let Some(place) = self.cassette.find(sample, |place| played.contains(&place)) {
            played.insert(place);
            return Answer::Played(Box::new(self.cassette.line(place).called()));
        }

        if self.record == Record::New {
            return Answer::Ask;
        }

        let failure = Failure::new(Kind::Cassette, self.cassette.miss(asked, sample.arrival));
        self.missed.borrow_mut().get_or_insert_with(|| (failure.clone(), 0)).1 += 1;
        Answer::Never(Box::new(failure))
    }

    /// Sets what people answer from now on.
    pub(in crate::executor) fn script_answers(&self, answers: Map<String, Value>) {
        self.people.replace(answers);
    }

    /// Answers a question to people as the test says.
    pub(in crate::executor) fn person(&self, question: &PersonQuestion) -> Result<Value, Failure> {
        let people = self.people.borrow();
        let exact = people.get(&question.text);
        let covers = |(pattern, _): &(&String, _)| Wildcard::new(*pattern).covers(&question.text);
        let answer = exact.or_else(|| people.iter().find(covers).map(|(_, answer)| answer));

        let Some(answer) = answer else {
            let message = format!(
                "the test has no answer to `{}`; write `answers(#{{ \"..\": .. }})` with the text \
                 of the question, in which `*` stands for any text",
                question.text
            );
            let failure = Failure::new(Kind::Cassette, message);
            self.missed.borrow_mut().get_or_insert_with(|| (failure.clone(), 0)).1 += 1;
            return Err(failure);
        };

        question.fit(answer).map_err(|reason| {
            let message =
                format!("the test's answer to `{}` is not valid: {reason}", question.text);
            Failure::new(Kind::Option, message)
        })
    }

    pub(in crate::executor) fn keep(
        &self,
        sample: Sample,
        model: &Model,
        asked: &CassetteLine,
        called: &CallResult,
    ) {
        if model.is_demo() || self.record == Record::Nothing {
            return;
        }
        let Some(line) = asked.answered(called) else {
            self.failed.borrow_mut().insert(sample);
            return;
        };

        let mut recorded = self.recorded.borrow_mut();
        let own = (sample.key, sample.at.clone());
        if !recorded.contains_key(&own) {
            // What would have been played in its place is replaced.
            let mut replaced = self.replaced.borrow_mut();
            let is_taken =
                |place| replaced.contains(&place) || self.played.borrow().contains(&place);
            let old = self.cassette.find(&sample, is_taken);
            replaced.extend(old);
        }

        recorded.insert(own, CassetteLine { at: Some(sample.at.clone()), ..line });
        self.failed.borrow_mut().remove(&sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::strand::Strand;
    use crate::model::message::{Message, Role};
    use crate::model::registry::Models;
    use crate::model::request::{Request, Settings};
    use crate::model::spec::ModelSpec;
    use serde_json::json;
    use std::path::Path;

    fn model() -> Model {
        let json = json!({ "use": "openai/m", "base_url": "http://127.0.0.1:1" });
        let spec = ModelSpec::from_map(json.as_object().expect("a map")).expect("a description");
        Models::new(BTreeMap::new(), None, 1, |_| None).resolve_spec(&spec).expect("a model")
    }

    fn asked(model: &Model, text: &str) -> CassetteLine {
        let messages = vec![Message::new(Role::User, text)];
        let request = Request::new(messages, Settings::default(), None);
        CassetteLine::asked(Key::of(model, &request), model, &request)
    }

    fn said(text: &str) -> CallResult {
        CallResult {
            usage: None,
            cost: None,
            served_by: None,
            is_cut: false,
            result: Ok(text.into()),
        }
    }

    fn tape(lines: Vec<CassetteLine>, record: Record) -> Tape {
        Tape::new(Cassette::of(Path::new("c.jsonl"), lines), record)
    }

    fn answer(tape: &Tape, model: &Model, text: &str, nth: u32) -> String {
        let line = asked(model, text);
        let at = Spot { nth, ..Strand::root().count(&()) };
        let sample = Sample { key: line.key, at, arrival: nth };
        match tape.answer(&sample, model, &line) {
            Answer::Played(called) => called.result.unwrap_or_default().text,
            Answer::Never(failure) => failure.kind.to_string(),
            Answer::Ask => {
                let reply = format!("live {text} {nth}");
                tape.keep(sample, model, &line, &said(&reply));
                reply
            }
            Answer::Known(_) | Answer::Guess(_) => "no answer of a tape".to_owned(),
        }
    }

    /// What is recorded, in the order of the requests, is played again, each sample its own reply.
    #[test]
    fn what_was_recorded_is_played() {
        let model = model();
        let blank = tape(Vec::new(), Record::New);

        // In an order that no later run need keep.
        for (text, sample) in [("b", 0), ("a", 1), ("a", 0)] {
            answer(&blank, &model, text, sample);
        }

        let full = tape(blank.content(false).expect("something new").lines, Record::Nothing);
        for (text, sample) in [("a", 0), ("b", 0), ("a", 1)] {
            assert_eq!(answer(&full, &model, text, sample), format!("live {text} {sample}"));
        }

        assert_eq!((full.played(), full.unused(), full.missed()), (3, 0, None));
        assert!(full.content(true).is_none());
        assert_eq!(answer(&full, &model, "a", 2), "cassette");
        assert_eq!(answer(&full, &model, "c", 0), "cassette");

        let (first, count) = full.missed().expect("two misses");
        assert!(
            first.message.contains("the test makes one more such request") && count == 2,
            "{first:?}"
        );
    }

    #[test]
    fn only_a_whole_recording_drops_what_it_did_not_use() {
        let model = model();
        let old = || ["a", "b"].map(|t| asked(&model, t).answered(&said("old")).expect("a reply"));

        for (record, is_whole, expected) in [
            (Record::New, true, vec!["old", "old"]),
            (Record::All, false, vec!["live a 0", "old"]),
            (Record::All, true, vec!["live a 0"]),
        ] {
            let tape = tape(old().to_vec(), record);
            answer(&tape, &model, "a", 0);
            assert_eq!(tape.unused(), 1);

            let lines =
                tape.content(is_whole).map_or_else(|| old().to_vec(), |content| content.lines);
            let mut replies: Vec<String> = lines.into_iter().map(|line| line.reply).collect();
            replies.sort();
            assert_eq!(replies, expected, "{record:?}");
        }
    }

    #[test]
    fn a_call_that_fails_is_not_recorded() {
        let model = model();
        let tape = tape(Vec::new(), Record::New);
        let line = asked(&model, "a");
        let sample = Sample { key: line.key, at: Strand::root().count(&()), arrival: 0 };

        tape.keep(sample.clone(), &model, &line, &CallResult::broken("no".to_owned()));
        assert_eq!((tape.failed(), tape.content(false).is_none()), (1, true));

        // The executor tries it a second time.
        tape.keep(sample, &model, &line, &said("yes"));
        assert_eq!((tape.failed(), tape.recorded()), (0, 1));
    }

    /// What came of calls of a server stays in its place, whatever came of those before it.
    #[test]
    fn a_call_of_a_server_without_an_end_keeps_its_place() {
        let what = Inquiry::About(crate::journal::inquiry::Topic::McpCall, "own__go {}".to_owned());
        let record = tape(Vec::new(), Record::New);
        let ends: [Option<Result<Value, Failure>>; 5] = [
            // Nobody waited for it any more.
            None,
            Some(Ok(json!("one"))),
            Some(Err(Failure::new(Kind::Permission, "not granted"))),
            Some(Err(Failure::new(Kind::Mcp, "it ended"))),
            None,
        ];
        for (nth, end) in (0..).zip(&ends) {
            assert!(matches!(record.of_server(&what, nth), TapedResult::Ask));
            if let Some(end) = end {
                record.keep_of_server(&what, nth, end.as_ref());
            }
        }
        let content = record.content(true).expect("something new");
        assert_eq!((content.results.len(), record.recorded()), (4, 2));

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.jsonl");
        crate::journal::cassette::write(&path, content).expect("a cassette");
        let played = Tape::new(Cassette::read(&path).expect("a cassette"), Record::Nothing);
        let told = |nth| match played.of_server(&what, nth) {
            TapedResult::Known(Ok(value)) => value.to_string(),
            TapedResult::Known(Err(failure)) => failure.message,
            TapedResult::Never(failure) => failure.kind.to_string(),
            TapedResult::Ask => "asked".to_owned(),
        };
        let all: Vec<String> = (0..5).map(told).collect();
        assert_eq!(all, ["cassette", "\"one\"", "cassette", "it ended", "cassette"]);
        assert_eq!((played.played(), played.unused()), (2, 0));
    }
}
