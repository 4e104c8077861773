//! Where experience is kept: the project's store, or a throw-away one in memory. An observation and
//! the sums it changes are written in one transaction, so that any number of processes may record
//! at once and nothing is lost.

pub mod amendment;
mod row;
mod snapshot;

use crate::base::failpoint::{self, Failpoint};
use crate::base::failure::Lesson;
use crate::base::id::RunId;
use crate::optimizer::evidence::audit::Audit;
use crate::optimizer::evidence::earlier::EarlierExecutions;
use crate::optimizer::evidence::feature::Features;
use crate::optimizer::evidence::insights::Cells;
use crate::optimizer::evidence::knowledge::amendment::Amendment;
use crate::optimizer::evidence::knowledge::row::UnreadableRows;
use crate::optimizer::evidence::observation::{Observation, ObservationSource};
use crate::optimizer::evidence::pattern::{NameError, Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::learner::ExecutionOutcome;
use crate::store::writer::Writer;
use crate::store::{
    self, ObservationChoice, ObservationRow, ReadError, Reader, RemoteFault, StoreChange,
    StoreError,
};
use std::cell::RefCell;
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
    /// The store cannot be read.
    #[error("cannot read learned data: {0}")]
    Read(#[from] ReadError),
    /// A stored name is none.
    #[error("a stored name cannot be used: {0}")]
    Name(#[from] NameError),
}

/// How often one kind of failure was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureClass {
    /// The task type.
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
    /// The task type.
    pub task: &'a str,
    /// The pattern.
    pub pattern: &'a str,
    /// Where it comes from.
    pub source: ObservationSource,
    /// How it went.
    pub outcome: ExecutionOutcome,
    /// Whether it failed because something that the pattern needs did not work, such as the provider.
    pub is_outage: bool,
    /// What was known of the input beforehand, and for which task type that was told.
    pub of: Option<(String, Features)>,
    /// What it changes, if it is the verdict of a person on an execution that was recorded before.
    pub amends: Option<Amendment>,
}

/// What was learned.
pub struct Knowledge {
    reader: Reader,
    /// `None` for a store in memory, which has only one connection, and for who only looks.
    writer: Option<Rc<Writer>>,
    /// Whether snapshots are kept all the same.
    keeps: bool,
    /// Rows that could not be read.
    unread: UnreadableRows,
    /// Whether it begins with what a store knows, and changes nothing there.
    is_copy: bool,
    /// What a resumed run may record again.
    earlier: Option<Rc<RefCell<EarlierExecutions>>>,
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knowledge").field("kept", &self.writer.is_some()).finish_non_exhaustive()
    }
}

