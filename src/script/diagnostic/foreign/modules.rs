//! Imports and exports of other languages: `import { f } from "lib"`, `import lib`, `export default`.

use super::{ForeignSpan, ForeignText};
use crate::script::lexer::LexemeClass;

/// What to write for functions of another file.
pub(super) const OF_FILE: &str = "write `import \"lib/file\" as file;`, then `file::f(..)`";
const NO_IMPORT: &str = "leave it out; kaizen's functions need no import; for a file write \
                         `import \"lib/file\" as file;`, then `file::f(..)`";

/// Modules of other languages that people import by their names.
const LIBRARIES: &[&str] = &[
    "anthropic",
    "argparse",
    "asyncio",
    "axios",
    "child_process",
    "collections",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "dotenv",
    "fs",
    "functools",
    "glob",
    "hashlib",
    "itertools",
    "json",
    "kaizen",
    "langchain",
    "langgraph",
    "lionagi",
    "litellm",
    "logging",
    "math",
    "node",
    "numpy",
    "ollama",
    "openai",
    "os",
    "pandas",
    "path",
    "pathlib",
    "pydantic",
    "random",
    "re",
    "requests",
    "rhai",
    "std",
    "subprocess",
    "sys",
    "time",
    "typing",
    "uuid",
    "zod",
];

/// Says what to write instead of importing a file of this name, if it is a library of another language.
pub(in crate::script) fn instead_of_import(path: &str) -> Option<&'static str> {
    let first = path.split(['/', '.', ':']).next().unwrap_or(path);
    LIBRARIES.contains(&first).then_some(NO_IMPORT)
}

impl ForeignText<'_> {
    pub(super) fn module(&self, at: usize) -> Option<ForeignSpan> {
        if !self.is_word(at) || self.before(at) == "." {
            return None;
        }
        match self.said(at) {
            "import" if !self.follows_value(at) => self.imported(at),
            "export" if matches!(self.said(at + 1), "default" | "function" | "fn" | "{") => {
                let message = format!("`export {}` is from another language", self.said(at + 1));
                Some((
                    at,
                    at + 1,
                    message,
                    "leave it out: every function of a file can be imported",
                ))
            }
            _ => None,
        }
    }

    /// `import { f } from "lib"`, `import f from "lib"`, `import lib`.
    fn imported(&self, at: usize) -> Option<ForeignSpan> {
        let is_from = |&next: &usize| {
            self.said(next) == "from"
                && self.all.get(next + 1).is_some_and(|piece| piece.class == LexemeClass::Text)
        };
        let beside = self.next(at).take_while(|&next| self.is_beside(at, next));
        if let Some(from) = beside.take_while(|&next| self.said(next) != ";").find(is_from) {
            let message = "`import .. from` is from another language".to_owned();
            return Some((at, from + 1, message, OF_FILE));
        }

        if self.is_word(at + 1) && self.is_beside(at, at + 1) {
            let message =
                format!("`import {}` names a module from another language", self.said(at + 1));
            return Some((at, at + 1, message, NO_IMPORT));
        }
        None
    }
}
