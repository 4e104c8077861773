//! The demo model: answers offline, the same for the same seed, and says that it is a demo.

use crate::base::rng::Rng;
use crate::base::secret;
use crate::base::unit::Money;
use crate::model::call_error::{CallError, Retry};
use crate::model::message::Message;
use crate::model::provider::demo_call;
use crate::model::reply::{Finish, Reply, ReplyContent, Usage, rough_tokens};
use crate::model::request::Request;
use crate::model::spec::DemoSpec;
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

/// Longest part of the question that an echo repeats, in characters.
const ECHO_CHARS: usize = 80;
/// What the demo model puts before everything it says of its own.
const LABEL: &str = "[demo]";
/// Deepest schema that is answered.
const DEPTH_MAX: usize = 16;
/// From this depth on, every list is short.
const LONG_DEPTH_MAX: usize = 3;
/// Most values of an example, those within lists and maps included; a list within a list may have so many again.
const VALUES_MAX: u64 = 100_000;
/// Most items of a list.
const ITEMS_MAX: u64 = 1000;

/// The demo model and its temper. Copies share how often each question was asked.
#[derive(Debug, Clone, Default)]
pub struct Demo {
    temper: Rc<DemoSpec>,
    seed: u64,
    asked: Rc<RefCell<HashMap<u64, u64>>>,
}

impl Demo {
    /// Creates a demo model.
    pub fn new(temper: DemoSpec, seed: u64) -> Demo {
        Demo { temper: Rc::new(temper), seed, asked: Rc::default() }
    }

    /// Returns what a call costs.
    pub fn cost(&self) -> Option<Money> {
        Money::from_dollars(self.temper.cost)
    }

    /// Returns what decides its answers, besides the question and chance. The seed of a run is chance: its
    /// replies are those of this model, whatever the seed of the next run is.
    pub fn identity(&self) -> String {
        format!("0 {:?}", self.temper.replies)
    }

    /// Returns what it was before the seed counted as chance.
    pub fn seeded_identity(&self) -> String {
        format!("{} {:?}", self.seed, self.temper.replies)
    }

    /// Answers one request. The same question gets the same answer for the same seed, and another
    /// one when it is asked again, so that samples differ and runs repeat.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallError> {
        let hash = self.hash(request);
        // A request that is made again gets other numbers of chance, the same in each run.
        let time = {
            let mut asked = self.asked.borrow_mut();
            let times = asked.entry(hash).or_default();
            *times += 1;
            *times
        };

        let mut rng = Rng::seeded(hash.wrapping_add(time));
        let latency = Duration::from_millis(self.temper.latency_ms);
        if let Some(limit) = request.settings.timeout_ms.map(Duration::from_millis)
            && latency > limit
        {
            tokio::time::sleep(limit).await;
            let deadline = crate::model::call_error::TimeLimit::Total;
            return Err(CallError::Timeout { deadline, limit });
        }

        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }

        if rng.unit() < self.temper.error_rate {
            let message = format!("{LABEL} a simulated failure (`error_rate`)");
            return Err(CallError::Server { status: 500, retry: Retry::Backoff, message });
        }

        let said = self.answer(request, time, &mut rng);
        let whole = if said.calls.is_empty() { Finish::Stop } else { Finish::Calls };
        let (said, is_cut) = cut(said, request.settings.max_tokens.map(u64::from));
        let finish = if is_cut { Finish::Length } else { whole };

        let usage = Usage {
            input_uncached: request.rough_tokens(),
            output_visible: written(&said),
            ..Usage::default()
        };
        Ok(Reply { said, finish: Some(finish), usage: Some(usage), served_by: None })
    }

    fn hash(&self, request: &Request) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        request.settings.seed.hash(&mut hasher);
        request.messages.hash(&mut hasher);
        if !request.tools.is_empty() {
            (&request.tools, &request.choice).hash(&mut hasher);
        }

        hasher.finish()
    }

    fn answer(&self, request: &Request, time: u64, rng: &mut Rng) -> ReplyContent {
        let question = request.messages.last().map(Message::shown).unwrap_or_default();
        if let Some(reply) = self.fixed(&question) {
            return reply.as_str().into();
        }

        let results = demo_call::results(&request.messages);
        if results.is_none() {
            let calls = demo_call::calls(request, &question);
            if !calls.is_empty() {
                return ReplyContent { calls, ..ReplyContent::default() };
            }
        }

        answer_text(request, &question, results, (time, rng)).into()
    }

    /// Returns the reply that `replies` has for a question, if it has one.
    fn fixed(&self, question: &str) -> Option<&String> {
        let mut replies = self.temper.replies.iter();
        replies.find(|(part, _)| question.contains(part.as_str())).map(|(_, reply)| reply)
    }
}

