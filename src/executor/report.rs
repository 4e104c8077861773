//! What a flow gives: the outcome of each operation, and the figures.

use crate::base::failure::{Failure, Kind};
use crate::base::id::FlowId;
use crate::flow::outcome::{Outcome, SkipReason};
use crate::metrics::Metrics;
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// How one operation of a flow ended.
#[derive(Debug, Clone)]
pub struct ReportEntry {
    /// The operation's name.
    pub name: String,
    /// How it ended.
    pub outcome: Rc<Outcome>,
    /// Whether `max_tokens` cut a reply of it, and that was accepted.
    pub is_cut: bool,
}

/// The result of a flow. Each operation stands in exactly one of its four lists.
#[derive(Debug, Clone)]
pub struct Report {
    /// The flow.
    pub flow: FlowId,
    /// The graph's name.
    pub name: String,
    /// The operations in the order in which they were added.
    pub entries: Vec<ReportEntry>,
    /// The figures.
    pub metrics: Metrics,
}

impl Report {
    /// Returns the names of the operations that ended with the outcome of that word.
    pub fn names(&self, word: &str) -> Vec<&str> {
        self.entries
            .iter()
            .filter(|entry| entry.outcome.word() == word)
            .map(|entry| entry.name.as_str())
            .collect()
    }

    /// Returns the names of the operations that completed with a reply that was cut.
    pub fn cut_operations(&self) -> Vec<&str> {
        let completed = |entry: &&ReportEntry| matches!(*entry.outcome, Outcome::Completed { .. });
        let cut = self.entries.iter().filter(|entry| entry.is_cut).filter(completed);
        cut.map(|entry| entry.name.as_str()).collect()
    }

    /// Returns the outcome of an operation by its name.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &*entry.outcome)
    }

    /// Returns what the only operation gave, or why it gave nothing.
    pub fn only(&self) -> Result<Value, Failure> {
        match self.entries.first().map(|entry| &*entry.outcome) {
            Some(Outcome::Completed { value }) => Ok(value.clone()),
            Some(Outcome::Failed { failure }) => Err(failure.clone()),
            _ => Err(Failure::new(Kind::Cancelled, "it was cancelled")),
        }
    }

    /// Returns the failures, by the name of the operation.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.entries.iter().filter_map(|entry| match &*entry.outcome {
            Outcome::Failed { failure } => Some((entry.name.as_str(), failure)),
            Outcome::Completed { .. } | Outcome::Skipped { .. } | Outcome::Cancelled => None,
        })
    }

    /// Makes the failure of an operation that was skipped.
    pub fn skipped(&self, reason: &SkipReason, message: String) -> Failure {
        let cause = match reason {
            SkipReason::Failed { op } => self.failure(op),
            SkipReason::Cancelled { .. } => self.first_failure(),
            SkipReason::Condition { .. } | SkipReason::Gate { .. } => None,
        };
        Failure::new(Kind::Skipped, message).caused_by(cause)
    }

    /// Makes the failure of an operation that was cancelled: by a failure that stopped the flow, if
    /// there is one.
    pub fn cancelled(&self, message: impl Into<String>) -> Failure {
        Failure::new(Kind::Cancelled, message).caused_by(self.first_failure())
    }

    /// Returns the failure of an operation by its name.
    pub fn failure(&self, name: &str) -> Option<&Failure> {
        self.failures().find(|(failed, _)| *failed == name).map(|(_, failure)| failure)
    }

    fn first_failure(&self) -> Option<&Failure> {
        self.failures().next().map(|(_, failure)| failure)
    }

    /// Returns the report under the words that scripts use.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut results = Map::new();
        let mut errors = Map::new();
        for entry in &self.entries {
            match &*entry.outcome {
                Outcome::Completed { value } => {
                    results.insert(entry.name.clone(), value.clone());
                }
                Outcome::Failed { failure } => {
                    errors.insert(entry.name.clone(), failure.to_value());
                }
                Outcome::Skipped { reason } => {
                    let message = format!("skipped: {reason}");
                    let failure = self.skipped(reason, message);
                    errors.insert(entry.name.clone(), failure.to_value());
                }
                Outcome::Cancelled => {
                    let failure = self.cancelled("cancelled");
                    errors.insert(entry.name.clone(), failure.to_value());
                }
            }
        }

        let value = json!({
            "name": self.name,
            "completed_operations": self.names("completed"),
            "failed_operations": self.names("failed"),
            "skipped_operations": self.names("skipped"),
            "cancelled_operations": self.names("cancelled"),
            "cut_operations": self.cut_operations(),
            "operation_results": results,
            "errors": errors,
            "metrics": self.metrics.to_map(),
        });
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}
