//! What is journaled survives: other processes, crashes, signals, damage.

use crate::support::Project;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Asks the demo model again and again, and prints each answer once it is there.
const ENDLESS: &str = r#"
    let b = branch(#{ model: #{ provider: "demo", model: "echo", latency_ms: 2 } });
    for n in 0..100000 { b.chat(`question ${n}`); print(n); }
"#;

fn start(project: &Project, script: &str) -> Child {
    project.file("s.rhai", script);
    let mut command = project.command(&["run", "s.rhai", "--progress", "none"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the program has printed this many lines; returns how many those were, and the rest,
/// because a program whose output nobody reads any more ends by itself.
fn read_lines(child: &mut Child, count: usize) -> (usize, impl Sized + use<>) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (lines.by_ref().take(count).map_while(Result::ok).count(), lines)
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn check_integrity(project: &Project) {
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let word: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(word, "ok");
}

#[test]
fn two_processes_record_at_once_and_nothing_is_lost() {
    let project = Project::new();
    let script = r#"
        let o = optimizer();
        for n in 0..150 {
            o.record_execution("t", "p", #{ success_rate: 1.0, execution_time: 1.0 });
        }"#;
    let children = [start(&project, script), start(&project, script)];
    for child in children {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(!stderr.contains("locked"), "{stderr}");
    }
    let ran = project.kaizen(&["patterns", "--json"]);
    let line: serde_json::Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    assert_eq!(line["n"], 300);
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
}

#[test]
fn a_killed_run_loses_nothing_that_a_script_has_seen() {
    for lines in [1, 20, 60] {
        let project = Project::new();
        let mut child = start(&project, ENDLESS);
        let (seen, _rest) = read_lines(&mut child, lines);
        signal(&child, "-KILL");
        child.wait().unwrap();
        check_integrity(&project);
        let kept = project.events("op_ended").len();
        assert!(kept >= seen, "{kept} of {seen} are kept");
        let ran = project.kaizen(&["runs"]);
        assert!(ran.stdout.contains("crashed"), "{}", ran.stdout);
        let shown = project.kaizen(&["show", "@"]);
        assert!(shown.stdout.contains("the demo model answered"), "{}", shown.stdout);
    }
}

#[test]
fn ctrl_c_stops_a_run_that_waits_and_journals_it() {
    let project = Project::new();
    let mut child = start(&project, ENDLESS);
    let _rest = read_lines(&mut child, 5);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(project.events("run_ended")[0]["status"], "interrupted");
}

#[test]
fn a_signal_stops_a_script_that_only_computes() {
    let project = Project::new();
    let mut child = start(&project, "print(\"on\"); let n = 0; loop { n += 1; }");
    let _rest = read_lines(&mut child, 1);
    std::thread::sleep(Duration::from_millis(50));
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(project.events("run_ended")[0]["status"], "interrupted");
}

#[test]
fn a_store_of_a_newer_program_is_refused() {
    let project = Project::new();
    project.file("s.rhai", "1").kaizen(&["run", "s.rhai"]);
    let path = project.path().join(".kaizen/kaizen.db");
    rusqlite::Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    assert!(ran.stderr.contains("has format 99; this version supports up to"), "{}", ran.stderr);
}

/// Makes a store as version 0.1 left it: with a calendar of avoidance, a snapshot of its own rules, and
/// whole recommendations in the journal.
fn as_of_0_1(project: &Project) {
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    store
        .execute_batch(
            r#"
            DROP TABLE learned;
            DROP TABLE annotations;
            DROP TABLE run_sums;
            DROP INDEX observations_amended;
            ALTER TABLE observations DROP COLUMN amends;
            ALTER TABLE cells ADD COLUMN recent_ok REAL NOT NULL DEFAULT 0;
            ALTER TABLE cells ADD COLUMN recent_failed REAL NOT NULL DEFAULT 3;
            ALTER TABLE cells ADD COLUMN streak INTEGER NOT NULL DEFAULT 3;
            ALTER TABLE cells ADD COLUMN strikes INTEGER NOT NULL DEFAULT 1;
            ALTER TABLE cells ADD COLUMN avoid_until INTEGER NOT NULL DEFAULT 99999999999999;
            DELETE FROM snapshots;
            INSERT INTO snapshots (fold, seq, at, body) SELECT '0.1.0-0000000000000000-00-0', seq, at, x'00'
                FROM observations ORDER BY seq DESC LIMIT 1;
            UPDATE events SET body = json_object('kind', 'told', 'what', 'recommend t', 'value', json(
                '{"pattern":"direct","score":0.5,"n":7,"reason":"because","probability":0.25,"alternatives":[]}'))
                WHERE kind = 'told';
            PRAGMA user_version = 4;
            "#,
        )
        .unwrap();
}

#[test]
fn a_store_of_0_1_is_learned_from_again_once_and_loses_nothing() {
    let project = Project::new();
    let choose = "let found = optimizer().recommend(\"t\"); print(`${found.pattern} ${found.reason} ${found.n}`)";
    project.file("choose.rhai", choose).file(
        "learn.rhai",
        "let o = optimizer();
        for n in 0..40 {
            o.record_execution(\"t\", \"direct\", #{ success_rate: 1.0, execution_time: 1.0 });
            o.record_execution(\"t\", \"vote\", #{ success_rate: if n % 2 == 0 { 1.0 } else { 0.0 } });
        }",
    );
    for script in ["learn.rhai", "choose.rhai"] {
        assert_eq!(project.kaizen(&["run", script]).code, Some(0));
    }
    let notice = "this store was written by an earlier version";
    let shown = |command: &[&str]| project.kaizen(command);
    let before = shown(&["patterns", "t", "--json"]).stdout;
    assert!(!shown(&["patterns"]).stderr.contains(notice), "a new store has learned nothing else");

    as_of_0_1(&project);
    let first = shown(&["patterns", "t", "--json"]);
    assert!(first.stderr.contains(notice), "{}", first.stderr);
    assert_eq!(first.stdout, before, "the same executions, the same beliefs");
    let second = shown(&["patterns", "t", "--json"]);
    assert!(!second.stderr.contains(notice), "{}", second.stderr);
    assert_eq!(shown(&["doctor"]).code, Some(0));

    // What was told then is told again.
    let run = shown(&["runs", "--json"]);
    let run: serde_json::Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    let replayed = shown(&["replay", run["run"].as_str().unwrap()]);
    assert_eq!(replayed.stdout, "direct because 7\n", "{}", replayed.stderr);
    let told = shown(&["show", run["run"].as_str().unwrap()]).stdout;
    let line = "recommend t: `direct` (probability of the choice: 25 %): because";
    assert!(told.contains(line), "{told}");
    as_of_0_1(&project);
    let ran = shown(&["run", "choose.rhai"]);
    assert!(ran.stderr.contains(notice), "a script says it as well: {}", ran.stderr);
}

#[test]
fn a_damaged_store_is_named_and_left_alone() {
    let project = Project::new();
    let garbage = "this is no database, but it may be somebody's work".repeat(100);
    project.file("s.rhai", "1").file(".kaizen/kaizen.db", &garbage);
    for arguments in [vec!["run", "s.rhai"], vec!["runs"], vec!["doctor"]] {
        let ran = project.kaizen(&arguments);
        assert_eq!(ran.code, Some(8), "{arguments:?} {}", ran.stderr);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(all.contains("kaizen.db` is damaged"), "{all}");
    }
    let path = project.path().join(".kaizen/kaizen.db");
    assert_eq!(std::fs::read_to_string(path).unwrap(), garbage);
}

/// Locks the store of a project as a program does that wants it for itself.
fn lock(project: &Project) -> rusqlite::Connection {
    let path = project.path().join(".kaizen/kaizen.db");
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn a_store_that_is_locked_is_waited_for_and_that_is_said() {
    for arguments in [&["run", "s.rhai"][..], &["runs"], &["doctor"], &["repl", "-e", "1"]] {
        let project = Project::new();
        project.file("s.rhai", "1").kaizen(&["run", "s.rhai"]);
        let other = lock(&project);
        let mut command = project.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = stderr.next().unwrap().unwrap();
        let path = project.path().join(".kaizen/kaizen.db");
        assert_eq!(
            said,
            format!("waiting up to 30 s for another program that has locked `{}`", path.display())
        );
        drop(other);
        assert!(stderr.map_while(Result::ok).all(|line| !line.contains("waiting")));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_copy_that_is_put_in_the_place_of_a_store_is_one() {
    let project = Project::new();
    project.file("s.rhai", "branch(`demo/echo`).chat(`one`)").kaizen(&["run", "s.rhai"]);
    project.kaizen(&["export", "--store", "-o", "copy.db"]);
    let path = project.path().join(".kaizen/kaizen.db");
    std::fs::rename(project.path().join("copy.db"), &path).unwrap();
    for arguments in [&["runs"][..], &["run", "s.rhai"], &["doctor"]] {
        assert_eq!(project.kaizen(arguments).code, Some(0), "{arguments:?}");
        let store = rusqlite::Connection::open(&path).unwrap();
        let mode: String =
            store.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal", "others can read while it is written");
    }
}

#[test]
fn a_database_of_another_program_is_named_and_left_alone() {
    for version in [0, 3] {
        let project = Project::new();
        project.file("s.rhai", "1").file(".kaizen/empty", "");
        let path = project.path().join(".kaizen/kaizen.db");
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE notes (text); CREATE TABLE people (name)").unwrap();
        other.pragma_update(None, "user_version", version).unwrap();
        drop(other);
        let before = std::fs::read(&path).unwrap();
        for arguments in [&["run", "s.rhai"][..], &["runs"], &["doctor"], &["repl", "-e", "1"]] {
            let ran = project.kaizen(arguments);
            assert_eq!(ran.code, Some(8), "{arguments:?} {}", ran.stderr);
            let all = format!("{}{}", ran.stdout, ran.stderr);
            let says = "kaizen.db` is a database of another program, with the tables `notes`, \
                        `people`";
            assert!(all.contains(says), "{all}");
        }
        assert!(std::fs::read(&path).unwrap() == before, "it is as it was");
    }
}

#[test]
fn doctor_finds_what_a_store_lacks() {
    let cases = [
        ("DROP TABLE events", "is damaged: it lacks the table `events`"),
        ("DROP TABLE runs", "is damaged: it lacks the table `runs`"),
        ("DROP TABLE observations", "is damaged: it lacks the table `observations`, the index"),
        ("DROP TABLE cells", "is damaged: it lacks the table `cells`"),
        ("DROP TABLE snapshots", "is damaged: it lacks the table `snapshots`"),
        ("ALTER TABLE runs DROP COLUMN pid", "it lacks the column `pid` of `runs`"),
        ("DROP INDEX observations_of_execution", "the index `observations_of_execution`"),
    ];
    for (damage, says) in cases {
        let project = Project::new();
        project.file("s.rhai", "1").kaizen(&["run", "s.rhai"]);
        let path = project.path().join(".kaizen/kaizen.db");
        rusqlite::Connection::open(path).unwrap().execute_batch(damage).unwrap();
        let ran = project.kaizen(&["doctor"]);
        assert_eq!(ran.code, Some(8), "{}", ran.stdout);
        assert!(ran.stdout.contains(says), "{damage}: {}", ran.stdout);
    }
}

#[test]
fn a_store_of_the_first_format_is_brought_up_to_date() {
    let project = Project::new();
    project.file("s.rhai", "1").kaizen(&["run", "s.rhai"]);
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    store
        .execute_batch(
            "DROP TABLE observations; DROP TABLE cells; DROP TABLE snapshots; DROP TABLE learned;
             DROP TABLE annotations; DROP TABLE run_sums;",
        )
        .unwrap();
    store.pragma_update(None, "user_version", 1).unwrap();
    drop(store);
    let ran =
        project.file("s.rhai", "optimizer().recommend_pattern(\"t\")").kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "direct\n"), "{}", ran.stderr);
    assert!(project.kaizen(&["runs"]).stdout.matches("s.rhai").count() == 2);
}
