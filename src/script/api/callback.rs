//! Functions of scripts as what operations do, and as conditions.

use crate::base::failure::{Failure, Kind};
use crate::flow::callback::{Callback, CallbackInput, Inputs};
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::tasks::Task;
use crate::script::host::{convert, tasks};
use rhai::{Dynamic, FnPtr, NativeCallContext};
use std::rc::Rc;

/// Makes a script function the work of an operation.
pub(super) fn work(function: BoundFn) -> Callback {
    Callback::new(move |input| {
        let function = function.clone();
        Box::pin(async move {
            let CallbackInput::Operation { scope, inputs, branch } = input else {
                return Err(Failure::new(
                    Kind::Script,
                    "an operation was called as something else",
                ));
            };

            let arguments = match function.takes(2) {
                0 => Vec::new(),
                1 => vec![given(inputs)],
                _ => vec![given(inputs), Dynamic::from(branch.get().clone())],
            };
            let result = function.call(Task::of(scope), arguments).await;
            function.value(result)
        })
    })
}

/// Makes a map for scripts of what an operation depends on.
fn given(inputs: Inputs) -> Dynamic {
    KnownMap::of_inputs(inputs.sources, convert::from_fields(inputs.results))
}

/// Makes a script function a condition: it gets a result, or the inputs.
pub(super) fn condition(function: BoundFn) -> Callback {
    let task = tasks::current();
    let written = function.clone();
    let callback = Callback::new(move |input| {
        let function = function.clone();
        let task = (*task).clone();

        Box::pin(async move {
            let (argument, strand) = match input {
                CallbackInput::Result(value, strand) | CallbackInput::Item(value, _, strand) => {
                    (convert::from_value(value), strand)
                }
                CallbackInput::Inputs(inputs, strand) => (given(inputs), strand),
                CallbackInput::Answer(value, scope) => {
                    // Calls that it makes are attempts of the operation that it judges.
                    let result = function.call(Task::of(scope), vec![convert::from_value(value)]);
                    return function.value(result.await);
                }
                CallbackInput::Operation { inputs, scope, .. } => {
                    (given(inputs), scope.strand.next())
                }
            };

            let result = function.call(task.on(strand), vec![argument]).await;
            function.value(result)
        })
    });

    callback.written(move || written.text())
}

/// Reads an option that is a function, as a condition.
pub(super) fn read_function(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    options: &mut Options,
    key: &str,
) -> Result<Option<Callback>, Failure> {
    let Some(value) = options.take(key) else { return Ok(None) };
    let found = convert::type_name(&value);
    let wrong = || options.wrong(key, &format!("must be a function, `|x| ..`, not a {found}"));
    let function = value.try_cast::<FnPtr>().ok_or_else(wrong)?;
    Ok(Some(condition(BoundFn::new(host, context, function))))
}
