//! `for` with two variables, whose second one is the number of the turn. In Python, both are parts of the item.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::used::is_variable;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};

/// Names of numbers with which people count.
const COUNTERS: &[&str] = &["i", "idx", "index", "n"];
/// More names of that kind; a value may have one too.
const NUMBERS: &[&str] = &[
    "_", "at", "col", "column", "count", "counter", "ix", "j", "line", "no", "nr", "num", "number",
    "place", "pos", "position", "rank", "round", "row", "step", "turn",
];

/// What a loop goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Items {
    /// Lists of two values each.
    Pairs,
    /// The keys or the values of a map.
    Parts,
}

impl Items {
    fn of(expr: &Expr) -> Option<Items> {
        let of_word = |word: &str| match word {
            "zip" => Some(Items::Pairs),
            "keys" | "values" => Some(Items::Parts),
            _ => None,
        };

        match expr {
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => of_word(&call.name),
            Expr::Dot(pair, ..) => Items::of(&pair.rhs),
            Expr::Array(items, _) => {
                let is_list = |item: &Expr| match item {
                    Expr::Array(parts, _) => parts.len() > 1,
                    Expr::DynamicConstant(value, _) => value.is_array(),
                    _ => false,
                };
                (!items.is_empty() && items.iter().all(is_list)).then_some(Items::Pairs)
            }
            Expr::DynamicConstant(value, _) => {
                let list = value.read_lock::<rhai::Array>()?;
                let is_pairs = !list.is_empty() && list.iter().all(rhai::Dynamic::is_array);
                is_pairs.then_some(Items::Pairs)
            }
            _ => None,
        }
    }
}

impl Checker<'_> {
    /// Finds loops whose variables have the order or the meaning of other languages.
    pub(super) fn pairs(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let lists = kinds.set_once(file, Items::of);
        let mut found: Vec<(String, String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::For(each, _))) = path.last()
                && let Some(second) = &each.1
            {
                let first = &each.0;
                let of = &each.2.expr;
                let items = Items::of(of).or_else(|| match of {
                    Expr::Variable(name, ..) => {
                        let key = (kinds.function_of(path).to_owned(), name.1.to_string());
                        lists.get(&key).copied().flatten()
                    }
                    _ => None,
                });

                let names = [first.name.as_str(), second.name.as_str()];
                let parts = items.filter(|_| {
                    !is_number(names[1]) && !takes_parts(each.2.body.statements(), names[0])
                });
                if COUNTERS.contains(&names[0]) && !is_number(names[1]) {
                    let message = order(names[0]);
                    let help = format!(
                        "write `for ({}, {}) in ..`: the number comes second",
                        names[1], names[0]
                    );
                    found.push((message, help, first.pos));
                } else if let Some(items) = parts {
                    let message = format!("`{}` is the number of the turn, from 0", names[1]);
                    found.push((message, help(items, names), second.pos));
                }
            }
            true
        });

        for (message, help, position) in found {
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

fn order(first: &str) -> String {
    format!("`{first}` is the item here, and the second variable is its number")
}

/// Says what to write for both parts of an item.
fn help(items: Items, [first, second]: [&str; 2]) -> String {
    match items {
        Items::Pairs => format!(
            "write `for pair in .. {{ let {first} = pair[0]; let {second} = pair[1]; .. }}`"
        ),
        Items::Parts => {
            format!("write `for {first} in map.keys() {{ let {second} = map[{first}]; .. }}`")
        }
    }
}

pub(super) fn is_number(name: &str) -> bool {
    let is_known = |name: &str| COUNTERS.contains(&name) || NUMBERS.contains(&name);
    let last = name.rsplit('_').next().unwrap_or(name);
    name.starts_with('_') || is_known(name) || is_known(last)
}

/// Tells whether statements take parts of a variable, such as `pair[0]`, or go over it: then its author knows
/// what it is.
fn takes_parts(statements: &[Stmt], name: &str) -> bool {
    let mut is_found = false;
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            let of = match path.last() {
                Some(ASTNode::Expr(Expr::Index(pair, ..))) => &pair.lhs,
                Some(ASTNode::Stmt(Stmt::For(each, _))) => &each.2.expr,
                _ => return true,
            };
            is_found |= is_variable(of, name);
            true
        });
    }
    is_found
}
