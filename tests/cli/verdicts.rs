//! One verdict: `compare`, `patterns` and `advise` tell the same figures of the same executions, and what is no
//! evidence counts as none.

use crate::support::Project;
use serde_json::{Value, json};

const COMPARE: [&str; 5] = ["compare", "a.rhai", "b.rhai", "--tasks", "t.jsonl"];

/// Two scripts that call no model: one is right two times in three, the other one every second time.
fn project(label: &str) -> Project {
    let project = Project::new();
    let script = |wrong: &str| {
        format!("let n = param(\"task\", 1);\nif {wrong} {{ \"no\" }} else {{ \"yes\" }}\n")
    };
    let tasks = (1..=24).map(|n| format!("{{\"task\": {n}{label}}}\n"));
    project
        .file("a.rhai", &script("n % 3 == 0"))
        .file("b.rhai", &script("n % 3 == 0 || n % 4 == 1"))
        .file("t.jsonl", &tasks.collect::<String>());
    project
}

fn compared(project: &Project, more: &[&str]) -> Value {
    let ran = project.kaizen(&[&COMPARE[..], more, &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

/// Score, interval, chance and number of executions of each pattern, as `patterns` tells them.
fn patterns(project: &Project) -> Vec<Value> {
    let ran = project.kaizen(&["patterns", "t", "--json"]);
    let figures = |line: &str| {
        let one: Value = serde_json::from_str(line).unwrap();
        json!([one["pattern"], one["score"], one["interval"], one["best"], one["n"]])
    };
    ran.stdout.lines().map(figures).collect()
}

#[test]
fn patterns_and_advise_tell_the_figures_of_a_comparison_that_saw_the_same_executions() {
    let project = project(", \"expected\": \"yes\"");
    let found = compared(&project, &[]);
    assert_eq!(found["likely"]["pattern"], "a");
    let chance = found["likely"]["chance"].as_f64().unwrap();

    let of = |place: usize, best: f64| {
        let one = &found["patterns"][place];
        json!([one["pattern"], one["score"], one["interval"], best, 24])
    };
    let expected = vec![of(0, chance), of(1, 1.0 - chance)];
    assert_eq!(patterns(&project), expected);

    let ran = project.kaizen(&["advise", "t", "--best", "--json"]);
    let advised: Value = serde_json::from_str(&ran.stdout).unwrap();
    let told =
        |one: &Value| json!([one["pattern"], one["score"], one["interval"], one["best"], one["n"]]);
    assert_eq!(vec![told(&advised), told(&advised["alternatives"][0])], expected);
    let sure = format!("probability of being the best: {:.0} %;", 100.0 * chance);
    assert!(advised["reason"].as_str().unwrap().contains(&sure), "{advised}");
}

#[test]
fn without_calls_the_same_result_on_the_same_input_counts_once() {
    let project = project(", \"expected\": \"yes\"");
    let counts = |project: &Project| -> Vec<u64> {
        patterns(project).iter().map(|one| one[4].as_u64().unwrap()).collect()
    };

    compared(&project, &["--repeat", "3"]);
    assert_eq!(counts(&project), [24, 24]);
    compared(&project, &[]);
    compared(&project, &["--fresh", "--repeat", "2"]);
    assert_eq!(counts(&project), [24, 24]);

    // A script that answers otherwise than before is news.
    project.file("b.rhai", "let n = param(\"task\", 1);\nif n > 12 { \"no\" } else { \"yes\" }\n");
    compared(&project, &[]);
    assert!(counts(&project).iter().any(|n| *n > 24), "{:?}", patterns(&project));
}

#[test]
fn a_comparison_that_nobody_judges_says_so() {
    let project = project("");
    let ran = project.kaizen(&COMPARE);
    let notes: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("note: ")).collect();
    assert_eq!(
        notes,
        [
            "note: there are no expected answers and no judge, so only failures, time and cost are compared; add the \
          field `expected` to the tasks, name it with `--expected FIELD`, or pass `--judge SCRIPT`"
        ]
    );
    let said = "; nobody judged the answers, so all of them count as equally good;";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);

    // Where quality does not count, nothing is amiss.
    let ran = project.kaizen(&[&COMPARE[..], &["--objective", "time=1"]].concat());
    assert!(
        !ran.stderr.contains("note: nothing") && !ran.stdout.contains("nobody judged"),
        "{ran:?}"
    );
}

#[test]
fn equal_patterns_are_not_said_to_be_nearly_told_apart() {
    let project = project(", \"expected\": \"yes\"");
    project
        .file("b.rhai", "let n = param(\"task\", 1);\nif n % 3 == 0 { \"no\" } else { \"yes\" }\n");
    let found = compared(&project, &["--objective", "quality"]);
    let more = found["to_decide"]["inputs"].as_u64().unwrap();
    assert_eq!(
        found["reason"],
        format!(
            "not distinguishable yet: `a` and `b` are level [-0.211, 0.211] after 24 inputs (tested, \
             95 % confidence at every look); there are no more inputs; about {more} more inputs would show \
             that there is no practical difference, for 0 calls and $0"
        )
    );
}

#[test]
fn the_table_of_inputs_begins_with_what_the_scripts_were_given() {
    let project = project("");
    let rows = "{\"id\": 7, \"task\": 3, \"expected\": \"yes\", \"who\": \"somebody with a long name\"}\n\
                {\"id\": 8, \"task\": 4, \"expected\": \"yes\", \"who\": \"x\"}\n";
    project.file("t.jsonl", rows);
    let ran = project.kaizen(&[&COMPARE[..], &["--show", "all"]].concat());
    let table: Vec<&str> =
        ran.stdout.lines().skip_while(|line| !line.starts_with('#')).take(5).collect();
    expect_test::expect![[r#"
        #  input  expected  script  answer  score
        1  3      yes       a       no       0.00
                            b       no       0.00
        2  4      yes       a       yes      1.00
                            b       yes      1.00"#]]
    .assert_eq(&table.join("\n"));
}
