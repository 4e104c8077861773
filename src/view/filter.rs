//! The words with which the list of runs is filtered: `script:review status:failed cost:>0.10`, or any
//! text.

use crate::base::time_text;
use crate::view::line::RunLine;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A condition on a run.
#[derive(Debug, Clone, PartialEq)]
enum FilterTerm {
    Script(String),
    Status(String),
    Tag(String),
    Demo,
    Cost(NumberBound),
    /// In microseconds.
    Took(NumberBound),
    /// In microseconds since 1970.
    After(i64),
    Before(i64),
    Text(String),
}

/// A bound of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum NumberBound {
    Over(f64),
    Under(f64),
}

impl NumberBound {
    fn holds(self, value: f64) -> bool {
        match self {
            NumberBound::Over(bound) => value > bound,
            NumberBound::Under(bound) => value < bound,
        }
    }
}

/// What is looked for in the list of runs. All conditions have to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter(Vec<FilterTerm>);

/// What a filter asks of a run before its events are read.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// The script.
    pub script: &'a str,
    /// The word for its state.
    pub status: &'a str,
    /// When it began, in microseconds since 1970.
    pub started_at: i64,
    /// How long it took, in microseconds, if it has ended.
    pub took: Option<i64>,
}

impl RunFilter {
    /// Reads a filter. The error says which word cannot be read.
    pub fn read(text: &str) -> Result<RunFilter, String> {
        let words = text.split_whitespace();
        Ok(RunFilter(words.map(condition).collect::<Result<_, _>>()?))
    }

    /// Tells whether every run fits.
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a run may fit, by what is known before its events are read.
    pub fn may_fit(&self, facts: &RunFacts<'_>) -> bool {
        self.0.iter().all(|one| match one {
            FilterTerm::Script(part) => facts.script.to_lowercase().contains(part),
            FilterTerm::Status(word) => facts.status == word,
            FilterTerm::After(at) => facts.started_at >= *at,
            FilterTerm::Before(at) => facts.started_at < *at,
            FilterTerm::Took(bound) => facts.took.is_none_or(|took| bound.holds(micros(took))),
            FilterTerm::Tag(_) | FilterTerm::Demo | FilterTerm::Cost(_) | FilterTerm::Text(_) => {
                true
            }
        })
    }

    /// Tells whether a run fits.
    pub fn fits(&self, line: &RunLine) -> bool {
        let facts = RunFacts {
            script: &line.script,
            status: line.status,
            started_at: line.started_at,
            took: Some(line.took),
        };

        self.may_fit(&facts)
            && self.0.iter().all(|one| match one {
                FilterTerm::Tag(tag) => line.tags.contains(tag),
                FilterTerm::Demo => line.demo,
                FilterTerm::Cost(bound) => line.cost.is_some_and(|cost| bound.holds(cost)),
                FilterTerm::Text(text) => holds(line, text),
                // `may_fit` has looked at these.
                FilterTerm::Script(_)
                | FilterTerm::Status(_)
                | FilterTerm::Took(_)
                | FilterTerm::After(_)
                | FilterTerm::Before(_) => true,
            })
    }
}

fn holds(line: &RunLine, text: &str) -> bool {
    let texts = [&line.id.0, &line.script, &line.params];
    let more = [&line.failure, &line.note];
    let mut all = texts.into_iter().chain(more.into_iter().flatten()).chain(&line.tags);
    all.any(|one| one.to_lowercase().contains(text))
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double exactly")]
fn micros(took: i64) -> f64 {
    took as f64
}

fn condition(word: &str) -> Result<FilterTerm, String> {
    let text = || Ok(FilterTerm::Text(word.to_lowercase()));
    let Some((key, value)) = word.split_once(':') else { return text() };
    if value.is_empty() {
        return Err(format!("`{word}` has no value after the colon"));
    }

    match key {
        "script" => Ok(FilterTerm::Script(value.to_lowercase())),
        "status" => Ok(FilterTerm::Status(value.to_owned())),
        "tag" => Ok(FilterTerm::Tag(value.to_owned())),
        "is" if value == "demo" => Ok(FilterTerm::Demo),
        "is" => Err(format!("`{word}`: expected `is:demo`")),
        "cost" => bound(value, &|text| text.trim_start_matches('$').parse().ok())
            .map(FilterTerm::Cost)
            .ok_or_else(|| format!("`{word}`: expected dollars, such as `cost:>0.10`")),
        "took" => bound(value, &length).map(FilterTerm::Took).ok_or_else(|| {
            format!("`{word}`: expected a time, such as `took:>60` or `took:<500ms`")
        }),
        "after" => day(value)
            .map(FilterTerm::After)
            .ok_or_else(|| format!("`{word}`: expected a day, such as `after:2026-11-01`")),
        "before" => day(value)
            .map(FilterTerm::Before)
            .ok_or_else(|| format!("`{word}`: expected a day, such as `before:2026-11-01`")),
        // A path or an address, perhaps.
        _ => text(),
    }
}

fn bound(text: &str, read: &dyn Fn(&str) -> Option<f64>) -> Option<NumberBound> {
    if let Some(rest) = text.strip_prefix('<') {
        return read(rest).filter(|value| value.is_finite()).map(NumberBound::Under);
    }
    let rest = text.strip_prefix('>').unwrap_or(text);
    read(rest).filter(|value| value.is_finite()).map(NumberBound::Over)
}

/// Reads a time: `60` seconds, or `500ms`, `90s`, `2h`; in microseconds.
fn length(text: &str) -> Option<f64> {
    let seconds = text.parse::<f64>().ok();
    seconds.or_else(|| time_text::duration(text).map(|time| time.as_secs_f64())).map(|s| s * 1e6)
}

/// Reads a day, or a moment; in microseconds since 1970.
fn day(text: &str) -> Option<i64> {
    if let Some(at) = time_text::moment(text) {
        return Some(at.saturating_mul(1000));
    }
    let day: Date = text.parse().ok()?;
    let start = day.to_zoned(TimeZone::UTC).ok()?;
    Some(start.timestamp().as_microsecond())
}
