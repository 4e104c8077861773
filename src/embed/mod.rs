//! kaizen inside another program: the facade whose types stand at the crate's root. Knows no terminal, no
//! environment and no signals; scripts run on threads of its own.
//!
//! A `Runtime` sends orders to its threads (`desk.rs`), each of which performs the runs it was given
//! (`stage.rs`). The handles are `Send`; everything below them stays on its thread.

mod advice;
mod budget;
mod builder;
mod desk;
mod error;
mod event;
mod feed;
mod function;
mod model;
mod order;
mod outcome;
mod permissions;
mod resume;
mod run;
mod runtime;
mod setup;
mod stage;

pub use advice::Advice;
pub use budget::Budget;
pub use builder::RuntimeBuilder;
pub use error::Error;
pub use event::Event;
pub use function::Function;
pub use model::{Model, ModelSource, Reply, Request};
pub use order::RunBuilder;
pub use outcome::Outcome;
pub use permissions::Permissions;
pub use run::{Events, Run};
pub use runtime::Runtime;
