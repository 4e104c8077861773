//! The options that the function of an `expand` gives: they are read when the list is there, which may be
//! after calls that were paid for, so they are looked at before.

use crate::script::check::answers;
use crate::script::check::call::call_of;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::kind_options;
use crate::script::check::kinds::Kinds;
use crate::script::check::option_values::OptionValues;
use crate::script::check::used::{ResultUse, use_of};
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::suggestion::{UnknownOption, unknown_option};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::options;
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::HashMap;

/// Operators that give a number, or true or false.
const COMPUTING: &[&str] = &["%", "*", "**", "/", "<", "<=", "==", ">", ">=", "!="];

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
            if let Some(ASTNode::Expr(expr @ Expr::FnCall(call, _))) = path.last()
                && functions.iter().any(|name| name == function)
                && is_result(path)
                && use_of(path) == ResultUse::Returned
                && COMPUTING.contains(&call.name.as_str())
                && !kinds.forms.is_of_script(&call.name)
            {
                faults.push(no_options(file, expr, "the result of a calculation"));
            }
            if let Some(ASTNode::Expr(
                text @ (Expr::StringConstant(..) | Expr::InterpolatedString(..)),
            )) = path.last()
                && functions.iter().any(|name| name == function)
                && is_result(path)
            {
                faults.push(no_options(file, text, "a string"));
            }
            true
        });
        self.faults.extend(faults);
    }
}

/// Says that a text or a number is no operation.
fn no_options(file: &File<'_>, value: &Expr, what: &str) -> Diagnostic {
    let message = format!("the function of `expand` must return a map of options, not {what}");
    let at = value.start_position();
    let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, at).silent();
    let help = "write `#{ instruction: .. }`, with a text for the model; `list.map(|x| ..)` computes without one"
        .to_owned();
    Diagnostic { help: Some(help), ..fault }
}

/// What an operation gives, as far as it has to be known for an expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenResult {
    Text,
    Map,
    Other,
}

/// Finds expansions of an operation whose model answers with a text or a map: nothing asks it for a list.
fn expanded_texts(file: &File<'_>, kinds: &Kinds<'_>) -> Vec<Diagnostic> {
    // What the operations of each name give.
    let mut planned: HashMap<String, Vec<GivenResult>> = HashMap::new();
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
                planned.entry(name.to_string()).or_default().push(given_result(call, kinds));
            }
        }
        true
    });

    let shown = expanded.into_iter().filter_map(|(name, position)| {
        let what = match planned.get(&name)?.as_slice() {
            [GivenResult::Text] => "a text",
            [GivenResult::Map] => "a map",
            _ => return None,
        };
        let message = format!("`expand` needs a list, but the answer of `{name}` is {what}");
        let fault =
            Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
        let help =
            format!("ask for a list: write `schema: \"[string]\"` among the options of `{name}`");
        Some(Diagnostic { help: Some(help), ..fault })
    });
    shown.collect()
}

/// Returns what the operation gives that a call plans.
fn given_result(call: &FnCallExpr, kinds: &Kinds<'_>) -> GivenResult {
    let is_asked = call.args.iter().any(|argument| matches!(argument, Expr::StringConstant(..)));
    match answers::checked_by(call, &kinds.texts) {
        Some(_) if is_asked => GivenResult::Map,
        _ if asks_for_text(call) => GivenResult::Text,
        _ => GivenResult::Other,
    }
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
