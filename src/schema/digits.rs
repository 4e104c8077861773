//! The digits of numbers as a reply has them. A number that stands where a schema wants a text is often a version, a
//! price or an id, and `1.10` is another one than `1.1`.

use super::read::{FittedValue, Unfit};
use crate::base::problem::Problem;
use serde_json::Value;
use std::collections::HashMap;

/// Gives texts that were made of numbers the digits that the reply has for them.
pub(super) fn restored(mut fitted: FittedValue, reply: &str) -> Result<FittedValue, Unfit> {
    let mut spellings = None;

    for path in &fitted.mended {
        let Some(Value::String(text)) = fitted.value.pointer_mut(path) else { continue };
        // Whole numbers have one spelling.
        let Some(number) = fraction(text) else { continue };

        let spellings = spellings.get_or_insert_with(|| spellings_in(reply));
        match spellings.get(&number.to_bits()).map(Vec::as_slice) {
            Some([one]) => (*one).clone_into(text),
            Some([_, _, ..]) => {
                let message = format!("expected a string, found the number {text}");
                return Err(Unfit::Wrong(vec![Problem { path: path.clone(), message }]));
            }
            Some([]) | None => {}
        }
    }

    Ok(fitted)
}

/// Reads a text that is a number with a fraction or an exponent.
fn fraction(text: &str) -> Option<f64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let is_whole = !text.contains(['.', 'e', 'E']);
    text.parse().ok().filter(|_| is_number && !is_whole)
}

/// Finds how the numbers of a reply are spelled, by their values.
fn spellings_in(reply: &str) -> HashMap<u64, Vec<&str>> {
    let mut found: HashMap<u64, Vec<&str>> = HashMap::new();
    let mut rest = reply;

    while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[start..];
        if let Some(inside) = rest.strip_prefix('"') {
            rest = after_text(inside);
            continue;
        }

        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let (spelling, after) = rest.split_at(end);
        rest = after;
        if let Ok(number) = spelling.parse::<f64>() {
            let known = found.entry(number.to_bits()).or_default();
            if !known.contains(&spelling) {
                known.push(spelling);
            }
        }
    }

    found
}

/// Returns what comes after the end of a JSON text, whose opening quote was read.
fn after_text(inside: &str) -> &str {
    let mut is_escaped = false;
    let end = inside.char_indices().find(|(_, c)| {
        let is_end = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        is_end
    });
    end.map_or("", |(at, _)| &inside[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use serde_json::json;

    #[test]
    fn a_number_in_place_of_a_text_keeps_its_digits() {
        let schema = json!({ "type": "object", "properties": {
            "a": { "type": "string" }, "b": { "type": "string" },
        }});
        for (reply, expected) in [
            (r#"{"a": 1.10, "b": "1.1"}"#, Ok(json!({ "a": "1.10", "b": "1.1" }))),
            (r#"{"a": 1e5, "b": -0.0}"#, Ok(json!({ "a": "1e5", "b": "-0.0" }))),
            (r#"{"a": 12345678901234567.89}"#, Ok(json!({ "a": "12345678901234567.89" }))),
            (
                r#"{"a": 7, "b": 1.10, "c\"1.1": 2}"#,
                Ok(json!({ "a": "7", "b": "1.10", "c\"1.1": 2 })),
            ),
            (
                r#"{"a": 1.10, "b": 1.1}"#,
                Err("does not match the schema: expected a string, found the number 1.1 at `/a`"),
            ),
        ] {
            let found = read(reply, &schema).map(|fitted| fitted.value);
            let found = found.map_err(|unfit| unfit.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{reply}");
        }
    }
}
