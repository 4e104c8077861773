//! JSON that people and programs write: files of tasks, replies, parameters. A byte order mark, and
//! spaces that only look like spaces, do not count; a whole number keeps its digits or is refused.

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;

/// Why a text is not JSON that can be kept.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
    /// A whole number is so large that it would lose digits.
    #[error("the whole number {0} is too large; write it as a text, in quotes")]
    TooLarge(String),
    /// An object has two different values under one key, so it has no one meaning.
    #[error("the key `{0}` stands twice in one object, with different values")]
    Twice(String),
}

/// Why one line of a text is not JSON that can be kept.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {source}")]
pub struct LineError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: JsonError,
}

/// The mark with which some programs begin a text file.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// Tells whether a character is white or has no width, and is none of the spaces that languages
/// know: pages of the web and word processors are full of them.
pub fn is_odd_space(letter: char) -> bool {
    let has_no_width = matches!(letter, BYTE_ORDER_MARK | '\u{200b}' | '\u{2060}');
    !letter.is_ascii() && (letter.is_whitespace() || has_no_width)
}

/// Writes a text as it is, and everything else as JSON.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Tells whether lists and maps stand within each other more than this many times.
pub fn is_deeper_than(value: &Value, depth: usize) -> bool {
    let is_deep = |inner: &Value| depth == 0 || is_deeper_than(inner, depth - 1);

    match value {
        Value::Array(items) => depth == 0 || items.iter().any(is_deep),
        Value::Object(fields) => depth == 0 || fields.values().any(is_deep),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Returns a value with every text in it passed through `change`, the names of fields among them.
#[must_use]
pub fn map_texts(value: Value, change: &dyn Fn(String) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.into_iter().map(|item| map_texts(item, change)).collect(),
        Value::Object(fields) => Value::Object(map_fields(fields, change)),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

/// Does the same with the entries of a map. None gets lost: names that have become equal are numbered.
#[must_use]
pub fn map_fields(
    fields: Map<String, Value>,
    change: &dyn Fn(String) -> String,
) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in fields {
        let name = change(key);
        // Two names may have become the same text.
        let mut unique = name.clone();

        let mut number = 1;
        while kept.contains_key(&unique) {
            number += 1;
            unique = format!("{name} {number}");
        }

        kept.insert(unique, map_texts(value, change));
    }

    kept
}

/// Reads a text that is one value.
pub fn read(text: &str) -> Result<Value, JsonError> {
    Ok(serde_json::from_str(&strict(text)?)?)
}

/// Returns a text as a parser takes it, without spaces that only look like spaces. A whole number that would
/// lose digits is refused.
pub fn strict(text: &str) -> Result<Cow<'_, str>, JsonError> {
    let text = plain(text);
    match too_large(&text) {
        Some(digits) => Err(JsonError::TooLarge(digits.to_owned())),
        None => Ok(text),
    }
}

/// Reads a text that is one value, as a model wrote it: what could be meant in two ways is not read.
pub fn read_clear(text: &str) -> Result<Value, JsonError> {
    let value = read(text)?;
    match key_twice(text) {
        Some(key) => Err(JsonError::Twice(key)),
        None => Ok(value),
    }
}

/// Finds a key that stands twice in one object of a JSON text, with different values.
pub fn key_twice(text: &str) -> Option<String> {
    let text = plain(text);
    let twice = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(&text);
    // Of a text that is no JSON, others say so.
    ClearReader(&twice).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    twice.into_inner()
}

/// Reads a value, and keeps the first key that stands twice with different values.
struct ClearReader<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for ClearReader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ClearReader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(ClearReader(self.0))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(ClearReader(self.0))?;
            if map.get(&key).is_some_and(|known| *known != value) {
                self.0.borrow_mut().get_or_insert_with(|| key.clone());
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Reads a text with one value per line; empty lines are left out.
pub fn read_lines(text: &str) -> Result<Vec<Value>, LineError> {
    Ok(read_numbered_lines(text)?.into_iter().map(|(_, value)| value).collect())
}

/// Does the same, and says on which line each value stands, from 1.
pub fn read_numbered_lines(text: &str) -> Result<Vec<(usize, Value)>, LineError> {
    numbered_lines(text)
        .map(|(line, text)| match read(text) {
            Ok(value) => Ok((line, value)),
            Err(source) => Err(LineError { line, source }),
        })
        .collect()
}

/// Returns the lines of a text that are not empty, and their numbers from 1.
pub fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_blank = |line: &str| line.chars().all(|c| c.is_whitespace() || is_odd_space(c));
    let lines = text.lines().enumerate().filter(move |(_, line)| !is_blank(line));
    lines.map(|(index, line)| (index + 1, line))
}

/// How much a text of JSON holds, on all its levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JsonSize {
    /// The items of all lists.
    pub items: usize,
    /// The fields of all objects.
    pub fields: usize,
}

