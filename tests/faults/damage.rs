//! Journals with damage: `doctor` names each, and every other command says which event of which run is
//! bad and uses everything else.

use super::rounds;
use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};
use kaizen::journal::event::Event;
use rusqlite::Connection;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;

/// The run that is damaged; its journal has a flow, calls, an answer of the clock and a value.
const BAD: &str = r#"
    let g = builder("g");
    g.add_operation("communicate", #{ name: "one", instruction: "first" });
    session(branch()).flow(g);
    now();
    branch().chat("second")
"#;

fn store(project: &Project) -> Connection {
    Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap()
}

/// A project with a run that gets damaged, called `bad`, and one that does not, called `good`.
fn project(server: &Server) -> Project {
    let project = Project::new();
    project.with_server(server).file("bad.rhai", BAD).file("good.rhai", "branch().chat(`third`)");
    for script in ["bad.rhai", "good.rhai"] {
        let ran = project.kaizen(&["run", script]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    for (old, new) in [("bad.rhai", "bad"), ("good.rhai", "good")] {
        let sql = "UPDATE events SET run = ?2 WHERE run = (SELECT id FROM runs WHERE script = ?1)";
        store(&project).execute(sql, (old, new)).unwrap();
        store(&project).execute("UPDATE runs SET id = ?2 WHERE script = ?1", (old, new)).unwrap();
    }
    // Its newest event has another name now.
    std::fs::remove_file(project.path().join(".kaizen/kaizen.db-mark")).unwrap();
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
    project
}

fn server() -> Server {
    Server::start(|_, _, _| answer("an answer"))
}

/// Returns what `doctor` says about the journal, fault by fault.
fn faults(project: &Project) -> Vec<String> {
    let ran = project.kaizen(&["doctor", "--json"]);
    let mut lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let journal = lines.find(|line: &Value| line["what"] == "journal");
    let Some(journal) = journal else { return vec![ran.stdout] };
    let found = journal["faults"].as_array().cloned().unwrap_or_default();
    assert_eq!(ran.code, Some(if found.is_empty() { 0 } else { 8 }), "{}", ran.stdout);
    found.iter().map(|fault| fault.as_str().unwrap().to_owned()).collect()
}

/// Checks that no command is stopped by the damage, and that each says what is damaged. `resumed` is
/// how resuming the damaged run ends.
fn check(project: &Project, server: &Server, expected: &[String], resumed: i32) {
    assert_eq!(faults(project), expected);
    let ok = |arguments: &[&str]| -> Ran {
        let ran = project.kaizen(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?} of {expected:?}: {}", ran.stderr);
        ran
    };

    let runs = ok(&["runs"]);
    assert!(runs.stdout.contains("good"), "{}", runs.stdout);
    let is_listed = runs.stdout.contains("bad ");
    for fault in expected.iter().filter(|_| is_listed) {
        // A terminal is shown no control characters.
        let fault = fault.replace('\0', "\\u{0}");
        assert!(runs.stderr.contains(&fault), "`{fault}` in {}", runs.stderr);
        assert!(ok(&["show", "bad"]).stderr.contains(&fault), "{fault}");
    }

    let all = ok(&["export", "--all"]);
    let lines: Vec<Value> =
        all.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let good = lines.iter().filter(|line| line["run"] == "good").count();
    assert_eq!(good, kept(project, "good"), "{}", all.stdout);
    let bad = lines.iter().filter(|line| line["run"] == "bad" && !line["event"].is_null()).count();
    let unread = lines.iter().filter(|line| !line["body"].is_null()).count();
    assert_eq!(bad + unread, kept(project, "bad"), "no event is left out: {}", all.stdout);
    let mut told: Vec<&str> = lines.iter().filter_map(|line| line["damage"].as_str()).collect();
    let mut sorted: Vec<&str> = expected.iter().map(String::as_str).collect();
    told.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(told, sorted);

    for arguments in [&["show", "good"][..], &["plan", "bad.rhai"], &["patterns"], &["list"][..0]] {
        ok(arguments);
    }
    let replayed = project.kaizen(&["replay", "--all"]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);

    let asked = server.bodies().len();
    let ran = project.kaizen(&["run", "--resume=bad"]);
    assert_eq!(ran.code, Some(resumed), "{expected:?}: {}", ran.stderr);
    assert!(server.bodies().len() - asked <= 2);
}

/// Returns how many events a run has.
fn kept(project: &Project, run: &str) -> usize {
    let sql = "SELECT count(*) FROM events WHERE run = ?";
    let count: u32 = store(project).query_row(sql, [run], |row| row.get(0)).unwrap();
    count.try_into().unwrap()
}

/// Returns what is wrong with the first event of the run `bad` that is no event.
fn error_of(project: &Project) -> String {
    let store = store(project);
    let mut bodies =
        store.prepare("SELECT CAST(body AS TEXT) FROM events WHERE run = 'bad'").unwrap();
    let bodies = bodies.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut errors = bodies.filter_map(|body| serde_json::from_str::<Event>(&body.ok()?).err());
    errors.next().map(|error| error.to_string()).unwrap_or_default()
}

/// Puts the number of the first event of each kind of the run `bad` in the place of `{kind}`.
fn numbered(project: &Project, text: &str) -> String {
    let store = store(project);
    let sql = "SELECT kind, min(seq) FROM events WHERE run = 'bad' GROUP BY kind";
    let mut kinds = store.prepare(sql).unwrap();
    let mut rows = kinds.query([]).unwrap();
    let mut text = text.to_owned();
    while let Some(row) = rows.next().unwrap() {
        let (kind, seq): (String, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        text = text.replace(&format!("{{{kind}}}"), &seq.to_string());
    }
    text
}

/// What is done to a store, what is wrong with it then, and how resuming the run ends.
struct Case(&'static str, &'static [&'static str], i32);

const CASES: &[Case] = &[
    Case(
        "DELETE FROM events WHERE run = 'bad' AND seq = {told}",
        &["run bad: event {told} is missing"],
        0,
    ),
    Case(
        "DELETE FROM events WHERE run = 'bad' AND seq BETWEEN 1 AND {told}",
        &["run bad: events 1 to {told} are missing"],
        0,
    ),
    Case("DELETE FROM events WHERE run = 'bad' AND seq = 0", &["run bad: event 0 is missing"], 2),
    Case(
        "DELETE FROM events WHERE run = 'bad' AND seq = {run_ended}",
        &["run bad: the list of runs says `ok`, but its last event is missing"],
        0,
    ),
    Case(
        "DELETE FROM events WHERE run = 'bad'",
        &["run bad: it is in the list of runs, but has no events"],
        2,
    ),
    Case(
        "DELETE FROM runs WHERE id = 'bad'",
        &["run bad: it has events, but is missing from the list of runs"],
        2,
    ),
    Case(
        "UPDATE events SET seq = -1 WHERE run = 'bad' AND seq = {told}",
        &[
            "run bad: event -1 (`told`) cannot be read: events are numbered from 0 up",
            "run bad: event {told} is missing",
        ],
        0,
    ),
    Case(
        "UPDATE events SET seq = 'x' WHERE run = 'bad' AND seq = {told}",
        &[
            "run bad: event {told} is missing",
            "run bad: event x (`told`) cannot be read: events are numbered from 0 up",
        ],
        0,
    ),
    Case(
        "UPDATE events SET seq = 9223372036854775807 WHERE run = 'bad' AND seq = {run_ended}",
        &["run bad: events {run_ended} to 9223372036854775806 are missing"],
        0,
    ),
    Case(
        "UPDATE events SET body = '{' WHERE run = 'bad' AND seq = {attempt_started}",
        &["run bad: event {attempt_started} (`attempt_started`) cannot be read: {error}"],
        0,
    ),
    Case(
        "UPDATE events SET body = '{}' WHERE run = 'bad' AND seq = 0",
        &["run bad: event 0 (`run_started`) cannot be read: {error}"],
        2,
    ),
    Case(
        "UPDATE events SET body = x'ff00' WHERE run = 'bad' AND seq = {told}",
        &["run bad: event {told} (`told`) cannot be read: it is not text in UTF-8"],
        0,
    ),
    Case(
        "UPDATE events SET body = 15 WHERE run = 'bad' AND seq = {op_ended}",
        &["run bad: event {op_ended} (`op_ended`) cannot be read: {error}"],
        0,
    ),
    Case(
        "UPDATE events SET body = '' WHERE run = 'bad' AND seq = {told}",
        &["run bad: event {told} (`told`) cannot be read: {error}"],
        0,
    ),
    Case(
        "UPDATE events SET body = replace(body, 'told', 'telepathy') WHERE run = 'bad'",
        &["run bad: event {told} (`told`) cannot be read: {error}"],
        0,
    ),
    Case(
        "UPDATE events SET body = replace(body, '\"attempt\":', '\"attempt\":[secret]') \
         WHERE run = 'bad' AND seq = {attempt_ended}",
        &[
            "run bad: event {attempt_ended} (`attempt_ended`) cannot be read: {error}; kaizen 0.1 damaged its JSON when it removed a secret",
        ],
        0,
    ),
    Case(
        "UPDATE events SET at = 'yesterday' WHERE run = 'bad' AND seq = {told}",
        &["run bad: event {told} (`told`) cannot be read: its time is a text"],
        0,
    ),
    Case(
        "UPDATE events SET at = 9223372036854775807 WHERE run = 'bad' AND seq = {op_ended}",
        &[
            "run bad: event {op_ended} (`op_ended`) cannot be read: its time is a number that cannot be",
        ],
        0,
    ),
    Case(
        "UPDATE events SET at = -9223372036854775808 WHERE run = 'bad' AND seq = 0",
        &["run bad: event 0 (`run_started`) cannot be read: its time is a number that cannot be"],
        2,
    ),
    Case(
        "UPDATE events SET kind = 'logged' WHERE run = 'bad' AND seq = {told}",
        &["run bad: event {told} is stored as `logged`, but it is `told`"],
        0,
    ),
    Case(
        "UPDATE events SET kind = 'told', body = '{\"kind\":\"told\",\"what\":\"x\",\"value\":1}' \
         WHERE run = 'bad' AND seq = 0",
        &["run bad: its first event is `told`, not `run_started`"],
        2,
    ),
    Case(
        "UPDATE runs SET status = 'failed' WHERE id = 'bad'",
        &["run bad: it ended as `ok`, but the list of runs says `failed`"],
        0,
    ),
    Case(
        "UPDATE runs SET status = NULL WHERE id = 'bad'",
        &["run bad: it ended as `ok`, but the list of runs says nothing"],
        0,
    ),
    Case(
        "UPDATE runs SET status = x'00ff' WHERE id = 'bad'",
        &[
            "run bad: `status` in the list of runs is bytes, `\0\u{fffd}`",
            "run bad: it ended as `ok`, but the list of runs says nothing",
        ],
        0,
    ),
    Case(
        "UPDATE runs SET started_at = 'monday', pid = -7 WHERE id = 'bad'",
        &[
            "run bad: `started_at` in the list of runs is a text, `monday`",
            "run bad: `pid` in the list of runs is a number that cannot be, `-7`",
        ],
        0,
    ),
    Case(
        "UPDATE runs SET ended_at = 1.5, script = CAST(script AS BLOB) WHERE id = 'bad'",
        &[
            "run bad: `script` in the list of runs is bytes, `bad.rhai`",
            "run bad: `ended_at` in the list of runs is a fraction, `1.5`",
        ],
        0,
    ),
];

#[test]
fn every_kind_of_damage_is_named_and_takes_nothing_with_it() {
    let server = server();
    for Case(damage, faults, resumed) in CASES {
        let project = project(&server);
        let texts = faults.iter().map(|text| numbered(&project, text));
        let texts: Vec<String> = texts.collect();
        let changed = store(&project).execute(&numbered(&project, damage), []).unwrap();
        assert!(changed > 0, "{damage}");
        let error = error_of(&project);
        let expected: Vec<String> =
            texts.iter().map(|text| text.replace("{error}", &error)).collect();
        check(&project, &server, &expected, *resumed);
    }
}

/// Whichever event is missing or unreadable, nothing else is lost and nothing panics.
#[test]
fn any_event_may_be_missing_or_unreadable() {
    let server = server();
    let first = project(&server);
    let last = i64::try_from(kept(&first, "bad")).unwrap();
    for seq in (0..last).step_by(if rounds(0, 1) == 0 { 5 } else { 1 }) {
        for damage in ["DELETE FROM events", "UPDATE events SET body = 'x'"] {
            let project = project(&server);
            let sql = format!("{damage} WHERE run = 'bad' AND seq = ?");
            assert_eq!(store(&project).execute(&sql, [seq]).unwrap(), 1);
            let found = faults(&project);
            assert!(!found.is_empty(), "{sql} {seq}");
            check(&project, &server, &found, if seq == 0 { 2 } else { 0 });
        }
    }
}

/// A damaged page takes the runs with it that it holds, and no other.
#[test]
fn a_damaged_page_stops_no_command() {
    let server = server();
    let project = project(&server);
    let text = "long enough for a page of its own ".repeat(1000);
    let body = format!(r#"{{"kind":"logged","level":"info","text":"{text}"}}"#);
    let store = store(&project);
    let sql = "UPDATE events SET body = ?, kind = 'logged' WHERE run = 'bad' AND kind = 'told'";
    store.execute(sql, [body]).unwrap();
    let before = numbered(&project, "{flow_ended}");
    store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(store);
    let path = project.path().join(".kaizen/kaizen.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // Pages that hold nothing but the text lead to the next one with their first four bytes.
    let is_text = |page: &&mut [u8]| page[4..].iter().all(|byte| matches!(byte, b' '..=b'~'));
    for page in bytes.chunks_mut(4096).filter(|page| is_text(page)) {
        page[..4].copy_from_slice(&[0xff; 4]);
    }
    std::fs::write(&path, bytes).unwrap();

    let ran = project.kaizen(&["doctor"]);
    assert_eq!(ran.code, Some(8), "{}", ran.stdout);
    assert!(ran.stdout.contains("NOT  store"), "{}", ran.stdout);
    for arguments in [&["runs"][..], &["show", "good"], &["export", "--all"]] {
        let ran = project.kaizen(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?} {}", ran.stderr);
        assert!(ran.stdout.contains("good"), "{}", ran.stdout);
    }
    let told = project.kaizen(&["show", "bad"]).stderr;
    assert_eq!(
        told,
        format!(
            "damaged: run bad: nothing after event {before} can be read: database disk image is \
             malformed\n"
        )
    );
}

#[test]
fn what_was_learned_is_read_row_by_row() {
    let cases = [
        (
            "UPDATE observations SET success_rate = 'much' WHERE seq = 2",
            "observation 2 (of run RUN) cannot be read: Invalid column type Text at index: COLUMN, \
             name: success_rate",
        ),
        (
            "UPDATE observations SET task_type = x'ff' WHERE seq = 2",
            "observation 2 (of run RUN) cannot be read: Invalid column type Blob at index: COLUMN, \
             name: task_type",
        ),
        (
            "UPDATE cells SET n = 'many' WHERE pattern = 'vote'",
            "what is known of `vote` on `t` cannot be read: Invalid column type Text at index: \
             COLUMN, name: n",
        ),
        (
            "UPDATE cells SET pattern = '' WHERE pattern = 'vote'",
            "what is known of `` on `t` cannot be read: ",
        ),
    ];
    for (damage, says) in cases {
        let project = Project::new();
        let script = r#"let o = optimizer();
            for p in ["direct", "vote", "refine"] { for n in 0..5 {
                o.record_execution("t", p, #{ success_rate: 1.0, execution_time: 1.0 });
            } }"#;
        project.file("s.rhai", script).kaizen(&["run", "s.rhai"]);
        let before = project.kaizen(&["patterns", "--json"]).stdout;
        let store = store(&project);
        store.execute("DELETE FROM snapshots", []).unwrap();
        assert_eq!(store.execute(damage, []).unwrap(), 1, "{damage}");
        let run: String = store.query_row("SELECT id FROM runs", [], |row| row.get(0)).unwrap();
        let says: Vec<String> =
            says.replace("RUN", &run).split("COLUMN").map(str::to_owned).collect();

        let ran = project.kaizen(&["doctor"]);
        assert_eq!(ran.code, Some(8), "{}", ran.stdout);
        assert!(says.iter().all(|part| ran.stdout.contains(part)), "{says:?} in {}", ran.stdout);
        let ran = project.kaizen(&["patterns", "--json"]);
        assert_eq!(ran.code, Some(0), "{damage}: {}", ran.stderr);
        assert!(says.iter().all(|part| ran.stderr.contains(part)), "{says:?} in {}", ran.stderr);
        let kept = before.lines().filter(|line| !line.contains("vote")).count();
        assert!(ran.stdout.lines().count() >= kept, "{}", ran.stdout);

        project.file("s.rhai", "print(optimizer().recommend_pattern(`t`))");
        let ran = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("`kaizen doctor` lists the damage"), "{}", ran.stderr);
    }
}

/// What somebody else has put into the store may change what is written to it.
#[test]
fn doctor_names_what_is_not_kaizens() {
    let cases = [
        (
            "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events; END",
            "the trigger `t` on `events`",
        ),
        ("CREATE VIEW v AS SELECT * FROM runs", "the view `v`"),
        ("CREATE TABLE notes (n)", "the table `notes`"),
        ("CREATE INDEX i ON runs (pid)", "the index `i`"),
        ("ALTER TABLE runs ADD COLUMN note", "the column `note` of `runs`"),
    ];

    for (sql, named) in cases {
        let project = Project::new();
        project.file("s.rhai", "1");
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
        assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
        store(&project).execute_batch(sql).unwrap();

        let ran = project.kaizen(&["doctor"]);
        assert_eq!(ran.code, Some(8), "{}", ran.stdout);
        let told = format!("has parts that are not kaizen's: {named}; remove them");
        assert!(ran.stdout.contains(&told), "{}", ran.stdout);
    }
}

#[test]
fn doctor_names_what_stands_in_the_place_of_a_folder() {
    for name in [".kaizen", ".kaizen/running"] {
        let project = Project::new();
        project.file("s.rhai", "throw `no`");
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(1));
        let path = project.path().join(name);
        std::fs::remove_dir_all(&path).unwrap();
        project.file(name, "something else");

        let ran = project.kaizen(&["doctor"]);
        assert_eq!(ran.code, Some(8), "{}", ran.stdout);
        let told = format!("{name}` is not a folder; move it away, and the next run creates it");
        assert!(ran.stdout.contains(&told), "{}", ran.stdout);
        let resumed = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(resumed.code, Some(8), "{}", resumed.stderr);
    }
}

/// The newest event stands after its own text, which is a row by itself.
#[test]
fn a_run_that_was_killed_in_a_call_with_a_long_prompt_is_whole() {
    let server = Server::start(|number, _, _| if number == 0 { Act::Hang } else { answer("x") });
    let project = Project::new();
    let script = "let long = ``; long.pad(10_000, `x`); branch().chat(long)";
    project.with_server(&server).file("s.rhai", script);

    let mut command = project.command(&["run", "s.rhai"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while server.bodies().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The disk may lag behind by 50 ms.
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(project.path().join(".kaizen/kaizen.db-mark").exists());
    assert_eq!(faults(&project), Vec::<String>::new());
}
