//! What a run was made of.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a run was made of besides the text of its script.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RunSources {
    /// The hashes of the files that it imports or compares, by their paths in the project.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The models that the configuration describes, by alias.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub models: Map<String, Value>,
}
