//! What a model is asked.

use crate::model::extra::{self, Conflict};
use crate::model::message::Message;
use crate::model::reply::rough_tokens;
use crate::model::tool::{ToolChoice, ToolSpec};
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
    /// A number that no provider takes.
    #[error("`{setting}` must be {wanted}")]
    OutOfBounds {
        /// The setting.
        setting: &'static str,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A tool that the model has to call and is not offered.
    #[error("`tool_choice` names the tool `{name}`, which is not among `tools`")]
    NoSuchTool {
        /// The tool.
        name: String,
    },
    /// A call of a tool without a result, or a result without a call.
    #[error(
        "message {number} of the conversation calls tools, but the message after it does not have one \
         result for each call, in the same order"
    )]
    Unpaired {
        /// The message, from 1.
        number: usize,
    },
    /// A result of a tool that nobody has called.
    #[error(
        "message {number} of the conversation has tool results, but the message before it has no calls"
    )]
    Uncalled {
        /// The message, from 1.
        number: usize,
    },
    /// A picture of which only the hash is known.
    #[error(
        "message {number} of the conversation has a picture whose content was not stored; pass \
         the picture again"
    )]
    LostImage {
        /// The message, from 1.
        number: usize,
    },
    /// A field of `extra` that the program writes itself, or that no budget could bound.
    #[error(transparent)]
    Extra(#[from] Conflict),
}

/// The numbers that a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingBounds {
    /// The least of them.
    pub least: i32,
    /// The greatest, if there is one.
    pub most: Option<i32>,
}

impl SettingBounds {
    /// Tells whether a number lies within them.
    pub fn hold(self, number: f64) -> bool {
        number >= f64::from(self.least) && self.most.is_none_or(|most| number <= f64::from(most))
    }
}

impl Settings {
    /// Says what a value has to be for a setting, for errors.
    pub fn wanted(setting: &str) -> &'static str {
        match setting {
            "max_tokens" | "attempts_max" => "a whole number from 1 up to 4294967295",
            "seed" | "timeout_ms" | "header_timeout_ms" | "idle_timeout_ms" => {
                "a whole number from 0 up"
            }
            "temperature" => "a number of at least 0",
            "top_p" => "a number from 0 to 1",
            "stop" => "a text or a list of texts",
            "stream" => "true or false",
            "on_length" => "\"accept\" or \"fail\"",
            "extra" => "a table of fields",
            _ => "a value of another kind",
        }
    }

    /// Returns the numbers that a setting may be, where that is known.
    pub fn bounds(setting: &str) -> Option<SettingBounds> {
        match setting {
            "temperature" => Some(SettingBounds { least: 0, most: None }),
            "top_p" => Some(SettingBounds { least: 0, most: Some(1) }),
            _ => None,
        }
    }

    /// Finds a setting that cannot be.
    pub fn check(&self) -> Result<(), SettingError> {
        for (setting, number) in [("temperature", self.temperature), ("top_p", self.top_p)] {
            let is_within =
                |number| Settings::bounds(setting).is_none_or(|bounds| bounds.hold(number));
            if number.is_some_and(|number| !is_within(number)) {
                return Err(SettingError::OutOfBounds {
                    setting,
                    wanted: Settings::wanted(setting),
                });
            }
        }

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
    /// The tools that the model is offered, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tools: Vec<ToolSpec>,
    /// Whether it has to call one of them. Without tools it means nothing.
    #[serde(skip_serializing_if = "ToolChoice::is_auto", default)]
    pub choice: ToolChoice,
    /// Who finds out whether the reply fits it. It is no part of what is asked.
    #[serde(skip)]
    pub schema_check: SchemaCheck,
}

impl Request {
    /// Estimates the tokens that it has a model read.
    pub fn rough_tokens(&self) -> u64 {
        let messages = self.messages.iter().map(|message| rough_tokens(message.size()));
        messages.chain(self.tools.iter().map(|tool| rough_tokens(tool.size()))).sum()
    }

    /// Creates a request whose reply has to fit its schema, if there is one.
    pub fn new(messages: Vec<Message>, settings: Settings, schema: Option<Value>) -> Request {
        Request {
            messages,
            settings,
            schema,
            tools: Vec::new(),
            choice: ToolChoice::Auto,
            schema_check: SchemaCheck::Call,
        }
    }

