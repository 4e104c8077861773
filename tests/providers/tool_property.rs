//! A property over replies with calls: whatever the server's way to number and name calls, wherever the
//! bytes end, either exactly the calls that were made are given on, or none.
//! `KAIZEN_LONG=1 cargo test providers::tool_property` tries twenty times as many replies.

use super::model;
use super::property::{Way, response};
use super::reply::Served;
use crate::support::server::{Act, Server};
use futures::StreamExt;
use kaizen::base::rng::Rng;
use kaizen::model::message::{Message, Role};
use kaizen::model::reply::Finish;
use kaizen::model::request::{Request, Settings};
use kaizen::model::tool::{ToolChoice, ToolSpec};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How many requests are under way together.
const AT_ONCE: usize = 16;
const NAMES: &[&str] = &["add", "sub", "files__read_file"];
const WORDS: &[&str] =
    &["tool_calls", "stop", "function_call", "length", "content_filter", "error", "", "weird"];
const LETTERS: &[&str] = &["a", "\"", "\\", "{", "}", "\n", "é", "😀", "\u{2028}", "1", ":", ","];

/// How a server tells calls apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// By places, with an id each.
    PlacesAndIds,
    /// By places, without ids.
    Places,
    /// By places, the same id for all.
    OneId,
    /// By ids; each has the place 0.
    OnePlace,
    /// By ids, without places.
    Ids,
    /// By names alone, each call in one piece.
    Pieces,
}

const NAMINGS: [Naming; 6] = [
    Naming::PlacesAndIds,
    Naming::Places,
    Naming::OneId,
    Naming::OnePlace,
    Naming::Ids,
    Naming::Pieces,
];

/// A reply of chance, and what comes of it if all of it arrives.
#[derive(Debug, Clone)]
struct Made {
    streamed: bool,
    naming: Naming,
    text: String,
    calls: Vec<(&'static str, Value)>,
    word: &'static str,
    /// Whether the last bytes are lost.
    cut: Option<usize>,
    bytes: String,
    /// Where the word for the end is whole.
    decided_at: usize,
}

fn below(rng: &mut Rng, count: usize) -> usize {
    usize::try_from(rng.below(count as u64)).unwrap()
}

fn one<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[below(rng, all.len())]
}

fn words(rng: &mut Rng) -> String {
    (0..below(rng, 12)).map(|_| one(rng, LETTERS)).collect()
}

fn value(rng: &mut Rng, depth: usize) -> Value {
    match below(rng, if depth > 2 { 4 } else { 6 }) {
        0 => words(rng).into(),
        1 => i64::try_from(rng.below(1_000_000)).unwrap().into(),
        2 => json!(rng.unit()),
        3 => one(rng, &[true, false]).into(),
        4 => (0..below(rng, 3)).map(|_| value(rng, depth + 1)).collect(),
        _ => object(rng, depth + 1),
    }
}

fn object(rng: &mut Rng, depth: usize) -> Value {
    let fields = (0..below(rng, 4)).map(|number| (format!("f{number}{}", words(rng)), Value::Null));
    let mut fields: Map<String, Value> = fields.collect();
    for field in fields.values_mut() {
        *field = value(rng, depth);
    }
    fields.into()
}

/// Splits a text into pieces of chance, none of them within a character.
fn pieces(rng: &mut Rng, text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < letters.len() {
        let to = (from + 1 + below(rng, 9)).min(letters.len());
        pieces.push(letters[from..to].iter().collect());
        from = to;
    }
    pieces
}

impl Made {
    fn by_chance(rng: &mut Rng) -> Made {
        let mut made = Made {
            streamed: one(rng, &[true, false]),
            naming: one(rng, &NAMINGS),
            text: words(rng),
            calls: (0..below(rng, 4)).map(|_| (one(rng, NAMES), object(rng, 0))).collect(),
            word: one(rng, WORDS),
            cut: None,
            bytes: String::new(),
            decided_at: 0,
        };
        if below(rng, 2) == 0 {
            made.word = "tool_calls";
        }

        made.bytes = if made.streamed { made.stream(rng) } else { made.body(rng) };
        // Of a body, nothing is known before its end.
        let end = made.bytes.len();
        made.decided_at = if made.streamed {
            made.bytes
                .find("\"finish_reason\":\"")
                .map_or(end, |at| at + made.bytes[at..].find("\n\n").unwrap_or(0))
        } else {
            end
        };
        if below(rng, 3) == 0 {
            made.cut = Some(below(rng, end));
        }
        made
    }

    fn id(&self, number: usize) -> Option<String> {
        match self.naming {
            Naming::PlacesAndIds | Naming::OnePlace | Naming::Ids => Some(format!("id-{number}")),
            Naming::OneId => Some("same".to_owned()),
            Naming::Places | Naming::Pieces => None,
        }
    }

    fn args(&self, rng: &mut Rng, number: usize) -> Value {
        let args = &self.calls[number].1;
        if one(rng, &[true, false]) { args.clone() } else { args.to_string().into() }
    }

    fn body(&self, rng: &mut Rng) -> String {
        let calls: Vec<Value> = (0..self.calls.len())
            .map(|number| {
                json!({ "id": self.id(number), "type": "function", "function":
                    { "name": self.calls[number].0, "arguments": self.args(rng, number) } })
            })
            .collect();
        json!({ "choices": [{ "index": 0, "finish_reason": self.word, "message":
            { "role": "assistant", "content": self.text, "tool_calls": calls } }] })
        .to_string()
    }

