//! OpenAI's chat completions, which most servers speak, Ollama among them: how a request is written
//! and how a reply, or a piece of one, is read. Knows nothing of connections.

use crate::model::call_error::CallError;
use crate::model::opaque::OpaquePlace;
use crate::model::provider::openai_message::{self, WireMessage, WireTool};
use crate::model::provider::partial::{DocumentForm, Partial, PartialChoice, Sequel, numbers};
use crate::model::provider::partial_call::{CallPiece, PieceForm};
use crate::model::provider::usage::UsageReport;
use crate::model::provider::{document, error_response};
use crate::model::reply::Finish;
use crate::model::request::Request;
use crate::model::spec::LimitField;
use crate::schema::lower::{Dialect, WireSchema, lower};
use serde::Serialize;
use serde_json::{Map, Value};

/// The status under which everything comes that is read here.
const STATUS: u16 = 200;
/// Parts of a reply that the model thought, and did not say.
const THOUGHTS: &[&str] = &[
    "thinking",
    "reasoning",
    "reasoning_text",
    "reasoning_content",
    "redacted_thinking",
    "summary_text",
];
/// Most names that an error lists of a document that is not understood.
const NAMES_MAX: usize = 8;
/// Fields of a message that have to come back with its calls.
const KEPT: &[&str] = &["reasoning_content", "reasoning_details"];
/// Fields of a call that have to come back with it.
const KEPT_OF_CALL: &[&str] = &["extra_content", "provider_specific_fields"];

/// A request as it goes over the wire.
#[derive(Serialize)]
struct Wire<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct ResponseFormat {
    r#type: &'static str,
    json_schema: NamedSchema,
}

#[derive(Serialize)]
struct NamedSchema {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    schema: Value,
}

/// Whom a request goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addressee<'a> {
    /// The server's name for the model.
    pub(super) model: &'a str,
    /// The name of model and server under which parts of replies are kept for them.
    pub(super) reader: &'a str,
    /// The field for the most tokens of the reply.
    pub(super) limit: LimitField,
    /// What the server takes for a schema.
    pub(super) dialect: Dialect,
}

/// Writes a request.
pub(super) fn write(to: Addressee<'_>, request: &Request) -> Vec<u8> {
    let Addressee { model, reader, limit, dialect } = to;
    let settings = &request.settings;
    let streamed = settings.stream.unwrap_or(false);
    let (tools, choice) = request.offered();
    let most = |field| settings.max_tokens.filter(|_| field == limit);

    let wire = Wire {
        model,
        messages: openai_message::messages(request, reader),
        temperature: settings.temperature,
        top_p: settings.top_p,
        max_tokens: most(LimitField::MaxTokens),
        max_completion_tokens: most(LimitField::MaxCompletionTokens),
        stop: &settings.stop,
        seed: settings.seed,
        stream: streamed.then_some(true),
        stream_options: streamed.then_some(StreamOptions { include_usage: true }),
        response_format: request.schema.as_ref().map(|schema| {
            let WireSchema { schema, strict } = lower(schema, dialect);
            let json_schema = NamedSchema { name: "reply", strict, schema };
            ResponseFormat { r#type: "json_schema", json_schema }
        }),
        tool_choice: (!tools.is_empty()).then(|| openai_message::choice(choice)),
        tools: openai_message::tools(&tools, dialect),
        extra: &settings.extra,
    };

    serde_json::to_vec(&wire).expect("a request is plain data")
}

/// Further names of the reason for which an answer ended.
const OTHER_REASONS: &[&str] = &[
    "/native_finish_reason",
    "/finish_details/type",
    "/finishReason",
    "/stop_reason",
    "/stopReason",
    "/done_reason",
];

/// Takes a reply, or a piece of one, into what has come of it so far.
pub(super) fn take(
    partial: &mut Partial,
    document: &Value,
    form: DocumentForm,
) -> Result<(), CallError> {
    let Value::Object(map) = document else { return Err(not_understood(document)) };
    if map.get("done").is_some_and(Value::is_boolean) && !map.contains_key("choices") {
        return take_ollama(partial, document, map);
    }
    let choices = match map.get("choices") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(choices)) => choices.as_slice(),
        Some(_) => return Err(not_understood(document)),
    };

    let ends = |choice: &Value| reason(choice).is_some_and(is_word);
    let is_final = form == DocumentForm::Body || choices.is_empty() || choices.iter().any(ends);
    // The figures count also where an error stands beside them.
    count(partial, document, choices, is_final);

    if let Some(error) = error_response::error_in(document, STATUS) {
        return Err(error);
    }
    if let Some(model) = map.get("model").and_then(Value::as_str) {
        partial.served_by.get_or_insert_with(|| model.to_owned());
    }

    let id = map.get("id").and_then(Value::as_str);
    if partial.follow(id, choices.iter().any(has_role))? == Sequel::Other {
        return Ok(());
    }

    for (number, choice) in numbers(choices).into_iter().zip(choices) {
        take_choice(partial, number, choice, form)?;
    }

    if form == DocumentForm::Body && choices.is_empty() {
        return Err(not_understood(document));
    }

    // Some servers put the reason beside the answers.
    let beside =
        [map.get("finish_reason").filter(|reason| is_word(reason)), other_reason(document)];
    if let Some(word) = beside.into_iter().flatten().find_map(Value::as_str) {
        partial.end_all(&Finish::of(word));
    }
    Ok(())
}

