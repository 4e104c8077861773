//! How long a line of work takes by itself: while it computes, and while something outside happens for it. What
//! it waits for because others of the same run are at work, such as its turn or a permit, is theirs.

use crate::executor::turns::Turns;
use crate::executor::turns::own_clock::OwnClock;
use futures::future::LocalBoxFuture;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// The time of one line of work.
#[derive(Debug, Default)]
pub(super) struct OwnTime {
    /// The clock of the run: what took time before a crash is told again in no time, and has taken that time.
    clock: OwnClock,
    spent: Cell<Duration>,
    /// How many things happen for it at this moment, and since when any does.
    open: Cell<u32>,
    since: Cell<Duration>,
}

/// Something that happens for a line of work, as long as this lives.
pub(super) struct OwnMoment(Option<Rc<OwnTime>>);

impl OwnMoment {
    fn begin(own: Option<Rc<OwnTime>>) -> OwnMoment {
        if let Some(own) = &own {
            if own.open.get() == 0 {
                own.since.set(own.clock.time());
            }
            own.open.set(own.open.get() + 1);
        }
        OwnMoment(own)
    }
}

impl Drop for OwnMoment {
    fn drop(&mut self) {
        let Some(own) = &self.0 else { return };
        own.open.set(own.open.get().saturating_sub(1));
        if own.open.get() == 0 {
            let passed = own.clock.time().saturating_sub(own.since.get());
            own.spent.set(own.spent.get() + passed);
        }
    }
}

/// The line of work that is polled at this moment, if its time is measured.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnPlace(Rc<RefCell<Option<Rc<OwnTime>>>>);

/// Somebody is polled, as long as this lives; then whoever was polled before is again.
struct PolledTurn {
    place: OwnPlace,
    outer: Option<Rc<OwnTime>>,
}

impl Drop for PolledTurn {
    fn drop(&mut self) {
        self.place.0.replace(self.outer.take());
    }
}

impl OwnPlace {
    /// Does something for a line of work, which is charged for it.
    async fn charge<F: Future>(self, own: Rc<OwnTime>, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            let outer = self.0.replace(Some(own.clone()));
            let _turn = PolledTurn { place: self.clone(), outer };
            let _moment = OwnMoment::begin(Some(own.clone()));
            work.as_mut().poll(context)
        })
        .await
    }
}

impl Turns {
    /// Does something and measures how long that takes by itself.
    pub(in crate::executor) async fn timed<F: Future>(&self, work: F) -> (F::Output, Duration) {
        let own = Rc::new(OwnTime { clock: self.clock.clone(), ..OwnTime::default() });
        let value = self.own.clone().charge(own.clone(), work).await;
        (value, own.spent.get())
    }

    /// Notes that something happens for the line of work that is polled.
    pub(super) fn moment(&self) -> OwnMoment {
        OwnMoment::begin(self.own.0.borrow().clone())
    }

    /// Has a new task belong to the line of work that starts it.
    pub(super) fn inherit(&self, task: LocalBoxFuture<'static, ()>) -> LocalBoxFuture<'static, ()> {
        match self.own.0.borrow().clone() {
            Some(own) => Box::pin(self.own.clone().charge(own, task)),
            None => task,
        }
    }
}
