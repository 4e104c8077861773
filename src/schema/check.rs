//! Whether a schema is sound, before anything is asked.

use super::compiled;
use super::read::short;
use super::short::{schema as schema_of, usual_name};
use super::words::{LISTS, MAPS, ONE};
use crate::base::spelling::nearest;
use serde_json::{Map, Value};

/// Longest schema, as JSON, in bytes.
const SIZE_MAX: usize = 64 << 10;
/// Deepest nesting of schemas.
const DEPTH_MAX: usize = 32;
/// Most properties in all of a schema.
const PROPERTIES_MAX: usize = 500;

/// Words of JSON schema that are not supported: what they say depends on where others refer from.
const UNSUPPORTED: &[&str] =
    &["$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"];

/// The other words that say what a value must be.
const RULES: &[&str] = &[
    "$dynamicRef",
    "$recursiveRef",
    "$ref",
    "const",
    "dependencies",
    "dependentRequired",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "type",
    "uniqueItems",
];
/// Words that only describe.
const NOTES: &[&str] = &[
    "$anchor",
    "$comment",
    "$dynamicAnchor",
    "$id",
    "$recursiveAnchor",
    "$schema",
    "$vocabulary",
    "contentEncoding",
    "contentMediaType",
    "default",
    "deprecated",
    "description",
    "example",
    "examples",
    "id",
    "name",
    "nullable",
    "propertyOrdering",
    "readOnly",
    "strict",
    "title",
    "writeOnly",
];

/// Checks a schema, and says what is wrong with it if anything is.
pub fn check(schema: &Value) -> Result<(), String> {
    let Value::Object(words) = schema else {
        return Err(format!(
            "must be a text such as \"name: string\" or a map such as #{{ type: \"object\" }}, not \
             `{schema}`"
        ));
    };

    let is_rule = |word: &String| {
        [ONE, LISTS, MAPS, RULES].iter().any(|known| known.contains(&word.as_str()))
    };

    if !words.keys().any(is_rule) {
        return Err(no_rule(words));
    }

    Inspector::default().at(words, 0)?;
    if schema.to_string().len() > SIZE_MAX {
        return Err(format!("is longer than {SIZE_MAX} bytes"));
    }

    usable(schema)
}

/// Says that a schema says nothing about a value. Its fields may be meant as the fields of the value.
fn no_rule(words: &Map<String, Value>) -> String {
    let fault = "does not restrict the reply: it has no JSON schema keyword, such as `type` or `properties`";
    if let Some(meant) = words.get("schema").filter(|_| words.len() == 1) {
        let is_short = meant.as_str().is_some_and(|text| text.contains(':'));
        if is_short && meant.as_str().is_some_and(|text| schema_of(text).is_ok())
            || meant.is_object()
        {
            return format!("{fault}; write the schema itself: {meant}");
        }
    }

    let fields: Option<Vec<String>> = words
        .iter()
        .map(|(name, kind)| {
            kind.as_str().map(|kind| format!("{name}: {}", usual_name(kind).unwrap_or(kind)))
        })
        .collect();

    match fields.filter(|fields| !fields.is_empty()).map(|fields| fields.join(", ")) {
        Some(fields) if schema_of(&fields).is_ok() => {
            format!("{fault}; to list fields, write the text \"{fields}\"")
        }
        _ => fault.to_owned(),
    }
}

/// Tells whether values can be checked by a schema that somebody else has written; the error says why not.
pub fn usable(schema: &Value) -> Result<(), String> {
    compiled(schema).map(drop).map_err(|error| {
        let draft = schema.get("$schema").and_then(Value::as_str);
        if let Some(draft) = draft.filter(|_| compiled(&without_draft(schema)).is_ok()) {
            return format!("is written in `{}`, a dialect that kaizen does not know", short(draft));
        }
        if let Some(reference) = outside_reference(schema) {
            return format!(
                "refers to `{}`; only references within the schema, which begin with `#`, are followed",
                short(reference)
            );
        }
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { String::new() } else { format!(" (`{place}`)") };
        format!("is not a valid JSON schema: {}{place}", short(&error.to_string()))
    })
}

