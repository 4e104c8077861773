//! The short form of schemas: `thought: string, label: good | bad, sure: integer 0..9, note?: string`.

use crate::base::json;
use crate::base::spelling::nearest;
use serde_json::{Map, Number, Value, json};

/// Longest text that is read, in bytes.
const SIZE_MAX: usize = 64 << 10;
/// Deepest nesting that is read.
const DEPTH_MAX: usize = 32;
/// The words for types.
const TYPES: &[&str] = &["string", "integer", "number", "boolean", "any"];
/// What other languages call the types.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("text", "string"),
    ("str", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("double", "number"),
    ("bool", "boolean"),
    ("list", "[string]"),
    ("array", "[string]"),
    ("object", "{ name: string }"),
    ("map", "{ name: string }"),
];

/// A text that is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShortError {
    /// It begins like JSON, and is none.
    #[error("looks like JSON, but is not valid: {0}")]
    Json(String),
    /// It is too long.
    #[error("is longer than {SIZE_MAX} bytes")]
    TooLong,
    /// It is not the short form.
    #[error("{reason} (character {place})")]
    Form {
        /// What is wrong.
        reason: String,
        /// Where, counted from 1.
        place: usize,
    },
}

/// Reads a schema from a text: JSON, or the short form.
pub fn schema(text: &str) -> Result<Value, ShortError> {
    if text.len() > SIZE_MAX {
        return Err(ShortError::TooLong);
    }

    // A group of fields begins with a bracket as well.
    let bare = text.trim();
    if let Some(inside) = bare.strip_prefix('{') {
        match json::read(bare) {
            Ok(schema) => return Ok(schema),
            Err(error) if inside.trim_start().starts_with('"') => {
                return Err(ShortError::Json(error.to_string()));
            }
            Err(_) => {}
        }
    }

    let mut reader = ShortReader { text, at: 0 };
    let schema = if reader.begins_field() { reader.fields(None, 0)? } else { reader.kind(0)? };

    reader.skip();
    match reader.peek() {
        None => Ok(schema),
        Some(found) => Err(reader.wrong(format!("expected the end of the text, found `{found}`"))),
    }
}

