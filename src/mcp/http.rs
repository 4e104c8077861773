//! The transport to a server elsewhere: kaizen's own requests under rmcp's sessions and streams.

use crate::base::secret::beginning;
use crate::mcp::definition::readable;
use crate::mcp::fault::{MESSAGE_MAX, ServerFault};
use crate::mcp::tap::{End, Tap};
use crate::model::call_error::CallError;
use crate::model::provider::exchange::{Exchanger, HttpAnswer, Verb};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, ServerJsonRpcMessage};
use rmcp::transport::common::client_side_sse::SseRetryPolicy;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Most bytes of a refusal that are told.
const REFUSAL_MAX: usize = 512;

type Custom = HashMap<HeaderName, HeaderValue>;
type HttpFault = StreamableHttpError<CallError>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// How often, and how soon, a stream is asked for again that has broken off.
const AGAIN_MS: [u64; 3] = [1000, 100, 300];

/// How long a stream that has broken off is waited for.
#[derive(Debug)]
pub(super) struct StreamPatience;

impl SseRetryPolicy for StreamPatience {
    fn retry(&self, times: usize) -> Option<Duration> {
        AGAIN_MS.get(times).copied().map(Duration::from_millis)
    }
}

/// What makes the requests of a session.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    exchanger: Exchanger,
    tap: Tap,
}

impl Requests {
    /// Creates what makes the requests, and tells how the connection ends.
    pub(super) fn new(exchanger: Exchanger, tap: Tap) -> Requests {
        Requests { exchanger, tap }
    }

    async fn send(
        &self,
        verb: Verb,
        session: Option<&str>,
        key: Option<String>,
        custom: Custom,
        more: &[(&str, &str)],
    ) -> Result<HttpAnswer, HttpFault> {
        let accept = "application/json, text/event-stream".to_owned();
        let mut headers = vec![("accept".to_owned(), accept)];
        headers.extend(session.map(|id| ("mcp-session-id".to_owned(), id.to_owned())));
        headers.extend(key.map(|key| ("authorization".to_owned(), format!("Bearer {key}"))));
        headers.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        for (name, value) in &custom {
            if let Ok(value) = value.to_str() {
                headers.push((name.as_str().to_owned(), value.to_owned()));
            }
        }

        let answered =
            self.exchanger.send(verb, headers).await.map_err(StreamableHttpError::Client)?;
        if (300..400).contains(&answered.status) {
            let status = answered.status;
            return Err(unexpected(format!(
                "it answered with HTTP {status}, and redirects are not followed"
            )));
        }
        Ok(answered)
    }
}

impl StreamableHttpClient for Requests {
    type Error = CallError;

    async fn post_message(
        &self,
        _uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        key: Option<String>,
        custom: Custom,
    ) -> Result<StreamableHttpPostResponse, HttpFault> {
        let body = serde_json::to_vec(&message)?;
        let answered = self.send(Verb::Post(body), session.as_deref(), key, custom, &[]).await?;

        let awaits_answer = matches!(message, ClientJsonRpcMessage::Request(_));
        match answered.status {
            202 | 204 => return Ok(StreamableHttpPostResponse::Accepted),
            404 if session.is_some() => return Err(StreamableHttpError::SessionExpired),
            400 if session.is_some() => return unknown_session(answered, &message).await,
            200..300 => {}
            _ => return refusal(answered, &message, session.is_some()).await,
        }

        let id = answered.header("mcp-session-id").map(str::to_owned);
        match kind(&answered) {
            BodyKind::Events => {
                Ok(StreamableHttpPostResponse::Sse(events(answered, self.tap.clone()), id))
            }
            BodyKind::Json if awaits_answer => {
                let body = whole(answered).await?;
                let body = readable(&body).unwrap_or(body);
                let said = serde_json::from_slice(&body).map_err(|error| {
                    unexpected(format!("it sent a message that cannot be read: {error}"))
                })?;
                Ok(StreamableHttpPostResponse::Json(addressed(said, &message), id))
            }
            BodyKind::Other(found) if awaits_answer => {
                Err(StreamableHttpError::UnexpectedContentType(found))
            }
            BodyKind::Json | BodyKind::Other(_) => Ok(StreamableHttpPostResponse::Accepted),
        }
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        session: Arc<str>,
        key: Option<String>,
        custom: Custom,
    ) -> Result<(), HttpFault> {
        // A server need not be able to end a session.
        self.send(Verb::Delete, Some(&session), key, custom, &[]).await.map(|_| ())
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        key: Option<String>,
        custom: Custom,
    ) -> Result<Events, HttpFault> {
        let last: Vec<(&str, &str)> =
            last_event.as_deref().map(|id| ("last-event-id", id)).into_iter().collect();
        // This error is the one after which a stream is not asked for again.
        let last_time = || StreamableHttpError::ServerDoesNotSupportSse;
        if self.tap.ended().is_some() {
            return Err(last_time());
        }
        let answered = self.send(Verb::Get, session.as_deref(), key, custom, &last).await;
        let answered = match answered {
            Err(StreamableHttpError::Client(error @ CallError::Unreachable { .. })) => {
                self.tap.end(End::Gone(how(&error)));
                return Err(last_time());
            }
            answered => answered?,
        };

        match (answered.status, kind(&answered)) {
            (405, _) => Err(StreamableHttpError::ServerDoesNotSupportSse),
            (200..300, BodyKind::Events) => Ok(events(answered, self.tap.clone())),
            (200..300, BodyKind::Json) => Err(StreamableHttpError::UnexpectedContentType(None)),
            (200..300, BodyKind::Other(found)) => {
                Err(StreamableHttpError::UnexpectedContentType(found))
            }
            (status, _) => Err(unexpected(format!("it answered with HTTP {status}"))),
        }
    }
}

