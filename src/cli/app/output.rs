//! Writing to stdout and stderr, either of which may be closed, full or gone. The macros that print
//! panic then, so nothing else in the program writes there.

use crate::base::clock;
use crate::cli::app::exit::Exit;
use crate::cli::app::terminal;
use std::io::{ErrorKind, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Why text did not reach stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum OutputFault {
    /// Nobody reads it any more.
    Closed,
    /// It was for a terminal that has gone away.
    HungUp,
    /// It cannot be kept, because a disk is full, say.
    Failed,
}

impl OutputFault {
    /// Returns how the program ends: as one that SIGPIPE or SIGHUP has ended, or as one that failed.
    pub(in crate::cli) fn code(self) -> i32 {
        match self {
            OutputFault::Closed => 141,
            OutputFault::HungUp => i32::from(Exit::HungUp.code()),
            OutputFault::Failed => 1,
        }
    }
}

/// Writes to stdout at once. What is wrong, other than that nobody reads it, is said on stderr.
pub(in crate::cli) fn write_out(bytes: &[u8]) -> Result<(), OutputFault> {
    flush_err();
    let mut stdout = std::io::stdout().lock();
    let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) else { return Ok(()) };
    if error.kind() == ErrorKind::BrokenPipe {
        return Err(OutputFault::Closed);
    }
    // The signal that says so may come later than this.
    if terminal::is_gone(&stdout) {
        return Err(OutputFault::HungUp);
    }

    write_err(&format!("error: cannot write to stdout: {error}\n"));
    Err(OutputFault::Failed)
}

/// Longest time that a line of progress waits for more.
const SOON: Duration = Duration::from_millis(20);
/// Bytes of progress that wait at most.
const WAITING_MAX: usize = 8 << 10;

/// Lines of progress that are yet to be written: a large graph ends thousands of operations at a time.
struct WaitingLines {
    text: String,
    /// When lines were written last.
    written: Option<Instant>,
    /// Whether somebody will write them.
    is_due: bool,
}

static WAITING: Mutex<WaitingLines> =
    Mutex::new(WaitingLines { text: String::new(), written: None, is_due: false });

/// Writes a line of progress to stderr, alone at once, and one of many together with others.
pub(in crate::cli) fn write_err_soon(text: &str) {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.text.push_str(text);

    let now = clock::instant();
    let is_alone = waiting.written.is_none_or(|written| now.duration_since(written) >= SOON);
    if is_alone || waiting.text.len() >= WAITING_MAX {
        waiting.write(now);
        return;
    }
    if waiting.is_due {
        return;
    }

    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => {
            waiting.is_due = true;
            runtime.spawn(async {
                tokio::time::sleep(SOON).await;
                flush_err();
            });
        }
        Err(_) => waiting.write(now),
    }
}

/// Writes the lines of progress that wait.
fn flush_err() {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.is_due = false;
    if !waiting.text.is_empty() {
        waiting.write(clock::instant());
    }
}

impl WaitingLines {
    fn write(&mut self, now: Instant) {
        self.written = Some(now);
        // There is no other place to say that stderr is gone, and no work is worth losing for it.
        let _ = std::io::stderr().lock().write_all(self.text.as_bytes());
        self.text.clear();
    }
}

/// Writes to stderr.
pub(in crate::cli) fn write_err(text: &str) {
    flush_err();
    // There is no other place to say that stderr is gone, and no work is worth losing for it.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
