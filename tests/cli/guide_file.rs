//! `knowledge(..)`: a run that is killed and resumed saves everything once, and decides as it did.

use crate::support::Project;
use crate::support::server::{Server, answer};
use serde_json::Value;

const SCRIPT: &str = r#"
let k = knowledge("k.json");
let seen = [];
for i in 0..5 {
    branch().chat(`step ${i}`);
    k.save_pattern_success("t", if i % 2 == 0 { "a" } else { "b" }, #{ success_rate: 1.0, execution_time: 1.0 / (i / 2 + 3) });
    if i > 2 { k.save_pattern_failure("t", "b", "no"); }
    seen.push([k.get_best_pattern("t"), k.should_avoid_pattern("t", "b"), branch().chat(`then ${seen}`)]);
}
print(seen);
"#;

fn entries(project: &Project) -> (usize, Value) {
    let text = std::fs::read_to_string(project.path().join("k.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let lists =
        ["successful_patterns", "failed_patterns"].map(|s| value[s].as_object().cloned().unwrap());
    let count =
        lists.iter().flat_map(|lists| lists.values()).map(|l| l.as_array().unwrap().len()).sum();
    (count, value)
}

#[test]
fn a_run_that_is_killed_anywhere_saves_once() {
    let start = || {
        let (project, server) =
            (Project::new(), Server::start(|_, _, body| answer(&body.len().to_string())));
        project.with_server(&server).file("s.rhai", SCRIPT);
        (project, server)
    };
    let (project, _server) = start();
    let whole = project.kaizen(&["run", "s.rhai", "--allow-write"]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    let (count, file) = entries(&project);
    assert_eq!(count, 7);

    let mut kills = 0;
    for nth in 1..60 {
        let (project, _server) = start();
        let died = project
            .command(&["run", "s.rhai", "--allow-write"])
            .env("KAIZEN_FAILPOINT", format!("commit_ends:{nth}:kill"))
            .output()
            .unwrap();
        if died.status.code().is_some() {
            break;
        }
        kills += 1;
        let resumed = project.kaizen(&["run", "--resume", "--allow-write"]);
        if resumed.code == Some(2) {
            continue;
        }
        assert_eq!(
            (resumed.code, &resumed.stdout),
            (Some(0), &whole.stdout),
            "{nth}: {}",
            resumed.stderr
        );
        assert_eq!(entries(&project).1, file, "{nth}");
        let replayed = project.kaizen(&["replay"]);
        assert_eq!((replayed.code, &replayed.stdout), (Some(0), &whole.stdout), "{nth}");
        assert_eq!(entries(&project).1, file, "{nth}: a replay writes nothing");
    }
    assert!(kills > 15, "{kills}");
}

const MOVES: &str = r#"
let o = optimizer();
print(o.import_knowledge("k.json"));
branch().chat("first");
let written = o.export_knowledge("e.json");
branch().chat(`${written} are known`);
o.record_execution("t", "a", #{ success_rate: 1.0 });
let own = optimizer(#{ memory: true });
own.import_knowledge("k.json");
print([written, o.get_insights().total_executions, own.get_insights().total_executions]);
branch().chat("last");
()
"#;

/// Kills a run at each commit and each call. What it has taken in and paid for is there once.
#[test]
fn a_run_that_is_killed_anywhere_takes_in_a_file_once() {
    let start = || {
        let (project, server) = (Project::new(), Server::saying("x"));
        project.with_server(&server).file("s.rhai", MOVES).file(
            "make.rhai",
            "let k = knowledge(\"k.json\"); for n in 0..6 { k.save_pattern_success(\"t\", `p${n % 2}`, #{}); }",
        );
        assert_eq!(project.kaizen(&["run", "make.rhai", "--allow-write"]).code, Some(0));
        (project, server)
    };
    let (project, _server) = start();
    let whole = project.kaizen(&["run", "s.rhai", "--allow-write"]);
    assert_eq!(
        (whole.code, whole.stdout.as_str()),
        (Some(0), "6\n[6, 7, 6]\n"),
        "{}",
        whole.stderr
    );

    let mut kills = 0;
    for point in ["commit_ends", "call_begins", "call_ends"] {
        for nth in 1..20 {
            let (project, server) = start();
            let died = project
                .command(&["run", "s.rhai", "--allow-write"])
                .env("KAIZEN_FAILPOINT", format!("{point}:{nth}:kill"))
                .output()
                .unwrap();
            if died.status.code().is_some() {
                break;
            }

            kills += 1;
            let resumed = project.kaizen(&["run", "--resume", "--allow-write"]);
            // Nothing was recorded before the kill, and so nothing was done.
            if resumed.code == Some(2) {
                continue;
            }
            let told = (resumed.code, resumed.stdout.as_str());
            assert_eq!(told, (Some(0), whole.stdout.as_str()), "{point} {nth}: {}", resumed.stderr);
            // Only the call under way is made again.
            assert!(server.bodies().len() <= 4, "{point} {nth}: {}", server.bodies().len());

            let replayed = project.kaizen(&["replay"]);
            assert_eq!(
                (replayed.code, &replayed.stdout),
                (Some(0), &whole.stdout),
                "{point} {nth}"
            );
        }
    }
    assert!(kills > 8, "{kills}");
}
