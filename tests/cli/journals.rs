//! What earlier versions have journaled is read as it was written. Each `tests/journals/VERSION.jsonl` was
//! written by that version; beside it stands what the commands say about it.

use crate::support::Project;
use rusqlite::params;
use serde_json::Value;
use std::path::Path;

/// Versions that have left a journal. The last ones did not note what a run ran, nor whole requests; that
/// of `0.2-second` says what else a run was given.
const VERSIONS: [&str; 3] = ["0.1.0", "0.2-first", "0.2-second"];

const GRAPH: &str = r#"let g = builder("g");
let topics = g.add_operation(|| ["vans", "bikes"], #{ name: "topics" });
let each = g.expand(topics, |topic, i| #{ instruction: `Describe ${topic}.` }, #{ name: "each" });
g.add_operation("communicate", #{ name: "last", instruction: "Sum up.", depends_on: each });
let report = session().flow(g);
log.info("it is done");
log.warn(`at ${now() > 0}`);
let o = optimizer(#{ memory: true });
print(o.recommend("report").pattern);
let b = branch();
print(b.chat("One?"));
print(b.chat("Two?"));
report.result("last")
"#;

const FAILED: &str = r#"let g = builder("f");
let a = g.add_operation(|| { branch().chat("one"); throw #{ kind: "my_own", message: "no" } }, #{ name: "a" });
g.add_operation("communicate", #{ name: "b", instruction: "x", depends_on: a });
session().flow(g, #{ budget: #{ max_calls: 1 } }).result("b")
"#;

/// Makes a project whose store holds the runs of a file, and returns their ids.
fn project(journal: &str) -> (Project, Vec<String>) {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    project.file("s.rhai", GRAPH).file("failed.rhai", FAILED).file("empty.rhai", "1");
    assert_eq!(project.kaizen(&["run", "empty.rhai"]).code, Some(0));
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    store.execute_batch("DELETE FROM runs; DELETE FROM events").unwrap();

    let mut runs: Vec<String> = Vec::new();
    for line in journal.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if let Some(run) = row["run"].as_str() {
            runs.push(run.to_owned());
            let row = params![
                run,
                row["script"].as_str(),
                row["started_at"].as_i64(),
                row["ended_at"].as_i64(),
                row["status"].as_str()
            ];
            store.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, 1)", row).unwrap();
        } else {
            let run = runs.last().unwrap();
            let row = params![
                run,
                row["seq"].as_i64(),
                row["at"].as_i64(),
                row["kind"].as_str(),
                row["op"].as_i64(),
                row["body"].as_str()
            ];
            store.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row).unwrap();
        }
    }
    (project, runs)
}

#[test]
fn journals_of_earlier_versions_say_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals");
    for version in VERSIONS {
        let journal = std::fs::read_to_string(folder.join(format!("{version}.jsonl"))).unwrap();
        let (project, runs) = project(&journal);
        let mut said = String::new();
        let mut tell = |arguments: &[&str]| {
            let ran = project.kaizen(arguments);
            let code = ran.code.unwrap();
            said += &format!("$ kaizen {}\n{}{}", arguments.join(" "), ran.stdout, ran.stderr);
            said += &format!("exit code {code}\n\n");
        };
        tell(&["runs"]);
        for run in &runs {
            tell(&["show", run]);
            tell(&["replay", run]);
        }
        tell(&["show", &format!("{}:last", runs[0])]);
        tell(&["show", &format!("{}:each[1]", runs[0])]);
        tell(&["replay", "--all"]);
        tell(&["plan", "s.rhai"]);
        tell(&["fork", &runs[0], "--at", "nothing"]);

        let path = folder.join(format!("{version}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &said).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(said, written, "`UPDATE=1 cargo test journals` writes {}", path.display());
    }
}

#[test]
fn runs_of_earlier_versions_are_resumed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals");
    for version in VERSIONS {
        let journal = std::fs::read_to_string(folder.join(format!("{version}.jsonl"))).unwrap();
        let (project, runs) = project(&journal);
        let ran = project.kaizen(&["run", &format!("--resume={}", runs[1])]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains("1 reply is reusable"), "{version}: {}", ran.stderr);
        let ran = project.kaizen(&["run", &format!("--resume={}", runs[2])]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("ran more than one script"), "{}", ran.stderr);
        let ran = project.kaizen(&["run", "s.rhai", &format!("--resume={}", runs[0])]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("calls=0 ") && ran.stderr.contains("reused=5"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn the_whole_request_of_a_call_is_kept_once_without_secrets() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let b = branch(#{ model: "demo/echo", system: "Be brief. My key is sk-request-canary-1." });
        b.communicate("One?", #{ temperature: 0.5 });
        b.communicate("Two?", #{ temperature: 0.5 });
        branch(#{ model: "demo/echo", system: "Be brief. My key is sk-request-canary-1." }).chat("Three?");
        "#,
    );
    let mut command = project.command(&["run", "s.rhai", "--quiet"]);
    command.env("OPENAI_API_KEY", "sk-request-canary-1");
    assert_eq!(command.output().unwrap().status.code(), Some(0));

    // System, the first question and its answer, and two sorts of settings.
    let parts = project.events("request_part");
    assert_eq!(parts.len(), 5, "{parts:?}");
    let ran = project.kaizen(&["show", "@:1"]);
    let (_, asked) = ran.stdout.split_once("messages before it\n").unwrap();
    let (asked, _) = asked.split_once("\n20").unwrap();
    let expected = "    settings: {\"temperature\":0.5}\n    system:\n        Be brief. My key is [secret].\n    \
                    user:\n        One?\n    assistant:\n        [demo] you asked: One?\n    Two?";
    assert_eq!(asked, expected);
    let store = std::fs::read(project.path().join(".kaizen/kaizen.db")).unwrap();
    assert!(!String::from_utf8_lossy(&store).contains("canary"));
}

/// A run of more operations than are listed, some of which fail.
const LARGE: &str = r#"let g = builder("many");
for n in 0..1200 { let n = n; g.add_operation(|| if n % 500 == 7 { throw `no ${n}` } else { n }, #{ name: `op ${n}` }); }
let h = builder("few");
let a = h.add_operation(|| throw "gone", #{ name: "a" });
h.add_operation(|inputs| 1, #{ name: "b", depends_on: a });
session().flow(h, #{ allow_failures: true });
log.info("half");
session().flow(g, #{ allow_failures: true }).completed_operations.len()
"#;

#[test]
fn a_large_run_is_shown_by_its_sums_and_lists_its_operations_when_asked() {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    project.file("s.rhai", LARGE);
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));

    let shown = project.kaizen(&["show"]);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    let text = lines[1..].iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    let text = without_times(&text);
    expect_test::expect![[r#"
        graph  runs  operations  completed  failed  skipped  cancelled  time of all
        few       1           2          0       1        1          0  TIME
        many      1        1200       1197       3        0          0  TIME
        a failed (thrown): gone
        op 7 failed (thrown): no 7
        op 507 failed (thrown): no 507
        op 1007 failed (thrown): no 1007
        b was skipped: `a` failed
        info: half
        value: 1197
        success rate 1.00, 0 calls (0 retries), 0 tokens in, 0 out, cost $0
        list all operations: kaizen show @ --all"#]]
    .assert_eq(&text);

    let listed = project.kaizen(&["show", "--all"]);
    let ops =
        listed.stdout.lines().filter(|line| line.contains(" op ") && line.contains("completed"));
    assert_eq!(ops.count(), 1197);

    // A run whose sums are not kept, as those of older programs, is listed as it was.
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    store.execute_batch("DELETE FROM run_sums").unwrap();
    assert_eq!(project.kaizen(&["show"]).stdout, listed.stdout);

    let asked = "select flow, outcome, count(*) as n, min(name) as first from v_ops group by 1, 2";
    let found = project.kaizen(&["sql", asked]);
    expect_test::expect![[r#"
        flow,outcome,n,first
        1,failed,1,a
        1,skipped,1,b
        2,completed,1197,op 0
        2,failed,3,op 1007
    "#]]
    .assert_eq(&found.stdout);
}

/// Takes the times out of a table.
fn without_times(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once("  ") {
        Some((before, last)) if last.ends_with(" s") || last.ends_with(" ms") => {
            format!("{}  TIME", before.trim_end())
        }
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
