//! The table of kaizen.toml's keys as people and editors read it.

use crate::cli::app::settings::{Fallback, MODEL_SETTINGS, SETTINGS, type_of, value_of};
use serde_json::{Map, Value, json};

/// One key as people read it.
pub(in crate::cli) struct SettingDoc {
    pub(in crate::cli) name: String,
    pub(in crate::cli) kind: &'static str,
    pub(in crate::cli) default: &'static str,
    pub(in crate::cli) example: String,
    pub(in crate::cli) meaning: &'static str,
}

/// Returns the reference of all keys.
pub(in crate::cli) fn reference() -> Vec<SettingDoc> {
    let plain = SETTINGS.iter().map(|entry| SettingDoc {
        name: entry.name(),
        kind: entry.kind.wanted(),
        default: match entry.default {
            Fallback::Value(text) | Fallback::Words(text) => text,
        },
        example: format!("[{}]\n{} = {}", entry.section, entry.key, entry.example),
        meaning: entry.meaning,
    });
    let of_models =
        MODEL_SETTINGS.iter().map(|&(key, kind, default, example, meaning)| SettingDoc {
            name: format!("models.NAME.{key}"),
            kind,
            default,
            example: format!("[models.fast]\n{key} = {example}"),
            meaning,
        });
    plain.chain(of_models).collect()
}

/// Writes the schema of kaizen.toml for editors.
pub(in crate::cli) fn schema() -> Value {
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

    let each = MODEL_SETTINGS.iter().map(|&(key, _, _, example, meaning)| {
        let mut said = json!({ "description": meaning });
        // A list and a single text may both stand for texts at which a model stops.
        if key != "stop" {
            said["type"] = type_of(&value_of(example)).into();
        }
        (key.to_owned(), said)
    });
    let model = json!({
        "type": "object", "additionalProperties": false,
        "properties": each.collect::<Map<_, _>>(),
    });
    sections.insert("models".into(), json!({ "type": "object", "additionalProperties": model }));

    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "kaizen.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}
