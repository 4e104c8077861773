//! A run that was suspended may be answered in another window, on the page or by a timer. Whoever watches
//! the script is told.

use crate::base::id::RunId;
use crate::cli::app::condition::{Condition, condition};
use crate::cli::app::waiting;
use crate::cli::command::watch::round::WatchState;
use crate::cli::command::watch::{EventSource, Happening};
use crate::cli::say;
use crate::journal::event::RunStatus;
use crate::journal::history;
use std::time::Duration;

/// How often the store is asked.
const LOOK: Duration = Duration::from_secs(1);

/// A run that waits for people.
#[derive(Debug, Clone)]
pub(super) struct PeopleWait {
    /// The run.
    run: RunId,
    /// The run that continues it, once that has been told.
    told: Option<RunId>,
}

impl PeopleWait {
    pub(super) fn new(run: RunId) -> PeopleWait {
        PeopleWait { run, told: None }
    }
}

impl WatchState<'_> {
    /// Waits for the next thing to happen, and tells meanwhile what becomes of a run that waits.
    pub(super) async fn next(&mut self, events: &mut EventSource) -> Happening {
        while let Some(waiting) = self.waiting.take() {
            if let Ok(happening) = tokio::time::timeout(LOOK, events.next()).await {
                self.waiting = Some(waiting);
                return happening;
            }

            // A store that cannot be read now can be read later.
            let again = Some(waiting.clone());
            self.waiting = self.look_elsewhere(waiting).unwrap_or(again);
        }

        events.next().await
    }

    /// Tells what became of a run that waits, and returns the run that is waited for from now on.
    fn look_elsewhere(&self, waiting: PeopleWait) -> anyhow::Result<Option<PeopleWait>> {
        let Some(store) = self.project.existing_store()? else { return Ok(Some(waiting)) };
        let Some(next) = waiting::resumed(&store)?.remove(&waiting.run) else {
            return Ok(Some(waiting));
        };
        let rows = history::find(&store, &next.0)?;
        let Some(row) = rows.into_iter().find(|row| row.id == next) else {
            return Ok(Some(waiting));
        };

        if waiting.told.as_ref() != Some(&next) {
            say(&format!("run {} was answered elsewhere: run {next} continues it", waiting.run));
        }
        match condition(&row) {
            Condition::Running => Ok(Some(PeopleWait { told: Some(next), ..waiting })),
            Condition::Ended(RunStatus::Waiting) => {
                say(&format!("run {next} waits again; `kaizen runs` shows its question"));
                Ok(Some(PeopleWait::new(next)))
            }
            Condition::Ended(status) => {
                say(&format!("run {next} ended: {}; `kaizen show {next}`", status.word()));
                Ok(None)
            }
            Condition::Crashed => {
                say(&format!("run {next} crashed; `kaizen run --resume={next}` continues it"));
                Ok(None)
            }
        }
    }
}
