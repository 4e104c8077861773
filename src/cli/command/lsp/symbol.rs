//! Where things are: definitions, uses, and the symbols of scripts.

use crate::cli::command::lsp::document::Document;
use crate::cli::command::lsp::position::number;
use crate::cli::command::lsp::workspace::{OpenScript, Workspace};
use crate::script::editor::cursor::{TextRole, role_of};
use crate::script::editor::names::NameKind;
use crate::script::editor::operations::operations;
use crate::script::editor::outline::{self, FoldKind, OutlineEntry, OutlineKind};
use lsp_types::{DocumentSymbol, FoldingRange, FoldingRangeKind, Position, SymbolKind};
use serde_json::{Value, json};
use std::ops::Range as Bytes;
use std::path::{Path, PathBuf};

/// Most symbols of a workspace that are listed.
const SYMBOLS_MAX: usize = 500;

/// What a place is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// A declaration of the script.
    Name(usize),
    /// An operation.
    Operation(String),
    /// A function or value of an imported file: the file as it is named, and the name.
    Foreign(String, String),
    /// An imported file.
    File(String),
}

/// Finds what a place is about.
pub(super) fn subject(script: &OpenScript<'_>, byte: usize) -> Option<Subject> {
    let holds = |at: &Bytes<usize>| at.start <= byte && byte <= at.end;
    if let Some(one) = operations(&script.code).into_iter().find(|one| holds(&one.at)) {
        return Some(Subject::Operation(one.name));
    }
    if let Some(one) = script.names.foreign.iter().find(|one| holds(&one.at)) {
        let named = script.names.bindings[one.import].detail.clone();
        return Some(Subject::Foreign(named, one.name.clone()));
    }
    if let Some(mention) = script.names.at(byte) {
        return Some(Subject::Name(mention.binding));
    }

    let at = script.code.at_byte(byte)?;
    let (named, _) = script.code.string(at)?;
    (role_of(&script.code, at) == TextRole::ImportPath).then(|| Subject::File(named.to_owned()))
}

/// Returns every place in a script of what stands at a place.
pub(super) fn places(script: &OpenScript<'_>, at: Position) -> Vec<Bytes<usize>> {
    match subject(script, script.document.byte(at)) {
        Some(Subject::Name(binding)) => script.names.places(binding),
        Some(Subject::Operation(name)) => operation_places(script, &name),
        Some(Subject::Foreign(named, name)) => foreign_places(script, &named, &name),
        Some(Subject::File(_)) | None => Vec::new(),
    }
}

fn operation_places(script: &OpenScript<'_>, name: &str) -> Vec<Bytes<usize>> {
    let all = operations(&script.code).into_iter();
    all.filter(|one| one.name == name).map(|one| one.at).collect()
}

fn foreign_places(script: &OpenScript<'_>, named: &str, name: &str) -> Vec<Bytes<usize>> {
    let is_meant = |import: usize| script.names.bindings[import].detail == named;
    let all = script.names.foreign.iter();
    all.filter(|one| one.name == name && is_meant(one.import)).map(|one| one.at.clone()).collect()
}

fn location(document: &Document, bytes: &Bytes<usize>) -> Value {
    json!({ "uri": document.uri, "range": document.range(bytes) })
}

/// Returns where the thing at a place is declared.
pub(super) fn definition(space: &Workspace, script: &OpenScript<'_>, at: Position) -> Vec<Value> {
    let document = script.document;
    let path = &document.path;

    match subject(script, document.byte(at)) {
        Some(Subject::Name(binding)) => {
            // A function may have several forms.
            let all = script.names.bindings.iter().enumerate();
            let same = all.filter(|(number, _)| script.names.is_same(*number, binding));
            same.map(|(_, one)| location(document, &one.at)).collect()
        }
        Some(Subject::Operation(name)) => {
            let all = operations(&script.code).into_iter();
            let declared = all.filter(|one| one.name == name && one.is_declaration);
            declared.map(|one| location(document, &one.at)).collect()
        }
        Some(Subject::Foreign(named, name)) => {
            let Some(other) = space.imported_document(path, &named) else { return Vec::new() };
            let other = OpenScript::of(&other);
            let all = other.names.bindings.iter();
            let all = all.filter(|one| one.name == name && other.is_reachable(one));
            all.map(|one| location(other.document, &one.at)).collect()
        }
        Some(Subject::File(named)) => {
            let other = space.imported_document(path, &named);
            other.iter().map(|other| location(other, &(0..0))).collect()
        }
        None => Vec::new(),
    }
}

/// A file, and the places in it.
pub(super) type FilePlaces = (PathBuf, Vec<Bytes<usize>>);

/// Returns every place in the project of what stands at a byte of a script.
pub(super) fn places_everywhere(
    space: &Workspace,
    script: &OpenScript<'_>,
    byte: usize,
) -> Vec<FilePlaces> {
    let path = &script.document.path;
    let (home, name) = match subject(script, byte) {
        Some(Subject::Name(binding)) => {
            let meant = &script.names.bindings[binding];
            let own = script.names.places(binding);
            let is_offered = meant.kind == NameKind::Function
                || script.code.around(meant.piece).is_none()
                    && matches!(meant.kind, NameKind::Constant | NameKind::Variable);
            if !is_offered {
                return vec![(path.clone(), own)];
            }
            (path.clone(), meant.name.clone())
        }
        Some(Subject::Operation(name)) => {
            return vec![(path.clone(), operation_places(script, &name))];
        }
        Some(Subject::Foreign(named, name)) => match space.imported(path, &named) {
            Some(home) => (home, name),
            None => return vec![(path.clone(), foreign_places(script, &named, &name))],
        },
        Some(Subject::File(_)) | None => return Vec::new(),
    };

    // The scripts of a project come in the order of their names.
    uses(space, &space.root_of(path), &home, &name)
}

