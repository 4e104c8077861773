//! What a call is charged, from end to end: docs/design/007-budgets.md has the table.

use crate::support::Project;
use crate::support::server::{Act, Server, json, refusal};

/// The price of the model, and the bound of its replies: a dollar for a thousand tokens.
const PRICED: &str =
    "max_tokens = 20\nattempts_max = 1\nprice = { input = 1.0, output = 1.0, per = \"1k\" }\n";

/// What 3 calls at their worst leave: 3 bytes, 16 tokens for the message and 20 for the reply are 3.9
/// cents, so that a fourth does not fit into 15.
const THREE_AT_WORST: &str = "3 calls, 0.117, 0 under way";

/// A project with such a model.
fn project(url: &str, more: &str) -> Project {
    project_of("openai", url, more)
}

fn project_of(provider: &str, url: &str, more: &str) -> Project {
    let project = Project::new();
    let model = format!("use = \"{provider}/m\"\nbase_url = \"{url}\"\n{PRICED}{more}");
    project.file("kaizen.toml", &format!("[project]\nmodel = \"live\"\n[models.live]\n{model}"));
    project
}

/// Tries 20 calls within $0.15, and gives what `used()` says then.
fn spend(url: &str, more: &str) -> String {
    spend_on("openai", url, more)
}

fn spend_on(provider: &str, url: &str, more: &str) -> String {
    let project = project_of(provider, url, more);
    project.file(
        "s.rhai",
        "let b = branch(); for n in 10..30 { attempt(|| b.chat(`q${n}`)); } let u = used(); \
         print(`${u.calls} calls, ${u.cost}, ${u.under_way} under way`)",
    );
    project.kaizen(&["run", "s.rhai", "--max-cost", "0.15"]).stdout.trim_end().to_owned()
}

/// Does the same with a server that always acts alike, and checks that it is asked no more often.
fn check(what: &str, act: Act, more: &str, expected: &str) {
    let server = Server::start(move |_, _, _| act.clone());
    let said = spend(&server.url, more);
    assert_eq!(said, expected, "{what}");
    assert!(expected.starts_with(&format!("{} calls", server.bodies().len())), "{what}");
}

