//! Long prompts and replies stand apart from their events in the store: what needs no texts reads none, and what
//! needs them gets them whole.

use crate::support::Project;
use rusqlite::Connection;
use serde_json::{Value, json};

const SCRIPT: &str = r#"let long = "";
for n in 0..2000 { long += "word "; }
let g = builder("g");
for n in 0..3 { g.add_operation("communicate", #{ name: `op ${n}`, instruction: long + n }); }
g.add_operation(|| [long, 7], #{ name: "list" });
let b = branch();
b.communicate(long);
b.communicate("And then?");
session().flow(g).completed_operations.len()
"#;

fn project() -> Project {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n").file("s.rhai", SCRIPT);
    let ran = project.kaizen(&["run", "s.rhai", "--seed", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    project
}

fn store(project: &Project) -> Connection {
    Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap()
}

fn long() -> String {
    "word ".repeat(2000)
}

#[test]
fn long_texts_have_rows_of_their_own() {
    let project = project();
    let store = store(&project);
    let longest = |of: &str| -> i64 {
        let sql = format!("SELECT max(length(body)) FROM events WHERE {of}");
        store.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert!(longest("kind = 'text'") > 10_000);
    assert!(longest("kind <> 'text'") < 1_000);

    // What lists and counts does without them.
    let listed = project.kaizen(&["show", "--all"]).stdout;
    let outcomes: Vec<Vec<&str>> = listed
        .lines()
        .skip(2)
        .take(7)
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .map(|cells: Vec<&str>| cells[..4].to_vec())
        .collect();
    assert_eq!(
        outcomes,
        [
            ["op", "flow", "name", "outcome"],
            ["0", "0", "communicate", "completed"],
            ["1", "0", "communicate", "completed"],
            ["2", "1", "op 0", "completed"],
            ["3", "1", "op 1", "completed"],
            ["4", "1", "op 2", "completed"],
            ["5", "1", "list", "completed"],
        ]
    );
}

#[test]
fn whoever_asks_for_long_texts_gets_them_whole() {
    let project = project();

    let shown = project.kaizen(&["show", "@:op 1"]).stdout;
    assert!(shown.contains(&format!("    {}1\n", long())), "{shown}");
    let list = project.kaizen(&["show", "@:list"]).stdout;
    assert!(list.contains(&long()), "{list}");
    // The conversation before a call, one message of which is long.
    let asked = project.kaizen(&["show", "@:1"]).stdout;
    assert!(asked.contains(&long()) && asked.contains("And then?"), "{asked}");

    let events = project.kaizen(&["show", "--json"]).stdout;
    let prompts: Vec<usize> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|event| event["prompt"].as_str().map(str::len))
        .collect();
    assert_eq!(prompts, [10_000, 9, 10_001, 10_001, 10_001]);

    let asked = |sql: &str| project.kaizen(&["sql", sql, "--json"]).stdout;
    let calls = asked("select length(prompt) as n from v_calls order by n");
    expect_test::expect![[r#"
        {"n":9}
        {"n":10000}
        {"n":10001}
        {"n":10001}
        {"n":10001}
    "#]]
    .assert_eq(&calls);
    let values = asked("select length(value) as n from v_ops where name = 'list'");
    assert!(values.contains(&json!([long(), 7]).to_string().len().to_string()), "{values}");

    let again = project.kaizen(&["replay", "@"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn a_long_text_that_is_missing_is_damage_of_its_event_alone() {
    let project = project();
    assert!(project.kaizen(&["doctor"]).stdout.contains("ok   journal"));

    let sql = "DELETE FROM events WHERE kind = 'text' AND op = 3";
    store(&project).execute(sql, []).unwrap();
    let told = project.kaizen(&["doctor"]);
    assert!(told.stdout.contains("its text is missing"), "{}", told.stdout);
    let events = project.kaizen(&["show", "--json"]);
    assert!(events.stderr.contains("its text is missing"), "{}", events.stderr);
    assert_eq!(project.kaizen(&["show", "@:op 0"]).code, Some(0));
}

#[test]
fn what_is_shown_of_a_run_does_not_depend_on_where_its_texts_are() {
    let project = project();
    let commands =
        [vec!["show", "--all"], vec!["show", "@:op 1"], vec!["show", "@:1"], vec!["runs"]];
    let shown = || commands.iter().map(|args| project.kaizen(args).stdout).collect::<Vec<_>>();
    let before = shown();

    // As programs before 0.2 have written them.
    store(&project)
        .execute_batch(
            "UPDATE events AS e SET body = json_remove(CASE e.kind
                WHEN 'attempt_started' THEN json_set(e.body, '$.prompt', t.body)
                WHEN 'attempt_ended' THEN json_set(e.body, '$.reply', t.body)
                WHEN 'request_part' THEN json_set(e.body, '$.content', t.body)
                WHEN 'op_ended' THEN json_set(e.body, '$.value',
                    CASE json_extract(e.body, '$.apart') WHEN 'json' THEN json(t.body) ELSE t.body END)
                END, '$.apart')
             FROM events t WHERE t.run = e.run AND t.seq = e.seq - 1 AND t.kind = 'text';
             DELETE FROM events WHERE kind = 'text';",
        )
        .unwrap();
    assert_eq!(shown(), before);
}
