//! Making what was learned of single rows, and remembering those that cannot be read.

use super::{FailureClass, KnowledgeError, KnownObservation};
use crate::base::clock::Stamp;
use crate::base::failure::Lesson;
use crate::optimizer::evidence::feature;
use crate::optimizer::evidence::lesson::lesson;
use crate::optimizer::evidence::observation::Observation;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::learner::ExecutionOutcome;
use crate::store::{
    ReadError, StoredFailures, StoredObservation, StoredOutcome, StoredSums, WholeObservation,
};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Rows that could not be read, in words.
#[derive(Debug, Default)]
pub(super) struct UnreadableRows(RefCell<BTreeSet<String>>);

impl UnreadableRows {
    /// Notes that a row cannot be read, unless it is the store that cannot.
    pub(super) fn skip<T>(
        &self,
        read: Result<T, KnowledgeError>,
        name: impl FnOnce() -> String,
    ) -> Result<Option<T>, KnowledgeError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(KnowledgeError::Read(error)) if error.is_of_store() => Err(error.into()),
            Err(error) => {
                let reason = match error {
                    KnowledgeError::Read(error) => error.to_string(),
                    other => other.to_string(),
                };
                self.0.borrow_mut().insert(format!("{} cannot be read: {reason}", name()));
                Ok(None)
            }
        }
    }

    /// Returns them.
    pub(super) fn named(&self) -> Vec<String> {
        self.0.borrow().iter().cloned().collect()
    }
}

/// Makes what a learner wants to know of an observation, if it says something about its pattern or what that needs.
pub(super) fn seen(
    row: StoredObservation<'_>,
) -> Result<Option<KnownObservation<'_>>, KnowledgeError> {
    let taught = row.kind.map(lesson);
    let is_outage = taught.is_some_and(Lesson::is_outage);
    if taught.is_some_and(|taught| !taught.blames_pattern() && !is_outage) {
        return Ok(None);
    }

    let outcome = row.outcome?;
    let StoredOutcome { at, task, pattern, source, success, quality, time, cost, .. } = outcome;
    let amends = outcome.amends;
    let of = if amends.is_some() { None } else { outcome.extra.and_then(feature::kept) };
    let outcome = ExecutionOutcome { success, quality, time, cost };
    Ok(Some(KnownObservation { at, task, pattern, source, outcome, is_outage, of, amends }))
}

/// Makes an observation of its row, without what no sum needs.
pub(super) fn observation(row: WholeObservation<'_>) -> Result<Observation, KnowledgeError> {
    let amends = row.amends;
    let row = row.row?;
    Ok(Observation {
        task: TaskType::stored(&row.task)?,
        pattern: Pattern::stored(&row.pattern)?,
        source: row.source,
        at: Stamp(row.at),
        run: None,
        execution: None,
        success_rate: row.success_rate,
        execution_time: row.execution_time,
        score: row.score,
        cost: row.cost,
        tokens: row.tokens,
        error: row.error,
        extra: serde_json::Map::new(),
        amends: amends?,
    })
}

/// Makes what is known of a pattern on a task type that is known already.
pub(super) fn sums(row: StoredSums<'_>) -> Result<(Pattern, PatternSums), KnowledgeError> {
    Ok((Pattern::stored(row.pattern?)?, row.sums?))
}

/// Makes what is known of a pattern on a task type.
pub(super) fn cell(
    task: Result<&str, ReadError>,
    row: StoredSums<'_>,
) -> Result<(TaskType, Pattern, PatternSums), KnowledgeError> {
    let task = TaskType::stored(task?)?;
    let (pattern, sums) = sums(row)?;
    Ok((task, pattern, sums))
}

/// Says how often one kind of failure was seen.
pub(super) fn failures(row: StoredFailures) -> FailureClass {
    FailureClass {
        task: row.task,
        pattern: row.pattern,
        lesson: lesson(&row.kind),
        kind: row.kind,
        first_at: row.first_at,
        last_at: row.last_at,
        count: row.count,
        message: row.message.unwrap_or_default(),
    }
}

/// Names an observation for people.
pub(super) fn name(seq: i64, run: Option<&str>) -> String {
    let of_run = run.map_or_else(String::new, |run| format!(" (of run {run})"));
    format!("observation {seq}{of_run}")
}

/// Names the sums of a pattern for people.
pub(super) fn name_of_sums(task: &str, pattern: &str) -> String {
    format!("what is known of `{pattern}` on `{task}`")
}
