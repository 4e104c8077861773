//! What is given to kaizen's words: values of options, metrics, and the events that listeners get. What is
//! wrong is found before a call is paid.

use crate::support::Project;
use crate::support::server::Server;
use expect_test::expect;
use serde_json::Value;

/// Checks a script, and returns what was found, one line each.
fn found(script: &str) -> String {
    let project = Project::new();
    project.file("s.rhai", script);
    let ran = project.kaizen(&["check", "s.rhai", "--json"]);
    let lines = ran.stdout.lines().map(|line| {
        let fault: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let help = if fault["help"].is_null() { String::new() } else { format!(" | {}", text("help")) };
        format!("{} {}:{} {}{help}\n", text("code"), fault["line"], fault["column"], text("message"))
    });
    lines.collect()
}

#[test]
fn values_of_options_that_nothing_takes_are_found_before_the_first_call() {
    let script = r#"let b = branch(#{ system: 5 });
b.chat("x", #{ max_tokens: "ten" });
b.chat("x", #{ temperature: "hot", top_p: true });
b.communicate("x", #{ max_tokens: 0, attempts_max: -1, stop: 5 });
b.operate("x", #{ max_repairs: -1, check: "short", keep: "some" });
let limit = "ten";
b.chat("x", #{ max_tokens: limit, stream: 1, extra: [] });
let g = builder("g");
g.add_operation("chat", #{ name: 5, instruction: "x", retries: -1, gate: "yes" });
g.add_operation("chat", #{ instruction: "x", timeout_ms: 0, depends_on: 7, when: true });
g.add_operation("chat", #{ instruction: ["x"], on_failure: "ignore", retries: 1.5 });
session(b).flow(g, #{ max_concurrent: 0, budget: #{ max_cost: -1, max_call: 2 }, verbose: "no" });
optimizer(#{ memory: 1, objective: #{ qality: 1, time: "much" }, policy: "best" });
parallel([1], |x| x, #{ max_concurrent: "all" });
imodel("demo/echo", #{ timeout_ms: "10s" });
b.chat("fine", #{ max_tokens: 5, temperature: 1, stop: ["a"], on_length: "accept", timeout_ms: 0 });
"#;
    expect![[r#""#]].assert_eq(&found(script));
}

#[test]
fn names_of_metrics_that_nobody_reads_are_found() {
    let script = r#"let o = optimizer(#{ memory: true });
o.record_execution("t", "p", #{ succes_rate: 1.0 });
o.record_execution("t", "p", #{ success_rate: 1.0, time: 2.0 }, #{ of: #{ length: 1 } });
o.save_pattern_success("t", "p", #{ exection_time: 1.0 });
o.record_execution("t", "p", #{ success_rate: 1.0, speedup: 2.0, my_figure: 3 });
"#;
    expect![[r#"
        K0031 2:33 unknown metric `succes_rate` | did you mean `success_rate`?
        K0031 3:52 unknown metric `time` | did you mean `execution_time`?
        K0031 4:36 unknown metric `exection_time` | did you mean `execution_time`?
    "#]]
    .assert_eq(&found(script));

    // Where the map is no literal, the run finds it.
    let (ran, _) = Project::new().script(
        "let m = #{}; m[\"scor\"] = 1; m.success_rate = 1.0;\n\
         optimizer(#{ memory: true }).record_execution(\"t\", \"p\", m);",
    );
    assert!(
        ran.stderr.contains("unknown metric `scor`; did you mean `score`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn properties_that_an_event_does_not_have_are_errors() {
    let script = r#"let s = session(branch());
s.on("op_ended", |e| print(e.outcom));
s.on("attempt_ended", |event| print(event.tokens));
s.on("any", |e| print(e.kinds));
s.on("op_started", |e| print(e.name));
"#;
    expect![[r#""#]].assert_eq(&found(script));

    let server = Server::saying("x");
    let project = Project::new();
    let script = r#"let g = builder("g");
g.add_operation("chat", #{ name: "a", instruction: "x" });
let s = session(branch());
let heard = |e| print(e["outcom" + ""]);
s.on("op_ended", heard);
s.flow(g);
"#;
    project.with_server(&server).file("s.rhai", script);
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("a `op_ended` event has no property `outcom`; did you mean `outcome`?")
            || ran.stderr.contains("an `op_ended` event has no property `outcom`; did you mean `outcome`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_reason_is_said_once() {
    let project = Project::new();
    project.file("s.rhai", "1").file("kaizen.toml/x", "");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stderr, "error: reading `kaizen.toml`: it is not a file\n");

    let project = Project::new();
    project.file("s.rhai", "1").file(".kaizen", "no folder");
    let ran = project.kaizen(&["run", "s.rhai"]);
    let reasons = ran.stderr.matches("os error").count();
    assert!(reasons <= 1, "{}", ran.stderr);
}

#[test]
fn calls_that_are_made_where_functions_are_wanted_are_found() {
    let script = r#"let b = branch();
gather([b.communicate("a"), b.communicate("b")]);
attempt(b.chat("x"));
retry(3, session(b).flow(builder("g")));
gather([|| b.chat("a"), || b.chat("b")]);
attempt(|| b.chat("x"));
"#;
    expect![[r#"
        K0031 2:9 `gather` takes functions, but `communicate` is called before it | write `gather([|| .. .communicate(..), || ..])`: functions that make the calls
        K0031 3:9 `attempt` takes functions, but `chat` is called before it | write `|| .. .chat(..)`: a function that makes the call
        K0031 4:10 `retry` takes functions, but `flow` is called before it | write `|| .. .flow(..)`: a function that makes the call
    "#]]
    .assert_eq(&found(script));
}

#[test]
fn words_of_other_libraries_lead_to_the_right_ones() {
    let script = r#"let b = branch(#{ system_prompt: "x" });
b.clone();
let s = session(b);
s.new_branch();
let g = builder("x");
g.add("chat", #{ instruction: "x" });
g.add_operation("chat", #{ prompt: "x", node_id: "a" });
b.operate("x", #{ response_format: "a: string", timeout: 5 });
s.flow(g, #{ max_workers: 3 });
let o = optimizer();
o.record("t", "p", #{});
knowledge("k.json").should_avoid("t", "p");
"#;
    expect![[r#""#]].assert_eq(&found(script));
}
