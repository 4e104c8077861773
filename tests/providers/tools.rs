//! Tools over the wire: what each provider is sent, and which calls come of what it answers.

use super::tool_wire::{PROVIDERS, WireCall, WireReply, call};
use super::{kind, model};
use crate::support::Project;
use crate::support::server::{Act, Server, json as body};
use expect_test::expect;
use kaizen::model::Model;
use kaizen::model::message::{Message, Role};
use kaizen::model::opaque::{OpaquePart, OpaquePlace};
use kaizen::model::registry::Models;
use kaizen::model::reply::{CallResult, ReplyContent};
use kaizen::model::request::{Request, Settings};
use kaizen::model::spec::{KeyRef, ModelSpec};
use kaizen::model::tool::{ToolCall, ToolChoice, ToolResult, ToolSpec};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn tool(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: format!("Does {name}."),
        parameters: json!({ "type": "object", "properties": { "a": { "type": "integer" } },
            "required": ["a"] })
        .into(),
    }
}

fn request(messages: Vec<Message>, is_streamed: bool) -> Request {
    let settings = Settings {
        stream: is_streamed.then_some(true),
        max_tokens: Some(50),
        ..Settings::default()
    };
    let request = Request::new(messages, settings, None);
    request.offering(vec![tool("add"), tool("sub")], ToolChoice::Auto)
}

fn question() -> Vec<Message> {
    vec![Message::new(Role::User, "What is 17 + 25?")]
}

async fn ask(model: &Model, is_streamed: bool) -> CallResult {
    model.call(&request(question(), is_streamed)).await
}

/// Starts a server that answers with these bytes, in one piece.
fn saying(bytes: String, is_streamed: bool) -> Server {
    Server::start(
        move |_, _, _| {
            if is_streamed { stream(&bytes, bytes.len()) } else { body(200, bytes.clone()) }
        },
    )
}

/// Streams bytes in two pieces.
fn stream(bytes: &str, at: usize) -> Act {
    let (one, two) = bytes.split_at(at);
    let pieces = [one, two].into_iter().filter(|piece| !piece.is_empty());
    Act::Stream { pieces: pieces.map(|piece| (0, piece.to_owned())).collect(), cut: false }
}

fn calls_of(called: &CallResult) -> Vec<Value> {
    let calls = called.result.as_ref().map(|said| said.calls.clone()).unwrap_or_default();
    calls.into_iter().map(|call| json!([call.id, call.name, call.args.ok()])).collect()
}

/// The replies of the suite: no call, one, three at once, a call with text, and calls without arguments.
fn replies() -> Vec<(&'static str, Vec<WireCall>)> {
    let add = |id| call(id, "add", "{\"a\": 17, \"b\": \"ünï \\\"x\\\"\"}");
    vec![
        ("No call.", vec![]),
        ("", vec![add("c1")]),
        (
            "",
            vec![add("c1"), call("c2", "sub", "{\"a\":[1,{\"b\":null}]}"), call("c3", "add", "{}")],
        ),
        ("Let me see: ", vec![add("c1")]),
    ]
}

/// Returns what is to come of a reply: ids are made where a provider has none.
fn expected(provider: &str, calls: &[WireCall]) -> Vec<Value> {
    let each = calls.iter().enumerate().map(|(number, call)| {
        let made = format!("k{}", number + 1);
        let id = if provider == "gemini" { made.as_str() } else { call.id };
        json!([id, call.name, serde_json::from_str::<Value>(call.args).unwrap()])
    });
    each.collect()
}

#[tokio::test]
async fn every_provider_gives_its_calls_whole_and_streamed() {
    for provider in PROVIDERS {
        for (text, calls) in replies() {
            let reply = WireReply::new(provider, text, &calls);
            for is_streamed in [false, true] {
                let bytes = if is_streamed { reply.stream(provider) } else { reply.body(provider) };
                let server = saying(bytes, is_streamed);
                let called = ask(&model(provider, &server.url), is_streamed).await;

                assert_eq!(kind(&called), "ok", "{provider}: {:?}", called.result);
                assert_eq!(calls_of(&called), expected(provider, &calls), "{provider}");
                assert_eq!(called.result.unwrap().text, text, "{provider}");
                assert_eq!(
                    called.usage.map(|usage| (usage.input(), usage.output())),
                    Some((10, 5))
                );
            }
        }
    }
}