/// Estimates the tokens of a reply.
fn written(said: &ReplyContent) -> u64 {
    let calls: u64 = said.calls.iter().map(|call| rough_tokens(call.size())).sum();
    rough_tokens(said.text.len() as u64).saturating_add(calls)
}

/// Cuts a reply that has more tokens than it may have, as a model would, and tells whether it did. Of
/// calls that do not fit, none is left: nobody could use a part of one.
fn cut(mut said: ReplyContent, tokens_max: Option<u64>) -> (ReplyContent, bool) {
    let Some(tokens_max) = tokens_max.filter(|most| written(&said) > *most) else {
        return (said, false);
    };

    said.calls.clear();
    let bytes = usize::try_from(tokens_max.saturating_mul(4)).unwrap_or(usize::MAX);
    secret::scrub_in(&mut said.text);
    said.text.truncate(said.text.floor_char_boundary(bytes));
    (said, true)
}

/// Answers with a text: with what tools have given, if they have, or else with the question.
fn answer_text(
    request: &Request,
    question: &str,
    results: Option<String>,
    (time, rng): (u64, &mut Rng),
) -> String {
    match (&request.schema, results) {
        (Some(schema), Some(results)) => return demo_call::value(schema, &results).to_string(),
        (Some(schema), None) => return example(schema).to_string(),
        (None, Some(results)) => return format!("{LABEL} {results}"),
        (None, None) => {}
    }
    if let Some(label) = label_like_the_examples(question, rng) {
        return format!("{LABEL} {label}");
    }

    // Of a part of a secret, nobody would know it.
    let shown = secret::shortened(question, ECHO_CHARS);
    let again = if time > 1 { format!(" (answer {time})") } else { String::new() };
    format!("{LABEL} you asked: {shown}{again}")
}

/// Chooses one of the labels of a list of examples that ends with a label to be filled in, such as
/// `Sentiment:`.
fn label_like_the_examples(question: &str, rng: &mut Rng) -> Option<String> {
    let last = question.trim_end().lines().last()?.trim();
    let name = last.strip_suffix(':')?;

    let labels: Vec<&str> = question
        .lines()
        .filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .collect();

    let at = rng.below(labels.len() as u64);
    labels.get(usize::try_from(at).ok()?).map(|label| (*label).to_owned())
}

/// Makes an example of what a JSON schema asks for: the smallest that it allows.
pub fn example(schema: &Value) -> Value {
    Example { root: schema, number: 0, items: 0, word: None, made: Cell::new(0) }.make(schema, 0)
}

/// Makes one of several examples, each with other choices: lists are short and long in turn, where
/// `items` are many. Texts and numbers are the `word`, where it fits.
pub fn another_example(schema: &Value, number: usize, items: u64, word: Option<&str>) -> Value {
    Example { root: schema, number, items, word, made: Cell::new(0) }.make(schema, 0)
}

/// How choices are made among what a JSON schema allows, as far as the usual words of schemas go.
struct Example<'a> {
    root: &'a Value,
    /// Which example it is; the first is the smallest.
    number: usize,
    /// How long a list may get that has no bound; if 0, every list is as short as may be.
    items: u64,
    /// What texts and numbers are, where it fits.
    word: Option<&'a str>,
    /// How many values were made so far.
    made: Cell<u64>,
}

