//! Colours of what is typed.

use crate::cli::command::repl::complete::KEYWORDS;
use crate::script::reference::lexer::{LexemeClass, scan};
use std::collections::BTreeSet;

const MAGENTA: &str = "35";
const CYAN: &str = "36";
const GREEN: &str = "32";
const YELLOW: &str = "33";
pub(super) const DIM: &str = "2";
pub(super) const BOLD: &str = "1";

/// Colours a text.
pub(super) fn paint(text: &str, code: &str) -> String {
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Colours an input; `words` are those that kaizen knows.
pub(super) fn highlight(line: &str, words: &BTreeSet<String>) -> String {
    let command = line
        .strip_prefix(':')
        .map_or(0, |rest| 1 + rest.find(char::is_whitespace).unwrap_or(rest.len()));

    let mut shown = String::with_capacity(line.len() * 2);
    if command > 0 {
        shown.push_str(&paint(&line[..command], BOLD));
    }

    let code = &line[command..];
    for piece in scan(code).0 {
        let text = &code[piece.start..piece.end];
        let color = match piece.class {
            LexemeClass::Word if KEYWORDS.contains(&text) => Some(MAGENTA),
            LexemeClass::Word if words.contains(text) => Some(CYAN),
            LexemeClass::Number => Some(YELLOW),
            LexemeClass::Text => Some(GREEN),
            LexemeClass::Comment => Some(DIM),
            LexemeClass::Word | LexemeClass::Other => None,
        };

        match color {
            // A colour does not reach over the end of a line.
            Some(color) => {
                let lines: Vec<String> = text.split('\n').map(|line| paint(line, color)).collect();
                shown.push_str(&lines.join("\n"));
            }
            None => shown.push_str(text),
        }
    }

    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_added() {
        let words = BTreeSet::from(["branch".to_owned()]);
        for line in ["let b = branch(\"x\"); // ä", ":doc fork", "`a\n${b}\nc", ":", "1..2 'c'"] {
            let shown = highlight(line, &words);
            let mut bare = String::new();
            let mut letters = shown.chars();
            while let Some(letter) = letters.next() {
                if letter == '\x1b' {
                    letters.find(|c| *c == 'm');
                } else {
                    bare.push(letter);
                }
            }

            assert_eq!(bare, line);
        }

        assert!(highlight("let x", &words).starts_with("\x1b[35mlet\x1b[0m"));
        assert!(highlight("branch()", &words).starts_with("\x1b[36mbranch\x1b[0m"));
    }
}
