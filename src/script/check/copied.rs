//! Changes of what a property of kaizen's own values gives, such as `branch.messages.push(..)`: each time, the
//! property gives a copy, so that the change is lost.

use crate::script::check::checker::{Checker, File};
use crate::script::check::in_place::{Bodies, TAKING, changes_in_place};
use crate::script::check::kinds::Kinds;
use crate::script::check::property::continues_a_chain;
use crate::script::check::used::{ResultUse, is};
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::forms::CallForm;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};

/// What to write instead of a change of a property, by the handle and the property.
const INSTEAD: &[(&str, &str, &str)] = &[
    (
        "branch",
        "messages",
        "`communicate` adds messages to a branch, and `branch_from(map)` makes a branch of a changed `to_map()`",
    ),
    ("branch", "tools", "write `branch(#{ tools: [..] })` to create one with other tools"),
    ("session", "branches", "write `session.include_branch(branch)`"),
];

/// A property of one of kaizen's own values that gives a copy.
pub(super) struct CopiedPart {
    handle: String,
    property: String,
    position: Position,
}

impl CopiedPart {
    /// Names it, such as `messages` of a branch.
    pub(super) fn named(&self) -> String {
        format!("`{}` of {}", self.property, article(&self.handle))
    }

    /// Says what to write instead of a change of it.
    pub(super) fn instead(&self) -> &'static str {
        let mut known = INSTEAD.iter();
        let found = known.find(|(of, name, _)| *of == self.handle && *name == self.property);
        found.map_or("it can only be read", |(.., instead)| instead)
    }
}

/// One step of a chain behind its first value.
pub(super) struct ChainStep<'a> {
    pub(super) part: &'a Expr,
    pub(super) is_index: bool,
}

impl Checker<'_> {
    /// Finds changes of what a property gives as a copy.
    pub(super) fn copied(&mut self, file: &File<'_>, kinds: &Kinds<'_>, bodies: &Bodies) {
        let mut found: Vec<CopiedPart> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            found.extend(change(kinds, bodies, path));
            true
        });

        for part in found {
            let message = format!("{} is a copy, so this change is lost", part.named());
            let position = part.position;
            let fault = Diagnostic::at(codes::LOST, message, file.name, file.text, position);
            let fault = Diagnostic { help: Some(part.instead().to_owned()), ..fault };
            self.push_new(fault.warning());
        }
    }
}

/// Returns the property whose copy is changed by the chain at the end of a path.
fn change(kinds: &Kinds<'_>, bodies: &Bodies, path: &[ASTNode<'_>]) -> Option<CopiedPart> {
    let (ASTNode::Expr(chain @ (Expr::Dot(..) | Expr::Index(..))), above) = path.split_last()?
    else {
        return None;
    };
    if continues_a_chain(path, chain) {
        return None;
    }

    let function = kinds.function_of(path);
    let steps = steps(chain);
    let (last, before) = steps.split_last()?;

    let is_set = match above.last() {
        Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => is(&assignment.1.lhs, *chain),
        _ => false,
    };
    let (part, of) = copied(kinds, first(chain)?, before, function)?;
    let is_change = match last.part {
        Expr::MethodCall(call, _) => {
            !kinds.may_be_of_map(Some(&of), &call.name)
                && is_lost(kinds, &of, call, bodies.use_of(path))
        }
        _ => is_set,
    };
    is_change.then_some(part)
}

/// Tells whether a method changes a value of this kind, and the change is all that is done.
fn is_lost(kinds: &Kinds<'_>, of: &ValueKind, call: &FnCallExpr, used: ResultUse) -> bool {
    let is_own = |form: &&CallForm| {
        form.arity == call.args.len() + 1
            && form.params.first().is_some_and(|first| first == of.word())
    };
    let mut own = kinds.forms.all(&call.name).iter().filter(is_own).peekable();
    let is_known = own.peek().is_some();
    let is_mute = is_known && own.all(CallForm::returns_nothing);
    let is_taking = is_known && TAKING.contains(&call.name.as_str());

    match used {
        ResultUse::Dropped => is_mute || is_taking || changes_in_place(kinds.forms, call),
        ResultUse::Returned => is_mute,
        ResultUse::Used => false,
    }
}

/// Returns the last property among the steps of a chain that gives a copy, and the kind of what follows it.
fn copied(
    kinds: &Kinds<'_>,
    first: &Expr,
    steps: &[ChainStep<'_>],
    function: &str,
) -> Option<(CopiedPart, ValueKind)> {
    let mut of = kinds.kind(first, function);
    let mut found = None;

    for ChainStep { part, is_index } in steps {
        let next = kinds.part(of.clone(), *is_index, part, &mut Vec::new());
        match (&of, part) {
            (
                Some(handle @ (ValueKind::Handle(_) | ValueKind::Node(_))),
                Expr::Property(name, at),
            ) if !is_index && !kinds.can_set(handle.word(), &name.2) => {
                let handle = handle.word().to_owned();
                found = Some(CopiedPart { handle, property: name.2.to_string(), position: *at });
            }
            // What a method gives is another value.
            (_, Expr::MethodCall(..)) => found = None,
            _ => {}
        }
        // Copies of a handle stand for the same thing.
        if let None | Some(ValueKind::Handle(_) | ValueKind::Node(_)) = next {
            found = None;
        }
        of = next;
    }

    found.zip(of)
}

impl Kinds<'_> {
    /// Returns the property whose copy an expression gives, or a part of it.
    pub(super) fn copied_part(&self, expr: &Expr, function: &str) -> Option<CopiedPart> {
        copied(self, first(expr)?, &steps(expr), function).map(|(part, _)| part)
    }

    /// Tells whether a property of a handle can be set.
    pub(super) fn can_set(&self, handle: &str, property: &str) -> bool {
        let setters = self.forms.all(&format!("set${property}"));
        setters.iter().any(|form| form.params.first().is_some_and(|of| of == handle))
    }
}

/// Returns the first value of a chain.
fn first(chain: &Expr) -> Option<&Expr> {
    match chain {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => Some(&pair.lhs),
        _ => None,
    }
}

/// Returns what follows the first value of a chain.
pub(super) fn steps(chain: &Expr) -> Vec<ChainStep<'_>> {
    let mut steps = Vec::new();
    let mut rest = chain;
    let mut ends = false;

    while let Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _) = rest
        && !ends
    {
        let is_index = matches!(rest, Expr::Index(..));
        ends = flags.contains(ASTFlags::BREAK);
        rest = &pair.rhs;
        let part = match rest {
            Expr::Dot(next, ..) | Expr::Index(next, ..) if !ends => &next.lhs,
            whole => whole,
        };
        steps.push(ChainStep { part, is_index });
    }
    steps
}
