//! The name that a server of OpenAI's protocol has for the limit on tokens, and how it is found out.
//!
//! A server that refuses the usual name is sent the request with the other one, which is a request of its own:
//! it is counted and bounded as each is (`executor/attempt.rs`). One call finds the name out while others wait,
//! so that not all of them are refused.

use crate::base::clock;
use crate::model::call_error::CallError;
use crate::model::provider::departure::Departure;
use crate::model::spec::LimitField;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Longest time that calls wait while another one finds the name out.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Longest time that they wait once its request has left. A server refuses a name at once, and a reply takes
/// longer. Calls that race should not have to wait for the first of them.
const REFUSAL_MAX: Duration = Duration::from_millis(200);

/// What is known of the name that a server has for the limit on tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LimitName {
    /// Nothing: the usual one is sent.
    #[default]
    Unknown,
    /// The usual one was taken. A server behind the same address may still refuse it.
    Usual,
    /// The server has named `max_completion_tokens` as it refused a request.
    Suspected,
    /// It is `max_completion_tokens`, and nobody was told yet.
    Learned,
    /// It is this one.
    Known(LimitField),
}

/// The name of one server's limit, which all models of the same name there share.
#[derive(Debug, Default)]
pub struct LimitFinder {
    name: Cell<LimitName>,
    /// The request of the call that is finding it out.
    on_trial: RefCell<Option<Departure>>,
    trial_ended: Notify,
    /// The request that was refused with the usual name, by its hash, and in which words.
    first: RefCell<Option<(blake3::Hash, CallError)>>,
}

impl LimitFinder {
    /// Creates one that need not find anything out.
    pub fn known(field: LimitField) -> LimitFinder {
        LimitFinder { name: Cell::new(LimitName::Known(field)), ..LimitFinder::default() }
    }

    /// Takes a name for the server's, unless another one is known.
    pub fn assume(&self, field: LimitField) {
        if self.name.get() == LimitName::Unknown {
            self.name.set(LimitName::Known(field));
        }
    }

    /// Tells, once, that the server has another name than the usual one.
    pub(super) fn take_learned(&self) -> bool {
        let is_new = self.name.get() == LimitName::Learned;
        if is_new {
            self.name.set(LimitName::Known(LimitField::MaxCompletionTokens));
        }

        is_new
    }

    /// Returns the name to send.
    pub(super) fn field(&self) -> LimitField {
        match self.name.get() {
            LimitName::Unknown | LimitName::Usual => LimitField::MaxTokens,
            LimitName::Suspected | LimitName::Learned => LimitField::MaxCompletionTokens,
            LimitName::Known(field) => field,
        }
    }

    /// Learns from an answer. It is better evidence than a refusal.
    pub(super) fn took(&self, field: LimitField) {
        let now = self.name.get();
        match (field, now) {
            (LimitField::MaxTokens, LimitName::Unknown | LimitName::Suspected) => {
                self.name.set(LimitName::Usual);
            }
            (LimitField::MaxCompletionTokens, LimitName::Usual | LimitName::Suspected) => {
                self.name.set(LimitName::Learned);
            }
            _ => {}
        }
    }

    /// Learns from a request that was refused as wrong, `hash` of which does not depend on the name. Returns
    /// the error that counts.
    pub(super) fn refused(
        &self,
        field: LimitField,
        hash: blake3::Hash,
        wants_other: bool,
        error: CallError,
    ) -> CallError {
        let CallError::BadRequest { status, message } = &error else { return error };
        let status = *status;
        let message = message.clone();

        match (field, self.name.get()) {
            // What this call knew counts: another one may have learned the name meanwhile.
            (LimitField::MaxTokens, now)
                if wants_other && !matches!(now, LimitName::Known(LimitField::MaxTokens)) =>
            {
                if matches!(now, LimitName::Unknown | LimitName::Usual) {
                    self.name.set(LimitName::Suspected);
                    self.first.replace(Some((hash, error)));
                }
                CallError::OtherForm { status, message }
            }
            (LimitField::MaxCompletionTokens, LimitName::Suspected) => {
                // It was not the name, so the first words are those that count.
                self.name.set(LimitName::Known(LimitField::MaxTokens));
                match self.first.take() {
                    Some((of, first)) if of == hash => first,
                    _ => error,
                }
            }
            _ => error,
        }
    }

    /// Waits while another call finds the name out, but not for long. Returns the trial of this call, which leaves
    /// as `departure` says, if the name is still to be found.
    pub(super) async fn trial(self: &Rc<LimitFinder>, departure: &Departure) -> Option<LimitTrial> {
        let turn = async {
            while matches!(self.name.get(), LimitName::Unknown | LimitName::Suspected) {
                let first = self.on_trial.borrow().clone();
                let Some(first) = first else {
                    self.on_trial.replace(Some(departure.clone()));
                    return Some(LimitTrial(self.clone()));
                };

                let unrefused = async {
                    let due = first.wait().await + REFUSAL_MAX;
                    if let Some(left) = due.checked_sub(clock::monotonic()) {
                        tokio::time::sleep(left).await;
                    }
                };
                tokio::select! {
                    () = self.trial_ended.notified() => {}
                    () = unrefused => return None,
                }
            }
            None
        };

        tokio::time::timeout(WAIT_MAX, turn).await.unwrap_or(None)
    }
}

/// A call that finds the name out, for as long as this lives.
pub(super) struct LimitTrial(Rc<LimitFinder>);

impl Drop for LimitTrial {
    /// A call that was dropped or failed has found out nothing, and another one may.
    fn drop(&mut self) {
        self.0.on_trial.take();
        self.0.trial_ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn calls_wait_a_moment_from_when_the_first_request_leaves() {
        let finder = Rc::new(LimitFinder::default());
        let (first, second) = (Departure::default(), Departure::default());
        let trial = finder.trial(&first).await.expect("the first may try");
        let began = clock::monotonic();

        let mut waits = Box::pin(finder.trial(&second));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(waits.as_mut().now_or_never().is_none());
        first.pass();
        assert!(waits.await.is_none());
        assert_eq!(clock::monotonic().saturating_sub(began), Duration::from_millis(700));

        // Those that come later need not wait.
        assert!(finder.trial(&second).await.is_none());
        assert_eq!(clock::monotonic().saturating_sub(began), Duration::from_millis(700));
        drop(trial);
        assert!(finder.trial(&second).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_leave_holds_nobody_up_for_long() {
        let finder = Rc::new(LimitFinder::default());
        let trial = finder.trial(&Departure::default()).await;
        let began = clock::monotonic();
        assert!(finder.trial(&Departure::default()).await.is_none());
        assert_eq!(clock::monotonic().saturating_sub(began), WAIT_MAX);
        drop(trial);
    }
}
