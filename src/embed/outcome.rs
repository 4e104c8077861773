//! How a run ended that succeeded.

use crate::base::unit::Money;
use crate::embed::error::Error;
use crate::metrics::Metrics;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// How a run ended that succeeded: its value, and what it used.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Answer {
///     team: String,
/// }
///
/// # async fn example(run: kaizen::Run) -> Result<(), kaizen::Error> {
/// let done = run.finish::<Answer>().await?;
/// println!("{} after {} calls", done.value.team, done.calls);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// The run, by which `kaizen show` finds it in the project's journal.
    pub run: String,
    /// The value of the script.
    pub value: T,
    /// Calls to models, including retries.
    pub calls: u64,
    /// Replies that were known already, so that no call was made.
    pub reused: u64,
    /// Tokens of all calls, input and output; unknown if a call did not say what it used.
    pub tokens: Option<u64>,
    /// The cost in dollars; unknown if the price of a call is unknown.
    pub cost: Option<f64>,
    /// How long it took.
    pub time: Duration,
}

impl Outcome<Value> {
    pub(super) fn new(run: String, value: Value, metrics: &Metrics, time: Duration) -> Self {
        Outcome {
            run,
            value,
            calls: metrics.calls,
            reused: metrics.reused,
            tokens: metrics.known_usage().map(|usage| usage.tokens()),
            cost: metrics.known_cost().map(Money::dollars),
            time,
        }
    }

    /// Reads the value as a type.
    pub(super) fn typed<T: DeserializeOwned>(self) -> Result<Outcome<T>, Error> {
        let Outcome { run, value, calls, reused, tokens, cost, time } = self;
        match serde_json::from_value(value) {
            Ok(value) => Ok(Outcome { run, value, calls, reused, tokens, cost, time }),
            Err(error) => Err(Error::Value { run, message: error.to_string() }),
        }
    }
}
