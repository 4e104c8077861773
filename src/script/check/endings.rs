//! Functions that end with `let`, and so give nothing, although their result is used.

use crate::script::check::call::call;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::in_place::Bodies;
use crate::script::check::kinds::Kinds;
use crate::script::check::used::ResultUse;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, Position, Stmt};
use std::collections::HashMap;

/// Words that use what their function gives.
pub(super) const USING: &[&str] = &[
    "all",
    "filter",
    "find",
    "find_map",
    "map",
    "max_by",
    "min_by",
    "reduce",
    "reduce_rev",
    "some",
    "sort",
    "sorted",
];

/// How a function ends.
struct FunctionEnd {
    /// The last statement.
    position: Position,
    /// The variable that it makes, if it is a `let`.
    variable: Option<String>,
    /// Whether the function returns something earlier.
    returns: bool,
}

impl Checker<'_> {
    /// Finds functions that end with a `let`, and whose result is used.
    pub(super) fn endings(&mut self, file: &File<'_>, kinds: &Kinds<'_>, bodies: &Bodies) {
        let endings = endings(file);
        let ends_with = |name: &str| {
            let ending = endings.get(name).filter(|ending| !ending.returns)?;
            ending.variable.as_ref().map(|variable| (variable.clone(), ending.position))
        };

        let mut found: Vec<(String, String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let Some(call) = call(path).filter(|call| !call.expr.is_qualified()) else {
                return true;
            };
            let name = call.expr.name.as_str();
            if let Some((variable, position)) = ends_with(name)
                && bodies.use_of(path) == ResultUse::Used
            {
                found.push((format!("`{name}`"), variable, position));
            }

            if USING.contains(&name) && !kinds.is_of_script(path, &call) {
                let closures = call.expr.args.iter().filter_map(closure_in);
                let endings = closures.filter_map(|closure| ends_with(&closure));
                found.extend(endings.map(|(variable, position)| {
                    (format!("the function of `{name}`"), variable, position)
                }));
            }
            true
        });

        for (what, variable, position) in found {
            let message = format!("{what} ends with a `let`, so it gives nothing (`()`)");
            let fault = Diagnostic::at(codes::UNUSED, message, file.name, file.text, position);
            let help = format!("end it with `{variable}`, without `;`");
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Returns how the functions of a file end, by their names. Those that share a name are left out.
fn endings(file: &File<'_>) -> HashMap<String, FunctionEnd> {
    let mut endings: HashMap<String, FunctionEnd> = HashMap::new();
    let mut scripts = file.ast.statements().len();

    file.ast.walk(&mut |path: &[ASTNode]| {
        let Some(ASTNode::Stmt(root)) = path.first() else { return true };
        let is_root = path.len() == 1;
        if is_root && scripts > 0 {
            scripts -= 1;
            return true;
        }
        let Some(function) = file.functions.at(root.position()) else { return true };

        let position = root.position();
        let ending = endings.entry(function.name.clone()).or_insert_with(|| FunctionEnd {
            position,
            variable: None,
            returns: false,
        });
        if is_root && position >= ending.position {
            ending.position = position;
            ending.variable = match root {
                Stmt::Var(variable, ..) => Some(variable.0.name.to_string()),
                _ => None,
            };
        }
        if let Some(ASTNode::Stmt(Stmt::Return(Some(_), flags, _))) = path.last() {
            ending.returns |= !flags.contains(ASTFlags::BREAK);
        }
        true
    });

    endings.retain(|name, _| file.functions.named(name).count() == 1);
    endings
}
