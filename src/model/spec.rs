//! What a user says about a model: `[models.NAME]` in kaizen.toml, or `imodel(#{..})` in a script.

use crate::base::credential::{credentials, refused, without_credentials};
use crate::base::spelling::nearest;
use crate::base::unit::Money;
use crate::model::limiter::ServerLimits;
use crate::model::price::Price;
use crate::model::provider::http::is_local;
use crate::model::registry::ModelError;
use crate::model::request::{SETTINGS, Settings};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keys of a description besides the settings of a call.
const KEYS: &[&str] = &[
    "use",
    "provider",
    "model",
    "base_url",
    "key",
    "max_concurrent",
    "requests_per_minute",
    "max_tokens_field",
    "price",
    "image_tokens",
    "tools",
];
/// Keys that only the demo model has.
const DEMO_KEYS: &[&str] = &["latency_ms", "error_rate", "cost", "replies"];
/// Where a key is found. A key itself never stands in a file or a script.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyRef {
    /// In a variable of the environment.
    Env(String),
    /// In a file.
    File(String),
    /// Nowhere: the server gets none, also not the provider's own.
    Nothing,
}

/// What a server of OpenAI's protocol calls the limit on the tokens of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitField {
    /// As most servers do.
    MaxTokens,
    /// As OpenAI does itself, and servers that take its name over.
    MaxCompletionTokens,
}

/// Tells whether the address of a server is one of this machine.
pub fn is_on_this_machine(url: &str) -> bool {
    is_local(url)
}

/// How long the demo model takes when nothing is said, in milliseconds: long enough that what runs
/// at once is seen to be faster than what runs in turn.
const DEMO_LATENCY_MS: u64 = 20;

/// The temper of a demo model.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoSpec {
    /// How long a reply takes, in milliseconds.
    pub latency_ms: u64,
    /// Share of calls that fail like a server, 0 to 1.
    pub error_rate: f64,
    /// What a call costs, in dollars.
    pub cost: f64,
    /// Replies by a text that the prompt contains.
    pub replies: BTreeMap<String, String>,
}

impl Default for DemoSpec {
    fn default() -> DemoSpec {
        DemoSpec {
            latency_ms: DEMO_LATENCY_MS,
            error_rate: 0.0,
            cost: 0.0,
            replies: BTreeMap::new(),
        }
    }
}

/// A model as it is described.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The provider.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// The server, if not the provider's own.
    pub base_url: Option<String>,
    /// Where the key is found.
    pub key: Option<KeyRef>,
    /// Settings that every call starts from.
    pub settings: Settings,
    /// What the server is asked at once and per minute.
    pub limits: ServerLimits,
    /// What the server calls the limit on tokens, if that is said.
    pub limit_field: Option<LimitField>,
    /// The price, if not the known one.
    pub price: Option<Price>,
    /// Most tokens that a picture counts as, if that is said.
    pub image_tokens: Option<u32>,
    /// Whether the server takes tools; without them, calls are read from answers that follow a schema.
    pub takes_tools: bool,
    /// The demo model's temper.
    pub demo: DemoSpec,
}

impl ModelSpec {
    /// Creates the description of a provider's model with nothing else said.
    pub fn new(provider: &str, model: &str) -> ModelSpec {
        ModelSpec {
            provider: provider.to_owned(),
            model: model.to_owned(),
            base_url: None,
            key: None,
            settings: Settings::default(),
            limits: ServerLimits::default(),
            limit_field: None,
            price: None,
            image_tokens: None,
            takes_tools: true,
            demo: DemoSpec::default(),
        }
    }

    /// Reads a description; every key that nobody knows is an error.
    pub fn from_map(map: &Map<String, Value>) -> Result<ModelSpec, ModelError> {
        let (provider, model) = name(map)?;
        let mut spec = ModelSpec::new(&provider, &model);
        let is_demo = provider == "demo";
        let mut settings = Map::new();

        for (key, value) in map {
            match key.as_str() {
                "use" | "provider" | "model" => {}
                "base_url" => spec.base_url = Some(text(key, value)?),
                "key" => spec.key = Some(key_ref(value)?),
                "max_concurrent" => spec.limits.max_concurrent = Some(count(key, value)?),
                "requests_per_minute" => spec.limits.requests_per_minute = Some(count(key, value)?),
                "max_tokens_field" => spec.limit_field = Some(limit_field(&provider, value)?),
                "price" => spec.price = Some(Price::from_value(value)?),
                "image_tokens" => spec.image_tokens = Some(count(key, value)?),
                "tools" => spec.takes_tools = flag(key, value)?,
                "latency_ms" if is_demo => spec.demo.latency_ms = whole(key, value)?,
                "error_rate" if is_demo => spec.demo.error_rate = share(key, value)?,
                "cost" if is_demo => spec.demo.cost = amount(key, value)?,
                "replies" if is_demo => spec.demo.replies = replies(value)?,
                "stop" if value.is_string() => {
                    settings.insert(key.clone(), Value::Array(vec![value.clone()]));
                }
                setting if SETTINGS.contains(&setting) => {
                    settings.insert(key.clone(), value.clone());
                }
                unknown => return Err(unknown_key(unknown, is_demo)),
            }
        }

        // Each is read alone first, so that the message names the one that is wrong.
        for (key, value) in &settings {
            let one = Map::from_iter([(key.clone(), value.clone())]);
            serde_json::from_value::<Settings>(one.into())
                .map_err(|_| wrong(key, Settings::wanted(key), value))?;
        }

        spec.settings = serde_json::from_value(settings.into())
            .map_err(|error| wrong("settings", "settings of a call", &error.to_string().into()))?;
        spec.settings.check()?;

        Ok(spec)
    }
}

