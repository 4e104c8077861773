//! The time that going through a script may take.

use crate::base::thread::{self, NoThread};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Stops a plan that takes too long, also one that only computes.
pub(in crate::cli) struct Clock {
    /// Ends the thread when it is dropped.
    running: Sender<()>,
    /// Whether the plan was stopped.
    is_over: Arc<AtomicBool>,
}

impl Clock {
    pub(in crate::cli) fn start(flag: Arc<AtomicBool>, limit: Duration) -> Result<Clock, NoThread> {
        let (running, ended) = channel();
        let is_over: Arc<AtomicBool> = Arc::default();
        let over = is_over.clone();

        thread::start("plan", move || {
            if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                over.store(true, Ordering::SeqCst);
                flag.store(true, Ordering::SeqCst);
            }
        })?;

        Ok(Clock { running, is_over })
    }

    /// Tells whether the time is over, and stops nothing any more.
    pub(in crate::cli) fn stop(self) -> bool {
        drop(self.running);
        self.is_over.load(Ordering::SeqCst)
    }
}