    /// Offers tools to the model.
    #[must_use]
    pub fn offering(self, tools: Vec<ToolSpec>, choice: ToolChoice) -> Request {
        Request { tools, choice, ..self }
    }

    /// Returns the tools that are sent, and whether one of them has to be called. Where it has to be one of
    /// a name, that one alone is sent: not every server knows how to demand a name.
    pub fn offered(&self) -> (Vec<&ToolSpec>, &ToolChoice) {
        match &self.choice {
            ToolChoice::Name(name) => {
                let named = self.tools.iter().filter(|tool| tool.name == *name);
                (named.collect(), &ToolChoice::Required)
            }
            choice @ (ToolChoice::Auto | ToolChoice::Required | ToolChoice::None) => {
                (self.tools.iter().collect(), choice)
            }
        }
    }

    /// Tells whether a reply that reached `max_tokens` counts as a reply. Half a value counts as none.
    pub fn accepts_cut(&self) -> bool {
        self.schema.is_none() && self.settings.on_length == Some(OnLength::Accept)
    }

    /// Finds a setting that cannot be, now that the model's own are merged in.
    pub fn check(&self) -> Result<(), SettingError> {
        self.settings.check()?;
        extra::check(&self.settings.extra, self.schema.is_some())?;

        if let ToolChoice::Name(name) = &self.choice
            && !self.tools.iter().any(|tool| tool.name == *name)
        {
            return Err(SettingError::NoSuchTool { name: name.clone() });
        }
        let is_lost = |message: &Message| message.images.iter().any(|image| !image.is_whole());
        if let Some(index) = self.messages.iter().position(is_lost) {
            return Err(SettingError::LostImage { number: index + 1 });
        }
        self.check_pairs()
    }

    /// Finds a call without its result: every server refuses the conversation for it.
    fn check_pairs(&self) -> Result<(), SettingError> {
        let mut open: Vec<&str> = Vec::new();

        for (index, message) in self.messages.iter().enumerate() {
            let results: Vec<&str> = message.results.iter().map(|one| one.id.as_str()).collect();
            if open.is_empty() && !results.is_empty() {
                return Err(SettingError::Uncalled { number: index + 1 });
            }
            if results != open {
                return Err(SettingError::Unpaired { number: index });
            }

            open = message.calls.iter().map(|call| call.id.as_str()).collect();
        }

        if open.is_empty() {
            Ok(())
        } else {
            Err(SettingError::Unpaired { number: self.messages.len() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message::Role;
    use crate::model::reply::ReplyContent;
    use crate::model::tool::{ToolCall, ToolResult};
    use serde_json::json;

    fn calls(ids: &[&str]) -> Message {
        let calls = ids.iter().map(|id| ToolCall::new(*id, "add", json!({}))).collect();
        Message::of_reply(ReplyContent { calls, ..ReplyContent::default() })
    }

    fn results(ids: &[&str]) -> Message {
        let result = |id: &&str| ToolResult::new(&ToolCall::new(*id, "add", json!({})), "1", false);
        Message::of_results(ids.iter().map(result).collect())
    }

    #[test]
    fn a_conversation_has_every_call_with_its_result() {
        let check = |messages: &[Message], expected: Result<(), SettingError>| {
            let request = Request::new(messages.to_vec(), Settings::default(), None);
            assert_eq!(request.check(), expected);
        };
        let user = || Message::new(Role::User, "a");
        let unpaired = |number| Err(SettingError::Unpaired { number });

        check(&[user(), calls(&["x", "y"]), results(&["x", "y"]), user()], Ok(()));
        check(&[user(), calls(&["x"]), results(&["x"]), calls(&["z"]), results(&["z"])], Ok(()));
        check(&[user(), calls(&["x", "y"]), results(&["x"])], unpaired(2));
        check(&[user(), calls(&["x", "y"]), results(&["y", "x"])], unpaired(2));
        check(&[user(), calls(&["x"]), user()], unpaired(2));
        check(&[user(), calls(&["x"])], unpaired(2));
        check(&[user(), results(&["x"])], Err(SettingError::Uncalled { number: 2 }));
    }

    #[test]
    fn a_name_that_is_not_offered_cannot_be_demanded() {
        let request = Request::new(Vec::new(), Settings::default(), None);
        let request = request.offering(Vec::new(), ToolChoice::Name("add".to_owned()));
        let error = request.check().expect_err("no such tool").to_string();
        assert_eq!(error, "`tool_choice` names the tool `add`, which is not among `tools`");
    }
}
