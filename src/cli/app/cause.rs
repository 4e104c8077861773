//! Errors with their causes, for people.

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