#[tokio::test]
async fn calls_are_the_same_wherever_the_stream_is_split() {
    for provider in PROVIDERS {
        let (text, calls) = replies().swap_remove(2);
        let bytes = WireReply::new(provider, text, &calls).stream(provider);
        let splits: Vec<usize> =
            (1..bytes.len()).filter(|at| bytes.is_char_boundary(*at)).collect();

        let places = splits.clone();
        let server = {
            let bytes = bytes.clone();
            Server::start(move |number, _, _| stream(&bytes, places[number]))
        };
        let model = model(provider, &server.url);
        for at in splits {
            let called = ask(&model, true).await;
            assert_eq!(calls_of(&called), expected(provider, &calls), "{provider} split at {at}");
        }
    }
}

/// However much of a stream has come, its calls are given on whole or not at all.
#[tokio::test]
async fn no_call_of_a_cut_stream_is_given_on() {
    for provider in PROVIDERS {
        let (text, calls) = replies().swap_remove(2);
        let bytes = WireReply::new(provider, text, &calls).stream(provider);
        let cuts: Vec<usize> = (0..bytes.len()).filter(|at| bytes.is_char_boundary(*at)).collect();

        let places = cuts.clone();
        let server = {
            let bytes = bytes.clone();
            Server::start(move |number, _, _| {
                let pieces = vec![(0, bytes[..places[number]].to_owned())];
                Act::Stream { pieces, cut: number % 2 == 0 }
            })
        };
        let model = model(provider, &server.url);
        // From the word for the end on, nothing is missing.
        let word = bytes.rfind(super::tool_wire::end_word(provider, true)).unwrap();
        for at in cuts {
            let called = ask(&model, true).await;
            if at < word {
                assert!(called.result.is_err(), "{provider} cut at {at}: {:?}", called.result);
            } else if called.result.is_ok() {
                assert_eq!(calls_of(&called), expected(provider, &calls), "{provider} cut at {at}");
            }
        }
    }
}

