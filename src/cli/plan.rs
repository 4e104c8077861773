//! `kaizen plan SCRIPT`: what a run would ask, what it could reuse, and what it would cost. The
//! script runs, but no model is called, nothing is written and nobody is paid.

use crate::base::id::RunId;
use crate::base::unit::Money;
use crate::cli::exit::Exit;
use crate::cli::job::Job;
use crate::cli::project::Project;
use crate::cli::render::progress::{Mode, Progress};
use crate::cli::render::{diagnostic, table};
use crate::cli::run::{Given, block_on, read_script};
use crate::cli::{Global, damage, print_data, print_line, say, signal};
use crate::executor::Executor;
use crate::executor::reuse::Reuse;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::journal::history;
use crate::journal::replies::Replies;
use crate::metrics::plan::{Experience, Plan, Range, Row};
use crate::script::diagnostic::Diagnostic;
use crate::script::{ScriptError, State};
use crate::store::{self, Connection, writer::Writer};
use serde_json::json;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Most earlier runs of a script that are looked at.
const RUNS_MAX: usize = 20;
/// How far back they are looked for.
const LOOK_BACK: usize = 500;
/// Longest time that planning may take: a script that goes on until a reply is good never ends.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Most names of one layer that a drawing shows.
const LAYER_MAX: usize = 6;

/// What earlier runs of a script left.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Their replies.
    pub(super) replies: Replies,
    /// What their calls took and cost.
    pub(super) experience: Experience,
    /// The last of them.
    pub(super) last: Option<(RunId, Vec<(i64, Event)>)>,
}

impl Past {
    /// Reads the newest runs of a script.
    pub(super) fn of(store: &Connection, script: &Path) -> anyhow::Result<Past> {
        let own = |path: &str| Path::new(path) == script || is_same(Path::new(path), script);
        let mut rows = history::runs(store, LOOK_BACK)?;
        rows.retain(|row| own(&row.script));
        rows.truncate(RUNS_MAX);
        let mut past = Past::default();
        for row in rows.into_iter().rev() {
            let events = damage::events(store, &row.id)?;
            past.replies.learn(&row.id, events.iter().map(|(_, event)| event));
            past.experience.learn(&events);
            past.last = Some((row.id, events));
        }
        Ok(past)
    }
}

/// Tells whether two paths lead to one file.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// What planning a run has found.
pub(super) struct Forecast {
    pub(super) plan: Plan,
    /// Why it goes no further, if the script did not come to its end.
    pub(super) stopped: Option<Diagnostic>,
}

/// Plans a run of a script. Faults of the script are given back.
pub(super) async fn forecast(
    job: &Job<'_>,
    text: &str,
    replies: Replies,
    experience: &Experience,
    interrupted: Arc<AtomicBool>,
) -> anyhow::Result<Result<Forecast, Vec<Diagnostic>>> {
    let concurrency = job.project.config.concurrency();
    let executor = Executor::new(Journal::off(RunId::fresh()), job.seed, concurrency)
        .reusing(Rc::new(Reuse::planning(replies)));
    let progress = Progress::new(Mode::None, false);
    let open = job.open_with(executor, progress, interrupted.clone(), Rc::new(|_| {}))?;
    let program = match open.host.compile(text) {
        Ok(program) => program,
        Err(ScriptError::Refused(faults)) => return Ok(Err(faults)),
        Err(other) => anyhow::bail!("reading the script: {other:?}"),
    };
    let events: Rc<RefCell<Vec<Event>>> = Rc::default();
    let seen = events.clone();
    open.executor.listen(Rc::new(move |_, event| seen.borrow_mut().push(event.clone())));
    let clock = Clock::start(interrupted.clone());
    let result = open.host.run(&program).await;
    let is_over = clock.stop();
    let stopped = match result {
        Err(ScriptError::Failed(both)) if is_over => {
            // The flag was for the plan alone.
            interrupted.store(false, Ordering::SeqCst);
            let seconds = TIME_MAX.as_secs();
            let message = format!("the script goes on for more than {seconds} s without an end");
            Some(Diagnostic { message, ..both.1 })
        }
        Err(ScriptError::Failed(both)) => Some(both.1),
        Ok(_) | Err(ScriptError::Refused(_)) => None,
        Err(ScriptError::Store(error)) => return Err(error.into()),
    };
    let plan = crate::metrics::plan::plan(&events.borrow(), experience);
    Ok(Ok(Forecast { plan, stopped }))
}

