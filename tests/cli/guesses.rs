//! What people guess who know LionAGI or another library of Python: each wrong guess leads to the right word
//! before a call is paid for, and what is right passes.

use super::foreign::said_of;
use crate::support::Project;
use expect_test::expect;

#[test]
fn each_wrong_guess_leads_to_the_right_word() {
    let texts = [
        r#"let b = branch(); let r = b.instruct("x");"#,
        r#"let b = branch(); print(b.messages.length);"#,
        r#"let b = branch(); print(len(b.messages)); print(b.to_dict());"#,
        r#"let b = branch(); print(b.logs);"#,
        r#"let b = branch(#{ chat_model: "demo/echo" });"#,
        r#"let s = session(); s.new_branch("a");"#,
        r#"let s = session(); s.add_branch(branch());"#,
        r#"let g = builder("x"); g.add_operation("communicate", instruction: "x");"#,
        r#"let g = builder("x"); g.add_operation("communicate", "do it");"#,
        r#"let g = builder("x"); g.add_node("communicate", #{ instruction: "x" });"#,
        r#"let g = builder("x"); g.build();"#,
        r#"let g = builder("x"); g.visualize();"#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r["operation_results"]);"#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.results["communicate"]); print(r.execution_time);"#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.metrics.total_time); "#,
        r#"let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.get("completed_operations"));"#,
        r#"let o = optimizer(); o.record("qa", "direct", #{ success_rate: 1.0 });"#,
        r#"let o = optimizer(); o.record_execution("qa", "direct", #{ success: true, time: 2.0 });"#,
        r#"let o = optimizer(); print(o.best_pattern("qa"));"#,
        r#"let k = knowledge("k.json"); k.save_success("qa", "direct", #{});"#,
        r#"print("Time: {:.2f}".format(1.234));"#,
        r#"print(f"{1.234:.2f}");"#,
        r#"print(`${1.234:.2f}`);"#,
        r#"let d = #{}; d["a"].append(1);"#,
        r#"let d = #{ a: 1 }; for (k, v) in d { print(k); }"#,
        r#"let x = sorted([3,1], reverse=true);"#,
        r#"let x = min(3, 1, 2);"#,
        r#"let x = "a,b".split(",")[0].strip().title();"#,
        r#"let x = 10 // 3;"#,
        r#"let x = 2 ** 3; print(x); print(pow(2, 3)); "#,
        r#"let x = [1,2,3][-1]; print(x); print([1,2,3].last());"#,
        r#"let p = Path("x").read_text();"#,
        r#"let m = iModel(provider="openai", model="gpt-4o");"#,
        r#"let m = imodel(#{ provider: "openai", model: "gpt-4o", api_key: "sk-1" });"#,
        r#"let r = branch().communicate(#{ instruction: "x" });"#,
        r#"let r = branch().parse("x", "a: int");"#,
        r#"let t = tool(|x| x); let t = Tool("add");"#,
        r#"let r = branch().chat("x").content; print(r);"#,
        r#"let r = branch().chat("x")["text"]; print(r);"#,
        r#"let r = branch().chat("x"); print(r.text); print(r.usage); print(r.choices[0].message.content);"#,
        r#"let x = "abc"; for c in x { print(c); } print(x.length()); print(x.size()); print(x.count("a")); print(x.find("b")); print(x.index("b"));"#,
        r#"let x = [1, 2]; print(x.len()); print(x.size()); print(x.count(1)); print(x.index(1)); print(x.insert(0, 5)); print(x.extend([1])); print(x.contains(1)); x.clear();"#,
        r#"let m = #{ a: 1 }; print(m.has_key("a")); print(m.values()); print(m.items()); print(m.pop("a")); print(m.setdefault("a", 1)); print(m.update(#{}));"#,
        r#"let r = branch().communicate("x"); print(r.output);"#,
        r#"let r = branch().communicate("x", #{ temperature: 0.5 }); print(r.content);"#,
        r#"let r = branch().chat("x", #{ schema: "a: string" }); print(r.a);"#,
        r#"let r = branch().chat("x"); r = json(r); print(r.text);"#,
        r#"for x in #{ a: 1 } { print(x); }"#,
        r#"for i in 5 { print(i); }"#,
        r#"let g = builder("g"); g.add_operation("chat", #{ name: "a", instruction: "x" }); for name in session().flow(g) { print(name); }"#,
        r#"let d = #{ a: [1] }; d["a"].push(2); d["a"].append([3]); d["a"][0] += 1; print(d);"#,
        r#"let d = #{ a: [1] }; let e = d["a"].push(2);"#,
        r#"let x = [3, 1]; print(x[x.push(1)]);"#,
        r#"let f = vote("typo", "x"); let t = tool_vote("typo", "x", #{ tools: [] });"#,
        r#"print(cascade("demo/a", "x", #{ models: ["typo", "demo/b"], accept: |a| true }));"#,
        r#"let b = branch_from(#{}, #{ model: "typo" });"#,
    ];
    expect![[r#"
        > let b = branch(); let r = b.instruct("x");
        K0003 1:29 a branch has no method `instruct`
            write `branch.communicate(..)`
        > let b = branch(); print(b.messages.length);
        K0030 1:36 an array has no property `length`
            write `x.len`
        > let b = branch(); print(len(b.messages)); print(b.to_dict());
        K0003 1:51 a branch has no method `to_dict`
            write `branch.to_map()`
        > let b = branch(); print(b.logs);
        K0030 1:27 a branch has no property `logs`
            write `branch.messages`; `kaizen show` lists each call
        > let b = branch(#{ chat_model: "demo/echo" });
        K0005 1:19 `branch` has no option `chat_model`
            write `model`
        > let s = session(); s.new_branch("a");
        K0021 1:22 `new_branch` is from another language
            write `let b = branch();`, then `session.include_branch(b)`
        > let s = session(); s.add_branch(branch());
        K0003 1:22 a session has no method `add_branch`
            write `session.include_branch(b)`
        > let g = builder("x"); g.add_operation("communicate", instruction: "x");
        K0021 1:54 `instruction:` names an argument
            write options as a map at the end: `f(a, #{ key: value })`
        > let g = builder("x"); g.add_operation("communicate", "do it");
        K0031 1:54 `add_operation`: argument 2 is a string, expected a map
            write `g.add_operation("communicate", #{ instruction: ".." })`
        > let g = builder("x"); g.add_node("communicate", #{ instruction: "x" });
        K0003 1:25 a builder has no method `add_node`
            write `g.add_operation("communicate", #{ instruction: ".." })`
        > let g = builder("x"); g.build();
        K0003 1:25 a builder has no method `build`
            leave it out: `session.flow(g)` takes the builder
        > let g = builder("x"); g.visualize();
        K0003 1:25 a builder has no method `visualize`
            write `print(g.draw("text"))`
        > let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r["operation_results"]);
        K0030 1:113 a report cannot be indexed with `[..]`
            write `.operation_results`
        > let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.results["communicate"]); print(r.execution_time);
        K0030 1:113 a report has no property `results`
            write `report.operation_results`, or `report.result("name")`
        K0030 1:146 a report has no property `execution_time`
            write `report.metrics.execution_time`
        > let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.metrics.total_time); 
        K0030 1:121 `metrics` has no property `total_time`
            write `metrics.execution_time`
        > let g = builder("x"); g.add_operation("communicate", #{ instruction: "x" }); let r = session().flow(g); print(r.get("completed_operations"));
        K0003 1:113 a report has no method `get`
            write `report.result("name")`, or the property itself, such as `report.failed_operations`
        > let o = optimizer(); o.record("qa", "direct", #{ success_rate: 1.0 });
        K0003 1:24 an optimizer has no method `record`
            did you mean `record_execution` or `record_executions`?
        > let o = optimizer(); o.record_execution("qa", "direct", #{ success: true, time: 2.0 });
        K0031 1:60 unknown metric `success`
            did you mean `success_rate`?
        K0031 1:75 unknown metric `time`
            did you mean `execution_time`?
        > let o = optimizer(); print(o.best_pattern("qa"));
        K0003 1:30 an optimizer has no method `best_pattern`
            did you mean `get_best_pattern`?
        > let k = knowledge("k.json"); k.save_success("qa", "direct", #{});
        K0003 1:32 a knowledge has no method `save_success`
            it has: get_best_pattern, load, save, save_pattern_failure, save_pattern_success, should_avoid_pattern
        > print("Time: {:.2f}".format(1.234));
        K0003 1:22 a string has no method `format`
            write a text in backticks, `` `${a} and ${b}` ``, and `format(x, 2)` for digits
        > print(f"{1.234:.2f}");
        K0021 1:7 `f` before a text has no meaning in kaizen
            write `` `${format(x, 2)}` ``
        > print(`${1.234:.2f}`);
        K0021 1:15 `:.2f` does not format a number here
            write `${format(x, 2)}`
        > let d = #{}; d["a"].append(1);
        > let d = #{ a: 1 }; for (k, v) in d { print(k); }
        K0031 1:34 `for` goes over a list, a range or a text, not over a map
            write `for key in map.keys() { let value = map[key]; .. }`
        > let x = sorted([3,1], reverse=true);
        K0021 1:23 `reverse=` names an argument
            write `list.sorted().reversed()`
        > let x = min(3, 1, 2);
        K0004 1:9 `min` takes 2 arguments, not 3
            write `[a, b, c].min_by(|x| x)`
        > let x = "a,b".split(",")[0].strip().title();
        K0021 1:29 `strip` is from another language
            write `text.trimmed()`
        > let x = 10 // 3;
        K0021 1:12 `//` begins a comment
            write `a / b`, which drops the fraction where both are whole numbers
        > let x = 2 ** 3; print(x); print(pow(2, 3)); 
        K0021 1:33 `pow` is from another language
            write `a ** b`
        > let x = [1,2,3][-1]; print(x); print([1,2,3].last());
        K0003 1:46 an array has no method `last`
            write `list[-1]`
        > let p = Path("x").read_text();
        K0021 1:9 `Path` is from another language
            write `read_text("path")`, or `write_text("path", text)`
        > let m = iModel(provider="openai", model="gpt-4o");
        K0021 1:16 `provider=` names an argument
            write options as a map at the end: `f(a, #{ key: value })`
        K0021 1:35 `model=` names an argument
            write options as a map at the end: `f(a, #{ key: value })`
        > let m = imodel(#{ provider: "openai", model: "gpt-4o", api_key: "sk-1" });
        K0005 1:56 `imodel` has no option `api_key`
            write `key`
        > let r = branch().communicate(#{ instruction: "x" });
        K0031 1:30 `communicate`: argument 1 is a map, expected a string
            it is called as `communicate(branch: branch, text: string) -> string`
        > let r = branch().parse("x", "a: int");
        K0013 1:29 the schema of `parse`: unknown type `int`; did you mean `integer`? (character 4)
        > let t = tool(|x| x); let t = Tool("add");
        K0004 1:9 `tool` takes 4 or 5 arguments, not 1
            call it as `tool(name: string, description: string, schema: any, function: function) -> tool` or `tool(name: string, description: string, schema: any, function: function, options: map) -> tool`
        K0021 1:30 `Tool` is from another language
            write `tool("name", "what it does", "a: string", |args| ..)`
        > let r = branch().chat("x").content; print(r);
        K0030 1:28 a string has no property `content`
            leave it out: a reply is the text itself
        > let r = branch().chat("x")["text"]; print(r);
        K0030 1:28 a string has no property `text`
            leave it out: a reply is the text itself
        > let r = branch().chat("x"); print(r.text); print(r.usage); print(r.choices[0].message.content);
        K0030 1:37 a string has no property `text`
            leave it out: a reply is the text itself
        K0030 1:52 a string has no property `usage`
            write `branch.usage`
        K0030 1:68 a string has no property `choices`
            leave it out: a reply is the text itself
        > let x = "abc"; for c in x { print(c); } print(x.length()); print(x.size()); print(x.count("a")); print(x.find("b")); print(x.index("b"));
        K0021 1:49 `length` is from another language
            write `x.len`
        K0003 1:68 a string has no method `size`
            write `text.len`
        K0003 1:85 a string has no method `count`
            write `text.split(part).len - 1`
        K0003 1:106 a string has no method `find`
            write `text.index_of(part)`
        K0003 1:126 a string has no method `index`
            did you mean `index_of`?
        > let x = [1, 2]; print(x.len()); print(x.size()); print(x.count(1)); print(x.index(1)); print(x.insert(0, 5)); print(x.extend([1])); print(x.contains(1)); x.clear();
        K0003 1:41 an array has no method `size`
            write `list.len`
        K0003 1:58 an array has no method `count`
            write `list.filter(|x| x == item).len`
        K0003 1:77 an array has no method `index`
            did you mean `index_of`?
        K0016 1:96 `insert` works in place and returns nothing, but its result is used
            write `x.insert(..);` as a statement, then use `x`
        K0021 1:119 `extend` is from another language
            write `list.append(other)`
        > let m = #{ a: 1 }; print(m.has_key("a")); print(m.values()); print(m.items()); print(m.pop("a")); print(m.setdefault("a", 1)); print(m.update(#{}));
        K0021 1:28 `has_key` is from another language
            write `"key" in map`
        K0021 1:70 `items` is from another language
            write `for key in map.keys() { let value = map[key]; .. }`
        K0003 1:88 a map has no method `pop`
            write `map.remove("key")`
        K0021 1:107 `setdefault` is from another language
            write `map.key = map.key ?? default`
        K0021 1:136 `update` is from another language
            write `map.mixin(other)`, or `map + other`
        > let r = branch().communicate("x"); print(r.output);
        K0030 1:44 a string has no property `output`
            leave it out: a reply is the text itself
        > let r = branch().communicate("x", #{ temperature: 0.5 }); print(r.content);
        K0030 1:67 a string has no property `content`
            leave it out: a reply is the text itself
        > let r = branch().chat("x", #{ schema: "a: string" }); print(r.a);
        > let r = branch().chat("x"); r = json(r); print(r.text);
        > for x in #{ a: 1 } { print(x); }
        K0001 1:10 expecting an iterable value, not an object map
        > for i in 5 { print(i); }
        K0001 1:10 expecting an iterable value, not a number
        > let g = builder("g"); g.add_operation("chat", #{ name: "a", instruction: "x" }); for name in session().flow(g) { print(name); }
        K0031 1:94 `for` goes over a list, a range or a text, not over a report
            write `for name in report.completed_operations { .. report.result(name) .. }`
        > let d = #{ a: [1] }; d["a"].push(2); d["a"].append([3]); d["a"][0] += 1; print(d);
        > let d = #{ a: [1] }; let e = d["a"].push(2);
        K0016 1:37 `push` works in place and returns nothing, but its result is used
            write `list + [item]`, which returns the result; or call `push` as a statement on a variable, then use the variable
        > let x = [3, 1]; print(x[x.push(1)]);
        K0016 1:27 `push` works in place and returns nothing, but its result is used
            write `list + [item]`, which returns the result; or write `x.push(..);` as a statement, then use `x`
        > let f = vote("typo", "x"); let t = tool_vote("typo", "x", #{ tools: [] });
        K0006 1:14 unknown model `typo`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        K0006 1:46 unknown model `typo`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        K0031 1:69 option `tools` of `tool_vote`: must be a list with at least one item, not `[]`
        > print(cascade("demo/a", "x", #{ models: ["typo", "demo/b"], accept: |a| true }));
        K0006 1:42 unknown model `typo`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        > let b = branch_from(#{}, #{ model: "typo" });
        K0004 1:9 `branch_from` takes 1 argument, not 2
            call it as `branch_from(map: map) -> branch`
        K0006 1:36 unknown model `typo`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn parts_of_values_are_changed_in_place() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let d = #{ a: [1] };\nd[\"a\"].push(2);\nd[\"a\"].append([3]);\nd[\"a\"][0] += 1;\nprint(d);\n",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "#{\"a\": [2, 2, 3]}\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_unknown_option_is_said_in_the_same_words_before_and_while_a_script_runs() {
    let project = Project::new();
    let said = |script: &str| {
        let ran = project.file("s.rhai", script).kaizen(&["run", "s.rhai"]);
        let lines = ran.stderr.lines().filter(|line| line.contains(" has no option "));
        let words =
            lines.filter_map(|line| line.split_once("]: ")).map(|(_, said)| said.to_owned());
        words.collect::<Vec<_>>()
    };

    for (literal, made) in [
        (
            "branch().chat(\"x\", #{ tempreture: 0.5 });",
            "let o = #{}; o[\"tempreture\"] = 0.5; branch().chat(\"x\", o);",
        ),
        (
            "let g = builder(\"g\"); session().flow(g, #{ max_workers: 3 });",
            "let o = #{}; o[\"max_workers\"] = 3; let g = builder(\"g\"); g.add_operation(|| 1); session().flow(g, o);",
        ),
        (
            "vote(\"demo/echo\", \"x\", #{ times: 3 });",
            "let o = #{}; o[\"times\"] = 3; vote(\"demo/echo\", \"x\", o);",
        ),
        (
            "let g = builder(\"g\"); let l = g.add_operation(|| [1], #{ name: \"l\" });\n\
             g.expand(l, |x| #{ instrucion: \"x\" }); session().flow(g, #{ allow_failures: true });",
            "let g = builder(\"g\"); let l = g.add_operation(|| [1], #{ name: \"l\" });\n\
             g.expand(l, |x| { let o = #{}; o[\"instrucion\"] = \"x\"; o });\n\
             throw session().flow(g, #{ allow_failures: true }).errors[\"expand\"];",
        ),
        (
            "optimizer(#{ constraints: #{ max_costs: 1.0 } });",
            "let o = #{}; o[\"max_costs\"] = 1.0; optimizer(#{ constraints: o });",
        ),
    ] {
        let before = said(literal);
        let during = said(made);
        assert_eq!((before.len(), during.len()), (1, 1), "{literal}: {before:?} {during:?}");
        let start = before[0].as_str();
        // A run says besides in which operation it happened.
        let during_it = during[0].trim_start_matches("operation `expand`: ");
        assert!(during_it.starts_with(start), "{literal}: {before:?} {during:?}");
    }
}
