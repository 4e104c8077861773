//! Schemas and values made by chance, for tests of what must hold for all of them.

use crate::base::rng::Rng;
use serde_json::{Map, Value, json};

const DEPTH_MAX: usize = 3;
const NAMES: [&str; 5] = ["a", "b_c", "Note", "x/y", "value"];
const WORDS: [&str; 6] = ["good", "very good", "it\\ \"is\" {", "5", "true", "]'"];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    let place = usize::try_from(rng.below(from.len() as u64)).unwrap_or(0);
    from[place]
}

fn small(rng: &mut Rng) -> i64 {
    i64::try_from(rng.below(20)).unwrap_or(0) - 10
}

/// Makes any value.
pub(super) fn value(rng: &mut Rng, depth: usize) -> Value {
    let kinds = if depth >= DEPTH_MAX { 5 } else { 7 };
    match rng.below(kinds) {
        0 => Value::Null,
        1 => (rng.below(2) == 0).into(),
        2 => small(rng).into(),
        3 => json!(0.5 * f64::from(i32::try_from(small(rng)).unwrap_or(0))),
        4 => pick(rng, &WORDS).into(),
        5 => (0..rng.below(4)).map(|_| value(rng, depth + 1)).collect(),
        _ => {
            let each =
                (0..rng.below(4)).map(|_| (pick(rng, &NAMES).to_owned(), value(rng, depth + 1)));
            Value::Object(each.collect())
        }
    }
}

/// Makes a schema of all the words that are lowered.
pub(super) fn schema(rng: &mut Rng, depth: usize) -> Value {
    let kinds = if depth >= DEPTH_MAX { 6 } else { 10 };
    let mut made = match rng.below(kinds) {
        0 => json!({ "type": "boolean" }),
        1 => json!({ "type": "integer", "minimum": -5, "maximum": 5 }),
        2 => json!({ "type": "number", "exclusiveMinimum": -6 }),
        3 => json!({ "type": "string", "maxLength": 9 }),
        4 => json!({ "enum": ["good", "very good", null, 5] }),
        5 => json!({ "type": ["string", "null"] }),
        6 => json!({ "type": "array", "items": schema(rng, depth + 1), "maxItems": 3 }),
        7 => json!({ "anyOf": [schema(rng, depth + 1), schema(rng, depth + 1)] }),
        _ => object(rng, depth),
    };

    if rng.below(4) == 0 {
        made["description"] = "words".into();
    }
    made
}

fn object(rng: &mut Rng, depth: usize) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for _ in 0..=rng.below(4) {
        let name = pick(rng, &NAMES);
        if properties.insert(name.to_owned(), schema(rng, depth + 1)).is_none() && rng.below(2) == 0
        {
            required.push(name);
        }
    }

    let mut made = json!({ "type": "object", "properties": properties, "required": required });
    match rng.below(4) {
        0 => made["additionalProperties"] = false.into(),
        1 => made["additionalProperties"] = json!({ "type": "integer" }),
        _ => {}
    }
    made
}

/// Makes a value that looks like one of a schema, and mostly is.
pub(super) fn value_of(schema: &Value, rng: &mut Rng) -> Value {
    if let Some(all) = schema.get("anyOf").or_else(|| schema.get("enum")).and_then(Value::as_array)
    {
        let place = usize::try_from(rng.below(all.len() as u64)).unwrap_or(0);
        let is_choice = schema.get("anyOf").is_some();
        return if is_choice { value_of(&all[place], rng) } else { all[place].clone() };
    }

    let kind = schema.get("type").map(|kind| kind.as_str().unwrap_or("string"));
    match kind {
        Some("boolean") => (rng.below(2) == 0).into(),
        Some("integer") => (small(rng) / 2).into(),
        Some("number") => (small(rng).abs()).into(),
        Some("string") => pick(rng, &WORDS).into(),
        Some("array") => (0..rng.below(3)).map(|_| value_of(&schema["items"], rng)).collect(),
        Some("object") => {
            let properties = schema["properties"].as_object().expect("properties");
            let required = schema["required"].as_array().expect("a list");
            let mut made = Map::new();
            for (name, inner) in properties {
                if required.iter().any(|known| known == name) || rng.below(2) == 0 {
                    made.insert(name.clone(), value_of(inner, rng));
                }
            }
            Value::Object(made)
        }
        _ => Value::Null,
    }
}
