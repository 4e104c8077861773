//! Guides of the documentation, which are written in Markdown, as text for a terminal.

use crate::base::visible;
use crate::cli::render::entry::{Page, wrap};

/// Narrowest page on which the cells of a row stand side by side.
const SIDE_BY_SIDE_MIN: usize = 60;
/// Widest prose that is read with ease.
const TEXT_MAX: usize = 90;
/// How far code, and a cell below another one, stand in.
const INDENT: &str = "    ";
/// What keeps two cells apart.
const GAP: usize = 2;

const BOLD: &str = "1";

/// A part of a guide.
#[derive(Debug, PartialEq, Eq)]
enum GuidePart<'a> {
    Heading(&'a str),
    Paragraph(String),
    Item(String),
    /// Lines of code, as they are.
    Code(Vec<&'a str>),
    /// Rows of cells, the head first.
    Table(Vec<Vec<String>>),
}

/// Lays a guide out. Code keeps its lines, however wide they are, so that it can be copied.
pub(in crate::cli) fn laid_out(text: &str, page: Page) -> String {
    let laid: Vec<String> = parts(text).iter().map(|part| part.laid_out(page)).collect();
    laid.join("\n\n")
}

impl GuidePart<'_> {
    fn laid_out(&self, page: Page) -> String {
        let width = page.width.min(TEXT_MAX);
        match self {
            GuidePart::Heading(text) => bold(text, page),
            GuidePart::Paragraph(text) => wrap(text, width).join("\n"),
            GuidePart::Item(text) => {
                let lines = wrap(text, width.saturating_sub(2));
                format!("- {}", lines.join("\n  "))
            }
            GuidePart::Code(lines) => {
                let lines: Vec<String> = lines.iter().map(|line| indented(line)).collect();
                lines.join("\n")
            }
            GuidePart::Table(rows) => table(rows, page),
        }
    }
}

fn bold(text: &str, page: Page) -> String {
    if page.color { visible::painted(text, BOLD) } else { text.to_owned() }
}

fn indented(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("{INDENT}{line}") }
}

/// Lays out rows of two cells. What is too wide for the first column stands on a line of its own, and on a narrow
/// page so does every first cell: code that is broken cannot be copied.
fn table(rows: &[Vec<String>], page: Page) -> String {
    let first = |row: &Vec<String>| row.first().map_or(0, |cell| cell.chars().count());
    let widest = rows.iter().map(first).max().unwrap_or(0);
    let column = match page.width {
        width if width < SIDE_BY_SIDE_MIN => 0,
        width => widest.min(width / 2 - GAP),
    };
    let indent = if column == 0 { INDENT.len() } else { column + GAP };
    let room = page.width.saturating_sub(indent).max(1);

    let mut lines = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let rest = row.get(1..).unwrap_or_default().join("  ");
        let paint = |text: &str| if number == 0 { bold(text, page) } else { text.to_owned() };
        let mut right = wrap(&rest, room).into_iter();
        let left = row.first().map(String::as_str).unwrap_or_default();

        if first(row) <= column {
            let pad = " ".repeat(indent - first(row));
            let beside = right.next().unwrap_or_default();
            lines.push(format!("{}{pad}{}", paint(left), paint(&beside)));
        } else {
            lines.extend(wrap(left, page.width).iter().map(|line| paint(line)));
        }
        lines.extend(right.map(|line| format!("{}{}", " ".repeat(indent), paint(&line))));
    }

    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

/// Reads the parts of a guide.
fn parts(text: &str) -> Vec<GuidePart<'_>> {
    let mut parts: Vec<GuidePart<'_>> = Vec::new();
    let mut lines = text.lines().peekable();

    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            parts.push(GuidePart::Code(code));
        } else if line.starts_with('#') {
            parts.push(GuidePart::Heading(line.trim_start_matches('#').trim()));
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(row));
            }
            // The second row only draws a line.
            rows.retain(|row| !row.iter().all(|cell| cell.trim_matches(['-', ':']).is_empty()));
            parts.push(GuidePart::Table(rows));
        } else if !line.trim().is_empty() {
            let mut text = vec![line];
            let goes_on =
                |line: &&str| !line.trim().is_empty() && !line.starts_with(['|', '#', '-']);
            while let Some(more) = lines.next_if(goes_on) {
                text.push(more);
            }

            let text = unlinked(&text.join(" "));
            parts.push(match text.strip_prefix("- ") {
                Some(item) => GuidePart::Item(item.to_owned()),
                None => GuidePart::Paragraph(text),
            });
        }
    }
    parts
}

