//! Several programs on one store, journaling and learning at once while one of them is killed: the
//! others notice nothing, and nothing that anybody was told is lost.

use super::{figure, rounds};
use crate::support::{Project, Ran};
use kaizen::base::rng::Rng;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

const STEPS: usize = 25;

/// Asks and learns in turn, and prints each step once it is kept.
const SCRIPT: &str = r#"
    let b = branch(#{ model: #{ provider: "demo", model: "echo", latency_ms: 1 } });
    let o = optimizer(#{ learn_from_demo: true });
    print(run_id);
    for n in 0..25 {
        b.chat(`question ${n}`);
        o.record_execution("crowd", "direct", #{ success_rate: 1.0, execution_time: 1.0 });
        print(n);
    }
"#;

fn start(project: &Project) -> Child {
    let mut command = project.command(&["run", "s.rhai", "--progress", "none"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_process_that_is_killed_disturbs_no_other() {
    let mut rng = Rng::seeded(3);
    let (mut kills, mut told, mut lost) = (0, 0, 0);
    for _ in 0..rounds(2, 100) {
        let project = Project::new();
        project.file("s.rhai", SCRIPT);
        let mut victim = start(&project);
        let others = [start(&project), start(&project), start(&project)];
        std::thread::sleep(Duration::from_millis(30 + rng.below(250)));
        victim.kill().unwrap();
        let mut heard: Vec<String> =
            BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok).collect();
        kills += usize::from(!victim.wait().unwrap().success());
        let mut runs = Vec::new();
        if !heard.is_empty() {
            runs.push((heard.remove(0), heard.len()));
        }
        for child in others {
            let ran = Ran::from(child.wait_with_output().unwrap());
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            assert!(!ran.stderr.contains("locked"), "{}", ran.stderr);
            assert_eq!(ran.stdout.lines().count(), STEPS + 1);
            runs.push((ran.stdout.lines().next().unwrap().to_owned(), STEPS));
        }
        let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
        let count = |sql: &str, run: &str| -> usize {
            store.query_row(sql, [run], |row| row.get::<_, u32>(0)).unwrap().try_into().unwrap()
        };
        for (run, steps) in &runs {
            let seen = count("SELECT count(*) FROM observations WHERE run = ?", run);
            let answered =
                count("SELECT count(*) FROM events WHERE run = ? AND kind = 'op_ended'", run);
            let gap =
                count("SELECT coalesce(max(seq) + 1, 0) - count(*) FROM events WHERE run = ?", run);
            assert_eq!(gap, 0, "the journal of a run has a gap");
            // What was in flight at the kill may be kept although nobody was told.
            assert!(seen <= steps + 1 && answered <= steps + 2, "{seen} {answered} {steps}");
            told += 2 * steps;
            lost += steps.saturating_sub(seen) + steps.saturating_sub(answered);
        }
        assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
    }
    figure(&format!(
        "four processes on one store: {kills} of them killed, {told} replies and observations told \
         to scripts, {lost} lost"
    ));
    assert_eq!(lost, 0);
}