impl Example<'_> {
    fn make(&self, schema: &Value, depth: usize) -> Value {
        self.made.set(self.made.get() + 1);
        // A schema may lead back to itself in several places.
        if depth > DEPTH_MAX || self.made.get() > VALUES_MAX {
            return Value::Null;
        }

        let inner = |schema: &Value| self.make(schema, depth + 1);
        if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            let found = path.strip_prefix('#').and_then(|path| self.root.pointer(path));
            return found.map_or(Value::Null, inner);
        }

        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }

        for choice in ["enum", "anyOf", "oneOf", "allOf"] {
            let all = schema.get(choice).and_then(Value::as_array).filter(|all| !all.is_empty());
            let Some(all) = all else { continue };
            let one = &all[if choice == "allOf" { 0 } else { self.number % all.len() }];
            return if choice == "enum" { one.clone() } else { inner(one) };
        }

        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("null"),
            _ if schema.get("properties").is_some() => "object",
            _ => "null",
        };
        match kind {
            "object" => Value::Object(self.object(schema, depth)),
            "array" => {
                let item = schema.get("items").map_or(Value::Null, inner);
                let most = VALUES_MAX / count(&item);
                (0..self.length(schema, depth).min(most)).map(|_| item.clone()).collect()
            }
            "string" => match self.word.filter(|word| fits_length(schema, word)) {
                Some(word) => word.into(),
                None => text(schema).into(),
            },
            "integer" | "number" => {
                let is_float = kind == "number";
                let own = self.word.and_then(|word| own_number(schema, is_float, word));
                own.unwrap_or_else(|| number(schema, is_float, self.number))
            }
            "boolean" => (self.number % 2 == 1).into(),
            _ => Value::Null,
        }
    }

    /// Makes the fields of an object: those that it must have, and in every other example the others too.
    fn object(&self, schema: &Value, depth: usize) -> Map<String, Value> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let names = schema.get("required").and_then(Value::as_array);
        let mut names: Vec<&str> = names.into_iter().flatten().filter_map(Value::as_str).collect();

        if self.number % 2 == 1 {
            let others = properties.into_iter().flat_map(Map::keys).map(String::as_str);
            let others: Vec<&str> = others.filter(|name| !names.contains(name)).collect();
            names.extend(others);
        }

        let value = |name: &str| {
            let schema = properties.and_then(|properties| properties.get(name));
            schema.map_or(Value::Null, |schema| self.make(schema, depth + 1))
        };

        names.into_iter().map(|name| (name.to_owned(), value(name))).collect()
    }

    /// Returns how many items a list has.
    fn length(&self, schema: &Value, depth: usize) -> u64 {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = bound("minItems");
        let most = bound("maxItems").unwrap_or(self.items.max(least.unwrap_or(0)));

        // Long lists within long lists would soon be more than a plan can hold.
        let is_long = self.number % 2 == 1 && depth < LONG_DEPTH_MAX;
        let length = match (is_long, least) {
            (true, _) => most,
            (false, Some(least)) => least,
            // An empty list would say nothing of what is made of its items.
            (false, None) => most.min(self.items).min(1),
        };

        length.min(ITEMS_MAX)
    }
}

/// Returns how many values a value consists of.
fn count(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<u64>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<u64>(),
        _ => 1,
    }
}

/// Tells whether a text is as long as a schema asks for, and of any form.
fn fits_length(schema: &Value, text: &str) -> bool {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    let is_free = schema.get("pattern").is_none() && schema.get("format").is_none();
    is_free
        && bound("minLength").unwrap_or(0) <= length
        && bound("maxLength").is_none_or(|most| length <= most)
}

/// Reads a number from a text, if a schema allows it.
fn own_number(schema: &Value, is_float: bool, text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let is_within = bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
        && bound("exclusiveMinimum").is_none_or(|least| number > least)
        && bound("exclusiveMaximum").is_none_or(|most| number < most)
        && schema.get("multipleOf").is_none();

    match (is_within, is_float) {
        (false, _) => None,
        (true, true) => Some(json!(number)),
        (true, false) => (number.fract() == 0.0).then(|| json!(whole(number))),
    }
}

