//! Parts of a script that run at once: the only bridge from scripts to waiting.

use crate::base::deadline::{Deadline, DeadlineGuard};
use crate::base::failure::{Failure, Kind};
use crate::base::strand::Strand;
use crate::script::host::error::{self, EvalError};
use crate::script::host::fiber::{self, Fiber};
use crate::session::scope::Scope;
use rhai::Dynamic;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// One part of a script that runs by itself.
#[derive(Debug, Clone, Default)]
pub(in crate::script) struct Task {
    /// The operation on whose behalf it runs, if it is not the script itself.
    pub(in crate::script) scope: Option<Rc<Scope>>,
    /// When its time is over.
    pub(in crate::script) deadline: Option<Rc<Deadline>>,
    /// How many calls by name it is inside of, each on a stack of its own.
    pub(in crate::script) depth: u32,
    /// Where it stands in the run.
    pub(in crate::script) strand: Rc<Strand>,
    /// How often a call may be tried at most, if it is a part of something that is tried again.
    pub(in crate::script) tries: Option<u32>,
}

thread_local! {
    /// The task that runs on this thread at this moment.
    static CURRENT: RefCell<Rc<Task>> = RefCell::default();
}

/// Returns the task that runs at this moment.
pub(in crate::script) fn current() -> Rc<Task> {
    CURRENT.with(|current| current.borrow().clone())
}

impl Task {
    /// Returns this task with another deadline.
    pub(in crate::script) fn within(&self, bounded: &DeadlineGuard) -> Task {
        Task { deadline: Some(bounded.deadline()), ..self.next() }
    }

    /// Returns when its time is over, on the monotonic clock.
    pub(in crate::script) fn ends_at(&self) -> Option<Duration> {
        self.deadline.as_ref().and_then(|deadline| deadline.at())
    }

    /// Returns the task of an operation that calls a script.
    pub(in crate::script) fn of(scope: Rc<Scope>) -> Task {
        let deadline = scope.deadline.clone();
        let strand = scope.strand.clone();
        let tries = scope.tries;
        Task { scope: Some(scope), deadline, depth: 0, strand, tries }
    }

    /// Returns a task that does a part of this one's work: the `item`th of a group.
    pub(in crate::script) fn child(&self, group: u32, item: usize) -> Task {
        self.on(self.strand.child(group, item))
    }

    /// Returns a task that does a part of this one's work, as one try of it: calls may be tried as often as
    /// is left.
    pub(in crate::script) fn trying(&self, group: u32, item: usize, left: u32) -> Task {
        let tries = self.tries.into_iter().chain([left]).min();
        Task { tries, ..self.child(group, item) }
    }

    /// Returns a task that does the next part of this one's work.
    pub(in crate::script) fn next(&self) -> Task {
        self.on(self.strand.next())
    }

    /// Returns this task on another strand of its work.
    pub(in crate::script) fn on(&self, strand: Rc<Strand>) -> Task {
        Task { strand, ..self.clone() }
    }
}

/// A future that is polled as the given task.
pub(in crate::script) struct InTask<F> {
    task: Rc<Task>,
    future: F,
}

impl<F: Future + Unpin> Future for InTask<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let outer = CURRENT.with(|current| current.replace(self.task.clone()));
        let _restore = RestoreTask(outer);
        Pin::new(&mut self.future).poll(cx)
    }
}

/// Puts the outer task back, also when the inner one panics.
struct RestoreTask(Rc<Task>);

impl Drop for RestoreTask {
    fn drop(&mut self) {
        CURRENT.with(|current| std::mem::take(&mut self.0).clone_into(&mut current.borrow_mut()));
    }
}

/// Runs a function on a fiber as the given task.
pub(in crate::script) fn start(
    task: Task,
    function: impl FnOnce() -> Result<Dynamic, EvalError> + 'static,
) -> impl Future<Output = Result<Dynamic, EvalError>> + 'static {
    let fiber = Fiber::new(function);
    async move {
        let fiber = fiber.map_err(|e| no_room(&e))?;
        InTask { task: Rc::new(task), future: fiber }.await
    }
}

/// Accepts that one more task starts.
pub(in crate::script) fn room() -> Result<(), EvalError> {
    fiber::room().map_err(|e| no_room(&e))
}

fn no_room(error: &std::io::Error) -> EvalError {
    let message = format!("cannot start another task: {error}");
    error::throw(&Failure::new(Kind::OutOfMemory, message))
}
