//! Notices when files really change: whole folders are watched, because editors replace files
//! rather than write to them; a quiet moment is waited for; and contents are compared, so that a
//! save of the same bytes is no change.

use crate::base::thread::{self, NoThread};
use crate::base::{clock, file};
use crate::cli::command::watch::inbox::{Post, WatchEvent};
use blake3::Hash;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};
/// How long a file that looks half written is given to be finished.
const GRACE: Duration = Duration::from_millis(250);
/// Coarsest time stamp of a file system.
const TICK: Duration = Duration::from_secs(2);
/// How often files are looked at where the system does not tell of changes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A file that shrinks below this share of its length looks half written.
const HALF_WRITTEN_BELOW: f64 = 0.75;

/// Files by path, each with the hash of its content; `None` for one that is not there.
pub(in crate::cli) type Contents = BTreeMap<PathBuf, Option<Hash>>;

enum WatcherMessage {
    /// Something happened in a watched folder.
    Event,
    /// These are the files now, with the contents that the run has used.
    Watch(Contents),
}

/// Watches files on a thread of its own.
pub(in crate::cli) struct Files {
    sender: Sender<WatcherMessage>,
}

impl Files {
    /// Starts watching nothing; `quiet` is how long nothing may happen before a change counts.
    /// `say` takes what people should know, `post` the changes.
    pub(in crate::cli) fn start(
        quiet: Duration,
        say: fn(&str),
        post: Post,
    ) -> Result<Files, NoThread> {
        let (sender, receiver) = channel();
        let events = sender.clone();

        thread::start("files", move || {
            let watcher =
                notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                    let is_reading = event.as_ref().is_ok_and(|event| event.kind.is_access());
                    if !is_reading {
                        // The receiver is gone when the program ends.
                        let _ = events.send(WatcherMessage::Event);
                    }
                });

            let (watcher, fault) = match watcher {
                Ok(watcher) => (Some(watcher), None),
                Err(error) => (None, Some(error.to_string())),
            };

            let mut thread = Thread {
                quiet,
                say,
                watcher,
                told: false,
                files: BTreeMap::new(),
                folders: BTreeSet::new(),
                post,
            };

            if let Some(fault) = fault {
                thread.tell(&fault);
            }

            thread.run(&receiver);
        })?;

        Ok(Files { sender })
    }

    /// Watches these files from now on. A content that differs from what is on the disk is a change.
    pub(in crate::cli) fn watch(&self, files: Contents) {
        // The thread ends only with the program.
        let _ = self.sender.send(WatcherMessage::Watch(files));
    }
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq)]
struct FileState {
    hash: Option<Hash>,
    length: u64,
    modified: Option<SystemTime>,
}

struct Thread {
    quiet: Duration,
    say: fn(&str),
    /// `None` where the system cannot tell of changes: files are looked at again and again.
    watcher: Option<RecommendedWatcher>,
    /// Whether people know that.
    told: bool,
    files: BTreeMap<PathBuf, FileState>,
    folders: BTreeSet<PathBuf>,
    post: Post,
}

impl Thread {
    fn run(&mut self, receiver: &Receiver<WatcherMessage>) {
        loop {
            // Where not all folders can be watched, the files are looked at from time to time.
            let message = if self.watcher.is_some() && self.watch_folders() {
                receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                receiver.recv_timeout(LOOK_EVERY)
            };

            let is_look = message.is_err();

            match message {
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(WatcherMessage::Watch(files)) => {
                    self.replace(files);
                    if self.differing().is_empty() {
                        continue;
                    }
                }
                Ok(WatcherMessage::Event) | Err(RecvTimeoutError::Timeout) => {}
            }

            let at = clock::monotonic();
            if is_look && self.differing().is_empty() {
                continue;
            }

            // The first event may come before the file is whole.
            self.settle(receiver, self.quiet);
            if self.differing().iter().any(|(path, now)| self.is_half_written(path, now)) {
                self.settle(receiver, GRACE);
            }

            let differing = self.differing();
            if differing.is_empty() {
                continue;
            }

            let files = differing.keys().cloned().collect();
            self.files.extend(differing);
            if !self.post.send(WatchEvent::Changed { files, at }) {
                return;
            }
        }
    }

