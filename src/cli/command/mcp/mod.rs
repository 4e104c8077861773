//! `kaizen mcp`: the project as an MCP server, for programs that are agents themselves. It speaks on
//! stdin and stdout. Whatever it is asked for is done by a child of this program, so that a script which
//! crashes or computes for ever takes nothing else with it.

mod child;
mod offer;
mod outcome;
mod service;
mod wire;

use crate::base::unit::Money;
use crate::base::visible::shown_path;
use crate::cli::app::config::duration;
use crate::cli::app::exit::Exit;
use crate::cli::app::number;
use crate::cli::app::permissions::Grants;
use crate::cli::app::project::Project;
use crate::cli::app::{signal, trust};
use crate::cli::command::mcp::child::Kaizen;
use crate::cli::command::mcp::offer::ToolOffer;
use crate::cli::command::mcp::service::ProjectService;
use crate::cli::command::mcp::wire::ClientWire;
use crate::cli::command::run::block_on;
use crate::cli::{Global, say};
use anyhow::Context;
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// The options of `mcp`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Offer `run_script`, which runs the project's scripts.
    #[arg(long, requires = "max_cost")]
    run: bool,
    /// Offer this script as a tool of its own, with its parameters. Repeatable.
    #[arg(long = "script", value_name = "SCRIPT", requires = "run")]
    scripts: Vec<PathBuf>,
    /// Maximum cost of each run in dollars. Clients can lower it.
    #[arg(long, value_name = "DOLLARS", value_parser = number::dollars, allow_negative_numbers = true)]
    max_cost: Option<f64>,
    /// Maximum duration of each run, such as 90s, 10m or 2h.
    #[arg(long, value_name = "TIME", requires = "run")]
    max_time: Option<String>,
    /// Default model of the runs: an alias from kaizen.toml, or provider/name.
    #[arg(long, value_name = "MODEL", requires = "run")]
    model: Option<String>,
    #[command(flatten)]
    grants: Grants,
}

/// How scripts are run.
#[derive(Debug)]
pub(in crate::cli) struct RunTerms {
    /// The most that a run may cost, in dollars.
    max_cost: f64,
    /// Further options, for each run alike.
    options: Vec<OsString>,
}

/// Serves until the client is gone or a signal comes.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut project = Project::find()?;
    project.grants = arguments.grants.clone();
    let terms = match terms(arguments) {
        Ok(terms) => terms,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };
    // A grant that cannot be read is told now, and not by every run.
    project.permissions(&project.root)?;
    // Nobody can be asked: stdin belongs to the client.
    trust::ensure(&project, false)?;

    let offers = match ToolOffer::all(&project, &arguments.scripts, terms.is_some())? {
        Ok(offers) => offers,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let kaizen = Kaizen::new(program, project.root.clone());
    let service = Arc::new(ProjectService::new(kaizen, project.root.clone(), offers, terms));

    if !global.quiet {
        say(&format!("serving `{}` over MCP on stdin and stdout", shown_path(&project.root)));
    }
    block_on(Box::pin(serve(service)))?
}

/// Reads how scripts are run; nothing if they are not.
fn terms(arguments: &Arguments) -> Result<Option<RunTerms>, String> {
    let Some(max_cost) = arguments.max_cost.filter(|_| arguments.run) else {
        return match arguments.max_cost {
            Some(_) => Err("`--max-cost` needs `--run`".to_owned()),
            None => Ok(None),
        };
    };
    if Money::from_dollars(max_cost).is_none() {
        return Err(format!("`--max-cost` must be {}, not `{max_cost}`", Money::WANTED));
    }

    let mut options = arguments.grants.as_options().map_err(|error| error.to_string())?;
    if let Some(time) = &arguments.max_time {
        if duration(time).is_none() {
            return Err(format!("invalid duration `{time}` (examples: 500ms, 90s, 5m)"));
        }
        options.push(format!("--max-time={time}").into());
    }
    if let Some(model) = &arguments.model {
        options.push(format!("--model={model}").into());
    }
    Ok(Some(RunTerms { max_cost, options }))
}

async fn serve(service: Arc<ProjectService>) -> anyhow::Result<Exit> {
    let signals = signal::watch()?;
    let wire = ClientWire::open(service.closing())?;
    let written = wire.written();

    let served = async {
        match service.clone().serve(wire).await {
            Ok(running) => {
                // How it ended tells nothing more than that it has.
                let _ = running.waiting().await;
                Exit::Ok
            }
            Err(ServerInitializeError::ConnectionClosed(_)) => Exit::Ok,
            Err(error) => {
                say(&format!("error: the client did not initialize the connection: {error}"));
                Exit::Failed
            }
        }
    };
    let exit = tokio::select! {
        exit = served => exit,
        exit = signals.caught() => exit,
    };

    service.close().await;
    written.settle().await;
    Ok(exit)
}
