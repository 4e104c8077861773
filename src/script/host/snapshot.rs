//! One test while it runs, and the snapshots that it compares values with.

use crate::base::failure::{Failure, Kind};
use crate::base::file;
use crate::base::secret::clean;
use crate::base::visible::shown_path;
use crate::script::host::value_difference;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How the name of a snapshot's file ends.
const SNAPSHOT_END: &str = ".snap";

/// One test that runs: where its snapshots lie, and what it did with them.
#[derive(Debug)]
pub struct Test {
    pub(in crate::script) name: String,
    folder: PathBuf,
    is_update: bool,
    unnamed: Cell<u32>,
    used: RefCell<BTreeSet<PathBuf>>,
    /// Snapshots that have to be written.
    pending: RefCell<BTreeMap<PathBuf, String>>,
}

impl Test {
    /// Prepares a test. Its snapshots lie in `folder`; with `is_update`, values that differ from them
    /// replace them.
    pub fn new(name: &str, folder: &Path, is_update: bool) -> Test {
        Test {
            name: name.to_owned(),
            folder: folder.to_owned(),
            is_update,
            unnamed: Cell::new(0),
            used: RefCell::default(),
            pending: RefCell::default(),
        }
    }

    /// Returns the snapshots that have to be written, with their texts.
    pub fn pending(&self) -> BTreeMap<PathBuf, String> {
        self.pending.borrow().clone()
    }

    /// Returns the snapshots of this test that it did not compare anything with.
    pub fn unused(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };

        let used = self.used.borrow();
        let own = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| test_of(&name) == Some(&self.name))
        };

        let mut unused: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| own(path) && !used.contains(path))
            .collect();

        unused.sort();
        unused
    }

    /// Compares a value with a snapshot; without a name, with the next unnamed one. `depends_on` is told the
    /// file, and its content if it is there.
    pub(in crate::script) fn compare(
        &self,
        depends_on: impl FnOnce(&Path, Option<&[u8]>),
        name: Option<&str>,
        value: &Value,
    ) -> Result<(), Failure> {
        let file = self.file(name)?;
        let path = self.folder.join(file);
        if !self.used.borrow_mut().insert(path.clone()) {
            let name = name.unwrap_or_default();
            let message = format!("the snapshot name `{name}` is used twice; use unique names");
            return Err(Failure::new(Kind::Option, message));
        }

        let now = format!("{}\n", value_difference::text(&clean(value.clone())));

        let known = match file::read(&path) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let message = format!("the snapshot `{}`: {error}", path.display());
                return Err(Failure::new(Kind::File, message));
            }
        };

        let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        depends_on(&whole, known.as_ref().map(String::as_bytes));

        // Version control may have changed how lines end.
        let same = |known: &String| file::as_lines(known) == file::as_lines(&now);
        if known.as_ref().is_some_and(same) {
            return Ok(());
        }

        if self.is_update {
            // It is written when the whole test has passed.
            self.pending.borrow_mut().insert(path, now);
            return Ok(());
        }

        let path = shown_path(&path);
        let test = &self.name;
        let message = match known {
            None => format!(
                "no snapshot `{path}` yet\nwrite it with `kaizen test -u {test}`; its content:\n{}",
                now.trim_end_matches('\n')
            ),
            Some(known) => format!(
                "the value differs from the snapshot `{path}`\naccept it with `kaizen test -u {test}`; {}",
                value_difference::of_texts(&now, &known)
            ),
        };

        Err(Failure::new(Kind::Assertion, message))
    }

    /// Returns the name of the file of a snapshot.
    fn file(&self, name: Option<&str>) -> Result<String, Failure> {
        let Some(name) = name else {
            let number = self.unnamed.get() + 1;
            self.unnamed.set(number);
            let number = if number == 1 { String::new() } else { format!(".{number}") };
            return Ok(format!("{}{number}{SNAPSHOT_END}", self.name));
        };

        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if !name.starts_with(char::is_alphabetic) || !name.chars().all(is_word) {
            let message = format!(
                "invalid snapshot name `{name}`: use a letter, then letters, digits, `-` and `_`"
            );
            return Err(Failure::new(Kind::Option, message));
        }

        Ok(format!("{}.{name}{SNAPSHOT_END}", self.name))
    }
}

/// Returns the test that a file of a snapshot belongs to.
pub fn test_of(file: &str) -> Option<&str> {
    let rest = file.strip_suffix(SNAPSHOT_END)?;
    Some(rest.split_once('.').map_or(rest, |(test, _)| test))
}
