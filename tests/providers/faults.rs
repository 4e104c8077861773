//! Faults of a server that speaks OpenAI's protocol, streamed and whole.

use super::{ask, kind, model};
use crate::support::server::{Act, Server, json, refusal};
use kaizen::model::reply::CallResult;
use kaizen::model::request::Settings;

fn piece(text: &str, reason: Option<&str>) -> String {
    let choice = serde_json::json!({ "delta": { "content": text }, "finish_reason": reason });
    format!("data: {}\n\n", serde_json::json!({ "choices": [choice] }))
}

async fn streamed(pieces: Vec<(u64, String)>, cut: bool, settings: Settings) -> CallResult {
    let server = Server::start(move |_, _, _| Act::Stream { pieces: pieces.clone(), cut });
    let settings = Settings { stream: Some(true), ..settings };
    ask(&model("openai", &server.url), settings).await
}

#[tokio::test]
async fn a_stream_is_put_together_with_its_usage() {
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";
    let pieces = vec![
        (0, piece("Hel", None)),
        (1, piece("lo", None)),
        (1, piece("", Some("stop"))),
        (1, usage.to_owned()),
        (1, "data: [DONE]\n\n".to_owned()),
    ];
    let called = streamed(pieces, false, Settings::default()).await;
    assert_eq!(called.result, Ok("Hello".into()));
    assert_eq!(called.usage.map(|usage| (usage.input(), usage.output())), Some((7, 2)));
}

