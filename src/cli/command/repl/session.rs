//! A session: takes inputs one after the other and shows what they give.

use crate::base::failure::Kind;
use crate::base::unit::Money;
use crate::base::visible::{painted, shown_path};
use crate::base::{clock, file};
use crate::cli::app::exit::Exit;
use crate::cli::app::exit::{exit_of_cause, exit_of_failure};
use crate::cli::app::job::interrupt_on_closed_pipe;
use crate::cli::app::project::Project;
use crate::cli::app::signal::Signals;
use crate::cli::command::doc;
use crate::cli::command::repl::complete::PromptState;
use crate::cli::command::repl::highlight::DIM;
use crate::cli::command::repl::stage::Stage;
use crate::cli::render::value::{self, Room};
use crate::cli::render::{diagnostic, time};
use crate::cli::{Global, print_data, print_line, say};
use crate::executor::Executor;
use crate::journal::event::{Event, RunKind, RunStatus};
use crate::journal::history;
use crate::metrics::Metrics;
use crate::model::registry::Models;
use crate::script::ScriptError;
use crate::script::api::WordEntry;
use crate::script::dialogue::display::DisplayValue;
use crate::script::dialogue::{Dialogue, InputResult};
use crate::script::reference::completion;
use crate::script::reference::completion::Word;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most runs that completion knows.
const RUNS_MAX: usize = 20;
/// What people type who want to leave.
const LEAVE: &[&str] = &["exit", "quit", "exit()", "quit()"];
/// An input that takes longer says how long it took.
const SLOW: Duration = Duration::from_secs(1);

/// What people ask for commands without a colon.
const HELP: &str = "help";

/// How an input was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputEnd {
    Well,
    Wrong,
    /// It failed, for a reason that has an exit code of its own.
    Failed(Exit),
    /// The session is over.
    End(Exit),
}

/// An input that worked, for `:save`.
#[derive(Debug, Clone)]
pub(super) struct SavedInput {
    pub(super) text: String,
    /// Whether it gave a value, which `_` then stood for.
    pub(super) gave: bool,
    /// The variable that holds that value.
    pub(super) defined: Option<String>,
}

/// A file whose functions are loaded.
#[derive(Debug, Clone)]
pub(super) struct LoadedFile {
    pub(super) path: PathBuf,
    /// The text as it was looked at last.
    text: String,
    pub(super) is_script: bool,
}

/// A session.
pub(super) struct ReplSession<'a> {
    pub(super) global: &'a Global,
    pub(super) project: Project,
    pub(super) dialogue: Dialogue,
    pub(super) executor: Rc<Executor>,
    pub(super) models: Rc<Models>,
    pub(super) reference: Vec<WordEntry>,
    pub(super) worked: Vec<SavedInput>,
    pub(super) files: Vec<LoadedFile>,
    pub(super) seed: u64,
    /// What the journal says that ran.
    pub(super) name: String,
    signals: Signals,
    stage: Rc<Stage>,
    words: Vec<Word>,
    known: Arc<Mutex<PromptState>>,
    params: Map<String, Value>,
    is_terminal: bool,
    is_journaled: bool,
}

impl<'a> ReplSession<'a> {
    pub(super) fn new(
        global: &'a Global,
        project: Project,
        dialogue: Dialogue,
        executor: Rc<Executor>,
        models: Rc<Models>,
        signals: Signals,
        stage: Rc<Stage>,
    ) -> ReplSession<'a> {
        let reference = dialogue.reference();
        let mut words = completion::words(&reference);
        words.extend(dialogue.standard_words(&reference));

