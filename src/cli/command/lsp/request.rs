//! The requests of editors: what each is called, and who answers it.

use crate::cli::command::lsp::document::DocumentKind;
use crate::cli::command::lsp::server::{LanguageServer, RequestError, read, refusal};
use crate::cli::command::lsp::vocabulary::explanation;
use crate::cli::command::lsp::workspace::OpenScript;
use crate::cli::command::lsp::{
    action, completion, hover, lens, rename, settings_file, symbol, token,
};
use crate::script::diagnostic::codes;
use lsp_server::ErrorCode;
use lsp_types::{
    CodeActionParams, ExecuteCommandParams, Position, Range, ReferenceParams, RenameParams,
    TextDocumentPositionParams, WorkspaceSymbolParams,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// What the server is able to do.
pub(super) fn capabilities() -> Value {
    json!({
        "positionEncoding": "utf-16",
        "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
        "completionProvider": {
            "triggerCharacters": [".", "\"", ":", "/", "{", ","], "resolveProvider": true,
        },
        "signatureHelpProvider": { "triggerCharacters": ["(", ","], "retriggerCharacters": [")"] },
        "hoverProvider": true,
        "definitionProvider": true,
        "referencesProvider": true,
        "documentHighlightProvider": true,
        "renameProvider": { "prepareProvider": true },
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "foldingRangeProvider": true,
        "semanticTokensProvider": { "legend": token::legend(), "full": true, "range": true },
        "codeActionProvider": { "codeActionKinds": ["quickfix"] },
        "codeLensProvider": {},
        "inlayHintProvider": true,
        "executeCommandProvider": { "commands": [action::EXPLAIN] },
        "workspace": {
            "workspaceFolders": { "supported": true, "changeNotifications": true },
        },
    })
}

/// A request about a whole text.
#[derive(Deserialize)]
struct OfText {
    #[serde(rename = "textDocument")]
    document: TextName,
    range: Option<Range>,
}

/// How a request names a text.
#[derive(Deserialize)]
struct TextName {
    uri: String,
}

/// Answers a request.
pub(super) fn answer(
    server: &mut LanguageServer,
    method: &str,
    params: Value,
) -> Result<Value, RequestError> {
    match method {
        "completionItem/resolve" => Ok(completion::resolve(&server.space, params)),
        "workspace/symbol" => {
            let params: WorkspaceSymbolParams = read(params)?;
            Ok(json!(symbol::of_workspace(&server.space, &params.query)))
        }
        "workspace/executeCommand" => execute(server, &read(params)?),
        "textDocument/codeAction" => {
            let params: CodeActionParams = read(params)?;
            let path = server.path(params.text_document.uri.as_str());
            let found = server.found.get(&path).map_or(&[][..], |found| &found.found);
            Ok(json!(action::actions(&server.space, &path, found, &params)))
        }
        "textDocument/completion"
        | "textDocument/signatureHelp"
        | "textDocument/hover"
        | "textDocument/definition"
        | "textDocument/documentHighlight"
        | "textDocument/prepareRename" => at_place(server, method, params),

        "textDocument/references" => {
            let params: ReferenceParams = read(params)?;
            let place = params.text_document_position;
            let path = server.path(place.text_document.uri.as_str());
            let with_declaration = params.context.include_declaration;
            Ok(json!(symbol::references(&server.space, &path, place.position, with_declaration)))
        }
        "textDocument/rename" => {
            let params: RenameParams = read(params)?;
            let place = params.text_document_position;
            let path = server.path(place.text_document.uri.as_str());
            rename::edit(&server.space, &path, place.position, &params.new_name)
                .map_err(|reason| refusal(ErrorCode::RequestFailed, reason))
        }
        "textDocument/documentSymbol"
        | "textDocument/foldingRange"
        | "textDocument/semanticTokens/full"
        | "textDocument/semanticTokens/range"
        | "textDocument/codeLens"
        | "textDocument/inlayHint" => of_text(server, method, params),
        _ => Err(refusal(ErrorCode::MethodNotFound, format!("kaizen does not answer `{method}`"))),
    }
}

/// Answers a request about a place of a text.
fn at_place(server: &LanguageServer, method: &str, params: Value) -> Result<Value, RequestError> {
    let params: TextDocumentPositionParams = read(params)?;
    let path = server.path(params.text_document.uri.as_str());
    let at = params.position;

    if let Some(answer) = in_settings(server, method, &path, at) {
        return Ok(answer);
    }
    let Some(script) = server.space.script(&path) else { return Ok(Value::Null) };
    let space = &server.space;

    Ok(match method {
        "textDocument/completion" => {
            completion::complete(space, &script, at, server.skills.snippets)
        }
        "textDocument/signatureHelp" => json!(hover::signature(space, &script, at)),
        "textDocument/hover" => {
            let found = server.found.get(&path).map_or(&[][..], |found| &found.found);
            json!(hover::hover(space, &script, at, found))
        }
        "textDocument/definition" => json!(symbol::definition(space, &script, at)),
        "textDocument/documentHighlight" => {
            let places = symbol::places(&script, at);
            let ranges = places.iter().map(|bytes| script.document.range(bytes));
            ranges.map(|range| json!({ "range": range })).collect()
        }
        _ => json!(rename::prepare(&script, at)),
    })
}

/// Answers a request about a place of kaizen.toml.
fn in_settings(server: &LanguageServer, method: &str, path: &Path, at: Position) -> Option<Value> {
    let document = server.space.documents.get(path)?;
    if document.kind() != DocumentKind::Settings {
        return None;
    }
    Some(match method {
        "textDocument/completion" => settings_file::complete(document, at),
        "textDocument/hover" => json!(settings_file::hover(document, at)),
        _ => Value::Null,
    })
}

/// Answers a request about a whole text.
fn of_text(server: &LanguageServer, method: &str, params: Value) -> Result<Value, RequestError> {
    let params: OfText = read(params)?;
    let path = server.path(&params.document.uri);
    let Some(script) = server.space.script(&path) else { return Ok(Value::Null) };
    let space = &server.space;

    Ok(match method {
        "textDocument/documentSymbol" => json!(symbol::of_document(&script)),
        "textDocument/foldingRange" => json!(symbol::folds(&script)),
        "textDocument/codeLens" => json!(lens::lenses(space, &script)),
        "textDocument/inlayHint" if server.skills.wants_costs => {
            json!(lens::costs(space, &script, params.range))
        }
        "textDocument/inlayHint" => json!([]),
        _ => tokens(server, &script, params.range),
    })
}

fn tokens(server: &LanguageServer, script: &OpenScript<'_>, range: Option<Range>) -> Value {
    let vocabulary = server.space.vocabulary();
    json!({ "data": token::tokens(script, &vocabulary.words, range) })
}

/// Does what a command says.
fn execute(
    server: &mut LanguageServer,
    params: &ExecuteCommandParams,
) -> Result<Value, RequestError> {
    if params.command != action::EXPLAIN {
        let said = format!("kaizen has no command `{}`", params.command);
        return Err(refusal(ErrorCode::InvalidParams, said));
    }

    let word = params.arguments.first().and_then(Value::as_str).unwrap_or_default();
    let Some(code) = codes::find(word) else {
        return Err(refusal(ErrorCode::InvalidParams, format!("unknown code `{word}`")));
    };
    let text = explanation(code);
    server.tell("window/showMessage", json!({ "type": 3, "message": text }));
    Ok(text.into())
}