/// Takes in the usage, which some servers put at other places.
fn count(partial: &mut Partial, document: &Value, choices: &[Value], is_final: bool) {
    // Servers have no common place for the figures.
    let layers = error_response::layers(document)
        .flat_map(|layer| [layer.get("usage"), layer.get("x_groq").and_then(|x| x.get("usage"))]);
    let places = layers.chain([choices.first().and_then(|choice| choice.get("usage"))]);

    for usage in places.flatten() {
        partial.count(UsageReport::of_openai(usage), is_final);
    }
}

/// Returns what a refused request used, if its body says so.
pub(super) fn count_refused(partial: &mut Partial, document: &Value) {
    count(partial, document, &[], true);
}

fn take_choice(
    partial: &mut Partial,
    number: u64,
    choice: &Value,
    form: DocumentForm,
) -> Result<(), CallError> {
    let reason = reason(choice);
    partial.knows_ends |= reason.is_some();
    let has_halves = partial.has_halves;
    let taken = partial.choice(number);
    let delta = part(choice, "delta");
    let message = part(choice, "message");

    let added = delta.map_or_else(|| Ok(Utterance::default()), Utterance::of)?;
    let is_further = form == DocumentForm::Piece && taken.is_ended() && taken.says_something();
    if is_further && begins(choice) {
        let said = message.map_or_else(|| Ok(Utterance::default()), Utterance::of)?;
        let is_other =
            |text: &str, known: &str| !text.is_empty() && !begins_with(text, known, has_halves);
        let completed = choice.get("text").map_or_else(|| Ok(String::new()), text_of)?;

        if [&added.text, &said.text, &completed].into_iter().any(|text| is_other(text, &taken.text))
        {
            partial.leave_out();
            return Ok(());
        }
    }

    taken.text.push_str(&added.text);
    taken.refusal.push_str(&added.refusal);

    if let Some(delta) = delta {
        take_calls(taken, delta, PieceForm::Next);
    }
    if let Some(message) = message {
        // Two answers of one number in one body: the first counts.
        if form == DocumentForm::Piece || !taken.is_whole {
            let said = Utterance::of(message)?;
            go_on(&mut taken.text, &added.text, said.text, has_halves);
            go_on(&mut taken.refusal, &added.refusal, said.refusal, has_halves);

            let is_body = form == DocumentForm::Body;
            take_calls(taken, message, if is_body { PieceForm::Whole } else { PieceForm::SoFar });
        }
        taken.is_whole |= form == DocumentForm::Body;
    }

    if let (None, None, Some(text)) = (delta, message, choice.get("text")) {
        taken.text.push_str(&text_of(text)?);
        taken.is_whole |= form == DocumentForm::Body;
    }

    if let Some(error) =
        choice.get("error").and_then(|error| error_response::of_part(error, STATUS))
    {
        return Err(error);
    }

    match reason {
        None | Some(Value::Null) => {}
        // Some servers send it with every piece until there is a word.
        Some(Value::String(word)) if word.is_empty() && form == DocumentForm::Piece => {}
        Some(Value::String(word)) => taken.end(Finish::of(word)),
        Some(other) => taken.end(Finish::Ended(other.to_string())),
    }
    Ok(())
}

