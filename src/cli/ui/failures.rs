//! What went wrong, by kind: in the newest runs, and in what was recorded of patterns.

use crate::base::clock;
use crate::base::count::counted;
use crate::base::failure::Kind;
use crate::base::id::{OpId, RunId};
use crate::cli::ui::DAY;
use crate::cli::ui::learning::learned;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Runs that are looked at.
const RUNS_LOOKED: usize = 300;
/// Days that are counted one by one.
const DAYS: usize = 30;
/// Runs that are named for each kind.
const RUNS_NAMED: usize = 5;

/// Failures of one kind.
#[derive(Default)]
struct FailureGroup {
    count: u64,
    days: Vec<u64>,
    first: i64,
    last: i64,
    message: String,
    runs: Vec<(RunId, Option<OpId>, String, i64)>,
    patterns: BTreeSet<String>,
    tasks: BTreeSet<String>,
    avoided: BTreeSet<String>,
}

impl FailureGroup {
    /// Takes in failures of a time, in microseconds since 1970.
    fn add(&mut self, count: u64, first: i64, last: i64, message: &str) {
        self.days.resize(DAYS, 0);
        self.first = if self.count == 0 { first } else { self.first.min(first) };
        self.count += count;

        if last >= self.last {
            self.last = last;
            message.clone_into(&mut self.message);
        }
        let ago = usize::try_from((clock::micros() - last).max(0) / DAY).unwrap_or(DAYS);
        if ago < DAYS {
            self.days[DAYS - 1 - ago] += count;
        }
    }
}

/// Returns the kinds of failures, the last first; with a task type, those that were recorded for it.
pub(in crate::cli) fn kinds(
    library: &mut Library,
    task: Option<&str>,
    counts_demo: bool,
) -> Result<Value, PageError> {
    let mut groups: BTreeMap<String, FailureGroup> = BTreeMap::new();
    let mut tasks = BTreeSet::new();
    let mut looked = "no store yet".to_owned();

    if library.store().is_some() {
        recorded(library, task, counts_demo, &mut groups, &mut tasks)?;
        let runs = if task.is_none() { in_runs(library, &mut groups)? } else { 0 };
        let runs = counted(runs, "run", "runs");
        looked = format!("the newest {runs}, and everything recorded about patterns");
    }

    let mut rows: Vec<(i64, Value)> = groups.into_iter().map(row).collect();
    rows.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    Ok(json!({ "rows": rows, "tasks": tasks, "looked": looked }))
}

fn row((kind, group): (String, FailureGroup)) -> (i64, Value) {
    let lesson = Kind::from(kind.as_str()).lesson();
    let runs = group
        .runs
        .iter()
        .map(|(run, op, says, at)| json!({ "run": run, "op": op, "says": says, "at": at }));

    let row = json!({
        "class": lesson.class(), "kind": kind, "count": group.count, "days": group.days,
        "first": group.first, "last": group.last, "blames": lesson.blames_pattern(),
        "patterns": group.patterns, "tasks": group.tasks, "message": group.message,
        "lesson": lesson.advice(), "runs": runs.collect::<Vec<_>>(), "avoided": group.avoided,
    });
    (group.last, row)
}

/// Takes in what was recorded of patterns.
fn recorded(
    library: &Library,
    task: Option<&str>,
    counts_demo: bool,
    groups: &mut BTreeMap<String, FailureGroup>,
    tasks: &mut BTreeSet<String>,
) -> Result<(), PageError> {
    let optimizer = learned(library, counts_demo)?.optimizer;
    let classes = optimizer.failures(task)?;
    let avoided = optimizer.avoided_of(&classes, &[])?;

    for (class, avoided) in classes.into_iter().zip(avoided) {
        let group = groups.entry(class.kind).or_default();
        group.add(class.count, class.first_at * 1000, class.last_at * 1000, &class.message);
        if avoided {
            group.avoided.insert(class.pattern.clone());
        }

        group.patterns.insert(class.pattern);
        group.tasks.insert(class.task.clone());
        tasks.insert(class.task);
    }
    Ok(())
}

/// Takes in the failures of the newest runs; returns how many were looked at.
fn in_runs(
    library: &mut Library,
    groups: &mut BTreeMap<String, FailureGroup>,
) -> Result<usize, PageError> {
    let newest: Vec<_> = library.runs().iter().rev().take(RUNS_LOOKED).cloned().collect();

    for row in &newest {
        let digest = library.digest(row)?;
        for ((kind, _), found) in &digest.failures {
            let group = groups.entry(kind.clone()).or_default();
            group.add(found.count, found.first, found.last, &found.message);
            let is_named = group.runs.iter().any(|(run, ..)| *run == row.id);
            if !is_named && group.runs.len() < RUNS_NAMED {
                let op = found.op.as_ref().map(|(op, _)| *op);
                let says = match &found.op {
                    Some((_, name)) => format!("{}: {name}", row.script),
                    None => row.script.clone(),
                };
                group.runs.push((row.id.clone(), op, says, found.at));
            }
        }
    }
    Ok(newest.len())
}
