//! Going on from a run that did not end well.

use crate::base::id::{FlowId, RunId};
use crate::cli::plan::is_same;
use crate::cli::project::Project;
use crate::cli::{damage, show};
use crate::executor::Told;
use crate::journal::event::Event;
use crate::journal::history::{self, RunRow};
use crate::journal::replies::Replies;
use crate::metrics::Metrics;
use crate::metrics::fold::Flows;
use crate::store::Connection;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// How far back a run is looked for.
const LOOK_BACK: usize = 500;
/// Longest chain of runs that go on from one another.
const CHAIN_MAX: usize = 100;

/// What a run that did not end well has left.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) run: RunId,
    pub(super) script: PathBuf,
    pub(super) params: Map<String, Value>,
    pub(super) seed: u64,
    pub(super) replies: Replies,
    /// What it was told of the world.
    pub(super) told: Told,
    /// The figures of its flows.
    pub(super) figures: HashMap<FlowId, Metrics>,
    /// Calls that had no reply yet.
    in_flight: usize,
}

impl fmt::Display for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.replies.len();
        let replies =
            if count == 1 { "1 reply is".to_owned() } else { format!("{count} replies are") };
        write!(f, "resuming run {}: {replies} known", self.run)?;
        match self.in_flight {
            0 => Ok(()),
            1 => write!(f, "; 1 call was in flight and may be paid for once more"),
            calls => write!(f, "; {calls} calls were in flight and may be paid for once more"),
        }
    }
}

impl Resumed {
    /// Forgets what was answered once the operation called `step` had begun.
    fn until(mut self, events: &[(i64, Event)], step: &str) -> Result<Resumed, String> {
        let mut names = HashMap::new();
        let mut earlier = Replies::default();
        let mut begun = Vec::new();
        for (_, event) in events {
            match event {
                Event::FlowStarted { ops, .. } | Event::Expanded { ops, .. } => {
                    names.extend(ops.iter().map(|planned| (planned.op, planned.name.clone())));
                }
                Event::OpStarted { op, name: Some(name), .. } => {
                    names.insert(*op, name.clone());
                }
                _ => {}
            }
            if let Event::OpStarted { op, .. } = event
                && names.get(op).is_some_and(|name| name == step || op.0.to_string() == step)
            {
                earlier.learn(&self.run, begun);
                self.replies = earlier;
                return Ok(self);
            }
            begun.push(event);
        }
        let mut names: Vec<String> = names.into_values().collect();
        names.sort();
        names.dedup();
        Err(format!("run {} has no operation `{step}`; it has: {}", self.run, names.join(", ")))
    }
}

/// Finds the run to fork, with what it was answered before `step`.
pub(super) fn find_until(wanted: &str, step: &str) -> anyhow::Result<Result<Resumed, String>> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        return Ok(Err("there is no run yet to fork".to_owned()));
    };
    let row = match show::find(&store, wanted)? {
        Ok(row) => row,
        Err(reason) => return Ok(Err(reason)),
    };
    let events = damage::events(&store, &row.id)?;
    Ok(read(&store, row)?.and_then(|resumed| resumed.until(&events, step)))
}

/// Finds the run to go on from: the one that is `wanted`, or the last one, of the script if one is
/// given. The inner error says for people why there is none.
pub(super) fn find(wanted: &str, script: Option<&Path>) -> anyhow::Result<Result<Resumed, String>> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        return Ok(Err("there is no run yet to resume".to_owned()));
    };
    let row = if wanted.is_empty() {
        let own = |row: &RunRow| {
            script.is_none_or(|script| {
                Path::new(&row.script) == script || is_same(Path::new(&row.script), script)
            })
        };
        let rows = history::runs(&store, LOOK_BACK)?;
        match rows.into_iter().find(own) {
            Some(row) if row.status.as_deref() == Some("ok") => {
                return Ok(Err(format!(
                    "the last run, {}, ended well; `--resume={}` goes through it again",
                    row.id, row.id
                )));
            }
            Some(row) => row,
            None => return Ok(Err("there is no run of this script to resume".to_owned())),
        }
    } else {
        match show::find(&store, wanted)? {
            Ok(row) => row,
            Err(reason) => return Ok(Err(reason)),
        }
    };
    read(&store, row)
}

/// Reads a run and those that it went on from.
pub(super) fn read(store: &Connection, row: RunRow) -> anyhow::Result<Result<Resumed, String>> {
    let log = damage::read(store, &row.id)?;
    // Answers of the world are known by their order, so none counts after one that may be missing.
    let (sound, is_damaged) = (log.sound(), !log.damage.is_empty());
    let mut chain = vec![(row.id.clone(), log.events)];
    while let Some(before) = chain.last().and_then(|(_, events)| resumes(events))
        && chain.len() < CHAIN_MAX
    {
        let events = damage::events(store, &before)?;
        chain.push((before, events));
    }
    let mut replies = Replies::default();
    for (run, events) in chain.iter().rev() {
        replies.learn(run, events.iter().map(|(_, event)| event));
    }
    let (run, events) = chain.swap_remove(0);
    let started = events.iter().find_map(|(_, event)| match event {
        Event::RunStarted { params, seed, .. } => Some((params.clone(), *seed)),
        _ => None,
    });
    let Some((params, seed)) = started else {
        let reason = if is_damaged {
            "cannot be resumed: the event that started it, with its parameters and its seed, is \
             damaged"
        } else {
            "was stopped before anything was kept of it"
        };
        return Ok(Err(format!("run {run} {reason}")));
    };
    let (mut told, mut open) = (Told::new(), HashSet::new());
    let mut flows = Flows::default();
    for (index, (at, event)) in events.iter().enumerate() {
        flows.add(*at, event);
        match event {
            Event::Told { .. } if index >= sound => {}
            Event::Told { what, value } => {
                told.entry(what.clone()).or_default().push_back(value.clone());
            }
            Event::AttemptStarted { op, attempt, .. } => {
                open.insert((*op, *attempt));
            }
            Event::AttemptEnded { op, attempt, .. } => {
                open.remove(&(*op, *attempt));
            }
            _ => {}
        }
    }
    let (script, in_flight) = (PathBuf::from(row.script), open.len());
    let figures = flows.metrics();
    Ok(Ok(Resumed { run, script, params, seed, replies, told, figures, in_flight }))
}

fn resumes(events: &[(i64, Event)]) -> Option<RunId> {
    events.iter().find_map(|(_, event)| match event {
        Event::RunStarted { resumes, .. } => resumes.clone(),
        _ => None,
    })
}
