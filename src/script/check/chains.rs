//! Chains of properties, methods and places in lists: what stands before each of their parts.

use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use rhai::{ASTFlags, ASTNode, Expr};

/// Properties of a report that are lists of the names of operations.
const NAMED: &[&str] =
    &["cancelled_operations", "completed_operations", "failed_operations", "skipped_operations"];

impl Kinds<'_> {
    /// Returns the kind of the items of a report's lists of operations, which are names.
    pub(super) fn operation_name(&self, list: &Expr, function: &str) -> Option<ValueKind> {
        let Expr::Dot(pair, ..) = list else { return None };
        let is_report =
            self.kind(&pair.lhs, function) == Some(ValueKind::Handle("report".to_owned()));
        match &pair.rhs {
            Expr::Property(property, _) if is_report && NAMED.contains(&property.2.as_str()) => {
                Some(ValueKind::Data("string"))
            }
            _ => None,
        }
    }

    /// Returns the kind of what stands before the last node of a path in its chain: of `a.b()` for the `c` of
    /// `a.b().c`.
    pub(super) fn before(&self, path: &[ASTNode<'_>], function: &str) -> Option<ValueKind> {
        let Some(ASTNode::Expr(wanted)) = path.last() else { return None };
        let chain = chain_around(path)?;
        let (Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _)) = chain else { return None };

        let mut of = self.kind(&pair.lhs, function);
        let mut is_index = matches!(chain, Expr::Index(..));
        let mut rest = &pair.rhs;
        let mut flags = *flags;

        while !std::ptr::eq(rest, *wanted) {
            let (Expr::Dot(pair, next, _) | Expr::Index(pair, next, _)) = rest else { return None };
            if flags.contains(ASTFlags::BREAK) {
                return None;
            }
            if std::ptr::eq(&raw const pair.lhs, *wanted) {
                return of;
            }

            of = self.part(of, is_index, &pair.lhs, &mut Vec::new());
            is_index = matches!(rest, Expr::Index(..));
            rest = &pair.rhs;
            flags = *next;
        }
        of
    }
}

/// Returns the chain in which the last node of a path is a part, from the first value on. In `a.b().c`, what
/// follows a dot hangs on the part before it.
pub(super) fn chain_around<'a>(path: &[ASTNode<'a>]) -> Option<&'a Expr> {
    let Some(ASTNode::Expr(mut part)) = path.last().copied() else { return None };

    let mut chain = None;
    for around in path.iter().rev().skip(1) {
        let ASTNode::Expr(around @ (Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _))) =
            around
        else {
            break;
        };
        let is_rest = std::ptr::eq(&raw const pair.rhs, part);
        let is_first = chain.is_none() && std::ptr::eq(&raw const pair.lhs, part);
        // `"x"].y` of `a["x"].y` is a part of the chain, and `b.c` of `a[b.c]` is not.
        let hangs = is_rest && (chain.is_none() || !flags.contains(ASTFlags::BREAK));
        if !hangs && !is_first {
            break;
        }

        part = around;
        chain = Some(*around);
    }
    chain
}
