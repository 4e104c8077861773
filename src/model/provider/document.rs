//! JSON as servers send it. What is wrong beside the text must not cost the text: half characters,
//! numbers that are none, and bytes between pieces are read past. Knows nothing of what a document
//! means.

use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The mark that may stand before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Where halves of characters are kept until the other half comes: a surrogate as its own number in
/// plane 16, which is for private use, and a stray byte below it.
const HALVES: u32 = 0x10_0000;
const BYTES: u32 = 0x10_F700;
/// Deepest place of a value that is read. What lies deeper is no part of a reply.
const DEPTH_MAX: usize = 100;

/// Why the rest of a body is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It ends too early.
    Cut,
    /// It is no JSON; why not.
    Wrong(String),
}

/// What a body, or the data of one event, holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Documents {
    /// The documents, in order. The items of a list count as documents.
    pub(super) values: Vec<Value>,
    /// Whether they came as a list.
    pub(super) is_list: bool,
    /// What follows them, if that is no document.
    pub(super) trouble: Option<Trouble>,
    /// Whether texts hold halves of characters, to be joined by `join`.
    pub(super) has_halves: bool,
}

impl Documents {
    /// Reads all documents of a text.
    pub(super) fn read(bytes: &[u8]) -> Documents {
        let text = text(bytes);
        let mut found = parse(&text);

        // Only data is mended: of another text, every word would become `null`.
        if found.trouble.is_some() && text.trim_start().starts_with(['{', '[']) {
            found = parse(&mend(&text));
            found.has_halves = true;
        }

        found.has_halves |= matches!(text, Cow::Owned(_));
        found
    }
}

/// Makes text of bytes, whichever encoding servers write. Halves of characters are kept for `join`.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xff, 0xfe, units @ ..] => Cow::Owned(utf16(units, u16::from_le_bytes)),
        [0xfe, 0xff, units @ ..] => Cow::Owned(utf16(units, u16::from_be_bytes)),
        // No JSON begins so in another encoding.
        [b'{' | b'[', 0, ..] => Cow::Owned(utf16(bytes, u16::from_le_bytes)),
        [0, b'{' | b'[', ..] => Cow::Owned(utf16(bytes, u16::from_be_bytes)),
        _ => decode(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)),
    }
}

fn parse(text: &str) -> Documents {
    let mut found = Documents::default();

    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match document {
            Ok(Value::Array(items)) => {
                found.is_list = true;
                found.values.extend(items);
            }
            // It says nothing, wherever it stands.
            Ok(Value::Null) => {}
            Ok(value) => found.values.push(value),
            Err(error) if error.is_eof() => found.trouble = Some(Trouble::Cut),
            Err(error) => found.trouble = Some(Trouble::Wrong(error.to_string())),
        }
    }

    found
}

/// Makes text of bytes. A byte that is no part of a character is kept for `join`.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }

    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| half(BYTES + u32::from(*byte))));
    }

    Cow::Owned(text)
}

/// Makes text of units of UTF-16. Half of a last unit is what a cut leaves.
fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
}

fn half(number: u32) -> Option<char> {
    char::from_u32(number)
}

/// Mends what keeps a text from being JSON, and leaves everything else as it is.
fn mend(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    let mut depth = 0_usize;

    while let Some(first) = rest.chars().next() {
        match first {
            '{' | '[' if depth == DEPTH_MAX => {
                mended.push_str("null");
                rest = after_value(rest);
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                leave_comma_out(&mut mended);
            }
            _ => {}
        }

        if first == '"' {
            rest = mend_string(rest, &mut mended);
        } else if is_of_word(first) {
            let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let is_sound = serde_json::from_str::<Value>(word).is_ok();
            if is_sound || (after.is_empty() && depth == 0) {
                mended.push_str(word);
            } else if !after.is_empty() {
                // `NaN`, `Infinity`, `None`, and numbers beyond all bounds stand for nothing that
                // counts. What a cut leaves of a word is left out, so that the cut is seen.
                mended.push_str("null");
            }
            rest = after;
        } else {
            mended.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }

    mended
}

/// Takes back the comma at the end, which stands before a bracket that closes.
fn leave_comma_out(mended: &mut String) {
    let kept = mended.trim_end();
    if let Some(kept) = kept.strip_suffix(',') {
        mended.truncate(kept.len());
    }
}

/// Returns what follows the map or list that a text begins with.
fn after_value(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut is_text = false;
    let mut is_escaped = false;

    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_text => is_escaped = true,
            '"' => is_text = !is_text,
            '{' | '[' if !is_text => depth += 1,
            '}' | ']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return &text[at + c.len_utf8()..];
        }
    }

    ""
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')
}

