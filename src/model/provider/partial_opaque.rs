//! What a reply holds for its provider alone, as far as it has come.

use crate::base::json::{is_deeper_than, map_texts};
use crate::model::opaque::{OpaquePart, OpaquePlace};
use crate::model::provider::document;
use crate::model::provider::partial_call::DEPTH_MAX;
use serde_json::{Map, Value};

/// Fields of a detail that come in pieces.
const JOINED: &[&str] = &["text", "summary", "data"];

/// One part as far as it has come.
#[derive(Debug)]
struct PartialPart {
    place: OpaquePlace,
    /// The number that the server gives it, if it does.
    index: Option<u64>,
    data: Map<String, Value>,
}

/// The parts as far as they have come, in their order.
#[derive(Debug, Default)]
pub(super) struct PartialOpaque {
    parts: Vec<PartialPart>,
    /// How many bytes have come.
    size: usize,
}

impl PartialOpaque {
    /// Begins a part that the server gives a number.
    pub(super) fn begin(
        &mut self,
        place: OpaquePlace,
        index: Option<u64>,
        data: Map<String, Value>,
    ) {
        self.size += size(&data);
        self.parts.push(PartialPart { place, index, data });
    }

    /// Appends to a text of the part of a number. Where there is none, nothing was begun.
    pub(super) fn append(&mut self, index: Option<u64>, field: &str, text: &str) {
        let part = self.parts.iter_mut().rev().find(|part| part.index == index);
        if let Some(part) = part {
            self.size += text.len();
            append(&mut part.data, field, text);
        }
    }

    /// Takes in a field of a place: texts are appended, lists are joined, everything else is replaced.
    pub(super) fn add(&mut self, place: OpaquePlace, field: &str, value: &Value) {
        if value.is_null() {
            return;
        }
        self.size += match value {
            Value::String(text) => text.len(),
            other => other.to_string().len(),
        };

        let data = self.data(place);
        match (data.get_mut(field), value) {
            (Some(Value::String(_)), Value::String(text)) => append(data, field, text),
            (Some(Value::Array(known)), Value::Array(items)) => join(known, items),
            _ => {
                data.insert(field.to_owned(), value.clone());
            }
        }
    }

    /// Puts a field in the place of what was there.
    pub(super) fn set(&mut self, place: OpaquePlace, field: &str, value: &Value) {
        if value.is_null() {
            return;
        }

        self.size += value.to_string().len();
        self.data(place).insert(field.to_owned(), value.clone());
    }

    fn data(&mut self, place: OpaquePlace) -> &mut Map<String, Value> {
        let found = self.parts.iter().position(|part| part.place == place && part.index.is_none());
        let at = found.unwrap_or_else(|| {
            self.parts.push(PartialPart { place, index: None, data: Map::new() });
            self.parts.len() - 1
        });

        &mut self.parts[at].data
    }

    /// Returns about how many bytes have come.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Returns the parts. Who wrote them is for the caller to say.
    pub(super) fn finish(self, has_halves: bool) -> Vec<OpaquePart> {
        let parts = self.parts.into_iter().filter_map(|part| {
            let data = Value::Object(part.data);
            // A journal that holds it could not be read.
            if is_deeper_than(&data, DEPTH_MAX) {
                return None;
            }
            let data =
                if has_halves { map_texts(data, &|text| document::join(&text)) } else { data };
            Some(OpaquePart { model: String::new(), place: part.place, data })
        });
        parts.collect()
    }
}

/// Joins the details of a piece with those that have come: a text that continues is one text.
fn join(known: &mut Vec<Value>, items: &[Value]) {
    for item in items {
        let last = known.last_mut().filter(|last| is_of(last, item));
        let (Some(Value::Object(last)), Value::Object(more)) = (last, item) else {
            known.push(item.clone());
            continue;
        };

        for (field, value) in more {
            match value {
                Value::Null => {}
                Value::String(text) if JOINED.contains(&field.as_str()) => {
                    append(last, field, text);
                }
                other => {
                    last.insert(field.clone(), other.clone());
                }
            }
        }
    }
}

/// Tells whether a detail continues the last one: it has the same number and is of the same type.
fn is_of(last: &Value, item: &Value) -> bool {
    let same = |key: &str| last.get(key) == item.get(key);
    item.get("index").is_some() && same("index") && same("type")
}

fn append(data: &mut Map<String, Value>, field: &str, more: &str) {
    match data.get_mut(field) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            data.insert(field.to_owned(), more.into());
        }
    }
}

fn size(data: &Map<String, Value>) -> usize {
    data.iter().map(|(key, value)| key.len() + value.to_string().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pieces_of_one_place_become_one_part() {
        let mut opaque = PartialOpaque::default();
        let message = OpaquePlace::Message;
        let detail = |text: &str| json!([{ "type": "reasoning.text", "index": 0, "text": text }]);

        for text in ["I ", "think"] {
            opaque.add(message, "reasoning_content", &json!(text));
            opaque.add(message, "reasoning_details", &detail(text));
        }
        opaque.add(
            message,
            "reasoning_details",
            &json!([{ "type": "reasoning.text", "index": 0, "signature": "s" },
                { "type": "reasoning.encrypted", "index": 1, "data": "d" }]),
        );
        opaque.add(OpaquePlace::Call(1), "extra_content", &json!({ "google": 1 }));
        opaque.add(OpaquePlace::Call(0), "extra_content", &Value::Null);

        let part = |place, data| OpaquePart { model: String::new(), place, data };
        assert_eq!(
            opaque.finish(false),
            [
                part(
                    message,
                    json!({ "reasoning_content": "I think", "reasoning_details": [
                        { "type": "reasoning.text", "index": 0, "text": "I think", "signature": "s" },
                        { "type": "reasoning.encrypted", "index": 1, "data": "d" },
                    ] })
                ),
                part(OpaquePlace::Call(1), json!({ "extra_content": { "google": 1 } })),
            ]
        );
    }
}
