//! `kaizen repl`: everything that scripts have, line by line. A session is one run of the journal.

mod answer;
mod command;
mod complete;
mod editor;
mod highlight;
mod history;
mod plan;
mod script;
mod session;
mod stage;

use crate::base::id::RunId;
use crate::base::visible;
use crate::base::visible::shown_path;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::app::signal;
use crate::cli::app::terminal::{self, Terminal};
use crate::cli::command::list;
use crate::cli::command::repl::editor::{EditorSetup, LineInput, Typist};
use crate::cli::command::repl::history::Secrets;
use crate::cli::command::repl::session::{InputEnd, ReplSession};
use crate::cli::command::repl::stage::Stage;
use crate::cli::command::run::{RunOptions, RunSettings, block_on};
use crate::cli::render::progress::ProgressMode;
use crate::cli::{Global, say};
use crate::executor::people::PersonChannel;
use crate::journal::Journal;
use crate::script::dialogue::{self, Dialogue};
use crate::script::{Host, State, Surroundings};
use anyhow::Context;
use serde_json::{Map, Value};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const AFTER_HELP: &str = "\
At the prompt, `:help` lists the commands. Lines from a pipe are evaluated in turn, up to the \
 first error.";

/// The options of `repl`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Arguments {
    /// Script to load functions from. Reloaded when it is saved.
    script: Option<PathBuf>,
    /// Evaluate this code, print its value and exit.
    #[arg(short, long, value_name = "CODE")]
    eval: Option<String>,
    #[command(flatten)]
    with: RunSettings,
}

/// Where inputs come from.
enum InputSource {
    Terminal,
    Pipe,
    CommandLine(String),
}

/// Runs a session.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let given = RunOptions {
        script: arguments.script.clone().unwrap_or_default(),
        with: arguments.with.clone(),
    };

    let Some(params) = given.params() else { return Ok(Exit::Usage) };
    if !params.is_empty() && arguments.script.is_none() {
        say("error: parameters need a script: `kaizen repl SCRIPT -p name=value`");
        return Ok(Exit::Usage);
    }

    if let Some(script) = arguments.script.as_ref().filter(|script| !script.is_file()) {
        say(&format!("error: no script `{}`{}", shown_path(script), list::near(script)));
        return Ok(Exit::Refused);
    }

    let from = match &arguments.eval {
        Some(code) => InputSource::CommandLine(code.clone()),
        None if std::io::stdin().is_terminal() => InputSource::Terminal,
        None => InputSource::Pipe,
    };

    let is_terminal = matches!(from, InputSource::Terminal);
    let mut session = open(global, arguments, &given, params, is_terminal)?;

    block_on(async move {
        if let Some(script) = &arguments.script
            && !session.load_script(script)
            && !is_terminal
        {
            return Ok(Exit::Refused);
        }
        if let Some(script) = &arguments.script {
            session.offer_to_run(script);
        }

        match from {
            InputSource::Terminal => converse(session).await,
            InputSource::Pipe => batch(session, editor::read_lines()?).await,
            InputSource::CommandLine(code) => {
                let took = session.take(&code).await?;
                let exit = exit_of(took, session.exit());
                session.close(exit).await
            }
        }
    })?
}

/// Sets a session up.
fn open<'a>(
    global: &'a Global,
    arguments: &Arguments,
    given: &RunOptions,
    params: Map<String, Value>,
    is_terminal: bool,
) -> anyhow::Result<ReplSession<'a>> {
    let project = given.project()?;
    let writer = Rc::new(project.start_writer()?);

    let seed = given.seed();
    let models = Rc::new(project.models(seed)?);
    // A model that does not exist is an error now, and not of the first question.
    if let Some(name) = project.config.model() {
        models.resolve(&name)?;
    }

    let journal = Journal::new(RunId::fresh(), writer.clone());

    let mode = if global.quiet || global.json { ProgressMode::None } else { ProgressMode::Auto };
    let stage = Rc::new(Stage::new(global, mode));
    let printing = stage.clone();
    let saying = stage.clone();
    let folder = arguments.script.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));

    let signals = signal::watch()?;
    let reach = if is_terminal && project.grants.may_ask() {
        PersonChannel::Now(stage.asker(&signals))
    } else {
        PersonChannel::Never("`kaizen repl` can ask people only on a terminal")
    };
    let executor = Rc::new(project.executor(journal, seed).reaching(reach));
    let root = root(&project, folder)?;

    let host = Host::new(Surroundings {
        executor: executor.clone(),
        models: models.clone(),
        servers: project.servers(models.clone())?,
        permissions: project.permissions(&root)?,
        root,
        script: dialogue::source(folder),
        params: params.clone(),
        print: Rc::new(move |text| printing.print(text)),
        say: Rc::new(move |text| saying.say(text)),
        interrupted: signals.flag(),
        store: Some((project.store_path(), writer)),
        learn_from_demo: project.config.learn_from_demo(),
        operations_max: project.config.operations_max(),
        state: State::default(),
    });

    let shown = stage.clone();
    executor.listen(Rc::new(move |at, event| shown.see(at, event)));

    let dialogue = Dialogue::new(host);
    let mut session = ReplSession::new(global, project, dialogue, executor, models, signals, stage);
    session.describe(arguments.script.as_deref(), params, seed, is_terminal);

    Ok(session)
}

