//! `kaizen report RUN..`: one file that shows runs, opens from the disk, and loads and sends nothing.

use crate::base::id::{OpId, RunId};
use crate::base::own;
use crate::base::visible::shown_path;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::ui::asset;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::cli::ui::{compare, learning, run as run_page};
use crate::cli::{Global, print_data, say};
use crate::journal::history::RunRow;
use crate::view::row::OpRow;
use crate::view::table::{RowQuery, TableRow};
use crate::view::{graph, overview, story, table};
use anyhow::Context;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Most operations that are shown one by one.
const OPS_MAX: usize = 200;
/// Most bytes of a report, unless all texts are wanted.
const BYTES_MAX: usize = 1_000_000;
/// Characters of a text in a report with short texts.
const SHORT: usize = 1200;
/// Most graphs of a run.
const GRAPHS_MAX: usize = 5;

/// How much of the texts is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum TextAmount {
    /// Nothing: figures only.
    None,
    /// The beginnings.
    Short,
    /// Everything.
    All,
}

/// The options of `report`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Runs: ids or prefixes of them, `@` for the latest, `@-1` for the one before, `@fail` for the
    /// latest failed run. Two runs are compared.
    #[arg(default_value = "@")]
    runs: Vec<String>,
    /// File to write. Defaults to `report-RUN.html`.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Add what was learned about this task type.
    #[arg(long, value_name = "TASK")]
    learning: Vec<String>,
    /// How much of prompts and replies to show: none, short or all.
    #[arg(long, value_enum, default_value = "short", hide_possible_values = true)]
    texts: TextAmount,
}

/// Writes the report. A file that exists is never overwritten.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    if project.store_of_runs()?.is_none() {
        return Ok(Exit::Usage);
    }

    let mut library = Library::new(project.store_path());
    let wanted = ReportOptions {
        project: project.folder_name(),
        runs: arguments.runs.clone(),
        learning: arguments.learning.clone(),
        texts: arguments.texts,
        counts_demo: project.config.learn_from_demo(),
    };

    let made = library.refresh().and_then(|()| build(&mut library, &wanted));
    let report = match made {
        Ok(report) => report,
        Err(refusal) => {
            say(&format!("error: {}", refusal.sentence()));
            return Ok(Exit::Usage);
        }
    };

    let default = || PathBuf::from(format!("report-{}.html", report.first));
    let path = arguments.out.clone().unwrap_or_else(default);
    // A report holds prompts and replies, so only its owner can read it until somebody decides otherwise.
    match own::add(&path, report.text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            say(&format!(
                "error: `{}` already exists; `--out FILE` names another file",
                shown_path(&path)
            ));
            return Ok(Exit::Usage);
        }
        added => added.with_context(|| format!("cannot write `{}`", shown_path(&path)))?,
    }

    if global.json {
        print_data(json!({ "file": path.display().to_string(), "bytes": report.text.len() }));
    } else if !global.quiet {
        say(&format!(
            "wrote `{}` ({} kB); read it before you share it: it shows prompts and replies",
            shown_path(&path),
            report.text.len().div_ceil(1000)
        ));
    }
    Ok(Exit::Ok)
}

/// What a report is to show.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ReportOptions {
    pub(in crate::cli) project: String,
    pub(in crate::cli) runs: Vec<String>,
    pub(in crate::cli) learning: Vec<String>,
    pub(in crate::cli) texts: TextAmount,
    pub(in crate::cli) counts_demo: bool,
}

/// A report, and the first of its runs.
pub(in crate::cli) struct ReportFile {
    pub(in crate::cli) text: String,
    pub(in crate::cli) first: String,
}

