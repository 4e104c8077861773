//! Reading a reply by a schema: finding the JSON in it, mending it, and validating it. What is cut is
//! never read as a value.

use super::digits::restored;
use super::effort::{Comparison, steps};
use super::mend::{Mending, mend};
use super::typed::typed;
use super::{WRAPPER, compiled, lenient, lower};
use crate::base::problem::Problem;
use crate::base::{json, secret};
use jsonschema::Validator;
use serde_json::Value;
use std::rc::Rc;

/// Most problems that are told of one reply.
const PROBLEMS_MAX: usize = 20;
/// Most of them that stand in a message.
const SHOWN_PROBLEMS: usize = 3;
/// Longest part of a reply that an error shows, in characters.
const SHOWN_MAX: usize = 200;
/// How a block of code begins and ends in Markdown.
const FENCE: &str = "```";

/// A value that fits its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedValue {
    /// The value.
    pub value: Value,
    /// What had to be mended, as JSON pointers.
    pub mended: Vec<String>,
}

/// Why a reply is no value of its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// There is no JSON in it, or more than one.
    Unread(String),
    /// It is JSON, but not what the schema asks for.
    Wrong(Vec<Problem>),
    /// It is what the schema asks for, but the script refuses it.
    Refused(String),
}

impl Unfit {
    /// Returns what is said of the reply.
    pub fn words(&mut self) -> Vec<&mut String> {
        match self {
            Unfit::Unread(why) | Unfit::Refused(why) => vec![why],
            Unfit::Wrong(problems) => {
                problems.iter_mut().flat_map(|one| [&mut one.path, &mut one.message]).collect()
            }
        }
    }

    /// Returns what is wrong, place by place.
    pub fn problems(self) -> Vec<Problem> {
        match self {
            Unfit::Unread(why) | Unfit::Refused(why) => vec![Problem::of_all(why)],
            Unfit::Wrong(problems) => problems,
        }
    }
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unfit::Unread(why) => f.write_str(why),
            Unfit::Refused(why) => write!(f, "is rejected by `check`: {why}"),
            Unfit::Wrong(problems) => {
                let shown = problems.iter().take(SHOWN_PROBLEMS).map(ToString::to_string);
                let mut shown: Vec<String> = shown.collect();
                if problems.len() > SHOWN_PROBLEMS {
                    shown.push("and more".to_owned());
                }
                write!(f, "does not match the schema: {}", shown.join("; "))
            }
        }
    }
}

/// Reads a reply that has to be a value of a schema.
pub fn read(text: &str, schema: &Value) -> Result<FittedValue, Unfit> {
    let mut candidates = candidates(text)?;
    if candidates.len() == 1 {
        return restored(fit(candidates.remove(0), schema)?, text);
    }

    let count = candidates.len();
    let fitting = candidates.into_iter().filter_map(|value| fit(value, schema).ok());
    let mut fitting: Vec<FittedValue> = fitting.collect();
    fitting.dedup_by(|later, first| later.value == first.value);

    if fitting.len() == 1 {
        return restored(fitting.remove(0), text);
    }
    let how_many =
        if fitting.is_empty() { "none of them matches" } else { "several of them match" };
    Err(Unfit::Unread(format!(
        "has {count} JSON values, and {how_many} the schema: {}",
        short(text)
    )))
}

/// Takes a value for one of a schema: mends it, validates it, and gives its numbers their types.
pub fn fit(value: Value, schema: &Value) -> Result<FittedValue, Unfit> {
    fit_by(value, schema, &rules(schema))
}

/// What a value is validated by, or why nothing can be.
pub(super) type Rules = Result<Rc<Validator>, Unfit>;

/// Compiles a schema.
pub(super) fn rules(schema: &Value) -> Rules {
    compiled(schema)
        .map_err(|error| Unfit::Unread(format!("cannot be checked: {}", short(&error.to_string()))))
}

/// Does the same by rules that were made before.
pub(super) fn fit_by(value: Value, schema: &Value, rules: &Rules) -> Result<FittedValue, Unfit> {
    let wrapped = match &value {
        Value::Object(map) if map.len() == 1 && !lower::is_object(schema) => map.get(WRAPPER),
        _ => None,
    };
    let Some(inner) = wrapped.cloned() else { return fit_bare(value, schema, rules) };

    // Models also give the value itself. What needs no mending is what was meant.
    let inside = fit_bare(inner, schema, rules);
    match (inside, fit_bare(value, schema, rules)) {
        (Ok(inside), _) if inside.mended.is_empty() => Ok(inside),
        (_, Ok(whole)) if whole.mended.is_empty() => Ok(whole),
        (Err(_), Ok(whole)) => Ok(whole),
        (inside, _) => inside,
    }
}

