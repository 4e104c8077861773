//! One execution as experience: what was done for which task type, and how it went.

pub use crate::store::ObservationSource;

use crate::base::clock::Stamp;
use crate::base::failure::Failure;
use crate::base::id::RunId;
use crate::base::secret::{clean_fields, scrub};
use crate::base::spelling::nearest;
use crate::optimizer::evidence::knowledge::amendment::Amendment;
use crate::optimizer::evidence::lesson::{self, lesson};
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::store::{ObservationRow, SumsEntry};
use serde_json::{Map, Value};

/// Figures that cannot be taken as experience.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// The one figure that must be there is not.
    #[error(
        "metrics need a `success_rate` from 0 to 1; this map has {found}. The metrics of a report \
         include it unless no operation was to run"
    )]
    NoSuccessRate {
        /// The keys that are there.
        found: String,
    },
    /// A figure of the wrong kind or out of its range.
    #[error("metric `{key}` must be {wanted}, not `{found}`")]
    Wrong {
        /// Which figure.
        key: &'static str,
        /// What is allowed.
        wanted: &'static str,
        /// What was given.
        found: String,
    },
    /// A figure that nobody reads, under a name that looks like one that is read.
    #[error("{unknown}; did you mean `{near}`?", unknown = unknown_metric(key))]
    Misspelt {
        /// The name.
        key: String,
        /// The name that was probably meant.
        near: &'static str,
    },
    /// A success that is none.
    #[error(
        "a `success_rate` of {rate} is too low for a success (minimum .5); use \
         `save_pattern_failure`"
    )]
    NoSuccess {
        /// The rate that was given.
        rate: f64,
    },
}

/// The metrics that are read; all others are only kept.
const READ: &[&str] = &["success_rate", "execution_time", "score", "quality", "cost", "tokens"];
/// What others call them.
const FOREIGN: &[(&str, &str)] = &[
    ("accuracy", "score"),
    ("average_time", "execution_time"),
    ("avg_time", "execution_time"),
    ("cost_usd", "cost"),
    ("dollars", "cost"),
    ("duration", "execution_time"),
    ("duration_ms", "execution_time"),
    ("elapsed", "execution_time"),
    ("elapsed_ms", "execution_time"),
    ("exec_time", "execution_time"),
    ("grade", "score"),
    ("latency", "execution_time"),
    ("latency_ms", "execution_time"),
    ("mean_time", "execution_time"),
    ("ok", "success_rate"),
    ("passed", "success_rate"),
    ("price", "cost"),
    ("quality_score", "score"),
    ("rate", "success_rate"),
    ("rating", "score"),
    ("reward", "score"),
    ("runtime", "execution_time"),
    ("run_time", "execution_time"),
    ("seconds", "execution_time"),
    ("succeeded", "success_rate"),
    ("success", "success_rate"),
    ("time", "execution_time"),
    ("time_ms", "execution_time"),
    ("time_taken", "execution_time"),
    ("token_count", "tokens"),
    ("tokens_used", "tokens"),
    ("total_cost", "cost"),
    ("total_time", "execution_time"),
    ("total_tokens", "tokens"),
    ("usd", "cost"),
];
/// The words of scripts that read metrics.
pub const RECORDS: &[&str] = &["record_execution", "save_pattern_success"];

/// Returns the metric that was probably meant by a name that nobody reads.
pub fn misspelt(key: &str) -> Option<&'static str> {
    if READ.contains(&key) {
        return None;
    }
    let foreign = FOREIGN.iter().find(|(name, _)| *name == key).map(|(_, own)| *own);
    foreign.or_else(|| nearest(key, READ.iter().copied()))
}

/// Finds out what is wrong with metrics that one of the words of `RECORDS` is given.
pub fn check(word: &str, metrics: &Map<String, Value>) -> Result<(), MetricsError> {
    let is_success = word != "record_execution";
    let (Ok(task), Ok(pattern)) = (TaskType::new("t"), Pattern::new("p")) else { return Ok(()) };
    if is_success {
        Observation::success(task, pattern, metrics).map(|_| ())
    } else {
        Observation::read(task, pattern, metrics).map(|_| ())
    }
}

/// Says that there is no metric of a name.
pub fn unknown_metric(key: &str) -> String {
    format!("unknown metric `{key}`")
}