    /// Waits until nothing has happened for a while, and tells whether anything had.
    fn settle(&mut self, receiver: &Receiver<WatcherMessage>, quiet: Duration) -> bool {
        let mut any = false;
        while let Ok(message) = receiver.recv_timeout(quiet) {
            any = true;
            if let WatcherMessage::Watch(files) = message {
                self.replace(files);
            }
        }

        any
    }

    fn replace(&mut self, files: Contents) {
        let each = files.into_iter().map(|(path, hash)| {
            let length = std::fs::metadata(&path).map_or(0, |meta| meta.len());
            (path, FileState { hash, length, modified: None })
        });
        self.files = each.collect();

        let folders: BTreeSet<PathBuf> = self.files.keys().map(|path| folder(path)).collect();
        for gone in self.folders.difference(&folders) {
            if let Some(watcher) = &mut self.watcher {
                // A folder that is gone is not watched any more either.
                let _ = watcher.unwatch(gone);
            }
        }

        self.folders.retain(|folder| folders.contains(folder));
        // Watched before the files are looked at, so that no change falls between the two.
        self.watch_folders();
    }

    /// Watches every folder that is not watched yet, and tells whether all are.
    fn watch_folders(&mut self) -> bool {
        let folders: BTreeSet<PathBuf> = self.files.keys().map(|path| folder(path)).collect();
        self.folders.retain(|folder| folder.is_dir());
        let missing: Vec<PathBuf> = folders.difference(&self.folders).cloned().collect();

        let mut fault = None;
        for folder in missing {
            let Some(watcher) = &mut self.watcher else { break };
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder);
                }
                Err(_) if !folder.is_dir() => {}
                Err(error) => fault = Some(error.to_string()),
            }
        }

        if let Some(fault) = fault {
            self.tell(&fault);
        }

        self.folders.len() == folders.len()
    }

    fn tell(&mut self, fault: &str) {
        if !std::mem::replace(&mut self.told, true) {
            (self.say)(&format!(
                "the system does not report file changes ({fault}), so the files are checked \
                 twice a second"
            ));
        }
    }

    /// Finds the files whose content is not what is known.
    fn differing(&mut self) -> BTreeMap<PathBuf, FileState> {
        let mut differing = BTreeMap::new();
        for (path, known) in &mut self.files {
            let meta = std::fs::metadata(path).ok();
            let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
            let length = meta.as_ref().map_or(0, std::fs::Metadata::len);

            if modified.is_some() && modified == known.modified && length == known.length {
                continue;
            }

            let hash = file::read(path).ok().map(|content| blake3::hash(&content));
            if hash == known.hash {
                // A file that was written just now may be written again within the same tick.
                known.modified = modified.filter(|modified| is_settled(*modified));
                known.length = length;
            } else {
                differing.insert(path.clone(), FileState { hash, length, modified });
            }
        }

        differing
    }

    #[allow(clippy::cast_precision_loss, reason = "files are shorter than 2^53 bytes")]
    fn is_half_written(&self, path: &Path, now: &FileState) -> bool {
        let before = self.files.get(path).map_or(0, |known| known.length);
        now.hash.is_none()
            || now.length == 0
            || (now.length as f64) < before as f64 * HALF_WRITTEN_BELOW
    }
}

/// Tells whether a moment is so long ago that a change now would get a later one.
fn is_settled(modified: SystemTime) -> bool {
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Duration::from_micros(u64::try_from(clock::micros()).unwrap_or(0));
    now.saturating_sub(since) > TICK
}

