//! What stands in for replies while a run is only planned. A plan goes through the script several
//! times, each time with other guesses, so that what depends on a reply shows as a range.

use crate::base::failure::Failure;
use crate::base::id::OpId;
use crate::executor::replies::assumption::{
    AssumedChance, AssumedLag, AssumedReplies, AssumedWorld, Assumption, Unknown,
};
use crate::model::charge::CallBound;
use crate::model::provider::demo;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

/// What a planned call of an operation never run before is answered.
const UNKNOWN_REPLY: &str = "(a reply that only a run can produce)";
/// The number of the first guess that is a text of the script itself.
const OWN_FROM: usize = 3;
/// How many items a list has at most that only a reply can tell, unless its schema says more.
pub const ITEMS_ASSUMED: u64 = 10;
/// What is tried in place of a reply, besides the texts of the script itself.
const WORDS: [&str; 6] = ["yes", "no", "1", "10", "true", "false"];
/// What is tried besides where a script reads numbers: some of each size, since it may reckon before it
/// compares.
const NUMBERS: [&str; 7] = ["0", "-1", "0.5", "3", "5", "100", "1000000"];
/// The first of numbers that fall from call to call.
const FALLS_FROM: usize = 1000;
/// Most numbers of a script that are tried, each with its neighbours.
const OWN_NUMBERS_MAX: usize = 8;
/// The words of a reply that is longer than what scripts ask for.
const LONG_REPLY: usize = 1000;
/// Most texts of a script that are tried.
const OWN_WORDS_MAX: usize = 24;
/// Longest text of a script that is taken for a possible reply, in characters.
const OWN_WORD_LEN_MAX: usize = 60;

/// Whether a script looks how long a reply is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplyLength {
    /// It does not.
    #[default]
    Idle,
    /// It does.
    Counts,
}

/// What a script holds that a reply may be compared with.
#[derive(Debug, Default)]
pub struct ScriptWords<'a> {
    /// Its texts.
    pub texts: Vec<&'a str>,
    /// Its numbers, if it reads any from texts.
    pub numbers: Option<Vec<f64>>,
    /// Whether it looks how long a text is.
    pub length: ReplyLength,
    /// Data in JSON that have what it looks for in data, if it reads any from texts.
    pub records: Vec<String>,
}

/// The texts that are tried in place of replies that nobody has seen.
#[derive(Debug, Clone)]
pub struct Words(Rc<[String]>);

impl Words {
    /// Takes what a script holds that a reply may be compared with.
    pub fn of(script: ScriptWords<'_>) -> Words {
        let ScriptWords { texts, numbers, length, records } = script;
        let lines = vec![UNKNOWN_REPLY; usize::try_from(ITEMS_ASSUMED).unwrap_or(1)];
        let mut all = vec![UNKNOWN_REPLY.to_owned(), lines.join("\n")];
        all.push(Value::from(lines).to_string());

        let mut own: Vec<String> = Vec::new();
        for text in texts {
            let is_short = (1..=OWN_WORD_LEN_MAX).contains(&text.chars().count());
            if is_short && own.len() < OWN_WORDS_MAX && !own.iter().chain(&all).any(|w| w == text) {
                own.push(text.to_owned());
            }
        }
        all.extend(own);
        all.extend(records);

        let more = if numbers.is_some() { &NUMBERS[..] } else { &[] };
        let mut tried: Vec<f64> = Vec::new();
        for number in numbers.unwrap_or_default() {
            if tried.len() < OWN_NUMBERS_MAX && !tried.contains(&number) {
                tried.push(number);
            }
        }
        for near in tried.into_iter().flat_map(neighbours) {
            if !all.contains(&near) {
                all.push(near);
            }
        }

        let usual = WORDS.iter().chain(more);
        let usual: Vec<&&str> = usual.filter(|word| !all.iter().any(|a| a == **word)).collect();
        all.extend(usual.into_iter().map(|word| (*word).to_owned()));
        if length == ReplyLength::Counts {
            all.push("word ".repeat(LONG_REPLY));
        }
        Words(all.into())
    }

    /// Returns how many guesses there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is nothing to guess.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes a number, one below it and one above it.
fn neighbours(number: f64) -> [String; 3] {
    let step = if number.fract() == 0.0 { 1.0 } else { 0.01 };
    // Reckoning with hundredths leaves rests.
    [number, number - step, number + step].map(|near| ((near * 1e6).round() / 1e6).to_string())
}

/// What a call is taken to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::executor) enum GuessedReply {
    /// A text.
    Says(String),
    /// Nothing: it fails.
    Fails,
}

