//! `kaizen plan`: what a run would ask and cost, without asking, writing or keeping anything.

use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};
use expect_test::{Expect, expect};
use serde_json::Value;
use std::io::Write as _;
use std::process::Stdio;

const SCRIPT: &str = r#"
let s = session();
let g = builder("g");
let a = g.add_operation("communicate", #{ name: "a", instruction: "first question" });
let b = g.add_operation("communicate", #{ name: "b", instruction: param("b", "second") });
g.add_aggregation("communicate", #{ name: "c", source_node_ids: [a, b], instruction: "sum up" });
let report = s.flow(g);
write_text("out.txt", report.result("c"));
knowledge("learned.json").save_pattern_success("t", "p", #{ execution_time: 1.0 });
optimizer().record_execution("t", "p", report.metrics);
print("seen");
"#;

fn plan(project: &Project, arguments: &[&str]) -> Value {
    let ran = project.kaizen(&[&["plan", "s.rhai", "--json"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("one object: {}", ran.stdout))
}

/// Returns the names of all files of a project.
fn files(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_plan_asks_nothing_and_leaves_nothing() {
    let (project, server) = (Project::new(), Server::saying("x"));
    project.with_server(&server).file("s.rhai", SCRIPT);
    let mut planned = plan(&project, &["--allow-write"]);
    assert_eq!((&planned["calls"], &planned["calls_max"]), (&3.into(), &3.into()));
    assert_eq!(planned["reuse"]["reused"], 0);
    assert_eq!(planned["operations"][2]["after"], serde_json::json!(["a", "b"]));
    assert_eq!(planned["operations"][0]["rough"], true);
    assert_eq!(server.bodies().len(), 0);
    assert_eq!(files(&project), ["kaizen.toml", "s.rhai"]);
    let dry = project.kaizen(&["run", "s.rhai", "--dry-run", "--json", "--allow-write"]);
    let mut dry: Value = serde_json::from_str(&dry.stdout).unwrap();
    // How many guesses there was time for depends on the machine.
    let guesses = [&mut planned, &mut dry].map(|plan| plan["guesses"].take());
    assert!(guesses.iter().all(Value::is_u64));
    assert_eq!(dry, planned);
}

#[test]
fn earlier_runs_tell_what_is_reused_and_what_the_rest_takes() {
    let project = Project::new();
    let server = Server::start(|_, _, body| answer(&format!("answer to {}", body.len())));
    project.with_server(&server).file("s.rhai", SCRIPT);
    let ran = project.kaizen(&["run", "s.rhai", "--seed", "7", "--allow-write"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let runs = project.kaizen(&["runs", "--json"]).stdout;
    let planned = plan(&project, &["--allow-write"]);
    assert_eq!((&planned["calls"], &planned["calls_max"]), (&3.into(), &3.into()));
    assert_eq!((&planned["reuse"]["calls"], &planned["reuse"]["reused"]), (&0.into(), &3.into()));
    // A changed prompt changes what depends on it.
    let planned = plan(&project, &["-p", "b=another", "--allow-write"]);
    assert_eq!((&planned["reuse"]["calls"], &planned["reuse"]["reused"]), (&2.into(), &1.into()));
    assert_eq!(planned["operations"][1]["tokens_out"]["p50"], 5.0);
    assert_eq!(planned["operations"][1]["rough"], false);
    assert_eq!(planned["earlier_runs"], 1);
    assert_eq!(project.kaizen(&["runs", "--json"]).stdout, runs, "plans are no runs");
    assert_eq!(server.bodies().len(), 3);
}

#[test]
fn a_plan_that_never_ends_is_cut_and_says_so() {
    let project = Project::new();
    project.file("s.rhai", "let b = branch(); loop { b.chat(\"go on\"); }");
    let planned = plan(&project, &[]);
    let why = planned["ended_early"].as_str().unwrap();
    assert_eq!(why, "the script runs for more than 5 s without ending");
    assert_eq!((&planned["calls"], &planned["calls_max"]), (&1.into(), &Value::Null));
}

/// Plans a script that never ran; what differs from run to run is taken out.
fn fresh(script: &str, expected: &Expect) {
    let project = Project::new();
    project.file("s.rhai", script);
    let ran = project.kaizen(&["plan", "s.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = format!("{}{}", ran.stdout, ran.stderr);
    // How many guesses there was time for depends on the machine, and so does how long they are.
    let lines = text.lines().map(|line| {
        if let Some((start, rest)) = line.split_once(" guesses, with lists") {
            let start = start.trim_end_matches(|c: char| c.is_ascii_digit());
            return format!("{start}N guesses, with lists{rest}\n");
        }
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let cells = cells.map(|cell| if cell.contains("/~") { "~tokens" } else { cell });
        format!("{}\n", cells.collect::<Vec<_>>().join("  "))
    });
    expected.assert_eq(&lines.collect::<String>());

    // A session says the same of the same code, but for what it never reuses.
    let mut command = project.command(&["repl", "--quiet"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = script.replace('\n', " ");
    writeln!(child.stdin.take().unwrap(), ":plan {line}").unwrap();
    let session = Ran::from(child.wait_with_output().unwrap());
    let calls = |text: &str, column: usize| -> Vec<Vec<String>> {
        let rows = text.lines().filter(|line| line.contains("demo/") && !line.starts_with("run"));
        rows.map(|row| {
            let cells: Vec<&str> =
                row.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
            [0, column].map(|n| cells[n].to_owned()).to_vec()
        })
        .collect()
    };
    assert_eq!(calls(&session.stdout, 2), calls(&ran.stdout, 2), "{}", session.stderr);
}

#[test]
fn a_plan_of_an_unsound_script_names_the_fault() {
    let project = Project::new();
    project.file("s.rhai", "prnt(1)");
    let ran = project.kaizen(&["plan", "s.rhai"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("K0003"), "{}", ran.stderr);
}

#[test]
fn a_list_that_only_a_reply_can_tell_is_a_range() {
    fresh(
        r##"let g = builder("g");
let topics = g.add_operation("communicate", #{ name: "topics", instruction: "list topics",
    schema: #{ type: "array", items: #{ type: "string" } } });
let each = g.expand(topics, |t| #{ instruction: `write about ${t}` }, #{ name: "each" });
g.add_operation("communicate", #{ name: "sum", instruction: "sum up", depends_on: [each] });
session(branch("demo/echo")).flow(g)"##,
        &expect![[r#"
            g: topics ─▶ each ─▶ sum
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            topics  demo/echo  1  1  ~tokens  ~$0  -
            each  demo/echo  1 to 10  1 to 10  ~tokens  ~$0  -  topics
            sum  demo/echo  1  1  ~tokens  ~$0  -  each
            run: 3 to 12 calls · $0  (rough estimate: no earlier run)
            run --reuse: 3 to 12 calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
        "#]],
    );
}

#[test]
fn a_condition_on_a_reply_may_go_either_way() {
    fresh(
        r##"let g = builder("g");
let kind = g.add_operation("chat", #{ name: "kind", instruction: "bug or question?" });
g.add_operation("chat", #{ name: "fix", instruction: "fix it", depends_on: [kind], when: |i| i.kind.len > 9000 });
session(branch("demo/echo")).flow(g)"##,
        &expect![[r#"
            g: kind ─▶ fix
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            kind  demo/echo  1  1  ~tokens  ~$0  -
            fix  demo/echo  0 to 1  0 to 1  ~tokens  ~$0  -  kind
            run: 1 to 2 calls · $0  (rough estimate: no earlier run)
            run --reuse: 1 to 2 calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
        "#]],
    );
}

#[test]
fn a_branch_of_the_script_is_tried_both_ways() {
    fresh(
        r##"let b = branch("demo/echo");
let kind = b.chat("bug or question?");
if kind == "bug" { b.chat("fix"); b.chat("test"); } else if kind.contains("question") { b.chat("answer"); }"##,
        &expect![[r#"
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            chat  demo/echo  1 to 3  1 to 3  ~tokens  ~$0  -
            run: 1 to 3 calls · $0  (rough estimate: no earlier run)
            run --reuse: 1 to 3 calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
        "#]],
    );
}

#[test]
fn a_loop_until_a_reply_is_good_has_no_bound() {
    fresh(
        r##"let b = branch("demo/echo"); let tries = 0;
loop { tries += 1; if b.chat("draft") == "good" { break; } }"##,
        &expect![[r#"
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            chat  demo/echo  1 or more  1 or more  ~tokens  ~$0  -
            run: 1 or more calls · $0  (rough estimate: no earlier run)
            run --reuse: 1 or more calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
        "#]],
    );
}

/// Returns the least and the most calls of a plan.
fn planned_calls(script: &str) -> [Value; 2] {
    let project = Project::new();
    project.file("s.rhai", script);
    let planned = plan(&project, &[]);
    [planned["calls"].clone(), planned["calls_max"].clone()]
}

#[test]
fn calls_that_a_race_gives_up_have_begun() {
    let calls = [
        r#"race([|| branch().chat("a"), || branch().chat("b")])"#,
        r#"race([|| branch().chat("a"), || branch().chat("b"), || branch().chat("c")])"#,
        r#"race([|| branch().chat("a"), || race([|| branch().chat("b"), || branch().chat("c")])])"#,
        r#"race([|| "at once", || branch().chat("b")])"#,
        r#"race([|| { branch().chat("a"); branch().chat("then") }, || branch().chat("b")])"#,
        r#"race([|| branch().chat("a"), || { branch().chat("b"); branch().chat("then") }])"#,
        r#"attempt(|| gather([|| { branch().chat("a"); throw "x" }, || branch().chat("b")]))"#,
        r#"let t = task(|| branch().chat("a")); race([|| branch().chat("b"), || t.wait()])"#,
        r#"gather([|| branch().chat("a"), || branch().chat("b")])"#,
    ]
    .map(planned_calls);
    let expected = [[2, 2], [3, 3], [3, 3], [0, 0], [2, 3], [2, 3], [2, 2], [2, 2], [2, 2]];
    assert_eq!(calls, expected.map(|pair| pair.map(Value::from)));
}

#[test]
fn a_race_that_a_known_reply_decides_begins_the_other_calls() {
    let (project, server) = (
        Project::new(),
        Server::start(|_, _, body| if body.contains("slow") { Act::Hang } else { answer("x") }),
    );
    let script = r#"race([|| branch().chat("fast"), || branch().chat("slow")])"#;
    project.with_server(&server).file("s.rhai", script);
    let ran = project.kaizen(&["run", "s.rhai", "--seed", "7"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 2);

    let planned = plan(&project, &[]);
    assert_eq!((&planned["calls"], &planned["calls_max"]), (&2.into(), &2.into()));
    assert_eq!((&planned["reuse"]["calls"], &planned["reuse"]["reused"]), (&1.into(), &1.into()));
}

#[test]
fn rounds_are_bounded_by_the_script() {
    fresh(
        r##"let b = branch("demo/echo");
for i in 0..4 { b.chat(`draft ${i}`); if b.chat("is it good?") == "yes" { break; } }"##,
        &expect![[r#"
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            chat  demo/echo  2 to 8  2 to 8  ~tokens  ~$0  -
            run: 2 to 8 calls · $0  (rough estimate: no earlier run)
            run --reuse: 2 to 8 calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
        "#]],
    );
}

#[test]
fn lists_made_of_text_count_as_lists() {
    fresh(
        r##"let b = branch("demo/echo");
let lines = b.chat("ten ideas, one a line").split("\n");
parallel(lines, |line| b.chat(`rate ${line}`))"##,
        &expect![[r#"
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            chat  demo/echo  2 to 11  2 to 11  ~tokens  ~$0  -
            run: 2 to 11 calls · $0  (rough estimate: no earlier run)
            run --reuse: 2 to 11 calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
        "#]],
    );
}

#[test]
fn a_hundred_equal_rows_are_one() {
    fresh(
        r##"let g = builder("g"); let all = [];
for i in 0..100 { all.push(g.add_operation("chat", #{ name: `part_${i}`, instruction: `part ${i}` })); }
g.add_aggregation("chat", #{ name: "sum", source_node_ids: all, instruction: "sum up" });
session(branch("demo/echo")).flow(g)"##,
        &expect![[r#"
            g: part_0, part_1, part_2, part_3, part_4, part_5, … 94 more ─▶ sum
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            part_0 … part_99 (x 100)  demo/echo  100  100  ~tokens  ~$0  -
            sum  demo/echo  1  1  ~tokens  ~$0  -  part_0, part_1, part_2, part_3, part_4, part_5, … 94 more
            run: 101 calls · $0  (rough estimate: no earlier run)
            run --reuse: 101 calls · $0  (rough estimate: no earlier run)
        "#]],
    );
}

#[test]
fn a_plan_that_only_a_real_reply_takes_further_has_no_bound() {
    fresh(
        r##"let b = branch("demo/echo");
let found = b.chat("which?"); b.chat("more");
if found.len < 100000 { throw "not found"; } b.chat("last");"##,
        &expect![[r#"
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            chat  demo/echo  2 or more  2 or more  ~tokens  ~$0  -
            run: 2 or more calls · $0  (rough estimate: no earlier run)
            run --reuse: 2 or more calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
            the plan stops here: the next step depends on a real reply:
            error[K0100]: not found
            --> s.rhai:3:25
            |
            3 | if found.len < 100000 { throw "not found"; } b.chat("last");
            |  ^^^^^
        "#]],
    );
}

/// What ran before is told as it is for both kinds of runs.
#[test]
fn both_kinds_of_runs_are_told() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let b = branch(\"demo/echo\"); for p in [\"a\", param(\"b\", \"b\")] { b.chat(p); }",
    );
    project.kaizen(&["run", "s.rhai"]);
    let plan = |arguments: &[&str]| {
        let ran = project.kaizen(&[&["plan", "s.rhai"], arguments].concat());
        let text = format!("{}{}", ran.stdout, ran.stderr);
        // How long the demo model takes differs.
        let lines = text.lines().map(|line| line.split(" · critical").next().unwrap_or(line));
        let words = lines.map(|line| match line.split_once("$0 ") {
            Some((row, _)) if line.starts_with("chat") => format!("{row}$0"),
            _ => line.split("  time each").next().unwrap_or(line).trim_end().to_owned(),
        });
        words.collect::<Vec<_>>().join("\n")
    };
    expect![[r#"
        op    model      run  run --reuse  tokens in/out  cost
        chat  demo/echo    2            0            1/5    $0
        run: 2 calls · $0
        run --reuse: 0 calls, 2 replies reused"#]]
    .assert_eq(&plan(&[]));
    expect![[r#"
        op    model      run  run --reuse  tokens in/out  cost
        chat  demo/echo    1            1            1/5    $0
        run: 1 call · $0
        run --reuse: 1 call, 1 reply reused · $0   (from 1 earlier run)
        run: the budget is used up before the end: the limit of 1 call (`max_calls`) is reached (s.rhai:1:66)"#]]
    .assert_eq(&plan(&["-p", "b=c", "--max-calls", "1"]));
    project.file("kaizen.toml", "[run]\nreuse = true\n");
    expect![[r#"
        op    model      run --no-reuse  run  tokens in/out  cost
        chat  demo/echo               2    0            1/5    $0
        run --no-reuse: 2 calls · $0
        run: 0 calls, 2 replies reused"#]]
    .assert_eq(&plan(&[]));
}

#[test]
fn what_is_not_granted_stops_a_plan_as_it_stops_the_run() {
    for script in ["command(\"date\", [])", "http_get(\"http://example.invalid/\")"] {
        let project = Project::new();
        let text = format!("{script};\nbranch(\"demo/echo\").chat(\"a\");\n");
        project.file("s.rhai", &text);
        let (plan, run) = (project.kaizen(&["plan", "s.rhai"]), project.kaizen(&["run", "s.rhai"]));
        assert_eq!(run.code, Some(6), "{}", run.stderr);
        assert!(plan.stderr.contains("is not granted"), "{}{}", plan.stdout, plan.stderr);
        assert_eq!((plan.code, &plan.stderr), (run.code, &run.stderr), "{script}");
    }
}

#[test]
fn what_is_tried_again_until_it_succeeds_may_succeed_at_once() {
    fresh(
        r##"let b = branch("demo/echo");
retry(3, || { let a = b.chat("give"); if a.len != 77777 { throw "bad"; } a });"##,
        &expect![[r#"
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            chat  demo/echo  1 to 3  1 to 3  ~tokens  ~$0  -
            run: 1 to 3 calls · $0  (rough estimate: no earlier run)
            run --reuse: 1 to 3 calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
            the plan assumes that `retry (line 2)` completes; it failed with every guess: bad
        "#]],
    );
    fresh(
        r##"let b = branch("demo/echo");
let done = attempt(|| retry(3, || { let a = b.chat("give"); if a.len != 77777 { throw "bad"; } a }));
b.chat("end");"##,
        &expect![[r#"
            op  model  run  run --reuse  tokens in/out  cost  time each  after
            chat  demo/echo  2 to 4  2 to 4  ~tokens  ~$0  -
            run: 2 to 4 calls · $0  (rough estimate: no earlier run)
            run --reuse: 2 to 4 calls · $0  (rough estimate: no earlier run)
            ranges depend on replies: the plan tried N guesses, with lists of 1 to 10 items unless a schema or an earlier reply says more; a real reply may lead elsewhere
            the plan assumes that `retry (line 2)` completes; it failed with every guess: bad
        "#]],
    );
}
