//! One message of a conversation.

use crate::model::image::Image;
use crate::model::opaque::OpaquePart;
use crate::model::reply::ReplyContent;
use crate::model::tool::{ToolCall, ToolResult};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The standing instruction, sent in the provider's system role.
    System,
    /// The caller.
    User,
    /// The model.
    Assistant,
    /// The tools that the model has called.
    Tool,
}

impl Role {
    /// Returns the word for who speaks.
    pub fn word(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

/// One message: who says what.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// The calls that a model makes besides, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub calls: Vec<ToolCall>,
    /// What a model adds that only its provider understands.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub opaque: Vec<OpaquePart>,
    /// The results of the calls of the message before this one, in the order of those calls.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub results: Vec<ToolResult>,
    /// The pictures that go with it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub images: Vec<Image>,
}

impl Hash for Message {
    /// A plain message counts by who says what alone, as it did before there were tools: the demo model
    /// answers by it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Message { role, content, calls, opaque, results, images } = self;
        (role, content).hash(state);
        if !self.is_plain() {
            (calls, opaque, results, images).hash(state);
        }
    }
}

impl Message {
    /// Creates a message.
    pub fn new(role: Role, content: impl Into<String>) -> Message {
        Message {
            role,
            content: content.into(),
            calls: Vec::new(),
            opaque: Vec::new(),
            results: Vec::new(),
            images: Vec::new(),
        }
    }

    /// Creates the message by which a question is asked.
    pub fn asking(text: impl Into<String>, images: &[Image]) -> Message {
        Message { images: images.to_vec(), ..Message::new(Role::User, text) }
    }

    /// Creates the message by which a model has said something.
    pub fn of_reply(said: ReplyContent) -> Message {
        let ReplyContent { text, calls, opaque } = said;
        Message { calls, opaque, ..Message::new(Role::Assistant, text) }
    }

    /// Creates the message that answers all calls of the one before it. `results` are in the order of
    /// those calls.
    pub fn of_results(results: Vec<ToolResult>) -> Message {
        Message { results, ..Message::new(Role::Tool, "") }
    }

    /// Returns what people read of it: its text, and the calls or the results that it has.
    pub fn shown(&self) -> Cow<'_, str> {
        if self.calls.is_empty() && self.results.is_empty() && self.images.is_empty() {
            return Cow::Borrowed(&self.content);
        }

        let content = Some(self.content.clone()).filter(|text| !text.is_empty());
        let calls = self.calls.iter().map(|call| match &call.args {
            Ok(args) => format!("{} {args}", call.name),
            Err(text) => format!("{} {text}", call.name),
        });
        let results = self.results.iter().map(|result| result.text.clone());

        let images = self.images.iter().chain(self.results.iter().flat_map(|one| &one.images));
        let images = images.map(|image| format!("[{}, {} bytes]", image.mime, image.bytes));

        let lines: Vec<String> =
            content.into_iter().chain(calls).chain(results).chain(images).collect();
        Cow::Owned(lines.join("\n"))
    }

    /// Returns how many bytes the model is told.
    pub fn size(&self) -> u64 {
        let calls: u64 = self.calls.iter().map(ToolCall::size).sum();
        let results: u64 = self.results.iter().map(ToolResult::size).sum();
        let opaque = self.opaque.iter().map(|part| part.data.to_string().len() as u64);

        self.content.len() as u64 + calls + results + opaque.sum::<u64>()
    }

    /// Returns how many pictures the model is shown.
    pub fn images_count(&self) -> usize {
        let of_results = self.results.iter().map(|result| result.images.len());
        self.images.len() + of_results.sum::<usize>()
    }

    /// Tells whether it is a text and nothing else.
    pub fn is_plain(&self) -> bool {
        self.calls.is_empty()
            && self.opaque.is_empty()
            && self.results.is_empty()
            && self.images.is_empty()
    }

    /// Returns it with every text that somebody has written passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(String) -> String) -> Message {
        Message {
            role: self.role,
            content: change(self.content),
            calls: self.calls.into_iter().map(|call| call.map_texts(change)).collect(),
            opaque: self.opaque.into_iter().map(|part| part.map_texts(change)).collect(),
            results: self.results.into_iter().map(|result| result.map_texts(change)).collect(),
            images: self.images,
        }
    }
}
