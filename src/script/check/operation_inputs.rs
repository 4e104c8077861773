//! What operations are given: the results of those that they depend on.

use crate::script::check::closure::closure_in;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use rhai::{Expr, FnCallExpr};

impl Kinds<'_> {
    /// Returns what an operation depends on, if all of that is said by literals and known nodes.
    pub(super) fn inputs(&self, call: &FnCallExpr, function: &str) -> Option<ValueKind> {
        if self.has_other_edges {
            return None;
        }

        let is_aggregation = call.name == "add_aggregation";
        let options = match call.args.last()? {
            Expr::Map(map, _) => Some(map),
            Expr::Variable(..) | Expr::FnCall(..) if closure_in(call.args.last()?).is_none() => {
                return None;
            }
            _ => None,
        };

        let sources = options.and_then(|options| {
            let is_source =
                |key: &str| key == "depends_on" || is_aggregation && key == "source_node_ids";
            options.0.iter().find(|(key, _)| is_source(key.name.as_str()))
        });
        let Some((_, sources)) = sources else {
            return (!is_aggregation).then(|| ValueKind::Inputs(Vec::new()));
        };

        let one = |source: &Expr| match source {
            Expr::StringConstant(name, _) => Some(name.to_string()),
            other => match self.kind(other, function) {
                Some(ValueKind::Node(name)) => Some(name),
                _ => None,
            },
        };
        let names = match sources {
            Expr::Array(items, _) => items.iter().map(one).collect::<Option<Vec<_>>>(),
            single => one(single).map(|name| vec![name]),
        };
        names.map(ValueKind::Inputs)
    }
}
