//! Literal schemas that are none.

use crate::schema;
use crate::script::check::call::Call;
use crate::script::check::checker::File;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::convert;
use crate::session::tool;
use rhai::{Expr, Position};

/// Words that take a schema among their options.
pub(super) const WITH_SCHEMA: &[&str] =
    &["add_aggregation", "add_operation", "ask", "chat", "communicate", "operate", "react"];

/// Returns which argument of a call is a schema, if one is.
fn schema_place(call: &Call<'_>) -> Option<usize> {
    let given = call.expr.args.len();
    match call.expr.name.as_str() {
        "schema" if given == 1 => Some(0),
        "tool" if given >= 4 => Some(2),
        "parse" if call.is_method || given == 2 => Some(1),
        "parse" => Some(2),
        _ => None,
    }
}

/// Finds literal schemas that are none.
pub(super) fn faults(file: &File<'_>, of: &Call<'_>, faults: &mut Vec<Diagnostic>) {
    let call = of.expr;
    let name = call.name.as_str();
    let read = if name == "tool" { tool::written } else { schema::written };
    let mut check = |value: &Expr, place: Position, what: &str| {
        let literal = value.get_literal_value(None).filter(|literal| !literal.is_unit());
        let schema = literal.and_then(|literal| convert::to_value(&literal).ok());
        if let Some(Err(reason)) = schema.map(read) {
            let message = format!("{what} of `{name}`: {reason}");
            faults.push(Diagnostic::at(codes::SCHEMA, message, file.name, file.text, place));
        }
    };

    if let Some(schema) = schema_place(of).and_then(|place| call.args.get(place)) {
        check(schema, schema.position(), "the schema");
    }

    let Some(Expr::Map(map, _)) = call.args.last() else { return };
    // Ways of working hand their settings on.
    let settings = map.0.iter().filter(|(key, _)| key.name == "settings");
    let inner = settings.filter_map(|(_, value)| match value {
        Expr::Map(map, _) => Some(&map.0),
        _ => None,
    });

    let own = WITH_SCHEMA.contains(&name).then_some(&map.0);
    for (key, value) in own.into_iter().chain(inner).flatten() {
        if key.name == "schema" {
            check(value, key.pos, "option `schema`");
        }
    }
}
