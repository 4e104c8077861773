//! Tasks that a script starts and goes on beside (`api/task.rs` starts and ends them).

use crate::base::failure::Failure;
use crate::executor::turns::driver::TaskHandle;
use rhai::Dynamic;
use std::cell::{Cell, RefCell};

/// A task that runs while the script goes on.
pub(crate) struct Background {
    pub(in crate::script) handle: RefCell<Option<TaskHandle>>,
    pub(in crate::script) result: RefCell<Option<Result<Dynamic, Failure>>>,
    pub(in crate::script) ended: tokio::sync::Notify,
    pub(in crate::script) waited: Cell<bool>,
}
