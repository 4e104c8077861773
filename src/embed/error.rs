//! What can go wrong, as the embedding program sees it.

use crate::base::failure::Failure;
use crate::optimizer::OptimizerError;
use crate::store::StoreError;

/// What went wrong. Decide by the variant and by `kind`, never by the words of a message.
///
/// ```
/// # async fn example(run: kaizen::Run) {
/// match run.finish::<String>().await {
///     Ok(done) => println!("{}", done.value),
///     Err(kaizen::Error::Failed { kind, .. }) if kind == "budget" => println!("too expensive"),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The runtime cannot be built as it is described.
    #[error("{message}")]
    Setup {
        /// What is wrong.
        message: String,
    },
    /// The script or its parameters are not sound. Nothing was run, and nothing was journaled.
    #[error("{}", problems.join("\n"))]
    Refused {
        /// Every fault that was found, with its place.
        problems: Vec<String>,
    },
    /// The run failed.
    #[error("{message}")]
    Failed {
        /// The run.
        run: String,
        /// The kind of the failure, as scripts know it: "budget", "rate_limited", "script", ..
        kind: String,
        /// What happened.
        message: String,
    },
    /// The run was cancelled, or reached the maximum duration of its budget.
    #[error("run {run} was cancelled")]
    Cancelled {
        /// The run.
        run: String,
    },
    /// The run is suspended: it waits for answers of people. [`RunBuilder::resume`](crate::RunBuilder::resume)
    /// continues it.
    #[error("run {run} waits for an answer: {}", questions.join("; "))]
    Waiting {
        /// The run.
        run: String,
        /// The questions, in their order.
        questions: Vec<String>,
    },
    /// The run succeeded, but its value does not have the expected type.
    #[error("the value of run {run} does not fit: {message}")]
    Value {
        /// The run.
        run: String,
        /// What does not fit.
        message: String,
    },
    /// The store cannot be read or written.
    #[error("{message}")]
    Store {
        /// What is wrong with it.
        message: String,
    },
    /// The runtime was closed, or a bug in kaizen ended the work.
    #[error("the runtime has stopped")]
    Closed,
}

impl Error {
    #[allow(clippy::needless_pass_by_value, reason = "`map_err` passes errors by value")]
    pub(super) fn setup(message: impl ToString) -> Error {
        Error::Setup { message: message.to_string() }
    }

    pub(super) fn failed(run: &str, failure: &Failure) -> Error {
        Error::Failed {
            run: run.to_owned(),
            kind: failure.kind.word().to_owned(),
            message: failure.message.clone(),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Store { message: error.to_string() }
    }
}

impl From<OptimizerError> for Error {
    fn from(error: OptimizerError) -> Error {
        match error {
            OptimizerError::Knowledge(error) => Error::Store { message: error.to_string() },
            other => Error::setup(other),
        }
    }
}
