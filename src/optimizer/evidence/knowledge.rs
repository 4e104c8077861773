//! Where experience is kept: the project's store, or a throw-away one in memory. An observation and
//! the sums it changes are written in one transaction, so that any number of processes may record
//! at once and nothing is lost.

pub mod amendment;
mod row;
mod snapshot;

use crate::base::failpoint::{self, Failpoint};
use crate::base::failure::Lesson;
use crate::optimizer::evidence::audit::Audit;
use crate::optimizer::evidence::feature::Features;
use crate::optimizer::evidence::insights::Cells;
use crate::optimizer::evidence::knowledge::amendment::{Amendment, NEWEST};
use crate::optimizer::evidence::knowledge::row::UnreadableRows;
use crate::optimizer::evidence::observation::{Observation, ObservationSource};
use crate::optimizer::evidence::pattern::{NameError, Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::learner::ExecutionOutcome;
use crate::store::cell::{self, SUMS};
use crate::store::sums::{UNSAID, UNSAID_MESSAGE};
use crate::store::writer::{Writer, carry_out};
use crate::store::{self, ObservationRow, StoreChange, StoreError};
use rusqlite::{Connection, Params, params};
use std::fmt;
use std::path::Path;
use std::rc::Rc;

/// Most failures that are looked back at.
const FAILURES_MAX: u32 = 10_000;

/// The kind of a failure that a person found: an answer that is wrong.
const WRONG: &str = "wrong_answer";
/// What is said of such a failure.
const WRONG_MESSAGE: &str = "a person judged the answer as bad";

/// Experience that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQLite refused to read.
    #[error("cannot read learned data: {0}")]
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

/// An observation, as far as the learner wants to know.
#[derive(Debug)]
pub struct KnownObservation<'a> {
    /// When it was made, in milliseconds since 1970.
    pub at: i64,
    /// The kind of task.
    pub task: &'a str,
    /// The pattern.
    pub pattern: &'a str,
    /// Where it comes from.
    pub source: ObservationSource,
    /// How it went.
    pub outcome: ExecutionOutcome,
    /// Whether it failed because something that the pattern needs did not work, such as the provider.
    pub is_outage: bool,
    /// What was known of the input beforehand, and for which kind of task that was told.
    pub of: Option<(String, Features)>,
    /// What it changes, if it is the verdict of a person on an execution that was recorded before.
    pub amends: Option<Amendment>,
}

/// Makes the tables of a store that is attached as `disk` readable together with those in memory. The
/// transaction stays open, so that `disk` stays as it is. The last observation is taken along, so
/// that the next one gets the next number.
const OVERLAY: &str = "
    BEGIN;
    INSERT INTO main.observations SELECT * FROM disk.observations ORDER BY seq DESC LIMIT 1;
    CREATE TEMP VIEW observations AS SELECT * FROM main.observations
        UNION ALL SELECT * FROM disk.observations
            WHERE seq NOT IN (SELECT seq FROM main.observations);
    CREATE TEMP VIEW cells AS SELECT * FROM main.cells
        UNION ALL SELECT * FROM disk.cells
            WHERE (task_type, pattern) NOT IN (SELECT task_type, pattern FROM main.cells);
    CREATE TEMP VIEW snapshots AS SELECT * FROM disk.snapshots;
";

/// What is read of an observation, and where from.
const SEEN: &str = "seq, at, task_type, pattern, source, success_rate, score, execution_time, cost,
    kind, extra, run, amends FROM observations";

/// The same of the executions on a kind of task, with the last verdicts of people on them.
const JUDGED: &str = "SELECT seq, at, task_type, pattern, source, success_rate,
    CASE WHEN execution IN (SELECT amends FROM observations WHERE task_type = ?1)
        THEN (SELECT a.score FROM observations a WHERE a.amends = o.execution
            ORDER BY a.seq DESC LIMIT 1) ELSE score END,
    execution_time, cost, kind, extra, run, amends
    FROM observations o WHERE task_type = ?1 AND amends IS NULL ORDER BY seq";

