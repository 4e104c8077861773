//! What is safe once a change is committed.

use crate::base::failpoint;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// How long the disk may lag behind what was committed, where a commit does not wait for it.
pub const SYNC_LAG: Duration = Duration::from_millis(50);

/// What a commit promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The operating system has the change: a process that is killed loses nothing. A power failure
    /// takes at most what was committed in the last `SYNC_LAG`, and leaves no gap.
    #[default]
    Process,
    /// The disk has the change: a power failure takes nothing either.
    Power,
}

impl Durability {
    /// All of them, as kaizen.toml names them.
    pub const WORDS: [(&'static str, Durability); 2] =
        [("process", Durability::Process), ("power", Durability::Power)];

    /// Returns the one of this name.
    pub fn from_word(word: &str) -> Option<Durability> {
        let found = Durability::WORDS.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, durability)| durability)
    }
}

/// The log of a store, to be written to the disk apart from commits.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    state: Mutex<LogState>,
}

#[derive(Debug, Default)]
struct LogState {
    /// Opened once there is one: SQLite creates it with the first change.
    file: Option<File>,
    /// Why a sync failed. What it was to write may be lost although a later one would succeed.
    fault: Option<String>,
}

impl LogFile {
    pub(super) fn new(path: PathBuf) -> LogFile {
        LogFile { path, state: Mutex::default() }
    }

    /// Returns its length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.path.metadata().map_or(0, |log| log.len())
    }

    /// Writes to the disk what the operating system has of the log. SQLite itself syncs the log before it
    /// copies anything from it to the store, so nothing else has to be synced. Once that has failed, it is
    /// never done.
    pub(super) fn sync(&self) -> Result<(), String> {
        let mut state = self.state.lock().expect("nobody panics while syncing");
        if state.fault.is_none() {
            state.fault = self.sync_file(&mut state.file).err().map(|error| error.to_string());
        }
        state.fault.clone().map_or(Ok(()), Err)
    }

    fn sync_file(&self, opened: &mut Option<File>) -> io::Result<()> {
        let file = match opened {
            Some(file) => file,
            None => match File::open(&self.path) {
                Ok(file) => opened.insert(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            },
        };

        let length = file.metadata()?.len();
        file.sync_data()?;
        failpoint::synced(&[&store_of(&self.path), &self.path], Some(length));
        Ok(())
    }
}

/// Returns the store that a log belongs to.
pub(super) fn store_of(log: &Path) -> PathBuf {
    let name = log.as_os_str().as_bytes();
    PathBuf::from(OsStr::from_bytes(name.strip_suffix(b"-wal").unwrap_or(name)))
}
