//! Where experience is kept: the project's store, or a throw-away one in memory. An observation and
//! the sums it changes are written in one transaction, so that any number of processes may record
//! at once and nothing is lost.

use crate::base::failpoint::{self, Point};
use crate::optimizer::cell::{Cell, Sums};
use crate::optimizer::failure::{Lesson, lesson};
use crate::optimizer::insights::Cells;
use crate::optimizer::learner::Outcome;
use crate::optimizer::observation::{Observation, Source};
use crate::optimizer::pattern::{NameError, Pattern, TaskType};
use crate::store::writer::Writer;
use crate::store::{self, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::fmt;
use std::path::Path;
use std::rc::Rc;

/// Most failures that are looked back at.
const FAILURES_MAX: u32 = 10_000;

/// Experience that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQLite refused to read.
    #[error("reading what was learned: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored name is none.
    #[error("a stored name cannot be used: {0}")]
    Name(#[from] NameError),
}

/// How often one kind of failure was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureClass {
    /// The kind of task.
    pub task: String,
    /// The pattern that failed.
    pub pattern: String,
    /// The kind of failure.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// When it was first seen, in milliseconds since 1970.
    pub first_at: i64,
    /// When it was last seen.
    pub last_at: i64,
    /// The last message.
    pub message: String,
    /// What it teaches.
    pub lesson: Lesson,
}

/// What was learned.
pub struct Knowledge {
    reader: Connection,
    /// `None` for a store in memory, which has only one connection.
    writer: Option<Rc<Writer>>,
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knowledge").field("kept", &self.writer.is_some()).finish_non_exhaustive()
    }
}

impl Knowledge {
    /// Opens what the project's store knows.
    pub fn open(path: &Path, writer: Rc<Writer>) -> Result<Knowledge, KnowledgeError> {
        Ok(Knowledge { reader: store::open(path)?, writer: Some(writer) })
    }

    /// Opens a store for reading what it knows.
    pub fn read(reader: Connection) -> Knowledge {
        Knowledge { reader, writer: None }
    }

    /// Starts knowing nothing, and forgets everything in the end.
    pub fn in_memory() -> Result<Knowledge, KnowledgeError> {
        Ok(Knowledge { reader: store::open_in_memory()?, writer: None })
    }

    /// Starts from what a store knows, and changes nothing in it.
    pub fn copy_of(path: &Path) -> Result<Knowledge, KnowledgeError> {
        let reader = store::open_in_memory()?;
        if path.exists() {
            reader.execute("ATTACH ? AS disk", [path.to_string_lossy()])?;
            reader.execute_batch(
                "INSERT INTO observations SELECT * FROM disk.observations;
                 INSERT INTO cells SELECT * FROM disk.cells; DETACH disk;",
            )?;
        }
        Ok(Knowledge { reader, writer: None })
    }

    /// Records observations, all or none. Those that `counts` accepts and that say something about
    /// their pattern change what is recommended.
    pub async fn record(
        &self,
        seen: Vec<Observation>,
        counts: impl Fn(Source) -> bool,
    ) -> Result<(), KnowledgeError> {
        let rows: Vec<(Observation, bool)> = seen
            .into_iter()
            .map(|seen| {
                let counted = counts(seen.source) && seen.is_about_pattern();
                (seen, counted)
            })
            .collect();
        let change = move |tx: &Connection| {
            rows.iter().try_for_each(|(seen, counted)| {
                let is_new = insert(tx, seen)?;
                failpoint::pass(Point::ObservationHalf);
                if is_new && *counted { update(tx, seen) } else { Ok(()) }
            })
        };
        if let Some(writer) = &self.writer {
            writer.apply(Box::new(change)).await?;
            failpoint::pass(Point::ObservationKept);
            return Ok(());
        }
        let tx = self.reader.unchecked_transaction()?;
        change(&tx)?;
        Ok(tx.commit()?)
    }

