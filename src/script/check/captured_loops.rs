//! Closures that are kept and use the variable of a loop: all of them see its last value.

use crate::script::check::call::call_of;
use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Position, Stmt};

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
        let mut found: Vec<(String, Position, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Share(shared))) = path.last() {
                let variables = loop_variables(path);
                found.extend(shared.iter().filter_map(|(ident, _)| {
                    let (_, body) = variables.iter().find(|(name, _)| *name == ident.name)?;
                    Some((ident.name.to_string(), ident.pos, *body))
                }));
            }
            true
        });

        for (name, position, body) in found {
            let message = format!("the closures stored here share the loop variable `{name}`");
            let fault =
                Diagnostic::at(codes::LOOP_VARIABLE, message, file.name, file.text, position);
            let help = format!(
                "use `map`, which gives each closure its own variable: `list.map(|{name}| ..)`"
            );

            // A variable of its own in each turn of the loop is one of the closure's own.
            let copy = body.line().zip(body.position()).map(|(line, column)| QuickFix::At {
                line,
                column: column + 1,
                width: 0,
                text: format!(" let {name} = {name};"),
            });
            let fixes = copy.into_iter().collect();
            self.push(fault.warning().suggesting(Some(Suggestion { help, fixes })));
        }
    }
}

/// Returns the variables of the loops around the call that keeps the closure at the end of a path, each
/// with the place of the loop's body; none if no call keeps it. A variable that the body declares again is
/// another one in each turn.
fn loop_variables(path: &[ASTNode]) -> Vec<(String, Position)> {
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
            let body = &each.2.body;
            let is_own = move |name: &str| {
                let declares = |one: &Stmt| matches!(one, Stmt::Var(var, ..) if var.0.name == name);
                body.iter().any(declares)
            };

            let names = std::iter::once(&each.0).chain(&each.1);
            let shared = names.filter(move |name| !is_own(&name.name));
            shared.map(move |name| (name.name.to_string(), body.position()))
        })
        .collect()
}
