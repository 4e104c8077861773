//! Every word that Rhai itself registers, and what was decided about it, so that a new version's words
//! are noticed before scripts can use them; and the words that checks look for.

use crate::base::id::RunId;
use crate::executor::Executor;
use crate::journal::Journal;
use crate::model::registry::Models;
use crate::script::host::permission::Permissions;
use crate::script::{Host, OPERATIONS_MAX, State, Surroundings, check};
use rhai::Engine;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

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

/// Returns the names of everything that a script can call.
fn known() -> BTreeSet<String> {
    let host = Host::new(Surroundings {
        executor: Rc::new(Executor::new(Journal::off(RunId::fresh()), 0, None)),
        models: Rc::new(Models::new(BTreeMap::new(), None, 0, |_| None)),
        servers: crate::mcp::Servers::none(),
        permissions: Permissions::all(),
        root: PathBuf::from("."),
        script: PathBuf::from("s.rhai"),
        params: serde_json::Map::new(),
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: OPERATIONS_MAX,
        state: State::default(),
    });

    let name = |name: &str| Some(name.strip_prefix("get$").unwrap_or(name).to_owned());
    let names = host.engine.collect_fn_metadata(None, |info| name(&info.metadata.name), true);
    names.into_iter().collect()
}

/// A word that was renamed would otherwise be looked for without success.
#[test]
fn every_word_that_a_check_looks_for_exists() {
    let known = known();
    let lists = check::lists_of_words().into_iter();
    let missing: Vec<(&str, Vec<&str>)> = lists
        .map(|(list, words)| (list, words.into_iter().filter(|w| !known.contains(*w)).collect()))
        .filter(|(_, missing): &(_, Vec<&str>)| !missing.is_empty())
        .collect();
    assert_eq!(missing, Vec::<(&str, Vec<&str>)>::new());
}
