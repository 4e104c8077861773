//! `mcp(..)` in scripts: tools of servers are tools like others, and what they answered is never asked for
//! again.

use crate::support::{Project, Ran};
use expect_test::expect;

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

fn run(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(&[&["run", "--quiet"], arguments].concat());
    Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap())
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
                  print(attempt(|| mcp(\"onw\")).error.message);\n\
                  print(attempt(|| mcp(\"own\", #{ only: 1 })).error.message);\n";
    let project = project("plain", "read = [\"*\"]\n", script);
    let ran = run(&project, &["a.rhai"]);
    expect![[r#"
        Some(0)
        ["own__go read"]
        []
        ok
        no MCP server `onw`; did you mean `own`?
        option `only` of `mcp`: must be a list of names of tools, which may contain `*`
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

#[test]
fn a_call_that_was_cut_by_a_kill_is_made_again_only_if_it_has_no_lasting_effect() {
    for (effects, code, wanted) in
        [("read = [\"*\"]\n", Some(1), 2), ("approve = \"never\"\n", Some(1), 1)]
    {
        let project = project("mute-in-call", &format!("timeout_ms = 60000\n{effects}"), ACT);
        let mut command = project.command(&["run", "--quiet", "a.rhai"]);
        let mut child = command.env("KAIZEN_TRUST", "1").spawn().unwrap();
        for _ in 0..3000 {
            if calls(&project) == 1 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();

        // Whoever is asked again dies.
        project.file(
            "hostile.sh",
            &include_str!("hostile.sh").replace("mute-in-call) hang", "mute-in-call) exit 3"),
        );
        let resumed = run(&project, &["--resume"]);
        let seen: Vec<&str> = resumed.stderr.lines().take(1).collect();
        assert_eq!((resumed.code, calls(&project)), (code, wanted), "{effects}: {seen:?}");
    }
}

#[test]
fn a_plan_and_a_replay_start_no_server() {
    let project = project("plain", "approve = \"never\"\n", ACT);
    let mut plan = project.command(&["plan", "a.rhai"]);
    let _ = plan.env("KAIZEN_TRUST", "1").output().unwrap();
    assert!(!project.path().join("pids.txt").exists());

    assert_eq!(run(&project, &["a.rhai"]).code, Some(0));
    std::fs::remove_file(project.path().join("hostile.sh")).unwrap();
    let mut replay = project.command(&["replay", "@"]);
    let replayed = Ran::from(replay.env("KAIZEN_TRUST", "1").output().unwrap());
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.stdout, replayed.stderr);
}
