//! A project in an empty folder, and the built program run in it.

use std::path::Path;
use std::process::{Command, Output};

/// A throw-away project.
pub(crate) struct Project {
    dir: tempfile::TempDir,
}

/// What one run of the program left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// Creates an empty folder.
    pub(crate) fn new() -> Project {
        Project { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Writes a file into the project.
    pub(crate) fn file(&self, name: &str, text: &str) -> &Project {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// Returns the project's folder.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Prepares the program, in an environment without keys or home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaizen"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path().join("home"));
        command
    }

    /// Runs the program.
    pub(crate) fn kaizen(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("the program starts"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is text"),
            stderr: String::from_utf8(output.stderr).expect("stderr is text"),
        }
    }
}
