//! The words of the script API, for people, for editors and for completion.

pub mod completion;
pub mod definitions;
pub(in crate::script) mod entry;
pub mod language;
pub mod topics;

// The command line knows it by this path.
pub use crate::script::lexer;
