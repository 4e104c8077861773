//! What was observed, and where it is kept: everything that is learned follows from it.

pub mod audit;
pub mod earlier;
pub mod feature;
pub mod guide_file;
pub(in crate::optimizer) mod hindsight;
pub mod insights;
pub mod knowledge;
pub mod lesson;
pub mod observation;
pub mod pattern;
pub mod right_answer;
pub mod sums;
