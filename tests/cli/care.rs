//! Care for the store: old runs are forgotten, copies are whole, damage is told.

use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};
use std::time::Duration;

/// A project with this many runs.
fn project(runs: usize) -> Project {
    let project = Project::new();
    project.file("s.rhai", "log.info(param(`text`, `x`)); optimizer().record_execution(`t`, `p`, #{ execution_time: 1.0, success_rate: 1.0 });");
    let text = format!("text={}", "x".repeat(30_000));
    for _ in 0..runs {
        let ran = project.kaizen(&["run", "s.rhai", "--quiet", "-p", &text]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    project
}

fn runs(project: &Project) -> usize {
    project.kaizen(&["runs", "--json"]).stdout.lines().count()
}

fn length(project: &Project) -> u64 {
    std::fs::metadata(project.path().join(".kaizen/kaizen.db")).unwrap().len()
}

#[test]
fn old_runs_are_forgotten_and_what_was_learned_stays() {
    let project = project(8);
    let before = length(&project);
    let ran = project.kaizen(&["gc"]);
    assert!(ran.stderr.contains("deleted 0 runs") && ran.stderr.contains("--keep 30d"));
    let dry = project.kaizen(&["gc", "--max-size", "150kB", "--dry-run"]);
    assert!(dry.stderr.contains("would delete"), "{}", dry.stderr);
    assert_eq!(runs(&project), 8, "a dry run forgets nothing");
    let ran = project.kaizen(&["gc", "--max-size", "150kB"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (left, after) = (runs(&project), length(&project));
    assert!((1..8).contains(&left) && after <= 150_000 && after < before, "{left} runs, {after} B");
    // Nothing is old enough for this, then everything but the newest run is.
    project.kaizen(&["gc", "--keep", "1d"]);
    assert_eq!(runs(&project), left);
    project.file("kaizen.toml", "[store]\nkeep = \"0s\"\n");
    assert_eq!(project.kaizen(&["gc"]).code, Some(0));
    assert_eq!(runs(&project), 1);
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
    let patterns = project.kaizen(&["patterns", "--json"]).stdout;
    assert!(patterns.contains("\"n\":8"), "{patterns}");
    for wrong in [["gc", "--keep", "soon"], ["gc", "--max-size", "big"]] {
        assert_eq!(project.kaizen(&wrong).code, Some(2));
    }
}

#[test]
fn a_copy_made_during_a_run_is_sound_and_can_be_put_in_its_place() {
    let server = Server::start(|_, _, _| Act::After(15, Box::new(answer("x"))));
    let project = Project::new();
    project.with_server(&server);
    project.file("s.rhai", "for n in 0..60 { branch().chat(`q${n}`); }");
    let mut running = project.command(&["run", "s.rhai", "--quiet"]).spawn().unwrap();
    while server.bodies().len() < 10 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let ran = project.kaizen(&["export", "--store", "-o", "copy.db"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(running.wait().unwrap().success(), "the run went on");
    assert_eq!(project.kaizen(&["export", "--store", "-o", "copy.db"]).code, Some(2));
    // The copy in the place of a store that is lost: the run continues where it was copied.
    for name in ["kaizen.db", "kaizen.db-wal", "kaizen.db-shm"] {
        let _ = std::fs::remove_file(project.path().join(".kaizen").join(name));
    }
    std::fs::rename(project.path().join("copy.db"), project.path().join(".kaizen/kaizen.db"))
        .unwrap();
    let asked = server.bodies().len();
    let ran = project.kaizen(&["run", "--resume"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let again = server.bodies().len() - asked;
    assert!((1..=52).contains(&again), "{again} were asked again");
}

#[test]
fn runs_are_written_as_lines_of_json() {
    let project = project(2);
    let lines = |ran: &Ran| {
        let all = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        all.collect::<Vec<serde_json::Value>>()
    };
    let one = lines(&project.kaizen(&["export"]));
    assert_eq!(one[0]["event"]["script"], "s.rhai");
    assert_eq!(one.last().unwrap()["event"]["status"], "ok");
    let all = lines(&project.kaizen(&["export", "--all"]));
    assert_eq!(all.len(), 2 * one.len());
    assert_eq!(project.kaizen(&["export", "@", "-o", "run.jsonl"]).code, Some(0));
    let written = std::fs::read_to_string(project.path().join("run.jsonl")).unwrap();
    assert_eq!(written.lines().count(), one.len());
}

#[test]
fn a_query_answers_without_an_event_that_cannot_be_read() {
    let project = Project::new();
    let server = Server::start(|number, _, _| answer(&format!("#{number}")));
    project.with_server(&server).file("s.rhai", "branch().chat(`one`); branch().chat(`two`);");
    for _ in 0..2 {
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    }

    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let damage = "UPDATE events SET body = '{' WHERE kind = 'attempt_ended' AND run =
        (SELECT min(run) FROM events) AND seq = (SELECT max(seq) FROM events e WHERE
        e.run = events.run AND e.kind = 'attempt_ended')";
    assert_eq!(store.execute(damage, []).unwrap(), 1);
    drop(store);

    let ran = project.kaizen(&["sql", "select reply from v_calls order by 1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "reply\n#0\n#2\n#3\n"), "{}", ran.stderr);
    assert_eq!(
        ran.stderr,
        "note: 1 event that cannot be read is left out; `kaizen doctor` lists the damage\n"
    );
}
