//! How the run of a script ended.

use crate::base::failure::Failure;
use crate::cli::app::exit::Exit;
use crate::journal::event::RunStatus;
use crate::journal::waits::Waits;
use serde_json::Value;

/// How a run ended.
pub(in crate::cli) struct JobEnd {
    pub(in crate::cli) exit: Exit,
    pub(in crate::cli) status: RunStatus,
    pub(in crate::cli) value: Value,
    pub(super) failure: Option<Failure>,
    /// What it waits for, if it is suspended.
    pub(super) waits: Option<Box<Waits>>,
    /// Operations that did not complete although they had to.
    pub(super) lost: u64,
}

impl JobEnd {
    /// Creates the end of a run that does more than run one script.
    pub(in crate::cli) fn new(
        exit: Exit,
        status: RunStatus,
        value: Value,
        failure: Option<Failure>,
    ) -> JobEnd {
        JobEnd { exit, status, value, failure, waits: None, lost: 0 }
    }

    /// Creates the end of a run that was stopped from outside.
    pub(in crate::cli) fn interrupted(exit: Exit) -> JobEnd {
        JobEnd::new(exit, RunStatus::Interrupted, Value::Null, None)
    }

    /// Creates the end of a run that waits for people or a time.
    pub(super) fn waiting(waits: Box<Waits>) -> JobEnd {
        let end = JobEnd::new(Exit::Waiting, RunStatus::Waiting, Value::Null, None);
        JobEnd { waits: Some(waits), ..end }
    }
}
