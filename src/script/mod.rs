//! The only code that knows Rhai: compiles and runs scripts, and gives them their words.
//!
//! Each room imports only from those before it (`tests/tidy.rs`): `lexer`, `diagnostic`, `host`, `check`, `api`,
//! `reference`, `editor`, `program`, `dialogue`, `test`.

pub mod api;
mod check;
pub mod diagnostic;
pub mod dialogue;
pub mod editor;
pub mod host;
pub mod lexer;
mod program;
pub mod reference;
pub mod test;

pub use self::api::host_word::{HostCall, HostTool, HostWord, HostWords, PARAMETERS_MAX};
pub use self::check::parameter::ScriptParameter;
pub use self::host::context::{Sink, Surroundings};
pub use self::host::limits::OPERATIONS_MAX;
pub use self::host::state::State;
#[cfg(feature = "engine")]
pub use self::host::stdlib::library_hash;
pub use self::program::{Host, Program, ScriptError, ScriptFindings, file_hashes};

#[cfg(test)]
mod words_tests;
