//! Trying patterns on inputs, and testing which is better.

pub mod accuracy;
mod bouts;
pub mod cases;
pub mod comparison;
pub mod executed;
pub mod execution;
mod expense;
pub mod findings;
mod losses;
pub mod sequential_test;
