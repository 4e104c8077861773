//! How long people wait after a save: `cargo bench --bench watch`. A script of three operations is
//! watched; two versions of it are saved in turn, so that every reply is known after the first two.
//! 50 ms of every figure are the quiet moment that a save is given (`quiet_ms`).
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
