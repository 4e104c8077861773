//! How an operation ends: in exactly one of four ways.

use crate::base::failure::Failure;
use serde_json::Value;
use std::fmt;

/// The end of one operation.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It gave a value.
    Completed {
        /// The value.
        value: Value,
    },
    /// It was tried and gave none.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It was never tried.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// It was stopped, or given up before it was tried, because the flow ended early.
    Cancelled,
}

/// Why an operation was never tried.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum SkipReason {
    /// An operation it needs failed.
    Failed {
        /// The operation that failed first.
        op: String,
    },
    /// An operation it needs was cancelled.
    Cancelled {
        /// That operation.
        op: String,
    },
    /// A condition was false.
    Condition {
        /// The operation whose condition, or whose result under an edge's condition, was false.
        op: String,
    },
    /// A gate rejected.
    Gate {
        /// The gate.
        op: String,
    },
}

impl SkipReason {
    /// Tells whether the workflow itself decided to skip, so that nothing went wrong.
    pub fn is_decision(&self) -> bool {
        matches!(self, SkipReason::Condition { .. } | SkipReason::Gate { .. })
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::Failed { op } => write!(f, "`{op}` failed"),
            SkipReason::Cancelled { op } => write!(f, "`{op}` was cancelled"),
            SkipReason::Condition { op } => write!(f, "a condition on `{op}` was false"),
            SkipReason::Gate { op } => write!(f, "the gate `{op}` rejected it"),
        }
    }
}

impl Outcome {
    /// Returns the word for this outcome.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Completed { .. } => "completed",
            Outcome::Failed { .. } => "failed",
            Outcome::Skipped { .. } => "skipped",
            Outcome::Cancelled => "cancelled",
        }
    }
}
