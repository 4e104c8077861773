//! The executions that the runs before a resumed run have recorded. What it records again is the same execution if
//! it went the same way, wherever in the script that stands by now; what was tried again, or was never done before,
//! is a new one.

use crate::base::id::RunId;
use crate::optimizer::evidence::feature;
use crate::optimizer::evidence::observation::Observation;
use crate::store::NamedOutcome;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet, VecDeque};

/// How an execution went, without what a clock measured.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExecutionContent {
    /// The run in which it was done, as its name says.
    worker: RunId,
    task: String,
    pattern: String,
    success_rate: u64,
    score: Option<u64>,
    cost: Option<u64>,
    tokens: Option<u64>,
    kind: Option<String>,
}

/// Executions that may be recorded again.
#[derive(Debug)]
pub struct EarlierExecutions {
    /// The run that records.
    run: RunId,
    /// The runs that their names begin with.
    workers: Vec<RunId>,
    names: HashSet<String>,
    /// Those that were not recorded again so far, the oldest first.
    left: HashMap<ExecutionContent, VecDeque<String>>,
}

impl EarlierExecutions {
    /// Takes in what was recorded for some work.
    pub fn new(
        run: RunId,
        workers: Vec<RunId>,
        recorded: impl IntoIterator<Item = NamedOutcome>,
    ) -> EarlierExecutions {
        let names = HashSet::new();
        let left = HashMap::new();
        let mut earlier = EarlierExecutions { run, workers, names, left };

        for one in recorded {
            let NamedOutcome {
                name,
                task,
                pattern,
                success_rate,
                score,
                cost,
                tokens,
                kind,
                extra,
            } = one;
            let Some(worker) = earlier.worker(&name) else { continue };
            let extra: Map<String, Value> = serde_json::from_str(&extra).unwrap_or_default();
            let content = ExecutionContent {
                worker,
                task: feature::told_task(&extra).map_or(task, str::to_owned),
                pattern,
                success_rate: success_rate.to_bits(),
                score: score.map(f64::to_bits),
                cost: cost.map(f64::to_bits),
                tokens,
                kind,
            };

            earlier.left.entry(content).or_default().push_back(name.clone());
            earlier.names.insert(name);
        }

        earlier
    }

    /// Returns the name by which an execution is recorded: that of the one that it repeats, or one that is free.
    pub fn name(&mut self, seen: &Observation) -> Option<String> {
        let name = seen.execution.clone()?;
        let Some(worker) = self.worker(&name) else { return Some(name) };
        let task = feature::told_task(&seen.extra).unwrap_or(seen.task.as_str());
        let content = ExecutionContent {
            worker,
            task: task.to_owned(),
            pattern: seen.pattern.as_str().to_owned(),
            success_rate: seen.success_rate.to_bits(),
            score: seen.score.map(f64::to_bits),
            cost: seen.cost.map(f64::to_bits),
            tokens: seen.tokens,
            kind: seen.error.as_ref().map(|(kind, _)| kind.clone()),
        };

        if let Some(left) = self.left.get_mut(&content) {
            let own = left.iter().position(|known| *known == name).unwrap_or(0);
            if let Some(known) = left.remove(own) {
                return Some(known);
            }
        }

        let is_taken = self.names.contains(&name);
        Some(if is_taken { format!("{name} {}", self.run) } else { name })
    }

    fn worker(&self, name: &str) -> Option<RunId> {
        self.workers.iter().find(|run| name.starts_with(&run.0)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::evidence::pattern::{Pattern, TaskType};
    use serde_json::json;

    fn stored(name: &str, pattern: &str, success_rate: f64) -> NamedOutcome {
        NamedOutcome {
            name: name.to_owned(),
            task: "t".to_owned(),
            pattern: pattern.to_owned(),
            success_rate,
            score: None,
            cost: None,
            tokens: None,
            kind: None,
            extra: "{}".to_owned(),
        }
    }

    fn seen(name: &str, pattern: &str, success_rate: f64) -> Observation {
        let metrics = json!({ "success_rate": success_rate, "execution_time": 2.0 });
        let Value::Object(metrics) = metrics else { unreachable!("an object") };
        let task = TaskType::new("t").expect("a name");
        let pattern = Pattern::new(pattern).expect("a name");
        let seen = Observation::read(task, pattern, &metrics).expect("metrics");
        Observation { execution: Some(name.to_owned()), ..seen }
    }

    #[test]
    fn what_went_the_same_way_is_the_same_and_what_was_tried_again_is_new() {
        let id = |name: &str| RunId(name.to_owned());
        let all = [
            stored("one#0", "a", 1.0),
            stored("one#1", "a", 0.0),
            stored("one#2", "a", 1.0),
            stored("two#3", "b", 1.0),
        ];
        let mut earlier = EarlierExecutions::new(id("three"), vec![id("one"), id("two")], all);
        let mut name = |name, pattern, rate| earlier.name(&seen(name, pattern, rate)).expect("one");

        // A line was put before the others, so each has moved on by one place.
        assert_eq!(name("one#0", "c", 1.0), "one#0 three");
        assert_eq!(name("one#1", "a", 1.0), "one#0");
        // It failed, and was tried again.
        assert_eq!(name("one#2", "a", 0.5), "one#2 three");
        assert_eq!(name("one#3", "a", 1.0), "one#2");
        assert_eq!(name("one#4", "a", 1.0), "one#4");
        // What a fork has done in its own way is not what the other run did at the same place.
        assert_eq!(name("two#4", "a", 0.0), "two#4");
        assert_eq!(name("two#3", "b", 1.0), "two#3");
        assert_eq!(name("other#3", "b", 1.0), "other#3");
    }
}
