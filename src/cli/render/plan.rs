//! How a plan looks: a row for each operation, equal rows together, and what it comes to.

use crate::base::unit::Money;
use crate::base::visible::on_one_line;
use crate::cli::app::exit::Exit;
use crate::cli::app::rehearsals::{Forecast, PlanEnd, ScriptStop};
use crate::cli::render::table;
use crate::cli::render::time::short;
use crate::executor::replies::guess::ITEMS_ASSUMED;
use crate::metrics::earlier_runs::Range;
use crate::metrics::plan::{CallRange, Count, Plan, PlanRow, Spending};
use crate::metrics::plan_graph::{PlanGraph, pattern};
use crate::metrics::rehearsal::Variation;
use serde_json::{Value, json};

/// Most names of one layer that a drawing shows.
const LAYER_MAX: usize = 6;
/// Fewest rows that differ only in a number of their names, from which they are one row.
const ALIKE_MIN: usize = 4;
/// Fewest rows that differ in nothing but their names, from which they are one row.
const EQUAL_MIN: usize = 12;

/// Which kinds of runs a plan tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum PlanKind {
    /// `run` asks everything, `run --reuse` only what is not known.
    Both,
    /// `run` asks only what is not known, as kaizen.toml says, and `run --no-reuse` everything.
    BothByDefault,
    /// Only a run that asks everything.
    All,
    /// Only a run that asks what is not known.
    Rest,
}

impl PlanKind {
    /// Names the run that asks everything.
    fn all(self) -> Option<&'static str> {
        match self {
            PlanKind::Both => Some("run"),
            PlanKind::BothByDefault => Some("run --no-reuse"),
            PlanKind::All => Some("calls"),
            PlanKind::Rest => None,
        }
    }

    /// Names the run that asks only what is not known.
    fn rest(self) -> Option<&'static str> {
        match self {
            PlanKind::Both => Some("run --reuse"),
            PlanKind::BothByDefault => Some("run"),
            PlanKind::All => None,
            PlanKind::Rest => Some("calls"),
        }
    }
}

/// Writes a plan for people.
pub(in crate::cli) fn lines(plan: &Plan, runs: usize, told: PlanKind) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(plan.graphs.iter().map(graph));

    if !plan.rows.is_empty() {
        lines.push(rows(plan, told));
    }

    lines.extend(told.all().map(|name| labelled(name, told, &all(plan, runs))));
    lines.extend(told.rest().map(|name| labelled(name, told, &rest(plan, runs))));
    lines.extend(doubt(plan));

    lines
}

/// Draws a graph, and says how often a run has it if that is more than once.
fn graph(graph: &PlanGraph) -> String {
    let layers: Vec<String> = graph.layers.iter().map(|layer| names(layer)).collect();
    let last = graph.last.as_ref().map(|last| format!(" … {}", on_one_line(last)));
    let last = last.unwrap_or_default();
    let times = match graph.count {
        Count { most: Some(0 | 1), .. } => String::new(),
        several => format!(" (x {})", count(several)),
    };

    format!("{}{last}{times}: {}", on_one_line(&graph.name), layers.join(" ─▶ "))
}

fn labelled(name: &str, told: PlanKind, text: &str) -> String {
    match told {
        PlanKind::Both | PlanKind::BothByDefault => format!("{name}: {text}"),
        PlanKind::All | PlanKind::Rest => text.to_owned(),
    }
}

/// Says in one line what a run asks and costs that asks everything.
fn all(plan: &Plan, runs: usize) -> String {
    let mut text = asked(&plan.all);
    if plan.all.calls.may_be() {
        if let Some(path) = plan.critical_path {
            text.push_str(&format!(" · critical path {}", took(path)));
        }
        text.push_str(&source(plan, runs));
    }

    text
}

/// Says in one line what a run asks and costs that uses what is known.
pub(in crate::cli) fn rest(plan: &Plan, runs: usize) -> String {
    let replies = if plan.reused == Count::exactly(1) { "reply" } else { "replies" };
    let text = format!("{}, {} {replies} reused", calls(plan.rest.calls), count(plan.reused));

    match plan.rest.calls.may_be() {
        true if plan.reused == Count::exactly(0) => {
            format!("{}{}", asked(&plan.rest), source(plan, runs))
        }
        true => format!("{text} · {}{}", cost(&plan.rest), source(plan, runs)),
        false => text,
    }
}

