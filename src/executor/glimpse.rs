//! What is seen of calls while they are under way: whoever shows progress is told how the reply grows.
//! Nothing of it is journaled, and nothing depends on it.

use crate::base::id::OpId;
use crate::base::unit::Money;
use crate::executor::Executor;
use crate::executor::replies::PendingCall;
use crate::model::reply::{Usage, rough_tokens};
use crate::model::transport::TextWatch;
use std::rc::Rc;

/// A call as far as it has come.
#[derive(Debug)]
pub struct CallGlimpse<'a> {
    /// The operation that calls.
    pub op: OpId,
    /// The label of the model.
    pub model: &'a str,
    /// Whether nothing bounds the length of the reply.
    pub is_unbounded: bool,
    /// The reply so far.
    pub text: &'a str,
    /// The tokens so far, estimated.
    pub usage: Usage,
    /// What they cost, if the price is known.
    pub cost: Option<Money>,
}

/// Somebody who is told of calls under way.
pub type CallWatcher = Rc<dyn Fn(&CallGlimpse<'_>)>;

impl Executor {
    /// Tells `watcher` of every call that is made from now on, when it begins. What shows texts is told as
    /// each reply grows as well, for which servers are asked for streams.
    pub fn watch_calls(&self, watcher: CallWatcher, shows_texts: bool) {
        self.recorder.watch_calls(watcher, shows_texts);
    }

    /// Returns what is told of the text of a call, and tells that it begins.
    pub(super) fn glimpses(&self, asked: &PendingCall) -> TextWatch {
        let Some(watcher) = self.recorder.call_watcher() else { return TextWatch::default() };
        let PendingCall { op, model, request, .. } = asked;

        let op = *op;
        let model = model.clone();
        let is_unbounded = model.is_unbounded(request);
        let read = model.estimate(request, String::new()).usage.unwrap_or_default();

        let tell = move |text: &str| {
            let usage = Usage { output_visible: rough_tokens(text.len() as u64), ..read };
            let cost = model.cost(Some(&usage));
            watcher(&CallGlimpse { op, model: &model.label, is_unbounded, text, usage, cost });
        };
        tell("");
        if self.recorder.shows_texts() { TextWatch::new(tell) } else { TextWatch::default() }
    }
}
