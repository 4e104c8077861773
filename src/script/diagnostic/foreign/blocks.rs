//! Blocks as other languages write them: `catch (E as e)`, `let x = try { .. }`, `if x then`, `default => ..`.

use super::{ForeignSpan, ForeignText};

impl ForeignText<'_> {
    pub(super) fn block(&self, at: usize) -> Option<ForeignSpan> {
        if !self.is_word(at) || self.before(at) == "." {
            return None;
        }
        match self.said(at) {
            "catch" => self.caught(at),
            "try" if matches!(self.before(at), "=" | "return" | "(" | ",") => {
                let message = "`try` is a statement and has no value".to_owned();
                let help = "write `let r = attempt(|| ..);`, then `r.ok`, `r.value` and `r.error`";
                Some((at, at, message, help))
            }
            "then" | "do" if self.follows_value(at) => self.worded(at),
            "default" if self.said(at + 1) == "=" && self.said(at + 2) == ">" => {
                let message = "`default` is from another language".to_owned();
                Some((at, at, message, "write `_ => ..` for all other values"))
            }
            _ => None,
        }
    }

    /// An empty block where a value stands: an empty map of other languages.
    pub(super) fn empty(&self, at: usize) -> Option<ForeignSpan> {
        let before = self.before(at);
        let is_arrow = at >= 2 && before == "=" && matches!(self.said(at - 2), "=" | ">");
        let is_value = matches!(before, "=" | "(" | "," | "[" | "return" | ":") && !is_arrow;

        let is_empty = self.said(at) == "{" && self.said(at + 1) == "}";
        let message = "`{}` is an empty block, whose value is `()`".to_owned();
        let help = "write `#{}` for an empty map";
        (is_empty && is_value).then_some((at, at + 1, message, help))
    }

    /// `catch (E as e)`, `catch (E e)`, `catch e`.
    fn caught(&self, at: usize) -> Option<ForeignSpan> {
        let last = if self.said(at + 1) == "(" {
            let close = self.close(at + 1)?;
            (close > at + 3).then_some(close)?
        } else {
            self.is_word(at + 1).then_some(at + 1)?
        };
        let message = "`catch` takes one name in brackets, and catches every failure".to_owned();
        let help = "write `catch (e) { .. }`; `failure(e).kind` says what kind of failure it is";
        Some((at, last, message, help))
    }

    /// `if x then`, `for x in list do`.
    fn worded(&self, at: usize) -> Option<ForeignSpan> {
        let heads: &[&str] =
            if self.said(at) == "then" { &["if", "elif"] } else { &["for", "until", "while"] };
        let begins = |&before: &usize| {
            heads.contains(&self.said(before))
                && self.is_beside(before, at)
                && self.all[before].opened_by == self.all[at].opened_by
        };
        Self::preceding(at).find(begins)?;
        let message = format!("`{}` begins no block", self.said(at));
        let help = "write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`";
        Some((at, at, message, help))
    }
}