/// What a body is.
enum BodyKind {
    Json,
    Events,
    Other(Option<String>),
}

fn kind(answered: &HttpAnswer) -> BodyKind {
    let found = answered.header("content-type").map(str::to_ascii_lowercase);
    let bare = found.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
    match bare {
        Some("application/json") => BodyKind::Json,
        Some("text/event-stream") => BodyKind::Events,
        _ => BodyKind::Other(found),
    }
}

fn unexpected(what: String) -> HttpFault {
    StreamableHttpError::UnexpectedServerResponse(what.into())
}

async fn whole(answered: HttpAnswer) -> Result<Vec<u8>, HttpFault> {
    let mut body = Vec::new();
    let mut chunks = answered.body;
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(chunk.map_err(StreamableHttpError::Client)?.get_ref());
        if body.len() > MESSAGE_MAX {
            return Err(StreamableHttpError::ResponseBodyTooLarge { max_size: MESSAGE_MAX });
        }
    }
    Ok(body)
}

/// Splits a body into events. One that is too large, or is meant as a message and cannot be read, ends
/// the connection, since it may be the answer that somebody waits for.
fn events(answered: HttpAnswer, tap: Tap) -> Events {
    let flood = tap.clone();
    let mut since_end = 0;
    let mut before = [0; 2];
    let bounded = answered.body.map(move |chunk| {
        let chunk = chunk.map_err(|error| std::io::Error::other(error.to_string()))?;
        for byte in chunk.get_ref() {
            // An empty line ends an event, however lines end.
            let is_end = *byte == b'\n' && (before[1] == b'\n' || before == *b"\n\r");
            since_end = if is_end { 0 } else { since_end + 1 };
            before = [before[1], *byte];
            if since_end > MESSAGE_MAX {
                let what = format!("an event of more than {MESSAGE_MAX} bytes");
                flood.end(End::Flood(what.clone()));
                return Err(std::io::Error::other(what));
            }
        }
        Ok(chunk)
    });

    let mut is_over = false;
    let read = SseStream::from_bytes_stream(bounded).map(|event| event.map(with_readable_tools));
    let read = read.take_while(move |event| {
        if let Ok(event) = event
            && let Some(fault) = fault_in(event)
        {
            tap.end(End::Broken(format!("it sent a message that cannot be read: {fault}")));
            is_over = true;
        }
        std::future::ready(!is_over)
    });
    read.boxed()
}

/// Returns an event in which every tool of a list can be read.
fn with_readable_tools(mut event: Sse) -> Sse {
    let changed = event.data.as_deref().and_then(|data| readable(data.as_bytes()));
    if let Some(text) = changed.and_then(|bytes| String::from_utf8(bytes).ok()) {
        event.data = Some(text);
    }
    event
}

/// Says why an event that is meant as a message is none.
fn fault_in(event: &Sse) -> Option<serde_json::Error> {
    let data = event.data.as_deref().filter(|data| data.contains("\"jsonrpc\""))?;
    let is_message = matches!(event.event.as_deref(), None | Some("" | "message"));
    if !is_message {
        return None;
    }
    serde_json::from_str::<ServerJsonRpcMessage>(data).err()
}

