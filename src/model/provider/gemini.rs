//! Gemini's contents: how a request is written and how a reply, or a piece of one, is read. Knows
//! nothing of connections.

use crate::model::error::CallError;
use crate::model::extra;
use crate::model::message::Role;
use crate::model::provider::anthropic::system;
use crate::model::provider::openai::not_understood;
use crate::model::provider::partial::{DocumentForm, Partial, Sequel, numbers};
use crate::model::provider::refusal;
use crate::model::provider::usage::UsageReport;
use crate::model::reply::Finish;
use crate::model::request::Request;
use crate::schema::lower::{Dialect, lower};
use serde_json::{Map, Value, json};

/// The status under which everything comes that is read here.
const STATUS: u16 = 200;
/// The word of a piece that is not the last one.
const NOT_SAID: &str = "FINISH_REASON_UNSPECIFIED";

/// Writes a request.
pub(super) fn write(request: &Request) -> Vec<u8> {
    let settings = &request.settings;
    let mut wire = Map::new();
    if let Some(system) = system(&request.messages) {
        wire.insert("systemInstruction".to_owned(), json!({ "parts": [{ "text": system }] }));
    }

    let contents = request.messages.iter().filter_map(|message| {
        let role = match message.role {
            Role::System => return None,
            Role::User | Role::Tool => "user",
            Role::Assistant => "model",
        };
        Some(json!({ "role": role, "parts": [{ "text": message.content }] }))
    });
    wire.insert("contents".to_owned(), contents.collect());

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

    if let Some(error) = refusal::told(document, STATUS) {
        return Err(error);
    }
    if let Some(model) = document.get("modelVersion").and_then(Value::as_str) {
        partial.served_by.get_or_insert_with(|| model.to_owned());
    }

    if candidates.is_empty()
        && let Some(message) = blocked(document)
    {
        return Err(CallError::Refused { status: None, message });
    }

    let id = document.get("responseId").and_then(Value::as_str);
    if partial.follow(id, !candidates.is_empty())? == Sequel::Other {
        return Ok(());
    }

    partial.knows_ends = true;
    for (number, candidate) in numbers(candidates).into_iter().zip(candidates) {
        let choice = partial.choice(number);
        let content = candidate.get("content").unwrap_or(&Value::Null);
        say(&mut choice.text, content.get("parts").unwrap_or(content));
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

/// Takes in what a refused request used, if its body says so.
pub(super) fn count_refused(partial: &mut Partial, document: &Value) {
    partial.count(tally(document), true);
}

fn tally(document: &Value) -> UsageReport {
    let usage = refusal::layers(document).find_map(|layer| layer.get("usageMetadata"));
    usage.map_or(UsageReport::Nothing, UsageReport::of_gemini)
}

/// Appends what is said: parts, or one, or a mere text, as some servers write it.
fn say(text: &mut String, said: &Value) {
    match said {
        Value::String(said) => text.push_str(said),
        Value::Array(parts) => parts.iter().for_each(|part| say(text, part)),
        Value::Object(_) if is_thought(said) => {}
        Value::Object(part) => text.extend(part.get("text").and_then(Value::as_str)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_thought(part: &Value) -> bool {
    part.get("thought") == Some(&Value::Bool(true))
}

/// Returns the word by which a candidate says why it ended, if it does.
fn word(candidate: &Value, form: DocumentForm) -> Option<String> {
    match candidate.get("finishReason")? {
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
    let why = candidate.get("finishMessage").and_then(Value::as_str);
    match (Finish::of(word), why) {
        (Finish::Refused(word), Some(why)) => Finish::Refused(format!("{word}: {why}")),
        (finish, _) => finish,
    }
}

/// Says why the question was blocked, if it was.
fn blocked(document: &Value) -> Option<String> {
    let feedback = document.get("promptFeedback")?;
    let reason = feedback.get("blockReason")?.as_str()?;
    let why = feedback.get("blockReasonMessage").and_then(Value::as_str);

    Some(why.map_or_else(
        || format!("the question was blocked: {reason}"),
        |why| format!("the question was blocked: {reason}: {why}"),
    ))
}
