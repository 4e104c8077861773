//! MCP servers that the project does not describe, as far as their names are written out.

use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Stmt};

impl Checker<'_> {
    /// Finds calls of `mcp` with the name of a server that kaizen.toml does not have.
    pub(super) fn servers(&mut self, file: &File<'_>) {
        if file.functions.has("mcp") {
            return;
        }

        let servers = &self.host.with.servers;
        let mut faults = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) =
                path.last()
            else {
                return true;
            };
            if call.name == "mcp"
                && !call.is_qualified()
                && let Some(Expr::StringConstant(name, at)) = call.args.first()
                && let Err(fault) = servers.spec(name)
            {
                let message = fault.to_string();
                faults.push(Diagnostic::at(codes::SERVER, message, file.name, file.text, *at));
            }
            true
        });

        for fault in faults {
            self.push(fault);
        }
    }
}
