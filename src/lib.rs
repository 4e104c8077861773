//! kaizen runs LLM workflows written in Rhai, journals every call, measures every run, and learns
//! which way of working suits which kind of task.
//!
//! The floors, each of which may import only those before it:
//! `base < model < session < flow < store < journal < metrics < executor < optimizer < script < cli`.

pub mod base;
pub mod cli;
pub mod executor;
pub mod flow;
pub mod journal;
pub mod metrics;
pub mod model;
pub mod optimizer;
pub mod script;
pub mod session;
pub mod store;
