//! `kaizen replay RUN`: goes through a run again as it was journaled. No model is called, nothing is
//! written; a request that the run has not made is an error.

use crate::base::count::counted;
use crate::base::failure::{Failure, Kind};
use crate::base::file;
use crate::base::id::RunId;
use crate::base::secret::scrub;
use crate::base::visible::{hanging, shown_path};
use crate::cli::app::exit::Exit;
use crate::cli::app::job::ScriptJob;
use crate::cli::app::permissions::Grants;
use crate::cli::app::project::Project;
use crate::cli::app::resumed::ResumedRun;
use crate::cli::app::signal::Signals;
use crate::cli::app::{damage, resumed, signal, trust};
use crate::cli::command::run::{block_on, printer};
use crate::cli::command::show;
use crate::cli::render::diagnostic;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::cli::{Global, print_of_run, say};
use crate::executor::Executor;
use crate::executor::replies::reuse::Reuse;
use crate::journal::Journal;
use crate::journal::event::{RunKind, RunStatus};
use crate::journal::history::{self, RunRow};
use crate::journal::past::Failures;
use crate::journal::trace::{RunEnd, Trace};
use crate::script::diagnostic::of_failure;
use crate::script::{ScriptError, Sink, State};
use crate::store::durability::Durability;
use crate::store::{self, Reader, writer::Writer};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::rc::Rc;

/// Most runs that `--all` goes through, the newest first.
const RUNS_MAX: usize = 1000;

/// The options of `replay`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, or `@` for the latest run.
    #[arg(default_value = "@", conflicts_with = "all")]
    run: String,
    /// Replay every finished run and report which ones diverge.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    grants: Grants,
}

/// How a replay went.
enum ReplayResult {
    /// As the run did.
    Same {
        /// How many replies were used.
        replies: u64,
    },
    /// Another way.
    Otherwise(String),
    /// It cannot be told.
    Unknown(String),
    /// A signal ended the replay.
    Interrupted(Exit),
}

/// Goes through one run, or all.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut project = Project::find()?;
    trust::ensure(&project, false)?;
    project.grants = arguments.grants.clone();

    let Some(store) = project.existing_store()? else {
        say("error: no run to replay");
        return Ok(Exit::Usage);
    };
    if arguments.all {
        return all(global, &project, &store);
    }

    let row = match show::find(&store, &arguments.run)? {
        Ok(row) => row,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };

    let run = row.id.clone();
    let signals = signal::watch()?;
    let went = replay(global, &project, &store, &row, (true, &signals))?;
    tell(global, &run, &went);

    Ok(match went {
        ReplayResult::Same { .. } => Exit::Ok,
        ReplayResult::Otherwise(_) => Exit::Diverged,
        ReplayResult::Unknown(_) => Exit::Refused,
        ReplayResult::Interrupted(exit) => exit,
    })
}

fn all(global: &Global, project: &Project, store: &Reader) -> anyhow::Result<Exit> {
    let rows = history::runs(store, RUNS_MAX)?;
    let mut same = 0;
    let mut otherwise = 0;
    let mut unknown = 0;
    let mut caught = None;
    let signals = signal::watch()?;

    for row in
        rows.into_iter().filter(|row| matches!(row.status, Some(RunStatus::Ok | RunStatus::Failed)))
    {
        let run = row.id.clone();
        let went = replay(global, project, store, &row, (false, &signals))?;

        match &went {
            ReplayResult::Same { .. } => same += 1,
            ReplayResult::Otherwise(_) => otherwise += 1,
            ReplayResult::Unknown(_) => unknown += 1,
            ReplayResult::Interrupted(exit) => {
                caught = Some(*exit);
                break;
            }
        }

        if global.json || !matches!(went, ReplayResult::Same { .. }) {
            tell(global, &run, &went);
        }
    }

    say(&format!(
        "{} replayed identically, {otherwise} diverged, {unknown} could not be replayed",
        counted(same, "run", "runs")
    ));

    if caught.is_some() {
        say("interrupted; the other runs were not replayed");
    }
    Ok(caught.unwrap_or(if otherwise > 0 { Exit::Diverged } else { Exit::Ok }))
}

