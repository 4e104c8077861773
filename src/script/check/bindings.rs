//! What the variables of a file are bound to, found again from within closures.

use crate::script::check::checker::File;
use crate::script::check::kinds::Kinds;
use crate::script::lexer::names_closure;
use rhai::{ASTFlags, ASTNode, Expr, Position, Stmt};
use std::collections::HashMap;

/// The variables of a file, by the keys of their functions and their names: whether something holds of each value
/// that such a variable ever has.
pub(super) struct Bindings<'a> {
    file: &'a File<'a>,
    holding: HashMap<(String, String), bool>,
}

impl<'a> Bindings<'a> {
    /// Collects the variables. What parameters, loops and errors are bound to, nobody knows.
    pub(super) fn of(
        file: &'a File<'a>,
        kinds: &Kinds<'_>,
        holds: impl Fn(&Expr, ASTFlags) -> bool,
    ) -> Bindings<'a> {
        let mut bindings = Bindings { file, holding: HashMap::new() };
        for function in file.functions.iter() {
            function.params().iter().for_each(|name| bindings.note(&function.key, name, false));
        }

        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path);
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(variable, flags, _))) => {
                    bindings.note(function, &variable.0.name, holds(&variable.1, *flags));
                }
                Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                    bindings.note(function, &each.0.name, false);
                    each.1.iter().for_each(|counter| bindings.note(function, &counter.name, false));
                }
                Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) => {
                    if let Expr::Variable(name, ..) = &flow.expr {
                        bindings.note(function, &name.1, false);
                    }
                }
                _ => {}
            }
            true
        });

        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
                && let Expr::Variable(name, ..) = &assignment.1.lhs
                && let Some(root) = path.first()
                && let Some(owner) = bindings.owner(root.position(), &name.1)
            {
                bindings.note(&owner, &name.1, holds(&assignment.1.rhs, ASTFlags::empty()));
            }
            true
        });
        bindings
    }

    fn note(&mut self, function: &str, name: &str, holds: bool) {
        let known = self.holding.entry((function.to_owned(), name.to_owned()));
        known.and_modify(|known| *known &= holds).or_insert(holds);
    }

    /// Tells whether it holds of any variable.
    pub(super) fn is_any(&self) -> bool {
        self.holding.values().any(|holds| *holds)
    }

    /// Tells whether it holds of the variable of this name that is seen in the statement at the head of a path.
    pub(super) fn holds(&self, path: &[ASTNode<'_>], name: &str) -> bool {
        let owner = path.first().and_then(|root| self.owner(root.position(), name));
        let known = owner.and_then(|owner| self.holding.get(&(owner, name.to_owned())));
        known.copied().unwrap_or(false)
    }

    /// Returns the key of the function whose variable is seen at a place. A closure sees those around it.
    fn owner(&self, position: Position, name: &str) -> Option<String> {
        let has =
            |function: &str| self.holding.contains_key(&(function.to_owned(), name.to_owned()));

        for function in self.file.functions.around(position) {
            if has(&function.key) {
                return Some(function.key.clone());
            }
            if !names_closure(&function.name) {
                return None;
            }
        }
        has("").then(String::new)
    }
}
