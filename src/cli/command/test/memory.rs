//! What is remembered of tests that have passed: the files they depended on, with the hashes of their
//! contents. So `--changed` knows what need not run again.

use crate::base::file;
use crate::base::path_text::{path_of, text_of};
use crate::cli::app::project::Project;
use crate::cli::command::test::find::TestCase;
use crate::cli::command::test::perform::{Status, TestResult, write};
use crate::cli::command::watch::files::Contents;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The format of the file.
const FORMAT: u64 = 1;

/// Tells whether a test has passed and nothing that it depends on has changed since.
pub(in crate::cli) fn has_passed(project: &Project, id: &str) -> bool {
    let mut memory = FileMemory::read(project);
    let Some(files) = memory.passed.get(id).cloned() else { return false };
    files.iter().all(|(path, hash)| memory.hash(path) == *hash)
}

/// Tests that have passed: each with its files, by their paths in the project.
#[derive(Debug)]
pub(super) struct FileMemory {
    path: PathBuf,
    root: PathBuf,
    passed: BTreeMap<String, Map<String, Value>>,
    /// Tests that have just failed; only a watch needs to know their files.
    failed: BTreeMap<String, Map<String, Value>>,
    /// Hashes of files as they are now.
    now: HashMap<String, Value>,
}

impl FileMemory {
    /// Reads what is remembered; what another program wrote is not.
    pub(super) fn read(project: &Project) -> FileMemory {
        let path = project.tests_path();
        let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());

        let text = file::read_text(&path).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_own = value["format"] == FORMAT && value["program"] == env!("CARGO_PKG_VERSION");
        let passed = value["passed"].as_object().filter(|_| is_own).cloned().unwrap_or_default();

        let passed = passed.into_iter().filter_map(|(id, files)| match files {
            Value::Object(files) => Some((id, files)),
            _ => None,
        });

        let failed = BTreeMap::new();
        let now = HashMap::new();
        FileMemory { path, root, passed: passed.collect(), failed, now }
    }

    /// Tells whether a test has passed and nothing that it depends on has changed since.
    pub(super) fn is_unchanged(&mut self, case: &TestCase) -> bool {
        let Some(files) = self.passed.get(&case.id).cloned() else { return false };
        files.iter().all(|(path, hash)| self.hash(path) == *hash)
    }

    /// Returns the files that a test depended on when it ran last.
    pub(super) fn files(&self, case: &TestCase) -> Contents {
        let all = [&self.passed, &self.failed].into_iter().filter_map(|all| all.get(&case.id));
        let files = all.flatten().map(|(name, hash)| {
            let hash = hash.as_str().and_then(|hash| blake3::Hash::from_hex(hash).ok());
            (self.root.join(path_of(name)), hash)
        });
        files.collect()
    }

    /// Remembers how a test ended.
    pub(super) fn note(&mut self, case: &TestCase, ended: &TestResult) {
        self.failed.remove(&case.id);
        let has_passed = match ended.status {
            Status::Stopped => return,
            Status::Passed => true,
            Status::Failed | Status::Missed => false,
        };

        let mut files: Map<String, Value> =
            ended.files.iter().map(|(path, hash)| (self.name(path), of(hash.as_ref()))).collect();
        let own = case.file.canonicalize().unwrap_or_else(|_| case.file.clone());
        files.insert(self.name(&own), of(Some(&blake3::hash(case.text.as_bytes()))));
        files.insert("kaizen.toml".to_owned(), self.hash("kaizen.toml"));

        self.passed.remove(&case.id);
        let all = if has_passed { &mut self.passed } else { &mut self.failed };
        all.insert(case.id.clone(), files);
    }

    /// Writes what is remembered, without tests that are no more.
    pub(super) fn write(mut self, project: &Project, cases: &[TestCase]) -> std::io::Result<()> {
        let known: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        self.passed.retain(|id, _| known.contains(id.as_str()));
        let program = env!("CARGO_PKG_VERSION");
        let value = json!({ "format": FORMAT, "program": program, "passed": self.passed });
        project.make_folder()?;
        write(&self.path, &value.to_string())
    }

    /// Writes the path of a file relative to the project's folder, if it lies there.
    fn name(&self, path: &Path) -> String {
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        text_of(whole.strip_prefix(&self.root).unwrap_or(&whole))
    }

    fn hash(&mut self, name: &str) -> Value {
        if let Some(known) = self.now.get(name) {
            return known.clone();
        }

        let content = file::read(&self.root.join(name)).ok();
        let hash = of(content.as_deref().map(blake3::hash).as_ref());
        self.now.insert(name.to_owned(), hash.clone());
        hash
    }
}

fn of(hash: Option<&blake3::Hash>) -> Value {
    hash.map_or(Value::Null, |hash| hash.to_hex().to_string().into())
}
