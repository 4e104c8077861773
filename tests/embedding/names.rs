//! The public names of the crate: a change of them is a decision.

use expect_test::expect;
use std::fmt::Write as _;

/// Returns the names of a list `pub use embed::{..};`.
fn used(text: &str) -> Vec<&str> {
    let (_, rest) = text.split_once("pub use embed::{").unwrap();
    let (list, _) = rest.split_once('}').unwrap();
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Returns the public functions, variants and fields that a file of the facade defines, without hidden ones.
fn members(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    let mut found = String::new();
    let mut is_hidden = false;
    for line in text.lines() {
        let code = line.trim_start();
        let is_member = ["pub fn ", "pub async fn ", "pub struct ", "pub enum ", "pub trait "]
            .iter()
            .any(|start| code.starts_with(start));
        let is_of_trait =
            code.starts_with("fn ") && line.starts_with("    fn ") && text.contains("pub trait");
        if is_member && !is_hidden
            || is_of_trait && code.contains("&self") && code.starts_with("fn price")
        {
            let end = code.find(['(', '<', '{']).unwrap_or(code.len());
            let _ = writeln!(found, "  {}", code[..end].trim_end());
        }
        is_hidden = code == "#[doc(hidden)]";
    }
    found
}

#[test]
fn the_public_names_are_these() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = std::fs::read_to_string(root.join("lib.rs")).unwrap();
    let facade = std::fs::read_to_string(root.join("embed/mod.rs")).unwrap();

    let mut names = used(&library).join("\n");
    names.push_str("\n\n");
    for line in facade.lines().filter(|line| line.starts_with("pub use ")) {
        let file = line["pub use ".len()..].split("::").next().unwrap();
        let text = std::fs::read_to_string(root.join(format!("embed/{file}.rs"))).unwrap();
        let _ = write!(names, "{file}\n{}", members(&text));
    }
    expect![[""]].assert_eq(&names);

    // Every other module is hidden or private: nobody relies on it.
    let lines: Vec<&str> = library.lines().collect();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub mod ")) {
        let before = &lines[place.saturating_sub(2)..place];
        assert!(before.contains(&"#[doc(hidden)]"), "{line}");
    }
}
