//! The budgets of a run: what it and its flows may use, what its calls have used, and how many of
//! them are made at once. How one budget keeps its bounds is in `budget.rs`.

use crate::base::failure::Failure;
use crate::base::id::FlowId;
use crate::base::unit::Money;
use crate::executor::budget::{Bounds, Budget, Reserve, Tally};
use crate::model::Model;
use crate::model::request::Request;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Everything that bounds or counts the calls of a run.
pub(super) struct Budgets {
    /// What the run may use up, if that is bounded.
    run: Option<Rc<Budget>>,
    /// The budgets of flows under way that have one, or are within one.
    flows: RefCell<HashMap<FlowId, Rc<Budget>>>,
    /// What the calls of the run have used, without a bound.
    account: Rc<Budget>,
    /// What replies that were known cost when they were paid for.
    known: Rc<Budget>,
    /// Bounds the calls in flight, if the run has a bound.
    calls: Option<Semaphore>,
}

/// The budget of a flow, for as long as the flow runs.
pub(super) struct FlowBudget<'a> {
    budgets: &'a Budgets,
    flow: FlowId,
}

impl Drop for FlowBudget<'_> {
    fn drop(&mut self) {
        self.budgets.flows.borrow_mut().remove(&self.flow);
    }
}

impl Budgets {
    pub(super) fn new(concurrency: Option<usize>) -> Budgets {
        Budgets {
            run: None,
            flows: RefCell::default(),
            account: Budget::new(Bounds::default()),
            known: Budget::new(Bounds::default()),
            // As many as there can be is no bound.
            calls: concurrency.map(|most| Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
        }
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

    /// Bounds a flow that begins, which may run within another one.
    pub(super) fn begin_flow(
        &self,
        flow: FlowId,
        within: Option<FlowId>,
        bounds: Option<Bounds>,
    ) -> FlowBudget<'_> {
        let outer = within.and_then(|within| self.flows.borrow().get(&within).cloned());

        let budget = match bounds {
            Some(bounds) => Some(Budget::part_of(outer.or(self.run.clone()), bounds)),
            None => outer,
        };

        self.flows.borrow_mut().extend(budget.map(|budget| (flow, budget)));
        FlowBudget { budgets: self, flow }
    }

    /// Bounds the reply of a request, if that is needed to know its worst case.
    pub(super) fn bound_reply(&self, flow: FlowId, request: &mut Request) {
        if let Some(budget) = self.of(flow) {
            budget.bound(request);
        }
    }

    /// Sets the worst case of a call aside, in the budget of its flow and in the account of the run.
    /// Fails if it does not fit.
    pub(super) async fn reserve(
        &self,
        flow: FlowId,
        model: &Model,
        request: &Request,
    ) -> Result<Reserve, Failure> {
        let admitted = match self.of(flow) {
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
    pub(super) fn spend(&self, flow: FlowId) {
        if let Some(budget) = self.of(flow) {
            budget.spend();
        }
    }

    /// Waits until another call may be in flight. Without a bound there is no permit to hold.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.calls.as_ref()?.acquire().await.ok()
    }

    /// Tells whether the budget that a call of a flow has to keep depends on tokens.
    pub(super) fn counts_tokens(&self, flow: FlowId) -> bool {
        self.of(flow).is_some_and(|budget| budget.counts_tokens())
    }

    /// Returns the budget that a call of a flow has to keep.
    pub(super) fn of(&self, flow: FlowId) -> Option<Rc<Budget>> {
        self.flows.borrow().get(&flow).or(self.run.as_ref()).cloned()
    }
}