fn fit_bare(value: Value, schema: &Value, rules: &Rules) -> Result<FittedValue, Unfit> {
    let rules = rules.as_ref().map_err(Unfit::clone)?;
    if steps(&value, schema, Comparison::Fits).is_none() {
        let reason =
            "cannot be checked: the alternatives and references of its schema are too many";
        return Err(Unfit::Unread(reason.to_owned()));
    }

    let (value, mended) = if rules.is_valid(&value) {
        (value, Vec::new())
    } else if steps(&value, schema, Comparison::Faults).is_none() {
        let reason = "fits none of the forms that the schema allows, which are too many to compare";
        return Err(Unfit::Wrong(vec![Problem::of_all(reason.to_owned())]));
    } else {
        let Mending { value, paths } = mend(value, schema, rules);
        (value, paths)
    };

    let problems: Vec<Problem> = rules
        .iter_errors(&value)
        .take(PROBLEMS_MAX)
        .map(|error| Problem {
            path: error.instance_path().to_string(),
            message: short(&error.to_string()),
        })
        .collect();
    if !problems.is_empty() {
        return Err(Unfit::Wrong(problems));
    }

    let value = typed(value, schema).map_err(Unfit::Wrong)?;
    Ok(FittedValue { value, mended })
}

/// Reads what stands for a reply while a run is only planned: it need not fit, as long as it is JSON.
pub fn guess(text: &str, schema: &Value) -> Result<Value, Unfit> {
    let value = candidates(text)?.remove(0);
    Ok(fit(value.clone(), schema).map_or(value, |found| found.value))
}

/// Finds the values that a text may mean: at least one.
fn candidates(text: &str) -> Result<Vec<Value>, Unfit> {
    let bare = text.trim();
    let error = match json::read_clear(bare) {
        Ok(value) => return Ok(vec![value]),
        Err(error) => error,
    };
    let unread = || Unfit::Unread(format!("is not JSON ({error}): {}", short(bare)));
    if matches!(error, json::JsonError::TooLarge(_) | json::JsonError::Twice(_)) {
        return Err(unread());
    }

    if let Some(value) = lenient::read(bare) {
        return Ok(vec![value]);
    }

    let fenced: Vec<Value> = fenced(bare).into_iter().filter_map(read_one).collect();
    if !fenced.is_empty() {
        return Ok(fenced);
    }

    let spans = spans(bare).ok_or_else(unread)?;
    let values: Vec<Value> = spans.into_iter().filter_map(read_one).collect();
    if values.is_empty() { Err(unread()) } else { Ok(values) }
}

fn read_one(text: &str) -> Option<Value> {
    json::read_clear(text).ok().or_else(|| lenient::read(text))
}

/// Returns the insides of the blocks of code of a text, those that are closed.
fn fenced(text: &str) -> Vec<&str> {
    let parts: Vec<&str> = text.split(FENCE).collect();
    let closed = parts.len().saturating_sub(1) / 2;

    let insides = parts.into_iter().skip(1).step_by(2).take(closed);
    // A word for the language may stand behind the first fence.
    insides.map(|inside| inside.trim_start_matches(|c: char| c.is_ascii_alphanumeric())).collect()
}

/// Returns the outermost `{..}` and `[..]` of a text; none if one of them is not closed, for then the
/// text may be cut.
fn spans(text: &str) -> Option<Vec<&str>> {
    let mut spans = Vec::new();
    let mut scan = Scan::default();
    let mut rest = text.char_indices().peekable();

    while let Some((at, letter)) = rest.next() {
        let next = rest.peek().map(|(_, next)| *next);
        if let Some(start) = scan.step(at, letter, next) {
            spans.push(&text[start..at + letter.len_utf8()]);
        }
    }

    scan.open.is_empty().then_some(spans)
}

/// Where a scan of a text for brackets stands.
#[derive(Default)]
struct Scan {
    /// The brackets that are open: where the outermost began, and how each closes.
    open: Vec<(usize, char)>,
    inside: ScanPlace,
    was_star: bool,
}

