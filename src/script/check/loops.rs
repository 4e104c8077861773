//! Loops over values that have no items, such as a map, over which other languages go; and `for_each`, whose
//! function does not get the item as it does there.

use crate::script::check::call::call;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::HashSet;

/// The map that persists, unless the script has a variable of this name.
const STATE: &str = "state";

impl Checker<'_> {
    /// Finds `for` over what has no items.
    pub(super) fn loops(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::For(each, position))) = path.last()
                && let Some((what, help)) = without_items(&each.2.expr, kinds, path)
            {
                let at = each.2.expr.start_position();
                let at = if at.is_none() { *position } else { at };
                found.push((what, help, at));
            }
            true
        });

        for (what, help, at) in found {
            let message = format!("`for` goes over a list, a range or a text, not over {what}");
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, at);
            self.push(Diagnostic { help: Some(help.to_owned()), ..fault });
        }
    }
}

impl Checker<'_> {
    /// Finds functions of `for_each` that take an item and get its number.
    pub(super) fn items(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let params = |name: &str| Some(file.functions.named(name).next()?.params().len());

        let mut using_this: HashSet<String> = HashSet::new();
        let mut found: Vec<(String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::ThisPtr(_))) => {
                    using_this.insert(kinds.function_of(path).to_owned());
                }
                Some(ASTNode::Expr(Expr::MethodCall(..))) => {
                    let each = call(path).filter(|call| call.expr.name == "for_each");
                    let Some(call) = each.filter(|call| !kinds.is_of_script(path, call)) else {
                        return true;
                    };
                    let name = call.expr.args.first().and_then(closure_in);
                    let taking = name.filter(|name| params(name).is_some_and(|count| count > 0));
                    found.extend(taking.map(|name| (name, call.position)));
                }
                _ => {}
            }
            true
        });

        for (name, position) in found {
            // Whoever uses the item as well knows what the parameter is.
            if using_this.contains(&name) {
                continue;
            }

            let message = "`for_each` passes the number of the item to its function".to_owned();
            let help =
                "write `for item in list { .. }`; in `for_each`, the item is `this`".to_owned();
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let fault = fault.silent();
            self.push(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// Says what a loop goes over that has no items, and what to write instead.
fn without_items(
    over: &Expr,
    kinds: &Kinds<'_>,
    path: &[ASTNode<'_>],
) -> Option<(String, &'static str)> {
    let function = kinds.function_of(path);
    if let Expr::Variable(name, ..) = over
        && name.1 == STATE
        && !kinds.knows(STATE, function)
    {
        let help = "write `for key in state.keys() { let value = state[key]; .. }`";
        return Some((format!("`{STATE}`"), help));
    }

    let kind = kinds.kind(over, function)?;
    help(&kind).map(|help| (article(kind.word()), help))
}

/// Says what to write instead of a loop over a value without items.
fn help(kind: &ValueKind) -> Option<&'static str> {
    match kind {
        ValueKind::Data("map")
        | ValueKind::Map(_)
        | ValueKind::Inputs(_)
        | ValueKind::Answer(_) => {
            Some("write `for key in map.keys() { let value = map[key]; .. }`")
        }
        ValueKind::Data("int" | "float") => Some("write `for i in 0..10 { .. }`"),
        ValueKind::Handle(kind) if kind == "report" => {
            Some("write `for name in report.completed_operations { .. report.result(name) .. }`")
        }
        ValueKind::Data(_) | ValueKind::Handle(_) | ValueKind::Node(_) | ValueKind::List(_) => None,
    }
}
