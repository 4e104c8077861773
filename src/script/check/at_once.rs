//! Functions that run at the same time and ask a model through a part of the same variable: `|| team[i].chat(q)`. The
//! first one locks the variable until its reply is there, and the next one fails.

use crate::script::check::call::{Call, call, receiver};
use crate::script::check::chains::chain_around;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::functions::ScriptFunction;
use crate::script::check::in_use::is_plain;
use crate::script::check::kinds::Kinds;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position};
use std::collections::HashMap;

/// Words that run functions at the same time.
pub(super) const AT_ONCE: &[&str] = &["gather", "parallel", "race"];
/// The one of them that calls the same function for each item.
const EACH: &str = "parallel";
/// Methods that wait for a reply.
pub(super) const WAITING: &[&str] = &["act", "chat", "communicate", "operate", "parse", "react"];
/// The option that may let them run in turn.
const LIMIT: &str = "max_concurrent";

/// Where a function asks through a part of a variable.
struct HeldPart {
    variable: String,
    word: String,
    position: Position,
}

impl Checker<'_> {
    /// Finds such functions.
    pub(super) fn at_once(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let parts = held_parts(file, kinds);
        if parts.is_empty() {
            return;
        }

        let mut found: Vec<(String, &HeldPart)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let Some(call) = call(path).filter(|call| !kinds.is_of_script(path, call)) else {
                return true;
            };
            let word = call.expr.name.as_str();
            if AT_ONCE.contains(&word) && !is_limited(&call) {
                let list = if call.is_method { receiver(path) } else { call.expr.args.first() };
                let clash = if word == EACH {
                    let each = call.expr.args.iter().find_map(closure_in);
                    each.and_then(|name| parts.get(&name)?.first())
                } else {
                    list.and_then(|list| clash(list, file, &parts))
                };
                found.extend(clash.map(|part| (word.to_owned(), part)));
            }
            true
        });

        for (word, HeldPart { variable, word: waiting, position }) in found {
            let message = format!(
                "`{variable}` is in use until the reply of `{waiting}` is there, and `{word}` runs these functions \
                 at the same time"
            );
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, *position);
            let help = format!(
                "take the part first, in the function: `let part = {variable}..;`, then `part.{waiting}(..)`"
            );
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

fn is_limited(call: &Call<'_>) -> bool {
    match call.expr.args.last() {
        Some(Expr::Map(options, _)) => options.0.iter().any(|(key, _)| key.name == LIMIT),
        _ => false,
    }
}

/// Finds the parts of captured maps and lists through which closures ask, by the names of the closures.
fn held_parts(file: &File<'_>, kinds: &Kinds<'_>) -> HashMap<String, Vec<HeldPart>> {
    let mut found: HashMap<String, Vec<HeldPart>> = HashMap::new();

    file.ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::MethodCall(call, position))) = path.last()
            && WAITING.contains(&call.name.as_str())
            && let Some(Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = chain_around(path)
            && let Expr::Variable(variable, ..) = &pair.lhs
            && !matches!(pair.rhs, Expr::MethodCall(..))
            && kinds.kind(&pair.lhs, kinds.function_of(path)).is_some_and(|kind| is_plain(&kind))
            && let Some(function) = path.first().and_then(|root| file.functions.at(root.position()))
            && function.captured().iter().any(|captured| captured.as_str() == variable.1.as_str())
        {
            found.entry(function.name.clone()).or_default().push(HeldPart {
                variable: variable.1.to_string(),
                word: call.name.to_string(),
                position: *position,
            });
        }
        true
    });
    found
}

/// Returns where one of several functions of a list asks through a part that another one needs.
fn clash<'a>(
    list: &Expr,
    file: &File<'_>,
    parts: &'a HashMap<String, Vec<HeldPart>>,
) -> Option<&'a HeldPart> {
    if let Expr::Array(items, _) = list {
        let mut seen: Vec<&str> = Vec::new();
        for item in items.iter() {
            let own = closure_in(item).and_then(|name| parts.get(&name));
            let own: Vec<&HeldPart> = own.into_iter().flatten().collect();
            if let Some(part) =
                own.iter().copied().find(|part| seen.contains(&part.variable.as_str()))
            {
                return Some(part);
            }
            seen.extend(own.iter().map(|part| part.variable.as_str()));
        }
        return None;
    }

    // Each item gives a function that is the same but for the item.
    let maker = file.functions.named(&mapped(list)?).next()?;
    let is_inside = |function: &&ScriptFunction| {
        let mut around = file.functions.around(function.start());
        function.name != maker.name && around.any(|outer| outer.name == maker.name)
    };
    let mut inside = file.functions.iter().filter(is_inside);
    inside.find_map(|function| {
        let own = parts.get(&function.name)?;
        // What is made for each item is its own.
        own.iter().find(|part| maker.captured().contains(&part.variable))
    })
}

/// Returns the closure with which a list is made of another one, if it is made by `map`.
fn mapped(list: &Expr) -> Option<String> {
    match list {
        Expr::Dot(pair, ..) => mapped(&pair.rhs),
        Expr::MethodCall(call, _) if call.name == "map" => closure_in(call.args.first()?),
        Expr::FnCall(call, _) if call.name == "map" => closure_in(call.args.get(1)?),
        _ => None,
    }
}
