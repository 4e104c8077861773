//! The guide's own knowledge file: `{"successful_patterns": {"task:pattern": [metrics, ..]},
//! "failed_patterns": {"task:pattern": ["error", ..]}}`. Written whole and atomically under a lock,
//! so that several processes lose nothing and a crash leaves the old file or the new one.

use crate::base::secret::{clean_fields, scrub};
use crate::base::{file, own};
use crate::optimizer::choice::policy::Policy;
use crate::optimizer::evidence::observation::Observation;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::stats::probability_below;
use serde_json::{Map, Value, json};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The section of successes.
const SUCCESSFUL: &str = "successful_patterns";
/// The section of failures.
const FAILED: &str = "failed_patterns";
/// Most bytes that the name of a file has.
const NAME_MAX: usize = 255;
/// Fewest failures for which a pattern may be avoided, as in the guide.
const FAILURES_MIN: usize = 3;

/// A knowledge file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GuideFileError {
    /// It cannot be read or written.
    #[error("knowledge file `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not in the guide's format. It was left as it is.
    #[error(
        "knowledge file `{path}` is damaged ({reason}) and was not changed",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A knowledge file as it was when it was last read, and what was added since.
#[derive(Debug, Clone)]
pub struct GuideFile {
    path: PathBuf,
    content: Map<String, Value>,
    /// Whether changes stay in memory: a plan leaves no trace.
    is_frozen: bool,
}

/// One entry as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    section: &'static str,
    key: String,
    value: Value,
}

impl Entry {
    /// Makes the entry of a success.
    pub fn success(task: &str, pattern: &str, metrics: Map<String, Value>) -> Entry {
        Entry::new(SUCCESSFUL, task, pattern, clean_fields(metrics).into())
    }

    /// Makes the entry of a failure.
    pub fn failure(task: &str, pattern: &str, error: &str) -> Entry {
        Entry::new(FAILED, task, pattern, scrub(error).into_owned().into())
    }

    /// Returns what it is known by, whatever else is saved.
    pub fn digest(&self) -> String {
        let whole = format!("{} {} {}", self.section, self.key, self.value);
        blake3::hash(whole.as_bytes()).to_hex()[..16].to_owned()
    }

    fn new(section: &'static str, task: &str, pattern: &str, value: Value) -> Entry {
        // As it is when it is read again: some numbers are written shorter than they are.
        let read = serde_json::from_str(&value.to_string()).unwrap_or(value);
        let key = format!("{}:{pattern}", escape(task));
        Entry { section, key: scrub(&key).into_owned(), value: read }
    }
}

/// A success: the task type, the pattern, and the metrics.
pub type Success = (String, String, Map<String, Value>);

impl GuideFile {
    /// Starts without entries; nothing is read or written.
    pub fn empty(path: &Path) -> GuideFile {
        GuideFile { path: path.to_owned(), content: Map::new(), is_frozen: false }
    }

    /// Reads a file; one that does not exist has no entries.
    pub fn open(path: &Path) -> Result<GuideFile, GuideFileError> {
        let mut file = GuideFile::empty(path);
        file.load()?;
        Ok(file)
    }

    /// Keeps every further change in memory.
    #[must_use]
    pub fn frozen(self) -> GuideFile {
        GuideFile { is_frozen: true, ..self }
    }

    /// Reads the file again.
    pub fn load(&mut self) -> Result<(), GuideFileError> {
        let text = match file::read_lines(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.content = Map::new();
                return Ok(());
            }
            Err(source) => return Err(self.io(source)),
        };

