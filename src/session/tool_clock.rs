//! The time of a tool that runs. It stands still while the tool waits for people, who take as long as they
//! take.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// The time of a tool that runs, and of the tools that it runs in.
#[derive(Debug)]
pub struct ToolClock {
    outer: Option<Rc<ToolClock>>,
    /// How many tools this one runs in, itself included.
    depth: u32,
    /// When its time is over, on the run's own clock.
    due: Cell<Duration>,
    /// How many people are waited for.
    waits: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

impl ToolClock {
    /// Begins the time of a tool.
    pub fn begin(due: Duration, outer: Option<Rc<ToolClock>>) -> Rc<ToolClock> {
        let depth = outer.as_ref().map_or(0, |outer| outer.depth) + 1;
        let waits = Cell::default();
        let waker = RefCell::default();
        Rc::new(ToolClock { outer, depth, due: Cell::new(due), waits, waker })
    }

    /// Returns how many tools this one runs in, itself included.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Returns when the time of this tool is over, on the run's own clock.
    pub fn due(&self) -> Duration {
        self.due.get()
    }

    /// Returns when the first of these tools is over.
    pub fn first_due(&self) -> Duration {
        let outer = self.outer.as_ref().map(|outer| outer.first_due());
        outer.map_or(self.due.get(), |outer| outer.min(self.due.get()))
    }

    /// Moves the end of this tool's time by as long as people took.
    pub fn postpone(&self, by: Duration) {
        self.due.set(self.due.get().saturating_add(by));
    }

    /// Stops the time of these tools as long as the guard lives.
    pub fn stop(self: &Rc<ToolClock>) -> impl Drop + use<> {
        for clock in self.all() {
            clock.count(clock.waits.get() + 1);
        }
        StopGuard(self.clone())
    }

    /// Waits until the time of this tool stands still, or runs again.
    pub async fn changed(&self, stands_still: bool) {
        std::future::poll_fn(|context| {
            if (self.waits.get() > 0) == stands_still {
                return Poll::Ready(());
            }
            self.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    fn all(self: &Rc<ToolClock>) -> impl Iterator<Item = Rc<ToolClock>> {
        std::iter::successors(Some(self.clone()), |clock| clock.outer.clone())
    }

    fn count(&self, waits: u32) {
        self.waits.set(waits);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

struct StopGuard(Rc<ToolClock>);

impl Drop for StopGuard {
    fn drop(&mut self) {
        for clock in self.0.all() {
            clock.count(clock.waits.get() - 1);
        }
    }
}
