//! `kaizen watch SCRIPT`: re-runs a script on every save and calls models only for what changed.
//!
//! In this room: the loop, the threads that report saves and keys, the question before an expensive
//! run, and the comparison with the previous result. Not here: how one script runs (`cli/app/job.rs`)
//! and which replies are reused (`executor/replies/reuse.rs`).
//!
//! Start with `round.rs`, which is one run from the check to the comparison.

mod elsewhere;
pub(in crate::cli) mod files;
mod gate;
pub(in crate::cli) mod inbox;
mod keys;
mod lost;
mod outcome;
mod round;
mod sources;

use crate::base::count::counted;
use crate::base::unit::Money;
use crate::base::visible::shown_path;
use crate::base::{file, visible};
use crate::cli::app::exit::Exit;
use crate::cli::app::number;
use crate::cli::app::signal;
use crate::cli::app::signal::Signals;
use crate::cli::command::plan;
use crate::cli::command::run::{RunOptions, block_on};
use crate::cli::command::watch::files::{Contents, Files};
use crate::cli::command::watch::inbox::{Inbox, WatchEvent};
use crate::cli::command::watch::outcome::{Outcomes, show_changes};
use crate::cli::command::watch::round::{AfterRound, RoundKind, WatchState};
use crate::cli::command::watch::sources::Configs;
use crate::cli::render::progress::ProgressMode;
use crate::cli::render::table;
use crate::cli::{Global, say};
use crate::executor::replies::reuse::Reuse;
use crate::journal::known_replies::Replies;
use crate::script::State;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// How many fresh runs the key `n` makes.
const MORE: u32 = 5;

/// The options of `watch`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    given: RunOptions,
    /// Start by making every call, instead of reusing replies of earlier runs.
    #[arg(long)]
    fresh: bool,
    /// Ask before a re-run that would cost more than this many dollars. Overrides `confirm_over`
    /// under `[watch]`.
    #[arg(long, value_name = "DOLLARS", value_parser = number::dollars, allow_negative_numbers = true)]
    confirm_over: Option<f64>,
    /// Style of the progress display.
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressMode,
}

/// What caused a run.
#[derive(Debug, Clone)]
struct Cause {
    /// For people.
    text: String,
    /// When it was noticed, if it was a save.
    saved_at: Option<Duration>,
    /// What was saved.
    files: Vec<PathBuf>,
    /// Whether nothing was saved but data, and that while a run was under way: the run may have written it.
    is_echo: bool,
}

impl Cause {
    fn asked(text: &str) -> Cause {
        Cause { text: text.to_owned(), saved_at: None, files: Vec::new(), is_echo: false }
    }
}

/// Where everything that happens comes from.
struct EventSource {
    inbox: Inbox,
    signals: Signals,
}

/// One thing that happened, signals included.
enum Happening {
    Changed(Cause),
    Key(char),
    Signal(Exit),
}

impl EventSource {
    async fn next(&mut self) -> Happening {
        tokio::select! {
            biased;
            exit = self.signals.caught() => Happening::Signal(exit),
            happened = self.inbox.next() => match happened {
                WatchEvent::Key(key) => Happening::Key(key),
                WatchEvent::Changed { files, at } => {
                    let names: Vec<String> = files.iter().map(|file| shown(file)).collect();
                    let text = format!("{} changed", names.join(", "));
                    Happening::Changed(Cause { text, saved_at: Some(at), files, is_echo: false })
                }
            },
        }
    }
}

