//! What a request is known by: equal requests have equal keys, in every run.

use crate::journal::part::RequestPart;
use crate::model::Model;
use crate::model::message::Message;
use crate::model::request::{Request, Settings};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// How many bytes of the hash are kept: with 2^32 requests, two differing ones share a key with a
/// chance of 2^-65.
const BYTES: usize = 16;

/// The hash (BLAKE3) of everything that decides what a model answers: the model and its server,
/// the messages, the settings that are sent, the schema, and the tools if there are any. Time limits and the number of tries
/// are no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; BYTES]);

impl Key {
    /// Computes the key of a request to a model.
    pub fn of(model: &Model, request: &Request) -> Key {
        Key::of_identity(&model.identity(), request)
    }

    /// Computes the key that a request had in journals of 0.1.0, if it had another one.
    pub fn earlier(model: &Model, request: &Request) -> Option<Key> {
        model.earlier_identity().map(|identity| Key::of_identity(&identity, request))
    }

    fn of_identity(model: &str, request: &Request) -> Key {
        let messages = deciding_messages(&request.messages);
        let settings = deciding(&request.settings);
        let schema = &request.schema;

        // Requests without tools keep the keys that they had before there were tools.
        if request.tools.is_empty() {
            return Key::of_data(&(model, messages, settings, schema));
        }
        Key::of_data(&(model, messages, settings, schema, &request.tools, &request.choice))
    }

    /// Computes the key of a part of a request.
    pub fn of_part(part: &RequestPart) -> Key {
        Key::of_data(part)
    }

    fn of_data(data: &impl serde::Serialize) -> Key {
        let text = serde_json::to_vec(data).expect("requests are plain data");
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&blake3::hash(&text).as_bytes()[..BYTES]);

        Key(bytes)
    }
}

/// Returns the messages as they decide what a model answers: the ids of calls count by their order only,
/// and what only a provider understands does not count. Both are others each time.
pub fn deciding_messages(messages: &[Message]) -> Cow<'_, [Message]> {
    if messages.iter().all(Message::is_plain) {
        return Cow::Borrowed(messages);
    }

    let mut ordinals: HashMap<String, String> = HashMap::new();
    let mut ordinal = |id: &str| {
        let next = (ordinals.len() + 1).to_string();
        ordinals.entry(id.to_owned()).or_insert(next).clone()
    };

    let mut deciding = messages.to_vec();
    for message in &mut deciding {
        message.opaque.clear();
        message.calls.iter_mut().for_each(|call| call.id = ordinal(&call.id));
        message.results.iter_mut().for_each(|result| result.id = ordinal(&result.id));
    }
    Cow::Owned(deciding)
}

