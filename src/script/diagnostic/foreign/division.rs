//! `a // b` and `a //= b`: a division without a fraction in Python, a comment here. Most scripts with one
//! parse, and leave out what stands behind it.

use super::statements::KEYWORDS;
use super::{FOUND_MAX, ForeignForm};
use crate::script::lexer::{Lexeme, LexemeClass, scan};

/// A comment that looks like the end of a division.
pub(in crate::script) struct SupposedDivision {
    pub(in crate::script) form: ForeignForm,
    /// Whether it can hardly be a comment.
    pub(in crate::script) is_certain: bool,
}

/// Finds comments that look like the end of a division.
pub(in crate::script) fn divisions(text: &str) -> Vec<SupposedDivision> {
    let pieces = scan(text).0;
    let mut found = Vec::new();
    let mut before: Option<&Lexeme> = None;

    for piece in &pieces {
        let said = &text[piece.start..piece.end];
        if piece.class == LexemeClass::Comment {
            let is_beside = |value: &Lexeme| !text[value.end..piece.start].contains('\n');
            let value = before.filter(|value| is_beside(value) && ends_value(text, value));
            found.extend(value.and_then(|_| read(text, piece.start, said)));
            if found.len() == FOUND_MAX {
                break;
            }
        } else if !said.trim().is_empty() {
            before = Some(piece);
        }
    }
    found
}

/// Tells whether a value may end with a piece.
fn ends_value(text: &str, piece: &Lexeme) -> bool {
    let said = &text[piece.start..piece.end];
    match piece.class {
        LexemeClass::Word => !KEYWORDS.contains(&said),
        LexemeClass::Number => true,
        LexemeClass::Other => said.ends_with([')', ']']),
        LexemeClass::Text | LexemeClass::Comment => false,
    }
}

/// Reads a comment as what a division continues with.
fn read(text: &str, start: usize, comment: &str) -> Option<SupposedDivision> {
    let rest = comment.strip_prefix("//").filter(|rest| !rest.starts_with(['/', '!']))?;
    let by = rest.strip_prefix('=');
    let code = by.unwrap_or(rest).trim();

    let first = code.chars().next()?;
    let is_name = first.is_ascii_alphabetic() || first == '_';
    if !(is_name || first.is_ascii_digit()) || is_prose(code) {
        return None;
    }

    let number = code.trim_end_matches([';', ' ', ')', '}', ']', '.']);
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    if by.is_none() && !is_number && !is_code(code) {
        return None;
    }

    let head = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let sign = if by.is_some() { "//=" } else { "//" };
    let help = if by.is_some() {
        "write `a /= b`, which drops the fraction where both are whole numbers"
    } else {
        "write `a / b`, which drops the fraction where both are whole numbers"
    };

    let form = ForeignForm {
        line: text[..start].matches('\n').count() + 1,
        column: text[head..start].chars().count() + 1,
        width: sign.len(),
        said: sign.to_owned(),
        message: format!("`{sign}` begins a comment"),
        help,
    };
    Some(SupposedDivision { form, is_certain: by.is_some() || is_number && code != number })
}

/// Tells whether a comment has two words in a row, as a sentence has.
fn is_prose(code: &str) -> bool {
    let is_word = |part: &str| part.len() > 1 && part.chars().all(char::is_alphabetic);
    let words: Vec<bool> = code.split(' ').map(is_word).collect();
    words.windows(2).any(|pair| pair[0] && pair[1])
}

/// Tells whether a comment ends as a statement does, or closes what it has not opened.
fn is_code(code: &str) -> bool {
    let count = |sign: char| code.matches(sign).count();
    code.ends_with(';')
        || [('(', ')'), ('[', ']'), ('{', '}')].iter().any(|(a, b)| count(*b) > count(*a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_in_the_place_of_a_divisor_is_found() {
        let found = |text: &str| {
            let all = divisions(text);
            let shown = all.iter().map(|found| {
                let form = &found.form;
                let certain = if found.is_certain { "!" } else { "" };
                format!("{}:{} {}{certain}", form.line, form.column, form.said)
            });
            shown.collect::<Vec<_>>().join(", ")
        };

        for (text, expected) in [
            ("let x = 5; x //= 2; print(x);", "1:14 //=!"),
            ("let a = 1;\nlet x = a // 2;", "2:11 //!"),
            ("fn half(x) {\n    x // 2\n}", "2:7 //"),
            ("print(y // 2);", "1:9 //!"),
            ("let m = total // items.len();", "1:15 //"),
            ("let m = (a + b) // count;", "1:17 //"),
            ("let m = xs[1] // n;", "1:15 //"),
            // Comments.
            ("let x = 5; // 2 calls", ""),
            ("let x = f( // first\n    a, // second one\n    b // last\n);", ""),
            ("let x = a // the sum; see below\n    + b;", ""),
            ("fn f() {\n    a // as it is\n}", ""),
            ("fn f() { // 2\n}", ""),
            ("let x = 5 /// doc\n;", ""),
            ("return // 3\n;", ""),
            ("let t = \"a // 2;\"; let u = `b // ${c} // 2;`;", ""),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