    fn stream(&self, rng: &mut Rng) -> String {
        let mut deltas: Vec<Value> = vec![json!({ "role": "assistant", "content": "" })];
        deltas.extend(pieces(rng, &self.text).into_iter().map(|text| json!({ "content": text })));

        for (number, (name, args)) in self.calls.iter().enumerate() {
            let place = match self.naming {
                Naming::PlacesAndIds | Naming::Places | Naming::OneId => json!(number),
                Naming::OnePlace => json!(0),
                Naming::Ids | Naming::Pieces => Value::Null,
            };
            let mut first = json!({ "index": place, "id": self.id(number), "type": "function",
                "function": { "name": name, "arguments": "" } });
            if self.naming == Naming::Pieces {
                first["function"]["arguments"] = self.args(rng, number);
                deltas.push(json!({ "tool_calls": [first] }));
                continue;
            }

            deltas.push(json!({ "tool_calls": [first] }));
            // Some servers say the id with each piece.
            let id = self.id(number).filter(|_| one(rng, &[true, false]));
            deltas.extend(pieces(rng, &args.to_string()).into_iter().map(|args| {
                json!({ "tool_calls": [{ "index": place, "id": id,
                    "function": { "arguments": args } }] })
            }));
        }

        let event = |delta: &Value, word: Value| {
            let event =
                json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": word }] });
            format!("data: {event}\n\n")
        };
        let mut stream: String = deltas.iter().map(|delta| event(delta, Value::Null)).collect();
        stream.push_str(&event(&json!({}), self.word.into()));
        stream.push_str("data: [DONE]\n\n");
        stream
    }

    fn act(&self) -> Act {
        let served = if self.streamed { Served::Events } else { Served::Whole };
        let way = self.cut.map_or(Way::Whole, Way::Closed);
        response(served, "content-type: application/json\r\n", self.bytes.as_bytes(), way)
    }

    /// Returns the calls that have to come, or nothing if there must be an error.
    fn expected(&self) -> Option<Vec<Value>> {
        // A server may send an empty word with every piece until there is one.
        if !Finish::of(self.word).is_whole() || self.word.is_empty() {
            return None;
        }
        let says_calls = Finish::of(self.word) == Finish::Calls;
        if self.calls.is_empty() && (says_calls || self.text.trim().is_empty()) {
            return None;
        }

        let mut made = 0;
        let mut known: Vec<String> = Vec::new();
        let calls = self.calls.iter().enumerate().map(|(number, (name, args))| {
            let own = self.id(number).filter(|id| !known.contains(id));
            let id = own.unwrap_or_else(|| {
                made += 1;
                format!("k{made}")
            });
            known.push(id.clone());
            json!([id, name, args])
        });
        Some(calls.collect())
    }
}

async fn check(seed: u64, all: Vec<Made>) {
    let all = Arc::new(all);
    let answers = all.clone();
    let server = Server::start(move |_, _, body| {
        let number = body.split("case ").nth(1).and_then(|rest| rest.split(';').next());
        answers[number.unwrap().parse::<usize>().unwrap()].act()
    });
    let model = model("openai", &server.url);
    let tool = |name: &&str| ToolSpec {
        name: (*name).to_owned(),
        description: "x".to_owned(),
        parameters: json!({ "type": "object" }).into(),
    };
    let tools: Vec<ToolSpec> = NAMES.iter().map(tool).collect();

    let asked = futures::stream::iter(all.iter().enumerate()).map(|(number, made)| {
        let messages = vec![Message::new(Role::User, format!("case {number};"))];
        let settings = Settings { stream: Some(made.streamed), ..Settings::default() };
        let request = Request::new(messages, settings, None);
        let request = request.offering(tools.clone(), ToolChoice::Auto);
        let model = &model;
        async move {
            let called = model.call(&request).await;
            let found = called.result.as_ref().ok().map(|said| {
                let calls = said.calls.iter();
                calls.map(|c| json!([c.id, c.name, c.args.as_ref().ok()])).collect::<Vec<_>>()
            });
            let is_lost = made.cut.is_some_and(|cut| cut < made.decided_at);
            let expected = made.expected().filter(|_| !is_lost);
            // What is cut after the word for the end may be whole.
            let is_open = made.cut.is_some() && !is_lost && found.is_none();
            let is_right = found == expected || is_open;
            (!is_right).then(|| format!("{made:?}\n  came {:?}, not {expected:?}", called.result))
        }
    });
    let wrong: Vec<String> =
        asked.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
    assert!(wrong.is_empty(), "seed {seed}: {} are wrong:\n{}", wrong.len(), wrong[0]);
}

#[tokio::test]
async fn calls_come_whole_or_not_at_all() {
    let is_long = std::env::var_os("KAIZEN_LONG").is_some();
    let parts = if is_long { 20 } else { 1 };
    let seed = std::env::var("KAIZEN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut rng = Rng::seeded(seed);
    for _ in 0..parts {
        check(seed, (0..1500).map(|_| Made::by_chance(&mut rng)).collect()).await;
    }
}
