//! `kaizen resume`: continues a run, or every suspended run whose time has come.

use crate::base::clock::Stamp;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::app::resumed::ResumedRun;
use crate::cli::app::waiting::{self, WaitingRun};
use crate::cli::command::run::{self, RunSettings};
use crate::cli::{Global, say};
use crate::executor::lost::LostDecision;

/// The options of `resume`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, or `@` for the latest run. Defaults to the latest one that can be
    /// resumed.
    #[arg(conflicts_with = "due")]
    run: Option<String>,
    /// Resume every suspended run that is due, one after the other: for cron or a timer.
    #[arg(long)]
    due: bool,
    #[command(flatten)]
    resumption: Resumption,
    #[command(flatten)]
    with: RunSettings,
}

/// How a run is continued.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::cli) struct Resumption {
    /// What to do about programs that were running when the run stopped. Without it, kaizen asks on a
    /// terminal, and stops elsewhere.
    #[arg(long, value_enum, value_name = "HOW")]
    lost: Option<LostChoice>,
}

/// What becomes of effects of which nobody knows whether they took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum LostChoice {
    /// Run each program again.
    Repeat,
    /// Make each an error that the script can catch.
    Tell,
}

impl LostChoice {
    pub(in crate::cli) fn decision(self) -> LostDecision {
        match self {
            LostChoice::Repeat => LostDecision::Repeat,
            LostChoice::Tell => LostDecision::Tell,
        }
    }
}

/// Continues runs.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let resume = |run: &str| {
        let lost = arguments.resumption.lost;
        run::run(global, &run::Arguments::resuming(run, &arguments.with, lost))
    };
    if !arguments.due {
        return resume(arguments.run.as_deref().unwrap_or_default());
    }

    let project = Project::find()?;
    let due = match project.existing_store()? {
        Some(store) => waiting::due(&store, &waiting::resumed(&store)?, Stamp::now().0)?,
        None => Vec::new(),
    };
    if due.is_empty() && !global.quiet {
        say("nothing is due");
    }

    let mut worst = Exit::Ok;
    for WaitingRun { row, .. } in due {
        match resume(&row.id.0)? {
            // It waits for the next answer or time.
            Exit::Ok | Exit::Waiting => {}
            stopped @ (Exit::Interrupted | Exit::HungUp | Exit::Quit | Exit::Terminated) => {
                return Ok(stopped);
            }
            other if worst == Exit::Ok => worst = other,
            _ => {}
        }
    }

    Ok(worst)
}

/// Continues a run that was taken up.
pub(in crate::cli) fn continued(
    global: &Global,
    mut resumed: ResumedRun,
    with: &RunSettings,
    resumption: Resumption,
) -> anyhow::Result<Exit> {
    resumed.again.lost = resumption.lost.map(LostChoice::decision);
    let arguments = run::Arguments::resuming(&resumed.run.0, with, resumption.lost);
    run::run_from(global, &arguments, Some(Ok(resumed)))
}
