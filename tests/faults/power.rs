//! A power failure in the middle of a run. A debug build copies the files of the store whenever the disk
//! has them; those copies are what a power failure leaves, and they take the place of the store.

use super::{figure, rounds};
use crate::support::Project;
use crate::support::server::{Act, Server, answer};
use kaizen::base::rng::Rng;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

/// A chain of calls, some at once, each printed once it is answered.
const SCRIPT: &str = r#"
    for n in 0..12 { print(branch().chat(`question ${n}`)); }
    let both = gather([|| branch().chat("left"), || branch().chat("right")]);
    print(both[0]);
    print(both[1]);
    for n in 12..24 { print(branch().chat(`question ${n}`)); }
"#;

/// What power failures have shown.
#[derive(Debug, Default)]
struct Figures {
    cuts: usize,
    /// Answers that the script had seen before the failure.
    seen: usize,
    /// Of those, answers that the disk did not have.
    lost: usize,
    /// How much later than the last event on the disk the last one of the journal came, at most.
    lag_ms: i64,
}

fn server() -> Server {
    Server::start(|number, _, body| {
        let question: serde_json::Value = serde_json::from_str(body).unwrap();
        let text = question["messages"][0]["content"].as_str().unwrap();
        let while_ms = Rng::seeded(number as u64).below(9);
        Act::After(while_ms, Box::new(answer(&format!("answer to {text}"))))
    })
}

/// The number and time of the newest event of a store, and how many replies are in it.
fn newest(store: &Path) -> (i64, i64, usize) {
    if !store.exists() {
        return (-1, 0, 0);
    }

    let store = rusqlite::Connection::open(store).unwrap();
    let whole: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    let gaps = "SELECT count(*) FROM
        (SELECT max(seq) + 1 - count(*) AS gap FROM events GROUP BY run) WHERE gap != 0";
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(gaps), 0, "a journal has a gap");

    let replies = count("SELECT count(*) FROM events WHERE kind = 'attempt_ended'");
    let last = count("SELECT coalesce(max(seq), -1) FROM events");
    let at = count("SELECT coalesce(max(at), 0) FROM events");
    (last, at, usize::try_from(replies).unwrap())
}

/// Kills a run at the end of an operation, takes away what the disk did not have, and continues.
fn cut(server: &Server, durability: &str, at: u64, figures: &mut Figures) {
    let project = Project::new();
    project.with_server(server).file("s.rhai", SCRIPT);
    let mut settings = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    settings.push_str(&format!("\n[store]\ndurability = \"{durability}\"\n"));
    project.file("kaizen.toml", &settings);
    let disk = tempfile::tempdir().unwrap();

    let ran = project
        .command(&["run", "s.rhai", "--progress", "none"])
        .env("KAIZEN_FAILPOINT", format!("op_kept:{at}:kill"))
        .env("KAIZEN_DISK", disk.path())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(ran.status.signal(), Some(9), "the end of operation {at} is never reached");
    let seen = String::from_utf8(ran.stdout).unwrap().lines().count();

    let own = project.path().join(".kaizen");
    let (last_known, known_at, _) = newest(&own.join("kaizen.db"));
    for name in ["kaizen.db", "kaizen.db-wal", "kaizen.db-shm"] {
        let _ = std::fs::remove_file(own.join(name));
        let kept = disk.path().join(name);
        if kept.exists() {
            std::fs::copy(kept, own.join(name)).unwrap();
        }
    }

    let (last, kept_at, replies) = newest(&own.join("kaizen.db"));
    assert!(last <= last_known, "the disk has {last} events, and {last_known} were written");
    figures.cuts += 1;
    figures.seen += seen;
    figures.lost += seen.saturating_sub(replies);
    if kept_at > 0 {
        figures.lag_ms = figures.lag_ms.max((known_at - kept_at) / 1000);
    }

    let before = server.bodies().len();
    let mut arguments = vec!["run", "s.rhai", "--progress", "none"];
    if last >= 0 {
        arguments.push("--resume");
    }
    let ran = project.kaizen(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected: Vec<String> = (0..12)
        .map(|n| format!("question {n}"))
        .chain(["left".to_owned(), "right".to_owned()])
        .chain((12..24).map(|n| format!("question {n}")))
        .map(|question| format!("answer to {question}"))
        .collect();
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!(server.bodies().len() - before, 26 - replies, "what is kept is not asked again");
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
}

fn cuts(durability: &str) -> Figures {
    let server = server();
    let mut figures = Figures::default();
    for at in (1..=26).step_by(if rounds(0, 1) == 0 { 6 } else { 1 }) {
        cut(&server, durability, at, &mut figures);
    }

    let Figures { cuts, seen, lost, lag_ms } = figures;
    figure(&format!(
        "{durability}: {cuts} power failures, {seen} answers seen before: {lost} lost, the disk at \
         most {lag_ms} ms behind"
    ));
    figures
}

#[test]
fn a_power_failure_takes_nothing_that_was_seen() {
    assert_eq!(cuts("power").lost, 0);
}

#[test]
fn a_power_failure_leaves_a_journal_to_go_on_from() {
    cuts("process");
}

#[test]
fn a_run_that_has_ended_is_on_the_disk() {
    for durability in ["process", "power"] {
        let server = server();
        let project = Project::new();
        project.with_server(&server).file("s.rhai", SCRIPT);
        let mut settings = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
        settings.push_str(&format!("\n[store]\ndurability = \"{durability}\"\n"));
        project.file("kaizen.toml", &settings);
        let disk = tempfile::tempdir().unwrap();

        let mut command = project.command(&["run", "s.rhai", "--progress", "none"]);
        let ran = command.env("KAIZEN_DISK", disk.path()).output().unwrap();
        assert_eq!(ran.status.code(), Some(0));
        let own = newest(&project.path().join(".kaizen/kaizen.db"));
        assert_eq!(newest(&disk.path().join("kaizen.db")), own, "{durability}");
    }
}
