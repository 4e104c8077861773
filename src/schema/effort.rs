//! How much work it is to compare a value with a schema. Alternatives within alternatives, and references that
//! lead back, multiply it, so that a schema of a few lines may take hours.

use super::nodes::resolve;
use serde_json::{Map, Value};

/// Most steps of one look at a value. A step is one schema at one part of the value.
const STEPS_MAX: u64 = 1_000_000;
/// Deepest nesting of schemas that speak of the same part of a value.
const SAME_MAX: usize = 64;
/// As how many steps one counts within alternatives, if everything that is wrong is wanted: each of them is told.
const TOLD_STEPS: u64 = 20;

/// What is wanted of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Whether the value fits. What obviously does not is left at once.
    Fits,
    /// Everything that is wrong, alternative by alternative.
    Faults,
}

/// Returns how many steps a comparison takes; `None` for more than anybody should wait for.
pub(super) fn steps(value: &Value, schema: &Value, wanted: Comparison) -> Option<u64> {
    let mut count = StepCount { root: schema, wanted, steps: 0 };
    count.at(schema, value, 0, 1)?;
    Some(count.steps)
}

struct StepCount<'a> {
    root: &'a Value,
    wanted: Comparison,
    steps: u64,
}

impl<'a> StepCount<'a> {
    /// Counts the steps of a schema at a part of a value. `same` is how many schemas lead to it that speak of the
    /// same part, and `weight` is as how many steps each one counts.
    fn at(&mut self, schema: &'a Value, value: &Value, same: usize, weight: u64) -> Option<()> {
        self.steps += weight;
        if self.steps > STEPS_MAX || same > SAME_MAX {
            return None;
        }
        let Value::Object(words) = schema else { return Some(()) };

        if let Some(target) = self.target(words) {
            self.at(target, value, same + 1, weight)?;
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            let inner = match (word, self.wanted) {
                ("allOf", _) | (_, Comparison::Fits) => weight,
                (_, Comparison::Faults) => TOLD_STEPS,
            };
            for form in words.get(word).and_then(Value::as_array).into_iter().flatten() {
                let is_left = self.wanted == Comparison::Fits && self.is_other(form, value);
                if is_left {
                    self.steps += 1;
                } else {
                    self.at(form, value, same + 1, inner)?;
                }
            }
        }
        for word in ["not", "if", "then", "else"] {
            if let Some(inner) = words.get(word) {
                self.at(inner, value, same + 1, weight)?;
            }
        }

        match value {
            Value::Object(fields) => self.fields(words, value, fields, (same, weight)),
            Value::Array(items) => self.items(words, items, weight),
            _ => Some(()),
        }
    }

    fn fields(
        &mut self,
        words: &'a Map<String, Value>,
        value: &Value,
        fields: &Map<String, Value>,
        (same, weight): (usize, u64),
    ) -> Option<()> {
        let named = words.get("properties").and_then(Value::as_object);
        let others = words.get("additionalProperties");
        let patterns = words.get("patternProperties").and_then(Value::as_object);

        for (name, field) in fields {
            let own = named.and_then(|named| named.get(name)).or(others);
            let by_pattern = patterns.into_iter().flat_map(Map::values);
            for inner in own.into_iter().chain(by_pattern) {
                self.at(inner, field, 0, weight)?;
            }
        }

        let depends = words.get("dependentSchemas").and_then(Value::as_object);
        for (_, inner) in
            depends.into_iter().flatten().filter(|(name, _)| fields.contains_key(*name))
        {
            self.at(inner, value, same + 1, weight)?;
        }
        Some(())
    }

    fn items(&mut self, words: &'a Map<String, Value>, items: &[Value], weight: u64) -> Option<()> {
        let first =
            ["prefixItems", "items"].into_iter().find_map(|word| words.get(word)?.as_array());
        let rest = ["items", "additionalItems"].into_iter().find_map(|word| words.get(word));
        let rest = rest.filter(|rest| rest.is_object());

        for (place, item) in items.iter().enumerate() {
            let own = first.and_then(|first| first.get(place)).or(rest);
            for inner in own.into_iter().chain(words.get("contains")) {
                self.at(inner, item, 0, weight)?;
            }
        }
        Some(())
    }

