//! What the variables of a script are set to, and the fields of its maps.

use crate::script::check::checker::File;
use crate::script::check::closure::closure_in;
use crate::script::check::functions::ScriptFunction;
use crate::script::check::kinds::Kinds;
use crate::script::check::whole::READING;
use crate::script::lexer::names_closure;
use rhai::{ASTNode, Dynamic, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// Methods that give a list of their own, and leave the one before the dot as it is.
const COPYING: &[&str] = &["filter", "map"];

/// How deep variables are followed to the number that they hold.
pub(super) const DEPTH_MAX: usize = 8;

/// A value that a variable gets, and the function in which it gets it.
pub(super) struct GivenValue {
    pub(super) expr: Expr,
    pub(super) function: String,
}

/// What the variables of a script are set to, by their names, and the fields of its maps as `map.field`.
#[derive(Default)]
pub(super) struct GivenValues {
    pub(super) given: BTreeMap<String, Vec<GivenValue>>,
    /// Variables that get what is not known: parameters, items of lists, errors.
    pub(super) unknown: BTreeSet<String>,
    /// Variables whose value may be changed in place.
    pub(super) changed: BTreeSet<String>,
    /// Those of them that are changed otherwise than by `push` or at a place in brackets.
    altered: BTreeSet<String>,
    /// What `push` adds to lists, and what is set at places in brackets.
    filled: BTreeMap<String, Vec<GivenValue>>,
    /// The closures of `reduce` that are given a first value, with the names of their first parameters.
    sums: BTreeMap<String, String>,
    /// Variables that count the turns of a loop.
    pub(super) counters: BTreeSet<String>,
    /// The items of loops over lists in variables: the item, the list, and the function of the loop.
    pub(super) looped: Vec<(String, String, String)>,
    /// The closures that give a field of their only parameter.
    pub(super) fields: BTreeMap<String, String>,
}

impl GivenValues {
    pub(super) fn of(file: &File<'_>, kinds: &Kinds<'_>) -> GivenValues {
        let mut values = GivenValues::default();
        let functions = OwnFunctions::of(file, kinds);
        values.add_sums(file, kinds);
        values.add_fields(file, kinds);
        for function in file.functions.iter() {
            let is_sum = values.sums.contains_key(&function.name);
            let params = function.params().iter().skip(usize::from(is_sum)).cloned();
            if functions.is_known(&function.name, function.params().len()) {
                params.for_each(|name| {
                    values.given.entry(name).or_default();
                });
            } else {
                values.unknown.extend(params);
            }
        }

        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = || kinds.function_of(path).to_owned();
            match path.last() {
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) => {
                    match functions.params(call) {
                        // A function of the script gets copies.
                        Some(params) => values.set_all(params, &call.args, &function()),
                        None => values.pass(call),
                    }
                }
                Some(ASTNode::Stmt(statement)) => values.add(statement, function),
                // What a method does with its list, nobody says here; a place of it may be set.
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) => {
                    if let Some((params, args)) = functions.params_of_held(&pair.lhs, &pair.rhs) {
                        values.set_all(params, args, &function());
                    }
                    let is_quiet = match &pair.rhs {
                        Expr::MethodCall(call, _) => READING.contains(&call.name.as_str()),
                        // What `map` and `filter` give is another list.
                        Expr::Dot(rest, ..) => {
                            matches!(&rest.lhs, Expr::MethodCall(call, _) if COPYING.contains(&call.name.as_str()))
                        }
                        rest => matches!(rest, Expr::Property(..)),
                    };
                    match (&pair.lhs, &pair.rhs) {
                        _ if is_quiet => {}
                        (Expr::Variable(name, ..), Expr::MethodCall(call, _))
                            if call.name == "push" && call.args.len() == 1 =>
                        {
                            values.changed.insert(name.1.to_string());
                            values.fill(&name.1, &call.args[0], &function());
                        }
                        (Expr::Variable(name, ..), _) => values.alter(&name.1),
                        _ => {}
                    }
                }
                _ => {}
            }
            true
        });

        values.add_items();
        values
    }

    /// Returns the names whose values are all known.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        let names = self.given.keys().map(String::as_str);
        names.filter(|name| !self.unknown.contains(*name))
    }

    pub(super) fn of_name(&self, name: &str) -> &[GivenValue] {
        self.given.get(name).map_or(&[], Vec::as_slice)
    }

    /// Tells whether a variable is changed otherwise than by what fills it.
    pub(super) fn is_altered(&self, name: &str) -> bool {
        self.altered.contains(name)
    }

    /// Returns the names of what is filled.
    pub(super) fn filled(&self) -> impl Iterator<Item = &str> {
        self.filled.keys().map(String::as_str)
    }

    /// Returns what fills a variable.
    pub(super) fn filled_with(&self, name: &str) -> &[GivenValue] {
        self.filled.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the first parameter of a closure of `reduce`.
    pub(super) fn sum(&self, closure: &str) -> Option<&str> {
        self.sums.get(closure).map(String::as_str)
    }

    /// Returns the values of the fields of a map.
    pub(super) fn fields(&self, map: &str) -> impl Iterator<Item = &str> {
        let start = format!("{map}.");
        let names = self.given.keys().filter(move |name| name.starts_with(&start));
        names.map(String::as_str)
    }

    /// Tells whether a variable holds a map that is written out, whose fields are set by their names alone.
    pub(super) fn is_plain_map(&self, name: &str) -> bool {
        let given = self.of_name(name);
        let is_map = |value: &GivenValue| match &value.expr {
            Expr::Map(..) => true,
            Expr::DynamicConstant(value, _) => value.is_map(),
            _ => false,
        };
        !given.is_empty()
            && given.iter().all(is_map)
            && !self.unknown.contains(name)
            && !self.is_altered(name)
    }

    /// Tells whether both numbers are known, or a factor of the first one, and a division drops nothing.
    pub(super) fn is_exact(&self, left: &Expr, right: &Expr) -> bool {
        let Some(divisor) = self.number(right, 0) else { return false };
        let is_multiple = |number: i64| number.checked_rem(divisor).is_none_or(|rest| rest == 0);
        if let Some(divided) = self.number(left, 0) {
            return is_multiple(divided);
        }
        if self.is_multiple(left, divisor, 0) {
            return true;
        }

        match left {
            Expr::FnCall(call, _) if call.name == "*" => {
                call.args.iter().filter_map(|factor| self.number(factor, 0)).any(is_multiple)
            }
            _ => false,
        }
    }

    /// Returns the number that an expression gives, whenever it is reached.
    fn number(&self, expr: &Expr, depth: usize) -> Option<i64> {
        if depth > DEPTH_MAX {
            return None;
        }

        match expr {
            Expr::IntegerConstant(number, _) => Some(*number),
            Expr::Variable(name, ..) => self.number(self.only(&name.1)?, depth + 1),
            Expr::FnCall(call, _) => match call.args.as_slice() {
                [only] if call.name == "-" => self.number(only, depth + 1)?.checked_neg(),
                [left, right] => {
                    let left = self.number(left, depth + 1)?;
                    let right = self.number(right, depth + 1)?;
                    match call.name.as_str() {
                        "+" => left.checked_add(right),
                        "-" => left.checked_sub(right),
                        "*" => left.checked_mul(right),
                        "/" => left.checked_div(right),
                        "%" => left.checked_rem(right),
                        _ => None,
                    }
                }
                _ => None,
            },
            Expr::Dot(pair, ..) => match &pair.rhs {
                Expr::Property(property, _) if property.2 == "len" => self.length(&pair.lhs),
                Expr::MethodCall(call, _) if call.name == "len" && call.args.is_empty() => {
                    self.length(&pair.lhs)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns how long a text or list is that is written out.
    fn length(&self, expr: &Expr) -> Option<i64> {
        let written = match expr {
            Expr::Variable(name, ..) => self.only(&name.1)?,
            other => other,
        };
        let length = match written {
            Expr::Array(items, _) => items.len(),
            Expr::StringConstant(text, _) => text.chars().count(),
            Expr::DynamicConstant(value, _) => value.read_lock::<rhai::Array>()?.len(),
            _ => return None,
        };
        i64::try_from(length).ok()
    }

    /// Returns the only value that a variable ever has.
    pub(super) fn only(&self, name: &str) -> Option<&Expr> {
        let [only] = self.fixed(name)? else { return None };
        Some(&only.expr)
    }

    /// Returns the values of a variable that has no others.
    pub(super) fn fixed(&self, name: &str) -> Option<&[GivenValue]> {
        let is_open =
            [&self.unknown, &self.changed, &self.counters].iter().any(|of| of.contains(name));
        (!is_open).then(|| self.of_name(name))
    }

    /// Notes the variables that a function is given, which may change the first of them.
    fn pass(&mut self, call: &FnCallExpr) {
        // An operator changes nothing.
        if READING.contains(&call.name.as_str()) || !call.name.starts_with(char::is_alphabetic) {
            return;
        }
        let variables = call.args.iter().filter_map(|argument| match argument {
            Expr::Variable(name, ..) => Some(name.1.to_string()),
            _ => None,
        });
        for name in variables.collect::<Vec<String>>() {
            self.alter(&name);
        }
    }

    fn alter(&mut self, name: &str) {
        self.changed.insert(name.to_owned());
        self.altered.insert(name.to_owned());
    }

    fn fill(&mut self, name: &str, value: &Expr, function: &str) {
        let given = GivenValue { expr: value.clone(), function: function.to_owned() };
        self.filled.entry(name.to_owned()).or_default().push(given);
    }

    /// Notes the closures of `reduce`: what the first parameter gets is the first value, and what they return.
    fn add_sums(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<(String, Expr, String)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::MethodCall(call, _))) = path.last()
                && call.name == "reduce"
                && let [closure, first] = call.args.as_slice()
                && let Some(closure) = closure_in(closure)
            {
                found.push((closure, first.clone(), kinds.function_of(path).to_owned()));
            }
            true
        });

        let mut last: BTreeMap<String, Vec<Expr>> = BTreeMap::new();
        let mut returning: BTreeSet<String> = BTreeSet::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            if let [ASTNode::Stmt(statement)] = path
                && !function.is_empty()
            {
                last.insert(function.to_owned(), values_of(statement));
            }
            if let Some(ASTNode::Stmt(Stmt::Return(..))) = path.last() {
                returning.insert(function.to_owned());
            }
            true
        });

        for (closure, first, function) in found {
            let param = file.functions.named(&closure).next().and_then(|one| one.params().first());
            let results = last.remove(&closure).filter(|results| !results.is_empty());
            if let (Some(param), Some(results), false) =
                (param, results, returning.contains(&closure))
            {
                self.set(param, &first, &function);
                for result in &results {
                    self.set(param, result, &closure);
                }
                self.sums.insert(closure, param.clone());
            }
        }
    }

    fn set_all(&mut self, params: &[String], values: &[Expr], function: &str) {
        for (name, value) in params.iter().zip(values) {
            self.set(name, value, function);
        }
    }

    /// Notes a value of a variable, and the fields that it has if it is a map.
    pub(super) fn set(&mut self, name: &str, value: &Expr, function: &str) {
        let mut give = |name: String, expr: Expr| {
            let given = GivenValue { expr, function: function.to_owned() };
            self.given.entry(name).or_default().push(given);
        };

        match value {
            Expr::Map(map, _) => {
                map.0.iter().for_each(|(key, value)| {
                    give(format!("{name}.{}", key.name), value.clone());
                });
            }
            Expr::DynamicConstant(constant, _) => {
                if let Some(map) = constant.read_lock::<rhai::Map>() {
                    map.iter()
                        .for_each(|(key, value)| give(format!("{name}.{key}"), constant_of(value)));
                }
            }
            _ => {}
        }
        give(name.to_owned(), value.clone());
    }

    fn add(&mut self, statement: &Stmt, function: impl Fn() -> String) {
        match statement {
            Stmt::Var(variable, ..) => {
                self.set(&variable.0.name, &variable.1, &function());
            }
            Stmt::Assignment(assignment) => match &assignment.1.lhs {
                Expr::Variable(name, ..) => {
                    let operator = assignment.0.get_op_assignment_info();
                    let operator = operator.map_or("=", |(_, _, _, operator, ..)| operator);
                    if !["=", "+=", "-=", "*="].contains(&operator) {
                        self.changed.insert(name.1.to_string());
                    }
                    self.set(&name.1, &assignment.1.rhs, &function());
                }
                Expr::Index(pair, ..) => {
                    let is_place = !matches!(pair.rhs, Expr::Dot(..) | Expr::Index(..));
                    match &pair.lhs {
                        Expr::Variable(name, ..) if is_place => {
                            self.changed.insert(name.1.to_string());
                            self.fill(&name.1, &assignment.1.rhs, &function());
                        }
                        Expr::Variable(name, ..) => self.alter(&name.1),
                        _ => {}
                    }
                }
                place => {
                    if let Some((_, field)) = field(place) {
                        self.set(&field, &assignment.1.rhs, &function());
                    }
                }
            },

            Stmt::For(each, _) => {
                self.add_loop((&each.0, each.1.as_ref()), &each.2.expr, &function());
            }
            Stmt::TryCatch(flow, _) => {
                if let Expr::Variable(name, ..) = &flow.expr {
                    self.unknown.insert(name.1.to_string());
                }
            }
            _ => {}
        }
    }
}

