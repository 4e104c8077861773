//! `kaizen run SCRIPT`: runs a workflow to its end.

use crate::base::id::RunId;
use crate::base::rng::Rng;
use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::cli::render::diagnostic;
use crate::cli::render::progress::{Mode, Progress};
use crate::cli::{Global, print_line, say, signal};
use crate::executor::Executor;
use crate::flow::failure::Failure;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::script::{Host, ScriptError, Surroundings};
use crate::store::writer::Writer;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The options of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The script, a `.rhai` file.
    script: PathBuf,
    /// A parameter of the script; may be given several times.
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// The default model: an alias of kaizen.toml, or provider/name.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Most calls to models in flight.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    concurrency: Option<u64>,
    /// The seed of everything random, to repeat a run.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How progress is shown.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Mode,
}

/// Runs the script and shows how it went.
pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(params) = read_params(&arguments.params) else { return Ok(Exit::Usage) };
    let text = match std::fs::read_to_string(&arguments.script) {
        Ok(text) => text,
        Err(error) => {
            say(&format!("error: reading `{}`: {error}", arguments.script.display()));
            return Ok(Exit::Refused);
        }
    };
    let mut project = Project::find()?;
    if let Some(model) = &arguments.model {
        project.set("project.model", model.clone().into(), "--model")?;
    }
    if let Some(concurrency) = arguments.concurrency {
        project.set("run.concurrency", concurrency.into(), "--concurrency")?;
    }
    let writer = Rc::new(Writer::start(project.open_store()?, &project.store_path()));
    let seed = arguments.seed.unwrap_or_else(|| Rng::from_entropy().next_u64() >> 11);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let mode = if global.quiet { Mode::None } else { arguments.progress };
    let one = Run { global, project: &project, script: &arguments.script, params, seed, mode };
    local.block_on(&runtime, one.start(&text, writer))
}

/// Reads `NAME=VALUE` pairs; says what is wrong and gives nothing if one is not such a pair.
fn read_params(given: &[String]) -> Option<Map<String, Value>> {
    let mut params = Map::new();
    for pair in given {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            say(&format!("error: `-p {pair}` is no parameter; write `-p name=value`"));
            return None;
        };
        params.insert(name.to_owned(), value.into());
    }
    Some(params)
}

/// One run and what it was asked to do.
struct Run<'a> {
    global: &'a Global,
    project: &'a Project,
    script: &'a Path,
    params: Map<String, Value>,
    seed: u64,
    mode: Mode,
}