/// Gives an error that names no request the one that it answers.
fn addressed(said: ServerJsonRpcMessage, asked: &ClientJsonRpcMessage) -> ServerJsonRpcMessage {
    match (said, asked) {
        (ServerJsonRpcMessage::Error(error), ClientJsonRpcMessage::Request(request))
            if error.id.is_none() =>
        {
            ServerJsonRpcMessage::error(error.error, Some(request.id.clone()))
        }
        (said, _) => said,
    }
}

/// Reads a refusal that may be one of the session: servers that were started again name no request in it.
async fn unknown_session(
    answered: HttpAnswer,
    message: &ClientJsonRpcMessage,
) -> Result<StreamableHttpPostResponse, HttpFault> {
    let body = whole(answered).await?;
    match serde_json::from_slice(&body) {
        Ok(ServerJsonRpcMessage::Error(error)) if error.id.is_none() => {
            Err(StreamableHttpError::SessionExpired)
        }
        said => fault_of_answer(400, &body, said.ok(), message),
    }
}

/// Says how a server could not be asked.
fn how(error: &CallError) -> String {
    match error {
        CallError::Unreachable { message, .. } => format!("cannot be reached: {message}"),
        CallError::Network { message, .. } => format!("broke the connection: {message}"),
        other => format!("cannot be reached: {other}"),
    }
}

/// Says what comes of an error of this transport, or of what has it as a cause.
pub(super) fn fault_of(server: &str, error: &(dyn Error + 'static)) -> Option<ServerFault> {
    let server = server.to_owned();
    let mut next = Some(error);
    let found = loop {
        match next?.downcast_ref::<HttpFault>() {
            Some(found) => break found,
            None => next = next?.source(),
        }
    };

    Some(match found {
        StreamableHttpError::Client(error) => {
            ServerFault::Gone { server, how: how(error), stderr: String::new() }
        }
        StreamableHttpError::SessionExpired => ServerFault::Forgotten { server },
        StreamableHttpError::ResponseBodyTooLarge { max_size } => {
            ServerFault::Flood { server, what: format!("an answer of more than {max_size} bytes") }
        }
        StreamableHttpError::UnexpectedServerResponse(reason) => {
            ServerFault::Protocol { server, reason: reason.to_string() }
        }
        StreamableHttpError::UnexpectedContentType(kind) => {
            let found = kind.as_deref().unwrap_or("no content type");
            let reason = format!("it answered with {found}, where JSON or events are expected");
            ServerFault::Protocol { server, reason }
        }
        StreamableHttpError::Deserialize(error) => {
            let reason = format!("it sent a message that cannot be read: {error}");
            ServerFault::Protocol { server, reason }
        }
        _ => return None,
    })
}

/// Reads what a server says that refuses a request.
async fn refusal(
    answered: HttpAnswer,
    message: &ClientJsonRpcMessage,
    has_session: bool,
) -> Result<StreamableHttpPostResponse, HttpFault> {
    let status = answered.status;
    let body = whole(answered).await?;
    let said = serde_json::from_slice::<ServerJsonRpcMessage>(&body).ok();
    let shown = beginning(&String::from_utf8_lossy(&body), REFUSAL_MAX);
    let is_of_key = matches!(status, 401 | 403);

    // A server of the older era knows no `server/discover`, and may say so by a status alone.
    if let ClientJsonRpcMessage::Request(request) = message
        && matches!(request.request, ClientRequest::DiscoverRequest(_))
        && (400..500).contains(&status)
        && !has_session
        && !is_of_key
    {
        let error = match said {
            Some(ServerJsonRpcMessage::Error(error)) => error.error,
            _ => ErrorData::invalid_request(format!("HTTP {status}: {shown}"), None),
        };
        let answer = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
        return Ok(StreamableHttpPostResponse::Json(answer, None));
    }

    fault_of_answer(status, &body, said, message)
}

/// Returns what a server says of a refusal: an error of the protocol, or else its text.
fn fault_of_answer(
    status: u16,
    body: &[u8],
    said: Option<ServerJsonRpcMessage>,
    message: &ClientJsonRpcMessage,
) -> Result<StreamableHttpPostResponse, HttpFault> {
    match said {
        Some(error @ ServerJsonRpcMessage::Error(_)) if !matches!(status, 401 | 403) => {
            Ok(StreamableHttpPostResponse::Json(addressed(error, message), None))
        }
        _ => {
            let shown = beginning(&String::from_utf8_lossy(body), REFUSAL_MAX);
            Err(unexpected(match shown.trim() {
                "" => format!("it answered with HTTP {status}"),
                shown => format!("it answered with HTTP {status}: {shown}"),
            }))
        }
    }
}
