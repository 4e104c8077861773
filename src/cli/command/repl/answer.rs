//! `:answer`: answers a suspended run of the project, which then continues in a process of its own.

use crate::cli::app::waiting;
use crate::cli::command::repl::session::{InputEnd, ReplSession};
use crate::cli::render::waits;
use crate::cli::{print_line, say};
use anyhow::Context;
use std::io::IsTerminal;
use std::process::{Command, Stdio};

/// What stands after `:answer`.
#[derive(Debug, PartialEq, Eq)]
struct AnswerWords<'a> {
    /// The run, perhaps with a question.
    run: &'a str,
    value: Option<&'a str>,
    /// Options of `kaizen answer`, at the end.
    options: Vec<&'a str>,
}

impl AnswerWords<'_> {
    /// Reads them; `None` if there are none.
    fn read(rest: &str) -> Option<AnswerWords<'_>> {
        let mut rest = rest.trim();
        let mut options = Vec::new();
        while let Some((before, last)) = rest.rsplit_once(char::is_whitespace)
            && last.starts_with("--")
        {
            options.insert(0, last);
            rest = before.trim_end();
        }

        let (run, value) = match rest.split_once(char::is_whitespace) {
            Some((run, value)) => (run, Some(value.trim())),
            None => (rest, None),
        };
        (!run.is_empty()).then_some(AnswerWords { run, value, options })
    }
}

impl ReplSession<'_> {
    /// Answers a run, or lists those that wait for an answer.
    pub(super) fn answer(&self, rest: &str) -> anyhow::Result<InputEnd> {
        let Some(words) = AnswerWords::read(rest) else { return self.list_waiting() };

        let program = std::env::current_exe().context("cannot find the program itself")?;
        let mut command = Command::new(program);
        command.arg("answer").arg(words.run).args(words.value).args(&words.options);
        if self.global.quiet {
            command.arg("--quiet");
        }
        // What is piped into the session is for the session.
        if !std::io::stdin().is_terminal() {
            command.stdin(Stdio::null());
        }

        let status = command.status().context("cannot start `kaizen answer`")?;
        Ok(if status.success() { InputEnd::Well } else { InputEnd::Wrong })
    }

    fn list_waiting(&self) -> anyhow::Result<InputEnd> {
        let found = match self.project.existing_store()? {
            Some(store) => waiting::all(&store)?,
            None => Vec::new(),
        };
        if found.is_empty() {
            say("no run waits for an answer");
        }

        for one in found {
            print_line(&format!("{} waits:", one.row.id));
            for line in waits::lines(&one.row.id, &one.waits) {
                print_line(&format!("  {}", line.replace("`kaizen answer ", "`:answer ")));
            }
        }
        Ok(InputEnd::Well)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_at_the_end_and_the_rest_is_the_answer() {
        let check = |rest: &str, run: &str, value: Option<&str>, options: &[&str]| {
            let words = AnswerWords::read(rest).expect("words");
            assert_eq!((words.run, words.value, &*words.options), (run, value, options));
        };
        check("@", "@", None, &[]);
        check("@:2 yes, please -- now", "@:2", Some("yes, please -- now"), &[]);
        check(
            " ab  5 --allow-run=sh  --lost=tell ",
            "ab",
            Some("5"),
            &["--allow-run=sh", "--lost=tell"],
        );
        check("@ --lost=tell", "@", None, &["--lost=tell"]);
        assert_eq!(AnswerWords::read("  "), None);
    }
}
