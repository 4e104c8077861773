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
        let help =
            if fault["help"].is_null() { String::new() } else { format!(" | {}", text("help")) };
        format!(
            "{} {}:{} {}{help}\n",
            text("code"),
            fault["line"],
            fault["column"],
            text("message")
        )
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
    expect![[r#"
        K0031 1:27 option `system` of `branch`: must be a string, not an int
        K0031 2:28 option `max_tokens` of `chat`: must be a whole number of at least 1, not a string
        K0031 3:29 option `temperature` of `chat`: must be a number of at least 0, not a string
        K0031 3:43 option `top_p` of `chat`: must be a number from 0 to 1, not a bool
        K0031 4:35 option `max_tokens` of `communicate`: must be a whole number of at least 1, not 0
        K0031 4:52 option `attempts_max` of `communicate`: must be a whole number of at least 1, not -1
        K0031 4:62 option `stop` of `communicate`: must be a string or a list of strings, not an int
        K0031 5:32 option `max_repairs` of `operate`: must be a whole number of at least 0, not -1
        K0031 5:43 option `check` of `operate`: must be a function, `|answer| ..`, not a string
        K0031 5:58 option `keep` of `operate`: must be "all", "answer" or "nothing", not "some"
        K0031 7:28 option `max_tokens` of `chat`: must be a whole number of at least 1, not a string
        K0031 7:43 option `stream` of `chat`: must be true or false, not an int
        K0031 7:53 option `extra` of `chat`: must be a map, not an array
        K0031 9:34 option `name` of `add_operation`: must be a string, not an int
        K0031 9:64 option `retries` of `add_operation`: must be a whole number of at least 0, not -1
        K0031 9:74 option `gate` of `add_operation`: must be true or false, not a string
        K0031 10:58 option `timeout_ms` of `add_operation`: must be a whole number of at least 1, not 0
        K0031 10:73 option `depends_on` of `add_operation`: must be a node, the name of an operation, or a list of them, not an int
        K0031 10:82 option `when` of `add_operation`: must be a function, `|x| ..`, not a bool
        K0031 11:41 option `instruction` of `add_operation`: must be a string, not an array
        K0031 11:60 option `on_failure` of `add_operation`: must be "skip", "stop" or "continue", not "ignore"
        K0031 11:79 option `retries` of `add_operation`: must be a whole number of at least 0, not a float
        K0031 12:39 option `max_concurrent` of `flow`: must be a whole number of at least 1, not 0
        K0031 12:63 option `max_cost` of `budget`: must be a number of at least 0, not -1
        K0005 12:67 `budget` has no option `max_call` | did you mean `max_calls`?
        K0031 12:91 option `verbose` of `flow`: must be true or false, not a string
        K0031 13:22 option `memory` of `optimizer`: must be true or false, not an int
        K0005 13:39 `objective` has no option `qality` | did you mean `quality`?
        K0031 13:56 option `time` of `objective`: must be a number of at least 0, not a string
        K0031 13:74 option `policy` of `optimizer`: must be "learn", "greedy", "fixed", "guide" or "guide_knowledge", not "best"
        K0031 14:41 option `max_concurrent` of `parallel`: must be a whole number of at least 1, not a string
        K0004 15:1 `imodel` takes 1 argument, not 2 | write `imodel(#{ model: "provider/name", temperature: 0.0 })`
        K0031 15:36 option `timeout_ms` of `imodel`: must be a whole number of at least 0, not a string
    "#]].assert_eq(&found(script));
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
        K0031 4:37 unknown metric `exection_time` | did you mean `execution_time`?
    "#]]
    .assert_eq(&found(script));

    // Where the map is no literal, the run finds it.
    let (ran, _) = Project::new().script(
        "let m = #{}; m[\"scor\"] = 1; m.success_rate = 1.0;\n\
         optimizer(#{ memory: true }).record_execution(\"t\", \"p\", m);",
    );
    assert!(ran.stderr.contains("unknown metric `scor`; did you mean `score`?"), "{}", ran.stderr);
}

#[test]
fn properties_that_an_event_does_not_have_are_errors() {
    let script = r#"let s = session(branch());
s.on("op_ended", |e| print(e.outcom));
s.on("attempt_ended", |event| print(event.tokens));
s.on("any", |e| print(e.kinds));
s.on("op_started", |e| print(e.name));
"#;
    expect![[r#"
        K0030 2:30 an `op_ended` event has no property `outcom` | did you mean `outcome`?
        K0030 3:43 an `attempt_ended` event has no property `tokens` | it has: kind, flow, op, attempt, demo, reused, again, reply, cut, calls, opaque, usage, cost, served_by, failure, retry_in_ms, mended
        K0030 4:25 an event has no property `kinds` | did you mean `kind`?
    "#]].assert_eq(&found(script));

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
    let wanted = "an `op_ended` event has no property `outcom`; did you mean `outcome`?";
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
}

#[test]
fn a_reason_is_said_once() {
    let project = Project::new();
    project.file("s.rhai", "1").file("kaizen.toml/x", "");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stderr.matches("it is not a file").count(), 1, "{}", ran.stderr);

    let project = Project::new();
    project.file("s.rhai", "1").file(".kaizen", "no folder");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    assert!(ran.stderr.matches("os error").count() <= 1, "{}", ran.stderr);
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
        K0031 2:9 `gather` takes functions, but `communicate` is called before it | write `gather([|| .. .communicate(..), || ..])`, or `gather(items.map(|item| || .. .communicate(..)))`: functions that make the calls
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
    expect![[r#"
        K0005 1:19 `branch` has no option `system_prompt` | write `system`
        K0021 2:3 `clone` is from another language | write `branch.fork()` to copy a branch; other values are copied by `let b = a`
        K0021 4:3 `new_branch` is from another language | write `let b = branch();`, then `session.include_branch(b)`
        K0003 6:3 a builder has no method `add` | did you mean `add_aggregation`, `add_edge` or `add_operation`?
        K0005 7:28 `add_operation` has no option `prompt` | write `instruction`
        K0005 7:41 `add_operation` has no option `node_id` | write `name`
        K0005 8:19 `operate` has no option `response_format` | write `schema`
        K0005 8:49 `operate` has no option `timeout` | write `timeout_ms`
        K0005 9:14 `flow` has no option `max_workers` | write `max_concurrent`
        K0003 11:3 an optimizer has no method `record` | did you mean `record_execution` or `record_executions`?
        K0003 12:21 a knowledge has no method `should_avoid` | did you mean `should_avoid_pattern`?
    "#]].assert_eq(&found(script));
}
