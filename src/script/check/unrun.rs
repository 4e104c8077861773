//! Builders to which operations are added, and which no flow runs.

use crate::script::check::call::call_of;
use crate::script::check::checker::{Checker, File};
use crate::script::check::graphs::is_builder;
use crate::script::check::kinds::Kinds;
use crate::script::check::used::is_variable;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::BTreeMap;

/// Words that only add to a builder.
pub(super) const ADDING: &[&str] =
    &["add_operation", "add_aggregation", "add_edge", "expand", "then"];

/// What is done with a builder.
#[derive(Default)]
struct BuilderUse {
    /// Where it is made.
    made: Position,
    /// How often it is made.
    count: usize,
    /// Whether something is added to it.
    is_added_to: bool,
    /// Whether it stands anywhere else.
    is_used: bool,
}

impl Checker<'_> {
    /// Finds builders with operations that nothing runs.
    pub(super) fn unrun(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut builders: BTreeMap<String, BuilderUse> = BTreeMap::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                    let kind = kinds.kind(&variable.1, kinds.function_of(path));
                    let builder = builders.entry(variable.0.name.to_string()).or_default();
                    builder.count += 1;
                    builder.made = variable.0.pos;
                    // Another value of the same name makes all of it uncertain, and so does another name of the same
                    // builder.
                    builder.is_used |= kind != Some(ValueKind::Handle("builder".to_owned()))
                        || !is_builder(&variable.1);
                }
                Some(ASTNode::Stmt(Stmt::Share(names))) => {
                    for (name, _) in names.iter() {
                        builders.entry(name.name.to_string()).or_default().is_used = true;
                    }
                }
                Some(ASTNode::Stmt(Stmt::Export(names, _))) => {
                    builders.entry(names.0.name.to_string()).or_default().is_used = true;
                }
                Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                    let builder = builders.entry(variable.1.to_string()).or_default();
                    let is_added_to = adds(path, &variable.1);
                    builder.is_added_to |= is_added_to;
                    builder.is_used |= !is_added_to;
                }
                _ => {}
            }
            true
        });

        let unrun = builders.into_iter().filter(|(name, builder)| {
            builder.count == 1 && builder.is_added_to && !builder.is_used && !name.starts_with('_')
        });
        for (name, builder) in unrun {
            let message = format!("no flow runs the operations of `{name}`");
            let fault = Diagnostic::at(codes::UNUSED, message, file.name, file.text, builder.made);
            let help = format!("write `let report = session().flow({name});`");
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Tells whether the variable at the end of a path is a builder to which something is added there.
fn adds(path: &[ASTNode<'_>], name: &str) -> bool {
    let Some(parent) = path.iter().rev().nth(1) else { return false };
    match parent {
        ASTNode::Expr(Expr::Dot(pair, ..)) if is_variable(&pair.lhs, name) => {
            let first = match &pair.rhs {
                Expr::Dot(chain, ..) => &chain.lhs,
                other => other,
            };
            matches!(first, Expr::MethodCall(call, _) if ADDING.contains(&call.name.as_str()))
        }
        node => call_of(node).is_some_and(|call| {
            let is_first = call.args.first().is_some_and(|first| is_variable(first, name));
            is_first && ADDING.contains(&call.name.as_str())
        }),
    }
}