#[tokio::test]
async fn calls_are_given_on_only_where_the_reply_ended_well() {
    let openai = [
        ("stop", "ok"),
        ("tool_calls", "ok"),
        ("function_call", "ok"),
        ("TOOL_CALLS", "ok"),
        ("eos", "ok"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("model_length", "length"),
        ("content_filter", "refused"),
        ("error", "ended"),
        ("cancelled", "ended"),
        ("tool_calls ", "ended"),
    ];
    let anthropic = [
        ("tool_use", "ok"),
        ("end_turn", "ok"),
        ("stop_sequence", "ok"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
        ("pause_turn", "ended"),
        ("compaction", "ended"),
    ];
    let gemini = [
        ("STOP", "ok"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "refused"),
        ("RECITATION", "refused"),
        ("MALFORMED_FUNCTION_CALL", "ended"),
        ("UNEXPECTED_TOOL_CALL", "ended"),
        ("TOO_MANY_TOOL_CALLS", "ended"),
        ("OTHER", "ended"),
    ];

    let words = |provider| match provider {
        "anthropic" => anthropic.as_slice(),
        "gemini" => &gemini,
        _ => &openai,
    };
    for provider in PROVIDERS {
        for (word, expected) in words(provider) {
            for text in ["", "Let me see."] {
                let calls = [call("c1", "add", "{\"a\":1}")];
                let reply = WireReply { text, calls: calls.to_vec(), word: (*word).to_owned() };
                for (bytes, is_streamed) in
                    [(reply.body(provider), false), (reply.stream(provider), true)]
                {
                    let server = saying(bytes, is_streamed);
                    let called = ask(&model(provider, &server.url), is_streamed).await;
                    let found = (kind(&called), calls_of(&called).len());
                    let count = usize::from(*expected == "ok");
                    assert_eq!(found, (*expected, count), "{provider} {word}");
                }
            }
        }
    }
}

#[tokio::test]
async fn calls_without_a_word_for_the_end_are_cut_off() {
    for provider in PROVIDERS {
        let calls = [call("c1", "add", "{\"a\":1}")];
        let reply = WireReply::new(provider, "", &calls);
        let mut said: Value = serde_json::from_str(&reply.body(provider)).unwrap();
        for place in ["/choices/0/finish_reason", "/stop_reason", "/candidates/0/finishReason"] {
            if let Some(word) = said.pointer_mut(place) {
                *word = Value::Null;
            }
        }
        let server = saying(said.to_string(), false);
        let called = ask(&model(provider, &server.url), false).await;
        assert_eq!(kind(&called), "cut_off", "{provider}: {:?}", called.result);
    }
}

#[tokio::test]
async fn a_reply_that_only_says_that_it_calls_is_none() {
    for (provider, word) in [("openai", "tool_calls"), ("anthropic", "tool_use")] {
        for text in ["", "I call add."] {
            let reply = WireReply { text, calls: Vec::new(), word: word.to_owned() };
            let server = saying(reply.body(provider), false);
            let called = ask(&model(provider, &server.url), false).await;
            assert_eq!(kind(&called), "bad_reply", "{provider}: {:?}", called.result);
        }
    }

    let nameless = WireReply::new("openai", "", &[call("c1", "", "{}")]);
    let server = saying(nameless.body("openai"), false);
    let called = ask(&model("openai", &server.url), false).await;
    assert_eq!(kind(&called), "bad_reply", "{:?}", called.result);
}

/// What stands beside a text that ended whole, in the place of a call, and is none.
#[tokio::test]
async fn a_text_counts_beside_stubs_of_calls() {
    let empty = json!({ "name": "", "arguments": "" });
    let stubs = [
        json!({ "function_call": {} }),
        json!({ "function_call": empty }),
        json!({ "tool_calls": [{ "id": "x", "type": "function", "function": empty }] }),
        json!({ "tool_calls": [{ "id": "x", "type": "web_search" }] }),
        json!({ "tool_calls": [{ "id": "x", "type": "web_search", "web_search": { "q": "x" } }] }),
    ];

    for stub in &stubs {
        let mut message = stub.clone();
        message["content"] = "hello".into();
        let choice = |key: &str, word: &str| json!({ "choices": [{ "index": 0, key: message, "finish_reason": word }] });
        let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
        let begin = json!({ "choices": [{ "index": 0, "delta": message }] });
        let stream = format!("data: {begin}\n\ndata: {end}\n\ndata: [DONE]\n\n");

        let whole = choice("message", "stop").to_string();
        for (bytes, is_streamed) in [(whole, false), (stream, true)] {
            let server = saying(bytes, is_streamed);
            let called = ask(&model("openai", &server.url), is_streamed).await;
            assert_eq!(called.result, Ok("hello".into()), "{stub}");
        }

        // Who announces a call has to make one.
        let server = saying(choice("message", "tool_calls").to_string(), false);
        let called = ask(&model("openai", &server.url), false).await;
        assert_eq!(kind(&called), "bad_reply", "{stub}");
    }

    // Beside a call that can be made, a stub is nothing either, and a call whose name was lost is more.
    let named = call("c1", "add", "{\"a\":1}");
    for (stub, expected) in [("", Ok(1)), ("{}", Ok(1)), ("{\"a\":2}", Err("bad_reply"))] {
        for calls in [[call("c0", "", stub), named.clone()], [named.clone(), call("c0", "", stub)]]
        {
            let reply = WireReply::new("openai", "", &calls);
            let server = saying(reply.body("openai"), false);
            let called = ask(&model("openai", &server.url), false).await;
            let found = called.result.as_ref().map(|said| said.calls.len());
            assert_eq!(found.map_err(|_| kind(&called)), expected, "{calls:?}");
        }
    }
}

/// What a server of Anthropic's protocol calls itself has arguments, too.
#[tokio::test]
async fn what_a_server_calls_itself_is_no_call() {
    let event = |event: Value| {
        let kind = event["type"].as_str().unwrap().to_owned();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    let block = |index: u64, block: Value, delta: Value| {
        [
            json!({ "type": "content_block_start", "index": index, "content_block": block }),
            json!({ "type": "content_block_delta", "index": index, "delta": delta }),
            json!({ "type": "content_block_stop", "index": index }),
        ]
        .map(event)
        .concat()
    };
    let input = |text: &str| json!({ "type": "input_json_delta", "partial_json": text });
    let search = |index| {
        let begun =
            json!({ "type": "server_tool_use", "id": "s1", "name": "web_search", "input": {} });
        block(index, begun, input("{\"query\":\"x\"}"))
    };
    let text = |index| {
        let delta = json!({ "type": "text_delta", "text": "hello" });
        block(index, json!({ "type": "text", "text": "" }), delta)
    };
    let add = |index| {
        let begun = json!({ "type": "tool_use", "id": "t1", "name": "add", "input": {} });
        block(index, begun, input("{\"a\":1}"))
    };
    let stream = |blocks: &[String], word: &str| {
        let usage = json!({ "input_tokens": 10, "output_tokens": 1 });
        let begun =
            json!({ "type": "message_start", "message": { "content": [], "usage": usage } });
        let ended = json!({ "type": "message_delta", "delta": { "stop_reason": word },
            "usage": { "output_tokens": 5 } });
        let last = event(json!({ "type": "message_stop" }));
        [event(begun), blocks.concat(), event(ended), last].concat()
    };

    let server = saying(stream(&[search(0), text(1)], "end_turn"), true);
    let called = ask(&model("anthropic", &server.url), true).await;
    assert_eq!(called.result, Ok("hello".into()));

    for blocks in [[search(0), text(1), add(2)], [add(0), text(1), search(2)]] {
        let server = saying(stream(&blocks, "tool_use"), true);
        let called = ask(&model("anthropic", &server.url), true).await;
        let said = called.result.unwrap();
        assert_eq!(said.calls, [ToolCall::new("t1", "add", json!({ "a": 1 }))]);
        assert_eq!(said.text, "hello");
    }
}

#[test]
fn a_script_is_asked_once_for_a_text_beside_a_stub() {
    let message = json!({ "content": "hello", "function_call": { "name": "", "arguments": "" } });
    let reply = json!({ "choices": [{ "message": message, "finish_reason": "stop" }] });
    let server = saying(reply.to_string(), false);
    let (ran, done) = Project::new().with_server(&server).script(
        r#"let look = tool("look", "Looks.", "a: integer", |x| x.a);
           branch().react("What is there?", #{ tools: [look] })"#,
    );
    assert_eq!((&done["value"], server.bodies().len()), (&json!("hello"), 1), "{}", ran.stderr);
}

#[test]
fn a_script_gets_what_a_gateway_of_gemini_says() {
    let server = Server::start(|_, _, asked| {
        let part = match asked {
            asked if asked.contains("functionResponse") => json!({ "text": "hello" }),
            _ => json!({ "function_call": { "name": "look", "args": { "a": 7 } } }),
        };
        let blocked = json!({ "prompt_feedback": { "block_reason": "SAFETY" } });
        let said =
            json!({ "candidates": [{ "content": { "parts": [part] }, "finish_reason": "STOP" }] });
        body(200, if asked.contains("bad") { blocked } else { said }.to_string())
    });
    let script = format!(
        r#"let look = tool("look", "Looks.", "a: integer", |x| {{ print(x.a); x.a }});
           let model = imodel(#{{ provider: "gemini", model: "m", base_url: "{}/v1" }});
           let said = branch(#{{ model: model }}).react("What is there?", #{{ tools: [look] }});
           let error = attempt(|| branch(#{{ model: model }}).chat("bad")).error;
           print([said, error.kind, error.message]);"#,
        server.url
    );

    let project = Project::new();
    project.file("s.rhai", &script);
    let ran = project.kaizen(&["run", "s.rhai", "--progress", "none"]);
    let told = format!("{}requests: {}", ran.stdout, server.bodies().len());
    expect![[r#"
        7
        ["hello", "refused", "the model refused to answer: the question was blocked: SAFETY"]
        requests: 3"#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn ids_that_are_missing_or_taken_are_made() {
    let calls = ["", "same", "same", "c 1", "k1"].map(|id| call(id, "add", "{\"a\":1}"));
    let reply = WireReply::new("openai", "", &calls);
    for (bytes, is_streamed) in [(reply.body("openai"), false), (reply.stream("openai"), true)] {
        let server = saying(bytes, is_streamed);
        let called = ask(&model("openai", &server.url), is_streamed).await;
        let said = called.result.unwrap();
        let ids: Vec<&str> = said.calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, ["k1", "same", "k2", "k3", "k4"]);
    }

    // An id of an earlier step is taken as well.
    let server = saying(WireReply::new("openai", "", &calls[1..2]).body("openai"), false);
    let mut messages = question();
    let call = ToolCall::new("same", "add", json!({}));
    messages.push(Message::of_results(vec![ToolResult::new(&call, "1", false)]));
    messages.insert(1, Message::of_reply(said(vec![call], Vec::new())));
    let called = model("openai", &server.url).call(&request(messages, false)).await;
    assert_eq!(called.result.unwrap().calls[0].id, "k1");
}

#[tokio::test]
async fn arguments_are_read_as_object_and_text_and_never_closed() {
    let read = async |args: Value| {
        let said = json!({ "choices": [{ "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "type": "function",
            "function": { "name": "add", "arguments": args } }] } }] });
        let server = saying(said.to_string(), false);
        let called = ask(&model("openai", &server.url), false).await;
        called.result.unwrap().calls[0].args.clone()
    };

    assert_eq!(read(json!({ "a": 1 })).await, Ok(json!({ "a": 1 })));
    assert_eq!(read(json!("{\"a\": 1}")).await, Ok(json!({ "a": 1 })));
    for nothing in [json!(""), json!(" "), json!(null), json!("null"), json!("{}"), json!({})] {
        assert_eq!(read(nothing.clone()).await, Ok(json!({})), "{nothing}");
    }
    for wrong in ["{\"a\": 1", "{\"a\": \"x", "a=1", "{\"a\": 1}}", "{'a': 1}", "{\"a\": NaN}"] {
        assert_eq!(read(json!(wrong)).await, Err(wrong.to_owned()));
    }
}

/// A number that is no JSON stands in an object of arguments: what is left is not what was meant.
#[tokio::test]
async fn arguments_out_of_a_mended_document_are_not_taken_for_whole() {
    let said = "{\"choices\":[{\"finish_reason\":\"tool_calls\",\"message\":{\"tool_calls\":[{\
                \"function\":{\"name\":\"add\",\"arguments\":{\"a\":NaN}}}]}}]}";
    let server = saying(said.to_owned(), false);
    let called = ask(&model("openai", &server.url), false).await;
    assert_eq!(called.result.unwrap().calls[0].args, Err("{\"a\":null}".to_owned()));
}

#[tokio::test]
async fn odd_forms_of_calls_are_read() {
    let read = async |said: Value| {
        let server = saying(said.to_string(), false);
        calls_of(&ask(&model("openai", &server.url), false).await)
    };

    // One function without a list, as in older days.
    let old = json!({ "choices": [{ "finish_reason": "function_call", "message": { "role": "assistant",
        "content": null, "function_call": { "name": "add", "arguments": "{\"a\":1}" } } }] });
    assert_eq!(read(old).await, [json!(["k1", "add", { "a": 1 }])]);

    // Ollama's own form.
    let own = json!({ "model": "m", "done": true, "done_reason": "stop", "message": {
        "role": "assistant", "content": "", "tool_calls": [
            { "function": { "name": "add", "arguments": { "a": 1 } } },
            { "function": { "name": "add", "arguments": { "a": 1 } } }] } });
    assert_eq!(
        read(own).await,
        [json!(["k1", "add", { "a": 1 }]), json!(["k2", "add", { "a": 1 }])]
    );
}

#[tokio::test]
async fn a_reply_full_of_calls_is_not_read_without_end() {
    let piece = |index: usize| {
        let call = json!({ "index": index, "function": { "name": "add", "arguments": "" } });
        let event = json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [call] } }] });
        format!("data: {event}\n\n")
    };
    let pieces = vec![(0, (0..20_000).map(piece).collect::<String>())];
    let server = Server::start(move |_, _, _| Act::Stream { pieces: pieces.clone(), cut: false });
    let called = ask(&model("openai", &server.url), true).await;
    assert_eq!(kind(&called), "too_large", "{:?}", called.result);
}

fn said(calls: Vec<ToolCall>, opaque: Vec<OpaquePart>) -> ReplyContent {
    ReplyContent { text: String::new(), calls, opaque }
}

/// Returns the body that a provider is sent for a request.
async fn sent(provider: &str, request: &Request) -> Value {
    let server = saying(WireReply::new(provider, "ok", &[]).body(provider), false);
    let called = model(provider, &server.url).call(request).await;
    assert_eq!(kind(&called), "ok", "{provider}: {:?}", called.result);
    serde_json::from_str(&server.bodies()[0]).unwrap()
}

/// A conversation of one step: two calls, one of them without success.
fn step() -> Vec<Message> {
    let good = ToolCall::new("c1", "add", json!({ "a": 1 }));
    let bad = ToolCall { id: "c2".into(), name: "my tool!".into(), args: Err("{\"a".into()) };
    let results = vec![ToolResult::new(&good, "42", false), ToolResult::new(&bad, "no", true)];

    let mut messages = question();
    messages.push(Message::of_reply(ReplyContent {
        text: "So: ".into(),
        calls: vec![good, bad],
        opaque: Vec::new(),
    }));
    messages.push(Message::of_results(results));
    messages
}

#[tokio::test]
async fn each_provider_is_sent_tools_calls_and_results_in_its_own_form() {
    let schema = tool("add").parameters;

    let body = sent("openai", &request(step(), false)).await;
    assert_eq!(
        [&body["messages"], &body["tools"][0], &body["tool_choice"]],
        [
            &json!([
                { "role": "user", "content": "What is 17 + 25?" },
                { "role": "assistant", "content": "So: ", "tool_calls": [
                    { "id": "c1", "type": "function",
                        "function": { "name": "add", "arguments": "{\"a\":1}" } },
                    { "id": "c2", "type": "function", "function": { "name": "my_tool_",
                        "arguments": "{\"unreadable\":\"{\\\"a\"}" } },
                ] },
                { "role": "tool", "tool_call_id": "c1", "content": "42" },
                { "role": "tool", "tool_call_id": "c2", "content": "no" },
            ]),
            &json!({ "type": "function", "function":
                { "name": "add", "description": "Does add.", "parameters": schema } }),
            &json!("auto"),
        ]
    );

    let body = sent("anthropic", &request(step(), false)).await;
    assert_eq!(
        [&body["messages"], &body["tools"][0], &body["tool_choice"]],
        [
            &json!([
                { "role": "user", "content": "What is 17 + 25?" },
                { "role": "assistant", "content": [
                    { "type": "text", "text": "So: " },
                    { "type": "tool_use", "id": "c1", "name": "add", "input": { "a": 1 } },
                    { "type": "tool_use", "id": "c2", "name": "my_tool_",
                        "input": { "unreadable": "{\"a" } },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "c1", "content": "42" },
                    { "type": "tool_result", "tool_use_id": "c2", "content": "no",
                        "is_error": true },
                ] },
            ]),
            &json!({ "name": "add", "description": "Does add.", "input_schema": schema }),
            &json!({ "type": "auto" }),
        ]
    );

    let body = sent("gemini", &request(step(), false)).await;
    assert_eq!(
        [&body["contents"], &body["tools"][0]["functionDeclarations"][0], &body["toolConfig"]],
        [
            &json!([
                { "role": "user", "parts": [{ "text": "What is 17 + 25?" }] },
                { "role": "model", "parts": [
                    { "text": "So: " },
                    { "functionCall": { "name": "add", "args": { "a": 1 } } },
                    { "functionCall": { "name": "my_tool_", "args": { "unreadable": "{\"a" } } },
                ] },
                { "role": "user", "parts": [
                    { "functionResponse": { "name": "add", "response": { "output": "42" } } },
                    { "functionResponse": { "name": "my_tool_", "response": { "error": "no" } } },
                ] },
            ]),
            &json!({ "name": "add", "description": "Does add.", "parametersJsonSchema": schema }),
            &json!({ "functionCallingConfig": { "mode": "AUTO" } }),
        ]
    );
}

