//! The modes of the terminal that kaizen changes while it runs, and gives back in the end.

use crate::cli::app::output;
use crate::cli::render::wrapped::wrapped;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};
use std::borrow::Cow;
use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::sync::{Mutex, OnceLock, PoisonError};

/// How the terminal was before, while it is changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A changed terminal; when this is dropped it is as it was.
#[derive(Debug)]
pub(in crate::cli) struct Terminal {
    is_changed: bool,
}

impl Terminal {
    /// Keeps the terminal from writing `^C`, which would move what is drawn at that moment.
    pub(in crate::cli) fn without_echo_of_interrupts() -> Terminal {
        Terminal { is_changed: change(LocalFlags::ECHOCTL).is_some() }
    }

    /// Makes keys come one by one and unseen; `None` where there is no terminal.
    pub(in crate::cli) fn with_single_keys() -> Option<Terminal> {
        change(LocalFlags::ICANON | LocalFlags::ECHO)?;
        Some(Terminal { is_changed: true })
    }

    /// Tells whether there is a terminal.
    pub(in crate::cli) fn is_there(&self) -> bool {
        self.is_changed
    }
}

/// Tells whether what is read or written was a terminal that has gone away.
pub(in crate::cli) fn is_gone(file: &impl AsFd) -> bool {
    let file = file.as_fd();
    let is_device = fstat(file).is_ok_and(|meta| {
        SFlag::from_bits_truncate(meta.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR
    });
    let mut state = [PollFd::new(file, PollFlags::empty())];

    is_device
        && poll(&mut state, PollTimeout::ZERO).is_ok()
        && state[0].revents().is_some_and(|seen| seen.contains(PollFlags::POLLHUP))
}

/// The width of what is written where nobody says another one, in columns.
const WIDTH: usize = 100;

/// Returns how many columns stdout has: those of its terminal, or else what COLUMNS says.
pub(in crate::cli) fn width() -> usize {
    let shown = terminal_size::terminal_size_of(std::io::stdout());
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    shown.map(|(width, _)| usize::from(width.0)).or_else(said).unwrap_or(WIDTH)
}

/// Breaks lines between words where stdout is a terminal; elsewhere they stay whole.
pub(in crate::cli) fn fitted(text: &str) -> Cow<'_, str> {
    fitted_to(text, columns(terminal_size::terminal_size_of(std::io::stdout())))
}

/// Does the same for stderr.
pub(in crate::cli) fn fitted_err(text: &str) -> Cow<'_, str> {
    // What is no terminal never becomes one, and each line of progress comes by here.
    static IS_TERMINAL: OnceLock<bool> = OnceLock::new();
    if !IS_TERMINAL.get_or_init(|| std::io::stderr().is_terminal()) {
        return Cow::Borrowed(text);
    }
    fitted_to(text, columns(terminal_size::terminal_size_of(std::io::stderr())))
}

/// Returns how many columns there are for what may go to stdout or stderr, if one is a terminal.
pub(in crate::cli) fn narrowest() -> Option<usize> {
    let out = columns(terminal_size::terminal_size_of(std::io::stdout()));
    let err = columns(terminal_size::terminal_size_of(std::io::stderr()));
    out.into_iter().chain(err).min()
}

fn fitted_to(text: &str, width: Option<usize>) -> Cow<'_, str> {
    width.map_or(Cow::Borrowed(text), |width| wrapped(text, width).into())
}

/// Returns how many columns a terminal has, if there is one that knows.
pub(in crate::cli) fn columns(
    size: Option<(terminal_size::Width, terminal_size::Height)>,
) -> Option<usize> {
    size.map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0)
}

/// Writes to the terminal as it is, without a line's end.
pub(in crate::cli) fn write_raw(text: &str) {
    output::write_err(text);
}

/// Tells whether a shell runs this program in the background (`kaizen run s.rhai &`). The terminal belongs to another
/// program then, and the system would stop this one for changing it.
fn is_in_background() -> bool {
    tcgetpgrp(std::io::stdin()).is_ok_and(|group| group != getpgrp())
}

fn change(without: LocalFlags) -> Option<()> {
    if is_in_background() {
        return None;
    }

    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).ok()?;

    let mut now = before.clone();
    now.local_flags.remove(without);
    tcsetattr(&stdin, SetArg::TCSADRAIN, &now).ok()?;

    BEFORE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(before);

    Some(())
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_changed {
            restore();
        }
    }
}

/// Gives the terminal back as it was, if it is changed.
pub(in crate::cli) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before.filter(|_| !is_in_background()) {
        // A terminal that is gone needs no care.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &before);
    }
}
