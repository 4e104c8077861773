//! Threads. Where the system has no room for another one, that is an error and no panic.

use std::io;
use std::thread::{Builder, JoinHandle};
use tokio::sync::oneshot;

/// The system has no room for another thread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the system has no room for another thread ({reason}); end other programs, or raise the limit of \
     processes (`ulimit -u`, or `pids.max` of a container)"
)]
pub struct NoThread {
    reason: String,
}

/// Starts a thread.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, NoThread> {
    let started = Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| NoThread { reason: error.to_string() })
}

/// Does work that blocks on a thread of its own, while this one does other things.
pub async fn away<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    let started = start(name, move || {
        // Whoever waited may be gone.
        let _ = done.send(work());
    });
    started.map_err(io::Error::other)?;
    result.await.map_err(io::Error::other)
}
