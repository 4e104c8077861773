//! Models that call tools: the loop of `operate` and `react`, what ends it, and what is left of it.

use crate::support::server::{Act, Server, json as body, refusal};
use crate::support::{Project, Ran};
use serde_json::{Value, json};

/// An answer in the form of OpenAI: a text, and calls of tools as `(id, name, arguments)`.
pub(super) fn replied(text: &str, calls: &[(&str, &str, &str)]) -> Act {
    let each = calls.iter().map(|(id, name, args)| {
        json!({ "id": id, "type": "function", "function": { "name": name, "arguments": args } })
    });
    let calls: Vec<Value> = each.collect();
    let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
    let mut message = json!({ "role": "assistant", "content": text });
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let reply = json!({
        "model": "served-1",
        "choices": [{ "message": message, "finish_reason": reason }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5 },
    });
    body(200, reply.to_string())
}

pub(super) fn project(server: &Server, script: &str) -> Project {
    let project = Project::new();
    project.with_server(server).file("s.rhai", script);
    project
}

pub(super) fn run(project: &Project, arguments: &[&str], code: i32) -> Ran {
    let ran = project.kaizen(arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {}\n{}", ran.stdout, ran.stderr);
    ran
}

/// Returns what a request says: role and content of each message, with calls and results.
fn said(request: &str) -> Vec<Value> {
    let request: Value = serde_json::from_str(request).unwrap();
    request["messages"].as_array().unwrap().clone()
}

const ADD: &str = r#"
let add = tool("add", "Adds two whole numbers.", "a: integer, b: integer", |x| x.a + x.b);
let b = branch();
"#;

#[test]
fn a_call_is_made_and_its_result_goes_back_under_its_id() {
    let server = Server::start(|number, _, _| match number {
        0 => replied("I add.", &[("c1", "add", r#"{"a": 17, "b": "25"}"#)]),
        _ => replied("42 it is", &[]),
    });
    let script = format!(
        "{ADD}{}",
        r#"
        let r = b.operate("What is 17 + 25?", #{ tools: [add], trace: true });
        r.steps[0].calls[0].ms = 0;
        print(r.to_json());
        print(b.messages.map(|m| `${m.role}: ${m.content}`));
        print(b.communicate("Sure?"));
        "#
    );
    let project = project(&server, &script);
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);

    let mut lines = ran.stdout.lines();
    let trace: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(
        trace,
        json!({ "value": "42 it is", "calls": 2, "tool_calls": 1, "cost": null, "stopped": "answer",
            "steps": [{ "thought": "I add.", "calls": [{ "tool": "add", "args": { "a": 17, "b": 25 },
                "result": 42, "error": null, "ms": 0 }] }] })
    );
    assert_eq!(
        lines.next(),
        Some(
            r#"["user: What is 17 + 25?", "assistant: I add.", "tool: 42", "assistant: 42 it is"]"#
        )
    );

    let bodies = server.bodies();
    let request: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(
        request["tools"],
        json!([{ "type": "function", "function": { "name": "add",
            "description": "Adds two whole numbers.", "parameters": { "type": "object",
                "properties": { "a": { "type": "integer" }, "b": { "type": "integer" } },
                "required": ["a", "b"] } } }])
    );
    let second = said(&bodies[1]);
    assert_eq!(second[1]["tool_calls"][0]["id"], "c1");
    assert_eq!(second[2], json!({ "role": "tool", "tool_call_id": "c1", "content": "42" }));

    // What is asked without tools has no calls in its history, only their texts.
    let third: Vec<Value> = said(&bodies[2]).iter().map(|m| m["content"].clone()).collect();
    assert_eq!(
        third,
        [
            "What is 17 + 25?",
            r#"{"thought":"I add.","tool":"add","args":{"a":17,"b":"25"}}"#,
            "<result tool=\"add\">\n42\n</result>",
            "42 it is",
            "Sure?"
        ]
    );

    let started = &project.events("tool_started")[0];
    let ended = &project.events("tool_ended")[0];
    assert_eq!(
        (&started["tool"], &started["args"], &started["mended"], &started["effects"]),
        (&json!("add"), &json!({ "a": 17, "b": 25 }), &json!(["/b"]), &json!("write"))
    );
    assert_eq!((&ended["result"], &ended["deed"]), (&json!(42), &started["deed"]));
}

#[test]
fn what_goes_wrong_with_a_call_is_told_to_the_model_and_stops_no_other_one() {
    let server = Server::start(|number, _, _| match number {
        0 => replied(
            "",
            &[
                ("c1", "ad", "{}"),
                ("c2", "add", r#"{"a": 1, "b""#),
                ("c3", "add", r#"{"b": "x"}"#),
                ("c4", "fail", "{}"),
                ("c5", "add", r#"{"a": 1, "b": 2}"#),
            ],
        ),
        _ => replied("done", &[]),
    });
    let script = format!(
        "{ADD}{}",
        r#"
        let fail = tool("fail", "Fails.", #{}, || { throw #{ kind: "mine", message: "no luck" } });
        print(b.operate("Go.", #{ tools: [add, fail] }));
        "#
    );
    let project = project(&server, &script);
    assert_eq!(run(&project, &["run", "s.rhai", "--quiet"], 0).stdout, "done\n");

    let results: Vec<Value> = said(&server.bodies()[1])[2..]
        .iter()
        .map(|m| json!([m["tool_call_id"], m["content"]]))
        .collect();
    assert_eq!(
        json!(results),
        json!([
            [
                "c1",
                "error (not_found): there is no tool `ad`; did you mean `add`?; the tools are `add`, `fail`"
            ],
            ["c2", "error (arguments): the arguments are not JSON: {\"a\": 1, \"b\""],
            [
                "c3",
                "error (arguments): the arguments of `add` do not match its schema: \"a\" is a required property; \"x\" is not of type \"integer\" at `/b`"
            ],
            ["c4", "error (mine): no luck"],
            ["c5", "3"],
        ])
    );
    assert_eq!(project.events("tool_ended").len(), 5);
}

#[test]
fn the_third_error_of_a_tool_in_a_row_ends_the_operation() {
    let server = Server::start(|number, _, _| {
        replied("", &[("c", "fail", &format!("{{\"n\": {number}}}"))])
    });
    let project = project(
        &server,
        r#"
        let fail = tool("fail", "Fails.", "n: integer", |x| { throw #{ kind: "network", message: `no ${x.n}` } });
        let r = attempt(|| branch().operate("Go.", #{ tools: [fail] }));
        print([r.error.kind, r.error.cause, r.error.tool, r.error.args, r.error.message]);
        branch().operate("Go again.", #{ tools: [fail] });
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 1);
    assert_eq!(
        ran.stdout,
        "[\"tool\", \"network\", \"fail\", #{\"n\": 2}, \"tool `fail`: no 2 (the third error of this tool in a row)\"]\n"
    );
    assert!(ran.stderr.contains("K0133"), "{}", ran.stderr);
}

#[test]
fn the_last_step_asks_for_the_answer_and_makes_no_call() {
    let call =
        |number: usize| replied("", &[("c", "add", &format!("{{\"a\": {number}, \"b\": 1}}"))]);
    let server = Server::start(move |number, _, body| {
        if body.contains("Answer now") {
            replied("so far 2", &[("c", "add", "{}")])
        } else {
            call(number)
        }
    });
    let script = format!(
        "{ADD}{}",
        r#"
        let r = b.operate("Go.", #{ tools: [add], max_steps: 3, trace: true });
        print([r.value, r.stopped, r.calls, r.tool_calls, r.steps.len]);
        let r = b.operate("Go.", #{ tools: [add], max_tool_calls: 1, trace: true });
        print([r.value, r.stopped, r.calls, r.tool_calls]);
        "#
    );
    let project = project(&server, &script);
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(ran.stdout, "[\"so far 2\", \"steps\", 3, 2, 2]\n[\"so far 2\", \"steps\", 2, 1]\n");
    let choices: Vec<Value> = server
        .bodies()
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["tool_choice"].clone())
        .collect();
    assert_eq!(json!(choices), json!(["auto", "auto", "none", "auto", "none"]));
}

#[test]
fn without_an_answer_after_the_last_step_the_error_says_what_there_was() {
    let server = Server::start(|number, _, body| {
        let is_last = body.contains("Answer now");
        let text = if is_last { "" } else { "I look again" };
        replied(text, &[("c", "add", &format!("{{\"a\": {number}, \"b\": 1}}"))])
    });
    let script = format!(
        "{ADD}{}",
        r#"
        let r = attempt(|| b.operate("Go.", #{ tools: [add], max_steps: 3 }));
        print([r.error.kind, r.error.partial, r.error.steps]);
        print(b.messages.len);
        b.operate("Go.", #{ tools: [add], max_steps: 2 });
        "#
    );
    let project = project(&server, &script);
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 1);
    assert_eq!(ran.stdout, "[\"steps\", \"I look again\", 3]\n0\n");
    assert!(ran.stderr.contains("K0218"), "{}", ran.stderr);
}

#[test]
fn the_same_call_is_made_twice_and_no_more() {
    let server = Server::start(|_, _, body| {
        let text = if body.contains("Answer now") { "3" } else { "" };
        replied(text, &[("c", "add", r#"{"a": 1, "b": 2}"#)])
    });
    let project = project(
        &server,
        r#"
        let made = 0;
        let add = tool("add", "Adds.", "a: integer, b: integer", |x| { made += 1; x.a + x.b });
        let r = branch().operate("Go.", #{ tools: [add], trace: true });
        print([r.value, r.stopped, r.calls, made]);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(ran.stdout, "[\"3\", \"repeats\", 5, 2]\n");
}

#[test]
fn an_answer_is_checked_and_mended_after_the_tools_as_without_them() {
    let server = Server::start(|number, _, _| match number {
        0 => replied("", &[("c1", "add", r#"{"a": 1, "b": 2}"#)]),
        1 => replied("It is three.", &[]),
        _ => replied(r#"{"n": "3"}"#, &[]),
    });
    let script = format!(
        "{ADD}{}",
        r#"
        print(b.operate("Go.", #{ tools: [add], schema: "n: integer" }));
        print(b.messages.len);
        "#
    );
    let project = project(&server, &script);
    assert_eq!(run(&project, &["run", "s.rhai", "--quiet"], 0).stdout, "#{\"n\": 3}\n4\n");

    // Schema and tools are never in one request.
    let asked: Vec<(bool, bool)> = server
        .bodies()
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap())
        .map(|body| (body["tools"].is_array(), body["response_format"].is_object()))
        .collect();
    assert_eq!(asked, [(true, false), (true, false), (false, true)]);
}

#[test]
fn a_server_that_refuses_tools_is_asked_by_schema_from_then_on() {
    let server = Server::start(|_, _, body| {
        if body.contains("\"tools\"") {
            return refusal(400, "`tools` is not supported");
        }
        let is_answered = body.contains("<result tool=");
        let call = r#"{"thought": "add them", "tool": "add", "args": {"a": 17, "b": "25"}}"#;
        replied(if is_answered { r#"{"answer": "42"}"# } else { call }, &[])
    });
    let script = format!(
        "{ADD}{}",
        r#"
        print(b.react("What is 17 + 25?", #{ tools: [add] }));
        print(branch().react("And once more?", #{ tools: [add] }));
        "#
    );
    let project = project(&server, &script);
    let ran = run(&project, &["run", "s.rhai"], 0);
    assert_eq!(ran.stdout, "42\n42\n");
    assert_eq!(server.bodies().len(), 5, "the second question knows it");
    let told: Vec<Value> = project.events("logged").iter().map(|e| e["level"].clone()).collect();
    assert_eq!(told, ["warn"]);

    let resumed = run(&project, &["run", "--resume=@", "--quiet"], 0);
    assert_eq!((resumed.stdout.as_str(), server.bodies().len()), ("42\n42\n", 5));
}

#[test]
fn a_call_that_was_meant_and_cannot_be_read_is_no_answer() {
    let answer = r#"{"answer": "done"}"#;
    let call = r#"{"tool": "t", "args": {"n": 2}}"#;
    for broken in [
        r#"{"tool": "t", "args": {"n": 2}"#,
        r#"{"tool": "t", "args": {"n": 2}}{"tool": "t", "args": {"n": 3}}"#,
        "I call it. {'tool': 't', 'args': {'n': 2}",
        r#"{"tool": "t", "args": {"n": 2, "n": 3}}"#,
        r#"{"answer": "do"#,
    ] {
        for schema in ["", ", schema: \"string\""] {
            let server = Server::start(move |number, _, _| match number {
                0 => replied(broken, &[]),
                1 => replied(call, &[]),
                _ => replied(answer, &[]),
            });
            let script = format!(
                r#"let t = tool("t", "Tells.", "n: integer", |x| {{ print(x.n); "ok" }});
                print(branch().operate("Go.", #{{ tools: [t], protocol: "schema"{schema} }}));"#
            );
            let project = project(&server, &script);
            let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
            assert_eq!(ran.stdout, "2\ndone\n", "{broken}{schema}");

            let second = said(&server.bodies()[1]);
            assert_eq!(second[1]["content"], broken);
            let told = second[2]["content"].as_str().unwrap();
            assert!(told.starts_with("This answer is not valid:\n- "), "{told}");
        }

        // What cannot be mended is an error, and no value.
        let server = Server::start(move |_, _, _| replied(broken, &[]));
        let script = r#"let t = tool("t", "Tells.", "n: integer", |x| "ok");
            let e = attempt(|| branch().operate("Go.", #{ tools: [t], protocol: "schema" })).error;
            print(`${e.kind} ${e.repairs} ${e.partial}`);"#;
        let project = project(&server, script);
        let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
        assert_eq!(ran.stdout, format!("invalid_output 2 {broken}\n"));
        assert_eq!(server.bodies().len(), 3);
    }

    for bare in ["It is done.", r#"{"n": 3}"#, "[1, 2]"] {
        let server = Server::start(move |_, _, _| replied(bare, &[]));
        let script = r#"let t = tool("t", "Tells.", "n: integer", |x| "ok");
            print(branch().operate("Go.", #{ tools: [t], protocol: "schema" }));"#;
        let project = project(&server, script);
        let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
        assert_eq!(ran.stdout, format!("{bare}\n"));
    }
}

#[test]
fn what_was_not_offered_is_not_called() {
    let tools = r#"
        let t = tool("t", "Tells.", #{}, || { print("t ran"); "t" });
        let u = tool("u", "Undoes.", #{}, || { print("u ran"); "u" });
        let ask_it = |options| {
            let r = attempt(|| branch().operate("Go.", options));
            print(if r.ok { r.value } else { `${r.error.kind}: ${r.error.message}` });
        };"#;
    let none = format!("{tools} ask_it.call(#{{ tools: [t, u], tool_choice: \"none\" }});");
    for (text, told) in [
        ("I know it.", "I know it.\n"),
        (
            "",
            "steps: the model called tools although `tool_choice` is \"none\", and gave no answer; offer it \
             no tools, or ask another model\n",
        ),
    ] {
        let server = Server::start(move |_, _, _| replied(text, &[("c1", "t", "{}")]));
        let project = project(&server, &none);
        assert_eq!(run(&project, &["run", "s.rhai", "--quiet"], 0).stdout, told);
        assert_eq!(server.bodies().len(), 1);
    }

    for protocol in ["native", "schema"] {
        let server = Server::start(move |number, _, _| match (protocol, number) {
            ("native", 0) => replied("", &[("c1", "u", "{}"), ("c2", "t", "{}")]),
            ("native", _) => replied("done", &[]),
            (_, 0) => replied(r#"{"tool": "u", "args": {}}"#, &[]),
            (_, _) => replied(r#"{"answer": "done"}"#, &[]),
        });
        let script = format!(
            "{tools} ask_it.call(#{{ tools: [t, u], tool_choice: \"t\", protocol: \"{protocol}\" }});"
        );
        let project = project(&server, &script);
        let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
        let expected = if protocol == "native" { "t ran\ndone\n" } else { "done\n" };
        assert_eq!(ran.stdout, expected, "{protocol}");
        let told = "error (not_found): this step offers only the tool `t`, so `u` was not called";
        assert!(server.bodies()[1].contains(told), "{}", server.bodies()[1]);
    }
}

#[test]
fn arguments_with_one_key_twice_are_a_problem_that_the_model_is_told() {
    let server = Server::start(|number, _, _| match number {
        0 => replied("", &[("c1", "add", r#"{"a": 1, "a": 2, "b": 3}"#)]),
        1 => replied("", &[("c2", "add", r#"{"a": 2, "a": 2, "b": 3}"#)]),
        _ => replied("done", &[]),
    });
    let script = format!("{ADD}{}", r#"print(b.operate("Go.", #{ tools: [add] }));"#);
    let project = project(&server, &script);
    assert_eq!(run(&project, &["run", "s.rhai", "--quiet"], 0).stdout, "done\n");
    let last = said(&server.bodies()[2]);
    let told = [&last[2]["content"], &last[4]["content"]];
    let twice = "error (arguments): the arguments have the key `a` twice, with different values: \
                 {\"a\": 1, \"a\": 2, \"b\": 3}";
    assert_eq!(told, [&json!(twice), &json!("5")]);
}

#[test]
fn without_an_answer_the_error_names_what_ended_the_loop() {
    let mut told = String::new();
    for (options, is_same) in [
        ("max_steps: 2", false),
        ("max_steps: 9, max_tool_calls: 2", false),
        ("max_steps: 9", true),
    ] {
        let server = Server::start(move |number, _, _| {
            let number = if is_same { 1 } else { number };
            replied("", &[("c", "add", &format!("{{\"a\": {number}, \"b\": 1}}"))])
        });
        let script = format!(
            "{ADD} print(attempt(|| b.operate(\"Go.\", #{{ tools: [add], {options} }})).error.message);"
        );
        let project = project(&server, &script);
        told.push_str(&run(&project, &["run", "s.rhai", "--quiet"], 0).stdout);
    }
    expect_test::expect![[r#"
        the model gave no answer in 2 steps; raise `max_steps`, offer fewer tools, or describe them more clearly
        the model gave no answer within 2 tool calls; raise `max_tool_calls`, offer fewer tools, or describe them more clearly
        the model made the same calls again and again, and gave no answer in 5 steps; describe the tools more clearly, or ask another model
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_refusal_of_tools_may_come_as_another_error_and_be_said_beforehand() {
    let call = r#"{"tool": "add", "args": {"a": 17, "b": 25}}"#;
    let answering =
        move |number: usize| replied(if number == 1 { call } else { r#"{"answer": "42"}"# }, &[]);
    let script = format!("{ADD}{}", r#"print(b.operate("What is 17 + 25?", #{ tools: [add] }));"#);

    let server = Server::start(move |number, _, body| {
        if body.contains("\"tools\"") {
            return refusal(404, "No endpoints found that support tool use");
        }
        answering(number)
    });
    let first = project(&server, &script);
    assert_eq!(run(&first, &["run", "s.rhai", "--quiet"], 0).stdout, "42\n");
    assert_eq!(first.events("logged").len(), 1);

    let server = Server::start(move |number, _, body| {
        assert!(!body.contains("\"tools\""), "{body}");
        answering(number + 1)
    });
    let toml = format!(
        "[project]\nmodel = \"own\"\n[models.own]\nuse = \"openai/m\"\nbase_url = \"{}\"\ntools = false\n",
        server.url
    );
    let second = project(&server, &script);
    second.file("kaizen.toml", &toml);
    assert_eq!(run(&second, &["run", "s.rhai", "--quiet"], 0).stdout, "42\n");
    assert_eq!(second.events("logged"), Vec::<Value>::new());

    // A model that there is not refuses every request.
    let server = Server::start(|_, _, _| refusal(404, "no such model"));
    let third = project(&server, &script);
    let ran = run(&third, &["run", "s.rhai", "--quiet"], 5);
    assert!(ran.stderr.contains("no such model"), "{}", ran.stderr);
    assert_eq!(third.events("logged"), Vec::<Value>::new());
}

#[test]
fn a_forced_call_that_is_not_made_is_asked_for_by_schema() {
    let server = Server::start(|number, _, _| match number {
        0 => replied("I know it: 3.", &[]),
        1 => replied(r#"{"tool": "add", "args": {"a": 1, "b": 2}}"#, &[]),
        _ => replied("3", &[]),
    });
    let script = format!(
        "{ADD}{}",
        r#"print(b.operate("Go.", #{ tools: [add], tool_choice: "required" }));"#
    );
    let project = project(&server, &script);
    assert_eq!(run(&project, &["run", "s.rhai", "--quiet"], 0).stdout, "3\n");
    let bodies: Vec<Value> =
        server.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(
        (&bodies[0]["tool_choice"], &bodies[2]["tool_choice"], bodies[1]["tools"].is_null()),
        (&json!("required"), &json!("auto"), true)
    );
    assert_eq!(said(&server.bodies()[2])[2]["role"], "tool");
}

#[test]
fn a_cut_reply_calls_nothing() {
    let cut = json!({ "choices": [{ "message": { "role": "assistant", "content": "", "tool_calls": [
        { "id": "c", "type": "function", "function": { "name": "add", "arguments": "{\"a\": 1, \"b\": 2}" } }] },
        "finish_reason": "length" }] });
    let server = Server::start(move |_, _, _| body(200, cut.to_string()));
    let script =
        format!("{ADD}{}", r#"print(attempt(|| b.operate("Go.", #{ tools: [add] })).error.kind);"#);
    let project = project(&server, &script);
    assert_eq!(run(&project, &["run", "s.rhai", "--quiet"], 0).stdout, "length\n");
    assert_eq!(project.events("tool_started"), Vec::<Value>::new());
}

#[test]
fn reading_tools_run_at_once_and_writing_tools_in_the_order_of_the_reply() {
    let server = Server::start(|number, _, _| match number {
        0 => replied(
            "",
            &[
                ("c1", "look", r#"{"n": 30}"#),
                ("c2", "look", r#"{"n": 10}"#),
                ("c3", "put", r#"{"n": 20}"#),
                ("c4", "put", r#"{"n": 10}"#),
            ],
        ),
        _ => replied("done", &[]),
    });
    let project = project(
        &server,
        r#"
        let order = [];
        let wait = |x| { sleep(x.n); order.push(x.n); x.n };
        let look = tool("look", "Looks.", "n: integer", wait, #{ effects: "read" });
        let put = tool("put", "Puts.", "n: integer", wait);
        let r = branch().operate("Go.", #{ tools: [look, put], trace: true });
        print(order);
        print(r.steps[0].calls.map(|c| c.result));
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(ran.stdout, "[10, 30, 20, 10]\n[30, 10, 20, 10]\n");
    let again = run(&project, &["run", "--resume=@", "--quiet"], 0);
    assert_eq!((again.stdout, server.bodies().len()), (ran.stdout, 2));
}

#[test]
fn a_branch_that_is_saved_keeps_the_calls_and_gets_its_tools_anew() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let add = tool("add", "Adds.", "a: integer, b: integer", |x| x.a + x.b);
        let b = branch(#{ model: "demo/echo", tools: [add] });
        b.operate("What is 17 + 25? Use add.");
        b.operate("What is 1 + 2? Use add.", #{ keep: "answer" });
        b.operate("What is 3 + 4? Use add.", #{ keep: "nothing" });
        let saved = json(to_json(b.to_map()));
        let again = branch_from(saved + #{ tools: [add] });
        print(again.messages == b.messages);
        print(again.messages.map(|m| m.role));
        print(again.operate("What is 5 + 6? Use add."));
        print(branch_from(saved).tools);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    assert_eq!(
        ran.stdout,
        "true\n[\"user\", \"assistant\", \"tool\", \"assistant\", \"user\", \"assistant\"]\n[demo] 11\n[]\n"
    );
}

#[test]
fn patterns_with_tools_take_a_branch_a_model_or_its_name() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let add = tool("add", "Adds.", "a: integer, b: integer", |x| x.a + x.b, #{ effects: "read" });
        let task = "What is 17 + 25? Use add.";
        for who in ["demo/echo", imodel("demo/echo"), branch("demo/echo")] {
            print([react(who, task, #{ tools: [add] }), tool_vote(who, task, #{ tools: [add], n: 3 })]);
        }
        let none = #{};
        print(attempt(|| tool_vote("demo/echo", task, none)).error.message);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--quiet"], 0);
    let line = "[\"[demo] 42\", \"[demo] 42\"]\n";
    let refused = "option `tools` of `tool_vote`: must be a list with at least one item, not ()\n";
    assert_eq!(ran.stdout, format!("{line}{line}{line}{refused}"));
}

#[test]
fn what_the_model_could_not_change_ends_the_operation() {
    let server = Server::start(|number, _, _| match number {
        0 => replied("", &[("c1", "read", "{}")]),
        1 => replied("", &[("c1", "deep", "{}")]),
        _ => replied("done", &[("c2", "deep", "{}")]),
    });
    let project = project(
        &server,
        r#"
        let read = tool("read", "Reads.", #{}, || http_get("http://example.com/"));
        let e = attempt(|| branch().operate("Go.", #{ tools: [read] })).error;
        print(e.kind);

        // A tool that asks a model that calls it.
        let deep = ();
        deep = tool("deep", "Asks.", #{}, || branch().operate("Deeper.", #{ tools: [deep], budget: #{ max_calls: 3 } }));
        let e = attempt(|| branch().operate("Go.", #{ tools: [deep], budget: #{ max_calls: 5 } })).error;
        print(e.kind);
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai", "--quiet", "--no-prompt"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "permission\nbudget\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(server.bodies().len(), 5);
}

#[test]
fn what_is_too_long_or_dangerous_is_told_shortened_and_cleaned() {
    let server = Server::start(|number, _, _| match number {
        0 => replied("", &[("c1", "long", "{}"), ("c2", "odd", "{}"), ("c3", "nan", "{}")]),
        _ => replied("done", &[]),
    });
    let project = project(
        &server,
        r#"
        let long = tool("long", "Long.", #{}, || { let s = "ab"; s.pad(100000, "x"); s }, #{ max_result: 100 });
        let odd = tool("odd", "Odd.", #{}, || "a\x1b[31m\u200bb\nc");
        let nan = tool("nan", "NaN.", #{}, || 0.0 / 0.0);
        let r = branch().operate("Go.", #{ tools: [long, odd, nan], trace: true });
        print(r.steps[0].calls[0].result.len);
        "#,
    );
    assert_eq!(run(&project, &["run", "s.rhai", "--quiet"], 0).stdout, "100000\n");
    let results: Vec<String> = said(&server.bodies()[1])[2..]
        .iter()
        .map(|m| m["content"].as_str().unwrap().to_owned())
        .collect();
    let long = format!("ab{}\n[.. 99900 bytes left out ..]\n{}", "x".repeat(73), "x".repeat(25));
    assert_eq!(
        results,
        [
            long.as_str(),
            "a[31mb\nc",
            "error (script): a function must return plain data: NaN is not plain data"
        ]
    );
    let ended = project.events("tool_ended");
    assert_eq!((&ended[0]["bytes"], &ended[0]["cut"]), (&json!(100_000), &json!(true)));
}
