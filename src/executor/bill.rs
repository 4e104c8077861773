//! What calls of models cost together, as far as anybody can say.

use crate::base::unit::Money;

/// How many calls something took, and what they cost, if that is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptBill {
    pub(super) calls: u32,
    pub(super) cost: Option<Money>,
}

impl Default for AttemptBill {
    fn default() -> AttemptBill {
        AttemptBill { calls: 0, cost: Some(Money::ZERO) }
    }
}

impl AttemptBill {
    pub(super) fn add(&mut self, other: AttemptBill) {
        self.calls = self.calls.saturating_add(other.calls);
        self.cost = self.cost.zip(other.cost).map(|(sum, more)| sum + more);
    }
}
