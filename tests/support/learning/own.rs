//! kaizen itself, in the way that scripts use it: `recommend` and `record_execution` of an optimizer,
//! with a clock that is set, never the learner alone.

use super::rival::{Policy, Task};
use super::truth::{Seen, Worth};
use super::world::World;
use kaizen::base::clock::{Stamp, TimeSource};
use kaizen::base::rng::Rng;
use kaizen::optimizer::Optimizer;
use kaizen::optimizer::choice::policy::Recommendation;
use kaizen::optimizer::choice::recommendation::Manner;
use kaizen::optimizer::evidence::feature::Features;
use kaizen::optimizer::evidence::knowledge::Knowledge;
use kaizen::optimizer::evidence::pattern::TaskType;
use kaizen::optimizer::learner::{Constraints, Objective};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// When the clock begins, in milliseconds since 1970.
const BEGINNING: i64 = 1_700_000_000_000;

/// An optimizer at work.
pub(crate) struct Own {
    optimizer: Optimizer,
    task_types: Vec<String>,
    patterns: Vec<String>,
    clock: Rc<Cell<i64>>,
    /// Milliseconds between two executions.
    tempo: i64,
    /// The changes that were told: of which task type and pattern, and when.
    changes: BTreeSet<(usize, String, i64)>,
}

impl Own {
    /// Starts on a throw-away store.
    pub(crate) fn new(world: &World, tempo: i64, seed: u64) -> Own {
        let clock = Rc::new(Cell::new(BEGINNING));
        let told = clock.clone();
        let worth = world.worth;
        let objective = world.is_told_worth.then_some(Objective {
            quality: worth.quality,
            time: worth.time,
            cost: worth.cost,
            time_half: Some(worth.time_half),
            cost_half: Some(worth.cost_half),
        });
        let within = Constraints {
            p95_time: world.limits.p95_time,
            max_cost: world.limits.max_cost,
            min_success: None,
        };
        let manner = Manner { within, ..Manner::default() };
        let knowledge = Rc::new(Knowledge::in_memory().expect("a store in memory"));

        Own {
            optimizer: Optimizer::new(
                knowledge,
                kaizen::optimizer::choice::policy::Policy::default(),
                false,
            )
            .choosing(objective, manner, seed)
            .by_time(TimeSource::new(move || Stamp(told.get()))),
            task_types: world.task_types.clone(),
            patterns: (0..world.arms()).map(|arm| format!("pattern{arm:02}")).collect(),
            clock,
            tempo,
            changes: BTreeSet::new(),
        }
    }

    /// Returns what it recommends.
    pub(crate) fn recommend(&self, task: &Task, there: &[usize]) -> Recommendation {
        let among: Vec<String> = there.iter().map(|arm| self.patterns[*arm].clone()).collect();
        let of = task.length.map(|length| Features::read(&json!({ "length": length })));
        let of = of.transpose().expect("a feature").unwrap_or_default();
        let task_type =
            self.optimizer.task_type(&self.task_types[task.task_type], &of).expect("a task type");
        self.optimizer.recommend(task_type.as_str(), &among).expect("a recommendation")
    }

    /// Returns by what it counts for a task type.
    pub(crate) fn counts_by(&self, task_type: usize, worth: Worth) -> Worth {
        let task_type = TaskType::new(&self.task_types[task_type]).expect("a name");
        let scale = self.optimizer.scale(&task_type).expect("a scale");
        Worth { time_half: scale.time_half, cost_half: scale.cost_half, ..worth }
    }

    /// Returns the number of a pattern.
    pub(crate) fn number(&self, pattern: &str) -> usize {
        self.patterns.iter().position(|known| known == pattern).expect("one of the patterns")
    }
}

impl Policy for Own {
    fn pick(&mut self, task: &Task, there: &[usize], _: &mut Rng) -> usize {
        let found = self.recommend(task, there);
        for one in found.ranked.iter().chain(&found.alternatives) {
            let shift =
                one.shift.map(|shift| (task.task_type, one.pattern.to_string(), shift.at.0));
            self.changes.extend(shift);
        }
        self.number(found.pattern.as_str())
    }

    fn changes(&self) -> usize {
        self.changes.len()
    }

    fn learn(&mut self, task: &Task, arm: usize, seen: &Seen) {
        self.clock.set(self.clock.get() + self.tempo);

        let mut metrics = Map::new();
        metrics.insert("success_rate".to_owned(), seen.success.into());
        for (key, value) in
            [("score", seen.quality), ("execution_time", seen.time), ("cost", seen.cost)]
        {
            metrics.insert(key.to_owned(), value.map_or(Value::Null, Value::from));
        }
        if let Some(length) = task.length {
            metrics.insert("of".to_owned(), json!({ "length": length }));
        }
        let (task_type, pattern) = (&self.task_types[task.task_type], &self.patterns[arm]);
        self.optimizer.record_execution(task_type, pattern, &metrics, false).expect("recorded");
    }
}
