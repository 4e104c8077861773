//! JSON schemas: whether one is sound, before anything is asked, and whether a reply keeps to it.

use crate::base::spelling::nearest;
use crate::base::{json, secret};
use serde_json::{Map, Value};

/// Most faults of a reply that are told.
const FAULTS_MAX: usize = 3;
/// Longest part of a reply that an error shows, in characters.
const SHOWN_MAX: usize = 200;

/// Words whose value is a schema.
const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Words whose value is a list of schemas.
const LISTS: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];
/// Words whose value is a map of schemas.
const MAPS: &[&str] =
    &["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];
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
        return Err(format!("must be a map such as #{{ type: \"object\" }}, not `{schema}`"));
    };

    let is_rule = |word: &String| {
        [ONE, LISTS, MAPS, RULES].iter().any(|known| known.contains(&word.as_str()))
    };

    if !words.keys().any(is_rule) {
        return Err(
            "does not restrict the reply: it has no JSON schema keyword, such as `type` or \
             `properties`"
                .to_owned(),
        );
    }

    misspelt(words)?;

    let sound = jsonschema::validator_for(schema);
    sound.map(drop).map_err(|error| {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { String::new() } else { format!(" (`{place}`)") };
        format!("is not a valid JSON schema: {}{place}", short(&error.to_string()))
    })
}

/// Reads a reply that has to be JSON and keep to a schema; a Markdown fence around it is taken off.
pub fn read(text: &str, schema: &Value) -> Result<Value, String> {
    let value = parse(text)?;
    let rules = jsonschema::validator_for(schema).map_err(|error| short(&error.to_string()))?;

    let mut faults: Vec<String> = Vec::new();
    for error in rules.iter_errors(&value) {
        if faults.len() == FAULTS_MAX {
            faults.push("and more".to_owned());
            break;
        }

        let place = error.instance_path().to_string();
        let place = if place.is_empty() { String::new() } else { format!(" at `{place}`") };
        faults.push(format!("{}{place}", short(&error.to_string())));
    }

    if faults.is_empty() {
        return Ok(value);
    }

    Err(format!("does not match the schema: {}", faults.join("; ")))
}

/// Reads a reply that has to be JSON.
pub fn parse(text: &str) -> Result<Value, String> {
    let bare = text.trim();
    let fenced = bare.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    // A word for the language may stand behind the first fence.
    let inner = fenced.map_or(bare, |rest| {
        rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric())
    });

    json::read(inner).map_err(|error| format!("is not JSON ({error}): {}", short(bare)))
}

/// Finds a word that nobody knows and that is like one that means something.
fn misspelt(words: &Map<String, Value>) -> Result<(), String> {
    for (word, value) in words {
        let known = || [ONE, LISTS, MAPS, RULES, NOTES].into_iter().flatten().copied();
        if !word.starts_with("x-") && !known().any(|known| known == word) {
            if let Some(near) = nearest(word, known()) {
                return Err(format!("has the unknown keyword `{word}`; did you mean `{near}`?"));
            }
            continue;
        }

        let inner: Vec<&Value> = match value {
            Value::Object(_) if ONE.contains(&word.as_str()) => vec![value],
            Value::Object(all) if MAPS.contains(&word.as_str()) => all.values().collect(),
            Value::Array(all) if LISTS.contains(&word.as_str()) => all.iter().collect(),
            _ => Vec::new(),
        };

        for words in inner.into_iter().filter_map(Value::as_object) {
            misspelt(words)?;
        }
    }

    Ok(())
}

fn short(text: &str) -> String {
    let mut short: String = secret::beginning(text, SHOWN_MAX);

    if short.len() < text.len() {
        short.push_str("..");
    }

    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_checked_before_anything_is_asked() {
        let cases = [
            (json!("object"), "must be a map such as #{ type: \"object\" }, not `\"object\"`"),
            (
                json!({}),
                "does not restrict the reply: it has no JSON schema keyword, such as `type` or \
                 `properties`",
            ),
            (
                json!({ "city": "string" }),
                "does not restrict the reply: it has no JSON schema keyword, such as `type` or \
                 `properties`",
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
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "items": [{ "type": "string" }] }),
        ];
        for schema in sound {
            assert_eq!(check(&schema), Ok(()), "{schema}");
        }

        let remote = check(&json!({ "$ref": "http://example.com/schema" })).expect_err("not here");
        assert!(
            remote.starts_with("is not a valid JSON schema: Resource 'http://example.com/schema'")
        );
    }

    #[test]
    fn a_reply_keeps_to_its_schema_or_says_where_it_does_not() {
        let schema = json!({
            "type": "object",
            "properties": { "n": { "type": "integer", "minimum": 1 }, "tags": { "type": "array", "items": { "type": "string" } } },
            "required": ["n"],
            "additionalProperties": false,
        });

        for text in [
            "{\"n\": 2}",
            "```json\n{\"n\": 2}\n```",
            "``` {\"n\": 2}```",
            "\u{feff}{\"n\":\u{a0}2}\n",
            "```JSON5\n{\"n\": 2}```",
        ] {
            assert_eq!(read(text, &schema), Ok(json!({ "n": 2 })), "{text}");
        }

        let cases = [
            ("{}", "does not match the schema: \"n\" is a required property"),
            ("{\"n\": 0}", "does not match the schema: 0 is less than the minimum of 1 at `/n`"),
            (
                "{\"n\": \"2\", \"tags\": [1, \"a\", null, 2], \"x\": 1}",
                "does not match the schema: \"2\" is not of type \"integer\" at `/n`; 1 is not of type \"string\" at `/tags/0`; null is not of type \"string\" at `/tags/2`; and more",
            ),
            ("[1]", "does not match the schema: [1] is not of type \"object\""),
            (
                "{\"n\": 2",
                "is not JSON (EOF while parsing an object at line 1 column 7): {\"n\": 2",
            ),
            (
                "Here: {\"n\": 2}",
                "is not JSON (expected value at line 1 column 1): Here: {\"n\": 2}",
            ),
            (
                "{\"n\": 18446744073709551616}",
                "is not JSON (the whole number 18446744073709551616 is too large; write it as a text, in quotes): {\"n\": 18446744073709551616}",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text, &schema), Err(expected.to_owned()), "{text}");
        }

        assert_eq!(
            read("12345678901234567890", &json!({ "type": "integer" })),
            Ok(json!(12_345_678_901_234_567_890_u64))
        );
    }
}
