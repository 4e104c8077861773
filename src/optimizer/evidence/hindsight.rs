//! What was known at an earlier moment: the observations up to a number, and what follows from them. A run
//! that continues is told by it what the first one was told.

use crate::optimizer::evidence::insights::Cells;
use crate::optimizer::evidence::knowledge::{Knowledge, KnowledgeError};
use crate::optimizer::evidence::observation::ObservationSource;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::learner::Objective;
use crate::optimizer::learner::synced::SyncedLearner;

/// What was known up to an observation. Moments are asked for in the order in which they came, so each
/// costs what was recorded since the last one.
#[derive(Debug)]
pub(in crate::optimizer) struct Hindsight {
    given: Option<Objective>,
    experience: SyncedLearner,
    cells: Cells,
    end: i64,
}

impl Hindsight {
    /// Starts before everything.
    pub(in crate::optimizer) fn new(given: Option<Objective>) -> Hindsight {
        Hindsight { given, experience: SyncedLearner::new(given), cells: Cells::new(), end: 0 }
    }

    /// Goes to the moment at which an observation was the last one; false if the store does not have it.
    pub(in crate::optimizer) fn go_to(
        &mut self,
        knowledge: &Knowledge,
        demo: bool,
        end: i64,
    ) -> Result<bool, KnowledgeError> {
        if knowledge.end()? < end {
            return Ok(false);
        }
        // It only goes forward, so an earlier moment starts from nothing.
        if end < self.end {
            *self = Hindsight::new(self.given);
        }

        self.experience.refresh_to(knowledge, demo, end)?;
        knowledge.observations(self.end, end, |seen| {
            if seen.is_about_pattern() && (demo || seen.source == ObservationSource::Live) {
                let of_task = self.cells.entry(seen.task.clone()).or_default();
                of_task.entry(seen.pattern.clone()).or_default().add(&seen);
            }
        })?;

        self.end = end;
        Ok(true)
    }

    pub(in crate::optimizer) fn experience(&self) -> &SyncedLearner {
        &self.experience
    }

    /// Returns what was known for one task type, pattern by pattern.
    pub(in crate::optimizer) fn cells(&self, task: &TaskType) -> Vec<(Pattern, PatternSums)> {
        let of_task = self.cells.get(task).into_iter().flatten();
        of_task.map(|(pattern, cell)| (pattern.clone(), cell.clone())).collect()
    }
}
