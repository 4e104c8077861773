//! A script as pieces without spaces and comments, with the brackets that belong together.

use crate::script::lexer::{Lexeme, LexemeClass, scan};
use std::ops::Range;

/// The keywords of the language.
pub const KEYWORDS: &[&str] = &[
    "let", "const", "fn", "if", "else", "switch", "while", "loop", "do", "until", "for", "in",
    "continue", "break", "return", "throw", "try", "catch", "import", "export", "as", "private",
    "this", "true", "false",
];

/// A script as pieces. Places are indices of pieces; a place beyond the last is one of no piece.
#[derive(Debug)]
pub struct ScriptCode<'a> {
    /// The text.
    pub text: &'a str,
    /// The pieces, without spaces and comments.
    pieces: Vec<Lexeme>,
    /// The comments.
    pub comments: Vec<Range<usize>>,
    /// The bracket that belongs to each bracket.
    partners: Vec<Option<usize>>,
    /// The innermost bracket that is open at each piece.
    around: Vec<Option<usize>>,
}

impl<'a> ScriptCode<'a> {
    /// Takes a text apart.
    pub fn of(text: &'a str) -> ScriptCode<'a> {
        let mut pieces = Vec::new();
        let mut comments = Vec::new();
        for lexeme in scan(text).0 {
            match lexeme.class {
                LexemeClass::Comment => comments.push(lexeme.start..lexeme.end),
                LexemeClass::Other if text[lexeme.start..lexeme.end].trim().is_empty() => {}
                _ => pieces.push(lexeme),
            }
        }

        let mut partners = vec![None; pieces.len()];
        let mut around = Vec::with_capacity(pieces.len());
        let mut open: Vec<usize> = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let said = &text[piece.start..piece.end];
            let is_code = piece.class == LexemeClass::Other;

            if is_code && matches!(said, ")" | "]" | "}") {
                // A bracket that does not fit closes what is open all the same: somebody types.
                if let Some(first) = open.pop() {
                    partners[first] = Some(at);
                    partners[at] = Some(first);
                }
            }
            around.push(open.last().copied());
            if is_code && matches!(said, "(" | "[" | "{") {
                open.push(at);
            }
        }

        ScriptCode { text, pieces, comments, partners, around }
    }

