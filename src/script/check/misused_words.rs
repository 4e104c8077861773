//! Words that are called although they are values, and words that are given what another word takes: `is_main()`,
//! `log("..")`, `max(list, |x| ..)`, `g.add_edge("a", "b")`.

use crate::script::check::call::{Call, call};
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::constants::CONSTANTS;
use rhai::{ASTNode, Expr, Position};

/// What is wrong with such a call.
struct MisusedWord {
    code: &'static str,
    message: String,
    help: String,
}

impl Checker<'_> {
    /// Finds such calls. They are told in the place of what other checks say of them.
    pub(super) fn misused_words(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<(MisusedWord, Position, Vec<Position>)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(call) = call(path)
                && !kinds.is_of_script(path, &call)
                && let Some(misused) = misused(&call, kinds, kinds.function_of(path))
                    .or_else(|| uncallable(path, &call, kinds))
            {
                let arguments = call.expr.args.iter().map(Expr::start_position).collect();
                found.push((misused, call.position, arguments));
            }
            true
        });

        for (MisusedWord { code, message, help }, position, arguments) in found {
            let at = |position| {
                Diagnostic::at(code, message.clone(), file.name, file.text, position).place
            };
            let places: Vec<_> = arguments.into_iter().map(at).collect();
            self.faults.retain(|fault| fault.place.is_none() || !places.contains(&fault.place));

            let fault = Diagnostic::at(code, message.clone(), file.name, file.text, position);
            self.push_instead(Diagnostic { help: Some(help), ..fault });
        }
    }
}

fn misused(call: &Call<'_>, kinds: &Kinds<'_>, function: &str) -> Option<MisusedWord> {
    let name = call.expr.name.as_str();
    let args = call.expr.args.as_slice();
    let is_text = |expr: &Expr| kinds.kind(expr, function) == Some(ValueKind::Data("string"));

    match name {
        "log" if !call.is_method && args.len() == 1 && is_text(&args[0]) => Some(MisusedWord {
            code: codes::ARGUMENT,
            message: "`log` of a number is its logarithm; a text has none".to_owned(),
            help: "write `log.info(\"..\")`".to_owned(),
        }),
        "max" | "min" if args.last().and_then(closure_in).is_some() => Some(MisusedWord {
            code: codes::ARGUMENT,
            message: format!("`{name}` compares two values, and takes no function"),
            help: format!("write `list.{name}_by(|x| ..)`"),
        }),
        "add_edge" if args.iter().rev().take(2).filter(|end| is_text(end)).count() == 2 => {
            Some(MisusedWord {
                code: codes::ARGUMENT,
                message: "`add_edge` takes nodes, not the names of operations".to_owned(),
                help: "keep the nodes: `let a = g.add_operation(..);`, then `g.add_edge(a, b)`"
                    .to_owned(),
            })
        }
        _ if !call.is_method && is_value(name) && !kinds.knows(name, function) => {
            Some(MisusedWord {
                code: codes::FUNCTION,
                message: format!("`{name}` is a value, and no function"),
                help: format!("write `{name}`, without brackets"),
            })
        }
        _ => None,
    }
}

/// Finds `x.call(..)` where neither `x` nor the argument is a function.
fn uncallable(path: &[ASTNode<'_>], call: &Call<'_>, kinds: &Kinds<'_>) -> Option<MisusedWord> {
    if call.expr.name != "call" || !call.is_method {
        return None;
    }

    let function = kinds.function_of(path);
    let is_function = |kind: &ValueKind| kind.word() == "function";
    // `x.call(f)` calls `f` with `x` as its `this`.
    if let Some(first) = call.expr.args.first()
        && kinds.kind(first, function).is_none_or(|kind| is_function(&kind))
    {
        return None;
    }

    let kind = kinds.before(path, function).filter(|kind| !is_function(kind))?;
    let help = match kind.word() {
        "tool" => "write `branch(#{ tools: [tool] }).act(\"name\", #{ .. })`",
        "map" => "write `map.name.call(..)`, or `map.name(..)`, for a function that the map holds",
        "branch" => "write `branch.communicate(..)` or `branch.chat(..)`",
        _ => "`call` calls the function before its dot",
    };
    Some(MisusedWord {
        code: codes::ARGUMENT,
        message: format!("{} is no function, and cannot be called", article(kind.word())),
        help: help.to_owned(),
    })
}

/// Tells whether a word is one of kaizen's values, and nothing else.
fn is_value(name: &str) -> bool {
    name != "log" && CONSTANTS.iter().any(|(known, ..)| *known == name)
}
