//! Verdicts of people on executions that were recorded. A verdict is an observation of its own that amends
//! another one: its score takes the place of the one before. Nothing that is stored is rewritten, and the last
//! verdict holds.

use super::{Knowledge, KnowledgeError};
use crate::base::id::RunId;
use crate::optimizer::evidence::lesson::lesson;
use crate::optimizer::evidence::observation::ObservationSource;
use crate::optimizer::evidence::pattern::TaskType;
use crate::store::writer::Writer;
pub use crate::store::{Amendment, VerdictEffect};
use crate::store::{Reader, StoreChange, StoreError, VerdictRow};
use std::sync::{Arc, Mutex, PoisonError};

/// A verdict of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerVerdict {
    /// The name of the execution.
    pub execution: String,
    /// When it was given, in milliseconds since 1970.
    pub at: i64,
    /// The run whose answer it is about.
    pub run: RunId,
    /// Whether the answer is good; `None` takes the verdict back.
    pub good: Option<bool>,
}

/// How many executions of a pattern people found good and bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictCount {
    /// The pattern.
    pub pattern: String,
    /// Good answers.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
}

impl Knowledge {
    /// Returns how many executions of a task type people found good and bad, by pattern.
    pub fn verdicts(&self, task: &TaskType) -> Result<Vec<VerdictCount>, KnowledgeError> {
        let mut found: Vec<VerdictCount> = Vec::new();
        for (pattern, good) in self.reader()?.verdicts(task.as_str())? {
            if found.last().is_none_or(|last| last.pattern != pattern) {
                found.push(VerdictCount { pattern, good: 0, bad: 0 });
            }
            if let Some(last) = found.last_mut() {
                last.good += u64::from(good);
                last.bad += u64::from(!good);
            }
        }
        Ok(found)
    }
}

/// Tells whether people have judged executions of a task type.
pub fn has_verdicts(store: &Reader, task: &str) -> Result<bool, KnowledgeError> {
    Ok(store.has_verdicts(task)?)
}

/// Keeps a verdict, and tells what became of it.
pub async fn keep(writer: &Writer, verdict: AnswerVerdict) -> Result<VerdictEffect, StoreError> {
    let effect = Arc::new(Mutex::new(VerdictEffect::NotRecorded));
    let AnswerVerdict { execution, at, run, good } = verdict;
    let blames_pattern = |kind: &str| lesson(kind).blames_pattern();
    let row =
        VerdictRow { execution, at, run: run.0, good, blames_pattern, effect: effect.clone() };

    writer.apply(StoreChange::Verdict(row)).await?;
    let effect = *effect.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(effect)
}

/// Tells whether a verdict on an execution would be learned from.
pub fn teaches(store: &Reader, execution: &str) -> Result<bool, KnowledgeError> {
    Ok(store.execution(execution)?.is_some_and(|found| {
        found.source == ObservationSource::Live
            && found.kind.is_none_or(|kind| lesson(&kind).blames_pattern())
    }))
}
