//! Writing to stdout and stderr, either of which may be closed, full or gone. The macros that print
//! panic then, so nothing else in the program writes there.

use crate::cli::app::exit::Exit;
use crate::cli::app::terminal;
use std::io::{ErrorKind, Write};

/// Why text did not reach stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Unwritten {
    /// Nobody reads it any more.
    Closed,
    /// It was for a terminal that has gone away.
    HungUp,
    /// It cannot be kept, because a disk is full, say.
    Failed,
}

impl Unwritten {
    /// Returns how the program ends: as one that SIGPIPE or SIGHUP has ended, or as one that failed.
    pub(in crate::cli) fn code(self) -> i32 {
        match self {
            Unwritten::Closed => 141,
            Unwritten::HungUp => i32::from(Exit::HungUp.code()),
            Unwritten::Failed => 1,
        }
    }
}

/// Writes to stdout at once. What is wrong, other than that nobody reads it, is said on stderr.
pub(in crate::cli) fn write_out(bytes: &[u8]) -> Result<(), Unwritten> {
    let mut stdout = std::io::stdout().lock();
    let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) else { return Ok(()) };
    if error.kind() == ErrorKind::BrokenPipe {
        return Err(Unwritten::Closed);
    }
    // The signal that says so may come later than this.
    if terminal::is_gone(&stdout) {
        return Err(Unwritten::HungUp);
    }

    write_err(&format!("error: writing to stdout: {error}\n"));
    Err(Unwritten::Failed)
}

/// Writes to stderr.
pub(in crate::cli) fn write_err(text: &str) {
    // There is no other place to say that stderr is gone, and no work is worth losing for it.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
