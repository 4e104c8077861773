//! `kaizen note RUN TEXT` and `kaizen label RUN LABEL..`: what people note about runs.

use crate::base::clock;
use crate::base::id::{OpId, RunId};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::op_list::OpList;
use crate::cli::command::show;
use crate::cli::ui::run::verdict_word;
use crate::cli::{Global, print_of_run, say};
use crate::journal::annotation::{self, Annotation, AnnotationKind, check_label, check_note};
use crate::optimizer::evidence::knowledge::amendment::{self, AnswerVerdict, VerdictEffect};
use crate::optimizer::trial::executed::ExecutedFlows;
use serde_json::json;

/// The options of `note`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, `@` for the latest, `@fail` for the latest failed run. Append
    /// `:OPERATION` to add the note to that operation.
    run: String,
    /// Text of the note. Without a text and a verdict, the notes are printed.
    text: Option<String>,
    /// Mark the answer of the operation as good, like the button on the page. If `o.run` or `compare` executed the
    /// operation, the optimizer learns from it.
    #[arg(long, conflicts_with_all = ["bad", "no_verdict"])]
    good: bool,
    /// Mark the answer of the operation as bad.
    #[arg(long, conflicts_with = "no_verdict")]
    bad: bool,
    /// Remove the verdict on the operation.
    #[arg(long)]
    no_verdict: bool,
}

impl Arguments {
    /// Returns the verdict, if one is given.
    fn verdict(&self) -> Option<VerdictChoice> {
        match (self.good, self.bad, self.no_verdict) {
            (true, _, _) => Some(VerdictChoice::Good),
            (_, true, _) => Some(VerdictChoice::Bad),
            (_, _, true) => Some(VerdictChoice::None),
            (false, false, false) => None,
        }
    }
}

/// What a person says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VerdictChoice {
    Good,
    Bad,
    /// The verdict so far is taken back.
    None,
}

impl VerdictChoice {
    fn is_good(self) -> Option<bool> {
        match self {
            VerdictChoice::Good => Some(true),
            VerdictChoice::Bad => Some(false),
            VerdictChoice::None => None,
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
        let word = verdict_word(verdict.is_good());
        remarks.push((AnnotationKind::Verdict, word.to_owned()));
    }
    annotate(global, (name, op), &remarks, arguments.verdict())
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
    annotate(global, (&arguments.run, None), &all, None)
}

fn annotate(
    global: &Global,
    (name, op): (&str, Option<&str>),
    remarks: &[(AnnotationKind, String)],
    verdict: Option<VerdictChoice>,
) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(NotedPlace { run, op, execution }) = find(&project, name, op, verdict.is_some())?
    else {
        return Ok(Exit::Usage);
    };
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

    let effect = match (execution, verdict) {
        (Some(execution), Some(verdict)) => {
            let good = verdict.is_good();
            let at = clock::micros() / 1000;
            let verdict = AnswerVerdict { execution, at, run: run.clone(), good };
            Some(futures::executor::block_on(amendment::keep(&writer, verdict))?)
        }
        _ => None,
    };

    drop(writer);
    if global.json || global.quiet {
        return Ok(Exit::Ok);
    }
    let learned = verdict.map_or("", |_| effect_sentence(effect));
    say(&format!("noted about run {run}{learned}"));
    Ok(Exit::Ok)
}

/// Says what the optimizer makes of a verdict.
fn effect_sentence(effect: Option<VerdictEffect>) -> &'static str {
    match effect {
        Some(VerdictEffect::Learned) => "; the optimizer learns from it",
        Some(VerdictEffect::Known) => "; the optimizer knew this verdict",
        Some(VerdictEffect::Demo) => "; nothing is learned from answers of the demo model",
        Some(VerdictEffect::NotCounted) => {
            "; nothing is learned, because the pattern is not to blame for the failure"
        }
        Some(VerdictEffect::NotRecorded) | None => {
            "; nothing is learned, because `o.run` or `compare` has not recorded the operation"
        }
    }
}

/// What a remark is about.
struct NotedPlace {
    run: RunId,
    op: Option<OpId>,
    /// The execution that the operation belongs to, if it belongs to one.
    execution: Option<String>,
}

/// Finds a run and an operation of it; says what is wrong if there is none. A verdict on a run is one on its
/// only execution.
fn find(
    project: &Project,
    name: &str,
    op: Option<&str>,
    is_verdict: bool,
) -> anyhow::Result<Option<NotedPlace>> {
    let Some(store) = project.store_of_runs()? else { return Ok(None) };
    let row = match show::find(&store, name)? {
        Ok(row) => row,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(None);
        }
    };
    let run = row.id.clone();
    if op.is_none() && !is_verdict {
        return Ok(Some(NotedPlace { run, op: None, execution: None }));
    }

    let mut list = OpList::default();
    let mut executed = ExecutedFlows::default();
    damage::pass_short(&store, &row, &mut |_, at, event| {
        list.see(at, &event);
        executed.see(&event);
    })?;
    list.finish();

    let found = match op {
        Some(wanted) => {
            list.lines.keys().copied().filter(|op| list.is_named(*op, wanted)).collect()
        }
        None => executed_ops(&list, &executed),
    };
    let Ok([op]) = <[OpId; 1]>::try_from(found.clone()) else {
        say(&format!("error: {}", ambiguous(&run, name, op, &found)));
        return Ok(None);
    };

    let flow = list.trace.roster.get(op).map(|member| member.flow);
    let execution = flow.and_then(|flow| executed.of_flow(flow)).map(str::to_owned);
    Ok(Some(NotedPlace { run, op: Some(op), execution }))
}

/// Returns the operations that were executions of patterns.
fn executed_ops(list: &OpList, executed: &ExecutedFlows) -> Vec<OpId> {
    let flows = executed.flows().filter_map(|flow| list.trace.flows.get(&flow));
    flows.filter_map(|flow| flow.ops.first().copied()).collect()
}

/// Says why it is not clear which operation is meant.
fn ambiguous(run: &RunId, name: &str, wanted: Option<&str>, found: &[OpId]) -> String {
    match (wanted, found) {
        (Some(wanted), []) => format!("run {run} has no operation `{wanted}`"),
        (Some(wanted), [first, ..]) => format!(
            "`{wanted}` is the name of {} operations; name one by its number, such as `{name}:{}`",
            found.len(),
            first.0
        ),
        (None, []) => {
            format!("a verdict is about an operation; name one: `{name}:OPERATION`")
        }
        (None, [first, ..]) => format!(
            "run {run} has executed {} patterns; name one by the number of its operation, such as \
             `{name}:{}`",
            found.len(),
            first.0
        ),
    }
}

/// Prints the notes of a run.
fn print(global: &Global, name: &str) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(NotedPlace { run, .. }) = find(&project, name, None, false)? else {
        return Ok(Exit::Usage);
    };
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
