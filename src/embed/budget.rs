//! What a run may use up.

use crate::base::bounds::Bounds;
use crate::base::unit::Money;
use crate::embed::error::Error;
use std::time::Duration;

/// What a run may use up. A call is made only if its worst case fits.
///
/// ```
/// use kaizen::Budget;
/// use std::time::Duration;
///
/// let budget = Budget::max_cost(0.50).calls(20).time(Duration::from_secs(60));
/// let kaizen = kaizen::Runtime::builder().in_memory().budget(budget).build()?;
/// # Ok::<(), kaizen::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    cost: Option<f64>,
    tokens: Option<u64>,
    calls: Option<u64>,
    time: Option<Duration>,
}

impl Budget {
    /// Creates a budget without bounds.
    pub fn unlimited() -> Budget {
        Budget::default()
    }

    /// Creates a budget with a maximum cost in dollars.
    pub fn max_cost(dollars: f64) -> Budget {
        Budget { cost: Some(dollars), ..Budget::default() }
    }

    /// Sets the maximum number of tokens, input and output.
    #[must_use]
    pub fn tokens(self, most: u64) -> Budget {
        Budget { tokens: Some(most), ..self }
    }

    /// Sets the maximum number of model calls, including retries.
    #[must_use]
    pub fn calls(self, most: u64) -> Budget {
        Budget { calls: Some(most), ..self }
    }

    /// Sets the maximum duration of a run. A run that reaches it is cancelled.
    #[must_use]
    pub fn time(self, most: Duration) -> Budget {
        Budget { time: Some(most), ..self }
    }

    /// Returns the bounds, and the maximum duration.
    pub(super) fn read(self) -> Result<(Bounds, Option<Duration>), Error> {
        let cost = self.cost.map(|dollars| {
            let wrong = || {
                Error::setup(format!("the maximum cost must be {}, not `{dollars}`", Money::WANTED))
            };
            Money::from_dollars(dollars).ok_or_else(wrong)
        });

        if self.tokens == Some(0) || self.calls == Some(0) {
            return Err(Error::setup("a maximum of tokens or calls must be at least 1"));
        }
        let bounds = Bounds { cost: cost.transpose()?, tokens: self.tokens, calls: self.calls };
        Ok((bounds, self.time))
    }
}
