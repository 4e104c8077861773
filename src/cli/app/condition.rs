//! In what condition a run is: ended, running, or crashed.

use crate::journal::event::RunStatus;
use crate::journal::history::RunRow;
use std::path::Path;

/// In what condition a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Condition {
    /// It has ended.
    Ended(RunStatus),
    /// It is under way.
    Running,
    /// Its process is gone, and it has no end.
    Crashed,
}

impl Condition {
    /// Returns the word for it.
    pub(in crate::cli) fn word(self) -> &'static str {
        match self {
            Condition::Ended(status) => status.word(),
            Condition::Running => "running",
            Condition::Crashed => "crashed",
        }
    }
}

/// Says how a run ended; one without an end whose process is gone was cut short.
pub(in crate::cli) fn condition(row: &RunRow) -> Condition {
    match row.status {
        Some(status) => Condition::Ended(status),
        // Nothing tells here whether a process of another machine is still there.
        None if row.pid == 0 => Condition::Running,
        None if Path::new("/proc").exists() && !is_alive(row.pid) => Condition::Crashed,
        None => Condition::Running,
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}
