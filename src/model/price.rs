//! What a call costs. An unknown price is unknown, never nothing.

use crate::base::unit::Money;
use crate::model::registry::ModelError;
use crate::model::reply::Usage;
use crate::model::spec::{amount, wrong};
use serde_json::Value;

/// Dollars for a million tokens of each kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// Tokens read at the full price.
    pub input: f64,
    /// Tokens written.
    pub output: f64,
    /// Tokens read from the provider's cache.
    pub cached: f64,
    /// Tokens written to the provider's cache.
    pub cache_write: f64,
    /// The day on which the price was looked up.
    pub as_of: String,
}

/// Name, input, output and cached input in dollars per million tokens: list prices as the providers
/// published them, looked up on `AS_OF`. A name also stands for its dated versions.
const KNOWN: &[(&str, f64, f64, f64)] = &[
    ("openai/gpt-4o-mini", 0.15, 0.60, 0.075),
    ("openai/gpt-4o", 2.50, 10.0, 1.25),
    ("openai/gpt-4.1-nano", 0.10, 0.40, 0.025),
    ("openai/gpt-4.1-mini", 0.40, 1.60, 0.10),
    ("openai/gpt-4.1", 2.0, 8.0, 0.50),
    ("openai/gpt-5-nano", 0.05, 0.40, 0.005),
    ("openai/gpt-5-mini", 0.25, 2.0, 0.025),
    ("openai/gpt-5", 1.25, 10.0, 0.125),
    ("anthropic/claude-3-5-haiku", 0.80, 4.0, 0.08),
    ("anthropic/claude-sonnet-4", 3.0, 15.0, 0.30),
    ("anthropic/claude-opus-4", 15.0, 75.0, 1.50),
    ("gemini/gemini-2.5-flash-lite", 0.10, 0.40, 0.025),
    ("gemini/gemini-2.5-flash", 0.30, 2.50, 0.075),
];
/// The day on which the known prices were looked up.
pub(crate) const AS_OF: &str = "2025-10-01";

impl Price {
    /// Returns the known list price of a model, if there is one. Prices of other servers that speak
    /// a provider's protocol are not known by the model's name.
    pub fn known(provider: &str, model: &str) -> Option<Price> {
        let name = format!("{provider}/{model}");
        let fits = |known: &str| {
            let rest = name.strip_prefix(known);
            rest.is_some_and(|rest| rest.is_empty() || is_version(rest))
        };

        KNOWN.iter().find(|(known, ..)| fits(known)).map(Price::listed)
    }

    /// Returns the models, as `provider/name`, whose list prices are known.
    pub fn listed_models() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, ..)| *name)
    }

    /// Returns the highest list price, to judge by where the price of a model is not known.
    pub fn dearest() -> Price {
        let dearest = KNOWN.iter().max_by(|one, other| one.2.total_cmp(&other.2));
        Price::listed(dearest.expect("some prices are known"))
    }

    fn listed((name, input, output, cached): &(&str, f64, f64, f64)) -> Price {
        Price {
            input: *input,
            output: *output,
            cached: *cached,
            // Anthropic asks a quarter more for what it writes to its cache; the others nothing.
            cache_write: if name.starts_with("anthropic/") { input * 1.25 } else { *input },
            as_of: AS_OF.to_owned(),
        }
    }

    /// Reads `{ input, output, cached, cache_write, per = "1M" | "1k" | "1", as_of }`.
    pub fn from_value(value: &Value) -> Result<Price, ModelError> {
        const WANTED: &str = "like { input = 0.15, output = 0.60, per = \"1M\" }";
        let map = value.as_object().ok_or_else(|| wrong("price", WANTED, value))?;
        let known = ["input", "output", "cached", "cache_write", "per", "as_of"];
        if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
            let help = format!("; it has: {}", known.join(", "));
            return Err(ModelError::UnknownKey { key: format!("price.{key}"), help });
        }

        let scale = match map.get("per").map(|per| (per, per.as_str())) {
            None | Some((_, Some("1M"))) => 1.0,
            Some((_, Some("1k"))) => 1e3,
            Some((_, Some("1"))) => 1e6,
            Some((per, _)) => return Err(wrong("price.per", "\"1M\", \"1k\" or \"1\"", per)),
        };

        let as_of = match map.get("as_of").map(|day| (day, day.as_str())) {
            None => "not dated",
            Some((_, Some(day))) => day,
            Some((day, None)) => return Err(wrong("price.as_of", "a day as text", day)),
        };

        let read = |key: &str| map.get(key).map(|found| per_million(key, found, scale)).transpose();
        let (Some(input), Some(output)) = (read("input")?, read("output")?) else {
            return Err(wrong("price", WANTED, value));
        };

        Ok(Price {
            input,
            output,
            cached: read("cached")?.unwrap_or(input),
            cache_write: read("cache_write")?.unwrap_or(input),
            as_of: as_of.to_owned(),
        })
    }

    /// Returns what the tokens of a call cost.
    #[allow(clippy::cast_precision_loss, reason = "token counts stay far below 2^53")]
    pub fn cost(&self, usage: &Usage) -> Money {
        let per_million = usage.input_uncached as f64 * self.input
            + usage.cache_read as f64 * self.cached
            + usage.cache_write as f64 * self.cache_write
            + usage.output() as f64 * self.output;

        Money::at_most(per_million / 1e6)
    }

    /// Returns the most that this many tokens can cost, whatever of them the provider's cache takes.
    pub fn cost_max(&self, read: u64, written: u64) -> Money {
        let dearest = self.input.max(self.cached).max(self.cache_write);
        let price = Price { input: dearest, ..self.clone() };
        let usage = Usage { input_uncached: read, output_visible: written, ..Usage::default() };

        price.cost(&usage)
    }
}

