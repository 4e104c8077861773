//! Mistakes that a script makes on purpose, to show that they are errors, and warnings that would mislead.

use super::slips_of_options::told;
use expect_test::expect;

#[test]
fn a_mistake_whose_error_is_asserted_is_no_fault_whichever_check_finds_it() {
    let texts = [
        // Each is an error of the run.
        r##"assert_throws(|| branch("fsat").chat("x"));"##,
        r##"assert_throws(|| branch().chat("Where?", #{ schema: #{ type: "objekt" } }));"##,
        r##"assert_throws(|| ask("Go?", #{ options: ["yes", "no"], default: "maybe" }));"##,
        r##"assert_throws(|| branch().chat("x", #{ tempreture: 0.5 }));"##,
        r##"assert_throws(|| attempt(|| 1).err);"##,
        r##"assert_throws(|| tool("add it", "Adds.", "a: integer", |args| 1));"##,
        r##"assert_throws(|| mcp("files"));"##,
        r##"assert_throws(|| retry(|| 1, 3));"##,
        r##"assert_throws(|| branch().comunicate("x"));"##,
        r##"assert_throws(|| sleep(1, 2));"##,
        r##"assert_throws(|| str(4));"##,
        r##"assert_throws(|| { let x = 5; x.foo });"##,
        r##"assert_throws(|| "a" - 1);"##,
        r##"assert_throws(|| { let m = #{ a: 1 }; m.keys().map(|k| m[k]) });"##,
        r##"assert_throws(|| imodel(#{ provider: "demo", model: "x", temprature: 1 }));"##,
        r##"assert_throws(|| { let b = branch(); b.nope = 3; });"##,
        r##"assert_throws(|| { let g = builder(); g.add_operation("operate2", #{ instruction: "x" }); });"##,
        r##"const LIST = [1]; assert_throws(|| LIST.push(2));"##,
        r##"assert_throws(|| {
    let g = builder();
    g.add_operation("chat", #{ name: "a", instruction: "x" });
    g.add_operation("chat", #{ name: "b", instruction: "x", depends_on: "nope" });
    session().flow(g)
});"##,
        r##"assert_throws(|| {
    let g = builder();
    g.add_operation("chat", #{ name: "a", instruction: "x" });
    session().flow(g).result("sumary")
});"##,
        r##"assert_throws(|| {
    let o = optimizer();
    o.run("t", #{ a: |input, b| "x" }, "in", #{ judge: |answer, expected| "good" })
});"##,
    ];
    let said: String = told(&texts).lines().filter(|line| !line.starts_with('>')).collect();
    assert_eq!(said, "");
}