/// Mends a string, from its quotation mark to the next one, and returns what follows.
fn mend_string<'a>(text: &'a str, mended: &mut String) -> &'a str {
    mended.push('"');
    let mut rest = &text[1..];

    while let Some(next) = rest.chars().next() {
        match next {
            '"' => {
                mended.push('"');
                return &rest[1..];
            }
            '\\' => rest = mend_escape(rest, mended),
            '\0'..='\x1f' => {
                // Writing to a String cannot fail.
                let _ = write!(mended, "\\u{:04x}", u32::from(next));
                rest = &rest[1..];
            }
            other => {
                mended.push(other);
                rest = &rest[other.len_utf8()..];
            }
        }
    }

    rest
}

/// Mends one escape: half of a pair of surrogates is kept for `join`, and a backslash that begins no escape stands for
/// itself, unless a quote follows it.
fn mend_escape<'a>(text: &'a str, mended: &mut String) -> &'a str {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };

    let length = match unit(text) {
        Some(0xd800..=0xdbff) if matches!(text.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => {
            12
        }
        Some(lone @ 0xd800..=0xdfff) => {
            mended.extend(half(HALVES + lone));
            return &text[6..];
        }
        Some(_) => 6,
        None => match text[1..].chars().next() {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => 2,
            Some('\'') => return &text[1..],
            Some(_) => {
                mended.push_str("\\\\");
                return &text[1..];
            }
            None => 1,
        },
    };

    mended.push_str(&text[..length]);
    &text[length..]
}

