//! `kaizen test`: what passes, what fails and how that is told, cassettes and snapshots.

use crate::support::server::{Act, Server, answer, refusal};
use crate::support::{Project, Ran};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

/// Writes a project with one file of tests.
fn with_tests(text: &str) -> Project {
    let project = Project::new();
    project.file("kaizen.toml", "").file("tests/a_test.rhai", text);
    project
}

/// Runs tests, and returns what each of them ended as, with its message.
fn results(project: &Project, arguments: &[&str]) -> (Ran, Vec<(String, String, String)>) {
    let ran = project.kaizen(&[&["test", "--json"], arguments].concat());
    let lines: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tests = lines.iter().filter(|line| line["type"] == "test");
    let each = tests
        .map(|line| (text(&line["name"]), text(&line["status"]), text(&line["error"]["message"])));
    let each = each.collect();
    (ran, each)
}

/// Checks the messages of tests of one statement each.
fn check(statements: &[(&str, &str)]) {
    let mut text = String::new();
    for (number, (statement, _)) in statements.iter().enumerate() {
        text.push_str(&format!("fn test_{number}() {{ {statement} }}\n"));
    }
    let (ran, ended) = results(&with_tests(&text), &[]);
    assert_eq!(ended.len(), statements.len(), "{}", ran.stdout);
    for ((statement, expected), (_, status, message)) in statements.iter().zip(ended) {
        let wanted = if expected.is_empty() { "passed" } else { "failed" };
        assert_eq!((status.as_str(), message.as_str()), (wanted, *expected), "{statement}");
    }
}

#[test]
fn an_assertion_that_does_not_hold_shows_both_values() {
    check(&[
        ("assert(1 < 2)", ""),
        ("assert(1 > 2)", "the condition does not hold"),
        ("assert(1 > 2, \"one is less\")", "one is less"),
        ("for truth in [1] { assert(truth) }", "`assert`: argument 1 is an int, expected a bool"),
        ("assert_eq(1, 1.0)", ""),
        ("assert_eq(#{ a: [1, \"x\"] }, #{ a: [1.0, \"x\"] })", ""),
        ("assert_eq(41, 42)", "found 41, expected 42"),
        ("assert_eq(\"1\", 1)", "found \"1\", expected 1"),
        ("assert_eq((), false)", "found null, expected false"),
        ("assert_eq(|| 1, 1)", "`assert_eq` compares plain data, and a function is not plain data"),
        ("for a in [0.1] { assert_eq(a + 0.2, 0.3) }", ""),
        (
            "assert_eq(0.1, 0.10000001)",
            "found 0.1, expected 0.10000001; for floats write `assert_near(found, expected, tolerance)`",
        ),
        ("assert_ne(1, 2)", ""),
        ("assert_ne([1], [1.0])", "both are [1]"),
        ("assert_near(0.1 + 0.2, 0.3, 0.000001)", ""),
        ("assert_near(1, 3, 0.5)", "found 1, expected 3 within 0.5; they are 2 apart"),
        ("assert_near(\"1\", 1, 1)", "`assert_near`: argument 1 must be a number, not a string"),
        ("assert_eq(assert_throws(|| throw \"no\").message, \"no\")", ""),
        ("assert_throws(|| json(\"{\"), \"json\")", ""),
        ("assert_throws(|| 3)", "expected an error, but nothing was thrown; the value is 3"),
        (
            "assert_throws(|| throw \"no\", \"json\")",
            "thrown was `thrown` (no), expected was `json`",
        ),
    ]);
}