/// A decision about an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuessedDecision {
    /// Whether the operation of this name starts.
    Starts(String),
    /// Whether the operation of this name, which is a gate, lets others start.
    Passes(String),
    /// Whether the operation of this name calls tools until no step is left.
    Loops(String),
    /// Whether the answer of the operation of this name has to be mended as often as it may be.
    Repairs(String),
    /// Whether the operation of this name completes, which has failed on a guess.
    Completes(String),
    /// Whether a `retry` succeeds, whose function has failed on a guess.
    Succeeds(String),
}

impl GuessedDecision {
    /// Tells whether it is about something that has failed on a guess. What completes on every guess needs
    /// no other one.
    pub fn is_of_failure(&self) -> bool {
        matches!(self, GuessedDecision::Completes(_) | GuessedDecision::Succeeds(_))
    }
}

/// Which ways a decision was seen to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// It was seen to be yes.
    pub yes: bool,
    /// It was seen to be no.
    pub no: bool,
}

/// Which way decisions go that depend on a guess and were seen to go one way only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForcedDecisions {
    /// The decisions.
    pub decisions: BTreeSet<GuessedDecision>,
    /// Whether they are yes; that an operation completes always is.
    pub is_yes: bool,
}

/// In which order calls end that are under way at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndOrder {
    /// Those that began first end first.
    #[default]
    AsBegun,
    /// Those that began last end first.
    Reversed,
}

/// What becomes of a page or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuessedWorld {
    /// It cannot be reached or started.
    Broken,
    /// It says something.
    Says {
        /// What it says.
        text: String,
        /// Whether a program ends with code 0.
        is_well: bool,
    },
}

/// The guesses of one time through the script.
#[derive(Debug)]
pub struct Guess {
    words: Words,
    /// Which of them is made.
    number: usize,
    forced: ForcedDecisions,
    order: EndOrder,
    assumed: Assumption,
    /// What only a run can tell that the script has asked for.
    met: RefCell<BTreeSet<Unknown>>,
    /// How often pages and programs were asked for.
    asked_world: Cell<usize>,
    /// How many calls were made whose replies are not known.
    asked: Cell<usize>,
    /// Whether known replies have used nothing of a budget that bounds them.
    spares_budget: Cell<bool>,
    /// How many calls have begun to take their time.
    timed: Cell<usize>,
    /// The most that each call can take, by its operation and attempt.
    bounds: RefCell<HashMap<(OpId, u32), CallBound>>,
    /// The models that were asked for replies whose length nothing bounds.
    unbounded: RefCell<BTreeSet<String>>,
    /// How many different guesses there are at most for one of those that were made.
    choices: Cell<usize>,
    /// Operations that have made a guess, or depend on one.
    ops: RefCell<HashSet<OpId>>,
    /// Decisions that depend on a guess.
    seen: RefCell<BTreeMap<GuessedDecision, Ways>>,
    /// Operations that have failed on a guess, and how.
    unfit: RefCell<BTreeMap<String, String>>,
}

impl Guess {
    /// Makes the guess of this number.
    pub fn new(words: Words, number: usize, forced: ForcedDecisions) -> Guess {
        Guess {
            words,
            number,
            forced,
            order: EndOrder::AsBegun,
            assumed: Assumption::default(),
            met: RefCell::default(),
            asked_world: Cell::default(),
            asked: Cell::default(),
            spares_budget: Cell::default(),
            timed: Cell::default(),
            bounds: RefCell::default(),
            unbounded: RefCell::default(),
            choices: Cell::default(),
            ops: RefCell::default(),
            seen: RefCell::default(),
            unfit: RefCell::default(),
        }
    }

    /// Takes something for true besides.
    #[must_use]
    pub fn assuming(self, assumed: Assumption) -> Guess {
        Guess { assumed, ..self }
    }

    /// Returns what is taken for true besides.
    pub fn assumed(&self) -> Assumption {
        self.assumed
    }

    /// Notes that something was asked for that only a run can tell.
    pub(in crate::executor) fn meet(&self, unknown: Unknown) {
        self.met.borrow_mut().insert(unknown);
    }

    /// Returns what was asked for that only a run can tell.
    pub fn met(&self) -> BTreeSet<Unknown> {
        self.met.borrow().clone()
    }

    /// Notes that a model was asked for a reply whose length nothing bounds.
    pub(in crate::executor) fn note_unbounded(&self, model: &str) {
        self.unbounded.borrow_mut().insert(model.to_owned());
    }

