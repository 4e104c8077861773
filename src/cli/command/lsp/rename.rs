//! Another name for a function, a variable, an import or an operation, wherever it stands.

use crate::cli::command::lsp::symbol::{Subject, places, places_everywhere, subject};
use crate::cli::command::lsp::workspace::{OpenScript, Workspace};
use crate::script::editor::code::KEYWORDS;
use lsp_types::{Position, TextEdit};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Returns what would be renamed at a place, if anything can be.
pub(super) fn prepare(script: &OpenScript<'_>, at: Position) -> Option<Value> {
    let document = script.document;
    let byte = document.byte(at);
    let places = places(script, at);
    let here = places.into_iter().find(|place| place.start <= byte && byte <= place.end)?;
    let name = &document.text[here.clone()];
    Some(json!({ "range": document.range(&here), "placeholder": name }))
}

/// Returns the changes that give a thing another name, or why it cannot have that name.
pub(super) fn edit(
    space: &Workspace,
    path: &Path,
    at: Position,
    new: &str,
) -> Result<Value, String> {
    let Some(script) = space.script(path) else { return Err("this is not a script".to_owned()) };
    let byte = script.document.byte(at);

    match subject(&script, byte) {
        Some(Subject::Operation(_)) if new.is_empty() || new.contains(['"', '\\', '\n']) => {
            return Err(format!("`{new}` cannot be the name of an operation"));
        }
        Some(Subject::Operation(_)) => {}
        Some(Subject::Name(_) | Subject::Foreign(..)) => refuse_word(new)?,
        Some(Subject::File(_)) | None => return Err("nothing here can be renamed".to_owned()),
    }

    let mut changes = Map::new();
    for (path, places) in places_everywhere(space, &script, byte) {
        let Some(document) = space.document(&path) else { continue };
        let edits = places
            .iter()
            .map(|bytes| TextEdit { range: document.range(bytes), new_text: new.to_owned() });
        changes.insert(document.uri.clone(), json!(edits.collect::<Vec<_>>()));
    }
    Ok(json!({ "changes": changes }))
}

/// Says why a word cannot be a name, if it cannot.
fn refuse_word(word: &str) -> Result<(), String> {
    let mut letters = word.chars();
    let first = letters.next();
    let is_word = first.is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_');

    if !is_word {
        return Err(format!("`{word}` is not a valid name"));
    }
    if KEYWORDS.contains(&word) {
        return Err(format!("`{word}` is a word of the language"));
    }
    Ok(())
}
