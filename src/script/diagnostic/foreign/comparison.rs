//! Forms that parse here and give something else: `1 < x < 10`, `for key in map.keys { .. }`, `reduce` without a
//! value to begin with.

use super::statements::KEYWORDS;
use super::{ForeignSpan, ForeignText};

impl ForeignText<'_> {
    /// Tells whether `<`, `<=`, `>` or `>=` begins at a piece.
    fn compares(&self, at: usize) -> bool {
        let is_sign = matches!(self.said(at), "<" | ">");
        let is_joined_before = at > 0 && self.is_joined(at - 1);
        let follows_sign =
            is_joined_before && matches!(self.before(at), "=" | "-" | "<" | ">" | "|");
        let precedes_sign =
            self.is_joined(at) && matches!(self.said(at + 1), "<" | ">" | "-" | "~");
        is_sign && self.follows_value(at) && !follows_sign && !precedes_sign
    }

    /// `1 < x < 10`: the second sign.
    pub(super) fn chain(&self, at: usize) -> Option<ForeignSpan> {
        let here = self.all[at].opened_by;
        if !self.compares(at) {
            return None;
        }

        let inner = Self::preceding(at).take_while(|&before| Some(before) != here);
        let mut beside = inner.filter(|&before| self.all[before].opened_by == here);
        let first = beside.find(|&before| {
            self.compares(before) || !self.is_operand(before) && !self.ends_sign(before)
        })?;
        let message = "comparisons in a row compare a bool with the next value".to_owned();
        let last = if self.said(at + 1) == "=" { at + 1 } else { at };
        self.compares(first).then_some((at, last, message, "write `a < x && x < b`"))
    }

    /// Tells whether a piece is the second sign of `<=` or `>=`.
    fn ends_sign(&self, at: usize) -> bool {
        self.said(at) == "=" && at > 0 && self.is_joined(at - 1) && self.compares(at - 1)
    }

    /// Tells whether a piece may be a part of a value between two comparisons.
    fn is_operand(&self, at: usize) -> bool {
        if self.is_word(at) {
            return !KEYWORDS.contains(&self.said(at));
        }
        let is_sign = matches!(
            self.said(at),
            "." | "+" | "-" | "*" | "/" | "%" | "(" | ")" | "[" | "]" | "!"
        );
        is_sign || self.said(at).starts_with(|c: char| c.is_alphanumeric() || "\"`\'".contains(c))
    }

    /// `list.reduce(|a, b| a + b)`.
    pub(super) fn reduction(&self, at: usize) -> Option<ForeignSpan> {
        let is_reduction = matches!(self.said(at), "reduce" | "reduce_rev")
            && self.before(at) == "."
            && self.said(at + 1) == "("
            && self.said(at + 2) == "|";
        if !is_reduction {
            return None;
        }

        let open = at + 1;
        let close = self.close(open)?;
        let bar = (at + 3..close).find(|&next| self.said(next) == "|")?;
        let has_start = (bar + 1..close)
            .any(|next| self.said(next) == "," && self.all[next].opened_by == Some(open));
        let looks = (bar + 1..close)
            .any(|next| matches!((self.said(next), self.said(next + 1)), ("?", "?") | ("(", ")")));

        let first = self.said(at + 3);
        let is_sign = |said: &str| matches!(said, "+" | "-" | "*" | "/" | "%");
        let is_used = (bar + 1..close).any(|next| {
            self.said(next) == first
                && self.before(next) != "."
                && (is_sign(self.said(next + 1)) || is_sign(self.before(next)))
        });
        let message = format!("`{}` begins with `()` here", self.said(at));
        let help = "give the value to begin with: `list.reduce(|sum, x| sum + x, 0)`";
        (is_used && !has_start && !looks).then_some((at, at, message, help))
    }

    /// `for key in map.keys {`, of a map that the script writes without that key.
    pub(super) fn method(&self, at: usize) -> Option<ForeignSpan> {
        let is_loop = self.said(at) == "in"
            && self.is_word(at + 1)
            && self.said(at + 2) == "."
            && self.said(at + 4) == "{";
        let help = match self.said(at + 3) {
            "keys" => "write `for key in map.keys() { .. }`",
            "values" => "write `for value in map.values() { .. }`",
            "items" | "entries" => "write `for key in map.keys() { let value = map[key]; .. }`",
            _ => return None,
        };

        let map = self.said(at + 1);
        let method = self.said(at + 3);
        let is_map = |from: usize| {
            self.said(from) == "let"
                && self.said(from + 1) == map
                && self.said(from + 3) == "#"
                && self.said(from + 4) == "{"
        };
        let is_key = |from: usize| {
            let key = self.said(from).trim_matches('"');
            key == method && from != at + 3 && matches!(self.said(from + 1), ":" | "=" | "]")
        };
        let all = 0..self.all.len();
        if !is_loop || !all.clone().any(is_map) || all.clone().any(is_key) {
            return None;
        }
        let message = format!("`{method}` is a function of maps, and is not called here");
        Some((at + 1, at + 3, message, help))
    }
}

