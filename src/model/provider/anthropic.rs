//! Anthropic's messages: how a request is written and how a reply, or an event of one, is read. Knows
//! nothing of connections.

use crate::model::call_error::CallError;
use crate::model::extra;
use crate::model::image::Image;
use crate::model::message::{Message, Role};
use crate::model::opaque::OpaquePlace;
use crate::model::provider::call_form;
use crate::model::provider::error_response;
use crate::model::provider::openai::{not_understood, text_of};
use crate::model::provider::partial::{DocumentForm, Partial, number};
use crate::model::provider::partial_call::{CallPiece, PieceForm};
use crate::model::provider::usage::UsageReport;
use crate::model::reply::Finish;
use crate::model::request::Request;
use crate::model::tool::{ToolChoice, ToolResult};
use crate::schema::lower::{Dialect, lower};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The version of the protocol.
pub(super) const VERSION: &str = "2023-06-01";
/// The status under which everything comes that is read here.
const STATUS: u16 = 200;

/// Writes a request.
pub(super) fn write(model: &str, reader: &str, request: &Request) -> Vec<u8> {
    let settings = &request.settings;
    let mut wire = Map::new();
    let mut set = |key: &str, value: Value| wire.insert(key.to_owned(), value);

    set("model", model.into());
    set("stream", settings.stream.unwrap_or(false).into());
    if let Some(system) = system(&request.messages) {
        set("system", system.into());
    }

    let spoken = request.messages.iter().filter(|message| message.role != Role::System);
    set("messages", spoken.map(|message| written(message, reader)).collect());

    let (tools, choice) = tools(request);
    if !tools.is_empty() {
        set("tools", tools.into());
        set("tool_choice", json!({ "type": choice }));
    }

    if let Some(schema) = &request.schema {
        set(
            "output_config",
            json!({ "format": { "type": "json_schema", "schema": lower(schema, Dialect::Anthropic).schema } }),
        );
    }

    if let Some(temperature) = settings.temperature {
        set("temperature", temperature.into());
    }
    if let Some(top_p) = settings.top_p {
        set("top_p", top_p.into());
    }
    if !settings.stop.is_empty() {
        set("stop_sequences", settings.stop.clone().into());
    }

    set("max_tokens", settings.max_tokens.unwrap_or_else(|| most_tokens(model)).into());
    extra::merge(&mut wire, &settings.extra);
    serde_json::to_vec(&wire).expect("a request is plain data")
}

/// Writes one message. What only the model understands stands before the call that it came before.
fn written(message: &Message, reader: &str) -> Value {
    if message.role == Role::Tool {
        let results: Vec<Value> = message.results.iter().map(result).collect();
        return json!({ "role": "user", "content": results });
    }
    if message.is_plain() {
        return json!({ "role": message.role, "content": message.content });
    }

    let kept = |place: OpaquePlace| {
        let own = message.opaque.iter().filter(|part| part.model == reader);
        own.filter(move |part| part.place == place).map(|part| part.data.clone())
    };

    let mut blocks: Vec<Value> = kept(OpaquePlace::Message).collect();
    // A question about pictures is understood best when they come first.
    blocks.extend(message.images.iter().map(picture));
    // A text of nothing but white space is refused.
    if !message.content.trim().is_empty() {
        blocks.push(json!({ "type": "text", "text": message.content }));
    }
    for (number, call) in message.calls.iter().enumerate() {
        blocks.extend(kept(OpaquePlace::Call(number)));
        blocks.push(json!({
            "type": "tool_use",
            "id": call_form::id(&call.id),
            "name": call_form::name(&call.name),
            "input": call_form::args(call),
        }));
    }

    json!({ "role": message.role, "content": blocks })
}

fn picture(image: &Image) -> Value {
    let source = json!({ "type": "base64", "media_type": image.mime, "data": image.data() });
    json!({ "type": "image", "source": source })
}

