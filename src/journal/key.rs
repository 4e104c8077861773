//! What a request is known by: equal requests have equal keys, in every run.

use crate::journal::part::RequestPart;
use crate::model::Model;
use crate::model::request::{Request, Settings};
use std::fmt;

/// How many bytes of the hash are kept: with 2^32 requests, two differing ones share a key with a
/// chance of 2^-65.
const BYTES: usize = 16;

/// The hash (BLAKE3) of everything that decides what a model answers: the model and its server,
/// the messages, the settings that are sent, and the schema. Time limits and the number of tries
/// are no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; BYTES]);

impl Key {
    /// Computes the key of a request to a model.
    pub fn of(model: &Model, request: &Request) -> Key {
        let settings = deciding(&request.settings);
        let parts = (model.identity(), &request.messages, settings, &request.schema);
        Key::of_data(&parts)
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
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    use crate::model::message::{Message, Role};
    use serde_json::{Value, json};

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

    #[test]
    fn a_key_survives_the_journal() {
        let key = Key::of(&Model::demo(), &request("a", Settings::default()));
        let text = serde_json::to_string(&key).expect("text");
        assert_eq!(serde_json::from_str::<Key>(&text).expect("a key"), key);
        assert!(serde_json::from_str::<Key>("\"zz\"").is_err());
    }
}
