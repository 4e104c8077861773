//! What is written to a store, as data: the rows of its tables, and the changes that consist of them. How a change
//! is carried out is known to the store alone.

use crate::base::id::{FlowId, OpId, RunId};
use crate::store::sums::SumsEntry;
use std::sync::{Arc, Mutex};

/// A change to a store. It is carried out as a whole or not at all, and may be carried out again if the
/// transaction that it was part of failed.
#[derive(Debug)]
pub enum StoreChange {
    /// Nothing: whoever waits for it learns that everything before it is kept, and that the store is still there.
    Nothing,
    /// Events of a run that come one after the other.
    Events {
        /// The run.
        run: Arc<str>,
        /// Who writes them. A store that several machines share keeps it, so that a process that was replaced is told
        /// from the one that goes on.
        token: Arc<str>,
        /// The events, in order.
        rows: Vec<EventRow>,
    },
    /// Observations, with the sums that they change.
    Observations(Vec<ObservationRow>),
    /// A remark of a person.
    Annotation(AnnotationRow),
    /// The verdict of a person on an execution.
    Verdict(VerdictRow),
    /// What a learner knew after an observation. One that ends later stays, and so do only the newest few.
    Snapshot(SnapshotRow),
    /// A snapshot, by its name, is dropped.
    SnapshotDrop(String),
    /// The rules by which the store is learned from now; the snapshots of others are dropped.
    Rules {
        /// The number of the rules.
        rules: u32,
        /// How the names of the snapshots begin that stay.
        snapshots: String,
    },
    /// A run is forgotten, with its events and with everything that was noted about it.
    RunDrop(RunId),
}

/// A row of the table of events: one event, or operations that share the row.
#[derive(Debug)]
pub struct EventRow {
    /// Its number in the run.
    pub seq: i64,
    /// The number of the row before it, which it stands on.
    pub after: i64,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    /// The word for its kind.
    pub kind: &'static str,
    /// The operation that it belongs to, if it belongs to one.
    pub op: Option<u32>,
    /// The event as JSON.
    pub body: String,
    /// A long text of the event, which has a row of its own before it.
    pub text: Option<String>,
    /// What it is to the row of its run.
    pub edge: RunEdge,
    /// The operation of a graph that began with it, if one did and nothing came after it. It is not kept: until the
    /// row is written, the end of the operation may still join it.
    pub opens: Option<(FlowId, OpId)>,
}

/// What an event is to the row of its run.
#[derive(Debug)]
pub enum RunEdge {
    /// It begins it.
    Begins {
        /// The script's path as it was given.
        script: String,
        /// The process that runs it.
        pid: u32,
        /// The end of the journal that it takes over, in a store that several machines share.
        seal: Option<SealRow>,
    },
    /// It leaves it as it is.
    Within,
    /// It ends it.
    Ends {
        /// The word for how it ended.
        status: &'static str,
        /// What is kept of the run as a whole.
        sums: Option<String>,
    },
}

/// The event by which a run takes over the journal of another one: whoever still writes that finds its next place
/// taken. It is kept together with the start of the run, or neither is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRow {
    /// The run whose journal is taken over.
    pub run: String,
    /// The next place in its journal.
    pub seq: i64,
    /// When the event before it happened: nothing happens in a run that is taken over.
    pub at: i64,
    /// The word for the kind of the event.
    pub kind: &'static str,
    /// The event as JSON.
    pub body: String,
}

/// A piece of what the program of a run has printed, in a store that several machines share.
#[cfg(feature = "engine")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintRow {
    /// The work that it belongs to: one submission of a run.
    pub work: String,
    /// Its place in the work.
    pub place: PrintPlace,
    /// 1 for stdout, 2 for stderr.
    pub stream: i16,
    /// What was printed.
    pub body: Vec<u8>,
}

/// Where a piece stands among all that was printed in a work.
#[cfg(feature = "engine")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrintPlace {
    /// The number of the stint.
    pub stint: i64,
    /// Which try of it.
    pub attempt: i64,
    /// The number of the piece in the try, from 1.
    pub number: i64,
}

/// Most snapshots that are kept, each for another objective or version of this program.
pub(super) const SNAPSHOTS_MAX: u32 = 4;

/// The word for the kind of a row that holds a long text of an event.
pub const TEXT_KIND: &str = "text";

/// The verdict of a person on an execution that was recorded. It is kept as an observation that amends the other.
#[derive(Debug)]
pub struct VerdictRow {
    /// The name of the execution.
    pub execution: String,
    /// When it was given, in milliseconds since 1970.
    pub at: i64,
    /// The run whose answer it is about.
    pub run: String,
    /// Whether the answer is good; `None` takes the verdict back.
    pub good: Option<bool>,
    /// Whether a failure of this kind is held against its pattern.
    pub blames_pattern: fn(&str) -> bool,
    /// Where to say what became of it.
    pub effect: Arc<Mutex<VerdictEffect>>,
}

