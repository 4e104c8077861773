//! How a call fails, and what the caller may do about it.

use std::time::Duration;

/// A call that gave no usable reply.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The provider had a fault of its own.
    #[error("the provider failed with status {status}")]
    Server {
        /// HTTP status.
        status: u16,
    },
}

/// What a caller may do after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Asking again cannot help.
    Never,
    /// Ask again after a pause of the caller's choice.
    Backoff,
    /// Ask again, but not before this time has passed.
    After(Duration),
}

impl CallError {
    /// Tells whether asking again may help.
    pub fn retry(&self) -> Retry {
        match self {
            CallError::Server { .. } => Retry::Backoff,
        }
    }
}
