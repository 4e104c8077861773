//! What may be written to a terminal. Scripts, models and servers choose much of what kaizen shows, and
//! a terminal obeys some characters instead of showing them: it moves, deletes, recolours or reorders
//! what people read. Here they are made visible.

use crate::base::rng::Rng;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// Stands before the word that marks an escape of kaizen's own.
const MARK: char = '\u{fdd0}';
/// What begins every command to a terminal.
const ESCAPE: char = '\u{1b}';

/// Returns the mark of escapes that are kaizen's own. Nobody who writes a script or a reply knows it.
fn mark() -> &'static str {
    static WORD: OnceLock<String> = OnceLock::new();
    WORD.get_or_init(|| format!("{MARK}{:016x};", Rng::from_entropy().next_u64()))
}

/// Marks the escapes in a text as kaizen's own, so that `shown` lets them pass.
pub fn own(text: &str) -> String {
    text.replace(ESCAPE, mark())
}

/// Writes a text between a command to the terminal, such as `31` for red, and the one that ends it.
pub fn painted(text: &str, code: &str) -> String {
    format!("{}{text}{}", own(&format!("{ESCAPE}[{code}m")), own("\u{1b}[0m"))
}

/// Makes a text one that may be written to a terminal: lines and tabs stay, and so do the escapes of
/// kaizen's own.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_active(c, true) || c == MARK) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    let parts = text.split(mark()).map(|part| escaped(part, true));
    Cow::Owned(parts.collect::<Vec<_>>().join("\u{1b}"))
}

/// Makes a name or a value one that stays on its line.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_active(c, false)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(escaped(text, false))
}

/// Escapes within the strings of a text of JSON what JSON itself leaves as it is.
pub fn in_json(json: &str) -> Cow<'_, str> {
    // Between strings there are only line feeds and spaces.
    if !json.contains(|c| is_active(c, true)) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_active(c, true) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

fn escaped(text: &str, keeps_lines: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if !is_active(c, keeps_lines) && c != MARK => safe.push(c),
            '\n' | '\r' | '\t' => safe.extend(c.escape_default()),
            _ => safe.extend(c.escape_unicode()),
        }
    }
    safe
}

/// Tells whether a terminal, or the one who reads it, may take a character for something else than it
/// is: commands, and what changes the order of letters or cannot be seen.
fn is_active(c: char, keeps_lines: bool) -> bool {
    match c {
        '\n' | '\t' => !keeps_lines,
        '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{feff}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_made_visible() {
        for (text, expected) in [
            ("plain ä 日本 👩‍👩‍👧", "plain ä 日本 👩‍👩‍👧"),
            ("two\n\tlines\r\n", "two\n\tlines\n"),
            ("\u{1b}[2K\rinnocent", "\\u{1b}[2K\\rinnocent"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}]8;;http://evil\u{1b}\\x", "\\u{1b}]8;;http://evil\\u{1b}\\x"),
            ("a\u{8}b\u{7f}c\u{0}", "a\\u{8}b\\u{7f}c\\u{0}"),
            ("\u{9b}31m\u{90}q\u{85}", "\\u{9b}31m\\u{90}q\\u{85}"),
            ("user\u{202e}txt.exe\u{202c}", "user\\u{202e}txt.exe\\u{202c}"),
            ("\u{2066}a\u{2069}\u{200f}\u{61c}", "\\u{2066}a\\u{2069}\\u{200f}\\u{61c}"),
            ("pay\u{200b}pal\u{feff}\u{e0041}", "pay\\u{200b}pal\\u{feff}\\u{e0041}"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("\u{fdd0}0;31m", "\\u{fdd0}0;31m"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(on_one_line("a\nb\tc\u{1b}[m"), "a\\nb\\tc\\u{1b}[m");
    }

    #[test]
    fn escapes_of_kaizens_own_pass_and_no_others() {
        assert_eq!(shown(&painted("x\u{1b}[8m", "31")), "\u{1b}[31mx\\u{1b}[8m\u{1b}[0m");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "a\u{9b}": ["\u{7f}\u{202e}", "\u{e0041}", "\u{1b}ä\n"] });
        for text in [value.to_string(), serde_json::to_string_pretty(&value).expect("plain data")] {
            let safe = in_json(&text);
            assert!(!safe.contains(|c| is_active(c, true)), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"), value);
        }
    }
}
