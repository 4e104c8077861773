//! Gemini's contents: how a request is written and how a reply, or a piece of one, is read. Knows
//! nothing of connections.

use crate::model::call_error::CallError;
use crate::model::extra;
use crate::model::message::{Message, Role};
use crate::model::opaque::OpaquePlace;
use crate::model::provider::anthropic::system;
use crate::model::provider::call_form;
use crate::model::provider::error_response;
use crate::model::provider::openai::not_understood;
use crate::model::provider::partial::{DocumentForm, Partial, PartialChoice, Sequel, numbers};
use crate::model::provider::partial_call::{CallPiece, PieceForm};
use crate::model::provider::usage::{UsageReport, snake_case};
use crate::model::reply::Finish;
use crate::model::request::Request;
use crate::model::tool::{ToolChoice, ToolResult, ToolSpec};
use crate::schema::lower::{Dialect, lower};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The status under which everything comes that is read here.
const STATUS: u16 = 200;
/// The word of a piece that is not the last one.
const NOT_SAID: &str = "FINISH_REASON_UNSPECIFIED";
/// The field of a part that has to come back with it.
const SIGNATURE: &str = "thoughtSignature";
/// The field in which the server names a call, if it does.
const ID: &str = "id";

/// Writes a request.
pub(super) fn write(reader: &str, request: &Request) -> Vec<u8> {
    let settings = &request.settings;
    let mut wire = Map::new();
    if let Some(system) = system(&request.messages) {
        wire.insert("systemInstruction".to_owned(), json!({ "parts": [{ "text": system }] }));
    }

    let own_ids = own_ids(request, reader);
    let contents = request.messages.iter().filter_map(|message| {
        let role = match message.role {
            Role::System => return None,
            Role::User | Role::Tool => "user",
            Role::Assistant => "model",
        };
        let parts = match message.role {
            Role::Tool => message.results.iter().map(|one| result(one, &own_ids)).collect(),
            _ if message.is_plain() => vec![json!({ "text": message.content })],
            _ => parts(message, reader),
        };
        Some(json!({ "role": role, "parts": parts }))
    });
    wire.insert("contents".to_owned(), contents.collect());

    let (tools, choice) = request.offered();
    if !tools.is_empty() {
        let declared: Vec<Value> = tools.into_iter().map(declaration).collect();
        wire.insert("tools".to_owned(), json!([{ "functionDeclarations": declared }]));
        let config = json!({ "functionCallingConfig": { "mode": mode(choice) } });
        wire.insert("toolConfig".to_owned(), config);
    }

    let mut config = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        config.extend(value.map(|value| (key.to_owned(), value)));
    };

    set("responseMimeType", request.schema.as_ref().map(|_| "application/json".into()));
    let schema = request.schema.as_ref();
    set("responseJsonSchema", schema.map(|schema| lower(schema, Dialect::Gemini).schema));
    set("temperature", settings.temperature.map(Value::from));
    set(
        "stopSequences",
        Some(settings.stop.clone()).filter(|stop| !stop.is_empty()).map(Value::from),
    );
    set("maxOutputTokens", settings.max_tokens.map(Value::from));
    set("topP", settings.top_p.map(Value::from));
    set("seed", settings.seed.map(Value::from));
    if !config.is_empty() {
        wire.insert("generationConfig".to_owned(), config.into());
    }

    extra::merge(&mut wire, &settings.extra);
    serde_json::to_vec(&wire).expect("a request is plain data")
}

/// Takes a reply, or a piece of one, into what has come of it so far.
pub(super) fn take(
    partial: &mut Partial,
    document: &Value,
    form: DocumentForm,
) -> Result<(), CallError> {
    let candidates = match document.get("candidates") {
        None | Some(Value::Null) if document.is_object() => &[],
        Some(Value::Array(candidates)) => candidates.as_slice(),
        _ => return Err(not_understood(document)),
    };

    let ends = |candidate: &Value| word(candidate, form).is_some();
    let is_final =
        form == DocumentForm::Body || candidates.is_empty() || candidates.iter().any(ends);
    // The figures count also where an error stands beside them.
    partial.count(tally(document), is_final);

    if let Some(error) = error_response::error_in(document, STATUS) {
        return Err(error);
    }
    if let Some(model) = field(document, "modelVersion").and_then(Value::as_str) {
        partial.served_by.get_or_insert_with(|| model.to_owned());
    }

    if candidates.is_empty()
        && let Some(message) = blocked(document)
    {
        return Err(CallError::Refused { status: None, message });
    }

    let id = field(document, "responseId").and_then(Value::as_str);
    if partial.follow(id, !candidates.is_empty())? == Sequel::Other {
        return Ok(());
    }

    partial.knows_ends = true;
    for (number, candidate) in numbers(candidates).into_iter().zip(candidates) {
        let choice = partial.choice(number);
        let content = candidate.get("content").unwrap_or(&Value::Null);
        say(choice, content.get("parts").unwrap_or(content));
        choice.is_whole |= form == DocumentForm::Body;
        if let Some(word) = word(candidate, form) {
            choice.end(finish(&word, candidate));
        }
    }

    if form == DocumentForm::Body && candidates.is_empty() {
        return Err(not_understood(document));
    }
    Ok(())
}

