//! The plain form of a reply in OpenAI's protocol: one answer, which is a text. Nearly every reply has it, and is
//! read without making a tree of it first, which takes several times as long. Whatever has another form, be it
//! by a single field, is left to `openai.rs`.

use crate::model::provider::partial::{Partial, Sequel};
use crate::model::provider::usage::UsageReport;
use crate::model::reply::Finish;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::borrow::Cow;

/// A whole body. A field that is not named here may mean something, such as an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainReply<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(rename = "object", default)]
    _object: Option<PlainObject>,
    #[serde(rename = "created", default)]
    _created: Option<IgnoredAny>,
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    choices: [PlainChoice<'a>; 1],
    #[serde(default)]
    usage: Option<Value>,
    #[serde(rename = "service_tier", default)]
    _service_tier: Option<IgnoredAny>,
    #[serde(rename = "system_fingerprint", default)]
    _system_fingerprint: Option<IgnoredAny>,
}

/// What a body says that it is: some servers say `error` there.
#[derive(Deserialize)]
enum PlainObject {
    #[serde(rename = "chat.completion")]
    ChatCompletion,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainChoice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    message: PlainMessage<'a>,
    #[serde(borrow)]
    finish_reason: Cow<'a, str>,
    #[serde(rename = "logprobs", default)]
    _logprobs: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainMessage<'a> {
    #[serde(rename = "role", default)]
    _role: Option<IgnoredAny>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(rename = "refusal", default)]
    _refusal: Option<()>,
    #[serde(rename = "annotations", default)]
    _annotations: Option<IgnoredAny>,
    #[serde(rename = "tool_calls", default)]
    _tool_calls: Option<[IgnoredAny; 0]>,
    #[serde(rename = "function_call", default)]
    _function_call: Option<()>,
}

/// Takes in a body of the plain form; tells whether it is one. One that is not leaves everything as it was.
pub(super) fn take(partial: &mut Partial, body: &[u8]) -> bool {
    if !partial.is_empty() {
        return false;
    }
    let Ok(PlainReply { id, model, choices: [choice], usage, .. }) = serde_json::from_slice(body)
    else {
        return false;
    };
    if choice.finish_reason.is_empty() || partial.follow(id.as_deref(), true) != Ok(Sequel::GoesOn)
    {
        return false;
    }

    if let Some(usage) = &usage {
        partial.count(UsageReport::of_openai(usage), true);
    }
    if let Some(model) = model {
        partial.served_by.get_or_insert_with(|| model.into_owned());
    }

    partial.knows_ends = true;
    let taken = partial.choice(choice.index);
    taken.text = choice.message.content.into_owned();
    taken.is_whole = true;
    taken.end(Finish::of(&choice.finish_reason));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::provider::document::Documents;
    use crate::model::provider::openai;
    use crate::model::provider::partial::DocumentForm;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "id": "x", "object": "chat.completion", "created": 1, "model": "m", "service_tier": "default",
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": "stop",
                "message": {
                    "role": "assistant", "content": "Ein \"Ä\".\n", "refusal": null, "annotations": [],
                    "tool_calls": [], "function_call": null,
                },
            }],
            "usage": {
                "prompt_tokens": 20, "completion_tokens": 12, "total_tokens": 32,
                "prompt_tokens_details": { "cached_tokens": 8 },
            },
            "system_fingerprint": "f",
        })
    }

    /// Reads a body in both ways. What the short way takes must be what the long way finds.
    fn is_plain(body: &[u8]) -> bool {
        let mut short = Partial::default();
        let is_plain = take(&mut short, body);
        if !is_plain {
            assert_eq!(format!("{short:?}"), format!("{:?}", Partial::default()));
            return false;
        }

        let found = Documents::read(body);
        assert_eq!((found.values.len(), found.has_halves, &found.trouble), (1, false, &None));
        let mut long = Partial::default();
        openai::take(&mut long, &found.values[0], DocumentForm::Body).expect("a reply");
        assert_eq!(format!("{short:?}"), format!("{long:?}"), "{}", String::from_utf8_lossy(body));
        true
    }

    /// Returns the places of all parts of a value.
    fn places(value: &Value, path: &str, found: &mut Vec<String>) {
        let mut add = |step: &str, inner: &Value| {
            let path = format!("{path}/{step}");
            found.push(path.clone());
            places(inner, &path, found);
        };
        match value {
            Value::Object(map) => map.iter().for_each(|(key, inner)| add(key, inner)),
            Value::Array(items) => {
                (0..).zip(items).for_each(|(n, item): (u32, _)| add(&n.to_string(), item));
            }
            _ => {}
        }
    }

    #[test]
    fn a_plain_reply_is_read_as_the_long_way_reads_it() {
        assert!(is_plain(whole().to_string().as_bytes()));
        assert!(is_plain(br#"{"choices":[{"message":{"content":"x"},"finish_reason":"length"}]}"#));
        assert!(is_plain(
            b" {\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"eos\"}]}\r\n"
        ));

        for other in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"error":{"message":"m"}}"#,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":""}]}"#,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]} {}"#,
            r#"{"choices":[{"message":{"content":"\ud83d"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"message":{"content":"x","content":"y"},"finish_reason":"stop"}]}"#,
            r#"{"object":"error","choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"message":{"content":"x","reasoning_content":"t"},"finish_reason":"stop"}]}"#,
        ] {
            assert!(!is_plain(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn whatever_stands_in_a_reply_the_two_ways_agree() {
        let mut all = Vec::new();
        places(&whole(), "", &mut all);
        let odd = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(2.5),
            json!(""),
            json!("error"),
            json!([]),
            json!([1]),
            json!({}),
            json!({ "error": "e" }),
            json!([{ "message": "m" }]),
        ];

        let mut plain = 0;
        for place in &all {
            for value in &odd {
                let mut body = whole();
                *body.pointer_mut(place).expect("a place") = value.clone();
                plain += u32::from(is_plain(body.to_string().as_bytes()));
            }
        }
        assert!(plain > 60, "{plain}");
    }
}
