//! How things look in a terminal.

pub(super) mod change;
pub(super) mod diagnostic;
pub(super) mod entry;
mod plain;
pub(super) mod plan;
pub(super) mod plot;
pub(super) mod progress;
pub(super) mod standing;
pub(super) mod table;
pub(super) mod time;
pub(super) mod value;
