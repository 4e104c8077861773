//! The script API: every word is documented, every example runs, and docs/script-api.md says what
//! the program says.

use crate::support::Project;
use kaizen::base::id::RunId;
use kaizen::executor::Executor;
use kaizen::journal::Journal;
use kaizen::model::registry::Models;
use kaizen::script::api::WordEntry;
use kaizen::script::host::permission::Permissions;
use kaizen::script::{Host, OPERATIONS_MAX, Surroundings};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;

/// Creates a host whose scripts print into nothing, in a folder.
fn host(folder: &Path) -> Host {
    let executor = Rc::new(Executor::new(Journal::off(RunId::fresh()), 1, None));
    Host::new(Surroundings {
        executor,
        models: Rc::new(Models::new(BTreeMap::new(), None, 1, |_| None)),
        permissions: Permissions::all(),
        root: folder.to_owned(),
        script: folder.join("example.rhai"),
        params: serde_json::Map::new(),
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: std::sync::Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: OPERATIONS_MAX,
        state: kaizen::script::State::default(),
    })
}

fn words() -> Vec<WordEntry> {
    host(Path::new(".")).reference()
}

#[test]
fn every_word_has_an_example() {
    let words = words();
    assert!(words.len() > 50, "the reference must be found: {}", words.len());
    let missing: Vec<String> =
        words.iter().filter(|w| w.examples().is_empty()).map(|w| w.name.clone()).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_example_runs() {
    let mut faults = String::new();
    for entry in words() {
        for example in entry.examples() {
            let project = Project::new();
            let host = host(project.path());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let local = tokio::task::LocalSet::new();
            let result = local.block_on(&runtime.unwrap(), async {
                let program = host.compile(example)?;
                host.run(&program).await
            });
            if let Err(error) = result {
                let _ = writeln!(faults, "{}:\n{example}{error:?}\n", entry.name);
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn the_written_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/script-api.md");
    let text = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/script-api.md is out of date; run `UPDATE=1 cargo test api`");
}

fn page() -> String {
    let mut text = String::from(
        "# What scripts can call\n\n\
         Generated from the program; `UPDATE=1 cargo test api` writes it anew. Beside these words\n\
         scripts have the language itself, [Rhai](https://rhai.rs/book/), with its standard library.\n\
         Options are one trailing map; an unknown key is an error. Errors are maps `#{ kind, message,\n\
         retryable, .. }`. `log` and `run_id` are there in every script.\n",
    );
    for entry in words() {
        let _ =
            write!(text, "\n## {}\n\n```\n{}\n```\n\n", entry.name, entry.signatures.join("\n"));
        let _ = writeln!(text, "{}", entry.doc);
    }
    text
}
