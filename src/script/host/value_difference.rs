//! How two values differ, for people who read why an assertion does not hold.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Longest values that stand in one line, in characters of each.
const SHORT_MAX: usize = 60;
/// Most lines of a difference that are shown.
const LINES_MAX: usize = 60;
/// How many equal lines are shown around those that differ.
const CONTEXT: usize = 3;
/// How much is shown of two long lines around the place where they part, in characters.
const AROUND: (usize, usize) = (30, 120);
/// The part of a number by which another one may differ and still be meant to be the same.
const NEAR: f64 = 1e-6;
/// Longest texts that are compared line by line, in bytes of each.
const COMPARED_MAX: usize = 1 << 18;
/// Longest time for finding the smallest difference; after it a larger one is good enough.
const TIME_MAX: Duration = Duration::from_millis(500);

/// Tells whether two values are equal as scripts compare them: 1 is 1.0.
pub(in crate::script) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let whole = |number: &serde_json::Number| {
                number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
            };

            match (whole(one), whole(other)) {
                (Some(one), Some(other)) => one == other,
                _ => one
                    .as_f64()
                    .zip(other.as_f64())
                    .is_some_and(|(one, other)| is_within(one, other, f64::EPSILON)),
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let equal = |(key, a)| other.get(key).is_some_and(|b| same(a, b));
            one.len() == other.len() && one.iter().all(equal)
        }
        (one, other) => one == other,
    }
}

/// Tells whether two numbers differ by no more than a part of the larger one.
fn is_within(one: f64, other: f64, part: f64) -> bool {
    // As the language compares: beside a zero, the difference itself counts.
    let scale = if one == 0.0 || other == 0.0 { 1.0 } else { one.abs().max(other.abs()) };
    one == other || (one - other).abs() / scale <= part
}

/// Tells whether two values are numbers that nearly are the same.
fn is_near(one: &Value, other: &Value) -> bool {
    let pair = one.as_f64().zip(other.as_f64());
    pair.is_some_and(|(one, other)| is_within(one, other, NEAR))
}

/// Shows both values where they are short, and what differs where they are long.
pub(in crate::script) fn of(found: &Value, expected: &Value) -> String {
    let one = found.to_string();
    let other = expected.to_string();
    if one.chars().count().max(other.chars().count()) <= SHORT_MAX {
        let help = if is_near(found, expected) {
            "; for floats write `assert_near(found, expected, tolerance)`"
        } else {
            ""
        };
        return format!("found {one}, expected {other}{help}");
    }

    match (found, expected) {
        (Value::String(found), Value::String(expected)) => of_texts(found, expected),
        _ => of_texts(&text(found), &text(expected)),
    }
}

/// Shows what differs between two texts.
pub(in crate::script) fn of_texts(found: &str, expected: &str) -> String {
    let is_one_line = !found.trim_end().contains('\n') && !expected.trim_end().contains('\n');
    if is_one_line && found.trim_end() != expected.trim_end() {
        return parted(found, expected);
    }
    format!("found and expected differ:\n{}", lines(found, expected))
}

/// Writes a value so that people can read it: a text as it is, everything else as JSON.
pub(in crate::script) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// Shows where two lines part.
fn parted(found: &str, expected: &str) -> String {
    let shared = found.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let from = shared.saturating_sub(AROUND.0);
    let shown = |text: &str| {
        let part: String = text.chars().skip(from).take(AROUND.0 + AROUND.1).collect();
        let before = if from > 0 { "…" } else { "" };
        let after = if text.chars().nth(from + AROUND.0 + AROUND.1).is_some() { "…" } else { "" };
        format!("{before}{}{after}", part.trim_end())
    };

    let found = shown(found);
    let expected = shown(expected);
    format!(
        "found and expected differ, starting at character {}:\n- {expected}\n+ {found}",
        shared + 1
    )
}

