//! What the process returns to whoever started it.

pub(in crate::cli) use crate::base::exit::Exit;

use crate::base::failure::Failure;
use crate::base::unit::Money;
use crate::executor::Executor;
use std::process::ExitCode;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Says how a run ends that failed: by the budget if that refused a call, or else by the first failure of
/// an operation that had to complete.
pub(in crate::cli) fn exit_of_cause(executor: &Executor) -> Exit {
    if executor.budget().is_some_and(|budget| budget.is_spent()) {
        return Exit::Budget;
    }
    let exit = executor.first_failure().map_or(Exit::Failed, |failure| failure.exit());
    unless_spent(exit, executor)
}

/// Says how a run ends that this failure ended. What a script throws because a result is missing says
/// nothing of the cause.
pub(in crate::cli) fn exit_of_failure(failure: &Failure, executor: &Executor) -> Exit {
    match failure.exit() {
        Exit::Failed => exit_of_cause(executor),
        exit => unless_spent(exit, executor),
    }
}

/// Takes a run for failed that came to a model which it cannot use once it had spent something: where a run ends
/// as refused, nothing was spent.
pub(in crate::cli) fn unless_spent(exit: Exit, executor: &Executor) -> Exit {
    let has_spent = || executor.metrics().known_cost() != Some(Money::ZERO);

    match exit {
        Exit::Refused if has_spent() => Exit::Failed,
        exit => exit,
    }
}
