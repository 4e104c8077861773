//! `kaizen plan SCRIPT`: what a run would ask, what it could reuse, and what it would cost. The
//! script runs, but no model is called, nothing is written and nobody is paid.

use crate::base::count::counted;
use crate::base::id::RunId;
use crate::base::path_text::path_of;
use crate::base::visible::on_one_line;
use crate::cli::app::exit::Exit;
use crate::cli::app::job::ScriptJob;
use crate::cli::app::project::Project;
use crate::cli::app::rehearsals::{
    Forecast, ForecastSetting, MORE_TIME_MAX, PlanEnd, SeedSource, TIME_MAX, forecast,
};
use crate::cli::app::{damage, signal};
use crate::cli::command::run::{RunOptions, block_on, read_script};
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::plan::PlanKind;
use crate::cli::render::underway::unbounded as unbounded_model;
use crate::cli::render::{self, diagnostic};
use crate::cli::{Global, print_data, print_line, say};
use crate::journal::event::{Event, RunKind};
use crate::journal::history::{self, HistoryError, RunRow};
use crate::journal::known_replies::{Replies, ReplyFollower};
use crate::journal::trace::Trace;
use crate::metrics::earlier_runs::CallHistory;
use crate::metrics::plan::Spending;
use crate::optimizer::trial::cases::KnownExecutions;
use crate::script::State;
use crate::store::durability::Durability;
use crate::store::{self, Reader, writer::Writer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
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
    /// The seed of the last of them, with which a plan makes the same choices.
    pub(in crate::cli) last_seed: Option<u64>,
    /// The parameters of each of them and its seed, the newest last.
    seeds: Vec<(Map<String, Value>, u64)>,
    /// How many runs were looked at, those of other scripts included.
    pub(in crate::cli) runs: usize,
    /// How many older ones were not.
    pub(in crate::cli) left_out: usize,
    /// What the executions of comparisons took.
    pub(in crate::cli) executions: KnownExecutions,
}

impl EarlierRuns {
    /// Returns the seed with which a run with these parameters makes the same requests as before: that of the
    /// last run with the same ones, or else that of the last run.
    pub(in crate::cli) fn seed(&self, params: &Map<String, Value>) -> Option<u64> {
        let same = self.seeds.iter().rev().find(|(earlier, _)| earlier == params);
        same.map(|(_, seed)| *seed).or(self.last_seed)
    }

    /// Says what is known. Which of the replies a run uses, only the run itself finds out.
    pub(in crate::cli) fn sentence(&self) -> String {
        let runs = counted(self.runs, "earlier run", "earlier runs");
        let left_out = match self.left_out {
            0 => String::new(),
            left_out => format!("; {} skipped", counted(left_out, "older run", "older runs")),
        };
        let known = self.replies.len();
        format!("reusing matching replies: {known} available from {runs}{left_out}")
    }

    /// Reads the newest runs of a project, of which those of the script count most.
    pub(in crate::cli) fn of(store: &Reader, script: &Path) -> anyhow::Result<EarlierRuns> {
        EarlierRuns::among(store, script, history::runs(store, LOOK_BACK)?)
    }

    /// Reads some runs of a project, the newest first.
    fn among(store: &Reader, script: &Path, rows: Vec<RunRow>) -> anyhow::Result<EarlierRuns> {
        let own = |text: &str| {
            let path = path_of(text);
            path == script || is_same(&path, script)
        };

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
            let replies = elsewhere.entry(row.script.clone()).or_default();
            past.learn(store, &row.id, replies, &mut |_, _| {})?;
        }
        for (_, others) in elsewhere {
            past.replies.absorb_elsewhere(others);
        }

