//! What the executions of a comparison have used up, and what its judge would still cost.

use crate::base::unit::Money;
use crate::metrics::Metrics;
use crate::optimizer::trial::execution::Measurement;
use crate::optimizer::trial::findings::{count, whole};
use serde_json::{Value, json};

/// What executions have used up.
#[derive(Debug, Default)]
pub(super) struct Expense {
    executions: u64,
    calls: u64,
    /// Dollars; `None` once the cost of one is unknown.
    cost: Option<f64>,
}

impl Expense {
    pub(super) fn add(&mut self, seen: &Measurement) {
        let before = if self.executions == 0 { Some(0.0) } else { self.cost };
        self.cost = before.zip(seen.cost).map(|(sum, cost)| sum + cost);
        self.executions += 1;
        self.calls += seen.calls;
    }

    /// Tells what the judge would cost until it is decided, by what it has cost so far: what the comparison
    /// has used up and its executions have not.
    pub(super) fn price_judge(&self, findings: &mut Value, repeat: u64, metrics: &Metrics) {
        let Some(inputs) = findings["to_decide"]["inputs"].as_f64() else { return };
        let calls = (metrics.calls + metrics.reused).saturating_sub(self.calls);
        if calls == 0 || self.executions == 0 {
            return;
        }

        // Both patterns take each input.
        let times = 2.0 * inputs * count(repeat) / count(self.executions);
        let calls = whole(count(calls) * times);
        let paid = metrics.known_cost();
        let cost = paid
            .zip(self.cost)
            .map(|(paid, own)| (paid.dollars() + metrics.saved.dollars() - own).max(0.0) * times);
        findings["to_decide"]["judge"] = json!({ "calls": calls, "cost": cost });

        let for_money =
            cost.and_then(Money::from_dollars).map_or(String::new(), |c| format!(" and {c}"));
        let reason = findings["reason"].as_str().unwrap_or_default();
        let reason = format!("{reason}; the judge would need {calls} additional calls{for_money}");
        findings["reason"] = reason.into();
    }
}
