//! What a model answers.

use crate::base::unit::Money;
use crate::model::error::CallError;

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended by itself or met a stop text.
    Stop,
    /// The limit on tokens cut the reply.
    Length,
    /// A content filter or a refusal; the provider's word.
    Refused(String),
}

/// Tokens of a call in buckets that never overlap: their sum is all that was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens read at the full price.
    pub input_uncached: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    pub cache_write: u64,
    /// Tokens written that the caller sees.
    pub output_visible: u64,
    /// Tokens written while thinking, which the caller does not see.
    pub reasoning: u64,
}

impl Usage {
    /// Returns all tokens read.
    pub fn input(&self) -> u64 {
        self.input_uncached.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// Returns all tokens written.
    pub fn output(&self) -> u64 {
        self.output_visible.saturating_add(self.reasoning)
    }

    /// Returns all tokens.
    pub fn tokens(&self) -> u64 {
        self.input().saturating_add(self.output())
    }
}

impl std::ops::AddAssign for Usage {
    /// Saturates: a provider's figures may be anything, and a sum that wraps would be near nothing.
    fn add_assign(&mut self, other: Usage) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.input_uncached, other.input_uncached);
        add(&mut self.cache_read, other.cache_read);
        add(&mut self.cache_write, other.cache_write);
        add(&mut self.output_visible, other.output_visible);
        add(&mut self.reasoning, other.reasoning);
    }
}

/// What came back over the wire, whole but not yet judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The text.
    pub text: String,
    /// Why the model stopped; `None` when the reply ended without saying, which is a cut reply.
    pub finish: Option<Finish>,
    /// Tokens used; `None` when the provider did not say.
    pub usage: Option<Usage>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
}

/// One finished call: what it used, whether or not it gave a usable reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// Tokens used; `None` when unknown.
    pub usage: Option<Usage>,
    /// What it cost; `None` when the price or the usage is unknown.
    pub cost: Option<Money>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
    /// The text, or why there is none.
    pub result: Result<String, CallError>,
}

impl Called {
    /// Creates a call that ended by a fault of this program.
    pub fn broken(message: String) -> Called {
        let result = Err(CallError::Setup { message });
        Called { usage: None, cost: None, served_by: None, result }
    }
}
