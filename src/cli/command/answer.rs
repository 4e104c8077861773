//! `kaizen answer RUN [VALUE]`: answers the question of a suspended run, which then continues.

use crate::base::clock::Stamp;
use crate::base::id::RunId;
use crate::cli::app::asking::prompt;
use crate::cli::app::engine::{ChosenEngine, EngineOption};
use crate::cli::app::exit::Exit;
use crate::cli::app::permissions::ask_and_wait;
use crate::cli::app::project::Project;
use crate::cli::app::resumed;
use crate::cli::command::resume::{Resumption, continued};
use crate::cli::command::run::RunSettings;
use crate::cli::command::show;
use crate::cli::render::waits;
use crate::cli::{Global, say};
use crate::journal::event::{Event, RunKind};
use crate::journal::history;
use crate::journal::waits::{PendingQuestion, Waits};
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
    #[command(flatten)]
    on: EngineOption,
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

    if let Some(engine) = arguments.on.named()? {
        return answer_there(&engine, run, name, arguments);
    }
    if let Some(reason) = of_engine(run)? {
        return refuse(reason);
    }
    // Nobody else resumes it meanwhile, so the question stays open.
    let (mut resumed, _lease) = match resumed::take(RunKind::Script, run, None)? {
        Ok(both) => both,
        Err(reason) => return refuse(reason),
    };
    let answer = answer_to(&resumed.run, resumed.waits.as_ref(), name, arguments)?;
    resumed.again.answer = match answer {
        Ok(answer) => Some(answer),
        Err(reason) => return refuse(reason),
    };
    continued(global, resumed, &arguments.with, arguments.resumption)
}

/// Finds the question that is meant, and reads the answer to it, or asks for it. The inner error says for people what
/// is wrong.
fn answer_to(
    run: &RunId,
    waits: Option<&Waits>,
    name: Option<&str>,
    arguments: &Arguments,
) -> anyhow::Result<Result<(PendingQuestion, Value), String>> {
    let question = match choose(run, waits, name) {
        Ok(question) => question,
        Err(reason) => return Ok(Err(reason)),
    };

    let value = match &arguments.value {
        Some(text) => question.question.read(text),
        None if arguments.with.grants.may_ask() => Ok(ask(&question)?),
        None => {
            Err("no answer given, and stdin is not a terminal; write `kaizen answer RUN VALUE`"
                .to_owned())
        }
    };
    Ok(match value {
        Ok(value) => Ok((question, value)),
        Err(reason) => Err(format!("{reason}\n{}", waits::question(&question))),
    })
}

/// Says why a run cannot be continued here, if an engine has it.
fn of_engine(run: &str) -> anyhow::Result<Option<String>> {
    let project = Project::find()?;
    if !project.is_shared() {
        return Ok(None);
    }
    let Some(store) = project.existing_store()? else { return Ok(None) };
    let Ok(row) = show::find(&store, run)? else { return Ok(None) };
    let start = history::start(&store, &row.id)?;
    let Some(Event::RunStarted { terms, .. }) = start else { return Ok(None) };
    Ok(terms.stint.map(|stint| {
        format!(
            "run {} is performed by workers, as `{}`: add `--on temporal://HOST:7233/NAMESPACE`",
            row.id, stint.name
        )
    }))
}

#[cfg(not(feature = "engine"))]
fn answer_there(
    engine: &ChosenEngine,
    _run: &str,
    _name: Option<&str>,
    _arguments: &Arguments,
) -> anyhow::Result<Exit> {
    match *engine {}
}

/// Answers a question of a run on an engine, where a worker continues it.
#[cfg(feature = "engine")]
fn answer_there(
    engine: &ChosenEngine,
    run: &str,
    name: Option<&str>,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    use crate::cli::app::engine_run::{find, shared_store_of, with_engine};

    let store = shared_store_of(&Project::find()?)?;
    with_engine(engine, async |engine| {
        let run = find(engine, &store, run).await?;
        let first = RunId(run.first.clone());
        let found = resumed::waits_of_stints(&store, &first)?;
        let (stint, waits) = match found {
            Some((stint, waits)) if run.is_open => (stint, Some(waits)),
            _ => (RunId(run.name.clone()), None),
        };

        match answer_to(&stint, waits.as_ref(), name, arguments)? {
            Ok((question, value)) => {
                let question = serde_json::json!(question);
                engine.answer(&run.name, crate::fleet::PersonAnswer { question, value }).await?;
                say(&format!("answered; `kaizen attach {}` shows how the run goes on", run.name));
                Ok(Exit::Ok)
            }
            Err(reason) => {
                say(&format!("error: {reason}"));
                Ok(Exit::Usage)
            }
        }
    })
}

/// Finds the question that is meant.
fn choose(
    run: &RunId,
    waits: Option<&Waits>,
    name: Option<&str>,
) -> Result<PendingQuestion, String> {
    let Some(waits) = waits else {
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
