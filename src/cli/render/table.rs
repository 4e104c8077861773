//! Plain tables: columns as wide as their widest cell, two spaces between them.

use crate::base::visible::on_one_line;

/// Draws rows under a head; columns whose head starts with `>` are aligned to the right.
pub(in crate::cli) fn render(head: &[&str], rows: &[Vec<String>]) -> String {
    let safe = |row: &Vec<String>| row.iter().map(|cell| on_one_line(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(safe).collect();
    // A head that begins with `>` is of a column that stands right.
    let bare: Vec<&str> = head.iter().map(|name| name.trim_start_matches('>')).collect();

    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([bare[column].chars().count()]).max().unwrap_or(0)
    };

    let widths: Vec<usize> = (0..head.len()).map(width).collect();

    let line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let pad = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            let right = head[column].starts_with('>');
            text.push_str(&if right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") });
        }

        text.trim_end().to_owned()
    };

    let mut lines = vec![line(bare.clone())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["few_shot".into(), "40".into()], vec!["vote".into(), "5".into()]];
        assert_eq!(render(&["pattern", ">n"], &rows), "pattern    n\nfew_shot  40\nvote       5");
    }
}
