use super::*;
use crate::base::failure::Kind;
use serde_json::json;

fn events(bodies: &[Value]) -> Vec<(i64, Event)> {
    let read = |body: &Value| serde_json::from_value(body.clone()).expect("an event");
    (10..).zip(bodies.iter().map(read)).collect()
}

/// Returns the spans of events: their names, with when they began and ended.
fn spans(bodies: &[Value], content: SpanContent) -> Vec<WorkSpan> {
    let mut found = Vec::new();
    let mut fold = SpanFold::new(&RunId("1abc".to_owned()), content);
    for (at, event) in events(bodies) {
        fold.see(at, &event, &mut |span| found.push(span));
    }
    fold.finish(&mut |span| found.push(span));
    found
}

#[test]
fn only_an_operation_without_a_call_is_skipped() {
    let all = events(&[
        start(),
        json!({ "kind": "flow_started", "flow": 1, "name": "g", "max_concurrent": 2,
            "ops": [{ "op": 0, "name": "a", "does": "communicate" }, { "op": 1, "name": "b", "does": "call" }] }),
        json!({ "kind": "op_started", "flow": 1, "op": 0 }),
        json!({ "kind": "attempt_started", "flow": 1, "op": 0, "attempt": 1, "model": "m", "prompt": "go",
            "history": 0 }),
        json!({ "kind": "attempt_ended", "flow": 1, "op": 0, "attempt": 1, "reply": "yes" }),
        json!({ "kind": "op_started", "flow": 1, "op": 1 }),
        json!({ "kind": "op_ended", "flow": 1, "op": 0, "outcome": "completed", "value": "yes" }),
        json!({ "kind": "op_ended", "flow": 1, "op": 1, "outcome": "completed", "value": 1 }),
        json!({ "kind": "run_ended", "status": "ok" }),
    ]);

    let mut found = Vec::new();
    let mut fold = SpanFold::new(&RunId("1abc".to_owned()), SpanContent::Left);
    for (at, event) in all {
        if !fold.skip(at, &event) {
            fold.see(at, &event, &mut |span| found.push(span.name));
        }
    }
    assert_eq!(found, ["chat m", "a", "flow g", "invoke_workflow s.rhai"]);
}

fn start() -> Value {
    json!({ "kind": "run_started", "script": "s.rhai", "params": { "a": 1 }, "seed": 7, "program": "0.1.0" })
}

#[test]
fn what_is_under_way_at_the_end_ends_with_the_run() {
    let found = spans(
        &[
            start(),
            json!({ "kind": "flow_started", "flow": 1, "name": "g", "max_concurrent": 2,
                "ops": [{ "op": 0, "name": "a", "does": "communicate" }, { "op": 1, "name": "b", "does": "call" }] }),
            json!({ "kind": "op_started", "flow": 1, "op": 0 }),
            json!({ "kind": "attempt_started", "flow": 1, "op": 0, "attempt": 1, "model": "openai/m",
                "prompt": "go", "history": 0 }),
        ],
        SpanContent::Left,
    );

    let told: Vec<(String, i64, i64)> =
        found.iter().map(|span| (span.name.clone(), span.began, span.ended)).collect();
    let told: Vec<(&str, i64, i64)> =
        told.iter().map(|(name, began, ended)| (name.as_str(), *began, *ended)).collect();
    assert_eq!(
        told,
        [("chat m", 13, 13), ("a", 12, 13), ("flow g", 11, 13), ("invoke_workflow s.rhai", 10, 13)]
    );
    let unfinished = ("kaizen.unfinished", SpanValue::Flag(true));
    assert!(found.iter().all(|span| span.values.contains(&unfinished)));
}

#[test]
fn ids_follow_from_the_run_and_tell_its_parts_apart() {
    let retried = [
        start(),
        json!({ "kind": "op_started", "flow": 0, "op": 3, "name": "chat" }),
        json!({ "kind": "attempt_started", "flow": 0, "op": 3, "attempt": 1, "model": "m/m", "prompt": "x", "history": 0 }),
        json!({ "kind": "attempt_ended", "flow": 0, "op": 3, "attempt": 1, "failure": { "kind": "server", "message": "down" } }),
        // A run that was resumed counts from 1 again.
        json!({ "kind": "attempt_started", "flow": 0, "op": 3, "attempt": 1, "model": "m/m", "prompt": "x", "history": 0 }),
        json!({ "kind": "attempt_ended", "flow": 0, "op": 3, "attempt": 1, "reply": "y" }),
        json!({ "kind": "op_ended", "flow": 0, "op": 3, "outcome": "completed", "value": "y" }),
        json!({ "kind": "run_ended", "status": "ok" }),
    ];
    let first = spans(&retried, SpanContent::Left);
    let second = spans(&retried, SpanContent::Left);
    assert_eq!(first, second);

    let mut ids: Vec<String> = first.iter().map(|span| span.place.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(
        first.iter().all(|span| span.place.trace_id().len() == 32 && span.place.id().len() == 16)
    );
    assert_eq!(first[0].state, SpanState::Failed(String::new()));
    assert!(
        first[0].values.contains(&("error.type", SpanValue::Text(Kind::Server.word().to_owned())))
    );
}

#[test]
fn a_reply_that_was_reused_bears_no_tokens_and_no_cost() {
    let found = spans(
        &[
            start(),
            json!({ "kind": "op_started", "flow": 0, "op": 0, "name": "chat" }),
            json!({ "kind": "attempt_started", "flow": 0, "op": 0, "attempt": 1, "model": "gemini/m", "prompt": "x", "history": 0 }),
            json!({ "kind": "attempt_ended", "flow": 0, "op": 0, "attempt": 1, "reply": "y", "reused": "1xyz", "cost": 5_000_000,
                "usage": { "input_uncached": 1, "cache_read": 0, "cache_write": 0, "output_visible": 2, "reasoning": 0 } }),
        ],
        SpanContent::Left,
    );

    let names: Vec<&str> = found[0].values.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "gen_ai.operation.name",
            "gen_ai.provider.name",
            "gen_ai.request.model",
            "kaizen.attempt",
            "kaizen.reused",
            "gen_ai.response.finish_reasons",
        ]
    );
    assert_eq!(found[0].values[1].1, SpanValue::Text("gcp.gemini".to_owned()));
    assert_eq!(found[0].role, SpanRole::Internal);
}

#[test]
fn a_text_that_is_too_long_is_cut_at_a_character() {
    let long = "é".repeat(TEXT_MAX);
    assert_eq!(short(&long).len(), TEXT_MAX);
    assert_eq!(short("é"), "é");
}
