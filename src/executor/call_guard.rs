//! Calls that are given up while they are under way.

use crate::base::failure::{Failure, Kind};
use crate::base::id::RunId;
use crate::base::unit::Money;
use crate::executor::Executor;
use crate::executor::replies::PendingCall;
use crate::journal::event::Event;
use crate::model::reply::{CallResult, Usage};
use crate::session::scope::Scope;
use std::cell::Cell;
use std::rc::Rc;

/// Journals a call that is given up while it is under way: it may have been paid for, once it has
/// begun.
pub(super) struct CallGuard<'a> {
    pub(super) executor: &'a Executor,
    pub(super) scope: &'a Rc<Scope>,
    pub(super) asked: &'a PendingCall,
    pub(super) number: u32,
    pub(super) has_begun: Rc<Cell<bool>>,
    /// In a plan, the tokens and the price that it would have, and the run that has paid for it.
    pub(super) planned: Option<(Option<Usage>, Option<Money>, Option<RunId>)>,
    pub(super) armed: bool,
}

impl CallGuard<'_> {
    /// Notes what a planned call would take: a run makes it, also if another one ends first.
    pub(super) fn plan(&mut self, called: &CallResult, paid_by: Option<RunId>) {
        if let Some(guess) = self.executor.guess() {
            let PendingCall { op, model, request, .. } = self.asked;
            guess.bound(*op, self.number, model.bound(request, called));
            if model.is_unbounded(request) {
                guess.note_unbounded(&model.label);
            }
            self.armed = true;
            self.planned = Some((called.usage, called.cost, paid_by));
        }
    }
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }

        let PendingCall { model, request, .. } = self.asked;
        let is_again = self.executor.is_resuming();
        if is_again && !self.has_begun.get() {
            // A resumed run holds its calls back; without a crash this one would
            // have been made, and may have been, so it counts as if it was.
            self.executor.budgets.count_known(model, request, None);
        }

        let is_free = !is_again && !self.has_begun.get();
        let given_up = (is_free.then(Usage::default), is_free.then_some(Money::ZERO), None);
        let (usage, cost, reused) = self.planned.take().unwrap_or(given_up);

        // The run is being torn down; a store that cannot be written is reported by its next use.
        let _ = self.executor.note(&Event::AttemptEnded {
            flow: self.scope.flow,
            op: self.scope.op,
            attempt: self.number,
            demo: model.is_demo(),
            reused,
            again: false,
            reply: None,
            cut: false,
            calls: Vec::new(),
            opaque: Vec::new(),
            usage,
            cost,
            served_by: None,
            failure: Some(Failure::new(Kind::Cancelled, "the call was cancelled")),
            retry_in_ms: None,
            mended: Vec::new(),
        });
    }
}
