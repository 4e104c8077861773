//! Executions that are recorded in a loop wait for no disk. Whoever sees anything that the script did
//! after them finds them all, also when the process is killed, and under `power` when the power fails.

use super::{figure, rounds};
use crate::support::Project;
use kaizen::base::rng::Rng;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// How many executions are recorded before each line that is printed.
const EACH: usize = 7;

const SCRIPT: &str = r#"
    let o = optimizer();
    for n in 0..400 {
        for m in 0..7 { o.record_execution("t", `p${m}`, #{ success_rate: 1.0, execution_time: 1.0 }); }
        print(n);
    }
"#;

fn project(durability: &str, script: &str) -> Project {
    let project = Project::new();
    project.file("s.rhai", script);
    project.file("kaizen.toml", &format!("[store]\ndurability = \"{durability}\"\n"));
    project
}

/// How many executions a store has, which is whole; none before it has tables.
fn kept(store: &Path) -> usize {
    let Ok(store) = rusqlite::Connection::open(store) else { return 0 };
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0));
    let whole: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");

    let Ok(kept) = count("SELECT count(*) FROM observations") else { return 0 };
    assert_eq!(count("SELECT coalesce(sum(n), 0) FROM cells").unwrap(), kept, "sums lag behind");
    usize::try_from(kept).unwrap()
}

