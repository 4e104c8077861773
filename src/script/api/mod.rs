//! What scripts see: one file per noun, each a thin translation to the domain.

mod branch;

use crate::executor::Executor;
use rhai::Engine;
use std::rc::Rc;

/// Registers every word of the script API.
pub(super) fn register(engine: &mut Engine, executor: &Rc<Executor>) {
    branch::register(engine, executor);
}
