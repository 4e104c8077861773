//! `kaizen fork RUN --at OPERATION`: runs a script again from a run up to an operation, and live from
//! there.

use crate::cli::Global;
use crate::cli::app::exit::Exit;
use crate::cli::app::resumed;
use crate::cli::command::run::{self, RunSettings, run_from};
use std::path::PathBuf;

/// The options of `fork`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, or `@` for the latest run.
    run: String,
    /// Name or number of the first operation to run again.
    #[arg(long, value_name = "OPERATION")]
    at: String,
    /// Script to use instead of the run's own.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    #[command(flatten)]
    with: RunSettings,
}

/// Runs a script from a run's journal up to an operation, and live from there.
pub(in crate::cli) fn run(global: &Global, fork: &Arguments) -> anyhow::Result<Exit> {
    let arguments = run::Arguments::of(fork.script.clone(), &fork.with).without_reuse();
    run_from(global, &arguments, Some(resumed::find_until(&fork.run, &fork.at)?))
}
