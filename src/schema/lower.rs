//! Lowering: the dialect of JSON schema that each provider takes. A reply is never validated by what
//! was sent, but always by the schema as it was written.

use super::WRAPPER;
use super::nodes::resolve;
use super::words::{LISTS, MAPS, ONE};
use serde_json::{Map, Value, json};

/// Most references that are followed to find out what a schema is.
const REFERENCES_MAX: usize = 32;
/// Longest schema that references are written out in, in bytes.
const INLINED_MAX: usize = 64 << 10;
/// Deepest nesting of objects that OpenAI's own server takes.
const STRICT_DEPTH_MAX: usize = 10;

/// What a server takes for a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's own server: `strict`, where that can say all of it.
    OpenAi,
    /// The other servers that speak OpenAI's protocol.
    Plain,
    /// Anthropic: objects are closed, and there are no bounds.
    Anthropic,
    /// Gemini.
    Gemini,
}

/// A schema as it goes over the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct WireSchema {
    /// The schema.
    pub schema: Value,
    /// Whether the server is to keep to it strictly; `None` where it is not asked.
    pub strict: Option<bool>,
}

/// Words that only people read, and words of other vocabularies.
const DROPPED: &[&str] = &[
    "$anchor",
    "$comment",
    "$id",
    "$schema",
    "$vocabulary",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "deprecated",
    "example",
    "examples",
    "id",
    "name",
    "nullable",
    "propertyOrdering",
    "readOnly",
    "strict",
    "writeOnly",
];
/// Words that Anthropic takes only as a part of the description.
const BOUNDS: &[&str] = &[
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "uniqueItems",
];
/// Words that OpenAI's strict form takes only as a part of the description.
const STRICT_NOTES: &[&str] = &["format", "maxLength", "minLength", "uniqueItems"];
/// Words that OpenAI's strict form can say.
const STRICT_WORDS: &[&str] = &[
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "definitions",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];

/// Writes a schema in the dialect of a server.
pub fn lower(schema: &Value, dialect: Dialect) -> WireSchema {
    let schema = wrapped(ordered(&without_notes(&inlined(schema))));

    match dialect {
        Dialect::Plain | Dialect::Gemini => WireSchema { schema, strict: None },
        Dialect::Anthropic => {
            WireSchema { schema: bounds_told(&closed(&schema), BOUNDS), strict: None }
        }
        Dialect::OpenAi => match strict(&bounds_told(&schema, STRICT_NOTES)) {
            Some(schema) => WireSchema { schema, strict: Some(true) },
            None => WireSchema { schema, strict: Some(false) },
        },
    }
}

/// Tells whether a schema allows objects and nothing else, so that it can be sent as it is.
pub fn is_object(schema: &Value) -> bool {
    let mut node = schema;

    for _ in 0..REFERENCES_MAX {
        match node.get("$ref").and_then(Value::as_str) {
            None => break,
            Some(reference) => match resolve(schema, reference) {
                Some(found) => node = found,
                None => return false,
            },
        }
    }

    match node.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.len() == 1 && kinds[0] == "object",
        _ => {
            let others = ["anyOf", "allOf", "oneOf", "enum", "const", "not", "if"];
            let is_open = others.iter().any(|word| node.get(word).is_some());
            node.get("properties").is_some() && !is_open
        }
    }
}

/// Makes an object of what is none: its value stands under one key.
fn wrapped(schema: Value) -> Value {
    if is_object(&schema) {
        return schema;
    }

    let inner = moved(&schema, &format!("#/properties/{WRAPPER}"));
    json!({ "type": "object", "properties": { WRAPPER: inner }, "required": [WRAPPER],
        "additionalProperties": false })
}