/// Returns the settings that decide what a model answers: all but time limits and tries.
pub fn deciding(settings: &Settings) -> Settings {
    Settings {
        stream: None,
        timeout_ms: None,
        header_timeout_ms: None,
        idle_timeout_ms: None,
        attempts_max: None,
        ..settings.clone()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Each request has several, and to format byte by byte is slow.
        let mut text = [0; 2 * BYTES];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]));
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("a key is 32 hexadecimal digits");

        // Only in ASCII are two bytes two digits.
        let digits = Some(&*text).filter(|text| text.is_ascii() && text.len() == 2 * BYTES);
        let digits = digits.ok_or_else(wrong)?;

        let mut bytes = [0; BYTES];
        for (place, byte) in bytes.iter_mut().enumerate() {
            let pair = &digits[2 * place..2 * place + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }

        Ok(Key(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message::Role;
    use crate::model::opaque::{OpaquePart, OpaquePlace};
    use crate::model::reply::ReplyContent;
    use crate::model::tool::{ToolCall, ToolChoice, ToolResult, ToolSpec};
    use serde_json::{Map, Value, json};

    fn request(text: &str, settings: Settings) -> Request {
        Request::new(vec![Message::new(Role::User, text)], settings, None)
    }

    #[test]
    fn only_what_decides_the_answer_decides_the_key() {
        let model = Model::demo();
        let key = |text: &str, settings: Settings| Key::of(&model, &request(text, settings));
        let plain = key("a", Settings::default());
        let patient =
            Settings { timeout_ms: Some(5), attempts_max: Some(2), ..Settings::default() };

        assert_eq!(plain, key("a", patient));
        assert_ne!(plain, key("b", Settings::default()));
        assert_ne!(plain, key("a", Settings { temperature: Some(0.5), ..Settings::default() }));
    }

    #[test]
    fn keys_are_those_of_version_0_1() {
        let model = Model::demo();
        let schema = json!({ "type": "object", "properties": { "b": {}, "a": {} } });
        let asked = |schema: Option<Value>| {
            let messages =
                vec![Message::new(Role::System, "be brief"), Message::new(Role::User, "a")];
            let settings = Settings { max_tokens: Some(5), ..Settings::default() };
            Key::of(&model, &Request::new(messages, settings, schema)).to_string()
        };

        assert_eq!(asked(None), "10cec5bbe3bc8c921136ef2e30c6522b");
        assert_eq!(asked(Some(schema)), "9e5505593c1fb105ac630167d3ce4405");
    }

    /// What version 0.1 hashed, letter by letter.
    #[test]
    fn a_request_without_tools_is_hashed_as_the_text_that_it_was_before_there_were_tools() {
        let model = Model::demo();
        let message = |role, text: &str| Message::new(role, text);
        let messages = vec![
            message(Role::System, "s"),
            message(Role::User, "q \"1\""),
            message(Role::Assistant, "a"),
            message(Role::User, "q 2"),
        ];
        let settings = Settings {
            temperature: Some(0.25),
            stop: vec!["end".to_owned()],
            extra: Map::from_iter([("top_k".to_owned(), json!(3))]),
            stream: Some(true),
            timeout_ms: Some(9),
            ..Settings::default()
        };

        let text = concat!(
            r#"["demo/echo 0 {}",[{"role":"system","content":"s"},{"role":"user","content":"q \"1\""},"#,
            r#"{"role":"assistant","content":"a"},{"role":"user","content":"q 2"}],"#,
            r#"{"temperature":0.25,"stop":["end"],"extra":{"top_k":3}},{"type":"object"}]"#,
        );
        let hash = blake3::hash(text.as_bytes()).to_hex();

        let request = Request::new(messages, settings, Some(json!({ "type": "object" })));
        assert_eq!(Key::of(&model, &request).to_string(), hash[..32]);
        // A choice among no tools is none.
        let forced = request.offering(Vec::new(), ToolChoice::Required);
        assert_eq!(Key::of(&model, &forced).to_string(), hash[..32]);
    }

    fn tool(name: &str) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: "Adds.".to_owned(),
            parameters: json!({ "type": "object" }).into(),
        }
    }

    /// The key of a second step: one call, whose id and signature are given, and its result.
    fn step(id: &str, signature: &str, args: Value, result: &str) -> Key {
        let call = ToolCall::new(id, "add", args);
        let results = vec![ToolResult::new(&call, result, false)];
        let opaque = vec![OpaquePart {
            model: "m".to_owned(),
            place: OpaquePlace::Call(0),
            data: json!({ "signature": signature }),
        }];
        let said = ReplyContent { text: String::new(), calls: vec![call], opaque };

        let messages = vec![
            Message::new(Role::User, "a"),
            Message::of_reply(said),
            Message::of_results(results),
        ];
        let request = Request::new(messages, Settings::default(), None);
        Key::of(&Model::demo(), &request.offering(vec![tool("add")], ToolChoice::Auto))
    }

    #[test]
    fn tools_decide_the_key_and_ids_and_signatures_do_not() {
        let plain = step("k1", "x", json!({ "a": 1, "b": 2 }), "3");
        assert_eq!(plain, step("call_9", "y", json!({ "a": 1, "b": 2 }), "3"));
        assert_ne!(plain, step("k1", "x", json!({ "b": 2, "a": 1 }), "3"));
        assert_ne!(plain, step("k1", "x", json!({ "a": 1, "b": 2 }), "4"));

        let key = |tools: &[&str], choice: ToolChoice| {
            let tools = tools.iter().map(|name| tool(name)).collect();
            let request = request("a", Settings::default()).offering(tools, choice);
            Key::of(&Model::demo(), &request)
        };
        let all = [
            key(&[], ToolChoice::Auto),
            key(&["a", "b"], ToolChoice::Auto),
            key(&["b", "a"], ToolChoice::Auto),
            key(&["a", "b"], ToolChoice::Required),
            key(&["a", "b"], ToolChoice::None),
            key(&["a", "b"], ToolChoice::Name("a".to_owned())),
        ];
        for (number, one) in all.iter().enumerate() {
            assert!(!all[..number].contains(one), "{number}");
        }
    }

    #[test]
    fn the_order_of_ids_tells_which_result_is_whose() {
        let key = |ids: [&str; 2], answered: [&str; 2]| {
            let call = |id: &str| ToolCall::new(id, "add", json!({}));
            let calls = ids.map(call).to_vec();
            let results = answered.map(|id| ToolResult::new(&call(id), "3", false)).to_vec();
            let messages = vec![
                Message::of_reply(ReplyContent { calls, ..ReplyContent::default() }),
                Message::of_results(results),
            ];
            Key::of(&Model::demo(), &Request::new(messages, Settings::default(), None))
        };

        assert_eq!(key(["x", "y"], ["x", "y"]), key(["p", "q"], ["p", "q"]));
        assert_ne!(key(["x", "y"], ["x", "y"]), key(["x", "y"], ["y", "x"]));
    }

    #[test]
    fn a_key_survives_the_journal() {
        let key = Key::of(&Model::demo(), &request("a", Settings::default()));
        let text = serde_json::to_string(&key).expect("text");
        assert_eq!(serde_json::from_str::<Key>(&text).expect("a key"), key);
        assert!(serde_json::from_str::<Key>("\"zz\"").is_err());
    }
}
