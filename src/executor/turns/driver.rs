//! Polls a run: step by step, until everybody in it waits, and then tells the next end.

use crate::executor::turns::Turns;
use futures::future::LocalBoxFuture;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Most ends that are told before everything else on the thread gets a turn, such as signals.
const ENDS_IN_A_ROW: u32 = 64;

impl Turns {
    /// Runs a future to its end, together with the tasks that it spawns, and tells it of ends in
    /// their order. Within another such future it is a part of that.
    pub async fn drive<F: Future>(&self, main: F) -> F::Output {
        let main = pin!(main);
        let driver = Driver { turns: self, main, bell: Arc::new(DriverWaker::default()) };
        // The budget by which tokio makes tasks yield would end a step at an arbitrary place.
        tokio::task::unconstrained(driver).await
    }

    /// Starts a task that runs beside the future that is driven.
    pub(crate) fn spawn(&self, future: LocalBoxFuture<'static, ()>) -> TaskHandle {
        let future = self.inherit(future);
        let slot = Rc::new(TaskSlot { future: RefCell::new(Some(future)), ..TaskSlot::default() });
        self.new_tasks.borrow_mut().push(RunningTask(slot.clone()));
        TaskHandle(slot)
    }

    /// Gives every task a turn whose turn it is.
    fn poll_tasks(&self, context: &mut Context<'_>) {
        loop {
            // New ones are kept apart: a task may start others while this list is borrowed.
            let new = self.new_tasks.take();
            let mut tasks = self.tasks.borrow_mut();
            for task in new {
                tasks.push(task);
            }

            let one = tasks.poll_next(context);
            if !matches!(one, Poll::Ready(Some(()))) && self.new_tasks.borrow().is_empty() {
                return;
            }
        }
    }
}

/// Rings when something inside a driven future wants to be polled.
#[derive(Default)]
struct DriverWaker {
    has_rung: AtomicBool,
    /// The driver polls at this moment, and looks at the bell before it stops.
    is_watched: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Wake for DriverWaker {
    fn wake(self: Arc<Self>) {
        // To wake the outer task is a call to the system, and once is enough until it is polled.
        if self.has_rung.swap(true, Ordering::SeqCst) {
            return;
        }
        // Who polls looks afterwards whether it has rung, and needs no waking.
        if self.is_watched.load(Ordering::SeqCst) {
            return;
        }

        let outer = self.outer.lock().expect("nobody panics while holding the waker").clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

/// The future that is driven, in its place.
struct Driver<'a, F> {
    turns: &'a Turns,
    main: Pin<&'a mut F>,
    bell: Arc<DriverWaker>,
}

impl<F: Future> Future for Driver<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.turns.is_driven.get() {
            return self.main.as_mut().poll(context);
        }

        let _driven = DriveGuard::begin(self.turns);
        let bell = self.bell.clone();
        let outer = context.waker().clone();
        *bell.outer.lock().expect("nobody panics while holding the waker") = Some(outer);
        bell.is_watched.store(true, Ordering::SeqCst);
        let polled = self.step(&bell);

        // Whoever rings from now on wakes the outer task; who rang before found a watcher.
        bell.is_watched.store(false, Ordering::SeqCst);
        if polled.is_pending() && bell.has_rung.load(Ordering::SeqCst) {
            context.waker().wake_by_ref();
        }

        polled
    }
}

impl<F: Future> Driver<'_, F> {
    /// Polls until everybody waits, tells the next end, and so on until there is none.
    fn step(&mut self, bell: &Arc<DriverWaker>) -> Poll<F::Output> {
        let waker = Waker::from(bell.clone());
        let mut inner = Context::from_waker(&waker);
        let mut ends = 0;

        loop {
            bell.has_rung.store(false, Ordering::SeqCst);
            if let Poll::Ready(value) = self.main.as_mut().poll(&mut inner) {
                self.turns.pay();
                return Poll::Ready(value);
            }
            self.turns.poll_tasks(&mut inner);
            if bell.has_rung.load(Ordering::SeqCst) {
                continue;
            }

            if !self.turns.tell_next() {
                if self.turns.let_write() {
                    continue;
                }
                self.turns.find_standstill();
                return Poll::Pending;
            }
            ends += 1;
            if ends == ENDS_IN_A_ROW {
                // The end that was told has rung the bell, so this is polled again soon.
                return Poll::Pending;
            }
        }
    }
}

/// The time during which a run is polled by its driver.
struct DriveGuard<'a>(&'a Turns);

impl<'a> DriveGuard<'a> {
    fn begin(turns: &'a Turns) -> DriveGuard<'a> {
        turns.is_driven.set(true);
        DriveGuard(turns)
    }
}

impl Drop for DriveGuard<'_> {
    fn drop(&mut self) {
        self.0.is_driven.set(false);
    }
}

/// A task's future, until it has ended or been stopped.
#[derive(Default)]
struct TaskSlot {
    future: RefCell<Option<LocalBoxFuture<'static, ()>>>,
    is_stopped: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// A task as its driver sees it.
pub(in crate::executor) struct RunningTask(Rc<TaskSlot>);

impl Future for RunningTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Taken out, so that a task can stop itself.
        let Some(mut future) = self.0.future.take() else { return Poll::Ready(()) };
        if future.as_mut().poll(context).is_ready() || self.0.is_stopped.get() {
            return Poll::Ready(());
        }

        self.0.future.replace(Some(future));
        self.0.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

/// A task as whoever started it sees it.
pub(crate) struct TaskHandle(Rc<TaskSlot>);

impl TaskHandle {
    /// Stops the task now: what it was doing is dropped.
    pub(crate) fn stop(&self) {
        self.0.is_stopped.set(true);
        drop(self.0.future.take());

        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}