/// Returns a schema that does not say in which dialect it is written.
fn without_draft(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(words) = &mut schema {
        words.remove("$schema");
    }
    schema
}

/// Finds a reference that leads out of a schema.
fn outside_reference(schema: &Value) -> Option<&str> {
    match schema {
        Value::Object(words) => {
            let own = words.get("$ref").and_then(Value::as_str);
            let own = own.filter(|reference| !reference.starts_with('#'));
            own.or_else(|| words.values().find_map(outside_reference))
        }
        Value::Array(items) => items.iter().find_map(outside_reference),
        _ => None,
    }
}

/// A look through all of a schema.
#[derive(Default)]
struct Inspector {
    properties: usize,
}

impl Inspector {
    fn at(&mut self, words: &Map<String, Value>, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("is nested deeper than {DEPTH_MAX}"));
        }

        for (word, value) in words {
            known(word)?;
            self.value(word, value, depth)?;
        }
        missing_property(words)
    }

    fn value(&mut self, word: &str, value: &Value, depth: usize) -> Result<(), String> {
        let inner: Vec<&Value> = match value {
            Value::Object(_) if ONE.contains(&word) => vec![value],
            Value::Object(all) if MAPS.contains(&word) => all.values().collect(),
            Value::Array(all) if LISTS.contains(&word) => all.iter().collect(),
            Value::Array(all) if word == "enum" && all.is_empty() => {
                return Err("has an empty `enum`, which no value matches".to_owned());
            }
            _ => return Ok(()),
        };

        if word == "properties" {
            self.properties += inner.len();
        }
        if self.properties > PROPERTIES_MAX {
            return Err(format!("has more than {PROPERTIES_MAX} properties"));
        }

        inner
            .into_iter()
            .filter_map(Value::as_object)
            .try_for_each(|words| self.at(words, depth + 1))
    }
}

/// Refuses a word that is not supported, or that nobody knows and that is like one that means something.
fn known(word: &str) -> Result<(), String> {
    let all = || [ONE, LISTS, MAPS, RULES, NOTES].into_iter().flatten().copied();
    if UNSUPPORTED.contains(&word) {
        return Err(format!("uses `{word}`, which is not supported"));
    }
    if word.starts_with("x-") || all().any(|known| known == word) {
        return Ok(());
    }

    match nearest(word, all()) {
        Some(near) => Err(format!("has the unknown keyword `{word}`; did you mean `{near}`?")),
        None => Ok(()),
    }
}

