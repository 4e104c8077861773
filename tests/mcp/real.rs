//! Servers that other people wrote, in two languages and both eras of the protocol. `KAIZEN_MCP_SERVERS`
//! names a folder with `node_modules` and a Python environment `v` in it; without a server its test says
//! that it is skipped.

use crate::support::process::{children, until};
use crate::support::server::{Act, Server};
use crate::support::{Project, Ran};
use expect_test::{Expect, expect};
use nix::sys::signal::{Signal, kill};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finds a program of a real server.
#[allow(clippy::print_stdout, reason = "whoever runs the tests is told which one is skipped")]
fn server(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("KAIZEN_MCP_SERVERS").map(PathBuf::from);
    let found = folder.map(|folder| folder.join(path)).filter(|path| path.exists());
    if found.is_none() {
        println!("skipped: `{path}` is not in KAIZEN_MCP_SERVERS");
    }
    found
}

fn tools(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(&[&["tools"], arguments].concat());
    command.env("KAIZEN_TRUST", "1").env("TZ", "UTC");
    Ran::from(command.output().unwrap())
}

/// Creates a project with a server of Node or of Python.
fn project(program: &[&str], more: &str) -> Project {
    let project = Project::new();
    let toml = format!("[mcp.real]\ncommand = {program:?}\n{more}");
    project.file("kaizen.toml", &toml);
    project
}

