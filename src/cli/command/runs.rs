//! `kaizen runs`: the newest runs of the project.

use crate::base::clock::Stamp;
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::app::waiting;
use crate::cli::command::large_run;
use crate::cli::render::{table, time, waits};
use crate::cli::{Global, print_line, print_of_run};
use crate::journal::event::{Event, RunStatus};
use crate::journal::history::{self, RunRow};
use crate::metrics::fold::FlowFold;
use crate::store;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;

/// Most events of a run that are read to list it, if its sums are known.
const READ_MAX: u64 = 1_000;
/// Columns of a terminal below which moments are written short.
const NARROW: usize = 80;

/// The options of `runs`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Maximum number of runs to show, newest first.
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(in crate::cli) limit: usize,
    /// Only suspended runs that `kaizen resume --due` would continue now.
    #[arg(long)]
    pub(in crate::cli) due: bool,
}

/// In what condition a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Condition {
    /// It has ended.
    Ended(RunStatus),
    /// It is under way.
    Running,
    /// Its process is gone, and it has no end.
    Crashed,
}

impl Condition {
    /// Returns the word for it.
    pub(in crate::cli) fn word(self) -> &'static str {
        match self {
            Condition::Ended(status) => status.word(),
            Condition::Running => "running",
            Condition::Crashed => "crashed",
        }
    }
}

/// Lists runs.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(store) = project.store_of_runs()? else { return Ok(Exit::Ok) };

    // Runs may write meanwhile; what is shown is all of one moment.
    let moment = store::freeze(&store, &project.store_path())?;
    let (rows, resumed): (Vec<RunRow>, _) = if arguments.due {
        let resumed = waiting::resumed(&moment)?;
        let due = waiting::due(&moment, &resumed, Stamp::now().0)?;
        (due.into_iter().rev().take(arguments.limit).map(|run| run.row).collect(), resumed)
    } else {
        let rows = history::runs(&moment, arguments.limit)?;
        // To know who went on with which run takes a look at all of them.
        let is_needed =
            global.json || rows.iter().any(|row| row.status == Some(RunStatus::Waiting));
        let resumed = if is_needed { waiting::resumed(&moment)? } else { HashMap::new() };
        (rows, resumed)
    };

    let is_narrow = table::terminal_width().is_some_and(|width| width < NARROW);
    let mut waiting = Vec::new();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        // Large runs are known by the sums that were kept with their end. Others are looked at event by
        // event, so that damage is noticed.
        let sums = large_run::sums_of(&moment, &row)?.filter(|sums| sums.events > READ_MAX);
        let (metrics, damage) = match sums {
            Some(sums) => (sums.metrics, Vec::new()),
            None => {
                let mut fold = FlowFold::default();
                let see = &mut |at, event: Event| fold.add(at, &event);
                let damage = damage::pass_row(&moment, &row, see)?;
                (fold.metrics(), damage)
            }
        };
        let took = row.ended_at.map(|end| end - row.started_at);
        let cost = metrics.known_cost();
        let calls = metrics.calls + metrics.under_way;

        // One that went on waits no longer.
        let is_waiting = row.status == Some(RunStatus::Waiting) && !resumed.contains_key(&row.id);
        let waits = if is_waiting { history::waits(&moment, &row.id)? } else { None };
        let word = match condition(&row) {
            Condition::Ended(RunStatus::Waiting) if !is_waiting => "resumed",
            condition => condition.word(),
        };

        if global.json {
            let mut line = json!({
                "script": row.script, "started_at": row.started_at,
                "ended_at": row.ended_at, "status": word, "calls": calls,
                "under_way": metrics.under_way, "cost": cost.map(crate::base::unit::Money::dollars),
            });
            if let Some(run) = resumed.get(&row.id) {
                line["resumed_by"] = json!(run);
            }
            if let Some(waits) = &waits {
                line["waits"] = waits::to_json(waits);
            }
            if !damage.is_empty() {
                line["damage"] = damage.iter().map(ToString::to_string).collect();
            }
            print_of_run(&row.id, line);
            continue;
        }

        if let Some(waits) = waits {
            waiting.push(format!("{} waits:", row.id));
            waiting.extend(waits::lines(&row.id, &waits).iter().map(|line| format!("  {line}")));
        }
        lines.push(vec![
            row.id.to_string(),
            if is_narrow {
                time::short_moment(row.started_at)
            } else {
                time::moment(row.started_at)
            },
            took.map_or("-".to_owned(), time::length),
            word.to_owned(),
            calls.to_string(),
            metrics.cost_text(),
            row.script,
        ]);
    }

    if !global.json {
        let head = ["run", "started", ">took", "status", ">calls", ">cost", "script"];
        print_line(&table::render(&head, &lines));
        for line in &waiting {
            print_line(line);
        }
    }
    Ok(Exit::Ok)
}

/// Says how a run ended; one without an end whose process is gone was cut short.
pub(in crate::cli) fn condition(row: &RunRow) -> Condition {
    match row.status {
        Some(status) => Condition::Ended(status),
        None if Path::new("/proc").exists() && !is_alive(row.pid) => Condition::Crashed,
        None => Condition::Running,
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}
