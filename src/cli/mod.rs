//! The terminal: commands, options, exit codes. The only floor that prints or reads the environment.

mod app;
mod command;
mod render;
mod ui;

use crate::base::file;
use crate::base::id::RunId;
use crate::base::process;
use crate::base::secret::{self, scrub};
use crate::base::visible;
use crate::base::visible::shown_path;
#[cfg(debug_assertions)]
use crate::base::{clock, failpoint};
use crate::cli::app::cause::{exit_for, tell_bug};
use crate::cli::app::exit::Exit;
use crate::cli::app::shared_store::SharedUse;
use crate::cli::app::{cause, help, output, project, shared_store, terminal, trust, usage};
use crate::cli::command::{
    advise, answer, attach, cancel, check, compare, config_show, diff, doc, doctor, explain,
    export, failures, fork, gc, list, lsp, man, mcp, models, new, note, patterns, plan, repl,
    replay, report, resume, run, runs, show, sql, test, tools, watch, worker,
};
use crate::cli::render::paint::{self, Colors};
use crate::journal::event::Event;
use crate::store;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// LLM workflows that improve themselves.
#[derive(Debug, Parser)]
#[command(name = "kaizen", version, about)]
struct Arguments {
    /// Print JSON lines to stdout.
    #[arg(long, global = true)]
    json: bool,
    /// Print errors only.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// When to use colours: auto, always or never.
    #[arg(long, global = true, value_enum, default_value = "auto", hide_possible_values = true)]
    color: ColorMode,
    /// Run as if started in DIR.
    #[arg(short = 'C', global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ColorMode {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which store is used.
#[derive(Debug, clap::Args)]
struct StoreOption {
    /// Use a PostgreSQL store that several machines share, such as postgres://USER@HOST/DATABASE.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// What a command is given that can also work on a shared store.
#[derive(Debug, clap::Args)]
struct OnStore<T: clap::Args> {
    #[command(flatten)]
    given: T,
    #[command(flatten)]
    on: StoreOption,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Create a project that runs immediately, offline and without a key.
    New(new::Arguments),
    /// Turn this folder into a project; existing files are kept.
    Init(new::InitArguments),
    /// Run a workflow script.
    Run(OnStore<run::Arguments>),
    /// Re-run a script on every save, calling models only for what changed.
    Watch(watch::Arguments),
    /// Find mistakes in scripts without running them.
    Check(check::Arguments),
    /// Run the tests of the project: `test_..` functions in `*_test.rhai` files.
    Test(test::Arguments),
    /// Explain an error code such as K0003, or a kind of failure such as `rate_limited`.
    Explain(explain::Arguments),
    /// Show the model calls that a run would make, and their cost, without making any.
    Plan(run::RunOptions),
    /// Try out script code line by line.
    Repl(repl::Arguments),
    /// Replay a recorded run without calling any model.
    Replay(OnStore<replay::Arguments>),
    /// Re-run from a recorded run: reuse its replies up to an operation, then call models.
    Fork(fork::Arguments),
    /// Continue a run that failed, was interrupted or is suspended; with --due, all runs that are due.
    Resume(resume::Arguments),
    /// Answer the question of a suspended run, and continue it.
    Answer(OnStore<answer::Arguments>),
    /// Show a run that workers perform, from its beginning to its end.
    Attach(OnStore<attach::Arguments>),
    /// Stop a run that workers perform; what it did is kept.
    Cancel(OnStore<cancel::Arguments>),
    /// Perform runs that are submitted with `kaizen run --on`, until a signal comes.
    Worker(OnStore<worker::Arguments>),
    /// Perform one stint of a run, as a worker says.
    #[cfg(feature = "engine")]
    #[command(hide = true)]
    Stint,
    /// List the latest runs.
    Runs(OnStore<runs::Arguments>),
    /// Show what a run did.
    Show(OnStore<show::Arguments>),
    /// Add a note to a run or an operation, or print the notes of a run.
    Note(note::Arguments),
    /// Add labels to a run, or remove them.
    Label(note::LabelArguments),
    /// Show how two runs differ.
    Diff(diff::Arguments),
    /// Query the store with SQL, read-only; without a query, list the views.
    Sql(OnStore<sql::Arguments>),
    /// Write runs to a single HTML file that opens without a server.
    Report(report::Arguments),
    /// View runs in the browser: a local page that follows them live.
    Ui(ui::Arguments),
    /// Show what was learned about each pattern, by task type.
    Patterns(OnStore<patterns::Arguments>),
    /// List the tools of the project's MCP servers, or call one.
    Tools(tools::Arguments),
    /// Start the language server for scripts and kaizen.toml, over stdin and stdout.
    Lsp(lsp::Arguments),
    /// Serve the project to other agents as an MCP server, over stdin and stdout.
    Mcp(mcp::Arguments),
    /// List the models and whether each one is set up; with --check, whether it answers.
    Models(models::Arguments),
    /// Look up the functions and constants that scripts can use.
    Doc(doc::Arguments),
    /// Check that the project, model and store are healthy.
    Doctor(StoreOption),
    /// Show which pattern would be chosen for a task type, and why.
    Advise(OnStore<advise::Arguments>),
    /// Show recorded failures by kind, and what to do about each.
    Failures(OnStore<failures::Arguments>),
    /// Compare scripts on the same inputs and test which one is better.
    Compare(compare::Arguments),
    /// Delete old runs and reclaim disk space.
    Gc(gc::Arguments),
    /// Export runs as JSON lines, CSV or OpenTelemetry spans, or copy the whole store.
    Export(export::Arguments),
    /// Trust this project: allow the servers and permissions that its kaizen.toml asks for.
    Trust(trust::Arguments),
    /// Show the settings and where each one comes from, or print their JSON schema.
    Config(config_show::Arguments),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages, one for each command.
    Man(man::Arguments),
}

impl Command {
    /// Returns the address of the shared store that is named with it.
    fn store(&self) -> Option<&String> {
        let (Command::Run(OnStore { on, .. })
        | Command::Answer(OnStore { on, .. })
        | Command::Attach(OnStore { on, .. })
        | Command::Cancel(OnStore { on, .. })
        | Command::Worker(OnStore { on, .. })
        | Command::Replay(OnStore { on, .. })
        | Command::Runs(OnStore { on, .. })
        | Command::Show(OnStore { on, .. })
        | Command::Sql(OnStore { on, .. })
        | Command::Patterns(OnStore { on, .. })
        | Command::Advise(OnStore { on, .. })
        | Command::Failures(OnStore { on, .. })
        | Command::Doctor(on)) = self
        else {
            return None;
        };
        on.store.as_ref()
    }

