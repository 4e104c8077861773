//! kaizen.toml in the editor: what is wrong with it, its keys, and what each means.

use crate::cli::app::config_faults::faults;
use crate::cli::app::settings::{self, SettingDoc};
use crate::cli::command::lsp::document::Document;
use crate::cli::command::lsp::finding;
use lsp_types::{
    CompletionItem, CompletionItemKind, Diagnostic, Hover, HoverContents, MarkupContent,
    MarkupKind, Position,
};
use serde_json::{Value, json};
use std::ops::Range as Bytes;

/// Finds everything that is wrong with the settings.
pub(super) fn diagnostics(document: &Document) -> Vec<Diagnostic> {
    let faults = faults(&document.text, &document.path);
    let each = faults.into_iter().map(|(bytes, error)| {
        let bytes = bytes.unwrap_or(0..0);
        finding::plain(error, document.range(&bytes))
    });
    each.collect()
}

/// The line of a place: the section that it stands in, and what stands before the place.
struct SettingsLine<'a> {
    section: &'a str,
    /// Where the line begins.
    start: usize,
    line: &'a str,
    before: &'a str,
}

impl<'a> SettingsLine<'a> {
    fn of(document: &'a Document, at: Position) -> SettingsLine<'a> {
        let text = document.text.as_str();
        let byte = document.byte(at);
        let start = text[..byte].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);

        let mut heads = text[..start].lines().rev().map(str::trim);
        let section = heads.find_map(head).unwrap_or("");
        SettingsLine { section, start, line: &text[start..end], before: &text[start..byte] }
    }

    /// Returns the key of the line, and where it stands.
    fn key(&self) -> Option<(&'a str, Bytes<usize>)> {
        let (key, _) = self.line.split_once('=').unwrap_or((self.line, ""));
        let trimmed = key.trim();
        let start = self.start + (key.len() - key.trim_start().len());
        let is_key = !trimmed.is_empty() && head(trimmed).is_none();
        is_key.then(|| (trimmed, start..start + trimmed.len()))
    }
}

/// Returns the name of the section that a line begins.
fn head(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.split(']').next().map(str::trim)
}

/// Returns the keys of a section, each with its reference.
fn keys(section: &str) -> Vec<(String, SettingDoc)> {
    let outer = section.split('.').next().unwrap_or(section);
    let has_names = outer != section;
    let each = settings::reference().into_iter().filter_map(|doc| {
        let (of, key) = doc.name.rsplit_once('.')?;
        let is_own = if has_names { of == format!("{outer}.NAME") } else { of == section };
        let key = key.to_owned();
        is_own.then_some((key, doc))
    });
    each.collect()
}

/// Returns what can be typed at a place: sections, and keys of the section.
pub(super) fn complete(document: &Document, at: Position) -> Value {
    let line = SettingsLine::of(document, at);
    let before = line.before.trim_start();
    if before.contains(['=', '#', '"']) {
        return json!([]);
    }

    if let Some(typed) = before.strip_prefix('[') {
        let mut sections: Vec<String> = settings::reference()
            .iter()
            .filter_map(|doc| doc.name.split('.').next().map(str::to_owned))
            .collect();
        sections.dedup();
        let each = sections.into_iter().filter(|section| section.starts_with(typed));
        return each.map(|section| item(section, CompletionItemKind::MODULE, None)).collect();
    }

    let each = keys(line.section).into_iter().filter(|(key, _)| key.starts_with(before));
    each.map(|(key, doc)| item(key, CompletionItemKind::PROPERTY, Some(&doc))).collect()
}

fn item(label: String, kind: CompletionItemKind, doc: Option<&SettingDoc>) -> Value {
    let page = doc.map(|doc| {
        lsp_types::Documentation::MarkupContent(MarkupContent {
            kind: MarkupKind::Markdown,
            value: page(doc),
        })
    });
    json!(CompletionItem {
        insert_text: doc.map(|_| format!("{label} = ")),
        detail: doc.map(|doc| doc.kind.to_owned()),
        documentation: page,
        kind: Some(kind),
        label,
        ..CompletionItem::default()
    })
}

/// Says what a key means.
fn page(doc: &SettingDoc) -> String {
    let SettingDoc { name, kind, default, example, meaning } = doc;
    format!("`{name}`: {kind} (default: {default})\n\n{meaning}\n\n```toml\n{example}\n```")
}

/// Says what the key at a place means.
pub(super) fn hover(document: &Document, at: Position) -> Option<Hover> {
    let line = SettingsLine::of(document, at);
    let (key, bytes) = line.key()?;
    let byte = document.byte(at);
    if byte < bytes.start || bytes.end < byte {
        return None;
    }
    let (_, doc) = keys(line.section).into_iter().find(|(known, _)| known == key)?;
    let contents = MarkupContent { kind: MarkupKind::Markdown, value: page(&doc) };
    Some(Hover { contents: HoverContents::Markup(contents), range: Some(document.range(&bytes)) })
}
