//! Runs as people look at them: the one source of the figures that the page, the report, `--json` and the
//! terminal show. Knows no terminal, no HTML, no HTTP, no clock and no disk.

pub mod detail;
pub mod difference;
pub mod filter;
pub mod graph;
pub mod line;
pub mod log;
pub mod otlp;
pub mod overview;
pub mod row;
pub mod skeleton;
pub mod span;
pub mod story;
pub mod table;
pub mod text;
