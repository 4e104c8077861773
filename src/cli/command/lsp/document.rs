//! A text that is open in the editor.

use crate::cli::command::check;
use crate::cli::command::lsp::position::LineIndex;
use lsp_types::{Position, Range, TextDocumentContentChangeEvent};
use std::ops::Range as Bytes;
use std::path::PathBuf;

/// What a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// A script.
    Script,
    /// A kaizen.toml.
    Settings,
    /// Something else, of which nothing is known.
    Other,
}

/// A text with its lines.
#[derive(Debug, Clone)]
pub(super) struct Document {
    /// As the client names it.
    pub(super) uri: String,
    /// Where it is, or would be.
    pub(super) path: PathBuf,
    /// Which state of it this is.
    pub(super) version: Option<i32>,
    /// The text.
    pub(super) text: String,
    /// Its lines.
    pub(super) lines: LineIndex,
}

impl Document {
    /// Opens a text.
    pub(super) fn new(uri: String, path: PathBuf, version: Option<i32>, text: String) -> Document {
        let lines = LineIndex::of(&text);
        Document { uri, path, version, text, lines }
    }

    /// Says what it holds, by the name of its file.
    pub(super) fn kind(&self) -> DocumentKind {
        if self.path.extension().is_some_and(|ending| ending == "rhai") {
            DocumentKind::Script
        } else if self.path.file_name().is_some_and(|name| name == "kaizen.toml") {
            DocumentKind::Settings
        } else {
            DocumentKind::Other
        }
    }

    /// Says that it is too long to be looked into, if it is.
    pub(super) fn too_long(&self) -> Option<String> {
        check::too_long(self.text.len() as u64)
    }

    /// Tells whether it is too long to be looked into.
    pub(super) fn is_too_long(&self) -> bool {
        self.too_long().is_some()
    }

    /// Changes the text.
    pub(super) fn change(&mut self, change: TextDocumentContentChangeEvent) {
        match change.range {
            Some(range) => {
                let start = self.byte(range.start);
                let end = self.byte(range.end).max(start);
                self.text.replace_range(start..end, &change.text);
            }
            None => self.text = change.text,
        }
        self.lines = LineIndex::of(&self.text);
    }

    /// Returns the byte of a position.
    pub(super) fn byte(&self, position: Position) -> usize {
        self.lines.byte(&self.text, position)
    }

    /// Returns the range of some bytes.
    pub(super) fn range(&self, bytes: &Bytes<usize>) -> Range {
        self.lines.range(&self.text, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(range: Option<[u32; 4]>, text: &str) -> TextDocumentContentChangeEvent {
        let range = range.map(|[a, b, c, d]| Range::new(Position::new(a, b), Position::new(c, d)));
        TextDocumentContentChangeEvent { range, range_length: None, text: text.to_owned() }
    }

    #[test]
    fn changes_follow_one_another() {
        let mut document =
            Document::new("file:///a.rhai".into(), "/a.rhai".into(), None, "😀 a\r\nb".into());
        let steps = [
            (change(Some([0, 3, 0, 4]), "x"), "😀 x\r\nb"),
            (change(Some([0, 0, 0, 2]), ""), " x\r\nb"),
            (change(Some([0, 99, 1, 0]), "\n"), " x\nb"),
            (change(Some([7, 0, 9, 9]), "\nend"), " x\nb\nend"),
            // A range that runs backwards inserts.
            (change(Some([1, 1, 0, 0]), "!"), " x\nb!\nend"),
            (change(None, "new"), "new"),
        ];
        for (change, expected) in steps {
            document.change(change);
            assert_eq!(document.text, expected);
            assert_eq!(document.lines, LineIndex::of(expected));
        }
    }
}
