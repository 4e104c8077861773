//! `retain` whose result is used: it returns the items that it removes, and leaves the others in the list.

use crate::script::check::call::{Call, call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::in_place::Bodies;
use crate::script::check::kinds::Kinds;
use crate::script::check::used::{ResultUse, is_variable};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::HashMap;

/// Parts of names for what `retain` returns.
const REMOVED: &[&str] = &[
    "cut",
    "deleted",
    "discarded",
    "dropped",
    "gone",
    "left_out",
    "old",
    "rejected",
    "removed",
    "taken",
];

/// A word whose result is used, and the variable that it changes, by its function and name.
struct RetainCall {
    position: Position,
    variable: Option<(String, String)>,
}

impl Checker<'_> {
    /// Finds uses of what `retain` returns where nothing reads the list that it leaves.
    pub(super) fn retained(&mut self, file: &File<'_>, kinds: &Kinds<'_>, bodies: &Bodies) {
        let mut found: Vec<RetainCall> = Vec::new();
        let mut uses: HashMap<(String, String), Vec<Position>> = HashMap::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Variable(name, _, position))) = path.last() {
                let key = (kinds.function_of(path).to_owned(), name.1.to_string());
                uses.entry(key).or_default().push(*position);
            }
            if let Some(call) = call(path) {
                found.extend(retained(kinds, bodies, path, &call));
            }
            true
        });

        found.retain(|one| {
            let read = one.variable.as_ref().and_then(|variable| uses.get(variable));
            read.is_none_or(|places| places.iter().all(|place| *place < one.position))
        });
        for RetainCall { position, .. } in found {
            let message = "`retain` returns the items that it removes".to_owned();
            let fault = Diagnostic::at(codes::IN_PLACE, message, file.name, file.text, position);
            let help = "write `list.filter(|x| ..)`, which returns the items that it keeps";
            self.push_new(Diagnostic { help: Some(help.to_owned()), ..fault.warning() });
        }
    }
}

/// Returns the call at the end of a path if it is a `retain` whose result is used. In a loop the list may be
/// read in the next turn, and what closures share may be read anywhere.
fn retained(
    kinds: &Kinds<'_>,
    bodies: &Bodies,
    path: &[ASTNode<'_>],
    call: &Call<'_>,
) -> Option<RetainCall> {
    let is_retain = call.is_method
        && call.expr.name == "retain"
        && call.expr.args.first().and_then(closure_in).is_some();
    let is_in_loop = path
        .iter()
        .any(|node| matches!(node, ASTNode::Stmt(Stmt::For(..) | Stmt::While(..) | Stmt::Do(..))));
    if !is_retain || is_in_loop || names_the_removed(path) || kinds.is_of_script(path, call) {
        return None;
    }

    match bodies.use_of(path) {
        ResultUse::Used => {}
        ResultUse::Returned if bodies.around(path).is_some() => {}
        ResultUse::Returned | ResultUse::Dropped => return None,
    }
    let variable = match receiver(path)? {
        Expr::Variable(name, ..) if is_set(path, &name.1) => None,
        Expr::Variable(name, ..) if bodies.is_shared(&name.1) => return None,
        Expr::Variable(name, ..) => Some((kinds.function_of(path).to_owned(), name.1.to_string())),
        Expr::FnCall(..) | Expr::MethodCall(..) => None,
        _ => return None,
    };
    Some(RetainCall { position: call.position, variable })
}

/// Tells whether the variable that is set to what the method at the end of a path returns says that these items go.
fn names_the_removed(path: &[ASTNode<'_>]) -> bool {
    path.iter().rev().any(|node| match node {
        ASTNode::Stmt(Stmt::Var(own, ..)) => REMOVED.iter().any(|word| own.0.name.contains(word)),
        _ => false,
    })
}

/// Tells whether a variable is set to what the method at the end of a path returns.
fn is_set(path: &[ASTNode<'_>], variable: &str) -> bool {
    let statement = path.iter().rev().find_map(|node| match node {
        ASTNode::Stmt(statement) => Some(*statement),
        _ => None,
    });
    match statement {
        Some(Stmt::Var(own, ..)) => own.0.name == variable,
        Some(Stmt::Assignment(assignment)) => is_variable(&assignment.1.lhs, variable),
        _ => false,
    }
}
