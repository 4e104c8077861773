//! What differs between two results, in few words.

use crate::base::secret::scrub;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// Texts that share less than this are shown side by side rather than word by word.
const ALIKE_FROM: f64 = 0.3;

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct ChangeKind {
    /// Where: a name, then keys and places.
    pub(in crate::cli) path: String,
    /// What, in one line.
    pub(in crate::cli) text: String,
}

/// Finds what differs between two values. Lines are cut at `width` characters; 0 cuts nothing.
pub(in crate::cli) fn compare(
    path: &str,
    before: &Value,
    after: &Value,
    width: usize,
) -> Vec<ChangeKind> {
    let mut changes = Vec::new();
    collect(path, before, after, width, &mut changes);
    changes
}

fn collect(path: &str, before: &Value, after: &Value, width: usize, changes: &mut Vec<ChangeKind>) {
    if before == after {
        return;
    }

    let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };

    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                let now = after.get(key).unwrap_or(&Value::Null);
                collect(&inner(key), value, now, width, changes);
            }
            for (key, value) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                collect(&inner(key), &Value::Null, value, width, changes);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (place, pair) in before.iter().zip(after).enumerate() {
                collect(&format!("{path}[{place}]"), pair.0, pair.1, width, changes);
            }
        }
        (Value::String(before), Value::String(after)) => {
            changes.push(ChangeKind { path: path.to_owned(), text: words(before, after, width) });
        }
        _ => {
            let half = width / 2;

            let text = match (before, after) {
                (Value::Null, after) => format!("+ {}", short(after, width)),
                (before, Value::Null) => format!("− {}", short(before, width)),
                _ => format!("{} → {}", short(before, half), short(after, half)),
            };

            changes.push(ChangeKind { path: path.to_owned(), text });
        }
    }
}

/// Says which words went and which came.
fn words(before: &str, after: &str, width: usize) -> String {
    let diff = TextDiff::from_words(before, after);
    if likeness(&diff) < ALIKE_FROM {
        let half = width / 2;
        let pair = (Value::from(before), Value::from(after));
        return format!("{} → {}", short(&pair.0, half), short(&pair.1, half));
    }

    let mut gone = vec![String::new()];
    let mut come = vec![String::new()];
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Delete => push(&mut gone, change.value()),
            ChangeTag::Insert => push(&mut come, change.value()),
            ChangeTag::Equal if change.value().trim().is_empty() => {
                // A space between two changed words keeps them together.
                for side in [&mut gone, &mut come] {
                    if side.last().is_some_and(|last| !last.is_empty()) {
                        push(side, change.value());
                    }
                }
            }
            ChangeTag::Equal => {
                gone.push(String::new());
                come.push(String::new());
            }
        }
    }

    let side = |mark: &str, pieces: Vec<String>| {
        let pieces: Vec<&str> = pieces.iter().map(|p| p.trim()).filter(|p| !p.is_empty()).collect();
        let text = pieces.join(" … ");
        if text.is_empty() { String::new() } else { format!("{mark} {}", cut(&text, width / 2)) }
    };

    let gone = side("−", gone);
    let come = side("+", come);
    [gone, come].into_iter().filter(|side| !side.is_empty()).collect::<Vec<_>>().join("   ")
}

/// Returns the share of words, spaces aside, that both texts have.
fn likeness(diff: &TextDiff<'_, '_, str>) -> f64 {
    let mut shared = 0_u32;
    let mut all = 0_u32;
    for change in diff.iter_all_changes().filter(|change| !change.value().trim().is_empty()) {
        let is_shared = change.tag() == ChangeTag::Equal;
        (shared, all) = (shared + 2 * u32::from(is_shared), all + 1 + u32::from(is_shared));
    }
    f64::from(shared) / f64::from(all.max(1))
}

fn push(pieces: &mut [String], text: &str) {
    if let Some(last) = pieces.last_mut() {
        last.push_str(text);
    }
}

fn short(value: &Value, width: usize) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", cut(text, width)),
        other => cut(&other.to_string(), width),
    }
}

/// Makes one line of a text, cut at `width` characters unless that is 0.
pub(in crate::cli) fn cut(text: &str, width: usize) -> String {
    // Of a part of a secret, nobody would know that it is one.
    let text = scrub(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if width == 0 || line.chars().count() <= width {
        return line;
    }
    format!("{}…", line.chars().take(width.saturating_sub(1)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: &Value, after: &Value, expected: &[(&str, &str)]) {
        let found = compare("", before, after, 60);
        let found: Vec<(&str, &str)> =
            found.iter().map(|c| (c.path.as_str(), c.text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn only_what_differs_is_told() {
        check(&json!({ "a": 1, "b": 2 }), &json!({ "a": 1, "b": 3 }), &[("b", "2 → 3")]);
        check(&json!({ "a": 1 }), &json!({ "b": [1] }), &[("a", "− 1"), ("b", "+ [1]")]);
        check(&json!([1, "x y z"]), &json!([1, "x z"]), &[("[1]", "− y")]);
    }

    #[test]
    fn changed_words_are_told_and_the_rest_is_not() {
        let before = json!("the main risk is regulation and the cost of capital");
        let after = json!("the main risk is battery supply and the cost of capital");
        check(&before, &after, &[("", "− regulation   + battery supply")]);
    }

    #[test]
    fn texts_without_much_in_common_stand_side_by_side() {
        check(&json!("one two"), &json!("three four"), &[("", "\"one two\" → \"three four\"")]);
    }
}
