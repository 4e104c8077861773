//! Closures that use the variable on which the word is called that they are given to: `m.keys().map(|k| m[k])`.
//! Plain data that a closure captures is locked until the whole chain of the variable has ended.

use crate::script::check::call::Call;
use crate::script::check::chains::chain_around;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::{closure_in, closures_in};
use crate::script::check::functions::ScriptFunction;
use crate::script::check::in_place::changes_in_place;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::forms::CallForm;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::HashMap;

/// Words of the language that take a lock of nothing.
const OF_FUNCTIONS: &[&str] = &["call", "curry", "is_shared", "type_of"];

/// A closure that uses what is locked.
struct UseInChain {
    variable: String,
    word: String,
    /// What stands before the dot of the word, if it is on one line.
    before: Option<String>,
    /// Whether the word works on a copy as well.
    may_copy: bool,
    position: Position,
}

impl Checker<'_> {
    /// Finds closures that use the variable with which their chain begins.
    pub(super) fn in_use(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let known = HeldClosures::of(file, kinds);
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            found.extend(known.use_in_chain(kinds, path));
            true
        });

        for UseInChain { variable, word, before, may_copy, position } in found {
            let message = format!(
                "the function given to `{word}` uses `{variable}`, which is in use until `{word}` returns"
            );
            let help = match before.filter(|_| may_copy) {
                Some(before) => {
                    format!("write `{word}({before}, ..)`: as a function, `{word}` works on a copy")
                }
                None => {
                    format!("write `let copy = {variable};` before, and use `copy` in the function")
                }
            };
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            self.push_new(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// The closures that variables hold, by function and name.
struct HeldClosures<'a> {
    file: &'a File<'a>,
    held: HashMap<(String, String), Option<String>>,
    /// How often each name is declared.
    declared: HashMap<String, usize>,
}

impl<'a> HeldClosures<'a> {
    fn of(file: &'a File<'a>, kinds: &Kinds<'_>) -> HeldClosures<'a> {
        let params = file.functions.iter().flat_map(ScriptFunction::params);
        let mut names: Vec<String> = params.cloned().collect();

        file.ast.walk(&mut |path: &[ASTNode]| {
            let name = match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(var, ..))) => Some(var.0.name.to_string()),
                Some(ASTNode::Stmt(Stmt::For(each, _))) => Some(each.0.name.to_string()),
                Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) => match &flow.expr {
                    Expr::Variable(name, ..) => Some(name.1.to_string()),
                    _ => None,
                },
                _ => None,
            };
            names.extend(name);
            true
        });

        let mut declared = HashMap::new();
        for name in names {
            *declared.entry(name).or_default() += 1;
        }
        HeldClosures { file, held: kinds.set_once(file, closure_in), declared }
    }

    /// Finds a closure of the call at the end of a path that uses the variable with which the chain begins.
    fn use_in_chain(&self, kinds: &Kinds<'_>, path: &[ASTNode<'_>]) -> Option<UseInChain> {
        let Some(ASTNode::Expr(Expr::MethodCall(call, position))) = path.last() else {
            return None;
        };
        let chain = chain_around(path)?;
        let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = chain else { return None };
        let Expr::Variable(root, ..) = &pair.lhs else { return None };
        let variable = root.1.as_str();

        let function = kinds.function_of(path);
        let name = call.name.as_str();
        let of = kinds.before(path, function);
        let is_first = std::ptr::eq(&raw const pair.rhs, path_end(path)?);
        let is_plain = match kinds.kind(&pair.lhs, function) {
            Some(kind) => is_plain(&kind),
            None => is_first && takes_plain(kinds, name, call.args.len() + 1),
        };
        if !is_plain || OF_FUNCTIONS.contains(&name) || kinds.may_be_of_map(of.as_ref(), name) {
            return None;
        }

        let direct = closures_in(&call.args);
        let held = call.args.iter().filter_map(|argument| self.held(argument, function, variable));
        let is_used = direct.chain(held).any(|closure| self.captures(&closure, variable));
        let as_call = Call { expr: call, position: *position, is_method: true, variable: None };
        let is_of_script = kinds.is_of_script(path, &as_call);
        is_used.then(|| UseInChain {
            variable: variable.to_owned(),
            word: name.to_owned(),
            before: written(self.file.text, chain.start_position(), *position),
            may_copy: !is_of_script && !changes_in_place(kinds.forms, call),
            position: *position,
        })
    }

    /// Returns the closure that an argument holds, if the variables are the same in both places.
    fn held(&self, argument: &Expr, function: &str, variable: &str) -> Option<String> {
        let Expr::Variable(name, ..) = argument else { return None };
        let is_one = self.declared.get(variable).is_none_or(|declared| *declared == 1);
        let key = (function.to_owned(), name.1.to_string());
        self.held.get(&key).cloned().flatten().filter(|_| is_one)
    }

    fn captures(&self, closure: &str, variable: &str) -> bool {
        let captured = self.file.functions.named(closure).next().map(ScriptFunction::captured);
        captured.is_some_and(|captured| captured.iter().any(|name| name == variable))
    }
}

/// Tells whether a word is only for plain data of the language.
fn takes_plain(kinds: &Kinds<'_>, name: &str, given: usize) -> bool {
    let mut forms = kinds.forms.all(name).iter().filter(|form| form.arity == given).peekable();
    forms.peek().is_some() && forms.all(CallForm::changes_a_value)
}

fn path_end<'a>(path: &[ASTNode<'a>]) -> Option<&'a Expr> {
    match path.last()? {
        ASTNode::Expr(expr) => Some(expr),
        _ => None,
    }
}

/// Tells whether a value is plain data, which is locked where it is captured; of the rest, closures get copies.
pub(super) fn is_plain(kind: &ValueKind) -> bool {
    match kind {
        ValueKind::Map(_) | ValueKind::List(_) | ValueKind::Inputs(_) | ValueKind::Answer(_) => {
            true
        }
        ValueKind::Data(word) => !matches!(*word, "function" | "range" | "timestamp"),
        ValueKind::Handle(_) | ValueKind::Node(_) => false,
    }
}

/// Returns the text from one place to the dot before another one, if both are on one line.
fn written(text: &str, from: Position, to: Position) -> Option<String> {
    let line = text.lines().nth(from.line()?.checked_sub(1)?)?;
    let start = from.position()?.checked_sub(1)?;
    let length = to.position()?.checked_sub(1)?.checked_sub(start)?;
    if from.line() != to.line() {
        return None;
    }

    let written: String = line.chars().skip(start).take(length).collect();
    let written = written.trim_end().trim_end_matches(['.', '?']).trim_end();
    (!written.is_empty()).then(|| written.to_owned())
}
