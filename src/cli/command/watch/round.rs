//! One run of a watched script, from the check to what has changed.

use crate::base::failure::Kind;
use crate::base::visible::shown_path;
use crate::base::{clock, file};
use crate::cli::app::exit::Exit;
use crate::cli::app::job::{JobEnd, OpenJob, ScriptJob};
use crate::cli::app::project::Project;
use crate::cli::app::terminal;
use crate::cli::command::run::{RunOptions, printer};
use crate::cli::command::watch::elsewhere::PeopleWait;
use crate::cli::command::watch::files::{Contents, Files};
use crate::cli::command::watch::keys;
use crate::cli::command::watch::outcome::{Outcomes, RunSummary, show_changes};
use crate::cli::command::watch::sources::Configs;
use crate::cli::command::watch::{Cause, EventSource, Happening};
use crate::cli::render::diagnostic;
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::cli::render::table;
use crate::cli::{Global, say};
use crate::executor::replies::reuse::Reuse;
use crate::journal::event::{Event, RunStatus};
use crate::metrics::earlier_runs::CallHistory;
use crate::model::registry::Models;
use crate::script::diagnostic::Diagnostic;
use crate::script::{Program, ScriptError, State};
use crate::store::writer::Writer;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// How long a script that does not parse is given to be saved whole, before people hear of it.
const GRACE: Duration = Duration::from_millis(150);

/// How a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoundKind {
    /// Reusing what is known.
    Reuse,
    /// Asking everything, for another sample of the result; this many times.
    Sample {
        /// How many times, this one included.
        left: u32,
    },
}

/// What comes after a round.
pub(super) enum AfterRound {
    /// Waiting.
    Ended,
    /// Another round at once.
    Again(RoundKind, Cause),
    /// The end.
    Quit(Exit),
}

/// Everything that lasts from one run to the next.
pub(super) struct WatchState<'a> {
    pub(super) global: &'a Global,
    pub(super) given: &'a RunOptions,
    pub(super) params: Map<String, Value>,
    pub(super) seed: u64,
    pub(super) mode: ProgressMode,
    pub(super) confirm_over: Option<f64>,
    pub(super) has_keys: bool,
    pub(super) state: State,
    pub(super) writer: Rc<Writer>,
    /// The content of kaizen.toml that was looked at last, and that whose settings count.
    pub(super) config: Configs,
    pub(super) project: Project,
    pub(super) models: Rc<Models>,
    pub(super) reuse: Rc<Reuse>,
    pub(super) experience: CallHistory,
    pub(super) outcomes: Outcomes,
    /// What the last run read.
    pub(super) watched: Contents,
    /// The data that changed while the last run was under way.
    pub(super) stirred: BTreeSet<PathBuf>,
    /// The contents that the last run has used, if it came to its end.
    pub(super) ran: Option<Contents>,
    /// The last run, if it waits for people.
    pub(super) waiting: Option<PeopleWait>,
}

/// How a run under way was left.
enum RunFate {
    Done(Box<Result<Value, ScriptError>>),
    Replaced(RoundKind, Cause),
    Quit(Exit),
}

/// What came of an attempt to run.
enum RunAttempt {
    /// It was not run.
    Not {
        round: AfterRound,
        /// What it would read, as far as that is known.
        read: Contents,
    },
    /// It was run.
    Run {
        /// What comes after, unless the run came to its end.
        round: Option<AfterRound>,
        snapshot: Box<RunSummary>,
        /// What it has read.
        read: Contents,
    },
}

