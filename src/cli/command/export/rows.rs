//! Runs as a table: a row for each call to a model, and one for each operation that made none.

use crate::base::csv;
use crate::base::json::as_text;
use crate::base::secret::scrubbed;
use crate::flow::outcome::Outcome;
use crate::journal::trace::{AttemptTrace, OpTrace, Trace};
use serde_json::Value;

/// The columns; docs/export.md says what they mean.
const COLUMNS: [&str; 24] = [
    "run",
    "script",
    "started_at",
    "status",
    "operation",
    "name",
    "flow",
    "does",
    "outcome",
    "seconds",
    "value",
    "attempt",
    "model",
    "served_by",
    "demo",
    "reused",
    "call_seconds",
    "tokens_in",
    "tokens_out",
    "cost",
    "failure",
    "message",
    "prompt",
    "reply",
];

/// Returns the head of the table.
pub(super) fn head() -> String {
    csv::line(&COLUMNS.map(str::to_owned))
}

/// Returns the rows of a run.
pub(super) fn rows(run: &str, trace: &Trace) -> Vec<String> {
    let start = trace.start.as_ref();
    let status = trace.end.as_ref().map_or(String::new(), |end| end.status.word().to_owned());
    let of_run = [
        run.to_owned(),
        start.map_or(String::new(), |start| start.script.clone()),
        start.map_or(String::new(), |start| time(start.when.at)),
        status,
    ];

    let mut lines = Vec::new();
    for (op, known) in &trace.operations {
        let member = trace.roster.get(*op).unwrap_or_default();
        let flow = trace.flows.get(&member.flow).map_or(String::new(), |flow| flow.name.clone());
        let does = member.does.to_owned();
        let of_op = [op.0.to_string(), trace.name(*op), flow, does];

        let calls: Vec<Option<&AttemptTrace>> = known.attempts.iter().map(Some).collect();
        let calls = if calls.is_empty() { vec![None] } else { calls };
        for call in calls {
            let known_before = of_run.iter().cloned().chain(of_op.iter().cloned());
            let row = known_before.chain(end(known)).chain(cells_of(call, known));
            lines.push(csv::line(&row.map(scrubbed).collect::<Vec<_>>()));
        }
    }
    lines
}

/// Returns how an operation ended: outcome, seconds and value.
fn end(op: &OpTrace) -> [String; 3] {
    let outcome = op.outcome().map_or(String::new(), |outcome| outcome.word().to_owned());
    let value = match op.outcome() {
        Some(Outcome::Completed { value }) if !value.is_null() => as_text(value),
        _ => String::new(),
    };
    [outcome, op.took().map_or(String::new(), seconds), value]
}

/// Returns the cells of a call; those of its operation's failure, if it made none.
fn cells_of(call: Option<&AttemptTrace>, op: &OpTrace) -> [String; 13] {
    let Some(call) = call else {
        let mut cells = [const { String::new() }; 13];
        if let Some(Outcome::Failed { failure }) = op.outcome() {
            failure.kind.word().clone_into(&mut cells[9]);
            cells[10].clone_from(&failure.message);
        }
        return cells;
    };

    let end = call.end.as_ref();
    let text = |text: Option<String>| text.unwrap_or_default();
    let took = call.started.zip(end).map(|(began, end)| seconds(end.when.at - began.at));
    let usage = end.and_then(|end| end.usage);
    let failure = end.and_then(|end| end.failure.as_ref());
    let cost = end.and_then(|end| end.cost).map(crate::base::unit::Money::dollars);

    [
        call.number.to_string(),
        call.model.clone(),
        text(end.and_then(|end| end.served_by.clone())),
        flag(call.demo),
        text(end.and_then(|end| end.reused.as_ref()).map(|run| run.0.clone())),
        text(took),
        text(usage.map(|usage| usage.input().to_string())),
        text(usage.map(|usage| usage.output().to_string())),
        text(cost.map(|cost| as_text(&Value::from(cost)))),
        text(failure.map(|failure| failure.kind.word().to_owned())),
        text(failure.map(|failure| failure.message.clone())),
        call.prompt.clone(),
        text(end.and_then(|end| end.reply.clone())),
    ]
}

fn flag(is_so: bool) -> String {
    if is_so { "1" } else { "0" }.to_owned()
}

fn seconds(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, (micros % 1_000_000).abs())
}

/// Writes a time in UTC.
fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or(String::new(), |time| time.to_string())
}
