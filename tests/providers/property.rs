//! A property over servers: whatever a server sends, the outcome is the whole text or an error of a
//! kind, the tokens are those that were said or unknown, and no request is made that cannot help.
//! `KAIZEN_LONG=1 cargo test providers::property` tries twenty times as many replies.

use super::reply::{Body, CONTENT_TYPES, Sent, Served, Speech, Worth};
use super::{ask_for, kind, model};
use crate::support::server::{Act, Server};
use futures::StreamExt;
use kaizen::base::rng::Rng;
use kaizen::model::call_error::{CallError, Retry};
use kaizen::model::reply::CallResult;
use kaizen::model::request::Settings;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How many requests are under way together.
const AT_ONCE: usize = 16;

/// What becomes of the bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// All arrive.
    Whole,
    /// So many arrive, then the connection is closed.
    Closed(usize),
    /// So many are sent, then the connection is reset; less may arrive.
    Reset(usize),
}

/// Says what is wrong with an outcome.
type Check = Box<dyn Fn(&CallResult) -> Result<(), String> + Send + Sync>;

/// One question, what it is answered with, and what must come of it.
struct Case {
    name: String,
    provider: &'static str,
    streamed: bool,
    act: Act,
    check: Check,
}

/// Asks all questions and checks what comes of each, and that each was asked once.
async fn check(whence: &str, cases: Vec<Case>) {
    let cases = Arc::new(cases);
    let answers = cases.clone();
    let server = Server::start(move |_, _, body| {
        let number = body.split("case ").nth(1).and_then(|rest| rest.split(';').next());
        answers[number.and_then(|number| number.parse::<usize>().ok()).expect("a number")]
            .act
            .clone()
    });
    let url = &server.url;
    let asked = futures::stream::iter(cases.iter().enumerate()).map(|(number, case)| async move {
        let settings = Settings {
            stream: Some(case.streamed),
            timeout_ms: Some(20_000),
            ..Settings::default()
        };
        let question = format!("case {number};");
        let called = ask_for(&model(case.provider, url), &question, settings).await;
        let wrong = (case.check)(&called).err();
        wrong.map(|wrong| format!("{number}: {wrong}\n  {}\n  came: {called:?}\n", case.name))
    });
    let wrong: Vec<String> =
        asked.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
    let shown = wrong.iter().take(5).map(String::as_str).collect::<String>();
    assert!(
        wrong.is_empty(),
        "{whence}: {} of {} cases are wrong:\n{shown}",
        wrong.len(),
        cases.len()
    );
    assert_eq!(server.bodies().len(), cases.len(), "each question is asked once");
}

/// Writes a response whose body goes some way.
pub(super) fn response(served: Served, content_type: &str, body: &[u8], way: Way) -> Act {
    let mut bytes = format!("HTTP/1.1 200 X\r\n{content_type}").into_bytes();
    if served == Served::Whole {
        bytes.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    bytes.extend_from_slice(b"connection: close\r\n\r\n");
    match way {
        Way::Whole => bytes.extend_from_slice(body),
        Way::Closed(length) | Way::Reset(length) => bytes.extend_from_slice(&body[..length]),
    }
    match way {
        Way::Whole | Way::Closed(_) => Act::Bytes(bytes),
        Way::Reset(_) => Act::Reset(bytes),
    }
}

/// What a kind of error says of asking again.
fn may_help(kind: &str) -> bool {
    matches!(
        kind,
        "cut_off" | "network" | "ended" | "empty" | "bad_reply" | "server" | "rate_limited"
    )
}

fn expect(is_so: bool, wrong: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(wrong.to_owned()) }
}

/// Checks what holds of every outcome.
fn check_any(called: &CallResult, text: &str, said: Option<(u64, u64)>) -> Result<(), String> {
    let usage = called.usage.map(|usage| (usage.input(), usage.output()));
    expect(usage.is_none() || usage == said, "the tokens were not said so")?;
    match &called.result {
        Ok(found) => expect(*found == text.into(), "what was said is another"),
        Err(error) => {
            let retried = error.retry() != Retry::Never;
            expect(
                retried == may_help(error.kind().word()),
                "asked again where it cannot help, or not",
            )?;
            match error {
                CallError::CutOff { text: part }
                | CallError::Ended { text: part, .. }
                | CallError::Length { text: part, .. } => {
                    let part = part.trim_end_matches('\u{fffd}');
                    expect(text.starts_with(part), "what came is no beginning of the text")
                }
                _ => Ok(()),
            }
        }
    }
}

