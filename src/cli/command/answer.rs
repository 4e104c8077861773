//! `kaizen answer RUN [VALUE]`: answers the question of a suspended run, which then continues.

use crate::base::clock::Stamp;
use crate::cli::app::asking::prompt;
use crate::cli::app::exit::Exit;
use crate::cli::app::permissions::ask_and_wait;
use crate::cli::app::resumed::{self, ResumedRun};
use crate::cli::command::resume::{Resumption, continued};
use crate::cli::command::run::RunSettings;
use crate::cli::render::waits;
use crate::cli::{Global, say};
use crate::journal::event::RunKind;
use crate::journal::waits::PendingQuestion;
use serde_json::Value;

/// The options of `answer`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run: its id or a prefix of it, or `@` for the latest run. If it asks several questions, append
    /// `:QUESTION`: the number of one, or the name of its operation. Numbers take precedence.
    run: String,
    /// Answer: a text, an option or its number, or JSON if the question has a schema. Without it, kaizen
    /// asks on the terminal.
    #[arg(allow_negative_numbers = true)]
    value: Option<String>,
    #[command(flatten)]
    resumption: Resumption,
    #[command(flatten)]
    with: RunSettings,
}

/// Answers a question and continues the run.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (run, name) = match arguments.run.split_once(':') {
        Some((run, name)) => (run, Some(name)),
        None => (arguments.run.as_str(), None),
    };
    let refuse = |reason: String| {
        say(&format!("error: {reason}"));
        Ok(Exit::Usage)
    };

    // Nobody else resumes it meanwhile, so the question stays open.
    let (mut resumed, _lease) = match resumed::take(RunKind::Script, run, None)? {
        Ok(both) => both,
        Err(reason) => return refuse(reason),
    };
    let question = match choose(&resumed, name) {
        Ok(question) => question,
        Err(reason) => return refuse(reason),
    };

    let value = match &arguments.value {
        Some(text) => question.question.read(text),
        None if arguments.with.grants.may_ask() => Ok(ask(&question)?),
        None => {
            Err("no answer given, and stdin is not a terminal; write `kaizen answer RUN VALUE`"
                .to_owned())
        }
    };
    let value = match value {
        Ok(value) => value,
        Err(reason) => return refuse(format!("{reason}\n{}", waits::question(&question))),
    };

    resumed.again.answer = Some((question, value));
    continued(global, resumed, &arguments.with, arguments.resumption)
}

/// Finds the question that is meant.
fn choose(resumed: &ResumedRun, name: Option<&str>) -> Result<PendingQuestion, String> {
    let run = &resumed.run;
    let Some(waits) = &resumed.waits else {
        return Err(format!(
            "run {run} does not wait for an answer; `kaizen runs` shows which runs do"
        ));
    };

    let questions = &waits.questions;
    let list = || waits::lines(run, waits).join("\n");
    let meant = name.map_or_else(|| questions.iter().collect(), |name| waits.called(name));
    let mut named = meant.into_iter();
    let question = match (named.next(), named.next(), name) {
        (Some(question), None, _) => question,
        (None, _, Some(name)) if !questions.is_empty() => {
            return Err(format!("run {run} has no open question `{name}`\n{}", list()));
        }
        (None, ..) => {
            return Err(format!("run {run} waits until a time, not for an answer\n{}", list()));
        }
        (Some(_), Some(_), _) => {
            return Err(format!("run {run} asks several questions\n{}", list()));
        }
    };

    match question.due.filter(|due| *due <= Stamp::now().0) {
        Some(_) => Err(format!(
            "it is too late to answer: the question has timed out; `kaizen resume {run}` \
             continues the run\n{}",
            waits::question(question)
        )),
        None => Ok(question.clone()),
    }
}

/// Asks on the terminal until there is an answer.
fn ask(asked: &PendingQuestion) -> anyhow::Result<Value> {
    let (before, prompt) = prompt(&asked.question);
    if !before.is_empty() {
        say(&before);
    }

    loop {
        let line = ask_and_wait(&prompt)?;
        anyhow::ensure!(!line.is_empty(), "the terminal was closed before there was an answer");
        match asked.question.read(&line) {
            Ok(value) => return Ok(value),
            Err(reason) => say(&reason),
        }
    }
}
