//! Ends that a run was told of before they are written. All that end at the same moment share a commit, which
//! comes before anything begins outside.

use crate::executor::turns::Turns;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

/// Commits ends that are owed; it is given their number.
pub(in crate::executor) type Payment = Rc<dyn Fn(u32)>;

/// How many ends are owed, and what commits them.
#[derive(Default)]
pub(super) struct OwedEnds {
    count: Cell<u32>,
    pay: RefCell<Option<Payment>>,
}

impl Turns {
    /// Waits until nothing else can continue.
    pub(in crate::executor) async fn time_to_write(&self) {
        if !self.is_driven.get() {
            return;
        }

        let is_due = Rc::new(Cell::new(false));
        std::future::poll_fn(|context| {
            if is_due.get() {
                return Poll::Ready(());
            }
            self.unwritten.borrow_mut().push((is_due.clone(), context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Sets what commits what is owed.
    pub(in crate::executor) fn pay_with(&self, pay: Payment) {
        self.owed.pay.replace(Some(pay));
    }

    /// Waits for the turn of an end that was journaled and is owed: it is written when nothing else can go
    /// on, so that everything that ends until then shares the commit, and before anything begins outside.
    pub(in crate::executor) async fn owe(&self) {
        self.owed.count.set(self.owed.count.get() + 1);
        self.commit(std::future::ready(())).await;
    }

    /// Tells whether ends are owed.
    pub(in crate::executor) fn owes(&self) -> bool {
        self.owed.count.get() > 0
    }

    /// Waits until what is owed has been written, or is about to be by another thread.
    pub(in crate::executor) async fn paid(&self) {
        if self.owes() {
            self.time_to_write().await;
        }
    }

    /// Commits what is owed.
    pub(in crate::executor) fn pay(&self) {
        let owed = self.owed.count.take();
        if owed > 0
            && let Some(pay) = &*self.owed.pay.borrow()
        {
            pay(owed);
        }
    }

    /// Lets those continue who wait for a commit, if there are any. Called only when nothing can be told.
    pub(in crate::executor) fn let_write(&self) -> bool {
        self.pay();
        let unwritten = self.unwritten.take();
        for (is_due, waker) in &unwritten {
            is_due.set(true);
            waker.wake_by_ref();
        }
        !unwritten.is_empty()
    }
}