/// Makes a reply of chance, and what must come of it.
fn case(rng: &mut Rng) -> Case {
    let sent = Sent::by_chance(rng);
    let Body { bytes, decided_at } = sent.body();
    let cut = usize::try_from(rng.below(bytes.len() as u64)).expect("a length");
    let way = match rng.below(4) {
        0 => Way::Closed(cut),
        1 if rng.below(4) == 0 => Way::Reset(cut),
        _ => Way::Whole,
    };
    let kinds = CONTENT_TYPES.len() as u64;
    let content_type = CONTENT_TYPES[usize::try_from(rng.below(kinds)).expect("a place")];
    let act = response(sent.served, content_type, &bytes, way);
    let (text, said, worth) = (sent.text(), sent.said(), sent.worth());
    let arrived = match way {
        Way::Whole => usize::MAX,
        Way::Closed(cut) | Way::Reset(cut) => cut,
    };
    let has_nothing = bytes[..arrived.min(bytes.len())].iter().all(|byte| !byte.is_ascii_graphic());
    Case {
        name: format!("{sent:?} {way:?} {content_type:?}\n  {}", String::from_utf8_lossy(&bytes)),
        provider: sent.provider,
        streamed: sent.asked_to_stream,
        act,
        check: Box::new(move |called| {
            check_any(called, &text, said)?;
            let found = kind(called);
            let expected = match worth {
                Worth::Whole => "ok",
                Worth::Kind(kind) => kind,
            };
            if way == Way::Whole {
                expect(found == expected, &format!("expected {expected}"))?;
                let is_told = called.usage.is_some() == said.is_some() || found == "cut_off";
                return expect(is_told, "what was said of tokens is lost");
            }
            let is_lost =
                matches!(found, "cut_off" | "network") || (has_nothing && found == "bad_reply");
            let is_decided = arrived >= decided_at && found == expected;
            expect(is_lost || is_decided, &format!("expected {expected}, or a cut"))
        }),
    }
}

