//! A failure as data: what scripts catch, reports list, and the journal keeps.

use crate::model::error::{CallError, Retry};
use serde_json::Value;
use std::num::NonZeroU32;

/// Kinds of failure that stay the same however often something is tried again, unless it was a call
/// to a model: those know better.
const IN_VAIN: &[&str] = &[
    "budget",
    "cancelled",
    "cassette",
    "diverged",
    "graph",
    "import",
    "interrupted",
    "memory",
    "model",
    "operations",
    "option",
    "panicked",
    "param",
    "permission",
    "setup",
    "skipped",
    "snapshot",
    "store",
    "unsure",
];

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The script file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// Why an operation gave no value.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// One word by which scripts tell failures apart: a kind of `CallError`, `script`, `thrown`,
    /// `timeout`, `cancelled` or `panicked`.
    pub kind: String,
    /// What happened, for people.
    pub message: String,
    /// Whether trying again may help.
    #[serde(default)]
    pub retryable: bool,
    /// How many requests were made in vain, if it is the failure of a call to a model.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub tries: u32,
    /// How long the provider asks to wait before the next request, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_ms: Option<NonZeroU32>,
    /// The HTTP status, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The operation that failed, by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub op: Option<String>,
    /// Where in a script it happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<Place>,
    /// The calls of scripts that it came through, innermost first, in words.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub frames: Vec<String>,
    /// What a script threw, if it threw something of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thrown: Option<Value>,
    /// What had come of a reply that was cut, or that does not fit its schema.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub partial: Option<String>,
}

impl Failure {
    /// Creates a failure. Whether trying again may help follows from its kind.
    pub fn new(kind: &str, message: impl Into<String>) -> Failure {
        Failure {
            kind: kind.to_owned(),
            message: message.into(),
            retryable: !IN_VAIN.contains(&kind),
            tries: 0,
            retry_after_ms: None,
            status: None,
            op: None,
            place: None,
            frames: Vec::new(),
            thrown: None,
            partial: None,
        }
    }

    /// Names the operation that failed, unless a deeper one is named already.
    #[must_use]
    pub fn of(mut self, op: &str) -> Failure {
        self.op.get_or_insert_with(|| op.to_owned());
        self
    }

    /// Says how many requests were made in vain, in the message too.
    #[must_use]
    pub fn tried(mut self, tries: u32) -> Failure {
        let told = |tries: u32| match tries {
            0 | 1 => String::new(),
            _ => format!(" (tried {tries} times)"),
        };
        let length = self.message.strip_suffix(&told(self.tries)).map(str::len);
        self.message.truncate(length.unwrap_or(self.message.len()));
        self.message.push_str(&told(tries));
        self.tries = tries;
        self
    }

    /// Returns the failure as the map that scripts catch.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a failure is plain data")
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        let partial = match &error {
            CallError::CutOff { text }
            | CallError::Ended { text, .. }
            | CallError::Length { text, .. }
            | CallError::InvalidOutput { text, .. } => Some(text.clone()),
            _ => None,
        };
        let retry_after_ms = match error.retry() {
            Retry::After(wait) => {
                NonZeroU32::new(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
            }
            Retry::Never | Retry::Backoff => None,
        };
        Failure {
            retryable: error.retry() != Retry::Never
                || matches!(error, CallError::InvalidOutput { .. }),
            retry_after_ms,
            status: error.status(),
            partial,
            ..Failure::new(error.kind(), error.to_string())
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_tries_is_told_once() {
        let failure = Failure::new("server", "down");
        let told = failure.clone().tried(3);
        assert_eq!((told.message.as_str(), told.tries), ("down (tried 3 times)", 3));
        assert_eq!(told.tried(6).message, "down (tried 6 times)");
        assert_eq!(failure.tried(1).message, "down");
    }
}