/// Has the references of a schema begin at another root.
fn moved(schema: &Value, root: &str) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let moved_word = |(word, value): (&String, &Value)| {
        let reference = value.as_str().filter(|_| word == "$ref");
        let value = match reference.and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => Value::from(format!("{root}{pointer}")),
            None => inner(word, value, &mut |schema| moved(schema, root)),
        };
        (word.clone(), value)
    };

    Value::Object(words.iter().map(moved_word).collect())
}

/// Does something with every schema within the value of a word.
fn inner(word: &str, value: &Value, then: &mut impl FnMut(&Value) -> Value) -> Value {
    match value {
        Value::Object(named) if MAPS.contains(&word) => {
            Value::Object(named.iter().map(|(name, schema)| (name.clone(), then(schema))).collect())
        }
        Value::Object(_) if ONE.contains(&word) => then(value),
        Value::Array(all) if LISTS.contains(&word) => all.iter().map(then).collect(),
        other => other.clone(),
    }
}

/// Writes out what references refer to, unless that goes in a circle or grows too long.
fn inlined(schema: &Value) -> Value {
    let mut budget = INLINED_MAX;
    let whole = inline(schema, schema, &mut Vec::new(), &mut budget);
    let Some(Value::Object(mut words)) = whole else { return schema.clone() };

    // Definitions that nobody refers to any more would only cost tokens.
    if !refers(&without_definitions(&words)) {
        words = without_definitions(&words);
    }
    Value::Object(words)
}

fn without_definitions(words: &Map<String, Value>) -> Map<String, Value> {
    let mut words = words.clone();
    words.shift_remove("$defs");
    words.shift_remove("definitions");
    words
}

/// Tells whether there is a reference within some words of schemas.
fn refers(words: &Map<String, Value>) -> bool {
    let is_within = |value: &Value| match value {
        Value::Object(words) => refers(words),
        Value::Array(all) => all.iter().filter_map(Value::as_object).any(refers),
        _ => false,
    };

    words.contains_key("$ref") || words.values().any(is_within)
}

fn inline<'a>(
    root: &'a Value,
    schema: &'a Value,
    open: &mut Vec<&'a str>,
    budget: &mut usize,
) -> Option<Value> {
    *budget = budget.checked_sub(8)?;
    let Value::Object(words) = schema else { return Some(schema.clone()) };

    if let Some(reference) = words.get("$ref").and_then(Value::as_str)
        && let Some(target) = resolve(root, reference)
    {
        // What goes in a circle stays a reference, and so does all of the schema.
        if open.contains(&reference) {
            return None;
        }
        open.push(reference);
        let target = inline(root, target, open, budget);
        open.pop();

        let mut target = target?;
        let others: Map<String, Value> = words
            .iter()
            .filter(|(word, _)| *word != "$ref")
            .map(|(w, v)| (w.clone(), v.clone()))
            .collect();
        if others.is_empty() {
            return Some(target);
        }
        let only_describes = others.keys().all(|word| word == "description" || word == "title");
        let (Value::Object(target), true) = (&mut target, only_describes) else { return None };
        target.extend(others);
        return Some(Value::Object(target.clone()));
    }

    let mut made = Map::new();
    for (word, value) in words {
        *budget = budget.checked_sub(word.len() + 4)?;
        // Definitions are written out where they are used.
        let is_definitions = word == "$defs" || word == "definitions";
        let value = match value {
            Value::Object(named) if MAPS.contains(&word.as_str()) && !is_definitions => {
                let each = named
                    .iter()
                    .map(|(name, inner)| Some((name.clone(), inline(root, inner, open, budget)?)));
                Value::Object(each.collect::<Option<_>>()?)
            }
            Value::Object(_) if ONE.contains(&word.as_str()) => inline(root, value, open, budget)?,
            Value::Array(all) if LISTS.contains(&word.as_str()) => {
                let each = all.iter().map(|inner| inline(root, inner, open, budget));
                Value::Array(each.collect::<Option<_>>()?)
            }
            other => {
                *budget = budget.checked_sub(other.to_string().len())?;
                other.clone()
            }
        };
        made.insert(word.clone(), value);
    }
    Some(Value::Object(made))
}

