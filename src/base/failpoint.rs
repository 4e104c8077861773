//! Points at which a debug build can be told to die or to fail, so that tests can look at what is
//! then on the disk. In a release build a point is nothing at all.

/// A step of the program that a crash or a fault of the disk may cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// The tables of a new store are made, and not committed.
    StoreMade,
    /// The start of a call is noted, the call is not made.
    CallBegins,
    /// A reply has come, and is not noted.
    CallEnds,
    /// The start of a call of a tool is noted, the tool is not called.
    ToolBegins,
    /// A tool has done its work, and its end is not noted.
    ToolDone,
    /// The start of an effect that lasts is on the disk, and it has not begun.
    EffectBegins,
    /// An effect has taken place, and its end is not noted.
    EffectEnds,
    /// A question to people is on the disk, and nobody has seen it.
    QuestionKept,
    /// The end of an operation is decided, and not noted.
    OpEnds,
    /// The end of an operation is on the disk, and nothing depends on it yet.
    OpKept,
    /// Changes wait, and their transaction has not begun.
    CommitBegins,
    /// The changes are made, and not committed.
    CommitFills,
    /// The changes are on the disk, and nobody who waits knows it.
    CommitEnds,
    /// An observation is inserted, the sums that it changes are not, and nothing is committed.
    ObservationHalf,
    /// An observation is on the disk, and the script does not know it.
    ObservationKept,
    /// The script has come to its end, which is not noted.
    RunEnds,
}

/// All points by their names.
pub const POINTS: &[(&str, Failpoint)] = &[
    ("store_made", Failpoint::StoreMade),
    ("call_begins", Failpoint::CallBegins),
    ("call_ends", Failpoint::CallEnds),
    ("tool_begins", Failpoint::ToolBegins),
    ("tool_done", Failpoint::ToolDone),
    ("effect_begins", Failpoint::EffectBegins),
    ("effect_ends", Failpoint::EffectEnds),
    ("question_kept", Failpoint::QuestionKept),
    ("op_ends", Failpoint::OpEnds),
    ("op_kept", Failpoint::OpKept),
    ("commit_begins", Failpoint::CommitBegins),
    ("commit_fills", Failpoint::CommitFills),
    ("commit_ends", Failpoint::CommitEnds),
    ("observation_half", Failpoint::ObservationHalf),
    ("observation_kept", Failpoint::ObservationKept),
    ("run_ends", Failpoint::RunEnds),
];

/// A fault of the disk that is to be acted out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// There is no room left.
    Full,
    /// The disk cannot be read or written.
    Io,
}

/// Passes a point where only a crash is of interest.
pub fn pass(point: Failpoint) {
    // A fault told for such a point has nowhere to go; `arm` does not accept one.
    let _ = fault(point);
}

/// Passes a point, and returns the fault that is to be acted out there, if any.
#[cfg(not(debug_assertions))]
#[inline]
pub fn fault(_: Failpoint) -> Option<DiskFault> {
    None
}

/// Notes that the disk has these files as they are now, and of the last one as many bytes.
#[cfg(not(debug_assertions))]
#[inline]
pub fn synced(_: &[&std::path::Path], _: Option<u64>) {
    // A release build keeps no copies.
}

#[cfg(debug_assertions)]
pub use armed::{arm, fault, keep_disk, synced};

/// The part that release builds do without.
#[cfg(debug_assertions)]
mod armed {
    use super::{DiskFault, Failpoint, POINTS};
    use nix::sys::signal::{Signal, raise};
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// What happens where, and when.
    #[derive(Debug)]
    struct FailurePlan {
        point: Failpoint,
        /// At which passing, from 1.
        at: u64,
        passed: AtomicU64,
        act: Act,
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Kill,
        /// The fault, and whether it is there only once.
        Fail(DiskFault, bool),
    }

    static PLAN: OnceLock<FailurePlan> = OnceLock::new();

    /// The folder that has what a power failure would leave.
    static DISK: OnceLock<PathBuf> = OnceLock::new();

    /// Keeps in a folder what a power failure would leave of the store: its files as of the last sync.
    pub fn keep_disk(folder: PathBuf) {
        DISK.get_or_init(|| folder);
    }

    /// Copies files whose content was just synced. Of the last one the first `length` bytes were: more may
    /// have been written since.
    pub fn synced(files: &[&Path], length: Option<u64>) {
        let Some(disk) = DISK.get() else { return };
        for (nth, file) in files.iter().enumerate() {
            let (Some(name), Ok(mut content)) = (file.file_name(), std::fs::read(file)) else {
                continue;
            };
            if nth + 1 == files.len()
                && let Some(length) = length.and_then(|length| usize::try_from(length).ok())
            {
                content.truncate(length);
            }

            // A kill in the middle of this leaves the old copy.
            let draft = disk.join("draft");
            if std::fs::write(&draft, content).is_ok() {
                let _ = std::fs::rename(draft, disk.join(name));
            }
        }
    }

    /// Sets what happens, once for the process: `POINT:N:ACT`, at the N-th passing of the point. The
    /// acts are `kill`, and at `commit_begins` and `commit_fills` also `full` and `io`, from then
    /// on, and `full_once` and `io_once`. Returns what is wrong with the text, if anything.
    pub fn arm(text: &str) -> Result<(), String> {
        let wrong = || format!("invalid failpoint `{text}`: expected `POINT:N:ACT`");
        let mut parts = text.split(':');
        let (Some(name), Some(at), Some(act), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };

        let (_, point) = POINTS.iter().find(|(known, _)| *known == name).ok_or_else(wrong)?;
        let act = match act {
            "kill" => Act::Kill,
            "full" => Act::Fail(DiskFault::Full, false),
            "full_once" => Act::Fail(DiskFault::Full, true),
            "io" => Act::Fail(DiskFault::Io, false),
            "io_once" => Act::Fail(DiskFault::Io, true),
            _ => return Err(wrong()),
        };

        let can_fail = matches!(point, Failpoint::CommitBegins | Failpoint::CommitFills);
        if matches!(act, Act::Fail(..)) && !can_fail {
            return Err(format!("{}: only a commit can fail", wrong()));
        }

        let at = at.parse().map_err(|_| wrong())?;
        let plan = FailurePlan { point: *point, at, passed: AtomicU64::new(0), act };
        PLAN.set(plan).map_err(|_| "a plan is set already".to_owned())
    }

    /// Passes a point: dies there, or returns the fault to act out, if that is what was told.
    pub fn fault(point: Failpoint) -> Option<DiskFault> {
        let plan = PLAN.get().filter(|plan| plan.point == point)?;
        let passed = plan.passed.fetch_add(1, Ordering::SeqCst) + 1;

        match plan.act {
            Act::Kill if passed == plan.at => {
                // The process ends within this call.
                let _ = raise(Signal::SIGKILL);
                None
            }
            Act::Fail(fault, true) if passed == plan.at => Some(fault),
            Act::Fail(fault, false) if passed >= plan.at => Some(fault),
            Act::Kill | Act::Fail(..) => None,
        }
    }
}
