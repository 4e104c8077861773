//! How long an editor waits: on a project of 50 scripts of 300 lines, shown with `--nocapture`.

use crate::lsp::client::{Client, marked};
use crate::support::Project;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Instant;

/// Writes a script of so many lines.
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

/// The time below which so many of 100 lie.
fn percentile(mut times: Vec<f64>, of: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * of / 100).min(times.len() - 1)]
}

#[test]
#[allow(clippy::print_stdout, reason = "figures are shown to those who ask for them")]
fn an_editor_waits_for_moments_only() {
    let project = Project::new();
    for number in 0..50 {
        project.file(
            &format!("s{number}.rhai"),
            &script(300).replace("import \"s0\" as other;\n", ""),
        );
    }
    let began = Instant::now();
    let mut client = Client::start(&project);
    let start = began.elapsed();

    let text = script(300);
    client.open("main.rhai", &text);
    client.diagnostics("main.rhai");
    let (_, at_call) = marked(&text.replacen("text.upper", "text.^upper", 1));
    let mut completion = Vec::new();
    let mut hover = Vec::new();
    // The first answer reads the reference, which the others share.
    client.ask_at("textDocument/completion", "main.rhai", &at_call);
    for _ in 0..40 {
        for (method, times) in
            [("textDocument/completion", &mut completion), ("textDocument/hover", &mut hover)]
        {
            let began = Instant::now();
            client.ask_at(method, "main.rhai", &at_call);
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }

    let long = script(1000);
    client.open("long.rhai", &long);
    client.diagnostics("long.rhai");
    let began = Instant::now();
    client.replace("long.rhai", 2, &format!("{long}nobody;\n"));
    client.diagnostics("long.rhai");
    let diagnostics = began.elapsed().as_secs_f64() * 1000.0 - 100.0;

    let status =
        std::fs::read_to_string(format!("/proc/{}/status", client.child.id())).unwrap_or_default();
    let memory =
        status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS unknown").to_owned();
    println!(
        "start {} ms, completion p95 {:.1} ms, hover p95 {:.1} ms, diagnostics of 1000 lines {diagnostics:.1} ms after the pause, {memory}",
        start.as_millis(),
        percentile(completion, 95),
        percentile(hover, 95)
    );
    let uri = client.uri("main.rhai");
    client.tell("textDocument/didClose", &json!({ "textDocument": { "uri": uri } }));
    assert_eq!(client.stop(), Some(0));
}
