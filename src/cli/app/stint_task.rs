//! What a process is told that performs a stint of a run on an engine.

use crate::base::id::RunId;
use crate::executor::pulse::Pulse;
use std::sync::Mutex;

/// A stint under way, and what came of it.
#[derive(Debug)]
#[cfg_attr(not(feature = "engine"), allow(dead_code, reason = "only workers perform stints"))]
pub(in crate::cli) struct StintTask {
    /// The id of the run, if it is the first stint.
    pub(in crate::cli) first: RunId,
    /// Whether something may begin.
    pub(in crate::cli) pulse: Pulse,
    /// Set once the run is suspended.
    pub(in crate::cli) wait: Mutex<Option<StintWait>>,
}

/// What a suspended run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct StintWait {
    /// When it can continue without an answer, in milliseconds since 1970.
    pub(in crate::cli) until: Option<i64>,
}
