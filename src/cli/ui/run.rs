//! One run: its figures, its operations, one of them in full, its graph, its log and its texts.

use crate::base::id::{FlowId, OpId};
use crate::base::json::as_text;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::journal::annotation::{Annotation, AnnotationKind};
use crate::journal::event::RunStatus;
use crate::journal::history::RunRow;
use crate::optimizer::evidence::knowledge::amendment;
use crate::view::detail::extend;
use crate::view::log::{self, LINES_MAX};
use crate::view::row::{OpRow, RunClock, row};
use crate::view::skeleton::{Opening, Skeleton};
use crate::view::table::RowQuery;
use crate::view::text::{self, ShownText};
use crate::view::{detail, graph, overview, table};
use serde_json::{Map, Value, json};

/// Other runs whose operations of the same name are compared.
const EARLIER_MAX: usize = 10;
/// The verdict on a good answer, as it is kept.
const GOOD: &str = "good";
/// The verdict on a bad one.
const BAD: &str = "bad";

/// Returns a verdict as it is kept; one that takes another one back is empty.
pub(in crate::cli) fn verdict_word(good: Option<bool>) -> &'static str {
    match good {
        Some(true) => GOOD,
        Some(false) => BAD,
        None => "",
    }
}

/// Returns a run as a whole.
pub(in crate::cli) fn whole(library: &mut Library, name: &str) -> Result<Value, PageError> {
    let row = library.find(name)?;
    let line = library.line(&row)?;
    let (before, after) = library.around(&row);

    let value = library.value(&row.id)?;
    let value = value.map(|(seq, value)| ShownText::of(&as_text(&value), seq, "value"));

    let mut shown = json!(line);
    extend(&mut shown, body(library, &row)?);
    extend(
        &mut shown,
        json!({
            "value": value, "before": before, "after": after, "line": line,
            "notes": notes(&library.noted(&row.id)?),
        }),
    );
    Ok(shown)
}

/// Returns the notes among what was noted.
pub(in crate::cli) fn notes(noted: &[Annotation]) -> Vec<Value> {
    let all = noted.iter().filter(|one| one.kind == AnnotationKind::Note);
    all.map(|one| json!({ "at": one.at, "op": one.op, "text": one.body })).collect()
}

/// Returns the verdict that counts, if there is one.
fn verdict(noted: &[Annotation]) -> Value {
    let last = noted.iter().rfind(|one| one.kind == AnnotationKind::Verdict);
    let given = last.filter(|one| !one.body.is_empty());
    given.map_or(Value::Null, |one| json!({ "good": one.body == GOOD, "at": one.at }))
}

/// Returns the parts of a run that its line does not have.
pub(in crate::cli) fn body(library: &mut Library, row: &RunRow) -> Result<Value, PageError> {
    let clock = library.clock(row)?;
    let state = clock.state;
    let skeleton = library.skeleton(&row.id)?;

    let start = skeleton.start.as_ref();
    let max_cost = start.and_then(|start| start.terms.max_cost);
    let waits = skeleton.waits.as_ref().filter(|_| row.status == Some(RunStatus::Waiting));
    let failure = if state.is_live() { None } else { overview::failure(skeleton, state) };

    Ok(json!({
        "args": start.map_or_else(Map::new, |start| start.params.clone()),
        "seed": start.map(|start| start.seed.to_string()),
        "program": start.map(|start| start.program.clone()),
        "terms": start.map(terms),
        "metrics": overview::figures(&skeleton.metrics(), max_cost),
        "planned": skeleton.ops.len(), "failure": failure,
        "flows": overview::flows(skeleton),
        "flight": overview::flight(skeleton, clock), "gaps": overview::gaps(skeleton, clock),
        "waits": waits.map(|waits| overview::waiting(skeleton, waits)),
        "cases": skeleton.has_cases, "seq": skeleton.next - 1,
        "complete": !state.is_live(),
    }))
}

fn terms(start: &Opening) -> Value {
    json!({
        "model": start.terms.model, "max_cost": start.terms.max_cost,
        "max_tokens": start.terms.max_tokens, "max_calls": start.terms.max_calls,
    })
}

/// Returns rows of a run.
pub(in crate::cli) fn rows(
    library: &mut Library,
    name: &str,
    query: &RowQuery,
) -> Result<Value, PageError> {
    let (row, clock) = looked_at(library, name)?;
    let skeleton = library.skeleton(&row.id)?;
    Ok(json!(table::rows(skeleton, query, clock)))
}

/// Finds a run and the time up to which it is shown.
fn looked_at(library: &mut Library, name: &str) -> Result<(RunRow, RunClock), PageError> {
    let row = library.find(name)?;
    let clock = library.clock(&row)?;
    Ok((row, clock))
}

