//! Arguments of other languages: `f(a, key=v)`, `f(*list)`, `fn f(*args)`.

use super::{ForeignSpan, ForeignText, tables};
use crate::script::diagnostic::language;

const IN_ORDER: &str = "write the arguments in their order: `f(a, b)`";
const AS_OPTIONS: &str = "write options as a map at the end: `f(a, #{ key: value })`";

/// Functions of values, which take no options.
const WITHOUT_OPTIONS: &[&str] = &[
    "abs",
    "contains",
    "distinct",
    "join",
    "json",
    "len",
    "lower",
    "max",
    "max_by",
    "mean",
    "min",
    "min_by",
    "parse_float",
    "parse_int",
    "percent",
    "pop",
    "push",
    "range",
    "replaced",
    "reversed",
    "round",
    "sorted",
    "starts_with",
    "sum",
    "to_json",
    "trimmed",
    "upper",
    "zip",
];

impl ForeignText<'_> {
    /// `f(a, key=v)`.
    pub(super) fn named(&self, at: usize) -> Option<ForeignSpan> {
        let open = self.all[at].opened_by?;
        let is_called = self.follows_value(open) && !self.opens_parameters(open);

        let is_named = self.is_word(at)
            && self.said(open) == "("
            && is_called
            && matches!(self.before(at), "(" | ",")
            && self.said(at + 1) == "="
            && !(self.is_joined(at + 1) && matches!(self.said(at + 2), "=" | ">"));
        if !is_named {
            return None;
        }

        let is_function = self.said(at) == "key" && self.said(at + 2) == "lambda";
        let last = if is_function { at + 2 } else { at + 1 };
        let message = format!("`{}=` names an argument", self.said(at));
        Some((at, last, message, self.instead_of_named(at, open)))
    }

    /// Says what to write instead of an argument with a name, in a call that a bracket opens.
    pub(super) fn instead_of_named(&self, at: usize, open: usize) -> &'static str {
        let function = self.before(open);
        let argument = self.said(at);

        if self.is_own(function) {
            return IN_ORDER;
        }
        let is_meant = |of: &str| of.is_empty() || of == function;
        let known = tables::ARGUMENTS
            .iter()
            .find(|(of, known, _)| (*known == argument || known.is_empty()) && is_meant(of));
        if let Some((.., help)) = known {
            return help;
        }

        let is_plain = WITHOUT_OPTIONS.contains(&function) || language::is_word(function);
        if is_plain { IN_ORDER } else { AS_OPTIONS }
    }

    /// Tells whether the script defines a function.
    fn is_own(&self, function: &str) -> bool {
        let defines = |at: usize| {
            matches!(self.said(at), "def" | "fn" | "function") && self.said(at + 1) == function
        };
        (0..self.all.len()).any(defines)
    }

    /// `fn f(*args)`, `f(*list)`, `[*a, b]`, and the same with `**` and with three dots.
    pub(super) fn unpacked(&self, at: usize) -> Option<ForeignSpan> {
        let is_dot = self.said(at) == "." && self.said(at + 1) == "." && self.said(at + 2) == ".";
        let length = match self.said(at) {
            "*" if self.said(at + 1) == "*" && self.is_joined(at) => 2,
            "*" => 1,
            _ if is_dot && self.is_joined(at) && self.is_joined(at + 1) => 3,
            _ => return None,
        };

        let open = self.all[at].opened_by?;
        let last = at + length - 1;
        let of_parameter = self.opens_parameters(open);
        // In Go, the dots stand behind the name.
        let stands_behind = is_dot && of_parameter && self.is_word(at - 1);
        let stands_before =
            matches!(self.before(at), "(" | "[" | "{" | ",") && self.precedes_value(last);
        if !stands_before && !stands_behind {
            return None;
        }

        let sign = match length {
            1 => "*",
            2 => "**",
            _ => "...",
        };
        let (message, help) = match self.said(open) {
            _ if of_parameter => (
                "a function takes a fixed number of arguments".to_owned(),
                "take a list or a map: `fn f(list) { .. }`, and call `f([a, b])`",
            ),
            "(" => (
                format!("`{sign}` does not spread a list over arguments"),
                "write each argument: `f(list[0], list[1])`, or let the function take the list",
            ),
            _ => (super::message(sign), "write `list + other`, or `map + other`"),
        };
        Some((at, last, message, help))
    }
}
