//! Whether a run may begin something outside. A run that any of several machines performs may have been given to
//! another one; while nothing is heard of that, it goes on with what it has begun, and begins nothing.

use crate::base::clock;
use std::time::Instant;
use tokio::sync::watch;

/// Until when a run may begin something. Whoever hears more moves that on.
#[derive(Debug, Clone)]
pub struct Pulse(watch::Receiver<Instant>);

impl Pulse {
    /// Creates a pulse that lasts until a moment, and what moves it on.
    pub fn until(moment: Instant) -> (watch::Sender<Instant>, Pulse) {
        let (sender, receiver) = watch::channel(moment);
        (sender, Pulse(receiver))
    }

    /// Returns once something may begin.
    pub(super) async fn felt(&self) {
        let mut until = self.0.clone();
        loop {
            if clock::instant() < *until.borrow_and_update() {
                return;
            }
            if until.changed().await.is_err() {
                // Nobody will ever say so.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_until_something_is_heard() {
        let now = clock::instant();
        let (heard, pulse) = Pulse::until(now);
        let felt = tokio::time::timeout(Duration::from_secs(5), pulse.felt()).await;
        assert!(felt.is_err(), "nothing was heard");

        heard.send(now + Duration::from_secs(100)).expect("a pulse");
        pulse.felt().await;
    }
}
