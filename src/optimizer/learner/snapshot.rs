//! Everything that was learned as bytes, and back bit by bit. The same executions in the same order
//! give the same bytes. Structs are taken apart by name and without `..`, so that a new field cannot
//! be forgotten.

use super::cell::FadingSums;
use super::fit::HierarchyLevel;
use super::scale::Gauge;
use super::streak::FailureStreak;
use super::task_state::TaskState;
use super::{Goal, Learner, Objective};
use crate::optimizer::learner::packed::{ByteReader, Packing};
use std::collections::HashMap;

impl Learner {
    /// Adds everything that was learned to bytes.
    pub fn pack(&self, to: &mut Packing) {
        let Learner {
            goal,
            levels,
            task_types,
            groups,
            tasks,
            names,
            arms: _, // the same as `names`
            surprise,
            executions,
            known_on,
            noise,
            spread,
            between,
        } = self;

        pack_goal(goal, to);
        to.count(names.len());
        for ((name, (surprise, at)), known_on) in names.iter().zip(surprise).zip(known_on) {
            to.text(name);
            to.pair((*surprise, *known_on));
            to.whole(i64::from(*at));
        }

        to.count(levels.len());
        for (level, name) in levels.iter().zip(by_number(groups, levels.len())) {
            to.text(name);
            pack_level(level, to);
        }

        to.count(task_types.len());
        for (state, name) in task_types.iter().zip(by_number(tasks, task_types.len())) {
            to.text(name);
            pack_task_type(state, to);
        }

        to.whole(i64::from(*executions));
        to.pair(*noise);
        to.pair(*spread);
        to.number(*between);
    }

    /// Reads what was learned from bytes; `None` if they are none of a learner.
    pub fn unpack(from: &mut ByteReader<'_>) -> Option<Learner> {
        let mut learner = Learner::toward(unpack_goal(from)?);

        for arm in 0..from.count()? {
            let name = from.text()?;
            let (surprise, known_on) = from.pair()?;
            learner.arms.insert(name.to_owned(), arm);
            learner.names.push(name.to_owned());
            learner.surprise.push((surprise, i32::try_from(from.whole()?).ok()?));
            learner.known_on.push(known_on);
        }

        let arms = learner.names.len();
        learner.levels.clear();
        for number in 0..from.count()? {
            let name = from.text()?;
            if number > 0 {
                learner.groups.insert(name.to_owned(), number);
            }
            learner.levels.push(unpack_level(from, number, arms)?);
        }

        let count = from.count()?;
        (learner.task_types, learner.tasks) =
            (Vec::with_capacity(count), HashMap::with_capacity(count));
        for number in 0..count {
            learner.tasks.insert(from.text()?.to_owned(), number);
            learner.task_types.push(unpack_task_type(from, learner.levels.len(), arms)?);
        }

        learner.executions = i32::try_from(from.whole()?).ok()?;
        (learner.noise, learner.spread) = (from.pair()?, from.pair()?);
        learner.between = from.number()?;

        Some(learner)
    }
}

fn pack_goal(goal: &Goal, to: &mut Packing) {
    let Goal::Given(Objective { quality, time, cost, time_half, cost_half }) = goal else {
        to.count(0);
        return;
    };

    to.count(1);
    for number in [quality, time, cost] {
        to.number(*number);
    }
    // No scale is 0, so that stands for none that is named.
    for half in [time_half, cost_half] {
        to.number(half.unwrap_or(0.0));
    }
}

fn unpack_goal(from: &mut ByteReader<'_>) -> Option<Goal> {
    if from.below(2)? == 0 {
        return Some(Goal::Usual);
    }

    Some(Goal::Given(Objective {
        quality: from.number()?,
        time: from.number()?,
        cost: from.number()?,
        time_half: Some(from.number()?).filter(|half| *half != 0.0),
        cost_half: Some(from.number()?).filter(|half| *half != 0.0),
    }))
}

/// Returns names in the order of their numbers; the root has none.
fn by_number(names: &HashMap<String, usize>, length: usize) -> Vec<&str> {
    let mut ordered = vec![""; length];
    for (name, number) in names {
        ordered[*number] = name;
    }

    ordered
}

fn pack_level(level: &HierarchyLevel, to: &mut Packing) {
    let HierarchyLevel { parent, sums, messages } = level;
    // The root has no parent, and is nobody's child: every other level is a later one.
    to.count(parent.unwrap_or(0));

    for map in [sums, messages] {
        // In one order, so that equal learners have equal bytes.
        let mut all: Vec<_> = map.iter().collect();
        all.sort_unstable_by_key(|(arm, _)| **arm);
        to.count(all.len());
        for (arm, pair) in all {
            to.count(*arm);
            to.pair(*pair);
        }
    }
}

