//! Closures that are kept and use the variable of a loop: all of them see its last value.

use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Functions that keep the closures they are given, to be called later.
pub(super) const KEEPERS: &[&str] = &[
    "push",
    "insert",
    "append",
    "task",
    "add_operation",
    "add_aggregation",
    "add_edge",
    "expand",
    "operation",
    "on",
];

impl Checker<'_> {
    /// Finds closures that outlive the turn of the loop in which they are made.
    pub(super) fn closures(&mut self, file: &File<'_>) {
        let mut found: Vec<(String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Share(shared))) = path.last() {
                let variables = loop_variables(path);
                let each = shared.iter().map(|(ident, _)| (ident.name.to_string(), ident.pos));
                found.extend(each.filter(|(name, _)| variables.contains(name)));
            }
            true
        });

        for (name, position) in found {
            let message = format!("the closures stored here share the loop variable `{name}`");
            let fault =
                Diagnostic::at(codes::LOOP_VARIABLE, message, file.name, file.text, position);
            let help = format!(
                "use `map`, which gives each closure its own variable: `list.map(|{name}| ..)`"
            );

            self.push(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Returns the variables of the loops around the call that keeps the closure at the end of a path;
/// none if no call keeps it.
fn loop_variables(path: &[ASTNode]) -> Vec<String> {
    let call = path.iter().rposition(|node| call_of(node).is_some());
    let Some((at, call)) = call.and_then(|at| Some((at, call_of(&path[at])?))) else {
        return Vec::new();
    };

    if !KEEPERS.contains(&call.name.as_str()) {
        return Vec::new();
    }

    let loops = path[..at].iter().filter_map(|node| match node {
        ASTNode::Stmt(Stmt::For(each, _)) => Some(each),
        _ => None,
    });
    loops
        .flat_map(|each| {
            let counter = each.1.as_ref().map(|counter| counter.name.to_string());
            [Some(each.0.name.to_string()), counter]
        })
        .flatten()
        .collect()
}

fn call_of<'a>(node: &ASTNode<'a>) -> Option<&'a FnCallExpr> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
        | ASTNode::Stmt(Stmt::FnCall(call, _)) => Some(call),
        _ => None,
    }
}
