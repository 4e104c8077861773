//! How often a server is asked: once where asking again is pointless, and never more often than is said.

use super::{ask, kind};
use crate::support::Project;
use crate::support::server::{Act, Server, answer, json, refusal};
use kaizen::model::call_error::CallError;
use kaizen::model::registry::Models;
use kaizen::model::request::Settings;
use kaizen::model::spec::{LimitField, ModelSpec};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;

/// A server that fails every request with a status and a body.
fn failing(status: u16, body: &'static str) -> Server {
    let headers = "retry-after-ms: 1\r\ncontent-type: application/json\r\n";
    Server::start(move |_, _, _| Act::Answer(status, headers.into(), body.into()))
}

const DOWN: &str = r#"{"error":{"message":"down"}}"#;

/// Runs a script, which gives a failure, against a server that fails; returns the kind and the words
/// of the failure, and how often the server was asked.
fn run(server: &Server, script: &str) -> (String, String, usize) {
    let (ran, done) = Project::new().with_server(server).script(script);
    let failure = &done["value"];
    assert!(failure["kind"].is_string(), "{script}\n{}\n{done}", ran.stderr);
    let text = |key: &str| failure[key].as_str().unwrap().to_owned();
    (text("kind"), text("message"), server.bodies().len())
}

fn operation(what: &str, options: &str) -> String {
    format!(
        "let g = builder(\"g\"); g.add_operation({what}, #{{ name: \"a\", {options} }});
         session(branch()).flow(g).errors.a"
    )
}

/// The ways to ask again, each around the same call.
fn ways() -> [String; 5] {
    [
        "attempt(|| branch().chat(\"x\")).error".to_owned(),
        "attempt(|| retry(4, || branch().chat(\"x\"))).error".to_owned(),
        operation("\"chat\"", "instruction: \"x\", retries: 3"),
        operation("|inputs, b| b.chat(\"x\")", "retries: 3"),
        operation("|inputs, b| retry(4, || b.chat(\"x\"))", "retries: 3"),
    ]
}

