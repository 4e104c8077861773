//! The budgets of a run: what it and its flows may use, what its calls have used, and how many of
//! them are made at once. How one budget keeps its bounds is in `budget.rs`.

use crate::base::bounds::Bounds;
use crate::base::failure::Failure;
use crate::base::unit::Money;
use crate::executor::budget::{Budget, Reserve, Tally};
use crate::model::Model;
use crate::model::request::Request;
use crate::session::scope::Purse;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Everything that bounds or counts the calls of a run.
pub(super) struct Budgets {
    /// What the run may use up, if that is bounded.
    run: Option<Rc<Budget>>,
    /// The budgets of flows and questions under way that have one, or are within one.
    purses: RefCell<HashMap<Purse, Rc<Budget>>>,
    /// What the calls of the run have used, without a bound.
    account: Rc<Budget>,
    /// What replies that were known cost when they were paid for.
    known: Rc<Budget>,
    /// The number of the next question with a budget of its own.
    next: Cell<u64>,
    /// Bounds the calls in flight, if the run has a bound.
    calls: Option<Semaphore>,
    /// How many it may have.
    concurrency: Option<usize>,
    /// What bounds those of the recorded run while it is told again.
    told_calls: ToldRoom,
}

/// What bounds the calls of a recorded run that are told again.
enum ToldRoom {
    /// The bound of this run: it had the same, or that is not known.
    AsNow,
    Unbounded,
    Bounded(Semaphore),
}

/// The budget of a flow or a question, for as long as it runs.
pub(super) struct OpenBudget<'a> {
    budgets: &'a Budgets,
    purse: Purse,
}

impl Drop for OpenBudget<'_> {
    fn drop(&mut self) {
        self.budgets.purses.borrow_mut().remove(&self.purse);
    }
}

impl Budgets {
    pub(super) fn new(concurrency: Option<usize>) -> Budgets {
        Budgets {
            run: None,
            purses: RefCell::default(),
            next: Cell::new(0),
            account: Budget::new(Bounds::default()),
            known: Budget::new(Bounds::default()),
            calls: concurrency.map(bound),
            concurrency,
            told_calls: ToldRoom::AsNow,
        }
    }

    /// Bounds the calls of the recorded run as they were bounded then. With less room, what a script was told of
    /// their order would not come again.
    pub(super) fn bound_told(&mut self, concurrency: Option<usize>) {
        self.told_calls = match concurrency {
            None => ToldRoom::AsNow,
            Some(most) if most == self.concurrency.unwrap_or(0) => ToldRoom::AsNow,
            Some(0) => ToldRoom::Unbounded,
            Some(most) => ToldRoom::Bounded(bound(most)),
        };
    }

    /// Bounds the whole run.
    pub(super) fn bound(&mut self, budget: Rc<Budget>) {
        self.run = Some(budget);
    }

    pub(super) fn run(&self) -> Option<&Rc<Budget>> {
        self.run.as_ref()
    }

    pub(super) fn account(&self) -> &Rc<Budget> {
        &self.account
    }

    /// Returns what was used so far, by this run and by the runs whose replies it reuses.
    pub(super) fn used(&self) -> Tally {
        self.account.tally().plus(self.known.tally())
    }

    /// Bounds a flow or a question that begins, which may run within another one.
    pub(super) fn begin(
        &self,
        purse: Purse,
        within: Option<Purse>,
        bounds: Option<Bounds>,
    ) -> OpenBudget<'_> {
        let outer = within.and_then(|within| self.purses.borrow().get(&within).cloned());

        let budget = match bounds {
            Some(bounds) => Some(Budget::part_of(outer.or(self.run.clone()), bounds)),
            None => outer,
        };

        self.purses.borrow_mut().extend(budget.map(|budget| (purse, budget)));
        OpenBudget { budgets: self, purse }
    }

    /// Numbers a question with a budget of its own.
    pub(super) fn question(&self) -> Purse {
        Purse::Question(self.next.replace(self.next.get() + 1))
    }

    /// Bounds the reply of a request, if that is needed to know its worst case.
    pub(super) fn bound_reply(&self, purse: Purse, request: &mut Request) {
        if let Some(budget) = self.of(purse) {
            budget.bound(request);
        }
    }

    /// Sets the worst case of a call aside, in the budget of its flow and in the account of the run.
    /// Fails if it does not fit.
    pub(super) async fn reserve(
        &self,
        purse: Purse,
        model: &Model,
        request: &Request,
    ) -> Result<Reserve, Failure> {
        let admitted = match self.of(purse) {
            Some(budget) => Some(budget.admit(model, request).await?),
            None => None,
        };

        Ok(self.account.hold(model, request, admitted))
    }

    /// Counts a call whose reply is known; `cost` is what it cost then.
    pub(super) fn count_known(&self, model: &Model, request: &Request, cost: Option<Money>) {
        self.known.count(model, request, cost);
    }

    /// Takes the budget of a flow for used up, as it was in the run that is resumed.
    pub(super) fn spend(&self, purse: Purse) {
        if let Some(budget) = self.of(purse) {
            budget.spend();
        }
    }

    /// Waits until another call may be in flight. Without a bound there is no permit to hold.
    pub(super) async fn permit(&self, told: bool) -> Option<SemaphorePermit<'_>> {
        let calls = match &self.told_calls {
            ToldRoom::Unbounded if told => None,
            ToldRoom::Bounded(calls) if told => Some(calls),
            _ => self.calls.as_ref(),
        };
        // The semaphores are never closed.
        calls?.acquire().await.ok()
    }

    /// Tells whether the budget that a call has to keep depends on tokens.
    pub(super) fn counts_tokens(&self, purse: Purse) -> bool {
        self.of(purse).is_some_and(|budget| budget.counts_tokens())
    }

    /// Returns the budget that a call has to keep.
    pub(super) fn of(&self, purse: Purse) -> Option<Rc<Budget>> {
        self.purses.borrow().get(&purse).or(self.run.as_ref()).cloned()
    }
}

// As many as there can be is no bound.
fn bound(most: usize) -> Semaphore {
    Semaphore::new(most.min(Semaphore::MAX_PERMITS))
}