/// Returns the graph of a flow of a run; of its largest flow, if none is named.
pub(in crate::cli) fn graph(
    library: &mut Library,
    name: &str,
    flow: Option<FlowId>,
) -> Result<Value, PageError> {
    let (row, clock) = looked_at(library, name)?;
    let skeleton = library.skeleton(&row.id)?;
    let flow = flow.or_else(|| graph::largest_flow(skeleton)).unwrap_or_default();
    Ok(json!(graph::graph(skeleton, flow, clock)))
}

/// Returns one operation of a run in full.
pub(in crate::cli) fn operation(
    library: &mut Library,
    name: &str,
    op: OpId,
) -> Result<Value, PageError> {
    let (row, clock) = looked_at(library, name)?;
    let shared_name = library.skeleton(&row.id)?.name(op);
    let mut earlier = earlier(library, &row, &shared_name)?;
    let (median, of) = detail::usual(&mut earlier);

    let missing = || {
        PageError::new(404, format!("run {} has no operation {}", row.id, op.0))
            .help("open the run, and choose one of its operations")
    };
    let mut shown = library.detail(&row.id, op, clock)?.ok_or_else(missing)?;
    let execution = library.execution(&row.id, op)?;
    let teaches = match &execution {
        Some(execution) => amendment::teaches(library.opened()?, execution)
            .map_err(|error| PageError::new(503, error.to_string()))?,
        None => false,
    };
    let mut noted = library.noted(&row.id)?;
    noted.retain(|one| one.op == Some(op));
    extend(
        &mut shown,
        json!({
            "median": median, "of": of, "verdict": verdict(&noted), "teaches": teaches,
            "notes": notes(&noted),
        }),
    );
    Ok(shown)
}

/// Returns how long operations of a name took in earlier runs of a script.
fn earlier(library: &mut Library, row: &RunRow, op: &str) -> Result<Vec<i64>, PageError> {
    let same = library.runs().iter().rev().filter(|one| one.id < row.id);
    let same = same.filter(|one| one.script == row.script && one.status.is_some());
    let ids: Vec<_> = same.take(EARLIER_MAX).map(|one| one.id.clone()).collect();

    let mut times = Vec::new();
    for id in ids {
        let bones = library.skeleton(&id)?;
        let found = bones.find(op).and_then(|op| bones.ops.get(&op)?.took());
        times.extend(found);
    }
    Ok(times)
}

/// Returns a part of a text, from a byte on.
pub(in crate::cli) fn part(
    library: &mut Library,
    name: &str,
    seq: i64,
    field: &str,
    from: usize,
) -> Result<String, PageError> {
    let row = library.find(name)?;
    let event = library.event(&row.id, seq);
    let whole = event.and_then(|event| detail::field(&event, field));
    let whole = whole.ok_or_else(|| {
        let shown: String = field.chars().take(40).collect();
        PageError::new(404, format!("event {seq} of run {} has no text `{shown}`", row.id))
    })?;

    let part = text::part(&whole, from);
    part.map(str::to_owned)
        .ok_or_else(|| PageError::new(400, "the text has no part that begins there"))
}

/// Returns what was said in a run, from after an event on.
pub(in crate::cli) fn said(
    library: &mut Library,
    name: &str,
    after: Option<i64>,
) -> Result<Value, PageError> {
    let row = library.find(name)?;
    let skeleton = library.skeleton(&row.id)?;
    let first_at = skeleton.first_at;
    let open: Vec<i64> = skeleton
        .said
        .iter()
        .copied()
        .filter(|seq| after.is_none_or(|after| *seq > after))
        .take(LINES_MAX + 1)
        .collect();

    let shown = &open[..open.len().min(LINES_MAX)];
    let next = if open.len() > LINES_MAX { shown.last().copied() } else { None };
    let lines: Vec<_> = shown
        .iter()
        .filter_map(|seq| {
            let (at, event) = library.timed_event(&row.id, *seq)?;
            log::line(*seq, at - first_at, &event)
        })
        .collect();
    Ok(json!({ "rows": lines, "next": next }))
}

/// Returns rows that have changed since an event; `None` if they are too many.
pub(in crate::cli) fn changed(
    skeleton: &Skeleton,
    clock: RunClock,
    since: i64,
) -> Option<Vec<OpRow>> {
    let fresh = skeleton.ops.iter().filter(|(_, bones)| bones.touched > since);
    let ops: Vec<OpId> = fresh.map(|(op, _)| *op).take(table::ROWS_MAX + 1).collect();
    if ops.len() > table::ROWS_MAX {
        return None;
    }
    Some(ops.into_iter().filter_map(|op| row(skeleton, op, clock)).collect())
}