/// Returns the folder that may be read in: the project's, or the script's own if that lies
/// elsewhere.
fn root(project: &Project, folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().context("cannot find the script's folder")?;
    let root = project.root.canonicalize().context("cannot find the project")?;
    Ok(if folder.starts_with(&root) { root } else { folder })
}

fn exit_of(took: InputEnd, otherwise: Exit) -> Exit {
    match took {
        InputEnd::Well => otherwise,
        InputEnd::Wrong => Exit::Failed,
        InputEnd::Failed(exit) | InputEnd::End(exit) => exit,
    }
}

/// Says that an input cannot be read.
fn refuse(reason: &str) -> InputEnd {
    say(&format!("error: cannot read the input: {reason}"));
    InputEnd::Wrong
}

/// Takes inputs from a pipe, up to the first error.
async fn batch(mut session: ReplSession<'_>, mut typist: Typist) -> anyhow::Result<Exit> {
    loop {
        typist.ask();

        let input = tokio::select! {
            input = typist.next() => input,
            exit = session.signals().caught() => return session.close(exit).await,
            () = session.idle() => continue,
        };

        let took = match input {
            LineInput::Text(text) => session.take(&text).await?,
            LineInput::Dropped => InputEnd::Well,
            LineInput::Refused(reason) => refuse(&reason),
            LineInput::End => {
                let exit = session.exit();
                return session.close(exit).await;
            }
        };

        if !matches!(took, InputEnd::Well) {
            return session.close(exit_of(took, Exit::Ok)).await;
        }
    }
}

/// Takes inputs from somebody who types, up to the end.
async fn converse(mut session: ReplSession<'_>) -> anyhow::Result<Exit> {
    let terminal = Terminal::without_echo_of_interrupts();
    let secrets = Secrets::collect(session.models());
    let history = history::file().map_err(|reason| {
        say(&format!("history will not be saved: {reason}"));
    });

    session.greet();
    session.publish();

    let setup = EditorSetup {
        known: session.known(),
        color: session.global().color,
        history: history.ok(),
        secrets,
        is_stdout_terminal: std::io::stdout().is_terminal(),
    };

    let (mut typist, above) = editor::start(setup)?;
    session.stage().set_above(above);

    let exit = loop {
        session.reload_changed();
        session.publish();
        session.renew();
        session.stage().set_typing(true);
        typist.ask();

        let input = tokio::select! {
            input = typist.next() => input,
            exit = session.signals().caught() => break exit,
            () = session.idle() => continue,
        };

        session.stage().set_typing(false);
        let took = match input {
            LineInput::Text(text) => session.take(&text).await?,
            LineInput::Dropped => InputEnd::Well,
            LineInput::Refused(reason) => refuse(&reason),
            LineInput::End if terminal::is_gone(&std::io::stdin()) => break Exit::HungUp,
            LineInput::End => break Exit::Ok,
        };

        if let InputEnd::End(exit) = took {
            break exit;
        }
    };

    session.stage().set_typing(false);
    if exit != Exit::Ok {
        leave_line(&terminal);
    }
    drop(terminal);

    session.close(exit).await
}

/// Leaves a line that is being typed: ends the mode for pasting, and the line.
fn leave_line(terminal: &Terminal) {
    if terminal.is_there() {
        say(&visible::own("\x1b[?2004l"));
    }
}