struct ShortReader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> ShortReader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    /// Passes over letters as long as they fit.
    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter| !fits(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn skip(&mut self) {
        self.run(char::is_whitespace);
    }

    fn skip_in_line(&mut self) {
        self.run(|letter| letter.is_whitespace() && letter != '\n');
    }

    fn wrong(&self, reason: impl Into<String>) -> ShortError {
        let place = self.text[..self.at].chars().count() + 1;
        ShortError::Form { reason: reason.into(), place }
    }

    /// Tells whether a field comes next, and not a type.
    fn begins_field(&self) -> bool {
        let mut ahead = ShortReader { text: self.text, at: self.at };
        ahead.skip();
        let is_name = ahead.name().is_ok_and(|name| !name.is_empty());
        ahead.take("?");
        ahead.skip_in_line();
        is_name && ahead.take(":")
    }

    /// Reads the name of a field; empty if there is none.
    fn name(&mut self) -> Result<String, ShortError> {
        if self.peek() == Some('"') {
            return self.quoted();
        }
        Ok(self.run(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '.')).to_owned())
    }

    fn quoted(&mut self) -> Result<String, ShortError> {
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<String>();
        match values.next() {
            Some(Ok(text)) => {
                self.at += values.byte_offset();
                Ok(text)
            }
            _ => Err(self.wrong("the text in quotes is not closed")),
        }
    }

    /// Reads fields up to `close`, or to the end of the text.
    fn fields(&mut self, close: Option<char>, depth: usize) -> Result<Value, ShortError> {
        let mut properties = Map::new();
        let mut required = Vec::new();

        loop {
            self.run(|letter| letter.is_whitespace() || letter == ',');
            match (self.peek(), close) {
                (None, None) => break,
                (None, Some(close)) => return Err(self.wrong(format!("`{close}` is missing"))),
                (Some(found), Some(close)) if found == close => break,
                (Some(_), _) => {}
            }

            let begin = self.at;
            let name = self.name()?;
            let is_optional = self.take("?");
            self.skip_in_line();
            if name.is_empty() || !self.take(":") {
                return Err(self.wrong("expected a field, such as `name: string`"));
            }

            let mut kind = self.kind(depth + 1)?;
            if let (Some(words), Value::Object(map)) = (self.description(), &mut kind) {
                map.insert("description".to_owned(), words.into());
            }

            self.skip_in_line();
            let ends = self.peek().is_none_or(|c| matches!(c, ',' | '\n') || Some(c) == close);
            if !ends {
                return Err(self.wrong(format!("expected a comma after field `{name}`")));
            }

            if !is_optional {
                required.push(Value::from(name.clone()));
            }
            if properties.insert(name.clone(), kind).is_some() {
                self.at = begin;
                return Err(self.wrong(format!("there are two fields `{name}`")));
            }
        }

        if properties.is_empty() {
            return Err(self.wrong("expected a field, such as `name: string`"));
        }
        Ok(json!({ "type": "object", "properties": properties, "required": required }))
    }

    /// Reads ` - words` at the end of a field.
    fn description(&mut self) -> Option<String> {
        let begin = self.at;
        self.skip_in_line();
        if self.at > begin && self.take("- ") {
            return Some(self.run(|c| !matches!(c, ',' | '\n' | '}')).trim().to_owned());
        }
        self.at = begin;
        None
    }

    /// Reads a type, and `or null` behind it.
    fn kind(&mut self, depth: usize) -> Result<Value, ShortError> {
        if depth > DEPTH_MAX {
            return Err(self.wrong(format!("nested deeper than {DEPTH_MAX}")));
        }

        self.skip();
        let mut kind = match self.peek() {
            Some('{') => {
                self.take("{");
                let fields = self.fields(Some('}'), depth)?;
                self.take("}");
                fields
            }
            Some('[') => self.list(depth)?,
            _ => self.words()?,
        };

        let begin = self.at;
        self.skip_in_line();
        let word = self.run(char::is_alphabetic);
        match word {
            "or" => {
                self.skip_in_line();
                let other = self.run(|c| c.is_alphanumeric() || c == '_');
                if other != "null" {
                    let reason = format!(
                        "only `null` can follow `or`, not `{other}`; write a schema map for other unions"
                    );
                    return Err(self.wrong(reason));
                }
                or_null(&mut kind);
            }
            _ => self.at = begin,
        }

        Ok(kind)
    }

    fn list(&mut self, depth: usize) -> Result<Value, ShortError> {
        self.take("[");
        let items = self.kind(depth + 1)?;
        self.skip();
        if !self.take("]") {
            return Err(self.wrong("`]` is missing"));
        }

        let mut list = json!({ "type": "array", "items": items });
        if let Some(range) = self.range()? {
            range
                .set(&mut list, "minItems", "maxItems", ShortRange::counts)
                .map_err(|e| self.wrong(e))?;
        }
        Ok(list)
    }

    /// Reads the name of a type with its range, or words with `|` between them.
    fn words(&mut self) -> Result<Value, ShortError> {
        let begin = self.at;
        let mut words = vec![self.word()?];
        loop {
            let end = self.at;
            self.skip();
            if !self.take("|") {
                self.at = end;
                break;
            }
            self.skip();
            words.push(self.word()?);
        }

        if words.len() == 1 {
            let word = words.remove(0);
            return self.simple(&word, begin);
        }
        self.enumeration(&words, begin)
    }

    fn word(&mut self) -> Result<ShortWord, ShortError> {
        if self.peek() == Some('"') {
            return Ok(ShortWord { text: self.quoted()?, is_quoted: true });
        }

        let rest = self.rest();
        let stop = |c: char| matches!(c, '|' | ',' | '\n' | '{' | '}' | '[' | ']');
        let mut end = rest.find(stop).unwrap_or(rest.len());
        for before in [" - ", " or null"] {
            end = end.min(rest[..end].find(before).unwrap_or(end));
        }

        let text = rest[..end].trim_end();
        if text.is_empty() {
            return Err(self.wrong("expected a type, such as `string`"));
        }
        self.at += text.len();
        Ok(ShortWord { text: text.to_owned(), is_quoted: false })
    }

    fn enumeration(&mut self, words: &[ShortWord], begin: usize) -> Result<Value, ShortError> {
        let is_type = |word: &&ShortWord| {
            let is_name = TYPES.contains(&word.text.as_str()) || word.text == "null";
            is_name && !word.is_quoted
        };

        if let Some(word) = words.iter().find(is_type) {
            self.at = begin;
            let word = &word.text;
            let reason = format!(
                "`{word}` is a type, and `|` separates words; write `string or null` for what \
                 may be missing, or \"{word}\" in quotes for the word"
            );
            return Err(self.wrong(reason));
        }

        let numbers: Option<Vec<Number>> =
            words.iter().map(|w| w.text.parse().ok().filter(|_| !w.is_quoted)).collect();
        let (kind, values): (_, Vec<Value>) = match numbers {
            Some(numbers) => {
                let is_whole = numbers.iter().all(|n| n.is_i64() || n.is_u64());
                let kind = if is_whole { "integer" } else { "number" };
                (kind, numbers.into_iter().map(Value::Number).collect())
            }
            None => ("string", words.iter().map(|word| word.text.clone().into()).collect()),
        };

        for (place, value) in values.iter().enumerate() {
            if values[..place].contains(value) {
                self.at = begin;
                return Err(self.wrong(format!("{value} occurs twice")));
            }
        }
        Ok(json!({ "type": kind, "enum": values }))
    }

    /// Makes a type of its name and what may stand behind it.
    fn simple(&mut self, word: &ShortWord, begin: usize) -> Result<Value, ShortError> {
        // A range may follow at once, as in `string..5`.
        let ends = |c: char| c.is_whitespace() || c.is_ascii_digit() || matches!(c, '.' | '-');
        let name = word.text.split(ends).next().unwrap_or("");
        if word.is_quoted || !TYPES.contains(&name) {
            self.at = begin;
            return Err(self.wrong(unknown(word)));
        }

        // What stands behind the name is read again, as a range.
        self.at = begin + name.len();
        let range = self.range()?;
        let (mut kind, names) = match name {
            "any" => (json!({}), None),
            "boolean" => (json!({ "type": name }), None),
            "string" => (json!({ "type": name }), Some(("minLength", "maxLength"))),
            _ => (json!({ "type": name }), Some(("minimum", "maximum"))),
        };

        let Some(range) = range else { return Ok(kind) };
        let Some((least, most)) = names else {
            return Err(self.wrong(format!("`{name}` has no range")));
        };
        let read = match name {
            "number" => ShortRange::numbers,
            "integer" => ShortRange::wholes,
            _ => ShortRange::counts,
        };
        range.set(&mut kind, least, most, read).map_err(|reason| self.wrong(reason))?;
        Ok(kind)
    }

    /// Reads a range such as `0..9`, `1..` or `..5`, if there is one.
    fn range(&mut self) -> Result<Option<ShortRange<'a>>, ShortError> {
        let begin = self.at;
        self.skip_in_line();
        let word = self.run(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));

        match word.split_once("..") {
            Some((least, most)) if !(least.is_empty() && most.is_empty()) => {
                Ok(Some(ShortRange { least, most }))
            }
            None if word.is_empty() || word == "-" => {
                self.at = begin;
                Ok(None)
            }
            _ => Err(self.wrong(format!("invalid range `{word}`: expected a form such as `0..9`"))),
        }
    }
}

