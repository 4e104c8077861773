//! How fast what keeps runs safe is: `cargo bench --bench reliability`. The long forms of the fault
//! suites are tests (`KAIZEN_LONG=1 cargo test faults::`); here are the times of what they rely on.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

const OPERATIONS: usize = 10_000;
/// How often each time is taken; the median counts.
const ROUNDS: usize = 9;

/// A graph of many calls, and an error after it, so that the run can be resumed.
fn script(ends_well: bool) -> String {
    let end = if ends_well { "" } else { "throw \"not yet\";" };
    format!(
        "let b = branch(#{{ model: #{{ provider: \"demo\", model: \"echo\", latency_ms: 0 }} }});
         let g = builder(\"many\");
         for n in 0..{OPERATIONS} {{
             g.add_operation(\"chat\", #{{ instruction: `question ${{n}}` }});
         }}
         let done = session(b).flow(g, #{{ max_concurrent: 64 }}).metrics.completed_operations;
         {end}
         done"
    )
}

fn kaizen(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaizen"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.rhai");
    let (mut fresh, mut resumed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let store = folder.path().join(".kaizen");
        if store.exists() {
            std::fs::remove_dir_all(store).unwrap();
        }
        std::fs::write(&file, script(false)).unwrap();
        let began = Instant::now();
        let failed = kaizen(folder.path(), &["run", "s.rhai", "-q", "--seed", "1"]);
        fresh.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(failed.status.code(), Some(1));
        std::fs::write(&file, script(true)).unwrap();
        let began = Instant::now();
        let run = kaizen(folder.path(), &["run", "s.rhai", "--progress", "none", "--resume"]);
        resumed.push(began.elapsed().as_secs_f64() * 1e3);
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.stdout, b"10000\n", "{told}");
        assert!(told.contains("10000 replies are known") && !told.contains("not used"), "{told}");
    }
    println!(
        "a run of {OPERATIONS} operations on the demo model: {:.0} ms; resumed with every reply \
         known: {:.0} ms (whole processes, median of {ROUNDS})",
        median(&mut fresh),
        median(&mut resumed)
    );
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
