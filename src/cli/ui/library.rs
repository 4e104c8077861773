//! The store as the page reads it: the list of runs in memory, the bones of the runs that somebody looks
//! at, and nothing that could keep the store from whoever writes it.

use crate::base::clock;
use crate::base::id::{OpId, RunId};
use crate::cli::app::condition::{Condition, condition};
use crate::cli::app::waiting;
use crate::cli::command::show;
use crate::cli::ui::digest::RunDigest;
use crate::cli::ui::page_error::PageError;
use crate::journal::annotation::{self, Annotation, RunRemarks};
use crate::journal::event::{Event, RunStatus};
use crate::journal::history::{self, LogItem, RunRow};
use crate::journal::read_depth::ReadDepth;
use crate::store::{self, Reader, RemoteFault, StoreError};
use crate::view::detail;
use crate::view::line::{RunLine, RunState, median};
use crate::view::row::RunClock;
use crate::view::skeleton::Skeleton;
use serde_json::Value;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Events that are read in one transaction: the store's log must not be kept for long.
const READ_AT_ONCE: usize = 20_000;
/// Operations whose bones are kept, in all runs together.
const OPS_KEPT: usize = 2_000_000;
/// Runs whose bones are kept.
const RUNS_KEPT: usize = 64;
/// Runs of a script of which the middle is taken.
const USUAL_OF: usize = 100;

/// What is read of a store.
pub(in crate::cli) struct Library {
    path: PathBuf,
    store: Option<Reader>,
    /// The file that is open: its device and number.
    file: Option<(u64, u64)>,
    version: Option<i64>,
    /// All runs, oldest first.
    runs: Vec<RunRow>,
    /// The runs that were resumed, each with the one that did so.
    resumed: HashMap<RunId, RunId>,
    /// Lines of runs that have ended, which change no more.
    lines: HashMap<RunId, RunLine>,
    /// Bones, the ones used last at the end.
    skeletons: Vec<(RunId, Skeleton)>,
    /// What is known of runs that have ended.
    digests: HashMap<RunId, Arc<RunDigest>>,
    usual: HashMap<String, Option<i64>>,
    /// What people noted about runs.
    remarks: HashMap<RunId, RunRemarks>,
}

impl Library {
    /// Makes a library of the store at `path`, which need not be there yet.
    pub(in crate::cli) fn new(path: PathBuf) -> Library {
        Library {
            path,
            store: None,
            file: None,
            version: None,
            runs: Vec::new(),
            resumed: HashMap::new(),
            lines: HashMap::new(),
            skeletons: Vec::new(),
            digests: HashMap::new(),
            usual: HashMap::new(),
            remarks: HashMap::new(),
        }
    }

    /// Returns the path of the store.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the store, if there is one.
    pub(in crate::cli) fn store(&self) -> Option<&Reader> {
        self.store.as_ref()
    }

    /// Returns the store, or says that there is none.
    pub(in crate::cli) fn opened(&self) -> Result<&Reader, PageError> {
        self.store.as_ref().ok_or_else(PageError::no_store)
    }

    /// Tells whether the store has changed since the last look. What cannot be told counts as a change, so
    /// that whoever asks is told why.
    pub(in crate::cli) fn has_changed(&self) -> bool {
        let Some(store) = &self.store else { return file_of(&self.path).is_some() };
        file_of(&self.path) != self.file || history::version(store).ok() != self.version
    }

