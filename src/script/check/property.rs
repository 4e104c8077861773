//! Properties that a value does not have, where it is known what the value is.

use crate::base::spelling::nearest;
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::{UnknownPart, ValueKind};
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::mismatch::listing;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes, foreign};
use crate::script::host::known_map::{
    INPUTS, NAME_THE_OPERATION, advice, no_operation, no_property, of_content,
};
use crate::script::host::shape;
use rhai::{ASTFlags, ASTNode, Expr};

impl Checker<'_> {
    /// Finds properties that do not exist.
    pub(super) fn properties(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<UnknownPart> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(chain @ (Expr::Dot(..) | Expr::Index(..)))) = path.last()
                && !continues_a_chain(path, chain)
            {
                kinds.look(chain, kinds.function_of(path), &mut found);
            }
            true
        });

        let mut said = Vec::new();
        for unknown in found {
            // A chain stands in a longer one, where the same part is met again.
            if said.contains(&unknown) {
                continue;
            }

            let (message, near) = said_of(kinds, &unknown);
            let place = unknown.position;
            let fault = Diagnostic::at(codes::PROPERTY, message, file.name, file.text, place);
            let near = match near {
                // In `x["name"]` the name is a text.
                Some(Suggestion { help, fixes }) if unknown.is_index => {
                    let quoted = fixes.into_iter().map(quoted).collect();
                    Some(Suggestion { help, fixes: quoted })
                }
                near => near,
            };
            // A model may give more than its schema asks for.
            let is_certain = !matches!(unknown.of, ValueKind::Answer(_));
            let fault = if is_certain { fault } else { fault.warning() };
            self.push(fault.suggesting(near));
            said.push(unknown);
        }
    }
}

/// Tells whether the last node of a path is what follows in a chain: of `a["x"].y`, `"x"].y` is a node, and
/// no property of a text.
pub(super) fn continues_a_chain(path: &[ASTNode<'_>], chain: &Expr) -> bool {
    let [.., ASTNode::Expr(Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _)), _] = path
    else {
        return false;
    };
    !flags.contains(ASTFlags::BREAK) && std::ptr::eq(&raw const pair.rhs, chain)
}

fn quoted(fix: QuickFix) -> QuickFix {
    match fix {
        QuickFix::Instead(name) => QuickFix::Instead(format!("\"{name}\"")),
        other => other,
    }
}

/// Says which property may be meant.
fn near<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Suggestion {
    let word = nearest(name, known.clone()).map(Suggestion::word);
    word.unwrap_or_else(|| advice(name, known).into())
}

/// Says what to write where a word is meant of what a map holds; one that holds a single thing can be mended.
fn content_of(parts: &[&str], unknown: &UnknownPart) -> Option<Suggestion> {
    let word = unknown.name.as_str();
    let help = of_content(parts, word)?;
    let fixes = match parts {
        [only] if !unknown.is_index => vec![QuickFix::Instead(format!("{only}.{word}"))],
        _ => Vec::new(),
    };
    Some(Suggestion { help, fixes })
}

/// Says which method may be meant, of a value without properties.
fn near_method(name: &str, methods: &[&str]) -> Suggestion {
    match nearest(name, methods.iter().copied()) {
        Some(near) => format!("did you mean the method `{near}`?").into(),
        None => format!("it has methods: {}", listing(methods)).into(),
    }
}

/// Says that there is no such property, and what to type.
fn said_of(kinds: &Kinds<'_>, unknown: &UnknownPart) -> (String, Option<Suggestion>) {
    let name = unknown.name.as_str();
    let as_method = || kinds.as_method("map", name).map(Suggestion::from);

    match &unknown.of {
        ValueKind::Map(shape) => {
            let kind = shape.what.trim_matches('`');
            let foreign = foreign::instead_of_method(kind, name);
            let help = foreign.map(|help| foreign::suggestion(name, help));
            let help = help
                .or_else(|| content_of(shape.content().as_slice(), unknown))
                .or_else(as_method)
                .unwrap_or_else(|| near(name, shape.names()));
            (no_property(shape.what, name), Some(help))
        }
        ValueKind::Inputs(names) => {
            // Another operation has this name: what is wrong is what this one depends on.
            let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
            let method = || as_method().filter(|_| !names.is_empty());
            let help = if let Some(help) = content_of(&inputs, unknown).or_else(method) {
                help
            } else if names.is_empty() || kinds.results.contains_key(name) {
                Suggestion::from(NAME_THE_OPERATION.to_owned())
            } else {
                near(name, inputs.into_iter())
            };
            (no_operation(INPUTS, name), Some(help))
        }
        ValueKind::Answer(fields) => {
            let only = match fields.as_slice() {
                [only] => content_of(&[only.name.as_str()], unknown),
                _ => None,
            };
            let near = only
                .or_else(as_method)
                .unwrap_or_else(|| near(name, fields.iter().map(|field| field.name.as_str())));
            (format!("the schema of this answer has no field `{name}`"), Some(near))
        }
        ValueKind::Node(_) if name == "result" => {
            let help = "its value is in the report of the flow: `report.result(node)`";
            (no_property("a node", name), Some(help.to_owned().into()))
        }
        ValueKind::Data(_) | ValueKind::List(_) => {
            let kind = unknown.of.word();
            let known = kinds.properties(kind);
            let foreign =
                foreign::instead_of_method(kind, name).or_else(|| foreign::instead_of(name));
            let help = match foreign {
                Some(help) => foreign::suggestion(name, help),
                None => kinds
                    .as_method(kind, name)
                    .map_or_else(|| near(name, known.into_iter()), Suggestion::from),
            };
            (no_property(&article(kind), name), Some(help))
        }
        of => of_handle(kinds, of, unknown),
    }
}

/// Says the same of one of kaizen's own values.
fn of_handle(
    kinds: &Kinds<'_>,
    of: &ValueKind,
    unknown: &UnknownPart,
) -> (String, Option<Suggestion>) {
    let name = unknown.name.as_str();
    let known = kinds.properties(of.word());
    let what = article(of.word());

    if let Some(help) = foreign::instead_of_method(of.word(), name) {
        return (no_property(&what, name), Some(foreign::suggestion(name, help)));
    }
    if unknown.is_index && known.contains(&name) {
        return (
            format!("{what} cannot be indexed with `[..]`"),
            Some(format!("write `.{name}`").into()),
        );
    }
    if of.word() == "report" && shape::METRICS.property(name).is_some() {
        let help = format!("write `report.metrics.{name}`");
        let fixes = vec![QuickFix::Instead(format!("metrics.{name}"))];
        return (no_property(&what, name), Some(Suggestion { help, fixes }));
    }
    if let Some(help) = kinds.as_method(of.word(), name) {
        return (no_property(&what, name), Some(help.into()));
    }
    let methods = kinds.methods(of.word());
    if known.is_empty() {
        return (no_property(&what, name), Some(near_method(name, &methods)));
    }
    (no_property(&what, name), Some(near(name, known.into_iter())))
}
