//! Keys of maps that are reserved words, and texts that describe a function as in Python.

use super::{ForeignPiece, ForeignText};
use crate::script::lexer::LexemeClass;

/// Tells whether the word at a place is the key of a map that is written out.
pub(in crate::script) fn is_key(text: &str, line: usize, column: usize) -> bool {
    let pieces = ForeignText::of(text);
    pieces.at(line, column).is_some_and(|at| pieces.is_key(at))
}

/// Tells whether what stands at a place follows a text that is the first thing in a function.
pub(in crate::script) fn follows_docstring(text: &str, line: usize, column: usize) -> bool {
    let pieces = ForeignText::of(text);
    let Some(at) = pieces.at(line, column) else { return false };
    // A text in three quotes is three texts.
    let is_text = |piece: &&ForeignPiece<'_>| piece.class == LexemeClass::Text;
    let texts = pieces.all[..at].iter().rev().take_while(is_text).count();
    let Some(open) = at.checked_sub(texts + 1).filter(|_| texts > 0) else { return false };

    let opens = pieces.said(open) == "{" && !pieces.is_beside(at - 1, at);
    let close = open.checked_sub(1).and_then(|before| pieces.all[before].partner);
    opens && close.is_some_and(|params| pieces.opens_parameters(params))
}

impl ForeignText<'_> {
    /// Returns the piece that begins at a place.
    fn at(&self, line: usize, column: usize) -> Option<usize> {
        let begins = |piece: &ForeignPiece<'_>| {
            let head = self.text[..piece.start].rfind('\n').map_or(0, |at| at + 1);
            self.text[head..piece.start].chars().count() + 1 == column
        };
        let first = self.all.partition_point(|piece| piece.line < line);
        let here = self.all[first..].iter().take_while(|piece| piece.line == line);
        here.zip(first..).find(|(piece, _)| begins(piece)).map(|(_, at)| at)
    }

    /// Tells whether a word is the key of a map that is written out.
    pub(super) fn is_key(&self, at: usize) -> bool {
        let Some(open) = self.all[at].opened_by else { return false };
        let is_map = self.said(open) == "{" && self.before(open) == "#";
        is_map && self.said(at + 1) == ":" && matches!(self.before(at), "{" | ",")
    }
}
