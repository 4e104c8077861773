//! What people note about runs and their operations: notes and labels, append-only. A label that was taken
//! off is another row, and the last one counts.

use crate::base::id::{OpId, RunId};
use crate::base::secret;
use crate::base::word::words;
use crate::journal::history::HistoryError;
use crate::store::{AnnotationRow, Reader, StoreChange, StoredAnnotation};
use std::collections::HashMap;

words! {
    /// What kind of remark it is.
    AnnotationKind {
        /// A text.
        Note = "note",
        /// A label that is put on.
        Label = "label",
        /// A label that is taken off.
        Unlabel = "unlabel",
        /// Whether an answer is good: `good`, `bad`, or nothing to take it back.
        Verdict = "verdict",
    }
}

/// A remark of a person about a run or one of its operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// When it was made, in microseconds since 1970.
    pub at: i64,
    /// The run.
    pub run: RunId,
    /// The operation, if it is about one.
    pub op: Option<OpId>,
    /// What kind of remark it is.
    pub kind: AnnotationKind,
    /// The text, the label or the verdict.
    pub body: String,
}

/// What is noted about a run as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunRemarks {
    /// The newest note.
    pub note: Option<String>,
    /// The labels, in the order in which they were put on.
    pub labels: Vec<String>,
}

impl RunRemarks {
    /// Takes in the next remark.
    fn see(&mut self, remark: Annotation) {
        match remark.kind {
            _ if remark.op.is_some() => {}
            AnnotationKind::Note => self.note = Some(remark.body),
            AnnotationKind::Label if !self.labels.contains(&remark.body) => {
                self.labels.push(remark.body);
            }
            AnnotationKind::Unlabel => self.labels.retain(|label| *label != remark.body),
            AnnotationKind::Label | AnnotationKind::Verdict => {}
        }
    }
}

/// Most characters of a note.
const NOTE_MAX: usize = 2000;
/// Most characters of a label.
const LABEL_MAX: usize = 60;

/// Says why a text is no note, if it is none.
pub fn check_note(text: &str) -> Result<(), String> {
    let length = text.trim().chars().count();
    if (1..=NOTE_MAX).contains(&length) {
        return Ok(());
    }
    Err(format!("a note must have 1 to {NOTE_MAX} characters"))
}

/// Says why a text is no label, if it is none.
pub fn check_label(text: &str) -> Result<(), String> {
    let label = text.trim();
    let is_word = !label.is_empty() && !label.contains(char::is_whitespace);
    if is_word && label.chars().count() <= LABEL_MAX {
        return Ok(());
    }
    Err(format!("a label must be one word of at most {LABEL_MAX} characters"))
}

/// Makes the change that keeps a remark.
pub fn keep(remark: Annotation) -> StoreChange {
    StoreChange::Annotation(AnnotationRow {
        at: remark.at,
        run: remark.run.0,
        op: remark.op.map(|op| op.0),
        kind: remark.kind.word(),
        body: secret::scrubbed(remark.body),
    })
}

/// Returns what was noted about a run and its operations, oldest first.
pub fn of_run(store: &Reader, run: &RunId) -> Result<Vec<Annotation>, HistoryError> {
    Ok(store.annotations(Some(run))?.into_iter().filter_map(annotation).collect())
}

/// Returns what is noted about each run as a whole.
pub fn of_all(store: &Reader) -> Result<HashMap<RunId, RunRemarks>, HistoryError> {
    let mut found: HashMap<RunId, RunRemarks> = HashMap::new();

    for remark in store.annotations(None)?.into_iter().filter_map(annotation) {
        found.entry(remark.run.clone()).or_default().see(remark);
    }
    Ok(found)
}

/// Makes a remark of its row; `None` if it is of a kind that this version does not know.
fn annotation(row: StoredAnnotation) -> Option<Annotation> {
    let kind = AnnotationKind::of(&row.kind)?;
    Some(Annotation { at: row.at, run: row.run, op: row.op.map(OpId), kind, body: row.body })
}
