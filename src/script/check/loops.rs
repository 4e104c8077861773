//! Loops over values that have no items: a map above all, over which other languages go.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Stmt};

impl Checker<'_> {
    /// Finds `for` over what has no items.
    pub(super) fn loops(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::For(each, position))) = path.last()
                && let Some(kind) = kinds.kind(&each.2.expr, kinds.function_of(path))
                && let Some(help) = help(&kind)
            {
                let at = each.2.expr.start_position();
                let at = if at.is_none() { *position } else { at };
                found.push((article(kind.word()), help, at));
            }
            true
        });

        for (what, help, at) in found {
            let message = format!("`for` goes over a list, a range or a text, not over {what}");
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, at);
            self.push(Diagnostic { help: Some(help.to_owned()), ..fault });
        }
    }
}

/// Says what to write instead of a loop over a value without items.
fn help(kind: &ValueKind) -> Option<&'static str> {
    match kind {
        ValueKind::Data("map") | ValueKind::Map(_) | ValueKind::Inputs(_) => {
            Some("write `for key in map.keys() { let value = map[key]; .. }`")
        }
        ValueKind::Data("int" | "float") => Some("write `for i in 0..10 { .. }`"),
        ValueKind::Handle(kind) if kind == "report" => {
            Some("write `for name in report.completed_operations { .. report.result(name) .. }`")
        }
        ValueKind::Data(_) | ValueKind::Handle(_) | ValueKind::Node(_) | ValueKind::List(_) => None,
    }
}
