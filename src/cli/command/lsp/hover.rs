//! What is known of the thing at a place, and how the function is called whose arguments are written.

use crate::base::unit::Money;
use crate::cli::command::lsp::facts::OperationFact;
use crate::cli::command::lsp::finding::{file_of, range_of};
use crate::cli::command::lsp::position::number;
use crate::cli::command::lsp::vocabulary::explanation;
use crate::cli::command::lsp::workspace::{OpenScript, Workspace};
use crate::cli::command::models;
use crate::cli::render::time;
use crate::script::diagnostic::{Diagnostic as Finding, codes};
use crate::script::editor::cursor::{CallSite, CursorPlace, TextRole, call_at, place, role_of};
use crate::script::editor::names::{Binding, NameKind};
use crate::script::editor::operations::operations;
use crate::script::editor::value::ValueGuess;
use crate::script::reference::completion::Word;
use lsp_types::{
    Hover, HoverContents, MarkupContent, MarkupKind, ParameterInformation, ParameterLabel,
    Position, SignatureHelp, SignatureInformation,
};
use std::ops::Range as Bytes;
use std::path::Path;

/// Says what is known of a place. `found` is what the checks found in the script last.
pub(super) fn hover(
    space: &Workspace,
    script: &OpenScript<'_>,
    at: Position,
    found: &[Finding],
) -> Option<Hover> {
    let document = script.document;
    let byte = document.byte(at);
    let own = found.iter().filter(|one| file_of(one).as_deref() == Some(document.path.as_path()));
    let mut here = own.filter(|one| {
        let range = range_of(one, document);
        range.start <= at && at < range.end
    });
    let explained = here.next().and_then(|one| codes::find(one.code)).map(explanation);

    let known = known(space, script, byte);
    let range = known.as_ref().map(|(_, bytes)| document.range(bytes));
    let pages: Vec<String> = known.map(|(page, _)| page).into_iter().chain(explained).collect();
    (!pages.is_empty()).then(|| Hover {
        contents: HoverContents::Markup(markdown(pages.join("\n\n---\n\n"))),
        range,
    })
}

fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

/// Finds what is known of a byte, and which bytes it is about.
fn known(
    space: &Workspace,
    script: &OpenScript<'_>,
    byte: usize,
) -> Option<(String, Bytes<usize>)> {
    let code = &script.code;
    let at = code.at_byte(byte)?;
    let path = &script.document.path;

    if let Some(one) = operations(code).into_iter().find(|one| holds(&one.at, byte)) {
        return Some((operation(space, path, &one.name), one.at));
    }
    if let Some((text, inner)) = code.string(at) {
        let page = match role_of(code, at) {
            TextRole::Model => model(space, path, text),
            TextRole::TaskType => task(space, path, text),
            TextRole::Operation
            | TextRole::OperationName
            | TextRole::OperationKind
            | TextRole::ImportPath
            | TextRole::FilePath
            | TextRole::Parameter
            | TextRole::Pattern
            | TextRole::Event
            | TextRole::Plain => None,
        };
        return Some((page?, inner));
    }
    if let Some(mention) = script.names.at(byte) {
        let page = binding(space, script, mention.binding);
        return Some((page, mention.at.clone()));
    }
    if let Some(foreign) = script.names.foreign.iter().find(|one| holds(&one.at, byte)) {
        let named = &script.names.bindings[foreign.import].detail;
        let other = space.imported_document(path, named)?;
        let other = OpenScript::of(&other);
        let function = other.names.function_named(&foreign.name)?;
        return Some((signature_of(&other, &other.names.bindings[function]), foreign.at.clone()));
    }

    if code.is_key(at) {
        let of = option_owner(script, at)?;
        let page = space.vocabulary().option(&of, code.said(at))?;
        return Some((page, code.range(at)));
    }
    if let Some(value) = code.receiver(at).filter(|_| code.said(at + 1) != "(") {
        let vocabulary = space.vocabulary();
        let guess = script.values(&vocabulary).ending_at(value);
        if let ValueGuess::Map(shape) = guess {
            let name = code.said(at);
            let is_there = shape.names().any(|known| known == name);
            return is_there.then(|| (format!("`{name}` of {}", shape.what()), code.range(at)));
        }
    }
    space.vocabulary().page(code.said(at)).map(|page| (page, code.range(at)))
}

fn holds(at: &Bytes<usize>, byte: usize) -> bool {
    at.start <= byte && byte <= at.end
}

/// Returns the function of whose options a key is one.
fn option_owner(script: &OpenScript<'_>, key: usize) -> Option<String> {
    match place(&script.code, script.code.range(key).end) {
        CursorPlace::Option { of, .. } => Some(of),
        _ => None,
    }
}

/// Says what a name of the script stands for.
fn binding(space: &Workspace, script: &OpenScript<'_>, number: usize) -> String {
    let binding = &script.names.bindings[number];
    let name = &binding.name;

    let word = match binding.kind {
        NameKind::Function => return signature_of(script, binding),
        NameKind::Import => {
            return format!("```rhai\nimport \"{}\" as {name}\n```", binding.detail);
        }
        NameKind::Constant => "const ",
        NameKind::Parameter => "",
        NameKind::Variable => "let ",
    };

    let vocabulary = space.vocabulary();
    let guess = script.values(&vocabulary).of_binding(number);
    let what = match &guess {
        ValueGuess::Map(shape) => format!("\n\n{}", shape.what()),
        _ => String::new(),
    };
    format!("```rhai\n{word}{name}: {}\n```{what}", guess.word())
}

