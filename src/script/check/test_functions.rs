//! Functions that are named like tests, in files that are.

use crate::script::check::functions::ScriptFunctions;
use crate::script::check::used::{ResultUse, use_of};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::definition;
use rhai::{AST, ASTNode, Expr, FnAccess, Position, Stmt};
use std::collections::HashMap;

/// How the name of a test begins.
pub const PREFIX: &str = "test_";
/// How the name of a file with tests ends.
pub const FILE_END: &str = "_test.rhai";
/// Operators that compare, each with the assertion that is meant.
const COMPARING: &[(&str, &str)] = &[
    ("==", "assert_eq(a, b)"),
    ("!=", "assert_ne(a, b)"),
    ("<", "assert(a < b)"),
    ("<=", "assert(a <= b)"),
    (">", "assert(a > b)"),
    (">=", "assert(a >= b)"),
];

/// Finds functions of a file with tests that are named like tests and cannot be called.
pub(in crate::script) fn faults(ast: &AST, file: &str, text: &str) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    if !file.ends_with(FILE_END) {
        return faults;
    }

    for function in ast.iter_functions().filter(|f| f.name.starts_with(PREFIX)) {
        let name = function.name;
        let message = if !function.params.is_empty() {
            format!("the test `{name}` must not take arguments")
        } else if function.access == FnAccess::Private {
            format!("the test `{name}` is private, so it cannot be called")
        } else {
            continue;
        };

        let (line, column) = definition(text, name).unwrap_or((1, 1));
        let place = Position::new(line, column);
        faults.push(Diagnostic::at(codes::TEST, message, file, text, place));
    }

    faults
}

/// Finds tests that end with a comparison: a test passes whatever it returns.
pub(in crate::script) fn unasserted(ast: &AST, file: &str, text: &str) -> Vec<Diagnostic> {
    if !file.ends_with(FILE_END) {
        return Vec::new();
    }

    let functions = ScriptFunctions::of(ast);
    let mut scripts = ast.statements().len();
    let mut found: Vec<UnassertedValue> = Vec::new();
    let mut last: HashMap<String, Position> = HashMap::new();
    ast.walk(&mut |path: &[ASTNode]| {
        let Some(root) = path.first().map(ASTNode::position) else { return true };
        if path.len() == 1 && scripts > 0 {
            scripts -= 1;
            return true;
        }
        let Some(function) = functions.at(root).filter(|of| of.name.starts_with(PREFIX)) else {
            return true;
        };

        if path.len() == 1 {
            last.insert(function.name.clone(), root);
        }
        found.extend(unasserted_value(path, root, &function.name));
        true
    });
    // Of other statements it is told that their results are not used.
    found.sort_by_key(|value| value.position);
    found.retain(|value| value.is_returned || last.get(&value.test) == Some(&value.root));

    let fault = |UnassertedValue { position, instead, .. }| {
        let message = "a test passes whatever it returns, so this is not checked".to_owned();
        let fault = Diagnostic::at(codes::TEST, message, file, text, position);
        Diagnostic { help: Some(format!("write `{instead}`")), ..fault }
    };
    found.into_iter().map(fault).collect()
}

/// A value of a test that is true or false, and that nothing is done with.
struct UnassertedValue {
    test: String,
    /// The statement of the test that holds it.
    root: Position,
    position: Position,
    /// Whether `return` stands before it.
    is_returned: bool,
    /// The assertion that is meant.
    instead: &'static str,
}

/// Returns the value at the end of a path, if it is such a one.
fn unasserted_value(path: &[ASTNode<'_>], root: Position, test: &str) -> Option<UnassertedValue> {
    let (position, start, instead) = match path.last()? {
        ASTNode::Expr(expr @ Expr::FnCall(call, position)) => {
            (*position, expr.start_position(), comparison(&call.name)?)
        }
        ASTNode::Stmt(Stmt::FnCall(call, position)) => {
            let start = call.args.first().map_or(root, Expr::start_position);
            (*position, start, comparison(&call.name)?)
        }
        ASTNode::Expr(expr @ (Expr::And(..) | Expr::Or(..))) => {
            (expr.position(), expr.start_position(), "assert(a && b)")
        }
        ASTNode::Expr(Expr::BoolConstant(false, position)) => (*position, root, "assert(false)"),
        _ => return None,
    };

    let is_returned = matches!(path, [.., ASTNode::Stmt(Stmt::Return(Some(_), ..)), _]);
    (is_returned || use_of(path) == ResultUse::Returned).then(|| UnassertedValue {
        test: test.to_owned(),
        root,
        position: if position.is_none() { start } else { position },
        is_returned,
        instead,
    })
}

fn comparison(operator: &str) -> Option<&'static str> {
    COMPARING.iter().find(|(known, _)| *known == operator).map(|(_, instead)| *instead)
}
