//! Results that nothing is done with: `text.trimmed();` leaves the text as it is.

use crate::script::check::checker::{Checker, File};
use crate::script::check::in_place::Bodies;
use crate::script::check::parameter::is_try;
use crate::script::check::used::ResultUse;
use crate::script::diagnostic::forms::Forms;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};

/// Words that change nothing and only return something.
const PURE: &[&str] = &[
    "contains",
    "distinct",
    "ends_with",
    "format",
    "index_of",
    "is_empty",
    "join",
    "lower",
    "max_by",
    "mean",
    "min_by",
    "percent",
    "replaced",
    "reversed",
    "round",
    "sorted",
    "split",
    "starts_with",
    "sub_string",
    "sum",
    "to_float",
    "to_int",
    "trimmed",
    "upper",
    "zip",
];
/// The same of operators.
pub(super) const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "%", "**", "==", "!=", "<", "<=", ">", ">="];

/// Operators that fail for some values: a script may try whether they do.
const FAILING: &[&str] = &["/", "%"];

impl Checker<'_> {
    /// Finds calls and operators that only return something, where nothing is done with it.
    pub(super) fn unused(&mut self, file: &File<'_>, forms: &Forms<'_>, bodies: &Bodies) {
        let mut found: Vec<(String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            // What the script defines itself may do anything.
            if let Some((name, position)) = pure(path)
                && !forms.is_of_script(name)
                && bodies.use_of(path) == ResultUse::Dropped
                && !(FAILING.contains(&name) && path.iter().any(is_try))
            {
                found.push((name.to_owned(), position));
            }
            true
        });

        for (name, position) in found {
            let message = format!("`{name}` changes nothing, and its result is not used");
            let help = match name.as_str() {
                "==" => "write `=` to set a variable".to_owned(),
                _ if OPERATORS.contains(&name.as_str()) => {
                    format!("write `let result = a {name} b;` to keep the result")
                }
                _ => format!("write `x = x.{name}(..);` to keep the result"),
            };

            let fault = Diagnostic::at(codes::UNUSED, message, file.name, file.text, position);
            // What cannot be called at all is named already.
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Returns the name and the place of a call that ends a path, if all it does is return something.
fn pure<'a>(path: &[ASTNode<'a>]) -> Option<(&'a str, Position)> {
    let (call, position) = match path.last()? {
        ASTNode::Expr(Expr::MethodCall(call, position) | Expr::FnCall(call, position))
        | ASTNode::Stmt(Stmt::FnCall(call, position)) => (call, *position),
        _ => return None,
    };

    let name = call.name.as_str();
    let is_pure = !call.is_qualified() && (PURE.contains(&name) || OPERATORS.contains(&name));
    // Of some operators the language keeps no place.
    let first = call.args.first().map_or(Position::NONE, Expr::start_position);
    is_pure.then_some((name, if position.is_none() { first } else { position }))
}
