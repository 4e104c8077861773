//! The text of a cassette: its formats, and how it is read.

use crate::journal::cassette::{CassetteError, CassetteLine};
use crate::journal::result_line::ResultLine;
use std::path::Path;

/// The newest format that this program reads and writes: that of a cassette in which servers of tools fail.
pub(super) const FORMAT: u64 = 5;
/// The format of a cassette in which servers of tools answer, or models are shown pictures.
pub(super) const FORMAT_WITH_RESULTS: u64 = 4;
/// The format of a cassette in which tools are offered, or replies may be cut.
pub(super) const FORMAT_WITH_TOOLS: u64 = 3;
/// The format of a cassette in which two requests are equal.
pub(super) const FORMAT_WITH_PLACES: u64 = 2;
/// The format of a cassette in which no two requests are equal, which older programs read as well.
pub(super) const FORMAT_WITHOUT_PLACES: u64 = 1;
/// How the line of an answer of a server begins.
pub(super) const RESULT_START: &str = "{\"asked\":";

/// The first line of a file.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct CassetteHead {
    pub(super) cassette: u64,
}

/// What is wrong with the text of a cassette.
pub(super) enum CassetteFault {
    Newer(u64),
    Damaged(usize, String),
}

impl CassetteFault {
    pub(super) fn at(self, path: &Path) -> CassetteError {
        let path = path.to_owned();
        match self {
            CassetteFault::Newer(found) => CassetteError::Newer { path, found },
            CassetteFault::Damaged(line, reason) => CassetteError::Damaged { path, line, reason },
        }
    }
}

/// The exchanges of a file, each with its line, and the answers of servers.
pub(super) type ParsedLines = (Vec<(usize, CassetteLine)>, Vec<ResultLine>);

/// Reads the text of a cassette.
pub(super) fn parse(text: &str) -> Result<ParsedLines, CassetteFault> {
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let first = lines.next().map_or("", |(_, line)| line);
    let head: CassetteHead = serde_json::from_str(first).map_err(|_| {
        CassetteFault::Damaged(
            1,
            format!(
                "a cassette begins with `{{\"cassette\":{FORMAT_WITHOUT_PLACES}}}`, or a number up to \
                 {FORMAT} in its place"
            ),
        )
    })?;

    if !(FORMAT_WITHOUT_PLACES..=FORMAT).contains(&head.cassette) {
        return Err(CassetteFault::Newer(head.cassette));
    }

    let mut found = Vec::new();
    let mut results = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let is_conflict = ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|m| line.starts_with(m));
        if is_conflict {
            let reason = "unresolved merge conflict".to_owned();
            return Err(CassetteFault::Damaged(number, reason));
        }

        let damaged = |error: serde_json::Error| {
            let said = error.to_string();
            // The line that serde counts is that of the text it was given: always the first.
            CassetteFault::Damaged(number, said.replace(" at line 1 column ", ", column "))
        };
        if line.starts_with(RESULT_START) {
            results.push(serde_json::from_str(line).map_err(damaged)?);
        } else {
            found.push((number, serde_json::from_str(line).map_err(damaged)?));
        }
    }

    Ok((found, results))
}