/// What is read of an observation for sums, and where from.
const WHOLE: &str =
    "task_type, pattern, source, at, success_rate, execution_time, score, cost, tokens,
    kind, message, seq, run, amends, extra FROM observations";

/// What was learned.
pub struct Knowledge {
    reader: Connection,
    /// `None` for a store in memory, which has only one connection, and for who only looks.
    writer: Option<Rc<Writer>>,
    /// Whether snapshots are kept all the same.
    keeps: bool,
    /// Rows that could not be read.
    unread: UnreadableRows,
    /// Whether it begins with what a store knows, and changes nothing there.
    is_copy: bool,
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knowledge").field("kept", &self.writer.is_some()).finish_non_exhaustive()
    }
}

impl Knowledge {
    fn over(reader: Connection, writer: Option<Rc<Writer>>, keeps: bool) -> Knowledge {
        let unread = UnreadableRows::default();
        Knowledge { reader, writer, keeps, unread, is_copy: false }
    }

    /// Returns what could not be read so far, in words. Everything else was used.
    pub fn damage(&self) -> Vec<String> {
        self.unread.named()
    }

    /// Opens what the project's store knows.
    pub fn open(path: &Path, writer: Rc<Writer>) -> Result<Knowledge, KnowledgeError> {
        let reader = store::reopen(path)?;
        // It is closed before the writer, which alone knows whether the log is still the store's.
        store::keep_log(&reader, true);
        Ok(Knowledge::over(reader, Some(writer), true))
    }

    /// Opens a store for reading what it knows. Only snapshots of the learner are written.
    pub fn read(reader: Connection) -> Knowledge {
        Knowledge::over(reader, None, true)
    }

    /// Starts knowing nothing, and forgets everything in the end.
    pub fn in_memory() -> Result<Knowledge, KnowledgeError> {
        Ok(Knowledge::over(store::open_in_memory()?, None, false))
    }

    /// Starts from what a store knows at this moment, and changes nothing in it: what is recorded
    /// goes to tables in memory, and reads see both.
    pub fn copy_of(path: &Path) -> Result<Knowledge, KnowledgeError> {
        let reader = store::open_in_memory()?;

        if path.exists() {
            reader.execute("ATTACH ? AS disk", [store::name_to_read(path)])?;
            reader.execute_batch(OVERLAY)?;
        }

        Ok(Knowledge { is_copy: true, ..Knowledge::over(reader, None, false) })
    }

    /// Records observations, all or none. Those that `counts` accepts and that say something about
    /// their pattern change what is recommended.
    pub async fn record(
        &self,
        seen: Vec<Observation>,
        counts: impl Fn(ObservationSource) -> bool,
    ) -> Result<(), KnowledgeError> {
        let change = StoreChange::Observations(rows(seen, counts));
        let Some(writer) = &self.writer else { return self.keep_here(&change) };

        writer.apply(change).await?;
        failpoint::pass(Failpoint::ObservationKept);
        Ok(())
    }

    /// Records observations soon, and waits for nothing. Who reads here finds them; `Writer::settle_gathered`
    /// waits until they are committed.
    pub fn record_soon(
        &self,
        seen: Observation,
        counts: impl Fn(ObservationSource) -> bool,
    ) -> Result<(), KnowledgeError> {
        let row = row_of(seen, counts);
        match &self.writer {
            Some(writer) => Ok(writer.gather(row)?),
            None => self.keep_here(&StoreChange::Observations(vec![row])),
        }
    }

    /// Keeps observations where there is no writer.
    fn keep_here(&self, change: &StoreChange) -> Result<(), KnowledgeError> {
        // No transaction, since a copy is in one already.
        self.reader.execute_batch("SAVEPOINT record")?;
        let changed = carry_out(&self.reader, change);
        let end = if changed.is_ok() { "" } else { "ROLLBACK TO record;" };
        self.reader.execute_batch(&format!("{end} RELEASE record"))?;
        Ok(changed?)
    }

