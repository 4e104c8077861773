//! A model behind a server: one request over HTTP, and what comes back, whichever protocol the server
//! speaks. Written over the HTTP client itself, because a reply must be judged by things that client
//! libraries hide: how a stream ended, how large a body is, what a refusal said.

use crate::base::secret::{self, Secret};
use crate::model::call_error::{CallError, TimeLimit};
use crate::model::provider::departure::Departure;
use crate::model::provider::document::{self, Documents, Trouble};
use crate::model::provider::error_body::ErrorBody;
use crate::model::provider::frames::Frames;
use crate::model::provider::http::{self, BODY_MAX, Clients, ServerAddress};
use crate::model::provider::limit_name::LimitFinder;
use crate::model::provider::openai::Addressee;
use crate::model::provider::partial::{DocumentForm, Partial, WireEnd};
use crate::model::provider::sse::EventKind;
use crate::model::provider::watched::{RefusedStream, StreamTrial, StreamUse};
use crate::model::provider::{anthropic, error_response, gemini, openai, plain_reply};
use crate::model::reply::{CallFault, Reply};
use crate::model::request::{Request, Settings};
use crate::model::spec::LimitField;
use crate::model::transport::TextWatch;
use crate::schema::lower::Dialect;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Longest whole call, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_mins(10);
/// Longest wait for the header of a stream, and longest silence within one.
const STREAM_TIMEOUT: Duration = Duration::from_mins(1);
/// Most characters of a body that an error shows.
const SHOWN: usize = 200;
/// What is escaped in a name that stands in an address.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What a server that refuses a call without a key wants.
const NO_KEY: &str = "; no key was sent: set one for the model, such as `key = \"env:NAME\"`";
/// OpenAI's own server, which takes a dialect of schemas that others of its protocol do not.
const OPENAI_HOST: &str = "api.openai.com";
/// What servers call the limit on tokens that do not know `max_tokens`.
const OTHER_LIMIT: &str = "max_completion_tokens";

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OpenAI's chat completions.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's contents.
    Gemini,
}

impl Protocol {
    fn write(self, server: &Server, request: &Request, limit: LimitField) -> Vec<u8> {
        match self {
            Protocol::OpenAi => {
                let to = Addressee {
                    model: &server.model,
                    reader: &server.reader(),
                    limit,
                    dialect: server.dialect(),
                };
                openai::write(to, request)
            }
            Protocol::Anthropic => anthropic::write(&server.model, &server.reader(), request),
            Protocol::Gemini => gemini::write(&server.reader(), request),
        }
    }

    fn take(
        self,
        partial: &mut Partial,
        document: &Value,
        form: DocumentForm,
    ) -> Result<(), CallError> {
        let taken = match self {
            Protocol::OpenAi => openai::take(partial, document, form),
            Protocol::Anthropic => anthropic::take(partial, document, form),
            Protocol::Gemini => gemini::take(partial, document, form),
        };
        partial.end_document();
        taken
    }

    fn count_refused(self, partial: &mut Partial, document: &Value) {
        match self {
            Protocol::OpenAi => openai::count_refused(partial, document),
            Protocol::Anthropic => anthropic::count_refused(partial, document),
            Protocol::Gemini => gemini::count_refused(partial, document),
        }
    }
}

/// A model behind a server.
#[derive(Debug, Clone)]
pub struct Server {
    /// The clients of the process.
    pub clients: Rc<Clients>,
    /// What the server speaks.
    pub protocol: Protocol,
    /// The server, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The address by which requests are known, in journals and cassettes.
    pub identity: String,
    /// The key, or what to do about a missing one.
    pub key: Result<Option<Secret>, CallError>,
    /// The provider's name for the model.
    pub model: String,
    /// The server's name for the limit on tokens, which all models of the same name there share.
    pub limit: Rc<LimitFinder>,
    /// What is known of its streams, which all models there share.
    pub streams: Rc<Cell<StreamUse>>,
    /// The stream that it has refused last.
    pub refused_stream: Rc<RefCell<Option<RefusedStream>>>,
    /// What follows from the address, found out once.
    pub site: Rc<ServerSite>,
}

/// What follows from the address of a server.
#[derive(Debug, Default)]
pub struct ServerSite {
    whole: OnceCell<ServerAddress>,
    streamed: OnceCell<ServerAddress>,
    dialect: OnceCell<Dialect>,
}

impl Server {
    /// Tells whether requests have somewhere to go.
    pub fn has_address(&self) -> bool {
        reqwest::Url::parse(&self.url(false)).is_ok()
    }

    /// Returns what it takes for a schema.
    pub fn dialect(&self) -> Dialect {
        *self.site.dialect.get_or_init(|| self.find_dialect())
    }

