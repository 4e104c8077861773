//! Names that end with their block, and closures that call themselves.

use crate::script::diagnostic::fix::{Suggestion, byte_at};
use crate::script::lexer::{LexemeClass, scan};

/// A block of a text that is open.
struct OpenBlock {
    /// Whether it is the body of a function.
    is_function: bool,
}

/// A declaration of the name.
struct NameDeclaration {
    /// How many blocks are around it.
    depth: usize,
    /// Whether its block is over.
    is_over: bool,
}

/// Says what to write instead of a variable that was declared in a block that is over, or that is a closure which
/// is being made.
pub(super) fn suggestion(
    text: &str,
    name: &str,
    (line, column): (usize, usize),
) -> Option<Suggestion> {
    let at = byte_at(text, line, column)?;
    let pieces: Vec<(&str, LexemeClass, usize)> = scan(text)
        .0
        .iter()
        .map(|piece| (&text[piece.start..piece.end], piece.class, piece.start))
        .filter(|(said, class, _)| *class != LexemeClass::Comment && !said.trim().is_empty())
        .collect();

    let mut open: Vec<OpenBlock> = Vec::new();
    let mut declared: Vec<NameDeclaration> = Vec::new();
    // How many blocks are around the closure of this name that is being made.
    let mut closure: Option<usize> = None;
    let mut begins_function = false;

    for (place, (said, class, start)) in pieces.iter().enumerate() {
        if *start >= at {
            break;
        }
        let next = |ahead: usize| pieces.get(place + ahead).map_or("", |(said, ..)| *said);

        match (*said, class) {
            ("fn", LexemeClass::Word) => begins_function = true,
            ("let", LexemeClass::Word) if next(1) == name => {
                declared.push(NameDeclaration { depth: open.len(), is_over: false });
                closure = (next(2) == "=" && matches!(next(3), "|" | "||")).then_some(open.len());
            }
            (";", LexemeClass::Other) => closure = closure.filter(|depth| *depth != open.len()),
            ("{", LexemeClass::Other) => {
                open.push(OpenBlock { is_function: std::mem::take(&mut begins_function) });
            }
            ("}", LexemeClass::Other) => close(&mut open, &mut declared),
            _ => {}
        }
    }

    if closure.is_some() {
        let help = format!(
            "a closure does not know its own name; write a function: `fn {name}(..) {{ .. }}`"
        );
        return Some(help.into());
    }
    let own = open.iter().rposition(|block| block.is_function).map_or(0, |place| place + 1);
    let is_over = declared.iter().any(|one| one.is_over && one.depth >= own);
    is_over.then(|| {
        let help =
            format!("`{name}` ends with its block; write `let {name} = ();` before the block, and `{name} = ..;` in it");
        help.into()
    })
}

/// Closes the innermost block. What is declared in a function is unknown outside of it.
fn close(open: &mut Vec<OpenBlock>, declared: &mut Vec<NameDeclaration>) {
    let Some(closed) = open.pop() else { return };
    let depth = open.len();
    if closed.is_function {
        declared.retain(|one| one.depth <= depth);
        return;
    }

    for one in declared.iter_mut().filter(|one| one.depth > depth) {
        one.is_over = true;
        one.depth = depth;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_blocks_that_are_over_and_of_closures_are_explained() {
        let help = |text: &str| {
            let (line, column) = text.lines().enumerate().fold((1, 1), |found, (number, line)| {
                line.rfind('n').map_or(found, |at| (number + 1, at + 1))
            });
            suggestion(text, "n", (line, column)).map(|found| found.help)
        };

        let over =
            "`n` ends with its block; write `let n = ();` before the block, and `n = ..;` in it";
        assert_eq!(help("try { let n = 1; } catch { }\nx(n)").as_deref(), Some(over));
        assert_eq!(help("fn f() { if a { let n = 1; } x(n) }").as_deref(), Some(over));
        let closure = "a closure does not know its own name; write a function: `fn n(..) { .. }`";
        assert_eq!(help("let n = |x| if x { n").as_deref(), Some(closure));

        assert_eq!(help("fn f() { let n = 1; }\nn"), None);
        assert_eq!(help("if a { let n = 1; }\nfn f() { n"), None);
        assert_eq!(help("let n = |x| x;\nfn f() { n"), None);
        assert_eq!(help("let m = 1; n"), None);
    }
}