    /// Returns the models that were asked for replies whose length nothing bounds.
    pub fn unbounded(&self) -> BTreeSet<String> {
        self.unbounded.borrow().clone()
    }

    /// Notes that a known reply has used nothing of a budget that bounds it.
    pub(in crate::executor) fn spare_budget(&self) {
        self.spares_budget.set(true);
    }

    /// Tells whether known replies have used nothing of a budget that bounds them, of the run or of a part of it.
    pub fn spares_budget(&self) -> bool {
        self.spares_budget.get()
    }

    /// Notes the most that a call can take.
    pub(in crate::executor) fn bound(&self, op: OpId, attempt: u32, bound: CallBound) {
        self.bounds.borrow_mut().insert((op, attempt), bound);
    }

    /// Returns the most that each call can take, by its operation and attempt.
    pub fn bounds(&self) -> HashMap<(OpId, u32), CallBound> {
        self.bounds.borrow().clone()
    }

    /// Returns the number of chance that stands in for one that follows from the seed.
    pub(in crate::executor) fn chance(&self) -> Option<f64> {
        self.meet(Unknown::Chance);
        match self.assumed.chance {
            AssumedChance::Constant(number) => Some(number),
            AssumedChance::Seeded | AssumedChance::Other(_) => None,
        }
    }

    /// Guesses what becomes of a page or a program: the text that it gives instead of `usual`, or
    /// nothing if it cannot be had.
    pub fn world(&self, usual: &str) -> GuessedWorld {
        self.meet(Unknown::World);
        self.choices.set(usize::MAX);

        let place = self.asked_world.replace(self.asked_world.get() + 1);
        let text = match self.number % self.words.len() {
            0 => usual.to_owned(),
            number => self.words.0[number].clone(),
        };

        match self.assumed.world {
            AssumedWorld::Broken => GuessedWorld::Broken,
            AssumedWorld::Flaky if place.is_multiple_of(2) => GuessedWorld::Broken,
            AssumedWorld::Complaining => GuessedWorld::Says { text, is_well: false },
            AssumedWorld::Flaky | AssumedWorld::Well => GuessedWorld::Says { text, is_well: true },
        }
    }

    /// Returns which of the answers of a person is taken: another one each time through the script.
    pub(in crate::executor) fn answer(&self) -> usize {
        self.meet(Unknown::Replies);
        self.choices.set(usize::MAX);
        self.number
    }

    /// Returns the text that stands in for one that only a run can tell.
    pub(in crate::executor) fn word(&self) -> &str {
        &self.words.0[self.number % self.words.len()]
    }

    /// Returns the value that stands in for one of a schema.
    pub(in crate::executor) fn value(&self, schema: &Value) -> Value {
        self.example(schema, self.number)
    }

    /// Makes the example of a schema that has this number. The texts and numbers of the script come once
    /// short and long lists were tried.
    fn example(&self, schema: &Value, number: usize) -> Value {
        let word = self.words.0.get(number % self.words.len()).filter(|_| number >= OWN_FROM);
        demo::another_example(schema, number, ITEMS_ASSUMED, word.map(String::as_str))
    }

    /// Lets calls end in this order.
    #[must_use]
    pub fn ending(self, order: EndOrder) -> Guess {
        Guess { order, ..self }
    }

    /// Returns the order in which calls end.
    pub(in crate::executor) fn order(&self) -> EndOrder {
        self.order
    }

    /// Returns how many different guesses there are: none if none was made, and as many as there are
    /// words, whatever those are, where nothing better is known.
    pub fn choices(&self) -> usize {
        self.choices.get()
    }

    /// Returns the decisions that depend on a guess, and which ways they went.
    pub fn seen(&self) -> BTreeMap<GuessedDecision, Ways> {
        self.seen.borrow().clone()
    }

    /// Returns how many calls were made whose replies are not known.
    pub fn asked(&self) -> usize {
        self.asked.get()
    }

    /// Returns how long the next call takes.
    pub(in crate::executor) fn pace(&self) -> Duration {
        let call = self.timed.replace(self.timed.get() + 1);
        let is_first = call.is_multiple_of(2);

        match self.assumed.lag {
            AssumedLag::None => self.assumed.pace,
            AssumedLag::First if is_first => self.assumed.pace,
            AssumedLag::Last if !is_first => self.assumed.pace,
            AssumedLag::First | AssumedLag::Last => Duration::ZERO,
        }
    }

