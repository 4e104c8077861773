//! Waiting for others that keep the store to themselves: for a limited time, and not in silence.

use crate::store::BUSY_TIMEOUT;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Waits shorter than this are nobody's business.
pub(super) const SILENT: Duration = Duration::from_secs(1);

/// How long each pause before another try is, in milliseconds; the last one is taken again and again.
const PAUSES_MS: [u64; 12] = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];

/// Called with what people should know while they wait.
type WaitListener = fn(&str);

static LISTENER: OnceLock<WaitListener> = OnceLock::new();

/// Sets who is told that the program waits for a store. Only the first call counts.
pub fn on_wait(listener: WaitListener) {
    LISTENER.get_or_init(|| listener);
}

/// Tells people something about a wait.
#[cfg(feature = "shared")]
pub(super) fn tell(text: &str) {
    if let Some(tell) = LISTENER.get() {
        tell(text);
    }
}

/// Lets a connection wait for others, and say so if it takes long.
pub(super) fn wait_for_others(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    let mut wait = LockWait { path: path.to_owned(), waited: Duration::ZERO };
    connection.busy_handler(Some(move |tries| wait.again(tries)))
}

/// One wait after the other of a connection.
struct LockWait {
    path: PathBuf,
    /// How long the wait under way has taken.
    waited: Duration,
}

impl LockWait {
    /// Pauses before another try; tells whether there is to be one. `tries` have failed before.
    fn again(&mut self, tries: i32) -> bool {
        if tries == 0 {
            self.waited = Duration::ZERO;
        }
        if self.waited >= BUSY_TIMEOUT {
            return false;
        }

        let step = usize::try_from(tries).unwrap_or(0).min(PAUSES_MS.len() - 1);
        let pause = Duration::from_millis(PAUSES_MS[step]);
        let was_silent = self.waited < SILENT;
        self.waited += pause;

        if was_silent
            && self.waited >= SILENT
            && let Some(tell) = LISTENER.get()
        {
            let path = self.path.display();
            let most = BUSY_TIMEOUT.as_secs();
            tell(&format!("waiting up to {most} s for another program that has locked `{path}`"));
        }

        std::thread::sleep(pause);
        true
    }
}
