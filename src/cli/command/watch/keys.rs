//! Single keys from a terminal, without Enter.

use crate::cli::app::terminal::Terminal;
use crate::cli::command::watch::inbox::{Post, WatchEvent};
use std::io::{IsTerminal, Read};

/// Starts reading keys, if there is a terminal to read them from. It is as it was when the result is
/// dropped.
pub(super) fn start(post: Post) -> Option<Terminal> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let terminal = Terminal::with_single_keys()?;

    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {
            if !post.send(WatchEvent::Key(char::from(byte[0]))) {
                return;
            }
        }
    });

    Some(terminal)
}
