//! What a call was charged, as the journal tells it.

use crate::base::failure::Failure;
use crate::base::unit::Money;
use crate::journal::trace::OpTrace;
use crate::model::charge::is_unbilled;
use crate::model::reply::Usage;

/// What one call was charged; what is unknown is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Its tokens.
    pub usage: Option<Usage>,
    /// Its cost.
    pub cost: Option<Money>,
}

impl Charge {
    /// Reads what the end of a call says.
    pub fn of(usage: Option<Usage>, cost: Option<Money>, failure: Option<&Failure>) -> Charge {
        // Journals of 0.1 say nothing of a request that was refused, which was free.
        let status = failure.and_then(|failure| failure.status);
        if usage.is_none() && cost.is_none() && status.is_some_and(is_unbilled) {
            return Charge { usage: Some(Usage::default()), cost: Some(Money::ZERO) };
        }

        Charge { usage, cost }
    }
}

/// The cost of several calls: unknown as soon as that of one of them is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bill {
    sum: Money,
    is_unknown: bool,
    usage: Usage,
    is_usage_unknown: bool,
}

impl Bill {
    /// Adds up the calls of an operation that have ended.
    pub fn of(operation: &OpTrace) -> Bill {
        let mut bill = Bill::default();

        for end in operation.calls() {
            bill.add(Charge::of(end.usage, end.cost, end.failure.as_ref()));
        }

        bill
    }

    /// Adds a call.
    pub fn add(&mut self, charge: Charge) {
        self.sum += charge.cost.unwrap_or_default();
        self.is_unknown |= charge.cost.is_none();
        self.usage += charge.usage.unwrap_or_default();
        self.is_usage_unknown |= charge.usage.is_none();
    }

    /// Adds the calls of another bill.
    pub fn append(&mut self, other: &Bill) {
        self.sum += other.sum;
        self.is_unknown |= other.is_unknown;
        self.usage += other.usage;
        self.is_usage_unknown |= other.is_usage_unknown;
    }

    /// Returns the cost, if it is known.
    pub fn cost(&self) -> Option<Money> {
        (!self.is_unknown).then_some(self.sum)
    }

    /// Returns the tokens, if they are known.
    pub fn usage(&self) -> Option<Usage> {
        (!self.is_usage_unknown).then_some(self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::Kind;

    fn refused(status: u16) -> Failure {
        Failure { status: Some(status), ..Failure::new(Kind::Server, "no") }
    }

    #[test]
    fn an_old_journal_says_nothing_of_a_refused_request_which_was_free() {
        let nothing = Charge { usage: Some(Usage::default()), cost: Some(Money::ZERO) };
        let unknown = Charge { usage: None, cost: None };
        assert_eq!(Charge::of(None, None, Some(&refused(429))), nothing);
        assert_eq!(Charge::of(None, None, Some(&refused(200))), unknown);
        assert_eq!(Charge::of(None, None, Some(&refused(504))), unknown);
        assert_eq!(Charge::of(None, None, None), unknown);
    }

    #[test]
    fn what_is_said_counts_although_the_request_was_refused() {
        let usage = Some(Usage { input_uncached: 3, ..Usage::default() });
        let said = Charge::of(usage, None, Some(&refused(500)));
        assert_eq!(said, Charge { usage, cost: None });
    }

    #[test]
    fn a_bill_with_an_unknown_call_is_unknown() {
        let usage = Some(Usage { input_uncached: 3, ..Usage::default() });
        let cost = Money::from_dollars(1.0);
        let mut bill = Bill::default();
        assert_eq!((bill.cost(), bill.usage()), (Some(Money::ZERO), Some(Usage::default())));

        bill.add(Charge { usage, cost });
        assert_eq!((bill.cost(), bill.usage()), (cost, usage));
        bill.add(Charge { usage, cost: None });
        assert_eq!(bill.cost(), None);
        bill.add(Charge { usage: None, cost });
        assert_eq!(bill.usage(), None);
    }
}
