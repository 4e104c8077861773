//! The end of a run whose script does not stop: one function may compute for very long, or wait for a reader that
//! does not read, and looks at nothing meanwhile.

use crate::base::id::RunId;
use crate::base::visible::typed_path;
use crate::base::{process, thread};
use crate::cli::app::exit::Exit;
use crate::cli::app::terminal;
use crate::cli::{print_of_run, say};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long a script is given to stop by itself, once it has to.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long the last words may take: whoever reads them may have stopped, too.
const LAST_WORDS_MAX: Duration = Duration::from_millis(500);

/// Ends the process if the script of a run does not stop although it has to.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Overrun {
    has_stopped: Arc<AtomicBool>,
    run: RunId,
    script: PathBuf,
    is_json: bool,
}

impl Overrun {
    pub(in crate::cli) fn new(run: &RunId, script: &Path, is_json: bool) -> Overrun {
        let has_stopped = Arc::default();
        Overrun { has_stopped, run: run.clone(), script: script.to_owned(), is_json }
    }

    /// Notes that the script has stopped.
    pub(in crate::cli) fn note_stop(&self) {
        self.has_stopped.store(true, Ordering::SeqCst);
    }

    /// Waits on this thread for the script to stop, and ends the process if it does not.
    pub(in crate::cli) fn enforce(&self, exit: Exit) {
        std::thread::sleep(PATIENCE);
        if self.has_stopped.load(Ordering::SeqCst) {
            return;
        }

        process::end_all();
        terminal::restore();
        let (done, is_done) = mpsc::channel();
        let words = self.clone();
        // Without a thread for them there are no last words.
        let _ = thread::start("last words", move || {
            words.tell(exit);
            // Whoever waited may be gone.
            let _ = done.send(());
        });
        let _ = is_done.recv_timeout(LAST_WORDS_MAX);
        std::process::exit(i32::from(exit.code()));
    }

    /// Does the same on a thread of its own.
    pub(in crate::cli) fn enforce_apart(&self, exit: Exit) {
        let overrun = self.clone();
        // Without one, a second signal ends the process.
        let _ = thread::start("overrun", move || overrun.enforce(exit));
    }

    fn tell(&self, exit: Exit) {
        if exit == Exit::Budget {
            say("the time limit of the run (`max_time`) is reached");
        }
        let script = typed_path(&self.script);
        let run = &self.run;
        say(&format!(
            "interrupted in the middle of a function that did not stop; progress is saved. Inspect it with `kaizen show \
             {run}`, continue with `kaizen run {script} --resume`"
        ));
        if self.is_json {
            let done = json!({ "type": "done", "status": "interrupted", "value": Value::Null });
            print_of_run(run, done);
        }
    }
}
