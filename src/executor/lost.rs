//! Effects that began in the run that this one resumes, and of which nobody knows whether they took
//! place: the run stopped before their end was recorded.

use crate::base::failure::{Failure, Kind};
use crate::base::secret;
use crate::base::strand::Spot;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use std::fmt;
use std::rc::Rc;

/// Most characters of a call that a message shows.
const SHOWN_MAX: usize = 200;

/// Whether an effect may take place again where nobody knows whether it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing lasts of it, or it does no harm twice.
    Allowed,
    /// Twice would be once too often.
    Forbidden,
}

/// What becomes of an effect in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostDecision {
    /// The run stops.
    Stop,
    /// It takes place again.
    Repeat,
    /// The script gets an error that it can catch.
    Tell,
}

/// Asks people what to do; the text says what is in doubt.
pub type AskLost = Rc<dyn Fn(String) -> LocalBoxFuture<'static, LostDecision>>;

/// How it is decided.
#[derive(Clone)]
pub enum LostRule {
    /// Always in the same way.
    Fixed(LostDecision),
    /// By people.
    Ask(AskLost),
}

impl Default for LostRule {
    fn default() -> LostRule {
        LostRule::Fixed(LostDecision::Stop)
    }
}

impl fmt::Debug for LostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LostRule::Fixed(decision) => f.debug_tuple("Fixed").field(decision).finish(),
            LostRule::Ask(_) => f.write_str("Ask"),
        }
    }
}

impl Executor {
    /// Decides what becomes of effects in doubt.
    #[must_use]
    pub fn on_lost(mut self, rule: LostRule) -> Executor {
        self.lost = rule;
        self
    }

    /// Returns what the script is told of an effect that is in doubt, if it is to be told; nothing if
    /// the effect takes place now. A run that stops waits here for its end.
    pub(super) async fn doubt(
        &self,
        what: &Inquiry,
        at: &Spot,
        repeat: Repeat,
    ) -> Result<Option<Value>, Stop> {
        if repeat == Repeat::Allowed || !self.memory.was_begun(what, at) {
            return Ok(None);
        }

        let decision = match &self.lost {
            LostRule::Fixed(decision) => *decision,
            LostRule::Ask(ask) => {
                let text =
                    format!("{} [r]un it again, [t]hrow an error, or [S]top? ", in_doubt(what));
                self.outside(ask(text)).await
            }
        };

        match decision {
            LostDecision::Repeat => Ok(None),
            LostDecision::Tell => Ok(Some(json!({ "failure": failure(what, "") }))),
            LostDecision::Stop => {
                // A replay of this run has to find it in doubt as well.
                self.keep(&Event::EffectBegan { what: what.clone(), at: at.clone() }).await?;
                let help = "; `kaizen run --resume --lost=repeat` runs it again, `--lost=tell` makes \
                            it an error that the script can catch";
                self.stop_for(failure(what, help)).await
            }
        }
    }

    /// Says what a replay finds at an effect that the recorded run does not know: where that run stopped because the
    /// effect was in doubt, so does the replay.
    pub(super) async fn unknown_in_replay(&self, what: &Inquiry, at: &Spot) -> Stop {
        if self.memory.was_begun(what, at) {
            self.turns.stop().await;
            self.stop_for(failure(what, "")).await
        } else {
            self.news().await;
            self.diverged(what).into()
        }
    }
}

/// Says what is in doubt.
fn in_doubt(what: &Inquiry) -> String {
    let call = secret::beginning(&DoubtfulCall::of(what).shown, SHOWN_MAX);
    format!("the run stopped during `{call}`, and nobody knows whether it took effect.")
}

fn failure(what: &Inquiry, help: &str) -> Failure {
    let said = in_doubt(what);
    let message = format!("{}{help}", said.trim_end_matches('.'));
    let mut failure = Failure::new(Kind::Unsure, message);

    let call = DoubtfulCall::of(what);
    let detail = failure.detail_mut();
    detail.tool = Some(call.tool.into());
    detail.args = call.args;
    failure
}

/// A call in doubt.
struct DoubtfulCall {
    /// As people read it.
    shown: String,
    /// The word or tool.
    tool: String,
    args: Option<Value>,
}

impl DoubtfulCall {
    fn of(what: &Inquiry) -> DoubtfulCall {
        let found = match what {
            Inquiry::About(Topic::Command, text) => DoubtfulCall::of_program(text),
            Inquiry::About(Topic::McpCall | Topic::HostCall, text) => DoubtfulCall::of_tool(text),
            Inquiry::About(..) | Inquiry::Bare(_) | Inquiry::Unknown(_) => None,
        };
        found.unwrap_or_else(|| DoubtfulCall {
            shown: what.to_string(),
            tool: what.topic().map(|topic| topic.word().to_owned()).unwrap_or_default(),
            args: None,
        })
    }

    fn of_program(text: &str) -> Option<DoubtfulCall> {
        let parts: Vec<Value> = serde_json::from_str(text).ok()?;
        let part = |place: usize| parts.get(place).cloned().unwrap_or_default();
        Some(DoubtfulCall {
            shown: format!("command({}, {})", part(0), part(1)),
            tool: Topic::Command.word().to_owned(),
            args: Some(json!([part(0), part(1)])),
        })
    }

    fn of_tool(text: &str) -> Option<DoubtfulCall> {
        let (tool, args) = text.split_once(' ')?;
        Some(DoubtfulCall {
            shown: format!("{tool}({args})"),
            tool: tool.to_owned(),
            args: serde_json::from_str(args).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_of_a_server_in_doubt_is_named_with_its_arguments() {
        let what = Inquiry::About(Topic::McpCall, r#"files__write {"path":"a b"}"#.to_owned());
        let shown = failure(&what, "").to_value();
        let told = (&shown["message"], &shown["tool"], &shown["args"]);
        let message = "the run stopped during `files__write({\"path\":\"a b\"})`, and nobody knows \
                       whether it took effect";
        assert_eq!(told, (&json!(message), &json!("files__write"), &json!({ "path": "a b" })));
    }

    #[test]
    fn a_program_in_doubt_is_named_with_its_arguments() {
        let what = Inquiry::About(Topic::Command, r#"["sh",["-c","date >> log"],""]"#.to_owned());
        let failure = failure(&what, "");
        assert_eq!(
            failure.message,
            "the run stopped during `command(\"sh\", [\"-c\",\"date >> log\"])`, and nobody knows \
             whether it took effect"
        );

        let shown = failure.to_value();
        let told = (&shown["kind"], &shown["tool"], &shown["args"], &shown["retryable"]);
        let args = json!(["sh", ["-c", "date >> log"]]);
        assert_eq!(told, (&json!("unsure"), &json!("command"), &args, &json!(false)));
    }
}
