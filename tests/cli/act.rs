//! Tools that a script calls itself, and people who have to agree.

use super::react::{project, replied, run};
use crate::support::Project;
use crate::support::server::Server;
use serde_json::{Value, json};

#[test]
fn a_tool_is_called_by_itself_or_by_the_name_that_its_branch_knows() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let steps = [];
        let add = tool("add", "Adds.", "a: integer, b: integer", |x, info| { steps.push(info.step); x.a + x.b });
        let b = branch(#{ model: "demo/echo", tools: [add] });
        print([b.act(add, #{ a: 1, b: "2" }), b.act("add", #{ a: 17, b: 25.0 }), steps]);
        print(b.fork().act("add", #{ a: 2, b: 2 }));
        print([add.name, add.effects, add.schema.required, b.tools[0].name]);

        let g = builder("g");
        let n = g.add_operation("act", #{ name: "sum", tool: add, args: #{ a: 3, b: 4 } });
        g.add_operation("act", #{ name: "twice", depends_on: n, tool: "add", args: |i| #{ a: i.sum, b: i.sum }, branch: b });
        print(session(b).flow(g).operation_results);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(
        ran.stdout,
        "[3, 42, [0, 0]]\n4\n[\"add\", \"write\", [\"a\", \"b\"], \"add\"]\n#{\"sum\": 7, \"twice\": 14}\n"
    );
}

#[test]
fn what_a_tool_throws_is_the_cause_of_an_error_that_names_it() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let b = branch("demo/echo");
        let send = tool("send", "Sends.", "to: string", |x| { throw #{ kind: "mine", message: "no" } });
        for args in [#{ to: "x" }, #{ to: 5, cc: "y" }, #{}] {
            let e = attempt(|| b.act(send, args)).error;
            print([e.kind, e.cause, e.tool, e.args, e.message]);
        }
        print(attempt(|| b.act("sned", #{})).error.message);
        let g = builder("g");
        g.add_operation("act", #{ tool: send, args: #{ to: "x" } });
        print(session(b).flow(g, #{ allow_failures: true }).errors["act"].cause);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(
        ran.stdout,
        "[\"tool\", \"mine\", \"send\", #{\"to\": \"x\"}, \"tool `send`: no\"]\n\
         [\"tool\", \"mine\", \"send\", #{\"cc\": \"y\", \"to\": \"5\"}, \"tool `send`: no\"]\n\
         [\"tool\", \"arguments\", \"send\", #{}, \"tool `send`: the arguments of `send` do not match its schema: \\\"to\\\" is a required property\"]\n\
         the branch has no tool `sned`; it has none; create it with `branch(#{ tools: [..] })`\n\
         mine\n"
    );
}

#[test]
fn a_tool_that_calls_itself_does_so_up_to_a_depth() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let own = #{ b: branch("demo/echo") };
        let deepest = 0;
        let t = tool("t", "Counts.", "n: integer", |x| { deepest = x.n; let b = own.b; b.act(own.t, #{ n: x.n + 1 }) });
        own.t = t;
        let b = branch("demo/echo");
        print(attempt(|| b.act(t, #{ n: 1 })).error.message.contains("more than 8 deep"));
        print(deepest);

        let held = #{ b: branch("demo/echo") };
        let u = tool("u", "Counts.", "n: integer", |x| held.b.act(held.u, #{ n: x.n + 1 }));
        held.u = u;
        print(attempt(|| held.b.act(u, #{ n: 1 })).error.message);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(
        ran.stdout,
        "true\n8\ntool `u`: a value is in use: something that was called on it, or on a part of it, uses it again \
         before it returns; copy the part first, such as `let part = value.part;`, and call that\n"
    );
}

#[test]
fn every_kind_of_operation_can_be_made_for_each_item_of_a_list() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let t = tool("t", "Tells.", "q: string", |x| `told ${x.q}`);
        let g = builder("g");
        let l = g.add_operation(|| ["a", "b"], #{ name: "l" });
        g.expand(l, |i| #{ operation: "act", tool: t, args: #{ q: i } }, #{ name: "acts" });
        g.expand(l, |i| #{ operation: "parse", text: `{"q": "${i}"}`, schema: "q: string" }, #{ name: "parsed" });
        g.expand(l, |i| #{ operation: "chat", instruction: "Go." }, #{ name: "chats" });
        g.expand(l, |i| #{ operation: "ask", question: `Is it ${i}?` }, #{ name: "asks" });
        let report = session(branch("demo/echo")).flow(g);
        for name in ["acts", "parsed", "asks"] { print(report.result(name)); }
        print(report.result("chats").len);
        "#,
    );
    let asked = run(&project, &["run", "s.rhai", "--quiet"], 9);
    for question in ["question 1 (asks[0]): Is it a?", "question 2 (asks[1]): Is it b?"] {
        assert!(asked.stderr.contains(question), "{}", asked.stderr);
    }
    run(&project, &["answer", "@:1", "yes"], 9);
    let ran = run(&project, &["answer", "@:2", "no"], 0);
    let made =
        "[\"told a\", \"told b\"]\n[#{\"q\": \"a\"}, #{\"q\": \"b\"}]\n[\"yes\", \"no\"]\n2\n";
    assert_eq!(ran.stdout, made);
}

#[test]
fn an_approval_for_a_name_that_is_misspelt_is_named() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let send = tool("send", "Sends.", #{}, || "sent", #{ approve: true });
        branch("demo/echo").act(send, #{});
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet", "--approve=sned,other"], 6);
    let error = ran.stderr.lines().find(|line| line.starts_with("error")).unwrap();
    let expected = "error[K0110]: tool `send` needs approval, and there is nobody to ask; continue with `kaizen run \
                    --resume --approve=send`; `--approve=sned` does not cover it";
    assert_eq!(error, expected);

    project.file(
        "s.rhai",
        r#"
        let send = tool("send", "Sends.", #{}, || "sent", #{ approve: |a| () });
        print(attempt(|| branch("demo/echo").act(send, #{})).error.message);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    let message = "tool `send`: `approve` of a tool must return true or false, not `()`\n";
    assert_eq!(ran.stdout, message);
}

#[test]
fn what_cannot_be_a_tool_is_refused_when_it_is_made() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let f = |x| 1;
        let a = tool("a", "Does.", #{}, f);
        let both = [a, a];
        for make in [
            || tool("a" + " b", "Does.", #{}, f),
            || tool("a", "" + "", #{}, f),
            || tool("a", "Does.", "[str" + "ing]", f),
            || tool("a", "Does.", "a: str" + "in", f),
            || tool("a", "Does.", #{}, f, #{ effects: "none".trimmed() }),
            || tool("a", "Does.", #{}, f, #{ approve: "yes" }),
            || branch(#{ tools: both }),
            || branch("demo/echo").react("Go.", #{}),
            || branch("demo/echo").operate("Go.", #{ tools: "add" }),
            || branch("demo/echo").operate("Go.", #{ tools: [1] }),
            || branch("demo/echo").operate("Go.", #{ tools: [tool("a", "Does.", #{}, f)], tool_choice: "b" }),
            || branch("demo/echo").operate("Go.", #{ protocol: "xml".trimmed() }),
        ] {
            print(attempt(make).error.message);
        }
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(
        ran.stdout,
        "invalid tool name `a b`: use 1 to 64 letters, digits, `_` and `-`\n\
         tool `a` has no description; describe in one sentence what it does\n\
         the schema of tool `a` must describe an object with a property for each argument\n\
         the schema of tool `a`: unknown type `strin`; did you mean `string`? (character 4)\n\
         option `effects` of `tool`: must be \"read\" or \"write\", not `none`\n\
         option `approve` of `tool`: must be true or a function, `|args| ..`, not string\n\
         option `tools` of `branch`: two tools are named `a`; give each its own name\n\
         `react` needs tools: pass `tools: [..]`, or set them on the branch\n\
         option `tools` of `operate`: must be a list of tools, `[tool(..)]`, not string\n\
         option `tools` of `operate`: must be a list of tools, `[tool(..)]`, not a list with int\n\
         option `tool_choice` of `operate`: must be \"auto\", \"required\", \"none\" or the name of a tool, not `b`\n\
         option `protocol` of `operate`: must be \"auto\", \"native\" or \"schema\", not `xml`\n"
    );
}

const SEND: &str = r#"
let sent = [];
let send = tool("send", "Sends a mail.", "to: string", |x| { sent.push(x.to); "sent" }, #{ approve: true });
let look = tool("look", "Looks.", #{}, || { sent.push("look"); 1 });
print(branch().operate("Write to Ann.", #{ tools: [send, look] }));
print(sent);
"#;

fn sending() -> Server {
    Server::start(|number, _, _| match number {
        0 => replied("", &[("c1", "look", "{}"), ("c2", "send", r#"{"to": "ann"}"#)]),
        _ => replied("done", &[]),
    })
}

#[test]
fn an_approval_that_nobody_can_give_ends_the_run_before_anything_is_done() {
    let server = sending();
    let project = project(&server, SEND);
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 6);
    assert_eq!(ran.stdout, "");
    assert_eq!(project.events("tool_started"), Vec::<Value>::new());

    let again = run(&project, &["run", "--resume", "--quiet"], 6);
    assert_eq!((again.stdout.as_str(), server.bodies().len()), ("", 1));

    let ran = run(&project, &["run", "--resume", "--approve=send", "--quiet"], 0);
    assert_eq!(ran.stdout, "done\n[\"look\", \"ann\"]\n");
    assert_eq!(server.bodies().len(), 2, "no model is asked twice");
    let approved: Vec<Value> =
        project.events("tool_started").iter().map(|event| event["approved"].clone()).collect();
    assert_eq!(approved, [json!(null), json!(true)]);

    // What was approved stays approved, also where nobody says so again.
    let ran = run(&project, &["run", "--resume=@", "--quiet"], 0);
    assert_eq!((ran.stdout.as_str(), server.bodies().len()), ("done\n[\"look\", \"ann\"]\n", 2));
    assert_eq!(run(&project, &["replay", "@"], 0).code, Some(0));
}

#[test]
fn a_function_says_which_calls_need_approval() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let pay = tool("pay", "Pays.", "sum: number", |x| x.sum / 2, #{ approve: |x| x.sum > 10 });
        let b = branch("demo/echo");
        print(b.act(pay, #{ sum: 3 }));
        print(b.act(pay, #{ sum: 30 }));
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 6);
    assert_eq!(ran.stdout, "1.5\n");
    assert!(ran.stderr.contains("--resume --approve=pay"), "{}", ran.stderr);
    assert_eq!(
        run(&project, &["run", "s.rhai", "--quiet", "--approve=p*"], 0).stdout,
        "1.5\n15.0\n"
    );
}

#[test]
fn tools_that_cannot_be_offered_are_found_before_a_run() {
    let project = Project::new();
    let lines = [
        r#"tool("a b", "Does.", "x: string", |x| 1)"#,
        r#"tool("a", " ", "x: string", |x| 1)"#,
        r#"tool("a", "Does.", "[string]", |x| 1)"#,
        r#"tool("a", "Does.", #{ type: "string" }, |x| 1)"#,
        r#"tool("a", "Does.", "x: strin", |x| 1)"#,
        r#"tool("a", "Does.", "x: string", |x, y, z| 1)"#,
        r#"tool("a", "Does.", "x: string", || 1)"#,
        r#"branch(#{ tools: [tool("a", "Does.", #{}, || 1), tool("a", "Does.", #{}, || 2)] })"#,
        r#"branch().operate("Go.", #{ tools: [t, t] })"#,
        r#"tool("a", "Does.", #{}, |x| 1, #{ efects: "read" })"#,
        r#"branch().react("Go.", #{ tool: [] })"#,
        r#"branch().operate("Go.", #{ schema: "x: strin" })"#,
    ];
    let sound = "let k = 1; let t = tool(\"t\", \"Does.\", \"x: string\", |x, info| k);\n\
                 tool(\"u\", \"Does.\", #{}, || 1).effects;\nbranch().tools;\n";
    let script = format!("{sound}{};\n", lines.join(";\n"));
    project.file("s.rhai", &script);

    let ran = run(&project, &["check", "s.rhai", "--json"], 3);
    let found: Vec<(u64, String)> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|fault| fault["code"].is_string())
        .map(|fault| {
            let line = fault["line"].as_u64().or(fault["place"]["line"].as_u64()).unwrap();
            (line - 3, fault["code"].as_str().unwrap().to_owned())
        })
        .collect();
    let codes = [
        "K0014", "K0014", "K0014", "K0014", "K0013", "K0014", "K0014", "K0014", "K0014", "K0005",
        "K0005", "K0013",
    ];
    let expected: Vec<(u64, String)> = (1..).zip(codes.map(str::to_owned)).collect();
    assert_eq!(found, expected, "{}", ran.stdout);
}