/// Makes a text as long as a schema asks for.
fn text(schema: &Value) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let length = usize::try_from(bound("minLength").unwrap_or(0)).unwrap_or(0).min(1024);
    let mut text = LABEL.to_owned();

    while text.len() < length {
        text.push('.');
    }

    let most = bound("maxLength");
    text.truncate(most.map_or(text.len(), |most| usize::try_from(most).unwrap_or(0)));
    text
}

/// Makes a number within the bounds of a schema: the one nearest to 0, and in every other example the
/// largest.
fn number(schema: &Value, is_float: bool, which: usize) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let step = if is_float { 0.5 } else { 1.0 };

    let least = bound("minimum").or(bound("exclusiveMinimum").map(|bound| bound + step));
    let most = bound("maximum").or(bound("exclusiveMaximum").map(|bound| bound - step));

    let number = match (least, most) {
        (_, Some(most)) if which % 2 == 1 => most,
        (least, None) if which % 2 == 1 => least.unwrap_or(0.0) + 10.0,
        (Some(least), _) if least > 0.0 => least,
        (_, Some(most)) if most < 0.0 => most,
        _ => 0.0,
    };

    if is_float {
        return json!(number);
    }
    json!(whole(if number > 0.0 { number.ceil() } else { number.floor() }))
}

