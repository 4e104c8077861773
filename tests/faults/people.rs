//! Runs that wait for people and times: suspended, killed, moved to another folder and continued, they
//! end as a run that nothing disturbed.

use super::figure;
use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

/// 2026-12-01T09:00:00Z, when the run begins.
const START: i64 = 1_796_115_600_000;
const HOUR: i64 = 3_600_000;

/// Three days: a question, a time, and a question, with calls and chance between them.
const SCRIPT: &str = r#"
    let all = [];
    let draft = branch().chat("draft");
    all.push(ask(`Publish ${draft}?`, #{ options: ["yes", "no"], timeout: "2d", default: "no" }));
    all.push(random() < 2.0);

    let both = gather([
        || { sleep_until("2026-12-03T09:00:00Z"); branch().chat("later") },
        || branch().chat("meanwhile"),
    ]);
    all.push(both);

    let g = builder("last");
    let count = g.add_operation(|| branch().chat("count"), #{ name: "count" });
    g.add_operation("ask", #{ name: "how many", depends_on: count, question: "How many?", schema: #{ type: "integer" } });
    all.push(session(branch()).flow(g).result("how many") + 1);

    all.push(command("sh", ["-c", "printf x >> effects; printf done"]).stdout);
    print(all);
"#;

/// A project that may move to another folder.
struct Moving {
    project: Project,
    server: Server,
}

impl Moving {
    fn new() -> Moving {
        let server = Server::start(|_, _, body| {
            let body: Value = serde_json::from_str(body).unwrap();
            let messages = body["messages"].as_array().unwrap();
            let text = messages.last().unwrap()["content"].as_str().unwrap();
            answer(&format!("<{text}>"))
        });

        let project = Project::new();
        project.with_server(&server).file("s.rhai", SCRIPT);
        Moving { project, server }
    }

    fn command(&self, hours: i64, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("KAIZEN_TIME", (START + hours * HOUR).to_string());
        command
    }

    fn at(&self, hours: i64, arguments: &[&str]) -> Ran {
        Ran::from(self.command(hours, arguments).output().unwrap())
    }

    /// Kills a command at a point; tells whether it came to the point.
    fn killed(&self, hours: i64, arguments: &[&str], plan: &str) -> bool {
        let mut command = self.command(hours, arguments);
        let output = command.env("KAIZEN_FAILPOINT", plan).output().unwrap();
        output.status.signal() == Some(9)
    }

    /// Copies everything to another folder and continues there.
    fn moved(self) -> Moving {
        let project = Project::new();
        copy(self.project.path(), project.path());
        Moving { project, ..self }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let into = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &into);
        } else {
            std::fs::copy(entry.path(), into).unwrap();
        }
    }
}

const RUN: &[&str] = &["run", "s.rhai", "--allow-run=sh"];
const DUE: &[&str] = &["resume", "--due", "--allow-run=sh"];
const YES: &[&str] = &["answer", "@", "yes", "--allow-run=sh"];
const FIVE: &[&str] = &["answer", "@", "5", "--allow-run=sh"];
const EXPECTED: &str = "[\"yes\", true, [\"<later>\", \"<meanwhile>\"], 6, \"done\"]\n";

#[test]
fn a_run_of_three_days_waits_for_two_people_and_a_time() {
    let moving = Moving::new();
    assert_eq!(moving.at(0, RUN).code, Some(9));
    assert_eq!(moving.at(1, DUE).stderr, "nothing is due\n");
    assert_eq!(moving.at(5, YES).code, Some(9));
    assert_eq!(moving.at(20, DUE).stderr, "nothing is due\n");
    assert_eq!(moving.at(48, DUE).code, Some(0));

    let last = moving.at(72, FIVE);
    assert_eq!((last.code, last.stdout.as_str()), (Some(0), EXPECTED), "{}", last.stderr);
    assert_eq!(moving.server.bodies().len(), 4, "nothing is asked twice");
    assert_eq!(moving.at(73, &["replay", "@"]).stdout, EXPECTED);
}

/// At every step the program is killed at a point, the project moves to another folder, and the step is
/// made once more.
#[test]
fn killed_and_moved_between_it_ends_as_an_undisturbed_one() {
    let points = [
        "question_kept:1",
        "commit_begins:2",
        "commit_ends:3",
        "call_ends:1",
        "op_kept:1",
        "run_ends:1",
    ];
    let (mut kills, mut asked) = (0, 0);

    for point in points {
        let plan = format!("{point}:kill");
        let before = kills;
        let mut moving = Moving::new();

        for (hours, step) in [(0, RUN), (5, YES), (48, DUE), (72, FIVE)] {
            if moving.killed(hours, step, &plan) {
                kills += 1;
                moving = moving.moved();

                // Whoever answers is told that the run has to be resumed first, or that it had gone on.
                let resumed = moving.at(hours, &["resume", "--allow-run=sh"]);
                assert!(
                    matches!(resumed.code, Some(0 | 2 | 9)),
                    "{plan} {step:?} {}",
                    resumed.stderr
                );
                let again = moving.at(hours, step);
                assert!(matches!(again.code, Some(0 | 2 | 9)), "{plan} {step:?} {}", again.stderr);
            }
        }

        assert!(kills > before, "{plan} is never reached");

        let runs = moving.at(73, &["runs", "-n1", "--json"]).stdout;
        let newest: Value = serde_json::from_str(runs.trim()).unwrap();
        assert_eq!(newest["status"], json!("ok"), "{plan}: {newest}");

        let shown = moving.at(73, &["replay", "@"]);
        assert_eq!(shown.stdout, EXPECTED, "{plan}: {}", shown.stderr);
        let effects = std::fs::read_to_string(moving.project.path().join("effects")).unwrap();
        assert_eq!(effects, "x", "{plan}");
        asked += moving.server.bodies().len();
    }

    figure(&format!(
        "three days: {kills} kills, each followed by a move to another folder; {asked} requests for \
         {} questions to models; every run ended as an undisturbed one",
        4 * points.len()
    ));
}

#[test]
fn nobody_who_answers_takes_the_default_in_time() {
    let moving = Moving::new();
    assert_eq!(moving.at(0, RUN).code, Some(9));
    assert_eq!(moving.at(47, DUE).stderr, "nothing is due\n");

    let late = moving.at(49, YES);
    assert_eq!(late.code, Some(2), "{}", late.stderr);
    assert!(late.stderr.starts_with("error: it is too late to answer"), "{}", late.stderr);

    // The default is `no`, and the time of the script has come as well.
    assert_eq!(moving.at(49, DUE).code, Some(0));
    let last = moving.at(50, FIVE);
    assert_eq!(last.stdout, EXPECTED.replace("yes", "no"), "{}", last.stderr);
}
