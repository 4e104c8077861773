//! What the page may do: note, label, judge, stop a run, and check the answer to a question. It never
//! spends money and never runs a script; what would is given as a command.

use crate::base::clock;
use crate::base::id::{OpId, RunId};
use crate::base::thread;
use crate::cli::app::process::{self, StopFault};
use crate::cli::command::report::{ReportOptions, TextAmount, build};
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::cli::ui::route::{Desk, PageAnswer, json as answer_of};
use crate::cli::ui::run::{notes, verdict_word};
use crate::journal::annotation::{self, Annotation, AnnotationKind, check_label, check_note};
use crate::journal::event::RunStatus;
use crate::optimizer::evidence::knowledge::amendment::{self, AnswerVerdict};
use crate::store::writer::Writer;
use crate::store::{self, StoreError};
use crate::view::line::RunState;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures::executor::block_on;
use serde::Deserialize;
use serde_json::{Value, json};

/// A note about a run or an operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct NoteRequest {
    run: String,
    op: Option<u32>,
    text: String,
}

/// A label to put on a run, or to take off it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct LabelRequest {
    run: String,
    add: Option<String>,
    remove: Option<String>,
}

/// Whether the answer of an operation is good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct VerdictRequest {
    run: String,
    op: u32,
    good: Option<bool>,
}

/// A run to stop.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct StopRequest {
    run: String,
}

/// An answer to a question of a suspended run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct AnswerRequest {
    run: String,
    question: u32,
    answer: String,
}

/// A run to write to a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct ReportRequest {
    run: String,
}

/// What a request bears, or what is wrong with it.
type PostBody<T> = Result<Json<T>, JsonRejection>;

fn read<T>(body: PostBody<T>) -> Result<T, PageError> {
    body.map(|Json(value)| value).map_err(|rejection| {
        PageError::new(rejection.status().as_u16(), rejection.body_text())
            .help("reload the page; it may be of another version than the server")
    })
}

/// Keeps a note.
pub(in crate::cli) async fn note(
    State(desk): State<Desk>,
    body: PostBody<NoteRequest>,
) -> PageAnswer {
    let NoteRequest { run, op, text } = read(body)?;
    let text = text.trim().to_owned();
    check_note(&text).map_err(|reason| PageError::new(400, reason))?;
    annotate(desk, run, op.map(OpId), AnnotationKind::Note, text).await
}

/// Puts a label on a run, or takes one off it.
pub(in crate::cli) async fn label(
    State(desk): State<Desk>,
    body: PostBody<LabelRequest>,
) -> PageAnswer {
    let LabelRequest { run, add, remove } = read(body)?;
    let (kind, label) = match (add, remove) {
        (Some(label), None) => (AnnotationKind::Label, label),
        (None, Some(label)) => (AnnotationKind::Unlabel, label),
        _ => return Err(PageError::new(400, "name a label under `add` or `remove`")),
    };

    let label = label.trim().to_owned();
    check_label(&label).map_err(|reason| PageError::new(400, reason))?;
    annotate(desk, run, None, kind, label).await
}

/// Keeps a verdict. Where a pattern was executed, the optimizer learns from it.
pub(in crate::cli) async fn verdict(
    State(desk): State<Desk>,
    body: PostBody<VerdictRequest>,
) -> PageAnswer {
    let VerdictRequest { run, op, good } = read(body)?;
    let op = OpId(op);
    let run = find(&desk, run, Some(op)).await?;

    let of = run.clone();
    let execution = desk.reader.ask(move |library| library.execution(&of, op)).await?;
    let at = clock::micros();
    let verdict = execution.map(|execution| {
        let run = run.clone();
        AnswerVerdict { execution, at: at / 1000, run, good }
    });

    let body = verdict_word(good).to_owned();
    let kind = AnnotationKind::Verdict;
    let remark = Annotation { at, run: run.clone(), op: Some(op), kind, body };
    write(&desk, move |writer| {
        block_on(writer.apply(annotation::keep(remark)))?;
        match verdict {
            Some(verdict) => block_on(amendment::keep(writer, verdict)).map(drop),
            None => Ok(()),
        }
    })
    .await?;
    noted(&desk, run).await
}

/// Keeps a remark, and returns what is noted about the run afterwards.
async fn annotate(
    desk: Desk,
    run: String,
    op: Option<OpId>,
    kind: AnnotationKind,
    body: String,
) -> PageAnswer {
    let run = find(&desk, run, op).await?;
    let remark = Annotation { at: clock::micros(), run: run.clone(), op, kind, body };
    write(&desk, move |writer| block_on(writer.apply(annotation::keep(remark)))).await?;
    noted(&desk, run).await
}

