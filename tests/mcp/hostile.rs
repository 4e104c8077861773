//! A server that breaks every rule (`hostile.sh`). Each way has one outcome.

use crate::support::{Project, Ran};
use expect_test::{Expect, expect};

const TOKEN: &str = "tok-2718281828459";

/// Creates a project whose server `bad` does what `mode` says.
fn project(mode: &str, more: &str) -> Project {
    let project = Project::new();
    project.file("hostile.sh", include_str!("hostile.sh"));
    let toml = format!(
        "[mcp.bad]\ncommand = [\"sh\", \"hostile.sh\", \"{mode}\"]\nenv = [\"TOKEN\"]\n\
         start_timeout_ms = 4000\n{more}"
    );
    project.file("kaizen.toml", &toml);
    project
}

fn tools(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(&[&["tools"], arguments].concat());
    command.env("KAIZEN_TRUST", "1").env("TOKEN", TOKEN).env("OTHER", "an-other-value");
    Ran::from(command.output().unwrap())
}

/// Returns everything that came of a command, on lines.
fn told(ran: &Ran) -> String {
    format!("exit {:?}\n{}{}", ran.code, ran.stdout, ran.stderr)
}

/// Tells whether a process is still there.
fn lives(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

/// Checks what comes of calling `go`, and that nothing of the server is left.
fn check(mode: &str, outcome: &Expect) {
    let timeout = if mode.contains("mute") || mode.contains("foreign-id") { 300 } else { 60_000 };
    let project = project(mode, &format!("timeout_ms = {timeout}\n"));
    let ran = tools(&project, &["bad", "go", "{}", "--approve"]);
    outcome.assert_eq(&told(&ran));
    nothing_is_left(&project, mode);
}

fn nothing_is_left(project: &Project, mode: &str) {
    for file in ["pids.txt", "child.txt"] {
        let pids = std::fs::read_to_string(project.path().join(file)).unwrap_or_default();
        for pid in pids.lines() {
            // The signal has been sent; the kernel may still be at it.
            let mut tries = 0;
            while lives(pid) && tries < 200 {
                std::thread::sleep(std::time::Duration::from_millis(10));
                tries += 1;
            }
            assert!(!lives(pid), "{mode}: {pid} of {file} is left");
        }
    }
}

#[test]
fn a_server_that_dies_is_told_with_its_status_and_last_words() {
    check("dies-at-once", &expect![[r#""#]]);
    check("dies-in-call", &expect![[r#""#]]);
    check("killed-in-call", &expect![[r#""#]]);
    check("half-line", &expect![[r#""#]]);
    check("dies-after-call", &expect![[r#""#]]);
    check("closes-stdout", &expect![[r#""#]]);
    check("dies-at-discover", &expect![[r#""#]]);
}

#[test]
fn a_mute_server_is_given_up() {
    check("mute", &expect![[r#""#]]);
    check("mute-in-call", &expect![[r#""#]]);
    check("foreign-id", &expect![[r#""#]]);
}

#[test]
fn a_chatty_server_is_understood_and_a_flood_is_stopped() {
    check("banner", &expect![[r#""#]]);
    check("foreign-then-own", &expect![[r#""#]]);
    check("duplicate-id", &expect![[r#""#]]);
    check("long-line", &expect![[r#""#]]);
    check("no-newline", &expect![[r#""#]]);
    check("fifty", &expect![[r#""#]]);
    check("flood", &expect![[r#""#]]);
    check("notices", &expect![[r#""#]]);
    check("flood-at-start", &expect![[r#""#]]);
}

#[test]
fn what_cannot_be_read_is_told_at_once() {
    check("half-message", &expect![[r#""#]]);
    check("not-a-number", &expect![[r#""#]]);
    check("deep", &expect![[r#""#]]);
    check("no-result", &expect![[r#""#]]);
    check("other-result", &expect![[r#""#]]);
    check("number-result", &expect![[r#""#]]);
    check("wrong-greeting", &expect![[r#""#]]);
    check("odd-greeting", &expect![[r#""#]]);
    check("refuses-all", &expect![[r#""#]]);
    check("no-list", &expect![[r#""#]]);
    check("endless", &expect![[r#""#]]);
    check("same-page", &expect![[r#""#]]);
    check("many", &expect![[r#""#]]);
}

#[test]
fn texts_of_servers_are_harmless() {
    check("controls", &expect![[r#""#]]);
    check("secret", &expect![[r#""#]]);
    check("refuses", &expect![[r#""#]]);
    check("tool-error", &expect![[r#""#]]);
    check("image", &expect![[r#""#]]);
    check("data", &expect![[r#""#]]);
}

#[test]
fn a_server_gets_a_key_with_each_call_and_no_answers_of_its_own() {
    check("tells-key", &expect![[r#""#]]);
    check("asks-input", &expect![[r#""#]]);

    let project = project("asks-back", "");
    let ran = tools(&project, &["bad", "go", "{}", "--approve"]);
    expect![[r#""#]].assert_eq(&told(&ran));
    let asked = std::fs::read_to_string(project.path().join("asked.txt")).unwrap();
    expect![[r#""#]].assert_eq(&asked);
}

#[test]
fn nothing_is_left_of_a_server_that_ignores_signals_or_starts_others() {
    check("ignores-signals", &expect![[r#""#]]);
    check("children", &expect![[r#""#]]);
}

#[test]
fn lists_are_shown_with_names_that_fit_and_without_hidden_text() {
    for (mode, shown) in [
        ("hidden-text", expect![[r#""#]]),
        ("equal-names", expect![[r#""#]]),
        ("odd-names", expect![[r#""#]]),
        ("long-name", expect![[r#""#]]),
        ("no-schema", expect![[r#""#]]),
    ] {
        let project = project(mode, "");
        shown.assert_eq(&told(&tools(&project, &["bad"])));
    }
}

#[test]
fn a_server_gets_the_common_variables_and_those_that_are_named() {
    let project = project("all-env", "");
    let ran = tools(&project, &["bad", "go", "{}", "--approve"]);
    let names: Vec<&str> =
        ran.stdout.split(' ').filter_map(|part| part.split_once('=')).map(|(n, _)| n).collect();
    let own = |name: &&&str| ["PATH", "HOME", "TOKEN", "OTHER", "KAIZEN_TRUST"].contains(name);
    assert_eq!(names.iter().filter(own).copied().collect::<Vec<_>>(), ["HOME", "PATH", "TOKEN"]);
}

#[test]
fn denials_hold_for_servers() {
    for (denial, outcome) in [
        ("--deny-run=sh", expect![[r#""#]]),
        ("--deny-run", expect![[r#""#]]),
        ("--deny-env=TOKEN", expect![[r#""#]]),
    ] {
        let project = project("plain", "");
        outcome.assert_eq(&told(&tools(&project, &["bad", denial])));
        assert!(!project.path().join("pids.txt").exists(), "{denial}: it was started");
    }

    let project = Project::new();
    project.file("kaizen.toml", "[mcp.far]\nurl = \"http://127.0.0.1:9/mcp\"\nkey = \"env:TOKEN\"");
    for (denial, outcome) in [
        ("--deny-net=localhost", expect![[r#""#]]),
        ("--deny-env=TOKEN", expect![[r#""#]]),
        ("--allow-net", expect![[r#""#]]),
    ] {
        outcome.assert_eq(&told(&tools(&project, &["far", denial])));
    }
}

#[test]
fn a_tool_that_may_have_lasting_effects_needs_approval() {
    let project = project("plain", "");
    expect![[r#""#]].assert_eq(&told(&tools(&project, &["bad", "go", "{\"a\":1}"])));
    let project = self::project("plain", "read = [\"g*\"]\n");
    expect![[r#""#]].assert_eq(&told(&tools(&project, &["bad", "go"])));
    let project = self::project("plain", "approve = \"never\"\n");
    expect![[r#""#]].assert_eq(&told(&tools(&project, &["bad", "bad__go", "--json"])));
    for arguments in
        [["bad", "gone", "{}"], ["bda", "go", "{}"], ["bad", "go", "[1]"], ["bad", "go", "{"]]
    {
        let ran = tools(&project, &arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn changed_tools_are_told_and_with_a_pin_refused_until_trusted_again() {
    for (pin, first) in [("", expect![[r#""#]]), ("pin = true\n", expect![[r#""#]])] {
        let project = project("changed", pin);
        project.file("says.txt", "Adds.").file("named.txt", "old");
        assert_eq!(tools(&project, &["bad"]).stderr, "");
        project.file("says.txt", "Sends your keys.").file("named.txt", "new");
        first.assert_eq(&tools(&project, &["bad"]).stderr);

        assert_eq!(project.kaizen(&["trust"]).code, Some(0));
        assert_eq!(tools(&project, &["bad"]).stderr, "");
    }
}

#[test]
fn what_a_server_wishes_is_shown_before_it_is_started() {
    let project = project(
        "plain",
        "read = [\"go\"]\napprove = [\"x*\"]\n[mcp.far]\nurl = \"https://a.example/mcp\"\nkey = \"env:K\"\n",
    );
    let ran = project.kaizen(&["tools", "bad"]);
    expect![[r#""#]].assert_eq(&told(&ran));
    assert!(!project.path().join("pids.txt").exists());
}
