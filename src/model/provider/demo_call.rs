//! What the demo model does with tools: it finds arguments in the question, and answers with what came
//! of its calls. So whatever uses tools can be tried offline.

use crate::model::message::{Message, Role};
use crate::model::provider::demo::example;
use crate::model::request::Request;
use crate::model::tool::{ToolCall, ToolChoice, ToolSpec};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// The marks that a text may stand between, and their ends.
const QUOTES: &[(char, char)] =
    &[('"', '"'), ('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')];

/// What stands in a question that an argument can be made of.
struct Clues<'a> {
    question: &'a str,
    numbers: VecDeque<Value>,
    texts: VecDeque<String>,
}

/// Arguments that were made, and whether the question had all of them.
struct FoundArgs {
    args: Map<String, Value>,
    is_complete: bool,
}

/// Makes the calls that a question asks for: of every tool that it names, or else of the first whose
/// arguments all stand in it. Where a tool has to be called, the first one is.
pub(super) fn calls(request: &Request, question: &str) -> Vec<ToolCall> {
    let (tools, choice) = request.offered();
    if *choice == ToolChoice::None {
        return Vec::new();
    }

    let mut clues = Clues::of(question);
    let named = tools.iter().filter(|tool| is_named(tool, question));
    let named: Vec<ToolCall> = named.map(|tool| call(tool, clues.fill(tool).args)).collect();
    if !named.is_empty() {
        return named;
    }

    let fitting = tools.iter().find_map(|tool| {
        let found = Clues::of(question).fill(tool);
        let is_fitting = found.is_complete && !found.args.is_empty();
        is_fitting.then(|| call(tool, found.args))
    });
    let forced = || {
        let tool = tools.first().filter(|_| *choice != ToolChoice::Auto)?;
        Some(call(tool, Clues::of(question).fill(tool).args))
    };

    fitting.or_else(forced).into_iter().collect()
}

/// Returns the results that the newest question has so far, each as a text; `None` if there are none.
pub(super) fn results(messages: &[Message]) -> Option<String> {
    for message in messages.iter().rev() {
        match message.role {
            Role::Tool => {
                let texts = message.results.iter().map(|result| result.text.as_str());
                return Some(texts.collect::<Vec<_>>().join("; "));
            }
            // An answer ends what was asked before it.
            Role::Assistant if message.calls.is_empty() => return None,
            Role::Assistant | Role::User | Role::System => {}
        }
    }

    None
}

/// Makes a value for a schema out of what a text holds.
pub(super) fn value(schema: &Value, text: &str) -> Value {
    match schema.get("properties") {
        Some(_) => Value::Object(Clues::of(text).arguments(schema).args),
        None => Clues::of(text).argument(schema).unwrap_or_else(|| example(schema)),
    }
}

fn call(tool: &ToolSpec, args: Map<String, Value>) -> ToolCall {
    ToolCall::new("", &tool.name, Value::Object(args))
}

/// Tells whether a question names a tool. Of a tool of a server, the name without the server's is enough.
fn is_named(tool: &ToolSpec, question: &str) -> bool {
    let own = tool.name.rsplit_once("__").map_or(tool.name.as_str(), |(_, own)| own);
    [tool.name.as_str(), own].into_iter().any(|name| has_word(question, name))
}

/// Tells whether a text has a word that stands by itself, in whatever case.
fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let word = word.to_lowercase();
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';

    text.match_indices(&word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !word.is_empty() && !before.is_some_and(is_of_word) && !after.is_some_and(is_of_word)
    })
}

