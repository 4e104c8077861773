//! Times that a run waits for and that are far: one line for each, on a terminal as long as it waits.

use crate::cli::render::progress::Progress;
use crate::cli::render::time::moment_from;
use indicatif::ProgressBar;

/// The times that are waited for, in milliseconds since 1970, with their lines.
#[derive(Default)]
pub(super) struct Sleeps(Vec<(i64, ProgressBar)>);

impl Sleeps {
    /// Takes away the lines of times that have come.
    pub(super) fn end_by(&mut self, micros: i64) {
        self.0.retain(|(due, bar)| {
            let has_come = due.saturating_mul(1000) <= micros;
            if has_come {
                bar.finish_and_clear();
            }
            !has_come
        });
    }

    /// Takes all lines away.
    pub(super) fn end(&mut self) {
        self.end_by(i64::MAX);
    }
}

impl Progress {
    /// Says that the run sleeps, and until when.
    pub(super) fn sleep(&mut self, due: i64) {
        let text = format!("sleeping until {}", moment_from(due.saturating_mul(1000)));
        match self.bar(&text) {
            Some(bar) => {
                self.sleeps.0.push((due, bar));
                self.count();
            }
            None if !self.is_live => self.say(&text),
            None => {}
        }
    }
}
