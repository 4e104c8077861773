//! Changes of constants: in JavaScript, `const` fixes the variable alone, and its list may still be filled.

use crate::script::check::bindings::Bindings;
use crate::script::check::checker::{Checker, File};
use crate::script::check::copied::steps;
use crate::script::check::in_place::{TAKING, changes_in_place, changes_when_given, is_changing};
use crate::script::check::kinds::Kinds;
use crate::script::check::property::continues_a_chain;
use crate::script::check::used::is;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, Expr, Position, Stmt};

/// A change of a constant.
struct ConstantChange {
    variable: String,
    /// What changes it.
    by: String,
    position: Position,
}

impl Checker<'_> {
    /// Finds words that change a constant.
    pub(super) fn constants(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let constants = Bindings::of(file, kinds, |_, flags| flags.contains(ASTFlags::CONSTANT));
        if !constants.is_any() {
            return;
        }

        let mut found: Vec<ConstantChange> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let change = change(kinds, path).or_else(|| given(kinds, path));
            found.extend(change.filter(|change| constants.holds(path, &change.variable)));
            true
        });

        for ConstantChange { variable, by, position } in found {
            let message = format!("`{variable}` is a constant, so {by} cannot change it");
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let help = format!("write `let {variable} = ..`, not `const {variable} = ..`");
            self.push_new(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// Tells whether a word needs a value that may be changed.
fn is_word(name: &str) -> bool {
    name == "for_each" || TAKING.contains(&name) || is_changing(name)
}

/// Returns the change of a variable by the chain at the end of a path.
fn change(kinds: &Kinds<'_>, path: &[ASTNode<'_>]) -> Option<ConstantChange> {
    let (ASTNode::Expr(chain @ (Expr::Dot(pair, ..) | Expr::Index(pair, ..))), above) =
        path.split_last()?
    else {
        return None;
    };
    let Expr::Variable(variable, _, at) = &pair.lhs else { return None };
    let of = kinds.kind(&pair.lhs, kinds.function_of(path));
    // What a handle stands for can be changed.
    let is_handle = matches!(of, Some(ValueKind::Handle(_) | ValueKind::Node(_)));
    if continues_a_chain(path, chain) || is_handle || !variable.2.path.is_empty() {
        return None;
    }

    let variable = variable.1.to_string();
    let steps = steps(chain);
    let method = steps.iter().find_map(|step| match step.part {
        Expr::MethodCall(call, position) => Some((call, *position)),
        _ => None,
    });
    if let Some((call, position)) = method {
        let is_own = kinds.forms.is_of_script(&call.name) || kinds.may_hold(&call.name);
        let by = format!("`{}`", call.name);
        let is_change = !is_own && is_word(&call.name) && changes_in_place(kinds.forms, call);
        return is_change.then_some(ConstantChange { variable, by, position });
    }

    // The keys of a constant map can be set, the places of a list cannot.
    let is_list = of.is_some_and(|of| of.word() == "array");
    let is_set = match above.last() {
        Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => is(&assignment.1.lhs, *chain),
        _ => false,
    };
    let is_place = steps.len() == 1 && steps.iter().all(|step| step.is_index);
    let by = "`=`".to_owned();
    (is_list && is_set && is_place).then_some(ConstantChange { variable, by, position: *at })
}

/// Returns the change of a variable that is given to the word at the end of a path, as `push(list, 1)`.
fn given(kinds: &Kinds<'_>, path: &[ASTNode<'_>]) -> Option<ConstantChange> {
    let (ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position))) =
        path.last()?
    else {
        return None;
    };
    let Some(Expr::Variable(variable, ..)) = call.args.first() else { return None };

    let is_own = call.is_qualified() || kinds.forms.is_of_script(&call.name);
    let is_change = !is_own && is_word(&call.name) && changes_when_given(kinds.forms, call);
    is_change.then(|| ConstantChange {
        variable: variable.1.to_string(),
        by: format!("`{}`", call.name),
        position: *position,
    })
}
