use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

/// Reads a file with this name and text, and shows its tasks, or what is wrong with it.
fn show(name: &str, text: &str, fields: TaskFields<'_>) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");

    let shown = match Tasks::read(&path, fields) {
        Ok(tasks) => {
            let mut shown = String::new();
            for (place, value) in &tasks.rows {
                let labels = tasks.labels(value);
                let _ = writeln!(shown, "{place}: {value} expects {}", Value::from(labels));
            }
            shown
        }
        Err(reason) => format!("{reason}\n"),
    };
    shown.replace(&format!("{}/", folder.path().display()), "")
}

fn check(name: &str, text: &str, expected: &Expect) {
    expected.assert_eq(&show(name, text, TaskFields::default()));
}

#[test]
fn tasks_are_read_as_other_programs_leave_them() {
    check(
        "t.jsonl",
        "\u{feff}{\"task\": \"a\", \"expected\": 4}\r\n\r\n{\"task\": \"b\", \"expected\": [\"x\", true]}\r\n",
        &expect![[r#"
            line 1: {"task":"a","expected":4} expects [4]
            line 3: {"task":"b","expected":["x",true]} expects [["x",true]]
        "#]],
    );
    check(
        "t.json",
        "[\n  {\"task\": \"a\", \"expected\": false},\n  {\"task\": \"b\", \"expected\": 0.5}\n]\n",
        &expect![[r#"
            item 1: {"task":"a","expected":false} expects [false]
            item 2: {"task":"b","expected":0.5} expects [0.5]
        "#]],
    );
    check(
        "t.csv",
        "\u{feff}id,task,expected\r\n1,\"one, two\r\nthree\",4\r\n2,\"say \"\"a\"\"\",\"[1, 2]\"\r\n3,c,yes\r\n",
        &expect![[r#"
            line 2: {"id":"1","task":"one, two\nthree","expected":"4"} expects ["4",4]
            line 4: {"id":"2","task":"say \"a\"","expected":"[1, 2]"} expects ["[1, 2]",[1,2]]
            line 5: {"id":"3","task":"c","expected":"yes"} expects ["yes"]
        "#]],
    );

    // A line that is a list is a task where lines are; elsewhere it is the list of tasks.
    check(
        "t.jsonl",
        "[1, 2]\n",
        &expect![[r#"
        line 1: [1,2] expects []
    "#]],
    );
    check(
        "t",
        "[1, 2]\n",
        &expect![[r#"
        item 1: 1 expects []
        item 2: 2 expects []
    "#]],
    );
    check(
        "t",
        "[1, 2]\n[3]\n",
        &expect![[r#"
        line 1: [1,2] expects []
        line 2: [3] expects []
    "#]],
    );
}

#[test]
fn what_is_wrong_with_a_file_of_tasks_is_said_with_its_place() {
    check(
        "t.jsonl",
        "",
        &expect![[r#"
        `t.jsonl` contains no tasks; it needs one JSON value per line
    "#]],
    );
    check(
        "t.json",
        " [] ",
        &expect![[r#"
        `t.json` contains no tasks; its list is empty
    "#]],
    );
    check(
        "t.csv",
        "",
        &expect![[r#"
        `t.csv`: it is empty; the first line must name the columns
    "#]],
    );
    check(
        "t.csv",
        "id,task\n",
        &expect![[r#"
        `t.csv` contains no tasks; it has no rows below the header line
    "#]],
    );
    check(
        "t.csv",
        "id,task,id\n1,2,3\n",
        &expect![[r#"
        `t.csv`: columns 1 and 3 are both called `id`; rename one
    "#]],
    );
    check(
        "t.csv",
        "id,task\n1,2\n3,4,5\n",
        &expect![[r#"
        `t.csv`: line 3 has 3 fields, but the header has 2 columns
    "#]],
    );
    check(
        "t.jsonl",
        "{\"a\": 1}\n{\"a\": }\n",
        &expect![[r#"
            `t.jsonl`: line 2 is not valid JSON at column 7: `{"a": }`; each line is a JSON value; a table ends in `.csv`
        "#]],
    );
    check(
        "t.json",
        "[1,\n2\n",
        &expect![[r#"
        `t.json`: EOF while parsing a list at line 3 column 0
    "#]],
    );
    for missing in ["{\"task\": 2}", "{\"expected\": null}", "{\"expected\": \"\"}", "5"] {
        let text = format!("{{\"expected\": 1}}\n\n{missing}\n");
        let expected = "`t.jsonl`, line 3: there is no `expected`, but other tasks have one; add it to every \
                        task, or pass `--judge`\n";
        assert_eq!(show("t.jsonl", &text, TaskFields::default()), expected, "{missing}");

        let judged = TaskFields { is_judged: true, ..TaskFields::default() };
        assert!(show("t.jsonl", &text, judged).contains("line 3: "), "{missing}");
    }
    check(
        "t.csv",
        "task,expected\na,1\nb,\n",
        &expect![[r#"
        `t.csv`, line 3: there is no `expected`, but other tasks have one; add it to every task, or pass `--judge`
    "#]],
    );
}

#[test]
fn the_fields_of_input_and_label_can_be_named() {
    let text = "{\"text\": \"a\", \"label\": true, \"id\": 7}\n{\"label\": false}\n";
    let named =
        |expected, input| show("t.jsonl", text, TaskFields { expected, input, is_judged: false });
    let found = [
        named(Some("label"), None),
        named(Some("lable"), None),
        named(Some("grade"), None),
        named(None, Some("txt")),
        named(None, Some("text")),
    ];
    expect![[r#"
        line 1: {"text":"a","label":true,"id":7} expects [true]
        line 2: {"label":false} expects [false]
        `t.jsonl` has no `lable` (--expected); did you mean `label`?
        `t.jsonl` has no `grade` (--expected); it has: text, label, id
        `t.jsonl` has no `txt` (--input); did you mean `text`?
        `t.jsonl`, line 2: `text`, the input, is missing
    "#]]
    .assert_eq(&found.concat());
}

/// Shows the parameters that a script gets of the first task. A parameter with a mark is required.
fn given(text: &str, known: Option<&str>, input: Option<&str>) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.jsonl");
    std::fs::write(&path, text).expect("a file");

    let known: Option<Vec<ScriptParameter>> = known.map(|known| {
        let one = |name: &str| ScriptParameter {
            is_required: name.ends_with('!'),
            ..ScriptParameter::required(name.trim_end_matches('!'))
        };
        known.split_whitespace().map(one).collect()
    });

    let fields = TaskFields { input, ..TaskFields::default() };
    let tasks = Tasks::read(&path, fields).expect("tasks");
    let common = Map::from_iter([("style".to_owned(), Value::from("short"))]);
    let shown = match tasks.matched("s.rhai", known.as_deref(), &common) {
        Ok(map) => {
            let params = Value::Object(map.params(&tasks.values()[0], &common));
            format!("{params} without {}\n", tasks.unused(&[map]).join(", "))
        }
        Err(reason) => format!("{reason}\n"),
    };
    shown.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_script_gets_the_fields_that_are_its_parameters() {
    let row = "{\"id\": 7, \"text\": \"a\", \"expected\": 1}\n";
    let found = [
        given(row, Some("text! style"), None),
        given(row, Some("expected text"), None),
        given(row, None, None),
        given(row, Some("task style"), Some("text")),
        given(row, Some("ticket!"), Some("text")),
        given(row, Some("text task"), Some("text")),
        given(row, Some("one two"), Some("text")),
        given(row, Some("ticket style"), None),
        given(row, Some("ticket! text"), None),
        given(row, Some(""), None),
        given("5\n", Some("task!"), None),
        given("5\n", Some("n!"), None),
    ];
    expect![[r#"
        {"style":"short","text":"a"} without id
        {"style":"short","text":"a"} without id
        {"style":"short","id":7,"text":"a"} without 
        {"style":"short","task":"a"} without id
        {"style":"short","ticket":"a"} without id
        {"style":"short","text":"a"} without id
        `s.rhai` has no parameter `text` or `task` to take the input (it has: one, two); rename one of them
        no field of `t.jsonl` (id, text, expected) is a parameter of `s.rhai` (it has: ticket, style); `--input FIELD` selects the input
        `t.jsonl`, line 1: there is no `ticket`, which `s.rhai` needs
        no field of `t.jsonl` (id, text, expected) is a parameter of `s.rhai` (it has none); `--input FIELD` selects the input
        {"style":"short","task":5} without 
        `t.jsonl`, line 1: there is no `n`, which `s.rhai` needs
    "#]]
    .assert_eq(&found.concat());
}
