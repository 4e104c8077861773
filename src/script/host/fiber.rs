//! A script task as a stackful fiber: native functions wait by suspending the fiber, so that a
//! script reads synchronously while thousands of tasks share one thread. The only unsafe code.
#![allow(
    unsafe_code,
    reason = "a task's context outlives the fiber's poll, which the borrow checker cannot see across stacks"
)]

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// Stack of a fiber in bytes. Only pages that are touched cost memory. The deepest script that the limits allow
/// needs about 6 MiB. The rest is for data: Rhai goes through a value level by level, and a script that nests values
/// within values becomes so slow that its limits end it long before this is used up.
const STACK_BYTES: usize = 64 << 20;
/// Most tasks of a script that live at once. Each takes two of the mappings of memory of which a process
/// of Linux has 65,530; the process ends when there is none left for what it needs besides.
pub(crate) const TASKS_MAX: usize = 20_000;
/// Most stacks kept for the next fibers.
const POOL_MAX: usize = 64;

/// What a running fiber needs in order to wait.
#[derive(Clone, Copy)]
struct RunningFiber {
    /// Gives control back to the poll that runs the fiber.
    yielder: NonNull<Yielder<(), ()>>,
    /// The task context of that poll.
    context: NonNull<Context<'static>>,
}

thread_local! {
    /// The fiber that runs on this thread at this moment.
    static RUNNING: Cell<Option<RunningFiber>> = const { Cell::new(None) };
    /// The task context handed to the fiber that is being resumed.
    static RESUMING: Cell<Option<NonNull<Context<'static>>>> = const { Cell::new(None) };
    /// Stacks of fibers that have ended.
    static POOL: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
    /// How many fibers live on this thread.
    static LIVING: Cell<usize> = const { Cell::new(0) };
}

/// Accepts that one more fiber lives.
pub(crate) fn room() -> std::io::Result<()> {
    if LIVING.get() < TASKS_MAX {
        return Ok(());
    }
    Err(std::io::Error::other(format!(
        "{TASKS_MAX} tasks already exist (`TASKS_MAX`); wait for some of them first"
    )))
}

/// Counts as one fiber while it lives.
struct Life;

impl Life {
    fn begin() -> std::io::Result<Life> {
        room()?;
        LIVING.set(LIVING.get() + 1);
        Ok(Life)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        LIVING.set(LIVING.get().saturating_sub(1));
    }
}

/// A function on its own stack, as a future. Dropping it unwinds the function, whose destructors run.
pub(crate) struct Fiber<T: 'static> {
    coroutine: Option<Coroutine<(), (), T>>,
    life: Option<Life>,
}

impl<T: 'static> Fiber<T> {
    /// Prepares a fiber; the function starts at the first poll.
    pub(crate) fn new(function: impl FnOnce() -> T + 'static) -> std::io::Result<Fiber<T>> {
        let life = Life::begin()?;
        let pooled = POOL.with(|pool| pool.borrow_mut().pop());
        let stack = pooled.map_or_else(|| DefaultStack::new(STACK_BYTES), Ok)?;

        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            enter(yielder);
            function()
        });
        Ok(Fiber { coroutine: Some(coroutine), life: Some(life) })
    }
}

/// Notes the yielder of a fiber that starts.
fn enter(yielder: &Yielder<(), ()>) {
    let context = RESUMING.get().expect("a fiber starts inside a poll");
    RUNNING.set(Some(RunningFiber { yielder: NonNull::from(yielder), context }));
}

