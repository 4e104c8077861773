//! A conversation with tools in the form of OpenAI's chat completions. Knows nothing of the rest of a
//! request.

use crate::model::image::Image;
use crate::model::message::{Message, Role};
use crate::model::opaque::{OpaquePart, OpaquePlace};
use crate::model::provider::call_form;
use crate::model::request::Request;
use crate::model::tool::{ToolCall, ToolChoice, ToolResult, ToolSpec};
use crate::schema::lower::{Dialect, WireSchema};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// One message on the wire.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireMessage<'a> {
    /// A text and nothing else.
    Plain(&'a Message),
    /// What has calls, or answers one.
    Built(Map<String, Value>),
}

/// Writes the messages of a request; `reader` is the model that they go to.
pub(super) fn messages<'a>(request: &'a Request, reader: &str) -> Vec<WireMessage<'a>> {
    let mut wire = Vec::with_capacity(request.messages.len());

    for message in &request.messages {
        match message.role {
            Role::Tool => {
                wire.extend(message.results.iter().map(|one| WireMessage::Built(result(one))));
                wire.extend(pictures(&message.results).map(WireMessage::Built));
            }
            _ if message.is_plain() => wire.push(WireMessage::Plain(message)),
            _ if !message.images.is_empty() => wire.push(WireMessage::Built(with_images(message))),
            Role::System | Role::User | Role::Assistant => {
                wire.push(WireMessage::Built(with_calls(message, reader)));
            }
        }
    }

    wire
}

fn result(result: &ToolResult) -> Map<String, Value> {
    fields(json!({ "role": "tool", "tool_call_id": result.id, "content": result.text }))
}

/// Writes the pictures of results, which stand in no result: they follow as a message of the user.
fn pictures(results: &[ToolResult]) -> Option<Map<String, Value>> {
    let mut parts = Vec::new();
    for result in results.iter().filter(|result| !result.images.is_empty()) {
        let text = format!("The pictures in the result of `{}`:", result.name);
        parts.push(json!({ "type": "text", "text": text }));
        parts.extend(result.images.iter().map(picture));
    }
    (!parts.is_empty()).then(|| fields(json!({ "role": "user", "content": parts })))
}

fn picture(image: &Image) -> Value {
    json!({ "type": "image_url", "image_url": { "url": image.to_text() } })
}

/// Writes a question with its pictures.
fn with_images(message: &Message) -> Map<String, Value> {
    let text = json!({ "type": "text", "text": message.content });
    let images = message.images.iter().map(picture);

    let parts: Vec<Value> = std::iter::once(text).chain(images).collect();
    fields(json!({ "role": message.role.word(), "content": parts }))
}

/// Writes a message with its calls. What only its provider understands goes where it came from.
fn with_calls(message: &Message, reader: &str) -> Map<String, Value> {
    let own: Vec<&OpaquePart> = message.opaque.iter().filter(|part| part.model == reader).collect();
    let add = |wire: &mut Map<String, Value>, place: OpaquePlace| {
        for part in own.iter().filter(|part| part.place == place) {
            wire.extend(part.data.as_object().cloned().unwrap_or_default());
        }
    };

    // A server that writes calls alone sends null, and not every one takes an empty text.
    let content = Some(message.content.as_str()).filter(|text| !text.is_empty());
    let mut wire = fields(json!({ "role": message.role.word(), "content": content }));
    add(&mut wire, OpaquePlace::Message);

    let calls = message.calls.iter().enumerate().map(|(number, call)| {
        let mut wire = self::call(call);
        add(&mut wire, OpaquePlace::Call(number));
        Value::Object(wire)
    });
    let calls: Vec<Value> = calls.collect();
    if !calls.is_empty() {
        wire.insert("tool_calls".to_owned(), calls.into());
    }
    wire
}

fn call(call: &ToolCall) -> Map<String, Value> {
    let name = call_form::name(&call.name);
    let args = call_form::args(call).to_string();
    fields(json!({
        "id": call.id,
        "type": "function",
        "function": { "name": name, "arguments": args },
    }))
}

/// A tool on the wire.
#[derive(Serialize)]
pub(super) struct WireTool<'a> {
    r#type: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes the tools that are offered.
pub(super) fn tools<'a>(tools: &[&'a ToolSpec], dialect: Dialect) -> Vec<WireTool<'a>> {
    let one = |tool: &&'a ToolSpec| {
        let ToolSpec { name, description, parameters } = *tool;
        let WireSchema { schema, strict } = parameters.lowered(dialect);
        let function = WireFunction { name, description, parameters: schema, strict: *strict };
        WireTool { r#type: "function", function }
    };

    tools.iter().map(one).collect()
}

/// Returns the word for whether a tool has to be called.
pub(super) fn choice(choice: &ToolChoice) -> &'static str {
    match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::Required | ToolChoice::Name(_) => "required",
        ToolChoice::None => "none",
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
