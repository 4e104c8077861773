//! Words of maps that stand there like properties: of a map of the script, `map.len` is the value of its key `len`.

use crate::script::check::bindings::Bindings;
use crate::script::check::call::call;
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::property::continues_a_chain;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::known_map::of_content;
use crate::script::host::shape::Shape;
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::HashMap;

/// Words that hardly any key is called by.
pub(super) const SURE: &[&str] = &["is_empty", "keys", "len"];
/// Words that a key may well be called by: they are looked at where all keys are written out.
pub(super) const LIKELY: &[&str] = &["clear", "length", "size", "values"];
/// The word for what other languages call a length.
const LENGTHS: &[&str] = &["length", "size"];
/// Methods that add no key.
pub(super) const READING: &[&str] = &[
    "clear", "contains", "filter", "get", "is_empty", "keys", "len", "map", "remove", "to_json",
    "values",
];

/// Methods that add the keys of another map.
const MIXING: &[&str] = &["fill_with", "mixin"];

/// Returns the variable to whose map the call at the end of a path gives the keys of another one.
pub(super) fn mixed_into<'a>(path: &[ASTNode<'a>]) -> Option<&'a str> {
    let call = call(path).filter(|call| MIXING.contains(&call.expr.name.as_str()))?;

    match call.expr.args.first() {
        _ if call.is_method => call.variable,
        Some(Expr::Variable(name, ..)) => Some(name.1.as_str()),
        _ => None,
    }
}

impl Checker<'_> {
    /// Finds lengths of maps that wrap a value, such as the result of `attempt`: that of the value is meant.
    pub(super) fn wrapped_lengths(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<(String, &'static Shape, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(call) = call(path).filter(|call| call.is_method)
                && call.expr.args.is_empty()
                && !kinds.is_of_script(path, &call)
                && let Some(ValueKind::Map(shape)) = kinds.before(path, kinds.function_of(path))
                && shape
                    .content()
                    .is_some_and(|content| of_content(&[content], &call.expr.name).is_some())
            {
                found.push((call.expr.name.to_string(), shape, call.position));
            }
            true
        });

        for (word, shape, position) in found {
            let message =
                format!("`{word}()` is that of {} itself, not of what it holds", shape.what);
            let fault = Diagnostic::at(codes::PROPERTY, message, file.name, file.text, position);
            let help = shape.content().map(|content| format!("write `.{content}.{word}`"));
            self.push_new(Diagnostic { help, ..fault.silent().warning() });
        }
    }

    /// Finds words of maps without their brackets, behind maps that the script writes out.
    pub(super) fn map_words(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let maps = Bindings::of(file, kinds, |value, _| is_map(value));
        if !maps.is_any() {
            return;
        }

        let open = open(file);
        let mut found: Vec<(String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some((variable, word, position)) = read(path)
                && match open.get(variable) {
                    None => SURE.contains(&word) || LIKELY.contains(&word),
                    Some(KeyGrowth::Key) => SURE.contains(&word),
                    Some(KeyGrowth::Map) => false,
                }
                && !kinds.may_hold(word)
                && maps.holds(path, variable)
            {
                found.push((word.to_owned(), position));
            }
            true
        });

        for (word, position) in found {
            let message = format!("this map has no key `{word}`, so this is `()`");
            let fault =
                Diagnostic::at(codes::PROPERTY, message, file.name, file.text, position).silent();
            let method = if LENGTHS.contains(&word.as_str()) { "len" } else { word.as_str() };
            let help = format!("write `.{method}()`, with brackets");
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

fn is_map(value: &Expr) -> bool {
    match value {
        Expr::Map(..) => true,
        Expr::DynamicConstant(value, _) => value.is_map(),
        _ => false,
    }
}

/// How a map gets keys that are not written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyGrowth {
    /// One by one.
    Key,
    /// Those of another map.
    Map,
}

/// Returns the variables that may get keys which are not written out.
fn open(file: &File<'_>) -> HashMap<String, KeyGrowth> {
    let mut open: HashMap<String, KeyGrowth> = HashMap::new();
    let mut note = |name: &str, how: KeyGrowth| {
        let known = open.entry(name.to_owned()).or_insert(how);
        *known = how.max(*known);
    };
    file.ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::Index(pair, ..))) => {
                if let Expr::Variable(name, ..) = &pair.lhs {
                    note(&name.1, KeyGrowth::Key);
                }
            }

            Some(ASTNode::Expr(Expr::Dot(pair, ..))) => {
                if let (Expr::Variable(name, ..), Expr::MethodCall(call, _)) =
                    (&pair.lhs, &pair.rhs)
                    && !READING.contains(&call.name.as_str())
                {
                    let takes_map = MIXING.contains(&call.name.as_str());
                    note(&name.1, if takes_map { KeyGrowth::Map } else { KeyGrowth::Key });
                }
            }
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                if let Expr::Variable(name, ..) = &assignment.1.lhs
                    && assignment.0.is_op_assignment()
                {
                    note(&name.1, KeyGrowth::Map);
                }
            }
            _ => {}
        }
        true
    });
    open
}

/// Returns the first property of the chain at the end of a path, the variable before it, and the place.
fn read<'a>(path: &[ASTNode<'a>]) -> Option<(&'a str, &'a str, Position)> {
    let (ASTNode::Expr(chain @ Expr::Dot(pair, ..)), above) = path.split_last()? else {
        return None;
    };
    let is_set = match above.last() {
        Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
            std::ptr::eq(&raw const assignment.1.lhs, *chain)
        }
        _ => false,
    };
    if is_set || continues_a_chain(path, chain) {
        return None;
    }

    let first = match &pair.rhs {
        Expr::Dot(rest, ..) | Expr::Index(rest, ..) => &rest.lhs,
        only => only,
    };
    match (&pair.lhs, first) {
        (Expr::Variable(variable, ..), Expr::Property(property, position))
            if variable.2.path.is_empty() =>
        {
            Some((variable.1.as_str(), property.2.as_str(), *position))
        }
        _ => None,
    }
}
