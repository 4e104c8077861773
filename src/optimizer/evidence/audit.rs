//! Whether the sums that are kept are those of the observations.

use crate::optimizer::evidence::insights::Cells;
use crate::optimizer::evidence::observation::{Observation, ObservationSource};
use crate::optimizer::evidence::sums::{PatternSums, Sums};

/// Most differences that are named one by one.
const NAMED_MAX: usize = 5;

/// The sums of observations that were gone through again.
#[derive(Debug, Default)]
pub struct Audit {
    /// Of live ones.
    live: Cells,
    /// Of those of the demo model as well, which the one that recorded them may have counted.
    all: Cells,
}

impl Audit {
    /// Takes in the next observation.
    pub fn add(&mut self, seen: &Observation) {
        if !seen.is_about_pattern() {
            return;
        }

        let add = |to: &mut Cells| {
            let of_task = to.entry(seen.task.clone()).or_default();
            of_task.entry(seen.pattern.clone()).or_default().add(seen);
        };
        add(&mut self.all);
        if seen.source == ObservationSource::Live {
            add(&mut self.live);
        }
    }

    /// Compares the sums that are kept, and names what differs.
    pub fn compare(&self, kept: &Cells) -> Vec<String> {
        let of = |cells: &Cells, task, pattern| -> Option<PatternSums> {
            cells.get(task)?.get(pattern).cloned()
        };

        let mut faults = Vec::new();
        let both = self.all.iter().chain(kept);
        let names = both.flat_map(|(task, cells)| cells.keys().map(move |pattern| (task, pattern)));
        let names: std::collections::BTreeSet<_> = names.collect();
        for (task, pattern) in names {
            let kept = of(kept, task, pattern).unwrap_or_default();
            let live = of(&self.live, task, pattern).unwrap_or_default();
            let all = of(&self.all, task, pattern).unwrap_or_default();

            let is_same = |sums: &PatternSums| figures(sums) == figures(&kept);
            // Where only some of those that recorded counted the demo model, no sums can be told.
            let is_mixed = live.n < kept.n && kept.n < all.n;
            if !(is_same(&live) || is_same(&all) || is_mixed) {
                faults.push(format!(
                    "the sums of `{pattern}` on `{task}` (n={}, successes {}) are not those of its \
                     observations (n={}, successes {})",
                    kept.n, kept.success_sum, live.n, live.success_sum
                ));
            }
        }

        if faults.len() > NAMED_MAX {
            let more = faults.len() - NAMED_MAX;
            faults.truncate(NAMED_MAX);
            faults.push(format!("and {more} more sums differ"));
        }
        faults
    }
}

/// Returns what is kept: no sums of squares of costs and tokens.
fn figures(cell: &PatternSums) -> impl PartialEq + '_ {
    let PatternSums { n, success_sum, time, score, cost, tokens, failures, last_at, last_error } =
        cell;

    let plain = |sums: &Sums| (sums.n, sums.sum);
    let counts = (*n, *failures, *last_at, last_error);
    (counts, *success_sum, *time, *score, plain(cost), plain(tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::evidence::pattern::{Pattern, TaskType};
    use serde_json::json;

    fn seen(source: ObservationSource, score: f64) -> Observation {
        let metrics = json!({ "success_rate": 1.0, "score": score, "cost": 0.1 });
        let metrics = metrics.as_object().expect("an object");
        let task = TaskType::new("t").expect("a name");

        let seen = Observation::read(task, Pattern::new("p").expect("a name"), metrics);
        Observation { source, ..seen.expect("figures") }
    }

    fn faults(kept: &[Observation], observed: &[Observation]) -> usize {
        let mut audit = Audit::default();
        let mut sums = Audit::default();
        for seen in observed {
            audit.add(seen);
        }
        for seen in kept {
            sums.add(seen);
        }

        audit.compare(&sums.all).len()
    }

    #[test]
    fn sums_of_other_observations_are_found() {
        let one = seen(ObservationSource::Live, 0.5);
        let other = seen(ObservationSource::Live, 0.6);
        let demo = seen(ObservationSource::Demo, 0.5);
        let good = [one.clone(), other.clone()];
        let twice = [one.clone(), one.clone()];
        let both = [one.clone(), demo];

        assert_eq!(faults(&good, &good), 0);
        assert_eq!(faults(&good[..1], &good), 1, "one is missing");
        assert_eq!(faults(&good, &good[..1]), 1, "one is too many");
        assert_eq!(faults(&[], &good), 1, "all are missing");
        assert_eq!(faults(&twice, &good), 1, "the same count, another score");
        assert_eq!(faults(&both[..1], &both), 0, "the demo not counted");
        assert_eq!(faults(&both, &both), 0, "the demo counted");
    }
}
