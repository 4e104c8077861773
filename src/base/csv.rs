//! Tables as text, with a comma, a semicolon or a tab between the fields (RFC 4180). Strict where another
//! reading would change what is in the table: a quote that is never closed is an error and no text.

use crate::base::count::counted;
/// What stands between fields, the likeliest first.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvRow {
    /// The line where it begins, from 1.
    pub line: usize,
    /// Its fields.
    pub fields: Vec<String>,
}

/// A table: the names of its columns, and its rows, each with as many fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvTable {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows below.
    pub rows: Vec<CsvRow>,
}

/// Why a text is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// It has not even a head.
    #[error("it is empty; the first line must name the columns")]
    Empty,
    /// A quote is never closed.
    #[error("line {line}: the quote that opens here is never closed")]
    OpenQuote {
        /// The line where the field begins.
        line: usize,
    },
    /// Something stands between the quote that closes a field and its end.
    #[error("line {line}: `{found}` follows a closing quote; write a quote within quotes twice")]
    AfterQuote {
        /// The line.
        line: usize,
        /// What stands there.
        found: char,
    },
    /// A row has another number of fields than the head.
    #[error("line {line} has {}, but the header has {}", counted(*found, "field", "fields"), counted(*expected, "column", "columns"))]
    Width {
        /// The line where the row begins.
        line: usize,
        /// The fields of the row.
        found: usize,
        /// The columns of the head.
        expected: usize,
    },
    /// Two columns have one name.
    #[error("columns {first} and {second} are both called `{name}`; rename one")]
    Duplicate {
        /// The name.
        name: String,
        /// The first of them, from 1.
        first: usize,
        /// The other.
        second: usize,
    },
}

/// Reads a table whose first row names the columns; rows that are empty are left out. A column without a
/// name is called by its number.
pub fn read(text: &str) -> Result<CsvTable, CsvError> {
    let mut rows = rows(text)?.into_iter();
    let head = rows.next().ok_or(CsvError::Empty)?;

    let name = |(place, name): (usize, String)| match name.trim() {
        "" => format!("column {}", place + 1),
        name => name.to_owned(),
    };
    let columns: Vec<String> = head.fields.into_iter().enumerate().map(name).collect();

    for (second, name) in columns.iter().enumerate() {
        if let Some(first) = columns[..second].iter().position(|known| known == name) {
            let name = name.clone();
            return Err(CsvError::Duplicate { name, first: first + 1, second: second + 1 });
        }
    }

    let rows: Vec<CsvRow> = rows.collect();
    let expected = columns.len();
    if let Some(row) = rows.iter().find(|row| row.fields.len() != expected) {
        return Err(CsvError::Width { line: row.line, found: row.fields.len(), expected });
    }
    Ok(CsvTable { columns, rows })
}

