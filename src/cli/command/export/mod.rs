//! `kaizen export`: runs as JSON lines, as a table or as spans, or a copy of the whole store.

mod rows;

use crate::base::count::counted;
use crate::base::id::RunId;
use crate::base::secret::scrub;
use crate::base::visible::shown_path;
use crate::base::{own, visible};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::{gc, show};
use crate::cli::{Global, print_data, put_line, say};
use crate::journal::damage::Damage;
use crate::journal::history::{self, RunLog, RunRow};
use crate::journal::trace::Trace;
use crate::store::{self, Reader};
use crate::view::otlp;
use crate::view::span::{CONVENTIONS, SpanContent, SpanFold};
use anyhow::Context;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How runs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ExportFormat {
    /// Every event, as a line of JSON.
    Jsonl,
    /// A row for each call to a model.
    Csv,
    /// Spans in the JSON encoding of the OpenTelemetry protocol.
    Otlp,
}

/// How runs are written, and how much of them.
#[derive(Debug, Clone, Copy)]
struct ExportForm {
    format: ExportFormat,
    content: SpanContent,
}

/// The options of `export`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Runs: ids or prefixes of them, `@` for the latest, `@-1` for the one before, `@fail` for the latest
    /// failed run.
    #[arg(default_value = "@", conflicts_with_all = ["all", "store"])]
    runs: Vec<String>,
    /// Export all runs.
    #[arg(long, conflicts_with = "store")]
    all: bool,
    /// How to write runs: jsonl (every event), csv (a row for each call) or otlp (spans, as JSON lines of
    /// the OpenTelemetry protocol).
    #[arg(
        short,
        long,
        value_enum,
        default_value = "jsonl",
        conflicts_with = "store",
        hide_possible_values = true
    )]
    format: ExportFormat,
    /// With `-f otlp`: include prompts, replies, arguments, results and messages of failures. `content = true`
    /// under [otel] in kaizen.toml makes this the default.
    #[arg(long)]
    content: bool,
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
        say(&format!("error: `{}` already exists; choose another file", shown_path(output)));
        return Ok(Exit::Usage);
    }

    if arguments.store {
        let output = arguments.output.as_deref().unwrap_or(Path::new("kaizen.db"));
        return copy(global, &project, &connection, output);
    }

    // Runs may write meanwhile; what is written is all of one moment.
    let moment = store::freeze(&connection, &project.store_path())?;
    let rows = match chosen(&moment, arguments)? {
        Ok(rows) => rows,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };
    let is_shown = arguments.content || project.config.otel_content();
    let form = ExportForm {
        format: arguments.format,
        content: if is_shown { SpanContent::Shown } else { SpanContent::Left },
    };

    let orphans = if arguments.all { history::orphans(&moment)? } else { Vec::new() };
    let Some(output) = &arguments.output else {
        write(&moment, &rows, &orphans, form, &mut |line| {
            put_line(line);
            Ok(())
        })?;
        tell_conventions(global, form);
        return Ok(Exit::Ok);
    };

    // The file gets its name only when it is whole.
    let context = || format!("writing `{}`", shown_path(output));
    let draft = Draft::of(output).with_context(context)?;
    let file = own::create(&draft.path);
    let mut file = std::io::BufWriter::new(file.with_context(context)?);
    write(&moment, &rows, &orphans, form, &mut |line| writeln!(file, "{line}"))
        .with_context(context)?;
    file.flush().and_then(|()| file.get_ref().sync_all()).with_context(context)?;
    draft.publish(output).with_context(context)?;

    if !global.quiet {
        let runs = counted(rows.len(), "run", "runs");
        say(&format!("wrote {runs} to `{}`", shown_path(output)));
    }
    tell_conventions(global, form);
    Ok(Exit::Ok)
}

/// Finds the runs that are meant; the inner error says for people which one there is not.
fn chosen(moment: &Reader, arguments: &Arguments) -> anyhow::Result<Result<Vec<RunRow>, String>> {
    if arguments.all {
        let mut rows = history::runs(moment, usize::MAX)?;
        rows.reverse();
        return Ok(Ok(rows));
    }

    let mut rows: Vec<RunRow> = Vec::new();
    for name in &arguments.runs {
        match show::find(moment, name)? {
            // A run that is named twice is written once.
            Ok(row) if rows.iter().any(|known| known.id == row.id) => {}
            Ok(row) => rows.push(row),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(rows))
}

/// Says by which conventions spans are named.
fn tell_conventions(global: &Global, form: ExportForm) {
    if form.format == ExportFormat::Otlp && !global.quiet {
        say(&format!("the spans follow the OpenTelemetry semantic conventions {CONVENTIONS}"));
    }
}

/// Most spans on a line, besides those that end by the same event.
const SPANS_MAX: usize = 500;

/// Where lines go.
type LineSink<'a> = &'a mut dyn FnMut(&str) -> std::io::Result<()>;

/// Gives the lines of all runs, also of those that the list of runs lacks.
fn write(
    connection: &Reader,
    rows: &[RunRow],
    orphans: &[RunId],
    form: ExportForm,
    sink: LineSink<'_>,
) -> anyhow::Result<()> {
    if form.format == ExportFormat::Csv {
        sink(&rows::head())?;
    }
    for row in rows {
        let (log, all) = damage::read_row(connection, row)?;
        run_lines(&row.id, &log, &all, form, sink)?;
    }

    for run in orphans {
        let log = history::read(connection, run)?;
        let within = log.damage.iter().map(|(_, damage)| damage.clone());

        let all: Vec<Damage> = within.chain([Damage::NoRow { run: run.clone() }]).collect();
        damage::tell(run, &all);
        run_lines(run, &log, &all, form, sink)?;
    }

    Ok(())
}

/// Gives a run in the form that is wanted.
fn run_lines(
    run: &RunId,
    log: &RunLog,
    all: &[Damage],
    form: ExportForm,
    sink: LineSink<'_>,
) -> anyhow::Result<()> {
    match form.format {
        ExportFormat::Jsonl => lines(run, log, all, &mut |line| sink(&visible::in_json(line))),
        ExportFormat::Csv => {
            let trace = Trace::fold(&log.events);
            for line in rows::rows(&run.0, &trace) {
                sink(&visible::shown(&line))?;
            }
            Ok(())
        }
        ExportFormat::Otlp => spans(run, log, form.content, sink),
    }
}

/// Gives the spans of a run, many on a line: each line is what a collector takes as one request.
fn spans(
    run: &RunId,
    log: &RunLog,
    content: SpanContent,
    sink: LineSink<'_>,
) -> anyhow::Result<()> {
    let mut fold = SpanFold::new(run, content);
    let mut made = Vec::new();
    for (at, event) in &log.events {
        fold.see(*at, event, &mut |span| made.push(span));
        if made.len() >= SPANS_MAX {
            sink(&visible::in_json(&otlp::request(&made).to_string()))?;
            made.clear();
        }
    }

    fold.finish(&mut |span| made.push(span));
    if !made.is_empty() {
        sink(&visible::in_json(&otlp::request(&made).to_string()))?;
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
        own::publish(&self.path, output)
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
    connection: &Reader,
    output: &Path,
) -> anyhow::Result<Exit> {
    let context = || format!("writing `{}`", shown_path(output));
    let draft = Draft::of(output).with_context(context)?;
    // SQLite would take a folder that is missing for a fault of the store.
    own::create(&draft.path).with_context(context)?;
    store::copy(connection, &project.store_path(), &draft.path, output).with_context(context)?;
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
            shown_path(output),
            gc::shown(size.file)
        ));
    }
    Ok(Exit::Ok)
}