#[test]
fn what_is_hopeless_is_asked_once_whoever_would_ask_again() {
    for (status, body, expected) in [
        (429, r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#, "quota"),
        (429, r#"{"error":{"message":"pay","type":"exceeded_current_quota_error"}}"#, "quota"),
        (402, r#"{"error":{"message":"pay"}}"#, "quota"),
        (401, DOWN, "unauthorized"),
        (400, DOWN, "bad_request"),
        (404, DOWN, "not_found"),
        (501, DOWN, "server"),
        (500, r#"{"error":{"message":"long","code":"context_length_exceeded"}}"#, "bad_request"),
        (400, r#"{"error":{"message":"no","code":"content_filter"}}"#, "refused"),
        (200, r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#, "quota"),
        (
            200,
            r#"{"object":"error","message":"x","type":"BadRequestError","code":400}"#,
            "bad_request",
        ),
        (429, "event: error\ndata: {\"error\":{\"code\":\"insufficient_quota\"}}\n\n", "quota"),
        (429, r#"{"errors":[{"code":"insufficient_quota","message":"x"}]}"#, "quota"),
        (502, r#"{"error":{"message":"m","code":401}}"#, "unauthorized"),
        (
            500,
            r#"{"error":{"message":"litellm.AuthenticationError","code":"401"}}"#,
            "unauthorized",
        ),
        (503, r#"{"error":{"message":"m","code":402}}"#, "quota"),
        (500, r#"{"error":{"message":"m","code":"404"}}"#, "not_found"),
        (502, r#"{"error":{"message":"m","code":422}}"#, "bad_request"),
        (429, r#"{"error":{"code":"1113","message":"m"}}"#, "quota"),
        (200, r#"{"base_resp":{"status_code":1004,"status_msg":"login fail"}}"#, "unauthorized"),
        (200, r#"{"error_code":110,"error_msg":"token"}"#, "unauthorized"),
        (200, r#"{"error_code":17,"error_msg":"limit of the day"}"#, "quota"),
        (200, r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#, "not_found"),
        (200, r#"{"error":{"code":"model_decommissioned","message":"m"}}"#, "not_found"),
        (200, "error: {\"code\":400,\"type\":\"exceed_context_size_error\"}\n\n", "bad_request"),
        (200, r#"{"choices":[{"message":{"content":"half"},"finish_reason":"length"}]}"#, "length"),
    ] {
        for way in ways() {
            let server = failing(status, body);
            let (found, message, requests) = run(&server, &way);
            assert_eq!((found.as_str(), requests), (expected, 1), "{status} {body}\n{way}");
            assert!(!message.contains("tried"), "{message}");
        }
    }
}

#[test]
fn a_wait_that_is_too_long_is_not_asked_for_again() {
    for way in ways() {
        let server =
            Server::start(|_, _, _| Act::Answer(429, "retry-after: 600\r\n".into(), DOWN.into()));
        let (found, message, requests) = run(&server, &way);
        assert_eq!((found.as_str(), requests), ("rate_limited", 1), "{way}");
        assert!(message.contains("asks for a pause of 600 s"), "{message}");
    }
}

#[test]
fn tries_of_tries_do_not_multiply_and_the_number_told_is_the_one_made() {
    let chat = |options: &str| format!("branch().chat(\"x\", #{{ {options} }})");
    let inner = |options: &str| format!("|inputs, b| b.chat(\"x\", #{{ {options} }})");
    for (script, expected) in [
        (format!("attempt(|| {}).error", chat("")), 3),
        (format!("attempt(|| {}).error", chat("attempts_max: 5")), 5),
        (format!("attempt(|| retry(3, || {})).error", chat("")), 3),
        (format!("attempt(|| retry(4, || {})).error", chat("attempts_max: 1")), 4),
        (format!("attempt(|| retry(4, || {})).error", chat("attempts_max: 2")), 4),
        (format!("attempt(|| retry(2, || retry(2, || {}))).error", chat("attempts_max: 1")), 2),
        (operation("\"chat\"", "instruction: \"x\""), 3),
        (operation("\"chat\"", "instruction: \"x\", retries: 1"), 3),
        (operation("\"chat\"", "instruction: \"x\", retries: 2"), 3),
        (operation("\"communicate\"", "instruction: \"x\", retries: 4"), 5),
        (operation("\"chat\"", "instruction: \"x\", retries: 3, attempts_max: 1"), 4),
        (operation(&inner(""), "retries: 2"), 3),
        (operation(&inner("attempts_max: 1"), "retries: 2"), 3),
        (operation(&format!("|inputs, b| retry(3, || {})", chat("")), "retries: 2"), 3),
        // What is left bounds each further call, wherever that is made.
        (format!("attempt(|| retry(4, || {})).error", chat("")), 4),
        (format!("attempt(|| retry(3, || {})).error", chat("attempts_max: 2")), 3),
        (format!("attempt(|| retry(5, || retry(4, || {}))).error", chat("attempts_max: 3")), 5),
        (format!("attempt(|| retry(4, || gather([|| {}]))).error", chat("")), 4),
        (format!("attempt(|| retry(4, || task(|| {}).wait())).error", chat("")), 4),
        (operation(&inner(""), "retries: 3"), 4),
        (operation(&inner("attempts_max: 2"), "retries: 2"), 3),
    ] {
        let server = failing(503, DOWN);
        let (found, message, requests) = run(&server, &script);
        assert_eq!((found.as_str(), requests), ("server", expected), "{script}");
        let told =
            "the provider failed with status 503: down; the server asks for a pause of 0.001 s";
        assert_eq!(message, format!("{told} (tried {expected} times)"), "{script}");
    }
}

#[test]
fn tries_of_a_call_in_a_tool_count_as_those_of_the_tool() {
    let tool = |options: &str| {
        format!(
            "let t = tool(\"t\", \"d\", \"a: integer\", |x| branch().chat(\"q\", #{{ {options} }}));\n"
        )
    };
    let act = "branch(#{ tools: [t] }).act(\"t\", #{ a: 1 })";
    for (script, expected) in [
        (format!("{}attempt(|| {act}).error", tool("")), 3),
        (format!("{}attempt(|| retry(3, || {act})).error", tool("attempts_max: 2")), 3),
        (format!("{}attempt(|| retry(4, || {act})).error", tool("")), 4),
        (format!("{}{}", tool(""), operation(&format!("|i| {act}"), "retries: 2")), 3),
        (format!("{}{}", tool(""), operation(&format!("|i| {act}"), "retries: 3")), 4),
    ] {
        let server = failing(503, DOWN);
        let (found, message, requests) = run(&server, &script);
        assert_eq!((found.as_str(), requests), ("tool", expected), "{script}");
        assert!(message.ends_with(&format!("(tried {expected} times)")), "{script}: {message}");
    }
}

#[test]
fn what_no_call_failed_at_is_tried_as_often_as_it_is_said() {
    let (ran, done) = Project::new().script(
        r#"let counts = [];
           fn count(f) { let n = #{ n: 0 }; attempt(|| retry(3, || { n.n += 1; f.call() })); n.n }
           [count(|| throw "not yet"), count(|| throw #{ kind: "mine" }), count(|| [][7]),
            count(|| parse_json("{")), count(|| timeout(1, || sleep(60000))),
            count(|| throw #{ kind: "mine", message: "no", retryable: false }),
            count(|| branch().chat("x", #{ max_tokens: json("\"many\"") })),
            count(|| read_text("/etc/passwd"))]"#,
    );
    assert_eq!(done["value"], value!([3, 3, 3, 3, 3, 1, 1, 1]), "{}", ran.stderr);
}

/// The field of the limit in each request so far.
fn limits(server: &Server) -> Vec<String> {
    let fields = ["max_tokens", "max_completion_tokens"];
    let bodies = server.bodies();
    let body = |body: &String| {
        let body: Value = serde_json::from_str(body).unwrap();
        fields
            .iter()
            .filter(|field| body.get(**field).is_some())
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    };
    bodies.iter().map(body).collect()
}

fn with_limit() -> Settings {
    Settings { max_tokens: Some(9), ..Settings::default() }
}

fn models() -> Models {
    Models::new(BTreeMap::new(), None, 1, |_| None)
}

fn spec(server: &Server, field: Option<LimitField>) -> ModelSpec {
    let mut spec = ModelSpec::new("openai", "m");
    spec.base_url = Some(server.url.clone());
    spec.limit_field = field;
    spec
}

/// A server of OpenAI's newer models.
fn modern() -> Server {
    Server::start(|_, _, body| {
        if body.contains("\"max_tokens\"") {
            refusal(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                 'max_completion_tokens' instead.",
            )
        } else {
            answer("yes")
        }
    })
}

#[tokio::test]
async fn a_server_with_another_name_for_the_limit_is_asked_once_more_and_remembered() {
    let (server, models) = (modern(), models());
    for _ in 0..2 {
        let model = models.resolve_spec(&spec(&server, None)).unwrap();
        assert_eq!(ask(&model, with_limit()).await.result, Ok("yes".into()));
    }
    let (old, new) = ("max_tokens", "max_completion_tokens");
    assert_eq!(limits(&server), [old, new, new]);

    let server = modern();
    let model = models.resolve_spec(&spec(&server, Some(LimitField::MaxCompletionTokens))).unwrap();
    assert_eq!(ask(&model, with_limit()).await.result, Ok("yes".into()));
    assert_eq!(limits(&server), [new]);

    let server = modern();
    let model = models.resolve_spec(&spec(&server, Some(LimitField::MaxTokens))).unwrap();
    assert_eq!(kind(&ask(&model, with_limit()).await), "bad_request");
    assert_eq!(limits(&server), [old], "what was said counts");

    let server = modern();
    let model = models.resolve_spec(&spec(&server, None)).unwrap();
    assert_eq!(ask(&model, Settings::default()).await.result, Ok("yes".into()));
    assert_eq!(limits(&server), [""], "without a limit there is nothing to name");
}

/// One of them finds the name out while the others wait.
#[tokio::test]
async fn of_calls_side_by_side_one_learns_the_name_of_the_limit() {
    let (server, models) = (modern(), models());
    let all: Vec<_> = (0..4).map(|_| models.resolve_spec(&spec(&server, None)).unwrap()).collect();
    let called = futures::future::join_all(all.iter().map(|model| ask(model, with_limit()))).await;
    let found: Vec<_> = called.into_iter().map(|called| called.result).collect();
    assert_eq!(found, vec![Ok("yes".into()); 4]);
    let new = "max_completion_tokens";
    assert_eq!(limits(&server), ["max_tokens", new, new, new, new]);
}

/// A server that is slow to answer holds nobody up for long.
#[tokio::test]
async fn calls_wait_for_the_name_of_the_limit_only_a_moment() {
    let server = Server::start(|_, _, _| Act::Until(3, Box::new(answer("yes"))));
    let models = models();
    let model = models.resolve_spec(&spec(&server, None)).unwrap();
    let all = (0..3).map(|_| ask(&model, with_limit()));
    let found: Vec<_> = futures::future::join_all(all).await;
    assert_eq!(
        found.into_iter().map(|called| called.result).collect::<Vec<_>>(),
        vec![Ok("yes".into()); 3]
    );
    assert_eq!(limits(&server), ["max_tokens"; 3]);
}

#[test]
fn a_request_in_another_form_counts_as_one() {
    let server = modern();
    let project = Project::new();
    project.with_server(&server).file(
        "s.rhai",
        "let all = parallel([1, 2, 3, 4], |n| branch().chat(`q${n}`, #{ max_tokens: 9 }), #{ settle: true });
         print(all.map(|one| if one.ok { \"ok\" } else { one.error.kind })); print(used().calls);",
    );
    let ran = project.kaizen(&["run", "s.rhai", "--max-calls", "4", "--progress", "none"]);
    assert_eq!(server.bodies().len(), 4, "{}", ran.stderr);
    let told = r#"["budget", "ok", "ok", "ok"]"#;
    assert_eq!(ran.stdout, format!("{told}\n4\n"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_refusal_for_another_reason_keeps_its_words_and_costs_one_request_more_at_most() {
    let server = Server::start(|n, _, _| {
        refusal(400, ["max_tokens or max_completion_tokens is too large", "second", "third"][n])
    });
    let models = models();
    let mut words = Vec::new();
    for _ in 0..2 {
        let model = models.resolve_spec(&spec(&server, None)).unwrap();
        let Err(CallError::BadRequest { message, .. }) = ask(&model, with_limit()).await.result
        else {
            panic!("no refusal")
        };
        words.push(message);
    }
    assert_eq!(words, ["max_tokens or max_completion_tokens is too large", "third"]);
    assert_eq!(limits(&server), ["max_tokens", "max_completion_tokens", "max_tokens"]);
}

#[test]
fn the_name_of_the_limit_can_be_said_in_kaizen_toml_and_in_a_script() {
    let server = modern();
    let project = Project::new();
    project.file(
        "kaizen.toml",
        &format!(
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n\
             max_tokens = 9\nmax_tokens_field = \"max_completion_tokens\"\n",
            server.url
        ),
    );
    let (ran, done) = project.script("branch().chat(\"x\")");
    assert_eq!(done["value"], "yes", "{}", ran.stderr);
    let script = format!(
        r#"branch(#{{ model: #{{ provider: "openai", model: "m", base_url: "{}", max_tokens: 9,
               max_tokens_field: "max_completion_tokens" }} }}).chat("x")"#,
        server.url
    );
    let (ran, done) = project.script(&script);
    assert_eq!(done["value"], "yes", "{}", ran.stderr);
    assert_eq!(limits(&server), ["max_completion_tokens"; 2]);
}

#[tokio::test]
async fn ollama_is_sent_schemas_and_further_fields() {
    let server =
        Server::start(
            |_, path, _| {
                if path == "/v1/chat/completions" { answer("{}") } else { json(404, "{}") }
            },
        );
    let mut spec = ModelSpec::new("ollama", "m");
    for url in [server.url.clone(), format!("{}/v1", server.url), format!("{}/v1/", server.url)] {
        spec.base_url = Some(url);
        let model = models().resolve_spec(&spec).unwrap();
        let extra = value!({ "think": false }).as_object().unwrap().clone();
        let settings = Settings { extra, seed: Some(7), ..Settings::default() };
        assert_eq!(ask(&model, settings).await.result, Ok("{}".into()));
    }
    let body: Value = serde_json::from_str(&server.bodies()[0]).unwrap();
    assert_eq!((&body["think"], &body["seed"]), (&value!(false), &value!(7)));
}
