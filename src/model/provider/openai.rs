//! Servers that speak OpenAI's chat completions. Written over the HTTP client itself, because a
//! reply must be judged by things that client libraries hide: how a stream ended, how large a body
//! is, what a refusal said.

use crate::base::secret::Secret;
use crate::model::error::{CallError, Deadline};
use crate::model::message::Message;
use crate::model::provider::http::{self, BODY_MAX, Clients};
use crate::model::provider::sse::Events;
use crate::model::reply::{Finish, Reply, Usage};
use crate::model::request::{Request, Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

/// Longest whole call, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_mins(10);
/// Longest wait for the header of a stream, and longest silence within one.
const STREAM_TIMEOUT: Duration = Duration::from_mins(1);
/// Most characters of a body that an error shows.
const SHOWN: usize = 200;

/// A model behind such a server.
#[derive(Debug, Clone)]
pub struct OpenAi {
    /// The clients of the process.
    pub clients: Rc<Clients>,
    /// The server, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Where requests go.
    pub url: reqwest::Url,
    /// The key, or what to do about a missing one.
    pub key: Result<Option<Secret>, CallError>,
    /// The provider's name for the model.
    pub model: String,
}

/// A request as it goes over the wire.
#[derive(Serialize)]
struct Wire<'a> {
    model: &'a str,
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct ResponseFormat<'a> {
    r#type: &'static str,
    json_schema: NamedSchema<'a>,
}

#[derive(Serialize)]
struct NamedSchema<'a> {
    name: &'static str,
    schema: &'a Value,
}

/// A whole reply, or one piece of a stream.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    usage: Option<WireUsage>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<Said<'a>>,
    #[serde(borrow)]
    delta: Option<Said<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    /// OpenAI counts cached tokens among those read, and thinking among those written.
    fn from(wire: WireUsage) -> Usage {
        let (input, output) =
            (wire.prompt_tokens.unwrap_or(0), wire.completion_tokens.unwrap_or(0));
        let cached = wire.prompt_tokens_details.and_then(|d| d.cached_tokens).unwrap_or(0);
        let reasoning =
            wire.completion_tokens_details.and_then(|d| d.reasoning_tokens).unwrap_or(0);
        Usage {
            input_uncached: input.saturating_sub(cached),
            cache_read: cached.min(input),
            cache_write: 0,
            output_visible: output.saturating_sub(reasoning),
            reasoning: reasoning.min(output),
        }
    }
}

impl OpenAi {
    /// Creates a model behind the server at `base_url`; `None` if that is no address.
    pub fn new(
        clients: Rc<Clients>,
        base_url: String,
        key: Result<Option<Secret>, CallError>,
        model: String,
    ) -> Option<OpenAi> {
        let url = reqwest::Url::parse(&format!("{base_url}/chat/completions")).ok()?;
        Some(OpenAi { clients, base_url, url, key, model })
    }

    /// Sends one request.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallError> {
        let limit = millis(request.settings.timeout_ms).unwrap_or(TIMEOUT);
        // `timeout` looks at the call before it looks at the clock, so that a reply that has come
        // in time is never thrown away because this process was slow.
        tokio::time::timeout(limit, self.exchange(request))
            .await
            .unwrap_or(Err(CallError::Timeout { deadline: Deadline::Total, limit }))
    }

    async fn exchange(&self, request: &Request) -> Result<Reply, CallError> {
        let settings = &request.settings;
        let key = self.key.as_ref().map_err(Clone::clone)?;
        let url = self.url.as_str();
        let streamed = settings.stream.unwrap_or(false);
        let body = serde_json::to_vec(&self.wire(request)).expect("a request is plain data");
        let mut post = self.clients.client(url)?.post(self.url.clone()).body(body);
        post = post.header("content-type", "application/json");
        if let Some(key) = key {
            post = post.bearer_auth(key.reveal());
        }
        let header_limit =
            millis(settings.header_timeout_ms).or(streamed.then_some(STREAM_TIMEOUT));
        let sent = post.send();
        let response = match header_limit {
            Some(limit) => tokio::time::timeout(limit, sent)
                .await
                .map_err(|_| CallError::Timeout { deadline: Deadline::Header, limit })?,
            None => sent.await,
        };
        let response = response.map_err(|error| http::network(url, &error))?;
        if !response.status().is_success() {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = read(response, url).await.unwrap_or_default();
            return Err(http::refused(status, &headers, &String::from_utf8_lossy(&body)));
        }
        let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok());
        let kind = kind.unwrap_or("").to_owned();
        if streamed && kind.starts_with("text/event-stream") {
            return stream(response, url, settings).await;
        }
        parse(&read(response, url).await?, &kind)
    }

    fn wire<'a>(&'a self, request: &'a Request) -> Wire<'a> {
        let settings = &request.settings;
        // Only OpenAI itself has the new name of the limit; everybody else knows the old one.
        let is_own = self.base_url.starts_with("https://api.openai.com");
        let streamed = settings.stream.unwrap_or(false);
        Wire {
            model: &self.model,
            messages: &request.messages,
            temperature: settings.temperature,
            top_p: settings.top_p,
            max_tokens: settings.max_tokens.filter(|_| !is_own),
            max_completion_tokens: settings.max_tokens.filter(|_| is_own),
            stop: &settings.stop,
            seed: settings.seed,
            stream: streamed.then_some(true),
            stream_options: streamed.then_some(StreamOptions { include_usage: true }),
            response_format: request.schema.as_ref().map(|schema| ResponseFormat {
                r#type: "json_schema",
                json_schema: NamedSchema { name: "reply", schema },
            }),
            extra: &settings.extra,
        }
    }
}

