//! What can be typed at a place of a script, as the prompt of `kaizen repl` would offer it.

use crate::cli::command::lsp::workspace::{OpenScript, Workspace};
use crate::model::price::Price;
use crate::model::registry::PROVIDERS;
use crate::script::api::{EVENT_KINDS, OPERATION_KINDS};
use crate::script::editor::code::{KEYWORDS, ScriptCode};
use crate::script::editor::cursor::{CursorPlace, TextRole, place};
use crate::script::editor::names::{NameKind, NameTable};
use crate::script::editor::operations::operations;
use crate::script::editor::value::ValueGuess;
use crate::script::reference::completion::Word;
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, InsertTextFormat, Position, Range,
    TextEdit,
};
use serde_json::{Value, json};
use std::ops::Range as Bytes;
use std::path::Path;

/// Most files of a folder that are offered.
const FILES_MAX: usize = 1000;

/// Something that can be typed.
#[derive(Debug, Clone, Default)]
struct CompletionOffer {
    label: String,
    kind: Option<CompletionItemKind>,
    detail: String,
    /// What it takes between brackets; `None` for what is no call.
    takes: Option<bool>,
    /// By which it is looked up when somebody wants to know more.
    about: Option<Value>,
    /// What stands behind the text.
    ending: &'static str,
}

impl CompletionOffer {
    fn plain(label: &str, kind: CompletionItemKind) -> CompletionOffer {
        CompletionOffer { label: label.to_owned(), kind: Some(kind), ..CompletionOffer::default() }
    }

    fn detailed(
        label: &str,
        kind: CompletionItemKind,
        detail: impl Into<String>,
    ) -> CompletionOffer {
        CompletionOffer { detail: detail.into(), ..CompletionOffer::plain(label, kind) }
    }

    fn word(word: &Word) -> CompletionOffer {
        let kind = match (&word.of, word.is_property) {
            (None, true) => CompletionItemKind::CONSTANT,
            (Some(_), true) => CompletionItemKind::PROPERTY,
            (Some(_), false) => CompletionItemKind::METHOD,
            (None, false) => CompletionItemKind::FUNCTION,
        };
        CompletionOffer {
            takes: (!word.is_property).then(|| !word.signature.contains("()")),
            about: Some(json!({ "word": word.name })),
            ..CompletionOffer::detailed(&word.name, kind, &word.signature)
        }
    }
}

/// Returns what can be typed at a place.
pub(super) fn complete(
    space: &Workspace,
    script: &OpenScript<'_>,
    at: Position,
    snippets: bool,
) -> Value {
    let byte = script.document.byte(at);
    let (typed, offers) = match place(&script.code, byte) {
        CursorPlace::Nothing => return json!([]),
        CursorPlace::Member { value, typed } => (typed, members(space, script, value)),
        CursorPlace::Path { module, typed } => (typed, of_import(space, script, module)),
        CursorPlace::Option { of, present, typed } => {
            let offers = option_keys(space, script, &of, &present);
            let is_known = !offers.is_empty();
            (typed.clone(), if is_known { offers } else { words(space, script, byte) })
        }
        CursorPlace::Text { role, typed } => {
            let before = script.document.text[typed.clone()].to_owned();
            // Only what follows the last slash of a path is replaced.
            let cut = if is_path(role) { before.rfind('/').map_or(0, |at| at + 1) } else { 0 };
            (typed.start + cut..typed.end, texts(space, script, role, &before[..cut]))
        }
        CursorPlace::Word { typed } => (typed, words(space, script, byte)),
    };

    let items = items(script, &typed, offers, snippets);
    json!({ "isIncomplete": false, "items": items })
}

/// Writes offers as the protocol has them.
fn items(
    script: &OpenScript<'_>,
    typed: &Bytes<usize>,
    mut offers: Vec<CompletionOffer>,
    snippets: bool,
) -> Vec<CompletionItem> {
    let document = script.document;
    // What stands behind the place belongs to the word that is replaced.
    let rest = &document.text[typed.end..];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let more: usize = rest.chars().take_while(|c| is_word(*c)).map(char::len_utf8).sum();
    let is_called = rest[more..].starts_with('(');
    let insert = document.range(typed);
    let replace = Range::new(insert.start, document.range(&(typed.end..typed.end + more)).end);
    let prefix = &document.text[typed.clone()];

    offers.retain(|offer| offer.label.to_lowercase().starts_with(&prefix.to_lowercase()));
    offers.sort_by(|a, b| (&a.label, &a.detail).cmp(&(&b.label, &b.detail)));
    offers.dedup_by(|a, b| a.label == b.label && a.kind == b.kind);

    let each = offers.into_iter().map(|offer| {
        let brackets = match offer.takes.filter(|_| !is_called) {
            Some(true) if snippets => "($0)",
            Some(false) => "()",
            _ => offer.ending,
        };
        let is_snippet = brackets == "($0)";
        CompletionItem {
            kind: offer.kind,
            detail: Some(offer.detail).filter(|detail| !detail.is_empty()),
            insert_text_format: is_snippet.then_some(InsertTextFormat::SNIPPET),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit {
                range: if typed.is_empty() { insert } else { replace },
                new_text: format!("{}{brackets}", offer.label),
            })),
            data: offer.about,
            label: offer.label,
            ..CompletionItem::default()
        }
    });
    each.collect()
}

