//! One connection to a server, from its start to its end: the handshake of either era, the list of tools,
//! calls. Every wait has a limit of its own, for a server may keep silent at any time.

use crate::base::clock;
use crate::base::process::Group;
use crate::base::secret;
use crate::base::visible::without_invisible;
use crate::mcp::answer::ToolAnswer;
use crate::mcp::fault::{MESSAGE_MAX, ServerFault};
use crate::mcp::http::{self, Requests, StreamPatience};
use crate::mcp::launch::{Launch, ServerProgram};
use crate::mcp::pipes::Pipes;
use crate::mcp::spec::{ServerSpec, VERSIONS};
use crate::mcp::tap::{End, Tap};
use crate::mcp::tool::{Listing, TOOLS_MAX};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, ErrorData,
    Implementation, PaginatedRequestParams, ProtocolVersion, RequestMetaObject,
};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient, ServiceError};
use serde_json::{Map, Value};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Most pages of a list of tools.
const PAGES_MAX: usize = 100;
/// Under this name the key of a call is sent, by which a server can tell a repetition.
const KEY: &str = "kaizen/key";
/// Most characters of what a server says in an error.
const SAID_MAX: usize = 500;
/// How long a server may take to end by itself.
const CLOSE: Duration = Duration::from_millis(500);

/// What servers may ask of kaizen: nothing.
#[derive(Debug, Clone)]
struct Client {
    /// The version that is asked for in a handshake of the older era.
    version: ProtocolVersion,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("kaizen", env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), own);
        config.with_protocol_version(self.version.clone())
    }
}

/// A server that is connected. Its program ends when this is dropped.
pub(super) struct Connection {
    server: String,
    service: RunningService<RoleClient, Client>,
    tap: Tap,
    group: Option<Group>,
}

impl Connection {
    /// Starts a server and greets it. `known` is the version of the protocol that it spoke last.
    pub(super) async fn open(
        spec: &ServerSpec,
        launch: &Launch,
        known: Option<&str>,
        tap: &Tap,
    ) -> Result<Connection, ServerFault> {
        let ends_at = clock::monotonic() + spec.start_timeout;
        let said = spec.protocol.as_deref();
        let is_old = |version: &str| version_of(version).is_some_and(|v| v.has_initialize());

        let first = match said.or(known.filter(|known| is_old(known))) {
            Some(version) => greeting(version),
            None => unknown_era(),
        };
        let fault = match Connection::try_open(spec, launch, first, tap, ends_at).await {
            Ok(connection) => return Ok(connection),
            Err(fault) => fault,
        };

        // Some servers end, or say nonsense, when they are greeted in a way that they do not know.
        let other = match (said, known) {
            (Some(_), _) => return Err(fault),
            (None, Some(known)) if is_old(known) => unknown_era(),
            (None, _) => ClientLifecycleMode::Initialize,
        };
        let may_help = matches!(
            fault,
            ServerFault::Gone { .. } | ServerFault::Protocol { .. } | ServerFault::Answered { .. }
        );
        if !may_help {
            return Err(fault);
        }
        let tap = &Tap::default();
        Connection::try_open(spec, launch, other, tap, ends_at).await.map_err(|_| fault)
    }

