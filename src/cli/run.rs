//! `kaizen run SCRIPT`: runs a workflow to its end.

use crate::base::rng::Rng;
use crate::cli::exit::Exit;
use crate::cli::job::{End, Job};
use crate::cli::project::Project;
use crate::cli::render::progress::{Mode, Progress};
use crate::cli::terminal::Terminal;
use crate::cli::{Global, plan, print_line, say, signal};
use crate::script::{ScriptError, Sink, State};
use crate::store::writer::Writer;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What `run`, `plan` and `watch` are given alike.
#[derive(Debug, clap::Args)]
pub(super) struct Given {
    /// The script, a `.rhai` file.
    pub(super) script: PathBuf,
    /// A parameter of the script; may be given several times.
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE")]
    pub(super) params: Vec<String>,
    /// The default model: an alias of kaizen.toml, or provider/name.
    #[arg(long, value_name = "MODEL")]
    pub(super) model: Option<String>,
    /// Most calls to models in flight.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) concurrency: Option<u64>,
    /// The seed of everything random, to repeat a run.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}

/// The options of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    given: Given,
    /// Show what would be asked, and ask nothing; the same as `kaizen plan`.
    #[arg(long)]
    dry_run: bool,
    /// How progress is shown.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Mode,
}

impl Given {
    /// Reads the parameters; says what is wrong and gives nothing if one is no `NAME=VALUE`.
    pub(super) fn params(&self) -> Option<Map<String, Value>> {
        let mut params = Map::new();
        for pair in &self.params {
            let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty())
            else {
                say(&format!("error: `-p {pair}` is no parameter; write `-p name=value`"));
                return None;
            };
            params.insert(name.to_owned(), value.into());
        }
        Some(params)
    }

    /// Finds the project and puts the options over its configuration.
    pub(super) fn project(&self) -> anyhow::Result<Project> {
        let mut project = Project::find()?;
        if let Some(model) = &self.model {
            project.set("project.model", model.clone().into(), "--model")?;
        }
        if let Some(concurrency) = self.concurrency {
            project.set("run.concurrency", concurrency.into(), "--concurrency")?;
        }
        Ok(project)
    }

    /// Returns the seed that was given, or one of chance.
    pub(super) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| Rng::from_entropy().next_u64() >> 11)
    }
}

/// Reads a script; says what is wrong if that fails.
pub(super) fn read_script(path: &Path) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            say(&format!("error: reading `{}`: {error}", path.display()));
            None
        }
    }
}

/// Runs a future on this thread, together with everything it spawns.
pub(super) fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, future))
}

/// Returns the sink for what scripts print.
pub(super) fn printer(global: &Global) -> Sink {
    if global.json {
        Rc::new(|text| print_line(&json!({ "type": "print", "text": text }).to_string()))
    } else {
        Rc::new(print_line)
    }
}

/// Runs the script and shows how it went.
pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let given = &arguments.given;
    if arguments.dry_run {
        return plan::plan(global, given);
    }
    let Some(params) = given.params() else { return Ok(Exit::Usage) };
    let Some(text) = read_script(&given.script) else { return Ok(Exit::Refused) };
    let project = given.project()?;
    let writer = Rc::new(Writer::start(project.open_store()?, &project.store_path()));
    let seed = given.seed();
    let (models, script) = (Rc::new(project.models(seed)?), given.script.as_path());
    let (reuse, state, project) = (None, State::default(), &project);
    let job = Job { global, project, script, params, seed, models, writer, reuse, state };
    let mode = if global.quiet || global.json { Mode::None } else { arguments.progress };
    block_on(start(&job, &text, mode))?
}

async fn start(job: &Job<'_>, text: &str, mode: Mode) -> anyhow::Result<Exit> {
    let _terminal = Terminal::without_echo_of_interrupts();
    let signals = signal::watch()?;
    let progress = Progress::new(mode, job.global.stderr_is_terminal);
    let open = job.open(progress, signals.flag(), printer(job.global))?;
    let program = match open.host.compile(text) {
        Ok(program) => program,
        Err(ScriptError::Refused(faults)) => return Ok(job.refuse(&faults)),
        Err(other) => anyhow::bail!("reading the script: {other:?}"),
    };
    job.warn(&program);
    job.launch(&open)?;
    let (result, caught) = tokio::select! {
        result = open.host.run(&program) => (Some(result), None),
        caught = signals.caught() => (None, Some(caught)),
    };
    if caught.is_some() {
        open.host.end().await;
    }
    open.progress.borrow_mut().close();
    let end = match result {
        Some(result) => job.judge(&open.executor, result, signals.seen())?,
        None => End::interrupted(caught.unwrap_or(Exit::Interrupted)),
    };
    job.finish(&open, &end).await
}
