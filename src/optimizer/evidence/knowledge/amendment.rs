//! Verdicts of people on executions that were recorded. A verdict is an observation of its own that amends
//! another one: its score takes the place of the one before. Nothing that is stored is rewritten, and the last
//! verdict holds.

use super::{Knowledge, KnowledgeError, keep_sums, kept_sums};
use crate::base::id::RunId;
use crate::optimizer::evidence::lesson::lesson;
use crate::optimizer::evidence::observation::ObservationSource;
use crate::optimizer::evidence::pattern::TaskType;
use crate::store::StoreError;
use crate::store::writer::Writer;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

/// What was said of an execution before, and how much was recorded since.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Amendment {
    /// The score that counted so far.
    pub before: Option<f64>,
    /// How many executions on the same kind of task were recorded after the one that is amended.
    pub ago: u32,
    /// Whether a person found the answer good; `None` takes the verdict back.
    pub good: Option<bool>,
}

impl Amendment {
    /// Reads it from what is kept with an observation.
    pub(super) fn read(extra: &str) -> Option<Amendment> {
        serde_json::from_str(extra).ok()
    }
}

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

/// What became of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictEffect {
    /// The execution counts with it from now on.
    Learned,
    /// It is the verdict that holds already.
    Known,
    /// No execution of this name was recorded.
    NotRecorded,
    /// The demo model answered, which says nothing of the pattern.
    Demo,
    /// The execution failed through no fault of its pattern.
    NotCounted,
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

/// Keeps a verdict as an observation that amends another one, with the sums that it changes.
pub fn amend(tx: &Connection, verdict: &AnswerVerdict) -> rusqlite::Result<VerdictEffect> {
    let AnswerVerdict { execution, at, run, good } = verdict;
    let sql = "SELECT task_type, pattern, source, kind, score, seq FROM observations
        WHERE execution = ?";
    let found = tx.prepare_cached(sql)?.query_row([execution], |row| {
        let (task, pattern): (String, String) = (row.get(0)?, row.get(1)?);
        let (source, kind): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        Ok((task, pattern, source, kind, row.get::<_, Option<f64>>(4)?, row.get::<_, i64>(5)?))
    });
    let Some((task, pattern, source, kind, judged, seq)) = found.optional()? else {
        return Ok(VerdictEffect::NotRecorded);
    };

    if source != ObservationSource::Live.word() {
        return Ok(VerdictEffect::Demo);
    }
    if kind.is_some_and(|kind| !lesson(&kind).blames_pattern()) {
        return Ok(VerdictEffect::NotCounted);
    }

    let sql = "SELECT score, extra FROM observations WHERE amends = ? ORDER BY seq DESC LIMIT 1";
    let last = tx.prepare_cached(sql)?.query_row([execution], |row| {
        Ok((row.get::<_, Option<f64>>(0)?, row.get::<_, String>(1)?))
    });
    let last = last.optional()?;
    let said = last.as_ref().and_then(|(_, extra)| Amendment::read(extra)?.good);
    if said == *good {
        return Ok(VerdictEffect::Known);
    }

    let before = last.map_or(judged, |(score, _)| score);
    let now = good.map_or(judged, |good| Some(f64::from(u8::from(good))));
    let sql =
        "SELECT count(*) FROM observations WHERE task_type = ? AND seq > ? AND amends IS NULL";
    let ago = tx.prepare_cached(sql)?.query_row(params![task, seq], |row| row.get(0))?;
    let extra = json!(Amendment { before, ago, good: *good }).to_string();

    let sql = "INSERT INTO main.observations (at, task_type, pattern, source, run, success_rate,
            execution_time, score, cost, tokens, extra, amends)
        SELECT ?, task_type, pattern, source, ?, success_rate, execution_time, ?, cost, tokens, ?,
            execution FROM observations WHERE seq = ?";
    tx.prepare_cached(sql)?.execute(params![at, run.0, now, extra, seq])?;

    let mut sums = kept_sums(tx, &task, &pattern)?;
    sums.amend(before, now);
    keep_sums(tx, &task, &pattern, &sums)?;
    Ok(VerdictEffect::Learned)
}

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
    let told = effect.clone();

    let change = Box::new(move |tx: &Connection| {
        *told.lock().unwrap_or_else(PoisonError::into_inner) = amend(tx, &verdict)?;
        Ok(())
    });
    writer.apply(change).await?;
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
