//! Single keys from a terminal, without Enter.

use crate::cli::watch::inbox::{Happened, Post};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Read};
use std::sync::{Mutex, PoisonError};

/// How the terminal was before, to be put back.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Reads keys until it is dropped; then the terminal is as it was.
pub(super) struct Keys;

impl Keys {
    /// Starts reading keys, if there is a terminal to read them from.
    pub(super) fn start(post: Post) -> Option<Keys> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut now = before.clone();
        now.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(&stdin, SetArg::TCSANOW, &now).ok()?;
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner).replace(before);
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(std::io::stdin().read(&mut byte), Ok(1)) {
                if !post.send(Happened::Key(char::from(byte[0]))) {
                    return;
                }
            }
        });
        Some(Keys)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back as it was.
pub(in crate::cli) fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that is gone needs no care.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &before);
    }
}