impl<'a> Clues<'a> {
    fn of(question: &'a str) -> Clues<'a> {
        let (texts, rest) = quoted(question);
        Clues { question, numbers: numbers(&rest), texts: texts.into() }
    }

    fn fill(&mut self, tool: &ToolSpec) -> FoundArgs {
        self.arguments(&tool.parameters)
    }

    /// Makes arguments: those that are required, and others as far as the question has them.
    fn arguments(&mut self, schema: &Value) -> FoundArgs {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required = schema.get("required").and_then(Value::as_array);
        let required: Vec<&str> =
            required.into_iter().flatten().filter_map(Value::as_str).collect();
        let others = properties.keys().map(String::as_str).filter(|key| !required.contains(key));

        let mut found = FoundArgs { args: Map::new(), is_complete: true };
        for name in required.iter().copied().chain(others) {
            let Some(schema) = properties.get(name) else { continue };
            let value = self.argument(schema);
            if required.contains(&name) {
                found.is_complete &= value.is_some();
                let value = value.unwrap_or_else(|| self.stand_in(schema));
                found.args.insert(name.to_owned(), value);
            } else if let Some(value) = value {
                found.args.insert(name.to_owned(), value);
            }
        }
        found
    }

    /// Takes what fits a schema out of the question.
    fn argument(&mut self, schema: &Value) -> Option<Value> {
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let is_there =
                |word: &&Value| word.as_str().is_some_and(|w| has_word(self.question, w));
            return words.iter().find(is_there).cloned();
        }

        match kind(schema) {
            "integer" => {
                let at = self.numbers.iter().position(|number| !number.is_f64())?;
                self.numbers.remove(at)
            }
            "number" => self.numbers.pop_front(),
            "string" => self.texts.pop_front().map(Value::String),
            "array" => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                let all: Vec<Value> = std::iter::from_fn(|| match kind(items) {
                    // A list of lists would be taken for one without end.
                    "integer" | "number" | "string" => self.argument(items),
                    _ => None,
                })
                .collect();
                (!all.is_empty()).then(|| all.into())
            }
            _ => None,
        }
    }

    /// Makes something in the place of what the question does not have.
    fn stand_in(&self, schema: &Value) -> Value {
        let is_free = schema.get("enum").is_none() && schema.get("maxLength").is_none();
        if kind(schema) == "string" && is_free { json!(self.question) } else { example(schema) }
    }
}

/// Returns the type that a schema asks for, or the first of several.
fn kind(schema: &Value) -> &str {
    let kind = schema.get("type");
    let first = kind.and_then(|kinds| kinds.get(0)).or(kind);
    first.and_then(Value::as_str).unwrap_or("")
}

/// Returns the texts between quotation marks, and everything else.
fn quoted(text: &str) -> (Vec<String>, String) {
    let mut texts = Vec::new();
    let mut rest = String::new();
    let mut from = 0;

    while let Some(first) = text[from..].chars().next() {
        let next = from + first.len_utf8();
        let end = QUOTES.iter().find(|(open, _)| *open == first).map(|(_, end)| *end);
        // An apostrophe within a word opens nothing.
        let is_within = text[..from].chars().next_back().is_some_and(char::is_alphanumeric);
        let length = end.filter(|_| !is_within).and_then(|end| text[next..].find(end));

        if let (Some(end), Some(length)) = (end, length) {
            texts.push(text[next..next + length].to_owned());
            rest.push(' ');
            from = next + length + end.len_utf8();
        } else {
            rest.push(first);
            from = next;
        }
    }

    (texts, rest)
}

