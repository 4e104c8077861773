//! What a failure teaches. Decided by the kind of the failure alone: the words of a message say
//! nothing reliable.

use crate::base::failure::{Failure, Kind, Lesson};

/// Stands behind the name of a tool that would have worked at another time.
const OUTAGE: &str = ":outage";

impl Lesson {
    /// Returns the class of failures that teach this.
    pub fn class(self) -> &'static str {
        match self {
            Lesson::Overload => "overload",
            Lesson::Provider => "provider",
            Lesson::Time => "time",
            Lesson::Setup | Lesson::Quota => "setup",
            Lesson::Request => "request",
            Lesson::Length => "length",
            Lesson::Reply => "reply",
            Lesson::Refusal => "refusal",
            Lesson::Quality => "quality",
            Lesson::Order => "order",
            Lesson::Effort => "effort",
            Lesson::ToolUse => "use",
            Lesson::ToolOutage => "outage",
            Lesson::Loop => "loop",
            Lesson::Form => "form",
            Lesson::Stopped | Lesson::Limits => "stopped",
            Lesson::Other => "other",
        }
    }

    /// Says what to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Lesson::Overload => {
                "the provider received too many calls at once: lower `max_concurrent` or set \
                 `requests_per_minute`"
            }
            Lesson::Provider => {
                "the provider or the network failed: the pattern is not at fault; try again later"
            }
            Lesson::Time => {
                "it took too long: raise `timeout_ms`, or split the task into smaller operations"
            }
            Lesson::Setup => {
                "the model is not set up: check the key and the model's name; no pattern can work"
            }
            Lesson::Quota => {
                "the account has no quota left: top it up, or use another model; no pattern can work"
            }
            Lesson::Request => "the workflow requested something invalid: fix the script",
            Lesson::Length => {
                "the answer did not fit: raise `max_tokens`, or ask for less in one operation"
            }
            Lesson::Reply => "the reply was unusable: retry, or ask for a simpler answer format",
            Lesson::Refusal => {
                "the model refused to answer: rephrase the task, or use another model"
            }
            Lesson::Quality => {
                "the answer was wrong: give examples, let several answers vote, or split the task"
            }
            Lesson::Order => "dependent steps ran concurrently: connect them with `depends_on`",
            Lesson::Effort => {
                "the pattern does more than the task needs: use a simpler one, such as `direct`"
            }
            Lesson::ToolUse => {
                "the model used a tool wrongly: describe the tool and its arguments more clearly, or \
                 offer fewer tools"
            }
            Lesson::ToolOutage => {
                "a tool failed: the pattern is not at fault; try again later, or use a pattern without \
                 this tool"
            }
            Lesson::Loop => {
                "the model used all its steps: offer fewer tools, describe them more clearly, or raise \
                 `max_steps`"
            }
            Lesson::Form => {
                "the answer did not match its schema: use a simpler schema, give examples, or use a \
                 model that can be constrained"
            }
            Lesson::Stopped => "it was cancelled: look at the operation that failed first",
            Lesson::Limits => {
                "a budget or a missing permission stopped the run: raise the budget, or grant the \
                 permission"
            }
            Lesson::Other => "look at the failed run with `kaizen show @fail`",
        }
    }

    /// Tells whether such a failure speaks against the pattern that was used: of the others, whatever
    /// had been tried would have failed.
    pub fn blames_pattern(self) -> bool {
        match self {
            Lesson::Overload
            | Lesson::Provider
            | Lesson::Setup
            | Lesson::Quota
            | Lesson::ToolOutage
            | Lesson::Stopped
            | Lesson::Limits => false,

            Lesson::Time
            | Lesson::ToolUse
            | Lesson::Loop
            | Lesson::Form
            | Lesson::Request
            | Lesson::Length
            | Lesson::Reply
            | Lesson::Refusal
            | Lesson::Quality
            | Lesson::Order
            | Lesson::Effort
            | Lesson::Other => true,
        }
    }

    /// Tells whether such a failure says that what the pattern needs does not work for now.
    pub fn is_outage(self) -> bool {
        match self {
            Lesson::Overload
            | Lesson::Provider
            | Lesson::Setup
            | Lesson::Quota
            | Lesson::ToolOutage => true,

            Lesson::Stopped
            | Lesson::ToolUse
            | Lesson::Loop
            | Lesson::Form
            | Lesson::Limits
            | Lesson::Time
            | Lesson::Request
            | Lesson::Length
            | Lesson::Reply
            | Lesson::Refusal
            | Lesson::Quality
            | Lesson::Order
            | Lesson::Effort
            | Lesson::Other => false,
        }
    }
}

