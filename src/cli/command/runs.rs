//! `kaizen runs`: the newest runs of the project.

use crate::base::clock::Stamp;
use crate::base::id::RunId;
use crate::base::unit::Money;
use crate::cli::app::condition::{Condition, condition};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::number;
use crate::cli::app::project::Project;
use crate::cli::app::waiting;
use crate::cli::command::large_run;
use crate::cli::render::paint::Mood;
use crate::cli::render::table::{self, PrintedRow};
use crate::cli::render::{time, waits};
use crate::cli::{Global, print_line, print_of_run};
use crate::journal::damage::Damage;
use crate::journal::event::RunStatus;
use crate::journal::history::{self, RunRow};
use crate::journal::waits::Waits;
use crate::metrics::Metrics;
use crate::metrics::fold::FlowFold;
use crate::store::{self, Reader};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Most events of a run that are read to list it, if its sums are known.
const READ_MAX: u64 = 1_000;
/// Columns of a terminal below which moments are written short.
const NARROW: usize = 80;

/// The options of `runs`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Maximum number of runs to show, newest first.
    #[arg(short = 'n', long, default_value_t = 20, value_parser = number::lines)]
    pub(in crate::cli) limit: usize,
    /// Show only suspended runs that `kaizen resume --due` would continue now.
    #[arg(long)]
    pub(in crate::cli) due: bool,
}

/// Lists runs.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(store) = project.store_of_runs()? else { return Ok(Exit::Ok) };

    // Runs may write meanwhile; what is shown is all of one moment.
    let moment = store::freeze(&store, &project.store_path())?;
    let (rows, resumed) = rows_to_list(&moment, global, arguments)?;

    let is_narrow = table::terminal_width().is_some_and(|width| width < NARROW);
    let mut waiting = Vec::new();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let run = ListedRun::read(&moment, row, &resumed)?;
        if global.json {
            print_of_run(&run.row.id, run.to_json());
            continue;
        }

        if let Some(waits) = &run.waits {
            waiting.push(format!("{} waits:", run.row.id));
            waiting.extend(waits::lines(&run.row.id, waits).iter().map(|line| format!("  {line}")));
        }
        lines.push(run.cells(is_narrow));
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

/// Returns the runs to list, the newest first, and by which runs others were resumed.
fn rows_to_list(
    store: &Reader,
    global: &Global,
    arguments: &Arguments,
) -> anyhow::Result<(Vec<RunRow>, HashMap<RunId, RunId>)> {
    if arguments.due {
        let resumed = waiting::resumed(store)?;
        let due = waiting::due(store, &resumed, Stamp::now().0)?;
        let rows = due.into_iter().rev().take(arguments.limit).map(|run| run.row).collect();
        return Ok((rows, resumed));
    }

    let rows = history::runs(store, arguments.limit)?;
    // To know which run resumed which one takes a look at all of them.
    let is_needed = global.json || rows.iter().any(|row| row.status == Some(RunStatus::Waiting));
    let resumed = if is_needed { waiting::resumed(store)? } else { HashMap::new() };
    Ok((rows, resumed))
}

/// A run as it is listed.
struct ListedRun {
    row: RunRow,
    status: &'static str,
    mood: Option<Mood>,
    metrics: Metrics,
    damage: Vec<Damage>,
    /// What it waits for, if it does.
    waits: Option<Waits>,
    /// The run that resumed it.
    resumed_by: Option<RunId>,
}

impl ListedRun {
    fn read(
        store: &Reader,
        row: RunRow,
        resumed: &HashMap<RunId, RunId>,
    ) -> anyhow::Result<ListedRun> {
        // Large runs are known by the sums that were kept with their end. Others are looked at event by
        // event, so that damage is noticed.
        let sums = large_run::sums_of(store, &row)?.filter(|sums| sums.events > READ_MAX);
        let (metrics, damage) = if let Some(sums) = sums {
            (sums.metrics, Vec::new())
        } else {
            let mut fold = FlowFold::default();
            let damage = damage::pass_short(store, &row, &mut |_, at, event| fold.add(at, &event))?;
            (fold.metrics(), damage)
        };

        // One that was resumed waits no longer.
        let resumed_by = resumed.get(&row.id).cloned();
        let is_waiting = row.status == Some(RunStatus::Waiting) && resumed_by.is_none();
        let waits = if is_waiting { history::waits(store, &row.id)? } else { None };
        let condition = condition(&row);
        let status = match condition {
            Condition::Ended(RunStatus::Waiting) if !is_waiting => "resumed",
            condition => condition.word(),
        };

        let mood = Mood::of_run(condition);
        Ok(ListedRun { row, status, mood, metrics, damage, waits, resumed_by })
    }

    fn calls(&self) -> u64 {
        self.metrics.calls + self.metrics.under_way
    }

    fn to_json(&self) -> Value {
        let ListedRun { row, metrics, .. } = self;
        let mut line = json!({
            "script": row.script, "started_at": row.started_at,
            "ended_at": row.ended_at, "status": self.status, "calls": self.calls(),
            "under_way": metrics.under_way, "cost": metrics.known_cost().map(Money::dollars),
        });

        if let Some(run) = &self.resumed_by {
            line["resumed_by"] = json!(run);
        }
        if let Some(waits) = &self.waits {
            line["waits"] = waits::to_json(waits);
        }
        if !self.damage.is_empty() {
            line["damage"] = self.damage.iter().map(ToString::to_string).collect();
        }
        line
    }

    /// Returns its cells in the table.
    fn cells(self, is_narrow: bool) -> PrintedRow {
        let call_count = self.calls().to_string();
        let ListedRun { row, status, mood, metrics, .. } = self;
        let started = if is_narrow {
            time::short_moment(row.started_at)
        } else {
            time::moment(row.started_at)
        };
        let took = row.ended_at.map(|end| end - row.started_at);

        let cells = vec![
            row.id.to_string(),
            started,
            took.map_or("-".to_owned(), time::length),
            status.to_owned(),
            call_count,
            metrics.cost_text(),
            row.script,
        ];
        PrintedRow { cells, mood }
    }
}
