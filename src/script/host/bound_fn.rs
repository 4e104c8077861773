//! Functions of scripts that are called later: from another task, or after their script was reloaded.
#![allow(
    deprecated,
    reason = "Rhai marks the stored context of a call so only because its interface may change"
)]

use crate::base::failure::{Failure, Kind};
use crate::script::diagnostic::fix::byte_at;
use crate::script::diagnostic::type_word::article;
use crate::script::host::closure_text::body_around;
use crate::script::host::context::Inner;
use crate::script::host::error::EvalError;
use crate::script::host::tasks::{Task, start};
use crate::script::host::{convert, home};
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, NativeCallContext, NativeCallContextStore};
use serde_json::Value;
use std::future::Future;
use std::rc::Rc;

/// A script function together with everything it needs in order to be called later, from another
/// task, or after the script has been reloaded.
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
                let example = match of {
                    "run" | "compare" => "`#{ direct: |input| branch().chat(input) }`".to_owned(),
                    _ => format!("`{of}(items.map(|item| || branch().communicate(item)))`"),
                };
                let found = article(name);
                let message =
                    format!("`{of}` takes functions, `|| ..`, not {found}; write {example}");
                Failure::new(Kind::Option, message)
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

    /// Returns how many of at most this many arguments it takes, or `most` if that is not known.
    pub(in crate::script) fn takes(&self, most: usize) -> usize {
        self.known_count(most).unwrap_or(most)
    }

    /// Returns how many of at most this many arguments it takes, if it is a function of its file.
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
        self.call(task, arguments).await.map_err(|raised| self.failure(&raised))
    }

    /// Makes a failure of what a call raised. Its lines are those of the file that bound the function.
    pub(in crate::script) fn failure(&self, raised: &EvalError) -> Failure {
        match &self.context.global.source {
            Some(file) => self.host.failure_in(raised, file),
            None => self.host.failure(raised),
        }
    }

    /// Makes plain data of what a call gave.
    pub(in crate::script) fn value(
        &self,
        result: Result<Dynamic, EvalError>,
    ) -> Result<Value, Failure> {
        let value = result.map_err(|raised| self.failure(&raised))?;
        convert::to_value(&value).map_err(|reason| {
            Failure::new(Kind::Script, format!("a function must return plain data: {reason}"))
        })
    }

    /// Returns how it was written: the body of a closure, or else its name.
    pub(in crate::script) fn text(&self) -> Option<String> {
        if !home::is_closure(&self.function) {
            return Some(home::name_of(&self.function));
        }

        let (file, place) = home::definition(&self.function, &self.context.global)?;
        let texts = self.host.texts.borrow();
        let text = texts.get(file.as_str())?;
        body_around(text, byte_at(text, place.line()?, place.position()?)?)
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

    /// Tells whether the error says that this very function does not take this many arguments.
    fn is_unknown(&self, error: &EvalAltResult) -> bool {
        let EvalAltResult::ErrorFunctionNotFound(signature, _) = error else { return false };
        signature.starts_with(&home::name_of(&self.function))
    }
}