#[allow(clippy::cast_possible_truncation, reason = "it has no fraction, and is cut at the ends")]
fn whole(number: f64) -> i64 {
    number as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message::Role;
    use crate::model::request::Settings;
    use crate::model::tool::{ToolChoice, ToolResult, ToolSpec};

    fn request(text: &str) -> Request {
        let messages = vec![Message::new(Role::User, text)];
        Request::new(messages, Settings::default(), None)
    }

    async fn ask(demo: &Demo, text: &str) -> String {
        demo.send(&request(text)).await.map_or_else(|e| e.to_string(), |reply| reply.said.text)
    }

    #[tokio::test]
    async fn the_same_seed_repeats_and_the_same_question_varies() {
        let examples = "Review: good\nSentiment: positive\nReview: bad\nSentiment: negative\n\
                        Review: fine\nSentiment:";
        let mut runs = Vec::new();
        for _ in 0..2 {
            let demo = Demo::new(DemoSpec::default(), 7);
            let mut answers = Vec::new();
            for _ in 0..20 {
                answers.push(ask(&demo, examples).await);
            }
            runs.push(answers);
        }
        assert_eq!(runs[0], runs[1]);
        assert!(runs[0].contains(&"[demo] positive".to_owned()), "{:?}", runs[0]);
        assert!(runs[0].contains(&"[demo] negative".to_owned()), "{:?}", runs[0]);
    }

    #[tokio::test]
    async fn a_tool_is_called_and_its_result_is_the_answer() {
        let add = ToolSpec {
            name: "add".to_owned(),
            description: "Adds.".to_owned(),
            parameters: json!({ "type": "object", "required": ["a", "b"], "properties":
                { "a": { "type": "integer" }, "b": { "type": "integer" } } })
            .into(),
        };
        let demo = Demo::new(DemoSpec::default(), 7);
        let offer = |request: Request| request.offering(vec![add.clone()], ToolChoice::Auto);

        let mut asked = offer(request("What is 17 + 25?"));
        let called = demo.send(&asked).await.expect("a reply");
        assert_eq!(called.finish, Some(Finish::Calls));
        assert_eq!(called.said.calls[0].args, Ok(json!({ "a": 17, "b": 25 })));

        let results = vec![ToolResult::new(&called.said.calls[0], "42", false)];
        asked.messages.push(Message::of_reply(called.said));
        asked.messages.push(Message::of_results(results));
        let answered = demo.send(&asked).await.expect("a reply");
        assert_eq!((answered.finish, answered.said), (Some(Finish::Stop), "[demo] 42".into()));

        let mut fixed = DemoSpec::default();
        fixed.replies.insert("17".to_owned(), "no".to_owned());
        let said = Demo::new(fixed, 7).send(&offer(request("What is 17 + 25?"))).await;
        assert_eq!(said.expect("a reply").said, "no".into());
    }

    #[tokio::test]
    async fn faults_come_at_their_rate() {
        let demo = Demo::new(DemoSpec { error_rate: 0.3, ..DemoSpec::default() }, 1);
        let mut failed = 0;
        for n in 0..400 {
            failed += u32::from(demo.send(&request(&n.to_string())).await.is_err());
        }
        assert!((80..160).contains(&failed), "{failed} of 400");
    }

    #[tokio::test]
    async fn a_reply_ends_at_its_limit_and_says_so() {
        let demo = Demo::new(DemoSpec::default(), 7);
        let asked = async |text: &str, max_tokens, schema| {
            let settings = Settings { max_tokens: Some(max_tokens), ..Settings::default() };
            let request = Request::new(vec![Message::new(Role::User, text)], settings, schema);
            let reply = demo.send(&request).await.expect("a reply");
            (reply.said.text, reply.finish, reply.usage.map(|usage| usage.output_visible))
        };

        let said = |text: &str, finish, tokens| (text.to_owned(), Some(finish), Some(tokens));
        assert_eq!(asked("a lake", 4, None).await, said("[demo] you asked", Finish::Length, 4));
        assert_eq!(asked("a lake", 1, None).await, said("[dem", Finish::Length, 1));
        assert_eq!(asked("ok", 5, None).await, said("[demo] you asked: ok", Finish::Stop, 5));
        // A character is never cut in two: this one begins with the last byte that would fit.
        assert_eq!(asked("aéé", 5, None).await, said("[demo] you asked: a", Finish::Length, 5));

        let schema = json!({ "type": "object", "required": ["a"],
            "properties": { "a": { "type": "string" } } });
        let short = asked("x", 2, Some(schema.clone())).await;
        assert_eq!(short, said(r#"{"a":"[d"#, Finish::Length, 2));
        let whole = asked("x", 4, Some(schema)).await;
        assert_eq!(whole, said(r#"{"a":"[demo]"}"#, Finish::Stop, 4));
    }

    #[test]
    fn an_example_of_a_schema_that_asks_for_very_much_is_small() {
        let mut lists = json!({ "type": "string" });
        for _ in 0..8 {
            lists = json!({ "type": "array", "minItems": 1000, "items": lists });
        }
        let names: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
        let own: Map<String, Value> =
            names.iter().map(|name| (name.clone(), json!({ "$ref": "#" }))).collect();
        let objects = json!({ "type": "object", "properties": own, "required": names });

        for schema in [lists, objects] {
            let made = count(&example(&schema));
            assert!(made <= 2 * VALUES_MAX, "{made}");
        }
    }

    #[test]
    fn a_schema_gets_a_valid_instance() {
        let schema = json!({
            "type": "object", "required": ["label", "score", "tags"],
            "properties": {
                "label": { "enum": ["a", "b"] },
                "score": { "type": "integer", "minimum": 1 },
                "tags": { "type": "array", "minItems": 1, "items": { "type": "string" } },
                "more": { "type": "string" },
            },
        });
        let expected = json!({ "label": "a", "score": 1, "tags": ["[demo]"] });
        assert_eq!(example(&schema), expected);

        let bounded = [
            json!({ "type": "integer", "exclusiveMinimum": 2.5 }),
            json!({ "type": "integer", "maximum": -3 }),
            json!({ "type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 2 }),
            json!({ "type": "number", "exclusiveMaximum": 0 }),
            json!({ "type": "string", "maxLength": 3 }),
            json!({ "type": ["integer", "null"], "minimum": 0 }),
        ];
        for schema in bounded {
            let text = example(&schema).to_string();
            assert!(crate::schema::read(&text, &schema).is_ok(), "{schema}: {text}");
        }
    }
}
