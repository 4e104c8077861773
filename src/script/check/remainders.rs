//! Divisions of whole numbers beside their remainders: whoever takes `h % 60` as well, or rounds up with
//! `(n + 9) / 10`, means the whole number that `h / 60` is.

use crate::script::check::checker::File;
use rhai::{ASTNode, Expr, FnCallExpr};
use std::collections::HashSet;

/// The remainders that a file takes: what is divided, and by what, as they are written.
pub(super) struct Remainders {
    taken: HashSet<[String; 2]>,
}

impl Remainders {
    pub(super) fn of(file: &File<'_>) -> Remainders {
        let mut taken = HashSet::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
                && call.name == "%"
                && let [left, right] = call.args.as_slice()
                && let (Some(left), Some(right)) = (written(left), written(right))
            {
                taken.insert([left, right]);
            }
            true
        });
        Remainders { taken }
    }

    /// Tells whether the division of these two is one of whole numbers on purpose.
    pub(super) fn means_whole(&self, left: &Expr, right: &Expr) -> bool {
        if let Some(("%", _)) = operands(left) {
            return true;
        }
        let has_remainder = written(left)
            .zip(written(right))
            .is_some_and(|(left, right)| self.taken.contains(&[left, right]));
        has_remainder || rounds_up(left, right)
    }
}

/// Tells whether what is divided is one less than another divisor more: `n + 9` by 10, `n + size - 1` by `size`.
fn rounds_up(left: &Expr, right: &Expr) -> bool {
    let one = |expr: &Expr| matches!(expr, Expr::IntegerConstant(1, _));
    match operands(left) {
        Some(("+", [_, Expr::IntegerConstant(more, _)])) => {
            matches!(right, Expr::IntegerConstant(divisor, _) if *more + 1 == *divisor)
        }
        Some(("-", [sum, less])) if one(less) => match operands(sum) {
            Some(("+", [_, more])) => {
                written(more).is_some_and(|more| written(right) == Some(more))
            }
            _ => false,
        },
        _ => false,
    }
}

/// Returns an operator and what stands before and behind it.
fn operands(expr: &Expr) -> Option<(&str, &[Expr; 2])> {
    let Expr::FnCall(call, _) = expr else { return None };
    let sides: &[Expr; 2] = call.args.as_slice().try_into().ok()?;
    Some((call.name.as_str(), sides))
}

/// Writes down a number, a variable, or a chain of properties and methods without arguments.
fn written(expr: &Expr) -> Option<String> {
    let bare = |call: &FnCallExpr| call.args.is_empty().then(|| format!("{}()", call.name));
    match expr {
        Expr::IntegerConstant(number, _) => Some(number.to_string()),
        Expr::Variable(name, ..) => Some(name.1.to_string()),
        Expr::Property(property, _) => Some(property.2.to_string()),
        Expr::MethodCall(call, _) => bare(call),
        Expr::Dot(pair, ..) => Some(format!("{}.{}", written(&pair.lhs)?, written(&pair.rhs)?)),
        _ => None,
    }
}