fn tell(global: &Global, run: &RunId, went: &ReplayResult) {
    let (word, mood, text) = match went {
        ReplayResult::Same { replies } => {
            let replies = counted(*replies, "reply", "replies");
            ("same", Some(Mood::Good), format!("{replies}, no calls"))
        }
        ReplayResult::Otherwise(reason) => ("diverged", Some(Mood::Bad), reason.clone()),
        ReplayResult::Unknown(reason) => ("unknown", None, reason.clone()),
        ReplayResult::Interrupted(_) => ("unknown", None, "it was interrupted".to_owned()),
    };

    if global.json {
        print_of_run(run, json!({ "type": "replay", "went": word, "text": text }));
    } else if !global.quiet || !matches!(went, ReplayResult::Same { .. }) {
        let went = paint::err(word, mood);
        say(&format!("replay of run {run}: {went}: {}", hanging(&text)));
    }
}

/// Goes through one run until a signal comes; with `shown`, what the script prints is shown.
fn replay(
    global: &Global,
    project: &Project,
    store: &Reader,
    row: &RunRow,
    (shown, signals): (bool, &Signals),
) -> anyhow::Result<ReplayResult> {
    let log = damage::read(store, &row.id)?;
    if let Some((_, damage)) = log.damage.first() {
        return Ok(ReplayResult::Unknown(format!("its journal is damaged: {damage}")));
    }
    let Some(ended) = Trace::fold(&log.events).end else {
        return Ok(ReplayResult::Unknown("it has not finished".to_owned()));
    };

    let resumed = match resumed::read(store, row, Failures::Replayed)? {
        Ok(resumed) => resumed.found_from(&project.root),
        Err(reason) => return Ok(ReplayResult::Unknown(reason)),
    };

    match resumed.what {
        RunKind::Script => {}
        RunKind::Session => {
            return Ok(ReplayResult::Unknown(
                "sessions of `kaizen repl` cannot be replayed".to_owned(),
            ));
        }
        RunKind::Comparison => {
            let reason = "comparison runs cannot be replayed";
            return Ok(ReplayResult::Unknown(reason.to_owned()));
        }
    }

    let mut project = project.clone();
    project.set_terms(resumed.terms.clone())?;
    let text = match file::read_text(&resumed.script) {
        Ok(text) => text,
        Err(error) => {
            let script = shown_path(&resumed.script);
            return Ok(ReplayResult::Unknown(format!("its script `{script}`: {error}")));
        }
    };

    let under = (shown, signals);
    block_on(go_through(global, &project, resumed, &text, &ended, under))?
}

async fn go_through(
    global: &Global,
    project: &Project,
    mut resumed: ResumedRun,
    text: &str,
    ended: &RunEnd,
    (shown, signals): (bool, &Signals),
) -> anyhow::Result<ReplayResult> {
    let seed = resumed.seed;
    let models = Rc::new(project.models(seed)?);
    let script = resumed.script.clone();
    for dropped in resumed.drop_parameters(project, &models, (&script, text), &Map::new())? {
        if shown {
            say(&format!("note: {dropped}"));
        }
    }

    let reuse = Rc::new(Reuse::replaying(resumed.replies));
    let job = ScriptJob {
        global,
        project,
        script: &script,
        params: resumed.params,
        seed,
        models,
        writer: Rc::new(Writer::start(
            store::open_in_memory()?,
            Path::new(":memory:"),
            Durability::Process,
        )?),
        reuse: None,
        state: State::default(),
        resumes: None,
        takes_over: None,
        again: None,
        may_ask: false,
        may_suspend: false,
    };

    // Nothing of a replay is kept, so its journal is off.
    let concurrency = project.config.concurrency();
    let executor = Executor::new(Journal::off(resumed.run), seed, concurrency)
        .reusing(reuse.clone())
        .retelling(resumed.again.past, resumed.again.lineage)
        .reporting(resumed.again.figures);

    let progress = Progress::new(ProgressMode::None, false);
    let print = printer_of(global, shown, &reuse);
    let open = job.open_with(executor, progress, signals.flag(), print)?;

    let program = match open.host.compile(text) {
        Ok(program) => program,
        Err(ScriptError::Refused(faults)) => {
            let first = faults.first().map_or("", |fault| fault.message.as_str());
            return Ok(ReplayResult::Otherwise(format!("the script now has errors: {first}")));
        }
        Err(other) => anyhow::bail!("cannot read the script: {other:?}"),
    };

    let result = open.host.run(&program).await;
    if let Some(exit) = signals.seen() {
        return Ok(ReplayResult::Interrupted(exit));
    }
    let went = judge(global, &open.executor, &reuse, result, ended, shown)?;

    // The run may have had grants that this replay does not have.
    Ok(match (went, open.host.refused()) {
        (ReplayResult::Otherwise(reason), Some(refused)) => {
            ReplayResult::Otherwise(format!("{reason}; {refused} if the run had that permission"))
        }
        (went, _) => went,
    })
}