    /// Tells what it can do with a shared store.
    fn shared_use(&self) -> SharedUse {
        match self {
            Command::Run(_)
            | Command::Plan(_)
            | Command::Replay(_)
            | Command::Fork(_)
            | Command::Resume(_)
            | Command::Answer(_)
            | Command::Attach(_)
            | Command::Cancel(_)
            | Command::Worker(_)
            | Command::Runs(_)
            | Command::Show(_)
            | Command::Note(_)
            | Command::Label(_)
            | Command::Diff(_)
            | Command::Sql(_)
            | Command::Report(_)
            | Command::Patterns(_)
            | Command::Doctor(_)
            | Command::Advise(_)
            | Command::Failures(_)
            | Command::Export(_) => SharedUse::Works,
            Command::Watch(_)
            | Command::Repl(_)
            | Command::Ui(_)
            | Command::Compare(_)
            | Command::Mcp(_)
            | Command::Gc(_) => SharedUse::Refuses,
            Command::New(_)
            | Command::Init(_)
            | Command::Check(_)
            | Command::Test(_)
            | Command::Explain(_)
            | Command::Tools(_)
            | Command::Lsp(_)
            | Command::Models(_)
            | Command::Doc(_)
            | Command::Trust(_)
            | Command::Config(_)
            | Command::Completions { .. }
            | Command::Man(_) => SharedUse::Ignores,
            #[cfg(feature = "engine")]
            Command::Stint => SharedUse::Works,
        }
    }
}

/// What all commands need to know.
#[derive(Debug)]
struct Global {
    json: bool,
    quiet: bool,
    color: bool,
    /// Whether stdout shows colours; `color` is about stderr.
    color_out: bool,
    stderr_is_terminal: bool,
}

/// Takes from the environment at which time a test wants the program to begin, and at which point to die
/// or to fail.
#[cfg(debug_assertions)]
fn arm() -> Result<(), Exit> {
    if let Some(time) = project::variable("KAIZEN_TIME") {
        let time = time.parse().map_err(|_| {
            say(&format!("error: invalid KAIZEN_TIME `{time}`: expected milliseconds since 1970"));
            Exit::Usage
        })?;
        clock::begin_at(time);
    }

    if let Some(folder) = project::variable("KAIZEN_DISK") {
        failpoint::keep_disk(folder.into());
    }

    let plan = project::variable("KAIZEN_FAILPOINT");
    plan.map_or(Ok(()), |plan| failpoint::arm(&plan)).map_err(|reason| {
        say(&format!("error: KAIZEN_FAILPOINT: {reason}"));
        Exit::Usage
    })
}

/// Parses the command line, does what it says, and returns the exit code.
pub fn run() -> ExitCode {
    #[cfg(debug_assertions)]
    if let Err(exit) = arm() {
        return exit.into();
    }

    std::panic::set_hook(Box::new(tell_bug));
    process::report_file_limit();
    store::on_wait(say);

    // The list of commands is written only for those who are shown it.
    let parsed = Arguments::command()
        .try_get_matches()
        .or_else(|_| help::grouped(Arguments::command()).try_get_matches())
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return tell_usage(&usage::explained(error)),
    };