    async fn try_open(
        spec: &ServerSpec,
        launch: &Launch,
        greeting: ClientLifecycleMode,
        tap: &Tap,
        ends_at: Duration,
    ) -> Result<Connection, ServerFault> {
        let server = spec.name.clone();
        let said = spec.protocol.as_deref().and_then(version_of);
        let older = said.filter(ProtocolVersion::has_initialize);
        let version = older.unwrap_or(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let client = Client { version };

        let (started, group) = match launch {
            Launch::Program(program) => {
                let (pipes, group) = Pipes::open(program, tap.clone())
                    .map_err(|error| not_run(&server, program, &error))?;
                let started = client.serve_with_lifecycle(pipes, greeting);
                (futures::future::Either::Left(started), group)
            }
            Launch::Address { exchanger, key } => {
                let mut config = StreamableHttpClientTransportConfig::with_uri(exchanger.url())
                    .max_sse_event_size(MESSAGE_MAX)
                    .max_json_response_size(MESSAGE_MAX)
                    // A session that is gone is begun again where its tools are compared, too.
                    .reinit_on_expired_session(false);
                config.retry_config = Arc::new(StreamPatience);
                if let Some(key) = key {
                    config = config.auth_header(key.reveal());
                }
                let requests = Requests::new(exchanger.clone(), tap.clone());
                let transport = StreamableHttpClientTransport::with_client(requests, config);
                let started = client.serve_with_lifecycle(transport, greeting);
                (futures::future::Either::Right(started), None)
            }
        };

        let left = ends_at.saturating_sub(clock::monotonic());
        match tokio::time::timeout(left, started).await {
            Ok(Ok(service)) => Ok(Connection { server, service, tap: tap.clone(), group }),
            Ok(Err(error)) => {
                tap.settle().await;
                Err(not_greeted(&server, tap, error))
            }
            Err(_) => Err(ServerFault::NotReady {
                server,
                limit_ms: spec.start_timeout.as_millis(),
                stderr: tap.last_words(),
            }),
        }
    }

    /// Returns the version of the protocol that was agreed on.
    pub(super) fn protocol(&self) -> String {
        let info = self.service.peer().peer_info();
        info.map(|info| info.protocol_version.as_str().to_owned()).unwrap_or_default()
    }

    /// Tells whether nothing more can be asked.
    pub(super) fn is_over(&self) -> bool {
        self.tap.ended().is_some()
            || self.service.is_closed()
            || self.service.peer().is_transport_closed()
    }

    /// Lists the tools, page by page.
    pub(super) async fn list(&self, spec: &ServerSpec) -> Result<Listing, ServerFault> {
        let mut tools = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut params = PaginatedRequestParams::default();
            params.cursor = cursor.clone();
            let asked = self.service.peer().list_tools(Some(params));
            let page = self.within(spec.timeout, "tools/list", asked).await?;

            tools.extend(page.tools);
            if tools.len() > TOOLS_MAX {
                let what = format!("a list of more than {TOOLS_MAX} tools");
                return Err(ServerFault::Flood { server: self.server.clone(), what });
            }
            match page.next_cursor {
                None => return Ok(Listing::new(spec, &self.protocol(), tools)),
                next if next == cursor => break,
                next => cursor = next,
            }
        }

        let what = format!("an endless list of tools (more than {PAGES_MAX} pages)");
        Err(ServerFault::Flood { server: self.server.clone(), what })
    }

    /// Calls a tool, by its name at the server.
    pub(super) async fn call(
        &self,
        tool: &str,
        args: Map<String, Value>,
        key: &str,
        limit: Duration,
    ) -> Result<ToolAnswer, ServerFault> {
        let mut meta = RequestMetaObject::new();
        meta.insert(KEY.to_owned(), key.into());
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(args);
        params.meta = Some(meta);

        let asked = self.service.peer().call_tool_once(params);
        match self.within(limit, tool, asked).await? {
            CallToolResponse::Complete(result) => Ok(result.into()),
            CallToolResponse::InputRequired(_) => {
                Err(self.broken(format!("`{tool}` asks for input, which kaizen does not provide")))
            }
            CallToolResponse::Task(_) => {
                Err(self.broken(format!("`{tool}` starts a task, which kaizen does not support")))
            }
            _ => {
                Err(self.broken(format!("`{tool}` answers in a way that kaizen does not support")))
            }
        }
    }

    /// Waits for an answer, up to a limit. Giving up tells the server that the request is off.
    async fn within<T>(
        &self,
        limit: Duration,
        asked: &str,
        work: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServerFault> {
        let Ok(answer) = tokio::time::timeout(limit, work).await else {
            let server = self.server.clone();
            let limit_ms = limit.as_millis();
            return Err(ServerFault::Mute { server, asked: asked.to_owned(), limit_ms });
        };

        let fault = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => self.fault_of(asked, error).await,
        };
        // A server that was started again in the meantime knows nothing of this connection.
        if matches!(fault, ServerFault::Gone { .. } | ServerFault::Forgotten { .. }) {
            self.tap.end(End::Gone("is gone".to_owned()));
        }
        Err(fault)
    }

    async fn fault_of(&self, asked: &str, error: ServiceError) -> ServerFault {
        match error {
            ServiceError::McpError(error) => answered(&self.server, asked, &error),
            ServiceError::TransportClosed => {
                self.tap.settle_if(self.group.is_some()).await;
                gone(&self.server, &self.tap, None)
            }
            ServiceError::TransportSend(error) => {
                self.tap.settle_if(self.group.is_some()).await;
                unsent(&self.server, &self.tap, &*error.error)
            }
            ServiceError::UnexpectedResponse => {
                self.broken(format!("its answer to `{asked}` is not valid"))
            }
            other => self.broken(format!("`{asked}`: {other}")),
        }
    }

