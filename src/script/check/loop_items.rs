//! What the items of loops and of `map` are, where their lists are written out and never changed.

use crate::script::check::checker::File;
use crate::script::check::functions::ScriptFunction;
use crate::script::check::given_values::{DEPTH_MAX, GivenValues, constant_of};
use crate::script::check::kinds::Kinds;
use rhai::{ASTNode, Dynamic, Expr, Ident, Position, Stmt};
use std::collections::BTreeMap;

impl GivenValues {
    /// Notes the variables of a loop.
    pub(super) fn add_loop(
        &mut self,
        (item, counter): (&Ident, Option<&Ident>),
        over: &Expr,
        function: &str,
    ) {
        match over {
            Expr::FnCall(range, _) if matches!(range.name.as_str(), ".." | "..=") => {
                range.args.iter().for_each(|end| self.set(&item.name, end, function));
                // Of the numbers between the ends, nothing is known.
                self.changed.insert(item.name.to_string());
            }
            Expr::Variable(list, ..) => {
                let looped = (item.name.to_string(), list.1.to_string(), function.to_owned());
                self.looped.push(looped);
            }
            list @ (Expr::Array(..) | Expr::DynamicConstant(..)) => {
                match self.items(list).filter(|items| !items.is_empty()) {
                    Some(items) => items.iter().for_each(|one| self.set(&item.name, one, function)),
                    None => {
                        self.unknown.insert(item.name.to_string());
                    }
                }
            }
            _ => {
                self.unknown.insert(item.name.to_string());
            }
        }

        if let Some(counter) = counter {
            self.given.entry(counter.name.to_string()).or_default();
            self.counters.insert(counter.name.to_string());
        }
    }

    /// Returns the items of a list that is written out and never changed.
    fn items<'a>(&'a self, list: &'a Expr) -> Option<Vec<Expr>> {
        match list {
            Expr::Array(items, _) => Some(items.to_vec()),
            Expr::DynamicConstant(value, _) => {
                let items = value.read_lock::<rhai::Array>()?;
                Some(items.iter().map(item_of).collect())
            }
            Expr::Variable(name, ..) => {
                let only = self.only(&name.1)?;
                if matches!(only, Expr::Variable(..)) { None } else { self.items(only) }
            }
            _ => None,
        }
    }

    /// Returns the values of a field of all items of a list, as the closure of `map` gives them.
    pub(super) fn mapped(&self, list: &Expr, closure: &str) -> Option<Vec<Expr>> {
        let field = self.fields.get(closure)?;
        let value = |item: &Expr| match item {
            Expr::Map(map, _) => {
                let own = map.0.iter().find(|(key, _)| key.name == field.as_str());
                own.map(|(_, value)| value.clone())
            }
            Expr::DynamicConstant(map, _) => {
                let map = map.read_lock::<rhai::Map>()?;
                map.get(field.as_str()).map(constant_of)
            }
            _ => None,
        };
        self.items(list)?.iter().map(value).collect()
    }

    /// Gives the items of loops their values, where the list is written out and never changed.
    pub(super) fn add_items(&mut self) {
        for (item, list, function) in std::mem::take(&mut self.looped) {
            let items = self.only(&list).and_then(|list| self.items(list));
            match items.filter(|items| !items.is_empty()) {
                Some(items) => items.iter().for_each(|one| self.set(&item, one, &function)),
                None => {
                    self.unknown.insert(item);
                }
            }
        }
    }

    /// Notes the closures that give a field of their only parameter.
    pub(super) fn add_fields(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut statements: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            if let [ASTNode::Stmt(statement)] = path
                && !function.is_empty()
            {
                let mut given = file.functions.named(function).map(ScriptFunction::params);
                let param = match given.next() {
                    Some([only]) => Some(only.as_str()),
                    _ => None,
                };
                let field = param.and_then(|param| field_of(statement, param));
                statements.entry(function.to_owned()).or_default().push(field);
            }
            true
        });

        for (closure, fields) in statements {
            if let [Some(field)] = fields.as_slice() {
                self.fields.insert(closure, field.clone());
            }
        }
    }

    /// Tells whether every value that an expression can have is a multiple of a number.
    pub(super) fn is_multiple(&self, expr: &Expr, of: i64, depth: usize) -> bool {
        let is_one = |value: &Expr| self.is_multiple(value, of, depth + 1);
        match expr {
            Expr::IntegerConstant(number, _) => number.checked_rem(of).is_none_or(|rest| rest == 0),
            // A sum or a product of multiples is one, too.
            Expr::Variable(name, ..) if depth < DEPTH_MAX => {
                let values = self.fixed(&name.1).filter(|values| !values.is_empty());
                values.is_some_and(|values| values.iter().all(|value| is_one(&value.expr)))
            }
            _ => false,
        }
    }
}

/// Returns the field of a parameter that a statement gives.
fn field_of(statement: &Stmt, param: &str) -> Option<String> {
    let Stmt::Expr(value) = statement else { return None };
    let Expr::Dot(pair, ..) = &**value else { return None };
    match (&pair.lhs, &pair.rhs) {
        (Expr::Variable(name, ..), Expr::Property(property, _)) if name.1 == param => {
            Some(property.2.to_string())
        }
        _ => None,
    }
}

/// Writes an item of a list: a map as it is, and other values as whole numbers or none.
fn item_of(value: &Dynamic) -> Expr {
    if value.is_map() {
        return Expr::DynamicConstant(Box::new(value.clone()), Position::NONE);
    }
    constant_of(value)
}
