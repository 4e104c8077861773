//! Texts that are added to variables with numbers: the sum is a text, and nothing fails. `total += b.chat(q)` makes
//! "012". A number and a text that make another value may well be meant as a text.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::used::is_variable;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::HashMap;

/// The variables that hold nothing but numbers until something is added to them, by function and name.
type NumberVariables = HashMap<(String, String), bool>;

impl Checker<'_> {
    /// Finds texts that are added to numbers.
    pub(super) fn sums(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let numbers = numbers(file, kinds);
        let mut found: Vec<Position> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    let Expr::Variable(name, ..) = &assignment.1.lhs else { return true };
                    let key = (function.to_owned(), name.1.to_string());
                    let added = match assignment.0.get_op_assignment_info() {
                        Some((_, _, _, "+=", ..)) => {
                            Some((&assignment.1.rhs, assignment.0.position()))
                        }
                        Some(_) => None,
                        None => added_to(&name.1, &assignment.1.rhs),
                    };

                    if let Some((value, position)) = added
                        && numbers.get(&key) == Some(&true)
                        && is_text(kinds, value, function)
                    {
                        found.push(position);
                    }
                }
                _ => {}
            }
            true
        });

        for position in found {
            let message = "a number and a text make a text here, and no sum".to_owned();
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            let help = "write `text.parse_float()`, or ask for a number: `#{ schema: \"number\" }`";
            self.push_new(Diagnostic { help: Some(help.to_owned()), ..fault.warning() });
        }
    }
}

fn is_number(kind: Option<&ValueKind>) -> bool {
    matches!(kind, Some(ValueKind::Data("int" | "float")))
}

fn is_text(kinds: &Kinds<'_>, expr: &Expr, function: &str) -> bool {
    kinds.kind(expr, function) == Some(ValueKind::Data("string"))
}

/// Returns what a sum adds to a variable, and where, if it adds anything: in `x + y`, `y`.
fn added_to<'a>(variable: &str, sum: &'a Expr) -> Option<(&'a Expr, Position)> {
    let Expr::FnCall(call, position) = sum else { return None };
    match call.args.as_slice() {
        [left, right] if call.name == "+" && is_variable(left, variable) => {
            let start = left.start_position();
            Some((right, if position.is_none() { start } else { *position }))
        }
        _ => None,
    }
}

/// Finds the variables that are set to numbers alone.
fn numbers(file: &File<'_>, kinds: &Kinds<'_>) -> NumberVariables {
    let mut found = NumberVariables::new();
    file.ast.walk(&mut |path: &[ASTNode]| {
        let function = kinds.function_of(path);
        let mut note = |name: &str, is_one: bool| {
            let known = found.entry((function.to_owned(), name.to_owned())).or_insert(is_one);
            *known &= is_one;
        };

        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                let kind = kinds.kind(&variable.1, function);
                note(&variable.0.name, is_number(kind.as_ref()));
            }
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                if let Expr::Variable(name, ..) = &assignment.1.lhs
                    && !assignment.0.is_op_assignment()
                    && added_to(&name.1, &assignment.1.rhs).is_none()
                {
                    let kind = kinds.kind(&assignment.1.rhs, function);
                    note(&name.1, is_number(kind.as_ref()));
                }
            }
            Some(ASTNode::Stmt(Stmt::For(each, _))) => note(&each.0.name, false),
            _ => {}
        }
        true
    });
    found
}
