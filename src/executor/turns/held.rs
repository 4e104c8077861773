//! What waits to begin until everything that is known has been told.

use super::{Queues, TurnWait, Turns, Waiter};
use std::rc::Rc;
use std::time::Duration;

/// What waits to begin outside, until everything that is known has been told.
pub(super) struct HeldWaiter {
    pub(super) waiter: Rc<Waiter>,
    pub(super) kind: HeldKind,
}

/// What begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldKind {
    /// Something that the journal does not know.
    News,
    /// The time of a timer.
    Timer,
    /// What the recorded run stopped at: of the times that are not in its journal, none was over before it.
    Stop,
}

impl HeldWaiter {
    pub(super) fn is_stop(&self) -> bool {
        self.kind == HeldKind::Stop && !self.waiter.is_gone.get()
    }
}

/// How something new stands to the recorded run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::executor) enum Novelty {
    /// It was under way when that run was killed.
    UnderWay,
    /// That run did not do it, or did it in vain.
    Other,
}

impl Turns {
    /// Waits until nothing that is known can be told: what comes now has not happened before.
    pub(in crate::executor) async fn news(&self, novelty: Novelty) {
        // Once everything has been told, no time is skipped.
        let is_beside_known = !self.queues.borrow().untold.is_empty();
        if novelty == Novelty::Other && is_beside_known && self.other_since.get().is_none() {
            self.other_since.set(Some(self.time()));
        }
        self.hold(HeldKind::News).await;
    }

    /// Returns how long a timer that was set at some time has stood still. While other work than that of the
    /// recorded run waits for the recorded ends of its neighbours, the clock skips over their time. That time was never
    /// there for this work, so no timer around it or beside it may end by it.
    pub(super) fn stood_still(&self, set_at: Duration) -> Duration {
        let since = self.other_since.get().map(|since| since.max(set_at));
        since.map_or(Duration::ZERO, |since| self.time().saturating_sub(since))
    }

    /// Waits in a replay for the moment at which the recorded run stopped.
    pub(in crate::executor) async fn stop(&self) {
        self.hold(HeldKind::Stop).await;
    }

    async fn hold(&self, kind: HeldKind) {
        if !self.holds_news() {
            return;
        }

        let wait = TurnWait::begin(self);
        let waiter = wait.waiter.clone();
        self.queues.borrow_mut().held.push_back(HeldWaiter { waiter, kind });
        wait.await;
    }

    /// Tells whether something new has to wait before it begins: for what is known, or for what is as
    /// new and came first.
    pub(super) fn holds_news(&self) -> bool {
        let queues = self.queues.borrow();
        !queues.untold.is_empty() || !queues.held.is_empty()
    }

    /// Lets something begin that waited until nothing known could be told.
    pub(super) fn let_begin(&self, queues: &Queues, held: &HeldWaiter) -> bool {
        // The journal leaves out the end of a timer that nothing could have come before. If it knows
        // of later ends, this one is over.
        let is_alone = self.waiting.get() == 1;
        let is_retelling = !self.has_strayed.get() && !queues.untold.is_empty();
        let is_timer = held.kind == HeldKind::Timer;
        held.waiter.is_spared.set(is_timer && is_alone && is_retelling);
        self.tell(&held.waiter)
    }
}
