//! Colons of other languages: `f(key: value)` and `${x:.2f}`.

use super::{ForeignSpan, ForeignText};

impl ForeignText<'_> {
    /// Named arguments with a colon, and digits behind one.
    pub(super) fn with_colon(&self, at: usize) -> Option<ForeignSpan> {
        let is_called = self.all[at]
            .opened_by
            .is_some_and(|open| self.follows_value(open) && !self.opens_parameters(open));
        let is_argument = self.is_word(at)
            && self.bracket(at) == "("
            && is_called
            && matches!(self.before(at), "(" | ",");

        if is_argument && self.said(at + 1) == ":" && self.said(at + 2) != ":" {
            let message = format!("`{}:` names an argument", self.said(at));
            let open = self.all[at].opened_by?;
            return Some((at, at + 1, message, self.instead_of_named(at, open)));
        }

        let has_digits = self.said(at) == ":"
            && self.is_joined(at)
            && self.said(at + 1).starts_with('.')
            && self.follows_value(at);
        if has_digits && self.bracket(at) == "{" {
            let message = "`:.2f` does not format a number here".to_owned();
            return Some((at, at + 1, message, "write `${format(x, 2)}`"));
        }
        None
    }
}
