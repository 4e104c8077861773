//! One call in a script.

use crate::script::check::used::is;
use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};

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
    /// The variable before its dot, if that is one.
    pub(in crate::script) variable: Option<&'a str>,
}

/// Returns the call at the end of a path, if there is one.
pub(in crate::script) fn call<'a>(path: &[ASTNode<'a>]) -> Option<Call<'a>> {
    match path.last()? {
        ASTNode::Expr(Expr::MethodCall(expr, position)) => {
            let variable = match receiver(path) {
                Some(Expr::Variable(name, ..)) => Some(name.1.as_str()),
                _ => None,
            };
            Some(Call { expr, position: *position, is_method: true, variable })
        }
        ASTNode::Expr(Expr::FnCall(expr, position))
        | ASTNode::Stmt(Stmt::FnCall(expr, position)) => {
            Some(Call { expr, position: *position, is_method: false, variable: None })
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

/// Returns what stands before the dot of the method call at the end of a path, if that is one value and no chain.
pub(super) fn receiver<'a>(path: &[ASTNode<'a>]) -> Option<&'a Expr> {
    let (ASTNode::Expr(last), above) = path.split_last()? else { return None };
    match above.last()? {
        ASTNode::Expr(Expr::Dot(pair, ..)) if is(&pair.rhs, last) && !is_in_brackets(above) => {
            Some(&pair.lhs)
        }
        _ => None,
    }
}

/// Tells whether the chain at the end of a path begins in the brackets of another one: of `map[key].push(1)`,
/// `key].push(1)` is a node, and `key` is only read.
pub(super) fn is_in_brackets(path: &[ASTNode<'_>]) -> bool {
    let [.., ASTNode::Expr(Expr::Index(pair, flags, _)), ASTNode::Expr(chain)] = path else {
        return false;
    };
    !flags.contains(ASTFlags::BREAK) && is(&pair.rhs, *chain)
}
