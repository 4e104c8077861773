//! What every check works with.

use crate::script::check::functions::ScriptFunctions;
use crate::script::diagnostic::Diagnostic;
use crate::script::host::context::Inner;
use rhai::{AST, Engine};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Most faults of a level that are told of a script and of what it imports.
pub(super) const FAULTS_MAX: usize = 500;

/// One check: what it works with and what it has found.
pub(super) struct Checker<'a> {
    pub(super) engine: &'a Engine,
    pub(super) host: &'a Inner,
    /// Files that are being checked or have been.
    pub(super) seen: BTreeSet<PathBuf>,
    /// The imports that led to the file that is being checked, outermost first.
    pub(super) open: Vec<PathBuf>,
    /// What was read of imported files, each once.
    pub(super) imports: Vec<AST>,
    pub(super) faults: Vec<Diagnostic>,
}

/// One file of a script.
pub(super) struct File<'a> {
    /// As people know it.
    pub(super) name: &'a str,
    /// What it imports is named relative to this.
    pub(super) folder: &'a Path,
    pub(super) text: &'a str,
    pub(super) ast: &'a AST,
    pub(super) functions: ScriptFunctions,
}

impl<'a> File<'a> {
    pub(super) fn new(name: &'a str, folder: &'a Path, text: &'a str, ast: &'a AST) -> File<'a> {
        File { name, folder, text, ast, functions: ScriptFunctions::of(ast) }
    }
}

/// What exists before a text is read.
#[derive(Clone, Copy)]
pub(in crate::script) struct Earlier<'a> {
    /// Functions.
    pub(in crate::script) functions: &'a AST,
    /// Variables, each with the word for the type of its value.
    pub(in crate::script) variables: &'a [(String, String)],
}

impl Checker<'_> {
    /// Notes a fault, unless there are so many that nobody reads one more.
    pub(super) fn push(&mut self, fault: Diagnostic) {
        let of_level = self.faults.iter().filter(|known| known.level == fault.level);
        if of_level.count() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// Notes a fault that explains those which stand at its place.
    pub(super) fn push_instead(&mut self, fault: Diagnostic) {
        self.faults.retain(|known| known.place != fault.place);
        self.push(fault);
    }

    /// Notes a fault, unless another one stands at its place already.
    pub(super) fn push_new(&mut self, fault: Diagnostic) {
        if self.faults.iter().all(|known| known.place != fault.place) {
            self.push(fault);
        }
    }
}
