//! Every word that Rhai itself registers, and what was decided about it, so that a new version's words
//! are noticed before scripts can use them.

use rhai::Engine;
use std::collections::{BTreeMap, BTreeSet};

/// A word on each line, and what was decided: `ours` (kaizen's own stands in its place), `bounded` (Rhai's
/// own limits hold for it), `harmless`, or `gone`.
const DECIDED: &str = include_str!("words.txt");

fn decided() -> BTreeMap<&'static str, &'static str> {
    let lines = DECIDED.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(word, decision)| (word, decision.trim())).collect()
}

#[test]
fn every_word_of_the_language_was_decided_about() {
    let words =
        Engine::new().collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true);
    let words: BTreeSet<String> = words.into_iter().collect();
    let known: BTreeSet<String> = decided().keys().map(|word| (*word).to_owned()).collect();
    let new: Vec<_> = words.difference(&known).collect();
    let lost: Vec<_> = known.difference(&words).collect();
    assert!(new.is_empty() && lost.is_empty(), "new: {new:?}\nno longer there: {lost:?}");
    for (word, decision) in decided() {
        let decisions = ["ours", "bounded", "harmless"];
        assert!(decisions.contains(&decision), "{word}: {decision}");
    }
}