        ReplSession {
            global,
            project,
            dialogue,
            executor,
            models,
            reference,
            worked: Vec::new(),
            files: Vec::new(),
            seed: 0,
            name: "repl".to_owned(),
            signals,
            stage,
            words,
            known: Arc::default(),
            params: Map::new(),
            is_terminal: false,
            is_journaled: false,
        }
    }

    /// Says what the session is about.
    pub(super) fn describe(
        &mut self,
        script: Option<&Path>,
        params: Map<String, Value>,
        seed: u64,
        is_terminal: bool,
    ) {
        if let Some(script) = script {
            self.name = script.display().to_string();
        }
        (self.params, self.seed, self.is_terminal) = (params, seed, is_terminal);
    }

    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(super) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(super) fn models(&self) -> &Models {
        &self.models
    }

    pub(super) fn global(&self) -> &Global {
        self.global
    }

    pub(super) fn known(&self) -> Arc<Mutex<PromptState>> {
        self.known.clone()
    }

    /// Says where one is.
    pub(super) fn greet(&self) {
        if self.global.quiet {
            return;
        }

        let project = self.project.root.file_name().map(|name| name.to_string_lossy().into_owned());
        let model = match self.models.default_model() {
            Ok((model, _)) => model.label,
            Err(error) => error.to_string(),
        };

        let project = project.map_or(String::new(), |name| format!(" · project {name}"));
        let version = env!("CARGO_PKG_VERSION");
        say(&format!("kaizen {version}{project} · model {model} · :help"));
    }

    /// Tells the editor what is known now.
    pub(super) fn publish(&self) {
        let mut words = self.words.clone();
        words.extend(self.dialogue.own_words());

        let mut models: Vec<String> = self.models.aliases().map(|(name, _)| name.into()).collect();
        models.push("demo/echo".to_owned());

        let mut runs = vec!["@".to_owned(), "@fail".to_owned()];
        // Completion without runs is better than none.
        if let Ok(Some(store)) = self.project.existing_store()
            && let Ok(rows) = history::runs(&store, RUNS_MAX)
        {
            runs.extend(rows.into_iter().map(|row| row.id.to_string()));
        }

        let settings = self.project.config.all().map(|(key, _, _)| key.to_owned()).collect();
        let variables = self.dialogue.variables();
        let now = PromptState { variables, words, models, runs, settings };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Forgets an earlier Ctrl-C.
    pub(super) fn renew(&self) {
        self.dialogue.renew(self.signals.renew());
    }

    /// Goes on with what earlier inputs have left running, until this is dropped.
    pub(super) async fn idle(&self) {
        self.dialogue.idle().await;
    }

    /// Takes an input: a command, or code.
    pub(super) async fn take(&mut self, text: &str) -> anyhow::Result<InputEnd> {
        self.reload_changed();

        match text.trim().strip_prefix(':') {
            Some(command) => self.command(command).await,
            None if text.trim().is_empty() => Ok(InputEnd::Well),
            None if self.is_terminal && LEAVE.contains(&text.trim()) => Ok(InputEnd::End(Exit::Ok)),
            None => match self.question(text.trim()) {
                Some(command) => self.command(&command).await,
                None => Ok(self.evaluate(text).await?.0),
            },
        }
    }

    /// Returns the command that is meant by a question which is no code: `help`, `?branch`.
    fn question(&self, text: &str) -> Option<String> {
        let is_word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        };
        if text == HELP || text == "?" {
            let is_own = self.dialogue.variables().iter().any(|own| own.name == text);
            return (!is_own).then(|| HELP.to_owned());
        }

        let named = text.strip_prefix("help ").or_else(|| text.strip_prefix('?'));
        let named = named.or_else(|| text.strip_suffix('?'))?.trim();
        is_word(named).then(|| format!("doc {named}"))
    }

    /// Evaluates code and shows its value, and tells how long it took.
    pub(super) async fn evaluate(&mut self, text: &str) -> anyhow::Result<(InputEnd, Duration)> {
        self.launch()?;
        self.renew();

        let before = self.executor.metrics();
        let began = clock::monotonic();
        self.stage.begin();

        let result = tokio::select! {
            result = self.dialogue.eval(text) => Some(result),
            _ = self.signals.caught() => None,
        };

        self.stage.end();
        self.warn();
        let time = clock::monotonic().saturating_sub(began);

        let took = match result {
            Some(Ok(answer)) => {
                self.show(&answer);
                let gave = answer.value != DisplayValue::Nothing;
                let defined = answer.defined;
                self.worked.push(SavedInput { text: text.to_owned(), gave, defined });
                InputEnd::Well
            }
            Some(Err(error)) if !is_interrupted(&error) => self.fail(error)?,
            Some(Err(_)) | None => self.interrupted(),
        };

        self.tell_cost(&before, time);
        Ok((took, time))
    }

    /// Tells what seemed wrong with what was taken in.
    pub(super) fn warn(&mut self) {
        for warning in self.dialogue.take_warnings() {
            if !self.global.quiet {
                say(&diagnostic::render(&warning, self.global.color));
            }
        }
    }

    pub(super) fn interrupted(&self) -> InputEnd {
        match self.signals.seen() {
            Some(Exit::Interrupted) | None if self.is_terminal => {
                say("interrupted; variables are kept");
                self.renew();
                InputEnd::Wrong
            }
            seen => InputEnd::End(seen.unwrap_or(Exit::Interrupted)),
        }
    }

    fn show(&self, answer: &InputResult) {
        if self.global.json {
            if answer.defined.is_none() && answer.value != DisplayValue::Nothing {
                print_data(json!({ "type": "value", "value": to_json(&answer.value) }));
            }
            return;
        }

        match &answer.defined {
            None => {
                if let Some(text) = value::whole(&answer.value, self.room()) {
                    print_line(&text);
                }
            }
            Some(_) if self.is_terminal && !self.global.quiet => {
                let line = value::short(&answer.value);

                if line != "()" {
                    self.whisper(&line);
                }
            }
            Some(_) => {}
        }
    }

    /// Returns the room for a value: a screen where there is one.
    pub(super) fn room(&self) -> Room {
        let height = terminal_size::terminal_size_of(std::io::stdout());
        let height = height.map(|(_, height)| usize::from(height.0));
        Room { width: doc::width(), height: height.filter(|_| self.is_terminal) }
    }

    /// Says something that is of less weight.
    pub(super) fn whisper(&self, text: &str) {
        if !self.global.quiet {
            say(&if self.global.color { painted(text, DIM) } else { text.to_owned() });
        }
    }

    fn fail(&self, error: ScriptError) -> anyhow::Result<InputEnd> {
        let (faults, exit) = match error {
            ScriptError::Refused(faults) => (faults, Exit::Refused),
            ScriptError::Failed(both) => {
                let exit = exit_of_failure(&both.0, &self.executor);
                (vec![both.1], exit)
            }
            ScriptError::Store(error) => return Err(error.into()),
            ScriptError::Suspended(_) => anyhow::bail!("a session was suspended"),
        };

        for fault in &faults {
            if self.global.json {
                let line = json!({
                    "type": "error", "message": fault.message, "place": fault.place,
                    "help": fault.help,
                });

                print_data(line);
            }
            say(&diagnostic::render(fault, self.global.color));
        }

        Ok(InputEnd::Failed(exit))
    }

    /// Returns how a session ends whose inputs all worked: like a run, it fails by what did not complete
    /// although it had to.
    pub(super) fn exit(&self) -> Exit {
        if self.executor.unforgiven() == 0 { Exit::Ok } else { exit_of_cause(&self.executor) }
    }

    /// Says what the calls of an input took and cost.
    fn tell_cost(&self, before: &Metrics, time: Duration) {
        let now = self.executor.metrics();
        let calls = now.calls - before.calls;
        let is_slow = time >= SLOW;

        if !self.is_terminal || self.global.json || calls == 0 && !is_slow {
            return;
        }

        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let mut parts = vec![time::length(micros)];

        // The time of all operations, one after another, by the time that has passed.
        let gained = (now.op_time - before.op_time) / time.as_secs_f64().max(1e-6);
        if calls > 1 {
            let lost = |metrics: &Metrics| metrics.due() - metrics.completed;
            let is_whole = lost(&now) == lost(before);
            parts[0].push_str(&if gained >= 1.2 && is_whole {
                format!(" ({gained:.1}x faster than one after another)")
            } else {
                String::new()
            });
            parts.push(format!("{calls} calls"));
        }

        if calls > 0 {
            let input = now.usage.input() - before.usage.input();
            let output = now.usage.output() - before.usage.output();
            let has_tokens = now.usage_unknown == before.usage_unknown;

            let tokens = format!("{input}/{output} tokens");
            parts.push(if has_tokens { tokens } else { "tokens unknown".to_owned() });

            let is_known = now.cost_unknown == before.cost_unknown;
            let dollars = now.cost.dollars() - before.cost.dollars();
            let cost = Money::from_dollars(dollars).unwrap_or_default();
            parts.push(if is_known { cost.to_string() } else { "cost unknown".to_owned() });

            parts.push(format!("session {}", now.cost_text()));
        }

        self.whisper(&format!("  {}", parts.join(" · ")));
    }

    /// Loads the functions of the script that the session is about; tells whether it is sound.
    pub(super) fn load_script(&mut self, path: &Path) -> bool {
        self.files.push(LoadedFile { path: path.to_owned(), text: String::new(), is_script: true });
        self.reload(0)
    }

    /// Loads the functions of a file; tells whether it is sound.
    pub(super) fn load_file(&mut self, path: &Path) -> bool {
        let known = self.files.iter().position(|loaded| loaded.path == path);
        let index = known.unwrap_or(self.files.len());
        if known.is_none() {
            let path = path.to_owned();
            let text = String::new();
            self.files.push(LoadedFile { path, text, is_script: false });
        }

        let is_sound = self.reload(index);
        if !is_sound && known.is_none() {
            self.files.pop();
        }

        is_sound
    }

    /// Reloads the files that have changed since they were looked at.
    pub(super) fn reload_changed(&mut self) {
        for index in 0..self.files.len() {
            let file = &self.files[index];
            // A file that is just being replaced is there again at the next look.
            let Ok(text) = file::read_text(&file.path) else { continue };

            if text != file.text {
                let path = file.path.display().to_string();
                if self.reload(index) {
                    self.whisper(&format!("`{path}` has changed; its functions are reloaded"));
                } else {
                    self.whisper(&format!("`{path}` has changed; the previous functions are kept"));
                }
            }
        }
    }

    /// Reloads a file and says what is wrong with it.
    pub(super) fn reload(&mut self, index: usize) -> bool {
        let file = &mut self.files[index];
        let text = match file::read_text(&file.path) {
            Ok(text) => text,
            Err(error) => {
                say(&format!("error: cannot read `{}`: {error}", shown_path(&file.path)));
                return false;
            }
        };

        // What was read counts as seen, even if it is refused: its faults are told once.
        file.text.clone_from(&text);
        let result = if file.is_script {
            self.dialogue.load_script(&text, &file.path)
        } else {
            self.dialogue.load(&text, &file.path)
        };

        match result {
            Ok(()) => true,
            Err(ScriptError::Refused(faults)) => {
                for fault in &faults {
                    say(&diagnostic::render(fault, self.global.color));
                }
                false
            }
            Err(other) => {
                say(&format!("error: {other:?}"));
                false
            }
        }
    }

    /// Journals the start of the session, once something happens.
    fn launch(&mut self) -> anyhow::Result<()> {
        if !self.is_journaled {
            self.is_journaled = true;
            self.executor.note(&Event::RunStarted {
                script: self.name.clone(),
                params: self.params.clone(),
                seed: self.seed,
                program: env!("CARGO_PKG_VERSION").to_owned(),
                resumes: None,
                what: Some(RunKind::Session),
                reuse: false,
                terms: Box::default(),
            })?;
            interrupt_on_closed_pipe(&self.executor);
        }

        Ok(())
    }

    /// Ends the session.
    pub(super) async fn close(self, exit: Exit) -> anyhow::Result<Exit> {
        self.dialogue.end();
        if self.is_journaled {
            let status = match exit {
                Exit::Ok => RunStatus::Ok,
                Exit::Interrupted | Exit::Terminated | Exit::HungUp | Exit::Quit => {
                    RunStatus::Interrupted
                }
                Exit::Failed
                | Exit::Usage
                | Exit::Refused
                | Exit::Budget
                | Exit::Provider
                | Exit::Permission
                | Exit::Diverged
                | Exit::Store
                | Exit::Waiting => RunStatus::Failed,
            };

            self.executor.commit(&Event::ended(status)).await?;
        }

        Ok(exit)
    }
}

fn is_interrupted(error: &ScriptError) -> bool {
    matches!(error, ScriptError::Failed(both) if both.0.kind == Kind::Interrupted)
}

fn to_json(shown: &DisplayValue) -> Value {
    match shown {
        DisplayValue::Nothing => Value::Null,
        DisplayValue::Text(text) => text.clone().into(),
        DisplayValue::Data(value) => value.clone(),
        DisplayValue::Report(report) => report.clone().into(),
        DisplayValue::Branch { .. } | DisplayValue::Other(_) => value::short(shown).into(),
    }
}
