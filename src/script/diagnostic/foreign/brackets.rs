//! Forms within and before brackets: slices, maps without their mark, keys that are no names, tuples, arrows.

use super::{ForeignSpan, ForeignText};
use crate::script::lexer::LexemeClass;

impl ForeignText<'_> {
    /// Forms within brackets: slices, maps without their mark, arrows.
    pub(super) fn bracketed(&self, at: usize) -> Option<ForeignSpan> {
        let opened_by = self.all[at].opened_by;
        let is_called =
            opened_by.is_some_and(|open| self.follows_value(open) && !self.opens_parameters(open));

        let is_double = self.before(at) == ":" || self.said(at + 1) == ":";
        if self.said(at) == ":" && self.bracket(at) == "[" && is_called && is_double {
            let help = "write `list.reversed()`, or `list.filter(|x, i| i % 2 == 0)` for a step";
            let message = "`[a:b:c]` is a slice from another language".to_owned();
            return (self.before(at) != ":").then_some((at, at + 1, message, help));
        }
        if self.said(at) == ":" && self.bracket(at) == "[" && is_called {
            let help = "write `list.extract(1..3)`, or `text.sub_string(1..3)`";
            return Some((at, at, "`[a:b]` is a slice from another language".to_owned(), help));
        }

        let is_value = matches!(self.before(at), "=" | "(" | "," | "[" | "return" | ":");
        let is_key = self.all.get(at + 1).is_some_and(|key| key.class != LexemeClass::Other);
        if self.said(at) == "{"
            && is_value
            && is_key
            && self.said(at + 2) == ":"
            && self.said(at + 3) != ":"
        {
            let message = "a map begins with `#{`".to_owned();
            return Some((at, at, message, "write `#{ key: value }`"));
        }

        let is_item = self
            .all
            .get(at + 1)
            .is_some_and(|item| matches!(item.class, LexemeClass::Text | LexemeClass::Number));
        if self.said(at) == "{" && is_value && is_item && self.said(at + 2) == "," {
            let message = "a set is from another language".to_owned();
            let last = self.close(at).unwrap_or(at);
            return Some((
                at,
                last,
                message,
                "write a list: `[a, b]`; `list.distinct()` removes duplicates",
            ));
        }
        if self.said(at) == "(" && self.calls_a_value(at) {
            let message = "a function that is a value is called by `call`".to_owned();
            return Some((
                at,
                self.close(at)?,
                message,
                "write `map[\"name\"].call(x)`, or `f(a).call(b)`",
            ));
        }

        self.arrow(at).or_else(|| self.key(at)).or_else(|| self.tuple(at))
    }

    /// Tells whether a bracket calls what an index or a call gives: `map["a"](1)`, `f(1)(2)`.
    fn calls_a_value(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).filter(|before| self.is_joined(*before)) else {
            return false;
        };
        let open = self.all[before].partner.filter(|open| *open < before);
        // What `if (a)(b)` would mean, nobody knows.
        matches!(self.said(before), "]" | ")") && open.is_some_and(|open| self.follows_value(open))
    }

    /// What stands before the colon of a literal map, and is no name and no text.
    fn key(&self, at: usize) -> Option<ForeignSpan> {
        let open = self.all[at].opened_by?;
        let is_of_map = self.said(open) == "{" && self.before(open) == "#";
        if !is_of_map || !matches!(self.before(at), "{" | ",") {
            return None;
        }

        let next = self.said(at + 1);
        let is_named = "a key of a literal map is a name or a text".to_owned();
        let by_name = "write `#{ \"my key\": value }`; for a key in a variable `map[key] = value;`";
        match self.all[at].class {
            LexemeClass::Number if next == ":" => {
                Some((at, at, is_named, "write the number as a text: `#{ \"1\": value }`"))
            }
            LexemeClass::Text if next == ":" && self.said(at).starts_with('`') => {
                Some((at, at, is_named, by_name))
            }
            LexemeClass::Other if matches!(self.said(at), "[" | "(") => {
                let close = self.close(at).filter(|close| self.said(close + 1) == ":")?;
                Some((at, close, is_named, "write `let map = #{}; map[key] = value;`"))
            }
            LexemeClass::Word if next == "-" => Some((at, at + 1, is_named, by_name)),
            LexemeClass::Word if matches!(next, "," | "}") && !self.is_of_closure(at) => {
                let message = "a key of a literal map has no value".to_owned();
                Some((at, at, message, "write `#{ a: a }`"))
            }
            LexemeClass::Word | LexemeClass::Text if next == "=" && !self.is_of_closure(at) => {
                let message = "a colon stands between a key and its value".to_owned();
                Some((at, at + 1, message, "write `#{ key: value }`"))
            }
            _ => None,
        }
    }

    /// `(a, b)` and `return a, b`.
    fn tuple(&self, at: usize) -> Option<ForeignSpan> {
        let message = || "a tuple is from another language".to_owned();
        let help = "write a list: `[a, b]`";

        // The comma behind an arm or a closure is not its own, and commas between bars part parameters.
        let is_in_list = matches!(self.before(at), ">" | "|") || self.said(at + 1) == "|";
        if self.said(at) == "return" && self.is_word(at) && !is_in_list {
            let here = self.all[at].opened_by;
            let rest = self.next(at).take_while(|&next| self.is_beside(at, next));
            let mut of_statement = rest
                .filter(|&next| self.all[next].opened_by == here)
                .take_while(|&next| !matches!(self.said(next), ";" | "}"));
            let comma = of_statement.find(|&next| self.said(next) == ",")?;
            return Some((at, comma, message(), "write a list: `return [a, b];`"));
        }

        let is_other = self.follows_value(at)
            || self.opens_parameters(at)
            || matches!(
                self.before(at),
                "!" | "%" | "." | "catch" | "def" | "fn" | "for" | "function"
            );
        if self.said(at) != "(" || is_other {
            return None;
        }

        let close = self.close(at)?;
        let is_arrow = matches!(self.said(close + 1), "=" | "-") && self.said(close + 2) == ">";
        (self.all[at].has_comma && !is_arrow).then(|| (at, close, message(), help))
    }

    /// `(a, b) => a` and `x => x`.
    fn arrow(&self, at: usize) -> Option<ForeignSpan> {
        let is_arrow = self.said(at) == "=" && self.is_joined(at) && self.said(at + 1) == ">";
        let is_param = self.before(at) == ")" && self.bracket(at) != "{";
        // Where a value begins, no arm of a `switch` does.
        let is_value = at >= 2
            && self.is_word(at - 1)
            && matches!(self.said(at - 2), "=" | "return")
            && self.before(at - 2) != "=";
        if is_arrow && (self.bracket(at) == "(" || is_param || is_value) {
            // The parameters belong to it.
            let first = self.all[at - 1].partner.filter(|_| self.before(at) == ")");
            let message = "`=>` makes no function".to_owned();
            return Some((first.unwrap_or(at - 1), at + 1, message, "write `|x| x + 1`"));
        }
        None
    }
}
