//! kaizen runs LLM workflows that are written in Rhai. It journals every call, measures every run, and
//! learns which pattern suits which task type.
//!
//! # A run in ten lines
//!
//! 1. [`cli`] reads the command line and `kaizen.toml`, and opens the project's [`store`].
//! 2. [`script::Host`] compiles the script and checks it. Nothing runs if a fault is found.
//! 3. The script runs on a fiber: a word that waits suspends it, and everything else goes on.
//! 4. `builder` and `session` make a [`flow`]: operations, and what they wait for.
//! 5. [`executor::Executor`] starts each operation when what it waits for has ended.
//! 6. A call reserves its worst case in the budget, is journaled, and asks a [`model`].
//! 7. The reply is in the [`journal`] before the script sees it.
//! 8. [`metrics`] are folds of the journal's events.
//! 9. [`optimizer`] records how each execution went, and recommends a pattern for the next one.
//! 10. A run that was interrupted is resumed: it gets what was journaled, in the same order.
//!
//! # Floors
//!
//! Each floor may import only those before it; `tests/tidy.rs` checks that.
//!
//! - [`base`] has ids, time, chance, money, secrets, kinds of failure.
//! - [`schema`] says what a value has to be, and reads replies by it.
//! - [`model`] asks a language model once.
//! - [`session`] has the conversations.
//! - [`mcp`] has the servers of other programs' tools.
//! - [`flow`] has graphs of operations.
//! - [`store`] has the SQLite file and its writer.
//! - [`journal`] has the events of a run.
//! - [`metrics`] has figures of a run.
//! - [`executor`] runs graphs, with calls, retries and budgets.
//! - [`optimizer`] learns and recommends.
//! - [`view`] has runs as people look at them.
//! - [`script`] has Rhai, and the words that scripts see.
//! - [`cli`] has commands and the terminal.
//!
//! docs/architecture.md says what always holds, and where to change what.

#[doc(hidden)]
pub mod base;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod embed;
#[doc(hidden)]
pub mod executor;
#[doc(hidden)]
pub mod flow;
#[doc(hidden)]
pub mod journal;
#[doc(hidden)]
pub mod mcp;
#[doc(hidden)]
pub mod metrics;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod optimizer;
#[doc(hidden)]
pub mod schema;
#[doc(hidden)]
pub mod script;
#[doc(hidden)]
pub mod session;
mod settings;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod view;

pub use embed::{
    Advice, Budget, Error, Event, Events, Function, Model, ModelSource, Outcome, Permissions, Reply, Request, Run,
    RunBuilder, Runtime, RuntimeBuilder,
};