    if let Err(error) = file::descriptors() {
        say(&format!("error: {error}"));
        return Exit::Refused.into();
    }

    // Gone to before all else, because the paths that follow begin there.
    if let Some(folder) = &arguments.folder
        && let Err(error) = std::env::set_current_dir(folder)
    {
        say(&format!("error: cannot change to `{}`: {error}", shown_path(folder)));
        return Exit::Usage.into();
    }

    let stderr_is_terminal = std::io::stderr().is_terminal();
    let color = |terminal: bool| match arguments.color {
        ColorMode::Always => true,
        ColorMode::Never => false,
        ColorMode::Auto => terminal && project::variable("NO_COLOR").is_none(),
    };

    let global = Global {
        json: arguments.json,
        quiet: arguments.quiet,
        color: color(stderr_is_terminal),
        color_out: color(std::io::stdout().is_terminal()),
        stderr_is_terminal,
    };

    let shared = arguments.command.as_ref().map_or(SharedUse::Works, Command::shared_use);
    let address = arguments.command.as_ref().and_then(Command::store);
    shared_store::choose(address.cloned(), shared);
    paint::set(Colors { out: global.color_out, err: global.color });
    match perform(&global, arguments.command.as_ref()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            say(&format!("error: {}", cause::sentence(&error)));
            exit_for(&error).into()
        }
    }
}

/// Prints the help or the version that was asked for, or what is wrong with the command line.
fn tell_usage(error: &clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::InvalidUtf8 {
        // clap does not say which one.
        let odd = std::env::args_os().filter(|argument| argument.to_str().is_none());
        let odd: Vec<String> =
            odd.map(|it| format!("`{}`", it.as_bytes().escape_ascii())).collect();
        say(&format!("error: what must be text is not valid UTF-8: {}", odd.join(", ")));
        return Exit::Usage.into();
    }

    let text = error.render();
    // The error repeats arguments. Where one could steer a terminal, nothing else may be a command to it.
    let is_plain = |argument: OsString| {
        let text = argument.to_string_lossy().into_owned();
        visible::on_one_line(&text) == text
    };

    let is_colored = |terminal: bool| {
        terminal && project::variable("NO_COLOR").is_none() && std::env::args_os().all(is_plain)
    };

    if error.use_stderr() {
        if is_colored(std::io::stderr().is_terminal()) {
            output::write_err(&scrub(&text.ansi().to_string()));
        } else {
            output::write_err(&visible::shown(&scrub(&text.to_string())));
        }
        return Exit::Usage.into();
    }

    let color = is_colored(std::io::stdout().is_terminal());
    let text = if color { text.ansi().to_string() } else { text.to_string() };
    put(text.as_bytes());
    ExitCode::SUCCESS
}

/// Does what a command says.
fn perform(global: &Global, command: Option<&Command>) -> anyhow::Result<Exit> {
    match command {
        None => list::run(global),
        Some(Command::New(arguments)) => new::run(arguments),
        Some(Command::Init(arguments)) => new::init(arguments),
        Some(Command::Run(on)) => run::run(global, &on.given),
        Some(Command::Watch(arguments)) => watch::run(global, arguments),
        Some(Command::Check(arguments)) => check::run(global, arguments),
        Some(Command::Test(arguments)) => test::run(global, arguments),
        Some(Command::Explain(arguments)) => Ok(explain::run(global, arguments)),
        Some(Command::Plan(given)) => plan::plan(global, given),
        Some(Command::Repl(arguments)) => repl::run(global, arguments),
        Some(Command::Replay(on)) => replay::run(global, &on.given),
        Some(Command::Fork(arguments)) => fork::run(global, arguments),
        Some(Command::Resume(arguments)) => resume::run(global, arguments),
        Some(Command::Answer(on)) => answer::run(global, &on.given),
        Some(Command::Attach(on)) => attach::run(global, &on.given),
        Some(Command::Cancel(on)) => cancel::run(global, &on.given),
        Some(Command::Worker(on)) => worker::run(global, &on.given),
        #[cfg(feature = "engine")]
        Some(Command::Stint) => command::stint::run(global),
        Some(Command::Runs(on)) => runs::run(global, &on.given),
        Some(Command::Show(on)) => show::run(global, &on.given),
        Some(Command::Note(arguments)) => note::note(global, arguments),
        Some(Command::Label(arguments)) => note::label(global, arguments),
        Some(Command::Diff(arguments)) => diff::run(global, arguments),
        Some(Command::Sql(on)) => sql::run(global, &on.given),
        Some(Command::Report(arguments)) => report::run(global, arguments),
        Some(Command::Ui(arguments)) => ui::run(global, arguments),
        Some(Command::Patterns(on)) => patterns::run(global, &on.given),
        Some(Command::Tools(arguments)) => tools::run(global, arguments),
        Some(Command::Lsp(arguments)) => lsp::run(arguments),
        Some(Command::Mcp(arguments)) => mcp::run(global, arguments),
        Some(Command::Models(arguments)) => models::run(global, arguments),
        Some(Command::Doc(arguments)) => doc::run(global, arguments),
        Some(Command::Doctor(_)) => Ok(doctor::run(global)),
        Some(Command::Advise(on)) => advise::run(global, &on.given),
        Some(Command::Failures(on)) => failures::run(global, &on.given),
        Some(Command::Compare(arguments)) => compare::run(global, arguments),
        Some(Command::Gc(arguments)) => gc::run(global, arguments),
        Some(Command::Export(arguments)) => export::run(global, arguments),
        Some(Command::Trust(arguments)) => trust::run(global, arguments),
        Some(Command::Config(arguments)) => config_show::run(global, arguments),
        Some(Command::Completions { shell }) => {
            // It panics where it cannot write.
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "kaizen", &mut text);

            put(&text);
            Ok(Exit::Ok)
        }
        Some(Command::Man(arguments)) => man::run(Arguments::command(), arguments),
    }
}

