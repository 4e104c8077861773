//! What can be asked of a store, whichever kind it is.

use super::{
    EventPlace, EventsEnd, NamedOutcome, ObservationChoice, ReadError, Reader, RunChoice,
    StoredAnnotation, StoredEvent, StoredExecution, StoredFailures, StoredObservation, StoredRun,
    StoredSums, WholeObservation,
};
use crate::base::id::RunId;
#[cfg(feature = "engine")]
use crate::store::{PrintPlace, PrintRow, RemoteFault, ServerReader};

/// Asks a store of either kind the same.
macro_rules! ask {
    ($reader:expr, $store:ident => $question:expr) => {
        match $reader {
            Reader::Embedded($store) => $question,
            #[cfg(feature = "shared")]
            Reader::Shared($store) => $question,
        }
    };
}

impl Reader {
    /// Returns a number that changes whenever another connection has changed the store.
    pub fn version(&self) -> Result<i64, ReadError> {
        ask!(self, store => store.version())
    }

    /// Says what keeps the store, and what that promises.
    pub fn describe(&self) -> Result<String, ReadError> {
        ask!(self, store => store.describe())
    }

    /// Reads rows of the list of runs.
    pub fn runs<T>(
        &self,
        choice: RunChoice<'_>,
        read: impl FnMut(StoredRun<'_>) -> T,
    ) -> Result<Vec<T>, ReadError> {
        ask!(self, store => store.runs(choice, read))
    }

    /// Returns how many runs there are.
    pub fn count_runs(&self) -> Result<usize, ReadError> {
        ask!(self, store => store.count_runs())
    }

    /// Returns what was kept of a run as a whole when it ended.
    pub fn run_sums(&self, run: &RunId) -> Result<Option<String>, ReadError> {
        ask!(self, store => store.run_sums(run))
    }

    /// Returns what was noted, oldest first: of a run and its operations, or of all.
    pub fn annotations(&self, run: Option<&RunId>) -> Result<Vec<StoredAnnotation>, ReadError> {
        ask!(self, store => store.annotations(run))
    }

    /// Reads one event of a run, if it is there.
    pub fn event<T>(
        &self,
        run: &RunId,
        place: EventPlace<'_>,
        read: impl FnOnce(StoredEvent<'_>) -> T,
    ) -> Result<Option<T>, ReadError> {
        ask!(self, store => store.event(run, place, read))
    }

    /// Returns the long text of an event that stands apart from it, in the row before that of the event.
    pub fn event_text(&self, run: &RunId, seq: i64) -> Result<Option<String>, ReadError> {
        ask!(self, store => store.event_text(run, seq))
    }

    /// Hands over the events of a run one after the other, from a number on and at most this many, so that no more
    /// than one of them is in memory. Texts that stand apart are left where they are. The first error of `see`
    /// ends it.
    pub fn events(
        &self,
        run: &RunId,
        from: i64,
        limit: usize,
        see: &mut dyn FnMut(StoredEvent<'_>) -> Result<(), ReadError>,
    ) -> Result<EventsEnd, ReadError> {
        ask!(self, store => store.events(run, from, limit, see))
    }

    /// Hands over the events of a run that are of certain kinds, in order.
    pub fn events_of_kinds(
        &self,
        run: &RunId,
        kinds: &[&str],
        see: &mut dyn FnMut(StoredEvent<'_>),
    ) -> Result<(), ReadError> {
        ask!(self, store => store.events_of_kinds(run, kinds, see))
    }

    /// Hands over the first event of each run, the oldest run first.
    pub fn first_events(
        &self,
        see: &mut dyn FnMut(RunId, StoredEvent<'_>),
    ) -> Result<(), ReadError> {
        ask!(self, store => store.first_events(see))
    }

    /// Returns how many events a run has, those included that share a row.
    pub fn count_events(&self, run: &RunId) -> Result<usize, ReadError> {
        ask!(self, store => store.count_events(run))
    }

    /// Returns the number of a run's rows that are not texts of events, and about how many bytes they take.
    pub fn weigh(&self, run: &RunId) -> Result<(u64, u64), ReadError> {
        ask!(self, store => store.weigh(run))
    }

    /// Returns the runs that have events and no row in the list of runs. Looks at every event.
    pub fn orphans(&self) -> Result<Vec<RunId>, ReadError> {
        ask!(self, store => store.orphans())
    }

    /// Returns the number of the last observation; 0 without any.
    pub fn last_observation(&self) -> Result<i64, ReadError> {
        ask!(self, store => store.last_observation())
    }

    /// Returns the task types of the observations after one; at most this many of them.
    pub fn tasks_since(&self, seq: i64, limit: usize) -> Result<Vec<String>, ReadError> {
        ask!(self, store => store.tasks_since(seq, limit))
    }

    /// Tells whether what only the demo model did is in the sums.
    pub fn counts_demo(&self) -> Result<bool, ReadError> {
        ask!(self, store => store.counts_demo())
    }

    /// Returns how many observations of the demo model are kept.
    pub fn demo_count(&self) -> Result<u64, ReadError> {
        ask!(self, store => store.demo_count())
    }

    /// Returns the failures among the newest this many by kind, the most frequent first; of one task type, or of all.
    pub fn failures(
        &self,
        task: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<StoredFailures, ReadError>>, ReadError> {
        ask!(self, store => store.failures(task, limit))
    }

    /// Returns the verdicts of people that hold for executions on a task type, by pattern, and whether each is good.
    pub fn verdicts(&self, task: &str) -> Result<Vec<(String, bool)>, ReadError> {
        ask!(self, store => store.verdicts(task))
    }

    /// Tells whether people have judged executions on a task type.
    pub fn has_verdicts(&self, task: &str) -> Result<bool, ReadError> {
        ask!(self, store => store.has_verdicts(task))
    }

    /// Returns an execution by its name, if it was recorded.
    pub fn execution(&self, name: &str) -> Result<Option<StoredExecution>, ReadError> {
        ask!(self, store => store.execution(name))
    }

    /// Returns the executions whose names begin with the id of a run, the oldest first.
    pub fn executions_of(&self, run: &str) -> Result<Vec<NamedOutcome>, ReadError> {
        ask!(self, store => store.executions_of(run))
    }

    /// Returns the newest rules by which anybody has learned from the store; `None` if nobody has.
    pub fn rules(&self) -> Result<Option<u32>, ReadError> {
        ask!(self, store => store.rules())
    }

    /// Reads a snapshot, if there is one whose last observation is still there.
    pub fn snapshot<T>(
        &self,
        fold: &str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        ask!(self, store => store.snapshot(fold, read))
    }

    /// Returns the number of the last observation in a snapshot.
    pub fn snapshot_end(&self, fold: &str) -> Result<i64, ReadError> {
        ask!(self, store => store.snapshot_end(fold))
    }

    /// Names the snapshots.
    pub fn snapshots(&self) -> Result<Vec<String>, ReadError> {
        ask!(self, store => store.snapshots())
    }

    /// Hands over observations in the order in which they were recorded, as far as a learner wants to know. The
    /// first error of `see` ends it.
    pub fn observations<E: From<ReadError>>(
        &self,
        choice: ObservationChoice<'_>,
        see: impl FnMut(StoredObservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        ask!(self, store => store.observations(choice, see))
    }

    /// Hands over the observations after a number and up to another, without what no sum needs.
    pub fn whole_observations<E: From<ReadError>>(
        &self,
        seq: i64,
        end: i64,
        see: impl FnMut(WholeObservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        ask!(self, store => store.whole_observations(seq, end, see))
    }

    /// Hands over the sums for a task type, pattern by pattern.
    pub fn sums_of<E: From<ReadError>>(
        &self,
        task: &str,
        see: impl FnMut(StoredSums<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        ask!(self, store => store.sums_of(task, see))
    }

    /// Hands over all sums, each with its task type.
    pub fn all_sums<E: From<ReadError>>(
        &self,
        see: impl FnMut(Result<&str, ReadError>, StoredSums<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        ask!(self, store => store.all_sums(see))
    }
}

/// What only a store can keep that several machines share.
#[cfg(feature = "engine")]
impl Reader {
    /// Returns which of these files the store lacks, by their hashes.
    pub fn lacking_blobs(&self, hashes: &[String]) -> Result<Vec<String>, ReadError> {
        self.server()?.lacking_blobs(hashes)
    }

    /// Keeps a file by its hash.
    pub fn keep_blob(&self, hash: &str, body: &[u8]) -> Result<(), ReadError> {
        self.server()?.keep_blob(hash, body)
    }

    /// Returns a file by its hash.
    pub fn blob(&self, hash: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.server()?.blob(hash)
    }

    /// Keeps a piece of what a program has printed.
    pub fn keep_printed(&self, row: &PrintRow) -> Result<(), ReadError> {
        self.server()?.keep_printed(row)
    }

    /// Returns what was printed in a work after a place: a part of it, if it is much.
    pub fn printed_after(&self, work: &str, after: PrintPlace) -> Result<Vec<PrintRow>, ReadError> {
        self.server()?.printed_after(work, after)
    }

    fn server(&self) -> Result<&ServerReader, ReadError> {
        match self {
            Reader::Shared(store) => Ok(store),
            Reader::Embedded(_) => {
                let reason = "no other machine shares it".to_owned();
                Err(ReadError::Server(RemoteFault::Other { reason }))
            }
        }
    }
}