    /// Returns what is known for one kind of task, pattern by pattern.
    pub fn cells(&self, task: &TaskType) -> Result<Vec<(Pattern, Cell)>, KnowledgeError> {
        let sql =
            format!("SELECT pattern, {COLUMNS} FROM cells WHERE task_type = ? ORDER BY pattern");
        let mut statement = self.reader.prepare_cached(&sql)?;
        let mut rows = statement.query([task.as_str()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((Pattern::new(&row.get::<_, String>(0)?)?, cell(row, 1)?));
        }
        Ok(found)
    }

    /// Gives every observation after `seq` that says something about its pattern, in the order in
    /// which they were recorded: its number, its time in milliseconds since 1970, the kind of task,
    /// the pattern, the source, and how it went.
    pub fn since(
        &self,
        seq: i64,
        mut each: impl FnMut(i64, i64, &str, &str, Source, &Outcome),
    ) -> Result<(), KnowledgeError> {
        let mut statement = self.reader.prepare_cached(
            "SELECT seq, at, task_type, pattern, source, success_rate, score, execution_time, cost,
                kind FROM observations WHERE seq > ? ORDER BY seq",
        )?;
        let mut rows = statement.query([seq])?;
        while let Some(row) = rows.next()? {
            let kind = row.get_ref(9)?.as_str().ok();
            if kind.is_some_and(|kind| !lesson(kind).blames_pattern()) {
                continue;
            }
            let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
            let source = if text(4)? == Source::Demo.word() { Source::Demo } else { Source::Live };
            let outcome = Outcome {
                success: row.get(5)?,
                quality: row.get(6)?,
                time: row.get(7)?,
                cost: row.get(8)?,
            };
            each(row.get(0)?, row.get(1)?, text(2)?, text(3)?, source, &outcome);
        }
        Ok(())
    }

    /// Returns the patterns that were seen on a kind of task or on others of its group: for
    /// `review/rust` also those of `review/go` and of `review`.
    pub fn patterns_near(&self, task: &TaskType) -> Result<Vec<Pattern>, KnowledgeError> {
        let group = task.as_str().rsplit_once('/').map_or(task.as_str(), |(group, _)| group);
        // `0` is what follows `/`: all names that begin with the group and `/` lie in between.
        let mut statement = self.reader.prepare_cached(
            "SELECT DISTINCT pattern FROM cells
             WHERE task_type = ?1 OR task_type > ?1 || '/' AND task_type < ?1 || '0'
             ORDER BY pattern",
        )?;
        let mut rows = statement.query([group])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Pattern::new(&row.get::<_, String>(0)?)?);
        }
        Ok(found)
    }

    /// Returns everything that is known.
    pub fn all(&self) -> Result<Cells, KnowledgeError> {
        let sql = format!("SELECT task_type, pattern, {COLUMNS} FROM cells");
        let mut statement = self.reader.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut found = Cells::new();
        while let Some(row) = rows.next()? {
            let task = TaskType::new(&row.get::<_, String>(0)?)?;
            let pattern = Pattern::new(&row.get::<_, String>(1)?)?;
            found.entry(task).or_default().insert(pattern, cell(row, 2)?);
        }
        Ok(found)
    }

    /// Returns how many observations of the demo model are kept.
    pub fn demo_count(&self) -> Result<u64, KnowledgeError> {
        let sql = "SELECT count(*) FROM observations WHERE source = 'demo'";
        let count: i64 = self.reader.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Returns the failures of the newest observations by kind, the most frequent first; of one
    /// kind of task, or of all.
    pub fn failures(&self, task: Option<&TaskType>) -> Result<Vec<FailureClass>, KnowledgeError> {
        let mut statement = self.reader.prepare(
            "SELECT task_type, pattern, kind, count(*), message, max(seq), min(at), max(at) FROM (
                SELECT * FROM observations WHERE kind IS NOT NULL AND (?1 IS NULL OR task_type = ?1)
                ORDER BY seq DESC LIMIT ?2)
             GROUP BY task_type, pattern, kind ORDER BY count(*) DESC, task_type, pattern, kind",
        )?;
        let rows =
            statement.query_map(params![task.map(TaskType::as_str), FAILURES_MAX], |row| {
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
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Compares the counts in the sums with the observations, and names what differs.
    pub fn check(&self) -> Result<Vec<String>, KnowledgeError> {
        let mut statement = self.reader.prepare(
            "SELECT c.task_type, c.pattern, c.n, count(o.seq) FROM cells c
             LEFT JOIN observations o ON o.task_type = c.task_type AND o.pattern = c.pattern
             GROUP BY c.task_type, c.pattern HAVING c.n > count(o.seq)",
        )?;
        let rows = statement.query_map([], |row| {
            let (task, pattern): (String, String) = (row.get(0)?, row.get(1)?);
            let (n, seen): (i64, i64) = (row.get(2)?, row.get(3)?);
            Ok(format!("`{pattern}` on `{task}` counts {n}, but {seen} observations are kept"))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

const COLUMNS: &str = "n, success_sum, time_n, time_sum, time_sum2, score_n, score_sum, score_sum2,
    cost_n, cost_sum, tokens_n, tokens_sum, recent_ok, recent_failed, failures, streak, strikes,
    avoid_until, last_at, last_kind, last_message";

/// Reads a cell from the columns that start at `at`.
fn cell(row: &Row<'_>, at: usize) -> rusqlite::Result<Cell> {
    let count = |column: usize| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, i64>(at + column)?).unwrap_or(0))
    };
    let sums = |column: usize, squares: bool| -> rusqlite::Result<Sums> {
        let squares = if squares { row.get(at + column + 2)? } else { 0.0 };
        Ok(Sums { n: count(column)?, sum: row.get(at + column + 1)?, squares })
    };
    let kind: Option<String> = row.get(at + 19)?;
    let message: Option<String> = row.get(at + 20)?;
    Ok(Cell {
        n: count(0)?,
        success_sum: row.get(at + 1)?,
        time: sums(2, true)?,
        score: sums(5, true)?,
        cost: sums(8, false)?,
        tokens: sums(10, false)?,
        recent_ok: row.get(at + 12)?,
        recent_failed: row.get(at + 13)?,
        failures: count(14)?,
        streak: count(15)?,
        strikes: u32::try_from(count(16)?).unwrap_or(u32::MAX),
        avoid_until: row.get(at + 17)?,
        last_at: row.get(at + 18)?,
        last_error: kind.map(|kind| (kind, message.unwrap_or_default())),
    })
}

/// Inserts an observation; false if its execution was recorded before.
fn insert(tx: &Connection, seen: &Observation) -> rusqlite::Result<bool> {
    let extra = serde_json::to_string(&seen.extra).unwrap_or_default();
    let (kind, message) = match &seen.error {
        Some((kind, message)) => (Some(kind), Some(message)),
        None => (None, None),
    };
    tx.prepare_cached(
        "INSERT INTO observations (at, task_type, pattern, source, run, success_rate,
            execution_time, score, cost, tokens, kind, message, extra, execution)
         VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
         ON CONFLICT (execution) WHERE execution IS NOT NULL DO NOTHING",
    )?
    .execute(params![
        seen.at.0,
        seen.task.as_str(),
        seen.pattern.as_str(),
        seen.source.word(),
        seen.run.as_ref().map(|run| &run.0),
        seen.success_rate,
        seen.execution_time,
        seen.score,
        seen.cost,
        seen.tokens.map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX)),
        kind,
        message,
        extra,
        seen.execution,
    ])
    .map(|count| count > 0)
}

