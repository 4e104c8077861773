//! Figures of a flow or a run: folds of its events and nothing else.

pub mod charge;
pub mod earlier_runs;
pub mod fold;
pub mod plan;
pub mod plan_graph;
pub mod rehearsal;
pub mod sums;

use crate::base::id::OpId;
use crate::base::unit::Money;
use crate::model::reply::Usage;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The figures.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Time from the first event to the last, in seconds.
    pub execution_time: f64,
    /// Operations that gave a value.
    pub completed: u64,
    /// Operations that were tried and gave none.
    pub failed: u64,
    /// Operations never tried because one they need failed or was cancelled.
    pub skipped: u64,
    /// Operations never tried because a condition or a gate of the workflow said so.
    pub skipped_by_decision: u64,
    /// Operations stopped before their end, or given up before their start.
    pub cancelled: u64,
    /// Time of all operations together, in seconds.
    pub op_time: f64,
    /// Most operations that were under way at one moment.
    pub max_in_flight: u64,
    /// The chain of operations that took longest, by name, and its time in seconds.
    #[serde(skip)]
    pub critical_path: (Vec<String>, f64),
    /// The labels of the models that were asked.
    pub models: BTreeSet<String>,
    /// Calls to models, retries included.
    pub calls: u64,
    /// Calls that were made because an earlier one failed.
    pub retries: u64,
    /// Calls that asked a model to mend its answer.
    pub repairs: u64,
    /// Replies that were mended before they fitted their schema.
    pub mended: u64,
    /// Replies that `max_tokens` cut, and that were accepted.
    pub cut: u64,
    /// The operations of this flow with such a reply, by their numbers.
    #[serde(skip)]
    pub cut_operations: BTreeSet<OpId>,
    /// Requests in which a model might call tools, or was told to answer after it had.
    pub steps: u64,
    /// Calls of tools.
    pub tool_calls: u64,
    /// Those of them that failed or were refused.
    pub tool_errors: u64,
    /// Time of all calls of tools together, in seconds.
    pub tool_time: f64,
    /// Calls answered by the demo model.
    pub demo_calls: u64,
    /// Replies of the demo model, those included that were known already.
    pub demo_replies: u64,
    /// Replies that were known already, so that no call was made.
    pub reused: u64,
    /// What those replies cost when they were paid for.
    pub saved: Money,
    /// Replies among them whose cost is unknown.
    pub saved_unknown: u64,
    /// Calls that have begun and not ended: they are under way, or the run was cut off.
    pub under_way: u64,
    /// Tokens of all calls that said what they used.
    pub usage: Usage,
    /// Calls that did not say it.
    pub usage_unknown: u64,
    /// What all calls with a known price cost.
    pub cost: Money,
    /// Calls whose cost is unknown.
    pub cost_unknown: u64,
}

impl Metrics {
    /// Operations that were to run: all but those that the workflow itself decided to skip.
    pub fn due(&self) -> u64 {
        self.completed + self.failed + self.skipped + self.cancelled
    }

    /// Completed operations per operation that was to run; `None` when none was to run.
    pub fn success_rate(&self) -> Option<f64> {
        ratio(count(self.completed), count(self.due()))
    }

    /// Completed operations per second of execution time; `None` when no time passed.
    pub fn throughput(&self) -> Option<f64> {
        ratio(count(self.completed), self.execution_time)
    }

    /// Time of all operations per time of execution: how many times faster than one by one; `None` when
    /// one that was to run did not complete, for then nobody knows what that would have taken.
    pub fn speedup(&self) -> Option<f64> {
        let is_whole = self.completed == self.due();
        ratio(self.op_time, self.execution_time).filter(|_| is_whole)
    }

    /// What everything cost; `None` when the cost of a call is unknown.
    pub fn known_cost(&self) -> Option<Money> {
        (self.cost_unknown == 0 && self.under_way == 0).then_some(self.cost)
    }

    /// Says what everything cost, for people: what is known of it is the least that it can be.
    pub fn cost_text(&self) -> String {
        match self.known_cost() {
            Some(cost) => cost.to_string(),
            None if self.cost > Money::ZERO => format!("at least {}", self.cost),
            None => "unknown".to_owned(),
        }
    }

    /// What the replies that were known had cost; `None` when that of one of them is unknown.
    pub fn known_saved(&self) -> Option<Money> {
        (self.saved_unknown == 0).then_some(self.saved)
    }

    /// The tokens of all calls; `None` when those of a call are unknown.
    pub fn known_usage(&self) -> Option<Usage> {
        (self.usage_unknown == 0 && self.under_way == 0).then_some(self.usage)
    }

    /// Returns the figures under the words that scripts and `--json` use; what is unknown is null.
    pub fn to_map(&self) -> Map<String, Value> {
        let (path, path_time) = &self.critical_path;
        let mut value = json!({
            "execution_time": self.execution_time,
            "completed_operations": self.completed,
            "failed_operations": self.failed,
            "skipped_operations": self.skipped + self.skipped_by_decision,
            "cancelled_operations": self.cancelled,
            "success_rate": self.success_rate(),
            "throughput": self.throughput(),
            "parallel_efficiency": self.throughput(),
            "speedup": self.speedup(),
            "max_in_flight": self.max_in_flight,
            "calls": self.calls,
            "demo_calls": self.demo_calls,
            "retries": self.retries,
            "repairs": self.repairs,
            "mended": self.mended,
            "cut": self.cut,
            "steps": self.steps,
            "tool_calls": self.tool_calls,
            "tool_errors": self.tool_errors,
            "tool_time": self.tool_time,
            "reused": self.reused,
            "saved": self.known_saved().map(Money::dollars),
            "under_way": self.under_way,
            "tokens": tokens(self.known_usage()),
            "cost": self.known_cost().map(Money::dollars),
        });

        if !path.is_empty() {
            value["critical_path"] = json!(path);
            value["critical_path_time"] = json!(path_time);
        }

        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// Returns tokens by their buckets, and their sums.
fn tokens(usage: Option<Usage>) -> Value {
    let count = |of: fn(&Usage) -> u64| usage.as_ref().map(of);

    json!({
        "input_uncached": count(|usage| usage.input_uncached),
        "cache_read": count(|usage| usage.cache_read),
        "cache_write": count(|usage| usage.cache_write),
        "output_visible": count(|usage| usage.output_visible),
        "reasoning": count(|usage| usage.reasoning),
        "input": count(Usage::input),
        "output": count(Usage::output),
    })
}

/// Divides, unless there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Turns a count into a number to calculate with.
#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}
