//! What happens while a script is watched, from several threads in one queue.

use crate::cli::app::signal::Signals;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Puts things into the queue.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Post {
    sender: UnboundedSender<WatchEvent>,
    sent: Arc<AtomicU64>,
}

impl Post {
    /// Puts something into the queue; false when nobody reads it any more.
    pub(in crate::cli) fn send(&self, happened: WatchEvent) -> bool {
        self.sent.fetch_add(1, Ordering::SeqCst);
        self.sender.send(happened).is_ok()
    }
}

/// The queue.
pub(in crate::cli) struct Inbox {
    receiver: UnboundedReceiver<WatchEvent>,
    sent: Arc<AtomicU64>,
    taken: Arc<AtomicU64>,
}

impl Inbox {
    /// Creates an empty queue.
    pub(in crate::cli) fn new() -> (Post, Inbox) {
        let (sender, receiver) = unbounded_channel();
        let sent: Arc<AtomicU64> = Arc::default();
        let post = Post { sender, sent: sent.clone() };
        (post, Inbox { receiver, sent, taken: Arc::default() })
    }

    /// Stops a script that computes without ever waiting when something stays in the queue.
    pub(in crate::cli) fn guard(&self, signals: Signals) {
        let sent = self.sent.clone();
        let taken = self.taken.clone();

        std::thread::spawn(move || {
            loop {
                let before = taken.load(Ordering::SeqCst);
                std::thread::sleep(PATIENCE);

                let is_stuck = taken.load(Ordering::SeqCst) == before;
                if is_stuck && sent.load(Ordering::SeqCst) > before {
                    signals.flag().store(true, Ordering::SeqCst);
                }
            }
        });
    }

    /// Waits for the next thing.
    pub(in crate::cli) async fn next(&mut self) -> WatchEvent {
        let next = self.receiver.recv().await;
        self.taken.fetch_add(1, Ordering::SeqCst);
        match next {
            Some(happened) => happened,
            None => std::future::pending().await,
        }
    }
}
