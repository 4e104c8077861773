//! `kaizen attach RUN`: shows a run on an engine from its beginning to its end.

use crate::cli::Global;
use crate::cli::app::engine::{ChosenEngine, EngineOption};
use crate::cli::app::exit::Exit;

/// The options of `attach`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its name on the engine, or the id of one of its stints.
    run: String,
    #[command(flatten)]
    on: EngineOption,
}

/// Shows a run until it is over.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let engine = arguments.on.chosen()?;
    attach(global, &engine, &arguments.run)
}

#[cfg(not(feature = "engine"))]
fn attach(_global: &Global, engine: &ChosenEngine, _wanted: &str) -> anyhow::Result<Exit> {
    match *engine {}
}

#[cfg(feature = "engine")]
fn attach(global: &Global, engine: &ChosenEngine, wanted: &str) -> anyhow::Result<Exit> {
    use crate::cli::app::engine_run::{find, follow, shared_store_of, with_engine};
    use crate::cli::app::project::Project;

    let store = shared_store_of(&Project::find()?)?;
    with_engine(engine, async |engine| {
        let run = find(engine, &store, wanted).await?;
        follow(global, engine, &store, &run).await
    })
}