#[tokio::test]
async fn a_choice_is_sent_as_a_word_and_a_name_as_the_only_tool() {
    let choices = [
        (ToolChoice::Auto, ["auto", "auto", "AUTO"], 2),
        (ToolChoice::Required, ["required", "any", "ANY"], 2),
        (ToolChoice::None, ["none", "none", "NONE"], 2),
        (ToolChoice::Name("sub".into()), ["required", "any", "ANY"], 1),
    ];
    for (choice, words, count) in choices {
        let tools = vec![tool("add"), tool("sub")];
        let request = Request::new(question(), Settings::default(), None);
        let request = request.offering(tools, choice);

        let body = sent("openai", &request).await;
        let tools = body["tools"].as_array().unwrap();
        assert_eq!((body["tool_choice"].as_str(), tools.len()), (Some(words[0]), count));
        assert_eq!(tools.last().unwrap()["function"]["name"], "sub");

        let body = sent("anthropic", &request).await;
        let count_there = body["tools"].as_array().unwrap().len();
        assert_eq!((body["tool_choice"]["type"].as_str(), count_there), (Some(words[1]), count));

        let body = sent("gemini", &request).await;
        let mode = &body["toolConfig"]["functionCallingConfig"]["mode"];
        let declared = &body["tools"][0]["functionDeclarations"];
        assert_eq!((mode.as_str(), declared.as_array().unwrap().len()), (Some(words[2]), count));
    }
}