/// Returns the folder of a file, under one name: to end the watch of one name would end that of
/// another.
fn folder(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    parent.canonicalize().unwrap_or_else(|_| parent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command::watch::inbox::Inbox;
    use std::fs;

    struct Watched {
        files: Files,
        inbox: Inbox,
    }

    impl Watched {
        fn start(contents: Contents) -> Watched {
            let (post, inbox) = Inbox::new();
            let files = Files::start(QUIET, |_| {}, post).expect("a thread");
            files.watch(contents);
            std::thread::sleep(Duration::from_millis(100));
            Watched { files, inbox }
        }

        async fn changed(&mut self) -> Vec<PathBuf> {
            assert!(self.files.sender.send(WatcherMessage::Event).is_ok(), "the thread lives");
            match self.inbox.next().await {
                WatchEvent::Changed { files, .. } => files,
                WatchEvent::Key(_) => Vec::new(),
            }
        }
    }

    const QUIET: Duration = Duration::from_millis(50);

    fn hashes(paths: &[&Path]) -> Contents {
        let hash = |path: &Path| fs::read(path).ok().map(|content| blake3::hash(&content));
        paths.iter().map(|path| (path.to_path_buf(), hash(path))).collect()
    }

    /// Saves in some way twice, and counts the changes that are noticed.
    async fn changes(save: impl Fn(&Path, &str)) -> usize {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.rhai");
        let text =
            |n: u32| format!("let version = {n};\n{}", "// a line of the script\n".repeat(40));

        fs::write(&file, text(0)).expect("written");
        let mut files = Watched::start(hashes(&[&file]));

        let mut count = 0;
        for n in 1..=2 {
            save(&file, &text(n));
            let wait = Duration::from_millis(900);
            while tokio::time::timeout(wait, files.changed()).await.is_ok() {
                assert_eq!(fs::read_to_string(&file).expect("there"), text(n), "half a file");
                count += 1;
            }
        }

        count
    }

    #[tokio::test]
    async fn every_way_of_saving_is_one_change() {
        let write = |path: &Path, text: &str| fs::write(path, text).expect("written");
        let pause = |ms| std::thread::sleep(Duration::from_millis(ms));

        assert_eq!(changes(write).await, 2, "truncate and write");
        let rename = |path: &Path, text: &str| {
            let draft = path.with_extension("tmp");
            fs::write(&draft, text).expect("written");
            fs::rename(draft, path).expect("renamed");
        };

        assert_eq!(changes(rename).await, 2, "write beside and rename");
        let backup = |path: &Path, text: &str| {
            fs::rename(path, path.with_extension("rhai~")).expect("renamed");
            fs::write(path, text).expect("written");
            fs::remove_file(path.with_extension("rhai~")).expect("removed");
        };

        assert_eq!(changes(backup).await, 2, "as vim does with a backup");
        let twice = |path: &Path, text: &str, ms| {
            fs::write(path, &text[..text.len() / 2]).expect("written");
            pause(ms);
            fs::write(path, text).expect("written");
        };

        assert_eq!(changes(|path, text| twice(path, text, 10)).await, 2, "two writes 10 ms apart");
        assert_eq!(changes(|path, text| twice(path, text, 60)).await, 2, "two writes 60 ms apart");

        let same = |path: &Path, _: &str| {
            let text = fs::read_to_string(path).expect("there");
            fs::write(path, text).expect("written");
        };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.rhai");
        fs::write(&file, "1").expect("written");

        let mut files = Watched::start(hashes(&[&file]));
        same(&file, "");
        let none = tokio::time::timeout(Duration::from_millis(500), files.changed()).await;
        assert!(none.is_err(), "the same bytes");
    }

    #[tokio::test]
    async fn a_file_may_vanish_with_its_folder_and_return() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("prompts");
        let file = folder.join("a.md");
        fs::create_dir(&folder).expect("made");
        fs::write(&file, "one").expect("written");

        let mut files = Watched::start(hashes(&[&file]));
        fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(files.changed().await, std::slice::from_ref(&file));

        fs::create_dir(&folder).expect("made");
        fs::write(&file, "two").expect("written");
        assert_eq!(files.changed().await, [file]);
    }
}
