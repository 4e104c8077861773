//! Mistakes that newcomers make with judges, tasks and reserved words, and what is right beside them.

use super::foreign::said_of;
use crate::support::Project;
use expect_test::expect;

#[test]
fn a_judge_that_gives_no_score_is_found_wherever_it_ends() {
    let texts = [
        "let o = optimizer(); let w = #{ a: |x, b| b.chat(x.text) }; let t = #{ text: \"x\", label: \"y\" };\n\
         o.run(\"t\", w, t, #{ judge: |a, x| exact_match(x.label) });",
        "let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };\n\
         o.compare(\"t\", w, [\"x\"], #{ judge: |a, x| { let m = imodel(\"demo/echo\"); judged_by(m, \"r\") } });",
        "best_of(branch(\"demo/echo\"), \"x\", #{ judge: |a| if a.len > 2 { mentions(\"b\") } else { 0.0 } });",
        "let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };\n\
         o.run(\"t\", w, \"x\", #{ judge: |a, x| if a == x { \"good\" } else { \"bad\" } });",
        "let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };\n\
         o.run(\"t\", w, \"x\", #{ judge: |a, x| if a == x { 10 } else { 0 } });",
        "let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };\n\
         o.run(\"t\", w, \"x\", #{ judge: |a, x| { if a == x { return 100; } switch a { \"b\" => 0.5, _ => a } } });",
        "print(evolve(#{ start: \"s\", ask: |t, i| t, train: [1], valid: [2], judge: |a, i| 100 }));",
    ];
    expect![[r#"
        > let o = optimizer(); let w = #{ a: |x, b| b.chat(x.text) }; let t = #{ text: "x", label: "y" };
        > o.run("t", w, t, #{ judge: |a, x| exact_match(x.label) });
        K0031 2:35 `exact_match` makes a judge, which this function returns uncalled
            write `exact_match(..).call(a)`, or `judge: exact_match(..)`
        > let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };
        > o.compare("t", w, ["x"], #{ judge: |a, x| { let m = imodel("demo/echo"); judged_by(m, "r") } });
        K0031 2:74 `judged_by` makes a judge, which this function returns uncalled
            write `judged_by(..).call(a)`, or `judge: judged_by(..)`
        > best_of(branch("demo/echo"), "x", #{ judge: |a| if a.len > 2 { mentions("b") } else { 0.0 } });
        K0031 1:64 `mentions` makes a judge, which this function returns uncalled
            write `mentions(..).call(a)`, or `judge: mentions(..)`
        > let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };
        > o.run("t", w, "x", #{ judge: |a, x| if a == x { "good" } else { "bad" } });
        K0031 2:49 a judge must return a number from 0 to 1, or true or false, not a string
            compare, such as `|answer, expected| same_answer(answer, expected)`
        K0031 2:65 a judge must return a number from 0 to 1, or true or false, not a string
            compare, such as `|answer, expected| same_answer(answer, expected)`
        > let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };
        > o.run("t", w, "x", #{ judge: |a, x| if a == x { 10 } else { 0 } });
        K0031 2:49 a judge must return a number from 0 to 1, or true or false, not `10`
            divide a percentage by 100
        > let o = optimizer(); let w = #{ a: |x, b| b.chat(x) };
        > o.run("t", w, "x", #{ judge: |a, x| { if a == x { return 100; } switch a { "b" => 0.5, _ => a } } });
        K0031 2:58 a judge must return a number from 0 to 1, or true or false, not `100`
            divide a percentage by 100
        > print(evolve(#{ start: "s", ask: |t, i| t, train: [1], valid: [2], judge: |a, i| 100 }));
        K0031 1:51 `evolve` needs at least 3 items in `train` (`batch`), and has 1
        K0031 1:82 a judge must return a number from 0 to 1, or true or false, not `100`
            divide a percentage by 100
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_call_that_is_made_too_early_is_found_in_races_and_operations() {
    let texts = [
        "let b = branch(\"demo/echo\"); print(race([b.chat(\"x\"), b.chat(\"y\")]));",
        "let b = branch(\"demo/echo\"); let g = builder(\"g\"); g.add_operation(b.chat(\"x\")); session().flow(g);",
        "let b = branch(\"demo/echo\"); let g = builder(\"g\");\n\
         add_operation(g, b.communicate(\"x\"), #{ name: \"a\" }); session().flow(g);",
        "let b = branch(\"demo/echo\"); let tasks = [\"x\"].map(|q| task(|| b.chat(q))); print(gather(tasks));",
        "let b = branch(\"demo/echo\"); let ts = []; for q in [\"x\"] { ts.push(task(|| b.chat(\"x\"))); } print(gather(ts));",
        "let b = branch(\"demo/echo\"); print(race([task(|| b.chat(\"x\"))]));",
        "let t = task(|| 1); print(t.result);",
    ];
    expect![[r#"
        > let b = branch("demo/echo"); print(race([b.chat("x"), b.chat("y")]));
        K0031 1:42 `race` takes functions, but `chat` is called before it
            write `race([|| .. .chat(..), || ..])`, or `race(items.map(|item| || .. .chat(..)))`: functions that make the calls
        > let b = branch("demo/echo"); let g = builder("g"); g.add_operation(b.chat("x")); session().flow(g);
        K0031 1:68 `add_operation` takes functions, but `chat` is called before it
            write `g.add_operation("chat", #{ instruction: ".." })`, or a function that makes the call: `|inputs, branch| branch.chat(..)`
        > let b = branch("demo/echo"); let g = builder("g");
        > add_operation(g, b.communicate("x"), #{ name: "a" }); session().flow(g);
        K0031 2:18 `add_operation` takes functions, but `communicate` is called before it
            write `g.add_operation("communicate", #{ instruction: ".." })`, or a function that makes the call: `|inputs, branch| branch.communicate(..)`
        > let b = branch("demo/echo"); let tasks = ["x"].map(|q| task(|| b.chat(q))); print(gather(tasks));
        K0031 1:56 `gather` takes functions, but a task already runs
            write `tasks.map(|t| t.wait())`, or give `gather` the functions without `task`
        > let b = branch("demo/echo"); let ts = []; for q in ["x"] { ts.push(task(|| b.chat("x"))); } print(gather(ts));
        K0031 1:68 `gather` takes functions, but a task already runs
            write `tasks.map(|t| t.wait())`, or give `gather` the functions without `task`
        > let b = branch("demo/echo"); print(race([task(|| b.chat("x"))]));
        K0031 1:42 `race` takes functions, but a task already runs
            give `race` the functions without `task`
        > let t = task(|| 1); print(t.result);
        K0030 1:29 a task has no property `result`
            write `task.wait()`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn reserved_words_and_misleading_places_get_the_help_that_fits() {
    let texts = [
        "let m = #{ new: 1 };",
        "let m = #{ a: 1, case: 3 };",
        "for case in [1] { print(1); }",
        "let v = #{}; print(v.match);",
        "let m = #{}; print(m.case);",
        "let m = #{}; m.default = 1;",
        "let v = \"x\"; print(v.match(\"a\"));",
        "let x = new branch();",
        "print(\"a\".exact_match(\"b\"));",
        "let ok = write_text(\"a\", \"b\"); print(ok);",
        "fn f(x) {\n    \"Doubles it.\"\n    x * 2\n}",
        "fn f(x) {\n    \"\"\"Doubles it.\"\"\"\n    return x * 2;\n}",
        "fn f(x) {\n    let y = \"a\"\n    y\n}",
        "let t = tool(\"t\", \"d\", \"a: string\", |args| args.a); print(t.call(#{ a: \"x\" }));",
        "let m = #{ a: 1 }; print(m.call(1)); print(\"a\".call());",
        "try { throw \"x\" } catch (e) { print(\"x\".message); }",
        "try { print(1 / 0); } catch (e) { print(e.kind); }",
    ];
    expect![[r#"
        > let m = #{ new: 1 };
        K0001 1:12 'new' is a reserved keyword
            `new` is a reserved word; write the key as `"new":`
        > let m = #{ a: 1, case: 3 };
        K0001 1:18 'case' is a reserved keyword
            `case` is a reserved word; write the key as `"case":`
        > for case in [1] { print(1); }
        K0001 1:5 'case' is a reserved keyword
            `case` is a reserved word; choose another name
        > let v = #{}; print(v.match);
        K0001 1:22 'match' is a reserved keyword
            `match` is a reserved word; write `["match"]`, such as `map["match"]`
        > let m = #{}; print(m.case);
        K0001 1:22 'case' is a reserved keyword
            `case` is a reserved word; write `["case"]`, such as `map["case"]`
        > let m = #{}; m.default = 1;
        > let v = "x"; print(v.match("a"));
        K0021 1:22 `match` is from another language
            write `text.contains(part)` or `text.split(part)`; scripts have no regular expressions
        > let x = new branch();
        K0021 1:9 `new` is from another language
            call the function alone: `branch()`
        > print("a".exact_match("b"));
        K0004 1:11 `exact_match` takes 0 arguments, not 1
            write `exact_match(expected).call(answer)`
        > let ok = write_text("a", "b"); print(ok);
        K0016 1:10 `write_text` returns nothing, but its result is used
            make the call to `write_text` a separate statement
        > fn f(x) {
        >     "Doubles it."
        >     x * 2
        > }
        K0001 3:5 expecting ';' to terminate this statement
            write a comment above the function: `/// What it does.`
        > fn f(x) {
        >     """Doubles it."""
        >     return x * 2;
        > }
        K0001 3:5 expecting ';' to terminate this statement
            write a comment above the function: `/// What it does.`
        > fn f(x) {
        >     let y = "a"
        >     y
        > }
        K0001 3:5 expecting ';' to terminate this statement
            end the statement before this with `;`
        > let t = tool("t", "d", "a: string", |args| args.a); print(t.call(#{ a: "x" }));
        K0031 1:61 a tool is no function, and cannot be called
            write `branch(#{ tools: [tool] }).act("name", #{ .. })`
        > let m = #{ a: 1 }; print(m.call(1)); print("a".call());
        K0031 1:28 a map is no function, and cannot be called
            write `map.name.call(..)`, or `map.name(..)`, for a function that the map holds
        K0031 1:48 a string is no function, and cannot be called
            `call` calls the function before its dot
        > try { throw "x" } catch (e) { print("x".message); }
        K0030 1:41 a string has no property `message`
            leave it out: a reply is the text itself, and so is what `throw ".."` throws; `failure(e).message` is the message of every failure
        > try { print(1 / 0); } catch (e) { print(e.kind); }
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn an_import_named_from_the_project_is_told_from_the_script() {
    let project = Project::new();
    project.file("kaizen.toml", "").file("scripts/lib/x.rhai", "fn f() { 1 }");
    project.file("scripts/s.rhai", "import \"scripts/lib/x\" as x;\nprint(x::f());");
    project.file("scripts/deep/s.rhai", "import \"scripts/lib/x\" as x;\nprint(x::f());");
    let told = |script: &str| project.kaizen(&["check", script]).stdout;
    assert!(
        told("scripts/s.rhai").contains("write `import \"lib/x\"`"),
        "{}",
        told("scripts/s.rhai")
    );
    let deep = told("scripts/deep/s.rhai");
    assert!(deep.contains("write `import \"../lib/x\"`"), "{deep}");
}

#[test]
fn words_of_other_programs_name_what_to_use() {
    let project = Project::new();
    project.file("s.rhai", "fn main() { print(1); }\n");
    let tip = |arguments: &[&str]| {
        let ran = project.kaizen(arguments);
        let told =
            ran.stderr.lines().find(|line| line.contains("tip:") || line.starts_with("note:"));
        format!("{}: {}\n", arguments.join(" "), told.unwrap_or("-").trim())
    };
    let told = [
        tip(&["run", "s.rhai", "--budget", "1"]),
        tip(&["run", "s.rhai", "--verbose"]),
        tip(&["run", "s.rhai", "--topic", "x"]),
        tip(&["run", "s.rhai", "--quite"]),
        tip(&["test", "-k", "x"]),
        tip(&["list"]),
        tip(&["rnu"]),
        tip(&["run", "s.rhai"]),
    ];
    expect![[r#"
        run s.rhai --budget 1: tip: use '--max-cost DOLLARS'
        run s.rhai --verbose: tip: 'kaizen show' lists every call of a run, and '--json' prints JSON lines
        run s.rhai --topic x: tip: to set a parameter of the script, use '-p topic=x'
        run s.rhai --quite: tip: a similar argument exists: '--quiet'
        test -k x: tip: write a part of the test's name: 'kaizen test NAME'
        list: tip: use 'kaizen runs' for runs, 'kaizen models' for models or 'kaizen tools' for tools
        rnu: tip: a similar subcommand exists: 'runs'
        run s.rhai: note: the script calls none of its functions; write `main();` at its end
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn a_comparison_with_a_value_that_never_is_there_is_found() {
    let texts = [
        "let r = session().flow(builder(\"g\")); if r.metrics.success_rate > 95 { print(1); }",
        "let o = optimizer(); let c = o.recommend(\"t\"); print(c.probability > 50); print(80 <= c.score); print(c.score != 150);",
        "try { branch().chat(\"x\"); } catch (e) { if e.kind == \"rate_limit\" { print(1); } }",
        "let a = attempt(|| 1); if !a.ok { print(a.error.kind != \"time_out\"); }",
        "let o = optimizer(); let v = o.compare(\"t\", #{ a: |x, b| b.chat(x), c: |x, b| x }, [\"x\"]); print(v.verdict == \"win\");",
        "let v = branch().parse(\"x\", \"label: good | bad, why: string\"); print(v.label == \"positive\"); print(\"god\" == v[\"label\"]);",
        "print(exact_match(\"a\") == 1); let xs = [1]; print(xs.contains(|x| x == 1)); print(contains(xs, |x| x == 1));",
    ];
    expect![[r#"
        > let r = session().flow(builder("g")); if r.metrics.success_rate > 95 { print(1); }
        K0031 1:65 `success_rate` is a number from 0 to 1, so this is always false
            write `0.95` for 95 percent
        > let o = optimizer(); let c = o.recommend("t"); print(c.probability > 50); print(80 <= c.score); print(c.score != 150);
        K0031 1:68 `probability` is a number from 0 to 1, so this is always false
            write `0.5` for 50 percent
        K0031 1:84 `score` is a number from 0 to 1, so this is always false
            write `0.8` for 80 percent
        K0031 1:111 `score` is a number from 0 to 1, so this is always true
            compare it with a number from 0 to 1
        > try { branch().chat("x"); } catch (e) { if e.kind == "rate_limit" { print(1); } }
        K0031 1:51 kaizen has no kind of failure `rate_limit`
            did you mean "rate_limited"?
        > let a = attempt(|| 1); if !a.ok { print(a.error.kind != "time_out"); }
        K0031 1:54 kaizen has no kind of failure `time_out`
            did you mean "timeout"?
        > let o = optimizer(); let v = o.compare("t", #{ a: |x, b| b.chat(x), c: |x, b| x }, ["x"]); print(v.verdict == "win");
        K0031 1:108 `verdict` is never "win", so this is always false
            it is one of "better", "same", "open"
        > let v = branch().parse("x", "label: good | bad, why: string"); print(v.label == "positive"); print("god" == v["label"]);
        K0031 1:78 `label` is never "positive", so this is always false
            it is one of "good", "bad"
        K0031 1:106 `label` is never "god", so this is always false
            did you mean "good"?
        > print(exact_match("a") == 1); let xs = [1]; print(xs.contains(|x| x == 1)); print(contains(xs, |x| x == 1));
        K0031 1:24 `exact_match` makes a judge, which is a function and equals no value
            write `exact_match(..).call(answer)` for the score of an answer
        K0031 1:63 `contains` looks for this function itself, which is in no list
            write `list.some(|x| ..)`
        K0031 1:96 `contains` looks for this function itself, which is in no list
            write `list.some(|x| ..)`
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_comparison_that_may_hold_passes() {
    let texts = [
        "let r = session().flow(builder(\"g\")); print(r.metrics.success_rate >= 0.95); print(r.metrics.success_rate * 100 > 95);",
        "let m = #{ score: 85 }; print(m.score > 80); print(r(m).success_rate > 50); fn r(m) { m.success_rate = 90; m }",
        "try { throw #{ kind: \"rate_limit\" } } catch (e) { if e.kind == \"rate_limit\" { print(1); } }",
        "try { throw #{ kind: \"mine\" } } catch (e) { print(e.kind == \"mine\"); print(e.kind == \"rate_limited\"); }",
        "let v = branch().parse(\"x\", \"label: good | bad, why: string\"); print(v.label == \"good\"); print(v.why == \"x\");",
        "let v = #{ verdict: \"win\" }; print(v.verdict == \"win\"); let f = |x| x; print([f].contains(f));",
        "let o = optimizer(); let v = o.compare(\"t\", #{ a: |x, b| b.chat(x), c: |x, b| x }, [\"x\"]); print(v.verdict == \"better\");",
    ];
    let told: Vec<String> =
        said_of(&texts).lines().filter(|line| !line.starts_with('>')).map(str::to_owned).collect();
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn forms_that_newcomers_write_name_what_to_write() {
    let texts = [
        "try { let out = 1; } catch { } print(out);",
        "pub fn f(x) { x }",
        "panic!(\"x\");",
        "let a = 1; if a > 1 { print(1); } elseif a > 0 { print(2); }",
        "let c = true; if c print(\"x\");",
        "for (_, q) in [1] { print(q); }",
        "for _ in 0..3 { print(1); }",
        "let ways = #{ a: |x| x }; print(ways[\"a\"](1));",
        "let f = |n| if n < 2 { 1 } else { n * f.call(n - 1) }; print(f.call(3));",
        "let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"a\" }).add_operation(|| 2, #{ name: \"b\" });",
        "let text = \"a\"; text.push(\"b\");",
        "print([1].unique()); print([1].group_by(|x| x)); print([1].take(1));",
        "print(read_csv(\"a.csv\")); append_text(\"a\", \"b\");",
        "print([1].sum(|x| x * 2)); print(sum([1], |x| x));",
        "let s = {\"a\", \"b\"};",
    ];
    expect![[r#"
        > try { let out = 1; } catch { } print(out);
        K0002 1:38 unknown variable `out`
            `out` ends with its block; write `let out = ();` before the block, and `out = ..;` in it
        > pub fn f(x) { x }
        K0021 1:1 `pub` is from another language
            leave it out: every function of a file can be imported; `private fn` hides one
        > panic!("x");
        K0021 1:1 `panic` is from another language
            write `throw "message"`
        > let a = 1; if a > 1 { print(1); } elseif a > 0 { print(2); }
        K0021 1:35 `elseif` is from another language
            write `} else if condition { .. }`
        > let c = true; if c print("x");
        K0021 1:15 `if` needs a block in braces
            write `if condition { .. }`, `while condition { .. }`
        > for (_, q) in [1] { print(q); }
        K0021 1:1 `_` is no name of a variable
            write `for item in list { .. }` for the items alone, or `for (item, index) in list { .. }`, the item first
        > for _ in 0..3 { print(1); }
        K0021 1:1 `_` is no name of a variable
            write `for item in list { .. }` for the items alone, or `for (item, index) in list { .. }`, the item first
        > let ways = #{ a: |x| x }; print(ways["a"](1));
        K0021 1:42 a function that is a value is called by `call`
            write `map["name"].call(x)`, or `f(a).call(b)`
        > let f = |n| if n < 2 { 1 } else { n * f.call(n - 1) }; print(f.call(3));
        K0002 1:39 unknown variable `f`
            a closure does not know its own name; write a function: `fn f(..) { .. }`
        > let g = builder("g"); g.add_operation(|| 1, #{ name: "a" }).add_operation(|| 2, #{ name: "b" });
        K0003 1:61 a node has no method `add_operation`
            begin each statement with the builder: `g.add_operation(..);` returns the operation
        > let text = "a"; text.push("b");
        K0003 1:22 a string has no method `push`
            write `text += other`
        > print([1].unique()); print([1].group_by(|x| x)); print([1].take(1));
        K0021 1:11 `unique` is from another language
            write `list.distinct()`
        K0021 1:32 `group_by` is from another language
            write `let groups = #{}; for x in list { groups[x.key] = (groups[x.key] ?? []) + [x]; }`
        K0004 1:60 `take` takes 0 arguments, not 1
            write `list.extract(0, 2)` for the first two items
        > print(read_csv("a.csv")); append_text("a", "b");
        K0021 1:7 `read_csv` is from another language
            convert it to JSON lines and write `read_jsonl("path")`; `kaizen compare --tasks` reads CSV
        K0021 1:27 `append_text` is from another language
            write `write_text("path", read_text("path") + text)`
        > print([1].sum(|x| x * 2)); print(sum([1], |x| x));
        K0004 1:11 `sum` takes 0 arguments, not 1
            write `list.map(|x| ..).sum()`
        K0004 1:34 `sum` takes 1 argument, not 2
            write `list.map(|x| ..).sum()`
        > let s = {"a", "b"};
        K0021 1:9 a set is from another language
            write a list: `[a, b]`; `list.distinct()` removes duplicates
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn what_operations_give_is_known_in_conditions_checks_and_loops() {
    let texts = [
        "let b = branch(\"demo/echo\"); print(b.operate(\"x\").label); print(b.react(\"x\", #{ max_steps: 2 }).label);",
        "let r = session().flow(builder(\"g\")); for op in r.completed_operations { print(op.name); }",
        "let g = builder(\"g\"); let a = g.add_operation(\"communicate\", #{ name: \"a\", instruction: \"x\" });\n\
         g.add_operation(|i| 1, #{ name: \"b\", depends_on: a, when: |i| i.a }); session().flow(g);",
        "let g = builder(\"g\"); let a = g.add_operation(\"communicate\", #{ name: \"a\", instruction: \"x\" });\n\
         let b = g.add_operation(|i| 1, #{ name: \"b\" });\n\
         g.add_edge(a, b, #{ when: |i| i.a == \"yes\" }); g.add_edge(a, b, #{ when: |t| t.len }); session().flow(g);",
        "let g = builder(\"g\"); let a = g.add_operation(|| 1, #{ name: \"a\" });\n\
         g.add_operation(|a, b| a + b, #{ name: \"b\", depends_on: a }); session().flow(g);",
        "let g = builder(\"g\"); let a = g.add_operation(\"operate\", #{ name: \"a\", instruction: \"x\", schema: \"topics: [string]\" });\n\
         g.expand(a, |t| #{ instruction: t }); session().flow(g);",
        "let g = builder(\"g\"); let a = g.add_operation(|| [1], #{ name: \"a\" }); g.expand(a, |t| t * 2); session().flow(g);",
        "print(branch().operate(\"x\", #{ schema: \"label: good | bad\", check: |v| v.lable != \"\" }).label);",
        "let form = \"label: good | bad\"; let b = branch(); print(b.operate(\"x\", #{ schema: form }).lable); print(b.parse(\"x\", form).lable);",
        "let form = \"label: good | bad\"; form += \", why: string\"; print(branch().parse(\"x\", form).why);",
        "let g = builder(\"g\");\n\
         g.add_operation(\"operate\", #{ name: \"a\", instruction: \"x\", schema: \"n: integer\", check: |v| v.m > 1 }); session().flow(g);",
    ];
    expect![[r#"
        > let b = branch("demo/echo"); print(b.operate("x").label); print(b.react("x", #{ max_steps: 2 }).label);
        K0030 1:51 a string has no property `label`
            it has: bytes, chars, is_empty, len
        K0030 1:97 a string has no property `label`
            it has: bytes, chars, is_empty, len
        > let r = session().flow(builder("g")); for op in r.completed_operations { print(op.name); }
        K0030 1:83 a string has no property `name`
            it has: bytes, chars, is_empty, len
        > let g = builder("g"); let a = g.add_operation("communicate", #{ name: "a", instruction: "x" });
        > g.add_operation(|i| 1, #{ name: "b", depends_on: a, when: |i| i.a }); session().flow(g);
        K0031 2:63 `when` must return true or false, not a string
            compare it, such as `text == "yes"` or `text.contains("yes")`
        > let g = builder("g"); let a = g.add_operation("communicate", #{ name: "a", instruction: "x" });
        > let b = g.add_operation(|i| 1, #{ name: "b" });
        > g.add_edge(a, b, #{ when: |i| i.a == "yes" }); g.add_edge(a, b, #{ when: |t| t.len }); session().flow(g);
        K0030 3:33 a string has no property `a`
            it has: bytes, chars, is_empty, len
        K0031 3:78 `when` must return true or false, not an int
            compare it, such as `number > 0`
        > let g = builder("g"); let a = g.add_operation(|| 1, #{ name: "a" });
        > g.add_operation(|a, b| a + b, #{ name: "b", depends_on: a }); session().flow(g);
        K0031 2:26 `+` does not work for a map and a branch
            the function of an operation is `|inputs, branch|`: write `inputs.a + inputs.b`
        > let g = builder("g"); let a = g.add_operation("operate", #{ name: "a", instruction: "x", schema: "topics: [string]" });
        > g.expand(a, |t| #{ instruction: t }); session().flow(g);
        K0031 2:10 `expand` needs a list, but the answer of `a` is a map
            ask for a list: write `schema: "[string]"` among the options of `a`
        > let g = builder("g"); let a = g.add_operation(|| [1], #{ name: "a" }); g.expand(a, |t| t * 2); session().flow(g);
        K0031 1:90 the function of `expand` must return a map of options, not the result of a calculation
            write `#{ instruction: .. }`, with a text for the model; `list.map(|x| ..)` computes without one
        > print(branch().operate("x", #{ schema: "label: good | bad", check: |v| v.lable != "" }).label);
        K0030 1:74 the schema of this answer has no field `lable`
            did you mean `label`?
        > let form = "label: good | bad"; let b = branch(); print(b.operate("x", #{ schema: form }).lable); print(b.parse("x", form).lable);
        K0030 1:91 the schema of this answer has no field `lable`
            did you mean `label`?
        K0030 1:124 the schema of this answer has no field `lable`
            did you mean `label`?
        > let form = "label: good | bad"; form += ", why: string"; print(branch().parse("x", form).why);
        > let g = builder("g");
        > g.add_operation("operate", #{ name: "a", instruction: "x", schema: "n: integer", check: |v| v.m > 1 }); session().flow(g);
        K0030 2:95 the schema of this answer has no field `m`
            it has: n
    "#]]
    .assert_eq(&said_of(&texts));
}
