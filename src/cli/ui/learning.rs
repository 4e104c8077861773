//! What was learned about the patterns of a task type, how that came about, and what was decided by it.

use crate::cli::command::compare::verdict;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::optimizer::Optimizer;
use crate::optimizer::choice::policy::{Policy, RankedPattern, SAMPLES_MIN};
use crate::optimizer::choice::recommendation::percent;
use crate::optimizer::evidence::knowledge::{Knowledge, KnowledgeError};
use crate::optimizer::evidence::pattern::TaskType;
use crate::store;
use crate::view::overview::micros;
use serde_json::{Value, json};
use std::rc::Rc;

/// Points of a curve.
const POINTS: usize = 120;
/// Executions whose mean is a point of the curve.
const SMOOTH: usize = 20;
/// Parts of the time in which the shares of the patterns are told.
const PARTS: usize = 60;
/// Most decisions at once.
const DECISIONS_MAX: usize = 50;
/// Runs in which decisions are looked for.
const RUNS_LOOKED: usize = 300;
/// How wide a band around a mean holds nine of ten.
const NINE_OF_TEN: f64 = 1.645;

/// What was learned, opened to read.
pub(super) struct LearnedState {
    knowledge: Rc<Knowledge>,
    pub(super) optimizer: Optimizer,
}

/// Opens what was learned.
pub(super) fn learned(library: &Library, counts_demo: bool) -> Result<LearnedState, PageError> {
    library.opened()?;
    let knowledge = Rc::new(Knowledge::read(store::open_to_read(library.path())?));
    let demo = counts_demo || knowledge.counts_demo()?;
    let optimizer = Optimizer::new(knowledge.clone(), Policy::default(), demo);
    Ok(LearnedState { knowledge, optimizer })
}

/// Most task types of which one event tells that something was recorded.
const FRESH_MAX: usize = 20;

/// Returns the number of the last observation, and the task types of those after another one.
pub(super) fn recorded(
    library: &Library,
    since: Option<i64>,
) -> Result<(i64, Vec<String>), PageError> {
    let Some(store) = library.store() else { return Ok((0, Vec::new())) };
    let last = store.last_observation().map_err(KnowledgeError::from)?;
    let tasks = match since {
        Some(since) if since < last => {
            store.tasks_since(since, FRESH_MAX).map_err(KnowledgeError::from)?
        }
        _ => Vec::new(),
    };
    Ok((last, tasks))
}

/// Lists the task types.
pub(in crate::cli) fn list(library: &Library, counts_demo: bool) -> Result<Value, PageError> {
    if library.store().is_none() {
        return Ok(json!({ "tasks": [], "demo_observations": 0 }));
    }

    let LearnedState { knowledge, optimizer } = learned(library, counts_demo)?;
    let mut tasks = Vec::new();
    for (task, cells) in knowledge.all()? {
        let n: u64 = cells.values().map(|cell| cell.n).sum();
        let ranked = optimizer.standings(&task)?;
        tasks.push(json!({ "task": task.as_str(), "n": n, "state": says(&ranked) }));
    }
    let demo = if optimizer.learns_from_demo() { 0 } else { knowledge.demo_count()? };
    Ok(json!({ "tasks": tasks, "demo_observations": demo }))
}

/// Says in a sentence what is believed.
fn says(ranked: &[RankedPattern]) -> String {
    let Some(leader) = ranked.first() else { return "nothing is known yet".to_owned() };
    let few = if leader.cell.n < SAMPLES_MIN { ", from few observations" } else { "" };

    if ranked.len() == 1 {
        return format!("`{}` is the only known pattern{few}", leader.pattern);
    }
    format!("probably the best: `{}`, probability {}{few}", leader.pattern, percent(leader.best))
}

/// Returns everything about a task type; `before` is the number of decisions that are known already.
pub(in crate::cli) fn task(
    library: &mut Library,
    name: &str,
    before: usize,
    counts_demo: bool,
) -> Result<Value, PageError> {
    let task = TaskType::new(name).map_err(|error| PageError::new(400, error.to_string()))?;
    let LearnedState { knowledge, optimizer } = learned(library, counts_demo)?;
    let cells = knowledge.cells(&task)?;
    if cells.is_empty() {
        return Err(PageError::new(404, format!("nothing is known about `{name}`"))
            .help("the page `Learning` lists all task types"));
    }

    let mut ranked = optimizer.standings(&task)?;
    let objective = optimizer.objective(&task)?.describe();
    // The same figures as in `kaizen patterns`.
    let tested = verdict::last(library.opened()?, name)
        .map_err(|error| PageError::new(503, error.to_string()))?;
    let is_tested = tested.as_ref().is_some_and(|tested| tested.settle(&mut ranked, &objective));
    let n: u64 = cells.iter().map(|(_, cell)| cell.n).sum();
    let mut order: Vec<(i64, String)> = Vec::new();
    knowledge.of_task(&task, |seen| order.push((seen.at, seen.pattern.to_owned())))?;
    let since = order.first().map(|(at, _)| at * 1000);

    let curve = optimizer.curve(&task)?;
    let names: Vec<&str> = ranked.iter().map(|one| one.pattern.as_str()).collect();

    Ok(json!({
        "task": name, "n": n, "since": since, "objective": objective,
        "says": says(&ranked), "tested": tested.map(|tested| tested.sentence()), "is_tested": is_tested,
        "patterns": ranked.iter().map(pattern).collect::<Vec<_>>(),
        "smooth": SMOOTH.min(curve.len()), "curve": smooth(&curve),
        "choices": shares(&order, &names), "changes": changes(&ranked, curve.len()),
        "decisions": decisions(library, name, before)?,
    }))
}