/// A whole reply with more fields beside it.
fn reply(more: &str) -> Act {
    let choice = r#"{"message":{"content":"x"},"finish_reason":"stop"}"#;
    json(200, format!(r#"{{"choices":[{choice}]{more}}}"#))
}

/// A stream of these events.
fn stream(events: &[&str], cut: bool) -> Act {
    let pieces = events.iter().map(|event| (0, format!("data: {event}\n\n"))).collect();
    Act::Stream { pieces, cut }
}

#[test]
fn a_reply_that_does_not_say_what_it_used_costs_its_worst_case() {
    let silent = [
        "",
        r#","usage":null"#,
        r#","usage":{}"#,
        r#","usage":{"total_tokens":99999}"#,
        r#","usage":{"prompt_tokens":null,"completion_tokens":null}"#,
        r#","usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#,
        r#","usage":{"prompt_tokens":0,"completion_tokens":15,"total_tokens":15}"#,
    ];
    for usage in silent {
        check(usage, reply(usage), "", THREE_AT_WORST);
    }
}

/// Says by which protocol the model is asked, and what its errors with 10 and 15 tokens look like.
const SAID: [(&str, &str, &str); 4] = [
    ("openai", r#"{"message":"no"}"#, r#""usage":{"prompt_tokens":10,"completion_tokens":15}"#),
    ("ollama", r#"{"message":"no"}"#, r#""usage":{"prompt_tokens":10,"completion_tokens":15}"#),
    (
        "anthropic",
        r#"{"type":"api_error","message":"no"}"#,
        r#""type":"error","usage":{"input_tokens":10,"output_tokens":15}"#,
    ),
    (
        "gemini",
        r#"{"code":500,"message":"no"}"#,
        r#""usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":15}"#,
    ),
];

#[test]
fn an_error_that_says_what_it_used_costs_that_whatever_its_status() {
    // A call costs 2.5 cents: after five of them, 2.5 are left, and the worst case is 3.9.
    for (provider, error, usage) in SAID {
        for status in [200, 400, 429, 500, 503, 504] {
            let body = format!(r#"{{"error":{error},{usage}}}"#);
            let server = Server::start(move |_, _, _| json(status, body.clone()));
            let said = spend_on(provider, &server.url, "");
            assert_eq!(said, "5 calls, 0.125, 0 under way", "{provider} {status}");
            assert_eq!(server.bodies().len(), 5, "{provider} {status}");
        }
    }
}

#[test]
fn an_error_after_the_usage_of_a_stream_costs_that() {
    let piece = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":15}}"#;
    let error = r#"{"error":{"message":"overloaded"}}"#;
    let expected = "5 calls, 0.125, 0 under way";
    check("after the usage", stream(&[piece, usage, error], false), "stream = true\n", expected);
    check("with the usage", stream(&[piece, usage, error], true), "stream = true\n", expected);
}

#[test]
fn an_error_that_may_have_been_billed_costs_its_worst_case() {
    let check = |what, act, more| check(what, act, more, THREE_AT_WORST);
    let piece = r#"{"choices":[{"delta":{"content":"x"}}]}"#;
    let error = r#"{"error":{"message":"overloaded"}}"#;

    check("an error in the place of a reply", json(200, error), "");
    check("no JSON", json(200, "<html>"), "");
    check("half a body", Act::Half("{\"choices\":".to_owned()), "");
    check("no answer", Act::Close, "");
    check("a reset", Act::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()), "");
    check("a time-out", Act::Hang, "timeout_ms = 50\n");
    check("a gateway that has waited in vain", refusal(504, "time-out"), "");
    check("a gateway without an answer", refusal(502, "bad gateway"), "");

    let streamed = "stream = true\n";
    check("a cut stream", stream(&[piece], true), streamed);
    check("a stream without an end", stream(&[piece], false), streamed);
    check("an error in a stream", stream(&[piece, error], false), streamed);
    check("an error instead of a stream", stream(&[error], false), streamed);
}

#[test]
fn a_refused_request_costs_nothing() {
    for status in [400, 401, 403, 404, 409, 422, 429, 500, 503, 529] {
        check(&status.to_string(), refusal(status, "no"), "", "20 calls, 0.0, 0 under way");
    }
}

#[test]
fn a_request_that_was_never_sent_costs_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    assert_eq!(spend(&url, ""), "20 calls, 0.0, 0 under way");

    let project = project(&url, "");
    project.file("s.rhai", "attempt(|| branch().chat(\"x\")); ()");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert!(ran.stderr.contains(" calls=1 cost=0\n"), "{}", ran.stderr);
}

#[test]
fn a_call_that_is_given_up_costs_its_worst_case_once_it_was_made() {
    let server = Server::start(|_, _, _| Act::Hang);
    let project = project(&server.url, "max_concurrent = 1\n");
    // One is on its way when the race is over; the others wait for the server's limit.
    project.file(
        "s.rhai",
        "let ask = |n| || branch().chat(`q${n}`); \
         race([ask.call(10), ask.call(11), ask.call(12), || { sleep(300); 1 }]); print(used())",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(
        ran.stdout, "#{\"calls\": 1, \"cost\": 0.039, \"under_way\": 0}\n",
        "{}",
        ran.stderr
    );
    assert_eq!(server.bodies().len(), 1);
}

#[test]
fn tokens_that_are_not_known_are_not_nothing() {
    let server = Server::start(|number, _, _| match number {
        0 => reply(r#","usage":{"prompt_tokens":10,"completion_tokens":5}"#),
        _ => reply(""),
    });
    let project = project(&server.url, "");
    project.file(
        "s.rhai",
        r#"
        let b = branch();
        let ask = |n| { let g = builder("g"); for i in 0..n { g.add_operation("chat",
            #{ name: `${n}${i}`, instruction: `${n}${i}`, branch: b }); } g };
        let show = |n| { let m = session(b).flow(ask.call(n)).metrics;
            print(`${m.calls}: ${m.tokens.input}/${m.tokens.output}, ${m.cost}`) };
        show.call(1);
        show.call(2);
        print(b.usage.unknown);
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "1: 10/5, 0.015\n2: /, \n2\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("cost=unknown tokens=unknown"), "{}", ran.stderr);

    let shown = project.kaizen(&["show"]).stdout;
    let last = shown.lines().last().unwrap_or_default();
    let expected = "success rate 1.00, 3 calls (0 retries), tokens unknown, cost at least $0.015";
    assert_eq!(last, expected);
}