/// Joins the halves of characters that came one after the other, be it in several pieces of a
/// stream. A half without its other half becomes U+FFFD.
pub(super) fn join(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut units = Vec::new();
    let mut bytes = Vec::new();
    for c in text.chars() {
        let number = u32::from(c);
        let surrogate = number.checked_sub(HALVES).filter(|unit| (0xd800..=0xdfff).contains(unit));
        let byte = number.checked_sub(BYTES).filter(|byte| (0x80..=0xff).contains(byte));

        if surrogate.is_none() {
            joined.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or('\u{fffd}')));
        }
        if byte.is_none() {
            joined.push_str(&String::from_utf8_lossy(&bytes));
            bytes.clear();
        }
        match (surrogate, byte) {
            (Some(unit), _) => units.extend(u16::try_from(unit)),
            (None, Some(byte)) => bytes.extend(u8::try_from(byte)),
            (None, None) => joined.push(c),
        }
    }

    joined.extend(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')));
    joined.push_str(&String::from_utf8_lossy(&bytes));
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(text: &[u8]) -> Vec<Value> {
        let found = Documents::read(text);
        assert_eq!(found.trouble, None, "{}", String::from_utf8_lossy(text));
        found.values
    }

    #[test]
    fn several_documents_and_lists_are_read_in_order() {
        assert_eq!(values(b" {\"a\":1}\n{\"b\":2}\r\n"), [json!({ "a": 1 }), json!({ "b": 2 })]);
        assert_eq!(values(b"[{\"a\":1},{\"b\":2}]"), [json!({ "a": 1 }), json!({ "b": 2 })]);
        assert_eq!(values(b"\xef\xbb\xbf{}"), [json!({})]);
        assert_eq!(values(b" \n"), Vec::<Value>::new());
        assert_eq!(values(b"null"), Vec::<Value>::new());

        let units = |unit: fn(u16) -> [u8; 2]| "\u{feff}{}".encode_utf16().flat_map(unit).collect();
        let both: [Vec<u8>; 2] = [units(u16::to_le_bytes), units(u16::to_be_bytes)];
        assert_eq!(both.map(|bytes| values(&bytes)), [vec![json!({})], vec![json!({})]]);
    }

    #[test]
    fn what_is_cut_and_what_is_no_json_are_told_apart() {
        for cut in [
            "{",
            "{\"a\": \"b",
            "{\"a\": tru",
            "[{}",
            "{\"a\":1}{\"b\"",
            "{\"a\":\"\\ud83",
            "{\"a\":Na",
        ] {
            assert_eq!(Documents::read(cut.as_bytes()).trouble, Some(Trouble::Cut), "{cut}");
        }

        for wrong in ["<html>", "service down", "{\"a\" 1}", "{\"a\":1} oops"] {
            let trouble = Documents::read(wrong.as_bytes()).trouble;
            assert!(matches!(trouble, Some(Trouble::Wrong(_))), "{wrong}: {trouble:?}");
        }

        assert_eq!(Documents::read(b"{\"a\":1} oops").values, [json!({ "a": 1 })]);
    }

    #[test]
    fn numbers_that_are_none_count_for_nothing() {
        let text = br#"{"a": NaN, "b": -Infinity, "c": 1e999, "d": None, "e": [1, .5], "f": "NaN \" 1e999"}"#;
        let expected = json!({ "a": null, "b": null, "c": null, "d": null, "e": [1, null], "f": "NaN \" 1e999" });
        assert_eq!(values(text), [expected]);
    }

    #[test]
    fn what_lies_too_deep_is_left_out() {
        let deep = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!("{open}\"]\\\"\"{close}")
        };
        for depth in [97, 127, 200, 100_000] {
            let text = format!("{{\"a\": \"x\", \"b\": {}, \"c\": 1}}", deep(depth));
            let found = values(text.as_bytes()).remove(0);
            assert_eq!((&found["a"], &found["c"]), (&json!("x"), &json!(1)), "{depth}");
        }
        let cut = format!("{{\"a\": {}", "[".repeat(200));
        assert_eq!(Documents::read(cut.as_bytes()).trouble, Some(Trouble::Cut));
    }

    #[test]
    fn escapes_and_commas_that_json_lacks_are_read() {
        let text =
            br#"{"a": "it\'s \d \u12 \x41 \n", "b": [1, 2, ], "c": {"d": 1 , }, "e": ",]",}"#;
        let expected =
            json!({ "a": "it's \\d \\u12 \\x41 \n", "b": [1, 2], "c": { "d": 1 }, "e": ",]" });
        assert_eq!(values(text), [expected]);
    }

    #[test]
    fn a_raw_line_end_within_a_string_is_read() {
        assert_eq!(values(b"{\"a\": \"x\ny\tz\"}"), [json!({ "a": "x\ny\tz" })]);
    }

    fn text(parts: &[&[u8]]) -> String {
        let halves: Vec<String> = parts
            .iter()
            .flat_map(|part| values(part))
            .map(|value| value["a"].as_str().expect("a text").to_owned())
            .collect();
        join(&halves.concat())
    }

    #[test]
    fn halves_of_a_character_are_joined() {
        let high = b"{\"a\": \"x\\ud83d\"}";
        let low = b"{\"a\": \"\\ude00y\"}";
        assert_eq!(text(&[high, low]), "x\u{1f600}y");
        assert_eq!(text(&[high]), "x\u{fffd}");
        assert_eq!(text(&[low, high]), "\u{fffd}yx\u{fffd}");

        assert_eq!(
            text(&[b"{\"a\": \"\\ud83d\\ude00 \\ud83d \\\\ud83d\"}"]),
            "\u{1f600} \u{fffd} \\ud83d"
        );

        let one = b"{\"a\": \"x\xf0\x9f\"}".as_slice();
        let other = b"{\"a\": \"\x98\x80y\"}".as_slice();
        assert_eq!(text(&[one, other]), "x\u{1f600}y");
        assert_eq!(text(&[one]), "x\u{fffd}");
    }
}
