//! Ends of a script by `exit`, which completes the run with a value, and never fails it.

use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::forms::Forms;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};

impl Checker<'_> {
    /// Finds numbers that are meant as exit codes.
    pub(super) fn exits(&mut self, file: &File<'_>, forms: &Forms<'_>) {
        // One that the script defines itself may do anything.
        if forms.is_of_script("exit") {
            return;
        }

        let mut found: Vec<(i64, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) = path.last()
                && call.name == "exit"
                && let [Expr::IntegerConstant(code, _)] = call.args.as_slice()
                && *code != 0
            {
                found.push((*code, *position));
            }
            true
        });

        for (code, position) in found {
            let message = format!("`exit({code})` completes the run, with the value {code}");
            let help =
                "write `throw \"the reason\"` to end a run as failed, with exit code 1".to_owned();
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            self.push(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}