    /// Returns the connection that reads, once it can see everything that was recorded.
    fn reader(&self) -> Result<&Connection, KnowledgeError> {
        if let Some(writer) = &self.writer {
            writer.settle_gathered()?;
        }
        Ok(&self.reader)
    }

    /// Returns what is known for one kind of task, pattern by pattern.
    pub fn cells(&self, task: &TaskType) -> Result<Vec<(Pattern, PatternSums)>, KnowledgeError> {
        let sql = format!("SELECT pattern, {SUMS} FROM cells WHERE task_type = ? ORDER BY pattern");
        let mut statement = self.reader()?.prepare_cached(&sql)?;
        let mut rows = statement.query([task.as_str()])?;

        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let read = || Ok((Pattern::stored(&row.get::<_, String>(0)?)?, cell::sums(row, 1)?));
            found.extend(self.unread.skip(read(), || row::sums(task.as_str(), row, 0))?);
        }
        Ok(found)
    }

    /// Gives every observation after `seq` and up to `end` that says something about its pattern, in
    /// the order in which they were recorded. Returns the number and the time of the last one that
    /// was looked at. The store has one writer at a time, so a smaller number never comes later.
    pub fn since(
        &self,
        seq: i64,
        end: i64,
        each: impl FnMut(&KnownObservation<'_>),
    ) -> Result<Option<(i64, i64)>, KnowledgeError> {
        let sql = format!("SELECT {SEEN} WHERE seq > ? AND seq <= ? ORDER BY seq");
        self.each(&sql, params![seq, end], each)
    }

    /// Gives every observation of a kind of task that says something about its pattern, or what that
    /// needs.
    pub fn of_task(
        &self,
        task: &TaskType,
        each: impl FnMut(&KnownObservation<'_>),
    ) -> Result<(), KnowledgeError> {
        self.each(JUDGED, params![task.as_str()], each).map(drop)
    }

    fn each(
        &self,
        sql: &str,
        with: impl Params,
        mut each: impl FnMut(&KnownObservation<'_>),
    ) -> Result<Option<(i64, i64)>, KnowledgeError> {
        let mut statement = self.reader()?.prepare_cached(sql)?;
        let mut rows = statement.query(with)?;

        let mut last = None;
        while let Some(row) = rows.next()? {
            let seq = row.get(0)?;
            // A time that cannot be read is none; what was looked at counts all the same.
            last = Some((seq, row.get_ref(1)?.as_i64().unwrap_or(0)));
            if let Some(Some(seen)) = self.unread.skip(row::seen(row), || row::name(row))? {
                each(&seen);
            }
        }

        Ok(last)
    }

    /// Returns the number of the last observation; 0 without any.
    pub fn end(&self) -> Result<i64, KnowledgeError> {
        last_observation(self.reader()?)
    }

    /// Gives every observation after `seq` and up to `end`, without what no sum needs, in the order in
    /// which they were recorded.
    pub fn observations(
        &self,
        seq: i64,
        end: i64,
        mut each: impl FnMut(Observation),
    ) -> Result<(), KnowledgeError> {
        let sql = format!("SELECT {WHOLE} WHERE seq > ? AND seq <= ? ORDER BY seq");
        let mut statement = self.reader()?.prepare_cached(&sql)?;
        let mut rows = statement.query(params![seq, end])?;
        while let Some(row) = rows.next()? {
            if let Some(seen) = self.unread.skip(row::observation(row), || row::name(row))? {
                each(seen);
            }
        }

        Ok(())
    }

    /// Tells whether everything is forgotten in the end.
    pub fn is_in_memory(&self) -> bool {
        !self.keeps && !self.is_copy
    }

    /// Returns everything that is known.
    pub fn all(&self) -> Result<Cells, KnowledgeError> {
        let sql = format!("SELECT task_type, pattern, {SUMS} FROM cells");
        let mut statement = self.reader()?.prepare(&sql)?;
        let mut rows = statement.query([])?;

        let mut found = Cells::new();
        while let Some(row) = rows.next()? {
            let read = || {
                let task = TaskType::stored(&row.get::<_, String>(0)?)?;
                let pattern = Pattern::stored(&row.get::<_, String>(1)?)?;
                Ok((task, pattern, cell::sums(row, 2)?))
            };
            let sums = || row::sums(&row.get::<_, String>(0).unwrap_or_default(), row, 1);
            if let Some((task, pattern, cell)) = self.unread.skip(read(), sums)? {
                found.entry(task).or_default().insert(pattern, cell);
            }
        }

        Ok(found)
    }

    /// Tells whether what only the demo model did is in the sums, because a script wanted it so.
    pub fn counts_demo(&self) -> Result<bool, KnowledgeError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM observations WHERE source = 'demo') AND EXISTS (
            SELECT 1 FROM cells c WHERE NOT EXISTS (SELECT 1 FROM observations o
            WHERE o.task_type = c.task_type AND o.pattern = c.pattern AND o.source = 'live'))";
        Ok(self.reader()?.query_row(sql, [], |row| row.get(0))?)
    }

    /// Returns how many observations of the demo model are kept.
    pub fn demo_count(&self) -> Result<u64, KnowledgeError> {
        let sql = "SELECT count(*) FROM observations WHERE source = 'demo'";
        let count: i64 = self.reader()?.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Returns the failures of the newest observations by kind, the most frequent first; of one
    /// kind of task, or of all.
    pub fn failures(&self, task: Option<&TaskType>) -> Result<Vec<FailureClass>, KnowledgeError> {
        // Told apart in the text, so that each of them finds its index.
        let of = if task.is_some() { "task_type = ?2" } else { "?2 IS NULL" };
        let mut statement = self.reader()?.prepare(&format!(
            "SELECT task_type, pattern, kind, count(*), message, max(seq), min(at), max(at) FROM (
                SELECT task_type, pattern, coalesce(kind, '{UNSAID}') AS kind,
                    coalesce(message, '{UNSAID_MESSAGE}') AS message, seq, at
                FROM observations WHERE (kind IS NOT NULL OR success_rate < 0.5) AND {of}
                    AND amends IS NULL
                UNION ALL SELECT task_type, pattern, '{WRONG}', '{WRONG_MESSAGE}', seq, at
                    FROM {NEWEST} AND json_extract(extra, '$.good') = 0 AND {of}
                ORDER BY seq DESC LIMIT ?1)
             GROUP BY task_type, pattern, kind ORDER BY count(*) DESC, task_type, pattern, kind",
        ))?;
        let with = params![FAILURES_MAX, task.map(TaskType::as_str)];
        let mut rows = statement.query(with)?;

        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let class = self.unread.skip(row::failures(row), || "a kind of failure".to_owned())?;
            found.extend(class);
        }

        Ok(found)
    }

    /// Compares the sums with the observations, as they are at one moment, and names what differs.
    pub fn check(&self) -> Result<Vec<String>, KnowledgeError> {
        // A copy is in a transaction already.
        let reader = self.reader()?;
        let is_free = reader.is_autocommit();
        let _moment = is_free.then(|| reader.unchecked_transaction()).transpose()?;

        let mut audit = Audit::default();
        self.observations(0, i64::MAX, |seen| audit.add(&seen))?;
        let mut faults = audit.compare(&self.all()?);

        faults.extend(self.damage());
        Ok(faults)
    }
}

