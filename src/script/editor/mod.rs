//! What an editor asks of a script's text: its names, its operations, what stands at a place, and how to
//! show it. Everything follows from the text alone and holds for one that does not parse, because that
//! is the text of somebody who types.
//!
//! Start with `code.rs`, which all others read. Not here: what is wrong with a script (`check/`), the
//! words themselves (`reference/`), and the protocol of editors (`cli/command/lsp/`).

pub mod code;
pub mod cursor;
pub mod names;
pub mod operations;
pub mod outline;
pub mod paint;
pub mod value;
