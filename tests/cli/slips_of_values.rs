//! Mistakes with values of which it is known what they are: methods and properties in chains, comparisons that
//! are always the same, and calls that are made too early. What is right beside them passes.

use super::foreign::said_of;
use crate::support::Project;
use expect_test::expect;

#[test]
fn a_misspelt_method_in_a_chain_is_found() {
    let texts = [
        "let b = branch(); let a = b.communicate(\"one\"); let r = b.comunicate(\"two\").trimmed();",
        "let b = branch(); b.fork().comunicate(\"x\");",
        "let o = optimizer(); print(o.recomend(\"t\").pattern); print(o.recommend(\"t\").patern);",
        "let r = session().flow(builder()); print(r.reslt(\"a\").len); print(r.metrics.calls());",
        "let b = branch(); print(b.chat(\"2\").titlecase()); print(b.chat(\"2\")[0].x);",
        "let s = session(); print(s.get_branch(\"an\").name);",
        "let b = branch(); let texts = [b.chat(\"x\")]; print(texts[0].trimmed().uper());",
        "print(\"a b\".split(\" \").map(|x| x.trimmed()).frist());",
        "print(branch().fork().messages[0].contnt);",
    ];
    expect![[r#"
        > let b = branch(); let a = b.communicate("one"); let r = b.comunicate("two").trimmed();
        K0003 1:59 a branch has no method `comunicate`
            did you mean `communicate`?
        > let b = branch(); b.fork().comunicate("x");
        K0003 1:28 a branch has no method `comunicate`
            did you mean `communicate`?
        > let o = optimizer(); print(o.recomend("t").pattern); print(o.recommend("t").patern);
        K0003 1:30 an optimizer has no method `recomend`
            did you mean `recommend`?
        K0030 1:77 a recommendation has no property `patern`
            did you mean `pattern`?
        > let r = session().flow(builder()); print(r.reslt("a").len); print(r.metrics.calls());
        K0003 1:44 a report has no method `reslt`
            did you mean `result`?
        K0003 1:77 a map has no method `calls`
            it is a property: write `.calls`, without brackets
        > let b = branch(); print(b.chat("2").titlecase()); print(b.chat("2")[0].x);
        K0003 1:37 a string has no method `titlecase`
        > let s = session(); print(s.get_branch("an").name);
        K0003 1:28 a session has no method `get_branch`
            it has: flow, include_branch, include_branches, on
        > let b = branch(); let texts = [b.chat("x")]; print(texts[0].trimmed().uper());
        K0003 1:71 a string has no method `uper`
            did you mean `upper`?
        > print("a b".split(" ").map(|x| x.trimmed()).frist());
        K0003 1:45 an array has no method `frist`
        > print(branch().fork().messages[0].contnt);
        K0030 1:35 a message has no property `contnt`
            did you mean `content`?
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_method_in_a_chain_that_exists_passes() {
    let texts = [
        "let m = #{ chat: |x| #{ walk: |y| y } }; print(m.chat(\"x\").walk(1));",
        "fn f(m) { m.chat(\"x\").walk() } let w = #{ chat: |x| #{ walk: || 1 } }; print(f(w));",
        "let m = #{}; let key = \"walk\"; m[key] = || 1; print(m.walk());",
        "let a = branch().chat(\"x\").trimmed().lower().split(\",\")[0].len;",
        "let o = optimizer(); let c = o.recommend(\"t\").cost ?? 0.0; if c > 1.0 { print(c); }",
        "let r = session().flow(builder()); print(r.metrics.keys()); print(r.metrics.tokens.input ?? 0);",
        "let x = branch().chat(\"x\").sub_string(0..3).to_upper(); print(x);",
        "fn twice() { this + this } print(branch().chat(\"x\").twice().twice());",
        "print(branch(\"demo/echo\").fork().chat(\"x\").len());",
    ];
    expect![[r#"
        > let m = #{ chat: |x| #{ walk: |y| y } }; print(m.chat("x").walk(1));
        > fn f(m) { m.chat("x").walk() } let w = #{ chat: |x| #{ walk: || 1 } }; print(f(w));
        > let m = #{}; let key = "walk"; m[key] = || 1; print(m.walk());
        K0009 1:55 unknown method `walk`
        > let a = branch().chat("x").trimmed().lower().split(",")[0].len;
        > let o = optimizer(); let c = o.recommend("t").cost ?? 0.0; if c > 1.0 { print(c); }
        > let r = session().flow(builder()); print(r.metrics.keys()); print(r.metrics.tokens.input ?? 0);
        > let x = branch().chat("x").sub_string(0..3).to_upper(); print(x);
        > fn twice() { this + this } print(branch().chat("x").twice().twice());
        > print(branch("demo/echo").fork().chat("x").len());
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_comparison_of_a_known_property_with_another_type_is_found() {
    let texts = [
        "let report = session().flow(builder()); if report.failed_operations > 0 { print(1); }",
        "let report = session().flow(builder()); print(report.failed_operations == 0);",
        "let r = session().flow(builder()); if r.failed_operations { print(r.metrics.failed_operations.len); }",
        "let a = attempt(|| branch().chat(\"x\")); print(a.ok == \"ok\"); print(a.ok == 1); if a.error { print(2); }",
        "print(used().cost > \"1\"); print(used().calls.total); print(used().calls == \"many\");",
        "let o = optimizer(); print(o.recommend(\"t\").interval.low); if o.recommend(\"t\").n { print(1); }",
        "let o = optimizer(); print(o.get_insights().by_task.a.fastest); print(o.get_insights().by_task[\"a\"].fastst_pattern);",
        "let r = session().flow(builder()); switch r.metrics.calls { \"1\" => print(1), _ => () }",
    ];
    expect![[r#"
        > let report = session().flow(builder()); if report.failed_operations > 0 { print(1); }
        K0031 1:69 `>` between an array and an int is always false
            write `list.len` for how many there are
        > let report = session().flow(builder()); print(report.failed_operations == 0);
        K0031 1:72 `==` between an array and an int is always false
            write `list.len` for how many there are
        > let r = session().flow(builder()); if r.failed_operations { print(r.metrics.failed_operations.len); }
        K0031 1:39 a condition is true or false, not an array
            compare it, such as `!list.is_empty()`
        K0030 1:95 an int has no property `len`
            it has: bits, is_even, is_odd, is_zero
        > let a = attempt(|| branch().chat("x")); print(a.ok == "ok"); print(a.ok == 1); if a.error { print(2); }
        K0031 1:52 `==` between a bool and a string is always false
            a bool is `true` or `false`: write it alone, or with `!` before it
        K0031 1:73 `==` between a bool and an int is always false
            a bool is `true` or `false`: write it alone, or with `!` before it
        K0031 1:83 a condition is true or false, not a map
            compare one of its values
        > print(used().cost > "1"); print(used().calls.total); print(used().calls == "many");
        K0031 1:19 `>` between a float and a string is always false
            write the number without quotes
        K0030 1:46 an int has no property `total`
            it has: bits, is_even, is_odd, is_zero
        K0031 1:73 `==` between an int and a string is always false
            write `text.parse_int()` or `text.parse_float()` to compare numbers
        > let o = optimizer(); print(o.recommend("t").interval.low); if o.recommend("t").n { print(1); }
        K0030 1:54 an array has no property `low`
            it has: is_empty, len
        K0031 1:63 a condition is true or false, not an int
            compare it, such as `number > 0`
        > let o = optimizer(); print(o.get_insights().by_task.a.fastest); print(o.get_insights().by_task["a"].fastst_pattern);
        K0030 1:55 a task type of `by_task` has no property `fastest`
            it has: most_used_pattern, fastest_pattern, total_executions, pattern_usage, avg_performance
        K0030 1:101 a task type of `by_task` has no property `fastst_pattern`
            did you mean `fastest_pattern`?
        > let r = session().flow(builder()); switch r.metrics.calls { "1" => print(1), _ => () }
        K0031 1:61 this case is a string, but the value is an int
            write the case as a number, without quotes
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_comparison_of_a_known_property_that_may_hold_passes() {
    let texts = [
        "let r = session().flow(builder()); if r.failed_operations.len > 0 { print(r.failed_operations[0]); }",
        "if used().cost == () { print(1); } print(used().cost ?? 0.0); print((used().cost ?? 0.0) > 1);",
        "let a = attempt(|| branch().chat(\"x\")); if a.ok { print(a.value); } else { print(a.error.kind); }",
        "let a = attempt(|| 1); if a.error != () { print(a.error.message.contains(\"x\")); print(a.error.status == 429); }",
        "let c = used().cost; if type_of(c) == \"f64\" { print(format(c, 2)); }",
        "let o = optimizer(); let i = o.recommend(\"t\").interval; if i != () { print(i[0]); }",
        "let r = session().flow(builder()); print(r.metrics.success_rate >= 1); print(r.metrics.calls * 2.0);",
        "let best = (); for m in [\"a\"] { best = used().cost; } print(best);",
        "let o = optimizer(); print(o.get_insights().by_task.a.fastest_pattern); print(o.get_insights().pattern_usage.direct);",
        "let r = session().flow(builder()); for name in r.failed_operations { print(r.errors[name].message); }",
        "let cost = used().cost; cost = if cost == () { \"unknown\" } else { `${cost}` }; print(cost == \"x\");",
    ];
    expect![[r#"
        > let r = session().flow(builder()); if r.failed_operations.len > 0 { print(r.failed_operations[0]); }
        > if used().cost == () { print(1); } print(used().cost ?? 0.0); print((used().cost ?? 0.0) > 1);
        > let a = attempt(|| branch().chat("x")); if a.ok { print(a.value); } else { print(a.error.kind); }
        > let a = attempt(|| 1); if a.error != () { print(a.error.message.contains("x")); print(a.error.status == 429); }
        > let c = used().cost; if type_of(c) == "f64" { print(format(c, 2)); }
        > let o = optimizer(); let i = o.recommend("t").interval; if i != () { print(i[0]); }
        > let r = session().flow(builder()); print(r.metrics.success_rate >= 1); print(r.metrics.calls * 2.0);
        > let best = (); for m in ["a"] { best = used().cost; } print(best);
        > let o = optimizer(); print(o.get_insights().by_task.a.fastest_pattern); print(o.get_insights().pattern_usage.direct);
        > let r = session().flow(builder()); for name in r.failed_operations { print(r.errors[name].message); }
        > let cost = used().cost; cost = if cost == () { "unknown" } else { `${cost}` }; print(cost == "x");
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_word_that_no_type_has_is_found() {
    let texts = [
        "fn f(x) { type_of(x) == \"int\" } print(f(1));",
        "let x = 1.5; print(x.type_of() == \"float\"); print(\"str\" != type_of(x)); print(type_of(x) == \"number\");",
        "let x = []; print(type_of(x) in [\"list\", \"map\"]); print(type_of(x) == \"function\" || type_of(x) == \"strng\");",
        "fn f(x) { switch type_of(x) { \"int\" | \"i64\" => 1, \"str\" => 2, \"number\" => 4, \"blah\" => 3, _ => 0 } } print(f(1));",
    ];
    expect![[r#"
        > fn f(x) { type_of(x) == "int" } print(f(1));
        K0031 1:25 `type_of` never returns "int"
            write `type_of(value) == "i64"`
        > let x = 1.5; print(x.type_of() == "float"); print("str" != type_of(x)); print(type_of(x) == "number");
        K0031 1:35 `type_of` never returns "float"
            write `type_of(value) == "f64"`
        K0031 1:51 `type_of` never returns "str"
            write `type_of(value) == "string"`
        K0031 1:93 `type_of` never returns "number"
            write `type_of(value) in ["i64", "f64"]`
        > let x = []; print(type_of(x) in ["list", "map"]); print(type_of(x) == "function" || type_of(x) == "strng");
        K0031 1:34 `type_of` never returns "list"
            write `type_of(value) == "array"`
        K0031 1:71 `type_of` never returns "function"
            write `type_of(value) == "Fn"`
        K0031 1:99 `type_of` never returns "strng"
            did you mean `string`?
        > fn f(x) { switch type_of(x) { "int" | "i64" => 1, "str" => 2, "number" => 4, "blah" => 3, _ => 0 } } print(f(1));
        K0031 1:31 `type_of` never returns `"int"`
            write the case as `"i64"`
        K0031 1:51 `type_of` never returns `"str"`
            write the case as `"string"`
        K0031 1:63 `type_of` never returns `"number"`
            write the case as `"i64" | "f64"`
        K0031 1:78 `type_of` never returns `"blah"`
            it returns: (), Fn, array, blob, bool, char, f64, i64, map, range, range=, string, timestamp, u64
    "#]].assert_eq(&said_of(&texts));
    let texts = [
        "fn f(x) { type_of(x) == \"i64\" || type_of(x) in [\"f64\", \"Fn\", \"()\", \"branch\"] } print(f(1));",
        "fn f(x) { switch type_of(x) { \"i64\" | \"string\" => 1, \"report\" => 2, \"range\" => 3, _ => 0 } } print(f(1));",
        "let kind = \"int\"; print(type_of(1) == kind); print(\"int\" == \"int\"); print([\"int\"].contains(\"int\"));",
    ];
    expect![[r#"
        > fn f(x) { type_of(x) == "i64" || type_of(x) in ["f64", "Fn", "()", "branch"] } print(f(1));
        > fn f(x) { switch type_of(x) { "i64" | "string" => 1, "report" => 2, "range" => 3, _ => 0 } } print(f(1));
        > let kind = "int"; print(type_of(1) == kind); print("int" == "int"); print(["int"].contains("int"));
    "#]].assert_eq(&said_of(&texts));
}

/// A graph whose report is `r`.
const GRAPH: &str = "let g = builder(\"g\"); \
    let a = g.add_operation(\"communicate\", #{ name: \"summary\", instruction: \"x\" }); \
    g.add_operation(\"operate\", #{ name: \"rate\", instruction: \"y\", schema: \"score: integer\" }); \
    let r = session().flow(g); ";

#[test]
fn a_wrong_name_among_all_results_is_found() {
    let said = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| format!("{GRAPH}{text}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        said_of(&texts).replace(GRAPH, "")
    };
    let texts = [
        "print(r.operation_results.sumary); print(r.errors.sumary); print(r.operation_results[\"sumary\"]);",
        "print(r.operation_results[a]); print(r.errors[a]);",
        "print(r.operation_results.rate.scroe); print(r.errors.rate.mesage); print(r.operation_results.summary.scroe);",
        "for (k, v) in r.operation_results { print(k); }",
        "print(r[\"completed_operations\"]); print(len(r[\"completed_operations\"])); print(r[\"calls\"]);",
    ];
    expect![[r#"
        > print(r.operation_results.sumary); print(r.errors.sumary); print(r.operation_results["sumary"]);
        K0031 1:247 no operation of this script is named `sumary`
            did you mean `summary`?
        K0031 1:271 no operation of this script is named `sumary`
            did you mean `summary`?
        K0031 1:306 no operation of this script is named `sumary`
            did you mean `summary`?
        > print(r.operation_results[a]); print(r.errors[a]);
        K0031 1:247 results are indexed by the names of operations, not by nodes
            write `report.result(a)`
        K0031 1:267 results are indexed by the names of operations, not by nodes
            write `report.result(a)`
        > print(r.operation_results.rate.scroe); print(r.errors.rate.mesage); print(r.operation_results.summary.scroe);
        K0030 1:252 the schema of this answer has no field `scroe`
            did you mean `score`?
        K0030 1:280 the error has no property `mesage`
            did you mean `message`?
        K0030 1:323 a string has no property `scroe`
            it has: bytes, chars, is_empty, len
        > for (k, v) in r.operation_results { print(k); }
        K0031 1:235 `for` goes over a list, a range or a text, not over a map
            write `for key in map.keys() { let value = map[key]; .. }`
        > print(r["completed_operations"]); print(len(r["completed_operations"])); print(r["calls"]);
        K0030 1:229 a report cannot be indexed with `[..]`
            write `.completed_operations`
        K0030 1:267 a report cannot be indexed with `[..]`
            write `.completed_operations`
        K0030 1:302 a report has no property `calls`
            write `report.metrics.calls`
    "#]].assert_eq(&said(&texts));

    let texts = [
        "print(r.operation_results.summary.len); print(r.errors.summary); print(r.operation_results[\"rate\"].score);",
        "for name in r.operation_results.keys() { print(r.operation_results[name]); }",
        "let name = \"summary\"; print(r.operation_results[name] ?? r.errors[name].message); print(r.operation_results.len());",
        "print(r.operation_results.to_json()); print(r.operation_results.values()); print(\"rate\" in r.errors);",
    ];
    expect![[r#"
        > print(r.operation_results.summary.len); print(r.errors.summary); print(r.operation_results["rate"].score);
        > for name in r.operation_results.keys() { print(r.operation_results[name]); }
        > let name = "summary"; print(r.operation_results[name] ?? r.errors[name].message); print(r.operation_results.len());
        > print(r.operation_results.to_json()); print(r.operation_results.values()); print("rate" in r.errors);
    "#]].assert_eq(&said(&texts));
}

#[test]
fn a_call_that_is_made_where_a_function_is_wanted_is_found() {
    let texts = [
        "let b = branch(); gather([\"a\"].map(|t| b.communicate(t)));",
        "let b = branch(); let calls = [b.chat(\"a\"), b.chat(\"b\")]; gather(calls);",
        "let b = branch(); let calls = []; for t in [\"a\"] { calls.push(b.chat(t).trimmed()); } gather(calls);",
        "let b = branch(); let calls = [\"a\"].map(|t| { let p = t; return b.chat(p); }); gather(calls, #{ settle: true });",
        "fn ask(t) { branch().chat(t) } print(gather([\"a\"].map(|t| ask(t)))); gather([ask(\"b\")]);",
        "let o = optimizer(); o.compare(\"t\", #{ a: branch().chat(\"x\"), b: |i, b| b.chat(i) }, [1]);",
        "let o = optimizer(); let p = #{ a: branch().chat(\"x\") }; o.run(\"t\", p, 1);",
    ];
    expect![[r#"
        > let b = branch(); gather(["a"].map(|t| b.communicate(t)));
        K0031 1:40 `gather` takes functions, but `communicate` is called before it
            write `gather([|| .. .communicate(..), || ..])`, or `gather(items.map(|item| || .. .communicate(..)))`: functions that make the calls
        > let b = branch(); let calls = [b.chat("a"), b.chat("b")]; gather(calls);
        K0031 1:32 `gather` takes functions, but `chat` is called before it
            write `gather([|| .. .chat(..), || ..])`, or `gather(items.map(|item| || .. .chat(..)))`: functions that make the calls
        > let b = branch(); let calls = []; for t in ["a"] { calls.push(b.chat(t).trimmed()); } gather(calls);
        K0031 1:63 `gather` takes functions, but `chat` is called before it
            write `gather([|| .. .chat(..), || ..])`, or `gather(items.map(|item| || .. .chat(..)))`: functions that make the calls
        > let b = branch(); let calls = ["a"].map(|t| { let p = t; return b.chat(p); }); gather(calls, #{ settle: true });
        K0031 1:65 `gather` takes functions, but `chat` is called before it
            write `gather([|| .. .chat(..), || ..])`, or `gather(items.map(|item| || .. .chat(..)))`: functions that make the calls
        > fn ask(t) { branch().chat(t) } print(gather(["a"].map(|t| ask(t)))); gather([ask("b")]);
        K0010 1:4 `ask` hides the built-in function of the same name
            choose another name, or write `/// @override` above it
        K0031 1:59 `gather` takes functions, but `ask` is called before it
            write `gather([|| .. .ask(..), || ..])`, or `gather(items.map(|item| || .. .ask(..)))`: functions that make the calls
        K0031 1:78 `gather` takes functions, but `ask` is called before it
            write `gather([|| .. .ask(..), || ..])`, or `gather(items.map(|item| || .. .ask(..)))`: functions that make the calls
        > let o = optimizer(); o.compare("t", #{ a: branch().chat("x"), b: |i, b| b.chat(i) }, [1]);
        K0031 1:43 `compare` takes functions, but `chat` is called before it
            write `#{ name: |input, branch| branch.chat(..) }`: functions that make the calls
        > let o = optimizer(); let p = #{ a: branch().chat("x") }; o.run("t", p, 1);
        K0031 1:36 `run` takes functions, but `chat` is called before it
            write `#{ name: |input, branch| branch.chat(..) }`: functions that make the calls
    "#]].assert_eq(&said_of(&texts));

    let texts = [
        "let b = branch(); gather([\"a\"].map(|t| || b.communicate(t)));",
        "let b = branch(); let calls = []; for t in [\"a\"] { let u = t; calls.push(|| b.chat(u)); } gather(calls);",
        "fn asking(t) { || branch().chat(t) } gather([\"a\"].map(|t| asking(t))); gather([asking(\"b\")]);",
        "let o = optimizer(); o.compare(\"t\", #{ a: |i, b| b.chat(i), b: |i, b| b.chat(i) + \"\" }, [branch().chat(\"x\")]);",
        "let calls = [branch().chat(\"x\")]; print(calls.map(|c| c.len)); gather([|| 1]);",
    ];
    expect![[r#"
        > let b = branch(); gather(["a"].map(|t| || b.communicate(t)));
        > let b = branch(); let calls = []; for t in ["a"] { let u = t; calls.push(|| b.chat(u)); } gather(calls);
        > fn asking(t) { || branch().chat(t) } gather(["a"].map(|t| asking(t))); gather([asking("b")]);
        > let o = optimizer(); o.compare("t", #{ a: |i, b| b.chat(i), b: |i, b| b.chat(i) + "" }, [branch().chat("x")]);
        > let calls = [branch().chat("x")]; print(calls.map(|c| c.len)); gather([|| 1]);
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn an_item_that_is_appended_is_found() {
    let texts = [
        "let b = branch(); let seq = []; seq.append(b.communicate(\"t\"));",
        "let g = builder(); let nodes = []; nodes.append(g.add_operation(|| 1)); nodes.append(used().cost);",
        "let seq = []; let n = 5; seq.append(n); let r = session().flow(g()); fn g() { builder() }",
    ];
    expect![[r#"
        > let b = branch(); let seq = []; seq.append(b.communicate("t"));
        K0021 1:37 `append` adds a whole list
            write `list.push(item)` to add one item; `append` adds a whole list
        > let g = builder(); let nodes = []; nodes.append(g.add_operation(|| 1)); nodes.append(used().cost);
        K0021 1:42 `append` adds a whole list
            write `list.push(item)` to add one item; `append` adds a whole list
        K0021 1:79 `append` adds a whole list
            write `list.push(item)` to add one item; `append` adds a whole list
        > let seq = []; let n = 5; seq.append(n); let r = session().flow(g()); fn g() { builder() }
        K0021 1:30 `append` adds a whole list
            write `list.push(item)` to add one item; `append` adds a whole list
    "#]].assert_eq(&said_of(&texts));

    let texts = [
        "let b = branch(); let text = \"\"; text.append(b.chat(\"x\")); print(text);",
        "let seq = []; seq.append([1]); seq.append(branch().messages); print(seq);",
        "fn f(list, more) { list.append(more); list } print(f([], [1]));",
    ];
    expect![[r#"
        > let b = branch(); let text = ""; text.append(b.chat("x")); print(text);
        > let seq = []; seq.append([1]); seq.append(branch().messages); print(seq);
        > fn f(list, more) { list.append(more); list } print(f([], [1]));
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_property_that_is_a_method_is_said_to_be_one() {
    let texts = [
        "let o = optimizer(); print(o.history); print(o.recomend);",
        "let k = knowledge(\"k.json\"); print(k.failed_patterns);",
        "let b = branch(); print(b.fork.messages);",
    ];
    expect![[r#"
        > let o = optimizer(); print(o.history); print(o.recomend);
        K0030 1:30 an optimizer has no property `history`
            it has methods: compare, export_knowledge, failures, get_best_pattern, get_insights, import_knowledge, recommend, recommend_pattern, record_execution, record_executions, run, save_pattern_failure, save_pattern_success, should_avoid_pattern
        K0030 1:48 an optimizer has no property `recomend`
            did you mean the method `recommend`?
        > let k = knowledge("k.json"); print(k.failed_patterns);
        K0030 1:38 a knowledge has no property `failed_patterns`
            it has methods: get_best_pattern, load, save, save_pattern_failure, save_pattern_success, should_avoid_pattern
        > let b = branch(); print(b.fork.messages);
        K0030 1:27 a branch has no property `fork`
            it is a method: write `.fork()`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_method_that_a_map_does_not_have_is_found() {
    let texts = [
        "let d = #{ a: 1 }; if d.contains_key(\"a\") { print(1); }",
        "let d = #{ a: 1 }; print(d.itms()); let r = session().flow(builder()); print(r.metrics.has(\"calls\"));",
        "print(#{ a: 1 }.has_key(\"a\"));",
    ];
    expect![[r#"
        > let d = #{ a: 1 }; if d.contains_key("a") { print(1); }
        K0003 1:25 a map has no method `contains_key`
            write `"key" in map`
        > let d = #{ a: 1 }; print(d.itms()); let r = session().flow(builder()); print(r.metrics.has("calls"));
        K0003 1:28 a map has no method `itms`
            it has: clear, contains, drain, fill_with, filter, get, is_empty, keys, len, map, mixin, remove, retain, set, to_debug, to_json, to_string, values
        K0021 1:88 `has` is from another language
            write `"key" in map`
        > print(#{ a: 1 }.has_key("a"));
        K0021 1:17 `has_key` is from another language
            write `"key" in map`
    "#]].assert_eq(&said_of(&texts));
    let texts = [
        "let d = #{ a: 1, walk: |x| x }; print(d.walk(1)); d.remove(\"a\"); print(d.keys().len());",
        "let d = #{}; d.walk = |x| x; print(d.walk(1));",
        "let d = #{}; for name in [\"walk\"] { d[name] = |x| x; } print(d.walk(1));",
    ];
    expect![[r#"
        > let d = #{ a: 1, walk: |x| x }; print(d.walk(1)); d.remove("a"); print(d.keys().len());
        > let d = #{}; d.walk = |x| x; print(d.walk(1));
        > let d = #{}; for name in ["walk"] { d[name] = |x| x; } print(d.walk(1));
        K0009 1:64 unknown method `walk`
    "#]]
    .assert_eq(&said_of(&texts));
}

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
