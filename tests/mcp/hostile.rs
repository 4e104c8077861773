//! A server that breaks every rule (`hostile.sh`). Each way has one outcome.

use crate::support::process::{lives, until};
use crate::support::{Project, Ran};
use expect_test::{Expect, expect};
use kaizen::mcp::spec::ServerSpec;
use kaizen::mcp::{Launch, Launcher, ServerProgram, Servers};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

const TOKEN: &str = "tok-2718281828459";

/// Creates a project whose server `bad` does what `mode` says.
fn project(mode: &str, rest: &str) -> Project {
    let project = Project::new();
    project.file("hostile.sh", include_str!("hostile.sh"));
    let start = if mode == "mute" { "start_timeout_ms = 400\n" } else { "" };
    let toml = format!(
        "[mcp.bad]\ncommand = [\"sh\", \"hostile.sh\", \"{mode}\"]\nenv = [\"TOKEN\"]\n\
         {start}{rest}"
    );
    project.file("kaizen.toml", &toml);
    project
}

fn tools(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(&[&["tools"], arguments].concat());
    command.env("KAIZEN_TRUST", "1").env("TOKEN", TOKEN).env("OTHER", "an-other-value");
    Ran::from(command.output().unwrap())
}

/// Returns everything that came of a command, on lines, with a long row of one character as its length.
fn told(ran: &Ran) -> String {
    let told = format!("exit {:?}\n{}{}", ran.code, ran.stdout, ran.stderr);
    let letters: Vec<char> = told.chars().collect();
    let rows = letters.chunk_by(|a, b| a == b).map(|row| match row {
        [letter, ..] if row.len() > 30 && letter.is_alphabetic() => {
            format!("[{} x {letter}]", row.len())
        }
        row => row.iter().collect(),
    });
    rows.collect()
}

/// Does the same, with the folder of the project left out.
fn told_anywhere(project: &Project, ran: &Ran) -> String {
    told(ran).replace(&project.path().display().to_string(), "PROJECT")
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
            let what = format!("{mode}: {pid} of {file} is gone");
            until(Duration::from_secs(2), &what, || !lives(pid));
        }
    }
}

