//! `kill -9` of the real program while it does things side by side: equal requests, chance, a race, polling,
//! a time limit. Each reply that was journaled stays the reply to its request, in every later run.

use super::{figure, rounds};
use crate::support::Project;
use crate::support::server::{Act, Server, answer};
use kaizen::base::rng::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Instant;

/// Most calls that the script has in flight.
const AT_ONCE: usize = 4;

const SCRIPT: &str = r#"
    let seen = [];
    let all = gather([
        || { branch().chat("x"); let said = branch().chat("same"); seen.push("x"); said },
        || { branch().chat("y"); let said = branch().chat("same"); seen.push("y"); said },
        || { let said = branch().chat(`q ${random()}`); seen.push(said); branch().chat("same") },
    ]);
    seen.push(race([
        || { branch().chat("r"); "called" },
        || { sleep(4); branch().chat("r"); "slept" },
    ]));
    let t = task(|| { branch().chat("t"); branch().chat("same") });
    let polls = 0;
    while !t.done { sleep(2); polls += 1; }
    seen.push(branch().chat(`polled ${polls}`));
    seen.push(attempt(|| timeout(6, || branch().chat("late"))).ok);
    let more = [1, 2, 3, 4].parallel(|n| { branch().chat(`n ${n}`); seen.push(n); branch().chat("same") });
    let g = builder("g");
    for n in 0..3 {
        g.add_operation(|inputs| branch().chat("same") + random(), #{ name: `op ${n}`, retries: 1 });
    }
    let report = session(branch()).flow(g, #{ max_concurrent: 2 });
    print(`${seen} ${all} ${t.wait()} ${more} ${report.operation_results} ${used().calls > 0}`);
"#;

/// What all runs of a project were answered, by request and place.
fn replies(project: &Project) -> BTreeMap<(String, String), BTreeSet<String>> {
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let mut rows = store.prepare("SELECT run, body FROM events ORDER BY run, seq").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let (mut open, mut replies) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let (run, body): (String, String) = row.unwrap();
        let event: Value = serde_json::from_str(&body).unwrap();
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let attempt = (run, event["op"].to_string(), event["attempt"].to_string());
        match event["kind"].as_str().unwrap() {
            "attempt_started" => {
                open.insert(attempt, (text("key"), text("at")));
            }
            "attempt_ended" if event["reply"].is_string() => {
                let call = open.remove(&attempt).expect("a reply has its question");
                let all: &mut BTreeSet<String> = replies.entry(call).or_default();
                all.insert(text("reply"));
            }
            _ => {}
        }
    }
    replies
}

#[test]
fn what_was_answered_side_by_side_stays_the_answer() {
    let server = Server::start(|number, _, _| {
        let while_ms = Rng::seeded(number as u64).below(12);
        Act::After(while_ms, Box::new(answer(&format!("#{number}"))))
    });
    let mut rng = Rng::seeded(3);
    let (mut kills, mut known, mut changed) = (0, 0, 0);
    let began = Instant::now();
    {
        let project = Project::new();
        project.with_server(&server).file("s.rhai", SCRIPT);
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    }
    let time = began.elapsed();

    for _ in 0..rounds(6, 300) {
        let project = Project::new();
        project.with_server(&server).file("s.rhai", SCRIPT);
        let first = server.bodies().len();
        let mut resumed: &[&str] = &[];
        let times = 1 + rng.below(3);
        for _ in 0..times {
            let mut command =
                project.command(&[&["run", "s.rhai", "--progress", "none"], resumed].concat());
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(time.mul_f64(rng.unit()));
            child.kill().unwrap();
            child.wait().unwrap();
            let runs = project.kaizen(&["runs", "--json"]).stdout;
            resumed = match runs.lines().next() {
                None => &[],
                Some(newest) if newest.contains("\"ok\"") => &["--resume=@"],
                Some(_) => &["--resume"],
            };
            kills += 1;
        }
        if resumed.is_empty() {
            continue;
        }

        let before = replies(&project);
        let ran = project.kaizen(&["run", "--resume=@"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let after = replies(&project);
        known += before.len();
        changed += after.values().filter(|replies| replies.len() > 1).count();
        let asked = server.bodies().len() - first;
        let most = after.len() + AT_ONCE * (usize::try_from(times).unwrap() + 1);
        assert!(asked <= most, "{asked} requests, at most {most}");

        let replayed = project.kaizen(&["replay", "@"]);
        assert_eq!(
            (replayed.code, &replayed.stdout),
            (Some(0), &ran.stdout),
            "{}",
            replayed.stderr
        );
        assert_eq!(server.bodies().len() - first, asked, "a replay asks nothing");
    }
    figure(&format!(
        "side by side: {kills} kills, {known} replies journaled before them, {changed} requests that \
         were asked again or got another's reply"
    ));
    assert_eq!(changed, 0);
}
