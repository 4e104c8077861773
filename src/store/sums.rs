//! The sums of a pattern for one task type, and how an observation changes them. They grow by one observation at a
//! time, so that recording costs the same however much is known.

/// The kind of a failure of which only the share of the work that produced a result is known.
pub(super) const UNSAID: &str = "failed";
/// What is said of such a failure.
pub(super) const UNSAID_MESSAGE: &str = "less than half of the work produced a result";

/// Sums over the observations of one pattern for one task type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PatternSums {
    /// Observations.
    pub n: u64,
    /// Sum of the success rates.
    pub success_sum: f64,
    /// Observations with a time, their sum in seconds, and their sum of squares.
    pub time: Sums,
    /// The same for scores.
    pub score: Sums,
    /// Observations with a cost, and their sum in dollars.
    pub cost: Sums,
    /// Observations with tokens, and their sum.
    pub tokens: Sums,
    /// Observations that failed.
    pub failures: u64,
    /// When the last observation was made.
    pub last_at: i64,
    /// The last failure: its kind and message.
    pub last_error: Option<(String, String)>,
}

/// A count, a sum and a sum of squares.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    /// How many.
    pub n: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

/// What of an observation is added to the sums.
#[derive(Debug, Clone, Copy)]
pub struct SumsEntry<'a> {
    /// When it was recorded, in milliseconds since 1970.
    pub at: i64,
    /// Share of the work that produced a result.
    pub success_rate: f64,
    /// Seconds.
    pub time: Option<f64>,
    /// How good the result is.
    pub score: Option<f64>,
    /// Dollars.
    pub cost: Option<f64>,
    /// Tokens read and written.
    pub tokens: Option<u64>,
    /// Why it failed: the kind and the message.
    pub error: Option<&'a (String, String)>,
}

impl SumsEntry<'_> {
    /// Tells whether the execution counts as a failure: less than half of the work produced a result.
    pub fn is_failure(&self) -> bool {
        self.success_rate < 0.5
    }
}

impl Sums {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.n += 1;
            self.sum += value;
            self.squares += value * value;
        }
    }

    /// Puts another value in the place of one.
    fn amend(&mut self, before: Option<f64>, now: Option<f64>) {
        if let Some(before) = before {
            self.n = self.n.saturating_sub(1);
            self.sum -= before;
            self.squares -= before * before;
        }

        self.add(now);
        if self.n == 0 {
            *self = Sums::default();
        }
    }
}

impl PatternSums {
    /// Puts the verdict of a person in the place of a score.
    pub fn amend(&mut self, before: Option<f64>, now: Option<f64>) {
        self.score.amend(before, now);
    }

    /// Takes in an observation.
    #[allow(clippy::cast_precision_loss, reason = "tokens of a run stay far below 2^53")]
    pub fn take(&mut self, entry: &SumsEntry<'_>) {
        self.n += 1;
        self.success_sum += entry.success_rate;
        self.time.add(entry.time);
        self.score.add(entry.score);
        self.cost.add(entry.cost);
        self.tokens.add(entry.tokens.map(|tokens| tokens as f64));
        self.last_at = self.last_at.max(entry.at);

        if entry.is_failure() {
            self.failures += 1;
            let unsaid = || (UNSAID.to_owned(), UNSAID_MESSAGE.to_owned());
            self.last_error = Some(entry.error.cloned().unwrap_or_else(unsaid));
        }
    }
}