/// What the scan is in the middle of, within brackets.
#[derive(Default, Clone, Copy, PartialEq)]
enum ScanPlace {
    #[default]
    Nothing,
    Text {
        quote: char,
        is_escaped: bool,
    },
    Line,
    Comment,
}

impl Scan {
    /// Takes the next letter. Returns where the outermost bracket began if this letter closes it.
    fn step(&mut self, at: usize, letter: char, next: Option<char>) -> Option<usize> {
        let was_star = std::mem::replace(&mut self.was_star, false);
        match self.inside {
            ScanPlace::Text { is_escaped: true, quote } => {
                self.inside = ScanPlace::Text { quote, is_escaped: false };
            }
            ScanPlace::Text { quote, .. } if letter == quote => self.inside = ScanPlace::Nothing,
            ScanPlace::Text { quote, .. } if letter == '\\' => {
                self.inside = ScanPlace::Text { quote, is_escaped: true };
            }
            ScanPlace::Line if letter == '\n' => self.inside = ScanPlace::Nothing,
            ScanPlace::Comment if was_star && letter == '/' => self.inside = ScanPlace::Nothing,
            ScanPlace::Comment => self.was_star = letter == '*',
            ScanPlace::Text { .. } | ScanPlace::Line => {}
            ScanPlace::Nothing => return self.step_outside(at, letter, next),
        }
        None
    }

    fn step_outside(&mut self, at: usize, letter: char, next: Option<char>) -> Option<usize> {
        let is_within = !self.open.is_empty();
        match letter {
            '{' => self.open.push((at, '}')),
            '[' => self.open.push((at, ']')),
            '"' | '\'' if is_within => {
                self.inside = ScanPlace::Text { quote: letter, is_escaped: false };
            }
            '/' if is_within && next == Some('/') => self.inside = ScanPlace::Line,
            '/' if is_within && next == Some('*') => self.inside = ScanPlace::Comment,
            _ if self.open.last().is_some_and(|(_, close)| *close == letter) => {
                let (start, _) = self.open.pop()?;
                return self.open.is_empty().then_some(start);
            }
            _ => {}
        }
        None
    }
}

