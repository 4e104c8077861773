//! Processes that tests wait for and look at.

use nix::unistd::Pid;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Waits until something holds, and fails if it takes too long. Time is measured: sleeps that are counted
/// take longer on a busy machine.
pub(crate) fn until(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < patience, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tells whether a process is there and no zombie.
pub(crate) fn lives(pid: impl Display) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Returns the processes that a process has started.
pub(crate) fn children(pid: u32) -> Vec<Pid> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}
