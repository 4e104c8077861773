//! What a user says about a model.

use crate::model::registry::ModelError;
use serde_json::{Map, Value};

/// A model as it is described in kaizen.toml or in a script.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The label.
    pub name: String,
}

impl ModelSpec {
    /// Reads a description.
    pub fn from_map(map: &Map<String, Value>) -> Result<ModelSpec, ModelError> {
        let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
        Ok(ModelSpec { name: format!("{}/{}", text("provider"), text("model")) })
    }
}
