//! The parameters of scripts, which are of the type of their default.

use crate::script::check::value_kind::ValueKind;
use rhai::{Expr, FnCallExpr};

/// Returns what a call of `param` gives, if its default says so.
pub(super) fn given_by(call: &FnCallExpr) -> Option<ValueKind> {
    let default = call.args.get(1).filter(|_| call.name == "param")?;
    let kind = match default {
        Expr::StringConstant(..) | Expr::InterpolatedString(..) => "string",
        Expr::IntegerConstant(..) => "int",
        Expr::FloatConstant(..) => "float",
        Expr::BoolConstant(..) => "bool",
        _ => return None,
    };
    Some(ValueKind::Data(kind))
}
