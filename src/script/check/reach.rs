//! Whether a call is made whatever happens, and what becomes of an error that it throws.

use crate::script::check::call::call_of;
use crate::script::check::checker::File;
use crate::script::check::closure::closures_in;
use crate::script::check::parameter::{is_plain, is_try};
use crate::script::diagnostic::Diagnostic;
use crate::script::lexer::names_closure;
use rhai::{ASTNode, FnCallExpr, Position, Stmt};
use std::collections::HashSet;

/// The word that gives errors as values.
const CATCHES: &str = "attempt";
/// The word that fails where nothing is thrown.
const WANTS: &str = "assert_throws";

/// What becomes of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorFate {
    /// It ends the function that it is thrown in.
    Thrown,
    /// The script catches it where it is thrown.
    Caught,
    /// The script asserts that it is thrown.
    Wanted,
}

impl ErrorFate {
    /// Returns a fault of a call that would fail, as it is told: nothing where the error is asserted.
    pub(super) fn of(self, fault: Diagnostic) -> Option<Diagnostic> {
        match self {
            ErrorFate::Thrown => Some(fault),
            ErrorFate::Caught => Some(fault.warning()),
            ErrorFate::Wanted => None,
        }
    }
}

/// What is known of the calls of a file.
pub(super) struct CallReach {
    /// Where the calls stand that are made whatever happens.
    certain: HashSet<Position>,
    /// The closures whose errors are caught.
    caught: HashSet<String>,
    /// The closures that are asserted to throw.
    wanted: HashSet<String>,
    /// Whether errors of closures are caught that come from variables: any may be one of them.
    may_be_caught: bool,
}

impl CallReach {
    pub(super) fn of(file: &File<'_>) -> CallReach {
        let mut reach = CallReach {
            certain: HashSet::new(),
            caught: HashSet::new(),
            wanted: HashSet::new(),
            may_be_caught: false,
        };
        let mut scripts = file.ast.statements().len();
        let mut is_certain = true;
        let mut exits = false;

        file.ast.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(_)] = path {
                is_certain &= scripts > 0;
                scripts = scripts.saturating_sub(1);
            }
            // What comes after an end of the script may not be reached.
            is_certain &= !matches!(path.last(), Some(ASTNode::Stmt(Stmt::Return(..))));

            if let Some(call) = path.last().and_then(call_of) {
                let closures = || closures_in(&call.args);
                let name = call.name.as_str();
                match name {
                    CATCHES => reach.caught.extend(closures()),
                    WANTS => reach.wanted.extend(closures()),
                    _ => {}
                }
                reach.may_be_caught |=
                    [CATCHES, WANTS].contains(&name) && closures().next().is_none();

                exits |= may_exit(call);
                if is_certain && path.iter().all(is_plain) {
                    reach.certain.extend(path.last().map(ASTNode::position));
                }
            }
            true
        });

        // Any function may end the script.
        if exits {
            reach.certain.clear();
        }
        reach
    }

    /// Tells whether the call at the end of a path is made whatever happens.
    pub(super) fn is_certain(&self, path: &[ASTNode<'_>]) -> bool {
        path.last().is_some_and(|node| self.is_certain_at(node.position()))
    }

    /// Tells whether the call at this place is made whatever happens.
    pub(super) fn is_certain_at(&self, position: Position) -> bool {
        self.certain.contains(&position)
    }

    /// Returns what becomes of an error that the call at the end of a path throws.
    pub(super) fn fate(&self, file: &File<'_>, path: &[ASTNode<'_>]) -> ErrorFate {
        let root = path.first().map_or(Position::NONE, ASTNode::position);
        let around = || file.functions.around(root);
        if around().any(|function| self.wanted.contains(&function.name)) {
            return ErrorFate::Wanted;
        }

        let is_caught = path.iter().any(is_try)
            || around().any(|function| {
                let may_be = self.may_be_caught && names_closure(&function.name);
                may_be || self.caught.contains(&function.name)
            });
        if is_caught { ErrorFate::Caught } else { ErrorFate::Thrown }
    }
}

/// Tells whether a call may end the script: by itself, or as a function of another file.
fn may_exit(call: &FnCallExpr) -> bool {
    call.name == "exit" || call.is_qualified()
}