/// The words, variables, functions and keywords that can stand alone.
fn words(space: &Workspace, script: &OpenScript<'_>, byte: usize) -> Vec<CompletionOffer> {
    let vocabulary = space.vocabulary();
    let values = script.values(&vocabulary);
    let mut offers: Vec<CompletionOffer> = Vec::new();

    for (number, binding) in script.names.seen_at(byte) {
        let kind = match binding.kind {
            NameKind::Import => CompletionItemKind::MODULE,
            NameKind::Constant => CompletionItemKind::CONSTANT,
            NameKind::Function | NameKind::Parameter | NameKind::Variable => {
                CompletionItemKind::VARIABLE
            }
        };
        let detail = match binding.kind {
            NameKind::Import => binding.detail.clone(),
            NameKind::Function | NameKind::Parameter | NameKind::Variable | NameKind::Constant => {
                values.of_binding(number).word().to_owned()
            }
        };
        offers.push(CompletionOffer::detailed(&binding.name, kind, detail));
    }

    offers.extend(own_functions(&script.names));
    offers.extend(
        vocabulary.words.iter().filter(|word| word.of.is_none()).map(CompletionOffer::word),
    );
    offers.extend(
        KEYWORDS.iter().map(|word| CompletionOffer::plain(word, CompletionItemKind::KEYWORD)),
    );
    offers
}

fn own_functions(names: &NameTable) -> impl Iterator<Item = CompletionOffer> {
    let functions = names.bindings.iter().filter(|one| one.kind == NameKind::Function);
    functions.map(|one| CompletionOffer {
        takes: Some(!one.detail.is_empty()),
        ..CompletionOffer::detailed(
            &one.name,
            CompletionItemKind::FUNCTION,
            format!("{}({})", one.name, one.detail),
        )
    })
}

/// The methods and properties of the value that ends at a piece.
fn members(space: &Workspace, script: &OpenScript<'_>, value: usize) -> Vec<CompletionOffer> {
    let vocabulary = space.vocabulary();
    let guess = script.values(&vocabulary).ending_at(value);
    let kind = guess.word();

    let mut offers = Vec::new();
    if let ValueGuess::Map(shape) = &guess {
        let what = shape.what();
        let names = shape.names();
        offers.extend(
            names.map(|name| CompletionOffer::detailed(name, CompletionItemKind::PROPERTY, what)),
        );
    }
    // The results of operations stand under their names.
    if script.code.said(value) == "inputs" {
        let all = operations(&script.code);
        let all = all.iter().filter(|one| one.is_declaration);
        let detail = "result of an operation";
        offers.extend(
            all.map(|one| {
                CompletionOffer::detailed(&one.name, CompletionItemKind::PROPERTY, detail)
            }),
        );
    }

    let fitting = vocabulary.words.iter().filter(|word| word.fits(kind));
    offers.extend(fitting.map(CompletionOffer::word));
    offers
}

/// What an imported file offers.
fn of_import(space: &Workspace, script: &OpenScript<'_>, module: usize) -> Vec<CompletionOffer> {
    let code = &script.code;
    let name = code.said(module);
    if name == "global" {
        let constants = script.names.bindings.iter().filter(|one| one.kind == NameKind::Constant);
        return constants
            .map(|one| CompletionOffer::plain(&one.name, CompletionItemKind::CONSTANT))
            .collect();
    }

    let import = script.names.variable_at(name, code.range(module).start);
    let file = import.map(|import| script.names.bindings[import].detail.as_str());
    let other = file.and_then(|named| space.imported_document(&script.document.path, named));
    let Some(other) = other else { return Vec::new() };
    let other = OpenScript::of(&other);

    let is_offered = |piece: usize| other.code.around(piece).is_none();
    let values = other.names.bindings.iter().filter(|one| {
        let before = one.piece.checked_sub(2).map_or("", |at| other.code.said(at));
        before == "export" && is_offered(one.piece)
    });
    let mut offers: Vec<CompletionOffer> =
        values.map(|one| CompletionOffer::plain(&one.name, CompletionItemKind::CONSTANT)).collect();
    offers.extend(own_functions(&other.names));
    offers
}

/// The keys of the options of a function.
fn option_keys(
    space: &Workspace,
    script: &OpenScript<'_>,
    of: &str,
    present: &[String],
) -> Vec<CompletionOffer> {
    if script.names.function_named(of).is_some() {
        return Vec::new();
    }
    let vocabulary = space.vocabulary();
    let keys = vocabulary.option_keys(of);
    let keys = keys.into_iter().filter(|key| !present.contains(key));
    let each = keys.map(|key| CompletionOffer {
        ending: ": ",
        about: Some(json!({ "option": key, "of": of })),
        ..CompletionOffer::detailed(&key, CompletionItemKind::FIELD, format!("option of {of}"))
    });
    each.collect()
}

fn is_path(role: TextRole) -> bool {
    matches!(role, TextRole::ImportPath | TextRole::FilePath)
}

