//! The one thread of a worker that uses the shared store: every question to the server keeps its thread.

use crate::base::thread;
use crate::fleet::bundle::{self, UnpackError};
use crate::store::{PrintRow, ReadError, Reader};
use std::path::PathBuf;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Something to be done, and where to say what came of it.
enum Errand {
    Unpack { bundle: String, done: oneshot::Sender<Result<PathBuf, UnpackError>> },
    Print { row: PrintRow, done: oneshot::Sender<Result<(), ReadError>> },
}

/// Where errands are left.
#[derive(Debug, Clone)]
pub(super) struct StoreDesk(mpsc::Sender<Errand>);

/// The thread is gone, because it has panicked.
#[derive(Debug, thiserror::Error)]
#[error("the worker's store has stopped")]
pub(super) struct DeskGone;

impl StoreDesk {
    /// Starts the thread. Bundles are unpacked in a folder.
    pub(super) fn open(store: Reader, folder: PathBuf) -> Result<StoreDesk, thread::NoThread> {
        let (errands, received) = mpsc::channel();
        thread::start("store", move || {
            for errand in received {
                // Whoever left it may be gone.
                match errand {
                    Errand::Unpack { bundle, done } => {
                        let _ = done.send(bundle::unpack(&store, &bundle, &folder));
                    }
                    Errand::Print { row, done } => {
                        let _ = done.send(store.keep_printed(&row));
                    }
                }
            }
        })?;
        Ok(StoreDesk(errands))
    }

    /// Makes a folder with the files of a bundle.
    pub(super) async fn unpack(
        &self,
        bundle: String,
    ) -> Result<Result<PathBuf, UnpackError>, DeskGone> {
        let (done, result) = oneshot::channel();
        self.0.send(Errand::Unpack { bundle, done }).map_err(|_| DeskGone)?;
        result.await.map_err(|_| DeskGone)
    }

    /// Keeps what was printed.
    pub(super) async fn print(&self, row: PrintRow) -> Result<Result<(), ReadError>, DeskGone> {
        let (done, result) = oneshot::channel();
        self.0.send(Errand::Print { row, done }).map_err(|_| DeskGone)?;
        result.await.map_err(|_| DeskGone)
    }
}
