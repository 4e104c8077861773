//! The text of a script as it is read, whatever program has written it.

use crate::base::json::{BYTE_ORDER_MARK, is_odd_space};
use crate::script::lexer::{LexemeClass, scan};
use std::borrow::Cow;

/// Returns the text that is compiled and shown in errors. A byte order mark is taken off, a first
/// line `#!..` is a comment, lines end in one way, and what only looks like a space outside of strings
/// and comments is one. Every line and every column stays where it was.
pub(in crate::script) fn plain(text: &str) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text.trim_start_matches(BYTE_ORDER_MARK));
    if plain.contains('\r') {
        plain = plain.replace("\r\n", "\n").into();
    }
    if let Some(rest) = plain.strip_prefix("#!") {
        // A third letter would make documentation of it.
        let rest = rest.strip_prefix(['/', '!']).map_or(rest.to_owned(), |rest| format!(" {rest}"));
        plain = format!("//{rest}").into();
    }
    if plain.contains(is_odd_space) {
        plain = spaced(&plain).into();
    }

    plain
}

/// Makes spaces of what looks like one in the code.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for piece in scan(text).0 {
        let old = &text[piece.start..piece.end];
        if piece.class == LexemeClass::Other {
            spaced.extend(old.chars().map(|c| if is_odd_space(c) { ' ' } else { c }));
        } else {
            spaced.push_str(old);
        }
    }

    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_whatever_program_has_written_it() {
        let cases = [
            ("\u{feff}print(1);", "print(1);"),
            ("let a = 1;\r\nlet b = `x\r\ny`;\r\n", "let a = 1;\nlet b = `x\ny`;\n"),
            ("#!/usr/bin/env kaizen\nprint(1);", "// usr/bin/env kaizen\nprint(1);"),
            ("\u{feff}#!/bin/k\r\nx", "// bin/k\nx"),
            ("let\u{a0}a =\u{202f}1;\u{200b}", "let a = 1; "),
            // In texts and comments it stays what it is.
            (
                "\"a\u{a0}b\" + `c\u{a0}${d\u{a0}+ 1}\u{a0}`",
                "\"a\u{a0}b\" + `c\u{a0}${d + 1}\u{a0}`",
            ),
            ("x // a\u{a0}b\n\u{a0}y /* \u{a0} */", "x // a\u{a0}b\n y /* \u{a0} */"),
            ("let c = '\u{a0}';\u{a0}", "let c = '\u{a0}'; "),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }
}
