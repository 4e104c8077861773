//! The options with which a script is run, wherever that is.

use crate::cli::app::number;
use crate::cli::app::permissions::{EVERYTHING, Grants};
use crate::journal::event::Terms;
use crate::journal::lineage::Lineage;

/// With what a script is run.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct RunSettings {
    /// Set a parameter of the script. Repeatable.
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE")]
    pub(in crate::cli) params: Vec<String>,
    /// Default model: an alias from kaizen.toml, or provider/name.
    #[arg(long, value_name = "MODEL")]
    pub(in crate::cli) model: Option<String>,
    /// Maximum number of concurrent model calls.
    #[arg(long, value_name = "N", value_parser = number::count)]
    pub(in crate::cli) concurrency: Option<u64>,
    /// Maximum cost of the run in dollars. A call is made only if its worst case fits.
    #[arg(long, value_name = "DOLLARS", value_parser = number::dollars, allow_negative_numbers = true)]
    pub(in crate::cli) max_cost: Option<f64>,
    /// Maximum number of tokens, input and output.
    #[arg(long, value_name = "N", value_parser = number::count)]
    pub(in crate::cli) max_tokens: Option<u64>,
    /// Maximum number of model calls, including retries.
    #[arg(long, value_name = "N", value_parser = number::count)]
    pub(in crate::cli) max_calls: Option<u64>,
    /// Maximum duration of the run, such as 90s, 10m or 2h.
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) max_time: Option<String>,
    /// Random seed, to repeat a run.
    #[arg(long, value_name = "N", value_parser = number::whole)]
    pub(in crate::cli) seed: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) grants: Grants,
    /// Approve calls of these tools beforehand; `*` in a name stands for any characters. Without a
    /// list: all.
    #[arg(long, value_name = "TOOL,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING, help_heading = "Permissions")]
    pub(in crate::cli) approve: Vec<String>,
}

impl RunSettings {
    pub(super) fn terms(&self) -> Terms {
        Terms {
            text: None,
            model: self.model.clone(),
            max_cost: self.max_cost,
            max_tokens: self.max_tokens,
            max_calls: self.max_calls,
            concurrency: None,
            fork: false,
            fork_at: None,
            lineage: Lineage::default(),
            sources: None,
            stint: None,
        }
    }

    /// Returns the options that say the same to another process; none if one of them is no text.
    #[cfg(feature = "engine")]
    pub(in crate::cli) fn as_typed(&self) -> Option<Vec<String>> {
        let mut options = self.grants.as_typed()?;
        let mut add = |name: &str, value: Option<String>| {
            options.extend(value.map(|value| format!("--{name}={value}")));
        };
        add("model", self.model.clone());
        add("concurrency", self.concurrency.map(|number| number.to_string()));
        add("max-cost", self.max_cost.map(|dollars| dollars.to_string()));
        add("max-tokens", self.max_tokens.map(|number| number.to_string()));
        add("max-calls", self.max_calls.map(|number| number.to_string()));
        add("max-time", self.max_time.clone());
        add("seed", self.seed.map(|seed| seed.to_string()));
        for tools in &self.approve {
            let is_all = tools == EVERYTHING;
            options.push(if is_all { "--approve".into() } else { format!("--approve={tools}") });
        }
        Some(options)
    }

    /// Takes over from a run what is not given here.
    pub(super) fn keep(&mut self, before: &Terms) {
        self.model = self.model.take().or_else(|| before.model.clone());
        self.max_cost = self.max_cost.or(before.max_cost);
        self.max_tokens = self.max_tokens.or(before.max_tokens);
        self.max_calls = self.max_calls.or(before.max_calls);
    }
}