    /// Guesses what a call is answered. `before` are replies that the operation got earlier, the newest
    /// first. A call that `may_fail` may do so.
    pub(in crate::executor) fn reply(
        &self,
        op: OpId,
        before: &[Rc<str>],
        schema: Option<&Value>,
        may_fail: bool,
    ) -> GuessedReply {
        let call = self.asked.replace(self.asked.get() + 1);
        if may_fail {
            self.meet(Unknown::Failures);
        }
        if may_fail && self.assumed.failures.fails(call) {
            self.depends(op);
            return GuessedReply::Fails;
        }

        GuessedReply::Says(self.text(call, op, before, schema))
    }

    fn text(&self, call: usize, op: OpId, before: &[Rc<str>], schema: Option<&Value>) -> String {
        let turn = match self.assumed.replies {
            AssumedReplies::Alike => 0,
            AssumedReplies::InTurn(count) => call % count.max(1),
            AssumedReplies::Rising | AssumedReplies::Falling => call,
        };
        let number = self.number + turn;
        let choices = if before.is_empty() { usize::MAX } else { before.len() };
        self.choices.set(self.choices.get().max(choices));
        self.meet(Unknown::Replies);
        self.depends(op);

        match (before, schema) {
            // A reply yet to come will differ: with a line more, what depends on it is not taken
            // for known, while data stays the same data.
            ([_, ..], _) => {
                let lines = "\n".repeat(turn + 1);
                format!("{}{lines}", before[number % before.len()])
            }
            ([], Some(schema)) => self.example(schema, number).to_string(),
            ([], None) if self.assumed.replies == AssumedReplies::Rising => (turn + 1).to_string(),
            ([], None) if self.assumed.replies == AssumedReplies::Falling => {
                FALLS_FROM.saturating_sub(turn).to_string()
            }
            // The first few guesses stand for texts of any kind, and another one is of the same kind.
            ([], None) if self.number == 0 && turn > 0 => format!("{UNKNOWN_REPLY} {}", turn + 1),
            ([], None) => self.words.0[number % self.words.len()].clone(),
        }
    }

    /// Says what stands in for the result of an operation that is taken to complete.
    pub(in crate::executor) fn result() -> Value {
        UNKNOWN_REPLY.into()
    }

    /// Says what stands in for a list of which nothing is known.
    pub(in crate::executor) fn items(&self) -> Vec<Value> {
        let most = usize::try_from(ITEMS_ASSUMED).unwrap_or(1);
        let count = if self.number.is_multiple_of(2) { most } else { 1 };
        vec![Guess::result(); count]
    }

    /// Notes that an operation depends on a guess.
    pub(in crate::executor) fn depends(&self, op: OpId) {
        self.ops.borrow_mut().insert(op);
    }

    /// Tells whether an operation depends on a guess.
    pub(in crate::executor) fn is_guessed(&self, op: OpId) -> bool {
        self.ops.borrow().contains(&op)
    }

    /// Makes a decision that depends on a guess, by which it would be `yes`.
    pub(in crate::executor) fn decide(&self, decision: GuessedDecision, yes: bool) -> bool {
        let is_forced = self.forced.decisions.contains(&decision);
        let is_yes = self.forced.is_yes || decision.is_of_failure();
        let yes = if is_forced { is_yes } else { yes };

        let mut seen = self.seen.borrow_mut();
        let ways = seen.entry(decision).or_default();
        ways.yes |= yes;
        ways.no |= !yes;

        yes
    }

    /// Tells whether an operation that has failed on a guess is taken to complete all the same.
    pub(in crate::executor) fn completes(&self, op: &str, failure: &Failure) -> bool {
        let mut unfit = self.unfit.borrow_mut();
        unfit.entry(op.to_owned()).or_insert_with(|| failure.message.clone());
        drop(unfit);
        self.decide(GuessedDecision::Completes(op.to_owned()), false)
    }

    /// Tells whether a try that has failed on a guess is taken to succeed all the same. Guesses differ in
    /// whether that is the first or the last try.
    pub(in crate::executor) fn succeeds(
        &self,
        what: &str,
        failure: &Failure,
        is_last: bool,
    ) -> bool {
        self.unfit.borrow_mut().entry(what.to_owned()).or_insert_with(|| failure.message.clone());

        let is_forced = self.decide(GuessedDecision::Succeeds(what.to_owned()), false);
        is_forced && (is_last || self.number.is_multiple_of(2))
    }