#[test]
fn functions_that_assert_errors_are_followed() {
    let texts = [
        r##"fn fails(f) { assert_throws(f).kind }
print(fails(|| branch("fsat").chat("x")));"##,
        r##"fn fails(what, f) { let e = assert_throws(f); print(`${what}: ${e.kind}`); }
fn both(f) { fails("one", f); fails("two", f); }
both(|| branch().chat("x", #{ temperature: "hot" }));"##,
        r##"let f = || branch("fsat").chat("x");
assert_throws(f);"##,
        r##"let fails = |f| assert_throws(f).kind;
print(fails.call(|| branch("fsat").chat("x")));"##,
        r##"for f in [|| branch("fsat"), || branch().chat("x", #{ max_tokens: "all" })] { print(assert_throws(f).kind); }"##,
        r##"let cases = #{ model: || branch("fsat"), option: || sleep("long") };
for name in cases.keys() { assert_throws(cases[name], name); }"##,
        r##"fn bad() { branch("fsat").chat("x") }
assert_throws(|| bad());
assert_throws(Fn("bad"));"##,
        r##"fn bad() { branch("fsat").chat("x") }
fn worse() { bad() }
assert_throws(|| worse());"##,
        r##"fn bad() { branch("fsat").chat("x") }
assert_throws(|| bad());
bad();"##,
        r##"assert_throws(|| throw "x");
branch("fsat").chat("x");"##,
        r##"fn fails(f) { assert_throws(f) }
fn runs(f) { f.call() }
runs(|| branch("fsat").chat("x"));
fails(|| throw "x");"##,
    ];
    expect![[r#"
        > fn fails(f) { assert_throws(f).kind }
        > print(fails(|| branch("fsat").chat("x")));
        > fn fails(what, f) { let e = assert_throws(f); print(`${what}: ${e.kind}`); }
        > fn both(f) { fails("one", f); fails("two", f); }
        > both(|| branch().chat("x", #{ temperature: "hot" }));
        > let f = || branch("fsat").chat("x");
        > assert_throws(f);
        > let fails = |f| assert_throws(f).kind;
        > print(fails.call(|| branch("fsat").chat("x")));
        > for f in [|| branch("fsat"), || branch().chat("x", #{ max_tokens: "all" })] { print(assert_throws(f).kind); }
        > let cases = #{ model: || branch("fsat"), option: || sleep("long") };
        > for name in cases.keys() { assert_throws(cases[name], name); }
        > fn bad() { branch("fsat").chat("x") }
        > assert_throws(|| bad());
        > assert_throws(Fn("bad"));
        > fn bad() { branch("fsat").chat("x") }
        > fn worse() { bad() }
        > assert_throws(|| worse());
        > fn bad() { branch("fsat").chat("x") }
        > assert_throws(|| bad());
        > bad();
        error K0006 1:19 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        > assert_throws(|| throw "x");
        > branch("fsat").chat("x");
        error K0006 2:8 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        > fn fails(f) { assert_throws(f) }
        > fn runs(f) { f.call() }
        > runs(|| branch("fsat").chat("x"));
        > fails(|| throw "x");
        error K0006 3:16 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
    "#]].assert_eq(&told(&texts));
}

#[test]
fn what_an_asserted_function_does_wrong_in_silence_is_still_found() {
    let texts = [
        r##"assert_throws(|| { if "3" == 3 { print(1); } throw "x"; });"##,
        r##"assert_throws(|| { let x = " a "; let y = x.trim(); throw y; });"##,
        r##"assert_throws(|| { let n = "5"; throw switch n { 5 => "five", _ => "other" }; });"##,
        r##"assert_throws(|| tool("add", "Adds.", "a: integer", || 1));"##,
    ];
    expect![[r#"
        > assert_throws(|| { if "3" == 3 { print(1); } throw "x"; });
        error K0031 1:27 `==` between a string and an int is always false
            write the number without quotes
        > assert_throws(|| { let x = " a "; let y = x.trim(); throw y; });
        error K0016 1:45 `trim` works in place and returns nothing, but its result is used
            write `text.trimmed()`, which returns the result; or write `x.trim(..);` as a statement, then use `x`
        > assert_throws(|| { let n = "5"; throw switch n { 5 => "five", _ => "other" }; });
        error K0031 1:50 this case is an int, but the value is a string
            write the case as a text, `"1"`, or `switch text.parse_int() { .. }`
        > assert_throws(|| tool("add", "Adds.", "a: integer", || 1));
        error K0014 1:53 the function of tool `add` takes no arguments, although its schema has some; write it as `|args|`
    "#]].assert_eq(&told(&texts));
}

#[test]
fn a_mistake_that_the_script_catches_is_a_warning() {
    let texts = [
        r##"print(attempt(|| branch("fsat").chat("x")).ok);"##,
        r##"try { branch("fsat").chat("x"); } catch (e) { print(e.kind); }"##,
        r##"try { print(mcp("files")); } catch (e) { print(e.kind); }"##,
        r##"try { print(1); } catch (e) { branch("fsat").chat("x"); }"##,
        r##"fn safely(f) { let r = attempt(f); if r.ok { r.value } else { () } }
print(safely(|| branch("fsat").chat("x")));
print(branch("fsat").chat("x"));"##,
        // A name that does not exist is hardly what somebody wants to catch.
        r##"try { branch().comunicate("x"); } catch (e) { print(e.kind); }"##,
    ];
    expect![[r#"
        > print(attempt(|| branch("fsat").chat("x")).ok);
        warning K0006 1:25 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        > try { branch("fsat").chat("x"); } catch (e) { print(e.kind); }
        warning K0006 1:14 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        > try { print(mcp("files")); } catch (e) { print(e.kind); }
        warning K0015 1:17 no MCP server `files`; add [mcp.NAME] to kaizen.toml
        > try { print(1); } catch (e) { branch("fsat").chat("x"); }
        error K0006 1:38 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        > fn safely(f) { let r = attempt(f); if r.ok { r.value } else { () } }
        > print(safely(|| branch("fsat").chat("x")));
        > print(branch("fsat").chat("x"));
        warning K0006 2:24 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        error K0006 3:14 unknown model `fsat`
            kaizen.toml defines none. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`
        > try { branch().comunicate("x"); } catch (e) { print(e.kind); }
        error K0003 1:16 a branch has no method `comunicate`
            did you mean `communicate`?
    "#]].assert_eq(&told(&texts));
}

#[test]
fn a_helper_of_another_file_that_asserts_errors_is_followed() {
    let project = crate::support::Project::new();
    project.file(
        "lib/expect.rhai",
        "fn fails(f) { assert_throws(f).kind }\nfn runs(f) { f.call() }\n",
    );
    project.file(
        "main.rhai",
        "import \"lib/expect\" as x;\nprint(x::fails(|| branch(\"fsat\").chat(\"x\")));\n\
         x::runs(|| branch(\"fsat\").chat(\"x\"));\n",
    );
    let ran = project.kaizen(&["check", "--json", "main.rhai"]);
    let lines: Vec<u64> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a fault"))
        .filter_map(|fault| fault["line"].as_u64())
        .collect();
    assert_eq!(lines, [3]);
}

#[test]
fn what_runs_right_is_not_warned_about() {
    let texts = [
        // The graph has an operation from the second turn on.
        r##"let g = builder(); let s = session();
for turn in 0..2 {
    if turn == 1 { print(s.flow(g).result("a")); }
    if turn == 0 { g.add_operation("chat", #{ name: "a", instruction: "x" }); }
}"##,
        // Another name of the same builder.
        r##"let g = builder(); let same = g;
same.add_operation("chat", #{ instruction: "x" });
print(session().flow(g).metrics.calls);"##,
        // A text is meant.
        r##"let i = 1; print(i + branch().chat("x"));"##,
        r##"let i = 1; let line = i + branch().chat("x"); print(line);"##,
        r##"let n = 0; try { 1 / n; } catch { print("no"); }"##,
        // The whole number is meant: its remainder is taken too, or it is rounded up.
        r##"let h = 3725; print(`${h / 3600}:${h % 3600 / 60}:${h % 60}`); let left = h % 3600; print(left);"##,
        r##"let words = ["a", "b", "c"]; print(`${words.len() / 2} pairs and ${words.len() % 2} more`);"##,
        r##"let n = [1, 2].len(); let size = 10; print((n + 9) / 10); print((n + size - 1) / size);"##,
    ];
    let said: String = told(&texts).lines().filter(|line| !line.starts_with('>')).collect();
    assert_eq!(said, "");
}

#[test]
fn a_flow_in_a_loop_without_an_operation_is_still_found() {
    let texts = [r##"let g = builder(); let s = session();
for turn in 0..2 { print(s.flow(g).metrics.calls); }"##];
    expect![[r#"
        > let g = builder(); let s = session();
        > for turn in 0..2 { print(s.flow(g).metrics.calls); }
        warning K0106 2:28 the graph has no operation
            add one with `add_operation`
    "#]]
    .assert_eq(&told(&texts));
}

#[test]
fn lengths_of_what_wraps_a_value_and_lists_in_lists_are_found() {
    let texts = [
        r##"let r = attempt(|| branch().chat("x")); if r.len() > 3 { print("long"); }"##,
        r##"let r = attempt(|| branch().chat("x")); print(r.is_empty());"##,
        r##"let r = attempt(|| branch().chat("x")); print(r.value.len());"##,
        r##"let names = ["a", "b"]; let tools = ["a", "b", "c"];
print(names in tools); print("a" in tools); print(3 in tools);"##,
        r##"let names = ["a"]; let tools = ["a"]; tools.push(names); print(names in tools);"##,
        r##"let names = ["a"]; let tools = [["a"]]; print(names in tools);"##,
    ];
    expect![[r#"
        > let r = attempt(|| branch().chat("x")); if r.len() > 3 { print("long"); }
        warning K0030 1:46 `len()` is that of the result of `attempt` itself, not of what it holds
            write `.value.len`
        > let r = attempt(|| branch().chat("x")); print(r.is_empty());
        warning K0030 1:49 `is_empty()` is that of the result of `attempt` itself, not of what it holds
            write `.value.is_empty`
        > let r = attempt(|| branch().chat("x")); print(r.value.len());
        > let names = ["a", "b"]; let tools = ["a", "b", "c"];
        > print(names in tools); print("a" in tools); print(3 in tools);
        warning K0031 2:7 an array is never in a list of values such as a string
            write `one.some(|item| item in other)`, or `all`, for the items of a list
        warning K0031 2:51 an int is never in a list of values such as a string
            write `text.parse_int()` for the items, or `x.to_string()`
        > let names = ["a"]; let tools = ["a"]; tools.push(names); print(names in tools);
        > let names = ["a"]; let tools = [["a"]]; print(names in tools);
    "#]].assert_eq(&told(&texts));
}

#[test]
fn functions_that_run_at_once_and_ask_through_the_same_map_are_found() {
    let texts = [
        r##"let team = #{ a: branch(), b: branch() };
print(gather(team.keys().map(|n| || team[n].communicate("x"))));"##,
        r##"let team = #{ a: branch(), b: branch() };
print(gather([|| team.a.chat("x"), || team.b.chat("y")]));"##,
        r##"let team = #{ a: branch(), b: branch() };
print(parallel(team.keys(), |n| team[n].communicate("x")));"##,
        r##"let team = #{ a: branch(), b: branch() };
print(gather(team.keys().map(|n| || { let b = team[n]; b.communicate("x") })));
print(gather([|| team.a.chat("x")]));
print(parallel(team.keys(), |n| team[n].communicate("x"), #{ max_concurrent: 1 }));"##,
        r##"let b = branch();
print(gather([|| b.fork().chat("x"), || b.fork().chat("y")]));
print(gather([1, 2].map(|n| { let own = #{ b: branch() }; || own.b.chat(`${n}`) })));"##,
    ];
    expect![[r#"
        > let team = #{ a: branch(), b: branch() };
        > print(gather(team.keys().map(|n| || team[n].communicate("x"))));
        error K0031 2:26 the function given to `map` uses `team`, which is in use until `map` returns
            write `map(team.keys(), ..)`: as a function, `map` works on a copy
        warning K0031 2:45 `team` is in use until the reply of `communicate` is there, and `gather` runs these functions at the same time
            take the part first, in the function: `let part = team..;`, then `part.communicate(..)`
        > let team = #{ a: branch(), b: branch() };
        > print(gather([|| team.a.chat("x"), || team.b.chat("y")]));
        warning K0031 2:46 `team` is in use until the reply of `chat` is there, and `gather` runs these functions at the same time
            take the part first, in the function: `let part = team..;`, then `part.chat(..)`
        > let team = #{ a: branch(), b: branch() };
        > print(parallel(team.keys(), |n| team[n].communicate("x")));
        warning K0031 2:41 `team` is in use until the reply of `communicate` is there, and `parallel` runs these functions at the same time
            take the part first, in the function: `let part = team..;`, then `part.communicate(..)`
        > let team = #{ a: branch(), b: branch() };
        > print(gather(team.keys().map(|n| || { let b = team[n]; b.communicate("x") })));
        > print(gather([|| team.a.chat("x")]));
        > print(parallel(team.keys(), |n| team[n].communicate("x"), #{ max_concurrent: 1 }));
        error K0031 2:26 the function given to `map` uses `team`, which is in use until `map` returns
            write `map(team.keys(), ..)`: as a function, `map` works on a copy
        > let b = branch();
        > print(gather([|| b.fork().chat("x"), || b.fork().chat("y")]));
        > print(gather([1, 2].map(|n| { let own = #{ b: branch() }; || own.b.chat(`${n}`) })));
    "#]].assert_eq(&told(&texts));
}

#[test]
fn a_check_of_an_answer_that_may_say_nothing_is_found() {
    let texts = [
        r##"print(branch().operate("x", #{ schema: "n: integer", check: |a| if a.n > 3 { "too large" } }));"##,
        r##"print(branch().operate("x", #{ schema: "n: integer", check: |a| if a.n > 3 { "too large" } else { () } }));"##,
        r##"print(branch().operate("x", #{ schema: "n: integer", check: |a| if a.n > 3 { "too large" } else { true } }));"##,
        r##"print(branch().operate("x", #{ schema: "n: integer", check: |a| { if a.n > 3 { return "too large"; } true } }));"##,
        r##"print(branch().operate("x", #{ schema: "n: integer", check: |a| a.n > 3 }));"##,
        r##"let o = optimizer();
print(o.run("t", #{ a: |q, b| b.chat(q) }, "x", #{ judge: |a, e| if a == "zz" { 1 } }).value);"##,
    ];
    expect![[r#"
        > print(branch().operate("x", #{ schema: "n: integer", check: |a| if a.n > 3 { "too large" } }));
        warning K0031 1:65 `check` may return nothing here, which is neither true, false nor a text
            return `true` where the answer is right: `if wrong { "what is wrong" } else { true }`
        > print(branch().operate("x", #{ schema: "n: integer", check: |a| if a.n > 3 { "too large" } else { () } }));
        warning K0031 1:99 `check` may return nothing here, which is neither true, false nor a text
            return `true` where the answer is right: `if wrong { "what is wrong" } else { true }`
        > print(branch().operate("x", #{ schema: "n: integer", check: |a| if a.n > 3 { "too large" } else { true } }));
        > print(branch().operate("x", #{ schema: "n: integer", check: |a| { if a.n > 3 { return "too large"; } true } }));
        > print(branch().operate("x", #{ schema: "n: integer", check: |a| a.n > 3 }));
        > let o = optimizer();
        > print(o.run("t", #{ a: |q, b| b.chat(q) }, "x", #{ judge: |a, e| if a == "zz" { 1 } }).value);
        warning K0031 2:66 a judge must return a number from 0 to 1, or true or false, not nothing
            write an `else` with a number, such as 0
    "#]].assert_eq(&told(&texts));
}
