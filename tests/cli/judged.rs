//! What people say of an answer is learned from, if the answer is that of an execution that was recorded.

use crate::support::Project;
use crate::ui::Page;
use serde_json::{Value, json};

/// Runs one execution of a pattern.
const ONE: &str = r#"let o = optimizer(#{ among: ["double", "square"] });
let ways = #{ double: |n| n * 2, square: |n| n * n };
o.run("calc", ways, param("n", 1)).value
"#;
const TWO: &str = r#"let o = optimizer();
let ways = #{ double: |n| n * 2 };
o.run("calc", ways, 100); o.run("calc", ways, 200);
"#;

fn project() -> Project {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    project.file("one.rhai", ONE).file("two.rhai", TWO).file("none.rhai", "branch().chat(\"hi\")");
    for n in 1..=6 {
        let ran = project.kaizen(&["run", "one.rhai", "-p", &format!("n={n}"), "--seed", "1"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    project
}

/// The figures of all patterns together: executions, those that were judged good and bad, and whether any quality
/// is known.
fn known(project: &Project) -> (u64, u64, u64, Vec<f64>) {
    let shown = project.kaizen(&["patterns", "calc", "--json"]).stdout;
    let all: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = |key: &str| all.iter().filter_map(|one| one[key].as_u64()).sum();
    let qualities = all.iter().filter_map(|one| one["quality"].as_f64()).collect();
    (sum("n"), sum("judged_good"), sum("judged_bad"), qualities)
}

fn note(project: &Project, args: &[&str]) -> String {
    let ran = project.kaizen(&[&["note"], args].concat());
    project.without_ids(&ran.stderr)
}

#[test]
fn a_verdict_takes_the_place_of_a_score_and_the_last_one_holds() {
    let project = project();
    assert_eq!(known(&project), (6, 0, 0, vec![]));

    let learned = "noted about run RUN; the optimizer learns from it\n";
    assert_eq!(note(&project, &["@", "--bad"]), learned);
    assert_eq!(known(&project), (6, 0, 1, vec![0.0]));
    assert_eq!(
        note(&project, &["@", "--bad"]),
        "noted about run RUN; the optimizer knew this verdict\n"
    );
    assert_eq!(known(&project), (6, 0, 1, vec![0.0]));

    let told = project.kaizen(&["patterns", "calc"]).stdout;
    assert!(told.contains("judged by people: `"), "{told}");
    assert!(told.contains("0 good, 1 bad"), "{told}");
    let failed = project.kaizen(&["failures", "calc"]).stdout;
    assert!(failed.contains("wrong_answer (quality) once"), "{failed}");
    assert!(failed.contains("a person judged the answer as bad"), "{failed}");
    let advised = project.kaizen(&["advise", "calc", "--best", "--explain"]).stderr;
    assert!(advised.contains("judged by people: `"), "{advised}");

    assert_eq!(note(&project, &["@", "--good"]), learned);
    assert_eq!(known(&project), (6, 1, 0, vec![1.0]));
    let failed = project.kaizen(&["failures", "calc"]).stdout;
    assert!(!failed.contains("wrong_answer"), "{failed}");

    assert_eq!(note(&project, &["@", "--no-verdict"]), learned);
    assert_eq!(known(&project), (6, 0, 0, vec![]));
    let checked = project.kaizen(&["doctor"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
}

#[test]
fn a_verdict_names_the_operation_where_several_were_executed_and_teaches_nothing_elsewhere() {
    let project = project();
    project.kaizen(&["run", "two.rhai"]);
    assert_eq!(
        note(&project, &["@", "--good"]),
        "error: run RUN has executed 2 patterns; name one by the number of its operation, such as `@:0`\n"
    );
    assert_eq!(
        note(&project, &["@:1", "--good"]),
        "noted about run RUN; the optimizer learns from it\n"
    );
    assert_eq!(known(&project).1, 1);

    project.kaizen(&["run", "none.rhai"]);
    assert_eq!(
        note(&project, &["@:0", "--good"]),
        "noted about run RUN; nothing is learned, because `o.run` or `compare` has not recorded the \
         operation\n"
    );
    assert_eq!(known(&project).1, 1);
}

#[test]
fn the_page_says_what_a_verdict_teaches_and_learns_from_it() {
    let project = project();
    let page = Page::of(&project);
    assert_eq!(page.data("/api/run/@/op/0")["teaches"], true);

    for (good, expected) in [(Some(false), (0, 1)), (Some(true), (1, 0)), (None, (0, 0))] {
        let reply = page.post("/api/verdict", &json!({ "run": "@", "op": 0, "good": good }));
        assert_eq!(reply.status, 200, "{reply:?}");
        let (_, good, bad, _) = known(&project);
        assert_eq!((good, bad), expected);
    }
}

#[test]
fn an_answer_of_a_comparison_that_a_person_judged_counts_in_what_is_believed() {
    let project = Project::new();
    let script = |value: &str| format!("let n = param(\"task\", 1);\n{value}\n");
    let tasks: String = (1..=24)
        .map(|n| format!("{{\"task\": {n}, \"expected\": \"yes\"}}\n"))
        .collect::<Vec<_>>()
        .concat();
    project
        .file("a.rhai", &script("if n % 3 == 0 { \"no\" } else { \"yes\" }"))
        .file("b.rhai", &script("if n % 2 == 0 { \"no\" } else { \"yes\" }"))
        .file("t.jsonl", &tasks);
    let ran = project.kaizen(&["compare", "a.rhai", "b.rhai", "--tasks", "t.jsonl"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let cases = project.kaizen(&["show", "@", "--inputs=wrong", "--json"]).stdout;
    let case: Value = serde_json::from_str(cases.lines().next().unwrap()).unwrap();
    let op = format!("@:{}", case["op"]);
    let before = project.kaizen(&["patterns", "t"]).stdout;
    assert!(before.contains("as compared"), "{before}");
    assert_eq!(
        note(&project, &[&op, "--good"]),
        "noted about run RUN; the optimizer learns from it\n"
    );
    let after = project.kaizen(&["patterns", "t"]).stdout;
    assert!(after.contains("a belief") && after.contains("1 good, 0 bad"), "{after}");
}
