//! Choosing a pattern with what was learned, and saying why.

pub mod chooser;
pub mod note;
pub mod policy;
pub mod recommendation;