#[cfg(test)]
mod tests {
    use crate::script::diagnostic::foreign::misread;

    #[test]
    fn comparisons_in_a_row_are_found_and_others_are_not() {
        let found = |text: &str| {
            let all = misread(text).certain;
            all.iter().map(|form| format!("{}:{} {}", form.line, form.column, form.said)).collect()
        };

        for (text, expected) in [
            ("if 1 < x < 10 { }", vec!["1:10 <"]),
            ("let y = 0 <= x.len() <= f(a, b);", vec!["1:22 <="]),
            ("print(a > b + 1 >= c[1]);", vec!["1:17 >="]),
            // Comparisons that stand alone.
            ("if a < b && b < c { }", vec![]),
            ("f(a < b, c > d); let x = a < b; let y = c < d;", vec![]),
            ("xs.filter(|x| x > 1).map(|y| y < 2)", vec![]),
            ("switch a { 1 => b < c, _ => d > e }", vec![]),
            ("let m = #{ a: b < c, d: e > f }; let s = 1 << 2 < 3;", vec![]),
            ("if a < b { c < d } else { e > f }", vec![]),
            ("(a < b) == (c < d)", vec![]),
            ("let x = if a < b { 1 } else { 2 } < 3;", vec![]),
            ("let a = b < c ?? d > e;", vec![]),
        ] {
            let found: Vec<String> = found(text);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_reduction_without_a_beginning_is_found_where_it_needs_one() {
        let count = |text: &str| misread(text).likely.len();
        assert_eq!(count("xs.reduce(|a, b| a + b)"), 1);
        assert_eq!(count("xs.reduce(|a, b| { let c = b; c * a })"), 1);
        assert_eq!(count("xs.reduce(|a, b| a + b, 0)"), 0);
        assert_eq!(count("xs.reduce(|a, b| (a ?? 0) + b)"), 0);
        assert_eq!(count("xs.reduce(|a, b| if a == () { b } else { a + b })"), 0);
        assert_eq!(count("xs.reduce(|a, b| if a > b { a } else { b })"), 0);
    }

    #[test]
    fn a_loop_over_a_method_that_is_not_called_is_found() {
        let count = |text: &str| misread(text).certain.len();
        assert_eq!(count("let d = #{ a: 1 }; for k in d.keys { print(k); }"), 1);
        assert_eq!(count("let d = #{ keys: [1] }; for k in d.keys { print(k); }"), 0);
        assert_eq!(count("let d = #{}; d.keys = [1]; for k in d.keys { print(k); }"), 0);
        assert_eq!(count("let d = json(text); for k in d.keys { print(k); }"), 0);
        assert_eq!(count("let d = #{ a: 1 }; for k in d.keys() { print(k); }"), 0);
    }
}
