//! Numbers as scripts take them: where a schema says `integer` they have no fraction, and where it says
//! `number` they do, so that a division by 2 means the same whatever the model wrote.

use super::nodes::Nodes;
use crate::base::json::same_number;
use crate::base::problem::Problem;
use serde_json::{Number, Value};

/// The first whole number that a script cannot hold: 2^63.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Gives every number of a valid value the type that its schema names.
pub(super) fn typed(value: Value, schema: &Value) -> Result<Value, Vec<Problem>> {
    let mut problems = Vec::new();
    let value = convert(value, &Nodes::of(schema), "", &mut problems);
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

fn convert(value: Value, nodes: &Nodes<'_>, path: &str, problems: &mut Vec<Problem>) -> Value {
    match value {
        Value::Array(items) => {
            let each = items.into_iter().enumerate();
            each.map(|(place, item)| {
                convert(item, &nodes.item(place), &format!("{path}/{place}"), problems)
            })
            .collect()
        }

        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, inner)| {
                    let step = key.replace('~', "~0").replace('/', "~1");
                    let path = format!("{path}/{step}");
                    let inner = convert(inner, &nodes.property(&key), &path, problems);
                    (key, inner)
                })
                .collect(),
        ),
        Value::Number(number) => match (nodes.has_type("integer"), nodes.has_type("number")) {
            (true, false) => Value::Number(whole(number, path, problems)),
            (false, true) => Value::Number(fraction(number)),
            _ => Value::Number(number),
        },
        other => other,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it has no fraction, and is within bounds")]
fn whole(number: Number, path: &str, problems: &mut Vec<Problem>) -> Number {
    if number.is_i64() {
        return number;
    }

    let float = number.as_f64().unwrap_or(f64::MAX);
    // A number with a fraction is allowed here if another part of the schema says so.
    if float.fract() != 0.0 {
        return number;
    }
    if (-TOO_LARGE..TOO_LARGE).contains(&float) {
        return Number::from(float as i64);
    }

    problems.push(Problem {
        path: path.to_owned(),
        message: format!("{number} is too large: the largest whole number is {}", i64::MAX),
    });
    number
}

/// Makes a float of a whole number, unless it would lose digits: those may be an id.
fn fraction(number: Number) -> Number {
    let float = number.as_f64().and_then(Number::from_f64);
    float.filter(|float| same_number(float, &number)).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_have_the_type_that_the_schema_names() {
        let schema = json!({
            "$defs": { "share": { "type": "number" } },
            "type": "object",
            "properties": {
                "n": { "type": "integer" },
                "x": { "type": "number" },
                "list": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/share" }, { "type": "null" }] } },
                "either": { "type": ["integer", "number"] },
            },
            "additionalProperties": { "type": "integer" },
        });
        let value = json!({ "n": 5.0, "x": 3, "list": [1, null, 2.5], "either": 4, "more": 2.0 });
        let expected =
            json!({ "n": 5, "x": 3.0, "list": [1.0, null, 2.5], "either": 4, "more": 2 });
        assert_eq!(typed(value, &schema).expect("a value").to_string(), expected.to_string());
    }

    #[test]
    fn a_number_of_any_kind_keeps_its_digits() {
        let schema = json!({ "type": "number" });
        let large = [
            json!(9_007_199_254_740_993_i64),
            json!(-9_007_199_254_740_993_i64),
            json!(i64::MAX),
            json!(u64::MAX),
        ];
        for number in large {
            let read = typed(number.clone(), &schema).expect("a number");
            assert_eq!(read.to_string(), number.to_string());
        }
        assert_eq!(typed(json!(1_u64 << 63), &schema), Ok(json!(9_223_372_036_854_775_808.0)));
    }

    #[test]
    fn a_whole_number_keeps_its_digits_or_is_a_problem() {
        let schema = json!({ "type": "array", "items": { "type": "integer" } });
        let ends = json!([i64::MAX, i64::MIN]);
        assert_eq!(typed(ends.clone(), &schema), Ok(ends));

        for large in [json!(9_223_372_036_854_775_808_u64), json!(1e300), json!(-1e19)] {
            let message =
                format!("{large} is too large: the largest whole number is 9223372036854775807");
            let problem = Problem { path: "/1".to_owned(), message };
            assert_eq!(typed(json!([1, large]), &schema), Err(vec![problem]));
        }
    }
}
