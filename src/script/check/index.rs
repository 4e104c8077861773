//! What stands in `[..]` behind a list, and is no place in one.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, Expr};

impl Checker<'_> {
    /// Finds lists that are indexed by something other than a whole number.
    pub(super) fn indices(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Index(pair, flags, _))) = path.last() {
                let function = kinds.function_of(path);
                let index = index_of(&pair.rhs, *flags);
                let is_list =
                    kinds.kind(&pair.lhs, function).is_some_and(|kind| kind.word() == "array");
                let kind = kinds.kind(index, function).filter(|_| is_list);

                if let Some(kind) = kind.filter(|kind| kind.word() != "int") {
                    found.push((kind.word().to_owned(), index.start_position()));
                }
            }
            true
        });

        for (kind, position) in found {
            let message = format!("an array is indexed by an int, not by {}", article(&kind));
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let help = (kind == "range").then(|| "write `list.extract(0..2)`".to_owned());
            self.push_new(Diagnostic { help, ..fault });
        }
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
