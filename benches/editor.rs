//! How long an editor waits: `cargo bench --bench editor`, the built program as a language server, on a project of
//! 50 scripts of 300 lines. The goals: a start in 50 ms, completion and hover in 20 ms at the 95th percentile,
//! diagnostics of 1,000 lines in 60 ms after the pause, 60 MB. Exits with 1 where a figure is twice its goal.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

#[path = "../tests/lsp/client.rs"]
#[allow(dead_code, reason = "a benchmark needs a part of it")]
mod client;
#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "a benchmark needs a part of it")]
mod support;

use client::{Client, marked};
use std::fmt::Write as _;
use std::time::Instant;
use support::Project;

/// How often each figure is taken.
const ROUNDS: usize = 40;

/// How often a long script is checked.
const CHECKS: u32 = 9;

/// Writes a script of this many lines.
fn script(lines: usize) -> String {
    let mut text =
        "import \"s0\" as other;\nlet b = branch(\"demo/echo\");\nlet g = builder(\"g\");\n"
            .to_owned();
    for number in 0..lines / 6 {
        let _ = write!(
            text,
            "/// Says something.\nfn say_{number}(name, times) {{\n    let text = `Hello ${{name}}`;\n    text.upper()\n}}\n\
             g.add_operation(\"chat\", #{{ name: \"op{number}\", instruction: say_{number}(\"x\", {number}), temperature: 0.5 }});\n"
        );
    }
    text
}

/// The time below which this many of 100 lie.
fn percentile(mut times: Vec<f64>, of: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * of / 100).min(times.len() - 1)]
}

/// Returns the memory of a process, in MB.
fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

fn since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

fn main() {
    let project = Project::new();
    for number in 0..50 {
        let text = script(300).replace("import \"s0\" as other;\n", "");
        project.file(&format!("s{number}.rhai"), &text);
    }
    let began = Instant::now();
    let mut client = Client::start(&project);
    let start = since(began);

    let text = script(300);
    client.open("main.rhai", &text);
    client.diagnostics("main.rhai");
    let (_, at_call) = marked(&text.replacen("text.upper", "text.^upper", 1));
    let mut completion = Vec::new();
    let mut hover = Vec::new();
    for _ in 0..ROUNDS {
        for (method, times) in
            [("textDocument/completion", &mut completion), ("textDocument/hover", &mut hover)]
        {
            let began = Instant::now();
            client.ask_at(method, "main.rhai", &at_call);
            times.push(since(began));
        }
    }

    let long = script(1000);
    client.open("long.rhai", &long);
    client.diagnostics("long.rhai");
    let mut checks = Vec::new();
    for number in 0..CHECKS {
        let began = Instant::now();
        client.replace("long.rhai", 2 + number, &format!("{long}nobody_{number};\n"));
        client.diagnostics("long.rhai");
        // The server waits until nothing has been typed for 100 ms.
        checks.push(since(began) - 100.0);
    }

    let memory = memory(client.child.id());
    let figures = [
        ("start", start, 50.0, "ms"),
        ("completion, 95th percentile", percentile(completion, 95), 20.0, "ms"),
        ("hover, 95th percentile", percentile(hover, 95), 20.0, "ms"),
        ("diagnostics of 1,000 lines, median", percentile(checks, 50), 60.0, "ms"),
        ("memory", memory, 60.0, "MB"),
    ];
    let mut is_missed = false;
    for (name, figure, goal, unit) in figures {
        println!("{name:36} {figure:8.1} {unit}   goal {goal} {unit}");
        is_missed |= figure.is_nan() || figure > 2.0 * goal;
    }
    client.stop();
    std::process::exit(i32::from(is_missed));
}