/// One execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The task type.
    pub task: TaskType,
    /// The pattern.
    pub pattern: Pattern,
    /// Where it comes from.
    pub source: ObservationSource,
    /// When it was recorded.
    pub at: Stamp,
    /// The run that recorded it.
    pub run: Option<RunId>,
    /// What the execution is known by, if it is; it is then recorded once, however often it is told.
    pub execution: Option<String>,
    /// Share of the operations that gave a value, 0 to 1.
    pub success_rate: f64,
    /// Seconds; `None` when unknown.
    pub execution_time: Option<f64>,
    /// How good the result is, 0 to 1; `None` when nobody judged it.
    pub score: Option<f64>,
    /// Dollars; `None` when unknown.
    pub cost: Option<f64>,
    /// Tokens read and written; `None` when unknown.
    pub tokens: Option<u64>,
    /// Why it failed: a kind of failure and its message.
    pub error: Option<(String, String)>,
    /// The other figures that were given, as they were.
    pub extra: Map<String, Value>,
    /// What it changes, if it is the verdict of a person on an execution that was recorded before.
    pub amends: Option<Amendment>,
}

impl Observation {
    /// Reads a map of metrics: those of a report, or one with the guide's keys.
    pub fn read(
        task: TaskType,
        pattern: Pattern,
        metrics: &Map<String, Value>,
    ) -> Result<Observation, MetricsError> {
        if let Some((key, near)) = metrics.keys().find_map(|key| Some((key, misspelt(key)?))) {
            return Err(MetricsError::Misspelt { key: key.clone(), near });
        }

        let rate = share(metrics, "success_rate")?.ok_or_else(|| {
            let keys: Vec<String> = metrics.keys().map(|key| format!("`{key}`")).collect();
            let found = if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
            MetricsError::NoSuccessRate { found }
        })?;

        let rest = metrics.iter().filter(|(key, _)| !READ.contains(&key.as_str()));
        let score = match share(metrics, "score")? {
            Some(score) => Some(score),
            None => share(metrics, "quality")?,
        };
        let is_demo = metrics.get("demo_calls").and_then(Value::as_u64).is_some_and(|n| n > 0);

        Ok(Observation {
            task,
            pattern,
            source: if is_demo { ObservationSource::Demo } else { ObservationSource::Live },
            at: Stamp::now(),
            run: None,
            execution: None,
            success_rate: rate,
            execution_time: amount(metrics, "execution_time", "seconds from 0 up")?,
            score,
            cost: amount(metrics, "cost", "dollars from 0 up")?,
            tokens: tokens(metrics)?,
            error: None,
            extra: clean_fields(rest.map(|(key, value)| (key.clone(), value.clone())).collect()),
            amends: None,
        })
    }

    /// Reads the metrics of a success, whose rate is 1 unless they say otherwise.
    pub fn success(
        task: TaskType,
        pattern: Pattern,
        metrics: &Map<String, Value>,
    ) -> Result<Observation, MetricsError> {
        let mut metrics = metrics.clone();
        if metrics.get("success_rate").is_none_or(Value::is_null) {
            metrics.insert("success_rate".to_owned(), 1.0.into());
        }

        let observation = Observation::read(task, pattern, &metrics)?;
        if observation.is_failure() {
            return Err(MetricsError::NoSuccess { rate: observation.success_rate });
        }
        Ok(observation)
    }

    /// Makes an observation of a failure.
    pub fn failure(task: TaskType, pattern: Pattern, failure: &Failure) -> Observation {
        Observation {
            task,
            pattern,
            source: ObservationSource::Live,
            at: Stamp::now(),
            run: None,
            execution: None,
            success_rate: 0.0,
            execution_time: None,
            score: None,
            cost: None,
            tokens: None,
            error: Some(cause(failure)),
            extra: Map::new(),
            amends: None,
        }
    }

    /// Tells whether the execution says anything about the pattern: a provider that is down, a
    /// missing key or a cancelled run does not.
    pub fn is_about_pattern(&self) -> bool {
        self.error.as_ref().is_none_or(|(kind, _)| lesson(kind).blames_pattern())
    }

    /// Tells whether the execution counts as a failure: less than half of it gave a value.
    pub fn is_failure(&self) -> bool {
        self.entry().is_failure()
    }