/// Returns the head of a function of a script, with the comment above it.
fn signature_of(script: &OpenScript<'_>, function: &Binding) -> String {
    let text = script.code.text;
    let head = text[..function.whole.start].rfind('\n').map_or(0, |at| at);
    let above = text[..head].lines().rev();
    let mut doc: Vec<&str> =
        above.map_while(|line| line.trim().strip_prefix("///")).map(str::trim).collect();
    doc.reverse();

    let doc = if doc.is_empty() { String::new() } else { format!("\n\n{}", doc.join("\n")) };
    format!("```rhai\nfn {}({})\n```{doc}", function.name, function.detail)
}

/// Says how an operation went in the last run of its script.
fn operation(space: &Workspace, path: &Path, name: &str) -> String {
    let last = space.project(path).ok().and_then(|project| {
        let run = project.facts().last_run(&project.project, path)?;
        let fact = run.operations.get(name).cloned()?;
        Some((run, fact))
    });

    let Some((run, fact)) = last else { return format!("operation `{name}`: not run yet") };
    let OperationFact { outcome, took, cost, tokens, reply, .. } = fact;
    let took = took.map(|took| format!(", {}", time::length(took))).unwrap_or_default();
    let cost = money(cost);
    let reply = reply.map(|reply| format!("\n\n```\n{reply}\n```")).unwrap_or_default();
    format!("operation `{name}` in run {}: {outcome}{took}, {cost}, {tokens} tokens{reply}", run.id)
}

/// Says which model a name stands for, as `kaizen models` does.
pub(super) fn model(space: &Workspace, path: &Path, name: &str) -> Option<String> {
    let project = space.project(path).ok()?;
    let model = project.models.resolve(name).ok()?;
    let price = models::price(&model);
    let (state, _) = models::state(&model, None);
    Some(format!("model `{name}`: {}\n\nprice per 1M: {price}\n\nstate: {state}", model.label))
}

/// Says which pattern leads for a task type.
fn task(space: &Workspace, path: &Path, name: &str) -> Option<String> {
    let project = space.project(path).ok()?;
    let line = project.facts().standing(&project.project, name)?;
    Some(format!("task type `{name}`\n\n{line}"))
}

/// Says how the function is called whose arguments are written at a place.
pub(super) fn signature(
    space: &Workspace,
    script: &OpenScript<'_>,
    at: Position,
) -> Option<SignatureHelp> {
    let site = call_at(&script.code, script.document.byte(at))?;
    let name = script.code.said(site.name);
    let (forms, doc) = forms(space, script, &site, name)?;

    let each = forms.iter().map(|form| SignatureInformation {
        label: form.clone(),
        documentation: doc
            .clone()
            .map(|doc| lsp_types::Documentation::MarkupContent(markdown(doc))),
        parameters: Some(parameters(form)),
        active_parameter: None,
    });
    let signatures: Vec<SignatureInformation> = each.collect();

    let takes = |form: &SignatureInformation| {
        form.parameters.as_ref().is_some_and(|params| params.len() > site.argument)
    };
    let active = signatures.iter().position(takes).unwrap_or(0);
    Some(SignatureHelp {
        signatures,
        active_signature: Some(number(active)),
        active_parameter: Some(number(site.argument)),
    })
}

/// Returns the forms in which a function is called, and what it does.
fn forms(
    space: &Workspace,
    script: &OpenScript<'_>,
    site: &CallSite,
    name: &str,
) -> Option<(Vec<String>, Option<String>)> {
    if let Some(module) = site.module {
        let import =
            script.names.variable_at(script.code.said(module), script.code.range(module).start)?;
        let named = &script.names.bindings[import].detail;
        let other = space.imported_document(&script.document.path, named)?;
        return own_forms(&OpenScript::of(&other), name);
    }
    if let Some(own) = own_forms(script, name) {
        return Some(own);
    }

    let vocabulary = space.vocabulary();
    let kind = site.value.map(|value| script.values(&vocabulary).ending_at(value));
    let of = |word: &Word| match &kind {
        Some(kind) => word.fits(kind.word()),
        None => word.of.is_none(),
    };
    let words = vocabulary.words.iter().filter(|word| word.name == name && !word.is_property);
    let mut forms: Vec<String> =
        words.clone().filter(|word| of(word)).map(|word| word.signature.clone()).collect();
    if forms.is_empty() {
        forms = words.map(|word| word.signature.clone()).collect();
    }
    forms.dedup();
    let doc = vocabulary.entry(name).map(|entry| entry.markdown().trim().to_owned());
    (!forms.is_empty()).then_some((forms, doc))
}

/// Returns the forms of a function of a script.
fn own_forms(script: &OpenScript<'_>, name: &str) -> Option<(Vec<String>, Option<String>)> {
    let functions = script.names.bindings.iter();
    let functions = functions.filter(|one| one.kind == NameKind::Function && one.name == name);
    let forms: Vec<String> = functions.map(|one| format!("{name}({})", one.detail)).collect();
    (!forms.is_empty()).then_some((forms, None))
}

/// Finds the parameters within a form, as places in it.
fn parameters(form: &str) -> Vec<ParameterInformation> {
    let Some(open) = form.find('(') else { return Vec::new() };
    let close = form.rfind(')').unwrap_or(form.len());
    let mut start = open + 1;

    let mut found = Vec::new();
    for part in form[open + 1..close].split(", ").filter(|part| !part.is_empty()) {
        let units = |byte: usize| number(form[..byte].encode_utf16().count());
        let label = ParameterLabel::LabelOffsets([units(start), units(start + part.len())]);
        found.push(ParameterInformation { label, documentation: None });
        start += part.len() + 2;
    }
    found
}

/// Says what something cost.
pub(super) fn money(cost: Option<Money>) -> String {
    cost.map_or_else(|| "cost unknown".to_owned(), |cost| cost.to_string())
}
