//! How long people wait: `cargo bench --bench waiting`, whole processes on the wall clock.
//!
//! After a save: a script of three operations is watched; two versions of it are saved in turn, so
//! that every reply is known after the first two. 50 ms of each figure are the quiet moment that a
//! save is given (`quiet_ms`). For a check: a script of a thousand lines, beside `--version`, which
//! is what starting a process costs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SAVES: usize = 41;

fn script(version: usize) -> String {
    format!(
        r#"// version {version}
let s = session();
let g = builder("g");
let a = g.add_operation("communicate", #{{ name: "a", instruction: "one" }});
let b = g.add_operation("communicate", #{{ name: "b", instruction: "two, {version}" }});
g.add_aggregation("communicate", #{{ name: "c", source_node_ids: [a, b], instruction: "sum" }});
s.flow(g).result("c")
"#
    )
}

fn main() {
    let wanted = std::env::args().nth(1).filter(|word| !word.starts_with("--"));
    let wants = |name: &str| wanted.as_deref().is_none_or(|word| word == name);
    if wants("save") {
        save();
    }
    if wants("check") {
        check();
    }
}

/// Times `kaizen check` of a script of a thousand lines.
fn check() {
    let folder = tempfile::tempdir().unwrap();
    let function = |n: usize| {
        format!(
            "/// Asks about a part.\nfn step_{n}(b, text) {{\n    let answer = b.fork().chat(text, \
             #{{ temperature: 0.2 }});\n    let words = answer.split(\" \").filter(|word| word.len > \
             {n});\n    if words.is_empty() {{\n        return `nothing of ${{text}}`;\n    }}\n    \
             words.map(|word| word.to_upper()).reduce(|sum, word| sum + word, \"\")\n}}\n"
        )
    };
    let mut text: String = (0..110).map(function).collect::<Vec<_>>().concat();
    text.push_str("let b = branch(\"demo/echo\");\n");
    for n in 0..9 {
        text.push_str(&format!("print(step_{n}(b, \"x\"));\n"));
    }
    assert_eq!(text.lines().count(), 1000);
    std::fs::write(folder.path().join("s.rhai"), text).unwrap();
    let time = |arguments: &[&str]| {
        let mut times: Vec<Duration> = (0..SAVES)
            .map(|_| {
                let mut command = Command::new(env!("CARGO_BIN_EXE_kaizen"));
                command.args(arguments).current_dir(folder.path());
                let began = Instant::now();
                let output = command.output().unwrap();
                let took = began.elapsed();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
                took
            })
            .collect();
        times.sort();
        times
    };
    show("check of 1000 lines", &mut time(&["check", "s.rhai"]));
    show("--version", &mut time(&["--version"]));
}

fn save() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.rhai");
    std::fs::write(&file, script(0)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kaizen"))
        .args(["watch", "s.rhai", "--model", "demo/echo"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |text: &str| {
        let line = lines.by_ref().find(|line| line.contains(text)).unwrap();
        (Instant::now(), line)
    };
    until("watching");
    let (mut first, mut done) = (Vec::new(), Vec::new());
    for save in 1..=SAVES + 1 {
        // A person does not save at the very moment at which the last run ends.
        std::thread::sleep(Duration::from_millis(150));
        replace(&file, &script(save % 2));
        let began = Instant::now();
        let (at, _) = until("watch time=");
        let (ended, summary) = until("run=");
        if save > 1 {
            assert!(summary.contains("reused=3"), "{summary}");
            first.push(at - began);
            done.push(ended - began);
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    show("save to first line, everything reused", &mut first);
    show("save to end of run, everything reused", &mut done);
}

/// Saves as most editors do.
fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("tmp");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, file).unwrap();
}

fn show(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!("{what}: median {:.0} ms, 95 % within {:.0} ms, n = {}", at(50), at(95), times.len());
}
