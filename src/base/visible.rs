//! What may be written to a terminal. Scripts, models and servers choose much of what kaizen shows, and
//! a terminal obeys some characters instead of showing them: it moves, deletes, recolours or reorders
//! what people read. Here they are made visible.

use crate::base::rng::Rng;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
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
    // Most texts are plain at a glance.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Cow::Borrowed(text);
    }
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

/// Returns a path as people may see it, on one line.
pub fn shown_path(path: &Path) -> String {
    on_one_line(&path.to_string_lossy()).into_owned()
}

/// Returns a path as people may type it behind a command.
pub fn typed_path(path: &Path) -> String {
    let shown = shown_path(path);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@,%".contains(c);
    if !shown.is_empty() && shown.chars().all(is_plain) {
        return shown;
    }

    format!("'{}'", shown.replace('\'', "'\\''"))
}

/// Makes a message of several lines one of which the first alone begins at the edge, where lines of kaizen's own
/// begin.
pub fn indented(text: &str) -> Cow<'_, str> {
    let mut lines = text.trim_end().lines();
    let first = lines.next().unwrap_or_default();
    let further: Vec<&str> = lines.collect();
    if further.is_empty() {
        return Cow::Borrowed(text);
    }

    let indented = |line: &&str| match line.chars().next() {
        Some(c) if c != ' ' => format!("\n    {line}"),
        _ => format!("\n{line}"),
    };
    let further: String = further.iter().map(indented).collect();
    Cow::Owned(format!("{first}{further}"))
}

/// Makes a text of several lines one whose further lines are not taken for lines of kaizen's own.
pub fn hanging(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

/// Escapes within the strings of a text of JSON what JSON itself leaves as it is.
pub fn in_json(json: &str) -> Cow<'_, str> {
    // Between strings there are only line feeds and spaces.
    if !json.contains(|c| is_active(c, true)) {
        return Cow::Borrowed(json);
    }

    let mut text = String::with_capacity(json.len());
    for (c, is_active) in characters(json, true) {
        if is_active {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }

    Cow::Owned(text)
}

/// Takes out of a text what a reader does not see or a terminal obeys, and tells how many characters it
/// was. Lines and tabs stay.
pub fn without_invisible(text: &str) -> (Cow<'_, str>, usize) {
    if !text.contains(|c| is_active(c, true) || c == MARK) {
        return (Cow::Borrowed(text), 0);
    }

    let text = text.replace("\r\n", "\n");
    let mut clean = String::with_capacity(text.len());
    let mut taken_out = 0;
    for (c, is_active) in characters(&text, true) {
        if is_active || c == MARK {
            taken_out += 1;
        } else {
            clean.push(c);
        }
    }

    (Cow::Owned(clean), taken_out)
}

fn escaped(text: &str, keeps_lines: bool) -> String {
    let mut safe = String::with_capacity(text.len());

    for (c, is_active) in characters(text, keeps_lines) {
        match c {
            _ if !is_active && c != MARK => safe.push(c),
            '\n' | '\r' | '\t' => safe.extend(c.escape_default()),
            _ => safe.extend(c.escape_unicode()),
        }
    }

    safe
}

/// Returns the characters of a text, and of each whether it has to be made visible there.
fn characters(text: &str, keeps_lines: bool) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    let mut rest = text.chars();

    std::iter::from_fn(move || {
        let c = rest.next()?;
        let is_escaped = is_active(c, keeps_lines) && !belongs(before, c, rest.clone().next());
        before = Some(c);
        Some((c, is_escaped))
    })
}

/// Tells whether a terminal, or the one who reads it, may take a character for something else than it
/// is: commands, and what changes the order of letters or cannot be seen.
fn is_active(c: char, keeps_lines: bool) -> bool {
    match c {
        '\n' | '\t' => !keeps_lines,
        // Ends of lines, and notes between the lines, that are no control characters.
        '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' => true,
        other => other.is_control() || is_ignorable(other),
    }
}

