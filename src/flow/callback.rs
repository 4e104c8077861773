//! A function of the caller's, such as a script closure, that the domain calls without knowing
//! what it is written in.

use crate::base::failure::Failure;
use crate::base::strand::Strand;
use crate::session::branch::LazyBranch;
use crate::session::scope::Scope;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::fmt;
use std::rc::Rc;

/// What the operations before another one gave it.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Results by name.
    pub results: Map<String, Value>,
    /// The names of all operations it depends on, those that gave nothing included.
    pub sources: Vec<String>,
}

/// What a callback is called with.
#[derive(Debug, Clone)]
pub enum CallbackInput {
    /// The work of a script operation.
    Operation {
        /// The operation that calls.
        scope: Rc<Scope>,
        /// What it depends on.
        inputs: Inputs,
        /// The operation's branch.
        branch: LazyBranch,
    },
    /// What an operation depends on, to be judged before it starts.
    Inputs(Inputs, Rc<Strand>),
    /// One result, to be judged by the condition of an edge.
    Result(Value, Rc<Strand>),
    /// The answer of an operation, to be judged by it.
    Answer(Value, Rc<Scope>),
    /// One item of a list, and its place from 0, to be made into an operation.
    Item(Value, usize, Rc<Strand>),
}

/// A function of the caller's that gives a `T`.
pub struct Callback<T = Value> {
    function: Rc<Function<T>>,
    /// Tells how the caller wrote it.
    text: Option<Rc<TextSource>>,
}

/// Finds how a function was written, as far as that is known.
type TextSource = dyn Fn() -> Option<String>;

type Function<T> = dyn Fn(CallbackInput) -> LocalBoxFuture<'static, Result<T, Failure>>;

impl<T> Callback<T> {
    /// Wraps a function.
    pub fn new(
        function: impl Fn(CallbackInput) -> LocalBoxFuture<'static, Result<T, Failure>> + 'static,
    ) -> Callback<T> {
        Callback { function: Rc::new(function), text: None }
    }

    /// Notes how to find out how the caller wrote it; few ever ask.
    #[must_use]
    pub fn written(self, text: impl Fn() -> Option<String> + 'static) -> Callback<T> {
        Callback { text: Some(Rc::new(text)), ..self }
    }

    /// Returns how the caller wrote it, as far as that is known.
    pub fn text(&self) -> Option<String> {
        self.text.as_ref().and_then(|text| text())
    }

    /// Calls it.
    pub fn call(&self, input: CallbackInput) -> LocalBoxFuture<'static, Result<T, Failure>> {
        (self.function)(input)
    }
}

impl<T> Clone for Callback<T> {
    fn clone(&self) -> Callback<T> {
        Callback { function: self.function.clone(), text: self.text.clone() }
    }
}

impl<T> fmt::Debug for Callback<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}
