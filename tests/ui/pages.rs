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
    expect![[r#""#]].assert_eq(&shape(hello));
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
    expect![[r#""#]].assert_eq(&shape(page.data("/api/runs")));

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
    expect![[r#""#]].assert_eq(&shape(run));
}

#[test]
fn a_run_has_rows_a_graph_and_a_log() {
    let project = project();
    let page = Page::of(&project);
    expect![[r#""#]].assert_eq(&shape(page.data("/api/run/@/rows")));
    expect![[r#""#]].assert_eq(&shape(page.data("/api/run/@/graph")));
    expect![[r#""#]].assert_eq(&shape(page.data("/api/run/@/log")));
}

#[test]
fn an_operation_is_told_in_full() {
    let project = project();
    let page = Page::of(&project);
    expect![[r#""#]].assert_eq(&shape(page.data("/api/run/@/op/0")));
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
    expect![[r#""#]].assert_eq(&shape(fold));

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
    expect![[r#""#]].assert_eq(&shape(page.data("/api/run/@")["waits"].take()));
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
    expect![[r#""#]].assert_eq(&shape(failures));

    let mut cost = page.data("/api/cost?by=script");
    cost["days"] = cost["days"].as_array().unwrap().len().into();
    expect![[r#""#]].assert_eq(&shape(cost));
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
               #{ expected: "a", judge: |answer, x| answer == x.a, branch: branch("demo/echo") });"#,
    );
    let ran = project.kaizen(&["run", "c.rhai", "-q"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let page = Page::of(&project);
    assert_eq!(page.data("/api/run/@")["cases"], true);
    expect![[r#""#]].assert_eq(&shape(page.data("/api/run/@/cases")));
    let wrong = page.data("/api/run/@/cases?only=differ");
    assert_eq!(wrong["rows"].as_array().unwrap().len(), 2);
}
