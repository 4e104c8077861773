//! Answers that are data: `operate`, `parse`, and schemas in all their forms.

use crate::support::server::{Act, Server, answer, finished, refusal};
use crate::support::{Project, Ran, stopped};
use serde_json::{Value, json};

const LABEL: &str = r#"
let b = branch();
let v = b.operate("Judge: I loved it.", #{ schema: "thought: string, label: good | bad, sure: number" });
print(v);
print(b.messages.len);
"#;

/// A server that gives these answers in turn, and the last one from then on.
fn saying(answers: &'static [&'static str]) -> Server {
    Server::start(move |number, _, _| answer(answers[number.min(answers.len() - 1)]))
}

fn project(server: &Server, script: &str) -> Project {
    let project = Project::new();
    project.with_server(server).file("s.rhai", script);
    project
}

fn run(project: &Project, arguments: &[&str], code: i32) -> Ran {
    let ran = project.kaizen(arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {}\n{}", ran.stdout, ran.stderr);
    ran
}

/// Returns the messages of a request, without the first one where that is the question.
fn said(body: &str) -> Vec<(String, String)> {
    let body: Value = serde_json::from_str(body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    messages.iter().map(|one| (text(&one["role"]), text(&one["content"]))).collect()
}

#[test]
fn an_answer_that_does_not_fit_is_mended_by_the_model_and_by_rules() {
    let server = saying(&[
        r#"{"thought": "t", "label": "maybe", "sure": 1}"#,
        r#"{"thought": "t", "label": "good"}"#,
        "Sure!\n```json\n{thought: 'it is', label: 'GOOD', sure: '3',}\n```",
    ]);
    let project = project(&server, LABEL);
    let ran = run(&project, &["run", "s.rhai"], 0);
    assert_eq!(ran.stdout, "#{\"label\": \"good\", \"sure\": 3.0, \"thought\": \"it is\"}\n2\n");

    let question = ("user".to_owned(), "Judge: I loved it.".to_owned());
    let bodies = server.bodies();
    assert_eq!(said(&bodies[0]), std::slice::from_ref(&question));
    let mend = "This answer is not valid:\n- \"sure\" is a required property\nWrite the whole answer again, corrected, and nothing else.";
    let expected = [
        question,
        ("assistant".to_owned(), r#"{"thought": "t", "label": "good"}"#.to_owned()),
        ("user".to_owned(), mend.to_owned()),
    ];
    assert_eq!(said(&bodies[2]), expected, "only the newest answer is shown");

    // Each request has the schema, in the order in which it was written.
    let formats: Vec<String> = bodies
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["response_format"].to_string())
        .collect();
    let schema = json!({ "type": "json_schema", "json_schema": { "name": "reply", "schema": {
        "type": "object", "properties": { "thought": { "type": "string" },
            "label": { "type": "string", "enum": ["good", "bad"] }, "sure": { "type": "number" } },
        "required": ["thought", "label", "sure"] } } });
    assert_eq!(formats, vec![schema.to_string(); 3]);

    let mended = project.events("attempt_ended").last().unwrap()["mended"].clone();
    assert_eq!(mended, json!(["/label", "/sure"]));
    let repairs: Vec<Value> =
        project.events("attempt_started").iter().map(|event| event["repair"].clone()).collect();
    assert_eq!(repairs, [json!(null), json!(true), json!(true)]);
}

#[test]
fn a_server_that_refuses_schemas_is_told_them_in_words_from_then_on() {
    let server = Server::start(|_, _, body| {
        if body.contains("response_format") {
            return refusal(400, "response_format json_schema is not supported");
        }
        answer(r#"{"n": 3}"#)
    });
    let script = r#"
        print(branch().operate("Count.", #{ schema: "n: integer" }));
        print(branch().communicate("Count again.", #{ schema: "n: integer" }));
    "#;
    let first = project(&server, script);
    let ran = run(&first, &["run", "s.rhai"], 0);
    assert_eq!(ran.stdout, "#{\"n\": 3}\n#{\"n\": 3}\n");
    let bodies = server.bodies();
    assert_eq!(bodies.len(), 3, "the second question knows it");
    let schema = r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#;
    let asked =
        format!("Count.\n\nAnswer with JSON that matches this schema, and nothing else:\n{schema}");
    assert_eq!(said(&bodies[1]), [("user".to_owned(), asked)]);
    let told: Vec<Value> = first.events("logged").iter().map(|e| e["level"].clone()).collect();
    assert_eq!(told, ["warn"]);

    run(&first, &["replay"], 0);
    let resumed = run(&first, &["run", "--resume=@", "--quiet"], 0);
    assert_eq!((resumed.stdout, server.bodies().len()), (ran.stdout, 3));

    // What is refused in words as well was refused for another reason.
    let server = Server::start(|_, _, _| refusal(400, "the question is too long"));
    let second = project(&server, r#"branch().operate("Count.", #{ schema: "n: integer" });"#);
    let ran = run(&second, &["run", "s.rhai"], 5);
    assert!(ran.stderr.contains("the question is too long"), "{}", ran.stderr);
    assert_eq!((server.bodies().len(), second.events("logged")), (2, Vec::new()));
}

#[test]
fn what_was_answered_is_replayed_reused_and_resumed() {
    let server =
        saying(&["no", "{\"label\": 1}", r#"{"thought": "t", "label": "bad", "sure": 2}"#]);
    let project = project(&server, LABEL);
    let first = run(&project, &["run", "s.rhai"], 0);

    let replayed = run(&project, &["replay"], 0);
    assert!(replayed.stderr.contains("same: 3 replies, no calls"), "{}", replayed.stderr);
    let reused = run(&project, &["run", "s.rhai", "--reuse"], 0);
    assert_eq!(reused.stdout, first.stdout);
    assert_eq!(server.bodies().len(), 3, "no reply is paid for twice");
}

#[test]
fn an_answer_that_never_fits_is_an_error_that_says_all_about_it() {
    let server =
        saying(&["no", "still no", "{\"thought\": 1, \"label\": \"good\", \"sure\": \"x\"}"]);
    let project = project(
        &server,
        r#"
        let b = branch();
        let r = attempt(|| b.operate("Judge.", #{ schema: "thought: string, label: good | bad, sure: number" }));
        let e = r.error;
        print(`${e.kind} ${e.repairs} ${e.problems.to_json()} ${e.partial.len} ${b.messages.len}`);
        throw e;
        "#,
    );
    let ran = run(&project, &["run", "s.rhai"], 5);
    let problem = r#"{"path":"/sure","message":"\"x\" is not of type \"number\""}"#;
    let problem: Value = serde_json::from_str(problem).unwrap();
    let told = ran.stdout.trim_end();
    assert!(told.starts_with("invalid_output 2 [{") && told.ends_with(" 44 0"), "{told}");
    let list = told.trim_start_matches("invalid_output 2 ").trim_end_matches(" 44 0");
    assert_eq!(serde_json::from_str::<Value>(list).unwrap(), json!([problem]));
    let message = "the reply does not match the schema: \"x\" is not of type \"number\" at `/sure` (the model was asked 2 times to repair it)";
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 3);

    // What failed in the end is asked again by a resumed run, and nothing else.
    let resumed = run(&project, &["run", "--resume"], 5);
    assert_eq!(server.bodies().len(), 4, "{}", resumed.stderr);
}

#[test]
fn a_check_objects_and_a_cut_answer_is_not_mended() {
    let server = saying(&["five", "four"]);
    let checked = r#"
        let b = branch();
        let asked = 0;
        print(b.operate("Say a word.", #{ keep: "nothing", check: |t| { asked += 1; if t == "four" { true } else { `not ${t}` } } }));
        print(`${asked} ${b.messages.len}`);
    "#;
    let first = project(&server, checked);
    let ran = run(&first, &["run", "s.rhai"], 0);
    assert_eq!(ran.stdout, "four\n2 0\n");
    let newest = said(&server.bodies()[1]).pop().unwrap().1;
    assert_eq!(
        newest,
        "This answer is not valid:\n- not five\nWrite the whole answer again, corrected, and nothing else."
    );
    run(&first, &["replay"], 0);

    let server =
        Server::start(|_, _, _| finished("{\"thought\": \"t\", \"label\": \"go", "length"));
    let second = project(&server, LABEL);
    let ran = run(&second, &["run", "s.rhai"], 5);
    assert!(ran.stderr.contains("raise `max_tokens`"), "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 1);

    // One cut in the middle of a tool or a bracket fares no better where the server says that it ended.
    let server = saying(&["{\"thought\": \"t\", \"label\": \"good\", \"sure\": 1"]);
    let third = project(&server, LABEL);
    run(&third, &["run", "s.rhai"], 5);
    assert_eq!(server.bodies().len(), 3);
}

#[test]
fn repairs_are_calls_like_all_others_to_budgets_and_kills() {
    let server = saying(&["no"]);
    let first = project(&server, LABEL);
    let ran = run(&first, &["run", "s.rhai", "--max-calls", "2"], 4);
    assert_eq!(server.bodies().len(), 2, "{}", ran.stderr);

    // Killed in the middle of the first repair: the answer before it is known, and its request is not
    // another one.
    let server = Server::start(|number, _, _| match number {
        0 => answer("no"),
        1 => Act::Hang,
        _ => answer(r#"{"thought": "t", "label": "bad", "sure": 2}"#),
    });
    let second = project(&server, LABEL);
    stopped(&second, &server, &["run", "s.rhai"], 2, "-9");

    let ran = run(&second, &["run", "--resume"], 0);
    assert_eq!(ran.stdout, "#{\"label\": \"bad\", \"sure\": 2.0, \"thought\": \"t\"}\n2\n");
    let bodies = server.bodies();
    assert_eq!((bodies.len(), &bodies[1]), (3, &bodies[2]));
}

#[test]
fn graphs_have_the_same_words() {
    let server =
        saying(&["It is a bug, I am sure.", "{\"kind\": \"bug\"}", "{\"n\": 1}", "{\"n\": 5}"]);
    let project = project(
        &server,
        r#"
        let g = builder("triage");
        let said = g.add_operation("chat", #{ name: "said", instruction: "What is it?" });
        let kind = g.add_operation("parse", #{ name: "kind", depends_on: said, schema: "kind: bug | praise" });
        let known = g.add_operation("parse", #{ name: "known", text: "{n: '3'}", schema: "n: integer" });
        g.add_operation("operate", #{ name: "n", depends_on: kind, instruction: "How many?", schema: "n: integer",
            check: |v| v.n > 2 });
        let r = session().flow(g);
        print(`${r.result("kind")} ${r.result("known")} ${r.result("n")}`);
        print(`${r.metrics.calls} ${r.metrics.repairs} ${r.metrics.mended}`);
        "#,
    );
    let ran = run(&project, &["run", "s.rhai", "--seed", "1"], 0);
    assert_eq!(ran.stdout, "#{\"kind\": \"bug\"} #{\"n\": 3} #{\"n\": 5}\n4 1 0\n");
    // What rules can read needs no call.
    let plan = run(&project, &["plan", "s.rhai", "--json"], 0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let rows = plan["operations"].as_array().unwrap().iter();
    let mut rows: Vec<Value> = rows.map(|row| json!([row["op"], row["calls"]])).collect();
    rows.sort_by_key(ToString::to_string);
    assert_eq!(rows, [json!(["kind", 1]), json!(["n", 1]), json!(["said", 1])]);
}

#[test]
fn options_that_do_nothing_and_schemas_that_are_none_are_errors() {
    let project = Project::new();
    let cases = [
        (
            "let kind = \"chat\"; builder().add_operation(kind, #{ instruction: \"x\", max_repairs: 1 });",
            "option `max_repairs` of `add_operation`: an operation of kind `chat` does not accept it",
        ),
        (
            "let kind = \"parse\"; builder().add_operation(kind, #{ text: \"x\" });",
            "operation `parse` needs a `schema`",
        ),
        (
            "let kind = \"parse\"; builder().add_operation(kind, #{ schema: \"a: string\", instruction: \"x\" });",
            "operation `parse` parses, which does not accept `instruction` and `context`; it reads `text`, or the result of its first source",
        ),
        (
            "branch().operate(\"x\", #{ keep: \"some\" });",
            "option `keep` of `operate`: must be \"all\", \"answer\" or \"nothing\", not \"some\"",
        ),
        (
            "branch().operate(\"x\", #{ check: |v| 5 });",
            "`check` must return true, false or a text that says what is wrong, not `5`",
        ),
        (
            "let s = \"a: sting\"; branch().chat(\"x\", #{ schema: s });",
            "option `schema` of `chat`: unknown type `sting`; did you mean `string`? (character 4)",
        ),
        (
            "let s = \"a: sting\"; parse(\"x\", s);",
            "the schema of `parse`: unknown type `sting`; did you mean `string`? (character 4)",
        ),
        (
            "branch().parse(\"x\", \"a: string\", #{ max_repairs: 0 });",
            "the reply is not JSON (expected value at line 1 column 1): x",
        ),
    ];
    for (script, expected) in cases {
        project.file("s.rhai", script);
        let ran = project.kaizen(&["run", "s.rhai"]);
        assert!(ran.stderr.contains(expected), "{script}\n{}", ran.stderr);
        assert_ne!(ran.code, Some(0), "{script}");
    }

    // What stands there literally is found before the script runs.
    for script in [
        "branch().operate(\"x\", #{ schema: \"a: sting\" });",
        "let s = schema(\"a: sting\");",
        "parse(\"x\", \"a: sting\");",
        "branch().parse(\"x\", #{ type: \"objekt\" });",
        "builder().add_operation(\"operate\", #{ instruction: \"x\", schema: \"a: [string\" });",
    ] {
        project.file("s.rhai", script);
        let ran = project.kaizen(&["check", "s.rhai"]);
        assert!(
            ran.stdout.contains("K0013") || ran.stderr.contains("K0013"),
            "{script}\n{}",
            ran.stderr
        );
    }
}

#[test]
fn the_demo_model_follows_a_schema() {
    let project = Project::new();
    project.file("s.rhai", LABEL);
    let first = run(&project, &["run", "s.rhai", "--seed", "1"], 0);
    assert_eq!(first.stdout, "#{\"label\": \"good\", \"sure\": 0.0, \"thought\": \"[demo]\"}\n2\n");
    project.file("p.rhai", "print(branch().parse(\"Oslo, I think.\", \"city: string\"));");
    assert_eq!(run(&project, &["run", "p.rhai"], 0).stdout, "#{\"city\": \"[demo]\"}\n");
}
