//! One suite for every provider, each in its own wire format.

use super::{ask, kind, model};
use crate::support::server::{Act, Server, json, refusal};
use kaizen::model::call_error::{CallError, Retry};
use kaizen::model::request::Settings;
use serde_json::{Value, json};
use std::time::Duration;

const PROVIDERS: [&str; 4] = ["openai", "anthropic", "gemini", "ollama"];

/// The words of a provider for the ends that a reply can have.
fn reply(provider: &str, text: &str, end: &str) -> Value {
    match provider {
        "openai" | "ollama" => {
            let reason = if end == "length" { "length" } else { "stop" };
            json!({ "model": "served", "choices": [{ "finish_reason": reason,
                "message": { "role": "assistant", "content": text } }],
                "usage": { "prompt_tokens": 100, "completion_tokens": 50,
                    "prompt_tokens_details": { "cached_tokens": 60 } } })
        }
        "anthropic" => {
            let reason = if end == "length" { "max_tokens" } else { "end_turn" };
            json!({ "id": "x", "type": "message", "role": "assistant", "model": "served",
                "content": [{ "type": "text", "text": text }], "stop_reason": reason,
                "usage": { "input_tokens": 40, "output_tokens": 50,
                    "cache_read_input_tokens": 60 } })
        }
        "gemini" => {
            let reason = if end == "length" { "MAX_TOKENS" } else { "STOP" };
            json!({ "modelVersion": "served", "candidates": [{ "finishReason": reason,
                "content": { "role": "model", "parts": [{ "text": text }] } }],
                "usageMetadata": { "promptTokenCount": 100, "candidatesTokenCount": 50,
                    "cachedContentTokenCount": 60, "totalTokenCount": 150 } })
        }
        other => panic!("no provider `{other}`"),
    }
}

async fn check(act: impl Fn(&str) -> Act, expected: &str) {
    for provider in PROVIDERS {
        let act = act(provider);
        let server = Server::start(move |_, _, _| act.clone());
        let called = ask(&model(provider, &server.url), Settings::default()).await;
        assert_eq!(kind(&called), expected, "{provider}: {:?}", called.result);
    }
}

#[tokio::test]
async fn a_whole_reply_is_a_success_and_its_usage_falls_into_buckets() {
    for provider in PROVIDERS {
        let body = reply(provider, "hi", "stop").to_string();
        let server = Server::start(move |_, _, _| json(200, body.clone()));
        let called = ask(&model(provider, &server.url), Settings::default()).await;
        assert_eq!(called.result, Ok("hi".into()), "{provider}");
        let usage = called.usage.unwrap();
        assert_eq!((usage.input(), usage.output()), (100, 50), "{provider}: {usage:?}");
        assert_eq!((usage.input_uncached, usage.cache_read), (40, 60), "{provider}");
        let asked = &server.bodies()[0];
        assert!(asked.contains("Hello?") && asked.contains("Be brief."), "{provider}: {asked}");
    }
}

#[tokio::test]
async fn further_fields_stand_beside_the_bound_of_the_reply() {
    let sent = |provider: &'static str, extra: Value| async move {
        let server =
            Server::start(move |_, _, _| json(200, reply(provider, "hi", "stop").to_string()));
        let extra = extra.as_object().unwrap().clone();
        let settings = Settings { max_tokens: Some(7), extra, ..Settings::default() };
        ask(&model(provider, &server.url), settings).await;
        serde_json::from_str::<Value>(&server.bodies()[0]).unwrap()
    };
    let thinking = json!({ "thinkingBudget": 3 });
    let body = sent("gemini", json!({ "generationConfig": { "thinkingConfig": thinking } })).await;
    let expected = json!({ "maxOutputTokens": 7, "thinkingConfig": thinking });
    assert_eq!(body["generationConfig"], expected);
    for provider in ["openai", "anthropic", "ollama"] {
        let body = sent(provider, json!({ "top_k": 3 })).await;
        assert_eq!((&body["max_tokens"], &body["top_k"]), (&json!(7), &json!(3)), "{provider}");
    }
}

#[tokio::test]
async fn each_status_is_its_own_kind() {
    let kinds = [
        (400, "bad_request"),
        (401, "unauthorized"),
        (404, "not_found"),
        (429, "rate_limited"),
        (500, "server"),
        (503, "server"),
    ];
    for (status, expected) in kinds {
        check(|_| refusal(status, "the provider's words"), expected).await;
    }
}