/// Returns what a statement may give, as a value; nothing if that is not plain.
pub(super) fn values_of(statement: &Stmt) -> Vec<Expr> {
    let of_last = |block: &[Stmt]| block.last().map_or(Vec::new(), values_of);
    match statement {
        Stmt::Expr(value) => match &**value {
            Expr::Stmt(block) => of_last(block.statements()),
            value => vec![value.clone()],
        },
        Stmt::FnCall(call, position) => vec![Expr::FnCall(call.clone(), *position)],
        Stmt::Block(block) => of_last(block.statements()),
        Stmt::If(flow, _) => {
            let one = of_last(flow.body.statements());
            let other = of_last(flow.branch.statements());
            if one.is_empty() || other.is_empty() { Vec::new() } else { [one, other].concat() }
        }
        _ => Vec::new(),
    }
}

/// Returns the map and the name of a field of a variable: `c` and `c.right`.
pub(super) fn field(expr: &Expr) -> Option<(&str, String)> {
    let Expr::Dot(pair, ..) = expr else { return None };
    match (&pair.lhs, &pair.rhs) {
        (Expr::Variable(name, ..), Expr::Property(property, _)) => {
            Some((name.1.as_str(), format!("{}.{}", name.1, property.2)))
        }
        _ => None,
    }
}

