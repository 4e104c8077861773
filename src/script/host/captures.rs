//! Variables that closures capture. A captured variable is shared behind a lock, which Rhai holds for
//! a whole call of a method, waits included. So what is read of a handle or a function is a copy, on
//! which nothing can be set; only a variable that some code sets is handed out as it is.

use rhai::{AST, ASTNode, Dynamic, EvalContext, Expr, Stmt};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The captured variables that some code sets, by name.
#[derive(Debug, Default)]
pub(in crate::script) struct Captures {
    set: RefCell<BTreeSet<String>>,
}

/// What may come after a text that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::script) enum Follows {
    /// Nothing: it is a whole file.
    Nothing,
    /// Further inputs, which see its variables.
    Inputs,
}

impl Captures {
    /// Takes in the code that is to run.
    pub(in crate::script) fn add(&self, ast: &AST, follows: Follows) {
        let mut captured = BTreeSet::new();
        let mut set = BTreeSet::new();
        let mut loops = BTreeSet::new();

        ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Share(shared))) => {
                    captured.extend(shared.iter().map(|(name, _)| name.name.to_string()));
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Expr::Variable(name, ..) = &assignment.1.lhs {
                        set.insert(name.1.to_string());
                    }
                }
                Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                    loops.insert(each.0.name.to_string());
                }
                _ => {}
            }
            true
        });

        let is_set = |name: &String| {
            // Each turn of a loop has a value of its own, which its closures keep.
            set.contains(name) || follows == Follows::Inputs && !loops.contains(name)
        };
        self.set.borrow_mut().extend(captured.into_iter().filter(is_set));
    }

    /// Returns what a variable stands for, where that is not what Rhai would take.
    pub(in crate::script) fn resolve(
        &self,
        name: &str,
        index: usize,
        context: &EvalContext,
    ) -> Option<Dynamic> {
        let scope = context.scope();
        let entry = if index == 0 {
            scope.get(name).filter(|value| value.is_shared()).cloned()
        } else {
            let entry = scope.iter_raw().nth(index - 1);
            entry.and_then(|(_, _, value)| value.is_shared().then(|| value.clone()))
        };

        let mut entry = entry?;
        let flat = entry.flatten_clone();
        if !is_handle(&flat) {
            return None;
        }

        // A function that is being called is locked, and cannot be set until it ends.
        let is_free = |entry: &mut Dynamic| entry.write_lock::<Dynamic>().is_some();
        let is_set = self.set.borrow().contains(name);
        Some(if is_set && is_free(&mut entry) { entry } else { flat })
    }
}

/// Tells whether a value must never stay behind a lock: functions, and all that is not plain data.
fn is_handle(value: &Dynamic) -> bool {
    value.is_fnptr() || value.is_variant()
}
