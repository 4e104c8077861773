//! Servers that other people wrote, in two languages and both eras of the protocol. `KAIZEN_MCP_SERVERS`
//! names a folder with `node_modules` and a Python environment `v` in it; without a server its test says
//! that it is skipped.

use crate::support::{Project, Ran};
use expect_test::{Expect, expect};
use std::path::PathBuf;

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

fn called(project: &Project, tool: &str, args: &str, outcome: &Expect) {
    let ran = tools(project, &["real", tool, args, "--approve"]);
    outcome.assert_eq(&format!("exit {:?}\n{}{}", ran.code, ran.stdout, ran.stderr));
}

#[test]
fn server_everything_lists_calls_and_fails() {
    let path = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let Some(path) = server(path) else { return };
    let project = project(&["node", path.to_str().unwrap(), "stdio"], "timeout_ms = 3000\n");
    expect!["2025-11-25: echo get-annotated-message get-env get-resource-links get-resource-reference get-structured-content get-sum get-tiny-image gzip-file-as-resource toggle-simulated-logging toggle-subscriber-updates trigger-long-running-operation simulate-research-query"].assert_eq(&listed(&project));
    called(
        &project,
        "echo",
        r#"{"message":"hello"}"#,
        &expect![[r#"
        exit Some(0)
        Echo: hello
    "#]],
    );
    called(
        &project,
        "get-sum",
        r#"{"a":2,"b":40}"#,
        &expect![[r#"
        exit Some(0)
        The sum of 2 and 40 is 42.
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
    "#]],
    );
    called(
        &project,
        "trigger-long-running-operation",
        r#"{"duration":20,"steps":2}"#,
        &expect![[r#"
            exit Some(5)
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
        exit Some(1)
        ENOENT: no such file or directory, open '/tmp/.tmpxKNNyv/data/data/a.txt'
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