#[tokio::test]
async fn every_reply_is_the_whole_text_or_an_error_of_a_kind() {
    let is_long = std::env::var_os("KAIZEN_LONG").is_some();
    let count = if is_long { 60_000 } else { 3000 };
    let seed = std::env::var("KAIZEN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut rng = Rng::seeded(seed);
    // The server keeps what it is asked, so the long form is done in parts.
    for part in 0..count / 3000 {
        let whence = format!("part {part} of seed {seed}");
        check(&whence, (0..3000).map(|_| case(&mut rng)).collect()).await;
    }
}

/// An error as servers tell it, its kind, and its words.
type Told = (Value, &'static str, &'static str);

fn errors(speech: Speech) -> Vec<Told> {
    let mut all: Vec<Told> = vec![
        (
            json!({ "error": { "message": "too busy", "type": "server_error" } }),
            "server",
            "too busy",
        ),
        (json!({ "error": { "message": "too busy", "code": 503 } }), "server", "too busy"),
        (json!({ "error": { "message": "slow", "code": 429 } }), "rate_limited", "slow"),
        (
            json!({ "error": { "message": "slow", "code": "rate_limit_exceeded" } }),
            "rate_limited",
            "slow",
        ),
        (json!({ "error": { "message": "pay", "code": "insufficient_quota" } }), "quota", "pay"),
        (
            json!({ "error": { "message": "bad", "type": "invalid_request_error" } }),
            "bad_request",
            "bad",
        ),
        (json!({ "error": { "message": "no key", "code": "401" } }), "unauthorized", "no key"),
        (json!({ "error": { "message": "no m", "code": "model_not_found" } }), "not_found", "no m"),
        (json!({ "error": { "code": "content_filter", "message": "no" } }), "refused", "no"),
        (json!({ "error": "out of memory" }), "server", "out of memory"),
        (json!({ "detail": "not now" }), "server", "not now"),
        (
            json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }], "x_groq": { "error": "over_capacity" } }),
            "server",
            "over_capacity",
        ),
        (
            json!({ "fault": { "faultstring": "Spike arrest", "detail": { "errorcode": "policies.Spike" } } }),
            "server",
            "Spike arrest",
        ),
        (
            json!({ "error": { "code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT",
                "details": [{ "reason": "API_KEY_INVALID" }] } }),
            "unauthorized",
            "API key not valid",
        ),
        (json!({ "code": 400, "msg": "no such field" }), "bad_request", "no such field"),
        (
            json!({ "object": "error", "message": "too long", "type": "BadRequestError", "code": 400 }),
            "bad_request",
            "too long",
        ),
        (
            json!({ "detail": [{ "loc": ["body", "n"], "msg": "must be 1", "input": "SECRET QUESTION" }] }),
            "bad_request",
            "body.n: must be 1",
        ),
        (
            json!({ "error": { "request": { "messages": ["SECRET QUESTION"] }, "code": "oops" } }),
            "server",
            "oops",
        ),
    ];
    match speech {
        Speech::Anthropic => all.extend([
            (
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }),
                "rate_limited",
                "Overloaded",
            ),
            (
                json!({ "type": "error", "error": { "type": "api_error", "message": "Inside" } }),
                "server",
                "Inside",
            ),
            (
                json!({ "type": "error", "error": { "type": "billing_error", "message": "Pay" } }),
                "quota",
                "Pay",
            ),
        ]),
        Speech::Gemini => all.extend([
            (json!({ "promptFeedback": { "blockReason": "SAFETY" } }), "refused", "SAFETY"),
            (json!({ "prompt_feedback": { "block_reason": "OTHER" } }), "refused", "OTHER"),
            (
                json!({ "error": { "code": 503, "message": "full", "status": "UNAVAILABLE" } }),
                "server",
                "full",
            ),
        ]),
        Speech::Chat => all.extend([
            (
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "error",
                    "error": { "code": 502, "message": "provider gone" } }] }),
                "server",
                "provider gone",
            ),
            (
                json!({ "base_resp": { "status_code": 1002, "status_msg": "rpm" }, "choices": null }),
                "server",
                "rpm",
            ),
        ]),
        Speech::Ollama => {}
    }
    all
}

/// Where an error comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the place of the whole reply.
    Body,
    /// As the first event.
    First,
    /// After some of the text.
    Midway,
    /// After the whole text and the figures.
    AfterFigures,
}

fn error_case(
    provider: &'static str,
    speech: Speech,
    (document, expected, words): &Told,
    place: Place,
    streamed: bool,
) -> Case {
    let mut rng = Rng::seeded(7);
    let sent = std::iter::repeat_with(|| Sent::by_chance(&mut rng)).find(|sent| {
        let is_plain = sent.noise & 0x2f == 0x2b && sent.text().len() > 20;
        is_plain && sent.speech == speech && sent.served == Served::Events && sent.said().is_some()
    });
    let sent = sent.expect("a reply");
    // Without a word for the end, what comes after it is not whole.
    let sent = Sent { word: super::reply::Word::Null, ..sent };
    let whole = sent.body().bytes;
    let event = |at: usize| {
        let mut bytes = whole[..at].to_vec();
        bytes.extend(format!("data: {document}\r\n\r\n").into_bytes());
        bytes
    };
    let text = String::from_utf8_lossy(&whole).into_owned();
    let event_ends: Vec<usize> = text
        .match_indices("\r\n\r\n")
        .map(|(at, end)| at + end.len())
        .filter(|at| *at <= whole.len())
        .collect();
    let last = *event_ends.last().expect("events");
    let (served, bytes, said) = match place {
        Place::Body => (Served::Whole, document.to_string().into_bytes(), None),
        Place::First => (Served::Events, event(0), None),
        Place::Midway => (Served::Events, event(event_ends[event_ends.len() / 2 - 1]), None),
        Place::AfterFigures => {
            // The mark of the end, if there is one, comes after the error.
            let last = text
                .find("data: [DONE]")
                .or_else(|| text.find("event: message_stop"))
                .unwrap_or(last);
            let said = if speech == Speech::Chat { sent.said() } else { None };
            (Served::Events, event(last), said)
        }
    };
    let (words, expected) = ((*words).to_owned(), *expected);
    Case {
        name: format!("{provider} {place:?} {document}\n  {}", String::from_utf8_lossy(&bytes)),
        provider,
        streamed,
        act: response(served, "content-type: application/json\r\n", &bytes, Way::Whole),
        check: Box::new(move |called| {
            let found = kind(called);
            expect(found == expected, &format!("expected {expected}"))?;
            let error = called.result.as_ref().err().ok_or("no error")?;
            let message = error.to_string();
            expect(message.contains(&words), &format!("expected the words {words}"))?;
            expect(!message.contains("SECRET"), "the request is shown")?;
            expect((error.retry() != Retry::Never) == may_help(found), "asked again, or not")?;
            expect(error.status().is_none_or(|status| status == 200), "another status")?;
            let usage = called.usage.map(|usage| (usage.input(), usage.output()));
            expect(usage == said, &format!("expected the tokens {said:?}"))
        }),
    }
}

