//! What `[otel]` says: where the spans of runs are sent, and with which headers.

use crate::view::span::SpanContent;

/// What `[otel]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtelSettings {
    /// The address of the collector.
    pub(crate) endpoint: String,
    /// Whether spans show what was said.
    pub(crate) content: SpanContent,
    /// The names of headers, and of the variables that hold their values.
    pub(crate) headers: Vec<(String, String)>,
}

/// Reads a header, such as `x-api-key=env:NAME`: its name, and the variable that holds its value.
pub(crate) fn header(text: &str) -> Option<(&str, &str)> {
    let (name, from) = text.split_once('=')?;
    let name = name.trim();
    let of = from.trim().strip_prefix("env:")?;
    let is_word = |text: &str, more: &[char]| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    (is_word(name, &['-', '_']) && is_word(of, &['_'])).then_some((name, of))
}
