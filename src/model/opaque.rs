//! Parts of a reply that only its provider understands, such as signatures of what a model thought. They
//! are kept byte for byte and sent back to the model that wrote them, and to no other.

use crate::base::json::map_texts;
use serde_json::Value;

/// Where in a reply a part belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpaquePlace {
    /// To the message as a whole, before everything else.
    Message,
    /// To its text.
    Text,
    /// To the call of this number, from 0.
    Call(usize),
}

/// One part that only its provider understands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct OpaquePart {
    /// The model that wrote it, and its server.
    pub model: String,
    /// Where it belongs.
    pub place: OpaquePlace,
    /// What the server sent.
    pub data: Value,
}

impl OpaquePart {
    /// Returns it with every text in it passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(String) -> String) -> OpaquePart {
        OpaquePart {
            model: change(self.model),
            place: self.place,
            data: map_texts(self.data, change),
        }
    }
}