#[tokio::test]
async fn every_error_under_200_keeps_its_kind_its_words_and_its_tokens() {
    let mut cases = Vec::new();
    for (provider, speech) in super::reply::SPOKEN {
        for told in errors(*speech) {
            for place in [Place::Body, Place::First, Place::Midway, Place::AfterFigures] {
                for streamed in [true, false] {
                    // A block comes before any answer.
                    let is_block = ["promptFeedback", "prompt_feedback"]
                        .iter()
                        .any(|key| told.0.get(key).is_some());
                    if !(is_block && matches!(place, Place::Midway | Place::AfterFigures)) {
                        cases.push(error_case(provider, *speech, &told, place, streamed));
                    }
                }
            }
        }
    }
    check("errors", cases).await;
}

/// In which form the document of a refusal comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RefusalForm {
    Plain,
    UsageWithin,
    Mark,
    HalfCharacter,
    StrayByte,
    NotANumber,
    RawLineEnd,
    Trailing,
    Leading,
    Wide,
    WideBare,
    Event,
    ErrorEvent,
    ErrorField,
    Comment,
    List,
    Lines,
}

const REFUSAL_FORMS: &[RefusalForm] = &[
    RefusalForm::Plain,
    RefusalForm::UsageWithin,
    RefusalForm::Mark,
    RefusalForm::HalfCharacter,
    RefusalForm::StrayByte,
    RefusalForm::NotANumber,
    RefusalForm::RawLineEnd,
    RefusalForm::Trailing,
    RefusalForm::Leading,
    RefusalForm::Wide,
    RefusalForm::WideBare,
    RefusalForm::Event,
    RefusalForm::ErrorEvent,
    RefusalForm::ErrorField,
    RefusalForm::Comment,
    RefusalForm::List,
    RefusalForm::Lines,
];

