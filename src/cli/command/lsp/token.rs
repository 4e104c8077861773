//! The colours of a script, as the protocol has them: numbers, each counted from the one before.

use crate::cli::command::lsp::workspace::OpenScript;
use crate::script::editor::paint::{PaintKind, PaintSpan, spans};
use crate::script::reference::completion::Word;
use lsp_types::{Position, Range};
use serde_json::{Value, json};

/// The kinds of pieces, in the order of their numbers.
const KINDS: &[&str] = &[
    "keyword",
    "function",
    "method",
    "variable",
    "parameter",
    "property",
    "namespace",
    "enumMember",
    "number",
    "string",
    "comment",
];
/// The remarks on pieces, in the order of their bits.
const REMARKS: &[&str] = &["declaration", "readonly", "defaultLibrary"];
const DECLARATION: u32 = 1;
const READONLY: u32 = 2;
const LIBRARY: u32 = 4;

/// Tells the client what the numbers mean.
pub(super) fn legend() -> Value {
    json!({ "tokenTypes": KINDS, "tokenModifiers": REMARKS })
}

/// Returns the number and the bits of a piece.
fn numbers(span: &PaintSpan) -> (u32, u32) {
    let (kind, remarks) = match span.kind {
        PaintKind::Keyword => (0, 0),
        PaintKind::Function => (1, 0),
        PaintKind::Word => (1, LIBRARY),
        PaintKind::Method => (2, 0),
        PaintKind::Variable => (3, 0),
        PaintKind::Constant => (3, READONLY),
        PaintKind::Parameter => (4, 0),
        PaintKind::Property => (5, 0),
        PaintKind::Import => (6, 0),
        PaintKind::Operation => (7, 0),
        PaintKind::Number => (8, 0),
        PaintKind::Text => (9, 0),
        PaintKind::Comment => (10, 0),
    };
    (kind, if span.is_declaration { remarks | DECLARATION } else { remarks })
}

/// Returns the colours of a script, or of some of its lines.
pub(super) fn tokens(script: &OpenScript<'_>, words: &[Word], range: Option<Range>) -> Vec<u32> {
    let document = script.document;
    let mut before = Position::default();
    let mut data = Vec::new();

    for span in spans(&script.code, &script.names, words) {
        let at = document.range(&span.at);
        let is_outside = range
            .is_some_and(|range| at.end.line < range.start.line || range.end.line < at.start.line);
        // Within one line the end is behind the beginning.
        let length = at.end.character.saturating_sub(at.start.character);
        if is_outside || length == 0 {
            continue;
        }

        let lines = at.start.line - before.line;
        let column =
            if lines == 0 { at.start.character - before.character } else { at.start.character };
        let (kind, remarks) = numbers(&span);
        data.extend([lines, column, length, kind, remarks]);
        before = at.start;
    }
    data
}
