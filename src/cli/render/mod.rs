//! How results look in a terminal: tables, plans, plots, progress, diagnostics and values.
//!
//! The functions here turn data into text; only `progress.rs` follows a run and prints as it goes.
//! Not here: what a command shows and in which order (`cli/command/`), and the streams themselves
//! (`cli/app/output.rs`).
//!
//! Start with `table.rs`, which most of the others use.

mod bar;
mod canvas;
pub(super) mod cases;
pub(super) mod change;
mod contest;
pub(super) mod diagnostic;
mod ended;
pub(super) mod entry;
pub(super) mod guide;
pub(super) mod outcome;
pub(super) mod paint;
mod plain;
pub(super) mod plan;
pub(super) mod plot;
pub(super) mod progress;
mod sleeping;
mod spending;
pub(super) mod standing;
pub(super) mod table;
pub(super) mod time;
pub(super) mod underway;
pub(super) mod value;
pub(super) mod waits;
pub(super) mod wrapped;
