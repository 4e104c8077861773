//! What happens while somebody looks: one stream of events for each tab. An update is made when the tab is
//! ready for it, so a slow one gets fewer, and none is kept for it.

use crate::base::id::RunId;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::cli::ui::query::AddressQuery;
use crate::cli::ui::route::{Desk, text_of};
use crate::cli::ui::{learning, run, runs};
use crate::view::detail::extend;
use crate::view::line::RunLine;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Most streams at once.
pub(in crate::cli) const STREAMS_MAX: usize = 16;
/// Shortest time between two updates.
const PAUSE: Duration = Duration::from_millis(250);
/// How often something is sent when nothing happens, so that a tab that is gone is noticed.
const BEAT: Duration = Duration::from_secs(15);
/// How often it is looked whether a process has died without a word.
const LOOK: Duration = Duration::from_secs(2);

/// Where a tab stands.
struct Tab {
    desk: Desk,
    changes: watch::Receiver<u64>,
    run: Option<String>,
    /// The number of the last event of the run that the tab knows.
    seq: Option<i64>,
    /// What the tab knows of the newest runs.
    known: HashMap<RunId, RunLine>,
    /// The number of the last observation that the tab knows.
    recorded: Option<i64>,
    is_first: bool,
    quiet: Duration,
    _permit: OwnedSemaphorePermit,
}

/// Opens the stream of a tab.
pub(in crate::cli) async fn stream(
    State(desk): State<Desk>,
    Query(parts): Query<HashMap<String, String>>,
) -> Result<Response, PageError> {
    let query = AddressQuery::of(parts, &["run", "after"])?;
    let permit = desk.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| {
        PageError::new(503, format!("{STREAMS_MAX} tabs are already open"))
            .help("close another tab, or reload this one by hand; it shows what it has")
    })?;

    let tab = Tab {
        changes: desk.reader.changes(),
        run: query.text("run").map(str::to_owned),
        seq: query.number("after")?,
        known: HashMap::new(),
        recorded: None,
        is_first: true,
        quiet: Duration::ZERO,
        _permit: permit,
        desk,
    };
    let updates = stream::unfold(tab, |mut tab| async move {
        let update = tab.next().await;
        Some((Ok::<_, Infallible>(Bytes::from(update)), tab))
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(updates)).into_response())
}

impl Tab {
    /// Waits until there is something to tell, and returns it as it is sent.
    async fn next(&mut self) -> String {
        loop {
            if self.is_first {
                self.is_first = false;
                let text = self.update(true).await;
                return format!(": kaizen\n\n{text}");
            }

            let changed = tokio::time::timeout(LOOK, self.changes.changed()).await;
            self.quiet += if changed.is_ok() { PAUSE } else { LOOK };
            tokio::time::sleep(PAUSE).await;
            self.changes.mark_unchanged();

            let text = self.update(false).await;
            if !text.is_empty() {
                self.quiet = Duration::ZERO;
                return text;
            }
            if self.quiet >= BEAT {
                self.quiet = Duration::ZERO;
                return ": nothing new\n\n".to_owned();
            }
        }
    }

    /// Returns what is new, as it is sent.
    async fn update(&mut self, is_first: bool) -> String {
        let known = std::mem::take(&mut self.known);
        let name = self.run.clone();
        let seq = self.seq;
        let recorded = self.recorded;
        let found = self.desk.reader.ask(move |library| {
            let news = news(library, &known, is_first)?;
            let run = name.map(|name| progress(library, &name, seq, is_first)).transpose()?;
            Ok((news, run, learning::recorded(library, recorded)?))
        });

        match found.await {
            Ok(((known, lines), run, (recorded, tasks))) => {
                self.known = known;
                self.recorded = Some(recorded);
                let mut text = String::new();
                if !lines.is_empty() {
                    push(&mut text, "runs", &json!({ "rows": lines }));
                }
                if let Some((seq, event, data)) = run.flatten() {
                    self.seq = Some(seq);
                    text.push_str(&format!("id: {seq}\n"));
                    push(&mut text, event, &data);
                }
                if !tasks.is_empty() {
                    push(&mut text, "learning", &json!({ "tasks": tasks }));
                }
                text
            }
            Err(refusal) => {
                let mut text = String::new();
                // Whoever asks for everything again is told what is wrong.
                push(&mut text, "again", &json!({ "error": refusal.error, "help": refusal.help }));
                tokio::time::sleep(LOOK).await;
                text
            }
        }
    }
}

/// What a tab knows of the newest runs, and the lines that are new to it.
type News = (HashMap<RunId, RunLine>, Vec<RunLine>);

/// Finds the lines of the newest runs that a tab does not know.
fn news(
    library: &mut Library,
    known: &HashMap<RunId, RunLine>,
    is_first: bool,
) -> Result<News, PageError> {
    let newest: Vec<_> = library.runs().iter().rev().take(runs::RUNS_AT_ONCE).cloned().collect();
    let mut now = HashMap::with_capacity(newest.len());
    let mut lines = Vec::new();

    for row in newest {
        let line = library.line(&row)?;
        if !is_first && known.get(&row.id) != Some(&line) {
            lines.push(line.clone());
        }
        now.insert(row.id, line);
    }
    Ok((now, lines))
}

/// Returns what is new of a run: the number of its last event, the kind of news, and the news.
fn progress(
    library: &mut Library,
    name: &str,
    seq: Option<i64>,
    is_first: bool,
) -> Result<Option<(i64, &'static str, Value)>, PageError> {
    let Ok(row) = library.find(name) else {
        let news = (seq.unwrap_or(0), "gone", json!({ "run": name }));
        return Ok(seq.is_some_and(|seq| seq >= 0).then_some(news));
    };

    let clock = library.clock(&row)?;
    let skeleton = library.skeleton(&row.id)?;
    let last = skeleton.next - 1;
    // A tab that has just asked for everything knows it already.
    let since = seq.unwrap_or(if is_first { last } else { -1 });
    if last <= since {
        return Ok(seq.is_none().then(|| (last, "run", json!({ "run": row.id, "seq": last }))));
    }

    let rows = run::changed(skeleton, clock, since);
    let rows = rows.map_or_else(|| json!("many"), |rows| json!(rows));
    let line = library.line(&row)?;
    let mut data = json!({ "run": row.id, "line": line, "rows": rows });
    let whole = run::body(library, &row)?;
    data["figures"] = whole["metrics"].clone();
    extend(&mut data, whole);
    Ok(Some((last, "run", data)))
}

/// Adds an event.
fn push(text: &mut String, kind: &str, data: &Value) {
    let data = text_of(data);
    text.push_str(&format!("event: {kind}\ndata: {data}\n\n"));
}