/// Returns the beginning of a text.
pub(super) fn short(text: &str) -> String {
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

    #[allow(clippy::unnecessary_wraps, reason = "it is compared with what reading gives")]
    fn found(value: Value, mended: &[&str]) -> Result<FittedValue, String> {
        Ok(FittedValue { value, mended: mended.iter().map(ToString::to_string).collect() })
    }

    fn read_told(text: &str, schema: &Value) -> Result<FittedValue, String> {
        read(text, schema).map_err(|unfit| unfit.to_string())
    }

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "n": { "type": "integer", "minimum": 1 },
                "tags": { "type": "array", "items": { "type": "string" } },
            },
            "required": ["n"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn json_is_found_wherever_it_stands() {
        for text in [
            "{\"n\": 2}",
            "```json\n{\"n\": 2}\n```",
            "``` {\"n\": 2}```",
            "\u{feff}{\"n\":\u{a0}2}\n",
            "```JSON5\n{\"n\": 2}```",
            "Here: {\"n\": 2}",
            "Sure! ```json\n{n: 2,}\n``` I hope that it helps.",
            "It's {'n': 2} (see [1, note])",
            "<think>first {\"m\": 1}, no</think> {\"n\": 2}",
            "```json\n{\"n\": 2}\n",
            "{\"n\": 2} and again {\"n\": 2}",
            "One ```\n{\"x\": 1}\n``` two ```\n{\"n\": 2}\n```",
            "{ // it's {open\n n: 2 /* } */ }",
        ] {
            assert_eq!(read_told(text, &schema()), found(json!({ "n": 2 }), &[]), "{text}");
        }
    }

    #[test]
    fn a_reply_keeps_to_its_schema_or_says_where_it_does_not() {
        let cases = [
            ("{}", "does not match the schema: \"n\" is a required property"),
            ("{\"n\": 0}", "does not match the schema: 0 is less than the minimum of 1 at `/n`"),
            (
                "{\"n\": \"0\"}",
                "does not match the schema: 0 is less than the minimum of 1 at `/n`",
            ),
            (
                "{\"n\": \"x\", \"tags\": [true, \"a\", null, [2]], \"x\": 1}",
                "does not match the schema: \"x\" is not of type \"integer\" at `/n`; true is not of type \"string\" at `/tags/0`; null is not of type \"string\" at `/tags/2`; and more",
            ),
            ("[1]", "does not match the schema: [1] is not of type \"object\""),
            (
                "{\"n\": 2",
                "is not JSON (EOF while parsing an object at line 1 column 7): {\"n\": 2",
            ),
            ("two", "is not JSON (expected ident at line 1 column 2): two"),
            ("", "is not JSON (EOF while parsing a value at line 1 column 0): "),
            (
                "{\"n\": 2} or {\"n\": 3}",
                "has 2 JSON values, and several of them match the schema: {\"n\": 2} or {\"n\": 3}",
            ),
            (
                "{\"n\": 0} or {\"m\": 3}",
                "has 2 JSON values, and none of them matches the schema: {\"n\": 0} or {\"m\": 3}",
            ),
            (
                "{\"n\": 1, \"m\": [2], \"n\": 3}",
                "is not JSON (the key `n` stands twice in one object, with different values): {\"n\": 1, \"m\": [2], \"n\": 3}",
            ),
            (
                "Here: {\"n\": 1, \"n\": 3}",
                "is not JSON (expected value at line 1 column 1): Here: {\"n\": 1, \"n\": 3}",
            ),
            (
                "{\"n\": 18446744073709551616}",
                "is not JSON (the whole number 18446744073709551616 is too large; write it as a text, in quotes): {\"n\": 18446744073709551616}",
            ),
            (
                "{\"n\": 9223372036854775808}",
                "does not match the schema: 9223372036854775808 is too large: the largest whole number is 9223372036854775807 at `/n`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read_told(text, &schema()), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_value_that_is_no_object_may_travel_in_one() {
        let words = json!({ "enum": ["good", "bad"] });
        for text in ["\"good\"", "{\"value\": \"good\"}", "{\"value\": \"Good\"}"] {
            let mended: &[&str] = if text.contains("Good") { &[""] } else { &[] };
            assert_eq!(read_told(text, &words), found(json!("good"), mended), "{text}");
        }
        assert_eq!(
            read_told("{\"value\": \"ugly\"}", &words),
            Err("does not match the schema: \"ugly\" is not one of \"good\" or \"bad\"".to_owned())
        );

        let own = json!({ "type": "object", "properties": { "value": { "type": "integer" } } });
        assert_eq!(read_told("{\"value\": 3}", &own), found(json!({ "value": 3 }), &[]));
        let list = json!({ "type": "array", "items": { "type": "number" } });
        assert_eq!(read_told("{\"value\": [1]}", &list), found(json!([1.0]), &[]));
    }

    /// Texts as models write them, each of which holds one value.
    const WHOLE: &[&str] = &[
        "{\"n\": 2, \"tags\": [\"a\", \"b]}\"]}",
        "[{\"n\": 2}, {\"n\": {\"n\": 2}}]",
        "Here it is: {\"n\": 2, \"tags\": [\"{\\\"n\\\": 2}\"]} as asked [sic]",
        "```json\n{\"n\": 2, \"x\": {\"n\": 3}}\n```\nThat is it.",
        "{'n': 2, // {\"n\": 1}\n 'tags': ['it\\'s', \"{\"], }",
        "{\"value\": [1, 2, {\"n\": 4}]} \u{1f600}",
    ];

    #[test]
    fn no_text_that_is_cut_is_read_as_another_value() {
        // It fits everything, so that only the reading stands in the way.
        let any = json!({ "type": ["object", "array"] });

        for text in WHOLE {
            let whole = read(text, &any).expect(text);
            for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
                if let Ok(cut) = read(&text[..at], &any) {
                    assert_eq!(cut, whole, "{:?}", &text[..at]);
                }
            }
        }
    }

    #[test]
    fn no_json_that_is_cut_is_read_at_all() {
        let any = json!({ "type": ["object", "array", "null", "boolean"] });
        let mut rng = crate::base::rng::Rng::seeded(17);

        for _ in 0..300 {
            let value = json!({ "x": crate::schema::generated::value(&mut rng, 0) });
            for text in
                [value.to_string(), format!("{value:#}"), value.to_string().replace('"', "'")]
            {
                for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
                    assert!(read(&text[..at], &any).is_err(), "{:?}", &text[..at]);
                }
            }
        }
    }
}