/// Stops a plan that takes too long, also one that only computes.
struct Clock {
    /// Whether nothing needs to be stopped any more.
    is_done: Arc<AtomicBool>,
    /// Whether the plan was stopped.
    is_over: Arc<AtomicBool>,
}

impl Clock {
    fn start(flag: Arc<AtomicBool>) -> Clock {
        let (is_done, is_over): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let (done, over) = (is_done.clone(), is_over.clone());
        std::thread::spawn(move || {
            std::thread::sleep(TIME_MAX);
            if !done.load(Ordering::SeqCst) {
                over.store(true, Ordering::SeqCst);
                flag.store(true, Ordering::SeqCst);
            }
        });
        Clock { is_done, is_over }
    }

    /// Tells whether the time is over, and stops nothing any more.
    fn stop(self) -> bool {
        self.is_done.store(true, Ordering::SeqCst);
        self.is_over.load(Ordering::SeqCst)
    }
}

/// Shows what a run would do.
pub(super) fn plan(global: &Global, given: &Given) -> anyhow::Result<Exit> {
    let Some(params) = given.params() else { return Ok(Exit::Usage) };
    let Some(text) = read_script(&given.script) else { return Ok(Exit::Refused) };
    let project = given.project()?;
    let (script, past) = (given.script.as_path(), past(&project, &given.script)?);
    let seed = given.with.seed.unwrap_or_else(|| seed_of(&past).unwrap_or_else(|| given.seed()));
    let writer = Rc::new(Writer::start(store::open_in_memory()?, Path::new(":memory:")));
    let (models, reuse, state) = (Rc::new(project.models(seed)?), None, State::default());
    let project = &project;
    let job = Job {
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
    let found = block_on(forecast(&job, &text, past.replies, &past.experience, flag))??;
    let forecast = match found {
        Ok(forecast) => forecast,
        Err(faults) => return Ok(job.refuse(&faults)),
    };
    if global.json {
        print_data(to_json(&forecast, runs));
        return Ok(Exit::Ok);
    }
    for line in lines(&forecast.plan, runs) {
        print_line(&line);
    }
    if let Some(stopped) = &forecast.stopped {
        say("the plan ends here; what comes after depends on real replies:");
        say(&diagnostic::render(stopped, global.color));
    }
    Ok(Exit::Ok)
}

/// Reads what earlier runs of a script left, if the project has a store.
pub(super) fn past(project: &Project, script: &Path) -> anyhow::Result<Past> {
    match project.existing_store()? {
        Some(store) => Past::of(&store, script),
        None => Ok(Past::default()),
    }
}

/// Returns the seed of the last run, with which a plan makes the same choices.
pub(super) fn seed_of(past: &Past) -> Option<u64> {
    let (_, events) = past.last.as_ref()?;
    events.iter().find_map(|(_, event)| match event {
        Event::RunStarted { seed, .. } => Some(*seed),
        _ => None,
    })
}

/// Writes a plan for people.
pub(super) fn lines(plan: &Plan, runs: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, layers) in &plan.graphs {
        let layers: Vec<String> = layers.iter().map(|layer| names(layer)).collect();
        lines.push(format!("{name}: {}", layers.join(" ─▶ ")));
    }
    let head =
        ["op", "model", ">calls", ">reused", ">tokens in/out", ">cost", ">seconds each", "after"];
    let rows: Vec<Vec<String>> = plan.rows.iter().map(cells).collect();
    if !rows.is_empty() {
        lines.push(table::render(&head, &rows));
    }
    lines.push(summary(plan, runs));
    lines
}