impl RefusalForm {
    fn write(self, document: &Value) -> Vec<u8> {
        let plain = document.to_string();
        let with = |field: &[u8]| [b"{".as_slice(), field, b",", &plain.as_bytes()[1..]].concat();
        let units = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();

        match self {
            RefusalForm::Plain | RefusalForm::UsageWithin => plain.into_bytes(),
            RefusalForm::Mark => format!("\u{feff}{plain}").into_bytes(),
            RefusalForm::HalfCharacter => with(br#""x":"\ud83d""#),
            RefusalForm::StrayByte => with(b"\"x\":\"\xf0\x9f\""),
            RefusalForm::NotANumber => with(b"\"x\":NaN"),
            RefusalForm::RawLineEnd => with(b"\"x\":\"a\nb\""),
            RefusalForm::Trailing => format!("{plain} and text").into_bytes(),
            RefusalForm::Leading => format!("\r\n \n{plain}").into_bytes(),
            RefusalForm::Wide => units(&format!("\u{feff}{plain}")),
            RefusalForm::WideBare => units(&plain),
            RefusalForm::Event => format!("data: {plain}\n\ndata: [DONE]\n\n").into_bytes(),
            RefusalForm::ErrorEvent => format!("event: error\r\ndata: {plain}").into_bytes(),
            RefusalForm::ErrorField => format!("error: {plain}\n\n").into_bytes(),
            RefusalForm::Comment => format!(": wait\n\n{plain}").into_bytes(),
            RefusalForm::List => format!("[{plain}]").into_bytes(),
            RefusalForm::Lines => format!("{{\"id\":1}}\n{plain}\n").into_bytes(),
        }
    }
}

/// What a refusal says of tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
enum TokensSaid {
    Counts,
    Sum,
    Nothing,
}

#[tokio::test]
async fn every_refusal_by_status_keeps_its_kind_its_words_and_its_tokens() {
    let mut cases = Vec::new();
    for (provider, speech) in super::reply::SPOKEN {
        let (counts, sum) = match speech {
            Speech::Chat | Speech::Ollama => (
                json!({ "usage": { "prompt_tokens": 9, "completion_tokens": 4 } }),
                json!({ "usage": { "prompt_tokens": null, "total_tokens": 13 } }),
            ),
            Speech::Anthropic => (
                json!({ "usage": { "input_tokens": 9, "output_tokens": 4 } }),
                json!({ "usage": { "total_tokens": 13 } }),
            ),
            Speech::Gemini => (
                json!({ "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": 4 } }),
                json!({ "usageMetadata": { "totalTokenCount": 13 } }),
            ),
        };
        for (status, expected) in [
            (400, "bad_request"),
            (401, "unauthorized"),
            (402, "quota"),
            (404, "not_found"),
            (413, "bad_request"),
            (422, "bad_request"),
            (429, "rate_limited"),
            (500, "server"),
            (502, "server"),
            (503, "server"),
            (529, "rate_limited"),
        ] {
            let all = [TokensSaid::Counts, TokensSaid::Sum, TokensSaid::Nothing];
            for (tokens, form) in
                REFUSAL_FORMS.iter().flat_map(|form| all.map(|tokens| (tokens, *form)))
            {
                let usage = match tokens {
                    TokensSaid::Counts => counts.as_object().cloned().unwrap(),
                    TokensSaid::Sum => sum.as_object().cloned().unwrap(),
                    TokensSaid::Nothing => Map::new(),
                };
                // What was said counts, and a sum is no count. Without either, a refusal costs nothing.
                let charged = match tokens {
                    TokensSaid::Counts => Some((9, 4)),
                    // A gateway may have passed the request on.
                    TokensSaid::Nothing if status != 502 => Some((0, 0)),
                    TokensSaid::Sum | TokensSaid::Nothing => None,
                };
                let mut document = json!({ "error": { "message": "in these words" },
                    "request": "SECRET QUESTION" });
                let place = if form == RefusalForm::UsageWithin {
                    document["error"].as_object_mut()
                } else {
                    document.as_object_mut()
                };
                place.unwrap().extend(usage);
                let body = form.write(&document);
                let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n");
                cases.push(Case {
                    name: format!(
                        "{provider} {status} {form:?} {}",
                        String::from_utf8_lossy(&body)
                    ),
                    provider,
                    streamed: tokens == TokensSaid::Counts,
                    act: Act::Bytes([head.into_bytes(), body].concat()),
                    check: Box::new(move |called| {
                        expect(kind(called) == expected, &format!("expected {expected}"))?;
                        let error = called.result.as_ref().err().ok_or("no error")?;
                        expect(!error.to_string().contains("SECRET"), "the request is shown")?;
                        expect(error.to_string().contains("in these words"), "the words are lost")?;
                        expect(error.status() == Some(status), "another status")?;
                        expect(
                            (error.retry() != Retry::Never) == may_help(expected),
                            "asked again, or not",
                        )?;
                        let found = called.usage.map(|usage| (usage.input(), usage.output()));
                        expect(found == charged, &format!("expected the tokens {charged:?}"))
                    }),
                });
            }
        }
    }
    check("refusals", cases).await;
}
