//! The time that a run may take.

use crate::base::thread::{self, NoThread};
use crate::cli::app::exit::Exit;
use crate::cli::app::overrun::Overrun;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a script that waits is given to end by itself when its time is over.
const SLACK: Duration = Duration::from_millis(200);

/// Stops a script that computes without ever waiting when its time is over, and ends one that does not stop.
pub(in crate::cli) fn stop_after(
    limit: Option<Duration>,
    flag: Arc<AtomicBool>,
    overrun: Overrun,
) -> Result<(), NoThread> {
    if let Some(limit) = limit {
        thread::start("limit", move || {
            std::thread::sleep(limit.saturating_add(SLACK));
            flag.store(true, Ordering::SeqCst);
            overrun.enforce(Exit::Budget);
        })?;
    }
    Ok(())
}

/// Waits until the time of a run is over; for ever if it is not bounded.
pub(in crate::cli) async fn time_over(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}
