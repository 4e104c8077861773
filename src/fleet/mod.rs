//! Runs that any of several machines performs. Temporal decides which worker has a run, notices that one has died, and
//! keeps what a run waits for. The journal, files and what is printed are in the shared store.
//!
//! A run there is a workflow, which performs one stint after another. A stint is a process of its own that begins the
//! run or resumes it, as `kaizen run --resume --here` does.

pub mod address;
pub mod bundle;
pub mod order;
pub mod remote;
mod stint;
mod store_desk;
pub mod worker;
mod workflow;

pub use address::{EngineAddress, EngineAddressError};
pub use order::{ChildOrder, PersonAnswer, RunExit, RunOrder, StoreAddress};
