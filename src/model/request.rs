//! What a model is asked.

use crate::model::extra::{self, Conflict};
use crate::model::message::Message;
use serde_json::{Map, Value};

/// The names of the settings of a call.
pub const SETTINGS: &[&str] = &[
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
    "stream",
    "timeout_ms",
    "header_timeout_ms",
    "idle_timeout_ms",
    "attempts_max",
    "on_length",
    "extra",
];

/// What a reply that reached `max_tokens` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLength {
    /// An error: who asked for a whole reply has not got it.
    #[default]
    Fail,
    /// A reply that is marked as cut.
    Accept,
}

/// Settings of a call. `None` means that nothing is sent, so the provider's own default applies.
/// The same words stand in kaizen.toml, in `imodel(#{..})` and in the options of a call.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling: the share of probability that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens that the reply may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Texts at which the model stops.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The provider's seed for sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether the reply is streamed, so that `idle_timeout_ms` watches it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Longest whole call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Longest wait for the reply's header, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_timeout_ms: Option<u64>,
    /// Longest silence within a stream, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
    /// Most tries of one call, the first included; 1 turns retries off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts_max: Option<u32>,
    /// What a reply that reached `max_tokens` is. A reply under a schema is an error all the same: half
    /// a value is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_length: Option<OnLength>,
    /// Further fields for the provider, sent as they are.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A number that may not be 0: some servers take it for "as many as you like".
    #[error("`{setting}` must be at least 1")]
    Zero {
        /// The setting.
        setting: &'static str,
    },
    /// A field of `extra` that the program writes itself, or that no budget could bound.
    #[error(transparent)]
    Extra(#[from] Conflict),
}

impl Settings {
    /// Says what a value has to be for a setting, for errors.
    pub fn wanted(setting: &str) -> &'static str {
        match setting {
            "max_tokens" | "attempts_max" => "a whole number from 1 up to 4294967295",
            "seed" | "timeout_ms" | "header_timeout_ms" | "idle_timeout_ms" => {
                "a whole number from 0 up"
            }
            "temperature" | "top_p" => "a number",
            "stop" => "a text or a list of texts",
            "stream" => "true or false",
            "on_length" => "\"accept\" or \"fail\"",
            "extra" => "a table of fields",
            _ => "a value of another kind",
        }
    }

    /// Finds a setting that cannot be.
    pub fn check(&self) -> Result<(), SettingError> {
        for (setting, number) in
            [("max_tokens", self.max_tokens), ("attempts_max", self.attempts_max)]
        {
            if number == Some(0) {
                return Err(SettingError::Zero { setting });
            }
        }

        Ok(extra::check(&self.extra, false)?)
    }

    /// Returns these settings with everything that `over` sets put in their place.
    #[must_use]
    pub fn with(&self, over: &Settings) -> Settings {
        let mut extra = self.extra.clone();
        extra.extend(over.extra.clone());

        Settings {
            temperature: over.temperature.or(self.temperature),
            top_p: over.top_p.or(self.top_p),
            max_tokens: over.max_tokens.or(self.max_tokens),
            stop: if over.stop.is_empty() { self.stop.clone() } else { over.stop.clone() },
            seed: over.seed.or(self.seed),
            stream: over.stream.or(self.stream),
            timeout_ms: over.timeout_ms.or(self.timeout_ms),
            header_timeout_ms: over.header_timeout_ms.or(self.header_timeout_ms),
            idle_timeout_ms: over.idle_timeout_ms.or(self.idle_timeout_ms),
            attempts_max: over.attempts_max.or(self.attempts_max),
            on_length: over.on_length.or(self.on_length),
            extra,
        }
    }
}

/// Who finds out whether a reply fits the schema of its request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SchemaCheck {
    /// The call itself: a reply that does not fit is an error.
    #[default]
    Call,
    /// The caller, who may ask for a better one.
    Caller,
}

/// One request: the conversation so far, the newest message last, and the settings.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Request {
    /// The conversation; a system message, if any, comes first.
    pub messages: Vec<Message>,
    /// The settings of this call, the model's own already merged in.
    pub settings: Settings,
    /// A JSON schema that the reply must follow, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Who finds out whether the reply fits it. It is no part of what is asked.
    #[serde(skip)]
    pub schema_check: SchemaCheck,
}

impl Request {
    /// Creates a request whose reply has to fit its schema, if there is one.
    pub fn new(messages: Vec<Message>, settings: Settings, schema: Option<Value>) -> Request {
        Request { messages, settings, schema, schema_check: SchemaCheck::Call }
    }

    /// Tells whether a reply that reached `max_tokens` counts as a reply. Half a value counts as none.
    pub fn accepts_cut(&self) -> bool {
        self.schema.is_none() && self.settings.on_length == Some(OnLength::Accept)
    }

    /// Finds a setting that cannot be, now that the model's own are merged in.
    pub fn check(&self) -> Result<(), SettingError> {
        self.settings.check()?;
        Ok(extra::check(&self.settings.extra, self.schema.is_some())?)
    }
}
