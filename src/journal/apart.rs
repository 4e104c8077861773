//! Long texts of events, which have rows of their own. Whoever needs only times, outcomes and figures of a run
//! reads the rows of its events and leaves the texts where they are. A text has the number before that of its
//! event. In its place in the event is a short text that differs if the text does.

use crate::base::secret;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::part::RequestPart;
use serde_json::Value;
use std::borrow::Cow;

/// From how many bytes on a text has a row of its own.
const BYTES_MIN: usize = 4 << 10;
/// How the body of an event ends whose text stands apart.
const TEXT_TAIL: &str = ",\"apart\":\"text\"}";
/// The same, if the text is JSON.
const JSON_TAIL: &str = ",\"apart\":\"json\"}";

/// What the text of an event is that stands apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApartText {
    /// The text of a person or a model, or a value that is one.
    Plain,
    /// A value as JSON.
    Json,
}

impl ApartText {
    /// Tells whether the text of an event stands apart, by the event's body.
    pub(super) fn of(body: &str) -> Option<ApartText> {
        if body.ends_with(TEXT_TAIL) {
            Some(ApartText::Plain)
        } else if body.ends_with(JSON_TAIL) {
            Some(ApartText::Json)
        } else {
            None
        }
    }

    /// Puts the text back in its place; an error says why that cannot be.
    pub(super) fn put_back(self, event: &mut Event, text: String) -> Result<(), String> {
        let value = match self {
            ApartText::Plain => None,
            ApartText::Json => {
                Some(serde_json::from_str(&text).map_err(|error| format!("its text: {error}"))?)
            }
        };

        match (place(event), value) {
            (Some(TextPlace::Text(place)), None) => *place = text,
            (Some(TextPlace::Value(place)), value) => {
                *place = value.unwrap_or(Value::String(text));
            }
            (None, _) | (Some(TextPlace::Text(_)), Some(_)) => {
                return Err("it has no place for its text".to_owned());
            }
        }
        Ok(())
    }
}

/// An event as it is kept: its body, and the text that stands apart if it is long.
#[derive(Debug, PartialEq)]
pub(super) struct WrittenEvent {
    pub(super) body: String,
    pub(super) text: Option<String>,
}

impl WrittenEvent {
    /// Writes an event, without secrets.
    pub(super) fn of(event: &Event) -> WrittenEvent {
        let written = WrittenEvent::with_secrets(event);
        if !written.may_hold_secret() {
            return written;
        }
        WrittenEvent::with_secrets(&event.clone().without_secrets())
    }

    fn with_secrets(event: &Event) -> WrittenEvent {
        let write = |event: &Event| serde_json::to_string(event).expect("events are plain data");
        if !is_long(event) {
            return WrittenEvent { body: write(event), text: None };
        }

        let mut short = event.clone();
        let Some((kind, text)) = place(&mut short).map(TextPlace::take) else {
            return WrittenEvent { body: write(event), text: None };
        };
        let mut body = write(&short);
        body.pop();
        body.push_str(match kind {
            ApartText::Plain => TEXT_TAIL,
            ApartText::Json => JSON_TAIL,
        });
        WrittenEvent { body, text: Some(text) }
    }

    fn may_hold_secret(&self) -> bool {
        let is_in =
            |text: &str| secret::may_hold(text) || matches!(secret::scrub(text), Cow::Owned(_));
        secret::may_hold(&self.body) || self.text.as_deref().is_some_and(is_in)
    }
}

/// Where the text of an event is.
enum TextPlace<'a> {
    Text(&'a mut String),
    Value(&'a mut Value),
}

impl TextPlace<'_> {
    /// Takes the text out, and leaves a short one that differs if the text does.
    fn take(self) -> (ApartText, String) {
        match self {
            TextPlace::Text(place) | TextPlace::Value(Value::String(place)) => {
                let short = short(place).into_owned();
                (ApartText::Plain, std::mem::replace(place, short))
            }
            TextPlace::Value(place) => {
                let text = place.to_string();
                *place = Value::String(short(&text).into_owned());
                (ApartText::Json, text)
            }
        }
    }
}

