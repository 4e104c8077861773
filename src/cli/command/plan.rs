//! `kaizen plan SCRIPT`: what a run would ask, what it could reuse, and what it would cost. The
//! script runs, but no model is called, nothing is written and nobody is paid.

use crate::base::count::counted;
use crate::base::id::RunId;
use crate::base::path_text::path_of;
use crate::cli::app::exit::Exit;
use crate::cli::app::forecast::{Forecast, MORE_TIME_MAX, forecast};
use crate::cli::app::job::ScriptJob;
use crate::cli::app::project::Project;
use crate::cli::app::{damage, signal};
use crate::cli::command::run::{RunOptions, block_on, read_script};
use crate::cli::render::plan::PlanKind;
use crate::cli::render::{self, diagnostic};
use crate::cli::{Global, print_data, print_line, say};
use crate::journal::event::Event;
use crate::journal::history::{self, RunRow};
use crate::journal::known_replies::Replies;
use crate::metrics::experience::CallHistory;
use crate::script::State;
use crate::script::diagnostic::Diagnostic;
use crate::store::{self, Connection, writer::Writer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

/// Most earlier runs of a script that tell what its calls take and cost.
const RUNS_MAX: usize = 20;
/// Most earlier runs whose replies are known.
const LOOK_BACK: usize = 100_000;
/// Most events of them, so that a large store neither fills the memory nor holds up a run.
const EVENTS_MAX: usize = 200_000;

/// What earlier runs of a script left.
#[derive(Debug, Default)]
pub(in crate::cli) struct EarlierRuns {
    /// Their replies.
    pub(in crate::cli) replies: Replies,
    /// What their calls took and cost.
    pub(in crate::cli) experience: CallHistory,
    /// The last of them.
    pub(in crate::cli) last: Option<(RunId, Vec<(i64, Event)>)>,
    /// How many runs were looked at, those of other scripts included.
    pub(in crate::cli) runs: usize,
    /// How many older ones were not.
    pub(in crate::cli) left_out: usize,
}

impl fmt::Display for EarlierRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = counted(self.runs, "earlier run", "earlier runs");

        let replies = match self.replies.len() {
            1 => "1 reply is".to_owned(),
            count => format!("{count} replies are"),
        };

        write!(f, "reusing replies: {replies} available from {runs}")?;
        match self.left_out {
            0 => Ok(()),
            left_out => write!(f, "; {} skipped", counted(left_out, "older run", "older runs")),
        }
    }
}

impl EarlierRuns {
    /// Reads the newest runs of a project, of which those of the script count most.
    pub(in crate::cli) fn of(store: &Connection, script: &Path) -> anyhow::Result<EarlierRuns> {
        let own = |text: &str| {
            let path = path_of(text);
            path == script || is_same(&path, script)
        };

        let rows = history::runs(store, LOOK_BACK)?;
        let (own, others): (Vec<RunRow>, Vec<RunRow>) =
            rows.into_iter().partition(|row| own(&row.script));

        // The script's own runs come first, so they are the last to be left out.
        let mut past = EarlierRuns::default();
        let mut room = EVENTS_MAX;
        let mut fit = |rows: Vec<RunRow>| -> anyhow::Result<Vec<RunRow>> {
            let mut kept = Vec::new();
            for row in rows {
                if room > 0 {
                    room = room.saturating_sub(history::count_events(store, &row.id)?);
                }
                if room > 0 {
                    kept.push(row);
                } else {
                    past.left_out += 1;
                }
            }
            Ok(kept)
        };
        let own = fit(own)?;
        let others = fit(others)?;
        past.runs = own.len() + others.len();

        // Each script has places of its own.
        let mut elsewhere: BTreeMap<String, Replies> = BTreeMap::new();
        for row in others.into_iter().rev() {
            let events = damage::events(store, &row.id)?;
            let replies = elsewhere.entry(row.script).or_default();
            replies.learn(&row.id, events.iter().map(|(_, event)| event));
        }
        for (_, others) in elsewhere {
            past.replies.absorb_elsewhere(others);
        }

        let mut known = Replies::default();
        for (age, row) in own.into_iter().enumerate().rev() {
            let events = damage::events(store, &row.id)?;
            known.learn(&row.id, events.iter().map(|(_, event)| event));
            if age < RUNS_MAX {
                past.experience.learn(&events);
            }
            past.last = Some((row.id, events));
        }
        past.replies.absorb(known);
        Ok(past)
    }
}

/// Tells whether two paths lead to one file.
pub(in crate::cli) fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// Shows what a run would do.
pub(in crate::cli) fn plan(global: &Global, given: &RunOptions) -> anyhow::Result<Exit> {
    let Some(params) = given.params() else { return Ok(Exit::Usage) };
    let Some(text) = read_script(&given.script) else { return Ok(Exit::Refused) };
    let project = given.project()?;
    let script = given.script.as_path();
    let past = past(&project, &given.script)?;
    let seed = given.with.seed.unwrap_or_else(|| seed_of(&past).unwrap_or_else(|| given.seed()));

    let writer = Rc::new(Writer::start(store::open_in_memory()?, Path::new(":memory:")));
    let models = Rc::new(project.models(seed)?);
    let reuse = None;
    let state = State::default();
    let project = &project;

    let job = ScriptJob {
        global,
        project,
        script,
        params,
        seed,
        models,
        writer,
        reuse,
        state,
        resumes: None,
        again: None,
        may_ask: false,
    };

    let flag = signal::watch()?.flag();
    let runs = past.experience.runs();
    let found = forecast(&job, &text, &past.replies, &past.experience, flag, MORE_TIME_MAX);
    let found = block_on(found)??;
    let Forecast { plan, stopped } = match found {
        Ok(forecast) => forecast,
        Err(faults) => return Ok(job.refuse(&faults)),
    };

    if global.json {
        let ended_early = stopped.as_ref().map(|stopped| stopped.message.as_str());
        print_data(render::plan::to_json(&plan, runs, ended_early));
        return Ok(Exit::Ok);
    }

    let is_default = project.config.reuse();
    let told = if is_default { PlanKind::BothByDefault } else { PlanKind::Both };
    for line in render::plan::lines(&plan, runs, told) {
        print_line(&line);
    }

    let asked = if is_default { &plan.rest } else { &plan.all };
    for line in render::plan::over(asked, &project.config.bounds()) {
        print_line(&line);
    }

    if let Some(stopped) = &stopped {
        tell_end(stopped, global.color);
    }
    Ok(Exit::Ok)
}

/// Says why a plan goes no further.
pub(in crate::cli) fn tell_end(stopped: &Diagnostic, color: bool) {
    say("the plan stops here: the next step depends on a real reply:");
    say(&diagnostic::render(stopped, color));
}

/// Reads what earlier runs of a script left, if the project has a store.
pub(in crate::cli) fn past(project: &Project, script: &Path) -> anyhow::Result<EarlierRuns> {
    match project.existing_store()? {
        Some(store) => EarlierRuns::of(&store, script),
        None => Ok(EarlierRuns::default()),
    }
}

/// Returns the seed of the last run, with which a plan makes the same choices.
pub(in crate::cli) fn seed_of(past: &EarlierRuns) -> Option<u64> {
    let (_, events) = past.last.as_ref()?;

    events.iter().find_map(|(_, event)| match event {
        Event::RunStarted { seed, .. } => Some(*seed),
        _ => None,
    })
}
