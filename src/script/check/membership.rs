//! Items that are looked for in a list of values of another type: `3 in ["3"]` is always false.

use crate::script::check::call::{call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::comparisons::Comparable;
use crate::script::check::kinds::Kinds;
use crate::script::check::variables::held_for_good;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Dynamic, Expr, Position};
use std::collections::HashMap;

/// The types of the items of lists that variables hold for good, each with a word for it.
type HeldTypes = HashMap<String, Vec<(Comparable, String)>>;

impl Checker<'_> {
    /// Finds items that no item of a literal list can equal, and texts that are split at nothing.
    pub(super) fn membership(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let lists: HeldTypes =
            held_for_good(file, |value, path| types(value, kinds, kinds.function_of(path)));
        let mut found: Vec<(String, String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            // The language writes `x in list` as `contains(list, x)`.
            let Some(call) = call(path).filter(|call| !kinds.is_of_script(path, call)) else {
                return true;
            };
            let subject = if call.is_method { receiver(path) } else { call.expr.args.first() };
            let (Some(subject), Some(item)) = (subject, call.expr.args.last()) else { return true };
            if call.expr.args.len() + usize::from(call.is_method) != 2 {
                return true;
            }

            match call.expr.name.as_str() {
                "contains" => {
                    let function = kinds.function_of(path);
                    found.extend(mistake((subject, &lists), item, kinds, function));
                    found.extend(foreign_words(subject, item, kinds, function));
                }
                "split" => found.extend(nothing(item)),
                _ => {}
            }
            true
        });

        for (message, help, position) in found {
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Looks at an item that is looked for in a list.
fn mistake(
    (list, held): (&Expr, &HeldTypes),
    item: &Expr,
    kinds: &Kinds<'_>,
    function: &str,
) -> Option<(String, String, Position)> {
    let known = kinds.kind(item, function)?;
    let wanted = Comparable::of(Some(&known))?;
    let items = match list {
        Expr::Variable(name, ..) => held.get(name.1.as_str())?,
        literal => &types(literal, kinds, function)?,
    };
    let (_, word) = items.first()?;
    if items.iter().any(|(of_type, _)| *of_type == wanted) {
        return None;
    }

    let message =
        format!("{} is never in a list of values such as {}", article(known.word()), article(word));
    let help = match wanted {
        Comparable::Number => "write `text.parse_int()` for the items, or `x.to_string()`",
        Comparable::Text => "write `text.parse_int()`, or texts as items",
        Comparable::List => {
            "write `one.some(|item| item in other)`, or `all`, for the items of a list"
        }
        Comparable::Truth | Comparable::Map => "write items of the same type",
    };
    let start = item.start_position();
    Some((message, help.to_owned(), if start.is_none() { list.start_position() } else { start }))
}

/// Looks at a field of an answer that is looked for among words which it never is.
fn foreign_words(
    list: &Expr,
    item: &Expr,
    kinds: &Kinds<'_>,
    function: &str,
) -> Option<(String, String, Position)> {
    let known = kinds.words_of(item, function)?;
    let text = |item: &Expr| match item {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    };
    let words: Vec<String> = match list {
        Expr::Array(items, _) => items.iter().map(text).collect::<Option<_>>()?,
        Expr::DynamicConstant(value, _) => {
            let items = value.read_lock::<rhai::Array>()?;
            items.iter().map(|one| one.clone().into_string().ok()).collect::<Option<_>>()?
        }
        _ => return None,
    };
    if words.is_empty() || words.iter().any(|word| known.has(word)) {
        return None;
    }

    let message = format!("`{}` is never one of these", known.field);
    let help = format!("it is one of {}", known.listed());
    Some((message, help, item.start_position()))
}

/// Returns the types of the items of a literal list, if all are known.
fn types(list: &Expr, kinds: &Kinds<'_>, function: &str) -> Option<Vec<(Comparable, String)>> {
    match list {
        Expr::Array(items, _) => items
            .iter()
            .map(|item| {
                let kind = kinds.kind(item, function)?;
                Some((Comparable::of(Some(&kind))?, kind.word().to_owned()))
            })
            .collect(),
        Expr::DynamicConstant(value, _) => {
            let list = value.read_lock::<rhai::Array>()?;
            list.iter().map(of_value).collect()
        }
        _ => None,
    }
}

fn of_value(value: &Dynamic) -> Option<(Comparable, String)> {
    let (of_type, word) = match value.type_name() {
        "string" => (Comparable::Text, "string"),
        "i64" => (Comparable::Number, "int"),
        "f64" => (Comparable::Number, "float"),
        "bool" => (Comparable::Truth, "bool"),
        _ => return None,
    };
    Some((of_type, word.to_owned()))
}

/// Looks at what a text is split at.
fn nothing(separator: &Expr) -> Option<(String, String, Position)> {
    let Expr::StringConstant(text, position) = separator else { return None };
    text.is_empty().then(|| {
        let message = "`split(\"\")` gives an empty text before and after the characters";
        (message.to_owned(), "write `text.to_chars()`".to_owned(), *position)
    })
}
