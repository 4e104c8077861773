//! One word of the script API, as the reference shows it: its forms, its text and its examples.

/// From how many options on a reference lists them one by one.
const LISTED_MIN: usize = 3;
/// Longest sentence that a list shows with what comes after its colon, in characters.
const SUMMARY_MAX: usize = 70;

/// One word of the script API, as the reference shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordEntry {
    /// The word.
    pub name: String,
    /// What it is about.
    pub group: &'static str,
    /// How it is called, one line for each form.
    pub signatures: Vec<String>,
    /// What it does, with an example.
    pub doc: String,
}

impl WordEntry {
    /// Returns what it does, one string for each paragraph, without the examples.
    pub fn paragraphs(&self) -> Vec<String> {
        let prose = self.doc.split("```").step_by(2).collect::<Vec<_>>().join("\n\n");
        let each = prose.split("\n\n").map(|paragraph| {
            let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
            lines.join(" ").trim().to_owned()
        });
        each.filter(|paragraph| !paragraph.is_empty()).collect()
    }

    /// Returns its text for Markdown, with each option in a line of its own.
    pub fn markdown(&self) -> String {
        let parts = self.doc.split("```").enumerate().map(|(at, part)| match at % 2 {
            0 => listed(part),
            _ => format!("```{part}```"),
        });
        parts.collect()
    }

    /// Returns its examples.
    pub fn examples(&self) -> Vec<&str> {
        let fenced = self.doc.split("```").skip(1).step_by(2);
        fenced.filter_map(|code| code.strip_prefix("rhai\n")).map(str::trim_end).collect()
    }

    /// Returns the first sentence of what it does; of a long one only what stands before a colon.
    pub fn summary(&self) -> String {
        let first = self.paragraphs().into_iter().next().unwrap_or_default();
        let ends = first.match_indices(". ").map(|(at, _)| at + 1).find(|at| {
            let next = first[*at..].trim_start().chars().next();
            next.is_some_and(|next| next.is_uppercase() || next == '`')
        });

        let sentence = ends.map_or(first.as_str(), |end| &first[..end]);

        let is_prose = |at: &usize| sentence[..*at].matches('`').count().is_multiple_of(2);
        let colon = sentence.match_indices(": ").map(|(at, _)| at).find(is_prose);

        match colon.filter(|_| sentence.chars().count() > SUMMARY_MAX) {
            Some(colon) => format!("{}.", &sentence[..colon]),
            None => sentence.to_owned(),
        }
    }
}

/// Writes text for Markdown, with each option in a line of its own.
fn listed(text: &str) -> String {
    let blocks = text.split("\n\n").map(|paragraph| {
        let Some((before, listed, after)) = options(paragraph) else { return paragraph.to_owned() };
        let items: String = listed.iter().flat_map(|item| ["\n- ", item]).collect();
        let after = if after.is_empty() { String::new() } else { format!("\n\n{after}") };
        format!("{before}\n{items}{after}")
    });
    let blocks: Vec<String> = blocks.collect();

    // What follows, such as an example, begins in a line of its own.
    let mut text_listed = blocks.join("\n\n");
    if text.ends_with('\n') && !text_listed.ends_with('\n') {
        text_listed.push('\n');
    }
    text_listed
}

/// Parts a paragraph that has a sentence `Options: ..` of several options: what stands before the
/// options, each option, and what follows.
pub fn options(paragraph: &str) -> Option<(String, Vec<String>, String)> {
    let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let start = words.find("Options: `")? + "Options:".len();
    let (before, rest) = words.split_at(start);

    let mut listed = Vec::new();
    let mut from = 0;
    let mut depth = 0_usize;
    let mut is_code = false;
    let mut end = rest.len();
    for (at, letter) in rest.char_indices() {
        match letter {
            '`' => is_code = !is_code,
            '(' if !is_code => depth += 1,
            ')' if !is_code => depth = depth.saturating_sub(1),
            _ => {}
        }
        if is_code || depth > 0 {
            continue;
        }
        let next = &rest[at..];
        if next.starts_with(", `") || next.starts_with(", or `") || next.starts_with("; `") {
            listed.push(rest[from..at].trim().to_owned());
            from = at + 1;
        } else if next.starts_with(". ") || next == "." {
            end = at;
            break;
        }
    }
    listed.push(rest[from..end].trim().to_owned());

    let after = rest[end..].trim_start_matches('.').trim().to_owned();
    (listed.len() >= LISTED_MIN).then(|| (before.trim().to_owned(), listed, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::api::RUN;

    fn entry(doc: &str) -> WordEntry {
        WordEntry { name: "x".into(), group: RUN, signatures: Vec::new(), doc: doc.into() }
    }

    #[test]
    fn a_text_and_its_examples_are_told_apart() {
        let entry =
            entry("Gives\nx. More.\n```rhai\nx();\n```\n\nSecond.\n```rhai\ny();\nz();\n```");
        assert_eq!(entry.paragraphs(), ["Gives x. More.", "Second."]);
        assert_eq!(entry.examples(), ["x();", "y();\nz();"]);
    }

    #[test]
    fn options_are_listed_one_by_one() {
        let text =
            "Runs it. Options: `a` (one, `x` or two), `b` (a map\nof `c`, `d`), `e`. `f` is other.";
        expect_test::expect![[r#"
            Some(
                (
                    "Runs it. Options:",
                    [
                        "`a` (one, `x` or two)",
                        "`b` (a map of `c`, `d`)",
                        "`e`",
                    ],
                    "`f` is other.",
                ),
            )
        "#]]
        .assert_debug_eq(&options(text));
        assert_eq!(options("Options: `a`, `b`."), None);
        assert_eq!(options("No options."), None);
        let whole = entry(&format!("{text}\n```rhai\nx();\n```")).markdown();
        expect_test::expect![[r#"
            Runs it. Options:

            - `a` (one, `x` or two)
            - `b` (a map of `c`, `d`)
            - `e`

            `f` is other.
            ```rhai
            x();
            ```"#]]
        .assert_eq(&whole);
    }

    #[test]
    fn a_summary_is_the_first_sentence() {
        let summary = |doc| entry(doc).summary();
        assert_eq!(summary("Asks once. Options: `a`."), "Asks once.");
        assert_eq!(
            summary("Keeps .7 of it, i.e. most\nof it. `b` keeps all."),
            "Keeps .7 of it, i.e. most of it."
        );
        assert_eq!(summary("No full stop"), "No full stop");

        assert_eq!(summary("A map: `#{ a, b }`."), "A map: `#{ a, b }`.");

        let long = format!("The map `#{{ a: b }}` of it: {}. More.", "and so on, ".repeat(9));
        assert_eq!(summary(&long), "The map `#{ a: b }` of it.");
    }
}