/// Says which of this many earlier runs tell something of this one.
fn source(plan: &Plan, runs: usize) -> String {
    match plan.runs {
        0 if runs > 0 => "   (rough estimate: no earlier run made such calls)".to_owned(),
        0 => "   (rough estimate: no earlier run)".to_owned(),
        1 => "   (from 1 earlier run)".to_owned(),
        runs => format!("   (from {runs} earlier runs)"),
    }
}

/// Says what the figures cannot know.
fn doubt(plan: &Plan) -> Vec<String> {
    if !plan.is_range() {
        return Vec::new();
    }

    let replies = format!(
        "ranges depend on replies: the plan tried {} guesses, with lists of 1 to {ITEMS_ASSUMED} \
         items unless a schema or an earlier reply says more; a real reply may lead elsewhere",
        plan.tried
    );
    let told = plan.depends_on.iter().filter_map(|difference| match difference {
        Variation::Replies => Some(replies.clone()),
        Variation::Order => Some("ranges depend on which call ends first".to_owned()),
        Variation::Chance => {
            Some("ranges depend on random numbers; `--seed N` makes them exact".to_owned())
        }
        Variation::Time => Some("ranges depend on how long calls take".to_owned()),
        Variation::World => {
            Some("ranges depend on pages and programs, which may also fail".to_owned())
        }
        Variation::Failures => Some("ranges depend on calls that may fail".to_owned()),
        // The line on the budget says it.
        Variation::Size => None,
    });

    let told: Vec<String> = told.collect();
    let is_told = !plan.depends_on.is_empty();
    if is_told { told } else { vec![replies] }
}

/// Says which runs a budget ends before their end, or may.
pub(in crate::cli) fn spending(forecast: &Forecast, told: PlanKind) -> Vec<(Spending, String)> {
    let Forecast { plan, spent, rest_spent, .. } = forecast;
    let all = (told.all(), plan.spent, spent);
    let rest = (told.rest(), plan.rest_spent, rest_spent);

    let line = |(name, spending, stop): (Option<&str>, Spending, &Option<ScriptStop>)| {
        let verb = match spending {
            Spending::Never => return None,
            Spending::Maybe => "may be",
            Spending::Surely => "is",
        };

        let fault = &stop.as_ref()?.fault;
        let place = fault.place.as_ref();
        let place = place.map(|place| format!(" ({}:{}:{})", place.file, place.line, place.column));
        let place = place.unwrap_or_default();
        let text = format!("the budget {verb} used up before the end: {}{place}", fault.message);
        Some((spending, labelled(name?, told, &text)))
    };
    [all, rest].into_iter().filter_map(line).collect()
}

fn asked(asked: &CallRange) -> String {
    let calls = calls(asked.calls);
    if asked.calls.may_be() { format!("{calls} · {}", cost(asked)) } else { calls }
}

fn calls(calls: Count) -> String {
    let noun = if calls == Count::exactly(1) { "call" } else { "calls" };
    format!("{} {noun}", count(calls))
}

fn count(count: Count) -> String {
    match count.most {
        Some(most) if most == count.least => most.to_string(),
        Some(most) => format!("{} to {most}", count.least),
        None => format!("{} or more", count.least),
    }
}

fn cost(asked: &CallRange) -> String {
    let known = asked.cost.map(|cost| match asked.calls.most {
        // However many calls cost nothing, they cost nothing.
        _ if is_free(cost) => dollars(cost),
        Some(_) => dollars(cost),
        None => format!("{} or more", dollars(Range { p95: cost.p50, ..cost })),
    });

    match (asked.unpriced, known) {
        (0, Some(known)) => known,
        _ if asked.cost.is_some_and(is_free) => "cost unknown".to_owned(),
        (1, Some(known)) => format!("{known} and 1 call of unknown price"),
        (unknown, Some(known)) => format!("{known} and {unknown} calls of unknown price"),
        (_, None) => "cost unknown".to_owned(),
    }
}

