//! What the pages of cost, failures and decisions know of a run. It is small, is made once of the bones of a
//! run that has ended, and is kept for every run, so that a page that looks at thousands of them reads each
//! only once.

use crate::base::failure::Kind;
use crate::base::id::OpId;
use crate::base::unit::Money;
use crate::cli::ui::DAY;
use crate::view::skeleton::{OpEnd, Skeleton};
use std::collections::BTreeMap;

/// Calls of a model on a day that were made and whose price is known.
#[derive(Debug, Default)]
pub(in crate::cli) struct DayCost {
    pub(in crate::cli) calls: u64,
    pub(in crate::cli) cost: Money,
}

/// Failures of one kind on a day.
#[derive(Debug)]
pub(in crate::cli) struct DayFailures {
    pub(in crate::cli) count: u64,
    /// When the first and the last of them happened.
    pub(in crate::cli) first: i64,
    pub(in crate::cli) last: i64,
    /// What the last one says.
    pub(in crate::cli) message: String,
    /// The first operation that failed so, with its name; none if the run as a whole did.
    pub(in crate::cli) op: Option<(OpId, String)>,
    /// When that happened.
    pub(in crate::cli) at: i64,
}

/// What is known of a run.
#[derive(Debug, Default)]
pub(in crate::cli) struct RunDigest {
    /// Calls that were made.
    pub(in crate::cli) calls: u64,
    /// What calls cost, by day and model.
    pub(in crate::cli) costs: BTreeMap<(i64, String), DayCost>,
    /// What known replies saved.
    pub(in crate::cli) saved: Money,
    /// Calls whose price is unknown.
    pub(in crate::cli) unknown: u64,
    /// Whether a budget ended it.
    pub(in crate::cli) is_capped: bool,
    /// What failed, by kind and day.
    pub(in crate::cli) failures: BTreeMap<(String, i64), DayFailures>,
    /// The events that say something beside the operations.
    pub(in crate::cli) said: Vec<i64>,
}

impl RunDigest {
    /// Makes it of the bones of a run.
    pub(in crate::cli) fn of(skeleton: &Skeleton) -> RunDigest {
        let mut digest = RunDigest { said: skeleton.said.clone(), ..RunDigest::default() };

        for (op, bones) in &skeleton.ops {
            if let (Some(OpEnd::Failed(failure)), Some((at, _))) = (&bones.outcome, bones.ended) {
                let name = || (*op, skeleton.name(*op));
                digest.fail(&failure.kind, &failure.message, at, Some(name));
            }
        }
        digest.add_calls(skeleton);

        let end = skeleton.end.as_ref().and_then(|end| end.failure.as_ref());
        digest.is_capped = end.is_some_and(|end| Kind::from(end.kind.as_str()) == Kind::Budget);
        // What ended a run counts once, by its operation if it came from one.
        if let Some(failure) = end.filter(|failure| failure.op.is_none()) {
            let none: Option<fn() -> (OpId, String)> = None;
            digest.fail(&failure.kind, &failure.message, skeleton.last_at, none);
        }
        digest
    }

    fn add_calls(&mut self, skeleton: &Skeleton) {
        for call in skeleton.ops.values().flat_map(|bones| &bones.calls) {
            let Some(end) = &call.end else {
                self.unknown += 1;
                continue;
            };
            if end.is_unmade {
                continue;
            }
            if end.is_reused {
                self.saved += end.cost.unwrap_or_default();
                continue;
            }

            self.calls += 1;
            if call.demo {
                continue;
            }
            let Some(cost) = end.cost else {
                self.unknown += u64::from(end.failure.is_none());
                continue;
            };
            let model = skeleton.models.get(call.model).cloned().unwrap_or_default();
            let day = self.costs.entry((end.at / DAY, model)).or_default();
            day.calls += 1;
            day.cost += cost;
        }
    }

    fn fail(
        &mut self,
        kind: &str,
        message: &str,
        at: i64,
        op: Option<impl FnOnce() -> (OpId, String)>,
    ) {
        let key = (kind.to_owned(), at / DAY);
        if let Some(known) = self.failures.get_mut(&key) {
            known.count += 1;
            known.first = known.first.min(at);
            if at >= known.last {
                known.last = at;
                message.clone_into(&mut known.message);
            }
            return;
        }

        let op = op.map(|name| name());
        let message = message.to_owned();
        let new = DayFailures { count: 1, first: at, last: at, message, op, at };
        self.failures.insert(key, new);
    }
}
