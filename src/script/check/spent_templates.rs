//! Texts in which each turn of a loop replaces the same part: after the first turn, nothing is left to replace.

use crate::script::check::call::{call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::in_place::Bodies;
use crate::script::check::kinds::Kinds;
use crate::script::check::used::{ResultUse, is_variable};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, FlowControl, Position, Stmt};

/// The fewest letters of a part that what replaces it hardly has as well.
const LETTERS_MIN: usize = 2;

/// A text that is spent in the first turn of a loop.
struct SpentTemplate {
    variable: String,
    part: String,
    position: Position,
}

impl Checker<'_> {
    /// Finds `text.replace("PART", item)` in a loop around which the text lives on.
    pub(super) fn spent_templates(&mut self, file: &File<'_>, kinds: &Kinds<'_>, bodies: &Bodies) {
        let mut found: Vec<SpentTemplate> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if bodies.use_of(path) == ResultUse::Dropped {
                found.extend(spent(kinds, path));
            }
            true
        });

        for SpentTemplate { variable, part, position } in found {
            let message = format!("after the first turn of the loop, `{variable}` has no `{part}`");
            let fault = Diagnostic::at(codes::IN_PLACE, message, file.name, file.text, position);
            let help =
                format!("write `let text = {variable}.replaced(\"{part}\", ..);` in the loop");
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Returns the text that the call at the end of a path spends.
fn spent(kinds: &Kinds<'_>, path: &[ASTNode<'_>]) -> Option<SpentTemplate> {
    let call = call(path).filter(|call| call.is_method && call.expr.name == "replace")?;
    let ([Expr::StringConstant(part, _), value], Some(Expr::Variable(text, ..))) =
        (call.expr.args.as_slice(), receiver(path))
    else {
        return None;
    };

    let letters = part.chars().filter(|letter| letter.is_alphabetic()).count();
    let (item, body) = path.iter().rev().find_map(|node| match node {
        ASTNode::Stmt(Stmt::For(each, _)) => Some((each.0.name.as_str(), &each.2)),
        _ => None,
    })?;
    let is_item = match value {
        Expr::Variable(..) => is_variable(value, item),
        Expr::Dot(pair, ..) => {
            is_variable(&pair.lhs, item) && matches!(pair.rhs, Expr::Property(..))
        }
        _ => false,
    };
    let is_spent = letters >= LETTERS_MIN && is_item && lives_on(body, &text.1);
    (is_spent && !kinds.is_of_script(path, &call)).then(|| SpentTemplate {
        variable: text.1.to_string(),
        part: part.to_string(),
        position: call.position,
    })
}

/// Tells whether a loop goes on with the same variable: its body neither sets it nor ends early.
fn lives_on(flow: &FlowControl, variable: &str) -> bool {
    let mut is_same = true;
    for statement in flow.body.statements() {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            is_same &= match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(own, ..))) => own.0.name != variable,
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    !is_variable(&assignment.1.lhs, variable)
                }
                Some(ASTNode::Stmt(Stmt::Return(..) | Stmt::BreakLoop(..))) => false,
                _ => true,
            };
            true
        });
    }
    is_same
}
