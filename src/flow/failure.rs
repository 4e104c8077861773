//! A failure as data: what scripts catch, reports list, and the journal keeps.

use crate::model::error::{CallError, Retry};
use serde_json::Value;

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
    /// Creates a failure of a kind that trying again does not help.
    pub fn new(kind: &str, message: impl Into<String>) -> Failure {
        Failure {
            kind: kind.to_owned(),
            message: message.into(),
            retryable: false,
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

    /// Returns the failure as the map that scripts catch.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a failure is plain data")
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        let partial = match &error {
            CallError::CutOff { text }
            | CallError::Length { text, .. }
            | CallError::InvalidOutput { text, .. } => Some(text.clone()),
            _ => None,
        };
        Failure {
            retryable: error.retry() != Retry::Never
                || matches!(error, CallError::InvalidOutput { .. }),
            status: error.status(),
            partial,
            ..Failure::new(error.kind(), error.to_string())
        }
    }
}
