//! Errors with their causes, for people, and the exit codes that they lead to.

use crate::cli::app::config::ConfigError;
use crate::cli::app::engine::EngineChoiceError;
use crate::cli::app::exit::Exit;
use crate::cli::app::shared_store::StoreChoiceError;
use crate::cli::app::trust;
use crate::cli::say;
#[cfg(feature = "engine")]
use crate::fleet::remote::EngineError;
use crate::journal::history::HistoryError;
use crate::model::registry::ModelError;
use crate::optimizer::evidence::knowledge::KnowledgeError;
use crate::store::StoreError;

/// Says an error and its causes, each once: many errors already say what their cause says.
pub(in crate::cli) fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Tells that the program has a bug, without the secrets that the message may hold.
pub(in crate::cli) fn tell_bug(bug: &std::panic::PanicHookInfo<'_>) {
    let trace = std::backtrace::Backtrace::capture();
    let trace = match trace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
        _ => " (set RUST_BACKTRACE=1 for a backtrace)".to_owned(),
    };
    say(&format!("kaizen {} has a bug: {bug}{trace}", env!("CARGO_PKG_VERSION")));
}

/// Finds the exit code for an error that ended a command.
pub(in crate::cli) fn exit_for(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if cause.is::<StoreError>() || cause.is::<HistoryError>() || cause.is::<KnowledgeError>() {
            return Exit::Store;
        }
        if cause.is::<StoreChoiceError>() || cause.is::<EngineChoiceError>() {
            return Exit::Usage;
        }
        #[cfg(feature = "engine")]
        if let Some(error) = cause.downcast_ref::<EngineError>() {
            return exit_of_engine(error);
        }
        if cause.is::<trust::UntrustedProject>() {
            return Exit::Permission;
        }
        if cause.is::<ConfigError>() || cause.is::<ModelError>() {
            return Exit::Refused;
        }
    }

    Exit::Failed
}

#[cfg(feature = "engine")]
fn exit_of_engine(error: &EngineError) -> Exit {
    match error {
        EngineError::Away { .. } | EngineError::Refused { .. } => Exit::Provider,
        EngineError::File { .. }
        | EngineError::NoRun { .. }
        | EngineError::OtherContent { .. }
        | EngineError::OtherStore { .. } => Exit::Usage,
        EngineError::Terminated { .. } => Exit::Interrupted,
        EngineError::GivenUp { .. } | EngineError::Other { .. } => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `x`: {source}")]
    struct Unread {
        source: io::Error,
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let none = || io::Error::other("no such file");
        let own = anyhow::Error::from(Unread { source: none() });
        assert_eq!(sentence(&own), "cannot read `x`: no such file");

        let outer = Err::<(), _>(own).context("cannot open the project").unwrap_err();
        assert_eq!(sentence(&outer), "cannot open the project: cannot read `x`: no such file");

        let bare = Err::<(), _>(none()).context("cannot read `y`").unwrap_err();
        assert_eq!(sentence(&bare), "cannot read `y`: no such file");
    }
}