    /// Takes in what has changed in the store.
    pub(in crate::cli) fn refresh(&mut self) -> Result<(), PageError> {
        let file = file_of(&self.path);
        if file != self.file {
            *self = Library::new(std::mem::take(&mut self.path));
        }

        let Some(file) = file else { return Ok(()) };
        if self.store.is_none() {
            match store::open_to_read(&self.path) {
                Ok(store) => self.store = Some(store),
                // It was removed between two looks, or nobody has made its tables yet.
                Err(
                    StoreError::Lost { .. }
                    | StoreError::Server { fault: RemoteFault::Lacking { .. }, .. },
                ) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            self.file = Some(file);
        }

        let Some(store) = &self.store else { return Ok(()) };
        let version = history::version(store)?;
        if self.version == Some(version) {
            return Ok(());
        }
        // After a look that failed, everything counts as new.
        let is_known = self.version.take().is_some();
        self.read_runs(is_known)?;
        self.version = Some(version);
        Ok(())
    }

    /// Brings the list of runs up to date: runs that were added, and those that had no end yet. What follows
    /// from the list is known already if `is_known` and nothing in it has changed.
    fn read_runs(&mut self, is_known: bool) -> Result<(), PageError> {
        let Some(store) = &self.store else { return Ok(()) };
        let mut has_changed = !is_known;
        for row in &mut self.runs {
            if row.status.is_none()
                && let Some(now) = history::run(store, &row.id)?
            {
                has_changed |= *row != now;
                *row = now;
            }
        }

        let last = self.runs.last().map_or(String::new(), |row| row.id.0.clone());
        let fresh = history::runs_after(store, &last, usize::MAX)?;
        has_changed |= !fresh.is_empty();
        self.runs.extend(fresh);
        if self.runs.len() != history::count_runs(store)? {
            // Some were deleted, or came in late.
            self.runs = history::runs_after(store, "", usize::MAX)?;
            let is_there = |id: &RunId| self.runs.binary_search_by(|row| row.id.cmp(id)).is_ok();
            self.lines.retain(|id, _| is_there(id));
            self.skeletons.retain(|(id, _)| is_there(id));
            self.digests.retain(|id, _| is_there(id));
            has_changed = true;
        }
        self.remarks = annotation::of_all(store)?;
        if !has_changed {
            return Ok(());
        }

        let waits = self.runs.iter().any(|row| row.status == Some(RunStatus::Waiting));
        self.resumed = if waits {
            waiting::resumed(store).map_err(|error| PageError::new(503, error.to_string()))?
        } else {
            HashMap::new()
        };
        self.usual.clear();
        Ok(())
    }

    /// Returns all runs, oldest first.
    pub(in crate::cli) fn runs(&self) -> &[RunRow] {
        &self.runs
    }

    /// Finds a run by its id, the beginning of it, or a name such as `@`.
    pub(in crate::cli) fn find(&self, name: &str) -> Result<RunRow, PageError> {
        if let Ok(place) = self.runs.binary_search_by(|row| row.id.0.as_str().cmp(name)) {
            return Ok(self.runs[place].clone());
        }
        if name.is_empty() {
            return Err(PageError::no_run(name));
        }

        let found = show::find(self.opened()?, name);
        match found.map_err(|error| PageError::new(503, error.to_string()))? {
            Ok(row) => Ok(row),
            Err(_) => Err(PageError::no_run(name)),
        }
    }

    /// Returns the run of the same script before a run, and the one after it.
    pub(in crate::cli) fn around(&self, row: &RunRow) -> (Option<RunId>, Option<RunId>) {
        let place = self.runs.partition_point(|one| one.id < row.id);
        let is_same = |one: &&RunRow| one.script == row.script && one.id != row.id;
        let before = self.runs[..place].iter().rev().find(is_same);
        let after = self.runs[place..].iter().find(is_same);
        (before.map(|row| row.id.clone()), after.map(|row| row.id.clone()))
    }

    /// Returns the state of a run.
    pub(in crate::cli) fn state(&self, row: &RunRow) -> RunState {
        match condition(row) {
            Condition::Ended(RunStatus::Waiting) if self.resumed.contains_key(&row.id) => {
                RunState::Resumed
            }
            Condition::Ended(status) => RunState::Ended(status),
            Condition::Running => RunState::Running,
            Condition::Crashed => RunState::Crashed,
        }
    }

    /// Returns the state of a run, and up to when something without an end is shown.
    pub(in crate::cli) fn clock(&mut self, row: &RunRow) -> Result<RunClock, PageError> {
        let state = self.state(row);
        let last = self.skeleton(&row.id)?.last_at;
        let now = if state.is_live() { clock::micros() } else { last };
        Ok(RunClock { state, now: now.max(last) })
    }

    /// Returns what runs of a script usually take, in microseconds.
    pub(in crate::cli) fn usual(&mut self, script: &str) -> Option<i64> {
        if let Some(known) = self.usual.get(script) {
            return *known;
        }

        let mut times = times(&self.runs, script);
        let found = if times.len() > 1 { median(&mut times) } else { None };
        self.usual.insert(script.to_owned(), found);
        found
    }

    /// Brings the bones of a run up to date and lends them.
    pub(in crate::cli) fn skeleton(&mut self, run: &RunId) -> Result<&Skeleton, PageError> {
        let place = self.skeletons.iter().position(|(id, _)| id == run);
        let kept = place.map(|place| self.skeletons.remove(place).1);
        let mut skeleton = kept.unwrap_or_default();

        let store = self.opened()?;
        loop {
            // Each part is a transaction of its own.
            let from = skeleton.next;
            let depth = ReadDepth::WithoutTexts;
            let next = history::follow_with(store, run, from, READ_AT_ONCE, depth, &mut |item| {
                if let LogItem::Event { seq, at, event } = item {
                    skeleton.see(seq, at, &event);
                }
            })?;
            skeleton.next = skeleton.next.max(next);
            if next == from {
                break;
            }
        }
        skeleton.find_critical();

        self.skeletons.push((run.clone(), skeleton));
        self.forget();
        self.skeletons.last().map(|(_, bones)| bones).ok_or_else(|| PageError::no_run(&run.0))
    }

    /// Returns what is known of a run, in short.
    pub(in crate::cli) fn digest(&mut self, row: &RunRow) -> Result<Arc<RunDigest>, PageError> {
        if let Some(known) = self.digests.get(&row.id) {
            return Ok(known.clone());
        }

        let digest = Arc::new(RunDigest::of(self.skeleton(&row.id)?));
        if row.status.is_some() {
            self.digests.insert(row.id.clone(), digest.clone());
        }
        Ok(digest)
    }

    /// Brings the bones of two runs up to date and lends them.
    pub(in crate::cli) fn two_skeletons(
        &mut self,
        a: &RunId,
        b: &RunId,
    ) -> Result<(&Skeleton, &Skeleton), PageError> {
        self.skeleton(a)?;
        self.skeleton(b)?;
        // Both were used last, so neither was forgotten.
        let kept =
            |run: &RunId| self.skeletons.iter().find(|(id, _)| id == run).map(|(_, bones)| bones);
        kept(a)
            .zip(kept(b))
            .ok_or_else(|| PageError::new(503, "the two runs are too large to compare"))
    }

    /// Forgets the bones that were used longest ago, when there are too many.
    fn forget(&mut self) {
        let mut ops: usize = self.skeletons.iter().map(|(_, bones)| bones.ops.len()).sum();
        while self.skeletons.len() > 1 && (ops > OPS_KEPT || self.skeletons.len() > RUNS_KEPT) {
            let (_, gone) = self.skeletons.remove(0);
            ops -= gone.ops.len();
        }
    }

    /// Returns the line of a run.
    pub(in crate::cli) fn line(&mut self, row: &RunRow) -> Result<RunLine, PageError> {
        let state = self.state(row);
        let known = self.lines.get(&row.id).filter(|line| line.status == state.word()).cloned();

        let mut line = if let Some(line) = known {
            line
        } else {
            let skeleton = self.skeleton(&row.id)?;
            let line = RunLine::of(row, state, skeleton, &skeleton.metrics());
            if matches!(state, RunState::Ended(_) | RunState::Resumed) {
                self.lines.insert(row.id.clone(), line.clone());
            }
            line
        };

        if state.is_live() {
            line.took = line.took.max(clock::micros() - row.started_at);
        }
        line.median = self.usual(&row.script);
        let remarks = self.remarks.get(&row.id).cloned().unwrap_or_default();
        line.note = remarks.note;
        line.tags = remarks.labels;
        Ok(line)
    }

    /// Returns everything about an operation, but for what is noted about it.
    pub(in crate::cli) fn detail(
        &mut self,
        run: &RunId,
        op: OpId,
        clock: RunClock,
    ) -> Result<Option<Value>, PageError> {
        self.skeleton(run)?;
        let Some((_, skeleton)) = self.skeletons.last() else { return Ok(None) };
        Ok(detail::detail(skeleton, op, clock, &|seq| self.event(run, seq)))
    }

    /// Returns the value of a run, if it has one, with the number of the event that holds it.
    pub(in crate::cli) fn value(&mut self, run: &RunId) -> Result<Option<(i64, Value)>, PageError> {
        let seq = self.skeleton(run)?.end.as_ref().map(|end| end.seq);
        Ok(seq.and_then(|seq| match self.event(run, seq)? {
            Event::RunEnded { value, .. } if !value.is_null() => Some((seq, value)),
            _ => None,
        }))
    }

    /// Returns the name of the execution that an operation belongs to, if it belongs to one.
    pub(in crate::cli) fn execution(
        &mut self,
        run: &RunId,
        op: OpId,
    ) -> Result<Option<String>, PageError> {
        let skeleton = self.skeleton(run)?;
        let flow = skeleton.ops.get(&op).map(|bones| bones.flow);
        Ok(flow.and_then(|flow| skeleton.executed.of_flow(flow)).map(str::to_owned))
    }

    /// Returns what people noted about a run and its operations, oldest first.
    pub(in crate::cli) fn noted(&self, run: &RunId) -> Result<Vec<Annotation>, PageError> {
        Ok(annotation::of_run(self.opened()?, run)?)
    }

    /// Reads one event of a run.
    pub(in crate::cli) fn event(&self, run: &RunId, seq: i64) -> Option<Event> {
        self.timed_event(run, seq).map(|(_, event)| event)
    }

    /// Reads one event of a run, with its time.
    pub(in crate::cli) fn timed_event(&self, run: &RunId, seq: i64) -> Option<(i64, Event)> {
        history::event_at(self.store.as_ref()?, run, seq).ok()?
    }
}

/// Returns how long the last runs of a script took that ended well, oldest first, in microseconds.
pub(in crate::cli) fn times(runs: &[RunRow], script: &str) -> Vec<i64> {
    let ended = runs.iter().rev().filter(|row| row.script == script);
    let well = ended.filter(|row| row.status == Some(RunStatus::Ok));
    let mut times: Vec<i64> =
        well.filter_map(|row| Some(row.ended_at? - row.started_at)).take(USUAL_OF).collect();
    times.reverse();
    times
}

/// Returns which file stands at a path.
fn file_of(path: &Path) -> Option<(u64, u64)> {
    // A store on a server is no file, and is never another one.
    if store::is_on_server(path) {
        return Some((0, 0));
    }
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}
