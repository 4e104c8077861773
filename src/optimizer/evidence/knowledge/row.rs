//! Reading single rows of what was learned, and remembering those that cannot be read.

use super::amendment::Amendment;
use super::{FailureClass, KnowledgeError, KnownObservation};
use crate::base::clock::Stamp;
use crate::base::failure::Lesson;
use crate::optimizer::evidence::feature;
use crate::optimizer::evidence::lesson::lesson;
use crate::optimizer::evidence::observation::{Observation, ObservationSource};
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::learner::ExecutionOutcome;
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};
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
            Err(KnowledgeError::Sqlite(error)) if error.sqlite_error().is_some() => {
                Err(error.into())
            }
            Err(error) => {
                let reason = match error {
                    KnowledgeError::Sqlite(error) => error.to_string(),
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

/// Reads an observation, if it says something about its pattern or what that needs.
pub(super) fn seen<'a>(row: &'a Row<'_>) -> Result<Option<KnownObservation<'a>>, KnowledgeError> {
    let kind = row.get_ref(9)?.as_str().ok();
    let taught = kind.map(lesson);
    let is_outage = taught.is_some_and(Lesson::is_outage);
    if taught.is_some_and(|taught| !taught.blames_pattern() && !is_outage) {
        return Ok(None);
    }

    let text = |column: usize| {
        let value = row.get_ref(column)?;
        let name = row.as_ref().column_name(column)?;
        let wrong =
            |_| rusqlite::Error::InvalidColumnType(column, name.to_owned(), value.data_type());
        value.as_str().map_err(wrong)
    };

    let is_demo = text(4)? == ObservationSource::Demo.word();
    let source = if is_demo { ObservationSource::Demo } else { ObservationSource::Live };
    let success = row.get(5)?;
    let quality = row.get(6)?;
    let outcome = ExecutionOutcome { success, quality, time: row.get(7)?, cost: row.get(8)? };
    let at = row.get(1)?;
    let task = text(2)?;
    let pattern = text(3)?;
    let amends = amends(row, 12, 10)?;
    let of = if amends.is_some() { None } else { row.get_ref(10)?.as_str().ok() };
    let of = of.and_then(feature::kept);

    Ok(Some(KnownObservation { at, task, pattern, source, outcome, is_outage, of, amends }))
}

/// Reads what an observation changes, if it amends another one: the columns of the name of that one and of
/// what is kept with this one.
fn amends(row: &Row<'_>, name: usize, extra: usize) -> Result<Option<Amendment>, KnowledgeError> {
    if row.get_ref(name)? == ValueRef::Null {
        return Ok(None);
    }

    let extra: String = row.get(extra)?;
    let wrong = || rusqlite::Error::InvalidColumnType(0, "extra".to_owned(), Type::Text);
    Ok(Some(Amendment::read(&extra).ok_or_else(wrong)?))
}

/// Reads an observation, without what no sum needs.
pub(super) fn observation(row: &Row<'_>) -> Result<Observation, KnowledgeError> {
    let is_demo = row.get_ref(2)?.as_str().is_ok_and(|word| word == ObservationSource::Demo.word());
    let (kind, message): (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);

    Ok(Observation {
        task: TaskType::stored(&row.get::<_, String>(0)?)?,
        pattern: Pattern::stored(&row.get::<_, String>(1)?)?,
        source: if is_demo { ObservationSource::Demo } else { ObservationSource::Live },
        at: Stamp(row.get(3)?),
        run: None,
        execution: None,
        success_rate: row.get(4)?,
        execution_time: row.get(5)?,
        score: row.get(6)?,
        cost: row.get(7)?,
        tokens: row.get::<_, Option<i64>>(8)?.map(i64::unsigned_abs),
        error: kind.map(|kind| (kind, message.unwrap_or_default())),
        extra: serde_json::Map::new(),
        amends: amends(row, 13, 14)?,
    })
}

/// Reads how often one kind of failure was seen.
pub(super) fn failures(row: &Row<'_>) -> Result<FailureClass, KnowledgeError> {
    let kind: String = row.get(2)?;
    Ok(FailureClass {
        task: row.get(0)?,
        pattern: row.get(1)?,
        lesson: lesson(&kind),
        kind,
        first_at: row.get(6)?,
        last_at: row.get(7)?,
        count: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
        message: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
    })
}

/// Names the observation in a row for people.
pub(super) fn name(row: &Row<'_>) -> String {
    let seq: i64 = row.get("seq").unwrap_or_default();
    let run: Option<String> = row.get("run").unwrap_or_default();
    let of_run = run.map_or_else(String::new, |run| format!(" (of run {run})"));
    format!("observation {seq}{of_run}")
}

/// Names the sums of a pattern, whose name is in a column, for people.
pub(super) fn sums(task: &str, row: &Row<'_>, column: usize) -> String {
    let pattern: String = row.get(column).unwrap_or_default();
    format!("what is known of `{pattern}` on `{task}`")
}