/// Adds an observation to its sums. The transaction keeps every other writer out meanwhile.
fn update(tx: &Connection, seen: &Observation) -> rusqlite::Result<()> {
    let (task, pattern) = (seen.task.as_str(), seen.pattern.as_str());
    let sql = format!("SELECT {COLUMNS} FROM cells WHERE task_type = ? AND pattern = ?");
    let found =
        tx.prepare_cached(&sql)?.query_row([task, pattern], |row| cell(row, 0)).optional()?;
    let mut cell = found.unwrap_or_default();
    cell.add(seen);
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (kind, message) = cell.last_error.clone().unzip();
    let sql = format!(
        "INSERT OR REPLACE INTO cells (task_type, pattern, {COLUMNS})
         VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    );
    tx.prepare_cached(&sql)?.execute(params![
        task,
        pattern,
        whole(cell.n),
        cell.success_sum,
        whole(cell.time.n),
        cell.time.sum,
        cell.time.squares,
        whole(cell.score.n),
        cell.score.sum,
        cell.score.squares,
        whole(cell.cost.n),
        cell.cost.sum,
        whole(cell.tokens.n),
        cell.tokens.sum,
        cell.recent_ok,
        cell.recent_failed,
        whole(cell.failures),
        whole(cell.streak),
        cell.strikes,
        cell.avoid_until,
        cell.last_at,
        kind,
        message,
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn seen(task: &str, pattern: &str) -> Observation {
        let metrics = json!({ "success_rate": 1.0, "execution_time": 2.0, "score": 0.5 });
        let Value::Object(metrics) = metrics else { unreachable!("an object") };
        let task = TaskType::new(task).expect("a name");
        let pattern = Pattern::new(pattern).expect("a name");
        Observation::read(task, pattern, &metrics).expect("metrics")
    }

    #[tokio::test]
    async fn what_was_recorded_comes_back() {
        let knowledge = Knowledge::in_memory().expect("a store");
        let all = vec![seen("t", "p"), seen("t", "p")];
        knowledge.record(all, |_| true).await.expect("recorded");
        let cells = knowledge.cells(&TaskType::new("t").expect("a name")).expect("cells");
        let mut expected = Cell::default();
        expected.add(&seen("t", "p"));
        expected.add(&seen("t", "p"));
        assert_eq!(cells.len(), 1);
        assert_eq!((cells[0].1.n, cells[0].1.score), (expected.n, expected.score));
        assert_eq!(cells[0].1.time, expected.time);
    }

    #[tokio::test]
    async fn k4_names_with_colons_do_not_leak_into_one_another() {
        let knowledge = Knowledge::in_memory().expect("a store");
        knowledge
            .record(vec![seen("a:b", "c"), seen("a", "b:c")], |_| true)
            .await
            .expect("recorded");
        let names = |task: &str| {
            let cells = knowledge.cells(&TaskType::new(task).expect("a name")).expect("cells");
            cells.into_iter().map(|(pattern, _)| pattern.to_string()).collect::<Vec<_>>()
        };
        assert_eq!((names("a:b"), names("a")), (vec!["c".to_owned()], vec!["b:c".to_owned()]));
    }

    #[tokio::test]
    async fn what_does_not_count_is_kept_but_not_summed() {
        let knowledge = Knowledge::in_memory().expect("a store");
        let mut demo = seen("t", "p");
        demo.source = Source::Demo;
        knowledge.record(vec![demo], |source| source == Source::Live).await.expect("recorded");
        assert!(knowledge.all().expect("cells").is_empty());
        assert_eq!(knowledge.demo_count().expect("a count"), 1);
    }

    #[test]
    fn k8_two_writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kaizen.db");
        let each = |path: std::path::PathBuf| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.expect("a runtime").block_on(async {
                    let connection = store::open(&path).expect("a store");
                    let writer = Rc::new(Writer::start(connection, &path));
                    let knowledge = Knowledge::open(&path, writer).expect("a store");
                    for _ in 0..150 {
                        knowledge.record(vec![seen("t", "p")], |_| true).await.expect("recorded");
                    }
                });
            })
        };
        let threads = [each(path.clone()), each(path.clone())];
        for thread in threads {
            thread.join().expect("no panic");
        }
        let knowledge = Knowledge::read(store::open(&path).expect("a store"));
        let cells = knowledge.cells(&TaskType::new("t").expect("a name")).expect("cells");
        assert_eq!(cells[0].1.n, 300);
        assert_eq!(knowledge.check().expect("a check"), Vec::<String>::new());
    }
}
