//! `kaizen note RUN TEXT` and `kaizen label RUN LABEL..`: what people note about runs.

use crate::base::clock;
use crate::base::id::{OpId, RunId};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::show;
use crate::cli::ui::run::{BAD, GOOD};
use crate::cli::{Global, print_of_run, say};
use crate::journal::annotation::{self, Annotation, AnnotationKind, check_label, check_note};
use crate::journal::trace::Trace;
use serde_json::json;

/// The options of `note`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, `@` for the latest, `@fail` for the latest failed run. Append
    /// `:OPERATION` to add the note to that operation.
    run: String,
    /// Note. Without it and without a verdict, the notes are printed.
    text: Option<String>,
    /// Judge the answer of the operation as good, as the page does.
    #[arg(long, conflicts_with_all = ["bad", "no_verdict"])]
    good: bool,
    /// Judge the answer of the operation as bad.
    #[arg(long, conflicts_with = "no_verdict")]
    bad: bool,
    /// Remove the verdict on the operation.
    #[arg(long)]
    no_verdict: bool,
}

impl Arguments {
    /// Returns the verdict as it is kept, if one is given.
    fn verdict(&self) -> Option<&'static str> {
        match (self.good, self.bad, self.no_verdict) {
            (true, _, _) => Some(GOOD),
            (_, true, _) => Some(BAD),
            (_, _, true) => Some(""),
            (false, false, false) => None,
        }
    }
}

/// The options of `label`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct LabelArguments {
    /// Run: its id or a prefix of it, or `@` for the latest.
    run: String,
    /// Labels to add to the run.
    #[arg(required = true)]
    labels: Vec<String>,
    /// Remove the labels instead.
    #[arg(long)]
    remove: bool,
}

/// Keeps a note, or prints the notes of a run.
pub(in crate::cli) fn note(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (name, op) = match arguments.run.split_once(':') {
        Some((name, op)) => (name, Some(op)),
        None => (arguments.run.as_str(), None),
    };
    if arguments.text.is_none() && arguments.verdict().is_none() {
        return print(global, name);
    }

    let mut remarks = Vec::new();
    if let Some(text) = &arguments.text {
        if let Err(reason) = check_note(text) {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
        remarks.push((AnnotationKind::Note, text.trim().to_owned()));
    }
    if let Some(verdict) = arguments.verdict() {
        if op.is_none() {
            say(&format!("error: a verdict is about an operation; name one: `{name}:OPERATION`"));
            return Ok(Exit::Usage);
        }
        remarks.push((AnnotationKind::Verdict, verdict.to_owned()));
    }
    annotate(global, name, op, &remarks)
}

/// Puts labels on a run, or takes them off it.
pub(in crate::cli) fn label(global: &Global, arguments: &LabelArguments) -> anyhow::Result<Exit> {
    let kind = if arguments.remove { AnnotationKind::Unlabel } else { AnnotationKind::Label };
    let wrong = arguments.labels.iter().find_map(|label| check_label(label).err());
    if let Some(reason) = wrong {
        say(&format!("error: {reason}"));
        return Ok(Exit::Usage);
    }

    let all: Vec<_> =
        arguments.labels.iter().map(|label| (kind, label.trim().to_owned())).collect();
    annotate(global, &arguments.run, None, &all)
}

fn annotate(
    global: &Global,
    name: &str,
    op: Option<&str>,
    remarks: &[(AnnotationKind, String)],
) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some((run, op)) = find(&project, name, op)? else { return Ok(Exit::Usage) };
    let writer = project.start_writer()?;

    for (kind, body) in remarks {
        let remark = Annotation {
            at: clock::micros(),
            run: run.clone(),
            op,
            kind: *kind,
            body: body.clone(),
        };
        futures::executor::block_on(writer.apply(annotation::keep(remark)))?;
    }

    drop(writer);
    if global.json || global.quiet {
        return Ok(Exit::Ok);
    }
    say(&format!("noted about run {run}"));
    Ok(Exit::Ok)
}

/// Finds a run and an operation of it; says what is wrong if there is none.
fn find(
    project: &Project,
    name: &str,
    op: Option<&str>,
) -> anyhow::Result<Option<(RunId, Option<OpId>)>> {
    let Some(store) = project.store_of_runs()? else { return Ok(None) };
    let row = match show::find(&store, name)? {
        Ok(row) => row,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(None);
        }
    };

    let Some(wanted) = op else { return Ok(Some((row.id, None))) };
    let trace = Trace::fold(&damage::events(&store, &row.id)?);
    let found: Vec<OpId> = trace.find(wanted).map(|(op, _)| op).collect();
    match found[..] {
        [op] => Ok(Some((row.id, Some(op)))),
        [] => {
            say(&format!("error: run {} has no operation `{wanted}`", row.id));
            Ok(None)
        }
        [first, ..] => {
            say(&format!(
                "error: `{wanted}` is the name of {} operations; name one by its number, such as \
                 `{name}:{}`",
                found.len(),
                first.0
            ));
            Ok(None)
        }
    }
}

/// Prints the notes of a run.
fn print(global: &Global, name: &str) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some((run, _)) = find(&project, name, None)? else { return Ok(Exit::Usage) };
    let Some(store) = project.existing_store()? else { return Ok(Exit::Usage) };

    for one in annotation::of_run(&store, &run)? {
        let about = one.op.map_or(String::new(), |op| format!(" (operation {})", op.0));
        if global.json {
            let line = json!({ "at": one.at, "op": one.op, "kind": one.kind, "text": one.body });
            print_of_run(&run, line);
        } else {
            let when = crate::cli::render::time::moment(one.at);
            crate::cli::print_line(&format!("{when}  {}{about}  {}", one.kind, one.body));
        }
    }
    Ok(Exit::Ok)
}