/// Refuses a required property that nothing is said about beside others of which something is said: a
/// model would not know of it.
fn missing_property(words: &Map<String, Value>) -> Result<(), String> {
    let Some(Value::Object(properties)) = words.get("properties") else { return Ok(()) };
    let others = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"];
    // An object that is closed cannot even have it.
    let is_open = words.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
    if is_open || others.iter().any(|word| words.contains_key(*word)) {
        return Ok(());
    }

    let required = words.get("required").and_then(Value::as_array).into_iter().flatten();
    let missing = required.filter_map(Value::as_str).find(|name| !properties.contains_key(*name));
    let Some(name) = missing else { return Ok(()) };

    let help = nearest(name, properties.keys().map(String::as_str));
    let help = help.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Err(format!("requires `{name}`, which is not among its `properties`{help}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_checked_before_anything_is_asked() {
        let cases = [
            (
                json!(5),
                "must be a text such as \"name: string\" or a map such as #{ type: \"object\" }, not `5`",
            ),
            (
                json!({}),
                "does not restrict the reply: it has no JSON schema keyword, such as `type` or \
                 `properties`",
            ),
            (
                json!({ "city": "string", "n": "int" }),
                "does not restrict the reply: it has no JSON schema keyword, such as `type` or \
                 `properties`; to list fields, write the text \"city: string, n: integer\"",
            ),
            (
                json!({ "type": "objekt" }),
                "is not a valid JSON schema: \"objekt\" is not valid under any of the schemas listed in the 'anyOf' keyword (`/type`)",
            ),
            (
                json!({ "type": "object", "required": "a" }),
                "is not a valid JSON schema: \"a\" is not of type \"array\" (`/required`)",
            ),
            (
                json!({ "properties": { "a": { "minimum": "x" } } }),
                "is not a valid JSON schema: \"x\" is not of type \"number\" (`/properties/a/minimum`)",
            ),
            (
                json!({ "pattern": "((" }),
                "is not a valid JSON schema: \"((\" is not a \"regex\" (`/pattern`)",
            ),
            (
                json!({ "$ref": "#/nope" }),
                "is not a valid JSON schema: Pointer '/nope' does not exist",
            ),
            (
                json!({ "type": "object", "propertees": {} }),
                "has the unknown keyword `propertees`; did you mean `properties`?",
            ),
            (
                json!({ "type": "object", "unevaluatedProperties": false }),
                "uses `unevaluatedProperties`, which is not supported",
            ),
            (
                json!({ "type": "object", "properties": { "a": { "enum": [] } } }),
                "has an empty `enum`, which no value matches",
            ),
            (
                json!({ "properties": { "label": { "type": "string" } }, "required": ["lable"] }),
                "requires `lable`, which is not among its `properties`; did you mean `label`?",
            ),
            (
                json!({ "properties": { "a": {} }, "required": ["b"], "additionalProperties": false }),
                "requires `b`, which is not among its `properties`",
            ),
            (
                json!({ "type": "array", "items": { "$ref": "https://example.com/a.json" } }),
                "refers to `https://example.com/a.json`; only references within the schema, which begin \
                 with `#`, are followed",
            ),
            (
                json!({ "items": { "oneOf": [{ "typ": "string" }] }, "type": "array" }),
                "has the unknown keyword `typ`; did you mean `type`?",
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(check(&schema), Err(expected.to_owned()), "{schema}");
        }

        let sound = [
            json!({ "type": "object", "properties": { "typ": { "type": "string" } } }),
            json!({ "type": "string", "example": "x", "x-typ": 1, "ordering": 3, "enum": ["typ"] }),
            json!({ "$defs": { "a": { "type": "object", "properties": { "a": { "$ref": "#/$defs/a" } } } }, "$ref": "#/$defs/a" }),
            json!({ "properties": { "a": {} }, "required": ["b"], "additionalProperties": true }),
            json!({ "properties": { "a": {} }, "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "items": [{ "type": "string" }] }),
        ];
        for schema in sound {
            assert_eq!(check(&schema), Ok(()), "{schema}");
        }

        let mut deep = json!({ "type": "string" });
        for _ in 0..=DEPTH_MAX {
            deep = json!({ "type": "array", "items": deep });
        }
        assert_eq!(check(&deep), Err("is nested deeper than 32".to_owned()));

        let property = |n: usize| (format!("p{n}"), json!({ "type": "string" }));
        let many: Map<String, Value> = (0..501).map(property).collect();
        let many = json!({ "type": "object", "properties": many });
        assert_eq!(check(&many), Err("has more than 500 properties".to_owned()));

        let long = json!({ "type": "string", "description": "x".repeat(SIZE_MAX) });
        assert_eq!(check(&long), Err("is longer than 65536 bytes".to_owned()));

        let remote = check(&json!({ "$ref": "http://example.com/schema" })).expect_err("not here");
        let expected = "refers to `http://example.com/schema`; only references within the schema, which begin with \
                        `#`, are followed";
        assert_eq!(remote, expected);
    }
}
