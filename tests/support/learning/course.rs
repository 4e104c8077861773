//! Policies at work in worlds, and what came of it.

use super::family::world;
use super::gate::{Line, family};
use super::own::Own;
use super::rival::{Policy, RIVALS, Task, rival};
use super::truth::Seen;
use super::world::{World, float};
use kaizen::base::rng::Rng;
use std::collections::VecDeque;

/// Milliseconds between two executions: a millisecond, a minute, half a day.
pub(crate) const TEMPOS: [(&str, i64); 3] =
    [("1 ms", 1), ("1 min", 60_000), ("12 h", 12 * 3_600_000)];

/// What came of one policy in one world.
#[derive(Debug, Clone, Default)]
pub(crate) struct Went {
    /// What was lost against always choosing the best.
    pub(crate) regret: f64,
    /// Share of what the best would have earned, after 50, 200 and all choices.
    pub(crate) share: [f64; 3],
    /// Share of choices that broke a limit.
    pub(crate) broken: f64,
    /// Share of choices of the best pattern in the second half.
    pub(crate) best_late: f64,
    /// When changes were told, in choices.
    pub(crate) changes: Vec<usize>,
    /// How often the pattern that was the best was executed from when it changed until that was told.
    pub(crate) seen_after: Option<usize>,
}

/// Lets a policy work in a world.
pub(crate) fn work(world: &World, policy: &mut dyn Policy, rng: &mut Rng) -> Went {
    let usual = world.worths_in(None);
    let phases: Vec<_> = (0..world.phases.len()).map(|at| world.worths_in(Some(at))).collect();
    let (mut went, mut earned, mut possible) = (Went::default(), 0.0, 0.0);
    let (mut broken, mut best_late) = (0, 0);
    let (mut watched, mut known) = (0, 0);
    let mut open: VecDeque<(Task, usize, Seen)> = VecDeque::new();

    for (task_type, arm, seen) in &world.told {
        policy.learn(&Task { task_type: *task_type, length: None }, *arm, seen);
    }

    for time in 0..world.horizon {
        let (task_type, phase) = (world.task_type_at(time), world.phase(time));
        let there: Vec<usize> =
            (0..world.arms()).filter(|arm| world.is_there(time, *arm)).collect();
        let task =
            Task { task_type: world.alike(task_type), length: world.length_at(time, task_type) };
        let arm = policy.pick(&task, &there, rng);
        if policy.changes() > known {
            known = policy.changes();
            went.changes.push(time);
            went.seen_after = went.seen_after.or((watched > 0).then_some(watched));
        }
        let changes_at = world.phases.first().map_or(usize::MAX, |phase| phase.from);
        watched +=
            usize::from(time >= changes_at && usual[task_type][arm] >= top(&usual[task_type]));

        let worth = &phase.map_or(&usual, |phase| &phases[phase])[task_type];
        let best = there.iter().map(|arm| worth[*arm]).fold(0.0, f64::max);
        earned += worth[arm];
        possible += best;
        broken += usize::from(!world.is_feasible(&world.truths_in(phase)[task_type][arm]));
        best_late += usize::from(time >= world.horizon / 2 && worth[arm] >= best);

        open.push_back((task, arm, world.outcome(time, task_type, arm)));
        if open.len() > world.in_flight {
            let (task, arm, seen) = open.pop_front().expect("one at least");
            policy.learn(&task, arm, &seen);
        }

        for (at, share) in [(50, 0), (200, 1)] {
            if time + 1 == at {
                went.share[share] = earned / possible;
            }
        }
    }

    went.regret = possible - earned;
    went.share[2] = earned / possible;
    went.broken = float(broken) / float(world.horizon);
    went.best_late = float(best_late) / float(world.horizon - world.horizon / 2);
    went
}

fn top(worths: &[f64]) -> f64 {
    worths.iter().copied().fold(0.0, f64::max)
}

/// Lets a rival work in many instances of a family.
pub(crate) fn rivals(family: &str, name: &str, instances: u32) -> Vec<Went> {
    (0..instances)
        .map(|instance| {
            let world = world(family, instance);
            work(&world, &mut *rival(name, &world), &mut Rng::seeded(world.instance ^ 1))
        })
        .collect()
}

/// Lets kaizen work in the same instances, with this many milliseconds between executions.
pub(crate) fn own(family: &str, tempo: i64, instances: u32) -> Vec<Went> {
    (0..instances)
        .map(|instance| {
            let world = world(family, instance);
            let seed = world.instance ^ 2;
            work(&world, &mut Own::new(&world, tempo, seed), &mut Rng::seeded(seed))
        })
        .collect()
}

/// Lets everybody work in a family.
pub(crate) fn line(name: &str, instances: u32) -> Line {
    let each = RIVALS.iter().map(|rival| (*rival, rivals(name, rival, instances)));
    Line { family: family(name), own: own(name, TEMPOS[0].1, instances), rivals: each.collect() }
}

/// The names of all policies, kaizen first.
pub(crate) fn policies() -> impl Iterator<Item = &'static str> {
    ["kaizen"].into_iter().chain(RIVALS.iter().copied())
}

/// The regrets of many instances.
pub(crate) fn regrets(went: &[Went]) -> Vec<f64> {
    went.iter().map(|went| went.regret).collect()
}