/// Returns what shows what a replayed script prints. Of one that has gone another way, nothing more is shown: it was
/// never printed.
fn printer_of(global: &Global, shown: bool, reuse: &Rc<Reuse>) -> Sink {
    if !shown {
        return Rc::new(|_: &str| {});
    }
    let show = printer(global);
    let reuse = reuse.clone();
    Rc::new(move |text: &str| {
        if reuse.diverged().is_none() {
            show(text);
        }
    })
}

/// Compares how a script ended with how the run ended.
fn judge(
    global: &Global,
    executor: &Executor,
    reuse: &Reuse,
    result: Result<Value, ScriptError>,
    ended: &RunEnd,
    shown: bool,
) -> anyhow::Result<ReplayResult> {
    if reuse.gave_up() {
        let reason = "it cancelled a call, and its journal does not record when";
        return Ok(ReplayResult::Unknown(reason.to_owned()));
    }

    // Where a run was interrupted is not journaled: it was somewhere after its last event.
    // One that was suspended had come to what it waits for.
    let status = ended.status;
    let is_cut = matches!(status, RunStatus::Interrupted | RunStatus::Waiting);
    if is_cut && !executor.turns().is_retelling() {
        return Ok(ReplayResult::Same { replies: executor.reused() });
    }

    if let Some(failure) = reuse.diverged() {
        if shown {
            let fault = match result {
                Err(ScriptError::Failed(both)) if both.0.kind == failure.kind => both.1,
                _ => of_failure(&failure),
            };
            say(&diagnostic::render(&fault, global.color));
        }
        return Ok(ReplayResult::Otherwise(failure.message));
    }

    let mut failed = None;
    let (now, given) = match result {
        Ok(given) if executor.unforgiven() == 0 => (RunStatus::Ok, given),
        Ok(given) => (RunStatus::Failed, given),
        Err(ScriptError::Failed(both)) if both.0.kind == Kind::Interrupted => {
            return Ok(ReplayResult::Unknown("it was interrupted".to_owned()));
        }
        Err(ScriptError::Failed(both)) => {
            failed = Some(both.0);
            (RunStatus::Failed, Value::Null)
        }
        Err(ScriptError::Store(error)) => return Err(error.into()),
        Err(ScriptError::Suspended(_)) => (RunStatus::Waiting, Value::Null),
        Err(ScriptError::Refused(_)) => {
            return Ok(ReplayResult::Otherwise("the script now has errors".to_owned()));
        }
    };

    if now != status {
        return Ok(ReplayResult::Otherwise(format!(
            "it now ends with status `{now}`; it ended with `{status}` before"
        )));
    }
    if given != ended.value {
        return Ok(ReplayResult::Otherwise(format!(
            "it now returns {given}; it returned {} before",
            ended.value
        )));
    }
    if let Some(reason) = other_failure(failed.as_ref(), ended.failure.as_ref()) {
        return Ok(ReplayResult::Otherwise(reason));
    }
    // A run that goes on from another one need not do all that was done before it.
    let is_whole = executor.origin() == executor.journal().run();
    if is_whole && executor.turns().is_retelling() {
        let reason = "it now does less: not all that the run was told was asked for";
        return Ok(ReplayResult::Otherwise(reason.to_owned()));
    }

    Ok(ReplayResult::Same { replies: executor.reused() })
}

/// Says how a script fails now, if it failed in another way before. The journal has no secrets.
fn other_failure(now: Option<&Failure>, then: Option<&Failure>) -> Option<String> {
    let (now, then) = now.zip(then)?;
    let message = scrub(&now.message);
    // What kaizen itself says of a failure depends on what can be done about it, which a replay cannot do.
    let is_own = matches!(now.kind, Kind::Thrown | Kind::Script);
    let is_same = now.kind == then.kind && (!is_own || *message == *then.message);
    let said = || {
        format!(
            "it now fails with `{}: {message}`; it failed with `{}: {}` before",
            now.kind, then.kind, then.message
        )
    };
    (!is_same).then(said)
}
