//! The calls of a file, the functions that they are given, and the functions that variables and maps hold.

use crate::script::check::call::call_of;
use crate::script::check::closure::closure_in;
use crate::script::check::functions::ScriptFunctions;
use crate::script::check::used::is;
use crate::script::lexer::names_closure;
use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, FnPtr, Position, Stmt};
use std::collections::{HashMap, HashSet};

/// Words that keep the functions that they are given, for whoever reads the list or the map.
const KEEPING: &[&str] = &["curry", "insert", "push", "set"];

/// One call.
pub(super) struct SeenCall {
    pub(super) name: String,
    /// The variable or property whose function `call` calls.
    pub(super) called_variable: Option<String>,
    /// The value before the dot is not one of them.
    pub(super) arguments: Vec<CallArgument>,
    pub(super) position: Position,
}

/// An argument, as far as it may be a function.
pub(super) enum CallArgument {
    /// The functions and closures of these names, of which it is one or which it holds.
    Functions(Vec<String>),
    /// What a variable holds.
    Variable(String),
    /// Anything.
    Other,
}

/// The calls of a file.
#[derive(Default)]
pub(super) struct SeenCalls {
    pub(super) calls: Vec<SeenCall>,
    /// The functions that variables and properties hold, by their names.
    pub(super) held: HashMap<String, Vec<String>>,
    /// The bodies of `try`: where each begins and ends.
    pub(super) tries: Vec<(Position, Position)>,
    /// The closures that are only arguments of a call.
    passed: HashSet<String>,
}

impl SeenCalls {
    pub(super) fn of(ast: &AST) -> SeenCalls {
        let mut seen = SeenCalls::default();
        ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                    seen.hold(&variable.0.name, &variable.1);
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Some(name) = last_name(&assignment.1.lhs) {
                        seen.hold(name, &assignment.1.rhs);
                    }
                }
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    map.0.iter().for_each(|(key, value)| seen.hold(&key.name, value));
                }

                Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) => {
                    seen.tries.push((flow.body.position(), flow.body.end_position()));
                }
                Some(node) => {
                    if let Some(call) = call_of(node) {
                        seen.note(call, path);
                    }
                }
                None => {}
            }
            true
        });
        seen
    }

    /// Returns the closures that are kept somewhere, where anybody may find them.
    pub(super) fn kept(&self, functions: &ScriptFunctions) -> Vec<String> {
        let names = functions.iter().map(|function| &function.name);
        let kept = names.filter(|name| names_closure(name) && !self.passed.contains(*name));
        kept.cloned().collect()
    }

    fn hold(&mut self, name: &str, value: &Expr) {
        if let CallArgument::Functions(functions) = CallArgument::of(value) {
            self.held.entry(name.to_owned()).or_default().extend(functions);
        }
    }

    fn note(&mut self, call: &FnCallExpr, path: &[ASTNode<'_>]) {
        if !KEEPING.contains(&call.name.as_str()) {
            self.passed.extend(call.args.iter().filter_map(closure_in));
        }

        let called_variable = (call.name == "call").then(|| called_variable(path)).flatten();
        self.calls.push(SeenCall {
            name: call.name.to_string(),
            called_variable: called_variable.map(str::to_owned),
            arguments: call.args.iter().map(CallArgument::of).collect(),
            position: path.last().map_or(Position::NONE, ASTNode::position),
        });
    }
}

impl CallArgument {
    fn of(expr: &Expr) -> CallArgument {
        match expr {
            Expr::Variable(name, ..) => CallArgument::Variable(name.1.to_string()),
            Expr::FnCall(call, _) if call.name == "Fn" => match call.args.as_slice() {
                [Expr::StringConstant(name, _)] => CallArgument::Functions(vec![name.to_string()]),
                _ => CallArgument::Other,
            },
            Expr::DynamicConstant(value, _) => {
                let mut names = Vec::new();
                functions_in(value, &mut names);
                CallArgument::Functions(names)
            }
            other => match closure_in(other) {
                Some(name) => CallArgument::Functions(vec![name]),
                None => CallArgument::Other,
            },
        }
    }
}

/// Collects the functions that a constant is or holds.
fn functions_in(value: &Dynamic, names: &mut Vec<String>) {
    if let Some(function) = value.read_lock::<FnPtr>() {
        names.push(function.fn_name().to_owned());
    } else if let Some(items) = value.read_lock::<rhai::Array>() {
        items.iter().for_each(|item| functions_in(item, names));
    } else if let Some(map) = value.read_lock::<rhai::Map>() {
        map.values().for_each(|item| functions_in(item, names));
    }
}

/// Returns the variable or the property at the end of a chain.
fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Variable(name, ..) => Some(name.1.as_str()),
        Expr::Property(property, _) => Some(property.2.as_str()),
        Expr::Dot(pair, ..) => last_name(&pair.rhs),
        _ => None,
    }
}

/// Returns the variable or property before the `call` at the end of a path.
fn called_variable<'a>(path: &[ASTNode<'a>]) -> Option<&'a str> {
    let (ASTNode::Expr(call), above) = path.split_last()? else { return None };
    let ASTNode::Expr(Expr::Dot(pair, ..)) = above.last()? else { return None };
    if is(&pair.rhs, *call) {
        return last_name(&pair.lhs);
    }
    // In `map.check.call(..)`, `check.call(..)` is a chain of its own, before whose dot the property stands.
    is(&pair.lhs, *call).then(|| above.iter().rev().nth(1)).flatten().and_then(|node| match node {
        ASTNode::Expr(Expr::Dot(outer, ..)) => last_name(&outer.lhs),
        _ => None,
    })
}
