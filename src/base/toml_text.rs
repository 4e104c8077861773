//! The text of a TOML file as it is read, whatever program has written it.

use crate::base::json::{BYTE_ORDER_MARK, is_odd_space};
use std::borrow::Cow;

/// What ends lines on Windows, before the line feed.
const CARRIAGE_RETURN: char = '\r';

/// Settings whose values are shown where a text cannot be parsed.
const SHOWN: &[&str] = &[
    "as_of",
    "concurrency",
    "confirm_over",
    "context",
    "deny_net",
    "deny_read",
    "deny_run",
    "deny_write",
    "durability",
    "in",
    "keep",
    "learn_from_demo",
    "max_calls",
    "max_cost",
    "max_size",
    "max_time",
    "max_tokens",
    "min_length",
    "model",
    "name",
    "names",
    "net",
    "operations",
    "out",
    "paths",
    "per",
    "price",
    "provider",
    "quiet_ms",
    "read",
    "reuse",
    "run",
    "suspend_after",
    "temperature",
    "timeout_ms",
    "use",
    "write",
];

/// In which part of a TOML text a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextPart {
    /// Where spaces count for nothing.
    Plain,
    Comment,
    /// A string that ends with this many of these quotes.
    Quoted(char, usize),
}

/// Returns the text that is parsed. A byte order mark is taken off, lines end in one way, and what only
/// looks like a space outside of strings and comments is one. Every line and column stays where it was.
pub fn plain(text: &str) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text.trim_start_matches(BYTE_ORDER_MARK));
    if plain.contains(CARRIAGE_RETURN) {
        plain = plain.replace("\r\n", "\n").into();
    }
    if plain.contains(is_odd_space) {
        plain = spaced(&plain).into();
    }

    plain
}

/// Hides what may be a secret in the lines of a text that the message of a parser shows. Every column stays where it
/// was, because the message points at one.
pub fn without_secrets(message: &str) -> String {
    let shown = message.lines().map(|line| match line.split_once(" | ") {
        Some((number, code)) if number.trim().parse::<usize>().is_ok() => {
            format!("{number} | {}", masked(code))
        }
        _ => line.to_owned(),
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// Hides letters and digits of a line's value, unless the name before it tells that it is no secret.
fn masked(line: &str) -> String {
    let is_head = line.trim_start().starts_with('[') && !line.contains(['"', '\'', '=']);
    let end = line.find('=').map_or(0, |at| at + 1);
    let name = line[..end].trim_end_matches('=').trim().trim_matches('"');
    let own = name.rsplit('.').next().unwrap_or(name);

    if is_head || SHOWN.contains(&own) && !line[end..].contains('=') {
        return line.to_owned();
    }
    let hidden = |c: char| if c.is_alphanumeric() { '*' } else { c };
    format!("{}{}", &line[..end], line[end..].chars().map(hidden).collect::<String>())
}

/// Makes spaces of what looks like one outside of strings and comments.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut part = TextPart::Plain;
    let mut rest = text;

    while let Some(letter) = rest.chars().next() {
        let quotes = |quote| rest.chars().take_while(|c| *c == quote).count();
        let taken = match (part, letter) {
            (TextPart::Plain, '#') => {
                part = TextPart::Comment;
                1
            }
            (TextPart::Plain, '"' | '\'') => {
                let (taken, ended) = match quotes(letter) {
                    2 => (2, true),
                    count if count >= 3 => (3, false),
                    _ => (1, false),
                };
                if !ended {
                    part = TextPart::Quoted(letter, taken);
                }
                taken
            }
            // A string of one line ends with it at the latest: the parser says that it is open.
            (TextPart::Comment | TextPart::Quoted(_, 1), '\n') => {
                part = TextPart::Plain;
                1
            }
            (TextPart::Quoted('"', _), '\\') => 2,
            (TextPart::Quoted(quote, count), _) if letter == quote && quotes(quote) >= count => {
                part = TextPart::Plain;
                // More quotes than end it belong to the string.
                quotes(quote).min(if count == 1 { 1 } else { 5 })
            }
            _ => 1,
        };

        let end = rest.char_indices().nth(taken).map_or(rest.len(), |(at, _)| at);
        if part == TextPart::Plain && is_odd_space(letter) {
            spaced.push(' ');
        } else {
            spaced.push_str(&rest[..end]);
        }
        rest = &rest[end..];
    }

    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_whatever_program_has_written_it() {
        let cases = [
            ("\u{feff}[run]\r\nreuse = true\r\n", "[run]\nreuse = true\n"),
            ("a\u{a0}=\u{202f}1\n\u{3000}b = 2", "a = 1\n b = 2"),
            ("[run]\u{feff}\u{200b}", "[run]  "),
            // In strings and comments it stays what it is.
            ("a = \"x\u{a0}y\"\u{a0}", "a = \"x\u{a0}y\" "),
            ("a = \"x\\\"\u{a0}y\"\u{a0}", "a = \"x\\\"\u{a0}y\" "),
            ("a = 'x\\'\u{a0}", "a = 'x\\' "),
            ("a = \"\"\u{a0}# b\u{a0}c\n\u{a0}", "a = \"\" # b\u{a0}c\n "),
            ("a = \"\"\"\n\"\u{a0}\"\"\"\"\u{a0}", "a = \"\"\"\n\"\u{a0}\"\"\"\" "),
            ("a = '''\u{a0}'''\u{a0}", "a = '''\u{a0}''' "),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_parsed_is_shown_without_what_may_be_a_secret() {
        let lines = [
            "key = \"C1234567",
            "key=C1234567",
            "use = \"openai/x",
            "use = \"openai/x\" key = \"C1234567\"",
            "models.a.max_cost = 5,0",
            "  \"x-api-key=C1234567\",,",
            "[models.a",
            "[\"C1234567\", 1]",
            "store = \"postgres://u:C1234567@h/db",
        ];
        let shown = lines.map(|line| without_secrets(&format!("at line 3\n3 | {line}\n  | ^")));
        let shown = shown.map(|text| text.lines().nth(1).unwrap_or_default().to_owned());
        expect_test::expect![[r#"
            3 | key = "********
            3 | key=********
            3 | use = "openai/x
            3 | use = "******/*" *** = "********"
            3 | models.a.max_cost = 5,0
            3 |   "x-api-key=********",,
            3 | [models.a
            3 | ["********", *]
            3 | store = "********://*:********@*/**"#]]
        .assert_eq(&shown.join("\n"));
    }
}
