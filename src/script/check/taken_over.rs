//! Calls behind a dot that a function of the script takes over: `branch.chat(q)` calls the script's own
//! `chat(q)` before the built-in one, and the branch is only its `this`.

use crate::script::check::call::{Call, call};
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::forms::Forms;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::names_closure;
use rhai::{ASTNode, Expr, Position};
use std::collections::{BTreeMap, BTreeSet};

/// A function of a script, by its name and how many parameters it has.
type OwnForm = (String, usize);

/// A call that is taken over.
struct TakenCall {
    position: Position,
    /// Whether the built-in function is certainly meant.
    is_certain: bool,
}

impl Checker<'_> {
    /// Finds calls behind a dot that reach a function of the script which does not use `this`.
    pub(super) fn taken_over(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let own = without_this(file);
        if own.is_empty() {
            return;
        }

        let mut built_in: Option<Forms<'_>> = None;
        let mut found: BTreeMap<OwnForm, TakenCall> = BTreeMap::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let Some(call) = call(path).filter(|call| call.is_method) else { return true };
            let form = (call.expr.name.to_string(), call.expr.args.len());
            if !own.contains(&form) {
                return true;
            }

            let before = kinds.before(path, kinds.function_of(path));
            let forms =
                built_in.get_or_insert_with(|| Forms::of_text(self.engine, true, file.text));
            if !is_built_in(forms, &call, before.as_ref())
                || kinds.may_be_of_map(before.as_ref(), &form.0)
            {
                return true;
            }

            let is_certain = before.is_some() || is_within(file, path, &form.0);
            let taken = TakenCall { position: call.position, is_certain };
            let known = found.get(&form);
            if known.is_none_or(|known| is_certain && !known.is_certain) {
                found.insert(form, taken);
            }
            true
        });

        for ((name, _), TakenCall { position, is_certain }) in found {
            let message = format!("this calls the script's own `{name}`, not the built-in one");
            let fault = Diagnostic::at(codes::SHADOW, message, file.name, file.text, position);
            let help =
                format!("choose another name for the script's `{name}`, which does not use `this`");
            let fault = Diagnostic { help: Some(help), ..fault };
            self.push(if is_certain { fault } else { fault.warning() });
        }
    }
}

/// Returns the functions of a file that do not use `this` and are not meant to stand for others.
fn without_this(file: &File<'_>) -> BTreeSet<OwnForm> {
    let mut using_this: BTreeSet<&str> = BTreeSet::new();
    file.ast.walk(&mut |path: &[ASTNode]| {
        if let (Some(root), Some(ASTNode::Expr(Expr::ThisPtr(_)))) = (path.first(), path.last()) {
            let around = file.functions.around(root.position());
            using_this.extend(around.map(|function| function.name.as_str()));
        }
        true
    });

    let functions = file.ast.iter_functions().filter(|function| {
        // One for a type alone is called on a value of that type.
        let is_meant = function.this_type.is_some()
            || function.comments.iter().any(|comment| comment.contains("@override"));
        !is_meant && !names_closure(function.name) && !using_this.contains(function.name)
    });
    functions.map(|function| (function.name.to_owned(), function.params.len())).collect()
}

/// Tells whether a built-in function could be called this way, too.
fn is_built_in(forms: &Forms<'_>, call: &Call<'_>, before: Option<&ValueKind>) -> bool {
    let arity = call.expr.args.len() + 1;
    forms
        .all(&call.expr.name)
        .iter()
        .any(|form| form.arity == arity && before.is_none_or(|before| before.has(form)))
}

/// Tells whether a call stands in the function of this name, which would call itself.
fn is_within(file: &File<'_>, path: &[ASTNode<'_>], name: &str) -> bool {
    path.first().is_some_and(|root| {
        file.functions.around(root.position()).any(|function| function.name == name)
    })
}
