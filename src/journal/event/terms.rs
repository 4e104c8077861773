//! What a run was given besides its parameters.

use super::RunSources;
use crate::journal::lineage::Lineage;

/// What a run was given besides its parameters and its seed. A run that resumes it keeps all of it that
/// it is not given itself.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Terms {
    /// The hash of the script's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The default model, if it is not the project's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Most money, in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    /// Most tokens, read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Most calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u64>,
    /// Most calls at once, or 0 without a bound; programs before 0.2 did not note it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<usize>,
    /// Whether it asks again what the run had asked that it begins like.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fork: bool,
    /// The operation at which a fork goes its own way; programs before 0.2 did not note it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fork_at: Option<String>,
    /// The work that the run belongs to; programs before 0.2 did not note it.
    #[serde(skip_serializing_if = "Lineage::is_none")]
    pub lineage: Lineage,
    /// What it was made of; programs before 0.2 did not note it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<RunSources>,
    /// The stint that it is, if an engine has it performed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stint: Option<StintTerms>,
}

/// Which stint of which run on an engine a run is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StintTerms {
    /// The name of the run on the engine.
    pub name: String,
    /// The name of the stint. All tries of it have the same.
    pub key: String,
}

impl Terms {
    /// Returns the hash of a script's text.
    pub fn text_hash(text: &str) -> String {
        blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
    }

    pub(super) fn are_none(&self) -> bool {
        *self == Terms::default()
    }
}
