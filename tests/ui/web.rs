//! The files of the page: their limits, what they must not hold, and that they can be joined into one script.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most lines of a module.
const LINES_MAX: usize = 299;

/// What would let a text become markup or code, or let data choose an address.
const FORBIDDEN: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "Function(",
    "dangerouslySet",
    "createContextualFragment",
    "srcdoc",
    "javascript:",
    "http://",
    "https://",
    ".cookie",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/ui/web")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the modules by name.
fn modules() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter(|name| name.ends_with(".js")).map(|name| (name.clone(), read(&name))).collect()
}

/// Returns the modules of the page, or of a report, in their order.
fn order(what: &str) -> Vec<String> {
    let lists = read("order.txt");
    let line = lists.lines().find_map(|line| line.strip_prefix(&format!("{what}:"))).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn modules_are_short_and_make_no_markup() {
    for (name, text) in modules() {
        assert!(text.lines().count() <= LINES_MAX, "{name} has {} lines", text.lines().count());
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{name} holds `{word}`");
        }
        // Handlers are functions; an attribute with code in it would be a text.
        let has_handler = text.split(" on").skip(1).any(|rest| {
            let (attribute, rest) = rest.split_once('=').unwrap_or(("", ""));
            attribute.chars().all(|c| c.is_ascii_alphabetic()) && rest.starts_with('"')
        });
        assert!(!has_handler, "{name} has an `on..=` attribute");
    }

    let page = read("page.html");
    assert_eq!((page.matches("{style}").count(), page.matches("{script}").count()), (1, 1));
    assert_eq!(page.matches("<script").count(), 1, "the document holds no script of its own");
}

#[test]
fn modules_can_be_joined() {
    for what in ["page", "report"] {
        let order = order(what);
        let mut names: BTreeMap<String, String> = BTreeMap::new();

        for module in &order {
            let text = read(module);
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                assert!(line.ends_with(".js';"), "{module}: an import stands on one line: {line}");
                let from = line.rsplit_once("from './").unwrap().1.trim_end_matches("';");
                assert!(
                    order.iter().any(|one| one == from),
                    "{module} needs {from}, which is not in `{what}:`"
                );
            }
            for name in text.lines().filter_map(declared) {
                let other = names.insert(name.clone(), module.clone());
                assert_eq!(other, None, "`{name}` stands in {module} as well");
            }
        }
    }

    let page = order("page");
    let unused: Vec<String> = modules()
        .into_keys()
        .filter(|name| !page.contains(name) && name != "types.js" && name != "report.js")
        .collect();
    assert!(unused.is_empty(), "in no list: {unused:?}");
}

/// Returns the name that a line declares for the whole module.
fn declared(line: &str) -> Option<String> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let rest = ["const ", "let ", "function ", "class "]
        .iter()
        .find_map(|word| line.strip_prefix(word))?;
    let name: String =
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '$').collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn libraries_are_as_they_were_released() {
    let table = read("vendor/README.md");
    let files = std::fs::read_dir(folder().join("vendor")).unwrap();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".js"));
    names.sort();

    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(".js "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let mut listed: Vec<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    listed.sort();
    assert_eq!(names, listed, "every library stands in vendor/README.md");

    for row in rows {
        let sum = std::process::Command::new("sha256sum")
            .arg(folder().join("vendor").join(row[0]))
            .output();
        let sum = sum.expect("sha256sum is there").stdout;
        let sum = String::from_utf8(sum).unwrap();
        assert_eq!(sum.split_whitespace().next(), row.last().copied(), "{}", row[0]);
    }
}
