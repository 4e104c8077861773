//! Results of operations that no graph of the script has: `report.result("sumary")`.

use crate::script::check::call::{PLANNERS, call_of, receiver_of};
use crate::script::check::checker::{Checker, Earlier, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::suggestion::suggest;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

impl Checker<'_> {
    /// Finds names of results that no operation has.
    pub(super) fn results(
        &mut self,
        file: &File<'_>,
        kinds: &Kinds<'_>,
        earlier: Option<Earlier<'_>>,
    ) {
        // The inputs of a dialogue, and imported files, may have operations of any name.
        let Some(names) = names(file).filter(|_| earlier.is_none()) else { return };

        let mut asked: Vec<(String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::MethodCall(call, _))) = path.last()
                && call.name == "result"
                && let [Expr::StringConstant(name, position)] = call.args.as_slice()
                && !names.iter().any(|known| known == name.as_str())
                // The operations of an expansion are numbered.
                && !name.contains('[')
                && let Some(report) = receiver_of(path, call)
                && let Some(ValueKind::Handle(kind)) = kinds.kind(report, kinds.function_of(path))
                && kind == "report"
            {
                asked.push((name.to_string(), *position));
            }
            true
        });

        for (name, position) in asked {
            let message = format!("no operation of this script is named `{name}`");
            let near = suggest(&name, names.iter().map(String::as_str));
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            self.push_new(fault.warning().suggesting(near));
        }
    }
}

/// Returns the names of all operations of a file, if it says them all; `None` as well if it has none.
fn names(file: &File<'_>) -> Option<Vec<String>> {
    let mut names = Some(Vec::new());
    file.ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Import(..))) = path.last() {
            names = None;
        }
        if let Some(call) = path.last().and_then(call_of)
            && PLANNERS.contains(&call.name.as_str())
        {
            names = names.take().and_then(|mut names| {
                names.push(name(call)?);
                Some(names)
            });
        }
        true
    });
    names.filter(|names| !names.is_empty())
}

/// Returns the name that a call gives its operation literally.
fn name(call: &FnCallExpr) -> Option<String> {
    let Some(Expr::Map(options, _)) = call.args.last() else { return None };
    match options.0.iter().find(|(key, _)| key.name == "name") {
        Some((_, Expr::StringConstant(name, _))) => Some(name.to_string()),
        _ => None,
    }
}
