//! What kind of value a key of kaizen.toml takes: in words, as a check, and as a part of a JSON schema.

use crate::base::unit::Money;
use crate::model::provider::page::host_of;
use crate::settings::config::{duration, size, variable_of};
use crate::settings::otel::header;
use crate::store::durability::Durability;
use serde_json::{Value, json};

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingKind {
    /// Any text.
    Text,
    /// True or false.
    Flag,
    /// A whole number from 1 up.
    Count,
    /// A whole number of milliseconds.
    Millis,
    /// An amount in dollars.
    Dollars,
    /// A time that a run may take.
    RunTime,
    /// A time for which something is kept.
    Age,
    /// A size in bytes.
    Size,
    /// The fewest characters of a secret.
    SecretLength,
    /// What a commit promises.
    Durability,
    /// A list of names of variables.
    Variables,
    /// A list of paths.
    Paths,
    /// A list of what is granted or denied.
    Rules,
    /// The address of a server.
    Address,
    /// A list of headers, each with the variable that holds its value.
    Headers,
    /// A variable that holds the value.
    Reference,
}

impl SettingKind {
    /// Returns what a value must be.
    pub(crate) fn wanted(self) -> &'static str {
        match self {
            SettingKind::Text => "text",
            SettingKind::Flag => "true or false",
            SettingKind::Count => "a whole number of at least 1",
            SettingKind::Millis => "a time in milliseconds",
            SettingKind::Dollars => Money::WANTED,
            SettingKind::RunTime => "a time such as \"90s\", \"10m\" or \"2h\"",
            SettingKind::Age => "a time such as \"30d\" or \"12h\"",
            SettingKind::Size => "a size such as \"500MB\" or \"2GB\"",
            SettingKind::SecretLength => "a whole number from 4 up to 64",
            SettingKind::Durability => "\"process\" or \"power\"",
            SettingKind::Variables => "a list of variable names, which may contain `*`",
            SettingKind::Paths => "a list of paths",
            SettingKind::Rules => "a list of texts",
            SettingKind::Address => "an address such as \"http://127.0.0.1:4318\"",
            SettingKind::Headers => "a list of headers such as \"x-api-key=env:NAME\"",
            SettingKind::Reference => "a variable such as \"env:KAIZEN_STORE\"",
        }
    }

    /// Tells whether a value is one of this kind.
    pub(crate) fn fits(self, value: &Value) -> bool {
        let texts = || value.as_array().is_some_and(|all| all.iter().all(Value::is_string));

        match self {
            SettingKind::Text => value.is_string(),
            SettingKind::Reference => value.as_str().and_then(variable_of).is_some(),
            SettingKind::Flag => value.is_boolean(),
            SettingKind::Count => value.as_u64().is_some_and(|number| number > 0),
            SettingKind::Millis => value.as_u64().is_some(),
            SettingKind::Dollars => value.as_f64().and_then(Money::from_dollars).is_some(),
            SettingKind::RunTime | SettingKind::Age => value.as_str().and_then(duration).is_some(),
            SettingKind::Size => value.as_str().and_then(size).is_some(),
            SettingKind::SecretLength => {
                value.as_u64().is_some_and(|length| (4..=64).contains(&length))
            }
            SettingKind::Durability => value.as_str().and_then(Durability::from_word).is_some(),
            SettingKind::Variables | SettingKind::Paths | SettingKind::Rules => texts(),
            SettingKind::Address => value.as_str().is_some_and(|url| host_of(url).is_some()),
            SettingKind::Headers => {
                let is_header = |text: &Value| text.as_str().and_then(header).is_some();
                value.as_array().is_some_and(|all| all.iter().all(is_header))
            }
        }
    }

    /// Returns the part of a JSON schema that says the same.
    pub(super) fn schema(self) -> Value {
        match self {
            SettingKind::Text => json!({ "type": "string" }),
            SettingKind::Address => json!({ "type": "string", "pattern": "^https?://" }),
            SettingKind::Headers => json!({
                "type": "array",
                "items": { "type": "string", "pattern": "^[A-Za-z0-9-]+ *= *env:[A-Za-z0-9_]+$" },
            }),
            SettingKind::Reference => {
                json!({ "type": "string", "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$" })
            }
            SettingKind::Flag => json!({ "type": "boolean" }),
            SettingKind::Count => json!({ "type": "integer", "minimum": 1 }),
            SettingKind::Millis => json!({ "type": "integer", "minimum": 0 }),
            SettingKind::Dollars => json!({ "type": "number", "minimum": 0 }),
            SettingKind::SecretLength => json!({ "type": "integer", "minimum": 4, "maximum": 64 }),

            SettingKind::RunTime | SettingKind::Age => {
                json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
            }
            SettingKind::Size => {
                json!({ "type": "string", "pattern": "^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)?$" })
            }
            SettingKind::Durability => {
                json!({ "type": "string", "enum": Durability::WORDS.map(|(word, _)| word) })
            }
            SettingKind::Variables | SettingKind::Paths | SettingKind::Rules => {
                json!({ "type": "array", "items": { "type": "string" } })
            }
        }
    }
}
