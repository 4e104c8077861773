//! The trailing map of options: typed keys, and an error with a suggestion for an unknown one.

use crate::base::failure::{Failure, Kind};
use crate::mcp::spec;
use crate::model::request::SETTINGS;
use crate::model::spec::keys;
use crate::schema;
use crate::script::diagnostic::suggestion::{UnknownOption, unknown_option};
use crate::script::host::convert;
use crate::script::host::wanted::{WantedValue, wanted};
use rhai::{Dynamic, Map};
use serde_json::Value;
use std::time::Duration;

/// The options of an operation, beside the settings of its call.
const OPERATION: &[&str] = &[
    "name",
    "branch",
    "instruction",
    "images",
    "context",
    "schema",
    "depends_on",
    "inherit_context",
    "gate",
    "when",
    "on_failure",
    "retries",
    "timeout_ms",
    "check",
    "max_repairs",
    "keep",
    "text",
];

/// The options of a question whose model may call tools.
pub(in crate::script) const OF_TOOLS: &[&str] = &[
    "tools",
    "max_steps",
    "max_tool_calls",
    "tool_choice",
    "protocol",
    "context_max",
    "trace",
    "budget",
];

/// The options of an operation that calls a tool by itself.
pub(in crate::script) const OF_ACT: &[&str] = &["tool", "args"];

/// The options that only an operation which asks people takes.
pub(in crate::script) const OF_ASK: &[&str] = &["question", "options", "default", "timeout"];

/// The options of a question whose answer has to be right, beside those of its call and of its tools.
const OPERATE: &[&str] = &["context", "images", "schema", "check", "max_repairs", "keep"];

/// The options that an operation of every kind takes.
const OF_EVERY_KIND: &[&str] = &[
    "name",
    "branch",
    "depends_on",
    "source_node_ids",
    "inherit_context",
    "gate",
    "when",
    "on_failure",
    "retries",
    "timeout_ms",
];

/// What operations of one kind take, beside what all take.
pub(in crate::script) struct KindOptions {
    takes: Vec<&'static str>,
    /// The options of which it needs one, the usual one first. Empty for a kind that needs none.
    pub(in crate::script) needs: &'static [&'static str],
}

impl KindOptions {
    /// Returns the options of a kind of operation, or `None` for a word that is no kind.
    pub(in crate::script) fn of_kind(kind: &str) -> Option<KindOptions> {
        const ASKED: &[&str] = &["instruction", "context", "schema", "images"];
        const MENDED: &[&str] = &["check", "max_repairs", "keep"];

        let (takes, needs): (_, &[&str]) = match kind {
            "communicate" | "chat" => ([ASKED, SETTINGS].concat(), &["instruction"]),
            "operate" | "react" => ([ASKED, MENDED, OF_TOOLS, SETTINGS].concat(), &["instruction"]),
            "parse" => ([&["text", "schema", "max_repairs"], SETTINGS].concat(), &["schema"]),
            "act" => (OF_ACT.to_vec(), &["tool"]),
            "ask" => ([OF_ASK, &["instruction", "schema"]].concat(), &["question", "instruction"]),
            _ => return None,
        };
        Some(KindOptions { takes, needs })
    }

    /// Returns the options of an operation that calls a function of the script.
    pub(in crate::script) fn of_function() -> KindOptions {
        KindOptions { takes: Vec::new(), needs: &[] }
    }

    /// Tells whether an operation of this kind takes an option.
    pub(in crate::script) fn takes(&self, option: &str) -> bool {
        self.takes.contains(&option) || OF_EVERY_KIND.contains(&option)
    }
}

