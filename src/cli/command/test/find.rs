//! Finds the tests of a project, and everything that keeps them from running.

use crate::base::file;
use crate::base::path_text::text_of;
use crate::base::visible::shown_path;
use crate::cli::app::cause;
use crate::cli::app::project::Project;
use crate::cli::command::check;
use crate::cli::command::watch::files::Contents;
use crate::model::registry::Models;
use crate::script::ScriptError;
use crate::script::diagnostic::Diagnostic;
use crate::script::test::{FILE_END, test_of};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The folders beside a file with tests that hold what belongs to them.
const CASSETTES: &str = "cassettes";
const SNAPSHOTS: &str = "snapshots";
/// What the name of a file says that has to do with tests.
const TEST: &str = "test";

/// One test.
#[derive(Debug, Clone)]
pub(super) struct TestCase {
    /// Its file, as people know it.
    pub(super) file: PathBuf,
    /// The text of the file, as it was checked.
    pub(super) text: Arc<str>,
    /// The name of the function.
    pub(super) name: String,
    /// Where it is defined, from 1.
    pub(super) line: usize,
    /// Its name in the project: the file relative to the project's folder, and the function.
    pub(super) id: String,
    /// Where what its models answered is kept.
    pub(super) cassette: PathBuf,
    /// The folder of its snapshots.
    pub(super) snapshots: PathBuf,
}

impl TestCase {
    /// Returns what people call it.
    pub(super) fn shown(&self) -> String {
        format!("{}::{}", shown_path(&self.file), self.name)
    }

    /// Tells whether what people call it contains this text. The bytes of a path need not be text.
    pub(super) fn is_called(&self, part: &OsStr) -> bool {
        let mut whole = self.file.clone().into_os_string();
        whole.push("::");
        whole.push(&self.name);

        let part = part.as_bytes();
        let in_bytes = || whole.as_bytes().windows(part.len()).any(|bytes| bytes == part);
        let names = [self.shown(), self.id.clone()];
        let in_text = || {
            let part = std::str::from_utf8(part);
            part.is_ok_and(|part| names.iter().any(|name| name.contains(part)))
        };
        part.is_empty() || in_bytes() || in_text()
    }
}

/// All tests of a project.
#[derive(Debug, Default)]
pub(super) struct Suite {
    /// In the order of the files' names and of their text.
    pub(super) cases: Vec<TestCase>,
    /// Faults in the scripts.
    pub(super) faults: Vec<Diagnostic>,
    /// Faults without a script to show, in words.
    pub(super) told: Vec<String>,
    /// Files with test functions whose names are not those of files with tests.
    pub(super) passed_over: Vec<PathBuf>,
    /// The files with tests and what they import, as they were read.
    pub(super) read: Contents,
    /// Folders of cassettes and snapshots that belong to the files.
    kept: BTreeSet<PathBuf>,
}

/// Finds the tests of a project and checks their files.
pub(super) fn find(project: &Project) -> anyhow::Result<Suite> {
    let models = Rc::new(project.models(0)?);
    let here = std::env::current_dir()?;
    let mut suite = Suite::default();

    let config = project.root.join("kaizen.toml");
    let content = file::read(&config).ok();
    suite.read.insert(config, content.as_deref().map(blake3::hash));

    for file in files(&project.root) {
        let shown = file.strip_prefix(&here).unwrap_or(&file).to_owned();

        let inside = file.strip_prefix(&project.root).unwrap_or(&file).to_owned();
        suite.add(project, &models, &shown, &inside);
    }

    for file in others(&project.root) {
        let whole = std::path::absolute(&file).unwrap_or_else(|_| file.clone());
        // What tests import may well hold functions for them.
        if !suite.read.contains_key(&whole) && has_tests(project, &models, &file) {
            suite.passed_over.push(file.strip_prefix(&here).unwrap_or(&file).to_owned());
        }
    }

    let mut known = BTreeSet::new();
    let place = |fault: &Diagnostic| {
        let place =
            fault.place.as_ref().map(|place| (place.file.clone(), place.line, place.column));
        (fault.code, fault.message.clone(), place)
    };
    // A file that several tests import is wrong once.
    suite.faults.retain(|fault| known.insert(place(fault)));

    Ok(suite)
}

/// Lists the files with tests below a folder, in order.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    check::collect(folder, 0, &mut files);
    files.retain(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(FILE_END))
    });
    files
}

/// Lists files below a folder that are named after tests in another way, such as `test_a.rhai`.
fn others(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    check::collect(folder, 0, &mut files);
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.to_lowercase().contains(TEST) && !name.ends_with(FILE_END)
    });
    files
}

/// Tells whether a file has functions that could be called as tests.
fn has_tests(project: &Project, models: &Rc<Models>, file: &Path) -> bool {
    let program = check::read(file).ok().and_then(|text| {
        let host = check::host(project, models, file).ok()?;
        host.compile(&text).ok()
    });
    program.is_some_and(|program| !program.tests().is_empty())
}

impl Suite {
    fn add(&mut self, project: &Project, models: &Rc<Models>, file: &Path, inside: &Path) {
        let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let text: Arc<str> = match check::read(file) {
            Ok(text) => text.into(),
            Err(reason) => {
                self.told.push(format!("cannot read `{}`: {reason}", shown_path(file)));
                // It may be there, and be no text.
                let content = file::read(file).ok().map(|content| blake3::hash(&content));
                self.read.insert(whole, content);
                return;
            }
        };

        self.read.insert(whole, Some(blake3::hash(text.as_bytes())));

        let host = match check::host(project, models, file) {
            Ok(host) => host,
            Err(error) => return self.told.push(cause::sentence(&error)),
        };

        let program = host.compile(&text);
        self.read.extend(host.files());
        let program = match program {
            Ok(program) => program,
            Err(ScriptError::Refused(faults)) => return self.faults.extend(faults),
            Err(other) => {
                return self.told.push(format!("cannot read `{}`: {other:?}", shown_path(file)));
            }
        };

        let found = program.tests();
        if found.is_empty() {
            let file = shown_path(file);
            self.told.push(format!("`{file}` has no tests; name test functions `test_..`"));
        }

        let folder = file.parent().unwrap_or(Path::new(""));
        let stem = file.file_stem().unwrap_or_default();
        let cassettes = folder.join(CASSETTES).join(stem);
        let snapshots = folder.join(SNAPSHOTS).join(stem);

        self.kept.extend([folder.join(CASSETTES), folder.join(SNAPSHOTS)]);

        self.cases.extend(found.into_iter().map(|found| TestCase {
            file: file.to_owned(),
            text: text.clone(),
            id: format!("{}::{}", text_of(inside), found.name),
            line: found.line,
            cassette: cassettes.join(format!("{}.jsonl", found.name)),
            snapshots: snapshots.clone(),
            name: found.name,
        }));
    }

    /// Finds cassettes and snapshots that belong to no test any more.
    pub(super) fn orphans(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in self.kept.iter().flat_map(|kept| entries(kept)).filter(|path| path.is_dir()) {
            for path in entries(&folder) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let Some(test) = name.strip_suffix(".jsonl").or_else(|| test_of(&name)) else {
                    continue;
                };

                let is_own = |case: &TestCase| {
                    case.name == test
                        && (case.cassette.parent() == Some(&*folder) || case.snapshots == folder)
                };

                if !self.cases.iter().any(is_own) {
                    found.push(path);
                }
            }
        }

        found
    }
}

/// Lists a folder in order; one that cannot be read has nothing to list.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
