//! The transport to a server elsewhere: kaizen's own requests under rmcp's sessions and streams.

use crate::mcp::fault::MESSAGE_MAX;
use crate::model::error::CallError;
use crate::model::provider::exchange::{Exchanger, HttpAnswer, Verb};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};
use std::collections::HashMap;
use std::sync::Arc;

/// Most bytes of a refusal that are told.
const REFUSAL_MAX: usize = 512;

type Custom = HashMap<HeaderName, HeaderValue>;
type Fault = StreamableHttpError<CallError>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// What makes the requests of a session.
#[derive(Debug, Clone)]
pub(super) struct Requests(pub(super) Exchanger);

impl Requests {
    async fn send(
        &self,
        verb: Verb,
        session: Option<&str>,
        key: Option<String>,
        custom: Custom,
        more: &[(&str, &str)],
    ) -> Result<HttpAnswer, Fault> {
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

        let answered = self.0.send(verb, headers).await.map_err(StreamableHttpError::Client)?;
        if (300..400).contains(&answered.status) {
            let status = answered.status;
            return Err(unexpected(format!("HTTP {status}: redirects are not followed")));
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
    ) -> Result<StreamableHttpPostResponse, Fault> {
        let body = serde_json::to_vec(&message)?;
        let answered = self.send(Verb::Post(body), session.as_deref(), key, custom, &[]).await?;

        let awaits_answer = matches!(message, ClientJsonRpcMessage::Request(_));
        match answered.status {
            202 | 204 => return Ok(StreamableHttpPostResponse::Accepted),
            404 if session.is_some() => return Err(StreamableHttpError::SessionExpired),
            200..300 => {}
            _ => return refusal(answered, &message, session.is_some()).await,
        }

        let id = answered.header("mcp-session-id").map(str::to_owned);
        match kind(&answered) {
            Kind::Events => Ok(StreamableHttpPostResponse::Sse(events(answered), id)),
            Kind::Json if awaits_answer => {
                let body = whole(answered).await?;
                let message = serde_json::from_slice(&body).map_err(|error| {
                    unexpected(format!("it sent a message that cannot be read: {error}"))
                })?;
                Ok(StreamableHttpPostResponse::Json(message, id))
            }
            Kind::Other(found) if awaits_answer => {
                Err(StreamableHttpError::UnexpectedContentType(found))
            }
            Kind::Json | Kind::Other(_) => Ok(StreamableHttpPostResponse::Accepted),
        }
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        session: Arc<str>,
        key: Option<String>,
        custom: Custom,
    ) -> Result<(), Fault> {
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
    ) -> Result<Events, Fault> {
        let last: Vec<(&str, &str)> =
            last_event.as_deref().map(|id| ("last-event-id", id)).into_iter().collect();
        let answered = self.send(Verb::Get, session.as_deref(), key, custom, &last).await?;

        match (answered.status, kind(&answered)) {
            (405, _) => Err(StreamableHttpError::ServerDoesNotSupportSse),
            (200..300, Kind::Events) => Ok(events(answered)),
            (200..300, Kind::Json) => Err(StreamableHttpError::UnexpectedContentType(None)),
            (200..300, Kind::Other(found)) => {
                Err(StreamableHttpError::UnexpectedContentType(found))
            }
            (status, _) => Err(unexpected(format!("HTTP {status}"))),
        }
    }
}

/// What a body is.
enum Kind {
    Json,
    Events,
    Other(Option<String>),
}

fn kind(answered: &HttpAnswer) -> Kind {
    let found = answered.header("content-type").map(str::to_ascii_lowercase);
    let bare = found.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
    match bare {
        Some("application/json") => Kind::Json,
        Some("text/event-stream") => Kind::Events,
        _ => Kind::Other(found),
    }
}

fn unexpected(what: String) -> Fault {
    StreamableHttpError::UnexpectedServerResponse(what.into())
}

async fn whole(answered: HttpAnswer) -> Result<Vec<u8>, Fault> {
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

/// Splits a body into events. One that is too large ends the stream.
fn events(answered: HttpAnswer) -> Events {
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
                return Err(std::io::Error::other(format!(
                    "an event of more than {MESSAGE_MAX} bytes"
                )));
            }
        }
        Ok(chunk)
    });
    SseStream::from_bytes_stream(bounded).boxed()
}

/// Reads what a server says that refuses a request.
async fn refusal(
    answered: HttpAnswer,
    message: &ClientJsonRpcMessage,
    has_session: bool,
) -> Result<StreamableHttpPostResponse, Fault> {
    let status = answered.status;
    let body = whole(answered).await?;
    let said = serde_json::from_slice::<ServerJsonRpcMessage>(&body).ok();
    let is_of_key = matches!(status, 401 | 403);
    let shown: String = String::from_utf8_lossy(&body).chars().take(REFUSAL_MAX).collect();

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

    match said {
        Some(error @ ServerJsonRpcMessage::Error(_)) if !is_of_key => {
            Ok(StreamableHttpPostResponse::Json(error, None))
        }
        _ => Err(unexpected(format!("HTTP {status}: {}", shown.trim()))),
    }
}
