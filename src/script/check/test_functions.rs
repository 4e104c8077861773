//! Functions that are named like tests, in files that are.

use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::definition;
use rhai::{AST, FnAccess, Position};

/// How the name of a test begins.
pub const PREFIX: &str = "test_";
/// How the name of a file with tests ends.
pub const FILE_END: &str = "_test.rhai";
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