/// Draws the rows, equal ones together.
fn rows(plan: &Plan, told: PlanKind) -> String {
    let all = told.all().map(|n| format!(">{n}"));
    let rest = told.rest().map(|n| format!(">{n}"));
    let mut head = vec!["op", "model"];
    head.extend(all.as_deref());
    head.extend(rest.as_deref());
    head.extend([">tokens in/out", ">cost", ">time each", "after"]);

    let rows: Vec<Vec<String>> = folded(&plan.rows).iter().map(|row| cells(row, told)).collect();
    table::render(&head, &rows)
}

/// Puts rows together that follow each other and are equal but for their names.
fn folded(rows: &[PlanRow]) -> Vec<PlanRow> {
    let mut folded = Vec::new();
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let alike = rest.iter().take_while(|row| is_equal(row, first) && is_alike(row, first));
        let equal = rest.iter().take_while(|row| is_equal(row, first));

        let count = match (alike.count(), equal.count()) {
            (alike, _) if alike >= ALIKE_MIN => alike,
            (_, equal) if equal >= EQUAL_MIN => equal,
            _ => 1,
        };

        let (group, others) = rest.split_at(count);
        folded.push(together(group));
        rest = others;
    }

    folded
}

/// Tells whether two rows differ in nothing but their names and what they cost.
fn is_equal(one: &PlanRow, other: &PlanRow) -> bool {
    let pattern = |names: &[String]| names.iter().map(|name| pattern(name)).collect::<Vec<_>>();
    one.model == other.model
        && one.all.calls == other.all.calls
        && one.rest.calls == other.rest.calls
        && (one.after == other.after || pattern(&one.after) == pattern(&other.after))
}

/// Tells whether the names of two rows differ in their numbers only.
fn is_alike(one: &PlanRow, other: &PlanRow) -> bool {
    pattern(&one.name) == pattern(&other.name)
}

/// Makes one row of several.
fn together(rows: &[PlanRow]) -> PlanRow {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return PlanRow::default() };
    if rows.len() == 1 {
        return first.clone();
    }

    let mut all = first.clone();
    // The first and the last name say which rows are folded.
    all.name = format!("{} … {} (x {})", first.name, last.name, rows.len());
    for row in &rows[1..] {
        let wider =
            |all: Range, one: Range| Range { p50: all.p50.min(one.p50), p95: all.p95.max(one.p95) };
        (all.input, all.output) = (wider(all.input, row.input), wider(all.output, row.output));
        all.time = all.time.zip(row.time).map(|(all, one)| wider(all, one));
        all.is_rough |= row.is_rough;
        (all.all, all.rest) = (sum(&all.all, &row.all), sum(&all.rest, &row.rest));

        let new: Vec<String> =
            row.after.iter().filter(|name| !all.after.contains(name)).cloned().collect();
        all.after.extend(new);
    }

    all
}

fn is_free(cost: Range) -> bool {
    cost.p50 == 0.0 && cost.p95 == 0.0
}

fn sum(one: &CallRange, other: &CallRange) -> CallRange {
    let most = one.calls.most.zip(other.calls.most).map(|(one, other)| one + other);
    let cost = match (one.cost, other.cost) {
        (Some(one), Some(other)) => {
            Some(Range { p50: one.p50 + other.p50, p95: one.p95 + other.p95 })
        }
        (one, other) => one.or(other),
    };

    CallRange {
        calls: Count { least: one.calls.least + other.calls.least, most },
        cost,
        unpriced: one.unpriced + other.unpriced,
    }
}

fn names(layer: &[String]) -> String {
    let shown = layer.iter().take(LAYER_MAX).map(|name| on_one_line(name));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match layer.len().saturating_sub(LAYER_MAX) {
        0 => shown,
        more => format!("{shown}, … {more} more"),
    }
}