/// Takes in the calls of a part of a choice, and what has to come back with them.
fn take_calls(taken: &mut PartialChoice, part: &Value, form: PieceForm) {
    let kept = |of: &Value, fields: &'static [&'static str]| -> Vec<(&'static str, Value)> {
        let found = fields.iter().filter_map(|field| Some((*field, of.get(*field)?.clone())));
        found.collect()
    };

    for (field, value) in kept(part, KEPT) {
        match form {
            PieceForm::Next => taken.opaque.add(OpaquePlace::Message, field, &value),
            PieceForm::SoFar | PieceForm::Whole => {
                taken.opaque.set(OpaquePlace::Message, field, &value);
            }
        }
    }

    let calls = part.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    // Servers of older days call one function without a list around it.
    let old = part.get("function_call").filter(|call| call.is_object());
    for (number, call) in calls.chain(old).enumerate() {
        let mut piece = CallPiece::of(call);
        if form == PieceForm::SoFar {
            // All calls so far stand in their order.
            piece.index = piece.index.or(u64::try_from(number).ok());
        }
        taken.take_call(&piece, form, kept(call, KEPT_OF_CALL));
    }
}

/// Tells whether a choice looks like the beginning of an answer, or like a whole one.
fn begins(choice: &Value) -> bool {
    part(choice, "message").is_some() || choice.get("text").is_some() || has_role(choice)
}

/// Tells whether a choice says who speaks, which most servers say once.
fn has_role(choice: &Value) -> bool {
    let parts = [part(choice, "delta"), part(choice, "message")];
    parts.into_iter().flatten().any(|part| part.get("role").is_some_and(Value::is_string))
}

fn is_word(reason: &Value) -> bool {
    reason.as_str().is_some_and(|word| !word.is_empty())
}

/// Returns a part of a choice that may say something.
fn part<'a>(choice: &'a Value, key: &str) -> Option<&'a Value> {
    choice.get(key).filter(|part| part.is_object())
}

/// Returns why a choice ended, or what stands in the place for it. Some servers put it beside the text.
fn reason(choice: &Value) -> Option<&Value> {
    let places = [Some(choice), part(choice, "delta"), part(choice, "message")];
    let mut places = places.into_iter().flatten();
    let mut found = None;

    for reason in places.clone().filter_map(|place| place.get("finish_reason")) {
        if is_word(reason) {
            return Some(reason);
        }
        found = found.filter(|known: &&Value| !known.is_null()).or(Some(reason));
    }

    // Other names of it count only where the usual one says nothing.
    let other = places.find_map(other_reason);
    let says_nothing = |known: &&Value| known.is_null() || known.as_str() == Some("");
    found.filter(|known| !says_nothing(known)).or(other).or(found)
}

/// Returns why an answer ended, if a place says it under another name than the usual one. Such a field may mean
/// something else, so it counts only with a word that is known.
fn other_reason(place: &Value) -> Option<&Value> {
    let is_known = |reason: &&Value| {
        reason.as_str().is_some_and(|word| !matches!(Finish::of(word), Finish::Ended(_)))
    };
    OTHER_REASONS.iter().filter_map(|name| place.pointer(name)).find(is_known)
}

/// What the model says in one part of a choice.
#[derive(Default)]
struct Utterance {
    text: String,
    refusal: String,
}

