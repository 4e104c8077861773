//! Mistakes with values of which it is known what they are: methods and properties in chains, comparisons that
//! are always the same, and calls that are made too early. What is right beside them passes.

use crate::support::Project;
use expect_test::expect;

#[test]
fn what_a_run_says_of_wrong_arguments_is_true() {
    let said = |text: &str| {
        let project = Project::new();
        let ran = project.file("s.rhai", text).kaizen(&["run", "s.rhai"]);
        let said =
            ran.stderr.lines().filter(|line| line.starts_with("error") || line.contains("help:"));
        format!("> {text}\n{}\n", said.collect::<Vec<_>>().join("\n"))
    };
    let texts = [
        "let k = 2; let f = |a| a + k; print(f.call(1, 2));",
        "let list = parse_json(\"[]\"); list.append(parse_json(\"\\\"x\\\"\"));",
        "gather(parse_json(\"[1]\"));",
    ];
    expect![[r#"
        > let k = 2; let f = |a| a + k; print(f.call(1, 2));
        error[K0101]: a closure was called with a different number of arguments than it takes
        > let list = parse_json("[]"); list.append(parse_json("\"x\""));
        error[K0101]: `append`: argument 2 is a string, expected an array
          = help: write `list.push(item)` to add one item; `append` adds a whole list
        > gather(parse_json("[1]"));
        error[K0102]: `gather` takes functions, `|| ..`, not an int; write `gather(items.map(|item| || branch().communicate(item)))`
    "#]].assert_eq(&texts.map(said).concat());
}
