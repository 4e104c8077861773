//! The thread that reads the store for the page: one request after the other, and nothing else while
//! nobody looks.

use crate::base::thread::{self, NoThread};
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How often it is looked whether the store has changed, while somebody wants to know.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Something to read.
type ReadJob = Box<dyn FnOnce(&mut Library) + Send>;

/// Asks the thread that reads.
#[derive(Clone)]
pub(in crate::cli) struct LibraryReader {
    jobs: mpsc::Sender<ReadJob>,
    /// Changes whenever the store has.
    pulse: watch::Sender<u64>,
}

impl LibraryReader {
    /// Starts the thread.
    pub(in crate::cli) fn start(store: PathBuf) -> Result<LibraryReader, NoThread> {
        let (jobs, inbox) = mpsc::channel();
        let pulse = watch::Sender::new(0);
        let beats = pulse.clone();
        // What it keeps never leaves its thread.
        thread::start("page", move || read(Library::new(store), &inbox, &beats))?;
        Ok(LibraryReader { jobs, pulse })
    }

    /// Has something read from a library that is up to date.
    pub(in crate::cli) async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Library) -> Result<T, PageError> + Send + 'static,
    ) -> Result<T, PageError> {
        let (answer, answered) = oneshot::channel();
        let job: ReadJob = Box::new(move |library| {
            let found = library.refresh().and_then(|()| job(library));
            // Whoever asked may be gone.
            let _ = answer.send(found);
        });

        let stopped = || {
            PageError::new(503, "the page can no longer read the store").help("restart `kaizen ui`")
        };
        self.jobs.send(job).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Waits for changes of the store; while what is returned is kept, the store is watched.
    pub(in crate::cli) fn changes(&self) -> watch::Receiver<u64> {
        self.pulse.subscribe()
    }
}

/// Does what is asked for, and looks for changes while somebody waits for them.
fn read(mut library: Library, inbox: &mpsc::Receiver<ReadJob>, pulse: &watch::Sender<u64>) {
    loop {
        let job = match pulse.receiver_count() {
            0 => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            _ => inbox.recv_timeout(LOOK_EVERY),
        };

        match job {
            Ok(job) => job(&mut library),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if pulse.receiver_count() > 0 && library.has_changed() {
            pulse.send_modify(|beat| *beat += 1);
            // What has changed is taken in by whoever is told of it.
            if library.refresh().is_err() {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }
}