#[test]
fn a_server_that_dies_is_told_with_its_status_and_last_words() {
    check(
        "dies-at-once",
        &expect![[r#"
            exit Some(5)
            error: MCP server `bad` ended (exit status: 7); its stderr ends with: cannot start: no database
        "#]],
    );
    check(
        "chatty-stderr",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` ended (exit status: 1); its stderr ends with: [1011 x e]the last line
    "#]],
    );
    check(
        "dies-in-call",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` ended (exit status: 3); its stderr ends with: out of luck
    "#]],
    );
    check(
        "killed-in-call",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` ended (signal: 9 (SIGKILL))
    "#]],
    );
    check(
        "half-line",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` ended (exit status: 0)
    "#]],
    );
    check(
        "dies-after-call",
        &expect![[r#"
        exit Some(0)
        ok
    "#]],
    );
    check(
        "closes-stdout",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` closed its stdout
    "#]],
    );
    check(
        "dies-at-discover",
        &expect![[r#"
        exit Some(0)
        ok
    "#]],
    );
}

#[test]
fn a_mute_server_is_given_up() {
    check(
        "mute",
        &expect![[r#"
            exit Some(5)
            error: MCP server `bad` did not start within 400 ms (`start_timeout_ms`)
        "#]],
    );
    check(
        "mute-in-call",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` did not answer `go` within 300 ms (`timeout_ms`)
    "#]],
    );
    check(
        "foreign-id",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` did not answer `go` within 300 ms (`timeout_ms`)
    "#]],
    );
}

#[test]
fn a_chatty_server_is_understood_and_a_flood_is_stopped() {
    check(
        "banner",
        &expect![[r#"
            exit Some(0)
            ok
            note: MCP server `bad` wrote 3 lines to stdout outside of the protocol; the first: Welcome to the server!
        "#]],
    );
    check(
        "byte-order-mark",
        &expect![[r#"
            exit Some(0)
            ok
        "#]],
    );
    check(
        "foreign-then-own",
        &expect![[r#"
        exit Some(0)
        right
    "#]],
    );
    check(
        "duplicate-id",
        &expect![[r#"
        exit Some(0)
        one
    "#]],
    );
    check(
        "long-line",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` was disconnected: it sent a line of more than 8388608 bytes
    "#]],
    );
    check(
        "no-newline",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` was disconnected: it sent a line of more than 8388608 bytes
    "#]],
    );
    check(
        "fifty",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` was disconnected: it sent a line of more than 8388608 bytes
    "#]],
    );
    check(
        "flood",
        &expect![[r#"
            exit Some(5)
            note: MCP server `bad` wrote 67 lines to stdout outside of the protocol; the first: [120 x y]
            error: MCP server `bad` was disconnected: it sent more than 67108864 bytes without an answer
        "#]],
    );
    check(
        "notices",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` was disconnected: it sent more than 67108864 bytes without an answer
    "#]],
    );
    check(
        "flood-at-start",
        &expect![[r#"
            exit Some(5)
            note: MCP server `bad` wrote 67 lines to stdout outside of the protocol; the first: [120 x y]
            error: MCP server `bad` was disconnected: it sent more than 67108864 bytes without an answer
        "#]],
    );
}

#[test]
fn what_cannot_be_read_is_told_at_once() {
    check(
        "half-message",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad`: it sent a message that cannot be read: EOF while parsing a string at line 1 column 29
    "#]],
    );
    check(
        "not-a-number",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad`: it sent a message that cannot be read: expected value at line 1 column 68
    "#]],
    );
    check(
        "deep",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad`: it sent a message that cannot be read: recursion limit exceeded at line 1 column 193
    "#]],
    );
    check(
        "no-result",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad`: it sent a message that cannot be read: unrecognized JSON-RPC message
    "#]],
    );
    check(
        "other-result",
        &expect![[r#"
            exit Some(5)
            error: MCP server `bad`: its answer to `go` is not valid
        "#]],
    );
    check(
        "number-result",
        &expect![[r#"
            exit Some(5)
            error: MCP server `bad`: its answer to `go` is not valid
        "#]],
    );
    check(
        "wrong-greeting",
        &expect![[r#"
        exit Some(0)
        ok
    "#]],
    );
    check(
        "odd-greeting",
        &expect![[r#"
            exit Some(5)
            error: MCP server `bad`: its answer to `initialize` is not valid
        "#]],
    );
    check(
        "refuses-all",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` answered `initialize` with error -32000: go away
    "#]],
    );
    check(
        "no-list",
        &expect![[r#"
            exit Some(5)
            error: MCP server `bad`: its answer to `tools/list` is not valid
        "#]],
    );
    check(
        "endless",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` was disconnected: it sent an endless list of tools (more than 100 pages)
    "#]],
    );
    check(
        "same-page",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` was disconnected: it sent an endless list of tools (more than 100 pages)
    "#]],
    );
    check(
        "many",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` was disconnected: it sent a list of more than 1000 tools
    "#]],
    );
}

#[test]
fn texts_of_servers_are_harmless() {
    check(
        "controls",
        &expect![[r#"
        exit Some(0)
        a[2Jbcde
        removed 4 invisible characters from the answer
    "#]],
    );
    check(
        "secret",
        &expect![[r#"
            exit Some(0)
            the key is [secret]
        "#]],
    );
    check(
        "refuses",
        &expect![[r#"
        exit Some(5)
        error: MCP server `bad` answered `go` with error -32602: no such[31m thing
    "#]],
    );
    check(
        "tool-error",
        &expect![[r#"
        exit Some(1)
        disk full
    "#]],
    );
    check(
        "image",
        &expect![[r#"
        exit Some(0)
        see
        [audio, audio/wav, left out]
        an image (image/png, 4 bytes as base64)
    "#]],
    );
    check(
        "data",
        &expect![[r#"
        exit Some(0)
        {}
    "#]],
    );
}

#[test]
fn a_server_gets_a_key_with_each_call_and_no_answers_of_its_own() {
    check(
        "tells-key",
        &expect![[r#"
        exit Some(0)
        1
    "#]],
    );
    check(
        "asks-input",
        &expect![[r#"
            exit Some(5)
            error: MCP server `bad`: `go` asks for input, which kaizen does not provide
        "#]],
    );

    let project = project("asks-back", "");
    let ran = tools(&project, &["bad", "go", "{}", "--approve"]);
    expect![[r#"
        exit Some(0)
        done
    "#]]
    .assert_eq(&told(&ran));
    let asked = std::fs::read_to_string(project.path().join("asked.txt")).unwrap();
    expect![[r#"
        {"jsonrpc":"2.0","id":"s1","error":{"code":-32601,"message":"sampling/createMessage"}}
        {"jsonrpc":"2.0","id":"s2","result":{"roots":[]}}
        {"jsonrpc":"2.0","id":"s3","result":{"action":"decline"}}
    "#]]
    .assert_eq(&asked);
}

#[test]
fn nothing_is_left_of_a_server_that_ignores_signals_or_starts_others() {
    check(
        "ignores-signals",
        &expect![[r#"
        exit Some(0)
        ok
    "#]],
    );
    check(
        "children",
        &expect![[r#"
        exit Some(0)
        started
    "#]],
    );
}

#[test]
fn lists_are_shown_with_names_that_fit_and_without_hidden_text() {
    for (mode, shown) in [
        (
            "hidden-text",
            expect![[r#"
            exit Some(0)
            tool     effects  approval  hash          description
            bad__go  write    needed    c7cdf9d87b4b  Adds.[31m Red
            note: removed 4 invisible characters from the description of `bad__go`
        "#]],
        ),
        (
            "equal-names",
            expect![[r#"
            exit Some(0)
            tool     effects  approval  hash          description
            bad__go  write    needed    c3909a2b2bbd  first
            note: `bad` lists the tool `go` more than once; the first one is used
        "#]],
        ),
        (
            "odd-names",
            expect![[r#"
            exit Some(0)
            tool                 effects  approval  hash          description
            bad__a_b_c_817614f3  write    needed    ae386dfb03cf  x
            bad__a_b_c           write    needed    051800721c8b  x
            note: tool `z` of `bad` is left out: its name is empty, too long or has invisible characters
            note: tool `` of `bad` is left out: its name is empty, too long or has invisible characters
        "#]],
        ),
        (
            "long-name",
            expect![[r#"
                exit Some(0)
                tool                                                              effects  approval  hash          description
                bad__[50 x n]_6a072ff6  write    needed    7bc376756045  x
            "#]],
        ),
        (
            "no-schema",
            expect![[r#"
            exit Some(0)
            note: tool `go` of `bad` is left out: the schema of its arguments does not describe an object
        "#]],
        ),
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
        (
            "--deny-run=sh",
            expect![[r#"
            exit Some(6)
            error: MCP server `bad`: running `sh` is denied by `--deny-run=sh` or kaizen.toml
        "#]],
        ),
        (
            "--deny-run",
            expect![[r#"
            exit Some(6)
            error: MCP server `bad`: running `sh` is denied by `--deny-run` or kaizen.toml
        "#]],
        ),
        (
            "--deny-env=TOKEN",
            expect![[r#"
            exit Some(6)
            error: MCP server `bad`: reading the variable `TOKEN` is denied by `--deny-env=TOKEN` or kaizen.toml
        "#]],
        ),
    ] {
        let project = project("plain", "");
        outcome.assert_eq(&told(&tools(&project, &["bad", denial])));
        assert!(!project.path().join("pids.txt").exists(), "{denial}: it was started");
    }

    let project = Project::new();
    project.file("kaizen.toml", "[mcp.far]\nurl = \"http://127.0.0.1:9/mcp\"\nkey = \"env:TOKEN\"");
    for (denial, outcome) in [
        (
            "--deny-net=localhost",
            expect![[r#"
            exit Some(6)
            error: MCP server `far`: reaching `127.0.0.1` is denied by `--deny-net=localhost` or kaizen.toml
        "#]],
        ),
        (
            "--deny-env=TOKEN",
            expect![[r#"
            exit Some(6)
            error: MCP server `far`: reading the variable `TOKEN` is denied by `--deny-env=TOKEN` or kaizen.toml
        "#]],
        ),
        (
            "--allow-net",
            expect![[r#"
                exit Some(5)
                error: MCP server `far` cannot be reached: nothing accepts connections there
            "#]],
        ),
    ] {
        outcome.assert_eq(&told(&tools(&project, &["far", denial])));
    }
}

#[test]
fn a_tool_that_may_have_lasting_effects_needs_approval() {
    let project = project("plain", "");
    expect![[r#"
        exit Some(6)
        error: `bad__go` with {"a":1} needs approval because it may have lasting effects; pass `--approve`, or add it to `read` under the server in kaizen.toml
    "#]].assert_eq(&told(&tools(&project, &["bad", "go", "{\"a\":1}"])));
    let project = self::project("plain", "read = [\"g*\"]\n");
    expect![[r#"
        exit Some(0)
        ok
    "#]]
    .assert_eq(&told(&tools(&project, &["bad", "go"])));
    let project = self::project("plain", "approve = \"never\"\n");
    expect![[r#"
        exit Some(0)
        {"server":"bad","tool":"bad__go","is_error":false,"value":"ok","text":"ok","images":[]}
    "#]]
    .assert_eq(&told(&tools(&project, &["bad", "bad__go", "--json"])));
    for arguments in
        [["bad", "gone", "{}"], ["bda", "go", "{}"], ["bad", "go", "[1]"], ["bad", "go", "{"]]
    {
        let ran = tools(&project, &arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn changed_tools_are_told_and_with_a_pin_refused_until_trusted_again() {
    for (pin, first) in [
        (
            "",
            expect![[r#"
        note: MCP server `bad` has changed its tools since this project was trusted: added `new`; changed `go`; removed `old`
    "#]],
        ),
        (
            "pin = true\n",
            expect![[r#"
        error: MCP server `bad` has changed its tools since this project was trusted: added `new`; changed `go`; removed `old`
        help: review them with `kaizen tools`, without `pin`, then run `kaizen trust`
    "#]],
        ),
    ] {
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
fn what_a_server_repeats_in_names_is_neither_shown_nor_stored() {
    let project = project("tells-token", "");
    for _ in 0..2 {
        let ran = tools(&project, &["bad"]);
        expect![[r#"
            exit Some(0)
            tool                                                              effects  approval  hash          description
            bad__t__secret__ea8badc4                                          write    needed    038d8e3d8a86  x
            bad__[45 x n]_secr_3e229948  write    needed    c021694649bf  x
        "#]].assert_eq(&told(&ran));
    }
    let file = project.path().join("home/.local/state/kaizen/mcp.json");
    let stored = std::fs::read_to_string(file).unwrap();
    assert!(!stored.contains(&TOKEN[..5]), "{stored}");
    assert!(!stored.contains("hostile.sh"), "{stored}");
}

/// Describes a server that starts `hostile.sh` in the folder of a project.
fn servers(project: &Project, mode: &str) -> Servers {
    let wishes = json!({ "command": ["sh", "hostile.sh", mode] });
    let spec = ServerSpec::from_map("bad", wishes.as_object().unwrap()).unwrap();
    let program = ServerProgram {
        path: "sh".into(),
        named: "sh".to_owned(),
        arguments: vec!["hostile.sh".to_owned(), mode.to_owned()],
        env: vec![("PATH".to_owned(), std::env::var("PATH").unwrap())],
        folder: project.path().to_owned(),
    };

    let launcher: Launcher = Rc::new(move |_| {
        let launch = Launch::Program(program.clone());
        Box::pin(async { Ok(launch) })
    });
    Servers::new([("bad".to_owned(), spec)].into(), BTreeMap::new(), launcher)
}

#[tokio::test]
async fn the_first_list_of_a_run_counts_also_after_a_server_is_started_again() {
    let project = project("renames", "");
    let servers = servers(&project, "renames");
    let listing = servers.tools("bad").await.unwrap();
    assert_eq!(listing.tools.len(), 1);
    servers.call("bad", "go", Map::new(), "key", None).await.unwrap();

    // It ends after the call; what follows starts it again, once that is noticed.
    let began = Instant::now();
    let fault = loop {
        if let Err(fault) = servers.tools("bad").await {
            break fault;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "the end of the server is not noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    expect![
        "MCP server `bad` has changed its tools since this run began: added `went`; removed `go`"
    ]
    .assert_eq(&fault.to_string());

    drop(servers);
    nothing_is_left(&project, "renames");
}

#[test]
fn what_a_server_wishes_is_shown_before_it_is_started() {
    let project = project(
        "plain",
        "read = [\"go\"]\napprove = [\"x*\"]\n[mcp.far]\nurl = \"https://a.example/mcp\"\nkey = \"env:K\"\n",
    );
    let ran = project.kaizen(&["tools", "bad"]);
    expect![[r#"
        exit Some(6)
        the kaizen.toml of `PROJECT` requests:
            mcp.bad.command = ["sh", "hostile.sh", "plain"]
            mcp.bad.env = ["TOKEN"]
            mcp.bad.read = ["go"]
            mcp.bad.approve = ["x*"]
            mcp.far.url = "https://a.example/mcp"
            mcp.far.key = "env:K"
        error: this project is not trusted, so nothing was run; review these lines, then run `kaizen trust`
    "#]].assert_eq(&told_anywhere(&project, &ran));
    assert!(!project.path().join("pids.txt").exists());
}

#[test]
fn nothing_is_left_of_a_server_when_kaizen_is_stopped_or_killed() {
    use nix::sys::signal::{Signal, kill};

    for (signal, code) in
        [(Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(143)), (Signal::SIGKILL, None)]
    {
        let project = project("mute-in-call", "");
        let mut command = project.command(&["tools", "bad", "go", "{}", "--approve"]);
        let mut child = command.env("KAIZEN_TRUST", "1").spawn().unwrap();
        let calls = project.path().join("calls.txt");
        until(Duration::from_secs(20), "the call has come", || calls.exists());

        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        kill(pid, signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), code, "{signal}");
        nothing_is_left(&project, signal.as_str());
    }
}
