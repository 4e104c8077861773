//! One call in a script.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Words that plan an operation.
pub(in crate::script) const PLANNERS: &[&str] = &["add_operation", "add_aggregation", "expand"];
/// Words that give a function each item of a list.
pub(in crate::script) const EACH: &[&str] =
    &["map", "filter", "for_each", "find", "some", "all", "find_map", "parallel"];

/// One call.
pub(super) struct Call<'a> {
    pub(super) expr: &'a FnCallExpr,
    pub(super) position: Position,
    pub(super) is_method: bool,
}

/// Returns the call at the end of a path, if there is one.
pub(super) fn call<'a>(path: &[ASTNode<'a>]) -> Option<Call<'a>> {
    match path.last()? {
        ASTNode::Expr(Expr::MethodCall(expr, position)) => {
            Some(Call { expr, position: *position, is_method: true })
        }
        ASTNode::Expr(Expr::FnCall(expr, position))
        | ASTNode::Stmt(Stmt::FnCall(expr, position)) => {
            Some(Call { expr, position: *position, is_method: false })
        }
        _ => None,
    }
}

/// Returns the call that a node is, by a dot or not.
pub(super) fn call_of<'a>(node: &ASTNode<'a>) -> Option<&'a FnCallExpr> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
        | ASTNode::Stmt(Stmt::FnCall(call, _)) => Some(call),
        _ => None,
    }
}
