//! Servers that other people wrote, in two languages and both eras of the protocol. `KAIZEN_MCP_SERVERS`
//! names a folder with `node_modules` and a Python environment `v` in it; without a server its test says
//! that it is skipped.

use crate::support::{Project, Ran};
use expect_test::{Expect, expect};
use std::path::PathBuf;

/// Finds a program of a real server.
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
    expect![[r#""#]].assert_eq(&listed(&project));
    called(&project, "echo", r#"{"message":"hello"}"#, &expect![[r#""#]]);
    called(&project, "get-sum", r#"{"a":2,"b":40}"#, &expect![[r#""#]]);
    called(&project, "get-sum", r#"{"a":"x"}"#, &expect![[r#""#]]);
    called(
        &project,
        "trigger-long-running-operation",
        r#"{"duration":20,"steps":2}"#,
        &expect![[r#""#]],
    );
}

#[test]
fn server_filesystem_reads_and_refuses() {
    let path = "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js";
    let Some(path) = server(path) else { return };
    let project = project(&["node", path.to_str().unwrap(), "data"], "read = [\"read_*\"]\n");
    project.file("data/a.txt", "one\n");
    expect![[r#""#]].assert_eq(&listed(&project));
    called(&project, "read_text_file", r#"{"path":"data/a.txt"}"#, &expect![[r#""#]]);

    let ran = tools(&project, &["real", "read_text_file", r#"{"path":"/etc/passwd"}"#]);
    assert_eq!((ran.code, ran.stdout.contains("root:")), (Some(1), false), "{}", ran.stdout);
}

#[test]
fn mcp_server_time_speaks_the_new_era() {
    let Some(path) = server("v/bin/mcp-server-time") else { return };
    let project = project(&[path.to_str().unwrap()], "read = [\"*\"]\n");
    expect![[r#""#]].assert_eq(&listed(&project));
    let args = r#"{"source_timezone":"UTC","time":"12:00","target_timezone":"Nowhere/Land"}"#;
    called(&project, "convert_time", args, &expect![[r#""#]]);

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
    expect![[r#""#]].assert_eq(&listed(&project));
}
