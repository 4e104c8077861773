//! What earlier runs say about operations of the same names: what their calls took and cost.

use crate::base::unit::Money;
use crate::journal::event::Event;
use crate::journal::trace::Trace;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// The median of some numbers and their 95 % quantile.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Range {
    /// Half of the numbers are at most this.
    pub p50: f64,
    /// 95 of a hundred are at most this.
    pub p95: f64,
}

impl Range {
    pub(super) fn of(numbers: &[f64]) -> Option<Range> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // The nearest-rank quantile: the smallest number that so large a share does not exceed.
        let at =
            |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).clamp(1, last + 1) - 1];

        Some(Range { p50: at(50), p95: at(95) })
    }

    pub(super) fn one(number: f64) -> Range {
        Range { p50: number, p95: number }
    }

    pub(super) fn at_least(self, number: f64) -> Range {
        Range { p50: self.p50.max(number), p95: self.p95.max(number) }
    }

    /// Returns the range that covers both.
    pub(super) fn span(self, other: Range) -> Range {
        Range { p50: self.p50.min(other.p50), p95: self.p95.max(other.p95) }
    }

    pub(super) fn plus(self, other: Range) -> Range {
        Range { p50: self.p50 + other.p50, p95: self.p95 + other.p95 }
    }
}

/// What one call took and cost.
#[derive(Debug, Clone, Copy)]
struct CallRecord {
    /// The run that made it, by its place among those that are known.
    run: usize,
    /// Tokens read and written, if known.
    tokens: Option<(f64, f64)>,
    /// In dollars, if known.
    cost: Option<f64>,
    /// In seconds.
    time: f64,
}

/// What calls of one operation took and cost.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<CallRecord>);

/// What those calls took and cost that say something of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct CallSummary {
    pub(super) input: Option<Range>,
    pub(super) output: Option<Range>,
    /// In dollars.
    pub(super) cost: Option<Range>,
    /// In seconds.
    pub(super) time: Option<Range>,
    /// The runs that made them.
    pub(super) runs: BTreeSet<usize>,
}

impl Samples {
    /// Sums up the calls that say something of one whose reply has at most this many tokens. A reply that
    /// was longer would not be whole now.
    pub(super) fn fitting(&self, written_max: Option<u64>) -> CallSummary {
        let most = written_max.map_or(f64::INFINITY, number);
        let is_whole =
            |sample: &&CallRecord| sample.tokens.is_none_or(|(_, output)| output <= most);
        let fit: Vec<&CallRecord> = self.0.iter().filter(is_whole).collect();

        let range = |of: &dyn Fn(&CallRecord) -> Option<f64>| {
            let numbers: Vec<f64> = fit.iter().filter_map(|sample| of(sample)).collect();
            Range::of(&numbers)
        };

        CallSummary {
            input: range(&|sample| sample.tokens.map(|(input, _)| input)),
            output: range(&|sample| sample.tokens.map(|(_, output)| output)),
            cost: range(&|sample| sample.cost),
            time: range(&|sample| Some(sample.time)),
            runs: fit.iter().map(|sample| sample.run).collect(),
        }
    }
}

/// What earlier runs say about operations, by name and model.
#[derive(Debug, Default)]
pub struct CallHistory {
    runs: usize,
    samples: HashMap<(String, String), Samples>,
}

impl CallHistory {
    /// Takes in the events of a run, each with its time in microseconds.
    pub fn learn(&mut self, events: &[(i64, Event)]) {
        self.learn_run(&Trace::fold(events));
    }

    /// Takes in the calls of a run.
    pub fn learn_run(&mut self, trace: &Trace) {
        self.runs += 1;

        for (op, attempt) in trace.attempts() {
            let (Some(started), Some(end)) = (attempt.started, &attempt.end) else { continue };
            // Only a call that was made and answered says what calls take.
            if end.reused.is_some() || end.failure.is_some() {
                continue;
            }

            let name = trace.roster.shown(op).unwrap_or_default().to_owned();
            let samples = self.samples.entry((name, attempt.model.clone())).or_default();
            samples.0.push(CallRecord {
                run: self.runs,
                tokens: end.usage.map(|usage| (number(usage.input()), number(usage.output()))),
                cost: end.cost.map(Money::dollars),
                time: seconds(end.when.at - started.at),
            });
        }
    }

    /// Returns what is known of the calls of an operation to a model.
    pub(super) fn samples(&self, name: &str, model: &str) -> Option<&Samples> {
        self.samples.get(&(name.to_owned(), model.to_owned()))
    }

    /// Returns how many runs it knows.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Returns the longest time that a call took.
    pub fn longest(&self) -> Option<Duration> {
        let times = self.samples.values().flat_map(|samples| &samples.0).map(|sample| sample.time);
        times.max_by(f64::total_cmp).and_then(|time| Duration::try_from_secs_f64(time).ok())
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts and microseconds stay far below 2^53")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

fn seconds(micros: i64) -> f64 {
    number(u64::try_from(micros).unwrap_or(0)) / 1e6
}