fn result(result: &ToolResult) -> Value {
    let mut block = json!({ "type": "tool_result", "tool_use_id": call_form::id(&result.id) });
    if !result.images.is_empty() {
        let text = Some(&result.text).filter(|text| !text.trim().is_empty());
        let text = text.map(|text| json!({ "type": "text", "text": text }));
        block["content"] = text.into_iter().chain(result.images.iter().map(picture)).collect();
    } else if !result.text.is_empty() {
        block["content"] = result.text.as_str().into();
    }
    if result.is_error {
        block["is_error"] = true.into();
    }
    block
}

/// Returns the tools that are offered, and the word for whether one has to be called.
fn tools(request: &Request) -> (Vec<Value>, &'static str) {
    let (offered, choice) = request.offered();
    let word = match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::Required | ToolChoice::Name(_) => "any",
        ToolChoice::None => "none",
    };
    let tools = offered.iter().map(|tool| {
        json!({
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.parameters.lowered(Dialect::Plain).schema,
        })
    });
    let tools: Vec<Value> = tools.collect();
    if !tools.is_empty() {
        return (tools, word);
    }

    // Without tools, a conversation in which some were called is refused.
    let called = request.messages.iter().flat_map(|message| &message.calls);
    let names: BTreeSet<String> =
        called.map(|call| call_form::name(&call.name).into_owned()).collect();
    let stub = |name: String| json!({ "name": name, "input_schema": { "type": "object" } });
    (names.into_iter().map(stub).collect(), "none")
}

