//! `kaizen run`.

use crate::support::Project;

#[test]
fn hello_runs_offline_and_is_journaled() {
    let project = Project::new();
    project.file("hello.rhai", include_str!("../../scripts/hello.rhai"));
    let ran = project.kaizen(&["run", "hello.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, "[demo] you asked: Say hello to a new user of kaizen.\n");
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let kinds: Vec<String> = store
        .prepare("SELECT kind FROM events ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let expected =
        ["run_started", "op_started", "attempt_started", "attempt_ended", "op_ended", "run_ended"];
    assert_eq!(kinds, expected);
}
