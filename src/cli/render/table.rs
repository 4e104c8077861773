//! Plain tables: columns as wide as their widest cell, two spaces between them.

use crate::base::visible::on_one_line;
use crate::cli::app::project::variable;
use crate::cli::render::paint::{self, Mood};
use std::borrow::{Borrow, Cow};
use std::io::IsTerminal;

/// Narrowest column that is shortened further.
const COLUMN_MIN: usize = 8;

/// The columns that say how something went.
const OUTCOMES: &[&str] = &["key", "last run", "note", "outcome", "state", "status"];
/// The columns whose texts are useless when they are cut, and how narrow they may become.
const KEPT: &[(&str, usize)] = &[
    ("name", 30),
    ("model", 9),
    ("op", 12),
    ("outcome", 14),
    ("run", 14),
    ("script", 18),
    ("started", 11),
    ("state", 13),
    ("status", 11),
];
/// The columns that are left out last.
const TELLING: &[&str] = &["name", "outcome", "script", "state", "status"];

/// A row of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct PrintedRow {
    pub(in crate::cli) cells: Vec<String>,
    /// Colours the cell that says how something went.
    pub(in crate::cli) mood: Option<Mood>,
}

impl From<Vec<String>> for PrintedRow {
    fn from(cells: Vec<String>) -> PrintedRow {
        PrintedRow { cells, mood: None }
    }
}

/// Draws rows under a head; columns whose head starts with `>` are aligned to the right. On a terminal
/// the table is no wider than the terminal.
pub(in crate::cli) fn render<R: Clone + Into<PrintedRow>>(head: &[&str], rows: &[R]) -> String {
    fitted(head, rows, terminal_width())
}

/// Finds how wide the terminal is, if there is one or somebody has said so.
pub(in crate::cli) fn terminal_width() -> Option<usize> {
    let is_terminal = std::io::stdout().is_terminal();
    let terminal =
        is_terminal.then(|| terminal_size::terminal_size_of(std::io::stdout())).flatten();
    let width = terminal.map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0);
    width.or_else(|| variable("COLUMNS").and_then(|columns| columns.parse().ok()))
}

/// Draws rows as [`render`] does, and hands over some lines at a time. Rows are made twice, so that a table of
/// any length takes little memory.
pub(in crate::cli) fn pass<R: Iterator<Item = PrintedRow>>(
    head: &[&str],
    rows: impl Fn() -> R,
    see: &mut dyn FnMut(&str),
) {
    const LINES_AT_ONCE: usize = 500;

    let table = TableLayout::of(head, rows(), terminal_width());
    let mut text = table.head();
    for (number, row) in (1..).zip(rows()) {
        if number % LINES_AT_ONCE == 0 {
            see(&std::mem::take(&mut text));
        } else {
            text.push('\n');
        }
        text.push_str(&table.line(&row));
    }

    see(&text);
    if let Some(left) = table.left_out() {
        see(&left);
    }
}

/// Draws rows in this many columns of the page: long texts are shortened, then the last columns go.
fn fitted<R: Clone + Into<PrintedRow>>(head: &[&str], rows: &[R], page: Option<usize>) -> String {
    let rows: Vec<PrintedRow> = rows.iter().cloned().map(Into::into).collect();
    let table = TableLayout::of(head, rows.iter(), page);
    let mut lines = vec![table.head()];
    lines.extend(rows.iter().map(|row| table.line(row)));
    lines.extend(table.left_out());
    lines.join("\n")
}

/// How wide the columns of a table are.
struct TableLayout<'a> {
    head: &'a [&'a str],
    /// `None` for a column that is left out.
    widths: Vec<Option<usize>>,
}

impl<'a> TableLayout<'a> {
    fn of(
        head: &'a [&'a str],
        rows: impl Iterator<Item = impl Borrow<PrintedRow>>,
        page: Option<usize>,
    ) -> TableLayout<'a> {
        let mut widths: Vec<usize> = head.iter().map(|name| bare(name).chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(&row.borrow().cells) {
                *width = on_one_line(cell).chars().count().max(*width);
            }
        }
        TableLayout { head, widths: narrowed(head, widths, page) }
    }

    fn head(&self) -> String {
        self.joined(self.head.iter().map(|name| bare(name).into()), None)
    }

    fn line(&self, row: &PrintedRow) -> String {
        self.joined(row.cells.iter().map(|cell| on_one_line(cell)), row.mood)
    }

    fn joined<'b>(&self, cells: impl Iterator<Item = Cow<'b, str>>, mood: Option<Mood>) -> String {
        let mut text = String::new();
        for ((cell, name), width) in cells.zip(self.head).zip(&self.widths) {
            let Some(width) = *width else { continue };
            let cell = shortened(&cell, width);
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            let right = name.starts_with('>');
            // Coloured last: colours take no room.
            let cell = paint::out(&cell, mood.filter(|_| OUTCOMES.contains(name)));
            text.push_str(&if right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") });
        }

        text.trim_end().to_owned()
    }

    /// Says which columns are left out, if any is.
    fn left_out(&self) -> Option<String> {
        let columns = self.head.iter().zip(&self.widths);
        let left: Vec<&str> =
            columns.filter(|(_, width)| width.is_none()).map(|(name, _)| bare(name)).collect();
        (!left.is_empty()).then(|| format!("(no room for: {})", left.join(", ")))
    }
}

