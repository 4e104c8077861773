//! `kaizen sql 'select ..'`: queries of the store, read-only.

use crate::base::count::counted;
use crate::base::secret::scrub;
use crate::base::visible::on_one_line;
use crate::base::{csv, visible};
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::render::table;
use crate::cli::{Global, print_data, print_line, say};
use crate::store::query::{self, QueryError, View};
use serde_json::{Map, Value};
use std::io::IsTerminal;

/// Characters of a cell on a terminal.
const CELL_MAX: usize = 60;
/// Rows that a table on a terminal shows.
const ROWS_MAX: usize = 1000;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RowFormat {
    /// A table for people; texts are cut.
    Table,
    /// Comma-separated values with a head.
    Csv,
    /// A JSON object for each row.
    Jsonl,
}

/// The options of `sql`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Query, such as "select script, count(*) from `v_runs` group by script". Without it, the views
    /// and their columns are listed.
    query: Option<String>,
    /// How to write the rows: table, csv or jsonl. Defaults to a table on a terminal, else csv.
    #[arg(short, long, value_enum, hide_possible_values = true)]
    format: Option<RowFormat>,
}

/// Answers a query.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(query) = &arguments.query else {
        list(global);
        return Ok(Exit::Ok);
    };

    let project = Project::find()?;
    let Some(store) = project.store_of_runs()? else { return Ok(Exit::Usage) };

    let usual = match (global.json, std::io::stdout().is_terminal()) {
        (true, _) => RowFormat::Jsonl,
        (false, true) => RowFormat::Table,
        (false, false) => RowFormat::Csv,
    };
    let format = arguments.format.unwrap_or(usual);
    let names = std::cell::RefCell::new(Vec::new());
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut left = 0_usize;

    let asked = query::ask(
        &store,
        query,
        &mut |head| {
            names.replace(head.to_vec());
            if format == RowFormat::Csv {
                print_raw(&csv::line(head));
            }
        },
        &mut |cells| match format {
            RowFormat::Table if rows.len() < ROWS_MAX => {
                rows.push(cells.iter().map(short).collect());
            }
            RowFormat::Table => left += 1,
            RowFormat::Csv => {
                print_raw(&csv::line(&cells.iter().map(whole).collect::<Vec<_>>()));
            }
            RowFormat::Jsonl => print_data(object(&names.borrow(), cells)),
        },
    );
    let unread = match asked {
        Ok(unread) => unread,
        Err(error) => return Ok(refuse(&error)),
    };

    if format == RowFormat::Table {
        let names = names.borrow();
        let head: Vec<&str> = names.iter().map(String::as_str).collect();
        print_line(&table::render(&head, &rows));
        if left > 0 {
            say(&format!("{left} more rows are not shown; write them with `-f csv`"));
        }
    }
    if unread > 0 {
        let events =
            counted(unread, "event that cannot be read is", "events that cannot be read are");
        say(&format!("note: {events} left out; `kaizen doctor` lists the damage"));
    }
    Ok(Exit::Ok)
}

fn refuse(error: &QueryError) -> Exit {
    if matches!(error, QueryError::OnServer) {
        say(&format!("error: {error}"));
        return Exit::Store;
    }

    let views: Vec<&str> = View::ALL.iter().map(|view| view.word()).collect();
    say(&format!("error: {error}; the views are {} (`kaizen sql` lists them)", views.join(", ")));
    Exit::Usage
}

/// Lists the views.
fn list(global: &Global) {
    for view in View::ALL {
        if global.json {
            let columns: Map<String, Value> = view
                .columns()
                .iter()
                .map(|(name, about)| ((*name).to_owned(), (*about).into()))
                .collect();
            print_data(serde_json::json!({ "view": view.word(), "columns": columns }));
            continue;
        }

        print_line(view.word());
        for (name, about) in view.columns() {
            print_line(&format!("  {name:<15}{about}"));
        }
    }
}

/// Writes a line that a program reads.
fn print_raw(line: &str) {
    crate::cli::put_line(&visible::shown(&scrub(line.trim_end_matches('\n'))));
}

fn whole(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        value => crate::base::json::as_text(value),
    }
}

fn short(value: &Value) -> String {
    let text = if value.is_null() { "-".to_owned() } else { whole(value) };
    let line = on_one_line(&text);
    match line.char_indices().nth(CELL_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

fn object(names: &[String], cells: &[Value]) -> Value {
    Value::Object(names.iter().cloned().zip(cells.iter().cloned()).collect())
}