/// Returns what stands for a text where it would be too long; a text that is not, stands for itself.
pub fn short(text: &str) -> Cow<'_, str> {
    if text.len() < BYTES_MIN {
        return Cow::Borrowed(text);
    }
    let hash = blake3::hash(text.as_bytes()).to_hex();
    Cow::Owned(format!("[{} bytes, {}]", text.len(), &hash[..32]))
}

fn place(event: &mut Event) -> Option<TextPlace<'_>> {
    match event {
        Event::AttemptStarted { prompt: text, .. }
        | Event::AttemptEnded { reply: Some(text), .. } => Some(TextPlace::Text(text)),
        Event::RequestPart { part: RequestPart::Message { message, .. }, .. } => {
            Some(TextPlace::Text(&mut message.content))
        }
        Event::OpEnded { outcome: Outcome::Completed { value }, .. }
        | Event::ToolStarted { args: value, .. }
        | Event::ToolEnded { result: Some(value), .. } => Some(TextPlace::Value(value)),
        _ => None,
    }
}

/// Tells whether an event has a text that is long.
fn is_long(event: &Event) -> bool {
    let bytes = match event {
        Event::AttemptStarted { prompt: text, .. }
        | Event::AttemptEnded { reply: Some(text), .. } => text.len(),
        Event::RequestPart { part: RequestPart::Message { message, .. }, .. } => {
            message.content.len()
        }
        Event::OpEnded { outcome: Outcome::Completed { value }, .. }
        | Event::ToolStarted { args: value, .. }
        | Event::ToolEnded { result: Some(value), .. } => weight(value),
        _ => 0,
    };
    bytes >= BYTES_MIN
}

/// Returns about how many bytes a value takes as JSON, and never too many.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| weight(item) + 1).sum(),
        Value::Object(fields) => fields.iter().map(|(key, item)| key.len() + weight(item)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{FlowId, OpId};
    use serde_json::json;

    fn ended(value: Value) -> Event {
        let outcome = Outcome::Completed { value };
        Event::OpEnded { flow: FlowId(1), op: OpId(7), outcome }
    }

    fn read(written: &WrittenEvent) -> Event {
        let mut event = serde_json::from_str(&written.body).expect("an event");
        if let Some(kind) = ApartText::of(&written.body) {
            let text = written.text.clone().expect("a text");
            kind.put_back(&mut event, text).expect("a place");
        }
        event
    }

    #[test]
    fn a_long_text_stands_apart_and_comes_back() {
        let long = "é\"\n".repeat(2000);
        let list = json!({ "a": [long, 1], "apart": true });
        for value in [json!(long), list, json!("short"), json!({ "apart": "text" }), Value::Null] {
            let event = ended(value.clone());
            let written = WrittenEvent::of(&event);
            assert_eq!(written.text.is_some(), value.to_string().len() > BYTES_MIN);
            assert!(written.body.len() < 200, "{}", written.body);
            assert_eq!(read(&written), event);
        }
    }

    #[test]
    fn what_stands_for_a_text_tells_it_from_others() {
        let body = |text: &str| WrittenEvent::of(&ended(json!(text.repeat(5000)))).body;
        assert_eq!(body("a"), body("a"));
        assert_ne!(body("a"), body("b"));
        expect_test::expect![[r#"{"kind":"op_ended","flow":1,"op":7,"outcome":"completed","value":"[5000 bytes, 09d0d29a5f2dc69dff0809823ca86783]","apart":"text"}"#]]
        .assert_eq(&body("a"));
    }

    #[test]
    fn a_secret_in_a_long_text_is_taken_out() {
        drop(secret::Secret::new("sk-apart-canary-0001"));
        let text = format!("{}sk-apart-canary-0001\"", "x".repeat(5000));
        for value in [json!(text), json!([text])] {
            let written = WrittenEvent::of(&ended(value));
            let text = written.text.expect("a long text");
            assert!(!text.contains("canary") && text.contains("[secret]"), "{text}");
        }
    }
}
