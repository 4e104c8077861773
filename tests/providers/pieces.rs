//! Pieces of OpenAI's protocol in the forms that servers give them: a `message` in the place of a
//! `delta` or beside it, and numbers of answers that are texts or missing.

use super::reply::raw;
use super::{ask, kind, model};
use crate::support::server::{Act, Server, json};
use kaizen::base::failure::Kind;
use kaizen::model::reply::CallResult;
use kaizen::model::request::Settings;
use serde_json::{Value, json};

/// Asks for a stream of events with these choices each. `is_marked` if it ends with a mark.
async fn streamed(events: &[Value], is_marked: bool) -> CallResult {
    let events = events.iter().map(|choices| raw(&json!({ "choices": choices })));
    let events = events.map(|bytes| String::from_utf8(bytes).unwrap());
    let mark = is_marked.then(|| "[DONE]".to_owned());
    let pieces: Vec<(u64, String)> =
        events.chain(mark).map(|event| (0, format!("data: {event}\n\n"))).collect();
    let server = Server::start(move |_, _, _| Act::Stream { pieces: pieces.clone(), cut: false });
    let settings = Settings { stream: Some(true), ..Settings::default() };
    ask(&model("openai", &server.url), settings).await
}

fn text(called: &CallResult) -> Result<&str, Kind> {
    let said = called.result.as_ref().map(|said| said.text.as_str());
    said.map_err(kaizen::model::call_error::CallError::kind)
}

/// Checks what becomes of pieces of one answer, the last of which has a word for the end.
async fn check(pieces: &[Value], expected: &str) {
    let mut events: Vec<Value> = pieces.iter().map(|piece| json!([piece])).collect();
    if let Some(last) = events.last_mut() {
        last[0]["finish_reason"] = "stop".into();
    }
    let called = streamed(&events, false).await;
    assert_eq!(text(&called), Ok(expected), "{events:?}");
}

fn delta(content: impl Into<Value>) -> Value {
    json!({ "delta": { "content": content.into() } })
}

fn message(content: impl Into<Value>) -> Value {
    json!({ "message": { "content": content.into() } })
}

#[tokio::test]
async fn a_message_that_does_not_repeat_what_came_goes_on_with_it() {
    check(&[message("Hel"), message("lo")], "Hello").await;
    check(&[delta("Hel"), message("lo")], "Hello").await;
    check(&[message("Hel"), delta("lo")], "Hello").await;
    check(&[message(""), message("Hel"), message("lo"), message("")], "Hello").await;
    let parts = |text: &str| message(json!([{ "type": "text", "text": text }]));
    check(&[parts("Hel"), parts("lo")], "Hello").await;
}

#[tokio::test]
async fn a_message_that_repeats_what_came_replaces_it() {
    check(&[message("Hel"), message("Hello")], "Hello").await;
    check(&[message("H"), message("Hel"), message("Hello"), message("Hello")], "Hello").await;
    check(&[delta("Hel"), delta("lo"), message("Hello")], "Hello").await;
    check(&[delta("Hel"), delta("lo"), message("Hello!")], "Hello!").await;
    check(&[message("Hel"), message("lo"), message("Hello")], "Hello").await;
}

/// The marks stand for the halves of U+1F68B.
#[tokio::test]
async fn a_message_that_repeats_halves_of_a_character_as_one_replaces_them() {
    let tram = "Tram \u{1f68b}";
    check(&[delta("Tram @H"), delta("@L"), message(tram)], tram).await;
    check(&[message("Tram @H"), message(tram)], tram).await;
    check(&[message("Tram @H"), message("@L")], tram).await;
    check(&[message("@H"), message("@L")], "\u{1f68b}").await;
}

#[tokio::test]
async fn a_message_without_text_takes_nothing_away() {
    for last in [
        message(""),
        message(Value::Null),
        message(json!([])),
        json!({ "message": { "role": "assistant" } }),
        json!({ "message": {} }),
        json!({ "message": null }),
        json!({ "delta": {}, "message": {} }),
    ] {
        check(&[delta("Hello"), last.clone()], "Hello").await;
        check(&[message("Hello"), last], "Hello").await;
    }
}

