//! Finds models by name.

use crate::model::Model;
use crate::model::provider::demo::Demo;
use crate::model::request::Settings;
use crate::model::spec::ModelSpec;
use crate::model::transport::Transport;

/// Where the default model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nothing is set up.
    Demo,
}

/// A model that cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No such model.
    #[error("there is no model `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
}

/// The models of a project.
#[derive(Debug, Default)]
pub struct Models;

impl Models {
    /// Collects the models.
    pub fn new(
        _: std::collections::BTreeMap<String, ModelSpec>,
        _: Option<String>,
        _: impl Fn(&str) -> Option<String> + 'static,
    ) -> Models {
        Models
    }

    /// Finds a model.
    pub fn resolve(&self, name: &str) -> Result<Model, ModelError> {
        if !name.starts_with("demo/") {
            return Err(ModelError::Unknown { name: name.to_owned() });
        }
        let transport = Transport::Demo(Demo::default());
        Ok(Model { label: name.to_owned(), settings: Settings::default(), transport })
    }

    /// Makes a model of a description.
    pub fn resolve_spec(&self, spec: &ModelSpec) -> Result<Model, ModelError> {
        self.resolve(&spec.name)
    }

    /// Returns the default model.
    pub fn default_model(&self) -> Result<(Model, Origin), ModelError> {
        Ok((self.resolve("demo/echo")?, Origin::Demo))
    }
}
