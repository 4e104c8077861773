//! The kinds of things that can be granted, and what a script wants to touch.

use crate::script::host::executable::Executable;
use crate::script::host::files::shown;
use std::fmt;
use std::path::Path;

/// A kind of thing that can be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Reading files.
    Read,
    /// Writing files.
    Write,
    /// Reaching hosts, other than those of the project's models.
    Net,
    /// Reading variables of the environment, as values and as keys.
    Env,
    /// Running programs.
    Run,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 5] = [Right::Read, Right::Write, Right::Net, Right::Env, Right::Run];

    /// Returns the word for it in options and in `kaizen.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "write",
            Right::Net => "net",
            Right::Env => "env",
            Right::Run => "run",
        }
    }

    pub(in crate::script) fn deed(self) -> &'static str {
        match self {
            Right::Read => "reading",
            Right::Write => "writing",
            Right::Net => "reaching",
            Right::Env => "reading the variable",
            Right::Run => "running",
        }
    }
}

/// What a script wants to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A file, by an absolute path.
    Path(&'a Path),
    /// A host, in lower case, and its port.
    Host(&'a str, u16),
    /// A variable.
    Name(&'a str),
    /// A program.
    Program(&'a Executable),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Path(path) => f.write_str(&shown(path)),
            Target::Host(host, 80 | 443) => f.write_str(host),
            Target::Host(host, port) => write!(f, "{host}:{port}"),
            Target::Name(name) => f.write_str(name),
            Target::Program(program) => f.write_str(program.named()),
        }
    }
}