/// Returns the names of the tools and the version of the protocol.
fn listed(project: &Project) -> String {
    let ran = tools(project, &["--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = lines.iter().map(|line| line["tool"].as_str().unwrap()).collect();
    format!("{}: {}", lines[0]["protocol"].as_str().unwrap(), names.join(" "))
}

fn outcome(ran: &Ran) -> String {
    format!("exit {:?}\n{}{}", ran.code, ran.stdout, ran.stderr)
}

fn called(project: &Project, tool: &str, args: &str, wanted: &Expect) {
    wanted.assert_eq(&outcome(&tools(project, &["real", tool, args, "--approve"])));
}

#[test]
fn server_everything_lists_calls_and_fails() {
    let path = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let Some(path) = server(path) else { return };
    let project = project(&["node", path.to_str().unwrap(), "stdio"], "timeout_ms = 3000\n");
    expect!["2025-11-25: echo get-annotated-message get-env get-resource-links get-resource-reference get-structured-content get-sum get-tiny-image gzip-file-as-resource toggle-simulated-logging toggle-subscriber-updates trigger-long-running-operation"].assert_eq(&listed(&project));
    called(
        &project,
        "echo",
        r#"{"message":"hello"}"#,
        &expect![[r#"
            exit Some(0)
            Echo: hello
            note: tool `simulate-research-query` of `real` is left out: it runs only as a task of the protocol, which kaizen does not support
        "#]],
    );
    called(
        &project,
        "get-sum",
        r#"{"a":2,"b":40}"#,
        &expect![[r#"
            exit Some(0)
            The sum of 2 and 40 is 42.
            note: tool `simulate-research-query` of `real` is left out: it runs only as a task of the protocol, which kaizen does not support
        "#]],
    );
    called(
        &project,
        "get-sum",
        r#"{"a":"x"}"#,
        &expect![[r#"
            exit Some(1)
            MCP error -32602: Input validation error: Invalid arguments for tool get-sum: Invalid input: expected number, received string at a
            Invalid input: expected number, received undefined at b
            note: tool `simulate-research-query` of `real` is left out: it runs only as a task of the protocol, which kaizen does not support
        "#]],
    );
    called(
        &project,
        "trigger-long-running-operation",
        r#"{"duration":20,"steps":2}"#,
        &expect![[r#"
            exit Some(5)
            note: tool `simulate-research-query` of `real` is left out: it runs only as a task of the protocol, which kaizen does not support
            error: MCP server `real` did not answer `trigger-long-running-operation` within 3000 ms (`timeout_ms`)
        "#]],
    );
}

#[test]
fn server_filesystem_reads_and_refuses() {
    let path = "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js";
    let Some(path) = server(path) else { return };
    let project = project(&["node", path.to_str().unwrap(), "data"], "read = [\"read_*\"]\n");
    project.file("data/a.txt", "one\n");
    expect!["2025-11-25: read_file read_text_file read_media_file read_multiple_files write_file edit_file create_directory list_directory list_directory_with_sizes directory_tree move_file search_files get_file_info list_allowed_directories"].assert_eq(&listed(&project));
    called(
        &project,
        "read_text_file",
        r#"{"path":"a.txt"}"#,
        &expect![[r#"
            exit Some(0)
            one

        "#]],
    );

    let ran = tools(&project, &["real", "read_text_file", r#"{"path":"/etc/passwd"}"#]);
    assert_eq!((ran.code, ran.stdout.contains("root:")), (Some(1), false), "{}", ran.stdout);
}

#[test]
fn mcp_server_time_speaks_the_new_era() {
    let Some(path) = server("v/bin/mcp-server-time") else { return };
    let project = project(&[path.to_str().unwrap()], "read = [\"*\"]\n");
    expect!["2026-07-28: get_current_time convert_time"].assert_eq(&listed(&project));
    let args = r#"{"source_timezone":"UTC","time":"12:00","target_timezone":"Nowhere/Land"}"#;
    called(
        &project,
        "convert_time",
        args,
        &expect![[r#"
        exit Some(1)
        Error executing tool convert_time: Invalid timezone: 'No time zone found with key Nowhere/Land'
    "#]],
    );

    for protocol in ["2025-11-25", "2026-07-28"] {
        let project =
            self::project(&[path.to_str().unwrap()], &format!("protocol = \"{protocol}\"\n"));
        assert!(listed(&project).starts_with(protocol));
    }
}

#[test]
fn mcp_server_fetch_lists() {
    let Some(path) = server("v/bin/mcp-server-fetch") else { return };
    let project = project(&[path.to_str().unwrap()], "");
    expect!["2026-07-28: fetch"].assert_eq(&listed(&project));
}

#[test]
fn a_real_program_that_is_killed_in_a_call_is_noticed_and_started_again() {
    let Some(path) = server("v/bin/mcp-server-fetch") else { return };
    let page = Server::start(|number, _, _| match number {
        0 => Act::Hang,
        _ => Act::Answer(200, "content-type: text/plain\r\n".into(), b"one".to_vec()),
    });
    let options = ["--ignore-robots-txt", "--allow-private-ips"];
    let project = project(&[&[path.to_str().unwrap()], &options[..]].concat(), "read = [\"*\"]\n");

    let args = format!("{{\"url\":\"{}/a\"}}", page.url);
    let mut command = project.command(&["tools", "real", "fetch", &args]);
    command.env("KAIZEN_TRUST", "1").stderr(Stdio::piped()).stdout(Stdio::piped());
    let client = command.spawn().unwrap();
    until(PATIENCE, "the call has reached the page", || !page.bodies().is_empty());
    for pid in children(client.id()) {
        kill(pid, Signal::SIGKILL).unwrap();
    }

    let ran = Ran::from(client.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(5), "{}", ran.stdout);
    assert!(ran.stderr.contains("ended (signal: 9 (SIGKILL))"), "{}", ran.stderr);

    let again = tools(&project, &["real", "fetch", &args]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stdout.contains("one"), "{}", again.stdout);
}

#[test]
fn a_real_server_over_http_that_is_killed_in_a_call_is_noticed_at_once() {
    let path = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let Some(path) = server(path) else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let start = || {
        let mut command = Command::new("node");
        command.arg(&path).arg("streamableHttp").env("PORT", free.port().to_string());
        let log = std::fs::File::create(log.path()).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        until(PATIENCE, "the server listens", || std::net::TcpStream::connect(free).is_ok());
        child
    };

    let project = Project::new();
    let toml = format!(
        "[mcp.real]\nurl = \"http://{free}/mcp\"\nprotocol = \"2025-11-25\"\napprove = \"never\"\n"
    );
    project.file("kaizen.toml", &toml);
    let mut running = start();
    expect![[r#"
        exit Some(0)
        Echo: hello
        note: tool `simulate-research-query` of `real` is left out: it runs only as a task of the protocol, which kaizen does not support
    "#]]
    .assert_eq(&outcome(&tools(&project, &["real", "echo", r#"{"message":"hello"}"#])));
    running.kill().unwrap();
    running.wait().unwrap();

    // Four requests are a handshake, its end, the list of tools, and the call.
    let mut running = start();
    let args = r#"{"duration":60,"steps":60}"#;
    let mut command = project.command(&["tools", "real", "trigger-long-running-operation", args]);
    command.env("KAIZEN_TRUST", "1").stderr(Stdio::piped()).stdout(Stdio::piped());
    let client = command.spawn().unwrap();
    let posts = || std::fs::read_to_string(log.path()).unwrap().matches("MCP POST").count();
    until(PATIENCE, "the call has reached the server", || posts() >= 4);
    running.kill().unwrap();
    running.wait().unwrap();

    let ran = Ran::from(client.wait_with_output().unwrap());
    let is_noticed = ["cannot be reached", "closed the connection", "broke the connection"]
        .iter()
        .any(|how| ran.stderr.contains(how));
    assert!(ran.code == Some(5) && is_noticed, "{:?} {}", ran.code, ran.stderr);
}