/// The texts that name something. `folder` is the part of a path that stands already.
fn texts(
    space: &Workspace,
    script: &OpenScript<'_>,
    role: TextRole,
    folder: &str,
) -> Vec<CompletionOffer> {
    let path = &script.document.path;
    let value = CompletionItemKind::VALUE;

    match role {
        TextRole::Model => models(space, path),
        TextRole::Operation => {
            let all = operations(&script.code);
            let all = all.into_iter().filter(|one| one.is_declaration);
            all.map(|one| CompletionOffer::detailed(&one.name, value, "operation")).collect()
        }
        TextRole::OperationKind => {
            OPERATION_KINDS.iter().map(|kind| CompletionOffer::plain(kind, value)).collect()
        }
        TextRole::Event => {
            EVENT_KINDS.iter().map(|kind| CompletionOffer::plain(kind, value)).collect()
        }
        TextRole::Parameter => parameters(space),
        TextRole::TaskType => {
            let facts = space.project(path).map(|project| project.facts()).unwrap_or_default();
            facts.tasks().map(|task| CompletionOffer::detailed(task, value, "task type")).collect()
        }
        TextRole::Pattern => {
            let facts = space.project(path).map(|project| project.facts()).unwrap_or_default();
            facts
                .patterns()
                .into_iter()
                .map(|name| CompletionOffer::detailed(&name, value, "pattern"))
                .collect()
        }
        TextRole::ImportPath => files(path, folder, true),
        TextRole::FilePath => files(path, folder, false),
        TextRole::OperationName | TextRole::Plain => Vec::new(),
    }
}

/// The models that the project names, those whose prices are known, and the providers of all others.
fn models(space: &Workspace, path: &Path) -> Vec<CompletionOffer> {
    let value = CompletionItemKind::VALUE;
    let mut offers: Vec<CompletionOffer> = Vec::new();
    if let Ok(project) = space.project(path) {
        let aliases = project.models.aliases();
        offers.extend(aliases.map(|(name, spec)| CompletionOffer {
            about: Some(json!({ "model": name, "path": path })),
            ..CompletionOffer::detailed(name, value, format!("{}/{}", spec.provider, spec.model))
        }));
    }

    offers.extend(Price::listed_models().map(|name| CompletionOffer {
        about: Some(json!({ "model": name, "path": path })),
        ..CompletionOffer::detailed(name, value, "list price known")
    }));

    offers.push(CompletionOffer::detailed("demo/echo", value, "built in, offline"));
    let providers = PROVIDERS.iter().filter(|(name, _)| *name != "demo");
    offers.extend(providers.map(|(name, _)| CompletionOffer {
        ending: "/",
        ..CompletionOffer::detailed(name, CompletionItemKind::MODULE, format!("{name}/NAME"))
    }));
    offers
}

/// The parameters that the open scripts read.
fn parameters(space: &Workspace) -> Vec<CompletionOffer> {
    let mut offers = Vec::new();
    for document in space.documents.values().filter(|document| !document.is_too_long()) {
        let code = ScriptCode::of(&document.text);
        for at in 2..code.len() {
            let is_name = code.said(at - 1) == "(" && code.said(at - 2) == "param";
            let name = code.string(at).filter(|(name, _)| is_name && !name.is_empty());
            offers.extend(name.map(|(name, _)| {
                CompletionOffer::detailed(name, CompletionItemKind::VALUE, "parameter")
            }));
        }
    }
    offers
}

/// The files and folders beside a script, or in a folder named from there.
fn files(script: &Path, folder: &str, only_scripts: bool) -> Vec<CompletionOffer> {
    let Some(place) = script.parent().map(|own| own.join(folder)) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };

    let each = entries.flatten().take(FILES_MAX).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let path = entry.path();
        if name.starts_with('.') || path == script {
            return None;
        }
        if path.is_dir() {
            let ending = "/";
            return Some(CompletionOffer {
                ending,
                ..CompletionOffer::plain(&name, CompletionItemKind::FOLDER)
            });
        }
        let is_script = path.extension().is_some_and(|ending| ending == "rhai");
        // Files of tests are run by themselves, and imports go without the ending.
        let shown = if only_scripts { path.file_stem()?.to_str()?.to_owned() } else { name };
        (is_script || !only_scripts)
            .then(|| CompletionOffer::plain(&shown, CompletionItemKind::FILE))
    });
    each.collect()
}

/// Adds to an offer what is known of it.
pub(super) fn resolve(space: &Workspace, mut item: Value) -> Value {
    let about = item["data"].clone();
    let text = |key: &str| about[key].as_str();

    let page = match (text("word"), text("option"), text("model")) {
        (Some(word), ..) => space.vocabulary().page(word),
        (_, Some(key), _) => space.vocabulary().option(text("of").unwrap_or_default(), key),
        (.., Some(model)) => {
            let path = Path::new(text("path").unwrap_or_default());
            super::hover::model(space, path, model)
        }
        _ => None,
    };
    if let Some(page) = page {
        item["documentation"] = json!({ "kind": "markdown", "value": page });
    }
    item
}
