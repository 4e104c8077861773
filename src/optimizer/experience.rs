//! The learner on what a store knows: it takes in every counted observation once, in the order in
//! which they were recorded, whichever process recorded them.

use crate::optimizer::knowledge::{Knowledge, KnowledgeError};
use crate::optimizer::learner::{Change, Learner, Objective};
use crate::optimizer::observation::Source;
use crate::optimizer::pattern::{Pattern, TaskType};
use std::collections::BTreeMap;

/// What was learned from a store, up to some observation.
#[derive(Debug)]
pub struct Experience {
    /// What the user said that counts, if anything.
    given: Option<Objective>,
    learner: Learner,
    seen: i64,
    /// The last change of each pattern on each kind of task, with the time in milliseconds since
    /// 1970.
    changes: BTreeMap<(usize, usize), (Change, i64)>,
}

impl Experience {
    /// Starts with nothing taken in.
    pub fn new(given: Option<Objective>) -> Experience {
        let learner = Learner::new(given.unwrap_or(Objective::WITHOUT_COST));
        Experience { given, learner, seen: 0, changes: BTreeMap::new() }
    }

    /// Takes in what was recorded since the last time.
    pub fn refresh(
        &mut self,
        knowledge: &Knowledge,
        counts: impl Fn(Source) -> bool,
    ) -> Result<(), KnowledgeError> {
        let mut is_cost_news = false;
        let is_open = self.given.is_none() && *self.learner.objective() == Objective::WITHOUT_COST;
        knowledge.since(self.seen, |seq, at, task, pattern, source, outcome| {
            self.seen = seq;
            if !counts(source) {
                return;
            }
            is_cost_news |= outcome.cost.is_some_and(|cost| cost > 0.0);
            let (task, arm) = (self.learner.task(task), self.learner.arm(pattern));
            if let Some(change) = self.learner.record(task, arm, outcome) {
                self.changes.insert((task, arm), (change, at));
            }
        })?;
        if is_open && is_cost_news {
            // Costs count from the first one on, for all that was recorded before as well.
            self.learner = Learner::new(Objective::WITH_COST);
            (self.seen, self.changes) = (0, BTreeMap::new());
            return self.refresh(knowledge, counts);
        }
        Ok(())
    }

    /// Returns what the user said that counts, if anything.
    pub fn given(&self) -> Option<Objective> {
        self.given
    }

    /// Returns what an execution is worth.
    pub fn objective(&self) -> &Objective {
        self.learner.objective()
    }

    /// Returns the learner with the numbers of a kind of task and of patterns.
    pub fn of(&mut self, task: &TaskType, patterns: &[Pattern]) -> (&Learner, usize, Vec<usize>) {
        let task = self.learner.task(task.as_str());
        let arms = patterns.iter().map(|pattern| self.learner.arm(pattern.as_str())).collect();
        (&self.learner, task, arms)
    }

    /// Returns the last change of a pattern on a kind of task: its mean utility before and after,
    /// and when it was seen, in milliseconds since 1970.
    pub fn change(&self, task: usize, arm: usize) -> Option<(f64, f64, i64)> {
        let (change, at) = self.changes.get(&(task, arm))?;
        Some((change.from, change.to, *at))
    }
}