/// Says in one line what a run would ask and cost.
pub(super) fn summary(plan: &Plan, runs: usize) -> String {
    let (calls, reused) = plan.calls();
    let noun = if calls == 1 { "call" } else { "calls" };
    let mut text = format!("{calls} {noun} to make, {reused} reused");
    if calls > 0 {
        text.push_str(&format!(" · {}", cost(plan)));
        if let Some(path) = plan.critical_path {
            text.push_str(&format!(" · critical path {} s", range(path, 1)));
        }
        text.push_str(&match runs {
            0 => "   (never run before: rough)".to_owned(),
            1 => "   (from 1 earlier run)".to_owned(),
            _ => format!("   (from {runs} earlier runs)"),
        });
    }
    text
}

fn cost(plan: &Plan) -> String {
    let (known, unknown) = plan.cost();
    let has_known = plan.rows.iter().any(|row| row.cost.is_some());
    match (unknown, has_known) {
        (0, _) => dollars(known),
        (1, true) => format!("{} and 1 call of unknown price", dollars(known)),
        (_, true) => format!("{} and {unknown} calls of unknown price", dollars(known)),
        (_, false) => "cost unknown".to_owned(),
    }
}

fn names(layer: &[String]) -> String {
    if layer.len() <= LAYER_MAX {
        return layer.join(", ");
    }
    format!("{}, … {} more", layer[..LAYER_MAX].join(", "), layer.len() - LAYER_MAX)
}

fn cells(row: &Row) -> Vec<String> {
    let rough = if row.is_rough { "~" } else { "" };
    let (tokens, cost, time) = if row.calls == 0 {
        ("-".to_owned(), "-".to_owned(), "-".to_owned())
    } else {
        let tokens = format!("{rough}{}/{rough}{}", range(row.input, 0), range(row.output, 0));
        let cost = match (row.cost, row.unpriced) {
            (Some(cost), 0) => format!("{rough}{}", dollars(cost)),
            (Some(cost), unknown) => format!("{rough}{} + {unknown} unknown", dollars(cost)),
            (None, _) => "unknown".to_owned(),
        };
        (tokens, cost, row.time.map_or("-".to_owned(), |time| range(time, 1)))
    };
    vec![
        row.name.clone(),
        row.model.clone(),
        row.calls.to_string(),
        row.reused.to_string(),
        tokens,
        cost,
        time,
        names(&row.after),
    ]
}

fn range(range: Range, digits: usize) -> String {
    let (low, high) = (format!("{:.digits$}", range.p50), format!("{:.digits$}", range.p95));
    if low == high { low } else { format!("{low}…{high}") }
}

fn dollars(range: Range) -> String {
    let text = |dollars: f64| Money::at_most(dollars).to_string();
    let (low, high) = (text(range.p50), text(range.p95));
    if low == high { low } else { format!("{low}…{}", high.trim_start_matches('$')) }
}

fn to_json(forecast: &Forecast, runs: usize) -> serde_json::Value {
    let plan = &forecast.plan;
    let pair = |range: Range| json!({ "p50": range.p50, "p95": range.p95 });
    let rows: Vec<serde_json::Value> = plan
        .rows
        .iter()
        .map(|row| {
            json!({
                "op": row.name, "model": row.model, "calls": row.calls, "reused": row.reused,
                "tokens_in": pair(row.input), "tokens_out": pair(row.output),
                "rough": row.is_rough, "cost": row.cost.map(pair),
                "calls_of_unknown_price": row.unpriced, "seconds": row.time.map(pair),
                "after": row.after,
            })
        })
        .collect();
    let ((calls, reused), (cost, unknown)) = (plan.calls(), plan.cost());
    json!({
        "type": "plan", "operations": rows, "calls": calls, "reused": reused,
        "cost": pair(cost), "calls_of_unknown_price": unknown,
        "critical_path_seconds": plan.critical_path.map(pair), "earlier_runs": runs,
        "ended_early": forecast.stopped.as_ref().map(|stopped| &stopped.message),
    })
}