/// Writes a line for people.
fn say(text: &str) {
    output::write_err(&line_for_people(text));
}

/// Writes one of many lines about what is under way, perhaps together with those that follow.
fn say_soon(text: &str) {
    output::write_err_soon(&line_for_people(text));
}

fn line_for_people(text: &str) -> String {
    // What a message names may have lines of its own.
    let is_message = ["error:", "note:", "warning:"].iter().any(|head| text.starts_with(head));
    let text = if is_message { visible::indented(text) } else { text.into() };
    let headed = paint::headed(&text);
    let safe = scrub(&headed);
    let shown = visible::shown(&safe);
    format!("{}\n", terminal::fitted_err(&shown))
}

thread_local! {
    /// What has to be done before the program ends because nobody reads its output any more.
    static LAST_WORDS: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Sets what has to be done before the program ends because nobody reads its output any more.
fn on_closed_pipe(last: impl Fn() + 'static) {
    LAST_WORDS.with(|words| words.borrow_mut().replace(Box::new(last)));
}

/// Writes a line of text.
fn print_line(text: &str) {
    let safe = scrub(text);
    let shown = visible::shown(&safe);
    put_line(&terminal::fitted(&shown));
}

/// Writes text that is laid out for its page already, and in which the lines of code stay whole.
fn print_laid_out(text: &str) {
    put_line(&visible::shown(&scrub(text)));
}

/// Writes a line that a script has said. A program that reads it gets it as it is; a terminal would
/// obey parts of it.
fn print_of_script(text: &str) {
    if std::io::stdout().is_terminal() {
        // What a script says is not kaizen's to break.
        put_line(&visible::shown(&scrub(text)));
    } else {
        put_line(&scrub(text));
    }
}

/// Writes a line of JSON. Secrets are taken out of its texts, so that it stays JSON.
fn print_data(value: Value) {
    put_line(&visible::in_json(&secret::clean(value).to_string()));
}

/// Writes a line of JSON about a run, whose id stays as it is, whatever it looks like.
fn print_of_run(run: &RunId, value: Value) {
    let mut line = secret::clean(value);
    line["run"] = json!(run);
    put_line(&visible::in_json(&line.to_string()));
}

/// Writes an event as a line of JSON, with more fields. Its own words and ids stay as they are,
/// whatever they look like.
fn print_event(event: &Event, more: Value) {
    put_line(&visible::in_json(&event_line(event, more).to_string()));
}

/// Makes an event a line of JSON, without secrets.
fn event_line(event: &Event, more: Value) -> Value {
    let mut line = json!(event.clone().without_secrets());
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    line
}

/// Writes a line that holds no secret.
fn put_line(text: &str) {
    put(format!("{text}\n").as_bytes());
}

/// Writes what holds no secret. A reader that has gone away ends the program quietly, as pipes do;
/// what cannot be written for another reason ends it with an error.
fn put(bytes: &[u8]) {
    let Err(unwritten) = output::write_out(bytes) else { return };
    // Taken, because what it does may come back here.
    if let Some(last) = LAST_WORDS.with(|words| words.borrow_mut().take()) {
        last();
    }

    crate::base::process::end_all();
    terminal::restore();
    std::process::exit(unwritten.code());
}
