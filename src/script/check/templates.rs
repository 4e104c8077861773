//! Escapes in texts in backticks, which mean nothing there.

use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::templates;
use rhai::Position;

/// What follows the backslash of an escape that people mean.
const ESCAPES: &[char] = &['n', 't', 'r', '"', '`', '\\'];

impl Checker<'_> {
    /// Finds escapes in texts in backticks; one for each text is enough.
    pub(super) fn templates(&mut self, file: &File<'_>) {
        for (at, escape) in escapes(file.text) {
            let before = &file.text[..at];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            let (Ok(line), Ok(column)) = (u16::try_from(line), u16::try_from(column)) else {
                continue;
            };

            let message =
                format!("`\\{escape}` in backticks is a backslash and a {}", word(escape));
            let position = Position::new(line, column);
            let fault = Diagnostic::at(codes::ESCAPE, message, file.name, file.text, position);

            let help = match escape {
                'n' => "write a real line break, or use double quotes: \"..\\n..\"".to_owned(),
                _ => format!(
                    "write it without the backslash, or use double quotes: \"..\\{escape}..\""
                ),
            };

            self.push(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

fn word(escape: char) -> String {
    match escape {
        '"' => "quote".to_owned(),
        '`' => "backtick".to_owned(),
        '\\' => "second one".to_owned(),
        letter => format!("`{letter}`"),
    }
}

/// Finds the first escape of each piece of text in backticks, with its place in bytes.
fn escapes(text: &str) -> Vec<(usize, char)> {
    let mut found = Vec::new();

    for template in templates(text) {
        let mut letters = text[template.clone()].char_indices();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\'
                && let Some((_, next)) = letters.next()
                && ESCAPES.contains(&next)
            {
                found.push((template.start + at, next));
                break;
            }
        }
    }

    found
}