/// Leaves out the words that say nothing of a value.
fn without_notes(schema: &Value) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let kept = words.iter().filter(|(word, _)| !DROPPED.contains(&word.as_str()));
    let each = kept.map(|(word, value)| (word.clone(), inner(word, value, &mut without_notes)));
    Value::Object(each.collect())
}

/// Puts properties that are sorted by name into the order of `required`, and the others behind them. A
/// model writes them in the order in which they are sent, so that a thought has to come before what
/// follows from it, and the maps of scripts are sorted. Any other order is one that somebody chose.
fn ordered(schema: &Value) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let mut words: Map<String, Value> = words
        .iter()
        .map(|(word, value)| (word.clone(), inner(word, value, &mut ordered)))
        .collect();

    let required = words.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Object(properties)) = words.get_mut("properties")
        && properties.keys().is_sorted()
    {
        let mut rest = std::mem::take(properties);
        for name in required.iter().filter_map(Value::as_str) {
            if let Some(property) = rest.shift_remove(name) {
                properties.insert(name.to_owned(), property);
            }
        }
        properties.extend(rest);
    }

    Value::Object(words)
}

/// Closes every object that does not say whether it is closed.
fn closed(schema: &Value) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let mut shut: Map<String, Value> =
        words.iter().map(|(word, value)| (word.clone(), inner(word, value, &mut closed))).collect();

    let is_object = words.get("type") == Some(&json!("object")) || words.contains_key("properties");
    if is_object {
        shut.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    Value::Object(shut)
}

/// Moves words into the description of what they bound.
fn bounds_told(schema: &Value, words_told: &[&str]) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let mut kept = Map::new();
    let mut told = Vec::new();

    for (word, value) in words {
        if words_told.contains(&word.as_str()) {
            told.push(format!("{word}: {value}"));
        } else {
            let value = inner(word, value, &mut |schema| bounds_told(schema, words_told));
            kept.insert(word.clone(), value);
        }
    }

    if !told.is_empty() {
        let own = kept.get("description").and_then(Value::as_str).unwrap_or("");
        let space = if own.is_empty() { "" } else { " " };
        kept.insert("description".to_owned(), format!("{own}{space}({})", told.join(", ")).into());
    }
    Value::Object(kept)
}

/// Makes the strict form of OpenAI's own server, if it can say the same.
fn strict(schema: &Value) -> Option<Value> {
    // At the root there may be no choice.
    if schema.get("anyOf").is_some() || schema.get("$ref").is_some() {
        return None;
    }
    strict_part(schema, 0)
}

fn strict_part(schema: &Value, depth: usize) -> Option<Value> {
    let words = schema.as_object()?;
    if depth > STRICT_DEPTH_MAX || words.keys().any(|w| !STRICT_WORDS.contains(&w.as_str())) {
        return None;
    }
    // What may be anything cannot be said.
    let says = ["type", "enum", "const", "anyOf", "$ref"];
    if !says.iter().any(|word| words.contains_key(*word)) {
        return None;
    }

    let mut made = Map::new();
    for (word, value) in words {
        let value = match (word.as_str(), value) {
            ("additionalProperties", Value::Bool(false)) => continue,
            ("additionalProperties", _) => return None,
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                let each = named
                    .iter()
                    .map(|(name, inner)| Some((name.clone(), strict_part(inner, depth + 1)?)));
                Value::Object(each.collect::<Option<_>>()?)
            }
            ("anyOf", Value::Array(all)) => {
                let each = all.iter().map(|inner| strict_part(inner, depth + 1));
                Value::Array(each.collect::<Option<_>>()?)
            }
            ("items", inner) => strict_part(inner, depth + 1)?,
            (_, other) => other.clone(),
        };
        made.insert(word.clone(), value);
    }

    let kinds = words.get("type");
    let is = |kind: &str| match kinds {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    };
    // A list of anything, and an object of any fields, cannot be said.
    if is("array") && !words.contains_key("items")
        || is("object") && !words.contains_key("properties")
    {
        return None;
    }
    if is("object") {
        close_strictly(&mut made)?;
    }
    Some(Value::Object(made))
}