    /// Returns what is added to the sums of its pattern.
    pub fn entry(&self) -> SumsEntry<'_> {
        SumsEntry {
            at: self.at.0,
            success_rate: self.success_rate,
            time: self.execution_time,
            score: self.score,
            cost: self.cost,
            tokens: self.tokens,
            error: self.error.as_ref(),
        }
    }

    /// Makes the row that the store keeps; `counts` says whether it changes the sums of its pattern.
    pub fn into_row(self, counts: bool) -> ObservationRow {
        ObservationRow {
            at: self.at.0,
            task: self.task.into_name(),
            pattern: self.pattern.into_name(),
            source: self.source,
            run: self.run.map(|run| run.0),
            execution: self.execution,
            success_rate: self.success_rate,
            execution_time: self.execution_time,
            score: self.score,
            cost: self.cost,
            tokens: self.tokens,
            error: self.error,
            extra: serde_json::to_string(&self.extra).unwrap_or_default(),
            counts,
        }
    }
}

/// Returns why something failed, as it is kept: a script chooses the words of both parts.
pub fn cause(failure: &Failure) -> (String, String) {
    let kind = lesson::word(failure);
    (scrub(&kind).into_owned(), scrub(&failure.message).into_owned())
}

fn share(metrics: &Map<String, Value>, key: &'static str) -> Result<Option<f64>, MetricsError> {
    number(metrics, key, "a number from 0 to 1", |number| (0.0..=1.0).contains(&number))
}

fn amount(
    metrics: &Map<String, Value>,
    key: &'static str,
    wanted: &'static str,
) -> Result<Option<f64>, MetricsError> {
    number(metrics, key, wanted, |number| number >= 0.0)
}

fn number(
    metrics: &Map<String, Value>,
    key: &'static str,
    wanted: &'static str,
    allows: impl Fn(f64) -> bool,
) -> Result<Option<f64>, MetricsError> {
    let Some(value) = metrics.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_f64().filter(|number| number.is_finite() && allows(*number)) {
        Some(number) => Ok(Some(number)),
        None => Err(MetricsError::Wrong { key, wanted, found: value.to_string() }),
    }
}

/// Reads tokens: a number, or a report's map with `input` and `output`, which are null where a call
/// did not say what it used.
fn tokens(metrics: &Map<String, Value>) -> Result<Option<u64>, MetricsError> {
    let Some(value) = metrics.get("tokens").filter(|value| !value.is_null()) else {
        return Ok(None);
    };

    let is_null = |part: Option<&Value>| part.is_some_and(Value::is_null);
    let found = match value {
        Value::Object(map) if is_null(map.get("input")) || is_null(map.get("output")) => {
            return Ok(None);
        }
        Value::Object(map) => {
            let part = |key: &str| map.get(key).and_then(Value::as_u64);
            part("input").zip(part("output")).map(|(input, output)| input.saturating_add(output))
        }
        other => other.as_u64(),
    };

    let wanted = "a whole number, or a map with `input` and `output`";
    let wrong = || MetricsError::Wrong { key: "tokens", wanted, found: value.to_string() };
    found.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(metrics: Value) -> Result<Observation, String> {
        let Value::Object(map) = metrics else { return Err("no map".to_owned()) };
        let task = TaskType::new("t").expect("a name");
        let pattern = Pattern::new("p").expect("a name");
        Observation::read(task, pattern, &map).map_err(|error| error.to_string())
    }

    #[test]
    fn a_reports_metrics_and_the_guides_are_both_read() {
        let report = json!({ "success_rate": 0.5, "execution_time": 2, "cost": null,
            "tokens": { "input": 10, "output": 5, "reasoning": 1 }, "speedup": 2.0 });
        let read_report = read(report).expect("metrics");
        assert_eq!((read_report.tokens, read_report.cost), (Some(15), None));
        assert_eq!(read_report.extra.keys().collect::<Vec<_>>(), ["speedup"]);

        let unknown = json!({ "success_rate": 1, "tokens": { "input": null, "output": null } });
        assert_eq!(read(unknown).expect("metrics").tokens, None);

        let guide = json!({ "success_rate": 1, "execution_time": 0, "parallel_efficiency": 3 });
        assert_eq!(read(guide).expect("metrics").execution_time, Some(0.0));
    }

    #[test]
    fn a_missing_time_stays_unknown() {
        assert_eq!(read(json!({ "success_rate": 1.0 })).expect("metrics").execution_time, None);
    }

    #[test]
    fn wrong_figures_are_named() {
        let error = |value| read(value).expect_err("a wrong figure");
        assert_eq!(
            error(json!({ "success_rate": 95 })),
            "metric `success_rate` must be a number from 0 to 1, not `95`"
        );
        assert_eq!(
            error(json!({ "success_rate": 1, "execution_time": -1 })),
            "metric `execution_time` must be seconds from 0 up, not `-1`"
        );

        assert!(error(json!({ "score": 1 })).starts_with("metrics need a `success_rate`"));
    }
}