impl WatchState<'_> {
    /// Writes a line for people.
    #[allow(clippy::unused_self, reason = "what is told may come to depend on how it is shown")]
    pub(super) fn tell(&self, text: &str) {
        if !self.global.quiet {
            say(text);
        }
    }

    /// Runs the script once, if it is sound and nobody minds the cost.
    pub(super) async fn round(
        &mut self,
        events: &mut EventSource,
        files: &Files,
        how: RoundKind,
        cause: &Cause,
    ) -> anyhow::Result<AfterRound> {
        let script = self.given.script.as_path();
        let text = match self.read(files) {
            Ok(text) => text,
            Err(error) => {
                let script = shown_path(script);
                self.tell(&match error.kind() {
                    ErrorKind::NotFound => format!("`{script}` does not exist; waiting for it"),
                    _ => format!("error: cannot read `{script}`: {error}; waiting for a script"),
                });
                return Ok(AfterRound::Ended);
            }
        };

        if text.trim().is_empty() {
            self.tell(&format!("`{}` is empty; waiting for a save", shown_path(script)));
            return Ok(AfterRound::Ended);
        }
        // Nothing is asked or paid for that could not be kept.
        self.writer.check().await?;
        let is_refused = self.reload_config();

        if cause.saved_at.is_some() && self.is_as_before() {
            self.tell(&if is_refused {
                "not run: kept the last result, spent nothing".to_owned()
            } else {
                format!("{}; no change since the last run", cause.text)
            });
            return Ok(AfterRound::Ended);
        }
        // Also after a run that cost nothing: the next one may ask another model.
        if how == RoundKind::Reuse
            && let Some(round) = self.gate(events, files, &text, cause).await?
        {
            return Ok(round);
        }

        self.watch_script(files, Some(&text));

        let (round, snapshot, mut read) = match self.perform(events, &text, how, cause).await? {
            RunAttempt::Not { round, read } => {
                // A file that it lacks may come, and one that is wrong may be mended.
                let ran = self.ran.take();
                self.watch(files, read, &text, false);
                self.ran = ran;
                return Ok(round);
            }
            RunAttempt::Run { round, snapshot, read } => (round, snapshot, read),
        };

        if !matches!(round, Some(AfterRound::Quit(_))) {
            self.trace(&mut read, cause, round.is_none());
            self.watch(files, read, &text, round.is_none());
        }

        match round {
            Some(round) => Ok(round),
            None => Ok(self.conclude(*snapshot, how, cause)),
        }
    }

    /// Checks the script, runs it and tells how it ended.
    async fn perform(
        &self,
        events: &mut EventSource,
        text: &str,
        how: RoundKind,
        cause: &Cause,
    ) -> anyhow::Result<RunAttempt> {
        let began = clock::monotonic();
        let job = self.job(how);
        let mode = if how == RoundKind::Reuse { self.mode } else { ProgressMode::None };
        let progress = Progress::new(mode, self.global.stderr_is_terminal);

        let snapshot: Rc<RefCell<RunSummary>> = Rc::default();
        let printed = snapshot.clone();
        let print = printer(self.global);
        let is_shown = how == RoundKind::Reuse;
        // A sample shows nothing, but what it would print is kept.
        let print = Rc::new(move |line: &str| {
            printed.borrow_mut().printed.push(line.to_owned());
            if is_shown {
                print(line);
            }
        });

        let open = job.open(progress, events.signals.renew(), print)?;
        let program = match open.host.compile(text) {
            Ok(program) => program,
            Err(ScriptError::Refused(faults)) => {
                let round = self.refused(events, &faults, cause).await;
                return Ok(RunAttempt::Not { round, read: open.host.files() });
            }
            Err(other) => anyhow::bail!("cannot read the script: {other:?}"),
        };

        if how == RoundKind::Reuse {
            self.announce(cause, began);
            job.warn(&program);
        }

        let seen = snapshot.clone();
        open.executor.listen(Rc::new(move |at, event| seen.borrow_mut().see(at, event)));
        job.launch(&open)?;

        // What the run before has asked, and nobody has read, goes to this one.
        self.reuse.take_over();
        let left = self.drive(events, &open, &program, cause).await;
        open.progress.borrow_mut().close();

        let round = match left {
            RunFate::Done(result) => {
                let end = job.judge(&open.executor, *result, events.signals.seen())?;
                match how {
                    RoundKind::Reuse => drop(job.finish(&open, &end).await?),
                    RoundKind::Sample { .. } => job.close(&open, &end).await?,
                }

                self.reuse.end();
                snapshot.borrow_mut().finish(&open.executor, end);
                None
            }
            RunFate::Replaced(how, cause) => {
                self.tell(&format!("{}; restarting", cause.text));

                open.executor.commit(&Event::ended(RunStatus::Replaced)).await?;
                Some(AfterRound::Again(how, cause))
            }
            RunFate::Quit(exit) => {
                job.finish(&open, &JobEnd::interrupted(exit)).await?;
                Some(AfterRound::Quit(exit))
            }
        };

        let read = open.host.files();
        let snapshot = Box::new(snapshot.take());
        Ok(RunAttempt::Run { round, snapshot, read })
    }

    /// Follows a run until it ends, is replaced or is given up.
    async fn drive(
        &self,
        events: &mut EventSource,
        open: &OpenJob,
        program: &Program,
        cause: &Cause,
    ) -> RunFate {
        let mut running = Box::pin(open.host.run(program));
        let mut stopped = None;

        let left = loop {
            let happening = tokio::select! {
                biased;
                happening = events.next() => happening,
                result = &mut running => {
                    let is_stopped = matches!(
                        &result, Err(ScriptError::Failed(both)) if both.0.kind == Kind::Interrupted
                    );

                    if !is_stopped {
                        return RunFate::Done(Box::new(result));
                    }
                    // A script that computed without a pause was stopped for what waits here.
                    stopped = Some(result);
                    events.next().await
                }
            };

            match happening {
                Happening::Signal(exit) => break RunFate::Quit(exit),
                Happening::Key('q') => break RunFate::Quit(Exit::Ok),
                Happening::Key('r') => {
                    break RunFate::Replaced(RoundKind::Reuse, Cause::asked("run again"));
                }
                Happening::Key('a') => {
                    self.reuse.replies().clear();
                    break RunFate::Replaced(RoundKind::Reuse, Cause::asked("repeating all calls"));
                }
                Happening::Key(_) => {}
                Happening::Changed(next) => {
                    let is_echo = self.is_data_only(&next);
                    let next = Cause { is_echo, ..next };
                    // What changes again is told at the end of the run.
                    let is_told_later = is_echo && cause.is_echo;
                    if !is_told_later
                        && self.is_replaced_by(open, program, &next, stopped.is_some())
                    {
                        break RunFate::Replaced(RoundKind::Reuse, next);
                    }
                }
            }

            if let Some(result) = stopped {
                return RunFate::Done(Box::new(result));
            }
        };

        // What is under way continues, for the next run.
        if matches!(left, RunFate::Replaced(..)) {
            self.reuse.hand_over();
        }

        drop(running);
        open.host.end();
        left
    }

    /// Decides what a save means for the run under way, or for one that had to stop for it.
    fn is_replaced_by(
        &self,
        open: &OpenJob,
        program: &Program,
        cause: &Cause,
        is_stopped: bool,
    ) -> bool {
        let say = |text: &str| open.progress.borrow().say(text);
        let Ok(text) = file::read_text(&self.given.script) else { return false };

        if text.trim().is_empty() {
            return false;
        }

        match open.host.compile(&text) {
            Err(ScriptError::Refused(faults)) => {
                for fault in &faults {
                    say(&diagnostic::render(fault, self.global.color));
                }

                if !is_stopped {
                    say("the current run continues");
                }
                false
            }
            Err(_) => false,
            Ok(newer) if program.is_hot() => {
                open.host.renew(&newer);
                say(&format!("{}; `hot` calls the new version", cause.text));
                false
            }
            Ok(_) => true,
        }
    }

    /// Shows the faults of a script that is not run, unless it is saved again at once.
    async fn refused(
        &self,
        events: &mut EventSource,
        faults: &[Diagnostic],
        cause: &Cause,
    ) -> AfterRound {
        if cause.saved_at.is_some() {
            match tokio::time::timeout(GRACE, events.next()).await {
                Ok(Happening::Changed(cause)) => return AfterRound::Again(RoundKind::Reuse, cause),
                Ok(Happening::Signal(exit)) => return AfterRound::Quit(exit),
                Ok(Happening::Key('q')) => return AfterRound::Quit(Exit::Ok),
                Ok(Happening::Key(_)) | Err(_) => {}
            }
            self.rule(&cause.text);
        }

        for fault in faults {
            say(&diagnostic::render(fault, self.global.color));
        }

        let kept = if self.outcomes.last.is_some() { "kept the last result, " } else { "" };
        self.tell(&format!("not run: {kept}spent nothing"));
        AfterRound::Ended
    }

    /// Takes in what a run has given, and shows what differs from the run before.
    fn conclude(&mut self, snapshot: RunSummary, how: RoundKind, cause: &Cause) -> AfterRound {
        self.experience.learn(&snapshot.events);
        self.waiting.clone_from(&snapshot.waiting);

        match how {
            RoundKind::Reuse => {
                self.outcomes.take(snapshot, cause.saved_at.is_some());
                show_changes(self, false);
            }
            RoundKind::Sample { left } => {
                let sample = self.outcomes.sample(&snapshot);
                self.tell(&format!("sample: {sample}"));
                if left > 1 {
                    let how = RoundKind::Sample { left: left - 1 };
                    return AfterRound::Again(how, Cause::asked("another sample"));
                }
                self.outcomes.tell_samples(self);
            }
        }

        if self.has_keys {
            self.tell(keys::line(table::terminal_width()));
        }

        AfterRound::Ended
    }

    pub(super) fn job(&self, how: RoundKind) -> ScriptJob<'_> {
        let (seed, reuse) = match how {
            RoundKind::Reuse => (self.seed, self.reuse.clone()),
            RoundKind::Sample { left } => {
                (self.seed.wrapping_add(u64::from(left)), Rc::new(Reuse::default()))
            }
        };

        ScriptJob {
            global: self.global,
            project: &self.project,
            script: self.given.script.as_path(),
            params: self.params.clone(),
            seed,
            models: self.models.clone(),
            writer: self.writer.clone(),
            reuse: Some(reuse),
            state: self.state.clone(),
            resumes: None,
            takes_over: None,
            again: None,
            may_ask: false,
            may_suspend: true,
        }
    }

    /// Says why a run begins.
    fn announce(&self, cause: &Cause, began: Duration) {
        let checked = clock::monotonic().saturating_sub(began).as_millis();
        self.rule(&format!("{} ── check ok {checked} ms", cause.text));
    }

    /// Draws a line with the time and a text between one run and the next.
    pub(super) fn rule(&self, text: &str) {
        let now = crate::cli::render::time::clock();
        if self.global.stderr_is_terminal {
            let whole = format!("── {now}  {text} ──");
            let fits = terminal::narrowest().is_none_or(|width| whole.chars().count() <= width);
            self.tell(if fits { &whole } else { whole.trim_end_matches(" ──") });
        } else {
            self.tell(&format!("watch time={now} {text}"));
        }
    }
}
