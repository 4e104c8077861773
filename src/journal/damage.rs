//! What can be wrong with the journal of a run, in words. Whatever it is, it concerns one event or one
//! row, and everything else is read as if it were not there.

use crate::base::id::RunId;
use crate::journal::event::RunStatus;

/// One thing that is wrong with the journal of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Events are missing between others, or before the first one.
    #[error("run {run}: {}", missing(*first, *last))]
    Gap {
        /// The run.
        run: RunId,
        /// The number of the first missing event.
        first: i64,
        /// The number of the last one.
        last: i64,
    },
    /// An event is there and cannot be read.
    #[error("run {run}: event {seq} (`{kind}`) cannot be read: {reason}")]
    Unreadable {
        /// The run.
        run: RunId,
        /// The event's number, as it stands there.
        seq: String,
        /// The kind that it is filed under.
        kind: String,
        /// What is wrong with it.
        reason: String,
        /// The event as it stands there.
        body: String,
    },
    /// An event is of another kind than its row says.
    #[error("run {run}: event {seq} is stored as `{filed}`, but it is `{kind}`")]
    Misfiled {
        /// The run.
        run: RunId,
        /// The event's number.
        seq: i64,
        /// What the row says.
        filed: String,
        /// What the event is.
        kind: &'static str,
    },
    /// The pages of the store that hold the rest of the run are damaged.
    #[error("run {run}: nothing after event {seq} can be read: {reason}")]
    BrokenOff {
        /// The run.
        run: RunId,
        /// The number of the last event that was read, or -1.
        seq: i64,
        /// What SQLite found.
        reason: String,
    },
    /// The start of the run is not its first event.
    #[error("run {run}: its first event is `{kind}`, not `run_started`")]
    NoStart {
        /// The run.
        run: RunId,
        /// The kind of the first event.
        kind: &'static str,
    },
    /// A column of the run's row cannot be read.
    #[error("run {run}: `{column}` in the list of runs is {found}")]
    Row {
        /// The run.
        run: RunId,
        /// The column.
        column: &'static str,
        /// What is there instead.
        found: String,
    },
    /// The run has events and no row.
    #[error("run {run}: it has events, but is missing from the list of runs")]
    NoRow {
        /// The run.
        run: RunId,
    },
    /// The run has a row and no event.
    #[error("run {run}: it is in the list of runs, but has no events")]
    NoEvents {
        /// The run.
        run: RunId,
    },
    /// The row says how the run ended, and the event that ends it is missing.
    #[error("run {run}: the list of runs says `{status}`, but its last event is missing")]
    NoEnd {
        /// The run.
        run: RunId,
        /// What the row says.
        status: RunStatus,
    },
    /// An event was on the disk, and is there no more.
    #[error(
        "run {run}: event {seq} was committed and is missing: the log of the store was cut or removed while \
         no program used it, or an older copy was restored; restore a newer copy if there is one"
    )]
    Gone {
        /// The run.
        run: RunId,
        /// The number of the event.
        seq: i64,
    },
    /// The run ended otherwise than the row says.
    #[error("run {run}: it ended as `{ended}`, but the list of runs says {status}")]
    OtherEnd {
        /// The run.
        run: RunId,
        /// How it ended.
        ended: RunStatus,
        /// What the row says.
        status: String,
    },
}

impl Damage {
    /// Returns the run that is damaged.
    pub fn run(&self) -> &RunId {
        match self {
            Damage::Gap { run, .. }
            | Damage::Unreadable { run, .. }
            | Damage::Misfiled { run, .. }
            | Damage::BrokenOff { run, .. }
            | Damage::NoStart { run, .. }
            | Damage::Row { run, .. }
            | Damage::NoRow { run }
            | Damage::NoEvents { run }
            | Damage::Gone { run, .. }
            | Damage::NoEnd { run, .. }
            | Damage::OtherEnd { run, .. } => run,
        }
    }
}

fn missing(first: i64, last: i64) -> String {
    if first == last {
        format!("event {first} is missing")
    } else {
        format!("events {first} to {last} are missing")
    }
}
