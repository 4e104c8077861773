//! Questions of branches, as every word that asks one puts them.

use crate::executor::question::{Asker, BranchQuestion};
use crate::script::host::context::Inner;
use crate::script::host::error::EvalError;
use crate::script::host::fiber::wait;
use crate::script::host::{convert, tasks};
use crate::session::branch::SharedBranch;
use rhai::Dynamic;
use std::rc::Rc;

/// Asks, and waits for the value.
pub(super) fn put(
    host: &Rc<Inner>,
    branch: &SharedBranch,
    name: &str,
    question: BranchQuestion<'_>,
) -> Result<Dynamic, EvalError> {
    let task = tasks::current();
    let executor = host.executor();
    let asker = Asker { strand: &task.strand, scope: task.scope.as_ref(), tries: task.tries };
    let value =
        wait(executor.ask(asker, name, branch, question)).map_err(|stop| host.raise(stop))?;

    Ok(convert::from_value(value))
}