/// Returns a head without the sign that its column stands right.
fn bare(name: &str) -> &str {
    name.trim_start_matches('>')
}

/// Decides how wide each column is; `None` for one that is left out.
fn narrowed(head: &[&str], widths: Vec<usize>, page: Option<usize>) -> Vec<Option<usize>> {
    let whole: Vec<Option<usize>> = widths.into_iter().map(Some).collect();
    let Some(page) = page else { return whole };

    // With each column that is left out, the others have all the room again.
    let mut kept = whole.clone();
    loop {
        let widths = shrunk(head, kept.clone(), page);
        if total(&widths) <= page {
            return widths;
        }
        match least_telling(head, &kept) {
            Some(column) => kept[column] = None,
            None => return widths,
        }
    }
}

/// Returns how wide a table is.
fn total(widths: &[Option<usize>]) -> usize {
    widths.iter().flatten().map(|width| width + 2).sum::<usize>().saturating_sub(2)
}

/// Finds the column that is left out next: the last one, of those that tell least.
fn least_telling(head: &[&str], widths: &[Option<usize>]) -> Option<usize> {
    let is_there = |column: &usize| widths[*column].is_some();
    let all = || (1..head.len()).rev().filter(is_there);
    all().find(|column| !TELLING.contains(&head[*column])).or_else(|| all().next())
}

/// Shortens the longest texts until the table fits the page, or no text can be shorter.
fn shrunk(head: &[&str], mut widths: Vec<Option<usize>>, page: usize) -> Vec<Option<usize>> {
    let least = |column: usize| {
        let kept = KEPT.iter().find(|(name, _)| *name == head[column]);
        // A head that is cut names nothing.
        kept.map_or(COLUMN_MIN.max(head[column].chars().count()), |(_, least)| *least)
    };

    while total(&widths) > page {
        // A number that is cut would be another number, so only texts are shortened.
        let texts = (0..widths.len()).filter(|column| !head[*column].starts_with('>'));
        let texts =
            texts.filter(|column| widths[*column].is_some_and(|width| width > least(*column)));
        let widest = texts.max_by_key(|column| widths[*column]);
        let Some((column, width)) = widest.and_then(|column| Some((column, widths[column]?)))
        else {
            break;
        };
        widths[column] = Some(width - 1);
    }

    widths
}

fn shortened(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows: Vec<Vec<String>> =
            vec![vec!["few_shot".into(), "40".into()], vec!["vote".into(), "5".into()]];
        assert_eq!(render(&["pattern", ">n"], &rows), "pattern    n\nfew_shot  40\nvote       5");
    }

    #[test]
    fn a_narrow_page_shortens_texts_and_then_drops_columns() {
        let rows: Vec<Vec<String>> = vec![
            vec![
                "01J9".into(),
                "completed".into(),
                "$0.0012".into(),
                "scripts/comparison.rhai".into(),
            ],
            vec!["01JA".into(), "failed".into(), "$12.500".into(), "main.rhai".into()],
        ];
        let head = ["run", "status", ">cost", "script"];
        let shown = |page| fitted(&head, &rows, Some(page));

        expect_test::expect![[r#"
            run   status        cost  script
            01J9  completed  $0.0012  scripts/comparison.rhai
            01JA  failed     $12.500  main.rhai"#]]
        .assert_eq(&shown(80));
        expect_test::expect![[r#"
            run   status     script
            01J9  completed  scripts/comparison.rhai
            01JA  failed     main.rhai
            (no room for: cost)"#]]
        .assert_eq(&shown(40));
        expect_test::expect![[r#"
            run   status
            01J9  completed
            01JA  failed
            (no room for: cost, script)"#]]
        .assert_eq(&shown(24));
    }

    #[test]
    fn what_tells_most_is_left_out_last() {
        let runs: Vec<Vec<String>> = vec![
            [
                "1m8dfc67b125s0",
                "11-26 10:42",
                "3 min 5 s",
                "completed",
                "40",
                "$0.0012",
                "scripts/main.rhai",
            ]
            .map(str::to_owned)
            .to_vec(),
        ];
        let head = ["run", "started", ">took", "status", ">calls", ">cost", "script"];
        expect_test::expect![[r#"
            run             started      status     script
            1m8dfc67b125s0  11-26 10:42  completed  scripts/main.rhai
            (no room for: took, calls, cost)"#]]
        .assert_eq(&fitted(&head, &runs, Some(60)));

        let models: Vec<Vec<String>> = vec![
            ["(default: no other is set up)", "demo/echo", "-", "as set", "demo, offline"]
                .map(str::to_owned)
                .to_vec(),
        ];
        let head = ["name", "model", "server", "price per 1M", "state"];
        expect_test::expect![[r#"
            name                           model      state
            (default: no other is set up)  demo/echo  demo, offline
            (no room for: server, price per 1M)"#]]
        .assert_eq(&fitted(&head, &models, Some(60)));
    }
}
