//! Words of the script API as text: lists of them, one in full, and the search for them.

use crate::base::spelling::nearest;
use crate::base::visible;
use crate::script::api::{WordEntry, groups, options};

/// Narrowest page on which a word and its sentence stand side by side.
const SIDE_BY_SIDE_MIN: usize = 60;
/// Widest text that is read with ease.
const TEXT_MAX: usize = 90;

const BOLD: &str = "1";
const CYAN: &str = "36";

/// What text is laid out for.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Page {
    /// Columns.
    pub(in crate::cli) width: usize,
    /// Whether it shows colours.
    pub(in crate::cli) color: bool,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum SearchHits<'a> {
    /// The one word that is meant.
    One(&'a WordEntry),
    /// Words that have to do with what was asked, the best first.
    Several(Vec<&'a WordEntry>),
    /// Nothing, and the word that is most like what was asked.
    Nothing(Option<&'a str>),
}

/// Finds what somebody asks for: a word, also as `branch.fork` or `fork(x)`, a group, or text that
/// the words have in their names, forms or texts.
pub(in crate::cli) fn find<'a>(entries: &'a [WordEntry], asked: &str) -> SearchHits<'a> {
    let typed = word_of(asked.trim());
    let asked = asked.trim().to_lowercase();
    let word = word_of(&asked);
    let is_exact = |entry: &&WordEntry| entry.name == typed;
    let is_same = |entry: &&WordEntry| entry.name.to_lowercase() == word;
    if let Some(entry) = entries.iter().find(is_exact).or_else(|| entries.iter().find(is_same)) {
        return SearchHits::One(entry);
    }

    let group: Vec<&WordEntry> = entries.iter().filter(|entry| entry.group == asked).collect();
    if !group.is_empty() {
        return SearchHits::Several(group);
    }

    let words: Vec<&str> = asked.split_whitespace().collect();
    let ranked = entries.iter().map(|entry| (rank(entry, &words), entry));
    let mut hits: Vec<_> = ranked.filter_map(|(rank, entry)| rank.map(|r| (r, entry))).collect();
    hits.sort_by_key(|(rank, entry)| (*rank, &entry.name));

    let hits: Vec<&WordEntry> = hits.into_iter().map(|(_, entry)| entry).collect();

    match hits.as_slice() {
        [] => SearchHits::Nothing(meant(entries, &words)),
        [one] => SearchHits::One(one),
        _ => SearchHits::Several(hits),
    }
}

/// Returns the word in a call: `fork` of `branch.fork(x)`.
fn word_of(asked: &str) -> &str {
    let name = asked.split('(').next().unwrap_or(asked).trim();
    name.rsplit('.').next().unwrap_or(name)
}

/// Tells how well an entry fits words, 0 being best; `None` if one of them does not occur in it.
fn rank(entry: &WordEntry, words: &[&str]) -> Option<usize> {
    let name = entry.name.to_lowercase();
    let forms = entry.signatures.join("\n").to_lowercase();
    let text = entry.paragraphs().join("\n").to_lowercase();

    let one = |word: &&str| match *word {
        word if name == word => Some(0),
        word if name.starts_with(word) => Some(1),
        word if name.contains(word) => Some(2),
        word if forms.contains(word) => Some(3),
        word if text.contains(word) => Some(4),
        _ => None,
    };
    words.iter().map(one).sum()
}

/// Finds the word that may be meant by the first of the asked words that is like one.
fn meant<'a>(entries: &'a [WordEntry], words: &[&str]) -> Option<&'a str> {
    let unknown = words.iter().filter(|word| entries.iter().all(|e| rank(e, &[word]).is_none()));
    let near = |word: &&str| nearest(word_of(word), entries.iter().map(|e| e.name.as_str()));
    unknown.into_iter().find_map(near)
}

