//! Waiting on a thread for a future, also within another executor, which does not let itself be entered again.

#[cfg(feature = "shared")]
use crate::base::clock;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
#[cfg(feature = "shared")]
use std::time::Duration;

/// Wakes a thread.
struct ThreadBell(Thread);

impl Wake for ThreadBell {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread. The executor of `futures` cannot be entered where another one is running.
pub(in crate::store) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = waker();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Waits on this thread, but not for longer than the limit: `None` if that was too short.
#[cfg(feature = "shared")]
pub(in crate::store) fn block_for<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = waker();
    let mut context = Context::from_waker(&waker);
    let began = clock::instant();
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }

        let left = limit.saturating_sub(clock::instant().duration_since(began));
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}

/// Wakes this thread.
fn waker() -> Waker {
    Waker::from(Arc::new(ThreadBell(std::thread::current())))
}