/// Counts what a text of JSON holds, which may be values one after the other. The values are not made, as
/// they may take many times the memory of the text. Of a text that is no JSON, the counts say nothing.
pub fn size(text: &str) -> JsonSize {
    let mut strings = Strings::default();
    let mut fields = 0_usize;
    let mut commas = 0_usize;
    // Lists and objects with something in them: each holds one more than it has commas.
    let mut filled = 0_usize;
    let mut just_opened = false;

    for byte in text.bytes() {
        let is_inside = strings.step(char::from(byte));
        if !is_inside && byte.is_ascii_whitespace() {
            continue;
        }
        filled += usize::from(just_opened && !matches!(byte, b']' | b'}'));
        just_opened = !is_inside && matches!(byte, b'[' | b'{');
        commas += usize::from(!is_inside && byte == b',');
        fields += usize::from(!is_inside && byte == b':');
    }

    JsonSize { items: (commas + filled).saturating_sub(fields), fields }
}

/// Makes spaces of what looks like one, outside of strings.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_odd_space) {
        return Cow::Borrowed(text);
    }

    let mut strings = Strings::default();
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        let is_inside = strings.step(letter);
        plain.push(if !is_inside && is_odd_space(letter) { ' ' } else { letter });
    }

    Cow::Owned(plain)
}

/// Finds a whole number that fits neither 64 bits with a sign nor 64 bits without.
fn too_large(text: &str) -> Option<&str> {
    let mut strings = Strings::default();
    let mut start = None;

    // A space at the end closes the last number.
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        let is_inside = strings.step(letter);
        let is_part = letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.');
        match start {
            None if !is_inside && is_part => start = Some(at),
            Some(begin) if is_inside || !is_part => {
                let number = &text[begin..at];
                let digits = number.strip_prefix('-').unwrap_or(number);
                let is_whole =
                    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                if is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                    return Some(number);
                }
                start = None;
            }
            _ => {}
        }
    }

    None
}

/// Tells what stands inside of strings, letter by letter.
#[derive(Default)]
struct Strings {
    is_open: bool,
    is_escaped: bool,
}

impl Strings {
    /// Takes the next letter, and tells whether it belongs to a string.
    fn step(&mut self, letter: char) -> bool {
        let was_open = self.is_open;
        if self.is_escaped {
            self.is_escaped = false;
        } else if letter == '\\' {
            self.is_escaped = was_open;
        } else if letter == '"' {
            self.is_open = !was_open;
        }

        was_open || self.is_open
    }
}

/// Tells whether two numbers are the same, to the last digit: as a float, a large whole number would lose
/// some.
pub fn same_number(one: &Number, other: &Number) -> bool {
    match (whole_number(one), whole_number(other)) {
        (Some(one), Some(other)) => one == other,
        (Some(whole), None) => is_float(other, whole),
        (None, Some(whole)) => is_float(one, whole),
        (None, None) => one.as_f64() == other.as_f64(),
    }
}

fn is_float(float: &Number, whole: i128) -> bool {
    float.as_f64().and_then(|float| order(whole, float)) == Some(Ordering::Equal)
}

