//! The files of the page. They are built into the program; a debug build reads them from their folder, so
//! that a file that was saved shows when the page is reloaded.

use crate::cli::ui::squeeze::{lean_style, without_blanks, without_comments};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// Makes the table of files: built in, or only named in a debug build.
macro_rules! files {
    ($($name:literal,)+) => {
        /// Names of the files, and their texts where they are built in.
        #[cfg(not(debug_assertions))]
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("web/", $name))),)+];
        /// Names of the files.
        #[cfg(debug_assertions)]
        const FILES: &[(&str, &str)] = &[$(($name, ""),)+];
    };
}

files! {
    "order.txt",
    "page.html",
    "style.css",
    "vendor/htm-preact.umd.js",
    "vendor/dagre.esm.js",
    "vendor/dagre.min.js",
    "base.js",
    "words.js",
    "data.js",
    "address.js",
    "keys.js",
    "parts.js",
    "figures.js",
    "scale.js",
    "lines.js",
    "timeline.js",
    "graph.js",
    "conversation.js",
    "panel.js",
    "rows.js",
    "walk.js",
    "labels.js",
    "runs.js",
    "questions.js",
    "cases.js",
    "run.js",
    "compare.js",
    "charts.js",
    "learning.js",
    "failures.js",
    "cost.js",
    "shell.js",
    "report.js",
}

/// What a script is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Bundle {
    /// The page.
    Page,
    /// The report.
    Report,
}

impl Bundle {
    fn word(self) -> &'static str {
        match self {
            Bundle::Page => "page:",
            Bundle::Report => "report:",
        }
    }
}

/// Returns the text of a file; an empty one if it is not there.
pub(in crate::cli) fn file(name: &str) -> Cow<'static, str> {
    if cfg!(debug_assertions) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/ui/web/");
        // A file that is not written yet is empty.
        return Cow::Owned(std::fs::read_to_string(format!("{folder}{name}")).unwrap_or_default());
    }

    let found = FILES.iter().find(|(known, _)| *known == name);
    Cow::Borrowed(found.map_or("", |(_, text)| text))
}

/// Returns the names of the modules of a script, in order.
fn order(bundle: Bundle) -> Vec<String> {
    let text = file("order.txt");
    let line = text.lines().find_map(|line| line.strip_prefix(bundle.word()));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Everything that is served, as it is served.
#[derive(Debug)]
pub(in crate::cli) struct Assets {
    /// The document.
    pub(in crate::cli) document: String,
    /// The script of the page.
    pub(in crate::cli) page: String,
    /// The script of a report.
    pub(in crate::cli) report: String,
    /// The style of both.
    pub(in crate::cli) style: String,
    /// What the addresses of files bear, so that a browser never takes an old one for a new one.
    pub(in crate::cli) version: String,
}

/// Returns what is served: made once, or in a debug build from what the folder holds now.
pub(in crate::cli) fn assets() -> Arc<Assets> {
    static BUILT: LazyLock<Arc<Assets>> = LazyLock::new(|| Arc::new(Assets::read()));
    if cfg!(debug_assertions) { Arc::new(Assets::read()) } else { BUILT.clone() }
}

impl Assets {
    fn read() -> Assets {
        let page = script(Bundle::Page);
        let style = lean_style(&file("style.css"));

        let mut hasher = blake3::Hasher::new();
        for text in [page.as_str(), &style, &file("vendor/dagre.esm.js")] {
            hasher.update(text.as_bytes());
        }
        let version = hasher.finalize().to_hex()[..16].to_owned();

        let document = file("page.html")
            .replace("{style}", &format!("/a/{version}/page.css"))
            .replace("{script}", &format!("/a/{version}/page.js"));
        Assets { document, page, report: script(Bundle::Report), style, version }
    }
}

/// Makes one script of the library and the modules. Modules import and export for the sake of checkers;
/// here they stand in one scope, so those words are taken out.
fn script(bundle: Bundle) -> String {
    let mut script = String::from("(() => {\n'use strict';\n");

    for name in order(bundle) {
        for line in without_comments(&file(&name)) {
            if line.starts_with("import ") {
                continue;
            }
            script.push_str(line.strip_prefix("export ").unwrap_or(&line));
            script.push('\n');
        }
    }
    script.push_str("})();\n");
    format!("{}\n{}", file("vendor/htm-preact.umd.js"), without_blanks(&script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_that_is_ordered_is_built_in() {
        for bundle in [Bundle::Page, Bundle::Report] {
            let names = order(bundle);
            assert!(!names.is_empty(), "{bundle:?}");
            let missing: Vec<_> =
                names.iter().filter(|name| !FILES.iter().any(|(known, _)| known == name)).collect();
            assert!(missing.is_empty(), "add to `files!`: {missing:?}");
        }
    }
}
