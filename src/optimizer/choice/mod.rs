//! Choosing a pattern with what was learned, and saying why.

pub mod chooser;
pub mod formulas;
pub mod note;
pub mod recommendation;