fn whole_number(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
}

/// Compares a whole number, which has 64 bits, with a float; `None` if that is no number.
pub fn order(whole: i128, float: f64) -> Option<Ordering> {
    /// Beyond every whole number of 64 bits, and within those that have 128.
    const FAR: f64 = 1e30;
    if float.is_nan() {
        return None;
    }

    let near = float.clamp(-FAR, FAR);
    #[allow(clippy::cast_possible_truncation, reason = "it has no fraction, and is within bounds")]
    let trunk = near.trunc() as i128;
    let by_fraction = || 0.0.partial_cmp(&near.fract()).unwrap_or(Ordering::Equal);
    Some(whole.cmp(&trunk).then_with(by_fraction))
}

/// A short name of data, the same for the same data.
pub fn digest(data: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(data).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_only_looks_like_a_space_is_one() {
        let cases = [
            ("\u{feff}{\"a\": 1}", json!({ "a": 1 })),
            ("{\u{a0}\"a\":\u{202f}\"x\u{a0}y\"\u{3000}}\u{200b}", json!({ "a": "x\u{a0}y" })),
            ("[\"\\\"\u{a0}\", 1]\u{a0}", json!(["\"\u{a0}", 1])),
            ("\u{feff}\u{feff}\"\u{feff}\"", json!("\u{feff}")),
            (" true\r\n", json!(true)),
        ];

        for (text, expected) in cases {
            assert_eq!(read(text).expect(text), expected);
        }
    }

    #[test]
    fn whole_numbers_keep_their_digits_or_are_refused() {
        for kept in ["0", "-9223372036854775808", "9223372036854775808", "18446744073709551615"] {
            assert_eq!(read(kept).expect("a number").to_string(), kept);
        }

        let text = "[9007199254740993, {\"n\": 12345678901234567890}]";
        assert_eq!(
            read(text).expect("numbers").to_string(),
            "[9007199254740993,{\"n\":12345678901234567890}]"
        );

        for lost in ["18446744073709551616", "-9223372036854775809", &"9".repeat(400)] {
            let error = read(&format!("{{\"a\": [{lost}]}}")).expect_err("too large").to_string();
            let expected =
                format!("the whole number {lost} is too large; write it as a text, in quotes");
            assert_eq!(error, expected);
        }

        // Texts and fractions are no whole numbers.
        let text = "[\"18446744073709551616\", 18446744073709551616.0, 1e30, -1.5E+3]";
        assert_eq!(
            read(text).expect("numbers"),
            json!(["18446744073709551616", 18_446_744_073_709_551_616.0, 1e30, -1500.0])
        );
    }

    #[test]
    fn what_a_text_holds_is_counted_on_all_levels() {
        let counted = |text: &str| {
            let JsonSize { items, fields } = size(text);
            (items, fields)
        };

        assert_eq!(["1", "\"[1,2]\"", "[]", " { } ", ""].map(counted), [(0, 0); 5]);
        assert_eq!(counted("[1, [2, 3], [[]], {}]"), (7, 0));
        assert_eq!(counted(r#"{"a": {"b": [1, 2]}, "c,:": "[,\",:"}"#), (2, 3));
        assert_eq!(counted("[{\"a\": 1},\n{\"a\": []}]"), (2, 2));
        assert_eq!(counted("[1]\n[2, 3]\n{\"a\": 1}\n4"), (3, 1));
    }

    #[test]
    fn lines_are_read_one_by_one() {
        let text = "\u{feff}{\"a\": 1}\r\n\u{a0}\n\n\u{a0}[2]\u{a0}\r\n\u{feff}3";
        assert_eq!(read_lines(text).expect("values"), [json!({ "a": 1 }), json!([2]), json!(3)]);
        let error = read_lines("1\n\n{").expect_err("cut off").to_string();
        assert_eq!(error, "line 3: EOF while parsing an object at line 1 column 1");
    }
}
