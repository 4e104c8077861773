//! What stands around a piece of a script, by which one knows how it is meant.

use super::{ForeignText, LOOK_MAX};
use crate::script::lexer::LexemeClass;

impl ForeignText<'_> {
    /// Tells whether a `for` stands before a piece, within the same brackets.
    pub(super) fn is_comprehension(&self, at: usize) -> bool {
        let bracket = self.all[at].opened_by;
        let before = self.all[..at].iter().rev().take(LOOK_MAX);
        bracket.is_some()
            && self.bracket(at) != "{"
            && before.filter(|piece| piece.opened_by == bracket).any(|piece| piece.said == "for")
    }

    /// Tells whether an `if` says when an arm of a `switch` is taken.
    pub(super) fn guards(&self, at: usize) -> bool {
        at >= 2 && self.bracket(at) == "{" && matches!(self.said(at - 2), "{" | ",")
    }

    /// Tells whether an `as` names what is imported or exported.
    pub(super) fn names_import(&self, at: usize) -> bool {
        at >= 2 && matches!(self.said(at - 2), "import" | "export")
    }

    /// Tells whether a text stands behind a word, and no comparison before it: what is meant is a default.
    pub(super) fn gives_default(&self, at: usize) -> bool {
        let is_text = self.all.get(at + 1).is_some_and(|piece| piece.class == LexemeClass::Text);
        let compares = at >= 2 && matches!(self.said(at - 2), "=" | "<" | ">");
        is_text && !compares
    }
}
