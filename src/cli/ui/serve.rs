//! The server of the page: connections, their limits, and the headers that every answer bears.

use crate::cli::ui::guard::{self, Headers, POLICY, PageTarget, TOKEN_HEADER, Token};
use crate::cli::ui::live::STREAMS_MAX;
use crate::cli::ui::page_error::PageError;
use crate::cli::ui::route::{self, Desk};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// The port that is taken if it is free.
pub(in crate::cli) const PORT: u16 = 7433;
/// How many ports after it are tried.
const PORTS_TRIED: u16 = 50;
/// Most connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Most bytes of the headers of a request.
const HEADER_MAX: usize = 16 * 1024;
/// Most bytes of the body of a request.
const BODY_MAX: usize = 64 * 1024;
/// Longest time until an answer is made: a large run is read once, and then remembered.
const ANSWER_MAX: Duration = Duration::from_mins(2);
/// Longest time until a request has arrived.
const ARRIVAL_MAX: Duration = Duration::from_secs(10);

/// Takes a port of this computer alone: the one that is asked for, or the first that is free.
pub(in crate::cli) async fn listen(port: Option<u16>) -> std::io::Result<TcpListener> {
    let bind = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    if let Some(port) = port {
        return bind(port).await;
    }

    for port in PORT..PORT + PORTS_TRIED {
        match bind(port).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    // Any port at all.
    bind(0).await
}

/// Whether a connection has sent a request with the token.
#[derive(Debug, Clone, Default)]
struct Acquaintance(Arc<AtomicBool>);

/// The connections that are open, the oldest first.
#[derive(Debug, Clone, Default)]
struct OpenConnections(Arc<Mutex<BTreeMap<u64, (AbortHandle, Acquaintance)>>>);

impl OpenConnections {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, (AbortHandle, Acquaintance)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the oldest connection that has not shown the token: whoever only holds it open keeps nobody out.
    fn close_oldest_stranger(&self) {
        let mut all = self.all();
        let is_stranger = |known: &Acquaintance| !known.0.load(Ordering::Relaxed);
        let oldest =
            all.iter().find(|(_, (_, known))| is_stranger(known)).map(|(number, _)| *number);
        if let Some((handle, _)) = oldest.and_then(|number| all.remove(&number)) {
            handle.abort();
        }
    }
}

/// Answers requests until it is dropped.
pub(in crate::cli) async fn serve(listener: TcpListener, desk: Desk, token: Token) {
    let router = router(desk, token);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = OpenConnections::default();

    for number in 0_u64.. {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file descriptors, perhaps; some come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if room.available_permits() == 0 {
            open.close_oldest_stranger();
        }
        let Ok(permit) = room.clone().acquire_owned().await else { return };

        let known = Acquaintance::default();
        let router = router.clone().layer(Extension(known.clone()));
        // Held while the connection is noted, so that it is not over before that.
        let mut all = open.all();
        let ended = open.clone();
        let task = tokio::spawn(async move {
            connection(socket, router).await;
            ended.all().remove(&number);
            drop(permit);
        });
        all.insert(number, (task.abort_handle(), known));
    }
}

/// Answers the requests of one connection.
async fn connection(socket: TcpStream, router: Router) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .max_buf_size(HEADER_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVAL_MAX);

    // One that breaks off is nobody's business but the browser's.
    let service = TowerToHyperService::new(router);
    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
}

fn router(desk: Desk, token: Token) -> Router {
    route::routes(desk)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(token, guarded))
}

/// Lets a request pass or not, and gives every answer its headers.
async fn guarded(State(token): State<Token>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let target = match path {
        "/" | "/words" => PageTarget::Document,
        path if path.starts_with("/a/") => PageTarget::File,
        // What is nowhere is nobody's business either.
        _ => PageTarget::Data,
    };
    let is_data = target == PageTarget::Data;

    let checked = guard::check(target, &headers(&request), &token);
    if is_data
        && checked.is_ok()
        && let Some(known) = request.extensions().get::<Acquaintance>()
    {
        known.0.store(true, Ordering::Relaxed);
    }
    let is_too_large = told_length(&request).is_some_and(|length| length > BODY_MAX);
    let mut answer = match checked {
        // Said before any of it is read.
        Ok(()) if is_too_large => {
            PageError::new(413, format!("the body may have at most {BODY_MAX} bytes"))
                .into_response()
        }
        Ok(()) => match tokio::time::timeout(ANSWER_MAX, next.run(request)).await {
            Ok(answer) => answer,
            Err(_) => PageError::new(408, "the request took too long").into_response(),
        },
        Err(denial) => PageError::from(denial).into_response(),
    };
    protect(answer.headers_mut(), is_data);
    answer
}

/// Returns how many bytes a request says that its body has.
fn told_length(request: &Request) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns what the headers of a request say.
fn headers(request: &Request) -> Headers<'_> {
    let all = |name: &str| -> Vec<&str> {
        // What is no text is nothing that is allowed.
        request.headers().get_all(name).iter().map(|value| value.to_str().unwrap_or("")).collect()
    };

    Headers {
        is_post: request.method() != axum::http::Method::GET,
        query: request.uri().query(),
        authority: request.uri().authority().map(axum::http::uri::Authority::as_str),
        hosts: all("host"),
        origins: all("origin"),
        sites: all("sec-fetch-site"),
        tokens: all(TOKEN_HEADER),
        kinds: all("content-type"),
    }
}

/// Says what a browser may do with an answer.
fn protect(headers: &mut HeaderMap, is_data: bool) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }

    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    if is_data || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Returns how many streams may be open.
pub(in crate::cli) fn streams() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(STREAMS_MAX))
}
