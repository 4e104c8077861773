//! What each address answers, as a whole.

use super::{Page, SCRIPT, shape};
use crate::support::Project;
use expect_test::expect;
use serde_json::{Value, json};

fn project() -> Project {
    let project = Project::new();
    project.file("review.rhai", SCRIPT);
    let ran = project.kaizen(&["run", "review.rhai", "-q", "-p", "topic=green tea", "--seed", "7"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    project
}

#[test]
fn a_project_without_a_store_is_no_error() {
    let project = Project::new();
    let page = Page::of(&project);
    let mut hello = page.data("/api/hello");
    hello["project"] = Value::Null;
    expect![[r#"
        {
          "project": null,
          "program": "*",
          "format": 1,
          "store": ".kaizen/kaizen.db",
          "now": "*",
          "empty": true,
          "runs": 0,
          "running": 0,
          "waiting": 0,
          "fresh_failures": 0,
          "scripts": []
        }"#]]
    .assert_eq(&shape(hello));
    assert_eq!(page.data("/api/runs"), json!({ "rows": [], "next": null }));
    assert_eq!(page.get("/api/run/@").status, 404);
    assert_eq!(page.data("/api/learning"), json!({ "tasks": [], "demo_observations": 0 }));

    // It wakes up with the first run.
    project.file("s.rhai", "1");
    assert_eq!(project.kaizen(&["run", "s.rhai", "-q"]).code, Some(0));
    assert_eq!(page.data("/api/hello")["runs"], 1);
}

#[test]
fn runs_are_listed() {
    let project = project();
    let page = Page::of(&project);
    expect![[r#"
        {
          "rows": [
            {
              "id": "*",
              "script": "review.rhai",
              "kind": "script",
              "params": "topic=“green tea”",
              "status": "failed",
              "started_at": "*",
              "took": "*",
              "median": null,
              "ops": {
                "completed": 2,
                "failed": 1,
                "skipped": 1,
                "cancelled": 0,
                "running": 0,
                "waiting": 0
              },
              "calls": 2,
              "retries": 0,
              "reused": 0,
              "tokens": [
                23,
                31
              ],
              "cost": 0.0,
              "unknown_costs": 0,
              "demo": true,
              "failure": "operation `after` was skipped because `fails` failed: no <b>good</b>",
              "note": null,
              "tags": [],
              "resumes": null
            }
          ],
          "next": null
        }"#]]
    .assert_eq(&shape(page.data("/api/runs")));

    let fits = |filter: &str| {
        page.data(&format!("/api/runs?q={filter}"))["rows"].as_array().unwrap().len()
    };
    assert_eq!(
        [
            "script:review",
            "status:failed",
            "is:demo",
            "status:ok",
            "tag:x",
            "cost:%3E1",
            "green",
            "coffee"
        ]
        .map(fits),
        [1, 1, 1, 0, 0, 0, 1, 0]
    );
    let wrong = page.get("/api/runs?q=took:soon");
    assert_eq!(
        (wrong.status, wrong.json()["error"].as_str().unwrap().to_owned()),
        (400, "`took:soon`: expected a time, such as `took:>60` or `took:<500ms`".to_owned())
    );
}

#[test]
fn a_run_is_told_as_a_whole() {
    let project = project();
    let page = Page::of(&project);
    let mut run = page.data("/api/run/@");
    run["line"] = Value::Null;
    // Whether there was a pause depends on the machine.
    run["gaps"] = Value::Null;
    expect![[r#"
        {
          "id": "*",
          "script": "review.rhai",
          "kind": "script",
          "params": "topic=“green tea”",
          "status": "failed",
          "started_at": "*",
          "took": "*",
          "median": null,
          "ops": {
            "completed": 2,
            "failed": 1,
            "skipped": 1,
            "cancelled": 0,
            "running": 0,
            "waiting": 0
          },
          "calls": 2,
          "retries": 0,
          "reused": 0,
          "tokens": [
            23,
            31
          ],
          "cost": 0.0,
          "unknown_costs": 0,
          "demo": true,
          "failure": {
            "title": "ended early: skipped",
            "text": "operation `after` was skipped because `fails` failed: no <b>good</b>",
            "place": "review.rhai:11:12",
            "op": 1,
            "kind": "skipped"
          },
          "note": null,
          "tags": [],
          "resumes": null,
          "args": {
            "topic": "green tea"
          },
          "seed": "*",
          "program": "*",
          "terms": {
            "model": null,
            "max_cost": null,
            "max_tokens": null,
            "max_calls": null
          },
          "metrics": {
            "critical_path_time": "*",
            "speedup": null,
            "op_time": "*",
            "max_in_flight": 2,
            "success_rate": 0.5,
            "completed": 2,
            "failed": 1,
            "skipped": 1,
            "cancelled": 0,
            "calls": 2,
            "under_way": 0,
            "retries": 0,
            "repairs": 0,
            "mended": 0,
            "cut": 0,
            "reused": 0,
            "saved": 0.0,
            "input": 23,
            "output": 31,
            "cached": 0,
            "cost": 0.0,
            "known_cost": 0.0,
            "unknown_costs": 0,
            "budget": null,
            "demo_calls": 2,
            "tool_calls": 0,
            "tool_errors": 0
          },
          "planned": 4,
          "flows": [
            {
              "flow": 1,
              "name": "review",
              "within": null,
              "max_concurrent": 1024,
              "ops": 4,
              "start": "*",
              "end": "*",
              "took": "*"
            }
          ],
          "flight": "240 numbers",
          "gaps": null,
          "waits": null,
          "cases": false,
          "seq": 16,
          "complete": true,
          "value": null,
          "before": null,
          "after": null,
          "line": null,
          "notes": []
        }"#]]
    .assert_eq(&shape(run));
}

#[test]
fn a_run_has_rows_a_graph_and_a_log() {
    let project = project();
    let page = Page::of(&project);
    expect![[r#"
        {
          "rows": [
            {
              "op": 0,
              "flow": 1,
              "name": "first",
              "does": "communicate",
              "outcome": "completed",
              "because": null,
              "start": "*",
              "end": "*",
              "took": "*",
              "waited": "*",
              "segments": [
                [
                  "call",
                  "*",
                  "*",
                  null
                ]
              ],
              "critical": true,
              "model": "demo/echo",
              "demo": true,
              "tokens": [
                4,
                8
              ],
              "cost": 0.0,
              "calls": 1,
              "failure": null
            },
            {
              "op": 1,
              "flow": 1,
              "name": "fails",
              "does": "call",
              "outcome": "failed",
              "because": null,
              "start": "*",
              "end": "*",
              "took": "*",
              "waited": "*",
              "segments": [
                [
                  "run",
                  "*",
                  "*",
                  null
                ]
              ],
              "critical": false,
              "model": null,
              "demo": false,
              "tokens": null,
              "cost": null,
              "calls": 0,
              "failure": {
                "kind": "thrown",
                "message": "no <b>good</b>",
                "place": "review.rhai:5:42"
              }
            },
            {
              "op": 2,
              "flow": 1,
              "name": "after",
              "does": "communicate",
              "outcome": "skipped",
              "because": "`fails` failed",
              "start": null,
              "end": "*",
              "took": null,
              "waited": "*",
              "segments": [],
              "critical": false,
              "model": null,
              "demo": false,
              "tokens": null,
              "cost": null,
              "calls": 0,
              "failure": null
            },
            {
              "op": 3,
              "flow": 1,
              "name": "last",
              "does": "communicate",
              "outcome": "completed",
              "because": null,
              "start": "*",
              "end": "*",
              "took": "*",
              "waited": "*",
              "segments": [
                [
                  "call",
                  "*",
                  "*",
                  null
                ]
              ],
              "critical": true,
              "model": "demo/echo",
              "demo": true,
              "tokens": [
                19,
                23
              ],
              "cost": 0.0,
              "calls": 1,
              "failure": null
            }
          ],
          "next": null
        }"#]]
    .assert_eq(&shape(page.data("/api/run/@/rows")));
    expect![[r#"
        {
          "flow": 1,
          "nodes": [
            {
              "op": 0,
              "fold": null,
              "name": "first",
              "outcome": "completed",
              "took": "*",
              "tokens": [
                4,
                8
              ],
              "n": 1,
              "critical": true
            },
            {
              "op": 1,
              "fold": null,
              "name": "fails",
              "outcome": "failed",
              "took": "*",
              "tokens": null,
              "n": 1,
              "critical": false
            },
            {
              "op": 2,
              "fold": null,
              "name": "after",
              "outcome": "skipped",
              "took": null,
              "tokens": null,
              "n": 1,
              "critical": false
            },
            {
              "op": 3,
              "fold": null,
              "name": "last",
              "outcome": "completed",
              "took": "*",
              "tokens": [
                19,
                23
              ],
              "n": 1,
              "critical": true
            }
          ],
          "edges": [
            {
              "from": 1,
              "to": 2,
              "critical": false
            },
            {
              "from": 0,
              "to": 3,
              "critical": true
            }
          ],
          "left": 0
        }"#]]
    .assert_eq(&shape(page.data("/api/run/@/graph")));
    expect![[r#"
        {
          "rows": [
            {
              "seq": 15,
              "at": "*",
              "kind": "warn",
              "text": "half of green tea",
              "why": null,
              "more": null
            }
          ],
          "next": null
        }"#]]
    .assert_eq(&shape(page.data("/api/run/@/log")));
}

#[test]
fn an_operation_is_told_in_full() {
    let project = project();
    let page = Page::of(&project);
    expect![[r#"
        {
          "row": {
            "op": 0,
            "flow": 1,
            "name": "first",
            "does": "communicate",
            "outcome": "completed",
            "because": null,
            "start": "*",
            "end": "*",
            "took": "*",
            "waited": "*",
            "segments": [
              [
                "call",
                "*",
                "*",
                null
              ]
            ],
            "critical": true,
            "model": "demo/echo",
            "demo": true,
            "tokens": [
              4,
              8
            ],
            "cost": 0.0,
            "calls": 1,
            "failure": null
          },
          "attempts": [
            {
              "number": 1,
              "demo": true,
              "model": "demo/echo",
              "began": "*",
              "took": "*",
              "history": 0,
              "messages": [],
              "messages_left": 0,
              "prompt": {
                "text": "Say green tea.",
                "bytes": 14,
                "at": null
              },
              "key": "*",
              "sample": 0,
              "repair": false,
              "step": 0,
              "settings": {
                "text": "{\"attempts_max\":3}",
                "bytes": 18,
                "at": null
              },
              "schema": null,
              "tools": null,
              "choice": "auto",
              "reply": {
                "text": "[demo] you asked: Say green tea.",
                "bytes": 32,
                "at": null
              },
              "calls": null,
              "cut": false,
              "mended": [],
              "usage": {
                "input": 4,
                "output": 8,
                "cached": 0,
                "cache_write": 0,
                "reasoning": 0
              },
              "cost": 0.0,
              "served_by": null,
              "failure": null,
              "reused": null,
              "retry_in_ms": null
            }
          ],
          "calls_left": 0,
          "tools": [],
          "inputs": [],
          "used": [
            {
              "op": 3,
              "name": "last",
              "outcome": "completed"
            }
          ],
          "lesson": null,
          "value": {
            "text": "[demo] you asked: Say green tea.",
            "bytes": 32,
            "at": null
          },
          "median": null,
          "of": 0,
          "verdict": null,
          "teaches": false,
          "notes": []
        }"#]]
    .assert_eq(&shape(page.data("/api/run/@/op/0")));
    assert_eq!(page.get("/api/run/@/op/99").status, 404);
}

#[test]
fn many_operations_of_a_name_are_one_row() {
    let project = Project::new();
    project.file(
        "many.rhai",
        r#"let b = builder("many");
           for i in 0..30 {
               b.add_operation("communicate", #{ name: `item-${i}`, instruction: `Do ${i}.` });
           }
           session(branch("demo/echo")).flow(b);"#,
    );
    assert_eq!(project.kaizen(&["run", "many.rhai", "-q"]).code, Some(0));

    let page = Page::of(&project);
    let mut fold = page.data("/api/run/@/rows")["rows"][0].take();
    assert_eq!(fold["rows"].as_array().unwrap().len(), 9);
    fold["rows"] = Value::Null;
    expect![[r#"
        {
          "fold": "item-#",
          "flow": 1,
          "n": 30,
          "by": {
            "completed": 30
          },
          "p50": "*",
          "p95": "*",
          "first": "*",
          "last": "*",
          "bins": "160 numbers",
          "cost": 0.0,
          "tokens": [
            60,
            180
          ],
          "critical": true,
          "rows": null
        }"#]]
    .assert_eq(&shape(fold));

    let all = page.data("/api/run/@/rows?flow=1&fold=item-%23");
    assert_eq!((all["rows"].as_array().unwrap().len(), &all["next"]), (30, &Value::Null));
    let found = page.data("/api/run/@/rows?q=item-2");
    assert_eq!(found["rows"].as_array().unwrap().len(), 11);
    let graph = page.data("/api/run/@/graph");
    assert_eq!(
        (&graph["nodes"][0]["n"], graph["nodes"].as_array().unwrap().len()),
        (&json!(30), 1)
    );
}

#[test]
fn a_long_text_comes_in_parts() {
    let project = Project::new();
    let text = "ä€😀".repeat(20_000);
    project.file("long.rhai", &format!("branch(\"demo/echo\").chat(\"{text}\"); \"{text}\""));
    assert_eq!(project.kaizen(&["run", "long.rhai", "-q"]).code, Some(0));

    let page = Page::of(&project);
    let value = page.data("/api/run/@")["value"].take();
    let mut whole = value["text"].as_str().unwrap().to_owned();
    let place = value["at"].as_str().unwrap();
    assert!(whole.len() <= 16 * 1024 && value["bytes"] == text.len(), "{}", whole.len());
    while whole.len() < text.len() {
        let reply = page.get(&format!("/api/run/@/text/{place}?from={}", whole.len()));
        assert_eq!(reply.status, 200);
        assert!(!reply.body.is_empty() && reply.body.len() <= 64 * 1024, "{}", reply.body.len());
        whole.push_str(&reply.body);
    }
    assert_eq!(whole, text);
    assert_eq!(page.get(&format!("/api/run/@/text/{place}?from=1")).status, 400);
    assert_eq!(page.get("/api/run/@/text/0/reply").status, 404);
}

#[test]
fn what_people_note_is_kept_and_shown() {
    let project = project();
    let page = Page::of(&project);
    let note = page.post("/api/note", &json!({ "run": "@", "text": " good <b>one</b> " }));
    assert_eq!(note.json()["note"], "good <b>one</b>");
    let of_op = page.post("/api/note", &json!({ "run": "@", "op": 0, "text": "odd" }));
    assert_eq!((of_op.status, &of_op.json()["note"]), (200, &json!("good <b>one</b>")));
    assert_eq!(page.post("/api/note", &json!({ "run": "@", "op": 77, "text": "x" })).status, 404);
    assert_eq!(page.post("/api/note", &json!({ "run": "@", "text": " " })).status, 400);

    for label in ["nightly", "old", "nightly"] {
        page.post("/api/label", &json!({ "run": "@", "add": label }));
    }
    let labels = page.post("/api/label", &json!({ "run": "@", "remove": "old" }));
    assert_eq!(labels.json()["tags"], json!(["nightly"]));
    assert_eq!(page.post("/api/label", &json!({ "run": "@", "add": "two words" })).status, 400);
    assert_eq!(page.data("/api/runs?q=tag:nightly")["rows"][0]["tags"], json!(["nightly"]));

    page.post("/api/verdict", &json!({ "run": "@", "op": 0, "good": false }));
    let op = page.data("/api/run/@/op/0");
    assert_eq!((&op["verdict"]["good"], &op["notes"][0]["text"]), (&json!(false), &json!("odd")));
    page.post("/api/verdict", &json!({ "run": "@", "op": 0, "good": null }));
    assert_eq!(page.data("/api/run/@/op/0")["verdict"], Value::Null);

    // The terminal has the same.
    assert_eq!(project.kaizen(&["note", "@", "from here"]).code, Some(0));
    assert_eq!(project.kaizen(&["label", "@", "mine", "yours"]).code, Some(0));
    assert_eq!(project.kaizen(&["label", "@", "yours", "--remove"]).code, Some(0));
    let line = page.data("/api/runs")["rows"][0].take();
    assert_eq!((&line["note"], &line["tags"]), (&json!("from here"), &json!(["nightly", "mine"])));
    let notes = project.kaizen(&["note", "@", "--json"]).stdout;
    assert_eq!(notes.lines().count(), 12, "{notes}");
    let judged = [("--bad", json!(false)), ("--good", json!(true)), ("--no-verdict", json!(null))];
    for (flag, good) in judged {
        assert_eq!(project.kaizen(&["note", "@:first", flag]).code, Some(0));
        let shown = page.data("/api/run/@/op/0");
        assert_eq!(shown["verdict"]["good"], good, "{flag}");
    }
    let whole = project.kaizen(&["note", "@", "--good"]);
    assert_eq!(
        (whole.code, whole.stderr.as_str()),
        (Some(2), "error: a verdict is about an operation; name one: `@:OPERATION`\n")
    );
    let wrong = project.kaizen(&["note", "@:nothing", "x"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn a_question_is_shown_and_its_answer_checked() {
    let project = Project::new();
    project.file("ask.rhai", r#"print(ask("Release 1.2?", #{ options: ["yes", "no"] }));"#);
    assert_eq!(project.kaizen(&["run", "ask.rhai", "-q"]).code, Some(9));

    let page = Page::of(&project);
    assert_eq!(page.data("/api/hello")["waiting"], 1);
    expect![[r#"
        {
          "questions": [
            {
              "number": 1,
              "op": null,
              "text": "Release 1.2?",
              "options": [
                "yes",
                "no"
              ],
              "schema": null,
              "default": null,
              "due": null,
              "asked_at": "*"
            }
          ],
          "timers": []
        }"#]]
    .assert_eq(&shape(page.data("/api/run/@")["waits"].take()));
    let wrong = page.post("/api/answer", &json!({ "run": "@", "question": 1, "answer": "maybe" }));
    assert_eq!(
        (wrong.status, wrong.json()["error"].as_str().unwrap().to_owned()),
        (400, "`maybe` is not an option; the options are `yes`, `no`".to_owned())
    );

    let right = page.post("/api/answer", &json!({ "run": "@", "question": 1, "answer": "yes" }));
    let command = right.json()["command"].as_str().unwrap().to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).map(|word| word.trim_matches('\'')).collect();
    assert_eq!(project.kaizen(&words).stdout, "yes\n");
    assert_eq!(page.data("/api/hello")["waiting"], 0);
    let again = page.post(
        "/api/answer",
        &json!({ "run": words[1].split_once(':').unwrap().0,
        "question": 1, "answer": "yes" }),
    );
    assert_eq!(again.status, 409, "{again:?}");
}

#[test]
fn a_run_that_has_ended_is_not_stopped() {
    let project = project();
    let page = Page::of(&project);
    let stop = page.post("/api/stop", &json!({ "run": "@" }));
    assert_eq!(stop.status, 409, "{stop:?}");
}

#[test]
fn failures_and_costs_are_summed_up() {
    let project = project();
    let page = Page::of(&project);
    let mut failures = page.data("/api/failures");
    failures["rows"][0]["days"] = Value::Null;
    expect![[r#"
        {
          "rows": [
            {
              "class": "stopped",
              "kind": "skipped",
              "count": 1,
              "days": null,
              "first": "*",
              "last": "*",
              "blames": false,
              "patterns": [],
              "tasks": [],
              "message": "operation `after` was skipped because `fails` failed: no <b>good</b>",
              "lesson": "it was cancelled: look at the operation that failed first",
              "runs": [
                {
                  "run": "*",
                  "op": null,
                  "says": "review.rhai",
                  "at": "*"
                }
              ],
              "avoided": []
            },
            {
              "class": "request",
              "kind": "thrown",
              "count": 1,
              "days": "30 numbers",
              "first": "*",
              "last": "*",
              "blames": true,
              "patterns": [],
              "tasks": [],
              "message": "no <b>good</b>",
              "lesson": "the workflow requested something invalid: fix the script",
              "runs": [
                {
                  "run": "*",
                  "op": 1,
                  "says": "review.rhai: fails",
                  "at": "*"
                }
              ],
              "avoided": []
            }
          ],
          "tasks": [],
          "looked": "the newest 1 run, and everything recorded about patterns"
        }"#]]
    .assert_eq(&shape(failures));

    let mut cost = page.data("/api/cost?by=script");
    cost["days"] = cost["days"].as_array().unwrap().len().into();
    expect![[r#"
        {
          "days": 30,
          "models": [],
          "total": 0.0,
          "saved": 0.0,
          "unknown": 0,
          "caps": 0,
          "prices": "list prices of 2025-10-01",
          "by": [
            {
              "what": "review.rhai",
              "runs": 1,
              "calls": 2,
              "cost": 0.0,
              "per": 0.0
            }
          ],
          "looked": 1
        }"#]]
    .assert_eq(&shape(cost));
    assert_eq!(page.get("/api/cost?by=day").status, 400);
}

#[test]
fn a_damaged_store_has_a_sentence() {
    let project = Project::new();
    std::fs::create_dir_all(project.path().join(".kaizen")).unwrap();
    project.file(".kaizen/kaizen.db", &"no database at all".repeat(100));
    let page = Page::of(&project);
    let reply = page.get("/api/hello");
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.json()["help"].is_string(), "{reply:?}");
}

#[test]
fn a_comparison_is_a_table_of_inputs_and_patterns() {
    let project = Project::new();
    project.file(
        "c.rhai",
        r#"let o = optimizer(#{ objective: #{ quality: 1 } });
           o.compare("t", #{ echo: |x, b| b.chat(`a ${x.q}`), fix: |x, b| "right" },
               [#{ q: "one", a: "right" }, #{ q: "two", a: "wrong" }, #{ q: "three", a: "right" }],
               #{ judge: |answer, x| answer == x.a, branch: branch("demo/echo") });"#,
    );
    let ran = project.kaizen(&["run", "c.rhai", "-q"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let page = Page::of(&project);
    assert_eq!(page.data("/api/run/@")["cases"], true);
    // Which of two that run side by side is first depends on the machine.
    let mut table = page.data("/api/run/@/cases");
    let rows = table["rows"].take();
    let firsts: Vec<&Value> =
        rows.as_array().unwrap().iter().map(|row| &row["cells"][1]["answer"]).collect();
    assert_eq!(firsts, [&json!("right"); 3]);
    expect![[r#"
        {
          "task": "t",
          "tasks": [
            "t"
          ],
          "patterns": [
            {
              "name": "echo",
              "n": 3,
              "right": 0,
              "judged": 3,
              "score": 0.0,
              "cost": 0.0,
              "took": "*"
            },
            {
              "name": "fix",
              "n": 3,
              "right": 2,
              "judged": 3,
              "score": 0.6666666666666666,
              "cost": 0.0,
              "took": "*"
            }
          ],
          "rows": null,
          "next": null
        }"#]]
    .assert_eq(&shape(table));
    let wrong = page.data("/api/run/@/cases?only=differ");
    assert_eq!(wrong["rows"].as_array().unwrap().len(), 2);
}