    /// Returns the operations that have failed on a guess, and how.
    pub fn unfit(&self) -> BTreeMap<String, String> {
        self.unfit.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::replies::assumption::AssumedFailures;
    use serde_json::json;

    fn guesses(before: &[&str], schema: Option<&Value>, texts: &[&str]) -> Vec<String> {
        let words = Words::of(ScriptWords { texts: texts.to_vec(), ..ScriptWords::default() });
        let before: Vec<Rc<str>> = before.iter().map(|text| (*text).into()).collect();
        let each = |number| Guess::new(words.clone(), number, ForcedDecisions::default());
        let said = |number| match each(number).reply(OpId(0), &before, schema, true) {
            GuessedReply::Says(text) => text,
            GuessedReply::Fails => String::new(),
        };
        (0..words.len()).map(said).collect()
    }

    #[test]
    fn the_texts_of_a_script_are_tried_each_once() {
        let all = guesses(&[], None, &["bug", "yes", "", "question", "bug"]);
        assert_eq!(all[3..], ["bug", "yes", "question", "no", "1", "10", "true", "false"]);
        assert_eq!((all[0].lines().count(), all[1].lines().count()), (1, 10));
        assert_eq!(serde_json::from_str::<Vec<String>>(&all[2]).expect("a list").len(), 10);
    }

    #[test]
    fn the_numbers_of_a_script_are_tried_with_their_neighbours() {
        let words = Words::of(ScriptWords {
            texts: vec!["yes"],
            numbers: Some(vec![50.0, 0.85, 50.0]),
            length: ReplyLength::Counts,
            records: Vec::new(),
        });
        let own = ["yes", "50", "49", "51", "0.85", "0.84", "0.86", "no"];
        assert_eq!(words.0[3..11], own);
        let more = ["1", "10", "true", "false", "0", "-1", "0.5", "3", "5", "100", "1000000"];
        assert_eq!(words.0[11..22], more);
        assert_eq!(words.0[22].split_whitespace().count(), LONG_REPLY);
    }

    #[test]
    fn calls_may_be_answered_alike_or_in_turn_or_not_at_all() {
        let replies = |assumed: Assumption| {
            let guess =
                Guess::new(Words::of(ScriptWords::default()), 0, ForcedDecisions::default());
            let guess = guess.assuming(assumed);
            [0, 1, 2].map(|op| guess.reply(OpId(op), &[], None, true))
        };
        let says = |text: &str| GuessedReply::Says(format!("{UNKNOWN_REPLY}{text}"));

        let usual = Assumption::default();
        assert_eq!(replies(usual), [says(""), says(""), says("")]);
        let in_turn = Assumption { replies: AssumedReplies::InTurn(2), ..usual };
        assert_eq!(replies(in_turn), [says(""), says(" 2"), says("")]);
        let rising = Assumption { replies: AssumedReplies::Rising, ..usual };
        assert_eq!(replies(rising), ["1", "2", "3"].map(|n| GuessedReply::Says(n.to_owned())));
        let failing = Assumption { failures: AssumedFailures::EverySecond, ..usual };
        assert_eq!(replies(failing), [GuessedReply::Fails, says(""), GuessedReply::Fails]);
    }

    #[test]
    fn replies_that_were_seen_are_tried_and_nothing_else() {
        assert_eq!(guesses(&["b", "a"], None, &["x"])[..3], ["b\n", "a\n", "b\n"]);
    }

    #[test]
    fn every_choice_of_a_schema_is_tried_and_lists_short_and_long() {
        let schema = json!({ "type": "object", "required": ["kind", "list"], "properties": {
            "kind": { "enum": ["bug", "question"] },
            "list": { "type": "array", "items": { "type": "boolean" } },
        } });

        let all = guesses(&[], Some(&schema), &[]);
        let read = |n: usize| serde_json::from_str::<Value>(&all[n]).expect("JSON");

        let kinds = [0, 1, 2].map(|n| read(n)["kind"].clone());
        assert_eq!(kinds, ["bug", "question", "bug"]);

        let lengths = [0, 1].map(|n| read(n)["list"].as_array().map(Vec::len));
        assert_eq!(lengths, [Some(1), Some(10)]);
    }

    #[test]
    fn the_bounds_of_a_list_are_those_of_its_schema() {
        let schema =
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 2, "maxItems": 4 });

        let lengths: Vec<usize> = guesses(&[], Some(&schema), &[])[..2]
            .iter()
            .map(|text| serde_json::from_str::<Vec<Value>>(text).expect("a list").len())
            .collect();

        assert_eq!(lengths, [2, 4]);
    }
}