fn cells(row: &PlanRow, told: PlanKind) -> Vec<String> {
    let rough = if row.is_rough { "~" } else { "" };
    let shown = if told == PlanKind::Rest { &row.rest } else { &row.all };

    let (tokens, cost, time) = if shown.calls.may_be() && !row.model.is_empty() {
        let tokens = format!("{rough}{}/{rough}{}", whole(row.input), whole(row.output));
        let is_free = shown.cost.is_some_and(is_free);
        let open = if shown.calls.most.is_none() && !is_free { " or more" } else { "" };

        let cost = match (shown.cost, shown.unpriced) {
            (Some(_), unknown) if is_free && unknown > 0 => "unknown".to_owned(),
            (Some(cost), 0) => format!("{rough}{}{open}", dollars(cost)),
            (Some(cost), unknown) => format!("{rough}{}{open} + {unknown} unknown", dollars(cost)),
            (None, _) => "unknown".to_owned(),
        };

        (tokens, cost, row.time.map_or("-".to_owned(), took))
    } else {
        ("-".to_owned(), "-".to_owned(), "-".to_owned())
    };
    let model = if row.model.is_empty() { "?".to_owned() } else { row.model.clone() };

    let mut cells = vec![row.name.clone(), model];
    cells.extend(told.all().map(|_| count(row.all.calls)));
    cells.extend(told.rest().map(|_| count(row.rest.calls)));
    cells.extend([tokens, cost, time, names(&row.after)]);

    cells
}

/// Writes a range, or one value if both ends look the same.
fn span(range: Range, text: impl Fn(f64) -> String) -> String {
    let low = text(range.p50);
    let high = text(range.p95);
    if low == high { low } else { format!("{low}…{}", high.trim_start_matches('$')) }
}

fn whole(range: Range) -> String {
    span(range, |count| format!("{count:.0}"))
}

/// Writes a range of times, which may be far below a second.
fn took(range: Range) -> String {
    span(range, short)
}

fn dollars(range: Range) -> String {
    span(range, |dollars| Money::at_most(dollars).to_string())
}

/// Writes a plan for programs. `calls` is the least, `calls_max` the most, null if that is not known.
pub(in crate::cli) fn to_json(forecast: &Forecast, exit: Exit) -> Value {
    let Forecast { plan, end, spent, rest_spent, unbounded: _, assumed } = forecast;
    let (ended_early, fails) = match end {
        PlanEnd::Well => (None, false),
        PlanEnd::Open(fault) => (Some(fault.message.as_str()), false),
        PlanEnd::Fails(stop) => (Some(stop.fault.message.as_str()), true),
        PlanEnd::Interrupted(_) => (Some("the plan was interrupted"), false),
    };
    let budget = |spending: Spending, stop: &Option<ScriptStop>| {
        let is_sure = match spending {
            Spending::Never => return Value::Null,
            Spending::Maybe => false,
            Spending::Surely => true,
        };
        json!({ "sure": is_sure, "message": stop.as_ref().map(|stop| &stop.fault.message) })
    };
    let pair = |range: Range| json!({ "p50": range.p50, "p95": range.p95 });
    let figures = |asked: &CallRange| {
        json!({
            "calls": asked.calls.least, "calls_max": asked.calls.most,
            "cost": asked.cost.map(pair), "calls_of_unknown_price": asked.unpriced,
        })
    };

    let rows: Vec<Value> = plan
        .rows
        .iter()
        .map(|row| {
            let mut value = json!({
                "op": row.name, "model": row.model, "after": row.after,
                "tokens_in": pair(row.input), "tokens_out": pair(row.output),
                "rough": row.is_rough, "seconds": row.time.map(pair), "reuse": figures(&row.rest),
            });
            add(&mut value, figures(&row.all));
            value
        })
        .collect();

    let mut reuse = figures(&plan.rest);
    add(
        &mut reuse,
        json!({
            "reused": plan.reused.least, "reused_max": plan.reused.most,
            "budget_used_up": budget(plan.rest_spent, rest_spent),
        }),
    );

    let mut value = json!({
        "type": "plan", "operations": rows, "reuse": reuse, "guesses": number_of_guesses(plan),
        "critical_path_seconds": plan.critical_path.map(pair), "earlier_runs": plan.runs,
        "ended_early": ended_early, "fails": fails, "exit_code": exit.code(),
        "assumed_to_complete": assumed.keys().collect::<Vec<_>>(),
        "budget_used_up": budget(plan.spent, spent),
        "depends_on": plan.depends_on.iter().map(|one| one.word()).collect::<Vec<&str>>(),
    });

    add(&mut value, figures(&plan.all));
    value
}

fn number_of_guesses(plan: &Plan) -> u64 {
    // A plan that needs none is made once as well.
    if plan.tried > 1 { plan.tried as u64 } else { 0 }
}

fn add(value: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (value, more) {
        fields.extend(more);
    }
}
