//! Mistakes with the words of kaizen's standard library, its judges and its values, and words of other languages
//! whose help says what to write. What is right beside them passes.

use super::foreign::said_of;
use crate::support::Project;
use expect_test::expect;

/// Runs each script, and returns what it printed or the first lines of its error.
fn ran(texts: &[&str]) -> String {
    let mut said = String::new();
    for text in texts {
        let project = Project::new();
        project.file("s.rhai", text);
        let ran = project.kaizen(&["run", "s.rhai", "--quiet", "--model", "demo/echo"]);
        let error = ran.stderr.lines().filter(|line| !line.trim().is_empty());
        let error: Vec<&str> = error.take(2).map(str::trim).collect();
        said += &format!("> {text}\n{}{}\n", ran.stdout, error.join("\n"));
    }
    said
}

#[test]
fn words_of_maps_work_on_the_state() {
    let texts = [
        "state.best = \"a\"; print(\"best\" in state); print(\"x\" in state); print(state.len());",
        "state.a = 1; state.b = 2; print(state.values()); print(state.contains(\"a\"));",
        "state.a = 1; for key in state.keys() { print(`${key}: ${state[key]}`); }",
        "state.mixin(#{ a: 1, b: 2 }); print(state.filter(|k, v| v > 1)); print(state.get(\"a\"));",
        "print(state.is_empty()); state.set(\"a\", 1); state.retain(|k, v| v > 1); print(state.len());",
        "state.a = [1]; state.clear(); print(state.a == ());",
        "state.mixin(#{ f: |x| x });",
        "fn f(x) { for k in x { print(k); } } f(state);",
        "let state = #{ a: 1 }; print(state.len()); for k in state.keys() { print(k); }",
    ];
    expect![[r#"
        > state.best = "a"; print("best" in state); print("x" in state); print(state.len());
        true
        false
        1

        > state.a = 1; state.b = 2; print(state.values()); print(state.contains("a"));
        [1, 2]
        true

        > state.a = 1; for key in state.keys() { print(`${key}: ${state[key]}`); }
        a: 1

        > state.mixin(#{ a: 1, b: 2 }); print(state.filter(|k, v| v > 1)); print(state.get("a"));
        #{"b": 2}
        1

        > print(state.is_empty()); state.set("a", 1); state.retain(|k, v| v > 1); print(state.len());
        true
        0

        > state.a = [1]; state.clear(); print(state.a == ());
        true

        > state.mixin(#{ f: |x| x });
        error[K0111]: `state.f` cannot hold a function: the next version of the script could not call it; store data, and call functions with `hot("name", [..])`
        > fn f(x) { for k in x { print(k); } } f(state);
        error[K0101]: `for` goes over a list, a range or a text; for a map write `for key in map.keys() { .. }`
        --> s.rhai:1:20
        > let state = #{ a: 1 }; print(state.len()); for k in state.keys() { print(k); }
        1
        a

    "#]].assert_eq(&ran(&texts));
}

#[test]
fn a_loop_over_the_state_is_found() {
    let texts = ["for k in state { print(k); }", "let state = [1]; for k in state { print(k); }"];
    expect![[r#"
        > for k in state { print(k); }
        K0031 1:10 `for` goes over a list, a range or a text, not over `state`
            write `for key in state.keys() { let value = state[key]; .. }`
        > let state = [1]; for k in state { print(k); }
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn arguments_that_the_standard_library_refuses_are_found() {
    let texts = [
        "print(vote(branch(), \"Yes or no?\", 3));",
        "let b = branch(); print(b.refine(\"x\", 2)); print(fan_out(b, \"x\", [\"a\", \"b\"]));",
        "print(best_of(branch(), \"x\", |a| 1)); print(direct([branch()], \"x\"));",
        "print(few_shot(branch(), \"x\", #{ examples: [\"a\"] }));",
        "print(few_shot(branch(), \"x\", #{ examples: [#{ input: \"a\", output: \"b\" }] }));",
        "print(few_shot(branch(), \"x\", #{ examples: [[\"a\", \"b\", \"c\"]] }));",
        "let a = one_of(\"positive\"); let b = mentions([\"a\", \"b\"]); let c = exact_match(());",
        "let c = numeric_close(1, [1]); print(evolve(\"x\")); print([a_judge()]); fn a_judge() { 1 }",
    ];
    expect![[r#"
        > print(vote(branch(), "Yes or no?", 3));
        K0031 1:36 `vote`: `options` must be a map, not an int
            write the options as a map: `#{ n: .. }`
        > let b = branch(); print(b.refine("x", 2)); print(fan_out(b, "x", ["a", "b"]));
        K0031 1:39 `refine`: `options` must be a map, not an int
            write the options as a map: `#{ rounds: .. }`
        K0031 1:66 `fan_out`: `options` must be a map, not an array
            write the options as a map: `#{ parts: .. }`
        > print(best_of(branch(), "x", |a| 1)); print(direct([branch()], "x"));
        K0031 1:30 `best_of`: `options` must be a map, not a function
            write the options as a map: `#{ judge: .. }`
        K0031 1:52 `direct`: `who` must be a branch, a model or the name of one, not an array
        > print(few_shot(branch(), "x", #{ examples: ["a"] }));
        K0031 1:45 option `examples` of `few_shot`: number 1 is no pair of a task and its answer
            write `examples: [[task, answer], [task, answer]]`
        > print(few_shot(branch(), "x", #{ examples: [#{ input: "a", output: "b" }] }));
        K0031 1:45 option `examples` of `few_shot`: number 1 is no pair of a task and its answer
            write `examples: [[task, answer], [task, answer]]`
        > print(few_shot(branch(), "x", #{ examples: [["a", "b", "c"]] }));
        K0031 1:45 option `examples` of `few_shot`: number 1 is no pair of a task and its answer
            write `examples: [[task, answer], [task, answer]]`
        > let a = one_of("positive"); let b = mentions(["a", "b"]); let c = exact_match(());
        K0031 1:16 `one_of`: `allowed` must be a list, not a string
            write the allowed answers as a list: `[a, b]`
        K0031 1:46 `mentions`: `part` must be a text or a number, not an array
        K0031 1:79 `exact_match` needs an expected answer, not `()`
        > let c = numeric_close(1, [1]); print(evolve("x")); print([a_judge()]); fn a_judge() { 1 }
        K0031 1:26 `numeric_close`: `tolerance` must be a number, not an array
        K0031 1:45 `evolve`: `options` must be a map, not a string
            write the options as a map: `#{ start: .. }`
    "#]]
    .assert_eq(&said_of(&texts));

    let right = [
        "print(vote(\"demo/echo\", \"Yes or no?\", #{ n: 3 })); let n = #{ n: 2 }; print(vote(branch(), \"x\", n));",
        "print(branch().vote(\"x\")); print(direct(imodel(\"demo/echo\"), \"x\")); print(mentions(3).call(\"3\"));",
        "let pairs = [[\"a\", \"b\"]]; print(few_shot(branch(), \"x\", #{ examples: pairs + [[\"c\", 1]] }));",
        "fn vote(a, b, n) { n } print(vote(1, 2, 3)); print(one_of([1, 2]).call(\"1\"));",
        "print(direct(#{ model: \"demo/echo\" }, \"x\")); print(numeric_close(\"3\", 0.1).call(3));",
    ];
    expect![[r#"
        > print(vote("demo/echo", "Yes or no?", #{ n: 3 })); let n = #{ n: 2 }; print(vote(branch(), "x", n));
        > print(branch().vote("x")); print(direct(imodel("demo/echo"), "x")); print(mentions(3).call("3"));
        > let pairs = [["a", "b"]]; print(few_shot(branch(), "x", #{ examples: pairs + [["c", 1]] }));
        > fn vote(a, b, n) { n } print(vote(1, 2, 3)); print(one_of([1, 2]).call("1"));
        K0010 1:4 `vote` hides the built-in function of the same name
            choose another name, or write `/// @override` above it
        > print(direct(#{ model: "demo/echo" }, "x")); print(numeric_close("3", 0.1).call(3));
    "#]].assert_eq(&said_of(&right));
}

#[test]
fn an_error_of_the_standard_library_is_shown_where_it_was_called() {
    let texts = [
        "fn n() { 3 }\nprint(vote(branch(), \"Yes or no?\", n()));",
        "fn n() { \"a\" }\n\none_of(n())",
        "fn n() { 0 }\nlet n = n();\nvote(branch(), \"x\", #{ n: n })",
    ];
    expect![[r#"
        > fn n() { 3 }
        print(vote(branch(), "Yes or no?", n()));
        error[K0102]: `vote`: options are a map, such as `#{ n: .. }`, not 3
        --> s.rhai:2:7
        > fn n() { "a" }

        one_of(n())
        error[K0102]: `one_of` needs a list of the allowed answers, at least one
        --> s.rhai:3:1
        > fn n() { 0 }
        let n = n();
        vote(branch(), "x", #{ n: n })
        error[K0102]: option `n` of `vote`: must be a whole number of at least 1, not 0
        --> s.rhai:3:1
    "#]]
    .assert_eq(&ran(&texts));
}

#[test]
fn judges_that_can_give_no_score_are_found() {
    let run = |judge: &str| {
        format!(
            "let o = optimizer(); let ways = #{{ a: |t, b| b.chat(t) }};\n\
             o.run(\"t\", #{{ a: |t, b| b.chat(`${{t}}`) }}, \"hi\", #{{ judge: {judge} }});"
        )
    };
    let judges = [
        "|a, t| 85",
        "|a| \"yes\"",
        "|answer| answer",
        "|answer| answer.content == \"x\"",
        "|a, t| a == t.label",
        "|a| a.len > 3",
        "|a| 1",
        "|a| 0.5",
        "|a, t| a == t",
        "|a| #{ score: 1 }",
        "exact_match(\"a\")",
    ];
    let texts: Vec<String> = judges.iter().map(|judge| run(judge)).collect();
    let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    texts.extend([
        "let j = |a| 85; print(best_of(\"demo/echo\", \"x\", #{ judge: j }));",
        "print(best_of(\"demo/echo\", \"x\", #{ judge: |a| a.text }));",
        "print(best_of(\"demo/echo\", \"x\", #{ judge: |a| a.n, settings: #{ schema: \"n: float\" } }));",
        "optimizer().run(\"t\", #{ a: |n| n * 0.5 }, 1, #{ judge: |a| a });",
        "optimizer().run(\"t\", #{ a: |n| #{ label: n } }, #{ label: 1 }, #{ judge: |a, t| a.label == t.label });",
    ]);
    expect![[r#"
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a, t| 85 });
        K0031 2:66 a judge must return a number from 0 to 1, or true or false, not `85`
            divide a percentage by 100
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a| "yes" });
        K0031 2:63 a judge must return a number from 0 to 1, or true or false, not a string
            compare, such as `|answer, expected| same_answer(answer, expected)`
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |answer| answer });
        K0031 2:68 a judge must return a number from 0 to 1, or true or false, not the answer itself, which is a text
            compare, such as `|answer, expected| same_answer(answer, expected)`
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |answer| answer.content == "x" });
        K0030 2:75 a string has no property `content`
            leave it out: a reply is the text itself
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a, t| a == t.label });
        K0030 2:73 a string has no property `label`
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a| a.len > 3 });
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a| 1 });
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a| 0.5 });
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a, t| a == t });
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: |a| #{ score: 1 } });
        > let o = optimizer(); let ways = #{ a: |t, b| b.chat(t) };
        > o.run("t", #{ a: |t, b| b.chat(`${t}`) }, "hi", #{ judge: exact_match("a") });
        > let j = |a| 85; print(best_of("demo/echo", "x", #{ judge: j }));
        K0031 1:13 a judge must return a number from 0 to 1, or true or false, not `85`
            divide a percentage by 100
        > print(best_of("demo/echo", "x", #{ judge: |a| a.text }));
        K0030 1:49 a string has no property `text`
            leave it out: a reply is the text itself
        > print(best_of("demo/echo", "x", #{ judge: |a| a.n, settings: #{ schema: "n: float" } }));
        K0013 1:65 option `schema` of `best_of`: unknown type `float`; did you mean `number`? (character 4)
        > optimizer().run("t", #{ a: |n| n * 0.5 }, 1, #{ judge: |a| a });
        > optimizer().run("t", #{ a: |n| #{ label: n } }, #{ label: 1 }, #{ judge: |a, t| a.label == t.label });
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn replies_of_patterns_are_texts() {
    let texts = [
        "print(vote(branch(), \"x\").answer); print(direct(branch(), \"x\").content);",
        "print(refine(branch(), \"x\", #{ rounds: 1 }).text.len); print(vote(branch(), \"x\").len);",
        "print(direct(branch(), \"x\", #{ settings: #{ schema: \"a: string\" } }).a);",
    ];
    expect![[r#"
        > print(vote(branch(), "x").answer); print(direct(branch(), "x").content);
        K0030 1:27 a string has no property `answer`
            leave it out: a reply is the text itself
        K0030 1:64 a string has no property `content`
            leave it out: a reply is the text itself
        > print(refine(branch(), "x", #{ rounds: 1 }).text.len); print(vote(branch(), "x").len);
        K0030 1:45 a string has no property `text`
            leave it out: a reply is the text itself
        > print(direct(branch(), "x", #{ settings: #{ schema: "a: string" } }).a);
    "#]]
    .assert_eq(&said_of(&texts));
    let late = ["print(gather([|| branch().chat(\"x\")])[0].content);"];
    expect![[r#"
        > print(gather([|| branch().chat("x")])[0].content);
        error[K0101]: a string has no property `content`; leave it out: a reply is the text itself
        --> s.rhai:1:42
    "#]]
    .assert_eq(&ran(&late));
}

#[test]
fn further_fields_of_a_thrown_map_are_kept() {
    let texts = [
        "let e = attempt(|| throw #{ kind: \"low\", message: \"m\", score: 0.2 }).error;\n\
         print(e.thrown.score); print(to_json(e));",
        "print(to_json(attempt(|| throw #{ kind: \"low\", message: \"m\" }).error));",
        "fn of(e) { e.score } print(of(attempt(|| throw #{ kind: \"a\", message: \"m\", score: 1 }).error));",
        "try { throw #{ kind: \"low\", message: \"m\", score: 0.2 } } catch (e) { print(e.score); }",
    ];
    expect![[r#"
        > let e = attempt(|| throw #{ kind: "low", message: "m", score: 0.2 }).error;
        print(e.thrown.score); print(to_json(e));
        0.2
        {"frames":["in a closure, called at s.rhai:1"],"kind":"low","message":"m","place":{"column":20,"file":"s.rhai","line":1},"retryable":true,"thrown":{"kind":"low","message":"m","score":0.2}}

        > print(to_json(attempt(|| throw #{ kind: "low", message: "m" }).error));
        {"frames":["in a closure, called at s.rhai:1"],"kind":"low","message":"m","place":{"column":26,"file":"s.rhai","line":1},"retryable":true}

        > fn of(e) { e.score } print(of(attempt(|| throw #{ kind: "a", message: "m", score: 1 }).error));
        error[K0101]: the error has no property `score`; what the script threw is in `.thrown`: write `.thrown.score`
        --> s.rhai:1:13
        > try { throw #{ kind: "low", message: "m", score: 0.2 } } catch (e) { print(e.score); }
        0.2

    "#]].assert_eq(&ran(&texts));
}

#[test]
fn mistakes_in_graphs_are_found_before_they_are_paid() {
    let texts = [
        "let g = builder(\"g\"); let t = g.add_operation(\"chat\", #{ name: \"t\", instruction: \"x\" });\n\
         g.add_aggregation(\"communicate\", #{ source_node_ids: [t] }); session().flow(g);",
        "let g = builder(\"g\"); let t = g.add_operation(|| [1]); let e = g.expand(t, |x| `Describe ${x}`);\n\
         session().flow(g);",
        "let g = builder(\"g\"); let t = g.add_operation(|| [1], #{ name: \"t\" });\n\
         g.add_operation(|i| i[0], #{ depends_on: t }); session().flow(g);",
        "let g = builder(\"g\"); g.add_operation(|i| i.draft, #{ name: \"u\" }); session().flow(g);",
        "let g = builder(\"g\"); let d = g.add_operation(|| 1, #{ name: \"draft\" });\n\
         g.add_operation(|i| i.draft, #{ depends_on: \"darft\" }); session().flow(g);",
        "let g = builder(\"g\"); let a = g.add_operation(|| 1, #{ name: \"a\" });\n\
         g.add_operation(|| 2, #{ name: \"b\" }); g.add_edge(\"a\", \"b\"); session().flow(g);",
        "let m = #{ a: 1 }; print(m[0]); print(m[\"a\"]); let n = 1; print([1, 2][n]);",
    ];
    expect![[r#"
        > let g = builder("g"); let t = g.add_operation("chat", #{ name: "t", instruction: "x" });
        > g.add_aggregation("communicate", #{ source_node_ids: [t] }); session().flow(g);
        K0005 2:34 an operation `communicate` needs an `instruction`
            add it: `#{ instruction: "", .. }`
        > let g = builder("g"); let t = g.add_operation(|| [1]); let e = g.expand(t, |x| `Describe ${x}`);
        > session().flow(g);
        K0031 1:80 the function of `expand` must return a map of options, not a string
            write `#{ instruction: .. }`, with a text for the model; `list.map(|x| ..)` computes without one
        > let g = builder("g"); let t = g.add_operation(|| [1], #{ name: "t" });
        > g.add_operation(|i| i[0], #{ depends_on: t }); session().flow(g);
        K0031 2:23 a map is indexed by a string, not by an int
            write `map.name`, or `map.values()[0]` for the first value
        > let g = builder("g"); g.add_operation(|i| i.draft, #{ name: "u" }); session().flow(g);
        K0030 1:45 `inputs` has no `draft`
            name the operation in `depends_on` among the options of this one
        > let g = builder("g"); let d = g.add_operation(|| 1, #{ name: "draft" });
        > g.add_operation(|i| i.draft, #{ depends_on: "darft" }); session().flow(g);
        K0030 2:23 `inputs` has no `draft`
            name the operation in `depends_on` among the options of this one
        K0031 2:45 no operation of this script is named `darft`
            did you mean `draft`?
        > let g = builder("g"); let a = g.add_operation(|| 1, #{ name: "a" });
        > g.add_operation(|| 2, #{ name: "b" }); g.add_edge("a", "b"); session().flow(g);
        K0031 2:42 `add_edge` takes nodes, not the names of operations
            keep the nodes: `let a = g.add_operation(..);`, then `g.add_edge(a, b)`
        > let m = #{ a: 1 }; print(m[0]); print(m["a"]); let n = 1; print([1, 2][n]);
        K0031 1:28 a map is indexed by a string, not by an int
            write `map.name`, or `map.values()[0]` for the first value
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn help_says_what_works() {
    let texts = [
        "let s = \"abc\"; if s.index_of(\"a\") { print(1); }",
        "let x = 1;\nfn f() { x = 2; }\nf();",
        "const X = 1;\nfn f() { X = 2; }\nf();",
        "y = 2;",
        "if is_main() { print(run_id()); }",
        "log.debug(\"hi\");",
        "log(\"hi\"); print(log(2.0));",
        "let b = Branch::new(\"x\");",
        "let v = Vec::new();",
        "let s = String::from(\"a\");",
        "let n = \"3\".parse::<int>();",
        "let n = \"3\".parse();",
        "let s = format!(\"{} x\", 1);",
        "let f = move |x| x + 1;",
        "if let Some(y) = 1 { print(y); }",
        "let r = attempt(|| 1); print(r.is_ok());",
        "print(\"abc\".match(/a/));",
        "print(\"abc\".match(\"a\"));",
        "let x = \"\"\"a\nb\"\"\";",
        "let g = StateGraph(1);",
        "let g = builder(\"g\"); g.add_edge(START, \"a\");",
        "let g = builder(\"g\"); g.set_entry_point(\"a\"); g.add_conditional_edges(\"a\", 1);",
        "let j = llm_rubric(\"x\"); assert_contains(\"a\", \"b\"); let k = icontains(\"x\");",
        "print(max([1, 2], |x| x)); print([1].min(|x| x)); print([1, 2].at(-1));",
        "print(branch().chat(\"x\", #{ system: \"Be brief.\" }));",
        "let max = |a, f| 1; print(max.call([1], |x| x)); fn log(x) { x } print(log(\"a\"));",
    ];
    expect![[r#"
        > let s = "abc"; if s.index_of("a") { print(1); }
        K0031 1:19 a condition is true or false, not an int
            write `x.contains(part)`; the place is 0 for the first, and -1 for none
        > let x = 1;
        > fn f() { x = 2; }
        > f();
        K0002 2:10 unknown variable `x`
            a function does not see the variables of its script; return the new value, and write `x = f(..);` where the function is called
        > const X = 1;
        > fn f() { X = 2; }
        > f();
        K0002 2:10 unknown variable `X`
            `X` is a constant of the script; choose another name
        > y = 2;
        K0002 1:1 unknown variable `y`
            declare it first: `let y = ..;`
        > if is_main() { print(run_id()); }
        K0003 1:4 `is_main` is a value, and no function
            write `is_main`, without brackets
        K0003 1:22 `run_id` is a value, and no function
            write `run_id`, without brackets
        > log.debug("hi");
        K0021 1:5 `debug` is from another language
            write `log.info("..")`
        > log("hi"); print(log(2.0));
        K0031 1:1 `log` of a number is its logarithm; a text has none
            write `log.info("..")`
        > let b = Branch::new("x");
        K0021 1:9 `Branch::new` is from another language
            write `branch()`, or `branch(#{ system: ".." })`
        > let v = Vec::new();
        K0021 1:9 `Vec::new` is from another language
            write `[]`
        > let s = String::from("a");
        K0021 1:9 `String::from` is from another language
            write the text alone: `".."`
        > let n = "3".parse::<int>();
        K0021 1:13 `parse::<..>` is from another language
            write `text.parse_int()`, or `text.parse_float()`
        > let n = "3".parse();
        K0004 1:13 `parse` takes 1 argument, not 0
            write `text.parse_int()`, or `text.parse_float()`
        > let s = format!("{} x", 1);
        K0031 1:17 `format`: argument 1 is a string, expected a float
            write a text in backticks, `` `${a} and ${b}` ``, and `format(x, 2)` for digits
        > let f = move |x| x + 1;
        K0021 1:9 `move` is from another language
            leave it out: a closure sees the variables around it
        K0002 1:15 unknown variable `x`
        > if let Some(y) = 1 { print(y); }
        K0021 1:1 `if let` is from another language
            write `let x = ..;`, then `if x != () { .. }`
        > let r = attempt(|| 1); print(r.is_ok());
        K0021 1:32 `is_ok` is from another language
            write `r.ok`, where `r` is what `attempt(|| ..)` returns
        > print("abc".match(/a/));
        K0021 1:13 `match` is from another language
            write `text.contains(part)` or `text.split(part)`; scripts have no regular expressions
        > print("abc".match("a"));
        K0021 1:13 `match` is from another language
            write `text.contains(part)` or `text.split(part)`; scripts have no regular expressions
        > let x = """a
        > b""";
        K0001 1:9 open string is not terminated
            end the text with `"` on its line, or write a text of several lines in backticks
        > let g = StateGraph(1);
        K0021 1:9 `StateGraph` is from another language
            write `builder("name")`, and `session().flow(g)` to run it
        > let g = builder("g"); g.add_edge(START, "a");
        K0021 1:34 `START` is from another language
            leave it out: operations that depend on nothing start at once
        K0031 1:41 `add_edge`: argument 2 is a string, expected a node
            it is called as `add_edge(builder: builder, source: node, target: node)`
        > let g = builder("g"); g.set_entry_point("a"); g.add_conditional_edges("a", 1);
        K0021 1:25 `set_entry_point` is from another language
            leave it out: operations that depend on nothing start at once
        K0021 1:49 `add_conditional_edges` is from another language
            write `g.add_edge(check, yes, #{ when: |result| .. })` for each arm
        > let j = llm_rubric("x"); assert_contains("a", "b"); let k = icontains("x");
        K0021 1:9 `llm_rubric` is from another language
            write `judged_by(model, rubric)`
        K0021 1:26 `assert_contains` is from another language
            write `assert(text.contains(part))`
        K0021 1:61 `icontains` is from another language
            write `mentions(part)` for a judge, or `text.lower().contains(part)`
        > print(max([1, 2], |x| x)); print([1].min(|x| x)); print([1, 2].at(-1));
        K0031 1:7 `max` compares two values, and takes no function
            write `list.max_by(|x| ..)`
        K0031 1:38 `min` compares two values, and takes no function
            write `list.min_by(|x| ..)`
        K0021 1:64 `at` is from another language
            write `list[-1]`, or `text[0]`
        > print(branch().chat("x", #{ system: "Be brief." }));
        K0005 1:29 `chat` has no option `system`
            give it to the branch: `branch(#{ system: ".." })`
        > let max = |a, f| 1; print(max.call([1], |x| x)); fn log(x) { x } print(log("a"));
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_parameter_that_is_given_like_an_option_is_explained() {
    let project = Project::new();
    project.file("s.rhai", "print(param(\"topic\", \"\"));");
    let mut said = String::new();
    for arguments in [
        &["run", "s.rhai", "--topic", "trams"][..],
        &["run", "s.rhai", "--topic=trams"],
        &["run", "s.rhai", "topic=trams"],
        &["plan", "s.rhai", "--topic"],
        &["run", "s.rhai", "--sed", "1"],
        &["runs", "--topic", "trams"],
    ] {
        let ran = project.kaizen(arguments);
        let lines: Vec<&str> = ran.stderr.lines().take_while(|l| !l.starts_with("Usage")).collect();
        said += &format!("$ {}\n{}\n", arguments.join(" "), lines.join("\n"));
    }
    expect![[r#"
        $ run s.rhai --topic trams
        error: unexpected argument '--topic' found

          tip: to set a parameter of the script, use '-p topic=trams'

        $ run s.rhai --topic=trams
        error: unexpected argument '--topic' found

          tip: to set a parameter of the script, use '-p topic=trams'

        $ run s.rhai topic=trams
        error: unexpected argument 'topic=trams' found

          tip: to set a parameter of the script, use '-p topic=trams'

        $ plan s.rhai --topic
        error: unexpected argument '--topic' found

          tip: to set a parameter of the script, use '-p topic=VALUE'

        $ run s.rhai --sed 1
        error: unexpected argument '--sed' found

          tip: a similar argument exists: '--seed'
          tip: to set a parameter of the script, use '-p sed=1'

        $ runs --topic trams
        error: unexpected argument '--topic' found

    "#]]
    .assert_eq(&said);
    assert_eq!(project.kaizen(&["run", "s.rhai", "-p", "topic=trams"]).stdout, "trams\n");
}

#[test]
fn words_of_other_libraries_are_explained_by_doc() {
    let project = Project::new();
    let mut said = String::new();
    for word in ["add_node", "StateGraph", "llm-rubric"] {
        let ran = project.kaizen(&["doc", word]);
        said += &format!("$ {word}\n{}{}", ran.stdout, ran.stderr);
    }
    expect![[r#"
        $ add_node
        `add_node` is from another language: write `g.add_operation("communicate", #{ instruction: ".." })`
        $ StateGraph
        `StateGraph` is from another language: write `builder("name")`, and `session().flow(g)` to run it
        $ llm-rubric
        `llm_rubric` is from another language: write `judged_by(model, rubric)`
    "#]].assert_eq(&said);
}
