//! `kaizen export`: runs as JSON lines, or a copy of the whole store.

use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::cli::{Global, gc, print_line, say, show};
use crate::journal::history::{self, RunRow};
use crate::store::{self, Connection};
use anyhow::Context;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The options of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run: its id or the start of it, or `@` for the last one.
    #[arg(default_value = "@", conflicts_with_all = ["all", "store"])]
    run: String,
    /// Every run.
    #[arg(long, conflicts_with = "store")]
    all: bool,
    /// Copy the whole store as it is at this moment, with what was learned; runs under way go on.
    /// To restore it, put the copy in the place of `.kaizen/kaizen.db` while nothing runs.
    #[arg(long)]
    store: bool,
    /// The file to write; without one, stdout.
    #[arg(short, long, value_name = "FILE", required_if_eq("store", "true"))]
    output: Option<PathBuf>,
}

/// Writes what was asked for.
pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(connection) = project.existing_store()? else {
        say("error: there is no run yet to export");
        return Ok(Exit::Usage);
    };
    if let Some(output) = arguments.output.as_deref().filter(|output| output.exists()) {
        say(&format!("error: `{}` is there already; name another file", output.display()));
        return Ok(Exit::Usage);
    }
    if arguments.store {
        let output = arguments.output.as_deref().unwrap_or(Path::new("kaizen.db"));
        return copy(global, &project, &connection, output);
    }
    let rows = if arguments.all {
        let mut rows = history::runs(&connection, usize::MAX)?;
        rows.reverse();
        rows
    } else {
        match show::find(&connection, &arguments.run)? {
            Ok(row) => vec![row],
            Err(reason) => {
                say(&format!("error: {reason}"));
                return Ok(Exit::Usage);
            }
        }
    };
    let Some(output) = &arguments.output else {
        for row in &rows {
            lines(&connection, row, &mut |line| {
                print_line(line);
                Ok(())
            })?;
        }
        return Ok(Exit::Ok);
    };
    let context = || format!("writing `{}`", output.display());
    let mut file = std::io::BufWriter::new(std::fs::File::create(output).with_context(context)?);
    for row in &rows {
        lines(&connection, row, &mut |line| writeln!(file, "{line}")).with_context(context)?;
    }
    file.flush().with_context(context)?;
    if !global.quiet {
        let runs =
            if rows.len() == 1 { "1 run".to_owned() } else { format!("{} runs", rows.len()) };
        say(&format!("wrote {runs} to `{}`", output.display()));
    }
    Ok(Exit::Ok)
}

/// Gives every event of a run as a line of JSON: the run, the time in microseconds since 1970, and
/// the event as it is journaled.
fn lines(
    connection: &Connection,
    row: &RunRow,
    write: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    for (at, event) in history::events(connection, &row.id)? {
        write(&json!({ "run": row.id, "at": at, "event": event }).to_string())?;
    }
    Ok(())
}

fn copy(
    global: &Global,
    project: &Project,
    connection: &Connection,
    output: &Path,
) -> anyhow::Result<Exit> {
    store::copy(connection, &project.store_path(), output)?;
    let copied = store::open(output)?;
    store::check(&copied, output)?;
    let size = store::size(&copied, output)?;
    if global.json {
        print_line(&json!({ "written": output, "bytes": size.file }).to_string());
    } else if !global.quiet {
        say(&format!(
            "copied the store to `{}` ({}), sound",
            output.display(),
            gc::shown(size.file)
        ));
    }
    Ok(Exit::Ok)
}