#[tokio::test]
async fn a_message_beside_a_delta_counts_once() {
    let both =
        |delta: Value, message: &str| json!({ "delta": delta, "message": { "content": message } });
    let say = |text: &str| json!({ "content": text });
    check(&[both(say("Hel"), "Hel"), both(say("lo"), "lo")], "Hello").await;
    check(&[both(say("Hel"), "Hel"), both(say("lo"), "Hello")], "Hello").await;
    check(&[both(say("Hel"), ""), both(say("lo"), "Hel")], "Hello").await;
    check(&[both(json!({}), "Hel"), both(json!({ "role": "assistant" }), "lo")], "Hello").await;
    check(&[delta("Hel"), both(say("lo"), "Hello"), both(json!({}), "Hello")], "Hello").await;
}

#[tokio::test]
async fn a_message_in_a_stream_that_does_not_end_is_cut() {
    let open = |mut piece: Value| {
        piece["finish_reason"] = Value::Null;
        json!([piece])
    };
    for events in [
        vec![json!([message("Hel")])],
        vec![json!([message("Hel")]), json!([message("lo")])],
        vec![json!([delta("Hel")]), json!([message("Hello")])],
        vec![open(message("Hel"))],
    ] {
        let called = streamed(&events, false).await;
        assert_eq!(text(&called), Err(Kind::CutOff), "{events:?}");
    }
    // A server that has no word for the end ends the stream by its mark.
    let called = streamed(&[json!([message("Hel")]), json!([message("lo")])], true).await;
    assert_eq!(text(&called), Ok("Hello"));
}

#[tokio::test]
async fn the_word_for_the_end_may_stand_in_any_part_of_a_choice() {
    let within = json!([{ "message": { "content": "lo", "finish_reason": "stop" }, "delta": {} }]);
    assert_eq!(text(&streamed(&[json!([message("Hel")]), within], false).await), Ok("Hello"));
    let beside = json!([{ "finish_reason": null, "delta": { "finish_reason": "length" } }]);
    assert_eq!(text(&streamed(&[json!([message("Hel")]), beside], false).await), Err(Kind::Length));
}

#[tokio::test]
async fn a_body_with_a_message_beside_an_empty_delta_is_whole() {
    let choice = json!({ "delta": {}, "message": { "content": "Hello" } });
    let body = json!({ "choices": [choice] }).to_string();
    let server = Server::start(move |_, _, _| json(200, body.clone()));
    let called = ask(&model("openai", &server.url), Settings::default()).await;
    assert_eq!(kind(&called), "ok", "{:?}", called.result);
    assert_eq!(text(&called), Ok("Hello"));
}

#[tokio::test]
async fn answers_never_mix_however_their_numbers_are_written() {
    for (first, second) in [
        (json!(0), json!(1)),
        (json!("0"), json!("1")),
        (json!(" 0"), json!("1 ")),
        (json!("0"), json!(1)),
        (json!(0.0), json!(1.0)),
        (Value::Null, json!(1)),
        (Value::Null, json!("1")),
        (json!("2"), json!("10")),
        (json!("zero"), json!("1")),
    ] {
        let choice = |index: &Value, text: &str, word: Value| {
            json!({
            "index": index, "delta": { "content": text }, "finish_reason": word })
        };
        let halves = |other: &str, own: &str, word: Value| {
            let own = choice(&first, own, word.clone());
            [json!([choice(&second, other, word)]), json!([own])]
        };
        let apart = [halves("OT", "Hel", Value::Null), halves("HER", "lo", "stop".into())].concat();
        assert_eq!(text(&streamed(&apart, false).await), Ok("Hello"), "{apart:?}");

        // Both in one piece, the other one first.
        let together = [
            json!([choice(&second, "OT", Value::Null), choice(&first, "Hel", Value::Null)]),
            json!([choice(&second, "HER", "stop".into()), choice(&first, "lo", "stop".into())]),
        ];
        assert_eq!(text(&streamed(&together, false).await), Ok("Hello"), "{together:?}");
    }

    // Without any numbers, the place tells them apart.
    let piece = |own: &str, other: &str, word: Value| {
        json!([
        { "delta": { "content": own }, "finish_reason": word },
        { "delta": { "content": other }, "finish_reason": word }])
    };
    let bare = [piece("Hel", "OT", Value::Null), piece("lo", "HER", "stop".into())];
    assert_eq!(text(&streamed(&bare, false).await), Ok("Hello"));
}