/// An execution that a verdict is about, as it was recorded.
pub(super) struct JudgedExecution {
    /// The word for where it comes from.
    pub(super) source: String,
    /// The kind of its failure, if it failed.
    pub(super) kind: Option<String>,
    /// The score that it was recorded with.
    pub(super) score: Option<f64>,
    /// The last verdict on it, if there was one: the score with it, and what is kept beside that.
    pub(super) last: Option<(Option<f64>, String)>,
}

/// What a verdict does to an execution.
pub(super) enum VerdictChange {
    /// Nothing.
    None(VerdictEffect),
    /// Another score counts from now on.
    Score {
        /// The one that counted so far.
        before: Option<f64>,
        /// The new one.
        now: Option<f64>,
    },
}

impl VerdictRow {
    /// Decides what it does to the execution.
    pub(super) fn change(&self, execution: &JudgedExecution) -> VerdictChange {
        let JudgedExecution { source, kind, score, last } = execution;
        if *source != ObservationSource::Live.word() {
            return VerdictChange::None(VerdictEffect::Demo);
        }
        if kind.as_ref().is_some_and(|kind| !(self.blames_pattern)(kind)) {
            return VerdictChange::None(VerdictEffect::NotCounted);
        }

        let said = last.as_ref().and_then(|(_, extra)| Amendment::read(extra)?.good);
        if said == self.good {
            return VerdictChange::None(VerdictEffect::Known);
        }

        let before = last.as_ref().map_or(*score, |(score, _)| *score);
        let now = self.good.map_or(*score, |good| Some(f64::from(u8::from(good))));
        VerdictChange::Score { before, now }
    }
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

/// What was said of an execution before a verdict, and how much was recorded since. It is kept with the verdict.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Amendment {
    /// The score that counted so far.
    pub before: Option<f64>,
    /// How many executions of the same task type were recorded after the one that is amended.
    pub ago: u32,
    /// Whether a person found the answer good; `None` takes the verdict back.
    pub good: Option<bool>,
}

impl Amendment {
    /// Reads it from what is kept with an observation.
    pub fn read(extra: &str) -> Option<Amendment> {
        serde_json::from_str(extra).ok()
    }
}

/// Where an observation comes from. Only live ones count unless somebody asks for more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ObservationSource {
    /// Real work, or figures that a person gave.
    #[default]
    Live,
    /// The demo model answered.
    Demo,
}

impl ObservationSource {
    /// Returns the stored word.
    pub fn word(self) -> &'static str {
        match self {
            ObservationSource::Live => "live",
            ObservationSource::Demo => "demo",
        }
    }
}

/// A row of the table of observations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObservationRow {
    /// When it was recorded, in milliseconds since 1970.
    pub at: i64,
    /// The task type.
    pub task: String,
    /// The pattern.
    pub pattern: String,
    /// Where it comes from.
    pub source: ObservationSource,
    /// The run that recorded it.
    pub run: Option<String>,
    /// What the execution is known by, if it is; it is then recorded once, however often it is told.
    pub execution: Option<String>,
    /// Share of the work that produced a result.
    pub success_rate: f64,
    /// Seconds.
    pub execution_time: Option<f64>,
    /// How good the result is.
    pub score: Option<f64>,
    /// Dollars.
    pub cost: Option<f64>,
    /// Tokens read and written.
    pub tokens: Option<u64>,
    /// Why it failed: the kind and the message.
    pub error: Option<(String, String)>,
    /// The other figures, as JSON.
    pub extra: String,
    /// Whether it changes the sums of its pattern.
    pub counts: bool,
}

impl ObservationRow {
    /// Returns what is added to the sums of its pattern.
    pub fn entry(&self) -> SumsEntry<'_> {
        SumsEntry {
            at: self.at,
            success_rate: self.success_rate,
            time: self.execution_time,
            score: self.score,
            cost: self.cost,
            tokens: self.tokens,
            error: self.error.as_ref(),
        }
    }
}

/// A row of the table of remarks.
#[derive(Debug)]
pub struct AnnotationRow {
    /// When it was made, in microseconds since 1970.
    pub at: i64,
    /// The run that it is about.
    pub run: String,
    /// The operation, if it is about one.
    pub op: Option<u32>,
    /// The word for its kind.
    pub kind: &'static str,
    /// The text.
    pub body: String,
}

/// A row of the table of snapshots.
#[derive(Debug)]
pub struct SnapshotRow {
    /// Its name, which says by what it was made.
    pub fold: String,
    /// The number of the last observation in it.
    pub seq: i64,
    /// When that was recorded.
    pub at: i64,
    /// What was learned.
    pub body: Vec<u8>,
}

/// A row of which those that come one after the other share a change.
pub(super) trait BatchRow: Sized {
    /// Returns the rows of a change, if it is one of such rows.
    fn rows(change: &mut StoreChange) -> Option<&mut Vec<Self>>;
}

impl BatchRow for EventRow {
    fn rows(change: &mut StoreChange) -> Option<&mut Vec<EventRow>> {
        let StoreChange::Events { rows, .. } = change else { return None };
        Some(rows)
    }
}

impl BatchRow for ObservationRow {
    fn rows(change: &mut StoreChange) -> Option<&mut Vec<ObservationRow>> {
        let StoreChange::Observations(rows) = change else { return None };
        Some(rows)
    }
}
