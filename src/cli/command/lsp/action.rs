//! Changes that an editor offers: what mends a diagnostic, and the explanation of its code.

use crate::cli::command::lsp::document::Document;
use crate::cli::command::lsp::finding::{diagnostic_of, file_of, range_of};
use crate::cli::command::lsp::workspace::Workspace;
use crate::script::diagnostic::Diagnostic as Finding;
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Command, Range, TextEdit,
};
use serde_json::{Value, json};
use std::path::Path;

/// The command that explains a code.
pub(super) const EXPLAIN: &str = "kaizen.explain";

/// Returns the changes for a part of a text. `found` is what the checks found in it last.
pub(super) fn actions(
    space: &Workspace,
    path: &Path,
    found: &[Finding],
    params: &CodeActionParams,
) -> Vec<CodeActionOrCommand> {
    let Some(document) = space.documents.get(path) else { return Vec::new() };
    let only = params.context.only.as_ref();
    let is_wanted = only.is_none_or(|kinds| {
        kinds.iter().any(|kind| *kind == CodeActionKind::QUICKFIX || *kind == CodeActionKind::EMPTY)
    });
    if !is_wanted {
        return Vec::new();
    }

    let own = found.iter().filter(|finding| file_of(finding).as_deref() == Some(path));
    let meant = own.filter(|finding| touches(&range_of(finding, document), &params.range));

    let mut offered = Vec::new();
    let mut codes: Vec<&str> = Vec::new();
    for finding in meant {
        offered.extend(fixes(finding, document));
        if !codes.contains(&finding.code) {
            codes.push(finding.code);
        }
    }
    offered.extend(codes.into_iter().map(explain));
    offered
}

/// Returns the changes that mend what was found.
fn fixes(finding: &Finding, document: &Document) -> Vec<CodeActionOrCommand> {
    let is_only = finding.fixes.len() == 1;
    let each = finding.fixes.iter().filter_map(|fix| {
        let (bytes, new_text) =
            fix.change(&document.text, finding.place.as_ref()?, finding.width)?;
        let edit = TextEdit { range: document.range(&bytes), new_text };
        let uri = document.uri.as_str();
        let changes = json!({ "changes": { uri: [edit] } });

        Some(CodeActionOrCommand::CodeAction(CodeAction {
            title: fix.title(),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![diagnostic_of(finding, document)]),
            edit: serde_json::from_value(changes).ok(),
            is_preferred: is_only.then_some(true),
            ..CodeAction::default()
        }))
    });
    each.collect()
}

fn explain(code: &str) -> CodeActionOrCommand {
    let title = format!("explain {code}");
    let arguments = Some(vec![Value::from(code)]);
    let command = Command { title: title.clone(), command: EXPLAIN.to_owned(), arguments };
    CodeActionOrCommand::CodeAction(CodeAction {
        title,
        kind: Some(CodeActionKind::QUICKFIX),
        command: Some(command),
        ..CodeAction::default()
    })
}

fn touches(one: &Range, other: &Range) -> bool {
    one.start <= other.end && other.start <= one.end
}