/// Tells whether Unicode has a character left out where it is not supported, so that nobody sees it:
/// `Default_Ignorable_Code_Point` of Unicode 16, with what is kept for it.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Tells whether an invisible character does between its neighbours what it is there for: it joins the
/// parts of one picture, says how a sign is drawn, or how letters of scripts that join are written.
fn belongs(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };

    match c {
        '\u{fe0e}' | '\u{fe0f}' => {
            is_picture(before) || after == Some('\u{20e3}') && "0123456789#*".contains(before)
        }
        '\u{200c}' | '\u{200d}' => after.is_some_and(|after| {
            is_joining(before) && is_joining(after)
                || c == '\u{200d}'
                    && (is_picture(before) || before == '\u{fe0f}')
                    && is_picture(after)
        }),
        _ => false,
    }
}

/// Tells whether a character is drawn as a picture.
fn is_picture(c: char) -> bool {
    matches!(
        c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{3030}'
            | '\u{303d}' | '\u{3297}' | '\u{3299}'
            | '\u{2190}'..='\u{2bff}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

/// Tells whether a letter is one of Arabic or of a script of India, in which joiners change what is read.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{900}'..='\u{dff}')
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
            ("a\u{ad}b\u{34f}\u{3164}\u{ffa0}", "a\\u{ad}b\\u{34f}\\u{3164}\\u{ffa0}"),
            ("\u{115f}\u{1160}\u{17b4}\u{180c}", "\\u{115f}\\u{1160}\\u{17b4}\\u{180c}"),
            ("a\u{fe0f}\u{fe00}\u{e0100}", "a\\u{fe0f}\\u{fe00}\\u{e0100}"),
            ("a\u{200d}b\u{200c}\u{1d173}", "a\\u{200d}b\\u{200c}\\u{1d173}"),
            // What joins or draws a picture, or is written so in its script, stays.
            (
                "\u{2764}\u{fe0f}\u{200d}\u{1f525} 1\u{fe0f}\u{20e3}",
                "\u{2764}\u{fe0f}\u{200d}\u{1f525} 1\u{fe0f}\u{20e3}",
            ),
            (
                "\u{645}\u{6cc}\u{200c}\u{62e} \u{915}\u{94d}\u{200d}\u{937}",
                "\u{645}\u{6cc}\u{200c}\u{62e} \u{915}\u{94d}\u{200d}\u{937}",
            ),
            ("1\u{fe0f}2 \u{1f525}\u{200d}a", "1\\u{fe0f}2 \u{1f525}\\u{200d}a"),
            ("\u{fdd0}0;31m", "\\u{fdd0}0;31m"),
        ] {
            assert_eq!(shown(text), expected);
        }

        assert_eq!(on_one_line("a\nb\tc\u{1b}[m"), "a\\nb\\tc\\u{1b}[m");
    }

    #[test]
    fn further_lines_of_a_message_begin_at_no_edge() {
        for (text, expected) in [
            ("error: one\n", "error: one\n"),
            ("error: x\nok: y", "error: x\n    ok: y"),
            ("error: x\r\nok: y\n   help: z\n", "error: x\n    ok: y\n   help: z"),
            ("note: x\n\n\tok", "note: x\n\n    \tok"),
        ] {
            assert_eq!(indented(text), expected);
        }
    }

    #[test]
    fn a_path_is_typed_as_a_shell_reads_it() {
        let paths = ["a/b-1.rhai", "two words.rhai", "it's.rhai", "x\nerror.rhai", "", "$(x)"];
        expect_test::expect![[r#"
            a/b-1.rhai
            'two words.rhai'
            'it'\''s.rhai'
            'x\nerror.rhai'
            ''
            '$(x)'"#]]
        .assert_eq(&paths.map(|path| typed_path(Path::new(path))).join("\n"));
    }

    #[test]
    fn escapes_of_kaizens_own_pass_and_no_others() {
        assert_eq!(shown(&painted("x\u{1b}[8m", "31")), "\u{1b}[31mx\\u{1b}[8m\u{1b}[0m");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "a\u{9b}": ["\u{7f}\u{202e}", "\u{e0041}\u{ad}\u{3164}", "\u{1b}ä\n"] });
        for text in [value.to_string(), serde_json::to_string_pretty(&value).expect("plain data")] {
            let safe = in_json(&text);
            assert!(!safe.contains(|c| is_active(c, true)), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"), value);
        }
    }
}
