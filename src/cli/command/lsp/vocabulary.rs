//! The words that scripts know, as `kaizen doc` tells them.

use crate::cli::app::settings;
use crate::cli::command::doc;
use crate::script::Host;
use crate::script::api::{WordEntry, options};
use crate::script::diagnostic::codes::Code;
use crate::script::reference::completion::Word;
use crate::script::reference::language;

/// The words of the script API and of the language.
pub(super) struct Vocabulary {
    /// The reference of the script API.
    entries: Vec<WordEntry>,
    /// The reference of the language.
    language: Vec<WordEntry>,
    /// Each word in each of its forms.
    pub(super) words: Vec<Word>,
    host: Host,
}

impl Vocabulary {
    pub(super) fn new() -> Vocabulary {
        let host = doc::host();
        let entries = host.reference();
        let words = host.words(&entries);
        Vocabulary { words, language: language::words(), entries, host }
    }

    /// Returns the keys of the options that a function takes.
    pub(super) fn option_keys(&self, of: &str) -> Vec<String> {
        self.host.option_keys(of)
    }

    /// Finds the reference of a word; one of kaizen stands for one of the language.
    pub(super) fn entry(&self, name: &str) -> Option<&WordEntry> {
        let own = self.entries.iter().find(|entry| entry.name == name);
        own.or_else(|| self.language.iter().find(|entry| entry.name == name))
    }

    /// Returns what a word does, with its forms and an example, for people who read Markdown.
    pub(super) fn page(&self, name: &str) -> Option<String> {
        let entry = self.entry(name)?;
        let forms = entry.signatures.join("\n");
        Some(format!("```rhai\n{forms}\n```\n\n{}", entry.markdown().trim()))
    }

    /// Returns what an option of a function means: as its own reference says, or as that of the words from
    /// which it takes its options, or as a setting of models.
    pub(super) fn option(&self, of: &str, key: &str) -> Option<String> {
        let pages = [of, "add_operation", "communicate", "operate", "react", "imodel", "branch"];
        let found = pages.iter().find_map(|page| self.option_in(page, key));
        found.or_else(|| {
            let name = format!("models.NAME.{key}");
            let setting = settings::reference().into_iter().find(|doc| doc.name == name)?;
            Some(format!("`{key}`: {} (default: {})", setting.meaning, setting.default))
        })
    }

    fn option_in(&self, page: &str, key: &str) -> Option<String> {
        let entry = self.entry(page)?;
        let listed = entry.paragraphs().into_iter().filter_map(|paragraph| {
            let (_, listed, _) = options(&paragraph)?;
            Some(listed)
        });
        let quoted = format!("`{key}`");
        let mut listed = listed.flatten();
        // An item without a word beside its key tells nothing.
        listed.find(|item| {
            let item = item.trim_start_matches("or ");
            item.starts_with(&quoted) && item.len() > quoted.len()
        })
    }
}

/// Returns what a code means, for people who read Markdown.
pub(super) fn explanation(code: &Code) -> String {
    let example = match code.example {
        "" => String::new(),
        example => format!("\n\nFor example:\n```rhai\n{example}\n```"),
    };
    format!("**{}: {}**\n\n{}{example}", code.id, code.title, code.text)
}
