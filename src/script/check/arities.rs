//! Functions that take another number of arguments than the word that calls them passes: `sorted(|x| x.a)`,
//! `attempt(|x| ..)`. Most of them would fail after calls that are paid.

use crate::script::check::call::{Call, call};
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::functions::ScriptFunctions;
use crate::script::check::kinds::Kinds;
use crate::script::check::option_values::{PATTERNS_PLACE, map_at};
use crate::script::check::pairs;
use crate::script::check::used::is;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::arity::{self, ClosureArity};
use rhai::{ASTNode, Expr, Position};
use std::collections::HashMap;

/// Words that want a number for each item, and not a comparison of two.
const OF_NUMBERS: &[&str] = &["max_by", "min_by"];

impl Checker<'_> {
    /// Finds functions with the wrong number of parameters.
    pub(super) fn arities(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let known = FunctionTable::of(file, kinds);
        let mut faults = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(call) = call(path)
                && !kinds.is_of_script(path, &call)
            {
                let function = kinds.function_of(path);
                let subject = if call.is_method {
                    kinds.before(path, function)
                } else {
                    call.expr.args.first().and_then(|first| kinds.kind(first, function))
                };
                known.faults(&call, (kinds, function), subject.as_ref(), &mut faults);
            }
            true
        });

        for ArityFault { message, help, position } in faults {
            let fault = Diagnostic::at(codes::ARGUMENTS, message, file.name, file.text, position);
            self.push_new(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// A function with the wrong number of parameters.
struct ArityFault {
    message: String,
    help: String,
    position: Position,
}

/// The functions of a file.
struct FunctionTable<'a> {
    functions: &'a ScriptFunctions,
    /// The closures that variables hold, by function and name; `None` for what is set several times.
    held: HashMap<(String, String), Option<String>>,
}

impl<'a> FunctionTable<'a> {
    fn of(file: &'a File<'_>, kinds: &Kinds<'_>) -> FunctionTable<'a> {
        FunctionTable { functions: &file.functions, held: kinds.set_once(file, closure_in) }
    }

    /// Returns the parameters of the function that an expression is, if that is certain.
    fn params(&self, expr: &Expr, kinds: &Kinds<'_>, function: &str) -> Option<&[String]> {
        let name = match expr {
            Expr::Variable(name, ..) if name.2.path.is_empty() => {
                let key = (function.to_owned(), name.1.to_string());
                match self.held.get(&key) {
                    Some(held) => held.clone()?,
                    None if kinds.knows(&name.1, function) => return None,
                    None => name.1.to_string(),
                }
            }
            Expr::FnCall(call, _) if call.name == "Fn" => match call.args.as_slice() {
                [Expr::StringConstant(name, _)] => name.to_string(),
                _ => return None,
            },
            other => closure_in(other)?,
        };

        let mut named = self.functions.named(&name);
        let only = named.next()?;
        named.next().is_none().then(|| only.params())
    }

    /// Finds the functions that a call is given with the wrong number of parameters.
    fn faults(
        &self,
        call: &Call<'_>,
        (kinds, function): (&Kinds<'_>, &str),
        subject: Option<&ValueKind>,
        faults: &mut Vec<ArityFault>,
    ) {
        let word = call.expr.name.as_str();
        let args = &call.expr.args;
        let mut check = |expr: &Expr, of: &str, arity: Option<ClosureArity>, position: Position| {
            let fault =
                arity.zip(self.params(expr, kinds, function)).and_then(|(arity, params)| {
                    let message =
                        arity.fault(of, params.len()).or_else(|| comparing(word, params))?;
                    Some(ArityFault { message, help: help(word, arity), position })
                });
            faults.extend(fault);
        };
        let place = |expr: &Expr| {
            let start = expr.start_position();
            if start.is_none() { call.position } else { start }
        };

        let own = arity::of_argument(word, subject.map(ValueKind::word));
        let named = format!("`{word}`");
        for argument in args {
            check(argument, &named, own, place(argument));
        }

        if let Some(Expr::Array(items, _)) = args.first() {
            for item in items {
                check(item, &named, arity::of_items(word), place(item));
            }
        }

        let patterns = arity::of_patterns(word);
        let ways = map_at(call, PATTERNS_PLACE).filter(|_| patterns.is_some());
        for argument in args {
            let Expr::Map(map, _) = argument else { continue };
            let is_patterns = ways.is_some_and(|ways| is(ways, argument));

            for (key, value) in &map.0 {
                let option = arity::of_option(word, &key.name);
                let (arity, of) = if is_patterns {
                    (patterns, named.clone())
                } else {
                    (option, format!("option `{}` of {named}", key.name))
                };
                check(value, &of, arity, key.pos);
            }
        }
    }
}

/// Says what is wrong with a function that compares two items where a number is wanted for each.
fn comparing(word: &str, params: &[String]) -> Option<String> {
    let second = params.get(1).filter(|_| OF_NUMBERS.contains(&word))?;
    (!pairs::is_number(second)).then(|| {
        format!("`{word}` calls its function with an item and its index, not with two items")
    })
}

fn help(word: &str, arity: ClosureArity) -> String {
    let form = arity.form;
    match word {
        "sort" | "sorted" | "sort_by" | "order" | "order_by" => {
            format!("write `{form}`: below 0 if `a` comes first")
        }
        "max_by" | "min_by" => format!("write `{form}`: it returns a number for one item"),
        _ => format!("write `{form}`"),
    }
}