/// Writes one row, without its line's end.
pub fn line(fields: &[String]) -> String {
    let quoted = |field: &String| {
        let is_plain = !field.contains([',', '"', '\n', '\r']) && field.trim() == field;
        if is_plain { field.clone() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",")
}

/// Finds what stands between fields, by the first line.
fn separator(text: &str) -> char {
    let mut is_quoted = false;
    let mut counts = [0; SEPARATORS.len()];

    for letter in text.chars() {
        is_quoted ^= letter == '"';
        if letter == '\n' && !is_quoted {
            break;
        }
        if let Some(place) = SEPARATORS.iter().position(|one| *one == letter && !is_quoted) {
            counts[place] += 1;
        }
    }

    let used = counts.iter().position(|count| *count > 0);
    SEPARATORS[used.unwrap_or(0)]
}

/// Where a reader stands.
#[derive(Clone, Copy)]
enum ReadState {
    /// At the beginning of a field.
    Begin,
    /// In a field without quotes.
    Bare,
    /// In a field in quotes, since a line.
    Quoted(usize),
    /// Behind a quote in quotes: it closes the field, or the next one follows.
    Closed,
}

fn rows(text: &str) -> Result<Vec<CsvRow>, CsvError> {
    let separator = separator(text);
    let mut rows = Vec::new();
    let mut fields: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut state = ReadState::Begin;
    let mut line = 1;
    let mut began = 1;

    // A line's end after the last line closes what is open.
    let is_ended = text.ends_with('\n');
    for letter in text.chars().chain((!is_ended).then_some('\n')) {
        match (state, letter) {
            (ReadState::Quoted(_), '"') => state = ReadState::Closed,
            (ReadState::Quoted(_), letter) => field.push(letter),
            (ReadState::Begin, '"') => state = ReadState::Quoted(line),
            (ReadState::Closed, '"') => {
                field.push('"');
                state = ReadState::Quoted(line);
            }
            (_, letter) if letter == separator => {
                fields.push(std::mem::take(&mut field));
                state = ReadState::Begin;
            }
            (_, '\n') => {
                // An empty line is no row with one empty field.
                let is_blank = fields.is_empty() && field.trim().is_empty();
                let was_quoted = matches!(state, ReadState::Closed);
                fields.push(std::mem::take(&mut field));
                let fields = std::mem::take(&mut fields);
                if !is_blank || was_quoted {
                    rows.push(CsvRow { line: began, fields });
                }
                state = ReadState::Begin;
                began = line + 1;
            }
            (ReadState::Closed, ' ' | '\r') => {}
            (ReadState::Closed, found) => return Err(CsvError::AfterQuote { line, found }),
            (ReadState::Begin | ReadState::Bare, letter) => {
                field.push(letter);
                state = ReadState::Bare;
            }
        }

        line += usize::from(letter == '\n');
    }

    match state {
        ReadState::Quoted(line) => Err(CsvError::OpenQuote { line }),
        ReadState::Begin | ReadState::Bare | ReadState::Closed => Ok(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: &Expect) {
        let found = match read(text) {
            Ok(table) => {
                let mut text = format!("{:?}\n", table.columns);
                for row in table.rows {
                    text += &format!("{}: {:?}\n", row.line, row.fields);
                }
                text
            }
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn fields_hold_commas_quotes_and_line_ends_when_they_are_quoted() {
        check(
            "id,text\n1,\"a, b\"\n2,\"he said \"\"hi\"\"\nand left\"\n\n3,5\" pipe\n4,\"\"\n",
            &expect![[r#"
                ["id", "text"]
                2: ["1", "a, b"]
                3: ["2", "he said \"hi\"\nand left"]
                6: ["3", "5\" pipe"]
                7: ["4", ""]
            "#]],
        );
        check(
            "text;label\na, b;x",
            &expect![[r#"
            ["text", "label"]
            2: ["a, b", "x"]
        "#]],
        );
        check(
            "text\tlabel\na\tx\n",
            &expect![[r#"
            ["text", "label"]
            2: ["a", "x"]
        "#]],
        );
        check(
            ", text \n0,a\n",
            &expect![[r#"
            ["column 1", "text"]
            2: ["0", "a"]
        "#]],
        );
    }

    #[test]
    fn what_is_no_table_is_said_with_its_line() {
        check(
            "",
            &expect![[r#"
            it is empty; the first line must name the columns
        "#]],
        );
        check(
            "\n\n",
            &expect![[r#"
            it is empty; the first line must name the columns
        "#]],
        );
        check(
            "a,b\n",
            &expect![[r#"
            ["a", "b"]
        "#]],
        );
        check(
            "a,b\n1,2\n3\n",
            &expect![[r#"
            line 3 has 1 field, but the header has 2 columns
        "#]],
        );
        check(
            "a\n\"x\ny\"\n1,2\n",
            &expect![[r#"
            line 4 has 2 fields, but the header has 1 column
        "#]],
        );
        check(
            "a,b\n1,\"two\n3,4\n",
            &expect![[r#"
            line 2: the quote that opens here is never closed
        "#]],
        );
        check(
            "a,b\n1,\"two\" three\n",
            &expect![[r#"
            line 2: `t` follows a closing quote; write a quote within quotes twice
        "#]],
        );
        check(
            "a,b,a\n",
            &expect![[r#"
            columns 1 and 3 are both called `a`; rename one
        "#]],
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let rows = [["a, b", "x\"y", "", "two\nlines", " blank "], ["1", "2", "3", "4", "5"]];
        let text: Vec<String> = rows.iter().map(|row| line(&row.map(str::to_owned))).collect();
        let table = read(&format!("v,w,x,y,z\n{}\n", text.join("\n"))).expect("a table");
        let found: Vec<Vec<String>> = table.rows.into_iter().map(|row| row.fields).collect();
        assert_eq!(found, rows.map(|row| row.map(str::to_owned).to_vec()));
    }
}
