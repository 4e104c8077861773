//! What a comparison did on each input: a row for each input, and a column for each pattern.

use crate::base::json::as_text;
use crate::cli::app::damage;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::cli::ui::query::AddressQuery;
use crate::journal::trace::Trace;
use crate::optimizer::trial::cases::{Case, CaseFilter, cases, filtered};
use crate::view::overview::micros;
use serde_json::{Value, json};

/// Most inputs at once.
const ROWS_MAX: usize = 100;
/// Characters of an input or an answer that are shown.
const SHOWN_MAX: usize = 2000;
/// A score from which on an answer is right.
const RIGHT: f64 = 0.5;

/// Returns the table of a comparison that a run made.
pub(in crate::cli) fn table(
    library: &mut Library,
    name: &str,
    query: &AddressQuery,
) -> Result<Value, PageError> {
    let row = library.find(name)?;
    let events = damage::events(library.opened()?, &row.id)?;
    let all = cases(&Trace::fold(&events));
    let mut tasks: Vec<&str> = all.iter().map(|case| case.task.as_str()).collect();
    tasks.dedup();

    let nothing = || {
        PageError::new(
            404,
            "the run is not a comparison, or was recorded by a version that did not store inputs",
        )
    };
    let task = query.text("task").or(tasks.first().copied()).ok_or_else(nothing)?;
    let of_task: Vec<Case> = all.iter().filter(|case| case.task == task).cloned().collect();
    let filter = match query.text("only") {
        None => CaseFilter::All,
        Some("wrong") => CaseFilter::Wrong,
        Some("differ") => CaseFilter::Differ,
        Some(_) => return Err(PageError::new(400, "`only` is `wrong` or `differ`")),
    };

    let patterns = patterns(&of_task);
    let after: u64 = query.number("after")?.unwrap_or(0);
    let mut numbers: Vec<u64> = filtered(&of_task, filter).iter().map(|case| case.number).collect();
    numbers.dedup();
    numbers.retain(|number| *number > after);

    let has_more = numbers.len() > ROWS_MAX;
    numbers.truncate(ROWS_MAX);
    let next = numbers.last().filter(|_| has_more).copied();
    let rows: Vec<Value> =
        numbers.into_iter().filter_map(|number| input(&of_task, number, &patterns)).collect();

    let columns: Vec<Value> = patterns.iter().map(|name| column(&of_task, name)).collect();
    Ok(json!({ "task": task, "tasks": tasks, "patterns": columns, "rows": rows, "next": next }))
}

/// Returns the patterns in the order in which they were compared.
fn patterns(cases: &[Case]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for case in cases {
        if !found.contains(&case.pattern) {
            found.push(case.pattern.clone());
        }
    }
    found
}

/// Sums up what a pattern did.
fn column(cases: &[Case], name: &str) -> Value {
    let own: Vec<&Case> = cases.iter().filter(|case| case.pattern == name).collect();
    let scores: Vec<f64> = own.iter().filter_map(|case| case.score).collect();
    let times: Vec<f64> = own.iter().filter_map(|case| case.time).collect();
    let cost: Option<f64> = own.iter().map(|case| case.cost).sum();
    let right = own.iter().filter(|case| case.score.is_some_and(|score| score >= RIGHT)).count();

    json!({
        "name": name, "n": own.len(), "right": right, "judged": scores.len(),
        "score": mean(&scores), "cost": cost, "took": mean(&times).map(micros),
    })
}

#[allow(clippy::cast_precision_loss, reason = "a few thousand cases")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns an input with what each pattern made of it.
fn input(cases: &[Case], number: u64, patterns: &[String]) -> Option<Value> {
    let own: Vec<&Case> = cases.iter().filter(|case| case.number == number).collect();
    let first = own.first()?;
    let cells: Vec<Value> = patterns
        .iter()
        .map(|name| {
            let all: Vec<&&Case> = own.iter().filter(|case| case.pattern == *name).collect();
            // Of several executions the first is shown; the others stand beside it.
            let mut cell = all.first().map_or(Value::Null, |case| cell(case));
            if all.len() > 1 {
                cell["repeats"] = all.iter().map(|case| json!(case.score)).collect();
            }
            cell
        })
        .collect();

    Some(json!({
        "number": number, "task": first.task, "input": shown(&first.input),
        "expected": first.expected.as_ref().map(shown), "cells": cells,
    }))
}

fn cell(case: &Case) -> Value {
    json!({
        "answer": case.answer.as_ref().map(shown), "score": case.score, "wrong": case.is_wrong(),
        "error": case.error, "cost": case.cost, "took": case.time.map(micros), "op": case.op,
    })
}

/// Writes a value; the only field of a map stands for itself.
fn shown(value: &Value) -> String {
    let text = match value.as_object() {
        Some(map) if map.len() == 1 => map.values().next().map_or_else(String::new, as_text),
        _ => as_text(value),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