impl Knowledge {
    fn over(reader: Reader, writer: Option<Rc<Writer>>, keeps: bool) -> Knowledge {
        let unread = UnreadableRows::default();
        Knowledge { reader, writer, keeps, unread, is_copy: false, earlier: None }
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
    pub fn read(reader: Reader) -> Knowledge {
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

        if path.exists() || store::is_on_server(path) {
            match reader.lay_over(path) {
                Err(ReadError::Server(RemoteFault::Lacking { .. })) => {}
                laid => laid?,
            }
        }

        Ok(Knowledge { is_copy: true, ..Knowledge::over(reader, None, false) })
    }

    /// Knows which executions a resumed run may record again.
    #[must_use]
    pub fn after(self, earlier: Rc<RefCell<EarlierExecutions>>) -> Knowledge {
        Knowledge { earlier: Some(earlier), ..self }
    }

    /// Finds the executions that a run may record again whose work began in other runs.
    pub fn earlier(
        &self,
        run: &RunId,
        workers: Vec<RunId>,
    ) -> Result<EarlierExecutions, KnowledgeError> {
        let mut recorded = Vec::new();
        for worker in &workers {
            recorded.extend(self.reader()?.executions_of(&worker.0)?);
        }
        Ok(EarlierExecutions::new(run.clone(), workers, recorded))
    }

    /// Gives an observation the name of the one that it repeats, if it repeats one.
    fn named(&self, mut seen: Observation) -> Observation {
        if let Some(earlier) = &self.earlier {
            seen.execution = earlier.borrow_mut().name(&seen);
        }
        seen
    }

    /// Records observations, all or none. Those that `counts` accepts and that say something about
    /// their pattern change what is recommended.
    pub async fn record(
        &self,
        seen: Vec<Observation>,
        counts: impl Fn(ObservationSource) -> bool,
    ) -> Result<(), KnowledgeError> {
        let seen = seen.into_iter().map(|seen| self.named(seen)).collect();
        let change = StoreChange::Observations(rows(seen, counts));
        let Some(writer) = &self.writer else { return Ok(self.reader.apply_here(&change)?) };

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
        let row = row_of(self.named(seen), counts);
        match &self.writer {
            Some(writer) => Ok(writer.gather(row)?),
            None => Ok(self.reader.apply_here(&StoreChange::Observations(vec![row]))?),
        }
    }

    /// Returns the store to read, once everything that was recorded can be seen in it.
    fn reader(&self) -> Result<&Reader, KnowledgeError> {
        if let Some(writer) = &self.writer {
            writer.settle_gathered()?;
        }
        Ok(&self.reader)
    }

    /// Returns what is known for one task type, pattern by pattern.
    pub fn cells(&self, task: &TaskType) -> Result<Vec<(Pattern, PatternSums)>, KnowledgeError> {
        let mut found = Vec::new();
        self.reader()?.sums_of(task.as_str(), |row| {
            let pattern = row.pattern.as_ref().copied().unwrap_or_default();
            let name = || row::name_of_sums(task.as_str(), pattern);
            found.extend(self.unread.skip(row::sums(row), name)?);
            Ok::<_, KnowledgeError>(())
        })?;
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
        self.each(ObservationChoice::Between(seq, end), each)
    }

    /// Gives every observation of a task type that says something about its pattern, or what that
    /// needs.
    pub fn of_task(
        &self,
        task: &TaskType,
        each: impl FnMut(&KnownObservation<'_>),
    ) -> Result<(), KnowledgeError> {
        self.each(ObservationChoice::OfTask(task.as_str()), each).map(drop)
    }

    fn each(
        &self,
        choice: ObservationChoice<'_>,
        mut each: impl FnMut(&KnownObservation<'_>),
    ) -> Result<Option<(i64, i64)>, KnowledgeError> {
        let mut last = None;
        self.reader()?.observations(choice, |row| {
            // A time that cannot be read is none; what was looked at counts all the same.
            last = Some((row.seq, row.at));
            let seq = row.seq;
            let run = row.run;
            let name = || row::name(seq, run);
            if let Some(Some(seen)) = self.unread.skip(row::seen(row), name)? {
                each(&seen);
            }
            Ok::<_, KnowledgeError>(())
        })?;

        Ok(last)
    }

    /// Returns the number of the last observation; 0 without any.
    pub fn end(&self) -> Result<i64, KnowledgeError> {
        Ok(self.reader()?.last_observation()?)
    }

    /// Gives every observation after `seq` and up to `end`, without what no sum needs, in the order in
    /// which they were recorded.
    pub fn observations(
        &self,
        seq: i64,
        end: i64,
        mut each: impl FnMut(Observation),
    ) -> Result<(), KnowledgeError> {
        self.reader()?.whole_observations(seq, end, |row| {
            let seq = row.seq;
            let run = row.run;
            let name = || row::name(seq, run);
            if let Some(seen) = self.unread.skip(row::observation(row), name)? {
                each(seen);
            }
            Ok(())
        })
    }

    /// Tells whether everything is forgotten in the end.
    pub fn is_in_memory(&self) -> bool {
        !self.keeps && !self.is_copy
    }

    /// Returns everything that is known.
    pub fn all(&self) -> Result<Cells, KnowledgeError> {
        let mut found = Cells::new();
        self.reader()?.all_sums(|task, row| {
            let of_task = task.as_ref().copied().unwrap_or_default();
            let pattern = row.pattern.as_ref().copied().unwrap_or_default();
            let name = || row::name_of_sums(of_task, pattern);
            if let Some((task, pattern, cell)) = self.unread.skip(row::cell(task, row), name)? {
                found.entry(task).or_default().insert(pattern, cell);
            }
            Ok::<_, KnowledgeError>(())
        })?;

        Ok(found)
    }

    /// Tells whether what only the demo model did is in the sums, because a script wanted it so.
    pub fn counts_demo(&self) -> Result<bool, KnowledgeError> {
        Ok(self.reader()?.counts_demo()?)
    }

    /// Returns how many observations of the demo model are kept.
    pub fn demo_count(&self) -> Result<u64, KnowledgeError> {
        Ok(self.reader()?.demo_count()?)
    }

    /// Returns the failures of the newest observations by kind, the most frequent first; of one
    /// task type, or of all.
    pub fn failures(&self, task: Option<&TaskType>) -> Result<Vec<FailureClass>, KnowledgeError> {
        let mut found = Vec::new();
        for row in self.reader()?.failures(task.map(TaskType::as_str), FAILURES_MAX)? {
            let read = row.map(row::failures).map_err(KnowledgeError::from);
            found.extend(self.unread.skip(read, || "a kind of failure".to_owned())?);
        }

        Ok(found)
    }

    /// Compares the sums with the observations, as they are at one moment, and names what differs.
    pub fn check(&self) -> Result<Vec<String>, KnowledgeError> {
        // A copy is in a transaction already.
        let _moment = self.reader()?.freeze_once()?;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::durability::Durability;
    use crate::store::each_store::each_store;
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

    #[tokio::test]
    async fn a_copy_sees_what_was_known_and_what_is_added_and_leaves_the_store_alone() {
        for store in each_store("a copy of what is known") {
            copies(store.path()).await;
        }
    }

    async fn copies(path: &Path) {
        let disk = Knowledge::read(store::open(path).expect("a store"));
        disk.record(vec![seen("t", "p"), seen("t", "q")], |_| true).await.expect("recorded");

        let copy = Knowledge::copy_of(path).expect("a copy");
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

        let copy = Knowledge::copy_of(Path::new("/none")).expect("nothing");
        copy.record(vec![seen("t", "p")], |_| true).await.expect("recorded");
        assert_eq!(known(&copy).0, 1);
    }

    #[test]
    fn k8_two_writers_at_once_lose_nothing() {
        for store in each_store("two writers at once") {
            record_at_once(store.path());
        }
    }

    fn record_at_once(path: &Path) {
        drop(store::open(path).expect("a store"));
        let each = |path: std::path::PathBuf| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.expect("a runtime").block_on(async {
                    let store = store::open(&path).expect("a store");
                    let writer = Writer::start(store, &path, Durability::Process);
                    let writer = Rc::new(writer.expect("a writer"));
                    let knowledge = Knowledge::open(&path, writer).expect("a store");
                    for _ in 0..150 {
                        knowledge.record(vec![seen("t", "p")], |_| true).await.expect("recorded");
                    }
                });
            })
        };

        let threads = [each(path.to_owned()), each(path.to_owned())];
        for thread in threads {
            thread.join().expect("no panic");
        }

        let knowledge = Knowledge::read(store::open(path).expect("a store"));
        let cells = knowledge.cells(&TaskType::new("t").expect("a name")).expect("cells");
        assert_eq!(cells[0].1.n, 300);
        assert_eq!(knowledge.check().expect("a check"), Vec::<String>::new());
    }
}
