//! The words of the language itself, from docs/language.md: `kaizen doc for` knows them too.

use crate::script::api::WordEntry;

/// The group of these words.
pub const LANGUAGE: &str = "the language";

const TEXT: &str = include_str!("../../../docs/language.md");

/// Returns an entry for each word; words that share a heading share their text.
pub fn words() -> Vec<WordEntry> {
    let sections = TEXT.split("\n## ").skip(1);
    sections.flat_map(section).collect()
}

fn section(text: &str) -> Vec<WordEntry> {
    let (names, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut parts = rest.trim_start().trim_start_matches("```\n").splitn(2, "```\n");
    let signatures: Vec<String> =
        parts.next().unwrap_or("").lines().map(str::to_owned).filter(|l| !l.is_empty()).collect();
    let doc = parts.next().unwrap_or("").trim().to_owned();

    let entry = |name: &str| WordEntry {
        name: name.to_owned(),
        group: LANGUAGE,
        signatures: signatures.clone(),
        doc: doc.clone(),
    };
    names.split(", ").map(entry).collect()
}
