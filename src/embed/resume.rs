//! What a run needs in order to continue another one.

use crate::base::failure::Kind;
use crate::base::id::RunId;
use crate::embed::error::Error;
use crate::embed::setup::Setup;
use crate::executor::recall::Figures;
use crate::journal::chain::{self, RunEvents};
use crate::journal::event::RunStatus;
use crate::journal::history::{self, HistoryError};
use crate::journal::known_replies::Replies;
use crate::journal::lineage::Lineage;
use crate::journal::past::{Failures, Past};
use crate::journal::trace::Trace;
use crate::journal::waits::Waits;
use crate::metrics::fold::Flows;
use crate::store::{self, Reader};
use serde_json::{Map, Value};
use std::rc::Rc;

/// A run that another one continues.
pub(super) struct EarlierRun {
    pub(super) id: RunId,
    pub(super) params: Map<String, Value>,
    pub(super) seed: u64,
    pub(super) replies: Replies,
    pub(super) past: Rc<Past>,
    pub(super) figures: Figures,
    /// The work that the run belongs to.
    pub(super) lineage: Lineage,
    pub(super) waits: Waits,
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Error {
        Error::Store { message: error.to_string() }
    }
}

/// Finds a run, and collects what it and those that it continued have left.
pub(super) fn find(setup: &Setup, wanted: &str) -> Result<EarlierRun, Error> {
    let store = store::open_to_read(&setup.store)?;
    let id = RunId(wanted.to_owned());
    let Some(row) = history::run(&store, &id)? else {
        return Err(Error::setup(format!("no run `{wanted}` to continue")));
    };

    let failures = failures_of(&store, &id, row.status)?;
    let events = history::read(&store, &id)?.events;
    let earlier =
        chain::earlier(&id, &events, |run| history::read(&store, run).map(|log| log.events))?;
    let lineage = Lineage::resuming(&id, |run| history::start(&store, run))?;
    let chain = [vec![(id, events)], earlier].concat();

    let mut replies = Replies::default();
    for (run, events) in chain.iter().rev() {
        replies.learn(run, events.iter().map(|(_, event)| event));
    }

    let past = Past::of(chain.iter().map(|(run, events)| (run, events.as_slice())), failures);
    let nothing = || Error::setup(format!("run {wanted} has no recorded events"));
    let (id, events) = chain.first().ok_or_else(nothing)?;
    let trace = Trace::fold(events);
    let start = trace.start.ok_or_else(nothing)?;

    Ok(EarlierRun {
        id: id.clone(),
        params: start.params,
        seed: start.seed,
        replies,
        past: Rc::new(past),
        figures: figures(&chain),
        lineage,
        waits: trace.waits.unwrap_or_default(),
    })
}

/// Decides which failures of the run are told again. One that was killed, or waits, is to go the way it
/// went. Who continues one that failed or was cancelled wants what failed to be tried again.
fn failures_of(store: &Reader, id: &RunId, status: Option<RunStatus>) -> Result<Failures, Error> {
    Ok(match status {
        None | Some(RunStatus::Waiting) => Failures::Told,
        Some(RunStatus::Failed) => match history::failure(store, id)? {
            Some(failure) if failure.kind == Kind::Unsure => Failures::Undecided,
            Some(_) | None => Failures::Forgotten,
        },
        Some(RunStatus::Ok | RunStatus::Interrupted | RunStatus::Replaced) => Failures::Forgotten,
    })
}

/// Returns the figures of all flows that had ended. Those of the run in which a flow took its time come first.
fn figures(chain: &[RunEvents]) -> Figures {
    let mut figures = Figures::default();
    for (_, events) in chain.iter().rev() {
        let mut flows = Flows::default();
        for (at, event) in events {
            flows.add(*at, event);
        }

        let mut metrics = flows.metrics();
        let trace = Trace::fold(events);
        let mut ended: Vec<_> =
            trace.flows.iter().filter(|(_, flow)| flow.ended.is_some()).collect();
        ended.sort_by_key(|(_, flow)| flow.ended);

        for (number, flow) in ended {
            if let (Some(metrics), Some(address)) = (metrics.remove(number), &flow.address) {
                figures.by_address.entry(address.clone()).or_default().push(metrics);
            }
        }
    }
    figures
}
