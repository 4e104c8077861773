//! What kaizen.toml says of an engine, which has workers perform runs.

#[cfg(feature = "engine")]
use crate::settings::config::duration;
use crate::settings::config::{Config, variable_of};
#[cfg(feature = "engine")]
use serde_json::Value;
#[cfg(feature = "engine")]
use std::time::Duration;

/// How long a worker may be silent, unless something else is set.
#[cfg(feature = "engine")]
const LEASE: Duration = Duration::from_secs(15);

impl Config {
    /// Returns the variable that holds the address of an engine, if one is named.
    pub(crate) fn engine(&self) -> Option<&str> {
        let (value, _) = self.values.get("engine.temporal")?;
        value.as_str().and_then(variable_of)
    }
}

#[cfg(feature = "engine")]
impl Config {
    /// Returns the queue of its runs, if one is named.
    pub(crate) fn queue(&self) -> Option<&str> {
        let (value, _) = self.values.get("engine.queue")?;
        value.as_str()
    }

    /// Returns the patterns of files that are sent with a script.
    pub(crate) fn sent_files(&self) -> Vec<String> {
        let value = self.values.get("engine.files").and_then(|(value, _)| value.as_array());
        value.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Returns how long a worker may be silent before others take its runs over.
    pub(crate) fn lease(&self) -> Duration {
        let value = self.values.get("engine.lease").and_then(|(value, _)| value.as_str());
        value.and_then(duration).unwrap_or(LEASE)
    }
}
