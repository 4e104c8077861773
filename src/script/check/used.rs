//! Whether the value of an expression is used, or whether the expression stands as a statement of its own.

use rhai::{ASTFlags, ASTNode, Expr, Stmt};

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResultUse {
    /// Something is done with it.
    Used,
    /// It is dropped.
    Dropped,
    /// It is the value of the body of a script or function, whoever calls that.
    Returned,
}

/// Tells what becomes of the value of the last node of a path.
pub(super) fn use_of(path: &[ASTNode<'_>]) -> ResultUse {
    let Some((child, parents)) = path.split_last() else { return ResultUse::Dropped };
    let Some(parent) = parents.last() else { return ResultUse::Returned };

    match (parent, child) {
        // The parts of a chain hang on one another: only the last one is the value of the chain.
        (ASTNode::Expr(Expr::Dot(pair, ..)), ASTNode::Expr(child)) => {
            if is(&pair.lhs, child) {
                ResultUse::Used
            } else {
                use_of(parents)
            }
        }
        // What stands in the brackets is used, but `a["x"].b()` has the rest of its chain there.
        (ASTNode::Expr(Expr::Index(pair, flags, _)), ASTNode::Expr(child)) => {
            let is_chain = matches!(child, Expr::Dot(..) | Expr::Index(..));
            let goes_on = is_chain && !flags.contains(ASTFlags::BREAK) && is(&pair.rhs, child);
            if goes_on { use_of(parents) } else { ResultUse::Used }
        }
        (
            ASTNode::Expr(Expr::Stmt(block)) | ASTNode::Stmt(Stmt::Block(block)),
            ASTNode::Stmt(child),
        ) => of_last(block.statements(), child, parents),
        (ASTNode::Stmt(Stmt::Expr(_)), _) => use_of(parents),
        (ASTNode::Stmt(Stmt::If(flow, ..) | Stmt::TryCatch(flow, ..)), ASTNode::Stmt(child)) => {
            let ends = |body: &[Stmt]| body.last().is_some_and(|last| is(last, child));
            if ends(flow.body.statements()) || ends(flow.branch.statements()) {
                use_of(parents)
            } else {
                ResultUse::Dropped
            }
        }
        (ASTNode::Stmt(Stmt::Switch(switch, _)), ASTNode::Expr(child)) => {
            let mut cases = switch.1.expressions.iter();
            if cases.any(|case| is(&case.rhs, child)) { use_of(parents) } else { ResultUse::Used }
        }
        // The body of a loop.
        (ASTNode::Stmt(_), ASTNode::Stmt(_)) => ResultUse::Dropped,
        _ => ResultUse::Used,
    }
}

/// Tells what becomes of the value of a statement of a block.
fn of_last(block: &[Stmt], statement: &Stmt, parents: &[ASTNode<'_>]) -> ResultUse {
    if block.last().is_some_and(|last| is(last, statement)) {
        use_of(parents)
    } else {
        ResultUse::Dropped
    }
}

pub(super) fn is<T>(one: &T, other: &T) -> bool {
    std::ptr::eq(one, other)
}

/// Tells whether an expression is a variable of this name.
pub(super) fn is_variable(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Variable(variable, ..) if variable.1 == name)
}