/// Returns the parts of what a model has said, each with what has to come back with it.
fn parts(message: &Message, reader: &str) -> Vec<Value> {
    let kept = |place: OpaquePlace| {
        let own = message.opaque.iter().filter(|part| part.model == reader);
        own.filter(move |part| part.place == place).filter_map(|part| part.data.as_object())
    };
    let signature = |place| kept(place).find_map(|data| data.get(SIGNATURE)).cloned();

    let mut parts = Vec::new();
    let of_text = signature(OpaquePlace::Text);
    if !message.content.is_empty() || of_text.is_some() {
        let mut part = json!({ "text": message.content });
        if let Some(signature) = of_text {
            part[SIGNATURE] = signature;
        }
        parts.push(part);
    }

    parts.extend(
        message
            .images
            .iter()
            .map(|image| json!({ "inlineData": { "mimeType": image.mime, "data": image.data() } })),
    );

    for (number, call) in message.calls.iter().enumerate() {
        let mut function =
            json!({ "name": call_form::name(&call.name), "args": call_form::args(call) });
        if let Some(id) = kept(OpaquePlace::Call(number)).find_map(|data| data.get(ID)) {
            function[ID] = id.clone();
        }

        let mut part = json!({ "functionCall": function });
        if let Some(signature) = signature(OpaquePlace::Call(number)) {
            part[SIGNATURE] = signature;
        }
        parts.push(part);
    }
    parts
}

/// Returns the names that the server has given to calls, by their ids.
fn own_ids<'a>(request: &'a Request, reader: &str) -> HashMap<&'a str, &'a Value> {
    let mut ids = HashMap::new();

    for message in &request.messages {
        for part in message.opaque.iter().filter(|part| part.model == reader) {
            if let OpaquePlace::Call(number) = part.place
                && let (Some(call), Some(id)) = (message.calls.get(number), part.data.get(ID))
            {
                ids.insert(call.id.as_str(), id);
            }
        }
    }
    ids
}

fn result(result: &ToolResult, own_ids: &HashMap<&str, &Value>) -> Value {
    let field = if result.is_error { "error" } else { "output" };
    let mut response =
        json!({ "name": call_form::name(&result.name), "response": { field: result.text } });
    if let Some(id) = own_ids.get(result.id.as_str()) {
        response[ID] = Value::clone(id);
    }

    json!({ "functionResponse": response })
}

fn declaration(tool: &ToolSpec) -> Value {
    json!({
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": tool.parameters.lowered(Dialect::Gemini).schema,
    })
}

/// Returns the word for whether a tool has to be called.
fn mode(choice: &ToolChoice) -> &'static str {
    match choice {
        ToolChoice::Auto => "AUTO",
        ToolChoice::Required | ToolChoice::Name(_) => "ANY",
        ToolChoice::None => "NONE",
    }
}

/// Takes in what a refused request used, if its body says so.
pub(super) fn count_refused(partial: &mut Partial, document: &Value) {
    partial.count(tally(document), true);
}

fn tally(document: &Value) -> UsageReport {
    let usage = error_response::layers(document).find_map(|layer| field(layer, "usageMetadata"));
    usage.map_or(UsageReport::Nothing, UsageReport::of_gemini)
}