impl Run<'_> {
    async fn start(&self, text: &str, writer: Rc<Writer>) -> anyhow::Result<Exit> {
        let concurrency = self.project.config.concurrency();
        let journal = Journal::new(RunId::fresh(), writer.clone());
        let executor = Rc::new(Executor::new(journal, self.seed, concurrency));
        let mode = if self.global.json { Mode::None } else { self.mode };
        let progress = Rc::new(RefCell::new(Progress::new(mode, self.global.stderr_is_terminal)));
        let signals = signal::watch()?;
        let host = Host::new(self.surroundings(&executor, &progress, &signals, writer)?);
        let program = match host.compile(text) {
            Ok(program) => program,
            Err(ScriptError::Refused(faults)) => return Ok(self.refuse(&faults)),
            Err(other) => anyhow::bail!("reading the script: {other:?}"),
        };
        self.launch(&executor, &progress)?;
        let (result, caught) = tokio::select! {
            result = host.run(&program) => (Some(result), None),
            caught = signals.caught() => (None, Some(caught)),
        };
        if caught.is_some() {
            host.end().await;
        }
        progress.borrow_mut().close();
        let end = match (result, caught) {
            (Some(Err(ScriptError::Store(error))), _) => return Err(error.into()),
            (Some(result), _) => self.judge(&executor, result, signals.seen()),
            (None, caught) => End::interrupted(caught.unwrap_or(Exit::Interrupted)),
        };
        self.finish(&executor, &progress, end).await
    }

    fn surroundings(
        &self,
        executor: &Rc<Executor>,
        progress: &Rc<RefCell<Progress>>,
        signals: &signal::Signals,
        writer: Rc<Writer>,
    ) -> anyhow::Result<Surroundings> {
        let (printing, saying) = (progress.clone(), progress.clone());
        let (json, quiet) = (self.global.json, self.global.quiet);
        Ok(Surroundings {
            executor: executor.clone(),
            models: Rc::new(self.project.models(self.seed)?),
            root: self.root()?,
            script: self.script.to_owned(),
            params: self.params.clone(),
            print: Rc::new(move |text| {
                let line = if json {
                    json!({ "type": "print", "text": text }).to_string()
                } else {
                    text.to_owned()
                };
                printing.borrow().suspend(|| print_line(&line));
            }),
            say: Rc::new(move |text| {
                if !quiet {
                    saying.borrow().say(text);
                }
            }),
            interrupted: signals.flag(),
            store: Some((self.project.store_path(), writer)),
            learn_from_demo: self.project.config.learn_from_demo(),
            operations_max: self.project.config.operations_max(),
        })
    }

    /// Returns the folder that the script may read in: the project's, or the script's own if that
    /// lies elsewhere.
    fn root(&self) -> anyhow::Result<PathBuf> {
        let script = self.script.canonicalize().context("finding the script")?;
        let root = self.project.root.canonicalize().context("finding the project")?;
        if script.starts_with(&root) {
            return Ok(root);
        }
        Ok(script.parent().map_or(root, Path::to_owned))
    }

    /// Shows why a script is not run. Nothing has been journaled: nothing has happened.
    fn refuse(&self, faults: &[crate::script::diagnostic::Diagnostic]) -> Exit {
        let usage = faults.iter().all(|fault| fault.place.is_none());
        if self.global.json {
            let messages: Vec<Value> = faults
                .iter()
                .map(|fault| json!({ "message": fault.message, "place": fault.place, "help": fault.help }))
                .collect();
            print_line(
                &json!({ "type": "done", "status": "refused", "errors": messages }).to_string(),
            );
        }
        for fault in faults {
            say(&diagnostic::render(fault, self.global.color));
        }
        say("found before running; nothing was spent");
        if usage { Exit::Usage } else { Exit::Refused }
    }

    /// Journals the start, to be written together with the first thing that happens, and announces
    /// the run.
    fn launch(
        &self,
        executor: &Rc<Executor>,
        progress: &Rc<RefCell<Progress>>,
    ) -> anyhow::Result<()> {
        let started = Event::RunStarted {
            script: self.script.display().to_string(),
            params: self.params.clone(),
            seed: self.seed,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        executor.note(&started)?;
        let shown = progress.clone();
        if self.global.json {
            let launch = json!({
                "type": "launch", "run": executor.journal().run(), "script": self.script,
                "params": self.params, "seed": self.seed,
            });
            print_line(&launch.to_string());
            executor.listen(Rc::new(|at, event| {
                if matches!(event, Event::OpEnded { .. } | Event::FlowStarted { .. }) {
                    let mut line = serde_json::to_value(event).unwrap_or_default();
                    line["type"] = "event".into();
                    line["at"] = at.into();
                    print_line(&line.to_string());
                }
            }));
        } else {
            executor.listen(Rc::new(move |at, event| shown.borrow_mut().see(at, event)));
        }
        Ok(())
    }

    /// Decides how a run ended whose script came to its end.
    fn judge(
        &self,
        executor: &Executor,
        result: Result<Value, ScriptError>,
        seen: Option<Exit>,
    ) -> End {
        match result {
            Ok(value) => {
                let lost = executor.unforgiven();
                let exit = if lost > 0 { Exit::Failed } else { Exit::Ok };
                let status = if lost > 0 { "failed" } else { "ok" };
                End { exit, status, value, failure: None, lost }
            }
            Err(ScriptError::Failed(both)) => {
                let (failure, shown) = *both;
                if failure.kind == "interrupted" {
                    return End::interrupted(seen.unwrap_or(Exit::Interrupted));
                }
                say(&diagnostic::render(&shown, self.global.color));
                let exit = Exit::of(&failure);
                let failure = Some(failure);
                End { exit, status: "failed", value: Value::Null, failure, lost: 0 }
            }
            Err(ScriptError::Refused(_) | ScriptError::Store(_)) => End {
                exit: Exit::Failed,
                status: "failed",
                value: Value::Null,
                failure: None,
                lost: 0,
            },
        }
    }

    /// Journals the end and shows the value.
    async fn finish(
        &self,
        executor: &Rc<Executor>,
        progress: &Rc<RefCell<Progress>>,
        end: End,
    ) -> anyhow::Result<Exit> {
        let run = executor.journal().run().clone();
        let metrics = executor.metrics();
        let (value, failure) = (end.value.clone(), end.failure.clone());
        let status = end.status.to_owned();
        executor.commit(&Event::RunEnded { status, value, failure }).await?;
        if self.global.json {
            let done = json!({
                "type": "done", "run": run, "status": end.status, "value": end.value,
                "error": end.failure, "metrics": metrics.to_map(),
                "cost": metrics.known_cost().map(crate::base::unit::Money::dollars),
            });
            print_line(&done.to_string());
            return Ok(end.exit);
        }
        print_value(&end.value);
        progress.borrow().sum_up(&run, end.status, &metrics);
        if end.lost > 0 {
            let operations = if end.lost == 1 { "operation" } else { "operations" };
            say(&format!(
                "{} {operations} did not complete, so the run failed (`allow_failures: true` in \
                 the options of `flow` accepts that); `kaizen show {run}` tells more",
                end.lost
            ));
            if let Some(first) = executor.first_failure() {
                let op = first.op.unwrap_or_default();
                let place = first.place.map_or(String::new(), |place| {
                    format!(" ({}:{}:{})", place.file, place.line, place.column)
                });
                say(&format!("the first was `{op}`: {}{place}", first.message));
            }
        }
        if end.status == "interrupted" {
            say(&format!("interrupted; what was done is kept: `kaizen show {run}`"));
        }
        Ok(end.exit)
    }
}

/// How a run ended.
struct End {
    exit: Exit,
    status: &'static str,
    value: Value,
    failure: Option<Failure>,
    /// Operations that did not complete although they had to.
    lost: u64,
}

impl End {
    fn interrupted(exit: Exit) -> End {
        End { exit, status: "interrupted", value: Value::Null, failure: None, lost: 0 }
    }
}

/// Prints the script's value: text as it is, everything else as JSON.
fn print_value(value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => print_line(text),
        other => print_line(&serde_json::to_string_pretty(other).unwrap_or_default()),
    }
}