/// Returns the options that a function takes, or `None` for a function without such a map.
pub(in crate::script) fn known(of: &str) -> Option<Vec<&'static str>> {
    Some(match of {
        "add_operation" => [OPERATION, OF_TOOLS, OF_ACT, OF_ASK, SETTINGS].concat(),
        "add_aggregation" => {
            [OPERATION, OF_TOOLS, OF_ACT, OF_ASK, SETTINGS, &["source_node_ids"]].concat()
        }
        "add_edge" => vec!["when"],
        "ask" => vec!["options", "schema", "default", "timeout"],
        "budget" => vec!["max_cost", "max_tokens", "max_calls"],
        "branch" => vec!["model", "system", "name", "tools"],
        "branch_from" => vec!["model", "system", "name", "exchanges", "tools"],
        "chat" | "communicate" => [SETTINGS, &["context", "images", "schema"]].concat(),
        "command" => vec!["stdin", "timeout_ms", "repeatable"],
        "expand" => vec!["name", "on_failure"],
        "flow" => vec![
            "max_concurrent",
            "on_failure",
            "timeout_ms",
            "allow_failures",
            "verbose",
            "budget",
        ],
        "compare" => vec![
            "judge",
            "branch",
            "timeout_ms",
            "confidence",
            "min_effect",
            "repeat",
            "warm_up",
            "max_concurrent",
            "max_cost",
            "max_tokens",
            "max_calls",
            "record",
            "objective",
            "judge_accuracy",
        ],
        "gather" => vec!["settle"],
        "http_get" => vec!["headers", "timeout_ms"],
        "imodel" => keys(true),
        "operate" | "react" => [SETTINGS, OPERATE, OF_TOOLS].concat(),
        "parse" => [SETTINGS, &["max_repairs"]].concat(),
        "mcp" => vec!["only", "except", "fresh"],
        SERVER_MAP => {
            // What is pinned was seen before, and only the project's servers are remembered.
            let of_project = spec::KEYS.into_iter().filter(|key| *key != "pin");
            std::iter::once("name").chain(of_project).collect()
        }
        "constraints" => vec!["p95_time", "max_cost", "min_success"],
        "objective" => vec!["quality", "time", "cost", "time_half", "cost_half"],
        "optimizer" => vec![
            "memory",
            "policy",
            "scoring",
            "among",
            "learn_from_demo",
            "objective",
            "constraints",
            "explore",
            "seed",
        ],
        "parallel" => vec!["max_concurrent", "settle"],
        "param" => vec!["doc", "min", "max"],
        "recommend" => vec!["among", "of"],
        "tool" => vec!["effects", "approve", "timeout_ms", "max_result"],
        "run" => vec!["judge", "branch", "timeout_ms", "of"],
        _ => return None,
    })
}

/// What the map is known by that describes a server in the place of its name.
pub(in crate::script) const SERVER_MAP: &str = "mcp(#{ .. })";

/// Options on their way to being read. Every key that is not known is an error.
pub(in crate::script) struct Options {
    /// What the options belong to, as people type it.
    of: &'static str,
    map: Map,
}

impl Options {
    /// Accepts a map whose keys are all known to the function `of`.
    pub(in crate::script) fn of(of: &'static str, map: Map) -> Result<Options, Failure> {
        Options::new(of, map, &known(of).unwrap_or_default())
    }

