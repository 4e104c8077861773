//! `kill -9` of the real program, at every named point and at random instants, and what is left:
//! no reply that was journaled is asked for again, and the result is that of an undisturbed run.

use super::{figure, rounds};
use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};
use kaizen::base::failpoint::POINTS;
use kaizen::base::rng::Rng;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Most calls that the script has in flight.
const AT_ONCE: usize = 4;

/// 21 calls of every kind, at most four at once, and one recorded execution.
const SCRIPT: &str = r#"
    let g = builder("killed");
    let firsts = [];
    for n in 0..8 {
        firsts.push(g.add_operation("communicate", #{ name: `a${n}`, instruction: `first ${n}` }));
    }
    for n in 0..4 {
        let after = [firsts[2 * n], firsts[2 * n + 1]];
        g.add_operation("chat", #{ name: `b${n}`, instruction: `second ${n}`, depends_on: after });
    }
    g.add_aggregation("communicate", #{ name: "sum", instruction: "all" });
    let report = session().flow(g, #{ max_concurrent: 4 });
    let o = optimizer();
    o.record_execution("killing", "graph", report.metrics);
    let more = (0..6).to_array().parallel(|n| branch().chat(`more ${n}`), #{ max_concurrent: 4 });
    let b = branch();
    b.communicate("one");
    for n in 0..9 { b.act(tool("t", "Counts.", "n: integer", |x| x.n + 1), #{ n: n }); }
    report.result("sum") + more.reduce(|sum, one| sum + one, "") + b.communicate("two") + random()
"#;

/// When the program is killed.
#[derive(Debug, Clone, Copy)]
enum Kill {
    /// At the n-th passing of a point.
    At(&'static str, u64),
    /// After a time.
    After(Duration),
}

/// What killing has shown.
#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    /// Runs that had ended before they were killed.
    too_late: usize,
    /// Replies in the journal at a kill.
    journaled: usize,
    /// Of those, replies that were asked for again.
    lost: usize,
    /// Requests that were made once more than there are questions.
    twice: usize,
}

/// A server whose answers depend on the question alone, and come after a while.
fn server() -> Server {
    Server::start(|number, _, body| {
        let mut hasher = DefaultHasher::new();
        question(body).hash(&mut hasher);
        let text = format!("[{:x}]", hasher.finish() >> 40);
        let while_ms = Rng::seeded(number as u64).below(12);
        Act::After(while_ms, Box::new(answer(&text)))
    })
}

/// Everything that was asked in a request: the history belongs to the question.
fn question(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["messages"].to_string()
}

/// The newest messages that the journal has a reply to, which this run paid for itself.
fn answered(project: &Project) -> HashSet<String> {
    // A look at a copy leaves everything to the program that finds it.
    let copy = tempfile::tempdir().unwrap();
    for file in ["kaizen.db", "kaizen.db-wal"] {
        let from = project.path().join(".kaizen").join(file);
        if from.exists() {
            std::fs::copy(from, copy.path().join(file)).unwrap();
        }
    }
    let store = rusqlite::Connection::open(copy.path().join("kaizen.db")).unwrap();
    let sql = "SELECT run, body FROM events ORDER BY run, seq";
    let Ok(mut rows) = store.prepare(sql) else { return HashSet::new() };
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let (mut open, mut answered) = (HashMap::new(), HashSet::new());
    for row in rows {
        let (run, body): (String, String) = row.unwrap();
        let event: Value = serde_json::from_str(&body).unwrap();
        let call = (run, event["op"].to_string(), event["attempt"].to_string());
        match event["kind"].as_str().unwrap() {
            "attempt_started" => {
                open.insert(call, event["prompt"].as_str().unwrap().to_owned());
            }
            "attempt_ended" if event["reply"].is_string() => {
                answered.insert(open.remove(&call).expect("a reply has its question"));
            }
            _ => {}
        }
    }
    answered
}

fn newest(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

/// Goes on with what there is, or begins if nothing was kept. A run that ended before it could be
/// killed is gone through again.
fn arguments(project: &Project) -> Vec<&'static str> {
    let runs = project.kaizen(&["runs", "--json"]).stdout;
    let mut arguments = vec!["run", "s.rhai", "--progress", "none", "--seed", "5"];
    arguments.extend(match runs.lines().next() {
        None => None,
        Some(newest) if newest.contains("\"ok\"") => Some("--resume=@"),
        Some(_) => Some("--resume"),
    });
    arguments
}

/// Runs the script, kills it as often as told, continues each time, and checks what came of it.
fn check(server: &Server, kills: &[Kill], expected: &str, figures: &mut Figures) {
    let project = Project::new();
    project.with_server(server).file("s.rhai", SCRIPT);
    let first = server.bodies().len();
    let mut kept: Vec<(usize, HashSet<String>)> = Vec::new();
    for kill in kills {
        let mut command = project.command(&arguments(&project));
        if let Kill::At(point, at) = kill {
            command.env("KAIZEN_FAILPOINT", format!("{point}:{at}:kill"));
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if let Kill::After(time) = kill {
            std::thread::sleep(*time);
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        if status.signal() == Some(9) {
            figures.kills += 1;
        } else {
            assert!(matches!(kill, Kill::After(_)), "{kill:?} is never reached: {status}");
            assert_eq!(status.code(), Some(0), "{kill:?}");
            figures.too_late += 1;
        }
        let answered = answered(&project);
        figures.journaled += answered.len();
        kept.push((server.bodies().len(), answered));
    }
    let ran = project.kaizen(&arguments(&project));
    assert_eq!(ran.code, Some(0), "{kills:?}: {}", ran.stderr);
    assert_eq!(ran.stdout, expected, "{kills:?}: {}", ran.stderr);
    let bodies = server.bodies();
    for (asked, answered) in &kept {
        let again = bodies[*asked..].iter().filter(|body| answered.contains(&newest(body)));
        figures.lost += again.count();
    }
    let asked: Vec<String> = bodies[first..].iter().map(|body| question(body)).collect();
    let twice = asked.len() - asked.iter().collect::<HashSet<_>>().len();
    assert!(twice <= AT_ONCE * kills.len(), "{kills:?}: {twice} asked twice");
    figures.twice += twice;
    let looked = project.kaizen(&["doctor"]);
    assert_eq!(looked.code, Some(0), "{kills:?}: {}", looked.stdout);
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let count = "SELECT count(*) FROM observations";
    let recorded: i64 = store.query_row(count, [], |row| row.get(0)).unwrap();
    assert!(recorded <= 1, "{kills:?}: the same execution was recorded {recorded} times");
}

/// What an undisturbed run gives, and how long it takes.
fn undisturbed(server: &Server) -> (String, Duration) {
    let project = Project::new();
    project.with_server(server).file("s.rhai", SCRIPT);
    let began = Instant::now();
    let Ran { code, stdout, stderr } = project.kaizen(&arguments(&project));
    assert_eq!(code, Some(0), "{stderr}");
    (stdout, began.elapsed())
}

fn tell(what: &str, figures: &Figures) {
    let Figures { kills, too_late, journaled, lost, twice } = figures;
    figure(&format!(
        "{what}: {kills} kills ({too_late} more came too late), {journaled} replies journaled \
         before them, {lost} lost, {twice} requests made twice"
    ));
    assert_eq!(*lost, 0, "{what}");
}

#[test]
fn a_kill_at_every_point_loses_no_reply() {
    let server = server();
    let (expected, _) = undisturbed(&server);
    let mut figures = Figures::default();
    // The script does none of these; `effects.rs` and `people.rs` kill at those points.
    let others = ["effect_begins", "effect_ends", "question_kept"];
    for (point, _) in POINTS.iter().filter(|(point, _)| !others.contains(point)) {
        let passings: &[u64] = match *point {
            "store_made" | "observation_half" | "observation_kept" | "run_ends" => &[1],
            _ if rounds(0, 1) == 0 => &[1, 7],
            _ => &[1, 2, 3, 5, 7, 9],
        };
        for at in passings {
            check(&server, &[Kill::At(point, *at)], &expected, &mut figures);
        }
    }
    tell("kill -9 at every failpoint", &figures);
}

#[test]
fn kills_at_random_instants_lose_no_reply() {
    let server = server();
    let (expected, mut time) = undisturbed(&server);
    let mut figures = Figures::default();
    let mut rng = Rng::seeded(1);

    while (figures.kills as u64) < rounds(12, 600) {
        let count = 1 + rng.below(3);
        let kills: Vec<Kill> =
            (0..count).map(|_| Kill::After(time.mul_f64(1.1 * rng.unit()))).collect();

        let late = figures.too_late;
        check(&server, &kills, &expected, &mut figures);

        // The machine has become faster since the time was taken.
        if figures.too_late > late {
            time = time.mul_f64(0.9);
        }
    }

    tell("kill -9 at random instants", &figures);
}