/// A request and a text have a token at least, in every dialect.
#[tokio::test]
async fn figures_that_say_that_nothing_was_read_are_unknown() {
    let chat = |usage: Value| json!({ "choices": [{ "message": { "content": "x" }, "finish_reason": "stop" }], "usage": usage });
    let bodies = [
        ("openai", chat(json!({ "prompt_tokens": 0, "completion_tokens": 5 }))),
        ("openai", chat(json!({ "input_tokens": 0, "output_tokens": 5, "total_tokens": 5 }))),
        ("ollama", chat(json!({ "prompt_tokens": 0, "completion_tokens": 5 }))),
        (
            "ollama",
            json!({ "message": { "content": "x" }, "done": true, "prompt_eval_count": 0, "eval_count": 5 }),
        ),
        (
            "anthropic",
            json!({ "type": "message", "content": [{ "type": "text", "text": "x" }],
                "stop_reason": "end_turn", "usage": { "input_tokens": 0, "output_tokens": 5,
                "cache_read_input_tokens": 0 } }),
        ),
        (
            "gemini",
            json!({ "candidates": [{ "content": { "parts": [{ "text": "x" }] }, "finishReason": "STOP" }],
                "usageMetadata": { "promptTokenCount": 0, "candidatesTokenCount": 5 } }),
        ),
    ];
    for (provider, body) in bodies {
        let body = body.to_string();
        let sent = body.clone();
        let server = Server::start(move |_, _, _| json(200, sent.clone()));
        let called = ask(&model(provider, &server.url), Settings::default()).await;
        assert_eq!((text(&called), called.usage), (Ok("x"), None), "{provider} {body}");
    }
}

/// Asks a server that sends a body and returns the text, or the kind, and the tokens.
async fn told(provider: &str, body: String, stream: bool) -> (Result<String, Kind>, Option<u64>) {
    let server = Server::start(move |_, _, _| json(200, body.clone()));
    let settings = Settings { stream: Some(stream), ..Settings::default() };
    let called = ask(&model(provider, &server.url), settings).await;
    (text(&called).map(str::to_owned), called.usage.map(|usage| usage.output()))
}