    /// Tells whether a value is obviously not what a form asks for: of another type, or of another kind by one of
    /// its fields.
    fn is_other(&self, form: &'a Value, value: &Value) -> bool {
        let mut form = form;
        for _ in 0..SAME_MAX {
            let Value::Object(words) = form else { return false };
            if differs(words, value) {
                return true;
            }
            let fields = words.get("properties").and_then(Value::as_object).zip(value.as_object());
            let is_other_kind = fields.is_some_and(|(named, fields)| {
                let mut known = named
                    .iter()
                    .filter_map(|(name, inner)| inner.as_object().zip(fields.get(name)));
                known.any(|(inner, field)| says_which(inner) && differs(inner, field))
            });
            if is_other_kind {
                return true;
            }

            let Some(target) = self.target(words) else { return false };
            form = target;
        }
        false
    }

    fn target(&self, words: &'a Map<String, Value>) -> Option<&'a Value> {
        resolve(self.root, words.get("$ref")?.as_str()?)
    }
}

/// Tells whether a schema names the values that are allowed.
fn says_which(words: &Map<String, Value>) -> bool {
    words.contains_key("const") || words.contains_key("enum")
}

/// Tells whether a value is of another type than the one that a schema names, or none of the values that it names.
fn differs(words: &Map<String, Value>, value: &Value) -> bool {
    let is_of = |kind: &str| match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(_) => matches!(kind, "number" | "integer"),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    };
    let is_other_type = words.get("type").is_some_and(|kind| match kind {
        Value::String(kind) => !is_of(kind),
        Value::Array(kinds) => !kinds.iter().filter_map(Value::as_str).any(is_of),
        _ => false,
    });

    let is_other = words.get("const").is_some_and(|only| only != value);
    let named = words.get("enum").and_then(Value::as_array);
    is_other_type || is_other || named.is_some_and(|named| !named.contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{FittedValue, Unfit, fit};
    use serde_json::json;
    use std::time::Instant;

    /// Definitions each of which has this word, with two references to the next one.
    fn chain(word: &str, length: usize, last: &Value) -> Value {
        let mut all = Map::new();
        for n in 0..length {
            let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
            all.insert(format!("d{n}"), json!({ word: [next, next] }));
        }
        all.insert(format!("d{length}"), last.clone());
        json!({ "$defs": all, "$ref": "#/$defs/d0" })
    }

    #[test]
    fn a_schema_that_multiplies_the_work_is_refused_in_time() {
        let text = json!({ "type": "string" });
        let tree = |word: &str| {
            let child = json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/t" } } });
            json!({
                "$defs": { "t": { word: [child, child, { "type": "null" }] } },
                "$ref": "#/$defs/t",
            })
        };
        let mut deep = json!("x");
        for _ in 0..40 {
            deep = json!({ "a": deep });
        }

        let began = Instant::now();
        for (schema, value) in [
            (chain("anyOf", 40, &text), json!(1)),
            (chain("oneOf", 40, &text), json!("x")),
            (chain("allOf", 40, &text), json!("x")),
            (chain("anyOf", 12, &text), json!([1, 2])),
            (tree("anyOf"), deep.clone()),
            (tree("oneOf"), deep.clone()),
            (json!({ "anyOf": [{ "$ref": "#" }] }), json!(1)),
            (json!({ "allOf": [{ "$ref": "#" }] }), json!(1)),
            (json!({ "not": { "$ref": "#" } }), json!(1)),
            (json!({ "$ref": "#" }), json!(1)),
        ] {
            assert!(fit(value, &schema).is_err(), "{schema}");
        }
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }

    #[test]
    fn large_values_and_trees_of_several_kinds_are_compared() {
        let kind = |name: &str| {
            json!({
                "type": "object",
                "properties": {
                    "kind": { "const": name },
                    "children": { "type": "array", "items": { "$ref": "#/$defs/node" } },
                },
                "required": ["kind"],
            })
        };
        let kinds: Vec<Value> = (0..6).map(|n| kind(&format!("k{n}"))).collect();
        let schema = json!({ "$defs": { "node": { "anyOf": kinds } }, "$ref": "#/$defs/node" });
        let mut tree = json!({ "kind": "k5" });
        for n in 0..20 {
            tree = json!({ "kind": format!("k{}", n % 6), "children": [tree] });
        }
        let found = fit(tree.clone(), &schema);
        assert_eq!(found, Ok(FittedValue { value: tree, mended: vec![] }));

        let numbers = json!({ "type": "array", "items": { "type": "integer" } });
        let many: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
        let found = fit(json!(many), &numbers).expect("numbers in texts");
        assert_eq!((found.value[99_999].clone(), found.mended.len()), (json!(99_999), 100_000));

        let wrong = fit(json!({ "kind": "none" }), &schema);
        assert!(matches!(wrong, Err(Unfit::Wrong(_))), "{wrong:?}");
    }
}
