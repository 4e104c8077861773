//! The reference: each word with its forms, its text and its examples.

use crate::script::api::define::{dedent, shown};
use crate::script::api::{GROUPS, RUN, STDLIB, WordEntry};
use crate::script::diagnostic::forms::signature;
use crate::script::diagnostic::language::is_word;
use crate::script::host::constants::CONSTANTS;
use crate::script::host::context::Inner;
use crate::script::reference::language;
use rhai::Engine;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

/// Collects the reference from what is registered, without operators and the conversions that Rhai
/// calls by itself.
pub(in crate::script) fn reference(engine: &Engine, host: &Rc<Inner>) -> Vec<WordEntry> {
    let groups = group_of(host);
    let mut found: BTreeMap<String, WordEntry> = BTreeMap::new();

    let mut each = engine.collect_fn_metadata(
        None,
        |info| {
            let meta = info.metadata;
            if is_word(&meta.name) {
                return None;
            }

            let comments = meta.comments.iter().map(|comment| shown(comment).join("\n"));
            let comments: Vec<String> = comments.collect();
            let given: Vec<String> = meta.params_info.iter().map(ToString::to_string).collect();
            let signature = signature(&meta.name, &given, &meta.return_type);
            Some((meta.name.to_string(), signature, given, comments.join("\n")))
        },
        false,
    );
    // The engine lists its words in an order that differs between builds.
    each.sort();

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
            entry.doc.push_str(&comments);
        }
    }

    // A further form of a word of the language, such as `to_int` of large numbers, is explained there.
    let own: HashSet<String> = language::words().into_iter().map(|word| word.name).collect();
    found.retain(|name, entry| !entry.doc.is_empty() || !own.contains(name));

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
