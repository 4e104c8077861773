//! What stands in `[..]` behind a list or a map, and is no place in a list or no name.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, Expr, Position};

impl Checker<'_> {
    /// Finds lists that are indexed by something other than a whole number, and maps that are indexed by one.
    pub(super) fn indices(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Index(pair, flags, _))) = path.last() {
                let function = kinds.function_of(path);
                let index = index_of(&pair.rhs, *flags);
                let of = kinds.kind(&pair.lhs, function);
                let of = of.as_ref().map_or("any", ValueKind::word);
                let Some(kind) = kinds.kind(index, function) else { return true };
                let position = index.start_position();

                match (of, kind.word()) {
                    ("array", "int") => {}
                    ("array", word) => found.push(WrongIndex::of_list(word, position)),
                    ("map", word @ ("int" | "float")) => {
                        found.push(WrongIndex::of_map(word, position));
                    }
                    _ => {}
                }
            }
            true
        });

        for WrongIndex { message, help, position } in found {
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            self.push_new(Diagnostic { help: help.map(str::to_owned), ..fault });
        }
    }
}

/// What stands in the brackets behind a value that is indexed by something else.
struct WrongIndex {
    message: String,
    help: Option<&'static str>,
    position: Position,
}

impl WrongIndex {
    fn of_list(word: &str, position: Position) -> WrongIndex {
        let message = format!("an array is indexed by an int, not by {}", article(word));
        let help = (word == "range").then_some("write `list.extract(0..2)`");
        WrongIndex { message, help, position }
    }

    fn of_map(word: &str, position: Position) -> WrongIndex {
        let message = format!("a map is indexed by a string, not by {}", article(word));
        let help = Some("write `map.name`, or `map.values()[0]` for the first value");
        WrongIndex { message, help, position }
    }
}

/// Returns the first of what follows: in `a[i].b`, what stands behind the bracket hangs on the index.
fn index_of(rest: &Expr, flags: ASTFlags) -> &Expr {
    match rest {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) if !flags.contains(ASTFlags::BREAK) => {
            &pair.lhs
        }
        whole => whole,
    }
}
