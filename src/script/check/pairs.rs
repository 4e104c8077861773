//! `for` with two variables, whose second one is the number of the turn. In Python, both are parts of the item.

use crate::script::check::call::{EACH, call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::functions::ScriptFunction;
use crate::script::check::kinds::Kinds;
use crate::script::check::used::is_variable;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};

/// Names of numbers with which people count.
const COUNTERS: &[&str] = &["i", "idx", "index", "n"];
/// More names of that kind; a value may have one too.
const NUMBERS: &[&str] = &[
    "_", "at", "col", "column", "count", "counter", "ix", "j", "k", "line", "no", "nr", "nth",
    "num", "number", "place", "pos", "position", "rank", "round", "row", "step", "turn",
];

/// Names of numbers of turns, which an item hardly has.
const TURNS: &[&str] = &["i", "idx", "index", "ix"];
/// Names among the numbers that an item may have, too.
const NOUNS: &[&str] = &["col", "column", "line", "place", "round", "row", "step", "turn"];
/// Operators of numbers alone.
const COUNTING: &[&str] = &["-", "*", "/", "%", "<", "<=", ">", ">="];

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
            // With a function, it joins the two values itself.
            Expr::FnCall(call, _) | Expr::MethodCall(call, _)
                if call.args.iter().any(|argument| closure_in(argument).is_some()) =>
            {
                None
            }
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => of_word(&call.name),
            Expr::Dot(pair, ..) => Items::of(&pair.rhs),
            Expr::Array(items, _) => {
                let is_list = |item: &Expr| match item {
                    Expr::Array(parts, _) => parts.len() == 2,
                    Expr::DynamicConstant(value, _) => is_pair(value),
                    _ => false,
                };
                (!items.is_empty() && items.iter().all(is_list)).then_some(Items::Pairs)
            }
            Expr::DynamicConstant(value, _) => {
                let list = value.read_lock::<rhai::Array>()?;
                let is_pairs = !list.is_empty() && list.iter().all(is_pair);
                is_pairs.then_some(Items::Pairs)
            }
            _ => None,
        }
    }
}

fn is_pair(value: &rhai::Dynamic) -> bool {
    value.read_lock::<rhai::Array>().is_some_and(|list| list.len() == 2)
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
                let body = each.2.body.statements();
                let parts = items.filter(|_| {
                    !is_number(names[1])
                        && !takes_parts(body, names[0])
                        && !is_key(body, names[0])
                        && !counts_with(body, names[1])
                });
                let is_swapped =
                    COUNTERS.contains(&names[0]) && !is_number(names[1]) && !is_of_numbers(of)
                        || TURNS.contains(&names[0]) && names_an_item(names, of, body);
                if is_swapped {
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
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

impl Checker<'_> {
    /// Finds functions of `map` and the like whose parameters have the order of other languages.
    pub(super) fn numbered_items(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<([String; 2], Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let each = call(path).filter(|call| EACH.contains(&call.expr.name.as_str()));
            let Some(call) = each.filter(|call| !kinds.is_of_script(path, call)) else {
                return true;
            };
            let before = kinds.before(path, kinds.function_of(path));
            if before.is_some_and(|before| before.word() == "map") {
                return true;
            }

            for argument in &call.expr.args {
                let closure = closure_in(argument);
                let function = closure.and_then(|name| file.functions.named(&name).next());
                if let Some([first, second]) = function.map(ScriptFunction::params)
                    && TURNS.contains(&first.as_str())
                    && !is_number(second)
                    && !receiver(path).is_some_and(is_of_numbers)
                {
                    let start = argument.start_position();
                    let position = if start.is_none() { call.position } else { start };
                    found.push(([first.clone(), second.clone()], position));
                }
            }
            true
        });

        for ([first, second], position) in found {
            let message =
                format!("`{first}` is the item here, and the second parameter is its number");
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            let help = format!("write `|{second}, {first}| ..`: the number comes second");
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Tells whether the second variable of a loop is named and used like its item.
fn names_an_item([first, name]: [&str; 2], over: &Expr, body: &[Stmt]) -> bool {
    let list = match over {
        Expr::Variable(of, ..) => Some(of.1.as_str()),
        Expr::Dot(pair, ..) => match &pair.rhs {
            Expr::Property(property, _) => Some(property.2.as_str()),
            _ => None,
        },
        _ => None,
    };
    let is_plural = list.is_some_and(|list| list.strip_prefix(name).is_some_and(|end| end == "s"));
    let is_item = is_plural || NOUNS.contains(&name) && !is_of_numbers(over);
    is_item && !counts_with(body, name) && !takes_parts(body, first)
}

/// Tells whether a loop goes over numbers, certainly.
fn is_of_numbers(expr: &Expr) -> bool {
    match expr {
        Expr::FnCall(call, _) => matches!(call.name.as_str(), ".." | "..=" | "range"),
        Expr::Array(items, _) => items.iter().all(|item| matches!(item, Expr::IntegerConstant(..))),
        Expr::DynamicConstant(value, _) => value
            .read_lock::<rhai::Array>()
            .is_none_or(|list| list.iter().all(rhai::Dynamic::is_int)),
        _ => false,
    }
}

/// Tells whether statements use a variable as a number: they compute with it, or it is a place.
fn counts_with(statements: &[Stmt], name: &str) -> bool {
    let mut is_found = false;
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            is_found |= match path.last() {
                Some(ASTNode::Expr(Expr::Index(pair, ..))) => is_variable(&pair.rhs, name),
                Some(ASTNode::Expr(Expr::FnCall(call, _))) => {
                    let is_number = |expr: &Expr| matches!(expr, Expr::IntegerConstant(..));
                    let counts =
                        COUNTING.contains(&call.name.as_str()) || call.args.iter().any(is_number);
                    counts && call.args.iter().any(|argument| is_variable(argument, name))
                }
                _ => false,
            };
            true
        });
    }
    is_found
}

/// Tells whether statements use a variable as the key of a map.
fn is_key(statements: &[Stmt], name: &str) -> bool {
    let mut is_found = false;
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Index(pair, ..))) = path.last() {
                is_found |= is_variable(&pair.rhs, name);
            }
            true
        });
    }
    is_found
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
                // Lists have methods, and numbers and texts hardly any that a loop would call.
                Some(ASTNode::Expr(Expr::Index(pair, ..) | Expr::Dot(pair, ..))) => &pair.lhs,
                Some(ASTNode::Stmt(Stmt::For(each, _))) => &each.2.expr,
                _ => return true,
            };
            is_found |= is_variable(of, name);
            true
        });
    }
    is_found
}
