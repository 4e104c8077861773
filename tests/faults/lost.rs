//! Stores that are removed, replaced, overwritten or restored while a run, a session or a watch has
//! them open: it is noticed at the next commit, and nothing is said to be well. What only looks like it
//! disturbs nobody.

use super::rounds;
use crate::support::server::{Act, Server, answer};
use crate::support::terminal::OnTerminal;
use crate::support::{Project, Ran};
use rusqlite::Connection;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Calls before something happens to the store.
const BEFORE: usize = 8;

/// Makes calls, each of which is journaled before the next one.
const SCRIPT: &str = "let b = branch(); for n in 0..30 { b.chat(`question ${n}`); } `whole`";

fn server() -> Server {
    Server::start(|_, _, _| Act::After(15, Box::new(answer("an answer"))))
}

fn wait_for(server: &Server, count: usize) {
    let began = Instant::now();
    while server.bodies().len() < count {
        assert!(began.elapsed() < Duration::from_secs(30), "no call comes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A project whose store has one run already, and a copy of it from then beside it.
fn project(server: &Server) -> Project {
    let project = Project::new();
    project.with_server(server).file("s.rhai", SCRIPT).file("other.rhai", "`other`");
    assert_eq!(project.kaizen(&["run", "other.rhai"]).code, Some(0));
    let copied = project.kaizen(&["export", "--store", "-o", "copy.db"]);
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    assert_eq!(project.kaizen(&["run", "other.rhai"]).code, Some(0));
    project
}

fn start(project: &Project) -> Child {
    let mut command = project.command(&["run", "s.rhai", "--progress", "none"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Keeps a copy of all files of the store, as they are while a run writes to it.
fn keep_all(project: &Project, server: &Server) {
    let at = Places::of(project);
    let mut child = start(project);
    wait_for(server, server.bodies().len() + 4);
    fs::create_dir(at.root.join("kept")).unwrap();
    for end in ["", "-wal", "-shm"] {
        let name = format!("kaizen.db{end}");
        fs::copy(at.folder.join(&name), at.root.join("kept").join(&name)).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(project.kaizen(&["run", "other.rhai"]).code, Some(0));
}

/// Something that happens to the files of a store that nobody has open, in words and as it is done.
type RestingDeed = (&'static str, fn(&Places));

/// The places of a project that its store has to do with.
struct Places {
    root: PathBuf,
    folder: PathBuf,
    store: PathBuf,
    copy: PathBuf,
}

impl Places {
    fn of(project: &Project) -> Places {
        let (root, folder) = (project.path().to_owned(), project.path().join(".kaizen"));
        let (store, copy) = (folder.join("kaizen.db"), project.path().join("copy.db"));
        Places { root, folder, store, copy }
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.folder.join(format!("kaizen.db-{end}"))
    }

    /// Writes kept files over those of the store, in place. They are never cut meanwhile: whoever has the
    /// index in memory would be killed.
    fn restore(&self, ends: &[&str]) {
        for end in ends {
            let name = format!("kaizen.db{end}");
            let bytes = fs::read(self.root.join("kept").join(&name)).unwrap();
            let file = fs::OpenOptions::new().write(true).open(self.folder.join(&name)).unwrap();
            file.write_all_at(&bytes, 0).unwrap();
            file.set_len(bytes.len() as u64).unwrap();
        }
    }

    /// Writes into the log, in place.
    fn write_to_log(&self, offset: u64, bytes: &[u8]) {
        let log = fs::OpenOptions::new().write(true).open(self.beside("wal")).unwrap();
        log.write_all_at(bytes, offset).unwrap();
    }

    /// Cuts the log to a length and makes it as long again as it was.
    fn cut_log(&self, length: u64) {
        let log = fs::OpenOptions::new().write(true).open(self.beside("wal")).unwrap();
        let was = log.metadata().unwrap().len();
        log.set_len(length).unwrap();
        log.set_len(was).unwrap();
    }

    fn sql(&self, sql: &str) {
        let store = Connection::open(&self.store).unwrap();
        store.busy_timeout(Duration::from_secs(10)).unwrap();
        store.execute_batch(sql).unwrap();
    }
}

/// Writes a file over another one in place, as `cp` does.
fn overwrite(from: &Path, to: &Path) {
    let bytes = fs::read(from).unwrap();
    fs::write(to, bytes).unwrap();
}

/// Returns how many answers a store has that lies alone in a folder, where nothing belongs to it.
fn answers(store: &Path) -> u32 {
    let alone = tempfile::tempdir().unwrap();
    let copy = alone.path().join("kaizen.db");
    fs::copy(store, &copy).unwrap();
    let sql = "SELECT count(*) FROM events WHERE kind = 'op_ended'";
    Connection::open(copy).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_store_that_is_moved_takes_its_log_along_and_leaves_none_for_the_next() {
    let server = server();
    let project = project(&server);
    let at = Places::of(&project);
    let child = start(&project);
    wait_for(&server, BEFORE);
    fs::rename(&at.store, at.root.join("away.db")).unwrap();
    fs::rename(&at.copy, &at.store).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);

    assert!(answers(&at.root.join("away.db")) as usize >= BEFORE - 1);
    assert!(!at.beside("wal").exists() && !at.beside("shm").exists());
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
    let runs = project.kaizen(&["runs", "--json"]).stdout;
    assert_eq!(runs.lines().count(), 1, "{runs}");
}

/// The question that `held_server` answers only when it is told.
const HELD: u32 = 8;

/// A server that holds one answer back, and what lets it go.
fn held_server() -> (Server, Arc<AtomicBool>) {
    let goes_on: Arc<AtomicBool> = Arc::default();
    let gate = goes_on.clone();
    let server = Server::start(move |_, _, body| {
        let asks = |number| body.contains(&format!("question {number}"));
        let answer = Box::new(answer("an answer"));
        let is_held = asks(HELD) && !asks(HELD + 1);
        if is_held { Act::Held(gate.clone(), answer) } else { Act::After(2, answer) }
    });
    (server, goes_on)
}

/// Waits until the run waits for the answer that is held back, and writes nothing: its last event is on
/// the disk, and the store is marked with it.
fn wait_for_hold(at: &Places, run: &str) {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_mins(1), "the run never waits");
        std::thread::sleep(Duration::from_millis(5));
        let store = Connection::open(&at.store).unwrap();
        store.busy_timeout(Duration::from_secs(10)).unwrap();
        let sql = "SELECT count(*) FILTER (WHERE kind = 'attempt_started'), max(seq) FROM events
                   WHERE run > ?";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?));
        let (asked, newest): (u32, _) = store.query_row(sql, [run], row).unwrap();
        let mark = fs::read_to_string(at.beside("mark")).unwrap_or_default();
        let marked = mark.split(' ').nth(3).and_then(|number| number.parse::<i64>().ok());
        if asked == HELD + 1 && marked == newest {
            return;
        }
    }
}

/// Returns the newest run of a store.
fn newest_run(at: &Places) -> String {
    let store = Connection::open(&at.store).unwrap();
    store.query_row("SELECT max(id) FROM runs", [], |row| row.get(0)).unwrap()
}

type Deed = (&'static str, fn(&Places), &'static str);

const DEEDS: &[Deed] = &[
    ("the folder is removed", |at| fs::remove_dir_all(&at.folder).unwrap(), "was removed"),
    ("the file is removed", |at| fs::remove_file(&at.store).unwrap(), "was removed"),
    (
        "the folder is moved away",
        |at| fs::rename(&at.folder, at.root.join("away")).unwrap(),
        "was removed",
    ),
    (
        "a folder stands in the place of the file",
        |at| {
            fs::remove_file(&at.store).unwrap();
            fs::create_dir(&at.store).unwrap();
        },
        "was replaced by another file",
    ),
    (
        "a copy is moved over it",
        |at| fs::rename(&at.copy, &at.store).unwrap(),
        "was replaced by another file",
    ),
    (
        "a copy is restored after all was removed",
        |at| {
            fs::remove_dir_all(&at.folder).unwrap();
            fs::create_dir(&at.folder).unwrap();
            fs::copy(&at.copy, &at.store).unwrap();
        },
        "was replaced by another file",
    ),
    (
        "a link to a copy stands in its place",
        |at| {
            fs::remove_file(&at.store).unwrap();
            std::os::unix::fs::symlink(&at.copy, &at.store).unwrap();
        },
        "was replaced by another file",
    ),
    ("a copy is written over it", |at| overwrite(&at.copy, &at.store), "was overwritten"),
    (
        "a copy is written over it, and its log is removed",
        |at| {
            fs::remove_file(at.beside("wal")).unwrap();
            fs::remove_file(at.beside("shm")).unwrap();
            overwrite(&at.copy, &at.store);
        },
        "lost its log",
    ),
    ("it is made empty", |at| fs::write(&at.store, "").unwrap(), "was overwritten"),
    ("it is cut", |at| cut(&at.store), "was overwritten"),
    (
        "something else is written over it",
        |at| fs::write(&at.store, "x".repeat(50_000)).unwrap(),
        "was overwritten",
    ),
    ("its log is removed", |at| fs::remove_file(at.beside("wal")).unwrap(), "lost its log"),
    ("the index of its log is removed", |at| fs::remove_file(at.beside("shm")).unwrap(), "lost"),
    (
        "another file is in the place of its log",
        |at| {
            fs::write(at.root.join("wal"), "").unwrap();
            fs::rename(at.root.join("wal"), at.beside("wal")).unwrap();
        },
        "lost its log",
    ),
    ("its events are deleted", |at| at.sql("DELETE FROM events"), "has lost journaled events"),
    (
        "the newest events are deleted",
        |at| at.sql("DELETE FROM events WHERE seq > 10"),
        "has lost journaled events",
    ),
    ("its runs are deleted", |at| at.sql("DELETE FROM runs"), "has lost journaled events"),
    (
        "another store is copied into it",
        |at| {
            let copy = at.copy.display();
            at.sql(&format!(
                "ATTACH '{copy}' AS copy; BEGIN; DELETE FROM events; DELETE FROM runs;
                 INSERT INTO runs SELECT * FROM copy.runs;
                 INSERT INTO events SELECT * FROM copy.events; COMMIT"
            ));
        },
        "has lost journaled events",
    ),
];

fn cut(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(8192).unwrap();
}

#[test]
fn a_store_that_is_lost_ends_the_run() {
    for (what, deed, says) in DEEDS {
        let server = server();
        let project = project(&server);
        let child = start(&project);
        wait_for(&server, BEFORE);
        deed(&Places::of(&project));
        let asked = server.bodies().len();
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(8), "{what}: {} {}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(says), "{what}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{what}: nothing is said to be well");
        let more = server.bodies().len() - asked;
        assert!(more <= 12, "{what}: {more} calls were made after it");
    }
}

/// What is done to the log in place, what the run says, and what `doctor` says of the store afterwards.
type LogDeed = (&'static str, fn(&Places), &'static str, Option<&'static str>);

const LOG_DEEDS: &[LogDeed] = &[
    (
        "it is cut to nothing",
        |at| fs::write(at.beside("wal"), "").unwrap(),
        "was cut or overwritten",
        GONE,
    ),
    ("it is cut after its head", |at| cut_to(&at.beside("wal"), 32), "was cut", GONE),
    ("it is cut within a frame", |at| cut_to(&at.beside("wal"), 9000), "was cut", GONE),
    (
        "its head is overwritten",
        |at| at.write_to_log(0, &[0; 32]),
        "was cut or overwritten",
        Some("it has no valid header, so its content is lost"),
    ),
    (
        "one byte of its head is changed",
        |at| at.write_to_log(17, b"x"),
        "was cut or overwritten",
        Some("it has no valid header, so its content is lost"),
    ),
    ("its frames are made empty", |at| at.cut_log(32), "was cut or overwritten", GONE),
    (
        "a page in its midst is overwritten",
        |at| at.write_to_log(32 + 3 * 4120 + 100, b"something else"),
        "was cut or overwritten",
        Some("its frame 4 is damaged, so everything from there on is lost"),
    ),
    (
        "something else is written over it",
        |at| fs::write(at.beside("wal"), "x".repeat(50_000)).unwrap(),
        "was cut or overwritten",
        Some("it has no valid header, so its content is lost"),
    ),
    ("an older one is written over it", |at| at.restore(&["-wal"]), "was cut or over", None),
    ("an older store is, too", |at| at.restore(&["", "-wal"]), "was cut or overwritten", GONE),
    (
        "all of an older store is",
        |at| at.restore(&["", "-wal", "-shm"]),
        "lost journaled events of this run",
        GONE,
    ),
    (
        "its index is cut to nothing",
        |at| cut_to(&at.beside("shm"), 0),
        "kaizen.db-shm` was cut or overwritten",
        None,
    ),
    (
        "its index is cut",
        |at| cut_to(&at.beside("shm"), 4096),
        "kaizen.db-shm` was cut or overwritten",
        None,
    ),
];

/// What `doctor` says where the newest events are lost.
const GONE: Option<&str> = Some("was committed and is missing");

fn cut_to(path: &Path, length: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

/// A project at a server that holds an answer back.
fn held_project(durability: &str) -> (Server, Arc<AtomicBool>, Project) {
    let (server, goes_on) = held_server();
    let project = project(&server);
    let toml = fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    let toml = format!("{toml}\n[store]\ndurability = \"{durability}\"\n");
    project.file("kaizen.toml", &toml);
    (server, goes_on, project)
}

/// What `doctor` finds is still there when it is asked again. The run waits for an answer meanwhile, so that
/// it writes nothing at the moment of the deed.
#[test]
fn a_log_that_is_changed_in_place_ends_the_run_and_nothing_is_written_to_it() {
    for durability in ["process", "power"] {
        for (what, deed, says, found) in LOG_DEEDS {
            let what = format!("{durability}: {what}");
            let (server, goes_on, project) = held_project(durability);
            keep_all(&project, &server);
            let at = Places::of(&project);
            let run = newest_run(&at);
            let child = start(&project);
            wait_for_hold(&at, &run);
            deed(&at);
            let log = fs::metadata(at.beside("wal")).unwrap().len();
            goes_on.store(true, Ordering::SeqCst);
            let ran = Ran::from(child.wait_with_output().unwrap());

            assert_eq!(ran.code, Some(8), "{what}: {} {}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains(says), "{what}: {}", ran.stderr);
            assert_eq!(ran.stdout, "", "{what}: nothing is said to be well");
            if says.starts_with("was cut") && !what.contains("midst") {
                let now = fs::metadata(at.beside("wal")).unwrap().len();
                assert_eq!(now, log, "{what}: nothing is written to it");
            }

            let Some(found) = found else { continue };
            for _ in 0..2 {
                let ran = project.kaizen(&["doctor"]);
                assert_eq!(ran.code, Some(8), "{what}: {}", ran.stdout);
                assert!(ran.stdout.contains(found), "{what}: {}", ran.stdout);
            }
        }
    }
}

/// The run was killed, and nobody has the store open.
#[test]
fn a_log_that_is_lost_while_nobody_has_it_open_is_named_until_the_next_run() {
    let deeds: [RestingDeed; 7] = [
        ("it is cut to nothing", |at| fs::write(at.beside("wal"), "").unwrap()),
        ("it is removed", |at| fs::remove_file(at.beside("wal")).unwrap()),
        ("it is cut after its head", |at| cut_to(&at.beside("wal"), 32)),
        ("it is cut within a frame", |at| cut_to(&at.beside("wal"), 9000)),
        ("it is removed with its index", |at| {
            fs::remove_file(at.beside("wal")).unwrap();
            fs::remove_file(at.beside("shm")).unwrap();
        }),
        ("an older store is in its place", |at| at.restore(&["", "-wal"])),
        ("a copy is written over the store", |at| {
            fs::remove_file(at.beside("wal")).unwrap();
            overwrite(&at.copy, &at.store);
        }),
    ];
    for durability in ["process", "power"] {
        for (what, deed) in deeds {
            let what = format!("{durability}: {what}");
            let (project, at, _server) = killed_while_it_waits(durability);
            deed(&at);

            for _ in 0..2 {
                let ran = project.kaizen(&["doctor"]);
                assert_eq!(ran.code, Some(8), "{what}: {}", ran.stdout);
                assert!(ran.stdout.contains(GONE.unwrap()), "{what}: {}", ran.stdout);
            }
            assert_eq!(project.kaizen(&["run", "other.rhai"]).code, Some(0), "{what}");
            let ran = project.kaizen(&["doctor"]);
            assert_eq!(ran.code, Some(0), "{what}: {}", ran.stdout);
        }
    }
}

/// Kills a run while it waits for an answer.
fn killed_while_it_waits(durability: &str) -> (Project, Places, Server) {
    let (server, _, project) = held_project(durability);
    keep_all(&project, &server);
    let at = Places::of(&project);
    let run = newest_run(&at);
    let mut child = start(&project);
    wait_for_hold(&at, &run);
    child.kill().unwrap();
    child.wait().unwrap();
    (project, at, server)
}

#[test]
fn a_log_that_is_used_up_by_anybody_is_not_taken_for_lost() {
    let deeds: [RestingDeed; 6] = [
        ("nothing", |_| {}),
        ("somebody opens and closes it", |at| at.sql("SELECT 1 FROM runs")),
        ("it is written back", |at| {
            let store = Connection::open(&at.store).unwrap();
            store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        }),
        ("the index is removed", |at| fs::remove_file(at.beside("shm")).unwrap()),
        ("the index is cut", |at| cut_to(&at.beside("shm"), 100)),
        ("another file with an older state takes its place", |at| {
            fs::remove_file(at.beside("wal")).unwrap();
            fs::rename(&at.copy, &at.store).unwrap();
        }),
    ];
    for (what, deed) in deeds {
        let (project, at, _server) = killed_while_it_waits("process");
        deed(&at);
        let ran = project.kaizen(&["doctor"]);
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stdout);
    }
}

#[test]
fn no_store_is_made_in_the_place_of_one_that_was_lost() {
    let server = server();
    let project = project(&server);
    let script = "let b = branch(); for n in 0..8 { b.chat(`question ${n}`); }
        attempt(|| optimizer().recommend(`t`)); b.chat(`more`); `whole`";
    project.file("s.rhai", script);
    let at = Places::of(&project);
    let child = start(&project);
    wait_for(&server, BEFORE);
    fs::remove_file(&at.store).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    assert!(!at.store.exists());
}

#[test]
fn what_only_looks_like_it_disturbs_nobody() {
    type Harmless = (&'static str, fn(&Places));
    let deeds: &[Harmless] = &[
        ("its time is set", |at| {
            let file = fs::OpenOptions::new().append(true).open(&at.store).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
        ("it gets a second name", |at| fs::hard_link(&at.store, at.root.join("name")).unwrap()),
        ("its log is written back", |at| {
            for _ in 0..50 {
                let store = Connection::open(&at.store).unwrap();
                store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
                std::thread::sleep(Duration::from_millis(4));
            }
        }),
        ("it is packed", |at| at.sql("VACUUM")),
        ("other runs are deleted", |at| {
            at.sql("DELETE FROM events WHERE run IN (SELECT id FROM runs WHERE status = 'ok')");
            at.sql("DELETE FROM runs WHERE status = 'ok'");
        }),
    ];
    for (what, deed) in deeds {
        let server = server();
        let project = project(&server);
        let child = start(&project);
        wait_for(&server, BEFORE);
        deed(&Places::of(&project));
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "whole\n"), "{what}: {}", ran.stderr);
        assert_eq!(project.kaizen(&["doctor"]).code, Some(0), "{what}");
    }
}

/// The log is written back to the store all the time, by each process for all of them.
#[test]
fn checkpoints_of_several_processes_disturb_nobody() {
    let project = Project::new();
    let script = r#"
        let text = ""; text.pad(20000, "long ");
        let b = branch(#{ model: #{ provider: "demo", model: "echo", latency_ms: 0 } });
        for n in 0..150 { log.info(text); b.chat(`question ${n}`); }
        `whole`"#;
    project.file("s.rhai", script);
    let children: Vec<Child> = (0..3).map(|_| start(&project)).collect();
    for _ in 0..rounds(5, 50) {
        assert_eq!(project.kaizen(&["gc", "--keep", "1h"]).code, Some(0));
        assert_eq!(project.kaizen(&["runs"]).code, Some(0));
    }
    for child in children {
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "whole\n"), "{}", ran.stderr);
    }
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
}

#[test]
fn a_store_that_a_link_takes_the_place_of_is_lost() {
    let server = server();
    let project = project(&server);
    let child = start(&project);
    wait_for(&server, BEFORE);
    let own = project.path().join(".kaizen");
    fs::rename(&own, project.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", &own).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);

    // Nothing continues behind it.
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    assert!(ran.stderr.contains("is a link"), "{}", ran.stderr);
}

#[test]
fn a_session_ends_when_its_store_is_lost() {
    let server = server();
    let project = project(&server);
    let mut command = project.command(&["repl"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(input, "branch().chat(`one`)").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "an answer");
    fs::remove_dir_all(Places::of(&project).folder).unwrap();
    writeln!(input, "1 + 1").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "2");
    writeln!(input, "branch().chat(`two`)\nprint(`more`)").unwrap();
    drop(input);
    assert_eq!(lines.map_while(Result::ok).collect::<Vec<_>>(), [""; 0]);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    assert!(ran.stderr.contains("was removed"), "{}", ran.stderr);
}

/// Without keys there is nobody to ask, so the watch ends.
#[test]
fn a_watch_without_keys_ends_when_its_store_is_lost() {
    let server = server();
    let project = project(&server);
    project.file("s.rhai", "branch().chat(`one`)");
    let mut command = project.command(&["watch", "s.rhai"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("watching")));
    fs::remove_dir_all(Places::of(&project).folder).unwrap();
    project.file("s.rhai", "branch().chat(`two`)");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(8), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("was removed")), "{rest:?}");
    assert_eq!(server.bodies().len(), 1, "nothing is asked that cannot be kept");
    assert!(!Places::of(&project).store.exists());
}

#[test]
fn a_watch_goes_on_with_another_store_only_when_it_is_told() {
    let server = server();
    let project = project(&server);
    project.file("s.rhai", "branch().chat(`one`)");
    let mut watch = OnTerminal::start(project.command(&["watch", "s.rhai"]));
    watch.until("[q]uit");
    let at = Places::of(&project);
    fs::remove_dir_all(&at.folder).unwrap();
    watch.press('r');
    watch.until("was removed");
    watch.until("paused until you choose");
    project.file("s.rhai", "branch().chat(`two`)");
    watch.until("s.rhai changed; not run");
    watch.press('r');
    watch.until("paused until you choose");
    assert_eq!(server.bodies().len(), 1);
    assert!(!at.store.exists());

    watch.press('s');
    watch.until("an answer");
    watch.until("[q]uit");
    assert_eq!(server.bodies().len(), 2);
    watch.press('q');
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
    let runs = project.kaizen(&["runs", "--json"]).stdout;
    assert_eq!(runs.lines().count(), 1, "{runs}");
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
}

#[test]
fn a_watch_that_is_left_with_a_lost_store_ends_with_its_exit_code() {
    let server = server();
    let project = project(&server);
    project.file("s.rhai", "let b = branch(); for n in 0..30 { b.chat(`question ${n}`); }");
    let mut watch = OnTerminal::start(project.command(&["watch", "s.rhai"]));
    wait_for(&server, BEFORE);
    let at = Places::of(&project);
    fs::rename(&at.copy, &at.store).unwrap();
    watch.until("was replaced by another file");
    watch.until("[q] quit");
    watch.press('q');
    assert_eq!(watch.child.wait().unwrap().code(), Some(8));
}
