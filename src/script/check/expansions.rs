//! The options that the function of an `expand` gives: they are read when the list is there, which may be
//! after calls that were paid for, so they are looked at before.

use crate::script::check::call::call_of;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::kind_options;
use crate::script::check::kinds::Kinds;
use crate::script::check::option_values::OptionValues;
use crate::script::diagnostic::suggestion::{UnknownOption, unknown_option};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::options;
use rhai::{ASTNode, Expr, Stmt};

/// What the options of an operation are called by, beside their own names.
const KIND: &str = "operation";

/// The kind of an operation whose map names none.
const DEFAULT_KIND: &str = "communicate";

impl Checker<'_> {
    /// Finds options that no operation of an expansion takes.
    pub(super) fn expansions(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut functions: Vec<String> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(call) = path.last().and_then(call_of)
                && call.name == "expand"
            {
                functions.extend(call.args.iter().filter_map(closure_in));
            }
            true
        });

        let mut faults = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            if let Some(ASTNode::Expr(map @ Expr::Map(..))) = path.last()
                && functions.iter().any(|name| name == function)
                && is_result(path)
            {
                given(file, kinds, (function, map), &mut faults);
            }
            true
        });
        self.faults.extend(faults);
    }
}

/// Tells whether what a path ends in stands as the value of a statement or a branch, and in nothing else.
fn is_result(path: &[ASTNode<'_>]) -> bool {
    path[..path.len() - 1].iter().all(|node| {
        matches!(
            node,
            ASTNode::Stmt(Stmt::Expr(..) | Stmt::Return(..) | Stmt::If(..) | Stmt::Block(..))
                | ASTNode::Expr(Expr::Stmt(..))
        )
    })
}

/// Looks at the options of one operation.
fn given(
    file: &File<'_>,
    kinds: &Kinds<'_>,
    (function, value): (&str, &Expr),
    faults: &mut Vec<Diagnostic>,
) {
    let Expr::Map(map, _) = value else { return };
    let mut known = options::known("add_operation").unwrap_or_default();
    known.push(KIND);

    for (key, _) in &map.0 {
        let option = key.name.as_str();
        let at = |message| Diagnostic::at(codes::OPTION, message, file.name, file.text, key.pos);

        if option == "name" {
            let message = "the function of `expand` sets a `name`, but its operations are numbered";
            let help =
                "name the expansion: `expand(node, function, #{ name: \"each\" })`".to_owned();
            faults.push(Diagnostic { help: Some(help), ..at(message.to_owned()) });
        } else if !known.contains(&option) {
            let UnknownOption { message, suggestion } =
                unknown_option(options::OF_EXPAND, option, &known);
            faults.push(at(message).suggesting(Some(suggestion)));
        }
    }
    OptionValues { file, kinds, function }.values("add_operation", value, faults);

    let kind = map.0.iter().find(|(key, _)| key.name == KIND).map(|(_, kind)| kind);
    match kind {
        Some(Expr::StringConstant(kind, _)) => {
            faults.extend(kind_options::of_operation(file, kind, value));
        }
        // It may be a function.
        Some(_) => {}
        None => faults.extend(kind_options::of_operation(file, DEFAULT_KIND, value)),
    }
}
