//! One call in a script.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Words that plan an operation.
pub(in crate::script) const PLANNERS: &[&str] = &["add_operation", "add_aggregation", "expand"];
/// Words that give a function each item of a list.
pub(in crate::script) const EACH: &[&str] =
    &["map", "filter", "for_each", "find", "some", "all", "find_map", "parallel"];

/// One call, and the value before the dot if it is a method call.
pub(super) struct Call<'a> {
    pub(super) expr: &'a FnCallExpr,
    pub(super) position: Position,
    pub(super) receiver: Option<&'a Expr>,
    pub(super) is_method: bool,
}

/// Returns the call at the end of a path, if there is one.
pub(super) fn call<'a>(path: &[ASTNode<'a>]) -> Option<Call<'a>> {
    match path.last()? {
        ASTNode::Expr(Expr::MethodCall(expr, position)) => {
            let receiver = path.iter().rev().nth(1).and_then(|parent| match parent {
                // In `a.b.c()` the parts after the first dot hang on one another.
                ASTNode::Expr(Expr::Dot(pair, ..)) if is_method(&pair.rhs, expr) => Some(&pair.lhs),
                _ => None,
            });

            let is_first = path.iter().rev().nth(2).is_none_or(|above| {
                !matches!(above, ASTNode::Expr(Expr::Dot(..) | Expr::Index(..)))
            });

            let receiver = receiver.filter(|_| is_first);
            Some(Call { expr, position: *position, receiver, is_method: true })
        }
        ASTNode::Expr(Expr::FnCall(expr, position))
        | ASTNode::Stmt(Stmt::FnCall(expr, position)) => {
            Some(Call { expr, position: *position, receiver: None, is_method: false })
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

/// Returns what stands before the dot of the method call at the end of a path, if that is one value.
pub(super) fn receiver_of<'a>(path: &[ASTNode<'a>], expr: &FnCallExpr) -> Option<&'a Expr> {
    call(path).filter(|call| std::ptr::eq(call.expr, expr)).and_then(|call| call.receiver)
}

/// Tells whether an expression is this very method call.
fn is_method(expr: &Expr, call: &FnCallExpr) -> bool {
    matches!(expr, Expr::MethodCall(other, _) if std::ptr::eq(&raw const **other, call))
}
