//! `kaizen worker`: performs runs of a project that were submitted to an engine.

use crate::cli::Global;
use crate::cli::app::engine::{ChosenEngine, EngineOption};
use crate::cli::app::exit::Exit;
use crate::cli::app::number;
use crate::cli::app::permissions::Grants;

/// The options of `worker`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    on: EngineOption,
    /// Maximum number of runs at once, each in a process of its own.
    #[arg(long, value_name = "N", default_value = "64", value_parser = number::count)]
    runs: u64,
    /// Work on this queue instead of the project's.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// When the worker is told to end, how long runs under way are given to finish their calls.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    grace: String,
    #[command(flatten)]
    grants: Grants,
}

/// Works until a signal comes.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let engine = arguments.on.chosen()?;
    work(global, &engine, arguments)
}

#[cfg(not(feature = "engine"))]
fn work(_: &Global, engine: &ChosenEngine, _: &Arguments) -> anyhow::Result<Exit> {
    match *engine {}
}

#[cfg(feature = "engine")]
fn work(global: &Global, engine: &ChosenEngine, arguments: &Arguments) -> anyhow::Result<Exit> {
    use crate::base::time_text::duration;
    use crate::cli::app::engine_run::shared_store_of;
    use crate::cli::app::project::Project;
    use crate::cli::app::{shared_store, trust};
    use crate::cli::command::run::block_on;
    use crate::cli::command::submit::queue_of;
    use crate::cli::say;
    use crate::fleet::StoreAddress;
    use crate::fleet::worker::WorkerSetup;
    use anyhow::Context;

    let Some(grace) = duration(&arguments.grace) else {
        let grace = &arguments.grace;
        say(&format!("error: invalid duration `{grace}` (examples: 500ms, 90s, 5m)"));
        return Ok(Exit::Usage);
    };
    let mut project = Project::find()?;
    project.grants = arguments.grants.clone();
    // A grant that cannot be read is told now, and not by every run.
    project.permissions(&project.root)?;
    trust::ensure(&project, arguments.grants.may_ask())?;

    let store = shared_store_of(&project)?;
    let mut engine = engine.clone();
    engine.queue = arguments.queue.clone().or(engine.queue);
    let queue = queue_of(&engine, &project)?;
    let (server, _) =
        shared_store::choice(&project.config, &project.root)?.context("a store is chosen")?;
    let options = project.grants.as_options()?.into_iter();
    let folder = std::env::temp_dir().join(format!(
        "kaizen-worker-{}-{:x}",
        std::process::id(),
        crate::base::rng::Rng::from_entropy().next_u64()
    ));
    crate::base::own::make_folder(&folder)?;

    let quiet = global.quiet;
    let setup = WorkerSetup {
        program: std::env::current_exe().context("cannot find the program itself")?,
        folder,
        store_address: StoreAddress {
            address: server.address,
            project: server.project,
            accepts_unsafe: server.accepts_unsafe,
        },
        grants: options.filter_map(|option| option.into_string().ok()).collect(),
        trusted: trust::marks(&project),
        queue,
        runs: usize::try_from(arguments.runs).unwrap_or(usize::MAX),
        grace,
        tell: Box::new(move |text| {
            if !quiet {
                say(text);
            }
        }),
    };
    block_on(Box::pin(serve(engine, store, setup)))?
}

#[cfg(feature = "engine")]
async fn serve(
    engine: ChosenEngine,
    store: crate::store::Reader,
    setup: crate::fleet::worker::WorkerSetup,
) -> anyhow::Result<Exit> {
    use crate::cli::app::signal;
    use crate::cli::say;
    use crate::fleet::remote::Engine;
    use crate::fleet::worker;

    let signals = signal::watch()?;
    let engine = Engine::connect(&engine).await?;
    (setup.tell)(&format!("working on `{}` of {}; Ctrl-C ends", setup.queue, engine.address()));

    let grace = setup.grace.as_secs();
    let (end, ends) = tokio::sync::watch::channel(false);
    let mut working = std::pin::pin!(worker::work(&engine, store, setup, ends));
    let caught = tokio::select! {
        worked = &mut working => return Ok(worked.map(|()| Exit::Ok)?),
        caught = signals.caught() => caught,
    };
    say(&format!(
        "ending: nothing new begins, and runs under way have {grace} s; a second signal ends at once"
    ));
    end.send_replace(true);
    working.await?;
    Ok(match caught {
        Exit::Terminated => Exit::Ok,
        other => other,
    })
}
