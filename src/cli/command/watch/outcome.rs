//! What runs have given, and how one differs from the one before.

use crate::base::id::OpId;
use crate::base::strand::Address;
use crate::base::unit::Money;
use crate::cli::app::job::JobEnd;
use crate::cli::command::doc;
use crate::cli::command::watch::elsewhere::PeopleWait;
use crate::cli::command::watch::round::WatchState;
use crate::cli::render::change::{ChangeKind, compare, cut};
use crate::cli::render::time::length;
use crate::executor::Executor;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus};
use crate::journal::trace::{Moment, OpTrace, Trace};
use crate::optimizer::stats::welch;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// Most differences that are shown without being asked for.
const CHANGES_MAX: usize = 12;
/// Widest name before a difference.
const NAME_MAX: usize = 20;

/// Numbers by path.
type Numbers = BTreeMap<String, f64>;

/// What one run has given.
#[derive(Debug, Default)]
pub(super) struct RunSummary {
    /// What happened, each with its time in microseconds.
    pub(super) events: Vec<(i64, Event)>,
    /// What the script printed.
    pub(super) printed: Vec<String>,
    /// The run, if it waits for people.
    pub(super) waiting: Option<PeopleWait>,
    /// How it ended, once it has.
    status: Option<RunStatus>,
    /// What the operations gave, by name.
    results: Map<String, Value>,
    value: Value,
    micros: i64,
    cost: Option<Money>,
}

impl RunSummary {
    /// Takes in an event.
    pub(super) fn see(&mut self, at: i64, event: &Event) {
        self.events.push((at, event.clone()));
    }

    /// Takes in the end.
    pub(super) fn finish(&mut self, executor: &Executor, end: JobEnd) {
        let JobEnd { status, value, .. } = end;
        let metrics = executor.metrics();
        let run = executor.journal().run().clone();
        self.waiting = (status == RunStatus::Waiting).then(|| PeopleWait::new(run));
        self.results = results(&self.events);
        #[allow(clippy::cast_possible_truncation, reason = "a time in microseconds")]
        let micros = (metrics.execution_time * 1e6) as i64;

        self.status = Some(status);
        self.value = value;
        self.micros = micros;
        self.cost = metrics.known_cost();
    }

    /// Returns the word for how it ended.
    fn status(&self) -> &'static str {
        self.status.map_or("", RunStatus::word)
    }

    /// Returns the numbers in the script's value, by path.
    fn numbers(&self) -> Numbers {
        let mut numbers = BTreeMap::new();
        collect(&self.value, String::new(), &mut numbers);
        numbers
    }
}

/// Where an operation stands in the program: in which flow, in which strand, and after which other
/// operations of that strand.
type OperationPlace = (Vec<u32>, Vec<u32>, Moment);

/// Collects what the operations gave, by name. Those of equal names are numbered in the order of the
/// program: what runs side by side begins and ends in another order each time.
fn results(events: &[(i64, Event)]) -> Map<String, Value> {
    let trace = Trace::fold(events);
    let mut ended: Vec<(OperationPlace, &str, &Outcome)> = Vec::new();
    for (op, operation) in &trace.operations {
        let Some((end, outcome)) = &operation.ended else { continue };

        let name = trace.roster.name(*op).unwrap_or_default();
        ended.push((place(&trace, *op, operation, *end), name, outcome));
    }
    ended.sort_by(|one, other| one.0.cmp(&other.0));

    let mut counts: HashMap<&str, u32> = HashMap::new();
    let mut results = Map::new();
    for (_, name, outcome) in ended {
        let count = counts.entry(name).or_default();
        *count += 1;

        // Operations of one name are told apart by their number.
        let name = if *count > 1 { format!("{name} {count}") } else { name.to_owned() };
        results.insert(name, result(outcome));
    }
    results
}

/// Finds where an operation stands that has ended.
fn place(trace: &Trace, op: OpId, operation: &OpTrace, end: Moment) -> OperationPlace {
    let steps = |address: &Address| address.steps();
    let flow = trace.roster.get(op).and_then(|member| trace.flows.get(&member.flow));
    let flow = flow.and_then(|flow| flow.address.as_ref());
    let began = operation.started.or(operation.expanded).unwrap_or(end);
    (flow.map(steps).unwrap_or_default(), operation.address().map(steps).unwrap_or_default(), began)
}

fn result(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Completed { value } => value.clone(),
        Outcome::Failed { failure } => json!(format!("failed: {}", failure.message)),
        Outcome::Skipped { reason } => json!(format!("skipped because {reason}")),
        Outcome::Cancelled => json!("cancelled"),
    }
}