struct ShortWord {
    text: String,
    is_quoted: bool,
}

/// A range as it is written; an end that is empty has no bound.
struct ShortRange<'a> {
    least: &'a str,
    most: &'a str,
}

impl ShortRange<'_> {
    fn numbers(text: &str) -> Option<Number> {
        text.parse().ok()
    }

    fn wholes(text: &str) -> Option<Number> {
        text.parse::<i64>().ok().map(Number::from)
    }

    fn counts(text: &str) -> Option<Number> {
        text.parse::<u32>().ok().map(Number::from)
    }

    /// Writes the range into a schema under two names.
    fn set(
        &self,
        schema: &mut Value,
        least: &str,
        most: &str,
        read: fn(&str) -> Option<Number>,
    ) -> Result<(), String> {
        let mut bounds = Vec::new();
        for (name, text) in [(least, self.least), (most, self.most)] {
            if !text.is_empty() {
                let number =
                    read(text).ok_or_else(|| format!("`{text}` cannot limit this type"))?;
                bounds.push(number.as_f64());
                schema[name] = number.into();
            }
        }

        if bounds.len() == 2 && bounds[0] > bounds[1] {
            return Err(format!("the range `{}..{}` is empty", self.least, self.most));
        }
        Ok(())
    }
}

/// Lets a type be null as well.
fn or_null(kind: &mut Value) {
    if let Some(values) = kind.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    if let Some(word) = kind.get_mut("type") {
        *word = json!([word.clone(), "null"]);
    }
}

