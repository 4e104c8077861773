//! Whether a script asks models without a bound on the length of their replies.

use crate::script::check::call::call_of;
use rhai::{AST, ASTNode, Expr, FnCallExpr};

/// Words that ask a model.
pub(super) const ASKS: &[&str] = &[
    "add_aggregation",
    "add_operation",
    "chat",
    "communicate",
    "expand",
    "operate",
    "parse",
    "react",
];
/// Words that describe a model.
pub(super) const DESCRIBES: &[&str] = &["branch", "branch_from", "imodel"];
const BOUND: &str = "max_tokens";

/// Tells whether a script may ask its default model for a reply of any length. Where it is not plain that
/// all its calls have a bound, it may.
pub(in crate::script) fn asks_without_limit(ast: &AST) -> bool {
    let mut asks = 0;
    let mut bounded = 0;
    let mut is_described = false;

    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(call) = path.last().and_then(call_of) {
            let name = call.name.as_str();
            if ASKS.contains(&name) {
                asks += 1;
                bounded += usize::from(has_bound(call));
            }
            is_described |= DESCRIBES.contains(&name) && has_bound(call);
        }
        true
    });
    asks > bounded && !is_described
}

/// Tells whether a script may ask a model.
pub(in crate::script) fn asks_models(ast: &AST) -> bool {
    let mut is_found = false;
    ast.walk(&mut |path: &[ASTNode]| {
        is_found |= path.last().and_then(call_of).is_some_and(|call| {
            let name = call.name.as_str();
            ASKS.contains(&name) || name == "flow"
        });
        true
    });
    is_found
}

/// Tells whether a call says literally how long a reply may be.
fn has_bound(call: &FnCallExpr) -> bool {
    let maps = call.args.iter().filter_map(|argument| match argument {
        Expr::Map(map, _) => Some(&map.0),
        _ => None,
    });
    maps.flatten().any(|(key, _)| key.name == BOUND)
}
