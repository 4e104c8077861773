//! The tries of calls, as a run has them.

use super::{EndId, PastEndKind, PastTry, Reading};
use crate::base::failure::Kind;
use crate::base::id::RunId;
use crate::base::strand::Spot;
use crate::journal::event::Event;
use crate::journal::key::Key;
use crate::model::reply::ReplyContent;
use std::rc::Rc;

impl Reading<'_> {
    pub(super) fn end_try(&mut self, call: (Key, Spot), event: &Event) {
        let Event::AttemptEnded {
            reply,
            cut,
            calls,
            opaque,
            usage,
            cost,
            served_by,
            failure,
            retry_in_ms,
            reused,
            again,
            ..
        } = event
        else {
            return;
        };

        let result = match (reply, failure) {
            (Some(reply), _) => Ok(Rc::new(ReplyContent {
                text: reply.clone(),
                calls: calls.clone(),
                opaque: opaque.clone(),
            })),
            // A call that was given up has no result that could be told again.
            (None, Some(failure)) if failure.kind == Kind::Cancelled => {
                self.given_up.insert(call);
                return;
            }
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => return,
        };

        self.add_try(call, |run| PastTry {
            place: 0,
            result,
            is_cut: *cut,
            usage: *usage,
            cost: *cost,
            served_by: served_by.clone(),
            retry_in_ms: *retry_in_ms,
            is_refused: false,
            run: reused.clone().unwrap_or(run),
            was_reused: reused.is_some() && !again,
        });
    }

    /// Adds a try, unless it is to be made again.
    pub(super) fn add_try(&mut self, call: (Key, Spot), make: impl FnOnce(RunId) -> PastTry) {
        if self.vain.contains(&call) {
            return;
        }

        let number = self.numbers.entry(call.clone()).or_default();
        let id = EndId::Try(call, *number);
        *number += 1;

        let one = make(self.run.clone());
        self.end(id, PastEndKind::Try(Box::new(one)));
    }
}