fn killed_at_random(durability: &str) {
    let mut rng = Rng::seeded(3);
    let mut lines = 0;
    let tries = rounds(6, 100);
    for _ in 0..tries {
        let project = project(durability, SCRIPT);
        let mut command = project.command(&["run", "s.rhai", "--progress", "none"]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process");

        // What has been read was seen; what the kill leaves in the pipe was shown as well.
        let mut seen = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = 1 + usize::try_from(rng.below(60)).unwrap();
        let mut count = seen.by_ref().take(first).map(Result::unwrap).count();
        std::thread::sleep(Duration::from_micros(rng.below(3000)));
        child.kill().unwrap();
        count += seen.map_while(Result::ok).count();
        child.wait().unwrap();

        let kept = kept(&project.path().join(".kaizen/kaizen.db"));
        assert!(kept >= count * EACH, "{durability}: {count} lines seen, {kept} executions kept");
        lines += count;
    }
    figure(&format!(
        "{durability}: {tries} kills while recording, {} executions recorded before what was seen: 0 lost",
        lines * EACH
    ));
}

#[test]
fn a_kill_takes_nothing_that_was_recorded_before_what_was_seen() {
    killed_at_random("process");
    killed_at_random("power");
}

#[test]
fn a_power_failure_takes_nothing_that_was_recorded_before_what_was_seen() {
    let mut seen = 0;
    for at in [1, 2, 3, 5, 8, 13, 21, 34] {
        let project = project("power", SCRIPT);
        let disk = tempfile::tempdir().unwrap();
        let ran = project
            .command(&["run", "s.rhai", "--progress", "none"])
            .env("KAIZEN_FAILPOINT", format!("commit_ends:{at}:kill"))
            .env("KAIZEN_DISK", disk.path())
            .stderr(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(ran.status.signal(), Some(9));

        let lines = String::from_utf8(ran.stdout).unwrap().lines().count();
        let kept = kept(&disk.path().join("kaizen.db"));
        assert!(kept >= lines * EACH, "{lines} lines seen, {kept} executions on the disk");
        seen += lines;
    }
    assert!(seen > 0, "no line was ever printed");
}

/// Everything that can be seen from outside comes after what was recorded before it.
#[test]
fn whatever_can_be_seen_comes_after_what_was_recorded() {
    let record = r#"optimizer().record_execution("t", "p", #{ success_rate: 1.0 });"#;
    let look = "command(\"sh\", [\"-c\", \"cp .kaizen/kaizen.db* seen/\"]);";
    let doings = [
        ("command", look.to_owned()),
        ("print", format!("print(1); {look}")),
        ("write", format!("write_text(\"out.txt\", \"x\"); {look}")),
        ("log", format!("log.info(\"x\"); {look}")),
        ("state", format!("print(optimizer().get_insights().total_executions); {look}")),
        (
            "save",
            format!("knowledge(\"k.json\").save_pattern_failure(\"t\", \"p\", \"x\"); {look}"),
        ),
        ("call", format!("branch(\"demo/echo\").chat(\"x\"); {look}")),
    ];
    for durability in ["process", "power"] {
        for (name, doing) in &doings {
            let project = project(durability, &format!("{record} {doing}"));
            std::fs::create_dir(project.path().join("seen")).unwrap();
            let ran = project.kaizen(&["run", "s.rhai", "--allow-all", "--progress", "none"]);
            assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
            assert_eq!(kept(&project.path().join("seen/kaizen.db")), 1, "{durability}: {name}");
        }
    }
}

#[test]
fn what_was_recorded_last_is_kept_when_the_script_ends_however_it_ends() {
    let record =
        r#"for n in 0..9 { optimizer().record_execution("t", "p", #{ success_rate: 1.0 }); }"#;
    for (end, code) in [("", 0), ("throw \"x\"", 1), ("[1][5]", 1)] {
        let project = project("process", &format!("{record} {end}"));
        let ran = project.kaizen(&["run", "s.rhai", "--progress", "none"]);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_eq!(kept(&project.path().join(".kaizen/kaizen.db")), 9, "{end}");
    }
}

#[test]
fn what_cannot_be_kept_ends_the_run() {
    let script = r#"
        let o = optimizer();
        for n in 0..20000 { o.record_execution("t", "p", #{ success_rate: 1.0 }); }
        print("never");
    "#;
    for act in ["full", "io"] {
        let project = project("process", script);
        let mut command = project.command(&["run", "s.rhai", "--progress", "none"]);
        let ran =
            command.env("KAIZEN_FAILPOINT", format!("commit_fills:2:{act}")).output().unwrap();
        assert_eq!(ran.status.code(), Some(8), "{}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn many_are_recorded_together_or_not_at_all() {
    let script = r#"
        let o = optimizer();
        let all = [
            #{ task_type: "t", pattern: "p", success_rate: 1.0, execution_time: 2.0 },
            #{ task_type: "t", pattern: "q", metrics: #{ success_rate: 0.5 }, of: #{ length: 3 } },
            #{ task_type: "u", pattern: "p", metrics: #{ success_rate: 0.0 } },
        ];
        print(o.record_executions(all));
        print(o.record_executions([]));
        for wrong in [
            7,
            #{ pattern: "p", success_rate: 1.0 },
            #{ task_type: 1, pattern: "p", success_rate: 1.0 },
            #{ task_type: "t", pattern: "p" },
            #{ task_type: "t", pattern: "p", success_rate: 2.0 },
            #{ task_type: "t", pattern: "p", metrics: 1.0 },
            #{ task_type: "t", pattern: "p", metrics: #{ success_rate: 1.0 }, score: 1.0 },
        ] {
            print(attempt(|| o.record_executions([#{ task_type: "t", pattern: "p", success_rate: 1.0 }, wrong])).error.message);
        }
        print(o.get_insights().total_executions);
    "#;
    let project = project("process", script);
    let ran = project.kaizen(&["run", "s.rhai", "--progress", "none"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = expect_test::expect![[r#"
        3
        0
        item 1 of `record_executions` must be a map, not an int
        item 1 of `record_executions` has no `task_type`; it needs `task_type`, `pattern` and metrics
        item 1 of `record_executions` has a `task_type` that is not a string: `1`
        metrics need a `success_rate` from 0 to 1; this map has nothing. The metrics of a report include it unless no operation was to run
        metric `success_rate` must be a number from 0 to 1, not `2.0`
        item 1 of `record_executions` has `metrics` that are not a map: `1.0`
        item 1 of `record_executions` has `score` beside `metrics`; write it into `metrics`
        3
    "#]];
    expected.assert_eq(&ran.stdout);
}