fn millis(ms: Option<u64>) -> Option<Duration> {
    ms.map(Duration::from_millis)
}

/// Reads a body up to the largest that is accepted.
async fn read(mut response: reqwest::Response, url: &str) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_MAX => {
                return Err(CallError::TooLarge { limit_bytes: BODY_MAX });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(_) if !body.is_empty() => return Err(CallError::CutOff { text: String::new() }),
            Err(error) => return Err(http::network(url, &error)),
        }
    }
}

/// Understands a whole reply.
fn parse(bytes: &[u8], kind: &str) -> Result<Reply, CallError> {
    let body: Body<'_> = serde_json::from_slice(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        let shown: String = text.chars().take(SHOWN).collect();
        let kind = if kind.is_empty() { "no content type" } else { kind };
        CallError::BadReply { message: format!("{error} ({kind}): {shown}") }
    })?;
    let mut reply = Partial::default();
    reply.add(body)?;
    if reply.choices == 0 {
        let message = "the reply has no choice".to_owned();
        return Err(CallError::BadReply { message });
    }
    Ok(reply.finish())
}

/// Understands a stream as it comes.
async fn stream(
    mut response: reqwest::Response,
    url: &str,
    settings: &Settings,
) -> Result<Reply, CallError> {
    let limit = millis(settings.idle_timeout_ms).unwrap_or(STREAM_TIMEOUT);
    let (mut events, mut reply) = (Events::default(), Partial::default());
    let (mut failed, mut is_done) = (None, false);
    while !is_done {
        let chunk = tokio::time::timeout(limit, response.chunk())
            .await
            .map_err(|_| CallError::Timeout { deadline: Deadline::Idle, limit })?;
        let bytes = match chunk {
            Ok(Some(bytes)) => bytes,
            Ok(None) => break,
            Err(_) if !reply.text.is_empty() => return Err(CallError::CutOff { text: reply.text }),
            Err(error) => return Err(http::network(url, &error)),
        };
        events.push(&bytes, |data| {
            // A server may keep the connection open after the last event, or just drop it.
            is_done |= data == "[DONE]";
            if !is_done && failed.is_none() {
                failed = reply.add_piece(data).err();
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if reply.text.len() + events.held() > BODY_MAX {
            return Err(CallError::TooLarge { limit_bytes: BODY_MAX });
        }
    }
    Ok(reply.finish())
}

/// A reply as far as it has come.
#[derive(Default)]
struct Partial {
    text: String,
    refusal: String,
    finish: Option<String>,
    usage: Option<Usage>,
    served_by: Option<String>,
    choices: usize,
}

impl Partial {
    fn add_piece(&mut self, data: &str) -> Result<(), CallError> {
        let body: Body<'_> = serde_json::from_str(data).map_err(|error| {
            let shown: String = data.chars().take(SHOWN).collect();
            CallError::BadReply { message: format!("a piece of the stream: {error}: {shown}") }
        })?;
        self.add(body)
    }

    fn add(&mut self, body: Body<'_>) -> Result<(), CallError> {
        if let Some(error) = body.error.filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str).map(str::to_owned);
            let message = message.unwrap_or_else(|| error.to_string());
            return Err(CallError::Server { status: 200, retry_after: None, message });
        }
        if let Some(usage) = body.usage {
            self.usage = Some(usage.into());
        }
        if let Some(model) = body.model {
            self.served_by.get_or_insert_with(|| model.into_owned());
        }
        self.choices += body.choices.len();
        let Some(choice) = body.choices.into_iter().next() else { return Ok(()) };
        if let Some(said) = choice.delta.or(choice.message) {
            self.text.push_str(said.content.as_deref().unwrap_or(""));
            self.refusal.push_str(said.refusal.as_deref().unwrap_or(""));
        }
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(reason.into_owned());
        }
        Ok(())
    }

    fn finish(self) -> Reply {
        let finish = match self.finish.as_deref() {
            _ if !self.refusal.is_empty() => Some(Finish::Refused(self.refusal)),
            None => None,
            Some("length") => Some(Finish::Length),
            Some("content_filter") => Some(Finish::Refused("content filter".to_owned())),
            Some(_) => Some(Finish::Stop),
        };
        Reply { text: self.text, finish, usage: self.usage, served_by: self.served_by }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_falls_into_buckets_that_do_not_overlap() {
        let body = br#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],
            "model":"m-1","usage":{"prompt_tokens":100,"completion_tokens":50,
            "prompt_tokens_details":{"cached_tokens":60},
            "completion_tokens_details":{"reasoning_tokens":30}}}"#;
        let reply = parse(body, "application/json").expect("a reply");
        let usage = reply.usage.expect("usage");
        assert_eq!((usage.input_uncached, usage.cache_read), (40, 60));
        assert_eq!((usage.output_visible, usage.reasoning), (20, 30));
        assert_eq!((usage.input(), usage.output()), (100, 50));
        assert_eq!(reply.served_by.as_deref(), Some("m-1"));
    }

    #[test]
    fn what_is_not_json_is_shown() {
        let error = parse(b"<html>proxy error", "text/html").expect_err("no JSON").to_string();
        assert!(error.contains("text/html") && error.contains("<html>proxy error"), "{error}");
    }

    #[test]
    fn a_refusal_is_no_answer() {
        let body =
            br#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#;
        let reply = parse(body, "").expect("a reply");
        assert_eq!(reply.finish, Some(Finish::Refused("no".to_owned())));
    }
}
