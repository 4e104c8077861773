//! Tasks that run beside the script that started them (`api/task.rs` starts and ends them).

use crate::base::failure::Failure;
use crate::executor::turns::driver::TaskHandle;
use rhai::Dynamic;
use std::cell::{Cell, RefCell};

/// A task that runs while the script continues.
pub(crate) struct Background {
    pub(in crate::script) handle: RefCell<Option<TaskHandle>>,
    pub(in crate::script) result: RefCell<Option<Result<Dynamic, Failure>>>,
    pub(in crate::script) ended: tokio::sync::Notify,
    pub(in crate::script) waited: Cell<bool>,
}
