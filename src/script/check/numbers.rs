//! Whole numbers that the language would take for fractions, and so lose digits of.

use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position};

impl Checker<'_> {
    /// Finds whole numbers that are too large.
    pub(super) fn numbers(&mut self, file: &File<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::FloatConstant(_, position))) = path.last() {
                found.extend(whole(file.text, *position).map(|digits| (digits, *position)));
            }
            true
        });

        for (digits, position) in found {
            let message = format!("the whole number {digits} is too large");
            let fault = Diagnostic::at(codes::SYNTAX, message, file.name, file.text, position);
            let help = format!(
                "the largest is {}; write `{digits}.0` for a fraction, or \"{digits}\" for a text",
                i64::MAX
            );
            self.push(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// Returns the digits of the number at a place if it is written as a whole one.
fn whole(text: &str, position: Position) -> Option<String> {
    let line = text.lines().nth(position.line()?.checked_sub(1)?)?;
    let from = line.chars().skip(position.position()?.checked_sub(1)?);
    // The number may begin with its sign.
    let rest: Vec<char> = from.skip_while(|letter| matches!(letter, '-' | '+' | ' ')).collect();

    let is_part = |letter: &&char| letter.is_ascii_alphanumeric() || **letter == '_';
    let digits: String = rest.iter().take_while(is_part).collect();

    let is_fraction = rest.get(digits.len()) == Some(&'.')
        && rest.get(digits.len() + 1).is_none_or(|next| *next != '.' && !next.is_alphabetic());
    let is_whole = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '_');
    (is_whole && !is_fraction).then_some(digits)
}
