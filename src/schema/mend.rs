//! Mending: what a model wrote in another form than its schema asks for and that can mean only one
//! thing, such as `"5"` where a number is wanted. Only what is wrong is touched, and nothing is made up.

use super::effort::{self, Comparison};
use super::nodes::{Nodes, steps};
use crate::base::json;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Most times that a value is looked through: each look may bring up what lay below.
const ROUNDS_MAX: usize = 40;
/// Most choices that are tried out, each of which validates the whole value.
const CHOICES_MAX: usize = 200;
/// Most steps of all that together.
const STEPS_MAX: u64 = 4_000_000;

/// A value that was mended as far as possible.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mending {
    pub(super) value: Value,
    /// What was changed, as JSON pointers.
    pub(super) paths: Vec<String>,
}

/// What to do with one part of a value.
#[derive(Debug, Clone, PartialEq)]
enum Fix {
    /// Put another value in its place.
    Put(Value),
    /// Take the property out.
    Drop,
    /// Give a key of the object another name.
    Rename { from: String, to: String },
}

/// Mends a value. One that is valid stays as it is.
pub(super) fn mend(value: Value, schema: &Value, rules: &Validator) -> Mending {
    let mut mender = Mender { schema, rules, choices: 0, steps: 0 };
    mender.mend(value)
}

struct Mender<'a> {
    schema: &'a Value,
    rules: &'a Validator,
    choices: usize,
    /// How many steps of comparisons were made.
    steps: u64,
}

impl Mender<'_> {
    fn mend(&mut self, mut value: Value) -> Mending {
        let mut paths: Vec<String> = Vec::new();

        for _ in 0..ROUNDS_MAX {
            if !self.may_compare(&value) {
                break;
            }
            let errors: Vec<ValidationError<'static>> =
                self.rules.iter_errors(&value).map(ValidationError::to_owned).collect();
            let changed = self.fix_all(&mut value, &errors);
            if changed.is_empty() {
                break;
            }
            paths.extend(changed);
        }

        let mut seen = HashSet::new();
        paths.retain(|path| seen.insert(path.clone()));
        Mending { value, paths }
    }

    /// Tells whether a value may be compared with the schema once more, and counts that.
    fn may_compare(&mut self, value: &Value) -> bool {
        let more = effort::steps(value, self.schema, Comparison::Faults);
        self.steps = more.map_or(u64::MAX, |more| self.steps.saturating_add(more));
        self.steps <= STEPS_MAX
    }

    /// Mends what can be mended of some errors, at most once in each place, and returns the places.
    fn fix_all(&mut self, value: &mut Value, errors: &[ValidationError<'static>]) -> Vec<String> {
        let mut changed: Vec<String> = Vec::new();
        let mut seen = HashSet::new();

        for error in errors {
            let path = error.instance_path().as_str();
            if seen.contains(path) {
                continue;
            }
            // What was changed before may have taken its place away.
            let Some(part) = value.pointer(path) else { continue };

            let fix = self.drop_null(value, path, part).or_else(|| match forms(error.kind()) {
                Some(branches) => self.choose(value, error, branches),
                None => self.fix(value, path, part, error.kind()),
            });

            if let Some(fix) = fix
                && apply(value, path, &fix)
            {
                let place = match &fix {
                    Fix::Rename { to, .. } => format!("{path}/{}", step(to)),
                    Fix::Put(_) | Fix::Drop => path.to_owned(),
                };
                seen.insert(place.clone());
                changed.push(place);
            }
        }

        changed
    }

    /// Takes an optional property out that is null although it may not be.
    fn drop_null(&self, value: &Value, path: &str, part: &Value) -> Option<Fix> {
        if !part.is_null() {
            return None;
        }
        let (parent, _) = path.rsplit_once('/')?;
        let name = steps(path).last()?;
        let nodes = Nodes::of(self.schema).at(value, parent);

        let is_optional = value.pointer(parent)?.is_object() && !nodes.is_required(&name);
        (is_optional && nodes.properties().contains(&name.as_str())).then_some(Fix::Drop)
    }

    fn fix(
        &self,
        value: &Value,
        path: &str,
        part: &Value,
        kind: &ValidationErrorKind,
    ) -> Option<Fix> {
        match kind {
            ValidationErrorKind::Type { kind } => as_type(part, kind).map(Fix::Put),
            ValidationErrorKind::Enum { options } => among(part, options.as_array()?).map(Fix::Put),
            ValidationErrorKind::Constant { expected_value } => {
                among(part, std::slice::from_ref(&**expected_value)).map(Fix::Put)
            }

            ValidationErrorKind::Required { property } => {
                let wanted = property.as_str()?;
                let declared = Nodes::of(self.schema).at(value, path).properties();
                let is_free = |key: &&String| !declared.contains(&key.as_str());
                let found = only(part.as_object()?.keys().filter(is_free), |key| {
                    folded(key) == folded(wanted)
                })?;
                Some(Fix::Rename { from: found.clone(), to: wanted.to_owned() })
            }

            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let declared = Nodes::of(self.schema).at(value, path).properties();
                let map = part.as_object()?;
                unexpected.iter().find_map(|from| {
                    let missing = declared.iter().filter(|name| !map.contains_key(**name)).copied();
                    let to = only(missing, |name| folded(name) == folded(from))?;
                    only(unexpected.iter(), |key| folded(key) == folded(to))?;
                    Some(Fix::Rename { from: from.clone(), to: to.to_owned() })
                })
            }
            _ => None,
        }
    }

    /// Mends a part of which a schema allows several forms: so that it takes one of them, if all the
    /// forms that it can be made to take give the same.
    fn choose(
        &mut self,
        value: &Value,
        error: &ValidationError<'static>,
        branches: &[Vec<ValidationError<'static>>],
    ) -> Option<Fix> {
        let path = error.instance_path().as_str();
        let mut found: Option<Value> = None;

        for place in 0..branches.len() {
            let Some(made) = self.take_form(value, error, place, branches) else { continue };
            let made = made.pointer(path)?.clone();
            match &found {
                Some(other) if *other != made => return None,
                _ => found = Some(made),
            }
        }

        found.map(Fix::Put)
    }

    /// Tries to make a part take one of several forms.
    fn take_form(
        &mut self,
        value: &Value,
        error: &ValidationError<'static>,
        place: usize,
        branches: &[Vec<ValidationError<'static>>],
    ) -> Option<Value> {
        let mut tried = value.clone();
        let mut left: Option<ValidationError<'static>> = None;

        loop {
            let errors = match &left {
                None => branches.get(place)?,
                Some(left) => forms(left.kind())?.get(place)?,
            };

            self.choices += 1;
            let may_try = self.choices <= CHOICES_MAX && self.may_compare(&tried);
            if !may_try || self.fix_all(&mut tried, errors).is_empty() {
                return None;
            }

            left = {
                let mut others = self.rules.iter_errors(&tried);
                others.find(|other| is_same(other, error)).map(ValidationError::to_owned)
            };
            if left.is_none() {
                return Some(tried);
            }
        }
    }
}

/// Returns what is wrong with a value by each of several forms, of which it has to take one.
fn forms(kind: &ValidationErrorKind) -> Option<&Vec<Vec<ValidationError<'static>>>> {
    match kind {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            Some(context)
        }
        _ => None,
    }
}