    /// Returns how many pieces there are.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Returns what stands at a place; nothing beyond the ends.
    pub fn said(&self, at: usize) -> &'a str {
        self.pieces.get(at).map_or("", |piece| &self.text[piece.start..piece.end])
    }

    /// Returns what stands before a place.
    pub fn before(&self, at: usize) -> &'a str {
        at.checked_sub(1).map_or("", |at| self.said(at))
    }

    /// Returns the bytes of a piece.
    pub fn range(&self, at: usize) -> Range<usize> {
        self.pieces.get(at).map_or(self.text.len()..self.text.len(), |piece| piece.start..piece.end)
    }

    /// Returns what a piece is.
    pub fn class(&self, at: usize) -> LexemeClass {
        self.pieces.get(at).map_or(LexemeClass::Other, |piece| piece.class)
    }

    /// Returns the bracket that belongs to one.
    pub fn partner(&self, at: usize) -> Option<usize> {
        self.partners.get(at).copied().flatten()
    }

    /// Returns the byte behind the bracket that closes one; the end of the text where none does.
    pub fn end_of(&self, open: usize) -> usize {
        self.partner(open).map_or(self.text.len(), |close| self.range(close).end)
    }

    /// Returns the innermost open bracket around a piece.
    pub fn around(&self, at: usize) -> Option<usize> {
        self.around.get(at).copied().flatten()
    }

    /// Returns the bracket that is open before a byte, innermost.
    pub fn open_at(&self, byte: usize) -> Option<usize> {
        let before = self.pieces.partition_point(|piece| piece.end <= byte);
        let last = before.checked_sub(1)?;
        match self.said(last) {
            "(" | "[" | "{" if self.class(last) == LexemeClass::Other => Some(last),
            ")" | "]" | "}" if self.class(last) == LexemeClass::Other => {
                self.partner(last).map_or_else(|| self.around(last), |first| self.around(first))
            }
            _ => self.around(last),
        }
    }

    /// Returns how many pieces end at a byte or before it.
    pub fn count_before(&self, byte: usize) -> usize {
        self.pieces.partition_point(|piece| piece.end <= byte)
    }

    /// Returns the piece that a byte lies in, or that ends there.
    pub fn at_byte(&self, byte: usize) -> Option<usize> {
        let next = self.pieces.partition_point(|piece| piece.start <= byte);
        let touches = |at: &usize| self.pieces[*at].end >= byte;
        let here = next.checked_sub(1).filter(touches);

        // At the end of a bracket the word that follows is meant, and after a word that word.
        let before =
            here.and_then(|at| at.checked_sub(1)).filter(|at| self.pieces[*at].end == byte);
        match before {
            Some(before) if !self.is_name(here?) && self.is_name(before) => Some(before),
            _ => here,
        }
    }

    /// Tells whether two pieces that follow one another touch.
    pub fn is_joined(&self, at: usize) -> bool {
        at + 1 < self.len() && self.pieces[at].end == self.pieces[at + 1].start
    }

    /// Tells whether a piece is a word and no keyword.
    pub fn is_name(&self, at: usize) -> bool {
        self.class(at) == LexemeClass::Word && !KEYWORDS.contains(&self.said(at))
    }

    /// Tells whether a bracket opens a map.
    pub fn opens_map(&self, at: usize) -> bool {
        self.said(at) == "{" && at > 0 && self.said(at - 1) == "#" && self.is_joined(at - 1)
    }

    /// Tells whether a bracket opens a block of statements.
    pub fn opens_block(&self, at: usize) -> bool {
        // Within a text in backticks, the code begins with `${`.
        let is_in_text = at > 0 && self.class(at - 1) == LexemeClass::Text && {
            let text = self.said(at - 1);
            text.ends_with('$') && !text.starts_with('"') && self.is_joined(at - 1)
        };
        self.said(at) == "{" && !self.opens_map(at) && !is_in_text
    }

    /// Tells whether two colons end here.
    pub fn ends_path(&self, at: usize) -> bool {
        at > 0 && self.said(at) == ":" && self.said(at - 1) == ":" && self.is_joined(at - 1)
    }

    /// Tells whether a piece is a dot before a property or a method, and none of a range.
    pub fn is_dot(&self, at: usize) -> bool {
        let is_range = at > 0 && self.said(at - 1) == "." && self.is_joined(at - 1)
            || self.said(at + 1) == "." && self.is_joined(at);
        self.said(at) == "." && !is_range
    }

    /// Tells whether a piece is a word after a dot.
    pub fn is_member(&self, at: usize) -> bool {
        at > 0 && self.is_dot(at - 1)
    }

    /// Returns the last piece of the value before the dot of a word.
    pub fn receiver(&self, at: usize) -> Option<usize> {
        let dot = at.checked_sub(1).filter(|dot| self.is_dot(*dot))?;
        self.before_dot(dot)
    }

    /// Returns the last piece of the value before a dot, which may be that of `a?.b`.
    pub fn before_dot(&self, dot: usize) -> Option<usize> {
        let is_optional = self.before(dot) == "?";
        dot.checked_sub(if is_optional { 2 } else { 1 })
    }

    /// Tells whether a word is the key of a map.
    pub fn is_key(&self, at: usize) -> bool {
        let is_first = matches!(self.before(at), "{" | ",");
        let is_named = self.said(at + 1) == ":" && !self.ends_path(at + 2);
        is_first && is_named && self.around(at).is_some_and(|open| self.opens_map(open))
    }

    /// Returns the end of the block around a piece, in bytes; without one, that of the text.
    pub fn block_end(&self, at: usize) -> usize {
        let mut open = self.around(at);
        while let Some(bracket) = open {
            if self.opens_block(bracket) {
                return self.end_of(bracket);
            }
            open = self.around(bracket);
        }
        self.text.len()
    }

    /// Returns the first block that opens after a piece within the same brackets.
    pub fn next_block(&self, at: usize) -> Option<usize> {
        let around = self.around(at);
        let same = (at..self.len()).take_while(|next| self.holds(around, *next));
        let mut same = same.filter(|next| self.around(*next) == around);
        same.find(|next| self.opens_block(*next))
    }

    /// Tells whether a piece lies within a bracket, or in the text if there is none.
    fn holds(&self, bracket: Option<usize>, at: usize) -> bool {
        bracket.is_none_or(|open| at > open && self.partner(open).is_none_or(|end| at < end))
    }

    /// Returns the text of a string that has no code and no escapes in it, and where it stands.
    pub fn string(&self, at: usize) -> Option<(&'a str, Range<usize>)> {
        let quoted = self.said(at);
        let inner = quoted.strip_prefix('"')?;
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        let start = self.range(at).start + 1;
        (!inner.contains('\\')).then(|| (inner, start..start + inner.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_that_belong_together_are_found() {
        let code = ScriptCode::of("f(#{ a: [1, `x ${b}`] }) { c }");
        let open = |said: &str| (0..code.len()).find(|at| code.said(*at) == said);
        let first = open("(");
        assert_eq!(first.and_then(|at| code.partner(at)).map(|at| code.said(at)), Some(")"));
        assert!(code.opens_map(3) && !code.opens_block(3));
        assert!(code.is_key(4));

        let last = code.len() - 3;
        assert!(code.opens_block(last), "{}", code.said(last));
        assert_eq!(code.block_end(last + 1), code.text.len());
    }

    #[test]
    fn a_text_that_is_not_whole_has_pieces_too() {
        let code = ScriptCode::of("f(a, #{ b: ");
        assert_eq!(code.open_at(code.text.len()).map(|at| code.said(at)), Some("{"));
        assert_eq!(ScriptCode::of(")]}").len(), 3);
        assert!(ScriptCode::of("// only a comment").is_empty());
    }
}
