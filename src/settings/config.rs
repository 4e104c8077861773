//! The configuration: built-in values, the user's file, the project's file, the environment and
//! the command line, each over the one before. Every value remembers where it came from.

pub(crate) use crate::base::time_text::duration;

use crate::base::bounds::Bounds;
use crate::base::credential::refused;
use crate::base::spelling::nearest;
use crate::base::unit::Money;
use crate::base::wildcard::Wildcard;
use crate::base::{file, own, toml_text};
use crate::mcp::spec::{ServerSpec, SpecError};
use crate::script::OPERATIONS_MAX;
use crate::script::host::rule::variable_name;
use crate::settings::otel::{self, OtelSettings};
use crate::settings::{self, Fallback, SettingKind, value_of};
use crate::store::durability::Durability;
use crate::view::span::SpanContent;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingOrigin {
    /// The program's own default.
    BuiltIn,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Variable(&'static str),
    /// An option of the command line.
    Flag(&'static str),
}

impl SettingOrigin {
    /// Tells whether it is this file.
    pub(crate) fn is_file(&self, file: &Path) -> bool {
        matches!(self, SettingOrigin::File(path) if path == file)
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingOrigin::BuiltIn => f.write_str("built in"),
            SettingOrigin::File(path) => write!(f, "{}", path.display()),
            SettingOrigin::Variable(name) => write!(f, "${name}"),
            SettingOrigin::Flag(name) => f.write_str(name),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("cannot parse `{path}`: {message}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A key that nobody knows.
    #[error("{origin}: unknown setting `{key}`{help}")]
    UnknownKey {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// What may be meant.
        help: String,
    },
    /// A grant or denial that is none.
    #[error("{origin}: `{rule}`: {reason}")]
    Rule {
        /// Where it stands.
        origin: String,
        /// What is written.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A description of an MCP server that cannot be used.
    #[error("{origin}: {source}")]
    Server {
        /// Where it stands.
        origin: String,
        /// What is wrong with it.
        source: SpecError,
    },
    /// A value of the wrong kind.
    #[error("{origin}: `{key}` must be {wanted}, not `{found}`")]
    WrongValue {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// What is allowed.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
}

/// The rules of one key of `[permissions]`.
#[derive(Debug, Clone)]
pub(crate) struct KeyRules {
    /// The key, such as `read` or `deny_net`.
    pub(crate) key: String,
    /// What it lists.
    pub(crate) list: Vec<String>,
    /// The file it stands in.
    pub(crate) origin: SettingOrigin,
}

/// All settings, by their full key such as `limits.operations`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(super) values: BTreeMap<String, (Value, SettingOrigin)>,
    /// The models, by alias, as they are described.
    models: BTreeMap<String, (Map<String, Value>, SettingOrigin)>,
    /// The MCP servers, by name.
    servers: BTreeMap<String, (ServerSpec, SettingOrigin)>,
    /// What scripts may and may not touch; each file adds to those before it.
    permissions: Vec<KeyRules>,
}

/// Returns the variable that a value refers to, if it is written as one that does.
pub(super) fn variable_of(reference: &str) -> Option<&str> {
    let name = reference.strip_prefix("env:")?;
    variable_name(name).is_ok().then_some(name)
}

/// A way to look up a variable of the environment.
pub(crate) type EnvLookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Config {
    /// Reads every layer below the command line. `root` is the project's folder.
    pub(crate) fn load(root: &Path, lookup: EnvLookup<'_>) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        // What is set later counts: the user's file, then the project's, then the environment.
        for entry in settings::SETTINGS {
            if let Fallback::Value(text) = entry.default {
                config.set(&entry.name(), value_of(text), SettingOrigin::BuiltIn)?;
            }
        }

        if let Some(home) = own::user_folder(lookup, "XDG_CONFIG_HOME", ".config") {
            config.read(&home.join("kaizen").join("config.toml"))?;
        }

        config.read(&root.join("kaizen.toml"))?;

        // What is no text is no name of a model and no number, which is said where it is used.
        let text = |name: &str| Some(lookup(name)?.to_string_lossy().into_owned());
        if let Some(model) = text("KAIZEN_MODEL") {
            config.set("project.model", model.into(), SettingOrigin::Variable("KAIZEN_MODEL"))?;
        }

        if let Some(text) = text("KAIZEN_CONCURRENCY") {
            let value = text.parse::<u64>().map_or(Value::String(text), Value::from);
            config.set("run.concurrency", value, SettingOrigin::Variable("KAIZEN_CONCURRENCY"))?;
        }

        Ok(config)
    }

    /// Reads a file over what is known; a file that does not exist says nothing.
    fn read(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = match file::read_text(path) {
            Ok(text) => text,
            // A link that leads nowhere is there, and what it should lead to is missed.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    && path.symlink_metadata().is_err() =>
            {
                return Ok(());
            }
            Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        };

        let table: Map<String, Value> =
            toml::from_str(&toml_text::plain(&text)).map_err(|error| {
                let message = toml_text::without_secrets(error.to_string().trim_end());
                ConfigError::Syntax { path: path.to_owned(), message }
            })?;

        let origin = SettingOrigin::File(path.to_owned());
        // JSON has neither NaN nor infinity, so they arrive here as null.
        for (section, content) in &table {
            if let Some(key) = null_in(section, content) {
                return Err(wrong(&origin, &key, "a finite number", &Value::Null));
            }
        }

        for (section, content) in table {
            let Value::Object(content) = content else {
                return Err(unknown(&origin, &section));
            };
            for (key, value) in content {
                self.take(&section, key, value, &origin)?;
            }
        }

        Ok(())
    }

    /// Takes one key of a section of a file.
    pub(crate) fn take(
        &mut self,
        section: &str,
        key: String,
        value: Value,
        origin: &SettingOrigin,
    ) -> Result<(), ConfigError> {
        match section {
            "models" => {
                let spec = table_of(origin, section, &key, value)?;
                self.models.insert(key, (spec, origin.clone()));
            }
            "mcp" => {
                let spec = table_of(origin, section, &key, value)?;
                let spec = ServerSpec::from_map(&key, &spec)
                    .map_err(|source| ConfigError::Server { origin: origin.to_string(), source })?;
                self.servers.insert(key, (spec, origin.clone()));
            }
            _ => self.set(&format!("{section}.{key}"), value, origin.clone())?,
        }

        Ok(())
    }

    /// Puts a value over what is known.
    pub(crate) fn set(
        &mut self,
        key: &str,
        value: Value,
        origin: SettingOrigin,
    ) -> Result<(), ConfigError> {
        let entry = settings::find(key).ok_or_else(|| unknown(&origin, key))?;
        if !entry.kind.fits(&value) {
            return Err(wrong(&origin, key, entry.kind.wanted(), &value));
        }

        if key == "secrets.names" {
            let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            for name in names {
                variable_name(name).map_err(|reason| ConfigError::Rule {
                    origin: format!("{origin}: {key}"),
                    rule: name.to_owned(),
                    reason,
                })?;
            }
        }

        // Rules of several files add up, where other settings replace one another.
        if let Some(key) = key.strip_prefix("permissions.") {
            let list = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            let key = key.to_owned();
            let list = list.map(str::to_owned).collect();
            self.permissions.push(KeyRules { key, list, origin: origin.clone() });
        }

        self.values.insert(key.to_owned(), (value, origin));
        Ok(())
    }

    /// Returns all values with their origin.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Value, &SettingOrigin)> {
        self.values.iter().map(|(key, (value, origin))| (key.as_str(), value, origin))
    }

    /// Returns where a value came from.
    pub(crate) fn origin(&self, key: &str) -> Option<&SettingOrigin> {
        self.values.get(key).map(|(_, origin)| origin)
    }

    /// Returns the descriptions of models, by alias.
    pub(crate) fn models(
        &self,
    ) -> impl Iterator<Item = (&str, &Map<String, Value>, &SettingOrigin)> {
        self.models.iter().map(|(name, (spec, origin))| (name.as_str(), spec, origin))
    }

    /// Returns the MCP servers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&ServerSpec, &SettingOrigin)> {
        self.servers.values().map(|(spec, origin)| (spec, origin))
    }

    /// Returns what scripts may and may not touch.
    pub(crate) fn permissions(&self) -> &[KeyRules] {
        &self.permissions
    }

    /// Returns the name of the default model, if one is set.
    pub(crate) fn model(&self) -> Option<String> {
        let (value, _) = self.values.get("project.model")?;
        value.as_str().map(str::to_owned)
    }

    /// Returns the most calls in flight, if a bound is set.
    pub(crate) fn concurrency(&self) -> Option<usize> {
        let (value, _) = self.values.get("run.concurrency")?;
        value.as_u64().and_then(|number| usize::try_from(number).ok())
    }

    /// Tells whether `run` uses what earlier runs were answered, and whether somebody has said so.
    pub(crate) fn reuse(&self) -> bool {
        let value = self.values.get("run.reuse");
        value.and_then(|(value, _)| value.as_bool()).unwrap_or(false)
    }

    /// Returns what a commit to the store promises.
    pub(crate) fn durability(&self) -> Durability {
        let value = self.values.get("store.durability");
        let found = value.and_then(|(value, _)| value.as_str()).and_then(Durability::from_word);
        found.unwrap_or_default()
    }

    /// Returns the variable that holds the address of a shared store, if one is named.
    pub(crate) fn shared_store(&self) -> Option<&str> {
        let (value, _) = self.values.get("engine.store")?;
        value.as_str().and_then(variable_of)
    }

    /// Tells whether a server may keep the store that may lose what it has confirmed.
    pub(crate) fn accepts_unsafe_durability(&self) -> bool {
        let value = self.values.get("engine.unsafe_durability");
        value.and_then(|(value, _)| value.as_bool()).unwrap_or(false)
    }

    /// Returns the project's name, if it is set.
    pub(crate) fn project_name(&self) -> Option<String> {
        let (value, _) = self.values.get("project.name")?;
        value.as_str().map(str::to_owned)
    }

    /// Returns the most operations of a script.
    pub(crate) fn operations_max(&self) -> u64 {
        let value = self.values.get("limits.operations");
        value.and_then(|(value, _)| value.as_u64()).unwrap_or(OPERATIONS_MAX)
    }

    /// Returns what a run may use up.
    pub(crate) fn bounds(&self) -> Bounds {
        let get = |key: &str| self.values.get(key).map(|(value, _)| value);
        Bounds {
            cost: get("budget.max_cost").and_then(Value::as_f64).and_then(Money::from_dollars),
            tokens: get("budget.max_tokens").and_then(Value::as_u64),
            calls: get("budget.max_calls").and_then(Value::as_u64),
        }
    }

    /// Returns the longest time of a run, if it is bounded.
    pub(crate) fn time_max(&self) -> Option<Duration> {
        let (value, _) = self.values.get("budget.max_time")?;
        value.as_str().and_then(duration)
    }

    /// Returns how long a wait is that suspends a run, if that is said.
    pub(crate) fn suspend_after(&self) -> Option<Duration> {
        let (value, _) = self.values.get("run.suspend_after")?;
        value.as_str().and_then(duration)
    }

    /// Returns how long runs are kept, if they are not kept for ever.
    pub(crate) fn store_keep(&self) -> Option<Duration> {
        let (value, _) = self.values.get("store.keep")?;
        value.as_str().and_then(duration)
    }

    /// Returns the most bytes that the store takes, if that is bounded.
    pub(crate) fn store_max_size(&self) -> Option<u64> {
        let (value, _) = self.values.get("store.max_size")?;
        value.as_str().and_then(size)
    }

    /// Returns the names of further variables that hold secrets, and the fewest characters of a secret.
    pub(crate) fn secrets(&self) -> (Vec<Wildcard>, Option<usize>) {
        let get = |key: &str| self.values.get(key).map(|(value, _)| value);
        let names = get("secrets.names").and_then(Value::as_array).into_iter().flatten();
        let names = names.filter_map(Value::as_str).map(Wildcard::new).collect();
        let length = get("secrets.min_length").and_then(Value::as_u64);
        (names, length.and_then(|length| usize::try_from(length).ok()))
    }

    /// Returns where spans of runs are sent, if they are.
    pub(crate) fn otel(&self) -> Option<OtelSettings> {
        let get = |key: &str| self.values.get(key).map(|(value, _)| value);
        let headers = get("otel.headers").and_then(Value::as_array).into_iter().flatten();
        let headers = headers.filter_map(Value::as_str).filter_map(otel::header);

        Some(OtelSettings {
            endpoint: get("otel.endpoint")?.as_str()?.to_owned(),
            content: if self.otel_content() { SpanContent::Shown } else { SpanContent::Left },
            headers: headers.map(|(name, of)| (name.to_owned(), of.to_owned())).collect(),
        })
    }

    /// Tells whether spans show what was said.
    pub(crate) fn otel_content(&self) -> bool {
        let value = self.values.get("otel.content");
        value.and_then(|(value, _)| value.as_bool()).unwrap_or(false)
    }

    /// Returns how long nothing may happen before a save counts.
    pub(crate) fn watch_quiet(&self) -> Duration {
        let (value, _) = &self.values["watch.quiet_ms"];
        Duration::from_millis(value.as_u64().expect("the table of settings has a default"))
    }

    /// Returns the cost of a re-run in dollars from which people are asked first, and whether somebody
    /// has set it.
    pub(crate) fn watch_confirm_over(&self) -> (f64, bool) {
        let (value, origin) = &self.values["watch.confirm_over"];
        let dollars = value.as_f64().expect("the table of settings has a default");
        (dollars, *origin != SettingOrigin::BuiltIn)
    }

    /// Returns the files that are watched although no script reads them, as they are named.
    pub(crate) fn watch_paths(&self) -> Vec<&str> {
        let value = self.values.get("watch.paths").and_then(|(value, _)| value.as_array());
        value.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Tells whether runs on the demo model count as experience.
    pub(crate) fn learn_from_demo(&self) -> bool {
        let value = self.values.get("optimizer.learn_from_demo");
        value.and_then(|(value, _)| value.as_bool()).unwrap_or(false)
    }
}

/// Reads a size such as `800kB`, `500MB`, `2GB` or `1GiB`, in bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;

    let unit = match text[digits..].trim() {
        "B" | "" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };

    number.checked_mul(unit)
}

/// Returns a description, which is a table.
fn table_of(
    origin: &SettingOrigin,
    section: &str,
    key: &str,
    value: Value,
) -> Result<Map<String, Value>, ConfigError> {
    match value {
        Value::Object(spec) => Ok(spec),
        other => Err(wrong(origin, &format!("{section}.{key}"), "a table", &other)),
    }
}

pub(crate) fn wrong(
    origin: &SettingOrigin,
    key: &str,
    wanted: &'static str,
    found: &Value,
) -> ConfigError {
    let kind = settings::find(key).map(|entry| entry.kind);
    let found = match kind {
        // Neither TOML nor the command line has a null: it was a number that JSON does not have.
        _ if found.is_null() => "nan or inf".to_owned(),
        // Somebody may have written a secret where only its variable belongs.
        Some(SettingKind::Address | SettingKind::Headers | SettingKind::Reference) => {
            "..".to_owned()
        }
        _ => refused(key, found),
    };
    ConfigError::WrongValue { origin: origin.to_string(), key: key.to_owned(), wanted, found }
}

/// Finds a null, and gives its key: what is not said would be taken for the default.
pub(crate) fn null_in(key: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(key.to_owned()),
        Value::Object(fields) => {
            fields.iter().find_map(|(inner, value)| null_in(&format!("{key}.{inner}"), value))
        }
        Value::Array(items) => items.iter().find_map(|item| null_in(key, item)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

pub(crate) fn unknown(origin: &SettingOrigin, key: &str) -> ConfigError {
    let mut known: Vec<String> = vec!["models".to_owned(), "mcp".to_owned()];
    known.extend(settings::names());

    let help = match nearest(key, known.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; available: {}", known.join(", ")),
    };
    ConfigError::UnknownKey { origin: origin.to_string(), key: key.to_owned(), help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("kaizen.toml"), text).expect("a file");
        Config::load(folder.path(), &|_| None).map_err(|error| {
            let text = error.to_string();
            text.split_once("kaizen.toml").map_or(text.clone(), |(_, rest)| rest.to_owned())
        })
    }

    #[test]
    fn a_misspelt_key_gets_a_suggestion() {
        let error = load("[limits]\noperation = 5").expect_err("an unknown key");
        assert_eq!(
            error,
            ": unknown setting `limits.operation`; did you mean `limits.operations`?"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        let error = load("[run]\nconcurrency = 0").expect_err("no calls at all");
        assert_eq!(error, ": `run.concurrency` must be a whole number of at least 1, not `0`");
    }

    #[test]
    fn an_amount_that_no_counter_holds_is_refused() {
        for key in ["budget.max_cost", "watch.confirm_over"] {
            let (section, name) = key.split_once('.').expect("a section");
            for (amount, shown) in [("-1", "-1"), ("1e30", "1e+30"), ("9.1e9", "9100000000.0")] {
                let error = load(&format!("[{section}]\n{name} = {amount}")).expect_err("too much");
                let wanted = "an amount in dollars from 0 up to 9000000000";
                assert_eq!(error, format!(": `{key}` must be {wanted}, not `{shown}`"));
            }
        }

        for key in ["max_tokens", "max_calls"] {
            for amount in ["0", "-1", "1e30", "0.5"] {
                let error = load(&format!("[budget]\n{key} = {amount}")).expect_err("no count");
                let wanted =
                    format!(": `budget.{key}` must be a whole number of at least 1, not `");
                assert!(error.starts_with(&wanted), "{error}");
            }
        }
    }

    #[test]
    fn a_number_that_is_none_is_refused_wherever_it_stands() {
        let refused = |text: &str, key: &str| {
            let error = load(text).expect_err("no number");
            assert_eq!(error, format!(": `{key}` must be a finite number, not `nan or inf`"));
        };

        refused("[budget]\nmax_cost = nan", "budget.max_cost");
        refused("[models.m]\nuse = \"demo/x\"\nmax_tokens = inf", "models.m.max_tokens");
        refused("[models.m]\nuse = \"demo/x\"\nextra = { a = [nan] }", "models.m.extra.a");
    }

    #[test]
    fn models_keep_their_description() {
        let config = load("[models.fast]\nuse = \"demo/echo\"").expect("a sound file");
        let names: Vec<&str> = config.models().map(|(name, _, _)| name).collect();
        assert_eq!(names, ["fast"]);
    }
}