fn lines(found: &str, expected: &str) -> String {
    // A last line without its end is worth a word only if it is the difference.
    let is_open = |text: &str| !text.ends_with('\n');
    let end = if is_open(found) && is_open(expected) { "\n" } else { "" };
    let found = format!("{found}{end}");
    let expected = format!("{expected}{end}");

    let (expected, found, is_cut) = differing_part(&expected, &found);
    let diff = TextDiff::configure().timeout(TIME_MAX).diff_lines(expected, found);

    let mut shown = vec!["- expected".to_owned(), "+ found".to_owned()];
    for (place, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if place > 0 {
            shown.push("  ⋮".to_owned());
        }

        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };

            shown.push(format!("{mark} {}", change.value().trim_end_matches('\n')));
            if change.missing_newline() && change.tag() != ChangeTag::Equal {
                shown.push("  (no newline at the end)".to_owned());
            }
        }
    }

    let count = shown.len();
    if count > LINES_MAX {
        shown.truncate(LINES_MAX);
    }
    if count > LINES_MAX && !is_cut {
        shown.push(format!("  … and {} more lines", count - LINES_MAX));
    } else if is_cut {
        shown.push("  … and more lines".to_owned());
    }

    shown.join("\n")
}

/// Returns the parts of two long texts that are compared: from a few lines before the first difference on, and no
/// longer than anybody waits for. Tells whether something behind them was left out.
fn differing_part<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str, bool) {
    if one.len().max(other.len()) <= COMPARED_MAX {
        return (one, other, false);
    }

    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let mut start = same;
    for _ in 0..=CONTEXT {
        start = one.as_bytes()[..start].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    }
    let start = if start == 0 { 0 } else { start + 1 };

    let part = |text: &'a str| {
        let rest = &text[start..];
        let end = rest.floor_char_boundary(COMPARED_MAX);
        // A line that is cut would differ from itself.
        let end =
            if end < rest.len() { rest[..end].rfind('\n').map_or(end, |at| at + 1) } else { end };
        &rest[..end]
    };
    let one_part = part(one);
    let other_part = part(other);
    let is_cut = start + one_part.len() < one.len() || start + other_part.len() < other.len();
    (one_part, other_part, is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_equal_as_scripts_compare_them() {
        assert!(same(&json!({ "a": [1, 2.0] }), &json!({ "a": [1.0, 2] })));
        assert!(!same(&json!({ "a": 1 }), &json!({ "a": 1, "b": null })));
        assert!(!same(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)));
        assert!(!same(&json!("1"), &json!(1)));
    }

    #[test]
    fn short_values_stand_side_by_side_and_long_ones_show_what_differs() {
        assert_eq!(of(&json!(41), &json!("a")), "found 41, expected \"a\"");

        let long = |middle: &str| json!(format!("{}{middle}{}", "a".repeat(100), "b".repeat(200)));
        assert_eq!(
            of(&long("x"), &long("yy")),
            format!(
                "found and expected differ, starting at character 101:\n- …{a}yy{b}…\n+ …{a}x{c}…",
                a = "a".repeat(30),
                b = "b".repeat(118),
                c = "b".repeat(119)
            )
        );

        let list = |n: i64| (0..30).map(|i| if i == 20 { n } else { i }).collect::<Value>();
        assert_eq!(
            of(&list(-1), &list(-2)),
            "found and expected differ:\n- expected\n+ found\n    17,\n    18,\n    19,\n-   -2,\n\
             +   -1,\n    21,\n    22,\n    23,"
        );

        let long_list =
            |n: i64| (0..200_000).map(|i| if i == 150_000 { n } else { i }).collect::<Value>();
        assert_eq!(
            of(&long_list(-1), &long_list(-2)),
            "found and expected differ:\n- expected\n+ found\n    149997,\n    149998,\n    149999,\n\
             -   -2,\n+   -1,\n    150001,\n    150002,\n    150003,\n  … and more lines"
        );
        let all_other = of(&(0..200_000).collect(), &(1..200_001).map(|n| -n).collect());
        assert_eq!(
            (all_other.lines().count(), all_other.ends_with("… and more lines")),
            (62, true)
        );

        let line = "a line that is as long as lines are that have to be wrapped somewhere";
        let said = of(&json!(line), &json!(format!("{line}\n")));
        assert!(said.contains("no newline at the end"), "{said}");
    }
}
