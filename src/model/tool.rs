//! Tools as a model knows them: what it is offered, what it calls, and what it is told came of that.
//! Knows nothing of what a tool does.

use crate::base::json::map_texts;
use crate::model::image::Image;
use crate::schema::SharedSchema;
use serde_json::{Map, Value};

/// A tool as a model is offered it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ToolSpec {
    /// What the model calls it: up to 64 characters of `[A-Za-z0-9_-]`.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// A JSON schema of an object: the arguments.
    pub parameters: SharedSchema,
}

impl ToolSpec {
    /// Returns how many bytes the model is told.
    pub fn size(&self) -> u64 {
        (self.name.len() + self.description.len()) as u64 + self.parameters.size()
    }
}

/// Whether a model may, must or must not call tools.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It has to call one.
    Required,
    /// It must not call any, although it is told of them.
    None,
    /// It has to call this one: no other is offered.
    Name(String),
}

impl ToolChoice {
    /// Tells whether nothing was said.
    pub fn is_auto(&self) -> bool {
        *self == ToolChoice::Auto
    }
}

/// One call of a tool, as a model asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(from = "StoredCall", into = "StoredCall")]
pub struct ToolCall {
    /// What its result is told under; no two calls of a conversation have the same.
    pub id: String,
    /// The tool, which the model may have invented.
    pub name: String,
    /// The arguments, or the text that is no JSON. No arguments are an empty object.
    pub args: Result<Value, String>,
}

impl ToolCall {
    /// Creates a call whose arguments are known.
    pub fn new(id: impl Into<String>, name: impl Into<String>, args: Value) -> ToolCall {
        ToolCall { id: id.into(), name: name.into(), args: Ok(args) }
    }

    /// Tells whether it names a tool, be it one that the model has invented.
    pub fn has_name(&self) -> bool {
        !self.name.trim().is_empty()
    }

    /// Tells whether it has arguments.
    pub fn has_args(&self) -> bool {
        let none = |args: &Value| args.as_object().is_some_and(Map::is_empty);
        !self.args.as_ref().is_ok_and(none)
    }

    /// Returns how many bytes the model is told of it later.
    pub fn size(&self) -> u64 {
        let args = match &self.args {
            Ok(args) => args.to_string().len(),
            Err(text) => text.len(),
        };
        (self.id.len() + self.name.len() + args) as u64
    }

    /// Returns it with every text that somebody has written passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(String) -> String) -> ToolCall {
        let args = match self.args {
            Ok(args) => Ok(map_texts(args, change)),
            Err(text) => Err(change(text)),
        };

        ToolCall { id: change(self.id), name: change(self.name), args }
    }
}

/// A call as it stands in journals and cassettes.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredCall {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    args: Option<Value>,
    /// The arguments, where they are no JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    unread: Option<String>,
}

impl From<ToolCall> for StoredCall {
    fn from(call: ToolCall) -> StoredCall {
        let (args, unread) = match call.args {
            Ok(args) => (Some(args), None),
            Err(text) => (None, Some(text)),
        };

        StoredCall { id: call.id, name: call.name, args, unread }
    }
}

impl From<StoredCall> for ToolCall {
    fn from(stored: StoredCall) -> ToolCall {
        let args = match stored.unread {
            Some(text) => Err(text),
            None => Ok(stored.args.unwrap_or(Value::Null)),
        };

        ToolCall { id: stored.id, name: stored.name, args }
    }
}

/// What a model is told that came of one of its calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ToolResult {
    /// The id of the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it gave, or why it gave nothing.
    pub text: String,
    /// Whether it gave nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_error: bool,
    /// The pictures that it gave besides.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub images: Vec<Image>,
}

impl ToolResult {
    /// Creates the result of a call.
    pub fn new(call: &ToolCall, text: impl Into<String>, is_error: bool) -> ToolResult {
        let id = call.id.clone();
        let name = call.name.clone();
        ToolResult { id, name, text: text.into(), is_error, images: Vec::new() }
    }

    /// Replaces its pictures by lines that say what they were, for a model that cannot be shown them.
    pub fn leave_images_out(&mut self) {
        for image in self.images.drain(..) {
            let break_line = if self.text.is_empty() { "" } else { "\n" };
            let Image { mime, bytes, .. } = image;
            self.text
                .push_str(&format!("{break_line}[a picture, {mime}, {bytes} bytes, left out]"));
        }
    }

    /// Returns how many bytes the model is told.
    pub fn size(&self) -> u64 {
        (self.id.len() + self.name.len() + self.text.len()) as u64
    }

    /// Returns it with every text that somebody has written passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(String) -> String) -> ToolResult {
        ToolResult {
            id: change(self.id),
            name: change(self.name),
            text: change(self.text),
            is_error: self.is_error,
            images: self.images,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_call_survives_the_journal() {
        let calls = [
            ToolCall::new("k1", "add", json!({ "a": 1 })),
            ToolCall::new("k2", "add", Value::Null),
            ToolCall { id: "k3".to_owned(), name: "add".to_owned(), args: Err("{\"a".to_owned()) },
        ];
        let stored = json!([
            { "id": "k1", "name": "add", "args": { "a": 1 } },
            { "id": "k2", "name": "add", "args": null },
            { "id": "k3", "name": "add", "unread": "{\"a" },
        ]);

        assert_eq!(json!(calls), stored);
        assert_eq!(serde_json::from_value::<[ToolCall; 3]>(stored).expect("calls"), calls);
    }
}