impl Utterance {
    fn of(part: &Value) -> Result<Utterance, CallError> {
        let content = part.get("content").unwrap_or(&Value::Null);
        let mut said = Utterance { text: text_of(content)?, refusal: String::new() };

        let parts = content.as_array().into_iter().flatten();
        said.refusal.extend(parts.filter_map(|part| part.get("refusal")?.as_str()));
        said.refusal.push_str(part.get("refusal").and_then(Value::as_str).unwrap_or(""));
        Ok(said)
    }
}

/// Takes a `message` into a text. In a stream, some servers put pieces there, others all that has
/// been said so far: one that begins with what has come replaces it, and any other is appended. `added`
/// is what a `delta` in the same place has just added.
fn go_on(text: &mut String, added: &str, message: String, has_halves: bool) {
    if begins_with(&message, text, has_halves) {
        *text = message;
        return;
    }

    // The same piece in both places, or all that was said before it.
    let is_said = text.ends_with(&message) || text.starts_with(&message);
    if added.is_empty() || !is_said {
        text.push_str(&message);
    }
}

/// Tells whether a message begins with what has come, also if a character of it came in halves.
fn begins_with(message: &str, text: &str, has_halves: bool) -> bool {
    if message.starts_with(text) || !has_halves {
        return message.starts_with(text);
    }
    let joined = document::join(message);
    let known = document::join(text);
    // The other half of the last character may not have come yet.
    let known = known.trim_end_matches('\u{fffd}');
    !known.is_empty() && joined.starts_with(known)
}

/// Returns the text of a content: a text, or parts of which some are text.
pub(super) fn text_of(content: &Value) -> Result<String, CallError> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        Value::Object(part) => {
            let kind = part.get("type").and_then(Value::as_str);
            if kind.is_some_and(|kind| THOUGHTS.contains(&kind)) {
                return Ok(String::new());
            }

            let text = part.get("text").map(|text| text.get("value").unwrap_or(text));
            match (text, kind) {
                (Some(Value::String(text)), _) => Ok(text.clone()),
                (None | Some(Value::Null), Some(_)) => Ok(String::new()),
                (..) => Err(not_understood(content)),
            }
        }
        Value::Bool(_) | Value::Number(_) => Err(not_understood(content)),
    }
}

/// Takes a reply, or a piece of one, in Ollama's own form.
fn take_ollama(
    partial: &mut Partial,
    document: &Value,
    map: &Map<String, Value>,
) -> Result<(), CallError> {
    let is_done = map.get("done") == Some(&Value::Bool(true));
    partial.count(UsageReport::of_ollama(map), is_done);
    if let Some(error) = error_response::error_in(document, STATUS) {
        return Err(error);
    }

    partial.knows_ends = true;
    if let Some(model) = map.get("model").and_then(Value::as_str) {
        partial.served_by.get_or_insert_with(|| model.to_owned());
    }

    let content = map.get("message").and_then(|message| message.get("content"));
    let text = text_of(content.or_else(|| map.get("response")).unwrap_or(&Value::Null))?;
    let choice = partial.choice(0);
    if choice.is_ended() {
        // Nothing follows the end, so this is another answer.
        partial.leave_out();
        return Ok(());
    }
    choice.text.push_str(&text);
    if let Some(message) = map.get("message") {
        take_calls(choice, message, PieceForm::Whole);
    }

    if is_done {
        choice.end(match map.get("done_reason") {
            // Older servers have no word for it.
            None | Some(Value::Null) => Finish::Stop,
            Some(Value::String(word)) => Finish::of(word),
            Some(other) => Finish::Ended(other.to_string()),
        });
    }
    Ok(())
}

/// Makes the error for a document that is no reply. It names what the document has and shows
/// nothing of it.
pub(super) fn not_understood(document: &Value) -> CallError {
    let found = match document {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => "no object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(map) if map.is_empty() => "an empty object".to_owned(),
        Value::Object(map) => {
            let names: Vec<String> =
                map.keys().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
            format!("an object with {}", names.join(", "))
        }
    };

    CallError::BadReply { message: format!("it is {found}, without text in the expected field") }
}
