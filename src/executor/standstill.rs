//! Runs that cannot continue by themselves: everything in them waits for people, for a time that is far, or
//! for a decision. Whoever drives such a run ends it, and a later run continues it.

use crate::base::clock::{self, Stamp};
use crate::base::failure::Failure;
use crate::base::strand::Spot;
use crate::executor::Executor;
use crate::executor::turns::WaitedFor;
use crate::journal::event::{Event, Timer};
use crate::journal::waits::{PendingQuestion, PendingTimer, Waits};
use crate::store::StoreError;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

/// From which time on a wait is a far one, unless the settings say otherwise.
pub const FAR: Duration = Duration::from_mins(5);
/// How often a far wait looks at the time: a computer that sleeps stops the clock by which waits are
/// measured.
const LOOK: Duration = Duration::from_mins(1);

/// When a run is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspension {
    /// From which time on a wait is a far one.
    pub far: Duration,
    /// Whether it is suspended for a time that is far, and not for people alone.
    pub of_times: bool,
}

/// Why a run cannot continue by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    /// Something may not be done before people have decided about it.
    Failed(Box<Failure>),
    /// It waits for these.
    Suspended(Box<Waits>),
}

/// One thing that is waited for.
enum PendingWait {
    Question(Box<PendingQuestion>),
    Timer(PendingTimer),
}

/// What the run waits for, and why it has to stop.
#[derive(Default)]
pub(super) struct Standstill {
    failure: RefCell<Option<Failure>>,
    pending: RefCell<BTreeMap<u64, PendingWait>>,
    next: Cell<u64>,
    /// When the run is suspended. Without it the process waits, however long it takes.
    suspension: Option<Suspension>,
}

/// Something that is waited for, as long as this lives.
pub(super) struct PendingGuard<'a> {
    standstill: &'a Standstill,
    number: u64,
}

impl Drop for PendingGuard<'_> {
    fn drop(&mut self) {
        self.standstill.pending.borrow_mut().remove(&self.number);
    }
}

impl Standstill {
    fn open(&self, wait: PendingWait) -> PendingGuard<'_> {
        let number = self.next.replace(self.next.get() + 1);
        self.pending.borrow_mut().insert(number, wait);
        PendingGuard { standstill: self, number }
    }

    /// Returns what is waited for.
    fn waits(&self) -> Waits {
        let mut waits = Waits::default();
        for wait in self.pending.borrow().values() {
            match wait {
                PendingWait::Question(question) => waits.questions.push((**question).clone()),
                PendingWait::Timer(timer) => waits.timers.push(timer.clone()),
            }
        }

        waits.questions.sort_by_key(|question| question.number);
        waits
    }
}

impl Executor {
    /// Lets the run be suspended where everything in it waits for people, or for times that are far.
    #[must_use]
    pub fn suspending(mut self, suspension: Suspension) -> Executor {
        self.standstill.suspension = Some(suspension);
        self.turns.be_patient(suspension.far);
        self
    }

    /// Has the run stop once everything else that is under way has ended. This task goes no further.
    pub(super) async fn stop_for(&self, failure: Failure) -> ! {
        self.standstill.failure.borrow_mut().get_or_insert(failure);

        let never = async {
            let _waiting = self.turns.wait_for(WaitedFor::TheEnd);
            std::future::pending::<Infallible>().await
        };
        match self.outside(never).await {}
    }

    /// Waits until the run cannot continue by itself, and returns why. Of what ends because the run is
    /// suspended, nothing is journaled.
    pub async fn halted(&self) -> Halt {
        self.turns.still().await;

        let failure = self.standstill.failure.borrow().clone();
        if let Some(failure) = failure {
            return Halt::Failed(Box::new(failure));
        }

        self.recorder.close();
        Halt::Suspended(Box::new(self.standstill.waits()))
    }

    /// Notes that a question waits for its answer.
    pub(super) fn open_question(&self, question: PendingQuestion) -> PendingGuard<'_> {
        self.standstill.open(PendingWait::Question(Box::new(question)))
    }

    /// Waits for an answer that comes, if ever, when the run is suspended.
    pub(super) async fn rest(&self) -> Infallible {
        let may_suspend = self.standstill.suspension.is_some();
        let _waiting = may_suspend.then(|| self.turns.wait_for(WaitedFor::People));
        std::future::pending().await
    }

    /// Tells whether a wait is so long that its end counts, and not the time.
    pub(super) fn is_far(&self, time: Duration) -> bool {
        self.standstill.suspension.is_some_and(|suspension| time > suspension.far)
    }

    /// Lets a time pass that is far.
    pub(super) async fn pass_far(
        &self,
        at: &Spot,
        timer: Timer,
        left: Duration,
    ) -> Result<(), StoreError> {
        let due = self.memory.due(timer, at).unwrap_or_else(|| after(left));
        // A limit counts the time of the run, as long as that is not suspended.
        if timer == Timer::Sleep {
            self.note(&Event::SleepBegan { at: at.clone(), due })?;
        }

        let wait = PendingTimer { timer, at: at.clone(), due };
        let _open = self.standstill.open(PendingWait::Timer(wait));
        let may_suspend = self.standstill.suspension.is_some_and(|suspension| suspension.of_times);
        let is_far = may_suspend && self.is_far(until(due));
        let _waiting = is_far.then(|| self.turns.wait_for(WaitedFor::People));
        self.come(due).await;
        Ok(())
    }

    /// Waits until a time in milliseconds since 1970.
    pub(super) async fn come(&self, due: i64) {
        let began = clock::monotonic();
        let all = until(due);

        loop {
            let passed = clock::monotonic().saturating_sub(began);
            let left = all.saturating_sub(passed).min(until(due));
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}

/// Returns how long it is until a time in milliseconds since 1970.
pub(super) fn until(due: i64) -> Duration {
    let left = due.saturating_sub(Stamp::now().0);
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

/// Returns the time in milliseconds since 1970 that comes after a while.
pub(super) fn after(time: Duration) -> i64 {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Stamp::now().0.saturating_add(millis)
}