/// Requires every property of an object; those that were optional may be null.
fn close_strictly(object: &mut Map<String, Value>) -> Option<()> {
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = object.get_mut("properties")?.as_object_mut()?;
    if required.iter().filter_map(Value::as_str).any(|name| !properties.contains_key(name)) {
        return None;
    }

    for (name, property) in properties.iter_mut() {
        if !required.contains(&Value::from(name.as_str())) {
            let kind = std::mem::take(property);
            *property = json!({ "anyOf": [kind, { "type": "null" }] });
        }
    }

    let names: Vec<Value> = properties.keys().map(|name| name.as_str().into()).collect();
    object.insert("required".to_owned(), names.into());
    object.insert("additionalProperties".to_owned(), Value::Bool(false));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::schema::{compiled, fit, generated};

    fn lowered(schema: &Value, dialect: Dialect) -> (String, Option<bool>) {
        let WireSchema { schema, strict } = lower(schema, dialect);
        (schema.to_string(), strict)
    }

    #[test]
    fn sorted_properties_go_out_in_the_order_of_required() {
        let sorted = json!({ "type": "object", "properties": {
            "a_note": { "type": "string" }, "label": { "type": "string" }, "thought": { "type": "string" } },
            "required": ["thought", "label"] });
        let expected = json!({ "type": "object", "properties": {
            "thought": { "type": "string" }, "label": { "type": "string" }, "a_note": { "type": "string" } },
            "required": ["thought", "label"] });
        for dialect in [Dialect::Plain, Dialect::Gemini] {
            assert_eq!(lowered(&sorted, dialect), (expected.to_string(), None));
        }

        // An order that somebody chose is kept.
        let chosen =
            crate::schema::short::schema("z?: string, b: string, a: string").expect("a schema");
        assert_eq!(lowered(&chosen, Dialect::Plain).0, chosen.to_string());
    }

    #[test]
    fn every_object_is_closed_for_anthropic_and_bounds_are_told() {
        let open = json!({ "type": "object", "properties": {
            "list": { "type": "array", "items": { "properties": { "x": { "type": "string", "maxLength": 5 } } },
                "minItems": 2, "description": "some" },
            "free": { "type": "object", "additionalProperties": true },
            "n": { "type": "integer", "minimum": 1, "maximum": 3 } } });
        let shut = json!({ "type": "object", "properties": {
            "list": { "type": "array", "items": { "properties": { "x": { "type": "string",
                "description": "(maxLength: 5)" } }, "additionalProperties": false },
                "description": "some (minItems: 2)" },
            "free": { "type": "object", "additionalProperties": true },
            "n": { "type": "integer", "description": "(minimum: 1, maximum: 3)" } },
            "additionalProperties": false });
        assert_eq!(lower(&open, Dialect::Anthropic).schema, shut);
    }

    #[test]
    fn references_are_written_out_unless_they_go_in_a_circle() {
        let schema = json!({ "$defs": { "name": { "type": "string", "default": "x" } }, "type": "object",
            "properties": { "a": { "$ref": "#/$defs/name" },
                "b": { "$ref": "#/$defs/name", "description": "B" } }, "$comment": "no" });
        let expected = json!({ "type": "object", "properties": { "a": { "type": "string" },
            "b": { "type": "string", "description": "B" } } });
        assert_eq!(lower(&schema, Dialect::Plain).schema, expected);

        let tree = json!({ "$defs": { "tree": { "type": "object", "properties": {
            "kids": { "type": "array", "items": { "$ref": "#/$defs/tree" } } } } }, "$ref": "#/$defs/tree" });
        assert_eq!(lower(&tree, Dialect::Plain).schema, tree);

        let list = json!({ "type": "array", "items": { "$ref": "#" } });
        let wrapped = json!({ "type": "object", "properties": { "value":
            { "type": "array", "items": { "$ref": "#/properties/value" } } },
            "required": ["value"], "additionalProperties": false });
        assert_eq!(lower(&list, Dialect::Plain).schema, wrapped);
    }

    #[test]
    fn openais_own_server_gets_the_strict_form_where_it_can_say_the_same() {
        let schema = json!({ "type": "object", "properties": {
            "why": { "type": "string", "maxLength": 9 }, "note": { "enum": ["a"] } }, "required": ["why"] });
        let expected = json!({ "type": "object", "properties": {
            "why": { "type": "string", "description": "(maxLength: 9)" },
            "note": { "anyOf": [{ "enum": ["a"] }, { "type": "null" }] } },
            "required": ["note", "why"], "additionalProperties": false });
        let WireSchema { schema: found, strict } = lower(&schema, Dialect::OpenAi);
        assert_eq!(found["properties"], expected["properties"]);
        assert_eq!((found["required"].clone(), strict), (json!(["why", "note"]), Some(true)));

        for loose in [
            json!({ "type": "object" }),
            json!({ "type": "object", "properties": {}, "additionalProperties": true }),
            json!({ "type": "object", "properties": { "x": {} } }),
            json!({ "type": "object", "properties": { "x": { "type": "array" } } }),
            json!({ "type": "object", "properties": { "x": { "allOf": [{ "type": "string" }] } } }),
            json!({ "type": "object", "properties": { "x": { "type": "string" } }, "required": ["y"] }),
            json!({ "type": "object", "properties": { "x": { "type": "string" } }, "anyOf": [{ "required": ["x"] }] }),
        ] {
            assert_eq!(lower(&loose, Dialect::OpenAi).strict, Some(false), "{loose}");
        }
    }

    #[test]
    fn what_fits_the_lowered_schema_fits_the_written_one() {
        let mut rng = Rng::seeded(11);
        let mut counts = [0; 4];

        for _ in 0..2000 {
            let schema = generated::schema(&mut rng, 0);
            for (place, dialect) in
                [Dialect::Plain, Dialect::Gemini, Dialect::Anthropic, Dialect::OpenAi]
                    .into_iter()
                    .enumerate()
            {
                let lowered = lower(&schema, dialect);
                assert_eq!(crate::schema::check(&lowered.schema), Ok(()), "{schema}");
                let rules = compiled(&lowered.schema).expect("a sound schema");

                // A valid value travels, and what travels is read as the value that it was.
                let value = generated::value_of(&schema, &mut rng);
                let is_valid = compiled(&schema).expect("a sound schema").is_valid(&value);
                let sent =
                    if is_object(&schema) { value.clone() } else { json!({ WRAPPER: value }) };
                // One that looks wrapped itself may mean two things.
                let is_clear = value.get(WRAPPER).is_none() || is_object(&schema);
                if is_valid && is_clear && lowered.strict != Some(true) && rules.is_valid(&sent) {
                    counts[place] += 1;
                    let found = fit(sent.clone(), &schema).map(|found| found.value);
                    let expected = fit(value, &schema).map(|found| found.value);
                    assert_eq!(found, expected, "{schema} {sent}");
                }

                // What is made by the lowered schema, with nulls for what is left out, is read.
                let made = generated::value_of(&lowered.schema, &mut rng);
                let bounds_are_told = matches!(dialect, Dialect::Anthropic | Dialect::OpenAi);
                if rules.is_valid(&made) && !bounds_are_told {
                    assert!(fit(made.clone(), &schema).is_ok(), "{schema} {made}");
                }
                if rules.is_valid(&made) && lowered.strict == Some(true) {
                    counts[place] += usize::from(fit(made, &schema).is_ok());
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 300), "{counts:?}");
    }
}
