//! `kaizen export`: runs as JSON lines, or a copy of the whole store.

use crate::base::count::counted;
use crate::base::id::RunId;
use crate::base::secret::scrub;
use crate::base::{own, visible};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::{gc, show};
use crate::cli::{Global, print_data, put_line, say};
use crate::journal::damage::Damage;
use crate::journal::history::{self, RunLog, RunRow};
use crate::store::{self, Connection};
use anyhow::Context;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The options of `export`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, or `@` for the latest run.
    #[arg(default_value = "@", conflicts_with_all = ["all", "store"])]
    run: String,
    /// Export all runs.
    #[arg(long, conflicts_with = "store")]
    all: bool,
    /// Copy the whole store, including what was learned. Active runs continue. To restore the copy,
    /// stop all kaizen processes of the project, remove `.kaizen/kaizen.db-wal`, `-shm` and `-mark` if
    /// they exist, and replace `.kaizen/kaizen.db` with the copy.
    #[arg(long)]
    store: bool,
    /// File to write. Defaults to stdout.
    #[arg(short, long, value_name = "FILE", required_if_eq("store", "true"))]
    output: Option<PathBuf>,
}

/// Writes what was asked for.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(connection) = project.existing_store()? else {
        say("error: no run to export");
        return Ok(Exit::Usage);
    };

    if let Some(output) = arguments.output.as_deref()
        && output.symlink_metadata().is_ok()
    {
        say(&format!("error: `{}` already exists; choose another file", output.display()));
        return Ok(Exit::Usage);
    }

    if arguments.store {
        let output = arguments.output.as_deref().unwrap_or(Path::new("kaizen.db"));
        return copy(global, &project, &connection, output);
    }

    // Runs may write meanwhile; what is written is all of one moment.
    let moment = store::freeze(&connection, &project.store_path())?;
    let rows = if arguments.all {
        let mut rows = history::runs(&moment, usize::MAX)?;
        rows.reverse();
        rows
    } else {
        match show::find(&moment, &arguments.run)? {
            Ok(row) => vec![row],
            Err(reason) => {
                say(&format!("error: {reason}"));
                return Ok(Exit::Usage);
            }
        }
    };

    let orphans = if arguments.all { history::orphans(&moment)? } else { Vec::new() };
    let Some(output) = &arguments.output else {
        write(&moment, &rows, &orphans, &mut |line| {
            put_line(&visible::in_json(line));
            Ok(())
        })?;
        return Ok(Exit::Ok);
    };

    // The file gets its name only when it is whole.
    let context = || format!("writing `{}`", output.display());
    let draft = Draft::of(output).with_context(context)?;
    let file = own::create(&draft.path);
    let mut file = std::io::BufWriter::new(file.with_context(context)?);
    write(&moment, &rows, &orphans, &mut |line| writeln!(file, "{}", visible::in_json(line)))
        .with_context(context)?;
    file.flush().and_then(|()| file.get_ref().sync_all()).with_context(context)?;
    draft.publish(output).with_context(context)?;

    if !global.quiet {
        let runs = counted(rows.len(), "run", "runs");
        say(&format!("wrote {runs} to `{}`", output.display()));
    }
    Ok(Exit::Ok)
}

/// Where lines go.
type LineSink<'a> = &'a mut dyn FnMut(&str) -> std::io::Result<()>;

/// Gives the lines of all runs, also of those that the list of runs lacks.
fn write(
    connection: &Connection,
    rows: &[RunRow],
    orphans: &[RunId],
    sink: LineSink<'_>,
) -> anyhow::Result<()> {
    for row in rows {
        let (log, all) = damage::read_row(connection, row)?;
        lines(&row.id, &log, &all, sink)?;
    }

    for run in orphans {
        let log = history::read(connection, run)?;
        let within = log.damage.iter().map(|(_, damage)| damage.clone());

        let all: Vec<Damage> = within.chain([Damage::NoRow { run: run.clone() }]).collect();
        damage::tell(run, &all);
        lines(run, &log, &all, sink)?;
    }

    Ok(())
}

/// Gives every event of a run as a line of JSON: the run, the time in microseconds since 1970, and
/// the event as it is journaled. What is damaged stands in its place, with what is wrong and, if
/// there is one, the event's text as it is.
fn lines(run: &RunId, log: &RunLog, all: &[Damage], write: LineSink<'_>) -> anyhow::Result<()> {
    let mut damage = log.damage.iter().peekable();
    for (index, (at, event)) in log.events.iter().enumerate() {
        while let Some((_, damage)) = damage.next_if(|(before, _)| *before <= index) {
            write(&damaged(damage).to_string())?;
        }

        let event = event.clone().without_secrets();
        write(&json!({ "run": run, "at": at, "event": event }).to_string())?;
    }

    // The rest concerns the end of the run, and the run as a whole.
    for damage in damage.map(|(_, damage)| damage) {
        write(&damaged(damage).to_string())?;
    }
    for damage in all.iter().filter(|one| log.damage.iter().all(|(_, known)| known != *one)) {
        write(&damaged(damage).to_string())?;
    }

    Ok(())
}

/// Makes a line of something that is damaged.
fn damaged(damage: &Damage) -> Value {
    let mut line = json!({ "run": damage.run(), "damage": scrub(&damage.to_string()) });
    if let Damage::Unreadable { seq, body, .. } = damage {
        line["seq"] = seq.clone().into();
        line["body"] = scrub(body).into();
    }
    line
}

/// A file that is being written beside the one that is wanted, and is gone unless it becomes that.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn of(output: &Path) -> io::Result<Draft> {
        let output = std::path::absolute(output)?;
        let name = output.file_name().ok_or_else(|| io::Error::other("it is not a file name"))?;
        let draft = own::draft_name(name);

        Ok(Draft { path: output.with_file_name(draft) })
    }

    /// Puts the file in its place, where nothing may be.
    fn publish(self, output: &Path) -> io::Result<()> {
        match std::fs::hard_link(&self.path, output) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Not every file system knows links.
            Err(_) if output.symlink_metadata().is_err() => std::fs::rename(&self.path, output),
            linked => linked,
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.path.clone().into_os_string();
            name.push(ending);
            // Most of them do not exist.
            let _ = std::fs::remove_file(name);
        }
    }
}

fn copy(
    global: &Global,
    project: &Project,
    connection: &Connection,
    output: &Path,
) -> anyhow::Result<Exit> {
    let context = || format!("writing `{}`", output.display());
    let draft = Draft::of(output).with_context(context)?;
    store::copy(connection, &project.store_path(), &draft.path).with_context(context)?;
    let copied = store::open(&draft.path).with_context(context)?;
    store::check(&copied, &draft.path)?;

    let size = store::size(&copied, &draft.path)?;
    // Its log goes into it, so that one file is the whole copy.
    drop(copied);
    draft.publish(output).with_context(context)?;

    if global.json {
        let written = output.display().to_string();
        print_data(json!({ "written": written, "bytes": size.file }));
    } else if !global.quiet {
        say(&format!(
            "copied the store to `{}` ({}); the copy is intact",
            output.display(),
            gc::shown(size.file)
        ));
    }
    Ok(Exit::Ok)
}
