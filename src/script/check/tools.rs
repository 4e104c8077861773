//! Tools that cannot be offered: their names, descriptions, arguments and functions, as far as they are
//! written out.

use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::{captured, closure_in};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::convert;
use crate::session::tool;
use crate::session::tool::{arguments_schema, check_name, check_names};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// How many arguments a function of a tool takes at most: those of the call, and what is known of it.
const PARAMETERS_MAX: usize = 2;

impl Checker<'_> {
    /// Finds tools that cannot be offered, and lists in which two have the same name.
    pub(super) fn tools(&mut self, file: &File<'_>) {
        let own: HashSet<&str> = file.ast.iter_functions().map(|function| function.name).collect();
        if own.contains("tool") {
            return;
        }

        let captured = captured(file.ast);
        let arities: HashMap<String, usize> = file
            .ast
            .iter_functions()
            .map(|function| {
                let taken = captured.get(function.name).copied().unwrap_or(0);
                (function.name.to_owned(), function.params.len().saturating_sub(taken))
            })
            .collect();

        let mut faults = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(
                    ASTNode::Expr(Expr::FnCall(call, position))
                    | ASTNode::Stmt(Stmt::FnCall(call, position)),
                ) if call.name == "tool" && !call.is_qualified() => {
                    let found = fault(call, *position, &arities);
                    faults.extend(found.map(|(reason, at)| at_place(file, reason, at)));
                }
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    let lists = map.0.iter().filter(|(key, _)| key.name == "tools");
                    for (key, value) in lists {
                        if let Err(twice) = check_names(names_in(value).iter().map(String::as_str))
                        {
                            faults.push(at_place(file, twice.to_string(), key.pos));
                        }
                    }
                }
                _ => {}
            }
            true
        });

        for fault in faults {
            self.push(fault);
        }
    }
}

fn at_place(file: &File<'_>, reason: String, at: Position) -> Diagnostic {
    Diagnostic::at(codes::TOOL, reason, file.name, file.text, at)
}

/// Says what is wrong with a tool, and where.
fn fault(
    call: &FnCallExpr,
    position: Position,
    arities: &HashMap<String, usize>,
) -> Option<(String, Position)> {
    let text = |place: usize| match call.args.get(place) {
        Some(Expr::StringConstant(text, at)) => Some((text.as_str(), *at)),
        _ => None,
    };
    let name = text(0);
    let shown = name.map_or("..", |(name, _)| name);

    if let Some((name, at)) = name
        && let Err(fault) = check_name(name, "words")
    {
        return Some((fault.to_string(), at));
    }
    if let Some((description, at)) = text(1)
        && let Err(fault) = check_name("name", description)
    {
        let reason = fault.to_string().replacen("`name`", &format!("`{shown}`"), 1);
        return Some((reason, at));
    }

    let schema = call.args.get(2).and_then(literal);
    if let Some(Err(fault)) = schema.clone().map(|schema| arguments_schema(shown, schema)) {
        let at = call.args.get(2).map_or(position, Expr::start_position);
        return Some((fault.to_string(), at));
    }

    let arity =
        call.args.get(3).and_then(closure_in).and_then(|name| arities.get(&name).copied())?;
    let at = call.args.get(3).map(Expr::start_position).filter(|at| !at.is_none());
    let at = at.unwrap_or(position);
    if arity > PARAMETERS_MAX {
        let reason = format!(
            "the function of tool `{shown}` takes {arity} arguments; write it as `|args|` or `|args, info|`"
        );
        return Some((reason, at));
    }

    let has_fields = schema.is_some_and(|schema| {
        schema["properties"].as_object().is_some_and(|properties| !properties.is_empty())
    });
    if arity == 0 && has_fields {
        let reason = format!(
            "the function of tool `{shown}` takes no arguments, although its schema has some; write it as \
             `|args|`"
        );
        return Some((reason, at));
    }
    None
}

/// Returns the schema that is written out, if it is sound; what is not is found elsewhere.
fn literal(expr: &Expr) -> Option<Value> {
    let value = expr.get_literal_value(None).filter(|value| !value.is_unit())?;
    let value = convert::to_value(&value).ok()?;
    tool::written(value).ok()
}

/// Returns the names of the tools that a list is made of, those that are written out and those of
/// variables.
fn names_in(list: &Expr) -> Vec<String> {
    let Expr::Array(items, _) = list else { return Vec::new() };
    let name = |item: &Expr| match item {
        Expr::FnCall(call, _) if call.name == "tool" => match call.args.first() {
            Some(Expr::StringConstant(name, _)) => Some(name.to_string()),
            _ => None,
        },
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        _ => None,
    };
    items.iter().filter_map(name).collect()
}