/// Returns the keys of a description; with `demo`, those of the demo model too.
pub fn keys(demo: bool) -> Vec<&'static str> {
    let mut known = [KEYS, SETTINGS].concat();
    if demo {
        known.extend(DEMO_KEYS);
    }

    known
}

/// Reads provider and model from `use`, or from `provider` and `model`.
fn name(map: &Map<String, Value>) -> Result<(String, String), ModelError> {
    let get = |key: &str| map.get(key).map(|value| text(key, value)).transpose();
    if let Some(name) = get("use")? {
        return split(&name);
    }

    match (get("provider")?, get("model")?) {
        (Some(provider), Some(model)) => Ok((provider, model)),
        (None, Some(name)) => split(&name),
        _ => Err(ModelError::Incomplete),
    }
}

/// Splits `provider/name`.
pub(super) fn split(name: &str) -> Result<(String, String), ModelError> {
    match name.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            Ok((provider.to_owned(), model.to_owned()))
        }
        _ => Err(ModelError::NoProvider { name: name.to_owned() }),
    }
}

/// Checks an address and takes the slash off its end.
pub(super) fn checked(url: &str) -> Result<String, ModelError> {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let is_sound = host.is_some_and(|host| {
        let server = host.split('/').next().unwrap_or("");
        !server.is_empty()
            && !server.contains('@')
            && credentials(url).is_empty()
            && !host.contains(|c: char| {
                // What follows these would swallow the path that is asked.
                c.is_whitespace() || matches!(c, '?' | '#' | '\\')
            })
    });

    if !is_sound {
        // A password may stand before the `@`, whatever else is wrong.
        let shown = match url.rsplit_once('@') {
            Some((_, rest)) if !url.contains("://") => format!("***@{rest}"),
            _ => without_credentials(url),
        };
        return Err(ModelError::BadUrl { url: shown });
    }

    Ok(url.trim_end_matches('/').to_owned())
}

fn key_ref(value: &Value) -> Result<KeyRef, ModelError> {
    let given = text("key", value)?;
    match given.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Ok(KeyRef::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Ok(KeyRef::File(path.to_owned())),
        _ => Err(ModelError::LiteralKey),
    }
}

fn limit_field(provider: &str, value: &Value) -> Result<LimitField, ModelError> {
    const KEY: &str = "max_tokens_field";
    if !matches!(provider, "openai" | "ollama") {
        let help = "; only models with OpenAI's protocol have it".to_owned();
        return Err(ModelError::UnknownKey { key: KEY.to_owned(), help });
    }

    serde_json::from_value(value.clone())
        .map_err(|_| wrong(KEY, "\"max_tokens\" or \"max_completion_tokens\"", value))
}

fn replies(value: &Value) -> Result<BTreeMap<String, String>, ModelError> {
    let wanted = "a map from a text in the prompt to the reply";
    let map = value.as_object().ok_or_else(|| wrong("replies", wanted, value))?;
    map.iter().map(|(key, reply)| Ok((key.clone(), text("replies", reply)?))).collect()
}

fn text(key: &str, value: &Value) -> Result<String, ModelError> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(key, "text", value))
}

fn whole(key: &str, value: &Value) -> Result<u64, ModelError> {
    value.as_u64().ok_or_else(|| wrong(key, "a whole number from 0 up", value))
}

fn count(key: &str, value: &Value) -> Result<u32, ModelError> {
    let number = value.as_u64().filter(|n| *n > 0).and_then(|n| u32::try_from(n).ok());
    number.ok_or_else(|| wrong(key, "a whole number from 1 up", value))
}

/// Reads an amount of money, in dollars.
pub(super) fn amount(key: &str, value: &Value) -> Result<f64, ModelError> {
    let number = value.as_f64().filter(|dollars| Money::from_dollars(*dollars).is_some());
    number.ok_or_else(|| wrong(key, Money::WANTED, value))
}

