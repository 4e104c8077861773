//! Closures that are kept and use the variable of a loop: all of them see its last value.

use crate::script::check::call::call_of;
use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, FlowControl, Position, Stmt};
use std::collections::HashSet;

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

/// A loop around a closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoopKind {
    For { body: Position },
    While,
}

impl Checker<'_> {
    /// Finds closures that outlive the turn of the loop in which they are made.
    pub(super) fn closures(&mut self, file: &File<'_>) {
        let mut found: Vec<(String, Position, LoopKind)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Share(shared))) = path.last() {
                let variables = loop_variables(path);
                found.extend(shared.iter().filter_map(|(ident, _)| {
                    let (_, kind) = variables.iter().find(|(name, _)| *name == ident.name)?;
                    Some((ident.name.to_string(), ident.pos, *kind))
                }));
            }
            true
        });

        for (name, position, kind) in found {
            let message = format!("the closures stored here share the loop variable `{name}`");
            let fault =
                Diagnostic::at(codes::LOOP_VARIABLE, message, file.name, file.text, position);
            self.push(fault.warning().suggesting(Some(own_variable(&name, kind))));
        }
    }
}

/// Says how each closure gets a variable of its own.
fn own_variable(name: &str, kind: LoopKind) -> Suggestion {
    let body = match kind {
        LoopKind::For { body } => body,
        // A variable of this name in the body would end the counting.
        LoopKind::While => {
            return format!("copy it before: `let own = {name};`, and use `own` in the closure")
                .into();
        }
    };

    let help =
        format!("use `map`, which gives each closure its own variable: `list.map(|{name}| ..)`");
    // A variable of its own in each turn of the loop is one of the closure's own.
    let copy = body.line().zip(body.position()).map(|(line, column)| QuickFix::At {
        line,
        column: column + 1,
        width: 0,
        text: format!(" let {name} = {name};"),
    });
    Suggestion { help, fixes: copy.into_iter().collect() }
}

/// Returns the variables of the loops around the call that keeps the closure at the end of a path, each
/// with its loop; none if no call keeps it. A variable that the body declares again is another one in each turn.
fn loop_variables(path: &[ASTNode]) -> Vec<(String, LoopKind)> {
    let call = path.iter().rposition(|node| call_of(node).is_some());
    let Some((at, call)) = call.and_then(|at| Some((at, call_of(&path[at])?))) else {
        return Vec::new();
    };

    if !KEEPERS.contains(&call.name.as_str()) {
        return Vec::new();
    }

    path[..at]
        .iter()
        .flat_map(|node| match node {
            ASTNode::Stmt(Stmt::For(each, _)) => {
                let body = &each.2.body;
                let kind = LoopKind::For { body: body.position() };
                let names = std::iter::once(&each.0).chain(&each.1);
                let names = names.filter(|name| !declares(body.statements(), &name.name));
                names.map(|name| (name.name.to_string(), kind)).collect()
            }
            ASTNode::Stmt(Stmt::While(flow, _)) => {
                let body = flow.body.statements();
                let mut counters = counters(flow, body);
                counters.retain(|name| !declares(body, name));
                counters.into_iter().map(|name| (name, LoopKind::While)).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        })
        .collect()
}

/// Tells whether statements declare a variable.
fn declares(body: &[Stmt], name: &str) -> bool {
    body.iter().any(|one| matches!(one, Stmt::Var(var, ..) if var.0.name == name))
}

/// Returns the variables of the condition of a `while` that its body sets.
fn counters(flow: &FlowControl, body: &[Stmt]) -> Vec<String> {
    let mut set: HashSet<String> = HashSet::new();
    for statement in body {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
                && let Expr::Variable(name, ..) = &assignment.1.lhs
            {
                set.insert(name.1.to_string());
            }
            true
        });
    }

    let mut found = Vec::new();
    flow.expr.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::Variable(name, ..))) = path.last()
            && set.contains(name.1.as_str())
        {
            found.push(name.1.to_string());
        }
        true
    });
    found
}