/// Makes the rows of observations; each says whether it changes the sums.
fn rows(seen: Vec<Observation>, counts: impl Fn(ObservationSource) -> bool) -> Vec<ObservationRow> {
    seen.into_iter().map(|seen| row_of(seen, &counts)).collect()
}

fn row_of(seen: Observation, counts: impl Fn(ObservationSource) -> bool) -> ObservationRow {
    let is_counted = counts(seen.source) && seen.is_about_pattern();
    seen.into_row(is_counted)
}

/// Returns the number of the last observation in a store; 0 without any.
pub fn last_observation(store: &Connection) -> Result<i64, KnowledgeError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM observations";
    Ok(store.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Returns the task types of the observations after one; at most so many of them.
pub fn tasks_since(
    store: &Connection,
    seq: i64,
    most: usize,
) -> Result<Vec<String>, KnowledgeError> {
    let sql = "SELECT DISTINCT task_type FROM observations WHERE seq > ? LIMIT ?";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = store.prepare_cached(sql)?;
    let found = rows.query_map([seq, most], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::durability::Durability;
    use serde_json::{Value, json};
    use std::time::Duration;

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
        let mut expected = PatternSums::default();
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
        demo.source = ObservationSource::Demo;
        knowledge
            .record(vec![demo], |source| source == ObservationSource::Live)
            .await
            .expect("recorded");

        assert!(knowledge.all().expect("cells").is_empty());
        assert_eq!(knowledge.demo_count().expect("a count"), 1);
    }

    #[test]
    fn numbers_follow_the_order_of_commits() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kaizen.db");
        let first = store::open(&path);
        let second = store::open(&path);
        let first = first.expect("a store");
        let second = second.expect("a store");
        second.busy_timeout(Duration::ZERO).expect("a time");

        first.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        let record = |store: &Connection, pattern: &str| {
            let row = row_of(seen("t", pattern), |_| true);
            carry_out(store, &StoreChange::Observations(vec![row]))
        };
        record(&first, "first").expect("not committed yet");
        record(&second, "second").expect_err("nobody else gets a number meanwhile");
        first.execute_batch("COMMIT").expect("committed");
        record(&second, "second").expect("the next number");

        let mut order = Vec::new();
        let each = |seen: &KnownObservation<'_>| order.push(seen.pattern.to_owned());
        let last = Knowledge::read(second).since(0, i64::MAX, each).expect("read");

        assert_eq!(
            (last.map(|last| last.0), order.join(", ")),
            (Some(2), "first, second".to_owned())
        );
    }

    #[tokio::test]
    async fn a_copy_sees_what_was_known_and_what_is_added_and_leaves_the_store_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kaizen.db");
        let disk = Knowledge::read(store::open(&path).expect("a store"));
        disk.record(vec![seen("t", "p"), seen("t", "q")], |_| true).await.expect("recorded");

        let copy = Knowledge::copy_of(&path).expect("a copy");
        disk.record(vec![seen("t", "p")], |_| true).await.expect("the store goes on");
        copy.record(vec![seen("t", "p"), seen("u", "p")], |_| true).await.expect("recorded");

        let known = |knowledge: &Knowledge| {
            let mut order = Vec::new();
            let each =
                |seen: &KnownObservation<'_>| order.push(format!("{} {}", seen.task, seen.pattern));
            let (last, _) = knowledge.since(0, i64::MAX, each).expect("read").expect("some");
            let all = knowledge.all().expect("cells");
            let counts = all.values().flat_map(|cells| cells.values().map(|cell| cell.n));
            (last, order.join(", "), counts.collect::<Vec<_>>())
        };

        assert_eq!(known(&copy), (4, "t p, t q, t p, u p".to_owned(), vec![2, 1, 1]));
        assert_eq!(known(&disk), (3, "t p, t q, t p".to_owned(), vec![2, 1]));
        assert_eq!(copy.check().expect("a check"), Vec::<String>::new());

        let copy = Knowledge::copy_of(&folder.path().join("none")).expect("nothing");
        copy.record(vec![seen("t", "p")], |_| true).await.expect("recorded");
        assert_eq!(known(&copy).0, 1);
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
                    let writer = Rc::new(Writer::start(connection, &path, Durability::Process));
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
