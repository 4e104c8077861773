//! Optimizers as scripts hold them, and what all their words share.

use crate::base::failure::{Failure, Kind};
use crate::optimizer::evidence::knowledge::KnowledgeError;
use crate::optimizer::{Optimizer, OptimizerError};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::options::Options;
use serde_json::Value;
use std::rc::Rc;

/// An optimizer as scripts hold it.
#[derive(Clone)]
pub(super) struct OptimizerHandle {
    pub(super) optimizer: Optimizer,
    /// The patterns that it recommends among; empty for all.
    pub(super) among: Vec<String>,
    /// Whether it forgets everything in the end.
    pub(super) is_memory: bool,
}

/// Makes an error of a script of one of an optimizer.
pub(super) fn raise(host: &Rc<Inner>, error: OptimizerError) -> EvalError {
    match error {
        OptimizerError::Knowledge(KnowledgeError::Store(store)) => host.raise(store.into()),
        OptimizerError::Knowledge(error) => throw_new(Kind::Store, error.to_string()),
        OptimizerError::File(error) => throw_new(Kind::File, error.to_string()),
        error => throw_new(Kind::Option, error.to_string()),
    }
}

/// Reads the patterns to choose from.
pub(super) fn read_among(options: &mut Options) -> Result<Vec<String>, Failure> {
    match options.value("among")? {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::String(name) => Ok(name),
                other => Err(options.wrong("among", &format!("must contain names, not `{other}`"))),
            })
            .collect(),
        Some(other) => Err(options.wrong("among", &format!("must be a list, not `{other}`"))),
    }
}