    fn find_dialect(&self) -> Dialect {
        match self.protocol {
            Protocol::Anthropic => Dialect::Anthropic,
            Protocol::Gemini => Dialect::Gemini,
            Protocol::OpenAi => {
                let url = reqwest::Url::parse(&self.base_url).ok();
                let is_own = url.is_some_and(|url| url.host_str() == Some(OPENAI_HOST));
                if is_own { Dialect::OpenAi } else { Dialect::Plain }
            }
        }
    }

    /// Returns the limit on the tokens of a reply that is sent where a request has none.
    pub fn reply_tokens_max(&self) -> Option<u64> {
        match self.protocol {
            Protocol::Anthropic => Some(anthropic::most_tokens(&self.model).into()),
            Protocol::OpenAi | Protocol::Gemini => None,
        }
    }

    /// Tells, once, that the server has another name for the limit on tokens than the usual one.
    pub fn take_learned(&self) -> bool {
        self.limit.take_learned()
    }

    /// Sends one request, and sets `begun` once it leaves.
    pub async fn send(
        &self,
        request: &Request,
        begun: &Cell<bool>,
        watch: &TextWatch,
    ) -> Result<Reply, CallFault> {
        let departure = Departure::default();
        let limit = millis(request.settings.timeout_ms).unwrap_or(TIMEOUT);
        let mut partial = Partial::watched(watch.clone());
        let is_open = request.settings.stream.is_none() && watch.is_watched();
        let trial = if is_open { StreamTrial::begin(&self.streams) } else { None };
        let asked = async {
            match &trial {
                Some(trial) => {
                    let before = trial.before();
                    self.exchange_watched(request, &mut partial, &departure, limit, before).await
                }
                None if is_open => self.exchange_whole(request, &mut partial, &departure).await,
                None => self.exchange(request, &mut partial, &departure).await,
            }
        };
        let timed = departure.limit(limit, asked);
        let ended = departure
            .noting(begun, timed)
            .await
            .unwrap_or(Err(CallError::Timeout { deadline: TimeLimit::Total, limit }));

        let ended = partial.finish(ended);
        if let Some(trial) = trial {
            trial.learn(&ended);
        }

        let mut reply = ended?;
        for part in &mut reply.said.opaque {
            part.model = self.reader();
        }
        Ok(reply)
    }

    /// Returns the name under which parts of replies are kept that only this model understands.
    fn reader(&self) -> String {
        format!("{} {}", self.model, self.identity)
    }