fn pattern(one: &RankedPattern) -> Value {
    let cell = &one.cell;
    json!({
        "name": one.pattern.as_str(), "score": one.score, "low": one.interval.low,
        "high": one.interval.high, "best": one.best, "n": cell.n,
        "success": cell.success_rate(), "quality": cell.score.mean(),
        "time": cell.time.mean().map(micros), "tokens": cell.tokens.mean(),
        "cost": cell.cost.mean(), "last": (cell.last_at > 0).then_some(cell.last_at * 1000),
        "near": cell.n == 0,
        "avoided": one.avoided.then_some("mostly fails and is unlikely to be the best"),
        "note": one.shift.map(|shift| shift.sentence()),
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn float(number: usize) -> f64 {
    number as f64
}

/// Returns the mean of the last executions at some points of time, and a band that holds nine of ten such
/// means.
fn smooth(curve: &[f64]) -> Vec<(f64, f64, f64)> {
    let points = POINTS.min(curve.len());
    let one = |point: usize| {
        let end = (point + 1) * curve.len() / points;
        let window = &curve[end.saturating_sub(SMOOTH)..end];
        let n = float(window.len());
        let mean = window.iter().sum::<f64>() / n;
        let spread = window.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        let half = NINE_OF_TEN * (spread / n).sqrt();
        (mean, (mean - half).max(0.0), (mean + half).min(1.0))
    };
    (0..points).map(one).collect()
}

/// Returns the share of each pattern in each part of the executions.
fn shares(order: &[(i64, String)], names: &[&str]) -> Vec<Vec<f64>> {
    let parts = PARTS.min(order.len());
    let one = |part: usize| {
        let from = part * order.len() / parts;
        let to = (part + 1) * order.len() / parts;
        let of = |name: &&str| order[from..to].iter().filter(|(_, one)| one == name).count();
        names.iter().map(|name| float(of(name)) / float(to - from)).collect()
    };
    (0..parts).map(one).collect()
}

/// Says when patterns changed, between 0 and 1.
#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn changes(ranked: &[RankedPattern], n: usize) -> Vec<Value> {
    let one = |one: &RankedPattern| {
        let shift = one.shift?;
        let at = 1.0 - shift.ago as f64 / float(n.max(1));
        let says = format!("`{}` {}", one.pattern, shift.sentence());
        Some(json!({ "at": at.clamp(0.0, 1.0), "says": says }))
    };
    ranked.iter().filter_map(one).collect()
}

/// Returns the decisions of the newest runs on a task type, newest first.
fn decisions(library: &mut Library, task: &str, before: usize) -> Result<Value, PageError> {
    let newest: Vec<_> = library.runs().iter().rev().take(RUNS_LOOKED).cloned().collect();
    let mut rows = Vec::new();

    for row in newest {
        let run = &row.id;
        let digest = library.digest(&row)?;
        for seq in digest.said.iter().rev() {
            let found = library.timed_event(run, *seq);
            let Some((at, Event::EffectEnded { what, value, .. })) = found else { continue };
            if is_about(&what, task) && value["pattern"].is_string() {
                rows.push(json!({
                    "at": at, "run": run, "pattern": value["pattern"],
                    "probability": value["probability"], "explored": value["explored"],
                    "reason": if value["why"].is_string() { &value["why"] } else { &value["reason"] },
                    "score": value["score"], "failed": value["failed"], "op": null,
                }));
            }
        }
        if rows.len() > before + DECISIONS_MAX {
            break;
        }
    }

    let has_more = rows.len() > before + DECISIONS_MAX;
    let shown: Vec<Value> = rows.into_iter().skip(before).take(DECISIONS_MAX).collect();
    let next = has_more.then_some(before + DECISIONS_MAX);
    Ok(json!({ "rows": shown, "next": next }))
}

fn is_about(what: &Inquiry, task: &str) -> bool {
    match what {
        Inquiry::About(topic @ (Topic::Recommend | Topic::Run), about) => {
            topic.is_choice() && about == task
        }
        _ => false,
    }
}