/// Returns where what a file declares is declared and used, in all scripts of a project.
fn uses(space: &Workspace, root: &Path, home: &Path, name: &str) -> Vec<FilePlaces> {
    let mut found = Vec::new();
    for path in space.scripts(root) {
        let Some(text) = space.text(&path).filter(|text| text.contains(name)) else { continue };
        let document = Document::new(String::new(), path.clone(), None, text);
        let other = OpenScript::of(&document);

        let mut places: Vec<Bytes<usize>> = Vec::new();
        if path == home {
            let mut all = other.names.bindings.iter();
            let own = all.position(|one| one.name == name && other.is_reachable(one));
            places.extend(own.map(|own| other.names.places(own)).unwrap_or_default());
        } else {
            let meant = other.names.foreign.iter().filter(|one| {
                let named = &other.names.bindings[one.import].detail;
                one.name == name && space.imported(&path, named).as_deref() == Some(home)
            });
            places.extend(meant.map(|one| one.at.clone()));
        }
        if !places.is_empty() {
            found.push((path, places));
        }
    }
    found
}

/// Returns where the thing at a place is used.
pub(super) fn references(
    space: &Workspace,
    path: &Path,
    at: Position,
    with_declaration: bool,
) -> Vec<Value> {
    let Some(script) = space.script(path) else { return Vec::new() };
    let byte = script.document.byte(at);
    let declared = definition(space, &script, at);

    let mut found = Vec::new();
    for (path, places) in places_everywhere(space, &script, byte) {
        let Some(document) = space.document(&path) else { continue };
        found.extend(places.iter().map(|bytes| location(&document, bytes)));
    }
    found.retain(|one| with_declaration || !declared.contains(one));
    found
}

fn kind_of(entry: &OutlineEntry) -> SymbolKind {
    match entry.kind {
        OutlineKind::Function => SymbolKind::FUNCTION,
        OutlineKind::Variable => SymbolKind::VARIABLE,
        OutlineKind::Constant => SymbolKind::CONSTANT,
        OutlineKind::Import => SymbolKind::MODULE,
        OutlineKind::Operation => SymbolKind::EVENT,
    }
}

/// Returns the symbols of a script.
pub(super) fn of_document(script: &OpenScript<'_>) -> Vec<DocumentSymbol> {
    let entries = outline::outline(&script.code, &script.names);
    entries.iter().map(|entry| symbol_of(script.document, entry)).collect()
}

#[allow(deprecated, reason = "a field that every symbol has")]
fn symbol_of(document: &Document, entry: &OutlineEntry) -> DocumentSymbol {
    let children: Vec<DocumentSymbol> =
        entry.inner.iter().map(|inner| symbol_of(document, inner)).collect();
    DocumentSymbol {
        name: entry.name.clone(),
        detail: Some(entry.detail.clone()).filter(|detail| !detail.is_empty()),
        kind: kind_of(entry),
        tags: None,
        deprecated: None,
        range: document.range(&entry.whole),
        selection_range: document.range(&entry.at),
        children: (!children.is_empty()).then_some(children),
    }
}

/// Returns the functions and operations of all projects that are open whose names hold the letters of a
/// text, in their order.
pub(super) fn of_workspace(space: &Workspace, query: &str) -> Vec<Value> {
    let open = space.documents.keys().map(|path| space.root_of(path));
    let mut roots: Vec<PathBuf> = space.roots.iter().cloned().chain(open).collect();
    roots.sort();
    roots.dedup();

    let mut paths: Vec<PathBuf> = roots.iter().flat_map(|root| space.scripts(root)).collect();
    paths.sort();
    paths.dedup();

    let mut found = Vec::new();
    for path in paths {
        let Some(document) = space.document(&path).filter(|one| !one.is_too_long()) else {
            continue;
        };
        let script = OpenScript::of(&document);
        let entries = outline::outline(&script.code, &script.names);
        for entry in entries.iter().flat_map(|entry| std::iter::once(entry).chain(&entry.inner)) {
            let is_wanted = matches!(entry.kind, OutlineKind::Function | OutlineKind::Operation);
            if is_wanted && is_like(&entry.name, query) {
                let location = location(&document, &entry.at);
                found.push(
                    json!({ "name": entry.name, "kind": kind_of(entry), "location": location }),
                );
            }
        }
        if found.len() >= SYMBOLS_MAX {
            break;
        }
    }
    found.truncate(SYMBOLS_MAX);
    found
}

/// Tells whether a name has the letters of a text in their order.
fn is_like(name: &str, query: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    query.chars().flat_map(char::to_lowercase).all(|wanted| letters.any(|letter| letter == wanted))
}

/// Returns what can be folded.
pub(super) fn folds(script: &OpenScript<'_>) -> Vec<FoldingRange> {
    let each = outline::folds(&script.code, &script.names).into_iter();
    let each = each.map(|(first, last, kind)| FoldingRange {
        start_line: number(first),
        end_line: number(last),
        kind: match kind {
            FoldKind::Region => None,
            FoldKind::Comment => Some(FoldingRangeKind::Comment),
            FoldKind::Imports => Some(FoldingRangeKind::Imports),
        },
        ..FoldingRange::default()
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_some_of_its_letters() {
        assert!(is_like("record_execution", "RecEx"));
        assert!(is_like("x", ""));
        assert!(!is_like("record", "dr"));
    }
}
