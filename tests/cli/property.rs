//! Properties that kaizen's own values do not have: an error with a suggestion, found before the first call
//! where the kind of the value is known, and else while the script runs.

use crate::support::Project;

/// Runs a script and gives its value, or the message of the error that ended it.
fn value(script: &str) -> String {
    let (ran, done) = Project::new().script(script);
    match (done["status"].as_str(), done["error"]["message"].as_str()) {
        (Some("ok"), _) => done["value"].to_string(),
        (_, Some(message)) => format!("error: {message}"),
        _ => ran.stdout + ran.stderr.as_str(),
    }
}

/// A function through which no check sees the kind of a value.
fn hidden(expression: &str) -> String {
    format!(
        "fn pass(x) {{ x }}\nlet o = optimizer(#{{ memory: true }});\nlet b = branch(\"demo/echo\");\n{expression}\n"
    )
}

#[test]
fn a_property_that_no_check_can_find_is_an_error_of_the_run() {
    let mut found = String::new();
    for expression in [
        "pass(attempt(|| 1)).err",
        "pass(attempt(|| throw \"x\")).error.mesage",
        "pass(o.recommend(\"qa\")).patern",
        "pass(used()).price",
        "pass(command(\"echo\", [\"a\"])).stdot",
        "pass(o.get_insights()).most_used",
        "pass(b.usage).inputs",
        "pass(gather([|| 1], #{ settle: true }))[0].eror",
        "pass(attempt(|| 1))[\"valeu\"]",
        "pass(b.operate(\"x\", #{ trace: true })).valu",
        "pass(analyze_failure(\"a\", \"b\", \"c\")).lessn",
        "try { retry(pass(0), || 1) } catch (e) { e.knid }",
        "try { imodel(#{ provider: \"nope\", model: \"x\" }) } catch (e) { pass(e).mesage }",
    ] {
        let script = hidden(expression);
        found += &format!("{expression}\n    {}\n", value(&script));
    }

    expect_test::expect![[r#"
        pass(attempt(|| 1)).err
            error: the result of `attempt` has no property `err`; it has: ok, value, error
        pass(attempt(|| throw "x")).error.mesage
            error: the error has no property `mesage`; did you mean `message`?
        pass(o.recommend("qa")).patern
            error: a recommendation has no property `patern`; did you mean `pattern`?
        pass(used()).price
            error: the result of `used` has no property `price`; it has: calls, cost, under_way
        pass(command("echo", ["a"])).stdot
            error: running `echo` is not granted; run with `--allow-run=echo`, or add "echo" to `run` under [permissions] in kaizen.toml
        pass(o.get_insights()).most_used
            error: the result of `get_insights` has no property `most_used`; it has: most_used_pattern, fastest_pattern, total_executions, pattern_usage, avg_performance, by_task, insight
        pass(b.usage).inputs
            error: `usage` has no property `inputs`; did you mean `input`?
        pass(gather([|| 1], #{ settle: true }))[0].eror
            error: the result of `attempt` has no property `eror`; did you mean `error`?
        pass(attempt(|| 1))["valeu"]
            error: the result of `attempt` has no property `valeu`; did you mean `value`?
        pass(b.operate("x", #{ trace: true })).valu
            error: the result with `trace: true` has no property `valu`; did you mean `value`?
        pass(analyze_failure("a", "b", "c")).lessn
            error: the result of `analyze_failure` has no property `lessn`; did you mean `lesson`?
        try { retry(pass(0), || 1) } catch (e) { e.knid }
            error: the error has no property `knid`; did you mean `kind`?
        try { imodel(#{ provider: "nope", model: "x" }) } catch (e) { pass(e).mesage }
            error: the error has no property `mesage`; did you mean `message`?
    "#]].assert_eq(&found);
}

#[test]
fn a_property_of_inputs_metrics_and_results_is_an_error_of_the_run() {
    let graph = |last: &str| {
        format!(
            "fn pass(x) {{ x }}\nlet g = builder(\"g\");\n\
             let a = g.add_operation(|| 1, #{{ name: \"alpha\" }});\n\
             g.add_operation(|inputs| pass(inputs).alpa, #{{ name: \"beta\", depends_on: [a] }});\n\
             g.add_operation(|inputs| pass(inputs).alpha, #{{ name: \"gamma\", depends_on: [a] }});\n\
             g.add_operation(|inputs| pass(inputs).alpha, #{{ name: \"alone\" }});\n\
             let r = session(branch(\"demo/echo\")).flow(g, #{{ allow_failures: true }});\n{last}\n"
        )
    };

    let mut found = String::new();
    for last in [
        "r.errors.beta.message",
        "r.errors.alone.message",
        "r.operation_results.gamma",
        "r.operation_results.beta",
        "pass(r.operation_results).gama",
        "pass(r.errors).bta",
        "r.errors.gamma",
        "pass(r.metrics).succes_rate",
        "pass(r.metrics).tokens.inptu",
        "pass(r.metrics).critical_path_time > 0.0",
    ] {
        found += &format!("{last}\n    {}\n", value(&graph(last)));
    }

    expect_test::expect![[r#"
        r.errors.beta.message
            "`inputs` has no `alpa`; did you mean `alpha`?"
        r.errors.alone.message
            "`inputs` has no `alpha`; name the operation in `depends_on` among the options of this one"
        r.operation_results.gamma
            1
        r.operation_results.beta
            null
        pass(r.operation_results).gama
            error: `operation_results` has no `gama`; did you mean `gamma`?
        pass(r.errors).bta
            error: `errors` has no `bta`; did you mean `beta`?
        r.errors.gamma
            null
        pass(r.metrics).succes_rate
            error: `metrics` has no property `succes_rate`; did you mean `success_rate`?
        pass(r.metrics).tokens.inptu
            error: `tokens` has no property `inptu`; did you mean `input`?
        pass(r.metrics).critical_path_time > 0.0
            true
    "#]]
    .assert_eq(&found);
}

#[test]
fn such_a_map_is_a_map_in_everything_else() {
    let script = r#"
let r = attempt(|| 1);
r.note = "mine";
let copy = r + #{ more: 2 };
let keys = r.keys();
keys.sort();
let own = #{ a: 1 };
let changed = attempt(|| [1]);
changed.value.push(2);
changed.remove("error");
#{
    type: type_of(r), keys: keys, has: "ok" in r, lacks: "nope" in r, len: r.len(),
    text: `${attempt(|| 1)}`, json: to_json(attempt(|| 1)), same: attempt(|| 1) == attempt(|| 1),
    equal: attempt(|| 1) == #{ ok: true, value: 1, error: () }, turned: #{ ok: true, value: 1, error: () } == attempt(|| 1),
    other: attempt(|| 1) != #{ ok: true }, note: r.note, more: copy.more, own: own.nothing, safe: r?.ok,
    within: [attempt(|| 1)].contains(attempt(|| 1)), nested: [r.value] == [1], changed: changed,
    listed: r.values().len(), thrown: attempt(|| throw attempt(|| throw "x").error).error.message,
    fell: own.a.type_of(), mapped: attempt(|| 1).map(|k, v| k).ok, filtered: used().filter(|k, v| k == "calls").calls,
}
"#;
    expect_test::expect![[r##"{"changed":{"ok":true,"value":[1,2]},"equal":true,"fell":"i64","filtered":0,"has":true,"json":"{\"error\":null,\"ok\":true,\"value\":1}","keys":["error","note","ok","value"],"lacks":false,"len":4,"listed":4,"mapped":"ok","more":2,"nested":true,"note":"mine","other":true,"own":null,"safe":true,"same":true,"text":"#{\"error\": (), \"ok\": true, \"value\": 1}","thrown":"x","turned":true,"type":"map","within":true}"##]].assert_eq(&value(script));
}

/// Checks a script and gives what was found, one line for each.
fn checked(script: &str) -> String {
    let project = Project::new();
    project.file("s.rhai", script);
    let ran = project.kaizen(&["check", "--json", "s.rhai"]);
    let line = |line: &str| {
        let fault: serde_json::Value = serde_json::from_str(line).expect("a fault in JSON");
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let place = format!("{}:{}", fault["line"], fault["column"]);
        format!(
            "{} {} {place} {} | {}\n",
            text("level"),
            text("code"),
            text("message"),
            text("help")
        )
    };
    ran.stdout.lines().map(line).collect()
}

#[test]
fn a_property_of_a_value_whose_kind_is_known_is_found_before_the_first_call() {
    let script = r#"let g = builder("g");
let a = g.add_operation("communicate", #{ name: "alpha", instruction: "A?" });
let b = g.add_operation(|inputs| inputs.alpa, #{ name: "beta", depends_on: [a] });
g.add_operation(|inputs, b| { let x = inputs; x["bta"] + b.usage.inptu }, #{ depends_on: ["alpha", b] });
g.add_operation(|given| given.alpha, #{ name: "gamma", when: |i| i.beta == 1 });
g.add_operation(|inputs| inputs.beta, #{ depends_on: "beta" });
let report = session(branch()).flow(g);
print(report.metrics.succes_rate);
print(report["completed_operations"]);
print(report.complete_operations);
print(a.result);
let figures = report.metrics;
if figures.calls > 1 { print(figures.tokens.inputs); }
fn used_up(limit) { used().price > limit }
let r = attempt(|| 1);
let ask = || r.err;
print(attempt(|| throw "x").error.mesage);
let o = optimizer();
print(o.recommend("qa").patern + o.recommend("qa").alternatives[0].patern);
for f in o.failures() { print(f.cout); }
for other in o.recommend("qa").alternatives { print(other.scor); }
o.failures().map(|f| f.lessn);
gather([|| 1], #{ settle: true })[0].eror;
for m in branch().messages { print(m.rol); }
let done = o.run("qa", #{ one: |x, b| b.usag }, "input");
print(done.metrics.tokens.outpt);
print(command("ls", []).stdot);
try { r.ok } catch { failure("x").knd }
"#;
    expect_test::expect![[r#"
        error K0030 3:41 `inputs` has no `alpa` | did you mean `alpha`?
        error K0030 4:49 `inputs` has no `bta` | did you mean `beta`?
        error K0030 4:66 `usage` has no property `inptu` | did you mean `input`?
        error K0030 5:31 `inputs` has no `alpha` | name the operation in `depends_on` among the options of this one
        error K0030 5:68 `inputs` has no `beta` | name the operation in `depends_on` among the options of this one
        error K0030 8:22 `metrics` has no property `succes_rate` | did you mean `success_rate`?
        error K0030 9:14 a report cannot be indexed with `[..]` | write `.completed_operations`
        error K0030 10:14 a report has no property `complete_operations` | did you mean `completed_operations`?
        error K0030 11:9 a node has no property `result` | its value is in the report of the flow: `report.result(node)`
        error K0030 13:45 `tokens` has no property `inputs` | did you mean `input`?
        error K0030 14:28 the result of `used` has no property `price` | it has: calls, cost, under_way
        error K0030 16:16 the result of `attempt` has no property `err` | it has: ok, value, error
        error K0030 17:35 the error has no property `mesage` | did you mean `message`?
        error K0030 19:25 a recommendation has no property `patern` | did you mean `pattern`?
        error K0030 19:68 an alternative has no property `patern` | did you mean `pattern`?
        error K0030 20:33 an item of `failures` has no property `cout` | did you mean `count`?
        error K0030 21:59 an alternative has no property `scor` | did you mean `score`?
        error K0030 22:24 an item of `failures` has no property `lessn` | did you mean `lesson`?
        error K0030 23:38 the result of `attempt` has no property `eror` | did you mean `error`?
        error K0030 24:38 a message has no property `rol` | did you mean `role`?
        error K0030 25:41 a branch has no property `usag` | did you mean `usage`?
        error K0030 26:27 `tokens` has no property `outpt` | did you mean `output`?
        error K0030 27:25 the result of `command` has no property `stdot` | did you mean `stdout`?
        error K0030 28:35 the error has no property `knd` | did you mean `kind`?
    "#]].assert_eq(&checked(script));
}

#[test]
fn an_argument_that_no_form_takes_is_found_before_the_first_call() {
    let script = r#"let b = branch();
b.communicate("x", 0.5);
retry(|| 1, 3);
let g = builder("g");
g.add_operation("operat", #{ instruction: "x" });
g.add_aggregation("chatt", #{ instruction: "x" });
session(b).on("op_endd", |e| print(e));
print(g.draw("svg"));
"a".uper();
let text = "abc";
text.trimed();
5.upper();
sleep("10");
timeout(|| 1, 10);
attempt(1);
session("x");
b.chat(5);
o_of().recommend(5);
fn o_of() { optimizer() }
gather(|| 1);
task(5);
json(5);
branch(5);
g.add_edge("a", "b");
knowledge(5);
"#;
    expect_test::expect![[r#"
        error K0031 2:20 `communicate`: argument 2 is a float, expected a map | it is called as `communicate(branch: branch, text: string, options: map) -> any`
        error K0031 3:7 `retry`: argument 1 is a function, expected an int; argument 2 is an int, expected a function | it is called as `retry(times: int, function: function) -> any`
        error K0031 5:17 unknown operation `operat` | did you mean `operate`?
        error K0031 6:19 unknown operation `chatt` | did you mean `chat`?
        error K0031 7:15 unknown event `op_endd` | did you mean `op_ended`?
        error K0031 8:14 unknown format `svg` | available: text, mermaid, dot
        error K0003 9:5 a string has no method `uper` | did you mean `upper`?
        error K0003 11:6 a string has no method `trimed` | did you mean `trimmed`?
        error K0003 12:3 an int has no method `upper` | it has: abs, bits, get_bit, get_bits, is_even, is_odd, is_zero, max, min, round, set_bit, set_bits, sign, to_binary, to_hex, to_octal
        error K0031 13:7 `sleep`: argument 1 is a string, expected a float or an int | write the time in milliseconds: `sleep(5000)`
        error K0031 14:9 `timeout`: argument 1 is a function, expected an int; argument 2 is an int, expected a function | it is called as `timeout(limit_ms: int, function: function) -> any`
        error K0031 15:9 `attempt`: argument 1 is an int, expected a function | it is called as `attempt(function: function) -> map`
        error K0031 16:9 `session`: argument 1 is a string, expected a branch | it is called as `session(default: branch) -> session`
        error K0031 17:8 `chat`: argument 1 is an int, expected a string | it is called as `chat(branch: branch, text: string) -> string`
        error K0031 18:18 `recommend`: argument 1 is an int, expected a string | it is called as `recommend(optimizer: optimizer, task_type: string) -> map`
        error K0031 20:8 `gather`: argument 1 is a function, expected an array | it is called as `gather(functions: array) -> array`
        error K0031 21:6 `task`: argument 1 is an int, expected a function | it is called as `task(function: function) -> task`
        error K0031 22:6 `json`: argument 1 is an int, expected a string | it is called as `json(text: string) -> any`
        error K0031 23:8 `branch`: argument 1 is an int, expected a map or a model or a string | it is called as `branch(model: model) -> branch` or `branch(model: string) -> branch` or `branch(options: map) -> branch`
        error K0031 24:3 `add_edge` takes nodes, not the names of operations | keep the nodes: `let a = g.add_operation(..);`, then `g.add_edge(a, b)`
        error K0031 25:11 `knowledge`: argument 1 is an int, expected a string | it is called as `knowledge(path: string) -> knowledge`
    "#]].assert_eq(&checked(script));
}

#[test]
fn nothing_is_said_where_a_value_may_be_anything() {
    let script = r#"fn own(r) { r.anything }
fn attempt_own() { #{ err: 1 } }
let r = attempt(|| 1);
if r.ok { r = #{ err: 1 }; }
print(r.err);
let extended = attempt(|| 1);
extended.note = 1;
print(extended.note);
let m = #{ a: 1 };
print(m.b);
print(m["c"]);
let g = builder("g");
let n = g.add_operation(|| 1, #{ name: "a" });
let late = g.add_operation(|inputs| inputs.a, #{ name: "late" });
n >> late;
let name = "x";
g.add_operation(|inputs| inputs.x, #{ depends_on: name, name: "z" });
print(session(branch("demo/echo")).flow(g).metrics.critical_path_time);
[1, 2].map(|r| r.err);
for r in [#{ err: 1 }] { print(r.err); }
try { throw #{ mine: 1 } } catch (e) { print(e.mine); }
let lib = #{ draw: |x| x, on: |a, b| a };
print(lib.draw("svg"));
print("abc".len + "abc".len());
print(own(r) + attempt_own().err);
"#;
    expect_test::expect![[""]].assert_eq(&checked(script));
}

/// What is meant by a word of texts and lists behind a map that wraps one is its content.
#[test]
fn a_word_of_what_a_map_holds_is_not_taken_for_that_of_the_map() {
    let script = r#"let b = branch("demo/echo");
let r = attempt(|| b.chat("x"));
print(r.len);
if r.is_empty { print(r["len"]); }
for m in b.messages { print(m.len); }
print(command("ls", []).len);
try { throw "x" } catch (e) { print(failure(e).len); }
let v = b.operate("x", #{ schema: "label: string" });
print(v.len);
let two = b.operate("x", #{ schema: "label: string, score: integer" });
print(two.len);
print(b.operate("x", #{ trace: true }).len);
let g = builder("g");
g.add_operation(|| "abc", #{ name: "a" });
g.add_operation(|| "abc", #{ name: "b" });
g.add_operation(|a| a.len, #{ name: "one", depends_on: ["a"] });
g.add_operation(|given| given.len, #{ name: "both", depends_on: ["a", "b"] });
g.add_operation(|given| given.len, #{ name: "none" });
g.add_operation(|given| given.keys, #{ name: "keys", depends_on: ["a"] });
let report = session(b).flow(g);
print(report.operation_results.len);
print(report.errors.len);
print(report.metrics.len);
print(r.keys);
"#;
    expect_test::expect![[r#"
        error K0030 3:9 the result of `attempt` has no property `len` | write `.value.len`; `.len()` is that of the map around it
        error K0030 4:6 the result of `attempt` has no property `is_empty` | write `.value.is_empty`; `.is_empty()` is that of the map around it
        error K0030 4:25 the result of `attempt` has no property `len` | write `.value.len`; `.len()` is that of the map around it
        error K0030 5:31 a message has no property `len` | write `.content.len`; `.len()` is that of the map around it
        error K0030 6:25 the result of `command` has no property `len` | write `.stdout.len`; `.len()` is that of the map around it
        error K0030 7:48 the error has no property `len` | write `.message.len`; `.len()` is that of the map around it
        warning K0030 9:9 the schema of this answer has no field `len` | write `.label.len`; `.len()` is that of the map around it
        warning K0030 11:11 the schema of this answer has no field `len` | it is a method: write `.len()`
        error K0030 12:40 the result with `trace: true` has no property `len` | write `.value.len`; `.len()` is that of the map around it
        error K0030 16:23 `inputs` has no `len` | write `.a.len`; `.len()` is that of the map around it
        error K0030 17:31 `inputs` has no `len` | write `.a.len` or `.b.len`; `.len()` is that of the map around it
        error K0030 18:31 `inputs` has no `len` | name the operation in `depends_on` among the options of this one
        error K0030 19:31 `inputs` has no `keys` | it is a method: write `.keys()`
        error K0030 21:32 `operation_results` has no property `len` | it is a method: write `.len()`
        error K0030 22:21 `errors` has no property `len` | it is a method: write `.len()`
        error K0030 23:22 `metrics` has no property `len` | it is a method: write `.len()`
        error K0030 24:9 the result of `attempt` has no property `keys` | it is a method: write `.keys()`
    "#]].assert_eq(&checked(script));

    let mut found = String::new();
    for expression in [
        "pass(attempt(|| \"four\")).len",
        "pass(attempt(|| \"four\"))[\"is_empty\"]",
        "pass(attempt(|| \"four\")).keys",
        "pass(used()).len",
        "pass(failure(\"x\")).len",
        "let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"a\" }); g.add_operation(|i| pass(i).len, #{ depends_on: \"a\" }); session(b).flow(g, #{ allow_failures: true }).errors[\"call\"].message",
        "let g = builder(\"g\"); g.add_operation(|i| pass(i).len); session(b).flow(g, #{ allow_failures: true }).errors[\"call\"].message",
    ] {
        found += &format!("{expression}\n    {}\n", value(&hidden(expression)));
    }
    expect_test::expect![[r#"
        pass(attempt(|| "four")).len
            error: the result of `attempt` has no property `len`; write `.value.len`; `.len()` is that of the map around it
        pass(attempt(|| "four"))["is_empty"]
            error: the result of `attempt` has no property `is_empty`; write `.value.is_empty`; `.is_empty()` is that of the map around it
        pass(attempt(|| "four")).keys
            error: the result of `attempt` has no property `keys`; it is a method: write `.keys()`
        pass(used()).len
            error: the result of `used` has no property `len`; it is a method: write `.len()`
        pass(failure("x")).len
            error: the error has no property `len`; write `.message.len`; `.len()` is that of the map around it
        let g = builder("g"); g.add_operation(|| 1, #{ name: "a" }); g.add_operation(|i| pass(i).len, #{ depends_on: "a" }); session(b).flow(g, #{ allow_failures: true }).errors["call"].message
            "`inputs` has no `len`; write `.a.len`; `.len()` is that of the map around it"
        let g = builder("g"); g.add_operation(|i| pass(i).len); session(b).flow(g, #{ allow_failures: true }).errors["call"].message
            "`inputs` has no `len`; name the operation in `depends_on` among the options of this one"
    "#]].assert_eq(&found);
}

#[test]
fn a_branch_and_a_report_as_plain_data_have_their_properties_and_no_others() {
    let script = r#"let b = branch("demo/echo");
let g = builder("g");
g.add_operation(|| 1, #{ name: "a" });
let report = session(b).flow(g);
print(b.to_map().messages);
print(b.to_map().exchange);
print(b.to_map().exchanges[0].anser);
print(report.to_map().completed);
print(report.to_map().metrics.succes_rate);
print(report.to_map().operation_results.a + report.to_map().errors.a.message);
let m = report.to_map();
print(m["cost"]);
m.note = "mine";
print(m.note);
let more = b.to_map();
more.mixin(#{ extra: 1 });
more.set("own", 2);
more += #{ last: 3 };
print(more.extra + more.own + more.last);
let mixed = b.to_map();
mixed.mixin(#{ extra: 1 });
print(mixed.extra);
let own = b.to_map();
own.set("own", 2);
print(own.own + own["own"]);
let filled = report.to_map();
fill_with(filled, #{ filled: 2 });
print(filled.filled);
let kept = b.to_map() + #{ from: "here" };
print(kept.from);
"#;
    expect_test::expect![[r#"
        error K0030 5:18 the map of a branch has no property `messages` | it has `exchanges`, each a `question` and an `answer`; the messages are those of the branch: `branch.messages`
        error K0030 6:18 the map of a branch has no property `exchange` | did you mean `exchanges`?
        error K0030 7:31 an exchange has no property `anser` | did you mean `answer`?
        error K0030 8:23 the map of a report has no property `completed` | it has: name, completed_operations, failed_operations, skipped_operations, cancelled_operations, cut_operations, operation_results, errors, metrics
        error K0030 9:31 `metrics` has no property `succes_rate` | did you mean `success_rate`?
        error K0030 12:9 the map of a report has no property `cost` | it has: name, completed_operations, failed_operations, skipped_operations, cancelled_operations, cut_operations, operation_results, errors, metrics
    "#]].assert_eq(&checked(script));

    let mut found = String::new();
    for expression in [
        "pass(b.to_map()).messages",
        "pass(b.to_map()).exchange",
        "b.communicate(\"x\"); pass(b.to_map()).exchanges[0].anser",
        "let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"a\" }); pass(session(b).flow(g).to_map()).completed",
        "let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"a\" }); let m = pass(session(b).flow(g).to_map()); [m.metrics.calls, m.operation_results.a, m.errors.a]",
        "let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"a\" }); pass(session(b).flow(g).to_map()).operation_results.b",
        "let m = b.to_map(); m.note = 1; m.mixin(#{ extra: 2 }); m.set(\"own\", 3); m += #{ last: 4 }; m += attempt(|| 5); [m.note, m.extra, m.own, m.last, m.value]",
        "let m = #{ a: 1 }; m += attempt(|| 5); [m.a, m.value]",
        "b.communicate(\"x\"); let m = b.to_map(); m.exchanges.push(#{ question: \"q\", answer: \"a\" }); branch_from(m).messages.len",
        "b.communicate(\"x\"); branch_from(b.to_map() + #{ name: \"copy\" }).name",
        "b.communicate(\"x\"); branch_from(json(to_json(b.to_map()))).to_map() == b.to_map()",
    ] {
        found += &format!("{expression}\n    {}\n", value(&hidden(expression)));
    }
    expect_test::expect![[r#"
        pass(b.to_map()).messages
            error: the map of a branch has no property `messages`; it has `exchanges`, each a `question` and an `answer`; the messages are those of the branch: `branch.messages`
        pass(b.to_map()).exchange
            error: the map of a branch has no property `exchange`; did you mean `exchanges`?
        b.communicate("x"); pass(b.to_map()).exchanges[0].anser
            error: an exchange has no property `anser`; did you mean `answer`?
        let g = builder("g"); g.add_operation(|| 1, #{ name: "a" }); pass(session(b).flow(g).to_map()).completed
            error: the map of a report has no property `completed`; it has: name, completed_operations, failed_operations, skipped_operations, cancelled_operations, cut_operations, operation_results, errors, metrics
        let g = builder("g"); g.add_operation(|| 1, #{ name: "a" }); let m = pass(session(b).flow(g).to_map()); [m.metrics.calls, m.operation_results.a, m.errors.a]
            [0,1,null]
        let g = builder("g"); g.add_operation(|| 1, #{ name: "a" }); pass(session(b).flow(g).to_map()).operation_results.b
            error: `operation_results` has no `b`; it has: a
        let m = b.to_map(); m.note = 1; m.mixin(#{ extra: 2 }); m.set("own", 3); m += #{ last: 4 }; m += attempt(|| 5); [m.note, m.extra, m.own, m.last, m.value]
            [1,2,3,4,5]
        let m = #{ a: 1 }; m += attempt(|| 5); [m.a, m.value]
            [1,5]
        b.communicate("x"); let m = b.to_map(); m.exchanges.push(#{ question: "q", answer: "a" }); branch_from(m).messages.len
            4
        b.communicate("x"); branch_from(b.to_map() + #{ name: "copy" }).name
            "copy"
        b.communicate("x"); branch_from(json(to_json(b.to_map()))).to_map() == b.to_map()
            true
    "#]].assert_eq(&found);
}