impl<T: 'static> Future for Fiber<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let coroutine = self.coroutine.as_mut().expect("a fiber is not polled after its end");
        // SAFETY: only the lifetime is erased. The pointer is used while `resume` runs, and `cx`
        // lives that long; both cells are restored before this function returns.
        let context = unsafe { std::mem::transmute::<&mut Context<'_>, &mut Context<'static>>(cx) };
        let outer = (RUNNING.take(), RESUMING.replace(Some(NonNull::from(context))));
        let _restore = RestoreFiber(outer);

        match coroutine.resume(()) {
            CoroutineResult::Yield(()) => Poll::Pending,
            CoroutineResult::Return(value) => {
                if let Some(coroutine) = self.coroutine.take() {
                    keep(coroutine.into_stack());
                }
                self.life = None;
                Poll::Ready(value)
            }
        }
    }
}

impl<T: 'static> Drop for Fiber<T> {
    fn drop(&mut self) {
        if let Some(mut coroutine) = self.coroutine.take() {
            let _restore = RestoreFiber((RUNNING.take(), RESUMING.take()));
            coroutine.force_unwind();
            keep(coroutine.into_stack());
        }
    }
}

/// Puts a stack aside for the next fiber.
fn keep(stack: DefaultStack) {
    POOL.with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < POOL_MAX {
            pool.push(stack);
        }
    });
}

/// Puts the cells back as they were, also when the fiber panics.
struct RestoreFiber((Option<RunningFiber>, Option<NonNull<Context<'static>>>));

impl Drop for RestoreFiber {
    fn drop(&mut self) {
        RUNNING.set(self.0.0);
        RESUMING.set(self.0.1);
    }
}

/// Tells whether the code that asks runs inside a fiber.
pub(crate) fn is_inside() -> bool {
    RUNNING.get().is_some()
}

/// Waits for a future from inside a fiber; other tasks run meanwhile.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let mut running = RUNNING.get().expect("scripts run inside a fiber");
        // SAFETY: `context` is the context of the poll that is running this fiber right now: it is
        // replaced below after every suspension, before it is used again.
        let context = unsafe { running.context.as_mut() };
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return value;
        }

        // SAFETY: the yielder lives on this fiber's own stack for as long as the fiber does.
        unsafe { running.yielder.as_ref() }.suspend(());
        let context = RESUMING.get().expect("a fiber is resumed inside a poll");
        RUNNING.set(Some(RunningFiber { yielder: running.yielder, context }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_fibers_wait_together() {
        let started = tokio::time::Instant::now();
        let fibers = (0..1000).map(|i| {
            Fiber::new(move || {
                wait(tokio::time::sleep(Duration::from_millis(50)));
                i
            })
            .expect("a stack")
        });

        let values = futures::future::join_all(fibers).await;
        assert_eq!(values, (0..1000).collect::<Vec<_>>());
        assert_eq!(started.elapsed(), Duration::from_millis(50));
    }

    #[tokio::test]
    async fn dropping_a_fiber_runs_its_destructors() {
        let held = Rc::new(());
        let inside = held.clone();
        let mut fiber = Fiber::new(move || {
            wait(std::future::pending::<()>());
            drop(inside);
        })
        .expect("a stack");

        assert!(futures::poll!(&mut fiber).is_pending());
        assert_eq!(Rc::strong_count(&held), 2);
        drop(fiber);
        assert_eq!(Rc::strong_count(&held), 1);
    }

    #[tokio::test]
    async fn a_fiber_may_wait_for_another_fiber() {
        let outer = Fiber::new(|| {
            let inner = Fiber::new(|| {
                wait(tokio::task::yield_now());
                20
            });
            wait(tokio::task::yield_now());
            wait(inner.expect("a stack")) + 1
        });
        assert_eq!(outer.expect("a stack").await, 21);
    }

    #[tokio::test]
    async fn a_panic_reaches_the_poller_and_the_thread_goes_on() {
        let fiber = Fiber::new(|| -> () { std::panic::resume_unwind(Box::new("boom")) });
        let fiber = std::panic::AssertUnwindSafe(fiber.expect("a stack"));
        assert!(futures::FutureExt::catch_unwind(fiber).await.is_err());
        assert_eq!(Fiber::new(|| 1).expect("a stack").await, 1);
    }
}