fn flag(key: &str, value: &Value) -> Result<bool, ModelError> {
    value.as_bool().ok_or_else(|| wrong(key, "true or false", value))
}

fn share(key: &str, value: &Value) -> Result<f64, ModelError> {
    let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| wrong(key, "a share from 0 to 1", value))
}

pub(super) fn wrong(key: &str, wanted: &'static str, found: &Value) -> ModelError {
    ModelError::WrongValue { key: key.to_owned(), wanted, found: refused(key, found) }
}

fn unknown_key(key: &str, is_demo: bool) -> ModelError {
    let known = keys(is_demo);

    let help = if DEMO_KEYS.contains(&key) {
        "; only the demo model has it".to_owned()
    } else {
        nearest(key, known.iter().copied()).map_or_else(
            || format!("; it has: {}", known.join(", ")),
            |near| format!("; did you mean `{near}`?"),
        )
    };

    ModelError::UnknownKey { key: key.to_owned(), help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<ModelSpec, String> {
        let Value::Object(map) = value else { return Err("no map".to_owned()) };
        ModelSpec::from_map(&map).map_err(|error| error.to_string())
    }

    #[test]
    fn both_ways_of_naming_a_model_are_one() {
        let one = read(json!({ "use": "openai/gpt-4o-mini", "temperature": 0.2 }));
        let two = read(json!({ "provider": "openai", "model": "gpt-4o-mini", "temperature": 0.2 }));
        assert_eq!(one, two);
        assert_eq!(one.expect("a model").settings.temperature, Some(0.2));
    }

    #[test]
    fn a_misspelt_key_gets_a_suggestion() {
        let error = read(json!({ "use": "openai/x", "tempreture": 0.2 })).expect_err("misspelt");
        assert_eq!(error, "a model has no `tempreture`; did you mean `temperature`?");
    }

    #[test]
    fn a_literal_key_is_refused() {
        let error = read(json!({ "use": "openai/x", "key": "sk-123" })).expect_err("a secret");
        assert!(!error.contains("sk-123"), "{error}");
        assert!(error.contains("env:NAME"), "{error}");
    }

    #[test]
    fn a_number_that_no_counter_holds_is_refused() {
        let refusal = |key: &str, value: Value| {
            let mut description = json!({ "use": "demo/x" });
            description[key] = value;
            read(description).expect_err("refused")
        };

        for number in [json!(-1), json!(0.5), json!(1e30), json!(4_294_967_296_u64)] {
            let said = refusal("max_tokens", number.clone());
            assert_eq!(
                said,
                format!(
                    "`max_tokens` must be a whole number from 1 up to 4294967295, not `{number}`"
                )
            );
        }

        assert_eq!(refusal("max_tokens", json!(0)), "`max_tokens` must be at least 1");
        assert_eq!(refusal("attempts_max", json!(0)), "`attempts_max` must be at least 1");
        assert_eq!(
            refusal("cost", json!(1e30)),
            "`cost` must be an amount in dollars from 0 up to 9000000000, not `1e+30`"
        );
    }

    #[test]
    fn extra_fields_do_not_overrule_settings() {
        let error = read(json!({ "use": "openai/x", "extra": { "max_tokens": 9 } }));
        assert_eq!(
            error.expect_err("two limits"),
            "`extra` cannot contain `max_tokens`: use the setting `max_tokens`"
        );
    }

    #[test]
    fn the_name_of_the_limit_is_one_of_two() {
        let read = |name: &str, field: &str| {
            read(json!({ "use": name, "max_tokens_field": field })).map(|spec| spec.limit_field)
        };
        let other = Some(LimitField::MaxCompletionTokens);

        assert_eq!(read("openai/m", "max_completion_tokens"), Ok(other));
        assert_eq!(
            read("openai/m", "max_output"),
            Err("`max_tokens_field` must be \"max_tokens\" or \"max_completion_tokens\", not \
                 `\"max_output\"`"
                .to_owned())
        );

        assert_eq!(
            read("gemini/m", "max_tokens"),
            Err("a model has no `max_tokens_field`; only models with OpenAI's protocol have it"
                .to_owned())
        );
    }

    #[test]
    fn the_demos_temper_is_no_other_models() {
        assert!(read(json!({ "use": "demo/x", "error_rate": 0.5 })).is_ok());
        let error = read(json!({ "use": "openai/x", "error_rate": 0.5 })).expect_err("not a demo");
        assert_eq!(error, "a model has no `error_rate`; only the demo model has it");
        let error = read(json!({ "use": "demo/x", "error_rate": 5 })).expect_err("too much");
        assert_eq!(error, "`error_rate` must be a share from 0 to 1, not `5`");
    }
}