/// Makes a report.
pub(in crate::cli) fn build(
    library: &mut Library,
    wanted: &ReportOptions,
) -> Result<ReportFile, PageError> {
    library.opened()?;
    let rows = wanted.runs.iter().map(|name| library.find(name)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = rows.first() else { return Err(PageError::new(400, "name a run")) };

    let parts = ReportParts::read(library, wanted, &rows)?;
    let mut most = OPS_MAX;
    loop {
        let text = page(&parts, &parts.data(wanted, &rows, most));
        // Fewer operations are shown in full until it is small enough.
        if text.len() <= BYTES_MAX || wanted.texts == TextAmount::All || most == 0 {
            return Ok(ReportFile { text, first: first.id.0.clone() });
        }
        most /= 2;
    }
}

/// What a report is made of, read once.
struct ReportParts {
    runs: Vec<RunParts>,
    compared: Option<Value>,
    learned: Vec<Value>,
    lead: Vec<String>,
    /// What is shown of each run without scripts.
    tables: String,
}

/// What is shown of a run.
struct RunParts {
    id: RunId,
    whole: Value,
    rows: Value,
    graphs: Vec<Value>,
    /// The operations that may be shown in full, those that are worth a look first.
    ops: Vec<(OpId, Value)>,
    /// How many operations it has.
    all: usize,
}

impl ReportParts {
    fn read(
        library: &mut Library,
        wanted: &ReportOptions,
        rows: &[RunRow],
    ) -> Result<ReportParts, PageError> {
        let mut runs = Vec::new();
        for row in rows {
            runs.push(RunParts::read(library, row, wanted.texts)?);
        }

        let compared = match rows {
            [a, b] => Some(compare::compare(library, &a.id.0, &b.id.0, None)?),
            _ => None,
        };
        let mut learned = Vec::new();
        for task in &wanted.learning {
            learned.push(learning::task(library, task, 0, wanted.counts_demo)?);
        }

        let lead = lead(library, rows)?;
        let tables = tables(library, rows)?;
        Ok(ReportParts { runs, compared, learned, lead, tables })
    }

    /// Returns what the scripts of the report show; at most this many operations of a run in full.
    fn data(&self, wanted: &ReportOptions, rows: &[RunRow], most: usize) -> Value {
        let mut left = Vec::new();
        for run in &self.runs {
            let gone = run.all - run.ops.len().min(most);
            if gone > 0 {
                left.push(format!(
                    "{gone} operations of run {} are counted in the sums, but not listed (failed and slow \
                     ones are listed first)",
                    run.id
                ));
            }
        }
        if wanted.texts != TextAmount::All {
            left.push("long texts are cut; `--texts all` keeps them".to_owned());
        }

        let runs: Vec<Value> = self.runs.iter().map(|run| run.data(most)).collect();
        let now = rows.iter().map(|row| row.ended_at.unwrap_or(row.started_at)).max();
        let title = format!("{} · {}", wanted.project, names(rows));
        json!({
            "title": title, "lead": self.lead, "project": wanted.project, "now": now,
            "program": env!("CARGO_PKG_VERSION"), "texts": texts_word(wanted.texts), "runs": runs,
            "compare": self.compared, "learning": self.learned, "failures": [],
            "left": left.join("; "),
        })
    }
}

impl RunParts {
    fn read(library: &mut Library, row: &RunRow, texts: TextAmount) -> Result<RunParts, PageError> {
        let mut whole = run_page::whole(library, &row.id.0)?;
        fit(library, row, &mut whole, texts);
        let clock = library.clock(row)?;
        let skeleton = library.skeleton(&row.id)?;

        let rows = table::rows(skeleton, &RowQuery::default(), clock).rows;
        let mut flows: Vec<_> = skeleton.flows.iter().map(|(flow, one)| (*flow, one.ops)).collect();
        flows.sort_by_key(|(flow, ops)| (std::cmp::Reverse(*ops), *flow));
        let graphs: Vec<Value> = flows
            .iter()
            .take(GRAPHS_MAX)
            .map(|(flow, _)| json!(graph::graph(skeleton, *flow, clock)))
            .collect();

        let all = skeleton.ops.len();
        let mut shown: Vec<&OpRow> = rows
            .iter()
            .flat_map(|row| match row {
                TableRow::Op(row) => vec![&**row],
                TableRow::Fold(fold) => fold.rows.iter().collect(),
            })
            .collect();
        // What failed and what took long is worth a look.
        shown.sort_by_key(|row| (row.failure.is_none(), std::cmp::Reverse(row.took), row.op));
        shown.truncate(OPS_MAX);
        let chosen: Vec<OpId> = shown.iter().map(|row| row.op).collect();

        let mut ops = Vec::new();
        for op in chosen {
            if let Some(mut detail) = library.detail(&row.id, op, clock)? {
                fit(library, row, &mut detail, texts);
                ops.push((op, detail));
            }
        }
        Ok(RunParts { id: row.id.clone(), whole, rows: json!(rows), graphs, ops, all })
    }

    fn data(&self, most: usize) -> Value {
        let mut chosen: Vec<&(OpId, Value)> = self.ops.iter().take(most).collect();
        chosen.sort_unstable_by_key(|(op, _)| *op);
        let ops: Vec<&Value> = chosen.into_iter().map(|(_, detail)| detail).collect();
        json!({ "run": self.whole, "rows": self.rows, "graphs": self.graphs, "ops": ops })
    }

    /// Tells whether it has a graph with edges; nodes without edges need no library to be drawn.
    fn has_edges(&self) -> bool {
        self.graphs.iter().any(|graph| graph["edges"].as_array().is_some_and(|all| !all.is_empty()))
    }
}

fn texts_word(amount: TextAmount) -> &'static str {
    match amount {
        TextAmount::None => "none",
        TextAmount::Short => "short",
        TextAmount::All => "all",
    }
}

fn names(rows: &[RunRow]) -> String {
    rows.iter().map(|row| format!("{} {}", row.script, row.id)).collect::<Vec<_>>().join(", ")
}

/// Returns the sentences at the top.
fn lead(library: &mut Library, rows: &[RunRow]) -> Result<Vec<String>, PageError> {
    let mut lead = Vec::new();
    for row in rows {
        let line = library.line(row)?;
        let state = library.state(row);
        let skeleton = library.skeleton(&row.id)?;
        let failure = overview::failure(skeleton, state);
        lead.push(story::story(&line, &skeleton.metrics(), failure.as_ref()).join(" "));
    }
    Ok(lead)
}

