//! Whether a call is made whatever happens.

use crate::script::check::call::call_of;
use crate::script::check::checker::File;
use crate::script::check::parameter::is_plain;
use rhai::{ASTNode, FnCallExpr, Position, Stmt};
use std::collections::HashSet;

/// What is known of the calls of a file.
pub(super) struct CallReach {
    /// Where the calls stand that are made whatever happens.
    certain: HashSet<Position>,
}

impl CallReach {
    pub(super) fn of(file: &File<'_>) -> CallReach {
        let mut reach = CallReach { certain: HashSet::new() };
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
}

/// Tells whether a call may end the script: by itself, or as a function of another file.
fn may_exit(call: &FnCallExpr) -> bool {
    call.name == "exit" || call.is_qualified()
}
