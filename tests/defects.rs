//! The defects of the original, each absent: named by their number there.

use crate::support::Project;
use crate::support::server::{Act, Server, answer, refusal};
use serde_json::{Value, json};

/// A graph of an operation, one that depends on it, and one that does not.
const THREE: &str = r#"
    let g = builder("g");
    let a = g.add_operation("communicate", #{ name: "a", instruction: "question one" });
    g.add_operation("communicate", #{ name: "b", instruction: "question two", depends_on: a });
    g.add_operation("communicate", #{ name: "c", instruction: "question three" });
    session().flow(g).to_map()
"#;

fn run(server: &Server, script: &str) -> (Option<i32>, Value) {
    let project = Project::new();
    let (ran, done) = project.with_server(server).script(script);
    assert!(done["type"] == "done", "{}\n{}", ran.stdout, ran.stderr);
    (ran.code, done)
}

#[test]
fn c1_a_refused_operation_failed_and_its_dependants_are_skipped() {
    let server = Server::start(|_, _, body| {
        if body.contains("question one") { refusal(400, "bad") } else { answer("fine") }
    });
    let (code, done) = run(&server, THREE);
    let value = &done["value"];
    assert_eq!(code, Some(5));
    assert_eq!(done["status"], "failed");
    assert_eq!(value["failed_operations"], json!(["a"]));
    assert_eq!(value["skipped_operations"], json!(["b"]));
    assert_eq!(value["completed_operations"], json!(["c"]));
    assert_eq!(value["errors"]["b"]["message"], "skipped: `a` failed");
    assert_eq!(value["errors"]["a"]["kind"], "bad_request");
    assert_eq!(done["metrics"]["success_rate"], json!(1.0 / 3.0));
    assert_eq!(server.bodies().len(), 2, "f3: what depends on a failure is not asked");
}

#[test]
fn c1_when_every_call_fails_nothing_succeeded() {
    let server = Server::start(|_, _, _| refusal(400, "bad"));
    let (code, done) = run(&server, THREE);
    assert_eq!(code, Some(5));
    assert_eq!(done["value"]["completed_operations"], json!([]));
    assert_eq!(done["value"]["metrics"]["success_rate"], json!(0.0));
}

#[test]
fn c2_an_empty_graph_is_an_error_and_divides_nothing() {
    let (ran, _) = Project::new().script("session().flow(builder(\"g\"))");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("the graph has no operation"), "{}", ran.stderr);
}

#[test]
fn f1_operations_without_dependencies_run_together_up_to_the_limit() {
    let script = |options: &str| {
        format!(
            "let g = builder(\"g\");
             for i in 0..3 {{ g.add_operation(\"communicate\", #{{ instruction: `n ${{i}}` }}); }}
             session().flow(g, #{{ {options} }}).metrics.max_in_flight"
        )
    };
    let server = Server::start(|_, _, _| Act::Until(3, Box::new(answer("x"))));
    let (code, done) = run(&server, &script(""));
    assert_eq!((code, server.most_in_flight()), (Some(0), 3));
    assert_eq!(done["value"], 3);
    let server = Server::start(|_, _, _| Act::After(30, Box::new(answer("x"))));
    let (_, done) = run(&server, &script("max_concurrent: 2"));
    assert_eq!((server.most_in_flight(), &done["value"]), (2, &json!(2)));
}

#[test]
fn f4_a_branch_that_the_session_does_not_know_is_an_error() {
    let server = Server::saying("x");
    let (code, done) = run(
        &server,
        r#"let g = builder("g");
           let make = || branch(#{ name: "other" });
           g.add_operation("communicate", #{ name: "a", instruction: "x", branch: make.call() });
           session().flow(g)"#,
    );
    assert_eq!(code, Some(1));
    let message = done["error"]["message"].as_str().unwrap();
    assert!(message.contains("`a`") && message.contains("`other`"), "{message}");
    assert_eq!(server.bodies().len(), 0);
}

#[test]
fn f5_only_the_arm_whose_condition_holds_runs() {
    let server =
        Server::start(|_, _, body| answer(if body.contains("check") { "yes" } else { "x" }));
    let (code, done) = run(
        &server,
        r#"let g = builder("g");
           let check = g.add_operation("communicate", #{ name: "check", instruction: "check" });
           let yes = g.add_operation("communicate", #{ name: "yes", instruction: "left" });
           let no = g.add_operation("communicate", #{ name: "no", instruction: "right" });
           let end = g.add_operation("communicate", #{ name: "end", instruction: "join" });
           g.add_edge(check, yes, #{ when: |answer| answer == "yes" });
           g.add_edge(check, no, #{ when: |answer| answer == "no" });
           [yes, no] >> end;
           session().flow(g).to_map()"#,
    );
    assert_eq!(code, Some(0), "{done}");
    assert_eq!(done["value"]["completed_operations"], json!(["check", "yes", "end"]));
    assert_eq!(done["value"]["skipped_operations"], json!(["no"]));
    assert_eq!(done["value"]["metrics"]["success_rate"], 1.0);
    assert!(!server.bodies().iter().any(|body| body.contains("right")));
}

#[test]
fn f6_each_item_of_an_expansion_reaches_the_model() {
    let server = Server::saying("x");
    let (code, done) = run(
        &server,
        r#"let g = builder("g");
           let items = g.add_operation(|| ["vans", "bikes", "trams"], #{ name: "items" });
           let each = g.expand(items, |item, i| #{ instruction: "Describe it." });
           session().flow(g).result("expand").len"#,
    );
    assert_eq!((code, &done["value"]), (Some(0), &json!(3)));
    let bodies = server.bodies();
    for item in ["vans", "bikes", "trams"] {
        assert_eq!(bodies.iter().filter(|body| body.contains(item)).count(), 1, "{bodies:?}");
    }
}

#[test]
fn f7_results_enter_a_prompt_under_their_names() {
    let server = Server::start(|n, _, _| answer(if n == 0 { "the draft text" } else { "x" }));
    run(
        &server,
        r#"let g = builder("g");
           let d = g.add_operation("communicate", #{ name: "draft", instruction: "Write." });
           g.add_operation("communicate", #{ name: "review", instruction: "Judge.", depends_on: d });
           session().flow(g)"#,
    );
    let second: Value = serde_json::from_str(&server.bodies()[1]).unwrap();
    assert_eq!(
        second["messages"][0]["content"],
        "<result name=\"draft\">\nthe draft text\n</result>\n\nJudge."
    );
}

#[test]
fn f8_a_misspelt_option_is_an_error_with_a_suggestion() {
    let server = Server::saying("x");
    let (code, done) = run(
        &server,
        r#"let o = #{ instrction: "x" }; builder("g").add_operation("communicate", o)"#,
    );
    assert_eq!(code, Some(1));
    assert_eq!(
        done["error"]["message"],
        "`add_operation` has no option `instrction`; did you mean `instruction`?"
    );
}

#[test]
fn f9_a_call_that_must_wait_for_its_turn_waits_and_is_never_empty() {
    let server = Server::saying("x");
    let (code, done) = run(
        &server,
        &format!(
            r#"let m = imodel(#{{ provider: "openai", model: "m", base_url: "{}",
                   requests_per_minute: 1200 }});
               let b = branch(m);
               [1, 2, 3].parallel(|i| b.chat(`n ${{i}}`))"#,
            server.url
        ),
    );
    assert_eq!((code, &done["value"]), (Some(0), &json!(["x", "x", "x"])));
}

#[test]
fn f12_gathered_calls_on_one_branch_keep_questions_with_their_answers() {
    let server = Server::start(|_, _, body| {
        let question = ["Q0", "Q1", "Q2"].into_iter().find(|q| body.contains(*q)).unwrap();
        // The last call is answered first.
        let ms = 90 - 40 * question[1..].parse::<u64>().unwrap();
        Act::After(ms, Box::new(answer(&question.replace('Q', "A"))))
    });
    let (_, done) = run(
        &server,
        r#"let b = branch();
           gather(["Q0", "Q1", "Q2"].map(|q| || b.communicate(q)));
           b.messages.map(|m| m.content)"#,
    );
    assert_eq!(done["value"], json!(["Q0", "A0", "Q1", "A1", "Q2", "A2"]));
}

#[test]
fn f2_a_forked_branch_starts_every_arm_from_the_same_history() {
    let server = Server::saying("x");
    run(
        &server,
        r#"let b = branch(#{ system: "s" });
           for arm in 0..3 { for task in 0..2 { b.fork().communicate(`arm ${arm} task ${task}`); } }"#,
    );
    let counts: Vec<usize> = server
        .bodies()
        .iter()
        .map(|body| {
            serde_json::from_str::<Value>(body).unwrap()["messages"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(counts, [2; 6]);
}

#[test]
fn a_failed_call_leaves_no_trace_in_the_conversation() {
    let server = Server::start(|n, _, _| if n == 1 { refusal(400, "bad") } else { answer("x") });
    let (_, done) = run(
        &server,
        r#"let b = branch();
           b.communicate("one");
           let r = attempt(|| b.communicate("two"));
           b.communicate("three");
           #{ kind: r.error.kind, said: b.messages.map(|m| m.content) }"#,
    );
    assert_eq!(done["value"], json!({ "kind": "bad_request", "said": ["one", "x", "three", "x"] }));
}

#[test]
fn a_gate_that_rejects_skips_what_hangs_on_it_and_names_itself() {
    for (result, closes) in [
        ("#{ verdict: \"reject\" }", true),
        ("#{ verdict: \"Reject\", why: \"unsafe\" }", true),
        ("#{ verdict: false }", true),
        ("false", true),
        ("\" Reject.\"", true),
        ("true", false),
        ("\"accept\"", false),
        ("#{ verdict: \"accept\" }", false),
        ("#{ rejects: 1 }", false),
        ("1", false),
        ("()", false),
    ] {
        let (ran, done) = Project::new().script(&format!(
            "let g = builder(\"g\"); \
             let gate = g.add_operation(|| {result}, #{{ name: \"review\", gate: true }}); \
             g.add_operation(|| 1, #{{ name: \"publish\", depends_on: gate }}); \
             session().flow(g).to_map()"
        ));
        assert_eq!(ran.code, Some(0), "{result}: {}", ran.stderr);
        let message = done["value"]["errors"]["publish"]["message"].as_str();
        let expected = closes.then_some("skipped: the gate `review` rejected it");
        assert_eq!(message, expected, "{result}");
    }
}

#[test]
fn a_stop_on_failure_cancels_what_is_in_flight() {
    let (ran, done) = Project::new().script(
        r#"let g = builder("g");
           g.add_operation(|| { sleep(20); throw "no" }, #{ name: "bad" });
           g.add_operation(|| sleep(60000), #{ name: "long" });
           session().flow(g, #{ on_failure: "stop" }).to_map()"#,
    );
    assert_eq!(ran.code, Some(1));
    assert_eq!(done["value"]["failed_operations"], json!(["bad"]));
    assert_eq!(done["value"]["cancelled_operations"], json!(["long"]));
}

#[test]
fn a_failure_that_is_accepted_reaches_the_next_operation() {
    let (ran, done) = Project::new().script(
        r#"let g = builder("g");
           let a = g.add_operation(|| throw "no luck", #{ name: "a", on_failure: "continue" });
           g.add_operation(|inputs| inputs.a.error.message, #{ name: "b", depends_on: a });
           session().flow(g, #{ allow_failures: true }).result("b")"#,
    );
    assert_eq!((ran.code, &done["value"]), (Some(0), &json!("no luck")), "{}", ran.stderr);
}

#[test]
fn an_operation_has_its_time_and_its_tries() {
    let (ran, done) = Project::new().script(
        r#"let g = builder("g");
           let tries = [];
           g.add_operation(|| { tries.push(1); if tries.len < 3 { throw "not yet" } tries.len },
               #{ name: "third", retries: 2 });
           g.add_operation(|| sleep(60000), #{ name: "slow", timeout_ms: 30 });
           g.add_operation(|| { loop {} }, #{ name: "busy", timeout_ms: 30 });
           session().flow(g).to_map()"#,
    );
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    let value = &done["value"];
    assert_eq!(value["operation_results"], json!({ "third": 3 }));
    assert_eq!(value["errors"]["slow"]["kind"], "timeout");
    assert_eq!(value["errors"]["busy"]["kind"], "timeout");
}
