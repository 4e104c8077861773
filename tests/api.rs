//! The script API: every word is documented, every example runs, and docs/script-api.md says what
//! the program says.

use crate::support::Project;
use kaizen::base::id::RunId;
use kaizen::executor::Executor;
use kaizen::journal::Journal;
use kaizen::model::registry::Models;
use kaizen::script::api::WordEntry;
use kaizen::script::host::permission::Permissions;
use kaizen::script::reference::language;
use kaizen::script::{Host, OPERATIONS_MAX, Surroundings};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;

/// Creates a host whose scripts print into nothing, in a folder.
fn host(folder: &Path) -> Host {
    host_printing(folder, Rc::new(|_| {}))
}

fn host_printing(folder: &Path, print: kaizen::script::Sink) -> Host {
    let executor = Rc::new(Executor::new(Journal::off(RunId::fresh()), 1, None));
    Host::new(Surroundings {
        executor,
        models: Rc::new(Models::new(BTreeMap::new(), None, 1, |_| None)),
        servers: kaizen::mcp::Servers::none(),
        permissions: Permissions::all(),
        root: folder.to_owned(),
        script: folder.join("example.rhai"),
        params: serde_json::Map::new(),
        print,
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

/// What an example prints stands behind it, in comments.
fn promised(example: &str) -> Vec<String> {
    let print = |line: &&str| line.contains("print(") && !line.starts_with("//");
    let said = example.lines().filter(|line| print(line) || line.starts_with("// "));
    said.filter_map(|line| line.split_once("// ").map(|(_, said)| said.to_owned()))
        .filter(|said| !said.ends_with(';'))
        .collect()
}

#[test]
fn every_example_of_the_language_prints_what_it_says() {
    let mut faults = String::new();
    for entry in language::words() {
        for example in entry.examples() {
            let printed = Rc::new(RefCell::new(Vec::new()));
            let sink = printed.clone();
            let result = run_printing(
                example,
                Rc::new(move |line| {
                    sink.borrow_mut().push(line.to_owned());
                }),
            );
            let printed = printed.borrow();
            if result.is_err() || *printed != promised(example) {
                let _ = writeln!(faults, "{}: {printed:?}\n{example}\n{result:?}\n", entry.name);
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// Runs an example and hands over what it prints.
fn run_printing(example: &str, print: kaizen::script::Sink) -> Result<(), String> {
    let project = Project::new();
    let host = host_printing(project.path(), print);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let local = tokio::task::LocalSet::new();
    let result = local.block_on(&runtime.unwrap(), async {
        let program = host.compile(example)?;
        host.run(&program).await
    });
    result.map(|_| ()).map_err(|error| format!("{error:?}"))
}

#[test]
fn every_word_of_the_language_has_an_entry_with_an_example() {
    let mut known: Vec<String> = words().into_iter().map(|word| word.name).collect();
    for word in language::words() {
        assert!(!word.signatures.is_empty() && !word.examples().is_empty(), "{}", word.name);
        known.push(word.name);
    }

    let registered = include_str!("../src/script/words.txt").lines();
    let registered = registered.filter_map(|line| line.split_once(' ').map(|(word, _)| word));
    let keywords = [
        "let", "const", "fn", "if", "else", "for", "in", "while", "loop", "do", "until", "break",
        "continue", "return", "switch", "try", "catch", "throw", "import", "export", "private",
        "this", "call", "curry", "Fn", "type_of", "true", "false",
    ];
    let missing: Vec<&str> = registered
        .map(|word| word.trim_start_matches("get$").trim_start_matches("set$"))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter(|word| *word != "get_fn_metadata_list")
        .chain(keywords)
        .filter(|word| known.iter().all(|known| known != word))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_block_of_the_page_for_people_from_python_runs() {
    let page = include_str!("../docs/from-python.md");
    let mut faults = String::new();
    for block in page.split("```").skip(1).step_by(2).filter_map(|code| code.strip_prefix("rhai\n"))
    {
        if let Err(error) = run_printing(block, Rc::new(|_| {})) {
            let _ = writeln!(faults, "{block}{error}\n");
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
         This page describes the functions and properties of kaizen. `UPDATE=1 cargo test api` generates it\n\
         from the program. Scripts are written in [Rhai](https://rhai.rs/book/), whose own keywords and\n\
         functions are in [language.md](language.md). Options are one trailing map; an unknown key is an\n\
         error. Errors are maps `#{ kind, message, retryable, .. }`; one of the language itself has\n\
         no `kind` in `catch (e)`, so ask `failure(e).kind` there. `log` and `run_id` exist in every\n\
         script.\n",
    );
    for entry in words() {
        let _ =
            write!(text, "\n## {}\n\n```\n{}\n```\n\n", entry.name, entry.signatures.join("\n"));
        let _ = writeln!(text, "{}", entry.markdown().trim_end());
    }
    text
}