fn is_same(one: &ValidationError<'_>, other: &ValidationError<'_>) -> bool {
    one.instance_path() == other.instance_path() && one.schema_path() == other.schema_path()
}

/// Returns the only one of several that fits.
fn only<T>(all: impl Iterator<Item = T>, fits: impl Fn(&T) -> bool) -> Option<T> {
    let mut fitting = all.filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Changes a part of a value; tells whether anything has changed.
fn apply(value: &mut Value, path: &str, fix: &Fix) -> bool {
    match fix {
        Fix::Put(new) => {
            let Some(part) = value.pointer_mut(path) else { return false };
            let is_new = part != new;
            *part = new.clone();
            is_new
        }

        Fix::Drop => {
            let Some((parent, _)) = path.rsplit_once('/') else { return false };
            let map = value.pointer_mut(parent).and_then(Value::as_object_mut);
            let (Some(map), Some(name)) = (map, steps(path).last()) else { return false };
            // The order of the others stays as it was.
            map.shift_remove(&name).is_some()
        }

        Fix::Rename { from, to } => {
            let Some(map) = value.pointer_mut(path).and_then(Value::as_object_mut) else {
                return false;
            };
            if map.contains_key(to) || !map.contains_key(from) {
                return false;
            }
            let renamed: Map<String, Value> = std::mem::take(map)
                .into_iter()
                .map(|(key, value)| (if key == *from { to.clone() } else { key }, value))
                .collect();
            *map = renamed;
            true
        }
    }
}

/// Makes a value one of a type, if that can be done in one way.
fn as_type(value: &Value, wanted: &TypeKind) -> Option<Value> {
    let is = |kind: JsonType| match wanted {
        TypeKind::Single(one) => *one == kind,
        TypeKind::Multiple(several) => several.contains(kind),
    };

    match value {
        Value::String(text) => {
            let read = json::read(text).ok();
            let read = read.filter(|read| match read {
                Value::Array(_) => is(JsonType::Array),
                Value::Object(_) => is(JsonType::Object),
                Value::Number(_) => is(JsonType::Number) || is(JsonType::Integer),
                Value::Bool(_) => is(JsonType::Boolean),
                Value::Null | Value::String(_) => false,
            });
            match read {
                Some(number @ Value::Number(_)) if !is(JsonType::Number) => whole(&number),
                Some(read) => Some(read),
                None => flag(text).filter(|_| is(JsonType::Boolean)),
            }
        }
        Value::Number(number) if is(JsonType::String) => Some(Value::String(number.to_string())),
        Value::Number(_) if is(JsonType::Integer) => whole(value),
        _ => None,
    }
}

/// Reads `True` and the like.
fn flag(text: &str) -> Option<Value> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// Takes the fraction of a number away if it is 0.
fn whole(number: &Value) -> Option<Value> {
    /// Beyond this, not every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;

    if number.is_i64() || number.is_u64() {
        return Some(number.clone());
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT)?;
    #[allow(clippy::cast_possible_truncation, reason = "it has no fraction, and is small")]
    let whole = float as i64;
    Some(whole.into())
}

/// Finds the one of some values that is meant.
fn among(value: &Value, options: &[Value]) -> Option<Value> {
    let by_word = |option: &&Value| match (value, option) {
        (Value::String(said), Value::String(option)) => folded(said) == folded(option),
        (Value::String(said), Value::Number(_) | Value::Bool(_)) => said.trim() == written(option),
        (Value::Number(_) | Value::Bool(_), Value::String(option)) => written(value) == *option,
        _ => false,
    };

    only(options.iter(), by_word).cloned()
}

fn written(value: &Value) -> String {
    value.to_string()
}

/// Returns a word without what people write in several ways: case, spaces, hyphens and underscores.
fn folded(word: &str) -> String {
    let letters = word.chars().filter(|letter| !letter.is_whitespace());
    letters.filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::schema::{compiled, generated};
    use serde_json::json;

    fn mended(value: Value, schema: &Value) -> (Value, Vec<String>) {
        let rules = compiled(schema).expect("a sound schema");
        let Mending { value, paths } = mend(value, schema, &rules);
        (value, paths)
    }

    fn field(kind: &Value) -> Value {
        json!({ "type": "object", "properties": { "x": kind }, "required": ["x"] })
    }

    #[test]
    fn what_can_mean_only_one_thing_is_mended() {
        let cases = [
            (json!({ "type": "integer" }), json!("5"), json!(5)),
            (json!({ "type": "integer" }), json!("-5.0"), json!(-5)),
            (json!({ "type": "integer" }), json!(" 7 "), json!(7)),
            (json!({ "type": "number" }), json!("2.5e1"), json!(25.0)),
            (json!({ "type": "boolean" }), json!("true"), json!(true)),
            (json!({ "type": "boolean" }), json!("False"), json!(false)),
            (json!({ "type": "string" }), json!(12.5), json!("12.5")),
            (json!({ "type": "array" }), json!("[1, 2]"), json!([1, 2])),
            (json!({ "type": "object" }), json!("{\"a\": 1}"), json!({ "a": 1 })),
            (json!({ "enum": ["very good", "bad"] }), json!("Very-Good"), json!("very good")),
            (json!({ "enum": [1, 2] }), json!("2"), json!(2)),
            (json!({ "const": "Yes" }), json!("YES"), json!("Yes")),
            (json!({ "type": "string", "enum": ["1", "2"] }), json!(1), json!("1")),
            (json!({ "type": ["integer", "null"] }), json!("5"), json!(5)),
            (json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] }), json!("5"), json!(5)),
            (
                json!({ "oneOf": [{ "type": "array", "items": { "type": "integer" } }, { "type": "boolean" }] }),
                json!(["1", "2"]),
                json!([1, 2]),
            ),
            (
                json!({ "anyOf": [{ "type": "integer" }, { "type": "number" }] }),
                json!("5"),
                json!(5),
            ),
        ];
        for (kind, value, expected) in cases {
            let (found, paths) = mended(json!({ "x": value }), &field(&kind));
            assert_eq!((found, paths.len()), (json!({ "x": expected }), 1), "{kind} {value}");
        }
    }

    #[test]
    fn what_may_mean_several_things_or_nothing_stays() {
        let cases = [
            (json!({ "type": "integer" }), json!("5.5")),
            (json!({ "type": "integer" }), json!("five")),
            (json!({ "type": "integer" }), json!("")),
            (json!({ "type": "integer" }), json!("18446744073709551616")),
            (json!({ "type": "boolean" }), json!(1)),
            (json!({ "type": "boolean" }), json!("yes")),
            (json!({ "type": "string" }), json!(null)),
            (json!({ "type": "string" }), json!(true)),
            (json!({ "type": "array" }), json!("1, 2")),
            (json!({ "type": "array" }), json!({ "0": 1 })),
            (json!({ "type": "object" }), json!("{\"a\": 1")),
            (json!({ "enum": ["a b", "ab"] }), json!("A-B")),
            (json!({ "enum": ["good", "bad"] }), json!("goo")),
            (
                json!({ "anyOf": [{ "type": "integer" }, { "const": "5.0" }, { "enum": ["5 "] }] }),
                json!("5"),
            ),
        ];
        for (kind, value) in cases {
            let value = json!({ "x": value });
            assert_eq!(mended(value.clone(), &field(&kind)), (value, vec![]), "{kind}");
        }
    }

    #[test]
    fn keys_and_missing_values_are_mended() {
        let schema = json!({
            "type": "object",
            "properties": {
                "label": { "enum": ["good", "bad"] }, "how_sure": { "type": "integer" },
                "note": { "type": "string" }, "a/b": { "type": "string" },
            },
            "required": ["label", "how_sure"],
            "additionalProperties": false,
        });
        let value = json!({ "Label": "GOOD", "how sure": "7", "note": null, "A/B": 2 });
        let expected = json!({ "label": "good", "how_sure": 7, "a/b": "2" });
        let paths = ["/label", "/note", "/how_sure", "/a~1b"].map(str::to_owned);
        let (found, mut told) = mended(value, &schema);
        told.sort();
        let mut paths = paths.to_vec();
        paths.sort();
        assert_eq!((found, told), (expected, paths));

        // Two keys may mean the one that is missing, and a required value is not null.
        for value in [
            json!({ "label": "bad", "How_Sure": 1, "how-sure": 2 }),
            json!({ "label": null, "how_sure": 1 }),
            json!({ "label": "bad", "sure": 1 }),
        ] {
            assert_eq!(mended(value.clone(), &schema).0, value);
        }
    }

    #[test]
    fn deep_values_are_mended_through_references() {
        let schema = json!({
            "$defs": { "tree": { "type": "object", "properties": {
                "n": { "type": "integer" },
                "kids": { "anyOf": [{ "type": "array", "items": { "$ref": "#/$defs/tree" } }, { "type": "null" }] },
            }, "required": ["n"] } },
            "$ref": "#/$defs/tree",
        });
        let value = json!({ "n": "1", "kids": [{ "N": "2", "kids": "[{\"n\": \"3\"}]" }, { "n": 4, "kids": null }] });
        let expected =
            json!({ "n": 1, "kids": [{ "n": 2, "kids": [{ "n": 3 }] }, { "n": 4, "kids": null }] });
        assert_eq!(mended(value, &schema).0, expected);
    }

    #[test]
    fn valid_values_are_left_alone_and_mending_never_makes_one_worse() {
        let mut rng = Rng::seeded(5);
        let mut valid = 0;

        for _ in 0..3000 {
            let schema = generated::schema(&mut rng, 0);
            let rules = compiled(&schema).expect("a sound schema");
            let value = if rng.below(2) == 0 {
                generated::value_of(&schema, &mut rng)
            } else {
                generated::value(&mut rng, 0)
            };

            let before = rules.is_valid(&value);
            let (after, paths) = mended(value.clone(), &schema);
            if before {
                valid += 1;
                assert_eq!((after, paths), (value, vec![]), "{schema}");
            } else {
                assert_eq!(paths.is_empty(), after == value, "{schema} {value} {paths:?}");
            }
        }
        assert!(valid > 500, "{valid} valid values");
    }

    #[test]
    fn a_large_value_is_mended_in_good_time() {
        let items: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
        let schema = json!({ "type": "array", "items": { "type": "integer" } });
        let (found, paths) = mended(json!(items), &schema);
        assert_eq!((found[1999].clone(), paths.len()), (json!(1999), 2000));
    }
}
