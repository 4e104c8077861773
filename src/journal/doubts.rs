//! Effects in doubt of which a script was told, and by which the run failed because nobody caught that:
//! a run that resumes it decides again.

use crate::base::failure::{Failure, Kind};
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus};
use serde_json::Value;

/// The effects in doubt by which a run failed.
#[derive(Debug, Default)]
pub(super) struct Doubts(Vec<Failure>);

impl Doubts {
    /// Finds them in a journal.
    pub(super) fn of(events: &[(i64, Event)]) -> Doubts {
        let ended = events.iter().rev().find_map(|(_, event)| match event {
            Event::RunEnded { status: RunStatus::Failed, failure, .. } => Some(failure.as_ref()),
            _ => None,
        });

        let by_doubt =
            |failure: Option<&Failure>| failure.is_none_or(|one| one.kind == Kind::Unsure);
        let Some(failure) = ended.filter(|failure| by_doubt(*failure)) else {
            return Doubts::default();
        };

        // It may have failed by several operations of its flows.
        let of_flows = events.iter().filter_map(|(_, event)| match event {
            Event::OpEnded { flow, outcome: Outcome::Failed { failure }, .. } => {
                Some(failure).filter(|failure| flow.0 > 0 && failure.kind == Kind::Unsure)
            }
            _ => None,
        });
        Doubts(failure.into_iter().chain(of_flows).cloned().collect())
    }

    /// Tells whether what the script was told is one of them.
    pub(super) fn have(&self, told: &Value) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let told = serde_json::from_value::<Failure>(told["failure"].clone());
        let is_one = |told: &Failure| self.0.iter().any(|one| call_of(one) == call_of(told));
        told.is_ok_and(|told| told.kind == Kind::Unsure && is_one(&told))
    }
}

/// Returns what is in doubt: the word or tool, and with what it was called.
fn call_of(failure: &Failure) -> Option<(Option<&str>, Option<&Value>)> {
    let detail = failure.detail.as_deref()?;
    Some((detail.tool.as_deref(), detail.args.as_ref()))
}
