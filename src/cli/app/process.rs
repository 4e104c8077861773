//! Stopping a run that another process runs, as Ctrl-C does. A process number alone proves nothing: the
//! system gives it to another process once the one of the run has ended.

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::path::{Path, PathBuf};

/// How much later than its run a process may seem to have begun, because the system counts its starts in
/// coarse steps; in microseconds.
const SLACK: i64 = 1_000_000;

/// Why a run is not stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum StopFault {
    /// This system does not tell what a process is.
    #[error("this system has no /proc, so kaizen cannot tell which process belongs to the run")]
    NotSupported,
    /// The process has ended.
    #[error("the process of the run has ended")]
    Gone,
    /// Another program has the process number now.
    #[error("the process id of the run now belongs to another program")]
    Other,
    /// The process began after the run.
    #[error("the process id of the run now belongs to a process that started later")]
    Later,
    /// It belongs to somebody else.
    #[error("the run cannot be stopped: {0}")]
    Denied(String),
}

/// Asks the process of a run that began at a time (microseconds since 1970) to stop.
pub(in crate::cli) fn interrupt(pid: u32, started_at: i64) -> Result<(), StopFault> {
    if !Path::new("/proc/self").exists() {
        return Err(StopFault::NotSupported);
    }

    let folder = PathBuf::from(format!("/proc/{pid}"));
    let program = std::fs::read_link(folder.join("exe")).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => StopFault::Denied(error.to_string()),
        _ => StopFault::Gone,
    })?;
    if !is_kaizen(&program) {
        return Err(StopFault::Other);
    }

    let began = began_at(&folder).ok_or(StopFault::Gone)?;
    if began > started_at.saturating_add(SLACK) {
        return Err(StopFault::Later);
    }

    let number = i32::try_from(pid).map_err(|_| StopFault::Gone)?;
    kill(Pid::from_raw(number), Signal::SIGINT)
        .map_err(|error| StopFault::Denied(error.desc().to_owned()))
}

/// Tells whether a program is kaizen, perhaps one that was replaced since it was started.
fn is_kaizen(program: &Path) -> bool {
    let own = std::env::current_exe().ok();
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
    own.as_deref() == Some(program) || name == "kaizen"
}

/// Returns when a process began, in microseconds since 1970.
fn began_at(folder: &Path) -> Option<i64> {
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    // The name of the program stands in brackets and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: i64 = rest.split_whitespace().nth(19)?.parse().ok()?;

    let system = std::fs::read_to_string("/proc/stat").ok()?;
    let boot = system.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot: i64 = boot.trim().parse().ok()?;
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().filter(|ticks| *ticks > 0)?;
    Some(boot * 1_000_000 + ticks * 1_000_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_number_that_was_given_away_is_left_alone() {
        let own = std::process::id();
        // This process is no kaizen by name, but it is this very program: only its start tells it apart.
        assert_eq!(interrupt(own, 0), Err(StopFault::Later));
        assert!(interrupt(1, i64::MAX).is_err());
        assert_eq!(interrupt(u32::MAX, 0), Err(StopFault::Gone));

        let mut other = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        let refused = interrupt(other.id(), i64::MAX);
        other.kill().expect("it ends");
        other.wait().expect("it has ended");
        assert_eq!(refused, Err(StopFault::Other));
    }
}