#[tokio::test]
async fn a_stream_that_ends_without_a_reason_is_cut_off() {
    for cut in [true, false] {
        let called = streamed(vec![(0, piece("Hel", None))], cut, Settings::default()).await;
        assert_eq!(kind(&called), "cut_off", "cut {cut}: {:?}", called.result);
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up_and_a_slow_one_is_not() {
    let settings = || Settings { idle_timeout_ms: Some(80), ..Settings::default() };
    let slow = (0..6).map(|_| (30, piece("a", None))).chain([(30, piece("", Some("stop")))]);
    assert_eq!(kind(&streamed(slow.collect(), false, settings()).await), "ok");
    let silent = vec![(0, piece("a", None)), (500, piece("b", Some("stop")))];
    assert_eq!(kind(&streamed(silent, false, settings()).await), "timeout");
}

/// What gateways write into the header of a reply, which says nothing of the reply.
#[tokio::test]
async fn a_reply_is_whole_whatever_its_header_looks_like() {
    let body = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
    let many: String = (0..300).map(|n| format!("x-{n}: a\r\n")).collect::<Vec<_>>().concat();
    let odd = [
        "",
        &many,
        "x-folded: one\r\n  and two\r\n",
        "x-control: a\u{1}b\r\n",
        "x bad: a\r\n",
        "x-space : a\r\n",
        "no colon\r\n",
        "x-umlaut: \u{fc}\r\n",
    ];
    for line in odd {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{line}content-length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body.as_bytes()].concat();
        let server = Server::start(move |_, _, _| Act::Bytes(bytes.clone()));
        let called = ask(&model("openai", &server.url), Settings::default()).await;
        assert_eq!(called.result, Ok("Hello".into()), "{line}");
    }
}

#[tokio::test]
async fn nothing_is_waited_for_after_the_last_event() {
    let settings = Settings { idle_timeout_ms: Some(200), ..Settings::default() };
    let open = vec![
        (0, piece("Hello", Some("stop"))),
        (0, "data: [DONE]\n\n".to_owned()),
        (5000, String::new()),
    ];
    assert_eq!(streamed(open.clone(), false, settings.clone()).await.result, Ok("Hello".into()));
    assert_eq!(streamed(open[..2].to_vec(), true, settings).await.result, Ok("Hello".into()));
}

#[tokio::test]
async fn no_header_in_time_is_a_timeout() {
    let server = Server::start(|_, _, _| Act::Hang);
    let settings = Settings { header_timeout_ms: Some(50), ..Settings::default() };
    let called = ask(&model("openai", &server.url), settings).await;
    assert_eq!(
        called.result.unwrap_err().to_string(),
        "no reply within 50 ms (`header_timeout_ms`)"
    );
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused() {
    let server =
        Server::start(|_, _, _| json(200, format!("{{\"x\":\"{}\"}}", "y".repeat(10 << 20))));
    let called = ask(&model("openai", &server.url), Settings::default()).await;
    assert_eq!(kind(&called), "too_large", "{:?}", called.result);
}

#[tokio::test]
async fn a_connection_that_closes_without_a_word_is_a_fault_of_the_network() {
    let server = Server::start(|_, _, _| Act::Close);
    let called = ask(&model("openai", &server.url), Settings::default()).await;
    assert_eq!(kind(&called), "network", "{:?}", called.result);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood_all_the_same() {
    let server = Server::saying("whole");
    let settings = Settings { stream: Some(true), ..Settings::default() };
    let called = ask(&model("openai", &server.url), settings).await;
    assert_eq!(called.result, Ok("whole".into()));
    assert_eq!(called.served_by.as_deref(), Some("served-1"));
}

#[tokio::test]
async fn a_thousand_requests_are_really_in_flight_together() {
    let server =
        Server::start(|_, _, _| Act::Until(1000, Box::new(crate::support::server::answer("x"))));
    let model = model("openai", &server.url);
    let calls = (0..1000).map(|_| ask(&model, Settings::default()));
    let all = futures::future::join_all(calls).await;
    assert!(all.iter().all(|called| kind(called) == "ok"));
    assert_eq!(server.most_in_flight(), 1000);
}

/// The pieces have no numbers, so text that comes twice could not be replayed from text that is said
/// twice; but nothing is counted twice.
#[tokio::test]
async fn a_piece_that_comes_twice_does_not_count_twice() {
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";
    let (end, done) = (piece("", Some("stop")), "data: [DONE]\n\n".to_owned());
    let pieces = [piece("Hello", None), end.clone(), end, usage.to_owned(), usage.to_owned()];
    let pieces = pieces.into_iter().chain([done.clone(), done]).map(|piece| (0, piece)).collect();
    let called = streamed(pieces, false, Settings::default()).await;
    assert_eq!(called.result, Ok("Hello".into()));
    assert_eq!(called.usage.map(|usage| (usage.input(), usage.output())), Some((7, 2)));
}

#[tokio::test]
async fn a_piece_that_is_not_understood_is_no_success() {
    for wrong in ["data: {\"choices\": 7}\n\n", "data: <html>\n\n", "data: {\"cho\n\n"] {
        let pieces = vec![(0, piece("Hel", None)), (0, wrong.to_owned())];
        let called = streamed(pieces, false, Settings::default()).await;
        assert_eq!(kind(&called), "bad_reply", "{wrong}: {:?}", called.result);
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_is_cut_off() {
    let head = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n";
    let said = format!("{head}{}", piece("Hel", None));
    for (sent, expected) in [(head.to_owned(), "network"), (said, "cut_off")] {
        let server = Server::start(move |_, _, _| Act::Reset(sent.clone().into()));
        let settings = Settings { stream: Some(true), ..Settings::default() };
        let called = ask(&model("openai", &server.url), settings).await;
        assert_eq!(kind(&called), expected, "{:?}", called.result);
    }
}

#[tokio::test]
async fn a_stream_of_ten_megabytes_is_refused() {
    let pieces = (0..11).map(|_| (0, piece(&"x".repeat(1 << 20), None))).collect();
    let called = streamed(pieces, false, Settings::default()).await;
    assert_eq!(kind(&called), "too_large", "{:?}", called.result);
}

#[tokio::test]
async fn a_right_body_of_a_wrong_content_type_is_understood() {
    let Act::Answer(status, _, body) = crate::support::server::answer("hi") else {
        panic!("an answer")
    };
    let server = Server::start(move |_, _, _| {
        Act::Answer(status, "content-type: text/html\r\n".into(), body.clone())
    });
    let called = ask(&model("openai", &server.url), Settings::default()).await;
    assert_eq!(called.result, Ok("hi".into()));
}

#[test]
fn a_server_that_takes_four_at_once_is_soon_asked_four_at_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (busy, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (working, refusals) = (busy.clone(), refused.clone());
    let server = Server::start(move |_, _, _| {
        if working.fetch_add(1, Ordering::SeqCst) >= 4 {
            working.fetch_sub(1, Ordering::SeqCst);
            refusals.fetch_add(1, Ordering::SeqCst);
            return refusal(429, "too many at once");
        }
        let working = working.clone();
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(38));
            working.fetch_sub(1, Ordering::SeqCst);
        });
        Act::After(40, Box::new(crate::support::server::answer("yes")))
    });
    let project = crate::support::Project::new();
    let text = "(0..60).to_array().parallel(|n| branch().chat(`${n}`)).len";
    let (ran, done) = project.with_server(&server).script(text);
    assert_eq!(done["value"], 60, "{}", ran.stderr);
    let refused = refused.load(Ordering::SeqCst);
    assert!((1..90).contains(&refused), "{refused} of 60 calls were refused");
    let shown = project.kaizen(&["show"]).stdout;
    assert!(shown.contains("`openai/m` refuses calls: lowering the limit to "), "{shown}");
}

#[tokio::test]
async fn what_stands_beside_the_events_of_a_stream_says_why_it_failed() {
    let long = r#"{"code":400,"message":"too long","type":"exceed_context_size_error"}"#;
    let open = "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n";
    let marked = "{\"error\":{\"message\":\"oom\",\"type\":\"server_error\"}}\n\ndata: [DONE]\n\n";
    let lines = "{\n\"error\": {\"message\": \"oom\"}\n}\n";

    for (error, expected, words) in [
        (
            format!("error: {long}\n\n"),
            "bad_request",
            "the provider rejected the request (status 200): too long (code 400)",
        ),
        (
            format!("event: error\ndata: {long}\n\n"),
            "bad_request",
            "the provider rejected the request (status 200): too long (code 400)",
        ),
        (
            format!("{{\"error\":{long}}}\n"),
            "bad_request",
            "the provider rejected the request (status 200): too long (code 400)",
        ),
        (marked.to_owned(), "server", "the provider failed with status 200: oom"),
        (lines.to_owned(), "server", "the provider failed with status 200: oom"),
        (
            "error: out of memory".to_owned(),
            "server",
            "the provider failed with status 200: out of memory",
        ),
        (
            "event: error\ndata: out of memory\n\n".to_owned(),
            "server",
            "the provider failed with status 200: out of memory",
        ),
    ] {
        for before in [String::new(), open.to_owned(), piece("half", None)] {
            let pieces = vec![(0, format!("{before}{error}"))];
            let called = streamed(pieces, false, Settings::default()).await;
            let found = called.result.as_ref().map_err(ToString::to_string);
            assert_eq!((kind(&called), found), (expected, Err(words.to_owned())), "{error}");
        }
    }
}
