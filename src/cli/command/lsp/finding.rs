//! What the checks find, as the protocol has it.

use crate::base::failure::Place;
use crate::base::path_text::path_of;
use crate::cli::command::lsp::document::Document;
use crate::script::diagnostic::fix::byte_at;
use crate::script::diagnostic::{Diagnostic as Finding, Severity};
use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString, Range};
use std::path::PathBuf;

/// Who says it.
const SOURCE: &str = "kaizen";

/// Returns the file in which something was found.
pub(super) fn file_of(finding: &Finding) -> Option<PathBuf> {
    let place = finding.place.as_ref()?;
    std::path::absolute(path_of(&place.file)).ok()
}

/// Returns where something was found in a text. What has no place is shown at the beginning.
pub(super) fn range_of(finding: &Finding, document: &Document) -> Range {
    let bytes = finding.place.as_ref().and_then(|Place { line, column, .. }| {
        let start = byte_at(&document.text, *line, *column)?;
        let end = byte_at(&document.text, *line, column + finding.width)?;
        Some(start..end)
    });
    document.range(&bytes.unwrap_or(0..0))
}

/// Says what was found.
pub(super) fn diagnostic_of(finding: &Finding, document: &Document) -> Diagnostic {
    let help = finding.help.as_ref().map(|help| format!("help: {help}"));
    let mut lines = vec![finding.message.clone()];
    lines.extend(finding.frames.iter().cloned().chain(help));
    let message = lines.join("\n");

    Diagnostic {
        range: range_of(finding, document),
        severity: Some(match finding.level {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(finding.code.to_owned())),
        source: Some(SOURCE.to_owned()),
        message,
        ..Diagnostic::default()
    }
}

/// Says something about a whole text, or a part of it, that no check of scripts has found.
pub(super) fn plain(message: String, range: Range) -> Diagnostic {
    Diagnostic {
        range,
        severity: Some(DiagnosticSeverity::ERROR),
        source: Some(SOURCE.to_owned()),
        message,
        ..Diagnostic::default()
    }
}
