//! What a call of a tool gave: text for a model, data for a script, images.

use crate::base::secret::scrub;
use crate::base::visible::without_invisible;
use crate::mcp::tool::harmless;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

/// What a tool of a server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolAnswer {
    /// The data that the server gave, or else its text.
    pub value: Value,
    /// All texts of the answer, without control and invisible characters and without secrets.
    pub text: String,
    /// Images, as they came.
    pub images: Vec<ServerImage>,
    /// Whether the server says that the call failed; then the text says why.
    pub is_error: bool,
    /// How many invisible characters were taken out.
    pub taken_out: usize,
}

/// An image of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerImage {
    /// Its type, such as `image/png`.
    pub mime: String,
    /// Its bytes in base64.
    pub data: String,
}

impl From<CallToolResult> for ToolAnswer {
    fn from(result: CallToolResult) -> ToolAnswer {
        let mut texts = Vec::new();
        let mut images = Vec::new();
        for block in result.content {
            match block {
                ContentBlock::Text(said) => texts.push(said.text),
                ContentBlock::Image(image) => {
                    images.push(ServerImage { mime: image.mime_type, data: image.data });
                }
                ContentBlock::Audio(audio) => {
                    texts.push(format!("[audio, {}, left out]", audio.mime_type));
                }
                ContentBlock::Resource(embedded) => match embedded.resource {
                    ResourceContents::BlobResourceContents {
                        mime_type: Some(mime), blob, ..
                    } if mime.starts_with("image/") => {
                        images.push(ServerImage { mime, data: blob });
                    }
                    other => texts.push(of_resource(other)),
                },
                ContentBlock::ResourceLink(link) => {
                    texts.push(format!("[link to {}: {}]", link.name, link.uri));
                }
                // The protocol may grow.
                _ => texts.push("[a part of unknown type, left out]".to_owned()),
            }
        }

        let said = texts.join("\n");
        let (clean, taken_out) = without_invisible(&said);
        let mut text = scrub(&clean).into_owned();
        let value = match result.structured_content {
            Some(value) => harmless(value),
            None => Value::String(text.clone()),
        };
        if text.is_empty() && !value.is_string() {
            text = value.to_string();
        }

        let is_error = result.is_error.unwrap_or(false);
        if is_error && text.trim().is_empty() {
            "the tool reports a failure without a reason".clone_into(&mut text);
        }
        ToolAnswer { value, text, images, is_error, taken_out }
    }
}

fn of_resource(resource: ResourceContents) -> String {
    match resource {
        ResourceContents::TextResourceContents { text, .. } => text,
        ResourceContents::BlobResourceContents { uri, mime_type, .. } => {
            let kind = mime_type.map(|kind| format!("{kind}, ")).unwrap_or_default();
            format!("[bytes of {uri}, {kind}left out]")
        }
        _ => "[a resource of an unknown kind, left out]".to_owned(),
    }
}