    fn broken(&self, reason: String) -> ServerFault {
        ServerFault::Protocol { server: self.server.clone(), reason }
    }

    /// Ends the server: first by closing its input, then by a signal.
    pub(super) async fn close(mut self) {
        // Whatever it does, its group is ended next.
        let _ = self.service.close_with_timeout(CLOSE).await;
        drop(self.group.take());
    }
}

/// Greets a server in the era of a version.
fn greeting(version: &str) -> ClientLifecycleMode {
    let Some(version) = version_of(version) else { return unknown_era() };
    if !version.has_initialize() {
        return ClientLifecycleMode::Discover { preferred_versions: vec![version] };
    }
    ClientLifecycleMode::Initialize
}

/// Greets a server of which nobody knows the era.
fn unknown_era() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
    }
}

fn version_of(text: &str) -> Option<ProtocolVersion> {
    debug_assert_eq!(VERSIONS.len(), ProtocolVersion::KNOWN_VERSIONS.len());
    ProtocolVersion::KNOWN_VERSIONS.iter().find(|version| version.as_str() == text).cloned()
}

fn not_run(server: &str, program: &ServerProgram, error: &std::io::Error) -> ServerFault {
    ServerFault::NotRun {
        server: server.to_owned(),
        program: program.named.clone(),
        reason: error.to_string(),
    }
}

/// Says why a server could not be greeted.
fn not_greeted(server: &str, tap: &Tap, error: ClientInitializeError) -> ServerFault {
    let reason = match error {
        ClientInitializeError::JsonRpcError(error) => {
            return answered(server, "initialize", &error);
        }
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => {
            return not_greeted(server, tap, *fallback);
        }
        ClientInitializeError::ConnectionClosed(_) => return gone(server, tap, None),
        ClientInitializeError::TransportError { error, .. } => {
            return unsent(server, tap, &*error.error);
        }
        ClientInitializeError::ConflictInitResponseId(..)
        | ClientInitializeError::UncorrelatedErrorResponse { .. } => {
            "its first answer belongs to another request".to_owned()
        }
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<&str> =
                server_supported.iter().take(10).map(ProtocolVersion::as_str).collect();
            let spoken = versions.join(", ");
            said(&format!("it supports none of kaizen's protocol versions, only {spoken}"))
        }
        _ => "its answer to `initialize` is not valid".to_owned(),
    };

    ServerFault::Protocol { server: server.to_owned(), reason }
}

/// Says how a connection ended. `why` is what was noticed, where the server itself left no trace.
fn gone(server: &str, tap: &Tap, why: Option<String>) -> ServerFault {
    let server = server.to_owned();
    match tap.ended() {
        Some(End::Gone(how)) => ServerFault::Gone { server, how, stderr: tap.last_words() },
        Some(End::Flood(what)) => ServerFault::Flood { server, what },
        Some(End::Broken(reason)) => ServerFault::Protocol { server, reason: said(&reason) },
        None => {
            let how = match why {
                Some(why) => format!("cannot be reached: {}", said(&why)),
                None => "closed the connection".to_owned(),
            };
            ServerFault::Gone { server, how, stderr: tap.last_words() }
        }
    }
}

/// Says why a request found no answer.
fn unsent(server: &str, tap: &Tap, error: &(dyn Error + 'static)) -> ServerFault {
    match (tap.ended(), http::fault_of(server, error)) {
        (None, Some(ServerFault::Protocol { server, reason })) => {
            ServerFault::Protocol { server, reason: said(&reason) }
        }
        (None, Some(fault)) => fault,
        _ => gone(server, tap, Some(causes(error))),
    }
}

fn answered(server: &str, asked: &str, error: &ErrorData) -> ServerFault {
    ServerFault::Answered {
        server: server.to_owned(),
        asked: asked.to_owned(),
        code: error.code.0,
        message: said(&error.message),
    }
}

/// Makes a text of a server fit for an error.
fn said(text: &str) -> String {
    secret::beginning(without_invisible(text).0.trim(), SAID_MAX)
}

/// Returns what an error says, and what it says of its causes.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
