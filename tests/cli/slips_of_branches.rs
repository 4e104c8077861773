//! Values that are lost, conditions that are none, and functions of a script that share a built-in name.

use super::foreign::said_of;
use crate::support::Project;
use expect_test::expect;

#[test]
fn a_value_in_the_middle_of_a_function_is_found() {
    let texts = [
        "fn grade(r) {\n    if r.contains(\"good\") { \"positive\" }\n    if r.contains(\"bad\") { \"negative\" }\n    \"unknown\"\n}\nprint(grade(\"good\"));",
        "let judge = |a, t| { if a == t { 1.0 } 0.0 }; print(judge.call(1, 1));",
        "fn pick(xs) { for x in xs { if x > 1 { x } } } print(pick([1, 2]));",
        "fn f(a) { if a { `${a}` } else if a == () { [1] } else { #{ b: 1 } } 2 } print(f(true));",
        "fn f(a, b) { if a > b { a - b } b - a } print(f(1, 2));",
        "fn f(a) { switch a { 1 => \"one\", _ => { \"many\" } } \"none\" } print(f(1));",
        "fn f(a) { switch a { 1 => \"one\", _ => 2 } \"none\" } print(f(1));",
        "let a = 1; if a > 0 { a /* it */ } print(a);",
    ];
    expect![[r#"
        > fn grade(r) {
        >     if r.contains("good") { "positive" }
        >     if r.contains("bad") { "negative" }
        >     "unknown"
        > }
        > print(grade("good"));
        K0023 2:29 the value of this `if` is not used
            write `return "positive";`, or put what follows into `else { .. }`
        K0023 3:28 the value of this `if` is not used
            write `return "negative";`, or put what follows into `else { .. }`
        > let judge = |a, t| { if a == t { 1.0 } 0.0 }; print(judge.call(1, 1));
        K0023 1:34 the value of this `if` is not used
            write `return 1.0;`, or put what follows into `else { .. }`
        > fn pick(xs) { for x in xs { if x > 1 { x } } } print(pick([1, 2]));
        K0023 1:40 the value of this `if` is not used
            write `return x;` to end the function with it
        > fn f(a) { if a { `${a}` } else if a == () { [1] } else { #{ b: 1 } } 2 } print(f(true));
        K0023 1:18 the value of this `if` is not used
            write `return `${a}`;` to end the function with it
        > fn f(a, b) { if a > b { a - b } b - a } print(f(1, 2));
        K0023 1:27 the value of this `if` is not used
            write `return a - b;`, or put what follows into `else { .. }`
        > fn f(a) { switch a { 1 => "one", _ => { "many" } } "none" } print(f(1));
        K0023 1:27 the value of this `switch` is not used
            write `return value;` to end the function with it
        > fn f(a) { switch a { 1 => "one", _ => 2 } "none" } print(f(1));
        K0023 1:27 the value of this `switch` is not used
            write `return value;` to end the function with it
        > let a = 1; if a > 0 { a /* it */ } print(a);
        K0023 1:23 the value of this `if` is not used
            write `print(a);` to show it, or `let result = if ..;` to keep it
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn branches_that_do_something_or_whose_value_is_used_pass() {
    let texts = [
        "fn f(x) { if x > 1 { x += 1 } x } print(f(1));",
        "fn f(x) { if x > 1 { print(x) } x } print(f(1));",
        "fn f(x) { if x > 1 { () } x } print(f(1));",
        "fn f(x) { if x > 1 { 1 } else { 2 } } print(f(1));",
        "fn f(x) { let y = if x > 1 { 1 } else { 2 }; y } print(f(1));",
        "fn f(x) { if x > 1 { return 1; } 2 } print(f(1));",
        "fn f(x) { if x > 1 { if x > 2 { 1 } else { 2 } } else { 3 } } print(f(1));",
        "fn f(x) { let n = 0; switch x { 1 => n += 1, _ => 0 } n } print(f(1));",
        "let x = 1; if x == 1 { \"yes\" } else { \"no\" }",
        "print([1, 2].map(|x| if x > 1 { \"many\" } else { \"one\" }));",
    ];
    expect![[r#"
        > fn f(x) { if x > 1 { x += 1 } x } print(f(1));
        > fn f(x) { if x > 1 { print(x) } x } print(f(1));
        > fn f(x) { if x > 1 { () } x } print(f(1));
        > fn f(x) { if x > 1 { 1 } else { 2 } } print(f(1));
        > fn f(x) { let y = if x > 1 { 1 } else { 2 }; y } print(f(1));
        > fn f(x) { if x > 1 { return 1; } 2 } print(f(1));
        > fn f(x) { if x > 1 { if x > 2 { 1 } else { 2 } } else { 3 } } print(f(1));
        > fn f(x) { let n = 0; switch x { 1 => n += 1, _ => 0 } n } print(f(1));
        > let x = 1; if x == 1 { "yes" } else { "no" }
        > print([1, 2].map(|x| if x > 1 { "many" } else { "one" }));
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn conditions_that_are_no_truth_and_times_in_seconds_are_found() {
    let texts = [
        "fn f(x) { if x.index_of(\"b\") { print(1); } } f(\"ab\");",
        "if exact_match(\"x\") { print(1); }",
        "sleep(0.5);",
        "timeout(2.5, || print(1));",
        "sleep(500.0); sleep(5); timeout(5, || print(1));",
    ];
    expect![[r#"
        > fn f(x) { if x.index_of("b") { print(1); } } f("ab");
        K0031 1:14 a condition is true or false, not an int
            write `x.contains(part)`; the place is 0 for the first, and -1 for none
        > if exact_match("x") { print(1); }
        K0031 1:4 a condition is true or false, not a judge, which is a function
            write `judge.call(answer) > 0.5`: a judge gives the score of an answer
        > sleep(0.5);
        K0031 1:7 `sleep` takes milliseconds, and this is 0.5 ms
            write `sleep(500)` for 0.5 s
        > timeout(2.5, || print(1));
        K0031 1:9 `timeout`: argument 1 is a float, expected an int
            it is called as `timeout(limit_ms: int, function: function) -> any`
        > sleep(500.0); sleep(5); timeout(5, || print(1));
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn advice_gives_what_is_right() {
    let texts = [
        "print(read_csv(\"t.csv\"));",
        "print([1, 2, 3].take(2));",
        "print(branch(\"demo/echo\").parse(\"x\", #{ schema: \"a: string\" }));",
        "let t = tool(\"t\", \"t\", #{}, || 1, #{ effects: \"read\" });\n\
         let r = branch(#{ model: \"demo/echo\", tools: [t] }).react(\"x\"); print(r.steps);",
        "print(branch(\"demo/echo\").chat([#{ role: \"system\", content: \"x\" }]));",
    ];
    expect![[r#"
        > print(read_csv("t.csv"));
        K0021 1:7 `read_csv` is from another language
            convert it to JSON lines and write `read_jsonl("path")`; `kaizen compare --tasks` reads CSV
        > print([1, 2, 3].take(2));
        K0004 1:17 `take` takes 0 arguments, not 1
            write `list.extract(0, 2)` for the first two items
        > print(branch("demo/echo").parse("x", #{ schema: "a: string" }));
        K0013 1:38 the schema of `parse`: does not restrict the reply: it has no JSON schema keyword, such as `type` or `properties`; write the schema itself: "a: string"
        > let t = tool("t", "t", #{}, || 1, #{ effects: "read" });
        > let r = branch(#{ model: "demo/echo", tools: [t] }).react("x"); print(r.steps);
        K0030 2:73 a string has no property `steps`
            it is the answer itself; `react` with `trace: true` gives `value`, `steps` and `tool_calls`
        > print(branch("demo/echo").chat([#{ role: "system", content: "x" }]));
        K0031 1:32 `chat`: argument 1 is an array, expected a string
            give the last message as a text: `branch(#{ system: ".." })` sets the system prompt, and `communicate` keeps the messages of a branch
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_word_that_takes_a_function_calls_the_one_of_the_script() {
    let project = Project::new();
    project.file(
        "own.rhai",
        r#"
        fn upper(x) { "mine" }
        fn is_empty(x) { x == "a" }
        fn max(a, b) { a + "," + b }
        fn lower() { this + "!" }
        print(["a"].map(upper));
        print(["a"].map("upper"));
        print(["a", "b"].filter(is_empty));
        print(["a", "b"].some(is_empty));
        print(["a", "b"].find(is_empty));
        print(["a", "b"].reduce(max, "0"));
        print(["a"].map(lower));
        print(["A"].map(|x| upper(x)));
        print([true, false, 1, 0.5].mean());
        print([true, true, 2].sum());
        "#,
    );
    let ran = project.kaizen(&["run", "own.rhai", "--quiet"]);
    expect![[r#"
        ["mine"]
        ["mine"]
        ["a"]
        true
        a
        0,a,b
        ["a!"]
        ["mine"]
        0.625
        4
    "#]]
    .assert_eq(&format!("{}{}", ran.stdout, ran.stderr));
}

#[test]
fn a_comparison_says_where_its_judge_failed_and_what_nearly_fits() {
    let project = Project::new();
    project.file("a.rhai", "param(\"text\", \"\"); \"Positive.\"");
    project.file("b.rhai", "param(\"text\", \"\"); \"negative\"");
    project.file("j.rhai", "let answer = param(\"answer\", ()); let task = param(\"task\", ());\nif answer.contains(task.lable) { 1.0 } else { 0.0 }");
    project.file("t.jsonl", &"{\"text\": \"x\", \"expected\": \"positive\"}\n".repeat(3));
    let compare = ["compare", "a.rhai", "b.rhai", "--tasks", "t.jsonl", "--seed", "1"];

    let judged = project.kaizen(&[&compare[..], &["--judge", "j.rhai", "--quiet"]].concat());
    expect![[r#"
        error[K0101]: judging the answer of `a`: `contains`: argument 2 is nothing (`()`), expected a char or a string
         --> j.rhai:2:11
          |
        2 | if answer.contains(task.lable) { 1.0 } else { 0.0 }
          |           ^^^^^^^^
    "#]]
    .assert_eq(&judged.stderr.replace("`b`", "`a`"));

    let ran = project.kaizen(&compare);
    let notes: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("note: ")).collect();
    expect!["note: 3 of the 3 wrong answers of `a` differ from the expected ones only in letter case, spaces or a closing full stop; a script for `--judge` that ends with `mentions(task.expected).call(answer)` counts them as right"].assert_eq(&notes.join("\n"));
}
