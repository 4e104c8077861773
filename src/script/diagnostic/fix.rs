//! Changes of a script that mend what a diagnostic says: those that are certain enough to be made by an
//! editor when somebody asks for it.

use crate::base::failure::Place;
use crate::script::lexer::{LexemeClass, scan};
use std::ops::Range;

/// A change that mends what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuickFix {
    /// This text stands in the place of what is meant.
    Instead(String),
    /// This line stands above the line of the place, indented as that is.
    LineAbove(String),
    /// This text ends what comes before the place, over spaces and comments.
    EndBefore(&'static str),
    /// This text stands in the place of others.
    At {
        /// Their line, from 1.
        line: usize,
        /// The column of the first of them, from 1.
        column: usize,
        /// How many characters there are; with none, the text is inserted.
        width: usize,
        /// The text.
        text: String,
    },
}

/// What somebody may have meant: in words, and as changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::script) struct Suggestion {
    pub(in crate::script) help: String,
    pub(in crate::script) fixes: Vec<QuickFix>,
}

impl Suggestion {
    /// Suggests one word in the place of what is meant.
    pub(in crate::script) fn word(near: &str) -> Suggestion {
        let fixes = vec![QuickFix::Instead(near.to_owned())];
        Suggestion { help: format!("did you mean `{near}`?"), fixes }
    }

    /// Suggests another text in the place of a string.
    pub(in crate::script) fn text(near: &str) -> Suggestion {
        let fixes = vec![QuickFix::Instead(format!("\"{near}\""))];
        Suggestion { fixes, ..Suggestion::word(near) }
    }
}

impl From<String> for Suggestion {
    fn from(help: String) -> Suggestion {
        Suggestion { help, fixes: Vec::new() }
    }
}

impl QuickFix {
    /// Says what the change does.
    pub fn title(&self) -> String {
        match self {
            QuickFix::LineAbove(text) => format!("insert `{text}` above"),
            QuickFix::EndBefore(text) => format!("insert `{text}`"),
            QuickFix::At { width: 0, text, .. } => format!("insert `{}`", text.trim()),
            QuickFix::Instead(text) | QuickFix::At { text, .. } => format!("change to `{text}`"),
        }
    }

    /// Returns the bytes of a text that the change replaces, and by what. `text` is the one in which something was
    /// found at a place, this many characters wide, however its lines end.
    pub fn change(
        &self,
        text: &str,
        place: &Place,
        width: usize,
    ) -> Option<(Range<usize>, String)> {
        let start = byte_at(text, place.line, place.column)?;

        Some(match self {
            QuickFix::Instead(new) => {
                let end = byte_at(text, place.line, place.column + width)?;
                (start..end, new.clone())
            }
            QuickFix::LineAbove(new) => {
                let head = text[..start].rfind('\n').map_or(0, |at| at + 1);
                let line = &text[head..];
                let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
                (head..head, format!("{indent}{new}\n"))
            }
            QuickFix::EndBefore(new) => {
                let end = end_before(text, start);
                (end..end, (*new).to_owned())
            }
            QuickFix::At { line, column, width, text: new } => {
                let at = byte_at(text, *line, *column)?;
                (at..byte_at(text, *line, column + width)?, new.clone())
            }
        })
    }
}

/// Returns where what stands before a byte ends, over spaces and comments.
fn end_before(text: &str, start: usize) -> usize {
    let pieces = scan(text).0;
    let is_code =
        |class: LexemeClass, said: &str| class != LexemeClass::Comment && !said.trim().is_empty();
    let before = pieces.iter().rev().filter(|piece| piece.end <= start);
    let mut code = before.filter(|piece| is_code(piece.class, &text[piece.start..piece.end]));
    code.next().map_or(0, |piece| piece.end)
}

/// Returns the byte of a line and a column, both from 1 and in characters; a column beyond the end of its
/// line is that end.
pub fn byte_at(text: &str, line: usize, column: usize) -> Option<usize> {
    let mark = text.len() - text.trim_start_matches('\u{feff}').len();
    let text = &text[mark..];
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text[start..].split('\n').next()?.trim_end_matches('\r');
    let inside = rest.char_indices().nth(column.checked_sub(1)?).map_or(rest.len(), |(at, _)| at);
    Some(mark + start + inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a change at a line and a column.
    fn mended(text: &str, (line, column, width): (usize, usize, usize), fix: &QuickFix) -> String {
        let place = Place { file: "s.rhai".to_owned(), line, column };
        let (range, new) = fix.change(text, &place, width).unwrap();
        format!("{}{new}{}", &text[..range.start], &text[range.end..])
    }

    #[test]
    fn a_change_stands_where_it_is_meant() {
        let instead = QuickFix::Instead("fork".to_owned());
        let above = QuickFix::LineAbove("/// @override".to_owned());
        let after = QuickFix::At { line: 1, column: 4, width: 0, text: " let i = i;".to_owned() };

        let cases = [
            ("let ä = b.frok();\r\n", (1, 11, 4), &instead, "let ä = b.fork();\r\n"),
            ("\u{feff}frok()", (1, 1, 4), &instead, "\u{feff}fork()"),
            ("😀\n  fn max() {}", (2, 6, 3), &above, "😀\n  /// @override\n  fn max() {}"),
            (
                "let a = 1 // one\n\nlet b",
                (3, 1, 3),
                &QuickFix::EndBefore(";"),
                "let a = 1; // one\n\nlet b",
            ),
            ("x {}", (1, 1, 1), &after, "x { let i = i;}"),
            ("frok", (1, 1, 99), &instead, "fork"),
        ];
        for (text, place, fix, expected) in cases {
            assert_eq!(mended(text, place, fix), expected, "{text:?}");
        }
    }

    #[test]
    fn a_place_beyond_the_text_is_none_or_its_end() {
        assert_eq!(byte_at("a\nb", 2, 9), Some(3));
        assert_eq!(byte_at("a", 7, 1), Some(1));
        assert_eq!(byte_at("a", 0, 1), None);
    }
}
