//! Names of the script itself that one of its functions uses. Functions do not see them.

use crate::script::diagnostic::fix::{QuickFix, Suggestion, byte_at};
use crate::script::lexer::{LexemeClass, scan};

/// How the script itself declares a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declaration {
    Constant,
    Variable,
}

/// Says how a function gets at a name of the script itself, if this is one and is used in a function.
/// `is_set` tells whether it is set there.
pub(super) fn suggestion(
    text: &str,
    name: &str,
    (line, column): (usize, usize),
    is_set: bool,
) -> Option<Suggestion> {
    let at = byte_at(text, line, column)?;

    match declared(text, name, at)? {
        Declaration::Constant if is_set => {
            Some(format!("`{name}` is a constant of the script; choose another name").into())
        }
        Declaration::Variable if is_set => {
            let help = format!(
                "a function does not see the variables of its script; return the new value, and \
                 write `{name} = f(..);` where the function is called"
            );
            Some(help.into())
        }
        Declaration::Constant => {
            let path = format!("global::{name}");
            let help = format!("a function reaches a constant of its script as `{path}`");
            Some(Suggestion { help, fixes: vec![QuickFix::Instead(path)] })
        }
        Declaration::Variable => {
            let help = format!(
                "a function does not see the variables of its script; pass `{name}` as an argument"
            );
            Some(help.into())
        }
    }
}

/// Finds how the script itself declares the name, if the byte is inside of a function.
fn declared(text: &str, name: &str, at: usize) -> Option<Declaration> {
    let mut found = None;
    let mut depth = 0_usize;
    let mut keyword = "";
    // The depth at which the body of the function stands that is open.
    let mut body: Option<usize> = None;
    let mut is_inside = false;

    for piece in scan(text).0 {
        let said = &text[piece.start..piece.end];
        is_inside |= body.is_some() && (piece.start..piece.end).contains(&at);

        match piece.class {
            LexemeClass::Word => {
                if depth == 0 && said == name {
                    match keyword {
                        "const" => found = Some(Declaration::Constant),
                        "let" => found = found.or(Some(Declaration::Variable)),
                        _ => {}
                    }
                }
                if said == "fn" {
                    body = body.or(Some(depth));
                }
                keyword = said;
            }
            LexemeClass::Other => {
                for sign in said.chars() {
                    match sign {
                        '{' => depth += 1,
                        '}' => {
                            depth = depth.saturating_sub(1);
                            body = body.filter(|body| *body < depth);
                        }
                        _ => {}
                    }
                }
            }
            LexemeClass::Number | LexemeClass::Text | LexemeClass::Comment => {}
        }
    }

    found.filter(|_| is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_function_needs_another_way() {
        let help = |text: &str, line, column| {
            suggestion(text, "n", (line, column), false).map(|suggestion| suggestion.help)
        };
        let constant =
            Some("a function reaches a constant of its script as `global::n`".to_owned());
        let variable = Some(
            "a function does not see the variables of its script; pass `n` as an argument"
                .to_owned(),
        );

        assert_eq!(help("const n = 3;\nfn f(x) { if x { n } }", 2, 18), constant);
        assert_eq!(help("fn f() { n }\nconst n = 3;", 1, 10), constant);
        assert_eq!(help("let n = 3;\nfn f() { n }", 2, 10), variable);
        assert_eq!(help("print(n);\nlet n = 3;\nfn f() { 1 }", 1, 7), None);
        assert_eq!(help("fn f() { n }\nfn g() { let n = 3; n }", 1, 10), None);
        assert_eq!(help("{ let n = 3; }\nfn f() { n }", 2, 10), None);
    }
}
