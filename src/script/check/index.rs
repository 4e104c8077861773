//! What stands in `[..]` behind a list or a map, and is no place in a list or no name.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::used::is;
use crate::script::check::value_kind::{UnknownPart, ValueKind};
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, BinaryExpr, Expr, Position};

impl Checker<'_> {
    /// Finds lists that are indexed by something other than a whole number, and maps that are indexed by one.
    pub(super) fn indices(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Index(pair, flags, _))) = path.last() {
                let function = kinds.function_of(path);
                let index = first_of(&pair.rhs, *flags);
                let of = kinds.kind(&pair.lhs, function);
                let of = of.as_ref().map_or("any", ValueKind::word);
                let Some(kind) = kinds.kind(index, function) else { return true };
                let position = index.start_position();

                match (of, kind.word()) {
                    ("array", "int") => {}
                    ("array", word) => found.push(WrongIndex::of_list(word, position)),
                    ("map", word @ ("int" | "float" | "char")) => {
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

impl Kinds<'_> {
    /// Returns the kind of a chain that begins with the letter at a place of a text; nothing if it begins otherwise.
    #[allow(clippy::option_option, reason = "no letter, and a chain of an unknown kind")]
    pub(super) fn after_letter(
        &self,
        of: Option<&ValueKind>,
        (pair, flags): (&BinaryExpr, ASTFlags),
        function: &str,
        unknown: &mut Vec<UnknownPart>,
    ) -> Option<Option<ValueKind>> {
        let place = first_of(&pair.rhs, flags);
        // A range gives a text.
        let is_letter = of == Some(&ValueKind::Data("string"))
            && self.kind(place, function) == Some(ValueKind::Data("int"));
        if !is_letter {
            return None;
        }

        let letter = Some(ValueKind::Data("char"));
        Some(match &pair.rhs {
            rest if is(rest, place) => letter,
            Expr::Dot(rest, flags, _) => self.after(letter, false, &rest.rhs, *flags, unknown),
            _ => None,
        })
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
        let help = match word {
            "char" => "write `map[letter.to_string()]`",
            _ => "write `map.name`, or `map.values()[0]` for the first value",
        };
        let help = Some(help);
        WrongIndex { message, help, position }
    }
}

/// Returns the first of what follows: in `a[i].b`, what stands behind the bracket hangs on the index.
pub(super) fn first_of(rest: &Expr, flags: ASTFlags) -> &Expr {
    match rest {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) if !flags.contains(ASTFlags::BREAK) => {
            &pair.lhs
        }
        whole => whole,
    }
}