/// Asks every provider with a server that refuses and says how long to wait; returns the waits.
async fn wishes(status: u16, header: &str) -> Vec<Duration> {
    let mut waits = Vec::new();
    for provider in PROVIDERS {
        let headers = format!("{header}\r\ncontent-type: application/json\r\n");
        let server =
            Server::start(move |_, _, _| Act::Answer(status, headers.clone(), b"{}".into()));
        let called = ask(&model(provider, &server.url), Settings::default()).await;
        match called.result.as_ref().map_err(CallError::retry) {
            Err(Retry::After(wait)) => waits.push(wait),
            other => panic!("{provider} {status} {header}: {other:?}"),
        }
    }
    waits
}

#[tokio::test]
async fn a_wish_to_wait_is_kept_in_both_forms() {
    for status in [429, 503] {
        assert_eq!(wishes(status, "retry-after: 7").await, [Duration::from_secs(7); 4]);
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(90);
        let date = jiff::fmt::rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
        let date = date.replace("+0000", "GMT");
        for wait in wishes(status, &format!("retry-after: {date}")).await {
            assert!((80..=90).contains(&wait.as_secs()), "{wait:?} from {date}");
        }
    }
}

#[tokio::test]
async fn a_reply_that_the_limit_cut_is_no_success() {
    check(|provider| json(200, reply(provider, "half a", "length").to_string()), "length").await;
}

#[tokio::test]
async fn an_empty_reply_is_no_success() {
    check(|provider| json(200, reply(provider, "  ", "stop").to_string()), "empty").await;
}

#[tokio::test]
async fn what_is_not_json_is_no_success() {
    let html = || Act::Answer(200, "content-type: text/html\r\n".into(), b"<html>proxy".into());
    check(|_| html(), "bad_reply").await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_success() {
    check(|_| Act::Half("{\"choices\":[{\"mess".into()), "cut_off").await;
}

#[tokio::test]
async fn no_server_is_a_fault_of_the_network() {
    for provider in PROVIDERS {
        let called = ask(&model(provider, "http://127.0.0.1:1"), Settings::default()).await;
        assert_eq!(kind(&called), "network", "{provider}: {:?}", called.result);
    }
}

#[tokio::test]
async fn the_whole_call_has_a_deadline() {
    for provider in PROVIDERS {
        let server = Server::start(|_, _, _| Act::Hang);
        let settings = Settings { timeout_ms: Some(50), ..Settings::default() };
        let called = ask(&model(provider, &server.url), settings).await;
        assert_eq!(kind(&called), "timeout", "{provider}: {:?}", called.result);
    }
}

#[tokio::test]
async fn a_reset_is_no_success_wherever_it_comes() {
    let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n";
    for provider in PROVIDERS {
        let body = reply(provider, "hi", "stop").to_string();
        let half = &body[..body.len() / 2];
        let phases = ["", "HTTP/1.1 2", head, &format!("{head}{half}")];
        for phase in phases.map(str::to_owned) {
            let sent = phase.clone();
            let server = Server::start(move |_, _, _| Act::Reset(sent.clone().into()));
            let called = ask(&model(provider, &server.url), Settings::default()).await;
            let told = ["network", "cut_off"].contains(&kind(&called));
            assert!(told, "{provider} after {phase:?}: {:?}", called.result);
            assert_eq!(called.result.unwrap_err().retry(), Retry::Backoff, "{provider}");
        }
    }
}

#[tokio::test]
async fn a_reset_before_the_request_is_read_is_a_fault_of_the_network() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_zero_linger().unwrap();
        }
    });
    for provider in PROVIDERS {
        let called = ask(&model(provider, &url), Settings::default()).await;
        assert_eq!(kind(&called), "network", "{provider}: {:?}", called.result);
    }
}

#[tokio::test]
async fn a_body_that_drips_is_a_timeout_unless_it_is_in_time() {
    for provider in PROVIDERS {
        for (pause_ms, expected) in [(2, "ok"), (400, "timeout")] {
            let body = reply(provider, "hi", "stop").to_string();
            let server = Server::start(move |_, _, _| Act::Drip(pause_ms, body.clone()));
            let settings = Settings { timeout_ms: Some(300), ..Settings::default() };
            let called = ask(&model(provider, &server.url), settings).await;
            assert_eq!(kind(&called), expected, "{provider}: {:?}", called.result);
        }
    }
}

#[tokio::test]
async fn a_body_of_nothing_is_no_success() {
    check(|_| json(200, ""), "bad_reply").await;
}

#[tokio::test]
async fn json_of_another_shape_is_no_success() {
    check(|_| json(200, "[1, 2]"), "bad_reply").await;
}
