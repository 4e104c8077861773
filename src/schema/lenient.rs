//! JSON as models write it: with single quotes, bare keys, comments, commas at the end, `True` and
//! `None`, and line ends within texts. What is open is never closed, and nothing is added.

use crate::base::json;
use serde_json::{Map, Value};

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 128;

/// Reads a text that is one value, if it is.
pub(super) fn read(text: &str) -> Option<Value> {
    let mut reader = LenientReader { rest: text };
    let value = reader.value(0)?;
    reader.skip()?;
    reader.rest.is_empty().then_some(value)
}

struct LenientReader<'a> {
    rest: &'a str,
}

impl<'a> LenientReader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, token: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    /// Takes letters as long as they fit.
    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !fits(letter)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    /// Passes over space and comments; an open comment is none.
    fn skip(&mut self) -> Option<()> {
        loop {
            self.run(|letter| letter.is_whitespace() || json::is_odd_space(letter));

            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.find('\n').map_or("", |end| &comment[end..]);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = &comment[comment.find("*/")? + 2..];
            } else {
                return Some(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip()?;
        if depth > DEPTH_MAX {
            return None;
        }

        match self.peek()? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' | '\'' => self.text().map(Value::String),
            letter if letter == '-' || letter.is_ascii_digit() => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
                json::read(self.run(is_part)).ok().filter(Value::is_number)
            }
            _ => match self.run(|letter| letter.is_ascii_alphanumeric()) {
                "true" | "True" => Some(Value::Bool(true)),
                "false" | "False" => Some(Value::Bool(false)),
                "null" | "None" => Some(Value::Null),
                _ => None,
            },
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.take('[')?;
        let mut items = Vec::new();

        loop {
            self.skip()?;
            if self.take(']').is_some() {
                return Some(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.separator(']')?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.take('{')?;
        let mut map = Map::new();

        loop {
            self.skip()?;
            if self.take('}').is_some() {
                return Some(Value::Object(map));
            }

            let key = match self.peek()? {
                '"' | '\'' => self.text()?,
                _ => self.bare_key()?,
            };
            self.skip()?;
            self.take(':')?;
            let value = self.value(depth + 1)?;
            if map.get(&key).is_some_and(|known| *known != value) {
                return None;
            }
            map.insert(key, value);
            self.separator('}')?;
        }
    }

    /// Takes the comma after an item; the last item may do without.
    fn separator(&mut self, end: char) -> Option<()> {
        self.skip()?;
        if self.peek()? == end { Some(()) } else { self.take(',') }
    }

    fn bare_key(&mut self) -> Option<String> {
        let is_first = |letter: char| letter.is_alphabetic() || matches!(letter, '_' | '$');
        self.peek().filter(|letter| is_first(*letter))?;
        let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '-');
        Some(self.run(is_part).to_owned())
    }

    /// Reads a text in either kind of quotes.
    fn text(&mut self) -> Option<String> {
        let quote = self.peek()?;
        let mut plain = String::from('"');
        let mut letters = self.rest.char_indices().skip(1);

        while let Some((at, letter)) = letters.next() {
            match letter {
                _ if letter == quote => {
                    self.rest = &self.rest[at + letter.len_utf8()..];
                    plain.push('"');
                    return serde_json::from_str(&plain).ok();
                }
                '\\' => match letters.next()?.1 {
                    '\'' => plain.push('\''),
                    escaped => plain.extend(['\\', escaped]),
                },
                '"' => plain.push_str("\\\""),
                '\n' => plain.push_str("\\n"),
                '\r' => plain.push_str("\\r"),
                '\t' => plain.push_str("\\t"),
                other => plain.push(other),
            }
        }

        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slips_of_models_are_read() {
        let cases = [
            ("{'a': 'b',}", json!({ "a": "b" })),
            ("{a: 1, b-c: [1, 2,], $d: None}", json!({ "a": 1, "b-c": [1, 2], "$d": null })),
            ("{\"a\": True, // yes\n \"b\": False /* no */ }", json!({ "a": true, "b": false })),
            ("{\"a\": \"one\ntwo\tthree\"}", json!({ "a": "one\ntwo\tthree" })),
            ("['it\\'s', \"it's\", 'a \"b\"']", json!(["it's", "it's", "a \"b\""])),
            ("{'e': '\\ud83d\\ude00 \\\\'}", json!({ "e": "😀 \\" })),
            ("// first\n[ ]\u{a0}", json!([])),
            ("{a: 1, 'a': 1}", json!({ "a": 1 })),
            ("{'u': 'http://x/*'}", json!({ "u": "http://x/*" })),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_is_closed_or_added() {
        for text in [
            "{",
            "{'a': 1",
            "[1, 2",
            "{'a': 'b}",
            "[1,,2]",
            "{,}",
            "{a}",
            "{'a' 1}",
            "[1 2]",
            "{'a': }",
            "nope",
            "NaN",
            "+1",
            "0x1",
            "1 2",
            "{} {}",
            "",
            "/* open",
            "{'a': '\\x'}",
            "'\\ud83d'",
            "[.5]",
            "{1: 2}",
            "18446744073709551616",
            "{a: 1, 'a': 2}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }

        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(read(&deep), None);
    }
}
