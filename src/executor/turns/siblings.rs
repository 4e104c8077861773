//! Futures that run side by side. Who is polled when, and who is given up first, follows from who was
//! woken and from the order in which they began, and never from how often anything was polled: a run
//! that is gone through again is polled more often. (`FuturesUnordered` yields after some polls, and
//! drops in the order of the last ones.)

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Futures that run side by side.
pub struct Siblings<F> {
    members: BTreeMap<usize, Sibling<F>>,
    ready: Arc<Ready>,
    begun: usize,
}

struct Sibling<F> {
    future: Pin<Box<F>>,
    bell: Arc<MemberWaker>,
}

/// Who wants to be polled, in the order of asking.
#[derive(Default)]
struct Ready {
    queue: Mutex<VecDeque<usize>>,
    outer: Mutex<Option<Waker>>,
}

/// The waker of one member.
struct MemberWaker {
    place: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

const INVARIANT: &str = "nobody panics while holding the lock";

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        if self.is_queued.swap(true, Ordering::SeqCst) {
            return;
        }

        self.ready.queue.lock().expect(INVARIANT).push_back(self.place);
        let outer = self.ready.outer.lock().expect(INVARIANT).clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

impl<F> Default for Siblings<F> {
    fn default() -> Siblings<F> {
        Siblings { members: BTreeMap::new(), ready: Arc::default(), begun: 0 }
    }
}

impl<F: Future> Siblings<F> {
    /// Adds a future.
    pub fn push(&mut self, future: F) {
        let place = self.begun;
        self.begun += 1;
        let is_queued = AtomicBool::new(false);
        let ready = self.ready.clone();

        let bell = Arc::new(MemberWaker { place, is_queued, ready });
        self.members.insert(place, Sibling { future: Box::pin(future), bell: bell.clone() });
        bell.wake();
    }

    /// Returns how many have not ended.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Tells whether all have ended.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Waits for the next that ends; `None` if there is none left.
    pub async fn next(&mut self) -> Option<F::Output> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// Polls everybody who was woken, until one ends.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        // Set before the queue is looked at, so that who rings meanwhile wakes this task.
        self.ready.outer.lock().expect(INVARIANT).replace(context.waker().clone());

        loop {
            let place = self.ready.queue.lock().expect(INVARIANT).pop_front();
            let Some(place) = place else { break };
            let Some(member) = self.members.get_mut(&place) else { continue };

            // Cleared before the poll, so that who is woken during it is queued again.
            member.bell.is_queued.store(false, Ordering::SeqCst);
            let waker = Waker::from(member.bell.clone());
            let polled = member.future.as_mut().poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(value) = polled {
                self.members.remove(&place);
                return Poll::Ready(Some(value));
            }
        }

        if self.members.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl<F: Future> FromIterator<F> for Siblings<F> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Siblings<F> {
        let mut siblings = Siblings::default();
        futures.into_iter().for_each(|future| siblings.push(future));
        siblings
    }
}

/// Futures that run side by side, at most this many at once, and whose values come in the order in
/// which they began.
pub struct InOrder<'a, I, T> {
    waiting: std::iter::Enumerate<I>,
    running: Siblings<LocalBoxFuture<'a, (usize, T)>>,
    /// Values whose turn has not come.
    early: BTreeMap<usize, T>,
    next: usize,
    limit: usize,
}

impl<'a, I, F, T> InOrder<'a, I, T>
where
    I: Iterator<Item = F>,
    F: Future<Output = T> + 'a,
    T: 'a,
{
    /// Prepares to run futures, at most `limit` at once.
    pub fn new(futures: I, limit: usize) -> InOrder<'a, I, T> {
        InOrder {
            waiting: futures.enumerate(),
            running: Siblings::default(),
            early: BTreeMap::new(),
            next: 0,
            limit,
        }
    }

    /// Waits for the next value; `None` if there is none left.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            // Begun before a value is given out, so that what has begun by then follows from the number of
            // values alone. The iterator may have nothing now, and more when something has ended.
            while self.running.len() + self.early.len() < self.limit
                && let Some((place, future)) = self.waiting.next()
            {
                self.running.push(async move { (place, future.await) }.boxed_local());
            }

            if let Some(value) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(value);
            }

            let (place, value) = self.running.next().await?;
            self.early.insert(place, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    struct Told(u64, Rc<RefCell<Vec<u64>>>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_not_ended_is_given_up_in_the_order_of_beginning() {
        let given_up: Rc<RefCell<Vec<u64>>> = Rc::default();
        let mut siblings: Siblings<_> = [30, 10, 50, 20, 40]
            .into_iter()
            .map(|time| {
                let told = Told(time, given_up.clone());
                async move {
                    let told = told;
                    // Who was polled last must not matter.
                    for _ in 0..told.0 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    told.0
                }
            })
            .collect();

        assert_eq!((siblings.next().await, siblings.next().await), (Some(10), Some(20)));
        assert_eq!((given_up.take(), siblings.len()), (vec![10, 20], 3));

        drop(siblings);
        assert_eq!(given_up.take(), [30, 50, 40]);
    }
}
