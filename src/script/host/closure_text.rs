//! What stands in a closure, as it was written: `n > 2` of `|n| n > 2`.

use crate::script::lexer::{LexemeClass, scan};

/// Words after which a value begins, and so perhaps a closure.
const BEFORE_VALUES: &[&str] = &["return", "throw", "in", "if", "else", "while"];

/// A word, a number, a text or one sign of the code.
struct CodePiece<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

/// Returns the body of the innermost closure around a byte, on one line and without braces.
pub(in crate::script) fn body_around(text: &str, byte: usize) -> Option<String> {
    let tokens = tokens(text);
    let mut found: Option<(usize, usize)> = None;

    for (index, token) in tokens.iter().enumerate() {
        if token.start > byte {
            break;
        }
        let Some(first) = body(&tokens, index) else { continue };
        let last = end(&tokens, first);
        let covers = tokens.get(first)?.start <= byte && byte < tokens[last].end;
        if covers {
            found = Some((first, last));
        }
    }

    let (first, last) = found?;
    let is_block = tokens[first].text == "{" && tokens[last].text == "}";
    let body = &tokens[first..=last];
    Some(on_one_line(if is_block { &body[1..body.len() - 1] } else { body }))
}

/// Writes pieces as they stood, with one space for spaces, line ends and comments between them.
fn on_one_line(pieces: &[CodePiece<'_>]) -> String {
    let mut line = String::new();
    let mut before = pieces.first().map_or(0, |piece| piece.start);
    for piece in pieces {
        if before < piece.start {
            line.push(' ');
        }
        line.push_str(piece.text);
        before = piece.end;
    }
    line
}

/// Takes the code of a text apart, without spaces and comments.
fn tokens(text: &str) -> Vec<CodePiece<'_>> {
    let mut tokens = Vec::new();
    for piece in scan(text).0 {
        let said = &text[piece.start..piece.end];
        match piece.class {
            LexemeClass::Comment => {}
            LexemeClass::Other => {
                let signs = said.char_indices().filter(|(_, sign)| !sign.is_whitespace());
                tokens.extend(signs.map(|(at, sign)| {
                    let start = piece.start + at;
                    let end = start + sign.len_utf8();
                    CodePiece { text: &text[start..end], start, end }
                }));
            }
            LexemeClass::Word | LexemeClass::Number | LexemeClass::Text => {
                tokens.push(CodePiece { text: said, start: piece.start, end: piece.end });
            }
        }
    }
    tokens
}

/// Returns where the body of a closure begins whose parameters begin here, if some do.
fn body(tokens: &[CodePiece<'_>], index: usize) -> Option<usize> {
    if tokens[index].text != "|" {
        return None;
    }

    let before = index.checked_sub(1).and_then(|before| tokens.get(before));
    let begins_a_value = before.is_none_or(|before| {
        BEFORE_VALUES.contains(&before.text)
            || ["(", "[", "{", ",", ";", ":", "=", ">"].contains(&before.text)
    });
    if !begins_a_value {
        return None;
    }

    let rest = tokens.get(index + 1..)?;
    let close = rest.iter().position(|token| token.text == "|")?;
    let is_params = rest[..close].iter().all(|token| {
        token.text == "," || token.text.chars().all(|c| c.is_alphanumeric() || c == '_')
    });
    let first = index + 1 + close + 1;
    (is_params && first < tokens.len()).then_some(first)
}

/// Returns the last token of a body that begins here.
fn end(tokens: &[CodePiece<'_>], first: usize) -> usize {
    let is_block = tokens[first].text == "{";
    let mut depth = 0_usize;

    for (index, token) in tokens.iter().enumerate().skip(first) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" | "," | ";" if depth == 0 => return index - 1,
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 && is_block {
                    return index;
                }
            }
            _ => {}
        }
    }

    tokens.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_closure_counts_as_it_was_written() {
        let cases = [
            ("g.add_edge(a, b, #{ when: |n| n > 2 });", ">", Some("n > 2")),
            ("f(|n|\n    n.ok  // or not\n    && f(n, 2), 3)", "&&", Some("n.ok && f(n, 2)")),
            ("f(|| { let x = 1; x }, 2)", "x =", Some("let x = 1; x")),
            ("f(|a| a.map(|b| b + a))", "b +", Some("b + a")),
            ("f(|a| a.map(|b| b + a))", "map", Some("a.map(|b| b + a)")),
            ("let c = a || b;", "b;", None),
            ("let c = |x| x || y;", "y", Some("x || y")),
            ("let c = 1 | 2 | 3;", "3", None),
            ("f(|x| `a, ${x}` == \"}\", 1)", "==", Some("`a, ${x}` == \"}\"")),
        ];
        for (text, at, expected) in cases {
            let byte = text.find(at).expect("it is there");
            assert_eq!(body_around(text, byte).as_deref(), expected, "{text}");
        }
    }
}
