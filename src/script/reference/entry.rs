//! The reference: each word with its forms, its text and its examples.

use crate::script::api::run::CONSTANTS;
use crate::script::api::{GROUPS, RUN, STDLIB, dedent};
use crate::script::host::language;
use crate::script::{Inner, check};
use rhai::Engine;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Longest sentence that a list shows with what comes after its colon, in characters.
const SUMMARY_MAX: usize = 70;

/// One word of the script API, as the reference shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordEntry {
    /// The word.
    pub name: String,
    /// What it is about.
    pub group: &'static str,
    /// How it is called, one line for each form.
    pub signatures: Vec<String>,
    /// What it does, with an example.
    pub doc: String,
}

impl WordEntry {
    /// Returns what it does, one string for each paragraph, without the examples.
    pub fn paragraphs(&self) -> Vec<String> {
        let prose = self.doc.split("```").step_by(2).collect::<Vec<_>>().join("\n\n");
        let each = prose.split("\n\n").map(|paragraph| {
            let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
            lines.join(" ").trim().to_owned()
        });
        each.filter(|paragraph| !paragraph.is_empty()).collect()
    }

    /// Returns its examples.
    pub fn examples(&self) -> Vec<&str> {
        let fenced = self.doc.split("```").skip(1).step_by(2);
        fenced.filter_map(|code| code.strip_prefix("rhai\n")).map(str::trim_end).collect()
    }

    /// Returns the first sentence of what it does; of a long one only what stands before a colon.
    pub fn summary(&self) -> String {
        let first = self.paragraphs().into_iter().next().unwrap_or_default();
        let ends = first.match_indices(". ").map(|(at, _)| at + 1).find(|at| {
            let next = first[*at..].trim_start().chars().next();
            next.is_some_and(|next| next.is_uppercase() || next == '`')
        });

        let sentence = ends.map_or(first.as_str(), |end| &first[..end]);

        let is_prose = |at: &usize| sentence[..*at].matches('`').count().is_multiple_of(2);
        let colon = sentence.match_indices(": ").map(|(at, _)| at).find(is_prose);

        match colon.filter(|_| sentence.chars().count() > SUMMARY_MAX) {
            Some(colon) => format!("{}.", &sentence[..colon]),
            None => sentence.to_owned(),
        }
    }
}

/// Collects the reference from what is registered, without operators and the conversions that Rhai
/// calls by itself.
pub(in crate::script) fn reference(engine: &Engine, host: &Rc<Inner>) -> Vec<WordEntry> {
    let groups = group_of(host);
    let mut found: BTreeMap<String, WordEntry> = BTreeMap::new();

    let each = engine.collect_fn_metadata(
        None,
        |info| {
            let meta = info.metadata;
            if language::is_word(&meta.name) {
                return None;
            }

            let comments: Vec<String> = meta.comments.iter().map(ToString::to_string).collect();
            let given: Vec<String> = meta.params_info.iter().map(ToString::to_string).collect();
            let signature = check::signature(&meta.name, &given, &meta.return_type);
            Some((meta.name.to_string(), signature, given, comments.join("\n")))
        },
        false,
    );

    for (name, mut signature, params, comments) in each {
        let property = name.strip_prefix("get$").map(str::to_owned);
        if let Some(property) = &property {
            let of = params.first().and_then(|p| p.split(": ").nth(1)).unwrap_or("?");
            let gives = signature.split(" -> ").nth(1).unwrap_or("?");
            signature = format!("{of}.{property} -> {gives}");
        }

        let name = property.unwrap_or(name);
        let is_indexer = name.starts_with("index$");
        // Operators, and what the language calls by itself, are no words.
        if !name.starts_with(char::is_alphabetic) || name == "to_string" || is_indexer {
            continue;
        }

        let group = groups.get(&name).copied().unwrap_or(STDLIB);
        // The forms of a word share one entry, and their texts follow one another there.
        let entry = found.entry(name.clone()).or_insert_with(|| WordEntry {
            name,
            group,
            signatures: Vec::new(),
            doc: String::new(),
        });

        entry.signatures.push(signature);
        if !comments.is_empty() {
            if !entry.doc.is_empty() {
                entry.doc.push_str("\n\n");
            }
            let lines = comments.lines().map(|line| line.strip_prefix("/// ").unwrap_or(""));
            entry.doc.push_str(&lines.collect::<Vec<_>>().join("\n"));
        }
    }

    for (name, of, doc) in CONSTANTS {
        let signatures = vec![format!("{name}: {of}")];
        let name = (*name).to_owned();
        let doc = dedent(doc).join("\n");
        found.insert(name.clone(), WordEntry { name, group: RUN, signatures, doc });
    }

    let mut entries: Vec<WordEntry> = found.into_values().collect();
    for entry in &mut entries {
        entry.signatures.sort();
        entry.signatures.dedup();
    }

    entries
}

/// Finds the group of each native word, by defining the words of each group by themselves.
fn group_of(host: &Rc<Inner>) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    for (group, registers) in GROUPS {
        let mut engine = Engine::new_raw();
        for register in *registers {
            register(&mut engine, host);
        }

        let word = |name: &str| name.strip_prefix("get$").unwrap_or(name).to_owned();
        let names = engine.collect_fn_metadata(None, |info| Some(word(&info.metadata.name)), false);
        for name in names {
            found.entry(name).or_insert(*group);
        }
    }

    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(doc: &str) -> WordEntry {
        WordEntry { name: "x".into(), group: RUN, signatures: Vec::new(), doc: doc.into() }
    }

    #[test]
    fn a_text_and_its_examples_are_told_apart() {
        let entry =
            entry("Gives\nx. More.\n```rhai\nx();\n```\n\nSecond.\n```rhai\ny();\nz();\n```");
        assert_eq!(entry.paragraphs(), ["Gives x. More.", "Second."]);
        assert_eq!(entry.examples(), ["x();", "y();\nz();"]);
    }

    #[test]
    fn a_summary_is_the_first_sentence() {
        let summary = |doc| entry(doc).summary();
        assert_eq!(summary("Asks once. Options: `a`."), "Asks once.");
        assert_eq!(
            summary("Keeps .7 of it, i.e. most\nof it. `b` keeps all."),
            "Keeps .7 of it, i.e. most of it."
        );
        assert_eq!(summary("No full stop"), "No full stop");

        assert_eq!(summary("A map: `#{ a, b }`."), "A map: `#{ a, b }`.");

        let long = format!("The map `#{{ a: b }}` of it: {}. More.", "and so on, ".repeat(9));
        assert_eq!(summary(&long), "The map `#{ a: b }` of it.");
    }
}