/// Reads the price of a million tokens of one kind, given for a part of a million.
fn per_million(key: &str, found: &Value, scale: f64) -> Result<f64, ModelError> {
    let key = format!("price.{key}");
    let dollars = amount(&key, found)? * scale;

    let is_amount = Money::from_dollars(dollars).is_some();
    let wanted = "at most 9000000000 dollars per million tokens";
    is_amount.then_some(dollars).ok_or_else(|| wrong(&key, wanted, found))
}

/// Tells whether the rest of a model's name only says which version of it: `-2024-07-18`, `-latest`.
fn is_version(rest: &str) -> bool {
    let bare: String = rest.chars().filter(|c| *c != '-').collect();
    let is_date =
        bare.len() == 8 && bare.starts_with("20") && bare.bytes().all(|b| b.is_ascii_digit());

    let has_form = rest.starts_with('-') && [9, 11].contains(&rest.len());
    rest == "-latest" || (has_form && is_date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cached_and_reasoning_tokens_are_billed_once() {
        let price = Price::from_value(&json!({ "input": 1.0, "output": 10.0, "cached": 0.1 }));
        let usage = Usage {
            input_uncached: 1_000_000,
            cache_read: 1_000_000,
            output_visible: 100_000,
            reasoning: 100_000,
            ..Usage::default()
        };
        let cost = price.expect("a price").cost(&usage);
        assert_eq!(cost, Money::from_dollars(3.1).expect("an amount"));
    }

    #[test]
    fn only_the_model_and_its_versions_have_its_price() {
        assert_eq!(Price::known("openai", "gpt-4o-mini-2024-07-18").expect("known").input, 0.15);
        assert_eq!(Price::known("openai", "gpt-4o").expect("known").input, 2.5);
        assert_eq!(Price::known("openai", "gpt-4o-audio-preview"), None);
        assert_eq!(Price::known("anthropic", "claude-opus-4-5-20251101"), None);
        assert!(Price::known("anthropic", "claude-opus-4-20250514").is_some());
        assert_eq!(Price::known("openai", "my-model"), None);
    }

    #[test]
    fn a_unit_that_is_no_text_is_refused() {
        let value = json!({ "input": 1.0, "output": 1.0, "per": 1000 });
        assert!(Price::from_value(&value).is_err());
    }

    #[test]
    fn the_most_that_tokens_can_cost_is_that_of_the_dearest_kind() {
        for dearest in ["input", "cached", "cache_write"] {
            let mut value =
                json!({ "input": 1.0, "cached": 1.0, "cache_write": 1.0, "output": 2.0 });
            value[dearest] = json!(5.0);
            let price = Price::from_value(&value).expect("a price");
            let most = Money::from_dollars(7.0).expect("an amount");
            assert_eq!(price.cost_max(1_000_000, 1_000_000), most, "{dearest}");
        }
    }

    #[test]
    fn a_price_that_cannot_be_counted_is_refused() {
        let refusal = |key: &str, found: Value, per: &str| {
            let mut value = json!({ "input": 1.0, "output": 1.0, "per": per });
            value[key] = found;
            Price::from_value(&value).expect_err("no price").to_string()
        };

        for key in ["input", "output", "cached", "cache_write"] {
            for found in [json!(-1), json!(1e30), json!("1"), json!([1]), Value::Null] {
                let said = refusal(key, found.clone(), "1M");
                assert!(said.starts_with(&format!("`price.{key}` must be")), "{found}: {said}");
            }
        }

        // The unit counts as well: a million dollars for each token.
        assert_eq!(
            refusal("input", json!(1e6), "1"),
            "`price.input` must be at most 9000000000 dollars per million tokens, not `1000000.0`"
        );
    }

    #[test]
    fn a_cost_that_cannot_be_counted_is_the_most_that_can() {
        let price = Price::from_value(&json!({ "input": 9e9, "output": 9e9 })).expect("a price");
        let usage = Usage { output_visible: u64::MAX, ..Usage::default() };
        assert_eq!(price.cost(&usage), Money::from_nanos(u64::MAX));
    }

    #[test]
    fn the_unit_of_a_price_counts() {
        let price = |per: &str| {
            let value = json!({ "input": 1.0, "output": 1.0, "per": per });
            Price::from_value(&value).expect("a price").input
        };
        assert_eq!([price("1M"), price("1k")], [1.0, 1000.0]);
    }
}