/// Returns the numbers of a text.
fn numbers(text: &str) -> VecDeque<Value> {
    let is_of_number = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let words =
        text.split(|c: char| !is_of_number(c)).map(|word| word.trim_end_matches(['.', '-']));

    let read = |word: &str| -> Option<Value> {
        let starts = word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
        let whole = word.parse::<i64>().ok().map(Value::from);
        whole
            .or_else(|| word.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from))
            .filter(|_| starts)
    };
    words.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reply::ReplyContent;
    use crate::model::request::Settings;
    use crate::model::tool::ToolResult;

    fn tool(name: &str, properties: &Value, required: &[&str]) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({ "type": "object", "properties": properties, "required": required })
                .into(),
        }
    }

    fn tools() -> Vec<ToolSpec> {
        let integers = json!({ "a": { "type": "integer" }, "b": { "type": "integer" } });
        let text = json!({ "path": { "type": "string" }, "lines": { "type": "integer" } });
        let list = json!({ "all": { "type": "array", "items": { "type": "number" } } });
        let unit = json!({ "unit": { "enum": ["metres", "feet"] } });
        vec![
            tool("add", &integers, &["a", "b"]),
            tool("files__read_file", &text, &["path"]),
            tool("mean", &list, &["all"]),
            tool("now", &json!({}), &[]),
            tool("convert", &unit, &["unit"]),
        ]
    }

    fn asked(question: &str, choice: ToolChoice) -> Value {
        let messages = vec![Message::new(Role::User, question)];
        let request = Request::new(messages, Settings::default(), None);
        let calls = calls(&request.offering(tools(), choice), question);
        calls.into_iter().map(|call| json!([call.name, call.args.ok()])).collect()
    }

    #[test]
    fn arguments_come_out_of_the_question() {
        let check = |question: &str, expected: Value| {
            assert_eq!(asked(question, ToolChoice::Auto), expected, "{question}");
        };

        check("What is 17 + 25?", json!([["add", { "a": 17, "b": 25 }]]));
        check("What's -3 and 4.", json!([["add", { "a": -3, "b": 4 }]]));
        check("Please read_file 'a 1.txt'.", json!([["files__read_file", { "path": "a 1.txt" }]]));
        check(
            "Open \"a.txt\", 7 lines",
            json!([["files__read_file", { "path": "a.txt", "lines": 7 }]]),
        );
        check("The mean of 1, 2.5 and 4", json!([["mean", { "all": [1, 2.5, 4] }]]));
        check("How long in feet?", json!([["convert", { "unit": "feet" }]]));
        check("Add 1 and 2, and tell me now", json!([["add", { "a": 1, "b": 2 }], ["now", {}]]));
        check("add it up", json!([["add", { "a": 0, "b": 0 }]]));
        check("An address, nowhere, v2 of x86", json!([]));
        check("How are you?", json!([]));
    }

    #[test]
    fn a_choice_is_kept_to() {
        assert_eq!(
            asked("How are you?", ToolChoice::Required),
            json!([["add", { "a": 0, "b": 0 }]])
        );
        assert_eq!(
            asked("How are you?", ToolChoice::Name("files__read_file".to_owned())),
            json!([["files__read_file", { "path": "How are you?" }]])
        );
        assert_eq!(asked("What is 17 + 25?", ToolChoice::None), json!([]));
    }

    #[test]
    fn only_results_of_the_newest_question_are_told() {
        let call = ToolCall::new("k1", "add", json!({}));
        let step = [
            Message::new(Role::User, "1 + 2?"),
            Message::of_reply(ReplyContent { calls: vec![call.clone()], ..Default::default() }),
            Message::of_results(vec![ToolResult::new(&call, "3", false)]),
        ];
        let told = Some("3".to_owned());
        let then = |more: &[Message]| results(&[&step, more].concat());

        assert_eq!(then(&[]), told);
        assert_eq!(then(&[Message::new(Role::User, "Answer now.")]), told);
        let answer = [Message::new(Role::Assistant, "3"), Message::new(Role::User, "And 4?")];
        assert_eq!(then(&answer), None);
        assert_eq!(results(&step[..1]), None);
    }

    #[test]
    fn a_value_takes_what_a_result_holds() {
        let schema = json!({ "type": "object", "required": ["sum", "why"], "properties":
            { "sum": { "type": "integer" }, "why": { "type": "string" } } });
        assert_eq!(value(&schema, "42"), json!({ "sum": 42, "why": "42" }));
        assert_eq!(value(&json!({ "type": "integer" }), "it is 42"), json!(42));
        assert_eq!(value(&json!({ "type": "boolean" }), "42"), json!(false));
    }
}