/// Watches a script until it is told to stop.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let given = &arguments.given;
    let Some(params) = given.params() else { return Ok(Exit::Usage) };

    if let Some(amount) = arguments.confirm_over
        && Money::from_dollars(amount).is_none()
    {
        say(&format!("error: `--confirm-over` must be {}, not `{amount}`", Money::WANTED));
        return Ok(Exit::Usage);
    }
    // A script that is not there is waited for; what is there and is no script never becomes one.
    if given.script.exists()
        && let Err(error) = file::open(&given.script)
    {
        say(&format!("error: cannot read `{}`: {error}", shown_path(&given.script)));
        return Ok(Exit::Refused);
    }

    let project = given.project()?;
    let earlier = plan::past(&project, &given.script)?;
    let seed = given.with.seed.or(earlier.last_seed).unwrap_or_else(|| given.seed());
    let replies = if arguments.fresh { Replies::default() } else { earlier.replies };

    let reuse = Rc::new(Reuse::wide(replies).with_results());
    let writer = Rc::new(project.start_writer()?);
    let models = Rc::new(project.models(seed)?);

    let signals = signal::watch()?;
    let (post, inbox) = Inbox::new();
    let inbox = inbox.guarded(signals.clone())?;

    let files = Files::start(project.config.watch_quiet(), say, post.clone())?;
    let has_keys = global.stderr_is_terminal && !global.json;
    let keys = if has_keys { keys::start(post)? } else { None };
    let config = sources::hash(&project.root.join("kaizen.toml"));

    let desk = WatchState {
        global,
        given,
        params,
        seed,
        mode: if global.quiet || global.json { ProgressMode::None } else { arguments.progress },
        confirm_over: arguments.confirm_over,
        has_keys: keys.is_some(),
        state: State::default(),
        writer,
        config: Configs { seen: config, used: config },
        project,
        models,
        reuse,
        experience: earlier.experience,
        outcomes: Outcomes::default(),
        watched: Contents::new(),
        stirred: BTreeSet::new(),
        ran: None,
        waiting: None,
    };

    let exit = block_on(watch(desk, files, EventSource { inbox, signals }))?;
    drop(keys);
    exit
}

async fn watch(
    mut desk: WatchState<'_>,
    files: Files,
    mut events: EventSource,
) -> anyhow::Result<Exit> {
    let mut next = Some((RoundKind::Reuse, Cause::asked("start")));
    let mut is_paused = false;
    let mut missed = None;

    loop {
        let round = match next.take() {
            Some((how, cause)) => match desk.round(&mut events, &files, how, &cause).await {
                Ok(round) => round,
                Err(error) => match desk.after_loss(&mut events, error).await? {
                    Some(exit) => AfterRound::Quit(exit),
                    None => AfterRound::Again(RoundKind::Reuse, Cause::asked("another store")),
                },
            },
            None => AfterRound::Ended,
        };

        match round {
            AfterRound::Quit(exit) => return Ok(exit),
            AfterRound::Again(how, cause) => {
                next = Some((how, cause));
                continue;
            }
            AfterRound::Ended => {}
        }

        match desk.next(&mut events).await {
            Happening::Signal(exit) => return Ok(exit),
            Happening::Changed(cause) if is_paused => {
                desk.tell(&format!("{}; paused: press [p] to continue", cause.text));
                missed = Some(cause);
            }
            Happening::Changed(cause) => next = Some((RoundKind::Reuse, desk.traced(cause))),
            Happening::Key('p') => {
                is_paused = !is_paused;
                desk.tell(if is_paused { "paused: saves are ignored" } else { "continuing" });
                // A save that was missed meanwhile runs now.
                next = missed.take().filter(|_| !is_paused).map(|cause| (RoundKind::Reuse, cause));
            }
            Happening::Key('q') => return Ok(Exit::Ok),
            Happening::Key(key) => next = desk.pressed(key),
        }
    }
}

impl WatchState<'_> {
    /// Does what a key says while nothing runs; gives what is to run, if anything is.
    fn pressed(&mut self, key: char) -> Option<(RoundKind, Cause)> {
        match key {
            'r' => return Some((RoundKind::Reuse, Cause::asked("re-run"))),
            'a' => {
                self.reuse.replies().clear();
                return Some((RoundKind::Reuse, Cause::asked("repeating all calls")));
            }
            'f' => {
                let count = self.reuse.replies().forget_failed();
                let text = format!(
                    "retrying failed operations ({} discarded)",
                    counted(count, "reply", "replies")
                );
                return Some((RoundKind::Reuse, Cause::asked(&text)));
            }
            'n' => return Some((RoundKind::Sample { left: MORE }, Cause::asked("another sample"))),
            'd' => show_changes(self, true),
            'c' => self.tell(&visible::own("\u{1b}[2J\u{1b}[H")),
            '?' | 'h' => self.tell(&keys::help(table::terminal_width())),
            '\n' | '\r' | ' ' => {}
            other if other.is_ascii_graphic() => {
                self.tell(&format!("unknown key `{other}`; press [?] for help"));
            }
            _ => {}
        }

        None
    }
}

/// Writes a path as people know it: relative to the current folder where it lies in that.
pub(in crate::cli) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let inside = here.ok().and_then(|here| path.strip_prefix(here).ok().map(PathBuf::from));
    inside.unwrap_or_else(|| path.to_owned()).display().to_string()
}