    /// Asks with the name that the server has for the limit on tokens, as far as that is known.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        partial: &mut Partial,
        departure: &Departure,
    ) -> Result<WireEnd, CallError> {
        let is_limited = request.settings.max_tokens.is_some();
        if !is_limited || self.protocol != Protocol::OpenAi {
            return self.ask(request, self.limit.field(), partial, departure).await.into_end();
        }

        let _trial = self.limit.trial(departure).await;
        let field = self.limit.field();
        let answer = self.ask(request, field, partial, departure).await;
        if let ServerAnswer::Refused { error, wants_other } = answer {
            return Err(self.limit.refused(field, self.hash(request), wants_other, error));
        }

        let ended = answer.into_end();
        if ended.is_ok() {
            self.limit.took(field);
        }
        ended
    }

    /// Returns what tells requests apart, whatever they are sent with.
    pub(super) fn hash(&self, request: &Request) -> blake3::Hash {
        blake3::hash(&self.protocol.write(self, request, LimitField::MaxTokens))
    }

    /// Asks once.
    async fn ask(
        &self,
        request: &Request,
        limit: LimitField,
        partial: &mut Partial,
        departure: &Departure,
    ) -> ServerAnswer {
        let response = match self.open(request, limit, departure).await {
            Ok(response) => response,
            Err(error) => return ServerAnswer::Ended(Err(error)),
        };
        if response.status().is_success() {
            return ServerAnswer::Ended(self.receive(response, &request.settings, partial).await);
        }

        let status = response.status().as_u16();
        let headers = response.headers().clone();
        // What has come of the words of a refusal is better than none.
        let bytes = read(response).await;
        let text = self.without_key(document::text(&bytes).into_owned());
        let body = ErrorBody::read(&text);
        for document in &body.documents {
            self.protocol.count_refused(partial, document);
        }

        let mut error = error_response::refused(status, &headers, &body);

        if let (CallError::Unauthorized { message, .. }, Ok(None)) = (&mut error, &self.key) {
            message.push_str(NO_KEY);
        }

        ServerAnswer::Refused { error, wants_other: text.contains(OTHER_LIMIT) }
    }

    /// Sends the request and waits for the header of the reply.
    async fn open(
        &self,
        request: &Request,
        limit: LimitField,
        departure: &Departure,
    ) -> Result<reqwest::Response, CallError> {
        let settings = &request.settings;
        let key = self.key.as_ref().map_err(Clone::clone)?.as_ref();
        let streamed = settings.stream.unwrap_or(false);
        let site = if streamed { &self.site.streamed } else { &self.site.whole };
        let to = site.get_or_init(|| ServerAddress::new(&self.url(streamed)));

        let mut post = to.post(&self.clients.client_to(to).await?);
        post = post.header("content-type", "application/json");
        post = match (self.protocol, key) {
            (Protocol::OpenAi, Some(key)) => post.bearer_auth(key.reveal()),
            (Protocol::Anthropic, Some(key)) => post.header("x-api-key", key.reveal()),
            (Protocol::Gemini, Some(key)) => post.header("x-goog-api-key", key.reveal()),
            (_, None) => post,
        };

        if self.protocol == Protocol::Anthropic {
            post = post.header("anthropic-version", anthropic::VERSION);
        }
        let body = self.protocol.write(self, request, limit);
        // Many servers read no body whose length is not said in advance.
        post = post.header("content-length", body.len());
        let whole = millis(settings.timeout_ms).unwrap_or(TIMEOUT);
        let sent = post.body(departure.body(body)).send();
        let sent = departure.connected(to.text(), whole, sent);

        let limit = millis(settings.header_timeout_ms).or(streamed.then_some(STREAM_TIMEOUT));
        let late = |limit| CallError::Timeout { deadline: TimeLimit::Header, limit };
        match limit {
            Some(limit) => departure.limit(limit, sent).await.ok_or_else(|| late(limit))?,
            None => sent.await,
        }
    }

    /// Takes the key out of what the server has said, before any of that is cut.
    fn without_key(&self, text: String) -> String {
        match &self.key {
            Ok(Some(key)) => key.take_out(text),
            _ => text,
        }
    }

    /// Returns the beginning of something that is not understood.
    fn excerpt(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).trim().to_owned();
        secret::beginning(&self.without_key(text), SHOWN)
    }

    /// Returns the address of what a model can do. Its name is data: it does not change what is asked.
    fn url_of_model(&self, base: &str, action: &str) -> String {
        let name = utf8_percent_encode(&self.model, IN_PATH);
        format!("{base}/models/{name}:{action}")
    }

    /// Returns the address that requests go to.
    fn url(&self, streamed: bool) -> String {
        let base = self.base_url.trim_end_matches('/');

        match self.protocol {
            Protocol::OpenAi => format!("{base}/chat/completions"),
            Protocol::Anthropic => format!("{base}/messages"),
            Protocol::Gemini if streamed => {
                self.url_of_model(base, "streamGenerateContent?alt=sse")
            }
            Protocol::Gemini => self.url_of_model(base, "generateContent"),
        }
    }

    /// Understands a reply as it comes, be it whole or a stream: servers send either, whatever was
    /// asked for.
    async fn receive(
        &self,
        mut response: reqwest::Response,
        settings: &Settings,
        partial: &mut Partial,
    ) -> Result<WireEnd, CallError> {
        let url = response.url().to_string();
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or("no content type").to_owned();
        let streamed = settings.stream.unwrap_or(false);
        let limit = millis(settings.idle_timeout_ms).unwrap_or(STREAM_TIMEOUT);

        let mut frames = Frames::default();
        let end = loop {
            // Only a stream has pauses to bound; the whole call has a limit of its own.
            let chunk = if streamed || frames.are_events() {
                tokio::time::timeout(limit, response.chunk())
                    .await
                    .map_err(|_| CallError::Timeout { deadline: TimeLimit::Idle, limit })?
            } else {
                response.chunk().await
            };

            let bytes = match chunk {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break WireEnd::Closed,
                Err(error) => break WireEnd::Broken(http::network(&url, &error)),
            };

            let mut taken = Ok(());
            // `push` takes no error back, so the first one waits here.
            frames.push(&bytes, |kind, data| {
                if taken.is_ok() {
                    taken = self.take_event(partial, kind, data);
                }
            });
            taken?;
            partial.show();

            // A server may keep the connection open after the last event, or just drop it.
            if partial.is_done {
                return Ok(WireEnd::Marked);
            }
            if partial.size() + frames.held() > BODY_MAX {
                return Err(CallError::TooLarge { limit_bytes: BODY_MAX });
            }
        };

        // Where a stream was asked for, one piece of Gemini's may be all that is left of one.
        let is_piece = streamed && self.protocol == Protocol::Gemini;
        let form = if is_piece { DocumentForm::Piece } else { DocumentForm::Body };
        self.close(partial, frames, end, (form, &kind))
    }

    /// Takes in what is left when nothing more comes. A body is of the form and the content type
    /// given.
    fn close(
        &self,
        partial: &mut Partial,
        frames: Frames,
        end: WireEnd,
        of: (DocumentForm, &str),
    ) -> Result<WireEnd, CallError> {
        match frames {
            Frames::Stream(mut events) => {
                // A last event that cannot be read is what a cut leaves.
                let mut taken = Ok(());
                events.end(|kind, data| {
                    if taken.is_ok() && (is_mark(data) || documents(kind, data).trouble.is_none()) {
                        taken = self.take_event(partial, kind, data);
                    }
                });

                taken?;
                Ok(if partial.is_done { WireEnd::Marked } else { end })
            }
            // The beginning of the first event is all that is left.
            Frames::Open(held) if held.iter().any(u8::is_ascii_graphic) => {
                Err(CallError::CutOff { text: String::new() })
            }
            Frames::Open(body) | Frames::Body(body) => self.take_body(partial, &body, end, of),
        }
    }

    /// Takes in the data of one event.
    fn take_event(
        &self,
        partial: &mut Partial,
        kind: EventKind,
        data: &[u8],
    ) -> Result<(), CallError> {
        let text = data.trim_ascii();
        if partial.is_done || text.is_empty() {
            return Ok(());
        }
        if is_mark(data) {
            partial.is_done = true;
            return Ok(());
        }

        let found = documents(kind, data);
        partial.has_halves |= found.has_halves;
        for document in &found.values {
            self.protocol.take(partial, document, DocumentForm::Piece)?;
        }

        let why = match found.trouble {
            None => return Ok(()),
            Some(Trouble::Cut) => "it ends too early".to_owned(),
            Some(Trouble::Wrong(why)) => why,
        };

        Err(CallError::BadReply {
            message: format!("a piece of the stream: {why}: {}", self.excerpt(text)),
        })
    }

    /// Takes in a body that is no stream of events: a reply, an error, or pieces line by line.
    fn take_body(
        &self,
        partial: &mut Partial,
        body: &[u8],
        end: WireEnd,
        (form, kind): (DocumentForm, &str),
    ) -> Result<WireEnd, CallError> {
        if self.protocol == Protocol::OpenAi && plain_reply::take(partial, body) {
            return Ok(end);
        }

        let found = Documents::read(body);
        partial.has_halves |= found.has_halves;
        // Several documents, or a broken one, are what a stream consists of.
        let is_one = found.values.len() == 1 && !found.is_list && found.trouble.is_none();
        let form = if is_one { form } else { DocumentForm::Piece };

        for document in &found.values {
            self.protocol.take(partial, document, form)?;
        }

        match (found.trouble, end) {
            (None, end) if !found.values.is_empty() => Ok(end),
            (None, WireEnd::Closed | WireEnd::Marked) => {
                Err(CallError::BadReply { message: format!("the reply is empty ({kind})") })
            }
            (_, WireEnd::Broken(error)) if body.is_empty() => Err(error),
            (Some(Trouble::Cut), _) | (_, WireEnd::Broken(_)) => {
                Err(CallError::CutOff { text: String::new() })
            }
            (Some(Trouble::Wrong(why)), _) => Err(CallError::BadReply {
                message: format!("{why} ({kind}): {}", self.excerpt(body)),
            }),
        }
    }
}

/// What came of asking once.
enum ServerAnswer {
    /// A reply, or none, for a reason that is no refusal.
    Ended(Result<WireEnd, CallError>),
    /// A status that is not a success.
    Refused {
        error: CallError,
        /// Whether it names the other name of the limit.
        wants_other: bool,
    },
}

impl ServerAnswer {
    fn into_end(self) -> Result<WireEnd, CallError> {
        match self {
            ServerAnswer::Ended(ended) => ended,
            ServerAnswer::Refused { error, .. } => Err(error),
        }
    }
}

/// Tells whether an event says that nothing follows.
fn is_mark(data: &[u8]) -> bool {
    data.trim_ascii().eq_ignore_ascii_case(b"[DONE]")
}

/// Reads the documents of an event.
fn documents(kind: EventKind, data: &[u8]) -> Documents {
    match kind {
        EventKind::Data => Documents::read(data),
        EventKind::Error => error_response::of_event(data),
    }
}

fn millis(ms: Option<u64>) -> Option<Duration> {
    ms.map(Duration::from_millis)
}

/// Reads the body of an error response, as far as it comes and up to the largest that is accepted.
async fn read(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();

    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > BODY_MAX {
            break;
        }

        body.extend_from_slice(&chunk);
    }

    body
}