/// Without tools nothing is sent of them, but for one provider that would refuse the conversation.
#[tokio::test]
async fn without_tools_no_tool_is_sent() {
    for provider in PROVIDERS {
        let plain = Request::new(question(), Settings::default(), None);
        let plain = plain.offering(Vec::new(), ToolChoice::Required);
        let body = sent(provider, &plain).await;
        for field in ["tools", "tool_choice", "toolConfig"] {
            assert_eq!(body.get(field), None, "{provider}");
        }
    }

    let after = Request::new(step(), Settings::default(), None);
    let body = sent("anthropic", &after).await;
    let stub = |name: &str| json!({ "name": name, "input_schema": { "type": "object" } });
    assert_eq!(body["tools"], json!([stub("add"), stub("my_tool_")]));
    assert_eq!(body["tool_choice"], json!({ "type": "none" }));
    assert_eq!(sent("openai", &after).await.get("tools"), None);
    assert_eq!(sent("gemini", &after).await.get("tools"), None);
}

/// A reply with calls that nobody was offered is a text as it always was.
#[tokio::test]
async fn calls_of_tools_that_were_not_offered_do_not_count() {
    for provider in PROVIDERS {
        for (text, expected) in [("Hi.", "ok"), ("", "empty")] {
            let reply = WireReply::new(provider, text, &[call("c1", "add", "{}")]);
            let server = saying(reply.body(provider), false);
            let request = Request::new(question(), Settings::default(), None);
            let called = model(provider, &server.url).call(&request).await;
            assert_eq!((kind(&called), calls_of(&called)), (expected, vec![]), "{provider}");
        }
    }
}