fn collect(value: &Value, path: String, numbers: &mut Numbers) {
    match value {
        Value::Number(number) => {
            numbers.extend(number.as_f64().map(|number| (path, number)));
        }
        Value::Object(fields) => {
            for (key, inner) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(inner, path, numbers);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
}

/// The results of the last runs.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) last: Option<RunSummary>,
    before: Option<RunSummary>,
    /// The numbers of each sample of the version before, and of this one.
    samples: (Vec<Numbers>, Vec<Numbers>),
}

impl Outcomes {
    /// Takes in the result of a run, of a new version or of the same.
    pub(super) fn take(&mut self, snapshot: RunSummary, is_new: bool) {
        if is_new {
            self.samples.0 = std::mem::take(&mut self.samples.1);
        }
        if is_new || self.samples.1.is_empty() {
            self.samples.1.push(snapshot.numbers());
        }

        self.before = self.last.replace(snapshot);
    }

    /// Takes in another sample of the same version, and says it in short.
    pub(super) fn sample(&mut self, snapshot: &RunSummary) -> String {
        self.samples.1.push(snapshot.numbers());
        let cost = snapshot.cost.map_or("cost unknown".to_owned(), |cost| cost.to_string());
        let width = doc::width().saturating_sub(30).max(20);
        format!("{}  {cost}  {}", snapshot.status(), cut(&snapshot.value.to_string(), width))
    }

    /// Says what the samples tell about the numbers of the result.
    pub(super) fn tell_samples(&self, desk: &WatchState<'_>) {
        let (before, after) = &self.samples;
        let mut any = false;
        for path in after.iter().flat_map(BTreeMap::keys).collect::<std::collections::BTreeSet<_>>()
        {
            any = true;
            let of = |samples: &[Numbers]| -> Vec<f64> {
                samples.iter().filter_map(|sample| sample.get(path).copied()).collect()
            };

            let name = if path.is_empty() { "value" } else { path };
            desk.tell(&format!("  {name}  {}", verdict(&of(before), &of(after))));
        }

        if !any {
            desk.tell("the script's value contains no number to compare");
        }
    }
}

/// Compares samples of a number before and after a change.
fn verdict(before: &[f64], after: &[f64]) -> String {
    let mean = |numbers: &[f64]| {
        let count = u32::try_from(numbers.len()).map_or(f64::NAN, f64::from);
        numbers.iter().sum::<f64>() / count
    };

    let now = format!("{} (n = {})", number(mean(after)), after.len());
    if before.is_empty() {
        return now;
    }

    let then = format!("{} (n = {})", number(mean(before)), before.len());
    let Some(interval) = welch(before, after) else {
        return format!("{then} → {now}: too few samples to compare; press [n] for more");
    };

    let low = number(interval.low);
    let high = number(interval.high);
    let words = if interval.low > 0.0 {
        "higher"
    } else if interval.high < 0.0 {
        "lower"
    } else {
        "not distinguishable yet, press [n] for more"
    };

    format!("{then} → {now}: {words} (difference {low} to {high} at 90 %)")
}

fn number(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Shows how the last result differs from the one before; everything, or what fits.
pub(super) fn show_changes(desk: &WatchState<'_>, everything: bool) {
    let outcomes = &desk.outcomes;
    let (Some(before), Some(last)) = (&outcomes.before, &outcomes.last) else {
        if everything {
            desk.tell("no previous run to compare with");
        }
        return;
    };

    let cost = before.cost.map_or("cost unknown".to_owned(), |cost| cost.to_string());
    let was = format!("(previous run: {}, {}, {cost})", before.status(), length(before.micros));
    let width = if everything { 0 } else { doc::width().saturating_sub(NAME_MAX + 4).max(20) };
    let changes = changes(before, last, width);

    if changes.is_empty() {
        return desk.tell(&format!("the result is unchanged  {was}"));
    }

    desk.tell(&format!("changes in the result  {was}"));
    let shown = if everything { changes.len() } else { CHANGES_MAX };
    let name = |change: &ChangeKind| cut(&change.path, NAME_MAX);
    let wide = changes.iter().take(shown).map(|c| name(c).chars().count()).max().unwrap_or(0);

    for change in changes.iter().take(shown) {
        desk.tell(&format!("  {:wide$}  {}", name(change), change.text));
    }

    if changes.len() > shown {
        desk.tell(&format!("  … and {} more: press [d] for all", changes.len() - shown));
    }
}

fn changes(before: &RunSummary, last: &RunSummary, width: usize) -> Vec<ChangeKind> {
    let results = json!(before.results);
    let value = &before.value;
    let mut changes = compare("", &results, &json!(last.results), width);

    // A value that is a result of an operation as well is shown once.
    let known: Vec<String> = changes.iter().map(|change| change.text.clone()).collect();
    let of_value = compare("value", value, &last.value, width);
    changes.extend(of_value.into_iter().filter(|change| !known.contains(&change.text)));

    if changes.is_empty() {
        let text = |snapshot: &RunSummary| json!(snapshot.printed.join("\n"));
        changes = compare("printed", &text(before), &text(last), width);
    }

    if before.status != last.status {
        let text = format!("{} → {}", before.status(), last.status());
        changes.insert(0, ChangeKind { path: "status".to_owned(), text });
    }

    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_samples_decide_nothing_and_many_do() {
        assert_eq!(verdict(&[], &[0.5]), "0.5 (n = 1)");

        let one = verdict(&[0.71], &[0.78]);
        assert_eq!(
            one,
            "0.71 (n = 1) → 0.78 (n = 1): too few samples to compare; press [n] for more"
        );

        let near = verdict(&[0.5, 0.7, 0.6], &[0.6, 0.8, 0.5]);
        assert!(near.contains("not distinguishable yet"), "{near}");

        let far = verdict(&[0.5, 0.52, 0.51], &[0.9, 0.92, 0.91]);
        assert!(far.contains("higher (difference 0.383 to 0.417"), "{far}");
    }
}
