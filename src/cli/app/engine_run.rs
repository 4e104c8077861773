//! Runs on an engine, as commands find them and show them.

use crate::base::id::RunId;
use crate::base::visible;
use crate::cli::app::engine::{ChosenEngine, EngineChoiceError};
use crate::cli::app::exit::Exit;
use crate::cli::app::output;
use crate::cli::app::project::Project;
use crate::cli::app::signal;
use crate::cli::command::show;
use crate::cli::{Global, print_of_script, put_line, say};
use crate::fleet::remote::{Engine, EngineEnd, EngineError, EngineRun};
use crate::journal::event::Event;
use crate::journal::history;
use crate::store::{PrintPlace, PrintRow, Reader};
use anyhow::Context;
use serde_json::{Value, json};
use std::pin::pin;
use std::time::Duration;

/// How often it is looked whether something was printed.
const LOOK: Duration = Duration::from_millis(150);

/// How long a run waits for a worker before its user is told that there may be none.
const NO_WORKER: Duration = Duration::from_secs(5);

/// Opens the shared store of a project, which runs on an engine need.
pub(in crate::cli) fn shared_store_of(project: &Project) -> anyhow::Result<Reader> {
    if !project.is_shared() {
        return Err(EngineChoiceError::NoStore.into());
    }
    Ok(project.open_store()?)
}

/// Finds a run by its name on the engine, or by the id of one of its stints.
pub(in crate::cli) async fn find(
    engine: &Engine,
    store: &Reader,
    wanted: &str,
) -> anyhow::Result<EngineRun> {
    if let Some(run) = engine.find(wanted).await? {
        return Ok(run);
    }

    let Ok(row) = show::find(store, wanted)? else {
        return Err(EngineError::NoRun { name: wanted.to_owned() }.into());
    };
    let name = name_of(store, &row.id)?;
    let name = name.with_context(|| format!("run {} is not on an engine", row.id))?;
    Ok(engine.run(&name).await?)
}

/// Returns the name of the run on an engine of which a run is a stint.
pub(in crate::cli) fn name_of(store: &Reader, run: &RunId) -> anyhow::Result<Option<String>> {
    Ok(match history::start(store, run)? {
        Some(Event::RunStarted { terms, .. }) => terms.stint.map(|stint| stint.name),
        _ => None,
    })
}

/// What is shown of a run.
struct RunView<'a> {
    global: &'a Global,
    /// The place of the last piece.
    place: PrintPlace,
    /// Lines of stdout that were shown.
    lines: usize,
    /// Lines of this stint that were not looked at, because those before have printed the same.
    known: usize,
    /// What has no end of a line yet, by stream.
    parts: [Vec<u8>; 2],
}

impl RunView<'_> {
    /// Shows what was printed since, and tells whether that was anything.
    fn look(&mut self, store: &Reader, work: &str) -> anyhow::Result<bool> {
        let rows = store.printed_after(work, self.place)?;
        for row in &rows {
            self.take(row);
        }
        Ok(!rows.is_empty())
    }

    fn take(&mut self, row: &PrintRow) {
        if (row.place.stint, row.place.attempt) != (self.place.stint, self.place.attempt) {
            // It goes through all of the run again, and prints again what the ones before have printed.
            self.known = self.lines;
            self.parts = Default::default();
        }
        self.place = row.place;

        let is_out = row.stream == 1;
        let part = &mut self.parts[usize::from(!is_out)];
        part.extend(&row.body);
        let Some(end) = part.iter().rposition(|byte| *byte == b'\n') else { return };
        let rest = part.split_off(end + 1);
        let whole = std::mem::replace(part, rest);
        for line in String::from_utf8_lossy(&whole).lines() {
            if is_out {
                self.print(line);
            } else if !self.global.quiet {
                output::write_err(&format!("{}\n", visible::shown(line)));
            }
        }
    }

    fn print(&mut self, line: &str) {
        let value: Option<Value> =
            if self.global.json { serde_json::from_str(line).ok() } else { None };
        // Of JSON lines, only those of the script are the same each time.
        let is_counted = value.as_ref().is_none_or(|value| value["type"] == "print");
        if is_counted && self.known > 0 {
            self.known -= 1;
            return;
        }
        self.lines += usize::from(is_counted);
        match value {
            Some(_) => put_line(line),
            None => print_of_script(line),
        }
    }
}

/// Shows a run until it is over; returns how it ended. Ctrl-C leaves it to itself.
pub(in crate::cli) async fn follow(
    global: &Global,
    engine: &Engine,
    store: &Reader,
    run: &EngineRun,
) -> anyhow::Result<Exit> {
    let signals = signal::watch()?;
    let place = PrintPlace::default();
    let mut shown = RunView { global, place, lines: 0, known: 0, parts: Default::default() };
    let mut ending = pin!(engine.end(&run.name));
    let mut waited = Some(pin!(tokio::time::sleep(NO_WORKER)));
    let ended = loop {
        if shown.look(store, &run.work)? {
            waited = None;
        }
        tokio::select! {
            ended = &mut ending => break ended,
            caught = signals.caught() => {
                detach(global, engine, &run.name);
                return Ok(caught);
            }
            () = until(&mut waited) => {
                waited = None;
                say(&format!(
                    "no worker has begun the run yet; `kaizen worker --on {}` starts one", engine.address()
                ));
            }
            () = tokio::time::sleep(LOOK) => {}
        }
    };

    while shown.look(store, &run.work)? {}
    match ended? {
        EngineEnd::Ended(end) => Ok(Exit::of_code(end.exit)),
        EngineEnd::Cancelled => {
            say(&format!(
                "run {0} was cancelled; its progress is saved, and submitting it again with `--id {0}` continues it",
                run.name
            ));
            Ok(Exit::Interrupted)
        }
    }
}

async fn until(waited: &mut Option<std::pin::Pin<&mut tokio::time::Sleep>>) {
    match waited {
        Some(waited) => waited.await,
        None => std::future::pending().await,
    }
}

fn detach(global: &Global, engine: &Engine, name: &str) {
    if global.json {
        crate::cli::print_data(json!({ "type": "detached", "name": name }));
    }
    let on = engine.address();
    say(&format!(
        "detached: run {name} goes on. `kaizen attach {name} --on {on}` shows it again, `kaizen cancel {name} --on \
         {on}` stops it"
    ));
}

/// Connects to the engine and does something there.
pub(in crate::cli) fn with_engine(
    address: &ChosenEngine,
    work: impl AsyncFnOnce(&Engine) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    crate::cli::command::run::block_on(Box::pin(async {
        let engine = Engine::connect(address).await?;
        work(&engine).await
    }))?
}
