//! Maps that a script fills under keys which it computes: what their fields hold, nobody knows.

use crate::script::check::checker::File;
use crate::script::check::kinds::Kinds;
use crate::script::check::tools::FILLING;
use crate::script::check::value_kind::{AnswerField, ValueKind};
use crate::script::host::constants::CONSTANTS;
use rhai::{ASTNode, Expr, Stmt};
use std::collections::HashSet;

/// What a function calls the value before its dot.
const THIS: &str = "this";

impl Kinds<'_> {
    /// Returns what is known of a value that begins a chain. Of one that the script fills, the kinds of its fields
    /// are not.
    pub(super) fn unless_filled(&self, of: Option<ValueKind>, first: &Expr) -> Option<ValueKind> {
        let is_filled = match first {
            Expr::Variable(name, ..) => self.filled.contains(name.1.as_str()),
            Expr::ThisPtr(_) => true,
            _ => false,
        };
        match of {
            Some(ValueKind::Answer(fields)) if is_filled || self.filled.contains(THIS) => {
                let open = fields.into_iter().map(|field| AnswerField {
                    kind: None,
                    words: None,
                    ..field
                });
                Some(ValueKind::Answer(open.collect()))
            }
            of => of,
        }
    }

    /// Tells whether a name stands for a function of the script, and for no variable.
    pub(super) fn is_function(&self, name: &str, function: &str) -> bool {
        let is_constant = || CONSTANTS.iter().any(|(known, ..)| *known == name);
        self.functions.has(name) && !self.knows(name, function) && !is_constant()
    }
}

/// Returns the variables that are filled so in a file.
pub(super) fn filled_variables(file: &File<'_>) -> HashSet<String> {
    let mut found = HashSet::new();
    file.ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                found.extend(filled(&assignment.1.lhs));
            }
            Some(ASTNode::Expr(Expr::Dot(pair, ..))) if fills(&pair.rhs) => {
                found.extend(root_of(&pair.lhs));
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)))
                if FILLING.contains(&call.name.as_str()) =>
            {
                found.extend(call.args.first().and_then(root_of));
            }
            _ => {}
        }
        true
    });
    found
}

/// Returns the variable whose parts an assignment sets under a key that is not written out.
fn filled(place: &Expr) -> Option<String> {
    let is_computed = |part: &Expr| !matches!(part, Expr::StringConstant(..));
    let mut rest = place;
    let mut is_filled = false;
    while let Expr::Dot(pair, ..) | Expr::Index(pair, ..) = rest {
        let is_index = matches!(rest, Expr::Index(..));
        rest = &pair.rhs;
        let part = match rest {
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => &pair.lhs,
            only => only,
        };
        is_filled |= is_index && is_computed(part);
    }
    root_of(place).filter(|_| is_filled)
}

/// Returns the variable with which a chain begins.
fn root_of(chain: &Expr) -> Option<String> {
    match chain {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => root_of(&pair.lhs),
        Expr::Variable(name, ..) => Some(name.1.to_string()),
        Expr::ThisPtr(_) => Some(THIS.to_owned()),
        _ => None,
    }
}

/// Tells whether a chain ends with a word that fills a map.
fn fills(chain: &Expr) -> bool {
    match chain {
        Expr::MethodCall(call, _) => FILLING.contains(&call.name.as_str()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => fills(&pair.rhs),
        _ => false,
    }
}
