//! Texts that are split into too few pieces.

use crate::script::check::checker::File;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{Expr, FnCallExpr};

/// Finds `split` into one piece or none, which is the whole text: other languages count the cuts.
pub(super) fn fault(file: &File<'_>, call: &FnCallExpr) -> Option<Diagnostic> {
    if !["split", "split_rev"].contains(&call.name.as_str()) {
        return None;
    }

    let Some(Expr::IntegerConstant(pieces @ ..=1, position)) = call.args.last() else {
        return None;
    };

    let counted = if *pieces == 1 { "1 piece".to_owned() } else { format!("{pieces} pieces") };
    let message = format!("`{}` with {counted} returns the whole text", call.name);
    let fault = Diagnostic::at(codes::PIECES, message, file.name, file.text, *position);
    let help = "the number counts pieces; write 2 to cut the text once".to_owned();
    Some(Diagnostic { help: Some(help), ..fault.warning() })
}
