//! The table of kaizen.toml's keys as people and editors read it.

use crate::settings::{Fallback, MODEL_SETTINGS, SERVER_SETTINGS, SETTINGS, value_of};
use serde_json::{Map, Value, json};

/// One key as people read it.
pub(crate) struct SettingDoc {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) default: &'static str,
    pub(crate) example: String,
    pub(crate) meaning: &'static str,
}

/// Returns the reference of all keys.
pub(crate) fn reference() -> Vec<SettingDoc> {
    let plain = SETTINGS.iter().map(|entry| SettingDoc {
        name: entry.name(),
        kind: entry.kind.wanted(),
        default: match entry.default {
            Fallback::Value(text) | Fallback::Words(text) => text,
        },
        example: format!("[{}]\n{} = {}", entry.section, entry.key, entry.example),
        meaning: entry.meaning,
    });
    let models = each_of("models", "fast", MODEL_SETTINGS);
    let servers = each_of("mcp", "files", SERVER_SETTINGS);
    plain.chain(models).chain(servers).collect()
}

/// Returns the keys of a section in which every entry has a name of its own.
fn each_of(
    section: &str,
    name: &str,
    keys: &[(&'static str, &'static str, &'static str, &'static str, &'static str)],
) -> impl Iterator<Item = SettingDoc> {
    keys.iter().map(move |&(key, kind, default, example, meaning)| SettingDoc {
        name: format!("{section}.NAME.{key}"),
        kind,
        default,
        example: format!("[{section}.{name}]\n{key} = {example}"),
        meaning,
    })
}

/// Writes the schema of kaizen.toml for editors.
pub(crate) fn schema() -> Value {
    let mut sections: Map<String, Value> = Map::new();
    for entry in SETTINGS {
        let mut said = entry.kind.schema();
        said["description"] = entry.meaning.into();
        if let Fallback::Value(text) = entry.default {
            said["default"] = value_of(text);
        }

        let section = sections.entry(entry.section).or_insert_with(
            || json!({ "type": "object", "additionalProperties": false, "properties": {} }),
        );
        section["properties"][entry.key] = said;
    }

    // A list and a single text may both stand for texts at which a model stops, and for who approves.
    sections.insert("models".into(), schema_of(MODEL_SETTINGS, &["stop"]));
    sections.insert("mcp".into(), schema_of(SERVER_SETTINGS, &["approve"]));

    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "kaizen.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

/// Writes the schema of a section in which every entry has a name of its own. The keys in `open` may be
/// of more than one type.
fn schema_of(keys: &[(&str, &str, &str, &str, &str)], open: &[&str]) -> Value {
    let each = keys.iter().map(|&(key, _, _, example, meaning)| {
        let mut said = json!({ "description": meaning });
        if !open.contains(&key) {
            said["type"] = type_of(&value_of(example)).into();
        }
        (key.to_owned(), said)
    });
    let entry = json!({
        "type": "object", "additionalProperties": false,
        "properties": each.collect::<Map<_, _>>(),
    });
    json!({ "type": "object", "additionalProperties": entry })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::String(_) | Value::Null => "string",
    }
}
