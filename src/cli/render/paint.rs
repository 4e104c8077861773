//! Colours for how things went: on a terminal that shows colours, and nowhere else.

use crate::base::visible::painted;
use crate::cli::app::condition::Condition;
use crate::flow::outcome::Outcome;
use crate::journal::event::RunStatus;
use crate::view::row::OpState;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Which of the two streams shows colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli) struct Colors {
    pub(in crate::cli) out: bool,
    pub(in crate::cli) err: bool,
}

/// How something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Mood {
    /// As it should.
    Good,
    /// Not as it should, or not to its end.
    Doubtful,
    /// It failed.
    Bad,
}

impl Mood {
    /// Tells how an operation went.
    pub(in crate::cli) fn of_outcome(outcome: &Outcome) -> Mood {
        match outcome {
            Outcome::Completed { .. } => Mood::Good,
            Outcome::Failed { .. } => Mood::Bad,
            Outcome::Skipped { .. } | Outcome::Cancelled => Mood::Doubtful,
        }
    }

    /// Tells how an operation goes; `None` while nothing can be said of it.
    pub(in crate::cli) fn of_operation(state: OpState) -> Option<Mood> {
        match state {
            OpState::Completed => Some(Mood::Good),
            OpState::Failed => Some(Mood::Bad),
            OpState::Skipped | OpState::Cancelled | OpState::Running | OpState::Unfinished => {
                Some(Mood::Doubtful)
            }
            OpState::Waiting | OpState::NotStarted => None,
        }
    }

    /// Tells how a run ended; `None` if another one took its place, or will continue it.
    pub(in crate::cli) fn of_status(status: RunStatus) -> Option<Mood> {
        match status {
            RunStatus::Ok => Some(Mood::Good),
            RunStatus::Failed => Some(Mood::Bad),
            RunStatus::Interrupted => Some(Mood::Doubtful),
            RunStatus::Replaced | RunStatus::Waiting => None,
        }
    }

    /// Tells how a run goes.
    pub(in crate::cli) fn of_run(condition: Condition) -> Option<Mood> {
        match condition {
            Condition::Ended(status) => Mood::of_status(status),
            Condition::Running | Condition::Crashed => Some(Mood::Doubtful),
        }
    }
}

static COLORS: OnceLock<Colors> = OnceLock::new();

/// Says once which streams show colours. Until then, none does.
pub(in crate::cli) fn set(colors: Colors) {
    // A second call comes from nobody.
    let _ = COLORS.set(colors);
}

fn colors() -> Colors {
    COLORS.get().copied().unwrap_or_default()
}

/// Colours a text for stdout, if it tells how something went.
pub(in crate::cli) fn out(text: &str, mood: impl Into<Option<Mood>>) -> String {
    painted_if(colors().out, text, mood.into())
}

/// Colours a text for stderr, if it tells how something went.
pub(in crate::cli) fn err(text: &str, mood: impl Into<Option<Mood>>) -> String {
    painted_if(colors().err, text, mood.into())
}

fn painted_if(shows_colors: bool, text: &str, mood: Option<Mood>) -> String {
    match mood.filter(|_| shows_colors) {
        Some(mood) => colored(text, mood),
        None => text.to_owned(),
    }
}

/// Colours the word at the beginning of a line on stderr that says how bad it is.
pub(in crate::cli) fn headed(line: &str) -> Cow<'_, str> {
    for (head, mood) in [("error:", Mood::Bad), ("note:", Mood::Doubtful)] {
        if let Some(rest) = line.strip_prefix(head).filter(|_| colors().err) {
            return format!("{}{rest}", colored(head, mood)).into();
        }
    }
    line.into()
}

/// Tells whether stderr shows colours.
pub(in crate::cli) fn is_err_colored() -> bool {
    colors().err
}

fn colored(text: &str, mood: Mood) -> String {
    let code = match mood {
        Mood::Good => "32",
        Mood::Doubtful => "33",
        Mood::Bad => "31",
    };
    painted(text, code)
}