/// Splits a row of a table into its cells. In Markdown, `\|` is a stroke that ends no cell.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut letters = row.trim().trim_matches('|').chars().peekable();

    while let Some(letter) = letters.next() {
        let cell = cells.last_mut().expect("there is a cell");
        match letter {
            '\\' if letters.peek() == Some(&'|') => cell.extend(letters.next()),
            '|' => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells.iter().map(|cell| bare(cell.trim()).to_owned()).collect()
}

/// Takes away the marks of a cell that is code and nothing else: what is copied from it should work.
fn bare(cell: &str) -> &str {
    let double = cell.strip_prefix("`` ").and_then(|cell| cell.strip_suffix(" ``"));
    let single = || cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));

    match double.or_else(single) {
        Some(code) if double.is_some() || !code.contains('`') => code,
        _ => cell,
    }
}

/// Writes links as text: `[Rhai](https://rhai.rs)` becomes `Rhai (https://rhai.rs)`, and a link to another page of the
/// documentation its text alone.
fn unlinked(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else { return text.to_owned() };
    let link = rest.split_once("](").and_then(|(shown, rest)| {
        let (target, after) = rest.split_once(')')?;
        Some((shown, target, after))
    });

    match link {
        Some((shown, target, after)) if !shown.contains(['[', ']', '`']) => {
            let target =
                if target.contains("://") { format!(" ({target})") } else { String::new() };
            format!("{before}{shown}{target}{}", unlinked(after))
        }
        _ => format!("{before}[{}", unlinked(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    const GUIDE: &str = "\
# Coming from afar

Scripts are in [Rhai](https://rhai.rs/book/), see [the list](list.md) and `a[0]`. This is a sentence
that goes on.
- one
- two, which is a little longer than the other one and goes on and on and on and on and on

## Words

| Python                          | kaizen              |
|---------------------------------|---------------------|
| `[f(x) for x in items]` | `items.map(\\|x\\| f(x))` |
| `f\"Hello {name}\"` | `` `Hello ${name}` `` |
| `a`, `b` | `a \\|\\| b`, or `c`: this one explains what it means at some length, with many words |
| `await session.flow(builder.get_graph(), max_concurrent=3)` | `s.flow(g)` |

```rhai
let a = \"a line of code that is longer than any page on which this guide may ever be shown, and so on\";

print(a);
```
";

    #[test]
    fn a_guide_is_text_and_its_code_can_be_copied() {
        let shown = |width| laid_out(GUIDE, Page { width, color: false });
        expect![[r#"
            Coming from afar

            Scripts are in Rhai (https://rhai.rs/book/), see the list and `a[0]`. This is a sentence
            that goes on.

            - one

            - two, which is a little longer than the other one and goes on and on and on and on and on

            Words

            Python                                            kaizen
            [f(x) for x in items]                             items.map(|x| f(x))
            f"Hello {name}"                                   `Hello ${name}`
            `a`, `b`                                          `a || b`, or `c`: this one explains what it means
                                                              at some length, with many words
            await session.flow(builder.get_graph(), max_concurrent=3)
                                                              s.flow(g)

                let a = "a line of code that is longer than any page on which this guide may ever be shown, and so on";

                print(a);"#]].assert_eq(&shown(100));
        expect![[r#"
            Coming from afar

            Scripts are in Rhai (https://rhai.rs/book/), see the list
            and `a[0]`. This is a sentence that goes on.

            - one

            - two, which is a little longer than the other one and goes
              on and on and on and on and on

            Words

            Python                        kaizen
            [f(x) for x in items]         items.map(|x| f(x))
            f"Hello {name}"               `Hello ${name}`
            `a`, `b`                      `a || b`, or `c`: this one
                                          explains what it means at some
                                          length, with many words
            await session.flow(builder.get_graph(), max_concurrent=3)
                                          s.flow(g)

                let a = "a line of code that is longer than any page on which this guide may ever be shown, and so on";

                print(a);"#]].assert_eq(&shown(60));
        expect![[r#"
            Coming from afar

            Scripts are in Rhai
            (https://rhai.rs/book/), see the list
            and `a[0]`. This is a sentence that goes
            on.

            - one

            - two, which is a little longer than the
              other one and goes on and on and on
              and on and on

            Words

            Python
                kaizen
            [f(x) for x in items]
                items.map(|x| f(x))
            f"Hello {name}"
                `Hello ${name}`
            `a`, `b`
                `a || b`, or `c`: this one explains
                what it means at some length, with
                many words
            await session.flow(builder.get_graph(),
            max_concurrent=3)
                s.flow(g)

                let a = "a line of code that is longer than any page on which this guide may ever be shown, and so on";

                print(a);"#]].assert_eq(&shown(40));
    }

    #[test]
    fn the_guide_of_the_documentation_fits_its_page() {
        let text = include_str!("../../../docs/from-python.md");
        for width in [40, 60, 80, 100, 200] {
            let shown = laid_out(text, Page { width, color: false });
            let wide = shown.lines().filter(|line| {
                let is_word = !line.trim().contains(' ');
                !line.starts_with(INDENT) && line.chars().count() > width && !is_word
            });
            assert_eq!(wide.collect::<Vec<_>>(), [""; 0], "{width}");
            assert!(!shown.contains("\\|") && !shown.contains("\n|"), "{width}: {shown}");
        }
    }
}
