//! Which address answers what. Paths are matched, never joined to a path of the file system.

use crate::base::id::{FlowId, OpId};
use crate::base::secret;
use crate::cli::ui::asset;
use crate::cli::ui::cost::CostBy;
use crate::cli::ui::library::Library;
use crate::cli::ui::live;
use crate::cli::ui::page_error::PageError;
use crate::cli::ui::query::AddressQuery;
use crate::cli::ui::reader::LibraryReader;
use crate::cli::ui::{action, cases, compare, cost, failures, learning, run, runs, words};
use crate::store::durability::Durability;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What every answer is made with.
#[derive(Clone)]
pub(in crate::cli) struct Desk {
    /// Reads the store.
    pub(in crate::cli) reader: LibraryReader,
    /// The project's name.
    pub(in crate::cli) project: Arc<str>,
    /// The store's path.
    pub(in crate::cli) store: PathBuf,
    /// When what is written counts as kept.
    pub(in crate::cli) durability: Durability,
    /// Whether what the demo model did counts.
    pub(in crate::cli) counts_demo: bool,
    /// Streams that may be open.
    pub(in crate::cli) streams: Arc<Semaphore>,
}

/// An answer, or why there is none.
pub(in crate::cli) type PageAnswer = Result<Response, PageError>;
/// The parts of an address after `?`.
type AddressParts = Query<HashMap<String, String>>;

/// Returns what answers each address.
pub(in crate::cli) fn routes(desk: Desk) -> Router {
    let run = Router::new()
        .route("/rows", get(rows))
        .route("/graph", get(graph))
        .route("/op/{op}", get(operation))
        .route("/text/{seq}/{field}", get(text))
        .route("/log", get(log))
        .route("/cases", get(compared));

    Router::new()
        .route("/", get(document))
        .route("/words", get(reference))
        .route("/a/{version}/{file}", get(file))
        .route("/api/hello", get(hello))
        .route("/api/runs", get(list))
        .route("/api/live", get(live::stream))
        .route("/api/note", post(action::note))
        .route("/api/label", post(action::label))
        .route("/api/verdict", post(action::verdict))
        .route("/api/stop", post(action::stop))
        .route("/api/answer", post(action::answer))
        .route("/api/report", post(action::report))
        .route("/api/learning", get(tasks))
        .route("/api/learning/{task}", get(learned))
        .route("/api/failures", get(failed))
        .route("/api/cost", get(costs))
        .route("/api/compare/{a}/{b}", get(both))
        .route("/api/run/{run}", get(whole))
        .nest("/api/run/{run}", run)
        .fallback(|| async { PageError::nothing_there() })
        .method_not_allowed_fallback(|| async {
            PageError::new(405, "this address does not support that method")
        })
        .with_state(desk)
}

impl Desk {
    /// Answers with what is read from the library.
    async fn answer(
        &self,
        job: impl FnOnce(&mut Library) -> Result<Value, PageError> + Send + 'static,
    ) -> PageAnswer {
        Ok(json(&self.reader.ask(job).await?))
    }
}

/// Makes an answer of a value, without secrets.
pub(in crate::cli) fn json(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], text_of(value)).into_response()
}

/// Writes a value as JSON, without secrets.
pub(in crate::cli) fn text_of(value: &Value) -> String {
    let text = value.to_string();
    let is_clean = !secret::may_hold(&text);
    let text = if is_clean { text } else { secret::clean(value.clone()).to_string() };
    crate::base::visible::in_json(&text).into_owned()
}

async fn document() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], asset::assets().document.clone()).into_response()
}

async fn reference() -> Response {
    words::page()
}

async fn file(Path((version, name)): Path<(String, String)>) -> PageAnswer {
    let assets = asset::assets();
    // A debug build reads files that may have changed since the document was read.
    if !cfg!(debug_assertions) && version != assets.version {
        return Err(PageError::nothing_there());
    }

    let kind = "text/javascript; charset=utf-8";
    let (kind, text) = match name.as_str() {
        "page.js" => (kind, assets.page.clone()),
        "dagre.js" => (kind, asset::file("vendor/dagre.esm.js").into_owned()),
        "page.css" => ("text/css; charset=utf-8", assets.style.clone()),
        _ => return Err(PageError::nothing_there()),
    };
    let keep = if cfg!(debug_assertions) { "no-store" } else { "max-age=31536000, immutable" };
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, keep)], text).into_response())
}

