//! What is seen of a server besides its answers: its stderr, lines that are no messages, its end.

use crate::base::secret::{beginning, scrub};
use crate::base::visible::without_invisible;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most bytes of stderr that are kept: its end says why.
const STDERR_MAX: usize = 4 << 10;
/// Most bytes of it that an error shows.
const SHOWN_MAX: usize = 1 << 10;
/// Most bytes that are kept of such a line, of which the rest is shown once secrets are taken out.
const READ_MAX: usize = 4 << 10;
/// Most characters of a line that is shown because it is no message.
const LINE_MAX: usize = 120;
/// How long, and how often, the end of a connection is waited for once something went wrong.
const SETTLE: Duration = Duration::from_millis(10);
const SETTLE_TIMES: u32 = 20;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The program ended, or closed its stdout; how.
    Gone(String),
    /// It sent more than is read; what.
    Flood(String),
    /// It sent what is no message; what is wrong.
    Broken(String),
}

#[derive(Debug, Default)]
struct TapState {
    stderr: VecDeque<u8>,
    /// Lines of stdout that are no messages, and the first of them.
    skipped: u64,
    first_skipped: String,
    end: Option<End>,
}

/// Shared by the one who reads and the one who tells.
#[derive(Debug, Clone, Default)]
pub(super) struct Tap(Arc<Mutex<TapState>>);

impl Tap {
    fn seen(&self) -> MutexGuard<'_, TapState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was written to stderr, up to a limit.
    pub(super) fn stderr(&self, bytes: &[u8]) {
        let mut seen = self.seen();
        seen.stderr.extend(bytes);
        let more = seen.stderr.len().saturating_sub(STDERR_MAX);
        seen.stderr.drain(..more);
    }

    /// Counts a line that is no message.
    pub(super) fn skip(&self, line: &[u8]) {
        let mut seen = self.seen();
        if seen.skipped == 0 {
            let head = &line[..line.len().min(READ_MAX)];
            seen.first_skipped = String::from_utf8_lossy(head).into_owned();
        }
        seen.skipped += 1;
    }

    /// Says how the connection ended; the first reason counts.
    pub(super) fn end(&self, end: End) {
        self.seen().end.get_or_insert(end);
    }

    /// Returns how the connection ended, if it has.
    pub(super) fn ended(&self) -> Option<End> {
        self.seen().end.clone()
    }

    /// Waits a little for how a program ended: an error of a write comes before what explains it.
    pub(super) async fn settle_if(&self, is_program: bool) {
        if is_program {
            self.settle().await;
        }
    }

    /// Waits a little for how the connection ended.
    pub(super) async fn settle(&self) {
        for _ in 0..SETTLE_TIMES {
            if self.ended().is_some() {
                return;
            }
            tokio::time::sleep(SETTLE).await;
        }
    }

    /// Returns the end of stderr, fit to be shown.
    pub(super) fn last_words(&self) -> String {
        let bytes: Vec<u8> = self.seen().stderr.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);

        // Of a part of a secret, nobody would know it.
        let clean = scrub(without_invisible(&text).0.trim()).into_owned();
        let from = clean.ceil_char_boundary(clean.len().saturating_sub(SHOWN_MAX));
        clean[from..].to_owned()
    }

    /// Takes what is to be told about lines that are no messages, once.
    pub(super) fn take_note(&self, server: &str) -> Option<String> {
        let mut seen = self.seen();
        let skipped = std::mem::take(&mut seen.skipped);
        if skipped == 0 {
            return None;
        }

        let first = beginning(&without_invisible(&seen.first_skipped).0, LINE_MAX);
        let lines = if skipped == 1 { "a line" } else { &format!("{skipped} lines") };
        Some(format!(
            "MCP server `{server}` wrote {lines} to stdout outside of the protocol; the first: {first}"
        ))
    }
}