/// Finds a run by any of its names. The operation must be one of its own.
async fn find(desk: &Desk, run: String, op: Option<OpId>) -> Result<RunId, PageError> {
    let found = desk.reader.ask(move |library| {
        let row = library.find(&run)?;
        let skeleton = library.skeleton(&row.id)?;
        match op.filter(|op| !skeleton.ops.contains_key(op)) {
            None => Ok(row.id),
            Some(op) => {
                Err(PageError::new(404, format!("run {} has no operation {}", row.id, op.0)))
            }
        }
    });
    found.await
}

/// Returns what is noted about a run.
async fn noted(desk: &Desk, run: RunId) -> PageAnswer {
    let state = desk.reader.ask(move |library| state(library, &run)).await?;
    Ok(answer_of(&state))
}

/// Writes through the store's writer, which waits for others, on a thread of its own.
async fn write(
    desk: &Desk,
    change: impl FnOnce(&Writer) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), PageError> {
    let path = desk.store.clone();
    let durability = desk.durability;
    let written = thread::away("change", move || -> Result<(), StoreError> {
        let writer = Writer::start(store::reopen(&path)?, &path, durability)?;
        change(&writer)
    });

    let result = written.await.map_err(|error| PageError::new(503, error.to_string()))?;
    Ok(result?)
}

/// Returns what is noted about a run.
fn state(library: &mut Library, run: &RunId) -> Result<Value, PageError> {
    let row = library.find(&run.0)?;
    let line = library.line(&row)?;
    let notes = notes(&library.noted(run)?);
    Ok(json!({ "ok": true, "run": run, "note": line.note, "tags": line.tags, "notes": notes }))
}

/// Stops a run as Ctrl-C does.
pub(in crate::cli) async fn stop(
    State(desk): State<Desk>,
    body: PostBody<StopRequest>,
) -> PageAnswer {
    let StopRequest { run } = read(body)?;
    let found = desk.reader.ask(move |library| {
        let row = library.find(&run)?;
        match library.state(&row) {
            RunState::Running => Ok(row),
            RunState::Crashed => Err(PageError::new(409, "the process of the run has ended")
                .help(format!("continue it with `kaizen resume {}`", row.id))),
            RunState::Ended(_) | RunState::Resumed => {
                Err(PageError::new(409, format!("run {} has ended", row.id)))
            }
        }
    });

    let row = found.await?;
    process::interrupt(row.pid, row.started_at).map_err(|fault| {
        let refusal = PageError::new(409, fault.to_string());
        match fault {
            StopFault::NotSupported => refusal.help("press Ctrl-C where the run was started"),
            StopFault::Gone | StopFault::Other | StopFault::Later | StopFault::Denied(_) => refusal,
        }
    })?;
    Ok(answer_of(&json!({
        "ok": true, "run": row.id, "says": "the run is stopping; work in progress is journaled first",
    })))
}

/// Checks an answer to a question of a suspended run, and returns the command that gives it: continuing
/// a run asks models, and that costs money.
pub(in crate::cli) async fn answer(
    State(desk): State<Desk>,
    body: PostBody<AnswerRequest>,
) -> PageAnswer {
    let AnswerRequest { run, question, answer } = read(body)?;
    let found = desk.reader.ask(move |library| {
        let row = library.find(&run)?;
        if library.state(&row) != RunState::Ended(RunStatus::Waiting) {
            return Err(PageError::new(409, format!("run {} does not wait for an answer", row.id)));
        }

        let skeleton = library.skeleton(&row.id)?;
        let waits = skeleton.waits.as_ref().map_or(&[][..], |waits| &waits.questions);
        let asked = waits.iter().find(|one| one.number == question).ok_or_else(|| {
            PageError::new(409, format!("run {} has no open question {question}", row.id))
        })?;
        if asked.due.is_some_and(|due| due <= clock::Stamp::now().0) {
            return Err(PageError::new(
                409,
                "it is too late to answer: the question has timed out",
            )
            .help(format!("`kaizen resume {}` continues the run", row.id)));
        }

        asked.question.read(&answer).map_err(|reason| PageError::new(400, reason))?;
        let value = quoted(answer.trim());
        let command = format!("kaizen answer {}:{question} {value}", row.id);
        Ok(json!({ "ok": true, "run": row.id, "command": command }))
    });
    Ok(answer_of(&found.await?))
}

/// Writes a text so that a shell takes it as one word and as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Makes the report of a run, as `kaizen report` does.
pub(in crate::cli) async fn report(
    State(desk): State<Desk>,
    body: PostBody<ReportRequest>,
) -> PageAnswer {
    let ReportRequest { run } = read(body)?;
    let wanted = ReportOptions {
        project: desk.project.to_string(),
        runs: vec![run],
        learning: Vec::new(),
        texts: TextAmount::Short,
        counts_demo: desk.counts_demo,
    };

    let made = desk.reader.ask(move |library| build(library, &wanted)).await?;
    let name = format!("attachment; filename=\"report-{}.html\"", made.first);
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, made.text).into_response())
}