/// Returns what a kind of failure teaches, by its word as observations keep it.
pub fn lesson(kind: &str) -> Lesson {
    let tool = kind.split_once(':').filter(|(word, _)| *word == Kind::Tool.word());

    match tool {
        Some((_, name)) if name.ends_with(OUTAGE) => Lesson::ToolOutage,
        Some(_) => Lesson::ToolUse,
        None => Kind::from(kind).lesson(),
    }
}

/// Returns what a failure teaches.
pub fn of(failure: &Failure) -> Lesson {
    lesson(&word(failure))
}

/// Returns the word by which observations keep a failure: that of its kind, and for a tool its name, and
/// whether it would have worked at another time.
pub fn word(failure: &Failure) -> String {
    let tool = failure.detail.as_ref().and_then(|detail| detail.tool.as_deref());
    let Some(tool) = tool.filter(|_| failure.kind == Kind::Tool) else {
        return failure.kind.to_string();
    };

    let would_have_worked =
        |kind: &Kind| matches!(kind.lesson(), Lesson::Provider | Lesson::Overload | Lesson::Time);
    let is_outage = failure.cause.as_deref().is_some_and(would_have_worked);
    let outage = if is_outage { OUTAGE } else { "" };
    format!("{}:{tool}{outage}", Kind::Tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_down_is_no_patterns_fault() {
        assert!(!lesson("network").blames_pattern());
        assert!(!lesson("unauthorized").blames_pattern());
        assert!(lesson("unauthorized").is_outage() && !lesson("budget").is_outage());
        assert!(!lesson("budget").blames_pattern());
        assert!(lesson("wrong_answer").blames_pattern() && !lesson("wrong_answer").is_outage());
        assert!(lesson("failed").blames_pattern());
    }

    #[test]
    fn a2_the_kind_decides_and_not_the_words() {
        assert_eq!(lesson("unauthorized").class(), "setup");
        assert_eq!(lesson("write a footstep sound").class(), "other");
        assert_eq!(lesson("dependent_tasks_run_in_parallel").class(), "order");
    }

    #[test]
    fn a_tool_that_is_down_is_no_patterns_fault_and_one_that_is_misused_is() {
        let kept = |cause: Kind| {
            let cause = Failure::new(cause, "");
            let mut failure = Failure::new(Kind::Tool, "").caused_by(Some(&cause));
            failure.detail_mut().tool = Some("search".into());
            let word = word(&failure);
            let lesson = lesson(&word);
            (word, lesson.class(), lesson.blames_pattern(), lesson.is_outage())
        };

        for cause in [Kind::Network, Kind::Timeout, Kind::Server] {
            assert_eq!(kept(cause), ("tool:search:outage".to_owned(), "outage", false, true));
        }
        for cause in [Kind::Arguments, Kind::Thrown, Kind::Own("mine".into())] {
            assert_eq!(kept(cause), ("tool:search".to_owned(), "use", true, false));
        }
        assert_eq!(word(&Failure::new(Kind::Steps, "")), "steps");
        assert_eq!(
            ["steps", "invalid_output", "unsure"].map(|kind| lesson(kind).class()),
            ["loop", "form", "stopped"]
        );
    }
}
