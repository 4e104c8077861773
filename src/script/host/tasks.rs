//! Parts of a script that run at once: the only bridge from scripts to waiting.
#![allow(
    deprecated,
    reason = "Rhai marks the stored context of a call so only because its interface may change"
)]

use crate::base::deadline::{Deadline, DeadlineGuard};
use crate::base::failure::{Failure, Kind};
use crate::base::strand::Strand;
use crate::script::Inner;
use crate::script::host::error::EvalError;
use crate::script::host::fiber::Fiber;
use crate::script::host::{convert, error, fiber, home};
use crate::session::scope::Scope;
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, NativeCallContext, NativeCallContextStore};
use serde_json::Value;
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
        Task { scope: Some(scope), deadline, depth: 0, strand }
    }

    /// Returns a task that does a part of this one's work: the `item`th of a group.
    pub(in crate::script) fn child(&self, group: u32, item: usize) -> Task {
        self.on(self.strand.child(group, item))
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

/// The places where functions were handed over. A loop hands over many functions at one place.
#[derive(Default)]
pub(in crate::script) struct HandoverPlaces(RefCell<Option<Rc<NativeCallContextStore>>>);

impl HandoverPlaces {
    /// Returns what a function sees that is handed over by this call.
    fn keep(&self, context: &NativeCallContext) -> Rc<NativeCallContextStore> {
        let mut last = self.0.borrow_mut();
        if let Some(last) = &*last
            && is_same_place(last, context)
        {
            return last.clone();
        }

        last.insert(Rc::new(context.store_data())).clone()
    }
}

/// Tells whether a call is made at a place, and sees there what was seen then.
fn is_same_place(known: &NativeCallContextStore, context: &NativeCallContext) -> bool {
    let then = &known.global;
    let now = context.global_runtime_state();
    let imports = || then.scan_imports_raw().zip(now.scan_imports_raw());
    let has_same_constants = match (&then.constants, &now.constants) {
        (Some(then), Some(now)) => Rc::ptr_eq(then, now),
        (None, None) => true,
        _ => false,
    };

    known.pos == context.call_position()
        && known.fn_name == context.fn_name()
        && known.source.as_deref() == context.fn_source()
        && then.source == now.source
        && (then.level, then.scope_level) == (now.level, now.scope_level)
        && then.always_search_scope == now.always_search_scope
        && then.lib.len() == now.lib.len()
        && then.lib.iter().zip(&now.lib).all(|(then, now)| Rc::ptr_eq(then, now))
        && then.scan_imports_raw().count() == now.scan_imports_raw().count()
        && imports().all(|(then, now)| then.0 == now.0 && Rc::ptr_eq(then.1, now.1))
        && has_same_constants
}

/// A script function together with everything it needs in order to be called later, from another
/// task, or after the script has been read anew.
#[derive(Clone)]
pub(in crate::script) struct BoundFn {
    host: Rc<Inner>,
    function: FnPtr,
    context: Rc<NativeCallContextStore>,
}

impl BoundFn {
    /// Binds a function that was handed to a native one.
    pub(in crate::script) fn new(
        host: &Rc<Inner>,
        context: &NativeCallContext,
        function: FnPtr,
    ) -> BoundFn {
        BoundFn::within(host, &host.places.keep(context), function)
    }

    /// Binds the functions of a list; `of` takes such a list.
    pub(in crate::script) fn all(
        host: &Rc<Inner>,
        context: &NativeCallContext,
        of: &str,
        list: Array,
    ) -> Result<Vec<BoundFn>, Failure> {
        let store = Rc::new(context.store_data());
        let mut bound = Vec::with_capacity(list.len());
        for value in list {
            let name = convert::type_name(&value);
            let wrong = || {
                Failure::new(Kind::Option, format!("`{of}` takes functions, `|| ..`, not a {name}"))
            };

            let function = value.try_cast::<FnPtr>().ok_or_else(wrong)?;
            bound.push(BoundFn::within(host, &store, function));
        }

        Ok(bound)
    }

    /// Binds one of several functions of the same call. What it has captured stays shared, so that
    /// it can be set here and there.
    fn within(host: &Rc<Inner>, context: &Rc<NativeCallContextStore>, function: FnPtr) -> BoundFn {
        BoundFn { host: host.clone(), function, context: context.clone() }
    }

    /// Calls it as a task of its own, with as many of the arguments as it takes.
    pub(in crate::script) fn call(
        &self,
        task: Task,
        arguments: Vec<Dynamic>,
    ) -> impl Future<Output = Result<Dynamic, EvalError>> + 'static {
        let bound = self.clone();
        start(task, move || {
            let engine = bound.host.engine()?;
            let context = bound.context.create_context(&engine);
            let mut arguments = arguments;
            if let Some(count) = bound.known_count(arguments.len()) {
                arguments.truncate(count);
                return bound.function.call_raw(&context, None, arguments);
            }

            let mut count = arguments.len();
            loop {
                let result = bound.function.call_raw(&context, None, arguments[..count].to_vec());
                match result {
                    Err(error) if count > 0 && bound.is_unknown(&error) => count -= 1,
                    result => return result,
                }
            }
        })
    }

    /// Returns how many of at most so many arguments it takes, or `most` if that is not known.
    pub(in crate::script) fn takes(&self, most: usize) -> usize {
        self.known_count(most).unwrap_or(most)
    }

    /// Returns how many of at most so many arguments it takes, if it is a function of its file.
    fn known_count(&self, most: usize) -> Option<usize> {
        if home::is_resident(&self.function) {
            return None;
        }

        let given = self.function.curry().len();
        let name = self.function.fn_name();
        let lib = &self.context.global.lib;
        (0..=most)
            .rev()
            .find(|count| lib.iter().any(|file| file.get_script_fn(name, given + count).is_some()))
    }

    /// Calls it, and makes a failure of an error.
    pub(in crate::script) async fn result(
        &self,
        task: Task,
        arguments: Vec<Dynamic>,
    ) -> Result<Dynamic, Failure> {
        self.call(task, arguments).await.map_err(|raised| self.host.failure(&raised))
    }

    /// Makes plain data of what a call gave.
    pub(in crate::script) fn value(
        &self,
        result: Result<Dynamic, EvalError>,
    ) -> Result<Value, Failure> {
        let value = result.map_err(|raised| self.host.failure(&raised))?;
        convert::to_value(&value).map_err(|reason| {
            Failure::new(Kind::Script, format!("a function must return plain data: {reason}"))
        })
    }

    /// Does something in the place where the function was bound.
    pub(in crate::script) fn with_context<T>(
        &self,
        then: impl FnOnce(&NativeCallContext) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let engine = self.host.engine().map_err(|raised| self.host.failure(&raised))?;
        let context = self.context.create_context(&engine);
        then(&context)
    }

    /// Tells whether the error says that this very function does not take so many arguments.
    fn is_unknown(&self, error: &EvalAltResult) -> bool {
        let EvalAltResult::ErrorFunctionNotFound(signature, _) = error else { return false };
        signature.starts_with(&home::name_of(&self.function))
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
    error::throw(&Failure::new(Kind::Memory, message))
}
