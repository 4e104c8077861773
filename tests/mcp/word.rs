//! `mcp(..)` in scripts: tools of servers are tools like others, and what they answered is never asked for
//! again.

use crate::support::server::{Server, answer, json as body};
use crate::support::{Project, Ran};
use expect_test::expect;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;

/// Creates a project with a server that does what `mode` says, and a script.
fn project(mode: &str, rest: &str, script: &str) -> Project {
    let project = Project::new();
    project.file("hostile.sh", include_str!("hostile.sh"));
    let toml = format!(
        "[project]\nmodel = \"demo/echo\"\n[mcp.own]\ncommand = [\"sh\", \"hostile.sh\", \"{mode}\"]\n{rest}"
    );
    project.file("kaizen.toml", &toml).file("a.rhai", script);
    project
}

/// Runs the program in the project, which is trusted.
fn trusted(project: &Project, arguments: &[&str]) -> Ran {
    Ran::from(project.command(arguments).env("KAIZEN_TRUST", "1").output().unwrap())
}

fn run(project: &Project, arguments: &[&str]) -> Ran {
    trusted(project, &[&["run", "--quiet"], arguments].concat())
}

/// Runs the script until a failpoint kills it.
fn killed_at(project: &Project, failpoint: &str) {
    let mut command = project.command(&["run", "--quiet", "a.rhai"]);
    command.env("KAIZEN_TRUST", "1").env("KAIZEN_FAILPOINT", format!("{failpoint}:kill"));
    assert_eq!(command.output().unwrap().status.signal(), Some(9));
}

fn calls(project: &Project) -> usize {
    let text = std::fs::read_to_string(project.path().join("calls.txt")).unwrap_or_default();
    text.lines().count()
}

const ACT: &str = "let tools = mcp(\"own\");\nprint(branch().act(tools[0], #{ a: 1 }));\n";