        let mut known = Replies::default();
        for (age, row) in own.into_iter().enumerate().rev() {
            let mut trace = Trace::default();
            let counts = age < RUNS_MAX;
            let mut start = None;
            past.learn(store, &row.id, &mut known, &mut |at, event| {
                if let Event::RunStarted { seed, params, .. } = &event {
                    start = Some((params.clone(), *seed));
                }
                if counts && !matches!(event, Event::RequestPart { .. }) {
                    trace.see(at, &event.without_texts());
                }
            })?;
            past.last_seed = start.as_ref().map(|(_, seed)| *seed);
            past.seeds.extend(start);
            if counts {
                past.experience.learn_run(&trace);
            }
        }
        past.replies.absorb(known);
        Ok(past)
    }

    /// Takes in the events of a run one by one: of a large run, all of them together take much memory.
    fn learn(
        &mut self,
        store: &Reader,
        run: &RunId,
        replies: &mut Replies,
        see: &mut dyn FnMut(i64, Event),
    ) -> Result<(), HistoryError> {
        let mut follower = ReplyFollower::new(run.clone());
        damage::pass_events(store, run, &mut |at, event| {
            self.executions.see(&event);
            follower.see(replies, &event);
            see(at, event);
        })
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
    let seed = given.with.seed.or(past.seed(&params)).unwrap_or_else(|| given.seed());

    let writer = Rc::new(Writer::start(
        store::open_in_memory()?,
        Path::new(":memory:"),
        Durability::Process,
    )?);
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
        takes_over: None,
        again: None,
        may_ask: false,
        may_suspend: false,
    };

    let setting = ForecastSetting {
        experience: &past.experience,
        seed: match (given.with.seed, past.last_seed) {
            (Some(_), _) => SeedSource::Given,
            (None, Some(_)) => SeedSource::LastRun,
            (None, None) => SeedSource::Drawn,
        },
        first_time_max: TIME_MAX,
        patience: MORE_TIME_MAX,
    };

    let signals = signal::watch()?;
    let found = block_on(forecast(&job, &text, &past.replies, &setting, &signals))??;
    match found {
        Ok(forecast) => Ok(tell(global, project, &forecast, past.experience.runs())),
        Err(faults) => Ok(job.refuse(&faults)),
    }
}

/// Shows what planning a run has found, and returns how the run ends as far as that is known.
fn tell(global: &Global, project: &Project, forecast: &Forecast, runs: usize) -> Exit {
    let Forecast { plan, end, spent, rest_spent, unbounded, assumed } = forecast;
    let is_reusing = project.config.reuse();
    let (own_spending, own_spent) =
        if is_reusing { (plan.rest_spent, rest_spent) } else { (plan.spent, spent) };

    let exit = match (end, own_spent) {
        (PlanEnd::Fails(stop), _) => stop.exit,
        (PlanEnd::Interrupted(exit), _) => *exit,
        (_, Some(stop)) if own_spending == Spending::Surely => stop.exit,
        _ => Exit::Ok,
    };

    if global.json {
        print_data(render::plan::to_json(forecast, exit));
        return exit;
    }

    let told = if is_reusing { PlanKind::BothByDefault } else { PlanKind::Both };
    for line in render::plan::lines(plan, runs, told) {
        print_line(&line);
    }
    for (spending, line) in render::plan::spending(forecast, told) {
        let mood = if spending == Spending::Surely { Mood::Bad } else { Mood::Doubtful };
        print_line(&paint::out(&line, mood));
    }

    tell_assumed(assumed);
    for model in unbounded.iter().filter(|_| !global.quiet) {
        say(&unbounded_model(model));
    }
    tell_end(end, global.color);
    exit
}

/// Says what a plan takes to complete that has failed on every guess.
pub(in crate::cli) fn tell_assumed(assumed: &BTreeMap<String, String>) {
    for (op, fault) in assumed {
        say(&format!(
            "the plan assumes that `{}` completes; it failed with every guess: {}",
            on_one_line(op),
            on_one_line(fault)
        ));
    }
}

/// Says why a plan goes no further.
pub(in crate::cli) fn tell_end(end: &PlanEnd, color: bool) {
    match end {
        PlanEnd::Well => {}
        PlanEnd::Open(stopped) => {
            say("the plan stops here: the next step depends on a real reply:");
            say(&diagnostic::render(stopped, color));
        }
        PlanEnd::Fails(stop) => {
            say("the run fails here:");
            say(&diagnostic::render(&stop.fault, color));
        }
        PlanEnd::Interrupted(_) => say("interrupted; the plan is incomplete"),
    }
}

/// Reads what earlier runs of a script left, if the project has a store.
pub(in crate::cli) fn past(project: &Project, script: &Path) -> anyhow::Result<EarlierRuns> {
    match project.existing_store()? {
        Some(store) => EarlierRuns::of(&store, script),
        None => Ok(EarlierRuns::default()),
    }
}

/// Reads what earlier comparisons left, those of the same name first.
pub(in crate::cli) fn past_comparisons(
    project: &Project,
    name: &Path,
) -> anyhow::Result<EarlierRuns> {
    let Some(store) = project.existing_store()? else { return Ok(EarlierRuns::default()) };
    let mut rows = Vec::new();
    for row in history::runs(&store, LOOK_BACK)? {
        if history::kind(&store, &row.id)? == Some(RunKind::Comparison) {
            rows.push(row);
        }
    }
    EarlierRuns::among(&store, name, rows)
}
