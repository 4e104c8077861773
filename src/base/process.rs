//! Programs that this process has started. Each leads a process group of its own, and what it has started in
//! turn belongs to it, so that all of it ends together.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, sigaction};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The leaders of the groups that are running, for the end of this process.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program and all that it has started, which ends when this is dropped.
#[derive(Debug)]
pub struct Group {
    leader: i32,
}

impl Group {
    /// Takes charge of the group of a program that has just been started.
    pub fn of(leader: Option<u32>) -> Option<Group> {
        let leader = i32::try_from(leader?).ok()?;
        running().insert(leader);
        Some(Group { leader })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        running().remove(&self.leader);
        end(self.leader);
    }
}

/// Ends all that is running. Called before this process ends without unwinding.
pub fn end_all() {
    for leader in std::mem::take(&mut *running()) {
        end(leader);
    }
}

/// Has a program end when this process ends, also by a signal that lets nothing else be done.
pub fn end_with_parent(command: &mut tokio::process::Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = nix::unistd::getpid();
        let bind = move || {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            // This process may have ended before the signal was set.
            if nix::unistd::getppid() == parent {
                Ok(())
            } else {
                Err(std::io::Error::from(std::io::ErrorKind::NotConnected))
            }
        };

        #[allow(unsafe_code, reason = "a hook between fork and exec")]
        // SAFETY: the hook makes two system calls, allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(bind);
        }
    }

    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Has a limit on the size of files (`ulimit -f`) appear as an error of the write that exceeds it. By
/// itself, the signal of the limit ends this process before it can say anything.
pub fn report_file_limit() {
    // The signal is caught, not ignored: programs that are started would ignore it too.
    let caught =
        SigAction::new(SigHandler::Handler(do_nothing), SaFlags::SA_RESTART, SigSet::empty());

    #[allow(unsafe_code, reason = "a handler of a signal")]
    // SAFETY: the handler does nothing, so it may run at any moment. Where it cannot be set, all stays as it was.
    let _ = unsafe { sigaction(Signal::SIGXFSZ, &caught) };
}

extern "C" fn do_nothing(_: std::ffi::c_int) {}

fn end(leader: i32) {
    // A group that has ended already needs no end.
    let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
}
