//! Making work happen: one attempt at a time, each journaled before anything depends on it.

pub mod attempt;

use crate::journal::Journal;
use crate::model::error::CallError;
use crate::store::StoreError;
use std::cell::Cell;

/// Why an operation gave no value.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The model's call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The journal cannot be written, so the run cannot go on.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one run's operations share.
#[derive(Debug)]
pub struct Executor {
    journal: Journal,
    next_op: Cell<u32>,
}

impl Executor {
    /// Creates the executor of a run.
    pub fn new(journal: Journal) -> Executor {
        Executor { journal, next_op: Cell::new(0) }
    }

    /// Returns the run's journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}
