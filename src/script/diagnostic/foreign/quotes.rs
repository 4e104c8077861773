//! Texts as other languages quote them: `f".."`, `'..'`, three quotes.

use super::tables::PREFIXES;
use super::{ForeignSpan, ForeignText};
use crate::script::lexer::LexemeClass;

impl ForeignText<'_> {
    /// A text in three quotes: here two quotes within a text stand for one.
    pub(super) fn triple(&self, at: usize) -> Option<ForeignSpan> {
        let is_first = at == 0 || !self.is_joined(at - 1);
        let is_triple =
            self.said(at) == "\"\"" && self.is_joined(at) && self.said(at + 1).starts_with('"');

        let message = "three quotes begin a text that starts with a quote".to_owned();
        let help = "write a text of several lines in backticks";
        (is_first && is_triple).then(|| (at, at + 1, message, help))
    }

    /// Tells whether a place lies between three quotes and three more: within a text of Python.
    fn is_in_triple(&self, start: usize) -> bool {
        self.triples.partition_point(|&triple| triple + 3 <= start) % 2 == 1
    }

    /// Tells whether a text ends with the quote that it begins with.
    fn is_closed(&self, at: usize, quote: char) -> bool {
        let said = self.said(at);
        said.len() > 1 && said.ends_with(quote)
    }

    /// Strings: `f".."`, `'..'`.
    pub(super) fn quotes(&self, at: usize) -> Option<ForeignSpan> {
        let piece = &self.all[at];
        let quote = |at: usize| self.said(at).chars().next().filter(|c| matches!(c, '"' | '\''));

        if piece.class == LexemeClass::Word
            && self.is_joined(at)
            && !self.is_in_triple(piece.start)
            && quote(at + 1).is_some_and(|quote| self.is_closed(at + 1, quote))
            && let Some((_, help)) =
                PREFIXES.iter().find(|(prefix, _)| prefix.eq_ignore_ascii_case(piece.said))
        {
            let has_digits = self.said(at + 1).contains(":.");
            let help = if has_digits { "write `` `${format(x, 2)}` ``" } else { help };
            let message = format!("`{}` before a text has no meaning in kaizen", piece.said);
            return Some((at, at + 1, message, help));
        }

        if piece.class != LexemeClass::Text {
            return None;
        }
        let is_prefixed = at > 0 && self.is_joined(at - 1) && self.is_word(at - 1);
        let quoted = piece.said;
        let inner = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
        let letters = inner.chars().count();
        let is_letter = letters == 1 || inner.starts_with('\\');
        let message = || "single quotes hold one character".to_owned();
        let help = "write a text in double quotes: `\"..\"`";
        (!is_letter && !is_prefixed).then(|| (at, at, message(), help))
    }
}