/// Writes a value that is no whole number as none.
pub(super) fn constant_of(value: &Dynamic) -> Expr {
    match value.as_int() {
        Ok(number) => Expr::IntegerConstant(number, Position::NONE),
        Err(_) => Expr::Unit(Position::NONE),
    }
}

/// The functions of a file whose parameters get nothing but what calls of the file pass to them.
struct OwnFunctions {
    params: BTreeMap<(String, usize), Vec<String>>,
    /// The closures that variables hold which are only called, by the names of the variables.
    held: BTreeMap<String, String>,
}

impl OwnFunctions {
    fn of(file: &File<'_>, kinds: &Kinds<'_>) -> OwnFunctions {
        let mut params = BTreeMap::new();
        for function in file.functions.iter().filter(|function| !names_closure(&function.name)) {
            let names = function.params();
            params.insert((function.name.clone(), names.len()), names.to_vec());
        }

        // What is a value, or is called behind a dot, may get anything.
        let mut open: BTreeSet<String> = BTreeSet::new();
        let mut called: BTreeSet<(String, usize)> = BTreeSet::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Variable(name, ..))) => {
                    open.insert(name.1.to_string());
                }
                Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                    open.insert(text.to_string());
                }
                Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                    open.insert(call.name.to_string());
                }
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) => {
                    called.insert((call.name.to_string(), call.args.len()));
                }
                _ => {}
            }
            true
        });

        params.retain(|key, _| !open.contains(&key.0) && called.contains(key));
        let held = held(file, kinds);
        for closure in held.values() {
            let names = file.functions.named(closure).next().map(ScriptFunction::params);
            let names = names.unwrap_or_default();
            params.insert((closure.clone(), names.len()), names.to_vec());
        }
        OwnFunctions { params, held }
    }

    fn is_known(&self, name: &str, arity: usize) -> bool {
        self.params.contains_key(&(name.to_owned(), arity))
    }

    /// Returns the parameters of the function that is called.
    fn params(&self, call: &FnCallExpr) -> Option<&[String]> {
        let key = (call.name.to_string(), call.args.len());
        let params = self.params.get(&key).filter(|_| !call.is_qualified())?;
        Some(params)
    }

    /// Returns the parameters of the closure that `variable.call(..)` calls, and what it gives them.
    fn params_of_held<'a>(&self, of: &Expr, method: &'a Expr) -> Option<(&[String], &'a [Expr])> {
        let (Expr::Variable(name, ..), Expr::MethodCall(call, _)) = (of, method) else {
            return None;
        };
        let closure = self.held.get(name.1.as_str()).filter(|_| call.name == "call")?;
        let params = self.params.get(&(closure.clone(), call.args.len()))?;
        Some((params, &call.args))
    }
}

/// Returns the closures that variables hold of which nothing is done but to call them.
fn held(file: &File<'_>, kinds: &Kinds<'_>) -> BTreeMap<String, String> {
    let mut held: BTreeMap<String, Option<String>> = BTreeMap::new();
    for ((_, variable), closure) in kinds.set_once(file, closure_in) {
        held.entry(variable).and_modify(|known| *known = None).or_insert(closure);
    }

    let mut uses: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    file.ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::Variable(name, ..))) => {
                uses.entry(name.1.to_string()).or_default().0 += 1;
            }
            Some(ASTNode::Expr(Expr::Dot(pair, ..))) => {
                if let (Expr::Variable(name, ..), Expr::MethodCall(call, _)) =
                    (&pair.lhs, &pair.rhs)
                    && call.name == "call"
                {
                    uses.entry(name.1.to_string()).or_default().1 += 1;
                }
            }
            _ => {}
        }
        true
    });

    let is_called = |name: &String| uses.get(name).is_some_and(|(all, calls)| all == calls);
    let sure = held.into_iter().filter(|(name, _)| is_called(name));
    sure.filter_map(|(name, closure)| Some((name, closure?))).collect()
}