async fn hello(State(desk): State<Desk>, Query(parts): AddressParts) -> PageAnswer {
    AddressQuery::of(parts, &[])?;
    let project = desk.project.clone();
    desk.answer(move |library| Ok(runs::hello(library, &project))).await
}

async fn list(State(desk): State<Desk>, Query(parts): AddressParts) -> PageAnswer {
    let query = AddressQuery::of(parts, &["q", "before"])?;
    desk.answer(move |library| {
        runs::list(library, query.text("q").unwrap_or_default(), query.text("before"))
    })
    .await
}

async fn whole(State(desk): State<Desk>, Path(name): Path<String>) -> PageAnswer {
    desk.answer(move |library| run::whole(library, &name)).await
}

async fn rows(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Query(parts): AddressParts,
) -> PageAnswer {
    let known = ["flow", "fold", "only", "q", "after", "zoom"];
    let query = AddressQuery::of(parts, &known)?.rows()?;
    desk.answer(move |library| run::rows(library, &name, &query)).await
}

async fn graph(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Query(parts): AddressParts,
) -> PageAnswer {
    let flow = AddressQuery::of(parts, &["flow"])?.number("flow")?.map(FlowId);
    desk.answer(move |library| run::graph(library, &name, flow)).await
}

async fn operation(
    State(desk): State<Desk>,
    Path((name, op)): Path<(String, String)>,
) -> PageAnswer {
    let number = op.parse().map(OpId);
    let number = number.map_err(|_| PageError::new(400, "an operation is named by its number"))?;
    desk.answer(move |library| run::operation(library, &name, number)).await
}

async fn text(
    State(desk): State<Desk>,
    Path((name, seq, field)): Path<(String, String, String)>,
    Query(parts): AddressParts,
) -> PageAnswer {
    let from = AddressQuery::of(parts, &["from"])?.number("from")?.unwrap_or(0);
    let seq = seq.parse().map_err(|_| PageError::new(400, "an event is named by its number"))?;
    let found = desk.reader.ask(move |library| run::part(library, &name, seq, &field, from));
    let text = secret::scrubbed(found.await?);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

async fn log(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Query(parts): AddressParts,
) -> PageAnswer {
    let after = AddressQuery::of(parts, &["after"])?.number("after")?;
    desk.answer(move |library| run::said(library, &name, after)).await
}

async fn compared(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Query(parts): AddressParts,
) -> PageAnswer {
    let query = AddressQuery::of(parts, &["task", "only", "after"])?;
    desk.answer(move |library| cases::table(library, &name, &query)).await
}

async fn both(
    State(desk): State<Desk>,
    Path((a, b)): Path<(String, String)>,
    Query(parts): AddressParts,
) -> PageAnswer {
    let query = AddressQuery::of(parts, &["after"])?;
    desk.answer(move |library| compare::compare(library, &a, &b, query.text("after"))).await
}

async fn tasks(State(desk): State<Desk>, Query(parts): AddressParts) -> PageAnswer {
    AddressQuery::of(parts, &[])?;
    let demo = desk.counts_demo;
    desk.answer(move |library| learning::list(library, demo)).await
}

async fn learned(
    State(desk): State<Desk>,
    Path(task): Path<String>,
    Query(parts): AddressParts,
) -> PageAnswer {
    let before = AddressQuery::of(parts, &["before"])?.number("before")?.unwrap_or(0);
    let demo = desk.counts_demo;
    desk.answer(move |library| learning::task(library, &task, before, demo)).await
}

async fn failed(State(desk): State<Desk>, Query(parts): AddressParts) -> PageAnswer {
    let query = AddressQuery::of(parts, &["task"])?;
    let demo = desk.counts_demo;
    desk.answer(move |library| failures::kinds(library, query.text("task"), demo)).await
}

async fn costs(State(desk): State<Desk>, Query(parts): AddressParts) -> PageAnswer {
    let query = AddressQuery::of(parts, &["by"])?;
    let by = CostBy::of(query.text("by").unwrap_or("script"));
    let by = by.ok_or_else(|| PageError::new(400, "`by` is `script`, `model` or `pattern`"))?;
    desk.answer(move |library| cost::sums(library, by)).await
}
