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
use crate::store::{StoreChange, StoreError, VerdictRow};
use rusqlite::{Connection, OptionalExtension};
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

/// The newest verdicts, of which those hold that were not taken back.
pub(super) const NEWEST: &str = "observations a WHERE a.amends IS NOT NULL AND a.seq =
    (SELECT max(b.seq) FROM observations b WHERE b.amends = a.amends)";

impl Knowledge {
    /// Returns how many executions on a kind of task people found good and bad, by pattern.
    pub fn verdicts(&self, task: &TaskType) -> Result<Vec<VerdictCount>, KnowledgeError> {
        let sql = format!(
            "SELECT a.pattern, a.extra FROM {NEWEST} AND a.task_type = ? ORDER BY a.pattern"
        );
        let mut statement = self.reader()?.prepare_cached(&sql)?;
        let mut rows = statement.query([task.as_str()])?;

        let mut found: Vec<VerdictCount> = Vec::new();
        while let Some(row) = rows.next()? {
            let pattern: String = row.get(0)?;
            let Some(good) = Amendment::read(&row.get::<_, String>(1)?).and_then(|one| one.good)
            else {
                continue;
            };
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

/// Tells whether people have judged executions on a kind of task.
pub fn has_verdicts(store: &Connection, task: &str) -> Result<bool, KnowledgeError> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM observations WHERE amends IS NOT NULL AND task_type = ?)";
    Ok(store.prepare_cached(sql)?.query_row([task], |row| row.get(0))?)
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
pub fn teaches(store: &Connection, execution: &str) -> Result<bool, KnowledgeError> {
    let sql = "SELECT source, kind FROM observations WHERE execution = ?";
    let found = store.prepare_cached(sql)?.query_row([execution], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
    });
    Ok(found.optional()?.is_some_and(|(source, kind)| {
        source == ObservationSource::Live.word()
            && kind.is_none_or(|kind| lesson(&kind).blames_pattern())
    }))
}
