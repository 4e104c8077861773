//! Statements that begin with a word of ours and continue as in another language: `let a, b = ..`, `let x: int`,
//! `for i, x in ..`, `for (let i = 0; ..)`, `if (x) f();`, `fn(x) { .. }`, `f!(..)`.

use super::statements::KEYWORDS;
use super::{ForeignSpan, ForeignText, message, modules};
use crate::script::lexer::LexemeClass;

const ONE_VARIABLE: &str =
    "write `let a = list[0]; let b = list[1];`: one statement for each variable";
const ONE_VARIABLE_OF_MAP: &str =
    "write `let a = map.a; let b = map.b;`: one statement for each variable";
const LOOPS: &str = "write `for x in list { .. }`, or `for i in 0..10 { .. }`";

const BLANK: &str = "write `for item in list { .. }` for the items alone, or `for (item, index) in list { .. }`, \
                     the item first";

impl ForeignText<'_> {
    pub(super) fn shape(&self, at: usize) -> Option<ForeignSpan> {
        if !self.is_word(at) {
            return self.typed(at);
        }
        match self.said(at) {
            "let" | "const" => self.declared(at),
            "for" => self.looped(at),
            "if" | "while" => self.unbraced(at).or_else(|| self.of_rust(at)),
            "fn" | "function" if self.said(at + 1) == "(" => {
                let message = "a function without a name is written between bars".to_owned();
                Some((at, self.close(at + 1)?, message, "write `|x| x + 1`"))
            }
            _ => self
                .swapped(at)
                .or_else(|| self.annotated(at))
                .or_else(|| self.defaulted(at))
                .or_else(|| self.exclaimed(at))
                .or_else(|| self.of_rust(at)),
        }
    }

    /// Returns the bracket that closes the one at a piece.
    pub(super) fn close(&self, open: usize) -> Option<usize> {
        self.all.get(open)?.partner.filter(|partner| *partner > open)
    }

    /// `let mut x`, `let a, b = ..`, `let [a, b] = ..`, `let x: int = ..`.
    fn declared(&self, at: usize) -> Option<ForeignSpan> {
        match (self.said(at + 1), self.said(at + 2)) {
            ("mut", _) if self.is_word(at + 2) => {
                Some((at + 1, at + 1, message("mut"), "leave it out: every variable can change"))
            }
            ("[" | "{" | "(" | "#", next) => {
                let message = format!("`{}` declares one variable", self.said(at));
                let open = at + 1 + usize::from(self.said(at + 1) == "#" && next == "{");
                let close = self.close(open)?;
                let help = match self.said(open) {
                    "{" if self.said(close + 2) == "require" => modules::OF_FILE,
                    "{" => ONE_VARIABLE_OF_MAP,
                    _ => ONE_VARIABLE,
                };
                let last = if help == modules::OF_FILE { close + 2 } else { close };
                Some((at, last, message, help))
            }

            (_, ",") if self.is_word(at + 1) => {
                let message = format!("`{}` declares one variable", self.said(at));
                Some((at, at + 2, message, ONE_VARIABLE))
            }
            (_, ":") if self.is_word(at + 1) && self.said(at + 3) != ":" => {
                let message = "a variable is declared without a type".to_owned();
                Some((at + 1, at + 3, message, "leave the type out: `let x = 5;`"))
            }
            _ => None,
        }
    }

    /// `for i, x in list`, `for (let i = 0; ..)`, `for x of list`.
    fn looped(&self, at: usize) -> Option<ForeignSpan> {
        let is_bracketed = self.said(at + 1) == "(";
        let first = if is_bracketed { at + 2 } else { at + 1 };

        let is_other = matches!(self.said(first + 1), "of" | "=");
        if matches!(self.said(first), "let" | "const" | "var") || is_other {
            let last = if is_bracketed { self.close(at + 1)? } else { first + 1 };
            let message = "this `for` is from another language".to_owned();
            return Some((at, last, message, LOOPS));
        }
        let is_blank = self.said(first) == "_" || is_bracketed && self.said(first + 2) == "_";
        if is_blank {
            let message = "`_` is no name of a variable".to_owned();
            let last = if is_bracketed { self.close(at + 1)? } else { first };
            return Some((at, last, message, BLANK));
        }
        if !is_bracketed && self.is_word(first) && self.said(first + 1) == "," {
            let message =
                "write the two variables of a `for` in brackets, the item first".to_owned();
            let help = "write `for (item, index) in list { .. }`; for a map `for key in map.keys() { \
                        let value = map[key]; .. }`";
            return Some((at, first + 2, message, help));
        }
        None
    }

    /// `if (x) f();`.
    fn unbraced(&self, at: usize) -> Option<ForeignSpan> {
        let close = if self.said(at + 1) == "(" {
            self.close(at + 1)?
        } else {
            // `if done print(x)`: what is called follows the condition.
            let is_call = self.said(at + 3) == "(" && self.is_joined(at + 2);
            (self.is_word(at + 1) && is_call && self.is_beside(at, at + 2)).then_some(at + 1)?
        };

        let next = self.all.get(close + 1)?;
        let is_word = next.class == LexemeClass::Word
            && !matches!(next.said, "and" | "do" | "in" | "is" | "not" | "or" | "then");
        let message = format!("`{}` needs a block in braces", self.said(at));
        let help = "write `if condition { .. }`, `while condition { .. }`";
        let is_value = !KEYWORDS.contains(&self.said(at + 1)) && self.said(at + 1) != "not";
        (is_word && is_value).then_some((at, close, message, help))
    }

    fn begins_line_or_statement(&self, at: usize) -> bool {
        matches!(self.before(at), "" | ";" | "}") || !self.is_beside(at.wrapping_sub(1), at)
    }

    /// `x: int = 1` at the beginning of a statement.
    fn annotated(&self, at: usize) -> Option<ForeignSpan> {
        let is_typed = self.said(at + 1) == ":" && self.is_word(at + 2);
        let is_open = self.bracket(at).is_empty() && self.begins_line_or_statement(at);
        let is_set = self.said(at + 3) == "=" && self.is_beside(at, at + 3);
        let message = "a variable is declared by `let`, without a type".to_owned();
        (is_typed && is_open && is_set).then_some((at, at + 3, message, "write `let x = 5;`"))
    }

    /// `fn f(a = 1)` and `|x = 1| ..`.
    fn defaulted(&self, at: usize) -> Option<ForeignSpan> {
        if self.said(at + 1) != "=" || self.said(at + 2) == "=" {
            return None;
        }
        let message = "a parameter has no default".to_owned();

        let is_param = self.all[at].opened_by.is_some_and(|open| self.opens_parameters(open));
        if is_param && matches!(self.before(at), "(" | ",") {
            let help = "define the function a second time, without the parameter: \
                        `fn f(a) { .. } fn f() { f(1) }`";
            return Some((at, at + 1, message, help));
        }

        let help = "leave it out, and give every argument in each call";
        self.is_of_closure(at).then_some((at, at + 1, message, help))
    }

    /// Tells whether a name stands between the bars of a closure.
    pub(super) fn is_of_closure(&self, at: usize) -> bool {
        let is_name = |at: &usize| self.is_word(*at) || self.said(*at) == ",";
        let Some(bar) = Self::preceding(at).find(|before| !is_name(before)) else { return false };

        // A bar opens a closure where no value ends before it, and two bars hold no names.
        let is_second = self.before(bar) == "|" && self.is_joined(bar - 1);
        self.said(bar) == "|" && !is_second && !self.follows_value(bar)
    }

    /// `a, b = b, a` at the beginning of a statement.
    fn swapped(&self, at: usize) -> Option<ForeignSpan> {
        let begins = self.begins_line_or_statement(at);
        let is_pair = self.said(at + 1) == "," && self.is_word(at + 2) && self.said(at + 3) == "=";
        let is_open = self.bracket(at) == "{" || self.bracket(at).is_empty();
        let is_set = is_pair && self.said(at + 4) != "=" && self.is_beside(at, at + 3);
        let message = "an assignment sets one variable".to_owned();
        let help = "write `let old = a; a = b; b = old;`";
        (begins && is_open && is_set).then_some((at, at + 3, message, help))
    }

    /// `vec![1]`, `format!(..)`.
    fn exclaimed(&self, at: usize) -> Option<ForeignSpan> {
        let is_macro = self.is_joined(at)
            && self.said(at + 1) == "!"
            && self.is_joined(at + 1)
            && matches!(self.said(at + 2), "(" | "[");
        let help = match self.said(at) {
            "vec" => "write `[a, b]`",
            "format" => "write a text in backticks: `` `Hello ${name}` ``",
            "println" | "print" | "dbg" => "write `print(..)`",
            "panic" => "write `throw \"message\"`",
            _ => "leave the `!` out",
        };
        is_macro.then(|| (at, at + 1, message(&format!("{}!", self.said(at))), help))
    }

    /// Tells whether a bracket holds the parameters of a function that has a name.
    pub(super) fn opens_parameters(&self, open: usize) -> bool {
        self.said(open) == "("
            && open >= 2
            && self.is_word(open - 1)
            && matches!(self.said(open - 2), "fn" | "def" | "function")
    }

    /// `fn f(a: int)`.
    fn typed(&self, at: usize) -> Option<ForeignSpan> {
        let open = self.all[at].opened_by.filter(|_| self.said(at) == ":")?;
        // The first type is told for all.
        let is_first = || (open + 1..at).all(|before| self.said(before) != ":");
        let message = "a parameter is declared without a type".to_owned();
        let help = "leave the types out: `fn name(a, b) { .. }`";
        if !(self.opens_parameters(open) && is_first()) {
            return None;
        }
        // The type of the result belongs to it.
        let close = self.close(open)?;
        let has_result = self.said(close + 1) == "-" && self.said(close + 2) == ">";
        let last = if has_result && self.is_word(close + 3) { close + 3 } else { close };
        Some((at - 1, last, message, help))
    }
}
