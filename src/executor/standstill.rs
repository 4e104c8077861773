//! Runs that cannot go on by themselves: everything in them waits for what this process does not
//! bring about. Whoever drives such a run ends it; nothing is lost, since a later run goes on with it.

use crate::base::failure::Failure;
use crate::executor::Executor;
use crate::executor::turns::Standing;
use std::cell::RefCell;
use std::convert::Infallible;

/// Why a run cannot go on by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    /// Something may not be done before people have decided about it.
    Failed(Failure),
}

/// Why the run will stop, once it stands still.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    failure: RefCell<Option<Failure>>,
}

impl Executor {
    /// Has the run stop once everything else that is under way has ended. This task goes no further.
    pub(super) async fn stop_for(&self, failure: Failure) -> ! {
        self.standstill.failure.borrow_mut().get_or_insert(failure);

        let never = async {
            let _standing = self.turns.stand(Standing::ForGood);
            std::future::pending::<Infallible>().await
        };
        match self.outside(never).await {}
    }

    /// Waits until the run cannot go on by itself, and returns why.
    pub async fn halted(&self) -> Halt {
        self.turns.still().await;

        match self.standstill.failure.borrow().clone() {
            Some(failure) => Halt::Failed(failure),
            None => std::future::pending().await,
        }
    }
}
