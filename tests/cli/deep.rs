//! Data that is no data for others: nested too deep, or with functions in it. Nothing of it disappears in silence.

use crate::support::Project;
use expect_test::expect;

#[test]
fn what_is_no_data_is_said_and_not_left_out_in_silence() {
    let deep = "let x = 1; for i in 0..200 { x = [take(x)]; } ";
    let scripts = [
        format!("{deep}x"),
        format!("{deep}throw x;"),
        format!("{deep}throw #{{ message: \"no\", x: x }};"),
        "0.0 / 0.0".to_owned(),
        "#{ a: |x| x }".to_owned(),
        "throw |x| x;".to_owned(),
        "throw [1, |x| x];".to_owned(),
        // A handle is the value of many last lines.
        "branch(\"demo/echo\")".to_owned(),
        "|x| x".to_owned(),
    ];

    let said: Vec<String> = scripts
        .iter()
        .map(|script| {
            let project = Project::new();
            project.file("s.rhai", script);
            let ran = project.kaizen(&["run", "s.rhai"]);
            let told = ran.stderr.lines().filter(|line| !line.starts_with("run="));
            let told = told.fold(String::new(), |told, line| told + "    " + line + "\n");
            format!("{} ({:?}){}\n{told}", script.replace(deep, ".. "), ran.code, ran.stdout)
        })
        .collect();
    expect![[r#"
        .. x (Some(0))
            the value of the script is not shown: data is nested deeper than 128
        .. throw x; (Some(1))
            error[K0100]: the thrown value cannot be shown: data is nested deeper than 128
             --> s.rhai:1:47
              |
            1 | let x = 1; for i in 0..200 { x = [take(x)]; } throw x;
              |                                               ^^^^^
        .. throw #{ message: "no", x: x }; (Some(1))
            error[K0100]: no
             --> s.rhai:1:47
              |
            1 | let x = 1; for i in 0..200 { x = [take(x)]; } throw #{ message: "no", x: x };
              |                                               ^^^^^
        0.0 / 0.0 (Some(0))
            the value of the script is not shown: NaN is not plain data
        #{ a: |x| x } (Some(0))
            the value of the script is not shown: a function is not plain data
        throw |x| x; (Some(1))
            error[K0100]: the thrown value cannot be shown: a function is not plain data
             --> s.rhai:1:1
              |
            1 | throw |x| x;
              | ^^^^^
        throw [1, |x| x]; (Some(1))
            error[K0100]: the thrown value cannot be shown: a function is not plain data
             --> s.rhai:1:1
              |
            1 | throw [1, |x| x];
              | ^^^^^
        branch("demo/echo") (Some(0))
        |x| x (Some(0))
    "#]]
    .assert_eq(&said.concat());
}

/// However deep data is nested, the program does not fall over.
#[test]
fn data_nested_deeper_than_any_stack_was_ends_in_an_answer_or_a_limit() {
    for script in [
        "let x = 1; for i in 0..9000 { x = #{ a: take(x) }; } let y = x; 1",
        "let x = []; for i in 0..12000 { x = [take(x)]; } let y = x; 1",
    ] {
        let project = Project::new();
        project.file("s.rhai", script);
        let ran = project.kaizen(&["run", "s.rhai", "--max-time", "60s"]);
        assert!(matches!(ran.code, Some(0 | 4)), "{script}: {:?} {}", ran.code, ran.stderr);
    }
}