    /// Accepts a map whose keys are all among `known`.
    pub(in crate::script) fn new(
        of: &'static str,
        map: Map,
        known: &[&str],
    ) -> Result<Options, Failure> {
        if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(unknown_key(of, key, known));
        }
        Ok(Options { of, map })
    }

    /// Takes a value as it is.
    pub(in crate::script) fn take(&mut self, key: &str) -> Option<Dynamic> {
        self.map.remove(key).filter(|value| !value.is_unit())
    }

    /// Takes plain data.
    pub(in crate::script) fn value(&mut self, key: &str) -> Result<Option<Value>, Failure> {
        let Some(value) = self.take(key) else { return Ok(None) };
        convert::to_value(&value).map(Some).map_err(|reason| self.wrong(key, &reason))
    }

    /// Takes a schema: the short form, JSON, or a map.
    pub(in crate::script) fn schema(&mut self) -> Result<Option<Value>, Failure> {
        let Some(schema) = self.value("schema")? else { return Ok(None) };
        schema::written(schema).map(Some).map_err(|reason| self.wrong("schema", &reason))
    }

    /// Takes text.
    pub(in crate::script) fn text(&mut self, key: &str) -> Result<Option<String>, Failure> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let name = convert::type_name(&value);
        let wrong = || self.wrong(key, &format!("must be a string, not {name}"));
        value.into_string().map(Some).map_err(|_| wrong())
    }

    /// Takes a yes or no; without it, it is no.
    pub(in crate::script) fn flag(&mut self, key: &str) -> Result<bool, Failure> {
        self.flag_or(key, false)
    }

    /// Takes a yes or no, which has a default.
    pub(in crate::script) fn flag_or(&mut self, key: &str, default: bool) -> Result<bool, Failure> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let name = convert::type_name(&value);
        let wrong = |_| self.wrong(key, &format!("must be true or false, not {name}"));
        value.as_bool().map_err(wrong)
    }

    /// Takes one of the words that an option may be.
    pub(in crate::script) fn word(&mut self, key: &str) -> Result<Option<String>, Failure> {
        let Some(word) = self.text(key)? else { return Ok(None) };
        match wanted(self.of, key) {
            Some(wanted @ WantedValue::Word(words)) if !words.contains(&word.as_str()) => {
                Err(self.wrong(key, &format!("must be {}, not `{word}`", wanted.words())))
            }
            known => {
                debug_assert!(known.is_some(), "`{key}` of `{}` is not in the table", self.of);
                Ok(Some(word))
            }
        }
    }

    /// Takes a whole number from the least up that the option may be.
    pub(in crate::script) fn count(&mut self, key: &str) -> Result<Option<u64>, Failure> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let least = match wanted(self.of, key) {
            Some(WantedValue::Count(least)) => u64::try_from(least).unwrap_or(0),
            other => {
                debug_assert!(
                    false,
                    "`{key}` of `{}` is no count in the table: {other:?}",
                    self.of
                );
                0
            }
        };

        let name = convert::type_name(&value);
        let wrong = |_| self.wrong(key, &format!("must be a whole number, not {name}"));
        let number = value.as_int().map_err(wrong)?;
        match u64::try_from(number) {
            Ok(number) if number >= least => Ok(Some(number)),
            _ => Err(self.wrong(key, &format!("must be at least {least}, not {number}"))),
        }
    }

    /// Takes a time in milliseconds.
    pub(in crate::script) fn millis(&mut self, key: &str) -> Result<Option<Duration>, Failure> {
        Ok(self.count(key)?.map(Duration::from_millis))
    }

    /// Returns the keys that have not been taken.
    pub(in crate::script) fn keys(&self) -> impl Iterator<Item = &rhai::Identifier> {
        self.map.keys()
    }

    /// Returns what has not been taken.
    pub(in crate::script) fn rest(self) -> Map {
        self.map
    }

    /// Makes the error for a key with a bad value.
    pub(in crate::script) fn wrong(&self, key: &str, reason: &str) -> Failure {
        Failure::new(Kind::Option, format!("option `{key}` of `{}`: {reason}", self.of))
    }
}

/// What an operation is called that the function of an `expand` makes.
pub(in crate::script) const OF_EXPAND: &str = "an operation of `expand`";

/// Makes the error for a key that the function `of` does not know.
pub(in crate::script) fn unknown_key(of: &str, key: &str, known: &[&str]) -> Failure {
    unknown_key_of(&format!("`{of}`"), key, known)
}

/// Makes the error for a key that something does not know, which is named as `of` says.
pub(in crate::script) fn unknown_key_of(of: &str, key: &str, known: &[&str]) -> Failure {
    let UnknownOption { message, suggestion } = unknown_option(of, key, known);
    Failure::new(Kind::Option, format!("{message}; {}", suggestion.help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_an_error_with_a_suggestion() {
        let map = Map::from([("tempreture".into(), Dynamic::from(0.5))]);
        let error = Options::new("communicate", map, &["temperature", "max_tokens"]).err();
        let message = error.expect("an unknown key").message;
        assert_eq!(
            message,
            "`communicate` has no option `tempreture`; did you mean `temperature`?"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_names_the_key() {
        let map = Map::from([("retries".into(), Dynamic::from("3"))]);
        let mut options = Options::new("add_operation", map, &["retries"]).expect("known keys");
        let message = options.count("retries").expect_err("a string").message;
        assert!(message.starts_with("option `retries` of `add_operation`: must be a whole number"));
    }
}
