//! The options that the function of an `expand` gives: they are read when the list is there, which may be
//! after calls that were paid for, so they are looked at before.

use crate::script::check::call::call_of;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::kind_options;
use crate::script::check::kinds::Kinds;
use crate::script::check::option_values::OptionValues;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::suggestion::{UnknownOption, unknown_option};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::options;
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::HashMap;

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

        let mut faults = expanded_texts(file, kinds);
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            if let Some(ASTNode::Expr(map @ Expr::Map(..))) = path.last()
                && functions.iter().any(|name| name == function)
                && is_result(path)
            {
                given(file, kinds, (function, map), &mut faults);
            }
            if let Some(ASTNode::Expr(
                text @ (Expr::StringConstant(..) | Expr::InterpolatedString(..)),
            )) = path.last()
                && functions.iter().any(|name| name == function)
                && is_result(path)
            {
                faults.push(no_options(file, text));
            }
            true
        });
        self.faults.extend(faults);
    }
}

/// Says that a text is no operation.
fn no_options(file: &File<'_>, text: &Expr) -> Diagnostic {
    let message = "the function of `expand` must return a map of options, not a string".to_owned();
    let at = text.start_position();
    let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, at);
    let help = "write `#{ instruction: .. }` with the text".to_owned();
    Diagnostic { help: Some(help), ..fault }
}

/// Finds expansions of an operation whose model answers with a text: nothing asks it for a list.
fn expanded_texts(file: &File<'_>, kinds: &Kinds<'_>) -> Vec<Diagnostic> {
    // How many operations of a name there are, and whether they give a text.
    let mut planned: HashMap<String, Vec<bool>> = HashMap::new();
    let mut expanded: Vec<(String, Position)> = Vec::new();

    file.ast.walk(&mut |path: &[ASTNode]| {
        let Some(call) = path.last().and_then(call_of) else { return true };
        let function = kinds.function_of(path);
        if call.name == "expand" {
            let node =
                call.args.iter().find_map(|argument| match kinds.kind(argument, function)? {
                    ValueKind::Node(name) => Some((name, argument.start_position())),
                    _ => None,
                });
            expanded.extend(node);
        } else if let Some(Expr::Map(options, _)) = call.args.last() {
            let named = options.0.iter().find(|(key, _)| key.name == "name");
            if let Some((_, Expr::StringConstant(name, _))) = named {
                planned.entry(name.to_string()).or_default().push(asks_for_text(call));
            }
        }
        true
    });

    expanded.retain(|(name, _)| planned.get(name).is_some_and(|of| *of == [true]));
    let shown = expanded.into_iter().map(|(name, position)| {
        let message = format!("`expand` needs a list, but the answer of `{name}` is a text");
        let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
        let help = format!("ask for a list: add `schema: \"[string]\"` to the options of `{name}`");
        Diagnostic { help: Some(help), ..fault }
    });
    shown.collect()
}

/// Tells whether a call plans an operation whose model answers with a text.
fn asks_for_text(call: &FnCallExpr) -> bool {
    let is_asked = call.args.iter().any(|argument| match argument {
        Expr::StringConstant(kind, _) => kind == "communicate" || kind == "chat",
        _ => false,
    });
    let Some(Expr::Map(options, _)) = call.args.last() else { return false };
    is_asked && options.0.iter().all(|(key, _)| key.name != "schema")
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
