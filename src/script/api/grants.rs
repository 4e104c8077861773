//! Grants that a script needs for what it names literally, looked at before its first call: without them it
//! would fail once that is reached, after all calls before are paid.

use super::data::folder;
use super::world::executable_of;
use crate::base::failure::Failure;
use crate::model::provider::page::host_of;
use crate::script::check::asks_models;
use crate::script::check::call::call;
use crate::script::diagnostic::Diagnostic;
use crate::script::host::context::Inner;
use crate::script::host::modules::ways_to;
use crate::script::host::permission::{Permissions, refuse_pattern};
use crate::script::host::right::{Right, Target};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Stmt};
use std::collections::HashSet;

/// The words that need a grant for their first argument.
const WORDS: &[(&str, Right)] = &[
    ("command", Right::Run),
    ("env", Right::Env),
    ("http_get", Right::Net),
    ("read_jsonl", Right::Read),
    ("read_lines", Right::Read),
    ("read_text", Right::Read),
    ("write_text", Right::Write),
];

/// The constant that is true in the script that is run.
const IS_MAIN: &str = "is_main";

/// Returns what a script names literally and was not granted. Each is an error where the script certainly
/// comes to it, and else a warning.
pub(in crate::script) fn missing_grants(
    host: &Inner,
    ast: &AST,
    (file, text): (&str, &str),
) -> Vec<Diagnostic> {
    // Whoever can be asked is asked; and without a call of a model nothing is paid.
    if host.with.permissions.can_ask() || !asks_models(ast) {
        return Vec::new();
    }

    let own: HashSet<&str> = ast.iter_functions().map(|function| function.name).collect();
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut may_have_ended = false;

    ast.walk(&mut |path: &[ASTNode]| {
        // The statements of the script come in their order, and those of functions after them.
        may_have_ended |= matches!(path.last(), Some(ASTNode::Stmt(Stmt::Return(..))));
        let Some(call) = call(path).filter(|call| !call.is_method) else { return true };
        let position = call.position;
        let call = call.expr;
        may_have_ended |= call.name == "exit";

        if let Some(right) = right_of(call).filter(|_| !own.contains(call.name.as_str()))
            && let Some(Expr::StringConstant(named, _)) = call.args.first()
            && let Some(failure) = refused(host, right, named)
        {
            let code = failure.kind.code();
            let fault = Diagnostic::at(code, failure.message, file, text, position);
            let is_certain =
                !may_have_ended && is_of_script(ast, path) && path.iter().all(is_always_reached);
            if found.iter().all(|known| known.message != fault.message) {
                found.push(if is_certain { fault } else { fault.warning() });
            }
        }
        true
    });
    found
}

/// Tells whether a statement is one of the script itself.
pub(super) fn is_of_script(ast: &AST, path: &[ASTNode<'_>]) -> bool {
    let Some(ASTNode::Stmt(root)) = path.first() else { return false };
    ast.statements().iter().any(|statement| std::ptr::eq(statement, *root))
}

fn right_of(call: &FnCallExpr) -> Option<Right> {
    let row = WORDS.iter().find(|(word, _)| *word == call.name);
    row.map(|(_, right)| *right).filter(|_| !call.is_qualified())
}

/// Tells whether whatever stands below a node is carried out with it.
pub(super) fn is_always_reached(node: &ASTNode<'_>) -> bool {
    match node {
        // The script that is run is the main one.
        ASTNode::Stmt(Stmt::If(flow, _)) => {
            matches!(&flow.expr, Expr::Variable(name, ..) if name.1 == IS_MAIN)
                && flow.branch.statements().is_empty()
        }

        ASTNode::Stmt(statement) => matches!(
            statement,
            Stmt::Var(..)
                | Stmt::Assignment(..)
                | Stmt::FnCall(..)
                | Stmt::Expr(..)
                | Stmt::Block(..)
        ),
        ASTNode::Expr(expr) => {
            !matches!(expr, Expr::And(..) | Expr::Or(..) | Expr::Coalesce(..) | Expr::Custom(..))
        }
        // What else there may be, nobody knows.
        _ => false,
    }
}

/// Says why something is refused, if it is.
fn refused(host: &Inner, right: Right, named: &str) -> Option<Failure> {
    let permissions = &host.with.permissions;
    let of = |target: &Target<'_>| permissions.refusal(right, target, named);

    match right {
        Right::Read | Right::Write => {
            let ways = ways_to(folder(host), named);
            ways.iter().find_map(|path| of(&Target::Path(path)))
        }
        Right::Net => {
            let (name, port) = host_of(named)?;
            let target = Target::Host(&name, port);
            permissions.refusal(right, &target, &target.to_string())
        }
        Right::Env => {
            let target = Target::Name(named);
            refuse_pattern(&target).err().or_else(|| of(&target))
        }
        Right::Run => of(&Target::Program(&executable_of(host, named))),
    }
}

impl Permissions {
    /// Says why something is refused, if nobody has granted it yet.
    fn refusal(&self, right: Right, target: &Target<'_>, shown: &str) -> Option<Failure> {
        if self.has(right, target) {
            return None;
        }
        let denied = self.refuse_denied(right, target, shown).err();
        Some(denied.unwrap_or_else(|| Permissions::not_granted(right, target, shown)))
    }
}
