//! Options and arguments with values that no call takes: found before anything is paid, and errors where the call is
//! certainly made.

use crate::support::Project;
use expect_test::expect;
use std::fmt::Write;

/// Checks each text as a script of its own, and returns what is said of it, with the level.
pub(super) fn told(texts: &[&str]) -> String {
    let project = Project::new();
    let mut said = String::new();
    for (number, text) in texts.iter().enumerate() {
        let name = format!("s{number}.rhai");
        project.file(&name, text);
        let ran = project.kaizen(&["check", "--json", &name]);

        let _ = writeln!(said, "> {}", text.replace('\n', "\n> "));
        for line in ran.stdout.lines() {
            let fault: serde_json::Value = serde_json::from_str(line).expect("a fault in JSON");
            let word = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
            let place = format!("{}:{}", fault["line"], fault["column"]);
            let _ =
                writeln!(said, "{} {} {place} {}", word("level"), word("code"), word("message"));
            if !word("help").is_empty() {
                let _ = writeln!(said, "    {}", word("help"));
            }
        }
    }
    said
}

#[test]
fn values_of_the_wrong_kind_are_found() {
    let texts = [
        r#"fn multiply(a, b) { a * b }
let b = branch(#{ tools: [multiply] });"#,
        r#"let b = branch(#{ tools: tool("add", "Adds", "a: integer", |x| x.a) });"#,
        r#"let t = tool("add", "Adds", "a: integer", |x| x.a); let b = branch(#{ tools: t });"#,
        r#"branch().react("x", #{ tools: ["add"] });"#,
        r#"branch().react("x", #{ tools: [|a| a] });"#,
        r#"let t = tool("add", "Adds", "a: integer", |x| x.a); branch().react("x", #{ tools: [t], tool_choice: "sub" });"#,
        r#"let t = tool("add", "Adds", "a: integer", |x| x.a, #{ approve: "yes" });"#,
        r#"let g = builder(); g.add_operation("chat", #{ instruction: "x", branch: "w" }); session().flow(g);"#,
        r#"let g = builder(); g.add_operation("chat", #{ instruction: "x", branch: imodel("demo/echo") }); session().flow(g);"#,
        r#"let b = branch(#{ model: 5 });"#,
        r#"session().include_branches(["x"]);"#,
        r#"imodel(#{ provider: "groq", model: "x" });"#,
        r#"imodel(#{ model: "echo" });"#,
        r#"imodel(#{ provider: "demo", model: "x", key: "sk-1" });"#,
        r#"imodel(#{ provider: "demo", model: "x", price: 0.5 });"#,
        r#"branch(#{ model: #{ provider: "demo", model: "x", price: 0.5, tempreture: 1 } });"#,
        r#"let o = optimizer(); o.run("t", #{ d: |i, b| "x" }, "x", #{ judge: "exact" });"#,
        r#"let o = optimizer(); o.run("t", #{ d: |i, b| "x" }, "x", #{ branch: "demo/echo" });"#,
        r#"optimizer(#{ among: "direct" });"#,
        r#"optimizer().recommend("t", #{ of: "short" });"#,
        r#"let o = optimizer(); o.run("t", #{ direct: "direct" }, "x");"#,
        r#"branch().chat("x", #{ context: branch() });"#,
        r#"let g = builder(); let t = tool("add", "Adds", "a: integer", |x| x.a); g.add_operation("act", #{ tool: t, args: 5 }); session().flow(g);"#,
        r#"print(evolve(#{ start: "x", ask: |t, i| t, judge: |a, i| 1.0, train: [], valid: [1, 2] }));"#,
        r#"vote("demo/a", "q", #{ settings: #{ temprature: 0.2 } });"#,
        r#"let t = tool("add", "Adds", "a: integer, b: integer", |x| x.a); branch().act(t, #{ a: 1 });"#,
        r#"let t = tool("add", "Adds", "a: integer, b: integer", |x| x.a); branch().act(t, #{ a: 1, b: "x" });"#,
        r#"branch().react("y");"#,
        r#"let b = branch(); b.react("y");"#,
        r#"let b = branch(); print(attempt(|| b.react("y")).ok);"#,
    ];
    expect![[r#"
        > fn multiply(a, b) { a * b }
        > let b = branch(#{ tools: [multiply] });
        error K0031 2:27 option `tools` of `branch`: must be a list of tools, `[tool(..)]`, not a list with a function
            write `tool("multiply", "What it does.", "a: integer, b: integer", |args| multiply(args.a, args.b))`
        > let b = branch(#{ tools: tool("add", "Adds", "a: integer", |x| x.a) });
        error K0031 1:26 option `tools` of `branch`: must be a list of tools, `[tool(..)]`, not a tool
            write `[tool(..)]`
        > let t = tool("add", "Adds", "a: integer", |x| x.a); let b = branch(#{ tools: t });
        error K0031 1:78 option `tools` of `branch`: must be a list of tools, `[tool(..)]`, not a tool
            write `[t]`
        > branch().react("x", #{ tools: ["add"] });
        error K0031 1:32 option `tools` of `react`: must be a list of tools, `[tool(..)]`, not a list with a string
        > branch().react("x", #{ tools: [|a| a] });
        error K0031 1:32 option `tools` of `react`: must be a list of tools, `[tool(..)]`, not a list with a function
            write `tool("name", "What it does.", "x: string", |args| ..)`
        > let t = tool("add", "Adds", "a: integer", |x| x.a); branch().react("x", #{ tools: [t], tool_choice: "sub" });
        error K0031 1:101 option `tool_choice` of `react`: must be "auto", "required", "none" or the name of a tool, not "sub"
            it offers: add
        > let t = tool("add", "Adds", "a: integer", |x| x.a, #{ approve: "yes" });
        error K0031 1:64 option `approve` of `tool`: must be true or a function, `|args| ..`, not a string
        > let g = builder(); g.add_operation("chat", #{ instruction: "x", branch: "w" }); session().flow(g);
        error K0031 1:73 option `branch` of `add_operation`: must be a branch, not a string
            write `branch(..)`, with a model or its name
        > let g = builder(); g.add_operation("chat", #{ instruction: "x", branch: imodel("demo/echo") }); session().flow(g);
        error K0031 1:73 option `branch` of `add_operation`: must be a branch, not a model
            write `branch(..)`, with a model or its name
        > let b = branch(#{ model: 5 });
        error K0031 1:26 option `model` of `branch`: must be a model, the name of one, or a map, not an int
        > session().include_branches(["x"]);
        error K0031 1:29 `include_branches` takes branches, not a string
            write `[branch("model")]`
        > imodel(#{ provider: "groq", model: "x" });
        error K0006 1:21 unknown provider `groq`
            available: openai, anthropic, gemini, ollama, demo. A server that speaks OpenAI's protocol is `openai` with a `base_url`
        > imodel(#{ model: "echo" });
        error K0031 1:18 `imodel`: `echo` does not name a provider; write `provider/name`, such as `openai/gpt-4o-mini`
        > imodel(#{ provider: "demo", model: "x", key: "sk-1" });
        error K0031 1:46 `imodel`: `key` never holds the key itself; write `key = "env:NAME"` or `"file:PATH"`
        > imodel(#{ provider: "demo", model: "x", price: 0.5 });
        error K0031 1:48 option `price` of `imodel`: must be a map, not a float
        > branch(#{ model: #{ provider: "demo", model: "x", price: 0.5, tempreture: 1 } });
        error K0031 1:58 `branch`: `price` must be like { input = 0.15, output = 0.60, per = "1M" }, not `0.5`
        error K0031 1:75 `branch`: a model has no `tempreture`; did you mean `temperature`?
        > let o = optimizer(); o.run("t", #{ d: |i, b| "x" }, "x", #{ judge: "exact" });
        error K0031 1:68 option `judge` of `run`: must be a function, `|answer| ..`, not a string
        > let o = optimizer(); o.run("t", #{ d: |i, b| "x" }, "x", #{ branch: "demo/echo" });
        error K0031 1:69 option `branch` of `run`: must be a branch, not a string
            write `branch(..)`, with a model or its name
        > optimizer(#{ among: "direct" });
        error K0031 1:21 option `among` of `optimizer`: must be a list of names, not a string
        > optimizer().recommend("t", #{ of: "short" });
        error K0031 1:35 option `of` of `recommend`: must be a map, not a string
        > let o = optimizer(); o.run("t", #{ direct: "direct" }, "x");
        error K0031 1:44 `run` takes functions, `|input, branch| ..`, not a string
            write `#{ direct: |input, branch| branch.chat(input) }`
        > branch().chat("x", #{ context: branch() });
        error K0031 1:32 option `context` of `chat`: must be plain data, not a branch
        > let g = builder(); let t = tool("add", "Adds", "a: integer", |x| x.a); g.add_operation("act", #{ tool: t, args: 5 }); session().flow(g);
        error K0031 1:113 option `args` of `add_operation`: must be a map or a function, `|inputs| #{ .. }`, not an int
        > print(evolve(#{ start: "x", ask: |t, i| t, judge: |a, i| 1.0, train: [], valid: [1, 2] }));
        error K0031 1:70 `evolve` needs at least 3 items in `train` (`batch`), and has 0
        > vote("demo/a", "q", #{ settings: #{ temprature: 0.2 } });
        error K0005 1:37 `settings` of `vote` has no option `temprature`
            did you mean `temperature`?
        > let t = tool("add", "Adds", "a: integer, b: integer", |x| x.a); branch().act(t, #{ a: 1 });
        error K0014 1:81 the arguments of `add` do not match its schema: "b" is a required property
        > let t = tool("add", "Adds", "a: integer, b: integer", |x| x.a); branch().act(t, #{ a: 1, b: "x" });
        error K0014 1:81 the arguments of `add` do not match its schema: "x" is not of type "integer" at `/b`
        > branch().react("y");
        error K0005 1:10 `react` needs tools, and this branch has none
            pass `#{ tools: [..] }`, or ask without tools by `operate`
        > let b = branch(); b.react("y");
        error K0005 1:21 `react` needs tools, and this branch has none
            pass `#{ tools: [..] }`, or ask without tools by `operate`
        > let b = branch(); print(attempt(|| b.react("y")).ok);
    "#]].assert_eq(&told(&texts));
}

#[test]
fn certain_failures_of_the_library_are_errors() {
    let texts = [
        r#"vote("demo/a", "q", 3);"#,
        r#"fan_out("demo/a", "q", ["a"]);"#,
        r#"few_shot("demo/a", "q", #{ examples: [#{ input: "a", output: "b" }] });"#,
        r#"if branch().chat("x") == "y" { vote("demo/a", "q", 3); }"#,
        r#"print(one_of("a")); print(exact_match(()));"#,
        r#"fn later() { vote("demo/a", "q", 3) }
print(attempt(|| vote("demo/a", "q", 3)).ok);"#,
        r#"if param("n", 1) > 5 { exit("x"); }
vote("demo/a", "q", 3);"#,
        r#"print(assert_throws(|| vote("demo/a", "q", 3)).kind);"#,
        r#"let b = branch();
print(b.chat("x"));
let answer = vote(b, "q", [3]);"#,
    ];
    expect![[r#"
        > vote("demo/a", "q", 3);
        error K0031 1:21 `vote`: `options` must be a map, not an int
            write the options as a map: `#{ n: .. }`
        > fan_out("demo/a", "q", ["a"]);
        error K0031 1:24 `fan_out`: `options` must be a map, not an array
            write the options as a map: `#{ parts: .. }`
        > few_shot("demo/a", "q", #{ examples: [#{ input: "a", output: "b" }] });
        error K0031 1:39 option `examples` of `few_shot`: number 1 is no pair of a task and its answer
            write `examples: [[task, answer], [task, answer]]`
        > if branch().chat("x") == "y" { vote("demo/a", "q", 3); }
        warning K0031 1:52 `vote`: `options` must be a map, not an int
            write the options as a map: `#{ n: .. }`
        > print(one_of("a")); print(exact_match(()));
        error K0031 1:14 `one_of`: `allowed` must be a list, not a string
            write the allowed answers as a list: `[a, b]`
        error K0031 1:39 `exact_match` needs an expected answer, not `()`
        > fn later() { vote("demo/a", "q", 3) }
        > print(attempt(|| vote("demo/a", "q", 3)).ok);
        warning K0031 1:34 `vote`: `options` must be a map, not an int
            write the options as a map: `#{ n: .. }`
        warning K0031 2:38 `vote`: `options` must be a map, not an int
            write the options as a map: `#{ n: .. }`
        > if param("n", 1) > 5 { exit("x"); }
        > vote("demo/a", "q", 3);
        warning K0031 2:21 `vote`: `options` must be a map, not an int
            write the options as a map: `#{ n: .. }`
        > print(assert_throws(|| vote("demo/a", "q", 3)).kind);
        > let b = branch();
        > print(b.chat("x"));
        > let answer = vote(b, "q", [3]);
        error K0031 3:27 `vote`: `options` must be a map, not an array
            write the options as a map: `#{ n: .. }`
    "#]].assert_eq(&told(&texts));
}

#[test]
fn errors_that_a_script_wants_are_no_faults() {
    let texts = [
        r#"print(attempt(|| branch().chat("x", #{ context: branch() })).ok);"#,
        r#"try { branch(#{ tools: 5 }); } catch (e) { print(e.kind); }"#,
        r#"print(assert_throws(|| branch(#{ tools: 5 })).kind);"#,
    ];
    expect![[r#"
        > print(attempt(|| branch().chat("x", #{ context: branch() })).ok);
        warning K0031 1:49 option `context` of `chat`: must be plain data, not a branch
        > try { branch(#{ tools: 5 }); } catch (e) { print(e.kind); }
        warning K0031 1:24 option `tools` of `branch`: must be a list of tools, `[tool(..)]`, not an int
        > print(assert_throws(|| branch(#{ tools: 5 })).kind);
    "#]].assert_eq(&told(&texts));
}