/// Asks, and asks again with the reply and a result; returns the reply and the second body.
async fn round(provider: &str, first: String, is_streamed: bool) -> (ReplyContent, Value) {
    let second = WireReply::new(provider, "done", &[]);
    let last = if is_streamed { second.stream(provider) } else { second.body(provider) };
    let server = Server::start(move |number, _, _| {
        let bytes = if number == 0 { &first } else { &last };
        if is_streamed { stream(bytes, bytes.len()) } else { body(200, bytes.clone()) }
    });
    let model = model(provider, &server.url);

    let said = ask(&model, is_streamed).await.result.unwrap();
    let results = said.calls.iter().map(|call| ToolResult::new(call, "42", false)).collect();
    let mut messages = question();
    messages.push(Message::of_reply(said.clone()));
    messages.push(Message::of_results(results));
    let called = model.call(&request(messages, is_streamed)).await;
    assert_eq!(kind(&called), "ok", "{provider}: {:?}", called.result);

    (said, serde_json::from_str(&server.bodies()[1]).unwrap())
}

#[tokio::test]
async fn what_only_openai_understands_comes_back_byte_for_byte() {
    let details = json!([{ "type": "reasoning.encrypted", "data": "A+/=\u{1f600}", "index": 0 }]);
    let signed = json!({ "google": { "thought_signature": "s1g" } });
    let call = json!({ "id": "c1", "type": "function", "extra_content": signed,
        "function": { "name": "add", "arguments": "{\"a\":1}" } });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call],
        "reasoning_content": "I think\n so", "reasoning_details": details });
    let whole = json!({ "choices": [{ "finish_reason": "tool_calls", "message": message }] });

    let piece = |delta: Value, word: Value| {
        let event = json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": word }] });
        format!("data: {event}\n\n")
    };
    let mut indexed = call.clone();
    indexed["index"] = 0.into();
    let streamed = [
        piece(json!({ "role": "assistant", "reasoning_content": "I thi" }), Value::Null),
        piece(json!({ "reasoning_content": "nk\n so", "reasoning_details": details }), Value::Null),
        piece(json!({ "tool_calls": [indexed] }), Value::Null),
        piece(json!({}), json!("tool_calls")),
        "data: [DONE]\n\n".to_owned(),
    ];

    for (bytes, is_streamed) in [(whole.to_string(), false), (streamed.concat(), true)] {
        let (_, body) = round("openai", bytes, is_streamed).await;
        assert_eq!(body["messages"][1], message, "streamed: {is_streamed}");
    }
}

