//! What servers of tools list and answer: effects that may be known from somewhere else than the resumed
//! run, namely the cassette of a test, or an earlier round of `kaizen watch`.

use crate::base::failure::Failure;
use crate::base::strand::Strand;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::lost::Repeat;
use crate::executor::replies::TapedResult;
use crate::executor::replies::assumption::Unknown;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::journal::known_results::PLACE;
use serde_json::Value;

/// A call of a server.
#[derive(Debug)]
pub struct ServerEffect {
    /// What is asked.
    pub what: Inquiry,
    /// Whether it may be asked again where nobody knows what came of it.
    pub repeat: Repeat,
    /// Whether an answer that an earlier round of `watch` got will do. It has to be of this version of the
    /// tool and of the server's settings.
    pub version: Option<String>,
}

impl Executor {
    /// Asks a server of tools, or returns what came of it in the run that this one resumes, in the
    /// cassette, or in an earlier round. `ready` has the server ready: what is lost while it starts has not
    /// begun. It is not called where the answer is known, nor in a plan, which gets `planned`.
    pub async fn effect_of_server(
        &self,
        strand: &Strand,
        call: ServerEffect,
        planned: Value,
        ready: impl AsyncFnOnce() -> Result<(), Failure>,
        ask: impl AsyncFnOnce() -> Result<Value, Failure>,
    ) -> Result<Value, Stop> {
        let ServerEffect { what, repeat, version } = call;
        let what = what.without_secrets();
        let (nth, source) = self.replies.of_server(&what, version.as_deref());
        let is_asked = matches!(source, TapedResult::Ask) && !self.is_dry();

        let asked = what.clone();
        let permit = async || {
            let made_ready = if is_asked { ready().await } else { Ok(()) };
            if let Err(failure) = &made_ready {
                self.replies.keep_of_server(&asked, nth, Err(failure));
            }
            made_ready
        };
        let work = async || {
            let value = match source {
                TapedResult::Known(known) => known.map_err(|failure| *failure)?,
                TapedResult::Never(failure) => return Err(*failure),
                TapedResult::Ask => {
                    let answer = ask().await;
                    self.replies.keep_of_server(&asked, nth, answer.as_ref());
                    answer?
                }
            };
            Ok(in_place(value, &asked, nth))
        };
        self.effect(strand, (what, repeat), planned, permit, work).await
    }

    /// Returns the newest list of a server's tools that is known, for a plan: it starts no server.
    pub fn planned_list(&self, what: &Inquiry) -> Option<Value> {
        let known = self.replies.reuse().and_then(|reuse| {
            let replies = reuse.replies();
            replies.results().newest(what).cloned()
        });
        if known.is_none()
            && let Some(guess) = self.guess()
        {
            guess.meet(Unknown::Replies);
        }
        known
    }
}

/// Says in the journal how often a call was made before: calls without an answer leave no trace there, and
/// answers stand in the order in which they came.
fn in_place(mut value: Value, what: &Inquiry, nth: u32) -> Value {
    if what.topic() == Some(Topic::McpCall)
        && let Some(fields) = value.as_object_mut()
    {
        fields.insert(PLACE.to_owned(), nth.into());
    }
    value
}
