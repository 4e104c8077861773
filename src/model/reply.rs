//! What a model answers.

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended by itself or met a stop text.
    Stop,
    /// The limit on tokens cut the reply.
    Length,
}

/// Tokens of a call in buckets that never overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Tokens read at the full price.
    pub input_uncached: u64,
    /// Tokens written that the caller sees.
    pub output_visible: u64,
}

/// One reply, complete and checked.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Reply {
    /// The text.
    pub text: String,
    /// Why the model stopped.
    pub finish: Finish,
    /// Tokens used; `None` when the provider did not say.
    pub usage: Option<Usage>,
}