#[tokio::test]
async fn of_two_whole_answers_in_one_body_the_first_counts_and_the_tokens_are_unknown() {
    let chat = |text: &str, id: Option<&str>| {
        json!({ "id": id, "choices": [{ "message": { "content": text }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 9, "completion_tokens": 4 } })
    };
    let ollama = |text: &str| json!({ "message": { "content": text }, "done": true, "prompt_eval_count": 9, "eval_count": 4 });
    let anthropic = |text: &str| {
        json!({ "type": "message", "content": [{ "type": "text", "text": text }],
            "stop_reason": "end_turn", "usage": { "input_tokens": 9, "output_tokens": 4 } })
    };
    let gemini = |text: &str, id: &str| {
        json!({ "candidates": [{ "content": { "parts": [{ "text": text }] }, "finishReason": "STOP" }],
            "responseId": id, "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": 4 } })
    };
    let legacy = |text: &str| json!({ "choices": [{ "text": text, "finish_reason": "stop" }] });

    for (provider, first, second) in [
        ("openai", chat("AAA", None), chat("BBB", None)),
        ("openai", chat("AAA", Some("a")), chat("BBB", Some("b"))),
        ("openai", legacy("AAA"), legacy("BBB")),
        ("ollama", ollama("AAA"), ollama("BBB")),
        ("anthropic", anthropic("AAA"), anthropic("BBB")),
        ("gemini", gemini("AAA", "a"), gemini("BBB", "b")),
    ] {
        for stream in [true, false] {
            for body in [
                format!("[{first},{second}]"),
                format!("{first}\n{second}\n"),
                format!("data: {first}\n\ndata: {second}\n\n"),
            ] {
                let found = told(provider, body.clone(), stream).await;
                assert_eq!(found, (Ok("AAA".into()), None), "{provider} {body}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_begins_again_under_another_id_never_mixes() {
    let event = |id: &str, delta: Value, word: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": word });
        format!("data: {}\n\n", json!({ "id": id, "choices": [choice] }))
    };
    let role = |text: &str| json!({ "role": "assistant", "content": text });
    let more = |text: &str| json!({ "content": text });
    let usage = "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\n";
    let stop = || Value::from("stop");

    let again = [
        event("a", role("hel"), Value::Null),
        event("a", more("l"), Value::Null),
        event("b", role("hel"), Value::Null),
        event("b", more("lo"), stop()),
    ];
    let after_end = [
        event("a", role("hel"), Value::Null),
        event("a", more("lo"), stop()),
        event("b", role("other"), stop()),
    ];
    let unclear = [event("a", role("hel"), Value::Null), event("b", role("hello"), stop())];
    let ids_of_pieces = [event("a", role("hel"), Value::Null), event("b", more("lo"), stop())];
    let roles_of_pieces = [event("a", role("hel"), Value::Null), event("a", role("lo"), stop())];
    let without_text = [event("a", role(""), Value::Null), event("b", role("hello"), stop())];

    let hello = || Ok("hello".into());
    for (events, expected) in [
        (again.concat(), (hello(), None)),
        (after_end.concat(), (hello(), None)),
        (unclear.concat(), (Err(Kind::BadReply), None)),
        (ids_of_pieces.concat(), (hello(), Some(4))),
        (roles_of_pieces.concat(), (hello(), Some(4))),
        (without_text.concat(), (hello(), Some(4))),
    ] {
        let body = format!("{events}{usage}");
        assert_eq!(told("openai", body.clone(), true).await, expected, "{body}");
    }
}

#[tokio::test]
async fn other_names_of_the_end_count_where_the_usual_one_says_nothing() {
    let chat = |more: Value| {
        let mut choice = json!({ "message": { "content": "hi" } });
        choice.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "choices": [choice] }).to_string()
    };
    let hi = || Ok("hi".into());
    for (more, expected) in [
        (json!({ "finish_details": { "type": "max_tokens" } }), Err(Kind::Length)),
        (json!({ "finish_reason": null, "native_finish_reason": "MAX_TOKENS" }), Err(Kind::Length)),
        (json!({ "finish_reason": "", "native_finish_reason": "length" }), Err(Kind::Length)),
        (json!({ "finish_reason": null, "native_finish_reason": "SAFETY" }), Err(Kind::Refused)),
        (json!({ "finish_reason": "stop", "native_finish_reason": "length" }), hi()),
        (json!({ "finish_reason": null, "native_finish_reason": "completed" }), hi()),
        (json!({ "finishReason": "length" }), Err(Kind::Length)),
        (json!({ "stop_reason": "max_tokens" }), Err(Kind::Length)),
        (json!({ "finish_reason": "", "stopReason": "content_filter" }), Err(Kind::Refused)),
        // What a stop sequence was, is no word for the end.
        (json!({ "finish_reason": "stop", "stop_reason": "length" }), hi()),
        (json!({ "stop_reason": "END" }), hi()),
        (json!({ "stop_reason": 128_009 }), hi()),
    ] {
        assert_eq!(told("openai", chat(more.clone()), false).await.0, expected, "{more}");
    }

    let beside =
        json!({ "choices": [{ "message": { "content": "hi" } }], "finish_reason": "length" });
    assert_eq!(told("openai", beside.to_string(), false).await.0, Err(Kind::Length));
    let snake = json!({ "candidates": [{ "content": { "parts": [{ "text": "hi" }] }, "finish_reason": "MAX_TOKENS" }],
        "usage_metadata": { "prompt_token_count": 3, "candidates_token_count": 2 } });
    assert_eq!(told("gemini", snake.to_string(), false).await, (Err(Kind::Length), Some(2)));
}

/// Asks for a stream of these documents, and returns the text, or the kind, and the tokens.
async fn told_stream(provider: &str, documents: &[Value]) -> (Result<String, Kind>, Option<u64>) {
    let event = |document: &Value| {
        let name =
            document["type"].as_str().map_or(String::new(), |name| format!("event: {name}\n"));
        format!("{name}data: {document}\n\n")
    };
    let lines = |document: &Value| format!("{document}\n");
    let is_plain = provider == "ollama";
    let body: String = if is_plain {
        documents.iter().map(lines).collect()
    } else {
        documents.iter().map(event).collect()
    };
    told(provider, body, true).await
}

/// Figures that are for a part of the reply, or that shrink, would charge less than was used.
#[tokio::test]
async fn figures_that_are_not_of_the_whole_reply_are_unknown() {
    let chat = |text: &str, word: Value| json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": word }] });
    let counted = |mut document: Value, output: u64| {
        document["usage"] = json!({ "prompt_tokens": 10, "completion_tokens": output });
        document
    };
    let alone = |output: u64| counted(json!({ "choices": [] }), output);
    let text = || chat("many words", Value::Null);
    let stop = || chat("", "stop".into());

    let gemini = |text: &str, word: Value, output: Option<u64>| {
        let mut document = json!({ "candidates": [{ "content": { "parts": [{ "text": text }] }, "finishReason": word }] });
        if let Some(output) = output {
            document["usageMetadata"] =
                json!({ "promptTokenCount": 10, "candidatesTokenCount": output });
        }
        document
    };
    let gemini_alone =
        json!({ "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 1 } });
    let ollama = |text: &str, output: u64, done: bool| json!({ "message": { "content": text }, "done": done, "prompt_eval_count": 10, "eval_count": output });

    let anthropic = |usage: Value| {
        vec![
            json!({ "type": "message_start", "message": { "usage": { "input_tokens": 10, "output_tokens": 1 } } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "many words" } }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": usage }),
            json!({ "type": "message_stop" }),
        ]
    };

    for (provider, documents, expected) in [
        // The figures stand before the text, or within it.
        ("openai", vec![alone(1), text(), stop()], None),
        ("openai", vec![text(), alone(1), text(), stop()], None),
        ("openai", vec![text(), stop(), alone(4)], Some(4)),
        ("openai", vec![text(), counted(stop(), 4), alone(4)], Some(4)),
        ("openai", vec![text(), alone(4), stop()], Some(4)),
        ("openai", vec![text(), alone(1), text(), stop(), alone(8)], Some(8)),
        ("gemini", vec![gemini_alone.clone(), gemini("words", "STOP".into(), None)], None),
        (
            "gemini",
            vec![gemini("a", Value::Null, Some(1)), gemini("b", "STOP".into(), Some(2))],
            Some(2),
        ),
        // They shrink.
        ("openai", vec![counted(text(), 1), stop(), alone(0)], None),
        ("openai", vec![counted(text(), 5), stop(), alone(3)], None),
        (
            "gemini",
            vec![gemini("a", Value::Null, Some(1)), gemini("b", "STOP".into(), Some(0))],
            None,
        ),
        ("ollama", vec![ollama("a", 1, false), ollama("b", 0, true)], None),
        ("ollama", vec![ollama("a", 1, false), ollama("b", 2, true)], Some(2)),
        // The last ones say nothing of what was written.
        ("anthropic", anthropic(json!({ "output_tokens": 4 })), Some(4)),
        ("anthropic", anthropic(json!({})), None),
        ("anthropic", anthropic(json!({ "output_tokens": null })), None),
        ("anthropic", anthropic(json!({ "input_tokens": 10 })), None),
        ("anthropic", anthropic(json!({ "total_tokens": 99 })), None),
        ("anthropic", anthropic(json!({ "output_tokens": 0 })), None),
    ] {
        let (said, output) = told_stream(provider, &documents).await;
        assert!(said.is_ok(), "{provider} {documents:?}: {said:?}");
        assert_eq!(output, expected, "{provider} {documents:?}");
    }
}

#[tokio::test]
async fn text_of_gemini_may_stand_in_no_list_and_a_body_may_follow_comments() {
    for content in [
        json!("hi"),
        json!({ "parts": { "text": "hi" } }),
        json!({ "parts": "hi" }),
        json!({ "parts": ["h", { "text": "i" }, { "text": "no", "thought": true }] }),
        json!({ "text": "hi" }),
        json!([{ "text": "hi" }]),
    ] {
        let body = json!({ "candidates": [{ "content": content, "finishReason": "STOP" }] });
        assert_eq!(told("gemini", body.to_string(), false).await.0, Ok("hi".into()), "{body}");
    }

    let body = json!({ "choices": [{ "message": { "content": "hi" } }] });
    let body = format!(": PROCESSING\n\n: PROCESSING\n\n{body}");
    assert_eq!(told("openai", body, false).await.0, Ok("hi".into()));
}