/// Returns the standing instructions as one text, if there are any.
pub(super) fn system(messages: &[Message]) -> Option<String> {
    let texts: Vec<&str> =
        messages.iter().filter(|m| m.role == Role::System).map(|m| m.content.as_str()).collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

/// Returns the most tokens that a model writes: the protocol wants a limit, and nobody said another.
pub(super) fn most_tokens(model: &str) -> u32 {
    let is = |part: &str| model.contains(part);

    if is("3-opus") || is("3-haiku") {
        4096
    } else if is("claude-3-5") {
        8192
    } else if model.ends_with("claude-opus-4")
        || ["claude-opus-4-0", "claude-opus-4-1", "claude-opus-4-2"].into_iter().any(is)
    {
        32_000
    } else {
        64_000
    }
}

/// Takes a reply, or an event of one, into what has come of it so far.
pub(super) fn take(
    partial: &mut Partial,
    document: &Value,
    form: DocumentForm,
) -> Result<(), CallError> {
    let kind = document.get("type").and_then(Value::as_str).unwrap_or("");
    // The figures of an error count, so they are read before it is returned.
    if kind == "error" || document.get("error").is_some() {
        count_refused(partial, document);
    }

    if let Some(error) = error_response::error_in(document, STATUS) {
        return Err(error);
    }

    partial.knows_ends |= form == DocumentForm::Piece;
    match kind {
        "message_start" => {
            let message = document.get("message").unwrap_or(&Value::Null);
            if !partial.is_empty() {
                partial.begin_again();
            }

            figures(partial, message.get("usage"), false);
            partial.choice(0);
            take_message(partial, message)
        }
        "content_block_start" => {
            let index = number(document.get("index"));
            let block = document.get("content_block");
            begin_block(partial, block, index);
            add(partial, block, index)
        }
        "content_block_delta" => add(partial, document.get("delta"), number(document.get("index"))),
        "message_delta" => {
            let delta = document.get("delta").unwrap_or(&Value::Null);
            let is_last = delta.get("stop_reason").is_some_and(|reason| !reason.is_null());
            figures(partial, document.get("usage"), is_last);
            take_end(partial, delta, form);
            Ok(())
        }
        "message_stop" => {
            partial.is_done = true;
            Ok(())
        }
        _ if document.get("content").is_some() && partial.choice(0).is_ended() => {
            partial.leave_out();
            Ok(())
        }
        _ if document.get("content").is_some() => {
            figures(partial, document.get("usage"), true);
            take_message(partial, document)?;
            partial.choice(0).is_whole = true;
            take_end(partial, document, DocumentForm::Body);
            Ok(())
        }
        // Kinds of events that are not known yet are to be read past.
        _ if form == DocumentForm::Piece && document.is_object() => Ok(()),
        _ => Err(not_understood(document)),
    }
}

/// Takes in what a refused request used, if its body says so.
pub(super) fn count_refused(partial: &mut Partial, document: &Value) {
    for layer in error_response::layers(document) {
        figures(partial, layer.get("usage"), true);
    }
}

/// Takes in figures: a stream gives those of the question first, and those of the answer last.
fn figures(partial: &mut Partial, usage: Option<&Value>, is_final: bool) {
    match usage {
        None | Some(Value::Null) => {}
        Some(Value::Object(usage)) => {
            let known = usage.iter().filter(|(_, figure)| !figure.is_null());
            partial.figures.extend(known.map(|(key, figure)| (key.clone(), figure.clone())));

            // What was said of the question alone is not for the whole reply.
            let says_output = usage.get("output_tokens").is_some_and(|count| !count.is_null());
            let tally = UsageReport::of_anthropic(&partial.figures);
            partial.count(tally, is_final && says_output);
        }
        Some(_) => partial.count(UsageReport::Doubtful, is_final),
    }
}

fn take_message(partial: &mut Partial, message: &Value) -> Result<(), CallError> {
    if let Some(model) = message.get("model").and_then(Value::as_str) {
        partial.served_by.get_or_insert_with(|| model.to_owned());
    }

    match message.get("content") {
        Some(Value::Array(blocks)) => {
            blocks.iter().try_for_each(|block| add(partial, Some(block), None))
        }
        content => add(partial, content, None),
    }
}

/// Notes whether a block that begins is a call, so that the pieces that follow go to nothing else.
fn begin_block(partial: &mut Partial, block: Option<&Value>, index: Option<u64>) {
    let kind = block.and_then(|block| block.get("type")).and_then(Value::as_str);
    let others = &mut partial.choice(0).other_blocks;

    if kind == Some("tool_use") {
        others.remove(&index);
    } else {
        others.insert(index);
    }
}

/// Takes in a block, or a piece of one, which `index` tells apart from the others. Texts are appended,
/// and what is none of the known kinds is left out.
fn add(
    partial: &mut Partial,
    content: Option<&Value>,
    index: Option<u64>,
) -> Result<(), CallError> {
    let Some(content) = content else { return Ok(()) };

    let choice = partial.choice(0);
    let text = |key: &str| content.get(key).and_then(Value::as_str).unwrap_or("");
    match text("type") {
        "tool_use" => {
            let args = content.get("input").unwrap_or(&Value::Null);
            let piece = CallPiece { index, id: text("id"), name: text("name"), args };
            choice.calls.take(&piece, PieceForm::Whole);
        }
        // What the server calls itself has arguments as well, which are nobody's here.
        "input_json_delta" if choice.calls.is_empty() || choice.other_blocks.contains(&index) => {}
        "input_json_delta" => {
            let args = content.get("partial_json").unwrap_or(&Value::Null);
            choice.calls.take(&CallPiece { index, id: "", name: "", args }, PieceForm::Next);
        }
        "thinking" | "redacted_thinking" => {
            let place = match choice.calls.len() {
                0 if choice.text.is_empty() => OpaquePlace::Message,
                number => OpaquePlace::Call(number),
            };
            let block = content.as_object().cloned().unwrap_or_default();
            choice.opaque.begin(place, index, block);
        }
        "thinking_delta" => choice.opaque.append(index, "thinking", text("thinking")),
        "signature_delta" => choice.opaque.append(index, "signature", text("signature")),
        _ => choice.text.push_str(&text_of(content)?),
    }
    Ok(())
}

/// Takes in why the reply ended, if that is said.
fn take_end(partial: &mut Partial, said: &Value, form: DocumentForm) {
    let finish = match said.get("stop_reason") {
        None | Some(Value::Null) => return,
        Some(Value::String(word)) if word.is_empty() && form == DocumentForm::Piece => return,
        Some(Value::String(word)) => Finish::of(word),
        Some(other) => Finish::Ended(other.to_string()),
    };

    let finish = match (finish, said.pointer("/stop_details/explanation").and_then(Value::as_str)) {
        (Finish::Refused(word), Some(why)) => Finish::Refused(format!("{word}: {why}")),
        (finish, _) => finish,
    };

    partial.choice(0).end(finish);
}