fn unpack_level(from: &mut ByteReader<'_>, number: usize, arms: usize) -> Option<HierarchyLevel> {
    let parent = from.below(number.max(1))?;
    let mut map = || -> Option<HashMap<usize, (f64, f64)>> {
        (0..from.count()?).map(|_| Some((from.below(arms)?, from.pair()?))).collect()
    };
    Some(HierarchyLevel { parent: (number > 0).then_some(parent), sums: map()?, messages: map()? })
}

fn pack_task_type(state: &TaskState, to: &mut Packing) {
    let TaskState {
        level,
        cells,
        ease,
        ease_variance,
        unsteady,
        age,
        spread,
        has_cost,
        row,
        time,
        cost,
    } = state;
    to.count(*level);
    to.count(usize::from(*has_cost));
    to.pair((*ease, *ease_variance));
    to.pair((*unsteady, *age));
    to.pair(*spread);

    row.pack(to);
    time.pack(to);
    cost.pack(to);

    to.count(cells.len());
    for (arm, cell) in cells {
        to.count(*arm);
        cell.pack(to);
    }
}

fn unpack_task_type(from: &mut ByteReader<'_>, levels: usize, arms: usize) -> Option<TaskState> {
    let level = from.below(levels)?;
    let has_cost = from.below(2)? == 1;
    let (ease, ease_variance) = from.pair()?;
    let ((unsteady, age), spread) = (from.pair()?, from.pair()?);
    let row = FailureStreak::unpack(from, arms)?;
    let time = Gauge::unpack(from, arms)?;
    let cost = Gauge::unpack(from, arms)?;

    let count = from.count()?;
    let mut cells = Vec::with_capacity(count.min(arms));
    for _ in 0..count {
        cells.push((from.below(arms)?, FadingSums::unpack(from)?));
    }

    Some(TaskState {
        level,
        cells,
        ease,
        ease_variance,
        unsteady,
        age,
        spread,
        has_cost,
        row,
        time,
        cost,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::optimizer::learner::ExecutionOutcome;

    /// Returns everything that was learned as bytes.
    pub(in super::super) fn bytes(learner: &Learner) -> Vec<u8> {
        let mut packing = Packing::default();
        learner.pack(&mut packing);
        packing.into_bytes()
    }

    /// Lets a learner go through executions on several groups, with times, costs and changes.
    fn live(learner: &mut Learner, executions: u32, rng: &mut Rng) {
        let names =
            ["review/rust", "review", "plan", "review/go/async", "a/b/c/d/e", "/x", "review/c"];
        for n in 0..executions {
            let pick = usize::try_from(rng.below(7)).expect("small");
            let task = learner.task(names[pick]);

            let arm = usize::try_from(rng.below(3)).expect("small");
            let rate = if n > executions / 2 { 0.2 } else { [0.4, 0.9, 0.6][arm] };
            let arm = learner.arm(["a", "b", "c"][arm]);

            let outcome = ExecutionOutcome {
                success: f64::from(u8::from(rng.unit() < rate)),
                quality: (pick > 2).then(|| rng.unit()),
                time: (pick != 4).then(|| 30.0 * rng.unit()),
                cost: (pick == 1).then(|| 0.1 * rng.unit()),
            };

            learner.record(task, arm, &outcome);
        }
    }

    #[test]
    fn a_learner_that_was_packed_goes_on_as_if_it_had_never_been_away() {
        for executions in [0, 1, 10, 3000] {
            let mut learner = Learner::new(Objective::WITH_COST);
            live(&mut learner, executions, &mut Rng::seeded(1));
            let whole = bytes(&learner);
            let mut packed = ByteReader::new(&whole);
            let mut again = Learner::unpack(&mut packed).expect("a learner");
            assert!(packed.is_empty());
            assert_eq!(bytes(&again), whole);
            live(&mut learner, 500, &mut Rng::seeded(2));
            live(&mut again, 500, &mut Rng::seeded(2));
            assert!(bytes(&again) == bytes(&learner), "after {executions} executions");
        }
    }

    #[test]
    fn bytes_that_were_cut_are_no_learner() {
        let mut learner = Learner::new(Objective::WITH_COST);
        live(&mut learner, 50, &mut Rng::seeded(1));
        let whole = bytes(&learner);
        for length in 0..whole.len() {
            assert!(
                Learner::unpack(&mut ByteReader::new(&whole[..length])).is_none(),
                "{length} bytes"
            );
        }
    }
}
