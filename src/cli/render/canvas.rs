//! The terminal as the live region draws on it. Drawing never fails: a terminal may go away at any time,
//! and whoever draws would end the program for that.

use crate::cli::app::terminal::write_raw;
use indicatif::{ProgressDrawTarget, TermLike};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

/// Width and height of a terminal that does not say them.
const SIZE: (u16, u16) = (80, 24);

/// How often the live region is drawn in a second, at most.
const REDRAWS: u8 = 20;

/// Returns where the live region is drawn: the terminal, if there is one.
pub(super) fn target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() {
        ProgressDrawTarget::term_like_with_hz(Box::<Canvas>::default(), REDRAWS)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// What is drawn, until it is shown as a whole.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    drawn: Mutex<String>,
}

impl Canvas {
    fn draw(&self, text: &str) {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }

    /// Draws a command that does something `count` times; 0 would mean once to a terminal.
    fn command(&self, count: usize, letter: char) {
        if count > 0 {
            self.draw(&format!("\u{1b}[{count}{letter}"));
        }
    }
}

fn size() -> (u16, u16) {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    // Some say that they have no width.
    size.map(|(width, height)| (width.0, height.0)).filter(|size| size.0 > 0).unwrap_or(SIZE)
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.command(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.command(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.command(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.command(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(text);
        self.draw("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        if !drawn.is_empty() {
            write_raw(&drawn);
        }
        Ok(())
    }
}
