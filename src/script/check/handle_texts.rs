//! Values in texts that say nothing there but the word for their type: `` `Review ${node}` `` is "Review node".

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::{HANDLES, article};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};

/// The handle whose text says which one it is.
const NAMED: &str = "model";
/// Values that stand for a result in other languages.
const RESULTS: &[&str] = &["function", "node", "report", "task"];

impl Checker<'_> {
    /// Finds nodes, functions and other values in texts that do not say what is in them.
    pub(super) fn handle_texts(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<(String, String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            let mut note = |part: &Expr, place: Position| {
                let inner = inner(part);
                let kind = kinds.kind(inner, function).filter(is_mute);
                found.extend(kind.map(|kind| {
                    let start = inner.start_position();
                    let position = if start.is_none() { place } else { start };
                    (kind.word().to_owned(), help(&kind, inner), position)
                }));
            };

            match path.last() {
                Some(ASTNode::Expr(Expr::InterpolatedString(parts, place))) => {
                    parts.iter().for_each(|part| note(part, *place));
                }
                Some(ASTNode::Expr(Expr::FnCall(call, place))) if call.name == "+" => {
                    let is_text = |side: &Expr| {
                        kinds.kind(side, function) == Some(ValueKind::Data("string"))
                            || matches!(side, Expr::InterpolatedString(..))
                    };
                    if call.args.iter().any(is_text) {
                        call.args.iter().for_each(|side| note(side, *place));
                    }
                }
                _ => {}
            }
            true
        });

        for (kind, help, position) in found {
            let said = if kind == "function" { "a closure" } else { &kind };
            let message = format!("{} in a text is only the word \"{said}\"", article(&kind));
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            let fault = Diagnostic { help: Some(help), ..fault };
            self.push_new(if RESULTS.contains(&kind.as_str()) { fault } else { fault.warning() });
        }
    }
}

/// Returns what stands in the braces of `${..}`.
fn inner(part: &Expr) -> &Expr {
    match part {
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(only)] => only,
            _ => part,
        },
        other => other,
    }
}

/// Tells whether the text of a value says nothing about it.
fn is_mute(kind: &ValueKind) -> bool {
    let word = kind.word();
    word == "function" || word != NAMED && HANDLES.contains(&word)
}

/// Says what to write instead.
fn help(kind: &ValueKind, part: &Expr) -> String {
    let name = match part {
        Expr::Variable(name, ..) => name.1.as_str(),
        _ => kind.word(),
    };

    match kind {
        ValueKind::Node(operation) => of_node(&format!("\"{operation}\""), name),
        other => match other.word() {
            "node" => of_node(name, name),
            "function" => format!("call it: `${{{name}.call(..)}}`"),
            "report" => format!("write `${{{name}.result(\"..\")}}`"),
            "task" => format!("write `${{{name}.wait()}}`"),
            "branch" | "operation" | "tool" => format!("write `${{{name}.name}}`"),
            _ => "write one of its properties".to_owned(),
        },
    }
}

/// Says where the result of a node is.
fn of_node(operation: &str, name: &str) -> String {
    format!(
        "it has no result yet: write `depends_on: [{name}]`, which passes the result on, or \
         `${{report.result({operation})}}` after the flow"
    )
}
