//! What happens while a script is watched, from several threads in one queue.

use crate::base::thread::{self, NoThread};
use crate::cli::app::signal::Signals;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long something may stay in the queue before a script that never waits is stopped for it.
const PATIENCE: Duration = Duration::from_millis(150);

/// One thing that happened.
#[derive(Debug)]
pub(in crate::cli) enum WatchEvent {
    /// Files have changed; when that was noticed first.
    Changed { files: Vec<PathBuf>, at: Duration },
    /// A key was pressed.
    Key(char),
}

/// How far the queue was read.
#[derive(Debug, Clone, Default)]
struct InboxState(Arc<Mutex<InboxCounts>>);

#[derive(Debug, Clone, Copy, Default)]
struct InboxCounts {
    sent: u64,
    taken: u64,
    /// Whether the script was told to stop for what waits.
    has_stopped: bool,
}

impl InboxState {
    fn counts(&self) -> MutexGuard<'_, InboxCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts things into the queue.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Post {
    sender: UnboundedSender<WatchEvent>,
    state: InboxState,
}

impl Post {
    /// Puts something into the queue; false when nobody reads it any more.
    pub(in crate::cli) fn send(&self, happened: WatchEvent) -> bool {
        self.state.counts().sent += 1;
        self.sender.send(happened).is_ok()
    }
}

/// The queue.
pub(in crate::cli) struct Inbox {
    receiver: UnboundedReceiver<WatchEvent>,
    state: InboxState,
    /// What stops a script for what waits here.
    signals: Option<Signals>,
}

impl Inbox {
    /// Creates an empty queue.
    pub(in crate::cli) fn new() -> (Post, Inbox) {
        let (sender, receiver) = unbounded_channel();
        let state = InboxState::default();
        let post = Post { sender, state: state.clone() };
        (post, Inbox { receiver, state, signals: None })
    }

    /// Stops a script that computes without ever waiting when something stays in the queue.
    pub(in crate::cli) fn guarded(mut self, signals: Signals) -> Result<Inbox, NoThread> {
        guard(self.state.clone(), signals.clone())?;
        self.signals = Some(signals);
        Ok(self)
    }

    /// Notes that one thing was taken: in time after all, if the script was told to stop for it.
    fn note_taken(&self) {
        let mut counts = self.state.counts();
        counts.taken += 1;

        if std::mem::take(&mut counts.has_stopped)
            && let Some(signals) = &self.signals
        {
            signals.go_on();
        }
    }

    /// Waits for the next thing.
    pub(in crate::cli) async fn next(&mut self) -> WatchEvent {
        let next = self.receiver.recv().await;
        self.note_taken();

        match next {
            Some(happened) => happened,
            None => std::future::pending().await,
        }
    }
}

/// Stops the script when something stays in the queue.
fn guard(state: InboxState, signals: Signals) -> Result<(), NoThread> {
    thread::start("inbox", move || {
        loop {
            let before = *state.counts();
            std::thread::sleep(PATIENCE);

            // What has come meanwhile was not there for long.
            let mut counts = state.counts();
            if before.sent > before.taken && counts.taken == before.taken {
                counts.has_stopped = true;
                signals.stop();
            }
        }
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[tokio::test]
    async fn a_script_is_stopped_only_for_what_nobody_takes() {
        let signals = Signals::default();
        let (post, inbox) = Inbox::new();
        let mut inbox = inbox.guarded(signals.clone()).expect("a thread");
        let is_stopped = || signals.flag().load(Ordering::SeqCst);

        // Whenever it comes, what is taken at once stops nothing.
        for _ in 0..40 {
            post.send(WatchEvent::Key('x'));
            std::thread::sleep(PATIENCE / 30);
            inbox.next().await;
            std::thread::sleep(PATIENCE / 30);
            assert!(!is_stopped());
        }

        post.send(WatchEvent::Key('x'));
        std::thread::sleep(PATIENCE * 3);
        assert!(is_stopped());
        // What stops too late must not end what goes on.
        inbox.next().await;
        assert!(!is_stopped());
        std::thread::sleep(PATIENCE * 3);
        assert!(!is_stopped());
    }
}