/// Lists all words under the names of their groups, each with its first sentence.
pub(in crate::cli) fn by_group(entries: &[WordEntry], page: Page) -> String {
    let column = column(entries.iter());
    let blocks = groups().filter_map(|group| {
        let mut of = entries.iter().filter(|entry| entry.group == group).peekable();
        of.peek()?;

        let lines: Vec<String> = of.map(|entry| line(entry, column, page)).collect();
        Some(format!("{}\n{}", paint(group, BOLD, page), lines.join("\n")))
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// Lists words as they come, each with its first sentence.
pub(in crate::cli) fn list(entries: &[&WordEntry], page: Page) -> String {
    let column = column(entries.iter().copied());
    let lines = entries.iter().map(|entry| line(entry, column, page));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the width of the column of names.
fn column<'a>(entries: impl Iterator<Item = &'a WordEntry>) -> usize {
    entries.map(|entry| entry.name.chars().count()).max().unwrap_or(0)
}

fn line(entry: &WordEntry, column: usize, page: Page) -> String {
    let name = paint(&entry.name, CYAN, page);
    let beside = page.width >= SIDE_BY_SIDE_MIN;
    let indent = " ".repeat(if beside { column + 4 } else { 6 });
    let lines = wrap(&entry.summary(), page.width.saturating_sub(indent.len()));
    let text = lines.join(&format!("\n{indent}"));

    if beside {
        let pad = " ".repeat(column - entry.name.chars().count());
        format!("  {name}{pad}  {text}")
    } else {
        format!("  {name}\n{indent}{text}")
    }
}

/// Writes all about one word: its forms, its text, its examples.
pub(in crate::cli) fn whole(entry: &WordEntry, page: Page) -> String {
    let width = page.width.min(TEXT_MAX);
    let mut text = format!("{}  ({})\n\n", paint(&entry.name, BOLD, page), entry.group);

    for signature in &entry.signatures {
        // A form that has to be broken continues deeper than it began.
        let lines = wrap(signature, width.saturating_sub(8));
        let lines: Vec<String> = lines.iter().map(|line| paint(line, CYAN, page)).collect();
        text.push_str(&format!("    {}\n", lines.join("\n        ")));
    }

    for paragraph in entry.paragraphs() {
        let Some((before, listed, after)) = options(&paragraph) else {
            text.push_str(&format!("\n{}\n", wrap(&paragraph, width).join("\n")));
            continue;
        };

        text.push_str(&format!("\n{}\n", wrap(&before, width).join("\n")));
        for option in listed {
            let lines = wrap(&option, width.saturating_sub(6));
            text.push_str(&format!("    {}\n", lines.join("\n      ")));
        }
        if !after.is_empty() {
            text.push_str(&format!("\n{}\n", wrap(&after, width).join("\n")));
        }
    }

    for example in entry.examples() {
        // Code keeps its lines, so that it can be copied.
        let lines: Vec<String> = example.lines().map(|line| format!("    {line}")).collect();
        text.push_str(&format!("\n{}\n{}\n", paint("Example", BOLD, page), lines.join("\n")));
    }

    text.trim_end().to_owned()
}

/// Breaks text between words, so that no line is wider than `width` unless a word is.
pub(in crate::cli) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }

    lines
}

fn paint(text: &str, code: &str, page: Page) -> String {
    if page.color { visible::painted(text, code) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, signature: &str, doc: &str) -> WordEntry {
        let signatures = vec![signature.to_owned()];
        WordEntry { name: name.into(), group: "branches", signatures, doc: doc.into() }
    }

    fn entries() -> Vec<WordEntry> {
        vec![
            entry("copy", "copy(branch: branch)", "Copies it; `fork` does the same."),
            entry("fork", "fork(branch: branch)", "Goes its own way."),
            entry("fork_all", "fork_all(list: array)", "Forks them all."),
            entry("pitchfork", "pitchfork()", "A tool.\n```rhai\nlet hidden = 1;\n```"),
            entry("split", "split(by: fork_kind)", "Splits a text."),
        ]
    }

    fn names(asked: &str) -> Vec<String> {
        let entries = entries();
        match find(&entries, asked) {
            SearchHits::One(one) => vec![one.name.clone()],
            SearchHits::Several(hits) => hits.iter().map(|entry| entry.name.clone()).collect(),
            SearchHits::Nothing(near) => vec![format!("? {}", near.unwrap_or("-"))],
        }
    }

    #[test]
    fn the_best_matches_come_first() {
        assert_eq!(names("for"), ["fork", "fork_all", "pitchfork", "split", "copy"]);
        assert_eq!(names("FORK copies"), ["copy"]);
        assert_eq!(names("its way"), ["fork"]);
        assert_eq!(names("fork branch"), ["fork", "copy"]);
    }

    #[test]
    fn a_word_is_found_however_it_is_written() {
        for asked in ["fork", "Fork", "branch.fork", "b.fork()", "fork(branch)", " fork "] {
            assert_eq!(names(asked), ["fork"], "{asked}");
        }
        assert_eq!(names("branches").len(), 5);
    }

    #[test]
    fn what_is_not_there_suggests_what_is_like_it() {
        assert_eq!(names("frok"), ["? fork"]);
        assert_eq!(names("branch.splt"), ["? split"]);
        assert_eq!(names("hidden"), ["? -"]);
    }

    #[test]
    fn lists_fit_the_page() {
        let entries = [entry("save_all", "", "Writes everything that is known to a file.")];
        let shown = |width| list(&[&entries[0]], Page { width, color: false });

        assert_eq!(shown(60), "  save_all  Writes everything that is known to a file.");
        assert_eq!(
            shown(30),
            "  save_all\n      Writes everything that\n      is known to a file."
        );
    }

    #[test]
    fn a_whole_entry_shows_forms_text_and_code() {
        let shown = whole(&entries()[3], Page { width: 40, color: false });
        assert_eq!(
            shown,
            "pitchfork  (branches)\n\n    pitchfork()\n\nA tool.\n\nExample\n    let hidden = 1;"
        );
    }
}
