//! Whether what is told of patterns is true: how often the intervals hold, and how often the pattern that is
//! believed to be the best is the best.

use super::course::TEMPOS;
use super::family::world;
use super::own::Own;
use super::rival::{Policy, Task};
use super::world::{World, float};
use kaizen::optimizer::choice::policy::{RankedPattern, Recommendation};

/// Choices after which the leader is looked at.
const LOOKS: [usize; 7] = [20, 50, 100, 200, 400, 700, 999];
/// The classes of what is told of the leader.
pub(crate) const CLASSES: [(f64, f64); 4] = [(0.5, 0.7), (0.7, 0.9), (0.9, 0.975), (0.975, 1.01)];
/// What is nearly as good as the best.
const NEARLY: f64 = 0.01;

/// How often something was so.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) held: usize,
    pub(crate) all: usize,
}

impl Count {
    fn add(&mut self, holds: bool) {
        self.held += usize::from(holds);
        self.all += 1;
    }

    pub(crate) fn share(self) -> f64 {
        float(self.held) / float(self.all.max(1))
    }
}

/// What was told of leaders in one class.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Told {
    /// The sum of what was told.
    pub(crate) sum: f64,
    pub(crate) best: Count,
    pub(crate) nearly: Count,
}

impl Told {
    /// The mean of what was told.
    pub(crate) fn mean(&self) -> f64 {
        self.sum / float(self.best.all.max(1))
    }
}

fn all_of(found: &Recommendation) -> impl Iterator<Item = &RankedPattern> {
    found.ranked.iter().chain(&found.alternatives)
}

/// Lets kaizen work in a world, and looks at what it recommends.
fn watch(world: &World, mut look: impl FnMut(usize, &Task, &Own, &Recommendation)) {
    let mut own = Own::new(world, TEMPOS[0].1, world.instance ^ 2);
    for (task_type, arm, seen) in &world.told {
        own.learn(&Task { task_type: *task_type, length: None }, *arm, seen);
    }

    for time in 0..world.horizon {
        let task_type = world.task_type_at(time);
        let task = Task { task_type, length: None };
        let there: Vec<usize> = (0..world.arms()).collect();
        let found = own.recommend(&task, &there);
        look(time, &task, &own, &found);
        let arm = own.number(found.pattern.as_str());
        own.learn(&task, arm, &world.outcome(time, task_type, arm));
    }
}

/// How often the intervals hold after all choices: of patterns with one to four executions, and with
/// five or more.
pub(crate) fn coverage(family: &str, instances: u32) -> [Count; 2] {
    let mut counts = [Count::default(); 2];

    for instance in 0..instances {
        let world = world(family, instance);
        let truths = world.truths_in(world.phase(world.horizon - 1));
        watch(&world, |time, _, own, _| {
            if time + 1 < world.horizon {
                return;
            }
            for (task_type, truths) in truths.iter().enumerate() {
                let by = own.counts_by(task_type, world.worth);
                let there: Vec<usize> = (0..world.arms()).collect();
                let found = own.recommend(&Task { task_type, length: None }, &there);
                for one in all_of(&found).filter(|one| one.cell.n > 0) {
                    let truth = truths[own.number(one.pattern.as_str())].worth(&by);
                    let holds = (one.interval.low..=one.interval.high).contains(&truth);
                    counts[usize::from(one.cell.n >= 5)].add(holds);
                }
            }
        });
    }
    counts
}

/// What is told of the pattern that is believed to be the best, by class.
pub(crate) fn leaders(family: &str, instances: u32) -> [Told; CLASSES.len()] {
    let mut told = [Told::default(); CLASSES.len()];

    for instance in 0..instances {
        let world = world(family, instance);
        watch(&world, |time, task, own, found| {
            if !LOOKS.contains(&time) {
                return;
            }
            let worths = &world.worths_in(world.phase(time))[task.task_type];
            let best = worths.iter().copied().fold(0.0, f64::max);
            let leader = all_of(found)
                .max_by(|a, b| a.best.unwrap_or(0.0).total_cmp(&b.best.unwrap_or(0.0)));
            let Some((leader, share)) = leader.and_then(|one| Some((one, one.best?))) else {
                return;
            };

            let worth = worths[own.number(leader.pattern.as_str())];
            let class = CLASSES.iter().position(|(low, high)| (*low..*high).contains(&share));
            if let Some(class) = class {
                told[class].sum += share;
                told[class].best.add(worth >= best);
                told[class].nearly.add(worth >= best - NEARLY);
            }
        });
    }
    told
}