        let content = serde_json::from_str::<Map<String, Value>>(&text);
        self.content = content.map_err(|error| self.damaged(&error.to_string()))?;
        // Read once, so that a damaged entry is found now.
        self.successes()?;
        self.failures()?;
        Ok(())
    }

    /// Adds an entry, and writes the file with everything that others have written meanwhile.
    pub fn save_entry(&mut self, entry: &Entry) -> Result<(), GuideFileError> {
        self.change(|file| file.add(entry))
    }

    /// Does the same for an entry that may have been saved before, when the file had `equal` entries
    /// like it: if it has more now, it was.
    pub fn save_entry_again(&mut self, entry: &Entry, equal: usize) -> Result<(), GuideFileError> {
        let is_frozen = self.is_frozen;
        self.change(|file| {
            if is_frozen || file.count(entry) <= equal {
                file.add(entry);
            }
        })
    }

    /// Reads the file again, and returns how many entries like this one it has.
    pub fn count_anew(&mut self, entry: &Entry) -> Result<usize, GuideFileError> {
        self.load()?;
        Ok(self.count(entry))
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn count(&self, entry: &Entry) -> usize {
        let list = self.content.get(entry.section).and_then(|section| section.get(&entry.key));
        let list = list.and_then(Value::as_array).into_iter().flatten();
        list.filter(|known| **known == entry.value).count()
    }

    /// Writes the file if it does not exist; every change is written at once anyway.
    pub fn save(&mut self) -> Result<(), GuideFileError> {
        self.change(|_| {})
    }

    /// Returns the pattern with the highest score by the guide's formula among those that are not
    /// to be avoided; ties go to the name that comes first.
    pub fn best_pattern(&self, task: &str) -> Result<Option<String>, GuideFileError> {
        let mut cells: Vec<(String, PatternSums)> = Vec::new();
        for (known, pattern, metrics) in self.successes()? {
            if known != task || self.should_avoid(task, &pattern)? {
                continue;
            }

            let names = TaskType::new(task).ok().zip(Pattern::new(&pattern).ok());
            let seen = names.and_then(|(t, p)| Observation::success(t, p, &metrics).ok());
            let Some(seen) = seen else { continue };

            if let Some((_, cell)) = cells.iter_mut().find(|(name, _)| *name == pattern) {
                cell.add(&seen);
                continue;
            }

            let mut cell = PatternSums::default();
            cell.add(&seen);
            cells.push((pattern, cell));
        }

        let score = |cell: &PatternSums| Policy::GuideKnowledge.score(cell, false).0;
        cells.sort_by(|a, b| score(&b.1).total_cmp(&score(&a.1)).then_with(|| a.0.cmp(&b.0)));
        Ok(cells.into_iter().next().map(|(name, _)| name))
    }

    /// Tells whether a pattern failed at least three times and, all its successes counted, most
    /// likely fails more often than not. The guide counts failures alone, and for ever.
    #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub fn should_avoid(&self, task: &str, pattern: &str) -> Result<bool, GuideFileError> {
        let same = |t: &str, p: &str| t == task && p == pattern;
        let failed = self.failures()?.iter().filter(|(t, p, _)| same(t, p)).count();
        let worked = self.successes()?.iter().filter(|(t, p, _)| same(t, p)).count();

        let fails = probability_below(0.5, worked as f64, failed as f64) > 0.9;
        Ok(failed >= FAILURES_MIN && fails)
    }

    /// Returns all successes.
    pub fn successes(&self) -> Result<Vec<Success>, GuideFileError> {
        self.entries(SUCCESSFUL, |value| value.as_object().cloned())
    }

    /// Returns all failures: the task type, the pattern, and the error.
    pub fn failures(&self) -> Result<Vec<(String, String, String)>, GuideFileError> {
        self.entries(FAILED, |value| match value {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
    }

    fn entries<T>(
        &self,
        section: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<(String, String, T)>, GuideFileError> {
        let Some(content) = self.content.get(section) else { return Ok(Vec::new()) };
        let map = content.as_object();
        let map = map.ok_or_else(|| self.damaged(&format!("`{section}` is not an object")))?;

        let mut found = Vec::new();
        for (key, list) in map {
            let pair = key.split_once(':');
            let (task, pattern) =
                pair.ok_or_else(|| self.damaged(&format!("`{key}` has no `:`")))?;
            let list = list.as_array();
            for value in list.ok_or_else(|| self.damaged(&format!("`{key}` is not a list")))? {
                let wrong = || self.damaged(&format!("an entry of `{key}` is invalid: `{value}`"));
                let value = read(value).ok_or_else(wrong)?;
                found.push((unescape(task), pattern.to_owned(), value));
            }
        }

        Ok(found)
    }

    /// Adds a success without writing.
    pub fn add_success(&mut self, task: &str, pattern: &str, metrics: Map<String, Value>) {
        self.add(&Entry::success(task, pattern, metrics));
    }

    /// Adds a failure without writing.
    pub fn add_failure(&mut self, task: &str, pattern: &str, error: &str) {
        self.add(&Entry::failure(task, pattern, error));
    }

    fn add(&mut self, entry: &Entry) {
        let section = self.content.entry(entry.section).or_insert_with(|| json!({}));
        if let Some(map) = section.as_object_mut()
            && let Some(list) =
                map.entry(entry.key.clone()).or_insert_with(|| json!([])).as_array_mut()
        {
            list.push(entry.value.clone());
        }
    }

    /// Changes the file under its lock.
    fn change(&mut self, change: impl FnOnce(&mut GuideFile)) -> Result<(), GuideFileError> {
        if self.is_frozen {
            change(self);
            return Ok(());
        }

        let lock = self.lock()?;
        // Read under the lock, so that nothing that others have written is lost.
        self.load()?;
        change(self);
        self.write()?;
        drop(lock);
        Ok(())
    }

    /// Writes the file as it is here, in place of what is there.
    pub fn replace(&self) -> Result<(), GuideFileError> {
        let lock = self.lock()?;
        self.write()?;
        drop(lock);
        Ok(())
    }

    /// Takes the lock that all writers of this file take. It stands beside the file, because the
    /// file itself is replaced by every change.
    fn lock(&self) -> Result<File, GuideFileError> {
        let name = self.path.file_name().unwrap_or_default();
        let path = self.path.with_file_name(lock_name(name));
        let lock = own::open(&path).map_err(|source| self.io(source))?;

        // Held until it is dropped.
        lock.lock().map_err(|source| self.io(source))?;
        Ok(lock)
    }

    fn write(&self) -> Result<(), GuideFileError> {
        let mut content = self.content.clone();
        for section in [SUCCESSFUL, FAILED] {
            content.entry(section).or_insert_with(|| json!({}));
        }

        let mut text = serde_json::to_string_pretty(&content).expect("plain data");
        text.push('\n');
        own::write_shared(&self.path, text.as_bytes()).map_err(|source| self.io(source))
    }

    fn io(&self, source: std::io::Error) -> GuideFileError {
        GuideFileError::Io { path: self.path.clone(), source }
    }

    fn damaged(&self, reason: &str) -> GuideFileError {
        GuideFileError::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// Writes a task type so that the first `:` of a key still ends it.
fn escape(task: &str) -> String {
    task.replace('%', "%25").replace(':', "%3A")
}

fn unescape(task: &str) -> String {
    task.replace("%3A", ":").replace("%25", "%")
}

/// Returns the name of the lock of a file, which is shorter where the file's own name leaves no room.
fn lock_name(file: &OsStr) -> OsString {
    if file.len() + "..lock".len() > NAME_MAX {
        return format!(".{}.lock", blake3::hash(file.as_bytes()).to_hex()).into();
    }

    let mut name = OsString::from(".");
    name.push(file);
    name.push(".lock");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(time: f64) -> Map<String, Value> {
        let value = json!({ "success_rate": 1.0, "execution_time": time });
        value.as_object().cloned().unwrap_or_default()
    }

    fn in_folder(test: impl Fn(&Path)) {
        let folder = tempfile::tempdir().expect("a folder");
        test(&folder.path().join("knowledge.json"));
    }

    #[test]
    fn a_byte_order_mark_and_the_ends_of_lines_are_no_damage() {
        in_folder(|path| {
            let mut file = GuideFile::open(path).expect("a file");
            file.save_entry(&Entry::success("review", "vote", metrics(2.5))).expect("saved");
            let text = std::fs::read_to_string(path).expect("text").replace('\n', "\r\n");

            std::fs::write(path, format!("\u{feff}{text}")).expect("written");
            let found = GuideFile::open(path).expect("sound").successes().expect("successes");
            assert_eq!(found, [("review".to_owned(), "vote".to_owned(), metrics(2.5))]);
        });
    }

    #[test]
    fn the_guides_example_comes_out() {
        in_folder(|path| {
            let mut file = GuideFile::open(path).expect("a file");
            let success = |task, pattern, time| Entry::success(task, pattern, metrics(time));
            file.save_entry(&success("code_review", "gather", 2.5)).expect("saved");
            file.save_entry(&success("research_workflow", "builder", 5.0)).expect("saved");

            let failure = Entry::failure("simple_question", "builder", "Overkill for simple task");
            file.save_entry(&failure).expect("saved");

            let file = GuideFile::open(path).expect("a file");
            let best = |task| file.best_pattern(task).expect("a sound file");
            assert_eq!(best("code_review").as_deref(), Some("gather"));
            assert_eq!(best("research_workflow").as_deref(), Some("builder"));
            assert_eq!(best("unheard_of"), None);
            assert!(!file.should_avoid("simple_question", "builder").expect("a sound file"));

            let text = std::fs::read_to_string(path).expect("a file");
            let value: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(
                value["failed_patterns"],
                json!({ "simple_question:builder": ["Overkill for simple task"] })
            );
        });
    }

    #[test]
    fn k4_any_name_survives() {
        for task in ["a:b", "50%", "%3A", "a%3Ab:c", "%253A"] {
            assert_eq!(unescape(&escape(task)), task);
            assert!(!escape(task).contains(':'), "{task}");
        }
    }

    #[test]
    fn k6_successes_outweigh_old_failures() {
        in_folder(|path| {
            let mut file = GuideFile::empty(path);
            for _ in 0..3 {
                file.add_failure("t", "p", "no");
            }
            assert!(file.should_avoid("t", "p").expect("a sound file"));
            assert_eq!(file.best_pattern("t").expect("a sound file"), None);
            for _ in 0..100 {
                file.add_success("t", "p", metrics(1.0));
            }
            assert!(!file.should_avoid("t", "p").expect("a sound file"));
            assert_eq!(file.best_pattern("t").expect("a sound file").as_deref(), Some("p"));
        });
    }

    #[test]
    fn an_entry_that_was_saved_before_is_not_saved_again() {
        in_folder(|path| {
            let entries =
                [0.1 + 0.2, 1.0 / 3.0, 0.1 + 0.2].map(|t| Entry::success("t", "p", metrics(t)));

            let mut file = GuideFile::open(path).expect("a file");
            let mut before = Vec::new();
            for entry in &entries[..2] {
                before.push(file.count_anew(entry).expect("a sound file"));
                file.save_entry(entry).expect("saved");
            }

            // The third was only about to be saved.
            before.push(file.count_anew(&entries[2]).expect("a sound file"));
            assert_eq!(before, [0, 0, 1]);

            for _ in 0..2 {
                let mut file = GuideFile::open(path).expect("a file");
                for (entry, equal) in entries.iter().zip(&before) {
                    file.save_entry_again(entry, *equal).expect("saved");
                }
                assert_eq!(file.successes().expect("a sound file").len(), 3);
            }
        });
    }

    #[test]
    fn k8_two_writers_lose_nothing_and_unknown_keys_stay() {
        in_folder(|path| {
            std::fs::write(path, r#"{"version": 7}"#).expect("a file");

            let each = |pattern: &'static str, path: PathBuf| {
                std::thread::spawn(move || {
                    let mut file = GuideFile::open(&path).expect("a file");
                    for _ in 0..20 {
                        file.save_entry(&Entry::success("t", pattern, Map::new())).expect("saved");
                    }
                })
            };

            for thread in [each("a", path.to_owned()), each("b", path.to_owned())] {
                thread.join().expect("no panic");
            }

            let file = GuideFile::open(path).expect("a file");
            assert_eq!(file.successes().expect("a sound file").len(), 40);
            assert_eq!(file.content["version"], 7);
        });
    }

    #[test]
    fn k8_a_damaged_file_is_named_and_left_alone() {
        in_folder(|path| {
            let cut = "{\"successful_patterns\": {\"a:b\": [{";
            std::fs::write(path, cut).expect("a file");
            let error = GuideFile::open(path).expect_err("damaged").to_string();
            assert!(error.contains("knowledge.json") && error.contains("damaged"), "{error}");
            let mut file = GuideFile::empty(path);
            assert!(file.save_entry(&Entry::failure("t", "p", "no")).is_err());
            assert_eq!(std::fs::read_to_string(path).expect("a file"), cut);
        });
    }
}
