//! Which operation may start when: a state machine without clock, tasks or conditions.

use std::collections::VecDeque;
use std::ops::Range;

/// One operation as the schedule sees it.
#[derive(Debug, Clone, Default)]
struct ScheduleSlot {
    /// How many operations it still waits for.
    waits_for: usize,
    /// The operations that wait for it.
    dependants: Vec<usize>,
}

/// The schedule of one flow. Operations are numbered from 0; new ones may join while it runs.
#[derive(Debug)]
pub struct Schedule {
    slots: Vec<ScheduleSlot>,
    ready: VecDeque<usize>,
    in_flight: usize,
    unsettled: usize,
    limit: usize,
}

impl Schedule {
    /// Creates the schedule of `count` operations, of which at most `limit` are under way at once.
    /// `edges` are pairs of an operation and one that waits for it.
    pub fn new(
        count: usize,
        edges: impl IntoIterator<Item = (usize, usize)>,
        limit: usize,
    ) -> Schedule {
        let mut slots = vec![ScheduleSlot::default(); count];
        for (source, target) in edges {
            slots[source].dependants.push(target);
            slots[target].waits_for += 1;
        }

        let ready = (0..count).filter(|op| slots[*op].waits_for == 0).collect();
        Schedule { slots, ready, in_flight: 0, unsettled: count, limit: limit.max(1) }
    }

    /// Takes the next operation that may start, unless the limit is reached.
    pub fn start(&mut self) -> Option<usize> {
        if self.in_flight >= self.limit {
            return None;
        }

        let op = self.ready.pop_front()?;
        self.in_flight += 1;
        Some(op)
    }

    /// Settles a started operation: what waits for it may become ready.
    pub fn settle(&mut self, op: usize) {
        self.in_flight -= 1;
        self.unsettled -= 1;

        let dependants = std::mem::take(&mut self.slots[op].dependants);
        for target in dependants {
            self.slots[target].waits_for -= 1;
            if self.slots[target].waits_for == 0 {
                self.ready.push_back(target);
            }
        }
    }

    /// Adds `count` operations that a started one has been expanded into, and makes it wait for
    /// them: it becomes ready again when the last of them is settled. Returns their numbers.
    pub fn expand(&mut self, op: usize, count: usize) -> Range<usize> {
        let first = self.slots.len();
        let children = first..first + count;
        let child = ScheduleSlot { waits_for: 0, dependants: vec![op] };
        self.slots.extend(std::iter::repeat_n(child, count));

        self.unsettled += count;
        self.in_flight -= 1;
        self.slots[op].waits_for = count;

        // Without children it waits for nothing.
        if count == 0 {
            self.ready.push_back(op);
        }
        self.ready.extend(children.clone());
        children
    }

    /// Tells whether every operation is settled.
    pub fn is_done(&self) -> bool {
        self.unsettled == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn operations_without_dependencies_start_at_once() {
        let mut schedule = Schedule::new(3, [], 9);
        assert_eq!(std::iter::from_fn(|| schedule.start()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn the_limit_is_kept() {
        let mut schedule = Schedule::new(3, [], 2);
        assert_eq!(
            (schedule.start(), schedule.start(), schedule.start()),
            (Some(0), Some(1), None)
        );

        schedule.settle(0);
        assert_eq!(schedule.start(), Some(2));
    }

    #[test]
    fn an_expanded_operation_waits_for_its_children() {
        let mut schedule = Schedule::new(2, [(0, 1)], 9);
        assert_eq!(schedule.start(), Some(0));
        assert_eq!(schedule.expand(0, 2), 2..4);
        assert_eq!(
            (schedule.start(), schedule.start(), schedule.start()),
            (Some(2), Some(3), None)
        );

        schedule.settle(3);
        assert_eq!(schedule.start(), None);
        schedule.settle(2);
        assert_eq!(schedule.start(), Some(0));

        schedule.settle(0);
        assert_eq!(schedule.start(), Some(1));
        schedule.settle(1);
        assert!(schedule.is_done());
    }

    #[test]
    fn random_graphs_start_each_operation_once_after_all_it_waits_for() {
        for seed in 0..300 {
            let mut rng = Rng::seeded(seed);
            let count = 1 + usize::try_from(rng.below(30)).expect("small");
            let limit = 1 + usize::try_from(rng.below(5)).expect("small");
            let edges: Vec<(usize, usize)> = (0..count)
                .flat_map(|a| (a + 1..count).map(move |b| (a, b)))
                .filter(|_| rng.below(5) == 0)
                .collect();

            let mut schedule = Schedule::new(count, edges.iter().copied(), limit);
            let mut running = Vec::new();
            let mut settled = Vec::new();
            while !schedule.is_done() {
                while let Some(op) = schedule.start() {
                    let early = edges.iter().any(|(a, b)| *b == op && !settled.contains(a));
                    assert!(!early, "seed {seed}: {op} started before what it waits for");
                    running.push(op);
                }

                assert!(!running.is_empty() && running.len() <= limit, "seed {seed}");
                let at = rng.below(running.len() as u64);
                let op = running.swap_remove(usize::try_from(at).expect("small"));
                schedule.settle(op);
                settled.push(op);
            }

            settled.sort_unstable();
            assert_eq!(settled, (0..count).collect::<Vec<_>>(), "seed {seed}");
        }
    }
}