/// Cuts the texts in a value, takes them out, or completes them.
fn fit(library: &Library, row: &RunRow, value: &mut Value, texts: TextAmount) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|one| fit(library, row, one, texts)),
        Value::Object(map) if map.contains_key("bytes") && map.contains_key("at") => {
            let text = map["text"].as_str().unwrap_or_default().to_owned();
            let place = map["at"].as_str().map(str::to_owned);

            let whole = match (texts, place) {
                (TextAmount::None, _) => String::new(),
                (TextAmount::Short, _) => text.chars().take(SHORT).collect(),
                (TextAmount::All, Some(place)) => complete(library, row, &place).unwrap_or(text),
                (TextAmount::All, None) => text,
            };
            map.insert("text".to_owned(), whole.into());
            // The report has no server to ask for the rest.
            map.insert("at".to_owned(), Value::Null);
        }
        Value::Object(map) => {
            map.iter_mut().for_each(|(_, one)| fit(library, row, one, texts));
        }
        _ => {}
    }
}

fn complete(library: &Library, row: &RunRow, place: &str) -> Option<String> {
    let (seq, field) = place.split_once('/')?;
    let event = library.event(&row.id, seq.parse().ok()?)?;
    crate::view::detail::field(&event, field)
}

/// Writes the file.
fn page(parts: &ReportParts, data: &Value) -> String {
    let assets = asset::assets();
    let style = &assets.style;
    let script = &assets.report;
    let is_drawn = parts.runs.iter().any(RunParts::has_edges);
    let layout = if is_drawn { asset::file("vendor/dagre.min.js") } else { "".into() };
    let clean = crate::base::secret::clean(data.clone()).to_string();
    let json = crate::base::visible::in_json(&clean)
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");

    // The nonce follows from what it lets run, so that the same run gives the same bytes.
    let mut hasher = blake3::Hasher::new();
    for part in [style.as_str(), script, &layout, &json] {
        hasher.update(part.as_bytes());
    }
    let nonce = hasher.finalize().to_hex()[..32].to_owned();
    let title = escaped(data["title"].as_str().unwrap_or_default());
    let body = plain(parts, data);

    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"kaizen report\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; \
         form-action 'none'\">\n<title>{title}</title>\n<style nonce=\"{nonce}\">\n{style}</style>\n\
         <main id=\"main\">\n{body}</main>\n\
         <script type=\"application/json\" id=\"data\">{json}</script>\n\
         <script nonce=\"{nonce}\">{layout}</script>\n<script nonce=\"{nonce}\">{script}</script>\n\
         </html>\n"
    )
}

/// Writes what is shown without scripts: sentences, and a table of the operations.
fn plain(parts: &ReportParts, data: &Value) -> String {
    let mut text = format!("<h1>{}</h1>\n", escaped(data["title"].as_str().unwrap_or_default()));
    for sentence in &parts.lead {
        text.push_str(&format!("<p>{}</p>\n", escaped(sentence)));
    }
    text.push_str(&parts.tables);

    let left = data["left"].as_str().unwrap_or_default();
    if !left.is_empty() {
        text.push_str(&format!("<p>Left out: {}.</p>\n", escaped(left)));
    }
    text.push_str("<p>This file shows prompts and replies. Read it before you share it.</p>\n");
    text
}

/// Writes the operations of each run as a table.
fn tables(library: &mut Library, rows: &[RunRow]) -> Result<String, PageError> {
    let mut text = String::new();
    for row in rows {
        let clock = library.clock(row)?;
        let skeleton = library.skeleton(&row.id)?;
        text.push_str(&format!(
            "<h2>Operations of run {}</h2>\n<table>\n<thead><tr><th>operation</th><th>outcome</th>\
             <th>took</th><th>calls</th><th>cost</th></tr></thead>\n<tbody>\n",
            escaped(&row.id.0)
        ));
        for one in table::rows(skeleton, &RowQuery::default(), clock).rows {
            text.push_str(&plain_row(&one));
        }
        text.push_str("</tbody>\n</table>\n");
    }
    Ok(text)
}

fn plain_row(row: &TableRow) -> String {
    let dash = || "-".to_owned();
    let money = |cost: Option<f64>| {
        let cost = cost.and_then(crate::base::unit::Money::from_dollars);
        cost.map_or_else(dash, |cost| cost.to_string())
    };

    let cells = match row {
        TableRow::Op(row) => [
            row.name.clone(),
            row.outcome.to_owned(),
            row.took.map_or_else(dash, story::length),
            row.calls.to_string(),
            money(row.cost),
        ],
        TableRow::Fold(fold) => {
            let by: Vec<String> =
                fold.by.iter().map(|(word, count)| format!("{count} {word}")).collect();
            [
                format!("{} ×{}", fold.fold, fold.n),
                by.join(", "),
                fold.p50.map_or_else(dash, |p50| format!("half within {}", story::length(p50))),
                dash(),
                money(fold.cost),
            ]
        }
    };
    let cells = cells.map(|cell| format!("<td>{}</td>", escaped(&cell))).concat();
    format!("<tr>{cells}</tr>\n")
}

/// Writes a text so that it is nothing but text.
fn escaped(text: &str) -> String {
    crate::base::visible::shown(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
