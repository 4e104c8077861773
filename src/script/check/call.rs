//! One call in a script.

use crate::script::check::used::is;
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Words that plan an operation.
pub(in crate::script) const PLANNERS: &[&str] = &["add_operation", "add_aggregation", "expand"];
/// Words that give a function each item of a list.
pub(in crate::script) const EACH: &[&str] =
    &["map", "filter", "for_each", "find", "some", "all", "find_map", "parallel"];

/// One call.
pub(in crate::script) struct Call<'a> {
    pub(in crate::script) expr: &'a FnCallExpr,
    pub(in crate::script) position: Position,
    pub(in crate::script) is_method: bool,
}

/// Returns the call at the end of a path, if there is one.
pub(in crate::script) fn call<'a>(path: &[ASTNode<'a>]) -> Option<Call<'a>> {
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

/// Returns what stands before the dot of the method call at the end of a path.
pub(super) fn receiver<'a>(path: &[ASTNode<'a>]) -> Option<&'a Expr> {
    let ASTNode::Expr(last) = path.last()? else { return None };
    match path.iter().rev().nth(1)? {
        ASTNode::Expr(Expr::Dot(pair, ..)) if is(&pair.rhs, last) => Some(&pair.lhs),
        _ => None,
    }
}