/// Takes in what is said: parts, or one, or a mere text, as some servers write it.
fn say(choice: &mut PartialChoice, said: &Value) {
    match said {
        Value::String(said) => choice.text.push_str(said),
        Value::Array(parts) => parts.iter().for_each(|part| say(choice, part)),
        Value::Object(_) if is_thought(said) => {}
        Value::Object(part) => {
            let signature = || field(said, SIGNATURE).cloned().map(|value| (SIGNATURE, value));

            if let Some(call) = field(said, "functionCall").filter(|call| call.is_object()) {
                let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or("");
                let piece = CallPiece {
                    index: None,
                    id: text("id"),
                    name: text("name"),
                    args: call.get("args").unwrap_or(&Value::Null),
                };
                // An id is only sent back to a server that has sent it.
                let own_id = Some(text(ID)).filter(|id| !id.is_empty());
                let own_id = own_id.map(|id| (ID, id.into()));
                choice.take_call(&piece, PieceForm::Whole, signature().into_iter().chain(own_id));
                return;
            }

            choice.text.extend(part.get("text").and_then(Value::as_str));
            if let Some((field, value)) = signature() {
                choice.opaque.set(OpaquePlace::Text, field, &value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_thought(part: &Value) -> bool {
    part.get("thought") == Some(&Value::Bool(true))
}

/// Returns a field under the name of the protocol, or as gateways and client libraries spell it. Every field of a
/// reply is looked up here.
fn field<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let own = of.get(name).filter(|value| !value.is_null());
    own.or_else(|| of.get(snake_case(name)))
}

/// Returns the word by which a candidate says why it ended, if it does.
fn word(candidate: &Value, form: DocumentForm) -> Option<String> {
    match field(candidate, "finishReason")? {
        Value::Null => None,
        Value::String(word)
            if form == DocumentForm::Piece && (word.is_empty() || word == NOT_SAID) =>
        {
            None
        }
        Value::String(word) => Some(word.clone()),
        other => Some(other.to_string()),
    }
}

fn finish(word: &str, candidate: &Value) -> Finish {
    let why = field(candidate, "finishMessage").and_then(Value::as_str);
    match (Finish::of(word), why) {
        (Finish::Refused(word), Some(why)) => Finish::Refused(format!("{word}: {why}")),
        (Finish::Ended(word), Some(why)) => Finish::Ended(format!("{word}: {why}")),
        (finish, _) => finish,
    }
}

/// Says why the question was blocked, if it was.
fn blocked(document: &Value) -> Option<String> {
    let feedback = field(document, "promptFeedback")?;
    let reason = field(feedback, "blockReason")?.as_str()?;
    let why = field(feedback, "blockReasonMessage").and_then(Value::as_str);

    Some(why.map_or_else(
        || format!("the question was blocked: {reason}"),
        |why| format!("the question was blocked: {reason}: {why}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::provider::partial::WireEnd;
    use crate::model::reply::{CallFault, Reply};

    /// Spells all names of fields as gateways do.
    fn snake(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                map.iter().map(|(key, value)| (snake_case(key), snake(value))).collect()
            }
            Value::Array(items) => items.iter().map(snake).collect(),
            other => other.clone(),
        }
    }

    fn read(document: &Value, form: DocumentForm) -> Result<Reply, CallFault> {
        let mut partial = Partial::default();
        let taken = take(&mut partial, document, form);
        partial.finish(taken.map(|()| WireEnd::Closed))
    }

    #[test]
    fn a_reply_is_the_same_however_its_fields_are_spelt() {
        let candidate = |parts: Value, word: &str| {
            json!({ "responseId": "r", "modelVersion": "served", "candidates": [{
                "content": { "role": "model", "parts": parts }, "finishReason": word,
                "finishMessage": "the words" }],
                "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 5 } })
        };
        let documents = [
            candidate(json!([{ "text": "hello" }]), "STOP"),
            candidate(json!([{ "text": "hello", "thoughtSignature": "s" }]), "SAFETY"),
            candidate(
                json!([{ "functionCall": { "id": "c", "name": "look", "args": { "a": 1 } },
                    "thoughtSignature": "s" }]),
                "MALFORMED_FUNCTION_CALL",
            ),
            json!({ "promptFeedback": { "blockReason": "SAFETY", "blockReasonMessage": "no" },
                "usageMetadata": { "promptTokenCount": 10, "totalTokenCount": 10 } }),
        ];

        for document in &documents {
            for form in [DocumentForm::Body, DocumentForm::Piece] {
                let told = read(document, form);
                assert_eq!(read(&snake(document), form), told, "{document}");
            }
        }
        let said = read(&documents[2], DocumentForm::Body).expect("a reply");
        assert_eq!((said.said.calls.len(), said.said.opaque.len()), (1, 1));
    }
}
