//! Who works on a run: the process that runs it, or the one that resumes it. A lock on a small file
//! says so, and the system takes it away when the process ends, however it ends.

use crate::base::id::RunId;
use crate::base::own;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the files lie, within the folder that kaizen keeps to itself.
pub(crate) const FOLDER: &str = "running";

/// Work on a run that no other process may do at the same time.
#[derive(Debug)]
pub(crate) struct Lease {
    path: PathBuf,
    /// Locked for as long as it is open.
    _file: File,
}

impl Lease {
    /// Takes the lease of a run; `None` if another process has it. `own` is the project's folder for
    /// files of kaizen.
    pub(crate) fn take(own: &Path, run: &RunId) -> io::Result<Option<Lease>> {
        let folder = own.join(FOLDER);
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("using `{}`: {error}", folder.display()))
        };
        Lease::take_in(&folder, run).map_err(named)
    }

    fn take_in(folder: &Path, run: &RunId) -> io::Result<Option<Lease>> {
        own::make_folder(folder)?;
        sweep(folder);
        let path = folder.join(&run.0);
        loop {
            let file = own::open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }

            // Whoever had it may have removed the file between the opening and the locking.
            if is_at(&file, &path) {
                return Ok(Some(Lease { path, _file: file }));
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A file that stays is swept away by the next run.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the files of processes that were killed.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };

    for path in entries.flatten().map(|entry| entry.path()) {
        if let Ok(file) = own::open_to_read(&path)
            && file.try_lock().is_ok()
            && is_at(&file, &path)
        {
            // Somebody else may have been faster.
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Tells whether a path still leads to an open file.
fn is_at(file: &File, path: &Path) -> bool {
    let one = file.metadata().map(|meta| (meta.dev(), meta.ino()));
    let other = std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_what_a_killed_process_left_is_swept_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path();
        let run = RunId("1abc".to_owned());
        std::fs::create_dir(own.join(FOLDER)).expect("a folder");
        std::fs::write(own.join(FOLDER).join("killed"), "").expect("a file");

        let lease = Lease::take(own, &run).expect("a file").expect("free");
        assert!(Lease::take(own, &run).expect("a file").is_none());
        let left: Vec<_> = std::fs::read_dir(own.join(FOLDER)).expect("a folder").collect();
        assert_eq!(left.len(), 1);

        drop(lease);
        assert!(Lease::take(own, &run).expect("a file").is_some());
    }
}
