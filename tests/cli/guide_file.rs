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
