//! Whether an answer is the one that was expected, whatever kind of data they are: an answer of a
//! model is mostly a text, and a label may be a number, true or false, or a list.

use crate::base::json;
use serde_json::Value;

/// Tells whether an answer is right. Capitals and the blanks around a text do not count, 1 is 1.0, and
/// a text is what it says: `"3"` is 3, and `"[1, 2]"` a list.
pub fn is_right(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (Value::String(answer), Value::String(expected)) => bare(answer) == bare(expected),
        (Value::String(text), data) | (data, Value::String(text)) => {
            let said = json::read(&bare(text));
            said.is_ok_and(|said| !said.is_string() && is_right(&said, data))
                || bare(text) == bare(&data.to_string())
        }
        (Value::Array(answers), Value::Array(all)) => {
            let mut both = answers.iter().zip(all);
            answers.len() == all.len() && both.all(|(answer, one)| is_right(answer, one))
        }
        (Value::Object(answers), Value::Object(all)) => {
            let fits = |(key, one)| answers.get(key).is_some_and(|answer| is_right(answer, one));
            answers.len() == all.len() && all.iter().all(fits)
        }
        (Value::Number(answer), Value::Number(expected)) => json::same_number(answer, expected),
        (answer, expected) => answer == expected,
    }
}

fn bare(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_compared_with_labels_of_every_kind() {
        let right = [
            (json!(" Paris\n"), json!("paris")),
            (json!("3"), json!(3)),
            (json!(" 3.0 "), json!(3)),
            (json!(3), json!("3")),
            (json!(3), json!(3.0)),
            (json!("TRUE"), json!(true)),
            (json!(true), json!("true")),
            (json!("[\"A\", \"b\"]"), json!(["a", "B"])),
            (json!(["A", 1]), json!(["a", 1.0])),
            (json!({ "city": "Rome" }), json!({ "city": "rome " })),
            (json!("{\"n\": 1}"), json!({ "n": 1 })),
            (json!(9_223_372_036_854_775_809_u64), json!("9223372036854775809")),
            (json!(1_u64 << 63), json!(9_223_372_036_854_775_808.0)),
            (json!(null), json!(null)),
        ];
        for (answer, expected) in right {
            assert!(is_right(&answer, &expected), "{answer} {expected}");
        }

        let wrong = [
            (json!("Paris, of course"), json!("paris")),
            (json!("3 apples"), json!(3)),
            (json!("three"), json!(3)),
            (json!(1), json!(true)),
            (json!("yes"), json!(true)),
            (json!(["a"]), json!(["a", "b"])),
            (json!(["b", "a"]), json!(["a", "b"])),
            (json!({ "city": "rome", "n": 1 }), json!({ "city": "rome" })),
            (json!(9_223_372_036_854_775_809_u64), json!(9_223_372_036_854_775_808_u64)),
            (json!(null), json!("")),
            (json!(null), json!(0)),
            (json!(null), json!(false)),
            (json!(""), json!([])),
        ];
        for (answer, expected) in wrong {
            assert!(!is_right(&answer, &expected), "{answer} {expected}");
        }
    }
}