#[tokio::test]
async fn what_only_anthropic_understands_comes_back_byte_for_byte() {
    let content = json!([
        { "type": "thinking", "thinking": "I think\n so", "signature": "S+/=" },
        { "type": "redacted_thinking", "data": "R+/=" },
        { "type": "text", "text": "Let me see." },
        { "type": "tool_use", "id": "c1", "name": "add", "input": { "a": 1 } },
        { "type": "thinking", "thinking": "more", "signature": "T" },
        { "type": "tool_use", "id": "c2", "name": "add", "input": { "a": 2 } },
    ]);
    let whole = json!({ "type": "message", "content": content, "stop_reason": "tool_use",
        "usage": { "input_tokens": 10, "output_tokens": 5 } });

    let mut events = vec![json!({ "type": "message_start", "message": { "content": [] } })];
    for (index, block) in content.as_array().unwrap().iter().enumerate() {
        let text = |key: &str| block[key].as_str().unwrap_or("").to_owned();
        let (start, deltas) = match block["type"].as_str().unwrap() {
            "thinking" => {
                let (one, two) = block["thinking"].as_str().unwrap().split_at(2);
                let start = json!({ "type": "thinking", "thinking": "", "signature": "" });
                let thought = |text| json!({ "type": "thinking_delta", "thinking": text });
                let signed = json!({ "type": "signature_delta", "signature": text("signature") });
                (start, vec![thought(one), thought(two), signed])
            }
            "text" => {
                let delta = json!({ "type": "text_delta", "text": text("text") });
                (json!({ "type": "text", "text": "" }), vec![delta])
            }
            "tool_use" => {
                let mut start = block.clone();
                start["input"] = json!({});
                let input = block["input"].to_string();
                let (one, two) = input.split_at(3);
                let delta = |text| json!({ "type": "input_json_delta", "partial_json": text });
                (start, vec![delta(one), delta(two)])
            }
            _ => (block.clone(), vec![]),
        };
        events
            .push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
        for delta in deltas {
            events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    events.push(json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" } }));
    events.push(json!({ "type": "message_stop" }));
    let streamed: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();

    for (bytes, is_streamed) in [(whole.to_string(), false), (streamed.concat(), true)] {
        let (said, body) = round("anthropic", bytes, is_streamed).await;
        assert_eq!(body["messages"][1]["content"], content, "streamed: {is_streamed}");
        assert_eq!(said.text, "Let me see.");
    }
}

#[tokio::test]
async fn what_only_gemini_understands_comes_back_byte_for_byte() {
    let parts = json!([
        { "text": "Let me see.", "thoughtSignature": "T0=" },
        { "functionCall": { "name": "add", "args": { "a": 1 }, "id": "own-1" },
            "thoughtSignature": "S+/=" },
        { "functionCall": { "name": "add", "args": { "a": 1 }, "id": "own-1" } },
        { "functionCall": { "name": "sub", "args": {} } },
    ]);
    let candidate = |parts: &Value, word: Value| {
        json!({ "candidates": [{ "index": 0, "finishReason": word,
            "content": { "role": "model", "parts": parts } }] })
    };
    let whole = candidate(&parts, json!("STOP"));
    let mut streamed: Vec<String> = parts
        .as_array()
        .unwrap()
        .iter()
        .map(|part| format!("data: {}\n\n", candidate(&json!([part]), Value::Null)))
        .collect();
    let end = candidate(&json!([{ "text": "" }]), json!("STOP"));
    streamed.push(format!("data: {end}\n\n"));

    for (bytes, is_streamed) in [(whole.to_string(), false), (streamed.concat(), true)] {
        let (said, body) = round("gemini", bytes, is_streamed).await;
        assert_eq!(body["contents"][1]["parts"], parts, "streamed: {is_streamed}");

        let ids: Vec<&str> = said.calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, ["own-1", "k1", "k2"]);
        let answers = body["contents"][2]["parts"].as_array().unwrap();
        let ids: Vec<&Value> = answers.iter().map(|one| &one["functionResponse"]["id"]).collect();
        assert_eq!(ids, [&json!("own-1"), &json!("own-1"), &Value::Null]);
    }
}

/// What another model wrote says nothing to this one, and may be refused.
#[tokio::test]
async fn what_only_one_model_understands_goes_to_no_other() {
    for provider in PROVIDERS {
        let call = ToolCall::new("c1", "add", json!({ "a": 1 }));
        let places = [OpaquePlace::Message, OpaquePlace::Text, OpaquePlace::Call(0)];
        let opaque = places.map(|place| OpaquePart {
            model: "other http://127.0.0.1:1".to_owned(),
            place,
            data: json!({ "type": "thinking", "signature": "secret thoughts", "id": "x" }),
        });
        let mut messages = question();
        let results = Message::of_results(vec![ToolResult::new(&call, "42", false)]);
        messages.push(Message::of_reply(said(vec![call], opaque.to_vec())));
        messages.push(results);

        let body = sent(provider, &request(messages, false)).await.to_string();
        assert!(!body.contains("secret thoughts"), "{provider}: {body}");
    }
}

#[tokio::test]
async fn a_key_of_a_server_stands_in_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "sk-0a1b2c3d4e5f6a7b").unwrap();

    let calls = [call("c1", "add", "{\"note\":\"it is sk-0a1b2c3d4e5f6a7b\"}")];
    let server = saying(WireReply::new("openai", "", &calls).body("openai"), false);
    let mut spec = ModelSpec::new("openai", "m");
    spec.base_url = Some(server.url.clone());
    spec.key = Some(KeyRef::File(path.to_str().unwrap().to_owned()));
    let models = Models::new(BTreeMap::new(), None, 1, |_| None);

    let called = ask(&models.resolve_spec(&spec).unwrap(), false).await;
    let said = called.result.unwrap();
    assert_eq!(said.calls[0].args, Ok(json!({ "note": "it is [secret]" })));
}
