//! What variables are set to, and what is read of them.

use crate::script::check::checker::File;
use crate::script::check::kinds::Kinds;
use crate::script::check::tools::FILLING;
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::{HashMap, HashSet};

/// A property that a script reads of a variable.
pub(super) struct PropertyRead {
    /// The function in which it stands, or nothing at the top level.
    pub(super) function: String,
    pub(super) variable: String,
    pub(super) property: String,
    pub(super) position: Position,
}

/// The texts that variables hold for good, by the names of the variables.
pub(super) type HeldTexts = HashMap<String, String>;

/// Words that change none of their arguments.
const LOOKING: &[&str] = &["contains", "debug", "print"];

/// Returns the texts of variables that are set once in a file, and that nothing else there can change or hide.
pub(super) fn held_texts(file: &File<'_>) -> HeldTexts {
    held_for_good(file, |value, _| match value {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    })
}

/// Returns what `of` says of the values of such variables. It is given the value and the path to its statement.
pub(super) fn held_for_good<T>(
    file: &File<'_>,
    of: impl Fn(&Expr, &[ASTNode<'_>]) -> Option<T>,
) -> HashMap<String, T> {
    let mut held: HashMap<String, Option<T>> = HashMap::new();
    for function in file.functions.iter() {
        held.extend(function.params().iter().map(|name| (name.clone(), None)));
    }

    file.ast.walk(&mut |path: &[ASTNode]| {
        let mut loses = |name: &str| {
            held.insert(name.to_owned(), None);
        };
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                let value = of(&variable.1, path);
                let name = variable.0.name.to_string();
                held.entry(name).and_modify(|known| *known = None).or_insert(value);
            }
            Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                loses(&each.0.name);
                each.1.iter().for_each(|counter| loses(&counter.name));
            }
            Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) => {
                if let Expr::Variable(name, ..) = &flow.expr {
                    loses(&name.1);
                }
            }
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                if let Expr::Variable(name, ..) = &assignment.1.lhs {
                    loses(&name.1);
                }
            }
            // A method may change its text, and so may a function its first argument.
            Some(ASTNode::Expr(Expr::Dot(pair, ..) | Expr::Index(pair, ..))) => {
                if let Expr::Variable(name, ..) = &pair.lhs {
                    loses(&name.1);
                }
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                if let Some(Expr::Variable(name, ..)) = call.args.first()
                    && !LOOKING.contains(&call.name.as_str())
                {
                    loses(&name.1);
                }
            }
            _ => {}
        }
        true
    });

    held.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

impl Kinds<'_> {
    /// Returns what `of` says of the values that variables are set to, by function and name. Of one that is set
    /// several times, nothing is said.
    pub(super) fn set_once<T>(
        &self,
        file: &File<'_>,
        of: impl Fn(&Expr) -> Option<T>,
    ) -> HashMap<(String, String), Option<T>> {
        let mut found: HashMap<(String, String), Option<T>> = HashMap::new();

        file.ast.walk(&mut |path: &[ASTNode]| {
            let (name, value) = match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(var, ..))) => (var.0.name.to_string(), of(&var.1)),
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => match &assignment.1.lhs {
                    Expr::Variable(name, ..) => (name.1.to_string(), None),
                    _ => return true,
                },
                _ => return true,
            };

            let key = (self.function_of(path).to_owned(), name);
            found.entry(key).and_modify(|known| *known = None).or_insert(value);
            true
        });

        found
    }

    /// Returns the variables that are set again or changed in place, by function and name: they may hold anything.
    fn changed(&self, file: &File<'_>) -> HashSet<(String, String)> {
        let mut changed = HashSet::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let mut note = |name: &str| {
                changed.insert((self.function_of(path).to_owned(), name.to_owned()));
            };

            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => note(&variable.0.name),
                Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                    note(&each.0.name);
                    each.1.iter().for_each(|counter| note(&counter.name));
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Expr::Variable(name, ..) = &assignment.1.lhs {
                        note(&name.1);
                    }
                }
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) => {
                    if let (Expr::Variable(name, ..), Expr::MethodCall(call, _)) =
                        (&pair.lhs, &pair.rhs)
                        && FILLING.contains(&call.name.as_str())
                    {
                        note(&name.1);
                    }
                }
                _ => {}
            }
            true
        });
        changed
    }

    /// Returns the properties that the script reads of variables which hold what they were given.
    pub(super) fn reads_of_unchanged(&self, file: &File<'_>) -> Vec<PropertyRead> {
        let changed = self.changed(file);
        let mut found = Vec::new();

        file.ast.walk(&mut |path: &[ASTNode]| {
            let Some(ASTNode::Expr(Expr::Dot(pair, ..))) = path.last() else { return true };
            let first = match &pair.rhs {
                Expr::Dot(rest, ..) | Expr::Index(rest, ..) => &rest.lhs,
                only => only,
            };

            if let (Expr::Variable(variable, ..), Expr::Property(property, position)) =
                (&pair.lhs, first)
            {
                let of = (self.function_of(path).to_owned(), variable.1.to_string());
                if !changed.contains(&of) {
                    let (function, variable) = of;
                    let property = property.2.to_string();
                    found.push(PropertyRead { function, variable, property, position: *position });
                }
            }
            true
        });

        found
    }
}