/// Returns what a type is called here that has another name in other languages.
pub(super) fn usual_name(name: &str) -> Option<&'static str> {
    OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, name)| *name)
}

fn unknown(word: &ShortWord) -> String {
    let text = &word.text;
    if word.is_quoted {
        return format!("a choice needs several words, such as \"{text}\" | \"no\"");
    }

    let end = text.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(text.len());
    let name = &text[..end];
    match usual_name(name).or_else(|| nearest(name, TYPES.iter().copied())) {
        Some(near) => format!("unknown type `{name}`; did you mean `{near}`?"),
        None => format!(
            "unknown type `{text}`; available: {}, words such as `yes | no`, `[TYPE]` and \
             `{{ fields }}`",
            TYPES.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Value) {
        let found = schema(text).expect(text);
        // As text, so that the order counts.
        assert_eq!(found.to_string(), expected.to_string(), "{text}");
        assert_eq!(crate::schema::check(&found), Ok(()), "{text}");
    }

    #[test]
    fn fields_are_read() {
        check(
            "thought: string, label: positive | negative, sure: integer 0..9, note?: string",
            &json!({ "type": "object", "properties": {
                "thought": { "type": "string" },
                "label": { "type": "string", "enum": ["positive", "negative"] },
                "sure": { "type": "integer", "minimum": 0, "maximum": 9 },
                "note": { "type": "string" },
            }, "required": ["thought", "label", "sure"] }),
        );
        check(
            "\n  why: string 1..200 - in one sentence: why?\n\n  parts: [{ name: string, share?: number 0.5..1 - a part, rest: any }] 1..\n",
            &json!({ "type": "object", "properties": {
                "why": { "type": "string", "minLength": 1, "maxLength": 200,
                    "description": "in one sentence: why?" },
                "parts": { "type": "array", "items": { "type": "object", "properties": {
                    "name": { "type": "string" },
                    "share": { "type": "number", "minimum": 0.5, "maximum": 1, "description": "a part" },
                    "rest": {},
                }, "required": ["name", "rest"] }, "minItems": 1 },
            }, "required": ["why", "parts"] }),
        );
        check(
            "a: very-good | not so good | \"a, b\" or null, b: string or null, c: 1 | 2 | 3, \"x y\": [[integer -5..]], d: {e: boolean} or null,",
            &json!({ "type": "object", "properties": {
                "a": { "type": ["string", "null"], "enum": ["very-good", "not so good", "a, b", null] },
                "b": { "type": ["string", "null"] },
                "c": { "type": "integer", "enum": [1, 2, 3] },
                "x y": { "type": "array", "items": { "type": "array", "items": { "type": "integer", "minimum": -5 } } },
                "d": { "type": ["object", "null"], "properties": { "e": { "type": "boolean" } }, "required": ["e"] },
            }, "required": ["a", "b", "c", "x y", "d"] }),
        );
    }

    #[test]
    fn a_type_alone_is_a_schema_and_so_is_json() {
        check("yes | no", &json!({ "type": "string", "enum": ["yes", "no"] }));
        check("string..5", &json!({ "type": "string", "maxLength": 5 }));
        check("integer-5..", &json!({ "type": "integer", "minimum": -5 }));
        check(
            "[string] ..5",
            &json!({ "type": "array", "items": { "type": "string" }, "maxItems": 5 }),
        );
        check("integer or null", &json!({ "type": ["integer", "null"] }));
        check(
            "{ a: string }",
            &json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] }),
        );
        check(
            " {\"type\": \"object\", \"properties\": {\"z\": {\"type\": \"string\"}, \"a\": {\"type\": \"string\"}}}",
            &json!({ "type": "object", "properties": { "z": { "type": "string" }, "a": { "type": "string" } } }),
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let cases = [
            ("", "expected a type, such as `string` (character 1)"),
            ("a: sting", "unknown type `sting`; did you mean `string`? (character 4)"),
            ("a: int 0..9", "unknown type `int`; did you mean `integer`? (character 4)"),
            ("a: float", "unknown type `float`; did you mean `number`? (character 4)"),
            (
                "a: bug",
                "unknown type `bug`; available: string, integer, number, boolean, any, words such as `yes | no`, `[TYPE]` and `{ fields }` (character 4)",
            ),
            (
                "a: string | null",
                "`string` is a type, and `|` separates words; write `string or null` for what may be missing, or \"string\" in quotes for the word (character 4)",
            ),
            (
                "a: string or integer",
                "only `null` can follow `or`, not `integer`; write a schema map for other unions (character 21)",
            ),
            ("a: string, a: integer", "there are two fields `a` (character 12)"),
            ("a: yes | no | yes", "\"yes\" occurs twice (character 4)"),
            ("a: [string", "`]` is missing (character 11)"),
            ("a: { b: string", "`}` is missing (character 15)"),
            ("a: {}", "expected a field, such as `name: string` (character 5)"),
            ("a: integer 9..0", "the range `9..0` is empty (character 16)"),
            ("a: integer 0.5..1", "`0.5` cannot limit this type (character 18)"),
            ("a: string -1..", "`-1` cannot limit this type (character 15)"),
            ("a: integer 5", "invalid range `5`: expected a form such as `0..9` (character 13)"),
            ("a: boolean 0..1", "`boolean` has no range (character 16)"),
            ("a: any 0..", "`any` has no range (character 11)"),
            ("a: string b: string", "expected a comma after field `a` (character 11)"),
            ("a: string, b", "expected a field, such as `name: string` (character 13)"),
            ("a: ", "expected a type, such as `string` (character 4)"),
            ("a: x |", "expected a type, such as `string` (character 7)"),
            ("a: \"x", "the text in quotes is not closed (character 4)"),
            (
                "a: \"string\"",
                "a choice needs several words, such as \"string\" | \"no\" (character 4)",
            ),
            ("[string] x", "expected the end of the text, found `x` (character 10)"),
            ("é: str?", "unknown type `str`; did you mean `string`? (character 4)"),
            (
                "{\"type\": \"object\"",
                "looks like JSON, but is not valid: EOF while parsing an object at line 1 column 17",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(schema(text).map_err(|e| e.to_string()), Err(expected.to_owned()), "{text}");
        }

        let deep = format!("a: {}string{}", "[".repeat(40), "]".repeat(40));
        assert_eq!(
            schema(&deep).map_err(|e| e.to_string()),
            Err("nested deeper than 32 (character 36)".to_owned())
        );
        assert_eq!(schema(&"a".repeat(SIZE_MAX + 1)), Err(ShortError::TooLong));
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_gives_an_unsound_schema() {
        let mut rng = crate::base::rng::Rng::seeded(3);
        let parts = [
            "a", ":", "?", " ", "string", "integer", "0..9", "|", "[", "]", "{", "}", ",", "\n",
            " - ", "or null", "\"", "é", "5", "-", "..",
        ];
        let mut sound = 0;

        for _ in 0..20_000 {
            let part = |rng: &mut crate::base::rng::Rng| {
                parts[usize::try_from(rng.below(parts.len() as u64)).expect("small")]
            };
            let text: String = (0..rng.below(12)).map(|_| part(&mut rng)).collect();
            if let Ok(found) = schema(&text) {
                sound += usize::from(crate::schema::check(&found).is_ok() || found == json!({}));
                assert!(crate::schema::compiled(&found).is_ok(), "{text}: {found}");
            }
        }
        assert!(sound > 100, "{sound} schemas");
    }
}
