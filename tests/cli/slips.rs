//! Mistakes that would pass in silence or cost a call first: each is found by `kaizen check`, and what is right
//! beside it passes.

use super::foreign::said_of;
use crate::support::Project;
use expect_test::expect;

#[test]
fn a_change_of_a_copy_that_nothing_reads_is_found() {
    let texts = [
        "fn f(m) { m.a = 1 } let x = #{}; f(x); print(x);",
        "fn f(m) { m[\"a\"] = 1; } fn g(l) { l[0] = 1; } fn h(l) { l += [1]; } f(#{}); g([2]); h([2]);",
        "fn f(l) { if l.len > 2 { l.push(1); } print(2); } f([1]);",
        "fn f(m) { m.items.push(1); print(1); } f(#{ items: [] });",
        "fn f(n) { n = n + 1; } f(1);",
        "let all = [#{}]; for m in all { m.a = 1 } print(all);",
        "for (m, i) in [#{ n: 1 }] { m.n = m.n + 1; }",
        "for l in [[1]] { l.push(1); }",
        "for x in 0..3 { x += 1; }",
        "let all = [#{}]; print(all.map(|x| { x.a = 1; }));",
        "let list = [#{ a: 2 }]; let x = list[0]; x.a = 1; print(list);",
        "let m = #{ a: [1] }; let l = m.a; l.push(2); print(m);",
    ];
    expect![[r#"
        > fn f(m) { m.a = 1 } let x = #{}; f(x); print(x);
        K0024 1:11 `m` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `m`, and write `x = f(x)`
        > fn f(m) { m["a"] = 1; } fn g(l) { l[0] = 1; } fn h(l) { l += [1]; } f(#{}); g([2]); h([2]);
        K0024 1:11 `m` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `m`, and write `x = f(x)`
        K0024 1:35 `l` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `l`, and write `x = g(x)`
        K0024 1:57 `l` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `l`, and write `x = h(x)`
        > fn f(l) { if l.len > 2 { l.push(1); } print(2); } f([1]);
        K0024 1:26 `l` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `l`, and write `x = f(x)`
        > fn f(m) { m.items.push(1); print(1); } f(#{ items: [] });
        K0024 1:11 `m` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `m`, and write `x = f(x)`
        > fn f(n) { n = n + 1; } f(1);
        K0024 1:11 `n` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `n`, and write `x = f(x)`
        > let all = [#{}]; for m in all { m.a = 1 } print(all);
        K0024 1:33 `m` is a copy, and nothing reads it after this change
            `for` goes over copies of the items: write `for i in 0..all.len { .. }`, and change `all[i]`
        > for (m, i) in [#{ n: 1 }] { m.n = m.n + 1; }
        K0024 1:29 `m` is a copy, and nothing reads it after this change
            `for` goes over copies of the items: write `for i in 0..list.len { .. }`, and change `list[i]`
        > for l in [[1]] { l.push(1); }
        K0024 1:18 `l` is a copy, and nothing reads it after this change
            `for` goes over copies of the items: write `for i in 0..list.len { .. }`, and change `list[i]`
        > for x in 0..3 { x += 1; }
        K0024 1:17 `x` is a copy, and nothing reads it after this change
            `for` sets `x` in each turn; write `while` for other steps
        > let all = [#{}]; print(all.map(|x| { x.a = 1; }));
        K0024 1:38 `x` is a copy, and nothing reads it after this change
            a function gets copies of its arguments: end it with `x`, and use what it returns
        > let list = [#{ a: 2 }]; let x = list[0]; x.a = 1; print(list);
        K0024 1:42 `x` is a copy, and nothing reads it after this change
            `let` takes a copy: change `list[0]` itself
        > let m = #{ a: [1] }; let l = m.a; l.push(2); print(m);
        K0024 1:35 `l` is a copy, and nothing reads it after this change
            `let` takes a copy: change `m.a` itself
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_change_of_a_copy_that_is_read_passes() {
    let texts = [
        "fn f(m) { m.a = 1; m } print(f(#{}));",
        "fn f(m) { m.a = 1; print(m); } f(#{});",
        "fn f(m) { m.a = 1; return m; } print(f(#{}));",
        "fn f(m) { while m.len < 3 { m.push(1); } } f([]);",
        "fn f(m) { let g = || m.a = 1; g.call(); print(m); } f(#{});",
        "fn f(stack) { let x = stack.pop(); print(x); } f([1]);",
        "fn f(n) { if n == () { n = 5; } print(n); } f(1);",
        "fn f(s) { s.count = 1 } f(state);",
        "fn f(s) { for one in s { one.n = 1; print(one); } } f([#{}]);",
        "let all = [#{}]; for i in 0..all.len { all[i].a = 1; } print(all);",
        "let list = [#{ a: 2 }]; let x = list[0]; x.a = 1; print(x);",
        "let list = [1]; list.for_each(|| this += 1); print(list);",
        "let x = #{}; x.a = 1;",
        "let all = [#{}]; let kept = []; for x in all { x.a = 1; kept.push(x); } print(kept);",
    ];
    expect![[r#"
        > fn f(m) { m.a = 1; m } print(f(#{}));
        > fn f(m) { m.a = 1; print(m); } f(#{});
        > fn f(m) { m.a = 1; return m; } print(f(#{}));
        > fn f(m) { while m.len < 3 { m.push(1); } } f([]);
        > fn f(m) { let g = || m.a = 1; g.call(); print(m); } f(#{});
        > fn f(stack) { let x = stack.pop(); print(x); } f([1]);
        > fn f(n) { if n == () { n = 5; } print(n); } f(1);
        > fn f(s) { s.count = 1 } f(state);
        > fn f(s) { for one in s { one.n = 1; print(one); } } f([#{}]);
        > let all = [#{}]; for i in 0..all.len { all[i].a = 1; } print(all);
        > let list = [#{ a: 2 }]; let x = list[0]; x.a = 1; print(x);
        > let list = [1]; list.for_each(|| this += 1); print(list);
        > let x = #{}; x.a = 1;
        > let all = [#{}]; let kept = []; for x in all { x.a = 1; kept.push(x); } print(kept);
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn a_case_that_never_matches_is_found() {
    let texts = [
        "let r = branch().chat(\"x\"); switch r { 1 => print(1), 2 | 3 => { print(2) } 4 if r.len > 1 => (), _ => () }",
        "let n = [1, 2].len; switch n { \"1\" => print(1), true => { print(2); } 'c' => 4, _ => #{ a: 1 } }",
        "let n = [1, 2].len; switch n { 1 => print(\"a, b\"), -1 => 3, 2..5 => { print(`${n} => \"x\"`); }, _ => () }",
        "let r = branch().chat(\"x\"); switch r { \"yes\" | \"no\" => [1, 2], #\"a\"# => #{ b: 1 }, _ => () }",
        "fn f(x) { switch x { 1 => 2, \"a\" => 3, _ => 4 } } print(f(1));",
        "let ok = [1].is_empty(); switch ok { \"true\" => 1, _ => 2 }",
    ];
    expect![[r##"
        > let r = branch().chat("x"); switch r { 1 => print(1), 2 | 3 => { print(2) } 4 if r.len > 1 => (), _ => () }
        K0031 1:40 this case is an int, but the value is a string
            write the case as a text, `"1"`, or `switch text.parse_int() { .. }`
        K0031 1:55 this case is an int, but the value is a string
            write the case as a text, `"1"`, or `switch text.parse_int() { .. }`
        K0031 1:59 this case is an int, but the value is a string
            write the case as a text, `"1"`, or `switch text.parse_int() { .. }`
        K0031 1:77 this case is an int, but the value is a string
            write the case as a text, `"1"`, or `switch text.parse_int() { .. }`
        > let n = [1, 2].len; switch n { "1" => print(1), true => { print(2); } 'c' => 4, _ => #{ a: 1 } }
        K0031 1:32 this case is a string, but the value is an int
            write the case as a number, without quotes
        K0031 1:49 this case is a bool, but the value is an int
        K0031 1:71 this case is a char, but the value is an int
            write the case as a number, without quotes
        > let n = [1, 2].len; switch n { 1 => print("a, b"), -1 => 3, 2..5 => { print(`${n} => "x"`); }, _ => () }
        > let r = branch().chat("x"); switch r { "yes" | "no" => [1, 2], #"a"# => #{ b: 1 }, _ => () }
        > fn f(x) { switch x { 1 => 2, "a" => 3, _ => 4 } } print(f(1));
        > let ok = [1].is_empty(); switch ok { "true" => 1, _ => 2 }
        K0031 1:38 this case is a string, but the value is a bool
            write `true` or `false`, without quotes
    "##]].assert_eq(&said_of(&texts));
}

#[test]
fn a_property_that_no_value_of_this_kind_has_is_found() {
    let texts = [
        "let r = branch().operate(\"x\", #{ schema: \"a: integer\" }); print(r.b); print(r.a);",
        "let r = branch().chat(\"x\", #{ schema: #{ type: \"object\", properties: #{ a: #{ type: \"string\" } } } }); print(r.b);",
        "let r = branch().react(\"x\", #{ trace: true }); print(r.step); print(r.steps[0].thougt); print(r.steps[0].calls[0].tol);",
        "let r = branch().parse(\"x\", \"city: string\"); print(r.town);",
        "let r = parse(\"{city: 'Oslo'}\", \"city: string\"); print(r.city);",
        "let r = evolve(#{ start: \"x\", ask: |t, i| t, judge: |a, i| 1.0, train: [1], valid: [1, 2] }); print(r.bst); print(r.before.scor);",
        "print(used().price); print(attempt(|| 1).err); print(command(\"ls\", []).out);",
        "let o = optimizer(); print(o.recommend(\"t\").patern); print(o.get_insights().best); print(o.failures()[0].lesso);",
        "let o = optimizer(); print(o.compare(\"t\", #{}, []).verdct); print(o.run(\"t\", #{}, 1).valu);",
        "try { throw 1 } catch (e) { print(failure(e).mesage); } print(assert_throws(|| 1).knd);",
        "let t = tool(\"a\", \"b\", \"x: integer\", |x| x); print(t.nme); let b = branch(); print(b.usage.inputs); print(b.messages[0].text);",
        "let r = branch().operate(\"x\", #{ schema: #{ type: \"object\", properties: #{ a: true }, additionalProperties: true } }); print(r.b);",
    ];
    expect![[r#"
        > let r = branch().operate("x", #{ schema: "a: integer" }); print(r.b); print(r.a);
        K0030 1:67 the schema of this answer has no field `b`
            it has: a
        > let r = branch().chat("x", #{ schema: #{ type: "object", properties: #{ a: #{ type: "string" } } } }); print(r.b);
        K0030 1:112 the schema of this answer has no field `b`
            it has: a
        > let r = branch().react("x", #{ trace: true }); print(r.step); print(r.steps[0].thougt); print(r.steps[0].calls[0].tol);
        K0005 1:18 `react` needs tools, and this branch has none
            pass `#{ tools: [..] }`, or ask without tools by `operate`
        K0030 1:56 the result with `trace: true` has no property `step`
            did you mean `steps`?
        K0030 1:80 a step has no property `thougt`
            did you mean `thought`?
        K0030 1:115 a call of a step has no property `tol`
            did you mean `tool`?
        > let r = branch().parse("x", "city: string"); print(r.town);
        K0030 1:54 the schema of this answer has no field `town`
            it has: city
        > let r = parse("{city: 'Oslo'}", "city: string"); print(r.city);
        > let r = evolve(#{ start: "x", ask: |t, i| t, judge: |a, i| 1.0, train: [1], valid: [1, 2] }); print(r.bst); print(r.before.scor);
        K0031 1:72 `evolve` needs at least 3 items in `train` (`batch`), and has 1
        K0030 1:103 the result of `evolve` has no property `bst`
            did you mean `best`?
        K0030 1:124 a result of `evolve` on the held-out items has no property `scor`
            did you mean `score`?
        > print(used().price); print(attempt(|| 1).err); print(command("ls", []).out);
        K0030 1:14 the result of `used` has no property `price`
            it has: calls, cost, under_way
        K0030 1:42 the result of `attempt` has no property `err`
            it has: ok, value, error
        K0030 1:72 the result of `command` has no property `out`
            it has: code, stdout, stderr
        > let o = optimizer(); print(o.recommend("t").patern); print(o.get_insights().best); print(o.failures()[0].lesso);
        K0030 1:45 a recommendation has no property `patern`
            did you mean `pattern`?
        K0030 1:77 the result of `get_insights` has no property `best`
            it has: most_used_pattern, fastest_pattern, total_executions, pattern_usage, avg_performance, by_task, insight
        K0030 1:106 an item of `failures` has no property `lesso`
            did you mean `lesson`?
        > let o = optimizer(); print(o.compare("t", #{}, []).verdct); print(o.run("t", #{}, 1).valu);
        K0031 1:43 `compare` needs at least two patterns
        K0030 1:52 the result of `compare` has no property `verdct`
            did you mean `verdict`?
        K0030 1:86 the result of `run` has no property `valu`
            did you mean `value`?
        > try { throw 1 } catch (e) { print(failure(e).mesage); } print(assert_throws(|| 1).knd);
        K0030 1:46 the error has no property `mesage`
            did you mean `message`?
        K0030 1:83 the error has no property `knd`
            did you mean `kind`?
        > let t = tool("a", "b", "x: integer", |x| x); print(t.nme); let b = branch(); print(b.usage.inputs); print(b.messages[0].text);
        K0030 1:54 a tool has no property `nme`
            did you mean `name`?
        K0030 1:92 `usage` has no property `inputs`
            did you mean `input`?
        K0030 1:121 a message has no property `text`
            it has: role, content, calls
        > let r = branch().operate("x", #{ schema: #{ type: "object", properties: #{ a: true }, additionalProperties: true } }); print(r.b);
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_literal_out_of_bounds_is_found() {
    let texts = [
        "branch().operate(\"x\", #{ protocol: \"xml\" });",
        "tool(\"a\", \"b\", \"x: integer\", |x| x, #{ effects: \"none\", max_result: 0 });",
        "vote(\"demo/echo\", \"x\", #{ n: 0 });",
        "best_of(\"demo/echo\", \"x\", #{ n: 3 });",
        "debate(\"demo/echo\", \"x\", #{ sides: 1, rounds: -1 }); refine(\"demo/echo\", \"x\", #{ rounds: 0 });",
        "vote(\"demo/echo\", \"x\", #{ n: 2, settings: #{ temperature: -1, max_tokens: 0 } });",
        "retry(0, || 1); timeout(-5, || 1); sleep(-1); retry(1, || 1);",
        "branch().chat(\"x\", #{ temperature: -1, top_p: 1.5, max_tokens: 0, attempts_max: 0 });",
        "branch().chat(\"x\", #{ temperature: 0, top_p: 1, seed: 0 });",
        "branch().react(\"x\", #{ max_steps: 0, max_tool_calls: 0, context_max: 0, keep: \"none\" });",
        "optimizer().compare(\"t\", #{}, [], #{ confidence: 95, repeat: 0, max_concurrent: 0, warm_up: -1, min_effect: 0 });",
        "session().flow(builder(\"g\"), #{ max_concurrent: 0, timeout_ms: 0, budget: #{ max_calls: 0 } });",
        "evolve(#{ train: [1], valid: [1, 2] });",
    ];
    expect![[r#"
        > branch().operate("x", #{ protocol: "xml" });
        K0031 1:36 option `protocol` of `operate`: must be "auto", "native" or "schema", not "xml"
        > tool("a", "b", "x: integer", |x| x, #{ effects: "none", max_result: 0 });
        K0031 1:49 option `effects` of `tool`: must be "read" or "write", not "none"
        K0031 1:69 option `max_result` of `tool`: must be a whole number of at least 1, not 0
        > vote("demo/echo", "x", #{ n: 0 });
        K0031 1:30 option `n` of `vote`: must be a whole number of at least 1, not 0
        > best_of("demo/echo", "x", #{ n: 3 });
        K0005 1:27 `best_of` needs `judge`, a function from an answer to 0..1
        > debate("demo/echo", "x", #{ sides: 1, rounds: -1 }); refine("demo/echo", "x", #{ rounds: 0 });
        K0031 1:36 option `sides` of `debate`: must be a whole number of at least 2, not 1
        K0031 1:47 option `rounds` of `debate`: must be a whole number of at least 0, not -1
        > vote("demo/echo", "x", #{ n: 2, settings: #{ temperature: -1, max_tokens: 0 } });
        K0031 1:59 option `temperature` of `chat`: must be a number of at least 0, not -1
        K0031 1:75 option `max_tokens` of `chat`: must be a whole number of at least 1, not 0
        > retry(0, || 1); timeout(-5, || 1); sleep(-1); retry(1, || 1);
        K0031 1:7 argument 1 of `retry`: must be a whole number of at least 1, not 0
        K0031 1:25 argument 1 of `timeout`: must be a whole number of at least 1, not -5
        K0031 1:42 argument 1 of `sleep`: must be a number of at least 0, not -1
        > branch().chat("x", #{ temperature: -1, top_p: 1.5, max_tokens: 0, attempts_max: 0 });
        K0031 1:36 option `temperature` of `chat`: must be a number of at least 0, not -1
        K0031 1:47 option `top_p` of `chat`: must be a number from 0 to 1, not 1.5
        K0031 1:64 option `max_tokens` of `chat`: must be a whole number of at least 1, not 0
        K0031 1:81 option `attempts_max` of `chat`: must be a whole number of at least 1, not 0
        > branch().chat("x", #{ temperature: 0, top_p: 1, seed: 0 });
        > branch().react("x", #{ max_steps: 0, max_tool_calls: 0, context_max: 0, keep: "none" });
        K0005 1:10 `react` needs tools, and this branch has none
            pass `#{ tools: [..] }`, or ask without tools by `operate`
        K0031 1:35 option `max_steps` of `react`: must be a whole number of at least 1, not 0
        K0031 1:54 option `max_tool_calls` of `react`: must be a whole number of at least 1, not 0
        K0031 1:70 option `context_max` of `react`: must be a whole number of at least 1, not 0
        K0031 1:79 option `keep` of `react`: must be "all", "answer" or "nothing", not "none"
        > optimizer().compare("t", #{}, [], #{ confidence: 95, repeat: 0, max_concurrent: 0, warm_up: -1, min_effect: 0 });
        K0031 1:26 `compare` needs at least two patterns
        K0031 1:50 option `confidence` of `compare`: must be a number above 0 and below 1, not 95
        K0031 1:62 option `repeat` of `compare`: must be a whole number of at least 1, not 0
        K0031 1:81 option `max_concurrent` of `compare`: must be a whole number of at least 1, not 0
        K0031 1:93 option `warm_up` of `compare`: must be a whole number of at least 0, not -1
        K0031 1:109 option `min_effect` of `compare`: must be a number above 0 and below 1, not 0
        > session().flow(builder("g"), #{ max_concurrent: 0, timeout_ms: 0, budget: #{ max_calls: 0 } });
        K0031 1:49 option `max_concurrent` of `flow`: must be a whole number of at least 1, not 0
        K0031 1:64 option `timeout_ms` of `flow`: must be a whole number of at least 1, not 0
        K0031 1:89 option `max_calls` of `budget`: must be a whole number of at least 1, not 0
        > evolve(#{ train: [1], valid: [1, 2] });
        K0005 1:8 `evolve` needs `start`, the text to begin with
        K0005 1:8 `evolve` needs `ask`, a function `|text, item| ..`
        K0005 1:8 `evolve` needs `judge`, a function `|answer, item| ..`
        K0031 1:18 `evolve` needs at least 3 items in `train` (`batch`), and has 1
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn wrong_options_of_a_pattern_are_found() {
    let texts = [
        "fan_out(\"demo/echo\", \"x\", #{});",
        "fan_out(\"demo/echo\", \"x\", #{ parts: [], combine: 5 });",
        "cascade(\"demo/echo\", \"x\", #{ models: \"demo/small\", accept: true });",
        "refine(\"demo/echo\", \"x\", #{ critique: 3, rounds: -1 });",
        "tool_vote(\"demo/echo\", \"x\", #{ tools: [], settings: 4 });",
        "sequential(\"demo/echo\", \"x\", #{ steps: \"Shorten it.\" });",
        "evolve(#{ start: \"a\", ask: |t, i| t, judge: 1, train: [1, 2, 3] });",
        "evolve(#{ start: \"a\", ask: |t, i| t, judge: |a, i| 1, train: [1, 2, 3], valid: [4, 5], \
         max_proposals: 0, confidence: 2, max_cost: -1, repeat: 0.5, held_out: [6] });",
    ];
    expect![[r#"
        > fan_out("demo/echo", "x", #{});
        K0005 1:27 `fan_out` needs `parts`, a list with at least one item
        > fan_out("demo/echo", "x", #{ parts: [], combine: 5 });
        K0031 1:37 option `parts` of `fan_out`: must be a list with at least one item, not `[]`
        K0031 1:50 option `combine` of `fan_out`: must be a string, not an int
        > cascade("demo/echo", "x", #{ models: "demo/small", accept: true });
        K0031 1:38 option `models` of `cascade`: must be a list with at least one item, not a string
        K0031 1:60 option `accept` of `cascade`: must be a function, `|x| ..`, not a bool
        > refine("demo/echo", "x", #{ critique: 3, rounds: -1 });
        K0031 1:39 option `critique` of `refine`: must be a string, not an int
        K0031 1:50 option `rounds` of `refine`: must be a whole number of at least 0, not -1
        > tool_vote("demo/echo", "x", #{ tools: [], settings: 4 });
        K0031 1:39 option `tools` of `tool_vote`: must be a list with at least one item, not `[]`
        K0031 1:53 option `settings` of `tool_vote`: must be a map, not an int
        > sequential("demo/echo", "x", #{ steps: "Shorten it." });
        K0031 1:40 option `steps` of `sequential`: must be a list, not a string
        > evolve(#{ start: "a", ask: |t, i| t, judge: 1, train: [1, 2, 3] });
        K0005 1:8 `evolve` needs `valid`, a list of items to choose by
        K0031 1:45 option `judge` of `evolve`: must be a function, `|x| ..`, not an int
        > evolve(#{ start: "a", ask: |t, i| t, judge: |a, i| 1, train: [1, 2, 3], valid: [4, 5], max_proposals: 0, confidence: 2, max_cost: -1, repeat: 0.5, held_out: [6] });
        K0031 1:103 option `max_proposals` of `evolve`: must be a whole number of at least 1, not 0
        K0031 1:118 option `confidence` of `evolve`: must be a number above 0 and below 1, not 2
        K0031 1:131 option `max_cost` of `evolve`: must be a number of at least 0, not -1
        K0031 1:143 option `repeat` of `evolve`: must be a whole number of at least 1, not a float
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_dependency_on_no_operation_is_found() {
    let texts = [
        "let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"first\" }); \
         g.add_operation(|inputs| 2, #{ name: \"second\", depends_on: \"frist\" });",
        "let g = builder(\"g\"); let a = g.add_operation(\"chat\", #{ instruction: \"x\" }); \
         g.add_aggregation(\"chat\", #{ instruction: \"x\", source_node_ids: [a, \"chat\", \"chta\"] });",
        // Default names are numbered, expansions have theirs, and a builder from elsewhere has operations from there.
        "let g = builder(\"g\"); g.add_operation(|| 1); g.add_operation(|| 2); \
         g.add_operation(|inputs| 3, #{ depends_on: [\"call\", \"call_2\"] });",
        "let g = builder(\"g\"); let a = g.add_operation(|| [1]); g.expand(a, |x| #{ instruction: x }); \
         g.add_operation(|inputs| 3, #{ depends_on: \"expand\" });",
        "fn more(g) { g.add_operation(|inputs| 1, #{ name: \"more\", depends_on: \"first\" }); } \
         more(builder(\"g\"));",
        "let g = builder(\"g\"); for n in [\"a\", \"b\"] { g.add_operation(|| 1, #{ name: n }); } \
         g.add_operation(|inputs| 3, #{ depends_on: [\"a\", \"c\"] });",
    ];
    expect![[r#"
        > let g = builder("g"); g.add_operation(|| 1, #{ name: "first" }); g.add_operation(|inputs| 2, #{ name: "second", depends_on: "frist" });
        K0031 1:125 no operation of this script is named `frist`
            did you mean `first`?
        > let g = builder("g"); let a = g.add_operation("chat", #{ instruction: "x" }); g.add_aggregation("chat", #{ instruction: "x", source_node_ids: [a, "chat", "chta"] });
        K0031 1:155 no operation of this script is named `chta`
            did you mean `chat`?
        > let g = builder("g"); g.add_operation(|| 1); g.add_operation(|| 2); g.add_operation(|inputs| 3, #{ depends_on: ["call", "call_2"] });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
        > let g = builder("g"); let a = g.add_operation(|| [1]); g.expand(a, |x| #{ instruction: x }); g.add_operation(|inputs| 3, #{ depends_on: "expand" });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
        > fn more(g) { g.add_operation(|inputs| 1, #{ name: "more", depends_on: "first" }); } more(builder("g"));
        > let g = builder("g"); for n in ["a", "b"] { g.add_operation(|| 1, #{ name: n }); } g.add_operation(|inputs| 3, #{ depends_on: ["a", "c"] });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn what_operations_give_is_known_from_their_options() {
    let graph = "let g = builder(\"g\"); \
                 g.add_operation(\"operate\", #{ name: \"rate\", instruction: \"x\", schema: \"score: integer\" }); \
                 g.add_operation(\"react\", #{ name: \"act\", instruction: \"x\", trace: true }); \
                 g.add_operation(\"chat\", #{ name: \"draft\", instruction: \"x\" }); \
                 g.add_operation(|| #{ a: 1 }, #{ name: \"own\" }); ";
    let with = |rest: &str| format!("{graph}{rest}");
    let texts = [
        with("let r = session().flow(g); print(r.result(\"rate\").scroe);"),
        with("let r = session().flow(g); print(r.result(\"act\").anser);"),
        with("let r = session().flow(g); if r.result(\"draft\") > 3 { print(1); }"),
        with("g.add_operation(|inputs| inputs.rate.scroe, #{ depends_on: \"rate\" });"),
        with("g.add_operation(|inputs| inputs.draft > 3, #{ depends_on: [\"draft\"] });"),
        // What is right, what a function gives, what may be missing, and a name of two operations.
        with("let r = session().flow(g); print(r.result(\"rate\").score + r.result(\"own\").b);"),
        with("g.add_operation(|inputs| inputs.draft == (), #{ depends_on: [\"draft\"] });"),
        with(
            "g.add_operation(|inputs| inputs.draft ?? \"none\", #{ depends_on: [\"draft\"] }); \
             let h = builder(\"h\"); h.add_operation(|| #{}, #{ name: \"rate\" }); \
             print(session().flow(h).result(\"rate\").other);",
        ),
    ];
    let said = said_of(&texts.each_ref().map(String::as_str));
    expect![[r#"
        > .. let r = session().flow(g); print(r.result("rate").scroe);
        K0030 1:351 the schema of this answer has no field `scroe`
            did you mean `score`?
        > .. let r = session().flow(g); print(r.result("act").anser);
        K0030 1:350 the result with `trace: true` has no property `anser`
            it has: value, steps, calls, tool_calls, cost, stopped
        > .. let r = session().flow(g); if r.result("draft") > 3 { print(1); }
        K0031 1:349 `>` between a string and an int is always false
            write `text.parse_int()` or `text.parse_float()` to compare numbers
        > .. g.add_operation(|inputs| inputs.rate.scroe, #{ depends_on: "rate" });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
        K0030 1:338 the schema of this answer has no field `scroe`
            did you mean `score`?
        > .. g.add_operation(|inputs| inputs.draft > 3, #{ depends_on: ["draft"] });
        K0031 1:339 `>` between a string and an int is always false
            write `text.parse_int()` or `text.parse_float()` to compare numbers
        > .. let r = session().flow(g); print(r.result("rate").score + r.result("own").b);
        > .. g.add_operation(|inputs| inputs.draft == (), #{ depends_on: ["draft"] });
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
        > .. g.add_operation(|inputs| inputs.draft ?? "none", #{ depends_on: ["draft"] }); let h = builder("h"); h.add_operation(|| #{}, #{ name: "rate" }); print(session().flow(h).result("rate").other);
        K0023 1:5 no flow runs the operations of `g`
            write `let report = session().flow(g);`
    "#]].assert_eq(&said.replace(graph, ".. "));
}

#[test]
fn a_result_of_no_operation_is_found() {
    let graph = "let g = builder(\"g\"); g.add_operation(\"chat\", #{ name: \"draft\", instruction: \"x\" }); \
                 let r = session().flow(g); ";
    let unnamed = "let g = builder(\"g\"); g.add_operation(\"chat\", #{ instruction: \"x\" }); \
                   let r = session().flow(g); ";
    let texts = [
        format!("{graph}print(r.result(\"daft\"));"),
        format!("{graph}print(r.result(\"draft\")); print(r.result(\"each[0]\"));"),
        format!("{unnamed}print(r.result(\"draft\"));"),
    ];
    expect![[r#"
        > let g = builder("g"); g.add_operation("chat", #{ name: "draft", instruction: "x" }); let r = session().flow(g); print(r.result("daft"));
        K0031 1:128 no operation of this script is named `daft`
            did you mean `draft`?
        > let g = builder("g"); g.add_operation("chat", #{ name: "draft", instruction: "x" }); let r = session().flow(g); print(r.result("draft")); print(r.result("each[0]"));
        > let g = builder("g"); g.add_operation("chat", #{ instruction: "x" }); let r = session().flow(g); print(r.result("draft"));
        K0031 1:113 no operation of this script is named `draft`
    "#]].assert_eq(&said_of(&texts.each_ref().map(String::as_str)));
}

#[test]
fn a_division_that_drops_its_fraction_is_found() {
    let texts = [
        "let x = 5; x /= 2; print(x);",
        "let list = [1, 2]; print(sum(list) / list.len); print([1, 2].sum() / 3);",
        "print(param(\"n\", 5) / 3); print(\"7\".parse_int() / 2);",
        "let r = session().flow(builder(\"g\")); print(r.metrics.calls / 3); print(used().calls / 2);",
        "print(r.metrics.completed_operations / r.completed_operations.len);",
        "let list = [1, 2]; list.push(0.5); print(sum(list) / 2);",
        "let x = 5.0; x /= 2; print(x); print(param(\"n\", 5.0) / 3); print(sum([1.5, 2]) / 2);",
        "let list = [1.0, 2.0]; print(list.sum() / list.len);",
    ];
    expect![[r#"
        > let x = 5; x /= 2; print(x);
        K0017 1:14 this divides whole numbers, so the fraction is dropped
            write `x = x.to_float() / 2;` for a fraction, or `x = (x / 2).to_int();` if a whole number is meant
        > let list = [1, 2]; print(sum(list) / list.len); print([1, 2].sum() / 3);
        K0017 1:36 this divides whole numbers, so the fraction is dropped
            write `sum(list).to_float() / ..` for a fraction, or `(sum(list) / ..).to_int()` if a whole number is meant
        K0017 1:68 this divides whole numbers, so the fraction is dropped
            write `[1, 2].sum().to_float() / 3` for a fraction, or `([1, 2].sum() / 3).to_int()` if a whole number is meant
        > print(param("n", 5) / 3); print("7".parse_int() / 2);
        K0017 1:21 this divides whole numbers, so the fraction is dropped
            write `param("n", 5).to_float() / 3` for a fraction, or `(param("n", 5) / 3).to_int()` if a whole number is meant
        K0017 1:49 this divides whole numbers, so the fraction is dropped
            write `"7".parse_int().to_float() / 2` for a fraction, or `("7".parse_int() / 2).to_int()` if a whole number is meant
        > let r = session().flow(builder("g")); print(r.metrics.calls / 3); print(used().calls / 2);
        K0017 1:61 this divides whole numbers, so the fraction is dropped
            write `r.metrics.calls.to_float() / 3` for a fraction, or `(r.metrics.calls / 3).to_int()` if a whole number is meant
        K0017 1:86 this divides whole numbers, so the fraction is dropped
            write `used().calls.to_float() / 2` for a fraction, or `(used().calls / 2).to_int()` if a whole number is meant
        > print(r.metrics.completed_operations / r.completed_operations.len);
        K0002 1:7 unknown variable `r`
        K0017 1:38 this divides whole numbers, so the fraction is dropped
            write `r.metrics.completed_operations.to_float() / ..` for a fraction, or `(r.metrics.completed_operations / ..).to_int()` if a whole number is meant
        > let list = [1, 2]; list.push(0.5); print(sum(list) / 2);
        > let x = 5.0; x /= 2; print(x); print(param("n", 5.0) / 3); print(sum([1.5, 2]) / 2);
        > let list = [1.0, 2.0]; print(list.sum() / list.len);
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn what_check_says_is_what_works() {
    let texts = [
        "sleep(\"5s\"); timeout(\"5s\", || 1);",
        "print(to_int(\"5\")); print(\"5\".to_int()); print(\"5.5\".to_float()); print(5.5.to_int());",
        "print(json.dumps(#{})); time.sleep(1); time.sleep(2);",
        "print(\"abc\".slice(1)); print(\"a1\".matches(\"a\")); print(regex(\"a\")); print(\"true\".to_bool());",
        "print(\"a b\".words()); print(\"a\".lines()); print([1, 2].slice(1));",
        "print(\"a,b\".split(\",\", 0)); print(\"a,b\".split(\",\", -1)); print(\"a,b\".split(\",\", 2));",
    ];
    expect![[r#"
        > sleep("5s"); timeout("5s", || 1);
        K0031 1:7 `sleep`: argument 1 is a string, expected a float or an int
            write the time in milliseconds: `sleep(5000)`
        K0031 1:22 `timeout`: argument 1 is a string, expected an int
            write the time in milliseconds: `timeout(5000, || ..)`
        > print(to_int("5")); print("5".to_int()); print("5.5".to_float()); print(5.5.to_int());
        K0031 1:7 `to_int` is for numbers, not for a string
            write `text.parse_int()` for a text, or `number.to_int()`
        K0031 1:31 `to_int` is for numbers, not for a string
            write `text.parse_int()` for a text, or `number.to_int()`
        K0031 1:54 `to_float` is for numbers, not for a string
            write `text.parse_float()` for a text, or `number.to_float()`
        > print(json.dumps(#{})); time.sleep(1); time.sleep(2);
        K0021 1:7 `json.dumps` is from another language
            write `to_json(value)`
        K0021 1:25 `time.sleep` is from another language
            write `sleep(1000)`; the time is in milliseconds
        K0004 1:45 `sleep` is called without a value before it
            call it as `sleep(time_ms: float)` or `sleep(time_ms: int)`
        > print("abc".slice(1)); print("a1".matches("a")); print(regex("a")); print("true".to_bool());
        K0021 1:13 `slice` is from another language
            write `list.extract(0..2)`, or `text.sub_string(0..2)`
        K0003 1:35 a string has no method `matches`
            write `text.contains(part)`
        K0021 1:56 `regex` is from another language
            write `text.contains(part)`, `text.split(part)` or `text.replaced(part, other)`
        K0003 1:82 a string has no method `to_bool`
            write `text == "true"`
        > print("a b".words()); print("a".lines()); print([1, 2].slice(1));
        K0003 1:13 a string has no method `words`
            write `text.split()`
        K0003 1:33 a string has no method `lines`
            write `text.split("\n")`
        K0021 1:56 `slice` is from another language
            write `list.extract(0..2)`, or `text.sub_string(0..2)`
        > print("a,b".split(",", 0)); print("a,b".split(",", -1)); print("a,b".split(",", 2));
        K0019 1:24 `split` with 0 pieces returns the whole text
            the number counts pieces; write 2 to cut the text once
        K0019 1:52 `split` with -1 pieces returns the whole text
            the number counts pieces; write 2 to cut the text once
    "#]].assert_eq(&said_of(&texts));
}

#[test]
fn a_function_of_the_script_may_have_the_name_of_a_word() {
    let texts = [
        "fn exit(n) { print(n) } exit(3);",
        "fn join(a) { print(a) } join([1]);",
        "fn sum(a) { print(a) } sum(1);",
    ];
    expect![[r#"
        > fn exit(n) { print(n) } exit(3);
        > fn join(a) { print(a) } join([1]);
        > fn sum(a) { print(a) } sum(1);
    "#]]
    .assert_eq(&said_of(&texts));
}

#[test]
fn every_word_and_sign_of_the_language_has_an_entry() {
    let words = [
        "elif", "await", "?.", "??", "?[", "in", "is", "async", "yield", "class", "None", "null",
        "try", "catch", "throw", "const", "switch", "while", "loop", "do", "until", "import",
        "export", "fn", "private", "this", "Fn", "call", "curry", "=>", "|x|", "#{", "[..]", "..",
        "..=", "`", "${", "def", "lambda", "and",
    ];
    let project = Project::new();
    let mut found = String::new();
    for word in words {
        let ran = project.kaizen(&["doc", word]);
        let first: Vec<&str> = ran.stdout.lines().filter(|line| !line.is_empty()).take(2).collect();
        found += &format!("{word}: {}\n", first.join(" ~ "));
        assert_eq!(ran.code, Some(0), "{word}: {}", ran.stderr);
    }
    expect![[r#"
        elif: `elif` is from another language: write `} else if condition { .. }` ~ else  (the language)
        await: `await` is from another language: leave it out: a call waits for its reply
        ?.: map  (the language) ~     #{ key: VALUE, "any key": VALUE }
        ??: map  (the language) ~     #{ key: VALUE, "any key": VALUE }
        ?[: map  (the language) ~     #{ key: VALUE, "any key": VALUE }
        in: in  (the language) ~     ITEM in LIST
        is: `is` is from another language: write `==`, or `type_of(x) == "string"`
        async: `async` is from another language: leave it out: a call waits for its reply
        yield: `yield` is from another language: collect the values in a list, and return it
        class: scripts have no classes: write functions, and keep values together in a map: `#{ a: 1 }` ~   analyze_failure  Returns the lesson of a failure.
        None: `None` is from another language: write `()`, which stands for no value ~ map  (the language)
        null: `null` is from another language: write `()`, which stands for no value ~ map  (the language)
        try: try  (the language) ~     try { .. } catch (e) { .. }
        catch: catch  (the language) ~     try { .. } catch (e) { .. }
        throw: throw  (the language) ~     throw VALUE;
        const: const  (the language) ~     const NAME = VALUE;
        switch: switch  (the language) ~     switch VALUE { CASE => VALUE, CASE | CASE => VALUE, CASE if CONDITION => VALUE, _
        while: while  (the language) ~     while CONDITION { .. }
        loop: loop  (the language) ~     loop { .. }
        do: do  (the language) ~     do { .. } while CONDITION
        until: until  (the language) ~     do { .. } while CONDITION
        import: import  (the language) ~     import "path" as NAME;
        export: export  (the language) ~     export const NAME = VALUE;
        fn: fn  (the language) ~     fn NAME(PARAMETER, ..) { .. }
        private: private  (the language) ~     private fn NAME(PARAMETER, ..) { .. }
        this: this  (the language) ~     this
        Fn: Fn  (the language) ~     Fn(name: string) -> function
        call: call  (the language) ~     call(function: function, ..) -> any
        curry: curry  (the language) ~     curry(function: function, ..) -> function
        =>: switch  (the language) ~     switch VALUE { CASE => VALUE, CASE | CASE => VALUE, CASE if CONDITION => VALUE, _
        |x|: closure  (the language) ~     |PARAMETER, ..| EXPRESSION
        #{: map  (the language) ~     #{ key: VALUE, "any key": VALUE }
        [..]: array  (the language) ~     [ITEM, ITEM, ..]
        ..: range  (the language) ~     START..END
        ..=: range  (the language) ~     START..END
        `: text  (the language) ~     "text with \n escapes"
        ${: text  (the language) ~     "text with \n escapes"
        def: `def` is from another language: write `fn name(a, b) { .. }`
        lambda: `lambda` is from another language: write `|x| x + 1` ~   closure  Creates a function without a name, which sees the variables around it.
        and: `and` is from another language: write `a && b` ~ true  (the language)
    "#]].assert_eq(&found);
}
