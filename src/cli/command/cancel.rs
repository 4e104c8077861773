//! `kaizen cancel RUN`: stops a run on an engine. What it did is kept.

use crate::cli::Global;
use crate::cli::app::engine::{ChosenEngine, EngineOption};
use crate::cli::app::exit::Exit;

/// The options of `cancel`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its name on the engine, or the id of one of its stints.
    run: String,
    #[command(flatten)]
    on: EngineOption,
}

/// Stops a run.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let engine = arguments.on.chosen()?;
    cancel(global, &engine, &arguments.run)
}

#[cfg(not(feature = "engine"))]
fn cancel(_global: &Global, engine: &ChosenEngine, _wanted: &str) -> anyhow::Result<Exit> {
    match *engine {}
}

#[cfg(feature = "engine")]
fn cancel(global: &Global, engine: &ChosenEngine, wanted: &str) -> anyhow::Result<Exit> {
    use crate::cli::app::engine_run::{find, shared_store_of, with_engine};
    use crate::cli::app::project::Project;
    use crate::cli::say;

    let store = shared_store_of(&Project::find()?)?;
    with_engine(engine, async |engine| {
        let run = find(engine, &store, wanted).await?;
        if !run.is_open {
            say(&format!("run {} is over", run.name));
            return Ok(Exit::Ok);
        }
        engine.cancel(&run.name).await?;
        if !global.quiet {
            say(&format!(
                "run {0} is being stopped; submitting it again with `--id {0}` continues it",
                run.name
            ));
        }
        Ok(Exit::Ok)
    })
}