#[test]
fn a_failure_shows_its_place_what_was_printed_and_a_difference() {
    let project = with_tests(
        "import \"../lib/count\" as c;\n\
         fn test_passes() { print(\"unseen\"); }\n\
         fn test_list() {\n    print(\"seen\");\n    assert_eq(c::upto(30), c::upto(29));\n}\n\
         fn test_deep() { c::check(1); }\n",
    );
    project.file(
        "lib/count.rhai",
        "fn upto(n) { (0..n).to_array() }\nfn check(x) { assert_eq(x, 2) }\n",
    );
    let ran = project.kaizen(&["test"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let (tests, details) = ran.stdout.split_once("\n\n").unwrap();
    let words: Vec<&str> = tests.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(words, ["ok", "FAILED", "FAILED"], "{tests}");
    let expected = "── tests/a_test.rhai::test_list
error[K0130]: found and expected differ:
 --> tests/a_test.rhai:5:5
  |
5 |     assert_eq(c::upto(30), c::upto(29));
  |     ^^^^^^^^^
- expected
+ found
    25,
    26,
    27,
-   28
+   28,
+   29
  ]
output:
  seen

── tests/a_test.rhai::test_deep
error[K0130]: found 1, expected 2
 --> lib/count.rhai:2:15
  |
2 | fn check(x) { assert_eq(x, 2) }
  |               ^^^^^^^^^
  |
  = note: in check, called at tests/a_test.rhai:7

3 tests: 1 passed, 2 failed · ";
    assert!(details.starts_with(expected), "{details}");
    let shown = project.kaizen(&["test", "passes", "--show-output"]);
    assert!(shown.stdout.contains("\n  unseen\n1 test: 1 passed"), "{}", shown.stdout);
    let quiet = project.kaizen(&["test", "passes", "-q"]);
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn every_fault_is_found_before_any_test_runs() {
    let project = with_tests("fn test_a() { write_text(\"ran.txt\", \"\"); }");
    project.file("tests/b_test.rhai", "import \"../lib/bad\" as b;\nfn test_b(x) { asert(x) }");
    project.file("tests/c_test.rhai", "import \"../lib/bad\" as b;\nprivate fn test_c() { 1 }");
    project.file("lib/bad.rhai", "fn f() { nope() }");
    project.file("tests/d_test.rhai", "fn tset_d() { 1 }");
    project.file("tests/cassettes/a_test/test_a.jsonl", "{\"cassette\":6}\n");
    // None of these is looked at.
    for folder in [".hidden", "target", "node_modules", ".kaizen"] {
        project.file(&format!("{folder}/x_test.rhai"), "let");
    }
    let ran = project.kaizen(&["test", "--json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);
    let mut told: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].to_string())
        .collect();
    told.sort();
    let expected = [
        "unknown function `asert`",
        "unknown function `nope`",
        "the cassette `tests/cassettes/a_test/test_a.jsonl` has format 6",
        "`tests/d_test.rhai` has no test",
        "the test `test_b` must not take arguments",
        "the test `test_c` is private",
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for said in expected {
        assert!(told.iter().any(|told| told.contains(said)), "{said}: {told:?}");
    }
    assert!(!project.path().join("tests/ran.txt").exists());
    let checked = project.kaizen(&["check", "tests"]);
    assert_eq!(checked.stdout.matches("error[K0012]").count(), 2, "{}", checked.stdout);
}

#[test]
fn tests_share_nothing_and_repeat() {
    let project = with_tests(
        "const N = 3;\nstate.setup = (state.setup ?? 0) + global::N;\n\
         fn test_a() { assert_eq(state.setup, 3); state.left = 1; print([now(), random(), run_id]); }\n\
         fn test_b() { assert_eq(state.setup, 3); assert_eq(state.left, ()); print([now(), random()]); }\n\
         fn test_c() { optimizer().record_execution(\"t\", \"p\", #{ success_rate: 1.0, execution_time: 1.0 });\n\
             assert(branch(\"demo/echo\").chat(\"x\").contains(\"x\")); }\n",
    );
    let output = || {
        let ran = project.kaizen(&["test", "--show-output"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stdout);
        let lines = ran.stdout.lines().filter(|line| line.starts_with("  "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = output();
    assert_eq!((first.len(), &first), (2, &output()));
    let number = |line: &str| line.split(',').nth(1).unwrap().to_owned();
    assert!(first[0].starts_with("  [1577836800000, 0."), "{first:?}");
    assert_ne!(number(&first[0]), number(&first[1]).replace(']', ""));
    assert!(!project.path().join(".kaizen/kaizen.db").exists());
    let ran = project.kaizen(&["test", "--record", "new"]);
    assert!(
        ran.stdout.contains("\nnote: nothing was recorded: the tests called only the demo"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_fails_in_a_flow_fails_the_test_unless_that_is_allowed() {
    let flow = "let g = builder(\"g\"); g.add_operation(|| assert_eq(1, 2), #{ name: \"a\" });";
    check(&[
        (&format!("{flow} session().flow(g);"), "operation `a`: found 1, expected 2"),
        (&format!("{flow} session().flow(g, #{{ allow_failures: true }});"), ""),
        (&flow.replace("assert_eq(1, 2)", "1"), ""),
        (
            "let g = builder(\"g\"); g.add_operation(|| sleep(60_000)); \
             session().flow(g, #{ timeout_ms: 20 });",
            "operations of a flow were cancelled",
        ),
    ]);
}

#[test]
fn a_test_has_a_time_and_no_other_test_pays_for_it() {
    let project = with_tests(
        "fn test_computes() { loop {} }\nfn test_waits() { sleep(60_000) }\n\
         fn test_short() { sleep(20); timeout(10_000, || sleep(20)); }\n",
    );
    let (ran, ended) = results(&project, &["--timeout", "1s"]);
    let late = "the test timed out after 1000 ms (change the limit with `--timeout`)";
    let expected = [
        ("test_computes", "failed", late),
        ("test_waits", "failed", late),
        ("test_short", "passed", ""),
    ];
    let ended: Vec<(&str, &str, &str)> =
        ended.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!((ran.code, ended), (Some(1), expected.to_vec()));
}

#[test]
fn tests_run_at_once_unless_that_is_not_wanted() {
    let wait = |own: &str, other: &str| {
        format!(
            "fn test_{own}() {{ write_text(\"{own}\", \"\"); \
             loop {{ if attempt(|| read_text(\"{other}\")).ok {{ break; }} sleep(5); }} }}\n"
        )
    };
    let text = wait("a", "b") + wait("b", "a").as_str();
    let ran = with_tests(&text).kaizen(&["test", "--timeout", "20s", "--allow-write"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let ran =
        with_tests(&text).kaizen(&["test", "--timeout", "300ms", "--jobs", "1", "--allow-write"]);
    assert!(ran.stdout.contains("2 tests: 1 passed, 1 failed"), "{}", ran.stdout);
}

/// A test file whose tests ask a server.
const ASKING: &str = r#"
import "../lib/ask" as a;
fn test_votes() {
    let votes = [1, 2, 3].parallel(|n| a::ask("trams"));
    votes.sort();
    assert_eq(votes, ["said 0", "said 1", "said 2"]);
}
fn test_talk() {
    let b = branch(#{ system: "Be terse." });
    b.communicate("one");
    b.communicate("two");
    assert_eq(b.messages.len, 5);
    assert_eq(b.usage.input, 20);
}
"#;

fn asking(server: &Server) -> Project {
    let project = Project::new();
    project.with_server(server).file("tests/a_test.rhai", ASKING);
    project.file("lib/ask.rhai", "fn ask(topic) { branch().chat(`Name a risk of ${topic}.`) }");
    project
}

fn read(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.path().join(name)).unwrap_or_default()
}

const VOTES: &str = "tests/cassettes/a_test/test_votes.jsonl";
const TALK: &str = "tests/cassettes/a_test/test_talk.jsonl";

#[test]
fn what_is_recorded_once_is_played_without_a_server() {
    let server = Server::start(|number, _, _| answer(&format!("said {number}")));
    let project = asking(&server);
    let ran = project.kaizen(&["test"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(7), 0), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("record the reply with `kaizen test test_votes --record new`"),
        "{}",
        ran.stdout
    );
    assert!(!project.path().join("tests/cassettes").exists());
    let ran = project.kaizen(&["test", "--record", "new"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(0), 5), "{}", ran.stdout);
    assert!(ran.stdout.contains("5 replies recorded, unknown cost"), "{}", ran.stdout);
    let (votes, talk) = (read(&project, VOTES), read(&project, TALK));
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let first = &lines(&talk)[1];
    assert_eq!(lines(&talk)[0], json!({ "cassette": 1 }));
    assert_eq!(first["messages"][0], json!({ "role": "system", "content": "Be terse." }));
    assert_eq!((&first["model"], &first["served_by"]), (&json!("openai/m"), &json!("served-1")));
    assert_eq!(first["usage"]["input_uncached"], 10);
    // A conversation reads from top to bottom.
    assert_eq!(lines(&talk)[2]["messages"][3]["content"], "two");
    let replies: Vec<Value> = lines(&votes)[1..].iter().map(|l| l["reply"].clone()).collect();
    assert_eq!(replies, [json!("said 0"), json!("said 1"), json!("said 2")]);
    for _ in 0..2 {
        let ran = project.kaizen(&["test", "--record", "none"]);
        assert_eq!((ran.code, server.bodies().len()), (Some(0), 5), "{}", ran.stdout);
    }
    // Nothing is missing, so nothing is asked, and not a byte changes.
    assert_eq!(project.kaizen(&["test", "--record", "new"]).code, Some(0));
    assert_eq!((server.bodies().len(), read(&project, VOTES)), (5, votes));
    let ran = project.kaizen(&["test", "--record", "all", "talk"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(0), 7), "{}", ran.stdout);
    assert_ne!(read(&project, TALK), talk);
}

#[test]
fn a_miss_names_the_nearest_request_and_the_difference_and_cannot_be_hidden() {
    let server = Server::start(|number, _, _| answer(&format!("said {number}")));
    let project = asking(&server);
    assert_eq!(project.kaizen(&["test", "--record", "new"]).code, Some(0));
    let ask = "fn ask(topic) { branch().chat(`Name a risk of ${topic}.`) }";
    let check = |script: &str, code: i32, expected: &[&str]| {
        project.file("lib/ask.rhai", script);
        let ran = project.kaizen(&["test", "votes"]);
        assert_eq!(ran.code, Some(code), "{}", ran.stdout);
        for said in expected {
            assert!(ran.stdout.contains(said), "{said}:\n{}", ran.stdout);
        }
    };
    check(
        &ask.replace("risk", "danger"),
        7,
        &[
            "error[K0131]: no recorded reply for this request to `openai/m`: `Name a danger of trams.`",
            " at tests/cassettes/a_test/test_votes.jsonl:2, differs in\n  message 1 (user message) from \
             character 8 on: `Name a danger of trams.`, recorded with `Name a risk of trams.`",
            "1 test: 1 without a recorded reply",
        ],
    );
    check(
        &ask.replace("`)", "`, #{ temperature: 0.5 })"),
        7,
        &["`temperature`: 0.5, recorded with unset"],
    );
    let caught =
        ask.replace("branch()", "try { branch(\"openai/other\").chat(topic); } catch {} branch()");
    check(
        &caught,
        7,
        &[
            "MISSED",
            "model: openai/other, recorded with openai/m",
            "the script continued after this error",
        ],
    );
    let again = ask.replace("branch()", "branch().chat(`Name a risk of ${topic}.`); branch()");
    check(&again, 7, &["has 3 replies for it, but the test makes one more such request"]);
    let flow = "let g = builder(\"g\"); g.add_operation(\"communicate\", #{ name: \"a\", instruction: topic }); \
                g.add_operation(\"communicate\", #{ name: \"b\", instruction: \"x\" }); session().flow(g); branch()";
    let flow = ask.replace("branch()", flow);
    let said = [
        "error[K0131]: operation `a`: no recorded reply",
        "\n6 requests of this test are not in the cassette\n",
    ];
    check(&flow, 7, &said);
    project.file("tests/b_test.rhai", "fn test_votes_wrong() { assert(false) }");
    check(&ask.replace("risk", "danger"), 1, &["1 failed, 1 without a recorded reply"]);
}

#[test]
fn what_a_cassette_holds_in_vain_is_told_and_dropped_by_a_whole_recording() {
    let server = Server::start(|number, _, _| answer(&format!("said {number}")));
    let project = asking(&server);
    assert_eq!(project.kaizen(&["test", "--record", "new"]).code, Some(0));
    project.file("tests/a_test.rhai", "fn test_talk() { assert(branch().chat(\"one\").len > 3); }");
    assert_eq!(project.kaizen(&["test"]).code, Some(7));
    let ran = project.kaizen(&["test", "--record", "new"]);
    assert!(ran.stdout.contains("  note: 2 exchanges of `tests/cass"), "{}", ran.stdout);
    let orphan = "note: no test uses `tests/cassettes/a_test/test_votes.jsonl`; you can delete it";
    assert!(ran.stdout.contains(orphan), "{}", ran.stdout);
    assert_eq!(read(&project, TALK).lines().count(), 4);
    let ran = project.kaizen(&["test", "--record", "all"]);
    assert!(!ran.stdout.contains("not used"), "{}", ran.stdout);
    assert_eq!(read(&project, TALK).lines().count(), 2);
    // A test that fails keeps what it paid for, and drops nothing.
    project.file("tests/a_test.rhai", "fn test_talk() { branch().chat(\"new\"); assert(false); }");
    assert_eq!(project.kaizen(&["test", "--record", "all"]).code, Some(1));
    assert_eq!(read(&project, TALK).lines().count(), 3);
}

#[test]
fn a_cassette_holds_no_secret_and_answers_the_request_that_held_one() {
    const KEY: &str = "sk-canary-4712";
    let server = Server::start(|_, _, _| answer(&format!("you sent {KEY}")));
    let project = Project::new();
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\nkey = \"env:K\"\n",
        server.url
    );
    let test = format!("fn test_a() {{ assert_snapshot(branch().chat(\"my key is {KEY}\")); }}");
    project.file("kaizen.toml", &toml).file("tests/a_test.rhai", &test);
    // Which key goes to which server is a wish of the project's.
    assert_eq!(project.kaizen(&["trust"]).code, Some(0));
    let run = |arguments: &[&str]| {
        let ran = project.command(arguments).env("K", KEY).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
    };
    let (code, said) = run(&["test", "--record", "new", "-u", "--junit", "j.xml", "--show-output"]);
    assert_eq!(code, Some(0), "{said}");
    let files = [
        "tests/cassettes/a_test/test_a.jsonl",
        "tests/snapshots/a_test/test_a.snap",
        "j.xml",
        ".kaizen/tests.json",
    ];
    let kept = files.map(|name| read(&project, name)).concat() + said.as_str();
    assert!(kept.contains("my key is [secret]") && kept.contains("you sent [secret]"), "{kept}");
    assert!(!kept.contains("canary"), "{kept}");
    // Where it is played nobody needs the key.
    let played = project.kaizen(&["test"]);
    assert_eq!((played.code, server.bodies().len()), (Some(0), 1), "{}", played.stdout);
}

#[test]
fn a_call_that_fails_while_recording_is_told() {
    let server = Server::start(|_, _, _| refusal(400, "no"));
    let project = Project::new();
    project
        .with_server(&server)
        .file("tests/a_test.rhai", "fn test_a() { attempt(|| branch().chat(\"x\")); }");
    let ran = project.kaizen(&["test", "--record", "new"]);
    assert!(ran.stdout.contains("  note: 1 call failed and is not in `tests/"), "{}", ran.stdout);
    assert!(!project.path().join("tests/cassettes").exists());
}

#[test]
fn a_recording_stays_within_the_budget() {
    let server = Server::saying("x");
    let project = Project::new();
    project.with_server(&server);
    let toml = read(&project, "kaizen.toml") + "[budget]\nmax_calls = 2\n";
    project.file("kaizen.toml", &toml).file(
        "tests/a_test.rhai",
        "fn test_a() { branch().chat(\"a\"); }\nfn test_b() { branch().chat(\"b\"); }\nfn test_c() { branch().chat(\"c\"); }\nfn test_d() {}",
    );
    let (ran, ended) = results(&project, &["--record", "new"]);
    let ended: Vec<&str> = ended.iter().map(|(_, status, _)| status.as_str()).collect();
    assert_eq!(
        (ended, server.bodies().len()),
        (vec!["passed", "passed", "failed"], 2),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.code, Some(4));
    assert!(
        ran.stderr.contains("the budget is spent; recordings so far are saved"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("\"failed\":1,\"missed\":0,\"unchanged\":0,\"stopped\":1"));
    // What was paid for need not be paid again.
    assert_eq!(project.kaizen(&["test", "--record", "new"]).code, Some(0));
    assert_eq!(server.bodies().len(), 3);
}

#[test]
fn ctrl_c_ends_the_tests_and_keeps_what_was_recorded() {
    let server = Server::start(|number, _, _| match number {
        0 => answer("first"),
        _ => Act::Hang,
    });
    let project = Project::new();
    project.with_server(&server).file(
        "tests/a_test.rhai",
        "fn test_a() { branch().chat(\"one\"); branch().chat(\"two\"); }\nfn test_b() { 1 }",
    );
    let mut child = project
        .command(&["test", "--record", "new", "--junit", "j.xml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while server.bodies().len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said:?}");
    assert!(said[0].starts_with("stopped tests/a_test.rhai::test_a"), "{said:?}");
    assert!(said[1].starts_with("2 tests: 2 stopped or not run · 1 reply recorded"), "{said:?}");
    assert!(read(&project, "tests/cassettes/a_test/test_a.jsonl").contains("first"));
    assert_eq!(read(&project, "j.xml").matches("<skipped message=\"stopped").count(), 2);
}

#[test]
fn a_snapshot_is_written_when_asked_and_compared_ever_after() {
    let text = "fn test_a() { assert_snapshot(\"line one\\nline two\"); assert_snapshot(\"data\", #{ b: 1, a: [2] }); }";
    let project = with_tests(text);
    let ran = project.kaizen(&["test"]);
    assert_eq!(ran.code, Some(1));
    let said = "error[K0130]: no snapshot `tests/snapshots/a_test/test_a.snap` yet";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let said = "\nwrite it with `kaizen test -u test_a`; its content:\nline one\nline two\n";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let ran = project.kaizen(&["test", "-u"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("  2 snapshots written"), "{}", ran.stdout);
    assert_eq!(read(&project, "tests/snapshots/a_test/test_a.snap"), "line one\nline two\n");
    let data = "{\n  \"a\": [\n    2\n  ],\n  \"b\": 1\n}\n";
    assert_eq!(read(&project, "tests/snapshots/a_test/test_a.data.snap"), data);
    assert_eq!(project.kaizen(&["test"]).code, Some(0));
    project.file("tests/a_test.rhai", &text.replace("line two", "line 2"));
    let ran = project.kaizen(&["test"]);
    let said = "- expected\n+ found\n  line one\n- line two\n+ line 2\n";
    assert!(ran.code == Some(1) && ran.stdout.contains(said), "{}", ran.stdout);
    // A test that fails for another reason accepts nothing.
    project.file("tests/a_test.rhai", "fn test_a() { assert_snapshot(\"new\"); assert(false); }");
    assert_eq!(project.kaizen(&["test", "-u"]).code, Some(1));
    assert_eq!(read(&project, "tests/snapshots/a_test/test_a.snap"), "line one\nline two\n");
    project.file("tests/a_test.rhai", "fn test_a() { assert_snapshot(\"new\"); }");
    assert_eq!(project.kaizen(&["test", "-u"]).code, Some(0));
    assert_eq!(read(&project, "tests/snapshots/a_test/test_a.snap"), "new\n");
    assert_eq!(read(&project, "tests/snapshots/a_test/test_a.data.snap"), "");
}

#[test]
fn snapshots_have_names_of_their_own_and_live_in_tests() {
    let name = |text: &str| {
        format!("invalid snapshot name `{text}`: use a letter, then letters, digits, `-` and `_`")
    };
    check(&[
        ("assert_snapshot(\"../x\", 1)", &name("../x")),
        ("assert_snapshot(\"2\", 1)", &name("2")),
    ]);
    let project =
        with_tests("fn test_a() { assert_snapshot(\"n\", 1); assert_snapshot(\"n\", 2); }");
    let (_, ended) = results(&project, &["-u"]);
    assert_eq!(ended[0].2, "the snapshot name `n` is used twice; use unique names");
    let ran = project.file("s.rhai", "assert_snapshot(1)").kaizen(&["run", "s.rhai"]);
    assert!(ran.stderr.contains("error[K0132]: `assert_snapshot` works in tests only"));
}

#[test]
fn tests_are_chosen_by_name_and_by_part() {
    let project = with_tests("fn test_one() {}\nfn test_two() {}\nfn test_three() {}");
    project.file("tests/deep/b_test.rhai", "fn test_one() {}\nfn helper() {}");
    let names = |arguments: &[&str]| {
        let (ran, ended) = results(&project, arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ended.into_iter().map(|(name, _, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&["one"]), ["test_one", "test_one"]);
    assert_eq!(names(&["./tests/deep/b"]), ["test_one"]);
    assert_eq!(names(&["a_test.rhai::test_t"]), ["test_two", "test_three"]);
    let parts: Vec<String> =
        ["1/3", "2/3", "3/3"].into_iter().flat_map(|part| names(&["--shard", part])).collect();
    assert_eq!(parts, ["test_one", "test_one", "test_two", "test_three"]);
    assert_eq!(names(&["--shard", "5/5"]), Vec::<String>::new());
    for (arguments, said) in [
        (&["tset_two"][..], "no test name contains `tset_two`; did you mean `test_two`?"),
        (&["--shard", "4/3"], "`4/3` (example: 1/3)"),
        (&["--shard", "x"], "invalid shard `x`"),
        (&["--timeout", "soon"], "invalid duration `soon` for `--timeout`"),
    ] {
        let ran = project.kaizen(&[&["test"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    let none = Project::new().kaizen(&["test"]);
    assert!(none.code == Some(2) && none.stderr.contains("no tests here"), "{}", none.stderr);
}

#[test]
fn only_tests_of_which_a_file_has_changed_run_again() {
    let server = Server::saying("x");
    let project = Project::new();
    project.with_server(&server).file("lib/a.rhai", "fn f() { 1 }").file("prompts/p.md", "prompt");
    project.file(
        "tests/a_test.rhai",
        "import \"../lib/a\" as a;\nfn test_lib() { assert_eq(a::f(), 1) }",
    );
    project.file(
        "tests/b_test.rhai",
        "fn test_ask() { branch().chat(read_text(\"../prompts/p.md\")); }\nfn test_snap() { assert_snapshot(1) }",
    );
    project.file("tests/c_test.rhai", "fn test_fails() { assert(false) }");
    let names = |arguments: &[&str]| {
        let (_, ended) = results(&project, &[&["--changed"], arguments].concat());
        ended.into_iter().map(|(name, _, _)| name).collect::<Vec<_>>()
    };
    let all = ["test_lib", "test_ask", "test_snap", "test_fails"];
    assert_eq!(names(&["--record", "new", "-u"]), all);
    assert_eq!(names(&[]), ["test_fails"], "what has failed runs again");
    for (file, text, expected) in [
        ("lib/a.rhai", "fn f() { 2 - 1 }", "test_lib"),
        ("prompts/p.md", "another", "test_ask"),
        ("tests/snapshots/b_test/test_snap.snap", "2\n", "test_snap"),
        ("tests/cassettes/b_test/test_ask.jsonl", "{\"cassette\":1}\n", "test_ask"),
    ] {
        project.file(file, text);
        assert!(names(&[]).contains(&expected.to_owned()), "{file}");
    }
    assert_eq!(names(&["lib"]), Vec::<String>::new());
    project.file("kaizen.toml", "");
    assert_eq!(names(&[]), all);
    project.file("lib/a.rhai", "fn f() { 1 }");
    let ran = project.kaizen(&["test", "lib"]);
    assert_eq!(ran.code, Some(0), "without the option everything runs: {}", ran.stdout);
    let ran = project.kaizen(&["test", "lib", "--changed"]);
    assert!(ran.stdout.starts_with("1 test: 1 unchanged, not run"), "{}", ran.stdout);
}

#[test]
fn junit_has_every_test_and_says_why_it_failed() {
    let project = with_tests(
        "fn test_ok() {}\nfn test_bad() { print(\"<out> & \\x1b\"); assert_eq(\"<a>\", \"]]>\"); }\n\
         fn test_miss() { branch(\"openai/m\").chat(\"x\") }",
    );
    let ran = project.kaizen(&["test", "--junit", "out/junit.xml"]);
    assert_eq!(ran.code, Some(1));
    let xml = read(&project, "out/junit.xml");
    for part in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kaizen\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\"",
        "<testsuite name=\"tests/a_test.rhai\" tests=\"3\"",
        "<testcase classname=\"tests/a_test.rhai\" name=\"test_ok\" file=\"tests/a_test.rhai\" line=\"1\" time=\"",
        "<failure message=\"found &quot;&lt;a&gt;&quot;, expected &quot;]]&gt;&quot;\" type=\"K0130\">error[K0130]",
        "<system-out>&lt;out&gt; &amp; \u{fffd}</system-out>",
        "<error message=\"no recorded reply for this request",
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
    project.file("tests/a_test.rhai", "fn test_ok() {}").file("out/taken", "");
    let ran = project.kaizen(&["test", "--junit", "out/taken/j.xml"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("error: cannot write `out/taken/j.xml`"));
}

#[test]
fn json_lines_open_with_launch_and_close_with_done() {
    let project = with_tests("fn test_a() {}\nfn test_b() { print(\"x\"); assert(false) }");
    let ran = project.kaizen(&["test", "--json"]);
    let lines: Vec<Value> = ran.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]), (4, &json!({ "type": "launch", "tests": 2 })));
    assert_eq!(
        (&lines[1]["test"], &lines[1]["error"]),
        (&json!("tests/a_test.rhai::test_a"), &Value::Null)
    );
    let b = &lines[2];
    assert_eq!((&b["status"], &b["output"]), (&json!("failed"), &json!(["x"])));
    assert_eq!((&b["error"]["line"], &b["error"]["code"]), (&json!(2), &json!("K0130")));
    let done = &lines[3];
    assert_eq!(
        (&done["type"], &done["exit"], &done["failed"]),
        (&json!("done"), &json!(1), &json!(1))
    );
}

#[test]
fn a_new_project_has_a_test_that_passes() {
    let project = Project::new();
    assert_eq!(project.kaizen(&["new", "p"]).code, Some(0));
    let ran = project.kaizen(&["-C", "p", "test"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("2 tests: 2 passed"), "{}", ran.stdout);
}

#[test]
fn a_watch_runs_what_a_save_concerns() {
    let project = with_tests("import \"../lib/a\" as a;\nfn test_a() { assert_eq(a::f(), 1) }");
    project.file("lib/a.rhai", "fn f() { 1 }").file("tests/b_test.rhai", "fn test_b() {}");
    let mut command = project.command(&["test", "--watch"]);
    // One pipe for both, so that lines come in the order in which they were written.
    let (reader, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let (send, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let until = |text: &str| -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = lines.recv_timeout(Duration::from_secs(30));
            seen.push(line.unwrap_or_else(|_| panic!("no `{text}`: {seen:#?}")));
            if seen.last().is_some_and(|line| line.starts_with(text)) {
                return seen;
            }
        }
    };
    until("2 tests: 2 passed");
    project.file("lib/a.rhai", "fn f() { 2 }");
    let said = until("2 tests: 1 failed, 1 unchanged");
    assert!(said[1].ends_with("lib/a.rhai changed") && said[2].starts_with("FAILED"), "{said:?}");
    project.file("kaizen.toml", "[run]\nconcurrency = 0\n");
    until("error: ");
    project.file("kaizen.toml", "").file("lib/a.rhai", "fn f( { 1 }");
    until("found before running; no test ran");
    project.file("lib/a.rhai", "fn f() { 1 }");
    until("2 tests: 1 passed, 1 unchanged");
    project.file("tests/c_test.rhai", "fn test_c() {}");
    assert!(until("ok ")[1].ends_with("tests/c_test.rhai changed"));
    until("3 tests: 1 passed, 2 unchanged");
    let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_test_that_only_compares_is_refused() {
    let project = with_tests(
        "fn f(x) { x + 1 }\nfn test_a() { f(1) == 2 }\nfn test_b() { false }\n\
         fn test_c() { let x = f(1); if x > 1 { return x == 3; } x > 1 && x < 9 }\n\
         fn test_d() { let ok = f(1) == 2; assert(ok && f(2) == 3); [1].all(|x| x == 1); }\n\
         fn test_e() { assert(f(1) == 2); true }\nfn even(x) { x % 2 == 0 }\n\
         fn test_f() { for x in [1] { assert_ne(x, 2); } even(2) }\n",
    );
    let ran = project.kaizen(&["check", "--json"]);
    let told: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|fault| format!("{}:{} {}", fault["line"], fault["column"], fault["help"]))
        .collect();
    let expected = [
        "2:20 \"write `assert_eq(a, b)`\"",
        "3:15 \"write `assert(false)`\"",
        "4:49 \"write `assert_eq(a, b)`\"",
        "4:63 \"write `assert(a && b)`\"",
    ];
    assert_eq!(told, expected, "{}", ran.stdout);
    assert_eq!(project.kaizen(&["test"]).code, Some(3));
}

#[test]
fn a_file_with_tests_under_another_name_is_told() {
    let project = with_tests("import \"test_shared\" as own;\nfn test_a() { own::test_f(); }\n");
    project.file("tests/test_shared.rhai", "fn test_f() { assert(true); }\n");
    project.file("tests/test_y.rhai", "fn test_y() { assert(false); }\n");
    project.file("tests/test_data.rhai", "fn tickets() { [1] }\n");
    let ran = project.kaizen(&["test"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let notes: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("note: ")).collect();
    let note = "note: the tests in `tests/test_y.rhai` do not run; end its name with `_test.rhai`";
    assert_eq!(notes, [note]);
}
