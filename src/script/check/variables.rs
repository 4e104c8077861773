//! What variables are set to.

use crate::script::check::checker::File;
use crate::script::check::kinds::Kinds;
use rhai::{ASTNode, Expr, Stmt};
use std::collections::HashMap;

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
}
