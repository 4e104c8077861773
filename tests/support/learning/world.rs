//! A simulated world: task types, patterns, and what happens to them. Everything that chance does
//! follows from the number of the instance, the place in the order and the pattern, so that all
//! policies meet the very same tasks and, where they choose alike, the very same outcomes.

use super::truth::{Seen, Truth, Worth};
use kaizen::base::rng::Rng;

/// What a family of worlds asks of its patterns.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// 95 of 100 executions end within this time, in seconds.
    pub(crate) p95_time: Option<f64>,
    /// Most dollars of an execution, in the mean.
    pub(crate) max_cost: Option<f64>,
}

/// Another truth from one place in the order up to another one.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) truths: Vec<Vec<Truth>>,
}

/// A world of tasks.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The task types by name.
    pub(crate) task_types: Vec<String>,
    /// What is known beforehand of the inputs of each task type, about; nothing for nothing. Task types may have
    /// one name then, and who is not told takes them for one.
    pub(crate) lengths: Vec<f64>,
    /// By task type, then pattern.
    pub(crate) truths: Vec<Vec<Truth>>,
    pub(crate) phases: Vec<Phase>,
    /// A pattern that is not there before some place in the order.
    pub(crate) comes: Option<(usize, usize)>,
    /// How often each task type comes, summed up.
    pub(crate) traffic: Vec<f64>,
    /// By what it is counted.
    pub(crate) worth: Worth,
    /// Whether the optimizer is told so; otherwise it has its usual objective.
    pub(crate) is_told_worth: bool,
    pub(crate) limits: Limits,
    pub(crate) horizon: usize,
    /// Choices whose outcome is not known yet.
    pub(crate) in_flight: usize,
    /// What everybody is told before the first choice: task type, pattern, and how it went.
    pub(crate) told: Vec<(usize, usize, Seen)>,
    /// The chance that a success is judged.
    pub(crate) judged: f64,
    /// The number of the instance.
    pub(crate) instance: u64,
}

impl World {
    /// A world in which nothing changes.
    pub(crate) fn new(truths: Vec<Vec<Truth>>) -> World {
        World {
            task_types: (0..truths.len()).map(|task_type| format!("kind{task_type}")).collect(),
            traffic: (0..truths.len()).map(|task_type| float(task_type + 1)).collect(),
            lengths: Vec::new(),
            truths,
            phases: Vec::new(),
            comes: None,
            worth: Worth::WITHOUT_COST,
            is_told_worth: false,
            limits: Limits::default(),
            horizon: 1000,
            in_flight: 0,
            told: Vec::new(),
            judged: 1.0,
            instance: 0,
        }
    }

    /// A world of one task type.
    pub(crate) fn of_one(truths: Vec<Truth>) -> World {
        World::new(vec![truths])
    }

    pub(crate) fn arms(&self) -> usize {
        self.truths[0].len()
    }

    /// Changes the patterns of all task types for a while, as `change` says.
    pub(crate) fn for_a_while(
        &mut self,
        from: usize,
        to: usize,
        change: impl Fn(usize, &mut Truth),
    ) {
        let mut truths = self.truths.clone();
        for task_type in &mut truths {
            task_type.iter_mut().enumerate().for_each(|(arm, truth)| change(arm, truth));
        }
        self.phases.push(Phase { from, to, truths });
    }

    /// Tells whether a pattern can be chosen at a place in the order.
    pub(crate) fn is_there(&self, time: usize, arm: usize) -> bool {
        self.comes.is_none_or(|(late, from)| arm != late || time >= from)
    }

    /// The phase at a place in the order, if there is one.
    pub(crate) fn phase(&self, time: usize) -> Option<usize> {
        self.phases.iter().position(|phase| (phase.from..phase.to).contains(&time))
    }

    /// What holds in a phase.
    pub(crate) fn truths_in(&self, phase: Option<usize>) -> &[Vec<Truth>] {
        phase.map_or(&self.truths, |phase| &self.phases[phase].truths)
    }

    /// The task type of the task at a place in the order.
    pub(crate) fn task_type_at(&self, time: usize) -> usize {
        let at = self.chance(time, u64::MAX).unit() * self.traffic.last().copied().unwrap_or(1.0);
        self.traffic.partition_point(|sum| *sum <= at).min(self.task_types.len() - 1)
    }

    /// The task type that a task type is taken for by who is told its name alone.
    pub(crate) fn alike(&self, task_type: usize) -> usize {
        self.task_types
            .iter()
            .position(|name| *name == self.task_types[task_type])
            .unwrap_or(task_type)
    }

    /// What is known of the input at a place in the order.
    pub(crate) fn length_at(&self, time: usize, task_type: usize) -> Option<f64> {
        let length = self.lengths.get(task_type)?;
        Some(length + self.chance(time, u64::MAX - 1).unit())
    }

    /// How a pattern does at a place in the order.
    pub(crate) fn outcome(&self, time: usize, task_type: usize, arm: usize) -> Seen {
        let truth = &self.truths_in(self.phase(time))[task_type][arm];
        truth.draw(self.judged, &mut self.chance(time, arm as u64))
    }

    pub(crate) fn is_feasible(&self, truth: &Truth) -> bool {
        self.limits.p95_time.is_none_or(|limit| truth.p95() < limit)
            && self.limits.max_cost.is_none_or(|limit| truth.cost.unwrap_or(0.0) < limit)
    }

    /// The mean worth of every pattern on every task type in a phase; nothing for what breaks a limit.
    pub(crate) fn worths_in(&self, phase: Option<usize>) -> Vec<Vec<f64>> {
        let each = |truth: &Truth| {
            if self.is_feasible(truth) { truth.worth(&self.worth) } else { 0.0 }
        };
        self.truths_in(phase).iter().map(|task_type| task_type.iter().map(each).collect()).collect()
    }

    /// A source of chance for one place in the order and one thing that happens there.
    fn chance(&self, time: usize, what: u64) -> Rng {
        let mut seed = self.instance;
        for part in [time as u64, what] {
            seed = Rng::seeded(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93)).next_u64();
        }
        Rng::seeded(seed)
    }
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// Brings items into an order of chance.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for at in (1..items.len()).rev() {
        let other = usize::try_from(rng.below(at as u64 + 1)).expect("small");
        items.swap(at, other);
    }
}
