//! What was known at an earlier moment: the observations up to a number, and what follows from them. A run
//! that goes on is told by it what the first one was told.

use crate::optimizer::cell::Cell;
use crate::optimizer::experience::Experience;
use crate::optimizer::insights::Cells;
use crate::optimizer::knowledge::{Knowledge, KnowledgeError};
use crate::optimizer::learner::Objective;
use crate::optimizer::observation::Source;
use crate::optimizer::pattern::{Pattern, TaskType};

/// What was known up to an observation. Moments are asked for in the order in which they came, so each
/// costs what was recorded since the last one.
#[derive(Debug)]
pub(super) struct Hindsight {
    given: Option<Objective>,
    experience: Experience,
    cells: Cells,
    end: i64,
}

impl Hindsight {
    /// Starts before everything.
    pub(super) fn new(given: Option<Objective>) -> Hindsight {
        Hindsight { given, experience: Experience::new(given), cells: Cells::new(), end: 0 }
    }

    /// Goes to the moment at which an observation was the last one; false if the store does not have it.
    pub(super) fn go_to(
        &mut self,
        knowledge: &Knowledge,
        demo: bool,
        end: i64,
    ) -> Result<bool, KnowledgeError> {
        if knowledge.end()? < end {
            return Ok(false);
        }
        if end < self.end {
            *self = Hindsight::new(self.given);
        }

        self.experience.refresh_to(knowledge, demo, end)?;
        knowledge.observations(self.end, end, |seen| {
            if seen.is_about_pattern() && (demo || seen.source == Source::Live) {
                let of_task = self.cells.entry(seen.task.clone()).or_default();
                of_task.entry(seen.pattern.clone()).or_default().add(&seen);
            }
        })?;
        self.end = end;
        Ok(true)
    }

    pub(super) fn experience(&self) -> &Experience {
        &self.experience
    }

    /// Returns what was known for one kind of task, pattern by pattern.
    pub(super) fn cells(&self, task: &TaskType) -> Vec<(Pattern, Cell)> {
        let of_task = self.cells.get(task).into_iter().flatten();
        of_task.map(|(pattern, cell)| (pattern.clone(), cell.clone())).collect()
    }
}
