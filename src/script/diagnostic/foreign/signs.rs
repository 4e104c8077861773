//! Signs of other languages: `++`, `===`, `? :`, `->` and their like.

use super::{ForeignSpan, ForeignText, message};
use crate::script::lexer::LexemeClass;

/// Signs of several characters, each with what to write. A longer one stands before those that begin it.
const SIGNS: &[(&str, &str)] = &[
    ("===", "write `a == b`"),
    ("!==", "write `a != b`"),
    ("<=>", "write `a < b`, or `list.sorted()` to sort"),
    ("<>", "write `a != b`"),
    (":=", "write `let x = 5;` once, then `x = 6;`"),
    ("::<", "leave the type out"),
    ("<-", "write `let x = 5;`, or `a < -1` with a space"),
    ("|>", "write `x.f()`, or `f(x)`"),
    ("=~", "write `text.contains(part)`"),
    ("...", "write `list + other`, or `map + other`"),
    ("&&=", "write `a = a && b`"),
    ("||=", "write `a = a || b`"),
];

/// Tells whether a number ends with a letter that says its type.
fn has_suffix(number: &str) -> bool {
    let Some(digits) = number.strip_suffix(['L', 'l', 'n', 'f', 'F', 'd', 'u', 'm']) else {
        return false;
    };
    digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'))
}

impl ForeignText<'_> {
    /// Marks: `# comment`, `i++`, `a === b`, `a ? b : c`.
    pub(super) fn mark(&self, at: usize) -> Option<ForeignSpan> {
        let next = self.said(at + 1);
        let is_joined = self.is_joined(at);
        if let Some(found) = self.sign(at).or_else(|| self.literal(at)) {
            return Some(found);
        }

        match self.said(at) {
            // Two dots make a range.
            "." if is_joined
                && self.is_number(at + 1)
                && self.before(at) != "."
                && !self.follows_value(at) =>
            {
                let message = "a number begins with a digit".to_owned();
                Some((at, at + 1, message, "write `0.5`"))
            }
            "#" if !(is_joined && matches!(next, "{" | "!")) => {
                let message = "`#` begins no comment".to_owned();
                Some((at, at, message, "write `// comment`"))
            }
            sign @ ("+" | "-") if is_joined && next == sign => self.step(at, sign == "+"),
            "?" if self.follows_value(at)
                && self.before(at) != "?"
                && !(is_joined && matches!(next, "." | "[" | "?")) =>
            {
                if matches!(next, ";" | ")" | ",") {
                    let help = "leave it out: a failure is thrown automatically, and caught with \
                                `try { .. } catch (e) { .. }`";
                    return Some((at, at, message("?"), help));
                }
                let help = "write `if condition { a } else { b }`, which is a value";
                Some((at, at, message("? :"), help))
            }
            "&" if !self.follows_value(at) && self.before(at) != "&" && next != "&" => {
                Some((at, at, message("&"), "leave it out: values are copied"))
            }
            "@" => {
                let help = "leave the line out, and write a function that calls this one";
                Some((at, at, "scripts have no decorators".to_owned(), help))
            }
            "%" if self.follows_value(at) && self.all[at - 1].class == LexemeClass::Text => {
                let help = "write a text in backticks: `` `Hello ${name}` ``";
                Some((at, at, "`%` does not format texts".to_owned(), help))
            }
            "-" if is_joined && next == ">" => {
                let is_type = self.before(at) == ")";
                let is_case = self.before(at) == "_" || at > 0 && !self.is_word(at - 1) && !is_type;
                let help = if is_case {
                    "write `=>`: `switch x { 1 => .., _ => .. }`"
                } else if is_type {
                    "leave the type out: `fn name(a, b) { .. }`"
                } else {
                    "write `a.b`"
                };
                let last = if is_type && self.is_word(at + 2) { at + 2 } else { at + 1 };
                Some((at, last, message("->"), help))
            }
            _ => None,
        }
    }

    /// Signs beside texts and numbers: `"a" . "b"`, `$name`, `50%`, `10n`.
    fn literal(&self, at: usize) -> Option<ForeignSpan> {
        let next = self.said(at + 1);

        match self.said(at) {
            "." if self.is_text(at + 1) && at > 0 && self.follows_value(at) => {
                Some((at, at, "`.` does not join texts".to_owned(), "write `a + b`"))
            }
            "$" if self.is_joined(at) && (self.is_text(at + 1) || self.is_word(at + 1)) => {
                let help =
                    "write a text in backticks: `` `Hello ${name}` ``; a variable has no mark";
                Some((at, at, message("$"), help))
            }
            "%" if self.is_number(at.wrapping_sub(1)) && matches!(next, ";" | ")" | "," | "]") => {
                Some((
                    at,
                    at,
                    "`%` stands between two numbers".to_owned(),
                    "write `0.5` for a half",
                ))
            }
            said if self.is_number(at) && self.before(at) != "." && has_suffix(said) => {
                let message = format!("`{said}` is no number here");
                Some((at, at, message, "leave the letter out: a number has no suffix"))
            }
            _ => None,
        }
    }

    fn is_text(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|piece| piece.class == LexemeClass::Text)
    }

    fn is_number(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|piece| piece.class == LexemeClass::Number)
    }

    /// `i++` and `++i`, but no sum of a negative number: `1 - -1`.
    fn step(&self, at: usize, is_up: bool) -> Option<ForeignSpan> {
        let is_alone = matches!(self.before(at), "" | ";" | "{" | "}" | "(");
        let precedes_value = is_alone && self.is_word(at + 2);
        if !(self.follows_value(at) || precedes_value) {
            return None;
        }

        let (sign, help) = match (is_up, self.follows_value(at) && self.precedes_value(at + 1)) {
            (true, true) => ("++", "write `a + b`"),
            (true, false) => ("++", "write `i += 1`"),
            (false, true) => ("--", "write `a - b`"),
            (false, false) => ("--", "write `i -= 1`"),
        };
        Some((at, at + 1, message(sign), help))
    }

    /// Finds one of the signs that begin at a piece.
    fn sign(&self, at: usize) -> Option<ForeignSpan> {
        let is_it = |sign: &str| {
            sign.char_indices().all(|(place, letter)| {
                self.said(at + place) == letter.encode_utf8(&mut [0; 4])
                    && (place + 1 == sign.len() || self.is_joined(at + place))
            })
        };

        let (sign, help) = SIGNS.iter().find(|(sign, _)| is_it(sign))?;
        // A longer run of dots or signs is something else.
        let is_whole = self.before(at) != &sign[..1] || !self.is_joined(at - 1);
        is_whole.then(|| (at, at + sign.len() - 1, message(sign), *help))
    }
}
