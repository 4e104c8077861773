//! Closures as they stand in a script: Rhai keeps each as a function, and a value that names it.

use rhai::{Expr, FnCallExpr, FnPtr, Stmt};

/// Returns the name of the closure that an expression is.
pub(super) fn closure_in(expr: &Expr) -> Option<String> {
    match expr {
        Expr::DynamicConstant(value, _) => {
            let function = value.read_lock::<FnPtr>()?;
            Some(function.fn_name().to_owned())
        }
        Expr::FnCall(call, _) if call.name == "curry" => closure_in(call.args.first()?),
        // One that captures variables stands after a statement that shares them.
        Expr::Stmt(block) => match block.statements().last()? {
            Stmt::Expr(last) => closure_in(last),
            Stmt::FnCall(call, _) if call.name == "curry" => closure_in(call.args.first()?),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the names of the closures among arguments, and among the values of literal maps and lists.
pub(super) fn closures_in(arguments: &[Expr]) -> impl Iterator<Item = String> {
    arguments.iter().flat_map(|argument| match argument {
        Expr::Map(map, _) => map.0.iter().filter_map(|(_, value)| closure_in(value)).collect(),
        Expr::Array(items, _) => items.iter().filter_map(closure_in).collect(),
        other => closure_in(other).into_iter().collect::<Vec<_>>(),
    })
}

/// Tells whether a call says literally that it settles.
pub(super) fn settles(call: &FnCallExpr) -> bool {
    let Some(Expr::Map(options, _)) = call.args.last() else { return false };
    options
        .0
        .iter()
        .any(|(key, value)| key.name == "settle" && matches!(value, Expr::BoolConstant(true, _)))
}

/// Returns the name of a property, or of a place that a literal names.
pub(super) fn name_of(part: &Expr) -> Option<String> {
    match part {
        Expr::Property(property, _) => Some(property.2.to_string()),
        Expr::StringConstant(name, _) => Some(name.to_string()),
        _ => None,
    }
}

/// Returns the closures that an option of a call holds.
pub(super) fn option<'a>(call: &'a FnCallExpr, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let options = match call.args.last() {
        Some(Expr::Map(options, _)) => &options.0[..],
        _ => &[],
    };
    let own = options.iter().filter(move |(key, _)| key.name == name);
    own.filter_map(|(_, value)| closure_in(value))
}