#[test]
fn a_tool_of_a_server_is_called_like_any_other() {
    let script = "let tools = mcp(\"own\", #{ only: [\"g*\"] });\n\
                  print(tools.map(|t| `${t.name} ${t.effects}`));\n\
                  print(mcp(\"own\", #{ except: [\"go\"] }));\n\
                  print(branch().act(tools[0], #{ a: 1 }));\n\
                  let other = \"onw\";\n\
                  print(attempt(|| mcp(other)).error.message);\n\
                  print(attempt(|| mcp(\"own\", #{ only: 1 })).error.message);\n";
    let project = project("plain", "read = [\"*\"]\n", script);
    let ran = run(&project, &["a.rhai"]);
    expect![[r#"
        Some(0)
        ["own__go read"]
        []
        ok
        no MCP server `onw`; did you mean `own`?
        option `only` of `mcp`: must be a list of tool names, which may contain `*`
    "#]]
    .assert_eq(&format!("{:?}\n{}{}", ran.code, ran.stdout, ran.stderr));
    assert_eq!(calls(&project), 1);
}

#[test]
fn a_tool_that_may_have_lasting_effects_needs_approval() {
    let project = project("plain", "", ACT);
    let refused = run(&project, &["a.rhai"]);
    assert_eq!((refused.code, calls(&project)), (Some(6), 0), "{}", refused.stderr);
    let approved = run(&project, &["--resume", "--approve=own__go"]);
    assert_eq!((approved.code, approved.stdout.as_str()), (Some(0), "ok\n"), "{}", approved.stderr);
    assert_eq!(calls(&project), 1);
}

#[test]
fn what_a_server_answered_is_not_asked_for_again() {
    let script = format!("{ACT}if !param(\"go\", false) {{ throw \"stop\"; }}\n");
    let project = project("plain", "approve = \"never\"\n", &script);
    assert_eq!(run(&project, &["a.rhai"]).code, Some(1));
    std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
    let resumed = run(&project, &["--resume", "-p", "go=true"]);
    assert_eq!(resumed.stdout, "ok\n", "{}", resumed.stderr);
    assert_eq!(calls(&project), 1);
}

#[test]
fn faults_of_a_server_are_failures_of_the_tool() {
    for (mode, outcome) in [
        (
            "dies-in-call",
            expect![[r#"
            tool mcp: tool `own__go`: MCP server `own` ended (exit status: 3); its stderr ends with: out of luck; nobody knows whether the call took effect
        "#]],
        ),
        (
            "tool-error",
            expect![[r#"
            tool failed: tool `own__go`: disk full
        "#]],
        ),
        (
            "refuses",
            expect![[r#"
            tool mcp: tool `own__go`: MCP server `own` answered `go` with error -32602: no such[31m thing
        "#]],
        ),
        (
            "mute-in-call",
            expect![[r#"
            tool mcp: tool `own__go`: MCP server `own` did not answer `go` within 300 ms (`timeout_ms`); nobody knows whether the call took effect
        "#]],
        ),
    ] {
        let script = "let t = mcp(\"own\")[0];\n\
                      let e = attempt(|| branch().act(t, #{ })).error;\n\
                      print(`${e.kind} ${e.cause}: ${e.message}`);\n";
        let project = project(mode, "approve = \"never\"\ntimeout_ms = 300\n", script);
        let ran = run(&project, &["a.rhai"]);
        outcome.assert_eq(&format!("{}{}", ran.stdout, ran.stderr));
    }
}

/// Kills a run at its first call of a tool, which the server has made.
fn killed(project: &Project) {
    // The list is the first effect, the call is the second one.
    killed_at(project, "effect_ends:2");
    assert_eq!(calls(project), 1);
}

#[test]
fn a_call_in_doubt_is_made_again_only_if_it_does_no_harm_or_somebody_says_so() {
    let script = "let t = mcp(\"own\")[0];\n\
                  let r = attempt(|| branch().act(t, #{ a: 1 }));\n\
                  let e = r.error ?? #{ };\n\
                  print(r.value ?? [e.kind, e.tool, e.args, type_of(e.key)]);\n";
    let read = "read = [\"*\"]\n";
    let write = "approve = \"never\"\n";
    let stopped = "error[K0135]: the run stopped during `own__go({\"a\":1})`, and nobody knows whether it \
                   took effect; `kaizen run --resume --lost=repeat` runs it again, `--lost=tell` makes it an \
                   error that the script can catch";
    let told = "[\"unsure\", \"own__go\", #{\"a\": 1}, \"string\"]\n";

    for (effects, lost, code, said, made) in [
        (read, &[][..], 0, "ok\n", 2),
        (write, &[], 1, stopped, 1),
        (write, &["--lost=repeat"], 0, "ok\n", 2),
        (write, &["--lost=tell"], 0, told, 1),
    ] {
        let project = project("keeps-key", effects, script);
        killed(&project);

        let resumed = run(&project, &[&["--resume"], lost].concat());
        let seen = match code {
            0 => resumed.stdout.as_str(),
            _ => resumed.stderr.lines().find(|line| line.starts_with("error")).unwrap(),
        };
        assert_eq!((resumed.code, seen), (Some(code), said), "{lost:?} {}", resumed.stderr);
        assert_eq!(calls(&project), made, "{effects} {lost:?}");

        // A server can tell the repetition by its key.
        let keys = std::fs::read_to_string(project.path().join("keys.txt")).unwrap();
        let mut keys: Vec<&str> = keys.lines().collect();
        assert_eq!(keys.len(), made);
        keys.dedup();
        assert_eq!((keys.len(), keys[0].len()), (1, 32), "{keys:?}");
    }
}

#[test]
fn a_call_that_a_model_asked_for_is_in_doubt_as_well_and_the_model_is_told() {
    let script = "let r = branch().react(\"Call own__go.\", #{ tools: mcp(\"own\"), trace: true });\n\
                  print(r.steps[0].calls[0].error.kind);\n";
    let project = project("plain", "approve = \"never\"\n", script);
    killed(&project);

    let stopped = run(&project, &["--resume"]);
    assert_eq!((stopped.code, calls(&project)), (Some(1), 1), "{}", stopped.stderr);
    assert!(stopped.stderr.starts_with("error[K0135]: "), "{}", stopped.stderr);

    let told = run(&project, &["--resume", "--lost=tell"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(0), "unsure\n"), "{}", told.stderr);
    assert_eq!(calls(&project), 1);
}

#[test]
fn a_server_that_cannot_start_leaves_no_doubt() {
    let project = project("plain", "approve = \"never\"\n", ACT);
    let script = "let tools = mcp(\"own\");\n\
                  print(branch(\"demo/echo\").chat(\"x\"));\n\
                  print(branch().act(tools[0], #{ a: 1 }));\n";
    project.file("a.rhai", script);
    killed_at(&project, "call_ends:1");

    // The server that the resumed run starts for the call dies at once.
    let server = include_str!("hostile.sh");
    project.file("hostile.sh", "exit 7\n");
    let down = run(&project, &["--resume"]);
    assert_eq!((down.code, calls(&project)), (Some(1), 0), "{}", down.stderr);

    project.file("hostile.sh", server);
    let up = run(&project, &["--resume"]);
    assert_eq!(
        (up.code, up.stdout.as_str()),
        (Some(0), "[demo] you asked: x\nok\n"),
        "{}",
        up.stderr
    );
    assert_eq!(calls(&project), 1);
}

#[test]
fn what_failed_at_a_server_is_tried_again_on_a_resume_and_what_is_in_doubt_is_not() {
    for (mode, is_in_doubt) in [("refuses", false), ("dies-in-call", true)] {
        let project = project(mode, "approve = \"never\"\n", ACT);
        let failed = run(&project, &["a.rhai"]);
        assert_eq!((failed.code, calls(&project)), (Some(1), 1), "{}", failed.stderr);

        let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
        project.file("kaizen.toml", &toml.replace(mode, "plain"));
        let again = run(&project, &["--resume"]);
        if is_in_doubt {
            assert_eq!((again.code, calls(&project)), (Some(1), 1), "{}", again.stderr);
            assert!(again.stderr.starts_with("error[K0135]"), "{}", again.stderr);
        }
        let again = if is_in_doubt { run(&project, &["--resume", "--lost=repeat"]) } else { again };
        assert_eq!((again.code, again.stdout.as_str()), (Some(0), "ok\n"), "{}", again.stderr);
        assert_eq!(calls(&project), 2);
    }
}

#[test]
fn an_error_of_the_server_leaves_it_open_whether_the_call_took_effect() {
    for (code, is_in_doubt) in [
        ("-32603", true),
        ("-32000", true),
        ("-1", true),
        ("-32700", false),
        ("-32600", false),
        ("-32601", false),
        ("-32602", false),
    ] {
        let project = project(&format!("error{code}"), "approve = \"never\"\n", ACT);
        let failed = run(&project, &["a.rhai"]);
        assert_eq!((failed.code, calls(&project)), (Some(1), 1), "{}", failed.stderr);
        let is_said = failed.stderr.contains("nobody knows whether the call took effect");
        assert_eq!(is_said, is_in_doubt, "{code}: {}", failed.stderr);

        let again = run(&project, &["--resume"]);
        let calls_after = if is_in_doubt { 1 } else { 2 };
        assert_eq!(
            (again.code, calls(&project)),
            (Some(1), calls_after),
            "{code} {}",
            again.stderr
        );
    }
}

#[test]
fn who_was_told_of_a_call_in_doubt_and_failed_by_that_can_decide_again() {
    let in_flow = "let g = builder(\"g\");\n\
                   g.add_operation(\"act\", #{ name: \"a\", tool: mcp(\"own\")[0], args: #{ a: 1 } });\n\
                   print(session(branch()).flow(g).result(\"a\"));\n";
    for script in [ACT, in_flow] {
        let project = project("plain", "approve = \"never\"\n", script);
        killed(&project);
        for _ in 0..2 {
            let told = run(&project, &["--resume", "--lost=tell"]);
            assert_eq!((told.code, calls(&project)), (Some(1), 1), "{}", told.stderr);
        }

        let stopped = run(&project, &["--resume"]);
        assert_eq!((stopped.code, calls(&project)), (Some(1), 1), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("--lost=repeat"), "{}", stopped.stderr);
        let repeated = run(&project, &["--resume", "--lost=repeat"]);
        let seen = (repeated.code, repeated.stdout.as_str(), calls(&project));
        assert_eq!(seen, (Some(0), "ok\n", 2), "{}", repeated.stderr);
    }
}

#[test]
fn who_caught_that_a_call_is_in_doubt_has_decided() {
    // Who caught it has decided.
    let script = "let t = mcp(\"own\")[0];\n\
                  print(attempt(|| branch().act(t, #{ a: 1 })).error?.kind);\n\
                  if !param(\"go\", false) { throw \"stop\"; }\n";
    let project = project("plain", "approve = \"never\"\n", script);
    killed(&project);
    assert_eq!(run(&project, &["--resume", "--lost=tell"]).code, Some(1));
    let resumed = run(&project, &["--resume", "--lost=repeat", "-p", "go=true"]);
    assert_eq!((resumed.code, calls(&project)), (Some(0), 1), "{}", resumed.stderr);
    assert_eq!(resumed.stdout, "unsure\n");
}

#[test]
fn a_pattern_that_matches_no_tool_is_an_error_where_it_keeps_tools_from_being_called() {
    let mut told = String::new();
    for (settings, options) in [
        ("approve = [\"og\"]\n", ""),
        ("approve = [\"go\", \"write_*\"]\n", ""),
        ("except = [\"wr*\"]\n", ""),
        ("read = [\"goo\"]\napprove = \"never\"\n", ""),
        ("only = [\"g*\", \"read_*\"]\napprove = \"never\"\n", ""),
        ("approve = \"never\"\n", ", #{ except: [\"goo\"] }"),
        ("approve = \"never\"\n", ", #{ only: [\"go\", \"read_*\"] }"),
    ] {
        let script = format!("print(branch().act(mcp(\"own\"{options})[0], #{{ a: 1 }}));\n");
        let project = project("plain", settings, &script);
        let ran = trusted(&project, &["run", "a.rhai"]);
        let notes = ran.stderr.lines().filter(|line| line.contains("no tool"));
        let notes = notes.map(|line| &line[line.find('`').unwrap()..]);
        let lines: Vec<&str> = ran.stdout.lines().chain(notes).collect();
        let settings = settings.trim().replace('\n', " ");
        told.push_str(&format!(
            "{settings}{options}: {:?}, calls {}\n  {}\n",
            ran.code,
            calls(&project),
            lines.join("\n  ")
        ));
    }
    expect![[r#"
        approve = ["og"]: Some(5), calls 0
          `mcp.own.approve`: no tool of the server matches `og`; did you mean `go`?
        approve = ["go", "write_*"]: Some(5), calls 0
          `mcp.own.approve`: no tool of the server matches `write_*`; its tools are go
        except = ["wr*"]: Some(5), calls 0
          `mcp.own.except`: no tool of the server matches `wr*`; its tools are go
        read = ["goo"] approve = "never": Some(0), calls 1
          ok
          `mcp.own.read`: no tool of the server matches `goo`; did you mean `go`?
        only = ["g*", "read_*"] approve = "never": Some(0), calls 1
          ok
          `mcp.own.only`: no tool of the server matches `read_*`; its tools are go
        approve = "never", #{ except: ["goo"] }: Some(1), calls 0
          `except` of `mcp`: no tool of `own` matches `goo`; did you mean `go`?
        approve = "never", #{ only: ["go", "read_*"] }: Some(0), calls 1
          ok
          `mcp("own")`: no tool matches `read_*` of `only`; its tools are go
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_tool_that_cannot_be_offered_is_left_out_by_name() {
    let script = "print(mcp(\"own\").map(|t| t.name));\n";
    let project = project("broken-tools", "approve = \"never\"\n", script);
    let ran = trusted(&project, &["run", "a.rhai"]);
    let notes = ran.stderr.lines().filter_map(|line| {
        let at = line.find("tool `").or_else(|| line.find("results of"))?;
        Some(&line[at..])
    });
    let notes: Vec<&str> = notes.collect();
    expect![[r#"
        Some(0)
        ["own__go"]
        tool `bare` of `own` is left out: it has no `inputSchema`, which would say what its arguments are
        tool `null` of `own` is left out: it has no `inputSchema`, which would say what its arguments are
        tool `` of `own` is left out: its definition cannot be read: invalid type: integer `7`, expected a string
        tool `text` of `own` is left out: its `inputSchema` is not an object
        tool `task` of `own` is left out: it runs only as a task of the protocol, which kaizen does not support
        tool `far` of `own` is left out: the schema of its arguments refers to `http://127.0.0.1:9/x.json`; only references within the schema, which begin with `#`, are followed
        tool `dialect` of `own` is left out: the schema of its arguments is written in `https://example.com/own`, a dialect that kaizen does not know
        tool `kind` of `own` is left out: the schema of its arguments is not a valid JSON schema: "objekt" is not valid under any of the schemas listed in the 'anyOf' keyword (`/properties/x/type`)
        results of `own__go` are not checked: their schema is written in `https://example.com/own`, a dialect that kaizen does not know"#]]
    .assert_eq(&format!("{:?}\n{}{}", ran.code, ran.stdout, notes.join("\n")));
}

#[test]
fn the_data_of_an_answer_keeps_to_the_schema_of_its_tool() {
    let mut told = String::new();
    for mode in ["sound-data", "wrong-data", "list-data", "no-data"] {
        let script = "let r = attempt(|| branch().act(mcp(\"own\")[0], #{ }));\n\
                      print(if r.ok { to_json(r.value) } else { `${r.error.cause}: ${r.error.message}` });\n";
        let project = project(mode, "approve = \"never\"\n", script);
        let ran = run(&project, &["a.rhai"]);
        told.push_str(&format!("{mode}: {}{}", ran.stdout, ran.stderr));

        // The call was made, so it is not made again.
        let again = run(&project, &["--resume=@"]);
        assert_eq!((again.stdout, calls(&project)), (ran.stdout, 1), "{mode}: {}", again.stderr);
    }
    expect![[r#"
        sound-data: {"n":1}
        wrong-data: failed: tool `own__go`: the result of `own__go` does not match the schema that its server gives for it: "nope" is not of type "integer" at `/n`
        list-data: failed: tool `own__go`: the result of `own__go` does not match the schema that its server gives for it: [1] is not of type "object"
        no-data: "ok"
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_server_that_has_changed_between_the_parts_of_a_run_is_refused() {
    let script = "let tools = mcp(\"own\");\n\
                  print(branch(\"demo/echo\").chat(\"x\"));\n\
                  print(attempt(|| branch().act(tools[0], #{ })).error.message);\n";
    let project = project("changed", "approve = \"never\"\n", script);
    project.file("says.txt", "One thing.").file("named.txt", "more");
    killed_at(&project, "call_ends:1");

    project.file("says.txt", "Another thing.");
    let resumed = run(&project, &["--resume"]);
    assert_eq!(
        resumed.stdout,
        "[demo] you asked: x\ntool `own__go`: MCP server `own` has changed its tools since this run began: changed `go`\n",
        "{}",
        resumed.stderr
    );
    assert_eq!(calls(&project), 0);
}

#[test]
fn what_a_run_has_seen_of_a_server_is_remembered() {
    let script = "print(mcp(\"own\").len);\n";
    let project = project("changed", "pin = true\n", script);
    project.file("says.txt", "One thing.").file("named.txt", "more");
    assert_eq!(run(&project, &["a.rhai"]).stdout, "2\n");

    project.file("says.txt", "Another thing.");
    let refused = run(&project, &["a.rhai"]);
    let error = refused.stderr.lines().find(|line| line.starts_with("error")).unwrap();
    assert_eq!(
        (refused.code, error),
        (
            Some(5),
            "error[K0134]: MCP server `own` has changed its tools since this project was trusted: changed `go`"
        )
    );
}

#[test]
fn denials_hold_for_servers_and_an_untrusted_project_starts_none() {
    let project = project("plain", "approve = \"never\"\n", ACT);
    let denied = run(&project, &["a.rhai", "--deny-run=sh"]);
    assert_eq!((denied.code, calls(&project)), (Some(6), 0), "{}", denied.stderr);

    let untrusted = project.kaizen(&["run", "a.rhai"]);
    assert_eq!((untrusted.code, calls(&project)), (Some(6), 0), "{}", untrusted.stderr);
    assert!(!project.path().join("pids.txt").exists());
}

#[test]
fn a_server_that_kaizen_toml_does_not_have_is_found_before_a_run() {
    let script =
        "mcp(\"own\");\nmcp(\"onw\");\nmcp(\"own\", #{ onyl: [] });\nlet n = \"x\";\nmcp(n);\n";
    let project = project("plain", "", script);
    let checked = trusted(&project, &["check", "a.rhai"]);
    let errors: Vec<&str> = checked.stdout.lines().chain(checked.stderr.lines()).collect();
    let errors: Vec<&&str> = errors.iter().filter(|line| line.starts_with("error[")).collect();
    assert_eq!(
        errors,
        [
            &"error[K0015]: no MCP server `onw`; did you mean `own`?",
            &"error[K0005]: `mcp` has no option `onyl`",
        ]
    );
    assert!(!project.path().join("pids.txt").exists());
}

#[test]
fn a_test_plays_what_servers_answered_from_its_cassette() {
    let project = project("plain", "approve = \"never\"\n", "");
    let test = "fn test_own() {\n    let t = mcp(\"own\");\n    let b = branch();\n\
                \x20   assert_eq([b.act(t[0], #{ a: 1 }), b.act(t[0], #{ a: 1 })], [\"ok\", \"ok\"]);\n}\n";
    project.file("a_test.rhai", test);
    let tested = |arguments: &[&str]| trusted(&project, &[&["test"], arguments].concat());

    let missed = tested(&[]);
    let error = missed.stdout.lines().find(|line| line.contains("error[")).unwrap().trim();
    let wanted = "error[K0131]: no recorded answer of an MCP server for `mcp own`";
    assert_eq!((error, missed.code, calls(&project)), (wanted, Some(7), 0), "{}", missed.stdout);

    let recorded = tested(&["--record", "new"]);
    assert_eq!((recorded.code, calls(&project)), (Some(0), 2), "{}", recorded.stdout);
    let cassette = project.path().join("cassettes/a_test/test_own.jsonl");
    let written = std::fs::read_to_string(cassette).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    let line = r#"{"asked":"mcp_call own__go {\"a\":1}","told":{"value":"ok","text":"ok","is_error":false,"version":"#;
    assert_eq!((lines.len(), lines[0]), (4, "{\"cassette\":4}"));
    assert!(lines[2].starts_with(line) && lines[3].starts_with(line), "{written}");

    // The server is gone, and the test does not need it.
    std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
    let played = tested(&[]);
    assert_eq!((played.code, calls(&project)), (Some(0), 2), "{}", played.stdout);

    // One call more than was recorded.
    project
        .file("a_test.rhai", &test.replace("b.act(t[0], #{ a: 1 })]", "b.act(t[0], #{ a: 2 })]"));
    let missed = tested(&[]);
    assert_eq!(missed.code, Some(7), "{}", missed.stdout);
    assert!(missed.stdout.contains("for `mcp_call own__go {\"a\":2}`"), "{}", missed.stdout);
}

#[test]
fn a_plan_and_a_replay_start_no_server() {
    let project = project("plain", "approve = \"never\"\n", ACT);
    let plan = || trusted(&project, &["plan", "a.rhai"]);
    let unknown = plan();
    let note = "the tools of MCP server `own` are unknown until a script has used it";
    assert!(unknown.stderr.contains(note), "{}{}", unknown.stdout, unknown.stderr);
    assert!(!project.path().join("pids.txt").exists());

    assert_eq!(run(&project, &["a.rhai"]).code, Some(0));
    std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
    let known = plan();
    assert_eq!(known.code, Some(0), "{}{}", known.stdout, known.stderr);
    let replayed = trusted(&project, &["replay", "@"]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.stdout, replayed.stderr);
}

/// Calls the tool five times, and keeps what came of it.
const FIVE: &str = "let t = mcp(\"own\");\nlet b = branch();\nlet seen = [];\n\
                    for n in 0..5 {\n    let r = attempt(|| b.act(t[0], #{ a: 1 }));\n    \
                    seen.push(if r.ok { r.value } else { r.error.cause });\n}\n";

#[test]
fn a_cassette_tells_a_failure_again_in_its_place() {
    let project = project("by-turns", "approve = \"never\"\n", "");
    let test = |wanted: &str| {
        let text = format!("fn test_own() {{\n{FIVE}assert_eq(seen, {wanted});\n}}\n");
        project.file("a_test.rhai", &text);
    };
    let tested = |arguments: &[&str]| trusted(&project, &[&["test"], arguments].concat());

    test(r#"["mcp", "2", "mcp", "4", "5"]"#);
    let recorded = tested(&["--record", "new"]);
    assert_eq!((recorded.code, calls(&project)), (Some(0), 5), "{}", recorded.stdout);
    let cassette = project.path().join("cassettes/a_test/test_own.jsonl");
    let written = std::fs::read_to_string(&cassette).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!((lines.len(), lines[0]), (7, "{\"cassette\":5}"), "{written}");
    let asked = r#"{"asked":"mcp_call own__go {\"a\":1}","#;
    let ends: Vec<bool> =
        lines[2..].iter().map(|line| line.starts_with(&format!("{asked}\"failure\":{{"))).collect();
    assert_eq!(ends, [true, false, true, false, false], "{written}");

    // The server is gone, and every call ends as it did.
    let server = include_str!("hostile.sh");
    std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
    let played = tested(&[]);
    assert_eq!((played.code, calls(&project)), (Some(0), 5), "{}", played.stdout);

    // A failure is no answer: where new answers are recorded, those calls are made again.
    project.file("hostile.sh", server);
    test(r#"["6", "2", "7", "4", "5"]"#);
    let again = tested(&["--record", "new"]);
    assert_eq!((again.code, calls(&project)), (Some(0), 7), "{}", again.stdout);
    let written = std::fs::read_to_string(&cassette).unwrap();
    assert!(written.starts_with("{\"cassette\":4}\n") && !written.contains("failure"), "{written}");
    let played = tested(&[]);
    assert_eq!((played.code, calls(&project)), (Some(0), 7), "{}", played.stdout);
}

#[test]
fn a_cassette_tells_again_that_a_server_did_not_start() {
    let project = project("plain", "approve = \"never\"\n", "");
    project.file("hostile.sh", "exit 7\n");
    let test = "fn test_own() {\n    let e = attempt(|| mcp(\"own\")).error;\n\
                \x20   assert_eq(e.kind, \"mcp\");\n    assert_eq(mcp(\"own\").len, 1);\n}\n";
    project.file("a_test.rhai", test);
    let tested = |arguments: &[&str]| trusted(&project, &[&["test"], arguments].concat());

    // The second list is missing: the server still does not start.
    assert_eq!(tested(&["--record", "new"]).code, Some(1));
    project.file("hostile.sh", include_str!("hostile.sh"));
    let test = test.replace("attempt(|| mcp(\"own\")).error", "#{ kind: \"mcp\" }");
    project.file("a_test.rhai", &test);
    let recorded = tested(&["--record", "new"]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.stdout);
    std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
    let played = tested(&[]);
    assert_eq!(played.code, Some(0), "{}", played.stdout);
}

/// Describes the server of a project in its script, with further fields.
fn described(mode: &str, fields: &str) -> String {
    format!("mcp(#{{ command: [\"sh\", \"hostile.sh\", \"{mode}\"]{fields} }})")
}

/// Creates a project that has no server, and a script.
fn plain(script: &str) -> Project {
    let project = Project::new();
    project.file("hostile.sh", include_str!("hostile.sh"));
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n").file("a.rhai", script);
    project
}

#[test]
fn a_server_that_a_script_describes_needs_grants() {
    let own = described("plain", ", name: \"own\", approve: \"never\"");
    let project = plain(&format!("print(branch().act({own}[0], #{{ a: 1 }}));\n"));

    let refused = run(&project, &["a.rhai"]);
    assert_eq!((refused.code, calls(&project)), (Some(6), 0), "{}", refused.stderr);
    assert!(refused.stderr.contains("--allow-run=sh"), "{}", refused.stderr);
    let denied = run(&project, &["a.rhai", "--allow-run=sh", "--deny-run=sh"]);
    assert_eq!((denied.code, calls(&project)), (Some(6), 0), "{}", denied.stderr);
    assert!(!project.path().join("pids.txt").exists());

    let granted = run(&project, &["a.rhai", "--allow-run=sh"]);
    assert_eq!((granted.code, granted.stdout.as_str()), (Some(0), "ok\n"), "{}", granted.stderr);
    // What it has answered is not asked for again.
    std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
    let replayed = trusted(&project, &["replay", "@"]);
    assert_eq!((replayed.code, calls(&project)), (Some(0), 1), "{}", replayed.stderr);

    let env = plain(&format!("print({}.len);\n", described("plain", ", env: [\"TOKEN\"]")));
    let refused = run(&env, &["a.rhai", "--allow-run=sh"]);
    assert!(refused.stderr.contains("--allow-env=TOKEN"), "{}", refused.stderr);
    let granted = run(&env, &["a.rhai", "--allow-run=sh", "--allow-env=TOKEN"]);
    assert_eq!((refused.code, granted.stdout.as_str()), (Some(6), "1\n"), "{}", granted.stderr);

    let far = plain("mcp(#{ url: \"http://127.0.0.1:1/mcp\", key: \"env:TOKEN\" });\n");
    for (grants, code, word) in [
        (&[][..], 6, "--allow-net=127.0.0.1:1"),
        (&["--allow-net=127.0.0.1:1"], 6, "--allow-env=TOKEN"),
        (&["--allow-net=127.0.0.1:1", "--allow-env=TOKEN"], 5, "cannot be reached"),
    ] {
        let mut command = far.command(&[&["run", "--quiet", "a.rhai"], grants].concat());
        let ran = Ran::from(command.env("TOKEN", "tok-314159265").output().unwrap());
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    }
}

#[test]
fn a_server_that_a_script_describes_is_like_one_of_kaizen_toml() {
    let own = described("plain", ", only: [\"g*\"], read: [\"go\"]");
    let script = format!(
        "let tools = {own};\n\
         print(tools.map(|t| `${{t.name}} ${{t.effects}}`));\n\
         print({own}.len);\n\
         let wrong = [\n\
         #{{ }}, #{{ command: [\"sh\"], url: \"http://a/\" }}, #{{ command: \"sh\" }}, #{{ comand: [\"sh\"] }},\n\
         #{{ command: [\"sh\"], pin: true }}, #{{ command: [\"sh\"], name: \"a b\" }}, #{{ command: [\"sh\"], name: 1 }},\n\
         #{{ command: [\"sh\", \"other\"] }}, #{{ url: \"http://user:pw@a/\" }},\n\
         ];\n\
         for w in wrong {{ print(attempt(|| mcp(w)).error.message); }}\n\
         print(branch().act(tools[0], #{{ a: 1 }}));\n"
    );
    let project = plain(&script);
    let ran = run(&project, &["a.rhai", "--allow-run=sh"]);
    expect![[r#"
        Some(0)
        ["sh__go read"]
        1
        `mcp`: `mcp.server` needs either `command` or `url`, but has neither
        `mcp`: `mcp.sh` needs either `command` or `url`, but has both
        `mcp`: `mcp.server.command` must be a list of a program and its arguments, such as ["npx", "-y", ".."], not `"sh"`
        `mcp(#{ .. })` has no option `comand`; did you mean `command`?
        `mcp(#{ .. })` has no option `pin`; valid options: name, command, env, url, key, read, approve, only, except, start_timeout_ms, timeout_ms, protocol
        `mcp`: `mcp.a b`: the name of a server consists of 1 to 32 letters, digits, `_` and `-`
        `mcp`: `name` must be a string
        an MCP server `sh` is already described differently; give this one another `name`
        `mcp`: `mcp.a.url` must be an address without a password in it, not `..`
        ok
    "#]]
    .assert_eq(&format!("{:?}\n{}{}", ran.code, ran.stdout, ran.stderr));
    assert_eq!(calls(&project), 1);

    // Everything that has lasting effects needs approval, as it does where the project says nothing.
    let project = plain(&format!("print(branch().act({}[0], #{{ }}));\n", described("plain", "")));
    let refused = run(&project, &["a.rhai", "--allow-run=sh"]);
    assert_eq!((refused.code, calls(&project)), (Some(6), 0), "{}", refused.stderr);
    let approved = run(&project, &["--resume", "--allow-run=sh", "--approve=sh__go"]);
    assert_eq!((approved.code, calls(&project)), (Some(0), 1), "{}", approved.stderr);
}

#[test]
fn the_keys_of_a_described_server_are_looked_at_before_a_run() {
    let script = "mcp(#{ comand: [\"sh\"] });\nmcp(#{ command: [\"sh\"], pin: true });\n\
                  mcp(\"own\", #{ command: [\"sh\"] });\nmcp(#{ command: [\"sh\"] }, #{ fresh: true });\n";
    let project = project("plain", "", script);
    let checked = trusted(&project, &["check", "a.rhai"]);
    let lines = checked.stdout.lines().chain(checked.stderr.lines());
    let errors: Vec<&str> = lines.filter(|line| line.starts_with("error[")).collect();
    expect![[r#"
        error[K0005]: `mcp(#{ .. })` has no option `comand`
        error[K0005]: `mcp(#{ .. })` has no option `pin`
        error[K0005]: `mcp` has no option `command`"#]]
    .assert_eq(&errors.join("\n"));
}

#[test]
fn each_kind_of_content_has_an_outcome() {
    let mut told = String::new();
    for mode in [
        "picture",
        "only-picture",
        "picture-resource",
        "no-picture",
        "nine-pictures",
        "parts",
        "new-part",
        "data",
        "data-alone",
        "data-and-picture",
        "nothing",
        "silent-error",
        "tool-error",
    ] {
        let script = "let r = attempt(|| branch().act(mcp(\"own\")[0], #{ }));\n\
                      print(if r.ok { to_json(r.value) } else { r.error.message });\n";
        let project = project(mode, "approve = \"never\"\n", script);
        let ran = run(&project, &["a.rhai"]);
        told.push_str(&format!("{mode}: {}{}", ran.stdout, ran.stderr));
        // An answer that cannot be read leaves it open whether the call took effect.
        if mode == "new-part" {
            continue;
        }
        std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
        let again = run(&project, &["--resume=@"]);
        assert_eq!((again.stdout, calls(&project)), (ran.stdout, 1), "{mode}: {}", again.stderr);
    }
    expect![[r#"
        picture: {"images":["data:image/gif;base64,R0lGODlhLQ=="],"text":"see"}
        only-picture: {"images":["data:image/gif;base64,R0lGODlhLQ=="],"text":""}
        picture-resource: {"images":["data:image/gif;base64,R0lGODlhLQ=="],"text":""}
        no-picture: "[a picture left out: it is not base64]\n[a picture left out: it is not a PNG, JPEG, GIF or WebP picture]"
        nine-pictures: {"images":["data:image/gif;base64,R0lGODlhLQ==","data:image/gif;base64,R0lGODlhLQ==","data:image/gif;base64,R0lGODlhLQ==","data:image/gif;base64,R0lGODlhLQ==","data:image/gif;base64,R0lGODlhLQ==","data:image/gif;base64,R0lGODlhLQ==","data:image/gif;base64,R0lGODlhLQ==","data:image/gif;base64,R0lGODlhLQ=="],"text":"[a picture left out: at most 8 are passed on]"}
        parts: "[audio, audio/wav, left out]\n[link to notes: file:///n.md]\ninside\n[bytes of file:///b.bin, application/zip, left out]"
        new-part: tool `own__go`: MCP server `own`: its answer to `go` is not valid; nobody knows whether the call took effect
        data: {"a":[2.5,null],"b":1}
        data-alone: {"n":1}
        data-and-picture: {"n":1}
        nothing: ""
        silent-error: tool `own__go`: the tool reports a failure without a reason
        tool-error: tool `own__go`: disk full
    "#]]
    .assert_eq(&told);
}

const CALLS: &str = r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"own__go","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":9,"completion_tokens":9}}"#;

#[test]
fn a_model_that_takes_pictures_is_shown_those_of_a_result() {
    let picture = json!([
        { "type": "text", "text": "The pictures in the result of `own__go`:" },
        { "type": "image_url", "image_url": { "url": "data:image/gif;base64,R0lGODlhLQ==" } },
    ]);
    let left_out = json!("see\n[a picture, image/gif, 7 bytes, left out]");

    for (settings, options, is_shown) in [
        ("image_tokens = 100\n", "", true),
        ("image_tokens = 100\n", ", protocol: \"schema\"", true),
        ("", "", false),
        (
            "image_tokens = 100\nprice = { input = 1.0, output = 1.0, per = \"1M\" }\n",
            ", budget: #{ max_cost: 1.0 }",
            true,
        ),
    ] {
        let is_schema = options.contains("schema");
        let server = Server::start(move |number, _, _| match number {
            0 if is_schema => answer("{\"tool\": \"own__go\", \"args\": {}}"),
            0 => body(200, CALLS),
            _ if is_schema => answer("{\"answer\": \"a dot\"}"),
            _ => answer("a dot"),
        });
        let script = format!(
            "print(branch(\"live\").operate(\"What is it?\", #{{ tools: mcp(\"own\"), max_tokens: 50{options} }}));\n"
        );
        let model =
            format!("[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n{settings}", server.url);
        let project = project("picture", &format!("approve = \"never\"\n{model}"), &script);
        let ran = run(&project, &["a.rhai"]);
        assert_eq!(ran.stdout, "a dot\n", "{settings}{options}: {}", ran.stderr);

        let sent: Value = serde_json::from_str(&server.bodies()[1]).unwrap();
        let messages = sent["messages"].as_array().unwrap();
        if is_schema {
            let last = messages.last().unwrap();
            let result = "<result tool=\"own__go\">\nsee\n</result>";
            assert_eq!(last["content"], json!([{ "type": "text", "text": result }, picture[1]]));
            continue;
        }
        let told: Vec<&Value> =
            messages.iter().skip(2).map(|message| &message["content"]).collect();
        let expected =
            if is_shown { vec![json!("see"), picture.clone()] } else { vec![left_out.clone()] };
        assert_eq!(told, expected.iter().collect::<Vec<_>>(), "{settings}");
    }
}

#[test]
fn a_run_that_is_killed_after_a_call_shows_the_picture_once_it_is_resumed() {
    let server = Server::start(|number, _, _| match number {
        0 => body(200, CALLS),
        _ => answer("a dot"),
    });
    let script = "print(branch(\"live\").operate(\"What is it?\", #{ tools: mcp(\"own\") }));\n";
    let model = format!(
        "[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\nimage_tokens = 100\n",
        server.url
    );
    let project = project("picture", &format!("approve = \"never\"\n{model}"), script);
    killed_at(&project, "tool_done:1");

    let resumed = run(&project, &["--resume"]);
    assert_eq!((resumed.stdout.as_str(), calls(&project)), ("a dot\n", 1), "{}", resumed.stderr);
    assert_eq!(server.bodies().len(), 2);
    assert!(server.bodies()[1].contains("data:image/gif;base64,R0lGODlhLQ=="));
}
