//! `kaizen sql`: questions to the store.

use super::SCRIPT;
use crate::support::Project;
use expect_test::expect;
use serde_json::Value;

fn project() -> Project {
    let project = Project::new();
    project.file("review.rhai", SCRIPT);
    project.kaizen(&["run", "review.rhai", "-q", "--seed", "7"]);
    project
}

#[test]
fn each_view_has_the_columns_that_are_listed() {
    let project = project();
    let views = project.kaizen(&["sql", "--json"]).stdout;
    let mut names = Vec::new();
    for line in views.lines() {
        let view: Value = serde_json::from_str(line).unwrap();
        let name = view["view"].as_str().unwrap().to_owned();
        let columns: Vec<&str> =
            view["columns"].as_object().unwrap().keys().map(String::as_str).collect();
        let asked = project.kaizen(&["sql", &format!("select * from {name}")]);
        assert_eq!(
            (asked.code, asked.stdout.lines().next().unwrap()),
            (Some(0), &*columns.join(",")),
            "{name}"
        );
        names.push(name);
    }
    assert_eq!(names, ["v_runs", "v_ops", "v_calls", "v_patterns", "v_inputs"]);
}

#[test]
fn a_question_is_answered_as_csv_or_lines_of_json() {
    let project = project();
    let ops = "select op, name, outcome, kind from v_ops order by op";
    expect![[r#"
        op,name,outcome,kind
        0,first,completed,
        1,fails,failed,thrown
        2,after,skipped,
        3,last,completed,
    "#]]
    .assert_eq(&project.kaizen(&["sql", ops]).stdout);
    let calls = "select model, demo, tokens_in, prompt, cost from v_calls order by op";
    expect![[r#"
        {"model":"demo/echo","demo":1,"tokens_in":2,"prompt":"Say tea.","cost":0.0}
        {"model":"demo/echo","demo":1,"tokens_in":17,"prompt":"<result name=\"first\">\n[demo] you asked: Say tea.\n</result>\n\nSum up.","cost":0.0}
    "#]].assert_eq(&project.kaizen(&["sql", calls, "-f", "jsonl"]).stdout);
    let runs = "select script, status, calls, cost, unknown_costs, failure from v_runs";
    expect![[r#"
        script       status  calls  cost  unknown_costs  failure
        review.rhai  failed  2      0.0   0              operation `after` was skipped because `fails` failed: no <b>…
    "#]].assert_eq(&project.kaizen(&["sql", runs, "-f", "table"]).stdout);
}

#[test]
fn nothing_is_changed_by_a_question() {
    let project = project();
    for statement in [
        "delete from events",
        "update runs set script = 'x'",
        "drop table runs",
        "attach 'other.db' as other",
        "vacuum into 'copy.db'",
        "pragma journal_mode = delete",
        "create table t (x)",
        "insert into runs select * from runs",
        "with x as (select 1) delete from runs",
        "select 1; delete from runs",
        "-- select\ndelete from runs",
        "",
    ] {
        let ran = project.kaizen(&["sql", statement]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{statement}: {}", ran.stderr);
    }
    assert_eq!(project.kaizen(&["sql", "select count(*) as n from v_runs"]).stdout, "n\n1\n");
    assert!(!project.path().join("copy.db").exists() && !project.path().join("other.db").exists());
}
