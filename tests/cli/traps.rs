//! What people bring from Python and JavaScript, and what runs and gives something else than it seems to:
//! `kaizen check` finds it before anything is paid for.

use crate::support::Project;
use expect_test::expect;

/// Checks a script and gives what was found, one line for each: code, place and message.
fn found(script: &str) -> String {
    let project = Project::new();
    project.file("s.rhai", script);
    let ran = project.kaizen(&["check", "--json", "s.rhai"]);
    let faults = ran.stdout.lines().map(|line| {
        let fault: serde_json::Value = serde_json::from_str(line).expect("a fault in JSON");
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let help = text("help");
        let help = if help.is_empty() { help } else { format!("    {help}\n") };
        let place = format!("{}:{}", fault["line"], fault["column"]);
        format!("{} {place} {}\n{help}", text("code"), text("message"))
    });
    faults.collect()
}

/// Codes and places only.
fn places(script: &str) -> Vec<String> {
    let said = found(script);
    let heads = said.lines().filter(|line| !line.starts_with(' '));
    heads.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_word_in_place_whose_result_is_used_is_an_error_that_says_what_to_write() {
    let script = r#"let answer = " yes ";
print(answer.trim() == "yes");
let list = [3, 1];
list = list.sort();
let judge = |a, t| a.trim() == t.label;
fn clean(text) { text.trim() }
let m = #{ a: 1 }.mixin(#{ b: 2 });
"#;
    expect_test::expect![[r#"
        K0016 2:14 `trim` works in place and returns nothing, but its result is used
            write `text.trimmed()`, which returns the result; or write `answer.trim(..);` as a statement, then use `answer`
        K0016 4:13 `sort` works in place and returns nothing, but its result is used
            write `list.sorted()`, which returns the result; or write `list.sort(..);` as a statement, then use `list`
        K0016 5:22 `trim` works in place and returns nothing, but its result is used
            write `text.trimmed()`, which returns the result; or write `a.trim(..);` as a statement, then use `a`
        K0016 6:23 `trim` changes a copy here and returns nothing
            end the function with `text.trimmed()`, and use what it returns: `x = f(x)`
        K0016 7:19 `mixin` works in place and returns nothing, but its result is used
            call `mixin` as a statement on a variable, then use the variable
    "#]]
    .assert_eq(&found(script));
}

#[test]
fn what_compares_drops_or_quotes_in_vain_is_found() {
    let script = r#"let b = branch("demo/echo");
let answer = b.chat("How many?");
if answer > 3 { print("many"); }
print(answer == 3 || answer != true);
if answer { print("yes"); }
while !answer { break; }
let rows = ["a", "b"];
rows.for_each(|x| b.chat("Describe " + x));
rows.for_each(|| print(this));
rows.for_each(|n| print(`${n} ${this}`));
print("Hello ${answer}, ${HOME} and ${rows.len}");
print("${HOME}");
let text = " yes ";
text.trimmed();
rows.sorted();
text == "yes";
rows.len + 1;
fn sorted_twice(list) { list.sorted() }
fn round(x) { print(x); x }
round(2.5);
if rows.len == 2.0 { text += "!"; }
print("5" == 5);
print([1] == #{ a: 1 });
if text.contains("y") && rows.len > 1 { exit(1); }
exit(0);
"#;
    expect_test::expect![[r#"
        K0031 3:11 `>` between a string and an int is always false
            write `text.parse_int()` or `text.parse_float()` to compare numbers
        K0031 4:14 `==` between a string and an int is always false
            write `text.parse_int()` or `text.parse_float()` to compare numbers
        K0031 4:29 `!=` between a string and a bool is always true
            compare the text with a text, such as `text.lower() == "yes"`
        K0031 5:4 a condition is true or false, not a string
            compare it, such as `text == "yes"` or `text != ""`
        K0031 6:8 a condition is true or false, not a string
            compare it, such as `text == "yes"` or `text != ""`
        K0031 8:6 `for_each` passes the number of the item to its function
            write `for item in list { .. }`; in `for_each`, the item is `this`
        K0018 11:7 `${answer}` in double quotes is not replaced
            write the text in backticks: `` `.. ${..}` ``
        K0023 14:6 `trimmed` changes nothing, and its result is not used
            write `x = x.trimmed(..);` to keep the result
        K0023 15:6 `sorted` changes nothing, and its result is not used
            write `x = x.sorted(..);` to keep the result
        K0023 16:6 `==` changes nothing, and its result is not used
            write `=` to set a variable
        K0023 17:10 `+` changes nothing, and its result is not used
            write `let result = a + b;` to keep the result
        K0031 22:11 `==` between a string and an int is always false
            write the number without quotes
        K0031 23:11 `==` between an array and a map is always false
        K0031 24:41 `exit(1)` completes the run, with the value 1
            write `throw "the reason"` to end a run as failed, with exit code 1
    "#]]
    .assert_eq(&found(script));
}

#[test]
fn every_way_to_use_what_a_word_in_place_returns_is_found() {
    for line in [
        "let y = x.reverse();",
        "let y = x.sort_desc();",
        "let y = x.sort(|a, b| a - b);",
        "x = x.dedup();",
        "x += x.push(1);",
        "print(x.clear());",
        "print(`${x.append([1])}`);",
        "if x.insert(0, 1) == () { }",
        "let y = [x.truncate(1)];",
        "let y = #{ a: x.pad(3, 1) };",
        "let n = x.reverse().len();",
        "let y = if true { x.sort() } else { [] };",
        "let y = switch 1 { 1 => x.sort(), _ => [] };",
        "let y = { x.sort() };",
        "for y in x.sort() { }",
        "while x.sort() == () { }",
        "return x.sort();",
        "throw x.sort();",
        "let y = sort(x);",
        "let y = [\"b \"].map(|s| s.trim());",
        "let y = x.filter(|s| s.make_lower() == \"b\");",
        "fn f(list, item) { list.push(item) }",
        "fn f(s) { if s == \"\" { s } else { s.make_upper() } }",
        "fn f(s) { return s.replace(\"a\", \"b\"); }",
        "let y = \"abc\".crop(1);",
        "let y = x.for_each(|| ());",
    ] {
        let found = places(&format!("let x = [2, 1];\n{line}\n"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("K0016 2:"), "{line}: {found:?}");
    }
}

#[test]
fn a_word_in_place_at_the_end_of_a_function_is_a_warning_if_it_changes_a_variable_of_the_function()
{
    let script =
        "fn f() { let s = \"a \"; s.trim() }\nlet g = || { let t = \"b\"; t.pad(3, \"c\") };\n";
    expect_test::expect![[r#"
        K0016 1:26 `trim` works in place, so this function returns nothing
            write `text.trimmed()`, which returns the result; or write `s.trim(..);` as a statement, then use `s`
        K0016 2:29 `pad` works in place, so this function returns nothing
            write `t.pad(..);` as a statement, then use `t`
    "#]]
    .assert_eq(&found(script));
}

#[test]
fn a_word_in_place_that_stands_for_itself_is_none_of_it() {
    let script = r#"let x = [2, 1];
x.sort();
let add = |item| x.push(item);
add.call(3);
fn sorted_copy(list) { list.sort(); list }
fn grow() { this.push(1) }
if x.len() > 2 { x.reverse(); } else { x.push(1) }
for item in [1, 2] { x.push(item) }
x.for_each(|| { this += 1 });
let m = #{ a: 1 };
let gone = m.remove("a");
let last = x.pop();
let text = "a,b".split(",");
let known = x.retain(|item| item > 1);
let seen = [];
let outer = || {
    let inner = [1].map(|n| { seen.push(n); n });
    seen.push(inner);
    attempt(|| gather([|| { seen.push(2); 1 }, || seen.len])).ok
};
"#;
    assert_eq!(found(script), "");
}

#[test]
fn a_division_of_whole_numbers_that_may_drop_a_fraction_is_a_warning() {
    for (line, is_found) in [
        ("print(2 / 3);", true),
        ("print(6 / 3);", false),
        ("print(2.0 / 3);", false),
        ("print(list.len() / 2);", true),
        ("print(1 / list.len);", true),
        ("let right = 0; right += 1; print(right / list.len());", true),
        ("let right = 0; right += 1; let share = 100 * right / 7;", true),
        ("let n = 3; for i in 0..n { print(i / n); }", true),
        ("for (item, i) in list { print(i / 2); }", true),
        ("fn half(n) { n / 2 }", false),
        ("let right = 0; right = right + 0.5; print(right / 2);", false),
        ("for x in list { print(x / 2); }", true),
        ("print(list[list.len() / 2]);", false),
        ("let pages = (list.len() / 2).to_int();", false),
        ("print(list.len().to_float() / 2);", false),
        ("for i in 0..(list.len() / 2) { }", false),
        ("print(list.extract(0, list.len() / 2));", false),
    ] {
        let found = places(&format!("let list = [1, 2, 4];\n{line}\n"));
        let expected = usize::from(is_found);
        assert_eq!(found.len(), expected, "{line}: {found:?}");
        assert!(found.iter().all(|one| one.starts_with("K0017 2:")), "{line}: {found:?}");
    }
}

#[test]
fn an_escape_in_backticks_is_a_warning() {
    let script = "let n = 1;\nprint(`a\\nb`);\nprint(`${n}\\t${n} \\d`);\nprint(\"a\\nb\");\n\
                  print(`${\"a\\n\"}`);\n// `a\\nb`\n";
    expect_test::expect![[r#"
        K0018 2:9 `\n` in backticks is a backslash and a `n`
            write a real line break, or use double quotes: "..\n.."
        K0018 3:12 `\t` in backticks is a backslash and a `t`
            write it without the backslash, or use double quotes: "..\t.."
    "#]]
    .assert_eq(&found(script));
}

#[test]
fn a_split_into_one_piece_is_a_warning() {
    let script = "print(\"a:b\".split(\":\", 1));\nprint(\"a:b\".split(\":\", 2));\n";
    expect_test::expect![[r#"
        K0019 1:24 `split` with 1 piece returns the whole text
            the number counts pieces; write 2 to cut the text once
    "#]]
    .assert_eq(&found(script));
}

/// The words that return a new value, beside those that change one.
#[test]
fn words_that_return_leave_what_they_are_given_as_it_is() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"let text = " Yes ";
let list = [3, 1, 2, 1];
print(text.trimmed() + "|" + text.lower() + "|" + text.upper() + "|" + text.reversed());
print("a-b-c".replaced("-", ""));
print(list.sorted());
print(list.sorted(|a, b| b - a));
print(list.reversed());
print(list.distinct());
print([#{ a: 1 }, #{ a: 1 }].distinct());
print(list.sum());
print([1, 0.5].sum());
print([].sum());
print(list.mean());
print(["aaa", "b"].min_by(|text| text.len()));
print(["aaa", "b"].max_by(|text| text.len()));
print([].max_by(|x| x));
print(["a", "b"].zip([1, 2, 3]));
print(["a", "b"].zip([1, 2], |a, b| a + b));
print([1, "b", #{ c: 1 }].join("; "));
print(round(1.9408522, 2));
print(round(2.675, 2));
print(round(7, 2));
print(format(1.9408522, 1) + " " + format(3, 2));
print(percent(0.256) + " " + percent(2, 3));
print(text + "|" + list.len());
for wrong in [
    || [].mean(), || ["a"].sum(), || percent(1, 0), || round(1.5, -1), || format(["x"][0], 1),
    || [9223372036854775807, 1].sum(), || ["a"].max_by(|x| x), || [1, "a"].sorted(),
] {
    print(attempt(wrong).error.message);
}
"#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    expect_test::expect![[r#"
        Yes| yes | YES | seY 
        abc
        [1, 1, 2, 3]
        [3, 2, 1, 1]
        [1, 2, 1, 3]
        [3, 1, 2]
        [#{"a": 1}]
        7
        1.5
        0
        1.75
        b
        aaa

        [["a", 1], ["b", 2]]
        ["a1", "b2"]
        1; b; #{"c": 1}
        1.94
        2.67
        7
        1.9 3.00
        25.6% 66.7%
         Yes |4
        `mean`: the list is empty
        `sum`: expected a number, not a string
        `percent`: the whole is 0
        `round`: the number of digits must be between 0 and 17
        `format`: expected a number, not a string
        `sum`: the sum is too large for a whole number
        `max_by`: expected a number, not a string
        `sorted` cannot order an int beside a string; pass a function: `sorted(|a, b| ..)`
    "#]]
    .assert_eq(&ran.stdout);
}

#[test]
fn an_import_that_runs_something_is_a_warning_and_is_main_guards_it() {
    let project = Project::new();
    project.file("asks.rhai", "fn f() { 1 }\nlet said = branch(\"demo/echo\").chat(\"hello\");\n");
    project.file("prints.rhai", "const N = 1;\nprint(\"prints\");\n");
    project.file("guarded.rhai", "fn main() { is_main }\nif is_main { print(\"guarded\"); }\n");
    project.file("defines.rhai", "const N = 1 + 2;\nlet o = optimizer();\nexport const M = N;\n");
    project.file(
        "s.rhai",
        "import \"asks\" as a;\nimport \"prints\" as p;\nimport \"guarded\" as g;\nimport \"defines\" as d;\n\
         print(g::main());\nprint(is_main);\n",
    );

    let ran = project.kaizen(&["check", "s.rhai"]);
    expect_test::expect![[r#"
        warning[K0020]: importing `asks` runs the code outside of its functions (line 2)
         --> s.rhai:1:8
          |
        1 | import "asks" as a;
          |        ^^^^^^
          |
          = help: in `asks`, put that into `if is_main { .. }` or into a function
        warning[K0020]: importing `prints` runs the code outside of its functions (line 2)
         --> s.rhai:2:8
          |
        2 | import "prints" as p;
          |        ^^^^^^^^
          |
          = help: in `prints`, put that into `if is_main { .. }` or into a function
    "#]]
    .assert_eq(&ran.stdout);
    assert_eq!(ran.code, Some(0));

    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "prints\nfalse\ntrue\n"));
    let ran = project.kaizen(&["run", "guarded.rhai"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "guarded\n"));
}

#[test]
fn what_the_function_of_expand_gives_is_refused_in_its_place() {
    for options in ["name: x, instruction: x", "instrution: x"] {
        let project = Project::new();
        project.file(
            "s.rhai",
            &format!(
                "let g = builder(\"g\");\nlet n = g.add_operation(|| [\"a\"], #{{ name: \"list\" }});\n\
                 let each = g.expand(n, |x| #{{ {options} }}, #{{ name: \"each\" }});\n\
                 print(session(branch(\"demo/echo\")).flow(g).result(each));\n"
            ),
        );
        let ran = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert!(ran.stderr.contains("--> s.rhai:3:"), "{}", ran.stderr);
        let said = if options.starts_with("name") { "sets a `name`" } else { "`instrution`" };
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn a_report_gives_the_result_of_a_node() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let g = builder(\"g\");\nlet n = g.add_operation(|| [1, 2], #{ name: \"list\" });\n\
         let e = g.expand(n, |x| #{ operation: || x * 2 }, #{ name: \"each\" });\n\
         let r = session(branch(\"demo/echo\")).flow(g);\nprint(r.result(n) + r.result(e) + r.result(\"each\"));\n",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "[1, 2, 2, 4, 2, 4]\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn words_and_forms_of_other_languages_are_found_with_what_to_write() {
    let each = [
        "f(1, key=2);",
        "let s = f\"Hello {name}\";",
        "let s = 'abc';",
        "let s = \"\"\"long\"\"\";",
        "let l = [x * 2 for x in [1, 2]];",
        "let l = [i for i in range(0, 3) if i > 1];",
        "let a = null;",
        "let a = None;",
        "let a = nil;",
        "let a = True; let b = False;",
        "if not true { }",
        "if true and false { }",
        "if 1 == 1 or 2 == 2 { }",
        "if true { } elif false { }",
        "def f(x): return x",
        "for x in [1]: print(x)",
        "let f = lambda x: x + 1;",
        "let l = []; l.append(2);",
        "let l = [1]; l.append(\"x\");",
        "let s = str(4);",
        "let s = \"a\".strip();",
        "let o = ExecutionOptimizer();",
        "let k = PatternKnowledge(\"x.json\");",
        "import os",
        "from lionagi import Session",
        "let f = |x| x; f(1);",
        "fn g(h) { h(1) }",
        "let m = {\"a\": 1};",
        "let x = 1 if true else 2;",
        "let y = true ? 1 : 2;",
        "let i = 0; i++;",
        "# a comment",
        "raise \"x\";",
        "try { } except { }",
        "let x = [1, 2, 3][0:2];",
        "let r = [1].map((x) => x);",
        "await branch().communicate(\"x\");",
        "print \"x\";",
        "let f = optimizer().foo();",
    ];
    let said: Vec<String> = each.iter().map(|line| format!("> {line}\n{}", found(line))).collect();
    expect_test::expect![[r#"
        > f(1, key=2);
        K0021 1:6 `key=` names an argument
            write `list.sorted(|a, b| a - b)`, or `list.max_by(|x| x)`
        > let s = f"Hello {name}";
        K0021 1:9 `f` before a text has no meaning in kaizen
            write a text in backticks: `` `Hello ${name}` ``
        > let s = 'abc';
        K0021 1:9 single quotes hold one character
            write a text in double quotes: `".."`
        > let s = """long""";
        K0021 1:9 three quotes begin a text that starts with a quote
            write a text of several lines in backticks
        > let l = [x * 2 for x in [1, 2]];
        K0021 1:9 a list comprehension is from another language
            write `list.map(|x| ..)`, or `list.filter(|x| ..).map(|x| ..)`
        > let l = [i for i in range(0, 3) if i > 1];
        K0021 1:9 a list comprehension is from another language
            write `list.map(|x| ..)`, or `list.filter(|x| ..).map(|x| ..)`
        > let a = null;
        K0021 1:9 `null` is from another language
            write `()`, which stands for no value
        > let a = None;
        K0021 1:9 `None` is from another language
            write `()`, which stands for no value
        > let a = nil;
        K0021 1:9 `nil` is from another language
            write `()`, which stands for no value
        > let a = True; let b = False;
        K0021 1:9 `True` is from another language
            write `true`
        K0021 1:23 `False` is from another language
            write `false`
        > if not true { }
        K0021 1:4 `not` is from another language
            write `!x`
        > if true and false { }
        K0021 1:9 `and` is from another language
            write `a && b`
        > if 1 == 1 or 2 == 2 { }
        K0021 1:11 `or` is from another language
            write `a || b`
        > if true { } elif false { }
        K0021 1:13 `elif` is from another language
            write `} else if condition { .. }`
        > def f(x): return x
        K0021 1:1 `def` is from another language
            write `fn name(a, b) { .. }`
        > for x in [1]: print(x)
        K0021 1:1 `for ..:` is from another language
            write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`
        > let f = lambda x: x + 1;
        K0021 1:9 `lambda` is from another language
            write `|x| x + 1`
        > let l = []; l.append(2);
        K0021 1:15 `append` adds a whole list
            write `list.push(item)` to add one item; `append` adds a whole list
        > let l = [1]; l.append("x");
        K0021 1:16 `append` adds a whole list
            write `list.push(item)` to add one item; `append` adds a whole list
        > let s = str(4);
        K0021 1:9 `str` is from another language
            write `x.to_string()`, or `${x}` in a text in backticks
        > let s = "a".strip();
        K0021 1:13 `strip` is from another language
            write `text.trimmed()`
        > let o = ExecutionOptimizer();
        K0021 1:9 `ExecutionOptimizer` is from another language
            write `optimizer()`
        > let k = PatternKnowledge("x.json");
        K0021 1:9 `PatternKnowledge` is from another language
            write `knowledge("patterns.json")`, or `optimizer()` for the project's store
        > import os
        K0021 1:1 `import os` names a module from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > from lionagi import Session
        K0021 1:1 `from .. import` is from another language
            leave it out; kaizen's functions need no import; for a file write `import "lib/file" as file;`, then `file::f(..)`
        > let f = |x| x; f(1);
        K0003 1:16 unknown function `f`
            `f` is a variable; call the function in it: `f.call(..)`
        > fn g(h) { h(1) }
        K0003 1:11 unknown function `h`
            `h` is a variable; call the function in it: `h.call(..)`
        > let m = {"a": 1};
        K0021 1:9 a map begins with `#{`
            write `#{ key: value }`
        > let x = 1 if true else 2;
        K0021 1:11 a condition after its value is from another language
            write `if condition { a } else { b }`, which is a value
        > let y = true ? 1 : 2;
        K0021 1:14 `? :` is from another language
            write `if condition { a } else { b }`, which is a value
        > let i = 0; i++;
        K0021 1:13 `++` is from another language
            write `i += 1`
        > # a comment
        K0021 1:1 `#` begins no comment
            write `// comment`
        > raise "x";
        K0021 1:1 `raise` is from another language
            write `throw "message"`
        > try { } except { }
        K0021 1:9 `except` is from another language
            write `try { .. } catch (e) { .. }`
        > let x = [1, 2, 3][0:2];
        K0021 1:20 `[a:b]` is a slice from another language
            write `list.extract(1..3)`, or `text.sub_string(1..3)`
        > let r = [1].map((x) => x);
        K0021 1:17 `=>` makes no function
            write `|x| x + 1`
        > await branch().communicate("x");
        K0021 1:1 `await` is from another language
            leave it out: a call waits for its reply
        > print "x";
        K0021 1:1 `print` is a function
            write `print(..)`
        > let f = optimizer().foo();
        K0003 1:21 an optimizer has no method `foo`
            it has: compare, export_knowledge, failures, get_best_pattern, get_insights, import_knowledge, recommend, recommend_pattern, record_execution, record_executions, run, save_pattern_failure, save_pattern_success, should_avoid_pattern
    "#]].assert_eq(&said.concat());
}

#[test]
fn what_both_languages_have_is_no_fault() {
    for line in [
        "print(len([1]) + [1].len() + \"a\".len);",
        "let l = [1]; l.append([2]);",
        "let t = \"a\"; t.append(\"b\");",
        "let b = blob(); b.append(65);",
        "print(`'it' ${1} and \"x\" not y # z`);",
        "fn str(x) { `${x}` } print(str(1));",
        "let m = #{ strip: |x| x }; m.strip(1);",
        "let items = [1]; print(items[0]);",
    ] {
        assert_eq!(found(line), "", "{line}");
    }
}

#[test]
fn options_that_do_not_go_with_a_kind_of_operation_are_found() {
    let script = r#"let g = builder("g");
g.add_operation("chat", #{});
g.add_operation("communicate", #{ instruction: "" });
g.add_aggregation("react", #{ max_steps: 3 });
g.add_operation("parse", #{ name: "p" });
g.add_operation("act", #{ args: #{} });
g.add_operation("ask", #{ options: ["yes", "no"] });
g.add_operation("chat", #{ instruction: "x", tools: [] });
g.add_operation(|i| 1, #{ name: "f", instruction: "x" });
let work = |i| 1;
g.add_operation(work, #{ temperature: 0.5 });
let list = g.add_operation(|i| [1], #{ name: "list" });
g.expand(list, |i| #{ temperature: 0.0 });
g.expand(list, |i| #{ operation: "operate", instruction: `${i}`, text: "x" });
g.expand(list, |i| #{ operation: |x| x });
"#;
    expect_test::expect![[r#"
        K0005 2:25 an operation `chat` needs an `instruction`
            add it: `#{ instruction: "", .. }`
        K0005 3:48 an operation `communicate` needs an `instruction`
        K0005 4:28 an operation `react` needs an `instruction`
            add it: `#{ instruction: "", .. }`
        K0005 5:26 an operation `parse` needs a `schema`
            add it: `#{ schema: #{}, .. }`
        K0005 6:24 an operation `act` needs a `tool`
            add it: `#{ tool: "", .. }`
        K0005 7:24 an operation `ask` needs a `question`
            add it: `#{ question: "", .. }`
        K0005 8:46 an operation `chat` does not accept `tools`
            kinds that take it: `operate`, `react`
        K0005 9:38 an operation with a function does not accept `instruction`
            kinds that take it: `communicate`, `chat`, `operate`, `react`, `ask`
        K0005 11:26 an operation with a function does not accept `temperature`
            kinds that take it: `communicate`, `chat`, `operate`, `react`, `parse`
        K0005 13:20 an operation `communicate` needs an `instruction`
            add it: `#{ instruction: "", .. }`
        K0005 14:66 an operation `operate` does not accept `text`
            kinds that take it: `parse`
    "#]]
    .assert_eq(&found(script));
}

/// Every option with every kind: `check` refuses exactly what a run refuses.
#[test]
fn a_kind_of_operation_takes_the_same_options_in_a_check_as_in_a_run() {
    let kinds = [
        ("communicate", "instruction: \"x\""),
        ("chat", "instruction: \"x\""),
        ("operate", "instruction: \"x\""),
        ("react", "instruction: \"x\""),
        ("parse", "schema: #{ type: \"string\" }"),
        ("act", "tool: \"t\""),
        ("ask", "question: \"x\""),
        ("function", ""),
    ];
    let options = [
        ("name", "\"n\""),
        ("inherit_context", "true"),
        ("gate", "true"),
        ("when", "|i| true"),
        ("on_failure", "\"skip\""),
        ("retries", "1"),
        ("timeout_ms", "1000"),
        ("instruction", "\"y\""),
        ("context", "\"y\""),
        ("schema", "#{ type: \"string\" }"),
        ("images", "[]"),
        ("check", "|value| true"),
        ("max_repairs", "1"),
        ("keep", "\"all\""),
        ("text", "\"y\""),
        ("tools", "[]"),
        ("max_steps", "1"),
        ("max_tool_calls", "1"),
        ("tool_choice", "\"auto\""),
        ("protocol", "\"schema\""),
        ("context_max", "1000"),
        ("trace", "true"),
        ("budget", "#{ max_calls: 1 }"),
        ("tool", "\"t\""),
        ("args", "#{}"),
        ("question", "\"y\""),
        ("options", "[\"a\", \"b\"]"),
        ("default", "\"a\""),
        ("timeout", "1000"),
        ("temperature", "0.5"),
        ("top_p", "0.5"),
        ("max_tokens", "5"),
        ("stop", "[\"a\"]"),
        ("seed", "1"),
        ("stream", "true"),
        ("header_timeout_ms", "1000"),
        ("idle_timeout_ms", "1000"),
        ("attempts_max", "1"),
        ("on_length", "\"accept\""),
        ("extra", "#{}"),
    ];

    let mut lines = vec!["let g = builder(\"g\");".to_owned()];
    let mut names = Vec::new();
    let mut tried = "let g = builder(\"g\");\nlet refused = [];\n".to_owned();
    for (kind, needed) in kinds {
        for (option, value) in options {
            // Whether two texts may stand beside each other is another question.
            let is_there = needed.starts_with(&format!("{option}:"));
            let is_second = kind == "ask" && option == "instruction";
            if is_there || is_second {
                continue;
            }
            let first = if kind == "function" { "|i| 1".to_owned() } else { format!("\"{kind}\"") };
            let comma = if needed.is_empty() { "" } else { ", " };
            let map = format!("#{{ {needed}{comma}{option}: {value} }}");
            lines.push(format!("g.add_operation({first}, {map});"));
            names.push(format!("{kind} {option}"));
            // Taken apart, so that no check sees it beforehand.
            tried += &format!(
                "{{ let kind = {first}; let options = {map}; let a = attempt(|| g.add_operation(kind, options)); \
                 if !a.ok {{ refused.push(\"{kind} {option}\"); }} }}\n"
            );
        }
    }

    let checked: Vec<String> = places(&lines.join("\n"))
        .iter()
        .map(|place| {
            let line = place.split([' ', ':']).nth(1).and_then(|line| line.parse::<usize>().ok());
            names[line.expect("a line") - 2].clone()
        })
        .collect();

    let project = Project::new();
    project.file("s.rhai", &format!("{tried}refused"));
    let ran = project.kaizen(&["run", "s.rhai", "--progress", "none"]);
    let refused: Vec<String> = serde_json::from_str(&ran.stdout).expect(&ran.stderr);
    assert_eq!(checked, refused);
}

#[test]
fn a_variable_that_is_named_like_a_word_is_the_variable() {
    let (ran, done) = Project::new().script(
        "let log = [];\nlet note = |x| log.push(x);\nlog.push(1);\nnote.call(2);\n\
         let state = 3;\nfn count() { let run_id = 4; run_id + 1 }\nfn quiet() { log.info(\"x\") }\n\
         quiet();\n[log, state, count()]",
    );
    assert_eq!(done["value"], serde_json::json!([[1, 2], 3, 5]), "{}", ran.stderr);
}

#[test]
fn an_expansion_of_what_is_no_list_names_its_place() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let g = builder(\"g\");\nlet kind = \"chat\";\n\
         let a = g.add_operation(kind, #{ name: \"a\", instruction: \"x\" });\n\
         g.expand(a, |x| #{ instruction: \"x\" }, #{ name: \"each\" });\n\
         session(branch(\"demo/echo\")).flow(g).result(\"each\")\n",
    );
    let ran = project.kaizen(&["run", "s.rhai", "--quiet"]);
    expect![[r#"
        error[K0101]: operation `each`: `expand` needs a list, but `a` returned `[demo] you asked: x`; with `schema: "[string]"` a model answers with a list
         --> s.rhai:4:3
          |
        4 | g.expand(a, |x| #{ instruction: "x" }, #{ name: "each" });
          |   ^^^^^^
    "#]].assert_eq(&ran.stderr);
}

#[test]
fn a_drawing_shows_conditions_as_they_were_written() {
    let script = r#"fn is_good(n) { n > 1 }
let g = builder("g");
let a = g.add_operation(|| 3, #{ name: "a" });
let b = g.add_operation(|| 4, #{ name: "b", when: |i| i.a.len > 2 || i.a == "a|b" });
let c = g.add_operation(|| 5, #{ name: "c" });
let limit = 2;
g.add_edge(a, b, #{ when: |n| n > limit });
g.add_edge(a, c, #{ when: Fn("is_good") });
g.add_edge(b, c, #{ when: |n| { let far = n * 1000; far > 4000 && far < 9000 || far == 12345 } });
print(g.draw("text"));
print(g.draw("mermaid"));
print(g.draw("dot"));
"#;
    let ran = Project::new().file("s.rhai", script).kaizen(&["run", "s.rhai", "--quiet"]);
    expect![[r#"
        a  call         starts at once
        b  call         after a (if n > limit); when i.a.len > 2 || i.a == "a|b"
        c  call         after a (if is_good), b (if let far = n * 1000; far > 4000 && far < ..)

        graph TD
            n0["a"]
            n1{"b<br/>when i.a.len #gt; 2 #124;#124; i.a == #quot;a#124;b#quot;"}
            n2["c"]
            n0 -.->|"n #gt; limit"| n1
            n0 -.->|"is_good"| n2
            n1 -.->|"let far = n * 1000; far #gt; 4000 && far #lt; .."| n2

        digraph "g" {
            n0 [label="a"];
            n1 [label="b\nwhen i.a.len > 2 || i.a == \"a|b\"", shape=diamond];
            n2 [label="c"];
            n0 -> n1 [style=dashed, label="n > limit"];
            n0 -> n2 [style=dashed, label="is_good"];
            n1 -> n2 [style=dashed, label="let far = n * 1000; far > 4000 && far < .."];
        }

    "#]]
    .assert_eq(&format!("{}{}", ran.stdout, ran.stderr));
}
