//! Tests: functions named `test_..` of a script, each called by itself, and the snapshots that they
//! compare values with.

pub(in crate::script) mod difference;

use crate::base::deadline::Deadline;
use crate::base::failure::{Failure, Kind};
use crate::base::file;
use crate::base::secret::clean;
use crate::script::check::definition;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::tasks::Task;
use crate::script::{Host, Inner, Program, ScriptError};
use rhai::{AST, CallFnOptions, FnAccess, Position, Scope};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// How the name of a test begins.
pub const PREFIX: &str = "test_";
/// How the name of a file with tests ends.
pub const FILE_END: &str = "_test.rhai";
/// How the name of a snapshot's file ends.
const SNAPSHOT_END: &str = ".snap";

/// One test as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFunction {
    /// The name of the function.
    pub name: String,
    /// Where it is defined, from 1.
    pub line: usize,
}

/// One test that runs: where its snapshots lie, and what it did with them.
#[derive(Debug)]
pub struct Test {
    name: String,
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

    /// Compares a value with a snapshot; without a name, with the next unnamed one.
    pub(super) fn compare(
        &self,
        host: &Inner,
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

        let now = format!("{}\n", difference::text(&clean(value.clone())));

        let known = match file::read(&path) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                let message = format!("the snapshot `{}`: {error}", path.display());
                return Err(Failure::new(Kind::File, message));
            }
        };

        let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        host.depends_on(&whole, known.as_ref().map(String::as_bytes));

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

        let path = path.display();
        let test = &self.name;
        let message = match known {
            None => format!(
                "no snapshot `{path}` yet\nwrite it with `kaizen test -u {test}`; its content:\n{}",
                now.trim_end_matches('\n')
            ),
            Some(known) => format!(
                "the value differs from the snapshot `{path}`\naccept it with `kaizen test -u {test}`; {}",
                difference::of_texts(&now, &known)
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

impl Program {
    /// Returns its tests in the order of the text.
    pub fn tests(&self) -> Vec<TestFunction> {
        let functions = self.ast.iter_functions().filter(|f| f.name.starts_with(PREFIX));
        let mut found: Vec<TestFunction> = functions
            .map(|function| {
                let line = definition(&self.text, function.name).map_or(1, |(line, _)| line);
                TestFunction { name: function.name.to_owned(), line: usize::from(line) }
            })
            .collect();

        found.sort_by(|a, b| (a.line, &a.name).cmp(&(b.line, &b.name)));
        found
    }
}

/// Finds functions of a file with tests that are named like tests and cannot be called.
pub(super) fn faults(ast: &AST, file: &str, text: &str) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    if !file.ends_with(FILE_END) {
        return faults;
    }

    for function in ast.iter_functions().filter(|f| f.name.starts_with(PREFIX)) {
        let name = function.name;
        let message = if !function.params.is_empty() {
            format!("the test `{name}` must not take arguments")
        } else if function.access == FnAccess::Private {
            format!("the test `{name}` is private, so it cannot be called")
        } else {
            continue;
        };

        let (line, column) = definition(text, name).unwrap_or((1, 1));
        let place = Position::new(line, column);
        faults.push(Diagnostic::at(codes::TEST, message, file, text, place));
    }

    faults
}

impl Host {
    /// Calls one test, after everything that stands outside of the functions. What is not done
    /// within `limit` is stopped.
    pub async fn test(
        &self,
        program: &Program,
        test: Rc<Test>,
        limit: Duration,
    ) -> Result<(), ScriptError> {
        let name = test.name.clone();
        self.inner.test.replace(Some(test));

        let engine = self.engine.clone();
        let ast = program.ast.clone();
        let function = move || {
            let options = CallFnOptions::new().eval_ast(true);
            engine.call_fn_with_options(options, &mut Scope::new(), &ast, &name, ())
        };

        // Waiting is given up from outside; computing ends by itself.
        let bounded = Deadline::begin(limit, None);
        let task = Task { deadline: Some(bounded.deadline()), ..Task::default() };
        self.perform(program, task, function).await.map(|_| ())
    }
}
